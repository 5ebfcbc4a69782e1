"""The problem of all periods at once, where it is convex: what no policy can exceed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.allocation import Allocation
from allocator.dynamics.parameters import positive, whole, within
from allocator.dynamics.planning.outlook import Outlook, outlook, refuse_unforeseen
from allocator.dynamics.planning.scheduled import Scheduled
from allocator.dynamics.planning.staying import Leavers, Staying, leavers
from allocator.dynamics.planning.unrolled import in_period, unrolled
from allocator.dynamics.policies.carried import solved_from
from allocator.dynamics.policies.policy import Decision, Policy
from allocator.dynamics.policies.today import all_of_those, of_today
from allocator.dynamics.view import View
from allocator.dynamics.world import World
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Constraint, Objective, Rule, Welfare
from allocator.rules.levels import per_anchor
from allocator.wording import called, quantity

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Flows of all periods, and what is proved about them.

    Attributes
    ----------
    flows : (H, E) impressions on the edges of the world's platform
    parts : tuple of Allocation
        One for each period where nothing couples them, else one of all periods together.
    given : float
        What followers who are there at the start buy, discounted, whatever is done.
    expected : bool
        Anchors may leave, and the flows are a relaxation of expectations: bounds hold, the flows cannot be played.
    """

    world: World
    flows: FloatArray
    parts: tuple[Allocation, ...]
    given: float
    expected: bool

    @property
    def periods(self) -> int:
        return self.flows.shape[0]

    @property
    def gmv(self) -> float:
        """Discounted GMV of all periods, currency as of the first."""
        return self.given + sum(part.gmv for part in self.parts)

    @property
    def objective(self) -> float:
        """Discounted GMV and the welfare terms."""
        return self.given + sum(part.certificate.objective for part in self.parts)

    @property
    def bound(self) -> float:
        """What is proved to be at least the objective of every flow of every policy under the same rules."""
        return self.given + sum(part.certificate.bound + part.certificate.rounding for part in self.parts)

    @property
    def relative_gap(self) -> float:
        """Bound less objective, over the size of the objective."""
        scale = sum(part.certificate.scale for part in self.parts)
        gap = max(sum(part.certificate.gap for part in self.parts), 0.0)
        return gap / scale if scale > 0 else max(part.certificate.relative_gap for part in self.parts)

    @property
    def policy(self) -> Scheduled:
        """The flows, to be played in the world.

        Raises
        ------
        ValueError
            If anchors may leave: then they are expectations, which nobody can hand out.
        """
        if self.expected:
            raise ValueError("anchors may leave in this world: its plan bounds what can be expected and is not played")
        return Scheduled(self.flows, self.relative_gap)

    def exposure(self, period: int) -> FloatArray:
        """Impressions of each anchor in a period, (A,)."""
        return self.world.platform.into_anchors(self.flows[period])

    def __repr__(self) -> str:
        what = "at most, in expectation" if self.expected else "GMV"
        gmv = self.bound if self.expected else self.gmv
        return f"Plan({self.periods} periods: {what} {quantity(gmv)}, relative gap {self.relative_gap:.2g})"


