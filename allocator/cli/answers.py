"""The commands that answer questions: who has the traffic, why an anchor gets its share, what of a gain survives."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

import allocator as al
from allocator.cli import figures, grammar, options, overviews, reports
from allocator.driver import UNSUPPORTED
from allocator.frontier import Row


def describe(
    platform: options.PlatformFolder,
    out: options.Out = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say who has the traffic of a platform, and what its shape alone decides.

    The folder receives lorenz.csv, lorenz.png and lorenz.pdf. Without observed traffic everything is about the even
    flow.
    """
    grammar.refuse_unwritable(out)
    found = al.describe(al.read_platform(platform))
    if out is not None:
        figures.write_lorenz(found, out)
    if machine:
        reports.print_json(found.record())
    elif not quiet:
        reports.show(*overviews.description(found))


def explain(
    result: options.ResultFolder,
    anchor: options.AnchorId = None,
    out: options.Out = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say why an anchor gets what it gets: its traffic, what rules add to it, and what it misses by how much.

    Without an anchor the folder receives anchors.csv, with a row for each, and what is shown is how many are starved
    and why.
    """
    grammar.refuse_unwritable(out)
    allocation = al.Allocation.load(result)
    if anchor is None:
        _explain_all(allocation, out, machine=machine, quiet=quiet)
        return
    if out is not None:
        raise ValueError("--out is for all anchors; leave out the one, or --out")
    identity = grammar.anchor(allocation.platform, anchor)
    if machine:
        reports.print_json(allocation.reasons(identity) | {"words": allocation.explain(identity)})
    elif not quiet:
        reports.show(*overviews.explanation(allocation, identity))


def _explain_all(allocation: al.Allocation, out: Path | None, *, machine: bool, quiet: bool) -> None:
    rows = allocation.all_reasons()
    if out is not None:
        figures.write_anchors(rows, out)
    if machine:
        reports.print_json(rows)
    elif not quiet:
        reports.show(overviews.causes(rows))


def holdout(
    result: options.ResultFolder,
    test: options.TestFolder,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Ask another sample of the market how much of the gain that a result promises is there.

    An optimum picks the pairs whose values are luckiest; a sample that it was not made with does not know which.
    """
    allocation = al.Allocation.load(result)
    found = al.holdout_gmv(allocation.platform, al.read_platform(test), allocation)
    if machine:
        gains = {"promised_gain": found.promised_gain, "realised_gain": found.realised_gain, "survives": found.survives}
        reports.print_json(asdict(found) | gains)
    elif not quiet:
        reports.show(overviews.confirmation(found))


def diagnose(
    platform: options.PlatformFolder,
    capacity: options.Capacity = None,
    cap: options.Cap = None,
    floor: options.Floor = None,
    rule: options.Rule = None,
    seconds: options.Patience = 25.0,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say whether rules can be kept together and, where they cannot, which of them clash and what to change.

    Ends with 3 where it is proved that they cannot. Finite capacities of the platform are kept without being asked for.
    """
    graph = al.read_platform(platform)
    problem = al.Problem(graph, al.GMV(), grammar.rules(graph, capacity, cap, floor, rule))
    with reports.progress("diagnosing", quiet) as tell:
        found = al.diagnose(problem, seconds=seconds, report=tell)
    if machine:
        reports.print_json(found.record())
    elif not quiet:
        reports.show(*found.sentences)
    if found.status is not al.Status.FEASIBLE:
        raise typer.Exit(3 if found.status is al.Status.INFEASIBLE else 1)


def compare(
    platform: options.PlatformFolder,
    solvers: options.Solvers = None,
    fairness: options.Fairness = None,
    of: options.Of = None,
    weight: options.Weight = None,
    capacity: options.Capacity = None,
    cap: options.Cap = None,
    floor: options.Floor = None,
    rule: options.Rule = None,
    robust: options.Robust = None,
    relative_gap: options.RelativeGap = 1e-4,
    seconds: options.Seconds = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Solve one problem with several solvers, and show what each proves and takes.

    A solver that cannot take the problem, or fails, is named with its reason. Finite capacities of the platform are
    kept without being asked for.
    """
    names = grammar.solvers(solvers)
    graph = al.read_platform(platform)
    rules = grammar.rules(graph, capacity, cap, floor, rule)
    problem = grammar.problem(graph, grammar.objective(fairness, of, robust), rules, weight=weight)
    with reports.progress("solving", quiet) as tell:
        rows = al.compare(problem, names, relative_gap=relative_gap, seconds=seconds, report=tell)
    _refuse_nothing(rows)
    if machine:
        reports.print_json(rows)
    elif not quiet:
        reports.show(*overviews.comparison(rows, graph))


def _refuse_nothing(rows: list[Row]) -> None:
    """Where no solver found a flow there is nothing to compare, and the strongest reason is the answer."""
    if not all("reason" in row for row in rows):
        return
    by_status = {row["status"]: row["reason"] for row in reversed(rows)}
    for status in (al.Status.INFEASIBLE, al.Status.FAILED):
        if status.name in by_status:
            raise al.AllocationError(status, by_status[status.name])
    raise al.UnsupportedError(by_status[UNSUPPORTED])
