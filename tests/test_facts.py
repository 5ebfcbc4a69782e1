"""Published and derived facts, each by its name. In every test one side is computed by the solvers, the other is the
fact.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from strategies import ALPHAS

EXACT = {"relative_gap": 1e-7}


def fair(platform, alpha, rules=(), **options):
    """Welfare alone."""
    welfare = al.MaxMin(**options) if np.isinf(alpha) else al.AlphaFair(alpha, **options)
    return al.solve(al.Problem(platform, welfare, rules), **EXACT)


def best(platform, rules=()):
    return al.solve(al.Problem(platform, al.GMV(), rules), **EXACT)


# Price of fairness
# -----------------------------------------------------------------------------------------------------------


def tight_family_price(n, x, alpha):
    """Bertsimas, Farias and Trichakis 2012: FAIR / SYSTEM of the tight family, derived from u_j proportional to
    v_j^(1/alpha).
    """
    power = x ** (1 + 1 / alpha)
    return 1 - (power + n - x) / (power + (n - x) * x)


@pytest.mark.parametrize("alpha", [*ALPHAS, np.inf])
@pytest.mark.parametrize(("n", "x"), [(4, 2), (9, 3), (3, 2)])
def test_f1_tight_family(n, x, alpha):
    platform = al.synthetic.tight(n, x)
    system, share = best(platform, [al.Capacity()]), fair(platform, alpha, [al.Capacity()], of="gmv")
    assert system.gmv == pytest.approx(x, rel=1e-6)
    assert al.price_of_fairness(share, system) == pytest.approx(tight_family_price(n, x, alpha), abs=1e-3)


def test_f1_published_values():
    """POF of 4/9 at n = 9, x = 3, alpha = 1, and the shares behind .517327 at alpha = 2."""
    platform = al.synthetic.tight(9, 3)
    assert al.price_of_fairness(
        fair(platform, 1, [al.Capacity()], of="gmv"), best(platform, [al.Capacity()])
    ) == pytest.approx(4 / 9, abs=1e-4)
    sales = fair(platform, 2, [al.Capacity()], of="gmv").anchor_gmv
    np.testing.assert_allclose(sales, [0.2240] * 3 + [0.1293] * 6, atol=3e-4)
    platform = al.synthetic.tight(9, 5)
    assert al.price_of_fairness(
        fair(platform, np.inf, [al.Capacity()], of="gmv"), best(platform, [al.Capacity()])
    ) == pytest.approx(0.64, abs=1e-4)


SUP_POF = {
    2: {0.5: 0.0682, 1: 0.0858, 2: 0.0973, 5: 0.1053, np.inf: 0.1111},
    4: {0.5: 0.1826, 1: 0.25, 2: 0.2992, 5: 0.3344, np.inf: 0.36},
    9: {0.5: 0.3196, 1: 0.4444, 2: 0.5360, 5: 0.5982, np.inf: 0.64},
    16: {0.5: 0.4102, 1: 0.5625, 2: 0.6695, 5: 0.7370, np.inf: 0.7785},
}


@settings(max_examples=12)
@given(st.sampled_from(sorted(SUP_POF)), st.sampled_from([*ALPHAS, np.inf]), st.integers(0, 10**6))
def test_f2_price_of_fairness_never_exceeds_the_bound(n, alpha, seed):
    """Only with values scaled so that every anchor alone could reach the same utility; without that the bound does not
    apply.
    """
    rng = np.random.default_rng(seed)
    raw = al.synthetic.uniform(3 * n, n, degree=min(n, 3), rng=rng)
    if (raw.reach == 0).any():
        return
    platform = al.Platform(raw.indptr, raw.anchor, raw.value / raw.sales_reach[raw.anchor], raw.supply)
    price = al.price_of_fairness(fair(platform, alpha, of="gmv"), best(platform))
    assert -1e-6 <= price <= SUP_POF[n][alpha] + 1e-4


@pytest.mark.parametrize("alpha", [*ALPHAS, np.inf])
@pytest.mark.parametrize("n", [2, 4, 9])
def test_f2_the_tight_family_attains_the_table_where_its_integers_allow(n, alpha):
    """The worst price over whole x stays below the supremum over real x and comes close; at alpha = 1 and square n it
    attains it.
    """
    platforms = [al.synthetic.tight(n, x) for x in range(1, n + 1)]
    worst = max(
        al.price_of_fairness(fair(p, alpha, [al.Capacity()], of="gmv"), best(p, [al.Capacity()])) for p in platforms
    )
    assert 0.8 * SUP_POF[n][alpha] * (n > 2) <= worst <= SUP_POF[n][alpha] + 1e-3
    if alpha == 1 and n in (4, 9):
        assert worst == pytest.approx(SUP_POF[n][1], abs=1e-3)


def test_f3_star_with_floors_and_even_split():
    platform = al.synthetic.star([10.0, 6.0, 3.0, 1.0], supply=100.0)
    assert best(platform).gmv - best(platform, [al.Floor(15)]).gmv == pytest.approx(300, abs=1e-6)
    assert al.price_of_fairness(best(platform, [al.Floor(25)]), best(platform)) == pytest.approx(0.5, abs=1e-9)
    assert al.solve(al.Problem(platform, al.GMV()), solver="even").gmv == pytest.approx(500)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=8), st.floats(0, 1), st.floats(0.1, 1e4))
def test_f3_any_star(values, share, supply):
    floor = share * supply / len(values)
    loss = (
        best(al.synthetic.star(values, supply=supply)).gmv
        - best(al.synthetic.star(values, supply=supply), [al.Floor(floor)]).gmv
    )
    assert loss == pytest.approx(
        floor * (max(values) - np.array(values)).sum(), abs=1e-9 * supply * max(values) * len(values)
    )


@pytest.mark.parametrize("alpha", [*ALPHAS, np.inf])
def test_f4_fairness_is_free_with_opposite_preferences(alpha):
    platform = al.synthetic.opposite([5.0, 2.0, 1.0], supply=4.0)
    for good in ("exposure", "gmv"):
        assert al.price_of_fairness(
            al.solve(
                al.weighted(
                    al.Problem(
                        platform, al.GMV() + (al.MaxMin(of=good) if np.isinf(alpha) else al.AlphaFair(alpha, of=good))
                    ),
                    10.0,
                ),
                **EXACT,
            ),
            best(platform),
        ) == pytest.approx(0, abs=1e-5)
    assert al.price_of_fairness(best(platform, [al.Floor("even:1")]), best(platform)) == pytest.approx(0, abs=1e-9)


def test_f4_equal_rows_cost_f3_and_rank_one_rows_less():
    rows = np.array([10.0, 6.0, 3.0, 1.0])
    equal = al.Platform.from_edges(
        np.repeat([0, 1, 2], 4), np.tile(range(4), 3), np.tile(rows, 3), supply=[100 / 3] * 3
    )
    assert best(equal).gmv - best(equal, [al.Floor(15)]).gmv == pytest.approx(300, abs=1e-6)
    supply = [40.0, 30.0, 30.0]
    unequal = al.Platform.from_edges(
        np.repeat([0, 1, 2], 4), np.tile(range(4), 3), np.outer([1, 2, 5], rows).ravel(), supply=supply
    )
    loss = best(unequal).gmv - best(unequal, [al.Floor(15)]).gmv
    # By hand: the 45 impressions of floors come from the cheapest segments, the costliest anchors from the cheapest of
    # all.
    costs = np.sort(np.repeat(rows.max() - rows[1:], 15))[::-1]
    assert loss == pytest.approx(costs[:40].sum() + 2 * costs[40:].sum(), rel=1e-9)
    assert loss == pytest.approx(320, abs=1e-6)


def test_f5_gmv_is_concave_in_the_floor_and_its_slope_is_the_sum_of_prices():
    platform = al.synthetic.star([10.0, 6.0, 3.0, 1.0], supply=100.0)
    slope = best(platform, [al.Floor(15)]).shadow_prices["Floor"].sum()
    assert slope == pytest.approx(-20, abs=1e-9)
    random = al.synthetic.heavy_tailed(60, 10, degree=4, rng=np.random.default_rng(3))
    most = float((random.reach / random.reach.sum() * random.supply.sum()).min())
    gmv = np.array([best(random, [al.Floor(f)]).gmv for f in np.linspace(0, most, 9)])
    assert (np.diff(gmv) <= 1e-9).all()
    assert (np.diff(gmv, 2) <= 1e-6 * gmv[0]).all()


# Worked instances
# ------------------------------------------------------------------------------------------------------------

F6 = {
    0.5: ((2.7, 1.2), 3.9),
    1: ((2.25, 1.5), 3.75),
    2: ((2.02270, 1.65153), 3.67423),
    5: ((1.88825, 1.74117), None),
    np.inf: ((1.8, 1.8), 3.6),
}


def two_by_two():
    return al.Platform.from_edges([0, 0, 1, 1], [0, 1, 0, 1], [3.0, 2.0, 1.0, 1.0], supply=[1.0, 1.0])


@pytest.mark.parametrize("alpha", [*ALPHAS, np.inf])
def test_f6_two_segments_and_two_anchors(alpha):
    sales, gmv = F6[alpha]
    allocation = fair(two_by_two(), alpha, of="gmv")
    np.testing.assert_allclose(allocation.anchor_gmv, sales, atol=2e-3)
    if gmv is not None:
        assert allocation.gmv == pytest.approx(gmv, abs=2e-3)


def test_f6_prices_and_the_alpha_at_which_fairness_starts_to_bind():
    allocation = fair(two_by_two(), 1, of="gmv")
    assert best(two_by_two()).gmv == pytest.approx(4)
    assert al.price_of_fairness(allocation, best(two_by_two())) == pytest.approx(1 / 16, abs=1e-3)
    rents = two_by_two().largest_in_segments(allocation.surplus.on_edges())
    np.testing.assert_allclose(rents, [4 / 3, 2 / 3], atol=1e-3)
    start = np.log(1.5) / np.log(3)
    assert fair(two_by_two(), start - 0.02, of="gmv").gmv == pytest.approx(4, abs=1e-3)
    assert fair(two_by_two(), start + 0.05, of="gmv").gmv < 4 - 5e-3


F7 = {2: {0.5: 0.2, 1: 1 / 3, 2: 0.4142, 5: 1 / (1 + 2**0.2)}, 4: {0.5: 0.0588, 1: 0.2, 2: 1 / 3, 5: 1 / (1 + 4**0.2)}}


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("links", [2, 4])
def test_f7_parking_lot_as_a_weighted_star(links, alpha):
    allocation = fair(al.synthetic.star([1.0, 1.0]), alpha, weights=[1.0, links])
    assert allocation.exposure[0] == pytest.approx(F7[links][alpha], abs=2e-3)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_on_a_star_exposure_follows_weight_and_merit(alpha):
    """y proportional to c^(1/alpha) m, for alpha below and above 1: merit always attracts traffic (design of the
    welfare term).
    """
    weights, merit = np.array([1.0, 2.0, 0.5]), np.array([3.0, 1.0, 2.0])
    exposure = fair(al.synthetic.star([1.0, 1.0, 1.0], supply=60.0), alpha, weights=weights, merit=merit).exposure
    share = weights ** (1 / alpha) * merit
    np.testing.assert_allclose(exposure, 60 * share / share.sum(), rtol=5e-3)


# Structure
# -------------------------------------------------------------------------------------------------------------------


def test_f11_on_unit_values_every_alpha_gives_one_exposure_vector_and_serves_everybody():
    raw = al.synthetic.heavy_tailed(40, 12, degree=3, rng=np.random.default_rng(11))
    unit = al.Platform(
        raw.indptr,
        raw.anchor,
        np.ones(raw.edge_count),
        raw.supply,
        capacity=np.where(raw.reach > 0, 1.5 * raw.supply.sum() / 12, 1.0),
    )
    exposures = [
        al.solve(
            al.weighted(al.Problem(unit, al.GMV() + al.AlphaFair(alpha), [al.Capacity()]), 1.0), relative_gap=1e-9
        ).exposure
        for alpha in ALPHAS
    ]
    most = best(unit, [al.Capacity()]).gmv
    for exposure in exposures:
        np.testing.assert_allclose(exposure, exposures[0], atol=2e-3 * exposures[0].max())
        assert exposure.sum() == pytest.approx(most, rel=1e-5)


@settings(max_examples=20)
@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 10**6))
def test_f13_integer_data_have_integer_vertices_that_are_forests(segments, anchors, seed):
    rng = np.random.default_rng(seed)
    raw = al.synthetic.uniform(segments, anchors, degree=min(anchors, 3), rng=rng)
    supply = rng.integers(0, 20, segments).astype(float)
    if not supply.sum():
        return
    platform = al.Platform(
        raw.indptr, raw.anchor, raw.value, supply, capacity=rng.integers(1, 40, anchors).astype(float)
    )
    for solver in ("flow", "linear"):
        flow = al.solve(al.Problem(platform, al.GMV(), [al.Capacity()]), solver=solver).flow
        np.testing.assert_allclose(flow, np.rint(flow), atol=1e-9)
        assert (flow > 1e-9).sum() <= segments + anchors - 1


@given(st.lists(st.tuples(st.floats(0.1, 5), st.floats(-2, 2)), min_size=1, max_size=6), st.floats(0.1, 5))
def test_f16_the_max_min_regulariser_and_where_its_conjugate_is_linear(pairs, lam):
    """Xu et al. 2023 (P-MMF): lam min a/rho on 0 <= a <= rho has the conjugate rho.mu + lam at mu = -p where the sum of
    rho mu over every set of anchors is at least -lam, and more elsewhere.
    """
    from scipy.optimize import linprog

    rho, mu = np.array(pairs).T
    n, each = rho.size, np.arange(rho.size)
    platform = al.Platform.from_edges(each, each, np.ones(n), supply=rho)
    found = (lam * al.MaxMin(merit=rho)).bind(platform).conjugate(-mu).sum()
    level = np.hstack([-np.diag(1 / rho), np.ones((n, 1))])  # z <= a / rho
    sup = linprog(-np.append(mu, lam), A_ub=level, b_ub=np.zeros(n), bounds=[*((0, r) for r in rho), (None, None)])
    # HiGHS takes a slope of up to 1e-7 for none.
    assert found == pytest.approx(-sup.fun, abs=1e-9 + 1e-7 * rho.sum())
    linear, worst = rho @ mu + lam, (rho * mu)[mu < 0].sum()
    if worst >= -lam:
        assert found == pytest.approx(linear, abs=1e-9)
    else:
        assert found > linear
