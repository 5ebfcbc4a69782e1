"""Does even traffic pay as a rule or as a phase, where viewers follow the crowd?

n rooms of unlike appeal b share the viewers of one segment. A part eps of them is guided evenly; of the others a part
1 - h goes to rooms in proportion to b, a part h in proportion to b p^eta, with p the shares of the last round. Quality
is sum p b / max b, what a viewer finds over what the best anchor offers. As a rule eps holds for ever; as a phase it
holds for some rounds, and then nobody is guided.

Where theory speaks of equal rooms, its thresholds are drawn beside: with H = (1 - eps) h a head at x is steady iff
H = (x - 1/n) / (q(x) - 1/n), q(x) = x^eta / (x^eta + (n - 1)^(1 - eta) (1 - x)^eta), so that none is from
eps = 1 - min H / h on (derived in `herding.py`). A phase can only undo the luck of the start if it dissolves heads;
a rule also costs its part eps of the viewers the difference between the best anchor and the mean for ever.

Appeal is lognormal with sigma .5, starts are Dirichlet(1), h = .8 and eta = 1.6 unless swept, all of them assumptions;
appeal does not change and nobody comes or leaves. Draws are stars side by side in one platform, and strike all alike.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, entries, estimate, halved, percent, pick, run, stream
from allocator.dynamics import Even, Herding, Phased, Policy, World, simulate
from allocator.dynamics.closed_forms import even_share_to_dissolve
from allocator.plots.style import BLACK, BLUE, PURPLE, SKY, VERMILLION, look

FloatArray = NDArray[np.float64]
ROOMS, SIGMA, ROUNDS = 20, 0.5, 400
SHARE, STRENGTH = 0.8, 1.6
"""h and eta."""
BATCHES = {"full": (20, 100), "quick": (4, 50)}
"""How many platforms of how many draws; errors of paths are over platforms, others over draws."""
SWEPT = {"full": (10, 100), "quick": (4, 50)}
RULES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
LONG, SHORT = (50, 0.6), (10, 0.8)
"""Length and even share of a phase."""
LENGTHS = {"full": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96), "quick": (2, 4, 8, 16, 32)}
EVENS = {"full": tuple(k / 20 for k in range(2, 21, 2)), "quick": (0.2, 0.4, 0.6, 0.8, 1.0)}
STRENGTHS = {"full": (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5), "quick": (0.9, 1.1, 1.3, 1.6, 2.0)}
PUBLISHED = {0.0: 0.81, 0.1: 0.79, 0.2: 0.77, 0.3: 0.73, 0.4: 0.70}
"""Quality under rules (P3); .91 and 94 % of draws after the long phase."""
TOLERANCE = 0.03
EVEN, PHASED = look("even"), look("phased")
LOOKS = {
    "none": (BLACK, "o", "-", "nobody guided"),
    "rule": (EVEN.colour, EVEN.marker, "-.", "a fifth guided evenly for ever"),
    "long": (PHASED.colour, PHASED.marker, "--", f"{LONG[0]} rounds at {100 * LONG[1]:g} %, then none"),
    "short": (PURPLE, "v", ":", f"{SHORT[0]} rounds at {100 * SHORT[1]:g} %, then none"),
}
POLICIES: dict[str, Policy] = {
    "none": Even(0.0),
    "rule": Even(0.2),
    "long": Phased([(LONG[0], Even(LONG[1]))], Even(0.0)),
    "short": Phased([(SHORT[0], Even(SHORT[1]))], Even(0.0)),
}
COLUMNS = ("panel", "way", "strength", "length", "even", "round", "quality", "quality_error", "wins", "wins_error")
COLUMNS += ("gain", "gain_error", "mean", "mean_error", "payback", "payback_error")


# What is measured.


def drawn(seed: int, batch: int, draws: int) -> tuple[FloatArray, FloatArray]:
    """Appeal and starts of the rooms of some stars, (draws, n) each; both sum to 1 in every star."""
    appeal = stream(seed, f"appeal {batch}").lognormal(0.0, SIGMA, (draws, ROOMS))
    starts = stream(seed, f"start {batch}").dirichlet(np.ones(ROOMS), draws)
    return appeal / appeal.sum(axis=1, keepdims=True), starts


@functools.cache
def played(policy: Policy, strength: float, seed: int, size: tuple[int, int]) -> dict[str, FloatArray]:
    """Mean quality by round (batches, T); per draw quality in the end and whether the best anchor leads then.

    The value of an impression is the appeal of its anchor over the best one's in the star, so that GMV is quality.
    """
    paths, quality, wins = [], [], []
    for batch in range(size[0]):
        appeal, starts = drawn(seed, batch, size[1])
        stars, everyone = len(appeal), np.arange(appeal.size, dtype=np.int32)
        worth = appeal / appeal.max(axis=1, keepdims=True)
        platform = al.Platform(np.arange(stars + 1) * ROOMS, everyone, worth.ravel(), np.ones(stars))
        herding = Herding(SHARE, strength, appeal.ravel())
        world = World(platform, (herding,), {"popularity": starts.ravel()})
        found = simulate(world, policy, periods=ROUNDS, rng=stream(seed, "no chance"))
        shares = found.final["exposure"].reshape(appeal.shape)
        paths.append(found["gmv"] / stars)
        quality.append((shares * worth).sum(axis=1))
        wins.append(shares.argmax(axis=1) == appeal.argmax(axis=1))
    return {"paths": np.array(paths), "quality": np.concatenate(quality), "wins": np.concatenate(wins).astype(float)}


def ending(policy: Policy, strength: float, seed: int, size: tuple[int, int]) -> Row:
    """Quality and winners in the end, mean quality, what is gained over no help, and when the sum of that is not
    negative any more (rounds; none where a batch has not got there).
    """
    found, alone = (played(one, strength, seed, size) for one in (policy, POLICIES["none"]))
    row = estimate("quality", found["quality"]) | estimate("wins", found["wins"])
    row |= estimate("gain", found["quality"] - alone["quality"]) | estimate("mean", found["paths"].mean(axis=1))
    ahead = np.cumsum(found["paths"] - alone["paths"], axis=1) >= 0.0
    behind = np.where(ahead.all(axis=1), 0, ROUNDS - ahead[:, ::-1].argmin(axis=1))
    if ahead[:, -1].all():
        row |= estimate("payback", behind + 1.0)
    return row


def courses(seed: int, size: tuple[int, int]) -> list[Row]:
    """Quality round by round, and its mean up to a round."""
    rows = []
    for way, policy in POLICIES.items():
        paths = played(policy, STRENGTH, seed, size)["paths"]
        means = np.cumsum(paths, axis=1) / np.arange(1, ROUNDS + 1)
        for round_ in range(ROUNDS):
            number = {"panel": "course", "way": way, "strength": STRENGTH, "round": round_ + 1}
            rows.append(number | estimate("quality", paths[:, round_]) | estimate("mean", means[:, round_]))
    return rows


def rules(seed: int, size: tuple[int, int]) -> list[Row]:
    """Where every rule, and the two phases, end."""
    rows = [
        {"panel": "rule", "way": "rule", "strength": STRENGTH, "even": even} | ending(Even(even), STRENGTH, seed, size)
        for even in RULES
    ]
    for way, (length, even) in (("long", LONG), ("short", SHORT)):
        about = {"panel": "rule", "way": way, "strength": STRENGTH, "length": length, "even": even}
        rows.append(about | ending(POLICIES[way], STRENGTH, seed, size))
    return rows


def phases(length: int, evens: Sequence[float], seed: int, size: tuple[int, int]) -> list[Row]:
    """Where phases of one length end."""
    about, rows = {"panel": "phase", "strength": STRENGTH, "length": length}, []
    for even in evens:
        policy = Phased([(length, Even(even))], Even(0.0))
        rows.append(about | {"even": even} | ending(policy, STRENGTH, seed, size))
    return rows


def crowds(strength: float, seed: int, size: tuple[int, int]) -> list[Row]:
    """No help, a rule and the long phase, by how strongly crowds attract."""
    about = {"panel": "crowd", "strength": strength}
    return [about | {"way": way} | ending(POLICIES[way], strength, seed, size) for way in ("none", "rule", "long")]


# What theory says of equal rooms.


def cure(strength: float) -> float:
    """The even share from which on no head of equal rooms is steady; below zero where none is without help."""
    return even_share_to_dissolve(ROOMS, SHARE, strength)


def strongest(even: float) -> float:
    """The eta up to which an even share dissolves every head of equal rooms."""
    return halved(1.01, 4.0, 50, lambda strength: cure(strength) < even)[0]


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Quality over rounds, under rules, and on average above; phases by length and strength, payback, crowds below."""
    figure = blank_figure(5.2)
    above, below = figure.subfigures(2, 1, height_ratios=(1.05, 1))
    (course, rule, mean), (phase, payback, crowd) = above.subplots(1, 3), below.subplots(1, 3, width_ratios=(1.3, 1, 1))
    draw_courses(pick(rows, panel="course"), course, "quality")
    course.set(xlim=(0, 80), xlabel="Round", ylabel="Quality (% of the best)")
    course.set_title("(a) quality of a round", loc="left")
    draw_rules(pick(rows, panel="rule"), rule)
    draw_courses(pick(rows, panel="course"), mean, "mean")
    mean.set(xlim=(0, ROUNDS), xlabel="Horizon (rounds)", ylabel="Mean quality (% of the best)")
    mean.set_title("(c) mean up to a horizon", loc="left")
    above.legend(*course.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    draw_phases(pick(rows, panel="phase"), phase)
    draw_payback(pick(rows, panel="phase"), payback)
    draw_crowds(pick(rows, panel="crowd"), crowd)
    return figure


def draw_courses(rows: Sequence[Row], ax: Any, key: str) -> None:
    """Bands: two standard errors."""
    for k, (way, (colour, marker, dashes, label)) in enumerate(LOOKS.items()):
        mine = pick(rows, way=way)
        x, y, error = entries(mine, "round", key, f"{key}_error")
        every = (3 + 4 * k, 18) if key == "quality" else (20 + 20 * k, 90)
        ax.plot(x, y, color=colour, marker=marker, linestyle=dashes, markevery=every, markersize=4, label=label)
        ax.fill_between(x, y - 2 * error, y + 2 * error, color=colour, alpha=0.2, linewidth=0)
    ax.yaxis.set_major_formatter(percent)
    ax.set_ylim(0.45, 0.95)


def draw_rules(rows: Sequence[Row], ax: Any) -> None:
    """Error bars, mostly within their markers: two standard errors."""
    mine, (after,) = pick(rows, way="rule"), pick(rows, way="long")
    for key, marker, dashes in (("quality", "s", "-"), ("wins", "D", "--")):
        x, y, error = entries(mine, "even", key, f"{key}_error")
        bars = {"color": EVEN.colour, "linestyle": dashes, "markersize": 4, "capsize": 2, "elinewidth": 0.8}
        ax.errorbar(x, y, 2 * error, marker=marker, markerfacecolor="none", **bars)
        ax.plot([x[0], x[-1]], [after[key]] * 2, color=PHASED.colour, linestyle=dashes)
    ax.yaxis.set_major_formatter(percent)
    ax.xaxis.set_major_formatter(percent)
    ax.set(xlabel="Even share for ever (%)", ylabel="Quality (% of the best), draws (%)", ylim=(0.4, 1.0))
    ax.text(0.02, 0.835, "quality")
    ax.text(0.25, 0.47, "draws in which the\nbest anchor leads")
    ax.set_title(f"(b) after {ROUNDS} rounds", loc="left")


def draw_phases(rows: Sequence[Row], ax: Any) -> None:
    cells = [row | {"length": float(np.log10(row["length"]))} for row in rows]
    line = [{"length": length, "even": cure(STRENGTH)} for length in (-1.0, 3.0)]
    words = {"length": "Length of the phase (rounds)", "even": "Even share in the phase (%)"}
    words |= {"quality": "Quality in the end (% of the best)", "boundary": "equal rooms: heads dissolve"}
    al.plots.phase_diagram(cells, ax, x="length", y="even", value="quality", boundary=line, words=words)
    lengths = [row["length"] for row in rows]
    ticks = [length for length in (1, 2, 4, 8, 16, 32, 64) if min(lengths) <= length <= max(lengths)]
    ax.set_xticks(np.log10(ticks), [str(tick) for tick in ticks])
    ax.set_ylim(top=1.0)
    ax.yaxis.set_major_formatter(percent)
    ax.collections[0].colorbar.ax.yaxis.set_major_formatter(percent)
    ax.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none", borderaxespad=0.8)
    ax.set_title("(d) phases", loc="left")


def draw_payback(rows: Sequence[Row], ax: Any) -> None:
    """When a phase has brought as much quality in sum as no help has."""
    looks = zip((0.2, 0.4, 0.6, 0.8, 1.0), (SKY, BLUE, PHASED.colour, PURPLE, VERMILLION), "ov8sD", strict=True)
    for even, colour, marker in looks:
        mine = [row for row in pick(rows, even=even) if "payback" in row]
        x, y, error = entries(mine, "length", "payback", "payback_error")
        bars = {"color": colour, "markersize": 3.5, "capsize": 2, "elinewidth": 0.8, "linewidth": 0.8}
        ax.errorbar(x, y, 2 * error, marker=marker, markerfacecolor="none", label=percent(even), **bars)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(lambda tick, _: f"{tick:g}")
    ax.yaxis.set_major_formatter(lambda tick, _: f"{tick:g}")
    ax.set(xlabel="Length of the phase (rounds)", ylabel="Rounds until it has paid")
    ax.legend(title="even share (%)", loc="upper left", ncols=2, columnspacing=1.0, handlelength=1.5)
    ax.set_title("(e) when a phase has paid", loc="left")


def draw_crowds(rows: Sequence[Row], ax: Any) -> None:
    for way in ("none", "rule", "long"):
        colour, marker, dashes, _ = LOOKS[way]
        mine = pick(rows, way=way)
        x, y, error = entries(mine, "strength", "quality", "quality_error")
        bars = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4, "capsize": 2}
        ax.errorbar(SHARE * x, y, 2 * error, elinewidth=0.8, **bars)
    for strength in (strongest(0.0), strongest(LONG[1])):
        ax.axvline(SHARE * strength, color=BLACK, linestyle=":", linewidth=0.8)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="h η", ylabel="Quality in the end (% of the best)")
    ax.set_title("(f) by pull of crowds", loc="left")


