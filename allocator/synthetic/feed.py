"""Today's traffic: what a feed that follows sales and crowds has made of a platform, matched to measured inequality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.metrics import gini

FloatArray = NDArray[np.float64]
CROWD = (-2.0, 4.0)
HALVINGS = 14


@dataclass(frozen=True, eq=False)
class Feed:
    """How a feed shares the traffic of each segment among the anchors it watches.

    An edge gets a share in proportion to ``pull`` times the anchor's appeal to the power ``crowd`` ("most audiences
    prefer live-streaming rooms with high traffic", s2).

    Parameters
    ----------
    starts : (S,) int
        First edge of each segment, none of which is empty.
    anchor : (E,) int
    value, pull : (E,) float
        Currency per impression, and what draws the feed to an edge besides the crowd, any unit.
    appeal : (A,) float
        Intrinsic popularity > 0, any unit.
    supply : (S,) float
        Impressions / period.
    """

    starts: NDArray[np.int64]
    anchor: NDArray[np.int64]
    value: FloatArray
    pull: FloatArray
    appeal: FloatArray
    supply: FloatArray

    def traffic(self, crowd: float) -> FloatArray:
        """Impressions on each edge, (E,), for one exponent of the crowd."""
        weight = (self.appeal / self.appeal.max()) ** crowd
        flow = self.pull * weight[self.anchor]
        degree = np.diff(self.starts, append=self.anchor.size)
        flow *= np.repeat(self.supply / np.add.reduceat(flow, self.starts), degree)
        return flow

    def matched(self, sales_gini: float) -> FloatArray:
        """Traffic (E,) whose anchors' GMV has the wanted Gini coefficient, or the nearest one within the range `CROWD`.

        The stronger the crowd, the more unequal the sales, so the exponent is found by bisection. A fixed exponent
        would not do: on 100 anchors and on 10,000 the same one gives very different inequality.
        """
        low, high = CROWD
        for _ in range(HALVINGS):
            crowd = (low + high) / 2
            sales = np.bincount(self.anchor, weights=self.traffic(crowd) * self.value, minlength=self.appeal.size)
            low, high = (crowd, high) if gini(sales) < sales_gini else (low, crowd)
        return self.traffic((low + high) / 2)
