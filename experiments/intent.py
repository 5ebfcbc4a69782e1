"""When does a small platform whose viewers came to buy outsell a large one whose viewers did not?

Mogujie and Xiaohongshu have little traffic of high intent and are led by KOLs; Douyin and Kuaishou have much traffic of
low intent; Taobao and JD are led by brands (s3). An impression sells intent (1 + k T) times its value, k by the kind of
its anchor and T the trust in it. With all else alike a platform with 1/20 of the traffic sells as much where its intent
(1 + k T) is 20 times that of the other: an identity (B3), which says nothing of who gets the traffic.

Two things make it say more. Anchors can serve so many viewers and no more (capacity, equal for all: an assumption):
where a feed has more traffic than its anchors can serve, the rest sells nothing, and a small platform needs less. In
the end, where both platforms have too much, it needs a ratio of about one: the same anchors serve as many viewers
on both, and the large one can only choose better among them. And kinds differ within a platform: traffic that is sent
where it sells most goes to those whom trust lifts, so that few KOLs lift a platform further than their part of today's
sales says.

The small platform is the large one with a twentieth of its traffic: anchors, audiences and values are the same. Lines
are the identity, markers simulated markets; bars are two standard errors over draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, bars, blank_figure, entries, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator import market as mk
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

TRAFFIC = 20.0
"""Of the large platform over the small one."""
SIZES = {"full": (1_000, 200), "quick": (200, 60)}
DRAWS = {"full": 5, "quick": 2}
CAPACITIES = {"full": (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0), "quick": (0.01, 0.05, 0.5, 5.0)}
"""What all anchors together can serve, over the traffic of the large platform."""
INTENTS = {"full": (1.0, 2.0, 4.0, 8.0, 16.0, 24.0), "quick": (1.0, 4.0, 16.0, 24.0)}
SHOWN = (0.05, 0.5, 5.0)
"""Capacities in (a)."""
TRUSTS = {"full": (0.0, 0.25, 0.5, 0.75, 1.0), "quick": (0.0, 1.0)}
LIFTS = {0.5: (GREEN, "^", "-."), 1.0: (BLACK, "o", "-"), 3.0: (VERMILLION, "s", "--")}
"""k of KOLs; brands have none."""
KOLS = {"full": (0.0, 0.1, 0.25, 0.5, 0.75, 1.0), "quick": (0.0, 0.25, 1.0)}
PLAIN = mk.Intent()
"""Trust lifts nobody."""
MIXED = 3.0
"""k in (e)."""
POLICIES = {
    "even": ("evenly", GREEN, "s"),
    "optimal": ("where it\nsells most", BLUE, "o"),
}
PRESETS = {
    "taobao": (ORANGE, "s"),
    "douyin": (BLACK, "o"),
    "kuaishou": (GREY, "D"),
    "xiaohongshu": (VERMILLION, "^"),
    "mogujie": (PURPLE, "v"),
}
COLUMNS = ("panel", "policy", "capacity", "intent", "trust", "lift", "kols", "preset", "draw", "gmv", "small", "large")
COLUMNS += ("ratio", "used", "part")


# What is measured.


@dataclass(frozen=True)
class UpToCapacity(dy.Even):
    """Even traffic, and of it what anchors can serve."""

    def flow(self, view: dy.View, weights: np.ndarray) -> np.ndarray:
        """An even flow without what is too much."""
        platform, flow = view.world.platform, super().flow(view, weights)
        got = platform.into_anchors(flow)
        kept = np.divide(platform.capacity, got, out=np.ones_like(got), where=got > platform.capacity)
        return flow * kept[platform.anchor]


def policy_of(name: str) -> dy.Policy:
    """Even or best traffic, of what anchors can serve."""
    return UpToCapacity() if name == "even" else dy.Optimal(rules=[al.Capacity()], relative_gap=1e-4)


def platform_of(draw_: int, size: tuple[int, int], seed: int) -> al.Platform:
    """The large platform."""
    return al.public_part(al.synthetic.kuaishou(*size, rng=stream(seed, f"platform {draw_}")))


def sold(
    platform: al.Platform,
    policy: dy.Policy,
    *,
    intent: float = 1.0,
    capacity: float = np.inf,
    kinds: tuple[Any, Any] = ("brand", "brand"),
    mechanism: mk.Intent = PLAIN,
) -> dict[str, float]:
    """GMV of the small and of the large platform in a period, and the part of traffic that each uses."""
    each = np.full(platform.anchor_count, capacity * float(platform.supply.sum()) / platform.anchor_count)
    members = []
    for name, traffic, kind, wanted in (("small", 1 / TRAFFIC, kinds[0], intent), ("large", 1.0, kinds[1], 1.0)):
        anchors = {**platform.anchors, "kind": np.broadcast_to(kind, platform.anchor_count)}
        there = replace(platform, supply=platform.supply * traffic, capacity=each, observed=None, anchors=anchors)
        members.append(mk.Member(name, dy.World(there), policy, intent=wanted))
    path = mk.simulate(mk.Market(members, [mechanism]), periods=1, rng=np.random.default_rng(0))
    gmv = {name: float(path[name]["gmv"][0]) for name in ("small", "large")}
    return gmv | {f"{name} used": float(path[name]["exposure"][0] / path[name]["supply"][0]) for name in gmv}


def overtaking(capacity: float, intents: Sequence[float], draw_: int, size: tuple[int, int], seed: int) -> list[Row]:
    """GMV by intent under a capacity."""
    platform, rows = platform_of(draw_, size, seed), []
    for intent in intents:
        found = sold(platform, policy_of("optimal"), intent=intent, capacity=capacity)
        gmv = {name: found[name] / float(platform.supply.sum()) for name in ("small", "large")}
        rows.append({"panel": "overtaking", "capacity": capacity, "intent": intent, "draw": draw_} | gmv)
    return rows


def needed(policy: str, capacity: float, draw_: int, size: tuple[int, int], seed: int) -> list[Row]:
    """The intent at which both sell as much, as sales are in proportion to it, and the part of traffic that is used."""
    found = sold(platform_of(draw_, size, seed), policy_of(policy), capacity=capacity)
    about = {"panel": "needed", "policy": policy, "capacity": capacity, "draw": draw_}
    used = {"small": found["small used"], "large": found["large used"]}
    return [about | {"ratio": found["large"] / found["small"]} | used]


def trusted(lift: float, trust: float, size: tuple[int, int], seed: int) -> list[Row]:
    """The same for KOLs against brands, by trust."""
    mechanism = mk.Intent({"KOL": lift}, trust=trust)
    found = sold(platform_of(0, size, seed), dy.Proportional(), kinds=("KOL", "brand"), mechanism=mechanism)
    return [{"panel": "trusted", "lift": lift, "trust": trust, "ratio": found["large"] / found["small"]}]


def mixed(policy: str, kols: float, draw_: int, size: tuple[int, int], seed: int) -> list[Row]:
    """The same for a small platform of which a part is KOLs, by lot; and what part of its sales KOLs would have if
    trust lifted nobody.
    """
    platform = platform_of(draw_, size, seed)
    lots = stream(seed, f"kinds {draw_}").random(platform.anchor_count)
    kind = np.where(lots < np.quantile(lots, kols) if kols < 1 else lots < 2, "KOL", "brand")
    found = sold(platform, policy_of(policy), kinds=(kind, "brand"), mechanism=mk.Intent({"KOL": MIXED}))
    world = dy.World(platform)
    view, _ = world.view(world.start({}), rng=np.random.default_rng(0))
    sales = platform.into_anchors(policy_of(policy)(view).flow * platform.value)
    part = float(sales[kind == "KOL"].sum() / sales.sum())
    about = {"panel": "mixed", "policy": policy, "kols": kols, "draw": draw_}
    return [about | {"ratio": found["large"] / found["small"], "part": part}]


def presets(preset: str, capacities: Sequence[float], draw_: int, size: tuple[int, int], seed: int) -> list[Row]:
    """GMV of a preset where all anchors together can serve so much of Kuaishou's traffic, an equal part each."""
    platform = al.public_part(al.synthetic.PRESETS[preset](*size, rng=stream(seed, f"preset {draw_}")))
    rows = []
    for capacity in capacities:
        each = np.full(platform.anchor_count, capacity * al.synthetic.KUAISHOU.impressions / platform.anchor_count)
        world = dy.World(replace(platform, capacity=each))
        path = dy.simulate(world, policy_of("optimal"), periods=1, rng=np.random.default_rng(0))
        rows.append(
            {"panel": "preset", "preset": preset, "capacity": capacity, "draw": draw_, "gmv": float(path["gmv"][0])}
        )
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    axes = figure.subplots(2, 3)
    draw_overtaking(pick(rows, panel="overtaking"), axes[0, 0])
    draw_needed(pick(rows, panel="needed"), axes[0, 1])
    draw_used(pick(rows, panel="needed", policy="optimal"), axes[0, 2])
    draw_trusted(pick(rows, panel="trusted"), axes[1, 0])
    draw_mixed(pick(rows, panel="mixed"), axes[1, 1])
    draw_presets(pick(rows, panel="preset"), axes[1, 2])
    return figure


