"""Terms of an objective: concave welfare with a weight."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.rules.rule import Rule
from allocator.rules.totals import Totals

if TYPE_CHECKING:
    from allocator.rules.objective import Objective

FloatArray = NDArray[np.float64]


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
