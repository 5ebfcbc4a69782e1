"""Phases of a mechanism, stretches of periods in which it is at work, and the budget of all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.parameters import whole
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
Phases = Sequence[tuple[int, int]]
"""(first period, number of periods) of each; where two overlap, the earlier in the sequence counts."""


def check_phases(phases: Phases) -> None:
    """Refuse phases that are not stretches of periods."""
    for first, length in phases:
        whole("the first period of a phase", first, 0, "a period")
        whole("the length of a phase", length, 1, "periods")


def phase_at(phases: Phases, period: int) -> int | None:
    """Position of the phase that a period belongs to, None outside of all."""
    return next((k for k, (first, length) in enumerate(phases) if first <= period < first + length), None)


def by_phase(platform: Platform, phases: Phases, name: str, value: ArrayLike) -> FloatArray:
    """A number, one per phase (P, 1), one per anchor (A,), or one for each (P, A), as (P, A)."""
    shape = (len(phases), platform.anchor_count)
    try:
        return np.broadcast_to(np.asarray(value, dtype=np.float64), shape)
    except ValueError:
        raise ValueError(
            f"{name} has shape {np.shape(value)}; it is one number, or an array of (phases, 1), (anchors,) or (phases, "
            f"anchors), here {shape}"
        ) from None


def left_of(budget: float | None, paid: FloatArray) -> float:
    """What is left of a budget, currency: without one there is no limit."""
    return math.inf if budget is None else max(budget - float(paid), 0.0)


def afforded(asked: float, left: float) -> float:
    """The part of what is asked for which there is money."""
    return 1.0 if asked <= left else left / asked
