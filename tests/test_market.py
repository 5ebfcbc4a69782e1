"""Several platforms: laws that every market keeps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import dynamics as dy
from allocator import market as mk
from strategies import SCALES, platforms

RECIPES = (dy.Even(), dy.Even(0.4), dy.Proportional(), dy.Greedy(), dy.EpsilonEven(0.3))
NAMES = ("alpha", "beta", "gamma")


def platform(seed=3, segments=40, anchors=12):
    return al.public_part(al.synthetic.kuaishou(segments=segments, anchors=anchors, rng=np.random.default_rng(seed)))


def lively():
    """Mechanisms of worlds, so strong that much happens in few periods."""
    return (
        dy.Flywheel(),
        dy.Herding(),
        dy.Growth(rate=0.01),
        dy.Newcomers(month=3, memory=2, probation=8),
        dy.Defection(base=0.3),
        dy.Arrivals(rate=0.3, month=2),
    )


def member(name, seed=3, policy=None, mechanisms=None, present=None, **fields):
    stocks = {} if present is None else {"present": present}
    world = dy.World(platform(seed), lively() if mechanisms is None else mechanisms, stocks)
    return mk.Member(name, world, dy.Even(0.7) if policy is None else policy, **fields)


def everything(names=NAMES, **movement):
    """Every mechanism of a market."""
    first, second = names[0], names[-1]
    shop = None if first == second else second
    return (
        mk.Attention(2.0, verticals="category", variety=0.5),
        mk.Intent({"KOL": 1.0}),
        mk.Threshold(1.0),
        mk.Links(first, shop, 0.6, ban=6),
        mk.Alliance(first, since=4, brings=np.arange(12) < 2),
        mk.Offer(second, -0.1, since=3),
        mk.Movement(**({"rate": 0.5, "multi": 0.3, "rescued": 0.5, "entry": 0.2} | movement)),
    )


def market(mechanisms=None, *, mechanisms_of=None, **fields):
    members = [member(name, seed, mechanisms=mechanisms_of, **fields) for seed, name in enumerate(NAMES)]
    return mk.Market(members, everything() if mechanisms is None else mechanisms)


def played(market, periods=12, seed=1, seen=None):
    """A run; what passes ends up in the list ``seen``."""
    watch = None if seen is None else lambda *passed: seen.append(passed)
    return mk.simulate(market, periods=periods, rng=np.random.default_rng(seed), watch=watch)


def same(a, b, columns=None):
    return all(a[name].tobytes() == b[name].tobytes() for name in columns or a.columns)


# One member, no mechanism, other orders.

IDLE = (
    mk.Attention(3.0),
    mk.Attention(3.0, speed=0.5, verticals="category", variety=0.0, most=1e30),
    mk.Intent({"KOL": 0.0}),
    mk.Threshold(5.0),
    mk.Movement(rate=1.0, sense=9.0, rescued=1.0),
    mk.Links("alpha", leakage=0.5),
    mk.Alliance("alpha", gain=1.0),
    mk.Offer("alpha", 0.2),
)


@pytest.mark.parametrize("policy", [*RECIPES, dy.CappedBoost(), dy.Optimal(), dy.ViableFloors(0.2), dy.Patient()])
def test_a_market_of_one_platform_is_its_world(policy):
    alone = member("alpha", policy=policy)
    run = dy.simulate(alone.world, policy, periods=12, rng=np.random.default_rng(1))
    for mechanisms in ((), IDLE[:1] + IDLE[2:]):
        mine = played(mk.Market([alone], mechanisms))["alpha"]
        assert same(run, mine)
        assert all(run.final[name].tobytes() == mine.final[name].tobytes() for name in run.final)
    assert np.unique(run["gmv"]).size > 6


@pytest.mark.parametrize("idle", IDLE, ids=repr)
def test_a_mechanism_with_nothing_to_do_does_nothing(idle):
    alone = member("alpha")
    with_it, without = played(mk.Market([alone], [idle]))["alpha"], played(mk.Market([alone]))["alpha"]
    assert same(with_it, without, [name for name in without.columns if name not in ("revenue", "closed")])


OFF = (
    mk.Intent({"KOL": 1.0}, trust=0.0),
    mk.Threshold(0.0),
    mk.Movement(rate=0.0),
    mk.Links("alpha", "gamma", 0.0, ban=3),
    mk.Links("alpha", "gamma", 0.6, fee=0.0),
    mk.Alliance("beta", gain=0.0),
    mk.Offer("beta", 0.05),
    mk.Offer("beta", 0.5, where=np.zeros(12, dtype=bool)),
)


@pytest.mark.parametrize("off", OFF, ids=repr)
def test_a_mechanism_that_is_switched_off_is_as_if_it_were_not_there(off):
    others = [m for m in everything() if type(m) is not type(off) and not isinstance(m, mk.Attention)]
    if isinstance(off, mk.Alliance | mk.Offer):
        others = [m for m in others if getattr(m, "member", None) != "beta"]
    with_it, without = played(market([*others, off])), played(market(others))
    hidden = ("revenue", "closed") if isinstance(off, mk.Links) else ()
    for name in NAMES:
        assert same(with_it[name], without[name], [c for c in without[name].columns if c not in hidden])


def test_viewers_who_stay_where_they_are_are_as_if_nobody_chose():
    plain = (dy.Flywheel(), dy.Newcomers())
    for attention in (mk.Attention(5.0), mk.Attention(0.0), mk.Attention(1.0, speed=0.0, verticals="category")):
        with_it, without = (played(market(m, mechanisms_of=plain)) for m in ([attention], []))
        for name in NAMES:
            np.testing.assert_allclose(with_it[name]["gmv"], without[name]["gmv"], rtol=1e-9)


def test_the_order_of_members_and_of_mechanisms_means_nothing():
    plain = market()
    turned = mk.Market(plain.members[::-1], plain.mechanisms[::-1])
    a, b = played(plain), played(turned)
    for name in NAMES:
        assert same(a[name], b[name])
    assert all(a.columns[name].tobytes() == b.columns[name].tobytes() for name in a.columns)


def test_names_of_members_mean_nothing_where_there_is_no_chance():
    plain, renamed = (dy.Flywheel(), dy.Growth(0.01)), dict(zip(NAMES, ("z", "k", "a"), strict=True))
    intents = dict(zip(NAMES, (1.0, 2.0, 0.5), strict=True))
    runs = []
    for names in (dict(zip(NAMES, NAMES, strict=True)), renamed):
        members = [
            member(names[name], seed, dy.Proportional(), plain, intent=intents[name]) for seed, name in enumerate(NAMES)
        ]
        mechanisms = [mk.Attention(4.0, variety=0.3, at=dict(zip(names.values(), (3, 2, 1), strict=True)))]
        runs.append(
            played(mk.Market(members, [*mechanisms, mk.Intent(), mk.Links(names["alpha"], names["beta"], 0.3)]))
        )
    for old, new in renamed.items():
        for column in ("gmv", "revenue", "attention", "fans", "closed"):
            np.testing.assert_allclose(runs[0][old][column], runs[1][new][column], rtol=1e-9, err_msg=column)


def test_places_of_anchors_mean_nothing_where_there_is_no_chance_in_worlds():
    """The k-th place of a platform may be any: who somebody is its id says."""
    order = np.random.default_rng(5).permutation(12)
    runs = []
    for turned in (False, True):
        members = []
        for seed, name in enumerate(NAMES):
            old, present = platform(seed), np.arange(12) % 3 == seed
            ids = np.array([f"p{k:02d}" for k in range(12)])
            if turned:
                place = np.argsort(order)
                anchors = {key: column[order] for key, column in old.anchors.items()} | {"id": ids[order]}
                old = al.Platform.from_edges(
                    old.segment, place[old.anchor], old.value, supply=old.supply, anchors=anchors, segments=old.segments
                )
                present = present[order]
            else:
                old = replace(old, anchors={**old.anchors, "id": ids}, observed=None)
            members.append(mk.Member(name, dy.World(old, (dy.Flywheel(),), {"present": present}), dy.Proportional()))
        runs.append(played(mk.Market(members, [mk.Movement(rate=0.5, multi=0.3), mk.Attention(1.0, variety=1.0)])))
    assert sum(runs[0][name]["moved_in"].sum() for name in NAMES) > 10
    for name in NAMES:
        for column in ("gmv", "present", "fans", "moved_in", "moved_out"):
            np.testing.assert_allclose(runs[0][name][column], runs[1][name][column], rtol=1e-6, err_msg=column)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    a, b, c = played(market()), played(market()), played(market(), seed=2)
    assert all(same(a[name], b[name]) for name in NAMES)
    assert not all(same(a[name], c[name], ["present"]) for name in NAMES)


def test_chance_of_one_platform_is_its_own():
    """What another one does changes nothing here but through what they share."""
    a = played(market(()))
    others = [member("alpha", 0), member("beta", 1, dy.Greedy()), member("gamma", 2, mechanisms=(dy.Flywheel(),))]
    b = played(mk.Market(others))
    assert same(a["alpha"], b["alpha"], ["gmv", "present", "left"])
    assert not same(a["beta"], b["beta"], ["gmv"])


# Conservation.


def test_money_is_conserved():
    seen = []
    run = played(market(), seen=seen)
    for then, outcomes, _ in seen:
        ledger = then.market.ledger(then, outcomes)
        sold = sum(float(outcome.gmv.sum()) for outcome in outcomes.values())
        got = sum(ledger.revenue.values()) + sum(float(income.sum()) for income in ledger.income.values())
        assert got == pytest.approx(sold, rel=1e-12)
        assert sum(ledger.closed.values()) == pytest.approx(sold, rel=1e-12)
        assert run.columns["revenue"][then.period] == pytest.approx(sum(ledger.revenue.values()), rel=1e-12)
    assert run["gamma"]["closed"][0] > run["gamma"]["gmv"][0]
    assert run["gamma"]["closed"][7] == pytest.approx(run["gamma"]["gmv"][7])


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 8), st.floats(0.05, 1), st.floats(0, 2), st.sampled_from([None, "category"]), st.booleans())
def test_attention_is_conserved(network, speed, variety, verticals, limited):
    seen, growing = [], (dy.Growth(0.02), dy.Defection(base=0.2))
    members = [member(name, seed, dy.Even(), growing, breadth=0.3 * seed) for seed, name in enumerate(NAMES)]
    whole = sum(float(m.platform.supply.sum()) for m in members)
    attention = mk.Attention(
        network, speed=speed, variety=variety, verticals=verticals, most=whole if limited else None
    )
    run = played(mk.Market(members, [attention]), periods=10, seen=seen)
    for then, _, _ in seen:
        own = sum(float(m.supply(then.states[m.name]).sum()) for m in members)
        there = min(own, whole) if limited else own
        assert run.columns["supply"][then.period] == pytest.approx(there, rel=1e-9)
        shares = then.stocks["shares"]
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(sum(run[name]["attention"] for name in NAMES), 1.0, rtol=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.floats(0, 8), st.floats(0.05, 1), st.floats(0.01, 0.3), st.floats(0.6, 3), st.floats(0, 3))
def test_attention_is_no_more_than_worlds_have_without_it(network, speed, rate, ceiling, lead):
    """Growth and events of a platform are its own, whatever the market makes of its supply."""
    own = (dy.Growth(rate, ceiling), dy.Events(((3, 2),), surge=2.0))
    members = [member(name, seed, dy.Even(), own if seed else own[:1]) for seed, name in enumerate(NAMES)]
    appeal = dict(zip(NAMES, (lead, 0.0, -lead), strict=True))
    alone = played(mk.Market(members), periods=12)
    run = played(mk.Market(members, [mk.Attention(network, appeal, speed=speed, variety=0.5)]), periods=12)
    np.testing.assert_allclose(run.columns["supply"], alone.columns["supply"], rtol=1e-9)
    for name in NAMES:
        np.testing.assert_array_equal(run[name].final["demand"], alone[name].final["demand"])
    limited = mk.Attention(network, appeal, speed=speed, most=0.8 * float(alone.columns["supply"][0]))
    supply = played(mk.Market(members, [limited]), periods=12).columns["supply"]
    assert (supply <= alone.columns["supply"] * (1 + 1e-9)).all()


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.floats(0, 20), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_anchors_and_fans_are_conserved_as_they_move(rate, sense, carried, multi, seed):
    movement = mk.Movement(rate, sense, carried, multi)
    homes = np.random.default_rng(seed).integers(0, 3, 12)
    members = [member(n, k, dy.Even(), (dy.Flywheel(),), homes == k) for k, n in enumerate(NAMES)]
    seen = []
    run = played(mk.Market(members, [movement]), periods=8, seed=seed, seen=seen)
    for then, outcomes, now in seen:
        before, after = (sum(s.states[n]["present"].sum() for n in NAMES) for s in (then, now))
        came, went = (sum(now.stocks[which].values()) for which in ("came", "went"))
        assert after == before + came - went
        made = [
            (1 - 0.03) * then.states[n]["fans"] + members[k].world.mechanisms[0].conversion * outcomes[n].exposure
            for k, n in enumerate(NAMES)
        ]
        kept = sum(now.states[n]["fans"].sum() for n in NAMES)
        whole = sum(fans.sum() for fans in made)
        assert kept <= whole * (1 + 1e-12)
        if carried == 1.0 or (multi == 1.0) or came == 0:
            assert kept == pytest.approx(whole, rel=1e-9)
        there = np.stack([now.states[n]["present"] > 0 for n in NAMES])
        assert there.any(axis=0).all(), "nobody is lost"
        if multi == 0.0:
            assert (there.sum(axis=0) == 1).all(), "nobody is twice"
        for n in NAMES:
            assert not now.states[n]["fans"][now.states[n]["present"] == 0].any()
    assert sum(run[n]["moved_in"].sum() for n in NAMES) >= sum(run[n]["moved_out"].sum() for n in NAMES)


def test_who_moves_takes_what_is_its_own_and_a_part_of_its_fans():
    homes = np.arange(12) % 3
    members = [
        member(n, k, dy.Even(), (dy.Flywheel(), dy.Newcomers(hazard=0.0)), homes == k) for k, n in enumerate(NAMES)
    ]
    skilled = [replace(m, world=replace(m.world, stocks={**m.world.stocks, "skill": 1.0 + homes})) for m in members]
    seen = []
    played(mk.Market(skilled, [mk.Movement(1.0, 0.0, carried=0.25)]), periods=5, seen=seen)
    moved = 0
    for then, outcomes, now in seen:
        for person in range(12):
            (was,) = [n for n in NAMES if then.states[n]["present"][person] > 0]
            (here,) = [n for n in NAMES if now.states[n]["present"][person] > 0]
            assert now.states[here]["skill"][person] == 1.0 + homes[person]
            assert now.states[here]["newcomer"][person] == then.states[was]["newcomer"][person]
            if was != here:
                moved += 1
                kappa = 0.03 * 3 / 7
                fans = 0.97 * then.states[was]["fans"][person] + kappa * outcomes[was].exposure[person]
                assert now.states[here]["fans"][person] == pytest.approx(0.25 * fans)
                assert now.states[here]["age"][person] == 0
                assert now.states[was]["fans"][person] == 0
    assert moved > 20


def test_who_is_driven_out_may_be_rescued_and_who_is_nowhere_may_start_again():
    homes = np.arange(12) % 3
    leaving = (dy.Flywheel(), dy.Newcomers(hazard=0.0), dy.Defection(base=1.0, convexity=0.0))
    members = [member(n, k, dy.Even(), leaving, homes == k) for k, n in enumerate(NAMES)]
    gone = played(mk.Market(members, [mk.Movement(rate=0.0)]), periods=2)
    assert gone.columns["present"].tolist() == [12.0, 0.0]
    rescued = played(mk.Market(members, [mk.Movement(rate=0.0, rescued=1.0)]), periods=4)
    assert rescued.columns["present"].tolist() == [12.0] * 4
    assert rescued.columns["new"][0] == rescued.columns["new"][3]
    seen = []
    again = played(mk.Market(members, [mk.Movement(rate=0.0, entry=1.0)]), periods=6, seen=seen)
    assert again.columns["present"].tolist() == [12.0, 0.0, 12.0, 0.0, 12.0, 0.0]
    assert again.columns["new"][2] == 12.0
    assert not seen[2][0].states["alpha"]["fans"].any()


def test_who_is_bound_by_contract_does_not_move():
    homes, bound = np.arange(12) % 3, np.arange(12) < 6
    members = [member(n, k, dy.Even(), (), homes == k) for k, n in enumerate(NAMES)]
    run = played(mk.Market(members, [mk.Movement(1.0, 0.0, where=~bound)]), periods=20)
    for k, name in enumerate(NAMES):
        assert ((run[name].final["present"] > 0)[bound] == (homes == k)[bound]).all()
    assert run["alpha"]["moved_in"].sum() > 5


def test_strangers_stay_where_they_are():
    """Who takes a vacant place by arrival is somebody else than the person whose id the place has."""
    coming = (dy.Newcomers(hazard=0.0), dy.Arrivals(rate=2.0, month=1))
    members = [
        member("alpha", 0, dy.Even(), coming, np.zeros(12)),
        member("beta", 1, dy.Even(), (), np.ones(12)),
        member("gamma", 2, dy.Even(), (), np.zeros(12)),
    ]
    run = played(mk.Market(members, [mk.Movement(1.0, 0.0)]), periods=30)
    assert run["alpha"]["came"].sum() > 0
    assert run["beta"]["present"][-1] + run["gamma"]["present"][-1] + run["alpha"]["present"][-1] > 12
    came, stayed = run["alpha"]["came"].sum(), run.columns["present"][-1] - 12
    assert stayed == came - run["alpha"]["came"][-1]


# Scale and the empty.


@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_units_of_money_and_of_traffic_mean_nothing(scale):
    def run(money, traffic):
        members = []
        for k, name in enumerate(NAMES):
            p = platform(k)
            scaled = replace(p, value=p.value * money, supply=p.supply * traffic, observed=None)
            present = np.arange(12) % 3 == k
            members.append(mk.Member(name, dy.World(scaled, (dy.Herding(),), {"present": present}), dy.Even(0.7)))
        return played(mk.Market(members, [mk.Movement(0.5, multi=0.2), mk.Attention(3.0, variety=0.5)]))

    base, other = run(1.0, 1.0), run(scale, 1.0 / np.sqrt(scale))
    for name in NAMES:
        np.testing.assert_allclose(other[name]["gmv"], base[name]["gmv"] * np.sqrt(scale), rtol=1e-6)
        np.testing.assert_array_equal(other[name]["present"], base[name]["present"])
        np.testing.assert_allclose(other[name]["attention"], base[name]["attention"], rtol=1e-9)


@settings(deadline=None)
@given(st.data(), st.sampled_from(RECIPES), st.integers(0, 2**32 - 1))
def test_everything_stays_finite_on_any_graphs_at_any_scale(data, policy, seed):
    members = []
    for name in NAMES[: data.draw(st.integers(1, 3))]:
        drawn = data.draw(platforms(scales=SCALES))
        present = np.array([data.draw(st.sampled_from([1.0, 1.0, 0.0])) for _ in range(drawn.anchor_count)])
        fields = {
            "intent": data.draw(st.sampled_from([0.0, 1.0, 3.0])),
            "session": data.draw(st.sampled_from([0.0, 1.0, np.inf])),
            "breadth": data.draw(st.sampled_from([0.0, 0.5, 1.0])),
            "maturity": data.draw(st.sampled_from([0.0, 0.5, 1.0])),
        }
        world = dy.World(drawn, lively(), {"present": present})
        members.append(mk.Member(name, world, policy, **fields))
    mechanisms = [
        mk.Attention(data.draw(st.sampled_from([0.0, 2.0, 50.0])), variety=data.draw(st.sampled_from([0.0, 1.0]))),
        mk.Intent({"KOL": 1.0}),
        mk.Threshold(data.draw(st.sampled_from([0.0, 1.0]))),
        mk.Links(NAMES[0], None, 0.6, ban=2),
        mk.Alliance(NAMES[0], since=2, brings=np.arange(members[0].platform.anchor_count) < 1),
        mk.Offer(NAMES[0], -0.5),
        mk.Movement(0.5, multi=0.5, rescued=0.5, entry=0.5),
    ]
    run = played(mk.Market(members, mechanisms), periods=5, seed=seed)
    for name in run.members:
        assert all(np.isfinite(column).all() for column in run[name].columns.values())
        assert all(np.isfinite(stock).all() and (stock >= 0).all() for stock in run[name].final.values())
        assert (run[name]["exposure"] <= run[name]["supply"] * (1 + 1e-9)).all()
    assert all(np.isfinite(column).all() for column in run.columns.values())


def test_optimal_policies_stay_certified_as_viewers_and_anchors_move():
    run = played(market(policy=dy.Optimal(rules=[al.HeadCap(top=3, share=0.6)])))
    for name in NAMES:
        assert (run[name]["relative_gap"] <= 1e-3).all()
        assert not run[name]["failed"].any()


def test_a_platform_without_anchors_or_without_traffic_is_a_platform():
    empty = al.Platform.from_edges([0], [0], [1.0], supply=[0.0])
    one = al.synthetic.star(np.ones(1))
    members = [
        mk.Member("nobody", dy.World(one, stocks={"present": 0.0}), dy.Greedy()),
        mk.Member("nothing", dy.World(empty), dy.Greedy()),
        mk.Member("one", dy.World(one), dy.Greedy()),
    ]
    run = played(mk.Market(members, [mk.Attention(2.0, variety=1.0), mk.Movement(0.5, entry=0.5)]), periods=5)
    assert run["nothing"]["attention"].tolist() == [0.0] * 5
    assert run["one"]["attention"][-1] == pytest.approx(1.0)
    only = played(mk.Market([members[1]], [mk.Attention(2.0), mk.Movement(entry=1.0)]), periods=3)
    assert only.columns["gmv"].tolist() == [0.0] * 3
    assert only.columns["hhi"].tolist() == [1.0] * 3


# Refusals, files, presets, games.

WORLD = dy.World(al.synthetic.star(np.ones(2)))
A, B = (mk.Member(name, WORLD, dy.Even()) for name in "ab")
REFUSED = {
    "letters, digits": lambda: mk.Member("a b", WORLD, dy.Even()),
    "needs a World": lambda: mk.Member("a", "world", dy.Even()),
    "needs a Policy": lambda: mk.Member("a", WORLD, "even"),
    "commission is": lambda: mk.Member("a", WORLD, dy.Even(), commission=2.0),
    "session is": lambda: mk.Member("a", WORLD, dy.Even(), session=-1.0),
    "at least one member": lambda: mk.Market([]),
    "takes a Member": lambda: mk.Market([WORLD]),
    "takes a MarketMechanism": lambda: mk.Market([A], [dy.Flywheel()]),
    "two members are called 'a'": lambda: mk.Market([A, A]),
    "at most one Attention": lambda: mk.Market([A], [mk.Attention(), mk.Attention(2.0)]),
    "at most one Links for a": lambda: mk.Market([A, B], [mk.Links("a", "b", 0.1), mk.Links("a", None, 0.2)]),
    "links name 'c'": lambda: mk.Market([A, B], [mk.Links("c", "b", 0.5)]),
    "cannot link to its own shop": lambda: mk.Market([A, B], [mk.Links("a", "a", 0.5)]),
    "no attribute 'shop'": lambda: mk.Market([A, B], [mk.Links("a", "b")]),
    "together keep": lambda: mk.Market([A, B], [mk.Links("a", "b", 0.5, fee=0.97)]),
    "leakage has shape": lambda: mk.Market([A, B], [mk.Links("a", "b", np.ones(3))]),
    "appeal has nothing for b": lambda: mk.Market([A, B], [mk.Attention(appeal={"a": 1.0})]),
    "appeal name 'c'": lambda: mk.Market([A], [mk.Attention(appeal={"a": 1.0, "c": 1.0})]),
    "no 'category'": lambda: mk.Market([A], [mk.Attention(verticals="category")]),
    "at of a has shape": lambda: mk.Market([A], [mk.Attention(at={"a": [1.0, 2.0]})]),
    "at puts the viewers of a vertical nowhere": lambda: mk.Market([A, B], [mk.Attention(at={"a": 0, "b": 0})]),
    "cost lowers an appeal": lambda: mk.Attention(cost=0.5),
    "a plan is for a world by itself": lambda: played(
        mk.Market([mk.Member("a", WORLD, dy.Partly(dy.Planner(3))), B]), periods=3
    ),
    "alliances name": lambda: mk.Market([A], [mk.Alliance("x")]),
    "offers name": lambda: mk.Market([A], [mk.Offer("x")]),
    "policies name": lambda: mk.Market([A]).under({"x": dy.Even()}),
    "carried is": lambda: mk.Movement(carried=1.5),
    "network is": lambda: mk.Attention(-1.0),
    "lift of KOL is": lambda: mk.Intent({"KOL": -1.0}),
    "different units": lambda: mk.Market(
        [A, mk.Member("b", dy.World(replace(WORLD.platform, currency="USD")), dy.Even())]
    ),
    "levels must differ": lambda: mk.Game(mk.Market([A]), [1, 1], dy.Even, 3),
    "a choice has a level": lambda: mk.Game(mk.Market([A]), [0.5, 1.0], dy.Even, 3).payoffs([0.2]),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_sentence(words):
    with pytest.raises((ValueError, TypeError)) as refused:
        REFUSED[words]()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_unknown_members_are_named():
    with pytest.raises(KeyError, match="did you mean 'alpha'"):
        market()["alpa"]
    with pytest.raises(KeyError, match="did you mean 'alpha'"):
        played(market(), periods=1)["alpa"]


def test_runs_are_kept_and_read(tmp_path):
    run = played(market(), periods=3)
    again = mk.MarketTrajectory.load(run.save(tmp_path / "run"))
    assert list(again.members) == list(run.members)
    assert all(same(run[name], again[name]) for name in NAMES)
    assert all(again.columns[name].tobytes() == run.columns[name].tobytes() for name in run.columns)
    assert again.rows == run.rows
    assert len(run.rows) == 9
    with pytest.raises(ValueError, match="holds no market"):
        mk.MarketTrajectory.load(tmp_path)


@pytest.mark.parametrize("harm", [lambda b: b[: b.size // 2], lambda b: np.where(np.arange(b.size) == 100, ~b, b)])
def test_a_damaged_run_is_refused_in_one_sentence(tmp_path, harm):
    played(market(), periods=3).save(tmp_path)
    file = tmp_path / "market.columns.npz"
    file.write_bytes(harm(np.frombuffer(file.read_bytes(), np.uint8)).tobytes())
    with pytest.raises(ValueError, match="holds no market"):
        mk.MarketTrajectory.load(tmp_path)


@pytest.mark.parametrize("preset", [mk.china_2020, mk.taobao_dominant, mk.us_fragmented])
def test_presets_play(preset):
    run = played(preset(200, 60, rng=np.random.default_rng(2), policy=dy.Proportional()), periods=20)
    assert (run.columns["gmv"] > 0).all()
    again = played(preset(200, 60, rng=np.random.default_rng(2), policy=dy.Proportional()), periods=20)
    assert all(same(run[name], again[name]) for name in run.members)


class Feed(dy.Policy):
    """Today's feed: what it showed of those who are there, segment by segment."""

    def __call__(self, view):
        platform = view.platform
        used = platform.into_segments(platform.observed)
        room = np.divide(platform.supply, used, out=np.zeros_like(used), where=used > 0)
        return dy.Decision(view.whole(platform.observed * np.minimum(room[platform.segment], 1e12)))


