"""An allocation in words: what an anchor gets, why, what its rules cost, and what it misses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from allocator.allocation import Allocation
from allocator.reasons import Row, reasons
from allocator.rule_words import currency_per, felt_rules, per_impression
from allocator.wording import quantity

FELT = 1e-9
"""Size relative to the median value below which a price is not worth a sentence."""
MANY = 3
"""Segments that a sentence names."""
CAUSES = {
    "isolated": "It gets nothing because no segment is connected to it.",
    "no supply": "It gets nothing because none of its segments has any supply.",
    "capped at zero": "It gets nothing because a rule allows it nothing.",
}


def explain(allocation: Allocation, anchor: Any) -> str:
    """A paragraph about one anchor, by id; `allocator.reasons.reasons` has the same facts as numbers.

    Raises
    ------
    KeyError
        Naming an unknown id and the nearest known one.
    """
    facts = reasons(allocation, anchor)
    least = FELT * max(float(np.median(allocation.platform.value)), FELT)
    sentences = [_gets(facts), _counts(facts, least), *_traffic(facts, least), *felt_rules(facts, least), _proof(facts)]
    return " ".join(sentences)


def _gets(facts: Row) -> str:
    named = (f"{name} {facts['attributes'].get(name)}" for name in ("tier", "category", "firm"))
    traits = ", ".join(text for text in named if text.partition(" ")[2] not in ("", "None"))
    of_reach = facts["exposure"] / max(facts["reach"], np.finfo(float).tiny)
    text = (
        f"Anchor {facts['anchor']}{f' ({traits})' if traits else ''} gets {quantity(facts['exposure'])} impressions "
        f"per {facts['period']}: {_share(facts['exposure_share'])} of all, number {facts['exposure_rank']:,} of "
        f"{facts['anchors']:,} anchors and {_share(of_reach)} of the {quantity(facts['reach'])} it could reach; "
        f"it sells {quantity(facts['gmv'])} {facts['currency']}, {_share(facts['gmv_share'])} of all and number "
        f"{facts['gmv_rank']:,}"
    )
    seen = facts["observed"]
    if seen is None:
        return text + "."
    if seen == 0:
        return text + "; none were observed before."
    times = facts["exposure"] / seen
    change = f"{times - 1:+.1%}" if times < MANY else f"{quantity(float(f'{times:.3g}'))} times as many now"
    return f"{text}; observed were {quantity(seen)} impressions ({change})."


def _counts(facts: Row, least: float) -> str:
    """What rules make of an impression on the anchor."""
    alpha, beta = facts["alpha"], facts["beta"]
    said = f"An impression on it counts {'at' if alpha == 1 else f'at {alpha:.4g} times'} its GMV"
    if abs(beta) > least:
        said += f" {'plus a bonus' if beta > 0 else 'minus a price'} of {abs(beta):,.4g} {per_impression(facts)}"
    if abs(facts["extra"]) > least:
        said += (
            f", {'plus' if facts['extra'] > 0 else 'minus'} {abs(facts['extra']):,.4g} {currency_per('edges', facts)}"
        )
    return said + "."


def _traffic(facts: Row, least: float) -> Iterator[str]:
    """Where its surplus reaches the rent, and where it comes nearest without."""
    shown, missed, unit = facts["shown"], facts["missed"], per_impression(facts)
    if facts["starved"] in CAUSES:
        yield CAUSES[facts["starved"]]
        return
    if facts["starved"] == "tied":
        yield f"It gets nothing although nobody is worth more in some segments{_instead(missed[:1], least)}."
        return
    if facts["starved"] is None:
        most = "; ".join(
            f"{row['segment']} ({row['impressions']:,.4g} impressions of value {row['value']:,.4g}, rent "
            f"{row['rent']:,.4g})"
            for row in shown[:MANY]
        )
        lost = sum(row["impressions"] * row["short"] for row in shown) / facts["exposure"]
        because = (
            "because nobody else is worth more there"
            if lost <= least
            else f"where the best would be worth {lost:,.4g} {unit} more on average"
        )
        yield (
            f"It receives traffic from {len(shown):,} of {facts['segments']:,} segments, most from segment {most}, "
            f"{because}."
        )
    if missed:
        yield _misses(facts, missed[0], least)


def _misses(facts: Row, near: Row, least: float) -> str:
    """The segment without traffic whose rent it comes nearest to."""
    if near["short"] <= least:
        return f"In segment {near['segment']} nobody is worth more{_instead([near], least)}."
    start = "It gets nothing because everywhere" if facts["starved"] else "In every other segment"
    rival = "another anchor is" if near["rent"] > 0 else "another anchor, or serving nobody, is"
    held = f"{near['held_by']} has most of the traffic" if near["held_by"] is not None else "nobody is shown"
    text = (
        f"{start} {rival} worth at least {near['short']:,.4g} {per_impression(facts)} more; it comes nearest in "
        f"segment {near['segment']}, where {held} and the rent is {near['rent']:,.4g}"
    )
    if near["value_short"] is None:
        return f"{text}."
    return f"{text}: its value of {near['value']:,.4g} would have to be {near['value_short']:,.4g} higher."


def _instead(near: list[Row], least: float) -> str:
    """What became of the traffic where nobody is worth more, by the nearest segment (if any)."""
    if not near or near[0]["held_by"] is not None:
        return ", yet the traffic there went to others"
    return ": nothing is worth showing there" if near[0]["rent"] <= least else ", yet nobody is shown there"


def _proof(facts: Row) -> str:
    return (
        f"The whole allocation is proved to be within {max(facts['gap'], 0.0):,.3g} {facts['currency']} per "
        f"{facts['period']} of the best possible (relative gap {max(facts['relative_gap'], 0.0):.1e})."
    )


def _share(share: float) -> str:
    return "under 0.01%" if 0 < share < 1e-4 else f"{share:.2%}"
