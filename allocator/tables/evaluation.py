"""What formulas make of a batch of rows; entries that do not suit their use are put down as faults."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array
from allocator.tables.errors import TableError, readable
from allocator.tables.formula import Formula, constant, kind
from allocator.tables.functions import FUNCTIONS
from allocator.tables.moments import ISO, Read, read_moments
from allocator.tables.rows import DROP, Mask, Rows, number_text

OPERATORS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
"""Those of numpy; Arrow has the comparisons under the same names."""


def evaluate(formula: Formula, rows: Rows, wanted: str | None = None) -> Any:
    """What a formula is for each row.

    ``wanted`` is "number" (float64 (N,), NaN where missing), "text" (large_string, null where missing), "truth" (bool
    (N,)) or None: the column itself where the formula names one, else what the formula gives.
    """
    if wanted is None:
        wanted = kind(formula.tree) or "column"
    with readable(f"{rows.source}, '{formula.text}'", "simplify the formula"), np.errstate(all="ignore"):
        return _Evaluation(formula, rows).of(formula.tree, wanted)


class _Evaluation:
    def __init__(self, formula: Formula, rows: Rows):
        self.formula, self.rows = formula, rows

    def of(self, node: ast.expr, wanted: str) -> Any:
        """A part of the formula, as numbers, text, truths, or a column as it is."""
        match node:
            case ast.Name():
                return self._column(node, wanted)
            case ast.Constant(value=value):
                return self._constant(value, wanted)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                given = wanted if wanted != "column" else kind(node) or "text"
                chosen = self.of(test, "truth")
                return self._chosen(chosen, self._where(chosen, body, given), self._where(~chosen, orelse, given))
        return self._turned(node, self._result(node), wanted)

    def _result(self, node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](self.of(left, "number"), self.of(right, "number"))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ~self.of(operand, "truth")
            case ast.UnaryOp(op=op, operand=operand):
                return self.of(operand, "number") * (-1.0 if isinstance(op, ast.USub) else 1.0)
            case ast.BoolOp(op=op, values=values):
                return self._joined(values, isinstance(op, ast.And))
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                tests = [self._compared(a, op, b) for a, op, b in zip(sides, ops, others, strict=False)]
                return np.logical_and.reduce(tests)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(node, name, arguments)
        raise AssertionError(ast.dump(node))

    def _where(self, asked: Mask, node: ast.expr, wanted: str) -> Any:
        """A part of which only some rows are asked: what is at fault in others does not matter."""
        before, self.rows.faults = self.rows.faults, []
        found = self.of(node, wanted)
        for fault in self.rows.faults:
            before += [fault._replace(rows=fault.rows & asked)] * bool((fault.rows & asked).any())
        self.rows.faults = before
        return found

    def _joined(self, values: list[ast.expr], all_of_them: bool) -> Mask:
        """``and`` and ``or``: a row that is decided is asked no further."""
        found = np.full(len(self.rows), all_of_them)
        for value in values:
            truth = self._where(found if all_of_them else ~found, value, "truth")
            found = found & truth if all_of_them else found | truth
        return found

    def _called(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Any:
        import pyarrow as pa

        function = FUNCTIONS[name]
        given = [
            constant(part) if function.kind(k).startswith("'") else self.of(part, function.kind(k))
            for k, part in enumerate(arguments)
        ]
        given = [
            pa.array(one) if function.kind(k) == "column" and isinstance(one, np.ndarray) else one
            for k, one in enumerate(given)
        ]
        numbered = {"rows": self.rows.numbers} if function.numbered else {}
        found = function.apply(*given, **numbered)
        if not isinstance(found, Read):
            return found
        column = self.formula.column(arguments[0]) if isinstance(arguments[0], ast.Name) else None
        entries = self.rows.columns.get(column) if column else None
        what = f"entries that {name} cannot read"
        self.rows.fault(column or self.formula.written(node), found.wrong, what, function.remedy or DROP, entries)
        return found.entries

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Mask:
        if isinstance(op, ast.In | ast.NotIn):
            found = self._listed(left, right)
            return ~found if isinstance(op, ast.NotIn) else found
        kinds, plain = {kind(left), kind(right)}, isinstance(op, ast.Eq | ast.NotEq)
        if self._is_day(left, right) or self._is_day(right, left):
            return OPERATORS[type(op)](self._moment(left), self._moment(right))
        if self._is_whole(left) and self._is_whole(right):
            return self._by_arrow(op, self._integers(left), self._integers(right))
        if "truth" in kinds:
            return OPERATORS[type(op)](self.of(left, "truth"), self.of(right, "truth"))
        if "number" in kinds or not ("text" in kinds or plain):
            return OPERATORS[type(op)](self.of(left, "number"), self.of(right, "number"))
        return self._by_arrow(op, self.of(left, "text"), self.of(right, "text"))

    def _by_arrow(self, op: ast.cmpop, left: Any, right: Any) -> Mask:
        from pyarrow import compute

        test = getattr(compute, OPERATORS[type(op)].__name__)
        return as_array(test(left, right).fill_null(isinstance(op, ast.NotEq)))

    def _is_day(self, side: ast.expr, column: ast.expr) -> bool:
        """Whether a constant is a day or a moment, and beside it stands a column."""
        text = constant(side)
        return isinstance(column, ast.Name) and isinstance(text, str) and re.match(ISO, text) is not None

    def _moment(self, node: ast.expr) -> NDArray[np.datetime64]:
        import pyarrow as pa

        if not isinstance(node, ast.Name):
            return read_moments(pa.array([constant(node)])).entries
        name = self.formula.column(node)
        entries = self.rows.columns[name]
        read = read_moments(entries)
        remedy = f"compare day({name}, '%d/%m/%Y') or the like"
        self.rows.fault(name, read.wrong, "entries that are no days in ISO 8601", remedy, entries)
        return read.entries

    def _is_whole(self, node: ast.expr) -> bool:
        """Whether a side is an integer as it is, so that no digit is lost in comparing it."""
        from pyarrow import types

        if isinstance(node, ast.Name):
            return types.is_integer(self.rows.columns[self.formula.column(node)].type)
        value = constant(node)
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63

    def _integers(self, node: ast.expr) -> Any:
        import pyarrow as pa

        if isinstance(node, ast.Name):
            return self.rows.columns[self.formula.column(node)]
        return pa.repeat(pa.scalar(constant(node), pa.int64()), len(self.rows))

    def _listed(self, left: ast.expr, right: Any) -> Mask:
        import pyarrow as pa
        from pyarrow import compute

        values = [constant(one) for one in right.elts]
        if isinstance(values[0], str):
            return as_array(compute.is_in(self.of(left, "text"), pa.array(values, pa.large_string())))
        if isinstance(left, ast.Name) and all(self._is_whole(side) for side in [left, *right.elts]):
            return as_array(compute.is_in(self._integers(left), pa.array(values, pa.int64())))
        return np.isin(self.of(left, "number"), np.array(values, dtype=np.float64))

    def _column(self, node: ast.Name, wanted: str) -> Any:
        from pyarrow import types

        name = self.formula.column(node)
        entries = self.rows.columns[name]
        if wanted == "column":
            return entries
        if wanted == "number":
            return self.rows.as_numbers(name, entries)
        if wanted == "text":
            return self.rows.as_text(entries)
        if types.is_boolean(entries.type):
            return as_array(entries.fill_null(False))
        text = self.rows.as_text(entries)
        truth, falsehood = (as_array(_among(text, words)) for words in (("true", "1", "yes"), ("false", "0", "no", "")))
        wrong = as_array(text.is_valid()) & ~truth & ~falsehood
        self.rows.fault(name, wrong, "entries that are neither true nor false", "compare the column with something")
        return truth

    def _constant(self, value: Any, wanted: str) -> Any:
        import pyarrow as pa

        if wanted == "number":
            try:
                return np.full(len(self.rows), float(value))
            except (ValueError, OverflowError):
                raise TableError(
                    f"'{self.formula.text}': {value!r:.40} is no number; compare texts with texts"
                ) from None
        if wanted == "truth":
            return np.full(len(self.rows), bool(value))
        return pa.repeat(pa.scalar(str(value), pa.large_string()), len(self.rows))

    def _chosen(self, test: Mask, one: Any, other: Any) -> Any:
        import pyarrow as pa
        from pyarrow import compute

        if isinstance(one, np.ndarray):
            return np.where(test, one, other)
        return compute.if_else(pa.array(test), one, other)

    def _turned(self, node: ast.expr, found: Any, wanted: str) -> Any:
        """A result as what is wanted of it."""
        import pyarrow as pa

        given = kind(node)
        if wanted in (given, "column"):
            return found
        if wanted == "number":
            return self.rows.as_numbers(self.formula.written(node), found) if given == "text" else found.astype(float)
        if wanted == "text":
            return number_text(found) if given == "number" else self.rows.as_text(pa.array(found))
        raise TableError(f"'{self.formula.written(node)}' is neither true nor false; compare it with something")


def _among(text: Any, words: tuple[str, ...]) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    lower = compute.utf8_lower(compute.utf8_trim_whitespace(text))
    return compute.is_in(lower, pa.array(words, pa.large_string()))
