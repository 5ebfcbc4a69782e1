"""The numbers of the prose, each from rows of an experiment; what the prose claims of them is asserted here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numbers_of_worlds import assumed, bans, fragments, league, poached, sources, spending, war
from taking import percent, power, span

from _lab import pick
from _tables import BASKETS, MARKETS
from allocator.certificate import TOLERANCE
from allocator.dynamics import closed_forms
from allocator.dynamics.moments import public_share
from boosts import SHOWN as BUDGET
from evenness_phase import LONG
from flywheel import DECAY, EFFICIENCY
from frontier import SPREADING
from head_cap import DISCOUNT, SHOWN
from herding import ETA, HALF, LEAD, STRONG
from newcomer_survival import QUARTER
from real_market import claims
from rules import COMPANY, STEP
from solver_race import LANES, medians

Rows = list[dict[str, Any]]


def numbers(rows: Mapping[str, Rows]) -> dict[str, str]:
    """The text of every number by name."""
    found = {"certificate.tolerance": power(TOLERANCE)}
    for of in (
        frontier,
        rules,
        boosts,
        flywheel,
        herding,
        evenness_phase,
        newcomer_survival,
        head_cap,
        real_market,
        solver_race,
    ):
        found |= of(rows[of.__name__])
    for of in (league, spending, assumed, bans, fragments, poached, war, sources):
        found |= of(rows)
    return found


def frontier(rows: Rows) -> dict[str, str]:
    """What alpha-fairness costs of what recipes that spread traffic cost, and guarantees in verticals."""
    curve, ratios = pick(rows, panel="platform", series="frontier"), []
    for recipe in pick(rows, panel="platform", series="recipe"):
        if recipe["solver"] in map(str, SPREADING):
            fairer = [row for row in pick(curve, alpha=recipe["alpha"]) if row["level"] >= recipe["level"]]
            ratios.append(min(row["price"] for row in fairer) / recipe["price"])
    assert max(ratios) < 0.5, ratios
    verticals = pick(rows, panel="verticals")
    guarantees = sorted({row["guarantee"] for row in verticals})
    share = guarantees[-1] if guarantees[-1] < 1 else guarantees[-2]
    price = {
        (series, breadth): float(
            np.mean([r["price"] for r in pick(verticals, series=series, breadth=breadth, guarantee=share)])
        )
        for series in ("within", "between")
        for breadth in (0.1, 0.6)
    }
    assert price["within", 0.1] < price["within", 0.6] < price["between", 0.1]
    return {
        "frontier.least": percent(min(ratios)),
        "frontier.most": percent(max(ratios)),
        "frontier.share": percent(share),
        "frontier.narrow.within": percent(price["within", 0.1], 1),
        "frontier.narrow.between": percent(price["between", 0.1], 1),
        "frontier.broad.within": percent(price["within", 0.6], 1),
        "frontier.broad.between": percent(price["between", 0.6], 1),
    }


def rules(rows: Rows) -> dict[str, str]:
    """Costs of rules alone and together, at the strength at which one is left out at a time."""
    strength = pick(rows, panel="without")[0]["strength"]
    ten = {row["rule"] for row in pick(rows, panel="without")}
    alone = sum(row["cost"] for row in pick(rows, panel="alone", strength=strength) if row["rule"] in ten)
    (together,) = pick(rows, panel="together", strength=strength)
    head = sorted(pick(rows, panel="head"), key=lambda row: row["level"])
    assert {row["rule"] for row in pick(rows, panel="stronger")} == set(COMPANY) == ten
    assert alone > together["cost"]
    assert head[0]["price"] > head[-1]["price"]
    return {
        "rules.alone": percent(alone, 1),
        "rules.together": percent(together["cost"], 1),
        "rules.count": str(len(ten)),
        "rules.steps": str(len(pick(rows, panel="stronger"))),
        "rules.step": f"{STEP:g}",
        "rules.head.loose": percent(head[-1]["price"] / 100, 2),
        "rules.head.tight": percent(head[0]["price"] / 100, 2),
    }


def boosts(rows: Rows) -> dict[str, str]:
    """With a part of the money at sigma = .1."""
    mine = pick(rows, panel="budgets", level=BUDGET, sigma=0.1)
    (best,), (top,) = (pick(mine, way=way) for way in ("best", "top"))
    assert top["gain"] < best["gain"] <= best["bound"]
    return {
        "boosts.budget": percent(BUDGET),
        "boosts.best": percent(best["gain"], 2),
        "boosts.top": percent(top["gain"], 2),
        "boosts.bound": percent(best["bound"], 2),
    }


def flywheel(rows: Rows) -> dict[str, str]:
    """What an impression is worth, private GMV at rest, and newcomers under patience."""
    impatient, patient, drawn = 0.9, 0.99, 3
    worth = {row["discount"]: row["worth"] for row in pick(rows, panel="worth", mu=DECAY)}
    (rest,) = pick(rows, panel="rest", kind="live alone", last=True)
    mine = pick(rows, panel="platform", kind="drawn", ratio=drawn, discount=patient)
    mean = {name: float(np.mean([row[name] for row in mine])) for name in ("myopic", "patient", "gain")}
    assert mean["patient"] > mean["myopic"]
    assert worth[patient] - 1.0 > 3.0 * (worth[impatient] - 1.0)
    return {
        "fly.public": percent(public_share()),
        "fly.efficiency": f"{EFFICIENCY:g}",
        "fly.halflife": f"{math.log(0.5) / math.log(1.0 - DECAY):.0f}",
        "fly.impatient.discount": f"{impatient:g}",
        "fly.patient.discount": f"{patient:g}",
        "fly.drawn": str(drawn),
        "fly.worth.impatient": f"{worth[impatient]:.2f}",
        "fly.worth.patient": f"{worth[patient]:.2f}",
        "fly.private": percent(rest["private_gmv"], 1),
        "fly.myopic": percent(mean["myopic"]),
        "fly.patient": percent(mean["patient"]),
        "fly.gain": percent(mean["gain"]),
    }


def herding(rows: Rows) -> dict[str, str]:
    """Down to which strength a head of some rooms lasts; prevention and cure."""
    rooms = 20
    (fold,) = pick(rows, panel="fold", rooms=rooms, share=HALF)
    (needs,) = pick(rows, panel="needs", rooms=rooms, strength=ETA)
    assert needs["share"] == STRONG
    assert needs["prevention"] < needs["cure"]
    return {
        "herd.h": f"{HALF:g}",
        "herd.strong": f"{STRONG:g}",
        "herd.eta": f"{ETA:g}",
        "herd.rooms": str(rooms),
        "herd.lead": percent(LEAD),
        "herd.fold": f"{fold['fold']:.3f}",
        "herd.prevention": percent(needs["prevention"], 1),
        "herd.cure": percent(needs["cure"], 1),
    }


def evenness_phase(rows: Rows) -> dict[str, str]:
    """Quality without help, under rules, and after a phase."""
    mine = pick(rows, panel="rule")
    (none,) = pick(mine, way="rule", even=0.0)
    tried = [row for row in pick(mine, way="rule") if row["even"] > 0]
    rule = max(row["quality"] for row in tried)
    (phase,) = pick(mine, way="long")
    assert rule < none["quality"] < phase["quality"]
    return {
        "phase.least": percent(min(row["even"] for row in tried)),
        "phase.rounds": str(LONG[0]),
        "phase.none": percent(none["quality"]),
        "phase.rule": percent(rule),
        "phase.phase": percent(phase["quality"]),
    }


def newcomer_survival(rows: Rows) -> dict[str, str]:
    """Of newcomers who share a quarter of what each lives on: an even floor, and as many floors as are best."""
    mine = pick(rows, panel="split")
    even, lot = max(mine, key=lambda row: row["winners"]), max(mine, key=lambda row: row["value"])
    assert lot["winners"] == even["winners"] * QUARTER
    return {
        "new.count": f"{even['winners']:.0f}",
        "new.budget": f"{even['winners'] * QUARTER:g}",
        "new.winners": f"{lot['winners']:.0f}",
        "new.even": f"{even['value']:.1f}",
        "new.lot": f"{lot['value']:.1f}",
    }


def head_cap(rows: Rows) -> dict[str, str]:
    """The best share where hazards are convex, and the closed form."""
    convexity, hazard = SHOWN
    (best,) = pick(rows, panel="best", convexity=convexity, base=hazard, spill=0.0)
    formula = closed_forms.best_cap(hazard, convexity, DISCOUNT)
    assert abs(best["best"] - formula) < 4.0 * best["best_error"] + 0.01
    assert max(best["best"], formula) < 1.0
    return {
        "cap.convexity": f"{convexity:g}",
        "cap.hazard": f"{hazard:g}",
        "cap.found": percent(best["best"]),
        "cap.formula": percent(formula),
    }


def real_market(rows: Rows) -> dict[str, str]:
    """Ranges over the graphs of public tables, of values as recorded; the script's own claims hold of the kept rows."""
    claims(rows)
    floor = 0.8

    def of_graphs(key: str, **wanted: Any) -> list[float]:
        mine = [pick(rows, market=market, values="raw", **wanted) for market in MARKETS]
        return [float(np.mean([row[key] for row in found])) for found in mine]

    starved, anchors = (of_graphs(key, panel="starved") for key in ("starved", "anchors"))
    return {
        "real.graphs": str(len(MARKETS)),
        "real.tables": str(len(BASKETS)),
        "real.starved": span(np.divide(starved, anchors)),
        "real.floor": percent(floor),
        "real.cost": span(of_graphs("cost", panel="floor", x=floor), 1),
        "real.promised": span(of_graphs("promised_gain", panel="holdout")),
        "real.realised": span(of_graphs("realised_gain", panel="holdout")),
    }


