"""What a run leaves: a row per period, and what follows from the rows."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.archive import write_together
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State, sealed
from allocator.wording import quantity, suggestion

FloatArray = NDArray[np.float64]
STILL, ROUNDING = 1e-6, 1e-12
"""Standard deviations that count as none: over the range of a path, and over its largest entry."""
COUNTED = ("period", "present", "left", "came", "relaxed", "failed", "newcomers", "newcomers_left")
"""Columns of whole numbers."""


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """The path of one run.

    Attributes
    ----------
    columns : mapping of name to (T,)
        ``gmv`` (of which ``gmv_public`` and ``gmv_private``), currency; ``exposure`` and ``private``, public and
        private impressions served, and ``supply``; ``present`` anchors, who ``left`` at the end of the period, and
        ``survivors``, the part of those of the start who are still there; ``gini``, ``hhi`` and ``top_share`` (of the
        top 1 %) of the public impressions of those present; ``relative_gap`` where the policy proves one; ``relaxed``
        and ``failed`` (1 or 0); and those of the mechanisms.
    policy : str
    final : State
        After the last period.
    """

    columns: Mapping[str, FloatArray]
    policy: str
    final: State

    def __getitem__(self, column: str) -> FloatArray:
        try:
            return self.columns[column]
        except KeyError:
            known = ", ".join(self.columns)
            hint = suggestion(column, self.columns)
            raise KeyError(f"trajectories have no column '{column}'{hint} (they have {known})") from None

    @property
    def periods(self) -> int:
        return self.columns["period"].size

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row per period, as plain data."""
        plain = {
            name: (column.astype(np.int64) if name in COUNTED else column).tolist()
            for name, column in self.columns.items()
        }
        return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]

    def discounted(self, discount: float, column: str = "gmv") -> float:
        """Sum of a column, each period worth ``discount`` times the one before."""
        within("discount", discount, 0.0, 1.0, "the worth of a later period over this one")
        return float((self[column] * discount ** np.arange(self.periods)).sum())

    def settled(self, column: str = "gmv") -> int | None:
        """First period of the steady state, None if the run has not settled in its first half.

        Where leaving out what is before makes the standard error of the mean of the rest smallest (MSER; White 1997).
        """
        path = self[column] - self[column][-1]
        if not np.isfinite(path).all():
            return None
        rest = np.arange(path.size, 0, -1)
        tail, squares = np.cumsum(path[::-1])[::-1], np.cumsum((path**2)[::-1])[::-1]
        spread = np.maximum(squares / rest - (tail / rest) ** 2, 0.0) / rest
        still = max(STILL * np.ptp(path), ROUNDING * np.abs(self[column]).max())
        spread[spread * rest <= still**2] = 0.0
        first = int(np.argmin(spread[: max(path.size // 2, 1)]))
        return None if path.size < 4 or first >= path.size // 2 - 1 else first

    def summary(self, column: str = "gmv") -> dict[str, Any]:
        """Means of all columns before the run has settled and since, as two rows apart; all is transient if it has not
        settled.
        """
        first = self.settled(column)
        split = self.periods if first is None else first
        parts = {"transient": slice(0, split), "steady": slice(split, None)}
        means = {
            part: {name: float(entries[where].mean()) for name, entries in self.columns.items() if name != "period"}
            for part, where in parts.items()
            if self.columns["period"][where].size
        }
        return {"settled": first, **means}

    def save(self, path: str | Path) -> Path:
        """Write an ``.npz`` file, at once or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"column {name}": entries for name, entries in self.columns.items()}
        arrays |= {f"stock {name}": stock for name, stock in self.final.items()}
        about = np.array(json.dumps({"policy": self.policy, "period": self.final.period}))
        write_arrays(path, {"about": about, **arrays})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Trajectory:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is not one of these, or is damaged.
        """
        parts: dict[str, dict[str, FloatArray]] = {"column": {}, "stock": {}}
        try:
            arrays = read_arrays(Path(path))
            about = json.loads(str(arrays.pop("about")))
            for name, array in arrays.items():
                kind, _, rest = name.partition(" ")
                parts[kind][rest] = sealed(array)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{path} is no trajectory, or damaged ({error}); delete it and play the run again"
            ) from None
        return cls(parts["column"], about["policy"], State(about["period"], parts["stock"]))

    def __repr__(self) -> str:
        return (
            f"Trajectory({self.periods} periods under {self.policy}: GMV {quantity(float(self['gmv'].sum()))}, "
            f"{100 * self['survivors'][-1]:.0f} % of anchors still there)"
        )


def write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write an ``.npz`` file, at once or not at all."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_together(path.parent, {path.name: content.getvalue()})


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Read what `write_arrays` wrote; a damaged file is a ValueError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return dict(held)
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from error
