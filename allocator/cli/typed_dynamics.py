"""Policies and mechanisms by name (``patient``, ``patient=0.9``) or as Python writes them: read, never evaluated."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from allocator.cli import calls, typed_rules
from allocator.dynamics import ORDER, Mechanism, Optimal, Partly, Pathway, Phased, Policy, ViableFloors, policies
from allocator.rules import GMV, Constraint, Objective, Welfare
from allocator.rules.catalogue import CATALOGUE
from allocator.wording import suggestion

Kind = TypeVar("Kind", Policy, Mechanism)
EMPTY = inspect.Parameter.empty
KINDS = "number, text, list, mapping, policy or rule"


def _called(kind: type) -> str:
    """The name of a class on the command line.

    >>> _called(ViableFloors)
    'viable_floors'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _is_policy(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Policy) and thing is not Policy


POLICIES: dict[str, type[Policy]] = {
    _called(thing): thing for thing in (getattr(policies, name) for name in policies.__all__) if _is_policy(thing)
}
MECHANISMS: dict[str, type[Mechanism]] = {_called(kind): kind for kind in ORDER}
WITHIN: dict[str, type] = {kind.__name__: kind for kind in (*POLICIES.values(), Pathway)}
"""What arguments may call, beside rules."""


def policy(text: str) -> Policy:
    """A policy from ``even``, ``epsilon_even=0.3`` or ``Phased([(50, Even(0.6))], Greedy())``.

    Raises
    ------
    ValueError
        In one sentence: for names that nobody has (with the nearest), and arguments that do not fit.
    """
    return _read(text, POLICIES, "policy", "such as Patient(discount=0.9)")


def mechanism(text: str) -> Mechanism:
    """A mechanism from ``defection``, ``starvation=50`` or ``Defection(base=0.01, where='tier=head')``; refusals are
    those of `policy`.
    """
    return _read(text, MECHANISMS, "mechanism", "such as Defection(base=0.01, where='tier=head')")


def own(kind: type) -> str | None:
    """The parameter that a number behind an equals sign sets: the first that the class itself has, if a number can be
    one.

    >>> own(MECHANISMS["starvation"]), own(POLICIES["patient"]), own(POLICIES["optimal"])
    ('viable', 'discount', None)
    """
    takes = inspect.signature(kind).parameters
    first = next((name for name in vars(kind).get("__annotations__", {}) if name in takes), None)
    if first is None:
        return None
    annotation = takes[first].annotation
    return first if re.match(r"(float|int|ArrayLike)\b", getattr(annotation, "__name__", str(annotation))) else None


def offered(kinds: Mapping[str, type]) -> list[str]:
    """What can be typed: names, with an equals sign where their number must follow, and classes up to the bracket."""
    found = []
    for name, kind in kinds.items():
        needed = [word for word, entry in inspect.signature(kind).parameters.items() if entry.default is EMPTY]
        if needed in ([], [own(kind)]):
            found.append(f"{name}=" if needed else name)
    return [*found, *(f"{kind.__name__}(" for kind in kinds.values())]


def with_problem(policy: Policy, objective: Objective, rules: Sequence[Constraint]) -> Policy:
    """The policy under rules, beside its own, and for an objective, unless it has a welfare of its own; itself where
    nothing in it optimises.
    """
    if isinstance(policy, Optimal):
        alone = all(isinstance(term, GMV) for term in Objective.coerce(policy.objective).terms)
        stated = objective if alone else policy.objective
        return replace(policy, objective=stated, rules=(*rules, *policy.rules))
    if isinstance(policy, ViableFloors):
        return replace(policy, otherwise=with_problem(policy.otherwise, objective, rules))
    if isinstance(policy, Partly):
        return replace(policy, policy=with_problem(policy.policy, objective, rules))
    if isinstance(policy, Phased):
        phases = [(length, with_problem(phase, objective, rules)) for length, phase in policy.phases]
        return replace(policy, phases=phases, after=with_problem(policy.after, objective, rules))
    return policy


def _read(text: str, kinds: dict[str, type[Kind]], noun: str, example: str) -> Kind:
    if "(" in text:
        call = calls.parsed(text, noun, example)
        name = ast.unparse(call.func)
        classes = {kind.__name__: kind for kind in kinds.values()}
        if name not in classes:
            raise ValueError(
                f"no {noun} is called '{name}'{suggestion(name, classes)} (there are {', '.join(classes)})"
            )
        return _made(call, text, classes[name])
    name, equals, number = text.partition("=")
    if name not in kinds:
        hint = suggestion(name.lower(), kinds)
        raise ValueError(
            f"no {noun} is called '{name}'{hint} (there are {', '.join(kinds)}, or one as Python writes it, {example})"
        )
    kind, first = kinds[name], own(kinds[name])
    if not equals:
        return _built(kind, [], {}, text, f"; write {name}=X for its {first}" * (first is not None))
    if first is None:
        raise ValueError(f"no number belongs behind {name}; write {_form(kind)}")
    return _built(kind, [], {first: _number(number, text)}, text)


def _number(text: str, whole: str) -> float:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        raise ValueError(f"'{text}' in '{whole}' is not a number") from None


def _made(call: ast.Call, text: str, kind: type) -> Any:
    values, given = calls.arguments(call, text, _value, inspect.signature(kind).parameters, _form(kind))
    return _built(kind, values, given, text)


def _built(kind: Callable[..., Any], values: list[Any], given: dict[str, Any], text: str, hint: str = "") -> Any:
    """The object, with what it refuses told of the text that it was made from."""
    calls.fitted(kind, values, given, text, _form(kind) + hint)
    try:
        return kind(*values, **given)
    except ValueError as error:
        raise ValueError(f"'{text}' cannot be: {error}") from None
    except (TypeError, AttributeError) as error:
        raise ValueError(f"'{text}' has an argument of the wrong kind: {error}; it is {_form(kind)}") from None


def _value(node: ast.expr, text: str) -> Any:
    """A plain value, a policy, pathway, rule or welfare, an objective (a sum of these), or lists of all that."""
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in CATALOGUE:
            return typed_rules.made(node, text, list(CATALOGUE))
        if name not in WITHIN:
            known = [*WITHIN, *CATALOGUE]
            raise ValueError(f"'{name}' in '{text}' is unknown{suggestion(name, known)} (there are {', '.join(known)})")
        return _made(node, text, WITHIN[name])
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(entry, text) for entry in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
        return _joined(node, text)
    return calls.literal(node, text, kinds=KINDS)


def _joined(node: ast.BinOp, text: str) -> Any:
    """``GMV() + 200 * Nash()``."""
    left, right = _value(node.left, text), _value(node.right, text)
    terms = [isinstance(side, Welfare | Objective) for side in (left, right)]
    if isinstance(node.op, ast.Add) and all(terms):
        return left + right
    if isinstance(node.op, ast.Mult) and terms[1] and isinstance(left, int | float):
        return left * right
    raise ValueError(f"'{ast.unparse(node)}' in '{text}' is no objective; write one such as GMV() + 200 * Nash()")


def _form(kind: Callable[..., Any]) -> str:
    """How a policy or mechanism is written: an equals sign behind what has a default.

    >>> _form(ViableFloors)
    'ViableFloors(budget, months=, floor=, otherwise=)'
    """
    takes = inspect.signature(kind).parameters.values()
    return f"{kind.__name__}({', '.join(entry.name + '=' * (entry.default is not EMPTY) for entry in takes)})"
