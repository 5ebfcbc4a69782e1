"""Curved terms as linear rows: their tangents at amounts that are given, nowhere below them (Kelley 1960)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.rules.rows import Rows
from allocator.rules.totals import Totals

FloatArray = NDArray[np.float64]
SPREAD = (1 / 64, 1 / 16, 1 / 4, 1.0, 4.0, 16.0)
"""Multiples of the first point at which tangents lie, so that the first program is not far off."""


FALL = 16.0
"""By how much a tangent may lie below all before it: programs that know little may give an anchor nothing."""


def held(totals: Totals, near: Sequence[Totals], goods: Iterable[str]) -> Totals:
    """Where the next tangents touch: at the totals, but for amounts far below all before."""
    least = {good: np.min([t.of(good) for t in near], axis=0) / FALL for good in goods}
    return Totals.given(totals.platform, {good: np.maximum(totals.of(good), low) for good, low in least.items()})


def amounts(near: Sequence[Totals], good: str, active: NDArray[np.int64]) -> FloatArray:
    """Amounts (k, n) of a good that all totals have for some anchors (n,)."""
    return np.stack([totals.of(good)[active] for totals in near])


def spread(points: FloatArray, power: float = 1.0) -> FloatArray:
    """Points (k, n) with the first one spread, by `SPREAD` to a power: where the tangents of n anchors lie."""
    return np.concatenate((np.outer(np.power(SPREAD, power), points[0]), points[1:]))


def tangent_rows(
    good: str,
    reach: FloatArray,
    slope: FloatArray,
    of_total: FloatArray,
    constant: FloatArray,
    free: FloatArray | None = None,
) -> Rows:
    """Rows of the largest sum of s_j with s_j <= slope y_j + of_total T + constant for each of k tangents (k, n) of
    every anchor with reach (A,) > 0, n in all; T is their total or, where the costs ``free`` (n + 1,) of all y and of T
    are given, any number >= 0.

    Amounts and total are variables of their own, so that a tangent has three entries however many edges it speaks of.
    """
    from scipy.sparse import csr_array, vstack

    active, (k, n) = np.flatnonzero(reach > 0), slope.shape
    pick = csr_array((np.ones(n), (np.arange(n), active)), shape=(n, reach.size))
    total = csr_array(pick.sum(axis=0)[None, :]) if free is None else csr_array((1, reach.size))
    spoken = vstack([pick, total, csr_array((k * n, reach.size))])
    # Variables: amounts y, their total T, and s.
    each, anchor = np.arange(n + 1), np.tile(np.arange(n), k)
    row = n + 1 + np.arange(k * n)
    entries: list[tuple[Any, Any, Any]] = [
        (np.append(-np.ones(n), -1.0 if free is None else 1.0), each, each),
        (slope.ravel(), row, anchor),
        (of_total.ravel(), row, np.full(k * n, n)),
        (-np.ones(k * n), row, n + 1 + anchor),
    ]
    data, rows, columns = (np.concatenate(part) for part in zip(*entries, strict=True))
    auxiliary = csr_array((data, (rows, columns)), shape=(n + 1 + k * n, 2 * n + 1))
    auxiliary.eliminate_zeros()
    lower = np.concatenate((np.zeros(n + 1), -constant.ravel()))
    upper = np.concatenate((np.zeros(n), [0.0 if free is None else np.inf], np.full(k * n, np.inf)))
    cost = np.append(np.zeros(n + 1) if free is None else free, np.ones(n))
    return Rows({good: csr_array(spoken)}, lower, upper, auxiliary, cost)
