"""Leximin: against its definition, against any other flow, against linear programs and max-min; proofs, ties and
rules.
"""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

import allocator as al
from allocator.leximin.goods import by_programs
from allocator.rules import Totals
from strategies import flows, platforms, problems

SCALES = (1e-3, 1.0, 1e4)
CLOSE = 1e-9
"""Relative to the amount itself, however small it is beside others."""


def matrix(platform, measure=None, into="anchor"):
    """Sums of a flow into anchors or segments as a matrix."""
    rows = getattr(platform, into)
    count = platform.anchor_count if into == "anchor" else platform.segment_count
    entries = np.ones(platform.edge_count) if measure is None else measure
    return csr_array((entries, (rows, np.arange(platform.edge_count))), shape=(count, platform.edge_count))


# By definition
# -------------------------------------------------------------------------------------------------------------------


def by_definition(platform, merit, lower, upper):
    """Exposure when water rises over all anchors, in fractions; where it stops follows from Hall's condition on every
    set of anchors.
    """
    watching = [set(platform.segment[platform.anchor == j].tolist()) for j in range(platform.anchor_count)]
    supply, m, low = ([Fraction(float(x)) for x in array] for array in (platform.supply, merit, lower))
    reach = [sum((supply[i] for i in mine), Fraction(0)) for mine in watching]
    high = [min(reach[j], Fraction(float(upper[j]))) if np.isfinite(upper[j]) else reach[j] for j in range(len(m))]
    sets = [s for n in range(1, len(m) + 1) for s in itertools.combinations(range(len(m)), n)]
    there = {s: sum((supply[i] for i in set().union(*(watching[j] for j in s))), Fraction(0)) for s in sets}
    stopped = {}

    def wanted(s, water):
        return sum(stopped.get(j, min(max(water * m[j], low[j]), high[j])) for j in s)

    def stops(s):
        bends = sorted({Fraction(0), *(x[j] / m[j] for j in s if j not in stopped for x in (low, high))})
        for left, right in itertools.pairwise(bends):
            if wanted(s, right) > there[s]:
                slope = (wanted(s, right) - wanted(s, left)) / (right - left)
                return left + (there[s] - wanted(s, left)) / slope
        return None

    assert all(wanted(s, Fraction(0)) <= there[s] for s in sets), "floors must be feasible"
    while len(stopped) < len(m):
        found = [water for water in map(stops, sets) if water is not None]
        if not found:
            stopped |= {j: high[j] for j in range(len(m)) if j not in stopped}
            break
        water = min(found)
        tight = set().union(*(s for s in sets if wanted(s, water) == there[s])) - set(stopped)
        stopped |= {j: min(max(water * m[j], low[j]), high[j]) for j in tight}
    return np.array([float(stopped[j]) for j in range(len(m))])


@st.composite
def bounded(draw):
    """A platform with merits, and floors and caps of exposure that some flow respects."""
    platform = draw(platforms(scales=SCALES))
    count = platform.anchor_count
    merit = np.array([draw(st.sampled_from([1.0, 1.0, 0.1, 3.0, 100.0])) for _ in range(count)])
    even = platform.into_anchors(platform.even_flow)
    floor = even * np.array([draw(st.sampled_from([0.0, 0.0, 0.5, 0.999])) for _ in range(count)])
    room = np.array([draw(st.sampled_from([0.0, 1.0, 1.5, 4.0, np.inf, np.inf])) for _ in range(count)])
    cap = np.where(np.isfinite(room), even * np.minimum(room, 4.0), np.inf)
    return platform, merit, np.minimum(floor, cap), cap


def both_ways(problem, merit):
    """The leximin allocation by flows, and by the programs that any other rule would need."""
    term = al.MaxMin(merit=merit).bind(problem.platform)
    ways = [al.leximin(problem, merit=merit)]
    return [*ways, by_programs(problem, term, relative_gap=1e-6)] if term.active.size else ways


@settings(max_examples=100)
@given(bounded())
def test_exposure_is_that_of_the_definition_by_flows_and_by_programs(given_):
    platform, merit, floor, cap = given_
    expected = by_definition(platform, merit, floor, cap)
    problem = al.Problem(platform, al.GMV(), [al.Floor(floor), al.Cap(cap)])
    for found in both_ways(problem, merit):
        np.testing.assert_allclose(found.allocation.exposure, expected, rtol=CLOSE, atol=0)
        np.testing.assert_allclose(found.level_of, expected / merit, rtol=CLOSE, atol=0)


