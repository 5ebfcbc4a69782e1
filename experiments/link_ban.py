"""When does it pay a platform to ban links to the shop of another?

A part l of a feed's sales is closed through links in the shop of another platform (most of Douyin's, on Taobao, until
it banned them in October 2020: s3). The feed keeps c_own of a sale in its own store and gets c_link of one through a
link. Without links r of what they sold is sold in its own store, which was "far from mature" (s3), the rest nowhere.

Derived here (T7), for traffic that stays where it was: of sales of 1 the store has 1 - l anyway and l r of the others,
so GMV turns from 1 into 1 - l + l r and revenue from c_own (1 - l) + c_link l into c_own (1 - l + l r). The ban adds
l (c_own r - c_link) to revenue: its sign is that of r - c_link / c_own, whatever l. A partner whose logistics raise r
by dr (Kuaishou and JD: s3) brings the maturity from which it pays down by dr.

Where links belong to some anchors, a platform that sends traffic where it sells most takes it from them after the ban,
and T7 is silent. One that sends it where it earns most still has the sign of r - c_link / c_own: an impression on a
linked anchor earns c_link v before the ban and c_own r v after it, all others what they did, so the most that can be
earned rises iff c_own r > c_link. Markers are simulated markets of a feed and a shop (presets of Douyin and Taobao),
lines the closed form. c_own = .05, c_link = .02 and l = .6 are assumptions, swept; so is dr = .2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, bars, blank_figure, entries, mean_of, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator import market as mk
from allocator.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILLION

OWN, FEE, LEAKAGE, GAIN = 0.05, 0.02, 0.6, 0.2
PROOF = 1e-6
"""Relative gap to which traffic is the best."""
SIZES = {"full": (1_000, 200), "quick": (150, 40)}
DRAWS = {"full": 6, "quick": 2}
MATURITIES = {"full": np.linspace(0.0, 1.0, 11).tolist(), "quick": np.linspace(0.0, 1.0, 6).tolist()}
LEAKAGES = {0.3: (GREEN, "^", "-."), 0.6: (BLACK, "o", "-"), 0.9: (VERMILLION, "s", "--")}
FEES = (0.005, 0.015, 0.025, 0.035, 0.045)
POLICIES = {
    "even": ("evenly", GREEN, "s"),
    "earning": ("where it earns most", ORANGE, "D"),
    "optimal": ("where it sells most", BLUE, "o"),
}
DAYS, BAN, ALLIED = 150, 50, 100
"""Of (f): the ban, and a partner for the feed's store."""
YOUNG = 0.3
"""Maturity of the feed's store in (f)."""
COLUMNS = ("panel", "policy", "draw", "leakage", "maturity", "fee", "gain", "gmv", "revenue", "leaked", "day", "closed")
COLUMNS += ("member",)


# What is measured.


def members(
    size: tuple[int, int], seed: int, draw_: int | str, policy: dy.Policy, *, fans: bool = False
) -> list[mk.Member]:
    """A feed with links and the shop to which they lead."""
    rng, world = stream(seed, f"platforms {draw_}"), (dy.Flywheel(),) if fans else ()
    drawn = {
        "feed": al.synthetic.douyin(*size, rng=rng),
        "shop": al.synthetic.taobao(*size, rng=rng),
    }
    return [
        mk.Member(name, dy.World(al.public_part(platform), world), policy, commission=OWN)
        for name, platform in drawn.items()
    ]


@dataclass(frozen=True, eq=False)
class Earning(dy.Optimal):
    """The most revenue instead of GMV: an impression counts what the feed keeps of it."""

    def valued(self, view: dy.View) -> al.Platform:
        """The platform at revenue an impression; from period 1 on there are no links."""
        platform = view.platform
        linked = (platform.anchors["shop"] == "linked") & (view.period == 0)
        kept = np.where(linked, FEE, OWN)[platform.anchor]
        return replace(platform, value=platform.value * kept)


def policy_of(name: str) -> dy.Policy:
    """A policy of (d, e)."""
    return dy.Even() if name == "even" else (Earning if name == "earning" else dy.Optimal)(relative_gap=PROOF)


def banned(who: Sequence[mk.Member], links: dict[str, Any], maturity: float, gain: float = 0.0) -> Row:
    """GMV and revenue of the feed without links over its GMV with them, and the part of GMV through links before."""
    feed, shop = who
    young = mk.Member("feed", feed.world, feed.policy, commission=OWN, maturity=maturity)
    market = mk.Market([young, shop], [mk.Links("feed", "shop", ban=1, **links), mk.Alliance("feed", gain)])
    path = mk.simulate(market, periods=2, rng=np.random.default_rng(0))["feed"]
    sold = float(path["gmv"][0])
    return {
        "gmv": float(path["gmv"][1]) / sold,
        "revenue": float(path["revenue"][1] - path["revenue"][0]) / sold,
        "leaked": 1.0 - float(path["closed"][0]) / sold,
    }


