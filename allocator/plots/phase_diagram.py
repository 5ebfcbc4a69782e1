"""Where what happens: cells of a grid of two parameters, coloured by what was found there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from allocator.plots.wording import words_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


def phase_diagram(
    rows: Sequence[Row],
    ax: Axes,
    *,
    x: str,
    y: str,
    value: str,
    boundary: Sequence[Row] | None = None,
    words: Mapping[str, str] | None = None,
) -> Axes:
    """Draw the cells of a grid, with a colour bar, and where theory sees the boundary between them.

    Parameters
    ----------
    rows : sequence of mappings
        One per cell, with its place in columns ``x`` and ``y``, whose numbers form a grid, and ``value``.
    ax : matplotlib Axes
    x, y, value : str
        Names of columns.
    boundary : sequence of mappings, optional
        Points of a line in columns ``x`` and ``y``, in their order; what leaves the grid is cut off.
    words : mapping of column to text, optional
        Labels with units of the axes and the colour bar, and for ``"boundary"`` that of the line.

    Returns
    -------
    matplotlib Axes
        Lightness grows with the value, so that the map reads in grey print too; a cell without a row is light grey.
        Panels that share a scale set it by ``ax.collections[0].set_clim(low, high)``.

    Raises
    ------
    ValueError
        If there is no row, or two for one cell.
    """
    if not rows:
        raise ValueError(f"a phase diagram needs at least one row with {x}, {y} and {value}")
    across, along = sorted({row[x] for row in rows}), sorted({row[y] for row in rows})
    cells = [[float("nan")] * len(across) for _ in along]
    for row in rows:
        place = along.index(row[y]), across.index(row[x])
        if cells[place[0]][place[1]] == cells[place[0]][place[1]]:
            raise ValueError(f"two rows tell of the cell at {x} {row[x]:g} and {y} {row[y]:g}")
        cells[place[0]][place[1]] = row[value]
    ax.set_facecolor("#DDDDDD")
    mesh = ax.pcolormesh(_bounds(across), _bounds(along), cells, cmap="cividis", rasterized=True, zorder=1)
    ax.figure.colorbar(mesh, ax=ax, label=words_for(value, words))
    ax.grid(False)
    if boundary is not None:
        line = [point[x] for point in boundary], [point[y] for point in boundary]
        name = (words or {}).get("boundary", "closed form")
        ax.plot(*line, color="white", linewidth=2.6, zorder=2)  # a rim, so that the line shows on dark cells
        ax.plot(*line, color="black", linestyle="--", zorder=3, label=name)
    ax.set(xlim=(_bounds(across)[0], _bounds(across)[-1]), ylim=(_bounds(along)[0], _bounds(along)[-1]))
    ax.set(xlabel=words_for(x, words), ylabel=words_for(y, words))
    return ax


def _bounds(centres: Sequence[float]) -> list[float]:
    """Edges of cells that lie between their centres, (n + 1,); the outer cells are as wide as they are inward."""
    if len(centres) == 1:
        return [centres[0] - 0.5, centres[0] + 0.5]
    middles = [(a + b) / 2 for a, b in pairwise(centres)]
    return [2 * centres[0] - middles[0], *middles, 2 * centres[-1] - middles[-1]]
