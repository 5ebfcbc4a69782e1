"""Starvation: who gets less than it lives on leaves, at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State
from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where

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
    """

    viable: float
    where: Where = None

    def __post_init__(self) -> None:
        within("viable", self.viable, 0.0, math.inf, "impressions a period that an anchor lives on")

    def check(self, platform: Platform) -> None:
        """Refuse anchors who do not exist."""
        anchors_where(platform, self.where)

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who is there at the end of the period."""
        starved = outcome.exposure < self.viable * (1.0 - ROUNDING)
        starved &= outcome.view.world.anchors_where(self.where)
        return {"present": np.where(starved, 0.0, state["present"])}
