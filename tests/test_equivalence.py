"""Two ways to say the same thing have one optimum: special cases of rules against each other."""

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
