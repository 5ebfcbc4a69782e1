"""Fair and profitable distribution of a live-commerce platform's traffic to its anchors, with certificates."""

__version__ = "0.1.0"

from allocator import axioms, metrics, plots, synthetic
from allocator.allocation import Allocation, Status
from allocator.certificate import Certificate, CertificateError, certify
from allocator.comparison import compare
from allocator.description import Description, describe
from allocator.diagnose import Diagnosis, diagnose
from allocator.discrete import Rounded, Viability, departures, round_integral, viability
from allocator.driver import AllocationError, Answer, Goal, NoAnswer, Solver, UnsupportedError
from allocator.frontier import Frontier, baselines, frontier, price_of_fairness, weighted
from allocator.graph import Platform
from allocator.holdout import Holdout, holdout_gmv
from allocator.leximin import Leximin, leximin
from allocator.networks import from_networkx, to_networkx
from allocator.problem import Problem
from allocator.rules import (
    GMV,
    AlphaFair,
    Budget,
    Cap,
    Capacity,
    CappedUtility,
    Concentration,
    CVaR,
    Entropy,
    FairnessAtLeast,
    Floor,
    GeneralizedGini,
    Gini,
    GiniAtMost,
    GMVAtLeast,
    GroupShare,
    HeadCap,
    HHIAtMost,
    MaxMin,
    Nash,
    ReachFloor,
    RobustGMV,
    SegmentCap,
    SegmentFloor,
    TargetShares,
)
from allocator.solvers import SOLVERS, solve
from allocator.subsidies import subsidise
from allocator.tables import TableError, read_log, read_platform, read_tables, write_platform

__all__ = [
    "GMV",
    "SOLVERS",
    "Allocation",
    "AllocationError",
    "AlphaFair",
    "Answer",
    "Budget",
    "CVaR",
    "Cap",
    "Capacity",
    "CappedUtility",
    "Certificate",
    "CertificateError",
    "Concentration",
    "Description",
    "Diagnosis",
    "Entropy",
    "FairnessAtLeast",
    "Floor",
    "Frontier",
    "GMVAtLeast",
    "GeneralizedGini",
    "Gini",
    "GiniAtMost",
    "Goal",
    "GroupShare",
    "HHIAtMost",
    "HeadCap",
    "Holdout",
    "Leximin",
    "MaxMin",
    "Nash",
    "NoAnswer",
    "Platform",
    "Problem",
    "ReachFloor",
    "RobustGMV",
    "Rounded",
    "SegmentCap",
    "SegmentFloor",
    "Solver",
    "Status",
    "TableError",
    "TargetShares",
    "UnsupportedError",
    "Viability",
    "axioms",
    "baselines",
    "certify",
    "compare",
    "departures",
    "describe",
    "diagnose",
    "from_networkx",
    "frontier",
    "holdout_gmv",
    "leximin",
    "metrics",
    "plots",
    "price_of_fairness",
    "read_log",
    "read_platform",
    "read_tables",
    "round_integral",
    "solve",
    "subsidise",
    "synthetic",
    "to_networkx",
    "viability",
    "weighted",
    "write_platform",
]
