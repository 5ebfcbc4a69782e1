"""Which way of becoming an anchor lets newcomers survive: alone, in a firm, or trained?

With z times the impressions nu that it lives on a newcomer to whom an impression leaves w leaves the platform within a
month with probability m / (1 + (w z)^k), and survives n months with S_n(w z) = (1 - m / (1 + (w z)^k))^n. All newcomers
come in one month by two ways, half by each, have the same floor, and leave by chance: markers are simulated worlds,
lines are this formula.

A member of a firm sells 1 + a times as much and keeps 1 - phi of it, or nothing in the part p of firms that deceive; an
independent sells 1 - b (A7). Incomes are equal at p = 1 - (1 - b) / ((1 + a)(1 - phi)). Derived here: survival with z
impressions is equal at

    p+ = (S(w z) - S(w0 z)) / (S(w z) - S(0)),    w = (1 + a)(1 - phi),  w0 = 1 - b,

as a member stays with probability (1 - p) S(w z) + p S(0). Training for a month that lifts w0 to w0 + g (A8) makes
S_n(w0 z) into S_1(w0 z) S_(n - 1)((w0 + g) z): both tend to S_n(0) as z does, so that training without traffic keeps
nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.closed_forms import survival
from allocator.plots.style import BLACK, BLUE, ORANGE, PURPLE, SKY

HAZARD = 0.3
"""m a month, an assumption; k = 2."""
MONTHS = 6
SUPPLY = 6.0
"""Impressions of a month per newcomer, in nu: enough for the largest floors."""
LIVES = (0.5, 1.0, 2.0)
"""Traffic in (a), in nu."""
DECEPTIVE = (0.0, 0.05, 0.1, 0.15, 0.2)
TRAFFIC = (0.0, 0.05, 0.1, 0.3, 1.0, 2.0, 4.0)
"""Traffic in (b), in nu; 0 is a platform without floors."""
GAINS = (dy.TRAINED.gain, 5 * dy.TRAINED.gain)
"""What training adds to skill: the assumption of the package, and five times that."""
SIZES = {"full": (16_000, 40), "quick": (4_000, 8)}
"""Newcomers of a world, and worlds; newcomers leave independently, and errors are those of the mean over them."""
EVERY = {"full": 1, "quick": 2}
"""Of the values above every so many are simulated."""
FAR = 4.0
"""Standard errors by which a simulated number may miss the formula."""
COLUMNS = ("panel", "traffic", "deceptive", "gain", "value", "error")


# What is measured.


def cohort(count: int) -> al.Platform:
    """A segment of 6 impressions per newcomer, who live on one each, and a head who sells three times as well."""
    tiers, value = np.repeat(["new", "head"], [count, 1]), np.repeat([1.0, 3.0], [count, 1])
    edges, supply = np.arange(count + 1), np.array([SUPPLY * count])
    return al.Platform(np.array([0, count + 1]), edges, value, supply, anchors={"tier": tiers}, currency="")


def more(path: dy.Pathway, traffic: float, size: tuple[int, int], rng: np.random.Generator) -> Row:
    """By how much the part who survive is larger among those who came by a pathway than among independents.

    First they come, all in a month, to a platform where only the head is; then nobody else does.
    """
    (count, worlds), ways, ends = size, [], []
    platform, head = cohort(count), np.append(np.zeros(count), 1.0)
    leave = dy.Newcomers(viable=1.0, hazard=HAZARD, month=1, memory=1)  # periods are months
    halves = tuple(replace(way, share=0.5) for way in (path, dy.INDEPENDENT))
    come = dy.Arrivals(rate=2.0, pathways=halves, firms=200_000, month=1)
    first = dy.World(platform, (leave, come), {"present": head})
    floors = dy.Optimal(rules=[al.Floor(traffic, where="newcomer=True")] if traffic else [])
    for _ in range(worlds):
        start = dy.simulate(first, dy.Greedy(), periods=1, rng=rng).final
        then = dy.World(platform, (leave, replace(come, rate=0.0)), start.stocks)
        played = dy.simulate(then, floors, periods=MONTHS, rng=rng)
        assert not (played["relaxed"] + played["failed"]).any(), (path, traffic)
        ways.append(start["pathway"])
        ends.append(played.final["present"])
    way, end = np.concatenate(ways), np.concatenate(ends)
    one, other = end[way == 1], end[way == 2]
    error = np.sqrt(one.var(ddof=1) / one.size + other.var(ddof=1) / other.size)
    return {"value": float(one.mean() - other.mean()), "error": float(error)}


def firms(traffic: float, deceptive: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(a): members of firms less independents."""
    rng = stream(seed, f"firms {traffic} {deceptive}")
    about = {"panel": "firm", "traffic": traffic, "deceptive": deceptive}
    return [about | more(replace(dy.MCN, deceptive=deceptive), traffic, size, rng)]


