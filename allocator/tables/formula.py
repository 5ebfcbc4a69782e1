"""Formulas over the columns of a table: ``quantity > 0``, ``Quantity * UnitPrice``, ``month(InvoiceDate)``.

The notation is that of Python expressions: arithmetic, comparisons, ``and``, ``or``, ``not``, ``in``, ``a if c else b``
and the functions of `allocator.tables.functions`. A name is a column; one that is no Python name stands in backquotes,
as in `` `Unit Price` * 2 ``. What an entry has to be follows from its use: a column that is compared with a number, or
that takes part in arithmetic, holds numbers, and an entry there that is none is at fault by itself. A missing entry
makes results missing; compared with anything, it is unequal.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

from allocator.tables.errors import TableError
from allocator.tables.functions import FUNCTIONS
from allocator.wording import suggestion

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod)
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?P<column>[^`]+)`""")
"""Texts in quotes, which are left alone, and columns in backquotes."""
OTHER_DATE = re.compile(r"^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|^\d{4}[./]\d{1,2}[./]\d{1,2}\b")
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn)


@dataclass(frozen=True)
class Formula:
    """A formula that has been read: its text, its tree, and what the stand-ins for quoted names stand for."""

    text: str
    tree: ast.expr
    quoted: dict[str, str]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns it names, each once."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        names = (n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and id(n) not in called)
        return tuple(dict.fromkeys(self.column(name) for name in names))

    def column(self, name: ast.Name) -> str:
        """The column that a name stands for."""
        return self.quoted.get(name.id, name.id)

    def written(self, node: ast.expr) -> str:
        """A part of the formula as it was written."""
        text = ast.unparse(node)
        for standin, column in self.quoted.items():
            text = text.replace(standin, f"`{column}`")
        return text


def read_formula(role: str, text: str, known: Collection[str]) -> Formula:
    """Read a formula, or a text that is as a whole the name of a known column.

    Raises
    ------
    TableError
        Naming what cannot be read in it; ``role`` says what it was given for.
    """
    if text in known:
        return Formula(text, ast.Name("column_0"), {"column_0": text})
    quoted: dict[str, str] = {}
    standing = next(name for k in itertools.count() if not _occurs(name := f"column{'_' * k}", text, known))

    def stand_in(found: re.Match) -> str:
        if found["column"] is None:
            return found[0]
        name = f"{standing}_{len(quoted)}"
        quoted[name] = found["column"]
        return name

    try:
        tree = ast.parse(QUOTED.sub(stand_in, text).strip(), mode="eval").body
        formula = Formula(text, tree, quoted)
        _check(role, formula, tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{role} '{text}' cannot be read as a formula; {_advice(text)}") from None
    return formula


def _occurs(name: str, text: str, known: Collection[str]) -> bool:
    return name in text or any(column.startswith(name) for column in known)


def _advice(text: str) -> str:
    if re.search(r"[^=<>!]=[^=]", text):
        return "compare with =="
    if "<>" in text:
        return "write != for unequal"
    if re.search(r"\b(AND|OR|NOT|IS|LIKE)\b", text):
        return "write and, or, not in small letters, missing(x) for IS NULL and contains(x, 'text') for LIKE"
    if "&&" in text or "||" in text:
        return "write and, or"
    return "it is an expression such as quantity > 0, with a column whose name has spaces in backquotes"


def _check(role: str, formula: Formula, node: ast.expr) -> None:
    """Refuse all that is no formula: `kind` and evaluation then know every node they meet."""

    def refuse(what: str) -> None:
        raise TableError(f"{role} '{formula.text}': {what}")

    match node:
        case ast.Constant(value=bool() | int() | float() | str()) | ast.Name():
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            parts = [node.operand]
        case ast.BinOp(op=op) if isinstance(op, ARITHMETIC):
            parts = [node.left, node.right]
        case ast.BoolOp():
            parts = node.values
        case ast.IfExp():
            parts = [node.test, node.body, node.orelse]
        case ast.Compare(ops=ops) if all(isinstance(op, COMPARISONS) for op in ops):
            parts = [node.left]
            for op, right in zip(ops, node.comparators, strict=True):
                if not isinstance(op, ast.In | ast.NotIn):
                    _refuse_other_dates(refuse, op, (parts[-1], right))
                    parts.append(right)
                elif not (isinstance(right, ast.Tuple | ast.List) and _one_kind(right.elts)):
                    example = f"{formula.written(node.left)} in ('a', 'b')"
                    refuse(f"after 'in' comes a list of texts or of numbers, as in {example}")
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            if name not in FUNCTIONS:
                refuse(
                    f"no function is called '{name}'{suggestion(name, FUNCTIONS)} (there are {', '.join(FUNCTIONS)})"
                )
            fault = FUNCTIONS[name].fault([constant(part) for part in node.args])
            if fault:
                refuse(f"{name} {fault}")
            parts = [part for part in node.args if not isinstance(part, ast.Constant)]
        case ast.Attribute():
            refuse(f"'{formula.written(node)}' is no part of a formula; a column with such a name stands in backquotes")
        case _:
            refuse(f"'{formula.written(node)}' is no part of a formula")
    for part in parts:
        _check(role, formula, part)


def _refuse_other_dates(refuse: Callable[[str], None], op: ast.cmpop, sides: tuple[ast.expr, ast.expr]) -> None:
    """Letter by letter, 01/04/2024 comes before 05/03/2023: only days in ISO 8601 can be compared so."""
    for side in sides:
        text = constant(side)
        if isinstance(text, str) and OTHER_DATE.match(text) and not isinstance(op, ast.Eq | ast.NotEq):
            refuse(f"'{text}' would be compared letter by letter; write day(x, '%d/%m/%Y') >= '2024-04-01' or the like")


def constant(node: ast.expr) -> str | float | bool | None:
    """The value of a constant, negative numbers included; None for what is none."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return node.value if isinstance(node, ast.Constant) else None


def _one_kind(constants: list[ast.expr]) -> bool:
    values = [value for value in map(constant, constants) if value is not None]
    texts = [isinstance(value, str) for value in values]
    return len(values) == len(constants) > 0 and (all(texts) or not any(texts))


def kind(node: ast.expr) -> str | None:
    """What a part of a formula is: number, text or truth; None for a column, which is what it is used as."""
    match node:
        case ast.Constant(value=value):
            return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        case ast.BinOp() | ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return "number"
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp():
            return "truth"
        case ast.IfExp():
            return kind(node.body) or kind(node.orelse)
        case ast.Call(func=ast.Name(id=name)):
            return FUNCTIONS[name].gives
    return None
