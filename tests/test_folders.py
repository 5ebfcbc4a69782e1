"""Platform folders: what is read is what was written, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from allocator.graph import Platform
from allocator.tables import TableError
from allocator.tables.folders import FILES, read_platform, write_platform, write_platforms
from test_tables import one_sentence

AMOUNTS = st.floats(0, 1e12)


@st.composite
def platforms(draw) -> Platform:
    """Small platforms with all that one may hold: isolated nodes, float32, measures, attributes of each kind."""
    segments, anchors = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    pair = st.tuples(st.integers(0, segments - 1), st.integers(0, anchors - 1))
    pairs = np.array(draw(st.lists(pair, min_size=1, max_size=12, unique=True)))

    def numbers(count, amounts=AMOUNTS):
        return np.array(draw(st.lists(amounts, min_size=count, max_size=count)), dtype=np.float64)

    def attributes(count):
        kinds = {
            "bool": st.booleans(),
            "int": st.integers(-(2**63), 2**63 - 1),
            "float": st.floats(),
            "text": st.text("aé中\n,0\U0001f6d2"),
        }
        columns = {
            name: draw(st.lists(kinds[name], min_size=count, max_size=count))
            for name in draw(st.lists(st.sampled_from(list(kinds)), unique=True))
        }
        if draw(st.booleans()):
            columns["id"] = np.array([f"主播 {i}" for i in range(count)], dtype=f"<U{draw(st.integers(4, 9))}")
        return columns

    edges = len(pairs)
    return Platform.from_edges(
        *pairs.T,
        numbers(edges).astype(draw(st.sampled_from([np.float32, np.float64]))),
        supply=numbers(segments),
        capacity=numbers(anchors, AMOUNTS | st.just(np.inf)),
        observed=numbers(edges) if draw(st.booleans()) else None,
        measures={name: numbers(edges) for name in draw(st.lists(st.sampled_from(["cost", "消耗"]), unique=True))},
        segments=attributes(segments),
        anchors=attributes(anchors),
        currency=draw(st.sampled_from(["RMB", "€"])),
    )


@pytest.fixture(scope="module")
def platform() -> Platform:
    rng = np.random.default_rng(5)
    return Platform.from_edges(
        np.repeat(np.arange(40), 3),
        np.tile([0, 3, 7], 40),
        rng.random(120),
        supply=rng.random(40),
        observed=rng.random(120),
        anchors={"id": [f"anchor-{j}" for j in range(9)]},
    )


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("shelf")


@given(platforms())
def test_reading_gives_back_what_was_written(shelf, written):
    write_platform(written, shelf / "folder")
    found = read_platform(shelf / "folder")
    assert found.content_hash == written.content_hash
    assert found.folder == shelf / "folder"
    assert found.value.dtype == written.value.dtype
    assert (found.observed is None) == (written.observed is None)
    assert list(found.measures) == list(written.measures)
    for side in ("segments", "anchors"):
        before, after = getattr(written, side), getattr(found, side)
        assert [(name, after[name].dtype) for name in after] == [(name, before[name].dtype) for name in before]
    assert {path.name for path in shelf.iterdir()} == {"folder"}
    assert {path.name for path in (shelf / "folder").iterdir()} == set(FILES)


def test_platform_json_says_what_is_in_the_folder(platform, tmp_path):
    write_platform(platform, tmp_path / "deep" / "folder")
    about = json.loads((tmp_path / "deep" / "folder" / "platform.json").read_text(encoding="utf-8"))
    assert about["schema"] == 1
    assert about["sizes"] == {"segments": 40, "anchors": 9, "edges": 120}
    assert (about["currency"], about["period"], about["content_hash"]) == ("RMB", "day", platform.content_hash)


def test_an_older_platform_is_replaced_and_an_empty_folder_filled(platform, tmp_path):
    (tmp_path / "folder").mkdir()
    write_platform(platform, tmp_path / "folder")
    other = replace(platform, currency="GBP", observed=None)
    write_platform(other, tmp_path / "folder")
    assert read_platform(tmp_path / "folder").content_hash == other.content_hash
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    write_platform(platform, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read_platform(tmp_path / "folder").content_hash == platform.content_hash
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "link"}


@pytest.mark.parametrize("existing", [["notes.txt"], [*FILES, "notes.txt"], ["edges.parquet"]])
def test_other_folders_are_never_replaced(platform, tmp_path, existing):
    (tmp_path / "folder").mkdir()
    for name in existing:
        (tmp_path / "folder" / name).write_text("mine")
    with pytest.raises(TableError) as caught:
        write_platform(platform, tmp_path / "folder")
    what = "notes.txt" if "notes.txt" in existing else "no platform.json"
    one_sentence(caught.value, ["folder", what, "choose a new or empty folder"])
    assert {path.name: path.read_text() for path in (tmp_path / "folder").iterdir()} == dict.fromkeys(existing, "mine")
    assert {path.name for path in tmp_path.iterdir()} == {"folder"}


def test_a_file_is_never_replaced(platform, tmp_path):
    (tmp_path / "file").write_text("mine")
    for target, words in (("file", "is a file"), ("file/folder", "cannot be written")):
        with pytest.raises((TableError, OSError)) as caught:
            write_platform(platform, tmp_path / target)
        one_sentence(caught.value, [target, words, "choose another"])
    assert (tmp_path / "file").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("call", range(6))
def test_a_write_that_fails_midway_leaves_everything_as_it_was(platform, tmp_path, monkeypatch, call, replacing):
    """Fail at the tables, at platform.json, or at either renaming: no trace of the new, nothing lost of the old."""
    if replacing:
        write_platform(platform, tmp_path / "folder")
    calls = iter(range(10))

    def fragile(function):
        def attempt(*args, **options):
            if next(calls) == call:
                raise OSError(28, "No space left on device")
            return function(*args, **options)

        return attempt

    for owner, name in ((parquet, "write_table"), (type(tmp_path), "write_text"), (type(tmp_path), "rename")):
        monkeypatch.setattr(owner, name, fragile(getattr(owner, name)))
    if call == 5 and not replacing:
        write_platform(platform, tmp_path / "folder")  # a new folder needs one renaming only
    else:
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_platform(replace(platform, currency="GBP"), tmp_path / "folder")
        one_sentence(caught.value, ["folder", "choose another"])
    monkeypatch.undo()
    kept = replacing or call == 5
    assert [path.name for path in tmp_path.iterdir()] == ["folder"] * kept
    if kept:
        assert read_platform(tmp_path / "folder").content_hash == platform.content_hash


def test_an_attribute_named_like_the_amounts_is_refused(platform, tmp_path):
    with pytest.raises(TableError) as caught:
        write_platform(replace(platform, segments={"supply": np.zeros(40)}), tmp_path / "folder")
    one_sentence(caught.value, ["segments", "'supply'", "rename"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_missing_and_truncated_files_are_named(platform, tmp_path, name):
    write_platform(platform, tmp_path / "folder")
    path = tmp_path / "folder" / name
    content = path.read_bytes()
    for length in (0, 3, 4, 8, 12, *range(20, len(content) - 2, len(content) // 12)):
        path.write_bytes(content[:length])
        with pytest.raises(TableError) as caught:
            read_platform(tmp_path / "folder")
        one_sentence(caught.value, [str(path), "write the platform again"])
    path.unlink()
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "folder")
    one_sentence(caught.value, [str(path), "missing", "write"])


def test_a_missing_folder_is_refused_with_the_nearest_name(platform, tmp_path):
    write_platform(platform, tmp_path / "kuaishou")
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "kuaishu")
    one_sentence(caught.value, ["kuaishu", "did you mean 'kuaishou'"])
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "kuaishou" / "edges.parquet")
    one_sentence(caught.value, ["edges.parquet is a file", "read_tables"])


def test_a_folder_of_parts_names_them(platform, tmp_path):
    months = [f"2011-{k:02}" for k in range(1, 13)]
    write_platforms(dict.fromkeys(months, platform), tmp_path / "months")
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "months")
    one_sentence(caught.value, ["months", "holds the platforms 2011-01, 2011-02 and 10 more", "name one of them"])
    assert read_platform(tmp_path / "months" / "2011-12").content_hash == platform.content_hash
    write_platforms({"1": platform}, tmp_path / "one")
    with pytest.raises(TableError, match="holds the platforms 1; name"):
        read_platform(tmp_path / "one")


@pytest.mark.parametrize("make", [None, "notes.txt", "sub"])
def test_what_makes_a_platform_is_said_for_both_worlds(make, tmp_path):
    if make is not None:
        (tmp_path / "folder" / make).mkdir(parents=True)
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "folder")
    one_sentence(caught.value, ["folder", "allocator import or write_platform makes one"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 2}, ["schema 2", "upgrade"]),
        ({"schema": None}, ["does not describe"]),
        ({"schema": "1"}, ["does not describe"]),
        ({"content_hash": "0" * 32}, ["changed"]),
        ({"currency": "EUR"}, ["changed"]),
        ({"attributes": {}}, ["does not hold a platform"]),
        ({"attributes": {"segments": {"id": "<i8"}, "anchors": {"id": "?!"}}}, ["does not hold a platform"]),
    ],
)
def test_a_changed_platform_json_is_refused(platform, tmp_path, change, words):
    write_platform(platform, tmp_path / "folder")
    path = tmp_path / "folder" / "platform.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "folder")
    one_sentence(caught.value, ["folder", *words])


@pytest.mark.parametrize(
    ("table", "column", "entries"),
    [
        ("edges", "value", np.ones(120)),
        ("edges", "value", ["text"] * 120),
        ("edges", "value", [None] * 120),
        ("edges", "anchor", np.full(120, 99)),
        ("edges", "anchor", np.zeros(120)),
        ("edges", "segment", np.full(120, 10**12)),
        ("edges", "extra", np.ones(120)),
        ("anchors", "id", ["same"] * 9),
        ("anchors", "capacity", ["much"] * 9),
        ("segments", "supply", -np.ones(40)),
        ("segments", "id", [[1]] * 40),
    ],
)
def test_changed_tables_are_refused(platform, tmp_path, table, column, entries):
    write_platform(platform, tmp_path / "folder")
    path = tmp_path / "folder" / f"{table}.parquet"
    with parquet.ParquetFile(path) as file:
        columns = file.read().to_pydict()
    parquet.write_table(pa.table(columns | {column: entries}), path)
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "folder")
    one_sentence(caught.value, ["folder", "write"])


def test_a_foreign_table_is_refused(platform, tmp_path):
    write_platform(platform, tmp_path / "folder")
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "folder" / "edges.parquet")
    with pytest.raises(TableError) as caught:
        read_platform(tmp_path / "folder")
    one_sentence(caught.value, ["folder", "does not hold a platform", "segment"])
