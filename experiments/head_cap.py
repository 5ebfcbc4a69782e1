"""When does it pay to cap a head who may leave?

A head sells 1 an impression and leaves for good at the end of a day with probability lam0 h^m, h its share of the
impressions; a tail that never leaves sells rho = 1/2 and gets the rest. With a leaver a part xi of demand goes. A cap
holds the head at h. Derived here (T11), with a discount factor d a day: while the head stays it brings (1 - rho) h a
day over what the tail sells alone, and after t days it is there with probability (1 - lam0 h^m)^t; a departure costs
xi rho d / (1 - d) more. So the excess over the tail alone is

    ((1 - rho) h - c h^m) / (1 - d + d lam0 h^m),  c = d lam0 rho xi / (1 - d).

At m = 1 and xi = 0 this grows in h whatever lam0: the risk of a loss alone justifies no cap, as what is withheld is
lost for certain. For m > 1 and xi = 0 it is largest where h^m = (1 - d) / ((m - 1) d lam0); above 1 no cap pays. At
m = 1 with xi it is all or nothing, by the sign of 1 - rho - c, that of (1 - rho) (1 - d) / (xi rho d) - lam0.

P7: let firms leave with all their anchors, each with probability lam0 a day whatever its size (m = 0), and G_g be the
GMV of firm g. What leaves has mean lam0 sum G_g, whoever is signed by whom, and variance lam0 (1 - lam0) sum G_g^2, in
proportion to the concentration (HHI) of firms.

Hazards (swept), rho, xi and d = .95 are assumptions. Many copies of head and tail live in one world, and all shares
meet the same chances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, estimate, mean_of, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION

RATIO, DISCOUNT, SPILL = 0.5, 0.95, 0.1
DAYS = 150
"""What comes later is worth less than .05 % of the whole."""
SHARES = {"full": np.geomspace(0.1, 1.0, 7).tolist(), "quick": np.geomspace(0.3, 1.0, 4).tolist()}
NEAR, FINE = 1.4, {"full": 7, "quick": 5}
"""So many more shares within this factor of the best of those; a cubic through them says where the top is."""
HAZARDS = {"full": (0.02, 0.06, 0.1, 0.2, 0.6), "quick": (0.1,)}
PLAIN = {"full": (0.05, 0.2, 0.8), "quick": (0.2,)}
"""lam0 of heads who leave in proportion to their share."""
POWERS = {"full": (1.5, 2.0, 3.0), "quick": (2.0,)}
SHOWN = (2.0, 0.1)
"""m and lam0 of (b)."""
ENDS = {"full": (0.1, 0.3, 0.5, 0.55, 0.8, 1.0), "quick": (0.1, 1.0)}
"""lam0 around the threshold of all or nothing."""
BATCHES = 8
COPIES = {"full": 1_000, "quick": 300}
"""In each batch; standard errors are between batches."""
FIRMS = (100, 30, 10, 5, 3, 2)
ANCHORS, SEGMENTS, BASE = 100, 300, 0.1
DRAWS = {"full": 3_000, "quick": 300}
BIAS = 0.005
"""How far the top of a cubic may be from that of the curve, seen on the curve itself."""
LOOKS = {1.0: (BLACK, "D", ":"), 1.5: (ORANGE, "s", "--"), 2.0: (BLUE, "o", "-"), 3.0: (GREEN, "^", "-.")}
EXCESS = "Discounted GMV over that of\nthe tail alone (days of the head)"
"""In what a head with all traffic sells in a day."""
COLUMNS = ("panel", "base", "convexity", "spill", "share", "excess", "error", "best", "best_error")
COLUMNS += ("firms", "hhi", "gmv", "mean", "mean_error", "variance", "variance_error", "missing", "missing_error")


# What is measured.


@dataclass(frozen=True)
class Held(dy.Policy):
    """The head of every copy gets the part ``share`` of its audience while it is there, the tail the rest."""

    share: float

    def __call__(self, view: dy.View) -> dy.Decision:
        head = self.share * view.supply * view.present[0::2]
        return dy.Decision(np.stack([head, view.supply - head], axis=1).ravel())


def copies(count: int) -> al.Platform:
    """Segments of one impression, each with a head and a tail of its own."""
    tier, value = np.tile(["head", "tail"], count), np.tile([1.0, RATIO], count)
    return al.Platform(2 * np.arange(count + 1), np.arange(2 * count), value, np.ones(count), anchors={"tier": tier})


def sold(base: float, convexity: float, spill: float, count: int, seed: int) -> Any:
    """A function from policies to discounted GMV of a copy, by batch."""
    platform = copies(count)
    head = dy.Defection(base, convexity, spill, where=platform.anchors["tier"] == "head", share_of="audience")
    world = dy.World(platform, (head,))

    def batches(policy: dy.Policy, days: int = DAYS, batches: int = BATCHES) -> np.ndarray:
        chances = [stream(seed, f"batch {batch}") for batch in range(batches)]
        paths = [dy.simulate(world, policy, periods=days, rng=rng) for rng in chances]
        return np.array([path.discounted(DISCOUNT) for path in paths]) / count

    return batches


def held(case: tuple[float, float, float], shares: Sequence[float], fine: int, count: int, seed: int) -> list[Row]:
    """Discounted GMV over that of the tail alone, by share, with what each share has over the next lower one and what
    it lacks to all; and the best share, if more of them near the best are to be tried.
    """
    base, convexity, spill = case
    batches, about = sold(*case, count, seed), {"base": base, "convexity": convexity, "spill": spill}
    alone, found = batches(Held(0.0)), {}

    def tried(some: Sequence[float]) -> np.ndarray:
        found.update({share: batches(Held(share)) - alone for share in some if share not in found})
        return np.array([found[share] for share in some])

    first, rows = tried(shares).mean(axis=1), []
    if fine:
        best = shares[int(np.argmax(first))]
        near = np.geomspace(best / NEAR, min(best * NEAR, 1.0), fine).tolist()
        rows.append({"panel": "best"} | about | best_share(np.array(near), tried(near)))
    below = np.zeros(BATCHES)
    for share, path in sorted(found.items()):
        row = dict(zip(("excess", "error"), mean_of(path), strict=True))
        row |= estimate("step", path - below) | estimate("lacks", found[shares[-1]] - path)
        rows.append({"panel": "share", "share": share} | about | row)
        below = path
    return rows


def best_share(shares: np.ndarray, excess: np.ndarray) -> Row:
    """Where a cubic in the logarithm of the share is largest; its error is that of the slope there over the curvature,
    and there is none at an end. The cubics of the batches are kept.
    """
    x, grid = np.log(shares), np.linspace(np.log(shares[0]), np.log(shares[-1]), 2001)
    cubics = np.polyfit(x, excess, 3)
    middle = cubics.mean(axis=1)
    top, error = grid[np.argmax(np.polyval(middle, grid))], 0.0
    if grid[0] < top < grid[-1]:
        error = mean_of(slope(cubics, top))[1] / abs(np.polyval(np.polyder(middle, 2), top)) * np.exp(top)
    return {"best": float(np.exp(top)), "best_error": float(error), "cubics": cubics.T.tolist()}


def slope(cubics: np.ndarray, x: float) -> np.ndarray:
    """Slopes of cubics (4, n) at x."""
    return np.array([3.0, 2.0, 1.0]) * x ** np.array([2.0, 1.0, 0.0]) @ cubics[:3]


def certified(share: float, seed: int) -> list[Row]:
    """A certified optimum under a cap on the head sells what the share held by hand does, chance by chance."""
    convexity, base = SHOWN
    batches = sold(base, convexity, 0.0, 20, seed)
    cap = dy.Optimal(rules=[al.Cap(share, where="tier=head")], relative_gap=1e-9)
    by_cap, by_hand = (batches(policy, 40, 2) for policy in (cap, Held(share)))
    return [{"panel": "certified", "share": share, "apart": float(np.abs(by_cap - by_hand).max())}]


def firms(count: int, draws: int, seed: int) -> list[Row]:
    """GMV that leaves in a day with firms of as many anchors each, and GMV that is missing the day after, when what
    they had has been handed to others.
    """
    platform = al.public_part(al.synthetic.kuaishou(SEGMENTS, ANCHORS, rng=stream(seed, "firms")))
    signed = stream(seed, "signed").permutation(ANCHORS) % count
    platform = replace(platform, anchors=dict(platform.anchors) | {"firm": np.char.mod("firm-%d", signed)})
    gmv = al.solve(al.Problem(platform, al.GMV()), solver="greedy").anchor_gmv
    parts = np.bincount(signed, weights=gmv) / gmv.sum()
    world = dy.World(platform, (dy.Defection(BASE, 0.0, 0.0, by="firm"),))
    gone, missing = np.empty(draws), np.empty(draws)
    for k in range(draws):
        path = dy.simulate(world, dy.Greedy(), periods=1, rng=stream(seed, f"day {count} {k}"))
        there = path.final["present"]
        after = dy.simulate(
            dy.World(platform, (), {"present": there}), dy.Greedy(), periods=1, rng=stream(seed, "none")
        )
        gone[k], missing[k] = 1.0 - gmv[there > 0].sum() / path["gmv"][0], 1.0 - after["gmv"][0] / path["gmv"][0]
    about = {"panel": "firms", "firms": count, "hhi": float((parts**2).sum()), "gmv": float(gmv.sum())}
    return [about | estimate("mean", gone) | spread("variance", gone) | spread("missing", missing)]


def spread(name: str, sample: np.ndarray) -> Row:
    """Variance and its standard error, from the fourth moment."""
    return estimate(name, (sample - sample.mean()) ** 2)


# What is drawn.


def curve(h: Any, base: float, convexity: float, spill: float = 0.0) -> Any:
    """T11: the excess over the tail alone."""
    loss = DISCOUNT * base * RATIO * spill / (1.0 - DISCOUNT)
    return ((1.0 - RATIO) * h - loss * h**convexity) / (1.0 - DISCOUNT + DISCOUNT * base * h**convexity)


def threshold() -> float:
    """lam0 above which a head that leaves in proportion should get nothing."""
    return (1.0 - RATIO) * (1.0 - DISCOUNT) / (SPILL * RATIO * DISCOUNT)


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(4.9)
    (plain, bargains, caps), (spills, ends, groups) = figure.subplots(2, 3)
    draw_plain(pick(rows, panel="share", convexity=1.0, spill=0.0), plain)
    draw_bargains(rows, bargains)
    draw_caps(pick(rows, panel="best", spill=0.0), caps)
    draw_spills(pick(rows, panel="best", convexity=SHOWN[0]), spills)
    draw_ends(pick(rows, panel="share", convexity=1.0, spill=SPILL), ends)
    draw_firms(pick(rows, panel="firms"), groups)
    return figure


def points(ax: Any, rows: Sequence[Row], keys: tuple[str, str, str], look: tuple[str, str], label: str) -> None:
    """Markers with bars of two standard errors."""
    x, y, error = entries(rows, *keys)
    colour, marker = look
    bars = {"capsize": 2, "linewidth": 0.8, "markersize": 4, "markerfacecolor": "white"}
    ax.errorbar(x, y, 2 * error, fmt=marker, color=colour, label=label, **bars)


def by_share(ax: Any) -> None:
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="Share of the head, h (%)", ylabel=EXCESS)


def draw_plain(rows: Sequence[Row], ax: Any) -> None:
    h = np.linspace(0, 1, 200)
    bases = sorted({row["base"] for row in rows})
    for base, look in zip(bases, ((BLUE, "o"), (GREEN, "^"), (ORANGE, "s")), strict=False):
        points(ax, pick(rows, base=base), ("share", "excess", "error"), look, f"λ₀ = {base:g}")
        ax.plot(h, curve(h, base, 1.0), color=look[0], linewidth=0.9)
    by_share(ax)
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left")
    ax.set_title("(a) m = 1, lines: closed form", loc="left")


def draw_bargains(rows: Sequence[Row], ax: Any) -> None:
    """Dotted: where the simulated curve is highest."""
    h, (convexity, base) = np.linspace(0, 1, 200), SHOWN
    for spill, look in ((0.0, (BLUE, "o")), (SPILL, (VERMILLION, "D"))):
        mine = pick(rows, base=base, convexity=convexity, spill=spill)
        points(ax, pick(mine, panel="share"), ("share", "excess", "error"), look, f"ξ = {spill:g}")
        ax.plot(h, curve(h, base, convexity, spill), color=look[0], linewidth=0.9)
        best = pick(mine, panel="best")[0]["best"]
        ax.plot([best, best], [0, curve(best, base, convexity, spill)], color=look[0], linestyle=":")
    by_share(ax)
    ax.set_ylim(0, 4.4)
    ax.legend(loc="upper left", ncols=2)
    ax.set_title(f"(b) m = {convexity:g}, λ₀ = {base:g}; dotted: best", loc="left")


def best_lines(ax: Any, rows: Sequence[Row], convexity: float, spill: float, style: tuple, label: str) -> None:
    (colour, marker, dashes), bases = style, np.geomspace(0.015, 1.0, 150)
    points(ax, rows, ("base", "best", "best_error"), (colour, marker), label)
    options = {"ratio": RATIO, "spill": spill}
    best = [dy.closed_forms.best_cap(base, convexity, DISCOUNT, **options) for base in bases]
    ax.plot(bases, best, color=colour, linestyle=dashes, linewidth=0.9)
    ax.set_xscale("log")
    ax.set_xticks((0.02, 0.05, 0.1, 0.3, 1.0), (".02", ".05", ".1", ".3", "1"))
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Hazard a day with all traffic, λ₀", ylabel="Best share of the head (%)", ylim=(0, 1.05))


def draw_caps(rows: Sequence[Row], ax: Any) -> None:
    for convexity in sorted({row["convexity"] for row in rows}):
        style = LOOKS[convexity]
        best_lines(ax, pick(rows, convexity=convexity), convexity, 0.0, style, f"m = {convexity:g}")
    ax.legend(loc="lower left")
    ax.set_title("(c) ξ = 0, lines: closed form", loc="left")


def draw_spills(rows: Sequence[Row], ax: Any) -> None:
    for spill, style in ((0.0, (BLUE, "o", "-")), (SPILL, (VERMILLION, "D", "--"))):
        best_lines(ax, pick(rows, spill=spill), SHOWN[0], spill, style, f"ξ = {spill:g}")
    ax.legend(loc="lower left")
    ax.set_title(f"(d) m = {SHOWN[0]:g}, lines: closed form", loc="left")


def draw_ends(rows: Sequence[Row], ax: Any) -> None:
    """All or nothing: what half and all of the traffic bring over none."""
    bases = np.linspace(0.08, 1.0, 200)
    for share, look in ((0.5, (PURPLE, "s")), (1.0, (BLACK, "o"))):
        points(ax, pick(rows, share=share), ("base", "excess", "error"), look, f"h = {100 * share:g} %")
        ax.plot(bases, curve(share, bases, 1.0, SPILL), color=look[0], linewidth=0.9)
    ax.axhline(0.0, color=GREY, linewidth=0.8)
    ax.axvline(threshold(), color=GREY, linestyle=":")
    ax.set(
        xlabel="Hazard a day with all traffic, λ₀",
        ylabel=EXCESS,
    )
    ax.legend(loc="upper right")
    ax.set_title(f"(e) m = 1, ξ = {SPILL:g}; dotted: threshold", loc="left")


def draw_firms(rows: Sequence[Row], ax: Any) -> None:
    points(ax, rows, ("hhi", "variance", "variance_error"), (BLACK, "o"), "of those who leave")
    points(ax, rows, ("hhi", "missing", "missing_error"), (VERMILLION, "^"), "missing a day later")
    most = max(row["hhi"] for row in rows)
    ax.plot([0, most], [0, BASE * (1 - BASE) * most], color=BLACK, linewidth=0.9)
    ax.set(xlabel="HHI of firms' GMV", ylabel="Variance of the part of GMV\nthat is lost in a day", xlim=0, ylim=0)
    ax.set_ylim(0, 1.3 * BASE * (1 - BASE) * most)
    ax.legend(loc="upper left")
    ax.set_title("(f) firms; line: closed form", loc="left")


# What is claimed.


def no_cap(rows: Sequence[Row]) -> str:
    """At m = 1 and xi = 0 every further share sells more, whatever the hazard."""
    mine = pick(rows, panel="share", convexity=1.0, spill=0.0)
    for row in mine:
        assert row["step"] > -3 * row["step_error"], row
        assert abs(row["excess"] - curve(row["share"], row["base"], 1.0)) < 5 * row["error"] + 0.005, row
    bases, lost = sorted({row["base"] for row in mine}), []
    for base in bases:
        path = pick(mine, base=base)
        assert all(row["lacks"] > 3 * row["lacks_error"] for row in path if row["share"] < 0.75), path
        half = min(path, key=lambda row: abs(row["share"] - 0.5))
        lost.append(1 - half["excess"] / path[-1]["excess"])
    return (
        "Where heads leave in proportion to their share no cap pays: at hazards of "
        f"{', '.join(map(str, bases))} a cap of {half['share']:.0%} loses {', '.join(f'{part:.0%}' for part in lost)} "
        "of what the head brings."
    )


def interior(rows: Sequence[Row]) -> str:
    """The best share is where the closed form has it, with and without spill. Tested is that the curve is level
    there, as slopes have an error that tops have not; where all traffic is best, what shares sell is compared.
    """
    mine = pick(rows, panel="best")
    for row in mine:
        alike = {key: row[key] for key in ("base", "convexity", "spill")}
        theory = dy.closed_forms.best_cap(row["base"], row["convexity"], DISCOUNT, ratio=RATIO, spill=row["spill"])
        tried = pick(rows, panel="share", **alike)
        if theory == 1.0:
            assert all(share["lacks"] > -4 * share["lacks_error"] - 1e-9 for share in tried), (row, tried)
        elif row["best"] == 1.0:
            near = min(tried, key=lambda share, theory=theory: abs(share["share"] - theory))
            assert near["lacks"] < 4 * near["lacks_error"], (near, theory)
        else:
            cubics = np.transpose(row["cubics"])
            level, error = mean_of(slope(cubics, np.log(theory)))
            curvature = abs(np.polyval(np.polyder(cubics.mean(axis=1), 2), np.log(theory)))
            assert abs(level) < 5 * error + BIAS * curvature / theory, (row, theory)
    convexity, base = SHOWN
    without, spilt = (pick(mine, convexity=convexity, base=base, spill=spill)[0] for spill in (0.0, SPILL))
    for hazard in sorted({row["base"] for row in mine if row["spill"]}):
        pair = [pick(mine, convexity=convexity, base=hazard, spill=spill)[0]["best"] for spill in (0.0, SPILL)]
        assert pair[1] <= pair[0], (hazard, pair)
    apart = max(row["apart"] for row in pick(rows, panel="certified"))
    assert apart < 1e-6, apart
    theory = [dy.closed_forms.best_cap(base, convexity, DISCOUNT, ratio=RATIO, spill=spill) for spill in (0.0, SPILL)]
    return (
        f"At m = {convexity:g} and a hazard of {base:g} the best share is {without['best']:.3f} (s.e. "
        f"{without['best_error']:.3f}; closed form {theory[0]:.4f}), with a spill of {SPILL:g} {spilt['best']:.3f} "
        f"(s.e. {spilt['best_error']:.3f}; {theory[1]:.4f}). Optima certified under caps sell the same as shares held "
        "by hand."
    )


def all_or_nothing(rows: Sequence[Row]) -> str:
    """At m = 1 and xi > 0 the sign changes at the threshold, and the ends are best."""
    mine = pick(rows, panel="share", convexity=1.0, spill=SPILL)
    for base in sorted({row["base"] for row in mine}):
        half, full = (pick(mine, base=base, share=share)[0] for share in (0.5, 1.0))
        slack = 3 * (half["error"] + full["error"])
        assert half["excess"] < max(0.0, full["excess"]) + slack, (half, full)
        if abs(full["excess"]) > 3 * full["error"]:
            assert (full["excess"] > 0) == (base < threshold()), full
    below, above = (end(row["base"] for row in mine) for end in (min, max))
    below, above = (pick(mine, base=base, share=1.0)[0] for base in (below, above))
    for row in (below, above):
        assert abs(row["excess"]) > 3 * row["error"], row
    return (
        f"With a spill of {SPILL:g} and m = 1 it is all or nothing: all traffic brings {below['excess']:.2f} days of "
        f"the head over none at a hazard of {below['base']:g} and {above['excess']:.2f} at {above['base']:g}, and the "
        f"sign changes at {threshold():.3f}."
    )


def concentrated(rows: Sequence[Row]) -> str:
    """P7: equal means, and a variance in proportion to the HHI of firms."""
    mine = sorted(pick(rows, panel="firms"), key=lambda row: row["hhi"])
    for row in mine:
        assert abs(row["mean"] - BASE) < 4 * row["mean_error"], row
        assert abs(row["variance"] - BASE * (1 - BASE) * row["hhi"]) < 4 * row["variance_error"], row
        assert row["missing"] < row["variance"], row
    for before, after in pairwise(mine):
        assert after["variance"] > before["variance"] - 3 * (after["variance_error"] + before["variance_error"]), after
    few, many = mine[-1], mine[0]
    return (
        f"Where firms leave, {BASE:.0%} of GMV leaves a day on average with {many['firms']} and with {few['firms']} of "
        f"them, with a variance of {many['variance']:.4f} at an HHI of {many['hhi']:.2f} and {few['variance']:.4f} at "
        f"{few['hhi']:.2f}; the day after, when others have their traffic, it is {many['missing']:.4f} and "
        f"{few['missing']:.4f}."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"count": COPIES[scale], "seed": options.seed}
    shares, hazards = SHARES[scale], HAZARDS[scale]
    cases = [(base, 1.0, 0.0) for base in PLAIN[scale]]
    cases += [(base, convexity, 0.0) for convexity in POWERS[scale] for base in hazards]
    cases += [(base, SHOWN[0], SPILL) for base in hazards]
    ends = [(base, 1.0, SPILL) for base in ENDS[scale]]
    cells: list = [(held, {"case": case, "shares": shares, "fine": FINE[scale]} | about) for case in cases]
    cells += [(held, {"case": case, "shares": [0.5, 1.0], "fine": 0} | about) for case in ends]
    cells += [(certified, {"share": share, "seed": options.seed}) for share in (0.3, 0.7)]
    cells += [(firms, {"count": count, "draws": DRAWS[scale], "seed": options.seed}) for count in FIRMS]
    Lab.of("head_cap", options).answer(cells, draw, no_cap, interior, all_or_nothing, concentrated, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
