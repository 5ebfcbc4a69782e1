"""Which assumed parameter would overturn the ranking of policies?

The full world of `allocator.dynamics.kuaishou_world` is played for a year with one assumption at a time at the ends of
a plausible range and all others as they are. Compared are the policy that leads in `policies.py`, GMV with what fans
will buy later (patience, T2), the most GMV today (myopia), and myopia with .3 of traffic spread evenly, all for the
part of traffic that the platform guides. Asked is the sign of two leads: of patience over myopia, and of myopia over
evenness.

Ranges are assumptions, too; `RANGES` has them with what they mean. Where an assumption is a number for every anchor
(quality, intensity), its spread or its level moves. Private traffic keeps its part at rest when the loss of fans moves.
Patience knows the parameters of its world, but for the rows in which the number, loss or worth of fans moves unnoticed:
there it counts with the baseline. Errors are those of means over draws of platform and chance, which strike all
policies and values alike. An assumption overturns a lead if the lead has the other sign at an end of the range, by two
errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, blank_figure, estimate, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.sensitivity import with_parameter
from allocator.synthetic.presets import KUAISHOU

SIZES = {"full": (150, 40, 365, 6), "quick": (50, 16, 20, 2)}
"""Segments, anchors, days and draws."""
DEGREES, NEWCOMERS, EVENLY, GAP = (10, 30), 0.1, 0.3, 5e-3
"""Anchors that a segment can watch; newcomers, of anchors; part that evenness spreads; what is proved each day."""
BASE = {"discount": 0.99, "patience": 0.99, "part": 0.4}
"""A day's worth over the day before, what patience takes it for, and the part of traffic that is guided."""
UNNOTICED = {"eager": "eager", "efficiency": "Flywheel.efficiency", "decay": "Flywheel.decay"}
"""What of fans patience may be wrong about: it takes the world for the baseline."""
RANGES: dict[str, tuple[float, float, str]] = {
    "part": (0.1, 0.9, "part of traffic that is guided"),
    "discount": (0.95, 0.998, "worth of a day over the day before, δ"),
    "patience": (0.9, 0.998, "δ in which patience believes"),
    "unnoticed eager": (0.3, 6.0, "newcomers' fans over others, unnoticed"),
    "unnoticed efficiency": (1.0, 6.0, "private sales over public, unnoticed"),
    "unnoticed decay": (0.01, 0.1, "fans lost a day, unnoticed"),
    "Flywheel.decay": (0.01, 0.1, "fans lost a day, μ"),
    "Flywheel.efficiency": (1.0, 6.0, "sales of a private impression over public"),
    "eager": (1.0, 6.0, "fans per impression of newcomers over others"),
    "Subsidies.strength": (0.0, 3.0, "fans by red envelopes over others"),
    "Herding.share": (0.2, 0.95, "viewers who follow crowds, h"),
    "Herding.strength": (0.5, 2.0, "pull of crowds, η"),
    "quality": (0.0, 1.5, "spread of video quality, σ"),
    "ShortVideo.lift": (0.0, 2.0, "most that videos lift sales, θ"),
    "intensity": (0.4, 1.6, "selling intensity, over .5"),
    "Trust.erosion": (0.05, 0.8, "trust destroyed a day, d"),
    "Promotion.price": (0.1, 5.0, "price of an impression (RMB)"),
    "Promotion.for_sale": (0.0, 0.4, "part of traffic for sale"),
    "Newcomers.hazard": (0.1, 0.6, "newcomers lost a month, m"),
    "Newcomers.power": (1.2, 6.0, "threshold of survival, k"),
    "viable": (0.25, 2.0, "what a newcomer lives on, over half the median"),
    "Defection.base": (0.0, 0.2, "head's leaving a day with all traffic, λ₀"),
    "Defection.convexity": (0.0, 3.0, "convexity of leaving, m"),
    "Defection.spill": (-0.3, 0.5, "demand that goes with the head, ξ"),
    "Growth.rate": (0.0, 0.002, "growth of traffic a day, g"),
    "Arrivals.rate": (0.0, 0.3, "newcomers a month, over places"),
}
"""Ends of the range and words."""
OVERTURNING = {"unnoticed eager", "unnoticed efficiency"}
QUESTIONS = {"patience": "patience over myopia", "myopia": "myopia over .3 even"}
COLUMNS = ("panel", "question", "parameter", "from", "to", "low", "low_error", "base", "base_error", "high")
COLUMNS += ("high_error", "overturns")


