"""From nearly feasible to feasible: clip, scale, refill."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.feasibility import CLOSE_ENOUGH, fill
from allocator.graph import Platform
from allocator.mixing import mixed
from allocator.problem import Multipliers, Problem
from allocator.rules import Totals, Welfare
from allocator.rules.rows import Boxes

FloatArray = NDArray[np.float64]
ROUNDS = 30
SLIVER = 1e-6


def repair(
    problem: Problem, flow: FloatArray, multipliers: Multipliers | None = None, beside: FloatArray | None = None
) -> FloatArray:
    """Return a flow near ``flow`` that keeps supply and all box rules, as far as clipping, scaling and refilling can.

    Negative flow is clipped, segments over their supply and anchors over their cap are scaled down, anchors below
    their floor are filled from spare supply and from anchors that have more than they need; what supply is then left
    goes where the surplus is positive, if there are only bounds on exposure. Other rules are mended by
    `allocator.mixing.mixed`, with a flow ``beside`` that keeps them with room to spare where there is one.
    """
    platform = problem.platform
    flow = _boxed(problem, flow)
    for term in problem.welfare:
        flow = _refill(problem, flow, term.of, _least(term, problem.box_of(term.of), flow))
    if any(t.box is None for t in problem.hard):
        supporting = problem.supporting(Totals(platform, flow)) if multipliers is None else multipliers
        worth = problem.surplus(supporting).on_edges()
        more = [] if beside is None else [beside]
        return mixed(problem, flow, worth, lambda other: _boxed(problem, other), more)
    only_exposure = all(t.box is not None and t.box.of == "exposure" for t in problem.constraints)
    return _use_spare(problem, flow, multipliers) if only_exposure else flow


def _boxed(problem: Problem, flow: FloatArray) -> FloatArray:
    """A flow near one that keeps supply, caps and floors, as far as may be."""
    platform, boxes = problem.platform, problem.boxes
    flow = scaled_to_supply(platform, np.maximum(flow, 0.0))
    for good, box in boxes.items():
        amount = platform.amounts(good, flow)
        flow = flow * np.divide(box.upper, amount, out=np.ones_like(amount), where=amount > box.upper)[platform.anchor]
    for good, box in boxes.items():
        flow = _refill(problem, flow, good, box.lower)
        if good == "exposure" and (box.lower * (1 - CLOSE_ENOUGH) > platform.into_anchors(flow)).any():
            flow, _ = fill(platform, flow, box.lower)
    return flow


def _least(term: Welfare, box: Boxes, flow: FloatArray) -> FloatArray:
    """A sliver for anchors that a flow starves where welfare is then minus infinity, and the floors of all."""
    totals = Totals(term.platform, flow)
    if np.isfinite(term.value(totals).sum()):
        return np.zeros_like(box.lower)
    sliver = SLIVER * term.platform.even_amounts(term.of)
    return np.where(totals.of(term.of) < sliver, np.minimum(np.maximum(box.lower, sliver), box.upper), box.lower)


def scaled_to_supply(platform: Platform, flow: FloatArray) -> FloatArray:
    """A flow (E,) in which segments that would send more than their supply send just that, by all edges alike."""
    served = platform.into_segments(flow)
    factor = np.divide(platform.supply, served, out=np.ones_like(served), where=served > platform.supply)
    return flow * factor[platform.segment]


def _refill(problem: Problem, flow: FloatArray, good: str, lower: FloatArray) -> FloatArray:
    """Raise anchors to ``lower`` (A,) of a good from spare supply and, in the same segments, from anchors that have
    more than that and than all floors.
    """
    platform, boxes = problem.platform, problem.boxes
    per_impression = platform.per_impression(good)
    for _ in range(ROUNDS):
        amount = platform.amounts(good, flow)
        missing = np.where(amount < lower * (1 - CLOSE_ENOUGH), lower - amount, 0.0)
        if not missing.any():
            break
        # Anchors that need none of the good may give away traffic that brings none of it.
        free = np.where(lower > 0, 0.0, 1.0)
        np.divide(amount - lower, amount, out=free, where=(amount > lower) & (lower > 0))
        for other, box in boxes.items():
            had = amount if other == good else platform.amounts(other, flow)
            above = np.divide(had - box.lower, had, out=np.zeros_like(had), where=had > box.lower)
            free = np.where(box.lower > 0, np.minimum(free, above), free)
        removable = flow * free[platform.anchor]
        spare = np.maximum(platform.supply - platform.into_segments(flow), 0.0)
        takeable = platform.into_segments(removable)
        offered = np.where(missing[platform.anchor] > 0, (spare + takeable)[platform.segment], 0.0)
        offer = platform.into_anchors(offered * per_impression)
        wanted = (
            offered
            * np.minimum(np.divide(missing, offer, out=np.zeros_like(offer), where=offer > 0), 1.0)[platform.anchor]
        )
        for other, box in boxes.items():
            room = np.maximum(box.upper - platform.amounts(other, flow), 0.0)
            arriving = platform.amounts(other, wanted)
            wanted *= np.divide(room, arriving, out=np.ones_like(room), where=arriving > room)[platform.anchor]
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
    surplus = problem.surplus(problem.supporting(Totals(platform, flow)) if multipliers is None else multipliers)
    spare = platform.supply - platform.into_segments(flow)
    for _ in range(ROUNDS):
        exposure = platform.into_anchors(flow)
        room = np.where(exposure < upper * (1 - CLOSE_ENOUGH), upper - exposure, 0.0)
        waiting = np.flatnonzero(spare > CLOSE_ENOUGH * platform.supply)
        edge, starts = _edges_of(platform, waiting)
        worth = np.where(room[platform.anchor[edge]] > 0, surplus.at(edge), -np.inf)
        best = np.maximum.reduceat(worth, starts) if edge.size else np.zeros(0)
        degree = np.diff(np.append(starts, edge.size))
        chosen = (worth == np.repeat(best, degree)) & (worth > 0)
        if not chosen.any():
            break
        ties = np.maximum(np.add.reduceat(chosen, starts), 1)
        sent = np.where(chosen, np.repeat(spare[platform.segment[edge[starts]]] / ties, degree), 0.0)
        anchor = platform.anchor[edge]
        arriving = np.bincount(anchor, weights=sent, minlength=room.size)
        sent *= np.divide(room, arriving, out=np.ones_like(arriving), where=arriving > room)[anchor]
        flow[edge] += sent
        spare[platform.segment[edge[starts]]] -= np.add.reduceat(sent, starts)
    return flow


def _edges_of(platform: Platform, segments: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges of some segments, and where each segment's edges start among them; segments without edges are left out."""
    degree = np.diff(platform.indptr)[segments]
    segments, degree = segments[degree > 0], degree[degree > 0]
    starts = np.cumsum(degree) - degree
    return np.repeat(platform.indptr[segments] - starts, degree) + np.arange(degree.sum()), starts
