"""A flow as a circulation: an arc for every edge and every total, with the fractional part of what it carries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.certificate import TOLERANCE
from allocator.discrete.laminar import Family
from allocator.problem import Problem
from allocator.rules import SegmentCap

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]
ONE = 1 << 60
"""Units of a fractional part per impression: sums of integers are exact, and what int64 overflows by is a multiple of
whole impressions, which does not matter to a part.
"""
GRAIN = 2.0**-46
"""A sum of n floats counts as whole within so much of n + its amount, some units of their last places."""


class Arcs(NamedTuple):
    """The N fractional arcs of a circulation: from ``tail`` (N,) to ``head`` (N,), with the fractional ``part`` (N,) of
    what they carry, in units of 1 / ONE; ``number`` (N,) counts all arcs, edges first. There are ``nodes`` nodes.
    """

    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    part: IntArray
    number: IntArray
    nodes: int


def whole_and_part(problem: Problem, flow: FloatArray) -> tuple[IntArray, IntArray]:
    """What edges (E,) carry >= 0 as whole impressions and parts of 1 / ONE."""
    caps = [rule.limit for rule in problem.hard if isinstance(rule, SegmentCap)]
    whole = np.floor(flow)
    part = ((flow - whole) * ONE).astype(np.int64)
    counted = _near(part, flow, 1)
    for cap in caps:
        counted |= _above(flow, cap, problem.platform.supply[problem.platform.segment])
    whole = whole.astype(np.int64) + (counted & (part >= ONE // 2))
    return whole, np.where(counted, 0, part)


def circulation(problem: Problem, flow: FloatArray, part: IntArray, family: Family) -> Arcs:
    """The fractional arcs of source -> segments -> anchors -> groups -> root -> source, given the parts of edges."""
    platform, box, groups = problem.platform, problem.exposure_box, len(family.names)
    S, A, total = platform.segment_count, platform.anchor_count, float(flow.sum())
    served, exposure = platform.into_segments(flow), platform.into_anchors(flow)
    out, into = (_sums(part, ends, size) for ends, size in ((platform.segment, S), (platform.anchor, A)))
    degree, inside = platform.anchor_degree, family.members @ exposure
    out[_near(out, served, np.diff(platform.indptr)) | _above(served, platform.supply, platform.supply)] = 0
    into[_near(into, exposure, degree) | _outside(exposure, (box.lower, box.upper), platform.reach)] = 0
    of_groups, everybody = (family.members @ into) % ONE, into.sum(keepdims=True) % ONE
    bounds = family.lower, family.upper
    of_groups[_near(of_groups, inside, family.members @ degree) | _outside(inside, bounds, total)] = 0
    everybody[_near(everybody, total, flow.size)] = 0

    root = S + A + groups
    source, anchors, inner = root + 1, S + np.arange(A), S + A + np.arange(groups)
    tail = np.concatenate((platform.segment, np.full(S, source), anchors, inner, [root]))
    head = np.concatenate((S + platform.anchor, np.arange(S), S + A + family.owner, S + A + family.parent, [source]))
    parts = np.concatenate((part, out, into, of_groups, everybody))
    number = np.flatnonzero(parts)
    return Arcs(tail[number].astype(np.int32), head[number].astype(np.int32), parts[number], number, source + 1)


def _sums(part: IntArray, ends: NDArray[np.integer], size: int) -> IntArray:
    """Fractional parts of sums of parts by their ends."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, ends, part)
    return sums % ONE


def _near(part: IntArray, amount: FloatArray | float, summands: IntArray | int) -> Mask:
    """Whether an amount with a fractional part is whole but for the rounding error of its summands."""
    grain = np.minimum(GRAIN * (summands + amount), 0.25) * ONE
    return (part <= grain) | (part >= ONE - grain)


def _outside(amount: FloatArray, bounds: tuple[FloatArray, FloatArray], size: ArrayLike) -> Mask:
    """Whether amounts are beyond whole bounds, lower or upper, by so little that it does not count; see `_above`."""
    lower, upper = bounds
    return _above(amount, upper, size) | _above(-amount, -lower, size)


def _above(amount: FloatArray, level: FloatArray, size: ArrayLike) -> Mask:
    """Whether amounts are above a whole level by no more than certificates tolerate, relative to it or, where it is
    zero, to the ``size``, and by less than one half, so that the level is the nearest whole number.
    """
    level = np.where(np.isfinite(level), level, np.pi)  # no level, and not whole
    whole, unit = np.rint(level), np.where(level != 0, np.abs(level), size)
    excess = amount - whole
    return (np.abs(level - whole) <= GRAIN * (1 + unit)) & (excess > 0) & (excess <= np.minimum(TOLERANCE * unit, 0.49))
