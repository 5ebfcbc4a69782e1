"""Who watches whom: distinct anchors for every segment, drawn in proportion to popularity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
RACE_CELLS = 4_000_000


def watch(degrees: NDArray[np.int64], popularity: NDArray[np.float64], *, rng: np.random.Generator) -> Pairs:
    """Let every segment choose its anchors one after another, each time among those it does not watch yet.

    Parameters
    ----------
    degrees : (S,) int
        Anchors each segment watches, from 0 to A.
    popularity : (A,) float
        Weights > 0, any unit: the next anchor is drawn in proportion to them (successive sampling).
    rng : numpy.random.Generator

    Returns
    -------
    segment, anchor : (E,), (E,) int64
        Pairs sorted by segment, then anchor, none repeated.

    Notes
    -----
    Derived here. Independent draws with the repeats dropped are successive sampling, and a round in which a segment
    draws exactly as many anchors as it lacks never draws one too many: all new ones count, so no choice biases the
    result. Late rounds of a segment that already watches most of the popular anchors waste draws; once the draws spent
    reach the cost of giving every open segment all anchors to compare, `_race` finishes: at most twice the best cost.
    """
    size = popularity.size
    cumulative = np.cumsum(popularity)
    cumulative /= cumulative[-1]
    finished: list[NDArray[np.int64]] = []
    keys, lacking, spent = np.empty(0, dtype=np.int64), degrees.astype(np.int64), 0
    while spent < np.count_nonzero(lacking) * size:
        drawn = np.repeat(np.arange(degrees.size) * size, lacking)
        drawn += np.searchsorted(cumulative, rng.random(drawn.size), side="right")
        spent += drawn.size
        # Not np.unique: it hashes, which takes ten times as long as sorting runs that are nearly in order.
        keys = np.sort(np.concatenate((keys, drawn)), kind="stable")
        keys = keys[np.diff(keys, prepend=-1) > 0]
        segment = keys // size
        lacking = np.where(lacking > 0, degrees - np.bincount(segment, minlength=degrees.size), 0)
        still_open = lacking[segment] > 0
        finished.append(keys[~still_open])
        keys = keys[still_open]
    finished += [keys, *_race(lacking, keys, popularity, rng)]
    keys = np.sort(np.concatenate(finished), kind="stable")
    segment = keys // size
    return segment, keys - segment * size


def _race(
    lacking: NDArray[np.int64], keys: NDArray[np.int64], popularity: NDArray[np.float64], rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the keys that open segments lack: the anchors not yet in ``keys`` whose exponential clocks ring first.

    With rates in proportion to popularity the order of ringing is successive sampling (the clocks have no memory).
    """
    size = popularity.size
    open_segments = np.flatnonzero(lacking)
    rows = max(1, RACE_CELLS // size)
    for start in range(0, open_segments.size, rows):
        chunk = open_segments[start : start + rows]
        clocks = rng.standard_exponential((chunk.size, size)) / popularity
        taken = keys[np.searchsorted(keys, chunk[0] * size) : np.searchsorted(keys, (chunk[-1] + 1) * size)]
        clocks[np.searchsorted(chunk, taken // size), taken % size] = np.inf
        order = np.argsort(clocks, axis=1)
        row, place = np.nonzero(np.arange(size) < lacking[chunk, None])
        yield chunk[row] * size + order[row, place]


def watch_blocks(
    degrees: NDArray[np.int64], popularity: NDArray[np.float64], *, own: Pairs, breadth: float, rng: np.random.Generator
) -> Pairs:
    """Let every segment watch anchors of its own block, and of the others with probability ``breadth`` per edge.

    Parameters
    ----------
    degrees, popularity
        As in `watch`, the degrees at most A.
    own : (S,), (A,) int
        Block of each segment and of each anchor.
    breadth : float
        Expected share of edges that leave the block: a segment's number of them is binomial (A9 of the model), moved
        to the nearest number possible where its block, or the rest, has too few anchors.

    Returns
    -------
    segment, anchor : (E,), (E,) int64
        As in `watch`.
    """
    block_of_segment, block_of_anchor = own
    pairs: list[NDArray[np.int64]] = []
    for block in np.unique(block_of_segment):
        members, inside = np.flatnonzero(block_of_segment == block), block_of_anchor == block
        leaving = rng.binomial(degrees[members], breadth)
        leaving = np.clip(leaving, degrees[members] - inside.sum(), (~inside).sum())
        for wanted, where in ((degrees[members] - leaving, inside), (leaving, ~inside)):
            if wanted.any():
                allowed = np.flatnonzero(where)
                segment, anchor = watch(wanted, popularity[allowed], rng=rng)
                pairs.append(members[segment] * popularity.size + allowed[anchor])
    keys = np.sort(np.concatenate(pairs), kind="stable")
    return keys // popularity.size, keys % popularity.size
