"""Rules as they speak of those who are there today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.rules import Rule
from allocator.rules.levels import anchors_where


def of_those(rule: Rule, view: View, platform: Platform) -> Rule | None:
    """A rule for the anchors of the world as one for those of the period's ``platform``; None if it speaks of nobody.

    Ids, masks and levels (A,) are those of the world; of ``age`` and ``newcomer`` only the period's platform knows.
    """
    narrowed = {field.name: _narrowed(getattr(rule, field.name), view) for field in fields(rule) if field.init}
    if getattr(rule, "where", None) is not None:
        narrowed["where"] = _those_who(rule.where, view, platform)
        if not narrowed["where"].any():
            return None
    return replace(rule, **narrowed)


def _those_who(where: Any, view: View, platform: Platform) -> NDArray[np.bool_]:
    """Of whom a rule speaks, (n,) over the anchors who are there."""
    if not (isinstance(where, str) and where.partition("=")[0] in ("age", "newcomer")):
        return anchors_where(view.world.platform, where)[view.places]
    try:
        return anchors_where(platform, where)
    except ValueError:
        if where.partition("=")[0] not in platform.anchors:
            raise
        return np.zeros(platform.anchor_count, dtype=bool)


def _narrowed(entry: Any, view: View) -> Any:
    """Levels of those who are there, of an array (A,) or of a mapping by id."""
    count = view.world.platform.anchor_count
    if isinstance(entry, Mapping):
        ids = view.world.platform.anchors["id"].tolist()
        if not set(entry) <= set(ids):
            return entry
        there = set(view.world.platform.anchors["id"][view.places].tolist())
        return {identity: level for identity, level in entry.items() if identity in there}
    if isinstance(entry, np.ndarray | list | tuple) and np.shape(entry) == (count,):
        return np.asarray(entry)[view.places]
    return entry


def can_be_kept(rule: Rule, platform: Platform) -> bool:
    """Whether a rule is not refused by itself."""
    try:
        rule.bind(platform)
    except ValueError:
        return False
    return True
