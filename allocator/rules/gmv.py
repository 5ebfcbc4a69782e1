"""Gross merchandise volume, the linear term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from allocator.rules.rule import Marginals, Totals, Welfare

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GMV(Welfare):
    """GMV of all anchors, sum of v_e x_e, in currency. It has no multipliers: its marginal is its weight everywhere."""

    of: str = field(default="gmv", init=False, repr=False)

    @property
    def name(self) -> str:
        return "GMV"

    @property
    def shape(self) -> None:
        return None

    def value(self, totals: Totals) -> FloatArray:
        return self.weight * totals.of("gmv")

    def size(self, totals: Totals) -> float:
        return float(self.value(totals).sum())

    def marginals(self, multipliers: None) -> Marginals:
        return {"gmv": np.full(self.platform.anchor_count, self.weight)}

    def conjugate(self, multipliers: None) -> FloatArray:
        return np.zeros(0)

    def fit(self, marginals: Mapping[str, FloatArray]) -> None:
        return None

    def supergradient(self, totals: Totals) -> None:
        return None
