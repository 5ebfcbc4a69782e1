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
from _lab import Lab, Row, arguments, blank_figure, entries, pick, run, stream
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
CONVERSION = 3 / 7 * DECAY
"""kappa at a visit a day: private traffic is three sevenths of public traffic at rest (s4)."""
PER_DAY = 1.0 + 4.0 * 3 / 7
"""GMV of a day over public GMV today: private impressions sell four times as well (s4)."""
COST = 20.0
"""RMB per fan by an envelope: an assumption, halved and doubled in (b); Xiaoyujia sold 12.4 RMB per new fan (s4), a
selected case.
"""
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
GAP, ROUGH = 1e-8, 1e-6
"""Gaps to be proved where days are compared, and elsewhere."""
SPANS = {
    "warm-up": (0, WARM_UP),
    "event": (WARM_UP, SPENT_BY),
    "after": (SPENT_BY, SPENT_BY + AFTER),
}
SIDE = {"ha": "right", "va": "center", "fontsize": 6}
SIZES = {"full": (5_000, 1_000), "quick": (150, 40)}
LESS = {"full": (1_000, 200), "quick": (150, 40)}
"""Size for sweeps."""
PARTS = {"full": (0.125, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.55, 1.6, 2.0), "quick": (0.25, 1.0, 1.5)}
FEW = {"full": (0.125, 0.5, 1.0, 2.0), "quick": (0.25, 1.0)}
"""Budgets over those of s4, of envelopes, and of the others."""
DEAR, DEARER = 2.0, (0.5, 1.0)
"""A cost over `COST`, and budgets at which it is planned for, to compare with what follows from scale alone."""
SURGES = {"full": (1.0, 2.5, 4.0, 6.0), "quick": (1.0, 4.0)}
PATIENT = {0.95: 5.0, 0.99: 3.5, 0.999: 2.0}
"""Discount factors of (d), and the size of their markers."""
PATIENCE = {"full": (0.95, 0.99, 0.999), "quick": (0.95, 0.99)}
FLOORS = {"full": (0.0, 0.05, 0.1, 0.2, 0.3), "quick": (0.0, 0.1, 0.3)}
"""Newcomers' least part of the traffic of each phase with money."""
DRAWS = {"full": 3, "quick": 1}
SEEDS = {"full": 4, "quick": 1}
LITTLE = 0.125
"""A small budget of envelopes over that of s4."""
COLUMNS = ("panel", "kind", "day", "gmv", "part", "cost", "price", "average", "even", "draw", "before", "little")
COLUMNS += ("whole", "gained", "surge", "discount", "early", "floor", "lost", "new", "world", "left", "knowing")


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
        gap: float = ROUGH,
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
    plan = market.plan(market.instruments(kind), gap=GAP)
    path, had = played(plan.world, plan.policy), budgets(plan)
    about = {"kind": kind, "promised": plan.gmv, "played": path.discounted(DISCOUNT), "gap": plan.relative_gap}
    about |= {"spent": {name: plan.spent[name] for name in had}, "budgets": had, "prices": plan.prices}
    columns = {"envelopes": "subsidies_paid", "products": "products_paid"}
    about["paid"] = {name: float(path[columns[name]][-1]) for name in had if name in columns}
    rows: list[Row] = [{"panel": "plan"} | about]
    return rows + [{"panel": "day", "kind": kind, "day": day, "gmv": float(path["gmv"][day])} for day in range(DAYS)]


