"""The state of a platform between two periods: named stocks, frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.wording import suggestion

FloatArray = NDArray[np.float64]


def sealed(stock: Any) -> FloatArray:
    """A read-only float64 array of its own."""
    array = np.asarray(stock, dtype=np.float64)
    if array.flags.writeable:
        array = array if array.base is None else array.copy()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class State(Mapping[str, FloatArray]):
    """Stocks by name at the start of a period: (A,) per anchor, all others of more dimensions or of none, but for
    ``demand`` (S,).

    Every world has ``present`` (1 for anchors who are there, 0 for vacant places), ``founder`` (1 for those who were
    there at the start), ``age`` (periods since they came), ``skill`` (factor on the value of their impressions),
    ``exposure`` (public impressions of the last period; at the start those of the even flow) and ``demand`` (factor on
    the supply of each segment); mechanisms add theirs.
    """

    period: int
    stocks: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        try:
            return self.stocks[name]
        except KeyError:
            known = ", ".join(self.stocks)
            raise KeyError(f"no stock is called '{name}'{suggestion(name, self.stocks)} (there are {known})") from None

    def __contains__(self, name: object) -> bool:
        return name in self.stocks

    def __iter__(self) -> Iterator[str]:
        return iter(self.stocks)

    def __len__(self) -> int:
        return len(self.stocks)

    def with_stocks(self, changes: Mapping[str, Any]) -> State:
        """The state with some stocks replaced."""
        if not changes:
            return self
        return State(self.period, {**self.stocks, **{name: sealed(stock) for name, stock in changes.items()}})

    @property
    def of_anchors(self) -> list[str]:
        """Names of the stocks that anchors have, each for itself."""
        return [name for name, stock in self.items() if stock.shape == self["present"].shape and name != "demand"]

    def without(self, who: NDArray[np.bool_]) -> State:
        """The state in which some (A,) are not there, and have nothing."""
        return self.with_stocks({name: np.where(who, 0.0, self[name]) for name in self.of_anchors})

    def with_those(self, who: NDArray[np.bool_], brought: Mapping[str, FloatArray]) -> State:
        """The state in which some (A,) have just come, with what they have brought (A,) of the stocks that there are
        here, and nothing of the others, but for the skill and the wage of everybody.
        """
        fresh = {"present": 1.0, "skill": 1.0, "wage": 1.0, **brought}
        own = [name for name in self.of_anchors if name != "founder"]
        return self.with_stocks({name: np.where(who, fresh.get(name, 0.0), self[name]) for name in own})
