"""What a policy sees: the platform and its state at the start of a period, nothing of what comes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.state import State
from allocator.graph import Platform

if TYPE_CHECKING:
    from allocator.dynamics.world import World

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """A period as it begins.

    Attributes
    ----------
    world : World
        Its platform, with a place for every anchor, and its mechanisms with their parameters.
    state : State
        Stocks now.
    supply : (S,) impressions / period that the policy may hand out
    memory : what the policy's last decision left to itself
    rng : the policy's own random stream
    """

    world: World
    state: State
    supply: FloatArray
    rng: np.random.Generator
    memory: Any = None

    @property
    def period(self) -> int:
        return self.state.period

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Anchors who are there, (A,)."""
        return self.state["present"] > 0

    @cached_property
    def selling(self) -> FloatArray:
        """Factor on all that an anchor sells, zero for those who are not there, (A,)."""
        return self._times("factor", self.state["skill"] * self.state["present"])

    @cached_property
    def weight(self) -> FloatArray:
        """Factor on the value of every anchor's public impressions, zero for those who are not there, (A,)."""
        return self._times("premium", self.selling)

    def _times(self, hook: str, weight: FloatArray) -> FloatArray:
        for mechanism in self.world.mechanisms:
            factor = getattr(mechanism, hook)(self)
            if factor is not None:
                weight = weight * factor
        return weight

    @cached_property
    def reach(self) -> FloatArray:
        """Exposure each anchor would have if what may be handed out of all its segments went to it, (A,)."""
        return self.world.reach_at(self.supply)

    @cached_property
    def edges(self) -> NDArray[np.int64] | slice:
        """Positions of the edges to anchors who are there."""
        if self.present.all():
            return slice(None)
        return np.flatnonzero(self._there)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Positions of the anchors who are there."""
        return np.flatnonzero(self.present)

    @cached_property
    def platform(self) -> Platform:
        """The platform of those who are there, at today's values and supply, with ``newcomer`` and ``age`` among the
        attributes of anchors where anyone may be new.
        """
        whole, chosen, edges = self.world.platform, self.places, self.edges
        everybody = isinstance(edges, slice)
        anchor = whole.anchor if everybody else (np.cumsum(self.present) - 1)[whole.anchor[edges]]
        return Platform(
            whole.indptr if everybody else np.concatenate(([0], np.cumsum(self._there)))[whole.indptr],
            anchor,
            whole.value[edges] * self.weight[whole.anchor[edges]].astype(whole.value.dtype),
            self.supply,
            capacity=whole.capacity[chosen],
            observed=None if whole.observed is None else whole.observed[edges],
            measures={name: measure[edges] for name, measure in whole.measures.items()},
            segments=whole.segments,
            anchors=self._attributes,
            currency=whole.currency,
            period=whole.period,
        )

    @cached_property
    def _there(self) -> NDArray[np.bool_]:
        """Edges to anchors who are there, (E,)."""
        return self.present[self.world.platform.anchor]

    @property
    def _attributes(self) -> dict[str, NDArray]:
        known = {name: column[self.places] for name, column in self.world.platform.anchors.items()}
        known["age"] = self.state["age"][self.places].astype(np.int64)
        if "newcomer" in self.state:
            known["newcomer"] = self.state["newcomer"][self.places] > 0
        return known

    def whole(self, flow: FloatArray) -> FloatArray:
        """A flow on `platform` as one on the edges of the world's platform, (E,)."""
        if isinstance(self.edges, slice):
            return flow
        spread = np.zeros(self.world.platform.edge_count)
        spread[self.edges] = flow
        return spread
