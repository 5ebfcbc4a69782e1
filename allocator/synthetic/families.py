"""Random platforms for studying solvers: even, heavy-tailed and divided into verticals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.synthetic.checks import count, number, sizes
from allocator.synthetic.watching import Pairs, watch, watch_blocks

FloatArray = NDArray[np.float64]
Table = dict[str, NDArray]


def uniform(segments: int, anchors: int, *, degree: int, rng: np.random.Generator) -> Platform:
    """Draw a platform on which all anchors are alike: nothing but chance makes one larger than another.

    Parameters
    ----------
    segments, anchors : int
        Numbers of segments S and anchors A, at least 1.
    degree : int
        Anchors each segment watches, from 1 to A, distinct and equally likely.
    rng : numpy.random.Generator

    Returns
    -------
    Platform
        Values uniform on [0, 1), every supply 1 (so that whole capacities give whole vertices, F13), no capacity.

    Raises
    ------
    ValueError
        Naming the parameter that is out of range.
    """
    segments, anchors, degree = sizes(segments, anchors, degree, rng)
    pairs = watch(np.full(segments, degree), np.ones(anchors), rng=rng)
    return _platform(
        pairs, rng.random(pairs[0].size), np.ones(segments), anchors={"id": np.arange(anchors)}, segments={}
    )


def heavy_tailed(
    segments: int,
    anchors: int,
    *,
    degree: int,
    rng: np.random.Generator,
    popularity: float = 1.0,
    value_sigma: float = 1.0,
    supply_sigma: float = 1.0,
) -> Platform:
    """Draw a platform with the skew of real ones: popular anchors, rich values, large segments, uneven degrees.

    Parameters
    ----------
    segments, anchors : int
        Numbers of segments S and anchors A, at least 1.
    degree : int
        Mean number of anchors a segment watches, from 1 to A. Degrees are uniform on the widest range of whole numbers
        around it that stays within 1 to A.
    rng : numpy.random.Generator
    popularity : float
        Zipf exponent, 0 to 10: anchor k (from 0) is chosen with weight (k + 1)^-popularity at every step (a
        degree-corrected graph; the top anchor's weight at exponent 1 is 13.4 % of the total of 1000, F20).
    value_sigma, supply_sigma : float
        Standard deviations, 0 to 10, of the logarithms of values (over edges) and of supply (over segments); both are
        lognormal with mean 1.

    Returns
    -------
    Platform
        With the anchors' attribute ``popularity`` (weights that sum to 1) and no capacity.

    Raises
    ------
    ValueError
        Naming the parameter that is out of range.
    """
    segments, anchors, degree = sizes(segments, anchors, degree, rng)
    weights = np.arange(1.0, anchors + 1.0) ** -number("popularity", popularity, most=10.0)
    spread = min(degree - 1, anchors - degree)
    degrees = rng.integers(degree - spread, degree + spread, size=segments, endpoint=True)
    pairs = watch(degrees, weights, rng=rng)
    value = _lognormal(number("value_sigma", value_sigma, most=10.0), pairs[0].size, rng)
    supply = _lognormal(number("supply_sigma", supply_sigma, most=10.0), segments, rng)
    return _platform(pairs, value, supply, anchors={"popularity": weights / weights.sum()}, segments={})


def blocks(
    segments: int, anchors: int, *, verticals: int, breadth: float, rng: np.random.Generator, degree: int = 10
) -> Platform:
    """Draw a platform divided into verticals, whose segments watch anchors of other verticals now and then (A9).

    Parameters
    ----------
    segments, anchors : int
        Numbers of segments S and anchors A, at least 1.
    verticals : int
        Number of verticals, from 1 to A; each takes consecutive segments and anchors, as evenly as possible.
    breadth : float
        Expected share of edges that cross verticals, in [0, 1]: each of the S ``degree`` edges crosses independently
        (.1 is narrow, .6 broad).
    rng : numpy.random.Generator
    degree : int
        Anchors each segment watches, distinct and equally likely within its vertical and within the rest. There must
        be that many in every vertical (unless breadth is 1) and outside it (unless breadth is 0).

    Returns
    -------
    Platform
        With the attribute ``vertical`` (0, 1, ...) on both sides, lognormal values (sigma 1, mean 1), every supply 1
        and no capacity.

    Raises
    ------
    ValueError
        Naming the parameter that is out of range.
    """
    segments, anchors, degree = sizes(segments, anchors, degree, rng)
    verticals = count("verticals", verticals, most=anchors, why=f" (the anchors: {anchors:,})")
    breadth = number("breadth", breadth, most=1.0)
    own = np.arange(segments) * verticals // segments, np.arange(anchors) * verticals // anchors
    members = np.bincount(own[1], minlength=verticals)
    if breadth < 1:
        count("degree", degree, most=members.min(), why=" (the anchors of the smallest vertical)")
    if breadth > 0:
        count("degree", degree, most=anchors - members.max(), why=" (the anchors outside the largest vertical)")
    pairs = watch_blocks(np.full(segments, degree), np.ones(anchors), own=own, breadth=breadth, rng=rng)
    return _platform(
        pairs,
        _lognormal(1.0, pairs[0].size, rng),
        np.ones(segments),
        anchors={"vertical": own[1]},
        segments={"vertical": own[0]},
    )


def _lognormal(sigma: float, size: int, rng: np.random.Generator) -> FloatArray:
    """Draw lognormal amounts with mean 1."""
    return rng.lognormal(-(sigma**2) / 2, sigma, size)


def _platform(pairs: Pairs, value: FloatArray, supply: FloatArray, *, anchors: Table, segments: Table) -> Platform:
    segment, anchor = pairs
    indptr = np.concatenate(([0], np.cumsum(np.bincount(segment, minlength=supply.size))))
    return Platform(indptr, anchor.astype(np.int32), value, supply, segments=segments, anchors=anchors)