def signs(leakage: float, maturities: Sequence[float], size: tuple[int, int], seed: int) -> list[Row]:
    """The ban at one leakage, all anchors linking alike, by maturity, each in a market drawn for itself."""
    rows = []
    for r in maturities:
        who = members(size, seed, f"of leakage {leakage:g}, maturity {r:g}", dy.Proportional())
        about = {"panel": "sign", "leakage": leakage, "maturity": r}
        rows.append(about | banned(who, {"leakage": leakage, "fee": FEE}, r))
    return rows


def thresholds(fee: float, gain: float, maturities: Sequence[float], size: tuple[int, int], seed: int) -> list[Row]:
    """The own maturity from which the ban pays at a fee, between neighbours on a grid."""
    who = members(size, seed, f"of fee {fee:g}, gain {gain:g}", dy.Proportional())
    found = [banned(who, {"leakage": LEAKAGE, "fee": fee}, r, gain)["revenue"] for r in maturities]
    return [{"panel": "threshold", "fee": fee, "gain": gain, "maturity": crossing(maturities, found)}]


def crossing(grid: Sequence[float], path: Sequence[float]) -> float:
    """Where a rising path first is zero, on a line between neighbours."""
    high = int(np.argmax(np.asarray(path) >= 0))
    assert high > 0, path
    assert path[high] >= 0 > path[high - 1], path
    return grid[high - 1] - path[high - 1] * (grid[high] - grid[high - 1]) / (path[high] - path[high - 1])


def steered(policy: str, draw_: int, maturities: Sequence[float], size: tuple[int, int], seed: int) -> list[Row]:
    """The ban where links belong to some anchors, by maturity."""
    who = [
        replace(member, policy=policy_of(policy) if member.name == "feed" else dy.Even())
        for member in members(size, seed, draw_, dy.Even())
    ]
    about = {"panel": "steered", "policy": policy, "draw": draw_}
    return [about | {"maturity": r} | banned(who, {"fee": FEE}, r) for r in maturities]


def path(size: tuple[int, int], seed: int) -> list[Row]:
    """GMV by day and where it is closed: links, no links, no links and a partner."""
    feed, shop = members(size, seed, 0, dy.Proportional(), fans=True)
    young = mk.Member("feed", feed.world, feed.policy, commission=OWN, maturity=YOUNG)
    links = mk.Links("feed", "shop", fee=FEE, ban=BAN)
    market = mk.Market([young, shop], [links, mk.Alliance("feed", GAIN, since=ALLIED)])
    found = mk.simulate(market, periods=DAYS, rng=np.random.default_rng(0))
    start = float(found["feed"]["gmv"][0])
    rows = []
    for name in ("feed", "shop"):
        columns = {key: (found[name][key] / start).tolist() for key in ("gmv", "closed", "revenue")}
        rows += [
            {"panel": "path", "member": name, "day": day} | {key: columns[key][day] for key in columns}
            for day in range(DAYS)
        ]
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    axes = figure.subplots(2, 3)
    draw_signs(pick(rows, panel="sign"), axes[0, 0])
    draw_gmv(pick(rows, panel="sign"), axes[0, 1])
    draw_thresholds(pick(rows, panel="threshold"), axes[0, 2])
    draw_steered(pick(rows, panel="steered"), axes[1, 0], "gmv")
    draw_steered(pick(rows, panel="steered"), axes[1, 1], "revenue")
    draw_path(pick(rows, panel="path"), axes[1, 2])
    return figure


def draw_signs(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0, 1.0, 50)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.axvline(FEE / OWN, color=BLACK, linestyle=":", linewidth=0.9)
    for leakage, (colour, marker, dashes) in LEAKAGES.items():
        mine = pick(rows, leakage=leakage)
        ax.plot(
            grid, 100 * mk.closed_forms.revenue_of_ban(leakage, grid, OWN, FEE), dashes, color=colour, linewidth=0.9
        )
        x, revenue = entries(mine, "maturity", "revenue")
        ax.plot(x, 100 * revenue, marker, color=colour, markersize=3.5, label=f"{leakage:g}")
    ax.legend(title="By links, l", loc="upper left")
    ax.set(xlabel="Maturity of the own store, r", ylabel="Revenue gained (% of GMV)")
    ax.set_title("(a) revenue", loc="left")


