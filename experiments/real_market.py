"""What do real markets lose to an optimum: which anchors, which sales, and how much of the promised gain is luck?

Four graphs of two public tables of sales, and a simulated log of a market whose true values are known: the anchors that
pure GMV starves, the cost of floors, the gain that is promised beside the one that an independent half of the log
confirms, and the frontier between GMV and fairness. ``--data`` is the folder of the tables, the environment variable
ALLOCATOR_DATA by default; without them the simulated market is drawn alone.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from _tables import BASKETS, MARKETS, NAMES, markets_of, public_tables, read_market
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION

CAP = "observed:1.25"
GAP = 1e-5
SIMULATED = "simulated"
SIZES = {"full": (3_000, 400, 150_000), "quick": (600, 100, 20_000)}
NOISE = 1.0
FLOORS = {"full": (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0), "quick": (0.0, 0.4, 0.8, 1.0)}
REPEATS = {"full": 5, "quick": 2}
WEIGHTS = {"full": np.geomspace(1e-2, 1e2, 9), "quick": np.geomspace(1e-1, 10, 3)}
QUICK = ("uci_country_product", "cj_household_store", SIMULATED)
LABELS = NAMES | {SIMULATED: "simulated market"}
LOOKS = dict(zip(LABELS, zip((VERMILLION, GREEN, PURPLE, SKY, BLACK), "osD^X", strict=True), strict=True))
VALUES = {"raw": ("as recorded", ORANGE), "shrunk": ("shrunk", BLUE)}
"""Markets and values have no colour in common: (a, c) are coloured by values, (b, d) by market."""
COSTS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
GAINS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
"""Ticks of (b) and (c)."""
COLUMNS = ("panel", "market", "values", "repeat", "weight", "x", "y", "anchors", "starved", "gain", "cost")
COLUMNS += ("promised_gain", "realised_gain", "true_gain", "covered", "kept", "relative_gap")


# The markets.


@functools.cache
def truth(size: tuple[int, int, int], seed: int) -> al.Platform:
    """The market that the simulated log is drawn from: the public part of a preset, with its true values."""
    return al.public_part(al.synthetic.kuaishou(*size[:2], rng=stream(seed, "simulated market")))


@functools.cache
def simulated_log(size: tuple[int, int, int], seed: int) -> Any:
    """Sales of the true market: rows in proportion to traffic, each the true value times lognormal noise of mean 1."""
    import pyarrow as pa

    market, rng = truth(size, seed), stream(seed, "simulated log")
    rows = np.repeat(np.arange(market.edge_count), rng.poisson(market.observed * (size[2] / market.observed.sum())))
    paid = market.value[rows] * rng.lognormal(-(NOISE**2) / 2, NOISE, rows.size)
    basket = rng.permutation(rows.size)
    return pa.table({"who": market.segment[rows], "host": market.anchor[rows], "paid": paid, "basket": basket})


def read(
    market: str, *, folder: str, size: tuple[int, int, int], seed: int, content: str = "", **options: Any
) -> dict[str, al.Platform]:
    """The parts of a market's log; ``content`` is a hash that tells cells of different tables apart."""
    del content
    if market != SIMULATED:
        return read_market(Path(folder), market, **options).platforms
    return al.read_log(simulated_log(size, seed), segment="who", anchor="host", money="paid", **options).platforms


# What is measured.


def optimum(market: str, values: str, floors: Sequence[float], **source: Any) -> list[Row]:
    """The optimum without floors, the anchors that it starves, and what floors cost."""
    platform = read(market, shrink=values == "shrunk", **source)[""]
    about, rows, most = {"market": market, "values": values}, [], None
    for floor in floors:
        best = solved(platform, *[al.Floor(f"observed:{floor}")] * (floor > 0))
        most = best.gmv if most is None else most
        rows.append(about | {"panel": "floor", "x": floor, "cost": 1 - best.gmv / most})
        if floor == 0:
            seen = float((platform.observed * platform.value).sum())
            starved = int((best.exposure <= 1e-9 * best.exposure.mean()).sum())
            sizes = {"anchors": platform.anchor_count, "starved": starved}
            rows.append(about | {"panel": "starved", "gain": best.gmv / seen - 1} | sizes)
    return rows


