"""Every rule: Fenchel's inequality, its equality, fits that never hurt, models that mean the same, and refusals."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import allocator as al
from allocator.rules import RULES, Constraint, Totals, Welfare, from_record
from allocator.rules.levels import anchors_where, per_anchor
from strategies import ALPHAS, keeping_even, platforms, terms


@st.composite
def bound_rules(draw):
    platform = draw(platforms())
    rules = [draw(terms()), al.GMV(), *keeping_even(draw, platform)]
    return draw(st.sampled_from(rules)).bind(platform)


@st.composite
def bound_constraints(draw):
    platform = draw(platforms())
    return draw(st.sampled_from(keeping_even(draw, platform) or [al.Capacity()])).bind(platform)


def random_flow(platform, data):
    """Any feasible flow: shares of each segment's supply."""
    share = np.array(
        data.draw(
            st.lists(st.integers(0, 8).map(lambda k: k / 8), min_size=platform.edge_count, max_size=platform.edge_count)
        )
    )
    total = platform.into_segments(share)
    share = share / np.maximum(total, 1.0)[platform.segment]
    return share * platform.supply[platform.segment]


def random_marginals(rule, data):
    """Raw marginals of any sign and size, some near the ones that matter."""
    scale = data.draw(st.sampled_from([0.0, 1e-6, 1.0, 1e3]))
    raw = np.array(
        data.draw(st.lists(st.floats(-1, 1), min_size=rule.platform.anchor_count, max_size=rule.platform.anchor_count))
    )
    return {rule.of: raw * scale}


def total(rule, totals, multipliers):
    """marginals . amounts."""
    return sum(float(marginal @ totals.of(good)) for good, marginal in rule.marginals(multipliers).items())


@given(bound_rules(), st.data())
def test_fenchel_inequality_for_any_multipliers_of_any_sign(rule, data):
    totals = Totals(rule.platform, random_flow(rule.platform, data))
    multipliers = None if isinstance(rule, al.GMV) else random_marginals(rule, data)[rule.of]
    if isinstance(rule, Constraint):
        assume(not rule.excess(totals).any())
        value = np.zeros(1)
    else:
        value = rule.value(totals)
    summands = rule.conjugate(multipliers)
    size = np.abs(value[np.isfinite(value)]).sum() + np.abs(summands).sum() + abs(total(rule, totals, multipliers))
    assert np.isfinite(summands).all()
    assert value.sum() - total(rule, totals, multipliers) <= summands.sum() + 1e-12 * size


@given(platforms(), terms(), st.data())
def test_fenchel_equality_at_supporting_multipliers(platform, term, data):
    rule = term.bind(platform)
    totals = Totals(platform, random_flow(platform, data))
    amounts = totals.of(rule.of)[rule.reach > 0]
    assume(amounts.size and amounts.min() > 1e-5 * amounts.mean())
    if isinstance(rule, al.MaxMin):
        assume(rule.reach[rule.active[np.argmin(amounts)]] == rule.reach[rule.active].min())
    multipliers = rule.supergradient(totals)
    value, conjugate, linear = (
        rule.value(totals).sum(),
        rule.conjugate(multipliers).sum(),
        total(rule, totals, multipliers),
    )
    size = np.abs(rule.value(totals)).sum() + np.abs(rule.conjugate(multipliers)).sum() + abs(linear)
    assert value - linear == pytest.approx(conjugate, abs=1e-9 * size)


