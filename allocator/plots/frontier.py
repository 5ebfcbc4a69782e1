"""What fairness costs: GMV against the level of fairness, every point with its certificate."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from allocator.plots.style import BLUE, look, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]
SOLVED = ("CERTIFIED", "FEASIBLE")
LEVEL = "Fairness level (impressions per anchor and day)"
SALES = "GMV (RMB per day)"


def frontier(
    rows: Sequence[Row], ax: Axes, *, baselines: Sequence[Row] = (), xlabel: str = LEVEL, ylabel: str = SALES
) -> Axes:
    """Draw a frontier from GMV alone to welfare alone, and what fixed recipes do instead.

    Parameters
    ----------
    rows : sequence of mappings
        ``weight``, ``status``, ``level`` (equally distributed equivalent, units of the good per anchor), ``gmv`` and
        ``gmv_upper`` (currency / period, None or infinite where nothing is proved), as in
        ``allocator.frontier(...).rows``. Rows whose status is neither CERTIFIED nor FEASIBLE
        become crosses on the lower edge, counted in the legend.
    ax : matplotlib Axes
    baselines : sequence of mappings
        ``solver``, ``status``, ``level`` and ``gmv``, as in ``allocator.baselines(...)``; a recipe with several
        settings gets one marker, each point labelled with its setting.
    xlabel, ylabel : str
        With units.

    Returns
    -------
    matplotlib Axes
        An error bar goes up to ``gmv_upper``: nobody can sell more and be at least as fair. A hollow point is one
        whose proved gap is larger than asked for. Welfare alone does not care which impressions sell: the dotted drop
        to it buys next to nothing.

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("a frontier needs at least one row; allocator.frontier(problem, weights).rows gives them")
    solved = sorted((row for row in rows if row["status"] in SOLVED), key=lambda row: float(row["weight"]))
    _curve(solved, ax)
    _ends(solved, ax)
    _recipes([row for row in baselines if row["status"] in SOLVED], ax)
    _crosses([row for row in (*rows, *baselines) if row["status"] not in SOLVED], ax)
    ax.margins(0.06)  # so that the rings at the ends are whole
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.xaxis.set_major_formatter(short)
    ax.yaxis.set_major_formatter(short)
    return ax


def _curve(solved: Sequence[Row], ax: Axes) -> None:
    """Points at finite weights, with error bars up to what is proved; hollow where the gap is larger than asked."""
    points = [row for row in solved if float(row["weight"]) < float("inf")]
    for status, label, face in (("CERTIFIED", "certified optimum", BLUE), ("FEASIBLE", "larger gap", "white")):
        mine = [row for row in points if row["status"] == status]
        if mine:
            x, y = [row["level"] for row in mine], [row["gmv"] for row in mine]
            bars: dict[str, Any] = {"fmt": "o", "color": BLUE, "elinewidth": 0.8, "capsize": 1.5}
            bars |= {"yerr": [[0.0] * len(mine), [_above(row) for row in mine]]}
            ax.errorbar(x, y, markerfacecolor=face, markersize=3, zorder=3, label=label, **bars)
    if points:
        ax.plot([row["level"] for row in points], [row["gmv"] for row in points], color=BLUE, zorder=2)


def _above(row: Row) -> float:
    """Length of the error bar: 0 where nothing is proved."""
    upper = float(row["gmv"] if row.get("gmv_upper") is None else row["gmv_upper"])
    return max(0.0, upper - row["gmv"]) if math.isfinite(upper) else 0.0


def _ends(solved: Sequence[Row], ax: Axes) -> None:
    """Ring GMV alone and welfare alone, and join the latter by dots."""
    for weight, label, marker in ((0.0, "GMV alone", "o"), (float("inf"), "welfare alone", "s")):
        for row in (row for row in solved if float(row["weight"]) == weight):
            ring: dict[str, Any] = {"color": BLUE, "markerfacecolor": "none", "markersize": 9, "markeredgewidth": 0.8}
            ax.plot(row["level"], row["gmv"], marker, zorder=4, label=label, **ring)
    if len(solved) > 1 and float(solved[-1]["weight"]) == float("inf"):
        before, last = solved[-2:]
        ax.plot([before["level"], last["level"]], [before["gmv"], last["gmv"]], ":", color=BLUE, linewidth=1, zorder=2)


def _recipes(solved: Sequence[Row], ax: Axes) -> None:
    """One marker per recipe; the setting beside each point where a recipe has several."""
    families = defaultdict(list)
    for row in solved:
        families[look(row["solver"]).name].append(row)
    for position, mine in enumerate(families.values()):
        seen = look(mine[0]["solver"], position)
        dots: dict[str, Any] = {"color": seen.colour, "markeredgecolor": "black", "markeredgewidth": 0.4}
        x, y = [row["level"] for row in mine], [row["gmv"] for row in mine]
        ax.plot(x, y, seen.marker, linestyle="none", markersize=5.5, zorder=5, label=seen.label, **dots)
        for row in mine if len(mine) > 1 else ():
            where: dict[str, Any] = {"xy": (row["level"], row["gmv"]), "xytext": (-5, 0), "textcoords": "offset points"}
            ax.annotate(look(row["solver"]).setting, **where, ha="right", va="center", fontsize=6.5)


def _crosses(failed: Sequence[Row], ax: Axes) -> None:
    """What could not be solved, on the lower edge: there is no place for it, but it must not vanish."""
    if failed:
        kinds = Counter(row["status"].lower() for row in failed)
        places = [(k + 1) / (len(failed) + 1) for k in range(len(failed))]
        label = " and ".join(f"{count} {kind}" for kind, count in kinds.items())
        edge: dict[str, Any] = {"transform": ax.transAxes, "clip_on": False, "color": "black", "markersize": 5}
        ax.plot(places, [0.0] * len(failed), "x", zorder=6, label=label, **edge)
