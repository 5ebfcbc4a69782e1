"""Whom should a platform keep viable, and what does it lose by not looking?

An anchor that gets fewer impressions than it lives on leaves. A myopic platform sends every impression where it sells
most, loses whoever that leaves with too little, does the same with those who are left, and so on until nobody leaves
(`allocator.departures`). Constrained matching (Mladenov et al. 2020) chooses whom to keep: an anchor gets at least its
threshold or nothing (`allocator.viability`). With thresholds on both sides viewers who are served badly leave, too
(Huttenlocher et al. 2024). Thresholds are assumptions, and swept: in even shares of all impressions (what everybody
would have if all had the same), and for viewers in the mean GMV of an impression when segments are spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, band, blank_figure, over_draws, percent, pick, run, stream
from allocator.plots.style import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

SIZES = {"full": (1_000, 200), "quick": (300, 60)}
PAIRED = {"full": (300, 60), "quick": (120, 30)}
"""Sizes where viewers may leave, too."""
DRAWS = {"full": 5, "quick": 2}
THRESHOLDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""nu in even shares."""
QUALITIES = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
"""What viewers ask for, in mean GMV of an impression at the even flow."""
BESIDE, BOTH = 1.0, 0.5
"""nu in (c), and beside viewers' thresholds in (d)."""
GAP = 1e-3
SECONDS = 60.0
TIERS = ("head", "waist", "tail", "new")
NEWCOMERS = 0.2
"""Share of the anchors, an assumption: enough of them to be seen; the preset itself has .03."""
WAYS = ("myopic", "chosen")
LOOKS = {"first": (BLACK, "D", ":"), "myopic": (VERMILLION, "o", "--"), "chosen": (BLUE, "^", "-")}
NAMES = {"first": "myopic, before anybody leaves", "myopic": "myopic, in the end", "chosen": "chosen whom to keep"}
COLUMNS = ("panel", "draw", "threshold", "quality", "way", "gmv", "bound", "kept", "served", "periods", "gap")
COLUMNS += tuple(f"kept_{tier}" for tier in TIERS)


# What is measured.


def market(size: tuple[int, int], seed: int, draw: int) -> al.Platform:
    """Public traffic of the preset with more newcomers."""
    drawn = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, f"viability {size} {draw}"))
    return al.public_part(drawn)


def sides(panel: str, size: tuple[int, int], seed: int, draw: int, levels: tuple[float, float]) -> list[Row]:
    """Myopic departures and the chosen set at thresholds of anchors and, above zero, of viewers."""
    platform = market(size, seed, draw)
    problem, (threshold, quality) = al.Problem(platform, al.GMV()), levels
    even = float((platform.even_flow * platform.value).sum() / platform.even_flow.sum())
    options: dict[str, Any] = {"viewers": quality * even, "quality": "gmv"} if quality else {}
    periods = al.departures(problem, f"even:{threshold}", **options)
    found = al.viability(problem, f"even:{threshold}", relative_gap=GAP, seconds=SECONDS, **options)
    best, (last, stays) = periods[0][0].gmv, periods[-1]
    about = {"panel": panel, "draw": draw, "threshold": threshold, "quality": quality}
    first = about | {"way": "first", "gmv": 1.0}
    myopic = about | {"way": "myopic", "gmv": last.gmv / best, "periods": len(periods) - 1}
    myopic |= _who(platform, stays.anchors & (last.exposure > 0), stays.segments)
    bound = found.certificate.bound + found.certificate.rounding
    chosen = about | {"way": "chosen", "gmv": found.gmv / best, "bound": bound / best, "gap": found.relative_gap}
    chosen |= _who(platform, found.kept & (found.allocation.exposure > 0), found.kept_segments)
    return [first, myopic, chosen]


def _who(platform: al.Platform, anchors: np.ndarray, segments: np.ndarray) -> Row:
    """Parts of the anchors, of each tier of them and of the supply that stay."""
    tier = platform.anchors["tier"]
    parts = {f"kept_{name}": float(anchors[tier == name].mean()) if (tier == name).any() else None for name in TIERS}
    served = float(platform.supply[segments].sum() / platform.supply.sum())
    return {"kept": float(anchors.mean()), "served": served} | parts


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.2)
    axes = figure.subplots(2, 2)
    draw_gmv(pick(rows, panel="anchors"), axes[0, 0])
    draw_kept(pick(rows, panel="anchors"), axes[0, 1])
    draw_tiers(pick(rows, panel="anchors", threshold=BESIDE), axes[1, 0])
    draw_viewers(pick(rows, panel="viewers"), axes[1, 1])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def lines(rows: Sequence[Row], ax: Any, against: str, key: str, ways: Sequence[str]) -> None:
    for way in ways:
        band(ax, over_draws(pick(rows, way=way), against, key), LOOKS[way], label=NAMES[way])
    ax.yaxis.set_major_formatter(percent)


