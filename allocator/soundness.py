"""What makes arrays a platform: kinds, shapes, order and amounts, refused by name where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.attributes import frozen
from allocator.wording import some

if TYPE_CHECKING:
    from allocator.graph import Platform

FloatArray = NDArray[np.float64]
RESERVED_MEASURES = ("exposure", "gmv", "edges", "value", "observed", "segment", "anchor")


class Measures(dict):
    """Named edge measures; the lookup of an unknown one says which exist."""

    def __missing__(self, name: str) -> FloatArray:
        known = ", ".join(("exposure", "gmv", *self))
        raise KeyError(f"the platform has no edge measure '{name}' (it has {known})")


def floats(name: str, amounts: ArrayLike) -> FloatArray:
    """Amounts as a frozen float64 array."""
    try:
        return frozen(np.asarray(amounts).astype(np.float64, copy=False))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers") from None


def count_anchors(platform: Platform) -> int:
    """How many anchors the tables speak of, or the edges if there are none."""
    for table in (platform.capacity, *dict(platform.anchors).values()):
        if table is not None:
            return np.asarray(table).size
    anchor = np.asarray(platform.anchor)
    return int(anchor.max()) + 1 if anchor.size else 0


def positions(name: str, positions: ArrayLike) -> NDArray[np.integer]:
    """Positions as an integer array."""
    array = np.asarray(positions)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer positions, not {array.dtype}")
    return array if array.size else array.astype(np.int64)


def anchor_indices(anchor: ArrayLike, count: int) -> NDArray[np.int32]:
    """Anchor positions as int32, each within the table."""
    anchor = positions("anchor", anchor)
    if anchor.size and not (anchor.min() >= 0 and anchor.max() < count):
        outside = np.unique(anchor[(anchor < 0) | (anchor >= count)])
        raise ValueError(f"edges lead to anchors {some(outside)}, but the anchor table has positions 0 to {count - 1}")
    return anchor.astype(np.int32, copy=False)


def validate(platform: Platform) -> None:
    """Refuse what is not a platform, naming ids."""
    p, edges = platform, platform.anchor.size
    if edges == 0 or p.segment_count == 0 or p.anchor_count == 0:
        raise ValueError(
            f"an empty graph ({p.segment_count} segments, {p.anchor_count} anchors, {edges} edges) cannot be allocated"
        )
    degrees = np.diff(p.indptr)
    if p.indptr.shape != (p.segment_count + 1,) or p.indptr[0] != 0 or p.indptr[-1] != edges or (degrees < 0).any():
        raise ValueError(f"indptr must rise from 0 to the number of edges ({edges}) in {p.segment_count + 1} entries")
    for name, array in {"value": p.value, "observed": p.observed, **p.measures}.items():
        if array is not None and array.shape != (edges,):
            raise ValueError(f"{name} has shape {array.shape}; it needs one entry per edge, ({edges},)")
    if reserved := set(p.measures) & set(RESERVED_MEASURES):
        raise ValueError(f"an edge measure may not be called {some(sorted(reserved))}: the name is taken")
    _refuse_order(p)
    _refuse_amounts(p)


def _refuse_order(p: Platform) -> None:
    for segments, edges in p.blocks():
        step = np.diff(p.anchor[edges]) > 0
        step[p.indptr[segments[1:]] - edges.start - 1] = True
        if step.all():
            continue
        e = edges.start + int(np.argmin(step))
        what = "repeated" if p.anchor[e] == p.anchor[e + 1] else "out of order"
        raise ValueError(
            f"the edge from segment {p.segments['id'][p.segment[e + 1]]} to anchor {p.anchors['id'][p.anchor[e + 1]]} "
            f"is {what}; give each pair once, sorted by anchor (Platform.from_edges sorts)"
        )


def _refuse_amounts(p: Platform) -> None:
    """Negative, NaN or infinite amounts, named by id; only capacity may be infinite."""
    for name, array in {"value": p.value, "observed": p.observed, **p.measures}.items():
        if array is not None and not (array.min() >= 0 and array.max() < np.inf):
            e = int(np.argmin(np.isfinite(array) & (array >= 0)))
            raise ValueError(
                f"{name} must be finite and >= 0; the edge from segment {p.segments['id'][p.segment[e]]} to anchor "
                f"{p.anchors['id'][p.anchor[e]]} has {array[e]}"
            )
    for name, array, noun, ids, finite in (
        ("supply", p.supply, "segment", p.segments["id"], "finite and "),
        ("capacity", p.capacity, "anchor", p.anchors["id"], ""),
    ):
        bad = ~((array >= 0) & ((array < np.inf) | (finite == "")))
        if bad.any():
            raise ValueError(
                f"{name} must be {finite}>= 0; {noun} "
                f"{some(f'{i} has {a}' for i, a in zip(ids[bad], array[bad], strict=True))}"
            )
