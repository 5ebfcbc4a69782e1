"""Whom do short videos help, and when does a tool that writes them help the tail?

Videos of quality g make an anchor known: W' = (1 - omega) W + videos (g - g*) above g*, and nothing below. Those who
know the anchor buy more: an impression sells 1 + theta W / (W + W0) times as much. Derived here, with W at rest:

- No factor is below 1, so the GMV of a given traffic cannot fall, and rises if anybody seen has g > g*.
- If nobody who sells more than another has lower quality, nobody who sells more has a lower factor: shares of GMV move
  up in the order of sales, and the Gini coefficient does not fall (Jakobsson 1976). If quality is independent of sales,
  the factor is multiplicative noise, a mean-preserving spread of GMV, and the Gini of many anchors does not fall (P2).
  Nothing of this holds where those who sell less have the better videos. The variance of log GMV, s^2 before, becomes
  s^2 + 2 c s t + t^2, t and c spread of the log factor and its correlation with log GMV: it falls iff c < -t / (2 s),
  and so does the Gini as far as GMV stays lognormal, 2 Phi(s / sqrt 2) - 1.
- A tool lifts g < g* by uplift (1 - sameness), which passes g* iff sameness < 1 - (g* - g) / uplift (P2). From there on
  it does nothing at all; below, it lowers the Gini if those whom it lifts sell least and overtake nobody.
- Videos that cost c each pay where theta W / (W + W0) v > c videos, v what an anchor sells without them. With x = c
  videos / (theta v) that is W > W0 x / (1 - x), so from g = g* + omega W0 x / ((1 - x) videos) on. Below g* the whole
  cost is lost ("increased investment and reduced returns", s4).

Assumptions: all parameters of the mechanism; quality lognormal with mean 1, twice g*, and tied by a Gaussian copula to
appeal, the order of GMV under even traffic without videos. Traffic is even, or goes where it sells most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, bars, blank_figure, entries, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

THRESHOLD, UPLIFT = 0.5, 0.5
FORGETTING, LIFT, HALF = 0.1, 0.6, 5.0
REST = 150
"""Periods until W is at rest: .9^150 = 1e-7."""
SPREADS = (0.0, 0.2, 0.4, 0.55, 0.7, 1.0, 1.4)
"""Standard deviation of log quality."""
RELATIONS = (-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
"""Correlation of log quality with the normal score of appeal."""
TIED, SPREAD = (-1.0, 0.0, 1.0), 0.7
"""Relations in (a, b), and the spread in (c)."""
TRAFFIC: dict[str, dy.Policy] = {"even": dy.Even(), "greedy": dy.Greedy()}
TAILS = (0.2, 0.3, 0.4)
"""Quality of the half that a tool is to help, in (d)."""
HELPED = TAILS[0]
"""In (e)."""
SAMENESS = tuple(k / 16 for k in range(17))
COSTS = (0.0, 0.1, 0.3)
"""Of a video, over what an anchor sells a period without videos."""
QUALITIES = tuple(k / 10 for k in range(21))
SIZES = {"full": (1_000, 200), "quick": (200, 40)}
EVERY = {"full": 1, "quick": 2}
"""Of spreads and relations every so many are measured."""
DRAWS, PAIRS = {"full": 12, "quick": 4}, {"full": 6, "quick": 2}
"""Platforms, and pairs of draws of quality on each; errors are those of the mean over platforms."""
FAR = 2.0
"""Standard errors."""
TIES = {-1.0: (VERMILLION, "v", "-."), 0.0: (BLACK, "o", "-"), 1.0: (BLUE, "^", "--")}
HOLLOW = {"markerfacecolor": "white", "linewidth": 0.9, "capsize": 2}
SAID = {-1.0: "opposed to appeal", 0.0: "independent of it", 1.0: "in its order"}
COLUMNS = ("panel", "traffic", "spread", "relation", "draw", "gini", "gini_none", "gmv", "quality", "kind", "sameness")
COLUMNS += ("moved", "cost", "net")


# What is measured.


def videos(quality: Any, **more: float) -> dy.ShortVideo:
    return dy.ShortVideo(quality, THRESHOLD, forgetting=FORGETTING, lift=LIFT, half=HALF, **more)


def sold(platform: al.Platform, policy: dy.Policy, *mechanisms: dy.Mechanism) -> np.ndarray:
    """GMV of each anchor at rest, (A,)."""
    last: list[dy.Outcome] = []
    periods = REST if mechanisms else 1
    dy.simulate(dy.World(platform, mechanisms), policy, periods=periods, rng=stream(0, "none"), watch=last.append)
    return last[-1].gmv


def market(size: tuple[int, int], seed: int, draw: int) -> al.Platform:
    """Public traffic of the preset."""
    return al.public_part(KUAISHOU.draw(*size, rng=stream(seed, f"short_video {size} {draw}")))


def scores(values: np.ndarray) -> np.ndarray:
    """Normal scores: what a normal sample of that size has at each rank, by 1/2-shifted ranks."""
    from scipy.special import ndtri

    return ndtri((np.argsort(np.argsort(values)) + 0.5) / values.size)


def pool(
    traffic: str, spread: float, relation: float, draw: int, size: Sequence[int], pairs: int, seed: int
) -> list[Row]:
    """Gini and total of GMV with the pool, over those without it, on one platform: means over draws of quality, in
    pairs of opposite noise, so that chance ties quality to appeal as often as it opposes the two.
    """
    platform, policy = market(tuple(size), seed, draw), TRAFFIC[traffic]
    appeal, before = scores(sold(platform, dy.Even())), sold(platform, policy)
    rng, noise, ginis, sums, logs = stream(seed, f"quality {size} {draw}"), appeal, [], [], []
    for pair in range(2 * pairs if abs(relation) < 1 else 1):
        noise = -noise if pair % 2 else scores(rng.random(appeal.size))
        log = relation * appeal + np.sqrt(1.0 - relation**2) * noise
        quality = np.exp(spread * log)
        after = sold(platform, policy, videos(quality / quality.mean()))
        ginis.append(al.metrics.gini(after))
        sums.append(after.sum() / before.sum())
        logs.append(beyond(before, after))
    about = {"panel": "pool", "traffic": traffic, "spread": spread, "relation": relation, "draw": draw}
    none = al.metrics.gini(before)
    about |= {"gini_none": none, "gini": float(np.mean(ginis)), "moved": float(np.mean(ginis)) - none}
    return [
        about
        | {"gmv": float(np.mean(sums)), "least_moved": min(ginis) - none, "least_gmv": float(min(sums))}
        | {"beyond": float(np.mean(logs))}
    ]


def beyond(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of log factor and log GMV beyond -t / (2 s), where both are; 0 if all factors are one."""
    sells = (before > 0) & (after > 0)
    log, factor = np.log(before[sells]), np.log(after[sells] / before[sells])
    if factor.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(log, factor)[0, 1] + factor.std() / (2.0 * log.std()))


