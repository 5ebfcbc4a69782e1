"""From the figures of a preset to a platform: anchors are cast, viewers choose, today's feed runs, fans follow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.metrics import head_size
from allocator.synthetic.checks import count, generator
from allocator.synthetic.feed import Feed
from allocator.synthetic.watching import watch_blocks

if TYPE_CHECKING:
    from allocator.synthetic.presets import Preset

FloatArray = NDArray[np.float64]
Cast = dict[str, NDArray]


def live_platform(preset: Preset, segments: int, anchors: int, *, rng: np.random.Generator) -> Platform:
    """Draw a platform with the figures of a preset; `allocator.synthetic.kuaishou` says what it holds."""
    generator(rng)
    segments, anchors = count("segments", segments), count("anchors", anchors)
    cast = _cast(preset, anchors, rng)
    private = min(anchors - int(cast["new"].sum()), segments // 5) if preset.public_share < 1 else 0
    public = _public(preset, segments - private, cast, rng)
    fans_first = np.argsort(-np.where(cast["new"], -1.0, public.exposure), kind="stable")
    return _assemble(preset, cast, public, np.sort(fans_first[:private]), rng)


@dataclass(frozen=True, eq=False)
class _Public:
    """The public half of a platform: edges sorted by segment and anchor, and what they carry today."""

    category: NDArray[np.int64]
    starts: NDArray[np.int64]
    anchor: NDArray[np.int64]
    value: FloatArray
    observed: FloatArray
    exposure: FloatArray


def _cast(preset: Preset, anchors: int, rng: np.random.Generator) -> Cast:
    """Draw who the anchors are, before any traffic: one (A,) array per trait."""
    rank = rng.permutation(anchors)
    appeal = (rank + 1.0) ** -preset.appeal_exponent
    # Nobody arrives as a star: newcomers come from below the top tenth of appeal.
    grassroots = np.flatnonzero(rank >= head_size(anchors, 0.1))
    newcomers = min(math.ceil(preset.newcomer_share * anchors - 1e-9), grassroots.size)
    new = np.zeros(anchors, dtype=bool)
    new[rng.choice(grassroots, newcomers, replace=False)] = True
    size = 1.0 / np.arange(1, max(1, round(preset.signed_share * anchors / preset.roster)) + 1)
    firm = np.array([f"firm-{k}" for k in range(size.size)])[rng.choice(size.size, anchors, p=size / size.sum())]
    return {
        "appeal": appeal / appeal.sum(),
        "new": new,
        "firm": np.where(rng.random(anchors) < preset.signed_share, firm, ""),
        "kind": np.where(rng.random(anchors) < preset.brand_share, "brand", "KOL"),
        "category": rng.integers(len(preset.categories), size=anchors),
        "skill": rng.lognormal(0.0, preset.value_sigma * math.sqrt(preset.skill_share), anchors),
    }


def _public(preset: Preset, segments: int, cast: Cast, rng: np.random.Generator) -> _Public:
    """Draw the public segments, whom they watch, what that is worth and what today's feed does with it."""
    appeal = cast["appeal"]
    category = rng.integers(len(preset.categories), size=segments)
    fewest, most = preset.degrees
    degrees = np.minimum(rng.integers(fewest, most, size=segments, endpoint=True), appeal.size)
    _, anchor = watch_blocks(degrees, appeal, own=(category, cast["category"]), breadth=preset.breadth, rng=rng)
    value = rng.lognormal(0.0, preset.value_sigma * math.sqrt(1.0 - preset.skill_share), anchor.size)
    value *= cast["skill"][anchor]
    supply = rng.lognormal(0.0, preset.supply_sigma, segments)
    starts = np.cumsum(degrees) - degrees
    pull = value**preset.sales_pull * np.where(cast["new"], preset.newcomer_traffic, 1.0)[anchor]
    supply *= preset.impressions / supply.sum()
    observed = Feed(starts, anchor, value, pull, appeal, supply).matched(preset.sales_gini)
    value *= preset.impression_value * preset.impressions / (observed * value).sum()
    exposure = np.bincount(anchor, weights=observed, minlength=appeal.size)
    return _Public(category, starts, anchor, value, observed, exposure)


def _private(preset: Preset, cast: Cast, public: _Public, followed: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Impressions and values (P,) of the private segments, one per followed anchor."""
    impressions, value = public.exposure[followed], cast["skill"][followed]
    if followed.size:
        impressions *= preset.impressions * (1.0 / preset.public_share - 1.0) / impressions.sum()
        value *= preset.private_efficiency * preset.impression_value * impressions.sum() / (impressions * value).sum()
    return impressions, value


def _assemble(
    preset: Preset, cast: Cast, public: _Public, followed: NDArray[np.int64], rng: np.random.Generator
) -> Platform:
    """Put public and private segments behind one another and name everybody."""
    impressions, value = _private(preset, cast, public, followed)
    edges, anchors = public.anchor.size, cast["appeal"].size
    observed = np.concatenate((public.observed, impressions))
    names = np.array(preset.categories)
    starts = np.concatenate((public.starts, np.arange(edges, edges + followed.size)))
    anchor = np.concatenate((public.anchor, followed))
    value = np.concatenate((public.value, value))
    sales = np.bincount(anchor, weights=observed * value, minlength=anchors)
    fans = np.where(cast["new"], 0.0, public.exposure) * (1.0 / preset.public_share - 1.0) / preset.visits
    return Platform(
        np.append(starts, anchor.size),
        anchor.astype(np.int32),
        value,
        np.add.reduceat(observed, starts),
        observed=observed,
        segments={
            "id": _ids("segment", starts.size),
            "domain": np.where(np.arange(starts.size) < public.starts.size, "public", "private"),
            "category": names[np.concatenate((public.category, cast["category"][followed]))],
        },
        anchors={
            "id": _ids("anchor", anchors),
            "tier": _tiers(sales, cast["new"]),
            "kind": cast["kind"],
            "firm": cast["firm"],
            "category": names[cast["category"]],
            "appeal": cast["appeal"],
            "fans": fans,
            **({"shop": _shops(sales, preset.linked_share, rng)} if preset.linked_share else {}),
        },
    )


def _shops(sales: FloatArray, linked_share: float, rng: np.random.Generator) -> NDArray[np.str_]:
    """Where the sales of each anchor are closed (A,): in random order, linked until the share of all GMV is reached."""
    order = rng.permutation(sales.size)
    before = np.concatenate(([0.0], np.cumsum(sales[order])))
    shop = np.empty(sales.size, dtype="<U6")
    shop[order] = np.where(before[:-1] < linked_share * before[-1], "linked", "own")
    return shop


def _tiers(sales: FloatArray, new: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Tier of each anchor (A,) by observed GMV: top 1 %, top 10 % and the rest of those who are not new."""
    tier = np.full(sales.size, "tail", dtype="<U5")
    order = np.argsort(-np.where(new, -1.0, sales), kind="stable")[: sales.size - int(new.sum())]
    tier[order[: head_size(order.size, 0.1)]] = "waist"
    tier[order[: head_size(order.size, 0.01)]] = "head"
    tier[new] = "new"
    return tier


def _ids(noun: str, size: int) -> NDArray[np.str_]:
    return np.char.add(f"{noun}-", np.arange(size).astype(np.str_))
