"""How long does each step take, from importing the package to building a model of a million edges?

Files of a million rows and edges (`--quick`: ten thousand); the larger log has five times as many. The rows hold times:
they belong to one machine and are not compared between runs. Medians of several repetitions in one process each;
targets are the package's own promises, drawn as ticks.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import _lab
import allocator as al
from allocator.driver import Goal
from allocator.solvers.linear import Linear

Row = _lab.Row
TARGETS = {
    "import allocator, beyond numpy": 0.1,
    "certify a flow": 0.1,
    "read_platform": 1.0,
    "read_tables (Parquet)": 4.0,
    "build the LP for GLOP": 2.0,
    "build the LP for PDLP": 2.0,
    "read_log, five times the rows (Parquet)": 20.0,
    "read_log (CSV)": 10.0,
    "allocator describe": 2.0,
    "allocator --help": 0.5,
}
READ = """
import resource, sys, time, allocator
started = time.perf_counter()
allocator.read_log(sys.argv[1], segment="viewer", anchor="host", money="quantity * price", where="quantity > 0")
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""
"""Reads a log in a process of its own, and prints seconds and the peak of memory, GiB."""


def median(work: Callable[[], Any], repetitions: int) -> float:
    """Median seconds of some work, after one run that warms the caches."""
    work()
    times = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def importing(*, repetitions: int) -> list[Row]:
    """What importing the package adds to importing numpy, each in its own process."""
    code = "import time, numpy; t = time.perf_counter(); import allocator; print(time.perf_counter() - t)"
    runs = [float(output([sys.executable, "-c", code])) for _ in range(repetitions)]
    return [{"step": "import allocator, beyond numpy", "seconds": statistics.median(runs)}]


def steps(*, edges: int, seed: int, repetitions: int) -> list[Row]:
    """Files, certificate and models of one platform."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    platform = al.synthetic.uniform(edges // 10, max(10, edges // 1000), degree=10, rng=_lab.stream(seed, "speed"))
    problem = al.Problem(platform, al.GMV(), [al.Cap("even:1.5"), al.Floor("even:0.5")])
    flow, multipliers = platform.even_flow, problem.supporting(platform.even_flow)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.parquet"
        pq.write_table(pa.table({"viewer": platform.segment, "anchor": platform.anchor, "money": platform.value}), log)
        al.write_platform(platform, Path(folder) / "platform")
        work = {
            "certify a flow": lambda: al.certify(problem, flow, multipliers),
            "read_platform": lambda: al.read_platform(Path(folder) / "platform"),
            "read_tables (Parquet)": lambda: al.read_tables(log, segment="viewer", anchor="anchor", money="money"),
            "build the LP for GLOP": lambda: Linear("glop").build(problem, Goal()),
            "build the LP for PDLP": lambda: Linear("pdlp").build(problem, Goal()),
        }
        return [
            {"step": step, "seconds": median(job, repetitions), "edges": platform.edge_count}
            for step, job in work.items()
        ]


def reading(*, rows: int, seed: int, repetitions: int) -> list[Row]:
    """Raw logs with text ids, returns and a computed column, each read in a process of its own."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    rng = _lab.stream(seed, "logs")
    viewers, hosts = pa.array([f"V{k:07d}" for k in range(rows)]), pa.array([f"H{k:05d}" for k in range(20_000)])
    log = pa.table(
        {
            "viewer": viewers.take(pa.array(np.minimum(rng.zipf(1.3, 5 * rows), rows) - 1)),
            "host": hosts.take(pa.array(np.minimum(rng.zipf(1.2, 5 * rows), len(hosts)) - 1)),
            "quantity": rng.integers(-1, 10, 5 * rows),
            "price": np.round(rng.lognormal(1.0, 1.0, 5 * rows), 2),
        }
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parquet.write_table(log, folder / "log.parquet")
        csv.write_csv(log.slice(0, rows), folder / "log.csv")
        files = {"read_log, five times the rows (Parquet)": "log.parquet", "read_log (CSV)": "log.csv"}
        return [measured_reading(step, folder / file, repetitions) for step, file in files.items()]


def measured_reading(step: str, log: Path, repetitions: int) -> Row:
    runs = [output([sys.executable, "-c", READ, str(log)]).split() for _ in range(repetitions)]
    seconds, peak = (statistics.median(float(run[k]) for run in runs) for k in (0, 1))
    return {"step": step, "seconds": seconds, "peak_gib": peak}


def commands(*, edges: int, seed: int, repetitions: int) -> list[Row]:
    """The command line, from the shell to the last line."""
    platform = al.synthetic.uniform(edges // 10, max(10, edges // 1000), degree=10, rng=_lab.stream(seed, "speed"))
    program = [sys.executable, "-c", "from allocator.cli import app; app()"]
    with tempfile.TemporaryDirectory() as folder:
        al.write_platform(platform, Path(folder) / "platform")
        work = {"allocator describe": ["describe", str(Path(folder) / "platform")], "allocator --help": ["--help"]}
        return [
            {"step": step, "seconds": median(lambda words=words: output(program + words), repetitions)}
            for step, words in work.items()
        ]


def output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def draw(rows: list[Row]) -> Any:
    """One bar per step on a logarithmic axis, its target as a tick."""
    figure = _lab.blank_figure(3.4)
    ax = figure.subplots()
    places = np.arange(len(rows))[::-1]
    ax.barh(places, [row["seconds"] for row in rows], color="#0072B2", height=0.6, label="measured median")
    ax.plot(
        [TARGETS[row["step"]] for row in rows],
        places,
        "|",
        color="black",
        markersize=12,
        markeredgewidth=1.5,
        label="target",
    )
    for place, row in zip(places, rows, strict=True):
        ax.annotate(
            f"{row['seconds']:.3g} s",
            (row["seconds"], place),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color="white",
            fontsize=7,
        )
    ax.set(xscale="log", xlabel="Seconds", yticks=places, yticklabels=[row["step"] for row in rows])
    ax.set_xlim(left=min(row["seconds"] for row in rows) / 6)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return figure


def main() -> None:
    given = _lab.arguments(__doc__).parse_args()
    edges, repetitions = (10_000, 3) if given.quick else (1_000_000, 5)
    lab = _lab.Lab.of("speed", given)
    about = {"seed": given.seed, "repetitions": repetitions}
    rows = importing(repetitions=repetitions) + steps(edges=edges, **about)
    rows += reading(rows=edges, **about) + commands(edges=edges, **about)
    lab.finish(draw, rows, columns=["step", "edges", "seconds", "peak_gib"])
    for row in rows:
        peak = f", {row['peak_gib']:.2f} GiB at the peak" if "peak_gib" in row else ""
        print(f"{row['step']:42} {row['seconds']:8.3f} s   (target {TARGETS[row['step']]} s){peak}")


if __name__ == "__main__":
    _lab.run(main)
