"""What no choice of boosts can exceed: weak duality over all choices and all flows at once.

Derived here. Let a choice give anchor j the boost c_j (or none), and take any multipliers of the rules, any rents
r_i >= 0 of segments and any price m >= 0 of money. A flow x on the platform of the choice has surpluses
s_e(c_j) = alpha_j v_e (1 + sigma) + beta_j + t_e, where m times the part of its sales that a boost costs is taken from
alpha_j, and

    objective  <=  sum_k conjugate_k + sum_e s_e x_e + m (budget - fixed costs),
    sum over e of i of s_e x_e  <=  b_i (r_i + sum_e max(0, s_e - r_i)),

the second because r_i is one price for all that leaves the segment. So all that depends on the choice is a sum over
anchors of  worth_j(c_j) = sum over e of j of b_i max(0, s_e(c_j) - r_i)  and of what the anchor adds to conjugates of
bounds on single anchors (a capacity that grows). Hence

    objective  <=  sum_i b_i r_i + conjugates + sum_j worth_j(none) + most over admissible choices of the sum of
                   (worth_j(c_j) - worth_j(none) - m cost_j) + m budget,

and `allocator.discrete.boost_limits.Limits.at_most` bounds the last. With caps on edges, max(0, s_e - r_i) is summed
over the pieces of `allocator.oracle`. Conjugates that do not part by anchor are taken on the platform on which every
anchor has its highest value: the same function over a larger box. It takes a pass over the edges per boost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import allowance
from allocator.discrete.boost_limits import Dues, Limits
from allocator.discrete.boosts import Menu
from allocator.problem import Multipliers, Problem
from allocator.rules import Cap, Floor, RobustGMV, SegmentFloor
from allocator.wording import some

FloatArray = NDArray[np.float64]
ROUNDING = 2.0**-50
"""Relative rounding error of one surplus."""


class Prices(NamedTuple):
    """Multipliers of the terms of one phase, one entry per term, and rents of its segments (S,)."""

    multipliers: Multipliers
    rents: FloatArray


@dataclass(frozen=True, eq=False)
class Stage:
    """One phase as the search sees it: a problem, boosts bound to its platform, and how many periods it lasts."""

    name: str
    problem: Problem
    menu: Menu
    periods: float

    @cached_property
    def everybody(self) -> list[Problem]:
        """Per boost, the problem on the platform on which everybody who may have it has it."""
        return [replace(self.problem, platform=platform) for platform in self.menu.everybody]

    @cached_property
    def highest(self) -> Problem:
        """The problem on the platform of highest values and capacities."""
        return replace(self.problem, platform=self.menu.highest)

    @cached_property
    def per_anchor(self) -> tuple[bool, ...]:
        """Per term, whether it is a bound on single anchors, whose conjugate is a sum over them."""
        return tuple(isinstance(term, Cap | Floor) for term in self.problem.terms)

    @cached_property
    def values(self) -> FloatArray:
        """Value of every edge without a boost and with each, (1 + M, E)."""
        platforms = [self.problem.platform, *self.menu.everybody]
        return np.array([platform.value for platform in platforms], dtype=np.float64)

    def refusal(self) -> str | None:
        """Why no bound over all choices is known for the problem, or None."""
        given = (*self.problem.objective.terms, *self.problem.rules)
        for rule, term, raised in zip(given, self.problem.terms, self.highest.terms, strict=True):
            if isinstance(term, RobustGMV):
                return f"{term.name} sees the values that boosts change; use GMV"
            if isinstance(term, SegmentFloor) and term.measure == "gmv":
                return f"what {term.name} asks for follows the values that boosts change"
            single = isinstance(term, Cap | Floor)
            evenly = single and term.of == "gmv" and isinstance(rule.level, str) and rule.level.startswith("even")
            if evenly or (not single and term.record() != raised.record()):
                return f"the levels of {term.name} follow the values or capacities that boosts change; write amounts"
        return None

    def surpluses(self, multipliers: Multipliers, money: float) -> tuple[FloatArray, FloatArray]:
        """Surplus of every edge without a boost and with each, (1 + M, E), and by how much rounding may be off."""
        surplus, platform = self.problem.surplus(multipliers), self.problem.platform
        share = np.append(0.0, money * self.menu.share)
        sales = (surplus.alpha[None, :] - share[:, None])[:, platform.anchor] * self.values
        bonus = surplus.beta[platform.anchor]
        extra = np.zeros(1) if surplus.extra is None else surplus.extra
        size = (np.abs(surplus.alpha)[None, :] + share[:, None])[:, platform.anchor] * self.values
        return sales + bonus + extra, ROUNDING * (size + np.abs(bonus) + np.abs(extra))

    def worth(self, prices: Prices, money: float) -> tuple[FloatArray, FloatArray]:
        """What each anchor adds to the bound without a boost and with each, (1 + M, A), and the other summands."""
        platform = self.problem.platform
        s, off = self.surpluses(prices.multipliers, money)
        rents = np.maximum(prices.rents, 0.0)
        ahead = s + off - rents[platform.segment]
        supply = platform.supply[platform.segment]
        worth = np.zeros((s.shape[0], platform.anchor_count))
        for piece in self.problem.pieces:
            for k, row in enumerate(ahead):
                worth[k] += platform.into_anchors(piece.width * supply * np.maximum(row - piece.discount, 0.0))
        others = [platform.supply * rents]
        for n, single in enumerate(self.per_anchor):
            if single:
                problems = [self.problem, *self.everybody]
                worth += np.array([problem.terms[n].conjugate(prices.multipliers[n]) for problem in problems])
            else:
                others.append(self.highest.terms[n].conjugate(prices.multipliers[n]))
        return worth, np.concatenate(others)


class Proof(NamedTuple):
    """An upper bound on every choice and flow, its rounding allowance, and the gains and shares behind it."""

    bound: float
    rounding: float
    gains: FloatArray
    shares: FloatArray

    @property
    def most(self) -> float:
        """The bound with its allowance."""
        return self.bound + self.rounding


def proved(
    stages: Sequence[Stage], limits: Limits, prices: Sequence[Prices], money: float = 0.0, dues: Dues | None = None
) -> Proof:
    """Bound the objective of every admissible choice and every flow, currency over all periods.

    Parameters
    ----------
    stages, prices : one entry per phase
        Any multipliers and rents do.
    limits : Limits
    money : float
        Price of what boosts cost, for parts of sales; used where there is a budget.
    dues : Dues, optional
        Multipliers of the limits; the best ones by default.
    """
    money = max(float(money), 0.0) if limits.budget < np.inf else 0.0
    summands, gains = [np.array([money * limits.budget if money else 0.0])], np.zeros(limits.open.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        for p, (stage, mine) in enumerate(zip(stages, prices, strict=True)):
            worth, others = stage.worth(mine, money)
            gains[p] = stage.periods * (worth[1:] - worth[0]) - money * limits.cost[p]
            summands += [stage.periods * others, stage.periods * worth[0]]
        if not (np.isfinite(gains).all() and all(np.isfinite(part).all() for part in summands)):
            return Proof(math.inf, 0.0, gains, np.zeros(gains.shape))
        shares, best = limits.best(gains)
        added = np.concatenate((*summands, limits.at_most(gains, best if dues is None else dues)))
        bound = float(added.sum())
    # Twice that of certificates, because gains are differences.
    rounding = 2 * max(allowance(stage.problem.platform) for stage in stages) * float(np.abs(added).sum())
    return Proof(bound, rounding, gains, shares)


def refuse(stages: Sequence[Stage]) -> None:
    """Refuse problems for which no bound over all choices is known.

    Raises
    ------
    ValueError
        Naming the rule, and the phases if there are several.
    """
    found = {stage.name: reason for stage in stages if (reason := stage.refusal()) is not None}
    if found:
        name, reason = next(iter(found.items()))
        where = f" (in {some(found)})" if name else ""
        raise ValueError(f"no bound over all choices of boosts is known{where}: {reason}")
