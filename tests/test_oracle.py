"""What a segment makes of its edges, against a linear program per segment."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.oracle import WHOLE, best_use, pieces_of

shares = st.sampled_from([0.0, 0.05, 0.1, 1 / 3, 0.5, 0.7, 1.0])
prices = st.sampled_from([0.1, 1.0, 1e3, np.inf])
surpluses = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-3, 3))


@st.composite
def segments(draw):
    """Surpluses (e,) of a few segments with ties, where each starts, and caps (share, price beyond)."""
    rows = draw(st.lists(st.lists(surpluses, min_size=1, max_size=12), min_size=1, max_size=4))
    caps = draw(st.lists(st.tuples(shares, prices), max_size=3))
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows])))[:-1]
    size = draw(st.sampled_from([1e-6, 1.0, 1e9]))
    tame = [np.round(row, 9) for row in rows]  # nothing below what a linear program can tell from zero
    return size * np.concatenate(tame), starts, [(share, size * price) for share, price in caps]


def best(surplus, caps, impressions=1.0):
    """max s . x - price (x - share)+ over x >= 0 with a sum of at most ``impressions``: x and what lies beyond."""
    from scipy.optimize import linprog

    n, unit = surplus.size, float(np.abs(surplus).max()) or 1.0
    soft = [(share, price) for share, price in caps if np.isfinite(price)]
    cost = np.concatenate([-surplus / unit, *(np.full(n, price / unit) for _, price in soft)])
    rows = [np.concatenate([np.ones(n), np.zeros(n * len(soft))])]
    limits = [impressions]
    for k, (share, _) in enumerate(soft):
        for e in range(n):
            row = np.zeros(cost.size)
            row[e], row[n * (1 + k) + e] = 1.0, -1.0
            rows.append(row)
            limits.append(share)
    hard = min([share for share, price in caps if np.isinf(price)], default=np.inf)
    bounds = [(0, hard)] * n + [(0, None)] * (n * len(soft))
    exact = {"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10}
    result = linprog(cost, A_ub=np.array(rows), b_ub=limits, bounds=bounds, method="highs", options=exact)
    assert result.status == 0
    return -result.fun * unit


def rows_of(surplus, starts):
    return np.split(surplus, starts[1:])


@given(segments())
def test_the_best_use_is_that_of_a_linear_program(case):
    surplus, starts, caps = case
    most, _ = best_use(surplus, starts, pieces_of(caps))
    for row, found in zip(rows_of(surplus, starts), most, strict=True):
        assert found == pytest.approx(best(row, caps), rel=1e-9, abs=1e-9 * np.abs(row).max())


@given(segments(), st.sampled_from([-0.5, -0.01, 0.01, 0.5, 1.0]))
def test_what_the_last_part_earns_is_a_supergradient_in_the_supply(case, step):
    """Caps stay where they are, in impressions."""
    surplus, starts, caps = case
    most, last = best_use(surplus, starts, pieces_of(caps))
    assert (last >= 0).all()
    for row, found, price in zip(rows_of(surplus, starts), most, last, strict=True):
        assert best(row, caps, 1 + step) <= found + price * step + 1e-9 * np.abs(row).max()


@given(segments())
def test_pieces_fill_one_impression_and_never_gain(case):
    _, _, caps = case
    pieces = pieces_of(caps)
    hard = min([share for share, price in caps if np.isinf(price)], default=1.0)
    usable = [piece for piece in pieces if piece.discount < np.inf]
    assert sum(piece.width for piece in usable) == pytest.approx(min(hard, 1.0))
    assert all(a.discount <= b.discount for a, b in pairwise(pieces))
    if not caps:
        assert pieces == WHOLE


@given(segments())
def test_uncapped_edges_send_all_to_the_best_or_nowhere(case):
    surplus, starts, _ = case
    most, last = best_use(surplus, starts)
    for row, found, price in zip(rows_of(surplus, starts), most, last, strict=True):
        assert found == price == max(row.max(), 0.0)
    again = best_use(surplus, starts, pieces_of([(1.0, np.inf)]))
    np.testing.assert_allclose(again[0], most, rtol=1e-15)
