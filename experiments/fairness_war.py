"""Does competition between platforms raise or lower the traffic of newcomers?

Three alike platforms share viewers and anchors. Each chooses once by what factor 1 + B the impressions of newcomers
count more than they sell today, and sends traffic accordingly. B costs little at first, where newcomers sell almost as
much as others, and more and more; it earns fans, of whom newcomers make three times as many an impression. A planner
who owns all three platforms weighs the two. Platforms that compete weigh more: anchors go where they may expect more
income, and viewers where anchors are. What B gives to newcomers it takes from those who are established, so B is a bid
for the ones against the others, and how much it is worth depends on who can move: with established anchors bound by
contract it brings newcomers, with all free to move it drives away the established ones, who are more.

Platforms respond to each other one after the other until none gains a thousandth by another B. The planner here chooses
one B for all three, so that what an owner could gain by three different ones is not counted. Payoffs are GMV discounted
by .93 a week over 50 weeks (`--quick`: 40). All numbers of the scenario are assumptions; how strongly viewers follow
anchors (gamma), and who may move, are swept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, bars, blank_figure, mean_of, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator import market as mk
from allocator.plots.style import BLACK, BLUE, GREY, VERMILLION

NAMES = ("first", "second", "third")
LEVELS = {"full": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0), "quick": (0.0, 2.0, 4.0)}
"""B."""
SIZES = {"full": (150, 60, 50), "quick": (60, 60, 40)}
"""Segments, places of anchors on each platform, and weeks."""
DRAWS = {"full": 5, "quick": 3}
RESPONDING = 3
"""Draws in (a) and (b)."""
NEWCOMERS, MORE_FANS = 0.3, 3.0
DECAY = 1.0 - 0.97**7
"""Of fans a week."""
DISCOUNT, MARGIN = 0.93, 1e-3
RATE, SENSE, CARRIED, SPEED = 0.1, 4.0, 0.5, 0.2
"""Of movement and of attention, a week."""
VARIETIES = {"full": (0.0, 0.5, 1.0, 2.0), "quick": (0.0, 2.0)}
FREE = {"full": (0.0, 0.1, 0.25, 0.5, 1.0), "quick": (0.0, 1.0)}
"""Parts of established anchors who may move; newcomers always may."""
SHOWN = 2.0
"""Variety in (a), (b) and (f)."""
LOOKS = {0.0: (BLUE, "o", "-", "newcomers"), 1.0: (VERMILLION, "s", "--", "all anchors")}
COLUMNS = ("panel", "free", "variety", "draw", "boost", "rivals", "own", "gmv", "planner", "equilibrium", "cycle")
COLUMNS += ("traffic", "planned", "lost")


# What is measured.


@dataclass(frozen=True)
class Boosted(dy.Greedy):
    """Every segment gives all to the anchor whose impressions count most; those of newcomers count 1 + B times."""

    boost: float = 0.0

    def weights(self, view: dy.View) -> np.ndarray:
        """What impressions count, over what they sell at skill 1."""
        return view.weight * np.where(view.world.anchors_where("tier=new"), 1.0 + self.boost, 1.0)


def game(
    free: float, variety: float, levels: Sequence[float], size: tuple[int, int, int], seed: int, draw_: int
) -> mk.Game:
    """Three platforms with places for the same anchors, a third of whom is on each, rank by rank of their appeal."""
    segments, anchors, weeks = size
    rng = stream(seed, f"platform {draw_}")
    preset = replace(al.synthetic.KUAISHOU, newcomer_share=NEWCOMERS)
    platform = al.public_part(preset.draw(segments, anchors, rng=rng))
    new = platform.anchors["tier"] == "new"
    order = np.lexsort((-platform.anchors["appeal"], new))
    homes = np.empty(anchors, dtype=np.int64)
    homes[order] = np.arange(anchors) % len(NAMES)
    fans = dy.Flywheel(decay=DECAY, conversion=DECAY * 3 / 7 * np.where(new, MORE_FANS, 1.0))
    members = [
        mk.Member(name, dy.World(platform, (fans,), {"present": homes == k}), Boosted()) for k, name in enumerate(NAMES)
    ]
    lots = stream(seed, f"contracts {draw_}").permutation(anchors)
    ranks = np.empty(anchors)
    ranks[lots[~new[lots]]] = np.arange((~new).sum())
    ranks[new] = -1.0
    moving = mk.Movement(RATE, SENSE, CARRIED, where=ranks < free * (~new).sum())
    market = mk.Market(members, [moving, mk.Attention(variety=variety, speed=SPEED)])
    return mk.Game(market, levels, Boosted, periods=weeks, seeds=(draw_,), discount=DISCOUNT, margin=MARGIN)


def traffic(runs: Sequence[mk.MarketTrajectory]) -> float:
    """Newcomers' part of public impressions."""
    return float(np.mean([path.columns["new_exposure"].sum() / path.columns["supply"].sum() for path in runs]))


