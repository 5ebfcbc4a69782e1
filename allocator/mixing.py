"""Rules of several anchors are mended by mixing: a little of a flow that keeps all of them with room to spare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import Totals

FloatArray = NDArray[np.float64]
MARGIN, CLOSE, SAFE = 1e-11, 1e-12, 1.000001
"""Relative slack that mixing leaves, a violation that counts as none, and by how much more than is missing is mended,
with as much of the slack of other rules left."""
ROUNDS, DEAR, SOME = 8, 1e3, 0.1
"""Mixtures tried at most, the price of breaking other rules, and the part of a flow that a mixture must be to be asked.
"""
TILTS = (0.01, 0.1, 1.0)
"""By how much rules that are broken count in flows near the given one, in units of the worth of an impression."""


def mixed(
    problem: Problem,
    flow: FloatArray,
    worth: FloatArray,
    keep: Callable[[FloatArray], FloatArray],
    beside: Sequence[FloatArray] = (),
) -> FloatArray:
    """A flow that keeps every hard rule, made of one that nearly does and of others that do with slack; the given flow
    where none are found.

    Rules are concave: where a flow misses a rule by d > 0 and another has slack s > 0, the part d / (d + s) of the
    other is enough. The others are those ``beside``, the even flow, nothing, the best replies to the ``worth`` of edges
    (E,) tilted towards what is broken, and, until there is slack, what rules want most where those leave least (Dantzig
    and Wolfe 1960); of all mixtures the one that costs least worth is taken. ``keep`` makes a flow keep the rules of
    single anchors.
    """
    totals = Totals(problem.platform, flow)
    here = _slacks(problem, totals, totals)
    broken = here < -CLOSE
    if not broken.any() or not np.isfinite(here).all():
        return flow

    def mixable(found: FloatArray) -> FloatArray:
        """A flow to mix in; half of one that leaves welfare minus infinity."""
        kept = keep(found)
        finite = np.isfinite(_slacks(problem, Totals(problem.platform, kept), totals)).all()
        return kept if finite else 0.5 * (kept + flow)

    flows = [flow, *map(mixable, (*beside, problem.platform.even_flow, np.zeros_like(flow)))]
    wanted = _wanted(problem, totals, totals, np.where(broken, 1.0, 0.0))
    size = float(np.abs(worth).mean()) / (float(np.abs(wanted).mean()) or 1.0)
    flows += [mixable(to_best_edges(problem.platform, worth + tilt * size * wanted)) for tilt in TILTS]
    table = _roomy(problem, flows, broken, mixable)
    if table is None:
        return flow
    parts = _cheapest(table, np.array([max(0.0, float((worth * (flow - other)).sum())) for other in flows]), broken)
    if parts is None:
        return flow
    moved = sum((part * (other - flow) for part, other in zip(parts, flows, strict=True)), np.zeros_like(flow))
    return np.maximum(flow + moved, 0.0)


def _slacks(problem: Problem, totals: Totals, beside: Totals) -> FloatArray:
    """Signed relative slack of every level of the hard rules."""
    return np.concatenate([rule.slack(totals, beside).ravel() for rule in problem.hard] or [np.zeros(0)])


def _roomy(
    problem: Problem,
    flows: list[FloatArray],
    broken: NDArray[np.bool_],
    keep: Callable[[FloatArray], FloatArray],
) -> FloatArray | None:
    """Add to ``flows`` (c), the first of which is to be mended, what rules want, until a mixture has slack in what is
    broken, and give the slacks of all, (r, c); None if that does not come.
    """
    platform, beside = problem.platform, Totals(problem.platform, flows[0])
    for _ in range(ROUNDS):
        table = np.stack([_slacks(problem, Totals(platform, flow), beside) for flow in flows], axis=1)
        parts, least, price = _largest_least(table, broken)
        if least > 0:
            return table
        best = sum((part * flow for part, flow in zip(parts, flows, strict=True)), np.zeros(platform.edge_count))
        # Of nothing rules want nothing in particular.
        at = Totals(platform, best) if best.sum() > SOME * flows[0].sum() else beside
        flows.append(keep(to_best_edges(platform, _wanted(problem, at, beside, price))))
    return None


def _cheapest(table: FloatArray, loss: FloatArray, broken: NDArray[np.bool_]) -> FloatArray | None:
    """Parts of the flows behind the columns (c,), to be mixed into the first, that mend what is broken at the least
    loss, which is nowhere below 0; None if all of it would not be enough.

    What is missing is the unit of slack, and of a flow what moves some slack by that much, so that the tolerance of
    linear programming is small beside them.
    """
    from scipy.optimize import linprog

    here = table[:, 0]
    missing, moved = float(-here.min()), table - here[:, None]
    unit = missing / np.maximum(np.abs(moved).max(axis=0), missing)
    wanted = np.where(broken, MARGIN - SAFE * here, -np.maximum(here, 0.0) / SAFE) / missing
    loss = loss * unit
    loss /= loss.max() or 1.0
    rows, most = np.vstack((-moved * unit / missing, unit)), np.append(-wanted, 1.0)
    found = linprog(loss, A_ub=rows, b_ub=most, bounds=(0.0, None), method="highs")
    return None if found.x is None else unit * found.x / max(1.0, float(found.x @ unit))


def _largest_least(table: FloatArray, broken: NDArray[np.bool_]) -> tuple[FloatArray, float, FloatArray]:
    """Parts of columns (c,) that add up to 1 and whose mixture has the largest smallest entry in ``broken`` rows, and
    none below 0 in the others as far as may be; that entry, and the prices of the rows (r,).
    """
    from scipy.optimize import linprog

    count, mine = table.shape[1], np.where(broken, 1.0, 0.0)
    evenly = np.full(count, 1.0 / count)
    if not np.isfinite(table).all():
        return evenly, -np.inf, mine
    rows = np.hstack((-table, mine[:, None], -(1.0 - mine)[:, None]))
    sums = np.append(np.ones(count), [0.0, 0.0])[None, :]
    bounds = [(0.0, 1.0)] * count + [(None, 1.0), (0.0, None)]
    cost = np.append(np.zeros(count), [-1.0, DEAR])
    found = linprog(cost, A_ub=rows, b_ub=np.zeros(rows.shape[0]), A_eq=sums, b_eq=[1.0], bounds=bounds)
    if found.x is None:
        return evenly, -np.inf, np.ones(table.shape[0])
    *parts, least, below = found.x
    return np.array(parts), -np.inf if below > CLOSE else float(least), -found.ineqlin.marginals


def _wanted(problem: Problem, totals: Totals, beside: Totals, price: FloatArray) -> FloatArray:
    """What hard rules pay for an impression on every edge (E,) where each unit of relative slack has a price."""
    platform, start = problem.platform, 0
    worth = np.zeros(platform.edge_count)
    for rule in problem.hard:
        size = rule.slack(totals, beside).size
        for good, marginal in rule.pull(totals, beside, price[start : start + size]).items():
            if good == "edges":
                worth += marginal
            else:
                worth += marginal[platform.anchor] * platform.per_impression(good)
        start += size
    return worth


def to_best_edges(platform: Platform, worth: FloatArray) -> FloatArray:
    """All supply of each segment to its best edge, nothing where no edge is worth anything; ties share it, so that
    equal anchors stay equal.
    """
    best = (worth == platform.largest_in_segments(worth)[platform.segment]) & (worth > 0)
    ties = np.maximum(platform.into_segments(best), 1.0)
    return np.where(best, (platform.supply / ties)[platform.segment], 0.0)
