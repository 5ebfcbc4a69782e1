"""What does each rule cost?

Thirteen rules on a platform like Kuaishou, each alone; ten of them, which are linear, also together, and each taken
away from the ten. Their levels are assumptions, so they have one measure: at strength s a level has gone the share s of
the way from what GMV alone does to the even split. Where an even split says nothing, s is taken off: off the
impressions that leave a segment's category, and off what of a segment one anchor may get; viewers are promised s and a
quarter of their best mean value.

What a rule costs is convex in its level, so a shadow price is a tangent: tightening costs no less than the price before
times the change, and no more than the price after (derived here, from the supergradient inequality of the optimum; up
to the certified gap, and to what is left unserved where a level is a share of what is served).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, pick, run, stream
from allocator.metrics import gini, head_size, hhi, top_share
from allocator.plots.style import BLACK, BLUE, GREY, ORANGE, VERMILLION

GAP = 1e-5
STRENGTH, STEP = 0.25, 0.05
SWEEP = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
HEADS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SIZES = {"full": (5_000, 1_000), "quick": (200, 60)}
ACCURATE = "linear:highs"
"""The solver of the ten together, whose costs are small differences of large numbers."""
UNSOLVED = {"full": ("cap on the Gini",), "quick": ()}
"""No solver certifies it among so many anchors."""
HEAD, WORST = 0.01, 0.1
HEADS_RULE = "cap on the top 1 %"
SLACK = 0.02
"""Part of a predicted change by which the total that is served may move it."""
COLUMNS = ("panel", "rule", "level", "strength", "alone", "saved", "cost", "price", "change", "before", "after")
COLUMNS += ("relative_gap",)


# The rules.


@dataclass(frozen=True, eq=False)
class Reference:
    """A platform and the allocation with the largest GMV, from which strengths are counted."""

    platform: al.Platform
    best: al.Allocation

    @cached_property
    def exposure(self) -> np.ndarray:
        return self.best.exposure

    @property
    def even(self) -> float:
        """Impressions per anchor."""
        return float(self.exposure.mean())

    @property
    def count(self) -> int:
        return self.exposure.size

    def shares(self, attribute: str) -> dict[str, tuple[float, float]]:
        """Share of exposure and of anchors of every group."""
        group, total = self.platform.anchors[attribute], self.exposure.sum()
        names = [name for name in np.unique(group).tolist() if name]
        return {n: (float(self.exposure[group == n].sum() / total), float((group == n).mean())) for n in names}


def newcomers(of: Reference, s: float) -> tuple[Any, Any]:
    level = np.where(of.platform.anchors["tier"] == "new", s * of.even, 0.0)
    return al.Floor(level), level


def reached(of: Reference, s: float) -> tuple[Any, Any]:
    reach = of.platform.reach_of("exposure")
    share = s * of.exposure.sum() / reach.sum()
    return al.ReachFloor(float(share)), share * reach


def worst(of: Reference, s: float) -> tuple[Any, Any]:
    return al.FairnessAtLeast(al.CVaR(WORST), s * of.even), s * of.even


def nash(of: Reference, s: float) -> tuple[Any, Any]:
    level = of.count * float(np.log(s * of.even))
    return al.FairnessAtLeast(al.Nash(), level), level


def capped(of: Reference, s: float) -> tuple[Any, Any]:
    level = way(of.exposure.max(), of.even, s)
    return al.Cap(level), level


def head(of: Reference, s: float) -> tuple[Any, Any]:
    level = way(top_share(of.exposure, HEAD), head_size(of.count, HEAD) / of.count, s)
    return al.HeadCap(head_size(of.count, HEAD), level), level


def unequal(of: Reference, s: float) -> tuple[Any, Any]:
    level = way(gini(of.exposure), 0.0, s)
    return al.GiniAtMost(level), level


def concentrated(of: Reference, s: float) -> tuple[Any, Any]:
    level = way(hhi(of.exposure), 1 / of.count, s)
    return al.HHIAtMost(level), level


def firms(of: Reference, s: float) -> tuple[Any, Any]:
    at_most = {name: way(now, even, s) for name, (now, even) in of.shares("firm").items() if now > even}
    return al.GroupShare("firm", at_most=at_most), np.array(list(at_most.values()))


def tiers(of: Reference, s: float) -> tuple[Any, Any]:
    at_least = {name: way(now, even, s) for name, (now, even) in of.shares("tier").items() if now < even}
    return al.GroupShare("tier", at_least=at_least), np.array(list(at_least.values()))


def segments(of: Reference, s: float) -> tuple[Any, Any]:
    return al.SegmentCap(1 - s), 1 - s


def budget(of: Reference, s: float) -> tuple[Any, Any]:
    level = (1 - s) * float(of.best.totals.of("elsewhere").sum())
    return al.Budget(1.0, total=level, of="elsewhere"), level


def viewers(of: Reference, s: float) -> tuple[Any, Any]:
    return al.SegmentFloor(s + 0.25, measure="relevance"), s + 0.25


def way(start: float, end: float, s: float) -> float:
    return float(start + s * (end - start))


RULES: dict[str, Callable[[Reference, float], tuple[Any, Any]]] = {
    "viewers' floor": viewers,
    "caps on firms": firms,
    "floors for newcomers": newcomers,
    "cap on each anchor": capped,
    "cap on the HHI": concentrated,
    "Nash welfare": nash,
    "cap on the top 1 %": head,
    "floors of reach": reached,
    "floors for tiers": tiers,
    "budget: other categories": budget,
    "mean of the worst tenth": worst,
    "cap on the Gini": unequal,
    "cap in each segment": segments,
}
"""Each gives the rule at a strength, and its levels in the order of its shadow prices."""
CURVED = ("cap on the HHI", "Nash welfare")
SINGLE_ONES = (*CURVED, "cap on the Gini")
"""Solved alone: two are not linear, and the third needs a row for every two anchors."""
COMPANY = tuple(name for name in RULES if name not in SINGLE_ONES)


# What is measured.


def reference(size: tuple[int, int], seed: int) -> Reference:
    """The public part of the preset; whether an edge leaves its segment's category, and its value over the best."""
    platform = al.public_part(al.synthetic.kuaishou(*size, rng=stream(seed, "rules")))
    theirs, mine = (side["category"] for side in (platform.anchors, platform.segments))
    elsewhere = (theirs[platform.anchor] != mine[platform.segment]).astype(float)
    relevance = platform.value / platform.largest_in_segments(platform.value)[platform.segment]
    platform = replace(platform, measures={"elsewhere": elsewhere, "relevance": relevance})
    return Reference(platform, al.solve(al.Problem(platform, al.GMV()), relative_gap=GAP))


