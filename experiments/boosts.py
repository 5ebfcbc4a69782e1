"""Who should be boosted, and who gains from contests, links and matched traffic?

s4 describes Kuaishou's tools for Double 11: contests (A3), Super Link (A4: chosen products sell more and may have more
traffic, paid by a budget), Highlight Support (A5: brands get impressions for what they sell by themselves) and traffic
subsidies (A6: "over 10 billion" in its lead, "over 100 billion" later). A boost multiplies an anchor's values by 1 +
sigma and its capacity by 1 + tau; it is given to the top sellers, by lot, or to those for whom it brings most, and of
the last it is proved how far any other choice could be better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, over_draws, percent, pick, run, stream
from allocator.discrete import Boost, boost_slots, boosted, contest, highlight_support
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

SIGMA, TAU = 0.1, 0.1
"""Values and capacities under a link; A4 assumes .1 for the first, the second is an assumption, too."""
SIGMAS = {"full": (0.05, 0.1, 0.2, 0.4), "quick": (0.1, 0.4)}
ROOM = 2.0
"""Capacity of an anchor over its traffic today: an assumption."""
SIZES = {"full": (1_000, 200), "quick": (300, 60)}
SLOTS = {"full": (0.02, 0.05, 0.1, 0.2, 0.4), "quick": (0.05, 0.2, 0.4)}
"""Slots as shares of the anchors."""
BUDGETS = {"full": (0.02, 0.05, 0.1, 0.2, 0.4), "quick": (0.05, 0.2)}
"""Budgets as shares of what a boost of everybody costs; a boost costs sigma times what its anchor sells today."""
SHOWN = 0.2
"""The share of slots or money at which sigma is swept and claims are made."""
LOTS = 5
GAP, SECONDS = 5e-4, 600.0
MATCHED = (0.1, 0.2, 0.4)
"""m, impressions per RMB of own GMV: A5 assumes .2."""
BRANDS, TOP, ROUNDS = 0.3, 0.1, 8
"""Share of anchors who are brands (an assumption: enough of them to have a top tenth), their head, and periods."""
SUBSIDIES = {"full": (0.0, 0.013, 0.026, 0.06, 0.13, 0.26, 0.5), "quick": (0.0, 0.026, 0.26)}
SCENARIOS = (0.026, 0.26)
"""1e10 and 1e11 as parts of a year's supply, if an impression sells 1 RMB on average, as in the preset, so that
Kuaishou's GMV of 2020, 381 bn RMB, took 381 bn impressions: an assumption, as s4 has no unit."""
PROMISED, NEWCOMERS = 0.5, 0.2
"""Floor of a newcomer over the even split, and newcomers' share of the anchors: assumptions."""
ANCHORS = (2, 3, 4, 6, 10, 20)
WAYS = {
    "best": ("best choice", BLUE, "o", "-"),
    "top": ("top sellers", VERMILLION, "^", "--"),
    "lot": ("by lot", GREEN, "s", "-."),
}
COLUMNS = ("panel", "way", "level", "sigma", "gain", "gini", "bound", "claim", "boosts", "spent", "per_head", "total")
COLUMNS += ("simulated", "matched", "round", "bonus_share", "gmv_share", "extra_share", "subsidy", "price")


# What is measured.


def market(size: tuple[int, int], seed: int) -> al.Problem:
    """GMV under capacities, on the public part of a platform like Kuaishou."""
    platform = al.public_part(al.synthetic.kuaishou(*size, rng=stream(seed, "boosts")))
    traffic = platform.into_anchors(platform.observed)
    return al.Problem(replace(platform, capacity=ROOM * traffic), al.GMV(), [al.Capacity()])


def sales_today(platform: al.Platform) -> np.ndarray:
    """GMV of every anchor in today's traffic, (A,)."""
    return platform.amounts("gmv", platform.observed)


