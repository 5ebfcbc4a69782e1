"""Voices of rules that see all anchors at once: regularised around a centre, so that their answers move smoothly.

A rule without curvature of its own answers prices by jumps. Its part of the dual is replaced by the conjugate of
F(z) - D(z, centre) / step with a divergence D: the answer is then the rule's proximal map (Moreau 1965; Censor and
Zenios 1992), a projection on a permutahedron, a cone or a level set, and what it moved by is an exactly admissible
multiplier. The centre follows the loads (proximal point method; Rockafellar 1976), so the regularisation vanishes where
they agree. D is that of Kullback and Leibler where the map is known in logarithms: loads answer prices in proportion to
themselves, and so do the rules then, whatever the spread of the anchors' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.rules import Constraint, RobustGMV, Totals
from allocator.rules.nearest import Nearest
from allocator.rules.permutahedron import pooled
from allocator.rules.shares import Divided
from allocator.solvers.prices.voices import Reply, Voice

FloatArray = NDArray[np.float64]
STEP, LEAST, TRACE = 2.0, 0.01, 1e-6
"""Step of the proximal map, as far as loads move by themselves, but at least this part of what they would at the
temperature if all were contested; and the least that an anchor is taken to have at the centre, in mean loads."""


@dataclass(eq=False)
class Proximal(Voice):
    """A rule with a proximal map in z = y / m over its active anchors; coordinates are marginals per unit of z."""

    rule: Any = None
    name: str = ""

    def __post_init__(self) -> None:
        self._over(self.rule)

    def _over(self, index: Any) -> None:
        """Speak of the active anchors of a welfare or bound, in its z."""
        self.active, self.m, self.plain = index.active, index.m, index.plain
        self.centre, self.step = np.ones(self.active.size), 1.0

    @property
    def size(self) -> int:
        return self.active.size

    def spread(self, x: FloatArray) -> FloatArray:
        prices = np.zeros(self.rule.platform.anchor_count)
        prices[self.active] = x / self.m
        return prices

    def gather(self, amounts: FloatArray) -> FloatArray:
        return amounts[self.active] / self.m

    def diagonal(self, curvature: FloatArray) -> FloatArray:
        return curvature[self.active] / self.m**2

    def effect(self, steepest: FloatArray) -> FloatArray:
        return steepest[self.active] / self.m

    def unit(self, worth: float) -> FloatArray:
        return worth * self.m

    def recentre(self, loads: FloatArray, curvature: FloatArray, temperature: float) -> None:
        typical = float(loads.mean()) or 1.0
        self.centre = np.maximum(loads, 0.0 if self.plain else TRACE * typical)
        weighed = curvature * loads if self.plain else curvature
        alone = float(weighed.sum()) / (float(loads.sum()) or 1.0)
        self.step = STEP * max(alone, LEAST * (typical if self.plain else 1.0) / (temperature * float(self.m.mean())))

    def away(self, reply: Reply) -> float:
        return self._divergence(reply.amounts) / self.step

    def totals(self, z: FloatArray) -> Totals:
        """Totals at z (n,), of the rule's good alone."""
        amounts = np.zeros(self.rule.platform.anchor_count)
        amounts[self.active] = z * self.m
        return Totals.given(self.rule.platform, {self.name: amounts})

    def nearest(self, q: FloatArray) -> Nearest:
        """The proximal map of the rule."""
        return self.rule.nearest(q, self.step)

    def _answer(self, x: FloatArray) -> Nearest:
        return self.nearest((self.centre if self.plain else np.log(self.centre)) - self.step * x)

    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        found = self._answer(x)
        z = found.amounts
        value = self.worth(z) - float((x * z).sum()) - self._divergence(z) / self.step
        return Reply(
            value, z, self.step * found.diagonal, lambda direction: self.step * found.derivative(direction), found.pool
        )

    def _divergence(self, z: FloatArray) -> float:
        """How far amounts are from the centre."""
        if self.plain:
            return 0.5 * float(((z - self.centre) ** 2).sum())
        ratio = np.log(np.maximum(z, np.finfo(float).tiny) / self.centre)
        return float((z * ratio - z + self.centre).sum())

    def worth(self, z: FloatArray) -> float:
        """F at z (n,), currency."""
        return float(self.rule.value(self.totals(z)).sum())

    def admissible(self, x: FloatArray) -> FloatArray:
        return self._answer(x).moved / self.step

    def conjugate(self, x: FloatArray) -> float:
        return float(self.rule.conjugate(self.multipliers(x)[id(self.rule)]).sum())

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        return {id(self.rule): self.rule.fit({self.name: self.spread(x)})}

    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        if id(self.rule) not in given:
            return None
        return self._marginals(given[id(self.rule)])

    def _marginals(self, multipliers: Any) -> FloatArray:
        """Marginals per unit of z (n,)."""
        return self.rule.marginals(multipliers)[self.name][self.active] * self.m

    def first(self, even: Totals, payable: float) -> FloatArray:
        if isinstance(self.rule, Constraint):
            return np.zeros(self.size)
        return self.rule.supergradient(even)[self.active] * self.m

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """Fenchel's gap at the loads."""
        return np.array([max(self._fenchel(self.multipliers(x)[id(self.rule)], loads) - self.worth(loads), 0.0)])

    def _fenchel(self, multipliers: Any, loads: FloatArray) -> float:
        """Conjugate and marginals . loads, which is at least F at the loads."""
        return float(self.rule.conjugate(multipliers).sum()) + float((self._marginals(multipliers) * loads).sum())

    def earned(self, loads: FloatArray) -> float:
        return 0.0 if isinstance(self.rule, Constraint) else float(self.rule.size(self.totals(loads)))


