"""Leximin of exposure under bounds on exposure: bottlenecks, then the transport problem of highest GMV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, run
from allocator.graph import Platform
from allocator.leximin.bottlenecks import Bounds, Tide, bottlenecks
from allocator.leximin.record import Level, Leximin, Prepared, highest_gmv, ranks
from allocator.problem import Multipliers, Problem
from allocator.rules import MaxMin
from allocator.solvers.transport import Network, between

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LEFT_OVER = 1e-9
"""Part of a supply that is more than rounding."""
SAME = 1e-11
"""Levels that differ by less, relatively, are one: far above the rounding of sums, and of no interest to anybody."""


def by_flows(
    problem: Problem, term: MaxMin, *, relative_gap: float, report: Callable[[str], None] | None = None
) -> Leximin:
    """The leximin allocation of a problem whose hard rules are bounds on exposure."""
    platform, box = problem.platform, problem.exposure_box
    upper = np.where(box.upper < platform.reach * (1 - SAME), box.upper, np.inf)
    tide = bottlenecks(platform, Bounds(term.merit, box.lower, upper))
    exposure = platform.into_anchors(tide.flow)
    levels, of_water = _levels(platform, term, tide, exposure)
    if report is not None:
        report(f"{len(levels):,} levels of exposure; now the highest GMV")
    final = highest_gmv(problem, "exposure", exposure, SAME)
    allocation = run(
        final, Prepared("network simplex, part by part", _highest(final, tide, exposure)), Goal(relative_gap)
    )
    return Leximin(allocation, problem, "exposure", term.merit, levels, _Proof(term.merit, levels, of_water))


def _levels(platform: Platform, term: MaxMin, tide: Tide, exposure: FloatArray) -> tuple[tuple[Level, ...], IntArray]:
    """Levels with their bounds, and for every anchor (A,) the first level whose bottleneck holds it."""
    ratio = tide.target[term.active] / term.merit[term.active]
    order = np.argsort(ratio, kind="stable")
    rising = ratio[order]
    first = np.flatnonzero(np.append(True, rising[1:] > rising[:-1] * (1 + SAME)))
    groups = [np.sort(term.active[group]) for group in np.split(order, first[1:])]
    found = tuple(Level(float(tide.target[group].sum() / term.merit[group].sum()), group, np.inf) for group in groups)
    highest = rising[np.append(first[1:], order.size) - 1]
    of_water, of_inflow = (np.searchsorted(highest, water * (1 - SAME / 2)) for water in (tide.water, tide.inflow))
    bound = _bounds(platform, ranks(found, term.merit.size), (of_water, of_inflow), exposure, term.merit)
    return tuple(replace(entry, bound=float(b)) for entry, b in zip(found, bound, strict=True)), of_water


def _highest(final: Problem, tide: Tide, exposure: FloatArray) -> Answer:
    """The flow of highest GMV with these exposures, by network simplex on the edges within parts."""
    platform = final.platform
    within = tide.within(platform)
    worth = platform.value[within].astype(np.float64)
    room = between(exposure, exposure)
    network = Network.of(platform.segment[within], platform.anchor[within], worth, platform.supply, room)
    flow = np.zeros(platform.edge_count)
    try:
        flow[within], bonus = network.solve()
    except NoAnswer as error:
        return Answer(tide.flow, claim=str(error))
    dearest = np.zeros(exposure.size)
    np.maximum.at(dearest, platform.anchor, platform.value)
    bonus = np.where(exposure > 0, _near(platform, tide, (flow, bonus, exposure)), -dearest)
    return Answer(flow, final.with_bonus(bonus), claim="optimal basis")


def _near(platform: Platform, tide: Tide, given: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """Bonuses moved together within each part, which changes nothing there, until rents are as small as can be, (A,);
    ``given`` is a flow (E,) with its bonus and exposure, both (A,).

    Network simplex knows nothing of other parts, and leaves the bonuses of a part anywhere, unless supply is left over
    in it. Least rents are 0, or what edges into parts with higher water would earn there: a longest path over parts
    (derived here).
    """
    flow, bonus, exposure = given
    there = np.flatnonzero((tide.of_segment[platform.segment] >= 0) & (exposure[platform.anchor] > 0))
    segment, anchor = platform.segment[there], platform.anchor[there]
    part, other = tide.of_segment[segment], tide.of_anchor[anchor]
    surplus, own = platform.value[there] + bonus[anchor], part == other
    rent = np.full(platform.segment_count, -np.inf)
    np.maximum.at(rent, segment[own], surplus[own])
    least = np.full(int(tide.of_anchor.max()) + 1, -np.inf)
    np.maximum.at(least, part[own], -rent[segment[own]])
    idle = platform.supply - platform.into_segments(flow) > LEFT_OVER * platform.supply
    least[tide.of_segment[idle & (tide.of_segment >= 0)]] = 0.0
    across = (surplus - rent[segment])[~own]
    for _ in range(least.size):
        raised = least.copy()
        np.maximum.at(raised, part[~own], across + least[other[~own]])
        if (raised <= least).all():
            break
        least = raised
    return bonus + np.where(np.isfinite(least), least, 0.0)[np.maximum(tide.of_anchor, 0)]


def _bounds(
    platform: Platform, rank: IntArray, first: tuple[IntArray, IntArray], exposure: FloatArray, merit: FloatArray
) -> FloatArray:
    """The bounds that `_Proof` gives for all levels, in one pass: what a bottleneck's segments supply, less what its
    anchors of other levels keep, is all there is for its anchors of this level; those outside it have their caps.

    ``first`` is the first level whose bottleneck holds each anchor (A,) and segment (S,).
    """
    of_water, of_inflow = first
    count, mine = int(rank.max()) + 1, rank >= 0

    def at(level: IntArray, chosen: NDArray[np.bool_], amounts: FloatArray) -> FloatArray:
        chosen = chosen & (level < count)
        return np.bincount(level[chosen], weights=amounts[chosen], minlength=count)

    supplied, kept = at(of_inflow, of_inflow >= 0, platform.supply), at(of_water, mine, exposure)
    inside, capped = at(rank, mine & (of_water <= rank), exposure), at(rank, mine & (of_water > rank), exposure)
    size = np.cumsum(supplied + kept) + inside + capped
    rounding = 8 * 2.0**-53 * np.log2(platform.edge_count + 4) * size
    return (np.cumsum(supplied - kept) + inside + capped + rounding) / at(rank, mine, merit)


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