def efforts(seed: int) -> list[Row]:
    """Effort in contests for a pot of 1: closed form, and where anchors in turn move towards their best answers."""
    rows = []
    for n in ANCHORS:
        effort = stream(seed, f"contest {n}").uniform(0.05, 0.5, n)
        for _ in range(400):
            for j in range(n):
                others = effort.sum() - effort[j]
                best = max(0.0, np.sqrt(others) - others)  # the slope others / (o + others)^2 - 1 is 0 there
                effort[j] += 2 / (n + 1) * (best - effort[j])  # whole steps overshoot from n = 5 on
        found = contest(1.0, n)
        rows.append({"panel": "contest", "level": n, "per_head": found.per_head, "total": found.total})
        rows[-1] |= {"simulated": float(effort.sum()), "spread": float(np.ptp(effort))}
    return rows


def links(
    size: tuple[int, int], seed: int, sigma: float, *, slots: float | None = None, budget: float | None = None
) -> list[Row]:
    """The best choice, the top sellers and lots under the same slots or the same budget, as shares."""
    problem = market(size, seed)
    platform, sales = problem.platform, sales_today(problem.platform)
    link = Boost("link", value=sigma, capacity=TAU, cost=sigma * sales)
    at_most = None if slots is None else round(slots * platform.anchor_count)
    money = None if budget is None else budget * sigma * float(sales.sum())
    found = boost_slots(problem, [link], at_most=at_most, budget=money, relative_gap=GAP, seconds=SECONDS)
    before = found.without
    about = {"panel": "slots" if budget is None else "budgets", "sigma": sigma, "level": budget or slots}
    none = {"gini": al.metrics.gini(before.anchor_gmv), "before": before.gmv}
    best = {"bound": (found.bound - before.gmv) / before.gmv, "claim": found.claim / before.gmv - 1}
    rows = [about | _judged(found.allocation, before, "best", found.spent, len(found.chosen)) | best | {"none": none}]
    orders = {"top": [np.argsort(-sales, kind="stable")]}
    orders["lot"] = [stream(seed, f"lot {k}").permutation(sales.size) for k in range(LOTS)]
    for way, given in orders.items():
        for order in given:
            chosen = _within(order, sigma * sales, at_most, money)
            ids = platform.anchors["id"][chosen].tolist()
            after = replace(problem, platform=boosted(platform, dict.fromkeys(ids, link)))
            flow = al.solve(after, relative_gap=GAP)
            spent = float(sigma * sales[chosen].sum())
            rows.append(about | _judged(flow, before, way, spent, chosen.size) | {"none": none})
    return rows


def _within(order: np.ndarray, cost: np.ndarray, at_most: int | None, money: float | None) -> np.ndarray:
    """The first in an order for whom there is a slot, or still the money."""
    if money is None:
        return order[:at_most]
    chosen, left = [], money
    for j in order.tolist():
        if cost[j] <= left:
            chosen.append(j)
            left -= cost[j]
    return np.array(chosen, dtype=np.int64)


def _judged(flow: al.Allocation, before: al.Allocation, way: str, spent: float, count: int) -> Row:
    gain, gini = flow.gmv / before.gmv - 1, al.metrics.gini(flow.anchor_gmv)
    return {"way": way, "gain": gain, "gini": gini, "spent": spent, "boosts": count}


def highlights(size: tuple[int, int], seed: int) -> list[Row]:
    """Share of matched impressions that the top tenth of brands gets, period by period: what a bonus sold counts as own
    GMV in the next.
    """
    preset = replace(al.synthetic.presets.KUAISHOU, brand_share=BRANDS)
    platform = preset.draw(*size, rng=stream(seed, "highlights"))
    brands = platform.anchors["kind"] == "brand"
    own = np.where(brands, sales_today(platform), 0.0)
    head = np.argsort(-own, kind="stable")[: max(1, round(TOP * brands.sum()))]
    rows = []
    for m in MATCHED:
        sold = own
        for step in range(ROUNDS):
            after = highlight_support(platform, sold, m, where="kind=brand")
            mine = after.segments["highlight"]
            bonus = np.bincount(after.anchor[mine[after.segment]], after.supply[mine], minlength=own.size)
            extra = after.sales_reach - platform.sales_reach
            row = {"panel": "highlight", "matched": m, "round": step, "bonus_share": bonus[head].sum() / bonus.sum()}
            row |= {"gmv_share": own[head].sum() / own.sum(), "extra_share": extra[head].sum() / extra.sum()}
            rows.append(row | {"bonus": float(bonus.sum() / platform.supply.sum()), "brands": int(brands.sum())})
            sold = own + extra
    return rows


