"""``allocator simulate``: a platform over time under policies, and what each of them brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import allocator as al
from allocator.cli import completion, figures, grammar, options, overviews, reports, typed_dynamics
from allocator.dynamics import Ensemble, Newcomers, Policy
from allocator.frontier import Row

POLICIES = ("even", "capped_boost", "optimal")
"""What is played without being asked for."""
MECHANISMS = ("flywheel", "newcomers", "arrivals", "defection")
"""What moves a platform without being asked for."""
RUNS = "runs"
"""The folder of finished runs, within that of the result."""
Policies = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="POLICY",
        autocompletion=completion.policy,
        help=f"Who decides on the traffic: {', '.join(typed_dynamics.POLICIES)}; a number sets the parameter that is a "
        "policy's own, as in patient=0.99 or viable_floors=0.1; or as Python writes it, such as \"Phased([(50, "
        f'Even(0.6))], Greedy())". Repeatable; without it {", ".join(POLICIES)}.',
    ),
]
Mechanisms = Annotated[
    list[str] | None,
    typer.Option(
        "--mechanism",
        metavar="MECHANISM",
        autocompletion=completion.mechanism,
        help=f"What moves the platform: {', '.join(typed_dynamics.MECHANISMS)}; with a number for the first parameter, "
        "as in starvation=50, or as Python writes it, such as \"Defection(base=0.01, where='tier=head')\". Repeatable; "
        f"without it {', '.join(MECHANISMS)}.",
    ),
]
Periods = Annotated[int, typer.Option(min=1, metavar="N", help="How often the policy decides.")]
Runs = Annotated[int, typer.Option(min=1, metavar="N", help="Runs of each policy, with a seed each.")]
Seed = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="The first seed; the others follow it. A seed strikes all policies alike."),
]
Discount = Annotated[
    float, typer.Option(min=0, max=1, metavar="X", help="What a period's GMV counts, over that of the one before.")
]
Workers = Annotated[
    int, typer.Option(min=1, metavar="N", help="Processes; what comes out is the same whatever their number.")
]


def simulate(
    platform: options.PlatformFolder,
    policy: Policies = None,
    mechanism: Mechanisms = None,
    periods: Periods = 365,
    runs: Runs = 5,
    seed: Seed = 0,
    discount: Discount = 0.99,
    workers: Workers = 1,
    fairness: options.Fairness = None,
    of: options.Of = None,
    weight: options.Weight = None,
    capacity: options.Capacity = None,
    cap: options.Cap = None,
    floor: options.Floor = None,
    rule: options.Rule = None,
    out: options.Out = None,
    machine: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Play a platform forward under policies, over seeds, and say what each brings.

    `--fairness` and rules are for the policies that optimise (optimal, patient, viable_floors), beside what they state
    themselves; rules that a period cannot keep are relaxed as little as possible. Defaults of mechanisms are of days.
    The folder receives trajectory.csv, .png and .pdf (GMV: the median run and the range of nine in ten), result.json
    and, in runs, every finished run: after an interruption the same command goes on from there. Private segments are
    left out, as private traffic comes from fans.
    """
    policies = {text: typed_dynamics.policy(text) for text in policy or POLICIES}
    mechanisms = tuple(typed_dynamics.mechanism(text) for text in mechanism or MECHANISMS)
    grammar.refuse_unwritable(out)
    whole = al.read_platform(platform)
    with _of_the_right_kind("a mechanism"):
        world = al.World(_public(whole), mechanisms)
    later = _later(world)
    rules = grammar.rules(later, capacity, cap, floor, rule)
    problem = grammar.problem(later, grammar.objective(fairness, of), rules, weight=weight)
    policies = _stated(policies, problem, asked=any((fairness, capacity, cap, floor, rule)))
    seeds = range(seed, seed + runs)
    with reports.progress("simulating", quiet) as tell, _going_on(out):
        notices = [*_left_out(whole, world), *_first_period(world, policies, seed)]
        kept = None if out is None else out / RUNS
        found = al.ensemble(world, policies, periods=periods, seeds=seeds, workers=workers, folder=kept, report=tell)
    record = _record(found, world, discount, notices)
    if out is not None:
        figures.write_simulation(found, record, out)
    if machine:
        reports.print_json(record)
    elif not quiet:
        reports.show(*overviews.simulation(record))


