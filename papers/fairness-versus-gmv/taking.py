"""What taking numbers from rows has in common: hundredths and powers of ten in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from _lab import mean_of


def percent(part: float, digits: int = 0) -> str:
    """A part of one as so many of a hundred."""
    sign = "$-$" if part < 0 else ""
    return rf"{sign}{100 * abs(part):.{digits}f}\,\%"


def power(number: float) -> str:
    """A power of ten."""
    return rf"10^{{{math.log10(number):.0f}}}"


def span(parts: Sequence[float], digits: int = 0) -> str:
    """The range of parts of one."""
    return rf"{100 * min(parts):.{digits}f} to {percent(max(parts), digits)}"


def gain(row: dict[str, Any]) -> str:
    """A gain with its standard error."""
    return rf"{percent(row['gain'], 1)} (s.e. {100 * row['gain_error']:.1f})"


def points(differences: Sequence[float]) -> str:
    """A mean of differences in points, and its standard error."""
    mean, error = mean_of(differences)
    return rf"${mean:+.0f}\pm{error:.0f}$"
