"""What a search for boosts returns: who has which, the flow with its certificate, and how much better any choice is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from allocator.allocation import Allocation
from allocator.discrete.boosts import Boost
from allocator.problem import Problem
from allocator.wording import quantity, some


class Phase(NamedTuple):
    """A part of a campaign (warm-up, event, after): a problem in amounts per period, and how many periods it lasts."""

    problem: Problem
    periods: float = 1.0


class Chosen(NamedTuple):
    """A boost that is on, what it costs over its phase (currency, parts of sales included), and in which phase."""

    boost: str
    anchor: Any
    cost: float
    phase: str


@dataclass(frozen=True, eq=False, repr=False)
class Boosted:
    """Boosts for anchors, with what is proved about the choice and what is claimed.

    Attributes
    ----------
    phases : mapping of name to Phase
        The problems that were asked about; the only one of `boost_slots` is called "".
    boosts : tuple of Boost
    chosen : tuple of Chosen
        Which are on.
    allocations, before : mapping of phase to Allocation
        The certified flows with the boosts, and without any.
    bound : float
        Proved: no choice within slots and budget has a flow of a larger objective, currency over all phases.
    rounding : float
        Allowance for floating-point error in the bound.
    claim : float or None
        The bound that branch and bound claims, which nobody has checked; None where it was not used.
    asked : float
        The relative gap that was asked for.
    how : str
        The way the choice was found.
    """

    phases: Mapping[str, Phase]
    boosts: tuple[Boost, ...]
    chosen: tuple[Chosen, ...]
    allocations: Mapping[str, Allocation]
    before: Mapping[str, Allocation]
    bound: float
    rounding: float
    claim: float | None
    asked: float
    how: str

    @property
    def allocation(self) -> Allocation:
        """The flow, where there is one phase."""
        return _only(self.allocations)

    @property
    def without(self) -> Allocation:
        """The flow without boosts, where there is one phase."""
        return _only(self.before)

    @property
    def problem(self) -> Problem:
        """The problem that was asked about, where there is one phase."""
        return _only(self.phases).problem

    @property
    def objective(self) -> float:
        """With the boosts, currency over all phases."""
        return self._total(self.allocations)

    @property
    def gain(self) -> float:
        """By how much the boosts raise the objective, costs aside, currency over all phases."""
        return self.objective - self._total(self.before)

    @property
    def spent(self) -> float:
        """What the boosts cost, currency over all phases."""
        return sum(row.cost for row in self.chosen)

    @property
    def gap(self) -> float:
        """Proved distance to the best choice and flow, currency over all phases."""
        return self.bound + self.rounding - self.objective

    @property
    def relative_gap(self) -> float:
        """Gap over the first-order size of the objective, as of certificates."""
        return self._relative(self.gap)

    @property
    def claimed_gap(self) -> float:
        """The relative gap that branch and bound claims, the larger one that is proved where it was not used."""
        return self.relative_gap if self.claim is None else max(0.0, self._relative(self.claim - self.objective))

    @property
    def sentence(self) -> str:
        """Who has which boost, what it costs and brings, and what is proved."""
        platform = next(iter(self.allocations.values())).platform
        names = [f"{row.boost} for {row.anchor}" + (f" in {row.phase}" if row.phase else "") for row in self.chosen]
        money, over = platform.currency, f" per {platform.period}" if list(self.phases) == [""] else " in all"
        what = f"{len(names):,} boost{'s' if len(names) != 1 else ''} ({some(names)})" if names else "no boost"
        claim = "" if self.claim is None else f"; branch and bound claims {self.claimed_gap:.2g}"
        return (
            f"Switched on {what}: {quantity(self.spent)} {money}{over} spent, the objective grows by "
            f"{quantity(self.gain)}; no other choice is better by more than {quantity(max(self.gap, 0.0))} (relative "
            f"{max(self.relative_gap, 0.0):.2g}, proved{claim})."
        )

    def _total(self, allocations: Mapping[str, Allocation]) -> float:
        return float(sum(self.phases[p].periods * a.certificate.objective for p, a in allocations.items()))

    def _relative(self, gap: float) -> float:
        scale = sum(self.phases[p].periods * a.certificate.scale for p, a in self.allocations.items())
        return gap / scale if scale > 0 else (0.0 if gap <= self.rounding else np.inf)

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"Boosted({len(self.chosen):,} boosts, gain {quantity(self.gain)}, relative gap {self.relative_gap:.2g})"


def _only(entries: Mapping[str, Any]) -> Any:
    """The entry of the only phase."""
    if len(entries) != 1:
        raise ValueError(f"there are {len(entries)} phases; name one of {some(entries)}")
    return next(iter(entries.values()))