def moved(platform: al.Platform, quality: np.ndarray) -> list[float]:
    """What a tool does to the Gini of GMV, by how alike its videos are."""
    none = al.metrics.gini(sold(platform, dy.Even(), videos(quality)))
    helped = (videos(quality, uplift=UPLIFT, sameness=sameness) for sameness in SAMENESS)
    return [al.metrics.gini(sold(platform, dy.Even(), mechanism)) - none for mechanism in helped]


def tool(quality: float) -> list[Row]:
    """On a star of equal values, where half of the anchors are below g*."""
    path = moved(al.synthetic.star(np.ones(10)), np.repeat([quality, 1.0], 5))
    about = {"panel": "star", "quality": quality}
    return [about | {"sameness": s, "moved": change} for s, change in zip(SAMENESS, path, strict=True)]


def tool_at_large(kind: str, draw: int, size: Sequence[int], seed: int) -> list[Row]:
    """On a platform where the half below g* sells least, is any half, or sells most."""
    platform = market(tuple(size), seed, draw)
    order = np.argsort(np.argsort(sold(platform, dy.Even())))
    if kind == "any":
        order = stream(seed, f"half {size} {draw}").permutation(order.size)
    low = order >= order.size // 2 if kind == "heads" else order < order.size // 2
    path = moved(platform, np.where(low, HELPED, 1.0))
    about = {"panel": "tool", "kind": kind, "draw": draw}
    return [about | {"sameness": s, "moved": change} for s, change in zip(SAMENESS, path, strict=True)]


