"""What every rule is: one concave function of the flow with its own multipliers, marginals and conjugate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.totals import Totals

if TYPE_CHECKING:
    from allocator.rules.objective import Objective
    from allocator.rules.rows import Box, Rows
    from allocator.rules.stated import Stated

FloatArray = NDArray[np.float64]
Marginals = dict[str, FloatArray]
"""What a rule adds to the surplus: good -> (A,) currency per unit of the good; "edges" -> (E,) per impression."""


class Violation(NamedTuple):
    """The worst violation of one rule: how much, in the unit of the rule, and relative to its level."""

    amount: float
    relative: float
    where: str


@dataclass(frozen=True, eq=False)
class Rule:
    """A concave function F of the flow (design: a constraint is 0 where it holds and minus infinity elsewhere).

    A rule is written down without a platform and becomes computable by `bind`, which checks it against a platform and
    turns its levels into arrays. Every method below needs a bound rule.

    ``of`` is the good the rule speaks of: ``"exposure"``, ``"gmv"`` or the name of an edge measure.
    """

    of: str = field(default="exposure", kw_only=True)
    platform: Platform = field(default=None, repr=False, kw_only=True)  # type: ignore[assignment]

    @property
    def name(self) -> str:
        """The words by which reports call the rule."""
        return type(self).__name__ + ("" if self.of == "exposure" else f" of {self.of}")

    def bind(self, platform: Platform) -> Self:
        """Check the rule against a platform; raise ValueError naming what does not fit."""
        platform.measure(self.of)
        return replace(self, platform=platform)

    @cached_property
    def reach(self) -> FloatArray:
        """Largest amount of the rule's good that each anchor can get, (A,)."""
        return self.platform.reach_of(self.of)

    plain: ClassVar[bool] = False
    """Whether the rule's proximal map, if it has one, is in amounts and not in their logarithms; see `Nearest`."""

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the multipliers: one per anchor, unless a rule says otherwise; None for a term that has none."""
        return (self.platform.anchor_count,)

    # --- numbers -----------------------------------------------------------------------------------------------

    def marginals(self, multipliers: Any) -> Marginals:
        """What the rule adds to the value of one unit of its good at each anchor."""
        return {self.of: multipliers}

    def conjugate(self, multipliers: Any) -> FloatArray:
        """Summands of a number >= sup of F - marginals . amounts over the box 0 <= amounts <= reach.

        Returned as summands because the certificate's rounding allowance needs the sum of their absolute values.
        """
        raise NotImplementedError

    def fit(self, marginals: Mapping[str, FloatArray]) -> Any:
        """The admissible multipliers nearest to raw marginals; never gives a looser bound than they do."""
        raise NotImplementedError

    # --- models ------------------------------------------------------------------------------------------------

    def cvxpy(self, totals: Any) -> tuple[Any, list]:
        """(concave term up to a constant or 0, constraints) in CVXPY.

        ``totals.of(good)`` gives amounts (A,) as an expression in multiples of ``totals.unit(good)`` (A,); the term is
        divided by ``totals.currency``.
        """
        raise NotImplementedError

    @property
    def box(self) -> Box | None:
        """The rule as bounds on the amounts of one good, if that is all it is."""
        return None

    @property
    def rows(self) -> Rows | None:
        """The rule as linear rows (after an epigraph), if it is linear."""
        return None

    @property
    def auxiliaries(self) -> int:
        """Variables of its own that a model of the rule needs, where those may be many more than anchors."""
        return 0

    @property
    def curved(self) -> bool:
        """Whether `tangents` at more totals come nearer to the rule."""
        return self.rows is None

    def tangents(self, near: Sequence[Totals]) -> Rows | None:
        """Linear rows that are the rule's own at the totals ``near`` and nowhere stricter; `rows` where it is linear,
        None where it has no such rows.
        """
        return self.rows

    def from_duals(self, duals: FloatArray, rows: Rows) -> Any:
        """Multipliers from the duals of its rows, each the change of the optimum per unit of the bound."""
        return self.fit(rows.marginals(duals))

    def shadow_price(self, multipliers: Any, totals: Totals, surplus: Any) -> FloatArray | None:
        """Change of the optimal objective, in currency, per unit of the rule's level; None for a rule without one.

        Where the level is a share of what is served, it is that of the total at the totals; ``surplus`` (an
        `allocator.problem.Surplus`) matters to rules that have no multipliers.
        """
        return None

    # --- words -------------------------------------------------------------------------------------------------

    def stated(self, totals: Totals) -> Stated | None:
        """The levels that `shadow_price` is per unit of, beside what the totals have; None for a rule without one."""
        return None

    def at(self, anchor: int, multipliers: Any, totals: Totals) -> dict[str, Any]:
        """What else is to be said of the rule at one anchor (by position), as plain data."""
        return {}

    # --- records -----------------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        """The rule as plain data; `allocator.rules.from_record` reads it back."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "platform"}
        return {"rule": type(self).__name__} | {k: _plain(v) for k, v in named.items()}


