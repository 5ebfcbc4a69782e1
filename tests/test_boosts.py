"""Boosts: no choice beats the bound, small ones are the best there are, limits hold, and money has no hidden unit."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
import allocator.discrete.boost_search as search
from allocator.discrete import Boost, Phase, boost_slots, boosted, campaign, contest, highlight_support, prize_supply
from allocator.discrete.boost_bound import Prices, proved
from allocator.discrete.boost_choices import Choices
from allocator.discrete.boost_limits import Dues, Limits
from allocator.discrete.boost_prices import relaxed
from allocator.discrete.boost_program import program
from allocator.highs import highs
from strategies import multipliers, platforms

SLOW = settings(max_examples=max(10, settings.default.max_examples // 2))
GAP = 1e-7
RULES = {
    "none": lambda f: [],
    "capacity": lambda f: [al.Capacity()],
    "cap and floor": lambda f: [al.Cap(1.5 * f), al.Floor(0.2 * f)],
    "cap of sales": lambda f: [al.Cap("reach:0.4", of="gmv")],
    "edges": lambda f: [al.SegmentCap(0.6)],
    "head": lambda f: [
        al.HeadCap(1, 0.7),
        al.Budget(np.arange(f.size) + 1.0, total=1.2 * ((np.arange(f.size) + 1) @ f)),
    ],
    "soft": lambda f: [al.Cap(f, soft=0.5), al.Floor(1.5 * f, soft=0.2)],
}
TERMS = {
    "none": lambda: al.GMV(),
    "max-min of sales": lambda: al.GMV() + 3 * al.MaxMin(of="gmv"),
    "Gini of sales": lambda: 0.5 * al.GMV() + 2 * al.Gini(of="gmv"),
    "capped": lambda: al.GMV() + al.CappedUtility("even:1"),
}

SALES = ("none", "max-min of sales", "Gini of sales")
"""Terms in units of money."""


@st.composite
def tasks(draw, rules=tuple(RULES), terms=tuple(TERMS), parts=(0.0, 0.3)):
    """A tiny problem, one or two boosts, slots and a budget."""
    platform = draw(platforms(max_segments=4, max_anchors=3, scales=(1.0,)))
    assume((platform.value > 0).any() and (platform.supply > 0).any())
    even = platform.even_amounts("exposure")
    room = draw(st.sampled_from([0.5, 1.0, 3.0]))
    platform = replace(platform, capacity=np.maximum(room * even, 0.1))
    term, rule = draw(st.sampled_from(terms)), draw(st.sampled_from(rules))
    try:
        problem = al.Problem(platform, TERMS[term](), RULES[rule](even))
    except ValueError:
        assume(False)
    numbers = st.sampled_from([0.0, 0.2, 1.0])
    boosts = [
        Boost(
            name,
            cost=draw(st.sampled_from([0.0, 1.0, 2.5])),
            value=draw(st.lists(numbers, min_size=even.size, max_size=even.size)),
            capacity=draw(numbers),
            share_of_sales=draw(st.sampled_from(parts)),
            where=draw(st.sampled_from([None, "tier=head"])),
            at_most=draw(st.sampled_from([None, 1])),
        )
        for name in draw(st.sampled_from([("link",), ("link", "event")]))
    ]
    at_most, budget = draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from([None, 1.0, 3.0]))
    return problem, boosts, {"at_most": at_most, "budget": budget}


def posed(problem, boosts, at_most=None, budget=None):
    """The choices as the search sees them."""
    stages = [search._stage("", Phase(problem), boosts)]
    return Choices(stages, search._limits(stages, {} if at_most is None else {"": at_most}, budget), GAP)


def every_choice(problem, boosts, at_most=None, budget=None):
    """All admissible choices and their certified flows, by brute force: limits are checked here by hand."""
    choices, A = posed(problem, boosts, at_most, budget), problem.platform.anchor_count
    cost = np.array([np.broadcast_to(b.cost, A) for b in boosts])
    heads = problem.platform.anchors["tier"] == "head"
    found = []
    for choice in product(range(-1, len(boosts)), repeat=A):
        on = [(m, j) for j, m in enumerate(choice) if m >= 0]
        if at_most is not None and len(on) > at_most:
            continue
        if any(boosts[m].where and not heads[j] for m, j in on):
            continue
        if any(b.at_most is not None and choice.count(m) > b.at_most for m, b in enumerate(boosts)):
            continue
        if budget is not None and sum(cost[m, j] for m, j in on) > budget:
            continue
        judged = choices.judge(np.array([choice]))
        if judged is not None:
            found.append(judged)
    return found


def slack(*allocations):
    return sum(max(a.certificate.gap, 0.0) + a.certificate.rounding + 1e-9 * a.certificate.scale for a in allocations)


def solved(task):
    problem, boosts, limits = task
    try:
        return boost_slots(problem, boosts, relative_gap=GAP, **limits)
    except al.AllocationError:
        assume(False)


@SLOW
@given(tasks())
def test_small_choices_are_the_best_there_are_and_no_choice_beats_the_bound(task):
    problem, boosts, limits = task
    found = solved(task)
    best = max(every_choice(problem, boosts, **limits), key=lambda judged: judged.objective)
    near = slack(found.allocation, *best.allocations) + 2 * GAP * found.allocation.certificate.scale
    assert found.bound + found.rounding >= best.objective
    if found.how == "branch and bound":
        assert abs(found.objective - best.objective) <= near
        assert abs(found.claim - best.objective) <= near + 1e-5 * found.allocation.certificate.scale
    else:
        assert found.objective <= best.objective + near
    assert found.objective >= found.without.certificate.objective
    assert found.allocation.certificate.feasible


@SLOW
@given(tasks(), st.data())
def test_any_multipliers_rents_and_dues_give_a_bound_that_no_choice_beats(task, data):
    problem, boosts, limits = task
    choices = posed(problem, boosts, **limits)
    mine = [data.draw(multipliers(term)) for term in problem.terms]
    sizes = st.sampled_from([-1.0, 0.0, 0.3, 1.0, 5.0])
    rents = np.array(
        data.draw(st.lists(sizes, min_size=problem.platform.segment_count, max_size=problem.platform.segment_count))
    )
    P, M, _ = choices.limits.open.shape
    dues = Dues(np.array([data.draw(sizes)]), np.array([[data.draw(sizes) for _ in range(M)]] * P), data.draw(sizes))
    judged = every_choice(problem, boosts, **limits)
    for some in (dues, None):
        proof = proved(choices.stages, choices.limits, [Prices(mine, rents)], data.draw(sizes), some)
        for one in judged:
            assert proof.most >= one.objective - 1e-12 * abs(one.objective)


@SLOW
@given(tasks())
def test_limits_hold_and_nobody_gets_what_is_not_open_to_him(task):
    problem, boosts, limits = task
    found = solved(task)
    ids = [row.anchor for row in found.chosen]
    assert len(set(ids)) == len(ids)
    assert limits["at_most"] is None or len(ids) <= limits["at_most"]
    assert limits["budget"] is None or found.spent <= limits["budget"] * (1 + 1e-9) + 1e-12
    by = {b.name: b for b in boosts}
    tier = problem.platform.anchors["tier"]
    for row in found.chosen:
        assert by[row.boost].where is None or tier[row.anchor] == "head"
    for b in boosts:
        assert b.at_most is None or sum(row.boost == b.name for row in found.chosen) <= b.at_most
    again = boosted(problem.platform, {row.anchor: by[row.boost] for row in found.chosen})
    assert again.content_hash == found.allocation.platform.content_hash
    for row in found.chosen:
        cost = by[row.boost].cost + by[row.boost].share_of_sales * found.allocation.anchor_gmv[row.anchor]
        assert row.cost == pytest.approx(cost)


@SLOW
@given(tasks(parts=(0.0,)), st.sampled_from(["at_most", "budget"]))
def test_more_slots_or_money_never_hurt(task, which):
    problem, boosts, limits = task
    assume(limits[which] is not None)
    less, more = solved(task), solved((problem, boosts, limits | {which: limits[which] + 1}))
    room = slack(less.allocation, more.allocation) + 2 * GAP * less.allocation.certificate.scale
    if less.how == more.how == "branch and bound":
        assert more.objective >= less.objective - room


@SLOW
@given(tasks(tuple(name for name in RULES if name != "soft"), SALES, (0.0,)), st.sampled_from([1e-4, 1e5]))
def test_the_unit_of_money_changes_nothing(task, unit):
    problem, boosts, limits = task
    found = solved(task)
    assume(found.how == "branch and bound")
    platform = replace(problem.platform, value=problem.platform.value * unit)
    scaled = [replace(b, cost=b.cost * unit) for b in boosts]
    money = None if limits["budget"] is None else limits["budget"] * unit
    other = boost_slots(
        replace(problem, platform=platform), scaled, relative_gap=GAP, at_most=limits["at_most"], budget=money
    )
    near = slack(found.allocation) + slack(other.allocation) / unit + 2 * GAP * found.allocation.certificate.scale
    assert abs(other.objective / unit - found.objective) <= near


@SLOW
@given(tasks(rules=("none", "capacity"), parts=(0.0,)), st.randoms())
def test_relabelling_anchors_changes_nothing(task, random):
    problem, boosts, limits = task
    found, platform = solved(task), problem.platform
    order = list(range(platform.anchor_count))
    random.shuffle(order)
    place = np.argsort(order)
    moved = al.Platform.from_edges(
        platform.segment,
        place[platform.anchor],
        platform.value,
        supply=platform.supply,
        capacity=platform.capacity[order],
        anchors={"tier": platform.anchors["tier"][order]},
    )
    mine = [replace(b, value=np.asarray(b.value)[order]) for b in boosts]
    other = solved((replace(problem, platform=moved), mine, limits))
    assert abs(other.objective - found.objective) <= slack(found.allocation, other.allocation) + 2 * GAP * (
        found.allocation.certificate.scale
    )


@SLOW
@given(tasks(rules=("none", "capacity", "cap and floor", "edges"), parts=(0.0,)))
def test_prices_and_swaps_prove_as_much_and_choose_no_better(task):
    exact = solved(task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "EXACT", -1)
        found = solved(task)
    assert found.how == "prices and swaps"
    assert found.claim is None
    room = slack(exact.allocation, found.allocation) + 2 * GAP * exact.allocation.certificate.scale
    assert exact.bound + exact.rounding >= found.objective - room
    assert found.bound + found.rounding >= exact.objective - room


@SLOW
@given(tasks())
def test_no_boost_is_the_plain_optimum(task):
    problem, boosts, limits = task
    found = solved((problem, [], limits))
    plain = solved((problem, boosts, limits | {"at_most": 0}))
    for one in (found, plain):
        assert one.chosen == ()
        assert one.spent == one.gain == 0
        assert (
            abs(one.gap)
            <= max(one.without.certificate.gap, 0.0) + 10 * one.rounding + 1e-6 * one.allocation.certificate.scale
        )


def market(**fields):
    """Two segments, three anchors, everybody watches the first."""
    return al.Platform.from_edges(
        [0, 0, 0, 1, 1],
        [0, 1, 2, 1, 2],
        [3.0, 2.0, 1.0, 2.0, 1.0],
        supply=[10.0, 10.0],
        anchors={"id": ["ann", "bob", "cleo"], "tier": ["head", "new", "new"]},
        **fields,
    )


def test_a_hand_calculation():
    """Bob sells 2 an impression, ann 3. A boost of .6 makes bob 3.2 everywhere: 64 against 3 x 1.6 x 10 + 20 = 68."""
    found = boost_slots(al.Problem(market(), al.GMV()), [Boost("link", value=0.6, cost=5)], at_most=1)
    assert found.chosen[0][:3] == ("link", "ann", 5.0)
    assert found.objective == pytest.approx(68)
    assert found.gain == pytest.approx(18)
    assert found.gap <= 1e-6
    assert "link for ann" in found.sentence


def test_capacity_is_boosted_where_it_is_felt():
    platform = market(capacity=[2.0, 5.0, np.inf])
    tool = Boost("servers", capacity=1.0)
    found = boost_slots(al.Problem(platform, al.GMV(), [al.Capacity()]), [tool], at_most=1)
    assert [row.anchor for row in found.chosen] == ["bob"]
    assert found.gain == pytest.approx(5 * 1.0)
    assert found.allocation.exposure[1] == pytest.approx(10.0)
    assert found.gap <= 1e-6
    assert boost_slots(al.Problem(platform, al.GMV()), [tool], at_most=1).gain == pytest.approx(0, abs=1e-9)


def test_switches_that_exclude_each_other_are_not_mistaken():
    """Presolve of HiGHS 1.14 took the second anchor, a claim below the best: 32 in place of 34."""
    star = replace(al.synthetic.star([2.0, 1.0], supply=30.0), capacity=[10.0, 10.0])
    found = boost_slots(al.Problem(star, al.GMV(), [al.Capacity()]), [Boost("servers", capacity=0.2)], at_most=1)
    assert found.objective == pytest.approx(34)
    assert found.claim == pytest.approx(34)


def test_a_part_of_sales_is_paid_within_the_budget():
    """Ann's boosted sales are 4.5 an impression, a third of which is paid: a budget of 6 carries 4 impressions."""
    tool = Boost("link", value=0.5, share_of_sales=1 / 3)
    problem = al.Problem(al.synthetic.star([3.0, 3.0], supply=10.0), al.GMV())
    for budget in (6.0, 60.0):
        found = boost_slots(problem, [tool], budget=budget)
        paid = min(budget, 15.0)
        assert found.spent == pytest.approx(paid, rel=1e-6)
        assert found.objective == pytest.approx(30 + paid, rel=1e-6)
        assert found.gap == pytest.approx(0, abs=1e-4)
        choices = posed(problem, [tool], budget=budget)
        for money, rent in product((0.0, 0.25, 0.5, 1.0, 2.0), (2.9, 3.0, 3.2, 3.75, 4.5)):
            mine = [Prices([None], np.full(1, rent))]
            assert proved(choices.stages, choices.limits, mine, money).most >= found.objective - 1e-4


