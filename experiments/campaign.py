"""What does a Double-11-like campaign buy, and what remains after it?

Kuaishou announced red envelopes of 2 bn RMB, subsidised products of 1 bn RMB, and a traffic subsidy of "over 10
billion" or, later in the same text, "over 100 billion" (s4). `dynamics.Campaign` plans with which impression of which
phase they come: fans F' = (1 - mu) F + kappa (1 + b y) e, y being the part of impressions e with an envelope, buy every
day, products raise sales at once, and GMV until day 90, discounted, is linear in all that is decided, so that one
linear problem, certified, has the best campaign. It is then played day by day.

Derived here. Money ends with the event, and what traffic is worth from then on does not depend on what was done before:
after the event public traffic goes where it would have gone without money, and what remains is what the fans who came
by it buy, which falls by mu a day:

    excess(t) = excess(0) (1 - mu)^t, t days after the event.

A subsidised product sells 1 + sigma times as much, of which the platform pays the part s: an RMB brings sigma / (s (1 +
sigma)) at once, whoever sells, here .91, times the discount of its day. What is gained is GMV, of which the platform
keeps a commission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

import allocator as al
from _lab import Lab, Row, arguments, percent, pick, run, stream
from allocator import dynamics as dy
from allocator.dynamics.planning import ENVELOPE_BUDGET, PRODUCT_BUDGET, TRAFFIC_BUDGETS, CampaignPlan, Scheduled
from allocator.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from allocator.synthetic.presets import GMV_2020

WARM_UP, EVENT, AFTER, DAYS = 14, 7, 14, 90
SURGE, LULL = 2.5, 0.8
"""Supply in the event, and after it, over that of other days. Lengths and factors are assumptions."""
SPENT_BY = WARM_UP + EVENT
"""The first day without money."""
DISCOUNT, DECAY, STRENGTH = 0.99, 0.03, 1.0
COST = 20.0
"""RMB per fan by an envelope: an assumption, swept in (b); Xiaoyujia sold 12.4 RMB per new fan (s4), a selected case."""
SIGMA, PAID = 0.1, 0.1
"""What products sell more, and the part of it that the platform pays: assumptions, as in A4."""
ROOM = 1.0
"""Added traffic of a day, at most, over what viewers watch by themselves: an assumption."""
SMALL = ("tail", "new")
"""Tiers that may have added traffic: all but the top tenth by sales, an assumption, as s4 does not say."""
KINDS = {
    "none": ("without money", GREY, "x", "-"),
    "envelopes": ("red envelopes, 2 bn", BLUE, "o", "-"),
    "products": ("products, 1 bn", ORANGE, "s", "--"),
    "lead": ("traffic, 10 bn", GREEN, "^", "-."),
    "text": ("traffic, 100 bn", SKY, "v", ":"),
    "all": ("all, traffic 10 bn", BLACK, "D", "-"),
}
GAP = 1e-8
SIZES = {"full": (5_000, 1_000), "quick": (400, 80)}
LESS = {"full": (1_000, 200), "quick": (200, 40)}
"""Size for sweeps."""
PARTS = {"full": (0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0), "quick": (0.25, 1.0, 3.0)}
"""Budgets over those of s4."""
COSTS = {"full": (10.0, 20.0, 40.0), "quick": (20.0, 40.0)}
SURGES = {"full": (1.0, 1.75, 2.5, 4.0, 6.0), "quick": (1.0, 4.0)}
PATIENCE = {"full": (0.95, 0.99, 0.999), "quick": (0.95, 0.99)}
FLOORS = {"full": (0.0, 0.05, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3), "quick": (0.0, 0.1, 0.3)}
"""Newcomers' least part of the traffic of each phase with money."""
DRAWS = {"full": 5, "quick": 2}
SEEDS = {"full": 8, "quick": 2}
TIERS = ("head", "waist", "tail", "new")
COLUMNS = ("panel", "kind", "day", "gmv", "part", "cost", "price", "average", "even", "draw", "tier", "before")
COLUMNS += ("gained", "envelopes", "added traffic", "surge", "discount", "floor", "lost", "new", "world", "left")


# What is measured.