# What is claimed.


def close(found: float, error: float, published: float) -> bool:
    """Within the tolerance of what is published, beside chance."""
    return abs(found - published) <= TOLERANCE + 2 * error


def evenness(rows: Sequence[Row]) -> str:
    """P3: a rule lowers quality although the best anchor leads more often; a phase raises both."""
    mine = pick(rows, panel="rule", way="rule")
    for before, after in pairwise(mine):
        assert after["quality"] < before["quality"], (before, after)
        assert after["wins"] >= before["wins"], (before, after)
    for row in mine[1:]:
        assert row["gain"] + 2 * row["gain_error"] < 0, row
    for row in mine:
        if row["even"] in PUBLISHED:
            assert close(row["quality"], row["quality_error"], PUBLISHED[row["even"]]), row
    assert close(mine[0]["wins"], mine[0]["wins_error"], 0.5), mine[0]
    (phase,) = pick(rows, panel="rule", way="long")
    assert close(phase["quality"], phase["quality_error"], 0.91), phase
    assert close(phase["wins"], phase["wins_error"], 0.94), phase
    assert phase["gain"] > 5 * phase["gain_error"], phase
    qualities = ", ".join(f"{row['quality']:.3f}" for row in mine if 0 < row["even"] <= 0.4)
    return (
        f"Without help the best anchor leads in {mine[0]['wins']:.0%} of draws and quality is {mine[0]['quality']:.3f} "
        f"(standard error {mine[0]['quality_error']:.3f}) of the best; an even share of .1 to .4 for ever makes it "
        f"{qualities}, though the best anchor leads in up to {pick(mine, even=0.4)[0]['wins']:.0%}; "
        f"{LONG[0]} rounds at {LONG[1]:g} and none after make it {phase['quality']:.3f} "
        f"({phase['quality_error']:.4f}), and the best anchor leads in {phase['wins']:.0%}."
    )


