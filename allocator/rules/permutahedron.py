"""Weights by rank: the permutahedron of a vector, projections on it, and the proximal map of its support function."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Pooled(NamedTuple):
    """What `pooled` finds: ``amounts`` (n,), and the pool that each belongs to (n,), whose members are equal and move
    together; ``count`` (pools,) says how many are in each.
    """

    amounts: FloatArray
    pool: NDArray[np.int64]
    count: NDArray[np.int64]

    def mean(self, direction: FloatArray) -> FloatArray:
        """The derivative of the map in a direction: means over pools."""
        sums = np.bincount(self.pool, weights=direction, minlength=self.count.size)
        return (sums / self.count)[self.pool]


def pooled(q: FloatArray, weights: FloatArray) -> Pooled:
    """argmax over y of sum_k weights_k y_(k) - |y - q|^2 / 2 with y_(1) <= ... <= y_(n) and falling ``weights``.

    In the order of q the answer is the rising isotonic regression of q_(k) + weights_k (Moreau's decomposition of the
    projection on the permutahedron: Lim and Wright 2016, Blondel et al. 2020); ties keep the order of positions.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(q, kind="stable")
    found = isotonic_regression(q[order] + weights)
    count = np.diff(found.blocks)
    pool = np.empty(q.size, np.int64)
    pool[order] = np.repeat(np.arange(count.size), count)
    amounts = np.empty(q.size)
    amounts[order] = found.x
    return Pooled(amounts, pool, count)


def projected(theta: FloatArray, weights: FloatArray) -> FloatArray:
    """The point of the permutahedron of falling ``weights`` (n,) nearest to theta (n,).

    In falling order of theta, pools as those of `pooled` at -theta; in each, theta moves as one to the mean of the
    weights. Gaps of theta wider than the weights span part pools however wide, so they are cut: far points would
    otherwise drown the weights in their own rounding.
    """
    from scipy.optimize import isotonic_regression

    if not weights.size or weights[0] == weights[-1]:
        return weights.copy()
    order = np.argsort(-theta, kind="stable")
    q = -theta[order]
    span = 2.0 * float(weights[0] - weights[-1])
    near = np.append(0.0, np.cumsum(np.minimum(np.diff(q), span)))
    blocks = isotonic_regression(near + weights).blocks
    first, count = blocks[:-1], np.diff(blocks)
    step = q - np.repeat(q[first], count)
    point = np.empty(theta.size)
    point[order] = np.repeat(np.add.reduceat(step + weights, first) / count, count) - step
    return point


def by_rank(amounts: FloatArray, weights: FloatArray) -> FloatArray:
    """Falling ``weights`` (n,) handed out by rising rank of the amounts (n,); equal amounts share theirs."""
    order = np.argsort(amounts, kind="stable")
    ranked = amounts[order]
    first = np.flatnonzero(np.diff(ranked, prepend=-np.inf) > 0)
    size = np.diff(np.append(first, ranked.size))
    shared = np.empty(amounts.size)
    shared[order] = np.repeat(np.add.reduceat(weights, first) / size, size) if amounts.size else weights
    return shared
