"""Load a table from a file or a data frame, and read its columns as checked numpy arrays.

What is refused is refused in one sentence that names the table, the column, the first rows (counted from 1, without
the header) and the remedy; no exception of pyarrow gets through.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.graph import FloatArray
from allocator.wording import some, suggestion

NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
# An integer that a program would write, so that reading it as a number loses nothing: "00123" has to stay text.
WHOLE = r"^(0|-?[1-9][0-9]*)$"
LEADING_ZERO = r"^[+-]?0[0-9]"


class TableError(ValueError):
    """A table or folder that cannot be used: one sentence naming the culprit and the remedy."""


class Ids(NamedTuple):
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

    def ids(self, column: str) -> Ids:
        """Read ids, int64 or text, none missing or empty."""
        import pyarrow as pa
        from pyarrow import compute, types

        entries = self.columns[column]
        kind = entries.type
        self.refuse(column, as_array(entries.is_null()), "missing ids", "fill them in or drop the rows")
        if not (types.is_large_string(kind) or types.is_integer(kind)):
            self.refuse_kind(column, f"ids are integers or text, not {kind}", "convert the column to one of them")
        encoded = entries.dictionary_encode().combine_chunks()
        distinct, rows = encoded.dictionary, encoded.indices.to_numpy()
        if types.is_large_string(kind):
            empty = rows == compute.index(distinct, "").as_py()
            self.refuse(column, empty, "empty ids", "fill them in or drop the rows")
            if self.guessed and compute.all(compute.match_substring_regex(distinct, WHOLE)).as_py():
                try:
                    distinct = distinct.cast(pa.int64())
                except pa.ArrowInvalid:
                    return Ids(distinct, rows)  # more digits than 64 bits hold
        return Ids(distinct, rows)

    def amounts(self, column: str) -> FloatArray:
        """Read finite numbers >= 0, (N,), none missing."""
        amounts = self.numbers(column)
        self.refuse(column, np.isnan(amounts), "missing numbers", "fill them in or drop the rows")
        self.refuse(column, np.isinf(amounts), "infinite numbers", "correct or drop the rows")
        return amounts

    def numbers(self, column: str) -> FloatArray:
        """Read numbers >= 0, (N,), NaN where missing."""
        from pyarrow import compute, types

        entries = self.columns[column]
        kind = entries.type
        if types.is_large_string(kind):
            wrong = ~as_array(compute.match_substring_regex(entries, NUMBER).fill_null(True))
            row = int(np.argmax(wrong))
            what = f"text instead of numbers, as {entries[row].as_py()!r:.40} in row {row + 1}"
            self.refuse_kind(column, what, "convert the column to numbers")
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind)):
            self.refuse_kind(column, f"{kind} instead of numbers", "convert it or name another column")
        numbers = _floats(entries)
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
            return _floats(entries) if entries.null_count else as_array(entries)
        elif types.is_large_string(kind) or types.is_null(kind):
            entries = entries.cast(pa.large_string()).fill_null("")
        else:
            self.refuse_kind(column, f"{kind} cannot be an attribute", "drop it or convert it to numbers or text")
        return as_array(entries)


def as_array(entries: Any) -> NDArray:
    """Turn a pyarrow array without nulls into a numpy array; text takes the width of the longest entry."""
    from pyarrow import types

    text = types.is_large_string(entries.type)
    return np.array(entries.to_pylist(), dtype=np.str_) if text else np.asarray(entries)


def _floats(entries: Any) -> FloatArray:
    import pyarrow as pa

    return as_array(entries.cast(pa.float64(), safe=False).fill_null(np.nan))


def load(role: str, source: Any, ids: Collection[str], needed: Collection[str] | None = None) -> Table:
    """Load a table of at least one row from a ``.csv`` or ``.parquet`` path, or from a pandas, polars or pyarrow frame.

    ``role`` says in messages what the table is for, ``ids`` are columns in which a CSV file's "00123" is text, and
    ``needed`` are the columns to load, None for all.

    Raises
    ------
    TableError
        If the source or a needed column is absent or unreadable, or if there are no rows.
    """
    import pyarrow as pa

    path = Path(source) if isinstance(source, str | os.PathLike) else None
    name = f"the {role} frame" if path is None else f"the {role} table {path}"
    if path is None and not hasattr(source, "__arrow_c_stream__"):
        raise TableError(f"{name} is a {type(source).__name__}; give a path or a pandas, polars or pyarrow frame")
    with readable(name, "check it, or convert it and try again"):
        if path is None:
            columns = pa.table(source)
            columns = columns.select(_present(name, columns.column_names, needed))
        else:
            columns = _reader(name, path)(name, path, ids, needed)
    if columns.num_rows == 0:
        raise TableError(f"{name} has no rows; give at least one")
    plain = {}
    for column in columns.column_names:
        with readable(f"{name}, column '{column}',", "convert the column and try again"):
            plain[column] = _plain(columns[column])
    return Table(name, pa.table(plain), guessed=path is not None and path.suffix.lower() == ".csv")


@contextmanager
def readable(name: str, remedy: str) -> Iterator[None]:
    """Turn what pyarrow and the operating system say about ``name`` into one sentence."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError, TypeError) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise TableError(f"{name} cannot be read ({said}); {remedy}") from None


