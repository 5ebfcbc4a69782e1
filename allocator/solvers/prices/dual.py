"""The smoothed dual of a problem on its contested edges, with gradient and curvature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.solvers.prices.response import Response, responses

FloatArray = NDArray[np.float64]


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
    """What pruning leaves: ``edges`` still contested, their positions, the winner of each decided segment and its
    loads (2, A).

    ``margin`` is how far behind the best a kept edge may be, in currency, and ``x`` the prices at which that was
    judged.
    """

    edges: Any
    edge: NDArray[np.int64] | None
    winner: NDArray[np.int64]
    decided: FloatArray
    margin: float
    x: FloatArray


class Dual:
    """D_t(x) = sum_i b_i softmax_t(s_i) + conjugates, for GMV, alpha-fair terms and bounds.

    A row of prices that no rule speaks of stays at zero. ``every`` > 1 looks at one segment in so many, with its
    supply multiplied: good enough to start from. ``passes`` counts readings of all edges.
    """

    def __init__(self, problem: Problem, every: int = 1):
        from allocator import kernels

        platform = problem.platform
        self.problem, self.weight, self.passes = problem, problem.gmv_weight, 0.0
        self.answers: tuple[Response | None, ...] = tuple(responses(problem))
        self.graph = kernels.edges(platform.indptr, platform.anchor, platform.value, platform.supply)
        self.rows = np.array([[a is not None] * platform.anchor_count for a in self.answers])
        if every > 1:
            self.graph = kernels.sample(self.graph, every)
            self.rows &= self._seen_well()
        self.kinked = np.array([[answer is not None and answer.kinked] for answer in self.answers])
        self.steepest = np.zeros(platform.anchor_count)
        if self.answers[1] is not None:
            np.maximum.at(self.steepest, platform.anchor, platform.value)
        nobody = np.full(self.graph.supply.size, -1)
        nothing = np.zeros((2, platform.anchor_count))
        self.contest = Contest(self.graph, None, nobody, nothing, np.inf, nothing)

    def _seen_well(self) -> NDArray[np.bool_]:
        """Anchors with enough sampled edges, and reach for their floors, to price them (2, A); the others keep their
        first price.
        """
        size, segment = self.rows.shape[1], np.repeat(np.arange(self.graph.supply.size), np.diff(self.graph.indptr))
        many = np.bincount(self.graph.anchor, minlength=size) >= 20
        supply = self.graph.supply[segment]
        reach = [np.bincount(self.graph.anchor, weights=supply * m, minlength=size) for m in (1.0, self.graph.value)]
        return np.stack(
            [many if a is None else many & (a.lower <= 0.3 * r) for a, r in zip(self.answers, reach, strict=True)]
        )

    def focus(self, x: FloatArray, margin: float) -> None:
        """Prune at prices x: a segment whose best edge leads by the margin is decided, others keep edges within the
        margin.
        """
        from allocator import kernels

        edges, edge, winner = kernels.prune(self.graph, self.weight + x[1], x[0], margin)
        self.passes += 2
        sure = np.flatnonzero(winner >= 0)
        won, supply = winner[sure], self.graph.supply[sure]
        anchor, size = self.graph.anchor[won], self.steepest.size
        exposure = np.bincount(anchor, weights=supply, minlength=size)
        sales = np.bincount(anchor, weights=supply * self.graph.value[won], minlength=size)
        self.contest = Contest(edges, edge, winner, np.stack([exposure, sales]), margin, x)

    def drifted(self, x: FloatArray) -> bool:
        """Whether prices have moved so far since the last pruning that a dropped edge might win."""
        moved = np.abs(x - self.contest.x)
        return float((moved[0] + moved[1] * self.steepest).max()) > 0.3 * self.contest.margin

    def at(self, x: FloatArray, temperature: float) -> Point:
        """Value, gradient (2, A), diagonal curvature, loads and slopes of the answers."""
        from allocator import kernels

        value, totals = kernels.soft(self.contest.edges, self.weight + x[1], x[0], temperature)
        self._count()
        decided = self.contest.decided
        value += float((decided[0] * x[0]).sum() + (decided[1] * (self.weight + x[1])).sum())
        loads = totals[:2] + decided
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

        self._count()
        return kernels.shares(self.contest.edges, self.weight + x[1], x[0], temperature)

    def bend(self, share: FloatArray, point: Point, direction: FloatArray, temperature: float) -> FloatArray:
        """Second derivative in a direction (2, A)."""
        from allocator import kernels

        self._count()
        sales, exposure = kernels.curvature(self.contest.edges, share, direction[1], direction[0])
        return np.stack([exposure, sales]) / temperature - point.slopes * direction

    def shortfall(self, point: Point, worth: float) -> float:
        """What the loads at a point lack to be the answers to its prices, in currency."""
        units = worth, 1.0
        mine = enumerate(self.answers)
        return sum(a.shortfall(point.x[k], point.loads[k], units[k]) for k, a in mine if a is not None)

    def size(self, point: Point) -> float:
        """First-order size of the objective at a point's loads: what makes a gap relative."""
        found = self.weight * float(point.loads[1].sum())
        for k, answer in enumerate(self.answers):
            if answer is not None:
                found += sum(float((answer.marginal(t, point.loads[k]) * point.loads[k]).sum()) for t in answer.terms)
        return found

    def gap(self, point: Point, worth: float) -> float:
        """Estimated distance between the exact dual bound and the flow at a point: what segments and what anchors
        lack.
        """
        from allocator import kernels

        x, loads = point.x, point.loads
        earned = float((loads[0] * x[0]).sum() + (loads[1] * (self.weight + x[1])).sum())
        self.passes += 1
        return kernels.rents(self.graph, self.weight + x[1], x[0]) - earned + self.shortfall(point, worth)

    def multipliers(self, x: FloatArray) -> list[Any]:
        """Multipliers of every term at prices x."""
        found: dict[int, Any] = {}
        for k, answer in enumerate(self.answers):
            if answer is not None:
                found |= answer.split(x[k])
        return [found.get(id(term)) for term in self.problem.terms]

    def _count(self) -> None:
        self.passes += self.contest.edges.anchor.size / self.graph.anchor.size


def flow_of(graph: Any, contest: Contest, share: FloatArray) -> FloatArray:
    """The flow (E,) of shares on the contested edges and of winners on the decided segments."""
    contested = share * np.repeat(contest.edges.supply, np.diff(contest.edges.indptr))
    if contest.edge is None:
        return contested
    flow = np.zeros(graph.anchor.size)
    flow[contest.edge] = contested
    sure = np.flatnonzero(contest.winner >= 0)
    flow[contest.winner[sure]] = graph.supply[sure]
    return flow
