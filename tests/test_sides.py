"""Ids, segments and anchors, joined tables and files: what people's programs do to names, and what becomes of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from allocator.tables import TableError, read_log, read_tables
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
