"""Who stays, in expectation: linear rows that hold for every policy, through the concave hull of survival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.closed_forms import best_floor, survival
from allocator.dynamics.mechanisms import Newcomers, Starvation
from allocator.dynamics.view import View
from allocator.rules.constraint import Constraint, Violation
from allocator.rules.rows import Rows
from allocator.rules.rule import Marginals
from allocator.rules.totals import Totals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TOUCHES = (1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Where tangents touch the curve of survival, over the point from which on it is its own hull."""


@dataclass(frozen=True, eq=False)
class Leavers:
    """Anchors who leave if they get too little, k of them.

    Attributes
    ----------
    anchors : (k,) positions
    offset, slope : (H, k, M)
        Who is there in a period is still there after it with a probability of at most offset + slope x average, for
        each of M lines.
    fresh : (H, k)
        The part of the average of past impressions that those of a period replace.
    average : (k,)
        At the start.
    """

    anchors: IntArray
    offset: FloatArray
    slope: FloatArray
    fresh: FloatArray
    average: FloatArray


def leavers(view: View, periods: int) -> list[Leavers]:
    """Those of every mechanism that lets anchors go, if there are any."""
    found = []
    for mechanism in view.world.mechanisms:
        if isinstance(mechanism, Newcomers):
            found.append(_newcomers(mechanism, view, periods))
        if isinstance(mechanism, Starvation) and mechanism.viable > 0:
            found.append(_starving(mechanism, view, periods))
    return [_nobody_returns(those) for those in found if those.anchors.size]


def _who(view: View, may: Any) -> IntArray:
    """Those of some (A,) who are there and whom a segment watches."""
    return np.flatnonzero(may & view.present & (view.world.platform.anchor_degree > 0))


def _nobody_returns(those: Leavers) -> Leavers:
    """With a line more: nobody is there with a larger probability than before."""
    beside = np.ones((*those.offset.shape[:2], 1))
    offset, slope = (np.concatenate(pair, axis=2) for pair in ((those.offset, beside), (those.slope, 0.0 * beside)))
    return replace(those, offset=offset, slope=slope)


def _newcomers(mechanism: Newcomers, view: View, periods: int) -> Leavers:
    """Tangents of the hull of S: the line from (0, S(0)) that touches S at x*, then S itself, which is concave from
    there on.
    """
    state = view.state
    who = _who(view, (state["newcomer"] > 0) & (mechanism.hazard > 0))
    curve = {"hazard": mechanism.hazard, "power": mechanism.power, "months": 1.0 / mechanism.month}
    concave = mechanism.power <= 1.0 or (mechanism.hazard == 1.0 and mechanism.power <= mechanism.month)
    star = 0.1 if concave or mechanism.hazard == 0.0 else best_floor(**curve)
    touch = star * np.array(TOUCHES)
    level, step = survival(touch, **curve), 1e-6 * touch
    slope = (survival(touch + step, **curve) - survival(touch - step, **curve)) / (2.0 * step)
    if not concave:
        slope[0] = (level[0] - survival(0.0, **curve)) / star
    offset = np.maximum(level - slope * touch, survival(0.0, **curve)) * (1.0 + 1e-9)
    per_impression = state["wage"][who] / float(state["lives_on"])
    age = state["age"][who] + np.arange(periods)[:, None]
    new = (age < mechanism.probation) | (np.arange(periods) == 0)[:, None]
    return Leavers(
        who,
        np.where(new[:, :, None], offset, 1.0),
        np.where(new[:, :, None], slope * per_impression[:, None], 0.0),
        1.0 / np.minimum(age + 1.0, mechanism.memory),
        np.asarray(state["average"][who]),
    )


def _starving(mechanism: Starvation, view: View, periods: int) -> Leavers:
    """Whether an anchor has what it lives on is at most what it has over that."""
    who = _who(view, view.world.anchors_where(mechanism.where))
    shape = (periods, who.size, 1)
    return Leavers(who, np.zeros(shape), np.full(shape, 1.0 / mechanism.viable), np.ones(shape[:2]), np.zeros(who.size))