@given(bound_rules(), st.data())
def test_fit_never_loosens_the_bound(rule, data):
    """bound = sum_i b_i max(0, max_e s_e) + conjugate, whatever else is in the surplus."""
    assume(not isinstance(rule, al.GMV))
    platform, raw = rule.platform, random_marginals(rule, data)
    other = np.array(data.draw(st.lists(st.floats(-2, 2), min_size=platform.edge_count, max_size=platform.edge_count)))

    def bound(multipliers):
        measure = platform.measure(rule.of)
        s = other * (np.abs(raw[rule.of]).max() or 1.0) + rule.marginals(multipliers)[rule.of][platform.anchor] * (
            1.0 if measure is None else measure
        )
        rents = platform.supply * np.maximum(platform.largest_in_segments(s), 0.0)
        return rents.sum() + rule.conjugate(multipliers).sum(), rents.sum() + np.abs(rule.conjugate(multipliers)).sum()

    (fitted, size), (given_, size_raw) = bound(rule.fit(raw)), bound(raw[rule.of])
    assert fitted <= given_ + 1e-12 * (size + size_raw)
    np.testing.assert_allclose(rule.fit(rule.marginals(rule.fit(raw))), rule.fit(raw), rtol=1e-12, atol=0)


@given(bound_constraints(), st.data())
def test_box_rows_and_excess_mean_the_same(rule, data):
    totals = Totals(rule.platform, random_flow(rule.platform, data))
    amounts = totals.of(rule.of)
    broken = np.maximum(amounts - rule.box.upper, 0) + np.maximum(rule.box.lower - amounts, 0)
    np.testing.assert_array_equal(rule.excess(totals), broken)
    by_rows = rule.rows.coefficients[rule.of] @ amounts
    np.testing.assert_array_equal(
        np.maximum(by_rows - rule.rows.upper, 0) + np.maximum(rule.rows.lower - by_rows, 0), broken
    )
    assert (rule.violation(totals).relative > 0) == broken.any()


@given(platforms(), terms(), st.sampled_from([0.25, 1.0, 3.0]))
def test_level_is_what_everybody_alike_would_need(platform, term, share):
    rule = term.bind(platform)

    class Alike(Totals):
        def of(self, good):
            return np.full(platform.anchor_count, share)

    assume(rule.active.size)
    assert rule.level(Alike(platform, None)) == pytest.approx(share)
    flow = Totals(platform, platform.even_flow)
    level = rule.level(flow)

    class Level(Totals):
        def of(self, good):
            return np.full(platform.anchor_count, level)

    if level > 0:
        assert rule.value(Level(platform, None)).sum() == pytest.approx(
            rule.value(flow).sum(), rel=1e-6, abs=1e-9 * rule.weight * rule.active.size
        )


@given(bound_rules())
def test_records_read_back(rule):
    record = rule.record()
    assert from_record(record).record() == record
    assert set(RULES) >= {record["rule"]}


def test_weights_multiply_and_zero_vanishes():
    objective = 2 * (al.GMV() + 3 * al.Nash()) + 0 * al.MaxMin()
    assert [term.weight for term in al.Problem(al.synthetic.star([1, 2]), objective).objective.terms] == [2, 6]


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf])
def test_weights_that_are_not_concave_are_refused_naming_the_term(bad):
    with pytest.raises(ValueError, match="Nash of exposure"):
        bad * al.Nash()
    with pytest.raises(ValueError, match="Nash of exposure"):
        _ = al.GMV() - al.Nash()


@pytest.mark.parametrize("alpha", [0, -1, np.nan, np.inf, "2"])
def test_alpha_outside_its_domain(alpha):
    with pytest.raises(ValueError, match="alpha must be"):
        al.AlphaFair(alpha)


