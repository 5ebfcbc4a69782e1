"""Network flows one after the other: closer around the amounts of the one before, and wider where that did not help."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.driver import NoAnswer
from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.finish import finish
from allocator.solvers.prices.search import Search

FloatArray = NDArray[np.float64]
THIN, ALL, ROWS = 20, 500_000, 60_000
"""A graph is thin with fewer segments per anchor than this; flows on all edges are tried up to this many edges and this
many rows of their network: pivots cost as much as the tree is large.
"""
FEW, PART, SOON = 20_000, 0.02, 0.2
"""Flows on near-ties are tried on this many contested edges, or on this part of all where a gap that the next
temperature multiplies by about `SOON` would not do.
"""
PIECES = 12
"""Pieces of a concave worth, each a row of the network."""
ROUNDS, WIDEST, CLOSER = 8, 3.0, 0.15
"""Flows in a row at most; how far the pieces of a concave worth reach at first, and how much closer in each."""
HELPED, TRACE = 0.3, 0.03
"""A flow helped if it left this part of the gap; the least an anchor of a start is taken to have, in even
loads: the first pieces reach a thousand times below and eighty times above."""


def on_all_edges(search: Search) -> bool:
    """Solve a thin graph by flows on all its edges, from the amounts of the start or of the even flow; True if the gap
    is reached.

    Where segments are few, each is a large part of what an anchor gets: smoothing is no help, and a flow is cheap.
    """
    platform, start = search.dual.problem.platform, search.goal.start
    thin = platform.segment_count < THIN * platform.anchor_count and platform.edge_count <= ALL
    if not (search.flowing and thin and _rows(search) <= ROWS):
        return False
    amounts = search.even.of("exposure")
    if start is not None and start.exposure.size == amounts.size:
        amounts = np.maximum(start.exposure, TRACE * amounts)
    return _flows(search, amounts, WIDEST, search.worth)


def on_near_ties(search: Search, point: Point, temperature: float) -> bool:
    """Finish by flows on the edges that are contested at a point of the dual; True if the gap is reached."""
    if not search.flowing:
        return False
    dual, before = search.dual, search.dual.contest
    dual.focus(point.x, dual.width(temperature))
    if _flows(search, point.amounts[0], 1.0 + min(temperature / search.worth, 1.0), temperature):
        return True
    dual.contest = before
    return False


def _flows(search: Search, amounts: FloatArray, zoom: float, temperature: float) -> bool:
    dual, gap = search.dual, search.gap
    margin, soon = dual.contest.margin, search.gap * SOON <= search.wanted
    for _ in range(ROUNDS):
        if search.late or (np.isfinite(margin) and not _cheap(search, soon)):
            return False
        try:
            found = finish(dual, amounts, zoom)
        except NoAnswer:
            return False
        before, gap = gap, search.flowed(found, temperature)
        if search.reached or not (np.isfinite(gap) or np.isfinite(before)):
            return search.reached
        if gap > HELPED * before:
            margin *= 2.0
        if margin > dual.contest.margin or dual.drift(found.point.x) > 0.5 * margin:
            dual.focus(found.point.x, margin)
        amounts, zoom = found.point.amounts[0], 1.0 + CLOSER * (zoom - 1.0)
    return False


def _cheap(search: Search, soon: bool) -> bool:
    """Whether a flow on the contested edges costs less than going on without."""
    size = search.dual.contest.edges.anchor.size
    plain = not search.dual.problem.welfare
    few = (size <= FEW and (plain or not soon)) or (size <= PART * search.dual.graph.anchor.size and not soon)
    return few and _rows(search) <= ROWS


def _rows(search: Search) -> int:
    """Rows of the network of a flow: contested segments and pieces of anchors."""
    pieces = PIECES if search.dual.problem.welfare else 2
    return search.dual.contest.edges.supply.size + pieces * search.dual.problem.platform.anchor_count
