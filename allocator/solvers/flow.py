"""Network simplex on the transport graph: exact for GMV under capacities, caps and floors of exposure."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.graph import Platform
from allocator.problem import Problem

FloatArray = NDArray[np.float64]


def outside_transport(problem: Problem) -> str | None:
    """Why a problem is not a transport problem, or None."""
    if problem.welfare:
        return (
            f"{problem.welfare[0].name} is more than GMV; "
            f"{'conic' if problem.welfare[0].rows is None else 'linear'} can take it"
        )
    for term in problem.constraints:
        if term.box is None or term.box.of != "exposure":
            return f"{term.name} is not a bound on exposure; linear can take it"
    return None


@dataclass(frozen=True)
class Flow(Solver):
    """POT's sparse network simplex in float64 (Bonneel et al. 2011).

    The balanced transport problem: rows are the segments and one dummy, columns are the anchors' optional part (mass u
    - l), the anchors' mandatory part (mass l) and *unserved* (mass sum b). The dummy row fills optional parts and
    unserved; arcs into served parts cost d - w v, with d = max w v, all others d. Masses are divided by their total,
    values by d.
    """

    packages: ClassVar[tuple[str, ...]] = ("POT",)

    def supports(self, problem: Problem) -> str | None:
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        from scipy.sparse import coo_array

        platform, box = problem.platform, problem.exposure_box
        if not platform.supply.any():
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        S, A = platform.segment_count, platform.anchor_count
        upper = np.maximum(np.minimum(box.upper, platform.reach), box.lower)
        worth = problem.gmv_weight * platform.value.astype(np.float64)
        top = float(worth.max()) or 1.0
        floored = np.flatnonzero(box.lower > 0)
        mandatory = np.full(A, -1)
        mandatory[floored] = A + 1 + np.arange(floored.size)
        twice = np.flatnonzero(mandatory[platform.anchor] >= 0)
        cost = 1.0 - worth / top
        rows = np.concatenate((platform.segment, platform.segment[twice], np.arange(S), np.full(A + 1, S)))
        columns = np.concatenate((platform.anchor, mandatory[platform.anchor[twice]], np.full(S, A), np.arange(A + 1)))
        costs = np.concatenate((cost, cost[twice], np.ones(S + A + 1)))
        demand = np.concatenate((upper - box.lower, [platform.supply.sum()], box.lower[floored]))
        supply = np.concatenate((platform.supply, [max(demand.sum() - platform.supply.sum(), 0.0)]))
        matrix = coo_array((costs, (rows, columns)), shape=(S + 1, demand.size))

        def solve() -> Answer:
            plan, u, v = _simplex(supply, demand, matrix)
            flow = _on_edges(platform, plan, floored)
            rent = np.maximum(u[S] - u[:S], 0.0)
            p = np.maximum(1.0 - u[S] - v[:A], 0.0)
            # A column without mass is no part of the basis; its price is the least that makes no segment want it.
            closed = demand[:A] == 0
            wish = (1.0 - cost - rent[platform.segment]) * (platform.supply > 0)[platform.segment]
            least = np.zeros(A)
            np.maximum.at(least, platform.anchor, wish)
            p[closed] = least[closed]
            p[floored] = np.minimum(p[floored], 1.0 - u[S] - v[A + 1 :])
            of_rule = dict(zip(map(id, box.rules), box.marginals(-p * top), strict=True))
            multipliers = [t.fit({"exposure": of_rule[id(t)]}) if id(t) in of_rule else None for t in problem.terms]
            return Answer(flow, multipliers, claim="optimal basis")

        return solve


def _on_edges(platform: Platform, plan: Any, floored: NDArray[np.int64]) -> FloatArray:
    """The flow on edges (E,) in a transport plan: optional and mandatory part of each anchor added."""
    S, A = platform.segment_count, platform.anchor_count
    of_column = np.concatenate((np.arange(A), [-1], floored))
    row, anchor = plan.row.astype(np.int64), of_column[plan.col.astype(np.int64)]
    served = (row < S) & (anchor >= 0)
    edge = np.searchsorted(platform.segment * np.int64(A) + platform.anchor, row[served] * A + anchor[served])
    return np.bincount(edge, weights=plan.data[served], minlength=platform.edge_count)


def _simplex(supply: FloatArray, demand: FloatArray, cost: Any) -> tuple[Any, FloatArray, FloatArray]:
    """Plan and potentials; masses must add up to 1, or POT's balance check fails on large totals."""
    import ot

    total = supply.sum() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan, log = ot.emd(supply / total, demand / total, cost, numItermax=5 * 10**7, log=True)
    if log["warning"]:
        raise NoAnswer(str(log["warning"]).strip())
    return plan * total, log["u"], log["v"]