def evenly(market: Market, instrument: Any, without: CampaignPlan) -> tuple[float, float]:
    """GMV, discounted, and what is spent, if the same part of everybody's impressions, or of everybody's sales, is
    subsidised every day until the event is over, with public traffic as without money.
    """
    spending, spans = dy.Campaign(without.campaign.phases, [instrument]), ((0, SPENT_BY),)
    if isinstance(instrument, dy.AddedTraffic):
        return evenly_added(market, spending, without)
    plain = played(without.world, without.policy)
    if isinstance(instrument, dy.RedEnvelopes):
        asked = instrument.cost * STRENGTH * CONVERSION * plain["exposure"][:SPENT_BY].sum()
    else:
        asked = PAID * (1 + SIGMA) * plain["gmv_public"][:SPENT_BY].sum()
    part = min(1.0, instrument.budget / float(asked))
    path = played(spending.world(market.world, spending.mechanisms(spans, part, part)), without.policy)
    paid = path["subsidies_paid" if isinstance(instrument, dy.RedEnvelopes) else "products_paid"]
    return path.discounted(DISCOUNT), float(paid[-1])


def evenly_added(market: Market, spending: dy.Campaign, without: CampaignPlan) -> tuple[float, float]:
    """The same for added traffic: as much of it every day, and of it to each anchor of a segment as to any other."""
    whole, own = spending.world(market.world).platform, market.platform.edge_count
    most = SPENT_BY * float(whole.supply[market.platform.segment_count :].sum())
    impressions = min(spending.instrument(dy.AddedTraffic).impressions, most)
    days = np.where(np.arange(spending.length) < SPENT_BY, impressions / most, 0.0)
    each = (whole.supply / np.diff(whole.indptr))[whole.segment][own:]
    flows = np.zeros((DAYS, whole.edge_count))
    flows[:, :own] = without.policy.flows
    flows[: days.size, own:] = days[:, None] * each
    path = played(spending.world(market.world, subsidised=days), Scheduled(flows))
    return path.discounted(DISCOUNT), impressions


def returns(size: tuple[int, int], seed: int, kind: str, parts: Sequence[float], cost: float = COST) -> list[Row]:
    """What money brings at several budgets, planned and spread evenly: GMV per RMB spent, and by the last RMB."""
    market = Market(size, seed)
    without, rows = market.plan([]), []
    for part in parts:
        (instrument,) = market.instruments(kind, part, cost)
        plan = market.plan([instrument])
        ((name, spent),) = ((name, plan.spent[name]) for name in budgets(plan))
        even, used = evenly(market, instrument, without)
        row = {"panel": "return", "kind": kind, "part": part, "cost": cost, "price": plan.prices[name]}
        row |= {"used": spent / budgets(plan)[name], "gained": plan.gmv - without.gmv, "whole": without.gmv}
        rows.append(
            row | {"average": row["gained"] / spent, "evenly": even - without.gmv, "even": (even - without.gmv) / used}
        )
    return rows


def who(size: tuple[int, int], seed: int, draw: int) -> list[Row]:
    """Anchors from the largest GMV without money on: their parts of envelopes and of what these bring, cumulated."""
    market = Market(size, seed, draw)
    count = market.platform.anchor_count
    plans = {part: market.plan(market.instruments("envelopes", part)) for part in (0.0, LITTLE, 1.0)}

    def of(part: float, per: str) -> np.ndarray:
        platform, flow = plans[part].allocation.platform, plans[part].allocation.flow
        each = platform.value if per == "worth" else platform.measures[per]
        return np.bincount(platform.anchor % count, flow * each, count)  # anchors come once for each way

    before = of(0.0, "worth")
    amounts = {"little": of(LITTLE, "envelopes"), "whole": of(1.0, "envelopes"), "gained": of(1.0, "worth") - before}
    order, grid = np.argsort(-before), np.linspace(0.0, 1.0, 21)
    x, rows = np.concatenate(([0.0], before[order].cumsum() / before.sum())), []
    for level in grid:
        row: Row = {"panel": "who", "draw": draw, "before": float(level)}
        for name, amount in amounts.items():
            part = np.concatenate(([0.0], amount[order].cumsum() / amount.sum()))
            row[name] = float(part[-1] if level == 1.0 else np.interp(level, x, part))
        rows.append(row)
    return rows


