"""The guaranteed share: everybody gets its part of what it would have alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.allocation import Allocation
from allocator.axioms.verdict import TOLERANCE, Verdict, amount, tolerated
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules.levels import positive

FloatArray = NDArray[np.float64]


class Share(NamedTuple):
    """Id of an anchor, what it has, and what it is guaranteed, in units of the good."""

    anchor: Any
    amount: float
    guaranteed: float


def guaranteed_share(
    allocation: Allocation, of: str = "gmv", *, weights: ArrayLike | None = None, tolerance: float = TOLERANCE
) -> Verdict:
    """Whether every anchor has at least (1 - tolerance) w_j / sum w of what it would have alone; 1/n for equal weights.

    Alone, an anchor has all the supply of its segments (its reach, in GMV its sales reach), within the upper bounds
    that the problem's rules put on it: a cap or capacity limits what it could have alone, too. Floors and rules on
    several anchors together do not count: what they take from others is what this axiom shows. Weights are summed over
    the anchors that could have something.

    Parameters
    ----------
    allocation : Allocation
    of : str
        ``"gmv"``, ``"exposure"`` or an edge measure.
    weights : (A,) array, mapping of ids, or number, optional
        Entitlements w > 0; all alike by default.
    tolerance : float
        Relative, in [0, 1).

    Returns
    -------
    Verdict
        The witness, a `Share`, is the anchor with the smallest amount relative to its guarantee; None where nobody
        could have anything.

    Raises
    ------
    ValueError
        If upper bounds speak of two further goods, so that being alone is a problem of its own.

    Notes
    -----
    The optimum g* of Nash welfare with these weights gives the share under any upper bounds, and under no floors.
    Derived here: optimality says sum_j w_j u_j / g*_j <= sum w for every feasible u, and being alone is feasible.
    """
    platform, tolerance = allocation.platform, tolerated(tolerance)
    weight, ids = positive(platform, weights, "entitlements"), platform.anchors["id"]
    alone, mine = _alone(allocation.problem, of), allocation.totals.of(of)
    could = np.flatnonzero(alone > 0)
    if not could.size:
        return Verdict(True, None, f"No anchor could have any {of}, so nothing is guaranteed.")
    guaranteed = alone[could] * (weight[could] / weight[could].sum())
    ratio = mine[could] / guaranteed
    worst = int(np.argmin(ratio))
    holds = bool(ratio[worst] >= 1 - tolerance)
    witness = Share(ids[could[worst]].item(), float(mine[could[worst]]), float(guaranteed[worst]))
    said = (
        "Every anchor has its guaranteed share; the nearest to it" if holds else "The anchor furthest below its share"
    )
    return Verdict(
        holds,
        witness,
        f"{said} is anchor {witness.anchor} with {amount(platform, of, witness.amount)}, {ratio[worst]:.4g} times the "
        f"guaranteed {amount(platform, of, witness.guaranteed)}.",
    )


def _alone(problem: Problem, of: str) -> FloatArray:
    """The most of a good that each anchor can have within its own upper bounds if all its segments watch nobody else,
    (A,).
    """
    platform, most = problem.platform, problem.platform.reach_of(of)
    limited = {}
    for good, box in problem.boxes.items():
        if good == of:
            most = np.minimum(most, box.upper)
        elif (box.upper < platform.reach_of(good)).any():
            limited[good] = box.upper
    if len(limited) > 1:
        raise ValueError(
            f"upper bounds on {' and '.join(limited)} together leave no simple amount of {of} that an anchor would "
            f"have alone; judge the share of one of these goods, or drop the bounds on the others"
        )
    for good, upper in limited.items():
        most = np.minimum(most, _within(platform, of, good, upper))
    return most


def _within(platform: Platform, of: str, good: str, upper: FloatArray) -> FloatArray:
    """The most of a good that each anchor can have alone while another good stays within ``upper``, (A,): its edges
    are filled in the order of what they bring per unit of the limited good (a fractional knapsack, Dantzig 1957).
    """
    most, each = np.array(platform.reach_of(of)), [platform.per_impression(name) for name in (of, good)]
    for j, edges in _edges_of(platform, np.flatnonzero(upper < platform.reach_of(good))):
        supply = platform.supply[platform.segment[edges]]
        brought, used = (supply * per_impression[edges] for per_impression in each)
        order = np.argsort(-np.divide(brought, used, out=np.full(used.size, np.inf), where=used > 0), kind="stable")
        brought, used = brought[order], used[order]
        room = np.maximum(upper[j] - (np.cumsum(used) - used), 0.0)
        taken = np.divide(np.minimum(used, room), used, out=np.ones_like(used), where=used > 0)
        most[j] = (brought * taken).sum()
    return most


def _edges_of(platform: Platform, anchors: NDArray[np.int64]) -> Iterable[tuple[int, NDArray[np.int64]]]:
    """Some anchors, each with its edges."""
    order = np.argsort(platform.anchor, kind="stable") if anchors.size else np.zeros(0, np.int64)
    ends = np.cumsum(platform.anchor_degree)
    for j in anchors:
        yield int(j), order[ends[j] - platform.anchor_degree[j] : ends[j]]
