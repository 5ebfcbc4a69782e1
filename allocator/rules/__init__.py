"""Welfare terms and constraints: each one concave function of the flow."""

from typing import Any

from allocator.rules.alpha_fair import AlphaFair, Nash
from allocator.rules.bounds import Cap, Capacity, Floor, ReachFloor
from allocator.rules.capped import CappedUtility
from allocator.rules.constraint import Constraint, Violation
from allocator.rules.fairness import FairnessAtLeast
from allocator.rules.gini import CVaR, GeneralizedGini, Gini
from allocator.rules.groups import GroupShare
from allocator.rules.index_caps import GiniAtMost, HeadCap, HHIAtMost
from allocator.rules.linear import GMV
from allocator.rules.max_min import MaxMin
from allocator.rules.objective import Objective
from allocator.rules.robust import RobustGMV
from allocator.rules.rule import Rule
from allocator.rules.segments import SegmentCap, SegmentFloor
from allocator.rules.shares import Concentration, Entropy, TargetShares
from allocator.rules.sums import Budget, GMVAtLeast
from allocator.rules.totals import Totals
from allocator.rules.welfare import Welfare

RULES: dict[str, type[Rule]] = {
    rule.__name__: rule
    for rule in (
        *(GMV, RobustGMV, AlphaFair, MaxMin, GeneralizedGini, Gini, CVaR),
        *(CappedUtility, TargetShares, Concentration),
        *(Capacity, Cap, Floor, GroupShare, HeadCap, Budget, GMVAtLeast, FairnessAtLeast),
        *(GiniAtMost, HHIAtMost, SegmentCap, SegmentFloor),
    )
}

__all__ = [
    *RULES,
    "Constraint",
    "Entropy",
    "Nash",
    "Objective",
    "ReachFloor",
    "Rule",
    "Totals",
    "Violation",
    "Welfare",
]


def from_record(record: dict[str, Any]) -> Rule:
    """Read a rule back from `Rule.record`."""
    given = dict(record)
    rule = RULES.get(given.pop("rule", None))
    if rule is None:
        raise ValueError(f"no rule is called {record.get('rule')!r} (known: {', '.join(RULES)})")
    fixed = {f for f, spec in rule.__dataclass_fields__.items() if not spec.init}
    read = {k: from_record(v) if _is_record(v) else v for k, v in given.items()}
    return rule(**{k: v for k, v in read.items() if k not in fixed})


def _is_record(entry: Any) -> bool:
    """Whether an argument is itself a rule; levels of groups have numbers, even that of a group called "rule"."""
    return isinstance(entry, dict) and isinstance(entry.get("rule"), str)
