"""How a command ends: with a result, or with one sentence and an exit code."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from typing import Any

import typer
from typer.core import TyperGroup

import allocator as al
from allocator.cli.reports import print_json

NAMES = {1: "FAILED", 2: "REFUSED", 3: "INFEASIBLE", 130: "INTERRUPTED"}
UsageError: Any = typer.BadParameter.__base__
"""What the parser raises; typer exports its children, not it."""
EXPECTED = (
    UsageError,
    ValueError,
    TypeError,
    KeyError,
    OSError,
    ArithmeticError,
    MemoryError,
    ImportError,
    al.AllocationError,
    BrokenExecutor,
    KeyboardInterrupt,
)


class OneSentence(TyperGroup):
    """A program that says what went wrong in one sentence on stderr and, with ``--json``, in an object on stdout."""

    def invoke(self, ctx: Any) -> Any:
        machine = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            code, sentence = _code(error), " ".join(_words(error).split())
            typer.echo(sentence, err=True)
            if machine:
                print_json({"error": sentence, "status": NAMES[code]})
            raise typer.Exit(code) from None


def _code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, al.AllocationError) and error.status is al.Status.INFEASIBLE:
        return 3
    return 2 if isinstance(error, (UsageError, ValueError, KeyError)) else 1


def _words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted; no file is left half-written"
    if isinstance(error, UsageError):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error})" if str(error) else "there is not enough memory"
    return str(error.args[0]) if isinstance(error, KeyError) else str(error)
