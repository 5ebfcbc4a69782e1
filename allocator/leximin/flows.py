"""Maximum flows in many separate parts of a graph at once, with digits for what is small beside what is large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
BITS, TOTAL_BITS = 52, 61
"""Of an amount that float64 holds, and of the sum of all amounts that the integer solver may add."""
ZOOMS = 6
FINER = 1e-2
"""A unit this much below the smallest amount that counts leaves nothing to find."""
SMALLEST = 1e-290


@dataclass(frozen=True, eq=False)
class Blocks:
    """Edges between segments and anchors that fall into parts without an edge between them.

    Attributes
    ----------
    segment, anchor : (e,) int
        Ends of every edge.
    of_segment, of_anchor : (s,), (a,) int
        The block of each, 0 to ``count`` - 1.
    supply : (s,)
        Impressions of each segment, > 0.
    """

    segment: NDArray[np.int64]
    anchor: NDArray[np.int64]
    of_segment: NDArray[np.int64]
    of_anchor: NDArray[np.int64]
    supply: FloatArray
    count: int

    def per_block(self, segments: Any = None, anchors: Any = None) -> FloatArray:
        """Sums of amounts of segments or of anchors, (count,)."""
        block, amounts = (self.of_segment, segments) if anchors is None else (self.of_anchor, anchors)
        return np.bincount(block, weights=amounts, minlength=self.count)

    def idle(self, flow: FloatArray) -> FloatArray:
        """Supply that a flow (e,) leaves, (s,)."""
        return self.supply - np.bincount(self.segment, weights=flow, minlength=self.supply.size)

    def lacking(self, flow: FloatArray, demand: FloatArray) -> FloatArray:
        """Demand (a,) that a flow (e,) does not meet."""
        return demand - np.bincount(self.anchor, weights=flow, minlength=demand.size)

    def smallest(self, demand: FloatArray) -> FloatArray:
        """The smallest positive supply or demand of each block, (count,)."""
        least = np.full(self.count, np.inf)
        np.minimum.at(least, self.of_segment, self.supply)
        np.minimum.at(least, self.of_anchor, np.where(demand > 0, demand, np.inf))
        return least


class Sent(NamedTuple):
    """A flow (e,), and the unit (count,) to which each block of it is a maximum flow."""

    flow: FloatArray
    unit: FloatArray


def send(blocks: Blocks, demand: FloatArray, flow: FloatArray, *, digits: float) -> Sent:
    """Add to a flow (e,) what makes it a maximum flow from supply to demand (a,) in every block.

    The integer solver works in units of what can still be added to a block at all. What rounding to whole units left
    out is less than a unit per edge, and is looked for again in the residual graph, in units that are as much finer:
    anchors of a millionth of the others' size get their digits in the second or third round. Parts of a supply or a
    demand below ``digits`` are rounding and not asked for.
    """
    most = np.full(blocks.count, np.inf)
    edges = blocks.per_block(np.bincount(blocks.segment, minlength=blocks.supply.size)) + 1.0
    enough = FINER * digits * blocks.smallest(demand)
    for _ in range(ZOOMS):
        idle, lacking = blocks.idle(flow), blocks.lacking(flow, demand)
        idle[idle <= digits * blocks.supply] = 0.0
        lacking[lacking <= digits * demand] = 0.0
        addable = np.minimum(most, np.minimum(blocks.per_block(idle), blocks.per_block(anchors=lacking)))
        idle = np.minimum(idle, addable[blocks.of_segment])
        lacking = np.minimum(lacking, addable[blocks.of_anchor])
        unit = _unit(blocks, idle, lacking, addable)
        flow = _augmented(blocks, flow, unit, (idle, lacking, addable))
        most = 2.0 * edges * unit
        if (unit <= enough).all():
            break
    return Sent(flow, unit)


def _unit(blocks: Blocks, idle: FloatArray, lacking: FloatArray, addable: FloatArray) -> FloatArray:
    """As fine as the sum over all sources and sinks in whole units allows, (count,)."""
    offered = np.maximum(blocks.per_block(idle), blocks.per_block(anchors=lacking))
    times = np.divide(offered, addable, out=np.ones_like(addable), where=addable > 0).sum()
    bits = min(BITS, int(np.floor(TOTAL_BITS - np.log2(times))))
    return np.maximum(addable, SMALLEST) / 2.0**bits


def _augmented(
    blocks: Blocks, flow: FloatArray, unit: FloatArray, amounts: tuple[FloatArray, FloatArray, FloatArray]
) -> FloatArray:
    """One maximum flow in the residual graph, in whole units."""
    from ortools.graph.python import max_flow

    idle, lacking, addable = amounts
    s, a, e = idle.size, lacking.size, flow.size
    on_edge = blocks.of_segment[blocks.segment]

    def whole(amount: FloatArray, block: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.floor(np.minimum(amount, addable[block]) / unit[block]).astype(np.int64)

    source, sink = s + a, s + a + 1
    segment, anchor = blocks.segment.astype(np.int64), s + blocks.anchor.astype(np.int64)
    back = np.flatnonzero(flow > 0)
    tails = np.concatenate((np.full(s, source), s + np.arange(a), segment, anchor[back]))
    heads = np.concatenate((np.arange(s), np.full(a, sink), anchor, segment[back]))
    limits = (
        whole(idle, blocks.of_segment),
        whole(lacking, blocks.of_anchor),
        whole(np.full(e, np.inf), on_edge),
        whole(flow[back], on_edge[back]),
    )
    network = max_flow.SimpleMaxFlow()
    arcs = network.add_arcs_with_capacity(tails, heads, np.concatenate(limits))
    if network.solve(source, sink) != network.OPTIMAL:
        raise ArithmeticError("a maximum flow of the leximin procedure did not finish")
    moved = network.flows(arcs)[s + a :].astype(np.float64)
    change = moved[:e]
    change[back] -= moved[e:]
    return np.maximum(flow + change * unit[on_edge], 0.0)


def reached(blocks: Blocks, sent: Sent, idle: Mask) -> Mask:
    """Anchors (a,) that could get more of what ``idle`` segments (s,) have left, if others gave way."""
    return _closure(blocks, sent, np.concatenate((idle, np.zeros(blocks.of_anchor.size, dtype=bool))), forwards=True)


def pressed(blocks: Blocks, sent: Sent, lacking: Mask) -> Mask:
    """Anchors (a,) that could give way to those that lack (a,), directly or through others."""
    return _closure(blocks, sent, np.concatenate((np.zeros(blocks.supply.size, dtype=bool), lacking)), forwards=False)


def _closure(blocks: Blocks, sent: Sent, start: Mask, *, forwards: bool) -> Mask:
    """Anchors joined to a start by residual edges: any edge forwards, and backwards those that carry a unit."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    s, nodes = blocks.supply.size, start.size
    first = np.flatnonzero(start)
    if not first.size:
        return start[s:]
    back = sent.flow >= sent.unit[blocks.of_segment[blocks.segment]]
    tails = np.concatenate((blocks.segment, s + blocks.anchor[back]))
    heads = np.concatenate((s + blocks.anchor, blocks.segment[back]))
    if not forwards:
        tails, heads = heads, tails
    tails, heads = np.concatenate((tails, np.full(first.size, nodes))), np.concatenate((heads, first))
    graph = csr_array((np.ones(tails.size, dtype=np.int8), (tails, heads)), shape=(nodes + 1, nodes + 1))
    seen = np.zeros(nodes + 1, dtype=bool)
    seen[breadth_first_order(graph, nodes, return_predecessors=False)] = True
    return seen[s:nodes]
