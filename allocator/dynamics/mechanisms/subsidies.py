"""Subsidies for fans that come and go, and what anchors unlearn meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Audience, Mechanism, Outcome
from allocator.dynamics.mechanisms.flywheel import Flywheel
from allocator.dynamics.mechanisms.phases import Phases, afforded, by_phase, check_phases, left_of, phase_at
from allocator.dynamics.parameters import positive_part, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subsidies(Mechanism):
    """Phases in which red envelopes bring b times as many fans again as an impression makes by itself (s4: half of a
    merchant's new fans, so b = 1), while a part of the work is left to tools: own skill K becomes
    K + l (1 - tools)(1 - K) - w tools K. An impression is worth K of its value.

    Subsidised fans are counted apart: they leave at their own rate and buy their own part of what other fans buy. Once
    the budget is spent none come; in the period in which it is, all anchors get the same part of what they would have.

    Parameters
    ----------
    phases : sequence of (first period, number of periods)
    strength : float >= 0, or one for each phase and anchor (P, A)
        b (s4).
    decay : float in (0, 1], optional
        mu_s, the part of subsidised fans lost in a period; that of `Flywheel` by default. Assumption.
    buying : float in [0, 1]
        What a subsidised fan buys over what another does; 1 is an assumption.
    cost : float >= 0
        Currency of a subsidised fan. Assumption.
    budget : float >= 0, optional
        Currency for all phases together (s4: red envelopes of 2 bn RMB); no limit by default.
    tools : float in [0, 1]
        The part of the work that is left to tools in a phase. None by default.
    learning, forgetting : float in [0, 1]
        l and w a period. Assumptions.

    Notes
    -----
    Derived here (T10): at constant exposure and mu_s = mu, t periods after a phase of D there are b (1 - (1 - mu)^D)
    (1 - mu)^t times as many fans beyond those of rest as rest has.
    """

    phases: Phases = ((0, 30),)
    strength: ArrayLike = 1.0
    decay: float | None = None
    buying: float = 1.0
    cost: float = 0.0
    budget: float | None = None
    tools: float = 0.0
    learning: float = 0.02
    forgetting: float = 0.02

    needs: ClassVar[tuple[str, ...]] = ("fans",)

    def __post_init__(self) -> None:
        check_phases(self.phases)
        within("strength", self.strength, 0.0, math.inf, "fans by subsidies over those without", many=True)
        if self.decay is not None:
            positive_part("decay", self.decay, "the part of subsidised fans lost in a period")
        within("buying", self.buying, 0.0, 1.0, "what a subsidised fan buys over what another does")
        within("cost", self.cost, 0.0, math.inf, "what a subsidised fan costs, currency")
        if self.budget is not None:
            within("budget", self.budget, 0.0, math.inf, "money for subsidised fans, currency")
        within("tools", self.tools, 0.0, 1.0, "the part of the work that is left to tools")
        within("learning", self.learning, 0.0, 1.0, "the part of missing skill that own work brings in a period")
        within("forgetting", self.forgetting, 0.0, 1.0, "the part of skill that is lost in a period of tools")

    def check(self, platform: Platform) -> None:
        """Refuse strengths of another shape."""
        by_phase(platform, self.phases, "strength", self.strength)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """No subsidised fans, full skill, nothing paid."""
        count = platform.anchor_count
        return {"subsidised_fans": np.zeros(count), "unlearned": np.zeros(count), "subsidies_paid": np.zeros(())}

    def factor(self, view: View) -> FloatArray:
        """K, (A,)."""
        return 1.0 - view.state["unlearned"]

    def private(self, view: View) -> tuple[FloatArray, FloatArray]:
        """Impressions of subsidised fans, and what these sell."""
        flywheel, fans = view.world.mechanism(Flywheel), view.state["subsidised_fans"]
        return flywheel.visits * fans, self.buying * flywheel.per_fan(view) * fans

    def audience(self, view: View) -> Audience:
        """Subsidised fans, as if there were always the money for them."""
        flywheel, platform = view.world.mechanism(Flywheel), view.world.platform
        decay, phase = flywheel.decay if self.decay is None else self.decay, phase_at(self.phases, view.period)
        strength = 0.0 if phase is None else by_phase(platform, self.phases, "strength", self.strength)[phase]
        makes = strength * flywheel.fans_per_impression(platform)
        return Audience(view.state["subsidised_fans"], 1.0 - decay, makes, self.buying * flywheel.per_fan(view))

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Subsidised fans, skill that is lost, and money spent, at the end of the period."""
        audience, paid = self.audience(outcome.view), state["subsidies_paid"]
        came = audience.makes * outcome.exposure
        asked, left = self.cost * float(came.sum()), left_of(self.budget, paid)
        on, unlearned = phase_at(self.phases, state.period) is not None, state["unlearned"]
        tools = on * self.tools
        unlearned = unlearned - self.learning * (1.0 - tools) * unlearned + self.forgetting * tools * (1.0 - unlearned)
        return {
            "subsidised_fans": audience.kept * state["subsidised_fans"] + came * afforded(asked, left),
            "unlearned": unlearned,
            "subsidies_paid": np.minimum(paid + min(asked, left), math.inf if self.budget is None else self.budget),
        }

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Subsidised fans and what they have cost so far."""
        paid = float(state["subsidies_paid"])
        return {"subsidised_fans": float(state["subsidised_fans"].sum()), "subsidies_paid": paid}