class Market:
    """A platform like Kuaishou, and budgets of s4 on its scale."""

    def __init__(self, size: tuple[int, int], seed: int, draw: int = 0) -> None:
        whole = al.synthetic.kuaishou(*size, rng=stream(seed, f"campaign {tuple(size)} {draw}"))
        self.platform = al.public_part(whole)
        self.world = dy.World(self.platform, (dy.Flywheel(decay=DECAY),))
        today = float(whole.amounts("gmv", whole.observed).sum())
        self.money = 365 * today / (GMV_2020["kuaishou"] * 1e9)
        """One RMB of s4, as the same part of a year's GMV, in RMB of this platform."""
        self.traffic = 365 * float(self.platform.supply.sum()) / (GMV_2020["kuaishou"] * 1e9)
        """One impression, if Kuaishou's sell RMB 1 each: an assumption, as in `boosts.py`."""

    def instruments(self, kind: str, part: float = 1.0, cost: float = COST, **envelopes: Any) -> list[Any]:
        """What there is to spend, at a part of the budgets of s4."""
        small = np.isin(self.platform.anchors["tier"], SMALL)
        impressions = part * self.traffic * TRAFFIC_BUDGETS.get("lead" if kind == "all" else kind, 0.0)
        known = {
            "envelopes": dy.RedEnvelopes(part * self.money * ENVELOPE_BUDGET, cost, STRENGTH, **envelopes),
            "products": dy.SubsidisedProducts(part * self.money * PRODUCT_BUDGET, SIGMA, PAID),
            "traffic": dy.AddedTraffic(impressions, small, ROOM),
        }
        chosen = {"none": (), "all": (*known,), "lead": ("traffic",), "text": ("traffic",)}.get(kind, (kind,))
        return [known[name] for name in chosen]

    def plan(
        self,
        instruments: Sequence[Any],
        *,
        surge: float = SURGE,
        floor: float = 0.0,
        discount: float = DISCOUNT,
        gap: float = GAP,
    ) -> CampaignPlan:
        floors = {"new": floor} if floor else {}
        phases = [
            dy.Phase("warm-up", WARM_UP, floors=floors),
            dy.Phase("event", EVENT, surge, floors=floors),
            dy.Phase("after", AFTER, LULL, spending=False),
        ]
        return dy.Campaign(phases, instruments).plan(self.world, DAYS, discount=discount, relative_gap=gap)


def played(world: dy.World, policy: dy.policies.Policy, rng: np.random.Generator | None = None) -> dy.Trajectory:
    return dy.simulate(world, policy, periods=DAYS, rng=stream(0, "none") if rng is None else rng)


def budgets(plan: CampaignPlan) -> dict[str, float]:
    of = {"envelopes": (dy.RedEnvelopes, "budget"), "products": (dy.SubsidisedProducts, "budget")}
    of |= {"added traffic": (dy.AddedTraffic, "impressions")}
    found = {name: (plan.campaign.instrument(kind), field) for name, (kind, field) in of.items()}
    return {name: getattr(one, field) for name, (one, field) in found.items() if one is not None}


def campaign(size: tuple[int, int], seed: int, kind: str) -> list[Row]:
    """A plan, as promised and as played, day by day."""
    market = Market(size, seed)
    plan = market.plan(market.instruments(kind))
    path, had = played(plan.world, plan.policy), budgets(plan)
    about = {"kind": kind, "promised": plan.gmv, "played": path.discounted(DISCOUNT), "gap": plan.relative_gap}
    about |= {"spent": {name: plan.spent[name] for name in had}, "budgets": had, "prices": plan.prices}
    columns = {"envelopes": "subsidies_paid", "products": "products_paid"}
    about["paid"] = {name: float(path[columns[name]][-1]) for name in had if name in columns}
    rows: list[Row] = [{"panel": "plan"} | about]
    return rows + [{"panel": "day", "kind": kind, "day": day, "gmv": float(path["gmv"][day])} for day in range(DAYS)]


