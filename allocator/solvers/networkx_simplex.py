"""NetworkX's network simplex, in plain Python on whole numbers: for teaching, and to cross-check tiny graphs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.problem import Problem
from allocator.solvers.transport import outside_transport

LARGEST = 2_000
COSTS = 2**40
"""The largest cost in whole numbers; Python's do not overflow, and float64 values have no more digits worth keeping."""


@dataclass(frozen=True)
class NetworkX(Solver):
    """Primal network simplex of NetworkX (Hagberg, Schult and Swart 2008) on an integral copy of the problem.

    The unit is the power of two that cuts the supply into at least ``units`` pieces, so that whole impressions stay
    whole. Caps and supply are rounded up and floors down, which keeps a way open wherever the problem has one, and the
    driver's repair takes back the excess, less than one unit per anchor and segment. Values become
    round(v / max v * 2^40). Weakness: pure Python, so tiny graphs only; it cannot be interrupted and returns no
    prices, so its certificate is loose.
    """

    units: int = 2**40

    packages: ClassVar[tuple[str, ...]] = ("networkx",)

    def __post_init__(self) -> None:
        if not (isinstance(self.units, int) and 1 <= self.units <= 2**50):
            raise ValueError(f"units must be a whole number from 1 to 2^50, not {self.units}")

    def supports(self, problem: Problem) -> str | None:
        if problem.platform.edge_count > LARGEST:
            return (
                f"{problem.platform.edge_count:,} edges are too many for plain Python ({LARGEST:,}); flow can take it"
            )
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        import networkx as nx

        platform, box = problem.platform, problem.exposure_box
        if not platform.supply.any():
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        unit = 2.0 ** math.floor(math.log2(platform.supply.sum() / self.units))
        supply, lower = _whole(np.ceil(platform.supply / unit)), _whole(np.floor(box.lower / unit))
        upper = np.maximum(_whole(np.ceil(np.minimum(box.upper, platform.reach) / unit)), lower)
        worth = problem.gmv_weight * platform.value.astype(np.float64)
        top = float(worth.max()) or 1.0
        cost = -_whole(np.rint(worth / top * COSTS))
        graph = _network(platform.segment, platform.anchor, cost, supply, lower, upper)

        def solve() -> Answer:
            try:
                _, sent = nx.network_simplex(graph)
            except nx.NetworkXUnfeasible as error:
                raise NoAnswer("infeasible") from error
            ends = zip(platform.segment.tolist(), platform.anchor.tolist(), strict=True)
            flow = unit * np.array([sent["segment", i].get(("anchor", j), 0) for i, j in ends], dtype=np.float64)
            lost = top / COSTS * float(platform.supply.sum())
            return Answer(
                flow,
                claim=f"optimal within {lost:.3g} {platform.currency} for supply and bounds in whole multiples of "
                f"{unit:.3g} impressions",
            )

        return solve


def _network(segment: NDArray, anchor: NDArray, cost: NDArray, supply: NDArray, lower: NDArray, upper: NDArray):
    """Segments supply, anchors demand their floors, a sink takes what is above the floors and what goes unserved."""
    import networkx as nx

    graph = nx.DiGraph()
    for i, b in enumerate(supply.tolist()):
        graph.add_node(("segment", i), demand=-b)
        graph.add_edge(("segment", i), "sink", capacity=b, weight=0)
    for j, (least, most) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        graph.add_node(("anchor", j), demand=least)
        graph.add_edge(("anchor", j), "sink", capacity=most - least, weight=0)
    graph.nodes["sink"]["demand"] = int(supply.sum() - lower.sum())
    for i, j, c in zip(segment.tolist(), anchor.tolist(), cost.tolist(), strict=True):
        graph.add_edge(("segment", i), ("anchor", j), capacity=int(supply[i]), weight=c)
    return graph


def _whole(amount: NDArray) -> NDArray[np.int64]:
    return amount.astype(np.int64)
