"""Welfare of how a total is divided: target shares, entropy and concentration, times the total, which makes them
concave.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import positive
from allocator.rules.rows import Rows
from allocator.rules.tangents import amounts, spread, tangent_rows
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
NOISE = 2.0**-44
"""Part of the total below which a divergence is rounding."""
LEAST = 1e-9
"""Share, relative to its target, to which smaller ones are raised where marginals are asked for."""


@dataclass(frozen=True, eq=False)
class Divided(Welfare):
    """Y f(y / Y) with the total Y over anchors with positive reach and f concave on the simplex.

    Homogeneous of degree one, so its conjugate over 0 <= Y <= B is B max(0, L(p)) with L(p) = max over the simplex of
    f(s) - p.s.
    """

    @cached_property
    def total(self) -> float:
        """B, the largest total there can be."""
        return self.platform.total_of(self.of)

    @abstractmethod
    def worth(self, y: FloatArray) -> FloatArray:
        """Summands (n,) of the term at amounts y (n,) >= 0 of the active anchors, currency."""

    @abstractmethod
    def best(self, p: FloatArray) -> tuple[float, FloatArray, float]:
        """L at marginals p (n,) of the active anchors, the shares (n,) that attain it, and the size of what was added
        to find it; currency per unit of the total.
        """

    @abstractmethod
    def slopes(self, shares: FloatArray) -> FloatArray:
        """Marginals (n,) at shares (n,): f'_j + f - s.f', in currency per unit."""

    @abstractmethod
    def turn(self, shares: FloatArray, direction: FloatArray) -> FloatArray:
        """Minus the derivative of the best shares in a direction of marginals, (n,)."""

    @abstractmethod
    def touch(self, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives of every summand by its amount and by the total at shares (k, n) >= 0, which need not add up to
        one.
        """

    def tangents(self, near: Sequence[Totals]) -> Rows:
        y = np.maximum(amounts(near, self.of, self.active), 0.0)
        total = y.sum(axis=1)
        slope, of_total = self.touch(spread(y / np.where(total > 0, total, 1.0)[:, None]))
        return tangent_rows(self.of, self.reach, slope, of_total, 0.0 * slope)

    def amounts(self, totals: Totals) -> FloatArray:
        """Amounts (n,) of the active anchors."""
        return np.maximum(totals.of(self.of)[self.active], 0.0)

    def shares(self, totals: Totals) -> FloatArray:
        y = self.amounts(totals)
        return y / (y.sum() or 1.0)

    def value(self, totals: Totals) -> FloatArray:
        y = self.amounts(totals)
        # The last two cancel: near even shares the term is a difference of what is as large as the total.
        total = self.weight * float(y.sum())
        return np.concatenate((self.worth(y), [total, -total]))

    def size(self, totals: Totals) -> float:
        """Nothing at shares that are even but for rounding."""
        y = self.amounts(totals)
        size = float(np.abs(self.worth(y)).sum())
        return size if size > NOISE * self.weight * float(y.sum()) else 0.0

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        if not self.active.size:
            return np.zeros(1)
        best, _, size = self.best(multipliers[self.active])
        return self.total * np.array([max(0.0, best), size, -size])

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """Marginals raised together until L <= 0: the conjugate vanishes, and no impression is worth more than before
        by more than that fell.
        """
        raw = marginals[self.of][self.active]
        return self.to_all(raw + max(0.0, self.best(raw)[0]) if raw.size else raw)

    def supergradient(self, totals: Totals) -> FloatArray:
        return self.to_all(self.slopes(self.shares(totals)))


