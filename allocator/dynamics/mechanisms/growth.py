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
from allocator.graph import Platform


@dataclass(frozen=True, eq=False)
class Growth(Mechanism):
    """S' = S + g S (1 - S / S_max), segment by segment: S is a segment's supply over that of the start, and ``ceiling``
    the largest there can be. With rivals there is one attention for all (s3: "1.4 bn people"): their traffic R grows
    likewise, and S + R takes the place of S in the bracket.

    Parameters
    ----------
    rate : float >= 0
        g a period. Viewers of live streams grew from 344 M (2016) to 703 M (2021), 15.4 % a year (SCMP), which is
        .00039 a day at first.
    ceiling : float > 0
        S_max over the supply of the start. Assumption.
    rivals : float >= 0
        R at the start, traffic of other platforms over that of this one. None by default; an assumption otherwise.
    their_rate : float >= 0, optional
        g of the rivals; that of the platform by default. Assumption.

    Notes
    -----
    Derived here (P10): while supply grows by the part G = g (1 - S / S_max), a floor that takes a part f of all of it
    leaves (1 - f)(1 + G) of yesterday's traffic to all others, more than before iff f < G / (1 + G). Where nothing
    grows any more every floor is taken from somebody. With rivals ln S grows by g and ln R by g' times the same bracket
    (in small steps), so that (S / S_0)^(1 / g) = (R / R_0)^(1 / g') all the time: at one rate shares stay what they
    are, and who grows faster takes more of what is left, until all is taken; nobody loses what it has as
    long as there is room.
    """

    rate: float = 0.00039
    ceiling: float = 2.0
    rivals: float = 0.0
    their_rate: float | None = None

    def __post_init__(self) -> None:
        within("rate", self.rate, 0.0, math.inf, "by what part traffic grows in a period at first")
        positive("ceiling", self.ceiling, "the most traffic there can be, over that of the start")
        within("rivals", self.rivals, 0.0, math.inf, "traffic of other platforms at the start, over that of this one")
        if self.their_rate is not None:
            within(
                "their_rate", self.their_rate, 0.0, math.inf, "by what part their traffic grows in a period at first"
            )

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Traffic of rivals, segment by segment."""
        return {"rival_demand": np.full((platform.segment_count, 1), self.rivals)} if self.rivals else {}

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Demand at the end of the period, and that of rivals."""
        demand = state["demand"]
        theirs = state["rival_demand"][:, 0] if self.rivals else np.zeros(())
        room = 1.0 - (demand + theirs) / self.ceiling
        grown = {"demand": np.maximum(demand + self.rate * demand * room, 0.0)}
        if self.rivals:
            rate = self.rate if self.their_rate is None else self.their_rate
            grown["rival_demand"] = np.maximum(theirs + rate * theirs * room, 0.0)[:, None]
        return grown
