"""Who has the traffic of a platform today, and what its shape alone decides."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.metrics import gini, lorenz, top_share

FloatArray = NDArray[np.float64]
THIN = 20
"""Segments below which an anchor's graph is thin."""
FEW = 12
"""Distinct values up to which an attribute makes groups."""
DECILES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True, eq=False)
class Spread:
    """How a good is spread over the anchors: ``amounts`` (A,) and indices of them; nothing to share counts as even."""

    amounts: FloatArray

    @property
    def total(self) -> float:
        return float(self.amounts.sum())

    @property
    def shares(self) -> FloatArray:
        """Share of every anchor, (A,); they sum to 1."""
        total = self.total
        return self.amounts / total if total > 0 else np.full(self.amounts.size, 1.0 / self.amounts.size)

    @property
    def gini(self) -> float:
        return gini(self.amounts)

    @property
    def top_1_percent(self) -> float:
        """Share of the largest 1 % of anchors, at least one."""
        return top_share(self.amounts, 0.01)

    @property
    def top_10_percent(self) -> float:
        """Share of the largest 10 % of anchors, at least one."""
        return top_share(self.amounts, 0.10)

    @property
    def without(self) -> int:
        """Anchors that have none."""
        return int((self.amounts <= 0).sum())

    @property
    def deciles(self) -> FloatArray:
        """Lorenz curve at 0, 10, ... 100 % of the anchors, poorest first, (11,)."""
        return np.interp(DECILES, *lorenz(self.amounts))

    def record(self) -> dict[str, Any]:
        """The indices as plain data, without the amounts."""
        names = ("total", "gini", "top_1_percent", "top_10_percent", "without")
        return {name: getattr(self, name) for name in names} | {"lorenz_deciles": self.deciles.tolist()}


@dataclass(frozen=True)
class Group:
    """Anchors with one value of an attribute; ``mean_value`` is their GMV / traffic, None where they have none."""

    value: str
    anchors: int
    traffic_share: float
    gmv_share: float
    mean_value: float | None


