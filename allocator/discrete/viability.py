"""Whom to keep viable: an anchor that stays gets at least its threshold, the others nothing; viewers likewise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation, Status
from allocator.certificate import Certificate
from allocator.discrete.departures import FINE, periods_of, stay_of
from allocator.discrete.stay import Kept, Prices, Stay
from allocator.discrete.stay_program import StayProgram
from allocator.driver import AllocationError
from allocator.linear_model import not_linear
from allocator.problem import Problem
from allocator.rules.levels import Level
from allocator.solvers import solve
from allocator.wording import quantity, some

Mask = NDArray[np.bool_]
FINER = 0.1
"""Relative gap of the flow of a choice, over what is asked of the choice, where that is less than `FINE`."""
LARGEST = 150_000
"""Edges up to which branch and bound is tried."""
NOISE = 1e-9
"""Relative rounding of a claim and an objective."""


@dataclass(frozen=True, eq=False, repr=False)
class Viability:
    """Who stays, and what is known about that choice.

    Attributes
    ----------
    allocation : Allocation
        The flow, certified for this choice: its problem has floors for those who stay and caps of zero for the others.
    kept, kept_segments : (A,), (S,) of bool
        Who stays; whoever has no threshold does.
    certificate : Certificate
        Over all choices: its bound is proved by weak duality, see `allocator.discrete.stay`.
    claim : float
        The bound that branch and bound says it has, currency / period; infinity where it did not run.
    """

    allocation: Allocation
    kept: Mask
    kept_segments: Mask
    certificate: Certificate
    claim: float

    @property
    def gmv(self) -> float:
        return self.allocation.gmv

    @property
    def relative_gap(self) -> float:
        """Proved distance to the best choice, relative to the size of the objective."""
        return max(self.certificate.relative_gap, 0.0)

    @property
    def claimed_gap(self) -> float:
        """What branch and bound says that this distance is, in the same measure."""
        return self.certificate.claimed_gap(self.claim)

    @property
    def sentence(self) -> str:
        """Who stays and how good that is."""
        platform = self.allocation.platform
        gone = platform.anchors["id"][~self.kept]
        left = f"without {some(gone)}" if gone.size else "all of them"
        segments = f" and {int(self.kept_segments.sum()):,} of {self.kept_segments.size:,} segments"
        claimed = f"; branch and bound claims {self.claimed_gap:.2g}" if np.isfinite(self.claim) else ""
        return (
            f"{int(self.kept.sum()):,} of {self.kept.size:,} anchors{segments * (not self.kept_segments.all())} stay "
            f"({left}), with an objective of {quantity(self.certificate.objective)}, proved to be within "
            f"{self.relative_gap:.2g} of the best choice{claimed}."
        )

    def __repr__(self) -> str:
        return f"Viability({self.sentence})"


def viability(
    problem: Problem,
    threshold: Level,
    *,
    of: str = "exposure",
    viewers: float | None = None,
    quality: str | None = None,
    relative_gap: float = 1e-3,
    seconds: float = 60.0,
    report: Callable[[str], None] | None = None,
) -> Viability:
    """Choose which anchors to keep viable (Mladenov et al. 2020), and with ``viewers`` which segments (the stable sets
    of Huttenlocher et al. 2024).

    Parameters
    ----------
    problem : Problem
    threshold : number, (A,) array, mapping of ids, or "yardstick:factor"
        nu_j: an anchor gets at least so much of the good, or nothing at all. 0 for those that always stay.
    of : str
        The good: ``"exposure"``, ``"gmv"`` or an edge measure.
    viewers : number, optional
        A segment gets at least so much ``quality`` per impression of its supply, or is sent nothing: it leaves.
    quality : str, optional
        ``"gmv"`` or an edge measure; without one what counts is the share of its supply that is served.
    relative_gap : float
        Ends the search when the proved gap, or the one that branch and bound claims, is as small.
    seconds : float
        Ends it otherwise.
    report : callable, optional

    Returns
    -------
    Viability

    Raises
    ------
    ValueError
        For thresholds that are negative or not finite.
    AllocationError
        If the rules themselves contradict each other, or keep anchors that cannot all be viable.

    Notes
    -----
    Departures are followed first (`departures`), then single anchors are kept or given up as their profits at the
    current prices say, then, if the problem is linear and has up to 150,000 edges, branch and bound goes on from there.
    """
    stay = stay_of(problem, threshold, of, viewers, quality)
    search = _Search(stay, relative_gap, time.perf_counter() + seconds, report or (lambda text: None))
    return search.run()


class _Search:
    """The best choice so far and the best bound so far."""

    def __init__(self, stay: Stay, relative_gap: float, deadline: float, report: Callable[[str], None]):
        self.stay, self.asked, self.deadline, self.report = stay, relative_gap, deadline, report
        self.best: tuple[Allocation, Kept] | None = None
        self.bound, self.claim = (np.inf, 0.0), np.inf
        self.tried: set[bytes] = set()
        self.failure: Exception | None = None

    def run(self) -> Viability:
        self._follow_departures()
        program = None
        if not_linear(self.stay.problem) is None and self.stay.problem.platform.edge_count <= LARGEST:
            program = StayProgram(self.stay)
            prices = program.relaxed(self._left)
            if prices is not None:
                self._learn(prices)
        self._exchange()
        if program is not None and not self._done:
            self.report("branch and bound")
            start = None if self.best is None else self.best[1]
            kept, self.claim = program.solved(start, self.asked, self._left)
            if kept is not None:
                self._try(kept)
        if self.best is None:
            raise self.failure or AllocationError(
                Status.FAILED, "no choice was found within the time; give more seconds"
            )
        return self._answer()

    @property
    def _left(self) -> float:
        return max(self.deadline - time.perf_counter(), 1.0)

    @property
    def _done(self) -> bool:
        return self.best is not None and (self._certificate.relative_gap <= self.asked or self._late)

    @property
    def _late(self) -> bool:
        return time.perf_counter() > self.deadline

    @property
    def _certificate(self) -> Certificate:
        bound, rounding = self.bound
        own = self.best[0].certificate
        return replace(own, bound=bound, rounding=own.rounding + rounding)

    def _answer(self) -> Viability:
        allocation, kept = self.best
        # A claim below what was found is none: HiGHS 1.14 was seen to make such.
        claim = self.claim if self.claim >= allocation.certificate.objective * (1 - NOISE) else np.inf
        return Viability(allocation, kept.anchors, kept.segments, self._certificate, claim)

    def _follow_departures(self) -> None:
        """The first bound is that of the problem without thresholds, the first choice who is left in the end."""
        self.report("following departures")
        periods = periods_of(self.stay)
        allocation, kept = next(periods)
        self._learn(self._prices(allocation))
        self._try(kept)
        try:
            for _, kept in periods:
                if self._late:
                    break
                self._try(kept)
        except (AllocationError, ValueError) as error:  # those who are left cannot keep the rules
            self.failure = error

    def _prices(self, allocation: Allocation) -> Prices:
        """Prices that an allocation of the problem, or of a choice, has of its own."""
        terms = len(self.stay.problem.terms)
        rents = allocation.surplus.last()
        return Prices(allocation.multipliers[:terms], rents, np.zeros(rents.size))

    def _learn(self, prices: Prices) -> None:
        found = self.stay.bound(prices)
        if sum(found) < sum(self.bound):
            self.bound = found

    def _try(self, kept: Kept) -> bool:
        """Judge a choice; whether it is the best so far."""
        key = kept.anchors.tobytes() + kept.segments.tobytes()
        if key in self.tried:
            return False
        self.tried.add(key)
        try:
            found = solve(self.stay.chosen(kept), relative_gap=min(FINE, FINER * self.asked))
        except (AllocationError, ValueError) as error:  # a rule may refuse a segment that nobody can serve
            self.failure = error
            return False
        self._learn(self._prices(found))
        if self.best is not None and found.certificate.objective <= self.best[0].certificate.objective:
            return False
        self.best = found, kept
        return True

    def _exchange(self) -> None:
        """Keep or give up anchors as their profits say, the surest in halves of what is left to try, as long as the
        objective rises.
        """
        if self.best is None:
            return
        batch = 1.0
        while not self._done and batch > 0:
            allocation, kept = self.best
            wrong = self._wrong(allocation, kept)
            if not wrong.size:
                return
            count = max(int(batch * wrong.size), 1)
            anchors = kept.anchors.copy()
            anchors[wrong[:count]] ^= True
            self.report(f"{anchors.sum():,} anchors, objective {allocation.certificate.objective:,.6g}")
            rose = self._try(Kept(anchors, kept.segments))
            batch = 1.0 if rose else (0.5 * batch if count > 1 else 0.0)

    def _wrong(self, allocation: Allocation, kept: Kept) -> NDArray[np.int64]:
        """Anchors that the current prices would keep and which left, or the other way round, the clearest first."""
        prices = self._prices(allocation)
        surplus = self.stay.problem.surplus(prices.multipliers).on_edges()
        profits = self.stay.profits(surplus - prices.rents[self.stay.problem.platform.segment])
        loss = np.where(kept.anchors, -profits, profits)
        loss[(self.stay.least == 0) | self.stay.promised | ~np.isfinite(profits)] = 0.0
        wrong = np.flatnonzero(loss > 0)
        return wrong[np.argsort(-loss[wrong], kind="stable")]
