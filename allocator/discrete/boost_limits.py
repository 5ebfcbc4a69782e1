"""How many boosts and for how much money: the choices that are admissible, and the best total of gains over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.highs import Arrays, highs

FloatArray = NDArray[np.float64]


class Dues(NamedTuple):
    """Multipliers >= 0 of the limits: per phase (P,), per boost and phase (P, M), and of the budget."""

    phase: FloatArray
    boost: FloatArray
    money: float


@dataclass(frozen=True, eq=False)
class Limits:
    """At most one boost per anchor and phase, so many slots, so much money.

    Attributes
    ----------
    open : (P, M, A) bool
    cost : (P, M, A)
        Over the whole phase, currency.
    phase : (P,)
        Slots of each phase, infinity for no limit.
    boost : (P, M)
        Slots of each boost in each phase.
    budget : float
        Of all phases together, currency.
    """

    open: NDArray[np.bool_]
    cost: FloatArray
    phase: FloatArray
    boost: FloatArray
    budget: float

    def at_most(self, gains: FloatArray, dues: Dues) -> FloatArray:
        """Summands of a number that no admissible choice's gains (P, M, A) exceed, for any dues.

        Derived here: for dues >= 0 an admissible choice earns at most what it earns net of its dues plus the dues of
        all slots and all money, and net of dues every anchor takes its best boost, or none.
        """
        phase, boost, money = np.maximum(dues.phase, 0), np.maximum(dues.boost, 0), max(float(dues.money), 0.0)
        net = gains - (phase[:, None] + boost)[:, :, None] - money * self.cost
        best = np.where(self.open, net, 0.0).max(axis=1, initial=0.0)
        paid = _paid(phase, self.phase), _paid(boost, self.boost).ravel(), [_paid(money, self.budget)]
        return np.concatenate((best.ravel(), *paid))

    def best(self, gains: FloatArray) -> tuple[FloatArray, Dues]:
        """Shares (P, M, A) of boosts that earn most where anchors may have parts of them, and dues that prove it."""
        pairs = np.argwhere(self.open & (gains > 0))
        shares = np.zeros(self.open.shape)
        nothing = Dues(np.zeros(self.phase.shape), np.zeros(self.boost.shape), 0.0)
        if not pairs.size:
            return shares, nothing
        p, m, j = pairs.T
        worth = gains[p, m, j]
        unit = float(worth.max())
        program = Arrays(worth / unit, *self._rows(p, m, j), np.zeros(p.size), np.ones(p.size))
        found = highs(program, {"solver": "simplex"})
        if found.z is None:
            return shares, nothing
        shares[p, m, j] = np.clip(found.z, 0.0, 1.0)
        return shares, self._dues(found.dual * unit)

    @cached_property
    def money_unit(self) -> float:
        """What makes costs comparable with 1."""
        return float(self.cost[self.open].max(initial=0.0)) or 1.0

    def _rows(self, p: Any, m: Any, j: Any) -> tuple[Any, FloatArray, FloatArray]:
        """Rows over triples of phase, boost and anchor: slots of phases and of boosts, money, one per anchor."""
        from scipy.sparse import csr_array

        P, M, A = self.open.shape
        column, one = np.arange(p.size), np.ones(p.size)
        row = np.concatenate((p, P + p * M + m, np.full(p.size, P + P * M), P + P * M + 1 + p * A + j))
        entries = np.concatenate((one, one, self.cost[p, m, j] / self.money_unit, one))
        upper = np.concatenate((self.phase, self.boost.ravel(), [self.budget / self.money_unit], np.ones(P * A)))
        matrix = csr_array((entries, (row, np.tile(column, 4))), shape=(upper.size, p.size))
        return matrix, np.full(upper.size, -np.inf), upper

    def _dues(self, dual: FloatArray) -> Dues:
        P, M, _ = self.open.shape
        money = max(0.0, float(dual[P + P * M])) / self.money_unit
        return Dues(np.maximum(dual[:P], 0), np.maximum(dual[P : P + P * M], 0).reshape(P, M), money)

    def filled(self, scores: FloatArray) -> NDArray[np.int64]:
        """An admissible choice (P, A), -1 for none: by falling score (P, M, A), each taken where there is room."""
        choice = np.full(self.open.shape[::2], -1, dtype=np.int64)
        slots, each, money = self.phase.copy(), self.boost.copy(), self.budget
        pairs = np.argwhere(self.open & (scores > 0))
        for p, m, j in pairs[np.argsort(-scores[tuple(pairs.T)], kind="stable")]:
            cost = float(self.cost[p, m, j])
            if choice[p, j] == -1 and slots[p] >= 1 and each[p, m] >= 1 and cost <= money:
                choice[p, j] = m
                slots[p], each[p, m], money = slots[p] - 1, each[p, m] - 1, money - cost
        return choice

    def spent(self, choice: NDArray[np.int64]) -> float:
        """Fixed cost of a choice (P, A), currency."""
        p, j = np.nonzero(choice >= 0)
        return float(self.cost[p, choice[p, j], j].sum())

    def admits(self, choice: NDArray[np.int64]) -> bool:
        """Whether a choice (P, A) keeps within all limits."""
        p, j = np.nonzero(choice >= 0)
        m = choice[p, j]
        each = np.zeros(self.boost.shape)
        np.add.at(each, (p, m), 1.0)
        within = (each.sum(axis=1) <= self.phase).all() and (each <= self.boost).all()
        return bool(self.open[p, m, j].all() and within and self.spent(choice) <= self.budget * (1 + 1e-12))


def _paid(dues: FloatArray | float, limits: FloatArray | float) -> FloatArray:
    """What limits are worth at dues >= 0; no limit costs nothing where nothing is due."""
    return dues * np.where(dues > 0, limits, 0.0)
