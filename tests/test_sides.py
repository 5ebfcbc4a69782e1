"""Ids, segments and anchors, joined tables and files: what people's programs do to names, and what becomes of it."""

from __future__ import annotations

import bz2
import gzip

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from allocator.tables import TableError, read_log, read_tables
from allocator.tables.ids import Ids
from test_tables import edges_of, one_sentence

ASK = {"segment": "who", "anchor": "host", "money": "paid"}


def about_ids(reading):
    """The notices of an account, all but that on how often pairs were seen."""
    return [notice for notice in reading.account.notices if "seen once or twice" not in notice]


def csv_log(folder, *lines: str, name: str = "log.csv", header: str = "who,host,paid"):
    """A CSV file of a header and lines."""
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


# --- ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [["1e5", "2"], ["1e5", "1E+7"], ["1.0", "2"]])
def test_names_of_parts_are_no_numbers(parts, tmp_path):
    path = csv_log(tmp_path, *(f"ann,7,{k},{part}" for k, part in enumerate(parts, 1)), header="who,host,paid,round")
    reading = read_log(path, **ASK, by="round")
    assert sorted(reading.platforms) == sorted(parts)
    for k, part in enumerate(parts, 1):
        assert edges_of(reading.platforms[part]) == {("ann", 7): (1.0, float(k))}


@pytest.mark.parametrize("size", [1, 7, 400])
@pytest.mark.parametrize("turn", [False, True])
def test_batches_of_any_size_give_one_id_one_code(size, turn):
    """Small batches behind a large one are looked up in another way; with ``turn`` text follows integers."""
    rng = np.random.default_rng(size)
    entries = [pa.array(rng.integers(0, 500, 400))] + [
        pa.array(rng.integers(0, 900, size)) for _ in range(1200 // size)
    ]
    entries = [one.cast(pa.large_string()) if turn and k % 2 else one for k, one in enumerate(entries)]
    ids = Ids("who", guessed=False)
    codes = [ids.add(one, "log", np.arange(len(one))) for one in entries]
    known = ids.known.cast(pa.large_string())
    assert len(known.unique()) == len(known)
    for batch, one in zip(codes, entries, strict=True):
        assert known.take(pa.array(batch)).equals(one.cast(pa.large_string()))
    assert len(known) == len({str(entry) for one in entries for entry in one.to_pylist()})


def test_ids_that_swallowed_rows_are_refused():
    log = pa.table({"who": ["ann", "bo,7,2\n" + "cy,8,3\n" * 200], "host": [7, 8], "paid": [1.0, 2.0]})
    for cleaning in ({}, {"invalid": "drop"}):
        with pytest.raises(TableError) as caught:
            read_log(log, **ASK, **cleaning)
        one_sentence(caught.value, ["frame, column 'who'", "1,407 characters", "bo,7,2", "quotation mark"])
    fits = pa.table({"who": ["a" * 1000, "b"], "host": [1, 2], "paid": [1.0, 2.0]})
    assert read_tables(fits, **ASK).segments["id"][0] == "a" * 1000
    with pytest.raises(TableError, match="1,001 characters"):
        read_tables(fits, **ASK, segments=pa.table({"id": ["b", "a" * 1000, "c" * 1001]}))


NOTICED = {
    ("ann", "Ann ", "bo"): ["1 ids of 'who'", "case or outer spaces", "'ann', 'Ann '", "upper(strip(who))"],
    ("A7", "007", "7"): ["1 ids of 'who'", "leading zeros", "'007', '7'"],
    ("A7", "00123", "0123", "123", "5"): ["2 ids of 'who'", "leading zeros", "'00123', '0123'"],
    ("A7", "1.23E+15"): ["1 ids of 'who'", "scientific", "'1.23E+15'", "export the ids as text"],
    ("A7", "4.0128e10", "8"): ["1 ids of 'who'", "scientific", "'4.0128e10'"],
    ("ann", "NA"): ["'NA' is an id of 'who'", "missing='NA'"],
    ("ann", "None", "null"): ["'None' is an id", "missing='None'", "'null' is an id"],
}


@pytest.mark.parametrize("ids", NOTICED)
def test_odd_ids_are_noticed_in_plain_words(ids):
    notices = read_log(pa.table({"who": ids, "host": [1] * len(ids), "paid": [1.0] * len(ids)}), **ASK).account.notices
    said = " ".join(notices)
    assert [words for words in NOTICED[ids] if words not in said] == []
    assert "np." not in said


@pytest.mark.parametrize("ids", [("A7", "1e5"), ("A7", "7E2", "70"), ("0", "00A"), ("A", "0.5", "00.5"), ("-", "x")])
def test_ids_that_may_well_be_meant_are_not_noticed(ids):
    log = pa.table({"who": ids, "host": [1] * len(ids), "paid": [1.0] * len(ids)})
    assert about_ids(read_log(log, **ASK)) == []


def test_the_remedy_for_a_missing_word_works():
    log = pa.table({"who": ["ann", "NA"], "host": [1, 1], "paid": [1.0, 1.0]})
    found = read_log(log, **ASK, missing="NA", invalid="drop")
    assert found.platforms[""].segments["id"].tolist() == ["ann"]
    assert about_ids(found) == []


@pytest.mark.parametrize("log", [["17850.0", "17851.0"], ["17850", "17851"], ["17850", "17851.0"]])
@pytest.mark.parametrize("table", [["17850.0", "17851.0"], ["17851.0", "17850"], ["17850", "17851", "9.0"]])
def test_a_log_and_its_table_agree_on_what_is_an_integer(log, table, tmp_path):
    path = csv_log(tmp_path, *(f"{one},7,1" for one in log))
    people = csv_log(tmp_path, *(f"{one},5" for one in table), name="people.csv", header="id,supply")
    platform = read_tables(path, **ASK, segments=people)
    assert platform.segments["id"].tolist() == [int(float(one)) for one in table]
    assert platform.edge_count == 2


@pytest.mark.parametrize("log", [["17850.0"], ["17850"]])
def test_a_table_that_lists_other_codes_too_still_knows_the_integers(log, tmp_path):
    path = csv_log(tmp_path, *(f"{one},7,1" for one in log))
    people = csv_log(tmp_path, "A7", "17850.0", name="people.csv", header="id")
    for given in (path, pa.table({"who": [17850], "host": [7], "paid": [1.0]})):
        platform = read_tables(given, **ASK, segments=people)
        assert platform.segments["id"].tolist() == ["A7", "17850"]
        assert platform.segment.tolist() == [1]


def test_a_table_that_names_one_integer_twice_is_refused(tmp_path):
    people = csv_log(tmp_path, "7.0", "7", name="people.csv", header="id")
    with pytest.raises(TableError) as caught:
        read_tables(csv_log(tmp_path, "7,8,1"), **ASK, segments=people)
    one_sentence(caught.value, ["people.csv", "repeated ids (7)", "rows 1, 2"])


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1.0", "1.00"], ["1.0", "1.00"]),
        (["1.0", "2.0"], [1, 2]),
        (["1", "2.0"], [1, 2]),
        (["1.0", "2.1"], ["1.0", "2.1"]),
        (["01.0", "1.0"], ["01.0", "1.0"]),
        (["9" * 20, "1.0"], ["1.0", "9" * 20]),
    ],
)
def test_only_what_a_program_makes_of_an_integer_is_one(ids, expected, tmp_path):
    path = csv_log(tmp_path, *(f"{one},7,1" for one in ids))
    people = csv_log(tmp_path, *map(str, expected), name="people.csv", header="id")
    for options in ({}, {"segments": people}):
        assert read_tables(path, **ASK, **options).segments["id"].tolist() == expected


