"""The last digits: Newton steps at one temperature until the smoothed flow keeps every rule.

The smoothed dual is differentiable, so at its minimum the loads are what the voices answer, whatever the temperature:
a flow that keeps rules of several anchors needs no repair, only a minimum that is found well. Levels are a little
tighter than the true ones, and this stops where the true ones hold.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual
from allocator.solvers.prices.newton import FLAT, descend, moved, newton_step

FloatArray = NDArray[np.float64]
STEPS, ROUNDS = 12, 6
RAISED, MOST = 0.7, 1e-5
"""Part of a violation by which levels are raised, and by how much at most, relative to them."""
CLOSE = 1e-8
"""Part of the energy that conjugate gradients leave."""
LEAST, SAFER, TRIES = 1e-4, 4.0, 3
"""The least violation that a flow with room to spare is to mend, by how many times more levels are raised for it, each
time anew, and how often."""
LENGTHS = (1.0, 0.5, 0.2, 0.05, 0.01)


def polished(
    dual: Dual,
    point: Point,
    temperature: float,
    per_good: FloatArray,
    *,
    rounds: int = ROUNDS,
    deadline: float = np.inf,
) -> tuple[Point, int]:
    """A point near one whose amounts keep all constraints, as far as steps and time allow; and the number of steps.

    A step is taken if it brings the loads nearer to what the voices answer; the value of the dual can no longer tell.
    Where that ends before rules are kept, levels are raised by what is missing, which costs its price and no more. The
    point that breaks them least is returned.
    """
    steps, best, most = 0, point, -np.inf
    for _ in range(rounds):
        dual.recentre(point, temperature, per_good)
        point = dual.at(point.x, temperature)
        for _ in range(STEPS):
            room = dual.room(point)
            best, most = (point, room) if room > most else (best, most)
            if room >= 0.0 or time.perf_counter() > deadline:
                return point, steps
            steps += 1
            nearer = _step(dual, point, temperature, per_good)
            if nearer is None:
                break
            point = nearer
        dual.tighten(min(-RAISED * dual.room(point), MOST))
    return best, steps


def roomy(
    dual: Dual, point: Point, temperature: float, per_good: FloatArray, *, deadline: float = np.inf
) -> tuple[Point | None, int]:
    """A point near one that breaks constraints, with room to spare in the rules of several anchors, or None; and the
    steps.
    """
    steps, wanted, found = 0, max(-dual.spare(point), LEAST), point
    for _ in range(TRIES):
        wanted *= SAFER
        dual.tighten(wanted)
        dual.recentre(found, temperature, per_good)
        found, more = descend(
            dual,
            found.x,
            temperature,
            0.0,
            per_good,
            deadline=deadline,
            until=lambda there, least=0.5 * wanted: dual.spare(there) >= least,
        )
        steps += more
        if dual.spare(found) > 0:
            return found, steps
    return None, steps


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
    lacking = np.where(dual.heard, point.gradient, 0.0)
    return float((lacking * lacking / np.maximum(point.diagonal, FLAT)).sum())