@dataclass(eq=False)
class Level(Proximal):
    """A level that a welfare must reach; ``tight`` raises a hard one by this part of its unit."""

    tight: float = 0.0

    def __post_init__(self) -> None:
        self._over(self.rule.index)

    def tighten(self, by: float) -> None:
        self.tight += by

    def _more(self) -> float:
        """By how much the level is raised, where it can be."""
        if self.rule.soft is not None or not self.tight:
            return 0.0
        room = self.rule.index.worth(np.full(self.size, self.centre.mean())) - self.rule.threshold
        return self.tight * min(self.rule.unit(self.totals(self.centre)), max(room, 0.0))

    def nearest(self, q: FloatArray) -> Nearest:
        return self.rule.nearest(q, self.step, self._more())

    def worth(self, z: FloatArray) -> float:
        """Nothing for a level that is kept, the price of what is missed for a soft one."""
        if self.rule.soft is None:
            return 0.0
        return -self.rule.price_limit * max(0.0, self.rule.threshold - self.rule.index.worth(z))

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """Fenchel's gap at the loads, and what it takes to mend a hard level that they miss."""
        if self.rule.soft is not None:
            return super().shortfall(x, loads, worth)
        multipliers = self.multipliers(x)[id(self.rule)]
        short = max(0.0, self.rule.threshold - self.rule.index.worth(loads))
        mend = max(float(multipliers[0]), worth) * short
        return np.array([max(self._fenchel(multipliers, loads), 0.0) + mend])

    def room(self, amounts: FloatArray) -> float:
        if self.rule.soft is not None:
            return np.inf
        totals = Totals.given(self.rule.platform, {self.name: amounts})
        return float(self.rule.slack(totals, totals).min())


class WorstCase(Proximal):
    """What a robust objective may lose, -w radius times the largest losses; GMV itself is in the base prices."""

    def __post_init__(self) -> None:
        rule: RobustGMV = self.rule
        self.active, self.plain = np.flatnonzero(rule.platform.reach_of(self.name) > 0), False
        self.m = np.ones(self.active.size)
        self.centre, self.step = np.ones(self.active.size), 1.0
        worst = np.clip(rule.budget - np.arange(self.active.size), 0.0, 1.0)
        self.weights = -rule.weight * rule.radius * worst[::-1]

    def nearest(self, q: FloatArray) -> Nearest:
        found = pooled(q, self.step * self.weights)
        return Nearest.in_logs(found.amounts, q, found.mean, 1.0 / found.count[found.pool], found.pool)

    def worth(self, z: FloatArray) -> float:
        return float((self.weights * np.sort(z)).sum())

    def conjugate(self, x: FloatArray) -> float:
        return 0.0

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        rule, delta = self.rule, np.zeros(self.rule.platform.anchor_count)
        if rule.radius > 0:
            delta[self.active] = np.clip(-x / (rule.weight * rule.radius), 0.0, 1.0)
        return {id(rule): delta}

    def _marginals(self, multipliers: FloatArray) -> FloatArray:
        return -self.rule.weight * self.rule.radius * multipliers[self.active]

    def first(self, even: Totals, payable: float) -> FloatArray:
        return np.zeros(self.size)

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        return np.array([max(float((x * loads).sum()) - self.worth(loads), 0.0)])

    def earned(self, loads: FloatArray) -> float:
        return self.worth(loads)


@dataclass(eq=False)
class Shared(Proximal):
    """A welfare of shares times a total: the shares answer smoothly, and the total is regularised alone."""

    def __post_init__(self) -> None:
        rule: Divided = self.rule
        self.active, self.m = rule.active, np.ones(rule.active.size)
        self.whole, self.step = 0.0, 1.0

    def recentre(self, loads: FloatArray, curvature: FloatArray, temperature: float) -> None:
        self.whole = float(loads.sum())
        self.step = (self.whole or 1.0) / temperature

    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        best, shares, _ = self.rule.best(x)
        moved = self.whole + self.step * best
        total = min(max(moved, 0.0), self.rule.total)
        inside = 0.0 < moved < self.rule.total

        def bend(direction: FloatArray) -> FloatArray:
            together = self.step * float((shares * direction).sum()) if inside else 0.0
            return total * self.rule.turn(shares, direction) + together * shares

        value = total * best - (total - self.whole) ** 2 / (2.0 * self.step)
        return Reply(value, total * shares, total * shares / self.rule.weight, bend)

    def away(self, reply: Reply) -> float:
        return (float(reply.amounts.sum()) - self.whole) ** 2 / (2.0 * self.step)

    def admissible(self, x: FloatArray) -> FloatArray:
        return x + max(0.0, self.rule.best(x)[0])
