"""Several platforms, which share viewers and anchors."""

from allocator.market import closed_forms
from allocator.market.game import Equilibrium, Game
from allocator.market.market import Ledger, Market
from allocator.market.mechanism import MarketMechanism, Settlement, Standing
from allocator.market.mechanisms import ORDER, Alliance, Attention, Intent, Links, Movement, Offer, Threshold
from allocator.market.member import Member
from allocator.market.presets import china_2020, taobao_dominant, us_fragmented
from allocator.market.simulation import simulate
from allocator.market.trajectory import MarketTrajectory

__all__ = [
    "ORDER",
    "Alliance",
    "Attention",
    "Equilibrium",
    "Game",
    "Intent",
    "Ledger",
    "Links",
    "Market",
    "MarketMechanism",
    "MarketTrajectory",
    "Member",
    "Movement",
    "Offer",
    "Settlement",
    "Standing",
    "Threshold",
    "china_2020",
    "closed_forms",
    "simulate",
    "taobao_dominant",
    "us_fragmented",
]
