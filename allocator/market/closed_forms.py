"""Thresholds of markets in closed form, against which simulations are held; derived here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from allocator.dynamics.parameters import whole, within


def gmv_after_ban(leakage: Any, maturity: Any) -> Any:
    """GMV without links over that with them (T7), numbers or arrays.

    1 - l is sold in the platform's own store anyway; of the l that was sold through links, r comes back: 1 - l + l r.

    >>> [round(gmv_after_ban(0.6, r), 2) for r in (0.3, 0.5, 0.8)]
    [0.58, 0.7, 0.88]
    """
    return 1.0 - leakage + leakage * maturity


def revenue_of_ban(leakage: Any, maturity: Any, own: Any, fee: Any) -> Any:
    """What a ban adds to the platform's revenue, over the GMV before (T7), numbers or arrays.

    c_own (1 - l + l r) after it less c_own (1 - l) + c_link l before it is l (c_own r - c_link): it pays from
    r = c_link / c_own on, whatever l.
    """
    return leakage * (own * maturity - fee)


def network_thresholds(platforms: int, *, breadth: float = 1.0, verticals: int = 1) -> tuple[float, float]:
    """The network effects beta at which the even split of alike platforms loses its stability (T8): to a tilt of all
    verticals together, and to tilts vertical by vertical.

    At the even split a logit answers du_q with ds_q = (du_q - mean du) / K. A common tilt ds of all C verticals, each
    1/C of viewers, raises u by beta [(1 - b) / C + b] ds, tilts that cancel out over verticals by beta (1 - b) / C ds;
    a deviation grows iff that is above K.

    >>> network_thresholds(2), network_thresholds(2, breadth=0.5, verticals=2)
    ((2.0, inf), (2.6666666666666665, 8.0))
    """
    whole("platforms", platforms, 1, "how many platforms there are")
    whole("verticals", verticals, 1, "how many verticals there are")
    within("breadth", breadth, 0.0, 1.0, "how far verticals draw viewers together")
    apart = (1.0 - breadth) / verticals
    return platforms / (breadth + apart), platforms / apart if apart > 0 and verticals > 1 else math.inf


def self_sustaining(share: Any, rivals: int = 1) -> Any:
    """The network effect at which a leader keeps its share against so many alike rivals (T8), numbers or arrays.

    With s and (1 - s) / m each, the log odds are beta times the difference of shares: beta = ln(s m / (1 - s)) /
    (s - (1 - s) / m), which is ln 4 / .6 for 80 to 20.

    >>> [round(float(self_sustaining(0.8, rivals)), 6) for rivals in (1, 2, 4)]
    [2.310491, 2.970631, 3.696785]
    """
    return np.log(share * rivals / (1.0 - share)) / (share - (1.0 - share) / rivals)


def leading_share(network: float, rivals: int = 1) -> float | None:
    """The largest share that a leader keeps at a network effect, by bisection; None where none lasts (T8).

    `self_sustaining` has one minimum, from which it rises to infinity at share 1: a leader lasts from that minimum on,
    and the stable one is on its right. With one rival the minimum is 2 at the even split; with more it is below K, and
    unequal states last beside the even one.
    """
    within("network", network, 0.0, math.inf, "how strongly viewers go where viewers are")
    at, least = dissolving(rivals)
    if network <= least:
        return None
    low, high = at, 1.0 - 1e-16
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if self_sustaining(middle, rivals) < network else (low, middle)
    return float(low)


def dissolving(rivals: int = 1) -> tuple[float, float]:
    """The smallest leader that can last, and the network effect at which it does: below that every start ends evenly
    (T8).
    """
    whole("rivals", rivals, 1, "how many rivals a leader has")
    even = 1.0 / (rivals + 1)
    if rivals == 1:
        return even, 2.0
    low, high, golden = even + 1e-9, 1.0 - 1e-12, (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(200):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if self_sustaining(left, rivals) < self_sustaining(right, rivals):
            high = right
        else:
            low = left
    share = 0.5 * (low + high)
    return share, float(self_sustaining(share, rivals))
