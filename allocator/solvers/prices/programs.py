"""The finish of small graphs where rules couple anchors: linear programs on the edges that prices want."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from allocator.driver import Goal, NoAnswer
from allocator.rules import Totals
from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual
from allocator.solvers.tangents import LARGEST, Found, Programs, count_near, nearest

FEW, ROWS = 30_000, 20_000
"""Edges near a tie, and rows of rules, up to which a linear program costs less than what it saves."""


def programmed(dual: Dual, point: Point | None, goal: Goal, end: float) -> Found | None:
    """The answer of linear programs that start from the edges near a tie and from the amounts at a point, if there is
    one that is near, or None where that would take long or ends without one.
    """
    problem, left = dual.problem, end - time.perf_counter()
    near = point is not None and bool(np.isfinite(point.amounts).all())
    if left <= 0 or count_near(problem) > FEW or not (near or problem.platform.edge_count <= LARGEST):
        return None
    first, edges = Totals.even(problem.platform), None
    if near:
        first = Totals.given(problem.platform, dict(zip(dual.goods, point.amounts, strict=True)))
        surplus = problem.surplus(dual.multipliers(dual.admissible(point.x)))
        ahead = surplus.on_edges() - surplus.last()[problem.platform.segment]
        edges = nearest(problem, np.nan_to_num(ahead, nan=-np.inf))
    rows = [term.tangents([first]) for term in problem.in_rows]
    if any(own is None for own in rows) or sum(own.lower.size for own in rows) > ROWS:
        return None
    goal = replace(goal, seconds=left) if left < np.inf else goal
    try:
        return Programs(problem, goal, first, edges).solve()
    except NoAnswer:
        return None
