"""What is left of a subsidy once it ends?

In a phase of D days red envelopes bring b fans for every fan that public traffic brings by itself (s4: half of new
fans, so b = 1), and anchors leave a part of their work to tools: skill K, which all GMV is in proportion to, loses w of
itself a day to tools and gains l of what it lacks by own work. Then both end. Derived here, for constant exposure e:

- At rest there are kappa e / mu fans. Subsidised ones come at b kappa e a day and leave at mu_s, so that t days after
  the phase there are b (mu / mu_s)(1 - (1 - mu_s)^D)(1 - mu_s)^t of those at rest beyond them (T10, for mu_s >= mu).
- In the phase the deficit 1 - K goes to U = w q / (w q + l (1 - q)), q the part left to tools, by the factor
  1 - w q - l (1 - q) a day, and after it to 0 by 1 - l. So GMV over that of the path without a subsidy is
  (1 - C (1 - l)^t)(1 + phi B (1 - mu_s)^t), C and B deficit and excess at the end, phi the private part of GMV at rest.
  At t = 0 it is below 1 iff C > phi B / (1 + phi B). If it is not, C (1 - l)^t <= phi B (1 - mu_s)^t / (1 + phi B
  (1 - mu_s)^t) then and, for l >= mu_s, ever after, as the right side falls more slowly; for l < mu_s and C > 0 the
  left side is larger in the end. So GMV falls below for a while iff C > 0 and l < mu_s, or C > phi B / (1 + phi B)
  (P9); without forgetting C = 0, and never.
- A fan brings a v private GMV a day from the day after it comes, v that of a private impression: with the discount
  factor d, a v d / (1 - d (1 - mu_s)), above which it costs more than it sells.

Markers, cells and paths are simulated; the closed forms are lines. Assumptions: mu = .03 a day, a = 1 visit per fan and
day, 1 RMB per public impression (a private one sells four times that, s4), half of the work left to tools, l, w and
mu_s. Costs are held against GMV, of which a platform earns a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, halved, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION

DECAY, STRENGTH, EFFICIENCY = 0.03, 1.0, 4.0
REST = 3 / 7
"""Fans at rest per public impression a day, and private impressions: 70 % of traffic is public (s4)."""
PRIVATE = EFFICIENCY * REST / (1 + EFFICIENCY * REST)
"""phi of one anchor, 63.16 %."""
SHORT, LONG, PHASE = 30, 365, 60
"""Days: the short and the long phase of (a), and that of (c) to (f)."""
SINCE = 120
"""Days after the phase in (a, b)."""
STATED = {(LONG, 23): 0.496, (LONG, 46): 0.246, (LONG, 90): 0.064, (SHORT, 23): 0.297}
LEFT = {(10, 0.03): (SKY, "v"), (30, 0.03): (BLUE, "o"), (90, 0.03): (BLACK, "s"), (90, 0.06): (ORANGE, "^")}
LEFT |= {(90, 0.12): (VERMILLION, "D")}
"""D and mu_s of (b)."""
TOOLS = 0.5
CASES = {
    (0.0, 0.01): ("no forgetting", BLACK, "-", "o"),
    (0.02, 0.05): ("w = .02, l = .05", GREEN, "--", "s"),
    (0.05, 0.05): ("w = .05, l = .05", ORANGE, "-.", "^"),
    (0.01, 0.01): ("w = .01, l = .01", PURPLE, ":", "D"),
}
"""w and l of (c) and (f)."""
FORGETTING = {"full": [round(0.004 * k, 3) for k in range(14)], "quick": [0.0, 0.014, 0.028, 0.042]}
LEARNING = {"full": [round(0.0025 + 0.005 * k, 4) for k in range(16)], "quick": [0.01, 0.02, 0.04, 0.06]}
AFTER = {"full": 1_000, "quick": 400}
"""Days after the phase over which GMV may fall below that without a subsidy, however little."""
ROUNDING = 1e-12
COSTS = {"full": tuple(range(0, 121, 15)), "quick": (0, 30, 60, 120)}
"""RMB per subsidised fan."""
SUBSIDIES = {
    "": {},
    ", μₛ = .06": {"decay": 0.06},
    ", tools": {"tools": TOOLS, "forgetting": 0.02, "learning": 0.05},
}
FANS = {
    (0.99, ""): (BLACK, "o"),
    (0.95, ""): (BLUE, "s"),
    (0.9, ""): (SKY, "v"),
    (0.99, ", μₛ = .06"): (ORANGE, "^"),
    (0.99, ", tools"): (GREEN, "D"),
}
"""Discount factor and subsidy of (e)."""
UNTIL = 1_000
"""Days over which a gain is counted; d^1000 (1 - mu)^940 < 1e-16."""
YEAR, FIRST = 365, 60
SIZES = {"full": (1_000, 200), "quick": (200, 40)}
DRAWS = {"full": 5, "quick": 1}
COLUMNS = ("panel", "length", "decay", "forgetting", "learning", "since", "fans", "gmv", "shortfall")
COLUMNS += ("kind", "discount", "cost", "net", "draw", "day")


# What is measured.


def played(periods: int, **subsidy: Any) -> dy.Trajectory:
    """One anchor at rest with an impression a day that sells 1 RMB; nothing is drawn by chance."""
    mechanisms = (dy.Flywheel(decay=DECAY), dy.Subsidies(strength=STRENGTH, **subsidy))
    world = dy.World(al.synthetic.star([1.0]), mechanisms, {"fans": REST})
    return dy.simulate(world, dy.Even(), periods=periods, rng=stream(0, "none"))


def left(length: int, decay: float) -> list[Row]:
    """Fans and GMV over those of rest, by days since the last one of a phase."""
    before = 10
    path = played(before + length + SINCE + 1, phases=((before, length),), decay=decay)
    # The column of a day tells of fans at its end, who buy on the next.
    fans = np.concatenate(([REST], (path["fans"] + path["subsidised_fans"])[:-1])) / REST - 1.0
    gmv = path["gmv"] / path["gmv"][0] - 1.0
    about = {"panel": "left", "length": length, "decay": decay}
    return [
        about | {"since": day - before - length, "fans": float(fans[day]), "gmv": float(gmv[day])}
        for day in range(fans.size)
    ]


def unlearned(forgetting: float, learning: float) -> list[Row]:
    """GMV of one anchor over that without a subsidy, before, in and after a phase with tools."""
    before, after = 10, 240
    skills = {"tools": TOOLS, "forgetting": forgetting, "learning": learning}
    path = played(before + PHASE + after, phases=((before, PHASE),), **skills)
    gmv, about = path["gmv"] / path["gmv"][0] - 1.0, {"panel": "path", "forgetting": forgetting, "learning": learning}
    return [about | {"since": day - before - PHASE, "gmv": float(gmv[day])} for day in range(gmv.size)]


def shortfalls(forgetting: float, learnings: Sequence[float], decay: float, after: int) -> list[Row]:
    """How far GMV falls below that without a subsidy once the phase is over, as a part of it."""
    rows, about = [], {"panel": "below", "forgetting": forgetting, "decay": decay}
    never = played(PHASE, phases=())["gmv"]
    for learning in learnings:
        skills = {"tools": TOOLS, "forgetting": forgetting, "learning": learning}
        path = played(PHASE + after, phases=((0, PHASE),), decay=decay, **skills)
        lowest = float(path["gmv"][PHASE:].min() / never[-1])
        rows.append(about | {"learning": learning, "shortfall": 1.0 - lowest})
    return rows


def gains(kind: str, costs: Sequence[float]) -> list[Row]:
    """Discounted GMV that a subsidy brings, less what it costs, per fan as of the day it comes."""
    subsidy, never, rows = SUBSIDIES[kind], played(UNTIL, phases=()), []
    for cost in costs:
        path = played(UNTIL, phases=((0, PHASE),), cost=cost, **subsidy)
        fans = path["subsidised_fans"]
        came = np.diff(fans, prepend=0.0) + subsidy.get("decay", DECAY) * np.concatenate(([0.0], fans[:-1]))
        gained = path["gmv"] - never["gmv"] - np.diff(path["subsidies_paid"], prepend=0.0)
        for d in (d for d, other in FANS if other == kind):
            weight = d ** np.arange(UNTIL)
            net = float((weight * gained).sum() / (weight * came).sum())
            rows.append({"panel": "cost", "kind": kind, "discount": d, "cost": cost, "net": net})
    return rows


def year(size: tuple[int, int], seed: int, draw: int) -> list[Row]:
    """GMV of a platform with a phase over that without, day by day, for subsidies with and without tools."""
    platform = al.public_part(al.synthetic.kuaishou(*size, rng=stream(seed, f"subsidy {size} {draw}")))
    policy, exposure = dy.Optimal(), []
    dy.simulate(
        dy.World(platform), policy, periods=1, rng=stream(0, "none"), watch=lambda day: exposure.append(day.exposure)
    )

    def simulated(*subsidies: dy.Subsidies) -> dy.Trajectory:
        world = dy.World(platform, (dy.Flywheel(decay=DECAY), *subsidies), {"fans": REST * exposure[0]})
        path = dy.simulate(world, policy, periods=YEAR, rng=stream(0, "none"))
        assert not path["failed"].any(), policy
        return path

    never, rows = simulated(), []
    private = float(never["gmv_private"][0] / never["gmv"][0])
    for forgetting, learning in CASES:
        skills = {"tools": TOOLS, "forgetting": forgetting, "learning": learning}
        gmv = simulated(dy.Subsidies(((FIRST, PHASE),), STRENGTH, **skills))["gmv"] / never["gmv"] - 1.0
        about = {"panel": "year", "draw": draw, "forgetting": forgetting, "learning": learning, "private": private}
        rows += [about | {"day": day, "gmv": float(gmv[day])} for day in range(YEAR)]
    return rows


# What is drawn beside it.


def excess(length: int, decay: float, since: Any) -> Any:
    """Fans beyond those of rest, of these (T10)."""
    return dy.closed_forms.fans_after_subsidy(STRENGTH * DECAY / decay, length, decay, since)


def deficit(forgetting: float, learning: float) -> float:
    """Skill that lacks at the end of a phase."""
    gone, back = forgetting * TOOLS, learning * (1.0 - TOOLS)
    return gone / (gone + back) * (1.0 - (1.0 - gone - back) ** PHASE)


def bearable(private: float = PRIVATE, decay: float = DECAY) -> float:
    """The deficit up to which GMV at the end of a phase is not below that without (P9)."""
    gain = private * excess(PHASE, decay, 0)
    return gain / (1.0 + gain)


def falls(forgetting: float, learning: float, private: float = PRIVATE, decay: float = DECAY) -> bool:
    """P9."""
    lacks = deficit(forgetting, learning)
    return lacks > 0 and (learning < decay or lacks > bearable(private, decay))


def boundary(learnings: Sequence[float]) -> list[Row]:
    """P9's boundary: no forgetting, learning as fast as fans leave, and a bearable deficit, by bisection."""
    points = [{"forgetting": 0.0, "learning": 0.0}, {"forgetting": 0.0, "learning": DECAY}]
    for learning in np.linspace(DECAY, max(learnings) * 1.2, 40).tolist():
        low, _ = halved(0.0, 1.0, 60, lambda w, learning=learning: deficit(w, learning) < bearable())
        points.append({"forgetting": low, "learning": learning})
    return points


