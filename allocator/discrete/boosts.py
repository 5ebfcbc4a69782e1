"""Boosts of anchors (Super Link, Highlight Support, a grand event): what they change and cost, as another platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.levels import Level, Where, anchors_where, finite, fraction, per_anchor, positions_of
from allocator.wording import called, some

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Boost:
    """A tool that a platform can switch on for single anchors.

    Parameters
    ----------
    name : str
    cost : number, (A,) array or mapping of ids
        Per anchor it is switched on for, currency / period; 0 by default.
    value : number, (A,) array or mapping of ids
        sigma >= 0: the anchor's impressions are worth 1 + sigma times as much.
    capacity : number, (A,) array or mapping of ids
        tau >= 0: the anchor can serve 1 + tau times as many impressions; felt under `allocator.Capacity`.
    share_of_sales : float in [0, 1]
        What it costs beside, as a part of what the boosted anchor sells (a discount that the platform pays).
    where : None, mask, "attribute=value" or ids
        Anchors that may have it; all by default.
    at_most : int, optional
        How many anchors may have it at a time.

    Source: s4 of the model (A4 Super Link: values times 1 + sigma, capacities times 1 + tau, at a cost of sigma times
    sales). A boost acts on an anchor's impressions alone; bonus impressions are `allocator.subsidise` and
    `highlight_support`.
    """

    name: str
    cost: Level = 0.0
    value: Level = 0.0
    capacity: Level = 0.0
    share_of_sales: float = 0.0
    where: Where = None
    at_most: int | None = None


@dataclass(frozen=True, eq=False)
class Menu:
    """Boosts bound to a platform, M of them.

    Attributes
    ----------
    open : (M, A) bool
        Who may have which.
    cost : (M, A)
        Currency / period.
    value, capacity : (M, A)
        Factors 1 + sigma and 1 + tau, 1 for anchors that may not have it.
    share : (M,)
        Cost as a part of boosted sales.
    """

    platform: Platform
    boosts: tuple[Boost, ...]
    open: NDArray[np.bool_]
    cost: FloatArray
    value: FloatArray
    capacity: FloatArray
    share: FloatArray

    @classmethod
    def of(cls, platform: Platform, boosts: Sequence[Boost]) -> Menu:
        """Bind boosts to a platform.

        Raises
        ------
        TypeError, ValueError
            Naming the boost, and the ids, attributes or numbers that do not fit.
        """
        checked = _named(boosts)
        may = [_mine(boost, anchors_where, platform, boost.where) for boost in checked]
        shape = (len(checked), platform.anchor_count)
        cost, value, capacity = (
            np.reshape([_mine(boost, _numbers, platform, getattr(boost, what), what) for boost in checked], shape)
            for what in ("cost", "value", "capacity")
        )
        share = np.array([fraction(b.share_of_sales, f"the share of sales of '{b.name}'") for b in checked])
        mask = np.array(may, dtype=bool).reshape(shape)
        factors = (np.where(mask, 1.0 + more, 1.0) for more in (value, capacity))
        return cls(platform, checked, mask, cost, *factors, share)

    @cached_property
    def everybody(self) -> list[Platform]:
        """Per boost, the platform on which everybody who may have it has it."""
        return [_changed(self.platform, *factors) for factors in zip(self.value, self.capacity, strict=True)]

    @cached_property
    def highest(self) -> Platform:
        """A platform on which every anchor has the highest value and the highest capacity that any boost gives it."""
        return _changed(self.platform, self.value.max(axis=0, initial=1.0), self.capacity.max(axis=0, initial=1.0))

    def partly(self, shares: FloatArray) -> Platform:
        """The platform on which anchors have shares (M, A) of boosts."""
        return _changed(
            self.platform,
            1.0 + (shares * (self.value - 1.0)).sum(axis=0),
            1.0 + (shares * (self.capacity - 1.0)).sum(axis=0),
        )

    def after(self, choice: IntArray) -> Platform:
        """The platform under a choice, (A,) positions of boosts, -1 for none."""
        has, anchors = choice >= 0, np.arange(choice.size)
        value, capacity = np.ones(choice.size), np.ones(choice.size)
        value[has] = self.value[choice[has], anchors[has]]
        capacity[has] = self.capacity[choice[has], anchors[has]]
        return _changed(self.platform, value, capacity)


def boosted(platform: Platform, choice: Mapping[Any, Boost]) -> Platform:
    """The platform on which some anchors have a boost.

    Parameters
    ----------
    platform : Platform
        It is left as it is.
    choice : mapping of anchor ids to boosts

    Returns
    -------
    Platform
        With values and capacities of these anchors raised; rules bind to it anew, as in
        ``dataclasses.replace(problem, platform=...)``.

    Raises
    ------
    TypeError, ValueError
        For what is no boost, unknown ids, or anchors that may not have their boost.
    """
    boosts = list(dict.fromkeys(choice.values()))
    menu, index = Menu.of(platform, boosts), np.full(platform.anchor_count, -1)
    index[positions_of(platform, choice)] = [boosts.index(boost) for boost in choice.values()]
    for m, boost in enumerate(boosts):
        shut = (index == m) & ~menu.open[m]
        if shut.any():
            raise ValueError(f"'{boost.name}' is not open to anchor {some(platform.anchors['id'][shut])}")
    return menu.after(index)


def _changed(platform: Platform, value: FloatArray, capacity: FloatArray) -> Platform:
    """Values and capacities times a factor per anchor."""
    return replace(
        platform,
        value=platform.value if (value == 1).all() else platform.value * value[platform.anchor],
        capacity=platform.capacity * capacity,
        folder=None,
    )


def _named(boosts: Sequence[Boost]) -> tuple[Boost, ...]:
    """Boosts that can be told apart."""
    if isinstance(boosts, Boost):
        raise TypeError(f"boosts is a list: put '{boosts.name}' in brackets")
    for boost in boosts:
        if not isinstance(boost, Boost):
            raise TypeError(f"{called(boost)} is not a Boost")
    names = [boost.name for boost in boosts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several boosts are called '{twice[0]}'; give each a name of its own")
    for boost in boosts:
        if boost.at_most is not None:
            slots(boost.at_most, f"at_most of '{boost.name}'")
    return tuple(boosts)


def slots(number: Any, what: str) -> int:
    """A whole number of slots; anything else is refused."""
    if not (isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= 0):
        raise ValueError(f"{what} is a whole number of anchors >= 0, not {number!r}")
    return int(number)


def _mine(boost: Boost, make: Any, *given: Any) -> Any:
    """What a boost's argument says; a refusal names the boost."""
    try:
        return make(*given)
    except ValueError as error:
        raise ValueError(f"boost '{boost.name}': {error.args[0]}") from None


def _numbers(platform: Platform, given: Level, what: str) -> FloatArray:
    """Finite numbers >= 0 per anchor, (A,); those that a mapping does not name have 0."""
    if isinstance(given, str):
        raise ValueError(f"{what} is a number, one per anchor, or a mapping of ids, not '{given}'")
    return finite(platform, per_anchor(platform, given, of="exposure", neutral=0.0, what=what), what)
