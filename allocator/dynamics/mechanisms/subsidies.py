"""Subsidies for fans that come and go, and what anchors unlearn meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.mechanisms.flywheel import Flywheel
from allocator.dynamics.parameters import whole, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subsidies(Mechanism):
    """Phases in which red envelopes bring b times as many fans again as an impression makes by itself (s4: half of a
    merchant's new fans, so b = 1), while a part of the work is left to tools: own skill K becomes
    K + l (1 - tools)(1 - K) - w tools K. An impression is worth K of its value.

    Subsidised fans are counted apart: they leave at their own rate and buy their own part of what other fans buy.

    Parameters
    ----------
    phases : sequence of (first period, number of periods)
    strength : float >= 0
        b (s4).
    decay : float in [0, 1], optional
        mu_s, the part of subsidised fans lost in a period; that of `Flywheel` by default. Assumption.
    buying : float in [0, 1]
        What a subsidised fan buys over what another does; 1 is an assumption.
    cost : float >= 0
        Currency of a subsidised fan. Assumption.
    tools : float in [0, 1]
        The part of the work that is left to tools in a phase. None by default.
    learning, forgetting : float in [0, 1]
        l and w a period. Assumptions.

    Notes
    -----
    Derived here (T10): at constant exposure and mu_s = mu, t periods after a phase of D there are b (1 - (1 - mu)^D)
    (1 - mu)^t times as many fans beyond those of rest as rest has.
    """

    phases: Sequence[tuple[int, int]] = ((0, 30),)
    strength: float = 1.0
    decay: float | None = None
    buying: float = 1.0
    cost: float = 0.0
    tools: float = 0.0
    learning: float = 0.02
    forgetting: float = 0.02

    needs: ClassVar[tuple[str, ...]] = ("fans",)

    def __post_init__(self) -> None:
        for first, length in self.phases:
            whole("the first period of a phase", first, 0, "a period")
            whole("the length of a phase", length, 1, "periods")
        within("strength", self.strength, 0.0, math.inf, "fans by subsidies over those without")
        if self.decay is not None:
            within("decay", self.decay, 0.0, 1.0, "the part of subsidised fans lost in a period")
        within("buying", self.buying, 0.0, 1.0, "what a subsidised fan buys over what another does")
        within("cost", self.cost, 0.0, math.inf, "what a subsidised fan costs, currency")
        within("tools", self.tools, 0.0, 1.0, "the part of the work that is left to tools")
        within("learning", self.learning, 0.0, 1.0, "the part of missing skill that own work brings in a period")
        within("forgetting", self.forgetting, 0.0, 1.0, "the part of skill that is lost in a period of tools")

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """No subsidised fans, full skill, nothing paid."""
        count = platform.anchor_count
        return {"subsidised_fans": np.zeros(count), "unlearned": np.zeros(count), "subsidies_paid": np.zeros(())}

    def on(self, period: int) -> bool:
        """Whether a period is subsidised."""
        return any(first <= period < first + length for first, length in self.phases)

    def factor(self, view: View) -> FloatArray:
        """K, (A,)."""
        return 1.0 - view.state["unlearned"]

    def private(self, view: View) -> tuple[FloatArray, FloatArray]:
        """Impressions of subsidised fans, and what these sell."""
        flywheel, fans = view.world.mechanism(Flywheel), view.state["subsidised_fans"]
        return flywheel.visits * fans, self.buying * flywheel.per_fan(view) * fans

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Subsidised fans, skill that is lost, and money spent, at the end of the period."""
        world, on = outcome.view.world, self.on(state.period)
        flywheel = world.mechanism(Flywheel)
        decay = flywheel.decay if self.decay is None else self.decay
        came = on * self.strength * flywheel.fans_per_impression(world.platform) * outcome.exposure
        tools, unlearned = on * self.tools, state["unlearned"]
        unlearned = unlearned - self.learning * (1.0 - tools) * unlearned + self.forgetting * tools * (1.0 - unlearned)
        return {
            "subsidised_fans": (1.0 - decay) * state["subsidised_fans"] + came,
            "unlearned": unlearned,
            "subsidies_paid": state["subsidies_paid"] + self.cost * came.sum(),
        }

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Subsidised fans and what they have cost so far."""
        paid = float(state["subsidies_paid"])
        return {"subsidised_fans": float(state["subsidised_fans"].sum()), "subsidies_paid": paid}