def test_small_anchors_have_their_digits_beside_large_ones():
    """Supplies and merits over nine powers of ten; a chain of segments, each of which two anchors share."""
    supply, merit = 10.0 ** np.array([0, 9, 3, 6, 1, 8, -1]), 10.0 ** np.array([3, -1, 5, 0, 2, 6])
    pairs = np.array([(j + d, j) for j in range(merit.size) for d in (0, 1)])
    platform = al.Platform.from_edges(*pairs.T, np.ones(len(pairs)), supply=supply)
    expected = by_definition(platform, merit, np.zeros(6), np.full(6, np.inf))
    found = al.leximin(al.Problem(platform, al.GMV()), merit=merit)
    np.testing.assert_allclose(found.allocation.exposure, expected, rtol=CLOSE, atol=0)


# Better than any other flow
# -------------------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(platforms(scales=SCALES), st.sampled_from(["exposure", "gmv", "relevance"]), st.data())
def test_no_other_flow_is_better(platform, of, data):
    merit = np.array([data.draw(st.sampled_from([1.0, 0.2, 5.0])) for _ in range(platform.anchor_count)])
    found = al.leximin(al.Problem(platform, al.GMV()), of=of, merit=merit)
    part = np.flatnonzero(platform.reach_of(of) > 0)
    assume(part.size)
    other = Totals(platform, data.draw(flows(platform))).of(of)
    mixed = 0.9 * found.amounts + 0.1 * other
    for amounts in (other, mixed):
        assert al.axioms.leximin((found.amounts / merit)[part], (amounts / merit)[part]).sign >= 0


@settings(max_examples=60)
@given(problems(scales=SCALES, welfare=(), rules=None, soft=True), st.sampled_from(["exposure", "gmv"]))
def test_no_rule_is_broken_and_the_even_flow_which_keeps_them_is_no_better(problem, of):
    try:
        found = al.leximin(problem, of=of)
    except al.UnsupportedError as refusal:
        assert "is not linear" in str(refusal)
        return
    assert found.allocation.certificate.feasible
    assert found.gap <= 1e-6
    part = np.flatnonzero(problem.platform.reach_of(of) > 0)
    if part.size:
        even = problem.platform.even_amounts(of)
        assert al.axioms.leximin(found.amounts[part], even[part], tolerance=1e-7).sign >= 0


# Against programs and max-min
# -------------------------------------------------------------------------------------------------------------------


def by_many_programs(platform, of):
    """Leximin of a good as the textbook has it: maximise the minimum, then ask of every anchor whether it can rise."""
    open_ = platform.reach_of(of) > 0
    sums, served = matrix(platform, platform.measure(of)), matrix(platform, into="segment")
    level = np.zeros(platform.anchor_count)

    def most(weights, least, raised):
        """Maximise weights . amounts + level under amounts >= least + level * raised."""
        column = np.append(raised, np.zeros(platform.segment_count))[:, None].astype(float)
        rows = np.hstack((vstack((sums * -1.0, served)).toarray(), column))
        cost = -np.append(sums.T @ weights, 1.0 if raised.any() else 0.0)
        limits = np.append(-least, platform.supply)
        found = (linprog(cost, A_ub=rows, b_ub=limits, method=name) for name in ("highs-ds", "highs-ipm"))
        return next(-result.fun for result in found if result.status == 0)

    while open_.any():
        top = most(np.zeros(level.size), np.where(open_, 0.0, level * (1 - 1e-6)), open_)
        level = np.where(open_, top, level)
        for j in np.flatnonzero(open_):
            own = np.arange(level.size) == j
            open_[j] = most(own, level * (1 - 1e-6), np.zeros(level.size)) > top * (1 + 1e-3)
    return level


@settings(max_examples=25)
@given(platforms(scales=(1.0,)), st.sampled_from(["gmv", "relevance"]))
def test_other_goods_have_the_levels_of_the_textbook_procedure(platform, of):
    """Up to the room that its programs need between each other, which values of different sizes would blow up."""
    platform = replace(platform, value=np.minimum(np.ceil(platform.value), 3.0))
    expected = by_many_programs(platform, of)
    found = al.leximin(al.Problem(platform, al.GMV()), of=of)
    np.testing.assert_allclose(found.level_of, expected, rtol=1e-2, atol=1e-6 * expected.max())


