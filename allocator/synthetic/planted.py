"""Platforms of any size whose best allocation is known, because it was chosen before the platform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.attributes import frozen
from allocator.graph import Platform
from allocator.synthetic.checks import number, sizes
from allocator.synthetic.watching import watch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]
CENT = 1.0 / 1024.0


@dataclass(frozen=True, eq=False)
class Planted:
    """A platform, an allocation of it that is best for GMV under capacities and floors, and the prices that prove it.

    Parameters
    ----------
    platform : Platform
        Its ``capacity`` is a rule of the problem.
    flow : (E,) float
        The planted optimum, impressions / period: not always the only one.
    floor : (A,) float
        Least exposure of each anchor, impressions / period, 0 where there is none.
    prices : (A,) float
        Marginal beta of the rules per impression, currency / impression: negative where the capacity binds, positive
        where the floor does, 0 elsewhere.
    objective : float
        GMV of the flow, currency / period: the optimum.
    """

    platform: Platform
    flow: FloatArray
    floor: FloatArray
    prices: FloatArray
    objective: float


def planted(
    segments: int,
    anchors: int,
    *,
    degree: int,
    rng: np.random.Generator,
    value_scale: float = 1.0,
    supply_scale: float = 1.0,
) -> Planted:
    """Choose an allocation and its prices, then build the platform on which it is optimal.

    Parameters
    ----------
    segments, anchors : int
        Numbers of segments S and anchors A, at least 1.
    degree : int
        Anchors each segment watches, from 1 to A.
    rng : numpy.random.Generator
    value_scale, supply_scale : float
        Factors on all money and on all traffic, 1e-100 to 1e100; at 1 a typical value is 1 and a typical flow 10.

    Raises
    ------
    ValueError
        Naming the parameter that is out of range.

    Notes
    -----
    Derived here. Let y be the exposures of a flow x >= 0 and s_e = v_e + beta_j. If there are rents r_i >= 0 with
    s_e <= r_i on every edge, s_e = r_i where x_e > 0, r_i = 0 where segment i keeps supply, beta_j < 0 only where
    capacity = y_j and beta_j > 0 only where floor = y_j, then (complementary slackness)

        sum_i b_i r_i + sum_j y_j max(0, -beta_j) - sum_j y_j max(0, beta_j)
            = sum_e x_e r_i - sum_j y_j beta_j = sum_e x_e (r_i - beta_j) = sum_e v_e x_e,

    so the bound of weak duality equals the GMV of x. Values follow from rents and prices, v_e = r_i - beta_j less a cut
    that is positive only without flow; v_e >= 0 requires r_i >= beta_j, so a segment with supply to spare (rent 0)
    watches no anchor whose floor has a price.

    On purpose the result holds what solvers find hard: segments with supply to spare, without supply, exhausted at rent
    0; ties (edges without flow whose surplus equals the rent); floors and capacities that do not bind. Flows are whole
    impressions and money whole multiples of 1/1024, so at scales that are powers of two every sum above is exact.
    """
    segments, anchors, degree = sizes(segments, anchors, degree, rng)
    money = CENT * number("value_scale", value_scale, least=1e-100, most=1e100)
    traffic = number("supply_scale", supply_scale, least=1e-100, most=1e100)
    spare, free, empty = _roles(segments, rng)
    floored = rng.permutation(anchors) < min(anchors // 4, anchors - degree)
    anchor = _wire(spare, floored, degree, rng)
    flow = _flow(anchor.shape, empty, rng)
    exposure = np.bincount(anchor.ravel(), weights=flow.ravel(), minlength=anchors).astype(np.int64)
    beta = _prices(exposure, floored, rng)
    rent = np.where(spare, 0, np.maximum(beta[anchor].max(axis=1), 0) + _premiums(free, rng))
    value = rent[:, None] - beta[anchor]
    value -= np.where(flow > 0, 0, _cuts(value, rng))
    capacity, floor = _levels(exposure, beta, rng)
    supply = flow.sum(axis=1) + np.where(spare, rng.integers(1, 20, segments), 0)
    platform = Platform(
        np.arange(segments + 1) * degree,
        anchor.ravel().astype(np.int32),
        value.ravel() * money,
        supply * traffic,
        capacity=capacity * traffic,
    )
    objective = float((flow * traffic * (value * money)).sum())
    return Planted(platform, frozen(flow.ravel() * traffic), frozen(floor * traffic), frozen(beta * money), objective)


def _roles(segments: int, rng: np.random.Generator) -> tuple[Mask, Mask, Mask]:
    """Three disjoint sets of segments, (S,) each: a quarter with supply to spare, a tenth exhausted at the least rent
    possible, and an eighth without supply.
    """
    place = rng.permutation(segments)
    first, second = segments // 4, segments // 4 + segments // 10
    return place < first, (first <= place) & (place < second), place >= segments - segments // 8


def _wire(spare: Mask, floored: Mask, degree: int, rng: np.random.Generator) -> IntArray:
    """Anchors each segment watches, (S, degree), sorted; those of segments with supply to spare have no floor price."""
    anchor = np.empty((spare.size, degree), dtype=np.int64)
    for segments, allowed in ((spare, np.flatnonzero(~floored)), (~spare, np.arange(floored.size))):
        members = np.flatnonzero(segments)
        if members.size:
            _, choice = watch(np.full(members.size, degree), np.ones(allowed.size), rng=rng)
            anchor[members] = allowed[choice].reshape(members.size, degree)
    return anchor


def _flow(shape: tuple[int, int], empty: Mask, rng: np.random.Generator) -> IntArray:
    """Whole impressions, (S, degree): lognormal on some edges of each segment, at least one, none where it is empty."""
    chance = rng.random(shape)
    used = (chance < min(0.5, 3.0 / shape[1])) | (chance == chance.min(axis=1, keepdims=True))
    amounts = np.ceil(rng.lognormal(2.0, 1.0, shape)).astype(np.int64)
    return np.where(used & ~empty[:, None], amounts, 0)


def _prices(exposure: IntArray, floored: Mask, rng: np.random.Generator) -> IntArray:
    """Marginal of each anchor's rules, (A,) in cents: a bonus, a price on half of the others, or nothing."""
    amounts = np.ceil(rng.lognormal(-0.5, 1.0, exposure.size) / CENT).astype(np.int64)
    priced = np.where(floored, amounts, np.where(rng.random(exposure.size) < 0.5, -amounts, 0))
    return np.where(exposure > 0, priced, 0)


def _premiums(free: Mask, rng: np.random.Generator) -> IntArray:
    """Rent of each segment above the largest bonus it sees, (S,) in cents."""
    return np.where(free, 0, np.ceil(rng.lognormal(0.0, 1.0, free.size) / CENT)).astype(np.int64)


def _cuts(most: IntArray, rng: np.random.Generator) -> IntArray:
    """What an edge without flow is worth less, (S, degree) in cents from 0 to ``most``; nothing on a fifth (ties)."""
    return np.where(rng.random(most.shape) < 0.2, 0, rng.integers(0, most, endpoint=True))


def _levels(exposure: IntArray, beta: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Capacity and floor, (A,) each: at the exposure where they have a price, else away from it or absent."""
    loose = np.where(rng.random(exposure.size) < 0.5, np.inf, exposure + rng.integers(1, 50, exposure.size))
    idle = np.where(rng.random(exposure.size) < 0.5, exposure // 2, 0)
    return np.where(beta < 0, exposure, loose), np.where(beta > 0, exposure, idle).astype(np.float64)
