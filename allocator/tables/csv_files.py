"""CSV files in the dialects that programs write, read in batches; every entry is text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from allocator.tables.errors import REMEDY, TableError, readable

BATCH_BYTES = 1 << 25
SEPARATORS = (",", ";", "\t", "|")
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8-sig"}
"""Byte-order marks, and what they say of the rest."""
UTF8 = "utf-8-sig"
"""UTF-8 under a name that Arrow does not take for its own, so that wrong bytes are an error wherever they stand."""
LINES = 100
"""Lines of one row from which a quotation mark must have been left open."""
NO_ROWS = "Empty CSV file"
"""What Arrow says of a file that ends with its header."""
ENCODING = f"{REMEDY}, or name its encoding, such as latin-1, cp1252 (Windows) or gb18030 (Chinese)"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file: its name in messages, its dialect, how many blank lines it begins with, whether quotation marks
    enclose fields, its columns, and whether its first line names them.
    """

    name: str
    path: Path
    separator: str
    encoding: str
    blank: int = 0
    quoted: bool = True
    columns: Sequence[str] = ()
    headed: bool = True

    def batches(self, needed: Collection[str], ragged: Callable[[], None] | None) -> Iterator[Any]:
        """Yield tables of the needed columns; ``ragged`` as for `allocator.tables.sources.Source`."""
        import pyarrow as pa

        broken: list[str] = []
        read = 0

        def judge(row: Any) -> str:
            nonlocal read
            read += 1
            if ragged is None:
                number = row.number - self.headed
                broken.append(f"{row.actual_columns} fields in place of {row.expected_columns} in row {number}")
                return "error"
            ragged()
            return "skip"

        failure = None
        try:
            with readable(self.name, ENCODING), self._open(_distinct(self.columns), list(needed), judge) as file:
                for batch in file:
                    read += batch.num_rows
                    yield pa.Table.from_batches([batch])
        except TableError as error:
            failure = error
        self._refuse_swallowed(read + self.headed + self.blank if failure is None else 0)
        if broken:
            remedy = "correct the row, or drop such rows of a log with invalid='drop'"
            raise TableError(f"{self.name} has {broken[0]}; {remedy}")
        if failure is not None and NO_ROWS not in str(failure):
            raise failure

    def _refuse_swallowed(self, rows: int) -> None:
        """Refuse a file in which a quotation mark that is not closed has made one row of many lines.

        Line breaks within quotation marks are rare; only where there are some is every row measured.
        """
        if not self.quoted:
            return
        with readable(self.name, ENCODING), unpacked(self.path) as stream:
            lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(BATCH_BYTES), b""))
        if lines <= rows:
            return
        with (
            readable(self.name, ENCODING),
            unpacked(self.path) as stream,
            io.TextIOWrapper(stream, encoding=self.encoding, newline="") as text,
        ):
            number = _row_of_many_lines(csv.reader(text, delimiter=self.separator))
        if number is not None:
            what = f"row {number - self.headed} has more than {LINES} lines: a quotation mark in it is not closed"
            raise TableError(f"{self.name}: {what}; close it, or read quotation marks as letters with quotes=False")

    def header(self) -> list[str]:
        """The entries of the first line."""
        # An absent column says more about a file of another kind than the first of its broken rows does.
        with readable(self.name, ENCODING), self._open([], None, lambda row: "skip") as file:
            return [column.removeprefix("\ufeff").strip() for column in file.schema.names]

    def _open(self, names: Sequence[str], needed: Collection[str] | None, judge: Callable[[Any], str]) -> Any:
        import pyarrow as pa
        from pyarrow import csv as arrow

        # Rows have numbers only where one thread reads them.
        reading = arrow.ReadOptions(
            use_threads=False,
            block_size=BATCH_BYTES,
            encoding=self.encoding,
            skip_rows=self.blank,
            column_names=names,
            skip_rows_after_names=int(self.headed and bool(names)),
        )
        parsing = arrow.ParseOptions(
            delimiter=self.separator,
            quote_char='"' if self.quoted else False,
            newlines_in_values=True,
            invalid_row_handler=judge,
        )
        kinds = dict.fromkeys(names, pa.large_string())
        converting = arrow.ConvertOptions(
            include_columns=needed, column_types=kinds, null_values=[""], strings_can_be_null=True
        )
        return arrow.open_csv(unpacked(self.path), reading, parsing, converting)


def open_csv(
    name: str, path: Path, columns: Sequence[str] | None, *, encoding: str | None = None, quotes: bool = True
) -> CsvFile:
    """Open a CSV file: its separator is told by its first line, its encoding by a byte-order mark.

    ``columns`` are names for a file without a header line, ``encoding`` is that of a file without a mark, by default
    UTF-8, and without ``quotes`` quotation marks are letters like others.
    """
    with readable(name, REMEDY):
        with unpacked(path) as file:
            start = file.read(1 << 16)
        encoding = next((how for mark, how in MARKS.items() if start.startswith(mark)), encoding or UTF8)
        text = start.decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = text.splitlines() or [""]
    blank = next((k for k, line in enumerate(lines) if line), 0)
    told = re.fullmatch(r'"?sep=(.)"?', lines[blank])
    separator = told[1] if told else _separator(lines[blank])
    file = CsvFile(name, path, separator, encoding, blank + (told is not None), quotes)
    header = file.header()
    if columns is None:
        return replace(file, columns=header)
    if len(columns) != len(header):
        fields = f"{len(header)} fields in its first line, but {len(columns)} names are given for its columns"
        raise TableError(f"{name} has {fields}; give one for each")
    return replace(file, columns=list(columns), headed=False)


def _row_of_many_lines(rows: Any) -> int | None:
    """The number of the first row, the header included, that a csv.reader finds to have too many lines."""
    before, number = 0, 0
    try:
        for number, _ in enumerate(rows, 1):
            if rows.line_num - before > LINES:
                return number
            before = rows.line_num
    except csv.Error:  # a field of more than 131,072 letters
        return number + 1
    return None


def unpacked(path: Path) -> Any:
    """The bytes of a file, uncompressed as its suffix says, in whatever case that is written."""
    import pyarrow as pa

    return pa.input_stream(path, compression=COMPRESSIONS.get(path.suffix.lower()))


def _separator(line: str) -> str:
    """The separator that the first line of a CSV file has most often outside quotes."""
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", line).count)


def _distinct(names: Sequence[str]) -> list[str]:
    """The same names, with repeated ones told apart: `Source.present` refuses them where they are asked for."""
    return [f"{name} ({names[:k].count(name) + 1})" if name in names[:k] else name for k, name in enumerate(names)]
