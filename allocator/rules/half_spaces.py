"""Constraints that are a few linear rows over the anchors' amounts, each with one multiplier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.rules.constraint import Constraint, Violation, dearest
from allocator.rules.rows import Rows
from allocator.rules.rule import Marginals
from allocator.rules.stated import TOGETHER, Stated, unit_of
from allocator.rules.totals import Totals

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """K rows  coefficients @ amounts of a good >= level.

    Attributes
    ----------
    coefficients : (K, A) scipy sparse array
    level : (K,)
    most : (K,)
        Upper estimates of -coefficients @ amounts where the row holds: -level, or less where the reach is less.
    per_level : (K,)
        How the row's level moves with the level that people wrote: -1 for a cap, 1 for a floor.
    shares : (K,) of bool
        Whether that level is a share of the total of the good.
    unit : (K,)
        What an excess is compared with; of the total where the level is a share.
    names : (K,) of str
    """

    coefficients: Any
    level: FloatArray
    most: FloatArray
    per_level: FloatArray
    shares: NDArray[np.bool_]
    unit: FloatArray
    names: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class HalfSpaces(Constraint):
    """Rows over the amounts of one good, with multipliers mu (K,) >= 0: marginals mu @ coefficients.

    Conjugate: where coefficients @ y >= level, -mu . coefficients @ y <= -mu . level.
    """

    @cached_property
    def sides(self) -> Sides:
        """The rows."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.sides.level.size,)

    @property
    def starved(self) -> NDArray[np.bool_]:
        if self.soft is not None:
            return super().starved
        sides = self.sides
        closed = (sides.level == 0) & ~(sides.coefficients > 0).sum(axis=1).astype(bool)
        return (sides.coefficients[np.flatnonzero(closed)] < 0).sum(axis=0) > 0

    def marginals(self, multipliers: FloatArray) -> Marginals:
        return {self.of: self.sides.coefficients.T @ self._limited(multipliers)}

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        return self._limited(multipliers) * self.sides.most

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """Non-negative least squares (Lawson and Hanson 1974), anchors weighed by their reach."""
        from scipy.optimize import nnls

        weight = self.reach / (self.reach.max() or 1.0)
        matrix = self.sides.coefficients.T.toarray() * weight[:, None]
        size = np.sqrt((matrix**2).sum(axis=0))
        size[size == 0] = 1.0
        raw = marginals[self.of] * weight
        scale = float(np.abs(raw).max(initial=0.0))
        if not (0 < scale < np.inf and size.size):
            return np.zeros(size.size)
        return self._limited(nnls(matrix / size, raw / scale)[0] * scale / size)

    def from_duals(self, duals: FloatArray, rows: Rows) -> FloatArray:
        return self._limited(-duals[: self.sides.level.size])

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(self.sides.level - self.sides.coefficients @ totals.of(self.of), 0.0)

    def extent(self, totals: Totals) -> FloatArray:
        return self.sides.unit * np.where(self.sides.shares, float(totals.of(self.of).sum()), 1.0)

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        room, unit = self.sides.coefficients @ totals.of(self.of) - self.sides.level, self.extent(beside)
        return np.divide(room, unit, out=np.zeros_like(room), where=unit > 0)

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        unit = self.extent(beside)
        per_unit = np.divide(prices, unit, out=np.zeros_like(prices), where=unit > 0)
        return {self.of: self.sides.coefficients.T @ per_unit}

    def violation(self, totals: Totals) -> Violation:
        excess, sides = self.excess(totals), self.sides
        if not excess.size:
            return Violation(0.0, 0.0, "nowhere")
        unit = self.extent(totals)
        relative = np.divide(excess, unit, out=np.where(excess > 0, np.inf, 0.0), where=unit > 0)
        worst = int(np.argmax(relative))
        return Violation(float(excess[worst]), float(relative[worst]), str(sides.names[worst]))

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """mu for a cap and -mu for a floor, times the total where the level is a share; nothing for a cap beyond reach,
        which the conjugate does not count.
        """
        counted = self.sides.most == -self.sides.level
        total = np.where(self.sides.shares, float(totals.of(self.of).sum()), np.where(counted, 1.0, 0.0))
        return 0.0 - self.sides.per_level * self._limited(multipliers) * total

    def stated(self, totals: Totals) -> Stated:
        sides = self.sides
        level = sides.per_level * sides.level
        amount = sides.per_level * (sides.coefficients @ totals.of(self.of))
        names, unit = np.full(level.size, TOGETHER), unit_of(self.platform, self.of)
        return Stated("all", names, level, amount, sides.per_level < 0, unit, np.maximum(np.abs(amount), level))

    def felt(self, multipliers: FloatArray) -> str:
        return dearest(self.sides.names, self._limited(multipliers))

    @property
    def rows(self) -> Rows:
        rows = Rows({self.of: self.sides.coefficients}, self.sides.level, np.full(self.sides.level.size, np.inf))
        return rows.softened(self.price_limit)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        from scipy.sparse import csr_array

        unit = totals.unit(self.of)
        matrix = csr_array(self.sides.coefficients * unit[None, :])
        size = np.maximum(np.abs(matrix).sum(axis=1), np.abs(self.sides.level))
        size[size == 0] = 1.0
        short = self.sides.level / size - csr_array(matrix * (1.0 / size)[:, None]) @ totals.of(self.of)
        return self._kept(short, size, totals)
