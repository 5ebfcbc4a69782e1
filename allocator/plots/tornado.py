"""Which assumption matters: bars from one end of each range to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import BLACK, BLUE, ORANGE, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def tornado(
    rows: Sequence[Mapping[str, Any]], ax: Axes, *, words: Mapping[str, str] | None = None, unit: str = "currency"
) -> Axes:
    """Draw how far each assumption moves the lead of one policy over another, the widest on top.

    Parameters
    ----------
    rows : sequence of mappings
        As `allocator.dynamics.tornado` returns them: ``parameter``, ``from``, ``to``, ``low``, ``base`` and ``high``
        with their errors.
    ax : matplotlib Axes
    words : mapping of parameter to text, optional
        In place of names such as "Flywheel.decay".
    unit : str
        Of the lead.

    Returns
    -------
    matplotlib Axes
        Bars are hatched and thin where the parameter is at its high end, with a whisker of two standard errors; the
        range is in print, bold where it overturns the lead (``overturns``), the dotted line is the lead as assumed, the
        other one none.

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("a tornado needs at least one row; allocator.dynamics.tornado has them")
    words, base = words or {}, rows[0]["base"]
    places = range(len(rows), 0, -1)
    for place, row in zip(places, rows, strict=True):
        for end, colour, hatch, height in (("low", BLUE, "", 0.7), ("high", ORANGE, "////", 0.35)):
            look = {"color": colour, "hatch": hatch, "edgecolor": BLACK, "linewidth": 0.5, "zorder": 2}
            ax.barh(place, row[end] - base, left=base, height=height, xerr=2 * row[f"{end}_error"], **look)
    ax.axvline(base, color=BLACK, linestyle=":", linewidth=1.0)
    ax.axvline(0.0, color=BLACK, linewidth=0.8)
    said = [f"{words.get(row['parameter'], row['parameter'])}\n{row['from']:g} to {row['to']:g}" for row in rows]
    ax.set_yticks(places, said)
    for tick, row in zip(ax.yaxis.get_major_ticks(), rows, strict=True):  # labels of shared axes may be hidden
        tick.label1.set_fontweight("bold" if row.get("overturns") else "normal")
    ax.grid(visible=False, axis="y")
    ax.xaxis.set_major_formatter(short)
    ax.set_xlabel(f"Lead ({unit})")
    return ax
