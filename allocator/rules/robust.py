"""GMV in the worst case over values that are known up to a radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import amount
from allocator.rules.rows import Rows
from allocator.rules.rule import Marginals
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

FloatArray = NDArray[np.float64]
PER = ("anchor", "edge")


@dataclass(frozen=True, eq=False)
class RobustGMV(Welfare):
    """GMV when an adversary lowers the values of at most ``budget`` anchors (or edges) (Bertsimas and Sim 2004).

    Parameters
    ----------
    radius : float >= 0
        How far a value may fall: this part of itself, or this many of ``deviation``.
    budget : float >= 0
        How many anchors or edges may fall at once; the last one in part.
    deviation : str, optional
        An edge measure that takes the value's place, such as ``"standard_error"``.
    per : {"anchor", "edge"}

    F = GMV - max of radius delta . losses over 0 <= delta <= 1, sum delta <= budget: losses are the amounts of the
    deviation, per anchor or edge. Multipliers are delta, its marginals w on GMV and -w radius delta on the deviation,
    its conjugate 0 (F takes the worst delta). It stands in place of `GMV`; beside it, the two are a
    blend, ``(1 - b) * GMV() + b * RobustGMV(...)``.
    """

    radius: float
    budget: float
    deviation: str | None = field(default=None, kw_only=True)
    per: str = field(default="anchor", kw_only=True)
    of: str = field(default="gmv", init=False, repr=False)

    @property
    def name(self) -> str:
        return "RobustGMV"

    def bind(self, platform: Platform) -> Self:
        amount(self.radius, "the radius of RobustGMV")
        amount(self.budget, "the budget of RobustGMV")
        if self.per not in PER:
            raise ValueError(f"RobustGMV lowers values per anchor or per edge, not per {self.per!r}")
        if self.deviation is None and self.radius > 1:
            raise ValueError(f"the radius of RobustGMV is a part of the value in [0, 1], not {self.radius!r}")
        platform.measure(self.deviation or "gmv")
        return super().bind(platform)

    @property
    def losing(self) -> str:
        """The good whose amounts may be lost."""
        return self.deviation or "gmv"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.platform.anchor_count if self.per == "anchor" else self.platform.edge_count,)

    def losses(self, totals: Totals) -> FloatArray:
        """What each anchor (A,) or edge (E,) may lose at radius 1."""
        if self.per == "anchor":
            return totals.of(self.losing)
        flow = self.platform.even_flow if totals.flow is None else totals.flow
        return flow * self.platform.measure(self.losing)

    def _worst(self, losses: FloatArray) -> FloatArray:
        """The adversary's best delta: the largest losses first."""
        delta, order = np.zeros(losses.size), np.argsort(-losses, kind="stable")
        delta[order] = np.clip(self.budget - np.arange(losses.size), 0.0, 1.0)
        return delta

    def _delta(self, multipliers: FloatArray) -> FloatArray:
        """An admissible delta: itself if it is one."""
        delta = np.clip(multipliers, 0.0, 1.0)
        total = float(delta.sum())
        return delta * (self.budget / total) if total > self.budget else delta

    def value(self, totals: Totals) -> FloatArray:
        losses = self.losses(totals)
        worst = self.radius * self._worst(losses) * losses
        return self.weight * np.concatenate((totals.of("gmv"), -worst))

    def size(self, totals: Totals) -> float:
        """GMV and what may be lost of it, both counted: their difference can be nothing, or less."""
        return float(np.abs(self.value(totals)).sum())

    def level(self, totals: Totals) -> float:
        return float(self.value(totals).sum()) / (self.weight * max(self.active.size, 1))

    def marginals(self, multipliers: FloatArray) -> Marginals:
        lost = -self.weight * self.radius * self._delta(multipliers)
        sold = np.full(self.platform.anchor_count, self.weight)
        if self.per == "edge":
            return {"gmv": sold, "edges": lost * self.platform.measure(self.losing)}
        return {"gmv": sold + lost} if self.losing == "gmv" else {"gmv": sold, self.losing: lost}

    def conjugate(self, multipliers: FloatArray) -> FloatArray:
        return np.zeros(1)

    def fit(self, marginals: Mapping[str, FloatArray]) -> FloatArray:
        if self.radius == 0 or self.weight == 0:
            return np.zeros(self.shape)
        if self.per == "edge":
            size = self.platform.measure(self.losing) * self.weight * self.radius
            lost = -marginals["edges"]
            return self._delta(np.divide(lost, size, out=np.zeros_like(lost), where=size > 0))
        lost = self.weight - marginals["gmv"] if self.losing == "gmv" else -marginals[self.losing]
        return self._delta(lost / (self.weight * self.radius))

    def supergradient(self, totals: Totals) -> FloatArray:
        return self._worst(self.losses(totals))

    def shadow_price(self, multipliers: FloatArray, totals: Totals, surplus: Any) -> FloatArray:
        """What one more unit of the radius costs: -w delta . losses."""
        return np.array([-self.weight * float((self._delta(multipliers) * self.losses(totals)).sum())])

    def stated(self, totals: Totals) -> Stated:
        radius = float(self.radius)
        return Stated.single(radius, radius, at_most=False, unit="radius", where="the worst case")

    def at(self, anchor: int, multipliers: FloatArray, totals: Totals) -> dict[str, Any]:
        """``doubt``: what part of the value (or how many deviations) the worst case takes off, over all of its
        edges.
        """
        delta, platform = self._delta(multipliers), self.platform
        if self.per == "edge":
            edges = np.flatnonzero(platform.anchor == anchor)
            weights = totals.flow[edges] if totals.flow[edges].any() else platform.supply[platform.segment[edges]]
            doubt = float(weights @ delta[edges]) / (float(weights.sum()) or 1.0)
        else:
            doubt = float(delta[anchor])
        return {"doubt": self.radius * doubt, "deviation": self.deviation}

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        import cvxpy as cp

        sold = totals.of("gmv") @ (totals.unit("gmv") * self.weight / totals.currency)
        good = self.losing if self.per == "anchor" else "edges"
        unit = totals.unit(good) * (self.platform.measure(self.losing) if self.per == "edge" else 1.0)
        losses = cp.multiply(unit * (self.weight * self.radius / totals.currency), totals.of(good))
        whole, part = int(min(self.budget, unit.size)), min(self.budget, float(unit.size)) % 1.0
        worst = (1.0 - part) * cp.sum_largest(losses, whole) if whole else 0.0
        return sold - (worst + part * cp.sum_largest(losses, whole + 1) if part else worst), []

    @property
    def rows(self) -> Rows:
        """Sum of the largest losses = min over t of budget t + sum max(0, loss - t)."""
        from scipy.sparse import csr_array, diags_array, eye_array, hstack, vstack

        A, n = self.platform.anchor_count, self.shape[0]
        good = self.losing if self.per == "anchor" else "edges"
        pick = (
            diags_array(self.platform.measure(self.losing).astype(np.float64)) if self.per == "edge" else eye_array(n)
        )
        # Variables: GMV, t >= 0, excesses r >= max(0, loss - t).
        sold = {"gmv": csr_array(vstack([csr_array(np.ones((1, A))), csr_array((2 * n + 1, A))]))}
        lost = csr_array(vstack([csr_array((1, n)), csr_array(pick) * -1.0, csr_array((n + 1, n))]))
        coefficients = {"gmv": csr_array(sold["gmv"] + lost)} if good == "gmv" else sold | {good: lost}
        own = vstack(
            [
                csr_array(([-1.0], ([0], [0])), shape=(1, 2 + n)),
                hstack([csr_array((n, 1)), csr_array(np.ones((n, 1))), eye_array(n)]),
                hstack([csr_array((n, 2)), eye_array(n)]),
                csr_array(([1.0], ([0], [1])), shape=(1, 2 + n)),
            ]
        )
        lower = np.zeros(2 * n + 2)
        upper = np.append(0.0, np.full(2 * n + 1, np.inf))
        lost_per = -self.weight * self.radius
        cost = np.concatenate(([self.weight, lost_per * self.budget], np.full(n, lost_per)))
        return Rows(coefficients, lower, upper, csr_array(own), cost)
