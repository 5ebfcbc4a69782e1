"""Weights by rank against brute force: every permutation, the variational inequality, and derivatives."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from allocator.rules.gini import gini_weights
from allocator.rules.permutahedron import by_rank, pooled, projected
from allocator.rules.shares import on_simplex

SIZES = (1e-9, 1.0, 1e6, 1e30)
numbers = st.one_of(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.floats(-3, 3))


@st.composite
def vectors(draw, most=5, sizes=SIZES):
    """A point (n,) and falling weights (n,) of any sign, with ties in both."""
    n = draw(st.integers(1, most))
    point = np.array(draw(st.lists(numbers, min_size=n, max_size=n))) * draw(st.sampled_from(sizes))
    weights = np.sort(np.array(draw(st.lists(numbers, min_size=n, max_size=n))))[::-1].copy()
    return point, weights


def corners(weights):
    return np.array(list(permutations(weights)))


def inside(point, weights, tolerance):
    """Whether sums of the k largest are at most those of the weights, and the sums equal (Rado 1952)."""
    above = np.cumsum(np.sort(point)[::-1]) - np.cumsum(weights)
    return (above <= tolerance).all() and abs(above[-1]) <= tolerance


@given(vectors())
def test_by_rank_is_the_corner_that_weighs_least(pair):
    """Rearrangement inequality: of all orders the falling one gives the smallest sum; ties share."""
    amounts, weights = pair
    handed = by_rank(amounts, weights)
    size = max(np.abs(amounts).max(), 1e-300)
    assert handed @ (amounts / size) == pytest.approx((corners(weights) @ (amounts / size)).min(), abs=1e-12)
    assert inside(handed, weights, 1e-12)
    for amount in amounts:
        assert np.ptp(handed[amounts == amount]) == 0


@given(vectors())
def test_a_projection_lies_in_the_permutahedron_and_no_corner_is_nearer_in_any_direction(pair):
    """Variational inequality: (theta - pi) . (corner - pi) <= 0 for every corner."""
    theta, weights = pair
    point = projected(theta, weights)
    assert inside(point, weights, 1e-12 * max(1.0, np.abs(weights).max()))
    size = max(np.abs(theta).max(), np.abs(weights).max(), 1e-300)
    ahead = (corners(weights) - point) @ ((theta - point) / size)
    assert ahead.max() <= 1e-12 * max(1.0, np.abs(weights).max())


@given(vectors())
def test_projections_are_idempotent_and_move_points_nowhere_apart(pair):
    theta, weights = pair
    once = projected(theta, weights)
    np.testing.assert_allclose(projected(once, weights), once, atol=1e-12 * max(1.0, np.abs(weights).max()))
    other = projected(theta[::-1].copy(), weights)
    assert np.linalg.norm(once - other) <= np.linalg.norm(theta - theta[::-1]) + 1e-9
    np.testing.assert_allclose(np.sort(once), np.sort(other), atol=1e-12 * max(1.0, np.abs(weights).max()))


@given(vectors())
def test_projections_commute_with_shifts_of_theta(pair):
    """The permutahedron lies in a plane: what stands upright on it is lost."""
    theta, weights = pair
    assume(np.abs(theta).max() <= 3)
    np.testing.assert_allclose(projected(theta + 2.0, weights), projected(theta, weights), atol=1e-9)


@given(st.integers(1, 300), st.integers(0, 10**6))
def test_large_projections_are_the_nearest_points(n, seed):
    """Without corners: the most that the permutahedron has in the direction theta - pi is attained at pi."""
    rng = np.random.default_rng(seed)
    weights, theta = gini_weights(n), rng.standard_normal(n) * rng.choice([1 / n, 1.0])
    point = projected(theta, weights)
    direction = theta - point
    most = np.sort(direction) @ np.sort(weights)
    assert direction @ point == pytest.approx(most, abs=1e-12 * (1 + np.abs(direction).sum()))
    assert inside(point, weights, 1e-12)


@given(vectors(sizes=(1e-3, 1.0, 1e3)))
def test_a_proximal_map_is_best_against_every_nearby_point(pair):
    """sum weights_k y_(k) - |y - q|^2 / 2 is concave: no step from its largest value may raise it."""
    q, weights = pair
    found = pooled(q, weights).amounts

    def worth(y):
        return np.sort(y) @ weights - ((y - q) ** 2).sum() / 2

    best, size = worth(found), 1e-9 * (1 + np.abs(q).max()) ** 2
    rng = np.random.default_rng(0)
    for step in (1e-3, 0.1, 1.0, 10.0):
        for _ in range(20):
            assert worth(found + step * rng.standard_normal(q.size)) <= best + size
    np.testing.assert_allclose(found, q + projected(-q, weights), atol=1e-9 * (1 + np.abs(q).max()))


@given(vectors(sizes=(1.0,)), st.integers(0, 10**6))
def test_pools_tell_the_derivative_of_the_proximal_map(pair, seed):
    """Where no pool is about to split or merge."""
    q, weights = pair
    q = q + 1e-3 * np.random.default_rng(seed).random(q.size)
    direction = np.random.default_rng(seed + 1).standard_normal(q.size)
    here, step = pooled(q, weights), 1e-7
    there, back = pooled(q + step * direction, weights), pooled(q - step * direction, weights)
    assume((here.pool == there.pool).all() and (here.pool == back.pool).all())
    np.testing.assert_allclose((there.amounts - here.amounts) / step, here.mean(direction), atol=1e-6)
    assert here.count.sum() == q.size
    for pool in range(here.count.size):
        assert (here.pool == pool).sum() == here.count[pool]
        assert np.ptp(here.amounts[here.pool == pool]) <= 1e-12


@given(vectors(most=6))
def test_the_nearest_point_of_the_simplex(pair):
    """Variational inequality against every corner."""
    point, _ = pair
    near = on_simplex(point)
    assert near.min() >= 0
    assert near.sum() == pytest.approx(1)
    size = max(np.abs(point).max(), 1.0)
    assert ((np.eye(point.size) - near) @ ((point - near) / size)).max() <= 1e-12
    np.testing.assert_allclose(on_simplex(near), near, atol=1e-12)
