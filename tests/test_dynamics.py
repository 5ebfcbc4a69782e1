"""The platform in time: laws that every world and policy keeps."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import dynamics as dy
from strategies import platforms

COLUMNS = ("gmv", "gmv_public", "gmv_private", "exposure", "gini", "hhi", "top_share", "present", "left")
RECIPES = (dy.Even(), dy.Even(0.4), dy.Proportional(), dy.Greedy(), dy.EpsilonEven(0.3), dy.CappedBoost())
SOLVING = (
    dy.Optimal(),
    dy.Optimal(al.GMV() + 0.1 * al.Nash(), [al.HeadCap(top=3, share=0.6)]),
    dy.Optimal(rules=[al.Floor("even:0.4", where="newcomer=true"), al.Capacity()]),
    dy.Patient(discount=0.9),
    dy.ViableFloors(0.2),
    dy.Phased([(3, dy.Even(0.6)), (2, dy.Optimal())], dy.Greedy()),
)


def market(segments=40, anchors=12, seed=3):
    return al.public_part(al.synthetic.kuaishou(segments=segments, anchors=anchors, rng=np.random.default_rng(seed)))


def everything(platform):
    """Every mechanism, so strong that much happens in few periods."""
    return (
        dy.Flywheel(),
        dy.Subsidies(phases=((2, 5),), tools=0.3, cost=1.0, budget=1e-4 * float(platform.supply.sum())),
        dy.Products(phases=((1, 3), (6, 9)), part=[[1.0], [0.5]], budget=0.05 * float(platform.sales_reach.sum())),
        dy.Events(phases=((3, 2), (7, 1)), surge=[1.5, 0.8]),
        dy.Herding(congestion=0.5),
        dy.ShortVideo(cost=0.1),
        dy.Trust(0.8, advertising=0.1),
        dy.Sessions(hours=2.0, cut=0.1, wage=0.05),
        dy.Growth(rate=0.01),
        dy.Promotion(capital=5.0),
        dy.Newcomers(month=3, memory=2, probation=8, where=None, worth=5.0),
        dy.Starvation(1e-9 * float(platform.supply.sum())),
        dy.Defection(base=0.3, by="firm" if "firm" in platform.anchors else None),
        dy.Arrivals(rate=0.5, month=2),
    )


def played(policy, platform=None, periods=12, seed=1, mechanisms=None, seen=None):
    """A run; its outcomes end up in the list ``seen``."""
    platform = market() if platform is None else platform
    mechanisms = everything(platform) if mechanisms is None else mechanisms
    world, watch = dy.World(platform, mechanisms), None if seen is None else seen.append
    return dy.simulate(world, policy, periods=periods, rng=np.random.default_rng(seed), watch=watch)


def same(a, b, columns=None):
    return all(a[name].tobytes() == b[name].tobytes() for name in columns or a.columns)


@dataclass(frozen=True, eq=False)
class Shock(dy.Mechanism):
    """All demand but a tenth goes at the end of one period."""

    period: int

    def step(self, state, outcome, rng):
        return {"demand": 0.1 * state["demand"]} if state.period == self.period else {}


# What every policy keeps.


@pytest.mark.parametrize("policy", [*RECIPES, *SOLVING], ids=lambda p: repr(p)[:40])
def test_every_policy_serves_those_who_are_there_within_the_supply_and_never_nan(policy):
    seen, platform = [], market()
    run = played(policy, platform, seen=seen)
    for outcome in seen:
        used = platform.into_segments(outcome.flow)
        supply = outcome.view.world.supply(outcome.view.state)
        assert (used <= supply * (1 + 1e-8)).all()
        assert (outcome.flow >= 0).all()
        assert not outcome.exposure[~outcome.view.present].any()
        assert outcome.base_gmv.sum() == pytest.approx(
            float((outcome.flow * platform.value * outcome.view.selling[platform.anchor]).sum()), rel=1e-9
        )
        assert (outcome.public_gmv >= outcome.base_gmv).all()
        assert (outcome.public_gmv <= outcome.served.worth * outcome.view.weight * (1 + 1e-12)).all()
    proved = run.columns.get("relative_gap", np.zeros(0))  # infinite where a phase proves nothing
    assert all(np.isfinite(column).all() for column in run.columns.values() if column is not proved)
    assert (proved[np.isfinite(proved)] <= 1e-3).all()
    assert not np.isnan(proved).any()
    assert run["left"].sum() > 0
    assert run["came"].sum() > 0
    assert (run["gmv"] == run["gmv_public"] + run["gmv_private"]).all()


@given(platforms(), st.sampled_from(RECIPES), st.integers(0, 2**32 - 1))
def test_stocks_stay_finite_and_above_zero_on_any_graph_at_any_scale(platform, policy, seed):
    run = played(policy, platform, periods=4, seed=seed)
    assert all(np.isfinite(column).all() for column in run.columns.values())
    for stock in run.final.values():
        assert np.isfinite(stock).all()
        assert (stock >= 0).all()
    assert (run["exposure"] <= run["supply"] * (1 + 1e-9)).all()
    assert ((run["gini"] >= 0) & (run["gini"] < 1)).all()


@settings(max_examples=30)
@given(platforms(), st.integers(0, 2**32 - 1))
def test_optimal_policies_stay_certified_on_any_graph(platform, seed):
    run = played(dy.Optimal(), platform, periods=4, seed=seed)
    assert (run["relative_gap"] <= 1e-3).all()
    assert not run["failed"].any()


@pytest.mark.parametrize("policy", [dy.Even(), dy.Optimal(rules=[al.HeadCap(top=3, share=0.6)]), dy.ViableFloors(0.2)])
def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(policy):
    assert same(played(policy), played(policy))
    assert not same(played(policy), played(policy, seed=2), ["present"])


@pytest.mark.parametrize("policy", [*RECIPES, *SOLVING], ids=lambda p: repr(p)[:40])
def test_no_policy_knows_what_comes(policy):
    """What is decided up to a shock is the same without the shock, and whatever the number of periods."""
    assert surprised(policy)


def test_a_policy_that_looks_ahead_is_caught():
    @dataclass(frozen=True)
    class Seer(dy.Policy):
        def __call__(self, view):
            coming = view.world.mechanism(Shock).period == view.period + 1
            return dy.Even(0.5 if coming else 1.0)(replace(view, memory=None))

    assert not surprised(Seer())


def surprised(policy):
    """Whether flows of the first five periods know nothing of a shock at the end of the fifth, nor of the end."""

    def flows(periods, shock):
        seen, platform = [], market()
        played(policy, platform, periods, mechanisms=(*everything(platform), Shock(shock)), seen=seen)
        return [outcome.flow.tobytes() for outcome in seen]

    plain, shocked, short = flows(8, 99), flows(8, 4), flows(5, 99)
    assert plain[5:] != shocked[5:]
    return plain[:5] == shocked[:5] == short


# What worlds keep.

OFF = (
    dy.Flywheel(conversion=0.0, visits=0.0),
    dy.Herding(),
    dy.Subsidies(strength=0.0),
    dy.Products(part=0.0),
    dy.Events(surge=1.0),
    dy.ShortVideo(lift=0.0),
    dy.Trust(1.0, erosion=0.0),
    dy.Sessions(),
    dy.Growth(rate=0.0),
    dy.Promotion(capital=0.0, margin=0.0),
    dy.Newcomers(hazard=0.0),
    dy.Starvation(0.0),
    dy.Defection(base=0.0),
    Shock(99),
)
"""Herding is off where nothing is left to viewers."""


@pytest.mark.parametrize("off", OFF, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("policy", [dy.Greedy(), dy.Even(), dy.Optimal(rules=[al.HeadCap(top=3, share=0.6)])])
def test_a_mechanism_that_is_switched_off_is_as_if_it_were_not_there(off, policy):
    left_out = (type(off), dy.Arrivals, dy.Herding, *((dy.Subsidies,) if isinstance(off, dy.Flywheel) else ()))
    others = [m for m in everything(market()) if type(m) not in left_out]
    with_it, without = (played(policy, mechanisms=mechanisms) for mechanisms in ((*others, off), tuple(others)))
    assert same(with_it, without, COLUMNS)


def test_arrivals_at_rate_zero_are_as_if_they_were_not_there():
    others = [m for m in everything(market()) if not isinstance(m, dy.Arrivals)]
    off = dy.Arrivals(rate=0.0)
    assert same(played(dy.Greedy(), mechanisms=(*others, off)), played(dy.Greedy(), mechanisms=tuple(others)), COLUMNS)


def test_the_order_in_which_mechanisms_are_given_means_nothing():
    forward = everything(market())
    assert same(played(dy.Even(0.7)), played(dy.Even(0.7), mechanisms=tuple(reversed(forward))))


@pytest.mark.parametrize("policy", [dy.Even(0.6), dy.Proportional(), dy.Greedy(), dy.CappedBoost(), dy.Optimal()])
def test_names_and_places_of_anchors_mean_nothing(policy):
    platform = market()
    order = np.random.default_rng(5).permutation(platform.anchor_count)
    place = np.argsort(order)
    turned = al.Platform.from_edges(
        platform.segment,
        place[platform.anchor],
        platform.value,
        supply=platform.supply,
        capacity=platform.capacity[order],
        anchors={name: column[order] for name, column in platform.anchors.items()},
    )
    plain = replace(platform, observed=None)
    mechanisms = (dy.Flywheel(), dy.Herding(), dy.Promotion(capital=50.0), dy.Starvation(1.0))
    a, b = (played(policy, p, mechanisms=mechanisms, periods=8) for p in (plain, turned))
    for name in ("gmv", "exposure", "gini", "top_share", "fans", "capital", "present"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(a.final["fans"][order], b.final["fans"], rtol=1e-6)


def test_money_adds_up():
    seen, platform = [], market()
    promotion = dy.Promotion(price=0.7, capital=np.linspace(0, 900, platform.anchor_count))
    run = played(dy.Greedy(), platform, mechanisms=(dy.Flywheel(), promotion), seen=seen)
    before = float(promotion.capital.sum())
    for outcome, after in zip(seen, run["capital"], strict=True):
        paid, earned = 0.7 * outcome.bought.sum(), promotion.margin * outcome.gmv.sum()
        assert after == pytest.approx(before - paid + earned, rel=1e-12)
        assert (outcome.bought <= promotion.spent * outcome.view.state["capital"] / 0.7 * (1 + 1e-9)).all()
        before = after
    assert run["promotion"].sum() == pytest.approx(float(run.final["promotion_income"]), rel=1e-12)
    assert run["bought"].sum() > 0


def test_teams_share_what_is_for_sale_in_proportion_to_what_they_offer():
    platform, seen = al.synthetic.star(np.ones(4), supply=1000.0), []
    promotion = dy.Promotion(price=2.0, spent=0.5, for_sale=0.1, margin=0.0, capital=[300.0, 100.0, 0.0, 4.0])
    played(dy.Greedy(), platform, periods=1, mechanisms=(promotion,), seen=seen)
    np.testing.assert_allclose(seen[0].bought, 100.0 * np.array([300.0, 100.0, 0.0, 4.0]) / 404.0)
    assert seen[0].exposure.sum() == pytest.approx(1000.0)
    rich = dy.Promotion(price=2.0, spent=0.5, for_sale=0.1, margin=0.0, capital=8.0)
    played(dy.Greedy(), platform, periods=1, mechanisms=(rich,), seen=seen)
    np.testing.assert_allclose(seen[1].bought, 2.0)


def test_who_leaves_loses_all_and_who_comes_starts_from_nothing():
    seen, platform = [], market()
    played(dy.Even(), platform, periods=40, seen=seen)
    entered = 0
    for earlier, outcome in pairwise(seen):
        now = outcome.view.state
        came = (now["present"] > 0) & (earlier.view.state["present"] == 0)
        entered += came.sum()
        assert not now["fans"][came].any()
        assert not now["age"][came].any()
        assert not now["founder"][came].any()
        assert (now["newcomer"][came] == 1).all()
        gone = now["present"] == 0
        for name in ("fans", "age", "skill", "popularity", "capital", "newcomer", "founder"):
            assert not now[name][gone].any(), name
    assert entered > 0


def test_starting_stocks_can_be_given():
    platform = market()
    world = dy.World(platform, (dy.Flywheel(),), {"fans": 7.0, "present": np.arange(platform.anchor_count) > 2})
    run = dy.simulate(world, dy.Even(), periods=1, rng=np.random.default_rng(0))
    assert run["present"][0] == platform.anchor_count - 3
    assert run["private"][0] == pytest.approx(7.0 * (platform.anchor_count - 3))
    assert run["survivors"][0] == 1.0


# Periods that go wrong.


def test_rules_that_cannot_be_kept_are_relaxed_and_counted_and_poison_nothing():
    platform = market()
    floors = al.Floor(0.8 * float(platform.supply.sum()) / platform.anchor_count)
    policy = dy.Optimal(rules=[floors], patience=5.0)

    @dataclass(frozen=True, eq=False)
    class Drought(dy.Mechanism):
        def step(self, state, outcome, rng):
            return {"demand": np.full(platform.segment_count, 0.3 if state.period in (1, 2) else 1.0)}

    run = played(policy, platform, periods=6, mechanisms=(Drought(),))
    assert run["relaxed"].tolist() == [0, 0, 1, 1, 0, 0]
    assert not run["failed"].any()
    assert run["gmv"][5] == pytest.approx(run["gmv"][0], rel=1e-3)
    assert run["exposure"][2] == pytest.approx(0.3 * run["exposure"][0], rel=1e-6)


def test_a_policy_that_finds_nothing_fails_for_one_period_and_is_counted():
    @dataclass(frozen=True)
    class Moody(dy.Policy):
        def __call__(self, view):
            if view.period == 2:
                raise al.AllocationError(al.Status.FAILED, "not today")
            return dy.Greedy()(view)

    run = played(Moody(), mechanisms=(), periods=5)
    assert run["failed"].tolist() == [0, 0, 1, 0, 0]
    assert run["gmv"][2] == played(dy.Even(), mechanisms=(), periods=1)["gmv"][0]
    assert run["gmv"][3] == run["gmv"][0]


def test_a_platform_on_which_nobody_is_left_goes_on():
    run = played(dy.Optimal(), mechanisms=(dy.Starvation(1e12), dy.Flywheel()), periods=4)
    assert run["present"].tolist() == [12, 0, 0, 0]
    assert not run["gmv"][1:].any()


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (lambda p: p.even_flow[:-1], "flow of shape"),
        (lambda p: 2 * p.even_flow, "handed out more than segments"),
        (lambda p: -p.even_flow, "negative or not finite"),
        (lambda p: p.even_flow * np.nan, "negative or not finite"),
    ],
)
def test_flows_that_no_platform_has_are_refused(flow, words):
    @dataclass(frozen=True)
    class Wrong(dy.Policy):
        def __call__(self, view):
            return dy.Decision(flow(view.world.platform))

    with pytest.raises(ValueError, match=words):
        played(Wrong(), mechanisms=(), periods=2)


BAD = {
    "decay is the part of fans lost in a period, from 0 to 1, not 1.5": lambda p: dy.Flywheel(decay=1.5),
    "decay is the part of fans lost in a period, finite and above zero": lambda p: dy.Flywheel(decay=0.0),
    "conversion is fans per public impression, finite and at least 0, not -1": lambda p: dy.Flywheel(
        conversion=[1.0, -1.0]
    ),
    "conversion has shape": lambda p: dy.World(p, (dy.Flywheel(conversion=[1.0, 1.0]),)),
    "share is the part of self-directed viewers": lambda p: dy.Herding(share=1.2),
    "viewers is self-directed viewers": lambda p: dy.Herding(viewers=0),
    "appeal is how attractive rooms are by themselves; it cannot be zero": lambda p: dy.World(
        p, (dy.Herding(appeal=0),)
    ),
    "appeal is how attractive rooms are by themselves, finite": lambda p: dy.Herding(appeal=np.inf),
    "base is the probability at which one with all the traffic leaves, one number": lambda p: dy.Defection([0.1, 0.2]),
    "decay is the part of fans lost in a period, one number, not '0.03'": lambda p: dy.Flywheel(decay="0.03"),
    "rate, unemployment and response together": lambda p: dy.Arrivals(rate=1e30),
    "the stock 'present' is 1 or 0": lambda p: dy.World(p, (), {"present": 0.5}),
    "the stock 'lives_on' must be above zero": lambda p: dy.World(p, (dy.Newcomers(),), {"lives_on": 0.0}),
    "anchors have an attribute 'age'": lambda p: dy.World(replace(p, anchors={**p.anchors, "age": np.arange(12)})),
    "hazard is the part of those without impressions": lambda p: dy.Newcomers(hazard=float("nan")),
    "month is periods of a month, a whole number": lambda p: dy.Newcomers(month=1.5),
    "viable is impressions a period": lambda p: dy.Newcomers(viable=0.0),
    "shares of pathways add up to 0.5": lambda p: dy.Arrivals(pathways=(dy.INDEPENDENT,)),
    "fee of mine is the part of earnings": lambda p: dy.Pathway("mine", 1.0, fee=2.0),
    "Arrivals builds on the stock 'newcomer'": lambda p: dy.World(p, (dy.Arrivals(),)),
    "spill is the part of demand": lambda p: dy.Defection(spill=3.0),
    "by is an attribute of anchors": lambda p: dy.World(p, (dy.Defection(by="agency"),)),
    "share_of is what a share is of": lambda p: dy.Defection(share_of="world"),
    "intensity is how much of its time": lambda p: dy.Trust(1.5),
    "recovery is the part of lost trust": lambda p: dy.Trust(recovery=0.0),
    "quality has shape": lambda p: dy.World(p, (dy.ShortVideo([1.0, 2.0]),)),
    "the length of a phase is periods": lambda p: dy.Subsidies(phases=((0, 0),)),
    "Subsidies builds on the stock 'fans'": lambda p: dy.World(p, (dy.Subsidies(),)),
    "ceiling is the most traffic": lambda p: dy.Growth(ceiling=0.0),
    "price is what a bought impression costs": lambda p: dy.Promotion(price=0.0),
    "at most one Flywheel": lambda p: dy.World(p, (dy.Flywheel(), dy.Flywheel())),
    "no stock is called 'fan' in this world": lambda p: dy.simulate(
        dy.World(p, (dy.Flywheel(),), {"fan": 1.0}), dy.Even(), periods=1, rng=np.random.default_rng(0)
    ),
    "periods is how often the policy decides": lambda p: played(dy.Even(), p, periods=0, mechanisms=()),
    "part is the part of the supply": lambda p: dy.Even(-0.1),
    "discount is the worth of a later period": lambda p: dy.Patient(discount=1.1),
    "the length of a phase is periods, a whole number of at least 1, not 0": lambda p: dy.Phased(
        [(0, dy.Even())], dy.Greedy()
    ),
    "ViableFloors is for worlds with Newcomers": lambda p: played(dy.ViableFloors(0.1), p, periods=1, mechanisms=()),
    "no anchor has tier=star": lambda p: played(
        dy.Optimal(rules=[al.Floor(1.0, where="tier=star")]), p, periods=1, mechanisms=()
    ),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_out_of_its_domain_names_itself(words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        BAD[words](market())


def test_private_segments_are_refused_with_the_way_out():
    whole = al.synthetic.kuaishou(segments=40, anchors=12, rng=np.random.default_rng(3))
    with pytest.raises(ValueError, match="public_part"):
        dy.World(whole)
    assert al.public_part(al.public_part(whole)).content_hash == al.public_part(whole).content_hash


def test_a_rule_for_nobody_who_is_there_is_left_out():
    platform = market()
    policy = dy.Optimal(rules=[al.Floor("even:0.9", where="newcomer=true")])
    mechanisms = (dy.Newcomers(where=["anchor-3"], probation=2),)
    run = played(policy, platform, periods=4, seed=0, mechanisms=mechanisms)
    plain = played(dy.Optimal(), platform, periods=4, mechanisms=())
    assert run["gmv"][0] < plain["gmv"][0]
    assert run["gmv"][3] == pytest.approx(plain["gmv"][3], rel=1e-3)


def test_rules_for_some_anchors_follow_them_as_others_leave():
    """Ids, masks and levels are those of the world's anchors, whoever is there."""
    platform = market()
    nu = 0.01 * float(platform.supply.sum())
    chosen = [f"anchor-{k}" for k in (2, 5, 9)]
    mask = np.isin(platform.anchors["id"], chosen)
    ways = (
        al.Floor(nu, where=chosen),
        al.Floor(nu, where=mask),
        al.Floor(np.where(mask, nu, 0.0)),
        al.Floor(dict.fromkeys(chosen, nu)),
    )
    leaves = dy.Starvation(1e12, where=["anchor-0", "anchor-5"])
    for rule in ways:
        seen = []
        run = played(dy.Optimal(rules=[rule]), platform, mechanisms=(leaves,), seen=seen, periods=3)
        assert not run["relaxed"].any()
        for outcome in seen:
            there = mask & outcome.view.present
            assert (outcome.exposure[there] >= nu * (1 - 1e-9)).all()
            assert there.sum() == (3 if outcome.view.period == 0 else 2)


