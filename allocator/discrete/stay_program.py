"""Who stays, as a program with whole variables: exact on small and medium platforms, by branch and bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.discrete.stay import Kept, Prices, Stay
from allocator.highs import Arrays, highs
from allocator.linear_model import LinearModel, linear_model

FloatArray = NDArray[np.float64]
TINY = np.finfo(np.float64).tiny
SIMPLEX = 20_000
"""Edges up to which simplex is faster than the interior point (13 against 71 s on 108,000)."""


@dataclass(frozen=True, eq=False)
class StayProgram:
    """The linear model of a problem with a variable per anchor that may leave, z, and per segment that may, w:

    x_e <= all that e can take * z_j,   good of j >= nu_j z_j,   x out of i <= b_i w_i,   quality of i >= least w_i.
    """

    stay: Stay

    @cached_property
    def model(self) -> LinearModel:
        return linear_model(self.stay.problem)

    @cached_property
    def anchors(self) -> NDArray[np.int64]:
        """Anchors that may leave."""
        return np.flatnonzero((self.stay.least > 0) & (self.stay.problem.platform.anchor_degree > 0))

    @cached_property
    def segments(self) -> NDArray[np.int64]:
        """Segments that may leave."""
        platform = self.stay.problem.platform
        return np.flatnonzero((self.stay.quality_least > 0) & (platform.supply > 0))

    @cached_property
    def arrays(self) -> Arrays:
        """All of it, with the variables of the model first, then z, then w."""
        from scipy.sparse import csr_array, hstack, vstack

        model, choices = self.model, self.anchors.size + self.segments.size
        matrix, lower, upper = self._conditions()
        wide = hstack((model.matrix, csr_array((model.lower.size, choices))))
        return Arrays(
            np.append(model.objective, np.zeros(choices)),
            vstack((wide, matrix), format="csr"),
            np.append(model.lower, lower),
            np.append(model.upper, upper),
            np.append(model.arrays.lowest, np.zeros(choices)),
            # HiGHS 1.14 was seen to call wrong answers optimal where flows were not limited.
            np.concatenate((self.stay.most / model.impressions, np.full(model.free, np.inf), np.ones(choices))),
            np.arange(model.objective.size + choices) >= model.objective.size,
        )

    def _conditions(self) -> tuple[Any, FloatArray, FloatArray]:
        """Rows that bind flow and choice: links, thresholds, supplies, qualities, in this order."""
        from scipy.sparse import vstack

        stay, platform, unit = self.stay, self.stay.problem.platform, self.model.impressions
        edges = np.arange(platform.edge_count)
        leaving = np.isin(platform.anchor, self.anchors)
        least = np.where(stay.least > 0, stay.least, 1.0)
        supply = platform.supply / unit
        asked = np.where(supply > 0, supply, 1.0) * np.where(stay.quality_least > 0, stay.quality_least, 1.0)
        z, w = self.model.objective.size, self.model.objective.size + self.anchors.size
        link = self._rows(
            np.arange(leaving.sum()),
            edges[leaving],
            np.ones(int(leaving.sum())),
            z + np.searchsorted(self.anchors, platform.anchor[leaving]),
            stay.most[leaving] / unit,
        )
        threshold = self._sums(platform.anchor, self.anchors, stay.good * unit / least[platform.anchor], z)
        served = self._sums(platform.segment, self.segments, 1.0 / np.maximum(supply, TINY)[platform.segment], w)
        quality = self._sums(platform.segment, self.segments, stay.per_edge / asked[platform.segment], w)
        at_most = np.repeat((True, False, True, False), [m.shape[0] for m in (link, threshold, served, quality)])
        matrix = vstack((link, threshold, served, quality), format="csr")
        return matrix, np.where(at_most, -np.inf, 0.0), np.where(at_most, 0.0, np.inf)

    def _sums(self, of: NDArray, chosen: NDArray[np.int64], per_edge: FloatArray, first: int) -> Any:
        """A row for each chosen anchor or segment: what its edges bring, less its choice."""
        mine = np.flatnonzero(np.isin(of, chosen))
        count = np.arange(chosen.size)
        return self._rows(np.searchsorted(chosen, of[mine]), mine, per_edge[mine], first + count, np.ones(chosen.size))

    def _rows(self, row: NDArray, column: NDArray, entries: FloatArray, choice: NDArray, level: FloatArray) -> Any:
        """Rows of entries in some columns, less level times the choice of each row."""
        from scipy.sparse import coo_array, csr_array

        columns = self.model.objective.size + self.anchors.size + self.segments.size
        place = np.concatenate((row, np.arange(choice.size))), np.concatenate((column, choice))
        return csr_array(coo_array((np.append(entries, -level), place), (choice.size, columns)))

    def relaxed(self, seconds: float) -> Prices | None:
        """Prices of the linear program in which anchors and segments may stay in part."""
        method = "simplex" if self.stay.problem.platform.edge_count <= SIMPLEX else "ipm"
        found = highs(replace(self.arrays, whole=None), {"time_limit": seconds, "solver": method})
        if found.z is None or not found.optimal:
            return None
        rows = self.model.lower.size
        rents = np.maximum(self.model.rents(found.dual[:rows]), 0.0)
        quality = np.zeros(rents.size)
        if self.segments.size:
            last = found.dual[-self.segments.size :] * self.model.currency
            asked = self.stay.quality_least[self.segments] * self.stay.problem.platform.supply[self.segments]
            quality[self.segments] = np.maximum(-last / asked, 0.0)
            served = found.dual[-2 * self.segments.size : -self.segments.size]
            rents[self.segments] += (
                np.maximum(served, 0.0) * self.model.currency / self.stay.problem.platform.supply[self.segments]
            )
        return Prices(self.model.multipliers(found.dual[:rows]), rents, quality)

    def solved(self, start: Kept | None, relative_gap: float, seconds: float) -> tuple[Kept | None, float]:
        """Who stays at the best found, and the bound that branch and bound claims, in currency."""
        arrays, given = self.arrays, None
        if start is not None:
            given = np.full(arrays.objective.size, np.nan)
            given[self.model.objective.size :] = np.concatenate(
                (start.anchors[self.anchors], start.segments[self.segments])
            )
        found = highs(arrays, {"time_limit": seconds, "mip_rel_gap": relative_gap}, given)
        claim = found.bound * self.model.currency
        if found.z is None:
            return None, claim
        choice = found.z[self.model.objective.size :] > 0.5
        kept = Kept(self.stay.least == 0, self.stay.quality_least * self.stay.problem.platform.supply == 0)
        kept.anchors[self.anchors] = choice[: self.anchors.size]
        kept.segments[self.segments] = choice[self.anchors.size :]
        return kept, claim
