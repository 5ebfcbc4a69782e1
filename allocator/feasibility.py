"""Can the rules hold together? By arithmetic, a maximum flow or linear programs; with a proof where they cannot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import refuted
from allocator.elastic import Elastic
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules.rows import Boxes
from allocator.rules.stated import unit_of
from allocator.wording import quantity, some

FloatArray = NDArray[np.float64]
FLOW_UNITS = 2.0**52
"""The missing total of a maximum flow in integer units; far from the limit of int64, finer than float64 needs."""
ZOOMS = 6
GIVE = 1e-11
LARGEST_STRAINED, PATIENCE = 300_000, 60.0
"""Edges up to which a proof of conflict is looked for by linear programming, and how long."""
CLOSE_ENOUGH = 1e-13
"""Relative shortfall below which a floor counts as met: well inside the certificate's tolerance."""


@dataclass(frozen=True)
class Conflict:
    """Rules that contradict each other: a sentence, and multipliers by which the certificate proves it."""

    sentence: str
    witness: list[Any]


def precheck(problem: Problem) -> Conflict | None:
    """Contradictions that show by arithmetic: floors above caps, above what an anchor can reach, above all there is."""
    for good, boxes in problem.boxes.items():
        for conflict in _arithmetic(problem, good, boxes):
            if refuted(problem, conflict.witness):
                return conflict
    return None


def _arithmetic(problem: Problem, good: str, boxes: Boxes) -> Iterable[Conflict]:
    ids, reach = problem.platform.anchors["id"], problem.platform.reach_of(good)
    unit = unit_of(problem.platform, good)
    above_cap, above_reach = boxes.lower > boxes.upper, boxes.lower > reach
    if above_cap.any():
        j = int(np.argmax(above_cap))
        yield Conflict(
            f"the floor of {good} is above the cap for {above_cap.sum():,} anchors: {some(ids[above_cap])} "
            f"(anchor {ids[j]}: floor {quantity(boxes.lower[j])}, cap {quantity(boxes.upper[j])} {unit}); "
            f"lower the floor or raise the cap",
            _witness(problem, boxes, np.where(above_cap, 1.0, 0.0), both=True),
        )
    if above_reach.any():
        j = int(np.argmax(above_reach))
        yield Conflict(
            f"the floor of {good} is above reach for {above_reach.sum():,} anchors: {some(ids[above_reach])} "
            f"(anchor {ids[j]}: floor {quantity(boxes.lower[j])}, but all its segments together bring "
            f"{quantity(reach[j])} {unit}); lower the floor or add edges",
            _witness(problem, boxes, np.where(above_reach, 1.0, 0.0)),
        )
    asked, there = float(boxes.lower.sum()), problem.platform.total_of(good)
    if asked > there:
        yield Conflict(
            f"the floors of {good} add up to {quantity(asked)} {unit}, but the supply allows at most "
            f"{quantity(there)}; lower them by {1 - there / asked:.2%} or raise supply",
            _witness(problem, boxes, np.where(boxes.lower > 0, 1.0, 0.0)),
        )


def _witness(problem: Problem, boxes: Boxes, p: FloatArray, *, both: bool = False) -> list[Any]:
    """Multipliers that put p on the highest floor of each anchor (and, with ``both``, -p on its lowest cap)."""
    floors, caps = boxes.marginals(p), boxes.marginals(-p)
    of_rule = {
        id(rule): floor + (cap if both else 0.0) for rule, floor, cap in zip(boxes.rules, floors, caps, strict=True)
    }
    return [of_rule.get(id(term), term.idle()) for term in problem.hard]


def conflict(problem: Problem) -> Conflict | None:
    """Rules that cannot hold together, proved; None if no proof is found.

    Bounds on exposure by a maximum flow, whose minimum cut names anchors and segments; other rules by the prices of a
    model that breaks them as little as possible.
    """
    return _cut(problem) or _strained(problem)