@given(problems(scales=SCALES, welfare=()), st.sampled_from(["exposure", "gmv"]))
def test_every_level_is_the_optimum_of_its_max_min_problem(problem, of):
    """Another solver never finds more than the proof allows, and the first level is max-min of the problem itself."""
    found = al.leximin(problem, of=of)
    assume(found.levels)
    first = al.solve(replace(problem, objective=al.MaxMin(of=of)), relative_gap=1e-8)
    assert found.levels[0].level == pytest.approx(first.certificate.objective, rel=1e-6, abs=1e-9 * first.gmv)
    nothing = 1e-9 * found.levels[-1].level + 1e-15 * problem.platform.total_of(of)
    for k, entry in enumerate(found.levels):
        certificate = found.certificate(k)
        assert certificate.feasible
        assert certificate.objective == pytest.approx(entry.level, rel=CLOSE)
        assert entry.level <= certificate.bound + certificate.rounding + CLOSE * entry.level
        assert entry.bound == pytest.approx(entry.level, rel=1e-7, abs=nothing)
        assert certificate.bound == pytest.approx(entry.bound, rel=1e-7, abs=nothing)
    assert [e.level for e in found.levels] == sorted({e.level for e in found.levels})
    ranked = np.concatenate([e.anchors for e in found.levels])
    assert sorted(ranked) == np.flatnonzero(problem.platform.reach_of(of) > 0).tolist()


@given(bounded(), st.data())
def test_the_proof_of_a_level_holds_for_any_flow_on_the_whole_graph(given_, data):
    """Exposure: no edge is left out, and weak duality allows no flow more than the proof says, whoever made it."""
    platform, merit, floor, cap = given_
    found = al.leximin(al.Problem(platform, al.GMV(), [al.Floor(floor), al.Cap(cap)]), merit=merit)
    assume(found.levels)
    k = data.draw(st.integers(0, len(found.levels) - 1))
    problem = found.max_min(k)
    multipliers, edges = found.proof(k, problem)
    assert edges is None
    for flow in (data.draw(flows(platform)), platform.even_flow):
        judged = al.certify(problem, flow, multipliers)  # raises where an objective exceeds what duality allows
        nothing = 1e-12 * platform.supply.sum() / merit.min()
        assert judged.bound == pytest.approx(found.levels[k].bound, rel=1e-7, abs=nothing)


@pytest.mark.parametrize("rules", [[], [al.GroupShare("tier=head", at_most=0.3)]])
def test_many_levels_of_gmv_on_a_thin_graph_with_heavy_tails(rules):
    """Where impressions of one segment sell up to a thousand times more with one anchor than with another, programs
    that keep edges which nobody can use any more end without an answer.
    """
    platform = al.synthetic.heavy_tailed(600, 60, degree=3, rng=np.random.default_rng(0))
    platform = replace(platform, anchors={"tier": np.where(np.arange(60) % 3 == 0, "head", "new")})
    found = al.leximin(al.Problem(platform, al.GMV(), rules), of="gmv")
    assert len(found.levels) > 10
    assert found.gap <= 1e-9
    assert found.allocation.status is al.Status.CERTIFIED


# Highest GMV
# -------------------------------------------------------------------------------------------------------------------


@given(bounded())
def test_gmv_is_the_highest_at_these_exposures(given_):
    platform, merit, floor, cap = given_
    expected = by_definition(platform, merit, floor, cap)
    found = al.leximin(al.Problem(platform, al.GMV(), [al.Floor(floor), al.Cap(cap)]), merit=merit)
    unit = platform.supply.max() or 1.0
    best = linprog(
        -platform.value.astype(float) / (platform.value.max() or 1.0),
        A_ub=vstack((matrix(platform, into="segment"), csr_array(matrix(platform) * -1.0), matrix(platform))),
        b_ub=np.concatenate((platform.supply, -expected * (1 - 1e-8), expected)) / unit,
        method="highs",
    )
    most = platform.total_of("gmv")
    assert found.allocation.gmv == pytest.approx(-best.fun * unit * platform.value.max(), abs=1e-6 * most)
    assert found.allocation.certificate.gap <= 1e-9 * most + 1e-300


