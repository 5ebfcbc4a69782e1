"""What every rule means, in words and as a formula, and one of each to try solvers on: the data behind tables."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

import allocator.rules as r
from allocator.rules.constraint import Constraint
from allocator.rules.rule import Rule

SHORT = {"Nash": ("AlphaFair", "alpha"), "Entropy": ("TargetShares", "target"), "ReachFloor": ("Floor", "level")}
"""Shorthands: the rule behind each, and what of it they fix."""
HIDDEN = ("platform", "weight")
"""Arguments that only a problem sets."""
COMMON = ("of", "soft")
"""Arguments that most rules have, which stand last."""


class Entry(NamedTuple):
    """A rule in words; ``example`` makes one, of a good, for a platform of three anchors with reach, two of them of the
    tier "new" and one "head", and with the edge measure "relevance".
    """

    meaning: str
    formula: str
    example: Callable[[str], Rule]


CATALOGUE: dict[str, Entry] = {
    "GMV": Entry("sales", "sum of v_e x_e", lambda of: r.GMV()),
    "RobustGMV": Entry(
        "sales in the worst case, in place of `GMV`: the values of at most `budget` anchors (or edges) fall by "
        "`radius`, a part of themselves or so many of a deviation",
        "GMV - max of sum d g radius, 0 <= d <= 1, sum d <= budget",
        lambda of: r.RobustGMV(0.1, 1),
    ),
    "AlphaFair": Entry(
        "alpha-fair welfare, weights c and merits m",
        "sum of c m U(y/m), U(z) = z^(1-alpha)/(1-alpha), ln z at 1",
        lambda of: r.AlphaFair(2, of=of),
    ),
    "Nash": Entry("`AlphaFair(1)`: proportional fairness", "sum of c m ln(y/m)", lambda of: r.Nash(of=of)),
    "MaxMin": Entry("the worst-off anchor", "min y/m", lambda of: r.MaxMin(of=of)),
    "GeneralizedGini": Entry(
        "the worse off, the more weight",
        "sum of w_k z_k, z = y/m sorted upwards, w falling",
        lambda of: r.GeneralizedGini([3.0, 2.0, 1.0], of=of),
    ),
    "Gini": Entry("mean (1 - Gini coefficient)", "w_k = (2(n-k)+1)/n^2", lambda of: r.Gini(of=of)),
    "CVaR": Entry("mean of the worst-off share", "w_k = 1/(share n), k <= share n", lambda of: r.CVaR(0.5, of=of)),
    "CappedUtility": Entry(
        "an anchor counts up to a level", "sum of c min(y, cap)", lambda of: r.CappedUtility("even:1", of=of)
    ),
    "TargetShares": Entry(
        "nearness of the shares to target shares t, times the total Y",
        "-sum of y ln(y/(t Y))",
        lambda of: r.TargetShares([3.0, 2.0, 1.0], of=of),
    ),
    "Entropy": Entry("`TargetShares` with equal targets", "-sum of y ln(n y/Y)", lambda of: r.Entropy(of=of)),
    "Concentration": Entry(
        "minus the Herfindahl-Hirschman index, times the total", "-sum of y^2/Y", lambda of: r.Concentration(of=of)
    ),
    "Capacity": Entry("what an anchor can serve", "y <= u", lambda of: r.Capacity()),
    "Cap": Entry("at most", "y <= level", lambda of: r.Cap("even:2", of=of)),
    "Floor": Entry("at least", "y >= level", lambda of: r.Floor("even:0.1", of=of)),
    "ReachFloor": Entry("at least a share of its reach R", "y >= share R", lambda of: r.ReachFloor(0.1, of=of)),
    "GroupShare": Entry(
        "what firms, tiers or any group get together, as shares of the total Y or as amounts",
        "at_least Y <= sum over the group of y <= at_most Y",
        lambda of: r.GroupShare("tier=new", 0.1, 0.9, of=of),
    ),
    "HeadCap": Entry(
        "the head (`top=10` or `top='1%'`) has at most a share",
        "sum of the k largest y <= share Y",
        lambda of: r.HeadCap(1, 0.9, of=of),
    ),
    "Budget": Entry("what all anchors cost together", "sum of cost y <= total", lambda of: r.Budget(total=1e6, of=of)),
    "GMVAtLeast": Entry(
        "sales do not fall below; `GMVAtLeast.of(allocation, share)`",
        "sum of v_e x_e >= amount",
        lambda of: r.GMVAtLeast(1e-3),
    ),
    "FairnessAtLeast": Entry(
        "a welfare W reaches a level; its solvers are those of W (here `MaxMin()`)",
        "W(y) >= level",
        lambda of: r.FairnessAtLeast(r.MaxMin(of=of), 1e-3),
    ),
    "GiniAtMost": Entry("the Gini coefficient is at most", "Gini(y) <= level", lambda of: r.GiniAtMost(0.9, of=of)),
    "HHIAtMost": Entry(
        "the Herfindahl-Hirschman index is at most", "sum of (y/Y)^2 <= level", lambda of: r.HHIAtMost(0.9, of=of)
    ),
    "SegmentCap": Entry(
        "an anchor gets at most a share of a segment", "x_e <= share b_i", lambda of: r.SegmentCap(0.9)
    ),
    "SegmentFloor": Entry(
        "every segment i is served, or gets of a measure such as relevance, at least",
        "sum of a_e x_e out of i >= share b_i",
        lambda of: r.SegmentFloor(0.1, "relevance"),
    ),
}
"""By name, in the order of tables."""


def maker(name: str) -> Callable[..., Rule]:
    """The class or the shorthand of that name."""
    return getattr(r, name)


def is_constraint(name: str) -> bool:
    """Whether it stands in ``rules=[...]`` and not in the objective."""
    return issubclass(r.RULES[SHORT.get(name, (name,))[0]], Constraint)


def parameters(name: str) -> dict[str, inspect.Parameter]:
    """What a rule takes, by name, those it needs first; a shorthand takes what its rule does."""
    given = {k: entry for k, entry in inspect.signature(maker(name)).parameters.items() if k not in HIDDEN}
    if name in SHORT:
        behind, fixed = SHORT[name]
        given.pop("options")
        given |= {k: entry for k, entry in parameters(behind).items() if k != fixed}
    return dict(sorted(given.items(), key=lambda item: (item[0] in COMMON, _has_default(item[1]))))


def form(name: str, mark: str = "", *, without: tuple[str, ...] = ()) -> str:
    """How a rule is written: its arguments in their order, ``mark`` behind those that have a default.

    >>> form("GroupShare", "=", without=("soft",)), form("Nash")
    ('GroupShare(groups, at_least=, at_most=, unit=, of=)', 'Nash(weights, merit, of)')
    """
    taken = {k: entry for k, entry in parameters(name).items() if k not in without}
    return f"{name}({', '.join(k + (mark if _has_default(entry) else '') for k, entry in taken.items())})"


def _has_default(entry: inspect.Parameter) -> bool:
    return entry.default is not inspect.Parameter.empty
