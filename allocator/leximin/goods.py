"""Leximin of any good under any linear rules: a linear program per level.

Each program raises the worst-off of the anchors that are still open, while the others keep their level. Its prices tell
two things: an anchor with a price has stopped, because every optimum gives it just the level, and an edge whose
surplus is below the rent of its segment carries nothing in any optimum, so that all programs that follow go without it
(complementary slackness). Without the second, programs become ever harder, since what stopped holds by a hair.
(Levels by linear programs and their prices: Nace and Pioro 2008; going without edges: derived here.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Status
from allocator.driver import AllocationError, Answer, Goal, contradiction, run
from allocator.feasibility import conflict
from allocator.leximin.programs import Model, Program
from allocator.leximin.record import Level, Leximin, Prepared, highest_gmv
from allocator.problem import Multipliers, Problem
from allocator.rules import MaxMin
from allocator.wording import some

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
FELT = 1e-9
"""Price, of a total of 1, from which an anchor counts as stopped; one with less is looked at again."""
LEFT_OUT, ROUNDING = 1e-7, 1e-9
"""Reduced cost, relative to what it is made of and to the program, from which an edge is left out."""
SAME = 1e-9
"""Levels that differ by less, relatively, are one."""
ROOM = 2e-10
"""By how much, relatively, what anchors keep may be off: twice the tolerance of the programs."""
RESCALINGS, FINEST = 2, 1e-6
"""Where a level is less than a tenth of the unit it was found in, it is found again in a finer one, twice at most."""


class Round(NamedTuple):
    """One program: its level, the anchors that it stops (n,), its row duals, its edges (E,), and those of them that it
    leaves out.
    """

    level: float
    stopped: Mask
    dual: FloatArray
    live: Mask
    out: NDArray[np.int64]


def by_programs(
    problem: Problem, term: MaxMin, *, relative_gap: float, report: Callable[[str], None] | None = None
) -> Leximin:
    """The leximin allocation of a problem whose hard rules are linear.

    Raises
    ------
    UnsupportedError
        If a rule is not linear.
    AllocationError
        If the rules contradict each other, or a program has no answer.
    """
    model = Model.of(problem, term)
    rounds, last, flow = _rounds(model, report)
    proof = _Proof(model, tuple(rounds), _together(rounds))
    flow, multipliers = _highest(proof, last, flow)
    final = highest_gmv(problem, term.of, term.platform.amounts(term.of, flow), ROOM)
    allocation = run(final, Prepared("HiGHS", Answer(flow, multipliers)), Goal(relative_gap))
    levels = tuple(
        Level(rounds[group[0]].level, term.active[np.any([rounds[r].stopped for r in group], axis=0)], np.inf)
        for group in proof.groups
    )
    found = Leximin(allocation, problem, term.of, term.merit, levels, proof)
    proved = [found.certificate(k) for k in range(len(levels))]
    bounds = [certificate.bound + certificate.rounding for certificate in proved]
    return replace(found, levels=tuple(replace(e, bound=b) for e, b in zip(levels, bounds, strict=True)))


def _rounds(model: Model, report: Callable[[str], None] | None) -> tuple[list[Round], Program, FloatArray]:
    """All programs of levels, the last one with everybody stopped, and its flow."""
    platform, term = model.linear.problem.platform, model.term
    goal = np.zeros(model.columns.shape[1])
    goal[model.edges] = 1.0
    most = float((term.reach[term.active] / term.merit[term.active]).min())
    everyone, live = np.ones(term.active.size, dtype=bool), platform.supply[platform.segment] > 0
    program, rounds = Program(model, goal, live, everyone, np.zeros(everyone.size), most), []
    while program.open.any():
        try:
            program, flow, dual = _in_its_unit(program)
        except ArithmeticError as error:
            raise _failed(program, len(rounds), str(error)) from None
        ratio = model.ratio(flow)
        level, price = float(ratio[program.open].min()), -dual[model.rows] * program.open
        stopped, out = price > FELT * price.sum(), _left_out(program, dual)
        rounds.append(Round(level, stopped, dual, program.live, out))
        if report is not None:
            report(f"level {level:.6g}: {stopped.sum():,} of {program.open.sum():,} open anchors stop")
        live = program.live.copy()
        live[out] = False
        kept = np.where(stopped, level, np.where(program.open, 0.0, np.minimum(program.ratio, ratio)))
        program = Program(model, goal, live, program.open & ~stopped, kept, level if level > 0 else program.pace)
    return rounds, program, flow


def _in_its_unit(program: Program) -> tuple[Program, FloatArray, FloatArray]:
    """A program's flow and duals, with a pace that is about its level, so that the level has all its digits."""
    flow, dual = program.solve()
    for _ in range(RESCALINGS):
        level = float(program.model.ratio(flow)[program.open].min())
        if level > program.pace / 10.0:
            break
        finer = replace(program, pace=max(level, FINEST * program.pace))
        flow, dual = finer.solve()
        program = finer if level > 0 else program
    return program, flow, dual


