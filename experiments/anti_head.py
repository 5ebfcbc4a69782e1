"""Who gets the traffic that measures against heads set free?

Even mixing, a cap on the head, floors and alpha-fairness on a platform like Kuaishou, each at the same loss of GMV: the
welfare that a measure stands for is maximised among the allocations that keep a share of the largest GMV. A floor for
all is max-min fairness, a cap on the k largest of n anchors the mean of the n - k others (CVaR); mixing costs GMV in
proportion to its share, so its share follows from the loss.

The slope is that of log exposure, per impression of reach, on the log of an anchor's mean value: 0 where traffic is
even, 1 where it is proportional to value, infinite where the winner takes all. It is fitted by Poisson pseudo maximum
likelihood (Santos Silva and Tenreyro 2006), which anchors without traffic do not spoil.

Below, caps for firms of anchors (MCN) against caps for each of their members, as mechanism A7 of the model predicts
that caps for firms leave more members active.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, percent, pick, run, stream
from allocator.metrics import head_size, top_share
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from allocator.solvers import EpsilonEven

GAP, EXACT = 1e-4, 1e-7
"""Of the measures, and of what they are compared with."""
LOSSES = {"full": (0.01, 0.02, 0.05, 0.1), "quick": (0.02, 0.05, 0.1)}
SHOWN = 0.05
"""Shares of GMV given up, and the one of (a): assumptions."""
CLAIMED, MOST = (0.01, 0.02, 0.05), 0.1
"""Losses at which caps on firms and on members are compared, and the largest drawn."""
SIZES = {"full": (5_000, 1_000), "quick": (600, 120)}
HEAD = 0.01
MEASURES: dict[str, Callable[[int], Any]] = {
    "head cap": lambda n: al.CVaR(1 - head_size(n, HEAD) / n),
    "floors": lambda n: al.MaxMin(),
    "alpha 0.5": lambda n: al.AlphaFair(0.5),
    "alpha 1": lambda n: al.AlphaFair(1),
    "alpha 2": lambda n: al.AlphaFair(2),
}
"""The welfare that each measure stands for, by the number of anchors."""
LOOKS = {
    "mixing": ("even mixing", PURPLE, "P", "-"),
    "head cap": ("cap on the top 1 %", VERMILLION, "v", "--"),
    "floors": ("floors", BLACK, "d", "-."),
    "alpha 0.5": ("α = 0.5", SKY, "o", "-"),
    "alpha 1": ("α = 1", BLUE, "s", "--"),
    "alpha 2": ("α = 2", GREEN, "^", ":"),
}
SHARES = {
    "top_1": ("top 1 %", VERMILLION, "^"),
    "top_10": ("top 10 %", BLUE, "o"),
    "bottom": ("bottom half", GREEN, "s"),
}
UPLIFTS = (0.0, 0.2)
"""By how much a firm's members sell more: A7 assumes .2; the conclusion must not hang on it."""
TIGHTNESS = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.12, 0.07)
"""Caps of firms as parts of the largest share that one of them has, and of the members as parts of its square."""
CAPS = {
    "individual": ("cap on each member", BLUE, "o", "-"),
    "firm": ("equal caps on firms", VERMILLION, "s", "--"),
    "roster": ("caps on firms by members", ORANGE, "D", "-."),
}
COLUMNS = ("panel", "measure", "loss", "top_1", "top_10", "bottom", "slope", "viable", "relative_gap")
COLUMNS += ("uplift", "cap", "level", "active", "members", "epsilon")


# What is measured.


def market(size: tuple[int, int], seed: int) -> al.Platform:
    return al.public_part(al.synthetic.kuaishou(*size, rng=stream(seed, "anti head")))


def viability(platform: al.Platform) -> float:
    """nu, impressions a day: half the median of today's traffic (an assumption of the model)."""
    return 0.5 * float(np.median(platform.into_anchors(platform.observed)))


