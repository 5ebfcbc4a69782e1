"""Which assumed parameter would overturn the ranking of policies?

The full world of `allocator.dynamics.kuaishou_world` is played for a year with one assumption at a time at the ends of
a plausible range and all others as they are. Compared are those that lead `policies.py`: GMV with what fans will buy
later (patient, T2), the same with viable floors for newcomers (T5), and the most GMV today (myopic), all three for the
part of traffic that the platform guides. Asked is the sign of two leads: of patience over myopia, and of the runner-up,
patience with floors, over patience alone.

Ranges are assumptions, too; `RANGES` has them with what they mean. Where an assumption is a number for every anchor
(quality, intensity), its spread or its level moves. Private traffic keeps its part at rest when the loss of fans moves.
Patience knows the parameters of its world; the row of its own discount factor alone lets it be wrong. Errors are those
of means over draws of platform and chance, which strike all policies and values alike. An assumption overturns a lead
if the lead has the other sign at an end of the range, by two errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.sensitivity import with_parameter
from allocator.synthetic.presets import KUAISHOU

SIZES = {"full": (150, 40, 365, 5), "quick": (50, 16, 60, 2)}
"""Segments, anchors, days and draws."""
DEGREES, NEWCOMERS, BUDGET, GAP = (10, 30), 0.1, 0.1, 5e-3
"""Anchors that a segment can watch; newcomers, of anchors; part of guided traffic for them; what is proved each day."""
BASE = {"discount": 0.99, "patience": 0.99, "part": 0.4}
"""A day's worth over the day before, what patience takes it for, and the part of traffic that is guided."""
RANGES: dict[str, tuple[float, float, str]] = {
    "part": (0.1, 0.9, "part of traffic that is guided"),
    "discount": (0.95, 0.998, "worth of a day over the day before, δ"),
    "patience": (0.9, 0.998, "δ in which patience believes, at .99"),
    "Flywheel.decay": (0.01, 0.1, "fans lost a day, μ (private share kept)"),
    "Flywheel.efficiency": (1.0, 6.0, "sales of a private impression over public"),
    "eager": (1.0, 9.0, "fans per impression of newcomers over others"),
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
QUESTIONS = {"patience": "patience over myopia", "floors": "floors beside patience over patience"}
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


def year(parameter: str, value: float, size: tuple[int, int, int, int], seed: int) -> list[Row]:
    """Leads in a year at one value of one parameter, in parts of the GMV of myopia, by draw."""
    state, rows = BASE | ({parameter: value} if parameter in BASE else {}), []
    if parameter == "discount":
        state["patience"] = value
    patient = dy.Patient(discount=state["patience"], relative_gap=GAP)
    policies = {
        "myopic": dy.Greedy(),
        "patient": patient,
        "floors": dy.ViableFloors(BUDGET, otherwise=patient),
    }
    for draw in range(size[3]):
        world, sold = drawn(size, seed, draw), {}
        world = assumed(world, parameter, value) if parameter != "base" else world
        for name, policy in policies.items():
            guided = dy.Partly(policy, state["part"])
            path = dy.simulate(world, guided, periods=size[2], rng=stream(seed, f"year {draw}"))
            assert not path["failed"].any(), (parameter, value, name)
            sold[name] = path.discounted(state["discount"])
        about = {"panel": "draw", "parameter": parameter, "value": value, "draw": draw}
        leads = {"patience": sold["patient"] - sold["myopic"], "floors": sold["floors"] - sold["patient"]}
        rows.append(about | {question: lead / sold["myopic"] for question, lead in leads.items()})
    return rows


def estimate(name: str, sample: Sequence[float]) -> Row:
    """Mean and standard error over draws."""
    return {name: float(np.mean(sample)), f"{name}_error": float(np.std(sample, ddof=1) / np.sqrt(len(sample)))}


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
            row["open"] = any(side * row[end] < 2 * row[f"{end}_error"] for end in ("low", "high"))
            leads[parameter] = row
        found += sorted(leads.values(), key=lambda row: -max(abs(row["high"] - row["base"]), abs(row["low"] - row["base"])))
    return found


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    """Both leads under the same assumptions in the order of the first."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(al.plots.DOUBLE, 8.2))
    axes = figure.subplots(1, 2, sharey=True)
    words = {parameter: f"{meaning}" for parameter, (_, _, meaning) in RANGES.items()}
    order = [row["parameter"] for row in pick(rows, panel="tornado", question="patience")]
    for letter, ax, (question, title) in zip("ab", axes, QUESTIONS.items(), strict=True):
        mine = pick(rows, panel="tornado", question=question)
        mine = sorted(mine, key=lambda row: order.index(row["parameter"]))
        al.plots.tornado(mine, ax, words=words, unit="% of GMV today")
        ax.xaxis.set_major_formatter(percent)
        ax.tick_params(axis="y", labelsize=6)
        ax.set_title(f"({letter}) {title}", loc="left")
    axes[1].tick_params(labelleft=False)
    return figure


# What is claimed.


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about = {"size": SIZES[scale], "seed": options.seed}
    cells: list = [(year, about | {"parameter": "base", "value": 0.0})]
    cells += [(year, about | {"parameter": name, "value": end}) for name, ends in RANGES.items() for end in ends[:2]]
    lab = Lab("assumptions", options.out, {"quick": options.quick, "seed": options.seed})
    rows = lab.measured(cells)
    rows += compared(rows)
    lab.finish(draw, rows, columns=COLUMNS)
    print(overturned(rows))


if __name__ == "__main__":
    run(main)
