"""The voice of rows over many anchors: groups, budgets and floors of GMV have a price each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.rules.half_spaces import HalfSpaces
from allocator.solvers.prices.voices import Reply, Voice

FloatArray = NDArray[np.float64]
DENSE = 1_000
"""Rows up to which their block is solved as a dense system."""


@dataclass(eq=False)
class Row(Voice):
    """Linear rows over the amounts of a good: one coordinate mu each, between 0 and the price of a soft rule.

    ``tight`` raises the levels by this part of their unit, so that a flow that nearly keeps them keeps the true ones.
    """

    rule: HalfSpaces = None  # type: ignore[assignment]
    tight: float = 0.0

    def __post_init__(self) -> None:
        self.kinked, self.low, self.high = True, 0.0, self.rule.price_limit
        matrix = self.rule.sides.coefficients
        self.largest, self.level = abs(matrix), self.rule.sides.level
        self.background, self.above = _background(matrix)
        self.turned, self.squares = self.above.T.tocsr(), self.above.power(2)
        self.total = self.rule.platform.total_of(self.rule.of)

    @property
    def size(self) -> int:
        return self.level.size

    def spread(self, x: FloatArray) -> FloatArray:
        return self.turned @ x + float(self.background @ x)

    def gather(self, amounts: FloatArray) -> FloatArray:
        return self.above @ amounts + self.background * amounts.sum()

    def diagonal(self, curvature: FloatArray) -> FloatArray:
        level, total = self.background, float(curvature.sum())
        return self.squares @ curvature + level * (2.0 * (self.above @ curvature) + level * total)

    def effect(self, steepest: FloatArray) -> FloatArray:
        return (self.largest * steepest[None, :]).max(axis=1).toarray().ravel()

    def unit(self, worth: float) -> FloatArray:
        largest = self.largest.max(axis=1).toarray().ravel()
        return worth / np.where(largest > 0, largest, 1.0)

    def block(
        self, curvature: FloatArray, stiffness: FloatArray, free: NDArray[np.bool_], reply: Reply
    ) -> Callable[[FloatArray], FloatArray]:
        from scipy.linalg import cho_factor, cho_solve

        chosen = np.flatnonzero(free)
        if chosen.size > DENSE:
            return super().block(curvature, stiffness, free, reply)
        level, rest = self.background[chosen], self.above[chosen]
        weighed = np.outer(rest @ curvature, level)
        together = (rest.multiply(curvature) @ rest.T).toarray() + weighed + weighed.T
        factor = cho_factor(together + curvature.sum() * np.outer(level, level) + np.diag(stiffness[chosen]))

        def apply(residual: FloatArray) -> FloatArray:
            found = np.zeros(residual.size)
            found[chosen] = cho_solve(factor, residual[chosen])
            return found

        return apply

    @property
    def _wanted(self) -> FloatArray:
        sides = self.rule.sides
        if self.rule.soft is not None:
            return self.level
        return self.level + self.tight * sides.unit * np.where(sides.shares, self.total, 1.0)

    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        wanted = self._wanted
        amounts = np.where(x <= 0, np.maximum(loads, wanted), wanted)
        amounts = np.where(x >= self.high, np.minimum(loads, wanted), amounts)
        return Reply(-float((x * wanted).sum()), amounts, np.zeros(x.size))

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """Complementarity, and what it takes to mend a row: its price or the worth of a unit, but no more than a soft
        rule costs.
        """
        over = loads - self._wanted
        mend = np.minimum(np.maximum(np.abs(x), self.unit(worth)), self.high)
        return np.where(over >= 0, x * over, (mend - np.where(self.high < np.inf, x, 0.0)) * -over)

    def conjugate(self, x: FloatArray) -> float:
        return float((x * self.rule.sides.most).sum())

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        return {id(self.rule): np.clip(x, 0.0, self.high)}

    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        return given.get(id(self.rule))

    def tighten(self, by: float) -> None:
        self.tight += by

    def room(self, amounts: FloatArray) -> float:
        if self.rule.soft is not None:
            return np.inf
        sides = self.rule.sides
        unit = sides.unit * np.where(sides.shares, max(float(amounts.sum()), 1e-300), 1.0)
        return float(((self.gather(amounts) - self.level) / unit).min())


def _background(matrix: Any) -> tuple[FloatArray, Any]:
    """Rows (K, A) as what most of their entries are (K,), and a sparse rest: a share of a total speaks of everybody."""
    from scipy.sparse import csr_array

    count, width = matrix.shape
    most, rest = np.zeros(count), csr_array(matrix, copy=True)
    for k in np.flatnonzero(np.diff(rest.indptr) == width):
        entries = rest.data[rest.indptr[k] : rest.indptr[k + 1]]
        most[k] = np.median(entries)
        entries -= most[k]
    rest.eliminate_zeros()
    return most, rest
