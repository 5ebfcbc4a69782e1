"""Minimum-cost flow on integers: whole impressions, exact for the rounded data, with the rounding loss stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.problem import Problem
from allocator.solvers.transport import outside_transport

LARGEST_COST = 2**62
"""Costs times nodes must stay below int64 inside the cost-scaling algorithm."""


@dataclass(frozen=True)
class MinCostFlow(Solver):
    """OR-Tools' cost-scaling push-relabel (Goldberg 1997) on integral impressions.

    Impressions are whole: supply and caps are rounded down, floors up, each by less than 1 / ``units_per_impression``.
    Values become integers floor(v / max v * K), with K as large as int64 allows, which loses less than max v / K per
    impression served (derived here: each cost is off by less than one unit). The claim states both. It returns no
    prices, so its certificate is loose.
    """

    units_per_impression: int = 1

    packages: ClassVar[tuple[str, ...]] = ("ortools",)

    def __post_init__(self) -> None:
        if not (isinstance(self.units_per_impression, int) and self.units_per_impression >= 1):
            raise ValueError(f"units_per_impression must be a whole number >= 1, not {self.units_per_impression}")

    def supports(self, problem: Problem) -> str | None:
        if float(problem.platform.supply.sum()) * self.units_per_impression >= 2**52:
            return (
                f"{problem.platform.supply.sum():.3g} impressions overflow whole numbers; measure supply in thousands"
            )
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        from ortools.graph.python import min_cost_flow

        platform, box, unit = problem.platform, problem.exposure_box, self.units_per_impression
        S, A, E = platform.segment_count, platform.anchor_count, platform.edge_count
        supply = _whole(platform.supply * unit, np.floor)
        lower = _whole(box.lower * unit, np.ceil)
        upper = np.maximum(_whole(np.minimum(box.upper, platform.reach) * unit, np.floor), 0)
        if (lower > upper).any() or lower.sum() > supply.sum():
            raise NoAnswer(
                "rounding to whole impressions leaves no flow between the floors and the caps; use more "
                "units_per_impression"
            )
        worth = problem.gmv_weight * platform.value.astype(np.float64)
        top = float(worth.max()) or 1.0
        scale = min(LARGEST_COST // (8 * (S + A + 2) ** 2), 2**40)
        cost = -np.floor(worth / top * scale).astype(np.int64)
        # Mandatory parts: their nodes demand the floor; optional parts flow on to the sink up to cap - floor.
        network, sink = min_cost_flow.SimpleMinCostFlow(), S + A
        anchors = np.arange(S, S + A)
        arcs = network.add_arcs_with_capacity_and_unit_cost(
            np.concatenate((platform.segment, anchors, np.arange(S))),
            np.concatenate((S + platform.anchor, np.full(S + A, sink))),
            np.concatenate((supply[platform.segment], upper - lower, supply)),
            np.concatenate((cost, np.zeros(S + A, dtype=np.int64))),
        )
        network.set_nodes_supplies(np.arange(S + A + 1), np.concatenate((supply, -lower, [lower.sum() - supply.sum()])))
        lost = top / scale * float(platform.supply.sum())
        idle = float(platform.supply.sum() - supply.sum() / unit)

        def solve() -> Answer:
            status = network.solve()
            if status != network.OPTIMAL:
                raise NoAnswer(status.name.lower())
            flow = network.flows(arcs[:E]).astype(np.float64) / unit
            return Answer(
                flow,
                claim=f"optimal for whole units within {lost:.3g} {platform.currency}; {idle:.6g} impressions of "
                f"supply were rounded away",
            )

        return solve


def _whole(amount: np.ndarray, towards: Callable) -> np.ndarray:
    """Round to whole units, forgiving the last bits of a float."""
    nearest = np.rint(amount)
    return np.where(np.abs(amount - nearest) <= 1e-9 * np.maximum(nearest, 1.0), nearest, towards(amount)).astype(
        np.int64
    )
