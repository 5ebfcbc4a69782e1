"""Prices that bound every choice of boosts tightly, and shares of boosts that a choice can be read from.

At given multipliers of the rules the bound of `allocator.discrete.boost_bound` is least at the rents of a relaxation in
which an anchor may have a part of a boost: a boosted edge then takes at most that part of its segment, a plain edge
what is left of it, and a segment fills itself by a partial sort. The relaxation is concave in the shares, and its
supergradient is the gain of every boost, so that conditional gradients (Frank and Wolfe 1956) find them: one partial
sort and one small linear program over the slots per step, and every step is a proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.discrete.boost_bound import Prices, Proof, Stage, proved
from allocator.discrete.boost_limits import Limits

FloatArray = NDArray[np.float64]
FULL = 1.0 - 1e-12
"""A segment that is used up, whatever rounding has made of its parts."""


class Relaxed(NamedTuple):
    """The least bound that was found, the prices behind it, and shares of boosts (P, M, A)."""

    proof: Proof
    prices: list[Prices]
    shares: FloatArray


def rents_at(stage: Stage, multipliers: Any, money: float, shares: FloatArray) -> FloatArray:
    """What one more impression of each segment is worth where anchors have shares (M, A) of boosts, (S,)."""
    platform, anchor = stage.problem.platform, stage.problem.platform.anchor
    s, _ = stage.surpluses(multipliers, money)
    width = np.vstack((np.maximum(1.0 - shares.sum(axis=0), 0.0)[None, :], shares))[:, anchor]
    worth = np.concatenate([s - piece.discount for piece in stage.problem.pieces])
    width = np.concatenate([piece.width * width for piece in stage.problem.pieces])
    segment = np.broadcast_to(platform.segment, worth.shape)
    felt = (width > 0) & (worth > 0)
    worth, width, segment = worth[felt], width[felt], segment[felt]
    order = np.lexsort((-worth, segment))
    worth, width, segment = worth[order], width[order], segment[order]
    filled = np.cumsum(width)
    first = np.searchsorted(segment, np.arange(platform.segment_count))
    before = np.append(0.0, filled)[first]
    rents = np.zeros(platform.segment_count)
    last = worth * (filled - before[segment] >= FULL)
    np.maximum.at(rents, segment, last)
    return rents


def relaxed(
    stages: Sequence[Stage],
    limits: Limits,
    multipliers: Sequence[Any],
    *,
    start: tuple[FloatArray, float],
    passes: int,
) -> Relaxed:
    """Lower the bound at given multipliers, one list per phase; ``start``: shares (P, M, A) and a price of money."""
    shares, money = start
    best = None
    for step in range(passes):
        pairs = zip(stages, multipliers, shares, strict=True)
        prices = [Prices(mine, rents_at(stage, mine, money, part)) for stage, mine, part in pairs]
        proof = proved(stages, limits, prices, money)
        if best is None or proof.most < best.proof.most:
            best = Relaxed(proof, prices, shares)
        shares = shares + 2.0 / (step + 2.0) * (proof.shares - shares)
    assert best is not None
    return best._replace(shares=shares)
