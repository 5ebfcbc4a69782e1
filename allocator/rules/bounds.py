"""Bounds on single anchors: capacity, cap and floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.constraint import Constraint, Violation, dearest
from allocator.rules.levels import Where, anchors_where, finite, fraction, per_anchor
from allocator.rules.nearest import Nearest
from allocator.rules.rows import Box, Rows
from allocator.rules.rule import Marginals
from allocator.rules.stated import Stated, unit_of
from allocator.rules.totals import Totals

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Bound(Constraint):
    """One level per anchor; multipliers are the marginals (A,) themselves."""

    level: Any
    where: Where = field(default=None, kw_only=True)
    neutral: ClassVar[float]

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        level = per_anchor(platform, self.level, of=self.of, neutral=self.neutral, what=f"the level of {self.name}")
        return replace(bound, level=np.where(anchors_where(platform, self.where), level, self.neutral), where=None)

    @property
    def interval(self) -> Box:
        """The bounds, hard or soft."""
        raise NotImplementedError

    @property
    def box(self) -> Box | None:
        return self.interval if self.soft is None else None

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Anchors that a soft bound speaks of."""
        box = self.interval
        return np.flatnonzero((self.reach > 0) & ((box.lower > 0) | (box.upper < self.reach)))

    @cached_property
    def m(self) -> FloatArray:
        return np.ones(self.active.size)

    def nearest(self, q: FloatArray, step: float) -> Nearest:
        """The proximal map of a soft bound (n,): logarithms move towards it by at most step times its price."""
        box, most = self.interval, step * self.price_limit
        with np.errstate(divide="ignore"):
            inside = np.clip(q, np.log(box.lower[self.active]), np.log(box.upper[self.active]))
        moved = np.clip(inside - q, -most, most)
        moves = (moved == 0) | (np.abs(moved) >= most)
        return Nearest.where(q + moved, q, moves)

    @property
    def starved(self) -> NDArray[np.bool_]:
        return (self.interval.upper == 0) & (self.soft is None)

    def marginals(self, multipliers: FloatArray) -> Marginals:
        return {self.of: self._limited(multipliers)}

    def _limited(self, multipliers: FloatArray) -> FloatArray:
        return multipliers if self.soft is None else np.clip(multipliers, -self.soft, self.soft)

    @cached_property
    def _asked(self) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Anchors with a floor above zero, those with a cap below their reach, and what the caps are measured by."""
        box = self.interval
        capped = np.flatnonzero(box.upper < self.reach)
        return np.flatnonzero(box.lower > 0), capped, np.where(box.upper > 0, box.upper, self.reach)[capped]

    def extent(self, totals: Totals) -> FloatArray:
        box = self.interval
        asked = (box.lower > 0) | (box.upper < self.reach)
        level = np.where(asked & (self.level < np.inf), self.level, 0.0)
        return np.where(asked & (level == 0), self.reach, level)

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, level=np.asarray(level, dtype=np.float64))

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        (floored, capped, unit), box, amounts = self._asked, self.interval, totals.of(self.of)
        above = amounts[floored] / box.lower[floored] - 1.0
        return np.concatenate((above, (box.upper[capped] - amounts[capped]) / unit))

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        (floored, capped, unit), box, marginal = self._asked, self.interval, np.zeros(self.level.size)
        marginal[floored] = prices[: floored.size] / box.lower[floored]
        marginal[capped] -= prices[floored.size :] / unit
        return {self.of: marginal}

    def violation(self, totals: Totals) -> Violation:
        excess = self.excess(totals)
        unit = np.where((self.level > 0) & (self.level < np.inf), self.level, np.where(self.reach > 0, self.reach, 1.0))
        worst = int(np.argmax(excess / unit))
        relative, where = float(excess[worst] / unit[worst]), f"anchor {self.platform.anchors['id'][worst]}"
        return Violation(float(excess[worst]), relative, where)

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """-p: what one more unit of an anchor's level is worth (>= 0 for a cap, <= 0 for a floor)."""
        return 0.0 - self._limited(multipliers)

    def stated(self, totals: Totals) -> Stated:
        amounts, ids = totals.of(self.of), self.platform.anchors["id"]
        size = np.full(amounts.size, float(amounts.sum()))
        return Stated("anchor", ids, self.level, amounts, self.neutral == np.inf, unit_of(self.platform, self.of), size)

    def felt(self, multipliers: FloatArray) -> str:
        return dearest(self.platform.anchors["id"], np.abs(multipliers), "anchor ")

    @property
    def rows(self) -> Rows:
        from scipy.sparse import eye_array

        box = self.interval
        lower = np.where(box.lower > 0, box.lower, -np.inf) if self.soft is not None else box.lower
        rows = Rows({self.of: eye_array(self.level.size, format="csr")}, lower, box.upper)
        return rows.softened(self.price_limit)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        box, unit = self.interval, totals.unit(self.of)
        limited, felt = np.flatnonzero(box.upper < np.inf), np.flatnonzero(box.lower > 0)
        above = totals.of(self.of)[limited] - (box.upper / unit)[limited]
        below = (box.lower / unit)[felt] - totals.of(self.of)[felt]
        broken = [(above, limited)] * bool(limited.size) + [(below, felt)] * bool(felt.size)
        if self.soft is None:
            return 0, [part <= 0 for part, _ in broken]
        cost = [cp.sum(cp.multiply(self.soft * unit[where] / totals.currency, cp.pos(part))) for part, where in broken]
        return -sum(cost), []


