"""All rows of a log, source by source and batch by batch, gathered into the pairs of each of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.tables.cleaning import Cleaned, Cleaner, Cleaning, Tally, Wanted
from allocator.tables.errors import TableError
from allocator.tables.ids import Ids
from allocator.tables.joins import Joins
from allocator.tables.pairs import Cells, Pairs, merge, paired, single
from allocator.tables.sides import Side, listed_side, load, sorted_side
from allocator.tables.sources import Source
from allocator.wording import quantity

Codes = tuple[NDArray[np.integer], ...]
FOLD = 1 << 24
"""Rows that wait in memory before they are merged: beyond, memory grows with the pairs and no longer with the rows."""


@dataclass(frozen=True)
class Account:
    """What became of the rows of a log.

    ``rows`` were read; ``filtered`` of them failed ``where``, ``dropped`` (reason -> rows) were left out, ``returns``
    were netted; the others were merged into ``pairs``. ``notices`` are sentences about what is odd but may be meant.
    """

    rows: int
    filtered: int
    dropped: Mapping[str, int]
    returns: int
    pairs: int
    notices: tuple[str, ...] = ()


class Gathering:
    """Reads sources and keeps what counts: ids once, rows until they are merged.

    ``summed`` says that the worth of a row is money (and not a value per impression).
    """

    def __init__(self, plan: Cleaning, wanted: Wanted, opened: list[Source], *, summed: bool):
        guessed = any(source.guessed for source in opened)
        self.plan, self.wanted, self.sources, self.summed = plan, wanted, opened, summed
        self.part, self.segment, self.anchor = (
            Ids(name, guessed=guessed and name in opened[0].columns and name != wanted.part)
            for name in (wanted.part or "", wanted.segment, wanted.anchor)
        )
        self.tally = Tally()
        self.notices: list[str] = []
        self._waiting: list[tuple[Codes, Cells]] = []
        self._count = 0

    @property
    def name(self) -> str:
        """The log in messages."""
        more = f" and {len(self.sources) - 1:,} more" if len(self.sources) > 1 else ""
        return self.sources[0].name + more

    def read(self, report: Callable[[str], None] | None) -> None:
        """Read all rows.

        Raises
        ------
        TableError
            Also if none counts, or if ids may have lost digits.
        """
        joins = Joins(self.plan.join, **self.plan.dialect)
        for source in self.sources:
            for rows in Cleaner(self.plan, self.wanted, source, joins, self.tally).batches():
                self._add(source.name, rows)
                if report is not None:
                    report(f"{self.tally.read:,} rows read")
        if not self._waiting:
            read = f"{self.tally.read:,} rows, none of which counts" if self.tally.read else "no rows"
            why = [f"{rows:,}: {reason}" for reason, rows in self.tally.dropped.most_common(3)]
            why += [f"{self.tally.filtered:,}: fail where"] * bool(self.tally.filtered)
            told = f" ({'; '.join(why)})" if why else ""
            raise TableError(f"{self.name} has {read}{told}; give at least one")
        for ids in (self.segment, self.anchor):
            if self.plan.invalid == "refuse" and ids.scientific().any():
                what = f"ids in scientific notation, which may have lost digits, in {', '.join(ids.suspect)}"
                remedy = f"export the ids as text, or write whole({ids.name}) to read them all the same"
                raise TableError(f"{self.name}, column '{ids.name}': {what}; {remedy}")

    def _add(self, source: str, rows: Cleaned) -> None:
        if not rows.traffic.size:
            return
        named = ((self.part, rows.part), (self.segment, rows.segment), (self.anchor, rows.anchor))
        none = np.zeros(rows.traffic.size, dtype=np.int32)
        codes = tuple(none if entries is None else ids.add(entries, source, rows.numbers) for ids, entries in named)
        self._waiting.append((codes, single(none, rows.traffic, rows.worth)))
        self._count += none.size
        if self._count > FOLD:
            self._fold()

    def _fold(self) -> None:
        """Merge what waits, so that it takes the room of the pairs."""
        codes, cells = self._all()
        widths = [int(code.max(initial=0)) + 1 for code in codes]
        merged = merge(cells._replace(key=np.ravel_multi_index(codes, widths)), summed=self.summed)
        folded = tuple(code.astype(np.int32) for code in np.unravel_index(merged.key, widths))
        self._waiting, self._count = [(folded, merged)], 0

    def _all(self) -> tuple[Codes, Cells]:
        """All that waits, end to end."""
        codes = tuple(np.concatenate(column) for column in zip(*(codes for codes, _ in self._waiting), strict=True))
        cells = Cells(*(np.concatenate(column) for column in zip(*(cells for _, cells in self._waiting), strict=True)))
        self._waiting = []
        return codes, cells

    def side(self, ids: Ids, role: str, table: Any, limit: str) -> Side:
        """The segments or the anchors: as a table lists them (role and limit name it and its amounts), or sorted."""
        if table is None:
            return sorted_side(ids)
        return listed_side(self.name, ids, load(role, table, (ids.name, "id"), **self.plan.dialect), limit)

    def parts(self, sides: tuple[Side, Side]) -> dict[str, Pairs]:
        """The pairs of each part by name, in order of the names."""
        (part, segment, anchor), cells = self._all()
        names, number = [""], np.zeros(1, dtype=np.int64)
        if self.wanted.part is not None:
            found = self.part.numbering()
            names, number = found.distinct.to_pylist(), found.number
        codes = (number[part], sides[0].number[segment], sides[1].number[anchor])
        known = (codes[1] >= 0) & (codes[2] >= 0)
        if not known.all():
            self._drop("ids in scientific notation", cells, ~known)
            codes, cells = tuple(code[known] for code in codes), Cells(*(column[known] for column in cells))
        if not codes[0].size:
            raise TableError(f"{self.name} has nothing but ids in scientific notation; export the ids as text")
        widths = (len(names), sides[0].limit.size, sides[1].limit.size)
        cells = merge(cells._replace(key=np.ravel_multi_index(codes, widths)), summed=self.summed)
        cells = self._sold(cells, widths, sides) if self.summed else cells
        return self._divided(names, cells, widths)

    def _divided(self, names: list[str], cells: Cells, widths: tuple[int, int, int]) -> dict[str, Pairs]:
        size = widths[1] * widths[2]
        ends = np.searchsorted(cells.key, size * np.arange(len(names) + 1))
        found = {}
        for k, name in enumerate(names):
            own = Cells(*(column[ends[k] : ends[k + 1]] for column in cells))
            if own.key.size:
                found[name] = paired(own._replace(key=own.key - k * size), widths[2], summed=self.summed)
        if not found:
            raise TableError(f"{self.name} has nothing but returns and money without traffic; give sales, too")
        return found

    def _sold(self, cells: Cells, widths: tuple[int, int, int], sides: tuple[Side, Side]) -> Cells:
        """Cells with traffic to divide their money by, and none of negative money."""
        unseen = cells.traffic == 0
        back = unseen & (cells.rows == 0)
        unsold = unseen & ~back
        if unsold.any() and self.plan.invalid == "refuse":
            _, i, j = np.unravel_index(cells.key[np.argmax(unsold)], widths)
            pair = f"segment {sides[0].columns['id'][i]} and anchor {sides[1].columns['id'][j]}"
            more = f" (nor of {unsold.sum() - 1:,} more pairs)" * bool(unsold.sum() > 1)
            what = f"no traffic between {pair}{more}; money needs traffic to be divided by"
            remedy = "give it or drop the rows with invalid='drop'"
            raise TableError(f"{self.name}, column '{self.wanted.traffic}': {what}: {remedy}")
        for reason, which in (("returns of what was bought before", back), ("money without traffic", unsold)):
            self._drop(reason, cells, which)
        over = ~unseen & (cells.returned > cells.worth)
        if over.any():
            lost = float((cells.returned - cells.worth)[over].sum())
            said = f"returned {quantity(lost)} more than was bought, and sell nothing"
            self.notices.append(f"{_pairs(int(over.sum()))} {said}")
        return Cells(*(column[~unseen] for column in cells))

    def _drop(self, reason: str, cells: Cells, which: NDArray[np.bool_]) -> None:
        """Count the rows of cells that are left out; returns among them were not netted after all."""
        if which.any():
            self.tally.dropped[reason] += int((cells.rows + cells.returns)[which].sum())
            self.tally.returned -= int(cells.returns[which].sum())

    def account(self, parts: Mapping[str, Pairs], further: list[str]) -> Account:
        """What became of the rows; ``further`` are notices from elsewhere."""
        notices = [*self.notices, *(notice for ids in (self.segment, self.anchor) for notice in ids.notices())]
        idle = sum(int((pairs.value == 0).sum()) for pairs in parts.values())
        notices += [f"{_pairs(idle)} sold nothing"] * bool(idle) + further
        sizes = sum(pairs.segment.size for pairs in parts.values())
        tally = self.tally
        return Account(
            tally.read, tally.filtered, dict(tally.dropped.most_common()), tally.returned, sizes, tuple(notices)
        )


def _pairs(count: int) -> str:
    return f"{count:,} pair{'s' * (count != 1)}"
