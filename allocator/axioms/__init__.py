"""Axioms of fair division as predicates: each looks at an outcome alone, whichever rule made it, and shows its worst
case.
"""

from allocator.axioms.envy import Envy, envy_free
from allocator.axioms.orders import (
    Comparison,
    Place,
    Poorest,
    generalised_lorenz_dominates,
    leximin,
    lorenz_dominates,
)
from allocator.axioms.pareto import Improvement, pareto_efficient
from allocator.axioms.shares import Share, guaranteed_share
from allocator.axioms.verdict import Verdict

__all__ = [
    "Comparison",
    "Envy",
    "Improvement",
    "Place",
    "Poorest",
    "Share",
    "Verdict",
    "envy_free",
    "generalised_lorenz_dominates",
    "guaranteed_share",
    "leximin",
    "lorenz_dominates",
    "pareto_efficient",
]
