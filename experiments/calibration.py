"""Do the synthetic presets look like real markets?

Concentration, thickness and values of every preset beside four graphs made of two public tables of sales. Presets are
measured on the traffic that can be reallocated, the public part; in tables all traffic can. ``--data`` is the folder of
the tables, the environment variable ALLOCATOR_DATA by default; without them the presets are drawn alone.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from _tables import MARKETS, NAMES, markets_of, public_tables, read_market
from allocator.metrics import gini, lorenz, top_share
from allocator.plots.style import BLACK, BLUE, DASHES, GREY, ORANGE

SIZES = {"full": (5_000, 1_000), "quick": (2_500, 500)}
REPEATS = {"full": 5, "quick": 2}
CAP = "observed:1.25"
PRIORS = (0.0, 1.0, 3.0, 10.0, 30.0, float("inf"))
LARGEST = np.geomspace(1e-3, 1.0, 61)
DEGREES = np.unique(np.geomspace(1, 4_096, 49).round())
RATIOS = np.geomspace(0.05, 20.0, 81)
SCALED = ("douyin", "xiaohongshu")
LABELS = {
    "kuaishou": "Kuaishou, Douyin, Xiaohongshu",
    "taobao": "Taobao",
    "mogujie": "Mogujie",
} | NAMES
"""Of the presets that differ in scale alone, the first."""
LOOKS = {"kuaishou": (BLACK, "X"), "taobao": (ORANGE, "P"), "mogujie": (BLUE, "v")}
SPACING = 0.21
"""Of the markers of a curve, as a share of the panel's diagonal."""
MARGINALS = {
    "gmv_gini": "Gini of GMV",
    "gmv_top": "top 1 % of GMV",
    "traffic_gini": "Gini of traffic",
    "traffic_top": "top 1 % of traffic",
    "reach_median": "segments per anchor, median",
    "reach_gini": "segments per anchor, Gini",
    "choice_mean": "anchors per segment, mean",
    "choice_gini": "anchors per segment, Gini",
    "spread": "sd of ln value",
    "spread_within": "sd of ln value within anchors",
    "anchor_part": "anchors' part of its variance",
    "of_optimum": "GMV over its optimum, as recorded",
    "of_shrunk": "GMV over its optimum, values shrunk",
}
"""All anchors count; the top 1 % is a share of the total; values are weighted by traffic."""
INSIDE = ("gmv_gini", "gmv_top", "traffic_gini", "traffic_top", "choice_mean", "spread", "spread_within", "of_shrunk")
OUTSIDE = {"reach_median": "higher", "choice_gini": "lower", "of_optimum": "higher"}
COUNTS = ("reach_median", "choice_mean")
LANES = {"kuaishou": 0.27, "taobao": 0.0, "mogujie": -0.27}
PANELS = {
    "gmv": ("Largest anchors (% of anchors)", "Share of GMV (%)"),
    "traffic": ("Largest anchors (% of anchors)", "Share of traffic (%)"),
    "reach": ("Segments that watch\nan anchor, at least", "Anchors (%)"),
    "choice": ("Anchors that a segment\nwatches, at least", "Segments (%)"),
    "value": ("Value over the average\nof all impressions, at most", "Traffic (%)"),
    "within": ("Value over the average\nof the same anchor, at most", "Traffic (%)"),
}
COLUMNS = ("panel", "market", "kind", "repeat", "segments", "anchors", "edges", "x", "y", *MARGINALS)


# The public tables.


@functools.cache
def real_markets(folder: Path, *, shrink: bool = False) -> dict[str, al.Platform]:
    """The four graphs of sales, by name, with values as recorded or shrunk."""
    return {name: read_market(folder, name, shrink=shrink).platforms[""] for name in MARKETS}


# What is measured.


def preset(name: str, size: tuple[int, int], repeat: int, seed: int) -> list[Row]:
    """Marginals of one draw of a preset, curves of the first alone; a repeat has one stream for all presets."""
    platform = al.public_part(al.synthetic.PRESETS[name](*size, rng=stream(seed, f"market {repeat}")))
    rows = measured(platform, priors=(0.0,), about={"market": name, "kind": "preset", "repeat": repeat})
    return rows if repeat == 0 else rows[:1]