def _plain(entry: Any) -> Any:
    """Arrays as lists, rules as records."""
    if isinstance(entry, Rule):
        return entry.record()
    if isinstance(entry, Mapping):
        return {key: _plain(value) for key, value in entry.items()}
    return entry.tolist() if isinstance(entry, np.ndarray | np.generic) else entry


@dataclass(frozen=True, eq=False)
class Constraint(Rule):
    """A rule that holds or does not; with ``soft`` it may be broken at that price, currency per unit of excess.

    A soft rule is the concave term -soft * excess of the objective, and its conjugate the one of the rule itself with
    multipliers limited to [-soft, soft] (the infimal convolution of the two supports).
    """

    soft: float | None = field(default=None, kw_only=True)

    def bind(self, platform: Platform) -> Self:
        price = self.soft
        plain = isinstance(price, int | float | np.number) and not isinstance(price, bool)
        if price is not None and not (plain and 0 < price < np.inf):
            raise ValueError(f"{self.name}: soft is a price > 0 per unit of excess, not {price!r}; None is hard")
        return super().bind(platform)

    def __mul__(self, factor: Any) -> Any:
        raise TypeError(
            f"{self.name} holds or does not, so it has no weight; soft=price makes breaking it cost something"
        )

    __rmul__ = __mul__

    @property
    def price_limit(self) -> float:
        """The largest multiplier: the price of a soft rule, infinity for a hard one."""
        return math.inf if self.soft is None else float(self.soft)

    def _limited(self, multipliers: FloatArray) -> FloatArray:
        """The nearest multipliers >= 0 that a soft rule may have."""
        return np.clip(multipliers, 0.0, self.price_limit)

    def excess(self, totals: Totals) -> FloatArray:
        """By how much each level of the rule is broken, >= 0, in its unit (in amounts where it is a share)."""
        raise NotImplementedError

    def value(self, totals: Totals) -> FloatArray:
        """Summands of what breaking a soft rule costs, currency; nothing for a hard one."""
        return np.zeros(1) if self.soft is None else -self.price_limit * self.excess(totals)

    def _kept(self, short: Any, unit: FloatArray, totals: Any) -> tuple[Any, list]:
        """`cvxpy` of a rule that holds where ``short``, an expression in multiples of ``unit``, is nowhere above 0."""
        import cvxpy as cp

        if self.soft is None:
            return 0, [short <= 0]
        return -cp.sum(cp.multiply(self.soft * unit / totals.currency, cp.pos(short))), []

    def extent(self, totals: Totals) -> FloatArray:
        """The levels in the unit of `excess`, so that excess / extent is a relative change of a level, in its shape;
        shares count of the total at the totals, and zero is what is not limited.
        """
        raise NotImplementedError

    def relevelled(self, level: FloatArray) -> Self:
        """The rule with other levels, in the order and unit of `stated`; a cap of infinity and a floor of zero ask
        nothing.
        """
        raise NotImplementedError

    def slack(self, totals: Totals, beside: Totals) -> FloatArray:
        """Room to every level that asks for something, negative where it is broken; relative to the level, where that
        is a share to the one at the totals ``beside``. A concave function of the flow.
        """
        raise NotImplementedError

    def pull(self, totals: Totals, beside: Totals, prices: FloatArray) -> Marginals:
        """Marginals of sum prices x slack at the totals, one price >= 0 for each of the levels of `slack`."""
        raise NotImplementedError

    def credit(self, multipliers: Any, totals: Totals) -> float:
        """What weak duality gives to a violation: multipliers times excess."""
        return float(np.abs(np.asarray(multipliers) * self.excess(totals)).sum())

    def violation(self, totals: Totals) -> Violation:
        """The worst violation."""
        raise NotImplementedError

    @property
    def starved(self) -> NDArray[np.bool_]:
        """Anchors that a hard rule leaves nothing of its good, (A,), as far as that is plain."""
        return np.zeros(self.platform.anchor_count, dtype=bool)

    def idle(self) -> Any:
        """Multipliers of a rule that nobody feels."""
        return np.zeros(self.shape) if self.shape is not None else None

    def felt(self, multipliers: Any) -> str:
        """Where multipliers say that the rule is felt, in words; empty if nowhere."""
        return ""