def timing(size: tuple[int, int], seed: int, kind: str, discount: float, surges: Sequence[float]) -> list[Row]:
    """The part of a budget that is spent before the event."""
    market, rows = Market(size, seed), []
    for surge in surges:
        plan = market.plan(market.instruments(kind), surge=surge, discount=discount)
        found, (name,) = plan.rows(), budgets(plan)
        early = sum(one[name] for one in pick(found, stage="warm-up")) / sum(one[name] for one in found)
        rows.append({"panel": "when", "kind": kind, "discount": discount, "surge": surge, "early": early})
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


def surprised(there: dy.World, policy: Scheduled, world: str, seed: int = 0) -> float:
    """GMV, discounted, of a plan's world and policy where the world is another."""
    change, known = WORLDS[world], there.mechanism(dy.Subsidies)
    if "subsidies" in change and known is not None:
        spans, strength = known.phases[:SPENT_BY], known.strength[:SPENT_BY]
        new = replace(known, phases=spans, strength=strength, **change["subsidies"])
        there = replace(there, mechanisms=tuple(new if m is known else m for m in there.mechanisms))
    there = replace(there, mechanisms=(*there.mechanisms, *change.get("mechanisms", ())))
    if "guided" in change:
        policy = Scheduled(change["guided"] * policy.flows)
    return played(there, policy, stream(seed, "surprises")).discounted(DISCOUNT)


SKILL = {"tools": 0.5, "learning": 0.02}
WORLDS: dict[str, dict[str, Any]] = {
    "as planned": {},
    "fans: μₛ = .06": {"subsidies": {"decay": 0.06}},
    "fans: μₛ = .12": {"subsidies": {"decay": 0.12}},
    "fans buy half": {"subsidies": {"buying": 0.5}},
    "tools, w = .005": {"subsidies": SKILL | {"forgetting": 0.005}},
    "tools, w = .01": {"subsidies": SKILL | {"forgetting": 0.01}},
    "tools, w = .02": {"subsidies": SKILL | {"forgetting": 0.02}},
    "half of viewers herd": {"guided": 0.5, "mechanisms": (dy.Herding(),)},
    "newcomers leave": {"mechanisms": (dy.Newcomers(),)},
}
"""Worlds that no plan here knows: fans by envelopes who leave sooner or buy less, skill lost while half of the work is
left to tools, viewers whom nobody guides, newcomers who leave; all parameters are assumptions."""
KNOWABLE = {world: WORLDS[world]["subsidies"] for world in WORLDS if world.startswith("fans")}
"""What a campaign could have known."""


def surprises(size: tuple[int, int], seed: int, kind: str, seeds: int) -> list[Row]:
    """The part of the promised gain that is left in other worlds, and with a plan that knows them."""
    market, rows = Market(size, seed), []
    plans = market.plan([]), market.plan(market.instruments(kind))
    never, promised = plans[0].gmv, plans[1].gmv - plans[0].gmv
    without, planned = ((plan.world, plan.policy) for plan in plans)
    for world in WORLDS:
        for draw in range(seeds if "newcomers" in world else 1):
            gained = surprised(*planned, world, draw) - surprised(*without, world, draw)
            rows.append({"panel": "world", "kind": kind, "world": world, "draw": draw, "left": gained / promised})
        if world in KNOWABLE and kind == "envelopes":
            knowing = market.plan(market.instruments(kind, **KNOWABLE[world]))
            rows[-1]["knowing"] = (knowing.gmv - never) / promised
    return rows


# What is drawn.


def draw(rows: Sequence[Row]) -> Any:
    figure = blank_figure(5.2)
    # Rows of their own, so that the names of worlds take no room above.
    halves = [half.subgridspec(1, 3) for half in figure.add_gridspec(2, 1)]
    (days, money, large), (when, floor, other) = (half.subplots() for half in halves)
    draw_days(pick(rows, panel="day"), days)
    draw_returns(pick(rows, panel="return"), money)
    draw_who(pick(rows, panel="who"), large)
    draw_timing(pick(rows, panel="when"), when)
    draw_floors(pick(rows, panel="floor"), floor)
    draw_worlds(pick(rows, panel="world"), other)
    handles, labels = days.get_legend_handles_labels()
    title = "(a), and colours and markers of (d) to (f)"
    figure.legend(handles, labels, loc="outside lower center", ncols=5, columnspacing=1.5, title=title)
    return figure


