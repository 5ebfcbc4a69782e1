"""What is a public impression worth once it makes fans, and what does a platform lose that does not look ahead?

Fans of an anchor become F' = (1 - mu) F + kappa e a day, e its public impressions, and bring a F private ones, each of
which sells four times the anchor's mean public one vbar (s4). Derived here:

- At rest F = kappa e / mu, so there are a kappa / mu private impressions to a public one: 3/7 makes 70 % public (s4),
  and with the factor of four 12/7 / (1 + 12/7) = 63.16 % of GMV private.
- An impression makes kappa fans, of whom (1 - mu)^(s - 1) are left s days later. With the discount factor d it is worth
  v + vbar c, c = 4 a kappa d / (1 - d (1 - mu)) (T2), which is 2.7143 v for v = vbar as d nears 1.
- If fans buy six times as often as others (s4) and are parts phi_p of private and phi_b of public viewers, a private
  impression sells (1 + 5 phi_p) / (1 + 5 phi_b) times a public one. That is 4 where phi_b = (phi_p - .6) / 4 (T3).
- Discounted GMV is the sum over days and edges of d^t x_et (v_e + vbar_j c_j): linear in the flow, so `Patient`, which
  takes the best edge by v_e + vbar_j c_j every day, is best of all policies, and at d = 0 it is myopic. The two agree
  for every d if one c goes with the same vbar for all, which adds a constant to every edge, or with values that depend
  on the anchor alone, v_e = vbar_j, which multiplies all by 1 + c. In general they differ even with one kappa for all.

Assumptions: mu = .03; newcomers are a fifth of the anchors, stay new, and have ``ratio`` times the kappa of everybody
else. The platform starts without fans; discounted GMV is that of a year and of what the fans of its last day bring
until they are gone, which counts all that the traffic of the year does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, band, blank_figure, entries, mean_of, over_draws, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from allocator.synthetic.presets import KUAISHOU

DECAY, EFFICIENCY, BUYS = 0.03, 4.0, 6.0
PRIVATE = 3 / 7
"""Private impressions to a public one at rest."""
BOOSTS: dict[str, dict[str, float]] = {
    "live alone": {},
    "short videos": {"short_video": 1.0},
    "envelopes": {"subsidy": 1.0},
}
"""Fan growth by 20 % (s4), and doubled: half of it comes from red envelopes (s4)."""
REST = 600
"""Days until fans no longer change."""
DECAYS = (0.01, 0.03, 0.1)
PATIENCE = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
DISCOUNTS = PATIENCE[:7]
"""Discount factors a day: of one impression, and of a platform."""
MIXES = (0.6, 0.7, 0.8, 0.9, 1.0)
SAMPLES, VIEWERS, RATE = 16, 100_000, 0.01
"""Samples of viewers, and the part of those who are no fans that buys: an assumption that cancels."""
RATIOS, DRAWN = (1, 2, 3, 4, 5, 6), (1, 3, 6)
DAYS = {"full": (365, 500), "quick": (60, 300)}
"""Days of traffic, and days after them over which fans are counted while they last."""
NEWCOMERS = 0.2
SIZES = {"full": (1_000, 200), "quick": (200, 40)}
DRAWS = {"full": 3, "quick": 1}
LEAST = 1e-9
KINDS = {"drawn": (BLUE, "o", "-"), "equal": (ORANGE, "s", "--")}
NAMES = {"drawn": "values as drawn", "equal": "own means equal"}
LOOKS = {1: (GREY, "s", "--"), 3: (GREEN, "^", "-."), 6: (PURPLE, "D", "-")}
COLUMNS = ("panel", "kind", "day", "mu", "discount", "worth", "private", "private_gmv", "gmv")
COLUMNS += ("fans_private", "fans_public", "error", "ratio", "draw", "myopic", "patient", "gain", "gain_year")


# What is measured.


def single(impressions: float, value: float = 1.0) -> al.Platform:
    """One segment and one anchor."""
    return al.Platform([0, 1], [0], [value], [impressions])


def played(platform: al.Platform, wheel: dy.Flywheel, policy: dy.Policy, days: int, fans: Any = 0.0) -> dy.Trajectory:
    """A run; the flywheel draws no random numbers."""
    return dy.simulate(dy.World(platform, (wheel,), {"fans": fans}), policy, periods=days, rng=stream(0, "none"))


def rest(days: int) -> list[Row]:
    """Paths from no fans to rest: plain, with more fans per impression, and with more and better traffic, too."""
    runs = {kind: played(single(1.0), dy.Flywheel(**more), dy.Even(), days) for kind, more in BOOSTS.items()}
    # s4: exposure +80 %, an impression on others than fans sells +25 %; what a fan buys stays as it was
    wheel = dy.Flywheel(short_video=1.0, efficiency=EFFICIENCY / 1.25)
    runs["both pools"] = played(single(1.8, 1.25), wheel, dy.Even(), days)
    rows = []
    for kind, path in runs.items():
        shares = {
            "private": path["private"] / (path["private"] + path["exposure"]),
            "private_gmv": path["gmv_private"] / path["gmv"],
            "gmv": path["gmv"],
        }
        for day in [*range(0, 301, 20), days - 1]:
            about = {"panel": "rest", "kind": kind, "day": day, "last": day == days - 1}
            rows.append(about | {name: float(share[day]) for name, share in shares.items()})
    return rows


def impression(mu: float) -> list[Row]:
    """The worth of one more impression on the first day: what a run sells with it, less what it sells without."""
    days = round(30 / mu)
    wheel = dy.Flywheel(decay=mu, conversion=mu * PRIVATE)
    more = played(single(2.0), wheel, dy.Phased([(1, dy.Even(1.0))], dy.Even(0.5)), days)
    less = played(single(2.0), wheel, dy.Even(0.5), days)
    return [
        {"panel": "worth", "mu": mu, "discount": d, "worth": more.discounted(d) - less.discounted(d)} for d in PATIENCE
    ]


def viewers(part: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """What fans and others among so many viewers buy, where ``part`` of them are fans: (samples, parts)."""
    fans = rng.binomial(VIEWERS, part, (SAMPLES, np.size(part)))
    return rng.binomial(fans, BUYS * RATE), rng.binomial(VIEWERS - fans, RATE)


def audience(fans_private: float, seed: int) -> list[Row]:
    """The part of fans in public traffic at which private viewers buy four times as often, by a line through samples,
    and what fans then are of all impressions and sales.
    """
    rng, grid = stream(seed, f"audience {fans_private}"), np.linspace(0.0, 0.2, 21)
    private, public, found = sum(viewers(fans_private, rng)), sum(viewers(grid, rng)), []
    for bought, others in zip(private[:, 0], public, strict=True):
        slope, level = np.polyfit(grid, EFFICIENCY * others / bought, 1)
        found.append((1.0 - level) / slope)
    (mix, error), weights = mean_of(found), np.array([PRIVATE, 1.0]) / (1.0 + PRIVATE)
    parts = np.array([fans_private, max(mix, 0.0)])
    by_fans, by_others = (weights @ sales.mean(axis=0) for sales in viewers(parts, rng))
    about = {"panel": "audience", "fans_private": fans_private, "fans_public": mix, "error": error}
    return [about | {"of_impressions": float(weights @ parts), "of_sales": float(by_fans / (by_fans + by_others))}]


def market(kind: str, size: tuple[int, int], seed: int, draw: int) -> al.Platform:
    """Public traffic of the preset with more newcomers: values as drawn, scaled to the same mean for every anchor
    ("equal"), or that mean alone ("alone")."""
    drawn = replace(KUAISHOU, newcomer_share=NEWCOMERS).draw(*size, rng=stream(seed, f"flywheel {size} {draw}"))
    platform = al.public_part(drawn)
    own = dy.World(platform).mean_value[platform.anchor]
    value = {"drawn": platform.value, "equal": platform.value / own, "alone": own}[kind]
    return replace(platform, value=value)


def myopia(drawn: Row) -> list[Row]:
    """The private parts on a platform at rest that sends every impression where it sells most."""
    path = played(market("drawn", **drawn), dy.Flywheel(), dy.Optimal(relative_gap=LEAST), REST)
    last = {name: float(path[name][-1]) for name in ("private", "exposure", "gmv_private", "gmv")}
    shares = {"private": last["private"] / (last["private"] + last["exposure"])}
    shares["private_gmv"] = last["gmv_private"] / last["gmv"]
    return [{"panel": "rest", "kind": "platform", "draw": drawn["draw"], "day": REST - 1} | shares]


def patience(kind: str, ratio: float, discounts: Sequence[float], days: tuple[int, int], drawn: Row) -> list[Row]:
    """A patient platform beside a myopic one: newcomers' part of public traffic, and discounted GMV."""
    platform, (served, after) = market(kind, **drawn), days
    new = platform.anchors["tier"] == "new"
    wheel = dy.Flywheel(conversion=DECAY * PRIVATE * np.where(new, ratio, 1.0))

    def year(policy: dy.Policy) -> tuple[dy.Trajectory, dy.Trajectory, float]:
        path = played(platform, wheel, policy, served)
        # values do not change, so flows do not either, and traffic is in proportion to fans over kappa
        traffic = path.final["fans"] / wheel.fans_per_impression(platform)
        last = played(platform, wheel, dy.Even(0.0), after, path.final["fans"])
        return path, last, float(traffic[new].sum() / traffic.sum())

    def worth(path: dy.Trajectory, last: dy.Trajectory, d: float) -> float:
        return path.discounted(d) + d**served * last.discounted(d)

    rows, (myopic, left, share) = [], year(dy.Optimal(relative_gap=LEAST))
    for d in discounts:
        path, last, mine = year(dy.Patient(discount=d, relative_gap=LEAST))
        about = {"panel": "platform", "kind": kind, "ratio": ratio, "draw": drawn["draw"], "discount": d}
        about |= {"gain": worth(path, last, d) / worth(myopic, left, d) - 1.0, "myopic": share, "patient": mine}
        about |= {"gain_year": path.discounted(d) / myopic.discounted(d) - 1.0}
        rows.append(about)
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.2)
    (at_rest, worth, mixes), (traffic, gains, ratios) = figure.subplots(2, 3)
    draw_rest(pick(rows, panel="rest"), at_rest)
    draw_worth(pick(rows, panel="worth"), worth)
    draw_audience(pick(rows, panel="audience"), mixes)
    mine = pick(rows, panel="platform")
    draw_traffic(pick(mine, kind="drawn"), traffic)
    draw_gains(mine, gains)
    draw_ratios(pick(mine, discount=DISCOUNTS[-1]), ratios)
    handles, labels = (a + b for a, b in zip(*(ax.get_legend_handles_labels() for ax in (gains, traffic)), strict=True))
    title = "(d, e) Fans per impression of a newcomer, over everybody else's"
    figure.legend(handles, labels, title=title, loc="outside lower center", ncols=5, columnspacing=1.2)
    return figure


