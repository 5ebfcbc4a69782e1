"""Alpha-fair welfare: one family from utilitarian (alpha -> 0) over proportional (1) to max-min (alpha -> infinity)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import positive
from allocator.rules.nearest import Nearest
from allocator.rules.rows import Rows
from allocator.rules.tangents import amounts, spread, tangent_rows
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
MOST_DIGITS, NEWTON = 200, 40
LEAST = 1e-12
"""Part of its reach below which no tangent lies."""
LARGEST_MARGINAL = 1e150
"""Conjugates fall with the marginal, so a smaller one gives a valid estimate; this keeps powers finite."""


@dataclass(frozen=True, eq=False)
class AlphaFair(Welfare):
    """sum of c_j m_j U(y_j / m_j) with U(z) = z^(1-alpha) / (1-alpha), ln z at alpha = 1 (Mo and Walrand 2000).

    Parameters
    ----------
    alpha : float > 0
        Aversion to inequality.
    of : str
        The good that is shared: ``"exposure"``, ``"gmv"`` or an edge measure.
    weights, merit : (A,) array or number, optional
        c_j and m_j, both > 0 and 1 by default. On a star the optimum has y proportional to c^(1/alpha) m: the factor m
        in front of U is what gives more merit more traffic for every alpha.

    The sum runs over anchors with positive reach. With P = p / c the conjugate's maximiser is z = min(R/m,
    P^(-1/alpha)) for P > 0 and R/m otherwise, its value c m (U(z) - P z) (derived here: U' = z^-alpha, stationarity on
    [0, R/m]).
    """

    alpha: float
    weights: Any = field(default=None, kw_only=True)
    merit: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not (isinstance(self.alpha, int | float | np.number) and 0 < self.alpha < np.inf):
            raise ValueError(
                f"alpha must be a finite number > 0, not {self.alpha} (use MaxMin for the limit of large alpha)"
            )

    @property
    def name(self) -> str:
        return f"{'Nash' if self.alpha == 1 else f'AlphaFair({self.alpha:g})'} of {self.of}"

    def bind(self, platform: Platform) -> Self:
        weights, merit = positive(platform, self.weights, "welfare weights"), positive(platform, self.merit, "merits")
        bound = replace(super().bind(platform), weights=weights, merit=merit)
        if bound.active.size:
            bound._refuse_beyond_numbers()
        return bound

    def _refuse_beyond_numbers(self) -> None:
        """Powers z^(1-alpha) that leave the range of numbers would make every flow look alike."""
        most = self.reach[self.active] / self.m
        digits = np.abs((1.0 - self.alpha) * np.log10(np.array([most.min(), most.max()]))).max()
        if digits > MOST_DIGITS:
            raise ValueError(
                f"{self.name} leaves the range of numbers on this platform: with reach / merit from "
                f"{most.min():.3g} to "
                f"{most.max():.3g}, welfare has {digits:.0f} digits; choose a smaller alpha, or merits near the reach"
            )

    @cached_property
    def c(self) -> FloatArray:
        """Weights of the active anchors, times the weight of the term."""
        return self.weight * self.weights[self.active]

    @cached_property
    def m(self) -> FloatArray:
        return self.merit[self.active]

    def utility(self, z: FloatArray) -> FloatArray:
        """U(z); minus infinity at z = 0 where alpha >= 1."""
        with np.errstate(divide="ignore", over="ignore"):
            return np.log(z) if self.alpha == 1 else z ** (1.0 - self.alpha) / (1.0 - self.alpha)

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map in z = y / m (n,): u = ln z solves u - q = k exp(-alpha u) with k = step c m, by Newton's
        method from below, where u - q - k exp(-alpha u) is concave and rising.

        From below (derived here): with k exp(-alpha h) = 1 at h, the solution is above max(q, h) if h <= q + 1, and
        otherwise below h, so that its right-hand side is at most h - q.
        """
        log = np.log(step * self.c * self.m)
        h = log / self.alpha
        u = np.where(h <= q + 1.0, np.maximum(q, h), (log - np.log(np.maximum(h - q, 1.0))) / self.alpha)
        for _ in range(NEWTON):
            push = np.exp(log - self.alpha * u)
            u = np.maximum(u - (u - q - push) / (1.0 + self.alpha * push), u)
        rise = 1.0 / (1.0 + self.alpha * np.exp(log - self.alpha * u))
        return Nearest.in_logs(u, q, lambda direction: rise * direction, rise)

    def worth(self, z: FloatArray) -> float:
        """The term at z (n,)."""
        return float((self.c * self.m * self.utility(np.maximum(z, 0.0))).sum())

    def value(self, totals: Totals) -> FloatArray:
        z = np.maximum(totals.of(self.of)[self.active], 0.0) / self.m
        return self.c * self.m * self.utility(z)

    def size(self, totals: Totals) -> float:
        """sum of c m z^(1-alpha)."""
        z = np.maximum(totals.of(self.of)[self.active], 0.0) / self.m
        with np.errstate(divide="ignore", over="ignore"):
            return float((self.c * self.m * z ** (1.0 - self.alpha)).sum())

    def level(self, totals: Totals) -> float:
        """The weighted power mean of z with exponent 1 - alpha, weights c m."""
        z = np.maximum(totals.of(self.of)[self.active], 0.0) / self.m
        shares = self.c * self.m / (self.c * self.m).sum()
        if self.alpha >= 1 and (z == 0).any():
            return 0.0
        if self.alpha == 1:
            return float(np.exp((shares * np.log(z)).sum()))
        pivot = z.min() if self.alpha > 1 else z.max(initial=0.0) or 1.0  # keeps the powers within range
        return float(pivot * ((shares * (z / pivot) ** (1.0 - self.alpha)).sum()) ** (1.0 / (1.0 - self.alpha)))

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        most = self.reach[self.active] / self.m
        marginal = np.minimum(multipliers[self.active] / self.c, LARGEST_MARGINAL)
        z = most.copy()
        np.power(marginal, -1.0 / self.alpha, out=z, where=marginal > self.slope(most) / self.c)
        scale = self.c * self.m
        return np.concatenate((scale * self.utility(z), -scale * marginal * z))

    def tangents(self, near: Sequence[Totals]) -> Rows:
        reach, power = self.reach[self.active], 1.0 / max(1.0, self.alpha)  # so that slopes are spread, not more
        z = np.clip(spread(amounts(near, self.of, self.active), power), LEAST * reach, reach) / self.m
        slope = self.slope(z)
        return tangent_rows(self.of, self.reach, slope, 0.0 * z, self.m * (self.c * self.utility(z) - slope * z))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """No anchor within its reach has a marginal below the one at its reach."""
        least = self.slope(self.reach[self.active] / self.m)
        return self.to_all(np.maximum(marginals[self.of][self.active], least))

    def supergradient(self, totals: Totals) -> FloatArray:
        """c (y/m)^-alpha, with exposures below 1e-6 of the mean raised to it (any multipliers are valid)."""
        y, reach = totals.of(self.of)[self.active], self.reach[self.active]
        least = 1e-6 * y.mean() if y.any() else 1e-6 * reach
        return self.to_all(self.slope(np.minimum(np.maximum(y, least), reach) / self.m))

    def slope(self, z: FloatArray) -> FloatArray:
        """c U'(z) of the active anchors, at most `LARGEST_MARGINAL`."""
        with np.errstate(over="ignore"):
            return np.minimum(self.c * z**-self.alpha, LARGEST_MARGINAL)

    def constant(self, totals: Any) -> float:
        if self.alpha != 1:
            return 0.0
        return float((self.c * self.m * np.log(totals.unit(self.of)[self.active] / self.m)).sum()) / totals.currency

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        # U(unit z) = unit^(1-alpha) U(z), and for the logarithm a constant: the powers of large units stay out of the
        # cone.
        amounts = totals.of(self.of)[self.active]
        scale = self.c * self.m * (totals.unit(self.of)[self.active] / self.m) ** (1.0 - self.alpha) / totals.currency
        exponent = 1.0 - self.alpha
        # Second-order cones express quarters exactly and converge better; other exponents need power cones.
        by_cones = (4 * exponent).is_integer()
        utility = cp.log(amounts) if self.alpha == 1 else cp.power(amounts, exponent, approx=by_cones) / exponent
        return cp.sum(cp.multiply(scale, utility)), []


def Nash(**options: Any) -> AlphaFair:
    """Proportional fairness, `AlphaFair` at alpha = 1 (Nash 1950; Eisenberg and Gale 1959)."""
    return AlphaFair(1.0, **options)