def draw_overtaking(rows: Sequence[Row], ax: Any) -> None:
    for capacity, colour, marker in zip(SHOWN, (VERMILLION, BLACK, BLUE), "^so", strict=True):
        mine = pick(rows, capacity=capacity)
        bars(ax, over_draws(mine, "intent", "small"), (colour, marker, "-"), label=f"{capacity:g}")
        x, (large, *_) = over_draws(mine, "intent", "large")
        ax.plot(x, large, "--", color=colour)
    ax.set(
        xlabel="Intent of the small platform over\nthat of the large one",
        ylabel="GMV (RMB an impression\nof the large one)",
    )
    ax.set(xscale="log", yscale="log")
    ax.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    ax.minorticks_off()
    ax.legend(title="Capacity", loc=(0.02, 0.36), fontsize=6.5, title_fontsize=6.5)
    ax.set_title("(a) dashed: the large one", loc="left")


def draw_needed(rows: Sequence[Row], ax: Any) -> None:
    for policy, (label, colour, marker) in POLICIES.items():
        bars(ax, over_draws(pick(rows, policy=policy), "capacity", "ratio"), (colour, marker, "-"), label=label)
    ax.axhline(TRAFFIC, color=BLACK, linewidth=0.9)
    ax.axhline(1, color=GREY, linestyle=":", linewidth=0.9)
    log_axes(ax)
    ax.set(ylabel="Intent ratio from which\nthe small one sells more")
    ax.legend(title="Traffic goes", loc="upper left", bbox_to_anchor=(0.0, 0.93), fontsize=6.5, title_fontsize=6.5)
    ax.set_title("(b) line: no capacity", loc="left")


