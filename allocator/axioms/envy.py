"""Envy between anchors: would one do better with what another is shown to?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.allocation import Allocation
from allocator.axioms.verdict import TOLERANCE, Verdict, amount, tolerated
from allocator.graph import Platform
from allocator.rules.levels import positive

FloatArray = NDArray[np.float64]
BLOCK = 1 << 22
"""Pairs of anchors that are held at once, about 50 MB; never less than one anchor against all others."""


class Envy(NamedTuple):
    """Ids of an anchor and of the one it envies most, and what the flows of the two are worth to it."""

    anchor: Any
    envied: Any
    own: float
    other: float


def envy_free(
    allocation: Allocation, of: str = "gmv", *, weights: ArrayLike | None = None, tolerance: float = TOLERANCE
) -> Verdict:
    """Whether no anchor would rather have another's flow: other_jk / w_k <= (1 + tolerance) own_j / w_j for all j, k.

    To anchor j the flow of k is worth sum_i v_ij x_ik, with v_ij = 0 where segment i may not be shown j (exposure:
    v_ij = 1 on the edges of j). Nobody's capacity limits what another's flow would be worth to it.

    Parameters
    ----------
    allocation : Allocation
    of : str
        ``"gmv"``, ``"exposure"`` or an edge measure.
    weights : (A,) array, mapping of ids, or number, optional
        Entitlements w > 0; all alike by default.
    tolerance : float
        Relative, in [0, 1).

    Returns
    -------
    Verdict
        The witness, an `Envy`, is the pair where other / w_k is largest relative to own / w_j; None where no flow is
        worth anything to a second anchor.

    Notes
    -----
    The optimum of Nash welfare of GMV with these weights and without further rules is envy-free (Varian 1974 for equal
    ones). Derived here: rents r satisfy r_i >= w_j v_ij / g_j, with equality where flow goes, so that
    sum_i v_ij x_ik <= (g_j / w_j) sum_i r_i x_ik = (g_j / w_j) w_k. Where n anchors are alike and only a relative gap
    d is certified, what remains is envy of at most about 2 sqrt(2 n d).
    """
    platform, tolerance = allocation.platform, tolerated(tolerance)
    weight, ids = positive(platform, weights, "entitlements"), platform.anchors["id"]
    own = allocation.totals.of(of)
    most, envied = _most_envied(platform, of, allocation.flow, weight)
    ratio = np.divide(most * weight, own, out=np.where(most > 0, np.inf, 0.0), where=own > 0)
    j = int(np.lexsort((most, ratio))[-1])
    holds, k = bool(ratio[j] <= 1 + tolerance), int(envied[j])
    if k < 0:
        return Verdict(holds, None, "No anchor envies another: no flow is worth anything to a second anchor.")
    witness = Envy(ids[j].item(), ids[k].item(), float(own[j]), float(most[j] * weight[k]))
    beyond = f"There is envy beyond the relative tolerance {tolerance:g}, most of all by"
    said = "No anchor envies another; the nearest to it is" if holds else beyond
    return Verdict(
        holds,
        witness,
        f"{said} anchor {witness.anchor}, whose own flow brings it {amount(platform, of, witness.own)} and to whom the "
        f"flow of anchor {witness.envied} would bring {amount(platform, of, witness.other)}"
        + ("." if weights is None else f" (their weights are {weight[j]:.4g} and {weight[k]:.4g})."),
    )


def _most_envied(
    platform: Platform, of: str, flow: FloatArray, weight: FloatArray
) -> tuple[FloatArray, NDArray[np.int64]]:
    """What the best flow of another is worth to each anchor per unit of that other's weight, (A,), and whose it is
    (-1 for nobody's).
    """
    most, envied = np.zeros(weight.size), np.full(weight.size, -1)
    for j, k, worth in _bundles(platform, of, flow):
        worth = np.where(j == k, 0.0, worth / weight[k])
        np.maximum.at(most, j, worth)
        best = (worth == most[j]) & (worth > 0)
        envied[j[best]] = k[best]
    return most, envied


def _bundles(platform: Platform, of: str, flow: FloatArray) -> Iterator[tuple[NDArray, NDArray, FloatArray]]:
    """Blocks of pairs (j, k) with what the flow of k is worth to j, as far as it is worth anything.

    A product of two sparse matrices, values transposed times flow, for as many anchors j at a time as make `BLOCK`
    pairs; all pairs of a j are in one block.
    """
    from scipy.sparse import csr_array

    shape, served = (platform.segment_count, platform.anchor_count), flow > 0
    worth = csr_array((platform.per_impression(of), (platform.anchor, platform.segment)), shape=shape[::-1])
    sent = csr_array((flow[served], (platform.segment[served], platform.anchor[served])), shape=shape)
    pairs = platform.into_anchors(np.diff(sent.indptr)[platform.segment])
    held, first = np.cumsum(np.minimum(pairs, shape[1])), 0
    while first < shape[1]:
        before = held[first - 1] if first else 0.0
        last = max(first + 1, int(np.searchsorted(held, before + BLOCK, side="right")))
        block = worth[first:last] @ sent
        yield np.repeat(np.arange(first, last), np.diff(block.indptr)), block.indices, block.data
        first = last
