"""One problem, several solvers: what each answers, proves and takes, judged by the same certificate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from allocator.allocation import Allocation
from allocator.driver import UNSUPPORTED, AllocationError, Goal, Solver, UnsupportedError
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Objective
from allocator.solvers import BASELINES, SECOND_OPINION, SOLVERS, named, solve

Row = dict[str, Any]
GENERAL = ("conic", "linear")
"""Models of whole problems, which take minutes where the others take seconds."""


def compare(
    problem: Problem,
    solvers: Sequence[str | Solver] | None = None,
    *,
    relative_gap: float = 1e-4,
    seconds: float | None = None,
    report: Callable[[str], None] | None = None,
) -> list[Row]:
    """Solve a problem with several solvers, one after the other; none of them can end the comparison.

    Parameters
    ----------
    problem : Problem
    solvers : sequence of str or Solver, optional
        Names as in `allocator.solve`, or solver objects; `contenders` by default.
    relative_gap, seconds
        As in `allocator.solve`, for each solver.
    report : callable, optional
        Receives lines that begin with the name of a solver.

    Returns
    -------
    list of dict
        One per solver: ``solver`` as asked, ``status``, ``objective``, ``bound`` (with its rounding), ``gap`` and
        ``relative_gap`` of its own certificate, ``gmv`` (currency / period), ``build_seconds``, ``solve_seconds``
        (after its packages and compiled passes were loaded on a problem of two edges), ``iterations`` (None if it
        does not say). Where another solver proved a bound that is lower by more than rounding, as for those without
        multipliers, ``best_bound_by`` names it and ``relative_gap_to_best`` is the gap against it (both None
        otherwise).
        A solver that gave no flow has ``solver``, ``status`` and ``reason`` alone; the status is UNSUPPORTED where it
        cannot express the problem.

    Raises
    ------
    ValueError, TypeError
        For an unknown solver, or a gap or time that no solver could take.
    """
    goal = Goal(relative_gap, seconds)
    wanted = contenders(problem) if solvers is None else list(solvers)
    chosen = [(str(solver), _chosen(solver)) for solver in wanted]
    rows: list[Row] = []
    found: dict[int, Allocation] = {}
    for k, (name, solver) in enumerate(chosen):
        answer = _attempt(problem, name, solver, replace(goal, report=_prefixed(report, name)))
        if isinstance(answer, Allocation):
            found[k] = answer
            rows.append({"solver": name} | _measured(answer))
        else:
            rows.append({"solver": name} | answer)
        if report is not None:
            report(f"{name}: {rows[-1]['status'].lower()}")
    for k, answer in found.items():
        rows[k] |= _against_best(answer, {rows[other]["solver"]: mine for other, mine in found.items() if other != k})
    return rows


def contenders(problem: Problem) -> list[str]:
    """The solvers that optimise and can express a problem; beyond 300,000 edges without `conic` and `linear` where
    `flow` or `prices` can take it.
    """
    able = [name for name, kind in SOLVERS.items() if name not in BASELINES and kind().supports(problem) is None]
    if problem.platform.edge_count <= SECOND_OPINION or not {"flow", "prices"} & set(able):
        return able
    return [name for name in able if name not in GENERAL]


def _chosen(solver: str | Solver) -> str | Solver:
    """Refuse what is no solver before any of them runs."""
    if isinstance(solver, Solver) or solver == "auto":
        return solver
    if not isinstance(solver, str):
        raise TypeError(f"a solver is a name or a solver object such as Linear(), not {solver!r}")
    return named(solver)


def _prefixed(report: Callable[[str], None] | None, name: str) -> Callable[[str], None] | None:
    return None if report is None else lambda line: report(f"{name}: {line}")


def _attempt(problem: Problem, name: str, solver: str | Solver, goal: Goal) -> Allocation | Row:
    """An allocation, or the status and the sentence that say why there is none."""
    try:
        if isinstance(solver, str) or solver.supports(problem) is None:
            _load(solver)
        return solve(problem, solver=solver, relative_gap=goal.relative_gap, seconds=goal.seconds, report=goal.report)
    except UnsupportedError as error:
        return {"status": UNSUPPORTED, "reason": str(error)}
    except AllocationError as error:
        return {"status": error.status.name, "reason": str(error)}
    except Exception as error:
        said = " ".join(str(error).split()) or "it says no more"
        return {"status": "FAILED", "reason": f"{name} broke down with {type(error).__name__}: {said}"}


def _load(solver: str | Solver) -> None:
    """Let a solver import its packages and compile its passes, so that neither is counted as solving.

    What goes wrong here says nothing about the problem, and goes wrong there again if it matters.
    """
    tiny = Problem(Platform.from_edges([0, 0], [0, 1], [2.0, 1.0], supply=[1.0]), Objective((GMV(),)))
    with suppress(Exception):
        solve(tiny, solver=solver)


def _measured(allocation: Allocation) -> Row:
    certificate, run = allocation.certificate, allocation.run
    return {
        "status": allocation.status.name,
        "objective": certificate.objective,
        "relative_gap": certificate.relative_gap,
        "gap": certificate.gap,
        "bound": certificate.bound + certificate.rounding,
        "gmv": allocation.gmv,
        "build_seconds": run.build_seconds,
        "solve_seconds": run.solve_seconds,
        "iterations": run.iterations,
    }


def _against_best(allocation: Allocation, others: dict[str, Allocation]) -> Row:
    """The gap against the lowest bound of the others, where that is lower than the own one by more than rounding."""
    mine = allocation.certificate
    upper = {name: other.certificate.bound + other.certificate.rounding for name, other in others.items()}
    best = min(upper, key=upper.__getitem__, default=None)
    if best is None or upper[best] >= mine.bound:
        return {"best_bound_by": None, "relative_gap_to_best": None}
    theirs = others[best].certificate
    judged = replace(mine, bound=theirs.bound, rounding=theirs.rounding)
    return {"best_bound_by": best, "relative_gap_to_best": judged.relative_gap}