def _cut(problem: Problem) -> Conflict | None:
    boxes, platform = problem.exposure_box, problem.platform
    _, unmet = fill(platform, np.zeros(platform.edge_count), boxes.lower)
    if unmet is None:
        return None
    anchors, segments = unmet
    hungry = anchors & (boxes.lower > 0)
    asked, there = boxes.lower[hungry].sum(), platform.supply[segments].sum()
    found = Conflict(
        f"the floors of {hungry.sum():,} anchors ({some(platform.anchors['id'][hungry])}) add up to {quantity(asked)} "
        f"impressions, but the {segments.sum():,} segments that reach them ({some(platform.segments['id'][segments])}) "
        f"supply only {quantity(there)}; lower these floors by {1 - there / asked:.2%} or add edges or supply",
        _witness(problem, boxes, np.where(hungry, 1.0, 0.0)),
    )
    return found if refuted(problem, found.witness) else None


def _strained(problem: Problem) -> Conflict | None:
    """Prices of the model in which every rule may give; where they refute, they name what contradicts."""
    bare = problem.without_objective
    if problem.platform.edge_count > LARGEST_STRAINED:
        return None
    found = Elastic.of(problem).strain(seconds=PATIENCE)
    if found is None or not refuted(problem, found.multipliers):
        return None
    ruled = zip(bare.labels, bare.terms, found.multipliers, strict=True)
    named = [f"{label} at {where}" for label, term, mine in ruled if (where := term.felt(mine))]
    return Conflict(
        f"these rules contradict each other: {'; '.join(named)}; relax their levels, or add edges or supply",
        list(found.multipliers),
    )


def fill(platform: Platform, flow: FloatArray, lower: FloatArray) -> tuple[FloatArray, tuple[NDArray, NDArray] | None]:
    """Move as little as needed of a flow so that every anchor gets ``lower`` (A,), without breaking what holds.

    A maximum flow in the residual graph: from spare supply and from anchors above their floor, along edges forwards
    (send more) and backwards (send less), to anchors below their floor (Ford and Fulkerson 1956). Amounts become whole
    units of the missing total, so it is repeated on what is left: small anchors beside large ones get their last
    digits in later rounds.

    Returns
    -------
    flow : (E,)
    unmet : None, or (anchors (A,), segments (S,))
        Masks of the sink side of the minimum cut: floors of those anchors exceed the supply of all segments that reach
        them.
    """
    for _ in range(ZOOMS):
        missing = np.maximum(lower - platform.into_anchors(flow), 0.0)
        if (missing <= CLOSE_ENOUGH * lower).all():
            return flow, None
        flow, unmet = _augment(platform, flow, lower, missing)
        if unmet is not None:
            return flow, unmet
    return flow, None


def _augment(
    platform: Platform, flow: FloatArray, lower: FloatArray, missing: FloatArray
) -> tuple[FloatArray, tuple[NDArray, NDArray] | None]:
    from ortools.graph.python import max_flow

    S, A, E = platform.segment_count, platform.anchor_count, platform.edge_count
    unit = FLOW_UNITS / missing.sum()

    def whole(amounts: FloatArray) -> NDArray[np.int64]:
        return np.floor(np.minimum(amounts, missing.sum()) * unit).astype(np.int64)

    # Where everything is tight, the rounding of a large anchor can be more than all that a small one lacks: it may
    # give that much.
    spare = np.maximum(platform.supply * (1 + GIVE) - platform.into_segments(flow), 0.0)
    slack = np.maximum(platform.into_anchors(flow) - lower * (1 - GIVE), 0.0)
    source, sink = S + A, S + A + 1
    segment, anchor = platform.segment.astype(np.int64), S + platform.anchor.astype(np.int64)
    anchors = S + np.arange(A)
    tails = np.concatenate((segment, anchor, np.full(S, source), np.full(A, source), anchors))
    heads = np.concatenate((anchor, segment, np.arange(S), anchors, np.full(A, sink)))
    limits = np.concatenate((np.full(E, int(FLOW_UNITS)), whole(flow), whole(spare), whole(slack), whole(missing)))
    network = max_flow.SimpleMaxFlow()
    arcs = network.add_arcs_with_capacity(tails, heads, limits)
    if network.solve(source, sink) != network.OPTIMAL:
        raise ArithmeticError("the maximum flow that repairs floors did not finish")
    moved = network.flows(arcs).astype(np.float64) / unit
    filled = np.maximum(flow + moved[:E] - moved[E : 2 * E], 0.0)
    if (limits[-A:] == network.flows(arcs[-A:])).all():
        return filled, None
    sink_side = np.ones(S + A + 2, dtype=bool)
    sink_side[network.get_source_side_min_cut()] = False
    return filled, (sink_side[S : S + A], sink_side[:S])
