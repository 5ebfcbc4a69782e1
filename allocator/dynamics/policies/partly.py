"""A platform that guides a part of its traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace

from allocator.dynamics.parameters import within
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.view import View
from allocator.dynamics.world import World


@dataclass(frozen=True, eq=False)
class Partly(Policy):
    """A part of every segment's supply is handed out as ``policy`` says, which sees no more than that; the rest is left
    to viewers (`Herding`), and goes unused where the world does not say where they go.

    What the policy proves it proves of its part: shares are of what it hands out, and a floor in impressions is kept
    by guided traffic alone, whatever viewers find by themselves.
    """

    policy: Policy
    part: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise TypeError(f"a part is handed out by a policy such as Optimal(), not {self.policy!r}")
        within("part", self.part, 0.0, 1.0, "the part of the supply that is handed out")

    def check(self, world: World) -> None:
        """Refuse what the policy refuses."""
        self.policy.check(world)

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        return self.policy(replace(view, supply=self.part * view.supply))
