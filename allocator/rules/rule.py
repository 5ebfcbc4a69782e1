"""What every rule is: one concave function of the flow with its own multipliers, marginals and conjugate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.totals import Totals

if TYPE_CHECKING:
    from allocator.rules.rows import Box, Rows
    from allocator.rules.stated import Stated

FloatArray = NDArray[np.float64]
Marginals = dict[str, FloatArray]
"""What a rule adds to the surplus: good -> (A,) currency per unit of the good; "edges" -> (E,) per impression."""


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
