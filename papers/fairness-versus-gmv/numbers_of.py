"""The numbers of the prose, each from rows of an experiment; what the prose claims of them is asserted here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numbers_of_worlds import assumed, bans, fragments, league, poached, spending, war
from taking import percent, span

from _lab import pick
from allocator.dynamics import closed_forms
from frontier import SPREADING
from solver_race import medians

Rows = list[dict[str, Any]]


def numbers(rows: Mapping[str, Rows]) -> dict[str, str]:
    """The text of every number by name."""
    found: dict[str, str] = {}
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
    for of in (league, spending, assumed, bans, fragments, poached, war):
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
    assert alone > together["cost"]
    assert head[0]["price"] > head[-1]["price"]
    return {
        "rules.alone": percent(alone, 1),
        "rules.together": percent(together["cost"], 1),
        "rules.count": str(len(ten)),
        "rules.steps": str(len(pick(rows, panel="stronger"))),
        "rules.head.loose": percent(head[-1]["price"] / 100, 2),
        "rules.head.tight": percent(head[0]["price"] / 100, 2),
    }


def boosts(rows: Rows) -> dict[str, str]:
    """With a fifth of the money at sigma = .1."""
    mine = pick(rows, panel="budgets", level=0.2, sigma=0.1)
    (best,), (top,) = (pick(mine, way=way) for way in ("best", "top"))
    assert top["gain"] < best["gain"] <= best["bound"]
    return {
        "boosts.best": percent(best["gain"], 2),
        "boosts.top": percent(top["gain"], 2),
        "boosts.bound": percent(best["bound"], 2),
    }


def flywheel(rows: Rows) -> dict[str, str]:
    """What an impression is worth, private GMV at rest, and newcomers under patience."""
    worth = {row["discount"]: row["worth"] for row in pick(rows, panel="worth", mu=0.03)}
    (rest,) = pick(rows, panel="rest", kind="live alone", last=True)
    three = pick(rows, panel="platform", kind="drawn", ratio=3, discount=0.99)
    mean = {name: float(np.mean([row[name] for row in three])) for name in ("myopic", "patient", "gain")}
    assert mean["patient"] > mean["myopic"]
    return {
        "fly.worth.impatient": f"{worth[0.9]:.2f}",
        "fly.worth.patient": f"{worth[0.99]:.2f}",
        "fly.private": percent(rest["private_gmv"], 1),
        "fly.myopic": percent(mean["myopic"]),
        "fly.patient": percent(mean["patient"]),
        "fly.gain": percent(mean["gain"]),
    }


def herding(rows: Rows) -> dict[str, str]:
    """Down to which strength a head of twenty rooms lasts; prevention and cure."""
    (fold,) = pick(rows, panel="fold", rooms=20, share=0.5)
    (needs,) = pick(rows, panel="needs", rooms=20, strength=1.6)
    assert needs["prevention"] < needs["cure"]
    return {
        "herd.h": f"{fold['share']:g}",
        "herd.fold": f"{fold['fold']:.3f}",
        "herd.prevention": percent(needs["prevention"], 1),
        "herd.cure": percent(needs["cure"], 1),
    }


def evenness_phase(rows: Rows) -> dict[str, str]:
    """Quality without help, under rules, and after a phase."""
    mine = pick(rows, panel="rule")
    (none,) = pick(mine, way="rule", even=0.0)
    rule = max(row["quality"] for row in pick(mine, way="rule") if row["even"] > 0)
    (phase,) = pick(mine, way="long")
    assert rule < none["quality"] < phase["quality"]
    return {
        "phase.none": percent(none["quality"]),
        "phase.rule": percent(rule),
        "phase.phase": percent(phase["quality"]),
    }


def newcomer_survival(rows: Rows) -> dict[str, str]:
    """Of forty newcomers who share ten times what one lives on."""
    mine = sorted(pick(rows, panel="split"), key=lambda row: row["winners"])
    even, ten = mine[-1], min(mine, key=lambda row: abs(row["winners"] - 10))
    assert even["value"] < ten["value"]
    return {"new.even": f"{even['value']:.1f}", "new.lot": f"{ten['value']:.1f}"}


def head_cap(rows: Rows) -> dict[str, str]:
    """The best share where hazards are convex, and the closed form."""
    (best,) = pick(rows, panel="best", convexity=2.0, base=0.1, spill=0.0)
    formula = closed_forms.best_cap(0.1, 2.0, 0.95)
    return {"cap.found": percent(best["best"]), "cap.formula": percent(formula)}


def real_market(rows: Rows) -> dict[str, str]:
    """Ranges over the four graphs of public tables."""
    real = [row for row in rows if row["market"] != "simulated"]
    starved = [row["starved"] / row["anchors"] for row in pick(real, panel="starved", values="raw")]
    costs = [row["cost"] for row in pick(real, panel="floor") if abs(row["x"] - 0.8) < 1e-9]
    gains: dict[str, list[float]] = {"promised_gain": [], "realised_gain": []}
    for market in sorted({row["market"] for row in real}):
        for values in ("raw", "shrunk"):
            mine = pick(real, panel="holdout", market=market, values=values)
            means = {name: float(np.mean([row[name] for row in mine])) for name in gains}
            if values == "raw":
                raw = means
                for name, mean in means.items():
                    gains[name].append(mean)
            else:
                assert means["promised_gain"] < raw["promised_gain"], market
                assert means["realised_gain"] >= raw["realised_gain"], market
    return {
        "real.starved": span(starved),
        "real.floor": percent(0.8),
        "real.cost": span(costs, 1),
        "real.promised": span(gains["promised_gain"]),
        "real.realised": span(gains["realised_gain"]),
    }


def solver_race(rows: Rows) -> dict[str, str]:
    """How many times as long as prices first-order methods take at a hundred thousand edges, and conic solvers with
    Nash welfare at two hundred thousand, over families; prices at a million edges.
    """
    found = medians(rows)

    def ratios(lane: str, edges: int, solvers: tuple[str, ...]) -> list[float]:
        pairs = [(found.get((lane, family, edges, solver)), family) for family in "ZR" for solver in solvers]
        return [seconds / found[lane, family, edges, "prices"] for seconds, family in pairs if seconds]

    assert max(found["GMV", family, 10**6, "prices"] for family in "ZR") < 1.0
    linear, conic = ratios("GMV", 10**5, ("linear:pdlp", "linear:hipdlp")), ratios("GMV + Nash", 2 * 10**5, CONIC)
    assert min(*linear, *conic) > 1.0
    return {"race.pdlp": whole_span(linear), "race.conic": whole_span(conic)}


CONIC = ("conic:SCS", "conic:CLARABEL")


def whole_span(ratios: list[float]) -> str:
    """A range of ratios, in whole numbers."""
    return f"{min(ratios):.0f} to {max(ratios):.0f}"