@dataclass(frozen=True, eq=False)
class Planner(Policy):
    """The flows of all periods that sell most together, where GMV is linear in them: worlds of Flywheel, Subsidies,
    Products, ShortVideo, Trust, Sessions, Growth and Events.

    An impression is worth its sale and what the followers whom it makes will buy until the last period, which is known
    beforehand (see `allocator.dynamics.planning.outlook`). Without rules over all periods every period is a problem of
    its own at these values, else all are one problem on the platform unrolled in time; both are certified by weak
    duality as any allocation is, and the bound is one on every policy that keeps the rules.

    `plan` also takes worlds with Newcomers and Starvation, in which anchors leave by chance: the bound is then one on
    what policies can expect (`Staying`), and the flows cannot be played.

    Parameters
    ----------
    periods : int
        H. Nothing that comes later counts.
    discount : float
        The worth of a later period over this one.
    rules : sequence of constraints on exposure
        Kept in every period.
    overall : sequence of constraints and welfare terms
        Of the totals of all periods: exposure, and GMV discounted with what followers buy later.
    relative_gap : float
    """

    periods: int
    discount: float = 0.99
    rules: Sequence[Constraint] = ()
    overall: Sequence[Constraint | Welfare | Objective] = ()
    relative_gap: float = 1e-4

    def __post_init__(self) -> None:
        whole("periods", self.periods, 1, "how far a plan reaches")
        within("discount", self.discount, 0.0, 1.0, "the worth of a later period over this one")
        positive("relative_gap", self.relative_gap, "what is to be proved")
        for rule in self.rules:
            if not isinstance(rule, Constraint):
                raise TypeError(f"rules are constraints of every period; {called(rule)} belongs into overall")
            if any(of != "exposure" for of in _goods(rule)):
                raise ValueError(f"{rule.name} is not about exposure: GMV of a single period depends on all before it")

    def check(self, world: World) -> None:
        """Refuse a world that no convex programme plans for."""
        refuse_unforeseen(world, leaving=False)
        self._check_rules(world)

    def _check_rules(self, world: World) -> None:
        for rule in (*self.rules, *self._overall):
            where = getattr(rule, "where", None)
            if of_today(where):
                raise ValueError(f"{rule.name} speaks of {where}, which changes in time; name anchors of the start")
            if where is not None:
                world.anchors_where(where)

    @property
    def _overall(self) -> list[Constraint | Welfare]:
        """Constraints and single terms of all periods."""
        single = ([o] if isinstance(o, Constraint) else Objective.coerce(o).terms for o in self.overall)
        return [rule for rules in single for rule in rules]

    def plan(self, world: World) -> Plan:
        """Solve the problem of all periods from the world's start.

        Raises
        ------
        ValueError
            In one sentence, for other worlds.
        AllocationError
            If the rules contradict each other.
        """
        refuse_unforeseen(world, leaving=True)
        self._check_rules(world)
        ahead = outlook(world, self.periods, self.discount)
        if not ahead.first.present[world.platform.anchor].any():
            raise ValueError("nobody whom a segment watches is there at the start, so that there is nothing to plan")
        going = leavers(ahead.first, self.periods)
        parts: list[Allocation] = []
        for problem in self._together(ahead, going) if going or self.overall else self._apart(ahead):
            before, view = parts[-1] if parts else None, ahead.first
            parts.append(solved_from(before, view.places, problem, view, relative_gap=self.relative_gap))
        flows = np.zeros((self.periods, world.platform.edge_count))
        flows[:, ahead.first.edges] = np.concatenate([part.flow for part in parts]).reshape(self.periods, -1)
        return Plan(world, flows, tuple(parts), float(ahead.given.sum()), bool(going))

    def _apart(self, ahead: Outlook) -> Iterator[Problem]:
        for period in range(self.periods):
            platform = replace(ahead.first.platform, value=ahead.worth(period), supply=ahead.supply[period])
            yield Problem(platform, GMV(), all_of_those(self.rules, ahead.first, platform))

    def _together(self, ahead: Outlook, going: Sequence[Leavers]) -> Iterator[Problem]:
        platform = unrolled(ahead, by_period=bool(self.rules))
        daily = all_of_those(self.rules, ahead.first, platform)
        rules = [_of_period(rule, t, ahead) for t in range(self.periods) for rule in daily]
        objective = Objective.coerce(GMV())
        for rule in all_of_those(self._overall, ahead.first, platform):
            if isinstance(rule, Constraint):
                rules.append(rule)
            else:
                objective += rule
        yield Problem(platform, objective, [*rules, *(_staying(those, ahead, platform) for those in going)])

    def __call__(self, view: View) -> Decision:
        """Play the plan."""
        plan = self.plan(view.world).policy if view.memory is None else view.memory
        return replace(plan(view), memory=plan)


def _goods(rule: Rule) -> Iterator[str]:
    """What a rule and those within it are about."""
    yield rule.of
    for entry in vars(rule).values():
        if isinstance(entry, Rule):
            yield from _goods(entry)


def _of_period(rule: Any, period: int, ahead: Outlook) -> Any:
    """A rule of one period on the unrolled platform; what an anchor can serve is so much a period."""
    level = getattr(rule, "level", None)
    if isinstance(level, str) and level.startswith("capacity"):
        rule = replace(rule, level=per_anchor(ahead.first.platform, level, of="exposure", neutral=rule.neutral))
    return replace(rule, of=in_period(period))


def _staying(those: Leavers, ahead: Outlook, platform: Platform) -> Staying:
    """The rule of those who may leave on the unrolled platform."""
    place = np.full(ahead.first.present.size, -1)
    place[ahead.first.places] = np.arange(ahead.first.places.size)
    one = np.full(platform.anchor_count, -1)
    one[place[those.anchors]] = np.arange(those.anchors.size)
    edges = np.flatnonzero(one[platform.anchor] >= 0)
    period = np.asarray(platform.segments["period"])[platform.segment[edges]]
    return Staying(those, edges, period, one[platform.anchor[edges]])
