"""Lorenz curves: what share of the total the poorest hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from allocator.plots.style import DASHES, GREY, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def lorenz(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], ax: Axes, *, of: str = "exposure") -> Axes:
    """Draw one Lorenz curve per policy over the line of equality.

    Parameters
    ----------
    curves : mapping of label to (population, share)
        Both (n + 1,), from 0 to 1, as `allocator.metrics.lorenz` returns them; a label that names a solver gets its
        colour.
    ax : matplotlib Axes
    of : str
        The good that is shared, for the label of the axis.

    Raises
    ------
    ValueError
        If there is no curve.
    """
    from matplotlib.ticker import PercentFormatter

    if not curves:
        raise ValueError("a Lorenz plot needs at least one curve; allocator.metrics.lorenz(amounts) gives one")
    ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=0.7, label="equality")
    for position, (label, (population, share)) in enumerate(curves.items()):
        seen = look(label, position)
        ax.plot(population, share, color=seen.colour, linestyle=DASHES[position % len(DASHES)], label=seen.label)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    ax.set(
        xlim=(0.0, 1.0),
        ylim=(0.0, 1.0),
        aspect="equal",
        xlabel="Anchors, poorest first (% of anchors)",
        ylabel=f"Share of {of} (%)",
    )
    return ax
