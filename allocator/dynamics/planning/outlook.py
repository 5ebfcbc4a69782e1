"""What lies ahead of a world that decisions do not change, and what an impression is worth in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Audience, Mechanism
from allocator.dynamics.mechanisms import (
    Events,
    Flywheel,
    Growth,
    Newcomers,
    Products,
    Sessions,
    ShortVideo,
    Starvation,
    Subsidies,
    Trust,
)
from allocator.dynamics.view import View
from allocator.dynamics.world import World

FloatArray = NDArray[np.float64]
FORESEEN: tuple[type[Mechanism], ...] = (Flywheel, Subsidies, Products, ShortVideo, Trust, Sessions, Growth, Events)
"""Mechanisms whose stocks are either linear in traffic (followers) or the same whoever gets it."""
LEAVING: tuple[type[Mechanism], ...] = (Newcomers, Starvation)
"""Mechanisms by which anchors leave who get too little, with a probability that the concave hull bounds."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """The periods ahead (H of them) with everybody who is there at the start.

    Attributes
    ----------
    first : View
        Of the first period.
    discount : float
    supply : (H, S) impressions
    selling, weight : (H, A)
        Factors on what an anchor sells, and on what its public impressions sell.
    followers : mapping of mechanism to (H + 1, A)
        What a follower who is there when a period begins buys from then on, as of that period, currency.
    makes : mapping of mechanism to (H, A)
        Followers by a public impression.
    """

    first: View
    discount: float
    supply: FloatArray
    selling: FloatArray
    weight: FloatArray
    followers: dict[type[Mechanism], FloatArray]
    makes: dict[type[Mechanism], FloatArray]

    @property
    def periods(self) -> int:
        return self.supply.shape[0]

    def later(self, kind: type[Mechanism], period: int) -> FloatArray:
        """What the followers of an impression will buy, as of its period, (A,)."""
        return self.discount * self.makes[kind][period] * self.followers[kind][period + 1]

    @property
    def given(self) -> FloatArray:
        """What the followers who are there at the start will buy whatever is done, (A,)."""
        world, none = self.first.world, np.zeros(self.selling.shape[1])
        now = {kind: world.mechanism(kind).audience(self.first).followers for kind in self.followers}
        return sum((now[kind] * worth[0] for kind, worth in self.followers.items()), none)

    def worth(self, period: int) -> FloatArray:
        """Value of an impression on every edge with all that it brings later, as of the first period, to those who are
        there.
        """
        platform, edges = self.first.world.platform, self.first.edges
        anchor = platform.anchor[edges]
        later = sum((self.later(kind, period) for kind in self.followers), np.zeros(self.weight.shape[1]))
        now = platform.value[edges] * self.weight[period, anchor]
        return self.discount**period * (now + later[anchor])


def refuse_unforeseen(world: World, *, leaving: bool) -> None:
    """Refuse a world in which what comes depends on decisions otherwise than through followers."""
    kinds = {type(mechanism): type(mechanism).__name__ for mechanism in world.mechanisms}
    for kind, name in ((kind, name) for kind, name in kinds.items() if kind not in FORESEEN + LEAVING):
        if kind.unplanned:
            raise ValueError(kind.unplanned)
        known = ", ".join(kind.__name__ for kind in FORESEEN + LEAVING)
        raise ValueError(
            f"what {name} does is not linear in traffic, so that no convex programme plans for it (Planner knows "
            f"{known}); leave it out, or compare policies with simulate"
        )
    for name in (name for kind, name in kinds.items() if kind in LEAVING and not leaving):
        raise ValueError(
            f"with {name} anchors leave by chance, and what is planned for them cannot be played; Planner.plan "
            "bounds what any policy can expect"
        )
    for name in (kinds[type(m)] for m in world.mechanisms if getattr(m, "budget", None) is not None):
        raise ValueError(f"when the budget of {name} ends depends on what is served; a Campaign plans how it is spent")


def outlook(world: World, periods: int, discount: float) -> Outlook:
    """Look ahead.

    Derived here: a follower who is there when period t begins buys b_t in it, and the part k stays, so that it is
    worth W_t = b_t + d k W_{t+1}, with W_H = 0. An impression of period t makes m_t followers, who are there from the
    next period on, worth d m_t W_{t+1} as of period t. Stocks of followers are sums of what impressions made, so GMV is
    linear in the flow of all periods, at these prices.
    """
    foreseen = replace(world, mechanisms=tuple(m for m in world.mechanisms if type(m) in FORESEEN), stocks={})
    streams = {type(m).__name__: np.random.default_rng(0) for m in world.mechanisms}
    state, views = world.start(streams), []
    for _ in range(periods):
        view, _ = foreseen.view(state, rng=np.random.default_rng(0))
        views.append(view)
        nothing = foreseen.served(np.zeros(world.platform.edge_count))
        state = foreseen.after(state, foreseen.play(view, nothing, None, streams), streams)
    audiences: dict[type[Mechanism], list[Audience]] = {}
    for mechanism in foreseen.mechanisms:
        seen = [mechanism.audience(view) for view in views]
        found = [audience for audience in seen if audience is not None]
        if found:
            audiences[type(mechanism)] = found
    return Outlook(
        replace(views[0], world=world),
        discount,
        np.array([view.supply for view in views]),
        np.array([view.selling for view in views]),
        np.array([view.weight for view in views]),
        {kind: _worth_of_followers(found, discount) for kind, found in audiences.items()},
        {kind: np.array([audience.makes for audience in found]) for kind, found in audiences.items()},
    )


def _worth_of_followers(found: list[Audience], discount: float) -> FloatArray:
    """W, (H + 1, A)."""
    worth = np.zeros((len(found) + 1, found[0].makes.size))
    for t in range(len(found) - 1, -1, -1):
        worth[t] = found[t].buys + discount * found[t].kept * worth[t + 1]
    return worth
