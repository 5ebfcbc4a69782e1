"""An allocation in words: what an anchor gets, why, and what its rules cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from allocator.allocation import Allocation
from allocator.rules import Constraint, Welfare
from allocator.wording import quantity

FELT = 1e-9
"""Relative size below which a price is not worth a sentence."""


def explain(allocation: Allocation, anchor: Any) -> str:
    """A paragraph about one anchor, by id.

    Raises
    ------
    KeyError
        Naming an unknown id and the nearest known one.
    """
    (j,) = allocation.platform.anchors.index([anchor])
    return " ".join([_gets(allocation, j), _why(allocation, j), *_rules(allocation, j), _proof(allocation)])


def _gets(allocation: Allocation, j: int) -> str:
    platform, exposure = allocation.platform, allocation.exposure
    traits = ", ".join(
        f"{name} {platform.anchors[name][j]}"
        for name in ("tier", "category", "firm")
        if name in platform.anchors and platform.anchors[name][j]
    )
    rank = int((exposure > exposure[j]).sum()) + 1
    text = (
        f"Anchor {platform.anchors['id'][j]}{f' ({traits})' if traits else ''} gets {quantity(exposure[j])} "
        f"impressions per {platform.period}, "
        f"{exposure[j] / max(platform.reach[j], np.finfo(float).tiny):.1%} of the {quantity(platform.reach[j])} "
        f"it could reach and number {rank:,} of "
        f"{platform.anchor_count:,} anchors, and sells {quantity(allocation.anchor_gmv[j])} {platform.currency}"
    )
    if platform.observed is None:
        return text + "."
    seen = platform.into_anchors(platform.observed)[j]
    return text + (
        f"; observed were {quantity(seen)} impressions ({exposure[j] / seen - 1:+.1%})."
        if seen > 0
        else "; none were observed before."
    )


def _why(allocation: Allocation, j: int) -> str:
    """The margin of an anchor: its surplus against the best alternative of its segments."""
    platform, surplus = allocation.platform, allocation.surplus
    edges = np.flatnonzero(platform.anchor == j)
    if not edges.size:
        return "No segment is connected to it."
    unit = f"{platform.currency} per impression"
    worth = surplus.on_edges()[edges]
    rent = np.maximum(platform.largest_in_segments(surplus.on_edges()), 0.0)[platform.segment[edges]]
    flow = allocation.flow[edges]
    bonus = surplus.beta[j]
    counted = "at its GMV" if surplus.alpha[j] == 1 else f"at {surplus.alpha[j]:.4g} times its GMV"
    said = f"An impression on it counts {counted}"
    if abs(bonus) > FELT * max(float(platform.value[edges].max()), FELT):
        said += f" {'plus a bonus' if bonus > 0 else 'minus a price'} of {abs(bonus):,.4g} {unit}"
    if flow.sum() > 0:
        top = edges[np.argmax(flow)]
        return (
            f"{said}; it receives traffic from {int((flow > 0).sum()):,} of {edges.size:,} segments, most from segment "
            f"{platform.segments['id'][platform.segment[top]]} ({allocation.flow[top]:,.4g} impressions worth "
            f"{platform.value[top]:,.4g} {unit} each), "
            f"because nobody else is worth more there."
        )
    short = float((rent - worth).min())
    return (
        f"{said}; everywhere another anchor is worth at least {max(short, 0.0):,.4g} {unit} more, so it gets nothing."
    )


def _rules(allocation: Allocation, j: int) -> list[str]:
    """One sentence per rule that the anchor feels."""
    platform, said = allocation.platform, []
    typical = max(float(np.median(platform.value)), FELT)
    for label, term, mine in zip(
        allocation.problem.labels, allocation.problem.terms, allocation.multipliers, strict=True
    ):
        if isinstance(term, Constraint) and term.box is not None:
            price = float(term.shadow_price(mine)[j])
            if abs(price) > FELT * typical:
                word = "raise the objective by at most" if price > 0 else "cost at least"
                said.append(
                    f"Its {label.lower()} of {quantity(term.level[j])} binds: one unit more would {word} "
                    f"{abs(price):,.4g} {platform.currency}."
                )
        elif isinstance(term, Welfare) and mine is not None:
            marginal = term.marginals(mine).get(term.of)
            if marginal is not None and marginal[j] > FELT * typical:
                unit = {"exposure": "impression", "gmv": f"{platform.currency} of sales"}.get(
                    term.of, f"unit of {term.of}"
                )
                said.append(
                    f"{label} adds {marginal[j]:,.4g} {platform.currency} per {unit}, against "
                    f"{np.median(marginal):,.4g} for the median anchor."
                )
    return said


def _proof(allocation: Allocation) -> str:
    certificate, platform = allocation.certificate, allocation.platform
    return (
        f"The whole allocation is proved to be within {certificate.gap:,.3g} {platform.currency} per "
        f"{platform.period} of the best possible "
        f"(relative gap {certificate.relative_gap:.1e})."
    )
