"""What a run of the price solver has found so far: the best answer, its gap, and what is left of the time."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal
from allocator.problem import Problem
from allocator.rules import Totals, Welfare
from allocator.solvers.prices.dual import Contest, Dual, Point, flow_of
from allocator.solvers.prices.finish import Finished
from allocator.solvers.prices.mend import mended

FloatArray = NDArray[np.float64]
SHARE = 0.5
"""Part of the asked gap that the search's own estimate must reach; the certificate adds rounding."""


class Candidate(NamedTuple):
    """Prices with their gap in currency and what is needed to write their flow: shares at a temperature, or a flow on
    the contested edges.
    """

    gap: float
    x: FloatArray
    contest: Contest
    temperature: float
    sparse: bool
    flow: FloatArray | None = None


class Search:
    """The state of one run. ``worth`` is the typical worth of an impression, ``scale`` the size of the objective;
    ``flowing`` says whether a network flow can finish: rules speak of exposure alone.
    """

    def __init__(self, dual: Dual, goal: Goal):
        self.dual, self.goal, self.started = dual, goal, time.perf_counter()
        self.deadline = self.started + (np.inf if goal.seconds is None else goal.seconds)
        self.even = Totals.even(dual.problem.platform)
        self.scale, self.worth = _scale(dual.problem, self.even)
        self.flowing = dual.answers[1] is None
        self.best: Candidate | None = None
        self.steps = 0

    @property
    def late(self) -> bool:
        return self.best is not None and time.perf_counter() > self.deadline

    @property
    def gap(self) -> float:
        return np.inf if self.best is None else self.best.gap

    @property
    def wanted(self) -> float:
        """The gap to reach, in currency."""
        return SHARE * self.goal.relative_gap * self.scale

    @property
    def reached(self) -> bool:
        return self.gap <= self.wanted

    def distance(self, x: FloatArray, totals: Totals) -> float:
        """Relative gap between the bound at prices x and the amounts of a flow; infinite if those are worthless."""
        welfare = (t for t in self.dual.problem.terms if isinstance(t, Welfare))
        gap = self.dual.bound(x) - float(sum(t.value(totals).sum() for t in welfare))
        return max(gap / self.scale, 0.0) if np.isfinite(gap) else np.inf

    def smoothed(self, point: Point, temperature: float, steps: int) -> None:
        """Judge the smoothed flow at a point of the dual, by the contested edges and, if it seems to reach the gap, by
        all.
        """
        self.steps += steps
        self.scale = self.dual.size(point.loads) or self.scale
        gap = self.dual.gap(self.dual.rents(point.x), point.x, point.loads, self.worth)
        if gap <= self.wanted or self.goal.trace is not None:
            gap = self.dual.gap(self.dual.all_rents(point.x), point.x, point.loads, self.worth)
        self._keep(Candidate(gap, point.x, self.dual.contest, temperature, self.dual.sparse), point.loads)

    def flowed(self, found: Finished, temperature: float) -> float:
        """Judge a network flow; returns its gap, in currency."""
        gap = self.dual.gap(self.dual.all_rents(found.x), found.x, found.loads, self.worth)
        self._keep(Candidate(gap, found.x, self.dual.contest, temperature, self.dual.sparse, found.flow), found.loads)
        return gap

    def answer(self) -> Answer:
        """The flow and the multipliers of the best candidate."""
        dual, best = self.dual, self.best
        dual.contest, dual.sparse = best.contest, best.sparse
        contested = best.flow
        if contested is None:
            edges = dual.contest.edges
            contested = dual.shares(best.x, best.temperature) * np.repeat(edges.supply, np.diff(edges.indptr))
        if self.flowing and dual.problem.constraints:
            contested = mended(dual, contested, best.x)
        claim = f"{'network flow' if best.flow is not None else 'smoothed'} at temperature {best.temperature:.3g}, "
        claim += f"{dual.passes:.1f} passes over the edges"
        flow = flow_of(dual.graph, dual.contest, contested)
        return Answer(flow, dual.multipliers(best.x), self.steps, claim)

    def _keep(self, candidate: Candidate, loads: FloatArray) -> None:
        """Keep the better one, and tell who asked."""
        gap = np.nan_to_num(candidate.gap, nan=np.inf)
        exact = candidate.flow is not None and gap <= self.wanted
        if self.best is None or gap < self.best.gap or exact:  # a network flow keeps its rules to the last digit
            self.best = candidate._replace(gap=gap)
        seconds = time.perf_counter() - self.started
        if self.goal.report is not None:
            self.goal.report(
                f"temperature {candidate.temperature / self.worth:.1e}, gap {gap / self.scale:.1e}, "
                f"{self.dual.passes:.1f} passes, {seconds:.2f} s"
            )
        if self.goal.trace is not None:
            bound = self.dual.bound(candidate.x)
            self.goal.trace({"passes": self.dual.passes, "seconds": seconds, "objective": bound - gap, "bound": bound})


def _scale(problem: Problem, even: Totals) -> tuple[float, float]:
    """Size of the objective at the even flow (currency), and the same per impression."""
    scale = sum(t.size(even) for t in problem.terms if isinstance(t, Welfare))
    scale = scale if 0 < scale < np.inf else 1.0
    return scale, scale / (float(problem.platform.supply.sum()) or 1.0)
