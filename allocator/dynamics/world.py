"""A world: a platform, the mechanisms that move it, and one period of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome, Served
from allocator.dynamics.mechanisms import ORDER
from allocator.dynamics.parameters import refuse_private
from allocator.dynamics.state import State, sealed
from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.rules.levels import Where, anchors_where

FloatArray = NDArray[np.float64]
ROUNDING = 1e-8
"""Part of a segment's supply that counts as handed out when it was not."""
EITHER, ABOVE = ("present", "founder", "newcomer"), ("lives_on",)
"""Stocks that say yes or no, and those that something is divided by."""
Streams = Mapping[str, np.random.Generator]


@dataclass(frozen=True, eq=False)
class World:
    """A platform over time.

    One period, in this order:

    1. teams buy impressions (`Mechanism.bought`), at most what segments have;
    2. the policy hands out the rest, or a part of it;
    3. viewers whom nobody guides go where they like (`Mechanism.unguided`), if a mechanism says where;
    4. impressions sell: public ones at the value of their edge times the anchor's skill and what mechanisms make of it
       (`Mechanism.factor`, `Mechanism.premium`), private ones as `Mechanism.private` says;
    5. the mechanisms change their stocks one after the other (`Mechanism.step`), in the order of
       `allocator.dynamics.mechanisms.ORDER` whatever the order they are given in, those that it does not know last;
    6. who left loses all stocks, who came starts from zero in those that its mechanism did not set, and everybody else
       is a period older.

    Parameters
    ----------
    platform : Platform
        Its edges, with a place for every anchor; no private segments.
    mechanisms : sequence of Mechanism
        At most one of a kind.
    stocks : mapping of name to number or array, optional
        Where the world starts, in place of what the mechanisms say.

    Raises
    ------
    ValueError
        In one sentence.
    """

    platform: Platform
    mechanisms: tuple[Mechanism, ...] = ()
    stocks: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_private(self.platform)
        taken = [name for name in ("age", "newcomer") if name in self.platform.anchors]
        if taken:
            raise ValueError(f"anchors have an attribute '{taken[0]}', which a world gives them itself; rename it")
        for mechanism in self.mechanisms:
            if not isinstance(mechanism, Mechanism):
                raise TypeError(f"a world is made of mechanisms such as Flywheel(), not {mechanism!r}")
        kinds = [type(mechanism).__name__ for mechanism in self.mechanisms]
        twice = [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1]
        if twice:
            raise ValueError(f"a world has at most one {twice[0]}; put its parameters into one")
        ordered = sorted(self.mechanisms, key=lambda m: ORDER.index(type(m)) if type(m) in ORDER else len(ORDER))
        object.__setattr__(self, "mechanisms", tuple(ordered))
        for mechanism in self.mechanisms:
            mechanism.check(self.platform)
        self.start({kind: np.random.default_rng(0) for kind in kinds})

    def mechanism(self, kind: type[Mechanism]) -> Mechanism | None:
        """The mechanism of a kind, if the world has it."""
        return next((m for m in self.mechanisms if isinstance(m, kind)), None)

    def start(self, streams: Streams) -> State:
        """The state before the first period."""
        ones, demand = np.ones(self.platform.anchor_count), np.ones(self.platform.segment_count)
        stocks = {"present": ones, "founder": ones, "age": 0 * ones, "skill": ones, "demand": demand}
        stocks["exposure"] = self.platform.even_amounts("exposure")
        for mechanism in self.mechanisms:
            stocks |= mechanism.start(self.platform, streams[type(mechanism).__name__])
        self._refuse_missing(stocks)
        if not isinstance(self.stocks, Mapping):
            raise TypeError(f"stocks map names to numbers or arrays, not {self.stocks!r}")
        for name, given in self.stocks.items():
            if name not in stocks:
                raise ValueError(f"no stock is called '{name}' in this world (it has {', '.join(stocks)})")
            stocks[name] = self._given(name, given, np.shape(stocks[name]))
        state = State(0, {name: sealed(stock) for name, stock in stocks.items()})
        return state.without(state["present"] == 0)

    def _refuse_missing(self, stocks: Mapping[str, Any]) -> None:
        """Refuse a mechanism without the ones that it builds on."""
        for mechanism in self.mechanisms:
            lacking = [name for name in mechanism.needs if name not in stocks]
            if lacking:
                kind = type(mechanism).__name__
                raise ValueError(
                    f"{kind} builds on the stock '{lacking[0]}', which no mechanism of this world has; add the one "
                    "that does"
                )

    @staticmethod
    def _given(name: str, given: Any, shape: tuple[int, ...]) -> FloatArray:
        try:
            stock = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"the stock '{name}' is a number or an array, not {given!r}") from None
        if name in EITHER and not np.isin(stock, (0.0, 1.0)).all():
            raise ValueError(f"the stock '{name}' is 1 or 0 for every anchor")
        if name in ABOVE and not (stock > 0).all():
            raise ValueError(f"the stock '{name}' must be above zero")
        if stock.ndim and stock.shape != shape:
            raise ValueError(f"the stock '{name}' has shape {stock.shape}; it needs {shape}")
        if not (np.isfinite(stock).all() and (stock >= 0).all()):
            raise ValueError(f"the stock '{name}' must be finite and not negative")
        return np.broadcast_to(stock, shape)

    def supply(self, state: State) -> FloatArray:
        """Public impressions of each segment in a period, (S,)."""
        supply = self.platform.supply * state["demand"]
        for mechanism in self.mechanisms:
            factor = mechanism.traffic(state, self.platform)
            if factor is not None:
                supply = supply * factor
        return supply

    def view(self, state: State, *, rng: np.random.Generator, memory: Any = None) -> tuple[View, FloatArray | None]:
        """What the policy sees, and the impressions (E,) that are sold before it decides."""
        supply = self.supply(state)
        whole, sold = View(self, state, supply, rng, memory), None
        for mechanism in self.mechanisms:
            own = mechanism.bought(whole)
            if own is not None:
                sold = own if sold is None else sold + own
        if sold is None:
            return whole, None
        taken = self.platform.into_segments(sold)
        if (taken > supply).any():  # several may sell
            sold = sold * np.divide(supply, taken, out=np.ones_like(taken), where=taken > supply)[self.platform.segment]
        return View(self, state, np.maximum(supply - taken, 0.0), rng, memory), sold

    def shown(self, view: View) -> View:
        """What of a view a policy sees: not the stocks that mechanisms hide."""
        hidden = {name for mechanism in self.mechanisms for name in mechanism.hidden}
        stocks = {name: stock for name, stock in view.state.items() if name not in hidden}
        return replace(view, state=State(view.period, stocks)) if hidden else view

    def served(self, flow: FloatArray) -> Served:
        """What a flow (E,) gives to whom."""
        from allocator.kernels import playing

        p = self.platform
        return Served(flow, *playing.brought(p.indptr, p.anchor, p.value, flow, p.anchor_count))

    def play(self, view: View, guided: Served, sold: FloatArray | None, streams: Streams) -> Outcome:
        """What a period brings: what the policy hands out, viewers whom nobody guides, sales, private traffic."""
        served, bought = guided, np.zeros(self.platform.anchor_count)
        for mechanism in self._drifting:
            rest = view.supply - served.taken
            rest[rest <= ROUNDING * view.supply] = 0.0
            served = self.served(served.flow + mechanism.unguided(view, rest, streams[type(mechanism).__name__]))
        if sold is not None:
            served, bought = self.served(served.flow + sold), self.platform.into_anchors(sold)
        impressions = gmv = np.zeros(self.platform.anchor_count)
        for mechanism in self.mechanisms:
            private = mechanism.private(view)
            if private is not None:
                impressions, gmv = impressions + private[0], gmv + private[1]
        return Outcome(view, served, impressions, gmv, bought)

    @cached_property
    def _drifting(self) -> list[Mechanism]:
        return [m for m in self.mechanisms if type(m).unguided is not Mechanism.unguided]

    @cached_property
    def founders(self) -> float:
        """How many anchors there are at the start."""
        return float(np.count_nonzero(np.broadcast_to(self.stocks.get("present", 1.0), self.platform.anchor_count)))

    def anchors_where(self, where: Where) -> NDArray[np.bool_]:
        """Who is meant, (A,), as in `allocator.Floor`; what was said in words is looked up once."""
        if not isinstance(where, str | None):
            return anchors_where(self.platform, where)
        if where not in self._meant:
            self._meant[where] = anchors_where(self.platform, where)
        return self._meant[where]

    @cached_property
    def _meant(self) -> dict[str | None, NDArray[np.bool_]]:
        return {}

    def reach_at(self, supply: FloatArray) -> FloatArray:
        """Exposure of each anchor if all its segments, at some supply (S,), watched nobody else, (A,)."""
        if np.array_equal(supply, self.platform.supply):
            return self.platform.reach
        return self.platform.into_anchors(supply[self.platform.segment])

    @cached_property
    def mean_value(self) -> FloatArray:
        """GMV of an impression on each anchor at skill 1, averaged over its audience by supply, (A,)."""
        reach = self.platform.reach
        return np.divide(self.platform.sales_reach, reach, out=np.zeros(reach.size), where=reach > 0)

    def after(self, state: State, outcome: Outcome, streams: Streams) -> State:
        """The state at the start of the next period."""
        before = state["present"]
        for mechanism in self.mechanisms:
            state = state.with_stocks(mechanism.step(state, outcome, streams[type(mechanism).__name__]))
        present = state["present"] > 0
        if (before > state["present"]).any():
            state = state.without(~present)
        exposure = np.where(present, outcome.exposure, 0.0)
        age = np.where(present & (before > 0), state["age"] + 1.0, 0.0)
        return State(state.period + 1, state.with_stocks({"exposure": exposure, "age": age}).stocks)
