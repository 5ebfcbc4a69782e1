"""Leximin of exposure: the bottlenecks of a platform, found by maximum flows.

What anchors T get is at most the supply of all segments that reach one of them, f(T). Where water rises over all
anchors at the pace of their merits, it stops first where f(T) is least for the merits of T: the bottleneck. Its anchors
take those segments whole, and the others go on without both (lexicographically optimal base of a polymatroid: Megiddo
1974, Fujishige 1980). Here bottlenecks are not looked for one by one: with water at the level that a part would have
as a whole, a maximum flow tells who cannot get that much and who could get more, which are parts of their own
(decomposition algorithm of Fujishige); all parts share one maximum flow per round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.leximin.flows import Blocks, Mask, pressed, reached, send

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
DIGITS = 1e-12
"""Relative: what differs by less is the same to sums over millions of edges."""
SHORT = 4 * DIGITS
"""Less than this of the demand is not asked for, so that a part which is tight as a whole can be told from one with a
shortage."""
LAST_DIGITS = 2.0**-51


class Bounds(NamedTuple):
    """Merit, floor and cap of every anchor, (A,) each."""

    merit: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class Tide:
    """A flow with leximin exposure, and what it fell into.

    Attributes
    ----------
    flow : (E,)
    target : (A,)
        Exposure without the rounding of the flow: merit times water, unless the floor is higher or the cap lower.
    water, inflow : (A,), (S,)
        How high the water stood where each anchor and segment is; infinity where only caps stopped it, or nothing.
    of_anchor, of_segment : (A,), (S,) int
        Parts that share no flow. A segment reaches anchors of its own part and of parts with higher water; -2 and -1
        mark those that get nothing and have nothing.
    """

    flow: FloatArray
    target: FloatArray
    water: FloatArray
    inflow: FloatArray
    of_anchor: IntArray
    of_segment: IntArray

    @classmethod
    def low(cls, platform: Platform) -> Tide:
        """Nothing decided yet."""
        S, A = platform.segment_count, platform.anchor_count
        nothing, far = (np.zeros(platform.edge_count), np.zeros(A)), (np.full(A, np.inf), np.full(S, np.inf))
        return cls(*nothing, *far, np.full(A, -2), np.full(S, -1))

    def within(self, platform: Platform) -> IntArray:
        """Edges whose segment and anchor are of one part."""
        return np.flatnonzero(self.of_segment[platform.segment] == self.of_anchor[platform.anchor])

    def settle(self, part: _Part, done: Mask, found: tuple[FloatArray, FloatArray, FloatArray], number: int) -> None:
        """Write down the blocks that are done: flow (e,), demand (a,) and water per block, numbered from ``number``."""
        blocks, (flow, demand, water) = part.blocks, found
        a, s, e = done[blocks.of_anchor], done[blocks.of_segment], done[blocks.of_segment[blocks.segment]]
        anchors, segments = part.anchors[a], part.segments[s]
        self.flow[part.edge[e]], self.target[anchors] = flow[e], demand[a]
        self.water[anchors], self.inflow[segments] = water[blocks.of_anchor[a]], water[blocks.of_segment[s]]
        self.of_anchor[anchors], self.of_segment[segments] = (
            number + blocks.of_anchor[a],
            number + blocks.of_segment[s],
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """The edges (e,) that are still undecided, with their segments (s,), anchors (a,) and blocks."""

    edge: IntArray
    segments: IntArray
    anchors: IntArray
    blocks: Blocks

    @classmethod
    def of(cls, platform: Platform, edge: IntArray, of_segment: IntArray, of_anchor: IntArray) -> _Part:
        """Number anew what edges touch, given a block for every segment (S,) and anchor (A,) of the platform."""
        segments, segment = np.unique(platform.segment[edge], return_inverse=True)
        anchors, anchor = np.unique(platform.anchor[edge], return_inverse=True)
        names, block = np.unique(of_anchor[anchors], return_inverse=True)
        own = np.searchsorted(names, of_segment[segments])
        return cls(edge, segments, anchors, Blocks(segment, anchor, own, block, platform.supply[segments], names.size))


def bottlenecks(platform: Platform, bounds: Bounds) -> Tide:
    """Find a flow with leximin exposure y_j / merit_j under floors and caps that some flow satisfies."""
    tide, number = Tide.low(platform), 0
    of_segment, of_anchor = np.zeros(platform.segment_count, np.int64), np.zeros(platform.anchor_count, np.int64)
    edge = np.flatnonzero(platform.supply[platform.segment] > 0)
    while edge.size:
        part = _Part.of(platform, edge, of_segment, of_anchor)
        blocks = part.blocks
        demand, water = level_water(blocks, Bounds(*(bound[part.anchors] for bound in bounds)))
        flow, side, done = _divided(blocks, demand, demand < bounds.upper[part.anchors])
        tide.settle(part, done, (flow, demand, water), number)
        number += blocks.count
        lowest = np.full(part.segments.size, 3)
        np.minimum.at(lowest, blocks.segment, side[blocks.anchor])
        of_anchor[part.anchors] = 3 * blocks.of_anchor + side
        of_segment[part.segments] = 3 * blocks.of_segment + lowest
        open_ = ~done[blocks.of_segment[blocks.segment]]
        edge = edge[open_ & (lowest[blocks.segment] == side[blocks.anchor])]
    _polish(platform, tide)
    return tide


def _divided(blocks: Blocks, demand: FloatArray, rises: Mask) -> tuple[FloatArray, IntArray, Mask]:
    """A maximum flow (e,), the side of every anchor (a,), and which blocks are of one piece (count,).

    Sides: 0 for anchors that share a shortage (their level is below the block's), 2 for those that share a surplus,
    1 for others. A segment belongs to the lowest side that it reaches, which takes it whole.
    """
    asked = (1 - SHORT) * demand
    sent = send(blocks, asked, np.zeros(blocks.segment.size), digits=DIGITS)
    poor = pressed(blocks, sent, blocks.lacking(sent.flow, asked) > DIGITS * asked)
    rich = reached(blocks, sent, blocks.idle(sent.flow) > DIGITS * blocks.supply) & ~poor
    someone_poor = blocks.per_block(anchors=poor) > 0
    someone_rises = blocks.per_block(anchors=rich & rises) > 0
    alike = (blocks.per_block(anchors=~rich) == 0) | (blocks.per_block(anchors=~poor) == 0)
    return sent.flow, np.where(poor, 0, np.where(rich, 2, 1)), alike | ~(someone_poor | someone_rises)


def level_water(blocks: Blocks, bounds: Bounds) -> tuple[FloatArray, FloatArray]:
    """Amounts (a,) clip(merit * water, floor, cap) that add up to the supply of each block, and the water (count,):
    where floors take all supply the lowest of them per merit, and infinity where caps leave supply over.

    Anchors beyond the side of their bounds that weighs more are set to the bound, until none is (Bitran and Hax 1981).
    """
    merit, lower, upper = bounds
    free, amount = np.ones(merit.size, dtype=bool), np.zeros(merit.size)
    supply, lowest = blocks.per_block(blocks.supply), np.full(blocks.count, np.inf)
    while True:
        left = np.maximum(supply - blocks.per_block(anchors=np.where(free, 0.0, amount)), 0.0)
        pace = blocks.per_block(anchors=np.where(free, merit, 0.0))
        water = np.divide(left, pace, out=np.zeros(blocks.count), where=pace > 0)
        wish = np.where(free, merit, 0.0) * water[blocks.of_anchor]
        above, below = free & (wish > upper), free & (wish < lower)
        excess = blocks.per_block(anchors=np.where(above, wish - np.where(above, upper, 0.0), 0.0))
        shortage = blocks.per_block(anchors=np.where(below, lower - wish, 0.0))
        capped = above & (excess >= shortage)[blocks.of_anchor]
        floored = below & (shortage > excess)[blocks.of_anchor]
        if not (capped | floored).any():
            return np.where(free, wish, amount), np.where(pace > 0, water, lowest)
        held = floored & (lower < upper)
        np.minimum.at(lowest, blocks.of_anchor[held], lower[held] / merit[held])
        amount = np.where(capped, upper, np.where(floored, lower, amount))
        free &= ~(capped | floored)


def _polish(platform: Platform, tide: Tide) -> None:
    """Give every anchor the last digits of its target, within its part, and no segment more than its supply."""
    edge = tide.within(platform)
    part = _Part.of(platform, edge, tide.of_segment, tide.of_anchor)
    flow = send(part.blocks, tide.target[part.anchors], tide.flow[edge], digits=LAST_DIGITS).flow
    served = np.bincount(part.blocks.segment, weights=flow, minlength=part.segments.size)
    factor = np.divide(part.blocks.supply, served, out=np.ones_like(served), where=served > part.blocks.supply)
    tide.flow[edge] = flow * factor[part.blocks.segment]
