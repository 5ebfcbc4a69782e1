"""The contract of every solver, found by the registry: feasible, never above the bound, deterministic, honest; and
they agree.
"""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Constraint
from allocator.solvers import named
from strategies import TERMS, problems

EVERY = sorted(al.SOLVERS)
SLOW = settings(max_examples=max(10, settings.default.max_examples // 5))
ANY = {"welfare": tuple(TERMS), "rules": None, "soft": True}
MAY_FAIL = {"min_cost_flow", "linear:highs"}
"""Whole impressions may leave no way between floors and caps; HiGHS calls some tight problems infeasible."""
ROUGH = {"conic:SCS", "linear:pdlp"}
"""First-order methods may miss rules of several anchors by more than the tolerance."""
ENGINES = ["conic", "conic:SCS", "linear:glop", "linear:highs", "linear:pdlp", "tangents", "flow"]


def answers(problem, names, may_fail=MAY_FAIL, **options):
    """Allocations by all solvers that take the problem; one that finds none must say so with a status."""
    found = {}
    for name in names:
        if named(name).supports(problem) is None:
            try:
                found[name] = al.solve(problem, solver=name, **options)
            except al.AllocationError as error:
                # The problem is feasible: nothing may be "proved" infeasible, and only whole impressions may leave no
                # way.
                assert error.status is al.Status.FAILED
                assert name in may_fail, f"{name}: {error}"
    return found


@SLOW
@given(st.one_of(problems(), problems(**ANY)))
def test_every_solver_keeps_the_contract(problem):
    for name, allocation in answers(problem, EVERY).items():
        certificate = allocation.certificate
        assert certificate.feasible, name
        assert allocation.flow.min() >= 0 or certificate.violations["flow >= 0"].relative <= 1e-9
        assert certificate.objective <= certificate.bound + 2 * certificate.rounding + 1e-9 * certificate.scale, name
        assert not np.isnan(
            [certificate.objective, certificate.bound, certificate.gap, certificate.relative_gap, allocation.gmv]
        ).any()
        assert (allocation.status is al.Status.CERTIFIED) == (certificate.relative_gap <= 1e-4)
        again = al.solve(problem, solver=name)
        assert again.flow.tobytes() == allocation.flow.tobytes(), f"{name} is not deterministic"


@SLOW
@given(problems())
def test_solvers_agree_within_their_gaps(problem):
    found = answers(problem, ENGINES, relative_gap=1e-6)
    for a, b in combinations_with_replacement(found.values(), 2):
        assert apart(a, b) <= 0


@SLOW
@given(problems(**ANY | {"scales": (1.0, 1e4)}))
def test_solvers_agree_on_every_rule(problem):
    found = answers(problem, ENGINES, MAY_FAIL | ROUGH, relative_gap=1e-6)
    for a, b in combinations_with_replacement(found.values(), 2):
        assert apart(a, b) <= credit(a) + credit(b)


def apart(a, b):
    """How far two objectives are apart beyond gaps, rounding, and what breaking rules by the tolerance gains."""
    a, b = a.certificate, b.certificate
    slack = max(a.gap, b.gap) + a.rounding + b.rounding + 1e-8 * max(a.scale, b.scale)
    return abs(a.objective - b.objective) - slack


def credit(allocation):
    """What weak duality gives to the violations of an allocation within the tolerance."""
    problem, totals = allocation.problem, allocation.totals
    pairs = [(t, m) for t, m in zip(problem.terms, allocation.multipliers, strict=True) if isinstance(t, Constraint)]
    return sum(term.credit(mine, totals) for term, mine in pairs if term.soft is None)


@given(st.one_of(problems(), problems(**ANY)))
def test_auto_certifies(problem):
    assert al.solve(problem).status is al.Status.CERTIFIED


@given(problems(welfare=False))
def test_exact_solvers_certify_to_rounding(problem):
    for name, allocation in answers(problem, ["flow", "linear:glop"], relative_gap=1e-8).items():
        assert allocation.status is al.Status.CERTIFIED, name


@settings(max_examples=15)
@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 10**6))
def test_planted_optima_are_found_by_every_exact_solver(segments, anchors, seed):
    plan = al.synthetic.planted(segments, anchors, degree=min(4, anchors), rng=np.random.default_rng(seed))
    problem = al.Problem(plan.platform, al.GMV(), [al.Capacity(), al.Floor(plan.floor)])
    for name, allocation in answers(problem, ["flow", "linear:glop", "linear:highs"], relative_gap=1e-8).items():
        assert allocation.gmv == pytest.approx(plan.objective, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("name", EVERY)
def test_unsupported_problems_are_refused_with_a_sentence_that_names_a_solver_that_can(name):
    class Odd(al.Floor):
        box = rows = None

    problem = al.Problem(al.synthetic.star([1.0, 2.0]), al.GMV() + al.AlphaFair(2), [Odd(0.1)])
    reason = named(name).supports(problem)
    if reason is None:
        assert al.solve(problem, solver=name).certificate.feasible
    else:
        assert any(other in reason for other in al.SOLVERS)
        with pytest.raises(al.UnsupportedError, match="cannot take this problem"):
            al.solve(problem, solver=name)


def test_a_new_solver_is_one_file_and_one_line(monkeypatch):
    class Lazy(al.Solver):
        """Serves nobody."""

        def supports(self, problem):
            return None

        def build(self, problem, goal):
            return lambda: al.Answer(np.zeros(problem.platform.edge_count))

    monkeypatch.setitem(al.SOLVERS, "lazy", Lazy)
    allocation = al.solve(al.Problem(al.synthetic.star([1.0, 2.0]), al.GMV()), solver="lazy")
    assert allocation.gmv == 0
    assert allocation.certificate.gap == pytest.approx(2)
    assert allocation.status is al.Status.FEASIBLE
    assert al.solve(
        al.Problem(al.synthetic.star([1.0, 2.0]), al.GMV(), [al.Floor(0.3)]), solver="lazy"
    ).exposure.min() >= 0.3 * (1 - 1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p: np.full(p.edge_count, np.nan),
        lambda p: np.full(p.edge_count, np.inf),
        lambda p: -np.ones(p.edge_count),
        lambda p: 1e6 * np.ones(p.edge_count),
    ],
)
def test_wild_answers_never_pass(wrong):
    class Wild(al.Solver):
        def supports(self, problem):
            return None

        def build(self, problem, goal):
            return lambda: al.Answer(wrong(problem.platform), [None, -np.ones(problem.platform.anchor_count)])

    problem = al.Problem(al.synthetic.star([1.0, 2.0, 3.0]), al.GMV(), [al.Cap(0.5)])
    try:
        allocation = al.solve(problem, solver=Wild())
    except al.AllocationError as error:
        assert error.status is al.Status.FAILED
        assert "not finite" in str(error)
    else:
        assert allocation.certificate.feasible
        assert allocation.certificate.gap >= 2.5 - allocation.gmv - 1e-12


