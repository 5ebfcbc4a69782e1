"""A batch of rows: what formulas work on, and the faults that are found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, as_floats, plain
from allocator.tables.errors import TableError, readable
from allocator.tables.moments import local
from allocator.tables.numerals import read_numerals

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
DROP = "correct the rows, or drop them with invalid='drop'"


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
            return as_floats(entries)
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
            return number_text(as_floats(entries))
        if types.is_boolean(entries.type):
            return compute.if_else(entries, "true", "false").cast(pa.large_string())
        return plain(pa.chunked_array([local(entries)])).combine_chunks().cast(pa.large_string())


def decoded(column: Any) -> Any:
    """A column of a batch (chunked) as one array of the kinds that formulas know; times stay as they are."""
    from pyarrow import types

    kept = (types.is_date, types.is_timestamp, types.is_time, types.is_duration)
    return (column if any(test(column.type) for test in kept) else plain(column)).combine_chunks()


def columns_of(source: str, table: Any) -> dict[str, Any]:
    """The columns of a batch, each as `decoded` makes it; one that cannot be read is refused by name."""
    columns = {}
    for name in table.column_names:
        with readable(f"{source}, column '{name}',", "convert the column and try again"):
            columns[name] = decoded(table[name])
    return columns


def number_text(numbers: FloatArray) -> Any:
    """Numbers as text: without a point where they are whole, null where missing."""
    import pyarrow as pa

    distinct, which = np.unique(numbers, return_inverse=True)
    text = [None if np.isnan(number) else _digits(number) for number in distinct.tolist()]
    return pa.array(text, pa.large_string()).take(pa.array(which))


def _digits(number: float) -> str:
    return str(int(number)) if number == np.floor(number) and abs(number) < 2.0**63 else repr(number)
