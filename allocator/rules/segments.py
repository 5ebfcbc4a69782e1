"""Rules of segments: how much of one an anchor may get, and how well one must be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.constraint import Constraint, Violation, dearest
from allocator.rules.levels import amount, fraction
from allocator.rules.rows import Rows
from allocator.rules.rule import Marginals
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.wording import some

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SegmentCap(Constraint):
    """An anchor gets at most a ``share`` of a segment's supply: x_e <= share b_i on every edge.

    It has no multipliers: the best that a segment can do with a surplus is a partial sort, see
    `allocator.oracle.best_use`, and the price of the cap follows from the surplus.
    """

    share: float
    of: str = field(default="exposure", init=False, repr=False)

    def bind(self, platform: Platform) -> Self:
        fraction(self.share, "the level of a segment cap")
        return super().bind(platform)

    @property
    def shape(self) -> None:
        return None

    @property
    def starved(self) -> NDArray[np.bool_]:
        return np.full(self.platform.anchor_count, self.share == 0 and self.soft is None)

    @cached_property
    def limit(self) -> FloatArray:
        """Most impressions of every edge, (E,)."""
        return self.share * self.platform.supply[self.platform.segment]

    def marginals(self, multipliers: None) -> Marginals:
        return {}

    def conjugate(self, multipliers: None) -> FloatArray:
        return np.zeros(0)

    def fit(self, marginals: Mapping[str, FloatArray]) -> None:
        return None

    def from_duals(self, duals: FloatArray, rows: Rows) -> None:
        return None

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(totals.flow - self.limit, 0.0)

    def extent(self, totals: Totals) -> FloatArray:
        return np.where(self.limit > 0, self.limit, self.platform.supply[self.platform.segment])

    def relevelled(self, level: FloatArray) -> Self:
        return replace(self, share=float(level.max()))

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        """Of the edge with the least."""
        limited = self.limit > 0
        room = (self.limit - totals.flow)[limited] / self.limit[limited]
        return room.min(keepdims=True) if room.size else room

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        return {}

    def credit(self, multipliers: None, totals: Totals) -> float:
        """Left to the certificate, which knows the surplus."""
        return 0.0

    def violation(self, totals: Totals) -> Violation:
        excess, unit = self.excess(totals), self.extent(totals)
        relative = np.divide(excess, unit, out=np.where(excess > 0, np.inf, 0.0), where=unit > 0)
        e = int(np.argmax(relative))
        where = f"segment {self.platform.segments['id'][self.platform.segment[e]]}"
        return Violation(float(excess[e]), float(relative[e]), where)

    def shadow_price(self, multipliers: None, totals: Totals, surplus: Any) -> FloatArray:
        """What the best edges have over the one that gets the rest, times supply, per unit of the share."""
        return np.array([surplus.price_of_share(self.share, self.price_limit)])

    def stated(self, totals: Totals) -> Stated:
        supply = self.platform.supply[self.platform.segment]
        shares = np.divide(totals.flow, supply, out=np.zeros(supply.size), where=supply > 0)
        return Stated.single(self.share, float(shares.max()), at_most=True, unit="share", where="every segment")

    def at(self, anchor: int, multipliers: None, totals: Totals) -> dict[str, Any]:
        """``held``: in how many segments the anchor has all that the cap allows it, or more."""
        edges = np.flatnonzero(self.platform.anchor == anchor)
        full = (totals.flow[edges] >= self.limit[edges] * (1 - 1e-9)) & (totals.flow[edges] > 0)
        return {"held": int(full.sum())}

    def felt(self, multipliers: None) -> str:
        return "every segment"

    @property
    def rows(self) -> Rows:
        from scipy.sparse import eye_array

        count = self.limit.size
        rows = Rows({"edges": eye_array(count, format="csr")}, np.full(count, -np.inf), self.limit)
        return rows.softened(self.price_limit)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        return self._kept(totals.of("edges") - self.share, totals.unit("edges"), totals)


@dataclass(frozen=True, eq=False)
class SegmentFloor(Constraint):
    """Every segment is served at least so well: sum of a_e x_e out of i >= share b_i.

    Parameters
    ----------
    share : float
        Without a measure a share in [0, 1] of the supply (1: served in full); with one, the mean per impression of
        supply, in the measure's unit.
    measure : str, optional
        An edge measure a, such as relevance: what the viewers' side gets.

    mu_i >= 0 per segment: t_e = mu_i a_e, value -sum mu_i share b_i.
    """

    share: float
    measure: str | None = None
    of: str = field(default="exposure", init=False, repr=False)

    @property
    def name(self) -> str:
        return "SegmentFloor" + (f" of {self.measure}" if self.measure else "")

    def bind(self, platform: Platform) -> Self:
        if self.measure is None:
            fraction(self.share, "the level of a segment floor")
        else:
            amount(self.share, f"the level of {self.name}")
        bound = super().bind(platform)
        most = np.maximum(platform.largest_in_segments(bound.per_edge), 0.0)
        short = (most < self.share) & (platform.supply > 0)
        if self.soft is None and self.share > 0 and short.any():
            best = f"its best edge brings {most[short][0]:.4g}"
            raise ValueError(
                f"{self.name} asks for {self.share:.4g} per impression, which segment "
                f"{some(platform.segments['id'][short])} cannot give ({best}); lower the share or add edges"
            )
        return bound

    @cached_property
    def per_edge(self) -> FloatArray:
        """a_e, (E,)."""
        return self.platform.per_impression(self.measure or "exposure")

    @cached_property
    def least(self) -> FloatArray:
        """What every segment must get, (S,)."""
        asked = self.share * self.platform.supply
        return np.where(asked < np.finfo(np.float64).tiny, 0.0, asked)  # as levels of anchors

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.platform.segment_count,)

    def marginals(self, multipliers: FloatArray) -> Marginals:
        return {"edges": self._limited(multipliers)[self.platform.segment] * self.per_edge}

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        return -self._limited(multipliers) * self.least

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        """Least squares per segment."""
        weight = self.platform.into_segments(self.per_edge**2)
        found = self.platform.into_segments(marginals["edges"] * self.per_edge)
        return self._limited(np.divide(found, weight, out=np.zeros_like(found), where=weight > 0))

    def from_duals(self, duals: FloatArray, rows: Rows) -> FloatArray:
        return self._limited(-duals[: self.least.size])

    def excess(self, totals: Totals) -> FloatArray:
        return np.maximum(self.least - self._got(totals), 0.0)

    def _got(self, totals: Totals) -> FloatArray:
        """What every segment gets, (S,)."""
        return self.platform.into_segments(totals.flow * self.per_edge)

    @cached_property
    def _asked(self) -> NDArray[np.int64]:
        """Segments that must get something."""
        return np.flatnonzero(self.least > 0)

    def extent(self, totals: Totals) -> FloatArray:
        return self.least

    def relevelled(self, level: FloatArray) -> Self:
        """One share for all segments: the least."""
        return replace(self, share=float(level.min()))

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        return self._got(totals)[self._asked] / self.least[self._asked] - 1.0

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        price = np.zeros(self.least.size)
        price[self._asked] = prices / self.least[self._asked]
        return {"edges": price[self.platform.segment] * self.per_edge}

    def violation(self, totals: Totals) -> Violation:
        excess = self.excess(totals)
        relative = np.divide(excess, self.least, out=np.zeros_like(excess), where=self.least > 0)
        i = int(np.argmax(relative))
        return Violation(float(excess[i]), float(relative[i]), f"segment {self.platform.segments['id'][i]}")

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """-mu_i b_i, per segment and unit of the share."""
        return 0.0 - self._limited(multipliers) * self.platform.supply

    def stated(self, totals: Totals) -> Stated:
        supply, got = self.platform.supply, self._got(totals)
        mean = np.divide(got, supply, out=np.full(supply.size, float(self.share)), where=supply > 0)
        # A segment's price is that of its own part of the objective.
        typical = max(float(got.sum()) / (float(supply.sum()) or 1.0), float(self.share))
        size = np.divide(typical * supply.sum(), supply, out=np.zeros(supply.size), where=supply > 0)
        unit = "share" if self.measure is None else f"{self.measure} per impression"
        level = np.full(supply.size, float(self.share))
        return Stated("segment", self.platform.segments["id"], level, mean, False, unit, size)

    def felt(self, multipliers: FloatArray) -> str:
        return dearest(self.platform.segments["id"], self._limited(multipliers), "segment ")

    @cached_property
    def _matrix(self) -> Any:
        from scipy.sparse import csr_array

        p = self.platform
        return csr_array((self.per_edge, np.arange(p.edge_count), p.indptr), shape=(p.segment_count, p.edge_count))

    @property
    def rows(self) -> Rows:
        return Rows({"edges": self._matrix}, self.least, np.full(self.least.size, np.inf)).softened(self.price_limit)

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        from scipy.sparse import csr_array

        asked = self._asked
        if not asked.size:
            return 0, []
        least = self.least[asked]
        matrix = csr_array(csr_array(self._matrix * totals.unit("edges")[None, :])[asked] * (1.0 / least)[:, None])
        return self._kept(1.0 - matrix @ totals.of("edges"), least, totals)
