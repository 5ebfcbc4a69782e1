"""Where the search stands: a point of the smoothed dual, and what pruning leaves contested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.voices import Reply

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """The smoothed dual at coordinates x (N,): value, gradient, curvature's diagonal and the voices' part of it (N,),
    ``amounts`` (G, A) of every good and what they are to the voices, ``loads`` (N,).
    """

    x: FloatArray
    value: float
    gradient: FloatArray
    diagonal: FloatArray
    stiffness: FloatArray
    loads: FloatArray
    amounts: FloatArray
    replies: tuple[Reply, ...]


class Contest(NamedTuple):
    """What pruning leaves: ``edges`` still contested, their positions ``edge`` (None for all), pairs of positions and
    amounts of what is ``won`` without contest, and its amounts ``decided`` (G, A).

    ``margin`` is how far behind the best a kept edge may be, in currency, ``x`` the coordinates at which that was
    judged and ``price`` (A, G) theirs, and ``loose`` (A,) tells the anchors all of whose edges were kept. ``support``
    is room for the shared edges.
    """

    edges: Any
    edge: NDArray[np.int64] | None
    won: tuple[tuple[NDArray[np.int64], FloatArray], ...]
    decided: FloatArray
    margin: float
    x: FloatArray
    price: FloatArray
    loose: NDArray[np.bool_]
    support: Any


def flow_of(graph: Any, contest: Contest, contested: FloatArray) -> FloatArray:
    """The flow (E,) from that on the contested edges and from the winners of decided segments."""
    if contest.edge is None:
        return contested
    flow = np.zeros(graph.anchor.size)
    flow[contest.edge] = contested
    for edge, amount in contest.won:
        flow[edge] = amount
    return flow
