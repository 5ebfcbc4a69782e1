"""What a mechanism of a market is: a few frozen parameters, and pure functions of where the market stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Outcome, State

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member

FloatArray = NDArray[np.float64]
Streams = Mapping[str, np.random.Generator]
"""A random stream of a mechanism for every member, and one for all of them under the name of nothing."""


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a market stands between two periods.

    Attributes
    ----------
    market : Market
    period : int
    states : mapping of member to State
        ``demand`` is the platform's own: what the market makes of its supply is ``supplied``.
    stocks : mapping of name to anything
        Of the market's mechanisms.
    """

    market: Market
    period: int
    states: Mapping[str, State]
    stocks: Mapping[str, Any]

    def with_states(self, changed: Mapping[str, State]) -> Standing:
        """The standing with the states of some members replaced."""
        return replace(self, states={**self.states, **changed}) if changed else self

    def with_stocks(self, changed: Mapping[str, Any]) -> Standing:
        """The standing with some stocks of mechanisms replaced."""
        return replace(self, stocks={**self.stocks, **changed})


class Settlement(NamedTuple):
    """Sales of anchors of one member that are closed elsewhere.

    ``gmv`` (A,) by the anchors of the member ``by``; in the shop of the member ``at``, or of nobody in the market; for
    a ``fee`` to ``by``, over ``gmv``.
    """

    by: str
    at: str | None
    gmv: FloatArray
    fee: float


class MarketMechanism:
    """A frozen dataclass of parameters. Hooks are pure, and return None where they have nothing to say."""

    @property
    def subject(self) -> str:
        """The ``member`` whom it is about, if about one: a market may have one of a kind for each."""
        return getattr(self, "member", "")

    def check(self, market: Market) -> None:
        """Refuse parameters that do not fit the market."""

    def start(self, market: Market, states: Mapping[str, State]) -> Mapping[str, Any]:
        """Its own stocks before the first period."""
        return {}

    def opened(self, market: Market, states: Mapping[str, State]) -> Mapping[str, State]:
        """The states of those whom it changes before the first period."""
        return {}

    def matured(self, member: Member, period: int) -> float:
        """What it adds to the maturity of a member's own store."""
        return 0.0

    def supplied(self, now: Standing, member: Member) -> FloatArray | None:
        """Factor on a member's supply in a period, (S,)."""
        return None

    def selling(self, now: Standing, member: Member) -> FloatArray | None:
        """Factor on what impressions of a member's anchors sell in a period, (A,)."""
        return None

    def kept(self, now: Standing, member: Member) -> FloatArray | None:
        """The part of each anchor's sales that a member keeps in place of its commission, (A,)."""
        return None

    def settled(self, now: Standing, outcomes: Mapping[str, Outcome]) -> list[Settlement]:
        """Which sales of a period are closed elsewhere."""
        return []

    def step(self, then: Standing, outcomes: Mapping[str, Outcome], now: Standing, streams: Streams) -> Standing:
        """Where the market stands after the mechanism: ``now``, the start of the next period, is what worlds and
        mechanisms before it have made of ``then``, the start of this one.
        """
        return now

    def columns(self, then: Standing, now: Standing, member: Member) -> Mapping[str, float]:
        """What it adds to a member's row of a period."""
        return {}
