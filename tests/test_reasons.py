"""Why an anchor gets what it gets: the numbers add up, and the words say the same."""

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import allocator as al
from allocator.certificate import upper_bound
from strategies import problems

PLAIN = (1.0,)


def solved(problem):
    try:
        return al.solve(problem, relative_gap=1e-6)
    except al.AllocationError:
        assume(False)


def facts_of(allocation):
    return [allocation.reasons(anchor) for anchor in allocation.platform.anchors["id"]]


def size(allocation):
    """What rounding may move in a sum over all flows."""
    return 1e-9 * (allocation.certificate.scale + abs(allocation.certificate.objective)) + 1e-12


@given(problems())
def test_the_parts_add_up_to_the_whole(problem):
    allocation = solved(problem)
    facts = facts_of(allocation)
    for j, mine in enumerate(facts):
        assert sum(row["impressions"] for row in mine["shown"]) == pytest.approx(allocation.exposure[j], rel=1e-12)
        sold = sum(row["impressions"] * row["value"] for row in mine["shown"])
        assert sold == pytest.approx(mine["gmv"], rel=1e-9)
        for good, number in (("gmv", "alpha"), ("exposure", "beta")):
            parts = [rule["marginal"] for rule in mine["rules"] if rule["of"] == good]
            assert sum(parts) == pytest.approx(mine[number], rel=1e-9, abs=1e-9 * max(map(abs, parts), default=0))
        assert json.loads(json.dumps(mine, default=pytest.fail))["anchor"] == mine["anchor"]
    for share, amounts in (("exposure_share", allocation.exposure), ("gmv_share", allocation.anchor_gmv)):
        assert sum(mine[share] for mine in facts) == pytest.approx(1.0 if amounts.sum() > 0 else 0.0)
        assert min(mine[share.replace("share", "rank")] for mine in facts) == 1


@given(problems())
def test_no_surplus_exceeds_the_rent_and_traffic_runs_where_it_is_reached_within_the_gap(problem):
    allocation = solved(problem)
    lost = 0.0
    for mine in facts_of(allocation):
        for row in (*mine["shown"], *mine["missed"]):
            own = mine["alpha"] * row["value"] + mine["beta"]
            assert row["surplus"] == pytest.approx(own, rel=1e-9, abs=1e-9 * abs(mine["beta"]))
            assert row["short"] == row["rent"] - row["surplus"] >= 0
        lost += sum(row["impressions"] * row["short"] for row in mine["shown"])
        assert [row["short"] for row in mine["missed"]] == sorted(row["short"] for row in mine["missed"])
    certificate = allocation.certificate
    assert lost <= max(certificate.gap, 0.0) + certificate.rounding + size(allocation)


@given(problems(scales=PLAIN), st.data())
def test_a_value_changes_the_bound_exactly_from_where_it_is_said_to(problem, data):
    if any(term.of == "gmv" and not isinstance(term, al.GMV) for term in problem.terms):
        return  # a good in currency has a reach that grows with the value
    allocation = solved(problem)
    j = data.draw(st.integers(0, problem.platform.anchor_count - 1))
    mine = allocation.reasons(problem.platform.anchors["id"][j])
    for near in [row for row in mine["missed"] if row["value_short"] is not None][:2]:
        for factor in (0.9, 1.0, 2.0):
            raised = with_value(problem, near["segment"], j, near["value"] + factor * near["value_short"])
            before, after = (upper_bound(p, allocation.multipliers)[0] for p in (problem, raised))
            more = near["supply"] * max(factor - 1.0, 0.0) * near["short"]
            assert after - before == pytest.approx(more, abs=size(allocation) + 1e-9 * abs(before))


def with_value(problem, segment, anchor, value):
    p = problem.platform
    values = p.value.copy()
    values[(p.segment == segment) & (p.anchor == anchor)] = value
    moved = al.Platform(p.indptr, p.anchor, values, p.supply, p.capacity, segments=p.segments, anchors=p.anchors)
    return al.Problem(moved, problem.objective, [type(rule)(rule.bind(p).level, of=rule.of) for rule in problem.rules])


def test_the_shadow_prices_are_those_of_the_allocation():
    platform = al.synthetic.kuaishou(60, 12, rng=np.random.default_rng(3))
    rules = [al.Floor("even:0.5"), al.Cap("even:2"), al.Cap("even:1.5", of="gmv")]
    allocation = solved(al.Problem(platform, al.GMV(), rules))
    felt = 0
    for j, mine in enumerate(facts_of(allocation)):
        for rule in mine["rules"][1:]:
            assert rule["shadow_price"] == allocation.shadow_prices[rule["rule"]][j]
            felt += abs(rule["shadow_price"]) > 0
    assert felt > 3


