"""One policy after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from allocator.dynamics.parameters import whole
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.view import View
from allocator.dynamics.world import World


@dataclass(frozen=True, eq=False)
class Phased(Policy):
    """Phases of so many periods, each with its policy, and what comes after them: evenness as a phase (P3) is
    ``Phased([(50, Even(0.6))], Even(0.0))``. Each policy starts without memory of the others.
    """

    phases: Sequence[tuple[int, Policy]]
    after: Policy

    def __post_init__(self) -> None:
        for length, _ in self.phases:
            whole("the length of a phase", length, 1, "periods")
        for policy in self._policies:
            if not isinstance(policy, Policy):
                raise TypeError(f"a phase has a policy such as Even(0.6), not {policy!r}")

    @property
    def _policies(self) -> list[Policy]:
        return [*(policy for _, policy in self.phases), self.after]

    def check(self, world: World) -> None:
        """Refuse what any of the policies refuses."""
        for policy in self._policies:
            policy.check(world)

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        ends = np.cumsum([length for length, _ in self.phases])
        number = int(np.searchsorted(ends, view.period, side="right"))
        phase, memory = view.memory or (number, None)
        decision = self._policies[number](replace(view, memory=memory if phase == number else None))
        return replace(decision, memory=(number, decision.memory))
