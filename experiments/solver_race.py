"""Which solver reaches a certified gap first?

The rows hold times: they belong to one machine and are not compared between runs. Every solver runs in a process of
its own on the same instances, through the same repair and the same weak-duality bound, asked for a relative gap of
1e-4; a small run before the clock starts pays for imports and compilation. Building the solver's model is included.
Medians over seeds.

Two families of instances. Z: degree 10, Zipf(1.6) popularity, lognormal values and supply, caps at 50-100 % of the
greedy load on anchors above the even load, floors at 10-50 % of the even load (at most 30 % of reach) on the rest. R:
20 draws per segment by popularity rank^-0.8, anchor quality lognormal(.5), match lognormal(.6), caps 2 x the even load
x lognormal(.5), floors at 20 % of the even load (at most half of cap or reach).
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import _lab
import allocator as al

Row = _lab.Row
GAP = 1e-4
LIMIT = 90.0
RACERS = {
    "GMV": ("prices", "flow", "linear:pdlp", "linear:glop"),
    "GMV + Nash": ("prices", "conic:CLARABEL", "conic:SCS"),
}
LARGEST = {
    "flow": 3_000_000,
    "linear:pdlp": 1_500_000,
    "linear:glop": 150_000,
    "conic:CLARABEL": 150_000,
    "conic:SCS": 150_000,
}
"""Edges beyond which a racer is known not to finish within the limit."""
SIZES = {"full": (10_000, 100_000, 1_000_000), "quick": (5_000,)}
COLUMNS = ("family", "objective", "solver", "edges", "seed", "status", "seconds", "relative_gap", "gmv", "megabytes")


def zipf(edges: int, rng: np.random.Generator) -> tuple[al.Platform, list[Any]]:
    """Family Z."""
    segments = edges // 10
    platform = al.synthetic.heavy_tailed(segments, max(10, segments // 100), degree=10, popularity=1.6, rng=rng)
    greedy = al.solve(al.Problem(platform, al.GMV()), solver="greedy").exposure
    even = platform.supply.sum() / greedy.size
    popular = greedy > even
    cap = np.where(popular, greedy * rng.uniform(0.5, 1.0, greedy.size), np.inf)
    floor = np.where(popular, 0.0, np.minimum(rng.uniform(0.1, 0.5, greedy.size) * even, 0.3 * platform.reach))
    return platform, [al.Cap(cap), al.Floor(floor)]


def ranked(edges: int, rng: np.random.Generator) -> tuple[al.Platform, list[Any]]:
    """Family R."""
    segments = edges // 19
    anchors = max(10, segments // 100)
    popularity = np.arange(1, anchors + 1) ** -0.8
    drawn = np.searchsorted(popularity.cumsum() / popularity.sum(), rng.random(20 * segments))
    segment, anchor = np.divmod(np.unique(np.repeat(np.arange(segments), 20) * anchors + drawn), anchors)
    quality = rng.lognormal(0, 0.5, anchors)
    value = quality[anchor] * rng.lognormal(0, 0.6, anchor.size)
    supply = rng.lognormal(0, 1, segments)
    platform = al.Platform.from_edges(segment, anchor, value, supply=supply, capacity=np.full(anchors, np.inf))
    even = supply.sum() / anchors
    cap = 2 * even * rng.lognormal(0, 0.5, anchors)
    floor = np.minimum(0.2 * even, 0.5 * np.minimum(cap, platform.reach))
    return platform, [al.Cap(cap), al.Floor(floor)]


FAMILIES = {"Z": zipf, "R": ranked}


def problem_of(family: str, objective: str, edges: int, seed: int) -> al.Problem:
    platform, rules = FAMILIES[family](edges, _lab.stream(seed, f"{family} {edges}"))
    if objective == "GMV":
        return al.Problem(platform, al.GMV(), rules)
    return al.weighted(al.Problem(platform, al.GMV() + al.Nash(), rules), 0.2)


def run_one(family: str, objective: str, solver: str, edges: int, seed: int) -> Row:
    """One timed run, in this process."""
    al.solve(problem_of(family, objective, 3_000, seed + 1), solver=solver, relative_gap=GAP)
    problem = problem_of(family, objective, edges, seed)
    if solver == "prices":  # the passes for large graphs are compiled apart from those for small ones
        al.solve(problem, solver=solver, relative_gap=1.0)
    started = time.perf_counter()
    allocation = al.solve(problem, solver=solver, relative_gap=GAP)
    return {
        "seconds": time.perf_counter() - started,
        "status": allocation.status.name,
        "relative_gap": allocation.certificate.relative_gap,
        "gmv": allocation.gmv,
        "edges": problem.platform.edge_count,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def race(family: str, objective: str, solver: str, edges: int, seed: int) -> list[Row]:
    """The same in a process of its own, stopped at the limit."""
    about = {"family": family, "objective": objective, "solver": solver, "seed": seed, "asked": edges}
    if edges > LARGEST.get(solver, np.inf):
        return []
    command = [sys.executable, __file__, "--one", json.dumps([family, objective, solver, edges, seed])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    except subprocess.TimeoutExpired:
        return [about | {"edges": edges, "status": f"stopped after {LIMIT:.0f} s"}]
    except subprocess.CalledProcessError as error:
        return [about | {"edges": edges, "status": error.stderr.strip().splitlines()[-1][:200]}]
    return [about | json.loads(done.stdout)]


def medians(rows: Sequence[Row]) -> dict[tuple[str, str, str, int], float]:
    """Median seconds of certified runs per family, objective, solver and size."""
    groups: dict[tuple[str, str, str, int], list[float]] = {}
    for row in rows:
        if row["status"] == "CERTIFIED":
            groups.setdefault((row["family"], row["objective"], row["solver"], row["asked"]), []).append(row["seconds"])
    return {key: statistics.median(seconds) for key, seconds in groups.items()}


def draw(rows: Sequence[Row]) -> Any:
    """Median seconds against edges, a panel per family and objective."""
    from matplotlib.figure import Figure

    figure, found = Figure(figsize=(al.plots.DOUBLE, 4.6), layout="constrained"), medians(rows)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for line, family in zip(panels, FAMILIES, strict=True):
        for ax, (objective, racers) in zip(line, RACERS.items(), strict=True):
            for solver in racers:
                points = sorted(
                    (edges, s)
                    for (f, o, name, edges), s in found.items()
                    if (f, o, name) == (family, objective, solver)
                )
                if points:
                    look = al.plots.look(solver)
                    ax.plot(
                        *zip(*points, strict=True), color=look.colour, marker=look.marker, label=solver, markersize=5
                    )
            ax.set(xscale="log", yscale="log", title=f"{family}: {objective}")
            if ax.get_legend_handles_labels()[1]:
                ax.legend(loc="upper left")
    figure.supxlabel("Edges")
    figure.supylabel(f"Seconds to a certified relative gap of {GAP:.0e}")
    return figure


def report(rows: Sequence[Row]) -> None:
    """Print medians, and how many times longer than `prices` each solver takes."""
    found = medians(rows)
    for (family, objective, solver, edges), seconds in sorted(found.items()):
        mine = found.get((family, objective, "prices", edges))
        ratio = f"{seconds / mine:8.1f} x prices" if mine else ""
        print(f"{family} {objective:11} {edges:>10,} edges {solver:15} {seconds:9.3f} s {ratio}")
    for row in rows:
        if row["status"] != "CERTIFIED":
            print(f"{row['family']} {row['objective']:11} {row['asked']:>10,} edges {row['solver']:15} {row['status']}")


def main() -> None:
    parser = _lab.arguments(__doc__)
    parser.add_argument("--one", help="one run, as JSON (used by the script itself)")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(*json.loads(given.one))))
        return
    scale = "quick" if given.quick else "full"
    seeds = (
        [given.seed] if given.quick else [int(s) for s in _lab.stream(given.seed, "race").integers(1_000_000, size=3)]
    )
    families = ("Z",) if given.quick else tuple(FAMILIES)
    lab = _lab.Lab("solver_race", given.out, {"quick": given.quick, "seed": given.seed, "seeds": seeds})
    print(f"seeds {seeds}")
    cells = [
        (race, {"family": family, "objective": objective, "solver": solver, "edges": edges, "seed": seed})
        for edges in SIZES[scale]
        for family in families
        for objective, racers in RACERS.items()
        for solver in racers
        for seed in seeds
    ]
    rows = lab.measured(cells)
    import matplotlib as mpl

    with mpl.rc_context(al.plots.style):
        lab.finish(draw(rows), rows, columns=COLUMNS)
    report(rows)


if __name__ == "__main__":
    _lab.run(main)