def shop(**changes):
    """Three shops at two segments; ann sells most everywhere, dora has no edges."""
    fields = {"supply": [10.0, 5.0], "anchors": {"id": ["ann", "bob", "cleo", "dora"]}, "currency": "GBP"}
    return al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 2], [5.0, 3.0, 4.0, 1.0], **(fields | changes))


CAUSES = [
    (shop(), [], "dora", "isolated", "no segment is connected"),
    (shop(supply=[10.0, 0.0]), [], "cleo", "no supply", "none of its segments has any supply"),
    (shop(), [al.Cap({"bob": 0})], "bob", "capped at zero", "a rule allows it nothing"),
    (shop(), [], "bob", "outbid", "its value of 3 would have to be 2 higher"),
    (shop(), [], "cleo", "outbid", "in segment 1, where ann has most of the traffic and the rent is 4"),
    (shop(), [], "ann", None, "15 impressions"),
]


@pytest.mark.parametrize(("platform", "rules", "anchor", "cause", "words"), CAUSES)
def test_a_starved_anchor_is_told_why(platform, rules, anchor, cause, words):
    allocation = al.solve(al.Problem(platform, al.GMV(), rules))
    assert allocation.reasons(anchor)["starved"] == cause
    assert words in allocation.explain(anchor)
    assert ("gets nothing" in allocation.explain(anchor)) == (cause is not None)


def test_the_loser_of_a_tie_is_not_called_worse():
    platform = al.Platform.from_edges([0, 0], [0, 1], [2.0, 2.0], supply=[1.0])
    allocation = al.solve(al.Problem(platform, al.GMV()), solver="flow")
    (loser,) = np.flatnonzero(allocation.exposure == 0)
    assert allocation.reasons(loser)["starved"] == "tied"
    assert "nobody is worth more in some segments" in allocation.explain(loser)
    assert "nobody is worth more, yet" not in allocation.explain(1 - loser)


def test_unserved_traffic_is_held_by_nobody():
    """A cap of 4 at 5 a piece: the price of an impression is 5, and the segment where it brings 3 stays unserved."""
    platform = al.Platform.from_edges([0, 1], [0, 0], [5.0, 3.0], supply=[10.0, 5.0])
    allocation = al.solve(al.Problem(platform, al.GMV(), [al.Cap(4)]))
    (near,) = allocation.reasons(0)["missed"]
    assert (near["segment"], near["held_by"], near["rent"]) == (1, None, 0.0)
    assert near["short"] == pytest.approx(2.0)
    said = "another anchor, or serving nobody, is worth at least 2 RMB per impression more"
    assert said in allocation.explain(0)
    assert "where nobody is shown and the rent is 0: its value of 3 would have to be 2 higher" in allocation.explain(0)


@pytest.mark.parametrize("weight", [0.5, 1.0, 4.0])
def test_what_a_value_is_short_of_does_not_depend_on_the_weight_of_gmv(weight):
    """bob is 2 below the rent of 5 in value, whatever the objective makes of a pound."""
    (near,) = al.solve(al.Problem(shop(), weight * al.GMV())).reasons("bob")["missed"]
    assert (near["short"], near["value_short"]) == (2 * weight, 2.0)


def test_where_value_does_not_count_no_value_is_called_for():
    allocation = al.solve(al.Problem(shop(), al.MaxMin()))
    missed = [row for mine in facts_of(allocation) for row in mine["missed"]]
    assert all(row["value_short"] is None for row in missed)
    assert "at 0 times its GMV" in allocation.explain("ann")
    assert "would have to be" not in allocation.explain("ann")


def test_a_recipe_is_not_said_to_send_traffic_where_it_is_worth_most():
    allocation = al.solve(al.Problem(shop(), al.GMV()), solver="even")
    assert "the best would be worth 2 GBP per impression more on average" in allocation.explain("bob")
    assert "nobody else is worth more" in allocation.explain("ann")


def test_an_unknown_anchor_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match=r"no anchor has the id an \(did you mean 'ann'"):
        al.solve(al.Problem(shop(), al.GMV())).reasons("an")


@given(problems())
def test_the_row_of_an_anchor_has_the_facts_of_the_anchor(problem):
    allocation = solved(problem)
    rows, facts = allocation.all_reasons(), facts_of(allocation)
    assert [row["anchor"] for row in rows] == [mine["anchor"] for mine in facts]
    for row, mine in zip(rows, facts, strict=True):
        for name in ("exposure", "observed", "gmv", "alpha", "beta", "starved"):
            assert row[name] == mine[name]
        assert row["short"] == (mine["missed"][0]["short"] if mine["missed"] else None)
        for rule in mine["rules"]:
            if "shadow_price" in rule:
                assert row[f"shadow_price of {rule['rule']}"] == rule["shadow_price"]
    assert json.loads(json.dumps(rows, default=pytest.fail)) == rows
