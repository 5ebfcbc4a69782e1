"""Axioms against theorems, closed forms and sums written out; facts F6, F11, F12, F17 and F19."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import allocator as al
from allocator import axioms
from allocator.allocation import Run
from allocator.rules import Constraint
from strategies import keeping_even, platforms

ROUNDING = 1e-9
"""Relative: of sums, and of flows that are feasible within the certificate's tolerance."""
seeds = st.integers(0, 10**6)


def two_by_two():
    return al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], [3.0, 2.0, 1.0, 1.0], supply=[1.0, 1.0])


def nash(platform, weights=None, rules=(), of="gmv"):
    return al.solve(al.Problem(platform, al.Nash(of=of, weights=weights), rules), relative_gap=1e-9)


def judged(problem, flow):
    """Any feasible flow as an allocation of a problem."""
    certificate = al.certify(problem, flow)
    return al.Allocation(problem, np.asarray(flow, dtype=float), [], certificate, 0.0, Run("by hand", 0.0, 0.0))


def random_flow(platform, rng, waste=False):
    """Every segment spreads its supply, or a part of it, by random shares over its anchors."""
    shares = rng.exponential(size=platform.edge_count) ** 2
    shares /= platform.into_segments(shares)[platform.segment]
    served = platform.supply * (rng.random(platform.segment_count) if waste else 1.0)
    return shares * served[platform.segment]


def dense(platform, of, flow):
    """Values and flow as (S, A) matrices with zeros off the graph."""
    V, X = np.zeros((2, platform.segment_count, platform.anchor_count))
    V[platform.segment, platform.anchor] = 1.0 if of == "exposure" else platform.value
    X[platform.segment, platform.anchor] = flow
    return V, X


# How near a certified gap brings Nash welfare to its optimum
#
# Let u* be the optimum of sum w_j ln u_j over the feasible amounts of GMV, delta the certified gap of u (absolute: the
# welfare has no unit), t_j = u_j / u*_j and W = sum w.
#   Optimality of u*:  sum w_j (u_j - u*_j) / u*_j <= 0, so sum w_j t_j <= W.
#   The gap:           sum w_j ln t_j >= -delta.
# Together sum w_j (t_j - 1 - ln t_j) <= delta, and no summand is negative. With e = delta / min w, from
# t - 1 - ln t >= (1-t)^2 / 2 for t <= 1 and >= (t-1)^2 / (2t) for t >= 1,
#   1 - sqrt(2e)  <=  t_j  <=  1 + e + sqrt(2e + e^2).
# The flow of k at the rents r of the optimum costs M_k = sum_i r_i x_ik >= w_k t_k (r_i >= w_k v_ik / u*_k), and all of
# them at most sum_i r_i b_i = W; since sum w_j t_j >= W exp(-delta/W) >= W - delta, M_k <= w_k t_k + delta. To j that
# flow is worth at most (u*_j / w_j) M_k, so (other / w_k) / (u_j / w_j) <= (t_k + e) / t_j.


def nearness(allocation, weights=1.0):
    """(largest relative shortfall below u*, largest relative excess above it, e) from the certified gap."""
    e = max(allocation.certificate.gap, 0.0) / np.min(weights)
    assert e < 0.02, "a gap this large says nothing about single anchors"
    return np.sqrt(2 * e), e + np.sqrt(2 * e + e**2), e


def envy_tolerance(allocation, weights=1.0):
    below, above, e = nearness(allocation, weights)
    return (1 + above + e) / (1 - below) - 1 + ROUNDING


def share_tolerance(allocation, weights=1.0):
    return nearness(allocation, weights)[0] + ROUNDING


@st.composite
def entitlements(draw, platform):
    return np.array([draw(st.sampled_from([0.3, 1.0, 1.0, 4.0])) for _ in range(platform.anchor_count)])


