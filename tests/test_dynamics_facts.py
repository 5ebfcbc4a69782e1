"""Closed forms of the platform in time (T1 to T5, T11, F23, F24, P6, P7): one side is always simulated."""

from dataclasses import dataclass

import numpy as np
import pytest

import allocator as al
from allocator import dynamics as dy
from allocator.dynamics import closed_forms

SIGMAS = 4.0
"""Standard errors within which a mean of chance must lie: one in 16,000 does not."""


def star(rooms, **fields):
    platform = al.synthetic.star(np.ones(rooms))
    return al.Platform(platform.indptr, platform.anchor, platform.value, platform.supply, **fields)


def copies(count, ratio):
    """As many markets of one impression as wanted, each with a head who sells 1 of it and a tail who sells less."""
    places = np.arange(2 * count)
    tier = np.where(places % 2 == 0, "head", "tail")
    values = np.where(places % 2 == 0, 1.0, ratio)
    return al.Platform(np.arange(count + 1) * 2, places, values, np.ones(count), anchors={"tier": tier})


@dataclass(frozen=True, eq=False)
class Split(dy.Policy):
    """The head of every copy gets a share of its market, as long as it is there, and the tail the rest."""

    share: float

    def __call__(self, view):
        there = view.present.reshape(-1, 2)
        flow = np.array([self.share, 1.0 - self.share]) * there
        flow[~there[:, 0], 1] = there[~there[:, 0], 1]
        flow *= view.supply[:, None]
        return dy.Decision(flow.ravel())


@dataclass(frozen=True, eq=False)
class Sales(dy.Mechanism):
    """Adds up the discounted GMV of every copy in a list."""

    discount: float
    sums: list

    def step(self, state, outcome, rng):
        gmv = outcome.gmv.reshape(-1, 2).sum(axis=1) * self.discount**state.period
        self.sums[:] = [gmv if not self.sums else self.sums[0] + gmv]
        return {}


def worth(policy, mechanisms, *, count, discount, ratio, periods):
    """Discounted GMV of every copy, (count,)."""
    sums = []
    world = dy.World(copies(count, ratio), (*mechanisms, Sales(discount, sums)))
    dy.simulate(world, policy, periods=periods, rng=np.random.default_rng(11))
    return sums[0]


def close(sample, expected, off=0.0):
    error = sample.std(ddof=1) / np.sqrt(sample.size)
    assert abs(sample.mean() - expected) <= SIGMAS * error + off, (sample.mean(), expected, error)


# T1: insurance against a head's leaving.


@pytest.mark.parametrize(
    ("living", "ratio", "spill"), [(0.1, 0.5, 0.0), (0.1, 0.5, 0.5), (0.2, 0.3, 0.0), (0.1, 0.5, -0.3)]
)
@pytest.mark.parametrize("times", [0.4, 1.0, 2.5])
def test_a_floor_beats_the_best_sales_of_today_where_heads_leave_often_enough(living, ratio, spill, times):
    discount, periods = 0.95, 400
    threshold = closed_forms.churn_threshold(living, ratio, discount, spill)
    hazard = times * threshold
    mechanisms = (
        dy.Starvation(living * min(1.0, 1.0 - spill), where="tier=tail"),
        dy.Defection(base=hazard, convexity=0, spill=spill, where="tier=head", share_of="audience"),
    )
    options = {"count": 4000, "discount": discount, "ratio": ratio, "periods": periods}
    floor, myopic = (worth(p, mechanisms, **options) for p in (Split(1.0 - living), dy.Greedy()))
    gain = floor - myopic
    lasts = 1.0 / (1.0 - discount * (1.0 - hazard))
    insured = hazard * discount * ratio * (1.0 - spill) / (1.0 - discount)
    close(gain, lasts * (insured - living * (1.0 - ratio)), off=1e-6)
    if times != 1.0:
        assert np.sign(gain.mean()) == np.sign(times - 1.0)


