"""The price solver on hard cases, warm starts, limits and refusals. The contract tests cover everything else."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.solvers.prices.newton import descend
from strategies import ALPHAS

RNG = np.random.default_rng


def thick(segments=3_000, anchors=30, seed=0):
    return al.synthetic.heavy_tailed(segments, anchors, degree=6, rng=RNG(seed))


def with_values(platform, value):
    return al.Platform(platform.indptr, platform.anchor, value, platform.supply, capacity=platform.capacity)


def one_rich_edge(platform):
    value = platform.value.copy()
    value[7] = 1e6 * np.median(value)
    return with_values(platform, value)


def six_orders_of_supply(platform):
    supply = 10.0 ** RNG(5).uniform(-3, 3, platform.segment_count)
    return al.Platform(platform.indptr, platform.anchor, platform.value, supply)


def with_a_lonely_anchor(platform):
    """One more anchor, reachable only by a segment without supply."""
    supply = platform.supply.copy()
    supply[0] = 0.0
    segment, anchor = np.append(platform.segment, 0), np.append(platform.anchor, platform.anchor_count)
    return al.Platform.from_edges(segment, anchor, np.append(platform.value, 1.0), supply=supply)


def star(anchors):
    """One segment that all anchors share."""
    value = RNG(8).lognormal(0, 1, anchors)
    return al.Platform.from_edges(np.zeros(anchors, int), np.arange(anchors), value, supply=[1e6])


def with_clients_of_one_segment():
    """A third of the anchors are watched by a single segment."""
    platform = thick(900, 20)
    segment = np.concatenate((platform.segment, np.arange(10)))
    anchor = np.concatenate((platform.anchor, 20 + np.arange(10)))
    return al.Platform.from_edges(segment, anchor, np.append(platform.value, np.full(10, 0.1)), supply=platform.supply)


RULES = [al.Cap("even:2"), al.Floor("reach:0.02")]
HARD = {
    "thick": (thick, RULES),
    "thin": (lambda: al.synthetic.heavy_tailed(300, 60, degree=4, rng=RNG(2)), RULES),
    "one segment per anchor": (lambda: al.synthetic.heavy_tailed(80, 80, degree=4, rng=RNG(3)), RULES),
    "three values": (lambda: with_values(thick(), np.ceil(3 * RNG(4).random(thick().edge_count))), RULES),
    "one rich edge": (lambda: one_rich_edge(thick()), RULES),
    "six orders of supply": (lambda: six_orders_of_supply(thick()), RULES),
    "zero values": (lambda: with_values(thick(), thick().value * (RNG(6).random(thick().edge_count) > 0.3)), RULES),
    "equal values": (lambda: with_values(thick(), np.ones(thick().edge_count)), RULES),
    "a lonely anchor": (lambda: with_a_lonely_anchor(thick()), RULES),
    "many segments, one anchor": (lambda: al.synthetic.uniform(100_000, 1, degree=1, rng=RNG(7)), [al.Cap("even:0.8")]),
    "one segment, many anchors": (lambda: star(5_000), [al.Cap("even:2"), al.Floor("even:0.02")]),
    "floors near reach": (with_clients_of_one_segment, [al.Floor("reach:0.99", where=np.arange(20, 30))]),
    "capacities tight in total": (thick, [al.Cap("even:1")]),
}


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("welfare", ["gmv", *(f"{a} of {of}" for a in ALPHAS for of in ("exposure", "gmv"))])
def test_hard_cases_certify_through_auto(case, welfare):
    platform, rules = HARD[case][0](), HARD[case][1]
    problem = al.Problem(platform, al.GMV(), rules)
    if welfare != "gmv":
        alpha, of = welfare.split(" of ")
        problem = al.weighted(al.Problem(platform, al.GMV() + al.AlphaFair(float(alpha), of=of), rules), 0.2)
    allocation = al.solve(problem)
    assert allocation.certificate.feasible
    assert allocation.certificate.relative_gap <= 1e-4, allocation


@pytest.mark.parametrize("case", HARD)
def test_the_finish_by_flows_is_exact(case):
    platform, rules = HARD[case][0](), HARD[case][1]
    allocation = al.solve(al.Problem(platform, al.GMV(), rules), solver="prices", relative_gap=1e-9)
    slack = 2 * allocation.certificate.rounding / (allocation.certificate.scale or 1.0)
    assert allocation.certificate.relative_gap <= 1e-9 + slack, allocation


@pytest.mark.parametrize("case", [c for c in HARD if c != "one segment, many anchors"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_concave_welfare_of_exposure_is_finished_to_a_millionth(case, alpha):
    platform, rules = HARD[case][0](), HARD[case][1]
    problem = al.weighted(al.Problem(platform, al.GMV() + al.AlphaFair(alpha), rules), 0.2)
    allocation = al.solve(problem, solver="prices", relative_gap=1e-6)
    assert allocation.certificate.relative_gap <= 1e-6, allocation


@pytest.mark.parametrize("case", [c for c in HARD if "one" not in c])
def test_prices_agrees_with_the_conic_model(case):
    platform, rules = HARD[case][0](), HARD[case][1]
    problem = al.weighted(al.Problem(platform, al.GMV() + al.Nash(), rules), 0.2)
    mine, other = (al.solve(problem, solver=name, relative_gap=1e-5) for name in ("prices", "conic"))
    slack = max(mine.certificate.gap, other.certificate.gap) + 1e-8 * mine.certificate.scale
    assert abs(mine.certificate.objective - other.certificate.objective) <= slack
    assert mine.certificate.relative_gap <= 1e-5


@settings(max_examples=10)
@given(st.integers(1_000, 20_000), st.integers(2, 60), st.integers(0, 10**6))
def test_planted_optima_are_found_at_any_size(segments, anchors, seed):
    plan = al.synthetic.planted(segments, anchors, degree=min(6, anchors), rng=RNG(seed))
    problem = al.Problem(plan.platform, al.GMV(), [al.Capacity(), al.Floor(plan.floor)])
    allocation = al.solve(problem, solver="prices", relative_gap=1e-9)
    assert allocation.gmv == pytest.approx(plan.objective, rel=1e-8)


def test_values_in_single_precision_are_solved_as_they_are():
    platform = thick(20_000, 100)
    single = with_values(platform, platform.value.astype(np.float32))
    double = with_values(platform, single.value.astype(np.float64))
    found = [al.solve(al.Problem(p, al.GMV(), RULES), solver="prices", relative_gap=1e-9) for p in (single, double)]
    assert found[0].platform.value.dtype == np.float32
    assert found[0].gmv == pytest.approx(found[1].gmv, rel=1e-9)


def test_several_terms_on_one_good():
    platform = thick()
    problem = al.Problem(
        platform, al.GMV() + 3 * al.Nash() + 5 * al.AlphaFair(2) + 0.5 * al.AlphaFair(0.5, of="gmv"), RULES
    )
    mine, other = (al.solve(problem, solver=name, relative_gap=1e-5) for name in ("prices", "conic"))
    assert mine.status is al.Status.CERTIFIED
    assert mine.certificate.objective == pytest.approx(other.certificate.objective, rel=3e-5)


def test_weights_and_merits_reach_the_prices():
    platform = thick()
    weights, merit = RNG(1).uniform(0.5, 2, 30), RNG(2).uniform(0.5, 2, 30)
    problem = al.Problem(platform, al.GMV() + 20 * al.AlphaFair(2, weights=weights, merit=merit), RULES)
    mine, other = (al.solve(problem, solver=name, relative_gap=1e-5) for name in ("prices", "conic"))
    assert mine.certificate.objective == pytest.approx(other.certificate.objective, rel=3e-5)


def test_a_start_saves_work_and_never_changes_the_answer_beyond_the_gap():
    platform = thick(20_000, 100)
    problem = al.weighted(al.Problem(platform, al.GMV() + al.Nash(), RULES), 0.3)
    cold = al.solve(problem, solver="prices")
    value = platform.value * RNG(1).choice([0.9, 1.0, 1.1], p=[0.005, 0.99, 0.005], size=platform.edge_count)
    changed = al.Problem(with_values(platform, value), problem.objective, RULES)
    fresh, warm = al.solve(changed, solver="prices"), al.solve(changed, solver="prices", start=cold)
    assert warm.status is fresh.status is al.Status.CERTIFIED
    assert abs(warm.certificate.objective - fresh.certificate.objective) <= max(
        warm.certificate.gap, fresh.certificate.gap
    )
    assert warm.run.iterations < fresh.run.iterations


def test_a_time_limit_returns_the_best_so_far_with_its_honest_gap():
    problem = al.weighted(al.Problem(thick(20_000, 100), al.GMV() + al.Nash(), RULES), 0.3)
    hurried = al.solve(problem, solver="prices", seconds=1e-6, relative_gap=1e-6)
    assert hurried.status is al.Status.FEASIBLE
    assert (
        hurried.certificate.gap
        >= al.solve(problem, solver="prices").certificate.objective - hurried.certificate.objective
    )


def test_an_interrupt_returns_the_best_so_far(monkeypatch):
    problem = al.weighted(al.Problem(thick(), al.GMV() + al.Nash(of="gmv"), RULES), 0.3)
    calls = []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return descend(*args, **options)

    monkeypatch.setattr("allocator.solvers.prices.search.descend", interrupted)
    allocation = al.solve(problem, solver="prices", relative_gap=1e-9)
    assert allocation.status is al.Status.FEASIBLE
    assert len(calls) == 3


def test_a_report_says_temperature_gap_and_passes():
    lines = []
    al.solve(al.weighted(al.Problem(thick(), al.GMV() + al.Nash()), 0.3), solver="prices", report=lines.append)
    assert len(lines) > 2
    assert all("temperature" in line and "gap" in line and "passes" in line for line in lines)


def test_a_trace_holds_passes_seconds_objective_and_bound():
    steps = []
    problem = al.weighted(al.Problem(thick(20_000, 100), al.GMV() + al.Nash(of="gmv"), RULES), 0.3)
    allocation = al.solve(problem, solver="prices", trace=steps.append)
    assert len(steps) > 2
    assert all(step.keys() == {"passes", "seconds", "objective", "bound"} for step in steps)
    assert all(a["passes"] <= b["passes"] and a["seconds"] <= b["seconds"] for a, b in pairwise(steps))
    # Every bound is one on every flow.
    assert min(step["bound"] for step in steps) >= allocation.certificate.objective * (1 - 1e-12)
    assert steps[-1]["bound"] == pytest.approx(allocation.certificate.bound, rel=1e-9)


@pytest.mark.parametrize("of", ["exposure", "gmv"])
@pytest.mark.parametrize("other", [0.3, 10.0, np.inf])
def test_a_start_from_another_weight_changes_nothing_beyond_the_gap(of, other):
    problem = al.Problem(thick(20_000, 100), al.GMV() + al.Nash(of=of), RULES)
    start = al.solve(al.weighted(problem, 0.2), solver="prices")
    fresh, warm = (al.solve(al.weighted(problem, other), solver="prices", start=s) for s in (None, start))
    assert warm.status is fresh.status is al.Status.CERTIFIED
    slack = max(warm.certificate.gap, fresh.certificate.gap)
    assert abs(warm.certificate.objective - fresh.certificate.objective) <= slack


def test_unsupported_rules_are_refused_naming_a_solver_that_can():
    platform = replace(thick(), measures={"relevance": np.ones(thick().edge_count)})
    for sales, rule in (
        (al.GMV(), al.SegmentFloor(0.5, "relevance")),
        (al.GMV(), al.SegmentCap(0.5, soft=1.0)),
        (al.GMV(), al.FairnessAtLeast(al.Entropy(), -1.0)),
        (al.RobustGMV(0.1, 2, per="edge"), al.Capacity()),
    ):
        reason = al.SOLVERS["prices"]().supports(al.Problem(platform, sales, [rule]))
        assert "conic" in reason
        assert reason.split()[0] in (rule.name.split()[0], sales.name)


def test_impossible_floors_end_in_a_proof_not_in_a_diverging_price():
    platform = al.Platform.from_edges([0, 0, 1, 1, 2], [0, 1, 1, 2, 3], np.ones(5), supply=[1.0, 1.0, 50.0])
    problem = al.weighted(al.Problem(platform, al.GMV() + al.Nash(), [al.Floor([0.9, 0.9, 0.9, 1.0])]), 1.0)
    with pytest.raises(al.AllocationError, match="floors of 3 anchors") as error:
        al.solve(problem, solver="prices")
    assert error.value.status is al.Status.INFEASIBLE


def test_a_start_that_starves_anchors_is_left_behind_on_a_thin_graph():
    problem = al.Problem(al.synthetic.heavy_tailed(400, 80, degree=6, rng=RNG(11)), al.GMV() + al.AlphaFair(2))
    start = al.solve(al.weighted(problem, 0.0))
    assert (start.exposure == 0).any()
    warm = al.solve(al.weighted(problem, 1e-3), solver="prices", start=start)
    assert warm.status is al.Status.CERTIFIED
