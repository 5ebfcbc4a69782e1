"""The loops behind the passes, compiled by numba for one and for several threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np
from numba import njit, prange

SMALL = 30_000
"""Below this many edges one thread is faster than waking the others; the result is the same bytes."""
REACH = 32.0
"""exp(-32) is 1e-14: edges further below the best than this many temperatures carry nothing."""


def _cache() -> bool:
    """Compiled code is kept beside this file where that can be written."""
    return os.access(os.path.dirname(os.path.abspath(__file__)), os.W_OK)


def compile_twice(function: Callable) -> Callable[[int], Callable]:
    """A pass compiled for one and for several threads, chosen by the number of edges."""
    alone, together = (njit(parallel=many, cache=_cache(), nogil=True)(function) for many in (False, True))
    return lambda size: alone if size < SMALL else together


@compile_twice
def hard(indptr, anchor, value, supply, cuts, price):
    runs = cuts.size - 1
    values = np.zeros(runs)
    for r in prange(runs):
        total = 0.0
        for i in range(cuts[r], cuts[r + 1]):
            best = 0.0
            for e in range(indptr[i], indptr[i + 1]):
                j = anchor[e]
                best = max(best, price[j, 1] * value[e] + price[j, 0])
            total += supply[i] * best
        values[r] = total
    return values


@njit(cache=_cache(), inline="always")
def _project(row, place, members, temperature):
    """Projection of the members of a row (s, compacted) on a simplex of size ``temperature``: members, water level."""
    total = 0.0
    for k in range(members):
        total += row[k]
    level = (total - temperature) / members
    while True:
        kept, total = 0, 0.0
        for k in range(members):
            if row[k] > level:
                row[kept], place[kept] = row[k], place[k]
                total += row[k]
                kept += 1
        if kept == members:
            return members, level
        members, level = kept, (total - temperature) / kept


@njit(cache=_cache(), inline="always")
def _share(first, last, anchor, value, price, temperature, sparse, row, place):
    """The members of a segment that get something: their number, with shares in ``row``, positions in ``place`` (-1
    for the outside option), and the smoothed maximum.
    """
    best = 0.0
    for e in range(first, last):
        j = anchor[e]
        s = price[j, 1] * value[e] + price[j, 0]
        row[e - first + 1] = s
        best = max(best, s)
    row[0] = 0.0
    lowest = -(1.0 if sparse else REACH) * temperature
    members = 0
    for k in range(last - first + 1):
        behind = row[k] - best  # exactly 0 at the best, however large it is beside the temperature
        if behind > lowest:
            row[members], place[members] = behind, first + k - 1 if k > 0 else -1
            members += 1
    if members == 1:
        row[0] = 1.0
        return 1, best
    total = 0.0
    if sparse:
        members, level = _project(row, place, members, temperature)
        for k in range(members):
            z = (row[k] - level) / temperature
            total += z * (row[k] - 0.5 * temperature * z)
            row[k] = z
        return members, best + total + 0.5 * temperature
    for k in range(members):
        row[k] = math.exp(row[k] / temperature)
        total += row[k]
    for k in range(members):
        row[k] /= total
    return members, best + temperature * math.log(total)


@njit(cache=_cache())
def _widest(indptr):
    widest = 0
    for i in range(indptr.size - 1):
        widest = max(widest, indptr[i + 1] - indptr[i])
    return widest


@compile_twice
def soft(
    indptr, anchor, value, supply, cuts, price, temperature, sparse, s_anchor, s_value, s_weight, s_count, s_part, used
):
    runs, widest = cuts.size - 1, _widest(indptr)
    values = np.zeros(runs)
    totals = np.zeros((runs, 4, price.shape[0]))
    for r in prange(runs):
        row, place = np.empty(widest + 1), np.empty(widest + 1, np.int64)
        mine, total = totals[r], 0.0
        at, shared = indptr[cuts[r]], cuts[r]
        for i in range(cuts[r], cuts[r + 1]):
            members, soft = _share(indptr[i], indptr[i + 1], anchor, value, price, temperature, sparse, row, place)
            b, kept = supply[i], 0
            total += b * soft
            bend, part = b / temperature, 1.0 / members if sparse else 1.0
            for k in range(members):
                e, z = place[k], row[k]
                if e >= 0:
                    j, v = anchor[e], value[e]
                    mine[0, j] += b * z
                    mine[1, j] += b * z * v
                    if members > 1:
                        weight = bend * (1.0 if sparse else z)
                        curve = weight * (1.0 - (part if sparse else z))
                        mine[2, j] += curve
                        mine[3, j] += curve * v * v
                        s_anchor[at + kept], s_value[at + kept], s_weight[at + kept] = j, v, weight
                        kept += 1
            if kept:
                s_count[shared], s_part[shared] = kept, part / bend if bend > 0 else 0.0
                shared += 1
                at += kept
        values[r] = total
        used[r] = shared - cuts[r]
    return values, totals


@compile_twice
def shares(indptr, anchor, value, supply, cuts, price, temperature, sparse):
    share, widest = np.zeros(anchor.size), _widest(indptr)
    for r in prange(cuts.size - 1):
        row, place = np.empty(widest + 1), np.empty(widest + 1, np.int64)
        for i in range(cuts[r], cuts[r + 1]):
            members, _ = _share(indptr[i], indptr[i + 1], anchor, value, price, temperature, sparse, row, place)
            for k in range(members):
                if place[k] >= 0:
                    share[place[k]] = row[k]
    return share


@compile_twice
def curvature(indptr, cuts, direction, s_anchor, s_value, s_weight, s_count, s_part, used):
    runs = cuts.size - 1
    totals = np.zeros((runs, 2, direction.shape[0]))
    for r in prange(runs):
        mine, at = totals[r], indptr[cuts[r]]
        for k in range(cuts[r], cuts[r] + used[r]):
            mean = 0.0
            for e in range(at, at + s_count[k]):
                j = s_anchor[e]
                mean += s_weight[e] * (direction[j, 1] * s_value[e] + direction[j, 0])
            mean *= s_part[k]
            for e in range(at, at + s_count[k]):
                j, v = s_anchor[e], s_value[e]
                change = s_weight[e] * (direction[j, 1] * v + direction[j, 0] - mean)
                mine[0, j] += change
                mine[1, j] += change * v
            at += s_count[k]
    return totals


@compile_twice
def prune(indptr, anchor, value, supply, cuts, price, loose, margin):
    runs, widest = cuts.size - 1, _widest(indptr)
    found = np.zeros((runs, 3), np.int64)
    decided = np.zeros((runs, 2, price.shape[0]))
    edge, degree, kept_supply = np.empty(anchor.size, np.int64), np.empty(supply.size, np.int64), np.empty(supply.size)
    kept_anchor, kept_value = np.empty(anchor.size, np.int32), np.empty(anchor.size, value.dtype)
    winner, won = np.empty(supply.size, np.int64), np.empty(supply.size)
    for r in prange(runs):
        row = np.empty(widest + 1)
        at, contested, sure = indptr[cuts[r]], cuts[r], cuts[r]
        for i in range(cuts[r], cuts[r + 1]):
            first, last = indptr[i], indptr[i + 1]
            best = 0.0
            for e in range(first, last):
                j = anchor[e]
                s = price[j, 1] * value[e] + price[j, 0]
                row[e - first] = s
                if not loose[j]:
                    best = max(best, s)
            near = 0
            for e in range(first, last):
                if row[e - first] >= best - margin or loose[anchor[e]]:
                    edge[at + near], kept_anchor[at + near], kept_value[at + near] = e, anchor[e], value[e]
                    near += 1
            if near == 1 and best > margin and not loose[anchor[edge[at]]]:
                e = edge[at]
                winner[sure], won[sure] = e, supply[i]
                decided[r, 0, anchor[e]] += supply[i]
                decided[r, 1, anchor[e]] += supply[i] * value[e]
                sure += 1
            elif near:
                kept_supply[contested], degree[contested] = supply[i], near
                contested += 1
                at += near
        found[r, 0], found[r, 1], found[r, 2] = at - indptr[cuts[r]], contested - cuts[r], sure - cuts[r]
    return found, decided, edge, kept_anchor, kept_value, degree, kept_supply, winner, won
