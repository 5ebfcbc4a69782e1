"""Who speaks in the dual: each voice has coordinates of its own, from them prices, and amounts it answers to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.rules import Totals
from allocator.solvers.prices.response import Response, marginal

FloatArray = NDArray[np.float64]


class Reply(NamedTuple):
    """What a voice answers: its part of the dual, the amounts (n,) that attain it, minus the diagonal of their
    derivative (n,), >= 0, that derivative in a direction where it is more than its diagonal, and the pool of each
    amount (n,) where equal ones move together.
    """

    value: float
    amounts: FloatArray
    stiffness: FloatArray
    bend: Callable[[FloatArray], FloatArray] | None = None
    pool: NDArray[np.int64] | None = None


@dataclass(eq=False)
class Voice(ABC):
    """One rule, or all rules that look at single anchors, on the good with number ``good``.

    ``kinked`` says that the answer jumps where a coordinate passes zero, ``low`` and ``high`` are the ends of the
    coordinates' range, and ``positive`` says that coordinates are marginals of concave terms, which span many orders of
    magnitude.
    """

    good: int
    kinked: bool = False
    low: float = -np.inf
    high: float = np.inf
    positive: bool = False

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of coordinates n."""

    @abstractmethod
    def spread(self, x: FloatArray) -> FloatArray:
        """What coordinates (n,) add to the prices of the good, (A,)."""

    @abstractmethod
    def gather(self, amounts: FloatArray) -> FloatArray:
        """The transpose of `spread`: what amounts of the good (A,) are to the voice, (n,)."""

    @abstractmethod
    def diagonal(self, curvature: FloatArray) -> FloatArray:
        """Diagonal of the curvature in coordinates (n,), from that in prices (A,)."""

    @abstractmethod
    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        """The answer to coordinates, where it jumps the one nearest to the loads (n,)."""

    @abstractmethod
    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        """What loads lack to be an answer to admissible coordinates, currency; ``worth`` is that of a unit."""

    @abstractmethod
    def conjugate(self, x: FloatArray) -> float:
        """The voice's part of the exact bound at admissible coordinates."""

    @abstractmethod
    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        """Multipliers of the rules, by identity."""

    @abstractmethod
    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        """Coordinates to start from, where every rule has multipliers."""

    def effect(self, steepest: FloatArray) -> FloatArray:
        """The most that one unit of a coordinate does to the surplus of an edge, (n,); ``steepest`` (A,) is the largest
        measure of each anchor's edges.
        """
        return steepest

    def unit(self, worth: float) -> FloatArray:
        """Units of the coordinates (n,), from the worth of one unit of the good."""
        return np.full(self.size, worth)

    def block(
        self, curvature: FloatArray, stiffness: FloatArray, free: NDArray[np.bool_], reply: Reply
    ) -> Callable[[FloatArray], FloatArray]:
        """The inverse, on free coordinates (n,), of the second derivative where that in prices is diagonal (A,), and
        the ``stiffness`` (n,) of the voice itself is shared by the members of a pool.
        """
        bent = self.diagonal(curvature)
        if reply.pool is None:
            inverse = np.divide(1.0, bent + stiffness, out=np.zeros_like(bent), where=free)
            return lambda residual: inverse * residual
        # diag(a) + c 1 1' in every pool (Sherman and Morrison 1950); what is not shared of the stiffness is in a.
        shared, pools = np.where(free, reply.stiffness, 0.0), reply.pool
        inverse = np.divide(1.0, bent + stiffness - reply.stiffness, out=np.zeros_like(bent), where=free)
        weight = 1.0 / (1.0 + np.bincount(pools, weights=shared * inverse))

        def apply(residual: FloatArray) -> FloatArray:
            plain = inverse * residual
            return plain - inverse * (shared * (weight * np.bincount(pools, weights=plain))[pools])

        return apply

    def admissible(self, x: FloatArray) -> FloatArray:
        """Coordinates whose conjugate is known exactly."""
        return x

    def first(self, even: Totals, payable: float) -> FloatArray:
        """Coordinates to begin with."""
        return np.zeros(self.size)

    def recentre(self, loads: FloatArray, curvature: FloatArray, temperature: float) -> None:
        """Take loads (n,) as the centre of what is near; ``curvature`` (n,) is how they answer coordinates by
        themselves, at a temperature in currency per unit of the good.
        """
        return None

    def away(self, reply: Reply) -> float:
        """What regularisation costs because answers are not at the centre, currency."""
        return 0.0

    def tighten(self, by: float) -> None:
        """Raise levels by this part of themselves."""
        return None

    def earned(self, loads: FloatArray) -> float:
        """First-order size of the terms of the objective at loads, currency."""
        return 0.0

    def room(self, amounts: FloatArray) -> float:
        """Smallest relative distance of amounts of the good (A,) to the levels of the constraints, below 0 where one
        is broken.
        """
        return np.inf