@settings(max_examples=40)
@given(platforms(), st.booleans(), st.data())
def test_f12_nash_is_envy_free_gives_the_share_and_is_efficient(platform, weighted, data):
    """F12: Eisenberg and Gale 1959, Varian 1974; with entitlements by the weighted argument."""
    assume((platform.sales_reach > 0).any())
    weights = data.draw(entitlements(platform)) if weighted else None
    allocation = nash(platform, weights)
    w = 1.0 if weights is None else weights
    envy = axioms.envy_free(allocation, weights=weights, tolerance=envy_tolerance(allocation, w))
    assert envy.holds, envy
    share = axioms.guaranteed_share(allocation, weights=weights, tolerance=share_tolerance(allocation, w))
    assert share.holds, share
    # A flow that is better for all has sum w_j ln(1 + rho_j) <= delta, so relative gains rho <= exp(e) - 1.
    most = np.expm1(nearness(allocation, w)[2]) + ROUNDING
    assert axioms.pareto_efficient(allocation, tolerance=max(1e-6, most)).holds


@settings(max_examples=15)
@given(seeds, st.sampled_from([0.5, 1.0, 2.5]), st.booleans())
def test_f12_on_sparse_graphs_with_heavy_tails(seed, sigma, weighted):
    rng = np.random.default_rng(seed)
    platform = al.synthetic.heavy_tailed(60, 12, degree=4, rng=rng, value_sigma=sigma)
    w = rng.uniform(0.5, 3.0, 12) if weighted else np.ones(12)
    allocation = nash(platform, w)
    assert axioms.envy_free(allocation, weights=w, tolerance=envy_tolerance(allocation, w))
    assert axioms.guaranteed_share(allocation, weights=w, tolerance=share_tolerance(allocation, w))
    active = platform.sales_reach > 0
    for flow in (random_flow(platform, rng), al.solve(al.Problem(platform, al.GMV())).flow):
        ratio = (platform.amounts("gmv", flow) / np.where(active, allocation.anchor_gmv, 1.0))[active]
        assert (w[active] * ratio).sum() <= w[active].sum() / (1 - share_tolerance(allocation, w))


@settings(max_examples=20)
@given(seeds, st.floats(0.05, 1.5))
def test_under_caps_nash_keeps_the_share_of_what_an_anchor_could_have_alone(seed, cap):
    """Being alone within one's cap is feasible, so the argument of F12 holds under any upper bounds."""
    rng = np.random.default_rng(seed)
    platform = al.synthetic.heavy_tailed(30, 6, degree=3, rng=rng)
    assume((platform.reach > 0).all())
    rules = [al.Cap(cap * platform.reach * rng.uniform(0.2, 2, 6))]
    allocation = nash(platform, rules=rules)
    assert axioms.guaranteed_share(allocation, tolerance=share_tolerance(allocation)).holds


def test_f6_the_tie_of_envy():
    """F6: u = (2.25, 1.5), and the second anchor would get 1.5 from the flow of the first, too."""
    allocation = nash(two_by_two())
    envy = axioms.envy_free(allocation, tolerance=envy_tolerance(allocation))
    assert envy.holds
    assert envy.witness[:2] == (1, 0)
    np.testing.assert_allclose(envy.witness[2:], 1.5, rtol=envy_tolerance(allocation))
    share = axioms.guaranteed_share(allocation).witness
    assert share.guaranteed == pytest.approx({0: 2.0, 1: 1.5}[share.anchor])


def test_entitlements_change_who_envies_whom():
    star = al.synthetic.star([1.0, 1.0], supply=8.0)
    allocation = judged(al.Problem(star, al.GMV()), [2.0, 6.0])
    assert axioms.envy_free(allocation, weights=[1.0, 3.0])
    assert axioms.envy_free(allocation, weights={1: 3.0})
    assert axioms.envy_free(allocation).witness == (0, 1, 2.0, 6.0)
    assert not axioms.envy_free(allocation)
    assert axioms.guaranteed_share(allocation, weights=[1.0, 3.0]).witness == (0, 2.0, 2.0)
    assert axioms.guaranteed_share(allocation).witness == (0, 2.0, 4.0)
    assert not axioms.guaranteed_share(allocation)


# Envy and shares by sums written out
# ---------------------------------------------------------------------------------------------------------------------


