"""The few compiled passes over the edges; imported only by those who run them.

Every pass is a map over fixed runs of segments (``cuts``, a function of the graph alone) followed by a sum in the
order of the runs, so that 1, 2 or 8 threads give the same bytes, and runs could be spread over machines. Values may
be float32 or float64; sums are float64.

The floor of a pass is reading anchor (4 bytes) and value (4 or 8 bytes) of every edge once: 12 MB per million edges,
about 1 ms on two cores; gathering two prices per edge from a table that fits in cache doubles it. Exponentials are
taken where no sample tells prices beforehand; the sparse smoothing has none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.kernels import compiled

FloatArray = NDArray[np.float64]
RUNS, PAYS = 16, 4
"""At most so many runs, each of at least so many edges per anchor."""


class Edges(NamedTuple):
    """Edges by segment: ``indptr`` (S + 1,), ``anchor`` (E,), ``measures`` (G, E) of the goods after exposure, value
    first, ``supply`` (S,), and ``cuts``, the first segment of every run and the end. No edge takes more than ``cap`` of
    a segment's supply, and with ``outside`` some of it may go to nobody.
    """

    indptr: NDArray[np.int64]
    anchor: NDArray[np.int32]
    measures: NDArray[np.floating]
    supply: FloatArray
    cuts: NDArray[np.int64]
    cap: float = 1.0
    outside: bool = True


class Support(NamedTuple):
    """The edges that share a segment at some prices, packed run by run; arrays are as long as the edges, and what is
    not used of them is never touched.

    ``anchor``, ``measures``: of the shared edges of a segment, one after the other, and the ``weight`` of each in the
    curvature, supply / temperature (diag(w) - w w' / sum w). ``count``: how many each shared segment has. ``part``: 1
    / sum of the weights, the outside option's counted. ``used``: shared segments of each run.
    """

    anchor: NDArray[np.int32]
    measures: NDArray[np.floating]
    weight: FloatArray
    count: NDArray[np.int32]
    part: FloatArray
    used: NDArray[np.int64]


def edges(indptr: NDArray, anchor: NDArray, measures: NDArray, supply: NDArray, anchors: int) -> Edges:
    """Edges with their runs: about equal numbers of edges, as many as pay for sums into ``anchors`` of their own.

    ``measures`` is (G, E), or (E,) for value alone.
    """
    measures = np.atleast_2d(measures)
    runs = min(max(int(indptr[-1]) // (PAYS * max(anchors, 1)), 1), RUNS)
    cuts = np.searchsorted(indptr, np.linspace(0, indptr[-1], runs + 1)).astype(np.int64)
    cuts[0], cuts[-1] = 0, indptr.size - 1
    return Edges(indptr, anchor, measures, supply, np.maximum.accumulate(cuts))


def room_for(graph: Edges) -> Support:
    """Uninitialised room for the support of any prices."""
    size, segments = graph.anchor.size, graph.supply.size
    measures = np.empty((graph.measures.shape[0], size), graph.measures.dtype)
    per_edge = np.empty(size, np.int32), measures, np.empty(size)
    return Support(*per_edge, np.empty(segments, np.int32), np.empty(segments), np.zeros(graph.cuts.size - 1, np.int64))


def sample(graph: Edges, every: int, anchors: int) -> Edges:
    """About one segment in ``every``, its supply multiplied; chosen by a hash of its position, so that order has no
    say. A sample by a multiple of ``every`` is part of it.
    """
    mixed = (np.arange(graph.supply.size, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    segment = np.flatnonzero(mixed % np.uint64(every) == 0)
    degree = np.diff(graph.indptr)[segment]
    indptr = np.concatenate(([0], np.cumsum(degree)))
    edge = np.repeat(graph.indptr[segment] - indptr[:-1], degree) + np.arange(indptr[-1])
    sampled = edges(indptr, graph.anchor[edge], graph.measures[:, edge], graph.supply[segment] * every, anchors)
    return sampled._replace(cap=graph.cap, outside=graph.outside)


def soft(
    graph: Edges, price: FloatArray, temperature: float, sparse: bool, support: Support
) -> tuple[float, FloatArray]:
    """Smoothed maximum of every segment and what flows to the anchors; leaves the shared edges in ``support``.

    Per segment, the maximum of s.z - t h(z) over the simplex of its edges and the outside option, with s_e the sum of
    ``price`` (A, 1 + G), that of exposure first, times measures. Entropy h gives shares z proportional to exp(s/t);
    the ``sparse`` h = |z|^2 / 2 gives the projection of s/t on the simplex (Michelot 1986), which no edge enters that
    is more than t behind the best.

    Returns
    -------
    value : float
    totals : (2 (1 + G), A)
        Exposure and the other goods, and the diagonal curvatures with respect to their prices. Where edges have a
        ``cap`` the smoothing must be sparse.
    """
    values, totals = compiled.soft(graph.anchor.size)(*graph, price, temperature, sparse, *support)
    return math.fsum(values), _rows_in_order(totals)


def shares(graph: Edges, price: FloatArray, temperature: float, sparse: bool) -> FloatArray:
    """Share of its segment's supply on each edge, (E,): the gradient of the smoothed maximum."""
    return compiled.shares(graph.anchor.size)(*graph, price, temperature, sparse)


def curvature(graph: Edges, support: Support, direction: FloatArray) -> FloatArray:
    """Second derivative of the smoothed maximum in a direction (A, 1 + G): changes of every good, (1 + G, A)."""
    shared = int(support.used.sum())
    return _rows_in_order(compiled.curvature(4 * shared)(graph.indptr, graph.cuts, direction, *support))


class Pruned(NamedTuple):
    """What a pruning pass finds: the contested ``kept`` edges and their positions ``edge``, the position of the
    ``winner`` of every decided segment and its supply ``won``, and what decided segments bring to the anchors,
    ``decided`` (1 + G, A).
    """

    kept: Edges
    edge: NDArray[np.int64]
    winner: NDArray[np.int64]
    won: FloatArray
    decided: FloatArray


def prune(graph: Edges, price: FloatArray, loose: NDArray[np.bool_], margin: float) -> Pruned:
    """Find the segments whose best edge does not lead by ``margin``, with their edges within the margin of the best
    and all edges of ``loose`` anchors (A,), whose prices may go anywhere; the best is that of the other anchors.
    """
    used, decided, *parts = compiled.prune(graph.anchor.size)(*graph, price, loose, margin)
    heads = graph.cuts[:-1]
    where = [(graph.indptr[heads], used[:, 0])] * 3 + [(heads, used[:, 1])] * 2 + [(heads, used[:, 2])] * 2
    for k, (starts, count) in enumerate(where):
        parts[k] = _packed(parts[k], starts, count)  # one at a time, so that few regions are held twice
    edge, anchor, measures, degree, supply, winner, won = parts
    kept = edges(np.concatenate(([0], np.cumsum(degree))), anchor, measures, supply, loose.size)
    kept = kept._replace(cap=graph.cap, outside=graph.outside)
    return Pruned(kept, edge, winner, won, _rows_in_order(decided))


def rents(graph: Edges, price: FloatArray) -> float:
    """sum_i b_i max(0, max_e s_e)."""
    return math.fsum(compiled.hard(graph.anchor.size)(*graph, price))


def _packed(regions: NDArray, starts: NDArray, used: NDArray) -> NDArray:
    return np.concatenate([regions[..., a : a + n] for a, n in zip(starts, used, strict=True)], axis=-1)


def _rows_in_order(parts: FloatArray) -> FloatArray:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
