"""When does keeping the tail alive earn more than sending all traffic to the head?

A head sells 1 per impression and leaves at the end of a period with probability lam; a tail sells rho and leaves as
soon as it gets fewer than nu of the S impressions of a period. A myopic platform sends all to the head, loses the tail
after one period and everything when the head leaves. A floor of nu keeps the tail, which then serves what demand is
left: the part xi of it goes with the head (or, below zero, more comes).

Derived here (T1), per impression of S: while the head stays, which it does for the next period with probability
1 - lam, the floor costs nu (1 - rho) / S a period. In the period after it has left and ever after the tail sells
rho (1 - xi), worth d rho (1 - xi) / (1 - d) as it leaves. With d (1 - lam) the discount on a head that may leave

    floor - myopic = (lam d rho (1 - xi) / (1 - d) - nu (1 - rho) / S) / (1 - d (1 - lam)),

which is positive iff lam > lam* = (nu / S)(1 / rho - 1)(1 - d) / (d (1 - xi)): the more demand goes with the head, the
less is insured, and the less the insurance is worth. The formula is drawn as lines; markers are simulated worlds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, estimate, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

DISCOUNT = 0.95
MARKETS = {"dear tail": (0.1, 0.5), "poor tail": (0.2, 0.3)}
"""nu / S and rho, assumptions."""
SPILLS = (-0.5, -0.2, 0.0, 0.2, 0.5)
"""xi: sources disagree on its sign."""
HAZARDS = {"dear tail": (0.002, 0.004, 0.006, 0.008, 0.012, 0.015), "poor tail": (0.012, 0.018, 0.024, 0.030, 0.036)}
EVERY = {"full": 1, "quick": 2}
"""Of values of xi and of lam every so many are simulated."""
BESIDE = 0.006
"""lam in (a) and (d)."""
COPIES = {"full": 30_000, "quick": 2_000}
"""Independent heads and tails in a world; errors are those of the mean over them."""
PERIODS = {"full": 120, "quick": 90}
"""After which the last period is repeated for ever: d^120 = .002, and only heads who are still there matter."""
SHOWN = 100
"""Periods in (a)."""
FAR = 4.0
"""Standard errors by which a simulated number may miss the formula."""
LOOKS = dict(zip(SPILLS, zip((BLUE, SKY, BLACK, ORANGE, VERMILLION), "v^osD", strict=True), strict=True))
POLICIES = {"floor": ("floor of ν for the tail", GREEN, "-"), "myopic": ("all to who sells most", PURPLE, "--")}
COLUMNS = ("panel", "market", "xi", "lam", "policy", "period", "gmv", "gap", "gap_error")


# What is measured.


def copies(number: int, ratio: float) -> al.Platform:
    """Heads (even places) and tails (odd places), each pair with a segment of its own, of one impression a period."""
    value, tier = np.tile([1.0, ratio], number), np.tile(["head", "tail"], number)
    return al.Platform(
        2 * np.arange(number + 1), np.arange(2 * number), value, np.ones(number), anchors={"tier": tier}, currency=""
    )


def gaps(market: str, xi: float, lam: float, size: tuple[int, int], seed: int) -> list[Row]:
    """Discounted GMV of a copy with the floor beyond that of a myopic platform, and GMV by period.

    Worlds of one xi differ in lam and policy alone: the same chance strikes all, and differences are those of pairs.
    """
    (number, periods), (viable, ratio) = size, MARKETS[market]
    leave = dy.Defection(base=lam, convexity=0.0, spill=xi, where="tier=head", share_of="audience")
    world = dy.World(copies(number, ratio), (dy.Starvation(viable, where="tier=tail"), leave))
    ways = {"floor": dy.Optimal(rules=[al.Floor(viable, where="tier=tail")]), "myopic": dy.Greedy()}
    about, worth, rows = {"market": market, "xi": xi, "lam": lam}, {}, []
    for name, policy in ways.items():
        path, worth[name] = played(world, policy, periods, stream(seed, f"{market} {xi}"))
        if (market, xi, lam) == ("dear tail", 0.0, BESIDE):
            told = about | {"panel": "path", "policy": name}
            rows += [told | {"period": t, "gmv": gmv / number} for t, gmv in enumerate(path["gmv"][:SHOWN].tolist())]
    return [*rows, about | {"panel": "gap"} | estimate("gap", worth["floor"] - worth["myopic"])]


def played(
    world: dy.World, policy: dy.Policy, periods: int, rng: np.random.Generator
) -> tuple[dy.Trajectory, np.ndarray]:
    """A trajectory, and the discounted GMV of every copy if the last period is repeated for ever."""
    gmv: list[np.ndarray] = []
    path = dy.simulate(
        world,
        policy,
        periods=periods,
        rng=rng,
        watch=lambda outcome: gmv.append(outcome.gmv.reshape(-1, 2).sum(axis=1)),
    )
    assert not path["relaxed"].any(), policy
    assert not path["failed"].any(), policy
    weight = DISCOUNT ** np.arange(periods)
    weight[-1] /= 1.0 - DISCOUNT
    return path, weight @ np.array(gmv)


def crossing(rows: Sequence[Row]) -> tuple[float, float]:
    """lam at which the simulated gap is zero, on a line between neighbours, and at most its standard error: that of
    the gap, whose errors at both ends have one sign as chance is the same, over the slope.
    """
    rows = sorted(rows, key=lambda row: row["lam"])
    turns = [(low, high) for low, high in pairwise(rows) if low["gap"] < 0 <= high["gap"]]
    assert len(turns) == 1, turns
    low, high = turns[0]
    slope = (high["gap"] - low["gap"]) / (high["lam"] - low["lam"])
    step = -low["gap"] / slope
    part = step / (high["lam"] - low["lam"])
    return low["lam"] + step, ((1 - part) * low["gap_error"] + part * high["gap_error"]) / slope


# What is drawn beside it.


def formula(market: str, xi: Any, lam: Any) -> Any:
    """T1: the gap of the docstring."""
    viable, ratio = MARKETS[market]
    insured = lam * DISCOUNT * ratio * (1.0 - xi) / (1.0 - DISCOUNT)
    return (insured - viable * (1.0 - ratio)) / (1.0 - DISCOUNT * (1.0 - lam))


def threshold(market: str, xi: Any) -> Any:
    """T1: lam*."""
    viable, ratio = MARKETS[market]
    return dy.closed_forms.churn_threshold(viable, ratio, DISCOUNT, xi)


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.2)
    axes = figure.subplots(2, 2)
    draw_paths(pick(rows, panel="path"), axes[0, 0])
    draw_gaps(pick(rows, panel="gap", market="dear tail"), axes[0, 1])
    draw_thresholds(pick(rows, panel="gap"), axes[1, 0])
    draw_spills(pick(rows, panel="gap", market="dear tail", lam=BESIDE), axes[1, 1])
    return figure


def draw_paths(rows: Sequence[Row], ax: Any) -> None:
    """GMV by period of a head that leaves sooner or later, with and without the floor."""
    for name, (label, colour, dashes) in POLICIES.items():
        mine = pick(rows, policy=name)
        ax.plot(*entries(mine, "period", "gmv"), dashes, color=colour, label=label)
    ax.set(xlabel="Period", ylabel="GMV a period\n(of that of a head)", xlim=(0, SHOWN), ylim=(0, 1.05))
    ax.legend(loc="lower left")
    ax.set_title(f"(a) λ = {BESIDE:g}, ξ = 0: mean of copies", loc="left")


def draw_gaps(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0005, 0.0145, 100)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for xi, (colour, marker) in LOOKS.items():
        mine = pick(rows, xi=xi)
        if not mine:
            continue
        x, y, error = entries(mine, "lam", "gap", "gap_error")
        ax.plot(grid, formula("dear tail", xi, grid), color=colour, linewidth=0.9)
        ax.errorbar(x, y, error, fmt=marker, color=colour, markersize=3.5, label=f"{xi:g}".replace("-", "−"))
        star = threshold("dear tail", xi)
        ax.plot([star, star], [-0.95, 0], color=colour, linestyle=":", linewidth=0.9)
    ax.legend(title="Demand that goes with\nthe head, ξ", loc="upper left", ncols=2, columnspacing=0.8)
    ax.set(xlabel="Probability that the head leaves, λ (a period)", ylabel="Discounted GMV,\nfloor less myopic")
    ax.set_xticks(np.arange(0.0, 0.0145, 0.004))
    ax.set(xlim=(0, 0.0145), ylim=(-0.95, 2.4))
    ax.set_title("(b) lines: formula, dotted: λ*", loc="left")


def draw_thresholds(rows: Sequence[Row], ax: Any) -> None:
    """Where the simulated gap changes its sign, and where the formula says."""
    grid = np.linspace(-0.6, 0.6, 100)
    texts = {"dear tail": ("ν/S = .1, ρ = .5", "-", -7), "poor tail": ("ν/S = .2, ρ = .3", "--", 6)}
    for market, (label, dashes, _) in texts.items():
        ax.plot(grid, threshold(market, grid), dashes, color=BLACK, linewidth=0.9, label=label)
        for xi in sorted({row["xi"] for row in pick(rows, market=market)}):
            colour, marker = LOOKS[xi]
            found, error = crossing(pick(rows, market=market, xi=xi))
            ax.errorbar([xi], [found], [2 * error], fmt=marker, color=colour, markersize=4, capsize=2)
    ax.set_yscale("log")
    ticks = (0.003, 0.005, 0.01, 0.02, 0.05)
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Demand that goes with the head, ξ", ylabel="λ from which on\nthe floor pays (a period)")
    ax.set(xlim=(-0.6, 0.6), ylim=(0.003, 0.07))
    ax.legend(loc="upper left")
    ax.set_title("(c) lines: formula; bars: 2 standard errors", loc="left")


def draw_spills(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(-0.6, 0.6, 100)
    ax.axhline(0, color=BLACK, linewidth=0.6)
    ax.plot(grid, formula("dear tail", grid, BESIDE), color=BLACK, linewidth=0.9)
    for row in rows:
        colour, marker = LOOKS[row["xi"]]
        ax.errorbar(
            [row["xi"]], [row["gap"]], [2 * row["gap_error"]], fmt=marker, color=colour, markersize=4, capsize=2
        )
    ax.set(xlabel="Demand that goes with the head, ξ", ylabel="Discounted GMV,\nfloor less myopic", xlim=(-0.6, 0.6))
    ax.set_title(f"(d) λ = {BESIDE:g}; bars: 2 standard errors", loc="left")


# What is claimed.


def signs(rows: Sequence[Row]) -> str:
    """T1: the simulated gap is that of the formula, and its sign that of lam - lam*."""
    told, clear = pick(rows, panel="gap"), 0
    for row in told:
        expected = formula(row["market"], row["xi"], row["lam"])
        assert abs(row["gap"] - expected) <= FAR * row["gap_error"], (row, expected)
        if abs(row["gap"]) > FAR * row["gap_error"]:
            assert (row["gap"] > 0) == (row["lam"] > threshold(row["market"], row["xi"])), row
            clear += 1
    assert clear >= len(told) // 2, clear
    return (
        f"Of {len(told)} simulated gaps all lie within {FAR:g} standard errors of the formula; the {clear} that are "
        f"that many away from zero have the sign of λ - λ*."
    )


def thresholds(rows: Sequence[Row]) -> str:
    """T1 and P5: the gap is zero at lam*, which rises with xi."""
    said, before = [], 0.0
    for market, xi in dict.fromkeys((row["market"], row["xi"]) for row in pick(rows, panel="gap")):
        mine = pick(rows, panel="gap", market=market, xi=xi)
        found, error = crossing(mine)
        star = threshold(market, xi)
        assert abs(found - star) <= FAR * error + 0.01 * star, (market, xi, found, error, star)
        assert found > before, (market, xi, found, before)
        before = found
        said.append(f"{found:.5f} +- {error:.5f} ({star:.5f}) at ξ = {xi:g}" + (", ρ = .3" * (market == "poor tail")))
    return f"The floor pays from λ = {'; '.join(said)} on, by simulation (by formula)."


def insurance(rows: Sequence[Row]) -> str:
    """P5: the more demand goes with the head, the less the floor is worth."""
    mine = sorted(pick(rows, panel="gap", market="dear tail", lam=BESIDE), key=lambda row: row["xi"])
    for less, more in pairwise(mine):
        assert more["gap"] < less["gap"] - np.hypot(less["gap_error"], more["gap_error"]), (less, more)
    assert mine[0]["gap"] > 0 > mine[-1]["gap"], mine
    said = ", ".join(f"{row['gap']:+.3f} +- {row['gap_error']:.3f}" for row in mine)
    at = ", ".join(f"{row['xi']:g}" for row in mine)
    return f"At λ = {BESIDE:g} the floor gains {said} at ξ = {at}."


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    size = (COPIES[scale], PERIODS[scale])
    cases = [("dear tail", xi) for xi in SPILLS[:: EVERY[scale]]] + [("poor tail", 0.0)]
    cells: list = [
        (gaps, {"market": market, "xi": xi, "lam": lam, "size": size, "seed": options.seed})
        for market, xi in cases
        for lam in HAZARDS[market][:: EVERY[scale]]
    ]
    Lab.of("floor_or_myopic", options).answer(cells, draw, signs, thresholds, insurance, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
