"""Product subsidies: for a while the platform pays a part of the price of some anchors' products."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.mechanisms.phases import Phases, afforded, by_phase, check_phases, left_of, phase_at
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Products(Mechanism):
    """In phases a part of what anchors sell in public traffic is of subsidised products: 1 + ``value`` times as much of
    it is sold, of which the platform pays the part ``share_of_sales`` (s4: Super Link, A4 in time).

    Once the budget is spent nothing is subsidised; in the period in which it is, all anchors get the same part of what
    they would have.

    Parameters
    ----------
    phases : sequence of (first period, number of periods)
    part : float in [0, 1], or one for each phase and anchor (P, A)
        Of an anchor's public sales, which are of subsidised products. Assumption.
    value : float >= 0
        sigma; .1 is an assumption.
    share_of_sales : float in [0, 1]
        Assumption: a little more than is gained at once, .11 of plain sales for .1.
    budget : float >= 0, optional
        Currency for all phases together (s4: products of 1 bn RMB); no limit by default.
    """

    phases: Phases = ((0, 30),)
    part: ArrayLike = 1.0
    value: float = 0.1
    share_of_sales: float = 0.1
    budget: float | None = None

    def __post_init__(self) -> None:
        check_phases(self.phases)
        within("part", self.part, 0.0, 1.0, "the part of public sales that is of subsidised products", many=True)
        within("value", self.value, 0.0, math.inf, "by what part more subsidised products sell")
        within("share_of_sales", self.share_of_sales, 0.0, 1.0, "the part of subsidised sales that the platform pays")
        if self.budget is not None:
            within("budget", self.budget, 0.0, math.inf, "money for products, currency")

    def check(self, platform: Platform) -> None:
        """Refuse parts of another shape."""
        by_phase(platform, self.phases, "part", self.part)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Nothing is paid."""
        return {"products_paid": np.zeros(())}

    def subsidised(self, view: View) -> FloatArray | None:
        """The part of each anchor's public sales that is subsidised while there is money, (A,); None out of phases."""
        phase, left = phase_at(self.phases, view.period), self._left(view.state)
        if phase is None or left == 0.0:
            return None
        return by_phase(view.world.platform, self.phases, "part", self.part)[phase]

    def _left(self, state: State) -> float:
        return left_of(self.budget, state["products_paid"])

    def premium(self, view: View, sold: FloatArray | None = None) -> FloatArray | None:
        """Factor on what public impressions sell, (A,)."""
        part = self.subsidised(view)
        if part is None:
            return None
        if sold is not None:
            part = part * afforded(self._cost(part, sold), self._left(view.state))
        return 1.0 + self.value * part

    def _cost(self, part: FloatArray, sold: FloatArray) -> float:
        return self.share_of_sales * (1.0 + self.value) * float((part * sold).sum())

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """What has been paid by the end of the period."""
        part = self.subsidised(outcome.view)
        if part is None:
            return {}
        asked, left = self._cost(part, outcome.base_gmv), self._left(outcome.view.state)
        return {"products_paid": state["products_paid"] + min(asked, left)}

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """What products have cost so far, currency."""
        return {"products_paid": float(state["products_paid"])}
