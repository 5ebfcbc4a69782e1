"""Bounds on what groups of anchors get together: firms, tiers, categories, kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.rules.half_spaces import HalfSpaces, Sides
from allocator.rules.levels import Where, amount, anchors_where, attribute_of, fraction
from allocator.rules.stated import Stated
from allocator.rules.totals import Totals
from allocator.wording import quantity, some

FloatArray = NDArray[np.float64]
UNITS = ("share", "amount")


@dataclass(frozen=True, eq=False)
class GroupShare(HalfSpaces):
    """at_least <= what a group has of the good <= at_most, as shares of the served total or as amounts.

    Parameters
    ----------
    groups : str, mask, or ids
        An attribute of the anchors (``"firm"``: every value is a group), or one group: ``"tier=new"``, a mask (A,),
        ids.
    at_least, at_most : number, or mapping of a group's value to a number
        Levels; groups that a mapping leaves out are free. Shares are in [0, 1].
    unit : {"share", "amount"}
    of : str
        The good.

    Rows: sum over g of y >= L, or (1_g - share) . y >= 0, and the opposite signs for caps. A cap needs no more than
    what the group can reach: its conjugate is mu min(U, reach of g, total).
    """

    groups: Where
    at_least: Any = None
    at_most: Any = None
    unit: str = field(default="share", kw_only=True)

    @property
    def name(self) -> str:
        which = f" by {self.groups}" if isinstance(self.groups, str) else ""
        return f"GroupShare{which}" + ("" if self.of == "exposure" else f" of {self.of}")

    def bind(self, platform: Platform) -> Self:
        if self.unit not in UNITS:
            raise ValueError(f"a group's level is a share or an amount, not a {self.unit!r}: unit is one of {UNITS}")
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"{self.name} bounds nothing; give at_least, at_most or both")
        groups = self.groups if isinstance(self.groups, str) else anchors_where(platform, self.groups)
        levels = {name: _by_name(getattr(self, name)) for name in ("at_least", "at_most")}
        bound = replace(super().bind(platform), groups=groups, **levels)
        bound._refuse_contradictions()
        return bound

    @cached_property
    def _members(self) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
        """Names of the groups, and who belongs to each, (G, A)."""
        if not isinstance(self.groups, str) or "=" in self.groups:
            name = self.groups if isinstance(self.groups, str) else "the group"
            return np.array([name]), anchors_where(self.platform, self.groups)[None, :]
        values, group = np.unique(attribute_of(self.platform, self.groups), return_inverse=True)
        names = np.array([f"{self.groups}={value}" for value in values.tolist()])
        return names, group[None, :] == np.arange(values.size)[:, None]

    def _levels(self, level: Any, neutral: float) -> FloatArray:
        """One level per group, ``neutral`` where there is none."""
        names, _ = self._members
        check = fraction if self.unit == "share" else amount
        if level is None:
            return np.full(names.size, neutral)
        if not isinstance(level, Mapping):
            return np.full(names.size, check(level, f"the level of {self.name}"))
        values = [str(name).partition("=")[2] for name in names]
        if not any(values):
            raise ValueError(f"{self.name} speaks of one group, whose level is a number, not the mapping {level!r}")
        unknown = [str(value) for value in level if str(value) not in values]
        if unknown:
            raise ValueError(f"{self.name} names unknown groups: {some(unknown)} (there are {some(values)})")
        given = {str(value): check(number, f"the level of {value}") for value, number in level.items()}
        return np.array([given.get(value, neutral) for value in values])

    @cached_property
    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        return self._levels(self.at_least, 0.0), self._levels(self.at_most, np.inf)

    def _refuse_contradictions(self) -> None:
        (names, members), (lower, upper) = self._members, self._bounds
        if (lower > upper).any():
            raise ValueError(
                f"the floor is above the cap for {some(names[lower > upper])}; lower one or raise the other"
            )
        if self.soft is not None:
            return
        total = self.platform.total_of(self.of)
        most = np.minimum(members @ self.reach, total)
        asked = lower * (total if self.unit == "share" else 1.0)
        above = lower > 0 if self.unit == "share" else asked > most
        above = above & ((members @ self.reach == 0) if self.unit == "share" else True)
        if above.any():
            g = int(np.argmax(above))
            raise ValueError(
                f"the floor of {some(names[above])} is above reach: {names[g]} asks for {quantity(asked[g])} of "
                f"{self.of}, and all its segments together bring {quantity(most[g])}; lower the floor or add edges"
            )
        if self.unit == "share" and members.any(axis=0).all() and upper.sum() < 1 - 1e-12:
            raise ValueError(f"the caps of {self.name} add up to {upper.sum():.4g} of what is served; make them 1")
        if asked.sum() > total * (1 + 1e-12):
            raise ValueError(
                f"the floors of {self.name} add up to {lower.sum():.4g}, and all groups together can have "
                f"{1 if self.unit == 'share' else quantity(total)}; lower them"
            )

    @cached_property
    def _written(self) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        """Group, level and sign (1 for a floor, -1 for a cap) of every row."""
        lower, upper = self._bounds
        floors = np.flatnonzero(lower > 0)
        caps = np.flatnonzero(upper < (1.0 if self.unit == "share" else np.inf))
        sign = np.concatenate((np.ones(floors.size), -np.ones(caps.size)))
        return np.concatenate((floors, caps)), np.concatenate((lower[floors], upper[caps])), sign

    def relevelled(self, level: FloatArray) -> Self:
        (names, _), (group, _, sign) = self._members, self._written
        levels = {}
        for side, given in ((1, "at_least"), (-1, "at_most")):
            mine = np.flatnonzero((sign == side) & (level < np.inf) & ((level > 0) | (side < 0)))
            of_group = {str(names[group[k]]).partition("=")[2]: float(level[k]) for k in mine}
            single = next(iter(of_group.values()), None)
            levels[given] = (of_group or None) if isinstance(self.groups, str) and "=" not in self.groups else single
        nothing = all(asked is None for asked in levels.values())
        return replace(self, **({"at_least": 0.0, "at_most": None} if nothing else levels))

    @cached_property
    def sides(self) -> Sides:
        from scipy.sparse import csr_array

        (names, members), (group, level, sign) = self._members, self._written
        shares = np.full(group.size, self.unit == "share")
        if self.unit == "share":
            matrix = csr_array(sign[:, None] * (members[group] - level[:, None]))
            least, most = np.zeros(group.size), np.zeros(group.size)
        else:
            matrix, least = csr_array(sign[:, None] * members[group]), sign * level
            reach = np.minimum(members[group] @ self.reach, self.platform.total_of(self.of))
            most = np.where(sign > 0, -level, np.minimum(level, reach))
        unit = np.where(level > 0, level, 1.0 if self.unit == "share" else self.platform.total_of(self.of) or 1.0)
        return Sides(matrix, least, most, sign, shares, unit, names[group])

    def stated(self, totals: Totals) -> Stated:
        (names, members), (group, level, _) = self._members, self._written
        stated = replace(super().stated(totals), kind="group", names=names[group], members=members[group])
        if self.unit == "amount":
            return stated
        y = totals.of(self.of)
        shares = (members[group] @ y) / (float(y.sum()) or 1.0)
        return replace(stated, level=level, amount=shares, unit="share", size=np.ones(group.size))


def _by_name(level: Any) -> Any:
    """Levels by the names of groups as text, which is how records hold them."""
    return {str(group): number for group, number in level.items()} if isinstance(level, Mapping) else level
