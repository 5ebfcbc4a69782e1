"""Traffic subsidies: extra public impressions that only some anchors may get, as another platform."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.attributes import Attributes, ids_beside
from allocator.graph import Platform
from allocator.rules.levels import Where, amount, anchors_where
from allocator.wording import some

FloatArray = NDArray[np.float64]
MARK, MEASURE = "subsidised", "subsidy"
"""The attribute of segments that tells subsidised ones, and the edge measure of what an impression of them costs."""


def subsidise(platform: Platform, eligible: Where, impressions: float, *, cost: float = 1.0) -> Platform:
    """Add public impressions that only eligible anchors may get.

    Every segment that reaches an eligible anchor gets a twin: the same viewers, attributes, values and edge measures,
    with edges to eligible anchors alone. Twins share the impressions in proportion to the supply of their segments,
    so that the reach of every eligible anchor grows by the same part. They stand behind all other segments, in their
    order; what had been subsidised before stays and gets no twins of its own.

    Parameters
    ----------
    platform : Platform
        It is left as it is.
    eligible : mask, ids, or "attribute=value"
        As ``where`` of `allocator.Floor`.
    impressions : float >= 0
        All extra impressions together, impressions / period.
    cost : float >= 0
        Of one subsidised impression, currency; 1, the default, counts impressions.

    Returns
    -------
    Platform
        With the segment attribute ``subsidised`` (True for twins) and the edge measure ``subsidy`` (``cost`` on the
        edges of twins, 0 elsewhere). ``Budget(of="subsidy", total=...)`` bounds what is spent, its shadow price is what
        one more unit of money earns, and ``Budget(of="subsidy", total=0, soft=1)`` lets the objective pay for it.
        Twins of named segments are called "NAME subsidised"; numbers go on behind the largest id.

    Raises
    ------
    ValueError
        For unknown or no anchors, amounts that are negative or not finite, impressions for anchors that no segment
        with supply reaches, or names that the platform uses for something else.
    """
    extra = amount(impressions, "the subsidised impressions")
    price = amount(cost, "the cost of a subsidised impression")
    before, chosen = _subsidised(platform), anchors_where(platform, eligible)
    if not chosen.any():
        raise ValueError("nobody is eligible for the subsidy; choose at least one anchor")
    edge = np.flatnonzero(chosen[platform.anchor] & ~before[platform.segment])
    twin, degree = np.unique(platform.segment[edge], return_counts=True)
    supply = platform.supply[twin]
    if extra > 0 and not supply.any():
        raise ValueError(
            f"no segment with supply reaches the eligible anchors ({some(platform.anchors['id'][chosen])}), so nobody "
            "could be shown to them; add edges or supply, or choose other anchors"
        )
    return Platform(
        np.concatenate((platform.indptr, platform.indptr[-1] + np.cumsum(degree))),
        np.concatenate((platform.anchor, platform.anchor[edge])),
        np.concatenate((platform.value, platform.value[edge])),
        np.concatenate((platform.supply, extra * (supply / (supply.sum() or 1.0)))),
        platform.capacity,
        None if platform.observed is None else np.concatenate((platform.observed, np.zeros(edge.size))),
        _measures(platform, edge, price),
        segments=_segments(platform.segments, twin, before),  # type: ignore[arg-type]
        anchors=platform.anchors,
        currency=platform.currency,
        period=platform.period,
    )


def _subsidised(platform: Platform) -> NDArray[np.bool_]:
    """Which segments are subsidised already, (S,)."""
    if MARK not in platform.segments:
        if MEASURE in platform.measures:
            raise ValueError(f"the platform has an edge measure '{MEASURE}' of its own; give it another name first")
        return np.zeros(platform.segment_count, dtype=bool)
    marked = platform.segments[MARK]
    if marked.dtype != np.bool_ or MEASURE not in platform.measures:
        raise ValueError(f"the segments have an attribute '{MARK}' of their own; give it another name first")
    return marked


def _measures(platform: Platform, edge: NDArray[np.int64], price: float) -> dict[str, FloatArray]:
    """Edge measures, those of twins behind the others."""
    measures = {name: np.concatenate((column, column[edge])) for name, column in platform.measures.items()}
    spent = platform.measures.get(MEASURE, np.zeros(platform.edge_count))
    return measures | {MEASURE: np.concatenate((spent, np.full(edge.size, price)))}


def _segments(segments: Attributes, twin: NDArray[np.integer], before: NDArray[np.bool_]) -> dict[str, Any]:
    """Attributes, those of twins behind the others."""
    columns = {name: np.concatenate((column, column[twin])) for name, column in segments.items()}
    ids = segments["id"]
    marked = np.concatenate((before, np.ones(twin.size, dtype=bool)))
    return columns | {"id": np.concatenate((ids, ids_beside(ids, ids[twin].tolist(), MARK))), MARK: marked}
