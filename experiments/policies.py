"""Which policy earns most on a full platform over a year, and which remedy pays against which problem?

The world is `allocator.dynamics.kuaishou_world`: fans, subsidies, crowds, short videos, trust, paid promotion,
newcomers, heads who may leave, growth up to a ceiling, arrivals. A platform guides a part of its public traffic
(`Partly`), and viewers find the rest by themselves; without such a rest crowds would not matter. What a policy proves
each day it proves of the part that it guides.

Three remedies for three problems: evenness as a phase against lock-in (T4, P3), floors for viability (T5), caps for
bargaining power (T11). In the first world all is at the baseline, in three more one problem is sharp, and in the last
the one who may leave does so in proportion to its share, at which T11 finds no cap that pays:

- Lock-in: most viewers follow the crowd (h = .95, eta = 2.5, so h eta = 2.4), rooms are equally attractive, and the
  crowd starts in the one that sells least of the ten that most viewers can watch.
- Viability: newcomers sell a fifth of what others do at first and twice as much if they stay for 30 days; of those
  without traffic .9 leave in a month (k = 4).
- Bargaining: a star, third by audience, sells five times as well as others by skill, which nobody takes over, and
  leaves with probability h^3 a day at a share h of public traffic; in the last world with probability .09 h, which is
  the same at h = .3.

A phase is ten days in which the platform takes hold of nine tenths of the traffic, so the same ten days by value
are shown beside it. All of this is assumed. Errors are those of means over draws of platform and chance, which strike
all policies alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.sensitivity import with_parameter
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

DISCOUNT, PART, GAP = 0.99, 0.4, 5e-3
"""A day's worth over the day before (baseline), the part that is guided (assumption, swept), and what is proved."""
NEWCOMERS = 0.1
"""Of anchors; the preset has .03, too few of 40."""
LEAGUE = {"full": (375, 100, 365, 8), "quick": (100, 30, 60, 2)}
MATRIX = {"full": (200, 40, 365, 16), "quick": (80, 24, 120, 3)}
"""Segments, anchors, days and draws."""
DEGREES = {"league": (10, 50), "matrix": (20, 40)}
"""Anchors that a segment can watch: in the matrix half of them or more, as crowds lock in where most can meet."""
PHASE, HOLD, BUDGET, CAP = 10, 0.9, 0.2, 0.15
"""Days of a phase and what is guided in it; part of guided traffic for newcomers; the most of it that one may get, which
is a part of the supply of the first day."""
LOCKED, STAR, SKILL = 0.7, 2, 5.0
"""Part of the crowd in one room at the start; rank of the star by audience, and its skill."""
PARTS = {"full": (0.1, 0.2, 0.4, 0.6, 0.8), "quick": (0.1, 0.4, 0.8)}
CAPS = {"full": (0.05, 0.1, 0.2, 0.3), "quick": (0.1, 0.3)}
WORLDS = {
    "plain": "baseline",
    "lock-in": "lock-in: h η = 2.4",
    "viability": "viability: newcomers\nwho become good",
    "bargaining": "bargaining: star,\nhazard h³",
    "risk": "risk alone: star,\nhazard .09 h",
}
REMEDIES = {
    "phase": "ten days\neven",
    "floors": "viable\nfloors",
    "cap": "head\ncap",
    "all": "all\nthree",
    "value": "ten days\nby value",
}
OWN = {"lock-in": "phase", "viability": "floors", "bargaining": "cap"}
"""The remedy of each problem."""
NAMES = {
    "patient floors": "patient, viable floors",
    "patient": "patient",
    "value": "10 days of 90 %, then GMV",
    "myopic": "GMV (reference)",
    "boost": "capped boost",
    "floors": "viable floors",
    "cap": "head cap",
    "nash": "GMV + Nash",
    "phase": "10 days even, then GMV",
    "all": "all three remedies",
    "epsilon": "ε-even .3",
    "proportional": "proportional",
    "even": "even",
}
COLUMNS = ("panel", "policy", "world", "remedy", "part", "cap", "gain", "gain_error", "stay", "stay_error", "head")
COLUMNS += ("head_error", "gini", "gini_error", "active", "active_error", "fans", "fans_error", "demand")
COLUMNS += ("demand_error", "lever", "lever_error")