def ends(free: float, variety: float, draw_: int, **drawn: Any) -> list[Row]:
    """What platforms end with by themselves, and what a planner chooses for all of them."""
    played = game(free, variety, draw_=draw_, **drawn)
    planned = played.joint([(level,) * len(NAMES) for level in played.levels])
    found = played.equilibrium(planned)
    choices = found.cycle or (tuple(found.levels.values()),)
    whole = float(played.payoffs(planned).sum())
    return [
        {
            "panel": "ends",
            "free": free,
            "variety": variety,
            "draw": draw_,
            "planner": planned[0],
            "equilibrium": float(np.mean(choices)),
            "cycle": len(found.cycle),
            "planned": traffic(played.runs(planned)),
            "traffic": float(np.mean([traffic(played.runs(choice)) for choice in choices])),
            "lost": 1.0 - float(np.mean([played.payoffs(choice).sum() for choice in choices])) / whole,
        }
    ]


def responses(free: float, draw_: int, **drawn: Any) -> list[Row]:
    """GMV of one platform by its own B and by that of both rivals, over that with equal B."""
    played, rows = game(free, SHOWN, draw_=draw_, **drawn), []
    for rivals in played.levels:
        gmv = [float(played.payoffs((own, rivals, rivals))[:, 0].mean()) for own in played.levels]
        best = played.levels[int(np.argmax(gmv))]
        about = {"panel": "responses", "free": free, "draw": draw_, "rivals": rivals, "best": best}
        alike = gmv[played.levels.index(rivals)]
        rows += [about | {"own": own, "gmv": sold / alike} for own, sold in zip(played.levels, gmv, strict=True)]
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    axes = figure.subplots(2, 3)
    draw_responses(pick(rows, panel="responses"), axes[0, 0])
    draw_temptation(pick(rows, panel="responses"), axes[0, 1])
    swept = [row for row in pick(rows, panel="ends") if row["free"] in LOOKS]
    draw_ends(swept, axes[0, 2], "equilibrium", "planner")
    axes[0, 2].set(ylabel="Boost of newcomers, B")
    axes[0, 2].set_title("(c) choices; hollow: one B for all", loc="left")
    draw_ends(swept, axes[1, 0], "traffic", "planned")
    axes[1, 0].set(ylabel="Newcomers' part of\npublic impressions (%)", ylim=(0, 1))
    axes[1, 0].yaxis.set_major_formatter(percent)
    axes[1, 0].set_title("(d) newcomers; hollow: one for all", loc="left")
    axes[1, 0].legend(title="May move", loc="lower left", fontsize=6.5, title_fontsize=6.5)
    draw_ends(swept, axes[1, 1], "lost")
    axes[1, 1].set(ylabel="GMV lost to one B for all (%)")
    axes[1, 1].axhline(0, color=BLACK, linewidth=0.6)
    axes[1, 1].yaxis.set_major_formatter(percent)
    axes[1, 1].set_title("(e) what competition costs", loc="left")
    draw_free(pick(rows, panel="ends", variety=SHOWN), axes[1, 2])
    return figure