def test_caps_that_leave_supply_over_leave_out_what_sells_least():
    platform = al.Platform.from_edges([0, 1, 2, 2], [0, 0, 0, 1], [5.0, 1.0, 2.0, 4.0], supply=[1.0, 1.0, 1.2])
    found = al.leximin(al.Problem(platform, al.GMV(), [al.Cap([1.5, 0.5])]))
    np.testing.assert_allclose(found.allocation.flow, [1.0, 0.0, 0.5, 0.5], atol=1e-12)
    assert found.allocation.certificate.gap <= 1e-12
    assert [(entry.level, entry.anchors.tolist()) for entry in found.levels] == [(0.5, [1]), (1.5, [0])]


def test_the_proof_of_the_highest_gmv_counts_edges_that_levels_rule_out():
    """An impression of the first segment would sell five times as much with the second anchor, which has enough."""
    platform = al.Platform.from_edges([0, 0, 1], [0, 1, 1], [1.0, 5.0, 1.0], supply=[1.0, 3.0])
    for found in both_ways(al.Problem(platform, al.GMV()), np.ones(2)):
        np.testing.assert_allclose(found.allocation.flow, [1.0, 0.0, 3.0])
        assert found.allocation.status is al.Status.CERTIFIED


def test_a_level_has_its_digits_where_floors_take_almost_everything():
    platform = al.Platform.from_edges(
        [0, 0, 0, 1, 1], [0, 1, 2, 0, 1], np.ones(5), supply=[1e4, 1e-3], capacity=np.full(3, np.inf)
    )
    rules = [al.Floor(1e4, where=[2])]
    for of in ("exposure", "gmv"):
        found = al.leximin(al.Problem(platform, al.GMV(), rules), of=of)
        np.testing.assert_allclose(found.level_of, [5e-4, 5e-4, 1e4], rtol=1e-6)


def test_ties_are_broken_by_gmv():
    """Two segments, two anchors, everybody gets one impression whichever way; one way sells more."""
    platform = al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], [1.0, 3.0, 2.0, 1.0], supply=[1.0, 1.0])
    found = al.leximin(al.Problem(platform, al.MaxMin()))
    np.testing.assert_allclose(found.allocation.flow, [0, 1, 1, 0], atol=1e-12)
    assert found.allocation.gmv == pytest.approx(5.0)


def test_soft_rules_cost_where_gmv_decides_and_change_no_level():
    platform = al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], [1.0, 3.0, 2.0, 1.0], supply=[1.0, 1.0])
    dear = al.GMVAtLeast(5.0, soft=10.0)
    cap = al.Cap(3.0, of="gmv", soft=1.5, where=[1])
    free = al.leximin(al.Problem(platform, al.GMV(), [dear]))
    capped = al.leximin(al.Problem(platform, al.GMV(), [replace(cap, level=1.0)]))
    for found in (free, capped):
        assert [entry.level for entry in found.levels] == [pytest.approx(1.0)]
    assert free.allocation.gmv == pytest.approx(5.0)
    assert capped.allocation.gmv == pytest.approx(2.0)


# Facts
# -------------------------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(platforms(scales=(1.0,)), st.sampled_from([0.5, 1, 2]))
def test_f11_one_exposure_vector_is_best_for_every_alpha(platform, alpha):
    """Unit values: the leximin exposure maximises every alpha-fair welfare (Frank and Murota 2019)."""
    platform = replace(platform, value=np.ones(platform.edge_count))
    found = al.leximin(al.Problem(platform, al.GMV()))
    assume(found.levels)
    fair = al.Problem(platform, al.AlphaFair(alpha))
    best, here = al.solve(fair, relative_gap=1e-9), al.certify(fair, found.allocation.flow)
    assert here.objective == pytest.approx(best.certificate.bound, rel=1e-6, abs=1e-6)
    assert found.allocation.gmv == pytest.approx(al.solve(al.Problem(platform, al.GMV())).gmv)


@pytest.mark.parametrize("links", [2, 4])
def test_f7_the_limit_of_large_alpha_on_a_star_is_an_even_split(links):
    """x0 = 1 / (1 + L^(1/alpha)) -> 1/2 (Mo and Walrand 2000), by merit where there is any."""
    platform = al.synthetic.star([1.0, 1.0], supply=1.0)
    np.testing.assert_allclose(al.leximin(al.Problem(platform, al.GMV())).allocation.exposure, [0.5, 0.5])
    by_merit = al.leximin(al.Problem(platform, al.GMV()), merit=[1.0, links])
    np.testing.assert_allclose(by_merit.allocation.exposure, [1 / (1 + links), links / (1 + links)])


