"""The last digits: Newton steps at one temperature until the smoothed flow keeps every rule.

The smoothed dual is differentiable, so at its minimum the loads are what the voices answer, whatever the temperature:
a flow that keeps rules of several anchors needs no repair, only a minimum that is found well. Levels are a little
tighter than the true ones, and this stops where the true ones hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual
from allocator.solvers.prices.newton import descend, moved, newton_step

FloatArray = NDArray[np.float64]
STEPS, ROUNDS = 12, 6
RAISED, MOST = 0.7, 1e-5
"""Part of a violation by which levels are raised, and by how much at most, relative to them."""
CLOSE = 1e-8
"""Part of the energy that conjugate gradients leave."""
SAFER, TRIES = 4.0, 3
"""By how many times a violation levels are raised for a flow with room to spare, more each time, and how often."""
LENGTHS = (1.0, 0.5, 0.2, 0.05, 0.01)
HALVINGS = 30
FLAT = 1e-250


def polished(
    dual: Dual, point: Point, temperature: float, per_good: FloatArray, *, deadline: float = np.inf
) -> tuple[Point, int]:
    """A point near one whose amounts keep all constraints, as far as steps and time allow; and the number of steps.

    A step is taken if it brings the loads nearer to what the voices answer; the value of the dual can no longer tell.
    Where that ends before rules are kept, levels are raised by what is missing, which costs its price and no more.
    """
    steps = 0
    for _ in range(ROUNDS):
        dual.recentre(point, temperature, per_good)
        point = dual.at(point.x, temperature)
        for _ in range(STEPS):
            if _kept(dual)(point) or time.perf_counter() > deadline:
                return point, steps
            steps += 1
            nearer = _step(dual, point, temperature, per_good)
            if nearer is None:
                break
            point = nearer
        dual.tighten(min(RAISED * dual.broken(point), MOST))
    return point, steps


def roomy(
    dual: Dual, point: Point, temperature: float, per_good: FloatArray, *, deadline: float = np.inf
) -> tuple[Point | None, int]:
    """A point near one that breaks a constraint, whose amounts keep all with room to spare, or None; and the steps."""
    steps, missing, found = 0, dual.broken(point), point
    for _ in range(TRIES):
        missing *= SAFER
        dual.tighten(missing)
        dual.recentre(found, temperature, per_good)
        found, more = descend(dual, found.x, temperature, 0.0, per_good, deadline=deadline, until=_kept(dual))
        steps += more
        if _kept(dual)(found):
            return found, steps
    return None, steps


def _kept(dual: Dual) -> Callable[[Point], bool]:
    """Whether a point keeps all constraints."""
    return lambda point: dual.broken(point) == 0.0


def least_part(dual: Dual, point: Point, other: Point) -> float:
    """The least part of another point's amounts that, mixed into a point's, keeps all constraints, which are concave
    (by bisection).
    """
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        part = 0.5 * (low + high)
        amounts = point.amounts + part * (other.amounts - point.amounts)
        low, high = (low, part) if _kept(dual)(replace(point, amounts=amounts)) else (part, high)
    return high


def _step(dual: Dual, point: Point, temperature: float, per_good: FloatArray) -> Point | None:
    """The first point along the Newton step that is nearer to an answer, or None."""
    units = dual.units(per_good)
    step = newton_step(dual, point, temperature, 1e-12, units, close=CLOSE)
    before = _distance(dual, point)
    for length in LENGTHS:
        trial = dual.at(moved(dual, point, step, length), temperature)
        if _distance(dual, trial) < before:
            return trial
    return None


def _distance(dual: Dual, point: Point) -> float:
    """How far loads are from the answers: what closing each gap alone would save, currency."""
    lacking = np.where(dual.rows, point.gradient, 0.0)
    return float((lacking * lacking / np.maximum(point.diagonal, FLAT)).sum())
