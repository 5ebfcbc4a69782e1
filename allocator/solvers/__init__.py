"""The solvers by name, and the public `solve`."""

from __future__ import annotations

from collections.abc import Callable

from allocator.allocation import Allocation
from allocator.driver import Goal, Solver, run
from allocator.linear_model import not_linear
from allocator.problem import Problem
from allocator.solvers.baselines import CappedBoost, EpsilonEven, Even, Greedy, Proportional
from allocator.solvers.conic import Conic
from allocator.solvers.flow import Flow, outside_transport
from allocator.solvers.linear import Linear
from allocator.solvers.min_cost_flow import MinCostFlow
from allocator.solvers.prices import Prices
from allocator.wording import suggestion

FLOW_EDGES = 300_000
CONIC_EDGES = 2_000

SOLVERS: dict[str, type[Solver]] = {
    "conic": Conic,
    "linear": Linear,
    "flow": Flow,
    "min_cost_flow": MinCostFlow,
    "prices": Prices,
    "greedy": Greedy,
    "even": Even,
    "proportional": Proportional,
    "epsilon_even": EpsilonEven,
    "capped_boost": CappedBoost,
}


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
    try:
        return SOLVERS[name](engine) if engine else SOLVERS[name]()
    except TypeError:
        raise ValueError(f"the solver '{name}' has no engine '{engine}'; write {name}") from None


def choose(problem: Problem, relative_gap: float = 1e-4) -> Solver:
    """The rule behind ``solver="auto"``, from measurements on two cores.

    - GMV under bounds on exposure is a transport problem: network simplex, exact, below `FLOW_EDGES` edges or for gaps
    below 1e-6;
      `prices` above (at 1e6 edges 0.8 s against 5 to 9 s).
    - Other linear problems: GLOP.
    - Alpha-fair terms and bounds: the conic model below `CONIC_EDGES` edges, where it is exact in a tenth of a second;
    `prices` above
      (at 1.2e5 edges 0.1 to 0.3 s against 35 to 120 s).
    - Everything else: the conic model.
    """
    edges, by_prices = problem.platform.edge_count, Prices().supports(problem) is None
    if outside_transport(problem) is None:
        return Flow() if edges < FLOW_EDGES or relative_gap < 1e-6 else Prices()
    if not_linear(problem) is None:
        return Linear()
    return Prices() if by_prices and edges >= CONIC_EDGES else Conic()


def solve(
    problem: Problem,
    *,
    solver: str | Solver = "auto",
    relative_gap: float = 1e-4,
    seconds: float | None = None,
    start: Allocation | None = None,
    report: Callable[[str], None] | None = None,
) -> Allocation:
    """Solve a problem and return a certified allocation.

    Parameters
    ----------
    problem : Problem
    solver : str or Solver
        A name of `SOLVERS` (``"linear:pdlp"`` chooses an engine), a solver object, or ``"auto"`` (see `choose`).
    relative_gap : float
        The allocation is CERTIFIED if its proved gap is at most this; a larger one gives FEASIBLE.
    seconds, start, report
        See `allocator.driver.Goal`.

    Raises
    ------
    ValueError
        For an unknown solver, or one that cannot express the problem (UnsupportedError).
    AllocationError
        If the rules contradict each other (proved, naming them) or no feasible flow was found.
    """
    if isinstance(solver, str):
        solver = choose(problem, relative_gap) if solver == "auto" else named(solver)
    return run(problem, solver, Goal(relative_gap, seconds, start, report))
