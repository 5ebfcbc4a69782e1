"""The plan of a campaign: who gets what in which phase, what it costs, and the world that plays it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.allocation import Allocation
from allocator.dynamics.planning.scheduled import Scheduled
from allocator.dynamics.planning.ways import ADDED, ENVELOPES, NOW, PRODUCTS, WORTH, Choices
from allocator.dynamics.world import World
from allocator.subsidies import MARK
from allocator.wording import quantity

if TYPE_CHECKING:
    from allocator.dynamics.planning.campaign import Campaign

FloatArray = NDArray[np.float64]
SPENT = (ENVELOPES, PRODUCTS, ADDED)


@dataclass(frozen=True, eq=False, repr=False)
class CampaignPlan:
    """What a campaign does in a world.

    Attributes
    ----------
    campaign : Campaign
    start : World
        The one it was planned for.
    choices : Choices
        The problem's platform, with the ways of serving an impression.
    allocation : Allocation
        The solved problem: flow, certificate, and the shadow prices of budgets and floors.
    """

    campaign: Campaign
    start: World
    choices: Choices
    allocation: Allocation

    @property
    def periods(self) -> int:
        return self.choices.outlook.periods

    @property
    def given(self) -> float:
        """What followers who are there at the start buy, discounted, whatever is done."""
        return float(self.choices.outlook.given.sum())

    @property
    def gmv(self) -> float:
        """Discounted GMV of all periods, currency as of the first."""
        return self.given + self.allocation.gmv

    @property
    def bound(self) -> float:
        """What no campaign with these phases, instruments and budgets can exceed, if within a phase traffic follows the
        supply of its periods.
        """
        return self.given + self.allocation.certificate.bound + self.allocation.certificate.rounding

    @property
    def relative_gap(self) -> float:
        """Proved: no such campaign is better by more."""
        return self.allocation.certificate.relative_gap

    @property
    def spent(self) -> dict[str, float]:
        """Of each budget: currency for envelopes and products, impressions for added traffic."""
        measures = self.allocation.platform.measures
        return {name: float(measures[name] @ self.allocation.flow) for name in SPENT if name in measures}

    @property
    def prices(self) -> dict[str, float]:
        """What one more unit of each budget would bring, currency."""
        found = {name: self.allocation.shadow_prices.get(f"Budget of {name}") for name in SPENT}
        return {name: float(price[0]) for name, price in found.items() if price is not None}

    def rows(self, by: str | None = None) -> list[dict[str, Any]]:
        """A row per stage and tier (or another attribute ``by`` of anchors; ways of serving where there are no tiers):
        impressions, those with an envelope, of subsidised products and of added traffic; GMV at once; money spent; and
        what all of it is worth in the end.
        """
        platform, flow, rows = self.allocation.platform, self.allocation.flow, []
        by = by or (self.campaign.tiers if self.campaign.tiers in platform.anchors else "way")
        groups = platform.anchors[by][platform.anchor]
        way = platform.anchors["way"][platform.anchor]
        stage = platform.segments["stage"][platform.segment]
        told = {"impressions": np.ones(flow.size), "gmv": platform.measures[NOW], WORTH: platform.value}
        told |= {f"with {name}": np.char.find(way, name) >= 0 for name in (ENVELOPES, PRODUCTS)}
        told |= {name: platform.measures[name] for name in SPENT if name in platform.measures}
        for name in self.choices.stages:
            for group in np.unique(platform.anchors[by]).tolist():
                mine = (stage == name) & (groups == group)
                amounts = {key: float(flow[mine] @ per[mine]) for key, per in told.items()}
                rows.append({"stage": name, by: group} | amounts)
        return rows

    @cached_property
    def _served(self) -> dict[str, FloatArray]:
        """Impressions of each stage by way, (W, E) on the edges of the base."""
        found, start = {}, 0
        for stage, (way, edge) in self.choices.edges.items():
            amounts = np.zeros((len(self.choices.ways), self.choices.base.edge_count))
            amounts[way, edge] = self.allocation.flow[start : start + edge.size]
            found[stage], start = amounts, start + edge.size
        return found

    @cached_property
    def _periods(self) -> list[tuple[str, FloatArray]]:
        """The stage of each period, and the part of the stage's supply that falls into it, (S,)."""
        return [(stage, part) for stage in self.choices.stages for part in self.choices.spread(stage)]

    def _of_period(self, period: int) -> FloatArray:
        """Impressions of a period by way, (W, E) on the edges of the base; all periods at once would take much room."""
        stage, part = self._periods[period]
        return part[self.choices.base.segment] * self._served[stage]

    @property
    def policy(self) -> Scheduled:
        """The flows, to be played in `world`."""
        first = self.choices.outlook.first
        flows = np.zeros((self.periods, first.world.platform.edge_count))
        for t in range(self.periods):
            flows[t, first.edges] = self._of_period(t).sum(axis=0)
        return Scheduled(flows, self.relative_gap)

    @property
    def world(self) -> World:
        """The world with the campaign in it: its days, and for each of them how much of what anchors get comes with
        envelopes and subsidised products, as planned, while the money lasts.
        """
        envelopes = self._shares([way.envelope for way in self.choices.ways], 1.0)
        products = self._shares([way.product for way in self.choices.ways], self.choices.base.value)
        subsidised = self._added() if ADDED in self.allocation.platform.measures else 1.0
        mechanisms = self.campaign.mechanisms(self.campaign.days, envelopes, products)
        return self.campaign.world(self.start, mechanisms, subsidised=subsidised)

    def _shares(self, chosen: list[bool], weight: ArrayLike) -> FloatArray:
        """Which part of what each anchor gets in a period of the campaign comes in the chosen ways, (days, A)."""
        first, base = self.choices.outlook.first, self.choices.base
        shares = np.zeros((self.campaign.length, first.present.size))
        for t in range(self.campaign.length):
            amounts = self._of_period(t) * weight
            total, part = (base.into_anchors(rows.sum(axis=0)) for rows in (amounts, amounts[chosen]))
            own = np.divide(part, total, out=np.zeros_like(total), where=total > 0)
            shares[t, first.places] = np.minimum(own, 1.0)
        return shares

    def _added(self) -> FloatArray:
        """The part of added traffic that is there in each period, (days,): what the segment with most of it needs."""
        base, supply = self.choices.base, self.choices.outlook.supply
        added = base.segments[MARK]
        parts = np.zeros(self.campaign.length)
        for t in range(parts.size):
            used = base.into_segments(self._of_period(t).sum(axis=0))
            need = np.divide(used, supply[t], out=np.zeros_like(used), where=supply[t] > 0)
            parts[t] = min(float(need[added].max(initial=0.0)), 1.0)
        return parts

    def __repr__(self) -> str:
        spent = ", ".join(f"{quantity(amount)} of {name}" for name, amount in self.spent.items())
        return (
            f"CampaignPlan({self.periods} periods: GMV {quantity(self.gmv)}"
            f"{', ' if spent else ''}{spent}, relative gap {self.relative_gap:.2g})"
        )
