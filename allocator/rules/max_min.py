"""Max-min fairness: the welfare of the worst-off anchor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where, positive
from allocator.rules.nearest import Nearest
from allocator.rules.permutahedron import pooled
from allocator.rules.rows import Rows
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MaxMin(Welfare):
    """min over anchors with positive reach of y_j / m_j, merits m_j > 0 (1 by default).

    ``where`` (None, mask, "attribute=value" or ids) says which anchors are looked at.

    Conjugate of p with weight lam (derived here): split y_j = m_j z + r_j with z = min y/m and r >= 0, and m_j = 0 for
    anchors that are not looked at. Then lam z - p.y = z (lam - m.p) - p.r; dropping anchors with p_j > 0 from r and
    bounding z by min R/m gives sum R_j max(0, -p_j) + min(R/m) max(0, lam - sum m_j max(0, p_j)).
    """

    merit: Any = field(default=None, kw_only=True)
    where: Where = field(default=None, kw_only=True)

    def bind(self, platform: Platform) -> Self:
        merit, where = positive(platform, self.merit, "merits"), anchors_where(platform, self.where)
        return replace(super().bind(platform), merit=merit, where=where)

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Anchors with reach that are looked at, (n,)."""
        return np.flatnonzero((self.reach > 0) & self.where)

    @cached_property
    def m(self) -> FloatArray:
        return self.merit[self.active]

    @cached_property
    def _most(self) -> float:
        """The largest minimum there can be, min R/m (0 where nobody has any reach)."""
        return float((self.reach[self.active] / self.m).min()) if self.active.size else 0.0

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map in z = y / m (n,): the whole weight is the worst-off anchor's."""
        weights = np.zeros(q.size)
        weights[:1] = step * self.weight
        found = pooled(q, weights)
        return Nearest.in_logs(found.amounts, q, found.mean, 1.0 / found.count[found.pool], found.pool)

    def worth(self, z: FloatArray) -> float:
        """The term at z (n,)."""
        return self.weight * float(z.min()) if z.size else 0.0

    def value(self, totals: Totals) -> FloatArray:
        return np.array([self.worth(totals.of(self.of)[self.active] / self.m)])

    def size(self, totals: Totals) -> float:
        return float(self.value(totals)[0])

    def level(self, totals: Totals) -> float:
        return self.size(totals) / self.weight

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        p, lam = multipliers[self.active], self.weight
        short = lam - float((self.m * np.maximum(0.0, p)).sum())
        # The second and third summand cancel: they only make the rounding allowance count the difference above.
        corner = self._most * np.array([max(0.0, short), lam, -lam])
        return np.concatenate((self.reach * np.maximum(0.0, -multipliers), corner))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """Non-negative and, weighed by merit, of sum at most the weight."""
        p = np.maximum(marginals[self.of][self.active], 0.0)
        total = float((self.m * p).sum())
        return self.to_all(p * min(1.0, self.weight / total) if total > 0 else p)

    def supergradient(self, totals: Totals) -> FloatArray:
        p = np.zeros(self.reach.size)
        if self.active.size:
            worst = self.active[np.argmin(totals.of(self.of)[self.active] / self.m)]
            p[worst] = self.weight / self.merit[worst]
        return p

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        if not self.active.size:
            return 0, []
        worth = self.weight * totals.unit(self.of)[self.active] / self.m / totals.currency
        return cp.min(cp.multiply(worth, totals.of(self.of)[self.active])), []

    @property
    def rows(self) -> Rows:
        from scipy.sparse import csr_array

        n, k = self.reach.size, np.arange(self.active.size)
        pick = csr_array((1.0 / self.m, (k, self.active)), shape=(k.size, n))
        if not k.size:  # nobody to speak for, and a free level would be unbounded
            return Rows({self.of: pick}, np.zeros(0), np.zeros(0))
        level = csr_array((-np.ones(k.size), (k, np.zeros_like(k))), shape=(k.size, 1))
        return Rows({self.of: pick}, np.zeros(k.size), np.full(k.size, np.inf), level, np.array([self.weight]))
