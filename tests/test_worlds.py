"""The full world plays, a mechanism that is left out is absent, and a platform may guide a part of its traffic."""

from dataclasses import replace

import numpy as np
import pytest

import allocator as al
from allocator import dynamics as dy
from allocator.cli import typed_dynamics
from allocator.rules import Objective

SHARED = ("gmv", "gmv_private", "exposure", "present", "gini")
NEUTRAL = {
    dy.Flywheel: {"Flywheel.conversion": 0.0, "Flywheel.visits": 0.0},
    dy.Subsidies: {"Subsidies.strength": 0.0},
    dy.ShortVideo: {"ShortVideo.lift": 0.0},
    dy.Trust: {"Trust.intensity": 1.0, "Trust.erosion": 0.0},
    dy.Promotion: {"Promotion.for_sale": 0.0},
    dy.Newcomers: {"Newcomers.hazard": 0.0},
    dy.Defection: {"Defection.base": 0.0},
    dy.Growth: {"Growth.rate": 0.0},
    dy.Arrivals: {"Arrivals.rate": 0.0},
}
"""Parameters at which a mechanism does nothing; of Herding none says that viewers go nowhere."""


def market(segments=60, anchors=16, newcomers=0.2):
    preset = replace(al.synthetic.KUAISHOU, newcomer_share=newcomers)
    return al.public_part(preset.draw(segments, anchors, rng=np.random.default_rng(5)))


def full(platform=None, **options):
    return dy.kuaishou_world(market() if platform is None else platform, rng=np.random.default_rng(2), **options)


def played(world, policy, periods=20):
    return dy.simulate(world, policy, periods=periods, rng=np.random.default_rng(3))


def test_the_full_world_has_every_mechanism_of_the_baseline_and_plays():
    world = full()
    assert {*NEUTRAL, dy.Herding} == {type(mechanism) for mechanism in world.mechanisms}
    run = played(world, dy.Partly(dy.Optimal(), 0.5))
    assert run["relative_gap"].max() <= 1e-3
    assert np.isfinite(run["gmv"]).all()
    assert (run["gmv"] > 0).all()
    assert not run["failed"].any()


def test_newcomers_make_three_times_the_fans_of_others():
    world = full()
    new = world.platform.anchors["tier"] == "new"
    each = world.mechanism(dy.Flywheel).conversion
    np.testing.assert_allclose(each[new], 3.0 * each[~new][0])
    np.testing.assert_allclose(each[~new], dy.Flywheel.conversion)


def test_the_same_stream_draws_the_same_world_whatever_is_left_out():
    whole, part = full(), full(without=[dy.Herding, dy.ShortVideo])
    assert (whole.mechanism(dy.Trust).intensity == part.mechanism(dy.Trust).intensity).all()


@pytest.mark.parametrize("kind", dy.kuaishou_world(market(), rng=np.random.default_rng(2)).mechanisms, ids=repr)
def test_a_mechanism_that_is_left_out_is_absent(kind):
    world = full(without=[type(kind)])
    assert world.mechanism(type(kind)) is None
    assert np.isfinite(played(world, dy.Even(0.5), 5)["gmv"]).all()


@pytest.mark.parametrize("kind", NEUTRAL)
def test_a_mechanism_that_does_nothing_is_as_if_it_were_left_out(kind):
    off = full()
    if kind is dy.Newcomers:
        off = dy.sensitivity.with_parameter(off, "Arrivals.rate", 0.0)
    for name, value in NEUTRAL[kind].items():
        off = dy.sensitivity.with_parameter(off, name, value)
    if kind is dy.Flywheel:
        off = dy.sensitivity.with_parameter(off, "Subsidies.strength", 0.0)
    absent = full(without=[kind])
    policy = dy.Partly(dy.Greedy(), 0.5)
    runs = [played(world, policy) for world in (off, absent)]
    for column in SHARED:
        np.testing.assert_allclose(runs[0][column], runs[1][column], rtol=1e-12, err_msg=column)


def test_a_world_without_tiers_has_neither_heads_nor_newcomers():
    platform = al.synthetic.heavy_tailed(30, 8, degree=4, rng=np.random.default_rng(3))
    run = played(full(platform), dy.Partly(dy.Greedy(), 0.5))
    assert not run["left"].any()
    assert not run["newcomers"].any()


def test_a_part_of_a_flow_is_that_flow_scaled_with_the_certificate_of_the_part():
    platform = market()
    world = dy.World(platform, ())
    rules = [al.HeadCap(top=3, share=0.4), al.Floor("even:0.2")]
    whole, half = (played(world, policy, 2) for policy in (dy.Optimal(rules=rules), dy.Partly(dy.Optimal(rules=rules))))
    np.testing.assert_allclose(half["gmv"], 0.5 * whole["gmv"], rtol=2e-3)
    np.testing.assert_allclose(half["exposure"], 0.5 * platform.supply.sum(), rtol=1e-9)
    assert half["relative_gap"].max() <= 1e-3
    for recipe in (dy.Even(), dy.Greedy(), dy.Proportional(), dy.CappedBoost()):
        flows = []
        for policy in (recipe, dy.Partly(recipe, 0.25)):
            dy.simulate(world, policy, periods=1, rng=np.random.default_rng(0), watch=flows.append)
        np.testing.assert_allclose(flows[1].flow, 0.25 * flows[0].flow, rtol=1e-12)


def test_the_rest_is_left_to_viewers():
    world = full(without=[dy.Promotion])
    runs = [played(world, dy.Partly(dy.Optimal(), part)) for part in (0.0, 0.5, 1.0)]
    for run in runs:
        np.testing.assert_allclose(run["exposure"], run["supply"], rtol=1e-6)
    assert runs[0]["gmv_public"].sum() < runs[1]["gmv_public"].sum() < runs[2]["gmv_public"].sum()


def test_floors_are_kept_by_the_part_that_is_guided():
    platform = market()
    level = 0.1 * float(platform.even_amounts("exposure").min())
    world, seen = dy.World(platform, (dy.Herding(),)), []
    policy = dy.Partly(dy.Optimal(rules=[al.Floor(level)]), 0.5)
    dy.simulate(world, policy, periods=3, rng=np.random.default_rng(0), watch=seen.append)
    assert all(outcome.exposure.min() >= level * (1 - 1e-6) for outcome in seen)


def test_a_part_of_what_is_no_policy_is_refused():
    with pytest.raises(TypeError, match="handed out by a policy"):
        dy.Partly(0.5)
    with pytest.raises(ValueError, match="part is the part of the supply"):
        dy.Partly(dy.Even(), 1.5)
    with pytest.raises(ValueError, match="worlds with Newcomers"):
        played(dy.World(market()), dy.Partly(dy.ViableFloors(0.1)))


def test_rules_of_the_command_line_reach_the_policy_of_a_part():
    policy = typed_dynamics.policy("Partly(Optimal(), 0.4)")
    stated = typed_dynamics.with_problem(policy, Objective.coerce(al.GMV()), [al.HeadCap(top=3, share=0.5)])
    assert stated.part == 0.4
    assert len(stated.policy.rules) == 1
