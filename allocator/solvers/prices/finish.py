"""The exact finish: a network flow on the contested edges, with the worth of what anchors already have taken out."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.dual import Contest, Dual
from allocator.solvers.prices.response import Response
from allocator.solvers.transport import Network, Pieces

FloatArray = NDArray[np.float64]
STEPS = np.array([-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
"""Where the pieces of a concave worth end, as powers of the zoom around the present amount."""


class Finished(NamedTuple):
    """Flow on the contested edges, the prices x (2, A) that support it, and the amounts (2, A) of all anchors."""

    flow: FloatArray
    x: FloatArray
    loads: FloatArray


def finish(dual: Dual, x: FloatArray, amounts: FloatArray, zoom: float) -> Finished:
    """The best flow on the contested edges, decided segments staying as they are.

    Exposure alone may be spoken of. Bounds are exact; a concave worth becomes linear pieces around the ``amounts``
    (A,), each ``zoom`` to a power of `STEPS` wide, so that the flow is exact up to what a chord lies below its arc:
    alpha/8 (ln zoom)^2 of the worth of a piece.
    """
    contest, response = dual.contest, dual.answers[0]
    edges, size = contest.edges, x.shape[1]
    segment = np.repeat(np.arange(edges.supply.size), np.diff(edges.indptr))
    pieces = _pieces(response, contest, amounts, zoom, x[0])
    network = Network.of(segment, edges.anchor, dual.weight * edges.value, edges.supply, pieces)
    flow, bonus = network.solve()
    known = np.bincount(edges.anchor, minlength=size) > 0
    prices = np.stack([np.where(known & dual.rows[0], bonus, x[0]), x[1]])
    exposure = np.bincount(edges.anchor, weights=flow, minlength=size)
    sales = np.bincount(edges.anchor, weights=flow * edges.value, minlength=size)
    return Finished(flow, prices, contest.decided + np.stack([exposure, sales]))


def _pieces(response: Response | None, contest: Contest, amounts: FloatArray, zoom: float, x: FloatArray) -> Pieces:
    """What is left of every anchor's room, cut where its worth changes, and what it already has.

    Prices x (A,) are trusted up to the margin of the contest, because nothing is known of the flow beyond it: no
    impression is worth more to an anchor than x + margin, and what is decided is given up below x - margin.
    """
    size, had = amounts.size, contest.decided[0]
    lower, upper = (np.zeros(size), np.full(size, np.inf)) if response is None else (response.lower, response.upper)
    ends = [np.zeros(size), lower, upper]
    terms = response is not None and bool(response.terms)
    if terms:
        middle = np.clip(amounts, lower, upper)
        ends[2:2] = [np.clip(middle * zoom**step, lower, upper) for step in STEPS]
    anchor = np.arange(size)
    parts = [(anchor, had, x - contest.margin)]
    for k, (low, high) in enumerate(pairwise(ends)):
        width = np.maximum(high, had) - np.maximum(low, had)
        worth = np.full(size, np.inf) if k == 0 else response.chord(low, high) if terms else np.zeros(size)
        parts.append((anchor, width, np.minimum(worth, np.maximum(x + contest.margin, 0.0))))
    pieces = Pieces(*map(np.concatenate, zip(*parts, strict=True)))
    felt = (pieces.width > 0) | (pieces.anchor == size - 1)
    return Pieces(pieces.anchor[felt], pieces.width[felt], pieces.worth[felt])