def training(traffic: float, gain: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(b): the trained less others, whose skill they have without it."""
    rng = stream(seed, f"training {traffic} {gain}")
    about = {"panel": "training", "traffic": traffic, "gain": gain}
    return [about | more(replace(dy.TRAINED, training=1, gain=gain), traffic, size, rng)]


# What is drawn beside it.


def stays(living: Any, months: int = MONTHS) -> Any:
    """S_n."""
    return survival(living, hazard=HAZARD, months=months)


def members_more(traffic: float, deceptive: Any) -> Any:
    """Members of firms less independents by formula."""
    honest, alone = stays(dy.MCN.wage * traffic), stays(dy.INDEPENDENT.wage * traffic)
    return (1 - deceptive) * honest + deceptive * stays(0.0) - alone


def turning(traffic: float) -> float:
    """p+: the deceptive share at which members survive as independents do."""
    most, least = members_more(traffic, 0.0), members_more(traffic, 1.0)
    return float(most / (most - least))


def income() -> float:
    """Deceptive share at which members earn what independents do."""
    return 1.0 - dy.INDEPENDENT.wage / dy.MCN.wage


def trained_more(traffic: Any, gain: float) -> Any:
    """The trained less others by formula."""
    z, skill = np.asarray(traffic), dy.TRAINED.skill
    return stays(skill * z, 1) * stays((skill + gain) * z, MONTHS - 1) - stays(skill * z)


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(2.6)
    axes = figure.subplots(1, 2)
    draw_firms(pick(rows, panel="firm"), axes[0])
    draw_training(pick(rows, panel="training"), axes[1])
    for ax in axes:
        ax.axhline(0, color=BLACK, linewidth=0.6)
        ax.yaxis.set_major_formatter(percent)
    return figure


def points(rows: Sequence[Row], x: Sequence[float], ax: Any, **look: Any) -> None:
    """Differences with two standard errors."""
    y, error = entries(rows, "value", "error")
    ax.errorbar(x, y, 2 * error, linewidth=0, elinewidth=0.9, markersize=4, capsize=1.5, **look)


def draw_firms(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0, 0.21, 50)
    for traffic, colour, marker in zip(LIVES, (SKY, BLACK, PURPLE), "vos", strict=True):
        mine = pick(rows, traffic=traffic)
        ax.plot(grid, members_more(traffic, grid), color=colour, linewidth=0.9)
        points(mine, [row["deceptive"] for row in mine], ax, color=colour, marker=marker, label=f"{traffic:g} ν")
        ax.plot([turning(traffic)], [0], "|", color=colour, markersize=12, markeredgewidth=1.5)
    ax.axvline(income(), color=BLACK, linewidth=0.6, linestyle=":")
    ax.legend(title="Traffic of each", loc="upper right", fontsize=6.5, ncols=3, columnspacing=0.8, handletextpad=0.2)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="Firms that deceive (%)", ylabel="Survivors of 100 after 6 months,\nmembers less independents")
    ax.set_title("(a) In a firm; lines: formula, dotted: equal incomes", loc="left")


def draw_training(rows: Sequence[Row], ax: Any) -> None:
    grid, nothing = np.geomspace(0.04, 5, 200), 0.025
    for gain, colour, marker in zip(GAINS, (BLUE, ORANGE), "os", strict=True):
        mine = pick(rows, gain=gain)
        ax.plot(grid, trained_more(grid, gain), color=colour, linewidth=0.9)
        x = [row["traffic"] or nothing for row in mine]
        points(mine, x, ax, color=colour, marker=marker, label=f"+{gain:g} of skill")
    ax.set_xscale("log")
    ticks = {nothing: "none", 0.1: "0.1", 0.5: "0.5", 1.0: "1", 4.0: "4"}
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()
    ax.legend(title="Training of a month", loc="upper left", fontsize=6.5)
    ax.set(xlabel="Traffic floor of a newcomer (ν)", ylabel="Survivors of 100 after 6 months,\ntrained less others")
    ax.set_title("(b) Trained; lines: formula, bars: 2 standard errors", loc="left")


# What is claimed.


def near(row: Row, expected: float) -> None:
    """A simulated number is that of the formula."""
    assert abs(row["value"] - expected) <= FAR * row["error"], (row, expected)


def deceived(rows: Sequence[Row]) -> str:
    """A7: members survive less than independents from p+ on."""
    said = []
    for traffic in LIVES:
        mine = pick(rows, panel="firm", traffic=traffic)
        for row in mine:
            near(row, float(members_more(traffic, row["deceptive"])))
        found, error = crossed(mine)
        assert abs(found - turning(traffic)) <= FAR * error, (traffic, found, error)
        said.append(f"{found:.3f} +- {error:.3f} ({turning(traffic):.3f}) at {traffic:g} nu")
    return (
        f"Members of firms survive less than independents from a deceptive share of {', '.join(said)} on, by "
        f"simulation (by formula); incomes are equal at {income():.3f}."
    )


def crossed(rows: Sequence[Row]) -> tuple[float, float]:
    """Where a straight line through what was simulated, which the difference is in p, is zero, and its error."""
    x, y, error = entries(rows, "deceptive", "value", "error")
    (slope, level), covariance = np.polyfit(x, y, 1, w=1.0 / error, cov="unscaled")
    found = -level / slope
    gradient = np.array([found, 1.0])
    return float(found), float(np.sqrt(gradient @ covariance @ gradient) / abs(slope))


def taught(rows: Sequence[Row]) -> str:
    """A8: training keeps newcomers where they have traffic."""
    told = pick(rows, panel="training")
    for row in told:
        near(row, float(trained_more(row["traffic"], row["gain"])))
    without, low, enough = (pick(told, gain=GAINS[0], traffic=traffic)[0] for traffic in (0.0, 0.1, 1.0))
    for row in (without, low):
        assert abs(row["value"]) <= 0.005 + FAR * row["error"], row
    assert enough["value"] > FAR * enough["error"], enough
    said = [f"{100 * row['value']:+.1f} +- {100 * row['error']:.1f}" for row in (without, low, enough)]
    return (
        f"Training that adds {GAINS[0]:g} of skill changes survivors of 100 over {MONTHS} months by {said[0]} without "
        f"traffic, {said[1]} at a tenth of nu and {said[2]} under a floor of nu."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about, few = {"size": SIZES[scale], "seed": options.seed}, EVERY[scale]
    cells: list = [(firms, about | {"traffic": z, "deceptive": p}) for z in LIVES for p in DECEPTIVE[::few]]
    cells += [(training, about | {"traffic": z, "gain": gain}) for z in TRAFFIC[::few] for gain in GAINS]
    Lab.of("newcomer_paths", options).answer(cells, draw, deceived, taught, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