def draw_rest(rows: Sequence[Row], ax: Any) -> None:
    """Paths; dotted: what s4 has."""
    looks = zip(BOOSTS, (BLACK, GREEN, VERMILLION), "os^", strict=True)
    for kind, colour, marker in looks:
        mine = [row for row in pick(rows, kind=kind) if not row["last"]]
        for key, fill in (("private", colour), ("private_gmv", "white")):
            look = {"color": colour, "marker": marker, "markerfacecolor": fill, "markersize": 3, "linewidth": 0.8}
            label = kind if key == "private" else None
            ax.plot(*entries(mine, "day", key), label=label, **look)
    for level in (0.3, 1.2 / 1.9):
        ax.axhline(level, color=BLACK, linestyle=":", linewidth=0.9)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Day", ylabel="Private part (%)", xlim=(0, 300), ylim=(0, 1))
    ax.legend(loc="upper right", fontsize=6, ncols=2, columnspacing=0.8, handlelength=1.4, borderpad=0)
    ax.set_title("(a) filled: impressions, hollow: GMV", loc="left")


def by_patience(ax: Any, discounts: Sequence[float]) -> None:
    """An axis of discount factors on which days ahead, 1 / (1 - d), are equally far apart in logarithms."""
    ax.set_xscale("log")
    ax.set_xticks([1 / (1 - d) for d in discounts], [f"{d:g}".lstrip("0") or "0" for d in discounts])
    ax.minorticks_off()
    ax.set_xlabel("Discount factor a day, δ")


