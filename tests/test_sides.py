"""Ids, segments and anchors, joined tables and files: what people's programs do to names, and what becomes of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from allocator.tables import TableError, read_log, read_tables
from allocator.tables.ids import Ids
from test_tables import edges_of, one_sentence

ASK = {"segment": "who", "anchor": "host", "money": "paid"}


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
