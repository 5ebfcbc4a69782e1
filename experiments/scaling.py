"""How far does it scale?

The rows hold times: they belong to one machine and are not compared between runs. Instances of family R of
`solver_race.py` from 1e5 to 1e8 edges, GMV and GMV + Nash welfare under caps and floors, certified to 1e-4 by `prices`;
each in a process of its own that reads the platform from files, so that its peak memory is the platform and the solve.
The yardstick is a read-only maximum pass over the same arrays in the same process: what any method must do once.
Peers are shown up to where they stop. What a start saves is measured on GMV + Nash welfare of both families: after a
change of 1 % of the values, and along a frontier of 20 points against one cold solve.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import _lab
import allocator as al
from solver_race import _maximum_pass, problem_of

Row = _lab.Row
GAP = 1e-4
SIZES = {"full": (100_000, 1_000_000, 10_000_000, 100_000_000), "quick": (20_000, 40_000)}
PEERS = {"flow": 1_500_000, "linear:hipdlp": 150_000, "linear:pdlp": 150_000, "conic:SCS": 150_000}
"""Edges up to which peers are run: beyond, they take minutes (`solver_race.py`)."""
FEWEST, MANY = 50_000, 100_000
"""Edges from which peers are run, and from which passes use several threads from the start."""
OBJECTIVES = ("GMV", "GMV + Nash")
COLUMNS = ("objective", "solver", "edges", "status", "seconds", "passes", "relative_gap", "memory", "platform")


def write(folder: Path, edges: int, seed: int) -> None:
    """Draw an instance and write it as arrays."""
    problem = problem_of("R", "GMV", edges, seed)
    platform, box = problem.platform, problem.exposure_box
    arrays = {"indptr": platform.indptr, "anchor": platform.anchor, "value": platform.value, "supply": platform.supply}
    for name, array in (arrays | {"upper": box.upper, "lower": box.lower}).items():
        np.save(folder / f"{name}.npy", array)


def run_one(folder: str, objective: str, solver: str) -> Row:
    """One timed solve in this process; memory in bytes."""
    many = Path(folder, "anchor.npy").stat().st_size > 4 * MANY
    for small in (3_000, 700_000):  # compiles the passes for one and for several threads
        if small == 3_000 or (solver == "prices" and many):
            al.solve(problem_of("R", objective, small, 1), solver=solver, relative_gap=1e-2)
    read = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    bounds = [al.Cap(read["upper"]), al.Floor(read["lower"])]
    capacity = np.full(read["upper"].size, np.inf)
    platform = al.Platform(read["indptr"], read["anchor"], read["value"], read["supply"], capacity=capacity)
    own = sum(array.nbytes for name, array in read.items() if name not in ("upper", "lower"))
    del read
    _forget_peak()
    problem = al.Problem(platform, al.GMV(), bounds)
    if objective != "GMV":
        problem = al.weighted(al.Problem(platform, al.GMV() + al.Nash(), bounds), 0.2)
    started = time.perf_counter()
    allocation = al.solve(problem, solver=solver, relative_gap=GAP)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "passes": seconds / _maximum_pass(platform),
        "status": allocation.status.name,
        "relative_gap": allocation.certificate.relative_gap,
        "edges": platform.edge_count,
        "memory": _peak(),
        "platform": own,
        "claim": allocation.run.claim,
    }


def _forget_peak() -> None:
    """Measure peak memory from here on, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("peak memory includes that of reading the platform", file=sys.stderr)


def _peak() -> int:
    """Peak memory of this process in bytes; where the system tells it only with that of its parent, the larger one."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def grow(edges: int, seed: int) -> list[Row]:
    """All runs at one size."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--write", json.dumps([folder, edges, seed])], check=True)
        for objective in OBJECTIVES:
            for solver in ("prices", *(peer for peer, most in PEERS.items() if edges <= most and edges >= FEWEST)):
                if ("conic" in solver) != (objective != "GMV") and solver != "prices":
                    continue
                command = [sys.executable, __file__, "--one", json.dumps([folder, objective, solver])]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                found = json.loads(done.stdout) if done.returncode == 0 else {"edges": edges, "status": "failed"}
                rows.append({"objective": objective, "solver": solver} | found)
    return rows