def path(rows: Sequence[Row], kind: str) -> np.ndarray:
    """GMV day by day."""
    return np.array([row["gmv"] for row in pick(rows, panel="day", kind=kind)])


def draw_days(rows: Sequence[Row], ax: Any) -> None:
    """GMV beyond that without money, and after the event the closed form."""
    never, since = path(rows, "none"), np.arange(DAYS - SPENT_BY)
    for shade, (first, last) in zip((0.06, 0.16, 0.03), SPANS.values(), strict=True):
        ax.axvspan(first, last, color=BLACK, alpha=shade, linewidth=0)
    for kind, (label, colour, marker, dashes) in KINDS.items():
        if kind == "none":
            continue
        excess = path(rows, kind) - never
        steps = {"drawstyle": "default", "marker": marker, "markersize": 2.8, "markevery": 12}
        ax.plot(100 * excess / never, dashes, color=colour, label=label, linewidth=0.9, **steps)
        line = excess[SPENT_BY] * (1 - DECAY) ** since / never[SPENT_BY:]
        if kind != "products":
            ax.plot(SPENT_BY + since[::6], 100 * line[::6], "_", color=BLACK, markersize=4, zorder=4)
    ax.set(xlabel="Day", ylabel="GMV beyond that\nwithout money (%)", xlim=(0, DAYS), ylim=(-8, None))
    ax.set_title("(a) dark: event, ticks: closed form", loc="left")


def full() -> float:
    """Budget, over that of s4, for which every impression of both phases comes with an envelope: cost kappa e."""
    day = 1.0 / 365 / PER_DAY  # public impressions of a day over GMV of a year, RMB 1 each today
    impressions = (WARM_UP + SURGE * EVENT) * day
    return COST * STRENGTH * CONVERSION * impressions / (ENVELOPE_BUDGET / (GMV_2020["kuaishou"] * 1e9))


def draw_returns(rows: Sequence[Row], ax: Any) -> None:
    """GMV per RMB: on average, by the last one, and of money spread evenly."""
    mine = pick(rows, kind="envelopes", cost=COST)
    part, last, average, even = entries(mine, "part", "price", "average", "even")
    for factor, shade in ((0.5, 0.45), (1.0, 1.0), (2.0, 0.45)):
        x, price = factor * part, last / factor
        words = "last RMB, envelopes" if factor == 1 else None
        ax.plot(x, price, "-", color=BLUE, linewidth=0.9, alpha=shade, label=words)
        ax.annotate(f"{factor * COST:g}", (x[0], price[0]), (-2, 0), textcoords="offset points", **SIDE)
    look = {"color": BLUE, "markersize": 3.5, "linestyle": "none", "marker": "o"}
    ax.plot(part, average, label="average", **look)
    ax.plot(part, even, label="spread evenly", markerfacecolor="white", **look)
    for factor in (0.5, 1.0, 2.0):
        alpha = 1.0 if factor == 1 else 0.45
        ax.axvline(factor * full(), ymax=0.6, color=BLUE, linestyle=":", linewidth=0.7, alpha=alpha)
    products = pick(rows, kind="products")
    ax.plot(*entries(products, "part", "price"), "s--", color=ORANGE, markersize=3, label="last RMB, products")
    ax.axhline(1, color=BLACK, linewidth=0.6)
    ax.set_xscale("log", base=2)
    ax.set_xticks((0.125, 0.25, 0.5, 1, 2), ("1/8", "1/4", "1/2", "1", "2"))
    ax.set(xlabel="Budget over that of s4", ylabel="GMV gained (RMB per RMB)", ylim=(0, 9.5), xlim=(0.04, 4.5))
    ax.legend(loc="upper right", fontsize=6)
    ax.set_title("(b) lines: a fan costs 10, 20, 40", loc="left")