def test_equal_gmv_on_a_star_takes_impressions_in_inverse_proportion_to_value():
    found = al.leximin(al.Problem(al.synthetic.star([5.0, 1.0, 1.0], supply=11.0), al.GMV()), of="gmv")
    np.testing.assert_allclose(found.allocation.exposure, [1.0, 5.0, 5.0])


# Invariance
# -------------------------------------------------------------------------------------------------------------------


@given(bounded(), st.sampled_from(["exposure", "gmv"]), st.randoms())
def test_scale_and_names_change_nothing(given_, of, random):
    platform, merit, *_ = given_
    found = al.leximin(al.Problem(platform, al.GMV()), of=of, merit=merit)
    order = np.array(random.sample(range(platform.anchor_count), platform.anchor_count))
    there = np.argsort(order)
    rows = np.array(random.sample(range(platform.segment_count), platform.segment_count))
    other = al.Platform.from_edges(
        np.argsort(rows)[platform.segment],
        there[platform.anchor],
        platform.value * 7.0,
        supply=platform.supply[rows] * 1e3,
        capacity=platform.capacity[order],
    )
    again = al.leximin(al.Problem(other, al.GMV()), of=of, merit=3.0 * merit[order])
    factor = 1e3 / 3.0 * (7.0 if of == "gmv" else 1.0)
    np.testing.assert_allclose(again.level_of, factor * found.level_of[order], rtol=1e-7, atol=1e-12)
    assert again.allocation.gmv == pytest.approx(7e3 * found.allocation.gmv, rel=1e-7)


def test_the_same_bytes_twice():
    platform = al.synthetic.heavy_tailed(200, 40, degree=4, rng=np.random.default_rng(1))
    for of in ("exposure", "gmv"):
        first, second = (al.leximin(al.Problem(platform, al.GMV()), of=of) for _ in range(2))
        assert first.allocation.flow.tobytes() == second.allocation.flow.tobytes()
        assert first.level_of.tobytes() == second.level_of.tobytes()


# What breaks code
# -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["exposure", "gmv"])
def test_nothing_to_share_has_no_levels(of):
    platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 1.0], supply=[0.0, 0.0])
    found = al.leximin(al.Problem(platform, al.GMV()), of=of)
    assert found.levels == ()
    assert found.gap == 0
    np.testing.assert_array_equal(found.level_of, [0.0, 0.0])


@pytest.mark.parametrize("of", ["exposure", "gmv"])
def test_isolated_anchors_take_no_part(of):
    platform = al.Platform.from_edges([0, 0, 1], [0, 2, 2], [1.0, 1.0, 1.0], supply=[1.0, 2.0], capacity=[np.inf] * 4)
    found = al.leximin(al.Problem(platform, al.GMV()), of=of)
    np.testing.assert_allclose(found.level_of, [1.0, 0.0, 2.0, 0.0])
    assert found.rank.tolist() == [0, -1, 1, -1]


@pytest.mark.parametrize("of", ["exposure", "gmv"])
@pytest.mark.parametrize("count", [1, 7])
def test_alike_anchors_make_one_level_however_many_parts_they_fall_into(of, count):
    """Separate stars whose levels are equal up to rounding."""
    supply = np.full(count, 0.1) * 3
    platform = al.Platform.from_edges(
        np.repeat(np.arange(count), 3), np.arange(3 * count), np.ones(3 * count), supply=supply
    )
    found = al.leximin(al.Problem(platform, al.GMV()), of=of)
    assert [entry.level for entry in found.levels] == [pytest.approx(0.1)]
    assert found.levels[0].anchors.tolist() == list(range(3 * count))
    assert found.gap <= 1e-9


@example(1.0)
@given(st.floats(1e-3, 1.0))
def test_caps_and_floors_that_bind_are_levels_of_their_own(share):
    platform = al.synthetic.star([3.0, 2.0, 1.0], supply=30.0)
    rules = [al.Cap(share * 10.0, where=[0]), al.Floor(15.0, where=[2])]
    found = al.leximin(al.Problem(platform, al.GMV(), rules))
    expected = [min(10.0 * share, 7.5), max(15.0 - 10.0 * share, 7.5), 15.0]
    np.testing.assert_allclose(found.level_of, expected, rtol=1e-9)
    assert len(found.levels) == len(np.unique(np.round(expected, 6)))
    assert found.gap <= 1e-9