def returns(cost: float) -> list[Row]:
    """What videos bring an anchor a period, less what they cost, by quality."""
    count, last = len(QUALITIES), []
    platform = al.Platform(np.arange(count + 1), np.arange(count), np.ones(count), np.ones(count), currency="")
    world = dy.World(platform, (videos(np.array(QUALITIES), cost=cost),))
    path = dy.simulate(world, dy.Even(), periods=REST, rng=stream(0, "none"), watch=last.append)
    each = float(path["video_costs"][-1] - path["video_costs"][-2]) / count
    net = last[-1].gmv - 1.0 - each
    return [
        {"panel": "returns", "cost": cost, "quality": g, "net": float(n)} for g, n in zip(QUALITIES, net, strict=True)
    ]


# What is drawn beside it.


def sameness_from(quality: float) -> float:
    """P2: how alike videos may be for a tool to help."""
    return 1.0 - (THRESHOLD - quality) / UPLIFT


def pays_from(cost: float) -> float:
    """The quality from which videos pay, for one who sells 1 and makes a video a period."""
    x = cost / LIFT
    return THRESHOLD + FORGETTING * HALF * x / (1.0 - x)


def lognormal(rows: Sequence[Row]) -> float:
    """The correlation of quality with appeal at which the spread of log GMV would stay, under even traffic."""
    x, (mean, *_) = over_draws(pick(rows, traffic="even"), "relation", "beyond")
    return float(np.interp(0.0, mean, x))


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.1)
    (ginis, totals, relations), (star, at_large, net) = figure.subplots(2, 3)
    mine = pick(rows, panel="pool")
    draw_spreads(pick(mine, traffic="even"), ginis, "moved")
    draw_spreads(pick(mine, traffic="even"), totals, "gmv")
    draw_relations(pick(mine, spread=SPREAD), relations)
    draw_star(pick(rows, panel="star"), star)
    draw_tool(pick(rows, panel="tool"), at_large)
    draw_returns(pick(rows, panel="returns"), net)
    about = {"loc": "outside lower left", "title": "(a, b) Quality is", "ncols": 3}
    figure.legend(*totals.get_legend_handles_labels(), **about)
    about = {"loc": "outside lower right", "title": "(c) Traffic is", "ncols": 2}
    figure.legend(*relations.get_legend_handles_labels(), **about)
    return figure


def draw_spreads(rows: Sequence[Row], ax: Any, key: str) -> None:
    for relation, look in TIES.items():
        x, (mean, error, *_) = over_draws(pick(rows, relation=relation), "spread", key)
        bars(ax, (x, (mean - (key == "gmv"), error)), look, label=SAID[relation], **HOLLOW)
    ax.set_xlabel("Spread of quality\n(s.d. of its logarithm)")
    if key == "gmv":
        ax.yaxis.set_major_formatter(percent)
        ax.set(ylabel="GMV gained by the pool (%)", ylim=(0, None))
        ax.set_title("(b) even traffic", loc="left")
        return
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.set(ylabel="Gini of GMV, with\nthe pool less without")
    ax.set_title("(a) even traffic; bars: 2 s.e.", loc="left")


def draw_relations(rows: Sequence[Row], ax: Any) -> None:
    looks = {"even": (GREEN, "s", "-"), "greedy": (VERMILLION, "^", "--")}
    said = {"even": "even", "greedy": "where it sells most"}
    for traffic, look in looks.items():
        bars(ax, over_draws(pick(rows, traffic=traffic), "relation", "moved"), look, label=said[traffic], **HOLLOW)
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.axvline(lognormal(rows), color=GREEN, linestyle=":", linewidth=0.9)
    ax.set(xlabel="Correlation of quality\nwith appeal", ylabel="Gini of GMV, with\nthe pool less without")
    ax.set_title(f"(c) spread {SPREAD:g}; bars: 2 s.e.", loc="left")