def draw_who(rows: Sequence[Row], ax: Any) -> None:
    """Bands: range of draws."""
    levels = sorted({row["before"] for row in rows})
    x = 100 * np.array(levels)
    ax.plot((0, 100), (0, 100), "-", color=GREY, linewidth=0.6)
    looks = {
        "little": ("envelopes, 1/8 of s4's", PURPLE, "--"),
        "whole": ("envelopes of s4", BLUE, "-"),
        "gained": ("GMV gained by these", VERMILLION, "-."),
    }
    for name, (label, colour, dashes) in looks.items():
        some = 100 * np.array([[row[name] for row in pick(rows, before=level)] for level in levels])
        ax.plot(x, some.mean(axis=1), dashes, color=colour, label=label)
        ax.fill_between(x, some.min(axis=1), some.max(axis=1), color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel="GMV without money,\nlargest anchors first (%)", ylabel="Their part (%)", xlim=(0, 100))
    ax.set(ylim=(0, 119), yticks=range(0, 101, 20))
    ax.legend(loc="lower right", fontsize=6, handlelength=1.8, borderpad=0)
    ax.set_title("(c) above grey: large gain more", loc="left")


def draw_timing(rows: Sequence[Row], ax: Any) -> None:
    surges = sorted({row["surge"] for row in rows})
    fine = np.linspace(surges[0], surges[-1], 100)
    ax.plot(fine, 100 * WARM_UP / (WARM_UP + EVENT * fine), ":", color=GREY)
    for kind, days in (("envelopes", "-"), ("lead", "-.")):
        for discount, size in PATIENT.items():
            mine = pick(rows, kind=kind, discount=discount)
            x, early_ = entries(mine, "surge", "early")
            _, colour, marker, _ = KINDS[kind]
            look = {"color": colour, "marker": marker, "markersize": size, "markerfacecolor": "white"}
            ax.plot(x, 100 * early_, days, linewidth=0.7, **look)
    for discount, size in PATIENT.items():
        label = f"δ = {discount:g}".replace("0.", ".")
        ax.plot([], [], "o", color=BLACK, markerfacecolor="white", markersize=size, label=label)
    ax.legend(loc="lower left", fontsize=6)
    ax.set(xlabel="Supply in the event\nover that of other days", ylabel="Spent before the event (%)", ylim=(0, 104))
    ax.set_title("(d) dotted: part of traffic", loc="left")


def draw_floors(rows: Sequence[Row], ax: Any) -> None:
    """Markers: floors of the same parts of traffic."""
    for kind in ("none", "lead", "text"):
        mine, (words, colour, marker, dashes) = pick(rows, kind=kind), KINDS[kind]
        x, y = [row["new"] / 1e6 for row in mine], [100 * row["lost"] for row in mine]
        look = {"marker": marker, "markersize": 3.5, "linewidth": 0.9}
        label = "without traffic" if kind == "none" else words
        ax.plot(x, y, dashes, color=BLACK if kind == "none" else colour, label=label, **look)
        for row in mine[1:] if kind == "none" else ():
            place = row["new"] / 1e6, 100 * row["lost"]
            ax.annotate(f"{100 * row['floor']:g} %", place, (-4, 0), textcoords="offset points", **SIDE)
    ax.set(xlabel="Newcomers' impressions\nin warm-up and event (M)", ylabel="GMV lost (%)", xlim=(-1, None))
    ax.legend(loc="lower right", fontsize=6, handlelength=1.5, borderpad=0)
    ax.set_title("(e) floors for newcomers", loc="left")