def _failed(program: Program, rounds: int, claim: str) -> AllocationError:
    """What to say where a program has no answer: the rules contradict each other, or it is too hard."""
    model, problem = program.model, program.model.linear.problem
    found = conflict(problem) if rounds == 0 else None
    if found is not None:
        return contradiction(found)
    still = some(problem.platform.anchors["id"][model.term.active[program.open]])
    return AllocationError(
        Status.FAILED,
        f"the program for level {rounds + 1} of leximin has no answer (HiGHS claims: {claim}), and {still} are still "
        f"open; relax the rules, or leave out edges of little value",
    )


def _left_out(program: Program, dual: FloatArray) -> NDArray[np.int64]:
    """Live edges that carry nothing in any optimum."""
    model, platform = program.model, program.model.linear.problem.platform
    reduced = model.reduced(dual, program.goal)
    made_of = (abs(model.columns).T @ np.abs(dual))[: model.edges]
    whole = platform.supply[platform.segment] / model.linear.impressions * model.unit / program.pace
    return np.flatnonzero(program.live & (reduced > LEFT_OUT * made_of) & (reduced * whole > ROUNDING))


def _together(rounds: Sequence[Round]) -> tuple[tuple[int, ...], ...]:
    """Rounds of one level, in order."""
    groups: list[tuple[int, ...]] = []
    for r, entry in enumerate(rounds):
        if groups and entry.level <= rounds[groups[-1][0]].level * (1 + SAME):
            groups[-1] = (*groups[-1], r)
        else:
            groups.append((r,))
    return tuple(groups)


def _highest(proof: _Proof, last: Program, flow: FloatArray) -> tuple[FloatArray, Multipliers | None]:
    """The flow of highest GMV, less what soft rules cost, at the levels, with multipliers for the problem in which a
    floor and a cap keep every anchor there; the flow at hand where the program has no answer.
    """
    model, rules = last.model, last.model.linear.problem.constraints
    if model.term.of == "gmv" and all(rule.soft is None for rule in rules):
        # Everybody's GMV is what it is, and the caps alone prove it.
        nothing, full = np.zeros(model.term.reach.size), -np.ones(model.term.reach.size)
        return flow, [None, *(rule.idle() for rule in rules), nothing, full]
    goal = model.linear.objective.copy()
    goal[model.edges] = 0.0
    try:
        flow, dual = replace(last, goal=goal).solve()
    except ArithmeticError:
        return flow, None
    whole = proof.on_edges_of(0, dual, goal, len(proof.rounds))
    price = proof.price(whole) * model.linear.currency / model.unit
    return flow, [None, *proof.of_rules(whole), np.maximum(price, 0.0), np.minimum(price, 0.0)]


@dataclass(frozen=True, eq=False)
class _Proof:
    """Multipliers from the duals of programs; rounds that make one level together price all its anchors."""

    model: Model
    rounds: tuple[Round, ...]
    groups: tuple[tuple[int, ...], ...]

    def __call__(self, k: int, problem: Problem) -> tuple[Multipliers, Mask]:
        model, first = self.model, self.groups[k][0]
        still_open = np.ones(model.term.active.size, dtype=bool)
        for entry in self.rounds[:first]:
            still_open &= ~entry.stopped
        dual = np.zeros(model.linear.lower.size)
        for r in self.groups[k]:
            mine = self.on_edges_of(first, self.rounds[r].dual, np.zeros(model.columns.shape[1]), r)
            dual += mine / -mine[model.rows][still_open].sum()
        dual /= -dual[model.rows][still_open].sum()
        price, level = np.maximum(self.price(dual), 0.0), np.zeros(model.term.reach.size)
        level[model.term.active[still_open]] = price[model.term.active[still_open]]
        given = self.of_rules(dual * model.unit / model.linear.currency)
        hard = [mine for rule, mine in zip(model.linear.problem.constraints, given, strict=True) if rule.soft is None]
        floor = [price - level] if len(problem.rules) > len(hard) else []
        return [level, *hard, *floor], self.rounds[first].live

    def of_rules(self, dual: FloatArray) -> list[Any]:
        """Multipliers of the problem's rules from row duals."""
        return list(self.model.linear.multipliers(dual))[2:]

    def price(self, dual: FloatArray) -> FloatArray:
        """What one more unit of the good at an anchor is worth to the dual, in units of the level, (A,)."""
        price, term = np.zeros(self.model.term.reach.size), self.model.term
        price[term.active] = -dual[self.model.rows] / term.merit[term.active]
        return price

    def on_edges_of(self, first: int, dual: FloatArray, goal: FloatArray, before: int) -> FloatArray:
        """Duals of the program that follows round ``before``, made valid on the edges of round ``first``: plus as much
        of the duals in between as makes no edge that they left out look good.
        """
        dual, reduced = dual.copy(), self.model.reduced(dual, goal)
        for entry in reversed(self.rounds[first:before]):
            short = entry.out[reduced[entry.out] < 0]
            if short.size:
                earlier = self.model.reduced(entry.dual, np.zeros_like(goal))
                times = float((-reduced[short] / earlier[short]).max())
                dual += times * entry.dual
                reduced = reduced + times * earlier
        return dual