def test_the_stated_thresholds_of_insurance():
    stated = {
        (0.1, 0.5, 0.0): 0.005263,
        (0.1, 0.5, 0.2): 0.006579,
        (0.1, 0.5, 0.5): 0.010526,
        (0.2, 0.3, 0.0): 0.024561,
    }
    for (living, ratio, spill), hazard in stated.items():
        assert closed_forms.churn_threshold(living, ratio, 0.95, spill) == pytest.approx(hazard, abs=5e-7)


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_patience_insures_where_it_pays_and_nowhere_else(times):
    living, ratio, discount = 0.1, 0.5, 0.95
    churn = times * closed_forms.churn_threshold(living, ratio, discount)
    worth_of_tail = closed_forms.insurance(churn, ratio, discount)
    mechanisms = (
        dy.Starvation(living, where="tier=tail", worth=worth_of_tail),
        dy.Defection(base=churn, convexity=0, spill=0.0, where="tier=head", share_of="audience"),
    )
    seen = []
    policy = dy.Patient(discount=discount, relative_gap=1e-6)
    world = dy.World(copies(20, ratio), mechanisms)
    dy.simulate(world, policy, periods=1, rng=np.random.default_rng(1), watch=seen.append)
    np.testing.assert_allclose(seen[0].exposure[1::2], living if times > 1 else 0.0, atol=1e-6)


def test_a_floor_as_a_rule_does_what_the_split_does():
    mechanisms = (
        dy.Starvation(0.1, where="tier=tail"),
        dy.Defection(0.05, 0, 0.0, where="tier=head", share_of="audience"),
    )
    options = {"count": 50, "discount": 0.9, "ratio": 0.5, "periods": 20}
    by_rule = worth(dy.Optimal(rules=[al.Floor(0.1, where="tier=tail")]), mechanisms, **options)
    np.testing.assert_allclose(by_rule, worth(Split(0.9), mechanisms, **options), rtol=2e-3)


# T2 and T3: what fans are worth.


@pytest.mark.parametrize(("discount", "stated"), [(0.9, 1.3645), (0.99, 2.2825), (1.0, 2.7143), (0.0, 1.0)])
def test_an_impression_is_worth_itself_and_the_fans_that_it_makes(discount, stated):
    @dataclass(frozen=True)
    class Once(dy.Policy):
        extra: float

        def __call__(self, view):
            return dy.Decision(np.array([0.25 + (self.extra if view.period == 0 else 0.0), 0.25]))

    world = dy.World(al.synthetic.star([2.0, 1.0]), (dy.Flywheel(),))
    runs = [dy.simulate(world, Once(extra), periods=900, rng=np.random.default_rng(0)) for extra in (0.0, 0.5)]
    gain = (runs[1].discounted(discount) - runs[0].discounted(discount)) / (0.5 * 2.0)
    assert gain == pytest.approx(closed_forms.impression_value(discount), rel=1e-9)
    assert gain == pytest.approx(stated, abs=6e-5)


def test_patience_adds_to_an_edge_what_its_impression_brings_later():
    conversion = np.array([0.01, 0.05])
    world = dy.World(al.synthetic.star([2.0, 1.0]), (dy.Flywheel(conversion=conversion),))
    state = world.start({"Flywheel": np.random.default_rng(0)})
    view, _ = world.view(state, rng=np.random.default_rng(0))
    later = dy.Patient(discount=0.9).later(view)
    ratios = [closed_forms.impression_value(0.9, growth=kappa) - 1.0 for kappa in conversion]
    np.testing.assert_allclose(later, np.array([2.0, 1.0]) * ratios, rtol=1e-12)


def test_seven_tenths_of_traffic_are_public_and_most_sales_private_in_the_end():
    world = dy.World(al.synthetic.star([3.0, 2.0, 1.0], supply=500.0), (dy.Flywheel(),))
    run = dy.simulate(world, dy.Even(), periods=1200, rng=np.random.default_rng(0))
    last = {name: run[name][-1] for name in ("exposure", "private", "gmv", "gmv_private")}
    assert last["exposure"] / (last["exposure"] + last["private"]) == pytest.approx(0.7, rel=1e-9)
    assert last["gmv_private"] / last["gmv"] == pytest.approx(12 / 19, rel=1e-9)
    assert run.settled() is not None
    start = dy.World(world.platform, world.mechanisms, {"fans": run.final["fans"]})
    assert dy.simulate(start, dy.Even(), periods=30, rng=np.random.default_rng(0))["gmv"] == pytest.approx(last["gmv"])


