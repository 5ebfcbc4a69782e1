"""Rules as they speak of those who are there today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.view import View
from allocator.graph import Platform
from allocator.rules import Rule
from allocator.rules.levels import anchors_where


def of_today(where: Any) -> bool:
    """Whether only the period's platform knows who is meant."""
    return isinstance(where, str) and where.partition("=")[0] in ("age", "newcomer")


def all_of_those(rules: Iterable[Any], view: View, platform: Platform) -> list[Any]:
    """Rules, or terms, as `of_those` has them; those that speak of nobody are left out."""
    found = (of_those(rule, view, platform) for rule in rules)
    return [rule for rule in found if rule is not None]


def of_those(rule: Rule, view: View, platform: Platform) -> Rule | None:
    """A rule for the anchors of the world as one for those of the period's ``platform``; None if it speaks of nobody.

    Ids, masks, groups and levels (A,) are those of the world; of ``age`` and ``newcomer`` only the period's platform
    knows.
    """
    narrowed = {
        field.name: _narrowed(getattr(rule, field.name), view, platform) for field in fields(rule) if field.init
    }
    for name in ("where", "groups"):
        meant = getattr(rule, name, None)
        if meant is None or (name == "groups" and isinstance(meant, str) and "=" not in meant):
            continue
        narrowed[name] = _those_who(meant, view, platform)
        if not narrowed[name].any():
            return None
    for name in ("at_least", "at_most"):
        if isinstance(getattr(rule, name, None), Mapping) and isinstance(rule.groups, str):
            groups = set(platform.anchors[rule.groups].tolist()) if rule.groups in platform.anchors else set()
            narrowed[name] = {group: level for group, level in getattr(rule, name).items() if group in groups}
    inner = [name for name, entry in narrowed.items() if entry is None and isinstance(getattr(rule, name), Rule)]
    return None if inner else replace(rule, **narrowed)


def _those_who(where: Any, view: View, platform: Platform) -> NDArray[np.bool_]:
    """Of whom a rule speaks, (n,) over the anchors who are there."""
    if not of_today(where):
        return view.world.anchors_where(where)[view.places]
    try:
        return anchors_where(platform, where)
    except ValueError:
        if where.partition("=")[0] not in platform.anchors:
            raise
        return np.zeros(platform.anchor_count, dtype=bool)


def _narrowed(entry: Any, view: View, platform: Platform) -> Any:
    """Levels of those who are there, of an array (A,), of a mapping by id, or in a rule within the rule."""
    if isinstance(entry, Rule):
        return of_those(entry, view, platform)
    count, ids = view.world.platform.anchor_count, view.world.platform.anchors["id"]
    if isinstance(entry, Mapping) and set(entry) <= set(ids.tolist()):
        there = set(ids[view.places].tolist())
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