def table(name: str, content: str, folder: str) -> list[Row]:
    """Marginals of a real graph; ``content`` is its hash, which tells cells of different tables apart."""
    rows = measured(real_markets(Path(folder))[name], priors=PRIORS, about={"market": name, "kind": "table"})
    rows[0]["of_shrunk"] = of_optimum(real_markets(Path(folder), shrink=True)[name])
    return rows


def measured(platform: al.Platform, *, priors: Sequence[float], about: Row) -> list[Row]:
    """One row of numbers, and one per point of every curve."""
    optima = {prior: of_optimum(shrunk(platform, prior)) for prior in priors}
    sizes = {"segments": platform.segment_count, "anchors": platform.anchor_count, "edges": platform.edge_count}
    # Values of a preset are exact, so there is nothing to shrink.
    ratios = {"of_optimum": optima[0.0], "of_shrunk": optima[0.0]}
    rows = [about | sizes | {"panel": "numbers"} | numbers(platform) | ratios]
    for panel, (x, y) in (curves(platform) | {"optimum": (list(optima), list(optima.values()))}).items():
        rows += [about | {"panel": panel, "x": across, "y": up} for across, up in zip(x, y, strict=True)]
    return rows


def numbers(platform: al.Platform) -> Row:
    gmv, traffic = platform.amounts("gmv", platform.observed), platform.into_anchors(platform.observed)
    choice = np.diff(platform.indptr)
    return {
        "gmv_gini": gini(gmv),
        "gmv_top": top_share(gmv),
        "traffic_gini": gini(traffic),
        "traffic_top": top_share(traffic),
        "reach_median": float(np.median(platform.anchor_degree)),
        "reach_gini": gini(platform.anchor_degree),
        "choice_mean": float(choice.mean()),
        "choice_gini": gini(choice),
    } | spread(platform)


def spread(platform: al.Platform) -> Row:
    """Standard deviation of ln value over traffic, in all and within anchors; what sells nothing has no logarithm."""
    sells = (platform.value > 0) & (platform.observed > 0)
    weight, anchor = platform.observed[sells], platform.anchor[sells]
    weight, logs = weight / weight.sum(), np.log(platform.value[sells].astype(float))
    shares = np.bincount(anchor, weights=weight, minlength=platform.anchor_count)
    means = np.bincount(anchor, weights=weight * logs, minlength=shares.size) / np.where(shares > 0, shares, 1.0)
    total = (weight * (logs - (weight * logs).sum()) ** 2).sum()
    within = (weight * (logs - means[anchor]) ** 2).sum()
    return {"spread": np.sqrt(total), "spread_within": np.sqrt(within), "anchor_part": 1 - within / total}


def curves(platform: al.Platform) -> dict[str, tuple[Any, Any]]:
    """Lorenz curves from the top, shares of those with at least so many edges, traffic by relative value."""
    gmv, traffic = platform.amounts("gmv", platform.observed), platform.into_anchors(platform.observed)
    mean = np.divide(gmv, traffic, out=np.ones_like(gmv), where=gmv > 0)[platform.anchor]
    choice = np.diff(platform.indptr)
    return {
        "gmv": (LARGEST, 1 - np.interp(1 - LARGEST, *lorenz(gmv))),
        "traffic": (LARGEST, 1 - np.interp(1 - LARGEST, *lorenz(traffic))),
        "reach": (DEGREES, [(platform.anchor_degree >= degree).mean() for degree in DEGREES]),
        "choice": (DEGREES, [(choice >= degree).mean() for degree in DEGREES]),
        "value": (RATIOS, cumulative(platform.value / (gmv.sum() / traffic.sum()), platform.observed)),
        "within": (RATIOS, cumulative(platform.value / mean, platform.observed)),
    }


