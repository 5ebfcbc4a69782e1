"""The transport network against a linear program, and its prices by weak duality."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from allocator.driver import NoAnswer
from allocator.solvers.transport import Network, Pieces, between
from strategies import platforms


@st.composite
def pieces_of(draw, platform):
    """Up to three pieces per anchor of falling worth, some of which must be served."""
    anchor, width, worth = [], [], []
    unit = float(platform.value.max()) or 1.0
    for j in range(platform.anchor_count):
        count = draw(st.integers(1, 3))
        gains = sorted(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=count, max_size=count)))[::-1]
        anchor += [j] * count
        width += [draw(st.sampled_from([0.0, 0.2, 1.0, 5.0])) * platform.supply.max() for _ in range(count)]
        worth += [gain * unit for gain in gains]
    return Pieces(np.array(anchor), np.array(width, float), np.array(worth, float))


def exact(platform, pieces):
    """Optimum by an LP in which every piece is filled by a variable of its own."""
    from scipy.optimize import linprog

    E, K, S, A = platform.edge_count, pieces.anchor.size, platform.segment_count, platform.anchor_count
    rows = np.zeros((S, E + K))
    rows[platform.segment, np.arange(E)] = 1.0
    balance = np.zeros((A, E + K))
    balance[platform.anchor, np.arange(E)] = 1.0
    balance[pieces.anchor, E + np.arange(K)] = -1.0
    cost = -np.concatenate((platform.value, pieces.worth))
    bounds = [(0, None)] * E + [(0, w) for w in pieces.width]
    return -linprog(cost, A_ub=rows, b_ub=platform.supply, A_eq=balance, b_eq=np.zeros(A), bounds=bounds).fun


def filled(pieces, exposure):
    """Worth of exposures (A,) to the anchors, best pieces first."""
    total = 0.0
    for j, amount in enumerate(exposure):
        mine = np.flatnonzero(pieces.anchor == j)
        for k in mine[np.argsort(-pieces.worth[mine], kind="stable")]:
            taken = min(max(amount, 0.0), pieces.width[k])
            total, amount = total + taken * pieces.worth[k], amount - taken
    return total


@given(platforms(scales=(1.0,)), st.data())
def test_flow_and_prices_are_optimal(platform, data):
    assume(platform.supply.max() > 0)
    pieces = data.draw(pieces_of(platform))
    network = Network.of(platform.segment, platform.anchor, platform.value, platform.supply, pieces)
    flow, bonus = network.solve()
    room = np.bincount(pieces.anchor, weights=pieces.width, minlength=platform.anchor_count)
    exposure, size = platform.into_anchors(flow), 1e-9 * (1 + platform.supply.sum())
    assert (platform.into_segments(flow) <= platform.supply + size).all()
    assert (exposure <= room + size).all()
    best = exact(platform, pieces)
    scale = 1e-7 * (1.0 + abs(best))
    assert float((platform.value * flow).sum()) + filled(pieces, exposure) == pytest.approx(best, abs=scale)
    # Any bonus bounds the optimum: rents of the segments, and what pieces are worth beyond it.
    surplus = platform.value + bonus[platform.anchor]
    rents = (platform.supply * np.maximum(platform.largest_in_segments(surplus), 0.0)).sum()
    beyond = (pieces.width * np.maximum(pieces.worth - bonus[pieces.anchor], 0.0)).sum()
    assert rents + beyond == pytest.approx(best, abs=scale)


def test_what_must_be_served_and_cannot_is_refused():
    impossible = between(np.array([3.0]), np.array([4.0]))
    with pytest.raises(NoAnswer, match="exceeds the supply"):
        Network.of(np.array([0]), np.array([0]), np.array([1.0]), np.array([2.0]), impossible).solve()
