"""POP: split the segments at random, solve the parts with their share of every level, glue; a baseline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import violations
from allocator.driver import EXACT, AllocationError, Answer, Goal, Solver, UnsupportedError, run
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.repair import repair
from allocator.rules import GMV, AlphaFair, Cap, Floor, MaxMin, Objective, Totals
from allocator.solvers.conic import Conic
from allocator.solvers.flow import Flow
from allocator.solvers.prices import Prices
from allocator.solvers.transport import outside_transport

FloatArray = NDArray[np.float64]
WITHIN_REACH = 0.999
"""Part of its reach in a part up to which an anchor may be promised a floor there."""


@dataclass(frozen=True)
class Pop(Solver):
    """Partitioned optimisation (Narayanan et al., SOSP 2021), re-implemented.

    Segments fall into k ``parts`` by a hash of their position; each part sees 1/k of every cap, floor and merit (with
    c (m/k) U(y k/m) summed over k equal parts an alpha-fair term is itself again) and goes to the ``solver``: by
    default flow for transport problems, prices for alpha-fair terms, conic for the rest. A part that its solver cannot
    serve is solved without floors, and the driver's repair restores them. Where that cannot be, because rules on GMV
    are tight, the problem is solved whole, and the claim says so. Weakness: a part does not know what the others have,
    so anchors with few or with very unequal segments lose; no prices, so its certificate is loose under bounds.
    """

    parts: int = 4
    solver: Solver | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.parts, int) and self.parts >= 1):
            raise ValueError(f"parts must be a whole number >= 1, not {self.parts}")

    def supports(self, problem: Problem) -> str | None:
        for term in problem.terms:
            if not isinstance(term, GMV | AlphaFair | MaxMin) and term.box is None:
                return f"{term.name} cannot be divided among parts; conic can take it"
        inner = self._inner(problem)
        reason = inner.supports(problem)
        return None if reason is None else f"its parts go to {inner!r}, and {reason}"

    def _inner(self, problem: Problem) -> Solver:
        """The stock formulation."""
        if self.solver is not None:
            return self.solver
        choices = ((Flow(), outside_transport(problem)), (Prices(), Prices().supports(problem)))
        return next((solver for solver, reason in choices if reason is None), Conic())

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        parts = [(edge, _part(problem, segment, edge, self.parts)) for segment, edge in _split(problem, self.parts)]
        inner = self._inner(problem)

        def solve() -> Answer:
            deadline, flow = goal.deadline(), np.zeros(problem.platform.edge_count)
            for k, (edge, part) in enumerate(parts):
                flow[edge] = _served(part, inner, _until(goal, deadline, len(parts) - k))
            if _mendable(problem, flow):
                return Answer(flow, claim=f"glued from {len(parts)} parts, each by {inner!r}")
            whole = run(problem, inner, _until(goal, deadline, 1))
            return Answer(whole.flow.copy(), claim=f"the parts could not be glued; solved whole by {inner!r}")

        return solve


def _split(problem: Problem, parts: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Segments and edges of every part that has something to give; the hash is SplitMix64's (Steele et al. 2014)."""
    platform = problem.platform
    mixed = (np.arange(platform.segment_count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    part = (mixed ^ (mixed >> np.uint64(31))) % np.uint64(parts)
    for k in range(parts):
        edge = np.flatnonzero((part == k)[platform.segment])
        segment = np.flatnonzero(part == k)
        if edge.size and platform.supply[platform.segment[edge]].any():
            yield segment, edge


def _part(problem: Problem, segment: NDArray[np.int64], edge: NDArray[np.int64], parts: int) -> Problem:
    """The problem of some segments with their share of every level and merit."""
    whole = problem.platform
    platform = Platform(
        np.concatenate(([0], np.cumsum(np.diff(whole.indptr)[segment]))),
        whole.anchor[edge],
        whole.value[edge],
        whole.supply[segment],
        capacity=whole.capacity / parts,
        measures={name: measure[edge] for name, measure in whole.measures.items()},
    )
    terms = [replace(t, platform=None) for t in problem.terms if t not in problem.constraints]
    divided = [replace(t, merit=t.merit / parts) if isinstance(t, AlphaFair) else t for t in terms]
    rules = []
    for good, box in problem.boxes.items():
        floor = np.minimum(box.lower / parts, WITHIN_REACH * platform.reach_of(good))
        rules += [Cap(box.upper / parts, of=good), Floor(floor, of=good)]
    return Problem(platform, Objective(tuple(divided)), tuple(rules))


def _served(part: Problem, inner: Solver, goal: Goal) -> FloatArray:
    """The flow of a part: under all its rules, else under its caps, else evenly."""
    capped = tuple(rule for rule in part.rules if isinstance(rule, Cap))
    for attempt in (part, replace(part, rules=capped)):
        try:
            return run(attempt, inner, goal).flow
        except (AllocationError, UnsupportedError):
            continue
    return part.platform.even_flow


def _until(goal: Goal, deadline: float, parts: int) -> Goal:
    """The goal of one of so many parts that are left before the deadline."""
    left = None if goal.seconds is None else max(deadline - time.perf_counter(), 1e-3) / parts
    return Goal(goal.relative_gap, left)


def _mendable(problem: Problem, flow: FloatArray) -> bool:
    """Whether the driver's repair will make the flow feasible, with welfare above minus infinity."""
    totals = Totals(problem.platform, repair(problem, flow))
    worst = max(violation.relative for violation in violations(problem, totals).values())
    return worst <= EXACT and all(np.isfinite(t.value(totals).sum()) for t in problem.welfare)
