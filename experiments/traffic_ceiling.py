"""Who pays for newcomers once traffic stops growing?

Supply of a year is S' = S + g S (1 - S / S_max), so that it grows by the part G = g (1 - S / S_max). Viewers of live
streams were 344 M in 2016 and 703 M at the end of 2021 (published in SCMP), 15.4 % a year; s3 puts all who could watch
at 1.4 bn people. For every ceiling g is the rate with which simulated supply goes from the one figure to the other in
five years. Derived here:

- Where all supply S is handed out, a floor newly introduced that takes a part f of it leaves (1 - f)(1 + G) S to
  incumbents, who had S: more than before iff f < G / (1 + G) (P10). In proportion, that is so of every incumbent. Taken
  where it costs least GMV it leaves each its own part r of its traffic at constant supply, and who has r < 1 / (1 + G)
  loses: no fewer the less growth there is. That nobody loses cannot be had beyond f = G / (1 + G). With G = 0 every
  floor is redistribution.
- An anchor with constant public traffic e has a F = a kappa e (1 - (1 - mu)^t) / mu private impressions after t days
  without fans at first, q (1 - (1 - mu)^t) to a public one with q = a kappa / mu = 3/7 (s4). The platform hands out the
  part c = 1 / (1 + q (1 - (1 - mu)^t)) of all impressions, from 1 to .7 (P11). A floor of a part f of public traffic
  that begins on day T is f c of all impressions on that day, and f (1 + q (1 - (1 - mu)^s)) / (1 + q (1 - (1 -
  mu)^(T + s))) s days later, when newcomers have fans of their own.
- The Gini coefficient is convex in amounts of one total and fans are where public traffic was: public traffic whose own
  coefficient is lower by p / c makes that of all impressions lower by p, or more. So p points cost at most what
  p / c points cost where nobody has fans.

Assumptions: a period of growth is a year, and graph and values stay; newcomers are a fifth of anchors, an impression on
them sells a fifth of what the preset draws, they get the floor and no more, nothing before it, and they stay new; mu =
.03 a day. GMV in (d) is that of public traffic.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, band, blank_figure, entries, halved, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from allocator.synthetic.presets import KUAISHOU

FIRST, LAST, VIEWERS = 2016, 2021, (344.0, 703.0)
"""Years, and viewers of live streams in them, millions (SCMP)."""
CEILINGS = {"800 M": 800.0, "1.0 bn": 1_000.0, "1.4 bn": 1_400.0, "none": 1e12}
"""Millions of viewers; 1.4 bn are all people of whom s3 speaks, the others are assumptions."""
PEOPLE = "1.4 bn"
UNTIL = 2050
PARTS = (0.01, 0.03, 0.05)
"""Floors, as parts of all public traffic; assumptions."""
SHIELDED = 0.03
NEWCOMERS, SKILL = 0.2, 0.2
GRID = {"full": (24, 25), "quick": (11, 15)}
"""Steps of S / S_max and of the floor in the phase diagram."""
YEARS = {"full": tuple(range(2017, 2042, 2)), "quick": (2017, 2021, 2025, 2029, 2033, 2037, 2041)}
SIZES = {"full": (1_000, 200), "quick": (200, 40)}
SMALL = {"full": (300, 60), "quick": (200, 40)}
"""Segments and anchors of the platform on which Gini coefficients are limited."""
DRAWS = {"full": 3, "quick": 1}
DECAY, PRIVATE, REST, FLOOR = 0.03, 3 / 7, 600, 0.1
BEGINS, SINCE = (0, 15, 30, 60, 200), (0, 10, 20, 40, 60, 90, 120, 160)
"""Days on which a floor begins, and days after which it is looked at."""
POINTS = {"full": (2, 5, 8, 11, 14), "quick": (2, 6, 10, 14)}
DAYS = (0, 23, REST)
LEAST, PROOF = 1e-9, 1e-6
THIN = {"markersize": 3, "linewidth": 0.9}
LOOKS = {PARTS[0]: (GREEN, "^", "-."), PARTS[1]: (BLUE, "o", "-"), PARTS[2]: (PURPLE, "D", "--")}
COLUMNS = ("panel", "ceiling", "rate", "year", "viewers", "growth", "filled", "part", "least", "draw", "policy")
COLUMNS += ("losers", "incumbents", "taken", "cost", "failed", "begins", "day", "share", "points", "bound")


@dataclass(frozen=True)
class Reserved(dy.Policy):
    """A part of every segment's supply goes to its newcomers evenly, the rest to incumbents in proportion to value."""

    part: float

    def __call__(self, view: dy.View) -> dy.Decision:
        platform = view.world.platform
        new = (platform.anchors["tier"] == "new")[platform.anchor]
        flow = np.zeros(platform.edge_count)
        for chosen, part, weight in ((new, self.part, 1.0), (~new, 1.0 - self.part, platform.value)):
            weights = np.where(chosen, weight, 0.0)
            shares = weights / platform.into_segments(weights)[platform.segment]
            flow += part * shares * view.supply[platform.segment]
        return dy.Decision(flow)


