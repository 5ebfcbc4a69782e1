"""Rules in words: what their levels ask, what more would change, and a sentence for every one that an anchor feels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allocator.wording import quantity

Row = dict[str, Any]
STEP = 0.01
"""The step of a level that has no unit: the whole range of a share or an index is 1."""
INDICES = ("Gini coefficient", "Herfindahl-Hirschman index")
DOUBTED = 1e-4
"""Part of the radius below which the doubt of a worst case is noise."""


def felt_rules(facts: Row, least: float) -> Iterator[str]:
    """One sentence per rule that the anchor feels; a marginal up to ``least`` is not worth one."""
    for rule in facts["rules"]:
        if "doubt" in rule:
            yield _doubt(rule, facts)
        elif rule.get("felt"):
            yield from _level(rule, facts, least)
        elif "elsewhere" in rule and abs(rule["marginal"]) > least:
            yield f"{rule['rule']} is felt by {rule['elsewhere']}: it {_effect(rule, facts)}."
        elif "median_marginal" in rule and rule["rule"] != "GMV" and abs(rule["marginal"]) > least:
            yield _welfare(rule, facts)


def _level(rule: Row, facts: Row, least: float) -> Iterator[str]:
    """What a level that is reached or broken asks, what more of it would change, and what that does here."""
    if rule["kind"] == "anchor":
        state = f"is soft and broken ({quantity(rule['amount'])})" if _broken(rule) else "binds"
        yield f"Its {rule['rule'].lower()} of {quantity(rule['level'])} {state}: {_more(rule, facts)}."
        return
    if "held" in rule:
        yield from _held(rule, facts, least)
        return
    state = f"is soft and broken at {rule['soft']:,.4g} per unit" if _broken(rule) else "binds"
    text = f"{rule['rule']} {state} for {rule['where']}: {against(rule)}; {_more(rule, facts)}"
    yield f"{text}, and it {_effect(rule, facts)}." if abs(rule["marginal"]) > least else f"{text}."


def _broken(rule: Row) -> bool:
    """Whether the amount is beyond a level, which only a soft rule allows."""
    excess = rule["amount"] - rule["level"] if rule["bound"] == "at most" else rule["level"] - rule["amount"]
    return rule.get("soft") is not None and excess > 1e-9 * max(abs(rule["level"]), abs(rule["amount"]))


def _held(rule: Row, facts: Row, least: float) -> Iterator[str]:
    """Where a cap on single edges holds the anchor back."""
    ahead = [row for row in facts["shown"] if row["ahead"] > least]
    if not (rule["held"] and ahead):
        return
    sent = sum(row["impressions"] for row in ahead)
    more = sum(row["impressions"] * row["ahead"] for row in ahead) / sent
    yield (
        f"{rule['rule']} holds it back in {len(ahead):,} of its segments ({rule['level']:.2%} of each at "
        f"most{', beyond at a price' if rule['soft'] is not None else ''}), where it is worth {more:,.4g} "
        f"{per_impression(facts)} more than the rent on average; for everybody, {_more(rule, facts)}."
    )


def _doubt(rule: Row, facts: Row) -> str:
    """Whether the worst case takes off the anchor's value."""
    if rule["doubt"] <= DOUBTED * rule["level"]:
        return f"{rule['rule']} does not doubt its value: the worst case falls on others."
    part = f"{rule['doubt']:.1%} of it" if rule["deviation"] is None else f"{rule['doubt']:.3g} {rule['deviation']}s"
    return f"{rule['rule']} doubts its value: the worst case takes {part} away; {_more(rule, facts)}."


def _welfare(rule: Row, facts: Row) -> str:
    text = f"{rule['rule']} {_effect(rule, facts, to='')}, against {rule['median_marginal']:,.4g} for the median anchor"
    if "rank" not in rule:
        return f"{text}."
    return f"{text}: it is number {rule['rank']:,} of {rule['ranked']:,}, the worst-off first."


def _effect(rule: Row, facts: Row, to: str = "this anchor") -> str:
    """What a rule does to one unit of its good at the anchor."""
    adds = rule["marginal"] > 0
    whom = f" {'to' if adds else 'from'} {to}" if to else ""
    return f"{'adds' if adds else 'takes'} {abs(rule['marginal']):,.4g} {currency_per(rule['of'], facts)}{whom}"


def _more(rule: Row, facts: Row) -> str:
    return more(rule["shadow_price"], rule["unit"], facts["currency"])


def more(price: float, unit: str, currency: str, each: str = "") -> str:
    """What one unit more of a level (or of ``each``) would change, at its shadow price."""
    bare = unit in ("share", "radius", *INDICES)
    step = "one point more" if unit == "share" else f"{STEP} more" if bare else "one unit more"
    # The worst case is convex in its radius, every other optimum concave in its level.
    word = "raise the objective by at most" if price > 0 else f"cost at {'most' if unit == 'radius' else 'least'}"
    return f"{step}{each} would {word} {_rounded(abs(price) * (STEP if bare else 1.0))} {currency}"


def against(rule: Row) -> str:
    """What the flow has beside the level of a rule, in its unit; the name of a welfare is in that of its rule."""
    amount, level, unit = rule["amount"], rule["level"], rule["unit"]
    if unit == "share":
        return f"{amount:.2%} against {rule['bound']} {level:.2%}"
    if unit in INDICES:
        return f"a {unit} of {amount:.4g} against {rule['bound']} {level:.4g}"
    if rule["rule"].startswith(f"FairnessAtLeast of {unit}"):
        return f"{quantity(amount)} against {rule['bound']} {quantity(level)}"
    return f"{quantity(amount)} against {rule['bound']} {quantity(level)} {unit}"


def _rounded(amount: float) -> str:
    """Four digits, or all before the point."""
    return f"{amount:,.0f}" if 1e3 <= amount < 1e15 else f"{amount:,.4g}"


def currency_per(good: str, facts: Row) -> str:
    """The unit of what a rule adds to one unit of a good."""
    per = {"exposure": "impression", "gmv": f"{facts['currency']} of sales", "edges": "impression on average"}
    return f"{facts['currency']} per {per.get(good, f'unit of {good}')}"


def per_impression(facts: Row) -> str:
    return f"{facts['currency']} per impression"
