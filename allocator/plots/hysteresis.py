"""What depends on the way: the same parameter reached from below and from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import BLUE, GREY, VERMILLION
from allocator.plots.wording import words_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WAYS = {"up": (BLUE, ">", "-", "way up"), "down": (VERMILLION, "<", "--", "way down")}


def hysteresis(
    rows: Sequence[Mapping[str, Any]],
    ax: Axes,
    *,
    x: str,
    y: str,
    direction: str = "direction",
    words: Mapping[str, str] | None = None,
) -> Axes:
    """Draw the way up and the way down, and shade the loop between them.

    Parameters
    ----------
    rows : sequence of mappings
        Columns ``x`` (the parameter), ``y`` (where the world settles) and ``direction``, "up" or "down".
    ax : matplotlib Axes
    x, y, direction : str
        Names of columns.
    words : mapping of column to text, optional
        Labels of the axes with units.

    Returns
    -------
    matplotlib Axes
        Markers point the way that the parameter moves. The loop is shaded over the parameters that both ways have.

    Raises
    ------
    ValueError
        If there is no row, or a direction is neither "up" nor "down".
    """
    if not rows:
        raise ValueError(f"a loop needs at least one row with {x}, {y} and {direction}")
    strange = [row[direction] for row in rows if row[direction] not in WAYS]
    if strange:
        raise ValueError(f"a way is up or down, not {strange[0]!r}")
    paths = {way: {row[x]: row[y] for row in rows if row[direction] == way} for way in WAYS}
    both = sorted(paths["up"].keys() & paths["down"].keys())
    if both:
        ends = [[path[place] for place in both] for path in paths.values()]
        ax.fill_between(both, *ends, color=GREY, alpha=0.25, linewidth=0, zorder=1, label="loop")
    for way, (colour, marker, dashes, label) in WAYS.items():
        if paths[way]:
            line = sorted(paths[way].items())
            look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": dashes, "markersize": 4}
            ax.plot(*zip(*line, strict=True), label=label, zorder=3, **look)
    ax.set(xlabel=words_for(x, words), ylabel=words_for(y, words))
    return ax
