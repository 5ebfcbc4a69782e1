"""One look for all figures: sizes, fonts, and a fixed colour and marker for every solver and policy.

``with matplotlib.rc_context(plots.style): ...`` applies it; nothing global is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

SINGLE, DOUBLE = 3.4, 7.0
"""Widths of one and of two columns of print, inches."""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)  # Okabe and Ito 2008: told apart with any kind of colour vision
GREY = "#7F7F7F"

COLOURS: dict[str, str] = {
    "conic": BLUE,
    "linear": BLUE,
    "linear:glop": GREEN,
    "linear:pdlp": ORANGE,
    "linear:highs": PURPLE,
    "linear:hipdlp": VERMILLION,
    "conic:clarabel": VERMILLION,
    "conic:scs": SKY,
    "flow": BLUE,
    "min_cost_flow": PURPLE,
    "networkx": BLUE,
    "prices": BLACK,
    "frank_wolfe": SKY,
    "pop": SKY,
    "dual_gradient": SKY,
    "cp_sat": BLUE,
    "greedy": VERMILLION,
    "even": GREEN,
    "proportional": ORANGE,
    "epsilon_even": PURPLE,
    "capped_boost": SKY,
    "observed": GREY,
    "alpha_fair": BLUE,
    "floors": BLACK,
    "optimal": BLUE,
    "patient": BLACK,
    "phased": ORANGE,
    "viable_floors": PURPLE,
}
MARKERS: dict[str, str] = {
    "conic": "H",
    "linear": "s",
    "linear:glop": "X",
    "linear:pdlp": "p",
    "linear:highs": "h",
    "linear:hipdlp": "P",
    "conic:clarabel": "H",
    "conic:scs": "<",
    "flow": "^",
    "min_cost_flow": "v",
    "networkx": "<",
    "prices": "o",
    "frank_wolfe": "p",
    "pop": "h",
    "dual_gradient": "d",
    "cp_sat": ">",
    "greedy": "^",
    "even": "s",
    "proportional": "D",
    "epsilon_even": "P",
    "capped_boost": "v",
    "observed": "*",
    "alpha_fair": "o",
    "floors": "d",
    "optimal": "X",
    "patient": "p",
    "phased": "8",
    "viable_floors": ">",
}
LABELS = {"epsilon_even": "ε-even mixing", "alpha_fair": "α-fair"}
"""Where the words for a solver are not simply its name."""
STRANGERS = tuple(zip((BLACK, ORANGE, SKY, GREEN, VERMILLION, PURPLE), "Xp<>h8", strict=True))
"""Colours and markers of names that are not in the tables, by position."""
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
HATCHES = ("", "////", "....", "xxxx", "----", "oo")

style = {
    "figure.figsize": (SINGLE, 2.5),
    "figure.constrained_layout.use": True,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.hashsalt": "allocator",
    "text.usetex": False,
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.5,
}
"""Parameters for ``matplotlib.rc_context``: fonts embedded as TrueType, no LaTeX, the font that matplotlib ships."""


class Look(NamedTuple):
    """How one solver or policy is drawn everywhere."""

    name: str
    setting: str
    label: str
    colour: str
    marker: str


def look(solver: str, position: int = 0) -> Look:
    """Colour, marker and words for a solver or policy.

    Parameters
    ----------
    solver : str
        A name (``"epsilon_even"``) or the repr of a solver (``"EpsilonEven(epsilon=0.1)"``); the value of its first
        field is the ``setting`` ("0.1").
    position : int
        Tells names apart that are not in `COLOURS`.

    Examples
    --------
    >>> look("EpsilonEven(epsilon=0.1)")[:3]
    ('epsilon_even', '0.1', 'ε-even mixing')
    >>> look("Optimal(objective=GMV, rules=(), relative_gap=0.001)")[:3]
    ('optimal', 'GMV', 'optimal')
    """
    head, _, fields = solver.partition("(")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", head.strip()).lower()
    setting = _first(fields.removesuffix(")")).partition("=")[2].strip("'\"")
    colour, marker = STRANGERS[position % len(STRANGERS)]
    words = LABELS.get(name, name.replace("_", " ") if name in COLOURS else solver)
    return Look(name, setting, words, COLOURS.get(name, colour), MARKERS.get(name, marker))


def looks(policies: Sequence[str | None]) -> list[Look]:
    """Looks of policies that share a figure: where several are settings of one, their labels say which.

    >>> [seen.label for seen in looks(["Even(part=0.1)", "Even(part=0.3)", "greedy"])]
    ['even 0.1', 'even 0.3', 'greedy']
    """
    found = [look(policy or "", position) for position, policy in enumerate(policies)]
    names = Counter(seen.name for seen in found)
    found = [s._replace(label=f"{s.label} {s.setting}".strip()) if names[s.name] > 1 else s for s in found]
    labels = Counter(seen.label for seen in found)
    return [
        seen._replace(label=policy or "") if labels[seen.label] > 1 else seen
        for seen, policy in zip(found, policies, strict=True)
    ]


def _first(fields: str) -> str:
    """The first of fields between commas, those within brackets apart."""
    depth = 0
    for place, letter in enumerate(fields):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            return fields[:place]
    return fields


def short(amount: float, position: float | None = None) -> str:
    """Write an amount for an axis: 1200000 as 1.2M.

    >>> [short(0), short(0.5), short(12_000), short(3.2e9)]
    ['0', '0.5', '12k', '3.2bn']
    """
    for unit, letters in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= unit:
            return f"{amount / unit:.4g}{letters}"
    return f"{amount:.4g}"
