"""What the anchors answer to prices: the common conjugate of all rules on one good, and the amounts that attain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.problem import Problem
from allocator.rules import GMV, AlphaFair
from allocator.rules.rows import Boxes

FloatArray = NDArray[np.float64]
HALVINGS = 60
TRACE = 1e-9
"""Part of its reach that a starved anchor is taken to have had."""


@dataclass(frozen=True, eq=False)
class Response:
    """sup over lower <= y <= upper of sum_k F_k(y) - P y, anchor by anchor, for bounds and alpha-fair terms on one
    good.
    """

    good: str
    terms: tuple[AlphaFair, ...]
    boxes: Boxes
    reach: FloatArray
    tight: float = 0.0

    @classmethod
    def of(cls, problem: Problem, good: str, tight: float = 0.0) -> Response | None:
        """The response on a good, or None if no rule speaks of it; ``tight`` raises floors and lowers caps by this part
        of themselves, where they are apart.
        """
        terms = tuple(t for t in problem.welfare if isinstance(t, AlphaFair) and t.of == good)
        boxes = problem.box_of(good)
        return cls(good, terms, boxes, problem.platform.reach_of(good), tight) if terms or boxes.rules else None

    @cached_property
    def lower(self) -> FloatArray:
        return np.minimum(self._apart(self.boxes.lower * (1.0 + self.tight), self.boxes.lower), self.reach)

    def _apart(self, tight: FloatArray, plain: FloatArray) -> FloatArray:
        """Tight levels where floors and caps leave room for them."""
        room = self.boxes.lower * (1.0 + 3.0 * self.tight) < np.minimum(self.boxes.upper, self.reach)
        return np.where(room, tight, plain) if self.tight else plain

    @cached_property
    def upper(self) -> FloatArray:
        upper = self._apart(self.boxes.upper * (1.0 - self.tight), self.boxes.upper)
        return np.maximum(np.minimum(upper, self.reach), self.lower)

    def slope_at(self, amounts: FloatArray) -> FloatArray:
        """Sum of the terms' marginals at amounts (A,), currency per unit."""
        return sum((marginal(t, amounts) for t in self.terms), np.zeros(self.reach.size))

    def chord(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """What the terms gain per unit between two amounts (A,); their marginal at the higher one where the lower is
        nothing, or the same.
        """
        gained = np.zeros(self.reach.size)
        for t in self.terms:
            a, b = low[t.active], high[t.active]
            with np.errstate(divide="ignore", invalid="ignore"):
                steep = t.c * t.m * (t.utility(b / t.m) - t.utility(a / t.m)) / (b - a)
            apart = (a > 0) & (b > a * (1 + 1e-9))
            gained[t.active] += np.where(apart, steep, t.slope(np.maximum(b, 1e-300) / t.m))
        return gained

    @property
    def kinked(self) -> bool:
        """Without a strictly concave term the answer jumps from the cap to the floor where a price passes zero."""
        return not self.terms

    def answer(self, price: FloatArray, loads: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """(conjugate, amounts (A,), derivative of the amounts (A,) <= 0) at net marginals ``price`` (A,).

        At the kink, the amounts nearest to the ``loads`` (A,) are as good as any.
        """
        if self.kinked:
            amounts = np.where(
                price > 0, self.lower, np.where(price < 0, self.upper, np.clip(loads, self.lower, self.upper))
            )
            return float(-(price * amounts).sum()), amounts, np.zeros_like(price)
        amounts = self._concave(price)
        inside = (amounts > self.lower) & (amounts < self.upper)
        bend = sum((t.alpha * marginal(t, amounts) for t in self.terms), np.zeros(price.size))
        slope = np.divide(-amounts, bend, out=np.zeros_like(amounts), where=inside & (bend > 0))
        value = -price * amounts
        for t in self.terms:
            value[t.active] += t.c * t.m * t.utility(amounts[t.active] / t.m)
        return float(value.sum()), amounts, slope

    def shortfall(self, price: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """What the loads of each anchor lack to be the answer to its price, in currency, (A,): Fenchel's gap of the
        nearest allowed amount, and what moving there is worth."""
        amounts = np.clip(loads, self.lower, self.upper)
        best = self._concave(price) if self.terms else np.where(price > 0, self.lower, self.upper)
        lost = price * (amounts - best)
        for t in self.terms:
            lost[t.active] += t.c * t.m * (t.utility(best[t.active] / t.m) - t.utility(amounts[t.active] / t.m))
        return lost + np.maximum(np.abs(price), worth) * np.abs(loads - amounts)

    def split(self, price: FloatArray) -> dict[int, Any]:
        """Multipliers of every rule on the good, by identity: the terms their marginals at the answer, the bounds the
        rest.
        """
        # Of nothing the marginal is beyond numbers, and the bounds would get what is left of the price after it.
        amounts = np.maximum(self._concave(price), TRACE**2 * self.reach) if self.terms else np.zeros(0)
        found: dict[int, Any] = {id(t): t.fit({self.good: marginal(t, amounts)}) for t in self.terms}
        rest = price - sum(found.values(), np.zeros(price.size))
        shares = self.boxes.marginals(rest)
        return found | {id(rule): rule.fit({self.good: s}) for rule, s in zip(self.boxes.rules, shares, strict=True)}

    def _concave(self, price: FloatArray) -> FloatArray:
        """Amounts at which the terms' marginals equal the price, within the bounds."""
        lower, upper = self.lower, self.upper
        if len(self.terms) == 1:
            (t,) = self.terms
            wanted = upper.copy()
            p = np.maximum(price[t.active], 1e-290)
            with np.errstate(over="ignore"):
                wanted[t.active] = np.minimum(t.m * (p / t.c) ** (-1.0 / t.alpha), upper[t.active])
            return np.clip(wanted, lower, upper)
        low, high = np.maximum(lower, 1e-12 * upper), upper.copy()
        for _ in range(HALVINGS):  # in logarithms, because amounts span many orders of magnitude
            middle = np.sqrt(low * high)
            more = self.slope_at(middle) > price
            low, high = np.where(more, middle, low), np.where(more, high, middle)
        return np.clip(np.sqrt(low * high), lower, upper)


def marginal(term: AlphaFair, amounts: FloatArray) -> FloatArray:
    """What one more unit is worth to a term at amounts (A,), finite where there is nothing."""
    p = np.zeros(amounts.size)
    p[term.active] = term.slope(np.maximum(amounts[term.active], 1e-300) / term.m)
    return p


def not_single(problem: Problem) -> str | None:
    """Why a problem is not one of GMV, alpha-fair terms and bounds on exposure or GMV, or None."""
    for term in problem.terms:
        if term.of not in ("exposure", "gmv"):
            return f"{term.name} is neither on exposure nor on GMV; conic can take it"
        if not isinstance(term, GMV | AlphaFair) and term.box is None:
            return f"{term.name} is neither alpha-fair nor a bound on exposure or GMV; conic can take it"
    return None


def warm_prices(answers: Sequence[Response | None], start: Allocation) -> FloatArray:
    """Prices (2, A) to start from: the welfare's marginals at the amounts of a start, and what its bounds had cost.

    Under other weights the amounts are nearer to the new optimum than the prices.
    """
    surplus = start.surplus
    before = np.stack([surplus.beta, surplus.alpha - start.problem.gmv_weight])
    x = np.zeros_like(before)
    for k, (now, good) in enumerate(zip(answers, ("exposure", "gmv"), strict=True)):
        then = Response.of(start.problem, good)
        if now is not None:
            amounts = np.maximum(start.totals.of(now.good), TRACE * now.reach)
            x[k] = before[k] + now.slope_at(amounts) - (0.0 if then is None else then.slope_at(amounts))
    return x
