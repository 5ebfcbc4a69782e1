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
GOODS = ("exposure", "gmv")
DEAR = 8.0
"""Mean worth of an impression, times this, is more than a segment pays as a rule."""
FACTOR = 10.0
"""By how much the units of prices may shrink at once."""
SHARE = 0.5
"""Part of the asked gap that the search's own estimate must reach; the certificate adds rounding."""


class Candidate(NamedTuple):
    """Prices with their gap and the size of the objective there, in currency, and what is needed to write their flow:
    shares at a temperature, or a flow on the contested edges.
    """

    gap: float
    scale: float
    x: FloatArray
    contest: Contest
    temperature: float
    sparse: bool
    flow: FloatArray | None = None


class Search:
    """The state of one run.

    ``scale`` is the size of the objective; ``units`` (2, 1) are those of prices: the typical ``worth`` of an
    impression, and the same per unit of GMV. ``flowing`` says whether a network flow can finish, because rules speak
    of exposure alone.
    """

    def __init__(self, dual: Dual, goal: Goal):
        self.dual, self.goal, self.started = dual, goal, time.perf_counter()
        self.deadline = self.started + (np.inf if goal.seconds is None else goal.seconds)
        self.even = Totals.even(dual.problem.platform)
        self.scale = _scale(dual.problem, self.even)
        self._measure(self.scale / (float(dual.problem.platform.supply.sum()) or 1.0))
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
        """The gap to reach at the present size of the objective, in currency."""
        return SHARE * self.goal.relative_gap * self.scale

    @property
    def reached(self) -> bool:
        best = self.best
        return best is not None and best.gap <= SHARE * self.goal.relative_gap * best.scale

    def _measure(self, worth: float) -> None:
        """Set the units of prices."""
        sold = float(self.even.of("gmv").sum())
        per_sale = worth * float(self.dual.problem.platform.supply.sum()) / sold if sold > 0 else worth
        self.worth, self.units = worth, np.array([[worth], [per_sale]])

    def first_prices(self) -> FloatArray:
        """The marginals at the even flow (2, A), but none far beyond what any segment would pay, unless the anchor's
        whole reach leaves it worth that: aversion to inequality can make them astronomic.
        """
        problem, x = self.dual.problem, np.zeros((2, self.dual.reach.size))
        sold, supply = float(self.even.of("gmv").sum()), float(problem.platform.supply.sum())
        payable = DEAR * np.array([problem.gmv_weight * sold / (supply or 1.0), problem.gmv_weight])
        for k, answer in enumerate(self.dual.answers):
            if answer is not None and answer.terms:
                at_even, least = answer.slope_at(self.even.of(answer.good)), answer.slope_at(answer.reach)
                x[k] = np.minimum(at_even, np.maximum(payable[k], least)) if payable[k] > 0 else at_even
        size = problem.gmv_weight * sold + sum(float((x[k] * self.even.of(g)).sum()) for k, g in enumerate(GOODS))
        if 0 < size < np.inf:
            self._measure(size / (supply or 1.0))
        return x

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
        self._resize(point.loads)
        gap = self.dual.gap(self.dual.rents(point.x), point.x, point.loads, self.units)
        if gap <= self.wanted:
            gap = self.dual.gap(self.dual.all_rents(point.x), point.x, point.loads, self.units)
        self._keep(gap, Candidate(gap, self.scale, point.x, self.dual.contest, temperature, self.dual.sparse))

    def flowed(self, found: Finished, temperature: float) -> float:
        """Judge a network flow; returns its gap, in currency."""
        self._resize(found.loads)
        gap = self.dual.gap(self.dual.all_rents(found.x), found.x, found.loads, self.units)
        mine = Candidate(gap, self.scale, found.x, self.dual.contest, temperature, self.dual.sparse, found.flow)
        self._keep(gap, mine)
        return gap

    def _resize(self, loads: FloatArray) -> None:
        """Take the size of the objective from loads (2, A); units that were too large follow it, a factor at a time."""
        size = self.dual.size(loads)
        if 0 < size < np.inf:
            worth = size / (float(self.dual.problem.platform.supply.sum()) or 1.0)
            self.scale = size
            self._measure(min(max(worth, self.worth / FACTOR), self.worth))

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

    def _keep(self, gap: float, candidate: Candidate) -> None:
        """Keep the better one, and tell who asked."""
        gap = gap if np.isfinite(gap) else np.inf
        exact = candidate.flow is not None and gap <= self.wanted
        if self.best is None or gap < self.best.gap or exact:  # a network flow keeps its rules to the last digit
            self.best = candidate._replace(gap=gap)
        seconds, passes = time.perf_counter() - self.started, self.dual.passes
        if self.goal.report is not None:
            self.goal.report(
                f"temperature {candidate.temperature / self.worth:.1e}, gap {gap / self.scale:.1e}, "
                f"{passes:.1f} passes, {seconds:.2f} s"
            )
        if self.goal.trace is not None:
            bound = self.dual.bound(candidate.x)
            self.dual.passes = passes  # what is looked at for the record alone does not count
            self.goal.trace({"passes": passes, "seconds": seconds, "objective": bound - gap, "bound": bound})


def _scale(problem: Problem, even: Totals) -> float:
    """Size of the objective at the even flow, in currency."""
    scale = sum(t.size(even) for t in problem.terms if isinstance(t, Welfare))
    return scale if 0 < scale < np.inf else 1.0
