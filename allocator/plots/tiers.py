"""Who is shown: exposure by tier of anchors, policy beside policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import HATCHES, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def exposure_by_tier(rows: Sequence[Mapping[str, Any]], ax: Axes) -> Axes:
    """Draw groups of bars, one group per tier and one bar per policy.

    Parameters
    ----------
    rows : sequence of mappings
        ``tier``, ``label`` (a policy; one that names a solver gets its colour) and ``share`` of all exposure in [0, 1].
        Tiers and policies come in the order of their first row; a pair without a row leaves its place empty.
    ax : matplotlib Axes

    Raises
    ------
    ValueError
        If there is no row.
    """
    from matplotlib.ticker import PercentFormatter

    if not rows:
        raise ValueError("bars need at least one row with tier, label and share")
    tiers, labels = list(dict.fromkeys(row["tier"] for row in rows)), list(dict.fromkeys(row["label"] for row in rows))
    width = 0.8 / len(labels)
    for position, label in enumerate(labels):
        mine = [row for row in rows if row["label"] == label]
        seen = look(label, position)
        places = [tiers.index(row["tier"]) + (position - (len(labels) - 1) / 2) * width for row in mine]
        ax.bar(
            places,
            [row["share"] for row in mine],
            width,
            color=seen.colour,
            edgecolor="black",
            linewidth=0.5,
            hatch=HATCHES[position % len(HATCHES)],
            label=seen.label,
        )
    ax.set_xticks(range(len(tiers)), [str(tier) for tier in tiers])
    ax.grid(False, axis="x")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set(xlabel="Tier of anchors", ylabel="Share of exposure (%)")
    return ax
