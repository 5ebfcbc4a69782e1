"""Concave functions that must reach a level."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.rules.constraint import Constraint, Violation
from allocator.rules.nearest import Nearest
from allocator.rules.rows import Rows
from allocator.rules.rule import Marginals
from allocator.rules.stated import TOGETHER
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
ROUNDING = 2.0**-50
DECADES, NARROWINGS = 40.0, 90
SEARCH, CLOSE, HINT = 100, 1e-13, 1e-6
"""Steps of the search for a weight, how near it comes, and its first weight."""
SMALLEST = np.finfo(np.float64).tiny * 10.0**DECADES
"""A typical multiplier from which smaller ones can be searched without leaving the range of numbers."""


@dataclass(frozen=True, eq=False)
class AtLeast(Constraint):
    """W(amounts) >= threshold for a concave W, with multipliers (1 + A,): mu >= 0, and marginals pi of W.

    p = mu pi, value mu (W*(pi) - threshold): where W >= threshold, -p.y <= mu (W - threshold) - p.y <= mu (W* -
    threshold).
    """

    @property
    @abstractmethod
    def index(self) -> Welfare:
        """W, bound to the platform."""

    @property
    def threshold(self) -> float:
        """What W must reach."""
        return 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        return (1 + self.platform.anchor_count,)

    def _mu(self, multipliers: FloatArray) -> float:
        return float(np.clip(multipliers[0], 0.0, self.price_limit))

    def marginals(self, multipliers: FloatArray) -> Marginals:
        mu = self._mu(multipliers)
        return {good: mu * marginal for good, marginal in self.index.marginals(multipliers[1:]).items()}

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        mu = self._mu(multipliers)
        return mu * np.append(self.index.conjugate(multipliers[1:]), -self.threshold) if mu > 0 else np.zeros(1)

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """mu is the weight that the marginals tell W, or minimises what p = mu pi costs the bound (golden section)."""
        raw = marginals[self.of]
        size = float(np.abs(raw).max(initial=0.0))
        if not 0 < size < np.inf:
            return self.idle()
        mu = self.index.weight_of(raw)
        if mu is None:
            typical = np.abs(self.index.supergradient(Totals.even(self.platform)))
            unit = max(size / (float(typical.max(initial=0.0)) or 1.0), SMALLEST)
            mu = _golden(lambda log: self._loss(raw, unit * math.exp(log)), DECADES * math.log(10.0)) * unit
        mu = min(mu, self.price_limit)
        return np.append(mu, self.index.fit({self.of: raw / mu})) if mu > 0 else self.idle()

    def _loss(self, raw: FloatArray, mu: float) -> float:
        """Conjugate at mu with its rounding, and what raising or lowering marginals from raw to mu pi may cost."""
        pi = self.index.fit({self.of: raw / mu})
        summands = mu * np.append(self.index.conjugate(pi), -self.threshold)
        moved = np.abs(mu * pi - raw) * self.reach
        return float(summands.sum()) + ROUNDING * float(np.abs(summands).sum()) + float(moved.sum())

    def nearest(self, q: FloatArray, step: float, more: float = 0.0) -> Nearest:
        """The proximal map in the welfare's z (n,), to a level that is higher by ``more``: the smallest weight of W at
        which its own map reaches it, but not above the price of a soft rule.

        W rises with the weight (it is the derivative of a convex function of it), so Newton's method is kept within a
        bracket. Where the weight answers to q, so does the map: by the projection on W's level to first order.
        """
        most = step * self.price_limit
        found, mu = self._reaching(q, self.threshold + more, most)
        if mu == 0.0 or mu == most:
            return found._replace(weight=mu)
        normal = found.moved / mu
        bent = found.derivative(normal)
        size = float((normal * bent).sum())

        def derivative(direction: FloatArray) -> FloatArray:
            plain = found.derivative(direction)
            return plain - (float((normal * plain).sum()) / size) * bent if size > 0 else plain

        return Nearest(found.amounts, found.moved, derivative, found.diagonal, mu, found.pool)

    def _reaching(self, q: FloatArray, level: float, limit: float) -> tuple[Nearest, float]:
        """The map of W at the smallest weight that reaches a level, and that weight."""
        index, low, high = self.index, 0.0, math.inf
        still = (lambda direction: direction), np.ones(q.size)
        found = Nearest(q, np.zeros(q.size), *still) if self.index.plain else Nearest.in_logs(q, q, *still)
        short = level - index.worth(found.amounts)
        if short <= 0:
            return found, 0.0
        mu = HINT
        for _ in range(SEARCH):
            mu = min(mu, limit)
            found = index.nearest(q, mu)
            normal = found.moved / mu
            short = level - index.worth(found.amounts)
            near = CLOSE * (abs(level) + float(np.abs(normal * found.amounts).sum()))
            if abs(short) <= near or (mu == limit and short > 0):
                break
            low, high = (mu, high) if short > 0 else (low, mu)
            rise = float((normal * found.derivative(normal)).sum())
            tried = mu + short / rise if rise > 0 else np.inf
            mu = tried if low < tried < high else (0.5 * (low + high) if high < np.inf else 8.0 * mu)
        return found, mu

    def excess(self, totals: Totals) -> FloatArray:
        value = float(self.index.value(totals).sum())
        return np.array([max(0.0, self.threshold - value)])

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, level=float(level[0]))

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        room, unit = float(self.index.value(totals).sum()) - self.threshold, self.unit(beside)
        return np.array([room / unit if unit > 0 else room])

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        price = float(prices[0]) / (self.unit(beside) or 1.0)
        marginals = self.index.marginals(self.index.supergradient(totals))
        return {good: price * marginal for good, marginal in marginals.items()}

    def credit(self, multipliers: FloatArray, totals: Totals) -> float:
        """mu times what is short, and what rounding may have hidden of it."""
        mu, rounding = self._mu(multipliers), ROUNDING * float(np.abs(self.index.value(totals)).sum())
        return mu * (float(self.excess(totals)[0]) + rounding) if mu > 0 else 0.0

    def violation(self, totals: Totals) -> Violation:
        excess, unit = float(self.excess(totals)[0]), self.unit(totals)
        relative = excess / unit if 0 < unit < math.inf else (math.inf if excess > 0 else 0.0)
        return Violation(excess, relative, TOGETHER)

    def extent(self, totals: Totals) -> FloatArray:
        """The unit of a violation, or the total where even amounts are worth nothing, as of an entropy."""
        return np.array([self.unit(totals) or float(totals.of(self.of).sum())])

    def unit(self, totals: Totals) -> float:
        """What a violation is compared with, in the unit of W."""
        return max(abs(self.threshold), self.index.size(totals))

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """-mu per unit of the welfare's level."""
        return np.array([0.0 - self._mu(multipliers)])

    def felt(self, multipliers: FloatArray) -> str:
        return TOGETHER if self._mu(multipliers) > 0 else ""

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        value, conditions = self.index.cvxpy(totals)
        missing = self.threshold / totals.currency - self.index.constant(totals)
        size = max(abs(missing), float(self.index.size(Totals.even(self.platform))) / totals.currency) or 1.0
        short = missing / size - value / size
        if self.soft is None:
            return 0, [*conditions, short <= 0]
        return -self.soft * size * cp.pos(short), conditions

    @property
    def rows(self) -> Rows | None:
        return self._levelled(self.index.rows)

    @property
    def auxiliaries(self) -> int:
        return self.index.auxiliaries

    @property
    def curved(self) -> bool:
        return self.index.curved

    def tangents(self, near: Sequence[Totals]) -> Rows | None:
        return self._levelled(self.index.tangents(near))

    def _levelled(self, inner: Rows | None) -> Rows | None:
        """The rows of W with one more, its level, and the slack of a soft one."""
        from scipy.sparse import csr_array, vstack

        if inner is None or inner.auxiliary is None:
            return None
        empty = {good: csr_array((1, matrix.shape[1])) for good, matrix in inner.coefficients.items()}
        rows = Rows(
            {good: csr_array(vstack([matrix, empty[good]])) for good, matrix in inner.coefficients.items()},
            np.append(inner.lower, self.threshold),
            np.append(inner.upper, np.inf),
            csr_array(vstack([inner.auxiliary, csr_array(inner.cost[None, :])])),
            np.zeros(inner.cost.size),
        )
        return rows.softened(self.price_limit, last=1)

    def from_duals(self, duals: FloatArray, rows: Rows) -> FloatArray:
        """The last row but for the slack's is the level: its dual is -mu, and the others share mu pi."""
        mu = min(max(0.0, -float(duals[-1 if self.soft is None else -2])), self.price_limit)
        if mu == 0:
            return self.idle()
        raw = rows.marginals(duals)
        return np.append(mu, self.index.fit({good: marginal / mu for good, marginal in raw.items()}))


def _golden(loss: Any, width: float) -> float:
    """exp of the minimiser of a unimodal function on [-width, width]."""
    low, high = -width, width
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a, at_b = loss(a), loss(b)
    for _ in range(NARROWINGS):
        if at_a < at_b or at_b == math.inf:  # where both look alike the weight is too small to be felt
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = loss(b)
    return math.exp(0.5 * (low + high))