def draw_worth(rows: Sequence[Row], ax: Any) -> None:
    """Markers: simulated; lines: T2."""
    ahead = np.geomspace(1, 1e4, 200)
    for mu, colour, marker in zip(DECAYS, (BLUE, BLACK, ORANGE), "^os", strict=True):
        mine = pick(rows, mu=mu)
        theory = [dy.closed_forms.impression_value(1 - 1 / days, decay=mu, growth=mu * PRIVATE) for days in ahead]
        ax.plot(ahead, theory, color=colour, linewidth=0.9)
        x, y = entries(mine, "discount", "worth")
        ax.plot(1 / (1 - x), y, marker, color=colour, markerfacecolor="none", label=f"μ = {mu:g}", clip_on=False)
    ax.axhline(1 + EFFICIENCY * PRIVATE, color=GREY, linestyle=":")
    by_patience(ax, (0.0, 0.9, 0.99, 0.999, 0.9999))
    ax.set(ylabel="Worth of one more public\nimpression (of its sale at once)", ylim=(0.9, 2.9))
    ax.legend(loc="lower right")
    ax.set_title("(b) lines: closed form", loc="left")


def draw_audience(rows: Sequence[Row], ax: Any) -> None:
    x, y, error = entries(rows, "fans_private", "fans_public", "error")
    ax.plot([0.6, 1.0], [dy.closed_forms.public_fan_share(share) for share in (0.6, 1.0)], color=BLACK, linewidth=0.9)
    ax.errorbar(x, y, 2 * error, fmt="o", color=BLACK, markerfacecolor="none", capsize=2, linewidth=0.9)
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Fans among private viewers (%)", ylabel="Fans among public viewers (%)")
    ax.set_title("(c) line: closed form, bars: 2 s.e.", loc="left")