def cumulative(ratio: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of the weight up to each of `RATIOS`."""
    order = np.argsort(ratio, kind="stable")
    below = np.concatenate(([0.0], np.cumsum(weight[order])))
    return below[np.searchsorted(ratio[order], RATIOS, side="right")] / below[-1]


def shrunk(platform: al.Platform, prior: float) -> al.Platform:
    """Values drawn to the average of their anchor as if it had been seen ``prior`` impressions more on every edge.

    Panel (g) sweeps this one number; ``read_log(shrink=True)`` finds its own from the log, so it cannot be swept.
    """
    if prior == 0:
        return platform
    gmv, traffic = platform.amounts("gmv", platform.observed), platform.into_anchors(platform.observed)
    mean = np.divide(gmv, traffic, out=np.zeros_like(gmv), where=traffic > 0)[platform.anchor]
    trust = platform.observed / (platform.observed + prior)
    return replace(platform, value=trust * platform.value + (1 - trust) * mean)


def of_optimum(platform: al.Platform) -> float:
    """Observed GMV over the largest that gives no anchor more than 1.25 times its traffic."""
    best = al.solve(al.Problem(platform, al.GMV(), [al.Cap(CAP)]), relative_gap=1e-4)
    assert best.status is al.Status.CERTIFIED
    return float((platform.observed * platform.value).sum() / best.gmv)


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Six panels of curves; below, where there are tables, what the optimum promises and where the presets lie."""
    numbers = pick(rows, panel="numbers")
    if not pick(numbers, kind="table"):
        figure = blank_figure(4.2)
        draw_marginals(rows, figure)
        return figure
    figure = blank_figure(7.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1.4, 1.0))
    draw_marginals(rows, above)
    left, right = below.subplots(1, 2, width_ratios=(1.0, 1.5))
    draw_optimum(pick(rows, panel="optimum"), left)
    draw_places(numbers, right)
    return figure


