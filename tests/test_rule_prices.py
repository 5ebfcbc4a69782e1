"""Prices of rules: rows are the shadow prices, their worth bounds what a level costs, and words say the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rule_prices import by_rule
from strategies import TERMS, platforms, problems

SLOW = settings(max_examples=max(10, settings.default.max_examples // 3))
EVERY = {"scales": (1.0,), "welfare": tuple(TERMS), "rules": None, "soft": True}


def solved(problem):
    try:
        return al.solve(problem, relative_gap=1e-6)
    except al.AllocationError:
        assume(False)


@given(problems(**EVERY))
def test_every_rule_with_a_level_has_rows_and_their_prices_are_the_shadow_prices(problem):
    allocation = solved(problem)
    rows = allocation.prices_of_rules()
    assert list(dict.fromkeys(row["rule"] for row in rows)) == list(allocation.shadow_prices)
    for label, prices in allocation.shadow_prices.items():
        mine = [row for row in rows if row["rule"] == label]
        left = list(np.asarray(prices).tolist())
        for row in mine:
            if row["price"]:
                left.remove(row["price"])
                assert (row["price"] > 0) == (row["bound"] == "at most")
                beyond = row["amount"] - row["level"] if row["price"] > 0 else row["level"] - row["amount"]
                size = max(abs(row["level"]), abs(row["amount"]))
                assert beyond >= -0.011 * size, "a rule is felt where its level is reached"
                assert row["soft"] is not None or beyond <= 1e-8 * size + 1e-9 * allocation.certificate.scale
            assert row["worth"] is None or row["worth"] == row["price"] * (row["level"] or 0.0) or not row["price"]
        assert len(mine) == 1 or all(row["price"] for row in mine)
    assert json.loads(json.dumps(rows, default=pytest.fail)) == rows


@given(problems(**EVERY))
def test_rows_of_a_rule_add_up(problem):
    rows = solved(problem).prices_of_rules()
    together = by_rule(rows)
    assert set(together) == {row["rule"] for row in rows if row["price"]}
    for label, told in together.items():
        mine = [row for row in rows if row["rule"] == label]
        assert told["levels"] == len(mine)
        assert told["price"] == pytest.approx(sum(row["price"] for row in mine))
        if told["worth"] is not None:
            assert told["worth"] == pytest.approx(sum(row["worth"] for row in mine))


@st.composite
def scalable(draw):
    """A problem with one rule whose level is an amount, and how to write the rule with its level times a factor."""
    platform = draw(platforms(scales=(1.0,)))
    even = {good: platform.even_amounts(good) for good in ("exposure", "gmv", "cost")}
    of = draw(st.sampled_from(["exposure", "gmv"]))
    assume(even[of].sum() > 0)
    welfare = draw(st.sampled_from([al.MaxMin(of=of), al.Gini(of=of), al.AlphaFair(0.5, of=of), al.CVaR(0.5, of=of)]))
    bound = welfare.bind(platform)
    least = float(bound.value(al.rules.Totals.even(platform)).sum())
    groups = {value: float(even[of][platform.anchors["tier"] == value].sum()) for value in ("head", "new")}

    def times(factor):
        return {value: factor * total for value, total in groups.items() if total > 0}

    return platform, draw(
        st.sampled_from(
            [
                lambda f: al.Floor(f * 0.9 * even[of], of=of),
                lambda f: al.Cap(f * (1.2 * even[of] + 1e-3), of=of),
                lambda f: al.Budget(total=f * 1.1 * float(even["cost"].sum()), of="cost"),
                lambda f: al.GMVAtLeast(f * 0.9 * float(even["gmv"].sum())),
                lambda f: al.FairnessAtLeast(welfare, f * 0.9 * least),
                lambda f: al.GroupShare("tier", times(f * 0.9), unit="amount", of=of),
                lambda f: al.GroupShare("tier", None, times(f * 1.1), unit="amount", of=of),
            ]
        )
    )


@SLOW
@given(scalable(), st.sampled_from([0.0, 0.5, 0.9, 1.05]), st.sampled_from([None, al.MaxMin(), al.Entropy()]))
def test_worth_is_what_a_part_of_the_level_may_earn_or_cost(case, factor, welfare):
    """optimum(factor x level) <= bound + (factor - 1) x worth: a floor that is dropped gives back its worth at most."""
    platform, rule = case
    objective = al.GMV() if welfare is None else al.GMV() + 0.1 * welfare
    base = solved(al.Problem(platform, objective, [rule(1.0)]))
    try:
        other = solved(al.Problem(platform, objective, [rule(factor)]))
    except ValueError:
        assume(False)
    worth = sum(row["worth"] for row in base.prices_of_rules())
    judged, size = base.certificate, other.certificate
    unfelt = 1e-5 * judged.scale * platform.anchor_count
    slack = judged.rounding + size.rounding + 1e-8 * (judged.scale + size.scale) + unfelt
    assert size.objective <= judged.bound + (factor - 1) * worth + slack


@given(problems(**EVERY))
def test_reasons_add_up_under_every_rule(problem):
    allocation = solved(problem)
    certificate, lost = allocation.certificate, 0.0
    size = 1e-9 * (certificate.scale + abs(certificate.objective)) + 1e-12
    for j, anchor in enumerate(allocation.platform.anchors["id"]):
        mine = allocation.reasons(anchor)
        for good, number in (("gmv", "alpha"), ("exposure", "beta")):
            parts = [rule["marginal"] for rule in mine["rules"] if rule["of"] == good]
            assert sum(parts) == pytest.approx(mine[number], rel=1e-9, abs=1e-9 * max(map(abs, parts), default=0))
        extra = sum(
            row["impressions"] * (row["surplus"] - mine["alpha"] * row["value"] - mine["beta"]) for row in mine["shown"]
        )
        assert extra == pytest.approx(mine["extra"] * allocation.exposure[j], abs=size)
        for row in (*mine["shown"], *mine["missed"]):
            assert min(row["short"], row["ahead"]) == 0
            assert row["ahead"] - row["short"] == pytest.approx(row["surplus"] - row["rent"])
        lost += sum(row["impressions"] * row["short"] for row in mine["shown"])
        assert json.loads(json.dumps(mine, default=pytest.fail))["anchor"] == mine["anchor"]
    assert lost <= max(certificate.gap, 0.0) + certificate.rounding + 10 * size


@given(problems(**EVERY))
def test_words_name_every_rule_that_is_felt_and_adds_something(problem):
    allocation = solved(problem)
    unit = max(float(np.median(allocation.platform.value)), 1e-9)
    for anchor in allocation.platform.anchors["id"]:
        text = allocation.explain(anchor)
        assert "nan" not in text
        assert "\n" not in text
        for rule in allocation.reasons(anchor)["rules"]:
            if rule.get("felt") and abs(rule["marginal"]) > 1e-8 * unit and rule["of"] != "edges":
                assert rule["rule"].lower() in text.lower(), rule


# --- one star, every rule, numbers by hand -------------------------------------------------------------------------


def star(**changes):
    """Ten impressions that ann sells at 5, bob at 3 and cleo at 1 a piece; only bob and cleo are relevant."""
    fields = {
        "supply": [10.0],
        "currency": "GBP",
        "anchors": {"id": ["ann", "bob", "cleo"], "tier": ["head", "new", "new"]},
        "measures": {"relevance": [0.0, 1.0, 0.5], "cost": [2.0, 1.0, 1.0]},
    }
    return al.Platform.from_edges([0, 0, 0], [0, 1, 2], [5.0, 3.0, 1.0], **(fields | changes))


HEAD = al.GroupShare("tier=head", at_most=0.4)
BY_HAND = [
    (
        al.GMV(),
        HEAD,
        "ann",
        "GroupShare by tier=head binds for tier=head: 40.00% against at most 40.00%; one point more "
        "would raise the objective by at most 0.2 GBP, and it takes 1.2 GBP per impression from this "
        "anchor.",
    ),
    (
        al.GMV(),
        HEAD,
        "bob",
        "GroupShare by tier=head is felt by tier=head: it adds 0.8 GBP per impression to this anchor.",
    ),
    (
        al.GMV(),
        replace(HEAD, soft=1.0),
        "ann",
        "GroupShare by tier=head is soft and broken at 1 per unit for tier=head: 100.00% against at most"
        " 40.00%; one point more would raise the objective by at most 0.1 GBP, and it takes 0.6 GBP",
    ),
    (
        al.GMV(),
        al.HeadCap(1, 0.6),
        "ann",
        "HeadCap(top 1) binds for the top 1 anchors: 60.00% against at most 60.00%; one point more would"
        " raise the objective by at most 0.2 GBP, and it takes 0.8 GBP per impression from this anchor.",
    ),
    (al.GMV(), al.HeadCap(1, 0.6), "bob", "and it adds 1.2 GBP per impression to this anchor."),
    (
        al.GMV(),
        al.Budget({"ann": 4, "bob": 1}, total=22),
        "ann",
        "Budget binds for all anchors together: 22 against at most 22 GBP; one unit more would raise the"
        " objective by at most 0.6667 GBP, and it takes 2.667 GBP per impression",
    ),
    (
        al.GMV(),
        al.Budget(total=14, of="cost"),
        "ann",
        "14 against at most 14 cost; one unit more would raise the objective by at most 2 GBP, and it "
        "takes 2 GBP per unit of cost from this anchor.",
    ),
    (
        al.MaxMin(),
        al.GMVAtLeast(40),
        "ann",
        "GMVAtLeast binds for all anchors together: 40 against at least 40 GBP; one unit more would cost"
        " at least 0.1667 GBP, and it adds 0.1667 GBP per GBP of sales to this anchor.",
    ),
    (
        al.GMV(),
        al.FairnessAtLeast(al.MaxMin(), 2),
        "bob",
        "FairnessAtLeast of MaxMin of exposure binds for all anchors together: 2 against at least 2; one"
        " unit more would cost at least 6 GBP, and it adds 2 GBP per impression to this",
    ),
    (
        al.GMV(),
        al.GiniAtMost(0.4),
        "cleo",
        "a Gini coefficient of 0.4 against at most 0.4; 0.01 more would raise the objective by at most 0.3 GBP",
    ),
    (
        al.GMV(),
        al.HHIAtMost(0.5),
        "ann",
        "a Herfindahl-Hirschman index of 0.5 against at most 0.5; 0.01 more would raise ",
    ),
    (
        al.GMV(),
        al.SegmentCap(0.6),
        "ann",
        "SegmentCap holds it back in 1 of its segments (60.00% of each at most), where it is worth 2 GBP"
        " per impression more than the rent on average; for everybody, one point more would raise the "
        "objective by at most 0.2 GBP.",
    ),
    (
        al.GMV(),
        al.SegmentFloor(0.3, "relevance"),
        "bob",
        "SegmentFloor of relevance binds for segment 0: 0.3 against at least 0.3 relevance per "
        "impression; one unit more would cost at least 20 GBP, and it adds 2 GBP per impression on "
        "average to this anchor.",
    ),
    (al.GMV(), al.SegmentFloor(0.3, "relevance"), "bob", "counts at its GMV, plus 2 GBP per impression on average."),
    (
        al.GMV(),
        al.Floor({"cleo": 2}, soft=1),
        "cleo",
        "Its floor of 2 is soft and broken (0): one unit more would cost at least 1 GBP.",
    ),
    (al.GMV(), al.Floor({"cleo": 2}), "cleo", "Its floor of 2 binds: one unit more would cost at least 4 GBP."),
    (
        al.RobustGMV(0.5, 1),
        None,
        "ann",
        "RobustGMV doubts its value: the worst case takes 43.8% of it away; 0.01 more would cost at most 0.1875 GBP.",
    ),
    (al.RobustGMV(0.5, 1), None, "cleo", "RobustGMV does not doubt its value: the worst case falls on others."),
    (al.RobustGMV(3.0, 1, deviation="cost"), None, "bob", "RobustGMV doubts its value: the worst case takes"),
    (
        al.GMV() + 9 * al.Gini(),
        None,
        "cleo",
        "Gini of exposure adds 5 GBP per impression, against 3 for the median anchor: it is number 1 of "
        "3, the worst-off first.",
    ),
]


@pytest.mark.parametrize(("objective", "rule", "anchor", "words"), BY_HAND)
def test_explain_speaks_of_every_rule(objective, rule, anchor, words):
    allocation = al.solve(al.Problem(star(), objective, [rule] if rule is not None else []), relative_gap=1e-9)
    assert words in allocation.explain(anchor)


def test_an_anchor_hears_of_the_groups_that_push_traffic_to_it():
    """Heads are capped at 40 %; bob's own group is far below its cap of 90 %, yet an impression on bob gains 0.8."""
    rule = al.GroupShare("tier", at_most={"head": 0.4, "new": 0.9})
    allocation = al.solve(al.Problem(star(), al.GMV(), [rule]), relative_gap=1e-9)
    assert "GroupShare by tier is felt by tier=head: it adds 0.8 GBP per impression" in allocation.explain("bob")
    (facts,) = (row for row in allocation.reasons("bob")["rules"] if row["rule"] == "GroupShare by tier")
    assert (facts["where"], facts["felt"], facts["shadow_price"]) == ("tier=new", False, 0.0)