def draw_traffic(rows: Sequence[Row], ax: Any) -> None:
    for ratio, look in LOOKS.items():
        x, shares = over_draws(pick(rows, ratio=ratio), "discount", "patient")
        band(ax, (1 / (1 - x), shares), look)
    ax.axhline(np.mean([row["myopic"] for row in rows]), color=VERMILLION, linestyle=":", label="myopic")
    by_patience(ax, DISCOUNTS)
    ax.yaxis.set_major_formatter(percent)
    ax.set(ylabel="Public traffic of newcomers (%)", ylim=(0, 1))
    ax.set_title("(d) band: range of draws", loc="left")


def draw_gains(rows: Sequence[Row], ax: Any) -> None:
    for ratio, look in LOOKS.items():
        x, gains = over_draws(pick(rows, ratio=ratio, kind="drawn"), "discount", "gain")
        band(ax, (1 / (1 - x), gains), look, label=f"{ratio} times" if ratio > 1 else "the same")
    x, gains = over_draws(pick(rows, ratio=1, kind="equal"), "discount", "gain")
    band(ax, (1 / (1 - x), gains), (ORANGE, "s", ":"), label="the same, own means equal")
    by_patience(ax, DISCOUNTS)
    ax.yaxis.set_major_formatter(percent)
    ax.set(ylabel="Discounted GMV of patient\nover myopic (%)")
    ax.set_title("(e) band: range of draws", loc="left")


