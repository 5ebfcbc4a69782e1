"""The functions of formulas, each one line of a table: what it takes, what it gives, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.tables import moments

Argument = str | float | bool | None
"""A constant, or None for an argument that differs from row to row."""
MOST = 1_000_000
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Function:
    """A function of formulas.

    ``takes`` are the kinds of its arguments, the last of them repeated where there are ``more``; "column" is an entry
    as it is, and "'text'", "'number'" are constants. ``apply`` gets arrays (text: pyarrow, number and truth: numpy) and
    constants, with the rows' numbers as ``rows`` where it is ``numbered``. What gives ``Read`` may find entries wrong,
    for which there is a ``remedy``.
    """

    takes: tuple[str, ...]
    gives: str
    apply: Callable[..., Any]
    needed: int | None = None
    more: bool = False
    numbered: bool = False
    remedy: str = ""

    def fault(self, arguments: Sequence[Argument]) -> str | None:
        """What is wrong with how it is called, as the end of a sentence."""
        least = len(self.takes) if self.needed is None else self.needed
        if len(arguments) < least or (len(arguments) > len(self.takes) and not self.more):
            most = "or more" if self.more else "" if least == len(self.takes) else f"to {len(self.takes)}"
            return f"takes {least} {most}{' ' * bool(most)}arguments ({', '.join(self.takes)}), not {len(arguments)}"
        for position, given in enumerate(arguments):
            wanted = self.kind(position)
            if wanted == "'text'" and not isinstance(given, str):
                return f"needs a text in quotes as argument {position + 1}"
            if wanted == "'number'" and not (isinstance(given, int) and 1 <= given <= MOST):
                return f"needs a whole number from 1 to {MOST:,} as argument {position + 1}"
        return None

    def kind(self, position: int) -> str:
        return self.takes[min(position, len(self.takes) - 1)]


def _arrow(name: str) -> Callable[..., Any]:
    """A function of pyarrow, imported when it is called."""

    def apply(*arguments: Any) -> Any:
        from pyarrow import compute

        return getattr(compute, name)(*arguments)

    return apply


def _test(name: str) -> Callable[..., NDArray[np.bool_]]:
    return lambda text, pattern: np.asarray(_arrow(name)(text, pattern).fill_null(False))


def _extract(text: Any, pattern: str) -> Any:
    """The first part of a text that a pattern of RE2 without groups matches, missing where none does."""
    from pyarrow import compute

    return compute.struct_field(compute.extract_regex(text, f"(?P<found>{pattern})"), "found")


def _concat(*texts: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    return compute.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))


def _missing(entries: Any) -> NDArray[np.bool_]:
    """Whether nothing is there: no entry, an empty text, or no number."""
    from pyarrow import compute, types

    if isinstance(entries, np.ndarray):
        return np.isnan(entries)
    if types.is_large_string(entries.type):
        return np.asarray(compute.equal(compute.utf8_trim_whitespace(entries), "").fill_null(True))
    return np.asarray(entries.is_null(nan_is_null=True))


def _period(period: str, entries: Any, layout: str | None = None) -> moments.Read:
    read = moments.read_moments(entries, layout)
    return moments.Read(moments.name_periods(read.entries, period), read.wrong)


def _hour(entries: Any, layout: str | None = None) -> moments.Read:
    read = moments.read_moments(entries, layout)
    hours = (read.entries - read.entries.astype("M8[D]")) / np.timedelta64(1, "h")
    return moments.Read(np.floor(hours), read.wrong)


def whole(numbers: NDArray[np.float64]) -> moments.Read:
    """Numbers without a fraction, below 2^53 so that no two are one: what programs make of ids."""
    whole = (np.abs(numbers) < 2.0**53) & (np.floor(numbers) == numbers)
    return moments.Read(np.where(whole, numbers, np.nan), ~whole & ~np.isnan(numbers))


def _part(count: int, entries: Any = None, *, rows: NDArray[np.int64]) -> Any:
    """Throw rows into ``count`` parts of nearly one size, named 1, 2, ...: those with equal entries into the same one.

    The part follows from the entry alone (or, without one, from the number of the row), so that it is the same in every
    run: BLAKE2 of the text for entries, Fibonacci hashing with a final mix (splitmix64) for numbers of rows.
    """
    import pyarrow as pa

    if entries is None:
        mixed = rows.astype(np.uint64) * MIX
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        which = (mixed ^ (mixed >> np.uint64(31))) % np.uint64(count)
        return pa.array((which + np.uint64(1)).astype(np.str_).tolist(), pa.large_string())
    encoded = entries.dictionary_encode()
    parts = [
        str(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") % count + 1)
        for text in encoded.dictionary.to_pylist()
    ]
    return pa.array(parts, pa.large_string()).take(encoded.indices)


_slice = _arrow("utf8_slice_codeunits")
_DATE = ("column", "'text'")
_LAYOUT = (
    "give the layout: that of strptime, as in month(x, '%d/%m/%Y %H:%M'), or 'excel', 'epoch' or 'epoch ms' for "
    "numbers of days or seconds; left(x, 10) cuts what follows the day"
)
FUNCTIONS = {
    "missing": Function(("column",), "truth", _missing),
    "text": Function(("text",), "text", lambda text: text),
    "number": Function(("number",), "number", lambda number: number),
    "whole": Function(("number",), "number", whole),
    "abs": Function(("number",), "number", np.abs),
    "round": Function(("number",), "number", np.round),
    "min": Function(("number", "number"), "number", lambda *them: np.minimum.reduce(them), more=True),
    "max": Function(("number", "number"), "number", lambda *them: np.maximum.reduce(them), more=True),
    "lower": Function(("text",), "text", _arrow("utf8_lower")),
    "upper": Function(("text",), "text", _arrow("utf8_upper")),
    "strip": Function(("text",), "text", _arrow("utf8_trim_whitespace")),
    "left": Function(("text", "'number'"), "text", lambda text, size: _slice(text, 0, size)),
    "right": Function(("text", "'number'"), "text", lambda text, size: _slice(text, -size, None)),
    "replace": Function(("text", "'text'", "'text'"), "text", _arrow("replace_substring")),
    "extract": Function(("text", "'text'"), "text", _extract),
    "concat": Function(("text",), "text", _concat, more=True),
    "startswith": Function(("text", "'text'"), "truth", _test("starts_with")),
    "endswith": Function(("text", "'text'"), "truth", _test("ends_with")),
    "contains": Function(("text", "'text'"), "truth", _test("match_substring")),
    "matches": Function(("text", "'text'"), "truth", _test("match_substring_regex")),
    "seconds": Function(("column",), "number", moments.read_seconds),
    "hour": Function(_DATE, "number", _hour, needed=1, remedy=_LAYOUT),
    **{
        period: Function(_DATE, "text", partial(_period, period), needed=1, remedy=_LAYOUT)
        for period in moments.PERIODS
    },
    "part": Function(("'number'", "text"), "text", _part, needed=1, numbered=True),
}
"""By name. ``day(x, '%d/%m/%Y')`` and its like take a layout of strptime where dates are not ISO 8601, or "excel",
"epoch" and "epoch ms" where they are numbers; ``seconds(end) - seconds(start)`` is the time between two moments."""
