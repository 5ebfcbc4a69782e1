"""From raw rows to rows that count: filtered, computed, joined, and the faulty ones dropped or refused by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array
from allocator.tables.errors import TableError
from allocator.tables.evaluation import evaluate
from allocator.tables.formula import Formula, read_formula
from allocator.tables.functions import whole
from allocator.tables.joins import Joins
from allocator.tables.rows import DROP, Rows, columns_of
from allocator.tables.sources import Source
from allocator.wording import some, suggestion

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
CHOICES = {"invalid": ("refuse", "drop"), "returns": ("refuse", "drop", "net"), "decimal": (None, ".", ",")}


@dataclass(frozen=True)
class Cleaning:
    """What to do with the defects of a log.

    Parameters
    ----------
    where : str, optional
        A formula: only rows for which it is true are read, as ``"quantity > 0 and not startswith(InvoiceNo, 'C')"``.
    join : sequence of (table, key), optional
        Tables whose columns formulas may use: each key of the log, ``"product_id"`` or ``"log_column=its_column"``, has
        one row there. A row of the log whose key is absent there is invalid.
    invalid : "refuse" or "drop"
        Rows without an id, with numbers that are none, infinite or negative, and so on: the first ones are named in an
        error, or all are left out and counted by reason.
    returns : "refuse", "drop" or "net"
        Rows of negative money: refused, left out, or taken from the money of their pair; they then count as no
        traffic. What a pair returns beyond what it bought is lost: no money is negative.
    decimal : "." or ",", optional
        The decimal mark of numbers that are text; by default each column's own, where that leaves no doubt.
    missing : collection of str
        Entries, besides empty ones, that stand for a missing id: ``["NA"]``.
    columns : sequence of str, optional
        Names for the columns of CSV files that have no header line.
    encoding : str, optional
        Encoding of CSV files; by default what the byte-order mark says, else UTF-8.
    quotes : bool
        Whether quotation marks enclose fields of CSV files; without, they are letters.
    """

    where: str | None = None
    join: Sequence[tuple[Any, str]] = ()
    invalid: str = "refuse"
    returns: str = "refuse"
    decimal: str | None = None
    missing: Collection[str] = ()
    columns: Sequence[str] | None = None
    encoding: str | None = None
    quotes: bool = True

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            given = getattr(self, name)
            if given not in allowed:
                choices = ", ".join(repr(choice) for choice in allowed)
                raise TableError(f"{name} is one of {choices}, not {given!r}{suggestion(given, map(str, allowed))}")
        if isinstance(self.missing, str):
            object.__setattr__(self, "missing", (self.missing,))

    @property
    def dialect(self) -> dict[str, Any]:
        """How CSV files are written, those of joined and other tables, too."""
        return {"encoding": self.encoding, "quotes": self.quotes}


class Wanted(NamedTuple):
    """The formulas for what a row is: ids, money or value, traffic (None: one each), and its part of the log."""

    segment: str
    anchor: str
    worth: str
    traffic: str | None
    part: str | None


class Cleaned(NamedTuple):
    """Rows that count: ids as Arrow arrays, amounts (n,), and the numbers of the rows."""

    segment: Any
    anchor: Any
    part: Any
    traffic: FloatArray
    worth: FloatArray
    numbers: NDArray[np.int64]


@dataclass
class Tally:
    """How many rows were read, filtered out, dropped by reason, and were returns."""

    read: int = 0
    filtered: int = 0
    returned: int = 0
    dropped: Counter = field(default_factory=Counter)


class Cleaner:
    """Applies a `Cleaning` to the batches of one source, and adds to a tally what became of its rows."""

    def __init__(self, cleaning: Cleaning, wanted: Wanted, source: Source, joins: Joins, tally: Tally):
        self.cleaning, self.source, self.tally = cleaning, source, tally
        known = list(dict.fromkeys([*source.columns, *joins.columns]))
        roles = dict(zip(("segment", "anchor", "money or value", "traffic", "by"), wanted, strict=True))
        texts = roles | {"where": cleaning.where}
        self.formulas = {role: read_formula(role, text, known) for role, text in texts.items() if text is not None}
        for role in ("segment", "anchor"):
            if not self.formulas[role].columns:
                text = f"{role} '{self.formulas[role].text}' names no column, and would be one id for all rows"
                raise TableError(f"{text}; {source.name} has {some(source.columns, 12)}")
        needed = dict.fromkeys(name for formula in self.formulas.values() for name in formula.columns)
        self.needed, self.joins = joins.shared_out(source, list(needed))

    def batches(self) -> Iterator[Cleaned]:
        """Read the source and yield what counts of it, in order."""
        drop, start = self.cleaning.invalid == "drop", 0
        ragged = self._ragged if drop else None
        marks: dict[str, dict[str, int]] = {}
        for table in self.source.batches(self.needed, ragged):
            numbers = np.arange(start + 1, start + table.num_rows + 1)
            start += table.num_rows
            self.tally.read += table.num_rows
            columns = columns_of(self.source.name, table)
            rows = Rows(self.source.name, numbers, columns, self.cleaning.decimal, marks=marks)
            for join in self.joins:
                join.into(rows)
            yield self._cleaned(rows)
        for column, seen in marks.items():
            self._refuse_marks(column, seen)

    def _ragged(self) -> None:
        self.tally.read += 1
        self.tally.dropped["rows with too many or too few fields"] += 1

    def _refuse_marks(self, column: str, seen: dict[str, int]) -> None:
        """Refuse a column whose numbers have marks that contradict each other, or none that decides."""
        what, remedy = "", "say which it is, with decimal=',' or decimal='.'"
        currencies = {sign: row for sign, row in seen.items() if sign not in ",.?"}
        if len(currencies) > 1:
            told = some(f"{sign} in row {row}" for sign, row in currencies.items())
            what, remedy = f"several currencies ({told})", "convert them, or choose one with where="
        elif "," in seen and (other := seen.get(".", seen.get("?"))):
            what = f"decimal commas (row {seen[',']}) and decimal points (row {other})"
        elif "?" in seen and "." not in seen:
            what = f"points that may be decimal ones or set thousands apart (first in row {seen['?']})"
        if what:
            raise TableError(f"{self.source.name}, column '{column}': {what}; {remedy}")

    def _cleaned(self, rows: Rows) -> Cleaned:
        rows = self._kept(rows)
        ids = [self._ids(role, rows) for role in ("segment", "anchor")]
        part = evaluate(self.formulas["by"], rows, "text") if "by" in self.formulas else None
        if part is not None:
            rows.fault(self.formulas["by"].text, as_array(part.is_null()) & ~rows.faulty, "no part of the log", DROP)
        traffic, worth = self._amounts(rows)
        kept = self._without(rows)
        segment, anchor, part = (None if one is None else one.filter(kept) for one in (*ids, part))
        kept = np.asarray(kept)
        self.tally.returned += int((worth[kept] < 0).sum())
        return Cleaned(segment, anchor, part, traffic[kept], worth[kept], rows.numbers[kept])

    def _kept(self, rows: Rows) -> Rows:
        """The rows that pass the filter; what it cannot read is invalid, and so is a key that joins lack."""
        if "where" not in self.formulas:
            return rows
        lacking, rows.faults = rows.faults, []
        true = evaluate(self.formulas["where"], rows, "truth")
        unread = rows.faulty
        self._without(rows)
        true &= ~unread
        self.tally.filtered += int((~true & ~unread).sum())
        passed = rows.taken(true)
        for fault in lacking:
            passed.faults += [fault._replace(rows=fault.rows[true])] * bool(fault.rows[true].any())
        return passed

    def _ids(self, role: str, rows: Rows) -> Any:
        """The ids of one side: integers, or text of which none is blank."""
        import pyarrow as pa
        from pyarrow import compute, types

        formula = self.formulas[role]
        name, entries = formula.text, evaluate(formula, rows)
        if isinstance(entries, np.ndarray):
            entries = pa.array(entries)
        if types.is_floating(entries.type):
            entries = self._whole(name, entries, rows)
        elif types.is_null(entries.type):
            entries = entries.cast(pa.large_string())
        elif types.is_date(entries.type) or types.is_timestamp(entries.type):
            entries = rows.as_text(entries)
        elif not (types.is_large_string(entries.type) or types.is_integer(entries.type)):
            rows.refuse_kind(name, f"ids are integers or text, not {entries.type}", "convert the column to one of them")
        rows.fault(name, as_array(entries.is_null()) & ~rows.faulty, "missing ids", DROP)
        if types.is_large_string(entries.type):
            blank = as_array(compute.equal(compute.utf8_trim_whitespace(entries), "").fill_null(False))
            rows.fault(name, blank, "empty ids", DROP)
        if self.cleaning.missing:
            words = pa.array(list(self.cleaning.missing), pa.large_string())
            rows.fault(name, as_array(compute.is_in(rows.as_text(entries), words)), "missing ids", DROP)
        return entries

    def _whole(self, name: str, entries: Any, rows: Rows) -> Any:
        """Ids that a program turned into floating-point numbers because some were missing."""
        import pyarrow as pa

        read = whole(as_array(entries.fill_null(np.nan)))
        rows.fault(name, read.wrong, "ids that are no whole numbers", "convert the column to integers or text")
        missing = np.isnan(read.entries)
        return pa.array(np.where(missing, 0.0, read.entries).astype(np.int64), mask=missing)

    def _amounts(self, rows: Rows) -> tuple[FloatArray, FloatArray]:
        """Traffic and money or value of each row, >= 0 but for the money of returns that are netted."""
        formula = self.formulas["money or value"]
        worth = self._finite(formula, rows)
        back = worth < 0
        if back.any() and self.cleaning.returns == "refuse":
            rows.fault(
                formula.text,
                back,
                "negative numbers",
                "correct or drop the rows, or treat returns with returns='net' or 'drop'",
            )
        elif self.cleaning.returns == "drop":
            rows.fault(formula.text, back, "returns")
        if "traffic" not in self.formulas:
            return np.where(back, 0.0, 1.0), worth
        counted = self.formulas["traffic"]
        traffic = self._finite(counted, rows, ~back)
        rows.fault(counted.text, (traffic < 0) & ~back, "negative numbers", DROP)
        return np.where(back, 0.0, traffic), worth

    def _finite(self, formula: Formula, rows: Rows, asked: Mask | bool = True) -> FloatArray:
        amounts = evaluate(formula, rows, "number")
        rows.fault(formula.text, np.isnan(amounts) & asked & ~rows.faulty, "missing numbers", DROP)
        rows.fault(formula.text, np.isinf(amounts) & asked, "infinite numbers", DROP)
        return amounts

    def _without(self, rows: Rows) -> Any:
        """Which rows are left without the faulty ones (a pyarrow mask); the faults are refused or counted."""
        import pyarrow as pa

        left = np.ones(len(rows), dtype=bool)
        for fault in rows.faults:
            if self.cleaning.invalid == "refuse" and fault.remedy:
                numbers = rows.numbers[fault.rows]
                where = f"row{'s' * (numbers.size > 1)} {some(numbers)}"
                what = f"{fault.what}{fault.sample} in {where}"
                most = fault.remedy == DROP and numbers.size > 0.5 * len(rows) > 2
                remedy = "most rows have it: see whether this is the right column, or " * most + fault.remedy
                raise TableError(f"{rows.source}, column '{fault.column}': {what}; {remedy}")
            if (fault.rows & left).any():
                self.tally.dropped[f"{fault.what} in '{fault.column}'"] += int((fault.rows & left).sum())
            left &= ~fault.rows
        return pa.array(left)
