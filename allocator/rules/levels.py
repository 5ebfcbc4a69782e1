"""From what people write ("tier=new", "observed:0.8", 50) to one number per anchor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from allocator.graph import Platform
from allocator.wording import some, suggestion

FloatArray = NDArray[np.float64]
Where = str | ArrayLike | None
Level = float | str | Mapping | ArrayLike
YARDSTICKS = ("observed", "reach", "even", "capacity")


def anchors_where(platform: Platform, where: Where) -> NDArray[np.bool_]:
    """Which anchors a rule is for, (A,): None = all, a mask, ``"attribute=value"``, or a list of ids.

    Raises
    ------
    ValueError
        Naming the attribute, the value or the ids that do not exist.
    """
    if where is None:
        return np.ones(platform.anchor_count, dtype=bool)
    if isinstance(where, str):
        return _matching(platform, where)
    chosen = np.asarray(sorted(where) if isinstance(where, set | frozenset) else where)
    if chosen.dtype == np.bool_:
        if chosen.shape != (platform.anchor_count,):
            raise ValueError(f"a mask needs one entry per anchor, ({platform.anchor_count},), not {chosen.shape}")
        return chosen
    mask = np.zeros(platform.anchor_count, dtype=bool)
    mask[positions_of(platform, chosen.tolist() if chosen.ndim else [chosen.item()])] = True
    return mask


def _matching(platform: Platform, where: str) -> NDArray[np.bool_]:
    attribute, equals, text = where.partition("=")
    if not equals:
        raise ValueError(f"'{where}' does not say which anchors; write attribute=value, such as tier=new")
    column = attribute_of(platform, attribute)
    if column.dtype.kind == "b":
        mask = column == (text.lower() in ("true", "1", "yes"))
    elif column.dtype.kind == "U":
        mask = column == text
    else:
        mask = column == _number(text, f"{attribute}={text}")
    if not mask.any():
        known = np.unique(column).tolist()
        raise ValueError(
            f"no anchor has {where}{suggestion(text, map(str, known))} ({attribute} is one of {some(known)})"
        )
    return mask


def attribute_of(platform: Platform, name: str) -> NDArray:
    """An attribute of the anchors, (A,); ValueError if they have none of that name."""
    try:
        return platform.anchors[name]
    except KeyError as error:
        raise ValueError(error.args[0]) from None


def positions_of(platform: Platform, ids: Iterable) -> NDArray[np.int64]:
    """Positions of anchors by their ids; unknown ones are refused, named."""
    try:
        return platform.anchors.index(ids)
    except KeyError as error:
        raise ValueError(error.args[0]) from None


def _number(text: str, context: str) -> float:
    try:
        return float(text)
    except ValueError:
        where = f" in '{context}'" if context != text else ""
        raise ValueError(f"'{text}'{where} is not a number") from None


def per_anchor(platform: Platform, level: Level, *, of: str, neutral: float, what: str = "a level") -> FloatArray:
    """One level per anchor, (A,), in the unit of the good ``of``.

    ``level`` is a number, an (A,) array, a mapping from anchor ids to numbers (``neutral`` for the others), or
    ``"yardstick:factor"`` with the yardstick ``observed`` (today's amount of the good), ``reach`` (the most an anchor
    can get), ``even`` (total / number of anchors) or ``capacity``. ``what`` is its name in messages.

    Raises
    ------
    ValueError
        For NaN or negative levels (ids named), unknown ids or yardsticks.
    """
    if isinstance(level, str):
        levels = _relative(platform, level, of)
    elif isinstance(level, Mapping):
        levels = np.full(platform.anchor_count, neutral)
        levels[positions_of(platform, level.keys())] = list(level.values())
    else:
        levels = np.asarray(level, dtype=np.float64)
        if levels.shape not in ((), (platform.anchor_count,)):
            raise ValueError(
                f"{what} must be one number or one per anchor, ({platform.anchor_count},), not shape {levels.shape}"
            )
        levels = np.broadcast_to(levels, (platform.anchor_count,)).copy()
    bad = ~(levels >= 0)
    if bad.any():
        raise ValueError(
            f"{what} must be >= 0 for every anchor; {some(platform.anchors['id'][bad])} has {levels[bad][0]}"
        )
    return np.where(levels < np.finfo(np.float64).tiny, 0.0, levels)  # subnormal numbers have no digits to keep


def finite(platform: Platform, levels: FloatArray, what: str) -> FloatArray:
    """The same levels (A,); infinite ones are refused, ids named."""
    endless = np.isinf(levels)
    if endless.any():
        raise ValueError(f"{what} must be finite; it is not for anchor {some(platform.anchors['id'][endless])}")
    return levels


def fraction(share: float, what: str) -> float:
    """A share in [0, 1] as a float; anything else is refused."""
    if not (isinstance(share, int | float | np.number) and not isinstance(share, bool) and 0 <= share <= 1):
        raise ValueError(f"{what} is a share in [0, 1], not {share!r}")
    return float(share)


def amount(level: float, what: str) -> float:
    """A finite amount >= 0 as a float; anything else is refused."""
    if not (isinstance(level, int | float | np.number) and not isinstance(level, bool) and 0 <= level < np.inf):
        raise ValueError(f"{what} must be a finite number >= 0, not {level!r}")
    return float(level)


def positive(platform: Platform, amounts: ArrayLike | None, what: str) -> FloatArray:
    """One finite number > 0 per anchor, (A,); 1 where nothing is given."""
    levels = per_anchor(platform, 1.0 if amounts is None else amounts, of="exposure", neutral=1.0, what=what)
    bad = ~((levels > 0) & (levels < np.inf))
    if bad.any():
        raise ValueError(
            f"{what} must be finite and > 0 for every anchor; {some(platform.anchors['id'][bad])} has {levels[bad][0]}"
        )
    return levels


def _relative(platform: Platform, level: str, of: str) -> FloatArray:
    yardstick, colon, factor = level.partition(":")
    if not colon:
        return np.full(platform.anchor_count, _number(level, level))
    times = _number(factor, level)
    if yardstick == "observed":
        if platform.observed is None:
            raise ValueError(f"'{level}' needs observed traffic, and this platform has none")
        return times * platform.amounts(of, platform.observed)
    if yardstick == "reach":
        return times * platform.reach_of(of)
    if yardstick == "even":
        return np.full(platform.anchor_count, times * platform.total_of(of) / platform.anchor_count)
    if yardstick == "capacity" and of == "exposure":
        return times * platform.capacity
    raise ValueError(
        f"'{level}' has no known yardstick{suggestion(yardstick, YARDSTICKS)} (known: {', '.join(YARDSTICKS)})"
    )
