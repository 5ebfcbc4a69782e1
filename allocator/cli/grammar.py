"""What people type, turned into what the package takes; every refusal is one sentence."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import allocator as al
from allocator.cli import typed_rules
from allocator.rules import Constraint, Objective, Welfare
from allocator.rules.levels import YARDSTICKS
from allocator.wording import suggestion

Texts = Sequence[str] | None
WELFARE: dict[str, Callable[..., Welfare]] = {
    "nash": al.Nash,
    "maxmin": al.MaxMin,
    "gini": al.Gini,
    "entropy": al.Entropy,
    "concentration": al.Concentration,
}
PARAMETRIC: dict[str, Callable[..., Welfare]] = {"alpha": al.AlphaFair, "cvar": al.CVaR}
"""Welfare with a number behind an equals sign."""


def preset(name: str) -> Callable[..., al.Platform]:
    """The function that draws a preset."""
    presets = al.synthetic.PRESETS
    if name not in presets:
        raise ValueError(f"no preset is called '{name}'{suggestion(name, presets)} (there are {', '.join(presets)})")
    return presets[name]


def welfare(text: str) -> Callable[..., Welfare]:
    """The maker of a welfare term from a name, ``alpha=X`` or ``cvar=X``, or from a term as Python writes it.

    >>> welfare("alpha=2")(of="gmv").name, welfare("CVaR(0.1, of='gmv')")().name
    ('AlphaFair(2) of gmv', 'CVaR(0.1) of gmv')
    """
    if "(" in text:
        return partial(replace, typed_rules.welfare(text))
    if text in WELFARE:
        return WELFARE[text]
    name, equals, number = text.partition("=")
    if name not in PARAMETRIC or not equals:
        hint = suggestion(text, [*WELFARE, *PARAMETRIC])
        known = f"{', '.join(WELFARE)}, alpha=X and cvar=X, such as alpha=2, or a term such as CVaR(0.1)"
        raise ValueError(f"no welfare is called '{text}'{hint} (there are {known})")
    try:
        return partial(PARAMETRIC[name], float(number))
    except ValueError:
        raise ValueError(f"'{number}' in '{text}' is not a number") from None


def sales(text: str | None) -> Welfare:
    """GMV or, from ``[MEASURE:]RADIUS:ANCHORS``, what is left of it in the worst case.

    >>> sales("standard_error:2:50")
    RobustGMV(weight=1.0, radius=2.0, budget=50.0, deviation='standard_error', per='anchor')
    """
    if text is None:
        return al.GMV()
    *measure, radius, budget = text.rsplit(":", 2) if ":" in text else ("", "")
    try:
        return al.RobustGMV(float(radius), float(budget), deviation=measure[0] if measure else None)
    except ValueError:
        raise ValueError(
            f"'{text}' is no worst case; write the part that values may fall by and how many anchors at once, such as "
            "0.2:10, or standard_error:2:10 for two standard errors"
        ) from None


def objective(fairness: str | None, of: str | None, robust: str | None = None) -> Objective:
    """GMV (or its worst case) and, if one is named, the welfare of a good (exposure by default), without a weight."""
    if fairness is None and of is not None:
        raise ValueError("--of speaks of the welfare; name it with --fairness, such as --fairness nash")
    whole = Objective((sales(robust),))
    return whole if fairness is None else whole + welfare(fairness)(**({} if of is None else {"of": of}))


def problem(
    platform: al.Platform, stated: Objective, rules: Sequence[Constraint], *, weight: float | None
) -> al.Problem:
    """The objective, with its welfare (if it has one) at a relative weight (1 by default), under rules."""
    fair = len(stated.terms) > 1
    if weight is not None and not fair:
        raise ValueError("--weight speaks of the welfare; name it with --fairness, such as --fairness nash")
    found = al.Problem(platform, stated, tuple(rules))
    return al.weighted(found, 1.0 if weight is None else weight) if fair else found


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


def rules(
    platform: al.Platform, capacity: str | None, caps: Texts = None, floors: Texts = None, typed: Texts = None
) -> tuple[Constraint, ...]:
    """The rules asked for; the capacities of the platform, where any is finite, are among them unless replaced."""
    others = [_fitting(platform, text) for text in typed or ()]
    found: list[Constraint] = []
    if capacity is not None:
        found.append(al.Capacity(capacity))
    elif np.isfinite(platform.capacity).any() and not any(isinstance(rule, al.Capacity) for rule in others):
        found.append(al.Capacity())
    for rule, texts in ((al.Cap, caps), (al.Floor, floors)):
        found += [rule(level, where=where) for where, level in map(bound, texts or ())]
    return (*found, *others)


def _fitting(platform: al.Platform, text: str) -> Constraint:
    """A typed rule that this platform can take."""
    rule = typed_rules.constraint(text)
    try:
        rule.bind(platform)
    except TypeError as error:
        raise ValueError(f"'{text}' has an argument of the wrong kind: {error}") from None
    return rule


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
