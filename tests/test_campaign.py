"""Campaigns: what is planned is what is played, no budget is exceeded, and nothing within it does better."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import dynamics as dy
from strategies import platforms

DISCOUNT = 0.97
PHASES = (
    dy.Phase("warm-up", 5, floors={"new": 0.05}),
    dy.Phase("event", 2, 2.5),
    dy.Phase("after", 4, 0.8, spending=False),
)


def market(segments=60, anchors=20, seed=3):
    return al.public_part(al.synthetic.kuaishou(segments=segments, anchors=anchors, rng=np.random.default_rng(seed)))


def world(platform=None):
    return dy.World(market() if platform is None else platform, (dy.Flywheel(), dy.Growth(0.004), dy.ShortVideo()))


def instruments(part=1.0, where=None):
    """All three, with budgets as a part of some that are felt on `market`."""
    return (
        dy.RedEnvelopes(part * 3e5, cost=8.0, decay=0.05, where=where),
        dy.SubsidisedProducts(part * 2e5, value=0.2),
        dy.AddedTraffic(part * 4e5, where="tier=new"),
    )


def played(plan, policy=None, discount=DISCOUNT):
    run = dy.simulate(plan.world, policy or plan.policy, periods=plan.periods, rng=np.random.default_rng(0))
    return run, run.discounted(discount)


ALL = instruments()
CHOICES = {"none": (), "envelopes": ALL[:1], "products": ALL[1:2], "traffic": ALL[2:], "all": ALL}


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_planned_is_what_is_played(name):
    plan = dy.Campaign(PHASES, CHOICES[name]).plan(world(), 25, discount=DISCOUNT)
    run, gmv = played(plan)
    assert gmv == pytest.approx(plan.gmv, rel=1e-9)
    assert plan.relative_gap <= 1e-4
    assert plan.gmv <= plan.bound
    for column, way in (("subsidies_paid", "envelopes"), ("products_paid", "products")):
        if column in run.columns:
            assert run[column][-1] == pytest.approx(plan.spent[way], rel=1e-6)
    rows = plan.rows()
    assert sum(row["impressions"] for row in rows) == pytest.approx(run["exposure"].sum(), rel=1e-9)
    assert sum(row["gmv"] for row in rows) == pytest.approx(run["gmv_public"].sum(), rel=1e-9)
    assert sum(row["worth"] for row in rows) == pytest.approx(plan.gmv - plan.given, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0.0, 3.0),
    st.sampled_from([None, "tier=new", "tier=head"]),
    st.sampled_from([dy.Greedy(), dy.Even(), dy.Patient(), None]),
)
def test_budgets_are_never_exceeded_whatever_the_policy(part, where, policy):
    given_money = instruments(part, where)
    plan = dy.Campaign(PHASES, given_money).plan(world(), 15, discount=DISCOUNT)
    budgets = {"envelopes": given_money[0].budget, "products": given_money[1].budget}
    budgets["added traffic"] = given_money[2].impressions
    for name, spent in plan.spent.items():
        assert spent <= budgets[name] * (1 + 1e-9)
    run, _ = played(plan, policy)
    assert run["subsidies_paid"][-1] <= budgets["envelopes"]
    assert run["products_paid"][-1] <= budgets["products"]


@settings(deadline=None, max_examples=30)
@given(platforms(), st.floats(0.0, 1.0), st.floats(0.01, 1.0), st.integers(1, 3))
def test_campaigns_on_any_graph_at_any_scale(platform, part, cost, length):
    sales = float(platform.sales_reach.sum())
    size = max(sales, 1e-30)
    campaign = dy.Campaign(
        [dy.Phase("one", length, 1.5), dy.Phase("two", 1)],
        [
            dy.RedEnvelopes(part * size, cost * size / max(float(platform.supply.sum()), 1e-30)),
            dy.SubsidisedProducts(part * size),
            dy.AddedTraffic(part * float(platform.supply.sum())),
        ],
    )
    plan = campaign.plan(dy.World(platform, (dy.Flywheel(0.1),)), 6, discount=0.9, relative_gap=1e-3)
    _, gmv = played(plan, discount=0.9)
    assert gmv == pytest.approx(plan.gmv, rel=1e-6, abs=1e-300)


def test_no_way_of_spending_the_money_does_better_where_every_day_is_a_phase():
    """Phases of one day leave nothing out: any policy with any envelopes and products within the budgets is below."""
    platform, rng = market(), np.random.default_rng(5)
    days = [dy.Phase(f"day {t}", 1, surge) for t, surge in enumerate((1.0, 1.0, 3.0, 0.5))]
    campaign = dy.Campaign(days, ALL[:2])
    plan, spans = campaign.plan(world(platform), 10, discount=DISCOUNT), tuple((t, 1) for t in range(4))
    for policy in (dy.Greedy(), dy.Proportional(), dy.Patient(discount=DISCOUNT), plan.policy):
        for sharpness in (0.0, 1.0, 8.0):
            part = rng.random((4, platform.anchor_count)) ** sharpness
            there = campaign.world(world(platform), campaign.mechanisms(spans, part, part[::-1]))
            run = dy.simulate(there, policy, periods=10, rng=np.random.default_rng(0))
            assert run.discounted(DISCOUNT) <= plan.bound


def test_a_campaign_without_money_whose_phases_are_days_is_a_plan_of_its_world():
    days = [dy.Phase(f"day {t}", 1, surge) for t, surge in enumerate((1.0, 2.0, 0.5))]
    campaign = dy.Campaign(days)
    plan = campaign.plan(world(), 3, discount=DISCOUNT, relative_gap=1e-9)
    other = dy.Planner(3, DISCOUNT, relative_gap=1e-9).plan(campaign.world(world()))
    assert plan.gmv == pytest.approx(other.gmv, rel=1e-8)


def test_longer_phases_bind_and_cost_something():
    days = [dy.Phase(f"day {t}", 1) for t in range(6)]
    free, bound = (
        dy.Campaign(phases, ALL[:1]).plan(world(), 12, discount=0.8) for phases in (days, [dy.Phase("all", 6)])
    )
    assert bound.gmv <= free.bound


@pytest.mark.parametrize("name", ["envelopes", "products", "traffic"])
def test_the_price_of_money_is_what_more_of_it_brings_at_most(name):
    """The supergradient inequality: optimum(budget + h) <= bound(budget) + price h, for more and for less."""
    instrument = CHOICES[name][0]
    field = "impressions" if name == "traffic" else "budget"
    campaign = dy.Campaign(PHASES, (instrument,))
    plan = campaign.plan(world(), 20, discount=DISCOUNT)
    (price,) = plan.prices.values()
    assert price > 0
    for factor in (0.0, 0.7, 1.3, 3.0):
        budget = factor * getattr(instrument, field)
        other = dy.Campaign(PHASES, (replace(instrument, **{field: budget}),)).plan(world(), 20, discount=DISCOUNT)
        assert other.gmv <= plan.bound + price * (budget - getattr(instrument, field)) + 1e-6 * plan.gmv


def test_tiers_have_their_floors_in_every_phase_and_nothing_is_spent_where_nothing_may_be():
    plan = dy.Campaign(
        [dy.Phase("a", 3, floors={"new": 0.2, "head": 0.3}), dy.Phase("b", 3, spending=False)], ALL
    ).plan(world(), 10, discount=DISCOUNT)
    rows = plan.rows()
    total = sum(row["impressions"] for row in rows if row["stage"] == "a")
    for tier, share in (("new", 0.2), ("head", 0.3)):
        got = sum(row["impressions"] for row in rows if (row["stage"], row["tier"]) == ("a", tier))
        assert got >= share * total * (1 - 1e-8)
    for row in rows:
        if row["stage"] != "a":
            assert row["envelopes"] == row["products"] == row["added traffic"] == row["with envelopes"] == 0.0
    assert {row["stage"] for row in rows} == {"a", "b", "rest"}


def test_a_day_without_viewers_and_anchors_without_tiers_are_no_trouble():
    plan = dy.Campaign([dy.Phase("closed", 1, 0.0, floors={"new": 0.1}), dy.Phase("open", 2)], ALL[:2]).plan(world(), 5)
    assert all(row["impressions"] == 0 for row in plan.rows() if row["stage"] == "closed")
    star = dy.World(al.synthetic.star([1.0, 0.5], supply=100.0), (dy.Flywheel(),))
    rows = dy.Campaign([dy.Phase("open", 2)], ALL[:1]).plan(star, 5).rows()
    assert {row["way"] for row in rows} == {"", "envelopes"}


def test_who_may_not_use_an_instrument_does_not():
    plan = dy.Campaign(PHASES, instruments(where="tier=head")).plan(world(), 12, discount=DISCOUNT)
    assert all(row["envelopes"] == 0.0 for row in plan.rows() if row["tier"] != "head")
    assert all(row["added traffic"] == 0.0 for row in plan.rows() if row["tier"] != "new")
    assert plan.spent["added traffic"] > 0.0


def test_phases_decide_alone_once_they_know_their_budgets():
    """The plan is a hierarchy: with its own part of every budget each stage has the optimum of the whole."""
    plan = dy.Campaign(PHASES, ALL).plan(world(), 20, discount=DISCOUNT, relative_gap=1e-7)
    whole, total = plan.allocation.platform, 0.0
    stage = whole.segments["stage"][whole.segment]
    for name in plan.choices.stages:
        mine, segments = stage == name, whole.segments["stage"] == name
        platform = al.Platform(
            np.concatenate(([0], np.cumsum(np.diff(whole.indptr)[segments]))),
            whole.anchor[mine],
            whole.value[mine],
            whole.supply[segments],
            measures={key: entries[mine] for key, entries in whole.measures.items()},
            anchors=whole.anchors,
        )
        rules = [
            al.Budget(of=key, total=float(whole.measures[key][mine] @ plan.allocation.flow[mine]) * (1 + 1e-12))
            for key in plan.spent
        ]
        rules += [rule for rule in plan.allocation.problem.rules if rule.of == f"exposure in {name}"]
        total += al.solve(al.Problem(platform, al.GMV(), rules), relative_gap=1e-7).gmv
    assert total == pytest.approx(plan.allocation.gmv, rel=1e-6)


def test_money_for_fans_goes_where_they_buy_most_and_early():
    """Two anchors alike but for value: with money for one of them, the better one has it; of two equal phases the
    first, since fans stay.
    """
    platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 2.0], supply=[100.0, 100.0])
    campaign = dy.Campaign([dy.Phase("first", 1), dy.Phase("second", 1)], [dy.RedEnvelopes(10.0, cost=10.0)])
    plan = campaign.plan(dy.World(platform, (dy.Flywheel(conversion=0.01),)), 30, discount=0.99)
    rows = {(row["stage"], row["anchor"]): row["envelopes"] for row in plan.rows(by="anchor")}
    assert rows["first", 1] == pytest.approx(10.0, rel=1e-6)
    assert sum(rows.values()) == pytest.approx(10.0, rel=1e-6)


BAD = {
    "at most one phase a": lambda: dy.Campaign([dy.Phase("a", 1), dy.Phase("a", 2)]),
    "at most one instrument RedEnvelopes": lambda: dy.Campaign(PHASES, [ALL[0], ALL[0]]),
    "at least one phase": lambda: dy.Campaign([]),
    "'rest' is what comes after": lambda: dy.Phase("rest", 2),
    "the length of event is periods": lambda: dy.Phase("event", 0),
    "a campaign decides on what Subsidies does": lambda: dy.Campaign(PHASES).plan(
        dy.World(market(), (dy.Flywheel(), dy.Subsidies())), 20
    ),
    "the platform has subsidised segments already": lambda: dy.Campaign(PHASES).plan(
        world(al.subsidise(market(), "tier=new", 10.0)), 20
    ),
    "the stock 'demand' must be one number": lambda: dy.Campaign(PHASES, ALL).plan(
        dy.World(market(), (dy.Flywheel(),), {"demand": np.ones(market().segment_count)}), 20
    ),
    "the part of fans by envelopes lost": lambda: dy.RedEnvelopes(1.0, 1.0, decay=9.0),
    "the world has no Flywheel": lambda: dy.Campaign(PHASES, ALL).plan(dy.World(market()), 20),
    "what Herding does is not linear": lambda: dy.Campaign(PHASES).plan(dy.World(market(), (dy.Herding(),)), 20),
    "how far a plan reaches": lambda: dy.Campaign(PHASES).plan(world(), 5),
    "money for red envelopes": lambda: dy.RedEnvelopes(-1.0, 1.0),
    "what a subsidised fan costs": lambda: dy.RedEnvelopes(1.0, 0.0),
    "added traffic, impressions": lambda: dy.AddedTraffic(-1.0),
    "no anchor has tier=star": lambda: dy.Campaign(PHASES, [replace(ALL[0], where="tier=star")]).plan(world(), 20),
}


@pytest.mark.parametrize("words", BAD)
def test_what_a_campaign_cannot_be_is_said(words):
    with pytest.raises(ValueError, match=words):
        BAD[words]()
