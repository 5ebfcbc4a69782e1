"""The platform in time: stocks, mechanisms that move them, policies, trajectories."""

from allocator.dynamics import closed_forms, policies
from allocator.dynamics.ensemble import Ensemble, ensemble
from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.mechanisms import (
    ORDER,
    Arrivals,
    Defection,
    Flywheel,
    Growth,
    Herding,
    Newcomers,
    Promotion,
    ShortVideo,
    Starvation,
    Subsidies,
    Trust,
)
from allocator.dynamics.mechanisms.arrivals import INDEPENDENT, MCN, TRAINED, Pathway
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
    "Arrivals",
    "CappedBoost",
    "Decision",
    "Defection",
    "Ensemble",
    "EpsilonEven",
    "Even",
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
    "Phased",
    "Policy",
    "Promotion",
    "Proportional",
    "ShortVideo",
    "Starvation",
    "State",
    "Subsidies",
    "Trajectory",
    "Trust",
    "ViableFloors",
    "View",
    "World",
    "closed_forms",
    "ensemble",
    "kuaishou_world",
    "policies",
    "simulate",
    "sweep",
    "tornado",
]
