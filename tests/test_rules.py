"""Every rule: Fenchel's inequality, its equality, fits that never hurt, records, and the algebra of terms."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rules import RULES, Constraint, Totals, from_record
from allocator.rules.at_least import AtLeast
from strategies import CONSTRAINTS, MAKERS, TERMS, bound_rules, flows, multipliers, platforms

EACH = settings(max_examples=max(10, settings.default.max_examples // 8))
"""For laws that run once per rule."""
every_rule = pytest.mark.parametrize("name", sorted(MAKERS))


def a_rule(name, **options):
    return bound_rules({name: MAKERS[name]}, **options)


def parts(rule, mine, totals):
    """marginals . amounts, the summands."""
    amounts = {good: totals.flow if good == "edges" else totals.of(good) for good in rule.marginals(mine)}
    return np.concatenate([[0.0], *(marginal * amounts[good] for good, marginal in rule.marginals(mine).items())])


def test_every_rule_has_a_maker():
    platform = al.synthetic.star([1.0, 2.0])
    made = set()

    @settings(max_examples=10, database=None)
    @given(st.data())
    def collect(data):
        made.update(type(data.draw(a_rule(name))).__name__ for name in MAKERS)

    collect()
    assert made == set(RULES)
    assert al.GMV().bind(platform).shape is None


@every_rule
@EACH
@given(st.data())
def test_fenchel_inequality_for_any_multipliers_of_any_sign(name, data):
    """F - marginals . amounts <= conjugate at every flow, where a hard rule that is broken gets what weak duality
    credits to it, and nothing where it is kept.
    """
    rule = data.draw(a_rule(name))
    totals, mine = Totals(rule.platform, data.draw(flows(rule.platform))), data.draw(multipliers(rule))
    value, against, conjugate = rule.value(totals), parts(rule, mine, totals), rule.conjugate(mine)
    credit = rule.credit(mine, totals) if isinstance(rule, Constraint) and rule.soft is None else 0.0
    size = np.abs(value[np.isfinite(value)]).sum() + np.abs(against).sum() + np.abs(conjugate).sum() + credit
    assert np.isfinite(conjugate).all()
    assert not np.isnan(value).any()
    assert value.sum() - against.sum() <= conjugate.sum() + credit + 1e-12 * size
    if isinstance(rule, Constraint) and not rule.excess(totals).any():
        assert not value.any()
        assert credit == 0 or isinstance(rule, AtLeast)


def supporting(rule, totals):
    """Multipliers of welfare, or of a soft rule, at a flow: its whole price where it is broken."""
    if not isinstance(rule, Constraint):
        return rule.supergradient(totals)
    felt = rule.price_limit * (rule.excess(totals) > 0)
    if isinstance(rule, AtLeast):
        return np.append(felt, rule.index.supergradient(totals))
    return -felt if isinstance(rule, al.Cap) else None if rule.shape is None else felt


@every_rule
@EACH
@given(st.data())
def test_fenchel_equality_at_supporting_multipliers(name, data):
    """Of a cap on edges, which has none, the oracle of segments is tested instead."""
    rule = data.draw(a_rule(name, soft=True))
    totals = Totals(rule.platform, data.draw(flows(rule.platform)))
    term = rule.index if isinstance(rule, AtLeast) else rule
    amounts = totals.of(rule.of)[rule.reach > 0]
    if isinstance(term, al.SegmentCap):
        return
    if isinstance(term, al.AlphaFair):
        assume(amounts.size and amounts.min() > 1e-5 * amounts.mean())
    mine = supporting(rule, totals)
    value, against, conjugate = rule.value(totals), parts(rule, mine, totals), rule.conjugate(mine)
    size = np.abs(value).sum() + np.abs(against).sum() + np.abs(conjugate).sum()
    assert value.sum() - against.sum() == pytest.approx(conjugate.sum(), abs=1e-8 * size)


def bound_with(rule, mine, other):
    """sum_i b_i max(0, max_e s_e) + conjugate with ``other`` (E,) in the surplus, and the size of what was added."""
    p, surplus = rule.platform, other
    for good, marginal in rule.marginals(mine).items():
        measure = None if good == "edges" else p.measure(good)
        surplus = surplus + (
            marginal if good == "edges" else marginal[p.anchor] * (1.0 if measure is None else measure)
        )
    rents, conjugate = p.supply * np.maximum(p.largest_in_segments(surplus), 0.0), rule.conjugate(mine)
    return rents.sum() + conjugate.sum(), rents.sum() + np.abs(conjugate).sum()


@every_rule
@EACH
@given(st.data())
def test_fit_never_loosens_the_bound_whatever_else_is_in_the_surplus(name, data):
    """From any marginals; for a level of welfare, from any weight of marginals that the welfare admits."""
    rule = data.draw(a_rule(name))
    if rule.shape is None:
        return
    edges, mine = rule.platform.edge_count, data.draw(multipliers(rule))
    if isinstance(rule, AtLeast):
        mine = np.append(mine[0], rule.index.fit(rule.index.marginals(mine[1:])))
    marginals = rule.marginals(mine)
    typical = max((float(np.abs(m).max(initial=0.0)) for m in marginals.values()), default=0.0) or 1.0
    other = typical * np.array(data.draw(st.lists(st.floats(-2, 2), min_size=edges, max_size=edges)))
    (given_, size), (fitted, of_fit) = (bound_with(rule, m, other) for m in (mine, rule.fit(marginals)))
    assert fitted <= given_ + 1e-9 * (size + of_fit) + 1e-300


@every_rule
@EACH
@given(st.data())
def test_fit_gives_back_admissible_multipliers(name, data):
    """By their marginals: several multipliers may have the same, and of a level the bounds above and below say all.
    What is left of marginals that an earlier fit has cancelled is rounding.
    """
    rule = data.draw(a_rule(name))
    if rule.shape is None or isinstance(rule, AtLeast):
        return
    given_ = rule.marginals(data.draw(multipliers(rule)))
    once = rule.marginals(rule.fit(given_))
    for good, marginal in rule.marginals(rule.fit(once)).items():
        size = np.abs(np.concatenate((once[good], given_[good]))).max(initial=0.0)
        np.testing.assert_allclose(marginal, once[good], rtol=1e-9, atol=1e-12 * size)


@pytest.mark.parametrize("name", ["head cap as a rule", "fairness as a rule", "Gini as a rule", "HHI as a rule"])
@EACH
@given(st.data(), st.sampled_from([1e-6, 1.0, 1e6]))
def test_a_level_finds_its_price_in_its_marginals(name, data, price):
    """Where welfare of any weight supports a flow, its marginals alone give a bound as good as with the weight."""
    rule = data.draw(a_rule(name, soft=False))
    pi = rule.index.supergradient(Totals(rule.platform, data.draw(flows(rule.platform))))
    raw = (once := rule.marginals(np.append(price, pi)))[rule.of]

    def cost(mine):
        return rule.conjugate(mine).sum() + (np.abs(rule.marginals(mine)[rule.of] - raw) * rule.reach).sum()

    size = (np.abs(raw) * rule.reach).sum() + np.abs(rule.conjugate(np.append(price, pi))).sum()
    assert cost(rule.fit(once)) <= cost(np.append(price, pi)) + 1e-9 * size


@every_rule
@EACH
@given(st.data())
def test_records_read_back_through_json(name, data):
    rule = data.draw(a_rule(name))
    totals = Totals(rule.platform, data.draw(flows(rule.platform)))
    record = rule.record()
    again = from_record(json.loads(json.dumps(record)))
    assert again.record() == record
    assert (again.bind(rule.platform).name, again.of) == (rule.name, rule.of)
    judge = "excess" if isinstance(rule, Constraint) else "value"
    assert (getattr(again.bind(rule.platform), judge)(totals) == getattr(rule, judge)(totals)).all()


def test_a_level_of_an_anchor_that_is_called_rule_is_no_record():
    platform = al.Platform.from_edges([0], [0], [1.0], supply=[1.0], anchors={"id": ["rule"], "firm": ["rule"]})
    for rule in (al.Cap({"rule": 0.5}), al.GroupShare("firm", at_most={"rule": 0.5}, unit="amount")):
        again = from_record(rule.record()).bind(platform)
        assert again.excess(Totals(platform, np.ones(1))) == pytest.approx(0.5)


@given(platforms(scales=(1.0,)), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_floor_of_gmv_by_a_share_of_an_allocation(platform, share):
    best = al.solve(al.Problem(platform, al.GMV()))
    rule = al.GMVAtLeast.of(best, share, soft=2.0)
    assert rule.amount == share * best.gmv
    assert rule.soft == 2
    assert rule.bind(platform).of == "gmv"
    if best.gmv > 0:
        kept = al.solve(al.Problem(platform, al.MaxMin(), [al.GMVAtLeast.of(best, share * (1 - 1e-9))]))
        assert kept.gmv >= share * best.gmv * (1 - 1e-6)


@given(bound_rules(TERMS))
def test_level_is_what_everybody_alike_would_need(rule):
    assume(rule.active.size)

    def alike(amount):
        totals = Totals(rule.platform, None)
        totals._amounts = {rule.of: amount * np.broadcast_to(getattr(rule, "merit", 1.0), rule.reach.shape)}
        return totals

    flow = Totals(rule.platform, rule.platform.even_flow)
    level, worth = rule.level(flow), rule.value(flow).sum()
    if isinstance(rule, al.TargetShares | al.Concentration):
        assert 0 <= level <= flow.of(rule.of)[rule.active].mean() * (1 + 1e-9)
    elif level > 0:
        assert rule.value(alike(level)).sum() == pytest.approx(worth, rel=1e-6, abs=1e-9 * rule.size(flow))


@given(bound_rules(TERMS))
def test_algebra_of_welfare_terms_is_linear(term):
    totals, triple = Totals(term.platform, term.platform.even_flow), (3 * term).bind(term.platform)
    assert triple.value(totals).sum() == pytest.approx(3 * term.value(totals).sum(), rel=1e-9, nan_ok=True)
    assert triple.size(totals) == pytest.approx(3 * term.size(totals), rel=1e-9, nan_ok=True)


def test_weights_multiply_and_zero_vanishes():
    objective = 2 * (al.GMV() + 3 * al.Nash()) + 0 * al.MaxMin()
    assert [term.weight for term in al.Problem(al.synthetic.star([1, 2]), objective).objective.terms] == [2, 6]


@pytest.mark.parametrize("name", sorted(TERMS))
@pytest.mark.parametrize("bad", [-1, np.nan, np.inf])
def test_weights_that_are_not_concave_are_refused_naming_the_term(name, bad):
    @settings(max_examples=1, database=None)
    @given(st.data())
    def check(data):
        term = replace(data.draw(a_rule(name)), platform=None)
        with pytest.raises(ValueError, match="weight of"):
            bad * term
        with pytest.raises(ValueError, match="weight of"):
            _ = al.GMV() - term

    check()


def test_welfare_leaves_out_anchors_without_reach_and_says_so():
    platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 1.0], supply=[1.0, 0.0], anchors={"id": ["seen", "unseen"]})
    problem = al.Problem(platform, al.Nash())
    assert any("unseen" in notice for notice in problem.notices)
    assert np.isfinite(al.solve(problem).certificate.objective)


@pytest.mark.parametrize("alpha", [0.5, 1, 2])
@pytest.mark.parametrize("of", ["exposure", "gmv", "cost"])
@pytest.mark.parametrize(
    "rule",
    [
        al.Cap({1: 0}),
        al.Budget({1: 1.0}, total=0.0),
        al.GroupShare([1], at_most=0.0),
        al.GroupShare("id", at_most={1: 0.0}, unit="amount"),
        al.Cap({1: 0}, of="gmv"),
        al.Budget({1: 1.0}, total=0.0, of="cost"),
    ],
    ids=lambda rule: f"{rule.name} of {rule.of}",
)
def test_anchors_forced_to_zero_are_refused_by_name_only_where_it_matters(alpha, of, rule):
    """An anchor of no value sells nothing however much it is shown; nothing is minus infinity at alpha < 1."""
    for value, cost in ((2.0, 0.0), (0.0, 2.0)):
        platform = replace(al.synthetic.star([1.0, value, 3.0]), measures={"cost": [1.0, cost, 1.0]})
        reaches = platform.reach_of(of)[1] > 0
        forced = rule.of == "exposure" or {"gmv": value, "cost": cost}[rule.of] > 0
        if alpha >= 1 and reaches and forced:
            with pytest.raises(ValueError, match="forces anchor 1 to zero"):
                al.Problem(platform, al.GMV() + al.AlphaFair(alpha, of=of), [rule])
        else:
            assert al.solve(al.Problem(platform, al.GMV() + al.AlphaFair(alpha, of=of), [rule])).certificate.feasible
        assert al.Problem(platform, al.GMV() + al.AlphaFair(alpha, of=of), [replace(rule, soft=1.0)])


def test_a_cap_of_nothing_on_every_edge_forces_everybody_to_zero():
    with pytest.raises(ValueError, match="SegmentCap forces anchor 0, 1 to zero"):
        al.Problem(al.synthetic.star([1.0, 2.0]), al.Nash(), [al.SegmentCap(0.0)])


def test_a_welfare_of_minus_infinity_misses_its_level_beyond_all_measure():
    platform = al.synthetic.star([1.0, 2.0], supply=2.0)
    level = al.FairnessAtLeast(al.Nash(), -1.0).bind(platform)
    assert level.violation(Totals(platform, np.array([2.0, 0.0]))).relative == np.inf


@given(data=st.data(), rule=bound_rules(CONSTRAINTS, soft=False))
def test_levels_can_be_written_anew_and_say_how_much_a_breach_is(data, rule):
    """With its own levels a rule is itself; with those that a flow has of it that flow keeps it; and an excess is a
    relative change of the level in the measure of `extent`, exactly where there is one amount for each level.
    """
    flow = Totals(rule.platform, data.draw(flows(rule.platform)))
    stated = rule.stated(flow)
    again = rule.relevelled(stated.level).bind(rule.platform)
    assert again.excess(flow) == pytest.approx(rule.excess(flow), rel=1e-12, abs=0)
    extent = rule.extent(flow)
    assert extent.shape == rule.excess(flow).shape
    assert (extent >= 0).all()
    at_most = np.broadcast_to(stated.at_most, stated.level.shape)
    room = np.where(at_most, stated.level - stated.amount, stated.amount - stated.level)
    if not stated.level.size or stated.kind == "segment" or not np.isfinite(stated.amount).all():
        return
    reached = np.where(room < 0, stated.amount, stated.level)
    if not _accepts(rule, reached):
        return
    moved = rule.relevelled(reached).bind(rule.platform)
    assert moved.violation(flow).relative <= 1e-9
    if extent.shape == room.shape and not isinstance(rule, AtLeast) and stated.unit != "share":
        broken = (room < 0) & (extent > 0) & (stated.level != 0)
        part = -room[broken] / np.abs(stated.level[broken])
        assert (rule.excess(flow) / np.where(extent > 0, extent, 1.0))[broken] == pytest.approx(part, rel=1e-6)


def _accepts(rule, level):
    try:
        rule.relevelled(level).bind(rule.platform)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("kind", "flow"), [(al.Floor, (50.0, 0.0)), (al.Cap, (150.0, 2.0))])
def test_a_violation_is_of_one_anchor_the_worst_beside_its_level(kind, flow):
    platform = al.synthetic.star(np.ones(2), supply=1000.0)
    bound = kind(dict(zip(platform.anchors["id"], (100.0, 1.0), strict=True))).bind(platform)
    assert bound.violation(Totals(platform, np.array(flow))) == (1.0, 1.0, f"anchor {platform.anchors['id'][1]}")