def evenly(market: Market, instrument: Any, without: CampaignPlan) -> float:
    """GMV, discounted, if money or traffic is spread evenly: the same part of everybody's impressions or sales every
    day of the phases with money, with public traffic as without money; of added traffic every day and anchor the same.
    """
    spending, spans = dy.Campaign(without.campaign.phases, [instrument]), ((0, SPENT_BY),)
    plain = played(without.world, without.policy)
    if isinstance(instrument, dy.AddedTraffic):
        whole = spending.world(market.world)
        most = whole.platform.supply[market.platform.segment_count :].sum() * SPENT_BY
        part = min(1.0, instrument.impressions / most)
        days = np.where(np.arange(without.campaign.length) < SPENT_BY, part, 0.0)
        there = spending.world(market.world, subsidised=days)
        even = (whole.platform.supply / np.diff(whole.platform.indptr))[whole.platform.segment]
        own = np.zeros((DAYS, even.size))
        own[:, : market.platform.edge_count] = without.policy.flows
        added = even[market.platform.edge_count :]
        own[: without.campaign.length, market.platform.edge_count :] = days[:, None] * added
        return played(there, Scheduled(own)).discounted(DISCOUNT)
    if isinstance(instrument, dy.RedEnvelopes):
        asked = instrument.cost * STRENGTH * 3 / 7 * DECAY * plain["exposure"][:SPENT_BY].sum()
    else:
        asked = PAID * (1 + SIGMA) * plain["gmv_public"][:SPENT_BY].sum()
    part = min(1.0, instrument.budget / float(asked))
    there = spending.world(market.world, spending.mechanisms(spans, part, part))
    return played(there, without.policy).discounted(DISCOUNT)


def returns(size: tuple[int, int], seed: int, kind: str, parts: Sequence[float], cost: float = COST) -> list[Row]:
    """What money brings at several budgets, planned and spread evenly: GMV per RMB spent, and by the last RMB."""
    market = Market(size, seed)
    without, rows = market.plan([]), []
    for part in parts:
        (instrument,) = market.instruments(kind, part, cost)
        plan = market.plan([instrument])
        ((name, spent),) = ((name, plan.spent[name]) for name in budgets(plan))
        even = evenly(market, instrument, without) - without.gmv
        row = {"panel": "return", "kind": kind, "part": part, "cost": cost, "price": plan.prices[name]}
        row |= {"used": spent / budgets(plan)[name], "gained": plan.gmv - without.gmv, "gap": plan.relative_gap}
        rows.append(row | {"average": (plan.gmv - without.gmv) / spent, "even": even / spent, "whole": without.gmv})
    return rows


def tiers(size: tuple[int, int], seed: int, draw: int) -> list[Row]:
    """Who sells without money, who gets what of it, and who gains, by tier, as shares."""
    market = Market(size, seed, draw)
    plans = {kind: market.plan(market.instruments(kind)) for kind in ("none", "all")}
    stages, amounts = ("warm-up", "event"), {}
    for kind, plan in plans.items():
        for key in ("gmv", "worth", "envelopes", "added traffic"):
            per = [
                sum(row.get(key, 0.0) for row in pick(plan.rows(), tier=tier) if key == "worth" or row["stage"] in stages)
                for tier in TIERS
            ]
            amounts[kind, key] = np.array(per)
    shares = {
        "before": amounts["none", "worth"],
        "gained": amounts["all", "worth"] - amounts["none", "worth"],
        "envelopes": amounts["all", "envelopes"],
        "added traffic": amounts["all", "added traffic"],
        "after": amounts["all", "worth"],
    }
    shares = {name: of / of.sum() for name, of in shares.items()}
    about = {"panel": "tier", "draw": draw}
    return [about | {"tier": t} | {name: float(of[k]) for name, of in shares.items()} for k, t in enumerate(TIERS)]


def timing(size: tuple[int, int], seed: int, discount: float, surges: Sequence[float]) -> list[Row]:
    """The part of each budget that is spent before the event."""
    market, rows = Market(size, seed), []
    for surge in surges:
        plan = market.plan(market.instruments("all"), surge=surge, discount=discount, gap=1e-6)
        found = plan.rows()
        row: Row = {"panel": "when", "discount": discount, "surge": surge}
        for name in budgets(plan):
            row[name] = sum(one[name] for one in pick(found, stage="warm-up")) / sum(one[name] for one in found)
        rows.append(row)
    return rows


