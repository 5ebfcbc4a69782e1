"""Events: days on which more viewers come, and on which the platform adds traffic for some anchors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism
from allocator.dynamics.mechanisms.phases import Phases, check_phases, phase_at
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State
from allocator.graph import Platform
from allocator.subsidies import MARK

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Events(Mechanism):
    """In phases, supply is ``surge`` times what it is otherwise, and segments that were added by `allocator.subsidise`
    for some anchors have the part ``subsidised`` of their supply; outside of all phases these have none.

    Parameters
    ----------
    phases : sequence of (first period, number of periods)
    surge : float >= 0, or one for each phase (P,)
        More than 1: shoppers come for the event; less than 1: they have bought already. Assumption.
    subsidised : float in [0, 1], or one for each phase (P,)
    """

    phases: Phases = ((0, 3),)
    surge: ArrayLike = 1.0
    subsidised: ArrayLike = 1.0

    def __post_init__(self) -> None:
        check_phases(self.phases)
        within("surge", self.surge, 0.0, math.inf, "supply in a phase over that of other periods", many=True)
        within("subsidised", self.subsidised, 0.0, 1.0, "the part of subsidised supply that is there", many=True)
        for name, value in (("surge", self.surge), ("subsidised", self.subsidised)):
            if np.ndim(value) and np.shape(value) != (len(self.phases),):
                raise ValueError(f"{name} has {np.size(value)} entries; it needs one per phase, {len(self.phases)}")

    def traffic(self, state: State, platform: Platform) -> FloatArray | float | None:
        """Factor on the supply of a period, (S,)."""
        phase = phase_at(self.phases, state.period)
        surge, part = 1.0, 0.0
        if phase is not None:
            surge, part = (np.broadcast_to(v, len(self.phases))[phase] for v in (self.surge, self.subsidised))
        if MARK not in platform.segments:
            return None if phase is None else float(surge)
        return np.where(platform.segments[MARK], part, surge)
