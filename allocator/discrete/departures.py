"""What a platform that does not look loses: who gets too little leaves, period by period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from allocator.allocation import Allocation
from allocator.discrete.stay import Kept, Stay
from allocator.problem import Problem
from allocator.rules.levels import Level, amount, finite, per_anchor
from allocator.solvers import solve

FINE = 1e-5
"""Relative gap to which flows are certified."""


def departures(
    problem: Problem,
    threshold: Level,
    *,
    of: str = "exposure",
    viewers: float | None = None,
    quality: str | None = None,
) -> list[tuple[Allocation, Kept]]:
    """What happens if nobody looks after viability: period by period the best flow for those who are there, after which
    whoever got less than the threshold leaves for good, until nobody does; but for anchors to whom a rule promises
    something.

    Parameters as `viability`; each entry is the allocation of a period and who stays after it.
    """
    return list(periods_of(stay_of(problem, threshold, of, viewers, quality)))


def periods_of(stay: Stay) -> Iterator[tuple[Allocation, Kept]]:
    """Period by period the allocation and who stays after it."""
    platform = stay.problem.platform
    there = Kept(np.ones(platform.anchor_count, dtype=bool), np.ones(platform.segment_count, dtype=bool))
    free = replace(stay, least=np.zeros_like(stay.least), quality_least=np.zeros_like(stay.quality_least))
    while True:
        allocation = solve(_without(free, there), relative_gap=FINE)
        enough = stay.kept(allocation.flow)
        stays = Kept(there.anchors & (enough.anchors | stay.promised), there.segments & enough.segments)
        yield allocation, stays
        if all((a == b).all() for a, b in zip(stays, there, strict=True)):
            return
        there = stays


def _without(free: Stay, there: Kept) -> Problem:
    """The problem of those who are there, without thresholds."""
    left = free.chosen(Kept(there.anchors, np.ones_like(there.segments)))
    supply = np.where(there.segments, left.platform.supply, 0.0)
    return left if there.segments.all() else replace(left, platform=replace(left.platform, supply=supply))


def stay_of(problem: Problem, threshold: Level, of: str, viewers: float | None, quality: str | None) -> Stay:
    """A problem in which anchors and segments stay or leave, from what people write."""
    platform = problem.platform
    platform.measure(of)
    what = "the viability threshold"
    least = finite(platform, per_anchor(platform, threshold, of=of, neutral=0.0, what=what), what)
    asked = amount(0.0 if viewers is None else viewers, "what viewers get per impression of their supply")
    return Stay(problem, least, of, np.full(platform.segment_count, asked), quality)