def test_the_three_figures_of_fans_agree_for_one_share_of_the_public_audience():
    """Fans buy 6 times as much, private impressions sell 4 times as much: viewers drawn one by one."""
    rng, viewers = np.random.default_rng(2), 400_000
    for private in (0.8, 1.0):
        public = closed_forms.public_fan_share(private)
        fans = [rng.random(viewers) < share for share in (private, public)]
        sold = [np.where(fan, 6.0, 1.0).mean() for fan in fans]
        assert sold[0] / sold[1] == pytest.approx(4.0, rel=0.02)
    parts = (0.3, 0.7)
    of_fans = sum(part * fan.mean() for part, fan in zip(parts, fans, strict=True))
    bought = sum(part * 6.0 * fan.mean() for part, fan in zip(parts, fans, strict=True))
    assert of_fans == pytest.approx(0.37, abs=0.005)
    assert bought / sum(part * mean for part, mean in zip(parts, sold, strict=True)) == pytest.approx(0.779, abs=0.005)
    with pytest.raises(ValueError, match=r"from 0\.6 to 1"):
        closed_forms.public_fan_share(0.5)


# T4 and F23: herding.


def growth(rooms, share, strength, even, size=1e-7):
    """By how much a deviation from the even split grows in a period."""
    start = np.full(rooms, 1.0 / rooms)
    start[0] += size
    start[1:] -= size / (rooms - 1)
    world = dy.World(star(rooms), (dy.Herding(share, strength),), {"popularity": start})
    run = dy.simulate(world, dy.Even(even), periods=1, rng=np.random.default_rng(0))
    return (run.final["popularity"][0] - 1.0 / rooms) / size


@pytest.mark.parametrize("rooms", [2, 3, 5, 20, 100])
@pytest.mark.parametrize(
    ("share", "strength", "even"), [(0.5, 2.0, 0.0), (0.8, 1.6, 0.21875), (0.6, 1.2, 0.0), (1.0, 3.0, 0.1)]
)
def test_a_deviation_from_even_grows_by_what_is_left_to_the_crowd(rooms, share, strength, even):
    assert growth(rooms, share, strength, even) == pytest.approx(share * strength * (1.0 - even), rel=1e-4)


def test_the_even_share_that_is_needed_is_where_deviations_stop_growing():
    for share, strength in ((0.8, 1.6), (0.9, 2.0), (1.0, 1.1)):
        needed = closed_forms.even_share_needed(share, strength)
        assert growth(20, share, strength, needed + 0.005) < 1.0 < growth(20, share, strength, needed - 0.005)
    assert closed_forms.even_share_needed(0.8, 1.6) == pytest.approx(0.21875)
    assert closed_forms.even_share_needed(0.5, 1.0) == 0.0


def rest(rooms, share, strength, even, start, periods=3000):
    """The largest share in the end."""
    world = dy.World(star(rooms), (dy.Herding(share, strength),), {"popularity": start})
    final = dy.simulate(world, dy.Even(even), periods=periods, rng=np.random.default_rng(0)).final["popularity"]
    return float(final.max() / final.sum())


def led(rooms):
    """One room has nearly all."""
    return np.where(np.arange(rooms) == 0, 0.99, 0.01 / (rooms - 1))


@pytest.mark.parametrize(("rooms", "fold"), [(3, 0.972), (5, 0.903), (20, 0.743), (100, 0.646)])
def test_a_head_survives_below_the_strength_at_which_it_would_arise(rooms, fold):
    assert rest(rooms, 0.5, (fold + 0.004) / 0.5, 0.0, led(rooms)) > min(1.5 / rooms, 0.44)
    assert rest(rooms, 0.5, (fold - 0.004) / 0.5, 0.0, led(rooms)) == pytest.approx(1.0 / rooms, rel=0.02)
    even = np.full(rooms, 1.0 / rooms) * (1.0 + 1e-6 * np.arange(rooms))
    assert rest(rooms, 0.5, 0.99 / 0.5, 0.0, even) == pytest.approx(1.0 / rooms, rel=1e-3)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_a_ratio_has_one_maximiser_above_the_first_power_and_none_below(power):
    y = np.linspace(0.01, 5.0, 20_001)
    ratio = y / (0.2 + 0.7 * y**power)
    if power > 1.0:
        assert y[ratio.argmax()] == pytest.approx(closed_forms.peak(0.2, 0.7, power), abs=1e-3)
    else:
        assert (np.diff(ratio) > 0).all()