@dataclass(frozen=True, eq=False)
class TargetShares(Divided):
    """-sum y_j ln(y_j / (t_j Y)): minus the Kullback-Leibler divergence of the shares from a target, times the total.

    ``target`` (number, (A,) array or mapping of ids; > 0) is normalised over the anchors with positive reach.
    L(p) = lam ln sum t_j exp(-p_j / lam) with the weight lam, attained at shares in proportion to t_j exp(-p_j / lam).
    """

    target: Any = None

    @property
    def name(self) -> str:
        alike = self.target is None or (not isinstance(self.target, str | Mapping) and np.ptp(self.target) == 0)
        return f"{'Entropy' if alike else 'TargetShares'} of {self.of}"

    def bind(self, platform: Platform) -> Self:
        return replace(super().bind(platform), target=positive(platform, self.target, "target shares"))

    @cached_property
    def t(self) -> FloatArray:
        """Target shares of the active anchors (n,)."""
        chosen = self.target[self.active]
        return chosen / chosen.sum()

    def worth(self, y: FloatArray) -> FloatArray:
        ratio = y / ((y.sum() or 1.0) * self.t)
        return -self.weight * y * np.log(np.where(y > 0, ratio, 1.0))

    def level(self, totals: Totals) -> float:
        """The mean amount times exp(-divergence): as many equal anchors as the shares are worth."""
        y = self.amounts(totals)
        total = float(y.sum())
        divergence = -float(self.worth(y).sum()) / (self.weight * total) if total > 0 else 0.0
        return total / max(y.size, 1) * float(np.exp(-divergence))

    def best(self, p: FloatArray) -> tuple[float, FloatArray, float]:
        exponent = -p / self.weight
        # Small marginals keep their digits beside 1; of large ones the largest is taken out of the exponential.
        top = 0.0 if np.abs(exponent).max() <= 1.0 else float((exponent + np.log(self.t)).max())
        grown = self.t * np.expm1(exponent - top)
        shares = grown + self.t
        size = float((np.abs(p) * shares).sum() / shares.sum()) + (self.weight if top else 0.0)
        return self.weight * (top + float(np.log1p(grown.sum()))), shares / shares.sum(), size

    def turn(self, shares: FloatArray, direction: FloatArray) -> FloatArray:
        return shares * (direction - float((shares * direction).sum())) / self.weight

    def slopes(self, shares: FloatArray) -> FloatArray:
        return -self.weight * np.log(np.maximum(shares / self.t, LEAST))

    def touch(self, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        shares = np.maximum(shares, LEAST * self.t)
        return self.slopes(shares) - self.weight, self.weight * shares

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        if not self.active.size:
            return 0, []
        amounts, unit = self.copies(totals)
        # cp.rel_entr(x, y) is x ln(x / y); the total stands in every second argument.
        divergence = cp.sum(cp.rel_entr(amounts, cp.multiply(self.t, cp.sum(amounts) * np.ones(self.t.size))))
        return -(self.weight * unit / totals.currency) * divergence, []


def Entropy(**options: Any) -> TargetShares:
    """-sum y_j ln(n y_j / Y): `TargetShares` with equal targets."""
    return TargetShares(**options)


@dataclass(frozen=True, eq=False)
class Concentration(Divided):
    """-sum y_j^2 / Y: minus the Herfindahl-Hirschman index of the shares, times the total.

    L(p) = max over the simplex of -p.s - lam |s|^2: a projection of -p / (2 lam) on the simplex.
    """

    def worth(self, y: FloatArray) -> FloatArray:
        return -self.weight * y * (y / (y.sum() or 1.0))

    def level(self, totals: Totals) -> float:
        """The mean amount over n HHI: as many equal anchors as the shares are worth."""
        shares = self.shares(totals)
        total, index = float(totals.of(self.of)[self.active].sum()), float((shares**2).sum())
        return total / (max(shares.size, 1) ** 2 * index) if index > 0 else 0.0

    def best(self, p: FloatArray) -> tuple[float, FloatArray, float]:
        shares = on_simplex(-p / (2 * self.weight))
        index = self.weight * float((shares**2).sum())
        return -float((p * shares).sum()) - index, shares, float((np.abs(p) * shares).sum()) + index

    def turn(self, shares: FloatArray, direction: FloatArray) -> FloatArray:
        held = shares > 0
        centred = direction - direction.mean(where=held)
        return np.where(held, centred, 0.0) / (2.0 * self.weight)

    def slopes(self, shares: FloatArray) -> FloatArray:
        return self.weight * (float((shares**2).sum()) - 2.0 * shares)

    def touch(self, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
        return -2.0 * self.weight * shares, self.weight * shares**2

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        if not self.active.size:
            return 0, []
        amounts, unit = self.copies(totals)
        return -(self.weight * unit / totals.currency) * cp.quad_over_lin(amounts, cp.sum(amounts)), []


def on_simplex(point: FloatArray) -> FloatArray:
    """The nearest point of the simplex (Held, Wolfe and Crowder 1974)."""
    point = point - point.max()  # moves nothing, and far points keep the digits that matter
    ranked = np.sort(point)[::-1]
    excess = (np.cumsum(ranked) - 1.0) / np.arange(1, point.size + 1)
    return np.maximum(point - excess[np.flatnonzero(ranked > excess)[-1]], 0.0)
