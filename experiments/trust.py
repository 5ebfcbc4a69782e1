"""How hard should an anchor sell, when selling costs trust?

An anchor sells in the part s of its time. An impression sells s T of its value, T its trust, and trust moves as

    T' = T + r (1 - T) - d T s^gamma = q T + r,   q = 1 - r - d s^gamma,

from T = 1. Advertising earns w (1 - s) T more, w over the value of an impression. Derived here:

- At rest T = r / (r + d s^gamma), and sales s T are largest where s^gamma = r / (d (gamma - 1)), with T = (gamma - 1) /
  gamma (T6); to sell all the time is best where that is above 1, which is where d <= r / (gamma - 1).
- Discounted trust V = (1 - D) (T_0 + D T_1 + ...), D the discount factor, solves V = 1 - D + D (q V + r), so V = a / (a
  + D d s^gamma) with a = 1 - D + D r. Sales s V are of the same form: of all constant intensities the best is s^gamma =
  a / (D d (gamma - 1)), or 1 where that is above 1. It is 1 for D <= 1 / (1 - r + d (gamma - 1)), and nears T6 as D
  nears 1.
- n periods sell s (n T + (1 - T) (1 - q^n) / (1 - q)), T at rest: who sells hard wins at first, and from some n on
  has sold less than anybody who sells more at rest.
- With advertising income at rest is (w + (1 - w) s) r / (r + d s^gamma), an affine function over a convex one, with one
  maximum, where (1 - w) (r + d s^gamma) = (w + (1 - w) s) d gamma s^(gamma - 1). At s = 0 the right side is 0 as gamma
  > 1, and the left one is above 0 iff w < 1: from w = 1 on, and not before, not to sell at all is best (P8).

Formulas are drawn as lines; markers are the best of a world of anchors that differ in s alone, each with an impression
a period of its own. Assumptions: r = .1 and, where it is not swept, d = .4. The source (s3) says that selling costs
more trust where content is genuine than in shops, and gives no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, halved, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

RECOVERY, EROSION = 0.1, 0.4
POWERS = {"full": (1.5, 2.0, 3.0, 5.0), "quick": (1.5, 2.0, 3.0)}
SELLERS = (0.5, 0.75, 1.0)
"""Soft, at the best sales of rest for gamma = 2, and two who sell harder."""
STEPS = {"full": 1000, "quick": 200}
"""Of intensity between 0 and 1."""
REST = 400
"""Periods until trust no longer changes: .9^400 = 5e-19."""
SHOWN = 25
"""Periods in (a) and (b)."""
DISCOUNTS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 0.997, 0.999)
RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0, 1.01, 1.1, 1.3)
"""w: what an impression earns by advertising over what it sells."""
EROSIONS = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9)
LOOKS = {1.5: (ORANGE, "s", "--"), 2.0: (BLACK, "o", "-"), 3.0: (BLUE, "^", "-."), 5.0: (PURPLE, "D", ":")}
SOLD = {0.5: (GREEN, "o", "-"), 0.75: (ORANGE, "s", "--"), 1.0: (VERMILLION, "^", "-.")}
COLUMNS = ("panel", "seller", "period", "trust", "sales", "sum")
COLUMNS += ("gamma", "intensity", "discount", "w", "d", "best", "trust_best", "step")


# What is measured.


def played(trust: dy.Trust) -> tuple[dy.Trajectory, np.ndarray, np.ndarray]:
    """A run of anchors that differ in intensity alone, with their sales and their trust, (periods, A)."""
    count, seen = np.size(trust.intensity), []
    platform = al.Platform(np.arange(count + 1), np.arange(count), np.ones(count), np.ones(count), currency="")
    world = dy.World(platform, (trust,))

    def watch(outcome: dy.Outcome) -> None:
        seen.append((outcome.gmv, outcome.view.state["trust"]))

    path = dy.simulate(world, dy.Even(), periods=REST, rng=stream(0, "none"), watch=watch)
    sales, trusted = (np.array(column) for column in zip(*seen, strict=True))
    return path, sales, trusted


def sellers() -> list[Row]:
    """Trust, sales, and sales so far of soft and hard sellers."""
    _, sales, trusted = played(dy.Trust(np.array(SELLERS), RECOVERY, EROSION, 2.0))
    sums, rows = np.cumsum(sales, axis=0), []
    for place, seller in enumerate(SELLERS):
        for period in range(SHOWN):
            row = {"panel": "path", "seller": seller, "period": period, "trust": float(trusted[period, place])}
            rows.append(row | {"sales": float(sales[period, place]), "sum": float(sums[period, place])})
    return rows


def intensities(gamma: float, steps: int) -> list[Row]:
    """Sales at rest by intensity, and the best intensity at rest and by patience."""
    grid = np.linspace(0.0, 1.0, steps + 1)
    _, sales, trusted = played(dy.Trust(grid, RECOVERY, EROSION, gamma))
    about = {"gamma": gamma, "step": 1.0 / steps}
    rows = [
        about | {"panel": "rest", "intensity": float(grid[k]), "sales": float(sales[-1, k])}
        for k in range(0, steps + 1, steps // 20)
    ]
    best = int(np.argmax(sales[-1]))
    told = {"panel": "best", "best": float(grid[best]), "sales": float(sales[-1, best])}
    rows.append(about | told | {"trust_best": float(trusted[-1, best])})
    for discount in DISCOUNTS:
        weight = (1.0 - discount) * discount ** np.arange(REST)
        weight[-1] /= 1.0 - discount  # the last period, at rest, is repeated for ever
        worth = weight @ sales
        best = int(np.argmax(worth))
        rows.append(about | {"panel": "patience", "discount": discount, "best": float(grid[best])})
    return rows


def advertising(gamma: float, w: float, steps: int) -> list[Row]:
    """The intensity that earns most at rest where an impression that sells nothing earns w; steps are small near 0."""
    grid = np.linspace(0.0, 1.0, steps + 1) ** 3
    path, sales, trusted = played(dy.Trust(grid, RECOVERY, EROSION, gamma, w))
    adverts = w * (1.0 - grid) * trusted[-1]
    assert abs(adverts.sum() - path["advertising"][-1]) < 1e-9 * (1.0 + adverts.sum()), (gamma, w)
    best = int(np.argmax(sales[-1] + adverts))
    step = float(np.diff(grid[max(best - 1, 0) : best + 2]).max())
    return [{"panel": "adverts", "gamma": gamma, "w": w, "best": float(grid[best]), "step": step}]


def erosion(gamma: float, d: float, steps: int) -> list[Row]:
    """The intensity that sells most at rest where selling all the time destroys d of trust in a period."""
    grid = np.linspace(0.0, 1.0, steps + 1)
    _, sales, trusted = played(dy.Trust(grid, RECOVERY, d, gamma))
    best = int(np.argmax(sales[-1]))
    about = {"panel": "erosion", "gamma": gamma, "d": d, "step": 1.0 / steps, "best": float(grid[best])}
    return [about | {"trust_best": float(trusted[-1, best])}]


# What is drawn beside it.


def at_rest(s: Any, gamma: float, d: float = EROSION) -> Any:
    """T6: trust at rest."""
    return RECOVERY / (RECOVERY + d * s**gamma)


def so_far(s: float, periods: Any, gamma: float = 2.0) -> Any:
    """Sales of the first ``periods`` periods."""
    rest, q = at_rest(s, gamma), 1.0 - RECOVERY - EROSION * s**gamma
    return s * (periods * rest + (1.0 - rest) * (1.0 - q**periods) / (1.0 - q))


def best_by_patience(discount: float, gamma: float) -> float:
    """The best constant intensity from full trust."""
    if discount == 0.0:
        return 1.0
    kept = 1.0 - discount + discount * RECOVERY
    return min(1.0, dy.closed_forms.peak(kept, discount * EROSION, gamma))


def best_with_adverts(w: float, gamma: float) -> float:
    """P8: the root of the docstring's condition, by bisection, as its left side less its right one falls with s."""

    def rises(s: float) -> bool:
        left = (1.0 - w) * (RECOVERY + EROSION * s**gamma)
        return left > (w + (1.0 - w) * s) * EROSION * gamma * s ** (gamma - 1.0)

    return 0.5 * sum(halved(0.0, 1.0, 60, rises))


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    (paths, sums, rest), (patience, adverts, eroded) = figure.subplots(2, 3)
    draw_paths(pick(rows, panel="path"), paths)
    draw_sums(pick(rows, panel="path"), sums)
    draw_rest(rows, rest)
    draw_patience(pick(rows, panel="patience"), patience)
    draw_adverts(pick(rows, panel="adverts"), adverts)
    draw_erosion(pick(rows, panel="erosion"), eroded)
    first, second = (ax.get_legend_handles_labels() for ax in (sums, patience))
    about = {"loc": "outside lower left", "title": "(a, b) Part of its time that an anchor sells, s", "ncols": 3}
    figure.legend(*first, **about)
    figure.legend(*second, loc="outside lower right", title="(c-f) How sharply erosion rises with selling, γ", ncols=4)
    return figure


