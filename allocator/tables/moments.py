"""Moments and durations as people's files write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, as_floats, matches
from allocator.tables.numerals import read_numerals

Mask = NDArray[np.bool_]
PERIODS = {"year": "Y", "quarter": "M", "month": "M", "week": "D", "day": "D"}
ISO = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
CLOCK = r"^(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>[0-5]\d(?:\.\d+)?)$"
WORDS = (
    r"^(?i)(?:pt?)?\s*(?:(?P<d>\d+(?:\.\d+)?)\s*d(?:ays?)?t?)?\s*(?:(?P<h>\d+(?:\.\d+)?)\s*h(?:(?:ou)?rs?)?)?\s*"
    r"(?:(?P<m>\d+(?:\.\d+)?)\s*m(?:in(?:ute)?s?)?)?\s*(?:(?P<s>\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?)?$"
)
SERIAL = {"excel": (86_400.0, -2_209_161_600.0), "epoch": (1.0, 0.0), "epoch ms": (1e-3, 0.0)}
"""Layouts of numbers: seconds per unit, and the start in seconds since 1970."""
LATEST = 253_402_300_800.0
"""The year 10000, in seconds since 1970."""
UNIT_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}


class Read(NamedTuple):
    """What was read of N entries, and which of them are there but make no sense."""

    entries: Any
    wrong: Mask


def read_moments(entries: Any, layout: str | None = None) -> Read:
    """Read days and times as datetime64[s] (N,), NaT where missing; text is ISO 8601 or follows a strptime layout.

    Numbers are days since 1899-12-30 with the layout "excel", seconds since 1970 with "epoch" and milliseconds with
    "epoch ms". The clock is the one that is written, or that of the column's zone.
    """
    import pyarrow as pa
    from pyarrow import compute, types

    if types.is_null(entries.type):
        return Read(np.full(len(entries), np.datetime64("NaT", "s")), np.zeros(len(entries), dtype=bool))
    if types.is_date(entries.type) or types.is_timestamp(entries.type):
        return Read(np.asarray(local(entries)).astype("M8[s]"), np.zeros(len(entries), dtype=bool))
    if layout in SERIAL or types.is_integer(entries.type) or types.is_floating(entries.type):
        return _serial(entries, layout)
    text = _trimmed(entries)
    if layout is not None:
        moments = compute.strptime(text, format=layout, unit="s", error_is_null=True)
        return _existing(text, np.asarray(moments).astype("M8[s]"), layout)
    iso = matches(text, ISO)
    moments = np.full(len(text), np.datetime64("NaT", "s"))
    whole = compute.replace_substring(text, " ", "T")
    whole = compute.replace_substring_regex(whole, r"(T\d{2}:\d{2}[\d:.]*)(Z|[+-][\d:]+)$", r"\1")
    whole = compute.utf8_slice_codeunits(whole, 0, 19)
    for shape, size in (("%Y-%m-%d", 10), ("%Y-%m-%dT%H:%M", 16), ("%Y-%m-%dT%H:%M:%S", 19)):
        fits = iso & as_array(compute.equal(compute.utf8_length(whole), size).fill_null(False))
        chosen = compute.if_else(pa.array(fits), whole, None)
        part = compute.strptime(chosen, format=shape, unit="s", error_is_null=True)
        moments = np.where(fits, np.asarray(part).astype("M8[s]"), moments)
    return _existing(text, moments, None)


def local(entries: Any) -> Any:
    """Moments with a zone as the clock there shows them; all else as it is."""
    from pyarrow import compute, types

    zoned = types.is_timestamp(entries.type) and entries.type.tz is not None
    return compute.local_timestamp(entries) if zoned else entries


def _serial(entries: Any, layout: str | None) -> Read:
    """Days or seconds that are counted from somewhere."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_integer(entries.type) or types.is_floating(entries.type):
        numbers = as_floats(entries)
    else:
        numbers = read_numerals(entries.cast(pa.large_string())).numbers
    there = as_array(entries.is_valid())
    unit, start = SERIAL.get(layout or "", (np.nan, 0.0))
    seconds = numbers * unit + start
    known = np.abs(seconds) < LATEST
    moments = np.where(known, seconds, 0.0).astype(np.int64).astype("M8[s]")
    return Read(np.where(known, moments, np.datetime64("NaT", "s")), there & ~known)


