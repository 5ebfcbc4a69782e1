"""Viability: against every choice there is, by linear programs of their own; bounds for any prices; who leaves."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

import allocator as al
from allocator.discrete.stay import Prices, Stay
from strategies import platforms


def ten_viewers():
    """F9: four viewers value (1, 0), two (1, .9), four (0, 1)."""
    value = np.array([[1, 0]] * 4 + [[1, 0.9]] * 2 + [[0, 1]] * 4, dtype=float)
    return al.Platform(
        indptr=np.arange(0, 21, 2),
        anchor=np.tile([0, 1], 10),
        value=value.ravel(),
        supply=np.ones(10),
        anchors={"id": ["A", "B"]},
    )


def best_of_all(stay):
    """The highest GMV over all choices of anchors and segments, each by a linear program; minus infinity if none."""
    platform, best = stay.problem.platform, -np.inf
    E, S, A = platform.edge_count, platform.segment_count, platform.anchor_count
    into, out = np.zeros((A, E)), np.zeros((S, E))
    into[platform.anchor, np.arange(E)], out[platform.segment, np.arange(E)] = 1.0, 1.0
    free_anchors = [(True, False) if least > 0 else (True,) for least in stay.least]
    two_sided = stay.quality_least.max() > 0
    free_segments = [(True, False) if two_sided and b > 0 else (True,) for b in platform.supply]
    for anchors in itertools.product(*free_anchors):
        for segments in itertools.product(*free_segments):
            kept_a, kept_s = np.array(anchors), np.array(segments)
            rows = [*out, *(-(into * stay.good)[kept_a & (stay.least > 0)])]
            limits = [*np.where(kept_s, platform.supply, 0.0), *(-stay.least[kept_a & (stay.least > 0)])]
            if two_sided:
                rows += [*(-(out * stay.per_edge)[kept_s])]
                limits += [*(-(stay.quality_least * platform.supply)[kept_s])]
            bounds = [(0.0, None if kept_a[j] else 0.0) for j in platform.anchor]
            value = -platform.value.astype(float)
            found = linprog(value, A_ub=np.array(rows), b_ub=np.array(limits), bounds=bounds, method="highs")
            best = max(best, -found.fun) if found.status == 0 else best
    return best


@st.composite
def stays(draw, two_sided):
    """A small platform whose anchors, and perhaps segments, may leave."""
    platform = draw(platforms(scales=(1.0,)))
    assume(platform.supply.sum() > 0)
    assume(platform.anchor_count + two_sided * platform.segment_count <= 10)
    of = draw(st.sampled_from(["exposure", "gmv"]))
    total = platform.total_of(of) or 1.0
    factors = [draw(st.sampled_from([0.0, 0.1, 0.3, 0.6])) for _ in range(platform.anchor_count)]
    least = np.array(factors) * total
    quality = np.full(platform.segment_count, draw(st.sampled_from([0.3, 0.8])) if two_sided else 0.0)
    return Stay(al.Problem(platform, al.GMV()), least, of, quality, "relevance" if two_sided else None)


def solved(stay):
    two_sided = stay.quality_least.max() > 0
    viewers = {"viewers": float(stay.quality_least.max()), "quality": stay.quality} if two_sided else {}
    return al.viability(stay.problem, stay.least, of=stay.of, relative_gap=1e-9, **viewers)


@pytest.mark.parametrize("two_sided", [False, True])
@given(data=st.data())
def test_the_choice_is_the_best_of_all_and_both_bounds_are_above_it(two_sided, data):
    stay = data.draw(stays(two_sided))
    best = best_of_all(stay)
    found = solved(stay)
    close = 1e-6 * max(abs(best), found.certificate.scale) + 1e-12
    assert found.gmv == pytest.approx(best, abs=close)
    assert found.certificate.bound + found.certificate.rounding >= best - close
    assert found.claim >= best - close
    enough = stay.kept(found.allocation.flow)
    nobody = found.allocation.exposure == 0
    assert (enough.anchors | nobody).all()
    assert (enough.anchors | ~found.kept).all()
    served = stay.problem.platform.into_segments(found.allocation.flow)
    assert (enough.segments | (served == 0)).all()


@pytest.mark.parametrize("two_sided", [False, True])
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_no_prices_bound_anything_below_the_best_choice(two_sided, data, seed):
    stay = data.draw(stays(two_sided))
    best = best_of_all(stay)
    rng = np.random.default_rng(seed)
    top = float(stay.problem.platform.value.max()) or 1.0
    for scale in (0.0, 0.3, 1.0, 3.0):
        rents = scale * top * rng.random(stay.quality_least.size)
        quality = scale * top * rng.random(rents.size) * rng.integers(0, 2)
        bound, rounding = stay.bound(Prices([None], rents, quality))
        assert bound + rounding >= best * (1 - 1e-9) - 1e-12


@given(stays(False))
def test_the_search_without_branch_and_bound_stays_within_its_proved_gap(stay):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["allocator.discrete.viability"], "LARGEST", 0)
        found = solved(stay)
    best = best_of_all(stay)
    close = 1e-6 * max(abs(best), found.certificate.scale) + 1e-12
    assert found.gmv <= best + close
    assert found.certificate.bound + found.certificate.rounding >= best - close
    assert found.claim == np.inf


def test_f9_myopia_loses_an_anchor_and_with_it_two_fifths_of_gmv():
    """F9, in the spirit of Mladenov et al. 2020: 10 at first, then 6 for ever; constrained 9.9 for ever."""
    problem = al.Problem(ten_viewers(), al.GMV())
    periods = al.departures(problem, 5.0)
    assert [allocation.gmv for allocation, _ in periods] == pytest.approx([10.0, 6.0])
    assert periods[-1][1].anchors.tolist() == [True, False]
    found = al.viability(problem, 5.0)
    assert found.gmv == pytest.approx(9.9)
    assert found.kept.all()
    assert found.allocation.exposure == pytest.approx([5.0, 5.0])
    assert found.relative_gap < 1e-6


def test_rules_that_those_who_are_left_cannot_keep_do_not_end_the_search():
    problem = al.Problem(ten_viewers(), al.GMV(), [al.GMVAtLeast(9.0)])
    with pytest.raises(al.AllocationError):
        al.departures(problem, 5.0)
    assert al.viability(problem, 5.0).gmv == pytest.approx(9.9)


def test_both_sides_leave_and_a_greedy_platform_loses_all():
    """In the spirit of Huttenlocher et al. 2024: whoever follows today's matches ends with less than a stable set."""
    platform = al.Platform(
        indptr=[0, 2, 4, 5],
        anchor=[0, 1, 0, 1, 1],
        value=[3.0, 2.0, 3.0, 2.0, 1.0],
        supply=[1.0, 1.0, 1.0],
        anchors={"id": ["loud", "broad"]},
    )
    problem = al.Problem(platform, al.GMV())
    periods = al.departures(problem, 2.5, viewers=1.0, quality="gmv")
    found = al.viability(problem, 2.5, viewers=1.0, quality="gmv")
    assert periods[-1][0].gmv == 0.0
    assert found.gmv == pytest.approx(5.0)
    assert found.kept.tolist() == [False, True]
    assert found.kept_segments.all()