@dataclass(frozen=True, eq=False)
class Leaves(dy.Mechanism):
    """Some anchors leave after the first period."""

    ids: tuple

    def step(self, state, outcome, rng):
        gone = outcome.view.world.anchors_where(list(self.ids))
        return {"present": np.where(gone, 0.0, state["present"])}


OBJECTIVES = (
    lambda p: al.GMV(),
    lambda p: al.GMV() + 1e3 * al.MaxMin(merit=np.linspace(1, 2, 12)),
    lambda p: al.GMV() + 1e3 * al.Nash(weights=dict(zip(p.anchors["id"].tolist(), range(1, 13), strict=True))),
    lambda p: al.GMV() + 1e3 * al.TargetShares(np.arange(1.0, 13.0)),
    lambda p: al.GMV() + al.CappedUtility("even:0.5"),
)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_terms_of_an_objective_follow_anchors_as_rules_do(objective):
    platform = market()
    policy = dy.Optimal(objective(platform))
    run = played(policy, platform, periods=3, mechanisms=(Leaves(("anchor-0", "anchor-5")),))
    assert run["present"].tolist() == [12, 10, 10]
    assert not run["failed"].any()
    assert (run["relative_gap"] <= 1e-3).all()


GROUPS = (
    lambda p: al.GroupShare(["anchor-0", "anchor-1", "anchor-2"], at_most=0.2),
    lambda p: al.GroupShare(np.arange(12) < 3, at_most=0.2),
    lambda p: al.FairnessAtLeast(al.MaxMin(merit=np.ones(12)), 0.01 * float(p.supply.sum())),
)


