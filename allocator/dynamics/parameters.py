"""Parameters that name themselves, their range and their meaning where they are out of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.wording import some

FloatArray = NDArray[np.float64]


def within(name: str, value: Any, low: float, high: float, meaning: str, *, many: bool = False) -> None:
    """Refuse what is not a finite number in [low, high] or, with ``many``, an array of such.

    Raises
    ------
    ValueError
        With the name, the meaning, the range and what was given.
    """
    try:
        given = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.full((), np.nan)
    if isinstance(value, bool | str) or (given.ndim and not many):
        raise ValueError(f"{name} is {meaning}, one number, not {value!r}")
    bad = ~((given >= low) & (given <= high) & np.isfinite(given))
    if bad.any():
        edges = f"from {low:g} to {high:g}" if high < math.inf else f"finite and at least {low:g}"
        what = f"{value!r}" if given.ndim == 0 else f"{given[bad].flat[0]:g} (entry {int(np.argmax(bad))})"
        raise ValueError(f"{name} is {meaning}, {edges}, not {what}")


def whole(name: str, value: Any, least: int, meaning: str) -> None:
    """Refuse what is not a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {meaning}, a whole number of at least {least}, not {value!r}")


def positive(name: str, value: Any, meaning: str, *, many: bool = False) -> None:
    """Refuse what is not a finite number above zero or, with ``many``, an array of such."""
    within(name, value, 0.0, math.inf, meaning, many=many)
    if (np.asarray(value) == 0).any():
        raise ValueError(f"{name} is {meaning}, finite and above zero, not {value!r}")


def positive_part(name: str, value: Any, meaning: str) -> None:
    """Refuse what is not a number in (0, 1]."""
    within(name, value, 0.0, 1.0, meaning)
    positive(name, value, meaning)


def for_anchors(platform: Platform, name: str, value: Any) -> FloatArray:
    """A number, or one per anchor, as (A,)."""
    given = np.asarray(value, dtype=np.float64)
    if given.ndim and given.shape != (platform.anchor_count,):
        raise ValueError(f"{name} has shape {given.shape}; it needs one entry per anchor, ({platform.anchor_count},)")
    return np.broadcast_to(given, platform.anchor_count).astype(np.float64)


def refuse_private(platform: Platform) -> None:
    """Refuse segments that belong to an anchor: over time private traffic comes from fans."""
    domain = platform.segments.get("domain")
    if domain is not None and (domain == "private").any():
        ids = platform.segments["id"][domain == "private"].tolist()
        raise ValueError(
            f"segments {some(ids)} are private traffic, which over time comes from fans (Flywheel); "
            "take allocator.public_part(platform)"
        )