def test_phases_share_one_budget_and_have_slots_of_their_own():
    problem = al.Problem(market(), al.GMV())
    event = replace(problem, platform=replace(market(), supply=[100.0, 100.0]))
    phases = {"warm-up": Phase(problem, 3), "event": event}
    tool = Boost("link", value=0.5, cost=1.0)
    gains = {}
    for budget in (0.0, 1.0, 3.0, 4.0, 20.0):
        found = campaign(phases, [tool], at_most={"event": 2}, budget=budget)
        gains[budget] = found.gain
        assert found.spent <= budget
        assert sum(row.phase == "event" for row in found.chosen) <= 2
        assert found.bound + found.rounding >= found.objective - 1e-9 * found.objective
        assert found.objective == pytest.approx(
            3 * found.allocations["warm-up"].certificate.objective + found.allocations["event"].certificate.objective
        )
    # A slot of the event brings 1.5 x 100 (ann) and 1 x 100 (bob) for 1; one of the warm-up a tenth, 3 days for 3.
    assert [gains[b] for b in gains] == pytest.approx([0, 150, 250, 250, 250 + 3 * (15 + 10)])
    with pytest.raises(ValueError, match="2 phases"):
        _ = found.allocation


def test_phases_agree_with_solving_them_one_by_one_where_nothing_couples_them():
    one = al.Problem(al.synthetic.kuaishou(30, 8, rng=np.random.default_rng(1)), al.GMV(), [al.Floor("even:0.1")])
    two = replace(one, platform=replace(one.platform, supply=2.0 * one.platform.supply[::-1]))
    tools = [Boost("link", value=0.2), Boost("big", value=0.5, at_most=1)]
    both = campaign({"a": one, "b": two}, tools, at_most=3)
    apart = [boost_slots(problem, tools, at_most=3) for problem in (one, two)]
    assert both.objective == pytest.approx(sum(a.objective for a in apart), rel=3e-4)
    assert both.bound == pytest.approx(sum(a.bound for a in apart), rel=1e-6)