def test_rules_hold_for_the_choice_and_floors_keep_anchors():
    platform = al.synthetic.kuaishou(segments=60, anchors=15, rng=np.random.default_rng(3))
    stays = al.Floor("even:0.2", where=platform.anchors["id"][:3])
    problem = al.Problem(platform, al.GMV(), [al.HeadCap(top=2, share=0.4), stays])
    found = al.viability(problem, "even:0.8")
    assert found.kept[:3].all()
    assert found.allocation.certificate.feasible
    even = float(platform.supply.sum()) / 15
    assert ((found.allocation.exposure >= 0.8 * even * (1 - 1e-9)) | (found.allocation.exposure == 0)).all()
    assert found.relative_gap < 0.05


def test_a_higher_threshold_never_helps_and_zero_is_no_threshold():
    platform = al.synthetic.kuaishou(segments=80, anchors=20, rng=np.random.default_rng(5))
    problem = al.Problem(platform, al.GMV())
    found = [al.viability(problem, f"even:{factor}", relative_gap=1e-6) for factor in (0.0, 0.5, 1.0, 2.0)]
    for low, high in itertools.pairwise(found):
        assert high.gmv <= low.gmv + low.certificate.gap + 1e-9 * low.gmv
    assert found[0].gmv == pytest.approx(al.solve(problem, relative_gap=1e-9).gmv, rel=1e-6)


@pytest.mark.parametrize(
    ("threshold", "options", "words"),
    [
        (-1.0, {}, "viability threshold must be >= 0"),
        (np.inf, {}, "must be finite"),
        ("evn:1", {}, "evn"),
        (1.0, {"viewers": -1.0}, "viewers get"),
        (1.0, {"of": "nothing"}, "nothing"),
    ],
)
def test_bad_thresholds_are_refused_in_a_sentence(threshold, options, words):
    with pytest.raises((ValueError, KeyError), match=words):
        al.viability(al.Problem(ten_viewers(), al.GMV()), threshold, **options)


def test_floors_that_cannot_be_viable_are_an_error_that_leads_to_the_diagnosis():
    problem = al.Problem(ten_viewers(), al.GMV(), [al.Floor(4.0)])
    with pytest.raises(al.AllocationError, match="diagnose"):
        al.viability(problem, 7.0)
