"""Utility that saturates: every anchor counts up to a level and no further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import per_anchor, positive
from allocator.rules.nearest import Nearest
from allocator.rules.rows import Rows
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CappedUtility(Welfare):
    """sum of c_j min(y_j, u_j): what an anchor has beyond ``cap`` u_j counts for nothing.

    ``cap`` is a level as `Cap` takes it, ``weights`` c_j > 0 (1 by default). The conjugate of p is the largest of the
    values at 0, min(u, R) and R, anchor by anchor, because the term is piecewise linear.
    """

    cap: Any
    weights: Any = field(default=None, kw_only=True)

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        cap = per_anchor(platform, self.cap, of=self.of, neutral=0.0, what=f"the cap of {self.name}")
        return replace(bound, cap=cap, weights=positive(platform, self.weights, "welfare weights"))

    @cached_property
    def c(self) -> FloatArray:
        """Weights of all anchors, times the weight of the term."""
        return self.weight * self.weights

    @cached_property
    def u(self) -> FloatArray:
        """Levels up to which an amount counts."""
        return np.minimum(self.cap, self.reach)

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map (n,): logarithms rise by step c, but not beyond that of the level that counts."""
        level = np.log(np.maximum(self.u[self.active], np.finfo(float).tiny))
        raised = np.minimum(q + step * self.c[self.active], np.maximum(level, q))
        moves = (raised != level) | (q == level)
        return Nearest.where(raised, q, moves)

    def value(self, totals: Totals) -> FloatArray:
        return self.c * np.minimum(totals.of(self.of), self.u)

    def size(self, totals: Totals) -> float:
        return float(self.value(totals).sum())

    def level(self, totals: Totals) -> float:
        """The equal amount that would be worth as much: bisection on a piecewise linear function."""
        wanted, low, high = self.size(totals), 0.0, float(self.u.max(initial=0.0))
        for _ in range(100):
            middle = 0.5 * (low + high)
            enough = float((self.c * np.minimum(middle, self.u)).sum()) >= wanted
            low, high = (low, middle) if enough else (middle, high)
        return high

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        most = self.c * self.u
        at_cap, at_reach = most - multipliers * self.u, most - multipliers * self.reach
        return np.maximum(0.0, np.maximum(at_cap, at_reach))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """Nothing is ever worth less than nothing or more than its weight."""
        return np.clip(marginals[self.of], np.where(self.u < self.reach, 0.0, self.c), self.c)

    def supergradient(self, totals: Totals) -> FloatArray:
        return np.where((totals.of(self.of) < self.u) | (self.u >= self.reach), self.c, 0.0)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        unit = totals.unit(self.of)
        counted = cp.minimum(totals.of(self.of), self.u / unit)
        return cp.sum(cp.multiply(self.c * unit / totals.currency, counted)), []

    @property
    def rows(self) -> Rows:
        from scipy.sparse import csr_array, eye_array, vstack

        n = self.reach.size
        same = eye_array(n, format="csr")
        counted = csr_array(vstack([same * -1.0, same]))
        return Rows(
            {self.of: csr_array(vstack([same, csr_array((n, n))]))},
            np.concatenate((np.zeros(n), np.full(n, -np.inf))),
            np.concatenate((np.full(n, np.inf), self.u)),
            counted,
            self.c,
        )