@dataclass(frozen=True, eq=False)
class Harmless(dy.Policy):
    """The most GMV with a floor for newcomers, where no incumbent gets less than in the period before; where that
    cannot be, it finds no flow, and the run says that it failed.
    """

    level: float

    def __call__(self, view: dy.View) -> dy.Decision:
        new = view.world.platform.anchors["tier"] == "new"
        levels = np.where(new, self.level, view.state["exposure"] * (1.0 - LEAST))
        rules = [al.Floor(levels), al.Cap(self.level, where="tier=new")]
        found = al.solve(al.Problem(view.platform, al.GMV(), rules=rules), relative_gap=PROOF)
        return dy.Decision(view.whole(found.flow), found.certificate.relative_gap)


def given(level: float) -> dy.Optimal:
    """The most GMV where every newcomer gets so many impressions."""
    rules = [al.Cap(level, where="tier=new")]
    rules += [al.Floor(level, where="tier=new")] if level else []
    return dy.Optimal(rules=rules, relative_gap=LEAST)


# What is measured: growth and floors.


def grown(rate: float, ceiling: float, years: int) -> Any:
    """Supply of years over that of the first, simulated, (years,)."""
    world = dy.World(al.synthetic.star([1.0]), (dy.Growth(rate, ceiling / VIEWERS[0]),))
    return dy.simulate(world, dy.Even(), periods=years, rng=stream(0, "none"))["supply"]


@functools.cache
def fitted(ceiling: float) -> float:
    """The rate with which simulated supply goes from the first figure to the second; growth rises with it."""
    wanted, years = VIEWERS[1] / VIEWERS[0], LAST - FIRST + 1
    return 0.5 * sum(halved(0.0, 1.0, 50, lambda rate: grown(rate, ceiling, years)[-1] < wanted))


def growth(ceiling: str) -> list[Row]:
    """A path of supply."""
    most = CEILINGS[ceiling]
    rate = fitted(most)
    path = VIEWERS[0] * grown(rate, most, UNTIL - FIRST + 1)
    about, rows = {"panel": "growth", "ceiling": ceiling, "rate": rate}, []
    for t, (now, after) in enumerate(pairwise(path.tolist())):
        rows.append(about | {"year": FIRST + t, "viewers": now, "filled": now / most, "growth": after / now - 1.0})
    return rows


def introduced(filled: float, parts: Sequence[float]) -> list[Row]:
    """The incumbent who gains least in the year in which newcomers' part begins, by that part: one segment."""
    most, rate = CEILINGS[PEOPLE], fitted(CEILINGS[PEOPLE])
    platform = al.synthetic.star([3.0, 2.0, 1.0, 0.5])
    platform = replace(platform, anchors={**platform.anchors, "tier": np.array(["head", "mid", "tail", "new"])})
    ceiling = most / VIEWERS[0]
    world, rows = dy.World(platform, (dy.Growth(rate, ceiling),), {"demand": filled * ceiling}), []
    for part in parts:
        seen: list[Any] = []
        policy = dy.Phased([(1, Reserved(0.0))], Reserved(part))
        dy.simulate(world, policy, periods=2, rng=stream(0, "none"), watch=seen.append)
        change = seen[1].exposure[:3] / seen[0].exposure[:3] - 1.0
        rows.append({"panel": "phase", "filled": filled, "part": part, "least": float(change.min())})
    return rows


