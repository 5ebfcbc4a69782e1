"""Tables in: any form of the same rows is the same platform, and what is not a platform is refused in one sentence."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv, parquet

import real_data
from allocator.tables import TableError, read_tables

FORMS = ("csv", "parquet", "pandas", "polars", "pyarrow")
IDS = st.one_of(
    st.lists(st.integers(-9, 10**18), min_size=1, max_size=5, unique=True),
    st.lists(st.text("abZé中0 ", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=5, unique=True),
)


@st.composite
def rows(draw) -> dict[str, list]:
    """Rows of few ids, so that pairs repeat."""
    count = draw(st.integers(1, 25))
    amounts = st.floats(0, 1e6, allow_subnormal=False)
    columns = {
        "who": st.sampled_from(draw(IDS)),
        "host": st.sampled_from(draw(IDS)),
        "amount": amounts | st.sampled_from([0.0, 0.1, 7.0]),
        "seen": st.floats(1e-3, 1e4) | st.just(3.0),
    }
    return {name: draw(st.lists(column, min_size=count, max_size=count)) for name, column in columns.items()}


def shape(table: pa.Table, form: str, folder, name: str = "table"):
    """Give a table one of the forms in which people hold theirs."""
    if form == "csv":
        csv.write_csv(table, folder / f"{name}.csv")
        return folder / f"{name}.csv"
    if form == "parquet":
        parquet.write_table(table, folder / f"{name}.parquet")
        return str(folder / f"{name}.parquet")
    return {"pandas": table.to_pandas, "polars": lambda: pl.from_arrow(table), "pyarrow": lambda: table}[form]()


def edges_of(platform) -> dict:
    segments, anchors = platform.segments["id"][platform.segment], platform.anchors["id"][platform.anchor]
    pairs = zip(segments.tolist(), anchors.tolist(), strict=True)
    return dict(zip(pairs, zip(platform.observed, platform.value, strict=True), strict=True))


def shop(rng, count=200) -> pa.Table:
    """Random sales with repeated pairs."""
    return pa.table(
        {
            "who": rng.integers(1, 30, count),
            "host": [f"主播 {i}" for i in rng.integers(0, 9, count)],
            "amount": rng.lognormal(size=count),
            "seen": rng.integers(1, 5, count),
        }
    )


@given(rows(), st.sampled_from(["value", "money"]), st.booleans())
def test_aggregation_is_that_of_a_dictionary(columns, kind, counted):
    ask = {"traffic": None if counted else "seen", kind: "amount"}
    platform = read_tables(pa.table(columns), segment="who", anchor="host", **ask)
    merged = defaultdict(list)
    for who, host, amount, seen in zip(*columns.values(), strict=True):
        merged[who, host].append((amount, 1.0 if counted else seen))
    expected = {}
    for pair, entries in merged.items():
        amounts, traffic = np.array(entries).T
        expected[pair] = (traffic.sum(), (amounts * traffic if kind == "value" else amounts).sum() / traffic.sum())
    found = edges_of(platform)
    assert found.keys() == expected.keys()
    for pair, numbers in expected.items():
        assert found[pair] == pytest.approx(numbers, rel=1e-12)
    assert platform.segments["id"].tolist() == sorted(set(columns["who"]))
    assert platform.anchors["id"].tolist() == sorted(set(columns["host"]))
    np.testing.assert_allclose(platform.supply, platform.into_segments(platform.observed), rtol=1e-12)
    assert np.isinf(platform.capacity).all()


@given(rows(), st.sampled_from(["value", "money"]), st.randoms())
def test_order_of_rows_does_not_matter(columns, kind, random):
    order = list(range(len(columns["who"])))
    random.shuffle(order)
    ask = {"segment": "who", "anchor": "host", "traffic": "seen", kind: "amount"}
    straight, shuffled = (read_tables(table, **ask) for table in (pa.table(columns), pa.table(columns).take(order)))
    assert straight.content_hash == shuffled.content_hash


@given(rows(), st.sampled_from(["value", "money"]), st.floats(0.01, 0.99))
def test_splitting_a_row_changes_nothing(columns, kind, part):
    ask = {"segment": "who", "anchor": "host", "traffic": "seen", kind: "amount"}
    whole = read_tables(pa.table(columns), **ask)
    halves = {name: [*column, column[-1]] for name, column in columns.items()}
    for name in ["seen", "amount"] if kind == "money" else ["seen"]:
        halves[name][-2:] = [part * columns[name][-1], (1 - part) * columns[name][-1]]
    split = read_tables(pa.table(halves), **ask)
    np.testing.assert_array_equal(split.anchor, whole.anchor)
    for name in ("value", "observed", "supply"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-12, atol=0)


@given(rows())
def test_a_value_that_needs_no_averaging_is_kept_exactly(columns):
    same = dict.fromkeys(zip(columns["who"], columns["host"], strict=True), 0.0)
    same |= {(who, host): amount for who, host, amount, _ in zip(*columns.values(), strict=True)}
    columns = columns | {"amount": [same[pair] for pair in zip(columns["who"], columns["host"], strict=True)]}
    platform = read_tables(pa.table(columns), segment="who", anchor="host", value="amount", traffic="seen")
    assert {pair: v for pair, (_, v) in edges_of(platform).items()} == same


def test_values_without_traffic_take_the_plain_mean():
    rows = {"s": ["x"] * 3, "a": [1, 1, 0], "v": [1.0, 4.0, 9.0], "t": [0.0, 0.0, 2.0]}
    platform = read_tables(pa.table(rows), segment="s", anchor="a", value="v", traffic="t")
    assert edges_of(platform) == {("x", 0): (2.0, 9.0), ("x", 1): (0.0, 2.5)}


def test_every_form_of_a_table_is_the_same_platform(tmp_path):
    rng = np.random.default_rng(3)
    edges = shop(rng)
    people = pa.table(
        {
            "who": np.arange(40)[::-1],
            "supply": rng.integers(0, 50, 40),
            "age": [None, *range(39)],
            "city": [None, "NA", *["深圳"] * 38],
            "joined": np.arange(40).astype("M8[D]"),
            "paying": [True, False] * 20,
        }
    )
    hosts = pa.table(
        {
            "id": [f"主播 {i}" for i in range(12)],
            "capacity": [None, 3.5, *[100.0] * 10],
            "fans": rng.random(12),
            "last": np.arange(12).astype("M8[h]").astype("M8[s]"),
        }
    )
    hashes = set()
    for form in FORMS:
        sold, segments, anchors = (shape(rows, form, tmp_path, f"t{len(rows)}") for rows in (edges, people, hosts))
        platform = read_tables(
            sold, segment="who", anchor="host", money="amount", traffic="seen", segments=segments, anchors=anchors
        )
        hashes.add(platform.content_hash)
    assert len(hashes) == 1
    assert platform.segments["id"].dtype == np.int64
    assert platform.segments["id"].tolist() == people["who"].to_pylist()
    np.testing.assert_array_equal(platform.supply, people["supply"])
    assert platform.segments["city"][:3].tolist() == ["", "NA", "深圳"]
    assert np.isnan(platform.segments["age"][0])
    assert platform.segments["joined"][1] == "1970-01-02"
    assert platform.anchors["last"][1] == "1970-01-01T01:00:00"
    assert platform.capacity[:3].tolist() == [np.inf, 3.5, 100.0]
    assert platform.into_anchors(platform.observed)[9:].tolist() == [0, 0, 0]
    assert [platform.segments[name].dtype.kind for name in ("age", "city", "joined", "paying")] == ["f", "U", "U", "b"]


def test_an_empty_limit_means_the_default(tmp_path):
    edges = pa.table({"s": ["x", "x", "y"], "a": [1, 2, 1], "v": [1.0, 2.0, 3.0]})
    segments = pa.table({"s": ["y", "x", "z"], "supply": [None, 9.0, None]})
    platform = read_tables(edges, segment="s", anchor="a", value="v", segments=segments)
    assert platform.supply.tolist() == [1.0, 9.0, 0.0]
    assert np.diff(platform.indptr).tolist() == [1, 2, 0]
    assert list(platform.segments) == ["id"]


@pytest.mark.parametrize("written", ["00123", "85123A", "+7", "true", "2024-01-01", "9" * 30, "NA", " 5"])
def test_ids_in_csv_files_are_never_parsed(tmp_path, written):
    (tmp_path / "edges.csv").write_text(f"s,a,v\n{written},7,1\n5,8,2\n", encoding="utf-8")
    platform = read_tables(tmp_path / "edges.csv", segment="s", anchor="a", value="v")
    assert platform.segments["id"].tolist() == sorted([written, "5"])
    assert platform.anchors["id"].tolist() == [7, 8]


def test_csv_ids_agree_with_those_of_the_table_beside_it(tmp_path):
    (tmp_path / "edges.csv").write_text("s,a,v\n5,7,1\n6,8,2\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text("id,zip\n007,01234\n6,99999\n5,00000\n", encoding="utf-8")
    platform = read_tables(
        tmp_path / "edges.csv",
        segment="s",
        anchor="a",
        value="v",
        segments=tmp_path / "s.csv",
        anchors=pa.table({"id": ["8", "7"]}),
    )
    assert platform.segments["id"].tolist() == ["007", "6", "5"]
    assert platform.segments["zip"].tolist() == ["01234", "99999", "00000"]
    assert platform.anchors["id"].tolist() == ["8", "7"]


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array(["c", "b"]).dictionary_encode()]),
        pa.array(["b", "a", "c", "b"], pa.string_view()),
        pa.array(["b", "a", "c", "b"], pa.large_string()),
    ],
)
def test_text_in_any_arrow_type_is_text(column):
    edges = pa.table({"s": column, "a": [1, 1, 1, 2], "v": pa.array([1, 2, 3, 4], pa.float32())})
    platform = read_tables(edges, segment="s", anchor="a", value="v")
    assert edges_of(platform) == {("a", 1): (1, 2), ("b", 1): (1, 1), ("b", 2): (1, 4), ("c", 1): (1, 3)}


def test_row_labels_of_a_filtered_frame_are_no_attribute(tmp_path):
    segments = pd.DataFrame({"id": [1, 2, 3], "kind": pd.Categorical(["x", "y", None])}, index=[4, 7, 9])
    segments.to_parquet(tmp_path / "s.parquet")
    edges = {"s": [1, 3], "a": ["p", "q"], "v": [1.5, 2.5]}
    for source in (segments, tmp_path / "s.parquet"):
        platform = read_tables(pl.DataFrame(edges), segment="s", anchor="a", value="v", segments=source)
        assert list(platform.segments) == ["id", "kind"]
        assert platform.segments["kind"].tolist() == ["x", "y", ""]


GOOD = {"s": ["x", "y", "y"], "a": [1, 1, 2], "v": [1.0, 2.0, 3.0], "m": [1.0, 0.0, 4.0], "t": [1.0, 0.0, 2.0]}
ASK = {"segment": "s", "anchor": "a", "value": "v"}


def refused(**changes):
    """Refused edges: the good ones with columns replaced."""
    return {"edges": pa.table(GOOD | changes)}


def listed(side: str, **columns):
    """Refused table of segments or anchors beside good edges."""
    return {"edges": pa.table(GOOD), side: pa.table(columns)}


BAD = {
    "a column that is absent": (
        refused() | {"segment": "ss"},
        ["the log", "'ss'", "mean 's'", "it has s, a, v"],
    ),
    "neither value nor money": (refused() | {"value": None}, ["either value=", "money="]),
    "both value and money": (refused() | {"money": "m"}, ["either value=", "money="]),
    "one column for both ids": (refused() | {"segment": "a"}, ["segment and anchor", "'a'"]),
    "text for a number": (refused(v=["1", "2.5.", "x"]), ["'v'", "'2.5.', in rows 2, 3", "correct", "drop"]),
    "truth for a number": (refused(v=[True, False, True]), ["'v'", "bool", "convert"]),
    "a missing value": (refused(v=[1.0, None, float("nan")]), ["'v'", "missing numbers in rows 2, 3", "drop"]),
    "nothing but missing values": (refused(v=[None] * 3), ["'v'", "missing numbers in rows 1, 2, 3"]),
    "a negative value": (refused(v=[1.0, 2.0, -1.0]), ["'v'", "negative numbers in row 3", "drop"]),
    "an infinite value": (refused(v=[1.0, np.inf, 1.0]), ["'v'", "infinite numbers in row 2"]),
    "sums beyond float64": (
        refused(s=["x"] * 3, a=[1] * 3, t=[1e308] * 3) | {"traffic": "t"},
        ["segment x", "anchor 1", "inf"],
    ),
    "negative traffic": (refused(t=[-1, -2, 3]) | {"traffic": "t"}, ["'t'", "negative numbers in rows 1, 2"]),
    "money without traffic": (
        refused() | {"value": None, "money": "m", "traffic": "t"},
        ["'t'", "no traffic between segment y and anchor 1", "drop"],
    ),
    "a missing id": (refused(s=["x", None, "y"]), ["'s'", "missing ids in row 2", "drop"]),
    "an empty id": (refused(s=["x", "", ""]), ["'s'", "empty ids in rows 2, 3", "drop"]),
    "nothing but missing ids": (refused(s=[None] * 3), ["'s'", "missing ids in rows 1, 2, 3"]),
    "a decimal id": (refused(a=[1.0, 1.5, 2.0]), ["'a'", "no whole numbers in row 2", "convert"]),
    "an id beyond 64 bits": (refused(a=pa.array([1, 2, 2**64 - 1], pa.uint64())), ["'a'", "cannot be read", "convert"]),
    "no rows": ({"edges": pa.table(GOOD).slice(0, 0)}, ["the log", "no rows"]),
    "columns of one name": (
        {"edges": pa.table([[1], [2], [3], [4]], names=["s", "a", "v", "v"])},
        ["2 columns called 'v'", "rename"],
    ),
    "a frame of mixed kinds": (
        {"edges": pd.DataFrame(GOOD | {"s": pd.Series(["x", 1, "y"], dtype=object)})},
        ["log frame", "column s", "convert"],
    ),
    "something else": ({"edges": [1, 2]}, ["the log", "int", "frame"]),
    "an id that the table lacks": (
        listed("segments", s=["x", "z"]),
        ["the log", "'s'", "segments frame lacks (y)", "add"],
    ),
    "ids of two kinds": (
        listed("anchors", id=["1", "2"]),
        ["'a'", "integers", "anchors frame they are text", "convert"],
    ),
    "repeated ids": (
        listed("anchors", a=[2, 1, 2, 3, 3, 3]),
        ["anchors", "repeated ids (2, 3) in rows 1, 3, 4, 5, 6", "one row"],
    ),
    "no id column": (listed("anchors", idd=[1, 2]), ["anchors", "'a' or 'id'", "(it has idd)"]),
    "two id columns": (listed("anchors", a=[1, 2], id=[1, 2]), ["anchors", "'a'", "'id'", "rename"]),
    "negative capacity": (listed("anchors", a=[1, 2], capacity=[-1, 2]), ["'capacity'", "negative", "row 1"]),
    "text for supply": (listed("segments", s=["x", "y"], supply=["9", "8h"]), ["'supply'", "'8h' in row 2", "convert"]),
    "infinite supply": (listed("segments", s=["x", "y"], supply=[1.0, np.inf]), ["supply", "segment y"]),
    "a missing truth": (listed("segments", s=["x", "y"], new=[True, None]), ["segments", "'new'", "row 2", "text"]),
    "an attribute of lists": (listed("segments", s=["x", "y"], tags=[["p"], []]), ["'tags'", "list", "drop"]),
}


def one_sentence(error: BaseException, words: list[str]) -> None:
    """The message is one line that says what is wrong, and hides what went on inside."""
    text = str(error)
    assert "\n" not in text
    assert [word for word in words if word not in text] == [], text
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_clean_table_is_refused_in_one_sentence(case):
    sources, words = BAD[case]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        read_tables(**(ASK | sources))
    one_sentence(caught.value, words)


FILES = {
    "missing.csv": (None, ["does not exist"]),
    "empty.csv": (b"", ["is empty", "check how it was exported"]),
    "header.csv": (b"s,a,v\n", ["no rows"]),
    "ragged.csv": (b"s,a,v\nx,1,2\nx,1\n", ["2 fields in place of 3 in row 2"]),
    "latin.csv": ("s,a,v\né,1,2\n".encode("latin-1"), ["cannot be read", "utf-8", "latin-1"]),
    "caret.csv": (b"s^a^v\nx^1^2\n", ["no column 's'", "it has s^a^v"]),
    "marks.csv": (b's,a,v\nx,1,2.5\nx,1,"2,5"\n', ["'v'", "commas (row 2)", "points (row 1)", "decimal="]),
    "thousands.csv": (b's,a,v\nx,1,2\nx,1,"2,500"\n', ["'v'", "'2,500', in row 2", "decimal="]),
    "unknown.csv": (b"s,a,v\nx,1,2\nx,1,NA\n", ["'v'", "missing numbers in row 2"]),
    "empty.parquet": (b"", ["is empty"]),
    "text.parquet": (b"s,a,v\nx,1,2\n", ["cannot be read"]),
    "edges.xlsx": (b"PK", ["unknown type", ".csv", ".parquet"]),
    "folder.csv": ("folder", ["is a folder"]),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_read_are_refused_in_one_sentence(tmp_path, name):
    content, words = FILES[name]
    if content == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_tables(tmp_path / name, **ASK)
    one_sentence(caught.value, [name, *words])


def test_a_parquet_file_cut_anywhere_is_refused_in_one_sentence(tmp_path):
    whole = tmp_path / "edges.parquet"
    parquet.write_table(shop(np.random.default_rng(0)), whole)
    content = whole.read_bytes()
    for length in [*range(0, len(content), len(content) // 25), len(content) - 1]:
        whole.write_bytes(content[:length])
        with pytest.raises(TableError) as caught:
            read_tables(whole, segment="who", anchor="host", money="amount")
        one_sentence(caught.value, ["edges.parquet", "cannot be read"])


@real_data.needs_data
@pytest.mark.parametrize("name", real_data.GRAPHS)
def test_public_tables_give_the_graphs_of_the_reference(name):
    platform, reference = getattr(real_data, name)(), real_data.reference(name)
    sizes = {"segments": platform.segment_count, "anchors": platform.anchor_count, "edges": platform.edge_count}
    assert sizes == {key: reference[key] for key in sizes}
    assert platform.supply.sum() == reference["traffic"]
    assert platform.observed @ platform.value == pytest.approx(reference["baseline_gmv"], rel=1e-12)


@real_data.needs_data
@pytest.mark.parametrize("form", ["csv", "pandas", "polars"])
def test_public_tables_in_other_forms_are_the_same_platform(tmp_path, form):
    rows = parquet.read_table(real_data.DATA / "complete_journey_transactions_sample.parquet")
    rows = rows.select(["household_id", "store_id", "sales_value"])
    platform = read_tables(
        shape(rows, form, tmp_path),
        segment="household_id",
        anchor="store_id",
        money="sales_value",
        currency="USD",
        period="year",
    )
    assert platform.content_hash == real_data.cj_household_store().content_hash
