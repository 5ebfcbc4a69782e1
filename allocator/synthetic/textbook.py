"""Small platforms without chance, whose best allocations are known in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.graph import Platform
from allocator.synthetic.checks import count, number


def star(values: ArrayLike, *, supply: float = 1.0) -> Platform:
    """Build one segment that watches every anchor: the whole conflict, with nothing to soften it (F3, F7).

    Parameters
    ----------
    values : (A,) float
        GMV of one impression on each anchor, currency / impression, >= 0.
    supply : float
        Impressions / period of the segment, >= 0.

    Notes
    -----
    A floor f on every anchor costs f sum_j (max v - v_j), an even split 1 - mean(v) / max(v) of the GMV.
    """
    values = _vector(values)
    everyone = np.arange(values.size, dtype=np.int32)
    return Platform(np.array([0, values.size]), everyone, values, np.array([number("supply", supply)]))


def opposite(values: ArrayLike, *, supply: float = 1.0) -> Platform:
    """Build n segments and n anchors whose tastes are turned by one step each: fairness is free (F4).

    Parameters
    ----------
    values : (n,) float
        What the first segment's impression is worth on each anchor, currency / impression, >= 0. Segment i values
        anchor j at ``values[(j - i) % n]``; ``opposite([1, 0])`` is the case of two opposite preferences.
    supply : float
        Impressions / period of every segment, >= 0.

    Notes
    -----
    Derived here: sending every segment to its favourite, (i + argmax) mod n, is best for GMV and gives all anchors
    the same exposure and the same GMV, the most even allocation there is.
    """
    values = _vector(values)
    n = values.size
    place = np.arange(n, dtype=np.int32)
    turned = values[(place[None, :] - place[:, None]) % n]
    supplies = np.full(n, number("supply", supply))
    return Platform(np.arange(n + 1) * n, np.tile(place, n), turned.ravel(), supplies)


def tight(n: int, x: int) -> Platform:
    """Build the star on which fairness costs most: the family that attains the bound on the price of fairness (F1).

    Parameters
    ----------
    n : int
        Anchors, at least 1.
    x : int
        Anchors, from 1 to n, with value x; the other n - x have value 1.

    Returns
    -------
    Platform
        One segment of supply 1. Capacity 1 / v_j lets every anchor alone reach a GMV of 1 and no more, which the bound
        needs (Bertsimas, Farias and Trichakis 2011 normalise equal maximum utilities).

    Notes
    -----
    The largest GMV is x. Under alpha-fairness of GMV, g_j is in proportion to v_j^(1/alpha), so the GMV in all is
    x (x^(1+1/alpha) + n - x) / (x^(1+1/alpha) + (n - x) x); derived here: s = 1 = sum g_j / v_j fixes the factor.
    """
    n = count("n", n)
    x = count("x", x, most=n, why=" (n)")
    values = np.where(np.arange(n) < x, float(x), 1.0)
    return Platform(np.array([0, n]), np.arange(n, dtype=np.int32), values, np.ones(1), capacity=1.0 / values)


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    try:
        vector = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("values must be a list of numbers") from None
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"values must be a non-empty one-dimensional array, not of shape {vector.shape}")
    return vector
