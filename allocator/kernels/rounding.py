"""Rounding of a circulation along the cycles of its fractional arcs, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

from allocator.kernels.compiling import kept


@njit(cache=kept(), nogil=True)
def along_cycles(tail, head, part, size, draws):
    """Round the fractional ``part`` (N,) of every arc, strictly between 0 and one, to 0 or one in place.

    ``size`` is the number of nodes and one in the units of ``part``, which are integers, so that pushes leave no
    rounding error.

    A walk over fractional arcs goes on until it meets itself. Along the cycle flow is pushed one way or the other, by
    as much as keeps every part within [0, one], with the odds that keep expectations; an arc becomes whole, and the
    walk goes on from before the first such arc. A node with a single fractional arc is one whose sum was counted as
    whole without quite being so: the arc goes to the nearest whole. One of ``draws`` (N,), uniform on [0, 1), is used
    per cycle, and no more are needed, since each cycle makes an arc whole.
    """
    nodes, one = size
    starts, arcs = _incident(tail, head, nodes)
    ends = starts[1:].copy()
    place, path, by = np.full(nodes, -1, np.int64), np.empty(nodes + 1, np.int64), np.empty(nodes + 1, np.int64)
    drawn = 0
    for first in range(nodes):
        path[0], by[0], place[first], top = first, -1, 0, 0
        while top >= 0:
            here = path[top]
            arc = _another(here, by[top], starts, ends, arcs, part, one)
            if arc < 0:
                if by[top] >= 0:
                    part[by[top]] = one if 2 * part[by[top]] >= one else 0
                place[here] = -1
                top -= 1
                continue
            there = tail[arc] + head[arc] - here
            path[top + 1], by[top + 1] = there, arc
            if place[there] < 0:
                top += 1
                place[there] = top
                continue
            left = _push(place[there], top + 1, path, by, tail, part, one, draws[drawn])
            drawn += 1
            while top > left:
                place[path[top]] = -1
                top -= 1


@njit(cache=kept())
def _incident(tail, head, nodes):
    """Arcs at every node: those of node v are ``arcs[starts[v]:starts[v + 1]]``."""
    starts = np.zeros(nodes + 1, np.int64)
    for k in range(tail.size):
        starts[tail[k] + 1] += 1
        starts[head[k] + 1] += 1
    for v in range(nodes):
        starts[v + 1] += starts[v]
    arcs, filled = np.empty(2 * tail.size, np.int32), starts[:-1].copy()
    for k in range(tail.size):
        for v in (tail[k], head[k]):
            arcs[filled[v]] = k
            filled[v] += 1
    return starts, arcs


@njit(cache=kept())
def _another(here, came, starts, ends, arcs, part, one):
    """A fractional arc at a node other than the one that the walk came by, or -1; whole arcs are forgotten for good."""
    first, last = starts[here], ends[here] - 1
    while last >= first and (part[arcs[last]] == 0 or part[arcs[last]] == one):
        last -= 1
    ends[here] = last + 1
    if last < first:
        return -1
    if arcs[last] != came:
        return arcs[last]
    below = last - 1
    while below >= first and (part[arcs[below]] == 0 or part[arcs[below]] == one):
        below -= 1
    if below < first:
        return -1
    arcs[below], arcs[below + 1] = came, arcs[below]
    ends[here] = below + 2
    return arcs[below + 1]


@njit(cache=kept())
def _push(first, last, path, by, tail, part, one, draw):
    """Push flow along the cycle ``path[first:last + 1]``; returns the last place before an arc that became whole."""
    ahead, back = one, one
    for k in range(first + 1, last + 1):
        arc = by[k]
        below, above = part[arc], one - part[arc]
        if tail[arc] != path[k - 1]:
            below, above = above, below
        ahead, back = min(ahead, above), min(back, below)
    # Up by ``ahead`` with probability back / (ahead + back), else down by ``back``: zero in expectation.
    step = ahead if draw * (ahead + back) < back else -back
    left = last
    for k in range(last, first, -1):
        arc = by[k]
        part[arc] += step if tail[arc] == path[k - 1] else -step
        if part[arc] == 0 or part[arc] == one:
            left = k - 1
    return left
