"""The algebra of objectives: GMV() + 200 * AlphaFair(1)."""

from __future__ import annotations

from dataclasses import dataclass

from allocator.rules.at_least import AtLeast
from allocator.rules.fairness import FairnessAtLeast
from allocator.rules.welfare import Welfare
from allocator.wording import called


@dataclass(frozen=True, eq=False)
class Objective:
    """A sum of concave terms, each with its weight; terms of weight zero vanish.

    >>> from allocator.rules import GMV, AlphaFair
    >>> GMV() + 2 * (AlphaFair(1) + 3 * AlphaFair(2, of="gmv"))
    GMV + 2 * Nash of exposure + 6 * AlphaFair(2) of gmv
    """

    terms: tuple[Welfare, ...]

    @classmethod
    def coerce(cls, term: object) -> Objective:
        if isinstance(term, Objective):
            return cls(tuple(t for t in term.terms if t.weight > 0))
        if isinstance(term, Welfare):
            return cls((term,) if term.weight > 0 else ())
        raise TypeError(_why_no_term(term))

    def __add__(self, other: Welfare | Objective) -> Objective:
        return Objective(self.terms + Objective.coerce(other).terms)

    def __sub__(self, other: Welfare | Objective) -> Objective:
        return self + (-1.0) * Objective.coerce(other)

    def __mul__(self, factor: float) -> Objective:
        return Objective(tuple(factor * term for term in self.terms))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return " + ".join(f"{t.weight:g} * {t.name}" if t.weight != 1 else t.name for t in self.terms) or "nothing"


def _why_no_term(term: object) -> str:
    """What is wrong with a term, and what to write."""
    name = called(term)
    if isinstance(term, AtLeast) and not isinstance(term, FairnessAtLeast):
        return (
            f"{name} is not a term of an objective: it bounds an index of shares, and no function of shares alone is "
            f"concave; put it in rules=[...], or add Gini(), Entropy() or Concentration(): indices times totals"
        )
    home = getattr(term, "__module__", None) or ""
    if callable(term) and home.startswith("allocator.rules"):
        return f"{name} makes a term of an objective and is none itself: write {name}(...)"
    if callable(term) and home == "allocator.metrics":
        return (
            f"the index {name} is not a term of an objective: no function of shares alone is concave; add Gini(), "
            f"Entropy() or Concentration(), or bound it by GiniAtMost or HHIAtMost in rules=[...]"
        )
    return f"{name} is not a term of an objective; constraints belong in rules=[...]"