def draw_gmv(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0, 1.0, 50)
    for leakage, (colour, marker, dashes) in LEAKAGES.items():
        mine = pick(rows, leakage=leakage)
        ax.plot(grid, mk.closed_forms.gmv_after_ban(leakage, grid), dashes, color=colour, linewidth=0.9)
        ax.plot(*entries(mine, "maturity", "gmv"), marker, color=colour, markersize=3.5)
    ax.set(xlabel="Maturity of the own store, r", ylabel="GMV left (% of that with links)", ylim=(0, 1.03))
    ax.yaxis.set_major_formatter(percent)
    ax.set_title("(b) GMV", loc="left")


def draw_thresholds(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0, 1.0, 50)
    looks = {0.0: (BLACK, "o", "-", "alone"), GAIN: (PURPLE, "s", "--", f"partner adds {GAIN:g}")}
    for gain, (colour, marker, dashes, label) in looks.items():
        mine = pick(rows, gain=gain)
        ax.plot(grid, np.maximum(grid - gain, 0.0), dashes, color=colour, linewidth=0.9)
        fee, maturity = entries(mine, "fee", "maturity")
        ax.plot(fee / OWN, maturity, marker, color=colour, markersize=3.5, label=label)
    ax.legend(loc="upper left")
    ax.set(xlabel="Fee over commission, $c_{link}/c_{own}$", ylabel="Maturity r from which\nthe ban pays")
    ax.set_title("(c) what an alliance does", loc="left")


def draw_steered(rows: Sequence[Row], ax: Any, what: str) -> None:
    fine, scale = np.linspace(0.0, 1.0, 50), 1 if what == "gmv" else 100
    for policy, (label, colour, marker) in POLICIES.items():
        mine = pick(rows, policy=policy)
        x, told = over_draws(mine, "maturity", what)
        bars(ax, (x, scale * told), (colour, marker, "none"), label=label)
        leaked = float(np.mean([row["leaked"] for row in mine]))
        gmv = mk.closed_forms.gmv_after_ban(leaked, fine)
        line = gmv if what == "gmv" else 100 * mk.closed_forms.revenue_of_ban(leaked, fine, OWN, FEE)
        ax.plot(fine, line, color=colour, linewidth=0.9)
    ax.set(xlabel="Maturity of the own store, r")
    if what == "gmv":
        ax.set(ylabel="GMV left (% of that with links)", ylim=(0, 1.25))
        ax.yaxis.set_major_formatter(percent)
        ax.legend(title="Traffic goes", loc="lower right")
        ax.set_title("(d) links of some anchors", loc="left")
    else:
        ax.axhline(0, color=BLACK, linewidth=0.6)
        ax.axvline(FEE / OWN, color=BLACK, linestyle=":", linewidth=0.9)
        ax.set(ylabel="Revenue gained (% of GMV)")
        ax.set_title("(e) links of some anchors", loc="left")


def draw_path(rows: Sequence[Row], ax: Any) -> None:
    looks = {
        ("feed", "gmv"): (BLACK, "-", "feed: sold"),
        ("feed", "closed"): (BLUE, "--", "feed: own store"),
        ("shop", "closed"): (ORANGE, "-.", "shop: own store"),
    }
    for (name, what), (colour, dashes, label) in looks.items():
        mine = pick(rows, member=name)
        ax.plot(*entries(mine, "day", what), dashes, color=colour, label=label)
    for day, text in ((BAN, "ban"), (ALLIED, "partner")):
        ax.axvline(day, color=BLACK, linestyle=":", linewidth=0.9)
        ax.annotate(text, (day + 2, 0.03), xycoords=("data", "axes fraction"), fontsize=6.5)
    ax.set(xlabel="Day", ylabel="GMV (of the feed's on day 0)", xlim=(0, DAYS), ylim=(0, None))
    ax.legend(loc="upper right", fontsize=6.5)
    ax.set_title(f"(f) store of maturity {YOUNG:g}", loc="left")


# What is claimed.


