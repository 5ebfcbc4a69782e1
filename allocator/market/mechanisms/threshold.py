"""Without attention nothing sells (B5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.parameters import within
from allocator.market.mechanism import MarketMechanism, Standing

if TYPE_CHECKING:
    from allocator.market.member import Member


FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold(MarketMechanism):
    """Where viewers stay for less than ``least`` nothing is sold, whatever the traffic and to whom it goes: why
    Facebook and Instagram closed live shopping (s1: October and March). The threshold is an assumption, in the unit of
    members' ``session``.
    """

    least: float

    def __post_init__(self) -> None:
        within("least", self.least, 0.0, math.inf, "how long viewers must stay for anything to be sold")

    def selling(self, now: Standing, member: Member) -> FloatArray | None:
        """Nothing, or all, (A,)."""
        return np.zeros(member.platform.anchor_count) if member.session < self.least else None
