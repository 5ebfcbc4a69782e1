"""What rules are worth: price x level of every level that is felt, in currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import BLUE, HATCHES, VERMILLION, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
WORTH = "Price x level (RMB per day)"
LOOKS = {
    "caps: what the level is worth": (BLUE, HATCHES[0]),
    "floors: what the level costs": (VERMILLION, HATCHES[1]),
}


def prices_of_rules(rows: Sequence[Row], ax: Axes, *, xlabel: str = WORTH) -> Axes:
    """Draw one bar per row, the first on top, as long as the rule is worth, with its price beside it.

    Parameters
    ----------
    rows : sequence of mappings
        ``rule``, ``where``, ``unit`` (of the level), ``price`` (currency / unit) and ``worth`` (price x level, currency
        / period), as in ``allocation.prices_of_rules()``. A row whose worth is None (a level whose zero means nothing)
        becomes a cross at zero, so that its price is not lost.
    ax : matplotlib Axes
    xlabel : str
        With units.

    Returns
    -------
    matplotlib Axes
        Bars to the right are caps (to first order, one percent more of the level earns one percent of the bar), bars to
        the left floors (one percent more costs that).

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("bars of prices need at least one row; allocation.prices_of_rules() gives them")
    places = list(range(len(rows)))
    for label, (colour, hatch) in LOOKS.items():
        mine = [k for k in places if rows[k]["worth"] and (rows[k]["worth"] > 0) == label.startswith("caps")]
        if mine:
            widths = [rows[k]["worth"] for k in mine]
            look: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.5}
            ax.barh(mine, widths, 0.7, label=label, **look)
    crosses = [k for k in places if rows[k]["worth"] is None]
    if crosses:
        ax.plot([0.0] * len(crosses), crosses, "x", color="black", linestyle="none", label="no zero to count from")
    for k in places:
        _price(rows[k], k, ax)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_yticks(places, [f"{row['rule']}\n{row['where']}" for row in rows])
    ax.invert_yaxis()
    ax.margins(x=0.25)  # so that prices stand beside their bars
    ax.grid(False, axis="y")
    ax.xaxis.set_major_formatter(short)
    ax.set_xlabel(xlabel)
    return ax


def _price(row: Row, place: int, ax: Axes) -> None:
    """Write the price right of the bar, where bars to the left leave room; the unit is that of the level."""
    end = max(row["worth"] or 0.0, 0.0)
    where: dict[str, Any] = {"xy": (end, place), "xytext": (3, 0), "textcoords": "offset points"}
    ax.annotate(f"{short(row['price'])} ({row['unit']})", **where, ha="left", va="center", fontsize=6.5)