def solver_race(rows: Rows) -> dict[str, str]:
    """How many times as long as prices first-order methods take, and conic solvers with Nash welfare, over families;
    seconds of prices at a million edges.
    """
    found, small, few, some, many = medians(rows), 10**4, 10**5, 2 * 10**5, 10**6
    (gap,) = {lane.gap for lane in LANES if lane.name in ("GMV", "GMV + Nash")}
    assert max(row["relative_gap"] for row in pick(rows, solver="prices")) <= gap

    def ratios(lane: str, edges: int, solvers: tuple[str, ...]) -> list[float]:
        pairs = [(found.get((lane, family, edges, solver)), family) for family in "ZR" for solver in solvers]
        return [seconds / found[lane, family, edges, "prices"] for seconds, family in pairs if seconds]

    million = pick(rows, lane="GMV", asked=many, solver="prices")
    assert {row["status"] for row in million} == {"CERTIFIED"}
    seconds = [found["GMV", family, many, "prices"] for family in "ZR"]
    assert max(seconds) < 1.0
    passes = [float(np.median([row["passes"] for row in pick(million, family=family)])) for family in "ZR"]
    for family, size in itertools.product("ZR", (small, few, many)):
        rivals = {one: found[key] for one in LINEAR if (key := ("GMV", family, size, one)) in found}
        assert min(rivals, key=rivals.__getitem__) == "flow", (family, size, rivals)
    assert all(found["GMV", family, small, "flow"] < found["GMV", family, small, "prices"] for family in "ZR")
    linear, conic = ratios("GMV", few, ("linear:pdlp", "linear:hipdlp")), ratios("GMV + Nash", some, CONIC)
    assert min(*linear, *conic) > 1.0
    return {
        "race.gap": power(gap),
        "race.most": f"{many:,}",
        "race.passes": whole_span(passes),
        "race.small": f"{small:,}",
        "race.seconds": f"{min(seconds):.2f} to {max(seconds):.2f}",
        "race.linear": f"{few:,}",
        "race.nash": f"{some:,}",
        "race.pdlp": whole_span(linear),
        "race.conic": whole_span(conic),
    }


CONIC = ("conic:SCS", "conic:CLARABEL")
LINEAR = ("flow", "linear:pdlp", "linear:hipdlp", "linear:glop", "dual_gradient", "min_cost_flow:100")


def whole_span(ratios: list[float]) -> str:
    """A range of ratios, in whole numbers."""
    return f"{min(ratios):.0f} to {max(ratios):.0f}"
