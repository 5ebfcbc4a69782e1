"""When do viewers gather on one platform, and when does a market stay in pieces?

Viewers of K alike platforms choose by network effect: shares become s' = softmax(beta s) in a period. s1 has Taobao at
80 % and the market of the USA in fragments; neither needs platforms that differ.

Derived here (T8). At the even split a logit answers du with ds' = (du - mean du) / K, and du = beta ds, so deviations
grow by beta / K a period: the even split is lost at beta = K. A leader with share s against m = K - 1 alike rivals
keeps it where its odds are those of its lead, ln(s m / (1 - s)) = beta (s - (1 - s) / m): for two platforms 80 to 20
takes beta = ln 4 / .6 = 2.3105. With one rival this beta falls to 2 as s nears 1/2, and the even split is lost without
a jump; with more rivals its minimum lies below K, so that a leader who is there lasts where none would arise.

Let viewers watch one of C alike verticals each, and count those of their own vertical and, by breadth b, all others:
u_qc = beta [(1 - b) s_qc / C + b mean_c s_qc]. A tilt that all verticals share raises u by beta (b + (1 - b) / C) of
it, one that cancels out over them by beta (1 - b) / C, so the even split is lost at K / (b + (1 - b) / C) to the first
and at K C / (1 - b) to the second: the narrower platforms are, the more network effect leaves them as they are.

Lines and curves are these closed forms, markers simulated markets. beta is not known: it is swept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, halved, pick, run, stream
from allocator import dynamics as dy
from allocator import market as mk
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

SIZES = (2, 3, 5)
"""Numbers of platforms in (a) to (c)."""
RANGES = {2: (1.8, 2.6), 3: (2.6, 3.4), 5: (3.3, 5.5)}
STEPS = {"full": 16, "quick": 4}
"""Even, so that none is at K, where shares never settle."""
GROWN = {2: (BLACK, "o"), 3: (BLUE, "s"), 5: (VERMILLION, "^")}
SIDES = (0.5, 0.8, 0.95, 1.05, 1.2, 1.5)
"""beta over K in (d)."""
VERTICALS, PLATFORMS = 4, 3
"""Of (e) and (f)."""
BREADTHS = {"full": (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), "quick": (0.0, 0.1, 0.6, 1.0)}
STRONG = {"full": (4.0, 8.0, 16.0), "quick": (8.0,)}
"""beta in (f)."""
STARTS = {"full": 10, "quick": 3}
TILT, BEGINS = 1e-6, 0.02
"""Of shares: for what is linear; and for what arises by chance in (f)."""
CHUNK, STILL = 200, 1e-9
"""Periods between two looks, and the change in them that counts as none."""
LONGEST = 20_000
EIGHTY = 0.8
COLUMNS = ("panel", "platforms", "network", "way", "leader", "side", "growth", "breadth", "tilt", "start", "within")


# What is measured.


def market(network: float, at: np.ndarray, breadth: float = 1.0) -> mk.Market:
    """Alike platforms with shares (K, C) of viewers at the start."""
    count, verticals = at.shape
    names = np.array([f"vertical {c}" for c in range(verticals)])
    platform = al.Platform.from_edges(
        np.arange(verticals),
        np.zeros(verticals, dtype=int),
        np.ones(verticals),
        supply=np.full(verticals, 1.0 / verticals),
        segments={"category": names},
    )
    members = [mk.Member(f"p{k}", dy.World(platform), dy.Even(), breadth=breadth) for k in range(count)]
    starts = {member.name: at[k] for k, member in enumerate(members)}
    alike = dict.fromkeys(starts, 0.0)
    return mk.Market(members, [mk.Attention(network, alike, verticals="category", at=starts)])


def after(network: float, at: np.ndarray, periods: int, breadth: float = 1.0) -> np.ndarray:
    """Shares (K, C) after so many periods."""
    seen = []
    mk.simulate(
        market(network, at, breadth),
        periods=periods,
        rng=np.random.default_rng(0),
        watch=lambda then, outcomes, now: seen.append(now.stocks["shares"]),
    )
    return seen[-1]


def settled(network: float, at: np.ndarray, breadth: float = 1.0) -> np.ndarray:
    """Shares (K, C) once they no longer move."""
    for _ in range(0, LONGEST, CHUNK):
        moved = after(network, at, CHUNK, breadth)
        if np.abs(moved - at).max() < STILL:
            return moved
        at = moved
    return at


def fork(platforms: int, way: str, networks: Sequence[float]) -> list[Row]:
    """The leading share as beta goes up from the even split but for a tilt, or down from one leader; every value starts
    where the last one settled.
    """
    shares, rows = np.full((platforms, 1), 1.0 / platforms), []
    if way == "down":
        shares = np.full((platforms, 1), 1e-3 / (platforms - 1))
        shares[0] = 1.0 - 1e-3
    for network in networks if way == "up" else networks[::-1]:
        tilted = shares + TILT * (np.arange(platforms)[:, None] == 0)
        shares = settled(network, tilted / tilted.sum(axis=0))
        rows.append({"panel": "fork", "platforms": platforms, "way": way, "network": network, "leader": shares.max()})
    return [row | {"leader": float(row["leader"])} for row in rows]


def growth(network: float, platforms: int, tilt: Sequence[float], breadth: float, periods: int) -> float:
    """How much a tilt (C,) from the second platform to the first grows a period."""
    at = np.full((platforms, len(tilt)), 1.0 / platforms)
    at[0] += TILT * np.asarray(tilt)
    at[1] -= TILT * np.asarray(tilt)
    moved = after(network, at, periods, breadth)
    return float((np.abs(moved - 1.0 / platforms).max() / np.abs(at - 1.0 / platforms).max()) ** (1.0 / periods))


def grown(platforms: int) -> list[Row]:
    """Growth of a deviation from the even split around the threshold."""
    return [
        {
            "panel": "growth",
            "platforms": platforms,
            "side": side,
            "growth": growth(side * platforms, platforms, [1], 1.0, 4),
        }
        for side in SIDES
    ]


def breadths(breadth: float) -> list[Row]:
    """beta at which a tilt of all verticals, and one that cancels out over them, begins to grow, by bisection."""
    rows = []
    for name, tilt in (("together", [1.0] * VERTICALS), ("apart", [1.0, -1.0, *[0.0] * (VERTICALS - 2)])):
        if name == "apart" and breadth == 1.0:
            continue
        low, _ = halved(1.0, 100.0, 30, lambda beta, tilt=tilt: growth(beta, PLATFORMS, tilt, breadth, 2) < 1)
        rows.append({"panel": "breadth", "breadth": breadth, "tilt": name, "network": low})
    return rows


def ends(breadth: float, network: float, start: int, seed: int) -> list[Row]:
    """Where a market ends that starts evenly but for chance: the leading share of all viewers, and the mean over
    verticals of the leading share of each.
    """
    rng = stream(seed, f"tilts {start}")
    at = np.maximum(1.0 / PLATFORMS + BEGINS * rng.standard_normal((PLATFORMS, VERTICALS)), 0.01)
    shares = settled(network, at / at.sum(axis=0), breadth)
    whole, within = float(shares.mean(axis=1).max()), float(shares.max(axis=0).mean())
    about = {"panel": "ends", "breadth": breadth, "network": network, "start": start}
    return [about | {"leader": whole, "within": within}]


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    axes = figure.subplots(2, 3)
    for platforms, ax, letter in zip(SIZES, axes[0], "abc", strict=True):
        draw_fork(pick(rows, panel="fork", platforms=platforms), platforms, ax)
        ax.set_title(f"({letter}) {platforms} platforms", loc="left")
    draw_growth(pick(rows, panel="growth"), axes[1, 0])
    draw_breadths(pick(rows, panel="breadth"), axes[1, 1])
    draw_ends(pick(rows, panel="ends"), axes[1, 2])
    return figure


def draw_fork(rows: Sequence[Row], platforms: int, ax: Any) -> None:
    """Curve: every state with one leader; dashed where it is not stable."""
    low, high = RANGES[platforms]
    rivals, even = platforms - 1, 1.0 / platforms
    turn, _ = mk.closed_forms.dissolving(rivals)
    for part, dashes in ((np.linspace(even + 1e-4, turn, 200), "--"), (np.linspace(turn, 0.9999, 2000)[1:], "-")):
        if part[0] < part[-1]:
            ax.plot(mk.closed_forms.self_sustaining(part, rivals), part, dashes, color=BLACK, linewidth=0.9)
    ax.plot([low, platforms], [even, even], "-", color=BLACK, linewidth=0.9)
    ax.plot([platforms, high], [even, even], "--", color=BLACK, linewidth=0.9)
    looks = {"up": (BLUE, "^", "from an even split"), "down": (ORANGE, "v", "from a leader")}
    for way, (colour, marker, label) in looks.items():
        mine = pick(rows, way=way)
        look = {"color": colour, "markersize": 4, "markerfacecolor": "none"}
        ax.plot(*entries(mine, "network", "leader"), marker, label=label, **look)
    ax.plot([mk.closed_forms.self_sustaining(EIGHTY, rivals)], [EIGHTY], "*", color=VERMILLION, markersize=9)
    ax.axvline(platforms, color=GREY, linestyle=":", linewidth=0.9)
    ax.set(xlabel="Network effect, β", xlim=(low, high), ylim=(0, 1.02))
    if platforms == SIZES[0]:
        ax.set_ylabel("Share of the largest platform")
        ax.legend(loc="lower right", fontsize=6.5)


def draw_growth(rows: Sequence[Row], ax: Any) -> None:
    ax.plot([0.4, 1.6], [0.4, 1.6], "-", color=BLACK, linewidth=0.9)
    ax.axhline(1, color=GREY, linestyle=":", linewidth=0.9)
    ax.axvline(1, color=GREY, linestyle=":", linewidth=0.9)
    for platforms, (colour, marker) in GROWN.items():
        mine = pick(rows, platforms=platforms)
        x, y = entries(mine, "side", "growth")
        size = 9 - 2 * SIZES.index(platforms) - 2
        ax.plot(x, y, marker, color=colour, markersize=size, markerfacecolor="none", label=f"{platforms}")
    ax.legend(title="Platforms, K", loc="upper left")
    ax.set(xlabel="Network effect over platforms, β/K", ylabel="Growth of a small lead\n(factor a period)")
    ax.set_title("(d) near the even split", loc="left")


def draw_breadths(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0, 0.97, 200)
    lines = [mk.closed_forms.network_thresholds(PLATFORMS, breadth=b, verticals=VERTICALS) for b in grid]
    looks = {"together": (BLACK, "o", "-", "one leader for all"), "apart": (PURPLE, "D", "--", "a leader for each")}
    for k, (tilt, (colour, marker, dashes, label)) in enumerate(looks.items()):
        ax.plot(grid, [line[k] for line in lines], dashes, color=colour, linewidth=0.9)
        mine = pick(rows, tilt=tilt)
        ax.plot(*entries(mine, "breadth", "network"), marker, color=colour, markersize=3.5, label=label)
    ax.set(xlabel="Breadth of platforms, b", ylabel="β from which verticals tilt", yscale="log", ylim=(2.5, 100))
    ax.set_yticks([3, 5, 10, 20, 50, 100], ["3", "5", "10", "20", "50", "100"])
    ax.minorticks_off()
    ax.legend(loc="upper left", fontsize=6.5)
    ax.set_title(f"(e) {PLATFORMS} platforms, {VERTICALS} verticals", loc="left")


def draw_ends(rows: Sequence[Row], ax: Any) -> None:
    looks = {4.0: (GREEN, "o", "-"), 8.0: (BLACK, "s", "--"), 16.0: (VERMILLION, "^", "-.")}
    for network in sorted({row["network"] for row in rows}):
        colour, marker, dashes = looks[network]
        mine = pick(rows, network=network)
        grid = sorted({row["breadth"] for row in mine})
        whole = [np.mean([row["leader"] for row in pick(mine, breadth=b)]) for b in grid]
        ax.plot(
            grid, whole, dashes, marker=marker, color=colour, markersize=3.5, linewidth=0.9, label=f"β = {network:g}"
        )
        within = [np.mean([row["within"] for row in pick(mine, breadth=b)]) for b in grid]
        ax.plot(grid, within, ":", marker=marker, color=colour, markersize=5.5, markerfacecolor="none", linewidth=0.7)
    ax.axhline(1 / PLATFORMS, color=GREY, linewidth=0.6)
    ax.set(xlabel="Breadth of platforms, b", ylabel="Share of the largest platform", ylim=(0.25, 1.03))
    ax.legend(loc="center", fontsize=6.5)
    ax.set_title("(f) of all; hollow: of its vertical", loc="left")


# What is claimed.


def forks(rows: Sequence[Row]) -> str:
    """T8, F25 (a to c)."""
    for platforms in SIZES:
        _, least = mk.closed_forms.dissolving(platforms - 1)
        for row in pick(rows, panel="fork", platforms=platforms):
            edge = platforms if row["way"] == "up" else least
            if abs(row["network"] - edge) < 0.01:
                continue
            lasting = mk.closed_forms.leading_share(row["network"], platforms - 1) if row["network"] > edge else None
            expected = 1.0 / platforms if lasting is None else lasting
            assert abs(row["leader"] - expected) < 1e-3, (row, expected)
    folds = ", ".join(f"{mk.closed_forms.dissolving(k - 1)[1]:.3f}" for k in SIZES[1:])
    return (
        f"From an even split a leader arises at β = K = {', '.join(map(str, SIZES))} and nowhere below; from a leader "
        f"it lasts down to the same 2 with two platforms and to {folds} with {' and '.join(map(str, SIZES[1:]))}."
    )


def eighty(rows: Sequence[Row]) -> str:
    """80/20 is where the simulated branch passes 80 %."""
    found = {}
    for platforms in SIZES:
        network = float(mk.closed_forms.self_sustaining(EIGHTY, platforms - 1))
        mine = pick(rows, panel="eighty", platforms=platforms)[0]
        assert abs(mine["network"] - network) < 1e-12, mine
        assert abs(mine["leader"] - EIGHTY) < 1e-6, mine
        found[platforms] = network
    words = ", ".join(f"{network:.4f} ({platforms})" for platforms, network in found.items())
    return f"A leader settles at 80 % at β = {words}, whatever the lead from which it starts."


def sustained(platforms: int) -> list[Row]:
    """Where leads of different size end at the network effect of 80 %."""
    network, ends_ = float(mk.closed_forms.self_sustaining(EIGHTY, platforms - 1)), []
    for lead in (0.7, 0.95):
        at = np.full((platforms, 1), (1.0 - lead) / (platforms - 1))
        at[0] = lead
        ends_.append(float(settled(network, at).max()))
    assert max(ends_) - min(ends_) < 1e-6, ends_
    return [{"panel": "eighty", "platforms": platforms, "network": network, "leader": ends_[0]}]


def slopes(rows: Sequence[Row]) -> str:
    """T8 (d)."""
    for row in pick(rows, panel="growth"):
        assert abs(row["growth"] - row["side"]) < 1e-3, row
    return "A small lead grows by β / K a period."


def narrow(rows: Sequence[Row]) -> str:
    """B4's two conditions (e), and what they mean for where markets end (f)."""
    for row in pick(rows, panel="breadth"):
        lines = mk.closed_forms.network_thresholds(PLATFORMS, breadth=row["breadth"], verticals=VERTICALS)
        assert abs(row["network"] / lines[row["tilt"] == "apart"] - 1.0) < 2e-3, (row, lines)
    mine = pick(rows, panel="ends")
    for row in mine:
        together, apart = mk.closed_forms.network_thresholds(PLATFORMS, breadth=row["breadth"], verticals=VERTICALS)
        if row["network"] < 0.9 * together:
            assert row["within"] < 1 / PLATFORMS + 0.01, row
        elif row["network"] > 1.1 * together and row["network"] < apart:
            assert row["leader"] > 0.6, row
    first, last = (pick(mine, network=8.0, breadth=b) for b in (0.0, 1.0))
    values = [float(np.mean([row["leader"] for row in one])) for one in (first, last)]
    assert values[0] < 1 / PLATFORMS + 0.01, values
    assert values[1] > 0.9, values
    return (
        f"At β = 8 {PLATFORMS} platforms of {VERTICALS} verticals stay even if they are narrow (b = 0, largest share "
        f"{values[0]:.2f}) and end with one leader if they are broad (b = 1, {values[1]:.2f}): from b = 0 to 1 the "
        f"threshold falls from {PLATFORMS * VERTICALS} to {PLATFORMS}."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells: list = []
    for platforms in SIZES:
        grid = np.linspace(*RANGES[platforms], STEPS[scale]).tolist()
        cells += [(fork, {"platforms": platforms, "way": way, "networks": grid}) for way in ("up", "down")]
        cells += [(grown, {"platforms": platforms}), (sustained, {"platforms": platforms})]
    cells += [(breadths, {"breadth": breadth}) for breadth in BREADTHS[scale]]
    cells += [
        (ends, {"breadth": breadth, "network": network, "start": start, "seed": options.seed})
        for network in STRONG[scale]
        for breadth in BREADTHS[scale]
        for start in range(STARTS[scale])
    ]
    Lab.of("fragmentation", options).answer(cells, draw, forks, eighty, slopes, narrow, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