def test_prevention_is_cheaper_than_cure():
    nearly = np.full(20, 0.05) * (1.0 + 1e-6 * (np.arange(20) == 0))
    assert rest(20, 0.8, 1.6, 0.2238, nearly, periods=20_000) == pytest.approx(0.05, rel=1e-3)
    for even, head in ((0.2288, 0.579), (0.2688, 0.536)):
        assert rest(20, 0.8, 1.6, even, led(20)) == pytest.approx(head, abs=2e-3)
    cure = closed_forms.even_share_to_dissolve(20, 0.8, 1.6)
    assert rest(20, 0.8, 1.6, cure - 0.005, led(20)) > 0.2
    assert rest(20, 0.8, 1.6, cure + 0.005, led(20)) == pytest.approx(0.05, rel=0.02)
    for even, head in ((0.2288, 0.579), (0.2688, 0.536)):
        assert closed_forms.even_share_at(head, 20, 0.8, 1.6) == pytest.approx(even, abs=2e-3)
    # The fork is subcritical: a hundredth is too much for an even share that a ten-thousandth leaves in place.
    for size, locked in ((1e-2, True), (1e-4, False)):
        start = np.full(20, 0.05) * (1.0 + size * (np.arange(20) == 0))
        assert (rest(20, 0.8, 1.6, 0.2198, start, periods=20_000) > 0.5) == locked


def test_two_rooms_part_without_a_jump():
    start = np.array([0.500001, 0.499999])
    shares = [rest(2, 0.5, 2.0 * (1.0 + above), 0.0, start, periods=20_000) - 0.5 for above in (0.004, 0.016)]
    assert shares[1] / shares[0] == pytest.approx(2.0, rel=0.05)  # it grows as the root of the distance


def test_a_crowd_of_one_viewer_with_full_memory_is_an_urn():
    """Polya's urn from one ball each: the limit is uniform, with mean 1/2 and variance 1/12 (F24)."""
    urns, rounds = 4000, 300
    places = np.arange(2 * urns)
    platform = al.Platform(np.arange(urns + 1) * 2, places, np.ones(2 * urns), np.ones(urns))
    herding = dy.Herding(share=1.0, strength=1.0, memory=1.0, viewers=1)
    world = dy.World(platform, (herding,), {"popularity": 1.0})
    final = dy.simulate(world, dy.Even(0.0), periods=rounds, rng=np.random.default_rng(8)).final["popularity"]
    balls = final.reshape(-1, 2)
    np.testing.assert_allclose(balls.sum(axis=1), rounds + 2.0)
    share = balls[:, 0] / (rounds + 2.0)
    close(share, 0.5)
    variance = rounds / (rounds + 2.0) / 12.0  # derived here: of a uniform number of balls from 1 to rounds + 1
    close((share - 0.5) ** 2, variance)
    counts = np.bincount(np.minimum((share * 5).astype(int), 4), minlength=5) / urns
    assert np.abs(counts - 0.2).max() < SIGMAS * np.sqrt(0.16 / urns) + 1.0 / rounds


# T5: viable floors.


def survivors(policy, *, months=1, hazard=1.0, power=2.0, seeds=300, newcomers=40):
    """Extra survivors of newcomers whom nobody would choose, per run, over those without any traffic."""
    values = np.concatenate((np.full(newcomers, 0.5), [1.0]))
    tier = np.append(np.full(newcomers, "new"), "head")
    platform = star(newcomers + 1, anchors={"tier": tier})
    platform = al.Platform(platform.indptr, platform.anchor, values, np.array([100.0]), anchors={"tier": tier})
    mechanism = dy.Newcomers(viable=1.0, hazard=hazard, power=power, month=1, memory=1, probation=10_000)
    world = dy.World(platform, (mechanism,))
    runs = dy.ensemble(world, {"it": policy}, periods=months, seeds=range(seeds))
    left = newcomers * closed_forms.survival(0.0, hazard=hazard, power=power, months=months)
    return runs.paths("it", "newcomers")[:, -1] - left


