"""Presets: platforms with the figures of the source articles (s0 to s4 of the model), and what had to be assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from allocator.graph import Platform
from allocator.synthetic.checks import count, number
from allocator.synthetic.drawing import live_platform

CATEGORIES = ("agriculture", "apparel", "beauty", "electronics", "food", "home", "jewellery", "maternity")
WOMENS_FASHION = ("accessories", "bags", "dresses", "knitwear", "shoes", "skirts")


@dataclass(frozen=True)
class Preset:
    """The figures of one platform; each default has its source beside it, and "assumption" means ours.

    The defaults are Kuaishou's. ``preset.draw(segments, anchors, rng=rng)`` makes a platform; ``dataclasses.replace``
    makes a variant.
    """

    impressions: float = 1e6  # public impressions a day; assumption
    public_share: float = 0.7  # of live traffic (s4)
    private_efficiency: float = 4.0  # GMV per impression, private over public; "more than four times" (s4)
    value_mean: float = 1.0  # RMB per public impression at intent 1, averaged over today's traffic; assumption
    intent: float = 1.0  # factor on all values: how ready viewers are to buy; low (s3), which is the unit
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
    linked_share: float = 0.0  # least share of GMV closed in shops of another platform; assumption
    visits: float = 1.0  # private impressions per fan and day; assumption
    categories: tuple[str, ...] = CATEGORIES  # assumption

    def __post_init__(self) -> None:
        shares = (
            "skill_share",
            "breadth",
            "sales_gini",
            "newcomer_share",
            "signed_share",
            "brand_share",
            "linked_share",
        )
        for name in shares:
            number(name, getattr(self, name), most=1.0)
        for name in ("value_sigma", "appeal_exponent", "supply_sigma", "sales_pull"):
            number(name, getattr(self, name), most=10.0)
        for name in ("impressions", "private_efficiency", "value_mean", "intent", "roster", "visits"):
            number(name, getattr(self, name), least=1e-9)
        for name in ("public_share", "newcomer_traffic"):
            number(name, getattr(self, name), least=0.001, most=1.0)
        count("the larger of degrees", self.degrees[1])
        count("the smaller of degrees", self.degrees[0], most=self.degrees[1], why=" (the larger one)")
        if isinstance(self.categories, str) or not all(isinstance(name, str) for name in self.categories):
            raise ValueError(f"categories must be a tuple of names, such as ('food', 'home'), not {self.categories!r}")
        count("the number of categories", len(self.categories))

    @property
    def impression_value(self) -> float:
        """RMB per public impression, averaged over today's traffic."""
        return self.value_mean * self.intent

    def draw(self, segments: int, anchors: int, *, rng: np.random.Generator) -> Platform:
        """Draw a platform; see `kuaishou` for what it holds."""
        return live_platform(self, segments, anchors, rng=rng)


KUAISHOU = Preset()
HIGH_INTENT = 3.0  # over low intent: s3 names the two classes, the number is an assumption
GMV_2020 = {"taobao": 400.0, "kuaishou": 381.2, "douyin": 500.0}
"""Actual live GMV of 2020, bn RMB (readke.com; Douyin "over 500"); s3 had forecast 500, 250 and 200."""


def _impressions(name: str, intent: float) -> float:
    """Traffic that, at a given intent and with all else as on Kuaishou, sells in proportion to the GMV of 2020."""
    return KUAISHOU.impressions * GMV_2020[name] / GMV_2020["kuaishou"] / (intent / KUAISHOU.intent)


TAOBAO = replace(
    KUAISHOU,
    impressions=_impressions("taobao", HIGH_INTENT),  # from published GMV and the assumed intent, so an assumption
    intent=HIGH_INTENT,  # high (s3); the number is an assumption
    brand_share=0.7,  # "about 70 %" of live channels are run by vendors (readke.com); brand-led (s3)
    skill_share=0.05,  # led by brands (s3): who shows the goods matters less; the number is an assumption
)
DOUYIN = replace(
    KUAISHOU,
    impressions=_impressions("douyin", KUAISHOU.intent),  # as Taobao's; at least, as its GMV is "over" 500 bn
    linked_share=0.6,  # "most" sales went through Taobao's links before October 2020 (s3); the number is an assumption
)
XIAOHONGSHU = replace(
    KUAISHOU,
    impressions=5e4,  # little traffic (s3); the number is an assumption
    intent=HIGH_INTENT,  # high (s3); the number is an assumption
)
MOGUJIE = replace(
    KUAISHOU,
    impressions=2e4,  # little traffic (s3); the number is an assumption
    intent=HIGH_INTENT,  # high (s3); the number is an assumption
    breadth=0.1,  # narrow (A9); the number is an assumption
    categories=WOMENS_FASHION,  # women's fashion only (s1, s3); its division is an assumption
)


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


