"""Campaigns: phases, instruments and budgets, planned together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from allocator.dynamics.mechanism import Mechanism
from allocator.dynamics.mechanisms import Events, Flywheel, Products, Subsidies
from allocator.dynamics.mechanisms.phases import Phases
from allocator.dynamics.parameters import positive, whole, within
from allocator.dynamics.planning.campaign_plan import CampaignPlan
from allocator.dynamics.planning.instruments import AddedTraffic, Instrument, RedEnvelopes, SubsidisedProducts
from allocator.dynamics.planning.outlook import outlook, refuse_unforeseen
from allocator.dynamics.planning.ways import ADDED, ENVELOPES, PRODUCTS, Choices, during
from allocator.dynamics.world import World
from allocator.problem import Problem
from allocator.rules import GMV, Budget, Constraint, GroupShare
from allocator.solvers import solve
from allocator.subsidies import MARK, subsidise

REST = "rest"
"""What comes after the last phase."""


@dataclass(frozen=True, eq=False)
class Phase:
    """A part of a campaign.

    Parameters
    ----------
    name : str
    length : int
        Periods.
    surge : float >= 0
        Supply over that of other periods: shoppers come for an event, and have bought after it. Assumption.
    floors : mapping of tier to share
        The least share of the phase's traffic that each tier gets.
    spending : bool
        Whether instruments may be used in it.
    """

    name: str
    length: int
    surge: float = 1.0
    floors: Mapping[str, float] = field(default_factory=dict)
    spending: bool = True

    def __post_init__(self) -> None:
        whole(f"the length of {self.name}", self.length, 1, "periods")
        within(f"surge of {self.name}", self.surge, 0.0, math.inf, "supply in a phase over that of other periods")
        if self.name == REST:
            raise ValueError(f"'{REST}' is what comes after the phases; call this one otherwise")


@dataclass(frozen=True, eq=False)
class Campaign:
    """Phases in which a platform spends money and added traffic, in a world that Planner can plan.

    What is chosen, all at once: for every phase and segment how many impressions go to which anchor, which of them
    with red envelopes, subsidised products or both, and when and where traffic is added, so that discounted GMV until
    the last period is largest. Every impression that comes with something is an edge of its own to the same anchor,
    whose value and cost are known beforehand (see `allocator.dynamics.planning.outlook`), and budgets are rules, so
    that it is one linear problem, certified like any other. Within a phase traffic follows the supply of its periods.

    Parameters
    ----------
    phases : sequence of Phase
        From the first period on.
    instruments : sequence of RedEnvelopes, SubsidisedProducts, AddedTraffic
        At most one of a kind.
    tiers : str
        The attribute of anchors that floors speak of.
    """

    phases: Sequence[Phase]
    instruments: Sequence[Instrument] = ()
    tiers: str = "tier"

    def __post_init__(self) -> None:
        names, kinds = [phase.name for phase in self.phases], [type(i).__name__ for i in self.instruments]
        for what, all_of in (("phase", names), ("instrument", kinds)):
            twice = [one for one in dict.fromkeys(all_of) if all_of.count(one) > 1]
            if twice:
                raise ValueError(f"a campaign has at most one {what} {twice[0]}")
        if not names:
            raise ValueError("a campaign has at least one phase")

    @property
    def length(self) -> int:
        return sum(phase.length for phase in self.phases)

    @property
    def days(self) -> Phases:
        """Every period of the campaign as a phase of its own."""
        return tuple((t, 1) for t in range(self.length))

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First period of each phase, and the one behind its last."""
        ends = np.cumsum([0, *(phase.length for phase in self.phases)]).tolist()
        return {phase.name: (ends[k], ends[k + 1]) for k, phase in enumerate(self.phases)}

    def instrument(self, kind: type[Any]) -> Any:
        """The instrument of a kind, if there is one."""
        return next((i for i in self.instruments if isinstance(i, kind)), None)

    def world(self, world: World, mechanisms: Sequence[Mechanism] = (), *, subsidised: Any = None) -> World:
        """The world with the campaign's days, added traffic (``subsidised``: the part of it that is there on each day;
        all in phases of spending by default), and further mechanisms.
        """
        added, platform = self.instrument(AddedTraffic), world.platform
        if added is not None and added.impressions > 0:
            reach = platform.into_segments(1.0 * world.anchors_where(added.where)[platform.anchor]) > 0
            platform = subsidise(platform, added.where, added.most * float(platform.supply[reach].sum()))
        lengths = [phase.length for phase in self.phases]
        surge, spending = (np.repeat([getattr(p, of) for p in self.phases], lengths) for of in ("surge", "spending"))
        events = Events(self.days, surge, 1.0 * spending if subsidised is None else subsidised)
        return replace(world, platform=platform, mechanisms=(*world.mechanisms, events, *mechanisms))

    def mechanisms(self, phases: Phases, envelopes: Any, products: Any, *, limited: bool = True) -> list[Mechanism]:
        """What instruments do in phases, for the parts (phases, A) of anchors' impressions and sales that have them;
        with their budgets where ``limited``.
        """
        found: list[Mechanism] = []
        red, price = self.instrument(RedEnvelopes), self.instrument(SubsidisedProducts)
        if red is not None:
            strength, budget = red.strength * np.asarray(envelopes), red.budget if limited else None
            found.append(Subsidies(phases, strength, decay=red.decay, buying=red.buying, cost=red.cost, budget=budget))
        if price is not None:
            budget = price.budget if limited else None
            found.append(Products(phases, products, price.value, price.share_of_sales, budget=budget))
        return found

    def plan(self, world: World, periods: int, *, discount: float = 0.99, relative_gap: float = 1e-4) -> CampaignPlan:
        """Plan the campaign and what comes after it.

        Parameters
        ----------
        world : World
            Without Subsidies, Products and Events, which the campaign brings.
        periods : int
            H, at least as many as its phases have; nothing that comes later counts.
        """
        whole("periods", periods, self.length, "how far a plan reaches: as far as the phases or further")
        within("discount", discount, 0.0, 1.0, "the worth of a later period over this one")
        positive("relative_gap", relative_gap, "what is to be proved")
        self._check(world)
        choices = self._choices(world, periods, discount)
        allocation = solve(Problem(choices.platform, GMV(), self._rules(choices)), relative_gap=relative_gap)
        return CampaignPlan(self, world, choices, allocation)

    def _check(self, world: World) -> None:
        for mechanism in world.mechanisms:
            if isinstance(mechanism, Subsidies | Products | Events):
                kind = type(mechanism).__name__
                raise ValueError(f"a campaign decides on what {kind} does; leave them out of the world")
        refuse_unforeseen(world, leaving=False)
        if MARK in world.platform.segments:
            raise ValueError("the platform has subsidised segments already; AddedTraffic brings those of a campaign")
        if self.instrument(AddedTraffic) is not None and np.ndim(world.stocks.get("demand", 1.0)):
            raise ValueError("added traffic makes segments of its own, so that the stock 'demand' must be one number")
        if self.instrument(RedEnvelopes) is not None and world.mechanism(Flywheel) is None:
            raise ValueError("red envelopes win fans, and the world has no Flywheel; add it to its mechanisms")

    def _choices(self, world: World, periods: int, discount: float) -> Choices:
        """What may be done, seen from a world in which everybody has all."""
        envelopes, products = self.instrument(RedEnvelopes), self.instrument(SubsidisedProducts)
        everything = self.mechanisms(((0, self.length),), 1.0, 0.0, limited=False)
        ahead = outlook(self.world(world, everything), periods, discount)
        stages, free = dict(self.spans), [phase.spending for phase in self.phases]
        if periods > self.length:
            stages, free = stages | {REST: (self.length, periods)}, [*free, False]
        chosen = {ENVELOPES: envelopes, PRODUCTS: products}
        may = {name: world.anchors_where(i.where) for name, i in chosen.items() if i is not None}
        cost = 0.0 if envelopes is None else envelopes.cost
        return Choices(ahead, stages, free, may, products, cost)

    def _rules(self, choices: Choices) -> list[Constraint]:
        """Budgets, and floors by tier and phase."""
        rules: list[Constraint] = []
        for kind, measure in ((RedEnvelopes, ENVELOPES), (SubsidisedProducts, PRODUCTS)):
            instrument = self.instrument(kind)
            if instrument is not None:
                rules.append(Budget(of=measure, total=instrument.budget))
        if ADDED in choices.platform.measures:
            rules.append(Budget(of=ADDED, total=self.instrument(AddedTraffic).impressions))
        for phase in self.phases:
            if phase.floors and choices.outlook.supply[slice(*self.spans[phase.name])].any():
                rules.append(GroupShare(self.tiers, at_least=dict(phase.floors), of=during(phase.name)))
        return rules
