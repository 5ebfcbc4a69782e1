"""The few compiled passes over the edges; imported only by those who run them.

Every pass is a map over fixed runs of segments (``cuts``, a function of the graph alone) followed by a sum in the
order of the runs, so that 1, 2 or 8 threads give the same bytes. Values may be float32 or float64; sums are float64.

The floor of a pass is reading anchor (4 bytes) and value (4 or 8 bytes) of every edge once: about 12 MB per million
edges, 1-2 ms on two cores. Gathering two prices per edge from a table that fits in cache roughly doubles it;
exponentials are only taken within `REACH` temperatures of the best edge, which is a small part of them once the
temperature is low.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
RUNS = 64
REACH = 32.0
"""exp(-32) is 1e-14: edges further below the best than this many temperatures carry nothing."""


def _cache() -> bool:
    """Compiled code is kept beside this file where that can be written."""
    return os.access(os.path.dirname(os.path.abspath(__file__)), os.W_OK)


SMALL = 50_000
"""Below this many edges one thread is faster than waking the others; the result is the same bytes."""


def _compiled(function: Callable) -> Callable[[int], Callable]:
    """A pass compiled for one and for several threads, chosen by the number of edges."""
    alone, together = (njit(parallel=many, cache=_cache(), nogil=True)(function) for many in (False, True))
    return lambda size: alone if size < SMALL else together


class Edges(NamedTuple):
    """Edges by segment: ``indptr`` (S + 1,), ``anchor`` (E,), ``value`` (E,), ``supply`` (S,), and ``cuts`` (RUNS +
    1,) segments.
    """

    indptr: NDArray[np.int64]
    anchor: NDArray[np.int32]
    value: NDArray[np.floating]
    supply: FloatArray
    cuts: NDArray[np.int64]


def edges(indptr: NDArray, anchor: NDArray, value: NDArray, supply: NDArray) -> Edges:
    """Edges with their runs: about equal numbers of edges, whatever the number of threads."""
    targets = np.linspace(0, indptr[-1], RUNS + 1)
    cuts = np.searchsorted(indptr, targets).astype(np.int64)
    cuts[0], cuts[-1] = 0, indptr.size - 1
    return Edges(indptr, anchor, value, supply, np.maximum.accumulate(cuts))


def sample(graph: Edges, every: int) -> Edges:
    """About one segment in ``every``, its supply multiplied; chosen by a hash of its position, so that order has no
    say.
    """
    mixed = (np.arange(graph.supply.size, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    segment = np.flatnonzero(mixed % np.uint64(every) == 0)
    degree = np.diff(graph.indptr)[segment]
    indptr = np.concatenate(([0], np.cumsum(degree)))
    edge = np.repeat(graph.indptr[segment] - indptr[:-1], degree) + np.arange(indptr[-1])
    return edges(indptr, graph.anchor[edge], graph.value[edge], graph.supply[segment] * every)


def soft(graph: Edges, alpha: FloatArray, beta: FloatArray, temperature: float) -> tuple[float, FloatArray]:
    """Soft maximum of every segment and what flows to the anchors.

    Returns
    -------
    value : float
        sum_i b_i t ln(1 + sum_e exp(s_e / t)) with s_e = alpha_j v_e + beta_j.
    totals : (4, A)
        Exposure, GMV, and the diagonal curvatures with respect to beta and alpha.
    """
    values, totals = _soft(graph.anchor.size)(*graph, alpha, beta, temperature)
    return _in_order(values), _rows_in_order(totals)


def shares(graph: Edges, alpha: FloatArray, beta: FloatArray, temperature: float) -> FloatArray:
    """Share of its segment's supply on each edge, (E,): the gradient of the soft maximum."""
    return _shares(graph.anchor.size)(*graph, alpha, beta, temperature)