@dataclass(frozen=True, eq=False)
class Cap(_Bound):
    """Amount of the good at each chosen anchor <= level.

    Parameters
    ----------
    level : number, (A,) array, mapping of ids, or "yardstick:factor"
        In units of the good; see `allocator.rules.levels.per_anchor`.
    where : None, mask, "attribute=value" or ids
        The anchors it is for.

    Conjugate of p: sup of -p y over 0 <= y <= min(u, R) = min(u, R) max(0, -p), per anchor.
    """

    neutral: ClassVar[float] = np.inf

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        return np.minimum(self.level, self.reach) * np.maximum(0.0, -self._limited(multipliers))

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """A cap never subsidises, and one above the reach is never felt."""
        return self._limited(np.where(self.level < self.reach, np.minimum(marginals[self.of], 0.0), 0.0))

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(totals.of(self.of) - self.level, 0.0)

    @property
    def interval(self) -> Box:
        return Box(self.of, np.zeros(self.level.size), self.level)


@dataclass(frozen=True, eq=False)
class Capacity(Cap):
    """Exposure of every anchor <= its capacity on the platform."""

    level: Any = "capacity:1"


@dataclass(frozen=True, eq=False)
class Floor(_Bound):
    """Amount of the good at each chosen anchor >= level (parameters as `Cap`).

    Conjugate of p: sup of -p y over l <= y <= R = -l p for p >= 0 and -R p for p < 0, per anchor.
    """

    neutral: ClassVar[float] = 0.0

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        finite(platform, bound.level, "a floor")
        return bound

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        p = self._limited(multipliers)
        return np.where(p >= 0, -self.level, -self.reach) * p

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """A floor never taxes, and one at zero is never felt."""
        return self._limited(np.where(self.level > 0, np.maximum(marginals[self.of], 0.0), 0.0))

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(self.level - totals.of(self.of), 0.0)

    @property
    def interval(self) -> Box:
        return Box(self.of, self.level, np.full(self.level.size, np.inf))


def ReachFloor(share: float, **options: Any) -> Floor:
    """Every chosen anchor gets at least a share of its reach: `Floor` at share * reach_j, share in [0, 1]."""
    return Floor(f"reach:{fraction(share, 'the share of its reach that an anchor is promised')!r}", **options)