def same_sign(rows: Sequence[Row]) -> str:
    """T7 (a, b): amounts and signs."""
    mine = pick(rows, panel="sign")
    for row in mine:
        leakage, r = row["leakage"], row["maturity"]
        assert abs(row["gmv"] - mk.closed_forms.gmv_after_ban(leakage, r)) < 1e-9, row
        assert abs(row["revenue"] - mk.closed_forms.revenue_of_ban(leakage, r, OWN, FEE)) < 1e-9, row
        assert abs(r - FEE / OWN) < 1e-9 or (row["revenue"] > 0) == (r > FEE / OWN), row
        assert row["gmv"] < 1 or r == 1, row
    return (
        f"At c_link / c_own = {FEE / OWN:g} a ban raises revenue iff r is above that in all {len(mine)} markets, each "
        f"drawn for itself, with {', '.join(f'{leakage:g}' for leakage in LEAKAGES)} of GMV through links, which all "
        f"anchors set alike (what T7 takes for granted), and lowers GMV wherever r < 1."
    )


def allied(rows: Sequence[Row]) -> str:
    """B2 (c)."""
    for row in pick(rows, panel="threshold"):
        assert abs(row["maturity"] - max(row["fee"] / OWN - row["gain"], 0.0)) < 1e-9, row
    return f"A partner that adds {GAIN:g} to r lowers the own maturity from which the ban pays by {GAIN:g}."


def spared(rows: Sequence[Row]) -> str:
    """What T7 leaves out (d, e): who steers traffic loses less; who steers it for GMV gains revenue by the ban at
    maturities at which nobody else does.
    """
    mine = pick(rows, panel="steered")
    for row in mine:
        line, maturity = mk.closed_forms.gmv_after_ban(row["leaked"], row["maturity"]), row["maturity"]
        if row["policy"] == "even":
            assert abs(row["gmv"] - line) < 1e-9, row
        if row["policy"] == "optimal":
            assert row["gmv"] >= line - 2 * PROOF, (row, line)
        elif abs(maturity - FEE / OWN) > 1e-9:
            assert (row["revenue"] > 0) == (maturity > FEE / OWN), row
        else:
            assert abs(row["revenue"]) < 2 * PROOF, row
    start = [row for row in mine if row["policy"] == "optimal" and row["maturity"] == 0]
    spare = [row["gmv"] - mk.closed_forms.gmv_after_ban(row["leaked"], 0.0) for row in start]
    gained = [row["revenue"] - mk.closed_forms.revenue_of_ban(row["leaked"], 0.0, OWN, FEE) for row in start]
    assert min(spare) > 0.05, spare
    assert min(gained) > 0, gained
    low = pick(mine, policy="optimal", maturity=0.2)  # below FEE / OWN
    assert all(row["revenue"] > 0 for row in low), low
    mean, error = mean_of(spare)
    return (
        f"Where links belong to some anchors, a platform that sends traffic where it sells most keeps "
        f"{100 * mean:.0f} +- {100 * error:.0f} points of GMV more at r = 0 than T7 says of traffic as it "
        f"was, and gains {100 * np.mean([row['revenue'] for row in low]):.2f} % of GMV by the ban at r = .2 already; "
        f"with even traffic, and where traffic goes where it earns most, the sign is that of T7."
    )


def told(rows: Sequence[Row]) -> str:
    """The path (f): the ban costs GMV for good, part of which a partner brings back; the shop loses what it closed."""
    feed, shop = (pick(rows, panel="path", member=name) for name in ("feed", "shop"))
    at = (BAN - 1, ALLIED - 1, DAYS - 1)
    sold, closed, there = (
        [one[day][key] for day in at] for one, key in ((feed, "gmv"), (feed, "closed"), (shop, "closed"))
    )
    assert sold[1] < sold[2] < sold[0], sold
    assert closed[0] < closed[1] < closed[2], closed
    assert there[1] < there[0], there
    return (
        f"With a store of maturity {YOUNG:g} the feed sells {sold[1] / sold[0]:.2f} of what it did with links and "
        f"{sold[2] / sold[0]:.2f} with a partner; its store sells {closed[1] / closed[0]:.2f} and "
        f"{closed[2] / closed[0]:.2f} times as much, the shop's {there[1] / there[0]:.2f} times."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    size, grid = SIZES[scale], MATURITIES[scale]
    drawn = {"maturities": grid, "size": size, "seed": options.seed}
    cells: list = [(signs, {"leakage": leakage} | drawn) for leakage in LEAKAGES]
    cells += [
        (thresholds, {"fee": fee, "gain": gain} | drawn) for gain in (0.0, GAIN) for fee in FEES if fee / OWN > gain
    ]
    cells += [
        (steered, {"policy": policy, "draw_": draw_} | drawn) for policy in POLICIES for draw_ in range(DRAWS[scale])
    ]
    cells += [(path, {"size": size, "seed": options.seed})]
    Lab.of("link_ban", options).answer(cells, draw, same_sign, allied, spared, told, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
