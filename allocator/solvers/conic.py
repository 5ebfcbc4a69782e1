"""Disciplined convex programming through CVXPY: any rule, small platforms; the reference."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.driver import Answer, Goal, NoAnswer, Solver
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Totals

FloatArray = NDArray[np.float64]
ENGINES = ("CLARABEL", "SCS")
FEASIBLE = 1e-10
"""What interior points are asked for, beyond their habit of 1e-8: rules of several anchors cannot be mended after."""
MOST_AUXILIARIES = 200_000
"""Pairs of ranks and anchors beyond which interior points take more than minutes."""
LARGEST = 400_000
"""Edges beyond which building the model takes longer than anyone wants to wait."""


class Copies:
    """A rule's own copies of the amounts it speaks of, tied to the flow by equalities whose duals are its raw
    marginals.

    Everything is near 1: flow is a share of its segment's supply, amounts are multiples of what the even flow brings
    (``unit``), and terms are divided by ``currency``, the size of the objective at the even flow.
    """

    def __init__(self, platform: Platform, shares: Any, currency: float):
        self.platform, self.shares, self.currency = platform, shares, currency
        self.ties: dict[str, Any] = {}
        self._copies: dict[str, Any] = {}

    def unit(self, good: str) -> FloatArray:
        """Amount of a good that the even flow brings to each anchor, (A,), and the largest where it brings none; for
        ``"edges"`` the supply behind each, (E,).
        """
        if good == "edges":
            return self.platform.supply[self.platform.segment]
        even = self.platform.even_amounts(good)
        return np.where(even > 0, even, float(even.max()) or 1.0)

    def of(self, good: str) -> Any:
        """Amount of a good per anchor, (A,), in multiples of ``unit(good)``."""
        import cvxpy as cp
        from scipy.sparse import csc_array

        if good == "edges" and good not in self._copies:
            self._copies[good] = cp.Variable(self.platform.edge_count)
            self.ties[good] = self._copies[good] == self.shares
        if good not in self._copies:
            platform = self.platform
            brought = platform.supply[platform.segment] * platform.per_impression(good)
            into = csc_array(
                (brought / self.unit(good)[platform.anchor], platform.anchor, np.arange(platform.edge_count + 1)),
                shape=(platform.anchor_count, platform.edge_count),
            )
            self._copies[good] = cp.Variable(platform.anchor_count)
            self.ties[good] = self._copies[good] == into @ self.shares
        return self._copies[good]

    def marginals(self) -> dict[str, FloatArray]:
        """Raw marginals per good, currency / unit of the good, from the duals of the ties."""
        found = {}
        for good, tie in self.ties.items():
            unit = self.unit(good)
            found[good] = np.divide(tie.dual_value * self.currency, unit, out=np.zeros(unit.size), where=unit > 0)
        return found


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
        for term in problem.terms:
            if term.auxiliaries > MOST_AUXILIARIES:
                return (
                    f"{term.name} ranks so many anchors that a conic model has {term.auxiliaries:,} variables of it "
                    f"(at most {MOST_AUXILIARIES:,}); prices can take it"
                )
        return None

    def build(self, problem: Problem, goal: Goal) -> Callable[[], Answer]:
        import cvxpy as cp
        from scipy.sparse import csr_array

        platform = problem.platform
        E, size = platform.edge_count, problem.size(Totals.even(platform))
        shares, currency = cp.Variable(E, nonneg=True), size if 0 < size < np.inf else 1.0
        served = csr_array((np.ones(E), np.arange(E), platform.indptr), shape=(platform.segment_count, E))
        supply = platform.supply[platform.segment]
        objective = (problem.gmv_weight / currency * supply * platform.value) @ shares
        constraints = [served @ shares <= 1.0]
        copies = {}
        for k, term in enumerate(problem.terms):
            if not isinstance(term, GMV):
                copies[k] = Copies(platform, shares, currency)
                value, conditions = term.cvxpy(copies[k])
                objective += value
                constraints += [*conditions, *copies[k].ties.values()]
        model = cp.Problem(cp.Maximize(objective), constraints)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.get_problem_data(self.engine)  # compiled here and cached, so that solving is timed apart

        def solve() -> Answer:
            claim = _attempt(model, (self.engine, *(e for e in ENGINES if e != self.engine)), goal)
            unfelt = dict.fromkeys(platform.goods, np.zeros(platform.anchor_count))
            unfelt["edges"] = np.zeros(E)
            multipliers = [
                term.fit(unfelt | copies[k].marginals()) if k in copies else None
                for k, term in enumerate(problem.terms)
            ]
            return Answer(shares.value * supply, multipliers, model.solver_stats.num_iters, claim)

        return solve


def _attempt(model: Any, engines: tuple[str, ...], goal: Goal) -> str:
    """Solve with the first engine that succeeds; return what was tried and what each said."""
    import cvxpy as cp

    claims, deadline = [], goal.deadline()
    accuracy = min(max(0.1 * goal.relative_gap, 1e-9), 1e-5)
    for engine in engines:
        options: dict[str, Any] = (
            {"eps_abs": accuracy, "eps_rel": accuracy, "max_iters": 50_000}
            if engine == "SCS"
            else {"tol_feas": FEASIBLE, "tol_gap_abs": FEASIBLE, "tol_gap_rel": FEASIBLE}
        )
        if goal.seconds is not None:
            left = deadline - time.perf_counter()
            if left <= 0:
                break
            options["time_limit_secs" if engine == "SCS" else "time_limit"] = left
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
    raise NoAnswer("; ".join(claims) or "no time was left to solve")
