"""What fairness costs: GMV against fairness along a sweep of the weight between them, every point certified."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from allocator.allocation import Allocation
from allocator.driver import UNSUPPORTED, AllocationError, Solver, UnsupportedError
from allocator.metrics import gini, hhi, jain, top_share
from allocator.problem import Problem
from allocator.reasons import STARVED
from allocator.rules import GMV, Objective, RobustGMV, Totals, Welfare
from allocator.solvers import solve

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Frontier:
    """Points of a frontier, from GMV alone to welfare alone.

    Attributes
    ----------
    rows : list of dict
        One per point; see `row_of`. A point that could not be solved has only ``weight``, ``status`` and ``reason``.
    allocations : list
        The allocation behind each row, None where there is none.
    """

    rows: list[Row]
    allocations: list[Allocation | None]


def weighted(problem: Problem, weight: float) -> Problem:
    """The problem with its welfare at a *relative* weight.

    Weight 1 gives welfare the first-order size of GMV at the even allocation: lambda = weight * GMV_even / sum of
    abs(p.y + q.g) with the marginals of the welfare terms at even; 0 is GMV alone, infinity welfare alone (GMV weight
    0).

    Raises
    ------
    ValueError
        If the weight is negative or NaN, or the objective has no welfare term.
    """
    if not weight >= 0:
        raise ValueError(f"a relative weight must be >= 0 (infinity for welfare alone), not {weight}")
    sales = next((t for t in problem.objective.terms if isinstance(t, RobustGMV)), GMV())
    terms = [t for t in problem.objective.terms if not isinstance(t, GMV | RobustGMV)]
    if not terms:
        raise ValueError(
            f"the objective {problem.objective!r} has no welfare term to weigh against GMV; add one, such as "
            f"AlphaFair(1)"
        )
    if weight == 0:
        return replace(problem, objective=Objective((sales,)))
    even = Totals.even(problem.platform)
    gmv = float(even.of("gmv").sum())
    welfare = fairness_of(problem)
    size = sum(t.size(even) for t in welfare)
    yardstick = size if 0 < size < math.inf else sum(problem.platform.total_of(t.of) for t in welfare)
    unit = gmv / yardstick if gmv > 0 and yardstick > 0 else 1.0
    fair = unit * Objective(tuple(terms))
    return replace(problem, objective=fair if math.isinf(weight) else sales + weight * fair)


def fairness_of(problem: Problem) -> list[Welfare]:
    """The bound welfare terms of a problem, without its sales."""
    return [term for term in problem.welfare if not isinstance(term, RobustGMV)]


def frontier(
    problem: Problem,
    weights: Iterable[float],
    *,
    solver: str | Solver = "auto",
    relative_gap: float = 1e-4,
    report: Callable[[str], None] | None = None,
) -> Frontier:
    """Solve a problem at rising relative weights of its welfare terms, and at both ends.

    Parameters
    ----------
    problem : Problem
        Its objective names the welfare; GMV is added at weight 1.
    weights : iterable of float > 0
        See `weighted`; sorted here. 0 and infinity are always added.
    solver, relative_gap
        As in `allocator.solve`; each point starts from the one before, where the solver can.
    report : callable, optional
        Receives one line per finished point.
    """
    rows: list[Row] = []
    allocations: list[Allocation | None] = []
    before = None
    for weight in sorted({0.0, math.inf, *map(float, weights)}):
        try:
            point = solve(weighted(problem, weight), solver=solver, relative_gap=relative_gap, start=before)
        except AllocationError as error:
            rows.append({"weight": weight, "status": error.status.name, "reason": str(error)})
            allocations.append(None)
        else:
            rows.append({"weight": weight} | row_of(point, problem))
            before = point
            allocations.append(point)
        if report is not None:
            report(f"weight {weight:.3g}: {rows[-1]['status'].lower()}")
    return Frontier(_with_price(rows), allocations)


def baselines(problem: Problem, solvers: Sequence[str | Solver]) -> list[Row]:
    """The rows of recipes that do not optimise, for the same plot; ``weight`` is None.

    A recipe that gives no flow has ``status`` and ``reason`` instead of numbers, as in `compare`.
    """
    rows: list[Row] = []
    for solver in solvers:
        try:
            point = solve(weighted(problem, 0.0), solver=solver)
        except (AllocationError, UnsupportedError) as error:
            status = error.status.name if isinstance(error, AllocationError) else UNSUPPORTED
            rows.append({"weight": None, "solver": str(solver), "status": status, "reason": str(error)})
        else:
            rows.append(
                {"weight": None} | row_of(point, problem) | {"solver": str(solver), "gap": None, "gmv_upper": None}
            )
    return rows


def row_of(allocation: Allocation, problem: Problem) -> Row:
    """One point as plain numbers.

    ``gmv`` (currency), ``fairness`` (the welfare of ``problem``; minus infinity where a starved anchor makes it so),
    ``level`` (its equally distributed equivalent, units of the good per anchor), ``gap`` and ``relative_gap`` of the
    point's own objective, ``gmv_upper``: no flow that is at least as fair sells more (derived here: GMV + lambda W <=
    bound, and W >= W(x) leaves GMV <= GMV(x) + gap), and indices.
    """
    totals, certificate = allocation.totals, allocation.certificate
    per_gmv = allocation.problem.gmv_weight
    exposure, sales = totals.of("exposure"), np.maximum(totals.of("gmv"), 0.0)
    welfare = fairness_of(problem)
    return {
        "status": allocation.status.name,
        "solver": allocation.run.solver,
        "gmv": allocation.gmv,
        "fairness": float(sum(t.value(totals).sum() for t in welfare)),
        "level": welfare[0].level(totals) if welfare else None,
        "gap": certificate.gap,
        "relative_gap": certificate.relative_gap,
        "gmv_upper": allocation.gmv + certificate.gap / per_gmv if per_gmv > 0 else None,
        "gini_exposure": gini(exposure),
        "gini_gmv": gini(sales),
        "jain_exposure": jain(exposure),
        "hhi_exposure": hhi(exposure),
        "top_1_percent_exposure": top_share(exposure, 0.01),
        "top_1_percent_gmv": top_share(sales, 0.01),
        "starved_anchors": int((exposure <= STARVED * exposure.mean()).sum()),
    }


def price_of_fairness(fair: Allocation, system: Allocation) -> float:
    """(SYSTEM - FAIR) / SYSTEM, the share of GMV given up (Bertsimas, Farias and Trichakis 2011).

    ``system`` should maximise GMV on the same platform and rules; the price is exact up to the two certified gaps.

    Raises
    ------
    ValueError
        If the two allocations are not of the same platform, or ``system`` sells nothing.
    """
    if fair.platform is not system.platform and fair.platform.content_hash != system.platform.content_hash:
        raise ValueError("the price of fairness compares two allocations of the same platform")
    if not system.gmv > 0:
        raise ValueError("the price of fairness is a share of GMV, and this platform sells nothing")
    return 1.0 - fair.gmv / system.gmv


def _with_price(rows: list[Row]) -> list[Row]:
    """Add the price of fairness against the first end, where that end was solved."""
    most = rows[0].get("gmv")
    return [row | {"price_of_fairness": 1.0 - row["gmv"] / most} if most and "gmv" in row else row for row in rows]