def _reader(name: str, path: Path) -> Any:
    """Choose how to read a file by its suffix."""
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".pq": _read_parquet}
    if path.is_dir():
        raise TableError(f"{name} is a folder; give one file (read_platform reads the folder of a platform)")
    if not path.exists():
        raise TableError(f"{name} does not exist; check the path")
    if path.suffix.lower() not in readers:
        raise TableError(f"{name} is of an unknown type; give a {', '.join(readers)} file or a data frame")
    return readers[path.suffix.lower()]


def _read_csv(name: str, path: Path, ids: Collection[str], needed: Collection[str] | None) -> Any:
    """Read a CSV file, guessing kinds, except that ids and whatever has leading zeros are text."""
    import pyarrow as pa
    from pyarrow import compute, csv, types

    # An absent column says more about a file with other separators than the first of its broken rows does.
    lenient = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda row: "skip")
    with csv.open_csv(path, parse_options=lenient) as reader:
        wanted = _present(name, reader.schema.names, needed)
    parse = csv.ParseOptions(newlines_in_values=True)

    def read(columns: list[str], text: Collection[str]) -> Any:
        convert = csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(text, pa.large_string()))
        return csv.read_csv(path, parse_options=parse, convert_options=convert)

    table = read(wanted, ids)
    numbers = [field.name for field in table.schema if types.is_integer(field.type) and needed is None]
    if numbers:
        written = read(numbers, numbers)
        for column in numbers:
            if compute.any(compute.match_substring_regex(written[column], LEADING_ZERO)).as_py():
                table = table.set_column(wanted.index(column), column, written[column])
    return table


def _read_parquet(name: str, path: Path, ids: Collection[str], needed: Collection[str] | None) -> Any:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.read(columns=_present(name, file.schema_arrow.names, needed))


def _present(name: str, known: list[str], needed: Collection[str] | None) -> list[str]:
    """Return the columns to load, each once; refuse what is absent or named twice."""
    # pandas keeps the row labels of a filtered frame in a column of its own.
    wanted = [column for column in known if not re.fullmatch(r"__index_level_\d+__", column)]
    wanted = list(dict.fromkeys(wanted if needed is None else needed))
    for column in wanted:
        if column not in known:
            raise TableError(f"{name} has no column '{column}'{suggestion(column, known)} (it has {some(known, 12)})")
        if known.count(column) > 1:
            raise TableError(f"{name} has {known.count(column)} columns called '{column}'; rename all but one")
    return wanted


def _plain(column: Any) -> Any:
    """Reduce Arrow's many types to int64, float64, bool and large_string; leave alone what fits none of them."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return pa.chunked_array([_plain(chunk.dictionary).take(chunk.indices) for chunk in column.chunks])
    if types.is_date(kind) or types.is_timestamp(kind):
        return _iso(column)
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pa.float64())
    text = types.is_string(kind) or types.is_string_view(kind) or types.is_time(kind)
    return column.cast(pa.large_string()) if text else column


def _iso(column: Any) -> Any:
    """Write dates and moments (UTC where a zone is known) as ISO 8601 text, no finer than the column needs."""
    import pyarrow as pa

    moments = np.asarray(column)
    missing = np.isnat(moments)
    finest = np.datetime_data(moments.dtype)[0]
    exact = (unit for unit in ("D", "s", "ms", "us") if (missing | (moments.astype(f"M8[{unit}]") == moments)).all())
    text = np.datetime_as_string(moments.astype(f"M8[{next(exact, finest)}]"))
    return pa.array(text.tolist(), pa.large_string(), mask=missing)
