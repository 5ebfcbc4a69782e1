"""What every family asks of its arguments; each refusal is one sentence naming the parameter."""

from __future__ import annotations

import math
import operator

import numpy as np


def count(name: str, number: int, *, most: float = math.inf, why: str = "") -> int:
    """Return ``number`` as an int if it is a whole number from 1 to ``most``; ``why`` ends the sentence of refusal."""
    try:
        whole = operator.index(number)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, not {number!r}") from None
    if not 1 <= whole <= most:
        limits = "at least 1" if whole < 1 else f"at most {most:,}{why}"
        raise ValueError(f"{name} must be {limits}, not {whole:,}")
    return whole


def number(name: str, amount: float, *, least: float = 0.0, most: float = math.inf) -> float:
    """Return ``amount`` as a float if it is finite and within [least, most]."""
    try:
        real = float(amount)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {amount!r}") from None
    if not (math.isfinite(real) and least <= real <= most):
        limits = f"within [{least:g}, {most:g}]" if math.isfinite(most) else f"finite and at least {least:g}"
        raise ValueError(f"{name} must be {limits}, not {real:g}")
    return real


def sizes(segments: int, anchors: int, degree: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Check the arguments all random families share and return the first three as ints."""
    generator(rng)
    segments, anchors = count("segments", segments), count("anchors", anchors)
    return segments, anchors, count("degree", degree, most=anchors, why=f" (the anchors: {anchors:,})")


def generator(rng: np.random.Generator) -> None:
    """Refuse anything but a numpy Generator: a seed or a global state would hide which stream is used."""
    if not isinstance(rng, np.random.Generator):
        kind = type(rng).__name__
        raise ValueError(f"rng must be a numpy.random.Generator such as np.random.default_rng(7), not {kind}")
