"""Disciplined convex programming through CVXPY: any rule, small platforms; the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Totals, Welfare

FloatArray = NDArray[np.float64]
ENGINES = ("CLARABEL", "SCS")
LARGEST = 400_000
"""Edges beyond which building the model takes longer than anyone wants to wait."""


class Copies:
    """A rule's own copies of the amounts it speaks of, tied to the flow by equalities whose duals are its raw marginals."""

    def __init__(self, platform: Platform, flow: Any, impressions: float):
        self.platform, self.flow, self.impressions = platform, flow, impressions
        self.ties: dict[str, Any] = {}
        self._copies: dict[str, Any] = {}

    def of(self, good: str) -> Any:
        """Amount of a good per anchor, (A,), in user units."""
        import cvxpy as cp
        from scipy.sparse import csc_array

        if good not in self._copies:
            E, measure = self.platform.edge_count, self.platform.measure(good)
            entries = np.ones(E) if measure is None else measure.astype(np.float64)
            into = csc_array((entries, self.platform.anchor, np.arange(E + 1)), shape=(self.platform.anchor_count, E))
            unit = float(np.abs(entries).max()) or 1.0
            copy = cp.Variable(self.platform.anchor_count)
            self.ties[good] = copy == (into / unit) @ self.flow
            self._copies[good] = copy * (unit * self.impressions), unit
        return self._copies[good][0]

    def marginals(self, currency: float) -> dict[str, FloatArray]:
        """Raw marginals per good from the duals of the ties."""
        return {good: tie.dual_value * (currency / (self._copies[good][1] * self.impressions)) for good, tie in self.ties.items()}


@dataclass(frozen=True)
class Conic(Solver):
    """A conic model of the whole problem, solved by Clarabel and, where that fails, by SCS (recorded in the claim).

    Clarabel: interior point (Goulart and Chen 2024). SCS: operator splitting (O'Donoghue et al. 2016).
    """

    engine: str = "CLARABEL"

    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "clarabel", "scs")

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"conic has no engine '{self.engine}' (it has {', '.join(ENGINES)})")

    def supports(self, problem: Problem) -> str | None:
        if problem.platform.edge_count > LARGEST:
            return f"{problem.platform.edge_count:,} edges are too many for a general conic model (at most {LARGEST:,})"
        return None

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        import cvxpy as cp
        from scipy.sparse import csr_array

        platform = problem.platform
        E = platform.edge_count
        impressions = float(platform.supply.mean()) or 1.0
        flow = cp.Variable(E, nonneg=True)
        served = csr_array((np.ones(E), np.arange(E), platform.indptr), shape=(platform.segment_count, E))
        constraints = [served @ flow <= platform.supply / impressions]
        currency = _currency(problem)
        worth = problem.gmv_weight * platform.value.astype(np.float64) * (impressions / currency)
        objective = worth @ flow
        copies: list[Copies | None] = []
        for term in problem.terms:
            if isinstance(term, GMV):
                copies.append(None)
                continue
            mine = Copies(platform, flow, impressions)
            value, conditions = term.cvxpy(mine)
            objective += value / currency
            constraints += [*conditions, *mine.ties.values()]
            copies.append(mine)
        model = cp.Problem(cp.Maximize(objective), constraints)
        model.get_problem_data(self.engine)  # compiled here and cached, so that solving is timed apart

        def solve() -> Answer:
            claim = _attempt(model, (self.engine, *(e for e in ENGINES if e != self.engine)), goal)
            multipliers = [None if mine is None else _fit(term, mine.marginals(currency))
                           for term, mine in zip(problem.terms, copies, strict=True)]
            return Answer(flow.value * impressions, multipliers, model.solver_stats.num_iters, claim)

        return solve


def _fit(term: Any, marginals: dict[str, FloatArray]) -> Any:
    """A rule that asked for no amounts (a cap of infinity) is idle."""
    return term.fit(marginals) if marginals else term.idle()


def _currency(problem: Problem) -> float:
    """The first-order size of the objective at the even flow: what the model's objective is divided by."""
    even = Totals(problem.platform, problem.platform.even_flow)
    size = sum(t.size(even) for t in problem.terms if isinstance(t, Welfare))
    return size if 0 < size < np.inf else 1.0


def _attempt(model: Any, engines: tuple[str, ...], goal: Goal) -> str:
    """Solve with the first engine that succeeds; return what was tried and what each said."""
    import cvxpy as cp

    claims = []
    accuracy = min(max(0.1 * goal.relative_gap, 1e-9), 1e-5)
    for engine in engines:
        options: dict[str, Any] = {"eps_abs": accuracy, "eps_rel": accuracy, "max_iters": 50_000} if engine == "SCS" else {}
        if goal.seconds is not None:
            options["time_limit_secs" if engine == "SCS" else "time_limit"] = goal.seconds
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.solve(solver=engine, **options)
        except (cp.SolverError, ArithmeticError, ValueError) as error:
            claims.append(f"{engine}: {str(error).splitlines()[0]}")
            continue
        claims.append(f"{engine}: {model.status}")
        if model.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return "; ".join(claims)
        if model.status == cp.INFEASIBLE:
            break
    raise NoAnswer("; ".join(claims))
