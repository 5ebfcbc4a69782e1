"""Contests of anchors (A3): what a pot of prizes makes them do, and ranks that win bonus impressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.graph import Platform
from allocator.rules.levels import Where, amount, anchors_where
from allocator.subsidies import subsidise
from allocator.wording import some


@dataclass(frozen=True)
class Contest:
    """The symmetric equilibrium of a contest of n anchors for a pot.

    Attributes
    ----------
    pot : float
        V, currency.
    anchors : int
        n.
    per_head, total : float
        Effort of one anchor and of all, currency.
    kept : float
        What each expects to keep of the pot beyond its effort, currency.
    """

    pot: float
    anchors: int
    per_head: float
    total: float
    kept: float


def contest(pot: float, anchors: int) -> Contest:
    """Effort in a Tullock contest: anchor j gets the part o_j / sum o of a pot V for effort o_j, both in currency.

    Raises
    ------
    ValueError
        If the pot is negative or not finite, or there are no anchors.

    Notes
    -----
    Derived here (Tullock 1980, "Efficient rent seeking", with r = 1; A3 of the model): anchor j maximises
    V o_j / (o_j + O) - o_j, O what the others put in. It is concave in o_j, with slope V O / (o_j + O)^2 - 1. In a
    symmetric equilibrium O = (n - 1) o, so V (n - 1) o = n^2 o^2: effort o = (n - 1) V / n^2 per head and
    (n - 1) V / n in all, which grows with n, while effort per head falls from n = 2 on. V / n - o = V / n^2 is kept.
    One alone needs no effort, and wins.
    """
    size = amount(pot, "the pot of a contest")
    if not (isinstance(anchors, int | np.integer) and not isinstance(anchors, bool) and anchors >= 1):
        raise ValueError(f"a contest needs a whole number of anchors >= 1, not {anchors!r}")
    n = int(anchors)
    effort = (n - 1) * size / n**2
    return Contest(size, n, effort, n * effort, size / n - effort)


def prize_supply(platform: Platform, results: ArrayLike, prizes: Sequence[float], *, where: Where = None) -> Platform:
    """Give bonus impressions by rank: the best result of a contest gets the first prize, and so on.

    Parameters
    ----------
    platform : Platform
        It is left as it is.
    results : (A,)
        What anchors are ranked by, such as their GMV; of equals the first in order wins.
    prizes : sequence of float
        R_1 >= R_2 >= ... >= 0, impressions / period.
    where : None, mask, "attribute=value" or ids
        Who takes part.

    Returns
    -------
    Platform
        With one call of `allocator.subsidise` per prize above zero: impressions that only the winner may get.

    Raises
    ------
    ValueError
        For results that are no numbers, prizes that rise, more prizes than anchors who take part, or a winner whom no
        segment with supply reaches.
    """
    order, amounts = _ranked(platform, results, where), [amount(prize, "a prize") for prize in prizes]
    if any(later > sooner for sooner, later in pairwise(amounts)):
        raise ValueError(f"prizes must not rise from rank to rank: {some(amounts)}")
    if len(amounts) > order.size:
        raise ValueError(f"there are {len(amounts)} prizes for {order.size} anchors who take part")
    for winner, prize in zip(order, amounts, strict=False):
        if prize > 0:
            mask = np.zeros(platform.anchor_count, dtype=bool)
            mask[winner] = True
            platform = subsidise(platform, mask, prize, cost=0.0)
    return replace(platform, folder=None)


def _ranked(platform: Platform, results: ArrayLike, where: Where) -> NDArray[np.int64]:
    """Positions of those who take part, the best result first."""
    found = np.asarray(results, dtype=np.float64)
    if found.shape != (platform.anchor_count,) or np.isnan(found).any():
        raise ValueError(f"results need one number per anchor, ({platform.anchor_count},)")
    order = np.argsort(-found, kind="stable")
    return order[anchors_where(platform, where)[order]]
