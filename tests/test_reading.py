"""Logs in: dialects, files and batches change nothing, faults are counted or named, formulas replace code."""

from __future__ import annotations

import gzip

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import compute, parquet

import real_data
from allocator.tables import TableError, csv_files, gathering, pairs, read_log, read_tables, sources
from test_tables import edges_of, one_sentence

ASK = {"segment": "who", "anchor": "host", "money": "paid"}


@pytest.fixture(scope="module")
def log() -> pa.Table:
    """A clean log of 400 sales, with a few pairs sold often."""
    rng = np.random.default_rng(11)
    return pa.table(
        {
            "who": [f"viewer {k}" for k in rng.integers(0, 25, 400)],
            "host": rng.integers(100, 112, 400),
            "paid": np.round(rng.lognormal(2, 1, 400), 2),
            "seen": rng.integers(1, 9, 400),
            "day": [f"2024-0{k}-15" for k in rng.integers(1, 4, 400)],
        }
    )


def written(
    table: pa.Table, folder, separator=",", *, decimal=".", encoding="utf-8", header=True, mark=b"", name="log.csv"
):
    """Write a table as some program would."""

    def entry(value) -> str:
        text = str(value).replace(".", decimal) if isinstance(value, float) else str(value)
        return f'"{text}"' if separator in text else text

    lines = [separator.join(map(entry, row.values())) for row in table.to_pylist()]
    lines = [separator.join(table.column_names)] * header + lines
    content = mark + ("\r\n".join(lines) + "\r\n").encode(encoding)
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.lower().endswith("gz") else content)
    return path


DIALECTS = {
    "a byte-order mark": {"mark": b"\xef\xbb\xbf"},
    "UTF-16 as spreadsheets save it": {
        "separator": "\t",
        "encoding": "utf-16-le",
        "mark": b"\xff\xfe",
        "name": "log.txt",
    },
    "semicolons and decimal commas": {"separator": ";", "decimal": ","},
    "commas for both": {"decimal": ","},
    "tabs": {"separator": "\t", "name": "log.tsv"},
    "pipes": {"separator": "|"},
    "gzip": {"name": "log.csv.gz"},
    "capitals": {"name": "LOG.CSV.GZ"},
    "no header": {"header": False},
    "latin-1": {"encoding": "latin-1"},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_change_nothing(dialect, log, tmp_path):
    path = written(log, tmp_path, **DIALECTS[dialect])
    cleaning = {"columns": log.column_names} if dialect == "no header" else {}
    cleaning |= {"encoding": "latin-1"} if dialect == "latin-1" else {}
    assert read_tables(path, **ASK, **cleaning).content_hash == read_tables(log, **ASK).content_hash


def test_several_files_are_one_log(log, tmp_path):
    parts = [log.slice(0, 150), log.slice(150, 0), log.slice(150, 250)]
    for k, part in enumerate(parts):
        written(part, tmp_path, name=f"part{k}.csv")
        parquet.write_table(part, tmp_path / f"part{k}.parquet")
    whole = read_tables(log, **ASK).content_hash
    for source in (tmp_path / "part*.csv", str(tmp_path / "*.parquet"), parts, [tmp_path / "part0.csv", *parts[1:]]):
        assert read_tables(source, **ASK).content_hash == whole


@pytest.mark.parametrize("kind", ["money", "value", "money less returns"])
def test_streaming_changes_nothing(kind, log, tmp_path, monkeypatch):
    ask = {"segment": "who", "anchor": "host", kind.split()[0]: "paid", "traffic": "seen", "shrink": True}
    if "returns" in kind:
        back = pa.array(np.where(np.arange(400) % 9 == 0, -1.0, 1.0))
        log = log.set_column(2, "paid", compute.multiply(log["paid"], back))
        ask["returns"] = "net"
    whole = read_log(log, **ask)
    path = written(log, tmp_path)
    for batch, fold in ((7, 10**6), (7, 20), (1, 1)):
        monkeypatch.setattr(sources, "BATCH_ROWS", batch)
        monkeypatch.setattr(csv_files, "BATCH_BYTES", 64 * batch)
        monkeypatch.setattr(gathering, "FOLD", fold)
        for source in (log, path):
            heard: list[str] = []
            read = read_log(source, **ask, report=heard.append)
            assert heard[-1] == "400 rows read"
            assert len(heard) > 400 // (3 * batch + 10)
            streamed, platform = read.platforms[""], whole.platforms[""]
            np.testing.assert_array_equal(streamed.anchor, platform.anchor)
            for name in ("value", "observed", "supply"):
                np.testing.assert_allclose(getattr(streamed, name), getattr(platform, name), rtol=1e-9)
            assert read.account == whole.account
            error = [one.measures["standard_error"] for one in (streamed, platform)]
            np.testing.assert_allclose(*error, rtol=1e-6)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 1e3), st.integers(1, 5)), min_size=1, max_size=30), st.data()
)
def test_spread_does_not_depend_on_how_rows_were_merged(entries, data):
    key, money, traffic = (np.array(column) for column in zip(*entries, strict=True))
    rows = pairs.single(key.astype(np.int64), traffic.astype(float), money)
    cut = data.draw(st.integers(0, key.size))
    once = pairs.merge(rows, summed=True)
    halves = [pairs.Cells(*(column[part] for column in rows)) for part in (slice(None, cut), slice(cut, None))]
    halves = [pairs.merge(half, summed=True) for half in halves if half.key.size]
    twice = pairs.merge(pairs.Cells(*map(np.concatenate, zip(*halves, strict=True))), summed=True)
    for one, other in zip(once, twice, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * money.max() ** 2)
    for k, spread in zip(once.key, once.spread, strict=True):
        own, seen = money[key == k] / traffic[key == k], traffic[key == k]
        assert spread == pytest.approx((seen * (own - np.average(own, weights=seen)) ** 2).sum(), rel=1e-7, abs=1e-7)


