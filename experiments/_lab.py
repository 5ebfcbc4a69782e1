"""What experiments share: arguments, named random streams, cached cells, and figures saved with their rows."""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import importlib.metadata
import inspect
import io
import json
import math
import os
import platform as machine
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import allocator

HERE = Path(__file__).resolve().parent
LIBRARIES = (
    "numpy",
    "scipy",
    "cvxpy",
    "clarabel",
    "scs",
    "ortools",
    "highspy",
    "POT",
    "numba",
    "pyarrow",
    "matplotlib",
)
Row = dict[str, Any]
Cell = tuple[Callable[..., list[Row]], dict[str, Any]]


def arguments(question: str, *, tables: bool = False) -> argparse.ArgumentParser:
    """The parser with the arguments that every experiment takes; ``question`` is the script's docstring. With
    ``tables`` the data are the public tables, where ALLOCATOR_DATA says unless told otherwise.
    """
    parser = argparse.ArgumentParser(description=question.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, the same code")
    parser.add_argument("--seed", type=int, default=7, help="names all random streams (default 7)")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder of results (default experiments/out)")
    data: Row = {"help": "your own data in place of synthetic data, where the script can"}
    if tables:
        words = "the folder of the public tables (default: the variable ALLOCATOR_DATA)"
        data = {"help": words, "default": os.environ.get("ALLOCATOR_DATA") or None}
    parser.add_argument("--data", type=Path, **data)
    return parser


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The random stream of one purpose, whatever other streams are asked for."""
    name = hashlib.blake2b(purpose.encode(), digest_size=16).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, *name]))


def pick(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """The rows with the wanted entries."""
    return [row for row in rows if all(row.get(key) == entry for key, entry in wanted.items())]


def entries(rows: Sequence[Row], *keys: str) -> list[np.ndarray]:
    """What rows have under each key, an array (n,) for every key."""
    return [np.array([row[key] for row in rows]) for key in keys]


def mean_of(sample: Any) -> tuple[float, float]:
    """Mean over draws, and its standard error."""
    sample = np.asarray(sample, dtype=np.float64)
    return float(sample.mean()), float(sample.std(ddof=1) / np.sqrt(sample.size))


def estimate(name: str, sample: Any) -> Row:
    """The mean over draws as ``name``, and its standard error as ``name_error``."""
    mean, error = mean_of(sample)
    return {name: mean, f"{name}_error": error}


def over_draws(rows: Sequence[Row], against: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Levels of ``against`` (n,), and mean, standard error, least and most of ``key`` over draws at each, (4, n)."""
    levels = sorted({row[against] for row in rows})
    samples = [[row[key] for row in rows if row[against] == level] for level in levels]
    with np.errstate(invalid="ignore", divide="ignore"):  # one draw has no error
        found = [(*mean_of(one), min(one), max(one)) if len(one) > 1 else (one[0], np.nan, *one * 2) for one in samples]
    return np.array(levels), np.array(found).T


def bars(ax: Any, told: tuple[Any, Any], look: Sequence[str], *, errors: float = 2.0, **more: Any) -> None:
    """What `over_draws` has told: means, with bars of so many standard errors; a look is colour, marker and dashes."""
    x, (mean, error, *_) = told
    colour, marker, dashes = look
    shape = {"markersize": 3.5, "capsize": 1.5} | more
    ax.errorbar(x, mean, errors * error, color=colour, marker=marker, linestyle=dashes, **shape)


def band(ax: Any, told: tuple[Any, Any], look: Sequence[str], **more: Any) -> None:
    """What `over_draws` has told: means, and the range of draws as a band."""
    x, (mean, _, least, most) = told
    colour, marker, dashes = look
    ax.plot(x, mean, color=colour, marker=marker, linestyle=dashes, **{"markersize": 3.5} | more)
    ax.fill_between(x, least, most, color=colour, alpha=0.2, linewidth=0)


def halved(low: float, high: float, times: int, holds: Callable[[float], bool]) -> tuple[float, float]:
    """Ends, after so many bisections, of the stretch in which what holds at the low end ceases to hold."""
    for _ in range(times):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, high


def percent(share: float, position: float | None = None) -> str:
    """A share as a number of hundredths, for an axis."""
    return f"{100 * share:g}"


def blank_figure(height: float, width: float = allocator.plots.DOUBLE) -> Any:
    """A figure without panels, inches; two columns of print wide unless said."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def run(main: Callable[[], None]) -> None:
    """Run a script; Ctrl-C ends it with a sentence."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: finished cells are kept, and the same command goes on from there.")


