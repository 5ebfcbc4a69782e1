"""Which policy earns most on a full platform over a year, and which remedy pays against which problem?

The world is `allocator.dynamics.kuaishou_world`: fans, subsidies, crowds, short videos, trust, paid promotion,
newcomers, heads who may leave, growth up to a ceiling, arrivals. A platform guides a part of its public traffic
(`Partly`), and viewers find the rest by themselves; without such a rest crowds would not matter. What a policy proves
each day it proves of the part that it guides.

Three remedies for three problems: evenness as a phase against lock-in (T4, P3), floors for viability (T5), caps for
bargaining power (T11). In the first world all is at the baseline, in three more one problem is sharp, and in the last
those who may leave do so in proportion to their share, at which T11 finds no cap that pays:

- Lock-in: most viewers follow the crowd (h = .95, eta = 2.5, so h eta = 2.4), rooms are equally attractive, and the
  crowd starts in the one that sells least of the ten that most viewers can watch.
- Viability: newcomers sell a fifth of what others do at first and twice as much if they stay for 30 days; of those
  without traffic .9 leave in a month (k = 4).
- Bargaining: three stars, second to fourth by audience, sell eight times as well as others by skill, which nobody takes
  over, and leave with probability h^3 a day at a share h of public traffic; in the last world with probability .0225 h,
  which is the same at h = .15.

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
from _lab import Lab, Row, arguments, blank_figure, entries, estimate, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.sensitivity import with_parameter
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

DISCOUNT, PART, GAP = 0.99, 0.4, 5e-3
"""A day's worth over the day before (baseline), the part that is guided (assumption, swept), and what is proved."""
NEWCOMERS = 0.1
"""Of anchors; the preset has .03, too few of 40."""
LEAGUE = {"full": (375, 100, 365, 10), "quick": (60, 20, 30, 2)}
MATRIX = {"full": (200, 40, 365, 10), "quick": (60, 24, 60, 2)}
"""Segments, anchors, days and draws."""
DEGREES = {"league": (10, 50), "matrix": (20, 40)}
"""Anchors that a segment can watch: in the matrix half of them or more, as crowds lock in where most can meet."""
PHASE, HOLD, BUDGET, CAP = 10, 0.9, 0.2, 0.1
"""Days of a phase and what is guided in it; part of guided traffic for newcomers; the most that one may get, which
is a part of what is guided on the first day."""
HEAD = 0.3
"""The most of guided traffic that the top tenth may get in the league, where nobody gets more than `CAP` anyhow."""
LOCKED, STARS, SKILL = 0.7, slice(1, 4), 8.0
"""Part of the crowd in one room at the start; ranks of stars by audience, and their skill."""
PARTS = {"full": (0.1, 0.2, 0.7), "quick": (0.1,)}
CAPS = {"full": (0.05, 0.2), "quick": (0.3,)}
"""Beside those of the matrix."""
WORLDS = {
    "plain": "baseline",
    "lock-in": "lock-in: h η = 2.4",
    "viability": "viability: newcomers\nwho become good",
    "bargaining": "bargaining: stars,\nhazard h³",
    "risk": "risk alone: stars,\nhazard .0225 h",
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
SHOWN = {
    "stay": "newcomers\nwho stay (%)",
    "head": "top 1 %, of\ntraffic (%)",
    "gini": "Gini of\ntraffic (%)",
    "fans": "fans at the\nend (%)",
    "lever": "guided, of all\nat the end (%)",
}
"""Beside GMV; fans over those under the reference."""
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
        star = np.isin(np.arange(anchors), widest[STARS])
        base, convexity = (1.0, 3.0) if problem == "bargaining" else (0.0225, 1.0)
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
    mine["cap"] = partly(optimal(rules=[al.HeadCap(top="10%", share=HEAD)]))
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
        row |= {"head": path["top_share"].mean(), "gini": path["gini"].mean(), "active": path["present"][-1] / size[1]}
        row |= {"fans": path["fans"][-1], "demand": path["demand"][-1], "lever": PART * public / (public + private)}
        gaps = path.columns.get("relative_gap", np.zeros(0))
        rows.append(row | {"gap": float(gaps[np.isfinite(gaps)].max(initial=0.0))})
    gmv, fans = rows[0]["gmv"], rows[0]["fans"]
    return [row | {"gain": row["gmv"] / gmv - 1.0, "fans": row["fans"] / fans} for row in rows]


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


def capped(problem: str, caps: Sequence[float], size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """What caps gain where a star may leave."""
    world = sharpened(baseline(size, DEGREES["matrix"], seed, draw), problem)
    policies = {"none": partly(optimal())} | {str(cap): partly(under_cap(world, cap)) for cap in caps}
    found = gains(world, policies, size[2], (seed, f"matrix {draw}"))
    return [{"panel": "capped", "cap": c, "world": problem, "draw": draw, "gain": found[str(c)]} for c in caps]


def averaged(rows: Sequence[Row]) -> list[Row]:
    """Means over draws; the part and the cap of the matrix join the others."""
    rows = [*rows]
    for row in pick(rows, panel="matrix"):
        if row["world"] == "lock-in" and row["remedy"] in ("phase", "value"):
            rows.append(row | {"panel": "guided", "part": PART})
        if row["world"] in ("bargaining", "risk") and row["remedy"] == "cap":
            rows.append(row | {"panel": "capped", "cap": CAP})
    found = []
    for panel, keys in {"league": ["policy"], "matrix": ["world", "remedy"], "guided": ["part", "remedy"]}.items():
        found += means(pick(rows, panel=panel), f"{panel} mean", keys)
    return found + means(pick(rows, panel="capped"), "capped mean", ["cap", "world"])


def means(rows: Sequence[Row], panel: str, keys: Sequence[str]) -> list[Row]:
    """A row for every case."""
    found = []
    for case in dict.fromkeys(tuple(row[key] for key in keys) for row in rows):
        about = dict(zip(keys, case, strict=True))
        mine, row = pick(rows, **about), {"panel": panel} | about
        for name in ("gain", *SHOWN):
            row |= estimate(name, [one[name] for one in mine]) if name in mine[0] else {}
        found.append(row)
    return found


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """The league above, in columns that share policies; remedies, their strength and what they hang on below."""
    figure = blank_figure(6.4)
    above, below = figure.subfigures(2, 1, height_ratios=(1.1, 1))
    draw_league(pick(rows, panel="league mean"), above.subplots(1, 1 + len(SHOWN), sharey=True))
    grid, guiding, caps = below.subplots(1, 3, width_ratios=(2.1, 1, 1))
    draw_matrix(pick(rows, panel="matrix mean"), grid)
    draw_guided(pick(rows, panel="guided mean"), guiding)
    draw_caps(pick(rows, panel="capped mean"), caps)
    return figure


def draw_league(rows: Sequence[Row], axes: Sequence[Any]) -> None:
    """Best on top; bars: two standard errors."""
    ordered = sorted(rows, key=lambda row: row["gain"])
    places = range(len(ordered))
    for letter, ax, name in zip("abcdefgh", axes, ("gain", *SHOWN), strict=False):
        middle, error = entries(ordered, name, f"{name}_error")
        bars = {"color": BLACK, "marker": "o", "markersize": 3.5, "capsize": 1.5, "elinewidth": 0.8, "linewidth": 0}
        ax.errorbar(100 * middle, places, xerr=2 * (100 * error), **bars)
        (reference,) = pick(ordered, policy="myopic")
        ax.axvline(100 * reference[name], color=GREY, linestyle=":", linewidth=0.8)
        ax.set_title(f"({letter})", loc="left")
        ax.set_xlabel(SHOWN.get(name, "GMV gained\n(%)"))
        ax.margins(x=0.15)
        ax.locator_params(axis="x", nbins=2 if name == "head" else 3)
    axes[0].set_yticks(places, [NAMES[row["policy"]] for row in ordered])


def draw_matrix(rows: Sequence[Row], ax: Any) -> None:
    """Gains with standard errors; framed: the remedy of the problem."""
    from matplotlib.patches import Rectangle

    table = np.array([[pick(rows, world=w, remedy=r)[0]["gain"] for r in REMEDIES] for w in WORLDS])
    ax.imshow(np.clip(table, -0.3, 0.3), cmap="RdBu", vmin=-0.6, vmax=0.6, aspect="auto")
    for i, world in enumerate(WORLDS):
        for j, remedy in enumerate(REMEDIES):
            (row,) = pick(rows, world=world, remedy=remedy)
            told = abs(row["gain"]) > 2 * row["gain_error"]
            text = f"{100 * row['gain']:+.1f}\n± {100 * row['gain_error']:.1f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=6.5, fontweight="bold" if told else "normal")
            if OWN.get(world) == remedy:
                ax.add_patch(Rectangle((j - 0.48, i - 0.47), 0.96, 0.94, fill=False, linewidth=1.5))
    ax.set_xticks(range(len(REMEDIES)), REMEDIES.values(), fontsize=6.5)
    ax.set_yticks(range(len(WORLDS)), WORLDS.values(), fontsize=6.5)
    ax.axvline(len(REMEDIES) - 1.5, color=BLACK, linewidth=0.8)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.set_title("(g) GMV gained over no remedy (%), bold: 2 s.e.", loc="left")


def points(rows: Sequence[Row], key: str, ax: Any, **look: Any) -> None:
    """Means with two standard errors, joined."""
    mine = sorted(rows, key=lambda row: row[key])
    x, y, error = entries(mine, key, "gain", "gain_error")
    ax.errorbar(x, y, 2 * error, markersize=4, capsize=2, elinewidth=0.8, linewidth=0.9, **look)
    ax.axhline(0.0, color=BLACK, linewidth=0.6)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)


def draw_guided(rows: Sequence[Row], ax: Any) -> None:
    points(pick(rows, remedy="value"), "part", ax, color=BLUE, marker="X", linestyle="--", label="by value")
    points(pick(rows, remedy="phase"), "part", ax, color=GREEN, marker="s", label="even")
    ax.set(xlabel="Guided after the phase (%)", ylabel="GMV gained (%)")
    ax.legend(loc="upper right", title="ten days at 90 %")
    ax.set_title("(h) lock-in", loc="left")


def draw_caps(rows: Sequence[Row], ax: Any) -> None:
    looks = {"bargaining": (VERMILLION, "D", "-", "h³"), "risk": (PURPLE, "v", ":", ".0225 h")}
    for world, (colour, marker, dashes, label) in looks.items():
        points(pick(rows, world=world), "cap", ax, color=colour, marker=marker, linestyle=dashes, label=label)
    ax.set(xlabel="Cap (% of guided traffic)", ylabel="GMV gained (%)")
    ax.legend(loc="upper right", title="hazard a day")
    ax.set_title("(i) caps on stars", loc="left")


# What is claimed.


def told(row: Row) -> str:
    """A gain with its standard error."""
    return f"{100 * row['gain']:.1f} % (s.e. {100 * row['gain_error']:.1f})"


def ranked(rows: Sequence[Row], errors: float) -> str:
    """Looking ahead leads, recipes trail, and floors keep newcomers at hardly any cost."""
    mine = {row["policy"]: row for row in pick(rows, panel="league mean")}
    assert max(row["gap"] for row in pick(rows, panel="league")) <= GAP
    assert min(row["active"] for row in pick(rows, panel="league")) > 0.9
    assert mine["patient"]["gain"] > errors * mine["patient"]["gain_error"], mine["patient"]
    for name in ("boost", "epsilon", "proportional", "even", "phase", "nash"):
        assert mine[name]["gain"] < -errors * mine[name]["gain_error"], mine[name]
    for name in ("even", "proportional"):
        assert mine[name]["gain"] < min(mine[other]["gain"] for other in ("nash", "boost")), mine[name]
    stay = {name: row["stay"] for name, row in mine.items()}
    assert stay["patient floors"] >= stay["patient"], stay
    assert stay["floors"] >= stay["myopic"], stay
    lever = {name: f"{row['lever']:.1%}" for name, row in mine.items()}
    return (
        f"In the full world patience sells {told(mine['patient'])} more than GMV today and keeps {stay['patient']:.0%} "
        f"of newcomers, with viable floors {told(mine['patient floors'])} and {stay['patient floors']:.0%}, against "
        f"{stay['myopic']:.0%}; even traffic for ever gains {told(mine['even'])}, proportional traffic "
        f"{told(mine['proportional'])}; in the end the platform guides {lever['patient']} of all impressions under "
        f"patience and {lever['myopic']} under GMV today."
    )


def held(rows: Sequence[Row], errors: float) -> str:
    """Lock-in is cured by taking hold of traffic, and better by value; where much is guided, even days cost."""
    mine = pick(rows, panel="guided mean")
    for row in pick(mine, remedy="phase"):
        (value,) = pick(mine, remedy="value", part=row["part"])
        assert value["gain"] > row["gain"], (value, row)
    parts = sorted({row["part"] for row in mine})
    little, much = (pick(mine, remedy="phase", part=part)[0] for part in (parts[0], parts[-1]))
    assert little["gain"] > errors * little["gain_error"], little
    assert much["gain"] < little["gain"], (little, much)
    assert much["gain"] < -errors * much["gain_error"] or errors < 0, much
    return (
        f"Where a crowd is locked in ten even days at {HOLD:.0%} gain {told(little)} if the platform guides "
        f"{little['part']:.0%} afterwards and {told(much)} if it guides {much['part']:.0%}; the same days by value "
        "gain more at every part tried."
    )


def quoted(rows: Sequence[Row], errors: float) -> str:
    """Three remedies for three problems."""
    mine = {(row["world"], row["remedy"]): row for row in pick(rows, panel="matrix mean")}
    for world, remedy in OWN.items():
        own, plain = mine[world, remedy], mine["plain", remedy]
        assert own["gain"] > errors * own["gain_error"], own
        assert plain["gain"] < (0.0 if errors > 0 else -errors * plain["gain_error"]), plain
        assert mine["plain", "all"]["gain"] < plain["gain"] or errors < 0, (mine["plain", "all"], plain)
        others = [mine[world, other] for other in (*OWN.values(), "all") if other != remedy]
        assert all(own["gain"] > other["gain"] for other in others) or errors < 0, (own, others)
    risk, star = mine["risk", "cap"], mine["bargaining", "cap"]
    assert risk["gain"] < abs(errors) * risk["gain_error"] or errors < 0, risk
    assert star["gain"] > risk["gain"] or errors < 0, (star, risk)
    gains = [told(mine[world, remedy]) for world, remedy in OWN.items()]
    costs = [f"{-100 * mine['plain', remedy]['gain']:.1f}" for remedy in OWN.values()]
    return (
        f"Three remedies for three problems: ten even days gain {gains[0]} of a year's discounted GMV where a crowd is "
        f"locked in, viable floors {gains[1]} where newcomers who stay become good, a cap {gains[2]} where stars leave "
        f"the faster the larger they are; where no problem is sharp they cost {costs[0]}, {costs[1]} and {costs[2]} "
        f"%, against the risk of leaving alone a cap gains {told(risk)}, and all three together gain less than the "
        "right one."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells: list = [(league, {"size": LEAGUE[scale], "seed": options.seed, "draw": d}) for d in range(LEAGUE[scale][3])]
    size = MATRIX[scale]
    for draw_ in range(size[3]):
        about = {"size": size, "seed": options.seed, "draw": draw_}
        cells += [(matrix, {"problem": problem} | about) for problem in WORLDS]
        cells += [(guided, {"part": part} | about) for part in PARTS[scale]]
        cells += [(capped, {"problem": problem, "caps": CAPS[scale]} | about) for problem in ("bargaining", "risk")]
    lab = Lab.of("policies", options)
    rows = lab.measured(cells)
    rows += averaged(rows)
    lab.finish(draw, rows, columns=COLUMNS)
    errors = -2.0 if options.quick else 2.0
    if options.quick:
        print("Few draws of little time, which prove nothing:")
    print(ranked(rows, errors), held(rows, errors), quoted(rows, errors), sep="\n")


if __name__ == "__main__":
    run(main)
