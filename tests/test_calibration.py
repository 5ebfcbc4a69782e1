"""The measures behind `experiments/calibration.py`, and what the script does without the public tables."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allocator as al
import real_data

FOLDER = Path(__file__).parents[1] / "experiments"
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def calibration(experiment):
    return experiment


def drawn(seed, **changes):
    """A platform with traffic, ties and an edge that sells nothing."""
    rng = np.random.default_rng(seed)
    segment, anchor = np.nonzero(rng.random((8, 5)) < 0.6)
    value = changes.pop("value", lambda anchor: rng.integers(0, 4, anchor.size))(anchor).astype(float)
    observed = rng.integers(1, 9, anchor.size).astype(float)
    supply = np.bincount(segment, weights=observed, minlength=8)
    return al.Platform.from_edges(
        segment, anchor, value, supply=supply, observed=observed, capacity=np.full(5, np.inf), **changes
    )


@given(seed=SEEDS, scale=st.sampled_from([1e-6, 3.0, 1e9]))
def test_numbers_are_free_of_the_currency(calibration, seed, scale):
    platform = drawn(seed, value=lambda anchor: 1.0 + (anchor * 7) % 3)
    richer = drawn(seed, value=lambda anchor: scale * (1.0 + (anchor * 7) % 3))
    assert calibration.numbers(richer) == pytest.approx(calibration.numbers(platform), abs=1e-9)


@given(seed=SEEDS)
def test_where_the_anchor_decides_nothing_is_left_within_it(calibration, seed):
    found = calibration.spread(drawn(seed, value=lambda anchor: np.array([1.0, 2.0, 4.0, 8.0, 16.0])[anchor]))
    assert found["spread_within"] == pytest.approx(0, abs=1e-7)
    assert found["anchor_part"] == pytest.approx(1)


@given(seed=SEEDS)
def test_variance_is_that_within_and_that_between_anchors(calibration, seed):
    """The law of total variance on the traffic written out impression by impression."""
    platform = drawn(seed, value=lambda anchor: np.exp(np.random.default_rng(seed).normal(size=anchor.size)))
    logs = np.repeat(np.log(platform.value), platform.observed.astype(int))
    of = np.repeat(platform.anchor, platform.observed.astype(int))
    found = calibration.spread(platform)
    between = np.var([logs[of == anchor].mean() for anchor in of])
    assert found["spread"] == pytest.approx(logs.std())
    assert found["spread"] ** 2 == pytest.approx(found["spread_within"] ** 2 + between)


@given(seed=SEEDS, prior=st.floats(0, 1e6))
def test_shrunk_values_lie_between_their_own_and_their_anchors_average(calibration, seed, prior):
    platform = drawn(seed)
    average = calibration.shrunk(platform, float("inf")).value
    sold = platform.amounts("gmv", platform.observed) / np.maximum(platform.into_anchors(platform.observed), 1)
    np.testing.assert_allclose(average, sold[platform.anchor], rtol=1e-12)
    value = calibration.shrunk(platform, prior).value
    assert (value >= np.minimum(platform.value, average) * (1 - 1e-12)).all()
    assert (value <= np.maximum(platform.value, average) * (1 + 1e-12)).all()


@given(seed=SEEDS)
def test_curves_run_one_way_and_end_where_all_are_counted(calibration, seed):
    for panel, (x, y) in calibration.curves(drawn(seed)).items():
        steps = np.diff(y)
        assert (np.diff(x) > 0).all()
        assert (steps <= 0).all() if panel in ("reach", "choice") else (steps >= -1e-12).all()
        assert 0 <= min(y) <= max(y) <= 1 + 1e-12
        if panel in ("gmv", "traffic"):
            assert y[-1] == 1


@given(seed=SEEDS, segments=st.integers(1, 30), anchors=st.integers(1, 10))
def test_the_public_part_keeps_all_anchors_and_all_public_traffic(calibration, seed, segments, anchors):
    whole = al.synthetic.kuaishou(segments, anchors, rng=np.random.default_rng(seed))
    part = al.public_part(whole)
    public = (whole.segments["domain"] == "public")[whole.segment]
    assert part.anchor_count == whole.anchor_count
    assert part.observed.sum() == pytest.approx(1e6)
    np.testing.assert_allclose(part.amounts("gmv", part.observed), whole.amounts("gmv", whole.observed * public))


@pytest.mark.parametrize(("tables", "panels"), [((), 6), (("uci_country_product", "cj_household_store"), 8)])
def test_a_figure_has_no_panel_without_something_to_show(calibration, tables, panels):
    rows = calibration.measured(drawn(0), priors=(0.0,), about={"kind": "preset", "market": "kuaishou"})
    for seed, market in enumerate(tables):
        rows += calibration.measured(drawn(seed), priors=(0.0, 3.0), about={"kind": "table", "market": market})
    figure = calibration.draw(rows)
    assert len(figure.axes) == panels
    assert all(ax.lines for ax in figure.axes)


def quick(out, *words, data=""):
    command = [sys.executable, "-W", "error", str(FOLDER / "calibration.py"), "--quick", "--out", str(out), *words]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"ALLOCATOR_DATA": data})
    told = [line for line in ended.stderr.splitlines() if not line.startswith("preset ")]
    return ended, told


def test_without_tables_the_presets_are_drawn_alone(tmp_path):
    ended, told = quick(tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert told == [
        "The public tables are not there: neither --data nor ALLOCATOR_DATA names their folder. "
        "The figure shows the presets alone."
    ]
    assert "tables" not in ended.stdout
    drawn = (tmp_path / "calibration.csv").read_text(encoding="utf-8")
    assert ",preset," in drawn
    assert ",table," not in drawn


def test_a_folder_without_the_tables_is_told_which_it_lacks(tmp_path):
    (tmp_path / "uci_online_retail.parquet").touch()
    ended, told = quick(tmp_path / "out", "--data", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert len(told) == 1
    assert "lacks complete_journey_transactions_sample.parquet, complete_journey_products.parquet." in told[0]


@real_data.needs_data
def test_the_real_markets_are_the_graphs_of_the_reference_optima(calibration):
    markets = calibration.real_markets(real_data.DATA)
    assert tuple(markets) == real_data.GRAPHS
    for name, platform in markets.items():
        assert platform.content_hash == getattr(real_data, name)().content_hash
