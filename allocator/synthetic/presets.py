"""Presets: platforms with the figures of the source articles (s0 to s4 of the model), and what had to be assumed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.metrics import head_size
from allocator.synthetic.checks import count, generator, number
from allocator.synthetic.feed import Feed, into_anchors
from allocator.synthetic.watching import watch_blocks

FloatArray = NDArray[np.float64]
Cast = dict[str, NDArray]
CATEGORIES = ("agriculture", "apparel", "beauty", "electronics", "food", "home", "jewellery", "maternity")


@dataclass(frozen=True)
class Preset:
    """The figures of one platform; each default has its source beside it, and "assumption" means ours.

    ``preset.draw(segments, anchors, rng=rng)`` makes a platform; ``dataclasses.replace`` makes a variant.
    """

    impressions: float = 1e6  # public impressions a day; assumption
    public_share: float = 0.7  # of live traffic (s4)
    private_efficiency: float = 4.0  # GMV per impression, private over public; "more than four times" (s4)
    value_mean: float = 1.0  # RMB per public impression, averaged over today's traffic; assumption
    value_sigma: float = 1.0  # of log value over edges; assumption
    skill_share: float = 0.2  # of the variance of log value: the anchor's part, the rest is the pair's; assumption
    appeal_exponent: float = 1.0  # Zipf; assumption (F20: the top anchor of 1000 has 13.4 % of appeal)
    degrees: tuple[int, int] = (10, 50)  # anchors a public segment watches, both included; assumption
    breadth: float = 0.6  # share of edges that leave the category: a broad platform (A9); assumption
    supply_sigma: float = 0.5  # of log supply over public segments; assumption
    sales_gini: float = 0.83  # of anchors' GMV; middle of the range measured on public data, see `kuaishou`
    sales_pull: float = 2.0  # the feed follows value to this power; assumption (70 % of the maximum at 1000 anchors)
    newcomer_share: float = 0.03  # of anchors who arrived this month; assumption
    newcomer_traffic: float = 0.05  # of what the feed would give them once known; assumption
    signed_share: float = 0.5  # of anchors under contract with an MCN firm (s2 describes both kinds); assumption
    roster: int = 20  # anchors per firm on average, large firms first (Zipf); assumption
    brand_share: float = 0.1  # of anchors who are brands, the rest KOLs: led by KOLs (s3); the number is an assumption
    visits: float = 1.0  # private impressions per fan and day; assumption
    categories: tuple[str, ...] = CATEGORIES  # assumption

    def __post_init__(self) -> None:
        for name in ("skill_share", "breadth", "sales_gini", "newcomer_share", "signed_share", "brand_share"):
            number(name, getattr(self, name), most=1.0)
        for name in ("value_sigma", "appeal_exponent", "supply_sigma", "sales_pull"):
            number(name, getattr(self, name), most=10.0)
        for name in ("impressions", "private_efficiency", "value_mean", "roster", "visits"):
            number(name, getattr(self, name), least=1e-9)
        for name in ("public_share", "newcomer_traffic"):
            number(name, getattr(self, name), least=0.001, most=1.0)
        count("the larger of degrees", self.degrees[1])
        count("the smaller of degrees", self.degrees[0], most=self.degrees[1], why=" (the larger one)")
        count("the number of categories", len(self.categories))

    def draw(self, segments: int, anchors: int, *, rng: np.random.Generator) -> Platform:
        """Draw a platform; see `kuaishou` for what it holds."""
        generator(rng)
        segments, anchors = count("segments", segments), count("anchors", anchors)
        cast = _cast(self, anchors, rng)
        private = min(anchors - int(cast["new"].sum()), segments // 5) if self.public_share < 1 else 0
        public = _public(self, segments - private, cast, rng)
        fans_first = np.argsort(-np.where(cast["new"], -1.0, public.exposure), kind="stable")
        return _assemble(self, cast, public, np.sort(fans_first[:private]))


def kuaishou(segments: int = 5_000, anchors: int = 1_000, *, rng: np.random.Generator) -> Platform:
    """Draw a platform like Kuaishou: section 4 of the model, with the figures of s2 and s4 where they give any.

    A fifth of the segments (at most one per anchor who is not new) are *private*: the followers of one anchor, whom
    nobody else can be shown to, so that private traffic counts in GMV and exposure but cannot be reallocated. The
    other segments are *public*; they watch 10 to 50 anchors (all, if there are fewer), popular ones more often, four
    in ten of them from the segment's own category.

    Parameters
    ----------
    segments, anchors : int
        Numbers of segments, private ones included, and of anchors.
    rng : numpy.random.Generator

    Returns
    -------
    Platform
        Values in RMB per impression, supply and ``observed`` traffic in impressions per day, capacity infinite.
        Segments have ``id`` ("segment-12"), ``domain`` (public or private) and ``category``. Anchors have ``id``
        ("anchor-17"), ``tier`` (head: the top 1 % of observed GMV among those not new, waist: up to the top 10 %, tail,
        new), ``kind`` (KOL or brand), ``firm`` ("" if independent), ``category``, ``appeal`` (share, sums to 1) and
        ``fans``.

    Raises
    ------
    ValueError
        If a size is below 1 or ``rng`` is not a Generator.

    Notes
    -----
    Public segments have 1e6 impressions a day in all, and over today's traffic one sells 1 RMB on average. Private ones
    have 3/7 of that number, so that 70 % of live traffic is public, and sell 4 RMB on average: 1.2/1.9 = 63.2 % of
    GMV (section 2.1 of the model). Below five segments there are no private ones. Fans are in the steady state of the
    flywheel: private impressions in proportion to public exposure; newcomers have none yet.

    Observed traffic follows value and crowds, the crowd's exponent chosen so that the Gini coefficient of anchors'
    public GMV is .83. From 100 anchors on this puts the Gini coefficient of all GMV into .72 to .94 and the share of
    the top 1 % into 8 to 66 %, fewer anchors cannot always be as unequal. The ranges were measured on public data: from
    the stores of Complete Journey (Gini .720, top 1 % 7.9 %) over products (.753, 19.6 %) of UCI Online Retail and
    manufacturers (.855, 51.4 %) of Complete Journey to the streamers of Twitch (views: .943, 66.0 %).

    Examples
    --------
    >>> platform = kuaishou(500, 100, rng=np.random.default_rng(7))
    >>> round(platform.supply[platform.segments["domain"] == "public"].sum())
    1000000
    """
    return KUAISHOU.draw(segments, anchors, rng=rng)


KUAISHOU = Preset()
PRESETS: dict[str, Callable[..., Platform]] = {"kuaishou": kuaishou}


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
    value *= preset.value_mean * preset.impressions / (observed * value).sum()
    exposure = into_anchors(anchor, observed, appeal.size)
    return _Public(category, starts, anchor, value, observed, exposure)


def _private(preset: Preset, cast: Cast, public: _Public, followed: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Impressions and values (P,) of the private segments, one per followed anchor."""
    impressions, value = public.exposure[followed], cast["skill"][followed]
    if followed.size:
        impressions *= preset.impressions * (1.0 / preset.public_share - 1.0) / impressions.sum()
        value *= preset.private_efficiency * preset.value_mean * impressions.sum() / (impressions * value).sum()
    return impressions, value


def _assemble(preset: Preset, cast: Cast, public: _Public, followed: NDArray[np.int64]) -> Platform:
    """Put public and private segments behind one another and name everybody."""
    impressions, value = _private(preset, cast, public, followed)
    edges, anchors = public.anchor.size, cast["appeal"].size
    observed = np.concatenate((public.observed, impressions))
    names = np.array(preset.categories)
    starts = np.concatenate((public.starts, np.arange(edges, edges + followed.size)))
    anchor = np.concatenate((public.anchor, followed))
    value = np.concatenate((public.value, value))
    sales = into_anchors(anchor, observed * value, anchors)
    fans = np.where(cast["new"], 0.0, public.exposure) * (1.0 / preset.public_share - 1.0) / preset.visits
    return Platform(
        np.append(starts, anchor.size),
        anchor.astype(np.int32),
        value,
        np.add.reduceat(observed, starts),
        capacity=np.full(anchors, np.inf),
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
        },
    )


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
