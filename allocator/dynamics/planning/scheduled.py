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
    """The flows (H, E) of a plan, period by period, to those who are there; where only a part of a segment's supply may
    be handed out, that part of them, and then nothing is proved.

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
        platform, whole = view.world.platform, view.world.supply(view.state)
        flow = self.flows[view.period] * view.present[platform.anchor]
        if np.array_equal(view.supply, whole):
            return Decision(flow, self.relative_gap)
        part = np.divide(view.supply, whole, out=np.zeros_like(whole), where=whole > 0)
        return Decision(flow * part[platform.segment])

    def __repr__(self) -> str:
        return f"Scheduled({len(self.flows)} periods)"
