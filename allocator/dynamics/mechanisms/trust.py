"""Trust that erodes as anchors sell too hard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, positive_part, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trust(Mechanism):
    """T' = T + r (1 - T) - d T s^gamma, where s is how much of its time an anchor sells; an impression sells s T of its
    value, and earns the anchor w (1 - s) T from advertising (s3).

    Parameters
    ----------
    intensity : float in [0, 1], or (A,)
        s.
    recovery : float in (0, 1]
        r, the part of lost trust that comes back in a period. Assumption.
    erosion : float in [0, 1]
        d, the part of trust that selling all the time destroys in a period: large for platforms of genuine content,
        small for shops (s3). Assumption; the largest intensity may not leave less than no trust.
    power : float > 1
        gamma. Assumption.
    advertising : float >= 0
        w, currency of an impression in full trust that sells nothing. None by default.

    Notes
    -----
    Derived here (T6): at rest T = r / (r + d s^gamma), so that sales s T are largest where s^gamma = r / (d (gamma -
    1)), with T = (gamma - 1) / gamma. With advertising an impression earns (s + w (1 - s)) T, and from w = 1 times its
    value on not to sell is best (P8).
    """

    intensity: ArrayLike = 0.5
    recovery: float = 0.1
    erosion: float = 0.4
    power: float = 2.0
    advertising: float = 0.0

    def __post_init__(self) -> None:
        within("intensity", self.intensity, 0.0, 1.0, "how much of its time an anchor sells", many=True)
        positive_part("recovery", self.recovery, "the part of lost trust that comes back in a period")
        within("erosion", self.erosion, 0.0, 1.0, "the part of trust that selling all the time destroys")
        within("power", self.power, 1.0, math.inf, "how sharply erosion rises with selling")
        within("advertising", self.advertising, 0.0, math.inf, "what an impression earns that sells nothing, currency")

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length."""
        for_anchors(platform, "intensity", self.intensity)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """All are trusted."""
        return {"trust": np.ones(platform.anchor_count)}

    def factor(self, view: View) -> FloatArray:
        """The part of its value that an impression sells, (A,)."""
        return for_anchors(view.world.platform, "intensity", self.intensity) * self._trusted(view.state)

    @staticmethod
    def _trusted(state: State) -> FloatArray:
        """Trust, which is full in who has just come, (A,)."""
        return np.where(state["age"] == 0, state["present"], state["trust"])

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Trust at the end of the period."""
        selling = for_anchors(outcome.view.world.platform, "intensity", self.intensity)
        trust = self._trusted(state)
        trust = trust + self.recovery * (1.0 - trust) - self.erosion * trust * selling**self.power
        return {"trust": np.clip(trust, 0.0, 1.0)}

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Mean trust by traffic, and what advertising earned anchors in the period."""
        view, exposure = outcome.view, outcome.exposure
        idle = 1.0 - for_anchors(view.world.platform, "intensity", self.intensity)
        trust = self._trusted(view.state)
        trusted, earned = float((trust * exposure).sum()), self.advertising * float((idle * trust * exposure).sum())
        return {"trust": trusted / (float(exposure.sum()) or 1.0), "advertising": earned}