def test_ten_floors_to_live_on_save_more_than_forty_that_are_too_small():
    even = survivors(dy.Optimal(rules=[al.Floor(0.25, where="tier=new")]))
    lottery = survivors(dy.ViableFloors(0.1))
    close(even, 40 * 0.25**2 / (1 + 0.25**2))
    close(lottery, 5.0)
    assert pytest.approx(2.35, abs=5e-3) == 40 * 0.25**2 / (1 + 0.25**2)


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_the_best_floor_is_where_most_survive_per_impression(power):
    star_floor = closed_forms.best_floor(power=power)
    assert star_floor == pytest.approx((power - 1.0) ** (1.0 / power), rel=1e-12)
    gains = {}
    for times in (0.5, 1.0, 2.0):
        slots = int(12.0 / (times * star_floor))
        found = survivors(dy.ViableFloors(0.12, floor=times * star_floor), power=power, seeds=400)
        gains[times] = found / (slots * times * star_floor)
    expected = (power - 1.0) / power / star_floor
    close(gains[1.0], expected)
    for times in (0.5, 2.0):
        lead = gains[1.0].mean() - gains[times].mean()
        assert lead > SIGMAS * np.hypot(*(gains[t].std(ddof=1) / 20.0 for t in (1.0, times)))


def test_floors_grow_with_the_months_over_which_they_count():
    found = [closed_forms.best_floor(hazard=0.3, months=months) for months in (1, 3, 6, 12)]
    np.testing.assert_allclose(found, [1.00, 1.21, 1.59, 2.36], atol=5e-3)
    slots = int(12.0 / found[2])
    saved = slots * float(np.diff(closed_forms.survival([0.0, found[2]], hazard=0.3, months=6.0))[0])
    once = survivors(dy.Optimal(rules=[al.Floor(found[2], where=range(slots))]), months=6, hazard=0.3)
    close(once, saved)
    again = survivors(dy.ViableFloors(0.12, months=6.0), months=6, hazard=0.3)  # floors of leavers are drawn anew
    assert again.mean() > saved


@pytest.mark.parametrize(("hazard", "median"), [(0.206, 3.0), (0.3, 1.9)])
def test_many_fail_within_the_very_first_few_months(hazard, median):
    platform = star(4000, anchors={"tier": np.full(4000, "new")})
    world = dy.World(platform, (dy.Newcomers(viable=1e9, hazard=hazard, probation=10_000),))
    run = dy.simulate(world, dy.Even(), periods=150, rng=np.random.default_rng(4))
    half = int(np.argmax(run["newcomers"] <= 2000)) / 30
    assert half == pytest.approx(median, abs=0.15)


# T11, P6 and P7: heads who leave.


def capped(shares, *, base, convexity, spill=0.0, discount=0.95, count=4000, periods=300):
    """Discounted GMV of every copy at each share of the head, over that of the tail alone."""
    mechanism = dy.Defection(base, convexity, spill, where="tier=head", share_of="audience")
    options = {"count": count, "discount": discount, "ratio": 0.5, "periods": periods}
    return {h: worth(Split(h), (mechanism,), **options) - 0.5 / (1.0 - discount) for h in shares}


@pytest.mark.parametrize("base", [0.01, 0.1, 0.5])
def test_no_cap_pays_where_the_risk_of_leaving_grows_with_traffic_alone(base):
    found = capped([0.25, 0.5, 0.75, 1.0], base=base, convexity=1.0)
    means = [sample.mean() for sample in found.values()]
    assert all(np.diff(means) > 0)
    for h, sample in found.items():
        close(sample, 0.5 * h / (1 - 0.95 + 0.95 * base * h), off=1e-5)
    assert closed_forms.best_cap(base, 1.0, 0.95) == 1.0


