"""Numbers of full worlds, campaigns and markets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taking import gain, percent, points

import campaign
import fairness_war
import poaching
from _lab import pick
from allocator.market import closed_forms

Rows = list[dict[str, Any]]
All = Mapping[str, Rows]
OWN = {"lock-in": "phase", "viability": "floors", "bargaining": "cap"}


def league(rows: All) -> dict[str, str]:
    """Three remedies for three problems, and the ends of the league table."""
    matrix = {(row["world"], row["remedy"]): row for row in pick(rows["policies"], panel="matrix mean")}
    table = {row["policy"]: row for row in pick(rows["policies"], panel="league mean")}
    (crowd, poor, strong), (phase, floors, cap) = OWN, OWN.values()
    sentence = (
        f"Ten even days gain {gain(matrix[crowd, phase])} of a year's GMV where a crowd is locked in, floors that "
        f"newcomers can live on {gain(matrix[poor, floors])} where those who stay become good, and a cap "
        f"{gain(matrix[strong, cap])} where stars leave the faster the larger they are."
    )
    costs = {f"league.cost.{remedy}": percent(-matrix["plain", remedy]["gain"], 1) for remedy in OWN.values()}
    return {
        "league.sentence": sentence,
        **costs,
        "league.policies": str(len(table)),
        "league.value": gain(matrix[crowd, "value"]),
        "league.patient": gain(table["patient"]),
        "league.even": percent(-table["even"]["gain"]),
    }


def spending(rows: All) -> dict[str, str]:
    """What instruments bring, how much of it later, and the last unit of money at the budgets of s4."""
    mine = rows["campaign"]
    never = campaign.path(mine, "none")
    plans = {row["kind"]: row["promised"] for row in pick(mine, panel="plan")}
    gained = {kind: plans[kind] / plans["none"] - 1.0 for kind in ("envelopes", "products")}
    excess = campaign.path(mine, "envelopes") - never
    (last,) = pick(mine, panel="return", kind="envelopes", part=1.0, cost=20.0)
    half = [row["left"] for row in pick(mine, panel="world", kind="envelopes", world="fans buy half")]
    assert last["even"] < last["average"]
    return {
        "campaign.envelopes": percent(gained["envelopes"], 1),
        "campaign.products": percent(gained["products"], 1),
        "campaign.later": percent(float(excess[campaign.SPENT_BY :].sum() / excess.sum())),
        "campaign.cost": f"{last['cost']:g}",
        "campaign.days": str(len(never)),
        "campaign.average": f"{last['average']:.2f}",
        "campaign.last": f"{last['price']:.2f}",
        "campaign.evenly": f"{last['even']:.2f}",
        "campaign.half": percent(float(np.mean(half))),
    }


def assumed(rows: All) -> dict[str, str]:
    """How many assumptions overturn the lead of patience, known and unnoticed."""
    mine = pick(rows["assumptions"], panel="tornado", question="patience")
    found = {}
    for name, hidden in (("known", False), ("hidden", True)):
        those = [row for row in mine if row["parameter"].startswith("unnoticed") == hidden]
        wrong = sum(row["overturns"] for row in those)
        found |= {f"assume.{name}": str(len(those)), f"assume.{name}.wrong": str(wrong) if wrong else "none"}
    return found


def bans(rows: All) -> dict[str, str]:
    """The sign of a ban, and what steering saves."""
    signs = pick(rows["link_ban"], panel="sign")
    start = [row for row in pick(rows["link_ban"], panel="steered", policy="optimal") if row["maturity"] == 0]
    spared = [100 * (row["gmv"] - closed_forms.gmv_after_ban(row["leaked"], 0.0)) for row in start]
    assert min(spared) > 0
    return {"ban.markets": str(len(signs)), "ban.kept": points(spared)}


def fragments(rows: All) -> dict[str, str]:
    """Down to which network effect a leader of three lasts, and with which one 80 : 20 stays, simulated."""
    down = pick(rows["fragmentation"], panel="fork", platforms=3, way="down")
    lasts = min(row["network"] for row in down if row["leader"] > 0.4)
    (eighty,) = pick(rows["fragmentation"], panel="eighty", platforms=2)
    return {"frag.three": f"{lasts:.2f}", "frag.eighty": f"{eighty['network']:.4f}"}


def poached(rows: All) -> dict[str, str]:
    """By how many points a floor changes the rival's part of newcomers."""
    mine = pick(rows["poaching"], panel="floor")
    none, everything = (poaching.changes(mine, "new", carried) for carried in (0.0, 1.0))
    assert np.mean(none) < 0
    return {"poach.none": points(none), "poach.all": points(everything)}


def war(rows: All) -> dict[str, str]:
    """Newcomers' part of traffic in equilibrium less that of a joint planner, where viewers follow anchors."""
    found = {}
    for name, free in (("newcomers", 0.0), ("all", 1.0)):
        mean, error = fairness_war.gaps(rows["fairness_war"], free=free, variety=2.0)
        found[f"war.{name}"] = rf"${100 * mean:+.0f}\pm{100 * error:.0f}$"
    return found
