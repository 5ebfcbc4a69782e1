"""A market: platforms that share viewers and anchors, and what passes between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Outcome, Policy, State
from allocator.market.mechanism import MarketMechanism, Standing
from allocator.market.mechanisms import ORDER
from allocator.market.member import Member
from allocator.wording import suggestion

FloatArray = NDArray[np.float64]


class Ledger(NamedTuple):
    """Who gets how much of a period's sales: the ``revenue`` of every member, the ``income`` (A,) of its anchors, how
    much is ``closed`` in its own store, and what its anchors have sold in it themselves, ``own`` (A,).
    """

    revenue: Mapping[str, float]
    income: Mapping[str, FloatArray]
    closed: Mapping[str, float]
    own: Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Market:
    """Several platforms over time.

    One period, in this order:

    1. viewers are divided (`MarketMechanism.supplied`), and what an impression sells is known
       (`MarketMechanism.selling`);
    2. every member's world plays a period under the member's policy, as in `allocator.dynamics.simulate`;
    3. sales are settled (`MarketMechanism.settled`, `MarketMechanism.kept`);
    4. the mechanisms change where the market stands one after the other (`MarketMechanism.step`), in the order of
       `allocator.market.mechanisms.ORDER` whatever the order they are given in: anchors move, then viewers.

    Parameters
    ----------
    members : sequence of Member
        Of different names; their order means nothing.
    mechanisms : sequence of MarketMechanism
        At most one of a kind, or one of a kind for each member if the kind is about one member.

    Raises
    ------
    ValueError
        In one sentence.
    """

    members: Sequence[Member]
    mechanisms: Sequence[MarketMechanism] = ()

    def __post_init__(self) -> None:
        for thing, kind, example in (
            *((member, Member, 'Member("kuaishou", world, policy)') for member in self.members),
            *((mechanism, MarketMechanism, "Attention()") for mechanism in self.mechanisms),
        ):
            if not isinstance(thing, kind):
                raise TypeError(f"a market takes a {kind.__name__} such as {example} here, not {thing!r}")
        if not self.members:
            raise ValueError("a market has at least one member")
        members = sorted(self.members, key=lambda member: member.name)
        object.__setattr__(self, "members", tuple(members))
        twice = [name for name in dict.fromkeys(self.names) if self.names.count(name) > 1]
        if twice:
            raise ValueError(f"two members are called '{twice[0]}'; names must differ")
        units = {(member.platform.currency, member.platform.period) for member in members}
        if len(units) > 1:
            raise ValueError(f"members count in different units, {sorted(units)}; convert them first")
        self._order_mechanisms()
        for mechanism in self.mechanisms:
            mechanism.check(self)

    def _order_mechanisms(self) -> None:
        ordered = sorted(self.mechanisms, key=lambda m: m.subject)
        ordered.sort(key=lambda m: ORDER.index(type(m)) if type(m) in ORDER else len(ORDER))
        keys = [(type(mechanism).__name__, mechanism.subject) for mechanism in ordered]
        for key in keys:
            if keys.count(key) > 1:
                about = f" for {key[1]}" if key[1] else ""
                raise ValueError(f"a market has at most one {key[0]}{about}; put its parameters into one")
        object.__setattr__(self, "mechanisms", tuple(ordered))

    @cached_property
    def names(self) -> list[str]:
        """Names of members, in alphabetical order."""
        return [member.name for member in self.members]

    def __getitem__(self, name: str) -> Member:
        try:
            return self.members[self.names.index(name)]
        except ValueError:
            known = ", ".join(self.names)
            raise KeyError(f"no member is called '{name}'{suggestion(name, self.names)} (there are {known})") from None

    def known(self, what: str, name: str) -> Member:
        """The member whom a mechanism speaks of."""
        if name not in self.names:
            known = ", ".join(self.names)
            raise ValueError(f"{what} name '{name}'{suggestion(name, self.names)}, and the market has {known}")
        return self[name]

    def under(self, policies: Mapping[str, Policy]) -> Market:
        """The market with other policies for some members."""
        for name in policies:
            self.known("policies", name)
        changed = [replace(member, policy=policies.get(member.name, member.policy)) for member in self.members]
        return Market(changed, self.mechanisms)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place of everybody who has one anywhere on every member, (n, K), -1 for none; people by their ids."""
        ids = np.unique(np.concatenate([member.ids for member in self.members]))
        places = np.full((ids.size, len(self.members)), -1, dtype=np.int64)
        for k, member in enumerate(self.members):
            places[np.searchsorted(ids, member.ids), k] = np.arange(member.ids.size)
        return places

    def maturity(self, member: Member, period: int) -> float:
        """r of a member's own store in a period, with what alliances add to it."""
        return min(1.0, member.maturity + sum(m.matured(member, period) for m in self.mechanisms))

    def start(self, states: Mapping[str, State]) -> Standing:
        """Where the market stands before the first period."""
        stocks: dict[str, Any] = {}
        for mechanism in self.mechanisms:
            states = {**states, **mechanism.opened(self, states)}
        for mechanism in self.mechanisms:
            stocks |= mechanism.start(self, states)
        return Standing(self, 0, states, stocks)

    def supplied(self, now: Standing, member: Member) -> FloatArray:
        """What the market makes of a member's supply, (S,)."""
        return _product((m.supplied(now, member) for m in self.mechanisms), member.platform.segment_count)

    def selling(self, now: Standing, member: Member) -> FloatArray:
        """What the market makes of the value of a member's impressions, (A,)."""
        return _product((m.selling(now, member) for m in self.mechanisms), member.platform.anchor_count)

    def kept(self, now: Standing, member: Member) -> FloatArray:
        """The part of each anchor's sales in its own store that a member keeps, (A,)."""
        for mechanism in self.mechanisms:
            kept = mechanism.kept(now, member)
            if kept is not None:
                return kept
        return np.full(member.platform.anchor_count, member.commission)

    def ledger(self, now: Standing, outcomes: Mapping[str, Outcome]) -> Ledger:
        """Who gets how much of what a period has sold: all of it is somebody's, and shops outside take nothing."""
        kept = {member.name: self.kept(now, member) for member in self.members}
        own = {name: outcomes[name].gmv for name in self.names}
        revenue, income = dict.fromkeys(self.names, 0.0), {name: np.zeros(own[name].size) for name in self.names}
        closed = dict.fromkeys(self.names, 0.0)
        for mechanism in self.mechanisms:
            for by, at, gmv, fee in mechanism.settled(now, outcomes):
                taken = 0.0 if at is None else self[at].commission
                own[by] = own[by] - gmv
                income[by] = income[by] + (1.0 - fee - taken) * gmv
                revenue[by] += fee * float(gmv.sum())
                if at is not None:
                    revenue[at] += taken * float(gmv.sum())
                    closed[at] += float(gmv.sum())
        for name in self.names:
            revenue[name] += float((kept[name] * own[name]).sum())
            income[name] = income[name] + (1.0 - kept[name]) * own[name]
            closed[name] += float(own[name].sum())
        return Ledger(revenue, income, closed, own)


def _product(factors: Iterable[FloatArray | None], size: int) -> FloatArray:
    product = np.ones(size)
    for factor in factors:
        if factor is not None:
            product = product * factor
    return product