def draw_paths(rows: Sequence[Row], ax: Any) -> None:
    """Trust hollow, sales filled, of the softest and the hardest seller."""
    for seller in (SELLERS[0], SELLERS[-1]):
        colour, marker, dashes = SOLD[seller]
        mine = [row for row in pick(rows, seller=seller) if row["period"] <= 20]
        for key, fill in (("trust", "white"), ("sales", colour)):
            look = {"marker": marker, "markerfacecolor": fill, "markersize": 3, "linewidth": 0.8}
            ax.plot(*entries(mine, "period", key), color=colour, linestyle=dashes, clip_on=False, **look)
    ax.set(xlabel="Period", ylabel="Trust, and sales a period\n(of those in full trust)", xlim=(0, 20), ylim=(0, 1))
    ax.set_xticks(range(0, 21, 5))
    ax.set_title("(a) filled: sales, hollow: trust", loc="left")


def draw_sums(rows: Sequence[Row], ax: Any) -> None:
    periods = np.linspace(0, SHOWN, 200)
    for seller, (colour, marker, dashes) in SOLD.items():
        less = so_far(seller, periods) - so_far(SELLERS[0], periods)
        ax.plot(periods, less, color=colour, linestyle=dashes, linewidth=0.9)
        mine = zip(pick(rows, seller=seller), pick(rows, seller=SELLERS[0]), strict=True)
        y = [hard["sum"] - soft["sum"] for hard, soft in mine]
        ax.plot(
            range(1, SHOWN + 1), y, marker, color=colour, markersize=3, markerfacecolor="white", label=f"{seller:g}"
        )
    ax.set(xlabel="Periods played", ylabel="Sales so far, less\nthose at s = .5", xlim=(0, SHOWN))
    ax.set_title("(b) the hard win at first", loc="left")


