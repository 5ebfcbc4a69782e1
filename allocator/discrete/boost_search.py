"""Which boosts to switch on for whom: branch and bound for small programs, prices and swaps for large ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from allocator.discrete.boost_bound import Stage, refuse
from allocator.discrete.boost_choices import Choices, Search, by_branching, by_prices
from allocator.discrete.boost_limits import Limits
from allocator.discrete.boost_program import not_exact
from allocator.discrete.boosted import Boosted, Chosen, Phase
from allocator.discrete.boosts import Boost, Menu, slots
from allocator.problem import Problem
from allocator.rules.levels import amount
from allocator.wording import some, suggestion

EXACT = 30_000
"""Boosted flows up to which branch and bound is tried."""


def boost_slots(
    problem: Problem,
    boosts: Sequence[Boost],
    *,
    at_most: int | None = None,
    budget: float | None = None,
    relative_gap: float = 1e-4,
    seconds: float = 60.0,
    report: Callable[[str], None] | None = None,
) -> Boosted:
    """Choose which boosts to switch on for which anchors, and the flow that makes most of them.

    Parameters
    ----------
    problem : Problem
        Without boosts; its rules are bound anew to the platform that the boosts make.
    boosts : sequence of Boost
        An anchor has at most one of them.
    at_most : int, optional
        Slots: how many anchors may have a boost.
    budget : float, optional
        Of all boosts together, currency / period: fixed costs and parts of boosted sales.
    relative_gap : float
        Asked of every flow and of branch and bound.
    seconds : float
        After which the search ends with the best choice so far; the flow at hand is finished.
    report : callable, optional
        Receives a line of text now and then.

    Returns
    -------
    Boosted
        With a bound over all choices that is proved here, and what branch and bound claims.

    Raises
    ------
    TypeError, ValueError
        For boosts that do not fit, and for rules for which no bound over all choices is known: `RobustGMV`, and all
        whose levels follow the values or capacities that boosts change (capacities, and bounds on single anchors
        relative to their own reach, capacity or observed sales, may).
    AllocationError
        If the rules contradict each other without boosts.

    Notes
    -----
    With up to 30,000 boosted flows and rules that are linear, HiGHS finds the choice by branch and bound; else the
    relaxation of `allocator.discrete.boost_prices` is rounded, and the choice improved by swaps, each judged by a
    certified flow. Where one linear program is behind the proof, it cannot be better than the relaxation of switches:
    a few per cent above the best choice where few boosts compete for the same impressions.
    """
    limits = {"at_most": at_most, "budget": budget}
    return campaign({"": problem}, boosts, **limits, relative_gap=relative_gap, seconds=seconds, report=report)


def campaign(
    phases: Mapping[str, Phase | Problem],
    boosts: Sequence[Boost],
    *,
    at_most: int | Mapping[str, int] | None = None,
    budget: float | None = None,
    relative_gap: float = 1e-4,
    seconds: float = 60.0,
    report: Callable[[str], None] | None = None,
) -> Boosted:
    """Choose boosts for every phase of a campaign (warm-up, event, after) under one budget.

    Parameters
    ----------
    phases : mapping of name to `Phase` or Problem
        Phases may differ in supply, values and rules; a Problem lasts one period. Objective and costs of a phase count
        for all its periods.
    boosts : sequence of Boost
        Open to every phase, with costs per period; an anchor has at most one of them in a phase.
    at_most : int or mapping of phase to int, optional
        Slots of every phase, or of those named.
    budget : float, optional
        Of all phases together, currency.
    relative_gap, seconds, report
        As in `boost_slots`, which says the rest, too.

    Raises
    ------
    ValueError
        As `boost_slots`; and for boosts that cost a part of sales, as flows of different phases cannot share a budget.
    """
    given = {str(name): phase if isinstance(phase, Phase) else Phase(phase) for name, phase in phases.items()}
    if not given:
        raise ValueError("a campaign needs at least one phase")
    limit = at_most if isinstance(at_most, Mapping) else {} if at_most is None else dict.fromkeys(given, at_most)
    for name in limit:
        if name not in given:
            raise ValueError(f"no phase is called '{name}'{suggestion(name, given)} (there are {some(given)})")
    stages = [_stage(name, phase, boosts) for name, phase in given.items()]
    room = _limits(stages, limit, budget)
    refuse(stages)
    if not seconds > 0:
        raise ValueError(f"the time limit must be a number of seconds > 0, not {seconds}")
    choices = Choices(stages, room, relative_gap)
    search = Search(choices, time.perf_counter() + seconds, report)
    flows = sum(
        int((stage.values[1:] > 0)[stage.menu.open[:, stage.problem.platform.anchor]].sum()) for stage in stages
    )
    exact = flows <= EXACT and not_exact(stages) is None
    found = (by_branching if exact else by_prices)(search)
    return Boosted(
        given,
        tuple(boosts),
        tuple(_rows(choices, found.best)),
        dict(zip(given, found.best.allocations, strict=True)),
        dict(zip(given, choices.none.allocations, strict=True)),
        found.proof.bound,
        found.proof.rounding,
        found.claim,
        relative_gap,
        "branch and bound" if exact else "prices and swaps",
    )


def _stage(name: str, phase: Phase, boosts: Sequence[Boost]) -> Stage:
    if not isinstance(phase.problem, Problem):
        raise TypeError(f"a phase is a Problem or Phase(problem, periods), not {type(phase.problem).__name__}")
    periods = amount(phase.periods, f"the number of periods of {name or 'the problem'}")
    if not periods:
        raise ValueError(f"the phase '{name}' lasts 0 periods; leave it out")
    return Stage(name, phase.problem, Menu.of(phase.problem.platform, boosts), periods)


def _limits(stages: Sequence[Stage], at_most: Mapping[str, int], budget: float | None) -> Limits:
    """What limits the choice."""
    boosts, ids = stages[0].menu.boosts, stages[0].problem.platform.anchors["id"]
    for stage in stages:
        if not np.array_equal(stage.problem.platform.anchors["id"], ids):
            raise ValueError(
                f"the phases '{stages[0].name}' and '{stage.name}' must have the same anchors in one order"
            )
    open_ = np.array([stage.menu.open for stage in stages])
    cost = np.array([stage.periods * stage.menu.cost for stage in stages])
    if budget is not None and len(stages) > 1 and any(stage.menu.share.any() for stage in stages):
        costly = next(b.name for b in boosts if b.share_of_sales)
        raise ValueError(
            f"'{costly}' costs a part of sales, which phases cannot share one budget for; plan the phases one by one"
        )
    phase = [np.inf if at_most.get(s.name) is None else slots(at_most[s.name], "at_most") for s in stages]
    each = [np.inf if boost.at_most is None else float(boost.at_most) for boost in boosts]
    money = np.inf if budget is None else amount(budget, "the budget")
    return Limits(open_, cost, np.array(phase, dtype=float), np.tile(each, (len(stages), 1)), money)


def _rows(choices: Choices, best: Any) -> list[Chosen]:
    """The boosts that are on, by phase and in the order of anchors."""
    rows = []
    for p, (stage, allocation) in enumerate(zip(choices.stages, best.allocations, strict=True)):
        sales, ids = allocation.anchor_gmv, stage.problem.platform.anchors["id"].tolist()
        for j in np.flatnonzero(best.choice[p] >= 0).tolist():
            m = int(best.choice[p, j])
            parts = stage.menu.share[m] * sales[j] * stage.periods
            rows.append(
                Chosen(stage.menu.boosts[m].name, ids[j], float(choices.limits.cost[p, m, j] + parts), stage.name)
            )
    return rows