@given(platforms(), st.sampled_from(["gmv", "exposure"]), st.booleans(), seeds)
def test_envy_is_the_worst_pair_of_the_dense_matrix(platform, of, small_blocks, seed):
    rng = np.random.default_rng(seed)
    allocation = judged(al.Problem(platform, al.GMV()), random_flow(platform, rng, waste=True))
    w = rng.choice([0.5, 1.0, 2.0], platform.anchor_count)
    V, X = dense(platform, of, allocation.flow)
    worth = V.T @ X / w
    own, other = np.diagonal(worth).copy(), worth - np.diag(np.diagonal(worth))
    with pytest.MonkeyPatch.context() as patch:
        if small_blocks:
            patch.setattr("allocator.axioms.envy.BLOCK", 1)
        verdict = axioms.envy_free(allocation, of, weights=w)
    assert verdict.holds == (other <= (1 + 1e-6) * own[:, None]).all()
    if not (other > 0).any():
        assert verdict.witness is None
        return
    j, k, mine, theirs = verdict.witness
    assert j != k
    assert mine == pytest.approx(own[j] * w[j], rel=ROUNDING)
    assert theirs == pytest.approx(other[j, k] * w[k], rel=ROUNDING)
    assert (other * own[j] <= (1 + ROUNDING) * other[j, k] * own[:, None]).all(), "no pair has a larger ratio"


@given(platforms(), st.sampled_from(["gmv", "exposure"]))
def test_the_even_flow_is_envy_free_and_proportional_to_degrees(platform, of):
    """Each of a segment's anchors gets as much as any other, so nobody values another's part more; and no anchor
    competes with more than all."""
    allocation = al.solve(al.Problem(platform, al.GMV()), solver="even")
    assert axioms.envy_free(allocation, of, tolerance=ROUNDING).holds
    if of == "exposure" or (platform.value > 0).all():
        reached = platform.reach_of(of) > 0
        isolated = platform.anchor_degree == 0
        assume((reached | isolated).all())
        assert axioms.guaranteed_share(allocation, of, tolerance=ROUNDING).holds


@settings(max_examples=25)
@given(platforms(), seeds)
def test_order_of_anchors_and_units_change_no_verdict(platform, seed):
    rng = np.random.default_rng(seed)
    flow, order = random_flow(platform, rng), rng.permutation(platform.anchor_count)
    problem = al.Problem(platform, al.GMV())
    moved = al.Platform.from_edges(
        platform.segment,
        order[platform.anchor],
        platform.value * 2.0**20,
        supply=platform.supply * 2.0**-10,
        observed=flow * 2.0**-10,
        capacity=platform.capacity,
    )
    twin = judged(al.Problem(moved, al.GMV()), moved.observed)
    for axiom in (axioms.envy_free, axioms.guaranteed_share, axioms.pareto_efficient):
        for of, unit in (("gmv", 2.0**10), ("exposure", 2.0**-10)):
            one, other = axiom(judged(problem, flow), of), axiom(twin, of)
            assert one.holds == other.holds
            if axiom is axioms.guaranteed_share and one.witness:
                ratios = [v.witness.amount / v.witness.guaranteed for v in (one, other)]
                assert ratios[0] == pytest.approx(ratios[1], rel=ROUNDING)
            if axiom is axioms.pareto_efficient and one.witness:
                gains = [v.witness.gains.sum() for v in (one, other)]
                assert gains[0] * unit == pytest.approx(gains[1], rel=1e-5)


@settings(max_examples=25)
@given(platforms(), st.sampled_from(["gmv", "exposure"]), st.sampled_from(["gmv", "exposure"]), st.data())
def test_what_an_anchor_would_have_alone_is_what_a_solver_finds_for_it(platform, of, capped, data):
    """The guarantee times n is the optimum of a platform on which only that anchor is worth anything."""
    cap = np.array([data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])) for _ in range(platform.anchor_count)])
    rules = [al.Cap(cap * platform.reach_of(capped), of=capped)]
    problem = al.Problem(platform, al.GMV(), rules)
    share = axioms.guaranteed_share(judged(problem, np.zeros(platform.edge_count)), of)
    assume(share.witness is not None)
    worth = np.ones(platform.edge_count) if of == "exposure" else platform.value
    lonely = np.where(platform.anchor == share.witness.anchor, worth, 0.0)
    kept = al.Platform(
        platform.indptr, platform.anchor, lonely, platform.supply, platform.capacity, measures={"sold": platform.value}
    )
    rules = [al.Cap(cap * platform.reach_of(capped), of="sold" if capped == "gmv" else capped)]
    alone = al.solve(al.Problem(kept, al.GMV(), rules), solver="linear:highs").gmv
    shares = alone / share.witness.guaranteed
    assert shares == pytest.approx(round(shares), rel=1e-6)
    assert 1 <= round(shares) <= platform.anchor_count