def resting(market, periods=500):
    """What today's feeds sell in a year, bn, once the numbers of fans rest: simulated, from no fans at all."""
    members = [
        replace(
            m,
            policy=Feed(),
            world=dy.World(m.platform, (dy.Flywheel(),), {"present": m.world.stocks["present"], "fans": 0.0}),
        )
        for m in market.members
    ]
    run = played(mk.Market(members, [m for m in market.mechanisms if isinstance(m, mk.Intent)]), periods)
    return {name: run[name]["gmv"][-1] * 365 / 1e9 for name in run.members}


@pytest.mark.parametrize(
    ("preset", "fields", "sizes"),
    [
        (mk.china_2020, {"figures": "forecast"}, {"taobao": 500, "kuaishou": 250, "douyin": 200}),
        (mk.china_2020, {"figures": "actual"}, {"taobao": 400, "kuaishou": 381.2, "douyin": 500}),
        (mk.taobao_dominant, {}, {"taobao": 760, "kuaishou": 95, "douyin": 95}),
        (mk.us_fragmented, {}, {f"platform-{k}": 4 for k in range(1, 6)}),
    ],
)
def test_presets_have_the_sizes_of_the_sources(preset, fields, sizes):
    sold = resting(preset(400, 100, rng=np.random.default_rng(2), **fields))
    for name, size in sizes.items():
        assert sold[name] == pytest.approx(size, rel=1e-5)


