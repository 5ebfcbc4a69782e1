"""The command line takes people's files as they are: a platform and an account, or one sentence and nothing written."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from typer.testing import CliRunner

import allocator as al
import real_data
from allocator.cli import app
from test_cli import call

SALES = """who,host,paid,quantity,date,minutes
ann,85123A,2.50,1,2011-01-05,1:20
ann,85123A,3.50,2,2011-02-05,0:40
bo,85123A,4.00,1,2011-01-07,2:00
bo,22423,-4.00,-1,2011-02-08,1:00
bo,22423,9.00,3,2011-02-09,3:00
,22423,9.00,1,2011-02-10,1:00
cy,M,free,1,2011-03-10,1:00
"""
ASK = "--segment who --anchor host --money paid"


@pytest.fixture
def sales(tmp_path):
    (tmp_path / "sales.csv").write_text(SALES)
    return tmp_path / "sales.csv"


def asked(line, **paths):
    ended = call(f"{line} --json", **paths)
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
    return json.loads(ended.stdout)


def test_the_report_accounts_for_every_row(sales, tmp_path):
    out = tmp_path / "shop"
    line = f"import {{sales}} {ASK} --invalid drop --returns net --where \"host != 'M' or paid > 0\" --out {{out}}"
    said = asked(line, sales=sales, out=out)
    assert said["rows"] == 7
    assert said["dropped"] == {"text instead of numbers in 'paid'": 1, "missing ids in 'who'": 1}
    assert (said["filtered"], said["returns"], said["pairs"]) == (0, 1, 3)
    platform = al.read_platform(out)
    assert dict(zip(platform.anchors["id"].tolist(), platform.into_anchors(platform.observed), strict=True)) == {
        "22423": 1.0,
        "85123A": 3.0,
    }
    told = call(line.replace("{out}", "{other}"), sales=sales, other=tmp_path / "other").stdout
    for words in ("rows read", "1: missing ids in 'who'", "returns netted", "2 segments, 2 anchors, 3 edges", "Gini"):
        assert words in told


def test_parts_become_folders_of_their_own(sales, tmp_path):
    out = tmp_path / "months"
    line = f"import {{sales}} {ASK} --invalid drop --returns drop --by 'month(date)' --out {{out}}"
    said = asked(line, sales=sales, out=out)
    assert [part["part"] for part in said["parts"]] == ["2011-01", "2011-02"]
    assert sorted(path.name for path in out.iterdir()) == ["2011-01", "2011-02"]
    january, february = (al.read_platform(out / name) for name in ("2011-01", "2011-02"))
    assert january.anchors["id"].tolist() == february.anchors["id"].tolist()
    assert call(line, sales=sales, out=out).exit_code == 0


def test_shrinking_is_reported_and_kept(sales, tmp_path):
    line = f"import {{sales}} {ASK} --invalid drop --returns drop --shrink --out {{out}}"
    said = asked(line, sales=sales, out=tmp_path / "shop")
    assert said["parts"][0]["shrinkage"]["mean_move"] > 0
    assert al.read_platform(tmp_path / "shop").measures["standard_error"].shape == (3,)
    assert "values shrunk" in call(line, sales=sales, out=tmp_path / "shop").stdout


def test_everything_of_the_grammar_in_one_line(sales, tmp_path):
    parquet.write_table(pa.table({"host": ["85123A", "22423"], "firm": ["x", "y"]}), tmp_path / "firms.parquet")
    (tmp_path / "hosts.csv").write_text("id,capacity,tier\ny,5,new\nx,7,head\nz,,new\n")
    said = asked(
        "import {sales} --segment who --anchor firm --value 'paid / quantity' --traffic 'seconds(minutes)' "
        "--where \"not missing(who) and quantity > 0 and host != 'M'\" --join {firms}:host --anchors {hosts} "
        "--currency GBP --period year --out {out}",
        sales=sales,
        firms=tmp_path / "firms.parquet",
        hosts=tmp_path / "hosts.csv",
        out=tmp_path / "shop",
    )
    assert said["filtered"] == 3
    platform = al.read_platform(tmp_path / "shop")
    assert platform.anchors["id"].tolist() == ["y", "x", "z"]
    assert platform.capacity.tolist() == [5.0, 7.0, np.inf]
    assert platform.observed.tolist() == [120.0, 180.0, 120.0]
    assert (platform.currency, platform.period) == ("GBP", "year")


REFUSED = {
    f"import {{sales}} {ASK}": ["sales.csv, column 'who': missing ids in row 6", "--invalid drop"],
    "import {sales} --segment who --anchor host": ["--value", "--money"],
    f"import {{sales}} {ASK} --invalid drp": ["invalid is one of", "did you mean 'drop'"],
    f"import {{sales}} {ASK} --join firms.csv": ["'firms.csv' names no key", "products.parquet:product_id"],
    f"import {{sales}} {ASK} --where 'quantity = 1'": ["compare with =="],
    f"import {{sales}} {ASK} --columns a,b": ["6 fields in its first line, but 2 names"],
    f"import {{sales}}x {ASK}": ["sales.csvx", "does not exist"],
    f"import {{sales}} {ASK} --invalid drop --returns drop --by host --out {{sales}}": ["no folder one can write to"],
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_read_is_one_sentence_in_words_of_the_command_line(line, sales, tmp_path):
    before = sorted(tmp_path.iterdir())
    ended = call(line if "--out" in line else f"{line} --out {{out}}", sales=sales, out=tmp_path / "shop")
    assert ended.exit_code == 2
    assert ended.stderr.count("\n") == 1
    assert [words for words in REFUSED[line] if words not in ended.stderr] == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_of_something_else_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "thesis.tex").write_text("")
    for parts in ("", " --by who"):
        ended = call(f"import nowhere.csv {ASK} --out {{out}}{parts}", out=tmp_path / "shop")
        assert "thesis.tex" in ended.stderr


def test_a_part_that_cannot_name_a_folder_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid,land\na,1,2,x/y\n")
    ended = call(f"import {{log}} {ASK} --by land --out {{out}}", log=tmp_path / "log.csv", out=tmp_path / "shop")
    assert "'x/y' cannot name a folder" in ended.stderr
    assert not (tmp_path / "shop").exists()


# --- a thousand broken files ---------------------------------------------------------------------------------------

IDS = ["ann", "bo", "17", "17.0", "00123", "1e5", "4.0128e+10", "", " ", "NA", "é", "85123A", "85123a", '"x"', "a,b"]
AMOUNTS = ["1", "2.5", "2,5", "1,234", "1.234,50", "-3", "(3)", "0", "", "NA", "free", "1:20", "inf", "1e400", "£4"]
DAYS = ["2011-01-05", "2011-02-30", "5/1/2011", "", "2011-01-05 08:00", "yesterday"]
NAMES = ["who", "host", "paid", "seen", "day"]


@st.composite
def broken_files(draw) -> tuple[bytes, str]:
    """A file of sales with a few of the things that can be wrong with one, and options that may or may not mend it."""
    separator = draw(st.sampled_from(",;\t|"))
    clean = st.tuples(*map(st.sampled_from, (IDS[:2], ["7", "8"], ["1", "2.50"], ["3"], DAYS[:1])))
    rows = [list(row) for row in draw(st.lists(clean, min_size=1, max_size=8))]
    kinds = (IDS, IDS, AMOUNTS, AMOUNTS, DAYS)
    for _ in range(draw(st.integers(0, 3))):
        column = draw(st.integers(0, 4))
        rows[draw(st.integers(0, len(rows) - 1))][column] = draw(st.sampled_from(kinds[column]))
    quoted = [[f'"{entry}"' if separator in entry else entry for entry in row] for row in rows]
    lines = [separator.join(row) for row in quoted]
    line = draw(options())
    if "--columns" not in line or draw(st.booleans()):
        lines.insert(0, separator.join(NAMES))
    for damage in draw(st.sampled_from([[], [], [], *([kind] for kind in sorted(DAMAGE))])):
        lines = DAMAGE[damage](lines, separator)
    ending = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    content = (ending.join(lines) + draw(st.sampled_from(["", ending]))).encode(encoding, errors="replace")
    return content[: draw(st.sampled_from([None] * 6 + [1, 7, -1]))], line


DAMAGE = {
    "no header": lambda lines, separator: lines[1:],
    "only a header": lambda lines, separator: lines[:1],
    "a repeated name": lambda lines, separator: [separator.join(["who", "who", "paid", "seen", "day"]), *lines[1:]],
    "other names": lambda lines, separator: [separator.join(["Who", "host ", "", "1", "day"]), *lines[1:]],
    "a short row": lambda lines, separator: [*lines, "ann"],
    "a long row": lambda lines, separator: [lines[0], separator * 7, *lines[1:]],
    "an open quote": lambda lines, separator: [*lines[:2], "ann" + separator + '"7', *lines[2:]],
    "a blank line": lambda lines, separator: [lines[0], "", *lines[1:]],
    "blank lines first": lambda lines, separator: ["", "", *lines],
    "a null byte": lambda lines, separator: [*lines, "\x00"],
    "a second header": lambda lines, separator: [*lines, lines[0]],
}
"""What people and programs do to lines."""


@st.composite
def options(draw) -> str:
    """Options of the command that fit the files of `broken_files` more often than not."""
    may = [
        "--invalid drop",
        "--returns net",
        "--returns drop",
        "--decimal ,",
        "--missing NA",
        "--encoding latin-1",
        "--no-quotes",
        "--shrink",
        "--columns who,host,paid,seen,day",
        "--traffic seen",
        "--traffic 'seconds(seen)'",
        "--where 'paid > 0'",
        "--where 'not missing(who) and seen < 9'",
        "--by 'month(day)'",
        "--by 'part(2, who)'",
        "--by who",
    ]
    chosen = draw(st.lists(st.sampled_from(may), max_size=4, unique_by=lambda option: option.split()[0]))
    segment = draw(st.sampled_from(["who", "who", "whole(who)", "upper(strip(who))", "concat(who, day)"]))
    kind = draw(st.sampled_from(["money", "value"]))
    return shlex.join(["--segment", segment, "--anchor", "host", f"--{kind}", "paid"]) + " " + " ".join(chosen)


@settings(max_examples=1000)
@given(broken_files())
def test_a_thousand_broken_files_end_in_a_sentence_or_a_platform(tmp_path_factory, file):
    content, line = file
    home = tmp_path_factory.mktemp("broken", numbered=True)
    (home / "log.csv").write_bytes(content)
    out = home / "shop"
    ended = CliRunner().invoke(app, ["import", str(home / "log.csv"), "--out", str(out), *shlex.split(line)])
    if ended.exit_code:
        assert isinstance(ended.exception, SystemExit), ended.exception
        assert ended.exit_code == 2, ended.stderr
        assert ended.stderr.count("\n") == 1
        assert len(ended.stderr) > 20
        assert [path.name for path in home.iterdir()] == ["log.csv"]
        return
    folders = [out] if (out / "platform.json").exists() else sorted(out.iterdir())
    for folder in folders:
        platform = al.read_platform(folder)
        assert platform.edge_count > 0
        assert np.isfinite(platform.value).all()
        assert (platform.observed >= 0).all()
    assert sorted(path.name for path in home.iterdir()) == ["log.csv", "shop"]


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["log.csv", "log.parquet", "log.csv.gz"]))
def test_any_bytes_end_in_a_sentence_or_a_platform(tmp_path_factory, content, name):
    home = tmp_path_factory.mktemp("bytes", numbered=True)
    (home / name).write_bytes(content)
    line = f"import {home / name} --segment a --anchor b --money c --out {home / 'shop'} --invalid drop"
    ended = CliRunner().invoke(app, shlex.split(line))
    assert ended.exit_code in (0, 2), ended.output
    assert "Traceback" not in ended.output


# --- real logs -----------------------------------------------------------------------------------------------------

CLEAN = '--where "Quantity > 0 and UnitPrice > 0 and not missing(CustomerID)" --money "Quantity * UnitPrice"'
SALES_OF = "{data}/complete_journey_transactions_sample.parquet --segment household_id --money sales_value"
PRODUCTS = "--join {data}/complete_journey_products.parquet:product_id --invalid drop"
RAW = {
    "uci_customer_product": f"{{data}}/uci_online_retail.parquet --segment CustomerID --anchor StockCode {CLEAN}",
    "uci_country_product": f"{{data}}/uci_online_retail.parquet --segment Country --anchor StockCode {CLEAN}",
    "cj_household_store": f"{SALES_OF} --anchor store_id",
    "cj_household_manufacturer": f"{SALES_OF} --anchor manufacturer_id {PRODUCTS}",
}
MODELS = {"A_max_gmv": "", "B_max_gmv_floor80": " --floor observed:0.8"}


@real_data.needs_data
@pytest.mark.parametrize("name", RAW)
def test_raw_public_logs_reach_the_reference_optima_on_the_command_line_alone(name, tmp_path):
    reference = real_data.reference(name)
    paths = {"data": real_data.DATA, "shop": tmp_path / "shop"}
    said = asked(f"import {RAW[name]} --out {{shop}}", **paths)
    (part,) = said["parts"]
    assert said["pairs"] == reference["edges"]
    assert part["gmv"]["total"] == pytest.approx(reference["baseline_gmv"], rel=1e-12)
    for model, floor in MODELS.items():
        solved = asked(f"solve {{shop}} --capacity observed:1.25{floor} --relative-gap 1e-8", **paths)
        assert solved["status"] == "CERTIFIED"
        assert solved["gmv"] == pytest.approx(reference[model], rel=1e-6)