def test_greedy_gmv_leaves_envy_and_shortfalls_that_add_up():
    platform = al.synthetic.heavy_tailed(100, 30, degree=8, rng=np.random.default_rng(5))
    allocation = al.solve(al.Problem(platform, al.GMV()), solver="greedy")
    for of in ("gmv", "exposure"):
        V, X = dense(platform, of, allocation.flow)
        envy, share = axioms.envy_free(allocation, of), axioms.guaranteed_share(allocation, of)
        assert not envy.holds
        assert not share.holds
        own, other = (V[:, envy.witness.anchor] @ X[:, k] for k in (envy.witness.anchor, envy.witness.envied))
        assert (own, other) == (pytest.approx(envy.witness.own), pytest.approx(envy.witness.other))
        assert other > own
        alone = V[:, share.witness.anchor] @ platform.supply
        assert share.witness.guaranteed == pytest.approx(alone / (platform.reach > 0).sum())
        assert share.witness.amount < share.witness.guaranteed


def test_verdicts_speak_of_ids_amounts_and_units():
    platform = al.Platform.from_edges(
        [0, 0], [0, 1], [2.0, 4.0], supply=[10.0], anchors={"id": ["ann", "bob"]}, currency="EUR", period="week"
    )
    allocation = al.solve(al.Problem(platform, al.GMV()))
    for verdict in (axioms.envy_free(allocation), axioms.guaranteed_share(allocation)):
        text = str(verdict)
        assert "ann" in text
        assert "EUR per week" in text
        assert text.endswith(".")
        assert not verdict
    assert "20 EUR per week" in axioms.envy_free(allocation).sentence
    assert "impressions per week" in str(axioms.envy_free(allocation, "exposure"))
    wasted = axioms.pareto_efficient(judged(allocation.problem, [0.0, 5.0]))
    assert "bob" in str(wasted)
    assert "20 EUR per week" in str(wasted)
    assert axioms.pareto_efficient(allocation)


def test_one_anchor_envies_nobody_and_owns_everything():
    platform = al.Platform.from_edges([0, 1], [0, 0], np.array([1.0, 3.0], np.float32), supply=[1e-6, 1e9])
    allocation = al.solve(al.Problem(platform, al.GMV()))
    assert axioms.envy_free(allocation).witness is None
    assert axioms.guaranteed_share(allocation).witness == (0, allocation.gmv, pytest.approx(allocation.gmv))
    assert axioms.pareto_efficient(allocation)
    empty = al.Platform.from_edges([0, 0], [0, 1], [1.0, 1.0], supply=[0.0], measures={"cost": [0.0, 0.0]})
    nothing = al.solve(al.Problem(empty, al.GMV()), solver="even")
    for axiom in (axioms.envy_free, axioms.guaranteed_share, axioms.pareto_efficient):
        for of in ("gmv", "exposure", "cost"):
            assert axiom(nothing, of).holds, "nothing to share is shared fairly"


@pytest.mark.parametrize("tolerance", [1e-6, 1e-3, 0.1])
@pytest.mark.parametrize(("part", "holds"), [(0.9, True), (1.2, False)])
def test_a_verdict_turns_at_its_tolerance(tolerance, part, holds):
    """On a star of two alike, one short of the other by a part of the tolerance; and with that much left unserved."""
    problem, short = al.Problem(al.synthetic.star([1.0, 1.0], supply=2.0), al.GMV()), part * tolerance
    less = judged(problem, [1 - short, 1.0])
    assert axioms.envy_free(judged(problem, [1 / (1 + short), 1.0]), tolerance=tolerance).holds == holds
    assert axioms.guaranteed_share(less, tolerance=tolerance).holds == holds
    assert axioms.pareto_efficient(judged(problem, [1 / (1 + short)] * 2), tolerance=tolerance).holds == holds
    assert axioms.generalised_lorenz_dominates(less.exposure, [1.0, 1.0], tolerance=tolerance).holds == holds
    assert (axioms.leximin(less.exposure, [1.0, 1.0], tolerance=tolerance).sign == 0) == holds


