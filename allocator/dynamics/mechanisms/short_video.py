"""Short videos that lead viewers to live rooms, for anchors whose content is good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, positive, positive_part, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShortVideo(Mechanism):
    """Videos make an anchor known: W' = (1 - omega) W + videos (g - g*) for content of quality g above g*, and nothing
    below ("increased investment and reduced returns", s4). An impression of a live room is worth 1 + theta W / (W + W0)
    times as much to those who know the anchor.

    A tool that writes videos lifts the quality of those below g* by ``uplift`` (1 - ``sameness``), as what comes from
    templates is alike. Derived here (P2): it brings someone of quality g above the threshold iff sameness < 1 -
    (g* - g) / uplift.

    Parameters
    ----------
    quality : float >= 0, or (A,)
        g. Assumption; that the spread of GMV grows with videos needs g that does not fall with appeal.
    threshold : float >= 0
        g*. Assumption.
    videos : float >= 0
        A period and anchor. Assumption.
    cost : float >= 0
        Currency of a video. Assumption.
    forgetting : float in (0, 1]
        omega, the part of awareness lost in a period. Assumption.
    lift : float >= 0
        theta, how much more an impression is worth to those who know all. Assumption.
    half : float > 0
        W0, awareness at which half of that is reached. Assumption.
    uplift, sameness : float
        Of the tool; none by default.
    """

    quality: ArrayLike = 1.0
    threshold: float = 0.5
    videos: float = 1.0
    cost: float = 0.0
    forgetting: float = 0.1
    lift: float = 0.6
    half: float = 5.0
    uplift: float = 0.0
    sameness: float = 0.0

    def __post_init__(self) -> None:
        for name, meaning in (
            ("quality", "how good an anchor's content is"),
            ("threshold", "quality from which on videos help"),
            ("videos", "videos of a period and anchor"),
            ("cost", "what a video costs, currency"),
            ("lift", "how much more an impression is worth to those who know the anchor"),
            ("uplift", "what a tool adds to quality"),
        ):
            within(name, getattr(self, name), 0.0, math.inf, meaning, many=name == "quality")
        within("sameness", self.sameness, 0.0, 1.0, "the part of a tool's help that is lost as its videos are alike")
        positive_part("forgetting", self.forgetting, "the part of awareness lost in a period")
        positive("half", self.half, "awareness at which half of the lift is reached")

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length."""
        for_anchors(platform, "quality", self.quality)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Nobody is known."""
        return {"awareness": np.zeros(platform.anchor_count), "video_costs": np.zeros(())}

    def above(self, platform: Platform) -> FloatArray:
        """Quality above the threshold, with the tool's help, (A,)."""
        quality = for_anchors(platform, "quality", self.quality)
        helped = quality + self.uplift * (1.0 - self.sameness) * (quality < self.threshold)
        return np.maximum(helped - self.threshold, 0.0)

    def factor(self, view: View) -> FloatArray:
        """How much more an impression is worth, (A,)."""
        known = view.state["awareness"]
        return 1.0 + self.lift * known / (known + self.half)

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Awareness at the end of the period, and what videos have cost so far."""
        added = self.videos * self.above(outcome.view.world.platform) * state["present"]
        spent = self.cost * self.videos * float(state["present"].sum())
        kept = (1.0 - self.forgetting) * state["awareness"]
        return {"awareness": kept + added, "video_costs": state["video_costs"] + spent}

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """What videos have cost so far, currency."""
        return {"video_costs": float(state["video_costs"])}
