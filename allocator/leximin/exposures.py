"""Leximin of exposure under bounds on exposure: bottlenecks, then the transport problem of highest GMV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.leximin.bottlenecks import Bounds, Tide, bottlenecks
from allocator.leximin.record import Level, Leximin, ranks
from allocator.problem import Multipliers, Problem
from allocator.rules import GMV, Cap, Floor, MaxMin
from allocator.solvers import solve

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SAME = 1e-11
"""Levels that differ by less, relatively, are one: far above the rounding of sums, and of no interest to anybody."""


def by_flows(
    problem: Problem, term: MaxMin, *, relative_gap: float, report: Callable[[str], None] | None = None
) -> Leximin:
    """The leximin allocation of a problem whose hard rules are bounds on exposure."""
    platform, box = problem.platform, problem.exposure_box
    upper = np.where(box.upper < platform.reach * (1 - SAME), box.upper, np.inf)
    tide = bottlenecks(platform, Bounds(term.merit, box.lower, upper))
    exposure = np.clip(platform.into_anchors(tide.flow), box.lower, np.maximum(box.lower, box.upper))
    levels, of_water = _levels(platform, term, tide, exposure)
    if report is not None:
        report(f"{len(levels):,} levels of exposure; now the highest GMV")
    # Bottlenecks leave no slack: where exposure is fixed from both sides, rounding cannot shift any between anchors.
    final = replace(problem, objective=GMV(), rules=(*problem.rules, Floor(exposure), Cap(exposure)))
    allocation = solve(final, solver="flow", relative_gap=relative_gap)
    return Leximin(allocation, problem, "exposure", term.merit, levels, _Proof(term.merit, levels, of_water))


def _levels(platform: Platform, term: MaxMin, tide: Tide, exposure: FloatArray) -> tuple[tuple[Level, ...], IntArray]:
    """Levels with their bounds, and for every anchor (A,) the first level whose bottleneck holds it."""
    ratio = tide.target[term.active] / term.merit[term.active]
    order = np.argsort(ratio, kind="stable")
    rising = ratio[order]
    first = np.flatnonzero(np.append(True, rising[1:] > rising[:-1] * (1 + SAME))[: order.size])
    groups = [np.sort(term.active[group]) for group in np.split(order, first[1:])] if order.size else []
    found = tuple(Level(float(tide.target[group].sum() / term.merit[group].sum()), group, np.inf) for group in groups)
    highest = rising[np.append(first[1:], order.size) - 1] if order.size else rising
    of_water, of_inflow = (np.searchsorted(highest, water * (1 - SAME / 2)) for water in (tide.water, tide.inflow))
    bound = _bounds(platform, ranks(found, term.merit.size), (of_water, of_inflow), exposure, term.merit)
    return tuple(replace(entry, bound=float(b)) for entry, b in zip(found, bound, strict=True)), of_water


def _bounds(
    platform: Platform, rank: IntArray, first: tuple[IntArray, IntArray], exposure: FloatArray, merit: FloatArray
) -> FloatArray:
    """The bounds that `_Proof` gives for all levels, in one pass: what a bottleneck's segments supply, less what its
    anchors of other levels keep, is all there is for its anchors of this level; those outside it have their caps.

    ``first`` is the first level whose bottleneck holds each anchor (A,) and segment (S,).
    """
    of_water, of_inflow = first
    count, mine = int(rank.max(initial=-1)) + 1, rank >= 0

    def until(level: IntArray, amounts: FloatArray) -> FloatArray:
        inside = level < count
        return np.cumsum(np.bincount(level[inside], weights=amounts[inside], minlength=count)[:count])

    def at(chosen: NDArray[np.bool_], amounts: FloatArray) -> FloatArray:
        return np.bincount(rank[chosen], weights=amounts[chosen], minlength=count)

    supplied = until(of_inflow, platform.supply)
    kept = until(np.where(mine, of_water, count), exposure) - at(mine & (of_water <= rank), exposure)
    capped = at(mine & (of_water > rank), exposure)
    rounding = (count + 8) * 2.0**-53 * (supplied + kept + capped)
    return (supplied - kept + capped + rounding) / at(mine, merit)


@dataclass(frozen=True, eq=False)
class _Proof:
    """One price on every impression that goes into the bottleneck of a level, and none elsewhere.

    It is borne by the level's anchors, by the floors of lower levels, and by floors of the problem that are above the
    level; the caps of anchors outside the bottleneck bear its opposite.
    """

    merit: FloatArray
    levels: tuple[Level, ...]
    of_water: IntArray

    def __call__(self, k: int, problem: Problem) -> tuple[Multipliers, None]:
        own = np.zeros(self.merit.size, dtype=bool)
        own[self.levels[k].anchors] = True
        price, inside = 1.0 / self.merit[own].sum(), self.of_water <= k
        bonus = price * np.where(own, -1.0 * ~inside, 1.0 * inside)
        return problem.with_bonus(bonus, [price * own, *[None] * (len(problem.terms) - 1)]), None
