"""The finish of small graphs where rules couple anchors: linear programs on the edges that prices want."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Goal, NoAnswer
from allocator.rules import GMV, Totals
from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual
from allocator.solvers.tangents import Found, Programs, not_tangent

FEW, ROWS = 20_000, 30_000
"""Edges, and rows of rules, up to which a linear program costs less than what it saves."""


def programmed(dual: Dual, point: Point, temperature: float, goal: Goal, end: float) -> Found | None:
    """The answer of linear programs that start from the edges near a tie and from the amounts at a point, or None where
    that would take long or ends without one.
    """
    left = end - time.perf_counter()
    dual.focus(point.x, dual.width(temperature))
    edges = _wanted(dual)
    if edges.size > FEW or left <= 0 or not _small(dual, point):
        return None
    goal = goal if goal.seconds is None else replace(goal, seconds=left)
    problem, first = dual.problem, _amounts(dual, point)
    for some in (edges, None) if problem.platform.edge_count <= FEW else (edges,):
        try:
            return Programs(problem, goal, first, some).solve()
        except NoAnswer:
            continue
    return None


def _wanted(dual: Dual) -> NDArray[np.int64]:
    """Positions of the contested edges and of the winners of decided segments."""
    contest = dual.contest
    if contest.edge is None:
        return np.arange(dual.graph.anchor.size)
    return np.unique(np.concatenate((contest.edge, *(edge for edge, _ in contest.won))))


def _amounts(dual: Dual, point: Point) -> Totals:
    return Totals.given(dual.problem.platform, dict(zip(dual.goods, point.amounts, strict=True)))


def _small(dual: Dual, point: Point) -> bool:
    """Whether rules have few rows."""
    problem, near = dual.problem, [_amounts(dual, point)]
    if not np.isfinite(point.amounts).all() or not_tangent(problem) is not None:
        return False
    others = [t.tangents(near) for t in problem.terms if t.box is None and not isinstance(t, GMV)]
    return sum(rows.lower.size for rows in others) <= ROWS
