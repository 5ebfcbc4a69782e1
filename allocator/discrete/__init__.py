"""Discrete choices: whom to keep viable, and allocations in whole impressions."""

from __future__ import annotations

from allocator.discrete.rounding import Rounded, round_integral
from allocator.discrete.viability import Viability, departures, viability

__all__ = ["Rounded", "Viability", "departures", "round_integral", "viability"]
