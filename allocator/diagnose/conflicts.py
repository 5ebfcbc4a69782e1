"""The irreducible part of rules that contradict each other: rules first, then the anchors or groups of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Status
from allocator.certificate import TOLERANCE, refuted, violations
from allocator.diagnose.changes import described
from allocator.driver import AllocationError, Answer, Goal, NoAnswer
from allocator.elastic import Elastic, everything
from allocator.feasibility import conflict, precheck
from allocator.problem import Problem
from allocator.repair import repair
from allocator.rules import GMV, Constraint, Totals
from allocator.rules.stated import Stated
from allocator.solvers import LARGE, solve
from allocator.solvers.prices import Prices

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Witness = list[Any]
LOOSE = 0.1
"""Relative gap at which a solver may stop that is asked only whether there is a flow."""
QUICK = 15e-6
"""Seconds per edge that the price solver gets for it before linear programs decide."""
SEPARABLE = ("anchor", "group")
"""Kinds of levels that can be taken away one by one."""


class Undecided(Exception):
    """Neither a flow nor a proof that there is none was found."""


def clash(problem: Problem, seconds: float = np.inf) -> Witness | None:
    """Multipliers that refute the hard rules of a problem, or None if a flow keeps them.

    Raises
    ------
    Undecided
        If neither was found.
    """
    bare = problem.without_objective
    found = precheck(bare)
    if found is not None:
        return found.witness
    if all(t.box is not None and t.box.of == "exposure" for t in bare.constraints):
        cut = conflict(bare)  # the minimum cut decides
        return None if cut is None else cut.witness
    if bare.platform.edge_count > LARGE and _priced(bare, seconds):
        return None
    strained = Elastic.of(bare).strain(seconds=seconds)
    if strained is not None and refuted(bare, strained.multipliers):
        return list(strained.multipliers)
    if strained is not None and keeps(bare, strained.totals):
        return None
    try:
        solve(replace(bare, objective=GMV()), relative_gap=LOOSE, seconds=None if seconds == np.inf else seconds)
    except AllocationError as error:
        if error.status is Status.INFEASIBLE:
            return error.witness
        raise Undecided(str(error)) from None
    except ValueError as error:
        raise Undecided(str(error)) from None
    return None


def keeps(problem: Problem, totals: Totals, answer: Answer | None = None) -> bool:
    """Whether a flow, mended where it nearly does, keeps every hard rule; by what else its solver ``answer``s."""
    known = () if answer is None else (answer.multipliers, answer.beside)
    mended = Totals(problem.platform, repair(problem, np.asarray(totals.flow), *known))
    return all(v.relative <= TOLERANCE for v in violations(problem, mended).values())


def _priced(bare: Problem, seconds: float) -> bool:
    """Whether the price solver finds a flow that keeps the rules; it is the fastest on large graphs."""
    solver, wanted = Prices(), replace(bare, objective=GMV())
    if solver.supports(wanted) is not None:
        return False
    try:
        answer = solver(wanted, Goal(LOOSE, min(seconds, QUICK * bare.platform.edge_count)))
    except NoAnswer:
        return False
    return keeps(wanted, Totals(bare.platform, answer.flow), answer)


@dataclass(frozen=True, eq=False)
class System:
    """Some levels of the hard rules of a problem, (K,) masks by position of the rule, with a witness that refutes them:
    multipliers of all hard rules, idle at every level that is not among them.

    ``bare`` is the problem of all hard rules, ``labels`` are theirs, ``stated`` their levels, and ``extents`` these in
    the unit of their excess.
    """

    bare: Problem
    labels: tuple[str, ...]
    stated: tuple[Stated, ...]
    extents: tuple[FloatArray, ...]
    levels: dict[int, Mask]
    witness: Witness

    @classmethod
    def of(cls, problem: Problem, witness: Sequence[Any]) -> System:
        """All levels that ask for something."""
        bare, whole = problem.without_objective, everything(problem.platform)
        flow = Totals(bare.platform, np.asarray(bare.platform.even_flow))
        pairs = zip(problem.labels, problem.terms, strict=True)
        labels = tuple(label for label, term in pairs if isinstance(term, Constraint) and term.soft is None)
        stated = tuple(term.stated(flow) for term in bare.constraints)
        levels = {k: found.asked for k, found in enumerate(stated) if found.asked.any()}
        return cls(bare, labels, stated, tuple(t.extent(whole) for t in bare.constraints), levels, list(witness))

    @property
    def rules(self) -> tuple[Constraint, ...]:
        return self.bare.constraints

    def separable(self, k: int) -> bool:
        """Whether the levels of a rule can be taken away one by one."""
        return self.stated[k].kind in SEPARABLE and self.levels[k].size > 1

    def without(self, k: int, out: Mask | None = None) -> System:
        """The system without a rule, or without some of its levels (K,), and its witness idle there."""
        levels, witness = dict(self.levels), list(self.witness)
        kept = np.zeros_like(levels[k]) if out is None else levels[k] & ~out
        if kept.any():
            levels[k], witness[k] = kept, np.where(kept, witness[k], 0.0)
        else:
            del levels[k]
            witness[k] = self.rules[k].idle()
        return replace(self, levels=levels, witness=witness)

    @property
    def stands(self) -> bool:
        """Whether the witness refutes the system. Rules without multipliers, such as a cap on edges, cannot be idle:
        where they were left out the problem must be without them, too.
        """
        out = [k for k, rule in enumerate(self.rules) if rule.shape is None and k not in self.levels]
        if not out:
            return refuted(self.bare, self.witness)
        kept = [k for k in range(len(self.rules)) if k not in out]
        without = replace(self.bare, rules=tuple(self.rules[k] for k in kept))
        return refuted(without, [self.witness[k] for k in kept])

    @property
    def reduced(self) -> Problem:
        """The problem with the levels of the system alone."""
        rules = []
        for k in sorted(self.levels):
            rule, stated, kept = self.rules[k], self.stated[k], self.levels[k]
            at_most = np.broadcast_to(stated.at_most, kept.shape)
            partial = self.separable(k) and not kept.all()
            free = np.where(at_most, np.inf, 0.0)
            rules.append(rule.relevelled(np.where(kept, stated.level, free)) if partial else rule)
        return replace(self.bare, rules=tuple(rules))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The levels of the system as plain data, a row for each rule."""
        return [described(self.labels[k], self.stated[k], mask) for k, mask in sorted(self.levels.items())]

    def weights(self, k: int) -> FloatArray:
        """How much each level of a rule counts in the witness."""
        extent, size = self.extents[k], np.abs(np.asarray(self.witness[k], dtype=np.float64))
        return size * extent if size.shape == extent.shape else np.full(self.levels[k].shape, size.max(initial=0.0))


