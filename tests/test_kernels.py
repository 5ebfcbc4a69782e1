"""Compiled passes against loops, and the same bytes on any number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import allocator as al
from allocator import kernels
from allocator.kernels import compiled, compiling
from strategies import platforms


def graph_of(platform):
    return kernels.edges(platform.indptr, platform.anchor, platform.value, platform.supply, platform.anchor_count)


def prices(platform, data):
    """beta and alpha of every anchor, (A, 2)."""
    number = st.floats(-3, 3, allow_subnormal=False)
    return np.array([[data.draw(number) for _ in range(2)] for _ in range(platform.anchor_count)])


def rows_of(platform):
    return [slice(a, b) for a, b in zip(platform.indptr, platform.indptr[1:], strict=False)]


def surplus(platform, price):
    return price[platform.anchor, 1] * platform.value + price[platform.anchor, 0]


def entropic(s, temperature):
    weights = np.exp((s - s.max()) / temperature)
    return weights / weights.sum(), s.max() + temperature * np.log(weights.sum())


def sparse(s, temperature):
    """The projection on the simplex by sorting, and the value of the problem that it solves."""
    falling = np.sort(s)[::-1]
    levels = (np.cumsum(falling) - temperature) / np.arange(1, s.size + 1)
    level = levels[np.flatnonzero(falling > levels)[-1]]
    z = np.maximum(s - level, 0.0) / temperature
    return z, (s * z).sum() - temperature / 2 * ((z**2).sum() - 1)


@pytest.mark.parametrize("smoothing", [entropic, sparse])
@given(platforms(scales=(1.0,)), st.sampled_from([0.01, 0.3, 2.0]), st.data())
def test_smooth_maximum_shares_and_loads_against_loops(smoothing, platform, temperature, data):
    price, graph = prices(platform, data), graph_of(platform)
    room = kernels.room_for(graph)
    value, totals = kernels.soft(graph, price, temperature, smoothing is sparse, room)
    share = kernels.shares(graph, price, temperature, smoothing is sparse)
    expected, loads, hard = 0.0, np.zeros((2, platform.anchor_count)), 0.0
    for b, rows in zip(platform.supply, rows_of(platform), strict=True):
        j, v = platform.anchor[rows], platform.value[rows]
        s = np.append(surplus(platform, price)[rows], 0.0)
        part, best = smoothing(s, temperature)
        expected += b * best
        hard += b * s.max()
        np.testing.assert_allclose(share[rows], part[:-1], atol=1e-11)
        np.add.at(loads[0], j, b * part[:-1])
        np.add.at(loads[1], j, b * part[:-1] * v)
    size = platform.supply.sum() * (1 + np.abs(price).max() * (1 + platform.value.max()))
    assert value == pytest.approx(expected, abs=1e-12 * size)
    assert kernels.rents(graph, price) == pytest.approx(hard, abs=1e-12 * size)
    np.testing.assert_allclose(totals[:2], loads, atol=1e-11 * size)
    slack = 1e-12 * size
    height = np.log(1 + np.diff(platform.indptr)) if smoothing is entropic else np.full(platform.segment_count, 0.5)
    assert hard - slack <= value <= hard + temperature * (platform.supply * height).sum() + slack


@pytest.mark.parametrize("smoothing", [entropic, sparse])
@given(platforms(scales=(1.0,)), st.data())
def test_curvature_is_the_derivative_of_the_loads(smoothing, platform, data):
    """Of the sparse smoothing on one side at a kink, so the two differences must not disagree."""
    price, graph, step, temperature = prices(platform, data), graph_of(platform), 1e-6, 0.5
    direction = np.array([[data.draw(st.sampled_from([-1.0, 0.0, 1.0])), 0.0] for _ in range(platform.anchor_count)])
    room = kernels.room_for(graph)

    def loads(at):
        return kernels.soft(graph, at, temperature, smoothing is sparse, room)[1]

    ahead, behind, here = (loads(price + t * direction) for t in (step, -step, 0.0))
    forward, backward = (ahead[0] - here[0]) / step, (here[0] - behind[0]) / step
    scale = max(platform.supply.sum(), 1e-9)
    assume(np.abs(forward - backward).max() <= 1e-3 * scale)
    bent = kernels.curvature(graph, room, direction)
    np.testing.assert_allclose(bent[0], forward, atol=2e-3 * scale)
    diagonal = [
        kernels.curvature(graph, room, np.eye(1, platform.anchor_count, j).T * [[1.0, 0.0]])[0][j]
        for j in range(platform.anchor_count)
    ]
    # Shares within FAINT of nothing or of all are left out of products.
    left = compiled.FAINT * scale / temperature if smoothing is entropic else 0.0
    np.testing.assert_allclose(diagonal, here[2], atol=1e-9 * scale + left, rtol=2 * compiled.FAINT)


@given(platforms(scales=(1.0,)), st.sampled_from([0.0, 0.5, 5.0]), st.data())
def test_loose_anchors_keep_all_their_edges_and_decide_nothing(platform, margin, data):
    price, graph = prices(platform, data), graph_of(platform)
    loose = np.array([data.draw(st.booleans()) for _ in range(platform.anchor_count)])
    pruned = kernels.prune(graph, price, loose, margin)
    s, held = surplus(platform, price), loose[platform.anchor]
    best = np.maximum(platform.largest_in_segments(np.where(held, -np.inf, s)), 0.0)
    wanted = held | (s >= best[platform.segment] - margin)
    sure = set(platform.segment[pruned.winner])
    assert set(pruned.edge) == {e for e in np.flatnonzero(wanted) if platform.segment[e] not in sure}
    assert not held[pruned.winner].any()
    assert all(not held[platform.segment == i].any() for i in sure)


@given(platforms(scales=(1.0,)), st.sampled_from([0.0, 0.5, 5.0]), st.data())
def test_pruning_keeps_every_edge_that_may_win(platform, margin, data):
    price, graph = prices(platform, data), graph_of(platform)
    pruned = kernels.prune(graph, price, np.zeros(platform.anchor_count, bool), margin)
    s = surplus(platform, price)
    best = np.maximum(platform.largest_in_segments(s), 0.0)
    near = s >= best[platform.segment] - margin
    won = platform.segment[pruned.winner]
    assert set(pruned.edge) == {e for e in np.flatnonzero(near) if platform.segment[e] not in set(won)}
    assert list(pruned.kept.anchor) == list(platform.anchor[pruned.edge])
    assert list(pruned.kept.measures[0]) == list(platform.value[pruned.edge])
    owners = platform.supply[platform.segment[pruned.edge]]
    assert list(np.repeat(pruned.kept.supply, np.diff(pruned.kept.indptr))) == list(owners)
    assert list(pruned.won) == list(platform.supply[won])
    assert all(near[e] and near[platform.segment == platform.segment[e]].sum() == 1 for e in pruned.winner)
    assert all(best[won] > margin)
    decided = np.zeros((2, platform.anchor_count))
    for e in pruned.winner:
        amount = platform.supply[platform.segment[e]]
        decided[:, platform.anchor[e]] += amount, amount * platform.value[e]
    np.testing.assert_allclose(pruned.decided, decided, rtol=1e-12)


CODE = """
import hashlib, numpy as np, allocator as al
p = al.synthetic.heavy_tailed(12_000, 100, degree=10, rng=np.random.default_rng(4))
problem = al.weighted(al.Problem(p, al.GMV() + al.Nash(), [al.Cap("even:3")]), 0.3)
a = al.solve(problem, solver="prices", relative_gap=1e-5)
print(hashlib.sha256(a.flow.tobytes()).hexdigest(), a.certificate.bound.hex())
"""


def test_one_two_and_eight_threads_give_the_same_bytes():
    said = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env=os.environ | {"NUMBA_NUM_THREADS": str(n)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in (1, 2, 8)
    }
    assert len(said) == 1


def test_a_sample_of_segments_has_about_the_supply_of_all():
    platform = al.synthetic.uniform(50_000, 50, degree=3, rng=np.random.default_rng(0))
    sampled = kernels.sample(graph_of(platform), 5, 50)
    assert sampled.supply.size == pytest.approx(10_000, rel=0.05)
    assert sampled.supply.sum() == pytest.approx(platform.supply.sum(), rel=0.05)


@pytest.mark.parametrize("name", ["hard", "soft", "shares", "curvature", "prune"])
def test_one_thread_and_several_keep_their_compiled_code_apart(name):
    """What is kept on disk is found by name alone: under one name the first to be compiled would answer for both."""
    alone, together = (getattr(compiled, name)(size) for size in (compiling.SMALL - 1, compiling.SMALL))
    assert (alone.targetoptions.get("parallel", False), together.targetoptions["parallel"]) == (False, True)
    assert alone.py_func.__qualname__ != together.py_func.__qualname__
