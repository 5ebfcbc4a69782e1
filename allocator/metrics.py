"""Indices of inequality: arrays in, numbers out.

Every index takes amounts ``x`` (n,) >= 0 in any unit and is free of that unit. The conventions where textbooks
differ: nothing to share (all zero) counts as perfectly even; an empty, negative, NaN or infinite input is refused,
because any number returned for it would be made up.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def _amounts(x: ArrayLike) -> FloatArray:
    """Check amounts and scale them to a maximum of 1, so that squares neither overflow nor vanish."""
    amounts = np.asarray(x, dtype=np.float64)
    if amounts.ndim != 1 or amounts.size == 0:
        raise ValueError(f"an inequality index needs a non-empty one-dimensional array, not shape {amounts.shape}")
    bad = ~(np.isfinite(amounts) & (amounts >= 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"an inequality index needs finite amounts >= 0; entry {first} is {amounts[first]}")
    largest = amounts.max()
    return amounts / largest if largest > 0 else np.ones_like(amounts)


def lorenz(x: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Lorenz curve.

    Returns
    -------
    population, share : (n + 1,), (n + 1,)
        ``share[k]`` of the total is held by the poorest ``population[k] = k / n``; both run from 0 to 1.
    """
    ordered = np.sort(_amounts(x))
    cumulative = np.concatenate(([0.0], np.cumsum(ordered)))
    return np.linspace(0.0, 1.0, ordered.size + 1), cumulative / cumulative[-1]


def gini(x: ArrayLike) -> float:
    """Gini coefficient: 0 (even) to 1 - 1/n (one takes all); mean absolute difference over twice the mean.

    >>> round(gini([1, 2, 3, 4]), 6)
    0.25
    """
    ordered = np.sort(_amounts(x))
    n = ordered.size
    ranks = 2.0 * np.arange(1, n + 1) - n - 1
    return max(0.0, float((ranks * ordered).sum() / (n * ordered.sum())))


def jain(x: ArrayLike) -> float:
    """Jain's index (sum x)^2 / (n sum x^2): 1/n (one takes all) to 1 (even); Jain, Chiu and Hawe 1984."""
    amounts = _amounts(x)
    return min(1.0, float(amounts.sum() ** 2 / (amounts.size * (amounts**2).sum())))


def hhi(x: ArrayLike) -> float:
    """Herfindahl-Hirschman index, the sum of squared shares: 1/n (even) to 1 (one takes all)."""
    amounts = _amounts(x)
    return float(((amounts / amounts.sum()) ** 2).sum())


def hoover(x: ArrayLike) -> float:
    """Hoover index: the share of the total that would have to move to make all equal."""
    amounts = _amounts(x)
    shares = amounts / amounts.sum()
    return float(np.abs(shares - 1.0 / shares.size).sum() / 2.0)


def theil(x: ArrayLike) -> float:
    """Theil's T, mean of (x/mean) ln(x/mean) with 0 ln 0 = 0: 0 (even) to ln n (one takes all)."""
    amounts = _amounts(x)
    ratio = amounts / amounts.mean()
    logs = np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0)
    return max(0.0, float((ratio * logs).mean()))


def atkinson(x: ArrayLike, epsilon: float) -> float:
    """Atkinson index with inequality aversion ``epsilon`` >= 0: 1 - (equally distributed equivalent) / mean.

    It is 1 where ``epsilon >= 1`` and somebody has nothing (Atkinson 1970).
    """
    if not epsilon >= 0 or math.isinf(epsilon):
        raise ValueError(f"Atkinson's epsilon must be a finite number >= 0, not {epsilon}")
    amounts = _amounts(x)
    ratio = amounts / amounts.mean()
    if epsilon >= 1 and (ratio == 0).any():
        return 1.0
    if epsilon == 1:
        equivalent = math.exp(float(np.log(ratio).mean()))
    else:
        # Scaled by the smallest (largest) ratio so that a large epsilon does not overflow.
        pivot = ratio.min() if epsilon > 1 else ratio.max()
        equivalent = float(pivot * ((ratio / pivot) ** (1.0 - epsilon)).mean() ** (1.0 / (1.0 - epsilon)))
    return min(1.0, max(0.0, 1.0 - equivalent))


def head_size(n: int, share: float) -> int:
    """How many of ``n`` anchors "the top ``share``" means: at least one, rounded up."""
    if not 0 < share <= 1:
        raise ValueError(f"a top share is a fraction in (0, 1], not {share}")
    return max(1, math.ceil(n * share - 1e-9))


def top_share(x: ArrayLike, share: float = 0.01) -> float:
    """Fraction of the total held by the largest ``share`` of entries (at least one entry, rounded up)."""
    ordered = np.sort(_amounts(x))
    return float(ordered[-head_size(ordered.size, share) :].sum() / ordered.sum())
