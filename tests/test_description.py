"""Who has the traffic: shares are shares, labels and splits do not matter, and counting is a limit that holds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from strategies import platforms

FEWER = settings(max_examples=max(10, settings.default.max_examples // 2))
KEPT = ("anchors", "supply", "currency", "period", "flow", "traffic", "gmv", "groups", "outbid_anchors")
"""What does not change when a segment is split in two; sizes and degrees of course do."""


def close(one, other):
    """Equal records, up to the order in which sums were taken."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other or (isinstance(one, float) and one == pytest.approx(other, rel=1e-9, abs=1e-12))


@given(platforms())
def test_shares_sum_to_one_and_curves_are_convex(platform):
    found = al.describe(platform)
    for spread in (found.traffic, found.gmv):
        assert spread.shares.sum() == pytest.approx(1.0)
        assert (spread.deciles[0], spread.deciles[-1]) == (0.0, pytest.approx(1.0))
        assert (np.diff(spread.deciles, 2) >= -1e-12).all()
        assert spread.top_1_percent <= spread.top_10_percent + 1e-12
        assert 1 - spread.deciles[9] <= spread.top_10_percent + 1e-12
    for groups in found.groups.values():
        assert sum(group.anchors for group in groups) == platform.anchor_count
        assert sum(group.traffic_share for group in groups) == pytest.approx(1.0)
        assert sum(group.gmv_share for group in groups) == pytest.approx(1.0)
        money = sum(g.traffic_share * (g.mean_value or 0.0) for g in groups) * found.traffic.total
        if found.traffic.total > 0:
            assert money == pytest.approx(found.gmv.total)
    json.dumps(found.record(), allow_nan=False)


def moved(platform, to_segment, to_anchor):
    """The platform with segment i called to_segment[i] and anchor j to_anchor[j]."""
    back = np.argsort(to_anchor)
    return al.Platform.from_edges(
        to_segment[platform.segment],
        to_anchor[platform.anchor],
        platform.value,
        supply=platform.supply[np.argsort(to_segment)],
        observed=platform.observed,
        capacity=platform.capacity[back],
        anchors={name: column[back] for name, column in platform.anchors.items() if name != "id"},
    )


@given(platforms(), st.randoms(use_true_random=False))
def test_relabelling_changes_nothing(platform, random):
    orders = [list(range(n)) for n in (platform.segment_count, platform.anchor_count)]
    for order in orders:
        random.shuffle(order)
    here, there = (al.describe(p).record() for p in (platform, moved(platform, *map(np.array, orders))))
    for record in (here, there):
        del record["notices"]  # they name ids
        for groups in record["groups"].values():
            groups.sort(key=lambda group: group["value"])
    assert close(here, there)