def test_where_is_a_filter(log):
    read = read_log(log, **ASK, where="paid > 5 and who != 'viewer 3' and not startswith(day, '2024-01')")
    keep = compute.and_(compute.greater(log["paid"], 5), compute.not_equal(log["who"], "viewer 3"))
    kept = log.filter(compute.and_(keep, compute.invert(compute.starts_with(log["day"], "2024-01"))))
    assert read.platforms[""].content_hash == read_tables(kept, **ASK).content_hash
    assert (read.account.rows, read.account.filtered) == (400, 400 - kept.num_rows)


def test_columns_can_be_computed(log):
    plain = log.append_column("total", compute.multiply(log["paid"], log["seen"].cast("double")))
    plain = plain.append_column("group", pa.array([name[:8] for name in log["who"].to_pylist()]))
    computed = read_tables(log, segment="left(who, 8)", anchor="host", money="paid * seen", traffic="seen * 2")
    doubled = plain.append_column("twice", compute.multiply(log["seen"], 2))
    expected = read_tables(doubled, segment="group", anchor="host", money="total", traffic="twice")
    assert computed.content_hash == expected.content_hash


def test_a_join_is_a_lookup(log, tmp_path):
    firms = pa.table(
        {"id": np.arange(100, 112), "firm": [f"firm {k % 3}" for k in range(12)], "share": np.arange(12) / 4}
    )
    owners = pa.table({"firm": ["firm 2", "firm 1", "firm 0"], "owner": ["x", "y", "x"]})
    written(firms, tmp_path, name="firms.csv")
    for table in (firms, tmp_path / "firms.csv"):
        joins = [(table, "host=id"), (owners, "firm")]
        joined = read_tables(log, segment="who", anchor="owner", money="paid * share", join=joins)
        lookup = dict(zip(firms["id"].to_pylist(), firms["firm"].to_pylist(), strict=True))
        owner = dict(zip(owners["firm"].to_pylist(), owners["owner"].to_pylist(), strict=True))
        names = [owner[lookup[host]] for host in log["host"].to_pylist()]
        money = log["paid"].to_numpy() * (log["host"].to_numpy() - 100) / 4
        by_hand = pa.table({"who": log["who"], "host": names, "paid": money})
        assert joined.content_hash == read_tables(by_hand, **ASK).content_hash


