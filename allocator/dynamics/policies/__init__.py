"""Policies decide the flow of a period from what is there at its start."""

from allocator.dynamics.policies.optimal import Optimal, Patient
from allocator.dynamics.policies.partly import Partly
from allocator.dynamics.policies.phased import Phased
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.policies.recipes import CappedBoost, EpsilonEven, Even, Greedy, Proportional
from allocator.dynamics.policies.viable_floors import ViableFloors

__all__ = [
    "CappedBoost",
    "Decision",
    "EpsilonEven",
    "Even",
    "Greedy",
    "Optimal",
    "Partly",
    "Patient",
    "Phased",
    "Policy",
    "Proportional",
    "ViableFloors",
]