def test_welfare_that_is_not_linear_has_a_proof_too():
    platform = al.synthetic.kuaishou(30, 8, rng=np.random.default_rng(1))
    problem = al.Problem(platform, al.GMV() + 1e4 * al.Nash(of="gmv"), [al.GiniAtMost(0.8)])
    tools = [Boost("link", value=0.3)]
    found = boost_slots(problem, tools, at_most=2)
    assert found.how == "prices and swaps"
    assert len(found.chosen) == 2
    best = max(every_pair(problem, tools[0]), key=lambda a: a.certificate.objective)
    assert best.certificate.objective <= found.bound + found.rounding
    assert found.objective >= best.certificate.objective - 1e-3 * found.gain
    assert found.gap <= 0.05 * found.objective


def every_pair(problem, tool):
    ids = problem.platform.anchors["id"]
    for j in range(ids.size):
        for k in range(j):
            yield al.solve(replace(problem, platform=boosted(problem.platform, {ids[j]: tool, ids[k]: tool})))


@pytest.mark.parametrize("wrong", ["capacity", "sales"])
def test_the_bound_of_a_relaxation_is_near_on_a_market(wrong):
    platform = al.synthetic.kuaishou(200, 40, rng=np.random.default_rng(2))
    platform = replace(platform, capacity=np.full(40, 2 * platform.supply.sum() / 40))
    rules = [al.Capacity(), al.Floor("even:0.05")] if wrong == "capacity" else [al.Cap("reach:0.5", of="gmv")]
    found = boost_slots(al.Problem(platform, al.GMV(), rules), [Boost("link", value=0.2, capacity=0.3)], at_most=6)
    assert found.how == "branch and bound"
    assert found.claimed_gap <= 1.1e-4
    assert 0 <= found.gap <= 0.2 * found.gain


