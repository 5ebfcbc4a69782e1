"""Segments that cannot be divided: each goes to one anchor or to nobody, as in generalised assignment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation, Status
from allocator.certificate import certify
from allocator.driver import AllocationError, UnsupportedError
from allocator.highs import Arrays, highs
from allocator.linear_model import LinearModel, linear_model, not_linear
from allocator.problem import Problem
from allocator.rules import SegmentCap
from allocator.solvers import solve
from allocator.wording import quantity

FloatArray = NDArray[np.float64]
TIGHT = 1e-9
"""Feasibility tolerance of branch and bound, which is that of certificates."""


@dataclass(frozen=True, eq=False, repr=False)
class Undivided:
    """An allocation in which no segment is divided.

    Attributes
    ----------
    allocation : Allocation
        Its certificate is that of the problem itself, in which segments may be divided: the bound of that relaxation is
        proved, and holds for undivided segments all the more.
    claim : float
        The bound that branch and bound says it has, currency / period.
    """

    allocation: Allocation
    claim: float

    @cached_property
    def anchor(self) -> NDArray[np.int64]:
        """Position of the anchor that each segment goes to, (S,); -1 for nobody."""
        platform, found = self.allocation.platform, np.full(self.allocation.platform.segment_count, -1)
        used = np.flatnonzero(self.allocation.flow > 0)
        found[platform.segment[used]] = platform.anchor[used]
        return found

    @property
    def relative_gap(self) -> float:
        """Proved distance to the best undivided allocation, relative to the size of the objective."""
        return max(self.allocation.certificate.relative_gap, 0.0)

    @property
    def claimed_gap(self) -> float:
        """What branch and bound says that this distance is, in the same measure."""
        return self.allocation.certificate.claimed_gap(self.claim)

    @property
    def sentence(self) -> str:
        served = int((self.anchor >= 0).sum())
        return (
            f"{served:,} of {self.anchor.size:,} segments go to one anchor each, with an objective of "
            f"{quantity(self.allocation.certificate.objective)}, proved to be within {self.relative_gap:.2g} of the "
            f"best; branch and bound claims {self.claimed_gap:.2g}."
        )

    def __repr__(self) -> str:
        return f"Undivided({self.sentence})"


def undivided(problem: Problem, *, relative_gap: float = 1e-4, seconds: float = 60.0) -> Undivided:
    """Find the best allocation in which every segment goes to one anchor or to nobody, by branch and bound.

    Generalised assignment (Ross and Soland 1975) is a cap on an edge measure such as consumption, with
    ``SegmentFloor(1)`` where every segment has to go to somebody.

    Parameters
    ----------
    problem : Problem
        Linear after an epigraph.
    relative_gap : float
        At which branch and bound stops; 0 asks for the optimum.
    seconds : float
        After which it stops with the best so far.

    Raises
    ------
    UnsupportedError
        If a rule is not linear, or caps edges below the whole of a segment.
    AllocationError
        INFEASIBLE if the rules contradict each other even for divided segments, FAILED if no undivided allocation was
        found.
    """
    reason = not_linear(problem) or _dividing(problem)
    if reason is not None:
        raise UnsupportedError(f"undivided segments need linear rules: {reason}")
    divided = solve(problem, solver="linear:highs", relative_gap=1e-9)
    model = linear_model(problem)
    found = highs(
        _whole(model),
        {
            "time_limit": float(seconds),
            "mip_rel_gap": float(relative_gap),
            "mip_feasibility_tolerance": TIGHT,
            "primal_feasibility_tolerance": TIGHT,
        },
    )
    if found.z is None:
        raise AllocationError(
            Status.FAILED,
            f"no allocation with undivided segments was found in {seconds:g} s (HiGHS claims: "
            f"{found.message.lower()}); give more seconds or relax the rules",
        )
    flow = np.where(found.z[: model.edges.size] > 0.5, _supply(problem), 0.0)
    certificate = certify(problem, flow, divided.multipliers)
    if not certificate.feasible:
        label, worst = certificate.worst
        raise AllocationError(
            Status.FAILED,
            f"the undivided segments that HiGHS found break {label} by {worst.amount:.3g} at {worst.where}; "
            f"leave a margin in its level",
        )
    flow.flags.writeable = False
    run = replace(divided.run, solver="undivided", iterations=found.iterations, claim=found.message.lower())
    allocation = Allocation(problem, flow, divided.multipliers, certificate, relative_gap, run)
    return Undivided(allocation, max(found.bound * model.currency, certificate.objective))


def _dividing(problem: Problem) -> str | None:
    """Why a rule makes undivided segments impossible, or None."""
    for term in problem.hard:
        if isinstance(term, SegmentCap) and term.share < 1:
            return f"{term.name} gives no anchor more than {term.share:g} of a segment; leave it out"
    return None


def _supply(problem: Problem) -> FloatArray:
    """Supply of the segment of every edge, (E,)."""
    return problem.platform.supply[problem.platform.segment]


def _whole(model: LinearModel) -> Arrays:
    """The model in shares of segments, all or nothing."""
    from scipy.sparse import csr_array, diags_array

    arrays, count = model.arrays, model.edges.size
    unit = np.append(_supply(model.problem) / model.impressions, np.ones(model.free))
    highest = np.append(np.where(unit[:count] > 0, 1.0, 0.0), np.full(model.free, np.inf))
    return replace(
        arrays,
        objective=arrays.objective * unit,
        matrix=csr_array(arrays.matrix @ diags_array(unit)),
        highest=highest,
        whole=np.arange(unit.size) < count,
    )
