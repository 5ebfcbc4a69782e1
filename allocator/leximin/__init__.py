"""Leximin: a preference order, not a function; so it is a procedure over problems, with a proof for every level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from allocator.driver import contradiction
from allocator.feasibility import Conflict, conflict, fill, precheck
from allocator.leximin.exposures import by_flows
from allocator.leximin.goods import by_programs
from allocator.leximin.record import Level, Leximin
from allocator.problem import Problem
from allocator.rules import GMV, MaxMin
from allocator.solvers import solve

__all__ = ["Level", "Leximin", "leximin"]


def leximin(
    problem: Problem,
    *,
    of: str = "exposure",
    merit: Any = None,
    relative_gap: float = 1e-6,
    report: Callable[[str], None] | None = None,
) -> Leximin:
    """Find the leximin allocation: as much as possible, per unit of merit, for the worst-off anchor, then for the
    second worst-off, and so on; and among all flows that give every anchor this, the highest GMV.

    Parameters
    ----------
    problem : Problem
        Its hard rules count; of its objective nothing does, and soft rules only cost where GMV decides.
    of : str
        The good that is shared out: ``"exposure"``, ``"gmv"`` or an edge measure.
    merit : number, (A,) array or mapping of ids, optional
        m_j > 0; levels are y_j / m_j. 1 by default.
    relative_gap : float
        Asked of the highest GMV; levels are found to the last digits.
    report : callable, optional
        Receives a line of text now and then.

    Returns
    -------
    Leximin
        With a proof for every level: see `Leximin.certificate`.

    Raises
    ------
    AllocationError
        If the rules contradict each other.
    UnsupportedError
        If a hard rule is not linear.

    Notes
    -----
    Exposure under bounds on exposure takes maximum flows at any size (`allocator.leximin.bottlenecks`); every other
    good or rule a linear program per level (`allocator.leximin.goods`). Anchors without reach take no part.
    """
    term = MaxMin(of=of, merit=merit).bind(problem.platform)
    only_bounds = all(rule.box is not None and rule.box.of == "exposure" for rule in problem.constraints)
    found = precheck(problem) or (_short(problem) if only_bounds else None)
    if found is not None:
        raise contradiction(found)
    if not term.active.size:
        allocation = solve(replace(problem, objective=GMV()), relative_gap=relative_gap)
        return Leximin(allocation, problem, of, term.merit, (), lambda k, level: ([], None))
    by = by_flows if of == "exposure" and only_bounds else by_programs
    return by(problem, term, relative_gap=relative_gap, report=report)


def _short(problem: Problem) -> Conflict | None:
    """Floors of exposure that supply cannot meet."""
    lower = problem.exposure_box.lower
    unmet = fill(problem.platform, np.zeros(problem.platform.edge_count), lower)[1] if lower.any() else None
    return None if unmet is None else conflict(problem)
