"""Rules of several anchors are mended by mixing: a little of a flow that keeps all of them with room to spare."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import Constraint, Totals

FloatArray = NDArray[np.float64]
MARGIN, CLOSE, LARGEST = 1e-11, 1e-12, 0.5
"""Relative slack that mixing leaves, a violation that counts as none, and the largest part of the other flow."""
ROUNDS, ENOUGH, DEAR = 10, 1e-3, 1e3
"""Mixtures tried at most, slack from which on more would save little, and the price of breaking other rules."""


def mixed(problem: Problem, flow: FloatArray, keep: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """A flow that keeps every hard rule, made of one that nearly does and of one that does with slack; the given flow
    where none is found.

    Rules are concave: where a flow misses a rule by d > 0 and another has slack s > 0, the part d / (d + s) of the
    other is enough. The other is the mixture with the largest smallest slack in what is broken, nothing else broken, of
    a few flows: the flow itself, the even flow, nothing and, one after the other, what rules want most where those
    leave least slack (Dantzig and Wolfe 1960); ``keep`` makes a flow keep the rules of single anchors.
    """
    rules = [rule for rule in problem.constraints if rule.soft is None]
    here = _slacks(rules, Totals(problem.platform, flow))
    broken = here < -CLOSE
    if not broken.any():
        return flow
    flows = [flow, keep(problem.platform.even_flow), np.zeros_like(flow)]
    other = _roomy(problem, rules, flows, broken, keep)
    if other is None:
        return flow
    there = _slacks(rules, Totals(problem.platform, other))
    missing = MARGIN - here[broken]
    part = float((missing / (missing + there[broken])).max())
    return flow if not 0 < part <= LARGEST else (1.0 - part) * flow + part * other


def _slacks(rules: list[Constraint], totals: Totals) -> FloatArray:
    """Signed relative slack of every level of the rules; levels that are nothing are left out."""
    return np.concatenate([rule.slack(totals).ravel() for rule in rules] or [np.zeros(0)])


def _roomy(
    problem: Problem,
    rules: list[Constraint],
    flows: list[FloatArray],
    broken: NDArray[np.bool_],
    keep: Callable[[FloatArray], FloatArray],
) -> FloatArray | None:
    """A mixture of flows, and of what rules want, with slack in what is broken, or None."""
    platform = problem.platform
    for _ in range(ROUNDS):
        table = np.stack([_slacks(rules, Totals(platform, flow)) for flow in flows], axis=1)
        parts, least, price = _largest_least(table, broken)
        best = sum((part * flow for part, flow in zip(parts, flows, strict=True)), np.zeros(platform.edge_count))
        if least > ENOUGH:
            break
        flows.append(keep(_best_reply(problem, _wanted(problem, rules, Totals(platform, best), price))))
    return best if least > 0 else None


def _largest_least(table: FloatArray, broken: NDArray[np.bool_]) -> tuple[FloatArray, float, FloatArray]:
    """Parts of columns (c,) that add up to 1 and whose mixture has the largest smallest entry in ``broken`` rows, and
    none below 0 in the others as far as may be; that entry, and the prices of the rows (r,).
    """
    from scipy.optimize import linprog

    count = table.shape[1]
    others = np.where(broken, 1.0, 0.0)
    rows = np.hstack((-table, others[:, None], -(1.0 - others)[:, None]))
    sums = np.append(np.ones(count), [0.0, 0.0])[None, :]
    bounds = [(0.0, 1.0)] * count + [(None, 1.0), (0.0, None)]
    cost = np.append(np.zeros(count), [-1.0, DEAR])
    found = linprog(cost, A_ub=rows, b_ub=np.full(rows.shape[0], 0.0), A_eq=sums, b_eq=[1.0], bounds=bounds)
    if found.x is None or found.x[-1] > CLOSE:
        price = np.ones(table.shape[0]) if found.x is None else -found.ineqlin.marginals
        return np.full(count, 1.0 / count) if found.x is None else found.x[:-2], -np.inf, price
    return found.x[:-2], float(found.x[-2]), -found.ineqlin.marginals


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
