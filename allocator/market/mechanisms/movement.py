"""Anchors who move from platform to platform, or are on several (B6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Outcome, State
from allocator.dynamics.parameters import within
from allocator.market.mechanism import MarketMechanism, Standing, Streams
from allocator.market.prospects import expected_sales, left_of_sales, peers
from allocator.rules.levels import Where

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
PERSONAL = {"skill": 1.0, "wage": 1.0, "newcomer": 0.0}
"""Stocks that somebody has everywhere, and what it is on platforms that do not know of it."""


@dataclass(frozen=True, eq=False)
class Movement(MarketMechanism):
    """In a period some anchors look around and choose a platform, of those where they are or could be, with the odds
    exp(sense u_q / mean u), where u_q is what is left of the expected GMV of a period there after commissions, and
    after what shops take of sales through links: to each anchor, and in vacant places as much of sales as all there
    make through links.

    Expected is where they are what they have just sold, and elsewhere what those of their tier there have (newcomers if
    they are new), at the values of the place, with what the fans would buy who come along. Who moves takes the part psi
    of its fans along, its skill, and that it is new; nothing else. Ids say who has places where; who takes a vacant
    place by `Arrivals` is somebody who has no other.

    Parameters
    ----------
    rate : float in [0, 1]
        The part of anchors who look around in a period. Assumption.
    where : mask, ids or "attribute=value"
        Who looks around, as in `allocator.Floor`, of every member's places; everybody by default, who is not bound by
        contract.
    sense : float >= 0
        How much income counts; the mean of an anchor's options is the unit, so that it counts alike for small and
        large anchors: both are assumptions.
    carried : float in [0, 1]
        psi, the part of fans who come along. Assumption.
    multi : float in [0, 1]
        The part of movers who stay where they were as well. None by default.
    rescued : float in [0, 1]
        The part of those who leave a platform by themselves (`Defection`, `Newcomers`, `Starvation`) who choose another
        one. None by default.
    entry : float in [0, 1]
        The part of those who are nowhere who start again in a period, as newcomers. None by default.
    """

    rate: float = 0.01
    sense: float = 5.0
    carried: float = 0.5
    multi: float = 0.0
    rescued: float = 0.0
    entry: float = 0.0
    where: Where = None

    def __post_init__(self) -> None:
        within("rate", self.rate, 0.0, 1.0, "the part of anchors who look around in a period")
        within("sense", self.sense, 0.0, math.inf, "how much income counts")
        within("carried", self.carried, 0.0, 1.0, "the part of fans who come along")
        within("multi", self.multi, 0.0, 1.0, "the part of movers who stay as well")
        within("rescued", self.rescued, 0.0, 1.0, "the part of leavers who go to another platform")
        within("entry", self.entry, 0.0, 1.0, "the part of those who are nowhere who start again")

    def check(self, market: Market) -> None:
        """Refuse anchors who do not exist."""
        for member in market.members:
            member.world.anchors_where(self.where)

    def start(self, market: Market, states: Mapping[str, State]) -> Mapping[str, Any]:
        """Places with somebody who has no other, tiers, and nobody who has moved."""
        none = dict.fromkeys(market.names, 0.0)
        strangers = np.zeros(market.places.shape, dtype=bool)
        return {"strangers": strangers, "peers": peers(market), "came": none, "went": none}

    def step(self, then: Standing, outcomes: Mapping[str, Outcome], now: Standing, streams: Streams) -> Standing:
        """Where everybody is at the start of the next period."""
        market, places = now.market, now.market.places
        before, after = (_spread(standing, "present", 0.0) > 0 for standing in (then, now))
        unknown = then.stocks["strangers"]
        strangers = after & (unknown | ~before)
        here, lost = after & ~strangers, before & ~after & ~unknown
        draws = streams[""].random((2, places.shape[0]))
        moving = self._moving(here, self._free(market, here), lost, draws[0])
        free = (places >= 0) & ~after & ~lost
        options = free | (here & moving.looking[:, None])
        expected, fans = self._expected(then, outcomes, here, lost)
        origin, brought = self._origins(then, now, here, lost, expected)
        expected = np.where(here, expected, expected + (brought[:, None] * fans))
        chosen = self._chosen(market, expected, options, streams)
        moves = moving.any & (chosen >= 0)
        moves &= ~_at(here, chosen)
        stays = moves & moving.looking & (draws[1] < self.multi)
        leaves = moves & moving.looking & ~stays
        who = _Moves(np.flatnonzero(moves), chosen, origin, brought, leaves, stays, moving.entering)
        return _moved(then, now, who).with_stocks({"strangers": strangers})

    def _free(self, market: Market, here: Mask) -> Mask:
        """Who may look around wherever it is, (n,)."""
        bound = np.zeros(here.shape, dtype=bool)
        for k, member in enumerate(market.members):
            bound[here[:, k], k] = ~member.world.anchors_where(self.where)[market.places[here[:, k], k]]
        return np.asarray(~bound.any(axis=1))

    def _moving(self, here: Mask, free: Mask, lost: Mask, draws: FloatArray) -> _Moving:
        """Who chooses, and why, (n,)."""
        somewhere, left = here.any(axis=1), lost.any(axis=1)
        looking = somewhere & free & (draws < self.rate)
        fleeing = ~somewhere & left & (draws < self.rescued)
        entering = ~somewhere & ~left & (draws < self.entry)
        return _Moving(looking, looking | fleeing | entering, entering)

    def _expected(
        self, then: Standing, outcomes: Mapping[str, Outcome], here: Mask, lost: Mask
    ) -> tuple[FloatArray, FloatArray]:
        """What everybody may keep on every platform, and what a fan adds to it where nobody is yet, each (n, K)."""
        market, places = then.market, then.market.places
        was = here | lost
        skill, new = _own(then, was, "skill"), (_own(then, was, "newcomer") > 0) | ~was.any(axis=1)
        expected, fans = np.zeros(places.shape), np.zeros(places.shape)
        ledger = market.ledger(then, outcomes)
        for k, member in enumerate(market.members):
            has = places[:, k] >= 0
            place = places[has, k]
            outcome = outcomes[member.name]
            net = left_of_sales(then, member, outcome, ledger)[place]
            sales = expected_sales(then, member, then.stocks["peers"][member.name], outcome)
            known, fresh, fan = (part[place] for part in sales)
            elsewhere = np.where(new[has], fresh, known) * skill[has]
            expected[has, k] = net * np.where(here[has, k], outcome.gmv[place], elsewhere)
            fans[has, k] = net * fan * skill[has]
        return expected, fans

    def _origins(
        self, then: Standing, now: Standing, here: Mask, lost: Mask, expected: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """The platform that everybody would leave, -1 for none, and the fans who would come along, each (n,): of those
        where one is the one that brings least, else the one just left where one had most fans.
        """
        had, has = (_spread(standing, "fans", 0.0) for standing in (then, now))
        least = np.where(here, expected, np.inf).argmin(axis=1)
        most = np.where(lost, had, -1.0).argmax(axis=1)
        origin = np.where(here.any(axis=1), least, np.where(lost.any(axis=1), most, -1))
        fans = np.where(here.any(axis=1), _at(has, origin), _at(had, origin)) * (origin >= 0)
        return origin, self.carried * fans

    def _chosen(self, market: Market, expected: FloatArray, options: Mask, streams: Streams) -> NDArray[np.int64]:
        """The platform that everybody likes best, (n,), -1 where there is none: the largest of utilities with Gumbel
        noise has the odds of a logit.
        """
        noise = np.stack([streams[name].gumbel(size=options.shape[0]) for name in market.names], axis=1)
        count = options.sum(axis=1, keepdims=True)
        whole = (expected * options).sum(axis=1, keepdims=True)
        mean = np.divide(whole, count, out=np.zeros(count.shape), where=count > 0)
        relative = np.divide(expected, mean, out=np.zeros_like(expected), where=mean > 0)
        liked = np.where(options, self.sense * relative + noise, -np.inf)
        return np.where(options.any(axis=1), liked.argmax(axis=1), -1)

    def columns(self, then: Standing, now: Standing, member: Member) -> Mapping[str, float]:
        """Who has come from elsewhere, and gone elsewhere, by the end of the period."""
        return {"moved_in": now.stocks["came"][member.name], "moved_out": now.stocks["went"][member.name]}


class _Moving(NamedTuple):
    """Who looks around, who chooses at all, and who starts anew, each (n,)."""

    looking: Mask
    any: Mask
    entering: Mask


class _Moves(NamedTuple):
    """Who moves, to which platform, from which one, with how many fans, who leaves it or stays as well, and who is new:
    positions of people, and (n,) each.
    """

    people: NDArray[np.int64]
    to: NDArray[np.int64]
    origin: NDArray[np.int64]
    fans: FloatArray
    leaves: Mask
    stays: Mask
    new: Mask


def _spread(standing: Standing, name: str, default: float) -> FloatArray:
    """A stock of everybody on every platform, (n, K), and what is said where there is none."""
    places = standing.market.places
    spread = np.full(places.shape, default)
    for k, member in enumerate(standing.market.names):
        state, has = standing.states[member], places[:, k] >= 0
        if name in state:
            spread[has, k] = state[name][places[has, k]]
    return spread


def _at(spread: NDArray, where: NDArray[np.int64]) -> NDArray:
    """The entry of everybody on one platform, (n,)."""
    return np.take_along_axis(spread, np.maximum(where, 0)[:, None], axis=1)[:, 0]


def _own(standing: Standing, here: Mask, name: str) -> FloatArray:
    """A stock of everybody where they are, the largest if on several platforms, (n,)."""
    default = PERSONAL[name]
    found = np.where(here, _spread(standing, name, default), -np.inf).max(axis=1)
    return np.where(np.isfinite(found), found, default)


def _departed(now: Standing, moves: _Moves) -> tuple[dict[str, State], dict[str, float]]:
    """States without those who have gone, and the fans of those who have a second place; and how many have gone."""
    states, went, places = {}, {}, now.market.places
    for k, member in enumerate(now.market.members):
        state, out = now.states[member.name], moves.people[moves.origin[moves.people] == k]
        leaving, staying = out[moves.leaves[out]], out[moves.stays[out]]
        if staying.size and "fans" in state:
            fans = np.array(state["fans"])
            fans[places[staying, k]] -= moves.fans[staying]
            state = state.with_stocks({"fans": np.maximum(fans, 0.0)})
        states[member.name] = state.without(_mask(member, places[leaving, k]))
        went[member.name] = float(leaving.size)
    return states, went


def _moved(then: Standing, now: Standing, moves: _Moves) -> Standing:
    """Where the market stands after some have moved."""
    states, went = _departed(now, moves)
    own = {name: _at(_spread(then, name, default), moves.origin) for name, default in PERSONAL.items()}
    own = {name: np.where(moves.new | (moves.origin < 0), 1.0, entries) for name, entries in own.items()}
    came = {}
    for k, member in enumerate(now.market.members):
        into = moves.people[moves.to[moves.people] == k]
        place, brought = now.market.places[into, k], {}
        for name, entries in (own | {"fans": moves.fans}).items():
            brought[name] = np.zeros(member.platform.anchor_count)
            brought[name][place] = entries[into]
        states[member.name] = states[member.name].with_those(_mask(member, place), brought)
        came[member.name] = float(into.size)
    return now.with_states(states).with_stocks({"came": came, "went": went})


def _mask(member: Member, places: NDArray[np.int64]) -> Mask:
    mask = np.zeros(member.platform.anchor_count, dtype=bool)
    mask[places] = True
    return mask