@pytest.mark.parametrize(
    ("base", "convexity", "spill"), [(0.1, 2.0, 0.0), (0.3, 2.0, 0.0), (0.2, 4.0, 0.0), (0.1, 2.0, 0.1)]
)
def test_the_best_cap_lies_where_simulated_sales_are_most(base, convexity, spill):
    best = closed_forms.best_cap(base, convexity, 0.95, spill=spill)
    shares = [0.6 * best, best, min(1.0, 1.5 * best)]
    found = capped(shares, base=base, convexity=convexity, spill=spill, count=20_000)
    low, top, high = found.values()
    for other in (low, high):
        lead = top - other  # the same chance strikes all shares
        assert lead.mean() > SIGMAS * lead.std(ddof=1) / np.sqrt(lead.size)


def test_the_stated_cap_and_its_bang_bang_with_spill():
    assert closed_forms.best_cap(0.1, 2.0, 0.95) == pytest.approx(0.7255, abs=5e-5)
    threshold = 0.5 * 0.05 / (0.1 * 0.5 * 0.95)
    assert closed_forms.best_cap(0.99 * threshold, 1.0, 0.95, spill=0.1) == 1.0
    assert closed_forms.best_cap(min(1.0, 1.01 * threshold), 1.0, 0.95, spill=0.1) == 0.0
    # The first-order condition of the model with spill, at the root that was found.
    base, m, d, rho, xi = 0.1, 2.0, 0.95, 0.5, 0.1
    h, c = closed_forms.best_cap(base, m, d, ratio=rho, spill=xi), d * base * rho * xi / (1 - d)
    assert (1 - rho) * (1 - d - (m - 1) * d * base * h**m) == pytest.approx(m * c * (1 - d) * h ** (m - 1), rel=1e-5)


@pytest.mark.parametrize("firms", [20, 5, 1])
def test_firms_that_leave_together_lose_as_much_on_average_and_less_evenly(firms):
    anchors, base, runs = 40, 0.2, 4000
    rng = np.random.default_rng(firms)
    sales = rng.lognormal(size=anchors)
    firm = np.array([f"firm-{k % firms}" for k in range(anchors)])
    edges = np.arange(anchors)
    platform = al.Platform(np.arange(anchors + 1), edges, sales, np.ones(anchors), anchors={"firm": firm})
    world = dy.World(platform, (dy.Defection(base, 0.0, 0.0, by="firm"),))
    streams = [{"Defection": np.random.default_rng([firms, run])} for run in range(runs)]
    state = world.start(streams[0])
    view, sold = world.view(state, rng=rng)
    outcome = world.play(view, world.served(platform.even_flow), sold, streams[0])
    lost = np.array([(outcome.gmv * (world.after(state, outcome, s)["present"] == 0)).sum() for s in streams])
    groups = np.array([sales[firm == name].sum() for name in np.unique(firm)])
    close(lost, base * sales.sum())
    close((lost - base * sales.sum()) ** 2, base * (1 - base) * float((groups**2).sum()))


# A7 and A8: how newcomers come.


def of_pathway(pathway, exposure, *, months=2, places=4000):
    """The part of one pathway's arrivals who are there after some months at an exposure, over what they live on."""
    platform = star(places, anchors={"tier": np.full(places, "new")})
    platform = al.Platform(platform.indptr, platform.anchor, platform.value, np.array([exposure * places]))
    newcomers = dy.Newcomers(viable=1.0, hazard=0.5, month=30, memory=1, probation=10_000, where=np.zeros(places, bool))
    arrivals = dy.Arrivals(rate=1e3, pathways=(pathway,), firms=4000)
    world = dy.World(platform, (newcomers, arrivals), {"present": np.arange(places) == 0})
    run = dy.simulate(world, dy.Even(), periods=1 + 30 * months, rng=np.random.default_rng(6))
    assert run["came"][0] == places - 1
    age = run.final["age"]
    return float(((age == 30 * months) & (run.final["pathway"] > 0)).sum()) / (places - 1)