def draw_star(rows: Sequence[Row], ax: Any) -> None:
    """Dotted: P2."""
    for quality, colour, marker in zip(TAILS, (BLUE, ORANGE, PURPLE), "os^", strict=True):
        mine, star = pick(rows, quality=quality), sameness_from(quality)
        x, y = entries(mine, "sameness", "moved")
        ax.plot(x, y, marker, color=colour, markersize=3.5, markerfacecolor="white", clip_on=False)
        ax.axvline(star, color=colour, linestyle=":", linewidth=0.9)
        ax.text(star + 0.015, -0.059, f"g = {quality:g}", color=colour, rotation=90, va="bottom")
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.set(xlabel="How alike a tool's videos are", ylabel="Gini of GMV, with\nthe tool less without", xlim=(0, 1))
    ax.set_title("(d) equal values; dotted: formula", loc="left")


def draw_tool(rows: Sequence[Row], ax: Any) -> None:
    looks = {"tail": (BLUE, "o", "-"), "any": (BLACK, "s", "--"), "heads": (VERMILLION, "^", "-.")}
    said = {"tail": "who sell least", "any": "any half", "heads": "who sell most"}
    for kind, look in looks.items():
        bars(ax, over_draws(pick(rows, kind=kind), "sameness", "moved"), look, label=said[kind], **HOLLOW)
    ax.axvline(sameness_from(HELPED), color=BLACK, linestyle=":", linewidth=0.9)
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.set(xlabel="How alike a tool's videos are", ylabel="Gini of GMV, with\nthe tool less without", xlim=(0, 1))
    ax.legend(loc="upper right", title=f"At quality {HELPED:g}", borderpad=0, handlelength=1.0, handletextpad=0.4)
    ax.set_title("(e) preset; bars: 2 s.e.", loc="left")


def draw_returns(rows: Sequence[Row], ax: Any) -> None:
    """Stars: from where on videos pay."""
    for cost, colour, marker in zip(COSTS, (GREEN, ORANGE, PURPLE), "os^", strict=True):
        mine = pick(rows, cost=cost)
        x, y = entries(mine, "quality", "net")
        ax.plot(
            x, y, color=colour, marker=marker, markersize=3, markerfacecolor="white", linewidth=0.8, label=f"{cost:g}"
        )
        ax.plot([pays_from(cost)], [0.0], "*", color=colour, markersize=9, markeredgecolor="white", zorder=4)
    ax.axhline(0.0, color=GREY, linewidth=0.6)
    ax.set(xlabel="Quality of videos, g", ylabel="GMV gained less cost of videos\n(of GMV without)")
    ax.set(xlim=(0, 2), ylim=(-0.48, 0.5))
    ax.legend(loc="lower right", title="Cost of a video", borderpad=0)
    ax.set_title("(f) stars: formula", loc="left")


# What is claimed.


def rises(rows: Sequence[Row]) -> str:
    """P2: GMV rises, and the Gini where quality does not fall with appeal."""
    mine, said = pick(rows, panel="pool"), []
    assert all(row["least_gmv"] > 1.0 for row in mine), "GMV fell"
    even = pick(mine, traffic="even")
    assert all(row["least_moved"] > -1e-9 for row in pick(even, relation=1.0)), "the Gini fell with quality in order"
    for relation in TIED:
        x, (mean, error, *_) = over_draws(pick(even, relation=relation), "spread", "moved")
        assert abs(mean[0]) < 1e-6, (relation, mean)
        for spread, change, one in zip(x[1:], mean[1:], error[1:], strict=True):
            assert (change if relation >= 0 else -change) > FAR * one, (relation, spread, change, one)
        place = list(x).index(SPREAD)
        said.append(f"{mean[place]:+.4f} +- {error[place]:.4f} with quality {SAID[relation]}")
    gained = [row["gmv"] - 1.0 for row in pick(even, spread=SPREAD)]
    return (
        f"The pool raises GMV in every draw, by {min(gained):.1%} to {max(gained):.1%} at a spread of {SPREAD:g} and "
        f"even traffic. The Gini moves by {'; '.join(said)}."
    )


