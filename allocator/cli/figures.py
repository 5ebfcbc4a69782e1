"""Results for papers: a figure beside the table it is drawn from, all of them written or none."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import allocator as al
from allocator.archive import as_json
from allocator.frontier import Row, fairness_of
from allocator.rules.stated import unit_of


def write_frontier(rows: Sequence[Row], problem: al.Problem, folder: Path) -> None:
    """Write ``frontier.csv``, ``.json``, ``.png`` and ``.pdf``."""
    platform, good = problem.platform, fairness_of(problem)[0].of
    unit = unit_of(platform, good)
    with _written_whole(folder) as draft:
        _write_table(rows, draft / "frontier.csv")
        (draft / "frontier.json").write_text(as_json(rows) + "\n")
        with _figure(draft / "frontier") as ax:
            al.plots.frontier(
                [row for row in rows if row["weight"] is not None],
                ax,
                baselines=[row for row in rows if row["weight"] is None],
                xlabel=f"Fairness level ({unit} per anchor and {platform.period})",
                ylabel=f"GMV ({platform.currency} per {platform.period})",
            )


def write_lorenz(found: al.Description, folder: Path) -> None:
    """Write ``lorenz.csv``, ``.png`` and ``.pdf`` of traffic and GMV."""
    (population, traffic), (_, gmv) = (al.metrics.lorenz(spread.amounts) for spread in (found.traffic, found.gmv))
    with _written_whole(folder) as draft:
        columns = {"population": population, "traffic": traffic, "gmv": gmv}
        points = zip(*(column.tolist() for column in columns.values()), strict=True)
        _write_table([dict(zip(columns, point, strict=True)) for point in points], draft / "lorenz.csv")
        with _figure(draft / "lorenz") as ax:
            curves = {f"{found.flow} traffic": (population, traffic), f"{found.flow} GMV": (population, gmv)}
            al.plots.lorenz(curves, ax, of="all")


def write_anchors(rows: Sequence[Row], folder: Path) -> None:
    """Write ``anchors.csv``, a row for each anchor of a result."""
    with _written_whole(folder) as draft:
        _write_table(rows, draft / "anchors.csv")


def write_simulation(found: al.dynamics.Ensemble, record: Row, folder: Path) -> None:
    """Write ``trajectory.csv``, a row for each policy, seed and period, ``.png`` and ``.pdf``, and ``result.json``."""
    with _written_whole(folder) as draft:
        names = dict.fromkeys(name for run in found.runs.values() for name in run.columns)
        with _table(draft / "trajectory.csv", ["policy", "seed", *names]) as table:
            for (policy, seed), run in found.runs.items():
                table.writerows({"policy": policy, "seed": seed} | row for row in run.rows)
        (draft / "result.json").write_text(as_json(record) + "\n")
        currency, period = record["currency"], record["period"]
        with _figure(draft / "trajectory") as ax:
            words = {"period": f"Period ({period})", "gmv": f"GMV ({currency} per {period})"}
            rows = [row | {"policy": _with_brackets(row["policy"])} for row in found.bands("gmv")]
            al.plots.fan_chart(rows, ax, words=words)


def _with_brackets(policy: str) -> str:
    """A typed policy as the looks of figures know it.

    >>> _with_brackets("patient=0.9"), _with_brackets("Patient(discount=0.9)")
    ('patient(X=0.9)', 'Patient(discount=0.9)')
    """
    name, equals, number = policy.partition("=")
    return f"{name}(X={number})" if equals and "(" not in name else policy


@contextmanager
def _written_whole(folder: Path) -> Iterator[Path]:
    """A folder to draw things up in, whose files are moved to their places at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".draft.") as name:
        draft = Path(name)
        yield draft
        for path in sorted(draft.iterdir()):
            os.replace(path, folder / path.name)


def _write_table(rows: Sequence[Row], path: Path) -> None:
    with _table(path, list(dict.fromkeys(key for row in rows for key in row))) as table:
        table.writerows(rows)


@contextmanager
def _table(path: Path, names: list[str]) -> Iterator[csv.DictWriter]:
    """A CSV file with a header, to write rows into."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        yield table


@contextmanager
def _figure(path: Path) -> Iterator[Any]:
    """Axes to draw on, saved as PNG and PDF; the same rows give the same bytes: no date is written into the figure."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(al.plots.style):
        figure = Figure()
        ax = figure.subplots()
        yield ax
        ax.legend()
        figure.savefig(path.with_suffix(".png"))
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
