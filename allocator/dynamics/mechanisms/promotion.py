"""Paid promotion: teams with capital buy exposure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, positive, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Promotion(Mechanism):
    """A team with capital K spends a part of it each period on impressions at a price, from all its segments alike, and
    earns a margin of what it sells.

    At most a part of every segment is for sale; where teams ask for more, they share it in proportion.

    Parameters
    ----------
    price : float > 0
        Currency per impression. Assumption.
    spent : float in [0, 1]
        Part of its capital that a team offers in a period. Assumption.
    for_sale : float in [0, 1]
        Part of the supply that may be bought. Assumption.
    margin : float in [0, 1]
        Part of GMV that becomes capital. Assumption.
    capital : float >= 0, or (A,)
        Currency at the start; those who come later start with nothing. Assumption.
    """

    price: float = 0.5
    spent: float = 0.1
    for_sale: float = 0.1
    margin: float = 0.05
    capital: ArrayLike = 0.0

    def __post_init__(self) -> None:
        positive("price", self.price, "what a bought impression costs, currency")
        within("spent", self.spent, 0.0, 1.0, "the part of its capital that a team offers")
        within("for_sale", self.for_sale, 0.0, 1.0, "the part of the supply that may be bought")
        within("margin", self.margin, 0.0, 1.0, "the part of GMV that becomes capital")
        within("capital", self.capital, 0.0, math.inf, "a team's money at the start, currency", many=True)

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length."""
        for_anchors(platform, "capital", self.capital)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Capital, and what the platform has earned so far."""
        return {"capital": for_anchors(platform, "capital", self.capital), "promotion_income": np.zeros(())}

    def bought(self, view: View) -> FloatArray:
        """What teams buy, (E,)."""
        platform, state = view.world.platform, view.state
        reach = view.reach
        offer = self.spent * state["capital"] * state["present"] / self.price
        part = np.divide(offer, reach, out=np.zeros(reach.size), where=reach > 0)
        asked = view.supply[platform.segment] * part[platform.anchor]
        wanted, most = platform.into_segments(asked), self.for_sale * view.supply
        scale = np.divide(most, wanted, out=np.ones(most.size), where=wanted > most)
        return asked * scale[platform.segment]

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Capital after buying and selling, and the platform's income."""
        paid = self.price * outcome.bought
        capital = np.maximum(state["capital"] - paid, 0.0) + self.margin * outcome.gmv
        return {"capital": capital, "promotion_income": state["promotion_income"] + paid.sum()}

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Impressions bought in the period, what was paid for them, and the capital of all teams."""
        bought = float(outcome.bought.sum())
        return {"bought": bought, "promotion": self.price * bought, "capital": float(state["capital"].sum())}
