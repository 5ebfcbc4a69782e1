"""Is a budget of newcomers' impressions better spread over all of them or given to fewer by lottery?

A platform like Kuaishou gives R impressions a day to the N newcomers whom GMV alone would leave without any: a floor of
R/N for each, or floors of x for R/x of them, drawn by lot or chosen by their shadow prices. An anchor with z times the
impressions nu that it lives on leaves with probability m / (1 + z^k) a month, so it survives n months with probability
S(z) = (1 - m / (1 + z^k))^n.

Derived here: x is best where the extra survivors per impression, (S(z) - S(0)) / z, are most, at the tangent from
(0, S(0)), S(z) - S(0) = z S'(z). Over one month S(z) - S(0) = m z^k / (1 + z^k), whose tangent has
(k - 1)(1 + z^k) = k z^k, so x* = nu (k - 1)^(1/k). Below x* the tangent lies above S, and R/N for all is worth less
than x* for R / x* of them; above it S is concave, and nobody gains from being left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, band, blank_figure, halved, over_draws, percent, pick, run, stream
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

HAZARD, POWER = 0.3, 2.0
"""m a month ("many fail within the very first few months", s2) and k: assumptions."""
BELOW = 0.94
"""A lottery must win at this part of every crossover."""
MARKED = (0.25, 0.35, 0.5, 0.75, 3.0)
"""Budgets R / (N nu) beside the crossovers; their splits are the markers of (a)."""
MONTHS = (1, 3, 6, 12)
POWERS = (1.5, 3.0)
CASES = (*((months, POWER) for months in MONTHS), *((1, power) for power in POWERS))
"""Months and k of the rows; the figure shows the first four."""
GAP = 1e-9
NEWCOMERS = 0.2
"""Share of the anchors, an assumption: enough of them to divide a budget; the preset itself has .03."""
SIZES = {"full": (5_000, 1_000), "quick": (2_500, 500)}
DRAWS = {"full": 20, "quick": 5}
PARTS = {"full": 20, "quick": 10}
"""A lottery may draw any multiple of 1/PARTS of the newcomers, or all but one."""
HIGHEST = 10.0
"""Floors beyond this many nu are not tried: no tangent point is near, and few newcomers could reach them."""
WAYS = ("even", "lottery", "cheapest")
LOOKS = {"even": (GREEN, "s", "-"), "lottery": (ORANGE, "o", "--"), "cheapest": (BLUE, "^", "-.")}
NAMES = {"even": "even floor for all", "lottery": "lottery of floors at x*", "cheapest": "floors at x*, cheapest first"}
HORIZONS = dict(zip(MONTHS, zip((BLACK, VERMILLION, PURPLE, GREY), "oD^s", strict=True), strict=True))
COLUMNS = ("panel", "way", "draw", "months", "power", "budget", "newcomers", "winners", "floor", "extra", "gmv_lost")
COLUMNS += ("average_cost", "price", "cost_per_survivor")


# What is measured.


def survival(z: Any, months: int, power: float) -> Any:
    """S at z times the impressions that an anchor lives on."""
    return (1.0 - HAZARD / (1.0 + np.asarray(z) ** power)) ** months


def extra(z: Any, months: int, power: float) -> Any:
    """S(z) - S(0)."""
    return survival(z, months, power) - survival(0.0, months, power)


def best_floor(months: int, power: float) -> float:
    """x* / nu: where the extra survivors per impression are most, by the closed form for one month, else bisection."""
    if months == 1:
        return float((power - 1.0) ** (1.0 / power))

    def short(z: float) -> bool:
        """S'(z) is S times the slope of its logarithm; past the tangent point the chord is the steeper one."""
        left = HAZARD / (1.0 + z**power)
        slope = survival(z, months, power) * months * left / (1.0 - left) * power * z ** (power - 1) / (1.0 + z**power)
        return extra(z, months, power) < z * slope

    return 0.5 * sum(halved(0.1, 10.0, 60, short))


