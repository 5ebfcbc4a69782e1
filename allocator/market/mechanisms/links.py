"""Links to the shops of others, and their ban (B1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics import Outcome
from allocator.dynamics.parameters import for_anchors, whole, within
from allocator.market.mechanism import MarketMechanism, Settlement, Standing

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member


FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Links(MarketMechanism):
    """A part l of an anchor's sales is closed through links in the shop of another platform, for a fee, until links are
    banned: then the part r of them is sold in the platform's own store, and the rest nowhere. Douyin banned links in
    October 2020, through which it had made most of its sales, on Taobao (s3).

    Parameters
    ----------
    member : str
        Who links.
    shop : str, optional
        The member whose shop it is, which keeps its commission of what is sold there; a shop outside the market takes
        none by default.
    leakage : float in [0, 1], or (A,), optional
        l. By default all of the sales of anchors whose attribute ``shop`` is "linked". Assumption: "most" in s3.
    fee : float in [0, 1]
        c_link, what the shop's sellers pay the linking platform of a sale. Assumption.
    ban : int, optional
        First period without links; never by default.

    Notes
    -----
    r is the member's ``maturity`` with what alliances add. Derived here (T7): GMV falls by the factor 1 - l + l r, as
    l r of the l come back, while revenue turns from c_own (1 - l) + c_link l into c_own (1 - l + l r) of the GMV
    before: the ban pays iff c_own r > c_link, whatever l, if traffic stays where it was.
    """

    member: str
    shop: str | None = None
    leakage: ArrayLike | None = None
    fee: float = 0.02
    ban: int | None = None

    def __post_init__(self) -> None:
        if self.leakage is not None:
            within("leakage", self.leakage, 0.0, 1.0, "the part of sales through links", many=True)
        within("fee", self.fee, 0.0, 1.0, "what the linking platform keeps of a sale through a link")
        if self.ban is not None:
            whole("ban", self.ban, 0, "the first period without links")

    def check(self, market: Market) -> None:
        """Refuse members that do not exist, and shops and fees that together take more than there is."""
        member = market.known("links", self.member)
        if self.shop == self.member:
            raise ValueError(f"{self.member} cannot link to its own shop; name another member, or none")
        taken = self.fee + (0.0 if self.shop is None else market.known("links", self.shop).commission)
        if taken > 1.0:
            raise ValueError(f"{self.member} and {self.shop} together keep {taken:g} of a sale; there is only 1")
        if self.leakage is None and "shop" not in member.platform.anchors:
            raise ValueError(f"anchors of {self.member} have no attribute 'shop' that tells who links; give a leakage")
        self.leaked(member)

    def leaked(self, member: Member) -> FloatArray:
        """l of every anchor, (A,)."""
        given = self.leakage
        if given is None:
            given = member.platform.anchors["shop"] == "linked"
        return for_anchors(member.platform, "leakage", given)

    def banned(self, period: int) -> bool:
        """Whether there are no links in a period."""
        return self.ban is not None and period >= self.ban

    def selling(self, now: Standing, member: Member) -> FloatArray | None:
        """What is left of sales without links, (A,)."""
        if member.name != self.member or not self.banned(now.period):
            return None
        leaked = self.leaked(member)
        return 1.0 - leaked + leaked * now.market.maturity(member, now.period)

    def settled(self, now: Standing, outcomes: Mapping[str, Outcome]) -> list[Settlement]:
        """What links have sold."""
        if self.banned(now.period):
            return []
        gmv = self.leaked(now.market[self.member]) * outcomes[self.member].gmv
        return [Settlement(self.member, self.shop, gmv, self.fee)]