def test_members_of_firms_survive_less_than_independents_once_enough_firms_deceive():
    honest = dy.Pathway("mcn", 1.0, skill=1.2, fee=0.3)
    alone = dy.Pathway("independent", 1.0, skill=0.8)
    curve = {"hazard": 0.5, "months": 2.0}
    s_honest, s_alone, s_none = (float(closed_forms.survival(z, **curve)) for z in (0.84, 0.8, 0.0))
    point = (s_honest - s_alone) / (s_honest - s_none)
    error = SIGMAS * 0.5 / np.sqrt(4000)
    assert of_pathway(alone, 1.0) == pytest.approx(s_alone, abs=error)
    for deceptive in (0.0, point, 0.5):
        path = dy.Pathway("mcn", 1.0, skill=1.2, fee=0.3, deceptive=deceptive)
        expected = s_honest - deceptive * (s_honest - s_none)
        assert of_pathway(path, 1.0) == pytest.approx(expected, abs=error)
        assert (expected > s_alone + 1e-12) == (deceptive < point)
    assert honest.wage > alone.wage


def test_training_without_traffic_saves_nobody():
    plain, trained = dy.Pathway("plain", 1.0, skill=0.8), dy.Pathway("trained", 1.0, skill=0.8, training=5, gain=0.4)
    assert of_pathway(plain, 0.0) == of_pathway(trained, 0.0)
    assert of_pathway(trained, 1.0) > of_pathway(plain, 1.0) + 0.03


def test_more_people_come_when_more_are_out_of_work():
    """6.2 % in February 2020 against 3.62 % in 2019 (s2), at the assumed fifth more arrivals per point."""
    came = {}
    for rate in (3.62, 6.2):
        arrivals = dy.Arrivals(rate=0.03, unemployment=rate, month=1)
        newcomers = dy.Newcomers(hazard=1.0, viable=1e12, month=1, memory=1, where=np.zeros(4000, bool))
        world = dy.World(star(4000), (newcomers, arrivals), {"present": np.arange(4000) == 0})
        came[rate] = dy.simulate(world, dy.Even(), periods=200, rng=np.random.default_rng(5))["came"]
    for rate, factor in ((3.62, 1.0), (6.2, np.exp(0.2 * 2.58))):
        close(came[rate], 120.0 * factor)


# T6, T10, P2, P8, P9 and P10: trust, subsidies, short videos, growth.


def alone(*mechanisms, periods, **stocks):
    """One anchor with an impression a period that sells 1."""
    world = dy.World(al.synthetic.star([1.0]), mechanisms, stocks)
    return dy.simulate(world, dy.Even(), periods=periods, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("recovery", "erosion", "power"), [(0.1, 0.4, 2.0), (0.1, 0.4, 3.0), (0.05, 0.2, 1.5)])
def test_sales_at_rest_are_largest_at_the_best_intensity(recovery, erosion, power):
    best, trust = closed_forms.best_intensity(recovery, erosion, power)
    rest = {
        s: alone(dy.Trust(s, recovery, erosion, power), periods=2000)
        for s in (best - 0.02, best, min(1.0, best + 0.02))
    }
    sales = [run["gmv"][-1] for run in rest.values()]
    assert sales[1] > max(sales[0], sales[2])
    assert rest[best].final["trust"][0] == pytest.approx(trust, rel=1e-9)
    assert trust == pytest.approx((power - 1.0) / power, rel=1e-9)


def test_the_stated_trust_and_intensity():
    assert closed_forms.best_intensity(0.1, 0.4, 2.0) == pytest.approx((0.5, 0.5))
    assert closed_forms.best_intensity(0.1, 0.4, 3.0) == pytest.approx((0.5, 2 / 3))


@pytest.mark.parametrize(("advertising", "stops"), [(0.9, False), (1.0, True), (1.2, True)])
def test_who_earns_as_much_by_advertising_stops_selling(advertising, stops):
    income = {}
    for s in np.linspace(0.0, 1.0, 101):
        run = alone(dy.Trust(s, 0.1, 0.4, 2.0, advertising), periods=600)
        income[s] = run["gmv"][-1] + run["advertising"][-1]
    assert (max(income, key=income.get) == 0.0) == stops


