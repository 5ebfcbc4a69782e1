"""The segments, or the anchors, of a log: numbered by a table of their own where there is one, else sorted by id."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, matches, plain
from allocator.tables.columns import WHOLE, Table, pointless
from allocator.tables.errors import TableError, readable
from allocator.tables.ids import Ids, Numbering
from allocator.tables.moments import ISO
from allocator.tables.numerals import read_numerals
from allocator.tables.sources import Source, sources
from allocator.wording import some, suggestion

FloatArray = NDArray[np.float64]
LEADING_ZERO = r"^[+-]?0[0-9]"


class Side(NamedTuple):
    """Number of each code that rows were given (-1: none), attributes (n,), limits (n,), NaN for default."""

    number: NDArray[np.int64]
    columns: dict[str, NDArray]
    limit: FloatArray


def sorted_side(ids: Ids) -> Side:
    """Number ids in their order."""
    found = ids.numbering(ids.scientific())
    return Side(found.number, {"id": as_array(found.distinct)}, np.full(len(found.distinct), np.nan))


def listed_side(log: str, ids: Ids, table: Table, limit: str) -> Side:
    """Number ids as they are listed in a table, which may list more."""
    from pyarrow import compute

    found = ids.numbering(ids.scientific())
    name = _id_column(table, ids.name)
    own = table.ids(name)
    repeated = np.bincount(own.rows) > 1
    if repeated.any():
        twice = some(as_array(own.distinct)[repeated])
        table.refuse(name, repeated[own.rows], f"repeated ids ({twice})", "give each id one row")
    wanted, known = _alike(log, ids, found, table, own.distinct)
    position = compute.index_in(wanted, value_set=known).fill_null(-1).to_numpy().astype(np.int64)
    if (position < 0).any():
        lacking = f"ids that {table.name} lacks ({some(as_array(wanted)[position < 0])})"
        raise TableError(f"{log}, column '{ids.name}': {lacking}; add them there or leave the rows out with where=")
    names = table.columns.column_names
    columns = {"id": as_array(known)} | {other: table.attribute(other) for other in names if other not in (name, limit)}
    limits = table.numbers(limit) if limit in names else np.full(len(known), np.nan)
    return Side(np.append(position, -1)[found.number], columns, limits)


def _id_column(table: Table, column: str) -> str:
    """Return which column of a table of segments or anchors holds the ids."""
    names = table.columns.column_names
    candidates = [name for name in dict.fromkeys((column, "id")) if name in names]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise TableError(f"{table.name} has both a column '{column}' and a column 'id'; drop or rename one")
    hint = suggestion(column, names)
    raise TableError(f"{table.name} has no column '{column}' or 'id' of ids{hint} (it has {some(names, 12)})")


def _alike(log: str, ids: Ids, found: Numbering, table: Table, own: Any) -> tuple[Any, Any]:
    """Make the distinct ids of two tables comparable: what looks like integers in a CSV file may as well be text."""
    import pyarrow as pa

    if found.distinct.type == own.type:
        return found.distinct, own
    if not (ids.guessed or table.guessed):
        one, other = ("integers" if kind == pa.int64() else "text" for kind in (found.distinct.type, own.type))
        what = f"ids are {one}, but in {table.name} they are {other}"
        raise TableError(f"{log}, column '{ids.name}': {what}; convert one of the two")
    return pointless(found.distinct.cast(pa.large_string())), pointless(own.cast(pa.large_string()))


def load(role: str, given: Any, texts: tuple[str, ...], **dialect: Any) -> Table:
    """Load a table of segments or anchors, at least one row; in ``texts`` a CSV file's "00123" is text.

    Kinds are guessed column by column in CSV files: truths, integers, numbers, else text. What has leading zeros is
    text, and what mixes marks of decimals is text too.
    """
    import pyarrow as pa

    found = sources(role, given, **dialect)
    names = found[0].present(None)
    table = _stacked(found, names)
    if table is None or table.num_rows == 0:
        raise TableError(f"{found[0].name} has no rows; give at least one")
    columns = {}
    for name in names:
        with readable(f"{found[0].name}, column '{name}',", "convert the column and try again"):
            column = plain(table[name])
            columns[name] = _guessed(column) if found[0].guessed and name not in texts else column
    return Table(found[0].name, pa.table(columns), guessed=found[0].guessed)


def _stacked(found: list[Source], names: list[str]) -> Any:
    """The rows of files as one table (None without any), if they have the same columns of the same kinds."""
    import pyarrow as pa

    first, parts = found[0], []
    for one in found:
        other = sorted(set(one.present(None)) ^ set(names))
        if other or one.guessed != first.guessed:
            what = f"columns ({some(other)})" if other else "kinds of entries, as only one of them is a CSV file"
            raise TableError(f"{first.name} and {one.name} have different {what}; give files that are alike")
        parts += one.batches(names, None)
    with readable(f"{first.name} and {len(found) - 1} more", "give each column the same kind in all of them"):
        return pa.concat_tables(parts, promote_options="permissive") if parts else None


def _guessed(column: Any) -> Any:
    """A column of text as what it looks like."""
    import pyarrow as pa
    from pyarrow import compute

    bare = column.combine_chunks()
    lower = compute.utf8_lower(bare).drop_null().unique()
    if len(lower) and set(lower.to_pylist()) <= {"true", "false"}:
        return compute.equal(compute.utf8_lower(bare), "true")
    if len(lower) and as_array(compute.match_substring_regex(bare, ISO).fill_null(True)).all():
        return compute.replace_substring_regex(bare, r"^(\S+) ", r"\1T")
    if matches(bare, LEADING_ZERO).any():
        return bare
    read = read_numerals(bare)
    if (read.wrong | read.ambiguous).any() or not len(lower) or (read.comma.any() and read.point.any()):
        return bare
    try:
        whole = compute.match_substring_regex(bare, WHOLE).fill_null(True)
        return (
            bare.cast(pa.int64()) if compute.all(whole).as_py() else pa.array(read.numbers, mask=np.isnan(read.numbers))
        )
    except pa.ArrowInvalid:
        return bare  # more digits than 64 bits hold
