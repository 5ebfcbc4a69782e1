"""Whole impressions by chance: every edge keeps its expectation, every total stays within one impression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.attributes import frozen
from allocator.certificate import TOLERANCE, Certificate, certify
from allocator.discrete.circulation import ONE, circulation, whole_and_part
from allocator.discrete.laminar import laminar
from allocator.problem import Problem
from allocator.rules import Totals, Violation
from allocator.synthetic.checks import generator
from allocator.wording import quantity, some

IntArray = NDArray[np.int64]
LARGEST = 2.0**53
"""Whole numbers below it are exact in float64."""


@dataclass(frozen=True, eq=False, repr=False)
class Rounded:
    """An allocation in whole impressions.

    Attributes
    ----------
    allocation : Allocation
        What was rounded.
    flow : (E,) int64
        Whole impressions / period on every edge.
    certificate : Certificate
        Of the whole flow, judged anew with the multipliers of the allocation.
    kept : tuple of str
        Groups of anchors whose totals went to a whole number next to what they were.
    crossing : tuple of str
        Groups of rules that cross one of these, whose totals were not looked after.
    """

    allocation: Allocation
    flow: IntArray
    certificate: Certificate
    kept: tuple[str, ...]
    crossing: tuple[str, ...]

    @property
    def problem(self) -> Problem:
        return self.allocation.problem

    @cached_property
    def totals(self) -> Totals:
        """What the whole flow brings."""
        return Totals(self.problem.platform, self.flow.astype(np.float64))

    @property
    def exposure(self) -> IntArray:
        """Impressions of each anchor, (A,)."""
        return self.totals.of("exposure").astype(np.int64)

    @property
    def gmv(self) -> float:
        """GMV of all anchors, currency / period."""
        return float(self.totals.of("gmv").sum())

    @property
    def cost(self) -> float:
        """By how much the objective fell, currency / period; below zero where it rose."""
        return self.allocation.certificate.objective - self.certificate.objective

    @property
    def broken(self) -> dict[str, Violation]:
        """Rules, ``"supply"`` among them, that the whole flow breaks beyond the tolerance of certificates, also where
        what they are compared with is no number.
        """
        return {label: v for label, v in self.certificate.violations.items() if not v.relative <= TOLERANCE}

    @property
    def sentence(self) -> str:
        """What was rounded, what it costs, which rules are broken, and what to do about them."""
        moved = int((np.abs(self.flow - self.allocation.flow) > TOLERANCE * np.maximum(self.flow, 1)).sum())
        said = [f"{moved:,} of {self.flow.size:,} edges were rounded to whole impressions, {self._costs}"]
        rules = [f"{label} by {quantity(v.amount)} at {v.where}" for label, v in self.broken.items()]
        if rules:
            said.append(
                f"broken: {'; '.join(rules)}: write whole levels and supplies, leave a margin of one impression, or "
                f"draw again"
            )
        if self.crossing:
            said.append(f"groups that cross others were checked but not kept: {some(self.crossing)}")
        return ". ".join(part[0].upper() + part[1:] for part in said) + "."

    @property
    def _costs(self) -> str:
        platform, before = self.problem.platform, self.allocation.certificate
        if self.certificate.objective == -np.inf:
            return "and the objective is minus infinity, as an anchor whose welfare counts gets nothing"
        if abs(self.cost) <= before.rounding + self.certificate.rounding:
            return "which costs nothing"
        part = f" ({abs(self.cost) / before.scale:.2g} of its scale)" if 0 < before.scale < np.inf else ""
        verb = "costs" if self.cost >= 0 else "gains"
        return f"which {verb} {quantity(abs(self.cost))} {platform.currency} per {platform.period}{part}"

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        broken = f", breaks {some(self.broken)}" if self.broken else ""
        return f"Rounded({quantity(float(self.flow.sum()))} whole impressions, {self.certificate}{broken})"


def round_integral(allocation: Allocation, *, rng: np.random.Generator) -> Rounded:
    """Round an allocation to whole impressions at random: E[X_e] = x_e on every edge, and every X_e is x_e rounded down
    or up.

    So are the totals of every segment, every anchor, everybody together and the groups of a laminar family: those of
    the problem's hard `GroupShare` rules of exposure, in their order, that cross none taken before. Supplies, floors,
    caps and amounts of such groups that are whole numbers are therefore kept for certain, shares of segments too where
    they are whole impressions. All other levels may be missed by less than one impression per total, and every rule is
    judged anew. The supply of a segment is one of these: where it is not whole and used up, one impression too many is
    sent at times, so that expectations stay, and ``broken`` names it.

    Raises
    ------
    TypeError
        If it is not an allocation.
    ValueError
        If ``rng`` is not a Generator, or the impressions are too many to be counted exactly (2^53).

    Notes
    -----
    Dependent rounding of Gandhi, Khuller, Parthasarathy and Srinivasan (2006, *J. ACM* 53), for circulations: with an
    arc for every edge and every total the flow runs from a source over segments, anchors and the tree of groups back to
    the source. A node with one fractional arc would break conservation, so fractional arcs contain a cycle; a push of a
    along it with probability b / (a + b), else of -b, where a and b are the largest that no arc's rounding up or down
    forbids, keeps expectations and makes an arc whole.

    Fractional parts are counted in units of 2^-60, so pushes lose nothing. What is whole but for the rounding error of
    its summands counts as whole, and so does what is beyond a whole level by no more than certificates tolerate (1e-9
    of it, and less than half an impression), as it would otherwise break the level at times; only there are
    expectations off, by as much. Negative flow counts as none.

    About a second per million edges; cycles are longest, and ten seconds are needed, where whole supplies of a sparse
    random graph meet no other total that is fractional.
    """
    _refuse(allocation, rng)
    from allocator.kernels.rounding import along_cycles

    problem, flow = allocation.problem, np.maximum(allocation.flow, 0.0)
    family = laminar(problem, allocation.totals)
    whole, part = whole_and_part(problem, flow)
    arcs = circulation(problem, flow, part, family)
    draws = rng.random(arcs.part.size)
    along_cycles(arcs.tail, arcs.head, arcs.part, (arcs.nodes, ONE), draws)
    up = arcs.number[arcs.part == ONE]
    whole[up[up < flow.size]] += 1
    certificate = certify(problem, whole.astype(np.float64), allocation.multipliers)
    return Rounded(allocation, frozen(whole), certificate, family.names, family.crossing)


def _refuse(allocation: Allocation, rng: np.random.Generator) -> None:
    if not isinstance(allocation, Allocation):
        inside = isinstance(getattr(allocation, "allocation", None), Allocation)
        hint = "; round its .allocation" if inside else ""
        raise TypeError(f"only an Allocation can be rounded, not {type(allocation).__name__}{hint}")
    generator(rng)
    total = float(allocation.flow.sum())
    if not total < LARGEST:
        raise ValueError(
            f"{total:.3g} impressions are too many for whole numbers, which are exact below 2^53; measure supply in "
            f"thousands"
        )