def draw_rest(rows: Sequence[Row], ax: Any) -> None:
    """Stars: T6."""
    grid = np.linspace(0.0, 1.0, 200)
    for gamma, (colour, marker, dashes) in drawn(rows):
        mine = pick(rows, panel="rest", gamma=gamma)
        x, y = entries(mine, "intensity", "sales")
        ax.plot(grid, grid * at_rest(grid, gamma), color=colour, linestyle=dashes, linewidth=0.9)
        ax.plot(x, y, marker, color=colour, markersize=3, markerfacecolor="white", clip_on=False)
        best, trust = dy.closed_forms.best_intensity(RECOVERY, EROSION, gamma)
        ax.plot([best], [best * trust], "*", color=colour, markersize=9, markeredgecolor="white", zorder=4)
    ax.set(xlabel="Part of its time to sell, s", ylabel="Sales a period, at rest\n(of those in full trust)")
    ax.set(xlim=(0, 1), ylim=(0, None))
    ax.set_title("(c) stars: best by formula", loc="left")


def drawn(rows: Sequence[Row]) -> list[tuple[float, tuple[str, str, str]]]:
    there = {row.get("gamma") for row in rows}
    return [(gamma, look) for gamma, look in LOOKS.items() if gamma in there]


def against(ax: Any, rows: Sequence[Row], key: str, scale: Any, grid: Any, formula: Any) -> None:
    """The best intensity as found (markers) and by formula (lines), for every gamma."""
    for gamma, (colour, marker, dashes) in drawn(rows):
        mine = pick(rows, gamma=gamma)
        ax.plot(scale(grid), [formula(x, gamma) for x in grid], color=colour, linestyle=dashes, linewidth=0.9)
        x, y = entries(mine, key, "best")
        look = {"markersize": 3.5, "markerfacecolor": "white", "clip_on": False, "zorder": 3}
        ax.plot(scale(x), y, marker, color=colour, label=f"{gamma:g}", **look)
    ax.set(ylabel="Best part of its\ntime to sell, s", ylim=(0, 1.02))