def market(size: tuple[int, int], seed: int, draw: int) -> al.Platform:
    """Public traffic of the preset with more newcomers, who sell a part of what is drawn."""
    drawn = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, f"ceiling {size} {draw}"))
    platform = al.public_part(drawn)
    new = platform.anchors["tier"] == "new"
    return replace(platform, value=platform.value * np.where(new, SKILL, 1.0)[platform.anchor])


def floors(year: int, drawn: Row) -> list[Row]:
    """A floor introduced in a year: who loses against the year before, and GMV lost against that year without one."""
    platform, since = market(**drawn), year - FIRST
    new, most = platform.anchors["tier"] == "new", CEILINGS[PEOPLE]
    world = dy.World(platform, (dy.Growth(fitted(most), most / VIEWERS[0]),))
    plain, rows = given(0.0), []

    def last_two(after: dy.Policy) -> tuple[dy.Trajectory, Any, Any]:
        seen: list[Any] = []
        policy = dy.Phased([(since, plain)], after)
        path = dy.simulate(world, policy, periods=since + 1, rng=stream(0, "none"), watch=seen.append)
        return path, seen[-2].exposure, seen[-1].exposure

    without, before, _ = last_two(plain)
    supply = float(without["supply"][-1])
    for part in PARTS:
        level = part * supply / np.count_nonzero(new)
        for name, policy in {"least cost": given(level), "harmless": Harmless(level)}.items():
            path, _, after = last_two(policy)
            losers = (after < before * (1.0 - 1e-6)) & ~new
            about = {"panel": "floor", "year": year, "part": part, "policy": name, "draw": drawn["draw"]}
            about |= {"losers": int(losers.sum()) / int((before[~new] > 0).sum()), "failed": int(path["failed"][-1])}
            about |= {"incumbents": float(after[~new].sum() / before[~new].sum() - 1.0)}
            about |= {"taken": float(after[new].sum() / after.sum()), "growth": float(supply / before.sum() - 1.0)}
            rows.append(about | {"cost": float(1.0 - path["gmv"][-1] / without["gmv"][-1])})
    return rows


# What is measured: fans.


def lever(begins: int, drawn: Row) -> list[Row]:
    """Newcomers' part of all impressions, public and private, when a floor of public traffic begins on a day."""
    platform = market(**drawn)
    new, total = platform.anchors["tier"] == "new", float(platform.supply.sum())
    fair = given(FLOOR * total / np.count_nonzero(new))
    policy = dy.Phased([(begins, given(0.0))], fair) if begins else fair
    seen: list[Any] = []
    world = dy.World(platform, (dy.Flywheel(),), {"fans": 0.0})
    dy.simulate(world, policy, periods=begins + SINCE[-1] + 1, rng=stream(0, "none"), watch=seen.append)
    rows = []
    for since in SINCE:
        public, private = seen[begins + since].exposure, seen[begins + since].private_impressions
        every = float(public.sum() + private.sum())
        part = float((public[new].sum() + private[new].sum()) / every)
        about = {"panel": "lever", "begins": begins, "day": since, "part": part, "draw": drawn["draw"]}
        rows.append(about | {"share": float(public.sum() / every)})
    return rows


def with_private(platform: al.Platform, impressions: Any, value: Any) -> al.Platform:
    """A platform with a segment of private impressions (A,) for every anchor who has any, each worth ``value`` (A,)."""
    own = np.flatnonzero(impressions > 0)
    edges = np.arange(1, own.size + 1)
    return al.Platform(
        np.concatenate((platform.indptr, platform.indptr[-1] + edges)),
        np.concatenate((platform.anchor, own)),
        np.concatenate((platform.value, value[own])),
        np.concatenate((platform.supply, impressions[own])),
    )


