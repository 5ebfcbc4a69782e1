"""The least change of levels that makes rules possible, read off a flow that breaks them as little as it can."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import Constraint, Totals
from allocator.rules.stated import Stated

FloatArray = NDArray[np.float64]
Row = dict[str, Any]
BROKEN = 1e-6
"""Relative change of a level below which it is rounding of a linear program."""
DIGITS = 4
"""Significant digits of new levels; they are rounded to the side that asks less."""


def changes(problem: Problem, totals: Totals, *, evenly: bool = False, wider: float = 0.0) -> tuple[list[Row], Problem]:
    """What to change so that a flow keeps every hard rule, a row for each rule that it breaks, and the problem with
    these changes. ``evenly`` moves all levels of a rule by the same part of themselves; changes are larger by the part
    ``wider``.
    """
    rows, rules, labels = [], list(problem.rules), problem.labels[len(problem.objective.terms) :]
    for position, (label, term) in enumerate(zip(labels, problem.constraints, strict=True)):
        if term.soft is not None:
            continue
        stated = term.stated(totals)
        level = _moved(stated, evenly=evenly, wider=wider)
        moved = level != stated.level
        if moved.any():
            rules[position] = term.relevelled(level)
            rows.append(_row(label, term, stated, level, moved))
    return rows, replace(problem, rules=tuple(rules))


def _moved(stated: Stated, *, evenly: bool, wider: float) -> FloatArray:
    """The levels (K,), those that the amounts break moved to them."""
    level, at_most = stated.level, np.broadcast_to(stated.at_most, stated.level.shape)
    beyond = np.where(at_most, stated.amount - level, level - stated.amount)
    finite = np.isfinite(level)
    # A level of zero has no parts: its change is one of what there is.
    size = np.where(finite & (level != 0), np.abs(level), float(np.abs(stated.amount).max(initial=0.0)) or 1.0)
    part = np.where(finite, beyond, 0.0) / size
    if not (part > BROKEN).any():
        return level
    if evenly or stated.kind == "segment":
        part = np.where(stated.asked, part.max(), 0.0)
    part = np.where(part > BROKEN, part * (1.0 + wider), 0.0)
    new = level + np.where(at_most, 1.0, -1.0) * part * size
    rounded = [_outward(n, up) if p > 0 else n for n, up, p in zip(new, at_most, part, strict=True)]
    limited = np.where(at_most & (stated.unit == "share"), np.minimum(rounded, 1.0), rounded)
    return np.where((level > 0) & ~at_most, np.maximum(limited, 0.0), limited)


def _outward(level: float, up: bool) -> float:
    """A level with few digits, on the side that asks less."""
    if level == 0 or not math.isfinite(level):
        return level
    step = 10.0 ** (math.floor(math.log10(abs(level))) - DIGITS + 1)
    return (math.ceil(level / step) if up else math.floor(level / step)) * step


def _row(label: str, term: Constraint, stated: Stated, level: FloatArray, moved: NDArray[np.bool_]) -> Row:
    asked = np.isfinite(stated.level)
    extent = term.extent(Totals(term.platform, np.asarray(term.platform.even_flow)))
    if extent.shape == asked.shape:
        asked &= extent > 0  # a cap above all that an anchor can reach asks nothing of it
    size = float(np.abs(stated.level[asked]).sum())
    return {
        **described(label, stated, moved),
        "new_level": level[moved].tolist(),
        "change": float(np.abs(level[asked] - stated.level[asked]).sum()) / (size or 1.0),
    }


def described(label: str, stated: Stated, chosen: NDArray[np.bool_]) -> Row:
    """Some levels of a rule as plain data."""
    positions = np.flatnonzero(chosen)
    return {
        "rule": label,
        "bound": stated.bound(int(positions[0])),
        "unit": stated.unit,
        "kind": stated.kind,
        "names": [str(stated.names[k]) for k in positions],
        "level": stated.level[positions].tolist(),
    }
