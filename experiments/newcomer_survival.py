"""Which newcomers are still there under even floors, lotteries, firms and training, played month by month?

`newcomer_floors.py` evaluates the curve of survival; here worlds are played in which newcomers leave by chance. With z
times the impressions nu that it lives on a newcomer leaves within a month with probability m / (1 + z^k) and survives n
months with S(z) = (1 - m / (1 + z^k))^n. The formula is drawn as lines; markers are simulated worlds.

A budget of R impressions for N newcomers (T5) keeps most extra ones with floors of x*, the tangent point of
S(z) - S(0) = z S'(z): x* = nu over one month at k = 2. For 40 newcomers, R = 10 nu and m = 1, floors of nu / 4 for all
keep 40 (1/16) / (1 + 1/16) = 2.35, ten floors of nu 10 / 2 = 5. Where R / N is below x* a lottery of floors at x* beats
an even floor, and from x* on every lottery loses to it.

A member of a firm sells 1 + a times as much and keeps 1 - phi of it, or nothing in the part p of firms that deceive; an
independent sells 1 - b (A7). Incomes are equal at p = 1 - (1 - b) / ((1 + a)(1 - phi)). Derived here: survival with z
impressions is equal at

    p+ = (S(w z) - S(w0 z)) / (S(w z) - S(0)),    w = (1 + a)(1 - phi),  w0 = 1 - b,

as a member stays with probability (1 - p) S(w z) + p S(0). Training for a month that lifts w0 to w0 + g (A8) makes
S1(w0 z)^n into S1(w0 z) S1((w0 + g) z)^(n - 1), S1 being survival of a month: both tend to S(0) as z does, so that
training without traffic keeps nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.closed_forms import best_floor, survival
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from allocator.synthetic.presets import KUAISHOU

HAZARD = 0.3
"""m a month in all panels but (a), an assumption; k = 2 in all of them."""
MONTHS = (1, 3, 6, 12)
QUARTER = 0.25
"""R / (N nu) in (a)."""
SUPPLY = 6.0
"""Impressions of a month per newcomer, in nu: enough for the largest floors."""
SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0)
"""Parts of the newcomers who get a floor in (a)."""
BUDGETS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0)
"""R / (N x*) in (b) and (c)."""
MOST = 0.8
"""Part of the newcomers who win in a lottery from x* on; floors of x* would leave a part of R, so theirs are larger."""
LIVES = (0.5, 1.0, 2.0)
"""Traffic in (e), in nu."""
DECEPTIVE = (0.0, 0.05, 0.1, 0.15, 0.2)
TRAFFIC = (0.0, 0.05, 0.1, 0.3, 1.0, 2.0, 4.0)
"""Traffic in (f), in nu; 0 is a platform without floors."""
GAINS = (0.2, 1.0)
"""What training adds to skill: the assumption of the package, and five times that."""
STAY = 6
"""Months in (e) and (f)."""
SIZES = {"full": (16_000, 10), "quick": (4_000, 2)}
"""Newcomers of a world, and worlds; newcomers leave independently, and errors are those of the mean over them."""
EVERY = {"full": 1, "quick": 2}
"""Of the values above every so many are simulated, but for the crossovers."""
PLATFORM = {"full": (600, 150, 365, 6), "quick": (300, 80, 120, 2)}
"""Segments, anchors, days and seeds in (d)."""
PARTS = (0.02, 0.06)
"""Parts of the supply that are a budget of newcomers' impressions in (d), assumptions."""
NEWCOMERS = 0.3
"""Share of the anchors in (d), an assumption: enough of them to divide a budget; the preset itself has .03."""
GAP = 1e-2
"""Proved each day in (d)."""
FAR = 4.0
"""Standard errors by which a simulated number may miss the formula."""
HORIZONS = dict(zip(MONTHS, zip((BLACK, VERMILLION, PURPLE, GREY), "oD^s", strict=True), strict=True))
LOTS = {
    "even": ("even floor", GREEN, "s", "-"),
    "once": ("lottery, drawn once", ORANGE, "o", "-"),
    "divided": ("even, freed traffic shared", GREEN, "P", ":"),
    "anew": ("lottery, free floors drawn anew", BLUE, "d", ":"),
}
WAYS = {
    "greedy": ("no floor", VERMILLION, "^"),
    "even": ("all traffic even", GREY, "s"),
    "small": ("floors of ν/4", PURPLE, "D"),
    "divided": ("even share of the budget", GREEN, "P"),
    "anew": ("lottery of floors at x*", BLUE, "d"),
}
NAMED = {way: label for way, (label, *_) in WAYS.items()}
COLUMNS = ("panel", "way", "months", "share", "budget", "traffic", "deceptive", "gain", "part", "value", "error")
COLUMNS += ("gmv", "gmv_error")


