"""Platforms as players: how fair each one makes itself, given how fair the others are."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Policy
from allocator.dynamics.parameters import whole, within
from allocator.market.market import Market
from allocator.market.simulation import simulate
from allocator.market.trajectory import MarketTrajectory
from allocator.wording import some

FloatArray = NDArray[np.float64]
Choice = tuple[Any, ...]
"""A level for every member, in alphabetical order of their names."""


@dataclass(frozen=True)
class Equilibrium:
    """Where best responses lead.

    Attributes
    ----------
    levels : mapping of member to level
        Where nobody wants another one; where they go round in a circle, the first levels of it.
    cycle : tuple of choices
        That circle, a choice of all members after each round; empty in an equilibrium.
    rounds : int
    """

    levels: Mapping[str, Any]
    cycle: tuple[Choice, ...]
    rounds: int


@dataclass(frozen=True, eq=False)
class Game:
    """A market in which every member chooses a level of fairness once, for the policy that it has from then on.

    Runs are kept, by levels and seed; seeds strike all levels alike, so that payoffs are compared in pairs.

    Parameters
    ----------
    market : Market
    levels : sequence
        What every member may choose from, for instance the levels of a floor.
    policy_of : callable
        From a level to the policy that it stands for.
    periods : int
    seeds : sequence of int
        Run ``seed`` is ``simulate(..., rng=numpy.random.default_rng(seed))``.
    discount : float in [0, 1]
    column : str
        What members want, of the columns of a run: ``gmv`` or ``revenue``.
    margin : float >= 0
        The relative gain below which nobody changes; above the gaps to which policies are certified (1e-3 by default).
    report : callable, optional
        Receives a line of text per run.
    """

    market: Market
    levels: Sequence[Any]
    policy_of: Callable[[Any], Policy]
    periods: int
    seeds: Sequence[int] = (0,)
    discount: float = 0.99
    column: str = "gmv"
    margin: float = 1e-3
    report: Callable[[str], None] | None = None
    _runs: dict[tuple[Choice, int], MarketTrajectory] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        whole("periods", self.periods, 1, "how often policies decide")
        within("discount", self.discount, 0.0, 1.0, "the worth of a later period over this one")
        within("margin", self.margin, 0.0, np.inf, "the relative gain below which nobody changes")
        if len(set(self.levels)) < len(self.levels) or not self.levels:
            raise ValueError(f"levels must differ, and there must be one; not {some(self.levels)}")
        if len(set(self.seeds)) < len(self.seeds) or not self.seeds:
            raise ValueError("seeds must differ, so that no run counts twice, and there must be one")

    def runs(self, choice: Sequence[Any]) -> list[MarketTrajectory]:
        """The runs of a choice, one for each seed."""
        key = self._choice(choice)
        for seed in self.seeds:
            if (key, seed) not in self._runs:
                policies = {name: self.policy_of(level) for name, level in zip(self.market.names, key, strict=True)}
                rng = np.random.default_rng(seed)
                self._runs[key, seed] = simulate(self.market.under(policies), periods=self.periods, rng=rng)
                if self.report is not None:
                    self.report(f"levels {key}, seed {seed}: {len(self._runs)} runs played")
        return [self._runs[key, seed] for seed in self.seeds]

    def _choice(self, choice: Sequence[Any]) -> Choice:
        key = tuple(choice)
        if len(key) != len(self.market.names) or any(level not in self.levels for level in key):
            raise ValueError(f"a choice has a level of {some(self.levels)} for each of {', '.join(self.market.names)}")
        return key

    def payoffs(self, choice: Sequence[Any]) -> FloatArray:
        """The discounted sum of every member, (seeds, K)."""
        runs = self.runs(choice)
        return np.array([[r[name].discounted(self.discount, self.column) for name in self.market.names] for r in runs])

    def best_response(self, member: str, choice: Sequence[Any]) -> Any:
        """The level that pays a member most on average over seeds where the others have theirs; its own if none pays
        more than ``margin`` beyond it, and the first of the best else.
        """
        place = self.market.names.index(self.market.known("best responses", member).name)

        def paid(level: Any) -> float:
            return float(self.payoffs((*choice[:place], level, *choice[place + 1 :]))[:, place].mean())

        own = paid(choice[place])
        best = max(self.levels, key=paid)
        return best if paid(best) > own + self.margin * abs(own) else choice[place]

    def equilibrium(self, start: Sequence[Any] | None = None, *, rounds: int = 50) -> Equilibrium:
        """Members respond one after the other, in alphabetical order, until a round changes nothing or comes back to
        where one has ended before.

        Raises
        ------
        RuntimeError
            If neither happens in so many rounds.
        """
        choice = self._choice(start if start is not None else [self.levels[0]] * len(self.market.names))
        seen = [choice]
        for number in range(1, rounds + 1):
            for place, name in enumerate(self.market.names):
                choice = (*choice[:place], self.best_response(name, choice), *choice[place + 1 :])
            if choice in seen:
                cycle = tuple(seen[seen.index(choice) :])
                levels = dict(zip(self.market.names, choice, strict=True))
                return Equilibrium(levels, cycle if len(cycle) > 1 else (), number)
            seen.append(choice)
        raise RuntimeError(f"no equilibrium and no cycle in {rounds} rounds; allow more of them")

    def joint(self, choices: Iterable[Sequence[Any]] | None = None) -> Choice:
        """What somebody who owned all platforms would choose of some choices, by default of all there are, one for each
        combination of levels: the largest sum of payoffs, the first of the best. All of them are played.
        """
        if choices is None:
            choices = itertools.product(self.levels, repeat=len(self.market.names))
        return max((self._choice(c) for c in choices), key=lambda c: float(self.payoffs(c).sum(axis=1).mean()))
