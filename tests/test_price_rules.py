"""Rules of several anchors in the price solver: proximal maps, derivatives, and answers as good as those of models."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.mixing import mixed
from allocator.rules import Totals
from allocator.solvers import named
from allocator.solvers.prices.assembly import voices_of
from allocator.solvers.prices.dual import Dual
from allocator.solvers.prices.proximal import Proximal, Shared
from strategies import TERMS, problems

RNG = np.random.default_rng
SLOW = settings(max_examples=max(10, settings.default.max_examples // 8))


def thick(segments=3_000, anchors=40, seed=0):
    platform = al.synthetic.heavy_tailed(segments, anchors, degree=6, rng=RNG(seed))
    return replace(
        platform,
        measures={"cost": RNG(1).lognormal(0, 0.5, platform.edge_count)},
        anchors={"firm": [f"f{j % 7}" for j in range(anchors)]},
    )


PLATFORM = thick()
BEST = al.solve(al.Problem(PLATFORM, al.GMV()))
Y, G, N = BEST.exposure, BEST.gmv, BEST.exposure.size
WORTH = G / Y.sum()
HEAD = float(np.sort(Y)[-2:].sum() / Y.sum())
OBJECTIVES = {
    "Gini": al.GMV() + 0.3 * WORTH * N * al.Gini(),
    "Gini of gmv": al.GMV() + 0.3 * N * al.Gini(of="gmv"),
    "GeneralizedGini": al.GMV() + WORTH * al.GeneralizedGini(np.linspace(1, 0, N)),
    "CVaR": al.GMV() + 0.2 * WORTH * N * al.CVaR(0.3),
    "MaxMin": al.GMV() + 0.2 * WORTH * N * al.MaxMin(merit=np.linspace(1, 2, N)),
    "CappedUtility": al.GMV() + 0.3 * WORTH * al.CappedUtility("even:0.7"),
    "Entropy": al.GMV() + 0.2 * WORTH * al.Entropy(),
    "TargetShares": al.GMV() + 0.2 * WORTH * al.TargetShares(np.linspace(1, 3, N)),
    "Concentration": al.GMV() + 0.3 * WORTH * N * al.Concentration(),
    "RobustGMV": al.RobustGMV(0.3, 2.5),
    "RobustGMV of a measure": al.RobustGMV(0.1, 2, deviation="cost"),
    "two welfares": al.GMV() + 0.1 * WORTH * N * al.Gini() + 0.1 * WORTH * Y.mean() * al.Nash(),
}
OF_SHARES = ("Entropy", "TargetShares", "Concentration")
RULES = {
    "GroupShare": [al.GroupShare("firm", 0.08, 0.2)],
    "group amounts": [al.GroupShare("firm", 0.1 * Y.sum(), unit="amount"), al.Cap("even:4")],
    "HeadCap": [al.HeadCap(2, 0.7 * HEAD)],
    "Budget": [al.Budget(np.linspace(1, 3, N), total=1.5 * Y.sum())],
    "Budget of a measure": [al.Budget(total=0.9 * BEST.totals.of("cost").sum(), of="cost")],
    "Cap of a measure": [al.Cap("even:3", of="cost")],
    "GiniAtMost": [al.GiniAtMost(0.6 * al.metrics.gini(Y))],
    "HHIAtMost": [al.HHIAtMost(max(0.6 * al.metrics.hhi(Y), 1.5 / N))],
    "FairnessAtLeast": [al.FairnessAtLeast(al.Nash(), float(np.log(np.maximum(Y, 0.3 * Y.mean())).sum()))],
    "SegmentCap": [al.SegmentCap(0.4)],
    "SegmentFloor": [al.SegmentFloor(1), al.Cap("even:2")],
    "soft": [al.HeadCap(2, 0.5 * HEAD, soft=0.2 * WORTH), al.Cap("even:2", soft=0.3 * WORTH)],
    "all together": [al.HeadCap(2, 0.8 * HEAD), al.GroupShare("firm", 0.05), al.Floor("reach:0.01"), al.Cap("even:6")],
}
CASES = {name: (objective, []) for name, objective in OBJECTIVES.items()}
CASES |= {name: (al.GMV(), rules) for name, rules in RULES.items()}
CASES["GMVAtLeast"] = (0.01 * al.GMV() + al.Gini(), [al.GMVAtLeast.of(BEST, 0.97)])


@pytest.mark.parametrize("name", CASES)
def test_prices_certify_every_kind_of_rule(name):
    objective, rules = CASES[name]
    allocation = al.solve(al.Problem(PLATFORM, objective, rules), solver="prices", relative_gap=1e-4)
    assert allocation.status is al.Status.CERTIFIED


@SLOW
@given(problems(scales=(1.0,), welfare=tuple(TERMS), rules=None, soft=True))
def test_small_problems_end_as_in_a_model(problem):
    if named("prices").supports(problem) is not None:
        return
    try:
        mine = al.solve(problem, solver="prices", relative_gap=1e-5).certificate
    except al.AllocationError as error:
        assert error.status is al.Status.FAILED, "the problem is feasible"
        return
    other = al.solve(problem, solver="conic", relative_gap=1e-6).certificate
    slack = max(mine.gap, other.gap) + mine.rounding + other.rounding + 1e-8 * max(mine.scale, other.scale)
    assert abs(mine.objective - other.objective) <= slack


def spoken(name):
    """The voices of a case beside those of single anchors, with centre and step somewhere."""
    objective, rules = CASES[name]
    dual = Dual(al.Problem(PLATFORM, objective, rules))
    per_good = np.array([WORTH, *[1.0] * (len(dual.goods) - 1)])
    x = np.concatenate([v.first(BEST.totals, WORTH) for v in dual.voices])
    x = np.where(dual.heard, x + 0.1 * dual.units(per_good) * RNG(2).normal(size=x.size), x)
    x = np.clip(np.where(dual.kinked, np.abs(x), x), dual.low, dual.high)
    dual.recentre(dual.at(x, 0.3 * WORTH), 0.3 * WORTH, per_good)
    return dual, x, per_good


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_curvature_of_the_dual_are_its_derivatives(name):
    dual, x, per_good = spoken(name)
    direction = np.where(dual.heard & ~dual.kinked, RNG(3).normal(size=x.size) * dual.units(per_good), 0.0)
    direction = direction + np.where(dual.kinked & (x > 0) & (x < dual.high), 0.1 * x, 0.0)
    step, t = 1e-6, 0.3 * WORTH
    point = dual.at(x, t)
    bent = dual.bend(point, direction)
    there, back = dual.at(x + step * direction, t), dual.at(x - step * direction, t)
    rise = (there.value - back.value) / (2 * step)
    size = np.abs(point.gradient * direction).sum() + 1e-6 * abs(point.value)
    assert rise == pytest.approx((point.gradient * direction).sum(), abs=1e-4 * size)
    moved = np.where(dual.heard, (there.gradient - back.gradient) / (2 * step) - bent, 0.0)
    assert np.abs(moved).max() <= 1e-3 * (np.abs(bent).max() + 1e-9 * Y.sum()), "shares near nothing are left out"


@pytest.mark.parametrize("name", CASES)
def test_admissible_prices_give_a_bound_that_no_flow_exceeds(name):
    dual, x, _ = spoken(name)
    multipliers = dual.multipliers(dual.admissible(x))
    for flow in (BEST.flow, PLATFORM.even_flow, np.zeros(PLATFORM.edge_count)):
        al.certify(dual.problem, flow, multipliers)


@pytest.mark.parametrize("name", [*(name for name in OBJECTIVES if name not in OF_SHARES), "GMVAtLeast"])
def test_what_voices_answer_is_best_among_what_is_near(name):
    """The answer of a proximal voice beats random amounts in F(z) - D(z, centre) / step - x.z."""
    dual, x, _ = spoken(name)
    rng, judged = RNG(4), 0
    for voice, part in zip(dual.voices, dual.parts, strict=True):
        if not isinstance(voice, Proximal) or isinstance(voice, Shared) or voice.rule in dual.problem.constraints:
            continue
        mine = voice.reply(x[part], voice.centre)
        judged += 1
        for _ in range(20):
            z = mine.amounts * rng.lognormal(0, 0.1, mine.amounts.size)
            value = voice.worth(z) - float((x[part] * z).sum()) - voice._divergence(z) / voice.step
            assert value <= mine.value + 1e-9 * abs(mine.value)
    assert judged == 1


@given(st.integers(2, 9), st.floats(0.05, 3), st.integers(0, 10**6))
def test_projections_on_levels_reach_them_and_go_no_further(n, step, seed):
    rng = RNG(seed)
    platform = al.synthetic.star(rng.lognormal(0, 1, n), supply=10.0)
    rules = [al.HeadCap(1, min(1.0, 1.3 / n)), al.GiniAtMost(0.1), al.HHIAtMost(min(1.0, 1.1 / n))]
    for rule in (rule.bind(platform) for rule in rules):
        z = rng.lognormal(0, 1, n)
        found = rule.nearest(z if rule.index.plain else np.log(z), step)
        assert rule.index.worth(found.amounts) >= -1e-9 * found.amounts.sum()
        if rule.index.worth(z) < 0:
            assert rule.index.worth(found.amounts) <= 1e-9 * found.amounts.sum()
            pi = rule.index.fit({"exposure": found.moved / found.weight})
            np.testing.assert_allclose(pi, found.moved / found.weight, atol=1e-9)
        else:
            np.testing.assert_allclose(found.amounts, z)


def test_single_anchors_are_heard_before_all_others():
    voices = voices_of(al.Problem(PLATFORM, *CASES["all together"]), ("exposure", "gmv"), 0.0)
    assert [voice.good for voice in voices[:2]] == [0, 1]
    assert len(voices) == 4


def test_mixing_keeps_rules_at_the_price_of_what_was_missing():
    problem = al.Problem(PLATFORM, al.GMV(), [al.HeadCap(2, 0.8 * HEAD), al.GroupShare("firm", 0.05)])
    exact = al.solve(problem, solver="linear", relative_gap=1e-7)
    nearly = 0.999 * exact.flow + 0.001 * BEST.flow
    kept = mixed(problem, nearly, exact.surplus.on_edges(), lambda flow: flow)
    slack = [rule.slack(Totals(PLATFORM, kept), Totals(PLATFORM, kept)).min() for rule in problem.constraints]
    assert min(slack) >= 0
    lost = float(((nearly - kept) * PLATFORM.value).sum()) / G
    assert lost <= 0.005


def test_mixing_leaves_alone_what_it_cannot_mend():
    problem = al.Problem(PLATFORM, al.GMV(), [al.GroupShare("firm", {"f1": 1.0})])
    flow = BEST.flow
    assert mixed(problem, flow, PLATFORM.value, lambda other: other) is flow
