"""Two details of playing forward: who watches sees what the trajectory adds up, and training counts once it is over."""

import numpy as np

import allocator as al
from allocator import dynamics as dy


def test_a_watcher_sees_every_outcome():
    platform = al.synthetic.heavy_tailed(40, 8, degree=4, rng=np.random.default_rng(3))
    seen = []
    world = dy.World(platform, (dy.Defection(base=0.3),))
    run = dy.simulate(world, dy.Greedy(), periods=5, rng=np.random.default_rng(1), watch=seen.append)
    assert [outcome.view.period for outcome in seen] == list(range(5))
    np.testing.assert_array_equal([outcome.gmv.sum() for outcome in seen], run["gmv"])


def test_what_was_learned_counts_after_as_many_periods_as_training_has():
    platform = al.synthetic.heavy_tailed(40, 8, degree=4, rng=np.random.default_rng(3))
    way = dy.Pathway("trained", 1.0, skill=0.8, training=3, gain=0.2)
    come = dy.Arrivals(rate=50.0, month=1, pathways=(way,))
    world = dy.World(platform, (dy.Newcomers(hazard=0.0), come), {"present": 0.0})
    skills = []
    dy.simulate(
        world,
        dy.Even(),
        periods=6,
        rng=np.random.default_rng(1),
        watch=lambda outcome: skills.append(outcome.view.state["skill"].max()),
    )
    np.testing.assert_allclose(skills, [0.0, 0.8, 0.8, 0.8, 1.0, 1.0])