def floors(size: tuple[int, int], seed: int, kind: str, parts: Sequence[float]) -> list[Row]:
    """What a floor for newcomers costs, with more or less added traffic."""
    market, rows, free = Market(size, seed), [], None
    for part in parts:
        plan = market.plan(market.instruments(kind), floor=part)
        found = [row for row in plan.rows() if row["stage"] in ("warm-up", "event")]
        free = plan if free is None else free
        served = sum(row["impressions"] for row in found)
        prices = plan.allocation.shadow_prices
        row = {"panel": "floor", "kind": kind, "floor": part, "gmv": plan.gmv, "lost": 1.0 - plan.gmv / free.gmv}
        row["new"] = sum(row["impressions"] for row in pick(found, tier="new"))
        row |= {"share": row["new"] / served, "served": served, "gap": plan.relative_gap}
        row["price"] = -sum(float(one.sum()) for name, one in prices.items() if name.startswith("GroupShare"))
        rows.append(row)
    return rows


def surprised(plan: CampaignPlan, world: str, seed: int = 0) -> float:
    """GMV, discounted, of a plan in a world that it does not know."""
    there, policy = plan.world, plan.policy
    change = WORLDS[world]
    if "subsidies" in change and there.mechanism(dy.Subsidies) is not None:
        known = there.mechanism(dy.Subsidies)
        new = replace(known, phases=known.phases[:SPENT_BY], strength=known.strength[:SPENT_BY], **change["subsidies"])
        there = replace(there, mechanisms=tuple(new if m is known else m for m in there.mechanisms))
    there = replace(there, mechanisms=(*there.mechanisms, *change.get("mechanisms", ())))
    if "guided" in change:
        policy = Scheduled(change["guided"] * policy.flows)
    return played(there, policy, stream(seed, "surprises")).discounted(DISCOUNT)


WORLDS: dict[str, dict[str, Any]] = {
    "as planned": {},
    "envelope fans leave twice as fast": {"subsidies": {"decay": 0.06}},
    "envelope fans leave four times as fast": {"subsidies": {"decay": 0.12}},
    "envelope fans buy half": {"subsidies": {"buying": 0.5}},
    "tools, w = .005 a day": {"subsidies": {"tools": 0.5, "forgetting": 0.005, "learning": 0.02}},
    "tools, w = .01 a day": {"subsidies": {"tools": 0.5, "forgetting": 0.01, "learning": 0.02}},
    "tools, w = .02 a day": {"subsidies": {"tools": 0.5, "forgetting": 0.02, "learning": 0.02}},
    "a quarter of viewers follow the crowd": {"guided": 0.75, "mechanisms": (dy.Herding(),)},
    "newcomers leave": {"mechanisms": (dy.Newcomers(),)},
}
"""Worlds that no plan here knows: how fast fans by envelopes leave, skill that half of the work left to tools costs,
viewers whom nobody guides, newcomers who leave; all parameters are assumptions."""
KNOWABLE = {
    "envelope fans leave twice as fast": {"decay": 0.06},
    "envelope fans leave four times as fast": {"decay": 0.12},
    "envelope fans buy half": {"buying": 0.5},
}
"""What a campaign could have known."""


def surprises(size: tuple[int, int], seed: int, kind: str, seeds: int) -> list[Row]:
    """The part of the promised gain that is left in other worlds, and with a plan that knows them."""
    market, rows = Market(size, seed), []
    without, plan = market.plan([]), market.plan(market.instruments(kind))
    promised = plan.gmv - without.gmv
    for world in WORLDS:
        for draw in range(seeds if "newcomers" in world else 1):
            gained = surprised(plan, world, draw) - surprised(without, world, draw)
            rows.append({"panel": "world", "kind": kind, "world": world, "draw": draw, "left": gained / promised})
        if world in KNOWABLE:
            knowing = market.plan(market.instruments(kind, **KNOWABLE[world]))
            rows[-1]["knowing"] = (knowing.gmv - without.gmv) / promised
    return rows
