"""The mechanisms of a market, and the order in which they change it."""

from allocator.market.mechanism import MarketMechanism
from allocator.market.mechanisms.alliance import Alliance
from allocator.market.mechanisms.attention import Attention
from allocator.market.mechanisms.intent import Intent
from allocator.market.mechanisms.links import Links
from allocator.market.mechanisms.movement import Movement
from allocator.market.mechanisms.offer import Offer
from allocator.market.mechanisms.threshold import Threshold

ORDER: tuple[type[MarketMechanism], ...] = (Intent, Threshold, Links, Offer, Movement, Alliance, Attention)
"""First what sells, and who keeps how much of it; then who moves, who is brought, and where viewers go for all that."""

__all__ = ["ORDER", "Alliance", "Attention", "Intent", "Links", "Movement", "Offer", "Threshold"]