# --- tables beside a log -------------------------------------------------------------------------------------------

LOG = pa.table({"who": ["ann", "bo"], "host": [7, 8], "paid": [1.0, 2.0]})


@pytest.mark.parametrize("option", ["segments", "anchors", "join"])
def test_a_table_of_a_header_alone_is_refused(option, tmp_path):
    path = csv_log(tmp_path, name="beside.csv", header="who,age" if option == "segments" else "host,age")
    given = {"join": [(path, "host")], "where": "age > 1"} if option == "join" else {option: path}
    with pytest.raises(TableError) as caught:
        read_tables(LOG, **ASK, **given)
    one_sentence(caught.value, ["beside.csv has no rows; give at least one"])


def test_files_of_one_kind_are_one_table(tmp_path):
    files = [csv_log(tmp_path, row, name=f"{row}.csv", header="id,age") for row in ("bo,5", "ann,6.5")]
    platform = read_tables(LOG, **ASK, segments=files)
    assert platform.segments["id"].tolist() == ["bo", "ann"]
    assert platform.segments["age"].tolist() == [5.0, 6.5]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (pa.table({"id": ["bo"], "city": ["x"]}), ["different columns (age, city)"]),
        (pa.table({"id": ["bo"]}), ["different columns (age)"]),
        (pa.table({"id": ["bo"], "age": ["old"]}), ["and 1 more", "same kind"]),
        ("csv", ["only one of them is a CSV file"]),
    ],
)
def test_files_that_are_not_alike_are_refused(other, words, tmp_path):
    first = pa.table({"id": ["ann"], "age": [5]})
    other = csv_log(tmp_path, "bo,6", name="more.csv", header="id,age") if isinstance(other, str) else other
    with pytest.raises(TableError) as caught:
        read_tables(LOG, **ASK, segments=[first, other])
    one_sentence(caught.value, ["segments frame", *words])


@pytest.mark.parametrize("given", ["x:k", ["x:k"], ["xk"], [("x", "k", "z")], [("x", 3)], ("x", "k"), [LOG]])
def test_a_join_is_a_pair_of_a_table_and_a_key(given):
    with pytest.raises(TableError) as caught:
        read_tables(LOG, **ASK, join=given)
    one_sentence(caught.value, ["join= takes pairs", "('products.csv', 'product_id')"])


