"""The smoothed dual of a problem on its contested edges, with gradient and curvature."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import Totals
from allocator.solvers.prices.assembly import base_prices, couples, goods_of, graph_of, of_segments, voices_of
from allocator.solvers.prices.contest import Contest, Point
from allocator.solvers.prices.row import Row
from allocator.solvers.prices.voices import Single

FloatArray = NDArray[np.float64]
FAR = 0.7
"""Part of the margin by which an anchor must have moved to be let loose."""


class Dual:
    """D(x) = sum_i b_i smoothed max of s_i + the voices' conjugates.

    The first two voices speak of single anchors' exposure and GMV, with one coordinate per anchor each; a coordinate
    that no rule speaks of stays at zero. ``every`` > 1 looks at one segment in so many, with its supply multiplied:
    good enough to start from. ``coupled`` says whether rules speak of several anchors together, of single edges or
    segments, or of further goods; ``tight`` raises every level by this part of itself where they do. ``passes`` counts
    readings of all edges.
    """

    def __init__(self, problem: Problem, every: int = 1, tight: float = 0.0):
        from allocator import kernels

        platform = problem.platform
        self.problem, self.passes, self.anchors = problem, 0.0, platform.anchor_count
        self.goods, self.coupled = goods_of(problem), couples(problem)
        self.tight = tight if self.coupled else 0.0
        self.voices = voices_of(problem, self.goods, self.tight)
        self.base, self.graph = base_prices(problem, self.goods), graph_of(problem, self.goods)
        self.sparse = self.graph.cap < 1.0
        if every > 1:
            self.graph = kernels.sample(self.graph, every, platform.anchor_count)
        ends = list(accumulate((voice.size for voice in self.voices), initial=0))
        self.parts = [slice(a, b) for a, b in pairwise(ends)]
        self.size = ends[-1]
        self.steepest = self._steepest()
        self.kinked = self._each(lambda v: v.kinked)
        self.alone = self._each(lambda v: isinstance(v, Single))
        self.amounting = self._each(lambda v: not isinstance(v, Row))
        self.low, self.high = self._each(lambda v: v.low, float), self._each(lambda v: v.high, float)
        self.effect = np.concatenate([v.effect(self.steepest[v.good]) for v in self.voices])
        self.heard = self._heard(every)
        nothing = np.zeros((len(self.goods), platform.anchor_count))
        x, loose = np.zeros(self.size), np.zeros(platform.anchor_count, bool)
        room = kernels.room_for(self.graph)
        self.everything = Contest(self.graph, None, (), nothing, np.inf, x, self.price(x), loose, room)
        self.contest = self.everything

    @property
    def weight(self) -> float:
        """The weight of GMV before rules speak."""
        return float(self.base[1])

    @property
    def response(self) -> Any:
        """What single anchors answer to prices of exposure, or None."""
        return self.voices[0].response

    def _each(self, of: Callable[[Any], Any], kind: type = bool) -> NDArray:
        """One entry per coordinate from one per voice."""
        return np.concatenate([np.full(voice.size, of(voice), dtype=kind) for voice in self.voices])

    def _steepest(self) -> FloatArray:
        """Largest measure of an edge of each anchor, for goods that a voice speaks of (G, A); 1 for exposure."""
        steepest = np.zeros((len(self.goods), self.anchors))
        steepest[0] = 1.0
        for good in {v.good for v in self.voices if not (isinstance(v, Single) and v.response is None)} - {0}:
            np.maximum.at(steepest[good], self.graph.anchor, self.graph.measures[good - 1])
        return steepest

    def _heard(self, every: int) -> NDArray[np.bool_]:
        """Coordinates that may move (N,): those of a voice that speaks and, in a sample, of anchors with enough sampled
        edges, and reach for their floors; the others keep their first price.
        """
        heard = self._each(lambda v: not (isinstance(v, Single) and v.response is None))
        if every == 1:
            return heard
        graph, segment = self.graph, np.repeat(np.arange(self.graph.supply.size), np.diff(self.graph.indptr))
        many = np.bincount(graph.anchor, minlength=self.anchors) >= 20
        supply = graph.supply[segment]
        for voice, part in zip(self.voices, self.parts, strict=True):
            if isinstance(voice, Single):
                measure = 1.0 if voice.good == 0 else graph.measures[voice.good - 1]
                reach = np.bincount(graph.anchor, weights=supply * measure, minlength=self.anchors)
                lower = 0.0 if voice.response is None else voice.response.lower
                heard[part] &= many & (lower <= 0.3 * reach)
        return heard

    def price(self, x: FloatArray) -> FloatArray:
        """Prices of every good at every anchor, those of exposure first, (A, G)."""
        price = np.repeat(self.base[None, :], self.anchors, axis=0)
        for voice, part in zip(self.voices, self.parts, strict=True):
            price[:, voice.good] += voice.spread(x[part])
        return price

    def units(self, per_good: FloatArray) -> FloatArray:
        """Units of the coordinates (N,) from the worth of one unit of every good (G,)."""
        return np.concatenate([voice.unit(float(per_good[voice.good])) for voice in self.voices])

    def recentre(self, point: Point, temperature: float, per_good: FloatArray) -> None:
        """Tell the voices where the loads are."""
        for voice, part in zip(self.voices, self.parts, strict=True):
            curvature = point.diagonal[part] - point.stiffness[part]
            voice.recentre(point.loads[part], curvature, temperature * float(per_good[voice.good] / per_good[0]))

    def admissible(self, x: FloatArray) -> FloatArray:
        """Coordinates whose conjugates are known exactly, near x."""
        if not self.coupled:
            return x
        return np.concatenate([v.admissible(x[part]) for v, part in zip(self.voices, self.parts, strict=True)])

    def focus(self, x: FloatArray, margin: float) -> None:
        """Prune at x: a segment whose best edge leads by the margin is decided, others keep edges within it.

        Looks at the contested edges alone where no other can have come within the margin.
        """
        self._prune(x, margin, np.zeros(self.anchors, bool))

    def follow(self, x: FloatArray) -> None:
        """Prune anew at x, which has moved too far; anchors that moved most may move on freely."""
        mine = self.contest
        self._prune(x, mine.margin, mine.loose | (self._moves(x) > FAR * mine.margin))

    def free(self, loose: NDArray[np.bool_]) -> None:
        """Prune as the last time, but with all edges of loose anchors (A,) kept."""
        self._prune(self.contest.x, self.contest.margin, loose)

    def _prune(self, x: FloatArray, margin: float, loose: NDArray[np.bool_]) -> None:
        from allocator import kernels

        old, price = self.contest, self.price(x)
        nested = old.edge is not None and self.drift(x) + margin <= old.margin and not (loose & ~old.loose).any()
        source = old.edges if nested else self.graph
        if not nested:
            self.contest = old = self.everything  # so that the edges of the old contest need not be held beside the new
        pruned = kernels.prune(source, price, loose, margin)
        self._count(source)
        edge, winner, won, decided = pruned.edge, pruned.winner, (), pruned.decided
        if nested:
            edge, winner, won, decided = old.edge[edge], old.edge[winner], old.won, decided + old.decided
        won = (*won, (winner, pruned.won))
        room = kernels.room_for(pruned.kept)
        self.contest = Contest(pruned.kept, edge, won, decided, margin, x, price, loose, room)

    def width(self, temperature: float) -> float:
        """How far behind the best an edge may be and still matter."""
        return temperature if self.sparse else 6.0 * temperature

    def drift(self, x: FloatArray) -> float:
        """By how much prices moved since the last pruning may have changed the lead of one edge over another."""
        step = (self.price(x) - self.contest.price).T
        low = (np.minimum(step, 0.0) * self.steepest).sum(axis=0)
        high = (np.maximum(step, 0.0) * self.steepest).sum(axis=0)
        bound = ~self.contest.loose
        return float(high.max(where=bound, initial=0.0) - low.min(where=bound, initial=0.0))

    def _moves(self, x: FloatArray) -> FloatArray:
        """By how much the surplus of any edge of each anchor has moved since the last pruning, (A,)."""
        return (np.abs((self.price(x) - self.contest.price).T) * self.steepest).sum(axis=0)

    def at(self, x: FloatArray, temperature: float) -> Point:
        """The smoothed dual at coordinates x."""
        from allocator import kernels

        mine, goods, price = self.contest, len(self.goods), self.price(x)
        value, totals = kernels.soft(mine.edges, price, temperature, self.sparse, mine.support)
        self._count(mine.edges)
        value += float((mine.decided * price.T).sum())
        amounts, curvature = totals[:goods] + mine.decided, totals[goods:]
        loads = [voice.gather(amounts[voice.good]) for voice in self.voices]
        replies = tuple(v.reply(x[part], y) for v, part, y in zip(self.voices, self.parts, loads, strict=True))
        stiffness = np.concatenate([reply.stiffness for reply in replies])
        bent = np.concatenate([v.diagonal(curvature[v.good]) for v in self.voices])
        answered = np.concatenate([reply.amounts for reply in replies])
        load = np.concatenate(loads)
        value += sum(reply.value for reply in replies)
        return Point(x, value, load - answered, bent + stiffness, stiffness, load, amounts, replies)

    def shares(self, x: FloatArray, temperature: float) -> FloatArray:
        """Share of its segment's supply on each contested edge."""
        from allocator import kernels

        self._count(self.contest.edges)
        return kernels.shares(self.contest.edges, self.price(x), temperature, self.sparse)

    def bend(self, point: Point, direction: FloatArray) -> FloatArray:
        """Second derivative in a direction (N,) at the point last looked at."""
        from allocator import kernels

        along = np.zeros((self.anchors, len(self.goods)))
        for voice, part in zip(self.voices, self.parts, strict=True):
            along[:, voice.good] += voice.spread(direction[part])
        moved = kernels.curvature(self.contest.edges, self.contest.support, along)
        found = []
        for voice, part, reply in zip(self.voices, self.parts, point.replies, strict=True):
            mine = direction[part]
            own = point.stiffness[part] * mine if reply.bend is None else reply.bend(mine)
            found.append(voice.gather(moved[voice.good]) + own)
        return np.concatenate(found)

    def shortfall(self, x: FloatArray, loads: FloatArray, per_good: FloatArray) -> float:
        """What loads (N,) lack to be the answers to coordinates that may move, in currency."""
        total = 0.0
        for voice, part in zip(self.voices, self.parts, strict=True):
            lost = voice.shortfall(x[part], loads[part], float(per_good[voice.good]))
            total += float(lost[self.heard[part]].sum() if lost.size == voice.size else lost.sum())
        return total

    def scale_at(self, point: Point) -> float:
        """First-order size of the objective at the amounts of a point: what makes a gap relative."""
        earned = (v.earned(point.loads[part]) for v, part in zip(self.voices, self.parts, strict=True))
        return self.weight * float(point.amounts[1].sum()) + sum(earned)

    def gap(self, rents: float, x: FloatArray, point: Point, per_good: FloatArray) -> float:
        """Estimated distance between the exact dual bound at admissible x and the flow at a point: what segments and
        what anchors lack.
        """
        earned = float((point.amounts * self.price(x).T).sum())
        return rents - earned + self.shortfall(x, point.loads, per_good)

    def rents(self, x: FloatArray) -> float:
        """sum_i b_i max(0, max_e s_e), by the contested edges and the winners of decided segments."""
        from allocator import kernels

        self._count(self.contest.edges)
        price = self.price(x)
        return kernels.rents(self.contest.edges, price) + float((self.contest.decided * price.T).sum())

    def all_rents(self, x: FloatArray) -> float:
        """The same by all edges: part of the exact bound."""
        from allocator import kernels

        self.passes += 1
        return kernels.rents(self.graph, self.price(x))

    def bound(self, x: FloatArray) -> float:
        """The exact bound at admissible x."""
        conjugates = (v.conjugate(x[part]) for v, part in zip(self.voices, self.parts, strict=True))
        return self.all_rents(x) + sum(conjugates)

    def away(self, point: Point) -> float:
        """What regularisation costs at a point, currency."""
        return sum(voice.away(reply) for voice, reply in zip(self.voices, point.replies, strict=True))

    def tighten(self, by: float) -> None:
        """Raise the levels of all rules by this part of themselves."""
        for voice in self.voices:
            voice.tighten(by)

    def room(self, point: Point) -> float:
        """Smallest relative distance of the amounts of a point to the levels of all constraints, below 0 where one is
        broken.
        """
        return min(voice.room(point.amounts[voice.good]) for voice in self.voices)

    def spare(self, point: Point) -> float:
        """The same of the rules of several anchors alone."""
        others = self.voices[len(self.goods) :]
        return min((voice.room(point.amounts[voice.good]) for voice in others), default=np.inf)

    def multipliers(self, x: FloatArray) -> list[Any]:
        """Multipliers of every term at admissible x."""
        found: dict[int, Any] = {}
        for voice, part in zip(self.voices, self.parts, strict=True):
            found |= voice.multipliers(x[part])
        unheard = self.problem.supporting(Totals.even(self.problem.platform))
        pairs = zip(self.problem.terms, unheard, strict=True)
        return of_segments(self.problem, [found.get(id(term), idle) for term, idle in pairs])

    def _count(self, edges: Any) -> None:
        self.passes += edges.anchor.size / max(self.graph.anchor.size, 1)