def budgets() -> list[float]:
    """R / (N nu): each crossover, a little below each, and some between."""
    stars = [best_floor(months, power) for months, power in CASES]
    return sorted({*MARKED, *stars, *(BELOW * star for star in stars)})


class Market:
    """A platform with its best GMV, the newcomers whom that starves, and nu, half the median traffic of the others."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        drawn = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, "newcomers"))
        self.platform, new = al.public_part(drawn), drawn.anchors["tier"] == "new"
        self.best = al.solve(al.Problem(self.platform, al.GMV()), relative_gap=GAP)
        self.starved = np.flatnonzero(new & (self.best.exposure <= 1e-9 * self.best.exposure.mean()))
        self.nu = 0.5 * float(np.median(self.platform.into_anchors(self.platform.observed)[~new]))
        self.lots = [stream(seed, f"lottery {draw}").permutation(self.starved) for draw in range(max(DRAWS.values()))]

    def given(self, winners: np.ndarray, budget: float) -> al.Allocation:
        """The best allocation with the budget (in nu per newcomer) spread over some of them."""
        level = np.zeros(self.platform.anchor_count)
        level[winners] = budget * self.nu * self.starved.size / winners.size
        found = al.solve(al.Problem(self.platform, al.GMV(), [al.Floor(level)]), relative_gap=GAP)
        assert found.status is al.Status.CERTIFIED
        return found

    def row(self, winners: np.ndarray, budget: float) -> Row:
        """What the budget buys and costs; prices are of the winners' floors, RMB per impression."""
        found, impressions = self.given(winners, budget), budget * self.nu * self.starved.size
        lost = self.best.gmv - found.gmv
        got = found.exposure[self.starved] / self.nu
        sizes = {
            "newcomers": self.starved.size,
            "winners": winners.size,
            "floor": budget * self.starved.size / winners.size,
        }
        cost = {"gmv_lost": lost / self.best.gmv, "average_cost": lost / impressions}
        cost |= {
            "price": -float(found.shadow_prices["Floor"][winners].mean()),
            "lost": lost,
            "impressions": impressions,
        }
        return {"budget": budget, "nu": self.nu} | sizes | cost | {"got": got}


def splits(size: tuple[int, int], seed: int, parts: int) -> list[Row]:
    """Extra survivors of every budget by the number of newcomers that it is given to."""
    market, rows = Market(size, seed), []
    count = market.starved.size
    for budget in budgets():
        for winners in sorted({count - 1, *(round(count * part / parts) for part in range(1, parts + 1))} - {0}):
            if budget * count > HIGHEST * winners:
                continue
            row = market.row(market.lots[0][:winners], budget)
            got = row.pop("got")
            for months, power in CASES:
                case = {"months": months, "power": power, "extra": float(extra(got, months, power).sum())}
                rows.append({"panel": "split"} | row | case)
    return rows