def subsidies(size: tuple[int, int], seed: int, parts: Sequence[float]) -> list[Row]:
    """GMV that a floor for newcomers costs where a part of supply is added for them."""
    platform = al.public_part(
        replace(al.synthetic.presets.KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, "subsidies"))
    )
    new = platform.anchors["tier"] == "new"
    floor = PROMISED * float(platform.supply.sum()) / platform.anchor_count
    rows = []
    for part in parts:
        more = al.subsidise(platform, new, part * float(platform.supply.sum())) if part else platform
        free = al.solve(al.Problem(more, al.GMV()), relative_gap=1e-7)
        kept = al.solve(al.Problem(more, al.GMV(), [al.Floor(floor, where=new)]), relative_gap=1e-7)
        price = max(0.0, 1 - kept.gmv / free.gmv)  # nothing, where what is left is the solver's gap
        rows.append({"panel": "subsidy", "subsidy": part, "price": price, "floors": floor * float(new.sum())})
        rows[-1] |= {"supply": float(platform.supply.sum())}
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Six panels: contests, links by slots, by budget and by sigma, matched traffic, subsidies."""
    figure = blank_figure(4.9)
    above, below = figure.subfigures(2, 1)
    (one, two, three), (four, five, six) = above.subplots(1, 3), below.subplots(1, 3)
    draw_contests(pick(rows, panel="contest"), one)
    draw_concentration(pick(rows, panel="slots", sigma=SIGMA), two)
    draw_gains(pick(rows, panel="budgets", sigma=SIGMA), three)
    draw_sigma(pick(rows, panel="budgets", level=SHOWN), four)
    draw_highlights(pick(rows, panel="highlight"), five)
    draw_subsidies(pick(rows, panel="subsidy"), six)
    handles, labels = two.get_legend_handles_labels()
    above.legend(handles, labels, loc="outside lower center", ncols=3, title="Links in (b) to (d) go to")
    return figure


def draw_contests(rows: Sequence[Row], ax: Any) -> None:
    n = np.arange(2, ANCHORS[-1] + 1)
    ax.plot(n, [contest(1.0, k).total for k in n], color=BLACK, label="of all")
    ax.plot(n, [contest(1.0, k).per_head for k in n], color=ORANGE, linestyle="--", label="per head")
    x, total = entries(rows, "level", "simulated")
    ax.plot(x, total, "o", color=BLACK, markerfacecolor="none", markersize=4)
    ax.plot(x, total / x, "D", color=ORANGE, markerfacecolor="none", markersize=3.5)
    ax.set(xlabel="Anchors in a contest", ylabel="Effort (parts of the pot)", ylim=(0, 1), xlim=(0, None))
    ax.legend(loc="center right")
    ax.set_title("(a) markers: best answers", loc="left")


def averaged(rows: Sequence[Row], way: str, by: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Levels, and means over lots of a number."""
    x, (means, *_) = over_draws(pick(rows, way=way), by, key)
    return x, means


def draw_concentration(rows: Sequence[Row], ax: Any) -> None:
    none = rows[0]["none"]["gini"]
    for way, (label, colour, marker, dashes) in WAYS.items():
        x, y = averaged(rows, way, "level", "gain")[1], averaged(rows, way, "level", "gini")[1]
        look = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 3.5}
        ax.plot([0.0, *x], [none, *y], label=label, **look)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="GMV gained (%)", ylabel="Gini coefficient of GMV", xlim=(0, None))
    ax.set_title("(b) more and more slots", loc="left")