def solved(platform: al.Platform, *rules: Any) -> al.Allocation:
    best = al.solve(al.Problem(platform, al.GMV(), [al.Cap(CAP), *rules]), relative_gap=GAP)
    assert best.status is al.Status.CERTIFIED
    return best


def holdout(market: str, repeat: int, **source: Any) -> list[Row]:
    """What the optimum of one half of a log promises, and what the other half says; halves keep baskets whole."""
    basket = "basket" if market == SIMULATED else BASKETS[MARKETS[market]["log"]]
    by = f"part(2, concat({basket}, '{repeat}'))"
    raw = read(market, by=by, **source)
    rows = []
    for values in VALUES:
        train = raw["1"] if values == "raw" else read(market, by=by, shrink=True, **source)["1"]
        best = solved(train)
        found = al.holdout_gmv(raw["1"], raw["2"], best)
        row = {"panel": "holdout", "market": market, "values": values, "repeat": repeat, "covered": found.covered}
        row |= {"promised_gain": found.promised_gain, "realised_gain": found.realised_gain}
        row["kept"] = found.realised_covered / found.promised_covered
        if market == SIMULATED:
            row["true_gain"] = true_gain(best, truth(source["size"], source["seed"]))
        rows.append(row)
    return rows


def true_gain(best: al.Allocation, market: al.Platform) -> float:
    """Gain of an allocation over the observed traffic by the true values."""
    platform = best.platform
    segment = platform.segments["id"][platform.segment]
    keys = market.segment.astype(np.int64) * market.anchor_count + market.anchor
    mine = segment.astype(np.int64) * market.anchor_count + platform.anchors["id"][platform.anchor]
    value = market.value[np.searchsorted(keys, mine)]
    return float((best.flow * value).sum() / (platform.observed * value).sum() - 1)


