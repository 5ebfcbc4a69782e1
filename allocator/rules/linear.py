"""Terms that are linear in the amounts of one good, gross merchandise volume first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.rules.rule import Marginals
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear(Welfare):
    """What all anchors have of a good together. It has no multipliers: its marginal is its weight everywhere."""

    @property
    def shape(self) -> None:
        return None

    def value(self, totals: Totals) -> FloatArray:
        return self.weight * totals.of(self.of)

    def size(self, totals: Totals) -> float:
        return float(self.value(totals).sum())

    def marginals(self, multipliers: None) -> Marginals:
        return {self.of: np.full(self.platform.anchor_count, self.weight)}

    def conjugate(self, multipliers: None) -> FloatArray:
        return np.zeros(0)

    def fit(self, marginals: Mapping[str, FloatArray]) -> None:
        return None

    def supergradient(self, totals: Totals) -> None:
        return None

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        return (self.weight / totals.currency * totals.unit(self.of)) @ totals.of(self.of), []


@dataclass(frozen=True, eq=False)
class GMV(Linear):
    """GMV of all anchors, sum of v_e x_e, in currency."""

    of: str = field(default="gmv", init=False, repr=False)

    @property
    def name(self) -> str:
        return "GMV"