def draw_gains(rows: Sequence[Row], ax: Any) -> None:
    """Dotted: what no choice can exceed."""
    for way, (_, colour, marker, dashes) in WAYS.items():
        x, y = averaged(rows, way, "level", "gain")
        ax.plot(x, y, color=colour, marker=marker, linestyle=dashes, markersize=3.5)
    x, bound = averaged(rows, "best", "level", "bound")
    ax.plot(x, bound, color=BLACK, linestyle=":", linewidth=0.9)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Budget (% of a boost for all)", ylabel="GMV gained (%)", xlim=(0, None), ylim=(0, None))
    ax.set_title("(c) dotted: no choice gains more", loc="left")


def draw_sigma(rows: Sequence[Row], ax: Any) -> None:
    for way, (_, colour, marker, dashes) in WAYS.items():
        x, y = averaged(rows, way, "sigma", "gain")
        _, spent = averaged(rows, way, "sigma", "spent")
        gained = y * rows[0]["none"]["before"] / spent
        ax.plot(x, gained, color=colour, marker=marker, linestyle=dashes, markersize=3.5)
    ax.set(xlabel="σ of a link", ylabel="GMV gained per RMB spent", xlim=(0, None), ylim=(0, None))
    ax.set_title(f"(d) budget {100 * SHOWN:g} %", loc="left")


def draw_highlights(rows: Sequence[Row], ax: Any) -> None:
    looks = zip(MATCHED, (PURPLE, BLUE, VERMILLION), "os^", ("-", "--", "-."), strict=True)
    for m, colour, marker, dashes in looks:
        mine = pick(rows, matched=m)
        x, y = [row["round"] + 1 for row in mine], [row["bonus_share"] for row in mine]
        ax.plot(x, y, color=colour, marker=marker, linestyle=dashes, markersize=3.5)
        ax.annotate(f"m = {m:g}", (x[-1], y[-1]), (0, 4), textcoords="offset points", color=colour, ha="right")
    own = rows[0]["gmv_share"]
    ax.axhline(own, color=GREY, linewidth=0.8)
    ax.annotate("share of GMV", (ROUNDS, own), (0, -3), textcoords="offset points", color=GREY, va="top", ha="right")
    ax.margins(y=0.15)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Period", ylabel="Matched impressions of\nthe top tenth of brands (%)")
    ax.set_title("(e)", loc="left")


def draw_subsidies(rows: Sequence[Row], ax: Any) -> None:
    x, y = entries(rows, "subsidy", "price")
    ax.plot(x, y, color=BLACK, marker="d", markersize=3.5)
    for part, label in zip(SCENARIOS, ("10 bn", "100 bn"), strict=True):
        ax.axvline(part, color=GREY, linewidth=0.8, linestyle=":")
        ax.annotate(label, (part, max(y)), (2, 0), textcoords="offset points", color=GREY, va="top")
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Subsidy for newcomers\n(% of supply)", ylabel="GMV that their floor costs (%)")
    ax.set(xlim=(0, None), ylim=(0, None))
    ax.set_title("(f)", loc="left")


# What is claimed.


def contests(rows: Sequence[Row]) -> str:
    """A3: best answers end at the closed form; effort of all rises with n, per head it falls."""
    found = pick(rows, panel="contest")
    for row in found:
        assert abs(row["simulated"] - row["total"]) <= 1e-6, row
        assert row["spread"] <= 1e-6, row
    for before, after in pairwise(found):
        assert after["total"] > before["total"], (before, after)
        assert after["per_head"] < before["per_head"], (before, after)
    heads = [f"{row['per_head']:.3g}" for row in found if row["level"] in (2, 3, 10)]
    return f"A contest of 2, 3 and 10 anchors makes each put in {', '.join(heads)} of the pot, together ever more."


