"""Rules that hold or do not, and what breaking a soft one costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.rule import Marginals, Rule
from allocator.rules.totals import Totals
from allocator.wording import some

FloatArray = NDArray[np.float64]


class Violation(NamedTuple):
    """The worst violation of one rule: how much, in the unit of the rule, and relative to its level."""

    amount: float
    relative: float
    where: str


@dataclass(frozen=True, eq=False)
class Constraint(Rule):
    """A rule that holds or does not; with ``soft`` it may be broken at that price, currency per unit of excess.

    A soft rule is the concave term -soft * excess of the objective, and its conjugate the one of the rule itself with
    multipliers limited to [-soft, soft] (the infimal convolution of the two supports).
    """

    soft: float | None = field(default=None, kw_only=True)

    def bind(self, platform: Platform) -> Self:
        price = self.soft
        plain = isinstance(price, int | float | np.number) and not isinstance(price, bool)
        if price is not None and not (plain and 0 < price < np.inf):
            raise ValueError(f"{self.name}: soft is a price > 0 per unit of excess, not {price!r}; None is hard")
        return super().bind(platform)

    def __mul__(self, factor: Any) -> Any:
        raise TypeError(
            f"{self.name} holds or does not, so it has no weight; soft=price makes breaking it cost something"
        )

    __rmul__ = __mul__

    @property
    def price_limit(self) -> float:
        """The largest multiplier: the price of a soft rule, infinity for a hard one."""
        return math.inf if self.soft is None else float(self.soft)

    def _limited(self, multipliers: FloatArray) -> FloatArray:
        """The nearest multipliers >= 0 that a soft rule may have."""
        return np.clip(multipliers, 0.0, self.price_limit)

    def excess(self, totals: Totals) -> FloatArray:
        """By how much each level of the rule is broken, >= 0, in its unit (in amounts where it is a share)."""
        raise NotImplementedError

    def value(self, totals: Totals) -> FloatArray:
        """Summands of what breaking a soft rule costs, currency; nothing for a hard one."""
        return np.zeros(1) if self.soft is None else -self.price_limit * self.excess(totals)

    def _kept(self, short: Any, unit: FloatArray, totals: Any) -> tuple[Any, list]:
        """`cvxpy` of a rule that holds where ``short``, an expression in multiples of ``unit``, is nowhere above 0."""
        import cvxpy as cp

        if self.soft is None:
            return 0, [short <= 0]
        return -cp.sum(cp.multiply(self.soft * unit / totals.currency, cp.pos(short))), []

    def extent(self, totals: Totals) -> FloatArray:
        """The levels in the unit of `excess`, so that excess / extent is a relative change of a level, in its shape;
        shares count of the total at the totals, and zero is what is not limited.
        """
        raise NotImplementedError

    def relevelled(self, level: FloatArray) -> Self:
        """The rule with other levels, in the order and unit of `stated`; a cap of infinity and a floor of zero ask
        nothing.
        """
        raise NotImplementedError

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        """Room to every level that asks for something, negative where it is broken; relative to the level, where that
        is a share to the one at the totals ``beside``. A concave function of the flow.
        """
        raise NotImplementedError

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        """Marginals of sum prices x slack at the totals, one price >= 0 for each of the levels of `slack`."""
        raise NotImplementedError

    def credit(self, multipliers: Any, totals: Totals) -> float:
        """What weak duality gives to a violation: multipliers times excess."""
        return float(np.abs(np.asarray(multipliers) * self.excess(totals)).sum())

    def violation(self, totals: Totals) -> Violation:
        """The worst violation."""
        raise NotImplementedError

    @property
    def starved(self) -> NDArray[np.bool_]:
        """Anchors that a hard rule leaves nothing of its good, (A,), as far as that is plain."""
        return np.zeros(self.platform.anchor_count, dtype=bool)

    def idle(self) -> Any:
        """Multipliers of a rule that nobody feels."""
        return np.zeros(self.shape) if self.shape is not None else None

    def felt(self, multipliers: Any) -> str:
        """Where multipliers say that the rule is felt, in words; empty if nowhere."""
        return ""


def dearest(names: NDArray, prices: FloatArray, kind: str = "") -> str:
    """Whose price, >= 0, is more than a trace of the largest, in words; empty if nobody has one."""
    return f"{kind}{some(names[prices > 1e-6 * prices.max()])}" if prices.any() else ""
