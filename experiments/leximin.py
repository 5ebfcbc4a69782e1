"""What does exact leximin take, and what does one optimisation with geometric bins miss?

The rows hold times: they belong to one machine and are not compared between runs. The preset like Kuaishou with five
segments per anchor, leximin of exposure and of GMV. *Exact* is `allocator.leximin` as a whole: all levels, the highest
GMV at them, and the proof of each. *Binned* is the geometric binner of Soroush (Namyar et al., NSDI 2024),
re-implemented from its description and written with this package's terms: amounts between U r^(b-1) and U r^b, for a
bin ratio r, count with a weight that falls from bin to bin, and one linear program (GLOP, building included, judging
not) maximises the total. U is the least that the even split gives to an anchor, the last bin ends above the largest
reach, and weights fall geometrically to 1e-12 (of 1e-3, 1e-6, 1e-9 and 1e-12 the best for the binner): assumptions, as
the description leaves them open.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, pick, run, stream

RATIOS = (4.0, 2.0, 1.5, 1.25, 1.1)
SHOWN = (2.0, 1.25)
SMALLEST = 1e-12
PER_ANCHOR = 5
SIZES = {
    "full": {"exposure": (500, 1_500, 5_000, 15_000, 40_000), "gmv": (500, 1_000, 2_000, 4_000)},
    "quick": {"exposure": (150, 500), "gmv": (150, 500)},
}
PICTURED = {"full": {"exposure": 5_000, "gmv": 1_000}, "quick": {"exposure": 500, "gmv": 500}}
"""Segments of the platforms whose anchors are shown, and on which all bin ratios are tried."""
LARGEST_BINNED = {"exposure": 15_000, "gmv": 4_000}
NAMES = {"exposure": "exposure", "gmv": "GMV"}
COLOURS = {"exposure": "#0072B2", "gmv": "#D55E00"}
COLUMNS = ("series", "of", "method", "ratio", "edges", "parts", "seconds", "status", "gap", "fairness", "low", "high")
COLUMNS += ("level", "share")


def binned_problem(platform: al.Platform, of: str, ratio: float) -> tuple[al.Problem, int]:
    """The one program of the geometric binner, and its number of bins.

    A weight w_b on what lies in bin b, falling with b, is a sum of capped utilities: w_b - w_(b+1) on what lies below
    the end of bin b.
    """
    reach = platform.reach_of(of)
    first, most = platform.even_amounts(of)[reach > 0].min(), reach.max()
    last = max(1, int(np.ceil(np.log(most / first) / np.log(ratio))))
    ends, weights = first * ratio ** np.arange(last + 1), SMALLEST ** (np.arange(last + 1) / last)
    falls = weights - np.append(weights[1:], 0.0)
    terms = [float(fall) * al.CappedUtility(float(end), of=of) for fall, end in zip(falls, ends, strict=True)]
    return al.Problem(platform, reduce(add, terms)), last + 1


def race(of: str, segments: int, ratios: Sequence[float], seed: int) -> list[Row]:
    """Exact and binned leximin of one platform: how long, how good, and what every anchor has (if several ratios)."""
    warm = al.synthetic.kuaishou(50, 10, rng=stream(seed, "warm"))
    al.leximin(al.Problem(warm, al.GMV()), of=of)
    al.solve(binned_problem(warm, of, 2.0)[0], solver="linear")
    platform = al.synthetic.kuaishou(segments, segments // PER_ANCHOR, rng=stream(seed, f"kuaishou {segments}"))
    started = time.perf_counter()
    exact = al.leximin(al.Problem(platform, al.GMV()), of=of)
    seconds, part = time.perf_counter() - started, np.flatnonzero(exact.rank >= 0)
    about = {"of": of, "edges": platform.edge_count, "anchors": part.size}
    status, gap = exact.allocation.status.name, exact.gap
    perfect = {"fairness": 1.0, "low": 1.0, "high": 1.0}
    found = {"series": "race", "method": "exact", "parts": len(exact.levels), "seconds": seconds, "status": status}
    rows = [about | found | perfect | {"gap": gap}]
    for ratio in ratios:
        problem, bins = binned_problem(platform, of, ratio)
        binned = al.solve(problem, solver="linear", relative_gap=1e-6)
        share = binned.totals.of(of)[part] / exact.level_of[part]
        seconds, status = binned.run.build_seconds + binned.run.solve_seconds, binned.status.name
        found = {"series": "race", "method": "binned", "ratio": ratio, "parts": bins, "seconds": seconds}
        quality = {"fairness": fairness(share), "low": share.min(), "high": share.max(), "status": status}
        rows.append(about | found | quality)
        if len(ratios) > 1 and ratio in SHOWN:
            pairs = zip(exact.level_of[part], share, strict=True)
            rows += [{"series": "anchor", "of": of, "ratio": ratio, "level": a, "share": b} for a, b in pairs]
    return rows


def fairness(share: np.ndarray) -> float:
    """Geometric mean of what each anchor misses or has too much, as in Namyar et al.: 1 for the exact amounts."""
    return float(np.exp(np.mean(np.log(np.minimum(share, 1.0 / np.maximum(share, 1e-12)).clip(1e-12)))))


def draw(rows: Sequence[Row]) -> Any:
    """Times, anchors of both goods, and time against fairness."""
    figure = blank_figure(4.9)
    (times, exposure), (trade, gmv) = figure.subplots(2, 2)
    draw_times(pick(rows, series="race"), times)
    draw_anchors(rows, "exposure", exposure)
    draw_anchors(rows, "gmv", gmv)
    draw_trade(pick(rows, series="race"), trade)
    times.set_title("(a) time to all levels", loc="left")
    exposure.set_title("(b) what anchors get: exposure", loc="left")
    trade.set_title("(c) time and fairness by bin ratio r", loc="left")
    gmv.set_title("(d) what anchors get: GMV", loc="left")
    return figure


def draw_times(rows: Sequence[Row], ax: Any) -> None:
    """Seconds against edges; the binner at ratio 2."""
    for of, colour in COLOURS.items():
        exact, binned = pick(rows, of=of, method="exact"), pick(rows, of=of, method="binned", ratio=2.0)
        look = {"color": colour, "marker": "o" if of == "exposure" else "s"}
        for mine, how, words in ((exact, "-", "exact"), (binned, "--", "binned, r = 2")):
            x, y = entries(mine, "edges", "seconds")
            fill = colour if how == "-" else "none"
            ax.plot(x, y, how, label=f"{NAMES[of]}, {words}", markerfacecolor=fill, **look)
    ax.set(xscale="log", yscale="log", xlabel="Edges", ylabel="Seconds")
    ax.set_ylim(bottom=ax.get_ylim()[0] / 10)
    ax.legend(loc="lower right")


def draw_anchors(rows: Sequence[Row], of: str, ax: Any) -> None:
    """Share of anchors that the binner gives at most so much of what leximin gives; dotted, the bin ratios."""
    for ratio, (colour, dashes) in {2.0: ("#E69F00", "--"), 1.25: (COLOURS[of], "-")}.items():
        shares = np.sort([max(row["share"], 1e-3) for row in pick(rows, series="anchor", of=of, ratio=ratio)])
        below = 100 * np.arange(1, shares.size + 1) / shares.size
        ax.step(shares, below, dashes, where="post", color=colour, label=f"binned, r = {ratio:g}")
        for edge in (ratio, 1 / ratio):
            ax.axvline(edge, color=colour, linewidth=0.9, linestyle=":")
    ax.axvline(1.0, color="black", linewidth=0.8, label="exact")
    ax.set(xscale="log", xlim=(0.35, 4.5), ylim=(0, 101))
    ax.set(
        xlabel=f"{NAMES[of][0].upper()}{NAMES[of][1:]} of an anchor, binned over exact",
        ylabel="Anchors at most there (%)",
    )
    ticks = (0.5, 0.8, 1, 1.25, 2, 4)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.legend(loc="lower right")


def draw_trade(rows: Sequence[Row], ax: Any) -> None:
    """Fairness against seconds over those of exact leximin, one point per bin ratio."""
    for of, colour in COLOURS.items():
        sizes = [row["edges"] for row in rows if row["of"] == of and row.get("ratio") == SHOWN[-1]]
        mine = [row for row in rows if row["of"] == of and row["edges"] == sizes[0]]
        exact = pick(mine, method="exact")[0]
        binned = sorted(pick(mine, method="binned"), key=lambda row: -row["ratio"])
        x, y = [row["seconds"] / exact["seconds"] for row in binned], [100 * row["fairness"] for row in binned]
        marker = "o" if of == "exposure" else "s"
        label = f"{NAMES[of]}, {exact['edges']:,} edges"
        ax.plot(x, y, "--", color=colour, marker=marker, markerfacecolor="none", label=label)
        for k, (row, a, b) in enumerate(zip(binned, x, y, strict=True)):
            place = (0, 5) if k % 2 else (0, -10)
            ax.annotate(
                f"{row['ratio']:g}", (a, b), xytext=place, textcoords="offset points", ha="center", fontsize=6.5
            )
    ax.plot([1.0], [100.0], "*", color="black", markersize=8, label="exact", clip_on=False)
    ax.set(xscale="log", xlabel="Seconds, in those of exact leximin", ylabel="Fairness (%)")
    ax.margins(0.1)
    ax.legend(loc="lower right")


def claim(rows: Sequence[Row]) -> str:
    """Every level is proved; bins miss exposure by less than their ratio, and GMV by more."""
    exact, binned = pick(rows, method="exact"), pick(rows, method="binned")
    assert all(row["status"] == "CERTIFIED" and row["gap"] <= 1e-7 for row in exact)
    off = {(row["of"], row["ratio"], row["edges"]): max(row["high"], 1 / max(row["low"], 1e-12)) for row in binned}
    assert all(worst <= ratio * (1 + 1e-6) for (of, ratio, _), worst in off.items() if of == "exposure")
    fine = SHOWN[-1]
    worst = {of: max(w for (good, ratio, _), w in off.items() if (good, ratio) == (of, fine)) for of in NAMES}
    assert worst["gmv"] > fine
    gap = max(row["gap"] for row in exact)
    return (
        f"All {sum(row['parts'] for row in exact):,} levels of {len(exact)} runs are proved (relative gap {gap:.0e}). "
        f"Bins of ratio {fine:g} miss exposure by a factor of {worst['exposure']:.2f} at most, within their ratio, and "
        f"GMV by {worst['gmv']:.2f}: there a unit in a low bin can cost more impressions than its weight makes up for."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells = []
    for of, sizes in SIZES[scale].items():
        for segments in sizes:
            some = RATIOS if segments == PICTURED[scale][of] else SHOWN[:1] if segments <= LARGEST_BINNED[of] else ()
            cells.append((race, {"of": of, "segments": segments, "ratios": some, "seed": options.seed}))
    lab = Lab.of("leximin", options)
    rows = lab.measured(cells)
    lab.finish(draw, rows, columns=COLUMNS)
    for row in pick(rows, series="race"):
        how = "exact" if row["method"] == "exact" else f"binned, r = {row['ratio']:g}"
        print(
            f"{NAMES[row['of']]:8} {how:16} {row['edges']:>9,} edges {row['seconds']:8.2f} s, {row['parts']:4} parts, "
            f"fairness {row['fairness']:.4f}, {row['low']:.3f} to {row['high']:.3f} of the exact amounts"
        )
    print(claim(rows))


if __name__ == "__main__":
    run(main)