@dataclass(frozen=True, eq=False)
class Solved:
    """The most GMV under some rules, each at its strength."""

    of: Reference
    strengths: dict[str, float]
    found: al.Allocation

    @property
    def row(self) -> Row:
        certificate = self.found.certificate
        return {"cost": 1 - self.found.gmv / self.of.best.gmv, "relative_gap": certificate.relative_gap}

    def predicted(self, name: str, before: float, after: float) -> float:
        """What the shadow price of a rule says that going from one strength to another costs, as a share of GMV."""
        price = list(self.found.shadow_prices.values())[list(self.strengths).index(name)]
        change = np.asarray(RULES[name](self.of, after)[1]) - np.asarray(RULES[name](self.of, before)[1])
        return float(-(price * change).sum() / self.of.best.gmv)


def solve(of: Reference, strengths: dict[str, float]) -> Solved:
    rules = [RULES[name](of, s)[0] for name, s in strengths.items()]
    curved = any(name in CURVED for name in strengths)
    solver = "conic" if curved else "auto" if len(rules) == 1 else ACCURATE
    found = al.solve(al.Problem(of.platform, al.GMV(), rules), solver=solver, relative_gap=GAP)
    assert found.status is al.Status.CERTIFIED, (strengths, found)
    return Solved(of, strengths, found)