# What is measured.


def drawn(size: tuple[int, ...], seed: int, draw: int) -> dy.World:
    preset = replace(KUAISHOU, degrees=DEGREES, newcomer_share=NEWCOMERS)
    platform = al.public_part(preset.draw(size[0], size[1], rng=stream(seed, f"platform {size} {draw}")))
    return dy.kuaishou_world(platform, rng=stream(seed, f"world {draw}"))


def assumed(world: dy.World, parameter: str, value: float) -> dy.World:
    """The world with an assumption at another value."""
    mine = {type(mechanism): mechanism for mechanism in world.mechanisms}
    if parameter == "eager":
        new = world.platform.anchors["tier"] == "new"
        return with_parameter(world, "Flywheel.conversion", dy.Flywheel.conversion * np.where(new, value, 1.0))
    if parameter == "Flywheel.decay":
        scaled = mine[dy.Flywheel].conversion * (value / dy.Flywheel.decay)
        return with_parameter(with_parameter(world, parameter, value), "Flywheel.conversion", scaled)
    if parameter == "quality":
        order = np.log(mine[dy.ShortVideo].quality)
        noise = (order - order.mean()) / order.std()
        return with_parameter(world, "ShortVideo.quality", np.exp(value * noise - 0.5 * value**2))
    if parameter == "intensity":
        return with_parameter(world, "Trust.intensity", np.minimum(value * mine[dy.Trust].intensity, 1.0))
    if parameter == "viable":
        level = value * mine[dy.Newcomers].lives_on(world.platform)
        return with_parameter(world, "Newcomers.viable", level)
    return world if parameter in BASE else with_parameter(world, parameter, value)


@dataclass(frozen=True, eq=False)
class Believing(dy.Policy):
    """A policy that takes the world for another one."""

    policy: dy.Policy
    world: dy.World

    def __call__(self, view: dy.View) -> dy.Decision:
        return self.policy(replace(view, world=self.world))


def year(parameter: str, value: float, size: tuple[int, int, int, int], seed: int) -> list[Row]:
    """Leads in a year at one value of one assumption, in parts of the GMV of myopia, by draw."""
    stated, rows = BASE | ({parameter: value} if parameter in BASE else {}), []
    if parameter == "discount":
        stated["patience"] = value
    moved = UNNOTICED[parameter.split()[1]] if parameter.startswith("unnoticed") else parameter
    patient = dy.Patient(discount=stated["patience"], relative_gap=GAP)
    for draw in range(size[3]):
        world, sold = drawn(size, seed, draw), {}
        looking = patient if moved == parameter else Believing(patient, world)
        world = world if parameter == "base" else assumed(world, moved, value)
        for name, policy in (("myopic", dy.Greedy()), ("patient", looking), ("even", dy.EpsilonEven(EVENLY))):
            guided = dy.Partly(policy, stated["part"])
            path = dy.simulate(world, guided, periods=size[2], rng=stream(seed, f"year {draw}"))
            assert not path["failed"].any(), (parameter, value, name)
            sold[name] = path.discounted(stated["discount"])
        about = {"panel": "draw", "parameter": parameter, "value": value, "draw": draw}
        leads = {"patience": sold["patient"] - sold["myopic"], "myopia": sold["myopic"] - sold["even"]}
        rows.append(about | {question: lead / sold["myopic"] for question, lead in leads.items()})
    return rows


