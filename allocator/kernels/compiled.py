"""The loops behind the passes, compiled by numba for one and for several threads."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from allocator.kernels.compiling import compile_twice, kept

FAINT = 1e-4
"""Shares this near to nothing or to all move little: products with the curvature leave them out."""
REACH = 32.0
"""exp(-32) is 1e-14: edges further below the best than this many temperatures carry nothing."""


@njit(cache=kept(), inline="always")
def _surplus(e, j, measures, price):
    """beta_j + sum over goods of price times measure; goods with a measure stand after exposure."""
    s = price[j, 1] * measures[0, e] + price[j, 0]
    for g in range(1, measures.shape[0]):
        s += price[j, g + 1] * measures[g, e]
    return s


@compile_twice
def hard(indptr, anchor, measures, supply, cuts, cap, outside, price):
    runs, widest = cuts.size - 1, _widest(indptr) if cap < 1.0 else 0
    values = np.zeros(runs)
    for r in prange(runs):
        total, row = 0.0, np.empty(widest)
        for i in range(cuts[r], cuts[r + 1]):
            first, last = indptr[i], indptr[i + 1]
            if cap < 1.0:
                for e in range(first, last):
                    row[e - first] = _surplus(e, anchor[e], measures, price)
                total += supply[i] * _partly(row, last - first, cap)
                continue
            best = 0.0 if outside or first == last else -np.inf
            for e in range(first, last):
                best = max(best, _surplus(e, anchor[e], measures, price))
            total += supply[i] * best
        values[r] = total
    return values


@njit(cache=kept())
def _partly(row, size, cap):
    """The best that at most ``cap`` of each of the ``size`` surpluses in a row can earn, by partial selection."""
    total, left = 0.0, 1.0
    for k in range(size):
        best = k
        for other in range(k + 1, size):
            if row[other] > row[best]:
                best = other
        row[k], row[best] = row[best], row[k]
        if row[k] <= 0.0 or left <= 0.0:
            break
        total += min(cap, left) * row[k]
        left -= cap
    return total


@njit(cache=kept())
def _limited(row, place, members, temperature, cap):
    """Shares z = clip((s - level) / temperature, 0, cap) that add up to 1, the outside option without a cap; leaves
    them in ``row`` and returns members and sum of z (s - temperature z / 2). The level is found by bisection.
    """
    low, high = row[0], row[0]
    for k in range(members):
        low, high = min(low, row[k]), max(high, row[k])
    low -= temperature
    for _ in range(60):
        level, filled = 0.5 * (low + high), 0.0
        for k in range(members):
            filled += min(max((row[k] - level) / temperature, 0.0), cap if place[k] >= 0 else 1.0)
        if filled >= 1.0:
            low = level
        else:
            high = level
    kept, total = 0, 0.0
    for k in range(members):
        z = min(max((row[k] - low) / temperature, 0.0), cap if place[k] >= 0 else 1.0)
        if z > 0.0:
            total += z * (row[k] - 0.5 * temperature * z)
            row[kept], place[kept] = z, place[k]
            kept += 1
    return kept, total


@njit(cache=kept(), inline="always")
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


@njit(cache=kept(), inline="always")
def _share(first, last, anchor, measures, cap, outside, price, temperature, sparse, row, place):
    """The members of a segment that get something: their number, with shares in ``row``, positions in ``place`` (-1
    for the outside option), and the smoothed maximum.
    """
    row[0] = best = 0.0 if outside or first == last else -np.inf
    for e in range(first, last):
        s = _surplus(e, anchor[e], measures, price)
        row[e - first + 1] = s
        best = max(best, s)
    lowest = -np.inf if cap < 1.0 else -(1.0 if sparse else REACH) * temperature
    members = 0
    for k in range(last - first + 1):
        behind = row[k] - best  # exactly 0 at the best, however large it is beside the temperature
        if behind > lowest:
            row[members], place[members] = behind, first + k - 1 if k > 0 else -1
            members += 1
    if members == 1:
        row[0] = 1.0
        return 1, best
    if cap < 1.0:
        members, total = _limited(row, place, members, temperature, cap)
        return members, best + total + 0.5 * temperature
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


@njit(cache=kept(), inline="always")
def _free(row, place, members, cap):
    """How many members are below their cap: those that give and take where prices move."""
    if cap >= 1.0:
        return members
    free = 0
    for k in range(members):
        if place[k] < 0 or row[k] < cap:
            free += 1
    return max(free, 1)


@njit(cache=kept())
def _widest(indptr):
    widest = 0
    for i in range(indptr.size - 1):
        widest = max(widest, indptr[i + 1] - indptr[i])
    return widest


@compile_twice
def soft(
    indptr,
    anchor,
    measures,
    supply,
    cuts,
    cap,
    outside,
    price,
    temperature,
    sparse,
    s_anchor,
    s_measures,
    s_weight,
    s_count,
    s_part,
    used,
):
    runs, widest, goods = cuts.size - 1, _widest(indptr), measures.shape[0]
    values = np.zeros(runs)
    totals = np.zeros((runs, 2 * (goods + 1), price.shape[0]))
    for r in prange(runs):
        row, place = np.empty(widest + 1), np.empty(widest + 1, np.int64)
        mine, total = totals[r], 0.0
        at, shared = indptr[cuts[r]], cuts[r]
        for i in range(cuts[r], cuts[r + 1]):
            first, last = indptr[i], indptr[i + 1]
            members, soft = _share(first, last, anchor, measures, cap, outside, price, temperature, sparse, row, place)
            b, kept = supply[i], 0
            total += b * soft
            bend, part = b / temperature, 1.0 / _free(row, place, members, cap) if sparse else 1.0
            for k in range(members):
                e, z = place[k], row[k]
                if e >= 0:
                    j = anchor[e]
                    mine[0, j] += b * z
                    for g in range(goods):
                        mine[g + 1, j] += b * z * measures[g, e]
                    if members > 1 and (cap >= 1.0 or z < cap):
                        weight = bend * (1.0 if sparse else z)
                        curve = weight * (1.0 - (part if sparse else z))
                        mine[goods + 1, j] += curve
                        felt = sparse or FAINT < z < 1.0 - FAINT
                        for g in range(goods):
                            v = measures[g, e]
                            mine[goods + g + 2, j] += curve * v * v
                            if felt:
                                s_measures[g, at + kept] = v
                        if felt:
                            s_anchor[at + kept], s_weight[at + kept] = j, weight
                            kept += 1
            if kept:
                s_count[shared], s_part[shared] = kept, part / bend if bend > 0 else 0.0
                shared += 1
                at += kept
        values[r] = total
        used[r] = shared - cuts[r]
    return values, totals


@compile_twice
def shares(indptr, anchor, measures, supply, cuts, cap, outside, price, temperature, sparse):
    share, widest = np.zeros(anchor.size), _widest(indptr)
    for r in prange(cuts.size - 1):
        row, place = np.empty(widest + 1), np.empty(widest + 1, np.int64)
        for i in range(cuts[r], cuts[r + 1]):
            first, last = indptr[i], indptr[i + 1]
            members, _ = _share(first, last, anchor, measures, cap, outside, price, temperature, sparse, row, place)
            for k in range(members):
                if place[k] >= 0:
                    share[place[k]] = row[k]
    return share


@compile_twice
def curvature(indptr, cuts, direction, s_anchor, s_measures, s_weight, s_count, s_part, used):
    runs, goods = cuts.size - 1, s_measures.shape[0]
    totals = np.zeros((runs, goods + 1, direction.shape[0]))
    for r in prange(runs):
        mine, at = totals[r], indptr[cuts[r]]
        for k in range(cuts[r], cuts[r] + used[r]):
            mean = 0.0
            for e in range(at, at + s_count[k]):
                mean += s_weight[e] * _surplus(e, s_anchor[e], s_measures, direction)
            mean *= s_part[k]
            for e in range(at, at + s_count[k]):
                j = s_anchor[e]
                change = s_weight[e] * (_surplus(e, j, s_measures, direction) - mean)
                mine[0, j] += change
                for g in range(goods):
                    mine[g + 1, j] += change * s_measures[g, e]
            at += s_count[k]
    return totals


@njit(cache=kept())
def _marginal(row, anchor, loose, first, last, cap, order):
    """The surplus that fills a segment's supply where every edge takes at most ``cap``; 0 where there are too few."""
    size = 0
    for e in range(first, last):
        if not loose[anchor[e]]:
            order[size] = row[e - first]
            size += 1
    needed = math.ceil(1.0 / cap - 1e-9) if cap > 0.0 else size + 1
    if size < needed:
        return 0.0
    return max(np.sort(order[:size])[size - needed], 0.0)


