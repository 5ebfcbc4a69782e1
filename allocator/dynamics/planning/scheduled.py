"""Flows that were decided beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.view import View
from allocator.dynamics.world import World

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Scheduled(Policy):
    """The flows (H, E) of a plan, period by period, to those who are there.

    ``relative_gap`` is what is proved of the plan.
    """

    flows: FloatArray
    relative_gap: float | None = None

    def check(self, world: World) -> None:
        """Refuse a world with other edges."""
        edges = world.platform.edge_count
        if np.shape(self.flows)[1:] != (edges,):
            raise ValueError(f"flows have shape {np.shape(self.flows)}; this world needs (periods, {edges})")

    def __call__(self, view: View) -> Decision:
        """Play the plan."""
        if view.period >= len(self.flows):
            raise ValueError(f"a plan of {len(self.flows)} periods has none for period {view.period}; plan for more")
        return Decision(self.flows[view.period] * view.present[view.world.platform.anchor], self.relative_gap)

    def __repr__(self) -> str:
        return f"Scheduled({len(self.flows)} periods)"
