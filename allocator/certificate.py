"""The judge: objective, bound and violations, from the problem and the answer alone.

For every choice of multipliers and every feasible flow x,

    objective(x)  <=  sum_i b_i max(0, max_e s_e)  +  sum_k conjugate_k(multipliers_k),

because each term is at most its conjugate plus its marginals times the amounts, and what the marginals then collect
on the edges of a segment is at most its supply times its best surplus (weak duality). A wrong price gives a loose
bound, never a false one; nothing a solver says has to be believed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.oracle import best_use
from allocator.problem import Multipliers, Problem, Surplus
from allocator.rules import Constraint, SegmentCap, Totals, Violation
from allocator.wording import quantity

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-9
"""Largest relative violation of a feasible flow."""


class CertificateError(ArithmeticError):
    """An objective above its own upper bound: the mathematics or the machine is wrong, and nothing may be reported."""


@dataclass(frozen=True)
class Certificate:
    """What is proved about a flow.

    Attributes
    ----------
    objective, bound : float
        Of the flow, and the upper bound on every feasible flow; currency / period.
    rounding : float
        Allowance for floating-point error in both, currency / period.
    scale : float
        First-order size of the objective's terms, which makes the gap relative.
    resolution : float
        Rounding error of the problem's own size at the even flow, currency / period: what counts as nothing where
        scale is zero.
    violations : dict
        Worst violation per constraint, and of the supply.
    """

    objective: float
    bound: float
    rounding: float
    scale: float
    resolution: float
    violations: dict[str, Violation]

    @property
    def gap(self) -> float:
        """Proved distance to the optimum, bound + rounding - objective, currency / period.

        It can fall below zero by what a violation within the tolerance is worth.
        """
        if not (math.isfinite(self.objective) and math.isfinite(self.bound)):
            return math.inf
        return self.bound + self.rounding - self.objective

    @property
    def relative_gap(self) -> float:
        """Gap / scale; at scale zero it is 0 if the gap is nothing at the size of the problem, and infinity
        otherwise.
        """
        if not (math.isfinite(self.gap) and math.isfinite(self.scale)):
            return math.inf
        if self.scale > 0:
            return self.gap / self.scale
        return 0.0 if self.gap <= self.resolution else math.inf

    def claimed_gap(self, claim: float) -> float:
        """Gap / scale if a claim were the bound: what a solver says, which nothing here has proved."""
        gap = max(claim - self.objective, 0.0)
        return gap / self.scale if self.scale > 0 else (0.0 if gap == 0 else math.inf)

    @property
    def feasible(self) -> bool:
        """Every relative violation is at most 1e-9."""
        return all(v.relative <= TOLERANCE for v in self.violations.values())

    @property
    def worst(self) -> tuple[str, Violation]:
        """The rule with the largest relative violation."""
        return max(self.violations.items(), key=lambda item: item[1].relative)

    def __str__(self) -> str:
        return (
            f"objective {quantity(self.objective)}, at most {max(self.gap, 0.0):,.3g} below the optimum "
            f"(relative gap {max(self.relative_gap, 0.0):.2g})"
        )


def certify(
    problem: Problem,
    flow: FloatArray | Totals,
    multipliers: Multipliers | None = None,
    *,
    edges: NDArray[np.bool_] | None = None,
) -> Certificate:
    """Judge a flow (E,), or its totals where they are known, with one multiplier per term (supergradients and idle
    constraints where there are none).

    With ``edges`` (E,) the bound is one on flows along these edges alone, which must be those that the flow uses.

    Raises
    ------
    ValueError
        If the flow or a multiplier has the wrong shape or is not finite.
    CertificateError
        If the objective exceeds the bound by more than rounding and the credit that weak duality gives to violations.
    """
    totals = flow if isinstance(flow, Totals) else Totals(problem.platform, _finite(problem.platform, flow))
    multipliers = problem.supporting(totals) if multipliers is None else _checked(problem, multipliers)
    with np.errstate(over="ignore", invalid="ignore"):  # far prices overflow: the bound is then infinite
        rents = _rents(problem.platform, problem.surplus(multipliers), edges)
        bound, rounding = _bound(problem, multipliers, rents)
        credit = _credit(problem, totals, multipliers, rents.last)
    values = np.concatenate([t.value(totals) for t in problem.valued] or [np.zeros(1)])
    objective, scale = float(values.sum()), problem.size(totals)
    if math.isfinite(objective):
        rounding += allowance(problem.platform) * float(np.abs(values).sum())
    resolution = allowance(problem.platform) * problem.size(Totals.even(problem.platform)) if scale == 0 else 0.0
    certificate = Certificate(objective, bound, rounding, scale, resolution, violations(problem, totals))
    if bound - objective < -(2 * rounding + credit):
        raise CertificateError(
            f"the objective {objective!r} exceeds its bound {bound!r} by more than rounding ({rounding:.3g}) and "
            f"violations ({credit:.3g}) explain; a term's conjugate or value must be wrong"
        )
    return certificate


def _finite(platform: Platform, flow: FloatArray) -> FloatArray:
    """A flow as a float array of the shape that the platform needs."""
    flow = np.asarray(flow, dtype=np.float64)
    if flow.shape != (platform.edge_count,):
        raise ValueError(f"a flow needs one number per edge, ({platform.edge_count},); got shape {flow.shape}")
    if not (math.isfinite(flow.min()) and math.isfinite(flow.max())):
        e = int(np.argmin(np.isfinite(flow)))
        raise ValueError(f"a flow needs finite numbers; edge {e} has {flow[e]}")
    return flow


def _checked(problem: Problem, multipliers: Multipliers) -> list[Any]:
    """Multipliers as float arrays of the shapes that the terms define."""
    if len(multipliers) != len(problem.terms):
        raise ValueError(f"{len(problem.terms)} terms need as many multipliers, not {len(multipliers)}")
    checked: list[Any] = []
    for label, term, mine in zip(problem.labels, problem.terms, multipliers, strict=True):
        numbers = None if mine is None else np.asarray(mine, dtype=np.float64)
        if (None if numbers is None else numbers.shape) != term.shape:
            raise ValueError(
                f"the multipliers of {label} need the shape {term.shape}; got {mine if mine is None else numbers.shape}"
            )
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError(f"the multipliers of {label} must be finite numbers")
        checked.append(numbers)
    return checked


def upper_bound(problem: Problem, multipliers: Multipliers) -> tuple[float, float]:
    """Upper bound on the objective of every feasible flow, and the rounding allowance to add to it."""
    return _bound(problem, multipliers, _rents(problem.platform, problem.surplus(multipliers)))


def refuted(problem: Problem, multipliers: Multipliers) -> bool:
    """Whether multipliers of the constraints prove that no flow satisfies them all (a Farkas witness).

    Without an objective every feasible flow is worth 0; a bound below 0 leaves no room for one.
    """
    bound, rounding = upper_bound(problem.without_objective, multipliers)
    return bound + rounding < 0


def allowance(platform: Platform) -> float:
    """Relative rounding error of the sums: logarithmic for pairwise ones, the degree for sums into anchors and
    segments.
    """
    degree = max(int(np.diff(platform.indptr).max()), int(platform.anchor_degree.max()))
    return 8 * 2.0**-53 * (math.log2(platform.edge_count) + degree + 4)


class Rents(NamedTuple):
    """What an impression of each segment earns at most, ``most`` (S,), what its ``last`` part earns (S,), and by how
    much ``rounding`` inside the surpluses may have lowered all of them together.
    """

    most: FloatArray
    last: FloatArray
    rounding: float


def _bound(problem: Problem, multipliers: Multipliers, rents: Rents) -> tuple[float, float]:
    summands = [
        problem.platform.supply * rents.most,
        *(t.conjugate(m) for t, m in zip(problem.terms, multipliers, strict=True)),
    ]
    added = np.concatenate(summands)
    bound = float(added.sum())
    if not math.isfinite(bound):
        return math.inf, 0.0
    return bound, rents.rounding + allowance(problem.platform) * float(np.abs(added).sum())


def _rents(platform: Platform, surplus: Surplus, allowed: NDArray[np.bool_] | None = None) -> Rents:
    """Rents of a surplus, on some edges or on all.

    Prices that run far make alpha v and beta cancel; an edge counts with its own rounding error added, so that an
    error is paid for exactly where it could have changed the winner.
    """
    most, last, raised = (np.zeros(platform.segment_count) for _ in range(3))
    for segments, edges in platform.blocks():
        anchor = platform.anchor[edges]
        sales, bonus = surplus.alpha[anchor] * platform.value[edges], surplus.beta[anchor]
        s, size = sales + bonus, np.abs(sales) + np.abs(bonus)
        if surplus.extra is not None:
            s, size = s + surplus.extra[edges], size + np.abs(surplus.extra[edges])
        if allowed is not None:
            s = np.where(allowed[edges], s, -np.inf)
        starts = platform.indptr[segments] - edges.start
        most[segments], last[segments] = best_use(s, starts, surplus.pieces)
        raised[segments], _ = best_use(s + 2.0**-50 * size, starts, surplus.pieces)
    return Rents(most, last, float((platform.supply * (raised - most)).sum()))


def violations(problem: Problem, totals: Totals) -> dict[str, Violation]:
    """The worst violation of the supply, of non-negativity and of every constraint by a flow."""
    platform = problem.platform
    excess = np.maximum(totals.served - platform.supply, 0.0)
    relative = np.divide(excess, platform.supply, out=np.where(excess > 0, np.inf, 0.0), where=platform.supply > 0)
    i = int(np.argmax(relative))
    negative = float(max(0.0, -totals.flow.min()))
    found = {
        "supply": Violation(float(excess[i]), float(relative[i]), f"segment {platform.segments['id'][i]}"),
        "flow >= 0": Violation(
            negative, negative / max(float(platform.supply.max()), np.finfo(float).tiny), "the most negative edge"
        ),
    }
    for label, term in zip(problem.labels, problem.terms, strict=True):
        if isinstance(term, Constraint) and term.soft is None:
            found[label] = term.violation(totals)
    return found


class _Within(Totals):
    """Amounts clipped to the box on which conjugates are defined."""

    def __init__(self, totals: Totals):
        super().__init__(totals.platform, totals.flow)
        self.totals = totals

    def of(self, good: str) -> FloatArray:
        return np.clip(self.totals.of(good), 0.0, self.platform.reach_of(good))


def _credit(problem: Problem, totals: Totals, multipliers: Multipliers, last: FloatArray) -> float:
    """What weak duality gives to a flow that is not quite feasible; exactly zero for one that is.

    The last part's rent on excess supply, multipliers on broken rules, on an edge beyond its cap what its surplus has
    over that rent, on a negative edge what it lacks (the bound counted it as zero), and what F - marginals . amounts
    gains where amounts leave the box of the conjugate.
    """
    platform, within = problem.platform, _Within(totals)
    credit = float((last * np.maximum(totals.served - platform.supply, 0.0)).sum())
    beyond = sum((t.excess(totals) for t in problem.hard if isinstance(t, SegmentCap)), np.zeros(1))
    if totals.flow.min() < 0 or beyond.any():
        ahead = problem.surplus(multipliers).on_edges() - last[platform.segment]
        credit += float((np.maximum(ahead, 0.0) * beyond).sum())
        credit += float((np.maximum(-ahead, 0.0) * np.maximum(-totals.flow, 0.0)).sum())
    for term, mine in zip(problem.terms, multipliers, strict=True):
        beyond = {good: totals.of(good) - within.of(good) for good in term.marginals(mine) if good != "edges"}
        outside = any(step.any() for step in beyond.values())
        gain = -sum(float(term.marginals(mine)[good] @ step) for good, step in beyond.items()) if outside else 0.0
        if isinstance(term, Constraint) and term.soft is None:
            credit += term.credit(mine, totals)
        elif outside:
            gain += float(term.value(totals).sum()) - float(term.value(within).sum())
        credit += max(0.0, gain)
    return credit
