"""Rules and welfare typed as Python writes them, such as ``HeadCap(top=10, share=0.3)``: read, never evaluated."""

from __future__ import annotations

import ast
import inspect
import warnings
from typing import Any

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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's opinion of odd text would join the one sentence
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{text}' cannot be read; write a rule as Python does, {EXAMPLE}") from None
    if not isinstance(tree, ast.Call):
        raise ValueError(f"'{text}' is no rule{_brackets(tree)}; write one as Python does, {EXAMPLE}")
    return _made(tree, text, known)


def _made(call: ast.Call, text: str, known: list[str]) -> Rule:
    """The rule of a call whose arguments are plain values or, where a welfare is taken, such a call."""
    name = ast.unparse(call.func)
    if name not in CATALOGUE:
        raise ValueError(f"no rule is called '{name}'{suggestion(name, CATALOGUE)} (there are {', '.join(known)})")
    words = [word.arg for word in call.keywords]
    if None in words or len(set(words)) < len(words) or any(isinstance(entry, ast.Starred) for entry in call.args):
        raise ValueError(f"'{text}' unpacks or repeats something; write every argument of {name} once")
    takes = parameters(name)
    unknown = [word for word in words if word not in takes]
    if unknown:
        raise ValueError(f"{name} has no '{unknown[0]}'{suggestion(unknown[0], takes)}; it is {form(name, '=')}")
    values = [_value(entry, text) for entry in call.args]
    given = {str(word.arg): _value(word.value, text) for word in call.keywords}
    try:
        bound = inspect.signature(maker(name)).bind(*values, **given).arguments
    except TypeError as error:
        raise ValueError(f"'{text}' does not fit: {error}; it is {form(name, '=')}") from None
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
        return _made(node, text, WELFARE)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        value = ...
    if isinstance(value, bytes | complex) or value is ...:
        said = ast.unparse(node)
        hint = _brackets(node) or (f" (text stands in quotes: '{said}')" if isinstance(node, ast.Name) else "")
        raise ValueError(f"'{said}' in '{text}' is no number, text, list or mapping{hint}")
    return value


def _brackets(node: ast.AST) -> str:
    """A hint for the bare name of a rule."""
    return f" (did you mean {form(node.id, '=')}?)" if isinstance(node, ast.Name) and node.id in CATALOGUE else ""


def _form(name: str) -> str:
    return form(name, "=")
