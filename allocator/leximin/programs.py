"""The linear programs of the leximin procedure: scaled by what anchors already have, and solved by HiGHS."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.driver import UnsupportedError
from allocator.highs import Arrays, highs
from allocator.linear_model import LinearModel, linear_model, not_linear
from allocator.problem import Problem
from allocator.repair import scaled_to_supply
from allocator.rules import GMV, MaxMin

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]
TOLERANCE = 1e-10
"""The smallest that HiGHS takes; rows are scaled so that it is relative."""


@dataclass(frozen=True, eq=False)
class Model:
    """The linear model of a problem with rows g_j / m_j - level >= 0 for its n anchors with reach."""

    term: MaxMin
    linear: LinearModel

    @classmethod
    def of(cls, problem: Problem, term: MaxMin) -> Model:
        whole = replace(problem, objective=GMV() + MaxMin(of=term.of, merit=term.merit))
        reason = not_linear(whole)
        if reason is not None:
            raise UnsupportedError(f"leximin needs linear rules, but {reason.partition(';')[0]}; leave it out")
        return cls(term, linear_model(whole))

    @cached_property
    def columns(self) -> Any:
        """The matrix by columns: edges, the level, variables of other rules."""
        return self.linear.matrix.tocsc()

    @property
    def edges(self) -> int:
        return self.linear.problem.platform.edge_count

    @cached_property
    def rows(self) -> slice:
        """Rows of the anchors' levels: behind those of supply and of bounds."""
        return slice(self.linear.first_ruled, self.linear.first_ruled + self.term.active.size)

    @cached_property
    def unit(self) -> float:
        """One unit of the level in the model, in units of the good per unit of merit: its coefficient is -1 in every
        row, and that over the row's unit in the model.
        """
        first = self.rows.start
        level = self.columns[:, [self.edges]].toarray()[first]
        return -float(level[0]) * float(self.linear.row_unit[first])

    @property
    def own(self) -> FloatArray:
        """Units of the anchors' rows in the model, (n,)."""
        return self.linear.row_unit[self.rows]

    def ratio(self, flow: FloatArray) -> FloatArray:
        """g_j / m_j of the anchors with reach, (n,)."""
        amounts = self.linear.problem.platform.amounts(self.term.of, flow)
        return amounts[self.term.active] / self.term.merit[self.term.active]

    def reduced(self, dual: FloatArray, goal: FloatArray) -> FloatArray:
        """Rent less surplus of every edge, (E,)."""
        return (self.columns.T @ dual)[: self.edges] - goal[: self.edges]


@dataclass(frozen=True, eq=False)
class Program:
    """What is solved next: ``goal`` per column is maximised over the ``live`` edges (E,), while anchors that are not
    ``open`` (n,) keep their ``ratio`` (n,); ``pace`` is about the size of the level.
    """

    model: Model
    goal: FloatArray
    live: Mask
    open: Mask
    ratio: FloatArray
    pace: float

    @cached_property
    def columns(self) -> IntArray:
        count = self.model.columns.shape[1]
        return np.concatenate((np.flatnonzero(self.live), np.arange(self.model.edges, count)))

    @cached_property
    def _column_unit(self) -> FloatArray:
        """Edges in their segment's supply, the level in its pace."""
        platform, unit = self.model.linear.problem.platform, np.ones(self.model.columns.shape[1])
        unit[: self.model.edges] = platform.supply[platform.segment] / self.model.linear.impressions
        unit[self.model.edges] = self.pace / self.model.unit
        return unit[self.columns]

    @cached_property
    def _matrix(self) -> Any:
        """Columns in their units; only open anchors see the level."""
        from scipy.sparse import csc_array, diags_array

        matrix = csc_array(self.model.columns[:, self.columns] @ diags_array(self._column_unit))
        level = slice(*matrix.indptr[self.live.sum() : self.live.sum() + 2])
        matrix.data[level] *= self.open[matrix.indices[level] - self.model.rows.start]
        return matrix

    @cached_property
    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        lower, upper = self.model.linear.lower.copy(), self.model.linear.upper.copy()
        lower[self.model.rows] = np.where(self.open, 0.0, self.ratio / self.model.own)
        if not self.open.any():
            upper[self.model.rows] = lower[self.model.rows]
        return lower, upper

    @cached_property
    def _row_unit(self) -> FloatArray:
        """The bound of a row or, where it has none, its largest coefficient; for open anchors the pace."""
        lower, upper = self._bounds
        unit = np.where((upper > 0) & (upper < np.inf), upper, np.where(np.isfinite(lower), np.abs(lower), 0.0))
        own = unit[self.model.rows]
        unit[self.model.rows] = np.where(self.open | (own == 0), self.pace / self.model.own, own)
        largest = abs(self._matrix).max(axis=1).toarray().ravel()
        return np.where(unit > 0, unit, np.where(largest > 0, largest, 1.0))

    def solve(self) -> tuple[FloatArray, FloatArray]:
        """Flow (E,) in impressions, within the supply, and row duals.

        Raises
        ------
        ArithmeticError
            With what HiGHS says.
        """
        model, cost = self.model, self.goal[self.columns] * self._column_unit
        size = float(np.abs(cost).max()) or 1.0
        z, dual = self._by_highs(cost / size)
        platform, x = model.linear.problem.platform, np.zeros(model.columns.shape[1])
        x[self.columns] = z * self._column_unit
        flow = scaled_to_supply(platform, np.maximum(model.linear.flow(x), 0.0))
        return flow, dual * size / self._row_unit

    def _by_highs(self, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
        from scipy.sparse import csc_array, diags_array

        matrix = csc_array(diags_array(1.0 / self._row_unit) @ self._matrix)
        lower, upper = (bound / self._row_unit for bound in self._bounds)
        lowest = np.where(np.arange(cost.size) < self.live.sum(), 0.0, -np.inf)
        program = Arrays(cost, matrix, lower, upper, lowest, np.full(cost.size, np.inf))
        tolerances = dict.fromkeys(("primal_feasibility_tolerance", "dual_feasibility_tolerance"), TOLERANCE)
        said = ""
        # Primal simplex, which is number 4, takes a third of the time of dual simplex, number 1, on these programs.
        for strategy, presolve in ((4, "on"), (1, "on"), (1, "off")):
            options = {"simplex_strategy": strategy, "presolve": presolve}
            found = highs(program, options | tolerances)
            if found.z is not None and found.optimal:
                return found.z, found.dual
            said = found.message.lower()
        raise ArithmeticError(said)
