"""People's logs and tables in, a Platform out, with an account of what became of the rows.

Data goes one way: sources -> cleaned rows -> pairs -> Platform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from allocator.graph import Platform
from allocator.tables import credibility
from allocator.tables.credibility import Credibility
from allocator.tables.errors import TableError
from allocator.tables.pairs import Pairs
from allocator.wording import suggestion

if TYPE_CHECKING:
    from allocator.tables.cleaning import Cleaning
    from allocator.tables.gathering import Account
    from allocator.tables.sides import Side

SELDOM = 0.3
"""Share of pairs seen once or twice from which the account says so."""


class Reading(NamedTuple):
    """What a log holds: a platform for each part (under "" without ``by``), all on the same segments and anchors.

    ``account`` says what became of the rows, and ``credibility``, part by part, what ``shrink`` did to the values.
    """

    platforms: dict[str, Platform]
    account: Account
    credibility: dict[str, Credibility]


def read_tables(edges: Any, *, segment: str, anchor: str, **options: Any) -> Platform:
    """Read a platform from a log or from tables; see `read_log`, whose options these are, all but ``by``.

    >>> import pyarrow as pa
    >>> sales = pa.table({"buyer": ["ann", "ann", "bo"], "shop": [7, 7, 8], "money": ["2,50", "3", "4.00"]})
    >>> read_tables(sales.slice(0, 2), segment="buyer", anchor="shop", money="money").value.tolist()
    [2.75]
    """
    if "by" in options:
        raise TypeError("read_tables gives one platform; read_log takes by= and gives one for each part")
    return read_log(edges, segment=segment, anchor=anchor, **options).platforms[""]


def read_log(
    log: Any,
    *,
    segment: str,
    anchor: str,
    money: str | None = None,
    value: str | None = None,
    traffic: str | None = None,
    by: str | None = None,
    segments: Any = None,
    anchors: Any = None,
    shrink: bool = False,
    currency: str = "RMB",
    period: str = "day",
    report: Callable[[str], None] | None = None,
    **cleaning: Any,
) -> Reading:
    """Read what was shown or sold from a log of any size, messy or not.

    Parameters
    ----------
    log : path, pattern, frame, or list of these; N rows in all
        CSV (compressed or not, any usual separator, UTF-8 or with a byte-order mark) or Parquet files, pandas, polars
        or pyarrow frames. Files are streamed: what stays in memory are the pairs, and at most 2^24 rows before they
        are merged. Rows of one pair of segment and anchor are merged, in whatever order they come.
    segment, anchor : str
        Ids: a column or a formula such as ``"left(StockCode, 3)"``. Integers stay integers and text stays text, also
        "00123"; ids in scientific notation among integers are invalid, as digits may be lost (``whole(column)`` reads
        them all the same).
    money, value : str
        One of two, a column or a formula such as ``"Quantity * UnitPrice"``: ``money`` in currency (a pair takes total
        money / total traffic), or ``value`` in currency / impression (a pair takes the mean weighted by traffic, or the
        plain mean where there was no traffic). Numbers may be text, see ``decimal``.
    traffic : str, optional
        Impressions / period, a column or a formula; by default every row counts as one. It becomes ``observed``.
    by : str, optional
        A formula whose values name the parts of the log: ``"month(InvoiceDate)"``, or ``"part(2, InvoiceNo)"`` for two
        random halves that keep every invoice whole.
    segments, anchors : path or frame, optional
        One row per segment or anchor, in the order of the platform, also those without edges. The id column is called
        as in the log, or ``id``. Column ``supply`` (segments) or ``capacity`` (anchors) holds impressions / period; an
        empty entry means the default: the observed traffic, and no limit. All other columns become attributes, where
        missing text is "", missing numbers are NaN, and dates are ISO 8601 text.
    shrink : bool
        Move values of pairs that were seen a few times towards what their anchor and segment lead one to expect
        (empirical Bayes, see `allocator.tables.credibility`), and keep the ``standard_error`` of each value as an edge
        measure. An optimum on values as they were seen promises a gain that is mostly luck; see `holdout_gmv`.
    currency, period : str
        Units for reports.
    report : callable of str, optional
        Hears how many rows have been read.
    **cleaning
        Fields of `allocator.tables.cleaning.Cleaning`: where, join, invalid, returns, decimal, missing, columns,
        encoding, quotes.

    Returns
    -------
    Reading
        ``.platforms``, without ``segments`` or ``anchors`` sorted by id, and the ``.account`` of the rows.

    Raises
    ------
    TableError
        In one sentence naming the file, the column, the first rows and the remedy.
    """
    # An eighth of the time that importing the package would take, and not everybody reads a log.
    from allocator.tables.cleaning import Wanted
    from allocator.tables.gathering import Gathering
    from allocator.tables.sources import sources

    if (value is None) == (money is None):
        raise TableError("give either value= (a column in currency per impression) or money= (a column in currency)")
    if segment == anchor:
        raise TableError(f"segment and anchor are both the column '{segment}'; name two columns")
    plan = _cleaning(cleaning)
    if value is not None and plan.returns != "refuse":
        raise TableError("returns= is about negative money; with value= leave such rows out with where=")
    wanted = Wanted(segment, anchor, str(money if value is None else value), traffic, by)
    opened = sources("log", log, plan.columns, **plan.dialect)
    gathering = Gathering(plan, wanted, opened, summed=money is not None)
    gathering.read(report)
    sides = (
        gathering.side(gathering.segment, "segments", segments, "supply"),
        gathering.side(gathering.anchor, "anchors", anchors, "capacity"),
    )
    parts = gathering.parts(sides)
    sizes = [side.limit.size for side in sides]
    shrunk = {name: credibility.shrink(pairs, *sizes) for name, pairs in parts.items()} if shrink else {}
    platforms = {
        name: _platform(pairs, sides, shrunk.get(name), currency=currency, period=period)
        for name, pairs in parts.items()
    }
    return Reading(platforms, gathering.account(parts, _noise(parts, shrunk)), shrunk)


def _noise(parts: dict[str, Pairs], shrunk: dict[str, Credibility]) -> list[str]:
    """What there is to say about how often pairs were seen."""
    rows = np.concatenate([pairs.rows for pairs in parts.values()])
    seldom = float((rows <= 2).mean())
    if not shrunk and seldom > SELDOM:
        advice = "an optimum on them promises too much: shrink them"
        return [f"{seldom:.0%} of the pairs were seen once or twice, and their values are mostly noise; {advice}"]
    if any(np.isinf(credibility.strength) for credibility in shrunk.values()):
        return ["no pair was seen twice: values are what anchor and segment lead one to expect, their errors unknown"]
    return []


def _cleaning(options: dict[str, Any]) -> Cleaning:
    from allocator.tables.cleaning import Cleaning

    known = [field.name for field in fields(Cleaning)]
    for name in options:
        if name not in known:
            hint = f"{suggestion(name, known)} (for cleaning it has {', '.join(known)})"
            raise TypeError(f"read_log has no option '{name}'{hint}")
    return Cleaning(**options)


def _platform(pairs: Pairs, sides: tuple[Side, Side], shrunk: Credibility | None, **units: str) -> Platform:
    senders, receivers = sides
    seen = np.bincount(pairs.segment, weights=pairs.traffic, minlength=senders.limit.size)
    known = shrunk is not None and np.isfinite(shrunk.standard_error).all()
    measures = {"standard_error": shrunk.standard_error} if shrunk is not None and known else {}
    return Platform.from_edges(
        pairs.segment,
        pairs.anchor,
        pairs.value if shrunk is None else shrunk.value,
        observed=pairs.traffic,
        measures=measures,
        supply=np.where(np.isnan(senders.limit), seen, senders.limit),
        capacity=np.where(np.isnan(receivers.limit), np.inf, receivers.limit),
        segments=senders.columns,
        anchors=receivers.columns,
        **units,
    )