def draw_worlds(rows: Sequence[Row], ax: Any) -> None:
    """Bars: two standard errors over seeds."""
    for kind, shift in (("envelopes", 0.15), ("all", -0.15)):
        _, colour, marker, _ = KINDS[kind]
        for place, world in enumerate(reversed(WORLDS)):
            mine = pick(rows, kind=kind, world=world)
            some = 100 * np.array([row["left"] for row in mine])
            error = 2 * some.std(ddof=1) / np.sqrt(some.size) if some.size > 1 else 0.0
            look = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 0.8}
            ax.errorbar(some.mean(), place + shift, xerr=error, **look)
            if "knowing" in mine[-1]:
                ax.plot(100 * mine[-1]["knowing"], place + shift, "|", color=colour, markersize=7)
    for level, dashes in ((100, "-"), (0, ":")):
        ax.axvline(level, color=BLACK, linewidth=0.6, linestyle=dashes)
    ax.set_yticks(range(len(WORLDS)), [*reversed(WORLDS)], fontsize=6)
    ax.set(xlabel="Gain left (% of the promise)")
    ax.set_title("(f) ticks: plans that know", loc="left")


# What is claimed.


def kept(rows: Sequence[Row]) -> str:
    """What is planned is what is played; budgets are spent to the last RMB, and not exceeded."""
    plans = pick(rows, panel="plan")
    for row in plans:
        assert abs(row["played"] / row["promised"] - 1.0) < 1e-9, row
        assert row["gap"] <= GAP, row
        for name, budget in row["budgets"].items():
            assert row["spent"][name] <= budget * (1 + 1e-9), row
            assert row["kind"] == "text" or row["spent"][name] >= budget * (1 - 1e-6), row
        for name, paid in row["paid"].items():
            assert abs(paid / row["spent"][name] - 1.0) < 1e-9, row
    (text,) = pick(plans, kind="text")
    used = text["spent"]["added traffic"] / text["budgets"]["added traffic"]
    assert used < 1.0, text
    assert text["prices"]["added traffic"] == 0.0, text
    promised = {row["kind"]: row["promised"] for row in plans}
    gains = {kind: promised[kind] / promised["none"] - 1.0 for kind in KINDS if kind != "none"}
    parts = sum(gains[kind] for kind in ("envelopes", "products", "lead"))
    assert gains["all"] > parts, gains
    words = ", ".join(f"{gain:+.1%} ({KINDS[kind][0]})" for kind, gain in gains.items())
    return (
        f"Discounted GMV of {DAYS} days: {words}; together more than the sum of the three, {parts:+.1%}. As played it "
        f"is as planned, and the money is spent to the last RMB; of the traffic of 100 bn {used:.0%} find viewers."
    )


def remains(rows: Sequence[Row]) -> str:
    """After the event the excess falls by mu a day, and most of what envelopes bring comes after it."""
    never, since, said = path(rows, "none"), np.arange(DAYS - SPENT_BY), []
    for kind in ("envelopes", "lead", "text", "all", "products"):
        excess = path(rows, kind) - never
        line = excess[SPENT_BY] * (1 - DECAY) ** since
        assert np.abs(excess[SPENT_BY:] - line).max() < 1e-5 * never.mean(), kind
        if kind == "products":
            assert np.abs(excess[SPENT_BY:]).max() < 2e-3 * never.mean(), kind
            continue
        part, now, later = excess[SPENT_BY:].sum() / excess.sum(), *(excess / never)[[SPENT_BY, SPENT_BY + 60]]
        said.append(f"{KINDS[kind][0]}: {now:+.1%} on the first day, {later:+.1%} 60 days later, {part:.0%} of all")
        assert kind != "envelopes" or part > 0.5, part
    start = (path(rows, "envelopes") - never)[0]
    assert start < 0, start
    return (
        f"After the event the excess of GMV falls by {DECAY:.0%} a day, as fans do ({'; '.join(said)} that is gained); "
        f"of products nothing remains. Envelopes cost {-start / never[0]:.1%} of GMV on day 0: traffic goes where fans "
        "are won."
    )