def duopoly(**movement):
    """Two small platforms on which newcomers could be on either."""
    homes = np.arange(12) % 2
    moving = mk.Movement(**({"rate": 0.2, "sense": 4.0} | movement))
    members = [member(n, 1, dy.Even(), (dy.Flywheel(),), homes == k) for k, n in enumerate("ab")]
    return mk.Market(members, [moving, mk.Attention(1.0, variety=0.5)])


def test_best_responses_are_those_of_plain_runs():
    levels = (0.0, 0.5, 1.0)
    game = mk.Game(duopoly(), levels, dy.EpsilonEven, periods=6, seeds=(1, 2), discount=0.9)
    paid = {}
    for level in levels:
        sums = []
        for seed in (1, 2):
            both = game.market.under({"a": dy.EpsilonEven(0.5), "b": dy.EpsilonEven(level)})
            run = mk.simulate(both, periods=6, rng=np.random.default_rng(seed))
            sums.append(float((run["b"]["gmv"] * 0.9 ** np.arange(6)).sum()))
        paid[level] = float(np.mean(sums))
    assert game.best_response("b", (0.5, 0.5)) == max(levels, key=paid.get)
    assert game.payoffs((0.5, 1.0))[:, 1].mean() == pytest.approx(paid[1.0], rel=1e-12)


