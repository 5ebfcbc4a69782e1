"""Network simplex on the transport graph: exact for GMV under capacities, caps and floors of exposure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from allocator.driver import Answer, Goal, Solver
from allocator.problem import Problem
from allocator.solvers.transport import network_of, outside_transport


@dataclass(frozen=True)
class Flow(Solver):
    """Network simplex in float64 (POT; Bonneel et al. 2011) on the network of `allocator.solvers.transport`."""

    packages: ClassVar[tuple[str, ...]] = ("POT",)

    def supports(self, problem: Problem) -> str | None:
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        platform = problem.platform
        if not platform.supply.any():
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        network = network_of(problem, problem.gmv_weight * platform.value.astype(np.float64))

        def solve() -> Answer:
            flow, bonus = network.solve()
            return Answer(flow, problem.with_bonus(bonus), claim="optimal basis")

        return solve
