"""A linear problem as one sparse matrix, scaled, and the way back from its duals to multipliers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.highs import Arrays
from allocator.problem import Multipliers, Problem
from allocator.rules import Totals
from allocator.rules.rows import Rows

FloatArray = NDArray[np.float64]
MEETINGS = 4
"""From rows to variables and back: amounts, their ranks, the level of a rule of ranks, and its slack are four steps
from any impression.
"""

SMALLER = 0.8
"""Part of the entries that is left where amounts become variables, at most."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of one rule (or of the boxes on one good) over edges, over amounts of goods that are variables themselves,
    (K, A) by good, and over the rule's own auxiliary variables, in user units; ``unit`` (K,) is what an impression
    typically brings to each row, 0 for a row of auxiliary variables alone.
    """

    matrix: Any
    lower: FloatArray
    upper: FloatArray
    unit: FloatArray
    auxiliary: Any = None
    cost: FloatArray | None = None
    amounts: Mapping[str, Any] = field(default_factory=dict)

    def units(self) -> tuple[FloatArray, FloatArray]:
        """Units of the rows (K,) and of the auxiliary variables (n,), each from those it meets: a rule may speak of
        currency in one row and of impressions in the next.
        """
        if self.auxiliary is None:
            return np.where(self.unit > 0, self.unit, 1.0), np.zeros(0)
        own, columns = self.auxiliary.tocoo(), np.zeros(self.auxiliary.shape[1])
        row, column, size, rows = own.row, own.col, np.abs(own.data), self.unit.copy()
        for _ in range(MEETINGS):
            met = np.divide(rows[row], size, out=np.zeros(size.size), where=size > 0)
            known = columns > 0
            np.maximum.at(columns, column[~known[column]], met[~known[column]])
            known = rows > 0
            np.maximum.at(rows, row[~known[row]], (size * columns[column])[~known[row]])
        return np.where(rows > 0, rows, 1.0), np.where(columns > 0, columns, 1.0)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """maximise objective @ z  subject to  lower <= matrix @ z <= upper, z[:E] = flow / impressions >= 0, the rest free.

    Flow is measured in the mean supply, every block of rows in its own unit, the objective in its largest coefficient,
    because the absolute tolerances of LP engines mean nothing on data that spans nine orders of magnitude.
    """

    problem: Problem
    matrix: Any
    lower: FloatArray
    upper: FloatArray
    objective: FloatArray
    impressions: float
    row_unit: FloatArray
    currency: float
    rows: dict[int, Rows]
    edges: NDArray[np.int64]

    @property
    def free(self) -> int:
        """Number of auxiliary variables, which stand last."""
        return self.objective.size - self.edges.size

    @property
    def first_ruled(self) -> int:
        """Where the rows of rules begin: behind those of supply and of bounds on single anchors."""
        return self.problem.platform.segment_count + sum(box.bounded.size for box in self.problem.boxes.values())

    @property
    def arrays(self) -> Arrays:
        """The model as HiGHS takes it."""
        lowest = np.where(np.arange(self.objective.size) < self.edges.size, 0.0, -np.inf)
        highest = np.full(lowest.size, np.inf)
        return Arrays(self.objective, self.matrix, self.lower, self.upper, lowest, highest)

    def flow(self, z: FloatArray) -> FloatArray:
        """Flow (E,) in impressions / period."""
        flow = np.zeros(self.problem.platform.edge_count)
        flow[self.edges] = np.asarray(z)[: self.edges.size] * self.impressions
        return flow

    def tightened(self, by: Mapping[int, float]) -> LinearModel:
        """The model with the levels of some rules, the last of their rows, raised: ids of terms to how much."""
        lower, start = self.lower.copy(), self.first_ruled
        for term, rows in self.rows.items():
            start += rows.lower.size
            lower[start - 1] += by.get(term, 0.0) / self.row_unit[start - 1]
        return replace(self, lower=lower)

    def rents(self, dual: FloatArray) -> FloatArray:
        """What one more impression of each segment is worth, (S,), from row duals."""
        segments = slice(0, self.problem.platform.segment_count)
        return np.asarray(dual)[segments] * self.currency / self.row_unit[segments]

    def multipliers(self, dual: FloatArray) -> Multipliers:
        """Multipliers of every term from row duals, dual = change of the optimum per unit of the bound (scaled)."""
        dual = np.asarray(dual) * self.currency / self.row_unit
        found: dict[int, Any] = {}
        start = self.problem.platform.segment_count
        for good, box in self.problem.boxes.items():
            p = np.zeros(self.problem.platform.anchor_count)
            p[box.bounded] = -dual[start : start + box.bounded.size]
            shares = zip(box.rules, box.marginals(p), strict=True)
            found |= {id(rule): rule.fit({good: share}) for rule, share in shares}
            start += box.bounded.size
        for term in self.problem.terms:
            if id(term) in self.rows:
                rows = self.rows[id(term)]
                found[id(term)] = term.from_duals(dual[start : start + rows.lower.size], rows)
                start += rows.lower.size
        return [found.get(id(term)) for term in self.problem.terms]


def not_linear(problem: Problem) -> str | None:
    """Why a problem is not linear after an epigraph, or None."""
    for term in problem.in_rows:
        if term.rows is None:
            return f"{term.name} is not linear; conic can take it"
    return None


def linear_model(
    problem: Problem,
    near: Sequence[Totals] = (),
    edges: NDArray[np.int64] | None = None,
    *,
    lifted: bool = False,
) -> LinearModel:
    """Assemble the scaled model with array operations only; of curved rules the tangents ``near`` some totals, with
    flow on some ``edges`` alone (positions, rising) or on all.

    Where ``lifted``, amounts of anchors are variables, too, behind all others, and rows behind all others say what they
    are, if that makes the matrix much smaller: an edge then meets the amounts, and not every rule that speaks of them.
    """
    from scipy.sparse import block_array, csr_array

    platform = problem.platform
    ruled = {id(term): term.tangents(near) if near else term.rows for term in problem.in_rows}
    E = platform.edge_count
    impressions = float(platform.supply.mean()) or 1.0
    own = [*_boxed(problem), *_ruled(platform, ruled)]
    goods = _worth_lifting(platform, own) if lifted else ()
    defined = [_definition(platform, good) for good in goods]
    blocks = [_supply(platform), *(_over_edges(platform, block, goods) for block in own), *defined]
    units = [block.units() for block in blocks]
    objective = problem.gmv_weight * platform.value.astype(np.float64) * impressions
    pairs = zip(blocks, units, strict=True)
    costs = [(0.0 if block.cost is None else block.cost) * own * impressions for block, (_, own) in pairs]
    objective = np.concatenate((objective, *costs))
    currency = float(np.abs(objective).max()) or 1.0
    matrix = csr_array(block_array(_grid(blocks, units, dict(zip(goods, defined, strict=True))), format="csr"))
    if edges is None:
        edges = np.arange(E)
    else:
        columns = np.append(edges, np.arange(E, objective.size))
        matrix, objective = matrix[:, columns], objective[columns]
    unit = np.concatenate([rows * impressions for rows, _ in units])
    return LinearModel(
        problem,
        matrix,
        np.concatenate([b.lower for b in blocks]) / unit,
        np.concatenate([b.upper for b in blocks]) / unit,
        objective / currency,
        impressions,
        unit,
        currency,
        ruled,
        edges,
    )


def _grid(
    blocks: list[Block], units: list[tuple[FloatArray, FloatArray]], defined: dict[str, Block]
) -> list[list[Any]]:
    """Blocks of the matrix, everything in its unit: a block sees its own variables and amounts beside the edges."""
    from scipy.sparse import csr_array

    grid, scales = [], {id(block): own for block, (_, own) in zip(blocks, units, strict=True)}
    for block, (rows, _) in zip(blocks, units, strict=True):
        seen = {id(defined[good]): matrix for good, matrix in block.amounts.items()} | {id(block): block.auxiliary}
        line = [csr_array(block.matrix * (1.0 / rows)[:, None])]
        for other in blocks:
            if other.auxiliary is None:
                continue
            part = seen.get(id(other))
            empty = csr_array((block.lower.size, other.auxiliary.shape[1]))
            scaled = empty if part is None else part * (1.0 / rows)[:, None] * scales[id(other)][None, :]
            line.append(csr_array(scaled))
        grid.append(line)
    return grid


def _supply(platform: Platform) -> Block:
    from scipy.sparse import csr_array

    S, E = platform.segment_count, platform.edge_count
    matrix = csr_array((np.ones(E), np.arange(E), platform.indptr), shape=(S, E))
    return Block(matrix, np.full(S, -np.inf), platform.supply, np.ones(S))


def _definition(platform: Platform, good: str) -> Block:
    """Rows that say what the amounts of a good are, which are its auxiliary variables."""
    from scipy.sparse import csr_array, eye_array

    A = platform.anchor_count
    unit = np.full(A, _unit(platform, good))
    return Block(_into_anchors(platform, good), np.zeros(A), np.zeros(A), unit, csr_array(-eye_array(A)))


def _worth_lifting(platform: Platform, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Goods whose rows have much fewer entries if amounts are variables."""
    entries: dict[str, tuple[int, int]] = {}
    for block in blocks:
        for good, matrix in block.amounts.items():
            seen, spread = entries.get(good, (0, 0))
            entries[good] = seen + matrix.nnz, spread + int((matrix != 0).sum(axis=0) @ platform.anchor_degree)
    E, A = platform.edge_count, platform.anchor_count
    return tuple(good for good, (seen, spread) in entries.items() if E + A + seen < SMALLER * spread)