@compile_twice
def prune(indptr, anchor, measures, supply, cuts, cap, outside, price, loose, margin):
    runs, widest, goods = cuts.size - 1, _widest(indptr), measures.shape[0]
    found = np.zeros((runs, 3), np.int64)
    decided = np.zeros((runs, goods + 1, price.shape[0]))
    edge, degree, kept_supply = np.empty(anchor.size, np.int64), np.empty(supply.size, np.int64), np.empty(supply.size)
    kept_anchor, kept_measures = np.empty(anchor.size, np.int32), np.empty((goods, anchor.size), measures.dtype)
    winner, won = np.empty(supply.size, np.int64), np.empty(supply.size)
    for r in prange(runs):
        row, order = np.empty(widest + 1), np.empty(widest + 1)
        at, contested, sure = indptr[cuts[r]], cuts[r], cuts[r]
        for i in range(cuts[r], cuts[r + 1]):
            first, last = indptr[i], indptr[i + 1]
            best = 0.0 if outside else -np.inf
            for e in range(first, last):
                s = _surplus(e, anchor[e], measures, price)
                row[e - first] = s
                if not loose[anchor[e]]:
                    best = max(best, s)
            if cap < 1.0:
                best = _marginal(row, anchor, loose, first, last, cap, order)
            near = 0
            for e in range(first, last):
                if row[e - first] >= best - margin or loose[anchor[e]]:
                    edge[at + near], kept_anchor[at + near] = e, anchor[e]
                    for g in range(goods):
                        kept_measures[g, at + near] = measures[g, e]
                    near += 1
            sole = near == 1 and cap >= 1.0 and (best > margin or not outside)
            if sole and not loose[anchor[edge[at]]]:
                e = edge[at]
                winner[sure], won[sure] = e, supply[i]
                decided[r, 0, anchor[e]] += supply[i]
                for g in range(goods):
                    decided[r, g + 1, anchor[e]] += supply[i] * measures[g, e]
                sure += 1
            elif near:
                kept_supply[contested], degree[contested] = supply[i], near
                contested += 1
                at += near
        found[r, 0], found[r, 1], found[r, 2] = at - indptr[cuts[r]], contested - cuts[r], sure - cuts[r]
    return found, decided, edge, kept_anchor, kept_measures, degree, kept_supply, winner, won
