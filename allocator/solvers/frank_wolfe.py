"""Frank-Wolfe: follow the best edges under today's marginals, one convex combination after the other; a baseline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.mixing import to_best_edges
from allocator.problem import Problem
from allocator.repair import repair
from allocator.rules import AlphaFair, Constraint, Totals, Welfare
from allocator.solvers.prices.response import marginal, not_single
from allocator.solvers.transport import network_of

FloatArray = NDArray[np.float64]
HALVINGS = 50


@dataclass(frozen=True)
class FrankWolfe(Solver):
    """Frank-Wolfe (1956) as Do, Corbett-Davies, Atif and Usunier (NeurIPS 2021) use it for fair ranking;
    re-implemented.

    x <- x + gamma (z - x), where z sends the supply of every segment to the edges that are worth most under the
    marginals at x, or, where exposure is bounded, solves that transport problem. ``gamma`` is the exact maximiser on
    the way to z, or 2 / (k + 2) in step k without ``line_search``. The gap of the linear step, marginals . (z - x), is
    a certificate. Weakness: the gap falls as 2 C / (k + 2) only, and the curvature C is infinite at zero exposure. The
    exact step is safer there; late, the other often wins (Wirth, Kerdreux and Pokutta, AISTATS 2023).
    """

    steps: int = 500
    line_search: bool = True

    packages: ClassVar[tuple[str, ...]] = ("POT",)

    def __post_init__(self) -> None:
        if not (isinstance(self.steps, int) and self.steps >= 1):
            raise ValueError(f"steps must be a whole number >= 1, not {self.steps}")

    def supports(self, problem: Problem) -> str | None:
        for rule in problem.constraints:
            if rule.box is not None and rule.box.of == "gmv":
                return f"{rule.name} makes the linear step more than a transport problem; conic or linear can take it"
        return not_single(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        platform = problem.platform
        if not platform.supply.any():
            return lambda: Answer(np.zeros(platform.edge_count), claim="nothing to serve")
        start = repair(problem, platform.even_flow) if problem.constraints else platform.even_flow
        return lambda: self._climb(problem, goal, start)

    def _climb(self, problem: Problem, goal: Goal, flow: FloatArray) -> Answer:
        """The best flow met and the multipliers of the lowest bound met; they need not be of the same step."""
        deadline, terms = goal.deadline(), [t for t in problem.terms if isinstance(t, Welfare)]
        best, highest, scale, multipliers, lowest = flow, -np.inf, 0.0, None, np.inf
        for k in range(self.steps + 1):
            totals = Totals(problem.platform, flow)
            objective = sum(float(t.value(totals).sum()) for t in terms)
            supporting = _slopes(problem, totals)
            worth = problem.surplus(supporting).on_edges()
            try:
                target, bonus = _best_reply(problem, worth)
            except NoAnswer:  # marginals that span too many orders of magnitude for the network, or floors too high
                break
            if objective > highest:
                best, highest, scale = flow, objective, problem.size(totals)
            bound = objective + float((worth * (target - flow)).sum())
            if np.isfinite(bound) and bound < lowest:
                lowest, multipliers = bound, problem.with_bonus(bonus, supporting)
            close = lowest - highest <= goal.half_gap * scale
            if close or k == self.steps or time.perf_counter() > deadline:
                break
            step = _longest(problem, totals, Totals(problem.platform, target)) if self.line_search else 2 / (k + 2)
            if step == 0:
                break
            flow = flow + step * (target - flow)
        return Answer(best, multipliers, k, f"gap {max(lowest - highest, 0.0):.3g} by the linear step")


def _slopes(problem: Problem, totals: Totals) -> list[Any]:
    """Multipliers of the terms: marginals at the totals; bounds idle."""
    multipliers = []
    for term in problem.terms:
        if isinstance(term, AlphaFair):
            multipliers.append(term.fit({term.of: marginal(term, totals.of(term.of))}))
        else:
            multipliers.append(term.idle() if isinstance(term, Constraint) else None)
    return multipliers


def _best_reply(problem: Problem, worth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The feasible flow (E,) that is worth most, and the bonus of the bounds per anchor (A,)."""
    if not problem.exposure_box.rules:
        return to_best_edges(problem.platform, worth), np.zeros(problem.platform.anchor_count)
    return network_of(problem, worth).solve()


def _longest(problem: Problem, here: Totals, there: Totals) -> float:
    """The step in [0, 1] at which the objective stops rising, by bisection on its derivative: amounts are linear."""
    change = {good: there.of(good) - here.of(good) for good in ("exposure", "gmv")}
    sales = problem.gmv_weight * float(change["gmv"].sum())

    def derivative(step: float) -> float:
        at = {good: here.of(good) + step * change[good] for good in change}
        slopes = (float((marginal(t, at[t.of]) * change[t.of])[t.active].sum()) for t in problem.welfare)
        return sales + sum(slopes)

    if derivative(1.0) >= 0:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if derivative(middle) > 0 else (low, middle)
    return low
