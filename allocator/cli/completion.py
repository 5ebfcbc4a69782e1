"""What a shell offers for values that have names."""

from __future__ import annotations

from collections.abc import Iterable

import allocator as al
from allocator.cli.grammar import WELFARE
from allocator.cli.typed_dynamics import MECHANISMS, POLICIES, offered
from allocator.cli.typed_rules import CONSTRAINTS


def preset(incomplete: str) -> list[str]:
    """Presets."""
    return _starting(incomplete, al.synthetic.PRESETS)


def welfare(incomplete: str) -> list[str]:
    """Welfare terms; alpha=X and cvar=X with the values in use."""
    numbers = ("alpha=0.5", "alpha=1", "alpha=2", "cvar=0.1", "cvar=0.5")
    return _starting(incomplete, (*WELFARE, *numbers))


def rule(incomplete: str) -> list[str]:
    """Rules, up to the bracket behind their names."""
    return _starting(incomplete, (f"{name}(" for name in CONSTRAINTS))


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


def policy(incomplete: str) -> list[str]:
    """Policies."""
    return _starting(incomplete, offered(POLICIES))


def mechanism(incomplete: str) -> list[str]:
    """Mechanisms."""
    return _starting(incomplete, offered(MECHANISMS))


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