def log_axes(ax: Any) -> None:
    ax.set(xscale="log", yscale="log", xlabel="Capacity of all anchors over\ntraffic of the large platform")
    ax.set_xticks([0.01, 0.1, 1], [".01", ".1", "1"])
    ax.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    ax.minorticks_off()


def draw_used(rows: Sequence[Row], ax: Any) -> None:
    for name, colour, marker in (("small", VERMILLION, "^"), ("large", BLUE, "o")):
        bars(ax, over_draws(rows, "capacity", name), (colour, marker, "-"), label=name)
    ax.set(
        xscale="log",
        xlabel="Capacity of all anchors over\ntraffic of the large platform",
        ylabel="Traffic that is used (%)",
    )
    ax.set_xticks([0.01, 0.1, 1], [".01", ".1", "1"])
    ax.minorticks_off()
    ax.set(ylim=(0, 1.03))
    ax.yaxis.set_major_formatter(percent)
    ax.legend(loc="lower right", fontsize=6.5)
    ax.set_title("(c) what capacity leaves", loc="left")


def draw_trusted(rows: Sequence[Row], ax: Any) -> None:
    grid = np.linspace(0.0, 1.0, 100)
    for lift, (colour, marker, dashes) in LIFTS.items():
        mine = pick(rows, lift=lift)
        ax.plot(grid, TRAFFIC / (1 + lift * grid), dashes, color=colour, linewidth=0.9)
        ax.plot(*entries(mine, "trust", "ratio"), marker, color=colour, markersize=3.5, label=f"{lift:g}")
    ax.legend(title="Lift of KOLs, k", loc="lower left", fontsize=6.5, title_fontsize=6.5)
    ax.set(xlabel="Trust in KOLs, T", ylabel="Intent ratio from which\nthe small one sells more", ylim=(0, TRAFFIC + 1))
    ax.set_title("(d) KOLs against brands", loc="left")


def draw_mixed(rows: Sequence[Row], ax: Any) -> None:
    for policy, (label, colour, marker) in POLICIES.items():
        mine = [row | {"line": TRAFFIC / (1 + MIXED * row["part"])} for row in pick(rows, policy=policy)]
        bars(ax, over_draws(mine, "kols", "ratio"), (colour, marker, "none"), label=label)
        x, (line, *_) = over_draws(mine, "kols", "line")
        ax.plot(x, line, "-" if policy == "even" else "--", color=colour, linewidth=0.9)
    ax.set(
        xlabel="KOLs among its anchors (%)",
        ylabel="Intent ratio from which\nthe small one sells more",
        ylim=(0, TRAFFIC + 1),
    )
    ax.xaxis.set_major_formatter(percent)
    ax.legend(title="Traffic goes", loc="upper right", fontsize=6.5, title_fontsize=6.5)
    ax.set_title(f"(e) both kinds, k = {MIXED:g}", loc="left")


def draw_presets(rows: Sequence[Row], ax: Any) -> None:
    base = {(row["capacity"], row["draw"]): row["gmv"] for row in pick(rows, preset="kuaishou")}
    for preset, (colour, marker) in PRESETS.items():
        mine = [row | {"over": row["gmv"] / base[row["capacity"], row["draw"]]} for row in pick(rows, preset=preset)]
        bars(ax, over_draws(mine, "capacity", "over"), (colour, marker, "-"), label=preset.capitalize())
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="Capacity of all anchors over\ntraffic of Kuaishou",
        ylabel="GMV over Kuaishou's",
    )
    ax.set_xticks([0.01, 0.1, 1], [".01", ".1", "1"])
    ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
    ax.minorticks_off()
    ax.legend(loc="lower left", fontsize=6)
    ax.set_title("(f) presets", loc="left")


