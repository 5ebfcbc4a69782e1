"""Arrow's many kinds of column reduced to a few, and turned into numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_array(entries: Any) -> NDArray:
    """Turn a pyarrow array without nulls into a numpy array; text takes the width of the longest entry."""
    from pyarrow import types

    text = types.is_large_string(entries.type)
    return np.array(entries.to_pylist(), dtype=np.str_) if text else np.asarray(entries)


def as_floats(entries: Any) -> NDArray[np.float64]:
    """Turn a pyarrow array of numbers into float64, NaN where missing."""
    import pyarrow as pa

    return as_array(entries.cast(pa.float64(), safe=False).fill_null(np.nan))


def matches(text: Any, pattern: str) -> NDArray[np.bool_]:
    """Which entries of a text array (N,) a pattern of RE2 matches; missing ones do not."""
    from pyarrow import compute

    return as_array(compute.match_substring_regex(text, pattern).fill_null(False))


def plain(column: Any) -> Any:
    """Reduce Arrow's many types to int64, float64, bool and large_string; leave alone what fits none of them."""
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return pa.chunked_array([plain(chunk.dictionary).take(chunk.indices) for chunk in column.chunks])
    if types.is_date(kind) or types.is_timestamp(kind):
        return _iso(column)
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pa.float64())
    text = types.is_string(kind) or types.is_string_view(kind) or types.is_time(kind)
    return column.cast(pa.large_string()) if text else column


def _iso(column: Any) -> Any:
    """Write dates and moments (UTC where a zone is known) as ISO 8601 text, no finer than the column needs."""
    import pyarrow as pa

    moments = np.asarray(column)
    missing = np.isnat(moments)
    finest = np.datetime_data(moments.dtype)[0]
    exact = (unit for unit in ("D", "s", "ms", "us") if (missing | (moments.astype(f"M8[{unit}]") == moments)).all())
    text = np.datetime_as_string(moments.astype(f"M8[{next(exact, finest)}]"))
    return pa.array(text.tolist(), pa.large_string(), mask=missing)
