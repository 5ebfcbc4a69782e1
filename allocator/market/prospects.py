"""What an anchor may expect of a place that it does not have yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Flywheel, Outcome
from allocator.market.mechanism import Standing
from allocator.market.member import NEW, Member

if TYPE_CHECKING:
    from allocator.market.market import Ledger, Market

FloatArray = NDArray[np.float64]


def peers(market: Market) -> Mapping[str, NDArray[np.int64]]:
    """The tier of every place of every member as a number, (A,); 0 is that of newcomers."""
    names = [NEW, *np.setdiff1d(np.concatenate([member.tiers() for member in market.members]), [NEW])]
    number = {name: k for k, name in enumerate(names)}
    return {m.name: np.array([number[tier] for tier in m.tiers().tolist()], dtype=np.int64) for m in market.members}


def expected_exposure(member: Member, tiers: NDArray[np.int64], outcome: Outcome) -> tuple[FloatArray, FloatArray]:
    """Impressions that somebody in each place may expect of a period, (A,), and those that a newcomer may: the mean of
    those of the same tier who are there, of all who are there if nobody is of it, of the even flow if nobody is there.
    """
    state, there, exposure = outcome.view.state, outcome.view.present, outcome.exposure
    new = member.new(state)
    if "newcomer" in state:
        tiers = np.where(new, 0, np.where(tiers == 0, tiers.max() + 1, tiers))  # who is new no more is no newcomer
    size = int(tiers.max(initial=0)) + 1
    counts = np.bincount(tiers[there], minlength=size)
    sums = np.bincount(tiers[there], weights=exposure[there], minlength=size)
    if there.any():
        fallback = np.full(size, float(exposure[there].mean()))
        means = np.divide(sums, counts, out=fallback, where=counts > 0)
        return means[tiers], np.full(tiers.size, means[0])
    grown = float(member.supply(state).sum()) / (float(member.platform.supply.sum()) or 1.0)
    even = member.platform.even_amounts("exposure") * grown
    return even, even


def expected_sales(
    now: Standing, member: Member, tiers: NDArray[np.int64], outcome: Outcome
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """GMV of a period that somebody of skill 1 in each place may expect, that a newcomer may, and that a fan adds, each
    (A,).
    """
    worth = member.world.mean_value * now.market.selling(now, member)
    known, new = expected_exposure(member, tiers, outcome)
    flywheel = member.world.mechanism(Flywheel)
    fan = flywheel.visits * flywheel.efficiency if isinstance(flywheel, Flywheel) else 0.0
    return known * worth, new * worth, fan * worth


def left_of_sales(now: Standing, member: Member, outcome: Outcome, ledger: Ledger) -> FloatArray:
    """What is left to an anchor in each place of its GMV, a unit of it, (A,): as its sales of the period were settled,
    and where there were none as if it had made as much through links, on the same terms, as all of the platform.
    """
    gmv, own, income = outcome.gmv, ledger.own[member.name], ledger.income[member.name]
    kept, whole = now.market.kept(now, member), float(outcome.gmv.sum())
    left = 1.0 - kept
    if whole > 0:
        linked = 1.0 - float(own.sum()) / whole
        left = (1.0 - linked) * left + float((income - left * own).sum()) / whole
    return np.divide(income, gmv, out=left, where=gmv > 0)