def compared(rows: Sequence[Row]) -> list[Row]:
    """A row for every question and assumption, as `allocator.dynamics.tornado` has them, the widest first."""
    found = []
    for question in QUESTIONS:
        leads = {}
        for parameter, (low, high, _) in RANGES.items():
            row = {"panel": "tornado", "question": question, "parameter": parameter, "from": low, "to": high}
            ends = {"low": (parameter, low), "base": ("base", 0.0), "high": (parameter, high)}
            for name, (moved, value) in ends.items():
                row |= estimate(name, [one[question] for one in pick(rows, parameter=moved, value=value)])
            side = np.sign(row["base"])
            row["overturns"] = any(side * row[end] < -2 * row[f"{end}_error"] for end in ("low", "high"))
            leads[parameter] = row
        found += sorted(
            leads.values(), key=lambda row: -max(abs(row["high"] - row["base"]), abs(row["low"] - row["base"]))
        )
    return found


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Both leads under the same assumptions in the order of the first."""
    figure = blank_figure(8.2)
    axes = figure.subplots(1, 2, sharey=True)
    words = {parameter: meaning for parameter, (_, _, meaning) in RANGES.items()}
    order = [row["parameter"] for row in pick(rows, panel="tornado", question="patience")]
    for letter, ax, (question, title) in zip("ab", axes, QUESTIONS.items(), strict=True):
        mine = pick(rows, panel="tornado", question=question)
        mine = sorted(mine, key=lambda row: order.index(row["parameter"]))
        al.plots.tornado(mine, ax, words=words, unit="% of GMV today")
        ax.xaxis.set_major_formatter(percent)
        ax.tick_params(axis="y", labelsize=6)
        ax.set_title(f"({letter}) {title}", loc="left")
    axes[0].set_ylim(0.3, len(RANGES) + 0.7)
    return figure


# What is claimed.


def named(rows: Sequence[Row]) -> str:
    """Assumptions with the lead at the end that is nearest to the other sign."""
    said = []
    for row in rows:
        end = min(("low", "high"), key=lambda end, row=row: np.sign(row["base"]) * row[end])
        at = row["from"] if end == "low" else row["to"]
        lead = f"{100 * row[end]:+.1f} % (s.e. {100 * row[f'{end}_error']:.1f})"
        said.append(f"{RANGES[row['parameter']][2]} = {at:.3g}: {lead}")
    return "; ".join(said) or "none"


def overturned(rows: Sequence[Row], *, quick: bool) -> str:
    """Patience falls by what it does not know of fans, and by nothing that it knows; evenness leads nowhere."""
    told = {question: pick(rows, panel="tornado", question=question) for question in QUESTIONS}
    wrong = {question: [row for row in mine if row["overturns"]] for question, mine in told.items()}
    base = {
        name: f"{100 * mine[0]['base']:.1f} % (s.e. {100 * mine[0]['base_error']:.1f})" for name, mine in told.items()
    }
    assert not wrong["myopia"], wrong
    if quick:  # fans need longer to pay
        return f"In {SIZES['quick'][2]} days patience sells {base['patience']} more than GMV today: see a year."
    for mine in told.values():
        assert mine[0]["base"] > 2 * mine[0]["base_error"], mine[0]
    assert {row["parameter"] for row in wrong["patience"]} == OVERTURNING, wrong
    known = [row for row in told["patience"] if not row["parameter"].startswith("unnoticed")]
    near = sorted(known, key=lambda row: min(row["low"], row["high"]))[:4]
    least = sorted(told["myopia"], key=lambda row: min(row["low"], row["high"]))[:1]
    return (
        f"Patience sells {base['patience']} more than GMV today. Of {len(known)} assumptions none overturns that as "
        f"long as the platform knows it; nearest come {named(near)}. Of {len(RANGES) - len(known)} that it may not "
        f"notice these do: {named(wrong['patience'])}. That {EVENLY:g} even costs {base['myopia']} of GMV none "
        f"overturns; nearest comes {named(least)}."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(year, about | {"parameter": "base", "value": 0.0})]
    cells += [(year, about | {"parameter": name, "value": end}) for name, ends in RANGES.items() for end in ends[:2]]
    lab = Lab.of("assumptions", options)
    rows = lab.measured(cells)
    rows += compared(rows)
    lab.finish(draw, rows, columns=COLUMNS)
    print(overturned(rows, quick=options.quick))


if __name__ == "__main__":
    run(main)
