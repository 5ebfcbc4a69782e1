"""The choice of boosts as a linear program with switches that are on or off.

Every edge has one more flow per boost that its anchor may have; a switch per anchor and boost opens these. The columns
of a boosted flow are those that the same edge has on the platform on which everybody has the boost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.discrete.boost_bound import Prices, Stage
from allocator.discrete.boost_limits import Limits
from allocator.highs import Arrays
from allocator.linear_model import LinearModel, linear_model, not_linear

FloatArray = NDArray[np.float64]


def not_exact(stages: Sequence[Stage]) -> str | None:
    """Why the choice cannot be written as such a program, or None."""
    for stage in stages:
        reason = not_linear(stage.problem)
        if reason is not None:
            return reason
        pairs = zip(stage.problem.terms, stage.highest.terms, strict=True)
        if any(term.box is None and term.record() != raised.record() for term, raised in pairs):
            return "a soft bound grows with a boost"
    return None


class Rows(NamedTuple):
    """lower <= matrix @ z <= upper."""

    matrix: Any
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class Part:
    """One phase: flows as in ``model``, then boosted flows (their ``boost`` and ``edge``), then switches (pairs)."""

    model: LinearModel
    boost: NDArray[np.int64]
    edge: NDArray[np.int64]
    switch: NDArray[np.int64]
    rows: Rows
    moved: NDArray[np.int64]
    """Rows of the model whose bounds stand behind its rows, as they grow with a boost."""
    objective: FloatArray
    sales: FloatArray
    """Of each boosted flow, currency per unit of its variable."""

    @property
    def size(self) -> int:
        return self.objective.size


@dataclass(frozen=True, eq=False)
class Program:
    """The program of all phases; ``currency`` is the unit of its objective, ``money`` that of its last row, if any."""

    arrays: Arrays
    parts: tuple[Part, ...]
    currency: float
    money: float

    def switched_on(self, z: FloatArray, limits: Limits) -> FloatArray:
        """Which switches are on, as scores (P, M, A) of 1 and 0."""
        on, end = np.zeros(limits.open.shape), 0
        for p, part in enumerate(self.parts):
            end += part.size
            m, j = part.switch[z[end - len(part.switch) : end] > 0.5].T
            on[p, m, j] = 1.0
        return on

    def prices(self, dual: FloatArray, stages: Sequence[Stage]) -> tuple[list[Prices], float]:
        """Multipliers and rents of every phase and the price of money, from the duals of the relaxation."""
        found, start = [], 0
        for part, stage in zip(self.parts, stages, strict=True):
            count = part.model.lower.size
            own = dual[start : start + count].copy()
            np.add.at(own, part.moved, dual[start + count : start + count + part.moved.size])
            own *= self.currency / (stage.periods * part.model.currency)
            found.append(Prices(part.model.multipliers(own), np.maximum(part.model.rents(own), 0.0)))
            start += part.rows.lower.size
        return found, max(0.0, float(dual[-1])) * self.currency / self.money if self.money else 0.0


def program(stages: Sequence[Stage], limits: Limits) -> Program:
    """Assemble the program of all phases."""
    from scipy.sparse import block_diag, csr_array, vstack

    parts = tuple(_part(stage, limits, p) for p, stage in enumerate(stages))
    objective = np.concatenate([part.objective for part in parts])
    currency = float(np.abs(objective).max(initial=0.0)) or 1.0
    matrix = block_diag([part.rows.matrix for part in parts], format="csr")
    lower = np.concatenate([part.rows.lower for part in parts])
    upper = np.concatenate([part.rows.upper for part in parts])
    money = 0.0
    if limits.budget < np.inf:
        money = limits.budget or limits.money_unit
        row = np.concatenate([_costs(*mine) for mine in zip(parts, stages, limits.cost, strict=True)])
        matrix = vstack((matrix, csr_array(row[None, :] / money)), format="csr")
        lower, upper = np.append(lower, -np.inf), np.append(upper, limits.budget / money)
    lowest = np.concatenate([_lowest(part) for part in parts])
    switches = np.concatenate([np.arange(part.size) >= part.size - len(part.switch) for part in parts])
    highest = np.concatenate([_highest(part) for part in parts])
    arrays = Arrays(objective / currency, matrix, lower, upper, lowest, highest, switches)
    return Program(arrays, parts, currency, money)


def _lowest(part: Part) -> FloatArray:
    lowest = part.model.arrays.lowest
    return np.append(lowest, np.zeros(part.size - lowest.size))


def _highest(part: Part) -> FloatArray:
    """No flow is more than its segment has: HiGHS 1.14 called answers optimal that were not where it was not told."""
    platform = part.model.problem.platform
    most = platform.supply[platform.segment] / part.model.impressions
    return np.concatenate((most, np.full(part.model.free, np.inf), most[part.edge], np.ones(len(part.switch))))


def _costs(part: Part, stage: Stage, cost: FloatArray) -> FloatArray:
    """What each variable of a phase costs: parts of boosted sales, and switches."""
    sales = stage.periods * stage.menu.share[part.boost] * part.sales
    return np.concatenate((np.zeros(part.model.objective.size), sales, cost[tuple(part.switch.T)]))


def _part(stage: Stage, limits: Limits, p: int) -> Part:
    from scipy.sparse import csr_array, hstack

    platform = stage.problem.platform
    model, highest = linear_model(stage.problem), linear_model(stage.highest)
    boosted = [linear_model(problem) for problem in stage.everybody]
    edges = [np.flatnonzero(mask[platform.anchor] & (platform.supply[platform.segment] > 0)) for mask in limits.open[p]]
    switch = np.argwhere(limits.open[p])
    E = platform.edge_count
    columns = [model.matrix]
    columns += [_rescaled(other, model)[:, mine] for other, mine in zip(boosted, edges, strict=True)]
    own = csr_array(hstack([*columns, csr_array((model.lower.size, len(switch)))], format="csr"))
    boost = np.repeat(np.arange(len(edges)), [mine.size for mine in edges])
    edge = np.concatenate([np.zeros(0, dtype=np.int64), *edges])
    mine, grown, moved = _levels(stage, (model, highest, boosted), own, switch)
    value = stage.values[1 + boost, edge]
    weight = stage.periods * stage.problem.gmv_weight * model.impressions
    auxiliary = stage.periods * model.objective[E:] * model.currency
    worth = (weight * stage.values[0], auxiliary, weight * value, np.zeros(len(switch)))
    linked = [_switched(stage, model, (boost, edge, switch)), _slots(limits, p, switch, own.shape[1])]
    rows = _stacked([mine, grown, *linked], own.shape[1])
    return Part(model, boost, edge, switch, rows, moved, np.concatenate(worth), value * model.impressions)


def _rescaled(model: LinearModel, like: LinearModel) -> Any:
    """The matrix of a model in the units that another one has for the same rows."""
    from scipy.sparse import csr_array

    return csr_array(model.matrix * (model.row_unit / like.row_unit)[:, None])


def _levels(stage: Stage, models: tuple, own: Any, switch: NDArray[np.int64]) -> tuple[Rows, Rows, NDArray[np.int64]]:
    """A model's own rows; further ones for bounds on anchors that grow with a boost; and whose bounds these are."""
    model, highest, boosted = models
    # What bounds several anchors says the same on every platform, but its rows may hold what no flow can exceed.
    units, further, moved = highest.row_unit / model.row_unit, [], []
    bounds = {"lower": highest.lower * units, "upper": highest.upper * units}
    start = stage.problem.platform.segment_count
    for bounded in [box.bounded for box in stage.problem.boxes.values()]:
        rows = np.arange(start, start + bounded.size)
        start += bounded.size
        for side, level in bounds.items():
            none, *each = [(getattr(m, side) * m.row_unit / model.row_unit)[rows] for m in (model, *boosted)]
            felt = np.isfinite(none)
            steps = [np.where(felt, one, 0.0) - np.where(felt, none, 0.0) for one in each]
            step = np.array(steps).reshape(-1, rows.size)
            grown = np.flatnonzero((step != 0).any(axis=0))
            level[rows] = none
            level[rows[grown]] = np.inf if side == "upper" else -np.inf
            matrix = _grown(own, (rows[grown], bounded[grown]), step[:, grown], switch)
            bound, unlimited = none[grown], np.full(grown.size, np.inf)
            further.append(Rows(matrix, *((-unlimited, bound) if side == "upper" else (bound, unlimited))))
            moved.append(rows[grown])
    return Rows(own, **bounds), _stacked(further, own.shape[1]), np.concatenate([np.zeros(0, dtype=np.int64), *moved])


