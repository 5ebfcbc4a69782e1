"""By how little must rules be broken that cannot all hold? Linear programs in which every rule may give, at a price."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import upper_bound
from allocator.graph import Platform
from allocator.highs import Arrays, highs
from allocator.linear_model import LinearModel, linear_model
from allocator.problem import Multipliers, Problem
from allocator.rules import Constraint, Objective, SegmentCap, SegmentFloor, Totals

FloatArray = NDArray[np.float64]
ROUNDS = 25
"""Programs at most, each with tangents of curved rules at the flows so far."""
CLOSE = 1e-6
"""Between what a flow breaks rules by and the least that a program allows, relative to the levels: near enough."""
SIMPLEX = 20_000
"""Edges up to which simplex is faster than the interior point."""
FALL = 16.0
"""By how much a tangent may lie below all before it, as in `allocator.solvers.tangents`."""


@dataclass(frozen=True, eq=False)
class Strain:
    """How little rules must give.

    Attributes
    ----------
    totals : Totals
        Of a flow that breaks the rules as little as was found.
    multipliers : sequence
        One entry per hard rule; they refute the rules where ``proved`` is above zero.
    cost : float
        Sum over the rules of what the flow breaks them by, relative to the sum of their levels.
    proved : float
        No flow breaks them by less: weak duality of the problem in which breaking has that price.
    """

    totals: Totals
    multipliers: Multipliers
    cost: float
    proved: float

    def or_better(self, other: Strain) -> Strain:
        """The flow that costs less and the multipliers that prove more."""
        flow, proof = min(self, other, key=lambda s: s.cost), max(self, other, key=lambda s: s.proved)
        return replace(flow, multipliers=proof.multipliers, proved=proof.proved)


class _Found(NamedTuple):
    """What a program gives, and the ``least`` that any of its flows costs: those of the rules themselves cost more."""

    strain: Strain
    least: float


def everything(platform: Platform) -> Totals:
    """Amounts of which shares are measured: of every good all that there can be, spread evenly."""
    even = Totals.even(platform)
    goods = ("exposure", "gmv", *platform.measures)
    sums = {good: float(even.of(good).sum()) or 1.0 for good in goods}
    return Totals.given(platform, {good: even.of(good) * (platform.total_of(good) / sums[good]) for good in goods})


@dataclass(frozen=True, eq=False)
class Elastic:
    """The hard rules of a problem, which may give at a price: breaking one altogether costs 1, so a unit costs one over
    the sum of its levels.

    Attributes
    ----------
    problem : Problem
    measured : Totals
        What shares are shares of.
    stiff : tuple of types
        Rules that do not give. Caps on edges would take a row per edge.
    """

    problem: Problem
    measured: Totals
    stiff: tuple[type, ...] = (SegmentCap,)

    @classmethod
    def of(cls, problem: Problem, **options: Any) -> Elastic:
        """Shares are those of all that there can be."""
        return cls(problem, everything(problem.platform), **options)

    def strain(self, *, evenly: bool = False, seconds: float = np.inf) -> Strain | None:
        """Break the rules as little as possible; None if a rule has no tangents or HiGHS no answer.

        With ``evenly`` all levels of a rule give by the same part of themselves, and not each as it suits best.
        ``seconds`` is the time after which there is no further program.
        """
        rules = self.problem.without_objective.constraints
        size = {id(t): float(t.extent(self.measured).sum()) for t in rules}
        stiff = [t for t in rules if isinstance(t, self.stiff)]
        giving = [t for t in rules if size[id(t)] > 0 and not isinstance(t, self.stiff)]
        softened = (replace(t, soft=1.0 / size[id(t)]) for t in giving)
        soft = replace(self.problem, objective=Objective(()), rules=(*softened, *stiff))
        best, near, started = None, [self.measured], time.perf_counter()
        for _ in range(ROUNDS):
            found = _program(soft, near, self.measured, evenly=evenly, seconds=seconds)
            if found is None:
                break
            best = found.strain if best is None else best.or_better(found.strain)
            late = time.perf_counter() - started > seconds
            if late or best.cost - found.least <= CLOSE or not any(t.curved for t in soft.in_rows):
                break
            near = [*near, _inside(found.strain.totals, near)]
        if best is None:
            return None
        mine = dict(zip(map(id, (*giving, *stiff)), best.multipliers, strict=True))
        return replace(best, multipliers=[mine.get(id(t), t.idle()) for t in rules])


def _program(soft: Problem, near: Sequence[Totals], measured: Totals, *, evenly: bool, seconds: float) -> _Found | None:
    platform, capped = soft.platform, [t for t in soft.constraints if isinstance(t, SegmentCap) and t.soft is None]
    free = replace(soft, rules=tuple(t for t in soft.constraints if t not in capped))
    if any(t.tangents(near) is None for t in free.in_rows):
        return None
    model = linear_model(free, near)
    alike = _alike(model, measured, evenly=evenly)
    highest = np.full(alike.shape[1], np.inf)
    for term in capped:
        highest[: model.edges.size] = np.minimum(highest[: model.edges.size], term.limit / model.impressions)
    method = "simplex" if platform.edge_count <= SIMPLEX else "ipm"
    found = highs(_merged(model, alike, highest), {"solver": method, "time_limit": float(seconds)})
    if found.z is None or not found.optimal:
        return None
    z, told = alike @ found.z, iter(model.multipliers(found.dual))
    multipliers = [t.idle() if t in capped else next(told) for t in soft.constraints]
    totals = Totals(platform, np.maximum(model.flow(z), 0.0))
    bound, rounding = upper_bound(soft, multipliers)
    least, costs = -float(model.objective @ z) * model.currency, _costs(model, z)
    missed = sum(-float(t.value(totals).sum()) - costs.get(id(t), 0.0) for t in free.in_rows if t.curved)
    return _Found(Strain(totals, multipliers, least + max(0.0, missed), max(0.0, -(bound + rounding))), least)


def _slacks(model: LinearModel) -> Iterator[tuple[Constraint, slice]]:
    """Every soft rule and the columns of its slacks."""
    end = model.edges.size
    for term in model.problem.in_rows:
        rows = model.rows[id(term)]
        end += 0 if rows.auxiliary is None else rows.auxiliary.shape[1]
        if term.soft is not None:
            yield term, slice(end - int((rows.cost < 0).sum()), end)


def _costs(model: LinearModel, z: FloatArray) -> dict[int, float]:
    """What a program says that breaking each rule costs, by id."""
    return {id(t): -float(model.objective[own] @ z[own]) * model.currency for t, own in _slacks(model)}


def _alike(model: LinearModel, measured: Totals, *, evenly: bool) -> Any:
    """The matrix (columns of the model, variables of the program) that gives the slacks of a rule one variable: the
    part of themselves by which all its levels give way.

    Rules of segments have one level for all of them, so they always give evenly.
    """
    from scipy.sparse import csc_array

    columns, entries = np.arange(model.objective.size), np.ones(model.objective.size)
    for term, own in _slacks(model):
        if evenly or isinstance(term, SegmentCap | SegmentFloor):
            # The price of a slack says how large its variable is: price x unit = objective of the model.
            unit = -model.objective[own] * model.currency / term.price_limit
            entries[own] = term.extent(measured) / unit
            columns[own] = own.start
    kept, position = np.unique(columns, return_inverse=True)
    return csc_array((entries, (np.arange(columns.size), position)), shape=(columns.size, kept.size))


def _merged(model: LinearModel, alike: Any, highest: FloatArray) -> Arrays:
    arrays = model.arrays
    lowest = np.where(np.arange(alike.shape[1]) < model.edges.size, 0.0, -np.inf)
    objective, matrix = alike.T @ arrays.objective, arrays.matrix @ alike
    return replace(arrays, objective=objective, matrix=matrix, lowest=lowest, highest=highest)


def _inside(totals: Totals, near: Sequence[Totals]) -> Totals:
    """Where the next tangents touch: at the totals, but for amounts far below all before."""
    platform = totals.platform
    goods = {"exposure", "gmv", *platform.measures}
    least = {good: np.min([t.of(good) for t in near], axis=0) / FALL for good in goods}
    return Totals.given(platform, {good: np.maximum(totals.of(good), least[good]) for good in goods})
