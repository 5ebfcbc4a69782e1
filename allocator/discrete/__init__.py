"""Discrete choices: allocations in whole impressions."""

from __future__ import annotations

from allocator.discrete.rounding import Rounded, round_integral

__all__ = ["Rounded", "round_integral"]
