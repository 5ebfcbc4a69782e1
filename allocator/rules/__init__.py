"""Welfare terms and constraints: each one concave function of the flow."""

from typing import Any

from allocator.rules.alpha_fair import AlphaFair, Nash
from allocator.rules.bounds import Cap, Capacity, Floor
from allocator.rules.linear import GMV
from allocator.rules.max_min import MaxMin
from allocator.rules.objective import Objective
from allocator.rules.rule import Constraint, Rule, Totals, Violation, Welfare

__all__ = [
    "GMV",
    "AlphaFair",
    "Cap",
    "Capacity",
    "Constraint",
    "Floor",
    "MaxMin",
    "Nash",
    "Objective",
    "Rule",
    "Totals",
    "Violation",
    "Welfare",
]

RULES = {rule.__name__: rule for rule in (GMV, AlphaFair, MaxMin, Capacity, Cap, Floor)}


def from_record(record: dict[str, Any]) -> Rule:
    """Read a rule back from `Rule.record`."""
    given = dict(record)
    rule = RULES.get(given.pop("rule", None))
    if rule is None:
        raise ValueError(f"no rule is called {record.get('rule')!r} (known: {', '.join(RULES)})")
    fixed = {f for f, spec in rule.__dataclass_fields__.items() if not spec.init}
    return rule(**{k: v for k, v in given.items() if k not in fixed})
