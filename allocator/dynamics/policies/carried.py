"""Yesterday's allocation on today's platform: often still good enough, and the best start where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.certificate import certify
from allocator.driver import Solver
from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.problem import Multipliers, Problem
from allocator.rules import Totals
from allocator.solvers import solve

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ROOM = 1e-9
"""Relative distance to a bound that counts as none."""


def unmoved(before: Platform, now: Platform) -> bool:
    """Whether supply, values and edges are what they were."""
    pairs = ((before.supply, now.supply), (before.value, now.value), (before.anchor, now.anchor))
    return all(np.array_equal(old, new) for old, new in pairs)


def solved_from(
    before: Allocation | None,
    places: IntArray,
    problem: Problem,
    view: View,
    *,
    relative_gap: float,
    solver: str | Solver = "auto",
) -> Allocation:
    """Solve a problem, unless the allocation of the period before, of the anchors who had those ``places`` (n,), is
    still good enough for it.
    """
    start = None if before is None else carried(before, places, problem, view, enough=relative_gap)
    if start is not None and start.certificate.feasible and start.certificate.relative_gap <= relative_gap:
        return start
    return solve(problem, solver=solver, relative_gap=relative_gap, start=start)


def carried(
    before: Allocation, places: IntArray, problem: Problem, view: View, *, enough: float = 0.0
) -> Allocation | None:
    """The allocation of the anchors who had those ``places`` (n,) as one for a new problem, certified anew.

    Who has left gives up its traffic. Tried are the flow as it is then and with the supply that is free at the anchor
    of its segment whose surplus is largest at yesterday's prices, both at these prices and without those of bounds that
    are no longer felt, until the gap is ``enough``; the best that keeps the rules counts. None if the problem has other
    terms.
    """
    if before.problem.labels != problem.labels:
        return None
    flow, multipliers = before.flow, before.multipliers
    if not np.array_equal(places, view.places):
        flow, multipliers = _flow(before, places, view), _multipliers(before, places, problem, view)
    best = None
    for totals, prices in _candidates(problem, flow, multipliers):
        certificate = certify(problem, totals, prices)
        rank = (not certificate.feasible, certificate.gap)
        if best is None or rank < best[0]:
            best = rank, totals.flow, prices, certificate
        if certificate.feasible and certificate.relative_gap <= enough:
            break
    return replace(before, problem=problem, flow=best[1], multipliers=best[2], certificate=best[3])


def _candidates(problem: Problem, flow: FloatArray, multipliers: Multipliers) -> Iterator[tuple[Totals, Multipliers]]:
    for candidate in _flows(problem, flow, multipliers):
        totals = Totals(problem.platform, candidate)
        yield totals, multipliers
        yield totals, _felt(problem, totals, multipliers)


def _felt(problem: Problem, totals: Totals, multipliers: Multipliers) -> list[Any]:
    """The multipliers without those of floors and caps that the amounts keep with room to spare."""
    found = []
    for mine, term in zip(multipliers, problem.terms, strict=True):
        box = term.box
        if box is not None and term.shape == box.lower.shape:
            amounts = totals.of(box.of)
            roomy = (amounts > box.lower * (1.0 + ROOM)) & (amounts < box.upper * (1.0 - ROOM))
            mine = np.where(roomy, 0.0, mine)
        found.append(mine)
    return found


def _flow(before: Allocation, places: IntArray, view: View) -> FloatArray:
    """Yesterday's flow on the edges of those who are there today."""
    platform = view.world.platform
    there = np.zeros(platform.anchor_count, dtype=bool)
    there[places] = True
    whole = np.zeros(platform.edge_count)
    whole[there[platform.anchor]] = before.flow
    return whole[view.edges]


def _multipliers(before: Allocation, places: IntArray, problem: Problem, view: View) -> list[Any]:
    """Yesterday's multipliers, zero for who has come; those of a rule whose shape has changed otherwise are zero."""
    found = []
    for mine, term in zip(before.multipliers, problem.terms, strict=True):
        extra = np.size(mine) - places.size if np.ndim(mine) == 1 else -1
        if extra in (0, 1) and term.shape == (extra + view.places.size,):
            whole = np.zeros(view.world.platform.anchor_count)
            whole[places] = mine[extra:]  # behind one of the rule itself, where it has one
            mine = np.concatenate((mine[:extra], whole[view.places]))
        elif term.shape is not None and np.shape(mine) != term.shape:
            mine = np.zeros(term.shape)
        found.append(mine)
    return found


def _flows(problem: Problem, flow: FloatArray, multipliers: Multipliers) -> Iterator[FloatArray]:
    """A flow with less where a segment has less; then with what is free where it is worth most, if anything is."""
    platform = problem.platform
    used = platform.into_segments(flow)
    shrink = np.divide(platform.supply, used, out=np.ones_like(used), where=used > platform.supply)
    if (shrink < 1).any():
        flow, used = flow * shrink[platform.segment], used * shrink
    yield flow
    free = platform.supply - used
    free[free <= 1e-12 * platform.supply] = 0.0
    if not free.any():
        return
    surplus = problem.surplus(multipliers).on_edges()
    best = platform.largest_in_segments(surplus)
    receives = (surplus == best[platform.segment]) & (best > 0)[platform.segment] & (free > 0)[platform.segment]
    edges = np.flatnonzero(receives)
    first = edges[np.unique(platform.segment[edges], return_index=True)[1]]
    moved = np.array(flow)
    moved[first] += free[platform.segment[first]]
    yield moved
