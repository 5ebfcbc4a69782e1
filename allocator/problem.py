"""A problem: a platform, an objective and rules; what prices make of it is the surplus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.oracle import WHOLE, Piece, best_use, pieces_of
from allocator.rules import GMV, AlphaFair, Constraint, Objective, Rule, SegmentCap, Totals, Welfare
from allocator.rules.rows import Boxes
from allocator.wording import called, some

FloatArray = NDArray[np.float64]
Multipliers = Sequence[Any]
"""One entry per term of the problem, in the shape that term defines (None for GMV)."""


@dataclass(frozen=True, eq=False)
class Surplus:
    """What an impression is worth after all rules have spoken: alpha_j v_e + beta_j (+ t_e).

    Attributes
    ----------
    alpha : (A,)
        Worth of one unit of GMV sold by an anchor.
    beta : (A,)
        Bonus (> 0) or price (< 0) of one impression on an anchor, currency / impression.
    extra : (E,) or None
        What rules on single edges or further edge measures add, currency / impression.
    pieces : tuple
        What of a segment every edge can take; see `allocator.oracle`.
    """

    platform: Platform
    alpha: FloatArray
    beta: FloatArray
    extra: FloatArray | None = None
    pieces: tuple[Piece, ...] = WHOLE

    def at(self, edge: NDArray[np.int64] | slice) -> FloatArray:
        """Surplus of some edges, in their order."""
        anchor = self.platform.anchor[edge]
        s = self.alpha[anchor] * self.platform.value[edge] + self.beta[anchor]
        return s if self.extra is None else s + self.extra[edge]

    def on_edges(self) -> FloatArray:
        """Surplus of every edge, (E,)."""
        return self.at(slice(None))

    def last(self) -> FloatArray:
        """What one more impression of each segment would earn: the rent of its supply, (S,)."""
        last = np.zeros(self.platform.segment_count)
        for segments, edges in self.platform.blocks():
            last[segments] = best_use(self.at(edges), self.platform.indptr[segments] - edges.start, self.pieces)[1]
        return last

    def price_of_share(self, share: float, limit: float) -> float:
        """Worth of one more unit of a cap's share: what edges that are full have over the last part, times supply."""
        before, discount = 0.0, 0.0
        for piece in self.pieces:
            if before + 1e-15 >= share:
                break
            before, discount = before + piece.width, piece.discount
        ahead = self.on_edges() - discount - self.last()[self.platform.segment]
        return float((self.platform.supply[self.platform.segment] * np.clip(ahead, 0.0, limit)).sum())


