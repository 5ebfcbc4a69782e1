"""Synthetic platforms: one function per family, each drawn from the generator it is given, or free of chance."""

from allocator.synthetic.families import blocks, heavy_tailed, uniform
from allocator.synthetic.planted import Planted, planted
from allocator.synthetic.presets import (
    DOUYIN,
    KUAISHOU,
    MOGUJIE,
    PRESETS,
    TAOBAO,
    XIAOHONGSHU,
    Preset,
    douyin,
    kuaishou,
    mogujie,
    taobao,
    xiaohongshu,
)
from allocator.synthetic.textbook import opposite, star, tight

__all__ = [
    "DOUYIN",
    "KUAISHOU",
    "MOGUJIE",
    "PRESETS",
    "TAOBAO",
    "XIAOHONGSHU",
    "Planted",
    "Preset",
    "blocks",
    "douyin",
    "heavy_tailed",
    "kuaishou",
    "mogujie",
    "opposite",
    "planted",
    "star",
    "taobao",
    "tight",
    "uniform",
    "xiaohongshu",
]
