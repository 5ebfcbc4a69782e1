"""What a run of the price solver has found so far: the best answer, its gap, and what is left of the time."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal
from allocator.rules import Totals, Welfare
from allocator.solvers.prices.contest import Contest, Point, flow_of
from allocator.solvers.prices.dual import Dual
from allocator.solvers.prices.finish import Finished
from allocator.solvers.prices.mend import mended
from allocator.solvers.prices.newton import descend
from allocator.solvers.prices.polish import ROUNDS, polished, roomy
from allocator.solvers.prices.programs import programmed
from allocator.solvers.tangents import Found

FloatArray = NDArray[np.float64]
DEAR = 8.0
"""Mean worth of an impression, times this, is more than a segment pays as a rule."""
FACTOR = 10.0
"""By how much the units of prices may shrink at once."""
SPOILT = 1.2
"""A flow that keeps rules is not worth a gap that is this many times larger: mixing keeps them too."""
NEARBY = 0.03
"""Relative gap from which on linear programs start from what was found."""
LAST = 0.6
"""Part of the time after which the search ends where rules couple anchors, so that some is left to polish."""


class Candidate(NamedTuple):
    """Coordinates with their gap and the size of the objective there, in currency, the admissible ones behind the gap,
    and what is needed to write their flow: shares at a temperature, or a flow on the contested edges.
    """

    gap: float
    scale: float
    x: FloatArray
    admissible: FloatArray
    contest: Contest
    temperature: float
    sparse: bool
    flow: FloatArray | None = None


class Search:
    """The state of one run.

    ``scale`` is the size of the objective; ``per_good`` (G,) is the typical worth of one unit of every good, that of an
    impression, ``worth``, first. ``flowing`` says whether a network flow can finish, because rules speak of exposure
    alone.
    """

    def __init__(self, dual: Dual, goal: Goal):
        self.dual, self.goal, self.started, self.end = dual, goal, time.perf_counter(), goal.deadline()
        self.deadline = self.started + (self.end - self.started) * (LAST if dual.coupled else 1.0)
        self.even, self.supply = Totals.even(dual.problem.platform), float(dual.problem.platform.supply.sum())
        size = dual.problem.size(self.even)
        self.scale = size if 0 < size < np.inf else 1.0
        self._measure(self.scale / (self.supply or 1.0))
        self.flowing = not dual.coupled and dual.voices[1].response is None
        self.best: Candidate | None = None
        self.found: Found | None = None
        self.steps = 0

    @property
    def late(self) -> bool:
        return self.best is not None and time.perf_counter() > self.deadline

    def hurry(self) -> None:
        """Take a second for what is still to be done."""
        self.end = min(self.end, time.perf_counter() + 1.0)

    @property
    def gap(self) -> float:
        return np.inf if self.best is None else self.best.gap

    @property
    def wanted(self) -> float:
        """The gap to reach at the present size of the objective, in currency."""
        return self.goal.half_gap * self.scale

    @property
    def reached(self) -> bool:
        return self.best is not None and self.best.gap <= self.goal.half_gap * self.best.scale

    @property
    def done(self) -> bool:
        """Whether linear programs reached the gap."""
        return self.found is not None and self.found.gap <= self.goal.relative_gap

    def _measure(self, worth: float) -> None:
        """Set the units of prices."""
        there = (float(self.even.of(good).sum()) for good in self.dual.goods[1:])
        self.worth = worth
        self.per_good = np.array([worth, *(worth * self.supply / total if total > 0 else worth for total in there)])

    def first_prices(self) -> FloatArray:
        """First coordinates of every voice (N,), and units that fit them."""
        dual, sold = self.dual, float(self.even.of("gmv").sum())
        payable = np.zeros(len(dual.goods))
        payable[:2] = DEAR * dual.weight * sold / (self.supply or 1.0), DEAR * dual.weight
        x = np.concatenate([voice.first(self.even, float(payable[voice.good])) for voice in dual.voices])
        pairs = zip(dual.voices, dual.parts, strict=True)
        spoken = sum(
            float((x[part] * v.gather(self.even.of(dual.goods[v.good]))).sum()) for v, part in pairs if not v.kinked
        )
        size = dual.weight * sold + spoken
        if 0 < size < np.inf:
            self._measure(size / (self.supply or 1.0))
        return x

    def distance(self, x: FloatArray, totals: Totals) -> float:
        """Relative gap between the bound at prices x and the amounts of a flow; infinite if those are worthless."""
        welfare = (t for t in self.dual.problem.terms if isinstance(t, Welfare))
        gap = self.dual.bound(x) - float(sum(t.value(totals).sum() for t in welfare))
        return max(gap / self.scale, 0.0) if np.isfinite(gap) else np.inf

    def settled(self, dual: Dual, x: FloatArray, temperature: float, tolerance: float) -> Point:
        """The minimum from x (N,) at a temperature, of all segments or of a sample; rules that see all anchors at once
        are regularised around the loads at x.
        """
        if dual.coupled:
            dual.recentre(dual.at(x, temperature), temperature, self.per_good)
        point, steps = descend(dual, x, temperature, tolerance, self.per_good, deadline=self.deadline)
        self.steps += steps
        return point

    def smoothed(self, point: Point, temperature: float) -> None:
        """Judge the smoothed flow at a point of the dual, by the contested edges and, if it seems to reach the gap, by
        all.
        """
        self._resize(self.dual.scale_at(point))
        x = self.dual.admissible(point.x)
        gap = self.dual.gap(self.dual.rents(x), x, point, self.per_good)
        if gap <= self.wanted:
            gap = self.dual.gap(self.dual.all_rents(x), x, point, self.per_good)
        self._keep(Candidate(gap, self.scale, point.x, x, self.dual.contest, temperature, self.dual.sparse))

    def flowed(self, found: Finished, temperature: float) -> float:
        """Judge a network flow; returns its gap, in currency."""
        self._resize(self.dual.scale_at(found.point))
        x = found.point.x
        gap = self.dual.gap(self.dual.all_rents(x), x, found.point, self.per_good)
        self._keep(Candidate(gap, self.scale, x, x, self.dual.contest, temperature, self.dual.sparse, found.flow))
        return gap

    def _resize(self, size: float) -> None:
        """Take the size of the objective; units that were too large follow it, a factor at a time."""
        if 0 < size < np.inf:
            self.scale = size
            self._measure(min(max(size / (self.supply or 1.0), self.worth / FACTOR), self.worth))

    def programs(self, point: Point) -> bool:
        """Try linear programs from a point where rules couple anchors, unless they would take long; True if the gap is
        reached.
        """
        near = self.gap <= NEARBY * self.scale
        found = programmed(self.dual, point if near else None, self.goal, self.end)
        if found is not None and (self.found is None or found.gap < self.found.gap):
            self.found = found
        return self.done

    def answer(self) -> Answer:
        """The best candidate, where rules couple anchors by linear programs or polished, with a flow beside it."""
        dual, best, beside = self.dual, self.best, None
        dual.contest, dual.sparse = best.contest, best.sparse
        if dual.coupled and not self.reached:
            self.programs(dual.at(best.x, best.temperature))
        if dual.coupled and not self.done:
            best, other = self._polished(best)
            beside = None if other is None else self._flow(self._smooth(other.x, best.temperature))
            self.best = best
        return self.as_it_stands(beside)

    def as_it_stands(self, beside: FloatArray | None = None) -> Answer:
        """The flow and the multipliers of the best candidate."""
        dual, best = self.dual, self.best
        dual.contest, dual.sparse = best.contest, best.sparse
        if self.done or (self.found is not None and self.found.gap * best.scale < best.gap):
            answer, claim = self.found.answer, f"linear programs: {self.found.answer.claim}, {dual.passes:.1f} passes"
            return replace(answer, iterations=self.steps + answer.iterations, claim=claim)
        contested = self._smooth(best.x, best.temperature) if best.flow is None else best.flow
        if self.flowing and dual.problem.constraints:
            contested = mended(dual, contested, best.x)
        claim = f"{'network flow' if best.flow is not None else 'smoothed'} at temperature {best.temperature:.3g}, "
        claim += f"{dual.passes:.1f} passes over the edges"
        return Answer(self._flow(contested), dual.multipliers(best.admissible), self.steps, claim, beside)

    def _smooth(self, x: FloatArray, temperature: float) -> FloatArray:
        """The smoothed flow on the contested edges."""
        edges = self.dual.contest.edges
        return self.dual.shares(x, temperature) * np.repeat(edges.supply, np.diff(edges.indptr))

    def _flow(self, contested: FloatArray) -> FloatArray:
        """The flow (E,) from that on the contested edges."""
        return flow_of(self.dual.graph, self.dual.contest, contested)

    def _polished(self, best: Candidate) -> tuple[Candidate, Point | None]:
        """The best candidate at a point whose flow keeps rules that couple anchors or, where polishing ends before, is
        near to that, and then a point with room to spare, unless linear programs are found instead.
        """
        dual, t, point, other = self.dual, best.temperature, self.dual.at(best.x, best.temperature), None
        for rounds in (1, ROUNDS):
            point, steps = polished(dual, point, t, self.per_good, rounds=rounds, deadline=self.end)
            self.steps += steps
            if dual.room(point) >= 0 or (rounds == 1 and self.reached and self.programs(point)):
                break
        x = dual.admissible(point.x)
        gap = dual.gap(dual.all_rents(x), x, point, self.per_good)
        if gap <= max(SPOILT * best.gap, self.wanted):
            best = best._replace(x=point.x, admissible=x, contest=dual.contest)
        if not self.done and dual.room(point) < 0 and dual.spare(point) < np.inf:
            other, steps = roomy(dual, point, t, self.per_good, deadline=self.end)
            self.steps += steps
        return best, other

    def _keep(self, candidate: Candidate) -> None:
        """Keep the better one, and tell who asked."""
        gap = candidate.gap if np.isfinite(candidate.gap) else np.inf
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
            bound = self.dual.bound(candidate.admissible)
            self.dual.passes = passes  # what is looked at for the record alone does not count
            self.goal.trace({"passes": passes, "seconds": seconds, "objective": bound - gap, "bound": bound})
