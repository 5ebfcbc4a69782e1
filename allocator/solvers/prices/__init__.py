"""Prices: smooth, prune, finish exactly, certify.

The dual of a problem has one price per anchor and good, so a platform of any size is a small problem with an expensive
oracle: one pass over the edges. The maximum of each segment is replaced by a smooth one at a temperature; Newton's
method minimises the smooth dual; the temperature falls. Segments whose winner leads clearly are decided, and only the
contested rest is looked at again: a few percent of the edges once prices are near. What rules say of exposure alone is
finished by a network flow on the near-ties, which is exact; a flow smoothed at temperature t is within O(t^2) where
many segments compete (the share of contested segments and what a wrong choice costs in them both fall with t). The
exact bound says how near either is.

Large graphs with many segments per anchor start from samples of their segments, each eight times the one before; a
sample of n segments per anchor knows prices to about n^-1/2 of the worth of an impression, so that is how far its
temperature falls. Near prices allow a sparse smoothing, which few edges enter; graphs without a sample keep the
entropic one, whose tails find prices from anywhere. Thin graphs are solved by network flows on all edges.

Rules of several anchors speak in the same dual, each as a voice with coordinates of its own (`voices`, `proximal`):
rows of groups, budgets and GMV a price each, ranks, levels and shares a price per anchor. Rules without curvature are
regularised around the loads, so their answers are proximal maps: projections on permutahedra, level sets and cones, by
sorting. Conjugate gradients take one to three iterations a step while temperatures fall, because what voices say of the
same anchors is solved exactly beforehand (`arrow`). No network finishes these rules; the entropic smoothing is
differentiable, so a minimum found well keeps them or comes near (`polish`), and what is left is mended by mixing
(`allocator.mixing`). Where segments are a large part of what anchors get, neither may do; on graphs with few edges near
a tie linear programs then begin where prices ended (`programs`).

The floor: one pass over all edges to prune, one to check the bound, one to write the flow (bytes of a pass:
`allocator.kernels`). Measured on GMV under caps and floors with 100 segments per anchor: 9 readings of all edges at 1e6
edges, 16 at 1e7, 21 at 1e8, contested ones counted by their part; in time, 73 to 353 read-only maximum passes from run
to run (`experiments/solver_race.py`, `experiments/scaling.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.driver import Answer, Goal, Solver
from allocator.problem import Problem
from allocator.solvers.prices.assembly import outside_prices
from allocator.solvers.prices.dual import Dual
from allocator.solvers.prices.response import warm_prices
from allocator.solvers.prices.search import Search
from allocator.solvers.prices.zoom import on_all_edges, on_near_ties

FloatArray = NDArray[np.float64]
HOTTEST, TEPID, WARM, COLDEST = 1.0, 0.4, 0.03, 1e-8
"""Temperatures in units of the typical worth of an impression: the first, the highest and the lowest that is first with
a start (the square root of the start's relative gap between them), the last.
"""
DRIFT, STAY, MOVES = 12.0, 8.0, 1.6
"""Edges this many temperatures beyond the reach of the smoothing are kept, so that prices may move, and so many where
rules couple anchors, whose prices take many small steps; of the sparse smoothing this many times temperature^1/2,
because the fewer segments are near a tie, the farther a price moves for one.
"""
SMOOTH = 0.05
"""Where rules couple anchors, smoothing is entropic below this temperature: no network flow finishes them, and Newton's
method only does on what has derivatives of every order."""
CRUDE, FINE, LOOSEST = 0.02, 0.1, 1e-4
"""Newton's method stops at this times temperature^2, or at this times the gap that is asked, of the scale; where rules
couple anchors as if no larger one were, because polishing begins there."""
TIGHT = 3e-3
"""Where rules couple anchors, levels are raised by this times the gap that is asked, of themselves, so that a flow that
nearly keeps them keeps the true ones."""
CENTRES, HELPED, AWAY = 6, 0.8, 0.3
"""Centres of the rules that see all anchors, one after the other, at one temperature, while each leaves at most this
part of the gap, and the regularisation costs more than this part of it."""
SAMPLED, SEGMENTS, COUPLED = 10, 5_000, 1_000
"""A sample has at least this many segments per anchor, and this many in all, or so many where rules couple anchors."""
ENOUGH, AGAIN = 100.0, 3.0
"""Passes after which small graphs on which rules couple anchors are tried by linear programs, and by how many times
more again."""
PATIENCE = 3
"""Temperatures without progress, at settled units, before the best answer so far is returned."""


@dataclass(frozen=True)
class Prices(Solver):
    """Newton's method on the smoothed dual at falling temperatures; each is ``cooling`` times the one before."""

    cooling: float = 0.4

    packages: ClassVar[tuple[str, ...]] = ("numba", "POT")

    def supports(self, problem: Problem) -> str | None:
        return outside_prices(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        dual = Dual(problem, tight=TIGHT * goal.relative_gap)

        def solve() -> Answer:
            # Far prices may overflow; what comes of it is judged like everything else.
            with np.errstate(all="ignore"), _one_thread(dual):
                search = Search(dual, goal)
                try:
                    if not on_all_edges(search):
                        self._cool(search, *self._start(search))
                except KeyboardInterrupt:
                    if search.best is None:
                        raise
                    search.hurry()
                try:
                    return search.answer()
                except KeyboardInterrupt:
                    return search.as_it_stands()

        return solve

    def _cool(self, search: Search, x: FloatArray, temperature: float) -> None:
        """Let the temperature fall from prices x until the gap is reached, time is up, or nothing improves."""
        dual, stale, asked, enough = search.dual, 0, search.goal.relative_gap, ENOUGH
        if dual.coupled:
            asked = min(asked, LOOSEST)
        if temperature < HOTTEST:
            dual.sparse = _sparse(dual, temperature)
            dual.focus(x, _margin(dual, temperature) * search.worth)
        while temperature > COLDEST and stale < PATIENCE and not search.late:
            t, before = temperature * search.worth, search.gap
            tolerance = max(FINE * asked, CRUDE * temperature**2) * search.scale
            for _ in range(CENTRES if dual.coupled else 1):
                reached = search.gap
                point = search.settled(dual, x, t, tolerance)
                x = point.x
                search.smoothed(point, t)
                if not search.reached and dual.coupled and dual.passes > enough:
                    enough *= AGAIN
                    if search.programs(point):
                        return
                stuck = search.gap > HELPED * reached
                if search.reached or search.late or stuck or dual.away(point) <= max(tolerance, AWAY * search.gap):
                    break
            if (search.reached and not _rough(dual)) or on_near_ties(search, point, t):
                return
            stale = stale + 1 if search.gap > 0.8 * before and t < 2 * temperature * search.worth else 0
            temperature *= self.cooling
            if dual.sparse and not _sparse(dual, temperature):
                dual.sparse, search.best = False, None  # from rough answers it takes no more than the prices
            dual.focus(x, _margin(dual, temperature) * search.worth)

    def _start(self, search: Search) -> tuple[FloatArray, float]:
        """First prices and temperature: those of a start, of samples of the segments, or of the even flow."""
        dual, start = search.dual, search.goal.start
        platform = dual.problem.platform
        if start is not None and start.exposure.size == platform.anchor_count:
            x = np.where(dual.heard, _warm(dual, start), 0.0)
            temperature = max(search.distance(x, start.totals) ** 0.5, WARM)
            if temperature < TEPID:
                return x, temperature
        x, temperature = search.first_prices(), HOTTEST
        for every in _levels(platform.segment_count, platform.anchor_count, COUPLED if dual.coupled else SEGMENTS):
            x, temperature = self._sampled(search, every, x, temperature)
        return x, temperature

    def _sampled(self, search: Search, every: int, x: FloatArray, temperature: float) -> tuple[FloatArray, float]:
        """Prices and temperature after a sample of one segment in ``every``."""
        sample, platform = Dual(search.dual.problem, every, search.dual.tight), search.dual.problem.platform
        enough = (platform.anchor_count * every / platform.segment_count) ** 0.5
        sample.sparse = _sparse(sample, temperature)
        while sample.graph.anchor.size and temperature > enough and not search.late:
            if temperature < HOTTEST:
                sample.focus(x, _margin(sample, temperature) * search.worth)
            tolerance = CRUDE * temperature**2 * search.scale
            x = search.settled(sample, x, temperature * search.worth, tolerance).x
            temperature *= self.cooling
        search.dual.passes += sample.passes / every
        return x, temperature


def _one_thread(dual: Dual) -> AbstractContextManager:
    """Dense systems have a few hundred rows: threads of linear algebra would wait for each other and for the passes."""
    if not dual.coupled:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas")


def _warm(dual: Dual, start: Allocation) -> FloatArray:
    """Coordinates of a start (N,): of single anchors by its amounts, of other rules by the multipliers that it has for
    rules of the same name and shape.
    """
    x = np.zeros(dual.size)
    single = warm_prices([voice.response for voice in dual.voices[:2]], start)
    x[: single.size] = single.ravel()
    there = dict(zip(start.problem.labels, start.multipliers, strict=True))
    given = {
        id(term): np.asarray(there[label], dtype=np.float64)
        for label, term in zip(dual.problem.labels, dual.problem.terms, strict=True)
        if there.get(label) is not None and np.shape(there[label]) == term.shape
    }
    for voice, part in list(zip(dual.voices, dual.parts, strict=True))[2:]:
        found = voice.from_multipliers(given)
        if found is not None:
            x[part] = np.clip(found, voice.low, voice.high)
    return x


def _sparse(dual: Dual, temperature: float) -> bool:
    """Whether the sparse smoothing serves: near prices are known, or edges have caps, which only it knows."""
    return dual.graph.cap < 1.0 or (temperature < HOTTEST and not (dual.coupled and temperature < SMOOTH))


def _rough(dual: Dual) -> bool:
    """Whether no flow is exact here and polishing cannot make it so."""
    return dual.coupled and dual.sparse and dual.graph.cap >= 1.0


def _margin(dual: Dual, temperature: float) -> float:
    """How far behind the best an edge is kept at a temperature, in units of the worth of an impression."""
    if dual.sparse:
        return dual.width(temperature) + MOVES * temperature**0.5
    return dual.width(temperature) + (STAY if dual.coupled else DRIFT) * temperature


def _levels(segments: int, anchors: int, least: int) -> list[int]:
    """One segment in how many each sample holds, the smallest sample first, with at least so many segments."""
    levels = []
    while segments // 8 ** (len(levels) + 1) >= max(SAMPLED * anchors, least):
        levels.append(8 ** (len(levels) + 1))
    return levels[::-1]