def worth(d: float, kind: str) -> float:
    """What a fan sells in all, discounted, RMB."""
    return EFFICIENCY * d / (1.0 - d * (1.0 - SUBSIDIES[kind].get("decay", DECAY)))


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.4)
    # Rows of their own, so that the colour bar below takes no room above.
    halves = [half.subgridspec(1, 3) for half in figure.add_gridspec(2, 1)]
    (path, rate, skill), (phases, costs, platform) = (half.subplots() for half in halves)
    draw_phases(pick(rows, panel="left", decay=DECAY), path)
    draw_left(pick(rows, panel="left"), rate)
    draw_paths(pick(rows, panel="path"), skill)
    draw_below(pick(rows, panel="below", decay=DECAY), phases)
    draw_costs(pick(rows, panel="cost"), costs)
    draw_year(pick(rows, panel="year"), platform)
    handles, labels = skill.get_legend_handles_labels()
    title = "(c, f) Skill lost to tools, w, and learned, l, a day"
    figure.legend(handles, labels, title=title, loc="outside lower center", ncols=4, columnspacing=1.5)
    return figure


def draw_phases(rows: Sequence[Row], ax: Any) -> None:
    """Fans and GMV in and after a short and a long phase."""
    after = np.linspace(0, SINCE, 100)
    for length, colour, marker in ((LONG, BLACK, "s"), (SHORT, BLUE, "o")):
        mine = [row for row in pick(rows, length=length) if row["since"] >= -45]
        kinds = (("fans", colour, 1.0, "-", slice(0, None, 15)), ("gmv", "white", PRIVATE, "--", slice(7, None, 15)))
        for key, fill, part, dashes, places in kinds:
            ax.plot(after, 100 * part * excess(length, DECAY, after), dashes, color=colour, linewidth=0.9)
            label = f"{length} days" if key == "fans" else None
            look = {"color": colour, "markerfacecolor": fill, "markersize": 3.5, "label": label}
            ax.plot(*points(mine[places], "since", key), marker, **look)
    ax.axvline(0, color=GREY, linestyle=":")
    ax.set(xlabel="Days since the phase", ylabel="Fans, GMV beyond rest (%)", xlim=(-47, SINCE), ylim=(-3, 110))
    ax.legend(loc="upper right")
    ax.set_title("(a) filled: fans, hollow: GMV", loc="left")