# Worlds.


def baseline(size: tuple[int, ...], degrees: tuple[int, int], seed: int, draw: int) -> dy.World:
    """A draw of the platform in its full world."""
    preset = replace(KUAISHOU, degrees=degrees, newcomer_share=NEWCOMERS)
    platform = al.public_part(preset.draw(size[0], size[1], rng=stream(seed, f"platform {size} {draw}")))
    return dy.kuaishou_world(platform, rng=stream(seed, f"world {draw}"))


def changed(world: dy.World, parameters: Mapping[str, Any], **stocks: Any) -> dy.World:
    """A world with other parameters and starting stocks."""
    for name, value in parameters.items():
        world = with_parameter(world, name, value)
    return replace(world, stocks=stocks)


def sharpened(world: dy.World, problem: str) -> dy.World:
    """The world with one problem that is sharp."""
    platform, anchors = world.platform, world.platform.anchor_count
    widest = np.argsort(-platform.reach, kind="stable")
    if problem == "lock-in":
        bad = widest[:10][np.argmin(world.mean_value[widest[:10]])]
        crowd = np.where(np.arange(anchors) == bad, LOCKED, (1.0 - LOCKED) / (anchors - 1))
        herding = {"Herding.share": 0.95, "Herding.strength": 2.5, "Herding.appeal": 1.0}
        return changed(world, herding, popularity=crowd)
    if problem == "viability":
        new = world.platform.anchors["tier"] == "new"
        learner = dy.Pathway("learner", 1.0, skill=0.2, training=30, gain=1.8)
        hard = {"Arrivals.pathways": (learner,), "Arrivals.rate": 0.1, "Newcomers.hazard": 0.9, "Newcomers.power": 4.0}
        return changed(world, hard, skill=np.where(new, learner.skill, 1.0), pathway=1.0 * new)
    if problem in ("bargaining", "risk"):
        star = np.arange(anchors) == widest[STAR]
        base, convexity = (1.0, 3.0) if problem == "bargaining" else (0.09, 1.0)
        leaving = {"Defection.where": star, "Defection.base": base, "Defection.convexity": convexity}
        return changed(world, leaving, skill=np.where(star, SKILL, 1.0))
    return world


# Policies.


def partly(policy: dy.Policy, part: float = PART) -> dy.Policy:
    return dy.Partly(policy, part)


def optimal(**stated: Any) -> dy.Optimal:
    return dy.Optimal(relative_gap=GAP, **stated)


def phased(first: dy.Policy, after: dy.Policy, part: float = PART) -> dy.Policy:
    """A phase in which the platform guides more, and what comes after."""
    return dy.Phased([(PHASE, partly(first, HOLD))], partly(after, part))


def under_cap(world: dy.World, cap: float) -> dy.Optimal:
    """Nobody gets more of what is guided than a part of the first day's."""
    return optimal(rules=[al.Cap(cap * PART * float(world.platform.supply.sum()))])


def remedies(world: dy.World, part: float = PART) -> dict[str, dy.Policy]:
    """Without any, each, all, and the phase by value."""
    cap = under_cap(world, CAP)
    return {
        "none": partly(optimal(), part),
        "phase": phased(dy.Even(), optimal(), part),
        "floors": partly(dy.ViableFloors(BUDGET, otherwise=optimal()), part),
        "cap": partly(cap, part),
        "all": phased(dy.Even(), dy.ViableFloors(BUDGET, otherwise=cap), part),
        "value": phased(optimal(), optimal(), part),
    }


