"""A batch of rows, and what formulas make of it; entries that do not suit their use are put down as faults."""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, plain
from allocator.tables.errors import TableError, readable
from allocator.tables.formula import Formula, kind
from allocator.tables.functions import FUNCTIONS
from allocator.tables.moments import Read
from allocator.tables.numerals import read_numerals

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
DROP = "correct the rows, or drop them with invalid='drop'"
OPERATORS = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
TEXT_COMPARISONS = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}


class Fault(NamedTuple):
    """Rows of a batch that cannot be used: which (N,), the column, what is wrong with an example, and the remedy.

    Without a remedy the caller has already chosen that such rows are dropped.
    """

    rows: Mask
    column: str
    what: str
    remedy: str = ""
    sample: str = ""


@dataclass
class Rows:
    """N rows of one source: their numbers in it, counted from 1, their columns, and the faults found so far."""

    source: str
    numbers: NDArray[np.int64]
    columns: dict[str, Any]
    decimal: str | None = None
    faults: list[Fault] = field(default_factory=list)
    marks: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per column the first row in which a mark was seen: decimal ``,`` or ``.``, a point in doubt ``?``, a currency."""

    def __len__(self) -> int:
        return self.numbers.size

    def fault(self, column: str, rows: Mask, what: str, remedy: str = "", entries: Any = None) -> None:
        """Put down faulty rows, if there are any, with the first of their entries as an example."""
        if rows.any():
            sample = "" if entries is None else f", as {entries[int(np.argmax(rows))].as_py()!r:.40},"
            self.faults.append(Fault(rows, column, what, remedy, sample))

    @property
    def faulty(self) -> Mask:
        """Rows with a fault (N,)."""
        return np.logical_or.reduce([np.zeros(len(self), dtype=bool), *(fault.rows for fault in self.faults)])

    def taken(self, which: Mask) -> Rows:
        """Some of the rows, without the faults."""
        import pyarrow as pa

        mask = pa.array(which)
        columns = {name: column.filter(mask) for name, column in self.columns.items()}
        return Rows(self.source, self.numbers[which], columns, self.decimal, marks=self.marks)

    def refuse_kind(self, column: str, what: str, remedy: str) -> None:
        raise TableError(f"{self.source}, column '{column}': {what}; {remedy}")

    def as_numbers(self, name: str, entries: Any) -> FloatArray:
        """Entries as numbers (N,), NaN where missing; what is no number is a fault."""
        import pyarrow as pa
        from pyarrow import compute, types

        if types.is_integer(entries.type) or types.is_floating(entries.type):
            return as_array(entries.cast(pa.float64(), safe=False).fill_null(np.nan))
        if types.is_null(entries.type):
            return np.full(len(self), np.nan)
        if types.is_duration(entries.type) or types.is_time(entries.type):
            self.refuse_kind(name, "durations instead of numbers", f"write seconds({name})")
        if not types.is_large_string(entries.type):
            self.refuse_kind(name, f"{entries.type} instead of numbers", "convert it or name another column")
        read = read_numerals(entries, self.decimal)
        clock = any(":" in str(entry) for entry in entries.filter(pa.array(read.wrong)).slice(0, 3).to_pylist())
        remedy = f"write seconds({name}) for durations" if clock else DROP
        self.fault(name, read.wrong, "text instead of numbers", remedy, entries)
        what = "commas that may be decimal ones or set thousands apart"
        self.fault(name, read.ambiguous, what, "say which, with decimal=',' or decimal='.'", entries)
        seen = {",": read.comma, ".": read.point, "?": read.doubtful}
        signs = compute.unique(read.currency).to_pylist()
        seen |= {sign: as_array(compute.equal(read.currency, sign)) for sign in signs if sign}
        for mark, rows in seen.items():
            if rows.any():
                self.marks.setdefault(name, {}).setdefault(mark, int(self.numbers[np.argmax(rows)]))
        return read.numbers

    def as_text(self, entries: Any) -> Any:
        """Entries as large_string; whole numbers without a point."""
        import pyarrow as pa
        from pyarrow import compute, types

        if types.is_floating(entries.type):
            numbers = as_array(entries.cast(pa.float64()).fill_null(np.nan))
            return _number_text(numbers)
        if types.is_boolean(entries.type):
            return compute.if_else(entries, "true", "false").cast(pa.large_string())
        return entries.cast(pa.large_string())


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
                return self._chosen(self.of(test, "truth"), self.of(body, given), self.of(orelse, given))
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
                reduce = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return reduce.reduce([self.of(value, "truth") for value in values])
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                tests = [self._compared(a, op, b) for a, op, b in zip(sides, ops, others, strict=False)]
                return np.logical_and.reduce(tests)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(node, name, arguments)
        raise AssertionError(ast.dump(node))

    def _called(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Any:
        function = FUNCTIONS[name]
        given = [
            part.value if function.kind(k).startswith("'") else self.of(part, function.kind(k))  # type: ignore[attr-defined]
            for k, part in enumerate(arguments)
        ]
        numbered = {"rows": self.rows.numbers} if function.numbered else {}
        found = function.apply(*given, **numbered)
        if isinstance(found, Read):
            remedy = f"give the layout, such as {name}(x, '%d/%m/%Y %H:%M')" if "'text'" in function.takes else DROP
            column = self.formula.column(arguments[0]) if isinstance(arguments[0], ast.Name) else None
            entries = self.rows.columns.get(column) if column else None
            self.rows.fault(
                column or self.formula.written(node), found.wrong, f"entries that {name} cannot read", remedy, entries
            )
            return found.entries
        return found

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Mask:
        if isinstance(op, ast.In | ast.NotIn):
            found = self._listed(left, right)
            return ~found if isinstance(op, ast.NotIn) else found
        kinds = {kind(left), kind(right)}
        plain_equal = isinstance(op, ast.Eq | ast.NotEq) and kinds == {None}
        if "text" not in kinds and not plain_equal:
            return np.asarray(OPERATORS[type(op)](self.of(left, "number"), self.of(right, "number")))
        from pyarrow import compute

        test = getattr(compute, TEXT_COMPARISONS[type(op)])
        return as_array(test(self.of(left, "text"), self.of(right, "text")).fill_null(isinstance(op, ast.NotEq)))

    def _listed(self, left: ast.expr, right: Any) -> Mask:
        import pyarrow as pa
        from pyarrow import compute

        values = [one.value for one in right.elts]
        if isinstance(values[0], str):
            return as_array(compute.is_in(self.of(left, "text"), pa.array(values, pa.large_string())))
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
            return np.full(len(self.rows), float(value))
        if wanted == "truth":
            return np.full(len(self.rows), bool(value))
        return pa.array([str(value)], pa.large_string()).take(pa.array(np.zeros(len(self.rows), dtype=np.int64)))

    def _chosen(self, test: Mask, one: Any, other: Any) -> Any:
        import pyarrow as pa
        from pyarrow import compute

        if isinstance(one, np.ndarray):
            return np.where(test, one, other)
        return compute.if_else(pa.array(test), one, other)

    def _turned(self, node: ast.expr, found: Any, wanted: str) -> Any:
        """A result as what is wanted of it."""
        given = kind(node)
        if wanted in (given, "column"):
            return found
        if wanted == "number":
            return self.rows.as_numbers(self.formula.written(node), found) if given == "text" else found.astype(float)
        if wanted == "text":
            return _number_text(found) if given == "number" else self.rows.as_text(self._arrow(found))
        raise TableError(f"'{self.formula.written(node)}' is neither true nor false; compare it with something")

    def _arrow(self, found: NDArray) -> Any:
        import pyarrow as pa

        return pa.array(found)


def _among(text: Any, words: tuple[str, ...]) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    lower = compute.utf8_lower(compute.utf8_trim_whitespace(text))
    return compute.is_in(lower, pa.array(words, pa.large_string()))


def _number_text(numbers: FloatArray) -> Any:
    """Numbers as text: without a point where they are whole, null where missing."""
    import pyarrow as pa

    distinct, which = np.unique(numbers, return_inverse=True)
    text = [None if np.isnan(number) else _digits(number) for number in distinct.tolist()]
    return pa.array(text, pa.large_string()).take(pa.array(which))


def _digits(number: float) -> str:
    return str(int(number)) if number == np.floor(number) and abs(number) < 2.0**63 else repr(number)


def decoded(column: Any) -> Any:
    """A column of a batch (chunked) as one array of the kinds that formulas know; times stay as they are."""
    from pyarrow import types

    kept = (types.is_date, types.is_timestamp, types.is_time, types.is_duration)
    return (column if any(test(column.type) for test in kept) else plain(column)).combine_chunks()
