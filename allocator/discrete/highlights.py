"""Highlight Support (A5): a platform matches what brands sell by themselves with impressions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.attributes import ids_beside
from allocator.graph import Platform
from allocator.rules.levels import Where, amount, anchors_where
from allocator.wording import some

MARK = "highlight"
"""The attribute of segments that tells bonus impressions."""


def highlight_support(platform: Platform, own_gmv: ArrayLike, matched: float, *, where: Where = None) -> Platform:
    """Add ``matched`` impressions for every unit of GMV that an anchor sold by itself, which it alone may get.

    Every anchor with such GMV gets a segment of its own behind all others: matched x own GMV impressions on one edge,
    whose value and edge measures are what the anchor's segments have on average, weighed by supply.

    Parameters
    ----------
    platform : Platform
        It is left as it is.
    own_gmv : (A,)
        What is matched, currency / period, such as ``allocation.anchor_gmv`` or sales of the period before. It is
        given, so that bonus impressions earn none themselves.
    matched : float >= 0
        m of A5 (s4), impressions per unit of GMV.
    where : None, mask, "attribute=value" or ids
        Who takes part, such as ``"kind=brand"``.

    Returns
    -------
    Platform
        With the segment attribute ``highlight`` (True for bonus impressions).

    Raises
    ------
    ValueError
        For GMV that is negative or not finite, unknown anchors, anchors with GMV that no segment with supply reaches,
        or a platform with such an attribute.
    """
    rate, sold = amount(matched, "the matched impressions per unit of GMV"), np.asarray(own_gmv, dtype=np.float64)
    if sold.shape != (platform.anchor_count,) or not (np.isfinite(sold).all() and (sold >= 0).all()):
        raise ValueError(f"own GMV needs one finite number >= 0 per anchor, ({platform.anchor_count},)")
    if MARK in platform.segments:
        raise ValueError(f"the segments have an attribute '{MARK}' already; give it another name first")
    winners = np.flatnonzero(anchors_where(platform, where) & (rate * sold > 0))
    lost = winners[platform.reach[winners] == 0]
    if lost.size:
        raise ValueError(
            f"no segment with supply reaches {some(platform.anchors['id'][lost])}, so nobody knows what they sell"
        )
    average = {good: platform.reach_of(good)[winners] / platform.reach[winners] for good in ("gmv", *platform.measures)}
    value = average.pop("gmv")
    return Platform(
        np.concatenate((platform.indptr, platform.edge_count + 1 + np.arange(winners.size))),
        np.concatenate((platform.anchor, winners)),
        np.concatenate((platform.value, value)),
        np.concatenate((platform.supply, rate * sold[winners])),
        platform.capacity,
        None if platform.observed is None else np.concatenate((platform.observed, np.zeros(winners.size))),
        {name: np.concatenate((platform.measures[name], column)) for name, column in average.items()},
        segments=_segments(platform, winners),  # type: ignore[arg-type]
        anchors=platform.anchors,
        currency=platform.currency,
        period=platform.period,
    )


def _segments(platform: Platform, winners: NDArray[np.int64]) -> dict[str, Any]:
    """Attributes: bonus segments are called after their anchors and have no others of their own."""
    segments = platform.segments
    columns = {name: np.append(column, np.zeros(winners.size, column.dtype)) for name, column in segments.items()}
    marked = np.arange(platform.segment_count + winners.size) >= platform.segment_count
    ids = segments["id"]
    named = ids_beside(ids, platform.anchors["id"][winners].tolist(), MARK)
    return columns | {"id": np.concatenate((ids, named)), MARK: marked}
