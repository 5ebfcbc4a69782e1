"""The loop around every solver: check, run, time, repair, certify, wrap."""

from __future__ import annotations

import functools
import platform as machine
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation, Run, Status
from allocator.certificate import Certificate, certify, violations
from allocator.feasibility import Conflict, conflict, precheck
from allocator.problem import Multipliers, Problem
from allocator.repair import repair
from allocator.rules import Totals
from allocator.wording import some

FloatArray = NDArray[np.float64]
EXACT = 1e-10
"""Relative violation beyond which an answer is repaired: well inside the tolerance, so that no flow profits from it."""
ASK = "diagnose tells which rules clash and what to change"
"""Where errors about rules lead."""
NEARLY = 1e-6
"""Relative violation up to which rules are not taken to contradict each other, which takes long to find out."""


@dataclass(frozen=True)
class Goal:
    """What is asked of a solver.

    Attributes
    ----------
    relative_gap : float
        Stop when this gap can be proved.
    seconds : float or None
        Stop after this time with the best answer so far, where the solver can.
    start : Allocation or None
        Where to start, where the solver can; it never changes the answer beyond the gap.
    report : callable or None
        Receives a line of text now and then.
    trace : callable or None
        Receives a record of how far a solver is, where it keeps one: ``passes`` over the edges, ``seconds``,
        ``objective`` (of a flow that may still break rules a little) and ``bound``.
    """

    relative_gap: float = 1e-4
    seconds: float | None = None
    start: Allocation | None = None
    report: Callable[[str], None] | None = None
    trace: Callable[[dict[str, float]], None] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.relative_gap < np.inf:
            raise ValueError(f"the relative gap must be a finite number >= 0, not {self.relative_gap}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"the time limit must be a number of seconds > 0, not {self.seconds}")

    @property
    def half_gap(self) -> float:
        """The relative gap that a solver's own estimate should reach; the certificate adds rounding."""
        return 0.5 * self.relative_gap

    def deadline(self) -> float:
        """When time is up if it starts to run at this call, seconds of the performance counter."""
        return np.inf if self.seconds is None else time.perf_counter() + self.seconds


@dataclass(frozen=True, eq=False)
class Answer:
    """What a solver returns: a flow (E,), multipliers per term (or None if it has no prices), what it claims, and
    ``beside`` a flow with room to spare under rules of several anchors, which repair may mix in.
    """

    flow: FloatArray
    multipliers: Multipliers | None = None
    iterations: int | None = None
    claim: str = ""
    beside: FloatArray | None = None


class NoAnswer(Exception):
    """Raised by a solver that ends without a flow; the text is its claim."""


class AllocationError(RuntimeError):
    """A run that ended below FEASIBLE.

    Attributes
    ----------
    status : Status
    witness : multipliers of the constraints that prove infeasibility, or None
    """

    def __init__(self, status: Status, sentence: str, witness: list[Any] | None = None):
        super().__init__(sentence)
        self.status, self.witness = status, witness


class UnsupportedError(ValueError):
    """A problem that a solver cannot express."""


UNSUPPORTED = "UNSUPPORTED"
"""The status of a row for a solver that cannot express the problem."""


@dataclass(frozen=True)
class Solver(ABC):
    """A frozen value you call, ``solver(problem, goal) -> Answer``; its fields are its hyper-parameters, its repr is
    its name in tables.

    A solver never times, scores or validates itself. It may raise `NoAnswer`.
    """

    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def supports(self, problem: Problem) -> str | None:
        """None, or a sentence saying why not."""

    @abstractmethod
    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        """Set up the solver's own model; the function returned solves it. Apart, so that the driver can time both."""

    def __call__(self, problem: Problem, goal: Goal) -> Answer:
        return self.build(problem, goal)()


def run(problem: Problem, solver: Solver, goal: Goal) -> Allocation:
    """Solve a problem with one solver and judge the answer.

    Raises
    ------
    UnsupportedError
        With the solver's own sentence.
    AllocationError
        If no feasible flow results: status INFEASIBLE with a witness where it is proved, FAILED otherwise.
    """
    reason = solver.supports(problem)
    if reason is not None:
        raise UnsupportedError(f"{solver!r} cannot take this problem: {reason}")
    _raise_on(precheck(problem))
    started = time.perf_counter()
    try:
        model = solver.build(problem, goal)
        built = time.perf_counter()
        answer = model()
    except NoAnswer as error:
        _raise_on(conflict(problem))
        rules = ", ".join(problem.labels[len(problem.objective.terms) :]) or "no rules"
        raise AllocationError(
            Status.FAILED, f"{solver!r} gave no answer under {rules}; it claims: {error}; try another solver, or {ASK}"
        ) from error
    seconds = built - started, time.perf_counter() - built
    totals, repaired = _feasible(problem, answer)
    certificate, multipliers = _judge(problem, totals, answer.multipliers, goal.relative_gap)
    _refuse_broken(problem, solver, certificate)
    _refuse_worthless(problem, totals, certificate)
    flow = totals.flow
    flow.flags.writeable = False
    return Allocation(
        problem,
        flow,
        multipliers,
        certificate,
        goal.relative_gap,
        Run(repr(solver), *seconds, answer.iterations, answer.claim, repaired, _versions(solver)),
    )


def _refuse_broken(problem: Problem, solver: Solver, certificate: Certificate) -> None:
    """No allocation that breaks a rule leaves the driver."""
    if not certificate.feasible:
        label, worst = certificate.worst
        if worst.relative > NEARLY:
            _raise_on(conflict(problem))
        raise AllocationError(
            Status.FAILED,
            f"the answer of {solver!r} breaks {label} by {worst.amount:.3g} at {worst.where} "
            f"(relative {worst.relative:.2g}), and repair could not mend it; try another solver, or {ASK}",
        )


def _refuse_worthless(problem: Problem, totals: Totals, certificate: Certificate) -> None:
    """Welfare of minus infinity is below every other allocation."""
    if np.isfinite(certificate.objective):
        return
    for term in problem.welfare:
        starved = problem.platform.anchors["id"][term.active[totals.of(term.of)[term.active] <= 0]]
        if starved.size:
            raise AllocationError(
                Status.FAILED,
                f"{term.name} is minus infinity because {starved.size:,} anchors get nothing: {some(starved)}; "
                "the rules leave them none, so leave them out of the platform, relax the rules or choose alpha < 1",
            )


def _versions(solver: Solver) -> dict[str, str]:
    """Of Python and of the packages behind an answer."""
    return {name: _version(name) for name in ("numpy", *solver.packages)} | {"python": machine.python_version()}


@functools.cache
def _version(package: str) -> str:
    """Read from the installed package once: a platform that solves every period asks often."""
    from importlib.metadata import version

    return version(package)


def _feasible(problem: Problem, answer: Answer) -> tuple[Totals, bool]:
    """The answer's flow, made feasible to the last digits where it is not; the better of both where repair cannot."""
    flow = np.ascontiguousarray(answer.flow, dtype=np.float64)
    if not (np.isfinite(flow.min()) and np.isfinite(flow.max())):
        raise AllocationError(Status.FAILED, "the solver returned a flow that is not finite; try another solver")
    totals = Totals(problem.platform, flow)
    worst = _worst(problem, totals)
    starved = any(not np.isfinite(t.value(totals).sum()) for t in problem.welfare)
    if worst <= EXACT and not starved:
        return totals, False
    repaired = Totals(problem.platform, repair(problem, flow, answer.multipliers, answer.beside))
    return (repaired, True) if starved or _worst(problem, repaired) <= worst else (totals, False)


def _worst(problem: Problem, totals: Totals) -> float:
    """Largest relative violation of a flow."""
    return max(violation.relative for violation in violations(problem, totals).values())


def _judge(
    problem: Problem, totals: Totals, multipliers: Multipliers | None, asked: float
) -> tuple[Certificate, Multipliers]:
    """Certify a flow with the solver's multipliers or, where they do not reach the gap or there are none, the better
    of them and the supergradients at the flow: any multipliers are valid."""
    supporting = problem.supporting(totals)
    if multipliers is None:
        return certify(problem, totals, supporting), supporting
    certificate = certify(problem, totals, multipliers)
    if certificate.relative_gap > asked:
        other = certify(problem, totals, supporting)
        if other.gap < certificate.gap:
            return other, supporting
    return certificate, multipliers


def contradiction(found: Conflict) -> AllocationError:
    """The error for rules that contradict each other."""
    return AllocationError(Status.INFEASIBLE, f"{found.sentence}; {ASK}", found.witness)


def _raise_on(found: Conflict | None) -> None:
    if found is not None:
        raise contradiction(found)
