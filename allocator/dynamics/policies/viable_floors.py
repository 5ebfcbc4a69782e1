"""Fewer floors on which newcomers can live, by lot, instead of many that help nobody (T5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.closed_forms import best_floor
from allocator.dynamics.mechanisms import Newcomers
from allocator.dynamics.parameters import positive, within
from allocator.dynamics.policies.optimal import Optimal
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.view import View
from allocator.dynamics.world import World
from allocator.rules import Floor


@dataclass(frozen=True, eq=False)
class ViableFloors(Policy):
    """A part of the supply is a budget of newcomers' impressions: as many of them as it can pay have a floor of x*,
    drawn by lot, as long as they are new and there; the rest of the traffic goes as ``otherwise`` says.

    Parameters
    ----------
    budget : float in [0, 1]
        Part of the supply.
    months : float > 0
        Over how many months survival counts: x* grows with them.
    floor : float > 0, optional
        Over what a newcomer lives on, in place of x*: the smaller, the more of them have one.
    otherwise : Optimal
        The objective and further rules.

    Notes
    -----
    Whose segments have less than the floor takes no part. Draws are kept: who has a floor keeps it until it has grown
    up or left, and only free floors are drawn anew. What an impression leaves to an anchor nobody sees beforehand, so
    floors are those on which one lives to whom it leaves all.
    """

    budget: float
    months: float = 1.0
    floor: float | None = None
    otherwise: Optimal = field(default_factory=Optimal)

    def __post_init__(self) -> None:
        within("budget", self.budget, 0.0, 1.0, "the part of the supply for newcomers")
        positive("months", self.months, "months over which survival counts")
        if self.floor is not None:
            positive("floor", self.floor, "a floor over what a newcomer lives on")
        if not isinstance(self.otherwise, Optimal):
            raise TypeError(f"otherwise is a policy that optimises, such as Optimal(), not {self.otherwise!r}")

    def check(self, world: World) -> None:
        """Refuse a world without newcomers, and what the rest of the policy refuses."""
        if world.mechanism(Newcomers) is None:
            raise ValueError("ViableFloors is for worlds with Newcomers; add them to the world's mechanisms")
        self.otherwise.check(world)

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        held, memory = view.memory or (np.zeros(view.present.size, dtype=bool), None)
        winners, level = self._winners(view, held)
        policy = self.otherwise
        if winners.any() and level > 0:
            policy = replace(policy, rules=[*policy.rules, Floor(level, where=winners)])
        decision = policy(replace(view, memory=memory))
        return replace(decision, memory=(winners, decision.memory))

    def _winners(self, view: View, held: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
        """Who has a floor, (A,), and how large it is, impressions / period."""
        draws, newcomers = view.rng.random(held.size), view.world.mechanism(Newcomers)
        star = self.floor or best_floor(hazard=newcomers.hazard, power=newcomers.power, months=self.months)
        level = star * float(view.state["lives_on"])
        new = (view.state["newcomer"] > 0) & view.present & (view.reach >= level)
        winners, slots = held & new, int(self.budget * float(view.supply.sum()) / level * (1.0 + 1e-9))
        order = np.flatnonzero(new & ~winners)
        order = order[np.argsort(draws[order], kind="stable")]
        winners[order[: max(slots - int(winners.sum()), 0)]] = True
        return winners, level
