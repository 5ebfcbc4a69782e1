"""Starvation: who gets less than it lives on leaves, at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where

FloatArray = NDArray[np.float64]
ROUNDING = 1e-9
"""Relative shortfall that counts as none."""


@dataclass(frozen=True, eq=False)
class Starvation(Mechanism):
    """An anchor whose public impressions of a period are below ``viable`` leaves at its end (the tail of T1).

    Parameters
    ----------
    viable : float >= 0
        nu, impressions a period that an anchor lives on.
    where : mask, ids or "attribute=value"
        Who starves, as in `allocator.Floor`; everybody by default.
    worth : float >= 0
        What an anchor who stays is worth to the platform, currency a period: what `Patient` policies pay for. For the
        tail of T1 it is lam d rho (1 - xi) S v / (1 - d), see `allocator.dynamics.closed_forms.insurance`. Assumption.
    """

    viable: float
    where: Where = None
    worth: float = 0.0

    def __post_init__(self) -> None:
        within("viable", self.viable, 0.0, math.inf, "impressions a period that an anchor lives on")
        within("worth", self.worth, 0.0, math.inf, "what an anchor who stays is worth, currency a period")

    def check(self, platform: Platform) -> None:
        """Refuse anchors who do not exist."""
        anchors_where(platform, self.where)

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who is there at the end of the period."""
        starved = outcome.exposure < self.viable * (1.0 - ROUNDING)
        starved &= outcome.view.world.anchors_where(self.where)
        return {"present": np.where(starved, 0.0, state["present"])}

    def staying(self, view: View, discount: float) -> tuple[FloatArray, FloatArray] | None:
        """``worth`` spread over what an anchor lives on, currency an impression, and what it lives on, each (A,)."""
        if self.worth == 0.0 or self.viable == 0.0:
            return None
        who = view.world.anchors_where(self.where) & view.present
        return self.worth / self.viable * who, np.full(who.size, self.viable)
