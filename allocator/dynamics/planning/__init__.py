"""Plans for several periods, where they are convex programmes."""

from allocator.dynamics.planning.campaign import Campaign, Phase
from allocator.dynamics.planning.campaign_plan import CampaignPlan
from allocator.dynamics.planning.instruments import (
    ENVELOPE_BUDGET,
    PRODUCT_BUDGET,
    TRAFFIC_BUDGETS,
    AddedTraffic,
    RedEnvelopes,
    SubsidisedProducts,
)
from allocator.dynamics.planning.planner import Plan, Planner
from allocator.dynamics.planning.scheduled import Scheduled

__all__ = [
    "ENVELOPE_BUDGET",
    "PRODUCT_BUDGET",
    "TRAFFIC_BUDGETS",
    "AddedTraffic",
    "Campaign",
    "CampaignPlan",
    "Phase",
    "Plan",
    "Planner",
    "RedEnvelopes",
    "Scheduled",
    "SubsidisedProducts",
]