def falls(rows: Sequence[Row]) -> str:
    """Where quality falls with appeal the Gini falls; the sign changes once."""
    said = []
    for traffic in TRAFFIC:
        mine = pick(rows, panel="pool", traffic=traffic, spread=SPREAD)
        x, (mean, error, *_) = over_draws(mine, "relation", "moved")
        signs = list(mean > 0)
        turn = signs.index(True)
        assert signs == [place >= turn for place in range(len(x))], (traffic, mean)
        assert 0 < turn <= list(x).index(0.0), (traffic, mean)
        assert mean[0] < -FAR * error[0], (traffic, mean, error)
        zero = float(np.interp(0.0, mean[turn - 1 : turn + 1], x[turn - 1 : turn + 1]))
        said.append(f"{zero:.2f} with {traffic} traffic")
    by_formula = lognormal(pick(rows, panel="pool", spread=SPREAD))
    assert abs(float(said[0].split()[0]) - by_formula) < 0.1, (said, by_formula)
    return (
        f"The Gini falls where the correlation of quality with appeal is below {' and '.join(said)} "
        f"({by_formula:.2f} with even traffic if GMV were lognormal)."
    )


def tools(rows: Sequence[Row]) -> str:
    """P2: a tool moves something iff sameness is below the formula's; what, depends on whom it lifts."""
    for row in pick(rows, panel="star"):
        helps = row["sameness"] < sameness_from(row["quality"]) - 1e-9
        assert (row["moved"] < -1e-9) == helps, row
        assert helps or abs(row["moved"]) < 1e-9, row
    sign, ends = {"tail": -1, "any": -1, "heads": 1}, []
    for kind, direction in sign.items():
        x, (mean, error, *_) = over_draws(pick(rows, panel="tool", kind=kind), "sameness", "moved")
        for sameness, change, one in zip(x, mean, error, strict=True):
            helps = sameness < sameness_from(HELPED) - 1e-9
            clear = direction * change > FAR * one if helps else abs(change) < 1e-9
            assert clear, (kind, sameness, change, one)
        ends.append(f"{mean[0]:+.3f} ({kind})")
    levels = ", ".join(f"{sameness_from(quality):g}" for quality in TAILS)
    return (
        f"A tool helps those at quality {', '.join(map(str, TAILS))} while sameness is below {levels}, and does "
        f"nothing from there on; on the preset, at sameness 0, it moves the Gini by {', '.join(ends)}."
    )


def costs(rows: Sequence[Row]) -> str:
    """Videos below g* lose their cost, and pay from the formula's quality on."""
    for row in pick(rows, panel="returns"):
        if row["quality"] <= THRESHOLD:
            assert abs(row["net"] + row["cost"]) < 1e-9, row
        elif abs(row["quality"] - pays_from(row["cost"])) > 1e-9:
            assert (row["net"] > 0) == (row["quality"] > pays_from(row["cost"])), row
    said = ", ".join(f"{pays_from(cost):g} at {cost:g}" for cost in COSTS)
    return f"Videos pay from a quality of {said} of GMV a video on; below {THRESHOLD:g} all of their cost is lost."


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    every, about = EVERY[scale], {"size": SIZES[scale], "seed": options.seed}
    cases = {("even", spread, relation) for spread in SPREADS[::every] for relation in TIED}
    cases |= {(traffic, SPREAD, relation) for traffic in TRAFFIC for relation in RELATIONS[::every]}
    names = ("traffic", "spread", "relation")
    cells: list = [
        (pool, dict(zip(names, case, strict=True)) | about | {"draw": k, "pairs": PAIRS[scale]})
        for case in sorted(cases)
        for k in range(DRAWS[scale])
    ]
    cells += [(tool, {"quality": quality}) for quality in TAILS]
    cells += [
        (tool_at_large, {"kind": k, "draw": d} | about) for k in ("tail", "any", "heads") for d in range(DRAWS[scale])
    ]
    cells += [(returns, {"cost": cost}) for cost in COSTS]
    Lab.of("short_video", options).answer(cells, draw, rises, falls, tools, costs, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
