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
from allocator.wording import suggestion

SOLVERS: dict[str, type[Solver]] = {
    "conic": Conic,
    "linear": Linear,
    "flow": Flow,
    "min_cost_flow": MinCostFlow,
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


def choose(problem: Problem) -> Solver:
    """The rule behind ``solver="auto"``: the most special method that can express the problem.

    Bounds on exposure under GMV alone are a transport problem: network simplex (exact, and fastest below about 5e5
    edges). Other linear problems: GLOP. Everything else: the conic model.
    """
    if outside_transport(problem) is None:
        return Flow()
    return Linear() if not_linear(problem) is None else Conic()


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
        solver = choose(problem) if solver == "auto" else named(solver)
    return run(problem, solver, Goal(relative_gap, seconds, start, report))
