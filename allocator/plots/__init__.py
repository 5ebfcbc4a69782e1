"""Figures: ``(rows, ax) -> ax``; they compute nothing, and matplotlib is imported only when one is drawn."""

from allocator.plots.frontier import frontier
from allocator.plots.lorenz import lorenz
from allocator.plots.prices_of_rules import prices_of_rules
from allocator.plots.style import COLOURS, DOUBLE, MARKERS, SINGLE, Look, look, short, style
from allocator.plots.tiers import exposure_by_tier

__all__ = [
    "COLOURS",
    "DOUBLE",
    "MARKERS",
    "SINGLE",
    "Look",
    "exposure_by_tier",
    "frontier",
    "look",
    "lorenz",
    "prices_of_rules",
    "short",
    "style",
]
