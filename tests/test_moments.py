"""What the articles state in numbers, and long sessions and crowded rooms against closed forms."""

import doctest

import numpy as np
import pytest

import allocator as al
from allocator import dynamics as dy
from allocator.dynamics import moments

MODELLED = [stated for stated in moments.STATED if stated.model is not None]


@pytest.mark.parametrize("stated", MODELLED, ids=lambda stated: stated.what)
def test_the_model_makes_of_a_figure_what_is_stated(stated):
    assert stated.model() == pytest.approx(stated.stated[0], rel=3e-3)


def test_the_arithmetic_of_moments_is_that_of_their_docstrings():
    assert doctest.testmod(moments).failed == 0


def test_every_figure_says_where_it_lives():
    """Names of classes and parameters that exist."""
    for stated in moments.STATED:
        assert stated.source
        for place in stated.where.split(":")[0].split(", "):
            head, _, tail = place.partition(".")
            if head in ("nowhere", "flywheel"):
                continue
            thing = getattr(dy, head, None) or getattr(dy.planning, head, None)
            assert thing is not None, place
            if tail:
                fields = getattr(thing, "__dataclass_fields__", {})
                assert tail in fields or hasattr(thing, tail), place


def test_gains_of_both_pools_are_what_a_flywheel_makes_of_them():
    """2.193 at rest, simulated: more traffic, better sales to others, more fans per impression; fans buy as before."""

    def at_rest(impressions, value, wheel):
        world = dy.World(al.Platform([0, 1], [0], [value], [impressions]), (wheel,))
        return dy.simulate(world, dy.Even(), periods=900, rng=np.random.default_rng(0))["gmv"][-1]

    before = at_rest(1.0, 1.0, dy.Flywheel())
    after = at_rest(1.8, 1.25, dy.Flywheel(short_video=1.0, efficiency=4.0 / 1.25))
    assert after / before == pytest.approx(moments.gain_at_rest(), rel=1e-9)


def sold(sessions):
    world = dy.World(al.synthetic.star([1.0], supply=100.0), (sessions,))
    run = dy.simulate(world, dy.Even(), periods=2, rng=np.random.default_rng(0))
    return run["gmv"][0], run["margins"][0]


@pytest.mark.parametrize(("elasticity", "gmv_rises", "margin_rises"), [(0.5, 0, 0), (2.0, 1, 0), (4.0, 1, 1)])
def test_a_lower_price_sells_more_and_leaves_less_between_two_elasticities(elasticity, gmv_rises, margin_rises):
    """Derived in `Sessions`: GMV rises iff e > 1, what is left iff e > 1 / m."""
    before, after = (sold(dy.Sessions(cut=c, elasticity=elasticity, margin=0.3)) for c in (0.0, 1e-4))
    assert (after[0] > before[0]) == bool(gmv_rises)
    assert (after[1] > before[1]) == bool(margin_rises)


def test_ever_longer_sessions_sell_more_and_leave_less():
    """What is left of hours is most where m r hours^(r - 1) = wage."""
    hours = np.linspace(0.5, 6.0, 551)
    found = np.array([sold(dy.Sessions(hours=h, response=0.6, margin=0.4, wage=0.15)) for h in hours])
    assert (np.diff(found[:, 0]) > 0).all()
    assert hours[np.argmax(found[:, 1])] == pytest.approx((0.4 * 0.6 / 0.15) ** (1 / 0.4), abs=0.011)


def test_a_crowded_room_sells_less_per_viewer():
    """Derived in `Herding`: sales p - c p^3 are most at p = (3 c)^(-1/2)."""
    shares, c = np.linspace(0.01, 1.0, 100), 0.9

    def sales(share):
        platform = al.Platform.from_edges([0, 1], [0, 1], [1.0, 1.0], supply=[share, 1.0 - share])
        world = dy.World(platform, (dy.Herding(congestion=c),), {"exposure": [share, 1.0 - share]})
        seen = []
        dy.simulate(world, dy.Even(), periods=1, rng=np.random.default_rng(0), watch=seen.append)
        return seen[0].public_gmv[0]

    found = np.array([sales(share) for share in shares])
    assert shares[np.argmax(found)] == pytest.approx((3 * c) ** -0.5, abs=0.006)


BAD = {
    "hours is how long anchors stream": lambda: dy.Sessions(hours=0.0),
    "cut is the part of the price that is cut": lambda: dy.Sessions(cut=1.0),
    "congestion is what of its value": lambda: dy.Herding(congestion=1.5),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_out_of_its_domain_names_itself(words):
    with pytest.raises(ValueError, match=words):
        BAD[words]()