def enough(rows: Sequence[Row]) -> str:
    """A phase needs to be strong enough to dissolve heads, and then not long; it pays back later the longer it is."""
    mine, needed = pick(rows, panel="phase"), cure(STRENGTH)
    longest, ends = max(row["length"] for row in mine), {}
    for name, side in (("below", lambda e: e < needed - 0.04), ("above", lambda e: e > needed + 0.04)):
        ends[name] = [row["quality"] for row in pick(mine, length=longest) if side(row["even"])]
    assert max(ends["below"]) < min(ends["above"]), ends
    paid = [row for row in mine if "payback" in row]
    first = min(paid, key=lambda row: row["payback"])
    strong = sorted((row for row in paid if row["even"] == 0.8), key=lambda row: row["length"])
    for before, after in pairwise(strong):
        assert before["length"] < 4 or after["payback"] > before["payback"], (before, after)
    course = {way: [row["mean"] for row in pick(rows, panel="course", way=way)] for way in ("none", "rule")}
    assert all(rule < none for rule, none in zip(course["rule"], course["none"], strict=True))
    assert all("payback" not in row for row in pick(rows, panel="rule", way="rule") if row["even"] > 0)
    short, long = (pick(rows, panel="rule", way=way)[0] for way in ("short", "long"))
    assert short["quality"] > long["quality"] - 0.01, (short, long)
    assert short["payback"] < long["payback"] < ROUNDS, (short, long)
    return (
        f"The longest phases end at {max(ends['below']):.3f} or less below the even share of {needed:.3f} that "
        f"dissolves heads of equal rooms, and at {min(ends['above']):.3f} or more above it. A phase has brought more "
        f"quality in sum than no help, which no rule does, after {long['payback']:.0f} rounds ({LONG[0]} at "
        f"{LONG[1]:g}), {short['payback']:.0f} ({SHORT[0]} at {SHORT[1]:g}), at the earliest after "
        f"{first['payback']:.0f} ({first['length']} at {first['even']:g}); with a shorter horizon no help is best."
    )


