"""Discrete choices: whom to keep viable, whom to boost, segments undivided, whole impressions."""

from __future__ import annotations

from allocator.discrete.boost_search import boost_slots, campaign
from allocator.discrete.boosted import Boosted, Chosen, Phase
from allocator.discrete.boosts import Boost, boosted
from allocator.discrete.contests import Contest, contest, prize_supply
from allocator.discrete.departures import departures
from allocator.discrete.highlights import highlight_support
from allocator.discrete.rounding import Rounded, round_integral
from allocator.discrete.undivided import Undivided, undivided
from allocator.discrete.viability import Viability, viability

__all__ = [
    "Boost",
    "Boosted",
    "Chosen",
    "Contest",
    "Phase",
    "Rounded",
    "Undivided",
    "Viability",
    "boost_slots",
    "boosted",
    "campaign",
    "contest",
    "departures",
    "highlight_support",
    "prize_supply",
    "round_integral",
    "undivided",
    "viability",
]
