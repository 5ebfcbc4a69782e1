"""Results for people (tables), for machines (JSON) and for papers (files)."""

from __future__ import annotations

import csv
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import allocator as al
from allocator.frontier import Row, row_of

FELT = 1e-6
"""Shadow price, relative to the median value of an impression, up to which a level does not bind."""
stdout = Console(markup=False, emoji=False, highlight=False)
stderr = Console(markup=False, emoji=False, highlight=False, stderr=True)


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
    stdout.out(json.dumps(entry, indent=1, allow_nan=False))


def number(amount: float) -> float | str:
    """A number for JSON, which knows no infinity: it becomes the text "inf" or "-inf"."""
    return amount if math.isfinite(amount) else str(amount)


def plain(row: Row) -> Row:
    """A row for JSON."""
    return {key: number(entry) if isinstance(entry, float) else entry for key, entry in row.items()}


def binding(allocation: al.Allocation) -> dict[str, Row]:
    """Per rule that binds: how many levels are felt, and their shadow prices together, currency per unit of each."""
    least = FELT * float(np.median(allocation.platform.value))
    found = {}
    for label, prices in allocation.shadow_prices.items():
        felt = np.extract(np.abs(prices) > least, prices)
        if felt.size:
            found[label] = {"levels": felt.size, "shadow_price": float(felt.sum())}
    return found


def record(allocation: al.Allocation) -> Row:
    """A solution for machines."""
    platform, run = allocation.platform, allocation.run
    return plain(row_of(allocation, allocation.problem)) | {
        "currency": platform.currency,
        "period": platform.period,
        "build_seconds": run.build_seconds,
        "solve_seconds": run.solve_seconds,
        "claim": run.claim,
        "binding": binding(allocation),
        "notices": list(allocation.problem.notices),
    }


def solution(allocation: al.Allocation) -> Table:
    """A solution for people."""
    platform, run, row = allocation.platform, allocation.run, row_of(allocation, allocation.problem)
    money = f"{platform.currency} per {platform.period}"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("status", allocation.status.value)
    table.add_row("GMV", f"{_amount(row['gmv'])} {money}")
    table.add_row("proved gap", f"{_amount(row['gap'])} {money} (relative {row['relative_gap']:.2g})")
    table.add_row("Gini of exposure", f"{row['gini_exposure']:.3f}")
    table.add_row("top 1 % of anchors", f"{row['top_1_percent_exposure']:.1%} of exposure")
    table.add_row("starved anchors", f"{row['starved_anchors']:,} of {platform.anchor_count:,}")
    table.add_row("seconds", f"{run.build_seconds:.2f} to build, {run.solve_seconds:.2f} to solve")
    table.add_row("solver", run.solver)
    for label, rule in binding(allocation).items():
        table.add_row(
            label,
            f"binds at {rule['levels']:,} anchors; one unit more for each would change the objective "
            f"by at most {_amount(rule['shadow_price'])} {platform.currency}",
        )
    for notice in allocation.problem.notices:
        table.add_row("notice", notice)
    return table


def points(rows: Sequence[Row], platform: al.Platform) -> Iterator[Table | str]:
    """A frontier for people: the table of its points, then a line for each that could not be solved."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.caption = (
        f"GMV in {platform.currency} per {platform.period}; price of fairness, the share of it given up; "
        "level of the good per anchor; exposure: Gini, top 1 % and starved anchors"
    )
    for heading in ("weight", "GMV", "price", "level", "Gini", "top 1 %", "starved", "gap"):
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        if "reason" not in row:
            table.add_row(
                _name(row),
                _amount(row["gmv"]),
                _share(row.get("price_of_fairness")),
                _amount(row["level"]),
                f"{row['gini_exposure']:.3f}",
                _share(row["top_1_percent_exposure"]),
                f"{row['starved_anchors']:,}",
                "" if row["gap"] is None else f"{row['relative_gap']:.1e}",
            )
    yield table
    for row in rows:
        if "reason" in row:
            yield f"{_name(row)}: {row['status'].lower()}, {row['reason']}"


def _name(row: Row) -> str:
    return row["solver"] if row["weight"] is None else f"{row['weight']:.3g}"


def _amount(amount: float) -> str:
    """Four digits, or all before the point."""
    return f"{amount:,.0f}" if 1e3 <= abs(amount) < 1e15 else f"{amount:.4g}"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def write_frontier(rows: Sequence[Row], problem: al.Problem, folder: Path) -> None:
    """Write ``frontier.csv``, ``.json``, ``.png`` and ``.pdf``, drawn up aside and then moved to their places."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".frontier.") as name:
        draft = Path(name)
        with (draft / "frontier.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            table.writeheader()
            table.writerows(rows)
        text = json.dumps([plain(row) for row in rows], indent=1, allow_nan=False)
        (draft / "frontier.json").write_text(text + "\n")
        _draw(rows, problem, draft)
        for path in sorted(draft.iterdir()):
            os.replace(path, folder / path.name)


def _draw(rows: Sequence[Row], problem: al.Problem, folder: Path) -> None:
    """The same rows give the same bytes: no date is written into the figure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    platform, good = problem.platform, problem.welfare[0].of
    unit = {"exposure": "impressions", "gmv": platform.currency}.get(good, good)
    with mpl.rc_context(al.plots.style):
        figure = Figure()
        ax = al.plots.frontier(
            [row for row in rows if row["weight"] is not None],
            figure.subplots(),
            baselines=[row for row in rows if row["weight"] is None],
            xlabel=f"Fairness level ({unit} per anchor and {platform.period})",
            ylabel=f"GMV ({platform.currency} per {platform.period})",
        )
        ax.legend()
        figure.savefig(folder / "frontier.png")
        figure.savefig(folder / "frontier.pdf", metadata={"CreationDate": None})
