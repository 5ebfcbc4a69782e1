"""Welfare that weighs anchors by rank: generalised Gini functions, the Gini welfare and the mean of the worst share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import positive
from allocator.rules.nearest import Nearest
from allocator.rules.permutahedron import by_rank, pooled, projected
from allocator.rules.rows import Rows
from allocator.rules.tangents import amounts
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
LARGEST_EPIGRAPH = 400_000
"""Pairs of ranks and anchors beyond which a linear model of all of them is not written down."""
FEW_PAIRS, MOST_PAIRS, WINDOW = 2_000, 30_000_000, 3
"""Pairs of ranks and anchors up to which all are always written down, from which on none are, and in between how near a
rank an anchor must be.
"""
PLAIN = 1e-6
"""Sum of weights, relative to their size, from which on marginals tell their own weight."""


@dataclass(frozen=True, eq=False)
class Support(Welfare):
    """The smallest pi . y over a convex set of marginals pi, which are its multipliers and have a conjugate of 0.

    Of other marginals p the nearest such pi gives the estimate sum R_j max(0, pi_j - p_j) (derived here: F - p.y <=
    (pi - p).y).
    """

    @abstractmethod
    def _pi(self, p: FloatArray) -> FloatArray:
        """The nearest admissible marginals (n,) of the active anchors."""

    def size(self, totals: Totals) -> float:
        return float(np.abs(self.value(totals)).sum())

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        pi, p = self._pi(multipliers), multipliers[self.active]
        reach = self.reach[self.active]
        # The last two cancel: they make the rounding allowance count the projection, which rounds too.
        size = float((np.abs(pi) * reach).sum())
        return np.concatenate((reach * np.maximum(0.0, pi - p), [size, -size]))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        return self.to_all(self._pi(marginals[self.of]))


@dataclass(frozen=True, eq=False)
class Ranked(Support):
    """sum_k w_k z_(k) over anchors with positive reach, z = y / m sorted upwards, falling weights w.

    It is the smallest theta . z over the permutahedron of w (Weymark 1981; rearrangement inequality), so multipliers
    are marginals theta / m with theta in it.
    """

    merit: Any = field(default=None, kw_only=True)

    def bind(self, platform: Platform) -> Self:
        return replace(super().bind(platform), merit=positive(platform, self.merit, "merits"))

    @abstractmethod
    def rank_weights(self, n: int) -> FloatArray:
        """w (n,), falling."""

    @cached_property
    def m(self) -> FloatArray:
        return self.merit[self.active]

    @cached_property
    def w(self) -> FloatArray:
        """Weights of the ranks, times the weight of the term."""
        return self.weight * self.rank_weights(self.active.size)

    def weight_of(self, raw: FloatArray) -> float | None:
        """The weight whose marginals these are: all points of a permutahedron have the sum of its weights."""
        if abs(self.w.sum()) <= PLAIN * np.abs(self.w).sum():
            return None
        return max(0.0, float((raw[self.active] * self.m).sum() / self.w.sum()))

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map in z (n,): `allocator.rules.permutahedron.pooled` of logarithms (derived here: equal amounts
        z of a pool have sum (w_k - x_k) = sum ln(z / centre_k) / step, so ln z is the mean of q_k + step w_k).
        """
        found = pooled(q, step * self.w)
        return Nearest.in_logs(found.amounts, q, found.mean, 1.0 / found.count[found.pool], found.pool)

    def worth(self, z: FloatArray) -> float:
        """The term at z (n,)."""
        return float((self.w * np.sort(z)).sum())

    def value(self, totals: Totals) -> FloatArray:
        return self.w * np.sort(totals.of(self.of)[self.active] / self.m)

    def level(self, totals: Totals) -> float:
        return float(self.value(totals).sum() / (self.w.sum() or 1.0))

    def _pi(self, p: FloatArray) -> FloatArray:
        return projected(p[self.active] * self.m, self.w) / self.m

    def supergradient(self, totals: Totals) -> FloatArray:
        return self.to_all(by_rank(totals.of(self.of)[self.active] / self.m, self.w) / self.m)

    def at(self, anchor: int, multipliers: FloatArray, totals: Totals) -> dict[str, Any]:
        """``rank``: how many stand worse, and one; ``ranked``: of how many."""
        z = totals.of(self.of)[self.active] / self.m
        mine = np.searchsorted(self.active, anchor)
        if not (mine < self.active.size and self.active[mine] == anchor):
            return {}
        return {"rank": int((z < z[mine]).sum()) + 1, "ranked": self.active.size}

    @property
    def steps(self) -> FloatArray:
        """By how much the weight falls after each rank (n,), the last weight at the end."""
        return np.append(self.w[:-1] - self.w[1:], self.w[-1:])

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        if not self.active.size:
            return 0, []
        unit = totals.unit(self.of)[self.active] / self.m
        typical = float(np.exp(np.log(unit).mean()))
        z = cp.multiply(unit / typical, totals.of(self.of)[self.active])
        scale, steps = typical / totals.currency, self.steps
        term = scale * float(steps[-1]) * cp.sum(z)
        for k in np.flatnonzero(steps[:-1] > 0):
            term += scale * float(steps[k]) * cp.sum_smallest(z, int(k) + 1)
        return term, []

    @property
    def falls(self) -> NDArray[np.int64]:
        """Ranks, from 0, after which the weight falls."""
        return np.flatnonzero(self.steps[:-1] > 0)

    @property
    def auxiliaries(self) -> int:
        return self.active.size * self.falls.size

    @property
    def curved(self) -> bool:
        return self.auxiliaries > FEW_PAIRS

    @property
    def rows(self) -> Rows | None:
        n, ranks = self.active.size, self.falls.size
        if self.auxiliaries > LARGEST_EPIGRAPH:
            return None
        return self._epigraph(np.ones((ranks, n), bool), np.zeros((ranks, n), bool))

    def tangents(self, near: Sequence[Totals]) -> Rows | None:
        """The rows of all ranks and anchors or, where those are many, of the anchors whose rank is near or changes.

        An anchor that stands well below a rank at all totals near is taken to have t - z there, one well above to have
        nothing: neither is more than max(0, t - z).
        """
        if not self.curved:
            return self.rows
        if self.auxiliaries > MOST_PAIRS:
            return None
        z = amounts(near, self.of, self.active) / self.m
        rank = np.argsort(np.argsort(z, axis=1, kind="stable"), axis=1)
        first, last = rank.min(axis=0), rank.max(axis=0)
        below = last[None, :] < self.falls[:, None] - WINDOW
        above = first[None, :] > self.falls[:, None] + WINDOW
        return self._epigraph(~(below | above), below)

    def _epigraph(self, open_: NDArray[np.bool_], below: NDArray[np.bool_]) -> Rows:
        """The sum of the k smallest is max_t k t - sum max(0, t - z_j), for every rank after which the weight falls:
        with variables for pairs of ranks and anchors (ranks, n) that are open, and t - z_j for those below.
        """
        from scipy.sparse import csr_array, vstack

        n, falls = self.active.size, self.falls
        drop, (rank, anchor) = self.steps[falls], np.nonzero(open_)
        each, pairs = np.arange(n), np.arange(rank.size)
        # Variables: z, so that a pair has three entries however many edges it speaks of; t per rank; r >= max(0, t - z)
        # per pair.
        t, r = n + rank, n + falls.size + pairs
        own = [each, n + pairs, n + pairs, n + pairs, n + pairs.size + pairs]
        variable = [each, anchor, t, r, r]
        entries = [-np.ones(n), *(sign * np.ones(pairs.size) for sign in (1.0, -1.0, 1.0, 1.0))]
        shape = (n + 2 * pairs.size, n + falls.size + pairs.size)
        auxiliary = csr_array((np.concatenate(entries), (np.concatenate(own), np.concatenate(variable))), shape=shape)
        pick = csr_array((1.0 / self.m, (each, self.active)), shape=(n, self.reach.size))
        spoken = csr_array(vstack([pick, csr_array((2 * pairs.size, self.reach.size))]))
        upper = np.append(np.zeros(n), np.full(2 * pairs.size, np.inf))
        worth = (self.steps[-1] if n else 0.0) + drop @ below
        cost = np.concatenate((np.broadcast_to(worth, n), drop * (falls + 1 - below.sum(axis=1)), -drop[rank]))
        return Rows({self.of: spoken}, np.zeros(shape[0]), upper, auxiliary, cost)


