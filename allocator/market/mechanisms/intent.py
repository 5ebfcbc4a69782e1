"""What viewers came for, and who sells to them (B3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.parameters import within
from allocator.market.mechanism import MarketMechanism, Standing

if TYPE_CHECKING:
    from allocator.market.member import Member


FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Intent(MarketMechanism):
    """An impression sells intent (1 + k T) times its value, with the intent of the member, k by the anchor's ``kind``
    and T the trust in the anchor: as the world's `Trust` has it, else ``trust``.

    Viewers of Taobao and JD come to buy, from brands; those of Douyin and Kuaishou do not, and buy from KOLs; those of
    Mogujie and Xiaohongshu come to buy from KOLs, but are few (s3).

    Parameters
    ----------
    lift : mapping of kind to float >= 0
        k, for instance ``{"KOL": 1.0, "brand": 0.2}``; kinds that are not named, and anchors without one, have 0.
        Assumption.
    trust : float in [0, 1]
        T where the world has none. Assumption.

    Notes
    -----
    With Q impressions a platform sells Q intent (1 + k T) v: a small one overtakes iff its intent (1 + k T) is larger
    by more than its traffic is smaller, which is an identity (B3) unless capacity decides how much traffic is used.
    """

    lift: Mapping[str, float] = field(default_factory=dict)
    trust: float = 1.0

    def __post_init__(self) -> None:
        for kind, k in self.lift.items():
            within(f"lift of {kind}", k, 0.0, np.inf, "how far trust raises what an anchor of the kind sells")
        within("trust", self.trust, 0.0, 1.0, "trust in anchors")

    def selling(self, now: Standing, member: Member) -> FloatArray:
        """intent (1 + k T), (A,)."""
        state, kinds = now.states[member.name], member.platform.anchors.get("kind")
        factor = np.full(member.platform.anchor_count, member.intent)
        if kinds is None or not self.lift:
            return factor
        strength = np.zeros(factor.size)
        for kind, k in self.lift.items():
            strength[kinds == kind] = k
        trust = np.where(state["age"] == 0, 1.0, state["trust"]) if "trust" in state else self.trust
        return factor * (1.0 + strength * trust)
