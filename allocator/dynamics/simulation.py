"""Playing a world forward under a policy."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.driver import AllocationError
from allocator.dynamics.interruption import heard
from allocator.dynamics.mechanism import Outcome, Served
from allocator.dynamics.parameters import whole
from allocator.dynamics.policies import Decision, Even, Policy
from allocator.dynamics.state import State
from allocator.dynamics.trajectory import Trajectory
from allocator.dynamics.view import View
from allocator.dynamics.world import World
from allocator.metrics import head_size
from allocator.wording import some

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-9
"""Relative excess of a segment's supply that counts as rounding."""


def simulate(
    world: World,
    policy: Policy,
    *,
    periods: int,
    rng: np.random.Generator,
    report: Callable[[str], None] | None = None,
    watch: Callable[[Outcome], None] | None = None,
) -> Trajectory:
    """Play a world forward.

    Parameters
    ----------
    world : World
    policy : Policy
        It sees the state at the start of a period and decides on the period's flow.
    periods : int
    rng : Generator
        Every mechanism, and the policy, has a stream of its own name, so that chance strikes alike whatever else the
        world has and whatever the policy does.
    report : callable, optional
        Receives a line of text per period.
    watch : callable, optional
        Receives the `Outcome` of every period: what single anchors got, which a trajectory does not keep.

    Raises
    ------
    ValueError
        If a policy hands out what it does not have, naming the segments.
    """
    whole("periods", periods, 1, "how often the policy decides")
    play, rows = Play(world, policy, seed=drawn_seed(rng)), []
    with heard() as raise_if_interrupted:
        for period in range(periods):
            outcome, row = play.advance(raise_if_interrupted)
            if watch is not None:
                watch(outcome)
            rows.append(row)
            if report is not None:
                report(f"period {period + 1} of {periods}, GMV {row['gmv']:.4g}")
    return Trajectory(dict(columns_of(rows)), repr(policy), play.state)


class Play:
    """A world as it is played under a policy, one period after the other.

    Between two periods others may change ``state``, as a market does.

    Parameters
    ----------
    world : World
    policy : Policy
    seed : sequence of int
        Of the random streams, which know nothing of each other.
    """

    def __init__(self, world: World, policy: Policy, *, seed: Sequence[int]) -> None:
        if not isinstance(policy, Policy):
            raise TypeError(f"a policy is an object such as Optimal() or Even(), not {policy!r}")
        policy.check(world)
        self.world, self.policy = world, policy
        self._streams = streams(seed, [*(type(m).__name__ for m in world.mechanisms), "policy"])
        self.state = world.start(self._streams)
        self._memory: Any = None
        self._guided: Served | None = None

    def advance(self, decided: Callable[[], None]) -> tuple[Outcome, dict[str, Any]]:
        """Play a period: what it brought, and its row. ``decided`` is called once the policy has."""
        world, policy, state = self.world, self.policy, self.state
        view, sold = world.view(state, rng=self._streams["policy"], memory=self._memory)
        decision = _decided(policy, world.shown(view))
        decided()
        self._memory, guided = decision.memory, self._guided
        if guided is None or decision.flow is not guided.flow or decision.flow.flags.writeable:
            guided = self._guided = world.served(decision.flow)
        _refuse_more_than_there_is(policy, view, guided)
        outcome = world.play(view, guided, sold, self._streams)
        self.state = world.after(state, outcome, self._streams)
        return outcome, _row(world, self.state, outcome, decision)


def drawn_seed(rng: np.random.Generator) -> list[int]:
    """What all streams of a run are derived from."""
    return rng.integers(0, 2**32, 4).tolist()


def streams(seed: Sequence[int], names: Iterable[str]) -> dict[str, np.random.Generator]:
    """A random stream for each name, of which the others know nothing."""
    return {name: np.random.default_rng(np.random.SeedSequence(seed_of(name, seed))) for name in names}


def seed_of(name: str, seed: Sequence[int]) -> list[int]:
    """What all that has a name is derived from."""
    return [*seed, zlib.crc32(name.encode())]


def _decided(policy: Policy, view: View) -> Decision:
    """A decision; traffic is spread evenly where the policy finds no flow."""
    try:
        decision = policy(view)
    except AllocationError:
        return Decision(Even().flow(view, view.state["present"]), failed=True)
    shape, edges = np.shape(decision.flow), view.world.platform.edge_count
    if shape != (edges,):
        raise ValueError(f"{policy!r} returned a flow of shape {shape}; it needs ({edges},)")
    return decision


def _refuse_more_than_there_is(policy: Policy, view: View, guided: Served) -> None:
    if not (guided.least >= 0.0 and np.isfinite(guided.taken).all()):
        raise ValueError(f"{policy!r} returned a flow that is negative or not finite in period {view.period}")
    over = guided.taken > view.supply * (1.0 + TOLERANCE)
    if over.any():
        ids = view.world.platform.segments["id"][over].tolist()
        raise ValueError(f"{policy!r} handed out more than segments {some(ids)} have in period {view.period}")


def _row(world: World, state: State, outcome: Outcome, decision: Decision) -> dict[str, Any]:
    view = outcome.view
    before, present = view.present, state["present"] > 0
    public, private = float(outcome.public_gmv.sum()), float(outcome.private_gmv.sum())
    row = {
        "period": view.period,
        "gmv": public + private,
        "gmv_public": public,
        "gmv_private": private,
        "exposure": float(outcome.exposure.sum()),
        "private": float(outcome.private_impressions.sum()),
        "supply": float(world.supply(view.state).sum()),
        "present": int(before.sum()),
        "left": int((before & ~present).sum()),
        "survivors": float(state["founder"].sum()) / max(world.founders, 1.0),
    }
    row |= _concentration(outcome.exposure[before])
    if decision.relative_gap is not None:
        row["relative_gap"] = max(decision.relative_gap, 0.0)
    row |= {"relaxed": int(decision.relaxed), "failed": int(decision.failed)}
    for mechanism in world.mechanisms:
        row |= mechanism.columns(state, outcome)
    return row


def _concentration(exposure: FloatArray) -> dict[str, float]:
    """Gini, HHI and the share of the top 1 % as `allocator.metrics` has them, from one sort: periods are many."""
    count = exposure.size
    if count == 0:
        return {"gini": 0.0, "hhi": 1.0, "top_share": 0.0}
    ordered = np.sort(exposure) if exposure.any() else np.ones(count)
    shares = ordered / ordered.sum()
    gini = max(0.0, (2.0 * float((np.arange(1, count + 1) * shares).sum()) - count - 1.0) / count)
    top = float(shares[count - head_size(count, 0.01) :].sum())
    return {"gini": gini, "hhi": float((shares**2).sum()), "top_share": top}


def columns_of(rows: list[dict[str, Any]]) -> Iterator[tuple[str, FloatArray]]:
    """Arrays (T,); a gap that a period lacks is infinite, as nothing was proved."""
    for name in dict.fromkeys(name for row in rows for name in row):
        column = np.array([row.get(name, np.inf) for row in rows], dtype=np.float64)
        column.flags.writeable = False
        yield name, column
