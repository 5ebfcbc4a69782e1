"""Pareto efficiency: could somebody have more and nobody less?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.axioms.verdict import TOLERANCE, Verdict, amount, tolerated
from allocator.certificate import certify
from allocator.driver import UnsupportedError
from allocator.linear_model import not_linear
from allocator.problem import Problem
from allocator.rules import Floor, Objective
from allocator.rules.linear import Linear
from allocator.rules.rows import Rows
from allocator.solvers import solve
from allocator.wording import some

FloatArray = NDArray[np.float64]
FINER = 0.1
"""The gap of the better flow in units of the tolerance, so that a gain beyond the tolerance is found and not missed."""


class Improvement(NamedTuple):
    """A flow (E,) that is better for some anchors and worse for none, what every anchor gains, (A,), and the ids of
    those who gain, the largest gain first.
    """

    flow: FloatArray
    gains: FloatArray
    anchors: tuple[Any, ...]


def pareto_efficient(allocation: Allocation, of: str = "gmv", *, tolerance: float = TOLERANCE) -> Verdict:
    """Whether no feasible flow of the allocation's problem gives every anchor as much of a good, and some one more.

    One linear problem decides: maximise the sum of what the anchors have, under the problem's own rules and a floor
    for each anchor at what it has. The allocation is efficient if it is itself a best answer there, and its
    certificate in that problem says by how much at most it is not: the axiom holds where that is within
    tolerance x sum of the amounts. Gains that are small beside that sum are not seen.

    Parameters
    ----------
    allocation : Allocation
    of : str
        ``"gmv"``, ``"exposure"`` or an edge measure.
    tolerance : float
        Relative to what all anchors together have, in (0, 1); below 1e-8, what the allocation owes to violations within
        the certificate's tolerance can count as a gain.

    Returns
    -------
    Verdict
        The witness is an `Improvement` whose flow satisfies all rules and takes from nobody more than rounding
        (3e-9 of what it has), or None where the axiom holds.

    Raises
    ------
    UnsupportedError
        If a rule of the problem is not linear.
    ValueError
        If the allocation itself breaks a rule.
    ArithmeticError
        If the linear problem is not solved finely enough to tell.

    Notes
    -----
    The optimum of a welfare that strictly increases in every anchor's amount of the good (alpha-fair of it, or `GMV`;
    not max-min) is efficient: a flow that is better for some and worse for none would have more of it. An allocation
    certified to a gap only roughly so: under `GMV` anchors can together gain at most the gap; under Nash welfare with
    equal weights, a relative gap d leaves n anchors relative gains whose sum is at most exp(n d) - 1.
    """
    tolerance, kept, platform = tolerated(tolerance), _keeping(allocation, of), allocation.platform
    better = solve(kept, relative_gap=FINER * tolerance)
    certificate, had = certify(kept, allocation.totals, better.multipliers), allocation.totals.of(of)
    most = amount(platform, of, max(certificate.gap, 0.0))
    if certificate.relative_gap <= tolerance:
        said = "No anchor can have more unless another has less: without that, they could together gain at most"
        return Verdict(True, None, f"{said} {most}.")
    gains = better.totals.of(of) - had
    if not gains.sum() > tolerance / 2 * had.sum():
        raise ArithmeticError(
            f"whether anchors can gain while none loses is undecided: {amount(platform, of, gains.sum())} were found, "
            f"and {most} are not excluded; choose a larger tolerance than {tolerance:g}"
        )
    winners = np.flatnonzero(gains > FINER * tolerance * had)
    winners = winners[np.argsort(-gains[winners], kind="stable")]
    ids = tuple(platform.anchors["id"][winners].tolist())
    return Verdict(
        False,
        Improvement(better.flow, gains, ids),
        f"Anchors could together have {amount(platform, of, gains.sum())} more and none less; those who gain: "
        f"{some(ids)} (anchor {ids[0]} {amount(platform, of, gains[winners[0]])}).",
    )


def _keeping(allocation: Allocation, of: str) -> Problem:
    """The problem of making the sum of a good as large as possible while every anchor keeps what it has."""
    if not allocation.certificate.feasible:
        label, worst = allocation.certificate.worst
        raise ValueError(
            f"the allocation breaks {label} by {worst.amount:.3g} at {worst.where}, so there is nothing to compare "
            f"feasible flows with; repair it first"
        )
    # What an allocation owes to violations within the tolerance of feasibility, no strictly feasible flow can match.
    owed = 2 * max(violation.relative for violation in allocation.certificate.violations.values())
    floor = Floor((1 - owed) * allocation.totals.of(of), of=of)
    problem = Problem(allocation.platform, Objective((_Sum(of=of),)), (*allocation.problem.rules, floor))
    reason = not_linear(problem)
    if reason is not None:
        raise UnsupportedError(
            f"Pareto efficiency is decided by a linear problem, and {reason.split(';')[0]}; "
            f"judge the allocation under linear rules"
        )
    return problem


@dataclass(frozen=True, eq=False)
class _Sum(Linear):
    """What all anchors have of a good, in units of the good."""

    @property
    def name(self) -> str:
        return f"Sum of {self.of}"

    @property
    def rows(self) -> Rows:
        """0 <= amount_j - z_j, and z in the objective."""
        from scipy.sparse import eye_array

        n, each = self.reach.size, eye_array(self.reach.size, format="csr")
        return Rows({self.of: each}, np.zeros(n), np.full(n, np.inf), -each, np.full(n, self.weight))
