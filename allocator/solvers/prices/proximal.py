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

from allocator.rules import Constraint, RobustGMV, Rule, Totals
from allocator.rules.at_least import AtLeast
from allocator.rules.permutahedron import pooled
from allocator.rules.rule import Nearest
from allocator.rules.shares import Divided
from allocator.solvers.prices.voices import Reply, Voice

FloatArray = NDArray[np.float64]
STEP, LEAST, TRACE = 2.0, 0.01, 1e-6
"""Step of the proximal map, as far as loads move by themselves, but at least this part of what they would at the
temperature if all were contested; and the least that an anchor is taken to have at the centre, in mean loads."""


@dataclass(eq=False)
class Spoken(Totals):
    """Totals of which one good alone is known."""

    def __init__(self, rule: Rule, good: str, amounts: FloatArray):
        super().__init__(rule.platform, None)
        self._amounts[good] = amounts


@dataclass(eq=False)
class Proximal(Voice):
    """A rule with a proximal map in z = y / m over its active anchors; coordinates are marginals per unit of z."""

    rule: Any = None
    name: str = ""
    tight: float = 0.0

    def __post_init__(self) -> None:
        inner = self.rule.index if isinstance(self.rule, AtLeast) else self.rule
        self.active, self.m = inner.active, inner.m
        self.centre, self.step = np.ones(self.active.size), 1.0
        self.level = isinstance(self.rule, AtLeast)

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

    @property
    def plain(self) -> bool:
        """Whether the regularisation is in amounts, and not in their logarithms."""
        return self.rule.index.plain if self.level else self.rule.plain

    def recentre(self, loads: FloatArray, curvature: FloatArray, temperature: float) -> None:
        typical = float(loads.mean()) or 1.0
        self.centre = np.maximum(loads, 0.0 if self.plain else TRACE * typical)
        weighed = curvature * loads if self.plain else curvature
        alone = float(weighed.sum()) / (float(loads.sum()) or 1.0)
        self.step = STEP * max(alone, LEAST * (typical if self.plain else 1.0) / (temperature * float(self.m.mean())))

    def away(self, reply: Reply) -> float:
        return self._divergence(reply.amounts) / self.step

    def tighten(self, by: float) -> None:
        self.tight += by

    def _more(self) -> float:
        """By how much a level is raised, where it can be."""
        if not self.level or self.rule.soft is not None or not self.tight:
            return 0.0
        amounts = np.zeros(self.rule.platform.anchor_count)
        amounts[self.active] = self.centre * self.m
        equal = np.full(self.size, self.centre.mean()) if self.size else self.centre
        room = self.rule.index.worth(equal) - self.rule.threshold
        return self.tight * min(self.rule.unit(Spoken(self.rule, self.name, amounts)), max(room, 0.0))

    def _nearest(self, x: FloatArray) -> Nearest:
        q = (self.centre if self.plain else np.log(self.centre)) - self.step * x
        return self.rule.nearest(q, self.step, self._more()) if self.level else self.rule.nearest(q, self.step)

    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        found = self._nearest(x)
        z = found.amounts
        value = self._worth(z) - float((x * z).sum()) - self._divergence(z) / self.step
        return Reply(value, z, self.step * found.diagonal, lambda direction: self.step * found.derivative(direction))

    def _divergence(self, z: FloatArray) -> float:
        """How far amounts are from the centre."""
        if self.plain:
            return 0.5 * float(((z - self.centre) ** 2).sum())
        ratio = np.log(np.maximum(z, np.finfo(float).tiny) / self.centre)
        return float((z * ratio - z + self.centre).sum())

    def _worth(self, z: FloatArray) -> float:
        """F at the answer: nothing for a level that is kept, the price of what is missed for a soft one."""
        if self.level:
            short = self.rule.threshold + self._more() - self.rule.index.worth(z)
            return -self.rule.price_limit * max(0.0, short) if self.rule.soft is not None else 0.0
        return self._value(z)

    def _value(self, z: FloatArray) -> float:
        amounts = np.zeros(self.rule.platform.anchor_count)
        amounts[self.active] = z * self.m
        spoken = Spoken(self.rule, self.name, amounts)
        return float(self.rule.value(spoken).sum())

    def admissible(self, x: FloatArray) -> FloatArray:
        return self._nearest(x).moved / self.step

    def conjugate(self, x: FloatArray) -> float:
        return float(self.rule.conjugate(self.multipliers(x)[id(self.rule)]).sum())

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        marginals = self.spread(x)
        return {id(self.rule): self.rule.fit({self.name: marginals})}

    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        if id(self.rule) not in given:
            return None
        return self.rule.marginals(given[id(self.rule)])[self.name][self.active] * self.m

    def first(self, even: Totals, payable: float) -> FloatArray:
        if isinstance(self.rule, Constraint):
            return np.zeros(self.size)
        return self.rule.supergradient(even)[self.active] * self.m

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """Fenchel's gap at the loads, and what it takes to mend a level that they miss."""
        multipliers = self.multipliers(x)[id(self.rule)]
        conjugate = float(self.rule.conjugate(multipliers).sum())
        linear = float((self.rule.marginals(multipliers)[self.name][self.active] * self.m * loads).sum())
        if self.level and self.rule.soft is None:
            short = max(0.0, self.rule.threshold - self.rule.index.worth(loads))
            mend = max(float(multipliers[0]), worth)
            return np.array([max(conjugate + linear, 0.0) + mend * short])
        value = self._worth(loads)
        return np.array([max(conjugate + linear - value, 0.0)])

    def earned(self, loads: FloatArray) -> float:
        if isinstance(self.rule, Constraint):
            return 0.0
        amounts = np.zeros(self.rule.platform.anchor_count)
        amounts[self.active] = loads * self.m
        return float(self.rule.size(Spoken(self.rule, self.name, amounts)))

    def broken(self, amounts: FloatArray) -> float:
        if not self.level or self.rule.soft is not None:
            return 0.0
        return self.rule.violation(Spoken(self.rule, self.name, amounts)).relative