def together(rows: Sequence[Row]) -> str:
    """A4: links for top sellers raise GMV and its Gini coefficient together; links by lot raise GMV alone, less."""
    mine = pick(rows, panel="slots", sigma=SIGMA)
    none = mine[0]["none"]["gini"]
    gains, ginis = averaged(mine, "top", "level", "gain")[1], averaged(mine, "top", "level", "gini")[1]
    few = gains[0], ginis[0]
    assert few[0] > 0, few
    assert few[1] > none, (few, none)
    assert all(later > sooner for sooner, later in pairwise(gains)), gains
    lots = averaged(mine, "lot", "level", "gini")[1]
    assert all(top > lot for top, lot in zip(ginis, lots, strict=True)), (ginis, lots)
    return (
        f"Links for the top sellers raise GMV by {few[0]:.1%} to {gains[-1]:.1%} as slots grow, its Gini coefficient "
        f"from {none:.3f} to {ginis[0]:.3f} and {ginis[-1]:.3f}; by lot it ends at {lots[-1]:.3f}."
    )


def best(rows: Sequence[Row]) -> str:
    """No choice beats the proof, and none of those tried the best one by more than was asked."""
    said = []
    for panel in ("slots", "budgets"):
        mine = pick(rows, panel=panel)
        for row in pick(mine, way="best"):
            others = [r for r in mine if (r["level"], r["sigma"]) == (row["level"], row["sigma"])]
            assert all(r["gain"] <= row["bound"] + 1e-9 for r in others), row
            assert all(r["gain"] <= row["gain"] + 3 * GAP for r in others), row
            assert row["claim"] - row["gain"] <= 3 * GAP, row
        here = pick(mine, level=SHOWN, sigma=SIGMA)
        ours, top = pick(here, way="best")[0], pick(here, way="top")[0]
        what = "of the slots" if panel == "slots" else "of the money"
        said.append(
            f"With {SHOWN:.0%} {what} the best choice gains {ours['gain']:.2%}, top sellers {top['gain']:.2%}, and no "
            f"choice more than {ours['bound']:.2%} (proved)."
        )
    return " ".join(said)


def matched(rows: Sequence[Row]) -> str:
    """A5: at first the bonus is as concentrated as GMV, by definition; what it sells is more so, and it feeds on it."""
    said = []
    for m in MATCHED:
        mine = pick(rows, panel="highlight", matched=m)
        assert abs(mine[0]["bonus_share"] - mine[0]["gmv_share"]) <= 1e-9, mine[0]
        shares = [row["bonus_share"] for row in mine]
        assert all(later >= sooner for sooner, later in pairwise(shares)), shares
        said.append(f"{shares[-1]:.1%} at m = {m:g}")
    first = mine[0]
    assert first["extra_share"] > first["gmv_share"] > TOP, first
    return (
        f"The top tenth of brands has {first['gmv_share']:.1%} of their GMV and of matched impressions, which bring it "
        f"{first['extra_share']:.1%} of what these sell; after {ROUNDS} periods it gets {', '.join(said)}."
    )


def cheaper(rows: Sequence[Row]) -> str:
    """A6: the price of a floor falls as supply for those whom it protects grows."""
    mine = pick(rows, panel="subsidy")
    prices = {row["subsidy"]: row["price"] for row in mine}
    ordered = [prices[part] for part in sorted(prices)]
    assert all(later <= sooner + 1e-6 for sooner, later in pairwise(ordered)), ordered
    small, large = (prices[part] for part in SCENARIOS)
    assert large < small < ordered[0], ordered
    return (
        f"A floor of half the even split for newcomers costs {ordered[0]:.2%} of GMV, {small:.2%} with a subsidy of "
        f"10 bn impressions, {large:.2%} with 100 bn."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(efforts, {"seed": options.seed})]
    cells += [(links, about | {"sigma": SIGMA, "slots": share}) for share in SLOTS[scale]]
    cells += [(links, about | {"sigma": SIGMA, "budget": share}) for share in BUDGETS[scale]]
    cells += [(links, about | {"sigma": sigma, "budget": SHOWN}) for sigma in SIGMAS[scale] if sigma != SIGMA]
    cells += [(highlights, about), (subsidies, about | {"parts": SUBSIDIES[scale]})]
    Lab.of("boosts", options).answer(cells, draw, contests, together, best, matched, cheaper, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
