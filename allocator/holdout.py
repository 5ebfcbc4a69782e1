"""How much of a promised gain survives: an allocation made with one sample of a market, judged by another sample.

Split a log into two parts with `read_log(..., by="part(2, InvoiceNo)")`, solve on the platform of one, and ask the
other. What an optimum promises is the largest of many noisy numbers; what the other sample says is not chosen for its
noise, and so is an unbiased estimate wherever it saw the pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.graph import Platform
from allocator.tables import Pairs
from allocator.tables.credibility import fit
from allocator.wording import quantity

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Holdout:
    """What an allocation promised and what it would have sold by the second sample, in currency per period.

    Attributes
    ----------
    promised : float
        GMV of the allocation by the values it was made with.
    realised : float
        Its GMV by the test sample: the test's own value of a pair that it saw; elsewhere the mean of the test sample
        times the factors of anchor and segment in it (see `allocator.tables.credibility`), which know nothing of what
        is particular about a pair: where an optimum chose it for that, this errs to the low side.
    status_quo : float
        GMV of the observed traffic of the training platform, judged in the same way.
    observed : float
        GMV of that traffic by the training platform's own values.
    covered : float
        Share of the allocation's impressions on pairs that the test sample saw.
    promised_covered, realised_covered : float
        Promised and realised GMV of these impressions alone.
    """

    promised: float
    realised: float
    status_quo: float
    observed: float
    covered: float
    promised_covered: float
    realised_covered: float
    currency: str = "RMB"
    period: str = "day"

    @property
    def promised_gain(self) -> float:
        """Promised over observed GMV, less 1."""
        return _gain(self.promised, self.observed)

    @property
    def realised_gain(self) -> float:
        """Realised GMV over that of the status quo, less 1."""
        return _gain(self.realised, self.status_quo)

    @property
    def survives(self) -> float:
        """The share of the promised gain that is left, 1 where none was promised: the rest is winner's curse."""
        return self.realised_gain / self.promised_gain if self.promised_gain > 0 else 1.0

    def __str__(self) -> str:
        return (
            f"promised {quantity(self.promised)} {self.currency} per {self.period}, {self.promised_gain:+.1%} on what "
            f"was observed; by the other sample {quantity(self.realised)}, {self.realised_gain:+.1%} "
            f"({self.covered:.0%} of the impressions on pairs that it saw)"
        )


def holdout_gmv(train: Platform, test: Platform, allocation: Allocation) -> Holdout:
    """Judge an allocation by a sample of the market that it was not made with.

    Parameters
    ----------
    train : Platform
        What the allocation was made for; its ``observed`` traffic is the status quo. The edges are those of
        ``allocation.platform``, the values may differ (raw where the allocation's are shrunk).
    test : Platform
        The other sample, read without ``shrink``; segments and anchors are matched by id.
    allocation : Allocation

    Returns
    -------
    Holdout

    Raises
    ------
    ValueError
        If a platform has no observed traffic, the allocation is for other edges, or the samples share no pair.
    """
    for name, platform in (("train", train), ("test", test)):
        if platform.observed is None or not platform.observed.any():
            raise ValueError(f"the {name} platform has no observed traffic; read it from a log")
    own = allocation.platform
    if "standard_error" in test.measures:
        raise ValueError(
            "the test platform has shrunk values; read the test sample without shrink, which judges unbiased"
        )
    if not (np.array_equal(own.indptr, train.indptr) and np.array_equal(own.anchor, train.anchor)):
        raise ValueError("the allocation is for a platform with other edges than the training platform's")
    seen, value = _judged(train, test)
    if not seen.any():
        raise ValueError("the two samples share no pair of segment and anchor; match their ids or split at random")
    flow, before = allocation.flow, np.asarray(train.observed)
    promised, realised = flow * own.value, flow * value
    total = float(flow.sum())
    return Holdout(
        promised=float(promised.sum()),
        realised=float(realised.sum()),
        status_quo=float((before * value).sum()),
        observed=float((before * train.value).sum()),
        covered=float(flow[seen].sum()) / total if total else 0.0,
        promised_covered=float(promised[seen].sum()),
        realised_covered=float(realised[seen].sum()),
        currency=train.currency,
        period=train.period,
    )


def _gain(amount: float, base: float) -> float:
    return amount / base - 1.0 if base > 0 else math.inf if amount > 0 else 0.0


def _judged(train: Platform, test: Platform) -> tuple[NDArray[np.bool_], FloatArray]:
    """Which edges of ``train`` (E,) the test sample saw, and what all of them are worth by it (E,)."""
    segment, anchor = _matched(train, test, "segments"), _matched(train, test, "anchors")
    traffic, used = np.asarray(test.observed), np.asarray(test.observed) > 0
    # A platform does not know how many rows its pairs had: for the factors, every pair is one.
    once, never = np.ones(traffic.size), np.zeros(traffic.size)
    pairs = Pairs(test.segment, test.anchor, traffic, test.value.astype(np.float64), once, never)
    pairs = Pairs(*(column[used] for column in pairs))
    factors = fit(pairs, test.segment_count, test.anchor_count)
    # One more entry for ids that the test sample does not know: nothing is known of them, so their factor is 1.
    row, column = np.append(factors.segment, 1.0), np.append(factors.anchor, 1.0)
    i, j = segment[train.segment], anchor[train.anchor]
    value = factors.mean * row[i] * column[j]
    width = test.anchor_count + 1
    known = pairs.segment.astype(np.int64) * width + pairs.anchor
    wanted = np.where((i >= 0) & (j >= 0), i * width + j, -1)
    at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    seen = known[at] == wanted
    return seen, np.where(seen, pairs.value[at], value)


def _matched(train: Platform, test: Platform, side: str) -> NDArray[np.int64]:
    """The test platform's position of each segment or anchor of the training platform, -1 where it lacks it."""
    position = {identity: k for k, identity in enumerate(getattr(test, side)["id"].tolist())}
    return np.array([position.get(identity, -1) for identity in getattr(train, side)["id"].tolist()], dtype=np.int64)
