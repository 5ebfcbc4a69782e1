"""What a rule asks for beside what a flow has of it, level by level, in the order of the rule's shadow prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform

FloatArray = NDArray[np.float64]
FELT = 1e-6
"""Part of the objective's size that a price must be worth, over all that its level is measured by, to be felt."""
REACHED = 0.01
"""Distance from a level, relative to it, beyond which it is not what stops the flow: its price is noise of a solver."""
TOGETHER = "all anchors together"


@dataclass(frozen=True, eq=False)
class Stated:
    """K levels as people wrote them.

    Attributes
    ----------
    kind : {"anchor", "group", "segment", "all"}
        Whom each level is for; with "anchor" there is one per anchor (K = A), with "segment" one per segment (K = S).
    names : (K,)
        Ids of anchors or segments, words for the rest.
    level, amount : (K,)
        What is asked, and what the flow has, in ``unit``.
    at_most : bool or (K,) of bool
        Whether the level is a cap.
    unit : str
        ``impressions``, the currency, an edge measure, ``share``, or the name of an index or a welfare.
    size : (K,)
        What the objective is spread over in that unit: a price times it compares with the objective.
    members : (K, A) of bool, optional
        Who belongs to each group.
    proportional : bool
        Whether a level of zero asks for nothing, so that price x level says what hangs on the level.
    """

    kind: str
    names: NDArray
    level: FloatArray
    amount: FloatArray
    at_most: bool | NDArray[np.bool_]
    unit: str
    size: FloatArray
    members: NDArray[np.bool_] | None = None
    proportional: bool = True

    @classmethod
    def single(cls, level: float, amount: float, *, at_most: bool, unit: str, where: str = TOGETHER) -> Self:
        """One level for everybody, of an index that does not grow with the platform."""
        one = np.ones(1)
        return cls("all", np.array([where]), level * one, amount * one, at_most, unit, one)

    def where(self, k: int) -> str:
        """Level k's anchor, group or segment, in words."""
        name = str(self.names[k])
        return f"{self.kind} {name}" if self.kind in ("anchor", "segment") else name

    def bound(self, k: int) -> str:
        """How level k limits its amount, in words."""
        return "at most" if np.broadcast_to(self.at_most, self.level.shape)[k] else "at least"

    def row(self, k: int) -> dict[str, Any]:
        """Level k as plain data."""
        return {
            "kind": self.kind,
            "where": self.where(k),
            "bound": self.bound(k),
            "level": float(self.level[k]),
            "amount": float(self.amount[k]),
            "unit": self.unit,
        }

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Which levels ask for something, (K,): caps that are finite, and floors but for a zero that asks nothing."""
        at_most = np.broadcast_to(self.at_most, self.level.shape)
        return np.where(at_most, self.level < np.inf, (self.level != 0) | (not self.proportional))

    def felt(self, prices: FloatArray, scale: float, gap: float) -> NDArray[np.bool_]:
        """Which levels are felt (K,): reached, or broken, and of a price (K,) that matters in an objective of the size
        ``scale``, known up to ``gap``, both in currency.
        """
        room = np.where(self.at_most, self.level - self.amount, self.amount - self.level)
        at_level = ~(room > REACHED * np.maximum(np.abs(self.level), np.abs(self.amount)))
        if not scale > 0:
            return (prices != 0) & at_level
        worth = np.abs(prices) * np.where(self.size > 0, self.size, 1.0)
        return (worth > max(FELT * scale, gap)) & at_level

    def concerning(self, anchor: int, segments: NDArray[np.integer]) -> NDArray[np.int64]:
        """Levels that speak of one anchor, which has edges from these segments."""
        if self.kind == "anchor":
            return np.array([anchor] if self.asked[anchor] else [], dtype=np.int64)
        if self.kind == "segment":
            return np.unique(segments).astype(np.int64)
        return np.arange(self.level.size) if self.members is None else np.flatnonzero(self.members[:, anchor])


def unit_of(platform: Platform, good: str) -> str:
    """The unit in which a good is counted."""
    return {"exposure": "impressions", "gmv": platform.currency}.get(good, good)