def draw_ratios(rows: Sequence[Row], ax: Any) -> None:
    for kind, look in KINDS.items():
        band(ax, over_draws(pick(rows, kind=kind), "ratio", "gain"), look, label=NAMES[kind])
    ax.yaxis.set_major_formatter(percent)
    ax.set(xlabel="Newcomers' fans per impression,\nover everybody else's", xticks=RATIOS)
    ax.set_ylabel("Discounted GMV of patient\nover myopic (%)")
    ax.legend(loc="upper left")
    ax.set_title(f"(f) at δ = {DISCOUNTS[-1]:g}", loc="left")


# What is claimed.


def figures_of_s4(rows: Sequence[Row]) -> str:
    """At rest 70 % of impressions are public, and 63.16 % of GMV is private; better traffic brings what it should."""
    end = {row["kind"]: row for row in pick(rows, panel="rest", last=True)}
    crowd = pick(rows, panel="rest", kind="platform")
    assert all(abs(row["private"] - 0.3) < 1e-6 for row in crowd), crowd
    private = np.mean([row["private_gmv"] for row in crowd])
    alone, better = end["live alone"], end["both pools"]
    assert abs(alone["private"] - 0.3) < 1e-6, alone
    assert abs(alone["private_gmv"] - 1.2 / 1.9) < 1e-6, alone
    assert abs(better["gmv"] / alone["gmv"] - (2.25 + 1.8 * 1.2 * 12 / 7) / (1 + 12 / 7)) < 1e-6, better
    videos, envelopes = (end[kind]["private"] for kind in ("short videos", "envelopes"))
    assert alone["private"] < videos < envelopes, end
    return (
        f"At rest {1 - alone['private']:.1%} of impressions are public, {alone['private_gmv']:.2%} of GMV is private. "
        f"Private impressions are {videos:.1%} with short videos and {envelopes:.1%} with red envelopes. 80 % more "
        f"exposure, 25 % more per impression and short videos make {better['gmv'] / alone['gmv']:.3f} times the GMV. "
        f"On a platform that sends every impression where it sells most {private:.1%} of GMV is private, as its public "
        "impressions sell more than their anchors' means."
    )


def worths(rows: Sequence[Row]) -> str:
    """T2, at every rate of loss."""
    mine = pick(rows, panel="worth")
    for row in mine:
        mu = row["mu"]
        theory = dy.closed_forms.impression_value(row["discount"], decay=mu, growth=mu * PRIVATE)
        assert abs(row["worth"] - theory) < 1e-6, (row, theory)
    at = {row["discount"]: row["worth"] for row in pick(mine, mu=DECAY)}
    return (
        f"One more public impression sells {at[0.0]:.4f} at d = 0, {at[0.9]:.4f} at .9, {at[0.99]:.4f} at .99 and "
        f"{at[0.9999]:.4f} at .9999 times what it sells at once."
    )


def mixture(rows: Sequence[Row]) -> str:
    """T3, within four standard errors."""
    mine = pick(rows, panel="audience")
    for row in mine:
        assert abs(row["fans_public"] - dy.closed_forms.public_fan_share(row["fans_private"])) < 4 * row["error"], row
    pure = pick(mine, fans_private=1.0)[0]
    return (
        f"With fans alone in private traffic {pure['fans_public']:.1%} (s.e. {pure['error']:.2%}) of public viewers "
        f"are fans, who are {pure['of_impressions']:.0%} of impressions and {pure['of_sales']:.1%} of GMV."
    )


