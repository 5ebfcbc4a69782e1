"""Compiled passes against loops, and the same bytes on any number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allocator as al
from allocator import kernels
from strategies import platforms


def graph_of(platform):
    return kernels.edges(platform.indptr, platform.anchor, platform.value, platform.supply)


def prices(platform, data):
    number = st.floats(-3, 3, allow_subnormal=False)
    return (np.array([data.draw(number) for _ in range(platform.anchor_count)]) for _ in range(2))


@given(platforms(scales=(1.0,)), st.sampled_from([0.01, 0.3, 2.0]), st.data())
def test_soft_maximum_loads_and_curvature_against_loops(platform, temperature, data):
    alpha, beta = prices(platform, data)
    graph = graph_of(platform)
    value, totals = kernels.soft(graph, alpha, beta, temperature)
    share = kernels.shares(graph, alpha, beta, temperature)
    expected, loads, hard = 0.0, np.zeros((2, platform.anchor_count)), 0.0
    for i in range(platform.segment_count):
        rows = slice(platform.indptr[i], platform.indptr[i + 1])
        j, v = platform.anchor[rows], platform.value[rows]
        s = np.append(alpha[j] * v + beta[j], 0.0)
        weights = np.exp((s - s.max()) / temperature)
        expected += platform.supply[i] * (s.max() + temperature * np.log(weights.sum()))
        hard += platform.supply[i] * s.max()
        part = weights[:-1] / weights.sum()
        np.testing.assert_allclose(share[rows], part, atol=1e-12)
        np.add.at(loads[0], j, platform.supply[i] * part)
        np.add.at(loads[1], j, platform.supply[i] * part * v)
    size = platform.supply.sum() * (1 + np.abs(alpha).max() * platform.value.max() + np.abs(beta).max())
    assert value == pytest.approx(expected, abs=1e-12 * size)
    assert kernels.rents(graph, alpha, beta) == pytest.approx(hard, abs=1e-12 * size)
    np.testing.assert_allclose(totals[:2], loads, atol=1e-11 * size)


@given(platforms(scales=(1.0,)), st.data())
def test_curvature_is_the_derivative_of_the_loads(platform, data):
    alpha, beta = prices(platform, data)
    graph, step, temperature = graph_of(platform), 1e-5, 0.5
    direction = np.array([data.draw(st.sampled_from([-1.0, 0.0, 1.0])) for _ in range(platform.anchor_count)])
    share = kernels.shares(graph, alpha, beta, temperature)
    _, exposure = kernels.curvature(graph, share, np.zeros_like(direction), direction)
    ahead, behind = (kernels.soft(graph, alpha, beta + t * direction, temperature)[1][0] for t in (step, -step))
    np.testing.assert_allclose(
        exposure / temperature, (ahead - behind) / (2 * step), atol=1e-5 * max(platform.supply.sum(), 1e-9)
    )


@given(platforms(scales=(1.0,)), st.sampled_from([0.0, 0.5, 5.0]), st.data())
def test_pruning_keeps_every_edge_that_may_win(platform, margin, data):
    alpha, beta = prices(platform, data)
    graph = graph_of(platform)
    kept, edge, winner = kernels.prune(graph, alpha, beta, margin)
    s = alpha[platform.anchor] * platform.value + beta[platform.anchor]
    best = np.maximum(platform.largest_in_segments(s), 0.0)[platform.segment]
    decided = winner >= 0
    near = s >= best - margin
    assert set(edge) == {e for e in np.flatnonzero(near) if not decided[platform.segment[e]]}
    assert all(near[winner[i]] and near[platform.segment == i].sum() == 1 for i in np.flatnonzero(decided))
    assert kept.anchor.size == edge.size
    assert kernels.rents(kept, alpha, beta) + sum(
        platform.supply[i] * s[winner[i]] for i in np.flatnonzero(decided)
    ) == pytest.approx(kernels.rents(graph, alpha, beta), abs=1e-9)


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
    sampled = kernels.sample(graph_of(platform), 5)
    assert sampled.supply.size == pytest.approx(10_000, rel=0.05)
    assert sampled.supply.sum() == pytest.approx(platform.supply.sum(), rel=0.05)
