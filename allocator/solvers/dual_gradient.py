"""Accelerated gradient steps on the anchors' prices of a ridge-regularised linear program; a baseline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, Solver
from allocator.problem import Problem
from allocator.repair import repair
from allocator.solvers.transport import bounds_of, outside_transport

FloatArray = NDArray[np.float64]
EVERY = 25
"""Steps between two looks at the exact bound and at a repaired flow, which cost about as much as ten steps."""


class Seen(NamedTuple):
    """The best repaired flow with its objective, and the price with the lowest bound."""

    flow: FloatArray
    objective: float
    price: FloatArray
    bound: float


@dataclass(frozen=True)
class DualGradient(Solver):
    """ECLIPSE and DuaLip (Basu et al., ICML 2020; Ramanath et al., KDD 2022), re-implemented.

    With shares z_i of its supply b_i on the simplex of a segment's edges and its outside option, the linear program
    less sum_i b_i (t / 2) |z_i|^2, t = ``ridge`` times the mean worth of an impression, has the smooth dual

        min_p  sum_i b_i max_z ((w v + p) . z - (t / 2) |z|^2)  +  sum_j max(-floor_j p_j, -cap_j p_j),

    whose gradient is a projection per segment. Its curvature is at most reach_j / t at anchor j (derived here: that of
    a segment is b_i / t times a projection), so proximal steps of t / reach_j are safe, which is also DuaLip's Jacobi
    scaling; momentum after Nesterov (1983), restarted where it points downhill (O'Donoghue and Candes 2015). Weakness:
    the ridge leaves a gap that more ``steps`` do not close, a smaller one needs more steps, and only linear objectives
    have this form.
    """

    ridge: float = 0.01
    steps: int = 2000

    packages: ClassVar[tuple[str, ...]] = ("numba",)

    def __post_init__(self) -> None:
        if not 0 < self.ridge < np.inf:
            raise ValueError(f"the ridge must be a finite number > 0, not {self.ridge}")
        if not (isinstance(self.steps, int) and self.steps >= 1):
            raise ValueError(f"steps must be a whole number >= 1, not {self.steps}")

    def supports(self, problem: Problem) -> str | None:
        return outside_transport(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        from allocator import kernels

        platform = problem.platform
        graph = kernels.edges(platform.indptr, platform.anchor, platform.value, platform.supply, platform.anchor_count)
        total = float(platform.supply.sum())
        if not total:
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        temperature = self.ridge * (problem.gmv_weight * platform.total_of("gmv") / total or 1.0)
        on_edges = platform.supply[platform.segment]

        def both(price: FloatArray) -> FloatArray:
            return np.stack((price, np.full(price.size, problem.gmv_weight)), axis=1)

        def smooth(price: FloatArray) -> FloatArray:
            return on_edges * kernels.shares(graph, both(price), temperature, True)

        return partial(self._descend, problem, goal, temperature, smooth, lambda p: kernels.rents(graph, both(p)))

    def _descend(
        self,
        problem: Problem,
        goal: Goal,
        temperature: float,
        smooth: Callable[[FloatArray], FloatArray],
        rents: Callable[[FloatArray], float],
    ) -> Answer:
        deadline, platform = goal.deadline(), problem.platform
        lower, upper = bounds_of(problem)
        length = np.divide(temperature, platform.reach, out=np.zeros(lower.size), where=platform.reach > 0)
        price = ahead = np.zeros(lower.size)
        momentum, seen = 1.0, Seen(platform.even_flow, -np.inf, price, np.inf)
        for k in range(self.steps + 1):
            flow = smooth(ahead)
            late = k == self.steps or time.perf_counter() > deadline
            if k % EVERY == 0 or late:
                seen = _look(problem, seen, flow, price, rents(price))
                if late or seen.bound - seen.objective <= goal.half_gap * seen.objective:
                    break
            down = ahead - length * platform.into_anchors(flow)
            new = np.maximum(down + length * lower, 0.0) + np.minimum(down + length * upper, 0.0)
            uphill = ((ahead - new) * (new - price) * platform.reach).sum() > 0
            following = 1.0 if uphill else 0.5 * (1.0 + (1.0 + 4.0 * momentum**2) ** 0.5)
            ahead = new + (0.0 if uphill else (momentum - 1.0) / following) * (new - price)
            price, momentum = new, following
        return Answer(
            seen.flow, problem.with_bonus(seen.price), k, f"ridge of {temperature:.3g} {platform.currency} per share"
        )


def _look(problem: Problem, seen: Seen, flow: FloatArray, price: FloatArray, rents: float) -> Seen:
    """Update what was seen with a smoothed flow, repaired, and the exact bound at a price."""
    lower, upper = bounds_of(problem)
    bound = rents + float((price * np.where(price > 0, -lower, -upper)).sum())
    if bound < seen.bound:
        seen = seen._replace(price=price, bound=bound)
    mended = repair(problem, flow, problem.with_bonus(price))
    objective = problem.gmv_weight * float((mended * problem.platform.value).sum())
    return seen._replace(flow=mended, objective=objective) if objective > seen.objective else seen
