"""Numbers that people and programs wrote as text, read as float64; what may mean two things is not guessed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

MISSING = ("", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
"""Entries that stand for a number nobody knows."""
PLAIN = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"^(?i)-?inf(inity)?$"
GROUPED = {".": r"^-?\d{1,3}(,\d{3})+(\.\d*)?$", ",": r"^-?\d{1,3}(\.\d{3})+(,\d*)?$"}
"""Thousands set apart by the mark that is not the decimal one."""
MARKED = {".": PLAIN, ",": r"^-?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"}
CLEAR_COMMA = r"^-?(\d*,(\d{1,2}|\d{4,})|(0|\d{4,}),\d{3}|\d{1,3}(\.\d{3})+,\d*)$"
"""A comma that can only be a decimal one."""
CLEAR_POINT = r"^-?(\d*\.\d+|\d{1,3}(,\d{3})+\.\d*)$"
CLEAR_GROUPS = r"^-?\d{1,3}(,\d{3}){2,}$"
AMBIGUOUS = r"^-?[1-9]\d{0,2},\d{3}$"


class Numerals(NamedTuple):
    """Numbers (N,), NaN where missing or unread; which entries are no number, which may be two, which marks were seen.

    ``comma`` and ``point`` are entries whose decimal mark is certainly a comma, or a point: no column has both.
    """

    numbers: FloatArray
    wrong: Mask
    ambiguous: Mask
    comma: Mask
    point: Mask


def read_numerals(entries: Any, decimal: str | None = None) -> Numerals:
    """Read text (a pyarrow array of N entries) as numbers.

    Spaces around and inside, apostrophes, a currency sign, a plus, a trailing minus and the parentheses of accountants
    are looked through: "£1 234.50", "(3.50)", "12-". With ``decimal`` None the mark of each entry is taken from the
    entry itself where it leaves no doubt; "1,234" alone does leave one and is ambiguous.
    """
    from pyarrow import compute

    bare = _bare(entries)
    missing = ~as_array(bare.is_valid())
    nothing = np.zeros(len(bare), dtype=bool)
    if decimal is None:
        plain = _matches(bare, PLAIN) | _matches(bare, INFINITE)
        if (plain | missing).all():
            point = _matches(bare, CLEAR_POINT)
            return Numerals(_parsed(bare, plain), nothing, nothing, nothing, point)
        comma = _matches(bare, CLEAR_COMMA)
        grouped = _matches(bare, CLEAR_GROUPS) | _matches(bare, GROUPED["."]) & _matches(bare, CLEAR_POINT)
        ambiguous = _matches(bare, AMBIGUOUS)
        numbers = _parsed(bare, plain)
        numbers = np.where(comma, _parsed(_pointed(bare), comma), numbers)
        numbers = np.where(grouped, _parsed(compute.replace_substring(bare, ",", ""), grouped), numbers)
        wrong = ~(plain | comma | grouped | ambiguous | missing)
        point = _matches(bare, CLEAR_POINT) | _matches(bare, CLEAR_GROUPS)
        return Numerals(numbers, wrong, ambiguous, comma, point)
    fits = _matches(bare, MARKED[decimal]) | _matches(bare, GROUPED[decimal]) | _matches(bare, INFINITE)
    pointed = _pointed(bare) if decimal == "," else compute.replace_substring(bare, ",", "")
    return Numerals(_parsed(pointed, fits), ~(fits | missing), nothing, nothing, nothing)


def _bare(entries: Any) -> Any:
    """Strip what surrounds a number, and make the words for missing ones null."""
    import pyarrow as pa
    from pyarrow import compute

    bare = compute.utf8_trim_whitespace(entries)
    bare = compute.if_else(compute.is_in(bare, pa.array(MISSING, bare.type)), None, bare)
    if not (~_matches(bare, PLAIN) & as_array(bare.is_valid())).any():
        return bare
    for pattern, becomes in (
        (r"[\s\x{a0}\x{202f}'’]", ""),
        (r"^([+-]?)[£$€¥￥]", r"\1"),
        (r"[£$€¥￥]$", ""),
        (r"^\((.*)\)$", r"-\1"),
        (r"^([^-]+)-$", r"-\1"),
        (r"^\+", ""),
    ):
        bare = compute.replace_substring_regex(bare, pattern, becomes)
    return compute.replace_substring_regex(bare, r"^-[£$€¥￥]", "-")


def _matches(entries: Any, pattern: str) -> Mask:
    from pyarrow import compute

    return as_array(compute.match_substring_regex(entries, pattern).fill_null(False))


def _pointed(entries: Any) -> Any:
    """Turn the notation of decimal commas into that of decimal points."""
    from pyarrow import compute

    return compute.replace_substring(compute.replace_substring(entries, ".", ""), ",", ".")


def _parsed(entries: Any, which: Mask) -> FloatArray:
    """Parse some entries, the others are NaN."""
    import pyarrow as pa
    from pyarrow import compute

    numbers = compute.if_else(pa.array(which), entries, None).cast(pa.float64())
    return as_array(numbers.fill_null(np.nan))