@dataclass(frozen=True, eq=False)
class Staying(Constraint):
    """Expected traffic of anchors who may have left, on a platform unrolled in time: x_e <= b_e P for their edges.

    P_t is the probability that an anchor is there in period t, a_t the expectation of its average of impressions,
    zero where it is not. Derived here: an anchor gets traffic only while it is there, so that the expectation of x_e is
    at most b_e P_t; a_t <= (1 - n_t) a_{t-1} + n_t y_t; and as survival is at most offset + slope average whatever the
    average, P_{t+1} <= offset P_t + slope a_t, by taking expectations. The expected traffic of every policy keeps these
    rows, so that what is best under them is a bound on what a policy can expect.

    Rows C x + D z <= u in variables z = (P, a) of its own, 0 <= z <= most, with multipliers mu >= 0, one per row, and
    marginals -mu C. Conjugate: mu C x <= mu u - mu D z <= mu u + sum most max(0, -mu D).
    """

    those: Leavers
    edges: IntArray
    period: IntArray
    one: IntArray
    of: str = field(default="exposure", init=False, repr=False)

    @property
    def name(self) -> str:
        return "Staying"

    @property
    def shape(self) -> tuple[int, ...]:
        return self._bounds.shape

    @property
    def auxiliaries(self) -> int:
        return self._most.size

    @cached_property
    def _supply(self) -> FloatArray:
        """Of the segments of its edges."""
        return self.platform.supply[self.platform.segment[self.edges]]

    @cached_property
    def _later(self) -> IntArray:
        """Its edges of periods in which anchors may be gone."""
        return np.flatnonzero(self.period > 0)

    @cached_property
    def _steps(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lines and renewal from each period but the last to the next: (T, k, M) twice, (T, k)."""
        last = self.those.offset.shape[0] - 1
        return self.those.offset[:last], self.those.slope[:last], self.those.fresh[:last]

    @cached_property
    def _matrices(self) -> tuple[Any, Any]:
        """C and D: rows of edges, of averages, of lines."""
        offset, slope, fresh = self._steps
        (T, k), later = fresh.shape, self._later
        means = T * k + np.arange(T * k).reshape(T, k)  # behind the T k probabilities
        there = means - T * k
        lines = np.arange(offset.size).reshape(offset.shape)
        early = np.flatnonzero(self.period < T)
        at = self.period[early], self.one[early]
        own = (later.size + T * k + offset.size, 2 * T * k)
        use = _entries(np.arange(later.size), self.edges[later], 1.0, (later.size, self.platform.edge_count))
        brings = _entries(there[at], self.edges[early], -fresh[at], (T * k, self.platform.edge_count))
        rest = _entries([], [], 0.0, (offset.size, self.platform.edge_count))
        held = there[self.period[later] - 1, self.one[later]]
        mean, line = later.size + there, later.size + T * k + lines
        D = _entries(np.arange(later.size), held, -self._supply[later], own)
        D += _entries(mean, means, 1.0, own) - _entries(mean[1:], means[:-1], 1.0 - fresh[1:], own)
        D += _entries(line, there[:, :, None], 1.0, own) - _entries(line, means[:, :, None], slope, own)
        D -= _entries(line[1:], there[:-1, :, None], offset[1:], own)
        from scipy.sparse import vstack

        return vstack([use, brings, rest], format="csr"), D

    @cached_property
    def _bounds(self) -> FloatArray:
        """u, (K,)."""
        offset, _, fresh = self._steps
        means, lines = np.zeros(fresh.shape), np.zeros(offset.shape)
        means[:1], lines[:1] = (1.0 - fresh[:1]) * self.those.average, offset[:1]
        return np.concatenate((np.zeros(self._later.size), means.ravel(), lines.ravel()))

    @cached_property
    def _most(self) -> FloatArray:
        """The largest that z can be, (n,)."""
        fresh = self._steps[2]
        reach = np.zeros(self.those.fresh.shape)
        np.add.at(reach, (self.period, self.one), self._supply)
        highest = np.maximum(reach.max(axis=0), self.those.average)
        return np.concatenate((np.ones(fresh.size), np.broadcast_to(highest, fresh.shape).ravel()))

    def presence(self, totals: Totals) -> FloatArray:
        """The largest P that the flow allows, (H, k)."""
        offset, slope, fresh = self._steps
        amounts = np.zeros(self.those.fresh.shape)
        np.add.at(amounts, (self.period, self.one), totals.flow[self.edges])
        there, mean = np.ones(amounts.shape), self.those.average
        for t in range(fresh.shape[0]):
            mean = (1.0 - fresh[t]) * mean + fresh[t] * amounts[t]
            there[t + 1] = (offset[t] * there[t][:, None] + slope[t] * mean[:, None]).min(axis=1)
        return there

    def _room(self, totals: Totals) -> FloatArray:
        """b P - x of its edges."""
        return self._supply * self.presence(totals)[self.period, self.one] - totals.flow[self.edges]

    def _relative_room(self, totals: Totals) -> FloatArray:
        """The same over b, none where that is none."""
        return np.divide(self._room(totals), self._supply, out=np.zeros(self._supply.size), where=self._supply > 0)

    def _limited(self, multipliers: FloatArray) -> FloatArray:
        return np.maximum(multipliers, 0.0)

    def marginals(self, multipliers: FloatArray) -> Marginals:
        return {"edges": -(self._matrices[0].T @ self._limited(multipliers))}

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        mu = self._limited(multipliers)
        return np.concatenate((mu * self._bounds, self._most * np.maximum(-(self._matrices[1].T @ mu), 0.0)))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """None that raw marginals could tell."""
        return self.idle()

    def from_duals(self, duals: FloatArray, rows: Rows) -> FloatArray:
        return self._limited(duals)

    @property
    def rows(self) -> Rows:
        C, D = self._matrices
        return Rows({"edges": C}, np.full(self._bounds.size, -np.inf), self._bounds, D)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp
        from scipy.sparse import csr_array

        C, D = self._matrices
        of_flow, of_own = csr_array(C * totals.unit("edges")[None, :]), csr_array(D * self._most[None, :])
        unit = np.maximum(abs(of_flow).max(axis=1).toarray().ravel(), abs(of_own).max(axis=1).toarray().ravel())
        per_unit = np.divide(1.0, unit, out=np.zeros_like(unit), where=unit > 0)[:, None]
        own = cp.Variable(self._most.size, nonneg=True)
        used = csr_array(of_flow * per_unit) @ totals.of("edges") + csr_array(of_own * per_unit) @ own
        return 0, [used <= self._bounds * per_unit[:, 0]]

    def excess(self, totals: Totals) -> FloatArray:
        over = np.zeros(self.shape)
        over[: self._later.size] = np.maximum(-self._room(totals)[self._later], 0.0)
        return over

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        """Of the edge with the least."""
        return self._relative_room(totals).min(keepdims=True)

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        return {}

    def violation(self, totals: Totals) -> Violation:
        room = self._relative_room(totals)
        worst = int(np.argmin(room))
        where = f"anchor {self.platform.anchors['id'][self.platform.anchor[self.edges[worst]]]}"
        return Violation(float(-room[worst] * self._supply[worst]), max(0.0, float(-room[worst])), where)


def _entries(row: Any, column: Any, value: Any, shape: tuple[int, int]) -> Any:
    """A sparse matrix of entries, whose arrays are broadcast to one shape."""
    from scipy.sparse import csr_array

    row, column, value = (part.ravel() for part in np.broadcast_arrays(row, column, value))
    return csr_array((value.astype(np.float64), (row.astype(np.int64), column.astype(np.int64))), shape=shape)