def costs(size: tuple[int, int], seed: int, draws: int) -> list[Row]:
    """GMV that even floors, lotteries of floors at x* and the cheapest of those floors cost, one month ahead."""
    market, rows = Market(size, seed), []
    count, star = market.starved.size, best_floor(1, POWER)
    for budget in budgets():
        even = market.given(market.starved, budget)
        winners = min(count, max(1, round(count * budget / star)))
        cheap = market.starved[np.argsort(-even.shadow_prices["Floor"][market.starved], kind="stable")[:winners]]
        chosen = [("even", 0, market.starved), ("cheapest", 0, cheap)]
        chosen += [("lottery", draw, market.lots[draw][:winners]) for draw in range(draws)]
        for way, lot, some in chosen:
            row = market.row(some, budget)
            more = float(extra(row.pop("got"), 1, POWER).sum())
            about = {"panel": "cost", "way": way, "draw": lot, "months": 1, "power": POWER, "extra": more}
            rows.append(about | row | {"cost_per_survivor": 30 * row["lost"] / more})
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Four panels: survivors by floor, best number of winners, cost per survivor, and price per impression."""
    figure = blank_figure(5.4)
    above, below = figure.subfigures(2, 1)
    (left, right), (cost, price) = above.subplots(1, 2), below.subplots(1, 2)
    draw_floors(pick(rows, panel="split", power=POWER), left)
    draw_winners(pick(rows, panel="split", power=POWER), right)
    above.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, title="Survival over")
    draw_costs(pick(rows, panel="cost"), cost)
    draw_prices(pick(rows, panel="cost"), price)
    below.legend(*cost.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_floors(rows: Sequence[Row], ax: Any) -> None:
    """Markers: allocations of the platform; lines: the formula; dotted down to the axis: x*."""
    z = np.geomspace(0.2, 12, 200)
    for months, (colour, marker) in HORIZONS.items():
        mine = [row for row in pick(rows, months=months) if row["budget"] in MARKED[::2]]
        ax.plot(z, extra(z, months, POWER) / z, color=colour)
        x, y = [row["floor"] for row in mine], [row["extra"] / (row["budget"] * row["newcomers"]) for row in mine]
        label = f"{months} month{'s' if months > 1 else ''}"
        ax.plot(x, y, marker, color=colour, markerfacecolor="none", markersize=3, markeredgewidth=0.6, label=label)
        star = best_floor(months, POWER)
        ax.plot([star, star], [0, extra(star, months, POWER) / star], color=colour, linestyle=":", linewidth=0.9)
    ax.set_xscale("log")
    ticks = (0.25, 0.5, 1, 2, 4, 8)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    ax.minorticks_off()
    ax.set(xlabel="Floor of a newcomer who gets one (ν)", ylabel="Extra survivors\nper ν impressions a day")
    ax.set_ylim(bottom=0)
    ax.set_title("(a) lines: formula, dotted: x*", loc="left")


def draw_winners(rows: Sequence[Row], ax: Any) -> None:
    """The best number of winners against the budget."""
    grid = np.linspace(0, 3, 301)
    for months, (colour, marker) in HORIZONS.items():
        found = [best_split(pick(rows, months=months, budget=budget)) for budget in budgets()]
        ax.plot(grid, np.minimum(1.0, grid / best_floor(months, POWER)), color=colour, linewidth=0.9)
        x, y = [row["budget"] for row in found], [row["winners"] / row["newcomers"] for row in found]
        ax.plot(x, y, marker, color=colour, markerfacecolor="none", markersize=4, markeredgewidth=0.8, clip_on=False)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlim=(0, 3), ylim=(0, 1))
    ax.set(xlabel="Budget per newcomer, R / N (ν)", ylabel="Newcomers who get a floor\nin the best split (%)")
    ax.set_title("(b) lines: R / (N x*), at most 100 %", loc="left")


def draw_costs(rows: Sequence[Row], ax: Any) -> None:
    for way, look in LOOKS.items():
        x, told = over_draws(pick(rows, way=way), "budget", "cost_per_survivor")
        band(ax, (x, told / 1e3), look, label=NAMES[way])
    ax.set(xlabel="Budget per newcomer, R / N (ν)", ylabel="GMV lost per extra survivor\n(1,000 RMB, one month)")
    ax.set_xlim(0, 3)
    ax.set_ylim(bottom=0)
    ax.set_title("(c) band: range of draws", loc="left")


def draw_prices(rows: Sequence[Row], ax: Any) -> None:
    """Filled: what an impression costs on average; hollow and thin: what the next one costs, by the shadow prices."""
    for way, (colour, marker, dashes) in LOOKS.items():
        x, (mean, *_) = over_draws(pick(rows, way=way), "budget", "average_cost")
        _, (price, *_) = over_draws(pick(rows, way=way), "budget", "price")
        ax.plot(x, mean, color=colour, marker=marker, linestyle=dashes, markersize=3.5)
        look = {"marker": marker, "markerfacecolor": "white", "linestyle": dashes, "linewidth": 0.6, "markersize": 3.5}
        ax.plot(x, price, color=colour, **look)
    ax.set(xlabel="Budget per newcomer, R / N (ν)", ylabel="GMV lost per impression\nthat a newcomer gets (RMB)")
    ax.set_xlim(0, 3)
    ax.set_ylim(bottom=0)
    ax.set_title("(d) filled: average, hollow: shadow price", loc="left")


# What is claimed.


def best_split(rows: Sequence[Row]) -> Row:
    """The split of one budget with most extra survivors; the largest number of winners among equals."""
    return max(rows, key=lambda row: (round(row["extra"], 9), row["winners"]))


def crossovers(rows: Sequence[Row]) -> str:
    """T5: no split is better than the neighbours of R / x*, and an even floor is best exactly from R / N = x* on."""
    stars = []
    for months, power in CASES:
        star, mine = best_floor(months, power), pick(rows, panel="split", months=months, power=power)
        for budget in budgets():
            splits_of = pick(mine, budget=budget)
            best, tried = best_split(splits_of), sorted(row["winners"] for row in splits_of)
            ideal = min(1.0, budget / star * (1 + 1e-9)) * best["newcomers"]
            below, beyond = max([w for w in tried if w <= ideal], default=0), min(w for w in tried if w >= ideal)
            assert best["winners"] in (below, beyond), (months, power, best)
            theory = extra(best["floor"], months, power) * best["winners"]
            assert abs(best["extra"] - theory) <= 1e-6 * theory, best
        lottery, even = (best_split(pick(mine, budget=budget)) for budget in (BELOW * star, star))
        assert lottery["winners"] < even["winners"] == even["newcomers"], (months, power)
        if power == POWER:
            stars.append(f"{star:.2f}")
    return (
        f"A lottery beats an even floor until R / N reaches {', '.join(stars)} nu for survival over "
        f"{', '.join(map(str, MONTHS))} months, and not beyond (seen at {BELOW:.0%} and 100 % of x*)."
    )


def twice(rows: Sequence[Row]) -> str:
    """At a quarter of nu per newcomer floors at nu keep S(1)/4 over S(1/4) = 17/8 times as many."""
    mine = pick(rows, panel="split", months=1, power=POWER, budget=0.25)
    even, best = max(mine, key=lambda row: row["winners"]), best_split(mine)
    ratio = best["extra"] / even["extra"]
    assert 2.0 < ratio <= 17 / 8 + 1e-6, ratio
    return (
        f"At a quarter of nu per newcomer the best lottery keeps {ratio:.2f} times as many newcomers as an even floor."
    )


def prices(rows: Sequence[Row]) -> str:
    """The loss is convex in the budget: between two budgets it grows by no less than the price before, no more than
    the one after; a lottery costs about the same GMV per impression, and prices find cheaper winners."""
    for before, after in pairwise(sorted(pick(rows, panel="cost", way="even"), key=lambda row: row["budget"])):
        step, grown = after["impressions"] - before["impressions"], after["lost"] - before["lost"]
        slack = 1e-6 * after["lost"]
        assert before["price"] * step - slack <= grown <= after["price"] * step + slack, (before, after)
    even, lottery, cheapest = (
        np.mean([row["cost_per_survivor"] for row in pick(rows, panel="cost", way=way, budget=0.25)]) for way in WAYS
    )
    assert lottery < 0.75 * even, (lottery, even)
    assert cheapest < 0.7 * lottery, (lottery, cheapest)
    return (
        f"There an extra survivor costs {even:,.0f} RMB a month by an even floor, {lottery:,.0f} by lottery, and "
        f"{cheapest:,.0f} if the floors go where their shadow prices are lowest."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(splits, about | {"parts": PARTS[scale]}), (costs, about | {"draws": DRAWS[scale]})]
    Lab.of("newcomer_floors", options).answer(cells, draw, crossovers, twice, prices, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
