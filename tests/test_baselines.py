"""The methods of the literature: their published rates, what they reach on a thick platform, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings

import allocator as al
from allocator import kernels
from allocator.solvers.dual_gradient import DualGradient
from allocator.solvers.frank_wolfe import FrankWolfe
from allocator.solvers.min_cost_flow import MinCostFlow
from allocator.solvers.networkx_simplex import NetworkX
from allocator.solvers.pop import Pop
from strategies import problems

BASELINES = ("frank_wolfe", "pop", "dual_gradient", "networkx")


def bounded(platform, low, high):
    """Rules that keep every anchor near what the even flow brings it."""
    even = platform.into_anchors(platform.even_flow)
    return [al.Floor(low * even), al.Cap(high * even)]


@pytest.fixture(scope="module")
def thick():
    return al.synthetic.heavy_tailed(2000, 20, degree=6, rng=np.random.default_rng(7))


def slack_between(a, b):
    return max(a.certificate.gap, b.certificate.gap) + a.certificate.rounding + b.certificate.rounding


# Published rates
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.5, 1, 2])
def test_f15_frank_wolfe_keeps_its_rate(alpha):
    """f* - f(x_k) <= 2 C / (k + 2), and the best gap of a linear step <= 27/4 C / (k + 2) (Jaggi 2013, theorems 1, 2).

    C is at most the largest d' (-f'') d over the bounds: sum of alpha y^(-alpha-1) (u - l)^2 at the floors y = l > 0.
    """
    platform = al.synthetic.heavy_tailed(60, 8, degree=4, rng=np.random.default_rng(5))
    rules = bounded(platform, 0.8, 1.25)
    problem = al.weighted(al.Problem(platform, al.GMV() + al.AlphaFair(alpha), rules), 3.0)
    floor, cap = rules[0].level, rules[1].level
    curvature = (problem.welfare[0].c * alpha * floor ** (-alpha - 1) * (cap - floor) ** 2).sum()
    best = al.solve(problem, relative_gap=1e-7).certificate.bound
    for k in (1, 3, 10, 100):
        found = al.solve(problem, solver=FrankWolfe(k, line_search=False), relative_gap=0)
        assert found.run.iterations == k
        assert best - found.certificate.objective <= 2 * curvature / (k + 2)
        assert found.certificate.gap <= 27 / 4 * curvature / (k + 2) + 2 * found.certificate.rounding
        searched = al.solve(problem, solver=FrankWolfe(k), relative_gap=0)
        assert best - searched.certificate.objective <= 2 * curvature / (k + 2), "exact steps keep it too"


def test_open_steps_recover_from_flows_that_starve_anchors():
    """The first open step is a whole one: most anchors have nothing then, and welfare is minus infinity."""
    platform = al.synthetic.heavy_tailed(200, 100, degree=5, rng=np.random.default_rng(1))
    found = al.solve(al.Problem(platform, al.AlphaFair(2, of="gmv")), solver=FrankWolfe(line_search=False))
    assert found.run.iterations > 1
    assert found.certificate.relative_gap < 1e-2


@pytest.mark.parametrize(("eps", "most"), [(0.1, 0.387), (0.03, 0.117)])
def test_f14_entropic_transport_loses_at_most_eps_times_the_log_of_the_cells(eps, most):
    import ot

    cost = np.random.default_rng(0).random((6, 8))
    left, right = np.full(6, 1 / 6), np.full(8, 1 / 8)
    plan = ot.sinkhorn(left, right, cost, eps, method="sinkhorn_log", numItermax=20_000, stopThr=1e-12)
    gap = float((plan * cost).sum() - ot.emd2(left, right, cost))
    assert eps * np.log(48) == pytest.approx(most, abs=1e-3)
    assert 0 <= gap <= eps * np.log(48)
    assert gap <= 0.05 * (eps / 0.1), "far inside the bound, as the .0229 and .00125 of the fact"


@pytest.mark.parametrize("temperature", [0.1, 0.03])
def test_f14_the_soft_maximum_exceeds_the_hard_one_by_at_most_the_log_of_the_choices(thick, temperature):
    graph = kernels.edges(thick.indptr, thick.anchor, thick.value, thick.supply, thick.anchor_count)
    price = np.tile([0.0, 1.0], (thick.anchor_count, 1))
    soft, _ = kernels.soft(graph, price, temperature, False, kernels.room_for(graph))
    choices = np.diff(thick.indptr) + 1  # with the outside option
    assert 0 <= soft - kernels.rents(graph, price) <= temperature * (thick.supply * np.log(choices)).sum()


# Agreement
# -----------------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(problems())
def test_baselines_agree_with_the_certified_optimum_within_their_own_gaps(problem):
    best = al.solve(problem, relative_gap=1e-6)
    for name in BASELINES:
        if al.SOLVERS[name]().supports(problem) is None:
            found = al.solve(problem, solver=name)
            apart = abs(best.certificate.objective - found.certificate.objective)
            assert apart <= slack_between(best, found) + 1e-8 * max(best.certificate.scale, found.certificate.scale)


@pytest.mark.parametrize("objective", [al.GMV(), al.GMV() + al.Nash(), al.GMV() + al.AlphaFair(2)], ids=repr)
def test_pop_is_within_a_few_percent_on_a_thick_platform(thick, objective):
    problem = al.Problem(thick, objective, bounded(thick, 0.8, 1.5))
    problem = al.weighted(problem, 1.0) if problem.welfare else problem
    best, found = al.solve(problem), al.solve(problem, solver="pop")
    assert "glued from 4 parts" in found.run.claim
    lost = best.certificate.objective - found.certificate.objective
    assert -best.certificate.gap <= lost <= 0.03 * best.certificate.scale


def test_pop_in_one_part_is_its_inner_solver(thick):
    problem = al.Problem(thick, al.GMV(), bounded(thick, 0.8, 1.5))
    assert al.solve(problem, solver=Pop(1)).gmv == pytest.approx(al.solve(problem, solver="flow").gmv, rel=1e-9)


def test_pop_solves_whole_what_cannot_be_glued_and_says_so():
    platform = al.synthetic.uniform(12, 4, degree=2, rng=np.random.default_rng(3))
    fair = al.solve(al.Problem(platform, al.Nash(of="gmv")))
    rules = [al.Floor(0.99 * fair.anchor_gmv, of="gmv"), al.Floor(0.9 * fair.exposure)]
    found = al.solve(al.Problem(platform, al.GMV(), rules), solver="pop")
    assert "solved whole" in found.run.claim
    assert found.certificate.feasible


@pytest.mark.parametrize(("low", "high"), [(0.5, 2.0), (0.95, 1.05)])
def test_dual_gradient_reaches_a_percent_on_a_thick_platform(thick, low, high):
    problem = al.Problem(thick, al.GMV(), bounded(thick, low, high))
    found = al.solve(problem, solver="dual_gradient", relative_gap=1e-2)
    assert found.status is al.Status.CERTIFIED


def test_a_ridge_leaves_a_gap_that_falls_with_it(thick):
    problem = al.Problem(thick, al.GMV(), bounded(thick, 0.95, 1.05))
    gaps = [
        al.solve(problem, solver=DualGradient(ridge, 1000), relative_gap=0).certificate.relative_gap
        for ridge in (1.0, 0.1, 0.01)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


def test_networkx_equals_flow_on_whole_numbers():
    rng = np.random.default_rng(2)
    raw = al.synthetic.uniform(40, 8, degree=4, rng=rng)
    platform = al.Platform(
        raw.indptr,
        raw.anchor,
        rng.integers(1, 100, raw.edge_count).astype(float),
        rng.integers(1, 30, 40).astype(float),
        capacity=np.full(8, 90.0),
    )
    problem = al.Problem(platform, al.GMV(), [al.Capacity(), al.Floor(7)])
    found, exact = al.solve(problem, solver="networkx"), al.solve(problem, solver="flow")
    np.testing.assert_array_equal(found.flow, np.rint(found.flow))
    assert not found.run.repaired
    assert found.gmv == pytest.approx(exact.gmv, abs=100 / 2**40 * platform.supply.sum() + exact.certificate.rounding)
    assert found.gmv == pytest.approx(al.solve(problem, solver=MinCostFlow()).gmv, rel=1e-9)


# Refusals and limits
# -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BASELINES)
def test_contradicting_floors_are_proved_infeasible(name):
    platform = al.Platform.from_edges(
        [0, 0, 1, 1, 2], [0, 1, 0, 1, 2], [1.0, 2.0, 3.0, 4.0, 5.0], supply=[1.0, 1.0, 5.0]
    )
    with pytest.raises(al.AllocationError) as error:
        al.solve(al.Problem(platform, al.GMV(), [al.Floor([1.5, 1.5, 0.0])]), solver=name)
    assert error.value.status is al.Status.INFEASIBLE


@pytest.mark.parametrize("name", ["frank_wolfe", "pop", "dual_gradient"])
def test_a_time_limit_gives_the_best_so_far(thick, name):
    problem = al.Problem(thick, al.GMV(), bounded(thick, 0.95, 1.05))
    assert al.solve(problem, solver=name, relative_gap=0, seconds=1e-3).certificate.feasible


@pytest.mark.parametrize(
    ("solver", "objective", "rules", "said"),
    [
        ("frank_wolfe", al.GMV() + al.MaxMin(), [], "conic"),
        ("frank_wolfe", al.GMV(), [al.Floor(0.1, of="gmv")], "conic or linear"),
        ("pop", al.GMV() + al.Nash(), [], "its parts go to Flow"),
        ("dual_gradient", al.GMV() + al.Nash(), [], "conic"),
        ("networkx", al.GMV(), [], "flow can take it"),
    ],
)
def test_refusals_name_who_can(thick, solver, objective, rules, said):
    chosen = Pop(solver=al.SOLVERS["flow"]()) if solver == "pop" else solver
    with pytest.raises(al.UnsupportedError, match=said):
        al.solve(al.Problem(thick, objective, rules), solver=chosen)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: FrankWolfe(0), "steps"),
        (lambda: Pop(0), "parts"),
        (lambda: DualGradient(0.0), "ridge"),
        (lambda: DualGradient(steps=0), "steps"),
        (lambda: NetworkX(0), "units"),
    ],
)
def test_hyper_parameters_are_checked(make, said):
    with pytest.raises(ValueError, match=said):
        make()