def test_a_solver_that_gives_up_is_quoted_not_believed():
    class Quitter(al.Solver):
        def supports(self, problem):
            return None

        def build(self, problem, goal):
            def give_up():
                raise al.NoAnswer("infeasible")

            return give_up

    with pytest.raises(al.AllocationError, match="claims: infeasible") as error:
        al.solve(al.Problem(al.synthetic.star([1.0]), al.GMV()), solver=Quitter())
    assert error.value.status is al.Status.FAILED
    assert error.value.witness is None


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        ("prces", "no solver is called 'prces'"),
        ("flw", "did you mean 'flow'"),
        ("linear:cplex", "glop, highs, pdlp, hipdlp"),
        ("conic:MOSEK", "CLARABEL, SCS"),
        ("greedy:fast", "has no engine 'fast'"),
    ],
)
def test_unknown_solvers_and_engines(solver, said):
    with pytest.raises(ValueError, match=said):
        al.solve(al.Problem(al.synthetic.star([1.0]), al.GMV()), solver=solver)


@pytest.mark.parametrize("gap", [-1, np.nan, np.inf])
def test_a_gap_is_a_number(gap):
    with pytest.raises(ValueError, match="relative gap"):
        al.solve(al.Problem(al.synthetic.star([1.0]), al.GMV()), relative_gap=gap)


@pytest.mark.parametrize("engine", ["glop", "highs", "pdlp", "hipdlp"])
def test_the_duals_of_each_engine_are_pinned(engine):
    """Star of supply 10, values 3, 2, 1; cap 4 on the best, floor 2 on the worst: one more unit of cap is worth 1, of
    floor -1.
    """
    problem = al.Problem(
        al.synthetic.star([3.0, 2.0, 1.0], supply=10.0),
        al.GMV(),
        [al.Cap([4.0, np.inf, np.inf]), al.Floor([0.0, 0.0, 2.0])],
    )
    allocation = al.solve(problem, solver=f"linear:{engine}", relative_gap=1e-6)
    np.testing.assert_allclose(allocation.flow, [4, 4, 2], atol=1e-4)
    np.testing.assert_allclose(allocation.shadow_prices["Cap"], [1, 0, 0], atol=1e-4)
    np.testing.assert_allclose(allocation.shadow_prices["Floor"], [0, 0, -1], atol=1e-4)


def test_integral_flow_is_whole_and_says_what_rounding_lost():
    rng = np.random.default_rng(1)
    platform = al.synthetic.heavy_tailed(30, 8, degree=4, rng=rng)
    platform = al.Platform(
        platform.indptr, platform.anchor, platform.value, np.ceil(platform.supply * 20), capacity=np.full(8, 60.0)
    )
    problem = al.Problem(platform, al.GMV(), [al.Capacity(), al.Floor(3)])
    whole, exact = al.solve(problem, solver="min_cost_flow"), al.solve(problem, solver="linear")
    np.testing.assert_array_equal(whole.flow, np.rint(whole.flow))
    assert exact.gmv - 1e-3 <= whole.gmv <= exact.gmv + 1e-6, "integer supplies and caps have integer vertices (F13)"
    assert "0 impressions of supply were rounded away" in whole.run.claim


def test_integral_flow_refuses_overflow():
    problem = al.Problem(al.synthetic.star([1.0, 2.0], supply=1e16), al.GMV())
    with pytest.raises(al.UnsupportedError, match="overflow"):
        al.solve(problem, solver="min_cost_flow")