@dataclass(frozen=True, eq=False)
class Welfare(Rule):
    """A concave term of the objective; ``weight`` (currency per unit of the term) is set by multiplication."""

    weight: float = field(default=1.0, kw_only=True)

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Anchors the term runs over, (n,): those with reach."""
        return np.flatnonzero(self.reach > 0)

    @cached_property
    def m(self) -> FloatArray:
        """Merits of the active anchors, (n,)."""
        return np.ones(self.active.size)

    def to_all(self, marginals: FloatArray) -> FloatArray:
        """Marginals (n,) of the active anchors, and 0 for all others, (A,)."""
        p = np.zeros(self.reach.size)
        p[self.active] = marginals
        return p

    def value(self, totals: Totals) -> FloatArray:
        """Summands of the term, in currency."""
        raise NotImplementedError

    def size(self, totals: Totals) -> float:
        """First-order size, sum of abs(marginal) x amount at the term's own supergradient, in currency."""
        raise NotImplementedError

    def level(self, totals: Totals) -> float:
        """Equally distributed equivalent (Atkinson 1970): the amount per unit of merit that, given to every anchor
        alike, would be worth as much, in units of the good."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        return f"{type(self).__name__} of {self.of}"

    def weight_of(self, raw: FloatArray) -> float | None:
        """The weight at which the term's marginals are these (A,), where they tell."""
        return None

    def copies(self, totals: Any) -> tuple[Any, float]:
        """Amounts (n,) of the active anchors as an expression in CVXPY, near 1 together, and their unit."""
        import cvxpy as cp

        unit = totals.unit(self.of)[self.active]
        typical = float(unit.sum())
        return cp.multiply(unit / typical, totals.of(self.of)[self.active]), typical

    def constant(self, totals: Any) -> float:
        """What `cvxpy` leaves out of the term, divided like it by ``totals.currency``."""
        return 0.0

    def supergradient(self, totals: Totals) -> Any:
        """Multipliers that support the term at (or, where it is not differentiable, near) the totals."""
        raise NotImplementedError

    def __mul__(self, factor: float) -> Self:
        if not isinstance(factor, int | float | np.number):
            return NotImplemented
        if not (math.isfinite(factor) and factor >= 0):
            raise ValueError(
                f"the weight of {self.name} must be finite and >= 0, not {factor}: otherwise the objective is "
                f"not concave"
            )
        return replace(self, weight=self.weight * float(factor))

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self * -1.0

    def __add__(self, other: Welfare | Objective) -> Objective:
        from allocator.rules.objective import Objective

        return Objective((self,)) + other

    def __sub__(self, other: Welfare | Objective) -> Objective:
        return self + (-1.0) * other
