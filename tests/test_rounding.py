"""Whole impressions: expectations stay, every total is rounded down or up, whole levels hold, the rest is reported."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import allocator as al
from allocator.allocation import Run
from allocator.discrete import round_integral
from allocator.discrete.circulation import ONE, circulation, whole_and_part
from allocator.discrete.laminar import laminar
from allocator.kernels.rounding import along_cycles
from allocator.rules import Totals
from strategies import SCALES, TERMS, flows, platforms, problems

LEVELS = (0.0, 1.0, 10.0, 1e9)


def allocation_of(problem, flow):
    """A flow as somebody's allocation, with the multipliers that support it."""
    totals = Totals(problem.platform, np.asarray(flow, dtype=float))
    run = Run("by hand", 0.0, 0.0)
    return al.Allocation(
        problem, totals.flow, problem.supporting(totals), al.certify(problem, totals.flow), math.inf, run
    )


def rng(seed=0):
    return np.random.default_rng(seed)


class Extreme(np.random.Generator):
    """Draws at the ends of [0, 1), so that what should be certain is seen not to hang on odds."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))

    def random(self, size):
        return self.choice([0.0, 0.5, 1.0 - 2.0**-53], size)


def draws(count):
    """Generators, common and extreme."""
    return [kind(seed) for seed in range(count) for kind in (rng, Extreme)]


def rounds(amounts, whole):
    """Whether a whole number is the sum of amounts rounded down or up; a sum counts as whole where only the rounding
    error of its summands keeps it from that.
    """
    total = math.fsum(amounts)
    if abs(total - round(total)) <= 2.0**-46 * (len(amounts) + total):
        return whole == round(total)
    return math.floor(total) <= whole <= math.ceil(total)


def assert_rounded(rounded, groups=()):
    """Every edge, segment, anchor, group (masks) and everybody together."""
    before, after, platform = rounded.allocation.flow, rounded.flow, rounded.problem.platform
    assert after.dtype == np.int64
    assert not after.flags.writeable
    assert after.min() >= 0
    sets = [np.arange(platform.edge_count) == e for e in range(platform.edge_count)]
    sets += [platform.segment == i for i in range(platform.segment_count)]
    sets += [platform.anchor == j for j in range(platform.anchor_count)]
    sets += [np.asarray(group)[platform.anchor] for group in groups]
    for edges in [*sets, np.ones(platform.edge_count, dtype=bool)]:
        assert rounds(before[edges].tolist(), int(after[edges].sum()))


# Every edge and every total
# -------------------------------------------------------------------------------------------------------------------


@st.composite
def families(draw, anchors):
    """Sets of anchors any two of which are disjoint or nested, as masks, in any order."""
    order, masks, pieces = draw(st.permutations(range(anchors))), [], [(0, anchors)]
    while pieces:
        start, end = pieces.pop()
        if draw(st.booleans()):
            masks.append(np.isin(np.arange(anchors), order[start:end]))
        if end - start > 1 and draw(st.booleans()):
            middle = draw(st.integers(start + 1, end - 1))
            pieces += [(start, middle), (middle, end)]
    return draw(st.permutations(masks))


def bounded(masks, level=1.0):
    return [al.GroupShare(mask, at_most=level, unit="amount") for mask in masks]


@given(platforms(), st.data())
def test_edges_and_totals_of_segments_anchors_nested_groups_and_all_are_rounded_down_or_up(platform, data):
    masks = data.draw(families(platform.anchor_count))
    problem = al.Problem(platform, al.GMV(), bounded(masks, data.draw(st.sampled_from(LEVELS))))
    flow = data.draw(flows(platform))
    for generator in draws(5):
        rounded = round_integral(allocation_of(problem, flow), rng=generator)
        assert rounded.crossing == ()
        assert_rounded(rounded, masks)


@given(platforms(scales=(0.3, 1.0)), st.data())
def test_of_groups_that_cross_the_first_are_kept_and_the_others_named(platform, data):
    choice = st.lists(st.booleans(), min_size=platform.anchor_count, max_size=platform.anchor_count)
    masks = [np.array(data.draw(choice)) for _ in range(4)]
    problem = al.Problem(platform, al.GMV(), bounded(masks))
    taken = []
    for mask in masks:
        sizes = [(int((mask & other).sum()), int(other.sum())) for other in taken]
        if mask.any() and all(common in (0, min(size, int(mask.sum()))) for common, size in sizes):
            taken.append(mask)
    distinct = {mask.tobytes() for mask in masks if mask.any()}
    for generator in draws(5):
        rounded = round_integral(allocation_of(problem, platform.even_flow), rng=generator)
        assert_rounded(rounded, taken)
        assert len(rounded.kept) == len({mask.tobytes() for mask in taken})
        assert len(rounded.kept) + len(rounded.crossing) == len(distinct)


def test_firms_inside_tiers_are_kept_and_kinds_across_them_are_only_checked():
    platform = al.synthetic.uniform(300, 24, degree=6, rng=rng(1))
    numbers = np.arange(24)
    attributes = {"tier": numbers % 3, "firm": numbers % 12, "kind": numbers // 12}
    platform = replace(platform, anchors=dict(platform.anchors) | attributes)
    rules = [
        al.GroupShare("firm", at_least=0.001),
        al.GroupShare("kind", at_most=0.9),
        al.GroupShare("tier", at_most=1e6, unit="amount"),
    ]
    allocation = allocation_of(al.Problem(platform, al.GMV(), rules), platform.even_flow)
    groups = [attributes[name] == k for name, count in (("tier", 3), ("firm", 12)) for k in range(count)]
    for generator in draws(10):
        rounded = round_integral(allocation, rng=generator)
        assert_rounded(rounded, groups)
        assert set(rounded.kept) == {f"tier={k}" for k in range(3)} | {f"firm={k}" for k in range(12)}
        assert set(rounded.crossing) == {"kind=0", "kind=1"}
        assert "groups that cross others were checked but not kept: kind=0, kind=1" in str(rounded).lower()


def test_soft_groups_and_groups_of_other_goods_are_no_part_of_the_family():
    platform = al.synthetic.uniform(20, 4, degree=2, rng=rng(1))
    mask = np.arange(4) < 2
    rules = [al.GroupShare(mask, at_most=0.9, of="gmv"), al.GroupShare(mask, at_most=0.9, soft=1.0)]
    rounded = round_integral(allocation_of(al.Problem(platform, al.GMV(), rules), platform.even_flow), rng=rng())
    assert rounded.kept == rounded.crossing == ()


@pytest.mark.parametrize("scale", SCALES)
def test_totals_of_many_edges_are_rounded_down_or_up_too(scale):
    platform = al.synthetic.kuaishou(segments=300, anchors=40, rng=rng(7))
    platform = replace(platform, supply=platform.supply / platform.supply.mean() * scale)
    masks = [np.arange(40) % 4 == 1, np.arange(40) % 2 == 1]
    allocation = allocation_of(al.Problem(platform, al.GMV(), bounded(masks)), platform.even_flow)
    for generator in draws(1):
        assert_rounded(round_integral(allocation, rng=generator), masks)


def test_flows_that_are_whole_stay_as_they_are():
    platform = al.synthetic.uniform(50, 8, degree=3, rng=rng(2))
    flow = rng(3).integers(0, 10**9, platform.edge_count)
    platform = replace(platform, supply=platform.into_segments(flow))
    for noise in (0.0, 1e-16):
        rounded = round_integral(allocation_of(al.Problem(platform, al.GMV()), flow * (1 - noise)), rng=rng())
        assert rounded.flow.tolist() == flow.tolist()
        assert str(rounded) == "0 of 150 edges were rounded to whole impressions, which costs nothing."


# Expectations
# -------------------------------------------------------------------------------------------------------------------


def means(allocation, count):
    return np.mean([round_integral(allocation, rng=rng(seed)).flow for seed in range(count)], axis=0)


def spread(segments, scale, whole):
    """A platform, every second supply whole if asked, and an uneven flow that uses all of it."""
    platform = al.synthetic.uniform(segments, 6, degree=4, rng=rng(5))
    supply = scale * (50 * rng(6).random(segments) + 0.3)
    supply = np.where(whole & (np.arange(segments) % 2 == 0), np.rint(supply), supply)
    share = rng(7).random(platform.edge_count) + 0.05
    flow = (share / platform.into_segments(share)[platform.segment]) * supply[platform.segment]
    rules = bounded([np.arange(6) % 2 == 0, np.arange(6) < 1])
    return allocation_of(al.Problem(replace(platform, supply=supply), al.GMV(), rules), flow)


@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_the_mean_over_many_draws_is_the_flow_on_every_edge(scale):
    """Within five standard errors of x rounded down or up with mean x."""
    allocation, count = spread(12, scale, True), 2000
    part = allocation.flow - np.floor(allocation.flow)
    error = np.sqrt(part * (1 - part) / count)
    assert (np.abs(means(allocation, count) - allocation.flow) <= 5 * error + 1e-6).all()


def test_tiny_flows_are_one_impression_as_often_as_they_should():
    """Edges of ten in a million: one draw in twenty has an impression anywhere, so the mean is that of all edges."""
    allocation, count = spread(2000, 1e-6, False), 1000
    total = float(allocation.flow.sum())
    assert 0.04 < total < 0.06
    assert means(allocation, count).sum() == pytest.approx(total, abs=5 * math.sqrt(total / count))


QUARTERS = st.integers(0, 7).map(lambda k: k / 4)


@given(platforms(max_segments=4, max_anchors=4, scales=(1.0,)), st.data())
def test_expectations_are_exact(platform, data):
    """Where all parts are quarters every push is up with odds in twelfths: draws in the middle of each twelfth are a
    fair sample of all there are.
    """
    flow = np.array([data.draw(QUARTERS) for _ in range(platform.edge_count)])
    platform = replace(platform, supply=platform.into_segments(flow))
    problem = al.Problem(platform, al.GMV(), bounded(data.draw(families(platform.anchor_count))))
    _, part = whole_and_part(problem, flow)
    arcs = circulation(problem, flow, part, laminar(problem, Totals(platform, flow)))
    assume(arcs.part.size)
    graph = csr_array((np.ones(arcs.part.size), (arcs.tail, arcs.head)), shape=(arcs.nodes, arcs.nodes))
    cycles = arcs.part.size - arcs.nodes + connected_components(graph, directed=False)[0]
    assume(cycles <= 3)  # each push makes an arc whole, and what is left without cycles is whole
    total, twelfths = np.zeros(arcs.part.size, dtype=object), (np.arange(12) + 0.5) / 12
    for drawn in itertools.product(twelfths, repeat=cycles):
        rounded = arcs.part.copy()
        padded = np.concatenate((drawn, np.full(arcs.part.size, 0.5)))
        along_cycles(arcs.tail, arcs.head, rounded, (arcs.nodes, ONE), padded)
        assert np.isin(rounded, (0, ONE)).all()
        total += rounded
    assert (total == arcs.part.astype(object) * 12**cycles).all()


def test_a_small_edge_beside_a_billion_keeps_its_expectation():
    supply = np.array([1e9 + 0.25, 0.375, 1e9])
    platform = al.Platform.from_edges([0, 1, 2], [0, 0, 0], np.ones(3), supply=supply)
    allocation = allocation_of(al.Problem(platform, al.GMV(), [al.Cap(1e10)]), supply)
    np.testing.assert_allclose(means(allocation, 2000) - supply, 0.0, atol=5 * 0.5 / math.sqrt(2000))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    platform = al.synthetic.kuaishou(segments=200, anchors=30, rng=rng(7))
    allocation = allocation_of(al.Problem(platform, al.GMV()), platform.even_flow)
    said = [round_integral(allocation, rng=rng(seed)).flow.tobytes() for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]


# Levels
# -------------------------------------------------------------------------------------------------------------------


@st.composite
def whole_levels(draw):
    """A platform of whole supplies, a flow in eighths or so, and rules at whole levels that it keeps."""
    platform = draw(platforms(scales=(1.0,)))
    supply = np.array([draw(st.sampled_from([0, 1, 2, 7, 30])) for _ in range(platform.segment_count)], dtype=float)
    platform = replace(platform, supply=supply)
    flow = draw(flows(platform))
    totals, masks = Totals(platform, flow), draw(families(platform.anchor_count))
    exposure = totals.of("exposure")
    floor, cap = np.floor(exposure + 1e-9), np.ceil(exposure - 1e-9)
    groups = []
    for mask in masks:
        inside = float(exposure[mask].sum())
        low, high = math.floor(inside + 1e-9), math.ceil(inside - 1e-9)
        groups.append(al.GroupShare(mask, low, high, unit="amount"))
    return al.Problem(platform, al.GMV(), [al.Floor(floor), al.Cap(cap), *groups]), flow


@given(whole_levels())
def test_whole_supplies_floors_caps_and_amounts_of_groups_are_never_broken(given_):
    problem, flow = given_
    for generator in draws(5):
        assert round_integral(allocation_of(problem, flow), rng=generator).broken == {}


@pytest.mark.parametrize("level", [100.0, 1e8])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_whole_levels_hold_too_where_the_allocation_misses_them_by_what_counts_as_nothing(level, sign):
    """Five in ten billion of 1e8 are 0.05 impressions, which would be one too many in every twentieth draw."""
    flow = np.array([0.3, 0.45, 0.7, 0.55]) * level * (1 + sign * 5e-10)
    supply = np.array([0.75, 1.25]) * level + (0 if sign > 0 else 1)
    platform = al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], np.ones(4), supply=supply)
    bound, side = (al.Cap, "at_most") if sign > 0 else (al.Floor, "at_least")
    group = al.GroupShare(np.ones(2, dtype=bool), **{side: 2 * level}, unit="amount")
    for rules in ([], [bound(level)], [group], [bound(level), group]):
        assert_never_broken(allocation_of(al.Problem(platform, al.GMV(), rules), flow))


def assert_never_broken(allocation):
    assert allocation.certificate.feasible
    for generator in draws(100):
        rounded = round_integral(allocation, rng=generator)
        assert rounded.broken == {}
        assert rounded.flow.min() >= 0


@pytest.mark.parametrize("rule", [al.Cap([0.0, np.inf]), al.GroupShare([0], at_most=0, unit="amount")])
def test_who_must_get_nothing_gets_nothing_where_the_allocation_gives_it_as_good_as_nothing(rule):
    platform = al.Platform.from_edges([0, 0, 1], [0, 1, 0], np.ones(3), supply=[1e8, 0.0])
    assert_never_broken(allocation_of(al.Problem(platform, al.GMV(), [rule]), [0.05, 1e8 - 0.5, 0.0]))


def test_flow_that_is_negative_by_what_counts_as_nothing_becomes_none():
    platform = al.Platform.from_edges([0, 0], [0, 1], np.ones(2), supply=[1.0])
    assert_never_broken(allocation_of(al.Problem(platform, al.GMV()), [-5e-10, 1 + 5e-10]))


def test_shares_of_segments_that_are_whole_impressions_hold():
    platform = al.Platform.from_edges([0, 0, 0], [0, 1, 2], np.ones(3), supply=[2e8])
    flow = np.array([0.5, 0.3, 0.2]) * 2e8 + np.array([0.05, -0.025, -0.025])
    assert_never_broken(allocation_of(al.Problem(platform, al.GMV(), [al.SegmentCap(0.5)]), flow))


def test_fractional_levels_are_broken_at_times_and_then_named_with_what_to_do():
    platform = al.Platform.from_edges([0, 0], [0, 1], [1.0, 1.0], supply=[10.5])
    rules = [al.Cap(5.25), al.GroupShare(np.array([True, False]), at_most=0.5)]
    allocation = allocation_of(al.Problem(platform, al.GMV(), rules), [5.25, 5.25])
    seen = set()
    for seed in range(100):
        rounded = round_integral(allocation, rng=rng(seed))
        y = rounded.exposure
        expected = {"supply": y.sum() > 10.5, "Cap": y.max() > 5.25, "GroupShare": y[0] > y.sum() / 2}
        assert set(rounded.broken) == {label for label, is_broken in expected.items() if is_broken}
        seen |= set(rounded.broken)
        for label, violation in rounded.broken.items():
            assert f"{label} by {violation.amount:.6g} at {violation.where}" in str(rounded)
        assert ("write whole levels and supplies" in str(rounded)) == bool(rounded.broken)
    assert seen == {"supply", "Cap", "GroupShare"}


# What it costs
# -------------------------------------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(whole_levels())
def test_rounded_gmv_is_at_most_the_integral_optimum_and_that_of_the_allocation_on_average(given_):
    problem, flow = given_
    assume(problem.platform.supply.any() and problem.platform.value.any())
    box = [rule for rule in problem.rules if isinstance(rule, al.Floor | al.Cap)]
    problem = replace(problem, rules=tuple(box))
    best = al.solve(problem, solver="min_cost_flow", relative_gap=1e9)
    lost = float(re.search(r"within ([\d.e+-]+)", best.run.claim).group(1))
    allocation = allocation_of(problem, flow)
    gmv = np.array([round_integral(allocation, rng=rng(seed)).gmv for seed in range(400)])
    assert (gmv <= best.gmv + lost + 1e-9 * best.gmv).all()
    part = flow - np.floor(flow)
    # Whatever the correlations, a sum deviates by no more than its summands together.
    error = float((problem.platform.value * np.sqrt(part * (1 - part))).sum()) / math.sqrt(gmv.size)
    assert abs(gmv.mean() - allocation.gmv) <= 5 * error + 1e-9 * allocation.gmv


@given(problems(rules=None, welfare=tuple(TERMS)), st.data())
def test_every_rule_is_judged_anew_and_no_objective_beats_its_bound(problem, data):
    """However small a flow is beside one impression, weak duality covers what rounding breaks."""
    allocation = allocation_of(problem, data.draw(flows(problem.platform)))
    rounded = round_integral(allocation, rng=rng())
    judged = al.certify(problem, rounded.flow.astype(float), allocation.multipliers)
    assert repr(rounded.certificate) == repr(judged)  # not a number is not itself
    assert set(rounded.broken) == {label for label, v in judged.violations.items() if not v.relative <= 1e-9}
    assert rounded.gmv == pytest.approx(float((problem.platform.value * rounded.flow).sum()))
    assert rounded.exposure.tolist() == problem.platform.into_anchors(rounded.flow).tolist()
    assert str(rounded).endswith(".")
    assert all(label in str(rounded) for label in rounded.broken)


def test_a_solved_problem_says_what_rounding_costs():
    platform = al.synthetic.kuaishou(segments=200, anchors=30, rng=rng(7))
    platform = replace(platform, supply=np.rint(platform.supply))
    allocation = al.solve(al.Problem(platform, al.GMV() + 100 * al.Nash(), [al.Cap("even:3")]))
    rounded = round_integral(allocation, rng=rng())
    before, after = (found.gmv + 100 * np.log(found.exposure).sum() for found in (allocation, rounded))
    assert rounded.cost == pytest.approx(before - after, abs=1e-12 * before)
    assert abs(rounded.cost) < 1e-2 * allocation.certificate.scale
    assert " edges were rounded to whole impressions, which " in str(rounded)
    assert "RMB per day" in str(rounded)


def test_an_anchor_left_without_impressions_is_said_to_cost_everything():
    platform = al.Platform.from_edges([0, 0], [0, 1], [1.0, 1.0], supply=[1.0])
    allocation = allocation_of(al.Problem(platform, al.GMV() + al.Nash()), [0.5, 0.5])
    rounded = round_integral(allocation, rng=rng())
    assert rounded.certificate.objective == -math.inf
    assert "minus infinity" in str(rounded)


# What is refused
# -------------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_rounded_is_refused_in_a_sentence():
    platform = al.Platform.from_edges([0, 0], [0, 1], [1.0, 1.0], supply=[1e16])
    huge = allocation_of(al.Problem(platform, al.GMV()), platform.even_flow)
    with pytest.raises(ValueError, match="too many for whole numbers"):
        round_integral(huge, rng=rng())
    with pytest.raises(TypeError, match="only an Allocation can be rounded, not ndarray"):
        round_integral(platform.even_flow, rng=rng())
    small = replace(platform, supply=[1.0])
    with pytest.raises(TypeError, match=r"not Leximin; round its \.allocation"):
        round_integral(al.leximin(al.Problem(small, al.GMV())), rng=rng())
    with pytest.raises(ValueError, match="rng must be a numpy"):
        round_integral(allocation_of(al.Problem(small, al.GMV()), small.even_flow), rng=7)
    with pytest.raises(TypeError, match="rng"):
        round_integral(huge)
