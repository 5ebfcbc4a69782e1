"""Newcomers: many fail within the very first few months."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.closed_forms import best_floor, survival
from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import positive, whole, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where

FloatArray = NDArray[np.float64]


def of_tier(platform: Platform, tier: str) -> NDArray[np.bool_]:
    """Who is of a tier, (A,): nobody where anchors have none."""
    tiers = platform.anchors.get("tier")
    return np.zeros(platform.anchor_count, dtype=bool) if tiers is None else tiers == tier


@dataclass(frozen=True, eq=False)
class Newcomers(Mechanism):
    """A newcomer with e public impressions a period leaves within a month with probability
    m / (1 + (w e / nu)^k), and in a period of it with the probability that makes this in a month.

    w is what an impression leaves to the anchor, as `Arrivals` sets it (1 for who was there at the start), and e an
    average over the last periods. Who has stayed for ``probation`` periods stays for good.

    Parameters
    ----------
    viable : float > 0, optional
        nu, impressions a period that an anchor lives on; half the median even exposure by default. Assumption.
    hazard : float in [0, 1]
        m, the part of those without impressions who leave in a month: .206 gives a median of three months, .3 of 1.9
        ("many fail within the very first few months", s2). Assumption.
    power : float > 0
        k; above 1 a little traffic hardly helps. Assumption.
    month : int
        Periods of a month.
    memory : int
        Periods over which exposure is averaged, by exponential weights once there are as many. Assumption.
    probation : int
        Periods after which nobody is new any more. Assumption.
    where : mask, ids or "attribute=value"
        Who is new at the start; ``tier=new`` where anchors have tiers, and nobody else.
    worth : float >= 0
        What a newcomer who stays is worth to the platform, currency: what `Patient` policies pay for. Assumption.

    Notes
    -----
    Derived here (T5): over n months S(x) = (1 - m / (1 + (x / nu)^k))^n stay. Survivors per impression, (S(x) - S(0)) /
    x, are most where the tangent from (0, S(0)) touches; see `allocator.dynamics.closed_forms.best_floor`.
    """

    viable: float | None = None
    hazard: float = 0.3
    power: float = 2.0
    month: int = 30
    memory: int = 30
    probation: int = 180
    where: Where = "tier=new"
    worth: float = 0.0

    def __post_init__(self) -> None:
        if self.viable is not None:
            positive("viable", self.viable, "impressions a period that an anchor lives on")
        within("hazard", self.hazard, 0.0, 1.0, "the part of those without impressions who leave in a month")
        positive("power", self.power, "how sharply survival rises with traffic")
        for name, meaning in (
            ("month", "periods of a month"),
            ("memory", "periods over which exposure is averaged"),
            ("probation", "periods after which nobody is new"),
        ):
            whole(name, getattr(self, name), 1, meaning)
        within("worth", self.worth, 0.0, math.inf, "what a newcomer who stays is worth, currency")

    def check(self, platform: Platform) -> None:
        """Refuse anchors who do not exist."""
        self._new(platform)

    def _new(self, platform: Platform) -> NDArray[np.bool_]:
        """Who is new at the start, (A,): nobody where no anchor has a tier, or none is new."""
        if isinstance(self.where, str) and self.where == Newcomers.where:
            return of_tier(platform, "new")
        return anchors_where(platform, self.where)

    def lives_on(self, platform: Platform) -> float:
        """nu, impressions / period."""
        if self.viable is not None:
            return self.viable
        even = platform.even_amounts("exposure")
        return 0.5 * float(np.median(even[even > 0])) if even.any() else 1.0

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who is new, with no traffic so far, and all of what an impression brings; and what an anchor lives on."""
        count = platform.anchor_count
        stocks = {"newcomer": self._new(platform), "average": np.zeros(count), "wage": np.ones(count)}
        return stocks | {"lives_on": np.array(self.lives_on(platform))}

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who is still there, who is still new, and average exposures, at the end of the period."""
        draws = rng.random(outcome.exposure.size)
        age = state["age"] + 1.0
        average = state["average"] + (outcome.exposure - state["average"]) / np.minimum(age, self.memory)
        who = np.flatnonzero(state["newcomer"] > 0)
        living = average[who] * state["wage"][who] / float(state["lives_on"])
        stays = survival(living, hazard=self.hazard, power=self.power, months=1.0 / self.month)
        present = np.array(state["present"])
        present[who[draws[who] >= stays]] = 0.0
        new = state["newcomer"] * (age < self.probation)
        return {"present": present, "newcomer": new, "average": average}

    def staying(self, view: View, discount: float) -> tuple[FloatArray, FloatArray] | None:
        """What an impression is worth because newcomers who live on it stay, currency, and up to how many are, each
        (A,): ``worth`` times the survival of a month that the best floor buys, spread over it (T5). Nobody sees
        beforehand what an impression leaves to an anchor, so it counts as all.
        """
        if self.worth == 0.0:
            return None
        curve = {"hazard": self.hazard, "power": self.power, "months": 1.0}
        star = best_floor(**curve) if self.power > 1.0 else 1.0
        bought = float(survival(star, **curve) - survival(0.0, **curve))
        level = star * float(view.state["lives_on"])
        price = self.worth * discount**self.month * bought / (level * self.month)
        return price * view.state["newcomer"] * view.state["present"], np.full(view.present.size, level)

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Newcomers at the end of the period, and how many left in it."""
        was = outcome.view.state["newcomer"] > 0
        gone = was & (outcome.view.state["present"] > state["present"])
        return {"newcomers": float((state["newcomer"] * state["present"]).sum()), "newcomers_left": float(gone.sum())}
