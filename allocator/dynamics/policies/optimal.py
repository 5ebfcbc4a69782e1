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
from allocator.dynamics.policies.carried import solved_from, unmoved
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.policies.recipes import Even
from allocator.dynamics.policies.today import all_of_those, can_be_kept, of_today
from allocator.dynamics.view import View
from allocator.dynamics.world import World
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, CappedUtility, Objective, Rule, Welfare

FloatArray = NDArray[np.float64]
LEAST = 1e-9
"""Of the largest weight: what a welfare term, which needs weights above zero, gives to anchors who count nothing."""


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
        Seconds for the diagnosis of a period whose rules cannot be kept: where it takes longer, the speed of the
        machine has a say in what is found.
    """

    objective: Objective | Welfare = field(default_factory=GMV)
    rules: Sequence[Rule] = ()
    relative_gap: float = 1e-3
    solver: str | Solver = "auto"
    patience: float = 10.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", Objective.coerce(self.objective))
        positive("relative_gap", self.relative_gap, "what is to be proved each period")
        positive("patience", self.patience, "seconds for a diagnosis")

    def check(self, world: World) -> None:
        """Refuse rules and terms for anchors whom the world does not know."""
        for part in (*self.objective.terms, *self.rules):
            where = getattr(part, "where", None)
            if where is not None and not of_today(where):
                world.anchors_where(where)

    def problem(self, view: View) -> tuple[Problem, bool]:
        """What is solved in a period, and whether rules had to be left out of it."""
        platform, first = self.valued(view), view.period == 0
        objective = Objective(tuple(all_of_those(self.stated(view).terms, view, platform)))
        rules = all_of_those(self.rules, view, platform)
        kept = [rule for rule in rules if first or can_be_kept(rule, platform)]
        return Problem(platform, objective, kept), len(kept) < len(rules)

    def stated(self, view: View) -> Objective:
        """The objective of a period."""
        return self.objective

    def valued(self, view: View) -> Platform:
        """The platform of a period at the values that count."""
        return view.platform

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        if not view.present[view.world.platform.anchor].any():
            return Decision(np.zeros(view.world.platform.edge_count), 0.0)
        try:
            found, relaxed = self._found(view)
        except (AllocationError, ValueError) as error:
            if view.period == 0 and not isinstance(error, AllocationError):
                raise  # what was never possible is a mistake
            return Decision(Even().flow(view, view.state["present"]), relaxed=True, failed=True)
        gap = found.certificate.relative_gap
        return Decision(view.whole(found.flow), gap, relaxed, memory=(found, view.places, relaxed))

    def _found(self, view: View) -> tuple[Allocation, bool]:
        """An allocation for the period, and whether its rules are changed ones. Where they were yesterday and nothing
        has moved since, they are today.
        """
        problem, relaxed = self.problem(view)
        before, places, eased = view.memory or (None, None, False)
        if eased and np.array_equal(places, view.places) and unmoved(before.platform, problem.platform):
            return before, True
        try:
            return self._solved(problem, view), relaxed
        except AllocationError:
            eased_problem = diagnose(problem, seconds=self.patience).relaxed
            if eased_problem is None:
                raise
            return self._solved(eased_problem, view), True

    def _solved(self, problem: Problem, view: View) -> Allocation:
        before, places = view.memory[:2] if view.memory else (None, view.places)
        return solved_from(before, places, problem, view, relative_gap=self.relative_gap, solver=self.solver)


@dataclass(frozen=True, eq=False)
class Patient(Optimal):
    """As `Optimal`, with what an impression is worth later: the fans that it makes are added to the value of its edge
    (T2, `Mechanism.later`), and that anchors stay who live on it is a welfare term, worth so much an impression up to
    what they live on (T1 and T5, `Mechanism.staying`).

    An edge counts v_e + later_j for the objective; GMV in rules counts the same. At ``discount`` 0 fans count nothing.
    """

    discount: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        within("discount", self.discount, 0.0, 1.0, "the worth of a later period over this one")

    def stated(self, view: View) -> Objective:
        """The objective of a period with a term for every mechanism that lets anchors go."""
        terms = self.objective
        for mechanism in view.world.mechanisms:
            found = mechanism.staying(view, self.discount)
            if found is not None and found[0].any():
                price, level = found
                weights = np.where(price > 0, price, LEAST * price.max())
                terms = terms + CappedUtility(np.where(price > 0, level, 0.0), weights=weights)
        return terms

    def valued(self, view: View) -> Platform:
        """The platform of a period at the values that count."""
        platform, later = view.platform, self.later(view)
        if not later.any():
            return platform
        added = later[view.places][platform.anchor]
        return replace(platform, value=platform.value + added.astype(platform.value.dtype))

    def later(self, view: View) -> FloatArray:
        """What one more impression of each anchor is worth in later periods, (A,)."""
        total = np.zeros(view.world.platform.anchor_count)
        for mechanism in view.world.mechanisms:
            worth = mechanism.later(view, self.discount)
            if worth is not None:
                total = total + worth
        return total
