"""Results for people (tables) and for machines (JSON)."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

import allocator as al
from allocator.archive import as_json
from allocator.frontier import Row, row_of
from allocator.rule_prices import by_rule
from allocator.rule_words import against, more

WIDE = 10_000
"""Characters on a line that nobody folds."""
PLAIN: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
stdout = Console(**PLAIN)
stderr = Console(**PLAIN, stderr=True)


@contextmanager
def progress(sentence: str, quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """Show a spinner on stderr, on a terminal only; yields what receives news, None where nobody looks."""
    if quiet or not stderr.is_terminal:
        yield None
        return
    with stderr.status(sentence) as status:
        yield status.update


def print_json(entry: Any) -> None:
    """Print plain data on stdout."""
    stdout.out(as_json(entry))


def show(*renderables: Any) -> None:
    """Print for people; what goes into a file or a pipe is not folded to the width of a terminal."""
    for renderable in renderables:
        if stdout.is_terminal:
            stdout.print(renderable)
            continue
        lines = Console(**PLAIN, width=WIDE, file=io.StringIO(), color_system=None)
        with lines.capture() as captured:
            lines.print(renderable)
        stdout.out("\n".join(line.rstrip() for line in captured.get().splitlines()))


def binding(allocation: al.Allocation) -> dict[str, Row]:
    """Per rule that is felt: how many levels are, their shadow prices together (currency per unit of each), and where,
    at what level and what all that is worth; see `allocator.rule_prices.by_rule`.
    """
    felt = by_rule(allocation.prices_of_rules())
    told = ("levels", "where", "bound", "level", "amount", "unit", "soft", "worth")
    return {label: {key: row[key] for key in told} | {"shadow_price": row["price"]} for label, row in felt.items()}


def _felt(rule: Row, label: str, currency: str) -> str:
    """A rule that is felt, in words."""
    price, unit = rule["shadow_price"], rule["unit"]
    if rule["levels"] > 1:
        return f"felt by {rule['where']}; {more(price, unit, currency, ' for each')}"
    return f"felt by {rule['where']}: {against(rule | {'rule': label})}; {more(price, unit, currency)}"


def size(platform: al.Platform) -> Row:
    """How large a platform is, and in which units."""
    return {
        "segments": platform.segment_count,
        "anchors": platform.anchor_count,
        "edges": platform.edge_count,
        "supply": float(platform.supply.sum()),
        "currency": platform.currency,
        "period": platform.period,
        "content_hash": platform.content_hash,
        "notices": list(platform.notices),
    }


def record(allocation: al.Allocation) -> Row:
    """A solution for machines."""
    platform, run = allocation.platform, allocation.run
    return row_of(allocation, allocation.problem) | {
        "currency": platform.currency,
        "period": platform.period,
        "build_seconds": run.build_seconds,
        "solve_seconds": run.solve_seconds,
        "claim": run.claim,
        "binding": binding(allocation),
        "notices": list(allocation.problem.notices),
    }


def unheaded(rows: Iterable[tuple[str, str]]) -> Table:
    """A table of what is spoken of and what is said of it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table


def headed(headings: Iterable[str], words: Collection[str] = (), caption: str | None = None, **looks: Any) -> Table:
    """A table without rows yet; ``words`` are the headings of columns that hold no numbers, ``looks`` are for all."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, caption=caption)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right", **looks)
    return table


def solution(allocation: al.Allocation) -> Table:
    """A solution for people."""
    platform, run, row = allocation.platform, allocation.run, row_of(allocation, allocation.problem)
    money = f"{platform.currency} per {platform.period}"
    return unheaded(
        [
            ("status", allocation.status.value),
            ("GMV", f"{amount(row['gmv'])} {money}"),
            ("proved gap", f"{amount(row['gap'])} {money} (relative {row['relative_gap']:.2g})"),
            ("Gini of exposure", f"{row['gini_exposure']:.3f}"),
            ("top 1 % of anchors", f"{row['top_1_percent_exposure']:.1%} of exposure"),
            ("starved anchors", f"{row['starved_anchors']:,} of {platform.anchor_count:,}"),
            ("seconds", f"{run.build_seconds:.2f} to build, {run.solve_seconds:.2f} to solve"),
            ("solver", run.solver),
            *((label, _felt(rule, label, platform.currency)) for label, rule in binding(allocation).items()),
            *(("notice", notice) for notice in allocation.problem.notices),
        ]
    )


def points(rows: Sequence[Row], platform: al.Platform) -> Iterator[Table | str]:
    """A frontier for people: the table of its points, then a line for each that could not be solved."""
    caption = (
        f"GMV in {platform.currency} per {platform.period}; price of fairness, the share of it given up; "
        "level of the good per anchor; exposure: Gini, top 1 % and starved anchors"
    )
    headings = ("weight", "GMV", "price", "level", "Gini", "top 1 %", "starved", "gap")
    table = headed(headings, caption=caption, overflow="fold")
    for row in rows:
        if "reason" not in row:
            table.add_row(
                _name(row),
                amount(row["gmv"]),
                percent(row.get("price_of_fairness")),
                amount(row["level"]),
                f"{row['gini_exposure']:.3f}",
                percent(row["top_1_percent_exposure"]),
                f"{row['starved_anchors']:,}",
                "" if row["gap"] is None else f"{row['relative_gap']:.1e}",
            )
    yield table
    for row in rows:
        if "reason" in row:
            yield f"{_name(row)}: {row['status'].lower()}, {row['reason']}"


def _name(row: Row) -> str:
    return row["solver"] if row["weight"] is None else f"{row['weight']:.3g}"


def amount(amount: float) -> str:
    """Four digits, or all before the point."""
    return f"{amount:,.0f}" if 1e3 <= abs(amount) < 1e15 else f"{amount:.4g}"


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