def _stacked(parts: Sequence[Rows], columns: int) -> Rows:
    """Rows one behind the other."""
    from scipy.sparse import csr_array, vstack

    none = Rows(csr_array((0, columns)), np.zeros(0), np.zeros(0))
    parts = [none, *parts]
    matrix = vstack([rows.matrix for rows in parts], format="csr")
    return Rows(matrix, np.concatenate([r.lower for r in parts]), np.concatenate([r.upper for r in parts]))


def _grown(own: Any, rows: tuple[Any, Any], step: FloatArray, switch: NDArray[np.int64]) -> Any:
    """Rows of a model less, for every switch of their anchors, by how much the bound grows with it."""
    from scipy.sparse import csr_array

    row, anchors = rows
    position = np.full(int(max(anchors.max(initial=0), switch[:, 1].max(initial=0))) + 1, -1)
    position[anchors] = np.arange(anchors.size)
    k = position[switch[:, 1]]
    mine = np.flatnonzero(k >= 0)
    first = own.shape[1] - len(switch)
    entries = -step[switch[mine, 0], k[mine]]
    return own[row] + csr_array((entries, (k[mine], first + mine)), shape=(row.size, own.shape[1]))


def _switched(stage: Stage, model: LinearModel, flows: tuple) -> Rows:
    """Boosted flow only where its switch is on; plain flow only where none is, if it could be preferred."""
    from scipy.sparse import csr_array, vstack

    boost, edge, switch = flows
    platform, count = stage.problem.platform, len(switch)
    flow, total = np.arange(edge.size), model.objective.size + edge.size + count
    number = np.zeros(stage.menu.open.shape, dtype=np.int64)
    number[tuple(switch.T)] = np.arange(count)
    most = platform.supply[platform.segment] / model.impressions
    column = np.concatenate((model.objective.size + flow, total - count + number[boost, platform.anchor[edge]]))
    entries = np.concatenate((np.ones(edge.size), -most[edge]))
    shut = csr_array((entries, (np.tile(flow, 2), column)), shape=(edge.size, total))
    if not _plain_may_win(stage):
        return Rows(shut, np.full(edge.size, -np.inf), np.zeros(edge.size))
    kept, row = np.unique(edge, return_inverse=True)
    column = np.concatenate((kept, column[edge.size :]))
    entries = np.concatenate((np.ones(kept.size), most[edge]))
    plain = csr_array((entries, (np.concatenate((np.arange(kept.size), row)), column)), shape=(kept.size, total))
    upper = np.concatenate((np.zeros(edge.size), most[kept]))
    return Rows(vstack((shut, plain), format="csr"), np.full(upper.size, -np.inf), upper)


def _plain_may_win(stage: Stage) -> bool:
    """Whether selling less can be better: where sales cost, or where a rule speaks of them."""
    problem = stage.problem
    return bool(stage.menu.share.any()) or any(term.of == "gmv" for term in problem.welfare + problem.constraints)


def _slots(limits: Limits, p: int, switch: NDArray[np.int64], total: int) -> Rows:
    """One boost per anchor, and slots of the phase and of each boost."""
    from scipy.sparse import csr_array

    M, A = limits.open.shape[1:]
    count = len(switch)
    column, one = total - count + np.arange(count), np.ones(count)
    row = np.concatenate((switch[:, 1], np.full(count, A), A + 1 + switch[:, 0]))
    matrix = csr_array((np.tile(one, 3), (row, np.tile(column, 3))), shape=(A + 1 + M, total))
    upper = np.concatenate((np.ones(A), [limits.phase[p]], limits.boost[p]))
    return Rows(matrix, np.full(upper.size, -np.inf), upper)