def slope(platform: al.Platform, exposure: np.ndarray) -> float:
    """b of E[exposure] = reach exp(a + b log mean value), by Newton's method on the Poisson likelihood."""
    reach = platform.reach_of("exposure")
    log_value = np.log(platform.reach_of("gmv") / reach)
    z = log_value - log_value.mean()
    a, b = np.log(exposure.sum() / reach.sum()), 0.0
    for _ in range(100):
        expected = reach * np.exp(a + b * z)
        miss = exposure - expected
        h = [(expected * z**k).sum() for k in range(3)]
        steps = np.array([h[2] * miss.sum() - h[1] * (miss * z).sum(), h[0] * (miss * z).sum() - h[1] * miss.sum()])
        steps /= h[0] * h[2] - h[1] ** 2
        steps /= max(1.0, np.abs(steps).max())  # the likelihood is concave, but its quadratic model runs far
        a, b = a + steps[0], b + steps[1]
        if np.abs(steps).max() < 1e-12:
            break
    return float(b)


def measured(platform: al.Platform, flow: np.ndarray, most: float) -> Row:
    """Who gets a flow's traffic, and the share of the largest GMV that it gives up."""
    exposure = platform.into_anchors(flow)
    sales = float(platform.amounts("gmv", flow).sum())
    return {
        "given_up": 1 - sales / most,
        "top_1": top_share(exposure, HEAD),
        "top_10": top_share(exposure, 0.1),
        "bottom": 1 - top_share(exposure, 0.5),
        "slope": slope(platform, exposure),
        "viable": float((exposure >= viability(platform)).mean()),
    }


def yardsticks(size: tuple[int, int], seed: int, losses: Sequence[float]) -> list[Row]:
    """GMV alone, today's traffic, the even and the proportional split, and even mixing at every loss."""
    platform = market(size, seed)
    problem = al.Problem(platform, al.GMV())
    best = al.solve(problem, relative_gap=EXACT)
    recipes = {name: al.solve(problem, solver=name).flow for name in ("even", "proportional")}
    flows = {"gmv": best.flow, "today": platform.observed} | recipes
    rows = [
        {"panel": "yardstick", "measure": name} | measured(platform, flow, best.gmv) for name, flow in flows.items()
    ]
    even = pick(rows, measure="even")[0]["given_up"]
    for loss in losses:
        mixed = al.solve(problem, solver=EpsilonEven(loss / even)).flow
        about = {"panel": "measure", "measure": "mixing", "loss": loss, "epsilon": loss / even}
        rows.append(about | measured(platform, mixed, best.gmv))
    return rows


def fair(measure: str, size: tuple[int, int], seed: int, losses: Sequence[float]) -> list[Row]:
    """The most of a measure's welfare at every loss of GMV."""
    platform, rows = market(size, seed), []
    best = al.solve(al.Problem(platform, al.GMV()), relative_gap=EXACT)
    for loss in losses:
        welfare = MEASURES[measure](platform.anchor_count)
        problem = al.Problem(platform, welfare, [al.GMVAtLeast.of(best, 1 - loss)])
        found = al.solve(problem, relative_gap=GAP)
        assert found.status is al.Status.CERTIFIED, (measure, loss, found)
        about = {"panel": "measure", "measure": measure, "loss": loss, "relative_gap": found.certificate.relative_gap}
        rows.append(about | measured(platform, found.flow, best.gmv))
    return rows


def firms(cap: str, uplift: float, size: tuple[int, int], seed: int) -> list[Row]:
    """Members of firms who keep a viable exposure under caps of rising strength."""
    platform = market(size, seed)
    firm = platform.anchors["firm"]
    signed = firm != ""
    platform = replace(platform, value=platform.value * np.where(signed, 1 + uplift, 1.0)[platform.anchor])
    best, nu = al.solve(al.Problem(platform, al.GMV()), relative_gap=EXACT), viability(platform)
    shares = {
        name: best.exposure[firm == name].sum() / best.exposure.sum() for name in np.unique(firm[signed]).tolist()
    }
    rows = []
    for tightness in TIGHTNESS:
        rule = capping(cap, tightness, best, shares)
        found = al.solve(al.Problem(platform, al.GMV(), [rule]), relative_gap=GAP)
        assert found.status is al.Status.CERTIFIED, (cap, tightness, found)
        active = float((found.exposure[signed] >= nu).mean())
        about = {"panel": "firms", "cap": cap, "uplift": uplift, "level": tightness, "members": int(signed.sum())}
        gap = found.certificate.relative_gap
        rows.append(about | {"loss": 1 - found.gmv / best.gmv, "active": active, "relative_gap": gap})
    return rows