def point(day: int, points: Sequence[int], drawn: Row) -> list[Row]:
    """GMV that a lower Gini coefficient of all impressions costs on a day, under pure GMV until then, over all of that
    day's public GMV; and what as many points over the platform's part of impressions cost without fans.
    """
    platform, wheel = market(**drawn), dy.Flywheel()
    seen: list[Any] = []
    world = dy.World(platform, (wheel,), {"fans": 0.0})
    dy.simulate(world, dy.Optimal(relative_gap=LEAST), periods=day + 1, rng=stream(0, "none"), watch=seen.append)
    last = seen[-1]
    private, public = last.private_impressions, float(last.public_gmv.sum())
    share, gini = float(last.exposure.sum() / (last.exposure + private).sum()), al.metrics.gini(last.exposure)
    whole = with_private(platform, private, wheel.efficiency * world.mean_value)

    def cost(on: al.Platform, lower: float, gmv: float) -> float:
        rules = [al.GiniAtMost(gini - lower / 100.0)]
        fair = al.solve(al.Problem(on, al.GMV(), rules=rules), relative_gap=PROOF)
        return float(gmv - fair.gmv) / public

    rows = []
    for lower in points:
        about = {"panel": "point", "day": day, "points": lower, "draw": drawn["draw"], "share": share}
        about |= {"cost": cost(whole, lower, float(last.gmv.sum()))}
        about |= {"bound": cost(platform, lower / share, public) if day else about["cost"]}
        rows.append(about | {"of_all": about["cost"] * public / float(last.gmv.sum())})
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    above, below = figure.subfigures(2, 1)  # so that the colour bar takes no room from the panels below it
    supply, phase, losers = above.subplots(1, 3, width_ratios=(1, 1.35, 1))
    costs, lever_, points = below.subplots(1, 3, width_ratios=(1, 1.25, 1))
    draw_growth(pick(rows, panel="growth"), supply)
    draw_phase(rows, phase)
    draw_losers(rows, losers)
    draw_costs(rows, costs)
    draw_lever(pick(rows, panel="lever", draw=0), lever_)
    draw_points(pick(rows, panel="point"), points)
    return figure


def draw_growth(rows: Sequence[Row], ax: Any) -> None:
    for ceiling, colour, dashes in zip(CEILINGS, (ORANGE, GREEN, BLUE, GREY), ("-.", "--", "-", ":"), strict=True):
        mine = [row for row in pick(rows, ceiling=ceiling) if row["viewers"] < 1_550 and row["year"] <= 2040]
        label = f"{ceiling}, g = {mine[0]['rate']:.3f}"
        x, viewers = entries(mine, "year", "viewers")
        ax.plot(x, viewers / 1e3, color=colour, linestyle=dashes, label=label)
    ax.plot([FIRST, LAST], [count / 1e3 for count in VIEWERS], "o", color=BLACK, label="published")
    ax.set(xlabel="Year", ylabel="Viewers (bn)", ylim=(0, 2.6))
    ax.legend(title="Ceiling", loc="upper left", fontsize=6, title_fontsize=6, ncols=1, borderpad=0)
    ax.set_title("(a) supply", loc="left")


def bound_of(growth: Any) -> Any:
    """P10: the largest floor that costs incumbents nothing."""
    return growth / (1.0 + growth)


def draw_phase(rows: Sequence[Row], ax: Any) -> None:
    """Colour: simulated; dots: cells in which an incumbent loses."""
    cells, path = pick(rows, panel="phase"), pick(rows, panel="growth", ceiling=PEOPLE)
    rate, x = path[0]["rate"], np.linspace(0, 1, 101)
    line = [{"filled": s, "part": bound_of(rate * (1 - s))} for s in x]
    shown = [row | {"least": 100 * row["least"]} for row in cells]
    words = {"filled": "Supply over its ceiling", "part": "Floor (% of all traffic)"}
    words |= {"least": "Change of incumbents (%)", "boundary": "G / (1 + G)"}
    al.plots.phase_diagram(shown, ax, x="filled", y="part", value="least", boundary=line, words=words)
    lose = [row for row in cells if row["least"] < 0]
    ax.plot(*entries(lose, "filled", "part"), ".", color="white", markersize=1.2)
    for year in (FIRST, LAST, 2030):
        row = pick(path, year=year)[0]
        place = row["filled"], bound_of(rate * (1 - row["filled"]))
        ax.plot(*place, "o", color=VERMILLION, markersize=3.5, zorder=4)
        ax.annotate(
            str(year), place, (-3, -3), textcoords="offset points", ha="right", va="top", fontsize=6.5, zorder=4
        )
    ax.yaxis.set_major_formatter(percent)
    box = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 1.0}
    ax.legend(loc="upper right", fontsize=6.5, **box)
    ax.set_title("(b) dots: incumbents lose", loc="left")