def test_anchors_that_could_have_nothing_take_no_share():
    platform = al.Platform.from_edges([0, 0, 0], [0, 1, 2], [1.0, 1.0, 0.0], supply=[6.0], capacity=[np.inf] * 4)
    allocation = judged(al.Problem(platform, al.GMV()), [3.0, 3.0, 0.0])
    assert axioms.guaranteed_share(allocation).witness == (0, 3.0, 3.0)
    assert axioms.guaranteed_share(allocation, "exposure").witness == (2, 0.0, 2.0)
    banned = replace(allocation, problem=al.Problem(platform, al.GMV(), [al.Cap({2: 0.0})]))
    assert axioms.guaranteed_share(banned, "exposure").witness == (0, 3.0, 3.0)


@pytest.mark.parametrize("axiom", [axioms.envy_free, axioms.guaranteed_share, axioms.pareto_efficient])
def test_what_is_not_a_question_is_refused(axiom):
    allocation = al.solve(al.Problem(two_by_two(), al.GMV()))
    with pytest.raises(KeyError, match="no edge measure 'sales'"):
        axiom(allocation, "sales")
    with pytest.raises(ValueError, match=r"tolerance is a number in \[0, 1\), not"):
        axiom(allocation, tolerance=np.nan)
    if axiom is not axioms.pareto_efficient:
        with pytest.raises(ValueError, match="entitlements must be finite and > 0 for every anchor; 1 has"):
            axiom(allocation, weights=[1.0, 0.0])


def test_bounds_on_two_further_goods_are_refused():
    platform = replace(two_by_two(), measures={"cost": np.ones(4)})
    rules = [al.Cap(0.5, of="cost"), al.Cap(0.5)]
    allocation = al.solve(al.Problem(platform, al.GMV(), rules))
    with pytest.raises(ValueError, match="bounds on cost and exposure"):
        axioms.guaranteed_share(allocation, "gmv")


# Pareto efficiency
# ---------------------------------------------------------------------------------------------------------------------


def most_gain(problem, flow, of):
    """Largest sum of gains with no losses, relative to the total, by a dense linear program of its own."""
    platform = problem.platform
    V, X = dense(platform, of, flow)
    E, scale = platform.edge_count, float((V * X).sum())
    S, A = np.eye(platform.segment_count)[platform.segment].T, np.eye(platform.anchor_count)[platform.anchor].T
    worth, unit = V[platform.segment, platform.anchor], float(platform.supply.max())
    rows, limits = [S, -A * worth * unit / scale], [platform.supply / unit, -(V * X).sum(axis=0) / scale]
    for rule in problem.constraints:
        box, per = rule.box, np.ones(E) if rule.of == "exposure" else platform.value
        size = unit * max(float(per.max()), 1e-300)
        for sign, level in ((1.0, box.upper), (-1.0, box.lower)):
            felt = np.isfinite(level) & (sign * level != 0)
            rows.append(sign * (A * per)[felt] * unit / size)
            limits.append(sign * level[felt] / size)
    result = linprog(-worth * unit / scale, A_ub=np.vstack(rows), b_ub=np.concatenate(limits), method="highs")
    return -result.fun - 1.0


