"""The algebra of objectives: GMV() + 200 * AlphaFair(1)."""

from __future__ import annotations

from dataclasses import dataclass

from allocator.rules.rule import Welfare


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
        raise TypeError(
            f"{getattr(term, 'name', term)!s} is not a term of an objective; constraints belong in rules=[...]"
        )

    def __add__(self, other: Welfare | Objective) -> Objective:
        return Objective(self.terms + Objective.coerce(other).terms)

    def __sub__(self, other: Welfare | Objective) -> Objective:
        return self + (-1.0) * Objective.coerce(other)

    def __mul__(self, factor: float) -> Objective:
        return Objective(tuple(factor * term for term in self.terms))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return " + ".join(f"{t.weight:g} * {t.name}" if t.weight != 1 else t.name for t in self.terms) or "nothing"
