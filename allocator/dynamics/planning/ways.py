"""A campaign's choices as one platform: anchors once for each way of serving an impression, segments once per phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanisms import Flywheel, Subsidies
from allocator.dynamics.planning.instruments import SubsidisedProducts
from allocator.dynamics.planning.outlook import Outlook
from allocator.graph import Platform
from allocator.subsidies import MARK

FloatArray = NDArray[np.float64]
ENVELOPES, PRODUCTS, ADDED = "envelopes", "products", "added traffic"
NOW, WORTH = "sold at once", "worth"
"""What an impression takes of each budget, what it sells at once, undiscounted, and what it is worth in the end."""


class Way(NamedTuple):
    """How an impression is served: with a red envelope, of subsidised products."""

    envelope: bool
    product: bool

    @property
    def name(self) -> str:
        return " and ".join(name for name, on in ((ENVELOPES, self.envelope), (PRODUCTS, self.product)) if on)


@dataclass(frozen=True, eq=False)
class Choices:
    """All that a campaign may do, on the outlook (H, ...) of its world.

    Attributes
    ----------
    outlook : Outlook
    stages : mapping of name to (first period, period behind the last)
        Phases, and the rest of the periods; in one, traffic follows the supply of its periods.
    open : (number of stages,) whether instruments may be used
    may : mapping of instrument to (A,)
        Who may use it.
    products : SubsidisedProducts, optional
    cost : float
        Of a fan won by an envelope.
    """

    outlook: Outlook
    stages: Mapping[str, tuple[int, int]]
    open: Sequence[bool]
    may: Mapping[str, NDArray[np.bool_]]
    products: SubsidisedProducts | None
    cost: float

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """Plain first."""
        envelopes, products = ((False, True) if name in self.may else (False,) for name in (ENVELOPES, PRODUCTS))
        return tuple(Way(envelope, product) for product in products for envelope in envelopes)

    @property
    def base(self) -> Platform:
        """The platform of one period, of those who are there."""
        return self.outlook.first.platform

    @cached_property
    def _allowed(self) -> NDArray[np.bool_]:
        """Which edges of the base exist in which way, (W, E)."""
        anchor = self.base.anchor
        places, everybody = self.outlook.first.places, np.ones(self.base.anchor_count, dtype=bool)
        may = {name: self.may[name][places] if name in self.may else everybody for name in (ENVELOPES, PRODUCTS)}
        rows = [(may[ENVELOPES] | (not way.envelope)) & (may[PRODUCTS] | (not way.product)) for way in self.ways]
        return np.array(rows)[:, anchor]

    @cached_property
    def edges(self) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(way, edge of the base) of every edge of a stage, in the platform's order: by segment, way and anchor."""
        found = {}
        for stage, free in zip(self.stages, self.open, strict=True):
            allowed = self._allowed if free else self._allowed[:1]
            way, edge = np.nonzero(allowed)
            order = np.lexsort((edge, way, self.base.segment[edge]))
            found[stage] = way[order], edge[order]
        return found

    def spread(self, stage: str) -> FloatArray:
        """The part of a segment's supply of a stage that falls into each of its periods, (n, S)."""
        supply = self.outlook.supply[slice(*self.stages[stage])]
        total = supply.sum(axis=0)
        return np.divide(supply, total, out=np.full_like(supply, 1.0 / len(supply)), where=total > 0)

    def _in_period(self, t: int, way: NDArray[np.int64], edge: NDArray[np.int64]) -> dict[str, FloatArray]:
        """Of an impression in period t, in some ways on some edges of the base: what it is worth as of the first
        period, what it sells at once, and what it takes of the budgets of money.
        """
        look, places = self.outlook, self.outlook.first.places
        anchor, none = self.base.anchor[edge], np.zeros(edge.size)
        envelope, product = (np.array(column)[way] for column in zip(*self.ways, strict=True))
        value = look.first.world.platform.value[look.first.edges][edge]
        sells, paid, later, won = value * look.selling[t, places][anchor], none, none, none
        if self.products is not None:
            sells = np.where(product, 1.0 + self.products.value, 1.0) * sells
            paid = np.where(product, self.products.share_of_sales, 0.0) * sells
        if Flywheel in look.followers:
            later = look.later(Flywheel, t)[places][anchor]
        if Subsidies in look.followers:
            later = later + np.where(envelope, look.later(Subsidies, t)[places][anchor], 0.0)
            won = np.where(envelope, look.makes[Subsidies][t, places][anchor], 0.0)
        worth = look.discount**t * (sells + later)
        return {WORTH: worth, NOW: sells, ENVELOPES: self.cost * won, PRODUCTS: paid}

    def _in_stage(self, stage: str) -> dict[str, FloatArray]:
        """The same of an impression in a stage, which falls into its periods as their supply does."""
        way, edge = self.edges[stage]
        segment, found = self.base.segment[edge], dict.fromkeys((WORTH, NOW, ENVELOPES, PRODUCTS), np.zeros(edge.size))
        for t, part in zip(range(*self.stages[stage]), self.spread(stage), strict=True):
            found = {name: found[name] + part[segment] * of for name, of in self._in_period(t, way, edge).items()}
        return found

    @cached_property
    def platform(self) -> Platform:
        """Segments of all stages, anchors in all ways (plain ones first, in their order)."""
        base, A = self.base, self.base.anchor_count
        per_stage, edges = [self._in_stage(stage) for stage in self.stages], [*self.edges.values()]
        per_edge = {name: np.concatenate([found[name] for found in per_stage]) for name in per_stage[0]}
        segment = np.concatenate([base.segment[edge] for _, edge in edges])
        stage = np.repeat(np.arange(len(edges)), [edge.size for _, edge in edges])
        per_edge |= {during(name): (stage == k).astype(np.float64) for k, name in enumerate(self.stages)}
        if MARK in base.segments:
            per_edge[ADDED] = base.segments[MARK][segment].astype(np.float64)
        degree = np.bincount(stage * base.segment_count + segment, minlength=len(edges) * base.segment_count)
        return Platform(
            np.concatenate(([0], np.cumsum(degree))),
            np.concatenate([way * A + base.anchor[edge] for way, edge in edges]),
            per_edge.pop(WORTH),
            np.concatenate([self.outlook.supply[slice(*span)].sum(axis=0) for span in self.stages.values()]),
            measures=per_edge,
            segments={
                "stage": np.repeat([*self.stages], base.segment_count),
                "segment": np.tile(base.segments["id"], len(self.stages)),
            },
            anchors=self._anchors(),
            currency=base.currency,
            period=f"{self.outlook.periods} {base.period}s",
        )

    def _anchors(self) -> dict[str, NDArray]:
        """Attributes, the ``way``, and ids that tell it."""
        base, count = self.base.anchors, len(self.ways)
        columns = {name: np.tile(column, count) for name, column in base.items() if name != "id"}
        ids = [
            f"{name} with {way.name}" if way.name else str(name) for way in self.ways for name in base["id"].tolist()
        ]
        way = np.repeat([way.name for way in self.ways], self.base.anchor_count)
        return columns | {"id": np.array(ids), "way": way, "anchor": np.tile(base["id"], count)}


def during(stage: str) -> str:
    """The edge measure that counts impressions of a stage."""
    return f"exposure in {stage}"