def draw_responses(rows: Sequence[Row], ax: Any) -> None:
    grid = sorted({row["rivals"] for row in rows})
    ax.plot(grid, grid, ":", color=GREY, linewidth=0.9)
    for free, (*look, label) in LOOKS.items():
        mine = [row for row in pick(rows, free=free) if row["own"] == row["rivals"]]
        bars(ax, over_draws(mine, "rivals", "best"), look, errors=1, label=label)
    ax.set(xlabel="Boost B of both rivals", ylabel="Best boost B of a platform", ylim=(-0.15, max(grid) + 0.15))
    ax.set_title(f"(a) best responses, γ = {SHOWN:g}", loc="left")


def draw_temptation(rows: Sequence[Row], ax: Any) -> None:
    """GMV by own B where both rivals have B = 2."""
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for free, (*look, label) in LOOKS.items():
        mine = [row | {"change": 100 * (row["gmv"] - 1)} for row in pick(rows, free=free, rivals=2.0)]
        bars(ax, over_draws(mine, "own", "change"), look, errors=1, label=label)
    ax.axvline(2.0, color=GREY, linestyle=":", linewidth=0.9)
    ax.set(xlabel="Boost B of a platform", ylabel="Its GMV, change (%)")
    ax.set_title("(b) rivals at B = 2", loc="left")


def draw_ends(rows: Sequence[Row], ax: Any, what: str, beside: str | None = None) -> None:
    for free, (*look, label) in LOOKS.items():
        mine = pick(rows, free=free)
        bars(ax, over_draws(mine, "variety", what), look, errors=1, label=label)
        if beside is not None:
            x, told = over_draws(mine, "variety", beside)
            colour, marker, _ = look
            hollow = {"markerfacecolor": "none", "linewidth": 0.7, "capsize": 0}
            bars(ax, (x + (0.03 if free else -0.03), told), (colour, marker, "none"), errors=1, **hollow)
    ax.set(xlabel="How strongly viewers\nfollow anchors, γ")


def draw_free(rows: Sequence[Row], ax: Any) -> None:
    ax.axhline(0, color=BLACK, linewidth=0.6)
    apart = [row | {"apart": 100 * (row["traffic"] - row["planned"])} for row in rows]
    bars(ax, over_draws(apart, "free", "apart"), (BLACK, "D", "-"), errors=1)
    ax.set(
        xlabel="Part of established anchors\nwho may move (%)",
        ylabel="Newcomers' traffic, competition\nless one B for all (points)",
    )
    ax.xaxis.set_major_formatter(percent)
    ax.set_title(f"(f) who may move, γ = {SHOWN:g}", loc="left")


# What is claimed.


def gaps(rows: Sequence[Row], **where: Any) -> tuple[float, float]:
    """Newcomers' part of traffic under competition less that of the planner, and its standard error over draws."""
    return mean_of([row["traffic"] - row["planned"] for row in pick(rows, panel="ends", **where)])


def apart(rows: Sequence[Row], what: Any, **where: Any) -> tuple[float, float]:
    """How much larger something is where all may move than where only newcomers may, draw by draw."""
    mine = ({row["draw"]: what(row) for row in pick(rows, panel="ends", free=free, **where)} for free in (0.0, 1.0))
    newcomers, everybody = mine
    return mean_of([everybody[number] - newcomers[number] for number in sorted(everybody)])


def sure(found: tuple[float, float]) -> str:
    """By how many standard errors something differs from zero, in words."""
    mean, error = found
    for count, words in ((2, "two standard errors"), (1, "one standard error only")):
        if abs(mean) > count * error:
            return f"by more than {words}"
    return "by less than a standard error"


