"""Tables whose columns join those of a log, by a key that each row of the log has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from allocator.tables.arrow import as_array
from allocator.tables.columns import pointless
from allocator.tables.errors import TableError, readable
from allocator.tables.rows import DROP, Rows, columns_of
from allocator.tables.sources import Source, sources
from allocator.wording import some, suggestion


@dataclass(frozen=True)
class Join:
    """A table of one row per key: its name, the key of the log, its own distinct keys and the columns it gives."""

    name: str
    key: str
    keys: Any
    columns: dict[str, Any]

    def into(self, rows: Rows) -> None:
        """Give rows the columns of the table; a key it lacks leaves them missing and is a fault."""
        import pyarrow as pa
        from pyarrow import compute, types

        entries = rows.columns[self.key]
        keys = self.keys
        if entries.type != keys.type:
            entries, keys = rows.as_text(entries), rows.as_text(keys)
        found = compute.index_in(entries, value_set=keys, skip_nulls=True)
        absent = ~as_array(found.is_valid())
        if absent.any() and types.is_large_string(keys.type):
            alike = compute.index_in(pointless(entries), value_set=pointless(keys), skip_nulls=True)
            found = compute.coalesce(found, alike)
            absent = ~as_array(found.is_valid())
        rows.fault(self.key, absent, f"keys that {self.name} lacks", f"add them there; or {DROP}", entries)
        for name, column in self.columns.items():
            rows.columns[name] = column.take(found.cast(pa.int64()))


class Joins:
    """The tables to join to a log, opened once; each is read once for every set of columns that is asked of it."""

    def __init__(self, given: Collection[tuple[Any, str]], **dialect: Any):
        self.tables: list[tuple[Source, str, str]] = []
        """Each with the key of the log and its own."""
        self._read: dict[tuple[int, tuple[str, ...]], Join] = {}
        for table, key in map(_pair, [given] if isinstance(given, str) else given):
            source = _one(sources("joined", table, **dialect))
            ours, _, theirs = key.partition("=")
            source.present([theirs or ours])
            self.tables.append((source, ours, theirs or ours))

    def shared_out(self, log: Source, needed: Sequence[str]) -> tuple[list[str], list[Join]]:
        """Which of the needed columns the log gives, keys included, and the tables with those that they give.

        The log comes first, then the first table that has a column; but a column of two tables is refused.
        """
        self._check(log, needed)
        own, found = set(log.columns), []
        ours = [name for name in needed if name in own] + [key for _, key, _ in self.tables if key in own]
        for number, (table, key, its) in enumerate(self.tables):
            wanted = [name for name in needed if name in table.columns and name not in own]
            wanted += [
                other for _, other, _ in self.tables if other in table.columns and other not in own and other != key
            ]
            about = (number, tuple(dict.fromkeys(wanted)))
            if about not in self._read:
                self._read[about] = load_join(table, (key, its), about[1])
            found.append(self._read[about])
        return log.present(ours), found

    def _check(self, log: Source, needed: Sequence[str]) -> None:
        """Refuse keys and columns that nobody has, or that two have."""
        known, keys = list(log.columns), {key for _, key, _ in self.tables}
        for table, key, _ in self.tables:
            if key not in known:
                has = some(log.columns, 12)
                raise TableError(f"{table.name} is joined by '{key}', but {log.name} has no such column (it has {has})")
            known += table.columns
        for name in needed:
            owners = [log.name] * (name in log.columns)
            owners += [t.name for t, _, its in self.tables if name in t.columns and not (owners and name == its)]
            if len(owners) > 1 and name not in keys:
                raise TableError(f"'{name}' is a column of {' and of '.join(owners)}; rename one of them")
            if not self.tables:
                log.present([name])
            if not owners:
                tables = " and ".join([log.name, *(table.name for table, _, _ in self.tables)])
                hint = f"{suggestion(name, known)} (there are {some(dict.fromkeys(known), 12)})"
                raise TableError(f"no column '{name}' is in {tables}{hint}")

    @property
    def columns(self) -> list[str]:
        """The columns of all tables."""
        return [name for table, _, _ in self.tables for name in table.columns]


def load_join(source: Source, keys: tuple[str, str], wanted: Collection[str]) -> Join:
    """Read the wanted columns of a table to join, with each key once."""
    import pyarrow as pa
    from pyarrow import compute

    ours, theirs = keys
    needed = source.present([theirs, *wanted])
    parts = list(source.batches(needed, None))
    if not parts:
        raise TableError(f"{source.name} has no rows; give at least one")
    table = pa.concat_tables(parts, promote_options="permissive")
    columns = columns_of(source.name, table)
    own = columns[theirs]
    with readable(f"{source.name}, column '{theirs}',", "convert the column and try again"):
        counts = compute.value_counts(own.drop_null())
    twice = counts.field("values").filter(compute.greater(counts.field("counts"), 1)).to_pylist()
    if twice:
        raise TableError(f"{source.name}, column '{theirs}': repeated keys ({some(twice)}); give each key one row")
    return Join(source.name, ours, own, {name: columns[name] for name in wanted})


def _pair(given: Any) -> tuple[Any, str]:
    """A table and its key, as they are asked for."""
    if isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[1], str):
        return given[0], given[1]
    what = repr(given) if isinstance(given, str) else f"a {type(given).__name__}"
    raise TableError(f"join= takes pairs of a table and a key, such as [('products.csv', 'product_id')], not {what}")


def _one(found: list[Source]) -> Source:
    if len(found) != 1:
        names = f"{found[0].name} and {len(found) - 1} more"
        raise TableError(f"a table to join is one file or frame, but {len(found)} are given ({names}); join each alone")
    return found[0]
