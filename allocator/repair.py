"""From nearly feasible to feasible: clip, scale, refill."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.feasibility import fill
from allocator.graph import Platform
from allocator.problem import Multipliers, Problem
from allocator.rules.rows import Boxes

FloatArray = NDArray[np.float64]
ROUNDS = 30
CLOSE_ENOUGH = 1e-13
"""Relative shortfall below which a floor counts as met: well inside the certificate's tolerance."""


def repair(problem: Problem, flow: FloatArray, multipliers: Multipliers | None = None) -> FloatArray:
    """Return a flow near ``flow`` that keeps supply and all box rules, as far as clipping, scaling and refilling can.

    Negative flow is clipped, segments over their supply and anchors over their cap are scaled down, anchors below
    their floor are filled from spare supply and from anchors that have more than they need, and what supply is then
    left goes where the surplus is positive. Other rules are not looked at; the certificate says whether they hold.
    """
    platform = problem.platform
    goods = sorted({t.box.of for t in problem.constraints if t.box is not None})
    boxes = {good: Boxes.of(good, problem.constraints, platform.anchor_count) for good in goods}
    flow = _scaled_to_supply(platform, np.maximum(flow, 0.0))
    for good, box in boxes.items():
        amount = platform.amounts(good, flow)
        flow = flow * np.divide(box.upper, amount, out=np.ones_like(amount), where=amount > box.upper)[platform.anchor]
    for good, box in boxes.items():
        flow = _refill(platform, flow, good, box.lower)
        if good == "exposure" and (box.lower * (1 - CLOSE_ENOUGH) > platform.into_anchors(flow)).any():
            flow, _ = fill(platform, flow, box.lower)
    only_exposure = all(t.box is not None and t.box.of == "exposure" for t in problem.constraints)
    return _use_spare(problem, flow, multipliers) if only_exposure else flow


def _scaled_to_supply(platform: Platform, flow: FloatArray) -> FloatArray:
    served = platform.into_segments(flow)
    factor = np.divide(platform.supply, served, out=np.ones_like(served), where=served > platform.supply)
    return flow * factor[platform.segment]


def _refill(platform: Platform, flow: FloatArray, good: str, lower: FloatArray) -> FloatArray:
    """Raise anchors to their floor of a good from spare supply and, in the same segments, from anchors above theirs."""
    measure = platform.measure(good)
    per_impression = np.ones(platform.edge_count) if measure is None else measure.astype(np.float64)
    for _ in range(ROUNDS):
        amount = platform.amounts(good, flow)
        missing = np.where(amount < lower * (1 - CLOSE_ENOUGH), lower - amount, 0.0)
        if not missing.any():
            break
        free = np.divide(amount - lower, amount, out=np.zeros_like(amount), where=amount > lower)
        removable = flow * free[platform.anchor]
        spare = np.maximum(platform.supply - platform.into_segments(flow), 0.0)
        takeable = platform.into_segments(removable)
        offered = np.where(missing[platform.anchor] > 0, (spare + takeable)[platform.segment], 0.0)
        offer = platform.into_anchors(offered * per_impression)
        wanted = (
            offered
            * np.minimum(np.divide(missing, offer, out=np.zeros_like(offer), where=offer > 0), 1.0)[platform.anchor]
        )
        asked = platform.into_segments(wanted)
        wanted *= np.divide(spare + takeable, asked, out=np.ones_like(asked), where=asked > spare + takeable)[
            platform.segment
        ]
        asked = np.minimum(asked, spare + takeable)
        taken = np.divide(np.maximum(asked - spare, 0.0), takeable, out=np.zeros_like(asked), where=takeable > 0)
        flow = np.maximum(flow - removable * taken[platform.segment] + wanted, 0.0)
    return flow


def _use_spare(problem: Problem, flow: FloatArray, multipliers: Multipliers | None) -> FloatArray:
    """Send unserved supply to the best edge of each segment whose surplus is positive and whose anchor has room."""
    platform, upper = problem.platform, problem.exposure_box.upper
    surplus = problem.surplus(problem.supporting(flow) if multipliers is None else multipliers).on_edges()
    for _ in range(ROUNDS):
        spare = platform.supply - platform.into_segments(flow)
        spare[spare <= CLOSE_ENOUGH * platform.supply] = 0.0
        exposure = platform.into_anchors(flow)
        room = np.where(exposure < upper * (1 - CLOSE_ENOUGH), upper - exposure, 0.0)
        open_to = np.where(room[platform.anchor] > 0, surplus, -np.inf)
        best = platform.largest_in_segments(open_to)
        target = (open_to == best[platform.segment]) & (open_to > 0) & (spare[platform.segment] > 0)
        if not target.any():
            break
        ties = np.maximum(platform.into_segments(target), 1.0)
        sent = np.where(target, (spare / ties)[platform.segment], 0.0)
        arriving = platform.into_anchors(sent)
        fits = np.divide(room, arriving, out=np.ones_like(arriving), where=arriving > room)
        flow = flow + sent * fits[platform.anchor]
    return flow
