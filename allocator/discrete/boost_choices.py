"""Choices of boosts, each judged by a certified flow, and two searches over them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.discrete.boost_bound import Proof, Stage, proved
from allocator.discrete.boost_limits import Limits
from allocator.discrete.boost_prices import Relaxed, relaxed
from allocator.discrete.boost_program import Program, program
from allocator.driver import AllocationError
from allocator.highs import highs
from allocator.rules import Budget
from allocator.solvers import solve
from allocator.wording import quantity

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
PASSES, ROUNDS, SETTLED = 20, 8, 3
"""Steps of a relaxation; how often the rules are priced anew at the shares that it gives, first from nothing and then
half of the way.
"""
SWAPS = 40
"""Swaps that are tried in one round."""
BRANCHING = 0.7
"""Part of the time that branch and bound may take."""
CLOSE = 1e-6
"""Tolerance of HiGHS: a claim that is lower than a certified flow by more is refuted, and none is made."""


class Judged(NamedTuple):
    """A choice (P, A) with its certified flows, one per phase, its objective, and the price of money in it."""

    choice: IntArray
    allocations: tuple[Allocation, ...]
    objective: float
    money: float


class Outcome(NamedTuple):
    """The best choice, a proof about all of them, and what branch and bound claims, if it was used."""

    best: Judged
    proof: Proof
    claim: float | None


@dataclass(frozen=True, eq=False)
class Choices:
    """All choices for some phases within limits; flows are found once per phase and choice."""

    stages: Sequence[Stage]
    limits: Limits
    relative_gap: float
    flows: dict[tuple[int, bytes], Allocation | None] = field(default_factory=dict)

    @cached_property
    def none(self) -> Judged:
        """No boost at all; raises AllocationError where the rules contradict each other."""
        nothing = np.full(self.limits.open.shape[::2], -1, dtype=np.int64)
        return self._judged(nothing, [self._solved(p, nothing) for p in range(len(self.stages))])

    def judge(self, choice: IntArray) -> Judged | None:
        """The flows of a choice; None if the rules contradict each other under it, or no flow was found."""
        found = []
        for p in range(len(self.stages)):
            key = p, choice[p].tobytes()
            if key not in self.flows:
                try:
                    self.flows[key] = self._solved(p, choice)
                except AllocationError:
                    self.flows[key] = None
            found.append(self.flows[key])
        return None if any(a is None for a in found) else self._judged(choice, found)

    def partly(self, shares: FloatArray) -> list[Any] | None:
        """Multipliers of the terms where anchors have shares (P, M, A) of boosts; None if the rules contradict each
        other there.
        """
        found = []
        for stage, part in zip(self.stages, shares, strict=True):
            problem = replace(stage.problem, platform=stage.menu.partly(part))
            try:
                found.append(solve(problem, relative_gap=self.relative_gap).multipliers)
            except AllocationError:
                return None
        return found

    def _solved(self, p: int, choice: IntArray) -> Allocation:
        """The flow of one phase under a choice: on another platform, with what is left of the budget for sales."""
        stage, mine = self.stages[p], choice[p]
        share = np.append(stage.menu.share, 0.0)[mine]  # the last one is that of no boost, -1
        rules = stage.problem.rules
        if share.any() and self.limits.budget < np.inf:
            left = max(0.0, self.limits.budget - self.limits.spent(choice)) / stage.periods
            rules = (*rules, Budget(share, total=left, of="gmv"))
        problem = replace(stage.problem, platform=stage.menu.after(mine), rules=rules)
        return solve(problem, relative_gap=self.relative_gap)

    def _judged(self, choice: IntArray, flows: Any) -> Judged:
        pairs = list(zip(self.stages, flows, strict=True))
        objective = sum(s.periods * a.certificate.objective for s, a in pairs)
        paid = [float(a.multipliers[-1][0]) for s, a in pairs if len(a.problem.rules) > len(s.problem.rules)]
        return Judged(choice, tuple(flows), float(objective), max(paid, default=0.0))

    def multipliers(self, judged: Judged) -> list[Any]:
        """Multipliers of the terms of the problems themselves, without that of the budget for sales."""
        pairs = zip(self.stages, judged.allocations, strict=True)
        return [a.multipliers[: len(s.problem.terms)] for s, a in pairs]


@dataclass
class Search:
    """A search under way: the choices, when it ends, and who hears of it."""

    choices: Choices
    end: float
    report: Callable[[str], None] | None

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.perf_counter()

    def better(self, best: Judged, choice: IntArray) -> Judged:
        """The better of a choice and the best so far."""
        found = self.choices.judge(choice)
        if found is None or found.objective <= best.objective:
            return best
        self.say(
            f"objective {quantity(found.objective)}, {quantity(found.objective - self.choices.none.objective)} gained"
        )
        return found

    def near(self, best: Judged, proof: Proof) -> bool:
        """Whether no choice is better than the best so far by more than was asked."""
        return proof.most - best.objective <= self.choices.relative_gap * abs(best.objective)

    def say(self, line: str) -> None:
        """Report a line, if anybody listens."""
        if self.report is not None:
            self.report(line)


def by_branching(search: Search) -> Outcome:
    """Branch and bound of HiGHS, and swaps where it ran out of time; the proof takes the prices of its relaxation."""
    choices = search.choices
    whole, none = program(choices.stages, choices.limits), choices.none
    relaxation = highs(replace(whole.arrays, whole=None), {"solver": "simplex", "time_limit": max(1.0, search.left)})
    proof, start = _proof(choices, whole, relaxation, none)
    best = search.better(none, choices.limits.filled(start))
    # Presolve of HiGHS 1.14 calls choices of this kind optimal that are not (its issue 3094), and saves no time here.
    options = {"presolve": "off", "time_limit": max(1.0, BRANCHING * search.left), "mip_rel_gap": choices.relative_gap}
    found = highs(whole.arrays, options)
    claim = found.bound * whole.currency
    search.say(f"{found.iterations:,} nodes: {found.message.lower()}, at most {quantity(claim)} (a claim)")
    if found.z is not None:
        # HiGHS may exceed a budget by its tolerance: whoever does not fit in then stays out.
        best = search.better(best, choices.limits.filled(whole.switched_on(found.z, choices.limits)))
    refuted = claim < best.objective - max(CLOSE, choices.relative_gap) * abs(best.objective)
    if refuted or not found.optimal:
        best = _swapped(search, best, start, proof)
    return Outcome(best, proof, None if refuted else claim)


def _proof(choices: Choices, whole: Program, relaxation: Any, none: Judged) -> tuple[Proof, FloatArray]:
    """The better of two proofs, by the prices of the relaxation and by those of the flow without boosts; and scores."""
    limits, nothing = choices.limits, np.zeros(choices.limits.open.shape)
    plain = relaxed(choices.stages, limits, choices.multipliers(none), start=(nothing, none.money), passes=PASSES)
    if relaxation.z is None or not relaxation.optimal:
        return plain.proof, plain.shares
    prices, money = whole.prices(relaxation.dual, choices.stages)
    proof = proved(choices.stages, limits, prices, money)
    return min(proof, plain.proof, key=lambda p: p.most), np.maximum(plain.shares, 0) + 1e-9 * proof.gains.clip(0)


def by_prices(search: Search) -> Outcome:
    """Relax, round, price the rules anew where anchors have the shares of boosts found so far; then swap."""
    choices, limits = search.choices, search.choices.limits
    best, found, multipliers = choices.none, None, choices.multipliers(choices.none)
    shares = np.zeros(limits.open.shape)
    for step in range(ROUNDS):
        now = relaxed(choices.stages, limits, multipliers, start=(shares, best.money), passes=PASSES)
        found = now if found is None or now.proof.most < found.proof.most else found
        best = search.better(best, limits.filled(_scores(now)))
        search.say(f"no choice is better than {quantity(found.proof.most)}")
        if search.left <= 0 or search.near(best, found.proof):
            break
        shares = shares + 2.0 / (step + 2.0) * (now.shares - shares)
        after = choices.partly(shares)
        if after is not None:
            weight = 1.0 if step < SETTLED else 0.5
            multipliers = [_between(*pair, weight) for pair in zip(multipliers, after, strict=True)]
    assert found is not None
    return Outcome(_swapped(search, best, _scores(found), found.proof), found.proof, None)


def _scores(now: Relaxed) -> FloatArray:
    """Shares of boosts first, gains among equals: what a choice is read from."""
    gains = np.maximum(now.proof.gains, 0.0)
    return now.shares + 1e-6 * gains / (gains.max(initial=0.0) or 1.0)


def _between(old: Any, new: Any, weight: float) -> list[Any]:
    """Multipliers part of the way from old ones to new ones: the bound is convex in them."""
    return [
        o if o is None else (1 - weight) * np.asarray(o) + weight * np.asarray(n) for o, n in zip(old, new, strict=True)
    ]


def _swapped(search: Search, best: Judged, scores: FloatArray, proof: Proof) -> Judged:
    """Swap the chosen boosts of lowest score for others of highest score, or add one, while it helps and more than was
    asked is missing.
    """
    limits, improved = search.choices.limits, True
    while improved:
        improved = False
        for choice in _neighbours(limits, best.choice, scores):
            if search.left <= 0 or search.near(best, proof):
                return best
            after = search.better(best, choice)
            if after is not best:
                best, improved = after, True
                break
    return best


def _neighbours(limits: Limits, choice: IntArray, scores: FloatArray) -> list[IntArray]:
    """Admissible choices one boost away, the most promising first: another one in place of a chosen one, or beside."""
    on = np.argwhere(choice >= 0)
    m = choice[tuple(on.T)]
    low = on[np.argsort(scores[on[:, 0], m, on[:, 1]], kind="stable")][:SWAPS]
    taken = np.zeros(limits.open.shape, dtype=bool)
    taken[on[:, 0], m, on[:, 1]] = True
    pairs = np.argwhere(limits.open & ~taken)
    high = pairs[np.argsort(-scores[tuple(pairs.T)], kind="stable")][:SWAPS]
    found = []
    for a, (p, k, j) in enumerate(high):
        for b, out in enumerate([None, *low]):
            other = choice.copy()
            if out is not None:
                other[tuple(out)] = -1
            other[p, j] = k
            if limits.admits(other):
                found.append((a + b, len(found), other))
    return [other for _, _, other in sorted(found, key=lambda entry: entry[:2])[:SWAPS]]
