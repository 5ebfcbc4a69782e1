"""Who stays: anchors that get enough or nothing, and viewers that are served well enough or leave; and what bounds it.

For every choice of multipliers of the rules, rents r_i >= 0 of the segments and prices lam_i >= 0 of their quality,

    objective(x)  <=  sum_i b_i max(0, r_i - least_i lam_i)  +  sum_j max(0, profit_j)  +  sum_k conjugate_k

over all flows in which anchor j gets nothing or at least nu_j of a good, and segment i is sent nothing or at least the
quality least_i per impression of its supply, because (derived here) the objective is at most the conjugates plus the
surpluses s_e of what flows; to those we add lam_i times what quality exceeds, and r_i times the supply that is left,
both >= 0 for a segment that stays, and what is left over, sum of (s_e + lam_i a_e - r_i) x_e, falls apart by anchors:
profit_j is the largest such sum with x_e between 0 and all that edge e can take and at least nu_j of the good, a
fractional knapsack; an anchor that leaves earns 0. At the best prices this is the bound of the linear program in which
"x_e <= all that it can take" holds times the part to which the anchor is kept (Geoffrion 1974).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import allowance
from allocator.problem import Multipliers, Problem
from allocator.rules import Cap, Floor, SegmentCap, SegmentFloor

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
EPSILON = 2.0**-50
"""Relative rounding error of a profit."""
NEARLY = 1.0 - 1e-9
"""Part of a threshold that counts as reached: as much as certificates forgive."""


class Kept(NamedTuple):
    """Which anchors (A,) and which segments (S,) stay."""

    anchors: Mask
    segments: Mask


class Prices(NamedTuple):
    """Multipliers of the rules, rents (S,) >= 0, and prices of quality (S,) >= 0."""

    multipliers: Multipliers
    rents: FloatArray
    quality: FloatArray


@dataclass(frozen=True, eq=False)
class Stay:
    """A problem in which anchors and segments stay or leave.

    Attributes
    ----------
    problem : Problem
    least : (A,)
        What an anchor that stays gets at least, of the good ``of``; 0 for those that always stay.
    of : str
    quality_least : (S,)
        What a segment that stays gets at least per impression of its supply, of the edge measure ``quality`` (of
        impressions without one); the same for all, 0 where all stay.
    quality : str or None
    """

    problem: Problem
    least: FloatArray
    of: str
    quality_least: FloatArray
    quality: str | None = None

    @cached_property
    def good(self) -> FloatArray:
        """What an impression on each edge brings of the good, (E,)."""
        return self.problem.platform.per_impression(self.of)

    @cached_property
    def per_edge(self) -> FloatArray:
        """a_e, what an impression brings of quality, (E,)."""
        return self.problem.platform.per_impression(self.quality or "exposure")

    @cached_property
    def most(self) -> FloatArray:
        """All that each edge can take, (E,)."""
        platform, box = self.problem.platform, self.problem.exposure_box
        shares = [t.share for t in self.problem.hard if isinstance(t, SegmentCap)]
        supply = platform.supply[platform.segment] * min(shares, default=1.0)
        return np.minimum(supply, box.upper[platform.anchor])

    @cached_property
    def promised(self) -> Mask:
        """Anchors to whom a rule promises something, (A,): they cannot be given up."""
        lower = [t.box.lower for t in self.problem.constraints if t.box is not None]
        return np.any([level > 0 for level in lower], axis=0) if lower else np.zeros(self.least.size, dtype=bool)

    def kept(self, flow: FloatArray) -> Kept:
        """Who gets enough of a flow (E,)."""
        platform = self.problem.platform
        amounts = np.bincount(platform.anchor, self.good * flow, platform.anchor_count)
        served = platform.into_segments(self.per_edge * flow)
        return Kept(amounts >= NEARLY * self.least, served >= NEARLY * self.quality_least * platform.supply)

    def chosen(self, kept: Kept) -> Problem:
        """The problem in which exactly these stay: floors for them, nothing for the others."""
        platform, rules = self.problem.platform, list(self.problem.rules)
        asked = kept.anchors & (self.least > 0)
        if asked.any():
            rules.append(Floor(np.where(asked, self.least, 0.0), of=self.of))
        if not kept.anchors.all():
            rules.append(Cap(0.0, where=~kept.anchors))
        if (self.quality_least > 0).any():
            platform = replace(platform, supply=np.where(kept.segments, platform.supply, 0.0))
            rules.append(SegmentFloor(float(self.quality_least.max()), self.quality))
        return replace(self.problem, platform=platform, rules=tuple(rules))

    def bound(self, prices: Prices) -> tuple[float, float]:
        """An upper bound on the objective of every flow that keeps the rules and in which whoever is sent anything gets
        enough, and its rounding allowance.
        """
        platform = self.problem.platform
        rents, lam = np.maximum(prices.rents, 0.0), np.maximum(prices.quality, 0.0)
        surplus = self.problem.surplus(prices.multipliers).on_edges()
        raised = surplus + lam[platform.segment] * self.per_edge
        profit = raised - rents[platform.segment]
        size = np.abs(raised) + rents[platform.segment]
        segments = platform.supply * np.maximum(rents - self.quality_least * lam, 0.0)
        anchors = np.maximum(self.profits(profit + EPSILON * size), 0.0)
        conjugates = [t.conjugate(mine) for t, mine in zip(self.problem.terms, prices.multipliers, strict=True)]
        added = np.concatenate((segments, anchors, *conjugates))
        total = float(added.sum())
        if not np.isfinite(total):
            return np.inf, 0.0
        return total, allowance(platform) * float(np.abs(added).sum())

    def profits(self, profit: FloatArray) -> FloatArray:
        """The most that each anchor can earn with enough of its good, (A,), from profits (E,) per impression; minus
        infinity where it cannot get enough.
        """
        anchor, count = self.problem.platform.anchor, self.problem.platform.anchor_count
        gained = profit > 0
        earned = np.bincount(anchor[gained], (profit * self.most)[gained], count)
        brought = np.bincount(anchor[gained], (self.good * self.most)[gained], count)
        missing = np.maximum(NEARLY * self.least - brought, 0.0)
        edge = np.flatnonzero(~gained & (missing[anchor] > 0) & (self.good > 0))
        loss = -profit[edge] / self.good[edge]
        order = np.lexsort((loss, anchor[edge]))
        edge, loss = edge[order], loss[order]
        there = (self.good * self.most)[edge]
        before = np.cumsum(there) - there
        starts = np.searchsorted(anchor[edge], np.arange(count))
        first = np.append(before, 0.0)[starts]
        taken = np.clip(missing[anchor[edge]] - (before - first[anchor[edge]]), 0.0, there)
        lost = np.bincount(anchor[edge], loss * taken, count)
        found = np.bincount(anchor[edge], there, count)
        return np.where(found >= missing * NEARLY, earned - lost, -np.inf)
