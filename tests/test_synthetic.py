"""Laws of the synthetic families: what was asked for is there, and what is claimed to be optimal is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator import synthetic
from allocator.synthetic.watching import watch, watch_blocks

FAMILIES = {
    "uniform": lambda rng: synthetic.uniform(60, 20, degree=4, rng=rng),
    "heavy_tailed": lambda rng: synthetic.heavy_tailed(60, 20, degree=4, rng=rng),
    "blocks": lambda rng: synthetic.blocks(60, 20, verticals=4, breadth=0.3, degree=4, rng=rng),
    "planted": lambda rng: synthetic.planted(60, 20, degree=4, rng=rng).platform,
    **{name: (lambda rng, preset=preset: preset(60, 20, rng=rng)) for name, preset in synthetic.PRESETS.items()},
}
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed):
    return np.random.default_rng(seed)


# Every random family.


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_same_seed_same_platform_other_seed_another(family):
    first, again, other = family(drawn(3)), family(drawn(3)), family(drawn(4))
    assert first.content_hash == again.content_hash != other.content_hash
    assert (first.segment_count, first.anchor_count, first.value.dtype) == (60, 20, np.float64)


@pytest.mark.parametrize("family", [synthetic.uniform, synthetic.heavy_tailed, synthetic.planted])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segments": 0}, "segments must be at least 1, not 0"),
        ({"anchors": -2}, "anchors must be at least 1, not -2"),
        ({"segments": 2.5}, "segments must be a whole number, not 2.5"),
        ({"degree": 0}, "degree must be at least 1, not 0"),
        ({"degree": 6}, r"degree must be at most 5 \(the anchors: 5\), not 6"),
        ({"rng": 7}, "rng must be a numpy.random.Generator .* not int"),
    ],
)
def test_refusals_name_the_parameter(family, change, message):
    asked = {"segments": 10, "anchors": 5, "degree": 2, "rng": drawn(0)} | change
    with pytest.raises(ValueError, match=message):
        family(asked.pop("segments"), asked.pop("anchors"), **asked)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: synthetic.heavy_tailed(5, 5, degree=2, popularity=-1, rng=rng), "popularity .* not -1"),
        (lambda rng: synthetic.heavy_tailed(5, 5, degree=2, value_sigma=np.nan, rng=rng), "value_sigma .* not nan"),
        (lambda rng: synthetic.blocks(5, 5, verticals=2, breadth=1.1, degree=1, rng=rng), "breadth .* not 1.1"),
        (
            lambda rng: synthetic.blocks(5, 5, verticals=6, breadth=0.1, degree=1, rng=rng),
            "verticals must be at most 5",
        ),
        (lambda rng: synthetic.blocks(5, 5, verticals=2, breadth=0.1, degree=3, rng=rng), "degree must be at most 2"),
        (lambda rng: synthetic.blocks(5, 5, verticals=1, breadth=0.1, degree=3, rng=rng), "degree must be at most 0"),
        (lambda rng: synthetic.planted(5, 5, degree=2, value_scale=0, rng=rng), "value_scale must be within"),
        (lambda rng: synthetic.kuaishou(0, 5, rng=rng), "segments must be at least 1"),
        (lambda rng: synthetic.kuaishou(5, 5, rng=None), "rng must be a numpy.random.Generator .* not NoneType"),
        (lambda rng: replace(synthetic.KUAISHOU, breadth=2), r"breadth must be within \[0, 1\], not 2"),
        (lambda rng: replace(synthetic.KUAISHOU, linked_share=-1), r"linked_share must be within \[0, 1\], not -1"),
        (lambda rng: replace(synthetic.KUAISHOU, intent=0), "intent must be finite and at least 1e-09, not 0"),
        (lambda rng: replace(synthetic.KUAISHOU, degrees=(9, 3)), "the smaller of degrees must be at most 3"),
        (lambda rng: synthetic.star([]), r"values must be a non-empty one-dimensional array, not of shape \(0,\)"),
        (lambda rng: synthetic.star(["a"]), "values must be a list of numbers"),
        (lambda rng: synthetic.star([1], supply="many"), "supply must be a number, not 'many'"),
        (lambda rng: synthetic.tight(3, 4), r"x must be at most 3 \(n\), not 4"),
    ],
)
def test_other_refusals_name_the_parameter(call, message):
    with pytest.raises(ValueError, match=message):
        call(drawn(0))


# Who watches whom.


@given(seed=SEEDS, anchors=st.integers(1, 30), exponent=st.sampled_from([0.0, 1.0, 4.0]), data=st.data())
def test_watch_gives_distinct_sorted_anchors_in_the_numbers_asked(seed, anchors, exponent, data):
    degrees = np.array(data.draw(st.lists(st.integers(0, anchors), min_size=1, max_size=30)))
    segment, anchor = watch(degrees, np.arange(1.0, anchors + 1) ** -exponent, rng=drawn(seed))
    assert (np.diff(segment * anchors + anchor) > 0).all()
    assert (np.bincount(segment, minlength=degrees.size) == degrees).all()
    assert ((anchor >= 0) & (anchor < anchors)).all()


@pytest.mark.parametrize("degree", [1, 2])
def test_watch_is_successive_sampling(degree):
    """Inclusion probabilities of drawing without replacement, by hand: P(j) = p_j + sum_k p_k p_j / (1 - p_k)."""
    weights = np.array([8.0, 4.0, 2.0, 1.0, 1.0])
    shares, count = weights / weights.sum(), 40_000
    _, anchor = watch(np.full(count, degree), weights, rng=drawn(1))
    second = np.array([sum(shares[k] * shares[j] / (1 - shares[k]) for k in range(5) if k != j) for j in range(5)])
    expected = shares + (degree == 2) * second
    standard_error = np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(np.bincount(anchor) / count - expected) < 4.5 * standard_error).all()


def test_the_race_that_finishes_late_rounds_samples_alike():
    """Degree 2 of 3 with one dominant anchor: nearly all second anchors are found by the race."""
    weights, count = np.array([1e6, 2.0, 1.0]), 20_000
    _, anchor = watch(np.full(count, 2), weights, rng=drawn(2))
    seen = np.bincount(anchor)
    assert seen[0] > 0.999 * count
    assert abs(seen[1] / count - 2 / 3) < 4.5 * np.sqrt(2 / 9 / count)


@given(seed=SEEDS, breadth=st.floats(0, 1), anchors=st.integers(1, 12), degree=st.integers(1, 12))
def test_watch_blocks_keeps_degrees_even_where_a_block_is_too_small(seed, breadth, anchors, degree):
    rng, degree = drawn(seed), min(degree, anchors)
    own = rng.integers(3, size=10), rng.integers(3, size=anchors)
    segment, anchor = watch_blocks(np.full(10, degree), np.ones(anchors), own=own, breadth=breadth, rng=rng)
    assert (np.bincount(segment, minlength=10) == degree).all()
    assert (np.diff(segment * anchors + anchor) > 0).all()


# Random families.


@given(seed=SEEDS, segments=st.integers(1, 40), anchors=st.integers(1, 25), data=st.data())
def test_sizes_and_degrees_are_as_asked(seed, segments, anchors, data):
    degree = data.draw(st.integers(1, anchors))
    for platform in (
        synthetic.uniform(segments, anchors, degree=degree, rng=drawn(seed)),
        synthetic.planted(segments, anchors, degree=degree, rng=drawn(seed)).platform,
    ):
        assert (platform.segment_count, platform.anchor_count) == (segments, anchors)
        assert (np.diff(platform.indptr) == degree).all()
    degrees = np.diff(synthetic.heavy_tailed(segments, anchors, degree=degree, rng=drawn(seed)).indptr)
    assert degrees.min() >= 1
    assert degrees.max() <= min(anchors, 2 * degree - 1)


def test_uniform_is_even():
    platform = synthetic.uniform(4_000, 50, degree=5, rng=drawn(1))
    watchers = np.bincount(platform.anchor, minlength=50)
    assert np.abs(watchers - 400).max() < 4.5 * np.sqrt(400 * 0.9)
    assert (platform.supply == 1).all()
    assert abs(platform.value.mean() - 0.5) < 4.5 / np.sqrt(12 * 20_000)


def test_heavy_tailed_follows_zipf_and_lognormal():
    """F20: at exponent 1 the top anchor of 1000 has 13.36 % and the top 10 39.13 %, met exactly by single draws."""
    platform = synthetic.heavy_tailed(40_000, 1_000, degree=1, rng=drawn(5))
    shares = np.bincount(platform.anchor, minlength=1_000) / platform.edge_count
    for head, expected in ((1, 0.1336), (10, 0.3913), (100, 0.6930)):
        assert abs(shares[:head].sum() - expected) < 1e-4 + 4.5 * np.sqrt(expected * (1 - expected) / 40_000)
        assert platform.anchors["popularity"][:head].sum() == pytest.approx(expected, abs=5e-5)
    for amounts in (platform.value, platform.supply):
        assert abs(np.log(amounts).std() - 1) < 4.5 / np.sqrt(2 * 40_000)
        assert abs(amounts.mean() - 1) < 4.5 * np.sqrt((np.e - 1) / 40_000)


def test_heavy_tailed_degrees_have_the_mean_asked():
    degrees = np.diff(synthetic.heavy_tailed(20_000, 200, degree=10, rng=drawn(5)).indptr)
    assert (degrees.min(), degrees.max()) == (1, 19)
    assert abs(degrees.mean() - 10) < 4.5 * np.sqrt(30 / 20_000)


@pytest.mark.parametrize("breadth", [0.0, 0.1, 0.6, 1.0])
def test_blocks_cross_as_often_as_asked(breadth):
    """Each of E edges crosses independently: the standard error of the share is sqrt(b (1 - b) / E)."""
    platform = synthetic.blocks(2_000, 90, verticals=5, breadth=breadth, degree=12, rng=drawn(8))
    crosses = platform.segments["vertical"][platform.segment] != platform.anchors["vertical"][platform.anchor]
    assert abs(crosses.mean() - breadth) <= 4.5 * np.sqrt(breadth * (1 - breadth) / platform.edge_count)
    assert (np.diff(platform.indptr) == 12).all()
    for table in (platform.segments, platform.anchors):
        assert np.ptp(np.bincount(table["vertical"], minlength=5)) <= 1


# Textbook platforms.


def test_star_has_the_values_given():
    platform = synthetic.star([10, 6, 3, 1], supply=100)
    assert platform.indptr.tolist() == [0, 4]
    assert platform.anchor.tolist() == [0, 1, 2, 3]
    assert platform.value.tolist() == [10, 6, 3, 1]
    assert platform.supply.tolist() == [100]


def test_floors_on_a_star_cost_what_f3_says():
    """F3: a floor f = 15 each costs f sum(vmax - v) = 300 of 1000, and f = S/n half of it."""
    platform = synthetic.star([10, 6, 3, 1], supply=100)
    floored = np.array([100 - 3 * 15, 15, 15, 15])
    assert 100 * platform.value.max() - (floored * platform.value).sum() == 300
    assert (platform.even_flow * platform.value).sum() == 500


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8))
def test_opposite_makes_fairness_free(values):
    """F4: the favourites are a permutation, so the largest GMV comes with equal exposures and equal GMV."""
    platform, n = synthetic.opposite(values, supply=3.0), len(values)
    matrix = platform.value.reshape(n, n)
    assert all(matrix[i, j] == values[(j - i) % n] for i in range(n) for j in range(n))
    favourite = np.zeros((n, n))
    favourite[np.arange(n), (np.arange(n) + np.argmax(values)) % n] = 3.0
    assert platform.amounts("exposure", favourite.ravel()).tolist() == [3.0] * n
    assert platform.amounts("gmv", favourite.ravel()).tolist() == [3.0 * max(values)] * n
    assert platform.total_of("gmv") == 3.0 * n * max(values)


@pytest.mark.parametrize(
    ("n", "x", "alpha", "price"),
    [
        (4, 2, 1.0, 1 / 4),
        (9, 3, 1.0, 4 / 9),
        (9, 3, 2.0, 0.517327),
        (3, 2, np.inf, 1 / 4),
        (9, 5, np.inf, 0.64),
    ],
)
def test_tight_attains_the_price_of_fairness(n, x, alpha, price):
    """F1: with GMV in proportion to v^(1/alpha) the flow is feasible and loses exactly the bound."""
    platform = synthetic.tight(n, x)
    assert platform.value.tolist() == [x] * x + [1] * (n - x)
    np.testing.assert_allclose(platform.capacity * platform.value, 1, rtol=1e-15)
    shape = platform.value ** (1 / alpha - 1)
    flow = shape / shape.sum()
    assert (flow <= platform.capacity * (1 + 1e-15)).all()
    assert 1 - (flow * platform.value).sum() / x == pytest.approx(price, abs=1e-6)


# Planted optima.


def bound(case):
    """Weak duality by hand: (bound, sum of the absolute values of its terms)."""
    platform, beta = case.platform, case.prices
    rent = np.maximum(0, platform.largest_in_segments(platform.value + beta[platform.anchor]))
    caps = np.minimum(platform.capacity, platform.reach) * np.maximum(0, -beta)
    floors = case.floor * np.maximum(0, beta)
    supplies = platform.supply * rent
    return supplies.sum() + caps.sum() - floors.sum(), supplies.sum() + caps.sum() + floors.sum()


def assert_feasible(case, tolerance):
    platform, exposure = case.platform, case.platform.into_anchors(case.flow)
    assert case.flow.min() >= 0
    assert (platform.into_segments(case.flow) <= platform.supply * (1 + tolerance)).all()
    assert (exposure <= platform.capacity * (1 + tolerance)).all()
    assert (exposure >= case.floor * (1 - tolerance)).all()


@st.composite
def asked(draw):
    anchors = draw(st.integers(1, 40))
    return draw(st.integers(1, 60)), anchors, draw(st.integers(1, anchors)), draw(SEEDS)


@given(asked(), st.sampled_from([2.0**-300, 2.0**-20, 1.0, 2.0**40]), st.sampled_from([2.0**-60, 1.0, 2.0**300]))
def test_planted_is_tight_without_rounding_at_powers_of_two(size, money, traffic):
    segments, anchors, degree, seed = size
    case = synthetic.planted(segments, anchors, degree=degree, rng=drawn(seed), value_scale=money, supply_scale=traffic)
    assert_feasible(case, 0.0)
    assert bound(case)[0] == case.objective == (case.flow * case.platform.value).sum() > 0


@given(asked(), st.floats(1e-9, 1e9), st.floats(1e-9, 1e9))
def test_planted_is_tight_at_any_scale(size, money, traffic):
    segments, anchors, degree, seed = size
    case = synthetic.planted(segments, anchors, degree=degree, rng=drawn(seed), value_scale=money, supply_scale=traffic)
    assert_feasible(case, 1e-13)
    total, absolute = bound(case)
    assert abs(total - case.objective) <= 16 * np.finfo(float).eps * absolute


@given(asked())
def test_planted_prices_are_where_rules_bind(size):
    segments, anchors, degree, seed = size
    case = synthetic.planted(segments, anchors, degree=degree, rng=drawn(seed))
    platform, exposure = case.platform, case.platform.into_anchors(case.flow)
    assert (platform.capacity[case.prices < 0] == exposure[case.prices < 0]).all()
    assert (platform.capacity[case.prices >= 0] > exposure[case.prices >= 0]).all()
    assert (case.floor[case.prices > 0] == exposure[case.prices > 0]).all()
    surplus = platform.value + case.prices[platform.anchor]
    rent = np.maximum(0, platform.largest_in_segments(surplus))
    assert (surplus[case.flow > 0] == rent[platform.segment][case.flow > 0]).all()
    assert (rent[platform.into_segments(case.flow) < platform.supply] == 0).all()


def test_planted_holds_the_hard_cases():
    case = synthetic.planted(20_000, 400, degree=10, rng=drawn(1))
    platform = case.platform
    surplus = platform.value + case.prices[platform.anchor]
    rent = np.maximum(0, platform.largest_in_segments(surplus))
    spare = platform.into_segments(case.flow) < platform.supply
    assert spare.sum() == 5_000
    assert (platform.supply == 0).sum() == 2_500
    assert (rent[~spare] == 0).any()
    ties = (case.flow == 0) & (surplus == rent[platform.segment]) & (platform.supply > 0)[platform.segment]
    assert 0.05 < ties.mean() < 0.5
    assert np.isinf(platform.capacity).any()
    assert (case.floor[case.prices == 0] > 0).any()
    assert min((case.prices > 0).sum(), (case.prices < 0).sum(), (case.prices == 0).sum()) > 50
    assert bound(case)[0] == case.objective
    with pytest.raises(ValueError, match="read-only"):
        case.flow[0] = 1