def test_other_tables_are_written_as_the_log_is(log, tmp_path):
    firms = pa.table({"host": np.arange(100, 112), "firm": [f"é{k % 3}" for k in range(12)]})
    written(firms, tmp_path, name="firms.csv", encoding="latin-1")
    ask = {"segment": "who", "anchor": "host", "money": "paid", "encoding": "latin-1"}
    joined = read_tables(log, **(ask | {"anchor": "firm"}), join=[(tmp_path / "firms.csv", "host")])
    listed = read_tables(log, **ask, anchors=tmp_path / "firms.csv")
    assert joined.anchors["id"].tolist() == ["é0", "é1", "é2"]
    assert listed.anchors["firm"][:3].tolist() == ["é0", "é1", "é2"]


def test_keys_without_a_match_are_invalid(log):
    few = pa.table({"host": np.arange(100, 110), "firm": list("ababababab")})
    ask = {"segment": "who", "anchor": "firm", "money": "paid", "join": [(few, "host")]}
    with pytest.raises(TableError, match=r"column 'host': keys that the joined frame lacks, as 11[01], in rows"):
        read_tables(log, **ask)
    read = read_log(log, **ask, invalid="drop")
    lost = int((log["host"].to_numpy() >= 110).sum())
    assert list(read.account.dropped.values()) == [lost]
    assert read.platforms[""].supply.sum() == 400 - lost


def test_parts_share_their_sides_and_add_up(log):
    whole = read_tables(log, **ASK, traffic="seen")
    read = read_log(log, **ASK, traffic="seen", by="month(day)")
    assert list(read.platforms) == ["2024-01", "2024-02", "2024-03"]
    for name, part in read.platforms.items():
        for side in ("segments", "anchors"):
            np.testing.assert_array_equal(getattr(part, side)["id"], getattr(whole, side)["id"])
        own = log.filter(compute.starts_with(log["day"], name))
        np.testing.assert_allclose(part.observed @ part.value, own["paid"].to_numpy().sum())
    total = sum(part.into_anchors(part.observed) for part in read.platforms.values())
    np.testing.assert_allclose(total, whole.into_anchors(whole.observed))


FAULTS = {
    "a missing id": ({"who": None}, "missing ids", "who"),
    "a blank id": ({"who": "  "}, "empty ids", "who"),
    "a word for a missing id": ({"who": "NA"}, "missing ids", "who"),
    "text for money": ({"paid": "free"}, "text instead of numbers", "paid"),
    "no money": ({"paid": None}, "missing numbers", "paid"),
    "infinite money": ({"paid": "inf"}, "infinite numbers", "paid"),
    "money with two readings": ({"paid": "1,234"}, "commas that may be decimal", "paid"),
    "a duration": ({"seen": "1:20"}, "text instead of numbers", "seen"),
    "negative traffic": ({"seen": "-2"}, "negative numbers", "seen"),
    "negative money": ({"paid": "-2.50"}, "negative numbers", "paid"),
    "a day that is none": ({"day": "15.3.2024"}, "entries that month cannot read", "day"),
    "no day": ({"day": None}, "no part of the log", "month(day)"),
}


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=25)
@given(data=st.data())
def test_faulty_rows_are_named_or_dropped_and_counted(fault, log, data):
    entries, reason, column = FAULTS[fault]
    texts = [{name: str(entry) for name, entry in row.items()} for row in log.slice(0, 40).to_pylist()]
    at = sorted(data.draw(st.sets(st.integers(0, 40), min_size=1, max_size=5)))
    for k in reversed(at):
        texts.insert(k, texts[0] | entries)
    broken = pa.Table.from_pylist(texts, schema=pa.schema({name: pa.string() for name in log.column_names}))
    ask = {**ASK, "traffic": "seen", "by": "month(day)", "missing": ["NA"]}
    rows = [k + position + 1 for position, k in enumerate(at)]
    with pytest.raises(TableError) as caught:
        read_log(broken, **ask)
    named = f"in row{'s' * (len(rows) > 1)} {', '.join(map(str, rows))}"
    one_sentence(caught.value, ["log frame", f"column '{column}'", reason, named])
    read = read_log(broken, **ask, invalid="drop", returns="drop" if fault == "negative money" else "refuse")
    assert list(read.account.dropped.values()) == [len(rows)]
    clean = pa.Table.from_pylist(log.slice(0, 40).to_pylist())
    expected = read_log(clean.set_column(1, "host", clean["host"].cast("string")), **ask)
    for name, platform in expected.platforms.items():
        assert read.platforms[name].content_hash == platform.content_hash