def draw_gmv(rows: Sequence[Row], ax: Any) -> None:
    lines(rows, ax, "threshold", "gmv", tuple(LOOKS))
    x, (bound, *_) = over_draws(pick(rows, way="chosen"), "threshold", "bound")
    ax.plot(x, bound, color=ORANGE, linewidth=0.9, label="no choice gives more (proved)")
    ax.set(
        xlabel="Impressions an anchor lives on, ν (even shares)", ylabel="GMV a period, of the myopic\nfirst period (%)"
    )
    ax.set_title("(a) band: range of draws", loc="left")


def draw_kept(rows: Sequence[Row], ax: Any) -> None:
    lines(rows, ax, "threshold", "kept", WAYS)
    ax.set(xlabel="Impressions an anchor lives on, ν (even shares)", ylabel="Anchors who stay (%)", ylim=(0, 1))
    ax.set_title("(b)", loc="left")


def draw_tiers(rows: Sequence[Row], ax: Any) -> None:
    place = np.arange(len(TIERS))
    for offset, way in zip((-0.2, 0.2), WAYS, strict=True):
        colour = LOOKS[way][0]
        mean = [np.mean([row[f"kept_{tier}"] for row in pick(rows, way=way)]) for tier in TIERS]
        hatch = "////" if way == "myopic" else None
        ax.bar(place + offset, mean, 0.38, color="white" if hatch else colour, edgecolor=colour, hatch=hatch)
    ax.yaxis.set_major_formatter(percent)
    ax.set_xticks(place, TIERS)
    ax.set(ylabel="Anchors of the tier who stay (%)", ylim=(0, 1))
    ax.set_title(f"(c) ν = {BESIDE:g}; hatched: myopic", loc="left")


def draw_viewers(rows: Sequence[Row], ax: Any) -> None:
    lines(rows, ax, "quality", "gmv", WAYS)
    for way in WAYS:
        x, (served, *_) = over_draws(pick(rows, way=way), "quality", "served")
        ax.plot(x, served, color=GREEN if way == "chosen" else ORANGE, linestyle=LOOKS[way][2], linewidth=0.9)
    ax.set(xlabel="GMV an impression that keeps viewers (even means)", ylabel="GMV, of the myopic\nfirst period (%)")
    ax.set_ylim(bottom=0)
    ax.set_title(f"(d) ν = {BOTH:g}; thin: viewers who stay (%)", loc="left")


# What is claimed.


def means(rows: Sequence[Row], way: str, key: str, **level: float) -> float:
    return float(np.mean([row[key] for row in pick(rows, way=way, **level)]))


def myopia(rows: Sequence[Row]) -> str:
    """Nobody is better off by not looking, and what is lost grows with the threshold."""
    mine = pick(rows, panel="anchors")
    lost = []
    for threshold in THRESHOLDS:
        for myopic, chosen in zip(*(pick(mine, way=way, threshold=threshold) for way in WAYS), strict=True):
            assert chosen["gmv"] >= myopic["gmv"] * (1 - 1e-6), (myopic, chosen)
            assert chosen["gap"] <= 2 * GAP, chosen
        lost.append(1 - means(mine, "myopic", "gmv", threshold=threshold))
    spared = 1 - means(mine, "chosen", "gmv", threshold=BESIDE)
    at = THRESHOLDS.index(BESIDE)
    assert lost[at] > 2 * spared, (lost, spared)
    assert lost[-1] > lost[at] > lost[0], lost
    kept = [means(mine, way, "kept", threshold=BESIDE) for way in WAYS]
    assert kept[1] > kept[0], kept
    return (
        f"Where an anchor lives on an even share, a myopic platform ends with {kept[0]:.0%} of its anchors and "
        f"{lost[at]:.1%} less GMV than at first; choosing whom to keep it ends with {kept[1]:.0%} and {spared:.1%} "
        f"less, proved to be within {GAP:.1%} of any choice."
    )


def stable(rows: Sequence[Row]) -> str:
    """Where viewers leave, too, what is lost by not looking is more."""
    mine = pick(rows, panel="viewers")
    for quality in QUALITIES:
        for myopic, chosen in zip(*(pick(mine, way=way, quality=quality) for way in WAYS), strict=True):
            assert chosen["gmv"] >= myopic["gmv"] * (1 - 1e-6), (myopic, chosen)
    left = [means(mine, way, "served", quality=QUALITIES[-1]) for way in WAYS]
    gmv = [means(mine, way, "gmv", quality=QUALITIES[-1]) for way in WAYS]
    assert gmv[1] >= gmv[0], gmv
    return (
        f"With viewers who leave below {QUALITIES[-1]:g} times the mean GMV of an impression it keeps {left[0]:.0%} of "
        f"them and {gmv[0]:.0%} of GMV, and {left[1]:.0%} and {gmv[1]:.0%} by choice."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"seed": options.seed}
    cells: list = [
        (sides, about | {"panel": "anchors", "size": SIZES[scale], "draw": draw_, "levels": (threshold, 0.0)})
        for draw_ in range(DRAWS[scale])
        for threshold in THRESHOLDS
    ]
    cells += [
        (sides, about | {"panel": "viewers", "size": PAIRED[scale], "draw": draw_, "levels": (BOTH, quality)})
        for draw_ in range(DRAWS[scale])
        for quality in QUALITIES
    ]
    Lab.of("viability", options).answer(cells, draw, myopia, stable, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
