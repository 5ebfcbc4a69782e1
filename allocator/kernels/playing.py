"""Passes of a platform that is played forward: traffic shared out by weights, and what it brings, compiled by numba.

One thread each: a graph of 1e5 edges fits in its cache, and ensembles run one run per core.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from allocator.kernels.compiling import kept


@njit(cache=kept(), nogil=True)
def shared(indptr, anchor, measure, weight, supply):
    """Every segment's ``supply`` (S,) over its edges in proportion to measure (E,; empty for 1) times the ``weight``
    of the anchor (A,) >= 0: a flow (E,). A segment whose weights are all zero keeps its supply.
    """
    flow, plain = np.zeros(anchor.size), measure.size == 0
    for i in range(supply.size):
        total = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            own = weight[np.uint32(anchor[e])]
            part = own if plain else measure[e] * own
            flow[e] = part
            total += part
        scale = supply[i] / total if total > 0 else 0.0
        for e in range(indptr[i], indptr[i + 1]):
            flow[e] *= scale
    return flow


@njit(cache=kept(), nogil=True)
def first(indptr, anchor, measure, weight, supply):
    """Every segment's ``supply`` (S,) to the edge with the largest measure (E,) times ``weight`` (A,), the first of
    equals: a flow (E,). Anchors of weight zero get nothing.
    """
    flow = np.zeros(anchor.size)
    for i in range(supply.size):
        best, most = -1, -1.0
        for e in range(indptr[i], indptr[i + 1]):
            own = weight[np.uint32(anchor[e])]
            part = measure[e] * own if own > 0 else -1.0
            better = part > most  # without a branch, which nothing would foretell
            best = e if better else best
            most = part if better else most
        if best >= 0:
            flow[best] = supply[i]
    return flow


@njit(cache=kept(), nogil=True)
def brought(indptr, anchor, value, flow, anchors):
    """Exposure of every anchor under a flow (E,) and its GMV, each (A,), in the order of the edges; what the flow takes
    of every segment, (S,); and the smallest of its entries and 0.
    """
    exposure, worth = np.zeros(anchors), np.zeros(anchors)
    taken, least = np.zeros(indptr.size - 1), 0.0
    for i in range(taken.size):
        whole = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            part, j = flow[e], np.uint32(anchor[e])  # numba need not ask whether it counts from the end
            exposure[j] += part
            worth[j] += part * value[e]
            whole += part
            least = min(least, part)
        taken[i] = whole
    return exposure, worth, taken, least