def test_each_faulty_row_has_one_reason():
    rows = pa.table({"who": [None, "a", "a", None], "host": [1, 2, 1, None], "paid": ["x", "1", "x", "2"]})
    read = read_log(rows, **ASK, invalid="drop")
    assert read.account.dropped == {"missing ids in 'who'": 2, "text instead of numbers in 'paid'": 1}
    assert read.account.rows == 4


def test_a_row_that_the_filter_leaves_out_may_be_faulty():
    rows = pa.table({"who": ["a", None], "host": [1, 2], "paid": ["1", "x"], "ok": [1, 0]})
    assert read_log(rows, **ASK, where="ok > 0").account.filtered == 1
    with pytest.raises(TableError, match=r"column 'paid': text instead of numbers, as 'x', in row 2"):
        read_log(rows, **ASK, where="paid > 0")


def test_a_row_that_the_filter_cannot_read_is_dropped_once_and_not_kept():
    rows = pa.table({"who": ["a", "b", "c"], "host": [1, 1, 1], "paid": ["1", "9", "2"], "size": ["x", "7", "3"]})
    read = read_log(rows, **ASK, where="not (size > 5)", invalid="drop")
    assert read.platforms[""].segments["id"].tolist() == ["c"]
    assert (read.account.filtered, dict(read.account.dropped)) == (1, {"text instead of numbers in 'size'": 1})


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.0, 1.0, 3.0]), st.integers(1, 9)), min_size=2, max_size=20
    ),
    st.data(),
)
def test_values_do_not_depend_on_how_rows_were_merged(entries, data):
    key, traffic, value = (np.array(column, dtype=float) for column in zip(*entries, strict=True))
    rows = pairs.single(key.astype(np.int64), traffic, value)
    cut = data.draw(st.integers(1, key.size - 1))
    halves = [pairs.Cells(*(column[part] for column in rows)) for part in (slice(None, cut), slice(cut, None))]
    joined = pairs.Cells(*map(np.concatenate, zip(*(pairs.merge(half, summed=False) for half in halves), strict=True)))
    once, twice = pairs.merge(rows, summed=False), pairs.merge(joined, summed=False)
    for k, one, other in zip(once.key, once.worth, twice.worth, strict=True):
        own, seen = value[key == k], traffic[key == k]
        expected = np.average(own, weights=seen) if seen.any() else own.mean()
        assert one == pytest.approx(expected, rel=1e-9)
        assert other == pytest.approx(expected, rel=1e-9)


def test_rows_with_too_many_fields_are_named_or_counted(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid\na,1,2\nb,1\nc,1,2,3\nd,2,5\n")
    with pytest.raises(TableError) as caught:
        read_log(tmp_path / "log.csv", **ASK)
    one_sentence(caught.value, ["log.csv", "2 fields in place of 3 in row 2", "drop"])
    read = read_log(tmp_path / "log.csv", **ASK, invalid="drop")
    assert read.account.dropped == {"rows with too many or too few fields": 2}
    assert read.platforms[""].segments["id"].tolist() == ["a", "d"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-20, 50)), min_size=1, max_size=25))
