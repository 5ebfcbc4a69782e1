"""How a column goes over time, policy beside policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import DASHES, looks, short
from allocator.plots.wording import words_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKED = 8
"""About so many points of a line have a marker."""


def trajectory(
    rows: Sequence[Mapping[str, Any]], ax: Axes, *, column: str = "gmv", words: Mapping[str, str] | None = None
) -> Axes:
    """Draw a column against the period, one line per policy.

    Parameters
    ----------
    rows : sequence of mappings
        ``period``, the column and, where there are several, ``policy`` (its name or its repr), as in ``run.rows`` of
        an `allocator.dynamics.Trajectory` with the policy added: ``[{"policy": name} | row for row in run.rows]``.
    ax : matplotlib Axes
    column : str
    words : mapping of column to text, optional
        In place of the labels of the axes that `allocator.plots.wording.WORDS` has, with units.

    Returns
    -------
    matplotlib Axes
        Colours and markers belong to policies; a few points of a line have its marker, so that lines that lie on each
        other show theirs in turn.

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("lines need at least one row with period and the column; Trajectory.rows has them")
    policies = list(dict.fromkeys(row.get("policy") for row in rows))
    for position, (policy, seen) in enumerate(zip(policies, looks(policies), strict=True)):
        mine = sorted((row for row in rows if row.get("policy") == policy), key=lambda row: row["period"])
        x, y = [row["period"] for row in mine], [row[column] for row in mine]
        look: dict[str, Any] = {"color": seen.colour, "linestyle": DASHES[position % len(DASHES)]}
        look |= {"marker": seen.marker, "markevery": marked(len(mine), position, len(policies)), "markersize": 4}
        ax.plot(x, y, label=seen.label if policy is not None else None, **look)
    name_axes(ax, column, words)
    return ax


def marked(points: int, position: int, lines: int) -> tuple[int, int]:
    """First point of a line that has a marker, and every how many: lines take turns."""
    step = max(1, points // MARKED)
    return (position * step // lines) % points, step


def name_axes(ax: Axes, column: str, words: Mapping[str, str] | None) -> None:
    """Label the axes of a column against periods, with units."""
    ax.yaxis.set_major_formatter(short)
    ax.set(xlabel=words_for("period", words), ylabel=words_for(column, words))
