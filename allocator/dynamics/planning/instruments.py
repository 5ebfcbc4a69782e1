"""What a campaign can spend: red envelopes for fans, subsidised products, added traffic. Figures of s4."""

from __future__ import annotations

import math
from dataclasses import dataclass

from allocator.dynamics.parameters import positive, positive_part, within
from allocator.rules.levels import Where

ENVELOPE_BUDGET, PRODUCT_BUDGET = 2e9, 1e9
"""RMB that Kuaishou announced for Double 11 (s4)."""
TRAFFIC_BUDGETS = {"lead": 1e10, "text": 1e11}
"""Traffic that it announced: "over 10 billion" in the lead of s4, "over 100 billion" in its text, of what it does not
say; both are to be tried.
"""


@dataclass(frozen=True, eq=False)
class RedEnvelopes:
    """Money for new fans: an impression with an envelope brings ``strength`` times as many fans again.

    Parameters
    ----------
    budget : float >= 0
        Currency for the whole campaign.
    cost : float > 0
        Currency of a fan so won. Assumption; Xiaoyujia sold 12.4 RMB per new fan (s4), a selected case.
    strength : float >= 0
        b; 1, as half of a merchant's new fans came by envelopes (s4).
    decay : float in (0, 1], optional
        The part of these fans lost in a period; as of other fans by default. Assumption.
    buying : float in [0, 1]
        What such a fan buys over what another does. Assumption.
    where : mask, ids or "attribute=value"
        Anchors who may use them; all by default.
    """

    budget: float
    cost: float
    strength: float = 1.0
    decay: float | None = None
    buying: float = 1.0
    where: Where = None

    def __post_init__(self) -> None:
        within("budget", self.budget, 0.0, math.inf, "money for red envelopes, currency")
        positive("cost", self.cost, "what a subsidised fan costs, currency")
        within("strength", self.strength, 0.0, math.inf, "fans by envelopes over those without")
        within("buying", self.buying, 0.0, 1.0, "what a fan by envelopes buys over what another does")
        if self.decay is not None:
            positive_part("decay", self.decay, "the part of fans by envelopes lost in a period")


@dataclass(frozen=True, eq=False)
class SubsidisedProducts:
    """Money for prices: with subsidised products an impression sells 1 + ``value`` times as much, of which the platform
    pays the part ``share_of_sales`` (A4); both are assumptions.
    """

    budget: float
    value: float = 0.1
    share_of_sales: float = 0.1
    where: Where = None

    def __post_init__(self) -> None:
        within("budget", self.budget, 0.0, math.inf, "money for products, currency")
        within("value", self.value, 0.0, math.inf, "by what part more subsidised products sell")
        within("share_of_sales", self.share_of_sales, 0.0, 1.0, "the part of subsidised sales that the platform pays")


@dataclass(frozen=True, eq=False)
class AddedTraffic:
    """Impressions beside the platform's own, for some anchors (A6, see `allocator.subsidise`).

    Parameters
    ----------
    impressions : float >= 0
        For the whole campaign.
    where : mask, ids or "attribute=value"
        Who may have them; all by default.
    most : float > 0
        How many may be added in a period, over what segments have by themselves. Assumption.
    """

    impressions: float
    where: Where = None
    most: float = 0.2

    def __post_init__(self) -> None:
        within("impressions", self.impressions, 0.0, math.inf, "added traffic, impressions")
        positive("most", self.most, "what may be added in a period, over the supply of segments")


Instrument = RedEnvelopes | SubsidisedProducts | AddedTraffic