@pytest.mark.parametrize("of", ["exposure", "gmv"])
def test_floors_that_contradict_supply_are_refused_by_name(of):
    platform = al.Platform.from_edges([0, 0, 1], [0, 1, 2], [1.0, 1.0, 1.0], supply=[1.0, 5.0])
    with pytest.raises(al.AllocationError, match="floors of 2 anchors") as refusal:
        al.leximin(al.Problem(platform, al.GMV(), [al.Floor(0.75, where=[0, 1])]), of=of)
    assert refusal.value.status is al.Status.INFEASIBLE
    assert refusal.value.witness is not None
    with pytest.raises(al.AllocationError, match="above reach"):
        al.leximin(al.Problem(platform, al.GMV(), [al.Floor(2.0, where=[0])]), of=of)


def test_what_it_cannot_take_is_refused_in_a_sentence():
    platform = al.synthetic.star([3.0, 2.0, 1.0])
    with pytest.raises(al.UnsupportedError, match="HHIAtMost is not linear"):
        al.leximin(al.Problem(platform, al.GMV(), [al.HHIAtMost(0.9)]))
    with pytest.raises(ValueError, match="merits must be finite and > 0"):
        al.leximin(al.Problem(platform, al.GMV()), merit=0.0)


def test_it_tells_what_it_does():
    lines = []
    platform = al.Platform.from_edges([0, 0, 1], [0, 2, 2], [1.0, 1.0, 1.0], supply=[1.0, 2.0])
    found = al.leximin(al.Problem(platform, al.GMV()), of="gmv", report=lines.append)
    assert lines == ["level 1: 1 of 2 open anchors stop", "level 2: 1 of 1 open anchors stop"]
    assert repr(found).startswith("Leximin of gmv(2 levels from 1 to 2, proved to a relative ")
    al.leximin(al.Problem(platform, al.GMV()), report=lines.append)
    assert lines[2] == "2 levels of exposure; now the highest GMV"


# Max-min of some anchors, and bounds on some edges
# -------------------------------------------------------------------------------------------------------------------


@given(platforms(), st.sampled_from(["exposure", "gmv"]), st.data())
def test_max_min_of_some_anchors_obeys_fenchels_inequality(platform, of, data):
    where = np.array([data.draw(st.booleans()) for _ in range(platform.anchor_count)])
    rule = (3.0 * al.MaxMin(of=of, where=where)).bind(platform)
    totals = Totals(platform, data.draw(flows(platform)))
    p = np.array([data.draw(st.floats(-5, 5)) for _ in range(platform.anchor_count)])
    conjugate, linear = rule.conjugate(p), float(p @ totals.of(of))
    size = np.abs(conjugate).sum() + np.abs(p) @ totals.of(of)
    assert rule.value(totals).sum() - linear <= conjugate.sum() + 1e-12 * size
    chosen = totals.of(of)[where & (platform.reach_of(of) > 0)]
    assert rule.value(totals).sum() == pytest.approx(3.0 * chosen.min(initial=np.inf) if chosen.size else 0.0)


def test_a_bound_on_some_edges_is_one_on_the_platform_without_the_others():
    platform = al.synthetic.heavy_tailed(30, 6, degree=3, rng=np.random.default_rng(2))
    edges = np.random.default_rng(3).random(platform.edge_count) < 0.5
    less = al.Platform.from_edges(
        platform.segment[edges],
        platform.anchor[edges],
        platform.value[edges],
        supply=platform.supply,
        capacity=platform.capacity,
    )
    price = np.linspace(-1.0, 0.0, platform.anchor_count)
    problem, nothing = al.Problem(platform, al.GMV(), [al.Cap("even:1")]), np.zeros(platform.edge_count)
    on_some, whole = (al.certify(problem, nothing, [None, price], edges=which) for which in (edges, None))
    without = al.certify(replace(problem, platform=less), nothing[edges], [None, price])
    assert without.bound <= on_some.bound < whole.bound  # without the others anchors have less reach
    expected = less.supply * np.maximum(less.largest_in_segments(less.value + price[less.anchor]), 0.0)
    level = np.minimum(platform.supply.sum() / 6, platform.reach)
    assert on_some.bound == pytest.approx(expected.sum() - (price * level).sum())