# What is measured.


@dataclass(frozen=True, eq=False)
class Divided(dy.Policy):
    """A budget of impressions in equal floors for all newcomers who are there; who leaves frees traffic for others."""

    budget: float
    otherwise: dy.Optimal = field(default_factory=dy.Optimal)

    def __call__(self, view: dy.View) -> dy.Decision:
        new = view.platform.anchors["newcomer"]
        levels = np.minimum(self.budget / max(int(new.sum()), 1), view.platform.reach)
        return replace(self.otherwise, rules=[al.Floor(levels, where="newcomer=True")])(view)


def cohort(count: int, winners: int = 0) -> al.Platform:
    """A segment of 6 impressions per newcomer, who live on one each, and a head who sells three times as well."""
    lot = np.repeat(["won", "lost", "none"], [winners, count - winners, 1])
    tier = np.repeat(["new", "head"], [count, 1])
    value, supply = np.repeat([1.0, 3.0], [count, 1]), np.array([SUPPLY * count])
    columns = {"tier": tier, "lot": lot}
    return al.Platform(np.array([0, count + 1]), np.arange(count + 1), value, supply, anchors=columns, currency="")


def newcomers(hazard: float = HAZARD) -> dy.Newcomers:
    """Periods are months, and last month's traffic decides."""
    return dy.Newcomers(viable=1.0, hazard=hazard, month=1, memory=1, where="tier=new")


def played(world: dy.World, policies: Mapping[str, dy.Policy], months: int, seeds: Sequence[int]) -> dy.Ensemble:
    found = dy.ensemble(world, policies, periods=months, seeds=seeds)
    assert not any(path["relaxed"].any() or path["failed"].any() for path in found.runs.values())
    return found


def there(found: dy.Ensemble, way: str, count: int) -> np.ndarray:
    """1 for every newcomer of every world who is there at the end under a policy, else 0."""
    return np.concatenate([path.final["present"][:count] for (name, _), path in found.runs.items() if name == way])


def estimate(sample: Any) -> Row:
    """Mean and standard error."""
    sample = np.asarray(sample)
    return {"value": float(sample.mean()), "error": float(sample.std(ddof=1) / np.sqrt(sample.size))}


def winning(budget: Any) -> Any:
    """Part of the newcomers who win in a lottery of a budget in N x*."""
    return np.where(np.asarray(budget) < 1.0, budget, MOST)


def seeds_of(seed: int, purpose: str, worlds: int) -> list[int]:
    return stream(seed, purpose).integers(0, 2**31, worlds).tolist()


def splits(shares: Sequence[float], size: tuple[int, int], seed: int) -> list[Row]:
    """(a): who is there after a month, of 40, if a quarter of nu per newcomer is divided among some of them."""
    (count, worlds), rows = size, []
    world = dy.World(cohort(count), (newcomers(hazard=1.0),))
    for share in shares:
        policy = dy.ViableFloors(QUARTER / SUPPLY, floor=QUARTER / share)
        found = played(world, {"lottery": policy}, 1, seeds_of(seed, "splits", worlds))
        rows.append({"panel": "split", "share": share} | estimate(40 * there(found, "lottery", count)))
    return rows


