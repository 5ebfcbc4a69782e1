"""Make the paper: run what is stale, write numbers and tables, check the source, build the PDF."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "experiments")]

from numbers_of import numbers  # noqa: E402
from press import Paper, main  # noqa: E402
from tables_of import tables  # noqa: E402

EXPERIMENTS = (
    "frontier",
    "rules",
    "boosts",
    "flywheel",
    "herding",
    "evenness_phase",
    "newcomer_survival",
    "viability",
    "head_cap",
    "floor_or_myopic",
    "trust",
    "subsidy",
    "policies",
    "campaign",
    "assumptions",
    "link_ban",
    "fragmentation",
    "poaching",
    "fairness_war",
)
KEPT = {"real_market": (), "solver_race": ("--lanes", "GMV,GMV + Nash", "--most-edges", "1000000")}

if __name__ == "__main__":
    main(Paper(HERE, EXPERIMENTS, numbers, tables, KEPT))
