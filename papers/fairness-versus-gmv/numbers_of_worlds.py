"""Numbers of full worlds, campaigns and markets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taking import gain, percent, points

import campaign
import fairness_war
import fragmentation
import poaching
import policies
from _lab import pick
from allocator.dynamics.planning import TRAFFIC_BUDGETS
from allocator.market import closed_forms
from allocator.market.presets import SIZES_2020

Rows = list[dict[str, Any]]
All = Mapping[str, Rows]


def league(rows: All) -> dict[str, str]:
    """Three remedies for three problems, and the ends of the league table."""
    matrix = {(row["world"], row["remedy"]): row for row in pick(rows["policies"], panel="matrix mean")}
    table = {row["policy"]: row for row in pick(rows["policies"], panel="league mean")}
    (crowd, poor, strong), (phase, floors, cap) = policies.OWN, policies.OWN.values()
    sentence = (
        f"A phase of {policies.PHASE} even days gains {gain(matrix[crowd, phase])} of a year's discounted GMV where a "
        f"crowd is locked in, floors that newcomers can live on {gain(matrix[poor, floors])} where those who stay "
        f"become good, and a cap {gain(matrix[strong, cap])} where stars leave the faster the larger they are."
    )
    plain = {remedy: matrix["plain", remedy] for remedy in policies.OWN.values()}
    part = max(row["part"] for row in pick(rows["policies"], panel="guided mean"))
    (much,) = pick(rows["policies"], panel="guided mean", remedy="phase", part=part)
    assert policies.LEAGUE["full"][2] == policies.MATRIX["full"][2] == 365
    return {
        "league.sentence": sentence,
        **{f"league.cost.{remedy}": gain(row | {"gain": -row["gain"]}) for remedy, row in plain.items()},
        "league.days": str(policies.PHASE),
        "league.policies": str(len(table)),
        "league.part": percent(part),
        "league.much": gain(much),
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
    bought = campaign.path(mine, "products") - never
    remains = 5e-3
    assert abs(bought[campaign.SPENT_BY :].sum()) < remains * bought.sum()
    assert last["price"] < last["average"] > last["even"]
    assert campaign.WORLDS["fans buy half"] == {"subsidies": {"buying": 0.5}}
    assert 0.0 < np.mean(half) < 1.0
    return {
        "campaign.envelopes": percent(gained["envelopes"], 1),
        "campaign.products": percent(gained["products"], 1),
        "campaign.remains": percent(remains, 1),
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
    """Down to which network effect a leader of three lasts, by the closed form that simulation agrees with; with which
    one 80 : 20 stays, simulated.
    """
    down = pick(rows["fragmentation"], panel="fork", platforms=3, way="down")
    _, fold = closed_forms.dissolving(2)
    assert all((row["leader"] > 0.4) == (row["network"] > fold) for row in down)
    (eighty,) = pick(rows["fragmentation"], panel="eighty", platforms=2)
    (network,) = fragmentation.STRONG["quick"]
    return {
        "frag.three": f"{fold:.3f}",
        "frag.most": percent(fragmentation.EIGHTY),
        "frag.eighty": f"{eighty['network']:.4f}",
        "frag.network": f"{network:g}",
        "frag.platforms": str(fragmentation.PLATFORMS),
        "frag.verticals": str(fragmentation.VERTICALS),
    }


def sources(rows: All) -> dict[str, str]:
    """By how much figures of the industry disagree: traffic for a campaign, and GMV of a platform against forecast."""
    forecast, actual = (SIZES_2020[figures] for figures in ("forecast", "actual"))
    factors = [max(actual[name] / forecast[name], forecast[name] / actual[name]) for name in forecast]
    assert sum(factor > 2.0 for factor in factors) == 1
    traffic = TRAFFIC_BUDGETS.values()
    return {"limits.traffic": f"{max(traffic) / min(traffic):g}", "limits.forecast": f"{max(factors):g}"}


def poached(rows: All) -> dict[str, str]:
    """By how many points a floor changes the rival's part of newcomers."""
    mine = pick(rows["poaching"], panel="floor")
    none, everything = (poaching.changes(mine, "new", carried) for carried in (0.0, 1.0))
    assert np.mean(none) < np.mean(everything) < 0
    return {"poach.floor": percent(poaching.FLOOR), "poach.none": points(none), "poach.all": points(everything)}


def war(rows: All) -> dict[str, str]:
    """Newcomers' part of traffic in equilibrium less that of a joint planner, where viewers follow anchors."""
    variety = max(row["variety"] for row in pick(rows["fairness_war"], panel="ends"))
    found = {"war.variety": f"{variety:g}"}
    for name, free in (("newcomers", 0.0), ("all", 1.0)):
        mean, error = fairness_war.gaps(rows["fairness_war"], free=free, variety=variety)
        found[f"war.{name}"] = rf"${100 * mean:+.0f}\pm{100 * error:.0f}$"
    return found
