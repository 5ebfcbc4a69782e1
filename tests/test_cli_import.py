"""What `allocator import` says: in words of the command line, and nothing that is not so."""

from __future__ import annotations

import json

import numpy as np
import pytest

import allocator as al
from allocator.cli.importing import as_typed
from test_cli import call

ASK = "--segment who --anchor host --money paid"


@pytest.fixture
def sales(tmp_path):
    """A log in which no pair is seen twice."""
    rows = [f"u{i},h{j},{1 + i + 10 * j}" for i in range(3) for j in range(2)]
    (tmp_path / "log.csv").write_text("\n".join(["who,host,paid", *rows]))
    return tmp_path / "log.csv"


@pytest.mark.filterwarnings("error")
def test_without_repetition_the_report_does_not_say_that_nothing_moved(sales, tmp_path):
    line = f"import {{sales}} {ASK} --shrink --out {{out}}"
    said = json.loads(call(f"{line} --json", sales=sales, out=tmp_path / "shop").stdout, parse_constant=pytest.fail)
    how = said["parts"][0]["shrinkage"]
    assert (how["strength"], how["mean_weight"]) == ("inf", 0.0)
    assert how["mean_move"] > 0
    raw, shrunk = (al.read_tables(sales, segment="who", anchor="host", money="paid", shrink=s) for s in (False, True))
    assert not np.allclose(raw.value, shrunk.value)
    told = call(line, sales=sales, out=tmp_path / "shop").stdout
    assert "no pair was seen twice, so that values are what anchor and segment lead one to expect" in told
    assert "inf" not in told.replace("written to", "").split(str(tmp_path))[0]
    assert "0% of" not in told


def test_with_repetition_the_report_says_how_far_values_moved(sales, tmp_path):
    with sales.open("a") as file:
        file.write("\nu0,h0,30\nu1,h1,2\nu1,h1,50\n")
    line = f"import {{sales}} {ASK} --shrink --out {{out}}"
    said = json.loads(call(f"{line} --json", sales=sales, out=tmp_path / "shop").stdout)
    raw, shrunk = (al.read_tables(sales, segment="who", anchor="host", money="paid", shrink=s) for s in (False, True))
    move = (raw.observed * np.abs(raw.value - shrunk.value)).sum() / (raw.observed * raw.value).sum()
    assert said["parts"][0]["shrinkage"]["mean_move"] == pytest.approx(move)
    assert f"by {move:.0%} of their mean; what anchor" in call(line, sales=sales, out=tmp_path / "shop").stdout


@pytest.mark.parametrize(
    ("row", "options", "words"),
    [
        ("u9,h9,-4", "", "--returns net or drop"),
        ("u9,h9,free", "", "--invalid drop"),
        ("u9,h9,'1,234'", "", "with --decimal , or --decimal ."),
        ("u9,h9,1", "--decimal ;", "--decimal is one of '.' or ',', not ';'"),
        ("u9,h9,1", "--returns sell", "--returns is one of 'refuse' or 'drop' or 'net', not 'sell'"),
        ("u9,h9,1", "--where \"who='x'\"", "who='x'"),
    ],
)
def test_errors_speak_of_options(sales, tmp_path, row, options, words):
    with sales.open("a") as file:
        file.write("\n" + row.replace("'", '"'))
    ended = call(f"import {{sales}} {ASK} {options} --out {{out}}", sales=sales, out=tmp_path / "shop")
    assert ended.exit_code == 2
    assert words in ended.stderr
    assert not [name for name in ("returns=", "invalid=", "decimal=") if name in ended.stderr]


def test_notices_speak_of_options(sales, tmp_path):
    with sales.open("a") as file:
        file.write("\nNA,h0,3\n")
    line = f"import {{sales}} {ASK} --out {{out}}"
    for told in (call(f"{line} {way}", sales=sales, out=tmp_path / "shop").stdout for way in ("", "--json")):
        assert "'NA' is an id of 'who'; if it stands for a missing one, give --missing NA" in told


def test_sentences_without_options_stay_as_they_are():
    for sentence in ("where who='x' is true", "it has a column 'by' = 3", "log.csv, column 'money': text in row 3"):
        assert as_typed(sentence) == sentence
