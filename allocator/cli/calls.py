"""Calls typed as Python writes them, such as ``HeadCap(top=10, share=0.3)``: read, never evaluated."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Callable
from typing import Any


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
    call: ast.Call, text: str, name: str, value: Callable[[ast.expr, str], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, without and with names, each as ``value`` reads it; none twice, none unpacked."""
    words = [word.arg for word in call.keywords]
    if None in words or len(set(words)) < len(words) or any(isinstance(entry, ast.Starred) for entry in call.args):
        raise ValueError(f"'{text}' unpacks or repeats something; write every argument of {name} once")
    given = {str(word.arg): value(word.value, text) for word in call.keywords}
    return [value(entry, text) for entry in call.args], given


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
