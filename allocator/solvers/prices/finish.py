"""The exact finish: a network flow on the contested edges, with the worth of what anchors already have taken out."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual
from allocator.solvers.transport import Network, Pieces

FloatArray = NDArray[np.float64]
STEPS = np.array([-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0])
"""Where the pieces of a concave worth end, as powers of the zoom around the present amount."""
FAR = np.array([0.02, 0.3])
"""Parts of the present amount at which pieces end far below it."""


class Finished(NamedTuple):
    """Flow on the contested edges, and the point of the dual with the prices that support it and the amounts of all
    anchors.
    """

    flow: FloatArray
    point: Point


def finish(dual: Dual, amounts: FloatArray, zoom: float) -> Finished:
    """The best flow on the contested edges, decided segments staying as they are.

    Exposure alone may be spoken of. Bounds are exact; a concave worth becomes linear pieces around the ``amounts``
    (A,), each ``zoom`` to a power of `STEPS` wide, so that the flow is exact up to what a chord lies below its arc:
    alpha/8 (ln zoom)^2 of the worth of a piece.
    """
    edges, x, size = dual.contest.edges, dual.contest.x, amounts.size
    before = x[:size]
    pieces = _pieces(dual, amounts, zoom, before)
    flow, bonus = _network(dual, before, pieces).solve()
    flow = flow[: edges.anchor.size]
    known = np.bincount(edges.anchor, minlength=size) > 0
    prices = np.concatenate((np.where(known & dual.heard[:size], bonus, before), x[size:]))
    exposure = np.bincount(edges.anchor, weights=flow, minlength=size)
    sales = np.bincount(edges.anchor, weights=flow * edges.measures[0], minlength=size)
    brought = dual.contest.decided + np.stack([exposure, sales])
    none = np.zeros(prices.size)
    return Finished(flow, Point(prices, np.nan, none, none, none, brought.ravel(), brought, ()))


def _network(dual: Dual, x: FloatArray, pieces: Pieces) -> Network:
    """The contested segments, and behind them one for each anchor that stands for its decided ones: they leave if the
    bonus falls below x - margin.
    """
    contest, edges = dual.contest, dual.contest.edges
    had = np.flatnonzero(contest.decided[0] > 0)
    segments = edges.supply.size
    segment = np.repeat(np.arange(segments), np.diff(edges.indptr))
    return Network.of(
        np.concatenate((segment, segments + np.arange(had.size))),
        np.concatenate((edges.anchor, had)),
        np.concatenate((dual.weight * edges.measures[0], contest.margin - x[had])),
        np.concatenate((edges.supply, contest.decided[0, had])),
        pieces,
    )


def _pieces(dual: Dual, amounts: FloatArray, zoom: float, x: FloatArray) -> Pieces:
    """The anchors' room, cut where its worth changes. A floor is worth x + margin, because nothing is known of the flow
    at higher prices.
    """
    response, size = dual.response, amounts.size
    lower, upper = (
        (np.zeros(size), dual.problem.platform.reach) if response is None else (response.lower, response.upper)
    )
    ends, terms = [lower, upper], response is not None and bool(response.terms)
    if terms:
        middle = np.clip(amounts, lower, upper)
        ends[1:1] = [np.clip(middle * part, lower, upper) for part in (*FAR * zoom ** STEPS[0], *zoom**STEPS)]
    anchor, parts = np.arange(size), [(np.arange(size), lower, np.maximum(x + dual.contest.margin, 0.0))]
    for low, high in pairwise(ends):
        parts.append((anchor, high - low, response.chord(low, high) if terms else np.zeros(size)))
    return Pieces(*map(np.concatenate, zip(*parts, strict=True)))
