"""What `experiments/real_market.py` claims can fail, and without the public tables it says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

FOLDER = Path(__file__).parents[1] / "experiments"


@pytest.fixture(scope="module")
def real_market(experiment):
    return experiment


@pytest.fixture(scope="module")
def rows(real_market):
    """Rows of a small simulated market."""
    source = {"folder": "", "size": (300, 50, 8_000), "seed": 3, "market": real_market.SIMULATED}
    found = [row for repeat in range(3) for row in real_market.holdout(repeat=repeat, **source)]
    for values in real_market.VALUES:
        found += real_market.optimum(values=values, floors=(0.0, 0.4, 0.8), **source)
    found += real_market.frontier(weights=(0.1, 1.0, 10.0), **source)
    return found


def test_the_claims_hold_on_another_market(real_market, rows):
    assert len(real_market.claims(rows)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"panel": "floor", "x": 0.8, "cost": 0.2},
        {"panel": "holdout", "values": "raw", "realised_gain": 9.0},
        {"panel": "holdout", "values": "shrunk", "promised_gain": 9.0},
        {"panel": "holdout", "values": "shrunk", "kept": 0.1},
        {"panel": "holdout", "true_gain": 9.0},
        {"panel": "starved", "values": "raw", "market": "uci_country_product", "starved": 0},
    ],
)
def test_each_claim_can_fail(real_market, rows, change):
    where = {key: entry for key, entry in change.items() if key in ("panel", "values", "x")}
    changed = [row | change if where.items() <= row.items() else row for row in rows]
    with pytest.raises(AssertionError):
        real_market.claims(changed)


def test_floors_cost_more_the_higher_they_are(real_market, rows):
    for values in real_market.VALUES:
        costs = [row["cost"] for row in real_market.pick(rows, panel="floor", values=values)]
        assert costs[0] == 0
        assert costs == sorted(costs)


@given(gains=st.lists(st.floats(-0.9, 9.0), min_size=1, max_size=10))
def test_gains_and_losses_lie_between_two_ticks_in_hundredths(real_market, gains):
    figure = Figure()
    ax = figure.subplots()
    real_market.gain_axis(gains, ax)
    low, high = ax.get_xlim()
    assert low < min(gains) <= max(gains) < high
    figure.draw_without_rendering()
    labels = [float(label.get_text()) for label in ax.get_xticklabels(which="both")]
    assert labels == pytest.approx([100 * tick for tick in ax.get_xticks()])
    assert [labels[0], labels[-1]] == pytest.approx([100 * low, 100 * high])


def test_no_line_runs_to_a_market_that_starves_anchors(real_market, rows):
    """A point at level 0 is one of GMV alone; a line from there would claim allocations that were never solved."""
    ax = Figure().subplots()
    mine = real_market.pick(rows, panel="frontier")
    real_market.draw_frontier(mine, ax)
    assert mine[0]["x"] == 0
    lines = [line.get_xdata() for line in ax.lines if line.get_linestyle() != "None"]
    solved = {row["x"] for row in mine[1:]}
    assert {x for line in lines for x in line} == solved
    assert ax.get_xlim()[0] <= min(solved)


def test_rows_of_the_frontier_hold_their_weight(real_market, rows):
    assert [row["weight"] for row in real_market.pick(rows, panel="frontier")] == [0.0, 0.1, 1.0, 10.0, float("inf")]


def test_the_truth_of_the_simulated_market_is_what_its_log_is_drawn_from(real_market):
    size = (200, 20, 200_000)
    market, log = real_market.truth(size, 1), real_market.simulated_log(size, 1)
    assert sum(log["paid"].to_pylist()) / len(log) == pytest.approx(
        float((market.observed * market.value).sum() / market.observed.sum()), rel=0.03
    )


def test_without_tables_the_simulated_market_is_drawn_alone(tmp_path):
    command = [sys.executable, "-W", "error", str(FOLDER / "real_market.py"), "--quick", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"ALLOCATOR_DATA": ""})
    assert ended.returncode == 0, ended.stderr
    told = [line for line in ended.stderr.splitlines() if not line.startswith(("optimum ", "holdout ", "frontier "))]
    assert told == [
        "The public tables are not there: neither --data nor ALLOCATOR_DATA names their folder. "
        "The figure shows the simulated market alone."
    ]
    assert {line.split(",")[1] for line in (tmp_path / "real_market.csv").read_text().splitlines()[1:]} == {"simulated"}
