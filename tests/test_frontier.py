"""The frontier: its ends, its error bars, its order, its infeasible points; and the price of fairness."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al


def small(seed=0, rules=()):
    platform = al.synthetic.heavy_tailed(40, 8, degree=4, rng=np.random.default_rng(seed))
    return al.Problem(platform, al.GMV() + al.Nash(), rules)


def test_both_ends_are_there_and_are_what_they_say():
    problem = small()
    found = al.frontier(problem, [0.1, 1.0])
    assert [row["weight"] for row in found.rows] == [0.0, 0.1, 1.0, np.inf]
    most = al.solve(al.Problem(problem.platform, al.GMV()), relative_gap=1e-9)
    fairest = al.solve(al.Problem(problem.platform, al.Nash()), relative_gap=1e-6)
    assert found.rows[0]["gmv"] == pytest.approx(most.gmv)
    assert found.rows[-1]["fairness"] == pytest.approx(fairest.certificate.objective, abs=1e-3)
    assert found.rows[0]["price_of_fairness"] == 0
    assert all(row["status"] == "CERTIFIED" for row in found.rows)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from(["nash", "alpha=2", "maxmin"]))
def test_gmv_falls_and_fairness_rises_within_the_certified_gaps(seed, kind):
    welfare = {"nash": al.Nash(), "alpha=2": al.AlphaFair(2), "maxmin": al.MaxMin()}[kind]
    problem = al.Problem(small(seed).platform, al.GMV() + welfare)
    found = al.frontier(problem, [0.05, 0.5, 5.0])
    points = [(p, *lagrangian(p)) for p in found.allocations[1:-1]]
    bound = problem.welfare[0]
    for (p, lam_p, gap_p), (q, lam_q, gap_q) in itertools.pairwise(points):
        fairness_p, fairness_q = (float(bound.value(a.totals).sum()) for a in (p, q))
        step = lam_q - lam_p
        assert fairness_q - fairness_p >= -(gap_p + gap_q) / step
        assert p.gmv - q.gmv >= -(lam_q * gap_p + lam_p * gap_q) / step
    first, second = found.allocations[:2]
    assert first.gmv >= second.gmv - first.certificate.gap - first.certificate.rounding - 1e-9 * first.gmv


def lagrangian(allocation):
    """(weight of the welfare relative to that of the problem, what the optimum may exceed the objective by)."""
    certificate = allocation.certificate
    weight = allocation.problem.objective.terms[-1].weight
    return weight, max(certificate.gap, 0.0) + certificate.rounding + 1e-9 * certificate.scale


def test_error_bars_hold_the_true_frontier():
    """A much more exact solve with fairness at least as high never sells more than the bar says."""
    problem = small(5)
    loose = al.frontier(problem, [0.3, 1.0, 3.0], solver="conic:SCS", relative_gap=1e-2).rows
    exact = al.frontier(problem, np.geomspace(0.05, 20, 12), relative_gap=1e-7).rows
    for row in loose[1:-1]:
        as_fair = [e["gmv"] for e in exact if e["fairness"] >= row["fairness"]]
        assert max(as_fair) <= row["gmv_upper"] + 1e-6 * row["gmv"]


def test_infeasible_points_are_marked_and_never_vanish():
    found = al.frontier(small(rules=[al.Floor("reach:2")]), [1.0])
    assert [row["status"] for row in found.rows] == ["INFEASIBLE"] * 3
    assert all("floor" in row["reason"] for row in found.rows)
    assert found.allocations == [None] * 3


def test_relative_weight_one_makes_welfare_as_large_as_gmv_at_even():
    for term in (al.Nash(), al.AlphaFair(2, of="gmv"), al.MaxMin(), 7 * al.AlphaFair(0.5)):
        problem = al.weighted(al.Problem(small().platform, al.GMV() + term), 1.0)
        even = al.certify(problem, problem.platform.even_flow)
        gmv = float((problem.platform.even_flow * problem.platform.value).sum())
        assert even.scale == pytest.approx(2 * gmv)


@pytest.mark.parametrize("weight", [-1, np.nan])
def test_weights_outside_their_domain(weight):
    with pytest.raises(ValueError, match="relative weight"):
        al.weighted(small(), weight)


def test_a_frontier_needs_a_welfare_term():
    with pytest.raises(ValueError, match="no welfare term"):
        al.frontier(al.Problem(small().platform, al.GMV()), [1.0])


def test_baselines_are_points_with_the_same_columns():
    rows = al.baselines(small(), ["greedy", "even", "epsilon_even"])
    frontier = al.frontier(small(), [1.0]).rows
    assert [row["solver"] for row in rows] == ["greedy", "even", "epsilon_even"]
    assert set(rows[0]) <= set(frontier[1])
    assert max(row["gmv"] for row in rows) <= frontier[0]["gmv"] + 1e-9
    assert rows[1]["gini_exposure"] < rows[0]["gini_exposure"]


def test_baselines_that_cannot_take_a_rule_say_so():
    problem = small()
    problem = al.Problem(problem.platform, problem.objective, [al.HeadCap(top=2, share=0.9)])
    rows = al.baselines(problem, ["even", "greedy"])
    assert [(row["weight"], row["solver"], row["status"]) for row in rows] == [
        (None, "even", "UNSUPPORTED"),
        (None, "greedy", "UNSUPPORTED"),
    ]
    assert all("HeadCap" in row["reason"] for row in rows)


def test_price_of_fairness_compares_like_with_like():
    star, other = al.synthetic.star([4.0, 2.0]), al.synthetic.star([4.0, 3.0])
    even, most = (al.solve(al.Problem(star, al.GMV()), solver=name) for name in ("even", "greedy"))
    assert al.price_of_fairness(even, most) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="same platform"):
        al.price_of_fairness(even, al.solve(al.Problem(other, al.GMV())))
    nothing = al.solve(al.Problem(al.synthetic.star([0.0, 0.0]), al.GMV()))
    with pytest.raises(ValueError, match="sells nothing"):
        al.price_of_fairness(nothing, nothing)


@pytest.mark.parametrize("values", [[10.0, 6.0, 3.0, 1.0], [2.0, 2.0]])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_a1_epsilon_mixing_costs_its_share_of_the_even_split(values, epsilon):
    problem = al.Problem(al.synthetic.star(values), al.GMV())
    mixed = al.solve(problem, solver=type(al.SOLVERS["epsilon_even"]())(epsilon))
    lost = al.price_of_fairness(mixed, al.solve(problem))
    assert lost == pytest.approx(epsilon * (1 - np.mean(values) / max(values)), abs=1e-12)


@pytest.mark.parametrize("epsilon", [0.1, 0.3])
def test_a1_on_opposite_preferences_mixing_still_costs_half_its_share(epsilon):
    problem = al.Problem(al.synthetic.opposite([1.0, 0.0]), al.GMV())
    mixed = al.solve(problem, solver=al.SOLVERS["epsilon_even"](epsilon))
    assert al.price_of_fairness(mixed, al.solve(problem)) == pytest.approx(epsilon / 2, abs=1e-12)
