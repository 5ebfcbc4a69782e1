"""What can be said of rules that cannot be kept?

Eleven lists of seven to nine rules that a platform like Kuaishou might write. Each has a common part that can be kept
and does not matter, and in it a few rules that nobody can keep together. `allocator.diagnose` is asked which rules
clash, and what to change; its witness, its conflict and its relaxed problem are judged here by certificates.

Changes are relative: of a rule, by what all its levels move over the sum of them; of a list, the sum over its rules.
Two lists are also tightened level by level, from possible to impossible. Derived here: a head cap and a level L of GMV
clash from G on, the highest GMV under the cap and the common part, and a change of L alone costs 1 - G / L, so that the
least change is no larger. A budget of B impressions and floors of F impressions in all clash below F, and the least
change is 1 - B / F: floors lowered by F - B cost that, and a budget raised by it costs F / B - 1, which is more.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from allocator.plots.style import BLACK, BLUE, GREY, ORANGE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

SIZES = {"full": (400, 80), "quick": (200, 40)}
NEWCOMERS = 0.2
"""Share of the anchors, an assumption as in `newcomer_floors`; the preset itself has .03."""
GAP = 1e-3
"""Relative gap to which relaxed problems are solved."""
EXACT = 1e-6
PATIENCE = 1e4
"""Seconds for a diagnosis: so many that none ends by time, and rows depend on the rules alone."""
ROUNDED = 2e-3
"""New levels have four digits: by this part of a level a change may be larger than needed."""
CAPS = {0.15: (BLUE, "o", "-"), 0.2: (ORANGE, "s", "--"), 0.3: (VERMILLION, "^", "-.")}
"""Shares of the traffic that the top tenth may have, in (d)."""
ASKED = {"full": tuple(0.025 * k for k in range(20, 41)), "quick": tuple(0.1 * k for k in range(5, 11))}
"""Levels of GMV over the highest there is."""
FLOORS = "even:0.5"
BUDGETS = {"full": tuple(0.05 * k for k in range(6, 15)), "quick": tuple(0.1 * k for k in range(3, 8))}
"""Budgets over all impressions."""
NAMES = {
    "newcomers": "floors of newcomers",
    "thin": "floor of a thin anchor",
    "head": "head cap, GMV",
    "gini": "Gini cap, GMV",
    "hhi": "HHI cap, GMV",
    "diverse": "segment cap, GMV",
    "groups": "group shares, floors",
    "budget": "budget, floors",
    "empty": "group shares alone",
    "service": "segment floor, caps",
    "worst": "max-min level, share of heads",
}
SERVING = "serving anything at all"
COLUMNS = ("panel", "set", "stated", "clash", "levels", "least", "change", "gmv_before", "gmv", "cap", "asked")
COLUMNS += ("status",)


# What is measured.


class Market:
    """The platform, its highest GMV, and the rules that do not matter: ceilings and floors far from what clashes."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        self.platform = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, "rules"))
        self.total, self.reach = float(self.platform.supply.sum()), self.platform.reach_of("exposure")
        self.most = al.solve(al.Problem(self.platform, al.GMV()), relative_gap=EXACT).gmv
        self.top = size[1] // 10
        self.ceilings = [
            al.HeadCap(self.top, 0.98),
            al.Cap(0.5 * self.total),
            al.Budget(total=0.99 * self.total),
            al.GroupShare("tier", at_most={"tail": 0.98, "waist": 0.9}),
            al.GroupShare("kind", at_most=0.99),
        ]
        self.common = [*self.ceilings, al.Floor("even:0.01"), al.GMVAtLeast(0.1 * self.most)]

    def planted(self, name: str) -> tuple[list[al.Constraint], list[al.Constraint]]:
        """The rules that do not matter, and those that clash, of the list with that name."""
        level = al.GMVAtLeast(0.97 * self.most)
        thin = [self.platform.anchors["id"][np.argmin(self.reach)]]
        lists = {
            "newcomers": [al.ReachFloor(0.8, where="tier=new")],
            "thin": [al.Floor(1.25 * float(self.reach.min()), where=thin)],
            "head": [al.HeadCap(self.top, 0.15), level],
            "gini": [al.GiniAtMost(0.3), level],
            "hhi": [al.HHIAtMost(1.5 / self.reach.size), level],
            "diverse": [al.SegmentCap(0.2), level],
            "groups": [
                al.GroupShare("tier", at_least={"new": 0.4, "head": 0.5}),
                al.Floor("even:0.4", where="tier=tail"),
            ],
            "budget": [al.Budget(total=0.4 * self.total), al.Floor(FLOORS)],
            "empty": [al.GroupShare("tier=new", at_least=0.5), al.GroupShare("tier=head", at_least=0.6)],
            "service": [al.SegmentFloor(0.95), al.Cap("even:0.9")],
            "worst": [al.FairnessAtLeast(al.MaxMin(), 0.7 * self.even), al.GroupShare("tier=head", at_least=0.5)],
        }
        # A floor serves somebody, and shares that only the empty flow keeps would then clash with it.
        return self.ceilings if name == "empty" else self.common, lists[name]

    @functools.cached_property
    def even(self) -> float:
        """The most that all anchors can have alike."""
        return float(al.solve(al.Problem(self.platform, al.MaxMin()), relative_gap=EXACT).exposure.min())

    def problem(self, rules: Sequence[al.Constraint]) -> al.Problem:
        return al.Problem(self.platform, al.GMV(), rules)

    def highest(self, rules: Sequence[al.Constraint]) -> float:
        """The GMV under rules that can be kept."""
        found = al.solve(self.problem(rules), relative_gap=EXACT)
        assert found.status is al.Status.CERTIFIED
        return found.gmv


