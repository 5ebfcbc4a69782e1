"""Where rows come from: files of any size and data frames, as batches of Arrow columns."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allocator.tables.errors import TableError, readable
from allocator.wording import some, suggestion

BATCH_ROWS = 1 << 20
BATCH_BYTES = 1 << 25
SEPARATORS = (",", ";", "\t", "|")
CSV = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
COMPRESSED = (".gz", ".bz2", ".zst")
MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}
"""Byte-order marks, and what they say of the rest."""
REMEDY = "check it, or convert it and try again"


@dataclass(frozen=True)
class Source:
    """One file or frame: its name in messages, its columns, and how to read some of them.

    ``batches(needed, ragged)`` yields Arrow tables of the needed columns in the order of the rows. ``ragged`` is told
    the text of each row that has too many or too few fields, which is then left out; with None such a file is refused.
    In a CSV file every entry is text; ``guessed`` says so.
    """

    name: str
    columns: Sequence[str]
    batches: Callable[[Collection[str], Callable[[str], None] | None], Iterator[Any]]
    guessed: bool = False

    def present(self, needed: Collection[str] | None) -> list[str]:
        """The columns to read, each once, all but the row labels of pandas by default; an absent one is refused."""
        # pandas keeps the row labels of a filtered frame in a column of its own.
        known = [column for column in self.columns if not re.fullmatch(r"__index_level_\d+__", column)]
        wanted = list(dict.fromkeys(known if needed is None else needed))
        for column in wanted:
            if column not in known:
                hint = suggestion(column, known)
                raise TableError(f"{self.name} has no column '{column}'{hint} (it has {some(known, 12)})")
            if known.count(column) > 1:
                raise TableError(f"{self.name} has {known.count(column)} columns called '{column}'; rename all but one")
        return wanted


def sources(role: str, given: Any, columns: Sequence[str] | None = None, encoding: str | None = None) -> list[Source]:
    """Open a path, a pattern such as ``sales/*.csv``, a frame, or a list of these.

    ``columns`` are the names of the columns of CSV files without a header line, ``encoding`` that of their text.
    """
    given = list(given) if isinstance(given, list | tuple) else [given]
    if not given:
        raise TableError(f"the {role} table is an empty list; give at least one file or frame")
    found = []
    for one in given:
        if isinstance(one, str | os.PathLike):
            found += [_file(f"the {role} table {path}", path, columns, encoding) for path in _paths(Path(one))]
        else:
            found.append(_frame(f"the {role} frame", one))
    return found


def _paths(path: Path) -> list[Path]:
    """The files that a pattern stands for; a path without one stands for itself."""
    if path.exists() or not re.search(r"[*?\[]", path.name):
        return [path]
    return sorted(path.parent.glob(path.name)) or [path]


def _frame(name: str, frame: Any) -> Source:
    """A pandas, polars or pyarrow frame."""
    import pyarrow as pa

    if not hasattr(frame, "__arrow_c_stream__"):
        raise TableError(f"{name} is a {type(frame).__name__}; give a path or a pandas, polars or pyarrow frame")
    with readable(name, REMEDY):
        table = pa.table(frame)

    def batches(needed: Collection[str], ragged: Callable[[str], None] | None) -> Iterator[Any]:
        chosen = table.select(list(needed))
        for start in range(0, max(1, table.num_rows), BATCH_ROWS):
            yield chosen.slice(start, BATCH_ROWS)

    return Source(name, table.column_names, batches)


def _file(name: str, path: Path, columns: Sequence[str] | None, encoding: str | None) -> Source:
    """Choose how to read a file by its suffix."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in COMPRESSED else (suffixes or [""])[-1]
    if path.is_dir():
        files = f"name its files, such as {path.name}/*.csv"
        raise TableError(f"{name} is a folder; {files} (read_platform reads the folder of a platform)")
    if not path.exists():
        raise TableError(f"{name} does not exist; check the path")
    if kind in CSV:
        return _csv(name, path, columns, encoding)
    if kind not in PARQUET or kind != suffixes[-1]:
        raise TableError(f"{name} is of an unknown type; give a {', '.join(CSV + PARQUET)} file or a data frame")
    if columns is not None:
        raise TableError(f"{name} names its own columns; give names only for CSV files without a header line")
    return _parquet(name, path)


def _parquet(name: str, path: Path) -> Source:
    from pyarrow import parquet

    with readable(name, REMEDY), parquet.ParquetFile(path) as file:
        known = file.schema_arrow.names

    def batches(needed: Collection[str], ragged: Callable[[str], None] | None) -> Iterator[Any]:
        import pyarrow as pa

        with readable(name, REMEDY), parquet.ParquetFile(path) as file:
            empty = True
            for batch in file.iter_batches(BATCH_ROWS, columns=list(needed)):
                yield pa.Table.from_batches([batch])
                empty = False
            if empty:
                yield file.schema_arrow.empty_table().select(list(needed))

    return Source(name, known, batches)


def _csv(name: str, path: Path, columns: Sequence[str] | None, encoding: str | None) -> Source:
    """A CSV file, its separator and encoding told by its first line; every entry is read as text."""
    import pyarrow as pa
    from pyarrow import csv

    with readable(name, REMEDY):
        with pa.input_stream(path) as stream:
            start = stream.read(1 << 16)
        coding = encoding or next((how for mark, how in MARKS.items() if start.startswith(mark)), "utf-8")
        separator = _separator(start.decode(coding, errors="replace"))

    def opened(names: Sequence[str], needed: Collection[str] | None, ragged: Callable[[str], None] | None) -> Any:
        def leave_out(row: Any) -> str:
            if ragged is None:
                return "error"
            ragged(row.text)
            return "skip"

        return csv.open_csv(
            pa.input_stream(path),
            csv.ReadOptions(
                block_size=BATCH_BYTES,
                encoding=coding,
                column_names=names,
                skip_rows_after_names=int(columns is None and bool(names)),
            ),
            csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=leave_out),
            csv.ConvertOptions(
                include_columns=needed,
                column_types=dict.fromkeys(names, pa.large_string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )

    advice = REMEDY if encoding else f"{REMEDY}, or name its encoding, such as latin-1"
    # An absent column says more about a file of another kind than the first of its broken rows does.
    with readable(name, advice), opened([], None, lambda row: None) as file:
        header = [column.removeprefix("\ufeff").strip() for column in file.schema.names]
    if columns is not None and len(columns) != len(header):
        raise TableError(
            f"{name} has {len(header)} fields in its first line, but {len(columns)} names are given for its columns"
        )
    known = header if columns is None else list(columns)

    def batches(needed: Collection[str], ragged: Callable[[str], None] | None) -> Iterator[Any]:
        with readable(name, advice), opened(_distinct(known), list(needed), ragged) as file:
            for batch in file:
                yield pa.Table.from_batches([batch])

    return Source(name, known, batches, guessed=True)


def _separator(start: str) -> str:
    """The separator that the first line of a CSV file has most often outside quotes."""
    line = re.sub(r'"[^"]*"', "", start).partition("\n")[0]
    return max(SEPARATORS, key=line.count)


def _distinct(names: Sequence[str]) -> list[str]:
    """The same names, with repeated ones told apart: `Source.present` refuses them where they are asked for."""
    return [f"{name} ({names[:k].count(name) + 1})" if name in names[:k] else name for k, name in enumerate(names)]