def needed(rows: Sequence[Row]) -> str:
    """Where crowds pull too little for a head to stay, a phase changes nothing; a rule costs everywhere."""
    mine, fold = pick(rows, panel="crowd"), SHARE * strongest(0.0)
    gains = {round(SHARE * row["strength"], 9): row for row in pick(mine, way="long")}
    for product, row in gains.items():
        if product < fold:
            assert abs(row["gain"]) < 0.01, row
        elif product > 1.0:
            assert row["gain"] > 3 * row["gain_error"] > 0, row
    for row in pick(mine, way="rule"):
        assert row["gain"] + 2 * row["gain_error"] < 0, row
    best = max(gains, key=lambda product: gains[product]["gain"])
    return (
        f"Below h eta = {fold:.3f}, where no head of equal rooms stays, the phase changes quality by less than .01; "
        f"its gain is largest at h eta = {best:.2f}, {gains[best]['gain']:.3f} ({gains[best]['gain_error']:.3f}); a "
        f"rule of .2 lowers quality everywhere. Beyond {SHARE * strongest(LONG[1]):.2f} a share of {LONG[1]:g} no "
        "longer dissolves every head of equal rooms."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about, swept = ({"seed": options.seed, "size": sizes[scale]} for sizes in (BATCHES, SWEPT))
    cells: list = [(courses, about), (rules, about)]
    cells += [(phases, swept | {"length": length, "evens": EVENS[scale]}) for length in LENGTHS[scale]]
    cells += [(crowds, swept | {"strength": strength}) for strength in STRENGTHS[scale]]
    Lab.of("evenness_phase", options).answer(cells, draw, evenness, enough, needed, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