def lots(months: int, budget: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(b, c): part of the newcomers who survive some months under four divisions of a budget (in N x*)."""
    (count, worlds), star = size, best_floor(hazard=HAZARD, months=months)
    winners = round(float(winning(budget)) * count)
    policies = {
        "even": dy.Optimal(rules=[al.Floor(budget * star, where="tier=new")]),
        "once": dy.Optimal(rules=[al.Floor(budget * star * count / winners, where="lot=won")]),
    }
    if months == MONTHS[-1] and budget < 1.0:
        policies["divided"] = Divided(budget * star * count)
        policies["anew"] = dy.ViableFloors(budget * star / SUPPLY, months=months)
    world = dy.World(cohort(count, winners), (newcomers(),))
    found = played(world, policies, months, seeds_of(seed, f"lots {months}", worlds))
    stay = {way: there(found, way, count) for way in policies}
    about = {"panel": "lot", "months": months, "budget": budget}
    rows = [about | {"way": way} | estimate(each) for way, each in stay.items()]
    return [*rows, about | {"way": "difference"} | estimate(stay["once"] - stay["even"])]


def arrived(pathways: tuple[dy.Pathway, ...], traffic: float, size: tuple[int, int], rng: np.random.Generator) -> Row:
    """By how much the part who survive is larger among those who came by the first pathway than by the second.

    First they come, all in a month, to a platform where only the head is; then nobody else does.
    """
    (count, worlds), paths, ends = size, [], []
    platform, head = cohort(count), np.append(np.zeros(count), 1.0)
    come = dy.Arrivals(rate=2.0, pathways=pathways, firms=200_000, month=1)
    first = dy.World(platform, (newcomers(), come), {"present": head})
    floors = dy.Optimal(rules=[al.Floor(traffic, where="newcomer=True")] if traffic else [])
    for _ in range(worlds):
        start = dy.simulate(first, dy.Greedy(), periods=1, rng=rng).final
        then = dy.World(platform, (newcomers(), replace(come, rate=0.0)), start.stocks)
        end = dy.simulate(then, floors, periods=STAY, rng=rng).final
        paths.append(start["pathway"])
        ends.append(end["present"])
    path, end = np.concatenate(paths), np.concatenate(ends)
    one, other = (estimate(end[path == number]) for number in (1.0, 2.0))
    return {"value": one["value"] - other["value"], "error": float(np.hypot(one["error"], other["error"]))}


def firms(traffic: float, deceptive: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(e): members of firms less independents."""
    members = replace(dy.MCN, share=0.5, deceptive=deceptive)
    more = arrived(
        (members, replace(dy.INDEPENDENT, share=0.5)), traffic, size, stream(seed, f"firms {traffic} {deceptive}")
    )
    return [{"panel": "firm", "traffic": traffic, "deceptive": deceptive} | more]


def training(traffic: float, gain: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(f): the trained less others of their skill."""
    trained = replace(dy.TRAINED, share=0.5, training=1, gain=gain)
    more = arrived(
        (trained, replace(dy.INDEPENDENT, share=0.5)), traffic, size, stream(seed, f"training {traffic} {gain}")
    )
    return [{"panel": "training", "traffic": traffic, "gain": gain} | more]


def year(size: tuple[int, int, int, int], seed: int, draw: int) -> list[Row]:
    """(d): a platform by the day, with arrivals, under several policies and one chance."""
    segments, anchors, days, _ = size
    drawn = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(segments, anchors, rng=stream(seed, f"platform {draw}"))
    platform = al.public_part(drawn)
    world = dy.World(platform, (dy.Newcomers(hazard=HAZARD), dy.Arrivals()))
    optimal, supply = dy.Optimal(relative_gap=GAP), float(platform.supply.sum())
    policies: dict[tuple[str, float], dy.Policy] = {("greedy", 0.0): dy.Greedy(), ("even", 1.0): dy.Even()}
    for part in PARTS:
        policies["small", part] = dy.ViableFloors(part, floor=0.25, otherwise=optimal)
        policies["divided", part] = Divided(part * supply, optimal)
        policies["anew", part] = dy.ViableFloors(part, months=STAY, otherwise=optimal)
    began, rows = int((platform.anchors["tier"] == "new").sum()), []
    for (way, part), policy in policies.items():
        path = dy.simulate(world, policy, periods=days, rng=stream(seed, f"year {draw}"))
        assert not path["failed"].any(), (way, part)
        ever = began + path["came"].sum()
        stay, gmv = 1.0 - path["newcomers_left"].sum() / ever, path["gmv"].mean()
        rows.append({"panel": "year", "way": way, "part": part, "draw": draw, "stay": stay, "sales": gmv})
    first = rows[0]
    return [row | {"more": row["stay"] - first["stay"], "sales": row["sales"] / first["sales"]} for row in rows]


def averaged(rows: Sequence[Row]) -> list[Row]:
    """Survival beyond that without floors, and GMV over that without, for every policy of (d), over draws."""
    found = []
    for way, part in dict.fromkeys((row["way"], row["part"]) for row in rows):
        mine = pick(rows, way=way, part=part)
        gmv = estimate([row["sales"] for row in mine])
        about = {"panel": "year mean", "way": way, "part": part, "gmv": gmv["value"], "gmv_error": gmv["error"]}
        about["stay"] = float(np.mean([row["stay"] for row in mine]))
        found.append(about | estimate([row["more"] for row in mine]))
    return found


# What is drawn beside it.


def stays(z: Any, months: int = STAY, hazard: float = HAZARD) -> Any:
    """S(z)."""
    return survival(z, hazard=hazard, months=months)


def difference(budget: Any, months: int) -> Any:
    """Lottery less even floor by formula."""
    star, won = best_floor(hazard=HAZARD, months=months), winning(budget)
    return won * stays(budget * star / won, months) + (1 - won) * stays(0.0, months) - stays(budget * star, months)


def members_less(traffic: float, deceptive: Any) -> Any:
    """Members of firms less independents by formula."""
    honest, alone = stays(dy.MCN.wage * traffic), stays(dy.INDEPENDENT.wage * traffic)
    return (1 - deceptive) * honest + deceptive * stays(0.0) - alone


def turning(traffic: float) -> float:
    """p+: the deceptive share at which members survive as independents do."""
    honest, alone = stays(dy.MCN.wage * traffic), stays(dy.INDEPENDENT.wage * traffic)
    return float((honest - alone) / (honest - stays(0.0)))


def trained_more(traffic: Any, gain: float) -> Any:
    """The trained less others by formula."""
    z, skill = np.asarray(traffic), dy.TRAINED.skill
    return stays(skill * z, 1) * stays((skill + gain) * z, STAY - 1) - stays(skill * z)


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 2, figsize=(al.plots.DOUBLE, 7.6), layout="constrained")
    draw_splits(pick(rows, panel="split"), axes[0, 0])
    draw_crossovers(pick(rows, panel="lot", way="difference"), axes[0, 1])
    draw_lots(pick(rows, panel="lot", months=MONTHS[-1]), axes[1, 0])
    draw_year(pick(rows, panel="year mean"), axes[1, 1])
    draw_firms(pick(rows, panel="firm"), axes[2, 0])
    draw_training(pick(rows, panel="training"), axes[2, 1])
    return figure


def points(rows: Sequence[Row], key: str, ax: Any, **look: Any) -> None:
    """Means with two standard errors."""
    x, y, error = [row[key] for row in rows], [row["value"] for row in rows], [2 * row["error"] for row in rows]
    ax.errorbar(x, y, error, linewidth=0, elinewidth=0.9, markersize=4, capsize=1.5, **look)


def draw_splits(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.02, 1, 200)
    ax.plot(40 * grid, 40 * grid * stays(QUARTER / grid, 1, 1.0), color=BLACK, linewidth=0.9)
    shown = [row | {"winners": 40 * row["share"]} for row in rows]
    for here, colour, marker in ((True, GREEN, "s"), (False, ORANGE, "o")):
        points([row for row in shown if (row["share"] == 1) == here], "winners", ax, color=colour, marker=marker)
    ax.annotate("even floor", (40, 2.35), (39, 3.1), ha="right", color=GREEN)
    ax.annotate("ten floors of ν", (10, 5), (13, 5.0), va="center", color=ORANGE)
    ax.set(
        xlabel="Newcomers who share 10 ν, of 40", ylabel="Survivors of a month\n(m = 1)", xlim=(0, 41), ylim=(0, 5.6)
    )
    ax.set_title("(a) lines: formula; bars: 2 standard errors", loc="left")


def draw_crossovers(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.1, 2.05, 300)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.axvline(1, color=BLACK, linewidth=0.6, linestyle=":")
    for months, (colour, marker) in HORIZONS.items():
        star = best_floor(hazard=HAZARD, months=months)
        for part in (grid[grid < 1], grid[grid >= 1]):
            ax.plot(part, 100 * difference(part, months), color=colour, linewidth=0.9)
        mine = [row | {"value": 100 * row["value"], "error": 100 * row["error"]} for row in pick(rows, months=months)]
        label = f"{months} month{'s' * (months > 1)}, x* = {star:.2f} ν"
        points(mine, "budget", ax, color=colour, marker=marker, label=label)
    ax.legend(loc="lower left", fontsize=6)
    ax.set(xlabel="Budget per newcomer, R / N (x*)", ylabel="Survivors of 100,\nlottery less even floor", xlim=(0, 2.1))
    ax.set_title("(b) below x*: floors of x*; else four of five win", loc="left")


def draw_lots(rows: Sequence[Row], ax: Any) -> None:
    """After a year, with floors for good and with what those who leave set free."""
    for way, (label, colour, marker, dashes) in LOTS.items():
        mine = [row for row in pick(rows, way=way) if row["budget"] < 1]
        x, y = [row["budget"] for row in mine], [row["value"] for row in mine]
        ax.plot(x, y, dashes, color=colour, linewidth=0.9)
        points(mine, "budget", ax, color=colour, marker=marker, label=label)
    ax.legend(loc="upper left", fontsize=6.5)
    ax.yaxis.set_major_formatter(percent)
    ax.set(
        xlabel="Budget per newcomer, R / N (x*)", ylabel="Survivors of 12 months (%)", xlim=(0.2, 0.95), ylim=(0, 0.85)
    )
    ax.set_title("(c) lines join markers", loc="left")


def draw_year(rows: Sequence[Row], ax: Any) -> None:
    for way, (label, colour, marker) in WAYS.items():
        mine = [] if way == "even" else pick(rows, way=way)
        x, y = [row["gmv"] for row in mine], [row["value"] for row in mine]
        look = {"color": colour, "marker": marker, "markersize": 4.5, "linewidth": 0.9, "capsize": 1.5}
        if mine:
            ax.errorbar(x, y, [row["error"] for row in mine], [row["gmv_error"] for row in mine], label=label, **look)
    even = pick(rows, way="even")[0]
    text = f"all traffic even:\n+{100 * even['value']:.0f} of 100,\n{100 * even['gmv']:.0f} % of GMV"
    ax.text(0.03, 0.06, text, transform=ax.transAxes, fontsize=6.5, color=GREY)
    ax.legend(loc="upper right", fontsize=6.5)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="GMV (% of that without floors)", ylabel="Newcomers who stay, of 100,\nbeyond those without floors")
    ax.set_title("(d) bars: 1 standard error", loc="left")


def draw_firms(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0, 0.21, 50)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for traffic, colour, marker in zip(LIVES, (SKY, BLACK, PURPLE), "vos", strict=True):
        ax.plot(grid, 100 * members_less(traffic, grid), color=colour, linewidth=0.9)
        mine = [row | {"value": 100 * row["value"], "error": 100 * row["error"]} for row in pick(rows, traffic=traffic)]
        points(mine, "deceptive", ax, color=colour, marker=marker, label=f"{traffic:g} ν")
        ax.plot([turning(traffic)], [0], "|", color=colour, markersize=12, markeredgewidth=1.5)
    ax.axvline(income(), color=BLACK, linewidth=0.6, linestyle=":")
    ax.legend(title="Traffic of each", loc="lower left", fontsize=6.5)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="Firms that deceive (%)", ylabel="Survivors of 100 after 6 months,\nmembers less independents")
    ax.set_title("(e) dotted: equal income", loc="left")


def income() -> float:
    """Deceptive share at which members earn what independents do."""
    return 1.0 - dy.INDEPENDENT.wage / dy.MCN.wage


def draw_training(rows: Sequence[Row], ax: Any) -> None:
    grid, nothing = np.geomspace(0.04, 5, 200), 0.025
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for gain, colour, marker in zip(GAINS, (BLUE, ORANGE), "os", strict=True):
        ax.plot(grid, 100 * trained_more(grid, gain), color=colour, linewidth=0.9)
        mine = [
            row | {"value": 100 * row["value"], "error": 100 * row["error"], "traffic": row["traffic"] or nothing}
            for row in pick(rows, gain=gain)
        ]
        points(mine, "traffic", ax, color=colour, marker=marker, label=f"+{gain:g} of skill")
    ax.set_xscale("log")
    ticks = {nothing: "none", 0.1: "0.1", 0.5: "0.5", 1.0: "1", 4.0: "4"}
    ax.set_xticks(list(ticks), list(ticks.values()))
    ax.minorticks_off()
    ax.legend(title="Training of a month", loc="upper left", fontsize=6.5)
    ax.set(xlabel="Traffic floor of a newcomer (ν)", ylabel="Survivors of 100 after 6 months,\ntrained less others")
    ax.set_title("(f)", loc="left")


# What is claimed.


def near(row: Row, expected: float) -> None:
    """A simulated number is that of the formula."""
    assert abs(row["value"] - expected) <= FAR * row["error"] + 1e-12, (row, expected)


def tickets(rows: Sequence[Row]) -> str:
    """T5, one month: 2.35 against 5."""
    told = pick(rows, panel="split")
    for row in told:
        near(row, 40 * row["share"] * float(stays(QUARTER / row["share"], 1, 1.0)))
    even, best = pick(told, share=1.0)[0], max(told, key=lambda row: row["value"])
    assert best["share"] == QUARTER, best
    return (
        f"Of 40 newcomers who share 10 nu an even floor keeps {even['value']:.2f} +- {even['error']:.2f}, ten floors "
        f"of nu keep {best['value']:.2f} +- {best['error']:.2f}, and no other number of floors tried keeps more."
    )


def crossovers(rows: Sequence[Row]) -> str:
    """P4: the sign of lottery less even floor changes at R / N = x*."""
    told, said = pick(rows, panel="lot"), []
    for row in told:
        star, won = best_floor(hazard=HAZARD, months=row["months"]), winning(row["budget"])
        z = row["budget"] * star
        lottery = won * stays(z / won, row["months"]) + (1 - won) * stays(0.0, row["months"])
        expected = {
            "even": stays(z, row["months"]),
            "once": lottery,
            "difference": difference(row["budget"], row["months"]),
        }
        if row["way"] in expected:
            near(row, float(expected[row["way"]]))
    clear = {1: set(BUDGETS), -1: set(BUDGETS)}
    for months in MONTHS:
        mine = {row["budget"]: row for row in pick(told, way="difference", months=months)}
        for sign, budgets in clear.items():
            budgets &= {b for b, row in mine.items() if sign * row["value"] > 2 * row["error"]}
        said.append(f"{best_floor(hazard=HAZARD, months=months):.2f}")
    assert max(clear[1]) < 1.0 <= min(clear[-1]), clear
    return (
        f"A lottery of floors at x* keeps more than an even floor at budgets up to {max(clear[1]):g} x* per newcomer, "
        f"and a lottery of larger ones fewer from {min(clear[-1]):g} x* on, x* = {', '.join(said)} nu for "
        f"{', '.join(map(str, MONTHS))} months (seen at two standard errors)."
    )


def freed(rows: Sequence[Row]) -> str:
    """What those who leave set free helps whoever gets it, and an even floor most: it grows into one to live on."""
    told = pick(rows, panel="lot", months=MONTHS[-1])
    budgets = sorted({row["budget"] for row in pick(told, way="anew")})
    for budget in budgets:
        even, once, divided, anew = (pick(told, budget=budget, way=way)[0] for way in LOTS)
        for better, worse in ((once, even), (anew, once), (divided, anew)):
            slack = FAR * np.hypot(better["error"], worse["error"])
            assert better["value"] > worse["value"] - (slack if budget > 0.5 else -slack), (better, worse)
    at = [100 * pick(told, budget=budgets[0], way=way)[0]["value"] for way in LOTS]
    return (
        f"Over a year and with {budgets[0]:g} x* per newcomer {at[0]:.1f} % survive under the even floor, {at[1]:.1f} "
        f"% in the lottery, {at[3]:.1f} % if free floors are drawn anew, {at[2]:.1f} % if freed traffic is shared."
    )


def platforms(rows: Sequence[Row]) -> str:
    """On a platform with arrivals floors of nu / 4 for all are too small; larger ones of one budget keep more."""
    told, part, said = pick(rows, panel="year mean"), PARTS[-1], []
    paired = {way: np.array([row["more"] for row in pick(rows, panel="year", way=way, part=part)]) for way in WAYS}
    for way in ("small", "anew", "divided"):
        assert way == "small" or paired[way].mean() >= paired["small"].mean(), paired
        row = pick(told, way=way, part=part)[0]
        more, gmv = f"{100 * row['value']:.1f} +- {100 * row['error']:.1f}", f"{100 * row['gmv']:.1f} % of GMV"
        said.append(f"{NAMED[way]} {more} at {gmv}")
    apart = estimate(paired["divided"] - paired["anew"])
    return (
        f"On a platform with arrivals, of 100 newcomers {part:.0%} of the traffic keep beyond no floors: "
        f"{', '.join(said)} (even share less lottery {100 * apart['value']:.1f} +- {100 * apart['error']:.1f}; floors "
        f"of ν/4 for all need less than the budget)."
    )


def deceived(rows: Sequence[Row]) -> str:
    """A7: members survive less than independents from p+ on."""
    said = []
    for traffic in sorted({row["traffic"] for row in pick(rows, panel="firm")}):
        mine = pick(rows, panel="firm", traffic=traffic)
        for row in mine:
            near(row, float(members_less(traffic, row["deceptive"])))
        found, error = crossed(mine)
        assert abs(found - turning(traffic)) <= FAR * error, (traffic, found, error)
        said.append(f"{found:.3f} +- {error:.3f} ({turning(traffic):.3f}) at {traffic:g} nu")
    return (
        f"Members of firms survive less than independents from a deceptive share of {', '.join(said)} on, by "
        f"simulation (by formula); incomes are equal at {income():.3f}."
    )


def crossed(rows: Sequence[Row]) -> tuple[float, float]:
    """Where a straight line through what was simulated, which the difference is in p, is zero, and its error."""
    x, y, error = (np.array([row[key] for row in rows]) for key in ("deceptive", "value", "error"))
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
        f"Training that adds {GAINS[0]:g} of skill changes survivors of 100 over {STAY} months by {said[0]} without "
        f"traffic, {said[1]} at a tenth of nu and {said[2]} under a floor of nu."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about: dict[str, Any] = {"size": SIZES[scale], "seed": options.seed}
    few, size = EVERY[scale], PLATFORM[scale]
    cells: list = [(splits, about | {"shares": SHARES[::few]})]
    cells += [(lots, about | {"months": months, "budget": budget}) for months in MONTHS for budget in BUDGETS[::few]]
    cells += [(year, {"size": size, "seed": options.seed, "draw": draw_}) for draw_ in range(size[-1])]
    cells += [(firms, about | {"traffic": z, "deceptive": p}) for z in LIVES for p in DECEPTIVE[::few]]
    cells += [(training, about | {"traffic": z, "gain": gain}) for z in TRAFFIC[::few] for gain in GAINS[::few]]
    lab = Lab("newcomer_survival", options.out, {"quick": options.quick, "seed": options.seed})
    rows = lab.measured(cells)
    rows += averaged(pick(rows, panel="year"))
    lab.finish(draw, rows, columns=COLUMNS)
    claims = (tickets, crossovers, freed, platforms, deceived, taught)
    print(*(claim(rows) for claim in claims), sep="\n")


if __name__ == "__main__":
    run(main)
