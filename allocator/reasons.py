"""Why an anchor gets what it gets, in plain numbers: its surplus against the rents of its segments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.rules import Constraint, Rule
from allocator.rules.stated import Stated
from allocator.wording import some

FloatArray = NDArray[np.float64]
Row = dict[str, Any]
NEAREST = 10
"""Segments listed among those that an anchor misses."""
STARVED = 1e-9
"""Exposure relative to the mean up to which an anchor counts as starved."""
TIED = 1e-9
"""Difference relative to the largest value of an anchor below which two surpluses are a tie."""


def reasons(allocation: Allocation, anchor: Any) -> Row:
    """What one anchor (by id) gets and why, as plain data.

    Returns
    -------
    dict
        ``exposure`` and ``gmv`` with their share of all and rank; ``reach``; ``observed`` (None if unknown); ``alpha``
        and ``beta``, the two numbers of the surplus ``alpha v + beta``, and ``extra``, what rules on single edges and
        on edge measures add to it (mean of its impressions; of its supply where it has none). ``rules``: what every
        term adds to it, see `_rules`. ``shown``: the segments that send traffic, the largest first, with
        ``impressions``, ``value``, ``surplus``, ``rent``, ``short`` = rent - surplus where that is > 0 (the sum of
        impressions x short is part of the certified gap) and ``ahead`` = surplus - rent where that is > 0 (a cap on
        single edges holds it back there). ``missed``: the nearest that do not, with ``held_by``, who gets most of the
        traffic there (None if nobody does), and ``value_short``, how much higher its own value would have to be (None
        where value does not count). ``starved``: None, or the cause (see `_causes`). ``gap`` and ``relative_gap`` of
        the whole allocation.

    Raises
    ------
    KeyError
        Naming an unknown id and the nearest known one.
    """
    platform, surplus, certificate = allocation.platform, allocation.surplus, allocation.certificate
    (j,) = platform.anchors.index([anchor])
    shown, missed = _segments(allocation, j)
    return {
        "anchor": platform.anchors["id"][j].item(),
        "attributes": {name: column[j].item() for name, column in platform.anchors.items() if name != "id"},
        "currency": platform.currency,
        "period": platform.period,
        "anchors": platform.anchor_count,
        **_standing("exposure", allocation.exposure, j),
        **_standing("gmv", allocation.anchor_gmv, j),
        "reach": float(platform.reach[j]),
        "observed": None if platform.observed is None else float(platform.into_anchors(platform.observed)[j]),
        "segments": int(platform.anchor_degree[j]),
        "alpha": float(surplus.alpha[j]),
        "beta": float(surplus.beta[j]),
        "extra": 0.0 if surplus.extra is None else _mean_over_edges(allocation, j, surplus.extra),
        "rules": _rules(allocation, j),
        "shown": shown,
        "missed": missed,
        "starved": _causes(allocation, *_nearest(allocation))[j],
        "gap": certificate.gap,
        "relative_gap": certificate.relative_gap,
    }


def all_reasons(allocation: Allocation) -> list[Row]:
    """What every anchor gets and why, a row each: the numbers of `reasons` that are one per anchor.

    Returns
    -------
    list of dict
        ``anchor``, ``exposure``, ``observed``, ``gmv``, ``alpha``, ``beta``, ``starved``; ``short``, how much its
        surplus misses the rent of the nearest segment that does not show it (currency / impression, None if there is
        none); for every bound on anchors ``shadow_price of NAME`` (currency / unit of its level, 0 where it does not
        bind), and for every other term but GMV ``marginal of NAME``, what it adds to one unit of its good.
    """
    platform, surplus = allocation.platform, allocation.surplus
    short, scale = _nearest(allocation)
    columns = {
        "anchor": platform.anchors["id"],
        "exposure": allocation.exposure,
        "observed": None if platform.observed is None else platform.into_anchors(platform.observed),
        "gmv": allocation.anchor_gmv,
        "alpha": surplus.alpha,
        "beta": surplus.beta,
        "starved": _causes(allocation, short, scale),
        "short": np.where(np.isfinite(short), short, np.nan),
    }
    problem = allocation.problem
    for label, term, mine in zip(problem.labels, problem.terms, allocation.multipliers, strict=True):
        columns |= _columns(allocation, label, term, mine)
    lists = [[None] * platform.anchor_count if column is None else column.tolist() for column in columns.values()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    return [{key: None if entry != entry else entry for key, entry in row.items()} for row in rows]


def _nearest(allocation: Allocation) -> tuple[FloatArray, FloatArray]:
    """How much surplus misses the rent of the nearest segment that has supply and does not show an anchor (A,).

    Infinite where there is none; and the largest amounts that were compared, for what rounding may move (A,).
    """
    platform, on_edges = allocation.platform, allocation.surplus.on_edges()
    rent = allocation.surplus.last()[platform.segment]
    waiting = (allocation.flow <= 0) & (platform.supply[platform.segment] > 0)
    short, scale = np.full(platform.anchor_count, np.inf), np.zeros(platform.anchor_count)
    np.minimum.at(short, platform.anchor[waiting], np.maximum(rent - on_edges, 0.0)[waiting])
    np.maximum.at(scale, platform.anchor[waiting], (np.abs(on_edges) + rent)[waiting])
    return short, scale


def _causes(allocation: Allocation, short: FloatArray, scale: FloatArray) -> NDArray[np.object_]:
    """Why anchors get nothing (A,); None for those that get something.

    ``isolated``: no edges; ``no supply``: nobody watches at its segments; ``capped at zero``; ``tied``: nobody is worth
    more somewhere, but the traffic went to others; ``outbid``.
    """
    platform, exposure = allocation.platform, allocation.exposure
    capped = np.zeros(exposure.size, dtype=bool)
    for term in allocation.problem.constraints:
        capped |= term.starved
    something = exposure > STARVED * exposure.mean()
    tied = np.isinf(short) | (short <= TIED * scale)
    causes = [something, platform.anchor_degree == 0, platform.reach == 0, capped, tied]
    return np.select(causes, [None, "isolated", "no supply", "capped at zero", "tied"], "outbid")


def _standing(good: str, amounts: FloatArray, j: int) -> Row:
    total = float(amounts.sum())
    return {
        good: float(amounts[j]),
        f"{good}_share": float(amounts[j]) / total if total > 0 else 0.0,
        f"{good}_rank": int((amounts > amounts[j]).sum()) + 1,
    }


def _columns(allocation: Allocation, label: str, term: Rule, mine: Any) -> dict[str, FloatArray]:
    """What a term is to every anchor: shadow prices of bounds, marginals of the others."""
    stated = term.stated(allocation.totals)
    if stated is not None and stated.kind == "anchor":
        return {f"shadow_price of {label}": np.asarray(allocation.shadow_prices[label])}
    marginals = {} if term.shape is None else term.marginals(mine)
    return {f"marginal of {label}": marginal for good, marginal in marginals.items() if good != "edges"}


def _rules(allocation: Allocation, j: int) -> list[Row]:
    """What every term adds to the surplus of the anchor; bounds that do not speak of it are left out.

    ``rule``, ``of`` (its good, "edges" for single edges) and ``marginal``, currency per unit of the good: those of gmv
    sum to alpha, those of exposure to beta; of edges the mean over its impressions. A term without a level has
    ``median_marginal``, that of the median anchor, and may have ``rank`` among the ``ranked``, the worst-off first. A
    rule with levels has the one that speaks of the anchor and is felt most: ``kind``, ``where``, ``bound``, ``level``,
    ``amount``, ``unit``, ``soft`` and ``shadow_price`` as in `allocator.rule_prices.prices_of_rules`, and whether it is
    ``felt``; a rule of groups that the anchor's own does not feel has ``elsewhere``, the groups that do. Worst cases
    have ``doubt``: what part of the value they take off, or how many of ``deviation``.
    """
    problem, found = allocation.problem, []
    for label, term, mine in zip(problem.labels, problem.terms, allocation.multipliers, strict=True):
        stated = term.stated(allocation.totals)
        about = {} if stated is None else _level(allocation, label, stated, j)
        if stated is not None and stated.kind == "anchor" and not about:
            continue
        marginals = term.marginals(mine) or {"edges": np.zeros(allocation.platform.edge_count)}
        for good, marginal in marginals.items():
            here = _mean_over_edges(allocation, j, marginal) if good == "edges" else float(marginal[j])
            median = {} if stated is not None else {"median_marginal": float(np.median(marginal))}
            found.append({"rule": label, "of": good, "marginal": here} | median)
        soft = {"soft": term.soft} if isinstance(term, Constraint) else {}
        found[-1] |= about | soft | term.at(j, mine, allocation.totals)
    return found


def _level(allocation: Allocation, label: str, stated: Stated, j: int) -> Row:
    """The level that speaks of the anchor and is felt most, and groups that feel the rule where its own does not."""
    platform, certificate = allocation.platform, allocation.certificate
    levels = stated.concerning(j, platform.segment[platform.anchor == j])
    prices = np.asarray(allocation.shadow_prices[label])
    felt = stated.felt(prices, certificate.scale, certificate.gap)
    others = stated.kind == "group" and felt.any() and not felt[levels].any()
    elsewhere = {"elsewhere": some(stated.where(k) for k in np.flatnonzero(felt).tolist())} if others else {}
    if not levels.size:
        return elsewhere
    k = int(levels[np.argmax(np.abs(prices[levels] * stated.size[levels]))])
    return elsewhere | stated.row(k) | {"shadow_price": float(prices[k]), "felt": bool(felt[k])}


def _mean_over_edges(allocation: Allocation, j: int, per_edge: FloatArray) -> float:
    """Mean of an edge amount over the impressions of an anchor, or over its supply where it has none."""
    platform, edges = allocation.platform, np.flatnonzero(allocation.platform.anchor == j)
    flow = allocation.flow[edges]
    weights = flow if flow.any() else platform.supply[platform.segment[edges]]
    return float((weights * per_edge[edges]).sum()) / (float(weights.sum()) or 1.0)


def _segments(allocation: Allocation, j: int) -> tuple[list[Row], list[Row]]:
    """The segments that show the anchor, by impressions, and the nearest of those with supply that do not."""
    platform, alpha = allocation.platform, float(allocation.surplus.alpha[j])
    edges = np.flatnonzero(platform.anchor == j)
    segment, flow, surplus = platform.segment[edges], allocation.flow[edges], allocation.surplus.at(edges)
    rent = allocation.surplus.last()[segment]
    ahead = surplus - rent
    short = np.maximum(-ahead, 0.0)

    def row(k: int) -> Row:
        return {
            "segment": platform.segments["id"][segment[k]].item(),
            "impressions": float(flow[k]),
            "supply": float(platform.supply[segment[k]]),
            "value": float(platform.value[edges[k]]),
            "surplus": float(surplus[k]),
            "rent": float(rent[k]),
            "short": float(short[k]),
            "ahead": max(float(ahead[k]), 0.0),
        }

    def missed(k: int) -> Row:
        i = segment[k]
        mine = slice(platform.indptr[i], platform.indptr[i + 1])
        most = mine.start + int(np.argmax(allocation.flow[mine]))
        holder = platform.anchors["id"][platform.anchor[most]].item() if allocation.flow[most] > 0 else None
        return row(k) | {"held_by": holder, "value_short": float(short[k]) / alpha if alpha > 0 else None}

    served = np.flatnonzero(flow > 0)
    waiting = np.flatnonzero((flow <= 0) & (platform.supply[segment] > 0))
    nearest = waiting[np.argsort(short[waiting], kind="stable")][:NEAREST]
    return [row(k) for k in served[np.argsort(-flow[served], kind="stable")]], [missed(k) for k in nearest]