def contestants(world: dy.World) -> dict[str, dy.Policy]:
    """The policies of the league, the reference first."""
    patient = dy.Patient(discount=DISCOUNT, relative_gap=GAP)
    mine = remedies(world)
    return {
        "myopic": mine.pop("none"),
        **mine,
        "patient": partly(patient),
        "patient floors": partly(dy.ViableFloors(BUDGET, otherwise=patient)),
        "nash": partly(optimal(objective=al.GMV() + 1_000 * al.Nash())),
        "boost": partly(dy.CappedBoost()),
        "epsilon": partly(dy.EpsilonEven(0.3)),
        "proportional": partly(dy.Proportional()),
        "even": partly(dy.Even()),
    }


# What is measured.


def played(world: dy.World, policy: dy.Policy, days: int, rng: np.random.Generator) -> dy.Trajectory:
    found = dy.simulate(world, policy, periods=days, rng=rng)
    assert not found["failed"].any(), policy
    return found


def league(size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """A year of every policy on one draw."""
    world = baseline(size, DEGREES["league"], seed, draw)
    began, rows = int((world.platform.anchors["tier"] == "new").sum()), []
    for name, policy in contestants(world).items():
        path = played(world, policy, size[2], stream(seed, f"year {draw}"))
        public, private = (float(path[column][-1]) for column in ("exposure", "private"))
        row = {"panel": "league", "policy": name, "draw": draw, "gmv": path.discounted(DISCOUNT)}
        row |= {"stay": 1.0 - path["newcomers_left"].sum() / (began + path["came"].sum())}
        row |= {"head": path["top_share"].mean(), "gini": path["gini"].mean(), "active": path["present"][-1]}
        row |= {"fans": path["fans"][-1], "demand": path["demand"][-1], "lever": PART * public / (public + private)}
        rows.append(row | {"gap": float(path["relative_gap"].max()) if "relative_gap" in path.columns else None})
    for row in rows:
        row |= {"gain": row["gmv"] / rows[0]["gmv"] - 1.0, "fans": row["fans"] / rows[0]["fans"]}
        row |= {"active": row["active"] / size[1]}
    return rows


def gains(world: dy.World, policies: Mapping[str, dy.Policy], days: int, named: tuple[int, str]) -> dict[str, float]:
    """Discounted GMV of policies over that of the first."""
    paths = {name: played(world, policy, days, stream(*named)) for name, policy in policies.items()}
    sold = {name: path.discounted(DISCOUNT) for name, path in paths.items()}
    first = next(iter(sold.values()))
    return {name: each / first - 1.0 for name, each in sold.items()}


def matrix(problem: str, size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """What every remedy gains in a world, on one draw."""
    world = sharpened(baseline(size, DEGREES["matrix"], seed, draw), problem)
    found = gains(world, remedies(world), size[2], (seed, f"matrix {draw}"))
    return [{"panel": "matrix", "world": problem, "remedy": name, "draw": draw, "gain": g} for name, g in found.items()]


def guided(part: float, size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """What a phase gains where a crowd is locked in, by the part that is guided after it."""
    world = sharpened(baseline(size, DEGREES["matrix"], seed, draw), "lock-in")
    policies = {name: policy for name, policy in remedies(world, part).items() if name in ("none", "phase", "value")}
    found = gains(world, policies, size[2], (seed, f"matrix {draw}"))
    return [{"panel": "guided", "part": part, "remedy": name, "draw": draw, "gain": g} for name, g in found.items()]


def capped(cap: float, size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """What a cap gains where a star bargains, and where it leaves in proportion."""
    rows = []
    for problem in ("bargaining", "risk"):
        world = sharpened(baseline(size, DEGREES["matrix"], seed, draw), problem)
        policies = {"none": partly(optimal()), "cap": partly(under_cap(world, cap))}
        found = gains(world, policies, size[2], (seed, f"matrix {draw}"))
        rows.append({"panel": "capped", "cap": cap, "world": problem, "draw": draw, "gain": found["cap"]})
    return rows