class WorstCase(Proximal):
    """What a robust objective may lose, -w radius times the largest losses; GMV itself is in the base prices."""

    def __post_init__(self) -> None:
        rule: RobustGMV = self.rule
        self.active, self.level = np.flatnonzero(rule.platform.reach_of(self.name) > 0), False
        self.m = np.ones(self.active.size)
        self.centre, self.step = np.ones(self.active.size), 1.0
        worst = np.clip(rule.budget - np.arange(self.active.size), 0.0, 1.0)
        self.weights = -rule.weight * rule.radius * worst[::-1]

    def _nearest(self, x: FloatArray) -> Nearest:
        q = np.log(self.centre) - self.step * x
        found = pooled(q, self.step * self.weights)
        return Nearest.in_logs(found.amounts, q, found.mean, 1.0 / found.count[found.pool])

    def _value(self, z: FloatArray) -> float:
        return float((self.weights * np.sort(z)).sum())

    def conjugate(self, x: FloatArray) -> float:
        return 0.0

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        rule, delta = self.rule, np.zeros(self.rule.platform.anchor_count)
        if rule.radius > 0:
            delta[self.active] = np.clip(-x / (rule.weight * rule.radius), 0.0, 1.0)
        return {id(rule): delta}

    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        if id(self.rule) not in given:
            return None
        return -self.rule.weight * self.rule.radius * given[id(self.rule)][self.active]

    def first(self, even: Totals, payable: float) -> FloatArray:
        return np.zeros(self.size)

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        return np.array([max(float((x * loads).sum()) - self._value(loads), 0.0)])

    def earned(self, loads: FloatArray) -> float:
        return self._value(loads)


@dataclass(eq=False)
class Shared(Proximal):
    """A welfare of shares times a total: the shares answer smoothly, and the total is regularised alone."""

    def __post_init__(self) -> None:
        rule: Divided = self.rule
        self.active, self.m, self.level = rule.active, np.ones(rule.active.size), False
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
        return x + max(0.0, self.rule.best(x)[0]) if self.size else x