@dataclass(eq=False)
class Single(Voice):
    """All alpha-fair terms and hard bounds on one good: anchors answer alone. ``response`` None says nothing."""

    response: Response | None = None
    anchors: int = 0

    def __post_init__(self) -> None:
        self.kinked = self.response is not None and self.response.kinked
        self.positive = self.response is not None and not self.response.kinked

    @property
    def size(self) -> int:
        return self.anchors

    def spread(self, x: FloatArray) -> FloatArray:
        return x

    def gather(self, amounts: FloatArray) -> FloatArray:
        return amounts

    def diagonal(self, curvature: FloatArray) -> FloatArray:
        return curvature

    def reply(self, x: FloatArray, loads: FloatArray) -> Reply:
        if self.response is None:
            return Reply(0.0, loads, np.zeros(self.anchors))
        value, amounts, slopes = self.response.answer(x, loads)
        return Reply(value, amounts, -slopes)

    def shortfall(self, x: FloatArray, loads: FloatArray, worth: float) -> FloatArray:
        return np.zeros(self.anchors) if self.response is None else self.response.shortfall(x, loads, worth)

    def conjugate(self, x: FloatArray) -> float:
        return 0.0 if self.response is None else self.response.answer(x, np.zeros_like(x))[0]

    def multipliers(self, x: FloatArray) -> dict[int, Any]:
        return {} if self.response is None else self.response.split(x)

    def from_multipliers(self, given: dict[int, Any]) -> FloatArray | None:
        if self.response is None:
            return np.zeros(self.anchors)
        rules = (*self.response.terms, *self.response.boxes.rules)
        if any(id(rule) not in given for rule in rules):
            return None
        good = self.response.good
        return sum((rule.marginals(given[id(rule)])[good] for rule in rules), np.zeros(self.anchors))

    def first(self, even: Totals, payable: float) -> FloatArray:
        """The marginals at the even flow, but none far beyond what any segment would pay, unless the anchor's whole
        reach leaves it worth that: aversion to inequality can make them astronomic.
        """
        response = self.response
        if response is None or not response.terms:
            return np.zeros(self.anchors)
        at_even, least = response.slope_at(even.of(response.good)), response.slope_at(response.reach)
        return np.minimum(at_even, np.maximum(payable, least)) if payable > 0 else at_even

    def earned(self, loads: FloatArray) -> float:
        response = self.response
        if response is None:
            return 0.0
        return sum(float((marginal(t, loads) * loads).sum()) for t in response.terms)

    def tighten(self, by: float) -> None:
        if self.response is not None:
            self.response = replace(self.response, tight=self.response.tight + by)

    def room(self, amounts: FloatArray) -> float:
        if self.response is None or not self.response.boxes.rules:
            return np.inf
        boxes, far = self.response.boxes, np.full_like(amounts, np.inf)
        above = np.divide(amounts - boxes.lower, boxes.lower, out=far.copy(), where=boxes.lower > 0)
        unit = np.where(boxes.upper > 0, boxes.upper, np.maximum(self.response.reach, 1e-300))
        below = np.divide(boxes.upper - amounts, unit, out=far, where=boxes.upper < np.inf)
        return float(min(below.min(initial=np.inf), above.min(initial=np.inf)))