@pytest.mark.parametrize("lasted", [30, 600])
def test_what_a_subsidy_leaves_decays_as_fans_do(lasted):
    mechanisms = (dy.Flywheel(), dy.Subsidies(phases=((600, lasted),)))
    run = alone(*mechanisms, periods=600 + lasted + 120)
    rest = run["fans"][590]
    for since in (0, 23, 46, 90):
        excess = run["subsidised_fans"][600 + lasted - 1 + since] / rest
        assert excess == pytest.approx(closed_forms.fans_after_subsidy(1.0, lasted, 0.03, since), rel=1e-6)
    stated = {(600, 23): 0.496, (600, 46): 0.246, (600, 90): 0.064, (30, 23): 0.297}
    for (length, since), left in stated.items():
        assert closed_forms.fans_after_subsidy(1.0, length, 0.03, since) == pytest.approx(left, abs=1e-3)


@pytest.mark.parametrize(("tools", "learning"), [(0.0, 0.01), (0.3, 0.05), (0.8, 0.05), (0.8, 0.01), (0.1, 0.01)])
def test_sales_fall_below_those_without_a_subsidy_where_skills_come_back_too_late(tools, learning):
    """P9: iff l < mu with any deficit D, or D > phi b / (1 + phi b) at withdrawal; phi: private part of GMV."""
    subsidy = dy.Subsidies(phases=((900, 60),), tools=tools, learning=learning, forgetting=0.02)
    run = alone(dy.Flywheel(), subsidy, periods=1600)
    never, after = run["gmv"][899], run["gmv"][960:]
    private = run["gmv_private"][899] / never
    # At withdrawal: skill that is lost, and fans above rest.
    path = alone(dy.Flywheel(), subsidy, periods=960)
    deficit, excess = float(path.final["unlearned"][0]), path["subsidised_fans"][-1] / path["fans"][899]
    falls = deficit > 0 and (learning < 0.03 or deficit > private * excess / (1.0 + private * excess))
    assert (after.min() < never * (1 - 1e-9)) == falls


@pytest.mark.parametrize("sameness", [0.0, 0.35, 0.45, 1.0])
def test_a_tool_helps_the_tail_only_while_its_videos_differ(sameness):
    """P2: from g = .2 over g* = .5 with an uplift of .5 iff sameness < 1 - .3 / .5."""
    platform = al.synthetic.star(np.ones(4))
    quality = np.array([0.2, 0.2, 1.0, 2.0])
    gini = {}
    for uplift in (0.0, 0.5):
        world = dy.World(platform, (dy.ShortVideo(quality, 0.5, uplift=uplift, sameness=sameness),))
        gini[uplift] = al.metrics.gini(_last(world).gmv)
    none = _last(dy.World(platform))
    assert gini[0.0] > al.metrics.gini(none.gmv)
    assert (gini[0.5] < gini[0.0]) == (sameness < 0.4)


def _last(world, periods=80):
    seen = []
    dy.simulate(world, dy.Even(), periods=periods, rng=np.random.default_rng(0), watch=seen.append)
    return seen[-1]


@pytest.mark.parametrize("times", [0.9, 1.1])
def test_a_new_floor_takes_nothing_from_others_while_traffic_grows_fast_enough(times):
    """P10: everybody's exposure still rises iff the floor takes less than G / (1 + G)."""
    rate, ceiling = 0.2, 4.0
    growth = rate * (1.0 - 1.0 / ceiling)
    part = times * growth / (1.0 + growth)

    @dataclass(frozen=True)
    class Later(dy.Policy):
        def __call__(self, view):
            own = np.array([0.0, 0.5, 0.5]) if view.period == 0 else np.array([part, (1 - part) / 2, (1 - part) / 2])
            return dy.Decision(own * view.supply[0])

    seen = []
    world = dy.World(star(3), (dy.Growth(rate, ceiling),))
    dy.simulate(world, Later(), periods=2, rng=np.random.default_rng(0), watch=seen.append)
    change = seen[1].exposure[1:] - seen[0].exposure[1:]
    assert (change > 0).all() == (times < 1)
    assert seen[1].exposure.sum() == pytest.approx(1.0 + growth)


def test_traffic_grows_to_its_ceiling_and_no_further():
    run = alone(dy.Growth(0.15, 2.0), periods=200)
    assert (np.diff(run["supply"]) >= 0).all()
    assert run["supply"][-1] == pytest.approx(2.0, rel=1e-9)
    assert run["supply"][1] == pytest.approx(1.0 + 0.15 * 0.5)
