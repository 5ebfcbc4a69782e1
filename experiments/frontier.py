"""What does fairness cost?

Above: the exact price of exposure fairness on a platform like Kuaishou, for three degrees of aversion to inequality,
and what the recipes in use pay. Private traffic cannot be reallocated; it counts in GMV and exposure all the same.
Below: guarantees of exposure are dear where everybody wants the same anchors, free where tastes differ, and in between
for verticals. ``--data`` draws the frontier of your own platform instead.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, band, blank_figure, entries, over_draws, pick, run, stream
from allocator.solvers import Conic, EpsilonEven

ALPHAS = (0.5, 1, 2)
WEIGHTS = np.geomspace(1e-3, 10.0, 13)
GAP = 1e-4
SPREADING = ("even", "proportional", *(EpsilonEven(share) for share in (0.1, 0.3, 0.5)))
RECIPES = ("greedy", "capped_boost", *SPREADING)
TASTES = {"star": (10, 6, 3, 1), "opposite": (1, 0)}
SHARES = tuple(k / 10 for k in range(11))
BREADTHS = {0.1: "narrow", 0.6: "broad"}
AUDIENCES = 1 / np.arange(1, 5)
SIZES = {"full": (5_000, 1_000), "quick": (150, 30)}
REPEATS = {"full": 5, "quick": 2}
FRACTIONS = {"full": 1 / 10, "quick": 1 / 4}
SLOW = 60_000
TABLE = {
    "segment": "the column of viewer segments",
    "anchor": "the column of anchors",
    "value": "the column of currency per impression",
    "money": "or the column of currency",
    "traffic": "the column of impressions",
    "currency": "the name of the currency",
    "period": "the length of a period",
}
COLUMNS = ("panel", "series", "alpha", "breadth", "repeat", "solver", "status", "weight")
COLUMNS += ("level", "guarantee", "gmv", "gmv_upper", "price")


def preset(alpha: float, size: tuple[int, int], seed: int) -> list[Row]:
    """The frontier of the preset at one alpha, and the recipes in use measured at the same alpha."""
    return points(al.synthetic.kuaishou(*size, rng=stream(seed, "kuaishou")), alpha)


def own(alpha: float, content: str, **source: str) -> list[Row]:
    """The same for a platform of the user's; ``content`` is its hash, which keeps the cells of two platforms apart."""
    return points(read(**source), alpha)


def points(platform: al.Platform, alpha: float) -> list[Row]:
    problem = stated(platform, alpha)
    curve = al.frontier(problem, WEIGHTS, relative_gap=GAP).rows
    labelled = [("frontier", row) for row in curve] + [("recipe", row) for row in al.baselines(problem, RECIPES)]
    sizes = platform.segment_count, platform.anchor_count, platform.edge_count
    about = {"panel": "platform", "alpha": alpha, "size": "{:,} segments, {:,} anchors, {:,} edges".format(*sizes)}
    most = curve[0].get("gmv")
    priced = [({"price": 1 - row["gmv"] / most} if most and "gmv" in row else {}) for _, row in labelled]
    return [about | {"series": series} | row | price for (series, row), price in zip(labelled, priced, strict=True)]


def stated(platform: al.Platform, alpha: float) -> al.Problem:
    """Alpha-fair exposure, under the platform's capacities where it has any."""
    limited = np.isfinite(platform.capacity).any()
    return al.Problem(platform, al.AlphaFair(alpha), [al.Capacity()] if limited else [])


def guarantees(panel: str) -> list[Row]:
    """What it costs on a textbook platform to give every anchor a share of the even split, by three ways."""
    platform = getattr(al.synthetic, panel)(TASTES[panel])
    best, even = al.solve(al.Problem(platform, al.GMV())), platform.supply.sum() / platform.anchor_count
    found = []
    for share in SHARES:
        floors = al.Problem(platform, al.GMV(), [al.Floor(f"even:{share}")])
        found.append(("epsilon_even", share, al.solve(best.problem, solver=EpsilonEven(share))))
        found.append(("floors", share, al.solve(floors)))
    fair = al.frontier(al.Problem(platform, al.AlphaFair(1)), np.geomspace(0.1, 1e3, 17), relative_gap=1e-3 * GAP)
    found += [("alpha_fair", float(point.exposure.min() / even), point) for point in fair.allocations[1:-1]]
    return [
        {"panel": panel, "series": series, "guarantee": share} | _priced(point, best) for series, share, point in found
    ]


def verticals(breadth: float, repeat: int, seed: int) -> list[Row]:
    """The price of floors on verticals with audiences as 1 : 1/2 : 1/3 : 1/4, within each and between them."""
    rng = stream(seed, f"verticals {breadth} {repeat}")
    platform = al.synthetic.blocks(1_000, 200, verticals=AUDIENCES.size, breadth=breadth, rng=rng)
    audience = AUDIENCES / AUDIENCES.mean()
    platform = replace(platform, supply=audience[platform.segments["vertical"]])
    best, each = al.solve(al.Problem(platform, al.GMV())), platform.supply.sum() / 200
    even = {"within": each * audience[platform.anchors["vertical"]], "between": np.full(200, each)}
    rows = []
    for series, full in even.items():
        about = {"panel": "verticals", "series": series, "breadth": breadth, "repeat": repeat}
        for share in SHARES[:-1]:
            point = al.solve(al.Problem(platform, al.GMV(), [al.Floor(share * full)]))
            rows.append(about | {"guarantee": share} | _priced(point, best))
    return rows


