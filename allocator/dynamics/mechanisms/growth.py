"""Growth of traffic up to a ceiling: what there is to hand out rises, and at some point does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import positive, within
from allocator.dynamics.state import State


@dataclass(frozen=True, eq=False)
class Growth(Mechanism):
    """S' = S + g S (1 - S / S_max), segment by segment: D is a segment's supply over that of the start, and ``ceiling``
    the largest there can be.

    Parameters
    ----------
    rate : float >= 0
        g a period. Viewers of live streams grew from 344 M (2016) to 703 M (2021), 15.4 % a year (SCMP), which is
        .00039 a day at first.
    ceiling : float > 0
        S_max over the supply of the start. Assumption.

    Notes
    -----
    Derived here (P10): while supply grows by the part G = g (1 - S / S_max), a floor that takes a part f of all of it
    leaves (1 - f)(1 + G) of yesterday's traffic to all others, more than before iff f < G / (1 + G). Where nothing
    grows any more every floor is taken from somebody.
    """

    rate: float = 0.00039
    ceiling: float = 2.0

    def __post_init__(self) -> None:
        within("rate", self.rate, 0.0, math.inf, "by what part traffic grows in a period at first")
        positive("ceiling", self.ceiling, "the most traffic there can be, over that of the start")

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Demand at the end of the period."""
        demand = state["demand"]
        return {"demand": np.maximum(demand + self.rate * demand * (1.0 - demand / self.ceiling), 0.0)}
