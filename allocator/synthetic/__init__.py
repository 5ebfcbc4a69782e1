"""Synthetic platforms: one function per family, each drawn from the generator it is given, or free of chance."""

from allocator.synthetic.families import blocks, heavy_tailed, uniform
from allocator.synthetic.planted import Planted, planted
from allocator.synthetic.presets import KUAISHOU, PRESETS, Preset, kuaishou
from allocator.synthetic.textbook import opposite, star, tight

__all__ = [
    "KUAISHOU",
    "PRESETS",
    "Planted",
    "Preset",
    "blocks",
    "heavy_tailed",
    "kuaishou",
    "opposite",
    "planted",
    "star",
    "tight",
    "uniform",
]