def draw_patience(rows: Sequence[Row], ax: Any) -> None:
    ahead = np.geomspace(1.0, 1000.0, 300)
    against(ax, rows, "discount", lambda x: 1.0 / (1.0 - x), 1.0 - 1.0 / ahead, best_by_patience)
    ticks = (0.0, 0.5, 0.9, 0.99, 0.999)
    ax.set_xscale("log")
    ax.set_xticks([1.0 / (1.0 - tick) for tick in ticks], [f"{tick:g}".lstrip("0") or "0" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Discount factor of the anchor (a period)", xlim=(1, 1000))
    ax.set_title("(d) the patient sell less", loc="left")


def draw_adverts(rows: Sequence[Row], ax: Any) -> None:
    against(ax, rows, "w", lambda x: x, np.linspace(0.0, 1.3, 400), best_with_adverts)
    ax.axvline(1.0, color=GREY, linestyle=":", linewidth=0.9)
    ax.set(xlabel="Earned by advertising over\nwhat an impression sells, w", xlim=(0, 1.3))
    ax.set_title("(e) most income at rest", loc="left")


def draw_erosion(rows: Sequence[Row], ax: Any) -> None:
    formula = lambda d, gamma: dy.closed_forms.best_intensity(RECOVERY, d, gamma)[0]  # noqa: E731
    against(ax, rows, "d", lambda x: x, np.geomspace(0.01, 0.9, 300), formula)
    ax.set_xscale("log")
    ticks = (0.01, 0.03, 0.1, 0.3, 0.9)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="Trust destroyed by selling\nall the time, d (a period)", xlim=(0.01, 0.9))
    ax.text(0.012, 0.05, "shops", ha="left")
    ax.text(0.85, 0.05, "genuine content", ha="right")
    ax.set_title("(f) most sales at rest", loc="left")


# What is claimed.


def rests(rows: Sequence[Row]) -> str:
    """T6: the best intensity and trust there, within a step of the grid."""
    said = []
    for row in pick(rows, panel="best"):
        best, trust = dy.closed_forms.best_intensity(RECOVERY, EROSION, row["gamma"])
        assert abs(row["best"] - best) <= row["step"], (row, best)
        assert abs(row["trust_best"] - trust) <= 2 * row["step"], (row, trust)
        said.append(
            f"s = {row['best']:.3f} ({best:.3f}), T = {row['trust_best']:.3f} ({trust:.3f}) at γ = {row['gamma']:g}"
        )
    swept = pick(rows, panel="erosion")
    for row in swept:
        best, _ = dy.closed_forms.best_intensity(RECOVERY, row["d"], row["gamma"])
        assert abs(row["best"] - best) <= row["step"], (row, best)
        assert (row["best"] == 1.0) == (row["d"] <= RECOVERY / (row["gamma"] - 1.0) * (1 + 1e-9)), row
    return (
        f"Sales at rest are largest at {'; '.join(said)}, by simulation (by formula); all {len(swept)} erosions agree."
    )


def crossings(rows: Sequence[Row]) -> str:
    """A harder seller wins at first, and has sold less from some period on."""
    soft, said = pick(rows, panel="path", seller=SELLERS[0]), []
    for seller in SELLERS[1:]:
        hard = pick(rows, panel="path", seller=seller)
        ahead = [mine["sum"] > other["sum"] for mine, other in zip(hard, soft, strict=True)]
        now = [mine["sales"] > other["sales"] for mine, other in zip(hard, soft, strict=True)]
        turn, turn_now = ahead.index(False), now.index(False)
        assert ahead == [place < turn for place in range(SHOWN)], (seller, ahead)
        assert 0 < turn_now < turn, (seller, turn_now, turn)
        assert so_far(seller, turn) > so_far(SELLERS[0], turn), seller
        assert so_far(seller, turn + 1) <= so_far(SELLERS[0], turn + 1), seller
        said.append(f"s = {seller:g} sells less a period from period {turn_now + 1} and less in all from {turn + 1} on")
    rest = so_far(1.0, 1e6) / so_far(0.5, 1e6)
    return f"Against s = .5 (γ = 2) {'; '.join(said)}; at rest s = 1 sells {rest:.2f} times as much."


def patient(rows: Sequence[Row]) -> str:
    """The best constant intensity falls from 1 to that of rest as the anchor looks further ahead."""
    mine = pick(rows, panel="patience")
    for row in mine:
        best = best_by_patience(row["discount"], row["gamma"])
        assert abs(row["best"] - best) <= row["step"], (row, best)
    for gamma, _ in drawn(mine):
        swept = [row["best"] for row in pick(mine, gamma=gamma)]
        assert swept[0] == 1.0, (gamma, swept)
        assert swept == sorted(swept, reverse=True), (gamma, swept)
        assert abs(swept[-1] - pick(rows, panel="best", gamma=gamma)[0]["best"]) < 0.01, (gamma, swept)
    said = ", ".join(f"{row['best']:.3f} at δ = {row['discount']:g}" for row in pick(mine, gamma=2.0)[4::3])
    stays = 1.0 / (1.0 - RECOVERY + EROSION)
    return f"The best constant intensity at γ = 2 is 1 up to δ = {stays:.3f}, then falls: {said}."


def stops(rows: Sequence[Row]) -> str:
    """P8: not to sell at all is best iff w >= 1."""
    mine = pick(rows, panel="adverts")
    for row in mine:
        best = best_with_adverts(row["w"], row["gamma"])
        assert abs(row["best"] - best) <= row["step"], (row, best)
        assert (row["best"] == 0.0) == (row["w"] >= 1.0), row
    said = ", ".join(f"{row['best']:.3f} at w = {row['w']:g}" for row in pick(mine, gamma=2.0)[::3])
    return f"Income is largest at s = {said} (γ = 2); from w = 1 on, and only there, nothing is sold."


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    steps, powers = STEPS[scale], POWERS[scale]
    cells: list = [(sellers, {})]
    cells += [(intensities, {"gamma": gamma, "steps": steps}) for gamma in powers]
    cells += [(advertising, {"gamma": gamma, "w": w, "steps": steps}) for gamma in powers for w in RATES]
    cells += [(erosion, {"gamma": gamma, "d": d, "steps": steps}) for gamma in powers for d in EROSIONS]
    Lab.of("trust", options).answer(cells, draw, rests, crossings, patient, stops, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