@given(platforms(), st.sampled_from(["gmv", "exposure"]), st.sampled_from([0.0, 0.5, 1.0]), st.data())
def test_pareto_agrees_with_a_dense_program_and_its_witness_is_better_and_feasible(platform, of, mix, data):
    rng = np.random.default_rng(data.draw(seeds))
    problem = al.Problem(platform, al.GMV(), keeping_even(data.draw, platform))
    flow = mix * random_flow(platform, rng, waste=data.draw(st.booleans())) + (1 - mix) * platform.even_flow
    allocation = judged(problem, flow)
    assume(allocation.certificate.feasible and allocation.totals.of(of).any())
    verdict, gain = axioms.pareto_efficient(allocation, of), most_gain(problem, flow, of)
    assume(not 3e-7 < gain < 3e-6)
    assert verdict.holds == (gain < 1e-6)
    if not verdict.holds:
        better = al.certify(problem, verdict.witness.flow)
        assert better.feasible
        (V, had), (_, has) = dense(platform, of, flow), dense(platform, of, verdict.witness.flow)
        gains = (V * has).sum(axis=0) - (V * had).sum(axis=0)
        assert (gains >= -4 * ROUNDING * (V * had).sum(axis=0)).all()
        assert gains.sum() == pytest.approx(gain * (V * had).sum(), rel=0.2)
        np.testing.assert_allclose(verdict.witness.gains, gains, atol=ROUNDING * (V * has).sum())
        assert gains[verdict.witness.anchors[0]] == gains.max()
        assert axioms.pareto_efficient(judged(problem, verdict.witness.flow), of), "what is best cannot be bettered"


@settings(max_examples=25)
@given(platforms(), st.data())
def test_an_optimum_of_strictly_increasing_welfare_is_efficient(platform, data):
    assume((platform.sales_reach > 0).any())
    allocation = al.solve(al.Problem(platform, al.GMV(), keeping_even(data.draw, platform)), relative_gap=1e-7)
    gap = allocation.certificate.relative_gap
    assert axioms.pareto_efficient(allocation, tolerance=max(1e-6, min(0.9, gap + ROUNDING))).holds


def test_a_max_min_optimum_can_be_wasteful_and_the_rules_decide_what_waste_is():
    platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 1.0], supply=[1.0, 10.0])
    free = al.Problem(platform, al.MaxMin())
    wasted = axioms.pareto_efficient(judged(free, [1.0, 1.0]), "exposure")
    assert not wasted.holds
    assert wasted.witness.anchors == (1,)
    np.testing.assert_allclose(wasted.witness.gains, [0.0, 9.0], atol=1e-8)
    capped = replace(free, rules=(al.Cap(1.0),))
    assert axioms.pareto_efficient(judged(capped, [1.0, 1.0]), "exposure")


def test_crossed_tastes_waste_money_but_no_impressions():
    platform = al.synthetic.opposite([5.0, 2.0], supply=4.0)
    crossed = judged(al.Problem(platform, al.GMV()), [0.0, 4.0, 4.0, 0.0])
    assert axioms.pareto_efficient(crossed, "exposure")
    verdict = axioms.pareto_efficient(crossed)
    np.testing.assert_allclose(verdict.witness.flow, [4.0, 0.0, 0.0, 4.0], atol=1e-6)
    np.testing.assert_allclose(verdict.witness.gains, [12.0, 12.0], rtol=1e-6)


@dataclass(frozen=True, eq=False)
class Curved(Constraint):
    """A rule that is neither a bound nor linear; everything satisfies it."""

    def excess(self, totals):
        return np.zeros(self.platform.anchor_count)

    def idle(self):
        return np.zeros(self.platform.anchor_count)

    def conjugate(self, multipliers):
        return np.zeros(1)

    def violation(self, totals):
        return al.certificate.Violation(0.0, 0.0, "nobody")


def test_rules_that_are_not_linear_and_broken_rules_are_refused():
    platform = two_by_two()
    with pytest.raises(al.UnsupportedError, match="linear problem, and Curved is not linear; judge"):
        axioms.pareto_efficient(judged(al.Problem(platform, al.GMV(), [Curved()]), platform.even_flow))
    with pytest.raises(ValueError, match="breaks supply by 1 at segment 0"):
        axioms.pareto_efficient(judged(al.Problem(platform, al.GMV()), 2 * platform.even_flow))
    with pytest.raises(ArithmeticError, match=r"undecided.*larger tolerance than 0"):
        axioms.pareto_efficient(al.solve(al.Problem(platform, al.GMV())), tolerance=0)


# Lorenz dominance and leximin
# ---------------------------------------------------------------------------------------------------------------------

whole = st.integers(0, 4).map(float)


