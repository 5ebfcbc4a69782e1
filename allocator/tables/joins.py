"""Tables whose columns join those of a log, by a key that each row of the log has."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allocator.tables.arrow import as_array
from allocator.tables.errors import TableError
from allocator.tables.evaluation import DROP, Rows, decoded
from allocator.tables.sources import Source, sources
from allocator.wording import some


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
        from pyarrow import compute

        entries = rows.columns[self.key]
        keys = self.keys
        if entries.type != keys.type:
            entries, keys = rows.as_text(entries), rows.as_text(keys)
        found = compute.index_in(entries, value_set=keys, skip_nulls=True)
        absent = ~as_array(found.is_valid())
        rows.fault(self.key, absent, f"keys that {self.name} lacks", f"add them there; or {DROP}", entries)
        for name, column in self.columns.items():
            rows.columns[name] = column.take(found.cast(pa.int64()))


def open_joins(joins: Collection[tuple[Any, str]], log: Source) -> list[tuple[Source, str, str]]:
    """Open the tables to join: each with the key of the log and its own, given as ``key`` or ``log_key=own_key``."""
    found, known = [], set(log.columns)
    for given, key in joins:
        (source,) = _one(sources("joined", given), given)
        ours, _, theirs = key.partition("=")
        theirs = theirs or ours
        if ours not in known:
            has = some(log.columns, 12)
            raise TableError(f"{source.name} is joined by '{ours}', but {log.name} has no such column (it has {has})")
        source.present([theirs])
        found.append((source, ours, theirs))
        known |= set(source.columns)
    return found


def load_join(source: Source, keys: tuple[str, str], wanted: Collection[str]) -> Join:
    """Read the wanted columns of a table to join, with each key once."""
    import pyarrow as pa
    from pyarrow import compute

    ours, theirs = keys
    needed = source.present(list(dict.fromkeys([theirs, *wanted])))
    table = pa.concat_tables(list(source.batches(needed, None)), promote_options="permissive")
    columns = {name: decoded(table[name]) for name in needed}
    own = columns[theirs]
    repeated = len(own.drop_null()) - len(own.drop_null().unique())
    if repeated:
        counts = compute.value_counts(own.drop_null())
        twice = [one["values"] for one in counts.to_pylist() if one["counts"] > 1]
        raise TableError(f"{source.name}, column '{theirs}': repeated keys ({some(twice)}); give each key one row")
    return Join(source.name, ours, own, {name: columns[name] for name in wanted})


def _one(found: list[Source], given: Any) -> list[Source]:
    if len(found) != 1:
        raise TableError(f"a table to join is one file or frame, but {Path(given).name} stands for {len(found)} files")
    return found