def test_nobody_gains_by_leaving_an_equilibrium_and_the_planner_gets_no_less():
    game = mk.Game(duopoly(), (0.0, 0.5, 1.0), dy.EpsilonEven, periods=6, seeds=(1, 2))
    found = game.equilibrium()
    choice = tuple(found.levels.values())
    if not found.cycle:
        for place, name in enumerate("ab"):
            assert game.best_response(name, choice) == choice[place]
    best = game.joint()
    assert game.payoffs(best).sum() >= game.payoffs(choice).sum() * (1 - 1e-12)
    assert mk.Game(duopoly(), (0.0, 0.5, 1.0), dy.EpsilonEven, periods=6, seeds=(1, 2)).equilibrium() == found


def test_circles_of_best_responses_are_reported():
    """Matching pennies: one wants to be as the other is, the other not."""

    class Pennies(mk.Game):
        def payoffs(self, choice):
            alike = float(choice[0] == choice[1])
            return np.array([[alike, 1.0 - alike]])

    found = Pennies(duopoly(), (0, 1), dy.EpsilonEven, periods=1).equilibrium()
    assert len(found.cycle) == 2
    with pytest.raises(RuntimeError, match="allow more"):
        Pennies(duopoly(), (0, 1), dy.EpsilonEven, periods=1).equilibrium(rounds=1)


def test_a_game_of_one_platform_is_a_choice():
    game = mk.Game(mk.Market([member("alpha", policy=dy.Even())]), (0.0, 1.0), dy.EpsilonEven, periods=3)
    assert game.equilibrium().levels == {"alpha": 0.0}
    assert game.joint() == (0.0,)


def test_nobody_changes_for_a_gain_below_what_policies_prove():
    """Among policies certified to 1e-3 a larger payoff by 5e-4 is none."""

    class Slight(mk.Game):
        def payoffs(self, choice):
            return np.array([[1.0 + 5e-4 * choice[0], 1.0 + 2e-3 * choice[1]]])

    assert Slight(duopoly(), (0, 1), dy.EpsilonEven, periods=1).equilibrium().levels == {"a": 0, "b": 1}