@pytest.mark.parametrize("rule", GROUPS)
def test_groups_and_rules_within_rules_follow_anchors(rule):
    platform, seen = market(), []
    policy = dy.Optimal(rules=[rule(platform)])
    run = played(policy, platform, periods=3, mechanisms=(Leaves(("anchor-0", "anchor-5")),), seen=seen)
    assert not run["relaxed"].any()
    if isinstance(policy.rules[0], al.GroupShare):
        assert all(outcome.exposure[:3].sum() <= 0.2 * outcome.exposure.sum() * (1 + 1e-8) for outcome in seen)


def test_a_level_of_a_group_that_is_empty_leaves_the_others():
    platform = market(anchors=60, segments=90)
    tail = platform.anchors["id"][platform.anchors["tier"] == "new"].tolist()
    rule = al.GroupShare("tier", at_least={"new": 0.05, "tail": 0.1})
    seen = []
    run = played(dy.Optimal(rules=[rule]), platform, periods=3, mechanisms=(Leaves(tuple(tail)),), seen=seen)
    assert not run["relaxed"].any()
    mine = platform.anchors["tier"] == "tail"
    assert all(outcome.exposure[mine].sum() >= 0.1 * outcome.exposure.sum() * (1 - 1e-8) for outcome in seen)


@pytest.mark.parametrize("rule", [al.Cap("even:1.2"), al.Budget(total=1e4), al.HeadCap(top=3, share=0.5)])
def test_an_unchanged_world_is_solved_once(rule, monkeypatch):
    from allocator.dynamics.policies import carried

    calls, solve = [], carried.solve
    monkeypatch.setattr(carried, "solve", lambda *a, **k: calls.append(1) or solve(*a, **k))
    played(dy.Optimal(rules=[rule]), periods=6, mechanisms=())
    assert len(calls) == 1


