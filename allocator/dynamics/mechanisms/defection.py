"""Head defection: those who hold much of the traffic may leave, with their fans and with demand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import within
from allocator.dynamics.state import State
from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
MOST = 1e6
"""No segment grows beyond so many times what it was, however many leave."""


@dataclass(frozen=True, eq=False)
class Defection(Mechanism):
    """An anchor with the share h of public impressions leaves at the end of a period with probability lam0 h^m, for
    good.

    Parameters
    ----------
    base : float in [0, 1]
        lam0, the probability at which one with all the traffic leaves in a period. Assumption.
    convexity : float >= 0
        m. 1: as likely as traffic is large; above 1: large anchors bargain. Assumption.
    spill : float in [-1, 1]
        xi, the part of a segment's demand that leaves if all of its anchors who may leave do; one of them takes as much
        of it as its part of their traffic there, in logarithms; departures compound, and what has left does not come
        back. Visits of others fell when large influencers left
        (HCII 2022), which is xi > 0; less competition raised variety (SSRN 4748263), which is xi < 0. .1 is an
        assumption.
    carried : float in [0, 1]
        psi, the part of its fans whom a leaver takes to another platform. Assumption.
    where : mask, ids or "attribute=value"
        Who may leave; everybody by default.
    share_of : "platform" or "audience"
        Whether h is a share of all impressions or of those of the segments that the anchor reaches.
    by : str, optional
        An attribute of anchors, such as ``firm``: those who share it leave together, with a probability from their
        common share of the platform. An empty entry stands for nobody's firm.

    Notes
    -----
    Derived here (P7): with m = 0 every anchor leaves with probability lam0, alone or together. The GMV G_g that leaves
    with group g has variance lam0 (1 - lam0) sum G_g^2, in proportion to the concentration (HHI) of groups, at a mean
    that does not depend on it.
    """

    base: float = 0.01
    convexity: float = 1.0
    spill: float = 0.1
    carried: float = 0.5
    where: Where = None
    share_of: Literal["platform", "audience"] = "platform"
    by: str | None = None

    def __post_init__(self) -> None:
        within("base", self.base, 0.0, 1.0, "the probability at which one with all the traffic leaves")
        within("convexity", self.convexity, 0.0, math.inf, "the power of the share in the probability of leaving")
        within("spill", self.spill, -1.0, 1.0, "the part of demand that leaves with those who may leave")
        within("carried", self.carried, 0.0, 1.0, "the part of fans whom a leaver takes along")
        if self.share_of not in ("platform", "audience"):
            raise ValueError(f"share_of is what a share is of, 'platform' or 'audience', not {self.share_of!r}")
        if self.by is not None and self.share_of == "audience":
            raise ValueError("by takes shares of the platform: anchors who leave together have no common audience")

    def check(self, platform: Platform) -> None:
        """Refuse anchors or attributes that do not exist."""
        anchors_where(platform, self.where)
        if self.by is not None and self.by not in platform.anchors:
            known = ", ".join(platform.anchors)
            raise ValueError(f"by is an attribute of anchors, and they have no '{self.by}' (they have {known})")

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Fans carried away so far."""
        return {"fans_carried": np.zeros(())}

    def _groups(self, platform: Platform) -> NDArray[np.int64]:
        """Who leaves together has the same number, (A,)."""
        alone = np.arange(platform.anchor_count)
        if self.by is None:
            return alone
        names, group = np.unique(platform.anchors[self.by], return_inverse=True)
        nobody = names[group] == "" if names.dtype.kind == "U" else np.zeros(alone.size, dtype=bool)
        return np.where(nobody, alone, alone.size + group)

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who is there at the end of the period, demand, and fans carried away."""
        world, draws = outcome.view.world, rng.random(2 * outcome.exposure.size)
        may, groups = world.anchors_where(self.where) & (state["present"] > 0), self._groups(world.platform)
        leaves = may & (draws < self._hazards(outcome, may, groups))[groups]
        if not leaves.any():
            return {}
        part = self._part(world.platform, outcome.flow, may, leaves)
        carried = self.carried * float(state["fans"][leaves].sum()) if "fans" in state else 0.0
        return {
            "present": np.where(leaves, 0.0, state["present"]),
            "demand": np.minimum(state["demand"] * (1.0 - self.spill) ** part, MOST),
            "fans_carried": state["fans_carried"] + carried,
        }

    @staticmethod
    def _part(platform: Platform, flow: FloatArray, may: Mask, leaves: Mask) -> FloatArray:
        """How much of the traffic of those who may leave is of those who do, in every segment, (S,); of the anchors
        themselves where none of them had any.
        """
        went, could = (platform.into_segments(flow * mask[platform.anchor]) for mask in (leaves, may))
        gone, others = (platform.into_segments(1.0 * mask[platform.anchor]) for mask in (leaves, may))
        part = np.divide(gone, others, out=np.zeros_like(gone), where=others > 0)
        return np.divide(went, could, out=part, where=could > 0)

    def _hazards(self, outcome: Outcome, may: Mask, groups: NDArray[np.int64]) -> FloatArray:
        """Probability of leaving for every group, (2 A,)."""
        view, mine = outcome.view, np.where(may, outcome.exposure, 0.0)
        held = np.bincount(groups, weights=mine, minlength=2 * may.size)
        if self.share_of == "platform":
            most = np.full(held.size, float(outcome.exposure.sum()))
        else:
            most = np.append(view.world.reach_at(view.world.supply(view.state)), np.zeros(may.size))
        share = np.divide(held, most, out=np.zeros(held.size), where=most > 0)
        return self.base * np.minimum(share, 1.0) ** self.convexity

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Demand that is left, over that of the start, and fans carried away so far."""
        supply = outcome.view.world.platform.supply
        left = float((supply * state["demand"]).sum()) / (float(supply.sum()) or 1.0)
        return {"demand": left, "fans_carried": float(state["fans_carried"])}
