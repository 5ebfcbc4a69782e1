"""The platform in time: stocks, mechanisms that move them, policies, trajectories."""

from allocator.dynamics import closed_forms, moments, policies
from allocator.dynamics.ensemble import Ensemble, ensemble
from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.mechanisms import (
    ORDER,
    Arrivals,
    Defection,
    Events,
    Flywheel,
    Growth,
    Herding,
    Newcomers,
    Products,
    Promotion,
    Sessions,
    ShortVideo,
    Starvation,
    Subsidies,
    Trust,
)
from allocator.dynamics.mechanisms.arrivals import INDEPENDENT, MCN, TRAINED, Pathway
from allocator.dynamics.planning import (
    AddedTraffic,
    Campaign,
    CampaignPlan,
    Phase,
    Plan,
    Planner,
    RedEnvelopes,
    Scheduled,
    SubsidisedProducts,
)
from allocator.dynamics.policies import (
    CappedBoost,
    Decision,
    EpsilonEven,
    Even,
    Greedy,
    Optimal,
    Partly,
    Patient,
    Phased,
    Policy,
    Proportional,
    ViableFloors,
)
from allocator.dynamics.sensitivity import sweep, tornado
from allocator.dynamics.simulation import simulate
from allocator.dynamics.state import State
from allocator.dynamics.trajectory import Trajectory
from allocator.dynamics.view import View
from allocator.dynamics.world import World
from allocator.dynamics.worlds import kuaishou_world

__all__ = [
    "INDEPENDENT",
    "MCN",
    "ORDER",
    "TRAINED",
    "AddedTraffic",
    "Arrivals",
    "Campaign",
    "CampaignPlan",
    "CappedBoost",
    "Decision",
    "Defection",
    "Ensemble",
    "EpsilonEven",
    "Even",
    "Events",
    "Flywheel",
    "Greedy",
    "Growth",
    "Herding",
    "Mechanism",
    "Newcomers",
    "Optimal",
    "Outcome",
    "Partly",
    "Pathway",
    "Patient",
    "Phase",
    "Phased",
    "Plan",
    "Planner",
    "Policy",
    "Products",
    "Promotion",
    "Proportional",
    "RedEnvelopes",
    "Scheduled",
    "Sessions",
    "ShortVideo",
    "Starvation",
    "State",
    "Subsidies",
    "SubsidisedProducts",
    "Trajectory",
    "Trust",
    "ViableFloors",
    "View",
    "World",
    "closed_forms",
    "ensemble",
    "kuaishou_world",
    "moments",
    "policies",
    "simulate",
    "sweep",
    "tornado",
]