def test_rules_that_cannot_be_kept_are_diagnosed_once_in_an_unchanged_world(monkeypatch):
    from allocator.dynamics.policies import optimal

    platform, calls, diagnose = market(), [], optimal.diagnose
    monkeypatch.setattr(optimal, "diagnose", lambda *a, **k: calls.append(1) or diagnose(*a, **k))
    rules = [al.Floor("even:0.9"), al.Budget(1.0, total=0.5 * float(platform.supply.sum()))]
    run = played(dy.Optimal(rules=rules), platform, periods=5, mechanisms=())
    assert len(calls) == 1
    assert run["relaxed"].all()
    assert not run["failed"].any()


def test_a_policy_that_writes_into_its_old_flow_gets_what_it_wrote():
    @dataclass(frozen=True)
    class Reusing(dy.Policy):
        def __call__(self, view):
            flow = np.array(view.world.platform.even_flow) if view.memory is None else view.memory
            flow *= 0.5
            return dy.Decision(flow, memory=flow)

    run = played(Reusing(), mechanisms=(), periods=3)
    assert run["exposure"] / run["supply"] == pytest.approx([0.5, 0.25, 0.125])


def test_policies_do_not_see_which_firms_are_honest():
    platform, seen = market(), []

    @dataclass(frozen=True)
    class Curious(dy.Policy):
        def __call__(self, view):
            seen.append(set(view.state))
            return dy.Even()(replace(view, memory=None))

    played(Curious(), platform, periods=2)
    assert not seen[0] & {"honest", "wage"}
    assert {"newcomer", "pathway", "fans"} <= seen[0]


