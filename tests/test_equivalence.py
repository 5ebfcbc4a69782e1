"""Two ways to say the same thing: special cases of rules against each other, and rules against indices (fact F17)."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Totals
from strategies import frames, platforms

PLAIN = (1.0,)
SOME = settings(max_examples=max(5, settings.default.max_examples // 20))


def equal(one, other):
    found = [al.solve(problem, relative_gap=1e-6).certificate for problem in (one, other)]
    slack = max(c.gap + c.rounding + 1e-8 * c.scale for c in found)
    assert abs(found[0].objective - found[1].objective) <= slack


SAME = {
    "a mean": lambda f: (al.GeneralizedGini(np.full(f.active.size, 1 / f.n), of=f.of), al.CVaR(1.0, of=f.of)),
    "the worst": lambda f: (al.GeneralizedGini(np.eye(1, f.active.size)[0], of=f.of), al.MaxMin(of=f.of)),
    "the worst share": lambda f: (al.CVaR(1 / f.n, of=f.of), al.MaxMin(of=f.of)),
    "even targets": lambda f: (0.1 * al.TargetShares(3.0, of=f.of), 0.1 * al.Entropy(of=f.of)),
    "no cap": lambda f: (al.CappedUtility("reach:1", of=f.of), f.n * al.CVaR(1.0, of=f.of)),
    "everybody may lose": lambda f: (al.RobustGMV(0.5, 1e3), 0.5 * al.GMV()),
    "nobody loses": lambda f: (al.RobustGMV(0.5, 0), al.RobustGMV(0, 3, per="edge")),
}
SAME_RULES = {
    "caps": lambda f: (
        al.Cap(f.more * f.amounts, of=f.of),
        al.GroupShare("id", at_most=dict(enumerate(f.more * f.amounts)), unit="amount", of=f.of),
    ),
    "floors": lambda f: (
        al.Floor(0.9 * f.share * f.amounts, of=f.of),
        al.GroupShare("id", at_least=dict(enumerate(0.9 * f.share * f.amounts)), unit="amount", of=f.of),
    ),
    "a head of one": lambda f: (
        al.HeadCap(1, min(1.0, f.more * f.parts.max() + 1e-9), of=f.of),
        al.GroupShare("id", at_most=min(1.0, f.more * f.parts.max() + 1e-9), of=f.of),
    ),
    "the worst": lambda f: (
        al.FairnessAtLeast(al.MaxMin(of=f.of), f.share * f.active.min(initial=np.inf)),
        al.Floor(f.share * f.active.min(initial=np.inf), where=f.platform.reach_of(f.of) > 0, of=f.of),
    ),
    "budgets": lambda f: (
        al.Budget(total=f.more * f.amounts.sum(), of=f.of),
        al.GroupShare(np.ones(f.amounts.size, bool), at_most=f.more * f.amounts.sum(), unit="amount", of=f.of),
    ),
    "GMV": lambda f: (
        al.GMVAtLeast(f.share * f.sold),
        al.FairnessAtLeast(al.CVaR(1.0, of="gmv"), f.share * f.sold / max((f.platform.sales_reach > 0).sum(), 1)),
    ),
    "shares of amounts": lambda f: (
        al.GiniAtMost(min(1.0, f.more * f.gini + 1e-3), of=f.of),
        al.GiniAtMost(min(1.0, f.more * f.gini + 1e-3), of=f.of, soft=1e6 * (1 + f.worth(al.Cap(1, of=f.of)))),
    ),
}


@pytest.mark.parametrize("name", sorted(SAME))
@SOME
@given(st.data())
def test_two_terms_that_say_the_same(name, data):
    platform = data.draw(platforms(scales=PLAIN))
    one, other = (al.Problem(platform, al.GMV() + term) for term in SAME[name](frames(data.draw, platform)))
    flow = Totals(platform, platform.even_flow)
    assert al.certify(one, flow).objective == pytest.approx(al.certify(other, flow).objective)
    equal(one, other)


@pytest.mark.parametrize("name", sorted(SAME_RULES))
@SOME
@given(st.data())
def test_two_rules_that_say_the_same(name, data):
    platform = data.draw(platforms(scales=PLAIN))
    frame = frames(data.draw, platform)
    assume(frame.amounts.any())
    equal(*(al.Problem(platform, al.GMV() + 0.1 * al.MaxMin(), [rule]) for rule in SAME_RULES[name](frame)))


# Rules against indices
# -----------------------------------------------------------------------------------------------------------


def mean(y):
    return y.mean()


INDICES = {
    "Gini": lambda y: (al.Gini(), mean(y) * (1 - al.metrics.gini(y))),
    "Hirschman": lambda y: (al.Concentration(), -y.sum() * al.metrics.hhi(y)),
    "Theil": lambda y: (al.Entropy(), -y.sum() * al.metrics.theil(y)),
    "all": lambda y: (al.CVaR(1.0), mean(y)),
    "the worst": lambda y: (al.CVaR(1 / y.size), y.min()),
    "the worst third": lambda y: (al.CVaR(0.3), np.interp(0.3, *al.metrics.lorenz(y)) * mean(y) / 0.3),
    "ranks": lambda y: (al.GeneralizedGini(np.arange(y.size, 0, -1)), np.sort(y) @ np.arange(y.size, 0, -1)),
    "capped": lambda y: (al.CappedUtility(2.0), np.minimum(y, 2.0).sum()),
}
"""A term, and what it is worth by an index of the amounts y of all anchors."""
amounts = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]), min_size=1, max_size=8).filter(any).map(np.array)


def shown(y, scale=1.0):
    """A star on which everybody could be shown everything, and the flow that shows everybody y."""
    platform = al.synthetic.star(np.ones(y.size), supply=scale * y.sum())
    return Totals(platform, scale * y)


@pytest.mark.parametrize("name", sorted(INDICES))
@given(amounts)
def test_welfare_is_the_index_that_it_is_named_after(name, y):
    term, worth = INDICES[name](y)
    totals = shown(y)
    assert term.bind(totals.platform).value(totals).sum() == pytest.approx(worth, rel=1e-9, abs=1e-12)


@given(amounts, st.sampled_from([0.5, 1, 2, 5]), st.sampled_from([1e-6, 1.0, 1e9]))
def test_the_level_of_alpha_fair_welfare_is_the_mean_less_atkinson(y, alpha, scale):
    totals = shown(y, scale)
    level = al.AlphaFair(alpha).bind(totals.platform).level(totals)
    assert level / (scale * mean(y)) == pytest.approx(1 - al.metrics.atkinson(y, alpha), abs=1e-9)


@given(amounts, st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.integers(1, 8), st.sampled_from([1e-6, 1.0, 1e9]))
def test_caps_of_indices_are_broken_by_what_the_index_says(y, level, k, scale):
    totals, k = shown(y, scale), min(k, y.size)
    hhi, head = max(level, min(1.0, 1.001 / y.size)), max(level, k / y.size)
    by = {
        al.GiniAtMost(level): mean(y) * (al.metrics.gini(y) - level),
        al.HHIAtMost(hhi): y.sum() * (al.metrics.hhi(y) ** 0.5 - hhi**0.5),
        al.HeadCap(k, head): np.sort(y)[::-1][:k].sum() - head * y.sum(),
    }
    for rule, above in by.items():
        bound = rule.bind(totals.platform)
        assert bound.excess(totals)[0] == pytest.approx(scale * max(0.0, above), abs=1e-12 * scale * y.sum())
        if abs(above) > 1e-9 * y.sum():
            assert (bound.violation(totals).relative > 1e-12) == (above > 0)


@given(amounts, st.sampled_from(["1%", "10%", "50%", "100%"]))
def test_a_head_in_percent_is_that_of_the_index(y, top):
    totals = shown(y)
    share = al.metrics.top_share(y, float(top[:-1]) / 100)
    rule = al.HeadCap(top, min(1.0, share + 1e-9)).bind(totals.platform)
    assert not rule.excess(totals).any()
    assert rule.count == al.metrics.head_size(y.size, float(top[:-1]) / 100)


F17 = {
    al.GeneralizedGini([0.4375, 0.3125, 0.1875, 0.0625]): 1.875,
    al.Gini(): 2.5 * (1 - 0.25),
    al.CVaR(0.25): 1.0,
    al.CVaR(0.5): 1.5,
    al.CVaR(0.6): (1 + 2 + 0.4 * 3) / 2.4,
    al.CVaR(1.0): 2.5,
    al.Concentration(): -10 * 0.3,
    al.Entropy(): -10 * 0.106440,
}


@pytest.mark.parametrize("term", F17, ids=lambda term: term.name)
def test_f17_the_best_of_a_star_with_capacities_1_2_3_4(term):
    """Nobody can have more: ranks (Weymark 1981), the mean of the worst share, and shares of the total."""
    platform = al.Platform.from_edges([0] * 4, range(4), np.ones(4), supply=[10.0], capacity=[1.0, 2.0, 3.0, 4.0])
    everything = [al.Capacity(), al.SegmentFloor(1.0)]
    allocation = al.solve(al.Problem(platform, 20 * al.GMV() + term, everything), relative_gap=1e-7)
    np.testing.assert_allclose(allocation.exposure, [1, 2, 3, 4], atol=1e-4)
    assert allocation.certificate.objective == pytest.approx(200 + F17[term], abs=1e-4)


@pytest.mark.parametrize("rule", [al.GiniAtMost, al.HHIAtMost])
def test_f17_caps_of_indices_hold_just(rule):
    """The Gini coefficient of (1, 2, 3, 4) is .25, its index of Herfindahl and Hirschman .3."""
    platform = al.synthetic.star(np.ones(4), supply=10.0)
    level = {al.GiniAtMost: 0.25, al.HHIAtMost: 0.3}[rule]
    at = al.certify(al.Problem(platform, al.GMV(), [rule(level)]), np.arange(1.0, 5.0))
    below = al.certify(al.Problem(platform, al.GMV(), [rule(level - 1e-6)]), np.arange(1.0, 5.0))
    assert at.feasible
    assert not below.feasible