@dataclass(frozen=True, eq=False)
class Problem:
    """Maximise an objective over flows on a platform, under rules.

    maximise w GMV(x) + sum_k F_k(x)  over x >= 0 with sum of x_e out of i <= supply_i.

    Parameters
    ----------
    platform : Platform
    objective : GMV, a welfare term, or a sum of weighted terms
        ``GMV() + 200 * AlphaFair(1)``; weights are literal, in currency.
    rules : sequence of constraints

    Raises
    ------
    ValueError, TypeError
        Naming the term or rule that does not fit, or anchors that a cap forces to zero under alpha >= 1.
    """

    platform: Platform
    objective: Objective
    rules: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", Objective.coerce(self.objective))
        if isinstance(self.rules, Rule):
            raise TypeError(f"rules is a list of constraints: put {called(self.rules)} in brackets, rules=[...]")
        object.__setattr__(self, "rules", tuple(self.rules))
        for rule in self.rules:
            if not isinstance(rule, Constraint):
                hint = "terms of the objective are added with +"
                raise TypeError(f"{called(rule)} is not a constraint; {_call(rule) or hint}")
        _refuse_forced_zeros(self)

    @cached_property
    def terms(self) -> tuple[Rule, ...]:
        """All rules, bound to the platform: the terms of the objective, then the constraints."""
        return tuple(_bound(rule, self.platform) for rule in (*self.objective.terms, *self.rules))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A unique name for every term."""
        names, seen, labels = [term.name for term in self.terms], Counter(), []
        for name in names:
            seen[name] += 1
            labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        return tuple(labels)

    @property
    def welfare(self) -> tuple[Welfare, ...]:
        """Bound terms of the objective other than GMV."""
        return tuple(t for t in self.terms if isinstance(t, Welfare) and not isinstance(t, GMV))

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        return tuple(t for t in self.terms if isinstance(t, Constraint))

    @cached_property
    def hard(self) -> tuple[Constraint, ...]:
        """Bound constraints that may not be broken."""
        return tuple(t for t in self.constraints if t.soft is None)

    @property
    def valued(self) -> tuple[Rule, ...]:
        """Bound terms that are worth something: those of the objective, and soft rules, which cost."""
        return tuple(t for t in self.terms if isinstance(t, Welfare) or t.soft is not None)

    @property
    def in_rows(self) -> tuple[Rule, ...]:
        """Bound terms that a linear model writes as rows: all but GMV and bounds on single anchors."""
        return tuple(t for t in self.terms if t.box is None and not isinstance(t, GMV))

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """What of a segment every edge can take, by the caps on edges."""
        return pieces_of([(t.share, t.price_limit) for t in self.constraints if isinstance(t, SegmentCap)])

    @property
    def gmv_weight(self) -> float:
        """w, the weight of GMV in the objective."""
        return sum(t.weight for t in self.terms if isinstance(t, GMV))

    def box_of(self, good: str) -> Boxes:
        """The common bounds that all box rules put on a good."""
        return Boxes.of(good, self.constraints, self.platform.anchor_count)

    @property
    def exposure_box(self) -> Boxes:
        """The common bounds on exposure."""
        return self.box_of("exposure")

    @cached_property
    def boxes(self) -> dict[str, Boxes]:
        """Good -> common bounds, of the goods that box rules speak of, in alphabetical order."""
        return {good: self.box_of(good) for good in sorted({t.box.of for t in self.constraints if t.box is not None})}

    def with_bonus(self, bonus: FloatArray, multipliers: Multipliers | None = None) -> list[Any]:
        """Multipliers (none, or those given) with the bonus or price (A,) of an impression split among the bounds on
        exposure.
        """
        box = self.exposure_box
        of_rule = dict(zip(map(id, box.rules), box.marginals(bonus), strict=True))
        given = [None] * len(self.terms) if multipliers is None else multipliers
        pairs = zip(self.terms, given, strict=True)
        return [t.fit({"exposure": of_rule[id(t)]}) if id(t) in of_rule else mine for t, mine in pairs]

    @cached_property
    def without_objective(self) -> Problem:
        """The hard constraints alone: a bound below zero on this problem proves that they contradict each other."""
        hard = tuple(rule for rule in self.rules if rule.soft is None)
        return replace(self, objective=Objective(()), rules=hard)

    @property
    def notices(self) -> tuple[str, ...]:
        """What is allowed but worth knowing, one sentence each."""
        mine = []
        for term in self.welfare:
            out = self.platform.anchors["id"][np.flatnonzero(term.reach == 0)]
            if out.size:
                mine.append(f"{term.name} runs without {out.size:,} anchors that have no reach: {some(out)}")
        return (*self.platform.notices, *mine)

    def surplus(self, multipliers: Multipliers) -> Surplus:
        """The surplus that one set of multipliers per term produces."""
        platform = self.platform
        alpha, beta, extra = np.zeros(platform.anchor_count), np.zeros(platform.anchor_count), None
        for term, mine in zip(self.terms, multipliers, strict=True):
            for good, marginal in term.marginals(mine).items():
                if good == "exposure":
                    beta = beta + marginal
                elif good == "gmv":
                    alpha = alpha + marginal
                else:
                    on_edges = marginal if good == "edges" else marginal[platform.anchor] * platform.measure(good)
                    extra = on_edges if extra is None else extra + on_edges
        return Surplus(platform, alpha, beta, extra, self.pieces)

    def size(self, totals: Totals) -> float:
        """First-order size of the objective at totals, currency / period: what makes a gap relative."""
        return float(sum(t.size(totals) for t in self.terms if isinstance(t, Welfare)))

    def supporting(self, totals: Totals) -> list[Any]:
        """Multipliers for a flow that comes with none: supergradients of the welfare, idle constraints."""
        return [t.supergradient(totals) if isinstance(t, Welfare) else t.idle() for t in self.terms]

    def __repr__(self) -> str:
        rules = ", ".join(rule.name for rule in self.rules) or "no rules"
        return f"Problem({self.objective!r} on {self.platform!r} under {rules})"


def _call(rule: object) -> str:
    """What to write where somebody passed the class of a rule."""
    return f"write {called(rule)}(...)" if isinstance(rule, type) else ""


def _bound(rule: Rule, platform: Platform) -> Rule:
    """A rule bound to the platform; a refusal says whose it is."""
    try:
        return rule.bind(platform)
    except (ValueError, KeyError) as error:
        kind, said = type(rule).__name__, str(error.args[0])
        raise ValueError(said if kind in said else f"{kind}: {said}") from None


def _least(platform: Platform, good: str) -> FloatArray:
    """The least that an impression on each anchor brings of a good, (A,); infinity without edges."""
    least = np.full(platform.anchor_count, np.inf)
    np.minimum.at(least, platform.anchor, platform.per_impression(good))
    return least


def _refuse_forced_zeros(problem: Problem) -> None:
    """Minus infinity is the only possible objective where a cap of zero meets alpha >= 1."""
    for term in problem.welfare:
        if not (isinstance(term, AlphaFair) and term.alpha >= 1):
            continue
        for rule in problem.constraints:
            forced = rule.starved & (term.reach > 0)
            if forced.any() and rule.of != term.of:
                forced &= _least(problem.platform, rule.of) > 0
            if forced.any():
                raise ValueError(
                    f"{rule.name} forces anchor {some(problem.platform.anchors['id'][forced])} to zero, where "
                    f"{term.name} is minus infinity; leave those anchors out of the platform or choose alpha < 1"
                )
