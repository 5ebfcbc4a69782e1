"""Numbers that people and programs wrote as text, read as float64; what may mean two things is not guessed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, as_floats, matches

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

MISSING = ("", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None")
"""Entries that stand for a number nobody knows."""
PLAIN = r"^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
INFINITE = r"^(?i)-?inf(inity)?$"
GROUPED = {".": r"^-?\d{1,3}(,\d{3})+(\.\d*)?$", ",": r"^-?\d{1,3}(\.\d{3})+(,\d*)?$"}
"""Thousands set apart by the mark that is not the decimal one."""
MARKED = {".": PLAIN, ",": r"^-?(\d+,?\d*|,\d+)([eE][+-]?\d+)?$"}
CLEAR_COMMA = r"^-?(\d*,(\d{1,2}|\d{4,})|(0|\d{4,}),\d{3}|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,})$"
"""The decimal mark can only be a comma."""
CLEAR_POINT = r"^-?(\d*\.(\d{1,2}|\d{4,})|(0|\d{4,})\.\d{3}|\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,})$"
DOUBTFUL_POINT = r"^-?[1-9]\d{0,2}\.\d{3}$"
"""What programs write of 1.234, and people of 1234: the rest of the column decides."""
AMBIGUOUS = r"^-?[1-9]\d{0,2},\d{3}$"
SPACE = r"[\s\x{a0}\x{202f}'\x{2019}]"
SPACED = rf"^[^\d]*\d{{1,3}}({SPACE}\d{{3}})+([.,]\d*)?[^\d]*$"
CURRENCY = r"[A-Z]{2}\$|R\$|[A-Z]{3}|[£$€¥￥元₹₽₩]|kr|zł"


class Numerals(NamedTuple):
    """Numbers (N,), NaN where missing or unread; which entries are no number, and which may be two.

    ``comma``, ``point`` and ``doubtful`` are entries whose decimal mark is certainly a comma, certainly a point, or a
    point that may as well set thousands apart. ``currency`` (a pyarrow array of N) is the sign or code beside a number,
    empty where there is none.
    """

    numbers: FloatArray
    wrong: Mask
    ambiguous: Mask
    comma: Mask
    point: Mask
    doubtful: Mask
    currency: Any


def read_numerals(entries: Any, decimal: str | None = None) -> Numerals:
    """Read text (a pyarrow array of N entries) as numbers.

    Spaces around them, spaces and apostrophes between groups of three digits, one currency sign or code, a plus, a
    trailing minus and the parentheses of accountants are looked through: "£1 234.50", "EUR 12", "(3.50)", "12-". With
    ``decimal`` None the mark of each entry is taken from the entry itself where it leaves no doubt; "1,234" alone does
    leave one and is ambiguous.
    """
    from pyarrow import compute

    bare, currency = _bare(entries)
    missing = ~as_array(bare.is_valid())
    nothing = np.zeros(len(bare), dtype=bool)
    if decimal is not None:
        fits = matches(bare, MARKED[decimal]) | matches(bare, GROUPED[decimal]) | matches(bare, INFINITE)
        pointed = _pointed(bare) if decimal == "," else compute.replace_substring(bare, ",", "")
        return Numerals(_parsed(pointed, fits), ~(fits | missing), nothing, nothing, nothing, nothing, currency)
    point, doubtful = matches(bare, CLEAR_POINT), matches(bare, DOUBTFUL_POINT)
    plain = matches(bare, PLAIN) | matches(bare, INFINITE)
    numbers = _parsed(bare, plain)
    if (plain | missing).all():
        return Numerals(numbers, nothing, nothing, nothing, point, doubtful, currency)
    comma, grouped = matches(bare, CLEAR_COMMA), point & ~plain
    numbers = np.where(comma, _parsed(_pointed(bare), comma), numbers)
    numbers = np.where(grouped, _parsed(compute.replace_substring(bare, ",", ""), grouped), numbers)
    ambiguous = matches(bare, AMBIGUOUS)
    wrong = ~(plain | comma | grouped | ambiguous | missing)
    return Numerals(numbers, wrong, ambiguous, comma, point, doubtful, currency)


def _bare(entries: Any) -> tuple[Any, Any]:
    """Strip what surrounds a number, and make the words for missing ones null; and the currency beside each."""
    import pyarrow as pa
    from pyarrow import compute

    bare = compute.utf8_trim_whitespace(entries)
    bare = compute.if_else(compute.is_in(bare, pa.array(MISSING, bare.type)), None, bare)
    none = pa.repeat(pa.scalar("", bare.type), len(bare))
    if not (~matches(bare, PLAIN) & as_array(bare.is_valid())).any():
        return bare, none
    bare = compute.replace_substring(bare, "\u2212", "-")
    spaced = compute.match_substring_regex(bare, SPACED)
    bare = compute.if_else(spaced, compute.replace_substring_regex(bare, rf"(\d){SPACE}", r"\1"), bare)
    before = compute.extract_regex(bare, rf"^[(+-]?(?P<sign>{CURRENCY})\s*[\d.,+-]")
    after = compute.extract_regex(bare, rf"\d[.,]?\s*(?P<sign>{CURRENCY})\)?$")
    currency = compute.coalesce(*(compute.struct_field(found, "sign") for found in (before, after)), none)
    for pattern, becomes in (
        (rf"^([(+-]?)(?:{CURRENCY})\s*([\d.,+-])", r"\1\2"),
        (rf"(\d[.,]?)\s*(?:{CURRENCY})(\)?)$", r"\1\2"),
        (r"^\((.*)\)$", r"-\1"),
        (r"^([^-]+)-$", r"-\1"),
        (r"^\+", ""),
    ):
        bare = compute.replace_substring_regex(bare, pattern, becomes)
    return bare, currency


def _pointed(entries: Any) -> Any:
    """Turn the notation of decimal commas into that of decimal points."""
    from pyarrow import compute

    return compute.replace_substring(compute.replace_substring(entries, ".", ""), ",", ".")


def _parsed(entries: Any, which: Mask) -> FloatArray:
    """Parse some entries, the others are NaN."""
    import pyarrow as pa
    from pyarrow import compute

    return as_floats(compute.if_else(pa.array(which), entries, None))
