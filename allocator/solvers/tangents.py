"""Tangents: linear programs that come nearer to curved rules, and to edges left out, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import certify
from allocator.driver import Answer, Goal, NoAnswer
from allocator.linear_model import LinearModel, linear_model
from allocator.problem import Multipliers, Problem
from allocator.rules import Constraint, Totals
from allocator.rules.tangents import held
from allocator.solvers.linear import ENGINES, Linear

FloatArray = NDArray[np.float64]
ROUNDS, PATIENCE, LOST = 60, 5, 15
"""Programs at most, in a row that come no nearer, and that do not while nothing is known."""
SAFER = 4.0
"""Times what a curved rule is broken by that a flow to be mixed in has room to spare."""
SHARE = 0.2
"""Part of the asked gap at which this ends; repair and rounding take their part."""
ROWS = 25_000
"""Rows of a program after which there is no further one: simplex would take minutes."""
LARGEST = 100_000
"""Edges up to which all come back."""
NEAR = 3
"""Edges near a tie that stay after the first program, per segment and anchor."""
ASKED = 1e-9
"""By how much more than its segment pays an edge that was left out must be worth to come in, relative to the largest
worth of an impression."""


@dataclass(frozen=True)
class Tangents(Linear):
    """Any rule, by linear programs: curved ones by tangents at the answers so far (Kelley 1960), one per anchor, so
    that gaps fall as fast as tangents come near; small and medium platforms. The engines are those of `Linear`.
    """

    def supports(self, problem: Problem) -> str | None:
        return not_tangent(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        return lambda: Programs(problem, goal, Totals.even(problem.platform), engine=self.engine).solve().answer


def not_tangent(problem: Problem) -> str | None:
    """Why a problem has no linear programs that come near it, or None."""
    even = [Totals.even(problem.platform)]
    for term in problem.in_rows:
        if term.tangents(even) is None:
            return f"{term.name} has no tangents, or too many; conic can take it"
    return None


class Found(NamedTuple):
    """An answer, how far it is from its bound, relative to its size and what keeping rules would cost counted, and
    where it comes from: the program, and the rents of the segments (S,) there.
    """

    answer: Answer
    gap: float
    model: LinearModel
    rents: FloatArray


class Programs:
    """Linear programs with tangents at ``first`` and at the answers since, on some ``edges`` or, at first, on all; then
    on those near a tie, and edges that prices ask for come in. Where rules cannot be kept on them, all come back, if
    they are not more than `LARGEST`.
    """

    def __init__(
        self,
        problem: Problem,
        goal: Goal,
        first: Totals,
        edges: NDArray[np.int64] | None = None,
        engine: str = "glop",
    ):
        self.problem, self.goal, self.near, self.edges, self.engine = problem, goal, [first], edges, engine
        self.deadline, self.curved = goal.deadline(), {id(t) for t in problem.in_rows if t.curved}

    def solve(self) -> Found:
        """The answer that is proved best; Ctrl-C ends with the best so far.

        Raises
        ------
        NoAnswer
            With what the engine says of the first program.
        """
        best, since = self._next(1), 0
        found = best
        for steps in range(2, ROUNDS + 1):
            patience = PATIENCE if np.isfinite(best.gap) else LOST
            enough = best.gap <= SHARE * self.goal.relative_gap or since == patience
            late = time.perf_counter() > self.deadline or found.model.lower.size > ROWS
            try:
                if enough or late or not self._learn(found):
                    break
                found = self._next(steps)
            except (NoAnswer, KeyboardInterrupt):
                break
            best, since = (found, 0) if found.gap < best.gap else (best, since + 1)
        return best._replace(answer=replace(best.answer, beside=self._roomy(best)))

    def _next(self, steps: int) -> Found:
        """The answer of one program."""
        try:
            model, z, dual, claim = self._program()
        except NoAnswer:
            if self.edges is None or self.problem.platform.edge_count > LARGEST:
                raise
            self.edges = None
            model, z, dual, claim = self._program()
        answer = Answer(model.flow(z), model.multipliers(dual), steps, f"{claim}, {model.edges.size:,} edges")
        gap = _gap(self.problem, Totals(self.problem.platform, answer.flow), answer.multipliers)
        if self.goal.report is not None:
            self.goal.report(f"program {steps} on {model.edges.size:,} edges, gap {gap:.1e}")
        return Found(answer, gap, model, model.rents(dual))

    def _program(self) -> tuple[LinearModel, FloatArray, FloatArray, str]:
        """The program of what is known now, with its variables, duals and claim."""
        model = linear_model(self.problem, self.near, self.edges, lifted=True)
        return model, *self._solved(model)

    def _solved(self, model: LinearModel) -> tuple[FloatArray, FloatArray, str]:
        """Variables, duals and claim of the engine or, where GLOP ends without an answer, of HiGHS."""
        left = self.goal
        if left.seconds is not None:
            left = replace(left, seconds=max(self.deadline - time.perf_counter(), 1e-3))
        try:
            z, dual, _, claim = ENGINES[self.engine](model, left)()
        except NoAnswer:
            if self.engine != "glop":
                raise
            z, dual, _, claim = ENGINES["highs"](model, left)()
        return z, dual, claim

    def _learn(self, found: Found) -> bool:
        """Tangents at an answer and edges that its prices ask for; False if neither would change anything."""
        flow = Totals(self.problem.platform, found.answer.flow)
        self.near.append(held(flow, self.near, {term.of for term in self.problem.terms}))
        before, platform = self.edges, self.problem.platform
        worth = self.problem.surplus(found.answer.multipliers).on_edges()
        ahead = worth - found.rents[platform.segment]
        if self.edges is not None:
            asked = np.flatnonzero(ahead > ASKED * float(np.abs(worth).max(initial=0.0)))
            self.edges = np.union1d(self.edges, asked)
        else:
            self.edges = np.union1d(nearest(self.problem, ahead), np.flatnonzero(found.answer.flow > 0))
        return bool(self.curved) or (before is not None and self.edges.size > before.size)

    def _roomy(self, found: Found) -> FloatArray | None:
        """A flow with room to spare in curved rules that an answer breaks, by the same program at higher levels."""
        totals = Totals(self.problem.platform, found.answer.flow)
        hard = [t for t in self.problem.hard if id(t) in self.curved]
        missing = {id(term): SAFER * float(term.excess(totals)[0]) for term in hard}
        if not 0 < max(missing.values(), default=0.0) < np.inf:
            return None
        try:
            return found.model.flow(self._solved(found.model.tightened(missing))[0])
        except NoAnswer:
            return None


def count_near(problem: Problem) -> int:
    """How many edges stay near a tie."""
    platform = problem.platform
    return min(NEAR * (platform.segment_count + platform.anchor_count), platform.edge_count)


def nearest(problem: Problem, ahead: FloatArray) -> NDArray[np.int64]:
    """Positions, rising, of the edges that are worth most beside what their segments pay (E,)."""
    few = count_near(problem)
    return np.sort(np.argpartition(-ahead, few - 1)[:few])


def _gap(problem: Problem, totals: Totals, multipliers: Multipliers) -> float:
    """Relative gap of a flow that may break rules, and what keeping them would cost: what multipliers say, and at least
    the part by which they are broken.
    """
    found = certify(problem, totals, multipliers)
    pairs = zip(problem.terms, multipliers, strict=True)
    credit = sum(t.credit(mine, totals) for t, mine in pairs if isinstance(t, Constraint) and t.soft is None)
    lost = credit / found.scale if found.scale > 0 else 0.0
    return max(found.relative_gap, 0.0) + max(lost, found.worst[1].relative)