def impossible(size: tuple[int, int], seed: int, name: str) -> list[Row]:
    """What is said of one list, and the GMV before its last rules were written and after the change."""
    market = Market(size, seed)
    common, planted = market.planted(name)
    problem = market.problem([*common, *planted])
    found = al.diagnose(problem, seconds=PATIENCE)
    relaxed = al.solve(found.relaxed, relative_gap=GAP)
    row = {
        "stated": len(problem.rules),
        "planted": list(problem.labels[-len(planted) :]),
        "named": [part["rule"] for part in found.conflict],
        "levels": sum(len(part["names"]) for part in found.conflict if part["rule"] != SERVING),
        "proved": found.proved,
        "irreducible": found.irreducible,
        "relaxed": relaxed.status.name,
        "gmv_before": market.highest(common),
        "gmv": relaxed.gmv,
        "words": found.sentences,
    }
    row["clash"] = len({*row["named"]} - {SERVING})
    return [{"panel": "list", "set": name} | row | outcome(found)]


def outcome(found: al.Diagnosis) -> Row:
    return {"status": found.status.name, "least": found.least, "change": found.total_change}


def levels_of_gmv(size: tuple[int, int], seed: int, cap: float, asked: Sequence[float]) -> list[Row]:
    """A head cap with a level of GMV that rises, and the highest GMV that the cap allows."""
    market = Market(size, seed)
    kept = [*market.common, al.HeadCap(market.top, cap)]
    threshold, rows = market.highest(kept) / market.most, []
    for part in asked:
        found = al.diagnose(market.problem([*kept, al.GMVAtLeast(part * market.most)]), seconds=PATIENCE)
        rows.append({"panel": "gmv", "cap": cap, "asked": part, "threshold": threshold} | outcome(found))
    return rows