def pays(rows: Sequence[Row]) -> str:
    """The last RMB brings less the more there are, and nothing once all impressions come with an envelope; cost and
    budget count through their ratio alone.
    """
    mine = sorted(pick(rows, panel="return", kind="envelopes", cost=COST), key=lambda row: row["part"])
    for before, after in pairwise(mine):
        assert before["price"] >= after["price"] - 1e-6, (before, after)
        assert before["average"] >= after["average"] - 1e-6, (before, after)
    for row in mine:
        assert row["average"] > row["even"], row
        assert (row["price"] > 0) == (row["part"] < full()), row
        assert (row["used"] > 1 - 1e-6) == (row["part"] < full()), row
    for row in pick(rows, panel="return", kind="envelopes", cost=DEAR * COST):
        same = pick(mine, part=row["part"] / DEAR)
        assert all(abs(row["gained"] - one["gained"]) < 1e-5 * row["whole"] for one in same), (row, same)
    for row in pick(rows, panel="return", kind="products"):
        assert row["price"] <= row["average"] * (1 + 1e-3) < SIGMA / (PAID * (1 + SIGMA)), row
    for row in pick(rows, panel="return"):
        assert row["evenly"] <= row["gained"], row
    (one,) = pick(mine, part=1.0)
    # At the cost c the budget of s4 buys as many fans as the part COST / c of it does at COST.
    costs = np.linspace(COST / full(), COST / mine[0]["part"], 2_000)
    last = np.interp(COST / costs, [r["part"] for r in mine], [r["price"] for r in mine]) * COST / costs
    most = costs[last >= 1].max()
    assert mine[0]["average"] * COST / 10 < 10, mine[0]
    products, traffic = (pick(rows, panel="return", kind=kind, part=1.0)[0] for kind in ("products", "lead"))
    return (
        f"At RMB {COST:g} per fan an RMB of envelopes brings {one['average']:.2f} RMB of GMV on average, the last one "
        f"{one['price']:.2f}, and {one['even']:.2f} spread evenly; the last one brings more than itself up to a cost "
        f"of RMB {most:.0f}, and below RMB {COST / full():.1f} the budget of s4 is more than all impressions take. "
        f"Products bring {products['average']:.2f}; an added impression {traffic['average']:.2f}, "
        f"{traffic['price']:.2f} the last one, and {traffic['even']:.2f} spread evenly."
    )


def larger(rows: Sequence[Row]) -> str:
    """The large get more than their part of envelopes, and of what these bring."""
    mine = pick(rows, panel="who")
    for row in pick(mine, before=1.0):
        assert all(abs(row[name] - 1.0) < 1e-9 for name in ("little", "whole", "gained")), row
    half, most = pick(mine, before=0.5), pick(mine, before=0.8)
    assert all(row["whole"] > 0.5 for row in half), half
    assert all(row["gained"] > row["whole"] for row in half), half
    assert all(row["gained"] > 1.0 for row in most), most
    said = [np.mean([row[name] for row in half]) for name in ("little", "whole", "gained")]
    lost = np.mean([row["gained"] for row in most])
    return (
        f"The largest anchors, who sell half of GMV without money, get {said[1]:.0%} of envelopes ({said[0]:.0%} of an "
        f"eighth of the budget) and {said[2]:.0%} of what they bring; those who sell four fifths gain {lost:.0%} of "
        "it, so that the others lose."
    )


def early(rows: Sequence[Row]) -> str:
    """More than a phase's part of traffic is spent before the event, the more so the less patient the platform is."""
    mine = pick(rows, panel="when")
    for row in mine:
        assert row["early"] >= WARM_UP / (WARM_UP + EVENT * row["surge"]) - 1e-6, row
        for other in pick(mine, kind=row["kind"], surge=row["surge"]):
            assert (other["discount"] <= row["discount"]) or other["early"] <= row["early"] + 1e-4, (row, other)
    found = [row["early"] for row in pick(mine, kind="envelopes", discount=DISCOUNT)]
    assert found == sorted(found, reverse=True), found
    traffic = [row["early"] for row in pick(mine, kind="lead", discount=DISCOUNT)]
    assert max(traffic) - min(traffic) < 1e-4, traffic
    surges = sorted({row["surge"] for row in mine})
    return (
        f"Before the event come {found[0]:.0%} of envelopes without a surge, {found[-1]:.0%} if supply rises to "
        f"{surges[-1]:g} times as much (part of traffic: {WARM_UP / (WARM_UP + EVENT * surges[-1]):.0%}), and "
        f"{traffic[0]:.0%} of added traffic whatever the surge."
    )