def taobao(segments: int = 5_000, anchors: int = 1_000, *, rng: np.random.Generator) -> Platform:
    """Draw a platform like Taobao Live: viewers who came to buy, and brands in front of the camera.

    Parameters, attributes and errors are those of `kuaishou`.

    Notes
    -----
    Sources: intent is high and the platform led by brands (s3); about 70 % of channels are run by vendors, and its live
    GMV of 2020 was 400 bn RMB to Kuaishou's 381.2 (readke.com). Assumptions: an impression sells 3 times as much as
    one of low intent, so that traffic is 0.35 of Kuaishou's for GMV in proportion to 2020; the anchor's own part in
    the variance of log value is .05; everything else is as on Kuaishou, private traffic included.

    Examples
    --------
    >>> sold = [
    ...     round(platform.amounts("gmv", platform.observed).sum())
    ...     for platform in (preset(500, 100, rng=np.random.default_rng(7)) for preset in (taobao, kuaishou))
    ... ]
    >>> round(sold[0] / sold[1], 3) == round(400 / 381.2, 3)
    True
    """
    return TAOBAO.draw(segments, anchors, rng=rng)


def douyin(segments: int = 5_000, anchors: int = 1_000, *, rng: np.random.Generator) -> Platform:
    """Draw a platform like Douyin before October 2020: the largest feed, low intent, sales closed mostly elsewhere.

    Parameters and errors are those of `kuaishou`, attributes too. Anchors also have ``shop``: "linked" anchors sell
    through links to the shops of another platform, "own" ones in the platform's store.

    Notes
    -----
    Sources: intent is low and the platform led by KOLs; most of its sales went through links to Taobao until it
    banned them in October 2020 (s3); its live GMV of 2020 was over 500 bn RMB to Kuaishou's 381.2 (readke.com).
    Assumptions: linked anchors have at least .6 of GMV and are a random choice; intent equals Kuaishou's, so that
    traffic is 1.31 times Kuaishou's for GMV in proportion to 2020; everything else is as on Kuaishou, so that one seed
    gives both the same graph. Values count all that an impression sells, wherever it is closed.

    Examples
    --------
    >>> platform = douyin(500, 100, rng=np.random.default_rng(7))
    >>> sorted(set(platform.anchors["shop"].tolist()))
    ['linked', 'own']
    """
    return DOUYIN.draw(segments, anchors, rng=rng)


def xiaohongshu(segments: int = 5_000, anchors: int = 1_000, *, rng: np.random.Generator) -> Platform:
    """Draw a platform like Xiaohongshu: small, led by trusted KOLs, with viewers who are ready to buy.

    Parameters, attributes and errors are those of `kuaishou`.

    Notes
    -----
    Source: intent is high, the platform led by KOLs and its traffic little (s3). Assumptions: traffic is .05 of
    Kuaishou's, an impression sells 3 times as much as one of low intent, and everything else is as on Kuaishou, so that
    one seed gives both the same graph.
    """
    return XIAOHONGSHU.draw(segments, anchors, rng=rng)


def mogujie(segments: int = 5_000, anchors: int = 1_000, *, rng: np.random.Generator) -> Platform:
    """Draw the live half of a platform like Mogujie: women's fashion and nothing else, for viewers who want it.

    Parameters, attributes and errors are those of `kuaishou`; ``category`` divides women's fashion.

    Notes
    -----
    Sources: intent is high, the platform led by KOLs, its traffic little, live rooms make 50 % of its GMV (s3), of
    which the platform drawn is this half; it sells women's fashion only (s1, s3). Assumptions: traffic is .02 of
    Kuaishou's, an impression sells 3 times as much as one of low intent, one edge in ten leaves the part of fashion
    that a segment prefers (narrow, A9), and everything else is as on Kuaishou.
    """
    return MOGUJIE.draw(segments, anchors, rng=rng)


PRESETS: dict[str, Callable[..., Platform]] = {
    "kuaishou": kuaishou,
    "taobao": taobao,
    "douyin": douyin,
    "xiaohongshu": xiaohongshu,
    "mogujie": mogujie,
}
