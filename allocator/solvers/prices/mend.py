"""Smoothed flows break bounds a little, network flows by rounding; here their contested part is made to keep them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.problem import Problem
from allocator.repair import repair
from allocator.rules import GMV, Cap, Floor
from allocator.solvers.prices.contest import Contest
from allocator.solvers.prices.dual import Dual

FloatArray = NDArray[np.float64]
ROUNDS = 3
DIGITS = 1e-11
"""Relative violation that counts as none."""


def mended(dual: Dual, flow: FloatArray, x: FloatArray) -> FloatArray:
    """A flow near one on the contested edges so that bounds on exposure hold, as far as may be.

    The contest is one of its own problem: what decided segments bring is taken off the bounds. All edges of anchors
    that this cannot mend are contested in the next round.
    """
    lower, upper = dual.response.lower, dual.response.upper
    for _ in range(ROUNDS):
        flow = _repaired(dual, flow, x)
        loads = dual.contest.decided[0] + _into_anchors(dual.contest, flow)
        broken = (loads < lower * (1 - DIGITS)) | (loads > upper * (1 + DIGITS))
        if dual.contest.edge is None or not broken.any():
            break
        before = dual.contest
        dual.free(broken | before.loose)
        flow = _carried(flow, before, dual.contest)
    return flow


def _repaired(dual: Dual, flow: FloatArray, x: FloatArray) -> FloatArray:
    """The flow that the common repair makes of it on the contested edges alone."""
    edges, had = dual.contest.edges, dual.contest.decided[0]
    if not edges.anchor.size:
        return flow
    reach = _into_anchors(dual.contest, np.repeat(edges.supply, np.diff(edges.indptr)))
    most = np.maximum(dual.response.upper - had, 0.0)
    least = np.clip(dual.response.lower - had, 0.0, np.minimum(most, reach))
    platform = Platform(
        edges.indptr, edges.anchor, edges.measures[0], edges.supply, capacity=np.full(most.size, np.inf)
    )
    rest = Problem(platform, dual.weight * GMV(), [Cap(most), Floor(least)])
    bonus = x[: most.size]
    prices = [None] * len(rest.objective.terms) + [np.minimum(bonus, 0.0), np.maximum(bonus, 0.0)]
    return repair(rest, flow, prices)


def _carried(flow: FloatArray, before: Contest, after: Contest) -> FloatArray:
    """A flow on the contested edges of one contest on those of another that holds them all and more."""
    carried = np.zeros(after.edges.anchor.size)
    carried[np.searchsorted(after.edge, before.edge)] = flow
    for edge, amount in before.won:
        at = np.minimum(np.searchsorted(after.edge, edge), max(after.edge.size - 1, 0))
        again = after.edge[at] == edge
        carried[at[again]] = amount[again]
    return carried


def _into_anchors(contest: Contest, flow: FloatArray) -> FloatArray:
    return np.bincount(contest.edges.anchor, weights=flow, minlength=contest.loose.size)
