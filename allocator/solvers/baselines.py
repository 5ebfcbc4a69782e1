"""What platforms do today, without optimisation: points of comparison on every frontier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, Solver
from allocator.graph import Platform
from allocator.problem import Problem

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline(Solver):
    """A fixed recipe for the flow, blind to the objective; caps and floors are met by the driver's repair."""

    def supports(self, problem: Problem) -> str | None:
        for term in problem.constraints:
            if term.box is None or term.box.of != "exposure":
                return f"a baseline only heeds bounds on exposure, not {term.name}; linear or conic can take it"
        return None

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        return lambda: Answer(self.recipe(problem))

    def recipe(self, problem: Problem) -> FloatArray:
        """The flow (E,)."""
        raise NotImplementedError


def best_first(platform: Platform, appeal: FloatArray, room: FloatArray) -> FloatArray:
    """Each segment in turn gives its supply to its most appealing anchors that still have room.

    Vectorised by rounds: every segment asks its best open anchor; an anchor asked for more than its room shares it in
    proportion to the requests, closes, and the rest ask again. Without limits one round is enough.
    """
    flow, left, room = np.zeros(platform.edge_count), platform.supply.copy(), room.astype(np.float64)
    order = np.lexsort((-appeal, platform.segment))
    while True:
        open_to = np.where(room[platform.anchor] > 0, appeal, -np.inf)
        best = np.full(platform.segment_count, -1)
        ranked = order[open_to[order] > -np.inf]
        first = np.unique(platform.segment[ranked], return_index=True)
        best[first[0]] = ranked[first[1]]
        asking = np.flatnonzero((best >= 0) & (left > 0))
        if not asking.size:
            return flow
        edge = best[asking]
        anchor = platform.anchor[edge]
        asked = np.bincount(anchor, weights=left[asking], minlength=room.size)
        share = np.divide(room, asked, out=np.ones_like(room), where=asked > room)
        given = left[asking] * share[anchor]
        flow[edge] += given
        left[asking] = np.where(share[anchor] < 1, left[asking] - given, 0.0)
        room = np.where(asked >= room, 0.0, room - asked)


@dataclass(frozen=True)
class Greedy(Baseline):
    """All supply of a segment to the anchors that sell most per impression, while they have room: GMV today, and
    nothing else.
    """

    def recipe(self, problem: Problem) -> FloatArray:
        return best_first(problem.platform, problem.platform.value.astype(np.float64), problem.exposure_box.upper)


@dataclass(frozen=True)
class Even(Baseline):
    """Every segment spreads its supply evenly over its anchors."""

    def recipe(self, problem: Problem) -> FloatArray:
        return problem.platform.even_flow.copy()


@dataclass(frozen=True)
class Proportional(Baseline):
    """Every segment spreads its supply in proportion to value (evenly where all values are zero)."""

    def recipe(self, problem: Problem) -> FloatArray:
        platform = problem.platform
        total = platform.into_segments(platform.value)
        share = np.divide(platform.supply, total, out=np.zeros_like(total), where=total > 0)
        return np.where(total[platform.segment] > 0, share[platform.segment] * platform.value, platform.even_flow)


@dataclass(frozen=True)
class EpsilonEven(Baseline):
    """A share ``epsilon`` of the traffic is spread evenly, the rest greedily: the "relatively even rate" of anti-head
    flow management.
    """

    epsilon: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon is a share in [0, 1], not {self.epsilon}")

    def recipe(self, problem: Problem) -> FloatArray:
        return (1 - self.epsilon) * Greedy().recipe(problem) + self.epsilon * Even().recipe(problem)


@dataclass(frozen=True)
class CappedBoost(Baseline):
    """Greedy on boosted values: anchors below the mean observed exposure count up to ``boost`` times as much.

    The boost of an anchor is min(boost, mean / its exposure), after the ecosystem simulation of RecSim NG (cap 1.2);
    where nothing was observed, the even flow stands for today's exposure.
    """

    boost: float = 1.2

    def __post_init__(self) -> None:
        if not 1 <= self.boost < np.inf:
            raise ValueError(f"boost is a finite factor >= 1, not {self.boost}")

    def recipe(self, problem: Problem) -> FloatArray:
        platform = problem.platform
        today = platform.into_anchors(platform.even_flow if platform.observed is None else platform.observed)
        lift = np.divide(today.mean(), today, out=np.full(today.size, self.boost), where=today > 0)
        appeal = platform.value * np.clip(lift, 1.0, self.boost)[platform.anchor]
        return best_first(platform, appeal, problem.exposure_box.upper)
