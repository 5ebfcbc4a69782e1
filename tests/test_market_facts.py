"""Statements about several platforms (B1 to B7, T7, T8, F25): one side is always simulated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import dynamics as dy
from allocator import market as mk
from allocator.market import closed_forms
from allocator.market.prospects import left_of_sales
from test_market import member

TILT = 1e-6
"""A perturbation small enough for what is linear."""


def star(supply=1.0, **fields):
    return replace(al.synthetic.star(np.ones(1), supply=supply), **fields)


def plain(name, policy=None, **fields):
    """A platform of one anchor, whose traffic is all there is to it."""
    return mk.Member(name, dy.World(fields.pop("platform", star())), policy or dy.Even(), **fields)


def played(members, mechanisms, periods, seed=1):
    return mk.simulate(mk.Market(members, mechanisms), periods=periods, rng=np.random.default_rng(seed))


def attention_of(shares, network, periods, **fields):
    """Paths of attention (K, T) from the given shares of alike platforms."""
    names = [f"p{k}" for k in range(len(shares))]
    even = dict.fromkeys(names, 0.0)
    at = dict(zip(names, shares, strict=True))
    run = played([plain(name) for name in names], [mk.Attention(network, even, at=at, **fields)], periods)
    return np.array([run[name]["attention"] for name in names])


# T7, B1, B2: links.


@settings(deadline=None, max_examples=40)
@given(st.floats(0.01, 0.99), st.floats(0.05, 1.0), st.floats(0.01, 0.3), st.floats(0.005, 0.2))
def test_a_ban_pays_iff_own_sales_at_the_own_commission_are_worth_more_than_fees(leakage, maturity, own, fee):
    links = mk.Links("feed", "shop", leakage, fee=fee, ban=2)
    members = [member("feed", 1, dy.Greedy(), (), commission=own, maturity=maturity), plain("shop")]
    run = played(members, [links], 4)["feed"]
    before, after = run["gmv"][0], run["gmv"][3]
    assert after / before == pytest.approx(closed_forms.gmv_after_ban(leakage, maturity), rel=1e-9)
    gained = (run["revenue"][3] - run["revenue"][0]) / before
    assert gained == pytest.approx(closed_forms.revenue_of_ban(leakage, maturity, own, fee), abs=1e-9)
    needed = fee / own
    if abs(maturity - needed) > 1e-6:
        assert (gained > 0) == (maturity > needed)
    assert after < before or maturity == 1.0


def test_a_ban_is_also_felt_in_the_shop_that_was_linked_to():
    members = [plain("feed", commission=0.1, maturity=0.5), plain("shop", commission=0.05)]
    run = played(members, [mk.Links("feed", "shop", 0.6, fee=0.02, ban=1)], 2)
    assert run["shop"]["revenue"].tolist() == pytest.approx([0.05 * 1.6, 0.05])
    assert run["shop"]["closed"].tolist() == pytest.approx([1.6, 1.0])
    assert run["feed"]["revenue"].tolist() == pytest.approx([0.1 * 0.4 + 0.02 * 0.6, 0.1 * 0.7])


def test_who_can_steer_traffic_loses_less_by_a_ban_than_the_closed_form_says():
    """T7 takes traffic as it was; a policy that sees that linked anchors sell less sends it elsewhere."""
    platform = al.public_part(al.synthetic.douyin(segments=300, anchors=60, rng=np.random.default_rng(4)))
    linked = platform.anchors["shop"] == "linked"
    falls = {}
    for policy in (dy.Even(), dy.Optimal(relative_gap=1e-6)):
        feed = mk.Member("feed", dy.World(platform), policy, maturity=0.3)
        run = played([feed], [mk.Links("feed", ban=1)], 2)["feed"]
        falls[type(policy).__name__] = run["gmv"][1] / run["gmv"][0]
    sold = platform.into_anchors(platform.even_flow * platform.value)
    part = float(sold[linked].sum() / sold.sum())
    assert falls["Even"] == pytest.approx(closed_forms.gmv_after_ban(part, 0.3), rel=1e-9)
    world = dy.World(platform)
    view, _ = world.view(world.start({}), rng=np.random.default_rng(0))
    flow = dy.Optimal(relative_gap=1e-6)(view).flow
    best = platform.into_anchors(flow * platform.value)
    unmoved = closed_forms.gmv_after_ban(float(best[linked].sum() / best.sum()), 0.3)
    assert falls["Optimal"] > unmoved + 0.02


def test_an_alliance_stands_in_for_maturity():
    def after(maturity, gain):
        members = [plain("feed", commission=0.1, maturity=maturity), plain("shop")]
        run = played(members, [mk.Links("feed", "shop", 0.6, fee=0.05, ban=0), mk.Alliance("feed", gain, since=3)], 5)
        return run["feed"]["revenue"]

    alone, allied = after(0.3, 0.0), after(0.3, 0.4)
    assert alone[:3].tolist() == allied[:3].tolist()
    assert allied[3:] == pytest.approx(after(0.7, 0.0)[3:])
    assert alone[-1] < 0.1 * 0.4 + 0.05 * 0.6 < allied[-1]
    assert after(0.9, 0.4)[-1] == pytest.approx(0.1)


def test_an_alliance_brings_anchors_and_their_edges():
    market = [plain("feed", dy.Greedy(), platform=al.synthetic.star(np.array([1.0, 3.0])))]
    run = played(market, [mk.Alliance("feed", since=2, brings=np.array([False, True]))], 4)["feed"]
    assert run["gmv"].tolist() == [1.0, 1.0, 3.0, 3.0]
    assert run["present"].tolist() == [1.0, 1.0, 2.0, 2.0]


def test_an_alliance_of_the_start_brings_its_anchors_at_the_start():
    values, there = np.array([1.0, 3.0]), np.array([1.0, 0.0])
    feed = mk.Member("feed", dy.World(al.synthetic.star(values), stocks={"present": there}), dy.Greedy())
    for since, sold in ((0, [3.0, 3.0, 3.0]), (1, [1.0, 3.0, 3.0])):
        run = played([feed], [mk.Alliance("feed", since=since, brings=np.array([False, True]))], 3)["feed"]
        assert run["gmv"].tolist() == sold
        assert run["survivors"].tolist() == [1.0] * 3


# T8, F25, B4: viewers.


def test_who_grows_under_the_attention_of_others_grows_to_its_own_ceiling():
    names, one = "ab", star(100.0)
    members = [mk.Member(name, dy.World(one, (dy.Growth(0.1, 2.0),)), dy.Even()) for name in names]
    run = played(members, [mk.Attention(appeal={"a": np.log(9.0), "b": 0.0})], 300)
    assert [run[name]["supply"][-1] for name in names] == pytest.approx([360.0, 40.0])
    assert [run[name].final["demand"].tolist() for name in names] == [pytest.approx([2.0])] * 2


class Closing(dy.Mechanism):
    """A platform that has no supply from some period on, as far as there is one."""

    def __init__(self, since, until=np.inf):
        self.since, self.until = since, until

    def traffic(self, state, platform):
        return 0.0 if self.since <= state.period < self.until else None


@pytest.mark.parametrize("speed", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("network", [0.0, 3.0])
def test_viewers_of_a_platform_without_supply_are_with_the_others(speed, network):
    closing = mk.Member("a", dy.World(star(60.0), (Closing(3),)), dy.Even())
    others = [plain("b", platform=star(30.0)), plain("c", platform=star(10.0))]
    run = played([closing, *others], [mk.Attention(network, speed=speed, appeal={"a": 2.0, "b": 1.0, "c": 0.0})], 8)
    assert not run["a"]["supply"][3:].any()
    assert run.columns["supply"].tolist() == pytest.approx([100.0] * 3 + [40.0] * 5)


def test_who_had_nobody_gets_the_viewers_of_who_has_closed():
    closing = mk.Member("a", dy.World(star(60.0), (Closing(2),)), dy.Even())
    run = played([closing, plain("b", platform=star(30.0))], [mk.Attention(at={"a": 1.0, "b": 0.0})], 4)
    assert run["a"]["supply"].tolist() == pytest.approx([90.0, 90.0, 0.0, 0.0])
    assert run["b"]["supply"].tolist() == pytest.approx([0.0, 0.0, 30.0, 30.0])


def test_who_comes_back_finds_its_viewers_by_and_by():
    closing = mk.Member("a", dy.World(star(60.0), (Closing(1, 2),)), dy.Even())
    appeal = {"a": np.log(3.0), "b": 0.0}
    run = played([closing, plain("b", platform=star(40.0))], [mk.Attention(appeal=appeal, speed=0.5)], 40)
    assert run["a"]["attention"][1] == 0.0
    assert 0.0 < run["a"]["attention"][3] < run["a"]["attention"][-1] == pytest.approx(0.75)


@pytest.mark.parametrize("platforms", [2, 3, 5])
@pytest.mark.parametrize("side", [0.98, 1.02])
def test_alike_platforms_stay_alike_below_the_threshold_only(platforms, side):
    network, _ = closed_forms.network_thresholds(platforms)
    tilted = np.full(platforms, 1.0 / platforms)
    tilted[0] += TILT
    paths = attention_of(tilted, side * network, 20)
    apart = np.abs(paths - 1.0 / platforms).max(axis=0)
    growth = (apart[-1] / apart[0]) ** (1.0 / 19.0)
    assert growth == pytest.approx(side, rel=1e-4)


def test_nothing_but_a_tilt_breaks_symmetry():
    for platforms in (2, 4):  # shares that are exact
        paths = attention_of(np.full(platforms, 1.0 / platforms), 3.0 * platforms, 50)
        assert (paths == 1.0 / platforms).all()


def test_speed_moves_no_threshold():
    for side in (0.95, 1.05):
        paths = attention_of([0.5 + TILT, 0.5 - TILT], 2.0 * side, 40, speed=0.1)
        assert (paths[0, -1] - 0.5 > TILT) == (side > 1)


def test_eighty_to_twenty_sustains_itself_at_ln_4_over_point_6():
    network = float(closed_forms.self_sustaining(0.8))
    assert network == pytest.approx(np.log(4.0) / 0.6) == pytest.approx(2.310491, abs=1e-6)
    for start in (0.51, 0.8, 0.99):
        assert attention_of([start, 1 - start], network, 600)[0, -1] == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(("rivals", "network"), [(2, 2.970631), (4, 3.696785)])
def test_a_leader_of_eighty_per_cent_against_several(rivals, network):
    assert closed_forms.self_sustaining(0.8, rivals) == pytest.approx(network, abs=1e-6)
    start = [0.85, *np.full(rivals, 0.15 / rivals)]
    assert attention_of(start, network, 600)[0, -1] == pytest.approx(0.8, abs=1e-5)


def test_with_three_platforms_a_leader_lasts_below_the_threshold_of_the_even_split():
    assert attention_of([0.9, 0.05, 0.05], 2.94, 2000)[0, -1] == pytest.approx(0.787, abs=5e-4)
    assert closed_forms.leading_share(2.94, 2) == pytest.approx(0.787, abs=5e-4)
    assert attention_of([1 / 3 + TILT, 1 / 3, 1 / 3 - TILT], 2.94, 500)[0, -1] == pytest.approx(1 / 3, abs=TILT)
    _, least = closed_forms.dissolving(2)
    assert 2.7 < least < 2.94
    assert attention_of([0.99, 0.005, 0.005], least - 0.02, 3000)[0, -1] == pytest.approx(1 / 3, abs=1e-3)
    assert attention_of([0.99, 0.005, 0.005], least + 0.02, 3000)[0, -1] > 0.6
    assert closed_forms.leading_share(least - 1e-6, 2) is None


def test_two_platforms_have_no_hysteresis():
    assert closed_forms.dissolving(1) == (0.5, 2.0)
    assert attention_of([0.99, 0.01], 1.98, 3000)[0, -1] == pytest.approx(0.5, abs=1e-3)
    share = attention_of([0.5 + TILT, 0.5 - TILT], 2.02, 3000)[0, -1]
    assert share == pytest.approx(closed_forms.leading_share(2.02), abs=1e-6)
    assert share > 0.55


VERTICALS = 4


def tilted(network, breadth, tilt, periods=30, platforms=3):
    """How much a tilt of shares (C,) towards the first of alike platforms grows a period."""
    segments = {"category": np.array([f"c{c}" for c in range(VERTICALS)])}
    count = np.arange(VERTICALS)
    each = al.Platform.from_edges(count, 0 * count, 1.0 + 0 * count, supply=1.0 + 0 * count, segments=segments)
    names = [f"p{k}" for k in range(platforms)]
    at = {name: np.full(VERTICALS, 1.0 / platforms) for name in names}
    at["p0"] = at["p0"] + TILT * np.asarray(tilt)
    at["p1"] = at["p1"] - TILT * np.asarray(tilt)
    seen = []
    market = mk.Market(
        [plain(name, platform=each, breadth=breadth) for name in names],
        [mk.Attention(network, dict.fromkeys(names, 0.0), verticals="category", at=at)],
    )
    mk.simulate(market, periods=periods, rng=np.random.default_rng(0), watch=lambda then, *_: seen.append(then))
    apart = [np.abs(then.stocks["shares"] - 1.0 / platforms).max() for then in seen]
    return (apart[-1] / apart[0]) ** (1.0 / (periods - 1))


@pytest.mark.parametrize("breadth", [0.0, 0.1, 0.6, 1.0])
@pytest.mark.parametrize("side", [0.97, 1.03])
def test_breadth_has_two_thresholds(breadth, side):
    together, apart = closed_forms.network_thresholds(3, breadth=breadth, verticals=VERTICALS)
    assert tilted(side * together, breadth, np.ones(VERTICALS)) == pytest.approx(side, rel=1e-3)
    if np.isfinite(apart):
        grown = tilted(side * apart, breadth, [1, -1, 0, 0], periods=4)  # before what is not linear tilts all together
        assert grown == pytest.approx(side, rel=1e-3)
    assert apart >= together


def test_narrow_platforms_stay_apart_where_broad_ones_do_not():
    """B4: the network effect of 8 of `us_fragmented`."""
    for breadth, stays in ((0.1, True), (1.0, False)):
        growth = tilted(8.0, breadth, np.ones(VERTICALS), periods=8, platforms=3)
        assert (growth < 1) == stays


# B3, B5: what viewers came for.


def test_a_small_platform_of_high_intent_overtakes_iff_intent_outweighs_traffic():
    def sold(intent, trust, lift):
        kinds = {"kind": np.array(["KOL"])}
        large = plain("large", platform=star(supply=10.0, anchors=kinds))
        small = plain("small", platform=star(supply=2.0, anchors=kinds), intent=intent)
        run = played([large, small], [mk.Intent({"KOL": lift}, trust=trust)], 1)
        return run["small"]["gmv"][0], run["large"]["gmv"][0]

    for intent in (4.9, 5.1):
        small, large = sold(intent, 0.5, 2.0)
        assert (small > large) == (intent > 5.0)
        assert large == pytest.approx(10.0 * 2.0)


def test_kols_sell_by_trust_and_brands_do_not():
    platform = replace(al.synthetic.star(np.ones(2), supply=2.0), anchors={"kind": np.array(["KOL", "brand"])})
    world = dy.World(platform, (dy.Trust(1.0, recovery=0.1, erosion=0.4),))
    seen = []
    market = mk.Market([mk.Member("q", world, dy.Even(), intent=3.0)], [mk.Intent({"KOL": 2.0, "brand": 0.0})])
    mk.simulate(market, periods=3, rng=np.random.default_rng(0), watch=lambda then, out, now: seen.append(out["q"]))
    for outcome in seen:
        trust = np.where(outcome.view.state["age"] == 0, 1.0, outcome.view.state["trust"])
        assert outcome.gmv == pytest.approx(3.0 * trust * (1.0 + np.array([2.0, 0.0]) * trust))


@pytest.mark.parametrize("policy", [dy.Even(), dy.Greedy(), dy.Optimal(al.GMV() + al.Nash())])
def test_without_attention_nothing_sells_whatever_the_allocation(policy):
    members = [member("short", 1, policy, (dy.Flywheel(),), session=4.0), member("long", 2, policy, (), session=5.0)]
    run = played(members, [mk.Threshold(5.0)], 3)
    assert not run["short"]["gmv"].any()
    assert run["short"]["supply"].all()
    assert run["long"]["gmv"].all()


# B6: anchors.


def wooed(floor, carried, seeds=range(12)):
    """Newcomers and others on b after some time, where a gives a floor to newcomers, on average over seeds."""
    anchors, shares = 60, {"new": [], "old": []}
    tier = np.array(["new" if k % 3 == 0 else "old" for k in range(anchors)])
    values = np.where(tier == "new", 1.0, 4.0)
    for seed in seeds:
        homes = np.random.default_rng(seed).permutation(anchors) % 2
        members = []
        for k, name in enumerate("ab"):
            platform = replace(al.synthetic.star(values, supply=600.0), anchors={"tier": tier})
            fans = dy.Flywheel(conversion=0.3, visits=0.1)
            world = dy.World(platform, (fans,), {"present": homes == k, "fans": np.where(tier == "old", 50.0, 0.0)})
            members.append(mk.Member(name, world, Floored(floor if name == "a" else 0.2)))
        run = played(members, [mk.Movement(0.1, 4.0, carried)], 60, seed=seed)
        there = run["b"].final["present"] > 0
        for which in shares:
            shares[which].append(there[tier == which].mean())
    return {which: (np.mean(part), np.std(part) / np.sqrt(len(part))) for which, part in shares.items()}


class Floored(dy.Policy):
    """Newcomers get a part of the traffic evenly, all others the rest."""

    def __init__(self, part):
        self.part = part

    def __call__(self, view):
        new = (view.world.platform.anchors["tier"] == "new") & view.present
        old = ~new & view.present
        part = self.part if new.any() and old.any() else float(new.any())
        flow = part * new / max(new.sum(), 1) + (1 - part) * old / max(old.sum(), 1)
        return dy.Decision(flow * view.supply[0])


def test_floors_for_newcomers_here_empty_the_rivals_of_newcomers():
    base, floored = wooed(0.2, 0.2), wooed(0.5, 0.2)
    error = np.hypot(base["new"][1], floored["new"][1])
    assert floored["new"][0] < base["new"][0] - 4 * error


def test_offers_draw_those_to_whom_they_are_made():
    homes = np.arange(40) % 2
    platform = al.synthetic.star(np.ones(40), supply=400.0)
    members = [mk.Member(n, dy.World(platform, stocks={"present": homes == k}), dy.Even()) for k, n in enumerate("ab")]
    offer = mk.Offer("a", commission=-0.9, where=np.arange(40) < 20)
    final = played(members, [mk.Movement(0.2, 6.0), offer], 60)["a"].final["present"]
    assert final[:20].mean() > 0.75
    assert final[:20].mean() > final[20:].mean() + 0.2


def test_choices_have_the_odds_of_the_logit():
    """Two places alike but for the commission: exp(sense u / mean u)."""
    people = 20_000
    platform = al.Platform(
        np.arange(people + 1), np.arange(people), np.ones(people), np.ones(people), anchors={"tier": ["x"] * people}
    )
    members = [
        mk.Member("a", dy.World(platform), dy.Even(), commission=0.1),
        mk.Member("b", dy.World(platform, stocks={"present": np.arange(people) < 1}), dy.Even(), commission=0.4),
    ]
    run = played(members, [mk.Movement(1.0, 2.0)], 1)
    u = np.array([0.9, 0.6])
    odds = np.exp(2.0 * u / u.mean())
    p = odds[1] / odds.sum()
    moved = run["b"]["moved_in"][0] / people
    assert abs(moved - p) < 4 * np.sqrt(p * (1 - p) / people)


def linking(leakage, fee, commission=0.05, people=4_000):
    """The part of anchors on a feed with links to the other platform, all else alike, after they have moved freely."""
    homes, tier = np.arange(people) % 2, {"tier": np.full(people, "x")}
    platform = replace(al.synthetic.star(np.ones(people), supply=1.0 * people), anchors=tier)
    members = [
        mk.Member(n, dy.World(platform, stocks={"present": homes == k}), dy.Even(), commission=commission)
        for k, n in enumerate(("feed", "shop"))
    ]
    ids = [np.arange(people)] * 2
    assert all((m.ids == i.astype(str)).all() for m, i in zip(members, ids, strict=True))
    run = played(members, [mk.Movement(0.3, 4.0), mk.Links("feed", "shop", leakage, fee=fee)], 1)
    return [run[n]["moved_in"][0] / (0.15 * people) for n in ("feed", "shop")]


@pytest.mark.parametrize("leakage", [0.5, 1.0])
@pytest.mark.parametrize("fee", [0.0, 0.4, 0.9])
def test_what_links_cost_their_sellers_counts_as_they_choose(leakage, fee):
    """Odds exp(sense u / mean u) with what is left after the fee and the commission of the shop."""
    feed = (1.0 - leakage) * 0.95 + leakage * (1.0 - fee - 0.05)
    u = np.array([feed, 0.95])
    odds = np.exp(4.0 * u / u.mean())
    expected = odds / odds.sum()
    people = 0.15 * 4_000
    for found, p in zip(linking(leakage, fee), expected, strict=True):
        assert abs(found - p) < 4.5 * np.sqrt((p * (1 - p) + 0.7 * p * p) / people)


def test_offers_count_for_the_sales_in_the_own_store_alone():
    """Left of a vacant place: its own terms for what is not linked, the terms of links for as much as all link."""
    there = np.array([1.0, 1.0, 0.0])
    feed = mk.Member("feed", dy.World(al.synthetic.star(np.ones(3)), stocks={"present": there}), dy.Even())
    market = mk.Market(
        [feed, plain("shop", commission=0.1)],
        [mk.Links("feed", "shop", [1.0, 0.0, 0.5], fee=0.2), mk.Offer("feed", -0.3, where=np.arange(3) == 2)],
    )
    seen = []
    mk.simulate(market, periods=1, rng=np.random.default_rng(0), watch=lambda then, out, now: seen.append((then, out)))
    then, outcomes = seen[0]
    left = left_of_sales(then, market["feed"], outcomes["feed"], market.ledger(then, outcomes))
    assert left == pytest.approx([0.7, 0.95, 0.5 * 1.3 + 0.5 * 0.7])


# B7: sizes.


def test_concentration_of_the_sizes_of_the_sources():
    for sizes, hhi in (((500, 250, 200), 0.391), ((400, 381.2, 500), 0.338)):
        members = [plain(f"p{k}", platform=star(supply=float(size))) for k, size in enumerate(sizes)]
        assert played(members, (), 1).columns["hhi"][0] == pytest.approx(hhi, abs=6e-4)
    leader = [plain("a", platform=star(supply=80.0)), plain("b", platform=star(supply=20.0))]
    assert played(leader, (), 1).columns["hhi"][0] >= 0.64
