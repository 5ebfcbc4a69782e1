"""Values of pairs that were seen a few times, moved towards what their anchor and segment lead one to expect.

The mean of a pair that was seen once is mostly noise, and an optimum picks the pairs whose noise is luckiest: the
winner's curse. Credibility, the actuaries' empirical Bayes (Bühlmann 1967; Bühlmann and Straub 1970; with several
multiplicative factors Ohlsson 2008), gives each mean the weight that its traffic has earned:

    expected_e = mean a_j b_i,      value_e = expected_e + Z_e (own_e - expected_e),      Z_e = t_e / (t_e + kappa).

The factors a_j of anchors and b_i of segments are means of value over what the other factor leads one to expect,
weighted by that, and are themselves moved towards 1 with strengths of their own, in impressions. For each pair they
leave its own rows out; these touch its expectation only through the factors of others.

Each strength kappa is the one that best predicts a row from the other rows of its pair (of its anchor, its segment).
With m rows that share the traffic t equally, own mean v, expectation p and spread S, leaving out row r predicts
p + Z (v_-r - p) with Z = (m - 1) / (m - 1 + kappa m / t), so that the squared errors, weighted by traffic, add up to

    S (1 + Z / (m - 1))^2 + t (1 - Z)^2 (v - p)^2

(derived here: v_-r = v - (a_r - v) / (m - 1), and deviations from v sum to zero; the criterion is Allen's PRESS, 1974).
Money is heavy-tailed, and a few large orders would decide kappa; so every pair counts once, with its mean squared error
over v + 2 p. Of the scales that were tried this one keeps best what is promised, on markets of known truth and on
split samples of real logs: p alone lets large orders decide, and with the deviation of the pair in it noise is taken
for value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.pairs import Pairs

FloatArray = NDArray[np.float64]
STRENGTHS = np.geomspace(0.01, 1e4, 145)
"""Strengths that are tried, in rows of average traffic, ten per cent apart."""
LEARNING = 3
"""Sweeps over anchors and segments in which their strengths are estimated anew; then the factors converge."""
SWEEPS, SETTLED = 1000, 1e-6


class Credibility(NamedTuple):
    """Values (E,) in currency per impression, and how they came about.

    ``own`` (E,) is the pair's own mean, ``expected`` (E,) where it is moved to, ``weight`` (E,) is Z; strengths are in
    impressions. ``standard_error`` (E,) is that of ``value``: expected_e sqrt(phi / (t_e + kappa)), with phi the
    squared coefficient of variation of an impression (derived here: the posterior variance (1 - Z) tau^2 with
    tau^2 = sigma^2 / kappa); it takes the expectation for granted. Where no pair was seen twice nothing tells noise
    from value: the strength is infinite, and so is the standard error.
    """

    value: FloatArray
    standard_error: FloatArray
    own: FloatArray
    expected: FloatArray
    weight: FloatArray
    strength: float
    anchor_strength: float
    segment_strength: float


class Factors(NamedTuple):
    """What anchors (A,) and segments (S,) are worth beside the mean, currency / impression, and their strengths."""

    mean: float
    anchor: FloatArray
    segment: FloatArray
    anchor_strength: float
    segment_strength: float


def shrink(pairs: Pairs, segments: int, anchors: int) -> Credibility:
    """Move the values of pairs towards what their anchors and segments lead one to expect."""
    factors = fit(pairs, segments, anchors)
    expected = expect(pairs, factors)
    kappa = strength(pairs.value, expected, pairs.traffic, pairs.rows, pairs.spread)
    weight = pairs.traffic / (pairs.traffic + kappa)
    value = expected + weight * (pairs.value - expected)
    error = np.full(value.size, np.inf)
    if np.isfinite(kappa):
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(expected > 0, pairs.spread / expected**2, 0.0).sum()
        variation = relative / np.maximum(pairs.rows - 1, 0).sum()
        error = expected * np.sqrt(variation / (pairs.traffic + kappa))
    strengths = (kappa, factors.anchor_strength, factors.segment_strength)
    return Credibility(value, error, pairs.value, expected, weight, *strengths)


def fit(pairs: Pairs, segments: int, anchors: int) -> Factors:
    """The factors of anchors and segments, by turns, until they no longer move; ``mean`` is that of all traffic."""
    position, size = (pairs.anchor, pairs.segment), (anchors, segments)
    factor, strengths = [np.ones(anchors), np.ones(segments)], [np.inf, np.inf]
    seen = float(pairs.traffic.sum())
    mean = float((pairs.traffic * pairs.value).sum()) / seen if seen else 0.0
    for sweep in range(SWEEPS if mean else 0):
        before = [one.copy() for one in factor]
        for own, other in ((0, 1), (1, 0)):
            level = _Level(pairs, position[own], size[own], mean * factor[other][position[other]])
            if sweep < LEARNING:
                strengths[own] = strength(level.ratio, np.ones(size[own]), level.traffic, level.rows, level.spread)
            factor[own] = 1.0 + level.traffic / (level.traffic + strengths[own]) * (level.ratio - 1.0)
        moves = [np.abs(now - then).max() / now.max() for now, then in zip(factor, before, strict=True)]
        if sweep >= LEARNING and max(moves) < SETTLED:
            break
    return Factors(mean, *factor, *strengths)


class _Level:
    """Pairs gathered by one side (n,), beside what the other side leads one to expect: ratio, rows, traffic, spread."""

    def __init__(self, pairs: Pairs, position: NDArray[np.integer], size: int, prior: FloatArray):
        def total(amounts: FloatArray) -> FloatArray:
            return np.bincount(position, weights=amounts, minlength=size)

        with np.errstate(divide="ignore", invalid="ignore"):
            weight = total(pairs.traffic * prior)
            self.ratio = np.where(weight > 0, total(pairs.traffic * pairs.value) / weight, 1.0)
            away = pairs.spread + pairs.traffic * (pairs.value - prior * self.ratio[position]) ** 2
            self.spread = total(np.where(prior > 0, away / prior**2, 0.0))
        self.traffic, self.rows = total(pairs.traffic), total(pairs.rows)


def expect(pairs: Pairs, factors: Factors) -> FloatArray:
    """What the other pairs of its anchor and of its segment lead one to expect of each pair, (E,)."""
    expected = np.full(pairs.value.size, factors.mean)
    money = pairs.traffic * pairs.value
    for position, other, kappa in (
        (pairs.anchor, factors.segment[pairs.segment], factors.anchor_strength),
        (pairs.segment, factors.anchor[pairs.anchor], factors.segment_strength),
    ):
        weight = pairs.traffic * factors.mean * other
        rest = [np.bincount(position, weights=one)[position] - one for one in (weight, money, pairs.traffic)]
        known = (np.bincount(position)[position] > 1) & (rest[0] > 0)
        ratio = np.maximum(np.divide(rest[1], rest[0], out=np.ones(known.size), where=known), 0.0)
        expected *= 1.0 + np.where(known, rest[2] / (rest[2] + kappa), 0.0) * (ratio - 1.0)
    return expected


def strength(own: FloatArray, expected: FloatArray, traffic: FloatArray, rows: FloatArray, spread: FloatArray) -> float:
    """How many impressions an expectation is worth beside means of m rows, the best of those tried, see above.

    Infinite where nothing was seen twice: then nothing tells noise from differences.
    """
    again = (rows > 1) & (own + expected > 0) & (traffic > 0)
    own, expected, traffic, rows, spread = (one[again] for one in (own, expected, traffic, rows, spread))
    if not own.size:
        return np.inf
    scale, share = own + 2.0 * expected, traffic / rows
    # The weights depend on a pair's rows and its traffic per row alone: pairs with the same are added up first.
    alike, which = np.unique(rows + 1j * share, return_inverse=True)
    noise = np.bincount(which, weights=spread / (traffic * scale))
    bias = np.bincount(which, weights=(own - expected) ** 2 / scale)
    others, tried = alike.real - 1, STRENGTHS * float(traffic.sum() / rows.sum())
    weights = (others / (others + kappa / alike.imag) for kappa in tried)
    errors = [float((noise * (1 + w / others) ** 2 + bias * (1 - w) ** 2).sum()) for w in weights]
    return float(tried[int(np.argmin(errors))])
