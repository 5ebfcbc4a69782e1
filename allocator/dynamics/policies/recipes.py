"""What platforms do without optimisation, period by period."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.parameters import within
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.view import View

FloatArray = NDArray[np.float64]


class Recipe(Policy):
    """A flow from weights of anchors (A,); it is the same as long as these and the supply are."""

    def weights(self, view: View) -> FloatArray:
        """What the flow depends on beside the supply, (A,)."""
        return view.weight

    def flow(self, view: View, weights: FloatArray) -> FloatArray:
        """The flow (E,)."""
        raise NotImplementedError

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        weights, before = self.weights(view), view.memory
        if before is not None and np.array_equal(before[0], weights) and np.array_equal(before[1], view.supply):
            return Decision(before[2], memory=before)
        flow = self.flow(view, weights)
        flow.flags.writeable = False
        return Decision(flow, memory=(weights, view.supply, flow))


def _passes() -> Any:
    from allocator.kernels import playing

    return playing


@dataclass(frozen=True)
class Even(Recipe):
    """Every segment spreads a part of its supply evenly over its anchors; the rest is left to viewers."""

    part: float = 1.0

    def __post_init__(self) -> None:
        within("part", self.part, 0.0, 1.0, "the part of the supply that is handed out")

    def weights(self, view: View) -> FloatArray:
        """Who is there."""
        return view.state["present"]

    def flow(self, view: View, weights: FloatArray) -> FloatArray:
        """An even flow."""
        platform = view.world.platform
        return _passes().shared(platform.indptr, platform.anchor, np.zeros(0), weights, self.part * view.supply)


@dataclass(frozen=True)
class Proportional(Recipe):
    """Every segment spreads its supply in proportion to value; one to whom nobody sells anything keeps it."""

    def flow(self, view: View, weights: FloatArray) -> FloatArray:
        """A proportional flow."""
        platform = view.world.platform
        return _passes().shared(platform.indptr, platform.anchor, platform.value, weights, view.supply)


@dataclass(frozen=True)
class Greedy(Recipe):
    """Every segment gives all to the anchor who sells most: the most GMV today, under no rule."""

    def flow(self, view: View, weights: FloatArray) -> FloatArray:
        """A flow of the largest values."""
        platform = view.world.platform
        return _passes().first(platform.indptr, platform.anchor, platform.value, weights, view.supply)


@dataclass(frozen=True)
class EpsilonEven(Recipe):
    """A part ``epsilon`` of the traffic is spread evenly, the rest greedily."""

    epsilon: float = 0.3

    def __post_init__(self) -> None:
        within("epsilon", self.epsilon, 0.0, 1.0, "the part of the traffic that is spread evenly")

    def flow(self, view: View, weights: FloatArray) -> FloatArray:
        """A mixture of flows."""
        even = Even().flow(view, view.state["present"])
        return (1.0 - self.epsilon) * Greedy().flow(view, weights) + self.epsilon * even


@dataclass(frozen=True)
class CappedBoost(Policy):
    """Greedy on boosted values: who has had less exposure than the mean counts up to ``boost`` times as much.

    The boost of an anchor is min(boost, mean / its exposure), after the ecosystem simulation of RecSim NG (cap 1.2),
    where exposure is an average of the past with weights that fall by ``forget`` a period.
    """

    boost: float = 1.2
    forget: float = 0.1

    def __post_init__(self) -> None:
        within("boost", self.boost, 1.0, math.inf, "the largest factor on the value of the less exposed")
        within("forget", self.forget, 0.0, 1.0, "what of the average of past exposure a period replaces")

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        there, now = view.state["present"], view.state["exposure"]
        average = now if view.memory is None else (1.0 - self.forget) * view.memory + self.forget * now
        mean = float((average * there).sum()) / max(float(there.sum()), 1.0)
        if view.period > 0:
            average = average * (view.state["age"] > 0)  # who has just come has had nothing
        lift = mean / np.maximum(average, mean / self.boost) if mean > 0 else 1.0
        return Decision(Greedy().flow(view, view.weight * np.maximum(lift, 1.0)), memory=average)
