"""Bounds on one sum over all anchors: budgets and a floor of GMV."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.half_spaces import HalfSpaces, Sides
from allocator.rules.levels import amount, per_anchor
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.wording import quantity

FloatArray = NDArray[np.float64]


def _side(row: FloatArray, level: float, largest: float, sign: float, name: str) -> Sides:
    """sign * row @ amounts >= sign * level, where row @ amounts is never above ``largest``."""
    from scipy.sparse import csr_array

    one = np.ones(1)
    return Sides(
        csr_array(sign * row[None, :]),
        sign * level * one,
        (-level if sign > 0 else min(level, largest)) * one,
        sign * one,
        one < 0,
        (level or largest or 1.0) * one,
        np.array([name]),
    )


@dataclass(frozen=True, eq=False)
class Budget(HalfSpaces):
    """sum over anchors of cost_j y_j <= total, in the currency of the cost.

    Parameters
    ----------
    cost : number, (A,) array, mapping of ids, or "yardstick:factor"
        Cost of one unit of the good on each anchor; 1 by default. With ``of="cost"``, an edge measure, what is summed
        is that measure itself.
    total : number >= 0

    p = -mu cost, value mu total (at most mu times what the reach can cost).
    """

    cost: Any = 1.0
    total: float = field(default=None, kw_only=True)  # type: ignore[assignment]

    def bind(self, platform: Platform) -> Self:
        amount(self.total, f"the total of {self.name}")
        bound = super().bind(platform)
        if np.isinf(bound._cost).any():
            raise ValueError(f"the costs of {self.name} must be finite")
        return bound if isinstance(self.cost, int | float) else replace(bound, cost=bound._cost)

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, total=float(level[0]))

    @cached_property
    def _cost(self) -> FloatArray:
        return per_anchor(self.platform, self.cost, of=self.of, neutral=0.0, what=f"the cost of {self.name}")

    @cached_property
    def sides(self) -> Sides:
        dearest = min(float(self._cost @ self.reach), float(self._cost.max()) * self.platform.total_of(self.of))
        return _side(self._cost, float(self.total), dearest, -1.0, "the budget")

    def stated(self, totals: Totals) -> Stated:
        stated = super().stated(totals)
        return stated if (self._cost == 1).all() else replace(stated, unit=self.platform.currency)


@dataclass(frozen=True, eq=False)
class GMVAtLeast(HalfSpaces):
    """GMV of all anchors together >= amount, in currency: q = mu everywhere, value -mu amount."""

    amount: float
    of: str = field(default_factory=lambda: "gmv", init=False, repr=False)

    @property
    def name(self) -> str:
        return "GMVAtLeast"

    def bind(self, platform: Platform) -> Self:
        level = amount(self.amount, "the GMV asked for")
        most = platform.total_of("gmv")
        if self.soft is None and level > most * (1 + 1e-12):
            raise ValueError(
                f"GMVAtLeast asks for {quantity(level)} {platform.currency}, and sending every impression where it "
                f"sells most brings {quantity(most)}; lower the amount"
            )
        return super().bind(platform)

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, amount=float(level[0]))

    @cached_property
    def sides(self) -> Sides:
        most = self.platform.total_of("gmv")
        return _side(np.ones(self.platform.anchor_count), float(self.amount), most, 1.0, "all anchors")


def _of_allocation(cls: type[GMVAtLeast], allocation: Any, share: float, **options: Any) -> GMVAtLeast:
    """``GMVAtLeast.of(allocation, share)``: a share of the GMV that an allocation has."""
    if not (isinstance(share, int | float | np.number) and 0 <= share < np.inf):
        raise ValueError(f"the share of an allocation's GMV must be a number >= 0, not {share!r}")
    return cls(float(share) * allocation.gmv, **options)


# On an instance ``of`` names the good, as for every rule; on the class it makes a floor from an allocation.
GMVAtLeast.of = classmethod(_of_allocation)  # type: ignore[assignment]