def _public(platform: al.Platform) -> al.Platform:
    domain = platform.segments.get("domain")
    if domain is not None and not (domain == "public").any():
        raise ValueError("no segment of the platform is public (domain=public), so a policy has nothing to hand out")
    return al.public_part(platform)


def _left_out(whole: al.Platform, world: al.World) -> Iterator[str]:
    """Sentences on what of the platform, or of its units, is not what one may think."""
    count = whole.segment_count - world.platform.segment_count
    if count:
        share = 1 - float(world.platform.supply.sum()) / float(whole.supply.sum())
        yield (
            f"{count:,} private segments with {share:.0%} of the supply are left out: over time private traffic comes "
            "from fans (the mechanism flywheel)."
        )
    if whole.period != "day":
        yield (
            f"The platform's period is '{whole.period}', and the defaults of mechanisms are of days: give them others, "
            'such as --mechanism "Newcomers(month=1)".'
        )


def _later(world: al.World) -> al.Platform:
    """The platform of the start with what time adds: rules may speak of ages and of newcomers already."""
    age = np.arange(world.platform.anchor_count)
    newcomer = {} if world.mechanism(Newcomers) is None else {"newcomer": age % 2 == 0}
    return replace(world.platform, anchors={**world.platform.anchors, "age": age, **newcomer})


def _stated(policies: Mapping[str, Policy], problem: al.Problem, *, asked: bool) -> dict[str, Policy]:
    """Policies with what the options state; refused if nobody would listen."""
    stated = {}
    for text, policy in policies.items():
        with _of_the_right_kind(f"the policy {text}"):
            stated[text] = typed_dynamics.with_problem(policy, problem.objective, problem.rules)
    if asked and all(stated[text] is policy for text, policy in policies.items()):
        raise ValueError(
            f"rules and welfare are for policies that optimise, and {', '.join(policies)} do not; add --policy optimal"
        )
    return stated


def _first_period(world: al.World, policies: Mapping[str, Policy], seed: int) -> Iterator[str]:
    """Play one period under each policy: what it refuses is said before hours of work."""
    for text, policy in policies.items():
        with _of_the_right_kind(f"the policy {text}"):
            run = al.simulate(world, policy, periods=1, rng=np.random.default_rng(seed))
        if run["relaxed"].any():
            yield f"The rules of {text} cannot be kept in the first period; allocator diagnose says why."


@contextmanager
def _of_the_right_kind(who: str) -> Iterator[None]:
    """Let what was typed be at fault for what Python thinks of it."""
    try:
        yield
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{who} has an argument of the wrong kind: {error}") from None


@contextmanager
def _going_on(out: Path | None) -> Iterator[None]:
    """Say with Ctrl-C what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "nothing is kept without --out" if out is None else f"finished runs are kept in {out / RUNS}"
        more = "" if out is None else ", and the same command goes on from there"
        raise KeyboardInterrupt(f"interrupted; {kept}{more}") from None


def _record(found: Ensemble, world: al.World, discount: float, notices: Sequence[str]) -> Row:
    """All that is known, for machines."""
    return reports.size(world.platform) | {
        "notices": list(notices),
        "mechanisms": list(map(repr, world.mechanisms)),
        "periods": next(iter(found.runs.values())).periods,
        "seeds": found.seeds,
        "discount": discount,
        "policies": [_row(found, row) for row in found.summary(discount=discount)],
        "differences": found.differences(found.policies[0], discount=discount),
    }


def _row(found: Ensemble, summary: Row) -> Row:
    """What a policy brought."""
    mine = list(found.under(summary["policy"]).values())
    gaps = [float(run["relative_gap"].max()) for run in mine if "relative_gap" in run.columns]
    row = {"policy": summary["policy"], "stated": mine[0].policy, "runs": summary["runs"]}
    for name in ("discounted", "transient", "steady"):
        row |= {f"{name}_gmv": summary.get(name), f"{name}_gmv_error": summary.get(f"{name}_error")}
    return row | {
        "settled_runs": summary["settled"],
        "survivors": float(np.mean([run["survivors"][-1] for run in mine])),
        "relative_gap": max(gaps, default=None),
        "relaxed_periods": int(sum(run["relaxed"].sum() for run in mine)),
        "failed_periods": int(sum(run["failed"].sum() for run in mine)),
    }