def test_a_join_of_two_tables_at_once_is_refused():
    tables = [pa.table({"host": [k], "tier": [k]}) for k in (7, 8)]
    with pytest.raises(TableError) as caught:
        read_tables(LOG, **ASK, join=[(tables, "host")])
    one_sentence(caught.value, ["one file or frame", "2 are given"])


def test_a_joined_column_of_integers_beyond_64_bits_is_refused():
    firms = pa.table({"host": [7, 8], "firm": pa.array([2**63 + 1, 1], pa.uint64())})
    with pytest.raises(TableError) as caught:
        read_tables(LOG, segment="who", anchor="firm", money="paid", join=[(firms, "host")])
    one_sentence(caught.value, ["joined frame, column 'firm',", "convert the column"])


def test_a_join_by_keys_that_are_lists_is_refused():
    firms = pa.table({"host": [[7], [8]], "firm": ["x", "y"]})
    with pytest.raises(TableError) as caught:
        read_tables(LOG, segment="who", anchor="firm", money="paid", join=[(firms, "host")])
    one_sentence(caught.value, ["joined frame, column 'host',", "convert the column"])


WAYS = {"integers": [7, 8], "decimals": [7.0, 8.0], "text": ["7", "8"], "pointed": ["7.0", "8.0"], "both": ["7.0", "8"]}


@pytest.mark.parametrize("ours", WAYS)
@pytest.mark.parametrize("theirs", WAYS)
def test_whole_numbers_join_however_they_are_written(ours, theirs):
    log = LOG.set_column(1, "host", pa.array(WAYS[ours]))
    firms = pa.table({"host": WAYS[theirs], "firm": ["x", "y"]})
    platform = read_tables(log, segment="who", anchor="firm", money="paid", join=[(firms, "host")])
    assert edges_of(platform) == {("ann", "x"): (1.0, 1.0), ("bo", "y"): (1.0, 2.0)}


def test_keys_that_are_there_join_as_they_are():
    """Versions 7 and 7.0 are two keys where a table has both; 7.10 is not 7.1."""
    log = LOG.set_column(1, "host", pa.array(["7.0", "7"]))
    firms = pa.table({"host": ["7", "7.0", "7.1"], "firm": ["x", "y", "z"]})
    ask = {"segment": "who", "anchor": "firm", "money": "paid", "join": [(firms, "host")]}
    assert edges_of(read_tables(log, **ask)) == {("ann", "y"): (1.0, 1.0), ("bo", "x"): (1.0, 2.0)}
    with pytest.raises(TableError, match="lacks"):
        read_tables(log.set_column(1, "host", pa.array(["7.10", "7"])), **ask)


# --- files ---------------------------------------------------------------------------------------------------------


def test_a_file_counts_once(tmp_path):
    one, other = (csv_log(tmp_path, "ann,7,1", name=name) for name in ("a.csv", "b.csv"))
    (tmp_path / "link.csv").symlink_to(one)
    twice = [[one, one], [tmp_path / "*.csv", other], [tmp_path / "sub" / ".." / "a.csv", one]]
    (tmp_path / "sub").mkdir()
    for given in [*twice, [one, tmp_path / "link.csv"]]:
        with pytest.raises(TableError) as caught:
            read_tables(given, **ASK)
        one_sentence(caught.value, [".csv is given twice", "once"])
    assert read_tables([one, other], **ASK).observed.tolist() == [2.0]


CONTENT = b"who,host,paid\nann,7,1\n"
STRANGE = {
    "log.csv": (gzip.compress(CONTENT), ["is compressed", ".gz"]),
    "log.tsv": (bz2.compress(CONTENT), ["is compressed", ".bz2"]),
    "sheet.csv": (b"PK\x03\x04" + bytes(50), ["save it as CSV"]),
    "sheet.xlsx": (b"PK\x03\x04" + bytes(50), ["a spreadsheet", "save it as CSV"]),
    "Sheet.XLS": (b"\xd0\xcf\x11\xe0", ["a spreadsheet", "save it as CSV"]),
    "log.zip": (b"PK\x03\x04", ["an archive", "unpack it"]),
    "log.csv.zip": (b"PK\x03\x04", ["an archive", "unpack it"]),
    "none.csv": (b"", ["is empty"]),
    "none.parquet": (b"", ["is empty"]),
    "none.csv.gz": (b"", ["is empty"]),
}


@pytest.mark.parametrize("name", STRANGE)
def test_files_that_are_no_tables_say_what_to_do(name, tmp_path):
    content, words = STRANGE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as caught:
        read_tables(tmp_path / name, **ASK)
    one_sentence(caught.value, [name, *words])


def test_a_parquet_file_called_csv_says_so(tmp_path):
    parquet.write_table(LOG, tmp_path / "log.csv")
    with pytest.raises(TableError, match="is a Parquet file"):
        read_tables(tmp_path / "log.csv", **ASK)
