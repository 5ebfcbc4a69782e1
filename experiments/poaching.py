"""Whom does a floor for newcomers draw from a rival, and whom does it drive there?

Two platforms have places for the same anchors, half of whom is on each at the start. One gives a part f of the traffic
of every segment to its newcomers, the rest to who sells most; its rival gives all to who sells most. Anchors look
around now and then and choose with the odds of a logit in what they would keep of their expected sales: elsewhere they
expect the traffic that their like has there, and what the fans would buy who come along, a part psi of theirs (B6).

A floor makes newcomers expect more here, so the rival loses them. It takes traffic from heads, who live on fans more
than on public traffic (63 % of sales: s4); who moves leaves the part 1 - psi of them behind. B6 has it that the rival
gains heads only if psi is high. Fans who stay behind do hold a head, but they also make it poorer elsewhere, so that
what a floor takes is a larger part of what it compares, and what simulations show is a small gain of heads at any psi.
Fans decide how far an offer goes, the other way of drawing anchors: to leave heads more of what they sell, or to keep
less than nothing.

Rates of looking around (3 % a day), how much income counts (4), commissions of 5 % and that newcomers are three tenths
of anchors are assumptions; f and psi are swept. Heads are the fifth of the established with the largest appeal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, bars, blank_figure, mean_of, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator import market as mk
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

RATE, SENSE, NEWCOMERS, HEADS = 0.03, 4.0, 0.3, 0.2
SIZES = {"full": (150, 120, 150), "quick": (60, 60, 80)}
"""Segments, anchors and days."""
DRAWS = {"full": 12, "quick": 6}
FLOORS = {"full": (0.0, 0.1, 0.2, 0.3, 0.45), "quick": (0.0, 0.3)}
CARRIED = {"full": (0.0, 0.25, 0.5, 0.75, 1.0), "quick": (0.0, 0.5, 1.0)}
OFFERS = {"full": (0.05, -0.1, -0.3, -0.6), "quick": (0.05, -0.6)}
"""What is kept of heads' sales; .05 is no offer."""
SHOWN, FLOOR = 0.5, 0.3
"""psi in (a) and (e), and the floor in (d)."""
LOOKS = {0.0: (BLUE, "o", "-"), 0.5: (BLACK, "s", "--"), 1.0: (VERMILLION, "^", "-.")}
COLUMNS = ("panel", "carried", "floor", "offer", "draw", "day", "new", "head", "gmv", "gmv_rival", "revenue")


# What is measured.


@dataclass(frozen=True)
class Floored(dy.Greedy):
    """A part of every segment's traffic goes to its newcomers evenly, if it has any, the rest to who sells most."""

    part: float = 0.0

    def flow(self, view: dy.View, weights: np.ndarray) -> np.ndarray:
        """Both flows."""
        platform, most = view.world.platform, super().flow(view, weights)
        if self.part == 0:
            return most
        new = view.state["present"] * view.world.anchors_where("tier=new")
        theirs = dy.Even(self.part).flow(view, new)
        rest = 1.0 - self.part * (platform.into_segments(theirs) > 0)
        return rest[platform.segment] * most + theirs


def market(
    policy: dy.Policy, carried: float, offer: float | None, size: tuple[int, int], rng: np.random.Generator
) -> mk.Market:
    """A platform with the policy and the offer, and its rival."""
    preset = replace(al.synthetic.KUAISHOU, newcomer_share=NEWCOMERS)
    drawn = al.public_part(preset.draw(*size, rng=rng))
    new, appeal = drawn.anchors["tier"] == "new", drawn.anchors["appeal"]
    heads = np.zeros(new.size, dtype=bool)
    heads[np.argsort(np.where(new, 0.0, -appeal), kind="stable")[: round(HEADS * (~new).sum())]] = True
    tier = np.where(new, "new", np.where(heads, "head", "tail"))
    platform, homes = replace(drawn, anchors={**drawn.anchors, "tier": tier}), np.empty(new.size, dtype=np.int64)
    homes[np.lexsort((-appeal, ~heads, new))] = np.arange(new.size) % 2
    members = []
    for k, (name, chosen) in enumerate((("here", policy), ("rival", Floored()))):
        stocks = {"present": homes == k, "fans": platform.anchors["fans"] * (homes == k)}
        members.append(mk.Member(name, dy.World(platform, (dy.Flywheel(),), stocks), chosen))
    offers = [] if offer is None else [mk.Offer("here", offer, where="tier=head")]
    return mk.Market(members, [mk.Movement(RATE, SENSE, carried), *offers])


def there(standing: mk.Standing, tier: str) -> float:
    """The rival's part of those of a tier, of whom each is somewhere."""
    who = standing.market["rival"].platform.anchors["tier"] == tier
    return float(standing.states["rival"]["present"][who].mean())


