"""What do real markets lose to an optimum: which anchors, which sales, and how much of the promised gain is luck?

Four graphs of two public tables of sales, and a simulated log of a market whose true values are known: the anchors that
pure GMV starves, the cost of floors, the gain that is promised beside the one that an independent half of the log
confirms, and the frontier between GMV and fairness. ``--data`` is the folder of the tables, the environment variable
ALLOCATOR_DATA by default; without them the simulated market is drawn alone.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import allocator as al
from _lab import BASKETS, MARKETS, Lab, Row, arguments, public_tables, read_market, run, stream
from allocator.plots.style import BLUE, DASHES, GREY, ORANGE, SINGLE

CAP = "observed:1.25"
GAP = 1e-5
SIMULATED = "simulated"
SIZES = {"full": (3_000, 400, 150_000), "quick": (600, 100, 20_000)}
NOISE = 1.0
FLOORS = {"full": (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0), "quick": (0.0, 0.4, 0.8, 1.0)}
REPEATS = {"full": 5, "quick": 2}
WEIGHTS = {"full": np.geomspace(1e-2, 1e2, 9), "quick": np.geomspace(1e-1, 10, 3)}
QUICK = ("uci_country_product", "cj_household_store", SIMULATED)
LABELS = {
    "uci_country_product": "UCI, country\nand product",
    "uci_customer_product": "UCI, customer\nand product",
    "cj_household_store": "CJ, household\nand store",
    "cj_household_manufacturer": "CJ, household\nand manufacturer",
    SIMULATED: "simulated,\ntruth known",
}
MARKERS = dict(zip(LABELS, "osD^X", strict=True))
LINES = dict(zip(LABELS, DASHES, strict=False))
VALUES = {"raw": ("as recorded", ORANGE), "shrunk": ("shrunk", BLUE)}
COLUMNS = ("panel", "market", "values", "repeat", "x", "y", "anchors", "starved", "gain", "cost")
COLUMNS += ("promised_gain", "realised_gain", "true_gain", "covered", "kept", "relative_gap")


# The markets.


@functools.cache
def truth(size: tuple[int, int, int], seed: int) -> al.Platform:
    """The market that the simulated log is drawn from: the public part of a preset, with its true values."""
    platform = al.synthetic.kuaishou(*size[:2], rng=stream(seed, "simulated market"))
    public = platform.segments["domain"] == "public"
    edges, number = public[platform.segment], np.cumsum(public) - 1
    return al.Platform.from_edges(
        number[platform.segment[edges]],
        platform.anchor[edges],
        platform.value[edges],
        supply=platform.supply[public],
        observed=platform.observed[edges],
        capacity=platform.capacity,
    )


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
        gap = {"repeat": row["weight"], "relative_gap": row["relative_gap"]}
        rows.append(about | {"x": row["level"] / level, "y": row["gmv"] / seen} | gap)
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Four panels: who is starved, what floors cost, what survives, and the frontier."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * SINGLE + 0.2, 5.6))
    (starved, floors), (holdouts, curve) = figure.subplots(2, 2)
    draw_starved(pick(rows, panel="starved"), starved)
    draw_floors(pick(rows, panel="floor"), floors)
    draw_holdouts(pick(rows, panel="holdout"), holdouts)
    draw_frontier(pick(rows, panel="frontier"), curve)
    return figure


def draw_starved(rows: Sequence[Row], ax: Any) -> None:
    markets = distinct(rows)
    for shift, (values, (label, colour)) in zip((-0.2, 0.2), VALUES.items(), strict=True):
        heights = [row["starved"] / row["anchors"] for row in pick(rows, values=values)]
        hatch = "" if values == "raw" else "////"
        places = np.arange(len(markets)) + shift
        ax.barh(
            places, heights, 0.36, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=f"values {label}"
        )
    ax.set_yticks(range(len(markets)), [LABELS[market] for market in markets])
    ax.invert_yaxis()
    ax.set_xlim(0.0, 1.6 * max(row["starved"] / row["anchors"] for row in rows))
    ax.xaxis.set_major_formatter(percent)
    ax.set_xlabel("Anchors left without an impression by pure GMV (%)")
    ax.set_title("(a)", loc="left")
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    ax.grid(False, axis="y")


def draw_floors(rows: Sequence[Row], ax: Any) -> None:
    for market in distinct(rows):
        for values, (_, colour) in VALUES.items():
            mine = pick(rows, market=market, values=values)
            name = LABELS[market].replace("\n", " ") if values == "shrunk" else None
            look = {"color": colour, "marker": MARKERS[market], "linestyle": LINES[market], "markersize": 3.5}
            ax.plot([row["x"] for row in mine], [row["cost"] for row in mine], **look, label=name)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Every anchor keeps at least (% of its traffic)", ylabel="GMV given up (%)")
    ax.set_title("(b) colours as in (a)", loc="left")
    ax.legend(loc="upper left", fontsize=6)


def draw_holdouts(rows: Sequence[Row], ax: Any) -> None:
    """Hollow: promised; filled: confirmed by the other half; a line joins them; a cross is the truth where known."""
    markets = distinct(rows)
    for row in rows:
        shift = (-0.2 if row["values"] == "raw" else 0.2) + 0.05 * (row["repeat"] - 2)
        place, colour = markets.index(row["market"]) + shift, VALUES[row["values"]][1]
        ends = [row["realised_gain"], row["promised_gain"]]
        ax.plot(ends, [place, place], color=colour, linewidth=0.7, zorder=2)
        ax.plot(ends[1:], [place], "o", color=colour, markerfacecolor="white", markersize=3, zorder=3)
        ax.plot(ends[:1], [place], "o", color=colour, markersize=3, zorder=3)
        if "true_gain" in row:
            ax.plot([row["true_gain"]], [place], "x", color="black", markersize=4, zorder=4)
    ax.plot([], [], "o", color=GREY, markerfacecolor="white", markersize=3, label="promised")
    ax.plot([], [], "o", color=GREY, markersize=3, label="confirmed by\nthe other half")
    ax.plot([], [], "x", color="black", markersize=4, label="true")
    ax.set_yticks(range(len(markets)), [LABELS[market] for market in markets])
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(percent)
    ax.set_xlabel("GMV gained over the observed traffic (%)")
    ax.set_title("(c) colours as in (a)", loc="left")
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")


def draw_frontier(rows: Sequence[Row], ax: Any) -> None:
    for market in distinct(rows):
        mine = pick(rows, market=market)
        look = {"color": BLUE, "marker": MARKERS[market], "linestyle": LINES[market], "markersize": 3.5}
        ax.plot([row["x"] for row in mine], [row["y"] for row in mine], **look)
    ax.plot([1.0], [1.0], "*", color=GREY, markersize=9, label="today")
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Fairness level of exposure (% of today's)", ylabel="GMV (% of today's)")
    ax.set_title("(d) lines as in (b), values shrunk", loc="left")
    ax.legend(loc="lower left")


def percent(share: float, position: float | None = None) -> str:
    """A share as a number of hundredths, for an axis."""
    return f"{100 * share:g}"


def distinct(rows: Sequence[Row]) -> list[str]:
    return [market for market in LABELS if pick(rows, market=market)]


def pick(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """The rows with the wanted entries."""
    return [row for row in rows if all(row.get(key) == entry for key, entry in wanted.items())]


# What is claimed.


def claims(rows: Sequence[Row]) -> list[str]:
    """One sentence per claim, each asserted."""
    return [*starving(rows), *floor_costs(rows), *luck(rows)]


def starving(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in pick(rows, panel="starved", values="raw"):
        share = row["starved"] / row["anchors"]
        assert row["market"] == SIMULATED or share > 0.25, row
        told.append(f"{name(row)}: pure GMV leaves {share:.0%} of {row['anchors']:,} anchors without an impression.")
    return told


def floor_costs(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in pick(rows, panel="floor", x=0.8):
        assert row["cost"] < 0.08, row
        told.append(f"{name(row)}, values {VALUES[row['values']][0]}: a floor of 80 % costs {row['cost']:.1%} of GMV.")
    return told


def luck(rows: Sequence[Row]) -> list[str]:
    """Less than half of a raw promise survives; shrinking promises less, keeps more of it and realises no less."""
    told = []
    for market in distinct(rows):
        means = {}
        for values in VALUES:
            mine = pick(rows, panel="holdout", market=market, values=values)
            means[values] = {
                key: float(np.mean([row[key] for row in mine])) for key in ("promised_gain", "realised_gain", "kept")
            }
        raw, shrunk = means["raw"], means["shrunk"]
        assert raw["realised_gain"] < 0.5 * raw["promised_gain"], (market, means)
        assert shrunk["promised_gain"] < raw["promised_gain"], (market, means)
        assert shrunk["realised_gain"] > raw["realised_gain"], (market, means)
        assert abs(np.log(shrunk["kept"])) < 0.5 * abs(np.log(raw["kept"])), (market, means)
        told.append(
            f"{name({'market': market})}: values as recorded promise {raw['promised_gain']:+.0%} and realise "
            f"{raw['realised_gain']:+.0%}; shrunk ones promise {shrunk['promised_gain']:+.0%} and realise "
            f"{shrunk['realised_gain']:+.0%}."
        )
    known = pick(rows, panel="holdout", market=SIMULATED)
    assert abs(np.mean([row["realised_gain"] - row["true_gain"] for row in known])) < 0.1, known
    return told


def mean(rows: Sequence[Row]) -> dict[str, float]:
    """Means over the splits of a log."""
    return {key: float(np.mean([row[key] for row in rows])) for key in ("promised_gain", "realised_gain", "kept")}


def name(row: Row) -> str:
    return LABELS[row["market"]].replace("\n", " ")


def main() -> None:
    import matplotlib as mpl

    parser = arguments(__doc__, data="the folder of the public tables (default: the variable ALLOCATOR_DATA)")
    parser.set_defaults(data=os.environ.get("ALLOCATOR_DATA") or None)
    options = parser.parse_args()
    scale = "quick" if options.quick else "full"
    folder = public_tables(options.data and Path(options.data), "The figure shows the simulated market alone.")
    source = {"folder": str(folder), "size": SIZES[scale], "seed": options.seed}
    markets = [market for market in LABELS if market == SIMULATED or folder is not None]
    markets = [market for market in markets if scale == "full" or market in QUICK]
    cells: list = []
    for market in markets:
        about = {"market": market} | source | {"content": contents(market, source)}
        cells += [(optimum, about | {"values": values, "floors": FLOORS[scale]}) for values in VALUES]
        cells += [(holdout, about | {"repeat": repeat}) for repeat in range(REPEATS[scale])]
        cells += [(frontier, about | {"weights": WEIGHTS[scale]})]
    lab = Lab("real_market", options.out, {"quick": options.quick, "seed": options.seed, "markets": markets})
    rows = lab.measured(cells)
    with mpl.rc_context(al.plots.style):
        lab.finish(draw(rows), rows, columns=COLUMNS)
    print(*claims(rows), sep="\n")


def contents(market: str, source: Row) -> str:
    """Hash of a market's platform, which tells cells of different tables apart."""
    try:
        return read(market, **source)[""].content_hash
    except (OSError, ValueError) as error:
        sys.exit(f"{source['folder']}: {error}")


if __name__ == "__main__":
    run(main)
