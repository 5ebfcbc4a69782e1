"""Money and events in time: budgets are kept to the last cent, and what is bought is what is paid for."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import dynamics as dy
from strategies import platforms


def played(platform, *mechanisms, policy=None, periods=12, stocks=None):
    seen = []
    world = dy.World(platform, mechanisms, stocks or {})
    run = dy.simulate(world, policy or dy.Greedy(), periods=periods, rng=np.random.default_rng(0), watch=seen.append)
    return run, seen


@settings(deadline=None)
@given(platforms(), st.floats(0.0, 2.0), st.floats(0.0, 1.0), st.integers(1, 12))
def test_budgets_are_never_exceeded_and_spent_where_there_is_enough_to_buy(platform, of_all, part, length):
    """A budget as a part of what 12 periods without one cost, at any scale."""
    phases, cost = ((0, length), (length + 1, 3)), 3.0
    free = played(platform, dy.Flywheel(), dy.Subsidies(phases, cost=cost), dy.Products(phases, part=part))[0]
    budgets = {name: of_all * float(free[name][-1]) for name in ("subsidies_paid", "products_paid")}
    run, _ = played(
        platform,
        dy.Flywheel(),
        dy.Subsidies(phases, cost=cost, budget=budgets["subsidies_paid"]),
        dy.Products(phases, part=part, budget=budgets["products_paid"]),
    )
    for name, budget in budgets.items():
        assert run[name].max() <= budget
        assert (np.diff(run[name]) >= 0).all()
        assert run[name][-1] == pytest.approx(min(budget, float(free[name][-1])), rel=1e-9)


def test_what_products_bring_and_cost():
    """Derived here: all GMV grows by value x part, and the platform pays its share of what subsidised products sell."""
    products = dy.Products(((2, 3),), part=0.5, value=0.4, share_of_sales=0.1)
    run, _ = played(al.synthetic.star([1.0, 0.5], supply=100.0), products, periods=8)
    np.testing.assert_allclose(run["gmv"], np.where((run["period"] >= 2) & (run["period"] < 5), 120.0, 100.0))
    np.testing.assert_allclose(np.diff(run["products_paid"], prepend=0.0)[2:5], 0.1 * 0.5 * 1.4 * 100.0)


def test_a_period_in_which_the_money_ends_is_subsidised_in_part():
    products = dy.Products(((0, 5),), value=0.4, share_of_sales=0.1, budget=14.0 + 7.0)
    run, _ = played(al.synthetic.star([1.0], supply=100.0), products, periods=4)
    np.testing.assert_allclose(run["gmv"], [140.0, 120.0, 100.0, 100.0])
    subsidies = dy.Subsidies(((0, 5),), cost=2.0, budget=2.0 * 1.5)
    run, _ = played(al.synthetic.star([1.0], supply=100.0), dy.Flywheel(conversion=0.01), subsidies, periods=4)
    np.testing.assert_allclose(run["subsidies_paid"], [2.0, 3.0, 3.0, 3.0])
    np.testing.assert_allclose(run["subsidised_fans"], [1.0, 0.97 + 0.5, 1.47 * 0.97, 1.47 * 0.97**2])


def test_private_sales_are_not_of_subsidised_products():
    stocks = {"fans": 10.0}
    with_it, without = (
        played(al.synthetic.star([1.0], supply=100.0), dy.Flywheel(), *more, stocks=stocks)[0]
        for more in ((dy.Products(),), ())
    )
    assert (with_it["gmv_private"] == without["gmv_private"]).all()
    assert (with_it["gmv_public"] > without["gmv_public"]).all()


def test_phases_and_anchors_may_have_strengths_of_their_own():
    platform = al.synthetic.star([1.0, 0.5], supply=100.0)
    wheel = dy.Flywheel(conversion=0.01)
    subsidies = dy.Subsidies(((0, 1), (2, 1)), strength=[[1.0, 0.0], [0.0, 3.0]], decay=1.0)
    seen = played(platform, wheel, subsidies, policy=dy.Even(), periods=4)[1]
    fans = np.array([outcome.view.state["subsidised_fans"] for outcome in seen])
    np.testing.assert_allclose(fans, [[0, 0], [0.5, 0], [0, 0], [0, 1.5]])


def test_patience_counts_subsidised_fans_while_they_are_to_be_had():
    """T2 with b times as many fans again; what a subsidised fan is worth is what it buys."""
    platform = al.synthetic.star([1.0], supply=100.0)
    world = dy.World(platform, (dy.Flywheel(), dy.Subsidies(((0, 1),), strength=2.0, buying=0.5)))
    state = world.start({"Flywheel": None, "Subsidies": None})
    view, _ = world.view(state, rng=np.random.default_rng(0))
    later = dy.Patient(discount=0.9).later(view)
    plain = dy.closed_forms.impression_value(discount=0.9) - 1.0
    np.testing.assert_allclose(later, plain * (1.0 + 2.0 * 0.5))


def test_shoppers_come_for_an_event_and_subsidised_traffic_is_there_in_phases_alone():
    platform = al.subsidise(al.synthetic.star([1.0, 0.5], supply=100.0), [1], 40.0)
    run, seen = played(platform, dy.Events(((1, 1), (2, 1)), surge=[2.0, 0.5], subsidised=[0.25, 1.0]), periods=4)
    np.testing.assert_allclose(run["supply"], [100.0, 210.0, 90.0, 100.0])
    np.testing.assert_allclose([outcome.exposure[1] for outcome in seen], [0.0, 10.0, 40.0, 0.0])


@settings(deadline=None)
@given(st.floats(0.002, 0.02), st.floats(0.3, 3.0), st.floats(0.1, 3.0))
def test_attention_is_shared_with_rivals(rate, ratio, rivals):
    """Derived in `Growth`: (S / S_0)^(1 / g) = (R / R_0)^(1 / g') up to steps of size g, and together they end at the
    ceiling.
    """
    ceiling = 1.5 * (1.0 + rivals)
    growth = dy.Growth(rate, ceiling, rivals=rivals, their_rate=ratio * rate)
    seen = played(al.synthetic.star([1.0]), growth, periods=300)[1]
    ours = np.array([float(outcome.view.state["demand"][0]) for outcome in seen])
    theirs = np.array([float(outcome.view.state["rival_demand"][0, 0]) for outcome in seen])
    step = 5 * rate * max(ratio, 1.0)
    np.testing.assert_allclose(np.log(ours) * ratio, np.log(theirs / rivals), rtol=step, atol=1e-9)
    assert all(a <= b for a, b in pairwise(ours))
    assert (ours + theirs <= ceiling * (1 + 1e-9)).all()


def test_without_rivals_a_platform_has_all_attention():
    mechanisms = (dy.Growth(0.01, 2.0), dy.Growth(0.01, 2.0, rivals=0.0))
    alone, with_none = (played(al.synthetic.star([1.0]), growth)[0] for growth in mechanisms)
    assert (alone["supply"] == with_none["supply"]).all()


BAD = {
    "part is the part of public sales": lambda p: dy.Products(part=1.5),
    "part has shape": lambda p: dy.World(p, (dy.Products(part=[1.0, 1.0, 1.0]),)),
    "value is by what part more": lambda p: dy.Products(value=-0.1),
    "surge has 2 entries": lambda p: dy.Events(((0, 1),), surge=[1.0, 2.0]),
    "surge is supply in a phase": lambda p: dy.Events(surge=-1.0),
    "strength has shape": lambda p: dy.World(p, (dy.Flywheel(), dy.Subsidies(strength=[1.0, 1.0, 1.0]))),
    "budget is money for subsidised fans": lambda p: dy.Subsidies(budget=-1.0),
    "rivals is traffic of other platforms": lambda p: dy.Growth(rivals=-1.0),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_out_of_its_domain_names_itself(words):
    with pytest.raises(ValueError, match=words):
        BAD[words](al.synthetic.star([1.0, 0.5]))