def test_returns_are_netted_pair_by_pair(entries):
    who, host, paid = (list(column) for column in zip(*entries, strict=True))
    table = pa.table({"who": who, "host": host, "paid": paid})
    bought: dict = {}
    for pair in zip(who, host, paid, strict=True):
        bought.setdefault(pair[:2], []).append(pair[2])
    kept = {pair: sales for pair, sales in bought.items() if any(amount >= 0 for amount in sales)}
    if not kept:
        with pytest.raises(TableError):
            read_log(table, **ASK, returns="net")
        return
    read = read_log(table, **ASK, returns="net")
    platform = read.platforms[""]
    found = {pair: (seen, seen * value) for pair, (seen, value) in edges_of(platform).items()}
    assert found.keys() == kept.keys()
    for pair, sales in kept.items():
        assert found[pair] == (sum(amount >= 0 for amount in sales), pytest.approx(max(0, sum(sales)), abs=1e-9))
    told = read.account
    alone = sum(len(sales) for pair, sales in bought.items() if pair not in kept)
    assert (told.returns, sum(told.dropped.values())) == (sum(amount < 0 for amount in paid) - alone, alone)
    assert told.rows == told.filtered + sum(told.dropped.values()) + told.returns + platform.observed.sum()


def test_ids_in_scientific_notation_are_not_guessed(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid\n31625220889,1,2\n4.0128e+10,1,2\n40128000001,2,5\n")
    with pytest.raises(TableError) as caught:
        read_log(tmp_path / "log.csv", **ASK)
    one_sentence(caught.value, ["column 'who'", "scientific notation", "row 2 of", "whole(who)"])
    dropped = read_log(tmp_path / "log.csv", **ASK, invalid="drop")
    assert dropped.account.dropped == {"ids in scientific notation": 1}
    assert dropped.platforms[""].segments["id"].tolist() == [31625220889, 40128000001]
    assert dropped.platforms[""].value.tolist() == [2.0, 5.0]
    whole = read_tables(tmp_path / "log.csv", **(ASK | {"segment": "whole(who)"}))
    assert whole.segments["id"].tolist() == [31625220889, 40128000000, 40128000001]


def test_codes_that_look_scientific_among_other_codes_stay_text(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid\n1E5,1,2\n85123A,1,2\n")
    assert read_tables(tmp_path / "log.csv", **ASK).segments["id"].tolist() == ["1E5", "85123A"]


def test_whole_numbers_that_became_floats_are_one_id(tmp_path):
    (tmp_path / "a.csv").write_text("who,host,paid\n17850.0,1,2\n12.0,1,2\n")
    (tmp_path / "b.csv").write_text("who,host,paid\n17850,1,2\n")
    assert read_tables(tmp_path / "*.csv", **ASK).segments["id"].tolist() == [12, 17850]
    frame = pa.table({"who": [17850.0, None, 12.0], "host": [1, 1, 1], "paid": [1, 1, 1]})
    assert read_log(frame, **ASK, invalid="drop").platforms[""].segments["id"].tolist() == [12, 17850]


def test_twins_among_ids_are_pointed_out():
    rows = pa.table({"who": ["15056bl", "15056BL", "15056BL ", "x"], "host": [1] * 4, "paid": [1] * 4})

    def told(**ask):
        return [notice for notice in read_log(rows, **(ASK | ask)).account.notices if "differ" in notice]

    (notice,) = told()
    assert notice.startswith("2 ids of 'who' differ")
    assert told(segment="upper(strip(who))") == []


def test_marks_of_decimals_that_contradict_each_other_are_refused_whatever_is_dropped(tmp_path):
    rows = pa.table({"who": ["a"] * 3, "host": [1] * 3, "paid": ["1.234", "2,5", "3"]})
    for invalid in ("refuse", "drop"):
        with pytest.raises(TableError, match=r"decimal commas \(row 2\) and decimal points \(row 1\); say which"):
            read_log(rows, **ASK, invalid=invalid)
    assert read_tables(rows, **ASK, decimal=",").value.tolist() == [pytest.approx((1234 + 2.5 + 3) / 3)]


BAD = {
    "an unknown rule": ({"invalid": "skip"}, ["invalid is one of 'refuse', 'drop'", "'skip'"]),
    "an unknown returns": ({"returns": "nett"}, ["returns is one of", "did you mean 'net'"]),
    "an unknown mark": ({"decimal": ";"}, ["decimal is one of"]),
    "an unknown column in a formula": ({"where": "payd > 1"}, ["no column 'payd'", "did you mean 'paid'"]),
    "an unknown key": ({"join": [(pa.table({"k": [1]}), "k")]}, ["joined by 'k'", "has no such column"]),
    "an unknown key of the table": (
        {"join": [(pa.table({"k": [1]}), "host=kk")]},
        ["no column 'kk'", "did you mean 'k'"],
    ),
    "repeated keys": ({"join": [(pa.table({"host": [1, 1, 2]}), "host")]}, ["repeated keys (1)"]),
    "a column of both": (
        {"join": [(pa.table({"host": [1], "paid": [2]}), "host")]},
        ["'paid' is a column of the log frame and of the joined frame", "rename"],
    ),
    "nothing left": ({"where": "paid > 1e9"}, ["400 rows, none of which counts", "400: fail where"]),
    "nothing left but faults": (
        {"money": "number(who)", "invalid": "drop"},
        ["none of which counts", "400: text instead"],
    ),
    "names for named columns": ({"columns": ["a"]}, []),
    "a constant for an id": ({"segment": "1"}, ["segment '1' names no column", "who, host, paid"]),
    "returns of values": ({"value": "paid", "money": None, "returns": "net"}, ["negative money", "value="]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_asked_is_refused_in_one_sentence(case, log, tmp_path):
    changes, words = BAD[case]
    given = log
    if case == "names for named columns":
        parquet.write_table(log, tmp_path / "log.parquet")
        given, words = tmp_path / "log.parquet", ["names its own columns"]
    with pytest.raises(TableError) as caught:
        read_log(given, **(ASK | changes))
    one_sentence(caught.value, words)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("invalid", ["refuse", "drop"])
@pytest.mark.parametrize("count", [400, 20_000])
def test_a_quotation_mark_that_is_not_closed_swallows_nothing(closed, invalid, count, tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BATCH_BYTES", 1 << 16)
    lines = [f"v{k % 7},{k % 5},{k}.5,plain" for k in range(count)]
    lines[10] = 'v1,3,10.5,12" vinyl'
    lines[20] = 'v1,3,20.5,"7 inch'
    if closed:
        lines[count - 50] = 'v1,3,350.5,"12 inch'
    (tmp_path / "log.csv").write_text("\n".join(["who,host,paid,note", *lines]) + "\n")
    with pytest.raises(TableError) as caught:
        read_log(tmp_path / "log.csv", **ASK, invalid=invalid)
    one_sentence(caught.value, ["row 21 has more than 100 lines: a quotation mark in it is not closed", "quotes=False"])
    whole = read_log(tmp_path / "log.csv", **ASK, invalid=invalid, quotes=False)
    assert whole.account.rows == whole.platforms[""].observed.sum() == count


def test_line_breaks_within_quotation_marks_are_text(tmp_path):
    rows = "".join(f'v{k},7,2,"two\nlines, and ""quotes"""\n' for k in range(300))
    (tmp_path / "log.csv").write_text("who,host,paid,note\n" + rows)
    assert read_log(tmp_path / "log.csv", **ASK).account.rows == 300


def test_what_a_spreadsheet_says_of_its_separator_is_believed(tmp_path):
    (tmp_path / "log.csv").write_text('sep=;\nwho;host;paid\n"a,b,c,d";1;2,5\n')
    platform = read_tables(tmp_path / "log.csv", **ASK)
    assert (platform.segments["id"].tolist(), platform.value.tolist()) == (["a,b,c,d"], [2.5])


@pytest.mark.parametrize("entries", [["1.234", "2.500", "30"], ["€ 1.234", "1.000 €", "7"]])
def test_points_that_may_set_thousands_apart_are_refused(entries):
    rows = pa.table({"who": ["a"] * 3, "host": [1] * 3, "paid": entries})
    for invalid in ("refuse", "drop"):
        with pytest.raises(TableError, match=r"set thousands apart \(first in row 1\); say which"):
            read_log(rows, **ASK, invalid=invalid)
    assert read_tables(rows, **ASK, decimal=",").value[0] > 700
    assert read_tables(rows, **ASK, decimal=".").value[0] < 20


def test_several_currencies_are_not_added_up():
    rows = pa.table({"who": ["a"] * 3, "host": [1] * 3, "paid": ["€ 2", "3", "4 USD"], "land": ["x", "x", "y"]})
    with pytest.raises(TableError, match=r"several currencies \(€ in row 1, USD in row 3\); convert them"):
        read_log(rows, **ASK, invalid="drop")
    assert read_tables(rows, **ASK, where="land == 'x'").value.tolist() == [2.5]


def test_rows_left_out_for_their_fields_were_read(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid\na,1,2\nb,1\nc,1,2,3\nd,2,5\n")
    told = read_log(tmp_path / "log.csv", **ASK, invalid="drop").account
    assert (told.rows, told.dropped) == (4, {"rows with too many or too few fields": 2})


def test_integers_can_be_missing_words_too():
    rows = pa.table({"who": [0, 1, 2], "host": [1] * 3, "paid": [1] * 3})
    assert read_log(rows, **ASK, missing=["0"], invalid="drop").platforms[""].segments["id"].tolist() == [1, 2]


def test_ids_that_doubles_cannot_tell_apart_are_invalid(tmp_path):
    (tmp_path / "log.csv").write_text("who,host,paid\n9007199254740993,1,2\n9007199254740992,1,2\n")
    assert read_tables(tmp_path / "log.csv", **ASK).segment_count == 2
    with pytest.raises(TableError, match="entries that whole cannot read"):
        read_tables(tmp_path / "log.csv", **(ASK | {"segment": "whole(who)"}))


def test_most_rows_at_fault_mean_the_wrong_column(log):
    with pytest.raises(TableError, match="most rows have it: see whether this is the right column"):
        read_tables(log, **(ASK | {"money": "who"}))


def test_a_file_in_another_encoding_says_so(tmp_path):
    (tmp_path / "log.csv").write_bytes("who,host,paid\né,1,2\n".encode("latin-1"))
    with pytest.raises(TableError, match="name its encoding, such as latin-1"):
        read_log(tmp_path / "log.csv", **ASK)


def test_read_tables_gives_one_platform(log):
    with pytest.raises(TypeError, match="read_log takes by="):
        read_tables(log, **ASK, by="month(day)")


@real_data.needs_data
def test_the_raw_retail_log_has_the_defects_it_is_known_for():
    raw = real_data.DATA / "uci_online_retail.parquet"
    ask = {"segment": "CustomerID", "anchor": "StockCode", "money": "Quantity * UnitPrice"}
    read = read_log(raw, **ask, invalid="drop", returns="net")
    assert read.account.rows == 541_909
    assert read.account.dropped["missing ids in 'CustomerID'"] == 135_080
    assert read.account.returns + read.account.dropped["returns of what was bought before"] == 8_905
    kept = read.platforms[""].observed.sum()
    assert read.account.rows == sum(read.account.dropped.values()) + read.account.returns + kept
