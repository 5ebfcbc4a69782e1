"""Prices: smooth, prune, certify.

The dual of a problem has one price per anchor and good, so a platform of any size is a small problem with an expensive
oracle: one pass over the edges. The maximum of each segment is replaced by a soft maximum at a temperature; Newton's
method minimises the smooth dual; the temperature falls; segments whose winner leads by several temperatures are
decided and only the contested rest is looked at again. The smoothed flow is within O(t^2) of the optimum where many
segments compete (the share of contested segments and what a wrong choice costs in them both fall with t), and the
certificate says how near it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, Solver
from allocator.problem import Problem
from allocator.rules import Totals, Welfare
from allocator.solvers.prices.dual import Contest, Dual, Point, flow_of
from allocator.solvers.prices.newton import descend
from allocator.solvers.prices.response import outside_prices

FloatArray = NDArray[np.float64]
HOTTEST, WARM, COLDEST = 1.0, 0.2, 1e-8
"""Temperatures in units of the typical value of an impression: the first, the first with a start, the last."""
MARGIN = 8.0
"""Edges this many temperatures behind the best are pruned before the next, lower temperature."""
PATIENCE = 3
"""Temperatures without progress before the best answer so far is returned."""


class Candidate(NamedTuple):
    """A point with its estimated gap and what is needed to recover its flow."""

    gap: float
    point: Point
    contest: Contest
    temperature: float


@dataclass(frozen=True)
class Prices(Solver):
    """Newton's method on the smoothed dual at falling temperatures; each is ``cooling`` times the one before."""

    cooling: float = 0.4

    packages: ClassVar[tuple[str, ...]] = ("numba",)

    def supports(self, problem: Problem) -> str | None:
        return outside_prices(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        dual = Dual(problem)

        def solve() -> Answer:
            with np.errstate(all="ignore"):  # far prices may overflow; what comes of it is judged like everything else
                return self._solve(dual, goal)

        return solve

    def _solve(self, dual: Dual, goal: Goal) -> Answer:
        started = time.perf_counter()
        deadline = started + (np.inf if goal.seconds is None else goal.seconds)
        scale, worth = _scale(dual.problem)
        x, temperature = self._start(dual, goal, worth, scale)
        best, steps, stale = None, 0, 0
        try:
            while best is None or (temperature > COLDEST and stale < PATIENCE and time.perf_counter() < deadline):
                t = temperature * worth
                tolerance = max(0.1 * goal.relative_gap, 0.1 * temperature**2) * scale
                point, more = descend(dual, x, t, tolerance, worth, deadline=deadline)
                x, steps = point.x, steps + more
                gap, scale = np.nan_to_num(dual.gap(point, worth), nan=np.inf), dual.size(point) or scale
                stale = stale + 1 if best is not None and gap > 0.8 * best.gap else 0
                if best is None or gap < best.gap:
                    best = Candidate(gap, point, dual.contest, t)
                if goal.report is not None:
                    goal.report(f"temperature {temperature:.1e}, gap {gap / scale:.1e}, {dual.passes:.0f} passes")
                if gap <= 0.5 * goal.relative_gap * scale:
                    break
                dual.focus(x, MARGIN * t)
                temperature *= self.cooling
        except KeyboardInterrupt:
            if best is None:
                raise
        return _answer(dual, best, steps)

    def _start(self, dual: Dual, goal: Goal, worth: float, scale: float) -> tuple[FloatArray, float]:
        """First prices and temperature: those of a start, or of a sample of the segments, or the marginals at the even
        flow.
        """
        platform = dual.problem.platform
        if goal.start is not None and goal.start.exposure.size == platform.anchor_count:
            surplus = goal.start.surplus
            return np.where(
                dual.rows, np.stack([surplus.beta, surplus.alpha - goal.start.problem.gmv_weight]), 0.0
            ), WARM
        even = Totals(platform, platform.even_flow)
        x = np.stack(
            [np.zeros(platform.anchor_count) if a is None else a.slope_at(even.of(a.good)) for a in dual.answers]
        )
        every = platform.segment_count // max(100 * platform.anchor_count, 20_000)
        if every < 4:
            return x, HOTTEST
        sampled, temperature = Dual(dual.problem, every), HOTTEST
        while temperature > WARM:
            point, _ = descend(sampled, x, temperature * worth, 0.1 * temperature**2 * scale, worth)
            x, temperature = point.x, temperature * self.cooling
        dual.passes += sampled.passes / every
        dual.focus(x, MARGIN * temperature / self.cooling * worth)
        return x, temperature


def _scale(problem: Problem) -> tuple[float, float]:
    """Size of the objective at the even flow (currency), and the same per impression."""
    even = Totals(problem.platform, problem.platform.even_flow)
    scale = sum(t.size(even) for t in problem.terms if isinstance(t, Welfare))
    scale = scale if 0 < scale < np.inf else 1.0
    return scale, scale / (float(problem.platform.supply.sum()) or 1.0)


def _answer(dual: Dual, best: Candidate, steps: int) -> Answer:
    """The flow and the multipliers of the best point."""
    dual.contest = best.contest
    share = dual.shares(best.point.x, best.temperature)
    claim = f"temperature {best.temperature:.3g}, {dual.passes:.0f} passes over the edges"
    return Answer(flow_of(dual.graph, best.contest, share), dual.multipliers(best.point.x), steps, claim)
