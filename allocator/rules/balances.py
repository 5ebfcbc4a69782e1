"""What head caps and caps of indices keep non-negative: concave functions of the amounts, homogeneous of degree one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.rules.gini import Ranked, Support, gini_weights
from allocator.rules.nearest import Nearest
from allocator.rules.rows import Rows
from allocator.rules.tangents import amounts, spread, tangent_rows
from allocator.rules.totals import Totals

FloatArray = NDArray[np.float64]
FLAT = 1e-10
"""How far above 1 / n an index is taken to be, at least, when marginals are asked for their weight."""


@dataclass(frozen=True, eq=False)
class HeadBalance(Ranked):
    """share Y - sum of the ``count`` largest."""

    count: int
    share: float

    def rank_weights(self, n: int) -> FloatArray:
        return self.share - (np.arange(n) >= n - self.count)


@dataclass(frozen=True, eq=False)
class IndexBalance(Ranked):
    """mean (1 - Gini) - (1 - coefficient) mean."""

    coefficient: float

    def rank_weights(self, n: int) -> FloatArray:
        return gini_weights(n) - (1.0 - self.coefficient) / max(n, 1)


@dataclass(frozen=True, eq=False)
class NormBalance(Support):
    """sqrt(level) Y - |y| over anchors with positive reach: the smallest (sqrt(level) - z) . y over |z| <= 1."""

    index: float
    plain: ClassVar[bool] = True

    @property
    def root(self) -> float:
        return math.sqrt(self.index)

    def value(self, totals: Totals) -> FloatArray:
        y = totals.of(self.of)[self.active]
        return self.weight * np.array([self.root * float(y.sum()), -math.sqrt(float((y * y).sum()))])

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map (n,): what root adds, shrunk towards 0 by the step (the norm's own proximal map)."""
        moved, step = q + step * self.weight * self.root, step * self.weight
        norm = math.sqrt(float((moved * moved).sum()))
        kept = max(0.0, 1.0 - step / norm) if norm > 0 else 0.0

        def derivative(direction: FloatArray) -> FloatArray:
            if kept == 0.0:
                return np.zeros_like(direction)
            return kept * direction + step / norm**3 * float((moved * direction).sum()) * moved

        z = kept * moved
        return Nearest(z, z - q, derivative, np.full(q.size, kept))

    def worth(self, z: FloatArray) -> float:
        """The function at z (n,)."""
        return self.weight * (self.root * float(z.sum()) - math.sqrt(float((z * z).sum())))

    def _pi(self, p: FloatArray) -> FloatArray:
        z = self.root - p[self.active] / self.weight
        return self.weight * (self.root - z / max(1.0, math.sqrt(float((z * z).sum()))))

    def weight_of(self, raw: FloatArray) -> float:
        """The weight mu whose ball of marginals, of centre mu root and radius mu, has the raw ones deepest inside.

        Derived here: with sum s and square a of n marginals the distance to the centre less the radius is convex in
        mu, sqrt(a - 2 root s mu + root^2 n mu^2) - mu, and its derivative is zero at the answer.
        """
        p, n = raw[self.active], self.active.size
        size = float(np.abs(p).max(initial=0.0))
        if size == 0:
            return 0.0
        s, a = float((p / size).sum()), float(((p / size) ** 2).sum())
        bent = math.sqrt(max(n * a - s * s, 0.0) / max(self.root * self.root * n - 1.0, FLAT))
        return max(0.0, s + bent) * size / (self.root * n) / self.weight

    def tangents(self, near: Sequence[Totals]) -> Rows:
        """|y| is the smallest (T + sum y_j^2 / T) / 2, with T a variable of its own (derived here: at T = |y|)."""
        y = amounts(near, self.of, self.active)
        norm = np.sqrt((y * y).sum(axis=1))
        ratio = spread(y / np.where(norm > 0, norm, 1.0)[:, None])
        cost = self.weight * np.append(np.full(ratio.shape[1], self.root), -0.5)
        slope, of_total = -self.weight * ratio, 0.5 * self.weight * ratio**2
        return tangent_rows(self.of, self.reach, slope, of_total, 0.0 * slope, free=cost)

    def supergradient(self, totals: Totals) -> FloatArray:
        y = totals.of(self.of)[self.active]
        norm = math.sqrt(float((y * y).sum()))
        return self.to_all(self.weight * (self.root - (y / norm if norm > 0 else 0.0)))

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        if not self.active.size:
            return 0, []
        y, unit = self.copies(totals)
        return (self.weight * unit / totals.currency) * (self.root * cp.sum(y) - cp.norm(y, 2)), []
