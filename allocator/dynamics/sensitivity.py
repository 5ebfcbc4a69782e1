"""Which assumption matters: a world played again with one parameter of a mechanism at other values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from allocator.dynamics.ensemble import Ensemble, ensemble
from allocator.dynamics.policies import Policy
from allocator.dynamics.world import World
from allocator.wording import suggestion

Row = dict[str, Any]


def with_parameter(world: World, parameter: str, value: Any) -> World:
    """The world with one parameter, such as ``"Flywheel.decay"``, at another value.

    Raises
    ------
    ValueError
        If the world has no such mechanism, or the mechanism no such parameter, with the nearest name; or if the value
        is out of its domain.
    """
    kind, _, name = parameter.partition(".")
    mechanisms = {type(mechanism).__name__: mechanism for mechanism in world.mechanisms}
    if kind not in mechanisms:
        known = ", ".join(mechanisms) or "none"
        raise ValueError(f"the world has no mechanism '{kind}'{suggestion(kind, mechanisms)} (it has {known})")
    fields = [field.name for field in dataclasses.fields(mechanisms[kind]) if field.init]
    if name not in fields:
        raise ValueError(f"{kind} has no parameter '{name}'{suggestion(name, fields)} (it has {', '.join(fields)})")
    changed = dataclasses.replace(mechanisms[kind], **{name: value})
    return dataclasses.replace(
        world, mechanisms=tuple(changed if m is mechanisms[kind] else m for m in world.mechanisms)
    )


def sweep(
    world: World,
    policies: Mapping[str, Policy],
    parameter: str,
    values: Iterable[Any],
    *,
    discount: float,
    **played: Any,
) -> list[Row]:
    """Play a world under policies at several values of one parameter.

    Parameters
    ----------
    parameter : str
        ``"Mechanism.field"``, such as ``"Defection.base"``.
    values : iterable
    discount : float
        The worth of a later period over this one.
    played : of `ensemble`: periods, seeds, workers, folder

    Returns
    -------
    list of dict
        A row per value and policy: ``discounted`` GMV with its standard error, and ``lead``, by how much it exceeds
        that of the first policy, seed by seed.
    """
    rows = []
    for value in values:
        found = ensemble(with_parameter(world, parameter, value), policies, **played)
        rows += [{"parameter": parameter, "value": value} | row for row in _rows(found, discount)]
    return rows


def tornado(
    world: World,
    policies: Mapping[str, Policy],
    ranges: Mapping[str, Sequence[Any]],
    *,
    discount: float,
    **played: Any,
) -> list[Row]:
    """How far each assumption moves the lead of the last policy over the first: one parameter at a time at the ends of
    its range (low, high), the others as they are; the widest first.

    Returns
    -------
    list of dict
        A row per parameter: ``low``, ``high``, ``base`` (leads, currency), each with its error, the ends of the range
        as ``from`` and ``to``, and whether the lead changes its sign, ``overturns``.
    """
    if len(policies) < 2:
        raise ValueError("a tornado compares two policies; name a second one")
    base = _lead(ensemble(world, policies, **played), discount)
    rows = []
    for parameter, (low, high) in ranges.items():
        ends = [_lead(ensemble(with_parameter(world, parameter, v), policies, **played), discount) for v in (low, high)]
        row = {"parameter": parameter, "from": low, "to": high}
        for name, (lead, error) in zip(("low", "base", "high"), (ends[0], base, ends[1]), strict=True):
            row |= {name: lead, f"{name}_error": error}
        rows.append(row | {"overturns": any(lead * base[0] < 0 for lead, _ in ends)})
    return sorted(rows, key=lambda row: -abs(row["high"] - row["low"]))


def _rows(found: Ensemble, discount: float) -> Iterator[Row]:
    first = found.policies[0]
    leads = {row["policy"]: row for row in found.differences(first, discount=discount)}
    for row in found.summary(discount=discount):
        lead = leads.get(row["policy"], {"difference": 0.0, "difference_error": 0.0})
        told = {name: row[name] for name in ("policy", "discounted", "discounted_error")}
        yield told | {"lead": lead["difference"], "lead_error": lead["difference_error"]}


def _lead(found: Ensemble, discount: float) -> tuple[float, float]:
    last = found.differences(found.policies[0], discount=discount)[-1]
    return last["difference"], last["difference_error"]
