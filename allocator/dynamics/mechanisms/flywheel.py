"""The fan flywheel: public impressions make fans, fans bring private impressions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Audience, Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, positive_part, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
SHORT_VIDEO = 0.2
"""Faster fan growth of live anchors who also post short videos (s4)."""


@dataclass(frozen=True, eq=False)
class Flywheel(Mechanism):
    """F' = (1 - mu) F + kappa (1 + subsidy)(1 + .2 short_video) e, and z = a F private impressions a period.

    e are all public impressions of the anchor in the period; new fans act from the next one on. A private impression
    is worth ``efficiency`` times what an impression of the anchor's whole audience is worth on average, that is what
    public ones sell under an even flow (s4: "more than four times"); where the policy finds better pairs, public ones
    sell more than that. The values of edges hold what fans among public viewers buy. Both are assumptions.

    Parameters
    ----------
    decay : float in (0, 1]
        mu, the part of fans lost in a period; .03 a day is a half-life of 22.8 days. Assumption.
    conversion : float >= 0, or (A,)
        kappa, fans per public impression. The default makes 70 % of traffic public in the steady state (s4), which
        takes a kappa / mu = 3 / 7.
    visits : float >= 0
        a, private impressions per fan and period. Assumption; only a kappa matters.
    efficiency : float >= 0
        GMV of a private impression over that of a public one of the same anchor (s4).
    subsidy : float >= 0
        More fans per impression by red envelopes. None by default.
    short_video : float in [0, 1], or (A,)
        Part of anchors, or whether an anchor, posts short videos too: 20 % faster fan growth (s4).

    Notes
    -----
    Derived here (T2): an impression makes kappa fans, who bring a kappa (1 - mu)^(s - 1) private impressions s periods
    later, so that together they are worth v 4 a kappa d / (1 - d (1 - mu)) at the discount factor d, if the anchor
    stays: an assumption where anchors leave.
    """

    decay: float = 0.03
    conversion: ArrayLike = 0.03 * 3 / 7
    visits: float = 1.0
    efficiency: float = 4.0
    subsidy: float = 0.0
    short_video: ArrayLike = 0.0

    def __post_init__(self) -> None:
        positive_part("decay", self.decay, "the part of fans lost in a period")
        within("conversion", self.conversion, 0.0, math.inf, "fans per public impression", many=True)
        within("visits", self.visits, 0.0, math.inf, "private impressions per fan and period")
        within("efficiency", self.efficiency, 0.0, math.inf, "GMV of a private impression over a public one")
        within("subsidy", self.subsidy, 0.0, math.inf, "the part by which subsidies raise fan growth")
        within("short_video", self.short_video, 0.0, 1.0, "the part of anchors who post short videos", many=True)

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length."""
        for_anchors(platform, "conversion", self.conversion)
        for_anchors(platform, "short_video", self.short_video)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Fans as the platform's anchors have them (attribute ``fans``), none without it."""
        return {"fans": platform.anchors.get("fans", np.zeros(platform.anchor_count))}

    def fans_per_impression(self, platform: Platform) -> FloatArray:
        """kappa with subsidies and short videos, (A,)."""
        each = np.asarray(self.conversion) * (1.0 + self.subsidy) * (1.0 + SHORT_VIDEO * np.asarray(self.short_video))
        return np.broadcast_to(each, platform.anchor_count)

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Fans at the end of the period."""
        platform = outcome.view.world.platform
        return {"fans": (1.0 - self.decay) * state["fans"] + self.fans_per_impression(platform) * outcome.exposure}

    def private(self, view: View) -> tuple[FloatArray, FloatArray]:
        """z = a F, and what it sells."""
        return self.visits * view.state["fans"], self.per_fan(view) * view.state["fans"]

    def per_fan(self, view: View) -> FloatArray:
        """What a fan buys in a period, (A,), currency."""
        return self.visits * self.efficiency * view.world.mean_value * view.selling

    def audience(self, view: View) -> Audience:
        """Fans."""
        made = self.fans_per_impression(view.world.platform)
        return Audience(view.state["fans"], 1.0 - self.decay, made, self.per_fan(view))

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Fans of all anchors at the end of the period."""
        return {"fans": float(state["fans"].sum())}