def draw_marginals(rows: Sequence[Row], figure: Any) -> None:
    tops = figure.subplots(2, 3)
    for letter, panel, ax in zip("abcdef", PANELS, tops.flat, strict=True):
        draw_curves(pick(rows, panel=panel), ax)
        ax.set_title(f"({letter})", loc="left")
    for market in markets_of(rows, LABELS):
        tops[0, 0].plot([], [], **line(market) | mark(market), label=LABELS[market])
    figure.legend(*tops[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def draw_curves(rows: Sequence[Row], ax: Any) -> None:
    """One curve per market over a logarithmic scale; markers of presets in turn show the curves that coincide."""
    for market in markets_of(rows, LABELS):
        mine, look = pick(rows, market=market), line(market)
        if market in LOOKS:
            turn = list(LOOKS).index(market) / len(LOOKS)
            look |= mark(market) | {"markersize": 3.5, "markevery": (0.04 + SPACING * turn, SPACING)}
        ax.plot(*entries(mine, "x", "y"), **look)
    across, up = PANELS[rows[0]["panel"]]
    ax.set(xscale="log", xlabel=across, ylabel=up)
    ax.xaxis.set_major_formatter(percent if "%" in across else al.plots.short)
    ax.yaxis.set_major_formatter(percent)


def draw_optimum(rows: Sequence[Row], ax: Any) -> None:
    """The share of the optimum against how far values are shrunk; values of presets are exact: a level, marked once."""
    places = {prior: place for place, prior in enumerate(PRIORS)}
    for market in markets_of(rows, LABELS):
        mine = pick(rows, market=market)
        x, y = [places[float(row["x"])] for row in mine], [row["y"] for row in mine]
        if market in LOOKS:
            ax.axhline(y[0], **line(market) | {"linewidth": 0.8})
            x, y = [list(LOOKS).index(market) + 0.5], y[:1]
        ax.plot(x, y, **line(market) | mark(market))
    ax.set_xticks(range(len(PRIORS)), [*(f"{prior:g}" for prior in PRIORS[:-1]), "fully"])
    ax.set(
        xlim=(-0.3, len(PRIORS) - 0.7),
        ylim=(0.0, 1.0),
        xlabel="Values shrunk to their anchor's average\nby so many impressions",
    )
    ax.set_ylabel("Observed GMV over its optimum (%)")
    ax.yaxis.set_major_formatter(percent)
    ax.set_title("(g) under caps of 1.25 \u00d7 observed traffic", loc="left")


def draw_places(rows: Sequence[Row], ax: Any) -> None:
    """Every number on a scale of its own, from the lowest of the tables to the highest; bars span the draws."""
    tables, beside = pick(rows, kind="table"), {"transform": ax.get_yaxis_transform(), "fontsize": 6.5, "va": "center"}
    ax.axvspan(0.0, 1.0, color="#EBEBEB", linewidth=0)
    for height, name in enumerate(reversed(MARGINALS)):
        ends = span(tables, name)
        for market in markets_of(rows, LABELS):
            at, level = [place(row[name], ends, name in COUNTS) for row in pick(rows, market=market)], height
            level += LANES.get(market, 0.0)
            ax.plot([min(at), max(at)], [level, level], **line(market) | {"linestyle": "-"})
            ax.plot([np.mean(at)], [level], **line(market) | mark(market) | {"markersize": 4})
        ax.text(1.02, height, "{:.3g} to {:.3g}".format(*ends), **beside)
    ax.text(1.02, len(MARGINALS), "tables", **beside)
    ax.set_yticks(range(len(MARGINALS)), reversed(MARGINALS.values()), fontsize=6.5)
    ax.set_xticks([0.0, 1.0], ["lowest\ntable", "highest\ntable"])
    ax.grid(False, axis="x")
    ax.set_title("(h) presets among the tables", loc="left")


def place(value: float, ends: tuple[float, float], counts: bool) -> float:
    """Where a number lies between two ends, 0 to 1 within them; counts on a logarithmic scale."""
    value, low, high = np.log([value, *ends]) if counts else (value, *ends)
    return float((value - low) / (high - low))


def span(rows: Sequence[Row], name: str) -> tuple[float, float]:
    return min(row[name] for row in rows), max(row[name] for row in rows)


def line(market: str) -> Row:
    """Presets in colour, tables thin and grey; dashes tell both apart in print."""
    if market in LOOKS:
        dashes = DASHES[list(LOOKS).index(market)]
        return {"color": LOOKS[market][0], "linestyle": dashes, "linewidth": 1.5, "zorder": 3}
    return {"color": GREY, "linestyle": DASHES[list(NAMES).index(market)], "linewidth": 0.9}


def mark(market: str) -> Row:
    """Markers: filled for presets, hollow for tables."""
    if market in LOOKS:
        look = {"markersize": 5, "markeredgecolor": "black", "markeredgewidth": 0.4, "zorder": 4}
        return look | {"marker": LOOKS[market][1]}
    marker = "osD^"[list(NAMES).index(market)]
    return {"marker": marker, "markersize": 4, "markerfacecolor": "white", "markeredgecolor": GREY}


# What is claimed.


def one_graph(rows: Sequence[Row]) -> str:
    """What lets the figure draw one curve for three presets."""
    mine = [pick(rows, panel="numbers", market=name) for name in ("kuaishou", *SCALED)]
    for first, *others in zip(*mine, strict=True):
        assert all(abs(row[name] - first[name]) <= 1e-6 * first[name] for row in others for name in MARGINALS)
    return "Douyin and Xiaohongshu differ from Kuaishou in scale alone: all these marginals are the same."


def fit(rows: Sequence[Row]) -> str:
    """Every draw of every preset is inside for `INSIDE`, outside for `OUTSIDE`; the other marginals are on the edge."""
    tables, presets = (pick(rows, panel="numbers", kind=kind) for kind in ("table", "preset"))
    sentences = []
    for name, words in MARGINALS.items():
        (low, high), (least, most) = span(tables, name), span(presets, name)
        where = "inside" if low <= least and most <= high else "not inside"
        if least > high or most < low:
            where = "higher" if least > high else "lower"
        assert name not in INSIDE or where == "inside", name
        assert where == OUTSIDE.get(name, where), name
        sentences.append(f"{words}: presets {least:.3g} to {most:.3g}, tables {low:.3g} to {high:.3g}, {where}.")
    return "\n".join(sentences)


def found(folder: Path | None) -> dict[str, al.Platform]:
    """The real markets, or none where their tables are not."""
    try:
        there = public_tables(folder, "The figure shows the presets alone.")
        return {} if there is None else real_markets(there)
    except (OSError, ValueError) as error:
        sys.exit(f"{folder}: {error}")


def main() -> None:
    options = arguments(__doc__, tables=True).parse_args()
    scale, seed = "quick" if options.quick else "full", {"seed": options.seed}
    contents = {name: platform.content_hash for name, platform in found(options.data).items()}
    cells = [(table, {"name": name, "content": contents[name], "folder": str(options.data)}) for name in contents]
    draws = [(name, repeat) for name in al.synthetic.PRESETS for repeat in range(REPEATS[scale])]
    cells += [(preset, {"name": name, "size": SIZES[scale], "repeat": repeat} | seed) for name, repeat in draws]
    lab = Lab.of("calibration", options, tables=contents)
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    print(one_graph(rows), *([fit(rows)] if contents else []), sep="\n")


if __name__ == "__main__":
    run(main)
