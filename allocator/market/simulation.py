"""Playing a market forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Outcome, Trajectory
from allocator.dynamics.interruption import heard
from allocator.dynamics.parameters import whole
from allocator.dynamics.simulation import Play, columns_of, drawn_seed, seed_of, streams
from allocator.market.market import Market
from allocator.market.mechanism import MarketMechanism, Standing
from allocator.market.trajectory import MarketTrajectory

FloatArray = NDArray[np.float64]
SUMS = ("gmv", "revenue", "supply", "present", "new", "new_exposure")
"""Columns that add up over members."""


def simulate(
    market: Market,
    *,
    periods: int,
    rng: np.random.Generator,
    report: Callable[[str], None] | None = None,
    watch: Callable[[Standing, Mapping[str, Outcome], Standing], None] | None = None,
) -> MarketTrajectory:
    """Play a market forward.

    Parameters
    ----------
    market : Market
    periods : int
    rng : Generator
        Every member has streams of its own name, and so has every mechanism of the market for every member. The only
        member of a market has those of `allocator.dynamics.simulate`, so that its run is that of its world alone.
    report : callable, optional
        Receives a line of text per period.
    watch : callable, optional
        Receives the standing before every period, the `Outcome` of each member and the standing after it.

    Raises
    ------
    ValueError
        If a policy hands out what it does not have, naming the segments.
    """
    whole("periods", periods, 1, "how often policies decide")
    seed = drawn_seed(rng)
    seeds = {name: seed_of(name, seed) if len(market.members) > 1 else seed for name in market.names}
    plays = {m.name: Play(m.played, m.policy, seed=seeds[m.name]) for m in market.members}
    chance = [_chances(seed, mechanism, market) for mechanism in market.mechanisms]
    then = market.start({name: play.state for name, play in plays.items()})
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in market.names}
    with heard() as raise_if_interrupted:
        for period in range(periods):
            now, outcomes, mine = _played(then, plays, raise_if_interrupted)
            for mechanism, drawn in zip(market.mechanisms, chance, strict=True):
                now = mechanism.step(then, outcomes, now, drawn)
            if watch is not None:
                watch(then, outcomes, now)
            _add(rows, mine, then, outcomes, now)
            then = now
            if report is not None:
                report(f"period {period + 1} of {periods}, GMV {sum(row['gmv'] for row in mine.values()):.4g}")
    runs = {
        member.name: Trajectory(dict(columns_of(rows[member.name])), repr(member.policy), then.states[member.name])
        for member in market.members
    }
    return MarketTrajectory(runs, _whole(runs))


def _chances(seed: list[int], mechanism: MarketMechanism, market: Market) -> dict[str, np.random.Generator]:
    """A stream of the mechanism for every member, and one for all of them, named by nothing."""
    name = f"{type(mechanism).__name__} {mechanism.subject}".rstrip()
    return streams(seed_of(name, seed), ["", *market.names])


def _played(
    then: Standing, plays: Mapping[str, Play], decided: Callable[[], None]
) -> tuple[Standing, dict[str, Outcome], dict[str, dict[str, Any]]]:
    """A period of every member: where the market stands then, outcomes, and rows."""
    states, outcomes, rows = {}, {}, {}
    for member in then.market.members:
        play, own = plays[member.name], then.states[member.name]
        supplied, selling = then.market.supplied(then, member), then.market.selling(then, member)
        play.state = own.with_stocks({"supplied": supplied[:, None], "selling": selling})
        outcomes[member.name], rows[member.name] = play.advance(decided)
        states[member.name] = play.state
    return Standing(then.market, then.period + 1, states, then.stocks), outcomes, rows


def _add(
    rows: Mapping[str, list[dict[str, Any]]],
    mine: Mapping[str, dict[str, Any]],
    then: Standing,
    outcomes: Mapping[str, Outcome],
    now: Standing,
) -> None:
    """Add what the market knows to the rows of a period."""
    ledger = then.market.ledger(then, outcomes)
    supply = sum(row["supply"] for row in mine.values()) or 1.0
    for member in then.market.members:
        name, row = member.name, mine[member.name]
        row |= {"revenue": ledger.revenue[name], "closed": ledger.closed[name], "attention": row["supply"] / supply}
        new = member.new(then.states[name])
        row |= {"new": float(new.sum()), "new_exposure": float(outcomes[name].exposure[new].sum())}
        for mechanism in then.market.mechanisms:
            row |= mechanism.columns(then, now, member)
        rows[name].append(row)


def _whole(runs: Mapping[str, Trajectory]) -> dict[str, FloatArray]:
    """Columns of all members together."""
    first = next(iter(runs.values()))
    columns = {"period": first["period"]}
    columns |= {name: np.sum([run[name] for run in runs.values()], axis=0) for name in SUMS}
    for name, of in (("hhi", "gmv"), ("attention_hhi", "supply")):
        columns[name] = _concentration(np.array([run[of] for run in runs.values()]))
    return columns


def _concentration(held: FloatArray) -> FloatArray:
    """HHI of members (K, T) in every period; that of even shares where nobody has anything."""
    total = held.sum(axis=0)
    shares = np.divide(held, total, out=np.full_like(held, 1.0 / held.shape[0]), where=total > 0)
    return (shares**2).sum(axis=0)
