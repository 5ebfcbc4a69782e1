"""Long sessions at low prices: what they sell, and what is left of it to the anchors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, positive, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sessions(Mechanism):
    """Anchors who stream ``hours`` times as long as usual and sell at a price that is cut by the part c: sales grow by
    hours^r (1 - c)^(1 - e), and of a price p the part m - c is left to the anchor (s4: "ultra-long live-streaming").

    Parameters
    ----------
    hours : float > 0, or (A,)
    response : float in [0, 1]
        r: further hours find fewer buyers. Assumption.
    cut : float in [0, 1), or (A,)
        c. Assumption.
    elasticity : float >= 0
        e, by what part more pieces are sold per part of the price that is cut. Assumption.
    margin : float in [0, 1]
        m, of the usual price. Assumption.
    wage : float >= 0
        What an hour's effort costs, over usual sales in usual hours, of those of the period. Assumption.

    Notes
    -----
    Derived here: (1 - c)^(-e) times as many pieces are sold at 1 - c times the price, and leave (1 - c)^(-e) (m - c).
    At c = 0 sales change by e - 1 and what is left by e m - 1 per part cut: for 1 < e < 1 / m GMV rises and what is
    left falls. Likewise hours pay until m r hours^(r - 1) = wage, beyond which GMV rises and what is left falls.
    """

    hours: ArrayLike = 1.0
    response: float = 0.5
    cut: ArrayLike = 0.0
    elasticity: float = 2.0
    margin: float = 0.3
    wage: float = 0.0

    def __post_init__(self) -> None:
        positive("hours", self.hours, "how long anchors stream, over what is usual", many=True)
        within("response", self.response, 0.0, 1.0, "how sales answer to hours")
        within("cut", self.cut, 0.0, 1.0, "the part of the price that is cut", many=True)
        if (np.asarray(self.cut) == 1.0).any():
            raise ValueError("cut is the part of the price that is cut, below 1: nothing is sold for nothing")
        within("elasticity", self.elasticity, 0.0, math.inf, "how sales answer to prices")
        within("margin", self.margin, 0.0, 1.0, "the part of the usual price that is left to the anchor")
        within("wage", self.wage, 0.0, math.inf, "what an hour costs, over usual sales")

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length."""
        for_anchors(platform, "hours", self.hours)
        for_anchors(platform, "cut", self.cut)

    def factor(self, view: View) -> FloatArray:
        """How much more an impression sells, (A,)."""
        platform = view.world.platform
        hours, price = for_anchors(platform, "hours", self.hours), 1.0 - for_anchors(platform, "cut", self.cut)
        return hours**self.response * price ** (1.0 - self.elasticity)

    def left(self, outcome: Outcome) -> FloatArray:
        """What is left to each anchor of what it sells, less what its hours cost, (A,), currency."""
        platform = outcome.view.world.platform
        hours, cut = for_anchors(platform, "hours", self.hours), for_anchors(platform, "cut", self.cut)
        usual = outcome.gmv / self.factor(outcome.view)
        return outcome.gmv * (self.margin - cut) / (1.0 - cut) - self.wage * hours * usual

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """What is left to all anchors of the period."""
        return {"margins": float(self.left(outcome).sum())}