def last_free(rows: Sequence[Row], part: float) -> float:
    """The time, interpolated between years, up to which growth lets a floor begin at nobody's expense."""
    path = pick(rows, panel="growth", ceiling=PEOPLE)
    year, growth_ = entries(path, "year", "growth")
    return float(np.interp(-part, -bound_of(growth_), year + 1))  # growth into the next year, when the floor begins


def draw_losers(rows: Sequence[Row], ax: Any) -> None:
    """Vertical lines: until when f < G / (1 + G)."""
    for part, look in LOOKS.items():
        mine = pick(rows, panel="floor", part=part, policy="least cost")
        band(ax, over_draws(mine, "year", "losers"), look, label=f"{100 * part:g} %", **THIN)
        ax.axvline(last_free(rows, part), color=look[0], linestyle=":", linewidth=0.9)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Floor begins in year", ylabel="Incumbents who lose traffic (%)", ylim=(0, None))
    ax.legend(title="Floor", loc="upper left", fontsize=6.5, title_fontsize=6.5)
    ax.set_title("(c) taken at least cost", loc="left")


def draw_costs(rows: Sequence[Row], ax: Any) -> None:
    for part, look in LOOKS.items():
        mine = pick(rows, panel="floor", part=part)
        band(ax, over_draws(pick(mine, policy="least cost"), "year", "cost"), look, label=f"{100 * part:g} %", **THIN)
        kept = pick(mine, policy="harmless", failed=0)
        if kept:
            hollow = THIN | {"markerfacecolor": "white"}
            band(ax, over_draws(kept, "year", "cost"), (look[0], look[1], "none"), **hollow)
        ax.axvline(last_free(rows, part), color=look[0], linestyle=":", linewidth=0.9)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Floor begins in year", ylabel="GMV of public traffic lost (%)", ylim=(0, None))
    ax.set_title("(d) hollow: no incumbent loses", loc="left")


def private_at(day: Any) -> Any:
    """Private impressions to a public one after days from no fans, in closed form."""
    return PRIVATE * (1.0 - (1.0 - DECAY) ** np.asarray(day, dtype=float))


def draw_lever(rows: Sequence[Row], ax: Any) -> None:
    """Markers: simulated; lines: closed form."""
    days = np.linspace(0, BEGINS[-1] + SINCE[-1], 400)
    ax.plot(days, FLOOR / (1 + private_at(days)), color=BLACK, linestyle="--", label="on its first day")
    for begins, colour, marker in zip(BEGINS, (GREY, SKY, GREEN, ORANGE, VERMILLION), "os^Dv", strict=True):
        mine = pick(rows, begins=begins)
        since = np.linspace(0, SINCE[-1], 200)
        line = FLOOR * (1 + private_at(since)) / (1 + private_at(begins + since))
        ax.plot(begins + since, line, color=colour, linewidth=0.9)
        day, part = entries(mine, "day", "part")
        ax.plot(begins + day, part, marker, color=colour, markersize=3, markerfacecolor="none", clip_on=False)
    right = ax.secondary_yaxis("right", functions=(lambda y: y / FLOOR, lambda y: y * FLOOR))
    right.set_ylabel("Dashed: public (% of all)")
    right.yaxis.set_major_formatter(percent)
    ax.set_yticks([0.07, 0.08, 0.09, 0.1], ["7", "8", "9", "10"])
    ax.set(xlabel="Day", ylabel="Newcomers' impressions (% of all)", ylim=(0.068, 0.102), xlim=(0, 365))
    ax.set_title("(e) floor: 10 % of public traffic", loc="left")


