"""A member of a market: a platform over time, its policy, and what sets it apart from others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Mechanism, Policy, State, View, World
from allocator.dynamics.parameters import within
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
NEW = "new"
"""The tier of those who are new in worlds without newcomers."""


@dataclass(frozen=True, eq=False)
class Selling(Mechanism):
    """What a market makes of a platform's supply and of the value of each anchor's impressions.

    It sets both before every period: the stock ``supplied``, a column (S, 1) that nobody takes for one of anchors, and
    ``selling`` (A,).
    """

    unplanned: ClassVar[str] = (
        "a plan is for a world by itself, and in a market viewers and anchors go where other platforms draw them; give "
        "the member a policy that decides period by period, such as Patient()"
    )

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Nothing yet."""
        return {"supplied": np.ones((platform.segment_count, 1)), "selling": np.ones(platform.anchor_count)}

    def traffic(self, state: State, platform: Platform) -> FloatArray:
        """The factor on supply, (S,)."""
        return state["supplied"][:, 0]

    def factor(self, view: View) -> FloatArray:
        """The factor, (A,)."""
        return view.state["selling"]


@dataclass(frozen=True, eq=False)
class Member:
    """A platform in a market.

    Parameters
    ----------
    name : str
        Letters, digits, ``-`` and ``_``; random streams are by name.
    world : World
        Its traffic at the start is what it has of the attention of viewers. Anchors with one ``id`` in several worlds
        are one person with a place on each (ids are 0, 1, 2, ... where a platform names none).
    policy : Policy
    commission : float in [0, 1]
        The part of the sales in its own store that the platform keeps. Assumption.
    maturity : float in [0, 1]
        r, the part of sales through links that its own store makes in their place: below 1 where the store is "far
        from mature" (s3). Assumption.
    intent : float >= 0
        How ready viewers are to buy, over others, for `Intent`: high or low (s3); numbers are assumptions.
    breadth : float in [0, 1]
        b, the part of what draws viewers that comes from all verticals alike, for `Attention`: narrow or broad (s1).
    session : float >= 0
        How long viewers stay, for `Threshold`, in any unit. No limit by default.
    """

    name: str
    world: World
    policy: Policy
    commission: float = 0.05
    maturity: float = 1.0
    intent: float = 1.0
    breadth: float = 1.0
    session: float = math.inf

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[\w-]+", self.name):
            raise ValueError(f"a member's name is made of letters, digits, - and _, not {self.name!r}")
        for kind, given, example in ((World, self.world, "World(platform)"), (Policy, self.policy, "Optimal()")):
            if not isinstance(given, kind):
                raise TypeError(f"{self.name} needs a {kind.__name__} such as {example}, not {given!r}")
        within("commission", self.commission, 0.0, 1.0, f"the part of sales that {self.name} keeps")
        within("maturity", self.maturity, 0.0, 1.0, f"how well {self.name}'s own store sells")
        within("intent", self.intent, 0.0, math.inf, f"how ready viewers of {self.name} are to buy")
        within("breadth", self.breadth, 0.0, 1.0, f"how far the verticals of {self.name} draw viewers together")
        if self.session != math.inf:
            within("session", self.session, 0.0, math.inf, f"how long viewers stay on {self.name}")

    @property
    def platform(self) -> Platform:
        """The platform of its world."""
        return self.world.platform

    @cached_property
    def played(self) -> World:
        """Its world, in which the market has a say in how many impressions there are and what they sell."""
        return replace(self.world, mechanisms=(*self.world.mechanisms, Selling()))

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Who has the places, (A,)."""
        return self.platform.anchors["id"].astype(str)

    def tiers(self) -> NDArray[np.str_]:
        """The tier of every place, (A,), nothing where a platform has none."""
        tier = self.platform.anchors.get("tier")
        return np.full(self.platform.anchor_count, "") if tier is None else tier.astype(str)

    def new(self, state: State) -> NDArray[np.bool_]:
        """Who is there and new, (A,): `Newcomers` know; without them those of tier ``new``."""
        new = state["newcomer"] > 0 if "newcomer" in state else self.tiers() == NEW
        return new & (state["present"] > 0)

    def supply(self, state: State) -> FloatArray:
        """Impressions that the platform could hand out if there were no market, (S,)."""
        return self.world.supply(state)
