"""A platform unrolled in time: every segment once for each period, and anchors with what they have in all of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.planning.outlook import Outlook
from allocator.graph import Platform


def in_period(period: int) -> str:
    """The edge measure that counts impressions of one period."""
    return f"exposure in period {period}"


def unrolled(outlook: Outlook, *, by_period: bool) -> Platform:
    """All periods (H) as one platform of H S segments, one period after the other, and the anchors who are there: their
    exposure is that of all periods, their GMV what it is worth, as of the first, with what followers buy later.

    With ``by_period`` it has an edge measure for the exposure of every period.
    """
    platform, periods = outlook.first.platform, outlook.periods
    E = platform.edge_count
    measures = {name: np.tile(measure, periods) for name, measure in platform.measures.items()}
    if by_period:
        one = np.eye(periods)
        measures |= {in_period(t): np.repeat(one[t], E) for t in range(periods)}
    return Platform(
        np.concatenate(([0], *(platform.indptr[1:] + t * E for t in range(periods)))),
        np.tile(platform.anchor, periods),
        np.concatenate([outlook.worth(t) for t in range(periods)]),
        outlook.supply.ravel(),
        capacity=periods * platform.capacity,
        observed=None if platform.observed is None else np.tile(platform.observed, periods),
        measures=measures,
        segments=_segments(platform, periods),
        anchors=platform.anchors,
        currency=platform.currency,
        period=f"{periods} {platform.period}s",
    )


def _segments(platform: Platform, periods: int) -> Mapping[str, NDArray]:
    """Attributes of segments with the ``period``, and names that tell both."""
    columns = {name: np.tile(column, periods) for name, column in platform.segments.items() if name != "id"}
    ids = [f"{name} in period {t}" for t in range(periods) for name in platform.segments["id"].tolist()]
    return columns | {"id": np.array(ids), "period": np.repeat(np.arange(periods), platform.segment_count)}
