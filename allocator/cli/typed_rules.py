"""Rules and welfare typed as Python writes them, such as ``HeadCap(top=10, share=0.3)``: read, never evaluated."""

from __future__ import annotations

import ast
from typing import Any

from allocator.cli import calls
from allocator.rules import GMV, Constraint, RobustGMV, Rule, Welfare
from allocator.rules.catalogue import CATALOGUE, form, is_constraint, maker, parameters
from allocator.wording import suggestion

CONSTRAINTS = sorted(name for name in CATALOGUE if is_constraint(name))
WELFARE = sorted(set(CATALOGUE) - set(CONSTRAINTS) - {"GMV", "RobustGMV"})
TEXTS = ("of", "measure", "deviation", "per", "unit")
"""Arguments that are names."""
EXAMPLE = "such as HeadCap(top=10, share=0.3)"


def constraint(text: str) -> Constraint:
    """A rule such as ``GroupShare('firm', at_most=0.2)``.

    Raises
    ------
    ValueError
        In one sentence: for what is no call of a rule with plain values, unknown names (with the nearest), arguments
        that are missing or too many, and terms of the objective.
    """
    rule = _call(text, CONSTRAINTS)
    if not isinstance(rule, Constraint):
        raise ValueError(
            f"'{text}' is no constraint but a term of the objective; --fairness takes those (rules are "
            f"{', '.join(CONSTRAINTS)})"
        )
    return rule


def welfare(text: str) -> Welfare:
    """A welfare such as ``CVaR(0.1, of='gmv')``; refusals are those of `constraint`."""
    term = _call(text, WELFARE)
    if not isinstance(term, Welfare) or isinstance(term, GMV | RobustGMV):
        raise ValueError(f"'{text}' is no welfare of the anchors (there are {', '.join(WELFARE)})")
    return term


def _call(text: str, known: list[str]) -> Rule:
    return made(calls.parsed(text, "rule", EXAMPLE, _brackets), text, known)


def made(call: ast.Call, text: str, known: list[str]) -> Rule:
    """The rule of a call whose arguments are plain values or, where a welfare is taken, such a call."""
    name = ast.unparse(call.func)
    if name not in CATALOGUE:
        raise ValueError(f"no rule is called '{name}'{suggestion(name, CATALOGUE)} (there are {', '.join(known)})")
    values, given = calls.arguments(call, text, _value, parameters(name), form(name, "="))
    bound = calls.fitted(maker(name), values, given, text, form(name, "="))
    bound |= bound.pop("options", {})
    for word, value in bound.items():
        if isinstance(value, Rule) and word != "welfare":
            raise ValueError(f"{name} takes no rule as its '{word}'; it is {form(name, '=')}")
        if word in TEXTS and not isinstance(value, str | None):
            raise ValueError(f"the '{word}' of {name} is a name in quotes, not {value!r}")
    return maker(name)(*values, **given)


def _value(node: ast.expr, text: str) -> Any:
    """A number, text, list, mapping or call of a welfare."""
    if isinstance(node, ast.Call):
        return made(node, text, WELFARE)
    return calls.literal(node, text, _brackets(node))


def _brackets(node: ast.AST) -> str:
    """A hint for the bare name of a rule."""
    return f" (did you mean {form(node.id, '=')}?)" if isinstance(node, ast.Name) and node.id in CATALOGUE else ""
