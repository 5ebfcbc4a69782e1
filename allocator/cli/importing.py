"""``allocator import``: from people's logs to a platform folder, and a report of what became of their rows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

import allocator as al
from allocator.cli import grammar, options, reports
from allocator.tables import Credibility, Reading, write_platforms
from allocator.tables.folders import refuse_foreign
from allocator.wording import quantity

Texts = list[str] | None
LISTED = 12
"""Parts that the report names one by one."""
QUOTED = "'[^']*'"
_FORMULA = "a column or a formula"
Log = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG...", help="CSV or Parquet files of what was shown or sold, or patterns such as 'sales/*.csv'."
    ),
]
Segment = Annotated[str, typer.Option(metavar="FORMULA", help=f"Id of the viewer segment: {_FORMULA}.")]
Anchor = Annotated[str, typer.Option(metavar="FORMULA", help=f"Id of the anchor: {_FORMULA}.")]
Money = Annotated[
    str | None,
    typer.Option(metavar="FORMULA", help=f"Currency that a row brought: {_FORMULA}, such as 'Quantity * UnitPrice'."),
]
Value = Annotated[str | None, typer.Option(metavar="FORMULA", help="Currency per impression, in place of --money.")]
Traffic = Annotated[
    str | None, typer.Option(metavar="FORMULA", help="Impressions of a row; without it every row counts as one.")
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="FORMULA", help="Read only rows for which this is true, such as \"quantity > 0 and country != 'EIRE'\"."
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="FORMULA",
        help="Split into parts, each a platform in a folder of its own below --out: 'month(date)', or "
        "'part(2, invoice)' for random halves that keep invoices whole.",
    ),
]
Join = Annotated[
    Texts,
    typer.Option(
        metavar="TABLE:KEY",
        help="A table whose columns formulas may use, by a key column (or LOG_KEY=ITS_KEY). Repeatable.",
    ),
]
Invalid = Annotated[
    str,
    typer.Option(
        metavar="RULE", help="Rows that cannot be used: refuse (name the first ones and stop) or drop (count them)."
    ),
]
Returns = Annotated[
    str,
    typer.Option(
        metavar="RULE", help="Rows of negative money: refuse, drop or net (subtract from what the pair bought)."
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        metavar="MARK", help="The decimal mark of numbers in text, '.' or ','; without it, where there is no doubt."
    ),
]
Missing = Annotated[
    Texts, typer.Option(metavar="TEXT", help="An entry that stands for a missing id, such as NA. Repeatable.")
]
Columns = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Names of the columns of CSV files that have no header line.")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Encoding of CSV files, such as latin-1, where it is not UTF-8.")
]
Quotes = Annotated[bool, typer.Option(help="Whether quotation marks enclose fields of CSV files, or are letters.")]
Shrink = Annotated[
    bool,
    typer.Option(
        "--shrink", help="Move values of pairs seen a few times towards those of their anchor and segment. Recommended."
    ),
]
Listed = Annotated[
    str | None,
    typer.Option(metavar="TABLE", help="A table with one row each: an id column, attributes, and supply or capacity."),
]
Currency = Annotated[str, typer.Option(metavar="NAME", help="Unit of money in reports.")]
Period = Annotated[
    str, typer.Option(metavar="NAME", help="What the log, or each of its parts, covers, in reports: year, month, ...")
]


def import_log(
    log: Log,
    segment: Segment,
    anchor: Anchor,
    out: options.NewFolder,
    money: Money = None,
    value: Value = None,
    traffic: Traffic = None,
    where: Where = None,
    by: By = None,
    join: Join = None,
    invalid: Invalid = "refuse",
    returns: Returns = "refuse",
    decimal: Decimal = None,
    missing: Missing = None,
    columns: Columns = None,
    encoding: Encoding = None,
    quotes: Quotes = True,
    shrink: Shrink = False,
    segments: Listed = None,
    anchors: Listed = None,
    currency: Currency = "RMB",
    period: Period = "period",
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Read a log of what was shown or sold, messy or not, and write the platform that it describes to a folder.

    FORMULA is a column, or an expression over columns: arithmetic, comparisons, and, or, not, in, and functions such as
    missing(x), startswith(x, 'C'), left(x, 3), concat(x, '/', y), month(date), seconds(length), whole(id), part(2, x).
    A name with spaces stands in backquotes.
    """
    grammar.refuse_unwritable(out)
    refuse_foreign(out.resolve(), parts=by is not None)
    with reports.progress("reading", quiet) as tell, _as_typed():
        reading = al.read_log(
            log,
            segment=segment,
            anchor=anchor,
            money=money,
            value=value,
            traffic=traffic,
            by=by,
            segments=segments,
            anchors=anchors,
            shrink=shrink,
            currency=currency,
            period=period,
            report=tell,
            where=where,
            join=[grammar.join(text) for text in join or ()],
            invalid=invalid,
            returns=returns,
            decimal=decimal,
            missing=missing or (),
            columns=None if columns is None else [name.strip() for name in columns.split(",")],
            encoding=encoding,
            quotes=quotes,
        )
    _write(reading, out, parts=by is not None)
    if machine:
        reports.print_json(account(reading))
    elif not quiet:
        reports.show(*told(reading, out))