def draw_points(rows: Sequence[Row], ax: Any) -> None:
    looks = zip(DAYS, ((GREEN, "^", "-."), (ORANGE, "s", "--"), (BLACK, "o", "-")), strict=True)
    for day, look in looks:
        label = f"day {day}" if day < REST else "at rest"
        band(ax, over_draws(pick(rows, day=day), "points", "cost"), look, label=label, **THIN)
    ax.yaxis.set_major_formatter(percent)
    x, (bound, *_) = over_draws(pick(rows, day=REST), "points", "bound")
    ax.plot(x, bound, color=BLACK, linestyle=":", label="at rest, at most")
    ax.set(xlabel="Points by which the Gini of\nall impressions falls", ylabel="GMV lost (% of public GMV)")
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.legend(loc="upper left", fontsize=6.5)
    ax.set_title("(f) price of evenness", loc="left")


# What is claimed.


def grows(rows: Sequence[Row]) -> str:
    """Both published figures are met; growth, and the floor that it pays, ends the sooner the lower the ceiling is."""
    paths = {ceiling: pick(rows, panel="growth", ceiling=ceiling) for ceiling in CEILINGS}
    for path in paths.values():
        for year, viewers in zip((FIRST, LAST), VIEWERS, strict=True):
            assert abs(pick(path, year=year)[0]["viewers"] / viewers - 1.0) < 1e-9, (year, path[0])
    free = paths["none"][0]["rate"]
    assert abs(free - ((VIEWERS[1] / VIEWERS[0]) ** 0.2 - 1.0)) < 1e-6, free
    rooms = [bound_of(pick(path, year=LAST)[0]["growth"]) for path in paths.values()]
    assert rooms == sorted(rooms), rooms
    words = ", ".join(f"{room:.1%} ({ceiling})" for room, ceiling in zip(rooms, CEILINGS, strict=True))
    return (
        f"344 M to 703 M viewers is {free:.1%} a year without a ceiling. The largest floor that incumbents do not feel "
        f"was, in {LAST}, {words}."
    )


def signs(rows: Sequence[Row]) -> str:
    """P10, cell by cell."""
    cells, rate = pick(rows, panel="phase"), pick(rows, panel="growth", ceiling=PEOPLE)[0]["rate"]
    for row in cells:
        room = bound_of(rate * (1.0 - row["filled"])) - row["part"]
        assert (row["least"] > 0) == (room > 0) or abs(room) < 1e-9, row
    lost = sum(row["least"] < 0 for row in cells)
    assert 0 < lost < len(cells)
    return f"In all {len(cells)} cells of (b), {lost} with losses, incumbents lose iff the floor is above G / (1 + G)."


def payers(rows: Sequence[Row]) -> str:
    """On the platform: incumbents together lose iff f > G / (1 + G), none need lose iff f is below; taken where it
    costs least, no fewer lose the later a floor begins.
    """
    mine = pick(rows, panel="floor")
    for row in mine:
        assert row["failed"] or abs(row["taken"] - row["part"]) < 1e-6, row
        room = bound_of(row["growth"]) - row["part"]
        if row["policy"] == "harmless":
            assert bool(row["failed"]) == (room < 0), row
            assert row["failed"] or row["losers"] == 0, row
        else:
            assert (row["incumbents"] > 0) == (room > 0), row
            kept = pick(mine, policy="harmless", **{key: row[key] for key in ("year", "part", "draw")})[0]
            assert kept["failed"] or kept["cost"] >= row["cost"] - 1e-5, (row, kept)
    for part in PARTS:
        for draw_ in {row["draw"] for row in mine}:
            path = sorted(pick(mine, policy="least cost", part=part, draw=draw_), key=lambda row: row["year"])
            assert all(before["losers"] <= after["losers"] for before, after in pairwise(path)), path
            assert path[0]["losers"] < path[-1]["losers"], path
    some = pick(mine, part=SHIELDED)
    years = [min(row["year"] for row in some), max(row["year"] for row in some)]
    taken = [pick(some, policy="least cost", year=year) for year in years]
    losers, cost = ([np.mean([row[key] for row in one]) for one in taken] for key in ("losers", "cost"))
    shielded = np.mean([row["cost"] for row in pick(some, policy="harmless", year=years[0])])
    possible = max(row["year"] for row in pick(some, policy="harmless", failed=0))
    return (
        f"A floor of {SHIELDED:.0%}, taken where it costs least, takes traffic from {losers[0]:.0%} of incumbents in "
        f"{years[0]} and from {losers[1]:.0%} in {years[1]}, and costs {cost[0]:.2%} and {cost[1]:.2%} of GMV; that "
        f"nobody loses costs {shielded:.2%} in {years[0]}, and is last possible in {possible}, of the years looked at."
    )


