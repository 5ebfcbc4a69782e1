"""Network simplex on the transport graph: exact for GMV under capacities, caps and floors of exposure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from allocator.driver import Answer, Goal, Solver
from allocator.problem import Problem
from allocator.solvers.transport import Network, between


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
    """Network simplex in float64 (POT; Bonneel et al. 2011) on the network of `allocator.solvers.transport`."""

    packages: ClassVar[tuple[str, ...]] = ("POT",)

    def supports(self, problem: Problem) -> str | None:
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        platform, box = problem.platform, problem.exposure_box
        if not platform.supply.any():
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        upper = np.maximum(np.minimum(box.upper, platform.reach), box.lower)
        worth = problem.gmv_weight * platform.value.astype(np.float64)
        network = Network.of(platform.segment, platform.anchor, worth, platform.supply, between(box.lower, upper))

        def solve() -> Answer:
            flow, bonus = network.solve()
            return Answer(flow, problem.with_bonus(bonus), claim="optimal basis")

        return solve
