"""By how little must rules be broken that cannot all hold? Linear programs in which every rule may give, at a price."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import upper_bound
from allocator.graph import Platform
from allocator.highs import Arrays, highs
from allocator.linear_model import LinearModel, linear_model
from allocator.problem import Multipliers, Problem
from allocator.rules import Constraint, Objective, SegmentCap, SegmentFloor, Totals
from allocator.rules.at_least import AtLeast
from allocator.rules.tangents import held

FloatArray = NDArray[np.float64]
ROUNDS = 25
"""Programs at most, each with tangents of curved rules at the flows so far."""
CLOSE = 1e-6
"""Between what a flow breaks rules by and the least that a program allows, relative to the levels: near enough."""
SIMPLEX = 20_000
"""Edges up to which simplex is faster than the interior point."""


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

    totals: Totals
    multipliers: Multipliers
    cost: float
    least: float


def everything(platform: Platform) -> Totals:
    """Amounts of which shares are measured: of every good all that there can be, spread evenly."""
    even = Totals.even(platform)
    return even.times({good: platform.total_of(good) / (float(even.of(good).sum()) or 1.0) for good in platform.goods})


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
    def of(cls, problem: Problem) -> Elastic:
        """Shares are those of all that there can be."""
        return cls(problem, everything(problem.platform))

    def strain(self, *, evenly: bool = False, seconds: float = np.inf) -> Strain | None:
        """Break the rules as little as possible; None if a rule has no tangents or HiGHS no answer.

        With ``evenly`` all levels of a rule give by the same part of themselves, and not each as it suits best.
        ``seconds`` is the time for all programs together.
        """
        rules = self.problem.without_objective.constraints
        kept = [k for k, t in enumerate(rules) if isinstance(t, self.stiff) or self._extents[k].any()]
        prices = {k: None if isinstance(rules[k], self.stiff) else self._price(k, evenly) for k in kept}
        softened = tuple(replace(rules[k], soft=price) for k, price in prices.items())
        soft = replace(self.problem, objective=Objective(()), rules=softened)
        best, near, deadline = None, [self.measured], time.perf_counter() + seconds
        for _ in range(ROUNDS):
            left = deadline - time.perf_counter()
            found = _program(soft, near, self.measured, evenly=evenly, seconds=left) if left > 0 else None
            if found is None:
                break
            told = dict(zip(kept, found.multipliers, strict=True))
            multipliers = [told.get(k, t.idle()) for k, t in enumerate(rules)]
            strain = Strain(found.totals, multipliers, found.cost, self._proved(multipliers, evenly))
            best = strain if best is None else best.or_better(strain)
            if best.cost - found.least <= CLOSE or not any(t.curved for t in soft.in_rows):
                break
            near = [*near, held(found.totals, near, self.problem.platform.goods)]
        return best

    @cached_property
    def _extents(self) -> list[FloatArray]:
        """Levels of every hard rule in the unit of its excess."""
        return [t.extent(self.measured) for t in self.problem.without_objective.constraints]

    def _price(self, k: int, evenly: bool) -> float:
        """What limits the multipliers of a rule: one over the sum of its levels, or over the smallest where they give
        together, as then it is the sum of multipliers times levels that is at most 1.
        """
        extent = self._extents[k]
        rule = self.problem.without_objective.constraints[k]
        return 1.0 / float(extent[extent > 0].min() if _together(rule, evenly) else extent.sum())

    def _proved(self, multipliers: Multipliers, evenly: bool) -> float:
        """What no flow costs less than: minus the bound of the rules without an objective, by weak duality, over the
        largest part of its price that a rule asks, if that is above 1.
        """
        bare = self.problem.without_objective
        bound, rounding = upper_bound(bare, multipliers)
        asked, surplus = 1.0, bare.surplus(multipliers)
        for term, mine, extent in zip(bare.constraints, multipliers, self._extents, strict=True):
            if isinstance(term, self.stiff):
                continue
            if isinstance(term, SegmentCap):
                asked = max(asked, surplus.price_of_share(term.share, np.inf) * term.share)
                continue
            size = np.abs(mine[:1] if isinstance(term, AtLeast) else mine)
            part = float(size @ extent) if _together(term, evenly) else float(size.max(initial=0.0) * extent.sum())
            asked = max(asked, part)
        return max(0.0, -(bound + rounding)) / asked


def _together(term: Constraint, evenly: bool) -> bool:
    """Whether the levels of a rule give by the same part of themselves: rules of segments have one level for all."""
    return evenly or isinstance(term, SegmentCap | SegmentFloor)


def _program(soft: Problem, near: Sequence[Totals], measured: Totals, *, evenly: bool, seconds: float) -> _Found | None:
    platform, capped = soft.platform, [t for t in soft.constraints if isinstance(t, SegmentCap) and t.soft is None]
    free = replace(soft, rules=tuple(t for t in soft.constraints if t not in capped))
    if any(t.tangents(near) is None for t in free.in_rows):
        return None
    model = linear_model(free, near, lifted=True)
    arrays, alike = _merged(model, measured, evenly=evenly)
    highest = arrays.highest.copy()
    for term in capped:
        highest[: model.edges.size] = np.minimum(highest[: model.edges.size], term.limit / model.impressions)
    method = "simplex" if platform.edge_count <= SIMPLEX else "ipm"
    found = highs(replace(arrays, highest=highest), {"solver": method, "time_limit": float(seconds)})
    if found.z is None or not found.optimal:
        return None
    z, told = alike @ found.z, iter(model.multipliers(found.dual))
    multipliers = [t.idle() if t in capped else next(told) for t in soft.constraints]
    totals = Totals(platform, np.maximum(model.flow(z), 0.0))
    least, costs = -float(arrays.objective @ found.z) * model.currency, _costs(model, z)
    missed = sum(-float(t.value(totals).sum()) - costs.get(id(t), 0.0) for t in free.in_rows if t.curved)
    return _Found(totals, multipliers, least + max(0.0, missed), least)


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


def _merged(model: LinearModel, measured: Totals, *, evenly: bool) -> tuple[Arrays, Any]:
    """The program in which the slacks of a rule whose levels give together are one variable, the part of themselves by
    which they do, at the price of 1; and the matrix that makes the columns of the model of its variables.
    """
    from scipy.sparse import csc_array

    columns, entries, together = np.arange(model.objective.size), np.ones(model.objective.size), []
    for term, own in _slacks(model):
        if _together(term, evenly):
            # The price of a slack says how large its variable is: price x unit = objective of the model.
            unit = -model.objective[own] * model.currency / term.price_limit
            entries[own] = term.extent(measured) / unit
            columns[own] = own.start
            together.append(own.start)
    kept, position = np.unique(columns, return_inverse=True)
    alike = csc_array((entries, (np.arange(columns.size), position)), shape=(columns.size, kept.size))
    arrays = model.arrays
    objective = alike.T @ arrays.objective
    objective[position[together]] = -1.0 / model.currency
    lowest = np.where(np.arange(kept.size) < model.edges.size, 0.0, -np.inf)
    matrix, highest = arrays.matrix @ alike, np.full(kept.size, np.inf)
    return replace(arrays, objective=objective, matrix=matrix, lowest=lowest, highest=highest), alike
