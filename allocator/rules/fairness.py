"""Levels that the welfare of anchors must reach."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.at_least import AtLeast
from allocator.rules.linear import Linear
from allocator.rules.robust import RobustGMV
from allocator.rules.shares import Divided
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare
from allocator.wording import called, quantity

FloatArray = NDArray[np.float64]
ROOM = 1e-9
"""Part of the total by which a level must lie below the highest there is of a divergence."""


@dataclass(frozen=True, eq=False)
class FairnessAtLeast(AtLeast):
    """The welfare of a term, without its weight, reaches a level, in the unit of the term.

    ``FairnessAtLeast(Nash(), level)``; the good is that of the welfare. A linear term is no welfare: see `GMVAtLeast`.
    """

    welfare: Welfare
    level: float
    of: str = field(default="exposure", init=False, repr=False)

    @property
    def name(self) -> str:
        return f"FairnessAtLeast of {called(self.welfare)}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", getattr(self.welfare, "of", "exposure"))

    def bind(self, platform: Platform) -> Self:
        if not isinstance(self.welfare, Welfare) or isinstance(self.welfare, Linear | RobustGMV):
            raise ValueError(
                f"FairnessAtLeast needs a welfare term such as Nash(), not {called(self.welfare)}; a floor of GMV is "
                f"GMVAtLeast"
            )
        if not (isinstance(self.level, int | float | np.number) and math.isfinite(self.level)):
            raise ValueError(f"the level of {self.name} must be a finite number, not {self.level!r}")
        bound = replace(super().bind(platform), welfare=replace(self.welfare, weight=1.0).bind(platform))
        bound._refuse_equality()
        most = bound._most()
        if self.soft is None and self.level > most + 1e-9 * abs(most):
            raise ValueError(
                f"{self.name} asks for {quantity(self.level)}, and no flow brings more than {quantity(most)}; "
                f"lower the level"
            )
        return bound

    def _refuse_equality(self) -> None:
        """Nothing beside the targets themselves reaches the highest level of a divergence, and no solver meets that."""
        welfare = self.welfare
        if self.soft is not None or not isinstance(welfare, Divided) or welfare.active.size < 2:
            return
        if welfare.total > 0 and self.level > -ROOM * welfare.total:
            raise ValueError(
                f"{self.name}: {self.level:.4g} leaves {welfare.active.size:,} anchors no room but to have their "
                f"target shares exactly; lower it, or, if they are equal, write GiniAtMost(0), which is linear"
            )

    def _most(self) -> float:
        """What no flow is worth more than: the smaller of two estimates by Fenchel's inequality, which is what giving
        every anchor all its reach would bring where more is never worse.
        """
        reach = self.welfare.reach
        everything = Totals.given(self.platform, {self.welfare.of: reach})
        marginals = (np.zeros(reach.size), self.welfare.supergradient(everything))
        return min(float(self.welfare.conjugate(p).sum() + (np.maximum(p, 0.0) * reach).sum()) for p in marginals)

    def stated(self, totals: Totals) -> Stated:
        amount, unit = float(self.welfare.value(totals).sum()), self.welfare.name
        asked = Stated.single(self.threshold, amount, at_most=False, unit=unit)
        nothing = Totals.given(self.platform, {self.welfare.of: np.zeros(self.platform.anchor_count)})
        size = np.array([self.unit(totals)])
        return replace(asked, size=size, proportional=float(self.welfare.value(nothing).sum()) == 0)

    @property
    def index(self) -> Welfare:
        return self.welfare

    @property
    def threshold(self) -> float:
        return float(self.level)
