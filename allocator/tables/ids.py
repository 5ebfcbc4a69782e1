"""The distinct ids of a column that is read in batches, and which one each row has."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.tables.arrow import as_array, matches
from allocator.tables.columns import POINTED, WHOLE, as_integers, refuse_long
from allocator.tables.numerals import MISSING
from allocator.wording import some

SCIENTIFIC = r"^[+-]?\d+(\.\d+)?[eE][+-]?\d+$"
ROUNDED = r"^[+-]?\d+(\.\d+[eE][+-]?|[eE][+-])\d+$"
"""Scientific notation that no code of a product would have by chance: a point, or a sign in the exponent."""
WORDS = tuple(word for word in MISSING if word not in ("", "-"))
LARGE = 16
"""Known ids per id of a batch up to which Arrow looks the batch up."""


class Numbering(NamedTuple):
    """Distinct ids (a pyarrow array of n), and the number of each code that rows were given (-1: no id)."""

    distinct: Any
    number: NDArray[np.int64]


class Ids:
    """Ids of one column, numbered as they come: int64 while all are integers, else text."""

    def __init__(self, name: str, guessed: bool):
        import pyarrow as pa

        self.name, self.guessed = name, guessed
        self.suspect: list[str] = []
        """Where the first ids in scientific notation stand."""
        self._text = pa.large_string()
        self._known: list[Any] = []
        self._size = 0
        self._codes: dict[Any, int] = {}
        self._coded = 0
        """Arrays of known ids whose codes are looked up by name."""

    @property
    def known(self) -> Any:
        """The distinct ids in order of their codes (a pyarrow array)."""
        import pyarrow as pa

        return pa.concat_arrays(self._known)

    def add(self, entries: Any, source: str, numbers: NDArray[np.int64]) -> NDArray[np.int32]:
        """Codes (N,) of entries (int64 or large_string, none missing) in rows of these numbers."""
        if not self._known:
            self._known = [entries.slice(0, 0)]
        if entries.type != self._known[0].type:
            self._known, self._codes, self._coded = [chunk.cast(self._text) for chunk in self._known], {}, 0
            entries = entries.cast(self._text)
        encoded = entries.dictionary_encode()
        codes, new = self._numbered(encoded.dictionary)
        codes = codes[as_array(encoded.indices)]
        refuse_long(f"{source}, column '{self.name}'", new)
        if new.type == self._text and len(self.suspect) < 3:
            lost = np.flatnonzero(matches(new, SCIENTIFIC))[:3] + self._size - len(new)
            self.suspect += [f"row {numbers[np.argmax(codes == code)]} of {source}" for code in lost]
        return codes

    def _numbered(self, distinct: Any) -> tuple[NDArray[np.int32], Any]:
        """Codes (n,) of distinct ids, and those of them that were not known."""
        import pyarrow as pa
        from pyarrow import compute

        if LARGE * len(distinct) < self._size:
            codes = self._looked_up(distinct)
        else:
            known = pa.chunked_array(self._known)
            codes = as_array(compute.index_in(distinct, value_set=known).fill_null(-1)).astype(np.int32)
        unknown = codes < 0
        new = distinct.filter(pa.array(unknown))
        codes[unknown] = self._size + np.arange(len(new), dtype=np.int32)
        if len(new):
            self._known.append(new)
            self._size += len(new)
        return codes, new

    def _looked_up(self, distinct: Any) -> NDArray[np.int32]:
        """Codes (n,) at a cost that does not grow with what is known: Arrow would hash all of it for every batch."""
        for chunk in self._known[self._coded :]:
            self._codes.update(zip(chunk.to_pylist(), range(len(self._codes), self._size), strict=False))
        self._coded = len(self._known)
        return np.array([self._codes.get(one, -1) for one in distinct.to_pylist()], dtype=np.int32)

    def scientific(self) -> NDArray[np.bool_]:
        """Which ids (n,) are in scientific notation although all others are integers: they may have lost digits."""
        if self.known.type != self._text:
            return np.zeros(len(self.known), dtype=bool)
        lost = matches(self.known, SCIENTIFIC)
        whole = matches(self.known, WHOLE) | matches(self.known, POINTED)
        return lost & (lost | whole).all()

    def numbering(self, lost: NDArray[np.bool_] | None = None) -> Numbering:
        """Sorted ids, without those that lost digits. Of a CSV file, ids that are all integers become int64; 17850.0 is
        then 17850.
        """
        import pyarrow as pa
        from pyarrow import compute

        kept = np.ones(self._size, dtype=bool) if lost is None else ~lost
        ids = self.known.filter(pa.array(kept))
        if self.guessed:
            ids = as_integers(ids)
        distinct = ids.unique()
        distinct = distinct.take(compute.array_sort_indices(distinct))
        number = np.full(kept.size, -1)
        number[kept] = as_array(compute.index_in(ids, value_set=distinct))
        return Numbering(distinct, number)

    def notices(self) -> list[str]:
        """What is odd about the ids but may be meant."""
        import pyarrow as pa
        from pyarrow import compute

        ids = self.known
        if ids.type != self._text:
            return []
        found = []
        alike, examples = _twins(ids, compute.utf8_upper(compute.utf8_trim_whitespace(ids)))
        if alike:
            found.append(
                f"{alike:,} ids of '{self.name}' differ from another only in case or outer spaces (such as {examples})"
                f"; upper(strip({self.name})) makes them one"
            )
        alike, examples = _twins(ids, compute.replace_substring_regex(ids, r"^0+([0-9]+)$", r"\1"))
        if alike:
            found.append(
                f"{alike:,} ids of '{self.name}' differ from another only by leading zeros (such as {examples}); if a "
                "program dropped the zeros, export the ids as text"
            )
        rounded = ids.filter(compute.match_substring_regex(ids, ROUNDED))
        if len(rounded) and not self.scientific().any():
            found.append(
                f"{len(rounded):,} ids of '{self.name}' look like numbers in scientific notation (such as "
                f"{rounded[0].as_py()!r}), which may have lost digits; if they are, export the ids as text"
            )
        words = ids.filter(compute.is_in(ids, pa.array(WORDS, ids.type))).to_pylist()
        return found + [
            f"'{word}' is an id of '{self.name}'; if it stands for a missing one, give missing='{word}'"
            for word in words
        ]


def _twins(ids: Any, plain: Any) -> tuple[int, str]:
    """How many ids are the same in plain form as an earlier one, and the first two that share one."""
    import pyarrow as pa

    encoded = as_array(plain.dictionary_encode().indices)
    count = np.bincount(encoded)
    alike = int((count - 1).sum())
    if not alike:
        return 0, ""
    first = int(np.argmax(count[encoded] > 1))
    pair = np.flatnonzero(encoded == encoded[first])[:2]
    return alike, some(map(repr, ids.take(pa.array(pair)).to_pylist()))
