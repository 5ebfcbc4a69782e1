"""The price of every rule: what one more unit of each level would change, beside the level and what the flow has."""

from __future__ import annotations

from typing import Any

import numpy as np

from allocator.allocation import Allocation
from allocator.rules import Rule
from allocator.rules.stated import Stated

Row = dict[str, Any]
PLURALS = {"anchor": "anchors", "group": "groups", "segment": "segments", "all": "levels"}


def prices_of_rules(allocation: Allocation) -> list[Row]:
    """The price of every rule that has a level, as plain data.

    Returns
    -------
    list of dict
        One per level that is felt, the dearest of a rule first, and one for a rule that is felt nowhere. ``rule``;
        ``kind`` ("anchor", "group", "segment" or "all": whom the level is for) and ``where`` in words; ``bound`` ("at
        most" or "at least"), ``level`` and ``amount`` (what the flow has) in ``unit``; ``soft`` (the price of breaking
        the rule, None for a hard one). ``price``: change of the optimal objective, currency / unit of the level (>= 0
        for caps, <= 0 for floors; the tangent of an optimum that is concave in the level, convex in the radius of
        `RobustGMV`). ``worth`` = price x level, currency / period: to first order one percent of the level moves the
        objective by one percent of it. A floor costs at most that much, and a cap is worth at least that much (derived
        here: at level zero the optimum is no higher than its tangent); shares are of the total that is served now.
        None where a level of zero does not mean nothing (welfare such as `Nash`). A rule that is felt nowhere has price
        and worth 0, and no level if it has several.
    """
    problem, certificate, rows = allocation.problem, allocation.certificate, []
    for label, term in zip(problem.labels, problem.terms, strict=True):
        stated = term.stated(allocation.totals)
        if stated is None:
            continue
        prices = np.asarray(allocation.shadow_prices[label])
        felt = np.flatnonzero(stated.felt(prices, certificate.scale, certificate.gap))
        felt = felt[np.argsort(-np.abs(prices[felt] * stated.size[felt]), kind="stable")]
        rows += [_row(label, term, stated, k, float(prices[k])) for k in felt.tolist()] or [_idle(label, term, stated)]
    return rows


def _row(label: str, term: Rule, stated: Stated, k: int, price: float) -> Row:
    worth = price * float(stated.level[k]) if stated.proportional else None
    return {"rule": label, **stated.row(k), "soft": getattr(term, "soft", None), "price": price, "worth": worth}


def _idle(label: str, term: Rule, stated: Stated) -> Row:
    """A rule that nobody feels."""
    if stated.level.size == 1 and np.isfinite(stated.level[0]):
        return _row(label, term, stated, 0, 0.0) | {"worth": 0.0}
    unknown = dict.fromkeys(("bound", "level", "amount"))
    row = {"rule": label, "kind": stated.kind, "where": "nowhere", **unknown, "unit": stated.unit}
    return row | {"soft": getattr(term, "soft", None), "price": 0.0, "worth": 0.0}


def by_rule(rows: list[Row]) -> dict[str, Row]:
    """What the rows of `prices_of_rules` say of each rule that is felt: the row itself where it is one; of several
    ``where`` counts them, ``price`` is that of one unit more for each, and ``worth`` that of all together.
    """
    felt: dict[str, list[Row]] = {}
    for row in rows:
        if row["price"]:
            felt.setdefault(row["rule"], []).append(row)
    return {rule: {"levels": len(mine)} | _together(mine) for rule, mine in felt.items()}


def _together(rows: list[Row]) -> Row:
    first = rows[0]
    if len(rows) == 1:
        return first
    worth = [row["worth"] for row in rows]
    return first | {
        "where": f"{len(rows):,} {PLURALS[first['kind']]}",
        "level": None,
        "amount": None,
        "price": sum(row["price"] for row in rows),
        "worth": None if None in worth else sum(worth),
    }