@pytest.mark.parametrize("kind", ["none", "capacity", "cap and floor", "cap of sales", "head", "paid"])
def test_the_prices_of_the_relaxation_prove_what_it_says(kind):
    """Strong duality: the pass over the edges gives back the optimum of the linear program, whose word nobody takes."""
    platform = al.synthetic.kuaishou(60, 12, rng=np.random.default_rng(2))
    even = platform.supply.sum() / 12 * np.ones(12)
    rules = RULES.get(kind, RULES["none"])(even)
    problem = al.Problem(replace(platform, capacity=1.5 * even), al.GMV(), rules)
    tools = [
        Boost("link", value=0.2, capacity=0.3, cost=1e4, share_of_sales=0.1 * (kind == "paid")),
        Boost("event", value=0.5, cost=3e4, at_most=1),
    ]
    choices = posed(problem, tools, at_most=4, budget=1.2e5)
    whole = program(choices.stages, choices.limits)
    found = highs(replace(whole.arrays, whole=None), {"solver": "simplex"})
    prices, money = whole.prices(found.dual, choices.stages)
    optimum = float(whole.arrays.objective @ found.z) * whole.currency
    assert proved(choices.stages, choices.limits, prices, money).bound == pytest.approx(optimum, rel=1e-6)
    if kind == "none":
        nothing = np.zeros(choices.limits.open.shape), 0.0
        own = relaxed(choices.stages, choices.limits, [[None]], start=nothing, passes=100)
        assert own.proof.bound == pytest.approx(optimum, rel=5e-3)


