"""Rules of several anchors are mended by mixing: a little of a flow that keeps all of them with room to spare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import Constraint, Totals

FloatArray = NDArray[np.float64]
MARGIN, LARGEST = 1e-11, 0.5
"""Relative slack that mixing leaves, and the largest part that it may take of the other flow."""
ROUNDS, FEW = 10, 3
"""Flows that are tried at most, and at least, which makes slack larger."""


def mixed(problem: Problem, flow: FloatArray) -> FloatArray:
    """A flow that keeps every hard rule, made of one that nearly does and of one that does with slack; the given flow
    where none is found.

    Rules are concave: where a flow misses a rule by d > 0 and another has slack s > 0, the part d / (d + s) of the
    other is enough. The other is the mixture of a few flows with the largest smallest slack: of the even flow, of
    nothing, and, one after the other, of what rules want most where those leave least slack (Dantzig and Wolfe 1960).
    """
    rules = [rule for rule in problem.constraints if rule.soft is None]
    lacking = -_slacks(rules, Totals(problem.platform, flow))
    if (lacking <= 0).all():
        return flow
    other = _roomy(problem, rules)
    if other is None:
        return flow
    slack = _slacks(rules, Totals(problem.platform, other))
    broken = lacking > 0
    if (slack[broken] <= 0).any():
        return flow
    missing = lacking[broken] + MARGIN
    part = float((missing / (missing + slack[broken])).max())
    return flow if part > LARGEST else (1.0 - part) * flow + part * other


def _slacks(rules: list[Constraint], totals: Totals) -> FloatArray:
    """Signed relative slack of every level of the rules; levels that are nothing are left out."""
    return np.concatenate([rule.slack(totals).ravel() for rule in rules] or [np.zeros(0)])


def _roomy(problem: Problem, rules: list[Constraint]) -> FloatArray | None:
    """A mixture of flows with the largest smallest slack, or None if none has any."""
    platform = problem.platform
    flows = [platform.even_flow, np.zeros(platform.edge_count)]
    for _ in range(ROUNDS):
        table = np.stack([_slacks(rules, Totals(platform, flow)) for flow in flows], axis=1)
        parts, least, price = _largest_least(table)
        best = sum((part * flow for part, flow in zip(parts, flows, strict=True)), np.zeros(platform.edge_count))
        if least > 0 and len(flows) > FEW:
            return best
        flows.append(_best_reply(problem, _wanted(problem, rules, Totals(platform, best), price)))
    return best if least > 0 else None


def _largest_least(table: FloatArray) -> tuple[FloatArray, float, FloatArray]:
    """Parts of columns (c,) that add up to 1 and whose mixture has the largest smallest entry, that entry, and the
    prices of the rows (r,).
    """
    from scipy.optimize import linprog

    count = table.shape[1]
    rows = np.hstack((-table, np.ones((table.shape[0], 1))))
    sums = np.append(np.ones(count), 0.0)[None, :]
    bounds = [(0.0, 1.0)] * count + [(None, 1.0)]
    cost = np.append(np.zeros(count), -1.0)
    found = linprog(cost, A_ub=rows, b_ub=np.zeros(rows.shape[0]), A_eq=sums, b_eq=[1.0], bounds=bounds)
    if found.x is None:
        return np.full(count, 1.0 / count), -np.inf, np.full(table.shape[0], 1.0)
    return found.x[:-1], float(found.x[-1]), -found.ineqlin.marginals


def _wanted(problem: Problem, rules: list[Constraint], totals: Totals, price: FloatArray) -> FloatArray:
    """What rules pay for an impression on every edge (E,) where each unit of relative slack has a price."""
    platform, start = problem.platform, 0
    worth = np.zeros(platform.edge_count)
    for rule in rules:
        size = rule.slack(totals).size
        for good, marginal in rule.pull(totals, price[start : start + size]).items():
            if good == "edges":
                worth += marginal
            else:
                measure = platform.measure(good)
                worth += marginal[platform.anchor] * (1.0 if measure is None else measure)
        start += size
    return worth


def _best_reply(problem: Problem, worth: FloatArray) -> FloatArray:
    """All supply of each segment to its best edge, ties sharing it; nothing where nothing is worth anything."""
    platform = problem.platform
    best = (worth == platform.largest_in_segments(worth)[platform.segment]) & (worth > 0)
    ties = np.maximum(platform.into_segments(best), 1.0)
    return np.where(best, (platform.supply / ties)[platform.segment], 0.0)