@given(platforms(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_merging_a_segment_that_was_split_in_two_changes_nothing(platform, share):
    p, last = platform, slice(platform.indptr[-2], platform.indptr[-1])
    observed = None
    if p.observed is not None:
        observed = np.append(p.observed, (1 - share) * p.observed[last])
        observed[last] *= share
    split = al.Platform(
        np.append(p.indptr, 2 * p.indptr[-1] - p.indptr[-2]),
        np.append(p.anchor, p.anchor[last]),
        np.append(p.value, p.value[last]),
        np.append(p.supply[:-1], [share * p.supply[-1], (1 - share) * p.supply[-1]]),
        capacity=p.capacity,
        observed=observed,
        anchors=p.anchors,
    )
    here, there = (al.describe(q).record() for q in (platform, split))
    assert close({name: here[name] for name in KEPT}, {name: there[name] for name in KEPT})


@given(platforms(scales=(1.0,)), st.sampled_from([1e-6, 1e3, 1e9]))
def test_units_change_totals_and_nothing_else(platform, factor):
    scaled = al.Platform(
        platform.indptr,
        platform.anchor,
        platform.value * factor,
        platform.supply * factor,
        observed=None if platform.observed is None else platform.observed * factor,
        anchors=platform.anchors,
    )
    here, there = (al.describe(p) for p in (platform, scaled))
    assert there.traffic.total == pytest.approx(factor * here.traffic.total)
    assert there.gmv.total == pytest.approx(factor**2 * here.gmv.total)
    assert close(here.gmv.deciles.tolist(), there.gmv.deciles.tolist())
    assert here.servable_anchors == there.servable_anchors


@FEWER
@given(platforms(scales=(1.0,)), st.data())
def test_no_vertex_of_the_transport_problem_serves_more_than_counting_allows(platform, data):
    limits = st.sampled_from([0.0, 0.1, 0.5, 2.0, np.inf])
    capacity = [data.draw(limits) for _ in range(platform.anchor_count)]
    p = al.Platform(platform.indptr, platform.anchor, platform.value, platform.supply, capacity)
    found = al.describe(p)
    exposure = al.solve(al.Problem(p, al.GMV(), [al.Capacity()]), solver="flow").exposure
    assert (exposure > 1e-9 * exposure.mean()).sum() <= found.servable_anchors
    assert found.servable_anchors + found.starved_by_counting == p.anchor_count


@FEWER
@given(st.integers(0, 10**6), st.sampled_from([3, 12, 40]))
def test_without_ties_pure_gmv_starves_exactly_those_who_are_nowhere_the_best(seed, segments):
    platform = al.synthetic.heavy_tailed(segments, 15, degree=4, rng=np.random.default_rng(seed))
    found, exposure = al.describe(platform), al.solve(al.Problem(platform, al.GMV())).exposure
    assert (exposure == 0).sum() == found.outbid_anchors + found.isolated_anchors
    assert found.outbid_anchors + found.isolated_anchors >= found.starved_by_counting >= 15 - segments


@pytest.mark.parametrize(
    ("capacity", "fillable", "servable"),
    [(np.inf, 0, 1), (0.3, 3, 4), (0.25, 4, 5), (1.0, 0, 1), (0.0, 0, 0), ([0.6, 0.6, 0.6, 9, 9, 9], 1, 2)],
)
def test_on_a_star_full_anchors_make_room_for_one_more(capacity, fillable, servable):
    """Capacities of 0.3 under one impression: three are full, and what is left goes to a fourth."""
    star = al.synthetic.star([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    platform = al.Platform(star.indptr, star.anchor, star.value, [1.0], np.broadcast_to(capacity, 6))
    found = al.describe(platform)
    assert (found.fillable_capacities, found.servable_anchors) == (fillable, servable)


def test_the_even_flow_stands_in_for_traffic_that_nobody_observed():
    star = al.synthetic.star([3.0, 1.0])
    for observed in (None, [0.0, 0.0]):
        platform = al.Platform(star.indptr, star.anchor, star.value, star.supply, observed=observed)
        found = al.describe(platform)
        assert found.flow == "even"
        assert found.gmv.shares.tolist() == [0.75, 0.25]
        assert found.observed_edges == (None if observed is None else 0.0)
    seen = al.describe(al.Platform(star.indptr, star.anchor, star.value, star.supply, observed=[0.0, 2.0]))
    assert (seen.flow, seen.traffic.without, seen.observed_edges) == ("observed", 1, 0.5)
    assert seen.traffic.amounts.tolist() == [0.0, 2.0]


def test_what_is_empty_is_counted_and_told():
    platform = al.Platform.from_edges(
        [0, 0, 1], [0, 1, 1], np.float32([1e9, 1e-6, 5.0]), supply=[4.0, 0.0, 2.0], capacity=[np.inf, np.inf, 3.0]
    )
    found = al.describe(platform)
    assert (found.isolated_anchors, found.segments_without_supply, found.segments_without_edges) == (1, 1, 1)
    assert found.outbid_anchors == 1
    assert found.notices == platform.notices != ()
    assert (found.segments_per_anchor, found.thin_anchors, found.edges_per_segment) == (1.0, 1.0, 1.0)


def test_only_text_with_few_values_makes_groups():
    anchors = {
        "tier": ["a", "b"] * 10,
        "one": ["same"] * 20,
        "few": [f"{k % 12}" for k in range(20)],
        "many": [f"{k % 13}" for k in range(20)],
        "fans": list(range(20)),
    }
    star = al.synthetic.star(np.ones(20))
    found = al.describe(al.Platform(star.indptr, star.anchor, star.value, star.supply, anchors=anchors))
    assert {name: len(groups) for name, groups in found.groups.items()} == {"tier": 2, "few": 12}
    assert [group.mean_value for group in found.groups["tier"]] == [1.0, 1.0]