def again(family: str, edges: int, seed: int) -> list[Row]:
    """Seconds cold, after 1 % of the values changed, and of 20 points of a frontier without its ends."""
    from dataclasses import replace

    given = problem_of(family, "GMV", edges, seed)
    problem = al.Problem(given.platform, al.GMV() + al.Nash(), given.rules)
    rng = _lab.stream(seed, "changes")
    changed = np.where(
        rng.random(given.platform.edge_count) < 0.01, rng.uniform(0.8, 1.2, given.platform.edge_count), 1.0
    )
    other = replace(problem, platform=replace(given.platform, value=given.platform.value * changed))
    al.solve(al.weighted(problem, 0.2), solver="prices", relative_gap=GAP)  # compiles

    def solved(of: al.Problem, start: al.Allocation | None = None) -> tuple[float, al.Allocation]:
        started = time.perf_counter()
        found = al.solve(al.weighted(of, 0.2), solver="prices", relative_gap=GAP, start=start)
        return time.perf_counter() - started, found

    cold, first = solved(problem)
    fresh, warm = solved(other)[0], solved(other, first)[0]
    points, last = [], [time.perf_counter()]

    def tick(line: str) -> None:
        points.append(time.perf_counter() - last[0])
        last[0] = time.perf_counter()

    frontier = al.frontier(problem, np.geomspace(1e-2, 10, 20), solver="prices", relative_gap=GAP, report=tick)
    status = "CERTIFIED" if {row["status"] for row in frontier.rows} == {"CERTIFIED"} else "FEASIBLE"
    about = {"family": family, "edges": given.platform.edge_count, "status": status}
    return [about | {"cold": cold, "fresh": fresh, "warm": warm, "frontier": sum(points[1:-1]), "ends": points[::21]}]


def draw(rows: Sequence[Row]) -> Any:
    """Seconds, maximum passes and memory against edges."""
    figure = _lab.blank_figure(2.9)
    axes = figure.subplots(1, 3)
    for objective, line, marker in (("GMV", "-", "o"), ("GMV + Nash", "--", "s")):
        for solver in dict.fromkeys(row["solver"] for row in rows if row["objective"] == objective):
            mine = [r for r in rows if (r["objective"], r["solver"]) == (objective, solver) and "seconds" in r]
            how = {"color": al.plots.look(solver).colour, "marker": marker, "markersize": 4}
            edges, seconds = [r["edges"] for r in mine], [r["seconds"] for r in mine]
            axes[0].plot(edges, seconds, line, label=f"{solver}, {objective}", **how)
            if solver == "prices":
                axes[1].plot(edges, [r["passes"] for r in mine], line, label=objective, **how)
                axes[2].plot(edges, [r["memory"] / r["platform"] for r in mine], line, **how)
    labels = ("Seconds to a certified 1e-4", "Time, in maximum passes", "Peak memory / platform")
    for ax, label, title in zip(axes, labels, ("(a) all", "(b) prices", "(c) prices"), strict=True):
        ax.set(xscale="log", yscale="log", xlabel="Edges", ylabel=label, title=title)
    axes[0].legend(fontsize=5)
    axes[1].legend(fontsize=6)
    return figure


def exponent(rows: Sequence[Row], objective: str) -> float:
    """Slope of log seconds on log edges, by least squares."""
    mine = [r for r in rows if r["objective"] == objective and r["solver"] == "prices" and "seconds" in r]
    x, y = (np.log([r[name] for r in mine]) for name in ("edges", "seconds"))
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def main() -> None:
    parser = _lab.arguments(__doc__)
    parser.add_argument("--write", help="draw and write one instance, as JSON (used by the script itself)")
    parser.add_argument("--one", help="one run, as JSON (used by the script itself)")
    given = parser.parse_args()
    if given.write:
        folder, edges, seed = json.loads(given.write)
        write(Path(folder), edges, seed)
        return
    if given.one:
        print(json.dumps(run_one(*json.loads(given.one))))
        return
    lab = _lab.Lab.of("scaling", given)
    sizes = SIZES["quick" if given.quick else "full"]
    small, families = (sizes[0], ("R",)) if given.quick else (1_000_000, ("Z", "R"))
    starts = lab.measured([(again, {"family": f, "edges": small, "seed": given.seed}) for f in families])
    rows = lab.measured([(grow, {"edges": edges, "seed": given.seed}) for edges in sizes])
    lab.finish(lambda _: draw(rows), rows + starts, columns=COLUMNS)
    for row in rows:
        if "seconds" in row:
            print(
                f"{row['objective']:11} {row['solver']:14} {row['edges']:>12,} edges {row['seconds']:9.3f} s "
                f"{row['passes']:7.0f} passes, memory {row['memory'] / row['platform']:5.2f} x the platform, "
                f"gap {row['relative_gap']:.1e} {row['status']}"
            )
        else:
            print(f"{row['objective']:11} {row['solver']:14} {row['edges']:>12,} edges {row['status']}")
    for row in starts:
        print(
            f"{row['family']} {row['edges']:,} edges: cold {row['cold']:.3f} s; 1 % of the values changed, fresh "
            f"{row['fresh']:.3f} s, from a start {row['warm'] / row['fresh']:.2f} of that; 20 points of a frontier "
            f"{row['frontier'] / row['cold']:.1f} x cold ({row['status']})"
        )
    for objective in OBJECTIVES:
        print(f"{objective}: seconds grow as edges^{exponent(rows, objective):.2f}")


if __name__ == "__main__":
    _lab.run(main)
