"""Which solver reaches a certified gap first?

The rows hold times: they belong to one machine and are not compared between runs. Every solver runs in a process of
its own on the same instances, through the same repair and the same weak-duality bound; a run on a small instance
before the clock starts pays for imports and compilation. Building the solver's model is included and shown apart.
Medians over seeds that are drawn when the script runs, and printed. A solver without prices of its own is judged by the
bound of `prices`, computed off the clock.

Two families of instances. Z: degree 10, Zipf(1.6) popularity, lognormal values and supply, caps at 50-100 % of the
greedy load on anchors above the even load, floors at 10-50 % of the even load (at most 30 % of reach) on the rest. R:
20 draws per segment by popularity rank^-0.8, anchor quality lognormal(.5), match lognormal(.6), caps 2 x the even load
x lognormal(.5), floors at 20 % of the even load (at most half of cap or reach). 100 segments per anchor; "thin" is Z
with 10. The real lane is UCI Online Retail, customers by products, found through the environment variable
ALLOCATOR_DATA.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import _lab
import allocator as al
from allocator.certificate import certify

Row = _lab.Row


class Lane(NamedTuple):
    """A line of the comparison: problems by family and size, the gap to certify, who runs, and the seconds each has."""

    name: str
    families: tuple[str, ...]
    sizes: tuple[int, ...]
    gap: float
    racers: tuple[str, ...]
    limit: float = 60.0
    seeds: int = 3


SLOW = ("linear:hipdlp", "linear:pdlp")
RULED = ("100 groups", "budget", "head cap", "GMV + Gini")
FAIR = tuple(f"alpha={alpha} of {of}" for of in ("exposure", "gmv") for alpha in (0.5, 1, 2, 5))
LANES = (
    Lane("GMV", ("Z", "R"), (10_000, 100_000), 1e-4, ("prices", "flow", *SLOW)),
    Lane("GMV", ("Z", "R"), (1_000_000,), 1e-4, ("prices", "flow")),
    Lane("GMV", ("Z", "R"), (1_000_000,), 1e-4, (*SLOW, "min_cost_flow:100"), seeds=1),
    Lane("GMV + Nash", ("Z", "R"), (200_000,), 1e-4, ("prices", "conic:SCS")),
    Lane("GMV + Nash", ("Z", "R"), (20_000, 200_000), 1e-4, ("prices", "conic:CLARABEL", "frank_wolfe"), seeds=1),
    *(Lane(f"GMV + {fair}", ("R",), (1_000_000,), 1e-4, ("prices",)) for fair in FAIR),
    *(Lane(f"GMV + {fair}", ("Z",), (1_000_000,), 1e-4, ("prices",), seeds=1) for fair in FAIR),
    Lane("GMV to 1e-6", ("Z", "R", "thin"), (1_000, 10_000, 100_000, 1_000_000), 1e-6, ("auto", "flow")),
    Lane("real A", ("uci",), (0,), 1e-8, ("auto", "flow")),
    Lane("real B", ("uci",), (0,), 1e-8, ("auto", "flow")),
    Lane("real A + Nash", ("uci",), (0,), 1e-5, ("prices", "conic:SCS"), 150.0, 1),
    Lane("GMV", ("Z", "R"), (100_000,), 1e-4, ("linear:glop", "dual_gradient", "pop"), seeds=1),
    *(Lane(rule, ("Z", "R"), (1_000_000,), 1e-4, ("prices",)) for rule in ("GMV", *RULED)),
    *(Lane(rule, ("Z", "R"), (200_000,), 1e-4, ("prices", "linear:pdlp", "conic:SCS"), 120.0, 1) for rule in RULED),
    Lane("GMV", ("R", "Z"), (10_000_000,), 1e-4, ("prices", "flow", "min_cost_flow:100"), 150.0, 1),
    *(Lane(f"GMV + {fair}", ("R",), (10_000_000,), 1e-4, ("prices",), 150.0, 1) for fair in FAIR),
)
QUICK = (
    Lane("GMV", ("Z",), (5_000,), 1e-4, ("prices", "flow", *SLOW)),
    Lane("GMV + Nash", ("Z",), (5_000,), 1e-4, ("prices", "conic:CLARABEL")),
)
COLUMNS = ("lane", "family", "solver", "edges", "seed", "status", "seconds", "build", "relative_gap", "objective")
COLUMNS += ("passes", "megabytes")


def zipf(edges: int, rng: np.random.Generator, per_anchor: int = 100) -> tuple[al.Platform, list[Any]]:
    """Family Z."""
    segments = edges // 10
    anchors = max(10, segments // per_anchor)
    platform = al.synthetic.heavy_tailed(segments, anchors, degree=10, popularity=1.6, rng=rng)
    greedy = al.solve(al.Problem(platform, al.GMV()), solver="greedy").exposure
    even = platform.supply.sum() / greedy.size
    popular = greedy > even
    cap = np.where(popular, greedy * rng.uniform(0.5, 1.0, greedy.size), np.inf)
    floor = np.where(popular, 0.0, np.minimum(rng.uniform(0.1, 0.5, greedy.size) * even, 0.3 * platform.reach))
    return platform, [al.Cap(cap), al.Floor(floor)]


def thin(edges: int, rng: np.random.Generator) -> tuple[al.Platform, list[Any]]:
    """Family Z with 10 segments per anchor."""
    return zipf(edges, rng, per_anchor=10)


def ranked(edges: int, rng: np.random.Generator) -> tuple[al.Platform, list[Any]]:
    """Family R, drawn in blocks of segments so that 1e8 edges fit."""
    segments = edges // 19
    anchors = max(10, segments // 100)
    popularity = np.arange(1, anchors + 1) ** -0.8
    quality, reached = rng.lognormal(0, 0.5, anchors), popularity.cumsum() / popularity.sum()
    anchor, value = np.empty(20 * segments, np.int32), np.empty(20 * segments)
    degree, end = np.empty(segments, np.int64), 0
    for first in range(0, segments, 50_000):
        drawn = np.searchsorted(reached, rng.random((min(50_000, segments - first), 20))).astype(np.int32)
        drawn.sort(axis=1)
        kept = np.diff(drawn, axis=1, prepend=-1) > 0
        block = slice(end, end + int(kept.sum()))
        anchor[block], degree[first : first + len(drawn)] = drawn[kept], kept.sum(axis=1)
        value[block] = quality[anchor[block]] * rng.lognormal(0, 0.6, block.stop - end)
        end = block.stop
    indptr = np.concatenate(([0], np.cumsum(degree)))
    supply = rng.lognormal(0, 1, segments)
    platform = al.Platform(indptr, anchor[:end], value[:end], supply, capacity=np.full(anchors, np.inf))
    even = supply.sum() / anchors
    cap = 2 * even * rng.lognormal(0, 0.5, anchors)
    return platform, [al.Cap(cap), al.Floor(np.minimum(0.2 * even, 0.5 * np.minimum(cap, platform.reach)))]


FAMILIES = {"Z": zipf, "R": ranked, "thin": thin}


def uci(lane: str) -> al.Problem:
    """Customers by products of the public table: A caps anchors at 1.25 times their traffic, B adds floors at 0.8."""
    from pyarrow import compute, parquet

    rows = parquet.read_table(Path(os.environ["ALLOCATOR_DATA"]) / "uci_online_retail.parquet")
    sold = compute.and_(compute.greater(rows["Quantity"], 0), compute.greater(rows["UnitPrice"], 0))
    rows = rows.filter(compute.and_(sold, rows["CustomerID"].is_valid()))
    rows = rows.append_column("money", compute.multiply(rows["Quantity"].cast("double"), rows["UnitPrice"]))
    platform = al.read_tables(rows, segment="CustomerID", anchor="StockCode", money="money", currency="GBP")
    rules = [al.Cap("observed:1.25"), *([al.Floor("observed:0.8")] if lane == "real B" else [])]
    if lane.endswith("Nash"):
        return al.weighted(al.Problem(platform, al.GMV() + al.Nash(), rules), 0.2)
    return al.Problem(platform, al.GMV(), rules)


def problem_of(family: str, lane: str, edges: int, seed: int) -> al.Problem:
    """The problem of a lane; welfare weights are c = .2 vbar ybar^alpha, means of the even flow."""
    if family == "uci":
        return uci(lane)
    platform, rules = FAMILIES[family](edges, _lab.stream(seed, f"{family} {edges}"))
    if lane in RULED:
        return ruled(lane, platform, rules)
    if lane.startswith("GMV + "):
        fair = lane.removeprefix("GMV + ").replace("Nash", "alpha=1 of exposure")
        alpha, of = fair.removeprefix("alpha=").split(" of ")
        vbar = platform.even_amounts("gmv").sum() / platform.supply.sum()
        ybar = platform.supply.sum() / platform.anchor_count * (1.0 if of == "exposure" else vbar)
        weight = 0.2 * ybar ** float(alpha) * (vbar if of == "exposure" else 1.0)
        return al.Problem(platform, al.GMV() + weight * al.AlphaFair(float(alpha), of=of), rules)
    return al.Problem(platform, al.GMV(), rules)


def ruled(lane: str, platform: al.Platform, rules: list[Any]) -> al.Problem:
    """A rule of several anchors beside the others, at a level told by the optimum without it: shares of 100 groups 30 %
    of the way to what caps and reach would let them have, within 2 %; nine tenths of what a lognormal(.5) cost per
    impression would add up to; 70 % of the share of the top 1 %; the Gini welfare worth 30 % of GMV.
    """
    best = al.solve(al.Problem(platform, al.GMV(), rules), solver="prices")
    seen, anchors = best.exposure, best.exposure.size
    if lane == "GMV + Gini":
        fair = float(al.Gini().bind(platform).value(best.totals).sum())
        return al.Problem(platform, al.GMV() + 0.3 * best.gmv / fair * al.Gini(), rules)
    if lane == "head cap":
        top = max(1, anchors // 100)
        share = max(0.7 * float(np.sort(seen)[-top:].sum() / seen.sum()), 1.5 * top / anchors)
        return al.Problem(platform, al.GMV(), [*rules, al.HeadCap(top, share)])
    if lane == "budget":
        cost = _lab.stream(0, f"cost of {anchors}").lognormal(0, 0.5, anchors)
        return al.Problem(platform, al.GMV(), [*rules, al.Budget(cost, total=0.9 * float(cost @ seen))])
    group = np.arange(anchors) % min(100, anchors)
    share = np.bincount(group, weights=seen) / seen.sum()
    possible = np.bincount(group, weights=np.minimum(rules[0].bind(platform).box.upper, platform.reach))
    wanted = 0.7 * share + 0.3 * possible / possible.sum()
    firms = replace(platform, anchors={"firm": group})
    least, most = ({str(g): part * float(w) for g, w in enumerate(wanted)} for part in (0.98, 1.02))
    return al.Problem(firms, al.GMV(), [*rules, al.GroupShare("firm", least, most)])


def run_one(lane: str, family: str, solver: str, edges: int, seed: int, gap: float) -> Row:
    """One timed run, in this process."""
    own = solver if solver != "auto" else "prices"
    with suppress(al.AllocationError):  # on so small an instance some solvers end without keeping every rule
        al.solve(problem_of("Z", "GMV" if family == "uci" else lane, 3_000, seed + 1), solver=solver, relative_gap=gap)
    if own == "prices":  # the passes for large graphs are compiled apart from those for small ones
        al.solve(problem_of("Z", "GMV" if family == "uci" else lane, 700_000, seed + 1), solver=own, relative_gap=1e-2)
    problem = problem_of(family, lane, edges, seed)
    started = time.perf_counter()
    allocation = al.solve(problem, solver=solver, relative_gap=gap)
    seconds = time.perf_counter() - started
    certificate = allocation.certificate
    if solver.startswith(("min_cost_flow", "pop")) and certificate.relative_gap > gap:
        bound = al.solve(problem, solver="prices", relative_gap=1e-7)
        certificate = certify(problem, allocation.flow, bound.multipliers)
    return {
        "seconds": seconds,
        "build": allocation.run.build_seconds,
        "status": "CERTIFIED" if certificate.relative_gap <= gap else "FEASIBLE",
        "relative_gap": certificate.relative_gap,
        "objective": certificate.objective,
        "edges": problem.platform.edge_count,
        "passes": seconds / _maximum_pass(problem.platform) if solver == "prices" else None,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _maximum_pass(platform: al.Platform) -> float:
    """Seconds of the fastest of five read-only maximum passes over the edges."""
    from allocator import kernels

    graph = kernels.edges(platform.indptr, platform.anchor, platform.value, platform.supply, platform.anchor_count)
    price, seconds = np.ones((platform.anchor_count, 2)), []
    for _ in range(5):
        started = time.perf_counter()
        kernels.rents(graph, price)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def race(lane: str, family: str, solver: str, edges: int, seed: int, gap: float, limit: float) -> list[Row]:
    """The same in a process of its own, stopped at the limit (instance and imports have 30 s besides)."""
    about = {"lane": lane, "family": family, "solver": solver, "seed": seed, "asked": edges}
    command = [sys.executable, __file__, "--one", json.dumps([lane, family, solver, edges, seed, gap])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit + 30, check=True)
    except subprocess.TimeoutExpired:
        return [about | {"edges": edges, "status": f"stopped after {limit:.0f} s"}]
    except subprocess.CalledProcessError as error:
        return [
            about
            | {"edges": edges, "status": (error.stderr.strip().splitlines() or [f"exit {error.returncode}"])[-1][:200]}
        ]
    row = json.loads(done.stdout)
    return [about | row | ({"status": f"stopped after {limit:.0f} s"} if row["seconds"] > limit else {})]


def medians(rows: Sequence[Row]) -> dict[tuple[str, str, int, str], float]:
    """Median seconds of certified runs per lane, family, size and solver."""
    groups: dict[tuple[str, str, int, str], list[float]] = {}
    for row in rows:
        if row["status"] == "CERTIFIED":
            groups.setdefault((row["lane"], row["family"], row["asked"], row["solver"]), []).append(row["seconds"])
    return {key: statistics.median(seconds) for key, seconds in groups.items()}


def draw(rows: Sequence[Row]) -> Any:
    """Median seconds against edges, a panel per family and objective."""
    figure, found = _lab.blank_figure(4.6), medians(rows)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for line, family in zip(panels, ("Z", "R"), strict=True):
        for ax, lane in zip(line, ("GMV", "GMV + Nash"), strict=True):
            series: dict[str, list[tuple[int, float]]] = {}
            for (of_lane, of_family, edges, solver), seconds in sorted(found.items()):
                if (of_lane, of_family) == (lane, family):
                    series.setdefault(solver, []).append((edges, seconds))
            for solver, points in series.items():
                look = al.plots.look(solver.removesuffix(":100"))
                ax.plot(*zip(*points, strict=True), color=look.colour, marker=look.marker, label=solver, markersize=5)
            ax.set(xscale="log", yscale="log", title=f"{family}: {lane}")
            if series:
                ax.legend(loc="upper left", fontsize=6, ncols=2)
    figure.supxlabel("Edges")
    figure.supylabel("Seconds to a certified relative gap of 1e-4")
    return figure


def report(rows: Sequence[Row]) -> None:
    """Print medians, and how many times longer than the first racer of its lane each solver takes."""
    found, first = medians(rows), {}
    for row in rows:
        first.setdefault((row["lane"], row["family"], row["asked"]), row["solver"])
    shown = set()
    for row in rows:
        key = (row["lane"], row["family"], row["asked"], row["solver"])
        if key in shown:
            continue
        shown.add(key)
        mine, all_runs = found.get((*key[:3], first[key[:3]])), [r for r in rows if key[3] == r["solver"]]
        all_runs = [r for r in all_runs if (r["lane"], r["family"], r["asked"]) == key[:3]]
        gaps = [r["relative_gap"] for r in all_runs if "relative_gap" in r]
        how = f"{found[key]:9.3f} s {found[key] / mine if mine else np.nan:8.1f} x" if key in found else ""
        worst = f"gap {max(map(float, gaps)):.1e}" if gaps else ""
        states = " ".join(sorted({r["status"] for r in all_runs} - {"CERTIFIED"}))
        passes = [r["passes"] for r in all_runs if r.get("passes")]
        spent = f"{statistics.median(passes):6.0f} passes" if passes else ""
        print(f"{key[0]:26} {key[1]:5} {row['edges']:>11,} {key[3]:16} {how} {worst} {spent} {states}")


def drawn_seeds(path: Path) -> list[int]:
    """Three fresh seeds, or those of an interrupted run into the same folder."""
    if not path.exists():
        drawn = np.random.default_rng().integers(1_000_000, size=3)
        _lab.write(path, json.dumps([int(seed) for seed in drawn]).encode())
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    parser = _lab.arguments(__doc__)
    parser.add_argument("--one", help="one run, as JSON (used by the script itself)")
    parser.add_argument("--lanes", default="", help="only lanes of these names, with commas between them")
    parser.add_argument("--most-edges", type=int, default=10**9, help="only instances up to so many edges")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(run_one(*json.loads(given.one))))
        return
    names = given.lanes.split(",") if given.lanes else {lane.name for lane in LANES}
    lanes = [lane for lane in (QUICK if given.quick else LANES) if lane.name in names]
    lanes = [lane for lane in lanes if lane.families != ("uci",) or os.environ.get("ALLOCATOR_DATA")]
    seeds = [given.seed] if given.quick else drawn_seeds(given.out / "solver_race.seeds")
    lab = _lab.Lab.of("solver_race", given, seeds=seeds)
    print(f"seeds {seeds}")
    cells = [
        (race, dict(zip(("lane", "family", "solver", "edges", "seed", "gap", "limit"), entry, strict=True)))
        for lane in lanes
        for size in lane.sizes
        if size <= given.most_edges
        for family in lane.families
        for solver in lane.racers
        for seed in seeds[: lane.seeds]
        for entry in [(lane.name, family, solver, size, seed, lane.gap, lane.limit)]
    ]
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    report(rows)


if __name__ == "__main__":
    _lab.run(main)
