"""Policies that solve a problem each period: for today alone, or at prices of tomorrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.diagnose import diagnose
from allocator.driver import AllocationError, Solver
from allocator.dynamics.parameters import positive, within
from allocator.dynamics.policies.carried import carried
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.policies.recipes import Even
from allocator.dynamics.policies.today import can_be_kept, of_those
from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Objective, Rule
from allocator.solvers import solve

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Optimal(Policy):
    """The best flow for today: the objective under the rules, on the platform of those who are there. What was found
    yesterday is certified anew for today, and another flow is only looked for where its gap has grown too large.

    Rules are those of the world's anchors and speak of those of them who are there; a rule that speaks of nobody is
    left out. They see the attributes ``age`` and, in worlds with newcomers, ``newcomer``. A rule that those who are
    left cannot keep by itself, though all could, is left out for the period; where rules cannot be kept together, the
    levels of `allocator.diagnose`, the least relative change that was found, take their place; where that fails,
    traffic is spread evenly. The trajectory counts such periods.

    Parameters
    ----------
    objective : Objective
    rules : sequence of Rule
    relative_gap : float
        To be proved each period.
    solver : str or Solver
    patience : float
        Seconds for the diagnosis of a period whose rules cannot be kept.
    """

    objective: Objective = field(default_factory=lambda: Objective((GMV(),)))
    rules: Sequence[Rule] = ()
    relative_gap: float = 1e-3
    solver: str | Solver = "auto"
    patience: float = 10.0

    def __post_init__(self) -> None:
        positive("relative_gap", self.relative_gap, "what is to be proved each period")
        positive("patience", self.patience, "seconds for a diagnosis")

    def problem(self, view: View) -> tuple[Problem, bool]:
        """What is solved in a period, and whether rules had to be left out of it."""
        platform, first = self.valued(view), view.period == 0
        rules = [rule for rule in (of_those(rule, view, platform) for rule in self.rules) if rule is not None]
        kept = [rule for rule in rules if first or can_be_kept(rule, platform)]
        return Problem(platform, self.objective, kept), len(kept) < len(rules)

    def valued(self, view: View) -> Platform:
        """The platform of a period at the values that count."""
        return view.platform

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        if not view.present[view.world.platform.anchor].any():
            return Decision(np.zeros(view.world.platform.edge_count), 0.0)
        problem, relaxed = self.problem(view)
        try:
            found = self._solved(problem, view)
        except AllocationError:
            relaxed = True
            try:
                found = self._solved(diagnose(problem, seconds=self.patience).relaxed, view)
            except (AllocationError, ValueError, TypeError):
                even = Even()(replace(view, memory=None))
                return Decision(even.flow, relaxed=True, failed=True)
        gap = found.certificate.relative_gap
        return Decision(view.whole(found.flow), gap, relaxed, memory=(found, view.places))

    def _solved(self, problem: Problem | None, view: View) -> Allocation:
        if problem is None:
            raise ValueError("no change of levels was found")
        start = None if view.memory is None else carried(*view.memory, problem, view)
        if start is not None and start.certificate.feasible and start.certificate.relative_gap <= self.relative_gap:
            return start
        return solve(problem, solver=self.solver, relative_gap=self.relative_gap, start=start)


@dataclass(frozen=True, eq=False)
class Patient(Optimal):
    """As `Optimal`, with what an impression is worth later added to the value of its edge: the fans that it makes (T2),
    and the survival that it buys (T5), as the world's mechanisms say (`Mechanism.later`).

    An edge counts v_e + later_j for the objective; GMV in rules counts the same. At ``discount`` 0 it is `Optimal`.
    """

    discount: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        within("discount", self.discount, 0.0, 1.0, "the worth of a later period over this one")

    def valued(self, view: View) -> Platform:
        """The platform of a period at the values that count."""
        platform, later = view.platform, self.later(view)
        if not later.any():
            return platform
        return replace(
            platform, value=platform.value + later[view.places][platform.anchor].astype(platform.value.dtype)
        )

    def later(self, view: View) -> FloatArray:
        """What one more impression of each anchor is worth in later periods, (A,)."""
        total = np.zeros(view.world.platform.anchor_count)
        for mechanism in view.world.mechanisms:
            worth = mechanism.later(view, self.discount)
            if worth is not None:
                total = total + worth
        return total