def irreducible(system: System, deadline: float) -> tuple[System, bool]:
    """Take away rules, then levels, as long as the rest still contradicts itself; and whether it was verified, before
    the deadline, that nothing more can go (a deletion filter: Chinneck and Dravnieks 1991).

    Where the witness still refutes the rest, that is arithmetic; otherwise the rest is decided anew, and a new
    contradiction found in it takes the place of the old one.
    """
    system = _by_witness(system)
    needed: set[tuple[int, int]] = set()
    while time.perf_counter() < deadline:
        found = _next(system, needed)
        if found is None:
            return system, True
        k, level = found
        out = None if level < 0 else np.arange(system.levels[k].size) == level
        rest = system.without(k, out)
        try:
            witness = clash(rest.reduced, max(deadline - time.perf_counter(), 1.0)) if rest.levels else None
        except Undecided:
            return system, False
        if witness is None:
            needed.add((k, level))
        else:
            system = _by_witness(_restricted(rest, witness))
    return system, False


def _next(system: System, needed: set[tuple[int, int]]) -> tuple[int, int] | None:
    """A rule (level -1), or a level of one that has several, of which it is not known that it is needed."""
    for k in system.levels:
        if len(system.levels) > 1 and (k, -1) not in needed:
            return k, -1
    for k, mask in system.levels.items():
        for level in np.flatnonzero(mask).tolist() if system.separable(k) and mask.sum() > 1 else ():
            if (k, level) not in needed:
                return k, level
    return None


def _restricted(rest: System, witness: Witness) -> System:
    """A system with a new witness of its reduced problem."""
    positions, whole = sorted(rest.levels), [t.idle() for t in rest.rules]
    for k, found in zip(positions, witness, strict=True):
        mine = rest.levels[k]
        if rest.separable(k) and found is not None and np.shape(found) != mine.shape:
            spread = np.zeros(mine.size)  # groups left out have no rows
            spread[mine] = found
            found = spread
        whole[k] = found
    return replace(rest, witness=whole)


def _by_witness(system: System) -> System:
    """Leave out what the witness does not need: whole rules, those that count least first, then levels in halves."""
    for k in sorted(system.levels, key=lambda k: float(system.weights(k).sum())):
        rest = system.without(k)
        if rest.levels and rest.stands:
            system = rest
    for k in list(system.levels):
        if system.separable(k):
            system = _fewer_levels(system, k)
    return system


def _fewer_levels(system: System, k: int) -> System:
    """Leave out levels of a rule, those that count least first, in chunks that halve."""
    order = np.argsort(system.weights(k), kind="stable")
    order = order[system.levels[k][order]]
    chunk = order.size
    while chunk >= 1:
        for start in range(0, order.size, chunk):
            out = np.zeros(system.levels[k].size, dtype=bool)
            out[order[start : start + chunk]] = True
            rest = system.without(k, out)
            if k in rest.levels and rest.stands:
                system = rest
        order = order[system.levels[k][order]]
        chunk = min(chunk, order.size) // 2
    return system