def alone(size: tuple[int, int], seed: int, rule: str, strengths: Sequence[float]) -> list[Row]:
    """One rule alone at rising strengths; its level, where it is one number."""
    of, rows = reference(size, seed), []
    for s in strengths:
        level = RULES[rule](of, s)[1]
        about = {"panel": "alone", "rule": rule, "strength": s} | ({"level": level} if np.ndim(level) == 0 else {})
        rows.append(about | solve(of, {rule: s}).row)
    return rows


def heads(size: tuple[int, int], seed: int, strengths: Sequence[float]) -> list[Row]:
    """The cap on the head alone, with its shadow price: share of the largest GMV per unit of the head's share."""
    of, rows = reference(size, seed), []
    for s in strengths:
        got = solve(of, {HEADS_RULE: s})
        (price,) = next(iter(got.found.shadow_prices.values())) / of.best.gmv
        rows.append(
            {"panel": "head", "rule": HEADS_RULE, "strength": s, "level": head(of, s)[1], "price": price} | got.row
        )
    return rows


def together(size: tuple[int, int], seed: int, strengths: Sequence[float]) -> list[Row]:
    """Ten rules at rising strengths; at the one that is looked at closer, what shadow prices predict."""
    of, rows = reference(size, seed), []
    for s in strengths:
        got = solve(of, dict.fromkeys(COMPANY, s))
        rows.append({"panel": "together", "strength": s} | got.row)
        if s == STRENGTH:
            before = {name: got.predicted(name, s, s + STEP) for name in COMPANY}
            rows += [{"panel": "price", "rule": name, "strength": s, "before": cost} for name, cost in before.items()]
    return rows