def test_deceptive_firms_pay_nothing_after_training_either():
    way = dy.Pathway("x", 1.0, deceptive=1.0, training=2, gain=0.2)
    world = dy.World(
        market(), (dy.Newcomers(hazard=0.0), dy.Arrivals(50.0, month=1, pathways=(way,))), {"present": 0.0}
    )
    final = dy.simulate(world, dy.Even(), periods=6, rng=np.random.default_rng(1)).final
    assert final["skill"].max() == 1.2
    assert not final["wage"].any()


def test_whole_viewers_choose_alike_under_all_policies():
    platform, flows = market(), []
    for policy in (dy.Even(0.5), dy.Phased([(1, dy.Even(1.0))], dy.Even(0.5))):
        seen = []
        played(policy, platform, mechanisms=(dy.Herding(share=0.0, viewers=3),), periods=4, seen=seen)
        flows.append([outcome.flow for outcome in seen])
    assert not np.array_equal(flows[0][0], flows[1][0])
    for one, other in zip(flows[0][1:], flows[1][1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_teams_of_two_mechanisms_buy_no_more_than_there_is():
    class More(dy.Promotion):
        pass

    platform = market()
    rich = {"price": 1.0, "spent": 1.0, "for_sale": 1.0, "capital": 1e9, "margin": 0.0}
    twice = More(**rich)
    object.__setattr__(twice, "start", lambda platform, rng: {})
    run = played(dy.Even(), platform, mechanisms=(dy.Promotion(**rich), twice), periods=2)
    assert (run["exposure"] <= run["supply"] * (1 + 1e-9)).all()


# What policies are.


def test_patience_without_a_future_is_optimal():
    mechanisms = (dy.Flywheel(), dy.Newcomers(worth=100.0))
    patient, myopic = (played(p, mechanisms=mechanisms) for p in (dy.Patient(discount=0.0), dy.Optimal()))
    assert same(patient, myopic, COLUMNS)


def test_viable_floors_are_as_many_as_the_budget_pays_and_are_kept():
    platform, seen = market(anchors=12), []
    nu = 0.01 * float(platform.supply.sum())
    newcomers = dy.Newcomers(viable=nu, where=None, hazard=0.0, month=1)
    policy = dy.ViableFloors(0.05)
    played(policy, platform, periods=4, mechanisms=(newcomers,), seen=seen)
    fed = np.array([outcome.exposure >= nu * (1 - 1e-9) for outcome in seen])
    best = played(dy.Optimal(), platform, periods=1, mechanisms=())
    assert (fed == fed[0]).all()
    assert fed[0].sum() >= 5
    assert best["gmv"][0] >= seen[0].gmv.sum() * (1 - 1e-3)


def test_phases_follow_each_other():
    policy = dy.Phased([(2, dy.Even()), (1, dy.Greedy())], dy.Proportional())
    run = played(policy, mechanisms=(), periods=5)
    parts = [played(p, mechanisms=(), periods=1)["gmv"][0] for p in (dy.Even(), dy.Greedy(), dy.Proportional())]
    assert run["gmv"].tolist() == [parts[0], parts[0], parts[1], parts[2], parts[2]]


def test_recipes_agree_with_the_solvers_of_the_same_name():
    platform = market()
    for policy, solver in ((dy.Even(), "even"), (dy.Greedy(), "greedy"), (dy.Proportional(), "proportional")):
        static = al.solve(al.Problem(platform, al.GMV()), solver=solver).gmv
        assert played(policy, platform, periods=1, mechanisms=())["gmv"][0] == pytest.approx(static, rel=1e-9)


def test_what_was_found_yesterday_is_only_kept_while_it_is_certified():
    platform, seen = market(), []

    @dataclass(frozen=True, eq=False)
    class Taste(dy.Mechanism):
        def step(self, state, outcome, rng):
            return {"skill": rng.uniform(0.5, 2.0, platform.anchor_count)}

    run = played(dy.Optimal(rules=[al.HeadCap(top=3, share=0.5)]), platform, mechanisms=(Taste(),), seen=seen)
    for outcome, gap in zip(seen, run["relative_gap"], strict=True):
        today = outcome.view.platform
        best = al.solve(al.Problem(today, al.GMV(), [al.HeadCap(top=3, share=0.5)]), relative_gap=1e-6)
        assert outcome.gmv.sum() >= best.gmv * (1 - gap - 2e-6)


# Trajectories and ensembles.


def test_a_trajectory_is_read_as_it_was_written(tmp_path):
    run = played(dy.Optimal())
    found = dy.Trajectory.load(run.save(tmp_path / "runs" / "one.npz"))
    assert same(run, found)
    assert found.rows == run.rows
    assert found.policy == run.policy
    assert all((found.final[name] == run.final[name]).all() for name in run.final)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["one.npz"]


def test_the_steady_state_begins_where_the_path_stops_moving():
    path = np.concatenate((np.linspace(0, 1, 30), np.ones(70)))
    run = dy.Trajectory({"period": np.arange(100.0), "gmv": path}, "", dy.State(0, {}))
    assert run.settled() == 29
    assert run.summary()["steady"]["gmv"] == 1.0
    assert run.summary()["transient"]["gmv"] == pytest.approx(path[:29].mean())
    far = dy.Trajectory({"period": np.arange(100.0), "gmv": path + 1e9}, "", dy.State(0, {}))
    assert far.settled() == 29
    rising = dy.Trajectory({"period": np.arange(100.0), "gmv": np.arange(100.0)}, "", dy.State(0, {}))
    assert rising.settled() is None
    assert "steady" not in rising.summary()


def test_discounting_is_that_of_a_bank():
    run = dy.Trajectory({"period": np.arange(3.0), "gmv": np.array([1.0, 2.0, 4.0])}, "", dy.State(0, {}))
    assert run.discounted(0.5) == 3.0
    assert run.discounted(1.0) == 7.0
    assert run.discounted(0.0) == 1.0


def test_runs_in_several_processes_are_those_of_one_and_finished_ones_are_kept(tmp_path):
    platform = market()
    world, policies = dy.World(platform, everything(platform)), {"even": dy.Even(), "best": dy.Optimal()}
    options = {"periods": 6, "seeds": [3, 1, 2]}
    alone = dy.ensemble(world, policies, **options)
    together = dy.ensemble(world, policies, workers=2, folder=tmp_path, **options)
    assert list(alone.runs) == list(together.runs)
    assert all(same(alone.runs[job], together.runs[job]) for job in alone.runs)
    told = []
    again = dy.ensemble(world, policies, folder=tmp_path, report=told.append, **options)
    assert not told
    assert all(same(alone.runs[job], again.runs[job]) for job in alone.runs)
    dy.ensemble(world, {"even": dy.Even(0.9)}, folder=tmp_path, report=told.append, **options)
    assert sum(line.startswith("run ") for line in told) == 3


def test_kept_runs_are_not_taken_for_those_of_other_code(tmp_path):
    def policy(factor):
        @dataclass(frozen=True)
        class Mine(dy.Policy):
            part: float = factor

            def __call__(self, view):
                return dy.Even(self.part)(replace(view, memory=None))

        return Mine()

    class Plain(dy.Policy):
        def __call__(self, view):
            return dy.Even()(replace(view, memory=None))

    world, options = dy.World(market()), {"periods": 2, "seeds": [1], "folder": tmp_path}
    served = [
        dy.ensemble(world, {"mine": policy(part)}, **options).paths("mine", "exposure")[0, 0] for part in (1.0, 0.5)
    ]
    assert served[1] == pytest.approx(0.5 * served[0])
    with pytest.raises(ValueError, match="write it as a dataclass"):
        dy.ensemble(world, {"plain": Plain()}, **options)
    for path in tmp_path.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="delete it"):
        dy.ensemble(world, {"mine": policy(0.5)}, **options)


def test_what_an_ensemble_says():
    platform = market()
    world = dy.World(platform, everything(platform))
    both = dy.ensemble(world, {"even": dy.Even(), "best": dy.Greedy()}, periods=10, seeds=range(8))
    paths = both.paths("even", "gmv")
    assert paths.shape == (8, 10)
    band = [row for row in both.bands("gmv", around=0.5) if row["policy"] == "even"]
    assert [row["middle"] for row in band] == pytest.approx(np.median(paths, axis=0).tolist())
    assert all(row["low"] <= row["middle"] <= row["high"] for row in band)
    sums = {name: np.array([both.runs[name, seed].discounted(0.9) for seed in range(8)]) for name in both.policies}
    row = both.differences("even", discount=0.9)[0]
    assert row["difference"] == pytest.approx((sums["best"] - sums["even"]).mean())
    assert row["difference_error"] == pytest.approx((sums["best"] - sums["even"]).std(ddof=1) / 8**0.5)
    assert [row["discounted"] for row in both.summary(discount=0.9)] == pytest.approx(
        [sums["even"].mean(), sums["best"].mean()]
    )


def test_rows_measure_inequality_as_metrics_do():
    seen = []
    run = played(dy.Proportional(), seen=seen)
    idle = played(dy.Even(0.0), mechanisms=(), periods=1, seen=seen)
    for row, outcome in zip([*run.rows, *idle.rows], seen, strict=True):
        exposure = outcome.exposure[outcome.view.present]
        assert row["gini"] == pytest.approx(al.metrics.gini(exposure), abs=1e-12)
        assert row["hhi"] == pytest.approx(al.metrics.hhi(exposure), rel=1e-12)
        assert row["top_share"] == pytest.approx(al.metrics.top_share(exposure, 0.01), rel=1e-12)


def test_a_watcher_sees_every_outcome():
    seen = []
    run = played(dy.Greedy(), periods=5, mechanisms=(dy.Defection(base=0.3),), seen=seen)
    assert [outcome.view.period for outcome in seen] == list(range(5))
    np.testing.assert_array_equal([outcome.gmv.sum() for outcome in seen], run["gmv"])


def test_what_was_learned_counts_after_as_many_periods_as_training_has():
    platform = al.synthetic.heavy_tailed(40, 8, degree=4, rng=np.random.default_rng(3))
    way = dy.Pathway("trained", 1.0, skill=0.8, training=3, gain=0.2)
    come = dy.Arrivals(rate=50.0, month=1, pathways=(way,))
    world = dy.World(platform, (dy.Newcomers(hazard=0.0), come), {"present": 0.0})
    skills = []
    dy.simulate(
        world,
        dy.Even(),
        periods=6,
        rng=np.random.default_rng(1),
        watch=lambda outcome: skills.append(outcome.view.state["skill"].max()),
    )
    np.testing.assert_allclose(skills, [0.0, 0.8, 0.8, 0.8, 1.0, 1.0])


def test_a_period_after_everybody_who_may_leave_has_left_goes_on():
    platform = market()
    one = dy.Defection(base=1.0, convexity=0.0, where=["anchor-3"], share_of="audience")
    run = played(dy.Even(), platform, periods=3, mechanisms=(one,))
    assert run["left"].tolist() == [1, 0, 0]


def test_a_sweep_plays_the_world_at_other_values_of_one_parameter():
    platform = market()
    world, policies = dy.World(platform, everything(platform)), {"even": dy.Even(), "best": dy.Greedy()}
    played_so = {"periods": 5, "seeds": [1, 2]}
    rows = dy.sweep(world, policies, "Flywheel.decay", [0.03, 0.5], discount=0.9, **played_so)
    assert [(row["value"], row["policy"]) for row in rows] == [
        (0.03, "even"),
        (0.03, "best"),
        (0.5, "even"),
        (0.5, "best"),
    ]
    as_is = dy.ensemble(world, policies, **played_so)
    assert [row["discounted"] for row in rows[:2]] == [row["discounted"] for row in as_is.summary(discount=0.9)]
    assert rows[1]["lead"] == as_is.differences("even", discount=0.9)[0]["difference"]
    assert rows[2]["discounted"] < rows[0]["discounted"]
    assert rows[0]["lead"] == 0.0


def test_a_tornado_sorts_assumptions_by_what_they_move():
    platform = market()
    world, policies = dy.World(platform, everything(platform)), {"even": dy.Even(), "best": dy.Greedy()}
    ranges = {"ShortVideo.forgetting": (0.09, 0.11), "Flywheel.efficiency": (0.0, 40.0)}
    rows = dy.tornado(world, policies, ranges, discount=0.9, periods=5, seeds=[1, 2])
    assert [row["parameter"] for row in rows] == ["Flywheel.efficiency", "ShortVideo.forgetting"]
    assert rows[0]["base"] == rows[1]["base"]
    ends = dy.sweep(world, policies, "Flywheel.efficiency", (0.0, 40.0), discount=0.9, periods=5, seeds=[1, 2])
    assert [rows[0]["low"], rows[0]["high"]] == [ends[1]["lead"], ends[3]["lead"]]
    assert not any(row["overturns"] for row in rows)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [
        ("Flywhel.decay", 0.1, r"no mechanism 'Flywhel' \(did you mean 'Flywheel'"),
        ("Flywheel.decoy", 0.1, r"no parameter 'decoy' \(did you mean 'decay'"),
        ("Flywheel.decay", 2.0, "decay is the part of fans"),
    ],
)
def test_parameters_that_nobody_has_are_refused(parameter, value, words):
    world = dy.World(market(), (dy.Flywheel(),))
    with pytest.raises(ValueError, match=words):
        dy.sweep(world, {"even": dy.Even()}, parameter, [value], discount=0.9, periods=1, seeds=[1])
