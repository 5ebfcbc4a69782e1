"""Where rows come from: files of any size and data frames, as batches of Arrow columns."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allocator.tables.csv_files import COMPRESSIONS, open_csv
from allocator.tables.errors import REMEDY, TableError, readable
from allocator.wording import some, suggestion

BATCH_ROWS = 1 << 20
CSV = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
FOREIGN = dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), ", a spreadsheet; save it as CSV")
FOREIGN |= dict.fromkeys((".zip", ".rar", ".7z", ".tar"), ", an archive; unpack it")
SIGNATURES = {
    b"\x1f\x8b": "is compressed; give its name the ending .gz",
    b"BZh91AY&SY": "is compressed; give its name the ending .bz2",
    b"\x28\xb5\x2f\xfd": "is compressed; give its name the ending .zst",
    b"PK\x03\x04": "is a spreadsheet or an archive whatever its name says; save it as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet whatever its name says; save it as CSV",
    b"PAR1\x15": "is a Parquet file; give its name the ending .parquet",
}
"""How files begin that are no text although they are called like it."""


@dataclass(frozen=True)
class Source:
    """One file or frame: its name in messages, its columns, and how to read some of them.

    ``batches(needed, ragged)`` yields Arrow tables of the needed columns in the order of the rows. ``ragged`` is called
    for each row that has too many or too few fields, which is then left out; with None such a file is refused. In a CSV
    file every entry is text; ``guessed`` says so.
    """

    name: str
    columns: Sequence[str]
    batches: Callable[[Collection[str], Callable[[], None] | None], Iterator[Any]]
    guessed: bool = False

    def present(self, needed: Collection[str] | None) -> list[str]:
        """The columns to read, each once, all but the row labels of pandas by default; an absent one is refused."""
        # pandas keeps the row labels of a filtered frame in a column of its own.
        known = [column for column in self.columns if not re.fullmatch(r"__index_level_\d+__", column)]
        wanted = list(dict.fromkeys(known if needed is None else needed))
        for column in wanted:
            if column not in known:
                hint = suggestion(column, known)
                bare = self.guessed and any(re.fullmatch(r"[-+\d.,:/ ]*", name) for name in known)
                header = "; if its first line is no header, give the names with columns=" * bare
                raise TableError(f"{self.name} has no column '{column}'{hint} (it has {some(known, 12)}){header}")
            if known.count(column) > 1:
                raise TableError(f"{self.name} has {known.count(column)} columns called '{column}'; rename all but one")
        return wanted


def sources(role: str, given: Any, columns: Sequence[str] | None = None, **dialect: Any) -> list[Source]:
    """Open a path, a pattern such as ``sales/*.csv``, a frame, or a list of these.

    ``columns`` are the names of the columns of CSV files without a header line, ``dialect`` is what `open_csv` takes.
    """
    noun = "the log" if role == "log" else f"the {role} table"
    given = list(given) if isinstance(given, list | tuple) else [given]
    if not given:
        raise TableError(f"{noun} is an empty list; give at least one file or frame")
    found: list[Source] = []
    places: set[Path] = set()
    for one in given:
        if isinstance(one, str | os.PathLike):
            for path in _paths(Path(one)):
                if path.resolve() in places:
                    raise TableError(f"{noun} {path} is given twice; give it once, or its rows count twice")
                places.add(path.resolve())
                found.append(_file(f"{noun} {path}", path, columns, dialect))
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

    def batches(needed: Collection[str], ragged: Callable[[], None] | None) -> Iterator[Any]:
        chosen = table.select(list(needed))
        for start in range(0, max(1, table.num_rows), BATCH_ROWS):
            yield chosen.slice(start, BATCH_ROWS)

    return Source(name, table.column_names, batches)


def _file(name: str, path: Path, columns: Sequence[str] | None, dialect: dict[str, Any]) -> Source:
    """Choose how to read a file by its suffix."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in COMPRESSIONS else (suffixes or [""])[-1]
    if path.is_dir():
        files = f"name its files, such as {path.name}/*.csv"
        raise TableError(f"{name} is a folder; {files} (read_platform reads the folder of a platform)")
    if not path.exists():
        raise TableError(f"{name} does not exist; check the path")
    _refuse_content(name, path, is_text=kind in CSV and kind == suffixes[-1])
    if kind in CSV:
        file = open_csv(name, path, columns, **dialect)
        return Source(name, file.columns, file.batches, guessed=True)
    if kind not in PARQUET or kind != suffixes[-1]:
        what = FOREIGN.get(suffixes[-1] if suffixes else "", "")
        remedy = f"give a {', '.join(CSV + PARQUET)} file or a data frame"
        raise TableError(f"{name} is of an unknown type{what}{', or' if what else ';'} {remedy}")
    if columns is not None:
        raise TableError(f"{name} names its own columns; give names only for CSV files without a header line")
    return _parquet(name, path)


def _refuse_content(name: str, path: Path, *, is_text: bool) -> None:
    """Refuse a file without content, or of content that its name does not say."""
    with readable(name, REMEDY), path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise TableError(f"{name} is empty and cannot be read; check how it was exported")
    for signature, what in SIGNATURES.items():
        if is_text and start.startswith(signature):
            raise TableError(f"{name} {what}")


def _parquet(name: str, path: Path) -> Source:
    from pyarrow import parquet

    with readable(name, REMEDY), parquet.ParquetFile(path) as file:
        known = file.schema_arrow.names

    def batches(needed: Collection[str], ragged: Callable[[], None] | None) -> Iterator[Any]:
        import pyarrow as pa

        with readable(name, REMEDY), parquet.ParquetFile(path) as file:
            empty = True
            for batch in file.iter_batches(BATCH_ROWS, columns=list(needed)):
                yield pa.Table.from_batches([batch])
                empty = False
            if empty:
                yield file.schema_arrow.empty_table().select(list(needed))

    return Source(name, known, batches)
