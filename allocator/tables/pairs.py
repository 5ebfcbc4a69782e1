"""Rows of one pair of segment and anchor become one: traffic, currency per impression, and how much that varied."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Positions = NDArray[np.integer]


class Pairs(NamedTuple):
    """Distinct pairs of segment and anchor, sorted: positions (E,), traffic (E,), currency per impression (E,).

    ``rows`` (E,) counts what was merged, and ``spread`` (E,) is the sum over these rows of traffic times the squared
    deviation of the row's currency per impression from the pair's: what tells noise from differences between pairs.
    """

    segment: Positions
    anchor: Positions
    traffic: FloatArray
    value: FloatArray
    rows: FloatArray
    spread: FloatArray


class Cells(NamedTuple):
    """Unmerged rows, or merged ones of earlier batches: key (n,) and amounts (n,); worth is money, or value.

    Returns are kept apart until the end: ``returned`` is their money, ``returns`` their number, and they are neither
    traffic nor rows nor part of the spread.
    """

    key: NDArray[np.int64]
    traffic: FloatArray
    worth: FloatArray
    rows: FloatArray
    spread: FloatArray
    returned: FloatArray
    returns: FloatArray


def single(key: NDArray[np.int64], traffic: FloatArray, worth: FloatArray) -> Cells:
    """Rows as cells that nothing was merged into; negative worth is a return."""
    back = worth < 0
    sale, none = np.where(back, 0.0, 1.0), np.zeros(key.size)
    return Cells(key, traffic, np.where(back, 0.0, worth), sale, none, np.where(back, -worth, 0.0), 1.0 - sale)


def paired(cells: Cells, width: int, *, summed: bool) -> Pairs:
    """Merged cells as pairs, what was returned taken from their money; keys are segment * width + anchor.

    The spread is that of sales, in proportion to what is left of them.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(cells.worth > 0, np.maximum(1.0 - cells.returned / cells.worth, 0.0), 1.0)
        value = cells.worth / cells.traffic if summed else cells.worth
    return Pairs(cells.key // width, cells.key % width, cells.traffic, value * left, cells.rows, cells.spread * left**2)


def merge(cells: Cells, *, summed: bool) -> Cells:
    """Merge the cells of each key; ``summed`` says that worth is money, which adds up, and not value, which averages.

    The order follows from their content, so that the result does not depend on that of the rows, to the last bit. Sums
    beyond float64 are infinite: a Platform refuses them.
    A cell of mean a_c, traffic t_c and spread S_c adds S_c + t_c (a_c - a)^2 to the spread around the pair's mean a
    (derived here: the cross term vanishes because deviations within a cell sum to zero, money without traffic apart).
    """
    keys = (cells.returned,) * bool(cells.returned.any()) + (cells.traffic, cells.worth, cells.key)
    order = np.lexsort(keys)
    key, traffic, worth, rows, spread, returned, returns = (column[order] for column in cells)
    first = np.flatnonzero(np.diff(key, prepend=-1))
    count = np.diff(first, append=key.size)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        total, merged_rows = np.add.reduceat(traffic, first), np.add.reduceat(rows, first)
        if summed:
            merged = np.add.reduceat(worth, first)
            mean, own = merged / total, worth / traffic
        else:
            whole = np.repeat(total, count)
            share = np.where(whole > 0, traffic / whole, rows / np.repeat(merged_rows, count))
            # Values rise within a pair. Rounding may not leave their range: equal values keep their mean exactly.
            mean = np.clip(np.add.reduceat(worth * share, first), worth[first], worth[first + count - 1])
            merged, own = mean, worth
        away = np.where(traffic > 0, traffic * (own - np.repeat(mean, count)) ** 2, 0.0)
        around = np.add.reduceat(spread + away, first)
    back = (np.add.reduceat(column, first) for column in (returned, returns))
    return Cells(key[first], total, merged, merged_rows, around, *back)
