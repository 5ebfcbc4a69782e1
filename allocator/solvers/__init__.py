"""The solvers by name, and the public `solve`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from allocator.allocation import Allocation, Status
from allocator.driver import AllocationError, Goal, Solver, UnsupportedError, run
from allocator.linear_model import not_linear
from allocator.problem import Problem
from allocator.solvers.baselines import Baseline, CappedBoost, EpsilonEven, Even, Greedy, Proportional
from allocator.solvers.conic import Conic
from allocator.solvers.dual_gradient import DualGradient
from allocator.solvers.flow import Flow
from allocator.solvers.frank_wolfe import FrankWolfe
from allocator.solvers.linear import Linear
from allocator.solvers.min_cost_flow import MinCostFlow
from allocator.solvers.networkx_simplex import NetworkX
from allocator.solvers.pop import Pop
from allocator.solvers.prices import Prices
from allocator.solvers.prices.assembly import couples
from allocator.solvers.tangents import Tangents
from allocator.solvers.transport import outside_transport
from allocator.wording import suggestion

THICK_EDGES, THICK = 60_000, 20
"""Edges and segments per anchor from which on `prices` is faster than network simplex."""
LARGE = 20_000
"""Edges from which on `prices` is tried before linear programming where rules couple anchors."""
TINY, THIN = 2_000, 3
"""Edges up to which the conic model, and segments per anchor below which `tangents` are tried before `prices` where
rules couple anchors."""
SECOND_OPINION = 300_000
"""Edges up to which a second solver is tried where the first did not certify."""

SOLVERS: dict[str, type[Solver]] = {
    "conic": Conic,
    "linear": Linear,
    "tangents": Tangents,
    "flow": Flow,
    "min_cost_flow": MinCostFlow,
    "prices": Prices,
    "frank_wolfe": FrankWolfe,
    "pop": Pop,
    "dual_gradient": DualGradient,
    "networkx": NetworkX,
    "greedy": Greedy,
    "even": Even,
    "proportional": Proportional,
    "epsilon_even": EpsilonEven,
    "capped_boost": CappedBoost,
}
BASELINES = tuple(name for name, kind in SOLVERS.items() if issubclass(kind, Baseline))
"""Those that do not optimise."""


def named(solver: str) -> Solver:
    """A solver from its name, or ``name:engine`` (such as ``linear:pdlp``).

    Raises
    ------
    ValueError
        For an unknown name, with the nearest one.
    """
    name, _, engine = solver.partition(":")
    if name not in SOLVERS:
        raise ValueError(
            f"no solver is called '{name}'{suggestion(name, SOLVERS)} (there are auto, {', '.join(SOLVERS)})"
        )
    if not engine:
        return SOLVERS[name]()
    options = dataclasses.fields(SOLVERS[name])
    if not options:
        raise ValueError(f"the solver '{name}' has no engine '{engine}'; write {name}")
    kind = type(options[0].default)
    try:
        return SOLVERS[name](**{options[0].name: kind(engine)})
    except (TypeError, ValueError) as error:
        raise ValueError(f"'{solver}' does not name a solver: {error}") from None


def candidates(problem: Problem) -> list[Solver]:
    """The rule behind ``solver="auto"``, from measurements on two cores; the first that certifies is taken.

    - GMV under bounds on exposure is a transport problem, and `flow` and `prices` both solve it to the last digits.
      Network simplex is faster on small graphs (2 against 3 ms at 1e4 edges) and, as a rule, where segments are few
      (at 1e6 edges and 10 per anchor 8 against 14 s on one family, 2.3 against 1.3 s on another); `prices` from 60,000
      edges and 20 segments per anchor on (0.05 to 0.07 against 0.11 to 0.44 s at 3e5 edges with 100 per anchor).
    - Other linear problems up to 20,000 edges: GLOP, then HiGHS, unless ranks of many anchors make them long. Larger
      ones: `prices` where it can take them (0.1 s for a head cap or a budget on 1.2e5 edges, GLOP over 10 s).
    - The others: `prices` (on 100 mixtures of one to four rules at 60 to 3,000 segments and 12 to 200 anchors 1.0 s on
      average, `tangents` 2.8 s), where rules couple anchors on fewer than three segments each `tangents` (on 26 such
      mixtures 0.4 s, `prices` 1.6 s, the conic model 1.5 s), and on up to 2,000 edges the conic model (to 1e-10, within
      0.05 s as a rule); what has no price per anchor, the conic model.
    """
    platform = problem.platform
    if outside_transport(problem) is None:
        edges, per_anchor = platform.edge_count, platform.segment_count / platform.anchor_count
        thick = edges >= THICK_EDGES and per_anchor >= THICK
        return [Prices(), Flow()] if thick else [Flow(), Prices(), Linear()]
    priced, small = Prices().supports(problem) is None, platform.edge_count <= LARGE
    if not_linear(problem) is None and (small or not priced) and not any(t.curved for t in problem.in_rows):
        return [Linear(), Linear("highs"), Conic()]
    if not priced:
        return [Conic(), Tangents()]
    if couples(problem) and platform.edge_count <= TINY:
        return [Conic(), Tangents(), Prices()]
    if couples(problem) and small and platform.segment_count < THIN * platform.anchor_count:
        return [Tangents(), Conic(), Prices()]
    return [Prices(), Tangents(), Conic()]


def _first_certified(problem: Problem, goal: Goal) -> Allocation:
    """Try the candidates in turn until one certifies; the best allocation otherwise, or the last error."""
    best, failure = None, None
    for solver in candidates(problem):
        if (best or failure) and (problem.platform.edge_count > SECOND_OPINION or goal.seconds is not None):
            break
        try:
            found = run(problem, solver, goal)
        except UnsupportedError:
            continue
        except AllocationError as error:
            if error.status is Status.INFEASIBLE:
                raise
            failure = error
            continue
        if best is None or found.certificate.gap < best.certificate.gap:
            best = found
        if best.status is Status.CERTIFIED:
            break
    if best is None:
        raise failure or UnsupportedError("no solver can express this problem")
    return best


def solve(
    problem: Problem,
    *,
    solver: str | Solver = "auto",
    relative_gap: float = 1e-4,
    seconds: float | None = None,
    start: Allocation | None = None,
    report: Callable[[str], None] | None = None,
    trace: Callable[[dict[str, float]], None] | None = None,
) -> Allocation:
    """Solve a problem and return a certified allocation.

    Parameters
    ----------
    problem : Problem
    solver : str or Solver
        A name of `SOLVERS` (``"linear:pdlp"`` chooses an engine), a solver object, or ``"auto"`` (see `candidates`).
    relative_gap : float
        The allocation is CERTIFIED if its proved gap is at most this; a larger one gives FEASIBLE.
    seconds, start, report, trace
        See `allocator.driver.Goal`.

    Raises
    ------
    ValueError
        For an unknown solver, or one that cannot express the problem (UnsupportedError).
    AllocationError
        If the rules contradict each other (proved, naming them) or no feasible flow was found.
    """
    goal = Goal(relative_gap, seconds, start, report, trace)
    if solver == "auto":
        return _first_certified(problem, goal)
    if isinstance(solver, str):
        solver = named(solver)
    if not isinstance(solver, Solver):
        raise TypeError(f"a solver is a name or a solver object such as Linear(), not {solver!r}")
    return run(problem, solver, goal)