def test_a_rule_that_is_felt_nowhere_keeps_its_row_and_gets_no_sentence():
    rules = [al.GroupShare("tier", at_most=0.9), al.HeadCap(2, 0.95), al.Cap(11), al.Budget(total=100, of="cost")]
    allocation = al.solve(al.Problem(star(), al.Nash(), rules))
    rows = allocation.prices_of_rules()
    assert [(row["price"], row["worth"]) for row in rows] == [(0.0, 0.0)] * 4
    assert [row["where"] for row in rows] == ["nowhere", "the top 2 anchors", "nowhere", "all anchors together"]
    assert rows[1]["amount"] == pytest.approx(2 / 3)
    assert "binds" not in allocation.explain("ann")


def test_units_and_kinds():
    gini = al.FairnessAtLeast(al.Gini(), 1)
    rules = [al.Cap(4), al.Cap(4, of="gmv"), al.Cap(4, of="cost"), HEAD, al.Budget(total=9), al.Budget(2, total=9)]
    rules += [al.SegmentFloor(0.1, "relevance"), al.SegmentFloor(0.1), al.HHIAtMost(0.9), gini, al.GMVAtLeast(1)]
    allocation = al.solve(al.Problem(star(), al.RobustGMV(0.1, 1), rules))
    assert {row["rule"]: (row["kind"], row["unit"]) for row in allocation.prices_of_rules()} == {
        "RobustGMV": ("all", "radius"),
        "Cap": ("anchor", "impressions"),
        "Cap of gmv": ("anchor", "GBP"),
        "Cap of cost": ("anchor", "cost"),
        "GroupShare by tier=head": ("group", "share"),
        "Budget": ("all", "impressions"),
        "Budget (2)": ("all", "GBP"),
        "SegmentFloor of relevance": ("segment", "relevance per impression"),
        "SegmentFloor": ("segment", "share"),
        "HHIAtMost": ("all", "Herfindahl-Hirschman index"),
        "FairnessAtLeast of Gini of exposure": ("all", "Gini of exposure"),
        "GMVAtLeast": ("all", "GBP"),
    }


def test_columns_of_all_anchors_are_one_per_anchor_whatever_the_number_of_groups():
    """Three groups or segments beside three anchors are no bounds on anchors."""
    platform = star(anchors={"id": ["ann", "bob", "cleo"], "firm": ["x", "y", "z"]})
    rules = [al.GroupShare("firm", at_most=0.5), al.Cap(6)]
    allocation = al.solve(al.Problem(platform, al.GMV() + al.Nash(), rules))
    rows = allocation.all_reasons()
    assert {name for name in rows[0] if " of " in name} == {
        "shadow_price of Cap",
        "marginal of Nash of exposure",
        "marginal of GroupShare by firm",
    }
    for row in rows:
        (rule,) = (r for r in allocation.reasons(row["anchor"])["rules"] if r["rule"] == "GroupShare by firm")
        assert row["marginal of GroupShare by firm"] == rule["marginal"]