def changed(size: tuple[int, int], seed: int, rule: str) -> list[Row]:
    """Ten rules without one, and with that one a step stronger."""
    of = reference(size, seed)
    everything, about = dict.fromkeys(COMPANY, STRENGTH), {"rule": rule, "strength": STRENGTH}
    without = solve(of, {name: s for name, s in everything.items() if name != rule})
    stronger = solve(of, everything | {rule: STRENGTH + STEP})
    after = {"after": stronger.predicted(rule, STRENGTH, STRENGTH + STEP)}
    return [{"panel": "without"} | about | without.row, {"panel": "stronger"} | about | stronger.row | after]


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Above, a line per rule: its costs, and what its price predicts; below: all rules by strength, and the head."""
    figure = blank_figure(6.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1.35, 1.0))
    costs, prices = above.subplots(1, 2, sharey=True)
    draw_costs(rows, costs)
    draw_prices(rows, prices)
    sums, heads = below.subplots(1, 2)
    draw_sums(rows, sums)
    draw_head(pick(rows, panel="head"), heads)
    return figure


def draw_costs(rows: Sequence[Row], ax: Any) -> None:
    """Bars: a rule alone; hollow: what taking it away from the ten saves."""
    names = names_of(rows)
    look = {"height": 0.36, "linewidth": 0.8, "edgecolor": BLUE}
    costs = [max(cost_alone(rows, name), 0.0) for name in names]
    ax.barh(np.arange(len(names)) - 0.2, costs, color=BLUE, label="alone", **look)
    places = [names.index(name) + 0.2 for name in COMPANY]
    savings = [max(saving(rows, name), 0.0) for name in COMPANY]
    ax.barh(places, savings, color="white", label="saved when taken from the ten", **look)
    square_root_axis(ax, (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 6.0, 10.0))
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xlabel("GMV given up (%)")
    ax.set_title(f"(a) at strength {STRENGTH:g}", loc="left")
    ax.legend(loc="upper right")


def draw_prices(rows: Sequence[Row], ax: Any) -> None:
    """A line from what the price before predicts to what the price after does; the dot is the difference solved."""
    places = [names_of(rows).index(name) for name in COMPANY]
    before, change, after = 100 * np.maximum(0.0, [tightening(rows, name) for name in COMPANY]).T
    ax.hlines(places, before, after, color=GREY, linewidth=1.0, zorder=2)
    ax.plot(before, places, "|", color=VERMILLION, markersize=9, markeredgewidth=1.4, zorder=3, label="price before")
    ax.plot(after, places, "|", color=BLACK, markersize=9, markeredgewidth=0.8, zorder=3, label="price after")
    ax.plot(change, places, "o", color=BLUE, markersize=3.5, zorder=4, label="solved anew")
    square_root_axis(ax, (0.0, 0.01, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0))
    ax.grid(False, axis="y")
    ax.tick_params(labelleft=False)
    ax.set_xlabel("GMV given up for one step (% of the largest)")
    ax.set_title(f"(b) the ten together, one of them at {STRENGTH + STEP:g}", loc="left")
    ax.legend(loc="upper right")


def square_root_axis(ax: Any, ticks: Sequence[float]) -> None:
    """So that costs of a hundredth of a per cent can be told from none, and large ones keep their order."""
    right = max(ax.get_xlim()[1], 1e-3)
    ax.set_xscale("function", functions=(lambda cost: np.sqrt(np.maximum(cost, 0.0)), np.square))
    ax.set_xlim(0.0, 1.05 * right)
    shown = [tick for tick in ticks if tick <= 1.05 * right]
    ax.set_xticks(shown, [f"{tick:g}" for tick in shown])


def draw_sums(rows: Sequence[Row], ax: Any) -> None:
    """The ten rules together between the dearest alone and the sum."""
    mine = pick(rows, panel="together")
    x = [row["strength"] for row in mine]
    alike = [pick(rows, panel="alone", strength=s) for s in x]
    single = [[100 * row["cost"] for row in some if row["rule"] in COMPANY] for some in alike]
    ax.plot(x, [sum(costs) for costs in single], "--", color=ORANGE, marker="s", label="sum of the ten alone")
    ax.plot(x, [100 * row["cost"] for row in mine], color=BLACK, marker="o", label="the ten together")
    ax.plot(x, [max(costs) for costs in single], ":", color=VERMILLION, marker="^", label="the dearest alone")
    ax.set(xlim=(0, None), ylim=(0, None), xlabel="Strength of every rule", ylabel="GMV given up (%)")
    ax.set_title("(c)", loc="left")
    ax.legend(loc="upper left")


def draw_head(rows: Sequence[Row], ax: Any) -> None:
    """The cost of a cap on the head, and its shadow prices as tangents."""
    level, cost = entries(rows, "level", "cost")
    ax.plot(100 * level, 100 * cost, color=BLUE, marker="o", label="solved", zorder=3)
    reach = 8 * np.ptp(level)
    for row in rows:
        there = np.array([-reach, reach])
        # Cost per unit of the share, so in the same hundredths on both axes.
        line = 100 * row["cost"] - row["price"] * there
        label = "slope by the shadow price" if row is rows[0] else None
        ax.plot(100 * row["level"] + there, line, color=VERMILLION, linewidth=1.6, alpha=0.9, zorder=2, label=label)
    ax.set(ylim=(0, None), xlabel="Top 1 % of the anchors have at most (% of exposure)", ylabel="GMV given up (%)")
    ax.set_title("(d) a cap on the head, alone", loc="left")
    ax.legend(loc="upper right")


# What is claimed.


def names_of(rows: Sequence[Row]) -> list[str]:
    """The rules that were solved alone."""
    there = {row["rule"] for row in pick(rows, panel="alone")}
    return [name for name in RULES if name in there]


def cost_alone(rows: Sequence[Row], rule: str) -> float:
    """GMV given up, %."""
    (row,) = pick(rows, panel="alone", rule=rule, strength=STRENGTH)
    return 100 * row["cost"]


def cost_together(rows: Sequence[Row]) -> float:
    (row,) = pick(rows, panel="together", strength=STRENGTH)
    return 100 * row["cost"]


def saving(rows: Sequence[Row], rule: str) -> float:
    (row,) = pick(rows, panel="without", rule=rule)
    return cost_together(rows) - 100 * row["cost"]


def tightening(rows: Sequence[Row], rule: str) -> tuple[float, float, float]:
    """What the price before predicts, what is found, and what the price after says, as shares of the largest GMV."""
    (before,), (stronger,) = pick(rows, panel="price", rule=rule), pick(rows, panel="stronger", rule=rule)
    return before["before"], stronger["cost"] - cost_together(rows) / 100, stronger["after"]


def overlap(rows: Sequence[Row]) -> str:
    """Costs do not add up: rules that speak of the same heads overlap, and one that is free alone is not in company."""
    alone_ones = [cost_alone(rows, rule) for rule in COMPANY]
    savings, everything = [saving(rows, rule) for rule in COMPANY], cost_together(rows)
    assert max(alone_ones) < everything < 0.97 * sum(alone_ones), (alone_ones, everything)
    assert sum(savings) < 0.97 * everything, (savings, everything)
    assert alone_ones[0] < 1e-6 < 1e-4 < savings[0], (alone_ones[0], savings[0])
    return (
        f"At strength {STRENGTH:g} the costs of {len(COMPANY)} rules alone sum to {sum(alone_ones):.1f} % of GMV; "
        f"together they cost {everything:.1f} %; what leaving one out saves sums to {sum(savings):.1f} %. The "
        f"{COMPANY[0]} is free alone and costs {savings[0]:.3f} % in company."
    )


def tangents(rows: Sequence[Row]) -> str:
    """Every step costs what the price before says or more, and what the price after says or less."""
    gap = 2 * max(row["relative_gap"] for row in rows if "relative_gap" in row)
    found = {rule: tightening(rows, rule) for rule in COMPANY}
    for rule, (before, change, after) in found.items():
        slack = gap + SLACK * abs(after)
        assert before - slack <= change <= after + slack, (rule, before, change, after)
    foretold, changes, _ = (100 * sum(costs) for costs in zip(*found.values(), strict=True))
    return (
        f"All {len(found)} steps lie between the prices before and after: the prices of one solution foretell "
        f"{foretold:.2f} % of GMV, and {len(found)} more solutions give up {changes:.2f} %."
    )


def convex(rows: Sequence[Row]) -> str:
    """Tangents of the cap on the head lie below its cost everywhere."""
    mine = pick(rows, panel="head")
    for row in mine:
        for other in mine:
            below = row["cost"] - row["price"] * (other["level"] - row["level"])
            assert other["cost"] >= below - 10 * GAP, (row, other)
    first, last = mine[0], mine[-1]
    return (
        f"The top 1 % at no more than {first['level']:.1%} cost {first['cost']:.2%} of GMV, at {last['level']:.1%} "
        f"{last['cost']:.1%}; a point of their share costs {first['price']:.2f} there and {last['price']:.2f} here."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(alone, about | {"rule": rule, "strengths": SWEEP}) for rule in COMPANY]
    singles = [rule for rule in SINGLE_ONES if rule not in UNSOLVED[scale]]
    cells += [(alone, about | {"rule": rule, "strengths": (STRENGTH,)}) for rule in singles]
    cells += [(heads, about | {"strengths": HEADS}), (together, about | {"strengths": SWEEP})]
    cells += [(changed, about | {"rule": rule}) for rule in COMPANY]
    Lab.of("rules", options).answer(cells, draw, overlap, tangents, convex, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
