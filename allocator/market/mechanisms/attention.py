"""One budget of attention, which viewers divide among platforms (B4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.dynamics import Outcome, State
from allocator.dynamics.parameters import positive, within
from allocator.market.mechanism import MarketMechanism, Standing, Streams

if TYPE_CHECKING:
    from allocator.market.market import Market
    from allocator.market.member import Member

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attention(MarketMechanism):
    """Viewers of vertical c choose platform q with the odds exp u_qc,
    u_qc = A_q + beta [(1 - b_q) w_c s_qc + b_q sum_c w_c s_qc] + variety log n_q - cost b_q,
    where s_qc is the share of its viewers who were on q in the last period, w_c the part of all viewers who watch c,
    b_q the member's breadth and n_q its anchors over those of the start.

    What is divided is what platforms have together, vertical by vertical: the sum of their supplies, as their own
    mechanisms (growth, events, departures) leave them, but at most ``most``. A platform that has no supply of a
    vertical by itself has no viewers of it: they are with the others at once.

    Parameters
    ----------
    network : float >= 0
        beta, how strongly viewers go where viewers are. Assumption.
    appeal : mapping of member to number, optional
        A_q; by default such that viewers stay where they are at the start, where nothing else changes.
    speed : float in [0, 1]
        The part of viewers who choose anew in a period; fixed points do not depend on it. Assumption.
    verticals : str, optional
        The attribute of segments that names their vertical; one vertical by default.
    variety : float >= 0
        What many anchors are worth to viewers. None by default.
    cost : float >= 0
        What breadth costs viewers who look for something: with an ``appeal`` only. None by default.
    most : float > 0, optional
        H, impressions a period for which all viewers together have time. No limit by default.
    at : mapping of member to share or (C,) of shares, optional
        Where viewers are at the start, verticals in alphabetical order; where supplies are by default.

    Notes
    -----
    Derived here (T8): at the even split of K alike platforms a deviation grows by beta_c / K a choice, where beta_c is
    beta [b + (1 - b) / C] if all C alike verticals tilt together and beta (1 - b) / C if they tilt apart: it is stable
    iff both are below K.
    """

    network: float = 0.0
    appeal: Mapping[str, float] | None = None
    speed: float = 1.0
    verticals: str | None = None
    variety: float = 0.0
    cost: float = 0.0
    most: float | None = None
    at: Mapping[str, ArrayLike] | None = None

    def __post_init__(self) -> None:
        within("network", self.network, 0.0, math.inf, "how strongly viewers go where viewers are")
        within("speed", self.speed, 0.0, 1.0, "the part of viewers who choose anew in a period")
        within("variety", self.variety, 0.0, math.inf, "what many anchors are worth to viewers")
        within("cost", self.cost, 0.0, math.inf, "what breadth costs viewers")
        if self.cost and self.appeal is None:
            raise ValueError("cost lowers an appeal that is given, and none is; the appeal by default makes up for it")
        if self.most is not None:
            positive("most", self.most, "impressions a period for which viewers have time")
        for name, appeal in (self.appeal or {}).items():
            within(f"appeal of {name}", appeal, -math.inf, math.inf, "how attractive a platform is by itself")
        for name, share in (self.at or {}).items():
            within(f"at of {name}", share, 0.0, math.inf, "the part of viewers who are there at the start", many=True)

    def check(self, market: Market) -> None:
        """Refuse members without appeal or share, and verticals that segments do not have."""
        for what, given in (("appeal", self.appeal), ("at", self.at)):
            lacking = [] if given is None else [name for name in market.names if name not in given]
            if lacking:
                raise ValueError(f"{what} has nothing for {lacking[0]}; it needs an entry for every member")
            for name in given or {}:
                market.known(what, name)
        for member in market.members:
            if self.verticals is not None and self.verticals not in member.platform.segments:
                raise ValueError(f"segments of {member.name} have no '{self.verticals}' that names their vertical")
        _, count = self._verticals(market)
        for name, share in (self.at or {}).items():
            if np.shape(share) not in ((), (count,)):
                raise ValueError(f"at of {name} has shape {np.shape(share)}; it needs a number or ({count},)")
        if self.at is not None and not np.all(self._placed(market, count).sum(axis=0) > 0):
            raise ValueError("at puts the viewers of a vertical nowhere; some member must have a share above zero")

    def _verticals(self, market: Market) -> tuple[dict[str, NDArray[np.int64]], int]:
        """The vertical of every segment of every member, and how many there are."""
        if self.verticals is None:
            return {
                member.name: np.zeros(member.platform.segment_count, dtype=np.int64) for member in market.members
            }, 1
        columns = [member.platform.segments[self.verticals].astype(str) for member in market.members]
        names = np.unique(np.concatenate(columns))
        codes = [np.searchsorted(names, column) for column in columns]
        return dict(zip(market.names, codes, strict=True)), names.size

    def start(self, market: Market, states: Mapping[str, State]) -> Mapping[str, Any]:
        """Where viewers are, what draws them there, and how many anchors there are."""
        vertical, count = self._verticals(market)
        own = self._own(market, states, vertical, count)
        shares = _among_those_who_have(own if self.at is None else self._placed(market, count), own)
        crowds = np.array([float(states[name]["present"].sum()) for name in market.names])
        stocks = {"vertical": vertical, "shares": shares, "crowds": crowds}
        if self.appeal is not None:
            appeal = np.array([[self.appeal[name]] for name in market.names]) - self.cost * _breadth(market)
            return stocks | {"appeal": np.broadcast_to(appeal, shares.shape)}
        with np.errstate(divide="ignore"):
            return stocks | {"appeal": np.log(shares) - self.network * self._seen(market, shares, own)}

    def _placed(self, market: Market, count: int) -> FloatArray:
        """What is said of where viewers are, (K, C)."""
        return np.array([np.broadcast_to(np.asarray(self.at[name], np.float64), count) for name in market.names])

    @staticmethod
    def _own(market: Market, states: Mapping[str, State], vertical: Mapping, count: int) -> FloatArray:
        """Impressions that members have of every vertical by themselves, (K, C)."""
        return np.array(
            [np.bincount(vertical[m.name], weights=m.supply(states[m.name]), minlength=count) for m in market.members]
        )

    @staticmethod
    def _seen(market: Market, shares: FloatArray, own: FloatArray) -> FloatArray:
        """The viewers whom viewers see on every platform, (K, C)."""
        weights = own.sum(axis=0) / (own.sum() or 1.0)
        mine, breadth = weights * shares, _breadth(market)
        return (1.0 - breadth) * mine + breadth * mine.sum(axis=1, keepdims=True)

    def supplied(self, now: Standing, member: Member) -> FloatArray:
        """What the member has of its verticals over what it has by itself, (S,)."""
        vertical, shares = now.stocks["vertical"], now.stocks["shares"]
        own = self._own(now.market, now.states, vertical, shares.shape[1])
        place = now.market.names.index(member.name)
        there = own.sum(axis=0)
        if self.most is not None and there.sum() > self.most:
            there = there * (self.most / there.sum())
        factor = np.divide(shares[place] * there, own[place], out=np.ones_like(there), where=own[place] > 0)
        return factor[vertical[member.name]]

    def step(self, then: Standing, outcomes: Mapping[str, Outcome], now: Standing, streams: Streams) -> Standing:
        """Where viewers go next."""
        market, shares = now.market, now.stocks["shares"]
        own = self._own(market, now.states, now.stocks["vertical"], shares.shape[1])
        utility = now.stocks["appeal"] + self.network * self._seen(market, shares, own)
        if self.variety > 0:
            crowds = np.array([float(now.states[name]["present"].sum()) for name in market.names])
            with np.errstate(divide="ignore"):
                utility = utility + self.variety * np.log(crowds / np.maximum(now.stocks["crowds"], 1.0))[:, None]
        utility = np.where(own > 0, utility, -np.inf)
        best = utility.max(axis=0)
        known = np.isfinite(best)
        chosen = _divided(np.exp(utility - np.where(known, best, 0.0)))
        moved = shares + self.speed * (np.where(known, chosen, shares) - shares)
        rests = np.where(own.sum(axis=0) > 0, _among_those_who_have(moved, own), shares)
        return now.with_stocks({"shares": rests})


def _breadth(market: Market) -> FloatArray:
    return np.array([[member.breadth] for member in market.members])


def _divided(held: FloatArray) -> FloatArray:
    """Shares of what members hold, vertical by vertical; zero where nobody holds anything."""
    whole = held.sum(axis=0)
    return np.divide(held, whole, out=np.zeros(held.shape), where=whole > 0)


def _among_those_who_have(held: FloatArray, own: FloatArray) -> FloatArray:
    """Shares (K, C) of what members hold, among those who have anything of a vertical by themselves; as these have it
    where none of them holds anything.
    """
    left = np.where(own > 0, held, 0.0)
    return np.where(left.sum(axis=0) > 0, _divided(left), _divided(own))
