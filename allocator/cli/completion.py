"""What a shell offers for values that have names."""

from __future__ import annotations

from collections.abc import Iterable

import allocator as al


def preset(incomplete: str) -> list[str]:
    """Presets."""
    return _starting(incomplete, al.synthetic.PRESETS)


def welfare(incomplete: str) -> list[str]:
    """Welfare terms; alpha=X with the values in use."""
    return _starting(incomplete, ("nash", "maxmin", "alpha=0.5", "alpha=1", "alpha=2"))


def good(incomplete: str) -> list[str]:
    """Goods that every platform has."""
    return _starting(incomplete, ("exposure", "gmv"))


def solver(incomplete: str) -> list[str]:
    """Solvers."""
    return _starting(incomplete, ("auto", *al.SOLVERS))


def solvers(incomplete: str) -> list[str]:
    """Solvers behind those that are already there."""
    before, comma, last = incomplete.rpartition(",")
    there = before.split(",")
    return [f"{before}{comma}{name}" for name in solver(last) if name not in there]


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