def erodes(rows: Sequence[Row]) -> str:
    """P11 and its closed forms."""
    mine = pick(rows, panel="lever")
    for row in mine:
        day = row["begins"] + row["day"]
        assert abs(row["share"] - 1.0 / (1.0 + private_at(day))) < 1e-9, row
        line = FLOOR * (1 + private_at(row["day"])) / (1 + private_at(day))
        assert abs(row["part"] - line) < 1e-6, (row, line)
    first = {row["begins"]: row["part"] for row in pick(mine, day=0)}
    late = pick(mine, begins=BEGINS[-1])
    return (
        f"A floor of {FLOOR:.0%} of public traffic is {first[0]:.1%} of all impressions on day 0, {first[30]:.1%} if "
        f"it begins on day 30 and {first[BEGINS[-1]]:.1%} on day {BEGINS[-1]}, where it takes {SINCE[-1]} days to "
        f"reach {max(row['part'] for row in late):.1%}."
    )


def dearer(rows: Sequence[Row]) -> str:
    """The same points cost more public GMV the more fans there are, and at most what p / c points cost without any."""
    mine = pick(rows, panel="point")
    for row in mine:
        assert row["cost"] <= row["bound"] + 10 * PROOF, row  # gaps are parts of all GMV
        if row["day"] != DAYS[0]:
            early = pick(mine, day=DAYS[0], points=row["points"], draw=row["draw"])[0]
            assert row["cost"] > early["cost"], (row, early)
    most = max(row["points"] for row in mine)
    ends = {day: pick(mine, day=day, points=most) for day in (DAYS[0], REST)}
    costs, of_all = ([np.mean([row[key] for row in one]) for one in ends.values()] for key in ("cost", "of_all"))
    return (
        f"A Gini coefficient of all impressions that is {most} points lower costs {costs[0]:.2%} of public GMV where "
        f"nobody has fans and {costs[1]:.2%} at rest ({costs[1] / costs[0]:.2f} times as much), which is "
        f"{of_all[0]:.2%} and {of_all[1]:.2%} of all GMV, private GMV included."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells: list = [(growth, {"ceiling": ceiling}) for ceiling in CEILINGS]
    across, along = GRID[scale]
    parts = [float(part) for part in 0.25 * (np.arange(along) + 0.5) / along]
    cells += [(introduced, {"filled": (k + 0.5) / across, "parts": parts}) for k in range(across)]
    for draw_ in range(DRAWS[scale]):
        drawn = {"size": SIZES[scale], "seed": options.seed, "draw": draw_}
        cells += [(floors, {"year": year, "drawn": drawn}) for year in YEARS[scale]]
    small = {"size": SMALL[scale], "seed": options.seed}
    cells += [(lever, {"begins": begins, "drawn": small | {"draw": 0}}) for begins in BEGINS]
    for draw_ in range(DRAWS[scale]):
        cells += [(point, {"day": day, "points": POINTS[scale], "drawn": small | {"draw": draw_}}) for day in DAYS]
    Lab.of("traffic_ceiling", options).answer(cells, draw, grows, signs, payers, erodes, dearer, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
