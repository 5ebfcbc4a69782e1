"""What `experiments/real_market.py` claims can fail, and without the public tables it says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "experiments"


@pytest.fixture(scope="module")
def real_market():
    sys.path.insert(0, str(FOLDER))
    try:
        import real_market
    finally:
        sys.path.remove(str(FOLDER))
    return real_market


@pytest.fixture(scope="module")
def rows(real_market):
    """Rows of a small simulated market."""
    source = {"folder": "", "size": (300, 50, 8_000), "seed": 3, "market": real_market.SIMULATED}
    found = [row for repeat in range(3) for row in real_market.holdout(repeat=repeat, **source)]
    for values in real_market.VALUES:
        found += real_market.optimum(values=values, floors=(0.0, 0.4, 0.8), **source)
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
