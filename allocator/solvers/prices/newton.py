"""Damped projected Newton steps on the smoothed dual, by conjugate gradients."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.arrow import preconditioner
from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual

FloatArray = NDArray[np.float64]
BOLD, LONGER = 0.1, 4.0
"""Prices of rules that couple anchors may move this part of themselves in a step, beside a few temperatures; and a
search begins at this times the length of the last step, because pools of equal anchors break up beyond."""
INNER, LOOSE = 40, 0.03
"""Iterations of conjugate gradients at most, and the part of the energy that they leave."""
STEPS, SUFFICIENT = 150, 1e-4
"""Steps at most, and the part of the foreseen descent that a step must bring (Armijo)."""
SHORTEST, SHORTER = 1e-3, (0.1, 0.6)
"""The shortest part of a step, and the range of the part tried next: the minimum of the parabola through what is known.
"""
FLAT = 1e-250
"""Curvature that counts as none."""
SEEN = 0.7
"""Part of what pruning has looked at that a price may move in a step."""
LONG = 10
"""Steps in which what is lacking must halve under the sparse smoothing of rules that couple anchors."""
SHRINK, GROW, AGO = 0.4, 1.3, 4
"""What overshot may move this much of its last move, what did not this much more, where so many steps have not halved
what is lacking."""


def descend(
    dual: Dual,
    x: FloatArray,
    temperature: float,
    tolerance: float,
    per_good: FloatArray,
    *,
    deadline: float = np.inf,
    until: Callable[[Point], bool] = lambda point: False,
) -> tuple[Point, int]:
    """Minimise the smoothed dual from x (N,) until loads answer the prices within ``tolerance`` (currency).

    The dual of bounds has a kink at price zero: a step keeps the sign of every such price or stops it at zero, and a
    price of zero whose load lies within its bounds stays (two-metric projection, Bertsekas 1982). ``per_good`` (G,) is
    the worth of one unit of every good. Stops at the ``deadline`` (seconds of the performance counter), or ``until``
    something else holds. Returns the last point and the number of steps.
    """
    units, damping, steps, lacking, first = dual.units(per_good), 1e-3, 0, [], 1.0
    point, limit = dual.at(x, temperature), np.full(x.shape, np.inf)
    while steps < STEPS and time.perf_counter() < deadline:
        lacking.append(dual.shortfall(dual.admissible(point.x), point.loads, per_good))
        stalled = (
            dual.coupled and dual.sparse and len(lacking) > LONG and min(lacking[-LONG:]) > 0.5 * lacking[-1 - LONG]
        )
        if lacking[-1] <= tolerance or stalled or until(point):
            break
        steps += 1
        step = np.clip(newton_step(dual, point, temperature, damping, units), -limit, limit)
        trial, length = _search(dual, point, step, temperature, first)
        if trial is None:
            if damping > 1e6:
                break
            damping, first = damping * 30.0, 1.0
            point = dual.at(point.x, temperature)
            continue
        if length == 1.0:
            damping = max(damping * 0.1, 1e-9)
        elif length < first:
            damping *= 3.0
        first = min(1.0, length * LONGER) if dual.coupled else 1.0
        before, point = point, trial
        if dual.drift(point.x) + dual.width(temperature) > dual.contest.margin:
            dual.follow(point.x)
            point = dual.at(point.x, temperature)
        stuck = len(lacking) > AGO and lacking[-1] > 0.5 * lacking[-1 - AGO]
        limit = _narrowed(limit, before, point) if dual.sparse and stuck else np.full(x.shape, np.inf)
    return point, steps


def _narrowed(limit: FloatArray, before: Point, after: Point) -> FloatArray:
    """How far each price may move next: a part of how far it did where that overshot, so that a price whose load jumps
    is bracketed, and a little farther than now where it did not.
    """
    moved = np.abs(after.x - before.x)
    over = (before.gradient * after.gradient < 0) & (np.abs(after.gradient) > 0.25 * np.abs(before.gradient))
    return np.where(over, SHRINK * moved, np.where(moved >= 0.99 * limit, GROW * limit, limit))


def moved(dual: Dual, point: Point, step: FloatArray, length: float) -> FloatArray:
    """Coordinates a part of a step away; they stop where they meet zero at a kink, or an end of their range."""
    side = np.where(point.x != 0, np.sign(point.x), -np.sign(point.gradient))
    x = point.x + length * step
    x[dual.kinked & (x * side < 0)] = 0.0
    return np.clip(x, dual.low, dual.high)


def _search(
    dual: Dual, point: Point, step: FloatArray, temperature: float, length: float
) -> tuple[Point | None, float]:
    """The first point along the projected step, from a length on, that lowers the dual enough (Armijo), or None."""
    while length > SHORTEST:
        x = moved(dual, point, step, length)
        trial = dual.at(x, temperature)
        slope = float((point.gradient * (x - point.x)).sum())
        above = trial.value - point.value - slope
        if trial.value <= point.value + SUFFICIENT * slope:
            return trial, length
        length *= float(np.clip(-0.5 * slope / above, *SHORTER)) if above > 0 else SHORTER[0]
    return None, length


def newton_step(
    dual: Dual, point: Point, temperature: float, damping: float, units: FloatArray, *, close: float = LOOSE
) -> FloatArray:
    """The Newton step (N,), damped and bounded; conjugate gradients stop at the part ``close`` of their energy."""
    loads, answer = point.loads, point.loads - point.gradient
    size = np.maximum(np.abs(loads), np.abs(answer))
    for part in dual.parts:
        size[part] += 1e-9 * (size[part].mean() if size[part].size else 0.0) + 1e-300
    floor = damping * size / units
    # Far below its answer a load grows like exp(p / t): the secant of the exponential, not its tangent, says how far
    # to go.
    low = dual.amounting & (answer > 1.05 * loads) & (loads >= 0)
    ratio = np.where(low, answer, 2.0) / np.where(low, np.maximum(loads, 1e-12 * size), 1.0)
    floor = floor + np.where(low, (point.diagonal - point.stiffness) * ((ratio - 1.0) / np.log(ratio) - 1.0), 0.0)
    settled = point.gradient == 0
    free = dual.heard & ~(settled & ((dual.kinked & (point.x == 0)) | (point.x >= dual.high)))
    step = _solve(dual, point, floor, free, close)
    return np.clip(step, *_trust(dual, point, temperature, units))


def _trust(dual: Dual, point: Point, temperature: float, units: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far each price may fall and rise in one step: a few temperatures and a part of itself.

    The price of a concave term spans orders of magnitude and is positive unless a cap is pressed: it may grow sixfold,
    and falls by a factor.
    """
    size, reach = np.abs(point.x), temperature * units / units[0]
    free = 4 * reach + np.where(dual.alone, 0.5, BOLD) * size
    fall, rise = free.copy(), free.copy()
    for voice, part in zip(dual.voices, dual.parts, strict=True):
        if voice.positive:
            bounded = (point.x[part] <= 0) | (point.loads[part] > voice.response.upper)
            fall[part] = np.where(bounded, fall[part], 0.8 * size[part])
            rise[part] = 4 * reach[part] + 5 * size[part]
    if not dual.sparse:  # many edges are near the best while it is hot: stay within what pruning has looked at
        far = SEEN * max(dual.contest.margin - dual.width(temperature), 0.0) / np.maximum(dual.effect, FLAT)
        lonely = point.diagonal <= 0  # nobody contests what such an anchor has: near prices tell nothing
        fall, rise = np.where(lonely, fall, np.minimum(fall, far)), np.minimum(rise, far)
    return -fall, rise


def _solve(dual: Dual, point: Point, floor: FloatArray, free: NDArray[np.bool_], close: float) -> FloatArray:
    """Solve (H + floor) step = -gradient on the free prices by preconditioned conjugate gradients, loosely."""
    free = free & (point.diagonal + floor > FLAT)
    near = preconditioner(dual, point, floor, free)
    step = np.zeros_like(point.x)
    residual = np.where(free, -point.gradient, 0.0)
    ready = near(residual)
    direction, energy = ready, float((residual * ready).sum())
    target = close * energy
    for _ in range(INNER):
        if energy <= target or energy == 0.0:
            break
        bent = np.where(free, dual.bend(point, direction) + floor * direction, 0.0)
        along = float((direction * bent).sum())
        if along <= 0:
            break
        step = step + energy / along * direction
        residual = residual - energy / along * bent
        ready = near(residual)
        before, energy = energy, float((residual * ready).sum())
        direction = ready + energy / before * direction
    return step if step.any() else near(np.where(free, -point.gradient, 0.0))
