"""A platform as makers of rules see it: numbers drawn once, and what they mean there."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import allocator as al
from allocator.rules import Rule, Totals


@dataclass(frozen=True)
class Frame:
    """A platform and the numbers of one rule.

    Levels are told by what the even flow brings, and groups by attributes: moved to a scaled or relabelled platform,
    the same numbers are the same rule.
    """

    platform: al.Platform
    of: str
    alpha: float
    share: float
    """Below or at what the even flow has, in [0, 1]."""
    more: float
    """Above or at it, >= 1."""
    place: float
    """Where between the first and the last, in [0, 1]."""

    @cached_property
    def even(self) -> Totals:
        return Totals(self.platform, self.platform.even_flow)

    @cached_property
    def amounts(self):
        """What every anchor has of the good."""
        return self.even.of(self.of)

    @cached_property
    def parts(self):
        """The same as shares of the total."""
        return self.amounts / (self.amounts.sum() or 1.0)

    @cached_property
    def active(self):
        """Amounts of the anchors with reach."""
        return self.amounts[self.platform.reach_of(self.of) > 0]

    @property
    def n(self) -> int:
        return max(self.active.size, 1)

    @property
    def k(self) -> int:
        """Some rank."""
        return 1 + int(self.place * (self.n - 1))

    @property
    def fees(self):
        """Anything >= 1 that belongs to an anchor."""
        return self.platform.anchors["fee"]

    @property
    def head(self) -> float:
        """Share of the k largest."""
        return float(np.sort(self.parts)[::-1][: self.k].sum())

    @property
    def sold(self) -> float:
        """GMV of all anchors."""
        return float(self.even.of("gmv").sum())

    @property
    def gini(self) -> float:
        return al.metrics.gini(self.active) if self.active.size else 0.0

    @property
    def sliver(self) -> float:
        """A little of the good."""
        return 1e-3 * self.platform.total_of(self.of)

    @property
    def degrees(self):
        """Anchors of the segments that have some."""
        degrees = np.diff(self.platform.indptr)
        return degrees[degrees > 0]

    @property
    def linked(self) -> bool:
        """Whether every segment has an anchor."""
        return self.degrees.size == self.platform.segment_count

    def one_of(self, makers: dict[str, "Maker"]) -> Rule:
        names = sorted(makers)
        return makers[names[int(self.place * (len(names) - 1))]](self)

    def by(self, attribute, factor, amounts) -> dict[str, float]:
        """Levels of groups."""
        groups = self.platform.anchors[attribute]
        return {str(g): factor * float(amounts[groups == g].sum()) for g in np.unique(groups)}

    def mean(self, measure) -> float:
        """The least that a segment gets of an edge measure per impression."""
        p = self.platform
        served, brought = p.into_segments(p.even_flow), p.into_segments(p.even_flow * p.measure(measure))
        means = brought[served > 0] / served[served > 0]
        return float(means.min()) * (1 - 1e-12) if self.linked and means.size else 0.0

    def fair(self, welfare) -> al.FairnessAtLeast:
        """A level of welfare."""
        bound = welfare.bind(self.platform)
        level = float(bound.value(self.even).sum()) - (1.1 - self.share) * bound.size(self.even)
        return al.FairnessAtLeast(welfare, level)

    def worth(self, rule: Rule) -> float:
        """GMV per unit in which a rule is broken."""
        if isinstance(rule, al.FairnessAtLeast):
            unit = replace(rule.welfare, weight=1.0).bind(self.platform).size(self.even)
        else:
            unit = float(self.even.of(rule.of).sum())
        return self.sold / unit if 0 < unit < np.inf else 1.0


Maker = Callable[[Frame], Rule]


@dataclass(frozen=True)
class Made:
    """A maker and its numbers: a rule that can be made anew on another platform; ``soft`` in units of its worth."""

    maker: Maker
    frame: Frame
    soft: float | None = None

    def on(self, platform: al.Platform) -> Rule:
        frame = replace(self.frame, platform=platform)
        rule = self.maker(frame)
        return rule if self.soft is None else replace(rule, soft=self.soft * (frame.worth(rule) or 1.0))


@dataclass(frozen=True)
class Recipe:
    """A problem that can be made anew on another platform; ``weight`` as in `allocator.weighted`."""

    platform: al.Platform
    sales: Made
    term: Made | None
    weight: float
    rules: tuple[Made, ...]

    def on(self, platform: al.Platform) -> al.Problem:
        sales, rules = self.sales.on(platform), [rule.on(platform) for rule in self.rules]
        if self.term is None:
            return al.Problem(platform, sales, rules)
        return al.weighted(al.Problem(platform, sales + self.term.on(platform), rules), self.weight)

    @cached_property
    def problem(self) -> al.Problem:
        return self.on(self.platform)
