"""Figures: ``(rows, ax) -> ax``; they compute nothing, and matplotlib is imported only when one is drawn."""

from allocator.plots.fan_chart import fan_chart
from allocator.plots.frontier import frontier
from allocator.plots.hysteresis import hysteresis
from allocator.plots.lorenz import lorenz
from allocator.plots.phase_diagram import phase_diagram
from allocator.plots.prices_of_rules import prices_of_rules
from allocator.plots.style import COLOURS, DOUBLE, MARKERS, SINGLE, Look, look, looks, short, style
from allocator.plots.tiers import exposure_by_tier
from allocator.plots.tornado import tornado
from allocator.plots.trajectory import trajectory

__all__ = [
    "COLOURS",
    "DOUBLE",
    "MARKERS",
    "SINGLE",
    "Look",
    "exposure_by_tier",
    "fan_chart",
    "frontier",
    "hysteresis",
    "look",
    "looks",
    "lorenz",
    "phase_diagram",
    "prices_of_rules",
    "short",
    "style",
    "tornado",
    "trajectory",
]
