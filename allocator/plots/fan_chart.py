"""How a column goes over time in many runs: the median run and the range of most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import DASHES, HATCHES, looks
from allocator.plots.trajectory import marked, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fan_chart(rows: Sequence[Mapping[str, Any]], ax: Axes, *, words: Mapping[str, str] | None = None) -> Axes:
    """Draw a median line and a band per policy.

    Parameters
    ----------
    rows : sequence of mappings
        ``policy``, ``period``, ``column`` (one and the same), ``low``, ``middle`` and ``high``, as in ``bands(column)``
        of an `allocator.dynamics.Ensemble`.
    ax : matplotlib Axes
    words : mapping of column to text, optional
        In place of the labels of the axes that `allocator.plots.wording.WORDS` has, with units.

    Returns
    -------
    matplotlib Axes
        In grey print dashes and markers tell the medians apart, hatches and edges the bands.

    Raises
    ------
    ValueError
        If there is no row, or rows tell of several columns.
    """
    if not rows:
        raise ValueError("a fan chart needs at least one row; Ensemble.bands(column) gives them")
    columns = list(dict.fromkeys(row["column"] for row in rows))
    if len(columns) > 1:
        raise ValueError(f"a fan chart shows one column, not {' and '.join(columns)}; draw one chart for each")
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    for position, (policy, seen) in enumerate(zip(policies, looks(policies), strict=True)):
        mine = sorted((row for row in rows if row["policy"] == policy), key=lambda row: row["period"])
        x, low, middle, high = ([row[key] for row in mine] for key in ("period", "low", "middle", "high"))
        dashes, hatch = DASHES[position % len(DASHES)], HATCHES[position % len(HATCHES)]
        ax.fill_between(x, low, high, facecolor=seen.colour, alpha=0.13, linewidth=0, zorder=1)
        edge: dict[str, Any] = {"edgecolor": seen.colour, "linewidth": 0.5, "linestyle": dashes, "alpha": 0.6}
        ax.fill_between(x, low, high, facecolor="none", hatch=2 * hatch, zorder=1.5, **edge)
        look: dict[str, Any] = {"color": seen.colour, "linestyle": dashes, "marker": seen.marker, "markersize": 4}
        look |= {"markevery": marked(len(mine), position, len(policies)), "zorder": 3}
        ax.plot(x, middle, label=seen.label, **look)
    name_axes(ax, columns[0], words)
    return ax
