"""Thresholds and values in closed form, against which simulations are held; derived here."""

from __future__ import annotations

from typing import Any

import numpy as np

from allocator.dynamics.parameters import positive, within


def impression_value(
    discount: float, *, decay: float = 0.03, growth: float = 0.03 * 3 / 7, ratio: float = 4.0
) -> float:
    """Worth of one public impression with the fans that it makes, over what it sells at once (T2).

    ``growth`` is a kappa, private impressions a period per public impression, and ``ratio`` GMV of a private impression
    over a public one. kappa fans come, 1 - mu of them stay a period, each visits a times:
    1 + ratio a kappa sum_s d^s (1 - mu)^(s - 1) = 1 + ratio a kappa d / (1 - d (1 - mu)).

    >>> round(impression_value(1.0), 4)
    2.7143
    """
    within("discount", discount, 0.0, 1.0, "the worth of a later period over this one")
    positive("decay", decay, "the part of fans lost in a period")
    return 1.0 + ratio * growth * discount / (1.0 - discount * (1.0 - decay))


def even_share_needed(share: float, strength: float) -> float:
    """The part of traffic that must be spread evenly for the even split of equal rooms to be stable (T4).

    A deviation grows by (1 - eps) h eta a period, which is below 1 from eps = 1 - 1 / (h eta) on.
    """
    return max(0.0, 1.0 - 1.0 / (share * strength)) if share * strength > 0 else 0.0


def even_share_at(head: Any, rooms: int, share: float, strength: float) -> Any:
    """The part of traffic spread evenly at which one of equal rooms with the share ``head``, the others alike, keeps it
    (numbers or arrays).

    With H = (1 - eps) h a round changes nothing iff head = (1 - H) / n + H q, where q is what the crowd gives the head,
    head^eta over the sum of all: H = (head - 1/n) / (q - 1/n).
    """
    crowd = head**strength / (head**strength + (rooms - 1) ** (1.0 - strength) * (1.0 - head) ** strength)
    return 1.0 - (head - 1.0 / rooms) / (crowd - 1.0 / rooms) / share


def even_share_to_dissolve(rooms: int, share: float, strength: float) -> float:
    """The part of traffic that must be spread evenly for no head of equal rooms to last: the largest at which any head
    keeps what it has; below zero where none does without help.
    """
    heads = 1.0 / rooms + np.geomspace(1e-6, 1.0, 4_000) * (1.0 - 1.0 / rooms) * (1.0 - 1e-9)
    return float(even_share_at(heads, rooms, share, strength).max())


def survival(living: Any, *, hazard: float = 1.0, power: float = 2.0, months: float = 1.0) -> Any:
    """Probability of staying for some months with ``living`` times the impressions that an anchor lives on."""
    with np.errstate(over="ignore"):
        return (1.0 - hazard / (1.0 + np.asarray(living, dtype=np.float64) ** power)) ** months


def best_floor(*, hazard: float = 1.0, power: float = 2.0, months: float = 1.0) -> float:
    """Floor, over what an anchor lives on, at which extra survivors per impression are most (T5).

    It is where the tangent of S from (0, S(0)) touches: S(z) - S(0) = z S'(z). Over one month S(z) - S(0) = m z^k /
    (1 + z^k), whose tangent has (k - 1)(1 + z^k) = k z^k, so z = (k - 1)^(1/k) whatever the hazard; else by bisection.

    Raises
    ------
    ValueError
        If ``power`` is not above 1: then survival is concave, and the smallest floor is the best.
    """
    if not power > 1.0:
        raise ValueError(
            f"power must be above 1 for a best floor, not {power:g}: any traffic helps, the first the most"
        )
    positive("months", months, "months over which survival counts")
    if months == 1.0:
        return 1.0 / peak(1.0, 1.0, power)
    positive("hazard", hazard, "the part of those without impressions who leave in a month")
    if hazard == 1.0 and power * months <= 1.0:
        raise ValueError(f"over {months:g} months at hazard 1 survival is concave, and the smallest floor is the best")
    low, high = 1e-3, 1e3
    for _ in range(200):
        z = np.sqrt(low * high)
        with np.errstate(over="ignore", divide="ignore", under="ignore"):
            reached = np.float64(z) ** power
            left, rest = hazard / (1.0 + reached), 1.0 / (1.0 + 1.0 / reached)
        curve = survival(z, hazard=hazard, power=power, months=months)
        rise = curve - survival(0.0, hazard=hazard, power=power, months=months)
        slope = curve * months * left / (1.0 - left) * power * rest
        low, high = (z, high) if rise < slope else (low, z)
    return float(np.sqrt(low * high))


def peak(a: float, b: float, power: float) -> float:
    """Where y / (a + b y^m) is largest: y^m = a / ((m - 1) b), from the derivative a - (m - 1) b y^m = 0.

    T5 in y = 1 / x, T6 and T11 are of this form.
    """
    positive("a", a, "the constant of the denominator")
    return (a / ((power - 1.0) * b)) ** (1.0 / power)


