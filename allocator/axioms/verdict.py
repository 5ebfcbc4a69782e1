"""What an axiom answers: whether it holds, the case that shows it, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allocator.graph import Platform
from allocator.wording import quantity

TOLERANCE = 1e-6
"""Relative, and far above rounding: optima that are certified to a gap keep the axioms of the exact optimum only
roughly."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """The answer of an axiom; it is true where the axiom holds, and its text is one sentence.

    Attributes
    ----------
    holds : bool
    witness : NamedTuple or None
        The worst case there is, also where it is within the tolerance; None where there is none to look at.
    sentence : str
    """

    holds: bool
    witness: Any
    sentence: str

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.sentence


def tolerated(tolerance: float) -> float:
    """Check a relative tolerance.

    Raises
    ------
    ValueError
        If it is not a number in [0, 1).
    """
    if not 0 <= tolerance < 1:
        raise ValueError(f"a relative tolerance is a number in [0, 1), not {tolerance}")
    return float(tolerance)


def amount(platform: Platform, of: str, number: float) -> str:
    """Write an amount of a good with its unit."""
    unit = {"exposure": "impressions", "gmv": platform.currency}.get(of, f"of {of}")
    return f"{quantity(number)} {unit} per {platform.period}"
