"""Caps of concentration: the share of the head, the Gini coefficient and the Herfindahl-Hirschman index."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.metrics import gini, hhi
from allocator.rules.at_least import AtLeast
from allocator.rules.balances import HeadBalance, IndexBalance, NormBalance
from allocator.rules.levels import fraction
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
ROOM = 1e-6
"""Relative room above 1 / n below which a hard Herfindahl-Hirschman index is refused: all amounts are then equal, and a
violation of the norm within the tolerance of 1e-9 leaves them the square root of that.
"""


@dataclass(frozen=True, eq=False)
class HeadCap(AtLeast):
    """The ``top`` anchors by amount have together at most a ``share`` of what is served.

    ``top`` is a number of anchors or a percentage such as ``"1%"``, which means ceil(1 % of the anchors with reach).
    The share may not be below top / n. W = share Y - sum of the k largest, and its shadow price is mu Y per unit of
    share.
    """

    top: int | str
    share: float

    @property
    def name(self) -> str:
        return f"HeadCap(top {self.top})" + ("" if self.of == "exposure" else f" of {self.of}")

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        k, n, share = bound.count, bound.index.active.size, fraction(self.share, "the level of a head cap")
        if not 1 <= k <= max(n, 1):
            raise ValueError(f"{self.name} speaks of {k:,} anchors; name 1 to {n:,}, which is how many have any reach")
        if n and share < k / n:
            raise ValueError(
                f"{self.name}: {k:,} of {n:,} anchors can never have less than {k / n:.4g} of the total, and the share "
                f"is {share:.4g}; raise it"
            )
        return bound

    @cached_property
    def count(self) -> int:
        """The number of anchors that count as the head."""
        n = int((self.reach > 0).sum())
        text = str(self.top)
        try:
            if text.endswith("%"):
                return math.ceil(float(text[:-1]) / 100 * n - 1e-9)
            if float(text) == int(float(text)):
                return int(float(text))
        except (ValueError, OverflowError):
            pass
        raise ValueError(f"top is a number of anchors or a percentage such as '1%', not {self.top!r}")

    @cached_property
    def index(self) -> Welfare:
        return HeadBalance(self.count, float(self.share), of=self.of).bind(self.platform)

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, share=float(level[0]))

    def unit(self, totals: Totals) -> float:
        return self.share * float(totals.of(self.of).sum())

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """mu Y per unit of the share."""
        return np.array([self._mu(multipliers) * float(totals.of(self.of).sum())])

    def stated(self, totals: Totals) -> Stated:
        y = np.sort(totals.of(self.of))[::-1]
        head, where = float(y[: self.count].sum()) / (float(y.sum()) or 1.0), f"the top {self.count:,} anchors"
        return Stated.single(float(self.share), head, at_most=True, unit="share", where=where)


@dataclass(frozen=True, eq=False)
class GiniAtMost(AtLeast):
    """The Gini coefficient of the amounts of anchors with reach <= ``level``: mean (1 - Gini) >= (1 - level) mean.

    Its shadow price is mu Y / n per unit of the coefficient.
    """

    level: float

    def bind(self, platform: Platform) -> Self:
        fraction(self.level, "a Gini coefficient")
        return super().bind(platform)

    @cached_property
    def index(self) -> Welfare:
        return IndexBalance(float(self.level), of=self.of).bind(self.platform)

    def extent(self, totals: Totals) -> FloatArray:
        return np.array([(self.level or 1.0) * self.unit(totals)])

    def unit(self, totals: Totals) -> float:
        return float(totals.of(self.of).sum()) / max(self.index.active.size, 1)

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """mu Y / n per unit of the coefficient."""
        return np.array([self._mu(multipliers) * self.unit(totals)])

    def stated(self, totals: Totals) -> Stated:
        return _index(gini, self, totals, "Gini coefficient")


@dataclass(frozen=True, eq=False)
class HHIAtMost(AtLeast):
    """The Herfindahl-Hirschman index of the shares <= ``level``: |y| <= sqrt(level) Y, a second-order cone.

    The level of a hard one must be above 1 / n, where all amounts are equal. Its shadow price is
    mu Y / (2 sqrt(level)) per unit of the index.
    """

    level: float

    def bind(self, platform: Platform) -> Self:
        bound, level = super().bind(platform), fraction(self.level, "a Herfindahl-Hirschman index")
        n = int((bound.reach > 0).sum())
        if n and level < 1 / n:
            raise ValueError(
                f"{self.name}: the index of {n:,} anchors is never below {1 / n:.4g}, and the level is {level:.4g}; "
                f"raise it"
            )
        if n > 1 and self.soft is None and level < (1 + ROOM) / n:
            raise ValueError(
                f"{self.name}: {level:.4g} leaves {n:,} anchors no room but to have equal amounts; raise it, or write "
                f"GiniAtMost(0), which is linear"
            )
        return bound

    @cached_property
    def index(self) -> Welfare:
        return NormBalance(float(self.level), of=self.of).bind(self.platform)

    def extent(self, totals: Totals) -> FloatArray:
        """Half the unit: the norm moves half as much as its square, to first order."""
        return np.array([0.5 * self.unit(totals)])

    def unit(self, totals: Totals) -> float:
        return math.sqrt(self.level) * float(totals.of(self.of).sum())

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """mu Y / (2 sqrt(level)) per unit of the index."""
        return np.array([self._mu(multipliers) * float(totals.of(self.of).sum()) / (2 * math.sqrt(self.level))])

    def stated(self, totals: Totals) -> Stated:
        return _index(hhi, self, totals, "Herfindahl-Hirschman index")


def _index(metric: Callable[[FloatArray], float], rule: GiniAtMost | HHIAtMost, totals: Totals, unit: str) -> Stated:
    """The level of a metric of the anchors with reach."""
    amounts = np.maximum(totals.of(rule.of)[rule.index.active], 0.0)
    return Stated.single(float(rule.level), metric(amounts) if amounts.size else 0.0, at_most=True, unit=unit)
