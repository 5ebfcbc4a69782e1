"""Groups of anchors any two of which are disjoint or nested: a tree, in which totals can be rounded together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import GroupShare, Totals

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Family:
    """A laminar family of G groups of anchors, larger groups first.

    Attributes
    ----------
    names : tuple of G str
    owner : (A,)
        Position of the smallest group that an anchor belongs to, G where it belongs to none.
    parent : (G,)
        Position of the smallest group that a group is inside of, G where there is none.
    members : (G, A) scipy sparse array of int
    lower, upper : (G,)
        Bounds on exposure that rules put on each group as amounts; 0 and infinity where they put none.
    crossing : tuple of str
        Names of the groups that were left out because they cross one of the family.
    """

    names: tuple[str, ...]
    owner: IntArray
    parent: IntArray
    members: Any
    lower: FloatArray
    upper: FloatArray
    crossing: tuple[str, ...] = ()


def laminar(problem: Problem, totals: Totals) -> Family:
    """The groups of the problem's hard `GroupShare` rules of exposure, in the order of the rules, without those that
    cross one taken before.
    """
    from scipy.sparse import csr_array

    rules = [rule for rule in problem.hard if isinstance(rule, GroupShare)]
    stated = [rule.stated(totals) for rule in rules if rule.of == "exposure"]
    names = np.array([name for rule in stated for name in rule.names], dtype=np.str_)
    members = np.concatenate([np.zeros((0, problem.platform.anchor_count), dtype=bool), *(r.members for r in stated)])
    first, group = _distinct(members)
    lower, upper = np.zeros(first.size), np.full(first.size, np.inf)
    start = 0
    for rule in stated:
        mine, start = group[start : start + rule.level.size], start + rule.level.size
        if rule.unit != "share":
            np.maximum.at(lower, mine[~rule.at_most], rule.level[~rule.at_most])
            np.minimum.at(upper, mine[rule.at_most], rule.level[rule.at_most])
    names, members = names[first], members[first]
    taken = _not_crossing(members)
    order = np.flatnonzero(taken)[np.argsort(-members[taken].sum(axis=1), kind="stable")]
    crossing = tuple(names[~taken & members.any(axis=1)].tolist())
    inside = csr_array(members[order].astype(np.int64))
    return Family(tuple(names[order].tolist()), *_tree(members[order]), inside, lower[order], upper[order], crossing)


def _distinct(members: Mask) -> tuple[IntArray, IntArray]:
    """First row (G,) of each distinct set among rows (K, A), and the set (K,) that each row is."""
    seen: dict[bytes, int] = {}
    group = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in members], dtype=np.int64)
    return np.unique(group, return_index=True)[1], group


def _not_crossing(members: Mask) -> Mask:
    """Which of the sets (G, A) to take, in order: those not empty that cross none taken before."""
    from scipy.sparse import coo_array, csr_array

    inside, size = csr_array(members.astype(np.int64)), members.sum(axis=1)
    common = coo_array(inside @ inside.T)
    cross = common.data < np.minimum(size[common.row], size[common.col])
    crossing = csr_array((cross[cross], (common.row[cross], common.col[cross])), shape=common.shape)
    taken = np.zeros(size.size, dtype=bool)
    for g in range(size.size):
        others = crossing.indices[crossing.indptr[g] : crossing.indptr[g + 1]]
        taken[g] = size[g] > 0 and not taken[others].any()
    return taken


def _tree(members: Mask) -> tuple[IntArray, IntArray]:
    """The smallest set that each anchor (A,) and each of the sets (G, A), larger ones first, is inside of."""
    count, anchors = members.shape
    owner, parent = np.full(anchors, count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for g, mine in enumerate(members):
        parent[g] = owner[np.argmax(mine)]
        owner[mine] = g
    return owner, parent
