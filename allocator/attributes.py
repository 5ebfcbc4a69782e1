"""Attribute tables of segments and anchors: names to read-only arrays of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.wording import some, suggestion


def frozen(array: NDArray) -> NDArray:
    """Return a read-only view or copy of ``array`` that nobody else can write through."""
    if array.flags.writeable or not array.flags.owndata:
        array = array.copy()
        array.flags.writeable = False
    return array


def ids_beside(ids: NDArray, names: Sequence, mark: str) -> NDArray:
    """Ids that nobody has for further entries: numbers behind the largest, or "NAME mark", with a number where that is
    taken.
    """
    if ids.dtype.kind in "if":
        return (np.floor(ids.max()) + 1 + np.arange(len(names))).astype(ids.dtype)
    taken = set(ids.tolist())
    for number in count(1):
        found = [f"{name} {mark}{'' if number == 1 else f' {number}'}" for name in names]
        if taken.isdisjoint(found):
            break
    return np.array(found, dtype=np.str_)


def _canonical(name: str, column: ArrayLike) -> NDArray:
    """Keep four kinds of attribute: bool, int64, float64 and text; anything else is refused by name."""
    array = np.asarray(column)
    kinds = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}
    if array.dtype.kind in kinds:
        return array.astype(kinds[array.dtype.kind])
    if array.dtype.kind == "O" and not all(isinstance(entry, str) for entry in array.flat):
        raise ValueError(f"attribute '{name}' mixes kinds of values; use one of bool, int, float or text")
    if array.dtype.kind in "OUT":
        return array.astype(np.str_)
    raise ValueError(f"attribute '{name}' has dtype {array.dtype}; use bool, int, float or text")


class UnknownError(KeyError):
    """A name or an id that does not exist; unlike a plain KeyError it reads as the sentence that it is."""

    def __str__(self) -> str:
        return str(self.args[0])


class Attributes(Mapping[str, NDArray]):
    """A frozen mapping from attribute names to read-only (n,) arrays; ``id`` always exists and is unique."""

    __slots__ = ("_columns", "_noun")

    def __init__(self, noun: str, size: int, columns: Mapping[str, ArrayLike]):
        self._noun = noun
        self._columns = {"id": frozen(np.arange(size, dtype=np.int64))}
        for name, column in columns.items():
            array = _canonical(name, column)
            if array.shape != (size,):
                raise ValueError(
                    f"{noun} attribute '{name}' has shape {array.shape}; it needs one entry per {noun}, ({size},)"
                )
            self._columns[str(name)] = frozen(array)
        ids = self._columns["id"].tolist()
        if len(set(ids)) < size:
            repeated = [i for i, times in Counter(ids).items() if times > 1]
            raise ValueError(f"{noun} ids are not unique: {some(repeated)}; give each {noun} one id")

    def __getitem__(self, name: str) -> NDArray:
        try:
            return self._columns[name]
        except KeyError:
            hint = suggestion(name, self._columns)
            raise UnknownError(
                f"{self._noun}s have no attribute '{name}'{hint} (they have {', '.join(self._columns)})"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def get(self, name: str, default: Any = None) -> Any:
        """A column, or the default; a column that nobody promised needs no suggestion of others."""
        return self._columns.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Attributes({self._noun}: {', '.join(self._columns)})"

    def __reduce__(self):
        return (Attributes, (self._noun, self["id"].size, self._columns))

    def index(self, ids: Iterable) -> NDArray[np.int64]:
        """Positions of ids; unknown ids are named in a KeyError."""
        wanted = np.asarray(list(ids)).tolist()
        position = {identity: k for k, identity in enumerate(self["id"].tolist())}
        unknown = [i for i in wanted if i not in position]
        if unknown:
            hint = suggestion(unknown[0], [str(k) for k in position]) if len(position) <= 100_000 else ""
            raise UnknownError(f"no {self._noun} has the id {some(dict.fromkeys(unknown))}{hint}")
        return np.array([position[i] for i in wanted], dtype=np.int64)
