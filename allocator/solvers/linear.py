"""Linear programming: GLOP and PDLP of OR-Tools, and HiGHS, all fed by arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.highs import highs
from allocator.linear_model import LinearModel, linear_model, not_linear
from allocator.problem import Problem

FloatArray = NDArray[np.float64]
Solution = tuple[FloatArray, FloatArray, int | None, str]
"""Variables, row duals (change of the maximum per unit of the bound), iterations, claim."""


TIGHTER = 0.1
"""What PDLP is asked for, in units of the gap: after repair its own is some five times that; HiPDLP's is not."""


@dataclass(frozen=True)
class Linear(Solver):
    """Every rule that is linear after an epigraph, by one of four engines.

    ``glop``: primal and dual simplex of OR-Tools, the default. ``highs``: dual simplex of HiGHS (Huangfu and Hall
    2018). ``pdlp``: restarted primal-dual hybrid gradients (Applegate et al. 2021), for large and loosely solved
    problems; ``hipdlp``: the same idea in HiGHS.
    """

    engine: str = "glop"

    packages: ClassVar[tuple[str, ...]] = ("ortools", "highspy", "scipy")

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(
                f"{type(self).__name__.lower()} has no engine '{self.engine}' (it has {', '.join(ENGINES)})"
            )

    def supports(self, problem: Problem) -> str | None:
        return not_linear(problem)

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        model = linear_model(problem, lifted=True)
        engine = ENGINES[self.engine](model, goal)

        def solve() -> Answer:
            z, dual, iterations, claim = engine()
            return Answer(model.flow(z), model.multipliers(dual), iterations, claim)

        return solve


def _glop(model: LinearModel, goal: Goal) -> Callable[[], Solution]:
    from ortools.linear_solver.python.model_builder_helper import ModelBuilderHelper, ModelSolverHelper, SolveStatus

    helper, arrays = ModelBuilderHelper(), model.arrays
    helper.fill_model_from_sparse_data(
        arrays.lowest, arrays.highest, arrays.objective, arrays.lower, arrays.upper, arrays.matrix
    )
    helper.set_maximize(True)
    solver = ModelSolverHelper("glop")
    # GLOP's own choice to dualise took 51 s against 31 s on a real graph of 266,792 edges, and never helped elsewhere.
    solver.set_solver_specific_parameters("solve_dual_problem: NEVER_DO")
    if goal.seconds is not None:
        solver.set_time_limit_in_seconds(goal.seconds)

    def solve() -> Solution:
        solver.solve(helper)
        status = solver.status()
        if status not in (SolveStatus.OPTIMAL, SolveStatus.FEASIBLE):
            late = goal.seconds is not None and status == SolveStatus.NOT_SOLVED
            raise NoAnswer(f"nothing within {goal.seconds} seconds" if late else status.name.lower().replace("_", " "))
        return solver.variable_values(), solver.dual_values(), None, status.name.lower()

    return solve


def _highs(model: LinearModel, goal: Goal, **options: Any) -> Callable[[], Solution]:
    options |= {} if goal.seconds is None else {"time_limit": goal.seconds}

    def solve() -> Solution:
        found = highs(model.arrays, options)
        if found.z is None:
            raise NoAnswer(found.message.lower())
        return found.z, found.dual, found.iterations, found.message.lower()

    return solve


def _hipdlp(model: LinearModel, goal: Goal) -> Callable[[], Solution]:
    return _highs(model, goal, solver="hipdlp", kkt_tolerance=max(goal.relative_gap, 1e-9))


def _pdlp(model: LinearModel, goal: Goal) -> Callable[[], Solution]:
    from ortools.pdlp import solve_log_pb2, solvers_pb2
    from ortools.pdlp.python import pdlp

    program, arrays = pdlp.QuadraticProgram(), model.arrays
    program.resize_and_initialize(arrays.objective.size, arrays.lower.size)
    program.objective_vector = -arrays.objective
    program.constraint_matrix = arrays.matrix.tocsc()
    program.constraint_lower_bounds, program.constraint_upper_bounds = arrays.lower, arrays.upper
    program.variable_lower_bounds, program.variable_upper_bounds = arrays.lowest, arrays.highest
    parameters = solvers_pb2.PrimalDualHybridGradientParams()
    criteria = parameters.termination_criteria.simple_optimality_criteria
    criteria.eps_optimal_relative = criteria.eps_optimal_absolute = max(TIGHTER * goal.relative_gap, 1e-10)
    if goal.seconds is not None:
        parameters.termination_criteria.time_sec_limit = goal.seconds

    def solve() -> Solution:
        result = pdlp.primal_dual_hybrid_gradient(program, parameters)
        reason = solve_log_pb2.TerminationReason.Name(result.solve_log.termination_reason).lower()
        if "infeasible" in reason or not np.isfinite(result.primal_solution).all():
            raise NoAnswer(reason)
        return (
            np.asarray(result.primal_solution),
            -np.asarray(result.dual_solution),
            result.solve_log.iteration_count,
            reason,
        )

    return solve


ENGINES: dict[str, Callable[[LinearModel, Goal], Callable[[], Solution]]] = {
    "glop": _glop,
    "highs": _highs,
    "pdlp": _pdlp,
    "hipdlp": _hipdlp,
}
