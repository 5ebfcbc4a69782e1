"""How many newcomers survive if a budget of floors is spread evenly, drawn by lot or passed on as others leave?

`newcomer_floors.py` evaluates the curve of survival; here worlds are played in which newcomers leave by chance. With z
times the impressions nu that it lives on a newcomer leaves within a month with probability m / (1 + z^k) and survives n
months with S(z) = (1 - m / (1 + z^k))^n. The formula is drawn as lines; markers are simulated worlds.

A budget of R impressions for N newcomers (T5) keeps most extra ones with floors of x*, the tangent point of
S(z) - S(0) = z S'(z): x* = nu over one month at k = 2. For 40 newcomers, R = 10 nu and m = 1, floors of nu / 4 for all
keep 40 (1/16) / (1 + 1/16) = 2.35, ten floors of nu 10 / 2 = 5. Where R / N is below x* a lottery of floors at x* beats
an even floor, and from x* on every lottery loses to it. What those who leave set free has no formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, mean_of, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.closed_forms import best_floor, survival
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
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
"""R / (N x*) in (b), and those below 1 in (c)."""
MOST = 0.8
"""Part of the newcomers who win in a lottery from x* on; floors of x* would leave a part of R, so theirs are larger."""
SIZES = {"full": (16_000, 10), "quick": (4_000, 2)}
"""Newcomers of a world, and worlds; newcomers leave independently, and errors are those of the mean over them."""
EVERY = {"full": 1, "quick": 2}
"""Of the values above every so many are simulated."""
PLATFORM = {"full": (600, 150, 365, 6), "quick": (300, 80, 120, 2)}
"""Segments, anchors, days and seeds in (d)."""
PARTS, NEWCOMERS = (0.02, 0.06), 0.3
"""Parts of the supply for newcomers, and their share of anchors, in (d): assumptions; the preset has .03, too few."""
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
    "small": ("floors of ν/4", PURPLE, "D"),
    "divided": ("even share of the budget", GREEN, "P"),
    "anew": ("lottery of floors at x*", BLUE, "d"),
}
COLUMNS = ("panel", "way", "months", "winners", "budget", "part", "value", "error", "gmv", "gmv_error")


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


def cohort(count: int, winners: int = 0, hazard: float = HAZARD) -> dy.World:
    """A segment of 6 impressions per newcomer, who live on one each, and a head who sells three times as well.

    Periods are months, and last month's traffic decides who leaves.
    """
    lot = np.repeat(["won", "lost", "none"], [winners, count - winners, 1])
    tier, value = np.repeat(["new", "head"], [count, 1]), np.repeat([1.0, 3.0], [count, 1])
    edges, supply = np.arange(count + 1), np.array([SUPPLY * count])
    attributes = {"tier": tier, "lot": lot}
    platform = al.Platform(np.array([0, count + 1]), edges, value, supply, anchors=attributes, currency="")
    return dy.World(platform, (dy.Newcomers(viable=1.0, hazard=hazard, month=1, memory=1),))


def there(world: dy.World, policies: dict, months: int, worlds: int, rng: np.random.Generator) -> dict[str, Any]:
    """By policy, 1 for every newcomer of every world who is there at the end, else 0."""
    found = dy.ensemble(world, policies, periods=months, seeds=rng.integers(0, 2**31, worlds).tolist())
    assert not any(path["relaxed"].any() or path["failed"].any() for path in found.runs.values())
    new, stay = world.platform.anchors["tier"] == "new", {way: [] for way in policies}
    for (way, _), path in found.runs.items():
        stay[way].append(path.final["present"][new])
    return {way: np.concatenate(each) for way, each in stay.items()}


def estimate(sample: Any) -> Row:
    """Mean and standard error."""
    return dict(zip(("value", "error"), mean_of(sample), strict=True))


def winning(budget: Any) -> Any:
    """Part of the newcomers who win in a lottery of a budget in N x*."""
    return np.where(np.asarray(budget) < 1.0, budget, MOST)


def splits(share: float, size: tuple[int, int], seed: int) -> list[Row]:
    """(a): who is there after a month, of 40, if a quarter of nu per newcomer is divided among some of them."""
    count, worlds = size
    policy = dy.ViableFloors(QUARTER / SUPPLY, floor=QUARTER / share)
    stay = there(cohort(count, hazard=1.0), {"lottery": policy}, 1, worlds, stream(seed, "splits"))
    return [{"panel": "split", "winners": 40 * share} | estimate(40 * stay["lottery"])]


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
    stay = there(cohort(count, winners), policies, months, worlds, stream(seed, f"lots {months}"))
    stay["difference"] = stay["once"] - stay["even"]
    about = {"panel": "lot", "months": months, "budget": budget}
    return [about | {"way": way} | estimate(each) for way, each in stay.items()]


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
        policies["anew", part] = dy.ViableFloors(part, months=6, otherwise=optimal)
    began, rows = int((platform.anchors["tier"] == "new").sum()), []
    for (way, part), policy in policies.items():
        path = dy.simulate(world, policy, periods=days, rng=stream(seed, f"year {draw}"))
        assert not path["failed"].any(), (way, part)
        stay, gmv = 1.0 - path["newcomers_left"].sum() / (began + path["came"].sum()), path["gmv"].mean()
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
        found.append(about | estimate([row["more"] for row in mine]))
    return found


# What is drawn beside it.


def formula(way: str, budget: Any, months: int) -> Any:
    """Part of the newcomers who survive under floors that are for good, or lottery less even floor."""
    z, won = budget * best_floor(hazard=HAZARD, months=months), winning(budget)
    even, best, nothing = (survival(living, hazard=HAZARD, months=months) for living in (z, z / won, 0.0))
    lottery = won * best + (1 - won) * nothing
    return {"even": even, "once": lottery, "difference": lottery - even}[way]


def split(winners: Any) -> Any:
    """Survivors of 40 in (a)."""
    return winners * survival(40 * QUARTER / winners)


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.0)
    axes = figure.subplots(2, 2)
    draw_splits(pick(rows, panel="split"), axes[0, 0])
    draw_crossovers(pick(rows, panel="lot", way="difference"), axes[0, 1])
    draw_lots(pick(rows, panel="lot", months=MONTHS[-1]), axes[1, 0])
    draw_year(pick(rows, panel="year mean"), axes[1, 1])
    for ax in axes.flat[1:]:
        ax.yaxis.set_major_formatter(percent)
    return figure


def points(rows: Sequence[Row], key: str, ax: Any, **look: Any) -> None:
    """Means with two standard errors."""
    x, y, error = entries(rows, key, "value", "error")
    ax.errorbar(x, y, 2 * error, linewidth=0, elinewidth=0.9, markersize=4, capsize=1.5, **look)


def draw_splits(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.8, 40, 200)
    ax.plot(grid, split(grid), color=BLACK, linewidth=0.9)
    points([row for row in rows if row["winners"] < 40], "winners", ax, color=ORANGE, marker="o")
    points(pick(rows, winners=40.0), "winners", ax, color=GREEN, marker="s")
    ax.annotate("even floor", (40, 2.35), (39, 3.1), ha="right", color=GREEN)
    ax.annotate("ten floors of ν", (10, 5), (13, 5.1), va="center", color=ORANGE)
    ax.set(xlabel="Newcomers who share 10 ν, of 40", ylabel="Survivors of 40", xlim=(0, 41), ylim=(0, 5.6))
    ax.set_title("(a) One month, m = 1; line: formula, bars: 2 std errors", loc="left")


def draw_crossovers(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.1, 2.05, 300)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.axvline(1, color=BLACK, linewidth=0.6, linestyle=":")
    for months, (colour, marker) in HORIZONS.items():
        for part in (grid[grid < 1], grid[grid >= 1]):
            ax.plot(part, formula("difference", part, months), color=colour, linewidth=0.9)
        star = best_floor(hazard=HAZARD, months=months)
        label = f"{months} month{'s' * (months > 1)}, x* = {star:.2f} ν"
        points(pick(rows, months=months), "budget", ax, color=colour, marker=marker, label=label)
    ax.legend(loc="lower left", fontsize=6)
    ax.set(xlabel="Budget per newcomer, R / N (x*)", ylabel="Survivors of 100,\nlottery less even floor", xlim=(0, 2.1))
    ax.set_title("(b) Floors for good, by horizon; lines and bars as in (a)", loc="left")


def draw_lots(rows: Sequence[Row], ax: Any) -> None:
    """After a year, with floors for good and with what those who leave set free."""
    for way, (label, colour, marker, dashes) in LOTS.items():
        mine = [row for row in pick(rows, way=way) if row["budget"] < 1]
        ax.plot(*entries(mine, "budget", "value"), dashes, color=colour, linewidth=0.9)
        points(mine, "budget", ax, color=colour, marker=marker, label=label)
    ax.legend(loc="upper left", fontsize=6.5)
    ax.set(xlabel="Budget per newcomer, R / N (x*)", ylabel="Survivors of 100", xlim=(0.2, 0.95), ylim=(0, 0.95))
    ax.set_title("(c) A year; dotted: freed traffic passed on; bars as in (a)", loc="left")


def draw_year(rows: Sequence[Row], ax: Any) -> None:
    for way, (label, colour, marker) in WAYS.items():
        mine = pick(rows, way=way)
        look = {"color": colour, "marker": marker, "markersize": 4.5, "linewidth": 0.9, "capsize": 1.5}
        ax.errorbar(*entries(mine, "gmv", "value", "error", "gmv_error"), label=label, **look)
    even = pick(rows, way="even")[0]
    text = f"all traffic even: +{100 * even['value']:.0f} of 100, {100 * even['gmv']:.0f} % of GMV"
    ax.text(0.98, 0.03, text, transform=ax.transAxes, fontsize=6.5, color=GREY, ha="right")
    ax.legend(loc="upper right", fontsize=6.5)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="GMV (% of that without floors)", ylabel="Newcomers who stay, of 100,\nbeyond those without floors")
    ax.margins(y=0.15)
    ax.locator_params(axis="y", nbins=5)
    ax.set_title("(d) With arrivals, 2 and 6 % of traffic; bars: 1 std error", loc="left")


# What is claimed.


def near(row: Row, expected: Any) -> None:
    """A simulated number is that of the formula."""
    assert abs(row["value"] - float(expected)) <= FAR * row["error"] + 1e-12, (row, expected)


def tickets(rows: Sequence[Row]) -> str:
    """T5, one month: 2.35 against 5."""
    told = pick(rows, panel="split")
    for row in told:
        near(row, split(row["winners"]))
    even, best = pick(told, winners=40.0)[0], max(told, key=lambda row: row["value"])
    assert best["winners"] == 10, best
    return (
        f"Of 40 newcomers who share 10 nu an even floor keeps {even['value']:.2f} +- {even['error']:.2f}, ten floors "
        f"of nu keep {best['value']:.2f} +- {best['error']:.2f}, and no other number of floors tried keeps more."
    )


def crossovers(rows: Sequence[Row]) -> str:
    """P4: the sign of lottery less even floor changes at R / N = x*."""
    for row in pick(rows, panel="lot"):
        if row["way"] in ("even", "once", "difference"):
            near(row, formula(row["way"], row["budget"], row["months"]))
    told = pick(rows, panel="lot", way="difference")
    more, fewer = (
        {row["budget"] for row in told} - {row["budget"] for row in told if sign * row["value"] <= 2 * row["error"]}
        for sign in (1, -1)
    )
    assert max(more) < 1.0 <= min(fewer), (more, fewer)
    stars = ", ".join(f"{best_floor(hazard=HAZARD, months=months):.2f}" for months in MONTHS)
    return (
        f"A lottery of floors at x* keeps more than an even floor at budgets up to {max(more):g} x* per newcomer, "
        f"and a lottery of larger ones fewer from {min(fewer):g} x* on, x* = {stars} nu for "
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
    part, means, more = PARTS[-1], {}, {}
    for way in ("small", "anew", "divided"):
        (means[way],) = pick(rows, panel="year mean", way=way, part=part)
        more[way] = np.array([row["more"] for row in pick(rows, panel="year", way=way, part=part)])
        assert more[way].mean() >= more["small"].mean(), more
    said = [f"{WAYS[way][0]} {hundredths(row)} at {100 * row['gmv']:.1f} % of GMV" for way, row in means.items()]
    return (
        f"On a platform with arrivals, of 100 newcomers {part:.0%} of the traffic keep beyond no floors: "
        f"{', '.join(said)} (even share less lottery {hundredths(estimate(more['divided'] - more['anew']))}; floors of "
        f"ν/4 for all need less than the budget)."
    )


def hundredths(row: Row) -> str:
    """A part with its standard error, of 100."""
    return f"{100 * row['value']:.1f} +- {100 * row['error']:.1f}"


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale, seed = "quick" if options.quick else "full", {"seed": options.seed}
    few, size, days = EVERY[scale], {"size": SIZES[scale]} | seed, {"size": PLATFORM[scale]} | seed
    cells: list = [(splits, size | {"share": share}) for share in SHARES[::few]]
    cells += [(lots, size | {"months": months, "budget": budget}) for months in MONTHS for budget in BUDGETS[::few]]
    cells += [(year, days | {"draw": number}) for number in range(PLATFORM[scale][-1])]
    lab = Lab.of("newcomer_survival", options)
    rows = lab.measured(cells)
    rows += averaged(pick(rows, panel="year"))
    lab.finish(draw, rows, columns=COLUMNS)
    print(*(claim(rows) for claim in (tickets, crossovers, freed, platforms)), sep="\n")


if __name__ == "__main__":
    run(main)
