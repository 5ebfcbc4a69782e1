"""Which of two distributions is the fairer one: Lorenz dominance and the leximin order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.axioms.verdict import Verdict, tolerated
from allocator.metrics import lorenz
from allocator.wording import quantity

FloatArray = NDArray[np.float64]
ROUNDING = 1e-9
"""Relative: above the rounding of sums over millions of anchors, far below any difference that matters."""


class Poorest(NamedTuple):
    """How many of the poorest, and what they hold in the first and in the second distribution."""

    count: int
    first: float
    second: float


class Place(NamedTuple):
    """A rank counted from the poorest, 1 for the poorest of all, and the amounts that stand there."""

    rank: int
    first: float
    second: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """How the first of two distributions stands to the second; its text is one sentence.

    It is neither true nor false: read ``sign``.

    Attributes
    ----------
    sign : int
        1 if the first is better, -1 if the second is, 0 if they are equal.
    witness : Place or None
        Where they first differ; None where they do not.
    sentence : str
    """

    sign: int
    witness: Place | None
    sentence: str

    def __bool__(self) -> bool:
        raise TypeError("a comparison is neither true nor false; read its sign: 1, 0 or -1")

    def __str__(self) -> str:
        return self.sentence


def generalised_lorenz_dominates(first: ArrayLike, second: ArrayLike, *, tolerance: float = ROUNDING) -> Verdict:
    """Whether for every k the k poorest of the first hold as much as the k poorest of the second.

    Equivalent to more (or as much) welfare for every symmetric, increasing and concave welfare (Shorrocks 1983).

    Parameters
    ----------
    first, second : (A,) float
        Amounts >= 0 in one unit.
    tolerance : float
        By how much, relative to the sum of the second, a sum of the first may fall short.

    Returns
    -------
    Verdict
        The witness, a `Poorest`, is the k with the largest relative shortfall, or the smallest lead.

    Raises
    ------
    ValueError
        If the arrays do not hold finite amounts >= 0 of the same number of anchors.
    """
    first, second = _ordered(first, second)
    return _dominates("the amount held by", np.cumsum(first), np.cumsum(second), tolerance)


def lorenz_dominates(first: ArrayLike, second: ArrayLike, *, tolerance: float = ROUNDING) -> Verdict:
    """Whether for every k the k poorest of the first hold as large a share of its total as those of the second do.

    The first is then less unequal by every index that respects transfers from rich to poor (Atkinson 1970); nothing to
    share counts as even, as in `allocator.metrics`. Parameters, witness and errors as for
    `generalised_lorenz_dominates`, with shares in place of sums.
    """
    first, second = _ordered(first, second)
    return _dominates("the share held by", lorenz(first)[1][1:], lorenz(second)[1][1:], tolerance)


def leximin(first: ArrayLike, second: ArrayLike, *, tolerance: float = ROUNDING) -> Comparison:
    """Compare two distributions by the poorest, then by the second poorest, and so on (Rawls 1971; Sen 1970).

    Only the sorted amounts count, so anchors, tied or not, may change places.

    Parameters
    ----------
    first, second : (A,) float
        Amounts >= 0 in one unit.
    tolerance : float
        Relative: two amounts count as equal if they differ by at most this part of the larger. At 0 the order is
        total and transitive; beyond it, distributions that differ by about the tolerance can each equal the next and
        yet the last not the first.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the arrays do not hold finite amounts >= 0 of the same number of anchors.
    """
    first, second = _ordered(first, second)
    apart = np.flatnonzero(np.abs(first - second) > tolerated(tolerance) * np.maximum(first, second))
    if not apart.size:
        return Comparison(0, None, f"Both distributions give the same at each of the {first.size:,} ranks.")
    place = Place(int(apart[0]) + 1, float(first[apart[0]]), float(second[apart[0]]))
    sign = 1 if place.first > place.second else -1
    return Comparison(
        sign,
        place,
        f"The {'first' if sign > 0 else 'second'} distribution is better: at rank {place.rank:,} from the poorest, "
        f"{_two(place.first, place.second)}.",
    )


def _ordered(*distributions: ArrayLike) -> list[FloatArray]:
    """Check two distributions and sort each from the poorest to the richest."""
    arrays = [np.asarray(amounts, dtype=np.float64) for amounts in distributions]
    first, second = (array.shape for array in arrays)
    if first != second or len(first) != 1 or first == (0,):
        raise ValueError(f"two distributions need one amount per anchor each, for the same anchors: {first}, {second}")
    for which, array in zip(("first", "second"), arrays, strict=True):
        bad = ~(np.isfinite(array) & (array >= 0))
        if bad.any():
            j = int(np.argmax(bad))
            raise ValueError(f"amounts must be finite and >= 0; entry {j} of the {which} distribution is {array[j]}")
    return [np.sort(array) for array in arrays]


def _dominates(what: str, first: FloatArray, second: FloatArray, tolerance: float) -> Verdict:
    """Compare two Lorenz curves at k = 1, ..., A."""
    shortfall = np.divide(second - first, second, out=np.where(first > 0, -np.inf, 0.0), where=second > 0)
    k = int(np.argmax(shortfall))
    holds, worst = bool(shortfall[k] <= tolerated(tolerance)), Poorest(k + 1, float(first[k]), float(second[k]))
    said = "The first distribution dominates" if holds else "The first distribution does not dominate"
    tight = "closest" if holds else "worst"
    return Verdict(
        holds, worst, f"{said}: {what} the {worst.count:,} poorest is {tight}, {_two(worst.first, worst.second)}."
    )


def _two(first: float, second: float) -> str:
    return f"{quantity(first)} in the first against {quantity(second)} in the second"