def curvature(
    graph: Edges, share: FloatArray, d_alpha: FloatArray, d_beta: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Second derivative of the soft maximum (times the temperature) in a direction: changes of GMV and of exposure,
    (A,) each.
    """
    totals = _rows_in_order(_curvature(graph.anchor.size)(*graph, share, d_alpha, d_beta))
    return totals[1], totals[0]


def prune(graph: Edges, alpha: FloatArray, beta: FloatArray, margin: float) -> tuple[Edges, NDArray, NDArray]:
    """Leave only contested segments, with their edges within ``margin`` of the best.

    Returns
    -------
    kept : Edges
    edge : (E',) positions of kept edges
    winner : (S,) the only edge of a decided segment, -1 for contested and unserved ones
    """
    count, winner = _contest(graph.anchor.size)(*graph, alpha, beta, margin)
    segment = np.flatnonzero(count > 0)
    indptr = np.concatenate(([0], np.cumsum(count[segment])))
    edge = np.empty(indptr[-1], dtype=np.int64)
    _collect(graph.anchor.size)(graph.indptr, graph.anchor, graph.value, alpha, beta, margin, segment, indptr, edge)
    kept = edges(indptr, graph.anchor[edge], graph.value[edge], graph.supply[segment])
    return kept, edge, winner


def rents(graph: Edges, alpha: FloatArray, beta: FloatArray) -> float:
    """sum_i b_i max(0, max_e s_e)."""
    return _in_order(_hard(graph.anchor.size)(*graph, alpha, beta))


def _in_order(parts: FloatArray) -> float:
    return math.fsum(parts)


def _rows_in_order(parts: FloatArray) -> FloatArray:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


@_compiled
def _hard(indptr, anchor, value, supply, cuts, alpha, beta):
    runs = cuts.size - 1
    values = np.zeros(runs)
    for r in prange(runs):
        total = 0.0
        for i in range(cuts[r], cuts[r + 1]):
            best = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                s = alpha[anchor[e]] * value[e] + beta[anchor[e]]
                if s > best:
                    best = s
            total += supply[i] * best
        values[r] = total
    return values


@_compiled
def _soft(indptr, anchor, value, supply, cuts, alpha, beta, temperature):
    runs, anchors = cuts.size - 1, alpha.size
    values = np.zeros(runs)
    totals = np.zeros((runs, 4, anchors))
    widest = 0
    for i in range(supply.size):
        widest = max(widest, indptr[i + 1] - indptr[i])
    for r in prange(runs):
        row = np.empty(widest)
        mine = totals[r]
        total = 0.0
        for i in range(cuts[r], cuts[r + 1]):
            first, last, best = indptr[i], indptr[i + 1], 0.0
            for e in range(first, last):
                s = alpha[anchor[e]] * value[e] + beta[anchor[e]]
                row[e - first] = s
                if s > best:
                    best = s
            lowest = best - REACH * temperature
            mass = math.exp(-best / temperature) if best < REACH * temperature else 0.0
            for e in range(first, last):
                s = row[e - first]
                if s >= lowest:
                    weight = math.exp((s - best) / temperature)
                    row[e - first] = weight
                    mass += weight
                else:
                    row[e - first] = 0.0
            b = supply[i]
            total += b * (best + temperature * math.log(mass))
            for e in range(first, last):
                if row[e - first] > 0.0:
                    j, share, v = anchor[e], row[e - first] / mass, value[e]
                    x = b * share
                    bend = x * (1.0 - share) / temperature
                    mine[0, j] += x
                    mine[1, j] += x * v
                    mine[2, j] += bend
                    mine[3, j] += bend * v * v
        values[r] = total
    return values, totals


@_compiled
def _shares(indptr, anchor, value, supply, cuts, alpha, beta, temperature):
    share = np.zeros(anchor.size)
    for r in prange(cuts.size - 1):
        for i in range(cuts[r], cuts[r + 1]):
            best = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                s = alpha[anchor[e]] * value[e] + beta[anchor[e]]
                share[e] = s
                if s > best:
                    best = s
            mass = math.exp(-best / temperature) if best < REACH * temperature else 0.0
            for e in range(indptr[i], indptr[i + 1]):
                if share[e] >= best - REACH * temperature:
                    share[e] = math.exp((share[e] - best) / temperature)
                    mass += share[e]
                else:
                    share[e] = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                share[e] /= mass
    return share


@_compiled
def _curvature(indptr, anchor, value, supply, cuts, share, d_alpha, d_beta):
    runs = cuts.size - 1
    totals = np.zeros((runs, 2, d_alpha.size))
    for r in prange(runs):
        mine = totals[r]
        for i in range(cuts[r], cuts[r + 1]):
            mean = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                if share[e] > 0.0:
                    mean += share[e] * (d_alpha[anchor[e]] * value[e] + d_beta[anchor[e]])
            for e in range(indptr[i], indptr[i + 1]):
                if share[e] > 0.0:
                    j = anchor[e]
                    change = supply[i] * share[e] * (d_alpha[j] * value[e] + d_beta[j] - mean)
                    mine[0, j] += change
                    mine[1, j] += change * value[e]
    return totals


@_compiled
def _contest(indptr, anchor, value, supply, cuts, alpha, beta, margin):
    count = np.zeros(supply.size, dtype=np.int64)
    winner = np.full(supply.size, -1, dtype=np.int64)
    for r in prange(cuts.size - 1):
        for i in range(cuts[r], cuts[r + 1]):
            best, at = 0.0, -1
            for e in range(indptr[i], indptr[i + 1]):
                s = alpha[anchor[e]] * value[e] + beta[anchor[e]]
                if s > best or at < 0:
                    if s > best:
                        best = s
                    at = e if s >= best else at
            near = 0
            for e in range(indptr[i], indptr[i + 1]):
                if alpha[anchor[e]] * value[e] + beta[anchor[e]] >= best - margin:
                    near += 1
            if near == 1 and best > margin:
                winner[i] = at
            else:
                count[i] = near
    return count, winner


@_compiled
def _collect(indptr, anchor, value, alpha, beta, margin, segment, starts, edge):
    for k in prange(segment.size):
        i, best, at = segment[k], 0.0, starts[k]
        for e in range(indptr[i], indptr[i + 1]):
            best = max(best, alpha[anchor[e]] * value[e] + beta[anchor[e]])
        for e in range(indptr[i], indptr[i + 1]):
            if alpha[anchor[e]] * value[e] + beta[anchor[e]] >= best - margin:
                edge[at] = e
                at += 1