@st.composite
def distributions(draw, count, amounts=whole, most=7):
    """Some distributions over the same number of anchors, full of ties."""
    n = draw(st.integers(1, most))
    return [np.array(draw(st.lists(amounts, min_size=n, max_size=n))) for _ in range(count)]


def alpha_welfare(x, alpha):
    with np.errstate(divide="ignore"):
        return float((np.log(x) if alpha == 1 else x ** (1.0 - alpha) / (1.0 - alpha)).sum())


def gini_welfare(x):
    """Mean times (1 - Gini), by differences of pairs."""
    return x.mean() - np.abs(x[:, None] - x).mean() / 2


@given(distributions(2))
def test_generalised_lorenz_dominance_is_agreement_of_all_concave_welfares(pair):
    """The welfares sum of min(x, t) generate all increasing concave ones (Hardy, Littlewood and Polya 1929; Shorrocks
    1983); where dominance fails at k, the one with t the k-th smallest of the second ranks the second higher.
    """
    a, b = pair
    verdict = axioms.generalised_lorenz_dominates(a, b)
    assert verdict.holds == all(np.minimum(a, t).sum() >= np.minimum(b, t).sum() for t in np.concatenate(pair))
    k, first, second = verdict.witness
    assert (first, second) == (np.sort(a)[:k].sum(), np.sort(b)[:k].sum())
    if not verdict.holds:
        t = np.sort(b)[k - 1]
        assert np.minimum(a, t).sum() < np.minimum(b, t).sum()


@given(distributions(1, st.floats(1e-3, 1e3)), seeds, st.sampled_from([1e-6, 1.0, 1e9]))
def test_averaging_dominates_and_dominance_raises_every_welfare(one, seed, scale):
    """Atkinson 1970: an average over reorderings is dominating, of the same total, of higher Gini welfare and of
    higher alpha-fair welfare for every alpha."""
    b, rng = one[0] * scale, np.random.default_rng(seed)
    part = rng.random()
    a = part * b + (1 - part) * rng.permutation(b)
    assert axioms.lorenz_dominates(a, b)
    assert axioms.generalised_lorenz_dominates(a, b)
    assert axioms.leximin(a, b).sign >= 0
    assert gini_welfare(a) >= gini_welfare(b) * (1 - ROUNDING) - 1e-12 * b.max()
    assert al.metrics.gini(a) <= al.metrics.gini(b) + ROUNDING
    for alpha in (0.5, 1, 2, 5):
        before, after = alpha_welfare(b / scale, alpha), alpha_welfare(a / scale, alpha)
        assert after >= before - ROUNDING * max(abs(before), b.size)


@given(distributions(2))
def test_dominance_in_shares_is_dominance_of_amounts_at_equal_totals(pair):
    a, b = (x + (x.sum() == 0) for x in pair)
    scaled = axioms.generalised_lorenz_dominates(a * b.sum(), b * a.sum())
    assert axioms.lorenz_dominates(a, b).holds == scaled.holds
    if scaled.holds:
        assert gini_welfare(a) * b.sum() >= gini_welfare(b) * a.sum() - ROUNDING * a.sum() * b.sum()
        assert alpha_welfare(a / a.sum(), 0.5) >= alpha_welfare(b / b.sum(), 0.5) - ROUNDING


@given(distributions(2), st.booleans())
def test_dominance_both_ways_is_equality_and_agrees_with_leximin(pair, shares):
    a, b = pair
    dominates = axioms.lorenz_dominates if shares else axioms.generalised_lorenz_dominates
    assert dominates(a, a[::-1]).holds
    if shares and a.sum() != b.sum():
        return
    if dominates(a, b) and dominates(b, a):
        assert axioms.leximin(a, b).sign == 0
    elif dominates(a, b):
        assert axioms.leximin(a, b).sign == 1


def test_f17_even_dominates_and_f19_thinner_tails_dominate():
    assert axioms.lorenz_dominates([2.5] * 4, [1, 2, 3, 4])
    verdict = axioms.generalised_lorenz_dominates([1, 2, 3, 4], [2.5] * 4)
    assert (verdict.holds, verdict.witness) == (False, (1, 1.0, 2.5))
    p = (np.arange(1000) + 0.5) / 1000
    tails = [(1 - p) ** (-1 / alpha) for alpha in (3.0, 2.0, np.log(5) / np.log(4))]
    for thin, thick in pairwise(tails):
        assert axioms.lorenz_dominates(thin, thick)
        assert not axioms.lorenz_dominates(thick, thin)


