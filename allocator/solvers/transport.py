"""Transport problems, and networks of anchors with concave piecewise linear worth, solved by POT's network simplex."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.driver import NoAnswer
from allocator.problem import Problem

FloatArray = NDArray[np.float64]
PIVOTS = 5 * 10**7
TIGHT = 1e-9
"""Part of the supply by which rounding may let what must be served exceed it."""


def outside_transport(problem: Problem) -> str | None:
    """Why a problem is not a transport problem, or None."""
    if problem.welfare:
        return (
            f"{problem.welfare[0].name} is more than GMV; "
            f"{'conic' if problem.welfare[0].rows is None else 'linear'} can take it"
        )
    for term in problem.constraints:
        if term.box is None or term.box.of != "exposure":
            return f"{term.name} is not a bound on exposure; linear can take it"
    return None


def bounds_of(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Floors and caps of exposure, (A,) each; nobody gets more than the reach."""
    box = problem.exposure_box
    return box.lower, np.maximum(np.minimum(box.upper, problem.platform.reach), box.lower)


class Pieces(NamedTuple):
    """Parts of the anchors' room, (K,) each: the ``anchor`` (in any order), the ``width`` in impressions, and the
    ``worth`` in currency of an impression that serves it, besides what the edge is worth; infinity where it must be
    served. The worth of an anchor is concave if the parts that are worth most are filled first, which the optimum does
    by itself.
    """

    anchor: NDArray[np.int64]
    width: FloatArray
    worth: FloatArray


def between(lower: FloatArray, upper: FloatArray) -> Pieces:
    """Room between a floor and a cap of every anchor, (A,) each."""
    anchor = np.arange(lower.size)
    floored = np.flatnonzero(lower > 0)
    worth = np.concatenate((np.zeros(lower.size), np.full(floored.size, np.inf)))
    return Pieces(np.concatenate((anchor, floored)), np.concatenate((upper - lower, lower[floored])), worth)


@dataclass(frozen=True, eq=False)
class Network:
    """Segments bring what is worth most to anchors: edges (E,) in rising order of segment and anchor, their ``worth``
    (E,) in currency / impression, ``supply`` (S,), and the anchors' ``pieces``.

    Rows are the segments, the pieces that need not be served, and one row for all anchors with a single piece that is
    worth nothing; columns are the anchors' rooms and *unserved*. A segment's impression costs the top worth if it goes
    unserved and the top less its worth otherwise; a piece fills the room of its anchor at a cost of what it is worth,
    which stands for leaving it unserved, and goes to unserved for nothing. (Derived here. Doubling the edges of anchors
    with floors, the textbook way, doubles the network.)
    """

    segment: NDArray[np.integer]
    anchor: NDArray[np.integer]
    worth: FloatArray
    supply: FloatArray
    room: FloatArray
    top: float
    masses: FloatArray
    leaving: FloatArray
    unserved: float
    cost: Any

    @classmethod
    def of(cls, segment: NDArray, anchor: NDArray, worth: FloatArray, supply: FloatArray, pieces: Pieces) -> Network:
        from scipy.sparse import coo_array

        S, A = supply.size, int(pieces.anchor.max(initial=-1)) + 1
        room = np.bincount(pieces.anchor, weights=pieces.width, minlength=A)
        top = float(np.abs(worth).max(initial=0.0)) or 1.0
        filled = pieces.width > 0
        single = (np.bincount(pieces.anchor[filled], minlength=A) == 1)[pieces.anchor] & (pieces.worth == 0)
        own = np.flatnonzero(filled & ~single & (pieces.worth < np.inf))
        plain = pieces.anchor[filled & single]
        last, gain = S + own.size, pieces.worth[own] / top
        rows = (segment, np.arange(S), S + np.arange(own.size), np.arange(S, last), np.full(plain.size + 1, last))
        columns = (anchor, np.full(S, A), pieces.anchor[own], np.full(own.size, A), plain, [A])
        of_pieces = np.maximum(gain, 0.0), np.maximum(-gain, 0.0), np.zeros(plain.size + 1)
        costs = (1.0 - worth / top, np.ones(S), *of_pieces)
        matrix = coo_array((np.concatenate(costs), tuple(map(np.concatenate, (rows, columns)))), (last + 1, A + 1))
        masses = np.concatenate((supply, pieces.width[own], [room[plain].sum()]))
        leaving = np.concatenate((costs[1], costs[3], [0.0]))
        must = pieces.width[pieces.worth == np.inf].sum()
        return cls(segment, anchor, worth, supply, room, top, masses, leaving, supply.sum() - must, matrix)

    def solve(self) -> tuple[FloatArray, FloatArray]:
        """The flow (E,) and the bonus (> 0) or price (< 0) of an impression on every anchor (A,).

        Raises
        ------
        NoAnswer
            If what must be served cannot be.
        """
        if self.unserved < -TIGHT * self.supply.sum():
            raise NoAnswer("what must be served exceeds the supply")
        S, A = self.supply.size, self.room.size
        plan, u, v = _simplex(self.masses, np.append(self.room, max(self.unserved, 0.0)), self.cost)
        # Columns without mass are no part of the basis. Unserved gets the highest potential that its arcs allow, an
        # anchor the least price that makes no segment want it.
        felt = np.flatnonzero(self.masses > 0)
        unserved = float((self.leaving - u)[felt].min(initial=np.inf))
        bonus = (v[:A] - unserved) * self.top
        rent = np.maximum(1.0 - unserved - u[:S], 0.0) * self.top
        wish = np.where(self.supply > 0, 1.0, 0.0)[self.segment] * (self.worth - rent[self.segment])
        least = np.zeros(A)
        shut = np.flatnonzero((self.room == 0)[self.anchor])
        np.maximum.at(least, self.anchor[shut], wish[shut])
        return _on_edges(plan, self.segment, self.anchor, S, A), np.where(self.room > 0, bonus, -least)


def network_of(problem: Problem, worth: FloatArray) -> Network:
    """All edges of a problem, with their worth (E,), under its bounds on exposure."""
    platform = problem.platform
    return Network.of(platform.segment, platform.anchor, worth, platform.supply, between(*bounds_of(problem)))


def _on_edges(plan: Any, segment: NDArray, anchor: NDArray, segments: int, anchors: int) -> FloatArray:
    """The flow on edges (E,) in a transport plan."""
    row, column = plan.row.astype(np.int64), plan.col.astype(np.int64)
    served = (row < segments) & (column < anchors)
    key = row[served] * anchors + column[served]
    edge = np.searchsorted(segment * np.int64(anchors) + anchor, key)
    return np.bincount(edge, weights=plan.data[served], minlength=segment.size)


def _simplex(supply: FloatArray, demand: FloatArray, cost: Any) -> tuple[Any, FloatArray, FloatArray]:
    """Plan and potentials; masses must add up to 1, or POT's balance check fails on large totals."""
    import ot

    total = supply.sum() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.emd(supply / total, demand / total, cost, numItermax=PIVOTS, log=True)
    if log["warning"]:
        raise NoAnswer(str(log["warning"]).strip())
    return plan * total, log["u"], log["v"]
