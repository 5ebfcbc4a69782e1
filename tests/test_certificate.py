"""Weak duality cannot be fooled: no price, no flow and no rounding makes a false bound."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.certificate import refuted, upper_bound
from allocator.rules import Welfare
from strategies import MAKERS, TERMS, bound_rules, flows, multipliers, problems

ANY = {"welfare": tuple(TERMS), "rules": None, "soft": True}
FEWER = settings(max_examples=max(10, settings.default.max_examples // 2))


def any_multipliers(problem, data):
    """Random numbers of any sign in the shape each term wants."""
    far = data.draw(st.sampled_from([1.0, 1e9, 1e120]))
    drawn = [data.draw(multipliers(term)) for term in problem.terms]
    return [mine if mine is None else far * mine for mine in drawn]


@given(problems(**ANY), st.data())
def test_random_prices_never_give_a_bound_below_a_feasible_value(problem, data):
    even = al.certify(problem, problem.platform.even_flow)
    assume(even.feasible)
    assert np.isfinite(even.objective) or even.objective == -np.inf
    bound, rounding = upper_bound(problem, any_multipliers(problem, data))
    assert bound + rounding >= even.objective


@FEWER
@given(problems(**ANY), st.data())
def test_no_prices_near_the_best_ones_make_a_false_bound(problem, data):
    """Where one would show first: `al.certify` raises if the objective exceeds it."""
    best = al.solve(problem, relative_gap=1e-6)
    for size in (1e-9, 1e-3, 1.0):
        near = [
            mine if mine is None else mine + size * data.draw(multipliers(term))
            for term, mine in zip(problem.terms, best.multipliers, strict=True)
        ]
        assert al.certify(problem, best.flow, near).objective == best.certificate.objective


@FEWER
@given(problems(**ANY), st.data())
def test_optimal_prices_with_wrong_signs_never_certify_more(problem, data):
    best = al.solve(problem, relative_gap=1e-6)
    flipped = [m if m is None else -np.asarray(m) for m in best.multipliers]
    mixed = [m if data.draw(st.booleans()) else f for m, f in zip(best.multipliers, flipped, strict=True)]
    for mine in (flipped, mixed):
        other = al.certify(problem, best.flow, mine)  # raises if the bound were false
        assert other.objective == best.certificate.objective
        assert other.bound + other.rounding >= best.certificate.objective - 1e-8 * best.certificate.scale


def saturating(platform, data, factor):
    """A flow that uses up the supply of every segment it serves, times a factor."""
    flow = data.draw(flows(platform))
    served = platform.into_segments(flow)
    scale = np.divide(platform.supply, served, out=np.ones_like(served), where=served > 0)
    return factor * flow * scale[platform.segment]


FACTORS = st.sampled_from([0.5, 1.0, 1.0 + 1e-10, 1.0 + 1e-6, 2.0, 1e6, -1.0])


@pytest.mark.parametrize("name", sorted(MAKERS))
@settings(max_examples=max(10, settings.default.max_examples // 8))
@given(st.data())
def test_no_multipliers_of_any_rule_make_a_false_bound(name, data):
    """Nor does a flow beyond supply, or a negative one: `al.certify` raises where its violations do not explain what
    the objective has over the bound.
    """
    rule = data.draw(bound_rules({name: MAKERS[name]}))
    welfare = isinstance(rule, Welfare)
    problem = al.Problem(rule.platform, al.GMV() + rule if welfare else al.GMV(), [] if welfare else [rule])
    flow = saturating(problem.platform, data, data.draw(FACTORS))
    certificate = al.certify(problem, flow, any_multipliers(problem, data))
    assert not np.isnan([certificate.objective, certificate.bound, certificate.gap, certificate.relative_gap]).any()


@given(problems(**ANY), st.data())
def test_even_an_infeasible_flow_cannot_look_better_than_its_violations_allow(problem, data):
    """Scaled-up and negative flows: certify must neither raise nor call them feasible."""
    factor = data.draw(FACTORS)
    flow = saturating(problem.platform, data, factor)
    certificate = al.certify(problem, flow, any_multipliers(problem, data))
    if flow.any() and (factor > 1.0 + 1e-9 or factor < 0):
        assert not certificate.feasible
        assert certificate.violations["supply" if factor > 0 else "flow >= 0"].relative > 1e-9


@given(
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(0, 10**6),
    st.sampled_from([1e-6, 1.0, 1e9]),
    st.sampled_from([1e-6, 1.0, 1e9]),
)
def test_planted_optima_certify_within_rounding_without_any_solver(segments, anchors, seed, value_scale, supply_scale):
    plan = al.synthetic.planted(
        segments,
        anchors,
        degree=min(3, anchors),
        rng=np.random.default_rng(seed),
        value_scale=value_scale,
        supply_scale=supply_scale,
    )
    certificate = planted_certificate(plan)
    assert certificate.feasible
    assert abs(certificate.gap) <= 2 * certificate.rounding


def planted_certificate(plan):
    problem = al.Problem(plan.platform, al.GMV(), [al.Capacity(), al.Floor(plan.floor)])
    return al.certify(problem, plan.flow, [None, np.minimum(plan.prices, 0), np.maximum(plan.prices, 0)])


def test_a_planted_optimum_of_a_million_edges():
    plan = al.synthetic.planted(100_000, 1_000, degree=10, rng=np.random.default_rng(7))
    certificate = planted_certificate(plan)
    assert certificate.feasible
    assert abs(certificate.gap) <= 2 * certificate.rounding < 1e-6 * certificate.objective
    worse = plan.flow.copy()
    worse[np.argmax(worse)] *= 0.5
    assert (
        al.certify(al.Problem(plan.platform, al.GMV(), [al.Capacity()]), worse).objective
        < certificate.objective - certificate.rounding
    )


@FEWER
@given(problems(**ANY), st.data())
def test_no_multipliers_make_a_poor_flow_look_optimal(problem, data):
    """The relative gap is honest: never below the distance to a better flow that is known."""
    best = al.solve(problem, relative_gap=1e-6).certificate
    poor = al.certify(problem, data.draw(flows(problem.platform)), any_multipliers(problem, data))
    if poor.feasible and np.isfinite(best.objective):
        assert poor.gap >= best.objective - poor.objective - 1e-8 * best.scale - best.rounding
        if best.objective - poor.objective > 1e-6 * best.scale > 0:
            assert poor.relative_gap > 0


def test_far_prices_do_not_certify_where_the_flow_is_worth_nothing():
    platform = al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], [0.0, 1.0, 1.0, 0.0], supply=[100.0, 100.0])
    problem = al.Problem(platform, al.GMV(), [al.Floor(100.0)])
    for far in (1e17, 1e30, 1e308):
        assert al.certify(problem, np.array([100.0, 0, 0, 100.0]), [None, np.full(2, far)]).relative_gap == np.inf


@pytest.mark.parametrize("wrong", [np.nan, np.inf, [1.0], None, [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_multipliers_of_the_wrong_shape_or_not_finite_are_refused_by_name(wrong):
    problem = al.Problem(al.synthetic.star([1.0, 2.0]), al.GMV(), [al.Floor(0.1)])
    full = np.full(2, wrong) if wrong is not None and np.ndim(wrong) == 0 else wrong
    with pytest.raises(ValueError, match="multipliers of Floor"):
        al.certify(problem, np.array([0.5, 0.5]), [None, full])


@pytest.mark.parametrize("supply", [1e-7, 1e8])
def test_powers_beyond_the_range_of_numbers_are_refused(supply):
    with pytest.raises(ValueError, match="leaves the range of numbers"):
        _ = al.Problem(al.synthetic.star([1.0, 2.0], supply=supply), al.AlphaFair(50)).terms


def test_gmv_floors_that_contradict_are_proved_and_named():
    platform = al.Platform.from_edges(
        [0, 0, 1, 1], [0, 1, 0, 1], [1.0, 2.0, 1.0, 2.0], supply=[100.0, 100.0], anchors={"id": ["a", "b"]}
    )
    for rules in ([al.Floor(150.0, of="gmv")], [al.Floor([150.0, 0], of="gmv"), al.Cap({"a": 100})]):
        problem = al.Problem(platform, al.GMV(), rules)
        with pytest.raises(al.AllocationError, match="contradict each other: Floor of gmv at anchor a") as error:
            al.solve(problem)
        assert error.value.status is al.Status.INFEASIBLE
        assert refuted(problem, error.value.witness)


def test_welfare_of_minus_infinity_is_no_answer():
    platform = al.Platform.from_edges(
        [0, 0, 1, 1], [0, 1, 0, 1], [1.0, 2.0, 1.0, 2.0], supply=[100.0, 100.0], anchors={"id": ["a", "b"]}
    )

    class Starving(al.Solver):
        def supports(self, problem):
            return None

        def build(self, problem, goal):
            return lambda: al.Answer(np.array([0.0, 100.0, 0.0, 100.0]))

    with pytest.raises(al.AllocationError, match="minus infinity because 1 anchors get nothing: a"):
        al.solve(al.Problem(platform, al.Nash(), [al.Floor([0, 200.0])]), solver=Starving())
    lifted = al.solve(al.Problem(platform, al.Nash()), solver=Starving())
    assert lifted.exposure.min() > 0, "where the rules allow, a starved anchor is lifted off zero"
    with pytest.raises(ValueError, match="forces anchor a, b to zero"):
        al.Problem(platform, al.GMV() + al.Nash(), [al.Cap(0, of="gmv")])


def test_far_running_prices_widen_the_rounding_allowance_and_never_break_the_bound():
    platform = al.synthetic.star([3.0, 2.0, 1.0], supply=1.0)
    problem = al.Problem(platform, al.GMV(), [al.Floor(0.2), al.Cap(0.5)])
    best = al.solve(problem, relative_gap=1e-9)
    for far in (1e3, 1e9, 1e15):
        prices = [None, np.full(3, far), np.full(3, -far)]
        certificate = al.certify(problem, best.flow, prices)
        assert certificate.bound + certificate.rounding >= best.certificate.objective
        assert certificate.rounding >= 1e-16 * far


def test_a_false_conjugate_is_caught():
    class Boastful(al.Cap):
        def conjugate(self, multipliers):
            return super().conjugate(multipliers) - 1.0

    problem = al.Problem(al.synthetic.star([1.0, 1.0]), al.GMV(), [Boastful(0.5)])
    with pytest.raises(al.CertificateError, match="exceeds its bound"):
        al.certify(problem, np.array([0.5, 0.5]), [None, np.array([-1.0, -1.0])])


@given(problems(**ANY), st.data())
def test_feasible_rules_are_never_refuted(problem, data):
    hard = [term for term in problem.constraints if term.soft is None]
    assert not refuted(problem, [data.draw(multipliers(term)) for term in hard])


@given(problems(welfare=False), st.floats(1.01, 100))
def test_floors_above_everything_end_in_a_proof_that_names_anchors(problem, factor):
    platform = problem.platform
    assume((platform.reach > 0).any())
    asked = np.where(platform.reach == platform.reach.max(), factor * platform.reach, 0.0)
    impossible = al.Problem(platform, al.GMV(), [*problem.rules, al.Floor(asked)])
    with pytest.raises(al.AllocationError) as error:
        al.solve(impossible)
    assert error.value.status is al.Status.INFEASIBLE
    assert refuted(impossible, error.value.witness)
    assert str(platform.anchors["id"][np.argmax(asked)]) in str(error.value)


def test_a_hidden_contradiction_is_found_by_a_minimum_cut_and_proved():
    """Each floor is within reach and all together are within supply; three anchors share two segments, though."""
    platform = al.Platform.from_edges(
        [0, 0, 1, 1, 2], [0, 1, 1, 2, 3], np.ones(5), supply=[1.0, 1.0, 50.0], anchors={"id": ["a", "b", "c", "d"]}
    )
    problem = al.Problem(platform, al.GMV(), [al.Floor([0.9, 0.9, 0.9, 1.0]), al.Cap(40)])
    for solver in ("flow", "linear", "linear:highs", "conic", "greedy", "min_cost_flow"):
        with pytest.raises(al.AllocationError, match=r"floors of 3 anchors \(a, b, c\)") as error:
            al.solve(problem, solver=solver)
        assert error.value.status is al.Status.INFEASIBLE
        assert refuted(problem, error.value.witness)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_gap_of_a_flow_is_at_least_its_distance_to_the_optimum(seed):
    rng = np.random.default_rng(seed)
    platform = al.synthetic.heavy_tailed(40, 8, degree=4, rng=rng)
    problem = al.Problem(platform, al.GMV(), [al.Cap("even:1.5")])
    best, worse = al.solve(problem, solver="linear"), al.solve(problem, solver="greedy")
    assert worse.certificate.gap >= best.certificate.objective - worse.certificate.objective - 1e-9


def test_relative_gap_ignores_constants_and_scales():
    platform = al.synthetic.star([3.0, 1.0], supply=10.0)
    flow = np.array([6.0, 3.0])
    base = al.certify(al.Problem(platform, al.GMV() + 5 * al.Nash()), flow)
    thousandfold = al.certify(al.Problem(platform, 1000 * (al.GMV() + 5 * al.Nash())), flow)
    assert thousandfold.relative_gap == pytest.approx(base.relative_gap, rel=1e-9)
    assert base.scale == pytest.approx(21 + 5 * 2)


@pytest.mark.parametrize("flow", [[1.0], [np.nan, 0.0], [np.inf, 0.0], [[1.0, 0.0]]])
def test_a_flow_of_the_wrong_shape_or_not_finite_is_refused(flow):
    with pytest.raises(ValueError, match="a flow needs"):
        al.certify(al.Problem(al.synthetic.star([1.0, 2.0]), al.GMV()), flow)
