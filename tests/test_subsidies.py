"""Subsidies: amounts are conserved, only those who are eligible gain reach, more never hurts, and money has a price."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from strategies import platforms

PLAIN = (1.0,)
SLOW = settings(max_examples=max(10, settings.default.max_examples // 3))


@st.composite
def programmes(draw, scales=PLAIN):
    """A platform and anchors of it that some segment with supply reaches."""
    platform = draw(platforms(scales=scales))
    chosen = np.array(
        draw(st.lists(st.booleans(), min_size=platform.anchor_count, max_size=platform.anchor_count)), dtype=bool
    )
    assume((platform.reach[chosen] > 0).any())
    return platform, chosen


def best(platform, rules=(), welfare=None):
    objective = al.GMV() if welfare is None else al.GMV() + welfare
    return al.solve(al.Problem(platform, objective, list(rules)), relative_gap=1e-7)


def slack(*allocations):
    """By how much two certified objectives may be off."""
    return sum(max(a.certificate.gap, 0.0) + a.certificate.rounding + 1e-12 * a.certificate.scale for a in allocations)


@given(programmes(scales=(1e-6, 1.0, 1e9)), st.sampled_from([0.0, 0.5, 1e6]))
def test_amounts_are_conserved_and_only_those_who_are_eligible_gain_reach(programme, part):
    platform, chosen = programme
    extra = part * float(platform.supply.sum())
    after = al.subsidise(platform, chosen, extra, cost=0.25)
    S, E = platform.segment_count, platform.edge_count
    new = after.segments["subsidised"]
    assert after.supply.sum() == pytest.approx(platform.supply.sum() + extra)
    assert after.supply[~new].tolist() == platform.supply.tolist()
    assert not new[:S].any()
    assert chosen[after.anchor[E:]].all()
    for name in ("anchor", "value"):
        assert getattr(after, name)[:E].tolist() == getattr(platform, name).tolist()
    for name, column in platform.measures.items():
        assert after.measures[name][:E].tolist() == column.tolist()
    assert after.measures["subsidy"].tolist() == np.where(np.arange(after.edge_count) < E, 0.0, 0.25).tolist()
    into = np.isin(np.arange(S), platform.segment[chosen[platform.anchor]])
    factor = np.where(chosen, 1.0 + extra / platform.supply[into].sum(), 1.0)
    for good in ("exposure", "gmv", "relevance"):
        np.testing.assert_allclose(after.reach_of(good), factor * platform.reach_of(good), rtol=1e-12)
    if platform.observed is not None:
        assert after.observed.sum() == platform.observed.sum()


@SLOW
@given(programmes(), st.sampled_from([None, al.Nash(), al.MaxMin()]))
def test_more_never_hurts_and_helps_less_and_less(programme, welfare):
    platform, chosen = programme
    chosen = chosen & (platform.reach > 0)
    rules = [al.Floor(0.1 * platform.even_amounts("exposure")), al.Cap(2.0 * platform.reach.max())]
    amounts = np.array([0.0, 1.0, 2.0]) * platform.supply.sum()
    found = [best(al.subsidise(platform, chosen, extra), rules, welfare) for extra in amounts]
    none, half, whole = (a.certificate.objective for a in found)
    assert none <= half + slack(*found)
    assert half <= whole + slack(*found)
    assert half >= (none + whole) / 2 - slack(*found)


@SLOW
@given(programmes(), st.sampled_from([None, al.Nash(), al.MaxMin(of="gmv")]))
def test_a_subsidy_of_nothing_changes_nothing(programme, welfare):
    platform, chosen = programme
    rules = [al.Floor("even:0.01", where=platform.reach > platform.supply.sum() / 10), al.Cap("even:3")]
    try:
        before = best(platform, rules, welfare)
    except al.AllocationError:
        assume(False)
    after = best(al.subsidise(platform, chosen, 0), rules, welfare)
    assert abs(after.certificate.objective - before.certificate.objective) <= slack(before, after)


@SLOW
@given(programmes(), st.sampled_from([0.5, 2.0]))
def test_a_subsidy_for_everybody_is_more_supply_everywhere(programme, part):
    platform, _ = programme
    reaching = np.diff(platform.indptr) > 0
    extra = part * float(platform.supply[reaching].sum())
    welfare = al.Nash()
    scaled = replace(platform, supply=np.where(reaching, (1 + part) * platform.supply, platform.supply))
    subsidised, scaled = best(al.subsidise(platform, None, extra), (), welfare), best(scaled, (), welfare)
    assert abs(subsidised.certificate.objective - scaled.certificate.objective) <= slack(subsidised, scaled)


@SLOW
@given(programmes(), st.sampled_from([0.1, 3.0]), st.floats(0.0, 1.2), st.floats(0.0, 1.2))
def test_a_budget_bounds_what_is_spent_and_its_price_is_what_money_earns(programme, cost, one, other):
    platform, chosen = programme
    extra = float(platform.supply.sum())
    after = al.subsidise(platform, chosen, extra, cost=cost)
    totals = [part * cost * extra for part in (one, other)]
    here, there = (best(after, [al.Budget(total=total, of="subsidy")]) for total in totals)
    assert here.totals.of("subsidy").sum() <= totals[0] * (1 + 1e-9)
    (price,) = here.shadow_prices["Budget of subsidy"]
    assert price >= 0
    gain = price * (totals[1] - totals[0])
    assert there.certificate.objective <= here.certificate.objective + gain + slack(here, there)
    nothing, everything = best(platform), best(after)
    if one == 0:
        assert abs(here.certificate.objective - nothing.certificate.objective) <= slack(here, nothing)
    if one >= 1:
        assert abs(here.certificate.objective - everything.certificate.objective) <= slack(here, everything)


def test_money_in_another_unit_has_its_price_in_that_unit():
    platform = al.synthetic.kuaishou(60, 12, rng=np.random.default_rng(3))
    found = {}
    for cost in (1.0, 7.0):
        after = al.subsidise(platform, "tier=new", 1e5, cost=cost)
        found[cost] = best(after, [al.Budget(total=500 * cost, of="subsidy")])
    assert found[1.0].certificate.objective == pytest.approx(found[7.0].certificate.objective)
    one, other = (found[cost].shadow_prices["Budget of subsidy"][0] for cost in (1.0, 7.0))
    assert one > 0
    assert one == pytest.approx(7 * other)


def test_the_objective_pays_where_the_budget_is_soft():
    """An anchor that sells 3 an impression takes the subsidy at a cost of 2 and leaves it at a cost of 4."""
    star = al.synthetic.star([5.0, 3.0], supply=10.0)
    for cost, spent in ((2.0, 4.0 * 2.0), (4.0, 0.0)):
        after = al.subsidise(star, [1], 4, cost=cost)
        allocation = best(after, [al.Budget(total=0, of="subsidy", soft=1)])
        assert allocation.totals.of("subsidy").sum() == pytest.approx(spent)
        assert allocation.certificate.objective == pytest.approx(allocation.gmv - spent)


@pytest.mark.parametrize("ids", [[3, 70, 5], ["a", "b", "a subsidised"], [0.5, 7.25, 3.0]])
def test_ids_stay_unique_and_keep_their_kind_however_often_it_is_repeated(ids):
    platform = al.Platform.from_edges(
        [0, 0, 1, 2], [0, 1, 1, 2], [1.0, 2.0, 3.0, 4.0], supply=[1, 2, 3], segments={"id": ids}
    )
    for k in range(3):
        platform = al.subsidise(platform, [1], 5.0, cost=k)
    names = platform.segments["id"]
    assert names[:3].tolist() == ids
    assert len(set(names.tolist())) == 9
    assert names.dtype.kind == np.asarray(ids).dtype.kind
    assert platform.segments["subsidised"].tolist() == [False] * 3 + [True] * 6
    assert platform.supply.tolist() == pytest.approx([1, 2, 3] + [5 / 3, 10 / 3] * 3)
    assert platform.measures["subsidy"].tolist() == [0] * 4 + [0, 0, 1, 1, 2, 2]


def test_a_subsidised_platform_is_a_platform_like_any_other(tmp_path):
    platform = replace(STAR, value=np.float32([1, 2, 3]), observed=[1, 2, 3], measures={"watch": [4, 5, 6]})
    before = platform.content_hash
    after = al.subsidise(platform, ["bob"], 1e4, cost=0.1)
    assert platform.content_hash == before
    assert al.from_networkx(al.to_networkx(after)).content_hash == after.content_hash
    al.write_platform(after, tmp_path / "after")
    assert al.read_platform(tmp_path / "after").content_hash == after.content_hash
    assert after.value.dtype == platform.value.dtype


STAR = al.Platform.from_edges(
    [0, 0, 1],
    [0, 1, 2],
    [1.0, 2.0, 3.0],
    supply=[10.0, 0.0],
    anchors={"id": ["ann", "bob", "cleo"], "tier": ["head", "head", "new"]},
)


@pytest.mark.parametrize(
    ("platform", "eligible", "impressions", "cost", "said"),
    [
        (STAR, "tier=nwe", 1, 1, "did you mean 'new'"),
        (STAR, ["dan"], 1, 1, "no anchor has the id dan"),
        (STAR, [False] * 3, 1, 1, "nobody is eligible"),
        (STAR, "tier=new", 1, 1, "no segment with supply reaches the eligible anchors (cleo)"),
        (STAR, ["ann"], -1, 1, "impressions must be a finite number >= 0, not -1"),
        (STAR, ["ann"], np.inf, 1, "impressions must be a finite number >= 0, not inf"),
        (STAR, ["ann"], "many", 1, "impressions must be a finite number >= 0, not 'many'"),
        (STAR, ["ann"], 1, np.nan, "cost of a subsidised impression must be"),
        (replace(STAR, segments={"subsidised": ["yes", "no"]}), ["ann"], 1, 1, "attribute 'subsidised' of their own"),
        (replace(STAR, segments={"subsidised": [True, False]}), ["ann"], 1, 1, "attribute 'subsidised' of their own"),
        (replace(STAR, measures={"subsidy": [1, 1, 1]}), ["ann"], 1, 1, "edge measure 'subsidy' of its own"),
    ],
)
def test_what_cannot_be_subsidised_is_refused_in_one_sentence(platform, eligible, impressions, cost, said):
    with pytest.raises(ValueError, match=r"\w") as error:
        al.subsidise(platform, eligible, impressions, cost=cost)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
