"""Indices of inequality against closed forms (facts F17-F20) and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator import metrics

amounts = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e9)), min_size=1, max_size=40)
INDICES = {
    "gini": metrics.gini,
    "jain": metrics.jain,
    "hhi": metrics.hhi,
    "hoover": metrics.hoover,
    "theil": metrics.theil,
    "atkinson(.5)": lambda x: metrics.atkinson(x, 0.5),
    "atkinson(1)": lambda x: metrics.atkinson(x, 1),
    "atkinson(2)": lambda x: metrics.atkinson(x, 2),
    "top_share": metrics.top_share,
}


def test_f17_one_vector_by_every_index():
    x = [1, 2, 3, 4]
    expected = {
        "gini": 0.25,
        "jain": 5 / 6,
        "hoover": 0.2,
        "hhi": 0.3,
        "theil": 0.106440,
        "atkinson(.5)": 0.055586,
        "atkinson(1)": 0.114654,
        "atkinson(2)": 0.232,
    }
    for name, value in expected.items():
        assert INDICES[name](x) == pytest.approx(value, abs=5e-7), name
    generalised_gini = np.sort(x) @ [0.4375, 0.3125, 0.1875, 0.0625]
    assert generalised_gini == pytest.approx(1.875) == np.mean(x) * (1 - metrics.gini(x))


@given(amounts)
def test_f18_identities(x):
    n, jain, gini = len(x), metrics.jain(x), metrics.gini(x)
    x = np.array(x) if any(x) else np.ones(n)
    assert jain == pytest.approx(1 / (1 + (np.std(x) / np.mean(x)) ** 2), rel=1e-9)
    assert n * metrics.hhi(x) * jain == pytest.approx(1, rel=1e-9)
    assert metrics.hoover(x) - 1e-12 <= gini <= 1 - 1 / n + 1e-12
    assert gini == pytest.approx(np.abs(x[:, None] - x).mean() / (2 * x.mean()), abs=1e-9)


@given(st.integers(1, 30), st.data())
def test_f18_k_equal_of_n(n, data):
    k = data.draw(st.integers(1, n))
    x = np.zeros(n)
    x[:k] = 7.0
    assert metrics.jain(x) == pytest.approx(k / n)
    assert metrics.gini(x) == pytest.approx(1 - k / n, abs=1e-12)


def test_f19_pareto_tail_from_a_large_sample():
    alpha = np.log(5) / np.log(4)
    sample = (1 - (np.arange(2_000_000) + 0.5) / 2_000_000) ** (-1 / alpha)
    assert alpha == pytest.approx(1.160964, abs=1e-6)
    # Quantile midpoints lack the extreme tail of a distribution with mean 1 / (1 - 1/alpha): count what they hold
    # against the true total.
    held = np.cumsum(sample) / sample.size * (1 - 1 / alpha)
    p = (np.arange(sample.size) + 1) / sample.size
    assert np.abs(held - (1 - (1 - p) ** (1 - 1 / alpha)))[:-1000].max() < 1e-4
    for share, top in ((0.2, 0.8), (0.01, 0.5281), (0.001, 0.3838)):
        assert 1 - np.interp(1 - share, p, held) == pytest.approx(top, abs=1e-4)
    assert 1 - 2 * held.mean() == pytest.approx(0.756471, abs=1e-3)


@pytest.mark.parametrize(("s", "top1"), [(0.8, 0.0646), (1.0, 0.1336), (1.2, 0.2306)])
def test_f20_zipf(s, top1):
    x = np.arange(1, 1001.0) ** -s
    assert metrics.top_share(x, 0.001) == pytest.approx(top1, abs=5e-5)
    if s == 1:
        assert metrics.top_share(x, 0.01) == pytest.approx(0.3913, abs=5e-5)
        assert metrics.top_share(x, 0.1) == pytest.approx(0.6930, abs=5e-5)
        assert metrics.gini(x) == pytest.approx(0.7338, abs=5e-5)


@given(amounts, st.sampled_from(sorted(INDICES)), st.sampled_from([1e-12, 1e-3, 1e9]))
def test_scale_order_and_replication_change_nothing(x, name, scale):
    index = INDICES[name]
    value = index(x)
    assert index(np.array(x) * scale) == pytest.approx(value, abs=1e-9)
    assert index(x[::-1]) == pytest.approx(value, abs=1e-9)
    if name not in ("hhi", "top_share"):
        assert index(x * 2) == pytest.approx(value, abs=1e-9)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=20), st.data())
def test_a_transfer_from_rich_to_poor_never_raises_inequality(x, data):
    poor, rich = np.argmin(x), np.argmax(x)
    moved = np.array(x)
    step = data.draw(st.floats(0, 0.5)) * (moved[rich] - moved[poor])
    moved[poor] += step
    moved[rich] -= step
    for name in ("gini", "hhi", "hoover", "theil", "atkinson(.5)", "atkinson(2)"):
        assert INDICES[name](moved) <= INDICES[name](x) + 1e-9, name
    assert metrics.jain(moved) >= metrics.jain(x) - 1e-9


@pytest.mark.parametrize("name", sorted(INDICES))
def test_zero_and_bad_input_is_defined(name):
    even = INDICES[name](np.ones(4))
    assert INDICES[name](np.zeros(4)) == even, "nothing to share counts as even"
    for bad in ([], [1, -1], [1, np.nan], [np.inf], [[1, 2]]):
        with pytest.raises(ValueError, match="needs"):
            INDICES[name](bad)


def test_lorenz_ends_and_convexity():
    population, share = metrics.lorenz([0, 5, 1, 2])
    assert (population[0], share[0], population[-1], share[-1]) == (0, 0, 1, 1)
    assert (np.diff(share, 2) >= 0).all()


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_a_top_share_is_a_fraction(share):
    with pytest.raises(ValueError, match="fraction"):
        metrics.top_share([1, 2], share)


@pytest.mark.parametrize("index", [metrics.gini, metrics.hhi, metrics.theil])
def test_an_index_of_shares_alone_is_not_convex(index):
    """It is constant along rays, so that a cap on it is no convex set."""
    even, one = np.array([1.0, 1.0]), np.array([0.0, 100.0])
    assert index((even + one) / 2) > (index(even) + index(one)) / 2