def levels_of_budget(size: tuple[int, int], seed: int, asked: Sequence[float]) -> list[Row]:
    """Floors with a budget that falls."""
    market, rows = Market(size, seed), []
    floor = al.Floor(FLOORS)
    threshold = 0.5 * float((market.reach > 0).mean())
    for part in asked:
        rules = [*market.common, floor, al.Budget(total=part * market.total)]
        found = al.diagnose(market.problem(rules), seconds=PATIENCE)
        rows.append({"panel": "budget", "asked": part, "threshold": threshold} | outcome(found))
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Above, a line for every list: how many rules, how large a change, what it costs; below, two lists tightened."""
    figure = blank_figure(5.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1))
    counts, change, cost = above.subplots(1, 3, sharey=True)
    lists = pick(rows, panel="list")
    draw_counts(lists, counts)
    draw_changes(lists, change)
    draw_costs(lists, cost)
    gmv, budget = below.subplots(1, 2)
    draw_gmv(pick(rows, panel="gmv"), gmv)
    draw_budget(pick(rows, panel="budget"), budget)
    return figure


def draw_counts(rows: Sequence[Row], ax: Any) -> None:
    """Rules stated, rules that clash, and levels of these."""
    looks = {
        "stated": ("o", "none", GREY, "rules stated"),
        "clash": ("s", BLUE, BLUE, "rules that clash"),
        "levels": ("D", "none", VERMILLION, "levels of these"),
    }
    heights = range(len(rows))
    for key, (marker, fill, colour, label) in looks.items():
        numbers = [row[key] for row in rows]
        size = 7 if key == "levels" else 4
        ax.plot(numbers, heights, marker, markersize=size, markerfacecolor=fill, markeredgecolor=colour, label=label)
    ax.set_yticks(heights, [NAMES[row["set"]] for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set(xscale="log", xlabel="Number")
    ticks = [tick for tick in (1, 10, 100, 1000) if tick <= 2 * max(row["levels"] for row in rows)]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.set_title("(a) rules", loc="left")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower left", ncols=3, columnspacing=0.8)


def draw_changes(rows: Sequence[Row], ax: Any) -> None:
    """From what is proved to be needed to what was found."""
    heights = np.arange(len(rows))
    least, found = entries(rows, "least", "change")
    ax.hlines(heights, least, found, color=BLACK, linewidth=1.2)
    ax.plot(least, heights, "|", color=BLACK, markersize=8, markeredgewidth=1.4, label="proved to be needed")
    ax.plot(found, heights, "o", markerfacecolor="none", markeredgecolor=BLUE, label="change found")
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="Change of levels (%)")
    ax.set_xlim(left=0)
    ax.set_title("(b) least change", loc="left")
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower right", ncols=2, columnspacing=0.8)


def draw_costs(rows: Sequence[Row], ax: Any) -> None:
    """What the rules that clash cost after the change, of the GMV under the other rules."""
    lost = [1 - row["gmv"] / row["gmv_before"] for row in rows]
    ax.barh(range(len(rows)), lost, height=0.6, color=GREY)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="GMV given up (%)")
    ax.set_xlim(left=0)
    ax.set_title("(c) cost after the change", loc="left")


def draw_gmv(rows: Sequence[Row], ax: Any) -> None:
    """Markers: changes found; lines: what is proved to be needed; dotted: the highest GMV under the cap."""
    for cap, (colour, marker, dashes) in CAPS.items():
        mine = pick(rows, cap=cap)
        x, least, change = entries(mine, "asked", "least", "change")
        ax.plot(x, least, dashes, color=colour)
        label = f"top tenth at most {100 * cap:g} %"
        ax.plot(x, change, marker, color=colour, markerfacecolor="none", label=label)
        ax.axvline(mine[0]["threshold"], color=colour, linewidth=0.9, linestyle=":")
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="GMV asked for (% of the highest)", ylabel="Change of levels (%)")
    ax.legend(loc="upper left", frameon=True, edgecolor="none", framealpha=1.0)
    ax.set_title("(d) lines: proved, dotted: highest GMV under the cap", loc="left")


def draw_budget(rows: Sequence[Row], ax: Any) -> None:
    """Markers: changes found; line: the formula; dotted: the sum of floors."""
    threshold, (x, least, change) = rows[0]["threshold"], entries(rows, "asked", "least", "change")
    grid = np.linspace(x.min(), x.max(), 200)
    ax.plot(grid, np.maximum(0.0, 1 - grid / threshold), color=BLACK, label="1 - B / F")
    ax.plot(x, change, "o", markerfacecolor="none", markeredgecolor=BLUE, label="change found")
    ax.plot(x, least, "x", color=VERMILLION, label="proved to be needed")
    ax.axvline(threshold, color=BLACK, linewidth=0.9, linestyle=":")
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Budget B (% of all impressions)", ylabel="Change of levels (%)")
    ax.legend(loc="upper right")
    ax.set_title("(e) dotted: sum F of the floors", loc="left")


# What is claimed.


def told(rows: Sequence[Row]) -> str:
    """Every list is refuted by its witness, its conflict is irreducible and the planted one, and its change works."""
    for row in rows:
        assert row["status"] == "INFEASIBLE", row
        assert row["proved"], row
        assert row["irreducible"], row
        assert {*row["named"]} - {SERVING} == {*row["planted"]}, row
        assert (SERVING in row["named"]) == (row["set"] == "empty"), row
        assert row["relaxed"] == "CERTIFIED", row
        assert 0 < row["least"] <= row["change"] * (1 + EXACT), row
    stated, clash = (sum(row[key] for row in rows) for key in ("stated", "clash"))
    close = [row for row in rows if row["change"] <= row["least"] + ROUNDED]
    worst = max(row["change"] / row["least"] for row in rows)
    return (
        f"Of {stated} rules in {len(rows)} lists {clash} clash, and exactly these are named; every contradiction is "
        f"proved and irreducible, and every change was solved and certified. The change found is the least in "
        f"{len(close)} lists, up to rounding, and at most {worst:.2f} times what is proved to be needed."
    )


def tightened(rows: Sequence[Row]) -> str:
    """No change up to the highest GMV under the cap; beyond, one that grows and costs no more than less GMV."""
    for cap in CAPS:
        mine = sorted(pick(rows, cap=cap), key=lambda row: row["asked"])
        for row in mine:
            beyond = 1 - row["threshold"] / row["asked"]
            assert row["status"] == ("INFEASIBLE" if beyond > 0 else "FEASIBLE"), row
            assert row["least"] <= max(beyond, 0.0) + EXACT, row
            assert row["least"] * (1 - EXACT) <= row["change"] <= max(beyond, 0.0) * (1 + ROUNDED) + ROUNDED, row
        assert all(a["least"] <= b["least"] + EXACT for a, b in pairwise(mine)), mine
    thresholds = ", ".join(f"{pick(rows, cap=cap)[0]['threshold']:.1%}" for cap in CAPS)
    shares = ", ".join(f"{100 * cap:g}" for cap in CAPS)
    return f"With at most {shares} % for the top tenth, levels of GMV clash from {thresholds} of the highest on."


def formula(rows: Sequence[Row]) -> str:
    """Budgets: the least change is 1 - B / F."""
    for row in rows:
        expected = max(0.0, 1 - row["asked"] / row["threshold"])
        assert row["status"] == ("INFEASIBLE" if expected > EXACT else "FEASIBLE"), row
        assert abs(row["least"] - expected) <= EXACT, row
        assert expected - EXACT <= row["change"] <= expected + ROUNDED, row
    return f"Budgets clash with floors below {rows[0]['threshold']:.0%} of all impressions, by 1 - B / F."


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(impossible, about | {"name": name}) for name in NAMES]
    cells += [(levels_of_gmv, about | {"cap": cap, "asked": ASKED[scale]}) for cap in CAPS]
    cells.append((levels_of_budget, about | {"asked": BUDGETS[scale]}))
    lab = Lab.of("diagnosis", options)
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    for row in pick(rows, panel="list"):
        print(f"{NAMES[row['set']]} ({row['stated']} rules)", *(f"    {line}" for line in row["words"]), sep="\n")
    lists, gmv, budget = (pick(rows, panel=panel) for panel in ("list", "gmv", "budget"))
    print(told(lists), tightened(gmv), formula(budget), sep="\n")


if __name__ == "__main__":
    run(main)