def _over_edges(platform: Platform, block: Block, goods: Sequence[str]) -> Block:
    """A block with the amounts of ``goods`` as variables and of all other goods as what edges bring to them."""
    matrix = block.matrix
    for good, coefficients in block.amounts.items():
        if good not in goods:
            matrix = matrix + coefficients @ _into_anchors(platform, good)
    return replace(block, matrix=matrix, amounts={g: c for g, c in block.amounts.items() if g in goods})


def _boxed(problem: Problem) -> Iterator[Block]:
    from scipy.sparse import csr_array

    platform = problem.platform
    for good, box in problem.boxes.items():
        lower, bounded, count = np.where(box.lower > 0, box.lower, -np.inf), box.bounded, box.bounded.size
        mine = csr_array((np.ones(count), (np.arange(count), bounded)), shape=(count, platform.anchor_count))
        unit, none = np.full(count, _unit(platform, good)), csr_array((count, platform.edge_count))
        yield Block(none, lower[bounded], box.upper[bounded], unit, amounts={good: mine})


def _ruled(platform: Platform, ruled: dict[int, Rows]) -> Iterator[Block]:
    from scipy.sparse import csr_array

    for rows in ruled.values():
        none = csr_array((rows.lower.size, platform.edge_count))
        matrix = csr_array(rows.coefficients.get("edges", none))
        amounts = {good: csr_array(entries) for good, entries in rows.coefficients.items() if good != "edges"}
        yield Block(matrix, rows.lower, rows.upper, _row_units(platform, rows), rows.auxiliary, rows.cost, amounts)


def _into_anchors(platform: Platform, good: str) -> Any:
    """The matrix that turns a flow (E,) into amounts of a good per anchor, (A, E)."""
    from scipy.sparse import csc_array

    entries = platform.per_impression(good)
    E = entries.size
    return csc_array((entries, platform.anchor, np.arange(E + 1)), shape=(platform.anchor_count, E)).tocsr()


def _row_units(platform: Platform, rows: Rows) -> FloatArray:
    """What an impression typically brings to each row (K,): its largest coefficient, good by good."""
    units = np.zeros(rows.lower.size)
    for good, coefficients in rows.coefficients.items():
        largest = abs(coefficients).max(axis=1).toarray().ravel() if coefficients.nnz else 0.0
        units = np.maximum(units, _unit(platform, good) * largest)
    return units


def _unit(platform: Platform, good: str) -> float:
    """A typical amount of a good per impression: the median over edges that bring any."""
    measure = None if good == "edges" else platform.measure(good)
    if measure is None:
        return 1.0
    positive = measure[measure > 0]
    return float(np.median(positive)) if positive.size else 1.0
