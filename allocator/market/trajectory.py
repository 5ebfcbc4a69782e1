"""What a run of a market leaves: a trajectory of every member, and columns of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Trajectory
from allocator.dynamics.trajectory import read_arrays, write_arrays
from allocator.wording import quantity, suggestion

FloatArray = NDArray[np.float64]
WHOLE = "market.columns"
"""The file of what belongs to no member; no member can be called that."""


@dataclass(frozen=True, eq=False, repr=False)
class MarketTrajectory:
    """The path of one run of a market.

    Attributes
    ----------
    members : mapping of name to Trajectory
        With the columns of `allocator.dynamics.Trajectory` and ``revenue`` of the platform, GMV ``closed`` in its own
        store, ``attention`` (its part of all public impressions), ``new`` anchors at the start of the period and their
        public impressions ``new_exposure``, and those of the market's mechanisms.
    columns : mapping of name to (T,)
        Of all members together ``gmv``, ``revenue``, ``supply``, ``present``, ``new`` and ``new_exposure``; the
        concentration of members' GMV, ``hhi``, and of their traffic, ``attention_hhi``.
    """

    members: Mapping[str, Trajectory]
    columns: Mapping[str, FloatArray]

    def __getitem__(self, member: str) -> Trajectory:
        try:
            return self.members[member]
        except KeyError:
            known = ", ".join(self.members)
            hint = suggestion(member, self.members)
            raise KeyError(f"no member is called '{member}'{hint} (there are {known})") from None

    @property
    def periods(self) -> int:
        return self.columns["period"].size

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row per member and period, as plain data."""
        return [{"member": name} | row for name, run in self.members.items() for row in run.rows]

    def save(self, folder: str | Path) -> Path:
        """Write a folder with an ``.npz`` file for each member and one for the market."""
        folder = Path(folder)
        for name, run in self.members.items():
            run.save(folder / f"{name}.npz")
        write_arrays(folder / f"{WHOLE}.npz", self.columns)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> MarketTrajectory:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the folder is not one of these, or is damaged.
        """
        folder, whole = Path(folder), f"{WHOLE}.npz"
        try:
            columns = read_arrays(folder / whole)
        except (OSError, ValueError) as error:
            raise ValueError(f"{folder} holds no market ({error}); play the run again") from None
        runs = {path.stem: Trajectory.load(path) for path in sorted(folder.glob("*.npz")) if path.name != whole}
        return cls(runs, columns)

    def __repr__(self) -> str:
        sold = ", ".join(f"{name} {quantity(float(run['gmv'].sum()))}" for name, run in self.members.items())
        return f"MarketTrajectory({self.periods} periods, GMV: {sold})"