@settings(max_examples=15)
@given(seeds)
def test_f11_on_unit_values_the_fair_exposure_dominates_every_other(seed):
    """F11 and Fujishige 1980: one vector is best for every symmetric concave welfare, so it dominates all feasible
    ones. Sums of the poorest keep the relative nearness of single anchors.
    """
    rng = np.random.default_rng(seed)
    raw = al.synthetic.heavy_tailed(40, 8, degree=3, rng=rng)
    assume((raw.reach > 0).all())
    unit = al.Platform(raw.indptr, raw.anchor, np.ones(raw.edge_count), raw.supply)
    allocation = nash(unit, of="exposure")
    for flow in (random_flow(unit, rng), unit.even_flow, al.solve(al.Problem(unit, al.GMV()), solver="greedy").flow):
        other = unit.into_anchors(flow)
        tolerance = share_tolerance(allocation)
        assert axioms.generalised_lorenz_dominates(allocation.exposure, other, tolerance=tolerance)
        assert axioms.leximin(allocation.exposure, other, tolerance=2 * tolerance).sign >= 0
    assert axioms.envy_free(allocation, tolerance=envy_tolerance(allocation))


@given(distributions(3), st.sampled_from([0.0, 1e-9]), st.sampled_from([1e-9, 1.0, 1e9]))
def test_leximin_is_a_total_preorder_of_sorted_amounts(three, tolerance, scale):
    a, b, c = (x * scale for x in three)

    def sign(x, y):
        return axioms.leximin(x, y, tolerance=tolerance).sign

    ordered = sorted(a.tolist()), sorted(b.tolist())
    assert sign(a, a[::-1]) == 0
    assert sign(a, b) == -sign(b, a)
    assert sign(a, b) == (ordered[0] > ordered[1]) - (ordered[0] < ordered[1])
    if sign(a, b) >= 0 and sign(b, c) >= 0:
        assert sign(a, c) == max(sign(a, b), sign(b, c))


@given(distributions(2))
def test_leximin_shows_where_the_distributions_part(pair):
    a, b = (np.sort(x) for x in pair)
    comparison = axioms.leximin(*pair)
    if comparison.sign == 0:
        assert comparison.witness is None
        assert (a == b).all()
    else:
        rank, first, second = comparison.witness
        assert (a[: rank - 1] == b[: rank - 1]).all()
        assert (first, second) == (a[rank - 1], b[rank - 1])
        assert comparison.sign == np.sign(first - second)
        assert f"rank {rank}" in str(comparison)


def test_differences_below_the_tolerance_are_ties():
    assert axioms.leximin([1.0, 3.0], [1.0 + 1e-12, 2.0]).sign == 1
    assert axioms.leximin([1.0, 3.0], [1.0 + 1e-12, 2.0], tolerance=0).sign == -1
    assert axioms.generalised_lorenz_dominates([1.0, 2.0], [1.0 + 1e-12, 2.0])
    assert not axioms.generalised_lorenz_dominates([1.0, 2.0], [1.0 + 1e-12, 2.0], tolerance=0)
    with pytest.raises(TypeError, match="read its sign"):
        bool(axioms.leximin([1.0], [2.0]))


@pytest.mark.parametrize("compare", [axioms.leximin, axioms.lorenz_dominates, axioms.generalised_lorenz_dominates])
def test_distributions_must_be_amounts_of_the_same_anchors(compare):
    for first, second in (([1.0], [1.0, 2.0]), ([], []), ([[1.0]], [[1.0]])):
        with pytest.raises(ValueError, match="for the same anchors"):
            compare(first, second)
    with pytest.raises(ValueError, match="entry 1 of the second distribution is -1"):
        compare([1.0, 2.0], [0.0, -1.0])
    with pytest.raises(ValueError, match="entry 0 of the first distribution is nan"):
        compare([np.nan], [1.0])
    with pytest.raises(ValueError, match="tolerance"):
        compare([1.0], [1.0], tolerance=-1)