@dataclass(frozen=True, eq=False)
class Description:
    """Who has the traffic of a platform; `describe` makes it.

    Attributes
    ----------
    segments, anchors, edges : int
    supply : float
        Impressions / period.
    currency, period : str
    flow : str
        "observed", or "even" where no traffic was observed: what traffic and gmv are computed from.
    traffic, gmv : Spread
        Impressions and currency / period of the anchors.
    groups : dict
        Per text attribute of the anchors with 2 to 12 distinct values, its groups, those with most traffic first.
    segments_per_anchor, edges_per_segment : float
        Median number of segments that an anchor is connected to, and mean number of anchors of a segment.
    thin_anchors : float
        Share of anchors connected to fewer than 20 segments.
    servable_anchors, starved_by_counting : int
        See `describe`.
    fillable_capacities : int
        Finite capacities (below the reach) that the supply could fill at once, smallest first.
    outbid_anchors : int
        Anchors that can be served and in no segment with supply are worth as much as the best: without capacities pure
        GMV starves them.
    isolated_anchors, segments_without_supply, segments_without_edges : int
    observed_edges : float or None
        Share of edges with observed traffic.
    notices : tuple of str
    """

    segments: int
    anchors: int
    edges: int
    supply: float
    currency: str
    period: str
    flow: str
    traffic: Spread
    gmv: Spread
    groups: dict[str, list[Group]]
    segments_per_anchor: float
    thin_anchors: float
    edges_per_segment: float
    servable_anchors: int
    starved_by_counting: int
    fillable_capacities: int
    outbid_anchors: int
    isolated_anchors: int
    segments_without_supply: int
    segments_without_edges: int
    observed_edges: float | None
    notices: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """All of it as plain data for JSON; of the spreads, the indices."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        groups = {name: [vars(group) for group in mine] for name, mine in self.groups.items()}
        spreads = {"traffic": self.traffic.record(), "gmv": self.gmv.record()}
        return plain | spreads | {"groups": groups, "notices": list(self.notices)}


def describe(platform: Platform) -> Description:
    """Who has the traffic: sizes, inequality, groups, and what the shape of the graph decides whatever the rules.

    Traffic and GMV are those of the observed flow or, where no traffic was observed, of the even flow.

    ``servable_anchors`` is a limit by counting (derived here): maximising GMV under capacities alone is a transport
    problem, and a vertex of it has at most as many edges with flow as rows that bind: one per segment with supply and
    one per anchor filled to its capacity. So at most

        min(S' + F, A')

    anchors are served, with S' segments that have supply and edges, F capacities that the supply can fill together,
    and A' anchors with reach and capacity; without capacities F is 0 and every segment goes to one anchor. The others,
    ``starved_by_counting``, get nothing however good they are, save where values tie exactly: with fewer segments than
    anchors starvation measures the segmentation.

    Parameters
    ----------
    platform : Platform

    Returns
    -------
    Description
        ``record()`` makes it plain data.

    Examples
    --------
    >>> import allocator as al
    >>> found = al.describe(al.synthetic.star([4.0, 2.0, 1.0]))
    >>> found.flow, found.servable_anchors, found.starved_by_counting, found.gmv.shares.round(2).tolist()
    ('even', 1, 2, [0.57, 0.29, 0.14])
    """
    seen = platform.observed is not None and bool(platform.observed.any())
    flow = platform.observed if seen else None
    traffic, gmv = (
        Spread(platform.even_amounts(good) if flow is None else platform.amounts(good, flow))
        for good in ("exposure", "gmv")
    )
    degree = np.diff(platform.indptr)
    return Description(
        segments=platform.segment_count,
        anchors=platform.anchor_count,
        edges=platform.edge_count,
        supply=float(platform.supply.sum()),
        currency=platform.currency,
        period=platform.period,
        flow="observed" if seen else "even",
        traffic=traffic,
        gmv=gmv,
        groups=_groups(platform, traffic, gmv),
        segments_per_anchor=float(np.median(platform.anchor_degree)),
        thin_anchors=float((platform.anchor_degree < THIN).mean()),
        edges_per_segment=float(degree.mean()),
        isolated_anchors=int((platform.anchor_degree == 0).sum()),
        segments_without_supply=int((platform.supply == 0).sum()),
        segments_without_edges=int((degree == 0).sum()),
        observed_edges=None if platform.observed is None else float((platform.observed > 0).mean()),
        notices=platform.notices,
        **_counted(platform),
    )


def _groups(platform: Platform, traffic: Spread, gmv: Spread) -> dict[str, list[Group]]:
    found = {}
    for name, column in platform.anchors.items():
        values = _distinct(column) if name != "id" and column.dtype.kind == "U" else []
        if 2 <= len(values) <= FEW:
            groups = [_group(value, column == value, traffic, gmv) for value in values]
            found[name] = sorted(groups, key=lambda group: (-group.traffic_share, group.value))
    return found


def _distinct(column: NDArray) -> list[str]:
    """The distinct values, or FEW + 1 of them where there are more: never a sort of a million texts."""
    found: list[str] = []
    while column.size and len(found) <= FEW:
        found.append(str(column[0]))
        column = column[column != column[0]]
    return found


def _group(value: str, mine: NDArray[np.bool_], traffic: Spread, gmv: Spread) -> Group:
    impressions, money = float(traffic.amounts[mine].sum()), float(gmv.amounts[mine].sum())
    return Group(
        value,
        int(mine.sum()),
        traffic_share=float(traffic.shares[mine].sum()),
        gmv_share=float(gmv.shares[mine].sum()),
        mean_value=money / impressions if impressions > 0 else None,
    )


def _counted(platform: Platform) -> dict[str, int]:
    """What counting alone says about who can be served at the most GMV."""
    usable = (platform.supply > 0) & (np.diff(platform.indptr) > 0)
    able = (platform.reach > 0) & (platform.capacity > 0)
    limits = np.sort(platform.capacity[able & (platform.capacity < platform.reach)])
    fillable = int(np.searchsorted(np.cumsum(limits), platform.supply.sum() * (1 + 1e-12), side="right"))
    servable = min(int(usable.sum()) + fillable, int(able.sum()))
    best = platform.largest_in_segments(platform.value)
    wins = np.zeros(platform.anchor_count, dtype=bool)
    for segments, edges in platform.blocks():
        degree = platform.indptr[segments + 1] - platform.indptr[segments]
        most = np.repeat(np.where(usable[segments], best[segments], np.inf), degree)
        wins[platform.anchor[edges][platform.value[edges] >= most]] = True
    return {
        "servable_anchors": servable,
        "starved_by_counting": platform.anchor_count - servable,
        "fillable_capacities": fillable,
        "outbid_anchors": int((able & ~wins).sum()),
    }
