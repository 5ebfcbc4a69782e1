"""People's tables in: clean CSV files, Parquet files and data frames become a Platform.

Data goes one way: load -> checked columns -> aggregate -> Platform.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.columns import Ids, Table, TableError, as_array, load
from allocator.folders import read_platform, write_platform
from allocator.graph import FloatArray, Platform
from allocator.wording import some, suggestion

__all__ = ["Pairs", "TableError", "aggregate", "read_platform", "read_tables", "write_platform"]


class Pairs(NamedTuple):
    """Distinct pairs of segment and anchor, sorted: positions (E,), traffic (E,), currency per impression (E,)."""

    segment: NDArray[np.integer]
    anchor: NDArray[np.integer]
    traffic: FloatArray
    value: FloatArray


class _Side(NamedTuple):
    """The segments, or the anchors: position of each edge row (N,), attributes (n,), limits (n,), NaN for default."""

    position: NDArray[np.int64]
    columns: dict[str, NDArray]
    limit: FloatArray


def read_tables(
    edges: Any,
    *,
    segment: str,
    anchor: str,
    value: str | None = None,
    money: str | None = None,
    traffic: str | None = None,
    segments: Any = None,
    anchors: Any = None,
    currency: str = "RMB",
    period: str = "day",
) -> Platform:
    """Read a platform from clean tables: ``.csv`` or ``.parquet`` paths, or pandas, polars or pyarrow frames.

    Parameters
    ----------
    edges : path or frame, N rows
        What was shown or sold. Rows of one pair of segment and anchor are merged, in whatever order they come.
    segment, anchor : str
        Columns of the ids. Integers stay integers and text stays text, also "00123" in a CSV file.
    value, money : str
        One of two columns: ``value`` in currency / impression (a pair takes the mean weighted by traffic, or the plain
        mean where there was no traffic), or ``money`` in currency (a pair takes total money / total traffic).
    traffic : str, optional
        Column of impressions / period; by default every row counts as one. It becomes ``observed``.
    segments, anchors : path or frame, optional
        One row per segment or anchor, in the order of the platform, also those without edges. The id column is called
        as in ``edges``, or ``id``. Column ``supply`` (segments) or ``capacity`` (anchors) holds impressions / period;
        an empty entry means the default: the observed traffic, and no limit. All other columns become attributes,
        where missing text is "", missing numbers are NaN, and dates are ISO 8601 text.
    currency, period : str
        Units for reports.

    Returns
    -------
    Platform
        Without ``segments`` or ``anchors``, sorted by id.

    Raises
    ------
    TableError
        In one sentence naming the table, the column, the first rows and the remedy.
    """
    if (value is None) == (money is None):
        raise TableError("give either value= (a column in currency per impression) or money= (a column in currency)")
    if segment == anchor:
        raise TableError(f"segment and anchor are both the column '{segment}'; name two columns")
    worth = {"value": value} if money is None else {"money": money}
    needed = [name for name in (segment, anchor, *worth.values(), traffic) if name is not None]
    table = load("edges", edges, (segment, anchor), needed)
    senders = _side(table, segment, ("segments", segments), "supply")
    receivers = _side(table, anchor, ("anchors", anchors), "capacity")
    seen = np.ones(table.columns.num_rows) if traffic is None else table.amounts(traffic)
    amounts = {kind: table.amounts(str(name)) for kind, name in worth.items()}
    pairs = aggregate(senders.position, receivers.position, seen, **amounts)
    if money is not None:
        _refuse_unseen(table, traffic, pairs, (senders, receivers))
    default = np.bincount(pairs.segment, weights=pairs.traffic, minlength=senders.limit.size)
    return Platform.from_edges(
        pairs.segment,
        pairs.anchor,
        pairs.value,
        observed=pairs.traffic,
        supply=np.where(np.isnan(senders.limit), default, senders.limit),
        capacity=np.where(np.isnan(receivers.limit), np.inf, receivers.limit),
        segments=senders.columns,
        anchors=receivers.columns,
        currency=currency,
        period=period,
    )


def aggregate(
    segment: NDArray[np.integer],
    anchor: NDArray[np.integer],
    traffic: FloatArray,
    *,
    value: FloatArray | None = None,
    money: FloatArray | None = None,
) -> Pairs:
    """Merge the rows (N,) of each pair of positions: sum traffic, and average ``value`` or divide ``money`` by traffic.

    The result does not depend on the order of the rows, to the last bit. Money over no traffic is infinite or NaN, and
    sums beyond float64 are infinite: a Platform refuses both.
    """
    worth = np.asarray(money if value is None else value)
    key = segment.astype(np.int64) * (int(anchor.max(initial=0)) + 1) + anchor
    order = np.lexsort((traffic, worth, key))
    key, traffic, worth = key[order], traffic[order], worth[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    count = np.diff(first, append=key.size)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        total = np.add.reduceat(traffic, first)
        if money is not None:
            mean = np.add.reduceat(worth, first) / total
        else:
            whole = np.repeat(total, count)
            share = np.where(whole > 0, traffic / whole, 1 / np.repeat(count, count))
            # Values rise within a pair. Rounding may not leave their range: equal values keep their mean exactly.
            mean = np.clip(np.add.reduceat(worth * share, first), worth[first], worth[first + count - 1])
    return Pairs(segment[order[first]], anchor[order[first]], total, mean)


def _refuse_unseen(table: Table, traffic: str | None, pairs: Pairs, sides: tuple[_Side, _Side]) -> None:
    """Refuse pairs without traffic, whose money cannot be divided among impressions."""
    unseen = np.flatnonzero(pairs.traffic == 0)
    if unseen.size:
        senders, receivers = sides
        one, other = pairs.segment[unseen[0]], pairs.anchor[unseen[0]]
        rows = (senders.position == one) & (receivers.position == other)
        what = f"no traffic between segment {senders.columns['id'][one]} and anchor {receivers.columns['id'][other]}"
        more = f" (nor of {unseen.size - 1:,} more pairs)" * (unseen.size > 1)
        table.refuse(str(traffic), rows, what + more, "money needs traffic to be divided by: give it or drop the rows")


def _side(edges: Table, column: str, given: tuple[str, Any], limit: str) -> _Side:
    """Number the ids of an edge column: by the table given for (role, source), else sorted."""
    from pyarrow import compute

    used = edges.ids(column)
    role, source = given
    if source is not None:
        return _listed(edges, column, used, load(role, source, (column, "id")), limit)
    order = compute.array_sort_indices(used.distinct)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    return _Side(rank[used.rows], {"id": as_array(used.distinct.take(order))}, np.full(len(order), np.nan))


def _listed(edges: Table, column: str, used: Ids, table: Table, limit: str) -> _Side:
    """Number the ids of an edge column as they are listed in a table, which may list more."""
    from pyarrow import compute

    name = _id_column(table, column)
    own = table.ids(name)
    repeated = np.bincount(own.rows) > 1
    if repeated.any():
        ids = some(as_array(own.distinct)[repeated])
        table.refuse(name, repeated[own.rows], f"repeated ids ({ids})", "give each id one row")
    wanted, known = _alike(edges, column, used, table, own)
    position = compute.index_in(wanted, value_set=known).fill_null(-1).to_numpy().astype(np.int64)
    unknown = position < 0
    if unknown.any():
        what = f"ids that {table.name} lacks ({some(as_array(wanted)[unknown])})"
        edges.refuse(column, unknown[used.rows], what, "add them there or drop the rows")
    names = table.columns.column_names
    columns = {"id": as_array(known)} | {other: table.attribute(other) for other in names if other not in (name, limit)}
    limits = table.numbers(limit) if limit in names else np.full(len(known), np.nan)
    return _Side(position[used.rows], columns, limits)


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


def _alike(edges: Table, column: str, used: Ids, table: Table, own: Ids) -> tuple[Any, Any]:
    """Make the distinct ids of two tables comparable: what looks like integers in a CSV file may as well be text."""
    import pyarrow as pa

    if used.distinct.type == own.distinct.type:
        return used.distinct, own.distinct
    if not (edges.guessed or table.guessed):
        one, other = ("integers" if ids.distinct.type == pa.int64() else "text" for ids in (used, own))
        edges.refuse_kind(column, f"ids are {one}, but in {table.name} they are {other}", "convert one of the two")
    return used.distinct.cast(pa.large_string()), own.distinct.cast(pa.large_string())
