"""Why it cannot be: which rules contradict each other, and the least change that makes them possible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from allocator.allocation import Status
from allocator.certificate import refuted
from allocator.diagnose.changes import changes
from allocator.diagnose.conflicts import SEPARABLE, System, Undecided, clash, irreducible, keeps
from allocator.diagnose.record import Diagnosis
from allocator.driver import AllocationError
from allocator.elastic import Elastic, Strain
from allocator.problem import Problem
from allocator.rules import GMV, GMVAtLeast, GroupShare, SegmentCap, Totals
from allocator.solvers import LARGE, solve

__all__ = ["Diagnosis", "diagnose"]
NOTHING, SOMETHING = 1e-6, 1e-4
"""Part of the supply that counts as nothing served, and the part that then is asked for."""
NEARLY = 1e-7
"""What rules are broken by, relative to their levels, that a linear program does not see."""
AS_CHEAP = 1.05
"""A change of all levels of a rule alike is told if it costs at most so many times one of single levels."""
LESS = 0.95
"""Part of all there is below which shares are measured anew by what is served."""
FILTER = 0.6
"""Part of the time left that looking for the irreducible part may take."""
ENOUGH = 2.0
"""Seconds that a step may take after the time is over."""
WIDER = (0.0, 1e-3, 1e-2)
"""Parts of the changes by which they are made larger where no solver finds a flow at the least ones."""


def diagnose(problem: Problem, *, seconds: float = 25.0, report: Callable[[str], None] | None = None) -> Diagnosis:
    """Find out why the rules of a problem cannot be kept, and what to change.

    Parameters
    ----------
    problem : Problem
        Its hard rules count; its objective and soft rules do not matter.
    seconds : float
        After this time no further rule or anchor is tried; what is found by then is told, and what it lacks.
    report : callable, optional
        Receives a line of text now and then.

    Returns
    -------
    Diagnosis
        ``print(diagnosis)`` tells it in words; ``al.solve(diagnosis.relaxed)`` goes on with the least change.

    Notes
    -----
    Every rule may give way at the price of 1 for all of its levels. The least that they must give is a linear program
    (one after the other where rules are curved, with tangents), and its multipliers are the witness: without an
    objective a bound below zero proves that no flow keeps the rules (Farkas). The price of breaking limits multipliers,
    so minus that bound is what the changes cannot be less than.
    """
    deadline, tell = time.perf_counter() + seconds, report or (lambda text: None)
    tell("by how little must rules be broken?")
    elastic = Elastic.of(problem)
    found = _flat(elastic, seconds) or elastic.strain(seconds=seconds)
    if found is not None and found.cost <= NEARLY and not refuted(problem, found.multipliers):
        elastic, found = _serving(elastic, found, seconds)
    witness = found.multipliers if found is not None and refuted(elastic.problem, found.multipliers) else None
    if witness is None:
        try:
            witness = clash(problem, seconds)
        except Undecided:
            return Diagnosis(problem, Status.FAILED)
        if witness is None:
            return Diagnosis(problem, Status.FEASIBLE)
    tell("which rules clash?")
    now = time.perf_counter()
    system, sure = irreducible(System.of(elastic.problem, witness), now + FILTER * (deadline - now))
    told = Diagnosis(elastic.problem, Status.INFEASIBLE, system.rows, sure, witness=list(witness))
    if any(isinstance(system.rules[k], SegmentCap) for k in system.levels):
        elastic = replace(elastic, stiff=tuple(kind for kind in elastic.stiff if kind is not SegmentCap))
        found = elastic.strain(seconds=_left(deadline)) or found
    tell("what is the least change?")
    return told if found is None else _remedied(told, elastic, found, deadline)


def _flat(elastic: Elastic, seconds: float) -> Strain | None:
    """The strain of the rules that are not curved, if these alone contradict each other: on large graphs tangents take
    long. Its flow may break curved rules.
    """
    problem = elastic.problem
    flat = tuple(rule for rule, term in zip(problem.rules, problem.constraints, strict=True) if not term.curved)
    if problem.platform.edge_count <= LARGE or len(flat) == len(problem.rules):
        return None
    found = replace(elastic, problem=replace(problem, rules=flat)).strain(seconds=seconds)
    if found is None or not found.proved:
        return None
    mine = iter(found.multipliers)
    return replace(found, multipliers=[term.idle() if term.curved else next(mine) for term in problem.hard])


def _serving(elastic: Elastic, found: Strain, seconds: float) -> tuple[Elastic, Strain]:
    """With one more rule, that something is served, where the rules are kept by next to nothing: shares are then those
    of that part of the supply, because rules of shares alone do not mind how much is served.
    """
    platform = elastic.problem.platform
    supply = float(platform.even_amounts("exposure").sum())
    if supply == 0 or float(found.totals.of("exposure").sum()) > NOTHING * supply:
        return elastic, found
    everybody = np.ones(platform.anchor_count, dtype=bool)
    serve = Serving(everybody, at_least=SOMETHING * supply, unit="amount")
    part = elastic.measured.times(dict.fromkeys(platform.goods, SOMETHING))
    served = Elastic(replace(elastic.problem, rules=(*elastic.problem.rules, serve)), part, (*elastic.stiff, Serving))
    again = served.strain(seconds=seconds)
    return (elastic, found) if again is None or not refuted(served.problem, again.multipliers) else (served, again)


def _remedied(told: Diagnosis, elastic: Elastic, found: Strain, deadline: float) -> Diagnosis:
    """A diagnosis with the least change found: of all levels alike where that costs hardly more."""
    problem, best, evenly = elastic.problem, found, False
    for other in _others(elastic, found, deadline):
        best = min(best, other, key=lambda strain: _cost(problem, strain))
    if any(row["kind"] in SEPARABLE for row in changes(problem, best.totals)[0]) and time.perf_counter() < deadline:
        used = elastic if best is found else replace(elastic, measured=_measured(elastic, best) or elastic.measured)
        alike = used.strain(evenly=True, seconds=_left(deadline))
        if alike is not None and _cost(problem, alike, evenly=True) <= AS_CHEAP * _cost(problem, best):
            best, evenly = alike, True
    for wider in WIDER:
        rows, relaxed = changes(problem, best.totals, evenly=evenly, wider=wider)
        if _possible(relaxed, best.totals, _left(deadline)):
            return replace(told, changes=rows, relaxed=relaxed, least=found.proved)
    return replace(told, least=found.proved)


def _others(elastic: Elastic, found: Strain, deadline: float) -> Iterator[Strain]:
    """Strains beside the first: with shares measured by what its flow serves, if that is less than all; and with
    nothing but the GMV asked for given up, if the first is not known to be near the least.
    """
    problem, served = elastic.problem, _measured(elastic, found)
    shares = any(row["unit"] == "share" for row in changes(problem, found.totals)[0])
    if shares and served is not None and time.perf_counter() < deadline:
        again = replace(elastic, measured=served).strain(seconds=_left(deadline))
        yield from () if again is None else (again,)
    without = tuple(rule for rule in problem.rules if not isinstance(rule, GMVAtLeast))
    if _cost(problem, found) > AS_CHEAP * found.proved and len(without) < len(problem.rules):
        try:
            most = solve(replace(problem, objective=GMV(), rules=without), seconds=_left(deadline))
        except (AllocationError, ValueError):
            return
        yield replace(found, totals=most.totals)


def _left(deadline: float) -> float:
    return max(deadline - time.perf_counter(), ENOUGH)


def _cost(problem: Problem, found: Strain, *, evenly: bool = False) -> float:
    return sum(row["change"] for row in changes(problem, found.totals, evenly=evenly)[0])


def _measured(elastic: Elastic, found: Strain) -> Totals | None:
    """What shares are shares of in a flow that serves less than was supposed, and something."""
    platform = elastic.problem.platform
    whole = {good: float(elastic.measured.of(good).sum()) or 1.0 for good in platform.goods}
    parts = {good: float(found.totals.of(good).sum()) / total for good, total in whole.items()}
    return elastic.measured.times(parts) if LESS > parts["exposure"] > NOTHING else None


def _possible(problem: Problem, totals: Totals, seconds: float) -> bool:
    """Whether a flow keeps the rules: the one given, mended, or another."""
    try:
        return keeps(problem, totals) or clash(problem, seconds) is None
    except Undecided:
        return False


@dataclass(frozen=True, eq=False)
class Serving(GroupShare):
    """That something is served, which the rules of shares do not ask for."""

    @property
    def name(self) -> str:
        return "serving anything at all"
