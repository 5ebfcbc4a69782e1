"""What people type, turned into what the package takes; every refusal is one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import allocator as al
from allocator.rules import Constraint, Objective, Welfare
from allocator.rules.levels import YARDSTICKS
from allocator.wording import suggestion

Texts = Sequence[str] | None


def preset(name: str) -> Callable[..., al.Platform]:
    """The function that draws a preset."""
    presets = al.synthetic.PRESETS
    if name not in presets:
        raise ValueError(f"no preset is called '{name}'{suggestion(name, presets)} (there are {', '.join(presets)})")
    return presets[name]


def welfare(text: str) -> Callable[..., Welfare]:
    """The maker of a welfare term from ``nash``, ``maxmin`` or ``alpha=X``.

    >>> welfare("alpha=2")(of="gmv").name
    'AlphaFair(2) of gmv'
    """
    makers: dict[str, Callable[..., Welfare]] = {"nash": al.Nash, "maxmin": al.MaxMin}
    if text in makers:
        return makers[text]
    name, equals, number = text.partition("=")
    if name != "alpha" or not equals:
        hint = suggestion(text, makers)
        raise ValueError(f"no welfare is called '{text}'{hint} (there are nash, maxmin and alpha=X, such as alpha=2)")
    try:
        return partial(al.AlphaFair, float(number))
    except ValueError:
        raise ValueError(f"'{number}' in '{text}' is not a number") from None


def objective(fairness: str | None, of: str | None) -> Objective:
    """GMV and, if one is named, the welfare of a good (exposure by default), still without a weight."""
    gmv = Objective((al.GMV(),))
    return gmv if fairness is None else gmv + welfare(fairness)(of=of or "exposure")


def problem(
    platform: al.Platform,
    rules: Sequence[Constraint],
    *,
    fairness: str | None,
    of: str | None,
    weight: float | None,
) -> al.Problem:
    """GMV and, if one is named, a welfare at a relative weight (1 by default), under rules."""
    if fairness is None and not (of is None and weight is None):
        raise ValueError("--of and --weight speak of the welfare; name it with --fairness, such as --fairness nash")
    stated = al.Problem(platform, objective(fairness, of), tuple(rules))
    return stated if fairness is None else al.weighted(stated, 1.0 if weight is None else weight)


def anchor(platform: al.Platform, text: str) -> Any:
    """The id that is written like this, whatever its kind; the text itself where there is none."""
    return {str(identity): identity for identity in platform.anchors["id"].tolist()}.get(text, text)


def solvers(text: str | None) -> list[str] | None:
    """Names from ``flow,linear:pdlp,prices``; None, which leaves the choice to the package, for no text."""
    if text is None:
        return None
    names = list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    if not names:
        raise ValueError("--solvers names no solver; write names with commas between them, such as flow,prices")
    return names


def bound(text: str) -> tuple[str | None, str]:
    """Split ``[WHERE:]LEVEL`` into where (None for every anchor) and level, both as `allocator.Floor` takes them.

    WHERE is there if an equals sign stands before the first colon. LEVEL is then what follows the last colon, together
    with a yardstick (or a misspelt one) before it; colons further left belong to the value, as in ``id=shop:7:50``.

    >>> bound("tier=new:observed:0.8"), bound("id=shop:7:50"), bound("even:1")
    (('tier=new', 'observed:0.8'), ('id=shop:7', '50'), (None, 'even:1'))
    """
    if "=" not in text.partition(":")[0]:
        return None, text
    where, colon, level = text.rpartition(":")
    if not colon:
        raise ValueError(f"'{text}' gives no level; write it after a colon, such as {text}:50")
    before, colon, yardstick = where.rpartition(":")
    if colon and suggestion(yardstick, YARDSTICKS):
        return before, f"{yardstick}:{level}"
    return where, level


def rules(platform: al.Platform, capacity: str | None, caps: Texts, floors: Texts) -> tuple[Constraint, ...]:
    """The rules asked for; the capacities of the platform, where any is finite, are among them unless replaced."""
    found: list[Constraint] = []
    if capacity is not None:
        found.append(al.Capacity(capacity))
    elif np.isfinite(platform.capacity).any():
        found.append(al.Capacity())
    for rule, texts in ((al.Cap, caps), (al.Floor, floors)):
        found += [rule(level, where=where) for where, level in map(bound, texts or ())]
    return tuple(found)


def join(text: str) -> tuple[str, str]:
    """Split ``TABLE:KEY`` at the last colon.

    >>> join("products.parquet:product_id"), join("c:/tables/products.csv:item=product_id")
    (('products.parquet', 'product_id'), ('c:/tables/products.csv', 'item=product_id'))
    """
    table, _, key = text.rpartition(":")
    if not (table and key):
        raise ValueError(
            f"'{text}' names no key; write the table, a colon and the key, as in products.parquet:product_id"
        )
    return table, key


def refuse_unwritable(folder: Path | None) -> None:
    """Say before hours of work that their result cannot be saved."""
    if folder is None:
        return
    path = folder.absolute()
    nearest = next(p for p in (path, *path.parents) if p.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise ValueError(f"nothing can be saved in {folder}: {nearest} is no folder one can write to; choose another")