def _write(reading: Reading, out: Path, *, parts: bool) -> None:
    if parts:
        write_platforms(reading.platforms, out)
    else:
        al.write_platform(reading.platforms[""], out)


@contextmanager
def _as_typed() -> Iterator[None]:
    """Let errors speak of options where they speak of arguments."""
    try:
        yield
    except al.TableError as error:
        raise al.TableError(as_typed(str(error))) from None


def as_typed(sentence: str) -> str:
    """A sentence that speaks of the options of the command where it speaks of the arguments of a function.

    >>> as_typed("treat returns with returns='net' or 'drop', and the rest with where=")
    'treat returns with --returns net or drop, and the rest with --where'
    >>> as_typed("decimal is one of None, '.', ',', not ';'")
    "--decimal is one of '.' or ',', not ';'"
    """
    name = rf"\b({'|'.join(inspect.signature(import_log).parameters)})"

    def chosen(found: re.Match[str]) -> str:
        return f"--{found[1]} {found[2].replace(chr(39), '')}"

    def choices(found: re.Match[str]) -> str:
        return f"--{found[1]} is one of {' or '.join(re.findall(QUOTED, found[2]))}, not "

    sentence = re.sub(rf"{name}=False\b", r"--no-\1", sentence)
    sentence = re.sub(rf"{name}=({QUOTED}(?: or {QUOTED})*)", chosen, sentence)
    sentence = re.sub(rf"{name} is one of (?:None, )?({QUOTED}(?:, {QUOTED})*), not ", choices, sentence)
    return re.sub(rf"{name}=(?=[\s(]|$)", r"--\1", sentence)


def account(reading: Reading) -> dict[str, Any]:
    """What became of the rows, for machines."""
    told = reading.account
    return {
        "rows": told.rows,
        "filtered": told.filtered,
        "dropped": dict(told.dropped),
        "returns": told.returns,
        "pairs": told.pairs,
        "notices": list(map(as_typed, told.notices)),
        "parts": [
            {"part": name} | al.describe(platform).record() | moved(platform, reading.credibility.get(name))
            for name, platform in reading.platforms.items()
        ],
    }


def moved(platform: al.Platform, credibility: Credibility | None) -> dict[str, Any]:
    """How far shrinkage moved the values of a platform: over its traffic, relative to their mean."""
    if credibility is None:
        return {}
    seen, own = np.asarray(platform.observed), credibility.own
    moves, gmv = float((seen * np.abs(credibility.value - own)).sum()), float((seen * own).sum())
    return {
        "shrinkage": {
            "strength": credibility.strength,
            "anchor_strength": credibility.anchor_strength,
            "segment_strength": credibility.segment_strength,
            "mean_weight": float((seen * credibility.weight).sum() / seen.sum()),
            "mean_move": moves / gmv if gmv else 0.0,
        }
    }


def told(reading: Reading, out: Path) -> Sequence[Table | str]:
    """What became of the rows, for people."""
    rows, parts = reading.account, list(reading.platforms.items())
    table = reports.unheaded([("rows read", f"{rows.rows:,}")])
    if rows.filtered:
        table.add_row("filtered out", f"{rows.filtered:,}")
    for reason, count in rows.dropped.items():
        table.add_row("dropped", f"{count:,}: {reason}")
    if rows.returns:
        table.add_row("returns netted", f"{rows.returns:,}")
    table.add_row("pairs", f"{rows.pairs:,} of a segment and an anchor")
    for name, platform in parts[:LISTED]:
        _add_platform(table, name, platform, reading.credibility.get(name))
    if len(parts) > LISTED:
        table.add_row("", f"and {len(parts) - LISTED:,} more parts")
    for notice in rows.notices:
        table.add_row("notice", as_typed(notice))
    return [table, f"written to {out}" + f", one folder for each of {len(parts):,} parts" * (len(parts) > 1)]


def _add_platform(table: Table, name: str, platform: al.Platform, credibility: Credibility | None) -> None:
    facts = al.describe(platform)
    sizes = f"{platform.segment_count:,} segments, {platform.anchor_count:,} anchors, {platform.edge_count:,} edges"
    table.add_row(f"part {name}" if name else "platform", f"{sizes}, {quantity(facts.traffic.total)} impressions")
    sold = f"{quantity(facts.gmv.total)} {platform.currency} per {platform.period}"
    spread = f"Gini {facts.gmv.gini:.3f} over anchors, top 1 % {facts.gmv.top_1_percent:.1%}"
    if credibility is not None:
        recorded = float((np.asarray(platform.observed) * credibility.own).sum())
        sold += f" ({quantity(recorded)} as recorded)"
    table.add_row("GMV", f"{sold}, {spread}; Gini of traffic {facts.traffic.gini:.3f}")
    if credibility is not None:
        table.add_row("values shrunk", _strength(credibility, moved(platform, credibility)["shrinkage"]["mean_move"]))


def _strength(credibility: Credibility, move: float) -> str:
    far = f"by {move:.0%} of their mean; "
    if np.isinf(credibility.strength):
        return f"{far}no pair was seen twice, so that values are what anchor and segment lead one to expect"
    strength = f"{credibility.strength:.2g} impressions of a pair"
    return f"{far}what anchor and segment lead one to expect counts as {strength}"