def frontier(market: str, weights: Sequence[float], **source: Any) -> list[Row]:
    """GMV against the level of exposure fairness (alpha 1), both relative to today's, on shrunk values."""
    platform = read(market, shrink=True, **source)[""]
    problem = al.Problem(platform, al.GMV() + al.Nash(), [al.Cap(CAP)])
    seen = float((platform.observed * platform.value).sum())
    traffic = platform.into_anchors(platform.observed)
    level = float(np.exp(np.log(traffic[traffic > 0]).mean()))
    about, rows = {"panel": "frontier", "market": market, "values": "shrunk"}, []
    for row in al.frontier(problem, weights, relative_gap=1e-4).rows:
        assert row["status"] == "CERTIFIED", row
        point = {"weight": row["weight"], "x": row["level"] / level, "y": row["gmv"] / seen}
        rows.append(about | point | {"relative_gap": row["relative_gap"]})
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Four panels: who is starved, what floors cost, what survives, and the frontier."""
    figure = blank_figure(6.0)
    (starved, floors), (holdouts, curve) = figure.subplots(2, 2)
    draw_starved(pick(rows, panel="starved"), starved)
    draw_floors(pick(rows, panel="floor"), floors)
    draw_holdouts(pick(rows, panel="holdout"), holdouts)
    draw_frontier(pick(rows, panel="frontier"), curve)
    figure.legend(*floors.get_legend_handles_labels(), loc="outside lower center", ncols=3, title="Markets in (b, d)")
    return figure


def draw_starved(rows: Sequence[Row], ax: Any) -> None:
    for shift, (values, (label, colour)) in zip((-0.2, 0.2), VALUES.items(), strict=True):
        mine = pick(rows, values=values)
        places, shares = np.arange(len(mine)) + shift, [row["starved"] / row["anchors"] for row in mine]
        look = {"color": colour, "hatch": "" if values == "raw" else "////", "edgecolor": "white", "linewidth": 0}
        ax.barh(places, shares, 0.36, **look, label=f"values {label}")
    one_line_each(rows, ax)
    ax.xaxis.set_major_formatter(percent)
    ax.set_xlabel("Anchors left without an impression by pure GMV (%)")
    ax.set_title("(a)", loc="left")
    above(ax)
    ax.grid(False, axis="y")


def draw_floors(rows: Sequence[Row], ax: Any) -> None:
    """Solid lines where values are shrunk, thin dashes where they are as recorded, over a scale of square roots."""
    for market in markets_of(rows, LABELS):
        colour, marker = LOOKS[market]
        for values, look in {
            "raw": {"linestyle": "--", "linewidth": 0.7, "zorder": 2},
            "shrunk": {"marker": marker, "markersize": 4, "zorder": 3, "clip_on": False, "label": LABELS[market]},
        }.items():
            mine = pick(rows, market=market, values=values)
            # A floor that costs nothing may cost less than nothing by the certified gap.
            ax.plot([row["x"] for row in mine], [max(row["cost"], 0.0) for row in mine], color=colour, **look)
    ax.set_yscale("function", functions=(lambda cost: np.sqrt(np.maximum(cost, 0.0)), np.square))
    ax.set_yticks([cost for cost in COSTS if cost <= ax.get_ylim()[1]])
    ax.set_ylim(bottom=0.0)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Every anchor keeps at least (% of its traffic)", ylabel="GMV given up (%)")
    ax.set_title("(b) values shrunk, dashed: as recorded", loc="left")


def draw_holdouts(rows: Sequence[Row], ax: Any) -> None:
    """Hollow: promised; filled: confirmed by the other half; a line joins them; a cross is the truth where known."""
    markets, middle = markets_of(rows, LABELS), np.mean([row["repeat"] for row in rows])
    dot = {"marker": "o", "markersize": 3, "zorder": 3, "clip_on": False}
    for row in rows:
        shift = (-0.2 if row["values"] == "raw" else 0.2) + 0.05 * (row["repeat"] - middle)
        place, colour = markets.index(row["market"]) + shift, VALUES[row["values"]][1]
        ends = [row["realised_gain"], row["promised_gain"]]
        ax.plot(ends, [place, place], color=colour, linewidth=0.7, zorder=2)
        ax.plot(ends[1:], [place], color=colour, markerfacecolor="white", **dot)
        ax.plot(ends[:1], [place], color=colour, **dot)
        if "true_gain" in row:
            ax.plot([row["true_gain"]], [place], "x", color="black", markersize=4, zorder=4)
    for label, look in {
        "promised": {"marker": "o", "color": GREY, "markerfacecolor": "white", "markersize": 3},
        "confirmed": {"marker": "o", "color": GREY, "markersize": 3},
        "true": {"marker": "x", "color": "black", "markersize": 4},
    }.items():
        ax.plot([], [], linestyle="none", **look, label=label)
    one_line_each(rows, ax)
    gain_axis([row[key] for row in rows for key in ("promised_gain", "realised_gain", "true_gain") if key in row], ax)
    ax.set_title("(c)", loc="left")
    above(ax)


def gain_axis(gains: Sequence[float], ax: Any) -> None:
    """A logarithmic scale from tick to tick, linear next to 0 so that a loss has its place too."""
    from matplotlib.ticker import NullLocator

    ticks = (*(-gain for gain in reversed(GAINS)), 0.0, *GAINS)
    low = max((tick for tick in ticks if tick < min(gains)), default=min(gains))
    high = min((tick for tick in ticks if tick > max(gains)), default=max(gains))
    ax.set_xscale("symlog", linthresh=GAINS[0])
    ax.set_xlim(low, high)
    ax.set_xticks([tick for tick in ticks if low <= tick <= high])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(percent)
    ax.set_xlabel("GMV gained over the observed traffic (%),\ncolours as in (a)")


def draw_frontier(rows: Sequence[Row], ax: Any) -> None:
    """The curve of each market, dots down to welfare alone; where GMV alone starves anchors it is on the left edge."""
    left = 0.05 * np.floor(20 * min(0.95, *(row["x"] for row in rows if float(row["weight"]) > 0)))
    edge = {"transform": ax.get_yaxis_transform(), "clip_on": False, "markerfacecolor": "white", "zorder": 4}
    for market in markets_of(rows, LABELS):
        colour, marker = LOOKS[market]
        look = {"color": colour, "marker": marker, "markersize": 4}
        first, *mine = pick(rows, market=market)
        if first["x"] < left:
            ax.plot([0.0], [first["y"]], linestyle="none", **look, **edge)
        else:
            mine = [first, *mine]
        x, y = entries(mine, "x", "y")
        ax.plot(x[:-1], y[:-1], **look)
        ax.plot(x[-2:], y[-2:], linestyle=":", **look)
    ax.plot([], [], "o", color=GREY, markerfacecolor="white", label="GMV alone, further left")
    ax.plot([1.0], [1.0], "*", linestyle="none", color=GREY, markersize=9, label="today")
    ax.set_xlim(left=left)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Fairness level of exposure (% of today's)", ylabel="GMV (% of today's)")
    ax.set_title("(d)", loc="left")
    above(ax)


def one_line_each(rows: Sequence[Row], ax: Any) -> None:
    """Names of markets beside a horizontal panel, from the top."""
    markets = markets_of(rows, LABELS)
    ax.set_yticks(range(len(markets)), [LABELS[market].replace(" and ", "\nand ") for market in markets])
    ax.set_ylim(len(markets) - 0.5, -0.5)


def above(ax: Any) -> None:
    """The legend of a panel in one row beside its title, where no data can be."""
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1}
    ax.legend(**place, ncols=3, handletextpad=0.3, columnspacing=0.9, handlelength=1.4)


# What is claimed.


def claims(rows: Sequence[Row]) -> list[str]:
    """One sentence per claim, each asserted."""
    return [*starving(rows), *floor_costs(rows), *luck(rows)]


def starving(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in pick(rows, panel="starved", values="raw"):
        market, share = LABELS[row["market"]], row["starved"] / row["anchors"]
        assert row["market"] == SIMULATED or share > 0.25, row
        told.append(f"{market}: pure GMV leaves {share:.0%} of {row['anchors']:,} anchors without an impression.")
    return told


def floor_costs(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in pick(rows, panel="floor", x=0.8):
        market, values = LABELS[row["market"]], VALUES[row["values"]][0]
        assert row["cost"] < 0.08, row
        told.append(f"{market}, values {values}: a floor of 80 % costs {row['cost']:.1%} of GMV.")
    return told


def luck(rows: Sequence[Row]) -> list[str]:
    """Less than half of a raw promise survives; shrinking promises less, keeps more of it and realises no less."""
    told = []
    for market in markets_of(rows, LABELS):
        mine = pick(rows, panel="holdout", market=market)
        raw, shrunk = means = [mean(pick(mine, values=values)) for values in VALUES]
        assert raw["realised_gain"] < 0.5 * raw["promised_gain"], (market, means)
        assert shrunk["promised_gain"] < raw["promised_gain"], (market, means)
        assert shrunk["realised_gain"] > raw["realised_gain"], (market, means)
        assert abs(np.log(shrunk["kept"])) < 0.5 * abs(np.log(raw["kept"])), (market, means)
        told.append(
            f"{LABELS[market]}: values as recorded promise {raw['promised_gain']:+.0%} and realise "
            f"{raw['realised_gain']:+.0%}; shrunk ones promise {shrunk['promised_gain']:+.0%} and realise "
            f"{shrunk['realised_gain']:+.0%}."
        )
    known = pick(rows, panel="holdout", market=SIMULATED)
    assert abs(np.mean([row["realised_gain"] - row["true_gain"] for row in known])) < 0.1, known
    return told


def mean(rows: Sequence[Row]) -> dict[str, float]:
    """Means over the splits of a log."""
    return {key: float(np.mean([row[key] for row in rows])) for key in ("promised_gain", "realised_gain", "kept")}


def main() -> None:
    options = arguments(__doc__, tables=True).parse_args()
    scale = "quick" if options.quick else "full"
    folder = public_tables(options.data, "The figure shows the simulated market alone.")
    source = {"folder": str(folder), "size": SIZES[scale], "seed": options.seed}
    markets = [market for market in LABELS if market == SIMULATED or folder is not None]
    markets = [market for market in markets if scale == "full" or market in QUICK]
    cells: list = []
    for market in markets:
        about = {"market": market} | source | {"content": contents(market, source)}
        cells += [(optimum, about | {"values": values, "floors": FLOORS[scale]}) for values in VALUES]
        cells += [(holdout, about | {"repeat": repeat}) for repeat in range(REPEATS[scale])]
        cells += [(frontier, about | {"weights": WEIGHTS[scale]})]
    lab = Lab.of("real_market", options, markets=markets)
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    print(*claims(rows), sep="\n")


def contents(market: str, source: Row) -> str:
    """Hash of a market's platform, which tells cells of different tables apart."""
    try:
        return read(market, **source)[""].content_hash
    except (OSError, ValueError) as error:
        sys.exit(f"{source['folder']}: {error}")


if __name__ == "__main__":
    run(main)
