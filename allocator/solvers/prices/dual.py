"""The smoothed dual of a problem on its contested edges, with gradient and curvature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.solvers.prices.response import Response, responses

FloatArray = NDArray[np.float64]
FAR = 0.7
"""Part of the margin by which an anchor must have moved to be let loose."""


@dataclass(frozen=True, eq=False)
class Point:
    """The smoothed dual at prices x (2, A): row 0 on exposure (beta), row 1 on GMV (alpha - w)."""

    x: FloatArray
    value: float
    gradient: FloatArray
    diagonal: FloatArray
    loads: FloatArray
    slopes: FloatArray


class Contest(NamedTuple):
    """What pruning leaves: ``edges`` still contested, their positions ``edge`` (None for all), pairs of positions and
    amounts of what is ``won`` without contest, and its loads ``decided`` (2, A).

    ``margin`` is how far behind the best a kept edge may be, in currency, ``x`` the prices at which that was judged,
    and ``loose`` (A,) tells the anchors all of whose edges were kept. ``support`` is room for the shared edges.
    """

    edges: Any
    edge: NDArray[np.int64] | None
    won: tuple[tuple[NDArray[np.int64], FloatArray], ...]
    decided: FloatArray
    margin: float
    x: FloatArray
    loose: NDArray[np.bool_]
    support: Any


class Dual:
    """D(x) = sum_i b_i smoothed max of s_i + conjugates, for GMV, alpha-fair terms and bounds.

    A row of prices that no rule speaks of stays at zero. ``every`` > 1 looks at one segment in so many, with its
    supply multiplied: good enough to start from. ``passes`` counts readings of all edges.
    """

    def __init__(self, problem: Problem, every: int = 1):
        from allocator import kernels

        platform = problem.platform
        self.problem, self.weight, self.passes = problem, problem.gmv_weight, 0.0
        self.sparse = False
        self.answers: tuple[Response | None, ...] = tuple(responses(problem))
        self.graph = kernels.edges(
            platform.indptr, platform.anchor, platform.value, platform.supply, platform.anchor_count
        )
        self.rows = np.array([[a is not None] * platform.anchor_count for a in self.answers])
        if every > 1:
            self.graph = kernels.sample(self.graph, every, platform.anchor_count)
            self.rows &= self._seen_well()
        self.reach = platform.reach
        self.kinked = np.array([[answer is not None and answer.kinked] for answer in self.answers])
        self.steepest = np.zeros(platform.anchor_count)
        if self.answers[1] is not None:
            np.maximum.at(self.steepest, self.graph.anchor, self.graph.measures[0])
        nothing = np.zeros((2, platform.anchor_count))
        room = kernels.room_for(self.graph)
        self.everything = Contest(self.graph, None, (), nothing, np.inf, nothing, nothing[0] > 0, room)
        self.contest = self.everything

    def _seen_well(self) -> NDArray[np.bool_]:
        """Anchors with enough sampled edges, and reach for their floors, to price them (2, A); the others keep their
        first price.
        """
        size, segment = self.rows.shape[1], np.repeat(np.arange(self.graph.supply.size), np.diff(self.graph.indptr))
        many = np.bincount(self.graph.anchor, minlength=size) >= 20
        supply = self.graph.supply[segment]
        reach = [
            np.bincount(self.graph.anchor, weights=supply * m, minlength=size) for m in (1.0, self.graph.measures[0])
        ]
        return np.stack(
            [many if a is None else many & (a.lower <= 0.3 * r) for a, r in zip(self.answers, reach, strict=True)]
        )

    def price(self, x: FloatArray) -> FloatArray:
        """beta and alpha of every anchor side by side, (A, 2)."""
        price = np.empty((x.shape[1], 2))
        price[:, 0], price[:, 1] = x[0], self.weight + x[1]
        return price

    def focus(self, x: FloatArray, margin: float) -> None:
        """Prune at prices x: a segment whose best edge leads by the margin is decided, others keep edges within it.

        Looks at the contested edges alone where no other can have come within the margin.
        """
        self._prune(x, margin, np.zeros(x.shape[1], bool))

    def follow(self, x: FloatArray) -> None:
        """Prune anew at prices x that have moved too far; anchors that moved most may move on freely."""
        mine = self.contest
        self._prune(x, mine.margin, mine.loose | (self._moves(x) > FAR * mine.margin))

    def free(self, loose: NDArray[np.bool_]) -> None:
        """Prune as the last time, but with all edges of loose anchors (A,) kept."""
        self._prune(self.contest.x, self.contest.margin, loose)

    def _prune(self, x: FloatArray, margin: float, loose: NDArray[np.bool_]) -> None:
        from allocator import kernels

        old = self.contest
        nested = old.edge is not None and self.drift(x) + margin <= old.margin and not (loose & ~old.loose).any()
        source = old.edges if nested else self.graph
        if not nested:
            self.contest = old = self.everything  # so that the edges of the old contest need not be held beside the new
        pruned = kernels.prune(source, self.price(x), loose, margin)
        self._count(source)
        edge, winner, won, decided = pruned.edge, pruned.winner, (), pruned.decided
        if nested:
            edge, winner, won, decided = old.edge[edge], old.edge[winner], old.won, decided + old.decided
        won = (*won, (winner, pruned.won))
        room = kernels.room_for(pruned.kept)
        self.contest = Contest(pruned.kept, edge, won, decided, margin, x, loose, room)

    def width(self, temperature: float) -> float:
        """How far behind the best an edge may be and still matter."""
        return temperature if self.sparse else 6.0 * temperature

    def drift(self, x: FloatArray) -> float:
        """By how much prices moved since the last pruning may have changed the lead of one edge over another."""
        step = x - self.contest.x
        low = np.minimum(step[0], 0.0) + np.minimum(step[1], 0.0) * self.steepest
        high = np.maximum(step[0], 0.0) + np.maximum(step[1], 0.0) * self.steepest
        bound = ~self.contest.loose
        return float(high.max(where=bound, initial=0.0) - low.min(where=bound, initial=0.0))

    def _moves(self, x: FloatArray) -> FloatArray:
        """By how much the surplus of any edge of each anchor has moved since the last pruning, (A,)."""
        step = np.abs(x - self.contest.x)
        return step[0] + step[1] * self.steepest

    def at(self, x: FloatArray, temperature: float) -> Point:
        """Value, gradient (2, A), diagonal curvature, loads and slopes of the answers."""
        from allocator import kernels

        mine = self.contest
        value, totals = kernels.soft(mine.edges, self.price(x), temperature, self.sparse, mine.support)
        self._count(self.contest.edges)
        value += float((mine.decided[0] * x[0]).sum() + (mine.decided[1] * (self.weight + x[1])).sum())
        loads = totals[:2] + mine.decided
        gradient, slopes = np.zeros_like(x), np.zeros_like(x)
        for k, answer in enumerate(self.answers):
            if answer is not None:
                conjugate, amounts, slopes[k] = answer.answer(x[k], loads[k])
                value += conjugate
                gradient[k] = loads[k] - amounts
        return Point(x, value, gradient, totals[2:] - slopes, loads, slopes)

    def shares(self, x: FloatArray, temperature: float) -> FloatArray:
        """Share of its segment's supply on each contested edge."""
        from allocator import kernels

        self._count(self.contest.edges)
        return kernels.shares(self.contest.edges, self.price(x), temperature, self.sparse)

    def bend(self, point: Point, direction: FloatArray) -> FloatArray:
        """Second derivative in a direction (2, A) at the point last looked at."""
        from allocator import kernels

        pairs = np.ascontiguousarray(direction.T)
        return kernels.curvature(self.contest.edges, self.contest.support, pairs) - point.slopes * direction

    def shortfall(self, x: FloatArray, loads: FloatArray, units: FloatArray) -> float:
        """What loads (2, A) lack to be the answers to prices that may move, in currency; ``units`` (2, 1) as in
        `Search`.
        """
        lost = [
            a.shortfall(x[k], loads[k], float(units[k, 0]))[self.rows[k]]
            for k, a in enumerate(self.answers)
            if a is not None
        ]
        return float(sum(part.sum() for part in lost))

    def size(self, loads: FloatArray) -> float:
        """First-order size of the objective at loads (2, A): what makes a gap relative."""
        found = self.weight * float(loads[1].sum())
        for k, answer in enumerate(self.answers):
            if answer is not None:
                found += sum(float((answer.marginal(t, loads[k]) * loads[k]).sum()) for t in answer.terms)
        return found

    def gap(self, rents: float, x: FloatArray, loads: FloatArray, units: FloatArray) -> float:
        """Estimated distance between the exact dual bound and the flow at a point: what segments and what anchors
        lack.
        """
        earned = float((loads[0] * x[0]).sum() + (loads[1] * (self.weight + x[1])).sum())
        return rents - earned + self.shortfall(x, loads, units)

    def rents(self, x: FloatArray) -> float:
        """sum_i b_i max(0, max_e s_e), by the contested edges and the winners of decided segments."""
        from allocator import kernels

        self._count(self.contest.edges)
        held = float((self.contest.decided[0] * x[0]).sum() + (self.contest.decided[1] * (self.weight + x[1])).sum())
        return kernels.rents(self.contest.edges, self.price(x)) + held

    def all_rents(self, x: FloatArray) -> float:
        """The same by all edges: part of the exact bound."""
        from allocator import kernels

        self.passes += 1
        return kernels.rents(self.graph, self.price(x))

    def bound(self, x: FloatArray) -> float:
        """The exact bound at prices x."""
        conjugates = (a.answer(x[k], np.zeros(x.shape[1]))[0] for k, a in enumerate(self.answers) if a is not None)
        return self.all_rents(x) + sum(conjugates)

    def multipliers(self, x: FloatArray) -> list[Any]:
        """Multipliers of every term at prices x."""
        found: dict[int, Any] = {}
        for k, answer in enumerate(self.answers):
            if answer is not None:
                found |= answer.split(x[k])
        return [found.get(id(term)) for term in self.problem.terms]

    def _count(self, edges: Any) -> None:
        self.passes += edges.anchor.size / max(self.graph.anchor.size, 1)


def flow_of(graph: Any, contest: Contest, contested: FloatArray) -> FloatArray:
    """The flow (E,) from that on the contested edges and from the winners of decided segments."""
    if contest.edge is None:
        return contested
    flow = np.zeros(graph.anchor.size)
    flow[contest.edge] = contested
    for edge, amount in contest.won:
        flow[edge] = amount
    return flow
