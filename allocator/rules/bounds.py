"""Bounds on single anchors: capacity, cap and floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where, per_anchor
from allocator.rules.rows import Box, Rows
from allocator.rules.rule import Constraint, Totals, Violation
from allocator.wording import some

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Bound(Constraint):
    """One level per anchor; multipliers are the marginals (A,) themselves."""

    level: Any
    where: Where = field(default=None, kw_only=True)
    neutral: ClassVar[float]

    def bind(self, platform: Platform) -> Self:
        bound = super().bind(platform)
        level = per_anchor(platform, self.level, of=self.of, neutral=self.neutral)
        return replace(bound, level=np.where(anchors_where(platform, self.where), level, self.neutral), where=None)

    @property
    def box(self) -> Box:
        raise NotImplementedError

    def violation(self, totals: Totals) -> Violation:
        excess = self.excess(totals)
        unit = np.where((self.level > 0) & (self.level < np.inf), self.level, np.where(self.reach > 0, self.reach, 1.0))
        worst = int(np.argmax(excess / unit))
        return Violation(
            float(excess.max()), float(excess[worst] / unit[worst]), f"anchor {self.platform.anchors['id'][worst]}"
        )

    def idle(self) -> FloatArray:
        return np.zeros(self.level.size)

    def shadow_price(self, multipliers: FloatArray) -> FloatArray:
        """-p: what one more unit of an anchor's level is worth (>= 0 for a cap, <= 0 for a floor)."""
        return 0.0 - multipliers

    @property
    def rows(self) -> Rows:
        from scipy.sparse import eye_array

        return Rows({self.of: eye_array(self.level.size, format="csr")}, self.box.lower, self.box.upper)


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
        return np.minimum(self.level, self.reach) * np.maximum(0.0, -multipliers)

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """A cap never subsidises, and one above the reach is never felt."""
        return np.where(self.level < self.reach, np.minimum(marginals[self.of], 0.0), 0.0)

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(totals.of(self.of) - self.level, 0.0)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        limited = np.flatnonzero(self.level < np.inf)
        return 0, [totals.of(self.of)[limited] <= (self.level / totals.unit(self.of))[limited]] if limited.size else []

    @property
    def box(self) -> Box:
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
        if np.isinf(bound.level).any():
            raise ValueError(
                f"a floor must be finite; it is not for anchor {some(platform.anchors['id'][np.isinf(bound.level)])}"
            )
        return bound

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        return np.where(multipliers >= 0, -self.level, -self.reach) * multipliers

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """A floor never taxes, and one at zero is never felt."""
        return np.where(self.level > 0, np.maximum(marginals[self.of], 0.0), 0.0)

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(self.level - totals.of(self.of), 0.0)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        felt = np.flatnonzero(self.level > 0)
        return 0, [totals.of(self.of)[felt] >= (self.level / totals.unit(self.of))[felt]] if felt.size else []

    @property
    def box(self) -> Box:
        return Box(self.of, self.level, np.full(self.level.size, np.inf))
