"""Offers by which a platform woos the anchors of others (B6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.parameters import whole, within
from allocator.market.mechanism import MarketMechanism, Standing
from allocator.rules.levels import Where

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member


FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Offer(MarketMechanism):
    """For some anchors, and for so long, a member keeps another part of their sales: less, or less than nothing where
    it pays for their coming. Who moves to whom is for `Movement`. All of it is an assumption.

    Parameters
    ----------
    member : str
    commission : float in [-1, 1]
    where : mask, ids or "attribute=value"
        Of the member's places, as in `allocator.Floor`; all by default.
    since, periods : int
        First period, and how many; for ever by default.
    """

    member: str
    commission: float = 0.0
    where: Where = None
    since: int = 0
    periods: int | None = None

    def __post_init__(self) -> None:
        within("commission", self.commission, -1.0, 1.0, "the part of their sales that the platform keeps")
        whole("since", self.since, 0, "the first period of the offer")
        if self.periods is not None:
            whole("periods", self.periods, 1, "how long the offer lasts")

    def check(self, market: Market) -> None:
        """Refuse members and anchors who do not exist."""
        market.known("offers", self.member).world.anchors_where(self.where)

    def kept(self, now: Standing, member: Member) -> FloatArray | None:
        """What the member keeps of each anchor's sales while the offer stands, (A,)."""
        stands = self.since <= now.period and (self.periods is None or now.period < self.since + self.periods)
        if member.name != self.member or not stands:
            return None
        return np.where(member.world.anchors_where(self.where), self.commission, member.commission)