def _existing(text: Any, moments: NDArray[np.datetime64], layout: str | None) -> Read:
    """Moments without those that strptime made of days that do not exist, or of years with two digits."""
    import pyarrow as pa

    days = moments.astype("M8[D]")
    late = np.flatnonzero((days - days.astype("M8[M]")).astype(np.int64) < 3)
    written = text.take(pa.array(late)).to_pylist()
    known = {entry: _exists(entry, layout) for entry in set(written) - {None}}
    moments[late[[not known.get(entry, True) for entry in written]]] = np.datetime64("NaT")
    moments[moments < np.datetime64("1000-01-01", "s")] = np.datetime64("NaT")
    return Read(moments, as_array(text.is_valid()) & np.isnat(moments))


def _exists(entry: str, layout: str | None) -> bool:
    """Arrow takes the 30th of February for a day of March; Python does not."""
    try:
        datetime.strptime(entry if layout else entry[:10], layout or "%Y-%m-%d")
    except ValueError:
        return False
    return True


def name_periods(moments: NDArray[np.datetime64], period: str) -> Any:
    """The period of each moment as text that sorts in time, null where there is none: 2011, 2011-Q4, 2011-12, ..."""
    import pyarrow as pa

    known = ~np.isnat(moments)
    days = np.where(known, moments, np.datetime64("1970-01-01", "s")).astype("M8[D]")
    if period == "week":
        days = days - ((days - np.datetime64("1969-12-29", "D")).astype(np.int64) % 7).astype("m8[D]")
    distinct, which = np.unique(days.astype(f"M8[{PERIODS[period]}]"), return_inverse=True)
    text = np.datetime_as_string(distinct)
    if period == "quarter":
        text = np.array([f"{name[:-3]}-Q{(int(name[-2:]) + 2) // 3}" for name in text.tolist()])
    return pa.array(text[which].tolist(), pa.large_string(), mask=~known)


def read_seconds(entries: Any) -> Read:
    """Read durations as seconds (N,), NaN where missing: 1:23:45, 12:34 (minutes and seconds), 1h 30m, 90 min, PT5M.

    Moments are seconds since 1970, so that the difference of two is the time between them.
    """
    import pyarrow as pa
    from pyarrow import compute, types

    if types.is_integer(entries.type) or types.is_floating(entries.type):
        return Read(as_floats(entries), np.zeros(len(entries), dtype=bool))
    if types.is_date(entries.type) or types.is_timestamp(entries.type):
        return Read(_since_1970(read_moments(entries).entries), np.zeros(len(entries), dtype=bool))
    if types.is_duration(entries.type) or types.is_time(entries.type):
        unit = entries.type.unit
        ticks = entries.cast(pa.int32() if types.is_time32(entries.type) else pa.int64())
        seconds = as_floats(ticks) * {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]
        return Read(seconds, np.zeros(len(entries), dtype=bool))
    text = _trimmed(entries)
    seconds = np.full(len(text), np.nan)
    for pattern in (CLOCK, WORDS):
        found = compute.extract_regex(text, pattern)
        total, told = np.zeros(len(text)), np.zeros(len(text), dtype=bool)
        for unit, size in UNIT_SECONDS.items():
            if unit in [field.name for field in found.type]:
                amount = compute.struct_field(found, unit)
                amount = as_floats(compute.if_else(compute.equal(amount, ""), None, amount))
                told |= ~np.isnan(amount)
                total += np.nan_to_num(amount) * size
        seconds = np.where(np.isnan(seconds) & told, total, seconds)
    bare = compute.if_else(compute.match_substring_regex(text, r"^\d+(\.\d*)?$"), text, None)
    for other in (as_floats(bare), _since_1970(read_moments(text).entries)):
        seconds = np.where(np.isnan(seconds), other, seconds)
    return Read(seconds, as_array(text.is_valid()) & np.isnan(seconds))


def _since_1970(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Seconds, NaN where there is no moment."""
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))


def _trimmed(entries: Any) -> Any:
    """Text without outer spaces, null where nothing is left."""
    import pyarrow as pa
    from pyarrow import compute

    text = compute.utf8_trim_whitespace(entries.cast(pa.large_string()))
    return compute.if_else(compute.equal(text, ""), None, text)
