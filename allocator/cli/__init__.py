"""The command line: it reads what people type, calls the package and prints what comes back."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

import allocator as al
from allocator.citation import bibtex
from allocator.cli import answers, figures, grammar, importing, options, reports, simulating
from allocator.cli.outcomes import OneSentence
from allocator.solvers import BASELINES

app = typer.Typer(cls=OneSentence, no_args_is_help=True, rich_markup_mode="markdown")


@app.callback(help=al.__doc__, epilog="Exit codes: 0 fine, 1 failed, 2 bad arguments, 3 infeasible, 130 interrupted.")
def program(version: options.Version = False) -> None:
    """Hold the options of the program itself."""


@app.command()
def synth(
    preset: options.PresetName,
    out: options.NewFolder,
    segments: Annotated[int, typer.Option(metavar="N", help="Number of viewer segments.")] = 5_000,
    anchors: Annotated[int, typer.Option(metavar="N", help="Number of anchors.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed gives the same platform.")] = 0,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw a synthetic platform and write it to a folder."""
    draw = grammar.preset(preset)
    grammar.refuse_unwritable(out)
    platform = draw(segments, anchors, rng=np.random.default_rng(seed))
    al.write_platform(platform, out)
    if machine:
        reports.print_json({"folder": str(out), "preset": preset, "seed": seed} | reports.size(platform))
    elif not quiet:
        reports.show(repr(platform))


app.command("import")(importing.import_log)


@app.command()
def cite(machine: options.Json = False, quiet: options.Quiet = False) -> None:
    """Print how to cite the package, as BibTeX."""
    entry = bibtex(al.__version__)
    if machine:
        reports.print_json({"bibtex": entry})
    elif not quiet:
        reports.show(entry)


@app.command()
def solve(
    platform: options.PlatformFolder,
    fairness: options.Fairness = None,
    of: options.Of = None,
    weight: options.Weight = None,
    capacity: options.Capacity = None,
    cap: options.Cap = None,
    floor: options.Floor = None,
    rule: options.Rule = None,
    robust: options.Robust = None,
    solver: options.Solver = "auto",
    relative_gap: options.RelativeGap = 1e-4,
    seconds: options.Seconds = None,
    out: options.Out = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the best allocation under rules, and prove how good it is.

    The objective is GMV; `--fairness` adds a welfare of the anchors. Finite capacities of the platform are kept without
    being asked for.
    """
    grammar.refuse_unwritable(out)
    graph = al.read_platform(platform)
    rules = grammar.rules(graph, capacity, cap, floor, rule)
    problem = grammar.problem(graph, grammar.objective(fairness, of, robust), rules, weight=weight)
    with reports.progress("solving", quiet) as tell:
        allocation = al.solve(problem, solver=solver, relative_gap=relative_gap, seconds=seconds, report=tell)
    if out is not None:
        allocation.save(out)
    if machine:
        reports.print_json(reports.record(allocation))
    elif not quiet:
        reports.show(reports.solution(allocation))


@app.command()
def frontier(
    platform: options.PlatformFolder,
    fairness: options.Fairness = "nash",
    of: options.Of = None,
    points: options.Points = 15,
    capacity: options.Capacity = None,
    cap: options.Cap = None,
    floor: options.Floor = None,
    rule: options.Rule = None,
    robust: options.Robust = None,
    solver: options.Solver = "auto",
    relative_gap: options.RelativeGap = 1e-4,
    baselines: Annotated[bool, typer.Option(help="Add the recipes that do not optimise, for comparison.")] = True,
    out: options.Out = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show what fairness costs: GMV against welfare along relative weights from 0.01 to 100, and at both ends.

    The folder receives frontier.csv, frontier.json, frontier.png and frontier.pdf. Finite capacities of the platform
    are kept without being asked for.
    """
    grammar.refuse_unwritable(out)
    graph = al.read_platform(platform)
    rules = grammar.rules(graph, capacity, cap, floor, rule)
    problem = al.Problem(graph, grammar.objective(fairness, of, robust), rules)
    weights = np.geomspace(1e-2, 1e2, points)
    with reports.progress("solving", quiet) as tell:
        rows = al.frontier(problem, weights, solver=solver, relative_gap=relative_gap, report=tell).rows
        if all("reason" in row for row in rows):
            raise al.AllocationError(al.Status[rows[0]["status"]], rows[0]["reason"])
        if baselines:
            rows += al.baselines(problem, BASELINES)
    if out is not None:
        figures.write_frontier(rows, problem, out)
    if machine:
        reports.print_json(rows)
    elif not quiet:
        reports.show(*reports.points(rows, graph))


for question in (
    answers.describe,
    answers.explain,
    answers.diagnose,
    answers.holdout,
    answers.compare,
    simulating.simulate,
):
    app.command()(question)