def capping(cap: str, tightness: float, best: al.Allocation, shares: Row) -> Any:
    """A cap of some strength, relative to the largest firm or member at the best allocation."""
    firm = best.platform.anchors["firm"]
    if cap == "individual":
        return al.Cap(tightness**2 * best.exposure[firm != ""].max(), where=firm != "")
    weight = {name: (firm == name).mean() if cap == "roster" else 1.0 for name in shares}
    largest = max(share / weight[name] for name, share in shares.items())
    return al.GroupShare("firm", at_most={name: min(1.0, tightness * largest * weight[name]) for name in shares})


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Four panels: shares at one loss, slope and viable anchors by loss, and members of firms."""
    figure = blank_figure(5.4)
    (shares, slopes), (viable, members) = figure.subplots(2, 2)
    draw_shares(rows, shares)
    draw_lines(rows, slopes, "slope")
    draw_lines(rows, viable, "viable")
    draw_firms(pick(rows, panel="firms", uplift=UPLIFTS[-1]), members)
    figure.legend(*slopes.get_legend_handles_labels(), loc="outside lower center", ncols=6, title="Measures in (b, c)")
    return figure


def draw_shares(rows: Sequence[Row], ax: Any) -> None:
    """One line per measure: what the top 1 %, the top 10 % and the bottom half get at one loss of GMV."""
    lines = [("GMV alone", pick(rows, measure="gmv")[0]), ("today", pick(rows, measure="today")[0])]
    lines += [(LOOKS[name][0], pick(rows, measure=name, loss=SHOWN)[0]) for name in LOOKS]
    for place, (_, row) in enumerate(lines):
        for key, (label, colour, marker) in SHARES.items():
            ax.plot([row[key]], [place], marker, color=colour, markersize=5, label=label if place == 0 else None)
    ax.axhline(1.5, color=GREY, linewidth=0.6)
    ax.set_yticks(range(len(lines)), [label for label, _ in lines])
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlim=(0, None), xlabel="Share of exposure (%)")
    ax.set_title(f"(a) below the line: {100 * SHOWN:g} % of GMV given up", loc="left")
    ax.legend(loc="lower right", handletextpad=0.1)
    ax.grid(False, axis="y")


def draw_lines(rows: Sequence[Row], ax: Any, key: str) -> None:
    start = pick(rows, measure="gmv")[0][key]
    for name, (label, colour, marker, dashes) in LOOKS.items():
        mine = pick(rows, panel="measure", measure=name)
        x, y = [0.0, *(row["loss"] for row in mine)], [start, *(row[key] for row in mine)]
        ax.plot(x, y, color=colour, marker=marker, linestyle=dashes, label=label, clip_on=False)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlim=(0, MOST), ylim=(0, None), xlabel="GMV given up (%)")
    if key == "slope":
        ax.axhline(1.0, color=GREY, linewidth=0.8)
        ax.annotate("proportional to value", (0.001, 1.0), (0, -2), textcoords="offset points", va="top", color=GREY)
        ax.set_ylabel("Slope of log exposure\non log value")
        ax.set_title("(b) 0: even", loc="left")
    else:
        ax.yaxis.set_major_formatter(percent)
        ax.set_ylim(top=1)
        ax.set_ylabel("Anchors with at least ν (%)")
        ax.set_title("(c)", loc="left")


def draw_firms(rows: Sequence[Row], ax: Any) -> None:
    for cap, (label, colour, marker, dashes) in CAPS.items():
        mine = pick(rows, cap=cap)
        ax.plot(*entries(mine, "loss", "active"), color=colour, marker=marker, linestyle=dashes, label=label)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(
        xlim=(-0.002, MOST),
        ylim=(0, 1),
        xlabel="GMV given up (%)",
        ylabel="Members of firms\nwith at least ν (%)",
    )
    ax.set_title("(d)", loc="left")
    ax.legend(loc="lower left")


# What is claimed.


def at(rows: Sequence[Row], measure: str, loss: float = SHOWN) -> Row:
    (row,) = pick(rows, panel="measure", measure=measure, loss=loss)
    return row


def equal_loss(rows: Sequence[Row]) -> str:
    """Every measure loses what it may and no more."""
    mine = pick(rows, panel="measure")
    worst = max(abs(row["given_up"] - row["loss"]) for row in mine)
    assert worst <= 1e-4, worst
    even = pick(rows, measure="even")[0]
    proportional = pick(rows, measure="proportional")[0]
    assert abs(even["slope"]) < 0.2 < 0.7 < proportional["slope"] < 1.2, (even["slope"], proportional["slope"])
    return (
        f"All {len(mine)} points give up what they may within {worst:.0e}; the even split has slope "
        f"{even['slope']:.2f}, the proportional one {proportional['slope']:.2f}."
    )


def measures(rows: Sequence[Row]) -> str:
    """What each measure does and leaves undone."""
    gmv = pick(rows, measure="gmv")[0]
    mixing, head, floors, *fairs = (at(rows, name) for name in LOOKS)
    assert mixing["slope"] > max(row["slope"] for row in (head, floors, *fairs))
    assert mixing["top_10"] > 0.9 * gmv["top_10"], (mixing, gmv)
    assert head["top_1"] < 0.6 * gmv["top_1"], (head, gmv)
    assert all(1 - row["viable"] > 0.25 * (1 - gmv["viable"]) for row in (mixing, head)), (mixing, head, gmv)
    assert all(row["viable"] == 1 for row in (floors, *fairs)), (floors, fairs)
    assert all(row["top_1"] < floors["top_1"] for row in fairs), (floors, fairs)
    assert all(row["top_10"] < floors["top_10"] for row in fairs), (floors, fairs)
    kept = [row["top_1"] / gmv["top_1"] for row in (mixing, head, floors, *fairs)]
    return (
        f"At a loss of {SHOWN:.0%} the top 1 % have, of what GMV alone gives them, {kept[0]:.0%} under even mixing, "
        f"{kept[1]:.0%} under a cap, {kept[2]:.0%} under floors and {min(kept[3:]):.0%} to {max(kept[3:]):.0%} under "
        f"alpha-fairness; GMV alone leaves {1 - gmv['viable']:.0%} of the anchors with less than they live on, even "
        f"mixing {1 - mixing['viable']:.0%}, a cap {1 - head['viable']:.0%}, the others none."
    )


def refuted(rows: Sequence[Row]) -> str:
    """A7 predicts the contrary: at equal cost caps on members leave more of them active than caps on firms."""
    told = {}
    for uplift in UPLIFTS:
        for loss in CLAIMED:
            active = {}
            for cap in CAPS:
                mine = pick(rows, panel="firms", uplift=uplift, cap=cap)
                assert max(row["loss"] for row in mine) >= loss, (cap, uplift)
                active[cap] = np.interp(loss, *entries(mine, "loss", "active"))
            assert active["individual"] > max(active["firm"], active["roster"]), (uplift, loss, active)
            told[uplift, loss] = active
    shown = told[UPLIFTS[-1], SHOWN]
    return (
        f"A7 fails: at a loss of {SHOWN:.0%} caps on members leave {shown['individual']:.0%} of them active, caps on "
        f"firms {shown['firm']:.0%}, by members {shown['roster']:.0%}."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    losses = {"losses": LOSSES[scale]}
    cells: list = [(yardsticks, about | losses)]
    cells += [(fair, {"measure": measure} | about | losses) for measure in MEASURES]
    cells += [(firms, {"cap": cap, "uplift": uplift} | about) for uplift in UPLIFTS for cap in CAPS]
    Lab.of("anti_head", options).answer(cells, draw, equal_loss, measures, refuted, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