def bids(rows: Sequence[Row]) -> str:
    """The boost is a bid for those who may move (c, d)."""
    said = []
    varieties = sorted({row["variety"] for row in pick(rows, panel="ends")} - {0.0})
    for variety in varieties:
        raised, lowered = (gaps(rows, free=free, variety=variety) for free in (0.0, 1.0))
        assert lowered[0] < -2 * lowered[1], (variety, lowered)
        assert raised[0] > -2 * raised[1], (variety, raised)
        less = apart(rows, lambda row: row["traffic"] - row["planned"], variety=variety)
        assert less[0] < -2 * less[1], (variety, less)
        said.append(
            f"{100 * raised[0]:+.0f} +- {100 * raised[1]:.0f} and {100 * lowered[0]:+.0f} +- {100 * lowered[1]:.0f} "
            f"points at γ = {variety:g}"
        )
    return (
        f"Against one B for all, competition changes newcomers' part of traffic by {'; '.join(said)}, where only "
        f"newcomers may move and where all may: in the second case it lowers their traffic by more than two standard "
        f"errors, in the first at γ = {varieties[-1]:g} it {'raises' if raised[0] > 0 else 'lowers'} it {sure(raised)}."
    )


def turns(rows: Sequence[Row]) -> str:
    """The more of the established may move, the less is left to newcomers (f)."""
    grid = sorted({row["free"] for row in pick(rows, panel="ends", variety=SHOWN)})
    found = [gaps(rows, free=part, variety=SHOWN) for part in grid]
    assert found[-1][0] < -2 * found[-1][1], found
    above = [part for part, (gap, error) in zip(grid, found, strict=True) if gap > 2 * error]
    below = next(part for part, (gap, error) in zip(grid, found, strict=True) if gap < -2 * error)
    if not above or found[0][0] <= 0:
        return f"At γ = {SHOWN:g} its sign at two standard errors is known from {below:.0%} of established anchors on."
    assert above[-1] < below, found
    high = next(k for k, (gap, _) in enumerate(found) if gap < 0)
    (before, _), (after, _) = found[high - 1], found[high]
    at = grid[high - 1] + before * (grid[high] - grid[high - 1]) / (before - after)
    return (
        f"At γ = {SHOWN:g} its sign turns between {above[-1]:.0%} and {below:.0%} of established anchors who may move, "
        f"at both of which it is known by two standard errors; means are zero at {at:.0%}."
    )


def costs(rows: Sequence[Row]) -> str:
    """What competition costs (e), and how often best responses end in a circle."""
    mine = [row for row in pick(rows, panel="ends") if row["free"] in LOOKS]
    strongest = max(row["variety"] for row in mine)
    lost = {free: mean_of([row["lost"] for row in pick(mine, free=free, variety=strongest)]) for free in LOOKS}
    more = apart(rows, lambda row: row["lost"], variety=strongest)
    assert lost[1.0][0] > lost[1.0][1], lost
    assert more[0] > 0, more
    few, many = (f"{100 * mean:.1f} +- {100 * error:.1f} %" for mean, error in (lost[0.0], lost[1.0]))
    circles = sum(row["cycle"] > 0 for row in pick(rows, panel="ends"))
    whole = len(pick(rows, panel="ends"))
    return (
        f"At γ = {strongest:g} competition costs {few} of GMV against one B for all where only newcomers may move and "
        f"{many} where all may, above zero {sure(lost[1.0])} and more than in the first case {sure(more)}. "
        f"{circles} of {whole} games end in a circle, whose mean is taken."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    drawn = {"levels": LEVELS[scale], "size": SIZES[scale], "seed": options.seed}
    cases = [(free, variety) for free in LOOKS for variety in VARIETIES[scale]]
    cases += [(free, SHOWN) for free in FREE[scale] if free not in LOOKS]
    cells: list = [
        (ends, {"free": free, "variety": variety, "draw_": draw_} | drawn)
        for free, variety in cases
        for draw_ in range(DRAWS[scale])
    ]
    cells += [(responses, {"free": free, "draw_": draw_} | drawn) for free in LOOKS for draw_ in range(RESPONDING)]
    Lab.of("fairness_war", options).answer(cells, draw, bids, turns, costs, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
