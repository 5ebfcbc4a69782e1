"""Herding: viewers whom nobody guides prefer rooms with many viewers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import for_anchors, whole, within
from allocator.dynamics.state import State
from allocator.dynamics.view import View
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
NOBODY = 1e-60
"""What a crowd of nobody attracts: where all rooms of a segment are empty, appeal decides."""


@dataclass(frozen=True, eq=False)
class Herding(Mechanism):
    """The supply that the policy leaves is self-directed: of every segment's rest a part 1 - h goes to its anchors in
    proportion to their appeal b, a part h in proportion to b p^eta, where p is last period's exposure ("most audiences
    prefer live-streaming rooms with high traffic", s2).

    Only ratios of p matter. On a star whose policy guides a part eps evenly, shares become
    p' = (1 - eps)[(1 - h) b + h b p^eta / sum b p^eta] + eps/n.

    Parameters
    ----------
    share : float in [0, 1]
        h, the part of self-directed viewers who follow the crowd. Assumption.
    strength : float >= 0
        eta. 2 is what RecSim NG ships as gamma; 1.2 is an assumption.
    appeal : float or (A,), optional
        b > 0, of which only ratios matter; the anchors' attribute ``appeal`` by default, and equal without it.
    memory : float in [0, 1]
        What of its exposure before last period a room is still known for, period by period: p' = memory p + exposure.
    congestion : float in [0, 1]
        c: in a room with the part p of all public impressions of the last period one sells 1 - c p^2 of its value. None
        by default; tips rise and fall with the size of the audience (Lu et al., an early abstract; by their article of
        2021 they mostly rise).
    viewers : int, optional
        Self-directed viewers of a segment and period, who choose one room each at random; by default they are so many
        that each room gets what is expected.

    Notes
    -----
    Derived here (T4): near the even split of n equal rooms a small deviation grows by (1 - eps) h eta a period, so it
    is stable below h eta (1 - eps) = 1, and the even share needed is 1 - 1 / (h eta). One viewer a period, a share and
    strength of 1 and full memory make Polya's urn. With congestion a room with the part p sells in proportion to
    p - c p^3, most at p = (3 c)^(-1/2).
    """

    share: float = 0.6
    strength: float = 1.2
    appeal: ArrayLike | None = None
    memory: float = 0.0
    viewers: int | None = None
    congestion: float = 0.0

    def __post_init__(self) -> None:
        within("share", self.share, 0.0, 1.0, "the part of self-directed viewers who follow the crowd")
        within("strength", self.strength, 0.0, math.inf, "the power by which a crowd attracts")
        within("memory", self.memory, 0.0, 1.0, "what of its exposure a room is still known for a period later")
        within("congestion", self.congestion, 0.0, 1.0, "what of its value an impression loses in the only room")
        if self.viewers is not None:
            whole("viewers", self.viewers, 1, "self-directed viewers of a segment and period")
        if self.appeal is not None:
            within("appeal", self.appeal, 0.0, math.inf, "how attractive rooms are by themselves", many=True)

    def check(self, platform: Platform) -> None:
        """Refuse arrays of another length, and appeal that is zero everywhere."""
        if not self._appeal(platform).any():
            raise ValueError("appeal is how attractive rooms are by themselves; it cannot be zero for all anchors")

    def _appeal(self, platform: Platform) -> FloatArray:
        given = self.appeal
        if given is None:
            given = platform.anchors.get("appeal", 1.0)
        return for_anchors(platform, "appeal", given)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Shares as observed, or as appeal has them."""
        appeal = self._appeal(platform) if platform.observed is None else platform.into_anchors(platform.observed)
        return {"popularity": appeal / (appeal.sum() or 1.0)}

    def factor(self, view: View) -> FloatArray | None:
        """The part of its value that an impression sells in rooms as full as they were, (A,)."""
        if self.congestion == 0.0:
            return None
        exposure = view.state["exposure"]
        return 1.0 - self.congestion * (exposure / (exposure.sum() or 1.0)) ** 2

    def unguided(self, view: View, rest: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Where self-directed viewers go, (E,)."""
        from allocator.kernels import playing

        platform, none = view.world.platform, np.zeros(0)
        appeal = self._appeal(platform) * view.state["present"]
        known = view.state["popularity"]
        crowd = appeal * ((known / (known.max() or 1.0)) ** self.strength + NOBODY)
        alone = playing.shared(platform.indptr, platform.anchor, none, appeal, rest * (1.0 - self.share))
        herd = playing.shared(platform.indptr, platform.anchor, none, crowd, rest * self.share)
        return alone + herd if self.viewers is None else self._drawn(platform, alone + herd, rng)

    def _drawn(self, platform: Platform, flow: FloatArray, rng: np.random.Generator) -> FloatArray:
        """The same supply where whole viewers choose with the odds of a flow; chance is the same for all policies."""
        draws, served = rng.random((platform.segment_count, self.viewers)), platform.into_segments(flow)
        ends, some = np.cumsum(flow), np.flatnonzero(served > 0)
        begins = np.append(0.0, ends)[platform.indptr[some]]
        goal = begins[:, None] + draws[some] * served[some][:, None]
        edges = np.searchsorted(ends, goal, side="right")
        edges = np.clip(edges, platform.indptr[some][:, None], platform.indptr[some + 1][:, None] - 1)
        drawn = np.zeros(flow.size)
        np.add.at(drawn, edges, np.broadcast_to((served[some] / self.viewers)[:, None], edges.shape))
        return drawn

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """What rooms are known for at the end of the period; as it was if there was no traffic at all."""
        if not outcome.exposure.any():
            return {}
        return {"popularity": self.memory * state["popularity"] + outcome.exposure}