def _priced(point: al.Allocation, best: al.Allocation) -> Row:
    return {"status": point.status.name, "gmv": point.gmv, "price": al.price_of_fairness(point, best)}


def draw(rows: Sequence[Row]) -> Any:
    """Two rows of panels: frontiers by alpha, and guarantees by taste."""
    figure = blank_figure(5.0)
    above, below = figure.subfigures(2, 1, height_ratios=(1.2, 1.0))
    tops = above.subplots(1, len(ALPHAS), sharey=True)
    for letter, alpha, ax in zip("abc", ALPHAS, tops, strict=True):
        draw_platform(pick(rows, panel="platform", alpha=alpha), ax, ("RMB", "day"))
        ax.set_title(f"({letter}) like Kuaishou, \u03b1 = {alpha:g}", loc="left")
        ax.label_outer()
    price_axis(pick(rows, panel="platform", series="frontier"), tops[-1])
    title = f"(a)–(c): {pick(rows, panel='platform')[0]['size']}; numbers are ε"
    above.legend(*tops[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, title=title)
    left, middle, right = below.subplots(1, 3)
    draw_guarantees(pick(rows, panel="star"), left)
    draw_guarantees(pick(rows, panel="opposite"), middle)
    draw_verticals(pick(rows, panel="verticals"), right)
    left.set_title("(d) one taste: values 10, 6, 3, 1", loc="left")
    middle.set_title("(e) two opposite tastes", loc="left")
    right.set_title("(f) floors, four verticals", loc="left")
    return figure


def draw_own(rows: Sequence[Row], currency: str, period: str) -> Any:
    """One panel: the frontier of one platform."""
    figure = blank_figure(3.2, al.plots.DOUBLE / 2)
    ax = figure.subplots()
    draw_platform(rows, ax, (currency, period))
    price_axis(pick(rows, series="frontier"), ax)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_platform(rows: Sequence[Row], ax: Any, units: tuple[str, str]) -> None:
    currency, period = units
    al.plots.frontier(
        pick(rows, series="frontier"),
        ax,
        baselines=pick(rows, series="recipe"),
        xlabel=f"Fairness level (impressions\nper anchor and {period})",
        ylabel=f"GMV ({currency} per {period})",
    )
    most = max((row["level"] for row in rows if "level" in row), default=1.0)
    ax.set_xlim(-0.05 * most, 1.06 * most)


def price_axis(curve: Sequence[Row], ax: Any) -> None:
    """The vertical axis once more, as the share of the largest GMV given up."""
    most = max((row["gmv"] for row in curve if "gmv" in row), default=0.0)
    if most > 0:
        there_and_back = (lambda gmv: 100 * (1 - gmv / most), lambda share: most * (1 - share / 100))
        ax.secondary_yaxis("right", functions=there_and_back).set_ylabel("GMV given up (%)")


def draw_guarantees(rows: Sequence[Row], ax: Any) -> None:
    """Price against guarantee for mixing, alpha-fairness and floors."""
    marks = {
        "epsilon_even": {"linestyle": "-", "markersize": 5.5},
        "alpha_fair": {"linestyle": "--", "markersize": 7, "markerfacecolor": "none"},
        "floors": {"linestyle": "none", "markersize": 3.5},
    }
    for series, options in marks.items():
        look, mine = al.plots.look(series), sorted(pick(rows, series=series), key=lambda row: row["guarantee"])
        x, y = entries(mine, "guarantee", "price")
        ax.plot(100 * x, 100 * y, color=look.colour, marker=look.marker, label=look.label, clip_on=False, **options)
    _guarantee_axes(ax, 55)


def draw_verticals(rows: Sequence[Row], ax: Any) -> None:
    """Mean price over repeats, and their whole range as a band."""
    for breadth, colour, marker in zip(BREADTHS, ("#D55E00", "#0072B2"), "v^", strict=True):
        for series, dashes in (("between", "--"), ("within", "-")):
            x, prices = over_draws(pick(rows, series=series, breadth=breadth), "guarantee", "price")
            words = f"{series} {BREADTHS[breadth]} ones"
            band(ax, (100 * x, 100 * prices), (colour, marker, dashes), markersize=4, label=words)
    _guarantee_axes(ax, 9)


def _guarantee_axes(ax: Any, top: float) -> None:
    ax.set(xlabel="Guaranteed exposure\n(% of the even split)", ylabel="GMV given up (%)")
    ax.set(xlim=(0, 100), ylim=(-0.03 * top, top))
    ax.legend(loc="upper left")


def read(path: str, **columns: str) -> al.Platform:
    """A platform folder, or a table with its columns named."""
    return al.read_tables(path, **columns) if columns else al.read_platform(path)


def cheaper(rows: Sequence[Row], fraction: float) -> str:
    """For every recipe that spreads traffic, a certified point of the frontier is as fair and costs a fraction."""
    curve, ratios = pick(rows, panel="platform", series="frontier"), []
    worst = max(row.get("relative_gap", np.inf) for row in curve)
    assert worst <= GAP
    for recipe in pick(rows, panel="platform", series="recipe"):
        if recipe["solver"] in map(str, SPREADING):
            fairer = [row for row in pick(curve, alpha=recipe["alpha"]) if row["level"] >= recipe["level"]]
            ratios.append(min(row["price"] for row in fairer) / recipe["price"])
    assert max(ratios) <= fraction
    return (
        f"Alpha-fairness reaches the evenness of every recipe that spreads traffic at {min(ratios):.1%} to "
        f"{max(ratios):.1%} of what the recipe costs (all {len(curve)} points certified, relative gap {worst:.0e})."
    )


def tastes(rows: Sequence[Row]) -> str:
    """F3: on the star, mixing and floors cost their share of 1 - mean / max. F4: opposite tastes make fairness free."""
    star = 1 - np.mean(TASTES["star"]) / max(TASTES["star"])
    slopes = {("star", "epsilon_even"): star, ("star", "floors"): star, ("opposite", "epsilon_even"): 0.5}
    slopes |= {("opposite", "floors"): 0.0, ("opposite", "alpha_fair"): 0.0}
    for (panel, series), slope in slopes.items():
        mine = pick(rows, panel=panel, series=series)
        assert all(abs(row["price"] - slope * row["guarantee"]) <= GAP for row in mine)
    assert all(row["guarantee"] >= 1 - GAP for row in pick(rows, panel="opposite", series="alpha_fair"))
    assert all(row["price"] >= star * row["guarantee"] - GAP for row in pick(rows, panel="star", series="alpha_fair"))
    return (
        f"With one taste a guarantee costs its share of {star:.0%}, by floors or by mixing, alpha-fairness costs more; "
        "with opposite tastes floors and alpha-fairness are free, and mixing costs half its share."
    )


def breadths(rows: Sequence[Row]) -> str:
    """A9, at the largest guarantee and on average over repeats."""
    narrow, broad = BREADTHS
    last = pick(rows, panel="verticals", guarantee=SHARES[-2])
    price = {
        (series, breadth): np.mean([row["price"] for row in pick(last, series=series, breadth=breadth)])
        for series in ("within", "between")
        for breadth in BREADTHS
    }
    assert price["within", narrow] < price["within", broad]
    assert price["between", narrow] > price["between", broad]
    words = {key: f"{share:.1%}" for key, share in price.items()}
    return (
        f"Guaranteeing {SHARES[-2]:.0%} costs narrow verticals {words['within', narrow]} within and "
        f"{words['between', narrow]} between them, broad ones {words['within', broad]} and {words['between', broad]}."
    )


def study(options: Namespace) -> None:
    """The frontier of the user's own platform at alpha 1."""
    named = {key: getattr(options, key) for key in TABLE if getattr(options, key) is not None}
    if options.data.is_file() and not {"segment", "anchor"} <= named.keys():
        sys.exit(f"{options.data} is a table; give --segment, --anchor and --value or --money.")
    source = {"path": str(options.data)} | named
    try:
        platform = read(**source)
        refusal = Conic().supports(stated(platform, 1))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    if refusal is not None:
        sys.exit(f"{options.data}: {refusal}. Merge segments, or draw a part of the platform.")
    if platform.edge_count > SLOW:
        print(f"{platform.edge_count:,} edges: each of {WEIGHTS.size + 2} points may take minutes.", file=sys.stderr)
    content = {"alpha": 1, "content": platform.content_hash}
    lab = Lab("frontier-own", options.out, content)
    rows = lab.measured([(own, content | source)])
    lab.finish(lambda drawn: draw_own(drawn, platform.currency, platform.period), rows, columns=COLUMNS)
    states = [row["status"].lower() for row in pick(rows, series="frontier")]
    print("Points of the frontier:", ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


def main() -> None:
    parser = arguments(__doc__)
    for name, what in TABLE.items():
        parser.add_argument(f"--{name}", help=f"where --data is a table: {what}")
    options = parser.parse_args()
    if options.data is not None:
        return study(options)
    scale, seed = "quick" if options.quick else "full", {"seed": options.seed}
    cells = [(guarantees, {"panel": panel}) for panel in TASTES]
    cells += [(preset, {"alpha": alpha, "size": SIZES[scale]} | seed) for alpha in ALPHAS]
    repeats = [{"breadth": breadth, "repeat": k} for breadth in BREADTHS for k in range(REPEATS[scale])]
    cells += [(verticals, repeat | seed) for repeat in repeats]
    lab = Lab.of("frontier", options)
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    print(cheaper(rows, FRACTIONS[scale]), tastes(rows), breadths(rows), sep="\n")


if __name__ == "__main__":
    run(main)
