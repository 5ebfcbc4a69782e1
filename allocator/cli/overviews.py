"""Answers for people as tables: a description, a comparison, an explanation, a confirmation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.table import Table

import allocator as al
from allocator.cli.reports import amount, headed, percent, unheaded
from allocator.frontier import Row
from allocator.reasons import reasons
from allocator.wording import quantity

LISTED = 5
"""Segments shown of those that send traffic, and of those that an anchor misses."""


def description(found: al.Description) -> Iterator[Table | str]:
    """Who has the traffic, what the graph is like, and the groups of anchors."""
    yield unheaded((*_inequality(found), *_shape(found), *(("notice", notice) for notice in found.notices)))
    yield _deciles(found)
    for name, groups in found.groups.items():
        yield _groups(name, groups, found.currency)


def _inequality(found: al.Description) -> Iterator[tuple[str, str]]:
    yield "size", f"{found.segments:,} segments, {found.anchors:,} anchors, {found.edges:,} edges"
    yield "supply", f"{quantity(found.supply)} impressions per {found.period}"
    if found.flow == "even":
        yield "traffic", "none was observed; what follows is of the even flow, every segment spread over its anchors"
    elif found.observed_edges is not None:
        yield "traffic", f"observed on {found.observed_edges:.1%} of the edges"
    for name, unit, spread in (("traffic", "impressions", found.traffic), ("GMV", found.currency, found.gmv)):
        yield (
            f"{found.flow} {name}",
            f"{quantity(spread.total)} {unit} per {found.period}; Gini {spread.gini:.3f}; the top 1 % of anchors have "
            f"{spread.top_1_percent:.1%}, the top 10 % {spread.top_10_percent:.1%}, and {spread.without:,} have none",
        )


def _shape(found: al.Description) -> Iterator[tuple[str, str]]:
    yield (
        "graph",
        f"{found.segments_per_anchor:g} segments per anchor (median), {found.thin_anchors:.1%} of anchors with fewer "
        f"than 20; {found.edges_per_segment:.3g} anchors per segment (mean)",
    )
    yield "counting", _counting(found)
    if found.outbid_anchors:
        yield "outbid", f"{found.outbid_anchors:,} anchors are nowhere worth the most: without rules they get nothing"
    empty = {
        "anchors without edges": found.isolated_anchors,
        "segments without supply": found.segments_without_supply,
        "segments without edges": found.segments_without_edges,
    }
    if any(empty.values()):
        yield "empty", ", ".join(f"{count:,} {what}" for what, count in empty.items() if count)


def _counting(found: al.Description) -> str:
    if not found.starved_by_counting:
        return "starves nobody by itself: there are segments enough for every anchor to win one"
    full = f", {found.fillable_capacities:,} of them behind full capacities" if found.fillable_capacities else ""
    return (
        f"the most GMV serves at most {found.servable_anchors:,} anchors{full}; {found.starved_by_counting:,} get "
        "nothing by counting alone, unless values tie"
    )


def _deciles(found: al.Description) -> Table:
    table = headed(("poorest anchors", *(f"{tenth} %" for tenth in range(10, 101, 10))), ["poorest anchors"])
    for name, spread in (("traffic", found.traffic), ("GMV", found.gmv)):
        table.add_row(f"share of {name}", *(f"{100 * share:.1f}" for share in spread.deciles[1:]))
    return table


def _groups(name: str, groups: Sequence[al.description.Group], currency: str) -> Table:
    table = headed((name, "anchors", "of traffic", "of GMV", f"{currency} per impression"), [name])
    for group in groups:
        mean = "" if group.mean_value is None else amount(group.mean_value)
        shares = percent(group.traffic_share), percent(group.gmv_share)
        table.add_row(group.value or "(none)", f"{group.anchors:,}", *shares, mean)
    return table


def comparison(rows: Sequence[Row], platform: al.Platform) -> Iterator[Table | str]:
    """The solvers that answered as a table, then why others did not, and bounds that came from somebody else."""
    headings = ("solver", "status", "objective", "gap", "bound", "GMV", "build", "solve", "steps")
    caption = f"objective, bound and GMV in {platform.currency} per {platform.period}; build and solve in seconds"
    table = headed(headings, ("solver", "status"), caption, overflow="fold")
    table.padding = (0, 0, 0, 1)
    for column in table.columns[:2]:
        column.no_wrap = True
    for row in rows:
        if "reason" in row:
            table.add_row(row["solver"], row["status"].lower())
            continue
        numbers = quantity(row["objective"]), f"{row['relative_gap']:.1e}", quantity(row["bound"]), quantity(row["gmv"])
        seconds = f"{row['build_seconds']:.3f}", f"{row['solve_seconds']:.3f}"
        steps = "" if row["iterations"] is None else f"{row['iterations']:,}"
        table.add_row(row["solver"], row["status"].lower(), *numbers, *seconds, steps)
    yield table
    for row in rows:
        if "reason" in row:
            yield f"{row['solver']}: {row['reason']}"
        elif row["best_bound_by"] is not None:
            yield (
                f"{row['solver']}: relative gap {max(row['relative_gap_to_best'], 0.0):.1e} against the bound that "
                f"{row['best_bound_by']} proved"
            )


def explanation(allocation: al.Allocation, anchor: object) -> Iterator[Table | str]:
    """The paragraph about an anchor, then the segments behind it."""
    facts = reasons(allocation, anchor)
    yield allocation.explain(anchor)
    headings = ("segment", "impressions", "value", "surplus", "rent", "missing", "most goes to")
    caption = f"value, surplus, rent and what is missing in {facts['currency']} per impression"
    table = headed(headings, ("segment", "most goes to"), caption)
    for row in (*facts["shown"][:LISTED], *facts["missed"][:LISTED]):
        numbers = (amount(row[name]) for name in ("impressions", "value", "surplus", "rent", "short"))
        holder = facts["anchor"] if row["impressions"] > 0 else row["held_by"]
        table.add_row(str(row["segment"]), *numbers, "" if holder is None else str(holder))
    if table.row_count:
        yield table
    yield _rules(facts)


def _rules(facts: Row) -> Table:
    """What every rule adds to an anchor and asks of it."""
    headings = ("rule", "good", "adds", "for", "has", "asked", "unit", "price")
    caption = f"adds: {facts['currency']} per unit of the good; price: {facts['currency']} per unit of the level"
    table = headed(headings, ("rule", "good", "for", "asked", "unit"), caption)
    for rule in facts["rules"]:
        row = [rule["rule"], rule["of"], amount(rule["marginal"])]
        if "level" in rule:
            asked = f"{rule['bound']} {amount(rule['level'])}"
            row += [rule["where"], amount(rule["amount"]), asked, rule["unit"], amount(rule["shadow_price"])]
        table.add_row(*row)
    return table


def confirmation(found: al.Holdout) -> Table:
    """What was promised beside what another sample confirms."""
    caption = f"GMV in {found.currency} per {found.period}; gain over the traffic that was observed"
    table = headed(("", "GMV", "before", "gain"), ("",), caption)
    table.add_row("promised", quantity(found.promised), quantity(found.observed), f"{found.promised_gain:+.1%}")
    table.add_row("confirmed", quantity(found.realised), quantity(found.status_quo), f"{found.realised_gain:+.1%}")
    table.add_row("promised on pairs that both saw", quantity(found.promised_covered))
    table.add_row("confirmed on pairs that both saw", quantity(found.realised_covered))
    survives = percent(found.survives) if found.promised_gain > 0 else "none was promised"
    table.add_section()
    table.add_row("gain that survives", "", "", survives)
    table.add_row("impressions on pairs that both saw", "", "", percent(found.covered))
    return table


CAUSES = {
    None: "get something",
    "outbid": "get nothing, as others are worth more wherever they could be shown",
    "tied": "get nothing, though nobody is worth more somewhere",
    "capped at zero": "may get nothing by a rule",
    "no supply": "get nothing, as their segments have no supply",
    "isolated": "get nothing, as no segment is connected to them",
}


def causes(rows: Sequence[Row]) -> Table:
    """How many anchors get something, and why the others do not."""
    counts = Counter(row["starved"] for row in rows)
    return unheaded((f"{counts[cause]:,}", words) for cause, words in CAUSES.items() if counts[cause])


def simulation(record: Row) -> Iterator[Table | str]:
    """What every policy brought, and what the discounting means."""
    money = f"{record['currency']} per {record['period']}"
    runs = len(record["seeds"])
    over = f"with its standard error over {runs:,} runs" if runs > 1 else "of one run"
    caption = (
        f"GMV over {record['periods']:,} periods, discounted, in {record['currency']}, {over}; "
        f"transient and steady: mean GMV before and since runs have settled, {money}; "
        "survivors: anchors of the start who are there at the end; gap: the largest that was proved; relaxed and "
        "failed: periods whose rules were changed, or for which no flow was found"
    )
    headings = ("policy", "GMV", "+-", "transient", "steady", "survivors", "gap", "relaxed", "failed")
    table = headed(headings, ["policy"], caption, overflow="fold")
    for row in record["policies"]:
        means = ("" if row[name] is None else amount(row[name]) for name in ("transient_gmv", "steady_gmv"))
        error = "" if row["runs"] == 1 else amount(row["discounted_gmv_error"])
        gap = "" if row["relative_gap"] is None else f"{row['relative_gap']:.1e}"
        counts = f"{row['relaxed_periods']:,}", f"{row['failed_periods']:,}"
        numbers = amount(row["discounted_gmv"]), error, *means, percent(row["survivors"])
        table.add_row(row["policy"], *numbers, gap, *counts)
    yield table
    yield _discounting(record["discount"], record["periods"])
    yield from record["notices"]


def _discounting(discount: float, periods: int) -> str:
    if discount == 1:
        return "All periods count the same: GMV is a plain sum."
    worth = sum(discount**period for period in range(periods))
    return (
        f"Each period counts {discount:g} times the one before, so that all {periods:,} together count as "
        f"{quantity(round(worth, 2))} times the first."
    )