def grows(rows: Sequence[Row]) -> str:
    """P1: the gap between patient and myopic vanishes at d = 0 and grows with d; being patient never costs GMV."""
    mine = pick(rows, panel="platform")
    for row in mine:
        assert row["gain"] >= -1e-9, row
        if row["discount"] == 0.0:
            assert abs(row["gain"]) < 1e-9, row
            assert abs(row["patient"] - row["myopic"]) < 1e-9, row
    for ratio in DRAWN[1:]:
        for draw_ in {row["draw"] for row in mine}:
            path = sorted(pick(mine, kind="drawn", ratio=ratio, draw=draw_), key=lambda row: row["discount"])
            for before, after in pairwise(path):
                assert after["gain"] > before["gain"], (before, after)
                assert after["patient"] > before["patient"], (before, after)
    gain, year, share, myopic = (mean(mine, key, ratio=3) for key in ("gain", "gain_year", "patient", "myopic"))
    return (
        f"With three times the fans per impression newcomers get {myopic:.1%} of public traffic from a myopic platform "
        f"and {share:.1%} from a patient one at d = {DISCOUNTS[-1]:g}, which sells {gain:.1%} more ({year:.1%} until "
        f"the last day alone); both gaps are nil at d = 0 and grow with d."
    )


def mean(rows: Sequence[Row], key: str, *, ratio: int, kind: str = "drawn") -> float:
    return float(np.mean([row[key] for row in pick(rows, kind=kind, ratio=ratio, discount=DISCOUNTS[-1])]))


def vacuous(rows: Sequence[Row]) -> str:
    """With one kappa patient is myopic if own means are equal or are all there is to values, and not else."""
    mine = pick(rows, panel="platform", ratio=1)
    for kind in ("equal", "alone"):
        assert all(abs(row["gain"]) < 1e-9 for row in pick(mine, kind=kind)), kind
    drawn = pick(mine, kind="drawn", discount=DISCOUNTS[-1])
    assert all(row["gain"] > 1e-3 for row in drawn), drawn
    moved = [mean(mine, key, ratio=1) for key in ("myopic", "patient")]
    for kind in KINDS:
        for draw_ in {row["draw"] for row in rows if "draw" in row}:
            swept = pick(rows, panel="platform", kind=kind, draw=draw_, discount=DISCOUNTS[-1])
            path = [row["gain"] for row in sorted(swept, key=lambda row: row["ratio"])]
            assert all(after > before for before, after in pairwise(path)), (kind, draw_, path)
    return (
        "With one kappa for all the two agree if all anchors have one mean value, or values depend on the anchor "
        f"alone. With values as drawn patience still brings {mean(mine, 'gain', ratio=1):.1%}, by anchors whose fans "
        f"buy more; newcomers have {moved[1]:.1%} of traffic in place of {moved[0]:.1%}. The gain grows with the ratio "
        "of kappas."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    cells: list = [(rest, {"days": REST})]
    cells += [(impression, {"mu": mu}) for mu in DECAYS]
    cells += [(audience, {"fans_private": mix, "seed": options.seed}) for mix in MIXES]
    for draw_ in range(DRAWS[scale]):
        drawn = {"size": SIZES[scale], "seed": options.seed, "draw": draw_}
        wanted = [("drawn", ratio, DISCOUNTS if ratio in DRAWN else DISCOUNTS[-1:]) for ratio in RATIOS]
        wanted += [("equal", ratio, DISCOUNTS if ratio == 1 else DISCOUNTS[-1:]) for ratio in RATIOS]
        wanted += [("alone", 1, DISCOUNTS[::3])]
        cells.append((myopia, {"drawn": drawn}))
        about = {"days": DAYS[scale], "drawn": drawn}
        cells += [(patience, {"kind": k, "ratio": r, "discounts": list(ds)} | about) for k, r, ds in wanted]
    Lab.of("flywheel", options).answer(cells, draw, figures_of_s4, worths, mixture, grows, vacuous, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
