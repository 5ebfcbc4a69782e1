"""Calls typed as Python writes them, such as ``HeadCap(top=10, share=0.3)``: read, never evaluated."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Callable, Collection
from typing import Any

from allocator.wording import suggestion


def parsed(text: str, noun: str, example: str, hint: Callable[[ast.expr], str] = lambda _: "") -> ast.Call:
    """The call that a text is.

    Raises
    ------
    ValueError
        In one sentence that calls what was asked for by its ``noun``; ``hint`` says more of what is no call.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's opinion of odd text would join the one sentence
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{text}' cannot be read; write a {noun} as Python does, {example}") from None
    if not isinstance(tree, ast.Call):
        raise ValueError(f"'{text}' is no {noun}{hint(tree)}; write one as Python does, {example}")
    return tree


def arguments(
    call: ast.Call, text: str, value: Callable[[ast.expr, str], Any], takes: Collection[str], form: str
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, without and with names, each as ``value`` reads it; none twice, unpacked or unknown."""
    name = ast.unparse(call.func)
    words = [word.arg for word in call.keywords]
    if None in words or len(set(words)) < len(words) or any(isinstance(entry, ast.Starred) for entry in call.args):
        raise ValueError(f"'{text}' unpacks or repeats something; write every argument of {name} once")
    given = {str(word.arg): value(word.value, text) for word in call.keywords}
    values = [value(entry, text) for entry in call.args]
    unknown = [word for word in given if word not in takes]
    if unknown:
        raise ValueError(f"{name} has no '{unknown[0]}'{suggestion(unknown[0], takes)}; it is {form}")
    return values, given


def fitted(maker: Callable[..., Any], values: list[Any], given: dict[str, Any], text: str, form: str) -> dict[str, Any]:
    """Arguments by name, as the maker takes them."""
    try:
        return inspect.signature(maker).bind(*values, **given).arguments
    except TypeError as error:
        raise ValueError(f"'{text}' does not fit: {error}; it is {form}") from None


def literal(node: ast.expr, text: str, hint: str = "", kinds: str = "number, text, list or mapping") -> Any:
    """A number, text, list or mapping."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        value = ...
    if isinstance(value, bytes | complex) or value is ...:
        said = ast.unparse(node)
        hint = hint or (f" (text stands in quotes: '{said}')" if isinstance(node, ast.Name) else "")
        raise ValueError(f"'{said}' in '{text}' is no {kinds}{hint}")
    return value