def dumps(record: Any) -> str:
    """JSON in one spelling: infinities become "inf" and "-inf" (which float() reads), NaN is refused."""
    return json.dumps(_plain(record), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def write(path: Path, content: bytes) -> None:
    """Write a file at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@dataclass(frozen=True)
class Lab:
    """One run of the experiment ``name`` into the folder ``out``; the rows depend on ``arguments`` and nothing else."""

    name: str
    out: Path
    arguments: Row

    @classmethod
    def of(cls, name: str, options: argparse.Namespace, **more: Any) -> Lab:
        """The run that the arguments of a script ask for; ``more``: what else rows depend on."""
        return cls(name, options.out, {"quick": options.quick, "seed": options.seed} | more)

    def answer(
        self,
        cells: Sequence[Cell],
        draw: Callable[[list[Row]], Any],
        *claims: Callable[[list[Row]], str],
        columns: Sequence[str],
    ) -> None:
        """Measure all cells, save rows and drawing, and print what each claim asserts of the rows."""
        rows = self.measured(cells)
        self.finish(draw, rows, columns=columns)
        print(*(claim(rows) for claim in claims), sep="\n")

    def measured(self, cells: Sequence[Cell]) -> list[Row]:
        """The rows of all cells (function, parameters), computed or found; a cell that fails is not kept."""
        from rich.console import Console
        from rich.progress import track

        console, rows = Console(stderr=True), []
        for function, parameters in track(cells, self.name, console=console, disable=not console.is_terminal):
            label = " ".join([function.__name__, *(f"{key}={entry}" for key, entry in parameters.items())])
            path = self.out / "cells" / f"{function.__name__}-{_key(function, parameters)}.json"
            found, started = path.exists(), time.perf_counter()
            if not found:
                write(path, dumps({"cell": label, "rows": function(**parameters)}).encode())
            rows += json.loads(path.read_text(encoding="utf-8"))["rows"]
            if not console.is_terminal:
                how = "kept" if found else f"{time.perf_counter() - started:.1f} s"
                print(f"{label}: {how}", file=sys.stderr, flush=True)
        return rows

    def finish(self, draw: Callable[[list[Row]], Any], rows: list[Row], *, columns: Sequence[str]) -> None:
        """Draw the rows in the package's style and save the figure (PDF, PNG), the rows (JSON), what is drawn of them
        (CSV), and where all of it comes from.
        """
        import matplotlib as mpl

        table, pdf, png = io.StringIO(), io.BytesIO(), io.BytesIO()
        writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_plain(rows))
        with mpl.rc_context(allocator.plots.style):
            figure = draw(rows)
            figure.savefig(pdf, format="pdf", metadata={"CreationDate": None})
            figure.savefig(png, format="png", metadata={"Software": None})
        record = dumps({"experiment": self.name, "arguments": self.arguments, "rows": rows})
        contents = {
            "json": record.encode(),
            "csv": table.getvalue().encode(),
            "pdf": pdf.getvalue(),
            "png": png.getvalue(),
            "provenance.json": dumps(_provenance()).encode(),
        }
        for kind, content in contents.items():
            write(self.out / f"{self.name}.{kind}", content)


def _plain(record: Any) -> Any:
    if isinstance(record, dict):
        return {str(key): _plain(entry) for key, entry in record.items()}
    if isinstance(record, list | tuple | np.ndarray):
        return [_plain(entry) for entry in record]
    record = record.item() if isinstance(record, np.generic) else record
    return str(record) if isinstance(record, float) and math.isinf(record) else record


def _key(function: Callable, parameters: Row) -> str:
    """Hash of all that a cell's rows depend on: code (the script, and what it imports from beside it), libraries and
    parameters.
    """
    called = json.dumps([function.__name__, _plain(parameters), versions()], sort_keys=True)
    loaded = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    beside = {file for file in loaded if Path(file).parent == HERE}
    code = sources(*sorted(beside | {inspect.getfile(function)}))
    return hashlib.blake2b((code + called).encode(), digest_size=12).hexdigest()


@functools.cache
def sources(*scripts: str) -> str:
    """Hash of scripts and of the package, as they are when first asked for."""
    files = [*map(Path, scripts), *sorted(Path(allocator.__file__).parent.rglob("*.py"))]
    return hashlib.blake2b(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def versions() -> Row:
    return {"python": machine.python_version()} | {name: importlib.metadata.version(name) for name in LIBRARIES}


def git(*words: str) -> str:
    """What git says of this repository; nothing where there is none."""
    known = shutil.which("git")
    return subprocess.run([known, *words], cwd=HERE, capture_output=True, text=True).stdout.strip() if known else ""


def _provenance() -> Row:
    return {
        "commit": git("rev-parse", "HEAD"),
        "dirty": bool(git("status", "--porcelain")),
        "versions": versions(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "time": datetime.now(UTC).isoformat(),
        "machine": machine.platform(),
        "processors": os.cpu_count(),
    }
