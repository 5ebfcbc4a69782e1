"""What the leximin procedure returns: an allocation, its levels, and a proof for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.certificate import Certificate, certify
from allocator.driver import Answer, Goal, Solver
from allocator.problem import Multipliers, Problem
from allocator.rules import GMV, Cap, Floor, MaxMin
from allocator.wording import quantity

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Level:
    """Anchors that stop at the same amount per unit of merit.

    Attributes
    ----------
    level : float
        What they have, in units of the good per unit of merit.
    anchors : (n,) int
        Their positions.
    bound : float
        Proved: no flow under the rules that leaves all lower levels what they have gives every other anchor more than
        this per unit of merit. The proof prices all anchors of the level, so that none of them can have more while the
        others keep theirs.
    """

    level: float
    anchors: NDArray[np.int64]
    bound: float

    @property
    def excess(self) -> float:
        """Bound over level, less 1; absolute where the level is 0."""
        return max(0.0, self.bound - self.level) / (self.level or 1.0)


@dataclass(frozen=True, eq=False, repr=False)
class Leximin:
    """A leximin allocation: of all flows under the rules the one that is best for the worst-off anchor, of those the
    best for the second worst-off, and so on; and among these the one of highest GMV.

    Attributes
    ----------
    allocation : Allocation
        Of the problem of highest GMV in which every anchor keeps what it has.
    problem : Problem
        The one that was asked about.
    of : str
        The good that is shared out.
    merit : (A,)
    levels : tuple of Level
        Rising.
    proof : callable
        Multipliers for `max_min` of a level, and the edges (E,) that proofs of lower levels leave open, or None for
        all: where surplus is below rent in such a proof, no flow that keeps the lower levels exactly can send
        anything.
    """

    allocation: Allocation
    problem: Problem
    of: str
    merit: FloatArray
    levels: tuple[Level, ...]
    proof: Callable[[int, Problem], tuple[Multipliers, NDArray[np.bool_] | None]]

    @cached_property
    def amounts(self) -> FloatArray:
        """What every anchor has of the good, (A,)."""
        return self.allocation.totals.of(self.of)

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """Position of every anchor's level in ``levels``, (A,); -1 for anchors without reach, which take no part."""
        return ranks(self.levels, self.merit.size)

    @cached_property
    def level_of(self) -> FloatArray:
        """Level of every anchor, (A,); 0 for anchors without reach."""
        level = np.append([entry.level for entry in self.levels], 0.0)
        return level[self.rank]

    @property
    def gap(self) -> float:
        """By how much a bound exceeds its level at most, relative to the level."""
        return max((entry.excess for entry in self.levels), default=0.0)

    def max_min(self, k: int) -> Problem:
        """The problem whose optimum level ``k`` is, under the hard rules: the worst-off of all anchors but those of
        lower levels, for whom floors are what they have.
        """
        rules = [rule for rule in self.problem.rules if rule.soft is None]
        floor = np.where((self.rank >= 0) & (self.rank < k), self.amounts, 0.0)
        if floor.any():
            rules.append(Floor(floor, of=self.of))
        return Problem(self.problem.platform, MaxMin(of=self.of, merit=self.merit, where=self.rank >= k), rules)

    def certificate(self, k: int) -> Certificate:
        """The allocation's flow and the proof of level ``k``, judged anew on `max_min`: one pass over the edges."""
        problem = self.max_min(k)
        multipliers, edges = self.proof(k, problem)
        return certify(problem, self.allocation.totals, multipliers, edges=edges)

    def __repr__(self) -> str:
        count = f"{len(self.levels):,} level{'s' if len(self.levels) != 1 else ''}"
        span = f" from {quantity(self.levels[0].level)} to {quantity(self.levels[-1].level)}" if self.levels else ""
        return f"Leximin of {self.of}({count}{span}, proved to a relative {self.gap:.1g}, {self.allocation!r})"


@dataclass(frozen=True)
class Prepared(Solver):
    """An answer at hand, for the driver to mend and to judge; ``method`` says where it comes from."""

    method: str
    found: Answer = field(repr=False)

    packages: ClassVar[tuple[str, ...]] = ("ortools", "POT", "highspy")

    def supports(self, problem: Problem) -> str | None:
        return None

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        return lambda: self.found


def ranks(levels: tuple[Level, ...], anchors: int) -> NDArray[np.int64]:
    """Position of every anchor's level, (A,); -1 without one."""
    rank = np.full(anchors, -1, dtype=np.int64)
    for k, entry in enumerate(levels):
        rank[entry.anchors] = k
    return rank


def highest_gmv(problem: Problem, of: str, amounts: FloatArray, room: float) -> Problem:
    """GMV under the rules of a problem, while every anchor keeps its amount (A,) of a good up to a relative ``room``.

    A floor and a cap keep it, since what rounding leaves of a bottleneck could be worth a lot elsewhere; the room keeps
    them from contradicting bounds of the problem that bind.
    """
    kept = Floor(amounts * (1 - room), of=of), Cap(amounts * (1 + room), of=of)
    return replace(problem, objective=GMV(), rules=(*problem.rules, *kept))