@pytest.mark.parametrize("seed", range(20))
def test_no_admissible_gains_exceed_the_limits_bound_whatever_the_dues(seed):
    rng = np.random.default_rng(seed)
    shape = P, M, A = 1, 2, 3
    open_, cost = rng.random(shape) < 0.8, rng.integers(0, 3, shape).astype(float)
    limits = Limits(
        open_, cost, np.array([2.0]), np.array([[1.0, rng.choice([2.0, np.inf])]]), rng.choice([3.0, np.inf])
    )
    gains = rng.normal(1, 2, shape)
    most = 0.0
    for choice in product(range(-1, M), repeat=A):
        on = [(0, m, j) for j, m in enumerate(choice) if m >= 0]
        within = len(on) <= 2 and choice.count(0) <= 1 and choice.count(1) <= limits.boost[0, 1]
        if within and all(open_[k] for k in on) and sum(cost[k] for k in on) <= limits.budget:
            assert limits.admits(np.array([choice]))
            most = max(most, sum(gains[k] for k in on))
        else:
            assert not limits.admits(np.array([choice]))
    shares, dues = limits.best(gains)
    assert limits.at_most(gains, dues).sum() == pytest.approx((shares * gains).sum())
    assert limits.admits(limits.filled(gains))
    for _ in range(20):
        some = Dues(rng.normal(0, 1, P), rng.normal(0, 1, (P, M)), rng.normal())
        assert limits.at_most(gains, some).sum() >= most - 1e-9


