"""Alliances: a partner's logistics and brands come to a platform's own store (B2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import State
from allocator.dynamics.parameters import whole, within
from allocator.market.mechanism import MarketMechanism, Standing, Streams
from allocator.rules.levels import Where

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member


@dataclass(frozen=True, eq=False)
class Alliance(MarketMechanism):
    """From a period on a partner raises the maturity of a member's own store from r to r + dr, at most 1, and its
    brands go on the air there (Kuaishou and JD; Project Star X: s3).

    Parameters
    ----------
    member : str
    gain : float in [0, 1]
        dr. Assumption.
    since : int
        First period.
    brings : mask, ids or "attribute=value", optional
        Anchors of the member who are there from then on and not before, whatever the world says of the start; where
        somebody else has taken the place by then they do not come. With them come their edges.

    Notes
    -----
    Derived here: with (T7) an alliance makes a ban pay iff c_own (r + dr) > c_link. It stands in for maturity.
    """

    member: str
    gain: float = 0.2
    since: int = 0
    brings: Where = None

    def __post_init__(self) -> None:
        within("gain", self.gain, 0.0, 1.0, "what the partner adds to the maturity of the store")
        whole("since", self.since, 0, "the first period of the alliance")

    def check(self, market: Market) -> None:
        """Refuse members and anchors who do not exist."""
        member = market.known("alliances", self.member)
        if self.brings is not None:
            member.world.anchors_where(self.brings)

    def matured(self, member: Member, period: int) -> float:
        """dr from the first period on."""
        return self.gain if member.name == self.member and period >= self.since else 0.0

    def opened(self, market: Market, states: Mapping[str, State]) -> Mapping[str, State]:
        """Without those whom it brings later, with those whom it brings at once."""
        if self.brings is None:
            return {}
        state = states[self.member]
        if self.since == 0:
            return {self.member: self._with_those(market, state)}
        return {self.member: state.without(self._brought(market))}

    def _brought(self, market: Market) -> NDArray[np.bool_]:
        return market[self.member].world.anchors_where(self.brings)

    def _with_those(self, market: Market, state: State) -> State:
        return state.with_those(self._brought(market) & (state["present"] == 0), {})

    def step(self, then: Standing, outcomes: Mapping, now: Standing, streams: Streams) -> Standing:
        """With those whom it brings."""
        if self.brings is None or now.period != self.since:
            return now
        return now.with_states({self.member: self._with_those(now.market, now.states[self.member])})
