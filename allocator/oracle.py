"""What a segment makes of the surpluses of its edges: all to the best, or a partial sort where edges are capped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ALL = 1.0 - 2.0**-40
"""A share that counts as all of the supply, whatever rounding has made of its pieces."""


class Piece(NamedTuple):
    """A part of the supply that every edge can take, ``width`` in (0, 1], at a ``discount`` on its surplus."""

    width: float
    discount: float


WHOLE = (Piece(1.0, 0.0),)
"""The pieces of edges without a cap."""


def pieces_of(caps: list[tuple[float, float]]) -> tuple[Piece, ...]:
    """Pieces from caps (share, price of every impression beyond; infinity where there is none)."""
    pieces, before, discount = [], 0.0, 0.0
    for share, price in sorted(caps):
        if share > before:
            pieces.append(Piece(min(share, 1.0) - before, discount))
            before = min(share, 1.0)
        discount += price
    if before < 1.0 and discount < np.inf:
        pieces.append(Piece(1.0 - before, discount))
    return tuple(pieces) or (Piece(0.0, 0.0),)


def best_use(
    surplus: FloatArray, starts: NDArray[np.int64], pieces: tuple[Piece, ...] = WHOLE
) -> tuple[FloatArray, FloatArray]:
    """The most that one impression of each segment can earn, and what the last part of it earns; (n,) each.

    ``surplus`` (e,) holds the edges of n segments that have some, ``starts`` (n,) where each begins. For any last >= 0
    the most is at most last + sum over edges and pieces of width max(0, surplus - discount - last), by linear duality,
    and it is that at the right one, whose order by partial sort fills the segment.
    """
    if pieces == WHOLE:
        best = np.maximum(np.maximum.reduceat(surplus, starts), 0.0)
        return best, best
    row = np.repeat(np.arange(starts.size), np.diff(np.append(starts, surplus.size)))
    worth = np.concatenate([surplus - piece.discount for piece in pieces])
    widths = [piece.width for piece in pieces]
    if sum(widths) > ALL:
        widths[-1] = 2.0  # an edge without a hard cap could take more than there is: its last part tells the rent
    width = np.repeat(widths, surplus.size)
    rows = np.tile(row, len(pieces))
    order = np.lexsort((-worth, rows))
    worth, width, rows = worth[order], width[order], rows[order]
    first = np.searchsorted(rows, np.arange(starts.size))
    filled = np.cumsum(width)
    filled -= np.repeat((filled - width)[first], np.diff(np.append(first, rows.size)))
    marginal = np.where(filled > 1.0, worth, 0.0)
    last = np.maximum(np.maximum.reduceat(marginal, first), 0.0)
    gained = width * np.maximum(worth - last[rows], 0.0)
    return last + np.add.reduceat(gained, first), last