ANN = [Boost("link", value=0.5)]


@pytest.mark.parametrize(
    ("boosts", "limits", "said"),
    [
        (ANN[0], {}, "put 'link' in brackets"),
        (["link"], {}, "link is not a Boost"),
        (ANN * 2, {}, "several boosts are called 'link'"),
        ([Boost("x", value=-1)], {}, "boost 'x': value must be >= 0"),
        ([Boost("x", value=np.inf)], {}, "boost 'x': value must be finite"),
        ([Boost("x", cost="even:1")], {}, "boost 'x': cost is a number"),
        ([Boost("x", cost={"dan": 1})], {}, "boost 'x': no anchor has the id dan"),
        ([Boost("x", where="tier=nwe")], {}, "did you mean 'new'"),
        ([Boost("x", share_of_sales=2)], {}, "share of sales of 'x'"),
        ([Boost("x", at_most=1.5)], {}, "at_most of 'x' is a whole number"),
        (ANN, {"at_most": -1}, "at_most is a whole number of anchors >= 0, not -1"),
        (ANN, {"budget": -1}, "the budget must be a finite number >= 0, not -1"),
        (ANN, {"seconds": 0}, "time limit must be"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_sentence(boosts, limits, said):
    with pytest.raises((ValueError, TypeError), match=r"\w") as error:
        boost_slots(al.Problem(market(), al.GMV()), boosts, **limits)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (al.Problem(market(), al.RobustGMV(0.1, 1)), "RobustGMV"),
        (al.Problem(market(), al.GMV(), [al.Floor("even:0.1", of="gmv")]), "Floor of gmv"),
        (al.Problem(market(), al.GMV() + al.CappedUtility("even:1", of="gmv")), "CappedUtility"),
        (al.Problem(market(), al.GMV(), [al.SegmentFloor(0.1, "gmv")]), "SegmentFloor"),
    ],
)
def test_rules_whose_levels_follow_boosts_are_refused_by_name(problem, said):
    with pytest.raises(ValueError, match="no bound over all choices") as error:
        boost_slots(problem, ANN)
    assert said in str(error.value)


def test_phases_that_do_not_fit_are_refused():
    problem = al.Problem(market(), al.GMV())
    other = al.Problem(al.synthetic.star([1.0, 2.0], supply=1.0), al.GMV())
    dear = [Boost("link", value=0.5, share_of_sales=0.1)]
    for phases, boosts, limits, said in (
        ({}, ANN, {}, "at least one phase"),
        ({"a": problem, "b": other}, ANN, {}, "the same anchors"),
        ({"a": problem, "b": Phase(problem, 0)}, ANN, {}, "lasts 0 periods"),
        ({"a": problem, "b": problem}, ANN, {"at_most": {"c": 1}}, "no phase is called 'c'"),
        ({"a": problem, "b": problem}, dear, {"budget": 1}, "'link' costs a part of sales"),
    ):
        with pytest.raises(ValueError, match=said):
            campaign(phases, boosts, **limits)
    with pytest.raises(TypeError, match="a phase is a Problem"):
        campaign({"a": market()}, ANN)
    with pytest.raises(ValueError, match="'x' is not open to anchor ann"):
        boosted(market(), {"ann": Boost("x", where="tier=new")})
    with pytest.raises(ValueError, match="no anchor has the id dan"):
        boosted(market(), {"dan": ANN[0]})


@pytest.mark.parametrize("n", [2, 3, 10])
def test_best_responses_lead_to_the_effort_of_a_contest(n):
    """A3: .25 V, .222 V and .09 V; anchors in turn answer the others on a grid until nobody moves."""
    pot, effort, grid = 7.0, np.linspace(0.1, 1.0, n), np.linspace(0, 3.5, 7001)
    for _ in range(60):
        for j in range(n):
            others = effort.sum() - effort[j]
            answer = grid[np.argmax(pot * grid / (grid + others) - grid)]
            effort[j] += 2 / (n + 1) * (answer - effort[j])
    found = contest(pot, n)
    np.testing.assert_allclose(effort, found.per_head, atol=2e-3)
    assert found.total == pytest.approx(n * found.per_head)
    assert found.kept == pytest.approx(pot / n - found.per_head)


def test_prizes_go_by_rank():
    platform = market()
    after = prize_supply(platform, [9.0, 5.0, 5.0], [7.0, 3.0], where="tier=new")
    extra = after.reach - platform.reach
    assert extra == pytest.approx([0, 7, 3])
    assert after.value[after.segments["subsidised"][after.segment]].min() > 0
    for results, prizes, said in (
        ([1, 2], [1], "one number per anchor"),
        ([1, 2, 3], [1, 2], "must not rise"),
        ([1, 2, 3], [1] * 4, "4 prizes"),
    ):
        with pytest.raises(ValueError, match=said):
            prize_supply(platform, results, prizes)
    for pot, n in ((-1, 2), (1, 0), (1, 1.5)):
        with pytest.raises(ValueError, match="contest"):
            contest(pot, n)


def test_highlight_support_matches_sales_with_impressions():
    platform = market(measures={"watch": [1.0, 2.0, 3.0, 4.0, 5.0]})
    own = np.array([30.0, 0.0, 10.0])
    after = highlight_support(platform, own, 0.2, where=["ann", "cleo"])
    assert after.reach - platform.reach == pytest.approx([6.0, 0.0, 2.0])
    assert after.sales_reach - platform.sales_reach == pytest.approx([18.0, 0.0, 2.0])
    assert after.measures["watch"][5:] == pytest.approx([1.0, 4.0])
    assert after.segments["highlight"].tolist() == [False, False, True, True]
    assert after.value[:5].tolist() == platform.value.tolist()
    for given_, said in (([-1, 0, 0], "own GMV"), ([1, 2], "own GMV")):
        with pytest.raises(ValueError, match=said):
            highlight_support(platform, given_, 0.2)
    with pytest.raises(ValueError, match="attribute 'highlight' already"):
        highlight_support(after, own, 0.2)
