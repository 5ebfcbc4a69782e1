"""Columns of a table as checked numpy arrays.

What is refused is refused in one sentence that names the table, the column, the first rows (counted from 1, without
the header) and the remedy; no exception of pyarrow gets through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, as_floats
from allocator.tables.errors import TableError
from allocator.tables.numerals import read_numerals
from allocator.wording import some

FloatArray = NDArray[np.float64]
# An integer that a program would write, so that reading it as a number loses nothing: "00123" has to stay text.
WHOLE = r"^(0|-?[1-9][0-9]*)$"
POINTED = r"^(0|-?[1-9][0-9]*)\.0$"
"""An integer that a program took for a floating-point number because the column had gaps."""
LONGEST = 1_000


class IdColumn(NamedTuple):
    """The ids of a column: distinct ones in order of appearance (a pyarrow array), and which one each row has (N,)."""

    distinct: Any
    rows: NDArray[np.integer]


@dataclass(frozen=True)
class Table:
    """A table of N rows: its name in messages, its pyarrow columns, and whether their kinds were guessed from a CSV."""

    name: str
    columns: Any
    guessed: bool = False

    def refuse(self, column: str, wrong: NDArray[np.bool_], what: str, remedy: str) -> None:
        """Raise `TableError` naming the rows where ``wrong`` (N,) is true, if there are any."""
        if wrong.any():
            rows = np.flatnonzero(wrong) + 1
            where = f"row{'s' * (rows.size > 1)} {some(rows)}"
            raise TableError(f"{self.name}, column '{column}': {what} in {where}; {remedy}")

    def refuse_kind(self, column: str, what: str, remedy: str) -> None:
        raise TableError(f"{self.name}, column '{column}': {what}; {remedy}")

    def ids(self, column: str) -> IdColumn:
        """Read ids, int64 or text, none missing or empty."""
        from pyarrow import compute, types

        entries = self.columns[column]
        kind = entries.type
        self.refuse(column, as_array(entries.is_null()), "missing ids", "fill them in or drop the rows")
        if not (types.is_large_string(kind) or types.is_integer(kind)):
            self.refuse_kind(column, f"ids are integers or text, not {kind}", "convert the column to one of them")
        encoded = entries.dictionary_encode().combine_chunks()
        distinct, rows = encoded.dictionary, encoded.indices.to_numpy()
        refuse_long(f"{self.name}, column '{column}'", distinct)
        if types.is_large_string(kind):
            empty = rows == compute.index(distinct, "").as_py()
            self.refuse(column, empty, "empty ids", "fill them in or drop the rows")
        if self.guessed:
            whole = as_integers(distinct).dictionary_encode()
            distinct, rows = whole.dictionary, whole.indices.to_numpy()[rows]
        return IdColumn(distinct, rows)

    def numbers(self, column: str) -> FloatArray:
        """Read numbers >= 0, (N,), NaN where missing."""
        from pyarrow import types

        entries = self.columns[column]
        kind = entries.type
        if types.is_large_string(kind):
            read = read_numerals(entries.combine_chunks())
            wrong = read.wrong | read.ambiguous
            row = int(np.argmax(wrong))
            what = f"text instead of numbers, as {entries[row].as_py()!r:.40}"
            self.refuse(column, wrong, what, "convert the column to numbers")
            numbers = read.numbers
        elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind)):
            self.refuse_kind(column, f"{kind} instead of numbers", "convert it or name another column")
        else:
            numbers = as_floats(entries)
        self.refuse(column, numbers < 0, "negative numbers", "correct or drop the rows")
        return numbers

    def attribute(self, column: str) -> NDArray:
        """Read an attribute (N,) of bool, int64, float64 or text: missing numbers are NaN, missing text is ""."""
        import pyarrow as pa
        from pyarrow import types

        entries = self.columns[column]
        kind = entries.type
        if types.is_boolean(kind):
            missing = as_array(entries.is_null())
            self.refuse(column, missing, "missing truth values", "fill them in or turn the column into text")
        elif types.is_integer(kind) or types.is_floating(kind):
            return as_floats(entries) if entries.null_count else as_array(entries)
        elif types.is_large_string(kind) or types.is_null(kind):
            entries = entries.cast(pa.large_string()).fill_null("")
        else:
            self.refuse_kind(column, f"{kind} cannot be an attribute", "drop it or convert it to numbers or text")
        return as_array(entries)


def pointless(ids: Any) -> Any:
    """Text in which whole numbers have no point: 7.0 is 7."""
    from pyarrow import compute

    pointed = compute.match_substring_regex(ids, POINTED)
    return compute.if_else(pointed, compute.utf8_slice_codeunits(ids, 0, -2), ids)


def as_integers(ids: Any) -> Any:
    """Text that is integers and nothing else as int64, and all else as it is; 17850.0 is 17850, but 00123 is text."""
    import pyarrow as pa
    from pyarrow import compute, types

    if not types.is_large_string(ids.type) or not len(ids):
        return ids
    bare = pointless(ids)
    if not compute.all(compute.match_substring_regex(bare, WHOLE)).as_py():
        return ids
    try:
        return bare.cast(pa.int64())
    except pa.ArrowInvalid:
        return ids  # more digits than 64 bits hold


def refuse_long(column: str, ids: Any) -> None:
    """Refuse text that is too long for an id: numpy pads every text to the longest one."""
    from pyarrow import compute, types

    if not types.is_large_string(ids.type):
        return
    long = ids.filter(compute.greater(compute.utf8_length(ids), LONGEST))
    if len(long):
        text = long[0].as_py()
        raise TableError(
            f"{column}: an id of {len(text):,} characters (it begins with {text[:30]!r}), and ids have at most "
            f"{LONGEST:,}; is there a quotation mark that is not closed?"
        )
