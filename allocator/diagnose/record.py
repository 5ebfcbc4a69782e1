"""What a diagnosis says: which rules clash, what to change, and the witness by which anybody can check it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allocator.allocation import Status
from allocator.certificate import refuted
from allocator.problem import Problem
from allocator.rule_words import INDICES
from allocator.wording import quantity, some

Row = dict[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis:
    """Why the rules of a problem cannot be kept, or that they can.

    Attributes
    ----------
    problem : Problem
        With one more rule, that something is served, where its own are kept by the empty flow alone.
    status : Status
        FEASIBLE if a flow keeps all rules, INFEASIBLE if it is proved that none does, FAILED if neither was found.
    conflict : list of rows
        Rules that clash, the irreducible part of them: ``rule`` (its label), ``bound``, ``unit``, ``kind`` and, of the
        levels that take part, ``names``, ``level`` (lists).
    irreducible : bool
        Whether it was verified that without any one of these rules, or of the levels named, the rest can be kept.
    changes : list of rows
        The least change found: ``rule``, ``bound``, ``unit``, ``kind``, ``names``, ``level``, ``new_level`` (lists),
        ``change`` (relative to the sum of the rule's levels).
    least : float
        What is proved that no change is less than: a sum over rules, each relative to the sum of its levels.
    relaxed : Problem or None
        The problem with the changes made, which a flow is known to keep.
    witness : sequence or None
        Multipliers of the hard rules with a bound below zero.
    """

    problem: Problem
    status: Status
    conflict: Sequence[Row] = ()
    irreducible: bool = False
    changes: Sequence[Row] = ()
    least: float = 0.0
    relaxed: Problem | None = None
    witness: Sequence[Any] | None = None

    @property
    def proved(self) -> bool:
        """Whether the certificate itself finds the witness to refute the rules."""
        return self.witness is not None and refuted(self.problem, self.witness)

    @property
    def total_change(self) -> float:
        """The sum of the relative changes."""
        return float(sum(row["change"] for row in self.changes))

    def record(self) -> Row:
        """The diagnosis as plain data."""
        return {
            "status": self.status.name,
            "proved": self.proved,
            "conflict": list(self.conflict),
            "irreducible": self.irreducible,
            "changes": list(self.changes),
            "total_change": self.total_change,
            "least": self.least,
            "words": self.sentences,
        }

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        return f"Diagnosis({self.status.name}: {' '.join(self.sentences)})"

    @property
    def sentences(self) -> list[str]:
        """What to tell people, line by line."""
        if self.status is Status.FEASIBLE:
            return ["The rules can be kept: a flow that keeps all of them was found."]
        if self.status is Status.FAILED:
            return ["Neither a flow that keeps the rules nor a proof that there is none was found."]
        names = [row["rule"] for row in self.conflict]
        head = f"{_listed(names)} cannot be kept together:" if len(names) > 1 else f"{names[0]} cannot be kept:"
        return [head, *(f"- {asks(row)}" for row in self.conflict), self._without(), *self._remedy()]

    def _without(self) -> str:
        levels = sum(len(row["level"]) for row in self.conflict)
        if not self.irreducible:
            return "It is not known whether all of these levels are needed for the contradiction."
        if levels == 1:
            return "Nothing else takes part."
        each = ["one of them"] * (len(self.conflict) > 1) + ["one of the levels named"] * (levels > len(self.conflict))
        return f"Without any {' or any '.join(each)}, the rest can be kept."

    def _remedy(self) -> list[str]:
        if self.relaxed is None:
            return []
        parts = [f"- {remedy(row)}" for row in self.changes]
        near = f"{self.total_change:.4g} in relative terms; that at least {self.least:.4g} is needed is proved"
        return [f"The least change found ({near}):", *parts, "Or add edges or supply."]


def asks(row: Row) -> str:
    """What the levels of a rule ask, in words."""
    name, levels = row["rule"], row["level"]
    low, high = min(levels), max(levels)
    span = amount(low, row) if low == high else f"{amount(low, row)} to {amount(high, row)}"
    return f"{name} asks {row['bound']} {span} of {_whom(row)}"


def remedy(row: Row) -> str:
    """What to change of a rule, in words."""
    verb = "raise" if row["bound"] == "at most" else "lower"
    pairs = sorted({*zip(row["level"], row["new_level"], strict=True)})
    if len(pairs) == 1:
        old, new = (amount(level, row) for level in pairs[0])
        return f"{verb} {row['rule']} from {old} to {new} for {_whom(row)}"
    factors = [new / old for old, new in pairs if old]
    if factors and max(factors) - min(factors) <= 1e-3 * max(factors):
        return f"{verb} all levels of {row['rule']} by {abs(factors[0] - 1):.2%}"
    each = zip(row["names"], row["level"], row["new_level"], strict=True)
    told = [f"{name} from {amount(old, row)} to {amount(new, row)}" for name, old, new in each]
    return f"{verb} {row['rule']} for {some(told)}"


def amount(level: float, row: Row) -> str:
    """A level of a rule with its unit."""
    unit = row["unit"]
    if unit == "share" or unit in row["rule"]:  # a welfare is its own unit, and names its rule
        return f"{level:.6g}"
    return f"{quantity(level)} {unit}" if unit not in INDICES else f"a {unit} of {level:.6g}"


def _whom(row: Row) -> str:
    plural = len(row["names"]) > 1
    if row["kind"] in ("anchor", "segment"):
        count = f"{len(row['names']):,} {row['kind']}s (" if plural else f"{row['kind']} "
        return f"{'each of ' * plural}{count}{some(row['names'])}{')' * plural}"
    return some(row["names"])


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