STAR = al.Platform.from_edges(
    [0, 0, 0],
    [0, 1, 2],
    [1.0, 2.0, 3.0],
    supply=[10.0],
    observed=[2, 3, 5],
    anchors={
        "id": ["ann", "bob", "cleo"],
        "tier": ["new", "new", "head"],
        "vip": [True, False, False],
        "age": [1, 2, 3],
    },
)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (5, [5, 5, 5]),
        ("5", [5, 5, 5]),
        ([1, 2, 3], [1, 2, 3]),
        ({"bob": 4}, [0, 4, 0]),
        ("observed:0.5", [1, 1.5, 2.5]),
        ("reach:0.1", [1, 1, 1]),
        ("even:0.3", [1, 1, 1]),
        ("capacity:2", [np.inf] * 3),
    ],
)
def test_levels(level, expected):
    np.testing.assert_allclose(per_anchor(STAR, level, of="exposure", neutral=0.0), expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, [1, 1, 1]),
        ("tier=new", [1, 1, 0]),
        ("vip=true", [1, 0, 0]),
        ("age=2", [0, 1, 0]),
        (["cleo"], [0, 0, 1]),
        ("id=bob", [0, 1, 0]),
        (np.array([True, False, True]), [1, 0, 1]),
    ],
)
def test_where(where, expected):
    np.testing.assert_array_equal(anchors_where(STAR, where), np.array(expected, dtype=bool))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (al.Floor(-1), "ann, bob, cleo has -1"),
        (al.Floor(np.nan), "nan"),
        (al.Floor(np.inf), "must be finite"),
        (al.Cap([1, np.nan, 1]), "bob has nan"),
        (al.Floor([1, 2]), "one per anchor"),
        (al.Floor({"dan": 1}), "no anchor has the id dan"),
        (al.Floor(1, where=["dan"]), "dan"),
        (al.Floor(1, where="teir=new"), "did you mean 'tier'"),
        (al.Floor(1, where="tier=nwe"), "did you mean 'new'"),
        (al.Floor(1, where="new"), "attribute=value"),
        (al.Floor(1, where=np.array([True])), "one entry per anchor"),
        (al.Floor("observd:1"), "did you mean 'observed'"),
        (al.Floor("observed:x"), "'x' in 'observed:x' is not a number"),
        (al.Floor("many"), "not a number"),
        (al.Cap(1, of="likes"), "no edge measure 'likes'"),
        (al.Cap(1, where="age=old"), "not a number"),
        (al.AlphaFair(1, weights=[1, -1, 1]), "bob has -1"),
        (al.AlphaFair(1, weights=[1, 0, 1]), "bob has 0"),
        (al.AlphaFair(1, merit=np.nan), "nan"),
        (al.MaxMin(merit=0), "merits"),
    ],
)
def test_bad_levels_weights_and_names_are_refused_in_one_sentence(rule, said):
    with pytest.raises((ValueError, KeyError)) as error:
        rule.bind(STAR)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_terms_and_constraints_have_their_places():
    with pytest.raises(TypeError, match="Floor is not a term"):
        al.Problem(STAR, al.GMV() + al.Floor(1))
    with pytest.raises(TypeError, match="Nash of exposure is not a constraint"):
        al.Problem(STAR, al.GMV(), [al.Nash()])


@pytest.mark.parametrize("alpha", ALPHAS)
def test_anchors_forced_to_zero_are_refused_by_name_only_where_it_matters(alpha):
    make = lambda: al.Problem(STAR, al.GMV() + al.AlphaFair(alpha), [al.Cap({"bob": 0})])  # noqa: E731
    if alpha < 1:
        assert al.solve(make(), relative_gap=1e-5).exposure[1] == pytest.approx(0, abs=1e-9)
    else:
        with pytest.raises(ValueError, match="forces anchor bob to zero"):
            make()


def test_welfare_leaves_out_anchors_without_reach_and_says_so():
    platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 1.0], supply=[1.0, 0.0], anchors={"id": ["seen", "unseen"]})
    problem = al.Problem(platform, al.Nash())
    assert any("unseen" in notice for notice in problem.notices)
    assert np.isfinite(al.solve(problem).certificate.objective)


@given(st.data())
def test_algebra_of_welfare_terms_is_linear(data):
    platform = data.draw(platforms())
    term = data.draw(terms())
    totals = Totals(platform, platform.even_flow)
    assert isinstance(term, Welfare)
    assert (3 * term).bind(platform).value(totals).sum() == pytest.approx(
        3 * term.bind(platform).value(totals).sum(), nan_ok=True
    )