@dataclass(frozen=True, eq=False)
class GeneralizedGini(Ranked):
    """sum_k w_k y_(k) with y sorted upwards: the worst-off anchor counts most (Weymark 1981).

    ``weights`` (n,) >= 0 fall from the worst-off anchor to the best-off; n counts the anchors with positive reach.
    """

    weights: Any

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        try:
            w = np.asarray(self.weights, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"the weights of {self.name} must be numbers, not {self.weights!r}") from None
        if w.shape != bound.active.shape:
            raise ValueError(
                f"{self.name} needs one weight per anchor with reach, ({bound.active.size},), not {w.shape}"
            )
        if not ((w >= 0).all() and (w < np.inf).all() and (np.diff(w) <= 0).all()):
            raise ValueError(f"the weights of {self.name} must be finite, >= 0, and fall from the worst-off anchor on")
        return replace(bound, weights=w)

    def rank_weights(self, n: int) -> FloatArray:
        return self.weights


@dataclass(frozen=True, eq=False)
class Gini(Ranked):
    """mean(y) (1 - Gini(y)): the generalised Gini function with weights (2 (n - k) + 1) / n^2 (facts: F17)."""

    def rank_weights(self, n: int) -> FloatArray:
        return gini_weights(n)


@dataclass(frozen=True, eq=False)
class CVaR(Ranked):
    """Mean amount of the worst-off ``share`` of the anchors, 0 < share <= 1 (conditional value at risk; Rockafellar and
    Uryasev 2000): weights 1 / (share n) on that many ranks, the last one in part.
    """

    share: float

    @property
    def name(self) -> str:
        return f"CVaR({self.share:g}) of {self.of}"

    def bind(self, platform: Platform) -> Self:
        if not (isinstance(self.share, int | float | np.number) and 0 < self.share <= 1):
            raise ValueError(f"the share of {type(self).__name__} lies above 0 and up to 1, not {self.share!r}")
        return super().bind(platform)

    def rank_weights(self, n: int) -> FloatArray:
        counted = self.share * n
        return np.clip(counted - np.arange(n), 0.0, 1.0) / (counted or 1.0)


def gini_weights(n: int) -> FloatArray:
    """(2 (n - k) + 1) / n^2 for k = 1..n."""
    return (2.0 * (n - np.arange(1, n + 1)) + 1.0) / max(n, 1) ** 2