def played(
    floor: float, offer: float | None, carried: float, draw_: int, size: tuple[int, int, int], seed: int
) -> tuple[list[Row], Row]:
    """Who is at the rival by day, and in the end with what both have sold and what the platform has kept of it; the
    same draw and chance for every floor, offer and psi.
    """
    play, path = market(Floored(floor), carried, offer, size[:2], stream(seed, f"platform {draw_}")), []

    def watch(then: mk.Standing, outcomes: Any, now: mk.Standing) -> None:
        path.append({"day": now.period, "new": there(now, "new"), "head": there(now, "head")})

    found = mk.simulate(play, periods=size[2], rng=stream(seed, f"chance {draw_}"), watch=watch)
    last = slice(-size[2] // 3, None)
    end = {
        "new": float(np.mean([row["new"] for row in path[last]])),
        "head": float(np.mean([row["head"] for row in path[last]])),
        "gmv": float(found["here"]["gmv"][last].mean()),
        "gmv_rival": float(found["rival"]["gmv"][last].mean()),
        "revenue": float(found["here"]["revenue"][last].mean()),
    }
    return path, end


def floors(floor: float, carried: float, draw_: int, **drawn: Any) -> list[Row]:
    """A floor for newcomers; by day at psi = .5."""
    path, end = played(floor, None, carried, draw_, **drawn)
    about = {"carried": carried, "floor": floor, "draw": draw_}
    days = [{"panel": "path"} | about | row for row in path[::5]] if carried == SHOWN else []
    return [{"panel": "floor"} | about | end, *days]


def offers(offer: float, carried: float, draw_: int, **drawn: Any) -> list[Row]:
    """An offer to heads, without a floor."""
    _, end = played(0.0, offer, carried, draw_, **drawn)
    return [{"panel": "offer", "carried": carried, "offer": offer, "draw": draw_} | end]


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    axes = figure.subplots(2, 3)
    draw_path(pick(rows, panel="path"), axes[0, 0])
    draw_floors(pick(rows, panel="floor"), axes[0, 1], "new")
    draw_floors(pick(rows, panel="floor"), axes[0, 2], "head")
    draw_changes(pick(rows, panel="floor"), axes[1, 0])
    draw_sales(pick(rows, panel="floor", carried=SHOWN), axes[1, 1])
    draw_offers(pick(rows, panel="offer"), axes[1, 2])
    return figure


def draw_path(rows: Sequence[Row], ax: Any) -> None:
    """Solid: newcomers; dotted: heads."""
    grid = sorted({row["day"] for row in rows})
    for floor, colour in zip((0.0, 0.1, 0.3), (GREY, ORANGE, GREEN), strict=True):
        mine = pick(rows, floor=floor)
        if not mine:
            continue
        for tier, dashes, label in (("new", "-", f"{100 * floor:g} %"), ("head", ":", None)):
            means = [np.mean([row[tier] for row in pick(mine, day=day)]) for day in grid]
            ax.plot(grid, means, dashes, color=colour, label=label)
    ax.set(xlabel="Day", ylabel="Part who is at the rival (%)", ylim=(0.15, 0.75))
    ax.yaxis.set_major_formatter(percent)
    ax.legend(title="Floor, f", loc="lower left", fontsize=6.5, title_fontsize=6.5)
    ax.set_title("(a) newcomers; dotted: heads", loc="left")


def draw_floors(rows: Sequence[Row], ax: Any, tier: str) -> None:
    """Bars: standard errors, as in what follows."""
    for carried, look in LOOKS.items():
        bars(ax, over_draws(pick(rows, carried=carried), "floor", tier), look, errors=1, label=f"{carried:g}")
    ax.set(xlabel="Floor for newcomers here, f (%)", ylim=(0.15, 0.75))
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    names = {"new": ("(b) newcomers", "Newcomers at the rival (%)"), "head": ("(c) heads", "Heads at the rival (%)")}
    ax.set_title(names[tier][0], loc="left")
    ax.set_ylabel(names[tier][1])
    if tier == "new":
        ax.legend(title="Fans who come\nalong, ψ", loc="upper right", fontsize=6.5, title_fontsize=6.5)


def changes(rows: Sequence[Row], tier: str, carried: float) -> list[float]:
    """By how many points the floor changes who is at the rival, draw by draw."""
    both = [{row["draw"]: row[tier] for row in pick(rows, carried=carried, floor=f)} for f in (0.0, FLOOR)]
    return [100 * (both[1][k] - both[0][k]) for k in both[0]]


def draw_changes(rows: Sequence[Row], ax: Any) -> None:
    grid = sorted({row["carried"] for row in rows})
    ax.axhline(0, color=BLACK, linewidth=0.6)
    for tier, look, label in (("new", (GREEN, "^", "-"), "newcomers"), ("head", (PURPLE, "D", "--"), "heads")):
        told = np.transpose([mean_of(changes(rows, tier, carried)) for carried in grid])
        bars(ax, (grid, told), look, errors=1, label=label)
    ax.set(xlabel="Fans who come along, ψ", ylabel="Change of the rival's part (points)")
    ax.legend(loc="center right", fontsize=6.5)
    ax.set_title(f"(d) what a floor of {100 * FLOOR:g} % does", loc="left")


def draw_sales(rows: Sequence[Row], ax: Any) -> None:
    base = {row["draw"]: row["gmv"] + row["gmv_rival"] for row in pick(rows, floor=0.0)}
    for what, look, label in (
        ("gmv", (BLUE, "o", "-"), "here"),
        ("gmv_rival", (ORANGE, "s", "--"), "at the rival"),
    ):
        parts = [{"floor": row["floor"], "part": row[what] / base[row["draw"]]} for row in rows]
        bars(ax, over_draws(parts, "floor", "part"), look, errors=1, label=label)
    ax.set(xlabel="Floor for newcomers here, f (%)", ylabel="GMV (% of both without floor)", ylim=(0, None))
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.legend(loc="lower left", fontsize=6.5)
    ax.set_title(f"(e) sales, ψ = {SHOWN:g}", loc="left")


def draw_offers(rows: Sequence[Row], ax: Any) -> None:
    for carried, look in LOOKS.items():
        bars(ax, over_draws(pick(rows, carried=carried), "offer", "head"), look, errors=1)
    ax.set(xlabel="Kept here of heads' sales (%)", ylabel="Heads at the rival (%)", ylim=(0.15, 0.75))
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set_title("(f) an offer to heads, no floor", loc="left")


# What is claimed.


def drawn_and_driven(rows: Sequence[Row]) -> str:
    """B6 (b to d)."""
    mine, said = pick(rows, panel="floor"), {}
    for tier in ("new", "head"):
        for carried in (0.0, 1.0):
            said[tier, carried] = mean_of(changes(mine, tier, carried))
    for carried in (0.0, 1.0):
        assert said["new", carried][0] < -said["new", carried][1], said
        assert said["head", carried][0] > said["head", carried][1], said
    each = sorted({row["carried"] for row in mine})
    lost, won = (mean_of([np.mean(changes(mine, tier, carried)) for carried in each])[0] for tier in ("new", "head"))
    assert lost < 0 < won < -lost, (lost, won)
    words = {key: f"{mean:+.0f} +- {error:.0f}" for key, (mean, error) in said.items()}
    return (
        f"A floor of {FLOOR:.0%} changes the rival's part of newcomers by {words['new', 0.0]} points if no fans come "
        f"along (ψ = 0) and by {words['new', 1.0]} if all do, and its part of heads by {words['head', 0.0]} and "
        f"{words['head', 1.0]} points."
    )


def sales(rows: Sequence[Row]) -> str:
    """Who pays (e)."""
    mine = pick(rows, panel="floor", carried=SHOWN)
    both = [{row["draw"]: row for row in pick(mine, floor=f)} for f in (0.0, FLOOR)]
    here, rival = (
        mean_of([100 * (both[1][k][what] / both[0][k][what] - 1) for k in both[0]]) for what in ("gmv", "gmv_rival")
    )
    assert here[0] < -2 * here[1], here
    return (
        f"At ψ = {SHOWN:g} it changes GMV here by {here[0]:+.0f} +- {here[1]:.0f} % and at the rival by "
        f"{rival[0]:+.0f} +- {rival[1]:.0f} %."
    )


def wooed(rows: Sequence[Row]) -> str:
    """Offers draw heads (f), the more the more fans come along."""
    mine = pick(rows, panel="offer")
    most = min(row["offer"] for row in mine)
    found = {}
    for carried in LOOKS:
        none, much = ([row["head"] for row in pick(mine, carried=carried, offer=o)] for o in (0.05, most))
        found[carried] = mean_of([100 * (b - a) for a, b in zip(none, much, strict=True)])
    assert found[1.0][0] < -2 * found[1.0][1], found
    drawn = [found[carried][0] for carried in sorted(found)]
    assert drawn[0] < 0.0, found
    assert all(more < less for less, more in pairwise(drawn)), found
    return (
        f"To leave heads {1 - most:g} of what they sell in place of .95 changes the rival's part of them by "
        + ", ".join(f"{mean:+.0f} +- {error:.0f} (ψ = {carried:g})" for carried, (mean, error) in found.items())
        + " points."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    drawn = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [
        (floors, {"floor": floor, "carried": carried, "draw_": draw_} | drawn)
        for carried in CARRIED[scale]
        for floor in FLOORS[scale]
        for draw_ in range(DRAWS[scale])
    ]
    cells += [
        (offers, {"offer": offer, "carried": carried, "draw_": draw_} | drawn)
        for carried in LOOKS
        for offer in OFFERS[scale]
        for draw_ in range(DRAWS[scale])
    ]
    Lab.of("poaching", options).answer(cells, draw, drawn_and_driven, sales, wooed, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