def points(rows: Sequence[Row], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    across, up = entries(rows, x, y)
    return across, 100 * up


def draw_left(rows: Sequence[Row], ax: Any) -> None:
    after = np.linspace(0, SINCE, 100)
    for position, ((length, decay), (colour, marker)) in enumerate(LEFT.items()):
        mine = [row for row in pick(rows, length=length, decay=decay) if row["since"] >= 0]
        ax.plot(after, 100 * excess(length, decay, after), color=colour, linewidth=0.9)
        label = f"{length} days, {decay:g}".replace("0.", ".")
        look = {"color": colour, "markerfacecolor": "none", "markersize": 3.5, "label": label}
        ax.plot(*points(mine[4 * position :: 20], "since", "fans"), marker, **look)
    ax.set_yscale("log")
    ax.set_yticks((0.1, 1, 10, 100), ("0.1", "1", "10", "100"))
    ax.minorticks_off()
    ax.set(xlabel="Days since the phase", ylabel="Fans beyond rest (%)", xlim=(0, SINCE), ylim=(0.05, 1500))
    look = {"fontsize": 6, "title_fontsize": 6, "handletextpad": 0.1, "columnspacing": 0.6, "borderpad": 0}
    ax.legend(title="Length of the phase, rate of loss μₛ", loc="upper right", ncols=2, **look)
    ax.set_title("(b) lines: closed form", loc="left")


def draw_paths(rows: Sequence[Row], ax: Any) -> None:
    """GMV of one anchor after a phase with tools."""
    for (forgetting, learning), (label, colour, dashes, marker) in CASES.items():
        mine = pick(rows, forgetting=forgetting, learning=learning)
        x, y = points(mine, "since", "gmv")
        ax.plot(x, y, dashes, color=colour, marker=marker, markersize=3, markevery=40, label=label)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.axvline(0, color=GREY, linestyle=":")
    ax.set(xlabel="Days since the phase", ylabel="GMV beyond that without\na subsidy (%)", xlim=(-70, 240))
    ax.set_title("(c) one anchor", loc="left")


def draw_below(rows: Sequence[Row], ax: Any) -> None:
    words = {"forgetting": "Skill lost to tools, w (a day)", "learning": "Skill learned, l (a day)"}
    words["shortfall"] = "Deepest GMV below that\nwithout a subsidy (%)"
    cells = [row | {"shortfall": 100 * max(row["shortfall"], 0.0)} for row in rows]
    line = boundary([row["learning"] for row in rows])
    al.plots.phase_diagram(cells, ax, x="forgetting", y="learning", value="shortfall", boundary=line, words=words)
    below = [row for row in rows if row["shortfall"] > ROUNDING]
    x, y = entries(below, "forgetting", "learning")
    ax.plot(x, y, "o", color="white", markeredgecolor="black", markeredgewidth=0.3, markersize=1.8)
    ax.set_title("(d) dots: it falls below; line: closed form", loc="left")


def draw_costs(rows: Sequence[Row], ax: Any) -> None:
    """Net gain per fan, and where the closed form breaks even."""
    for (d, kind), (colour, marker) in FANS.items():
        mine = pick(rows, kind=kind, discount=d)
        label = f"δ = {d:g}{kind}".replace("0.", ".")
        x, y = entries(mine, "cost", "net")
        ax.plot(x, y, marker, color=colour, markerfacecolor="none", markersize=3.5, label=label)
        if "tools" in kind:
            ax.plot(x, y, ":", color=colour, linewidth=0.9)
        else:
            ax.plot(x, [worth(d, kind) - cost for cost in x], color=colour, linewidth=0.9)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.set(xlabel="Cost of a fan (RMB)", ylabel="Discounted GMV gained\nless cost (RMB per fan)")
    ax.set(xlim=(-4, 124), ylim=(-105, 170))
    ax.legend(loc="upper right", fontsize=6, ncols=2, columnspacing=0.6, handletextpad=0.1, borderpad=0)
    ax.set_title("(e) solid: closed form", loc="left")


def draw_year(rows: Sequence[Row], ax: Any) -> None:
    """GMV of platforms with a subsidy over that without."""
    draws = sorted({row["draw"] for row in rows})
    for (forgetting, learning), (_, colour, dashes, marker) in CASES.items():
        mine = pick(rows, forgetting=forgetting, learning=learning)
        paths = 100 * np.array([[row["gmv"] for row in pick(mine, draw=one)] for one in draws])
        days = np.arange(paths.shape[1])
        ax.plot(days, paths.mean(axis=0), dashes, color=colour, marker=marker, markersize=3, markevery=45)
        ax.fill_between(days, paths.min(axis=0), paths.max(axis=0), color=colour, alpha=0.25, linewidth=0)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for day in (FIRST, FIRST + PHASE):
        ax.axvline(day, color=GREY, linestyle=":")
    ax.set(xlabel="Day", ylabel="GMV beyond that without\na subsidy (%)", xlim=(0, YEAR), xticks=range(0, 361, 90))
    ax.set_title("(f) platforms, band: range", loc="left")


# What is claimed.


def decays(rows: Sequence[Row]) -> str:
    """T10, on every day, and GMV by phi times as much."""
    mine = [row for row in pick(rows, panel="left") if row["since"] >= 0]
    for row in mine:
        assert abs(row["fans"] - excess(row["length"], row["decay"], row["since"])) < 1e-9, row
        assert abs(row["gmv"] - PRIVATE * row["fans"]) < 1e-9, row
    said = []
    for (length, since), stated in STATED.items():
        found = pick(mine, length=length, decay=DECAY, since=since)[0]["fans"]
        assert abs(found - stated) < 6e-4, (length, since, found)
        said.append(f"{found:.3f} {since} days after {length}")
    return f"Of fans at rest a subsidy leaves {', '.join(said)}, as the closed form says on all {len(mine)} days."


def signs(rows: Sequence[Row]) -> str:
    """P9, cell by cell, for subsidised fans who leave as others do and for those who leave twice as fast."""
    mine = pick(rows, panel="below")
    for row in mine:
        forgets, learns, decay = row["forgetting"], row["learning"], row["decay"]
        assert (row["shortfall"] > ROUNDING) == falls(forgets, learns, decay=decay), row
    assert not any(row["shortfall"] > ROUNDING for row in pick(mine, forgetting=0.0))
    below = sum(row["shortfall"] > ROUNDING for row in mine)
    late = [row for row in mine if row["shortfall"] > ROUNDING and row["learning"] < row["decay"]]
    late = [row for row in late if deficit(row["forgetting"], row["learning"]) <= bearable(decay=row["decay"])]
    assert 0 < len(late) < below < len(mine), (len(late), below)
    return (
        f"GMV falls below that without a subsidy in {below} of {len(mine)} cells, exactly where P9 says, in "
        f"{len(late)} of them only later; without forgetting never. A deficit of {bearable():.3f} is bearable at once."
    )


def ways(rows: Sequence[Row]) -> str:
    """P9 along the paths of one anchor: below at once, later or never."""
    said = []
    for (forgetting, learning), (label, *_) in CASES.items():
        mine = pick(rows, panel="path", forgetting=forgetting, learning=learning)
        after = [row["gmv"] for row in mine if row["since"] >= 0]
        at_once, ever = after[0] < -ROUNDING, min(after) < -ROUNDING
        assert at_once == (deficit(forgetting, learning) > bearable()), label
        assert ever == falls(forgetting, learning), label
        said.append(f"{'at once' if at_once else 'later' if ever else 'never'} ({label})")
    assert [word.partition(" (")[0] for word in said] == ["never", "never", "at once", "later"], said
    return f"GMV of one anchor falls below that without a subsidy {', '.join(said)}."


def break_even(rows: Sequence[Row]) -> str:
    """The sign of the net gain changes at what a fan sells in all; tools lower that cost."""
    said, found = [], {}
    for d, kind in FANS:
        mine = sorted(pick(rows, panel="cost", kind=kind, discount=d), key=lambda row: row["cost"])
        turns = [(low, high) for low, high in pairwise(mine) if low["net"] > 0 >= high["net"]]
        assert len(turns) == 1, mine
        low, high = turns[0]
        cost = low["cost"] + low["net"] * (high["cost"] - low["cost"]) / (low["net"] - high["net"])
        if "tools" not in kind:
            assert abs(cost - worth(d, kind)) < 1e-6, (d, kind, cost, worth(d, kind))
        found[d, kind] = cost
        said.append(f"{cost:.1f} (δ = {d:g}{kind})")
    assert found[0.99, ", tools"] < found[0.99, ""], found
    return f"A fan pays up to RMB {', '.join(said)}; without tools that is the closed form."


def remains(rows: Sequence[Row]) -> str:
    """On platforms the excess of GMV decays as fans do, and falls below zero where P9 says at the platform's phi."""
    mine, said = pick(rows, panel="year"), []
    for forgetting, learning in CASES:
        draws = {row["draw"] for row in mine}
        for one in draws:
            path = pick(mine, forgetting=forgetting, learning=learning, draw=one)
            private, gmv = path[0]["private"], np.array([row["gmv"] for row in path])
            ended = gmv[FIRST + PHASE :]
            assert (ended.min() < -1e-6) == falls(forgetting, learning, private), (forgetting, learning, one)
            if forgetting == 0.0:
                theory = private * excess(PHASE, DECAY, np.arange(ended.size))
                assert np.abs(ended - theory).max() < 1e-6, one
        some = [row["gmv"] for row in pick(mine, forgetting=forgetting, learning=learning)]
        paths = np.reshape(some, (len(draws), -1))[:, FIRST:]
        first, quarter = paths[:, PHASE].mean(), paths[:, PHASE + 90].mean()
        whole = paths.sum(axis=1).mean() / PHASE
        said.append(f"{first:+.1%}, {quarter:+.2%} and {whole:+.1%} at w = {forgetting:g}, l = {learning:g}")
    shares = [row["private"] for row in pick(mine, day=0)]
    assert all(bearable(share) < bearable() for share in shares), shares
    return (
        f"On platforms with {np.mean(shares):.0%} of GMV private, where a deficit of {bearable(np.mean(shares)):.3f} "
        "is bearable at once, GMV on the first day after the phase, that a quarter of a year later, and that from the "
        f"phase on to the end of the year (of the GMV of {PHASE} days) differ by {'; '.join(said)}."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells: list = [(left, {"length": length, "decay": DECAY}) for length in (SHORT, LONG)]
    cells += [(left, {"length": length, "decay": decay}) for length, decay in LEFT if (length, decay) != (SHORT, DECAY)]
    cells += [(unlearned, {"forgetting": forgetting, "learning": learning}) for forgetting, learning in CASES]
    about = {"learnings": LEARNING[scale], "decay": DECAY, "after": AFTER[scale]}
    cells += [(shortfalls, {"forgetting": forgetting} | about) for forgetting in FORGETTING[scale]]
    about |= {"learnings": [0.015, 0.045, 0.075], "decay": 2 * DECAY}
    cells += [(shortfalls, {"forgetting": forgetting} | about) for forgetting in (0.0, 0.005, 0.05)]
    cells += [(gains, {"kind": kind, "costs": COSTS[scale]}) for kind in SUBSIDIES]
    cells += [(year, {"size": SIZES[scale], "seed": options.seed, "draw": one}) for one in range(DRAWS[scale])]
    Lab.of("subsidy", options).answer(cells, draw, decays, signs, ways, break_even, remains, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