# What is claimed.


def identity(rows: Sequence[Row]) -> str:
    """B3 where allocation has nothing to decide (b at ample capacity, d)."""
    for row in pick(rows, panel="trusted"):
        assert abs(row["ratio"] - TRAFFIC / (1 + row["lift"] * row["trust"])) < 1e-9, row
    return f"Without capacities the ratio is {TRAFFIC:g} / (1 + k T), whoever gets the traffic."


def served(rows: Sequence[Row]) -> str:
    """Capacity (a to c)."""
    mine, found = pick(rows, panel="needed", policy="optimal"), {}
    for draw_ in {row["draw"] for row in mine}:
        path = sorted(pick(mine, draw=draw_), key=lambda row: row["capacity"])
        ratios = [row["ratio"] for row in path]
        assert all(low < high * (1 + 1e-3) for low, high in pairwise(ratios)), ratios
    for row in pick(rows, panel="overtaking"):
        ratio = [r["ratio"] for r in mine if (r["capacity"], r["draw"]) == (row["capacity"], row["draw"])]
        assert (
            not ratio
            or abs(row["intent"] / ratio[0] - 1) < 1e-3
            or (row["small"] > row["large"]) == (row["intent"] > ratio[0])
        ), row
    for capacity in sorted({row["capacity"] for row in mine}):
        found[capacity] = np.mean([row["ratio"] for row in pick(mine, capacity=capacity)])
    least, most = min(found), max(found)
    assert found[least] < 3, found
    assert TRAFFIC / 2 < found[most] <= TRAFFIC * (1 + 1e-3), found
    words = ", ".join(f"{ratio:.1f} ({capacity:g})" for capacity, ratio in found.items())
    return f"The intent ratio from which the small platform sells more is {words}, by capacity."


def lifted(rows: Sequence[Row]) -> str:
    """Kinds (e): traffic that goes where it sells most goes to those whom trust lifts."""
    mine = pick(rows, panel="mixed")
    for row in mine:
        line_ = TRAFFIC / (1 + MIXED * row["part"])
        if row["policy"] == "even":
            assert abs(row["ratio"] - line_) < 1e-9, row
        else:
            assert row["ratio"] < line_ * (1 + 1e-3), row
    few = [pick(mine, policy=policy, kols=0.25) for policy in POLICIES]
    even, best = (np.mean([row["ratio"] for row in one]) for one in few)
    assert best < 0.8 * even, (even, best)
    return (
        f"With a quarter of KOLs (k = {MIXED:g}) it is {even:.1f} if traffic is even and {best:.1f} if it goes where "
        f"it sells most."
    )


def small(rows: Sequence[Row]) -> str:
    """Presets (f)."""
    mine, said = pick(rows, panel="preset"), []
    ends = sorted({row["capacity"] for row in mine})
    for preset in ("xiaohongshu", "mogujie"):
        over_ = [
            np.mean([row["gmv"] for row in pick(mine, preset=preset, capacity=c)])
            / np.mean([row["gmv"] for row in pick(mine, preset="kuaishou", capacity=c)])
            for c in (ends[0], ends[-1])
        ]
        assert over_[0] > 3 * over_[1], (preset, over_)
        said.append(f"{preset.capitalize()} {over_[1]:.2f} to {over_[0]:.2f}")
    return f"From ample to scarce capacity GMV over Kuaishou's rises from {' and from '.join(said)}."


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    drawn = {"size": SIZES[scale], "seed": options.seed}
    draws = range(DRAWS[scale])
    cells: list = [
        (overtaking, {"capacity": capacity, "intents": INTENTS[scale], "draw_": draw_} | drawn)
        for capacity in SHOWN
        for draw_ in draws
    ]
    cells += [
        (needed, {"policy": policy, "capacity": capacity, "draw_": draw_} | drawn)
        for policy in POLICIES
        for capacity in CAPACITIES[scale]
        for draw_ in draws
    ]
    cells += [(trusted, {"lift": lift, "trust": trust} | drawn) for lift in LIFTS for trust in TRUSTS[scale]]
    cells += [
        (mixed, {"policy": policy, "kols": kols, "draw_": draw_} | drawn)
        for policy in POLICIES
        for kols in KOLS[scale]
        for draw_ in draws
    ]
    cells += [
        (presets, {"preset": preset, "capacities": CAPACITIES[scale], "draw_": draw_} | drawn)
        for preset in PRESETS
        for draw_ in draws
    ]
    Lab.of("intent", options).answer(cells, draw, identity, served, lifted, small, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
