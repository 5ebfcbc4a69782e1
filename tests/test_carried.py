"""An allocation that is carried to the next period is still proved where who has left has freed traffic."""

import numpy as np

import allocator as al
from allocator import dynamics as dy
from allocator.dynamics.policies import carried


def test_a_floor_that_departures_leave_behind_costs_no_new_solution(monkeypatch):
    copies = 200
    value = np.tile([1.0, 0.5], copies)
    tier = np.tile(["head", "tail"], copies)
    stars = al.Platform(
        2 * np.arange(copies + 1), np.arange(2 * copies), value, np.ones(copies), anchors={"tier": tier}
    )
    leave = dy.Defection(base=0.2, convexity=0.0, spill=0.0, where="tier=head", share_of="audience")
    solved = []
    monkeypatch.setattr(carried, "solve", lambda *given, **options: solved.append(1) or al.solve(*given, **options))
    policy = dy.Optimal(rules=[al.Floor(0.1, where="tier=tail")])
    run = dy.simulate(dy.World(stars, (leave,)), policy, periods=10, rng=np.random.default_rng(0))
    heads = run["present"] - copies
    assert heads[-1] < 0.5 * copies
    np.testing.assert_allclose(run["gmv"], 0.95 * heads + 0.5 * (copies - heads), rtol=1e-9)
    assert run["relative_gap"].max() <= policy.relative_gap
    assert len(solved) == 1