def churn_threshold(living: Any, ratio: Any, discount: Any, spill: Any = 0.0) -> Any:
    """Probability lam* of a head's leaving above which keeping the tail alive beats the best GMV today (T1); numbers or
    arrays.

    Every period head leaves with probability lam; its impressions sell 1 each, the tail's ``ratio`` = rho. A floor of
    the part ``living`` of the supply costs living (1 - rho) a period; without it the tail leaves at once. When the
    head has left, a tail that is there sells rho (1 - spill) a period for ever, worth d / (1 - d) rho (1 - spill) as it
    leaves. Both last as long as the head stays, so the floor pays iff lam d rho (1 - spill) / (1 - d) > living (1 -
    rho).
    """
    for name, value in (("ratio", ratio), ("discount", discount), ("1 - spill", 1.0 - spill)):
        positive(name, value, "a number that divides", many=True)
    return living * (1.0 / ratio - 1.0) * (1.0 - discount) / (discount * (1.0 - spill))


def insurance(churn: float, ratio: float, discount: float, *, spill: float = 0.0, sales: float = 1.0) -> float:
    """What it is worth a period that a tail is there if the head leaves with probability ``churn`` (T1): from then on
    it sells ``ratio`` (1 - spill) of the ``sales`` that a head makes of all impressions a period, for ever.
    """
    positive("1 - discount", 1.0 - discount, "what a later period is worth less")
    return churn * discount * ratio * (1.0 - spill) * sales / (1.0 - discount)


def best_cap(base: float, convexity: float, discount: float, *, ratio: float = 0.5, spill: float = 0.0) -> float:
    """The head's share h at which the discounted GMV of a head and a tail is largest, 1 where no cap pays (T11).

    Over what the tail sells alone the head brings (1 - rho) h a period while it stays, 1 - d + d lam0 h^m discounts
    that; with spill a departure also costs d lam0 h^m rho spill / (1 - d). Derived here: the excess is ((1 - rho) h -
    c h^m) / (1 - d + d lam0 h^m) with c = d lam0 rho spill / (1 - d), and its largest value is found among the ends
    and where the derivative vanishes.
    """
    within("base", base, 0.0, 1.0, "the probability at which one with all the traffic leaves")
    within("discount", discount, 0.0, 1.0, "the worth of a later period over this one")
    positive("1 - discount", 1.0 - discount, "what a later period is worth less")
    if discount == 0.0:
        return 1.0
    d, gain, c = discount, 1.0 - ratio, discount * base * ratio * spill / (1.0 - discount)

    def excess(h: Any) -> Any:
        return (gain * h - c * h**convexity) / (1.0 - d + d * base * h**convexity)

    if spill == 0.0 and convexity > 1.0 and base > 0.0:
        return min(1.0, peak(1.0 - d, d * base, convexity))
    grid = np.linspace(0.0, 1.0, 2001)
    best = int(np.argmax(excess(grid)))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    for _ in range(100):
        third = (high - low) / 3.0
        low, high = (low + third, high) if excess(low + third) < excess(high - third) else (low, high - third)
    inside, end = 0.5 * (low + high), float(excess(1.0) >= excess(0.0))
    return inside if excess(inside) > excess(end) + 1e-12 * abs(excess(end)) else end


def public_fan_share(private: float, *, efficiency: float = 4.0, conversion: float = 6.0) -> float:
    """Part of the public audience who are fans, if a part ``private`` of the private audience are (T3).

    Fans buy ``conversion`` times as much as others, so an audience with a part phi of fans buys 1 + (conversion - 1)
    phi, and that of private traffic ``efficiency`` times as much as that of public traffic: with s4's 4 and 6,
    phi_b = (phi_p - .6) / 4.

    Raises
    ------
    ValueError
        Where the two figures cannot both hold.
    """
    least = (efficiency - 1.0) / (conversion - 1.0)
    within("private", private, least, 1.0, "the part of fans in the private audience")
    return (private - least) / efficiency


def best_intensity(recovery: float, erosion: float, power: float) -> tuple[float, float]:
    """Selling intensity with the largest sales at rest, and trust there (T6).

    At rest r (1 - T) = d T s^gamma, so s T = r s / (r + d s^gamma), which is of the form of `peak`; T = (gamma - 1) /
    gamma there. Where that intensity is above 1, to sell all the time is best.
    """
    best = min(1.0, peak(recovery, erosion, power)) if erosion > 0 else 1.0
    return best, recovery / (recovery + erosion * best**power)


def fans_after_subsidy(strength: float, periods: int, decay: float, since: float) -> float:
    """Excess of fans over those of rest, as a part of these, some time ``since`` a subsidy of so many periods (T10).

    At constant exposure kappa b e come a period in the phase, b mu of what there is at rest: b (1 - (1 - mu)^D) in the
    end, of which (1 - mu)^t are left after t periods.
    """
    return strength * (1.0 - (1.0 - decay) ** periods) * (1.0 - decay) ** since
