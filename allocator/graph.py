"""The platform graph: which segment may be shown which anchor, and what an impression is worth there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.attributes import Attributes, frozen
from allocator.metrics import gini
from allocator.soundness import Measures, anchor_indices, count_anchors, floats, positions, validate
from allocator.wording import quantity, some

FloatArray = NDArray[np.float64]
BLOCK = 1 << 16
"""Edges per block of a pass in numpy."""


@dataclass(frozen=True, eq=False, repr=False)
class Platform:
    """A bipartite graph of S viewer segments and A anchors with E edges, stored by segment (CSR).

    Parameters
    ----------
    indptr : (S + 1,) int
        Edges of segment i are ``indptr[i]:indptr[i + 1]``.
    anchor : (E,) int
        Anchor of each edge, increasing within a segment (no repeats).
    value : (E,) float32 or float64
        Expected GMV of one impression, currency / impression, >= 0. Kept in the precision given.
    supply : (S,) float
        Public impressions of a segment, impressions / period, >= 0.
    capacity : (A,) float, optional
        Impressions an anchor can serve, impressions / period, >= 0; infinity (the default) for no limit.
    observed : (E,) float, optional
        Traffic seen on each edge, impressions / period.
    measures : mapping of name to (E,) float, optional
        Further edge measures >= 0 (consumption, cost, relevance), per impression.
    segments, anchors : mapping of name to (S,) or (A,) arrays, optional
        Attributes; ``id`` defaults to 0, 1, 2, ...
    currency, period : str
        Units for reports.
    folder : Path, optional
        Where the platform was read from; no part of its content.

    Raises
    ------
    ValueError
        In one sentence naming the ids at fault.
    """

    indptr: NDArray[np.int64]
    anchor: NDArray[np.int32]
    value: NDArray[np.floating]
    supply: FloatArray
    capacity: FloatArray = None  # type: ignore[assignment]
    observed: FloatArray | None = None
    measures: Mapping[str, NDArray] = field(default_factory=dict)
    segments: Attributes = field(default_factory=dict)  # type: ignore[assignment]
    anchors: Attributes = field(default_factory=dict)  # type: ignore[assignment]
    currency: str = "RMB"
    period: str = "day"
    folder: Path | None = None

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        put("supply", floats("supply", self.supply))
        segments = Attributes("segment", self.supply.size, self.segments)
        anchor_count = count_anchors(self)
        anchors = Attributes("anchor", anchor_count, self.anchors)
        put("segments", segments)
        put("anchors", anchors)
        put("capacity", floats("capacity", np.full(anchor_count, np.inf) if self.capacity is None else self.capacity))
        put("indptr", frozen(np.asarray(self.indptr).astype(np.int64, copy=False)))
        put("anchor", frozen(anchor_indices(self.anchor, anchor_count)))
        value = np.asarray(self.value)
        put("value", frozen(value if value.dtype in (np.float32, np.float64) else floats("value", value)))
        if self.observed is not None:
            put("observed", floats("observed", self.observed))
        put("measures", Measures({str(k): floats(k, v) for k, v in dict(self.measures).items()}))
        validate(self)

    @classmethod
    def from_edges(
        cls, segment: ArrayLike, anchor: ArrayLike, value: ArrayLike, *, supply: ArrayLike, **fields: Any
    ) -> Platform:
        """Build a platform from unsorted edges (segment, anchor, value), each an (E,) array of positions and amounts.

        ``fields`` are those of `Platform`; ``observed`` and ``measures`` follow the order of the edges.
        """
        segment, anchor = positions("segment", segment), positions("anchor", anchor)
        if segment.shape != anchor.shape or segment.ndim != 1:
            raise ValueError(
                f"segment {segment.shape} and anchor {anchor.shape} must be one-dimensional and of one length"
            )
        size = np.asarray(supply).size
        per_edge = {"value": value, "observed": fields.get("observed"), **dict(fields.get("measures") or {})}
        per_edge = {name: np.asarray(column) for name, column in per_edge.items() if column is not None}
        for name, column in per_edge.items():
            if column.shape != segment.shape:
                raise ValueError(f"{name} has shape {column.shape}; it needs one entry per edge, {segment.shape}")
        if segment.size and not (segment.min() >= 0 and segment.max() < size):
            raise ValueError(f"edges name segment {segment.max()}, but there are {size} segments (0 to {size - 1})")
        span = int(anchor.max(initial=0)) + 1
        order = np.argsort(segment.astype(np.int64) * span + anchor, kind="stable")
        per_edge = {name: column[order] for name, column in per_edge.items()}
        value = per_edge.pop("value")
        fields |= {"observed": per_edge.pop("observed", None), "measures": per_edge}
        indptr = np.concatenate(([0], np.cumsum(np.bincount(segment, minlength=size))))
        return cls(indptr, anchor[order], value, supply, **fields)

    @property
    def segment_count(self) -> int:
        return self.supply.size

    @property
    def anchor_count(self) -> int:
        return self.capacity.size

    @property
    def edge_count(self) -> int:
        return self.anchor.size

    @cached_property
    def segment(self) -> NDArray[np.int32]:
        """Segment of each edge, (E,)."""
        return frozen(np.repeat(np.arange(self.segment_count, dtype=np.int32), np.diff(self.indptr)))

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], slice]]:
        """Runs of segments that have edges, about BLOCK edges each, with the slice of their edges: passes in numpy keep
        their temporaries in cache, and sums have one order.
        """
        filled = np.flatnonzero(np.diff(self.indptr) > 0)
        ends, first = self.indptr[filled + 1], 0
        while first < filled.size:
            start = int(self.indptr[filled[first]])
            last = max(first + 1, int(np.searchsorted(ends, start + BLOCK, side="right")))
            yield filled[first:last], slice(start, int(ends[last - 1]))
            first = last

    def into_anchors(self, amounts: ArrayLike) -> FloatArray:
        """Sum edge amounts (E,) into anchors (A,), in float64 and in edge order."""
        amounts = np.asarray(amounts)
        return self._sum_into_anchors(lambda segments, edges: amounts[edges])

    def _sum_into_anchors(self, amounts: Callable[[NDArray[np.int64], slice], NDArray | None]) -> FloatArray:
        """Sum into anchors what a function gives for a run of segments and its slice of edges; None stands for 1."""
        total = np.zeros(self.anchor_count)
        for segments, edges in self.blocks():
            total += np.bincount(self.anchor[edges], weights=amounts(segments, edges), minlength=total.size)
        return total

    def into_segments(self, amounts: ArrayLike) -> FloatArray:
        """Sum edge amounts (E,) into segments (S,), in float64."""
        sums = np.zeros(self.segment_count)
        filled = np.diff(self.indptr) > 0
        if filled.any():
            sums[filled] = np.add.reduceat(np.asarray(amounts, dtype=np.float64), self.indptr[:-1][filled])
        return sums

    def largest_in_segments(self, amounts: ArrayLike) -> FloatArray:
        """Largest edge amount (E,) of each segment (S,); minus infinity for a segment without edges."""
        largest, amounts = np.full(self.segment_count, -np.inf), np.asarray(amounts)
        for segments, edges in self.blocks():
            largest[segments] = np.maximum.reduceat(amounts[edges], self.indptr[segments] - edges.start)
        return largest

    @property
    def goods(self) -> tuple[str, ...]:
        """All that impressions bring: exposure, GMV and the edge measures."""
        return ("exposure", "gmv", *self.measures)

    def measure(self, good: str) -> NDArray[np.floating] | None:
        """What one impression on an edge contributes to a good, (E,): None stands for 1 (exposure)."""
        if good == "exposure":
            return None
        if good == "gmv":
            return self.value
        return self.measures[good]

    def per_impression(self, good: str) -> FloatArray:
        """`measure` as numbers also where it is 1, (E,) in float64."""
        measure = self.measure(good)
        return np.ones(self.edge_count) if measure is None else np.asarray(measure, dtype=np.float64)

    def amounts(self, good: str, flow: ArrayLike) -> FloatArray:
        """Amount of a good that a flow (E,) brings to each anchor, (A,)."""
        measure, flow = self.measure(good), np.asarray(flow)
        if measure is None:
            return self.into_anchors(flow)
        return self._sum_into_anchors(lambda segments, edges: flow[edges] * measure[edges])

    @cached_property
    def anchor_degree(self) -> NDArray[np.int64]:
        """Number of segments that watch each anchor, (A,)."""
        return frozen(self._sum_into_anchors(lambda segments, edges: None).astype(np.int64))

    @cached_property
    def reach(self) -> FloatArray:
        """Exposure each anchor would have if all its segments watched nobody else, (A,)."""
        return frozen(self._shared(self.supply, "exposure"))

    @cached_property
    def sales_reach(self) -> FloatArray:
        """GMV each anchor would have if all its segments watched nobody else, (A,)."""
        return frozen(self._shared(self.supply, "gmv"))

    def _shared(self, per_edge: FloatArray, good: str) -> FloatArray:
        """Amount of a good per anchor (A,) if each edge of a segment carries the same flow, ``per_edge`` (S,)."""
        degree, measure = np.diff(self.indptr), self.measure(good)

        def amounts(segments: NDArray[np.int64], edges: slice) -> FloatArray:
            flow = np.repeat(per_edge[segments], degree[segments])
            return flow if measure is None else flow * measure[edges]

        return self._sum_into_anchors(amounts)

    def reach_of(self, good: str) -> FloatArray:
        """Largest amount of a good that each anchor can get, (A,)."""
        if good in ("exposure", "gmv"):
            return self.reach if good == "exposure" else self.sales_reach
        return self._shared(self.supply, good)

    def total_of(self, good: str) -> float:
        """Largest amount of a good that all anchors together can get."""
        if good == "exposure":
            return float(self.supply.sum())
        return float((self.supply * np.maximum(self.largest_in_segments(self.measure(good)), 0.0)).sum())

    def even_amounts(self, good: str) -> FloatArray:
        """Amount of a good per anchor (A,) at the even flow."""
        if good not in self._even:
            self._even[good] = frozen(self._shared(self.supply / np.maximum(np.diff(self.indptr), 1), good))
        return self._even[good]

    @cached_property
    def _even(self) -> dict[str, FloatArray]:
        return {}

    @cached_property
    def even_flow(self) -> FloatArray:
        """Every segment spreads its supply evenly over its anchors, (E,)."""
        degree = np.diff(self.indptr)
        return frozen(np.repeat(self.supply / np.maximum(degree, 1), degree))

    @cached_property
    def content_hash(self) -> str:
        """Hash of everything but the folder: equal content, equal hash."""
        import hashlib

        digest = hashlib.blake2b(digest_size=16)
        named = {
            "indptr": self.indptr,
            "anchor": self.anchor,
            "value": self.value,
            "supply": self.supply,
            "capacity": self.capacity,
        }
        if self.observed is not None:
            named["observed"] = self.observed
        for group, table in (("measure", self.measures), ("segment", self.segments), ("anchor", self.anchors)):
            named |= {f"{group}:{name}": table[name] for name in sorted(table)}
        digest.update(json.dumps([self.currency, self.period]).encode())
        for name, array in named.items():
            digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return digest.hexdigest()

    @property
    def notices(self) -> tuple[str, ...]:
        """Facts about the graph that are allowed but worth knowing, one sentence each."""
        ids = self.anchors["id"]
        facts = (
            ("have no edges and can get nothing", self.anchor_degree == 0),
            ("have capacity zero", self.capacity == 0),
        )
        return tuple(f"{mask.sum():,} anchors {what}: {some(ids[mask])}" for what, mask in facts if mask.any())

    def __repr__(self) -> str:
        seen = (
            "" if self.observed is None else f", Gini of observed exposure {gini(self.into_anchors(self.observed)):.3f}"
        )
        return (
            f"Platform({self.segment_count:,} segments, {self.anchor_count:,} anchors, {self.edge_count:,} edges, "
            f"{quantity(self.supply.sum())} impressions and {self.currency} per {self.period}{seen})"
        )