def dearer(rows: Sequence[Row]) -> str:
    """A6: the same number of newcomers' impressions costs less where traffic was added; the same part need not."""
    said = []
    mine = {kind: pick(rows, panel="floor", kind=kind) for kind in ("none", "lead", "text")}
    largest = mine["none"][-1]
    for kind, some in mine.items():
        lost = [row["lost"] for row in some]
        assert lost == sorted(lost), some
        amount = float(np.interp(largest["new"], [row["new"] for row in some], lost))  # a chord: not too little
        said.append((amount, some[-1]["lost"], kind))
    assert [one[0] for one in said] == sorted((one[0] for one in said), reverse=True), said
    words = ", ".join(
        f"{amount:.1%} as many and {part:.1%} the same part, with {KINDS[k][0]}" for amount, part, k in said[1:]
    )
    return (
        f"{largest['floor']:.0%} of traffic, {largest['new'] / 1e6:.1f} M impressions, for newcomers cost "
        f"{largest['lost']:.1%} of GMV; {words}."
    )


def survives(rows: Sequence[Row]) -> str:
    """What a world that is not as planned leaves of the gain, and how little of it a plan that knows would save."""
    mine = pick(rows, panel="world")
    left = {kind: {row["world"]: row["left"] for row in pick(mine, kind=kind)} for kind in ("envelopes", "all")}
    for kind, gains in left.items():
        assert abs(gains["as planned"] - 1.0) < 1e-6, kind
        tools = [gains[world] for world in WORLDS if world.startswith("tools")]
        assert tools == sorted(tools, reverse=True), tools
        assert 1.0 > gains["fans: μₛ = .06"] > gains["fans: μₛ = .12"] > 0, gains
        assert gains["half of viewers herd"] < 1.0, gains
    assert left["envelopes"]["tools, w = .02"] < 0, left
    saved = [row["knowing"] - row["left"] for row in mine if "knowing" in row]
    assert min(saved) > 0, saved
    assert max(saved) < 0.03, saved
    words = ", ".join(f"{gain:.0%} ({world})" for world, gain in left["envelopes"].items() if world != "as planned")
    return (
        f"Of the gain that envelopes promise there is left {words}. A plan that knows its fans saves at most "
        f"{100 * max(saved):.1f} points."
    )


def main() -> None:
    options = arguments(__doc__).parse_args()
    scale = "quick" if options.quick else "full"
    about, less = ({"size": size[scale], "seed": options.seed} for size in (SIZES, LESS))
    cells: list = [(campaign, about | {"kind": kind}) for kind in KINDS]
    cells += [(returns, less | {"kind": "envelopes", "parts": PARTS[scale]})]
    cells += [(returns, less | {"kind": "envelopes", "parts": DEARER, "cost": DEAR * COST})]
    cells += [(returns, less | {"kind": kind, "parts": FEW[scale]}) for kind in ("products", "lead")]
    cells += [(who, about | {"draw": draw}) for draw in range(DRAWS[scale])]
    patience = PATIENCE[scale]
    when = [{"kind": kind, "discount": d, "surges": SURGES[scale]} for kind in ("envelopes", "lead") for d in patience]
    cells += [(timing, less | one) for one in when]
    cells += [(floors, less | {"kind": kind, "parts": FLOORS[scale]}) for kind in ("none", "lead", "text")]
    cells += [(surprises, about | {"kind": kind, "seeds": SEEDS[scale]}) for kind in ("envelopes", "all")]
    claims = (kept, remains, pays, larger, early, dearer, survives)
    Lab.of("campaign", options).answer(cells, draw, *claims, columns=COLUMNS)


if __name__ == "__main__":
    run(main)
