"""Markets with the sizes of the sources, which disagree (B7): scenarios, not estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics import Flywheel, Newcomers, Optimal, Policy, World
from allocator.graph import Platform
from allocator.market.closed_forms import self_sustaining
from allocator.market.market import Market
from allocator.market.mechanisms import Alliance, Attention, Intent, Links, Movement
from allocator.market.member import Member
from allocator.public import public_part
from allocator.synthetic import DOUYIN, KUAISHOU, TAOBAO, Preset
from allocator.synthetic.presets import HIGH_INTENT

FloatArray = NDArray[np.float64]
SIZES_2020 = {
    "forecast": {"taobao": 500.0, "kuaishou": 250.0, "douyin": 200.0},
    "actual": {"taobao": 400.0, "kuaishou": 381.2, "douyin": 500.0},
}
"""Live GMV of 2020, bn RMB: the forecast of s3, and what others report (readke.com; Douyin "over 500")."""
US_GMV = 20.0
"""Live sales of the USA, bn USD (s1)."""
DAYS = 365
LIFT = {"KOL": 0.5, "brand": 0.0}
"""How far trust raises what anchors sell: KOLs live on it (s3). The numbers are assumptions."""
BAN = 274
"""1 October 2020, counted from 1 January."""
SHARED = 0.2
"""The part of places that belongs to people who could be on any of the platforms; assumption."""
Figures = Literal["forecast", "actual"]


@dataclass(frozen=True)
class _Draft:
    """What a member is drawn from: figures of its platform, GMV of a year, what sets it apart."""

    preset: Preset
    size: float
    intent: float = 1.0
    maturity: float = 1.0
    breadth: float = 1.0
    currency: str = "RMB"


def china_2020(
    segments: int = 2_500,
    anchors: int = 500,
    *,
    rng: np.random.Generator,
    policy: Policy | None = None,
    figures: Figures = "forecast",
) -> Market:
    """Draw Taobao, Kuaishou and Douyin in 2020, a period a day from 1 January on.

    Parameters
    ----------
    segments, anchors : int
        Of each platform, as in `allocator.synthetic.kuaishou`.
    rng : Generator
    policy : Policy, optional
        Of all of them; `allocator.dynamics.Optimal()` by default.
    figures : "forecast" or "actual"
        Whose sizes.

    Notes
    -----
    Sources disagree: s3 had forecast 500, 250 and 200 bn RMB for 2020 (shares .526, .263, .211; HHI .391); 400, 381
    and over 500 are reported (.312, .298, .390; HHI .338), so that the smallest of the forecast was the largest; and s1
    gives Taobao 80 %, of another year or definition (`taobao_dominant`).

    From sources: intent is high on Taobao, which brands lead, and low on the two others, which KOLs lead; Douyin made
    most of its sales through links to Taobao until it banned them in October 2020; Kuaishou allied itself with JD (s3).
    Assumptions: sizes are what today's feed sells with all traffic on those who are there at the start, together with
    their fans in the steady state; intent of 3, the lift of KOLs of .5; a fee of links of 2 %, commissions of 5 %, own
    stores that make .5 (Douyin) and .6 (Kuaishou) of what leads elsewhere, an alliance from the start that adds .2; a
    network effect of 1 at which viewers rest where they are, a twentieth of whom chooses anew a day; a fifth of places
    belongs to people who could be on any of the platforms.
    """
    sizes = SIZES_2020[figures]
    drafts = {
        "taobao": _Draft(TAOBAO, sizes["taobao"], intent=HIGH_INTENT),
        "kuaishou": _Draft(KUAISHOU, sizes["kuaishou"], maturity=0.6),
        "douyin": _Draft(DOUYIN, sizes["douyin"], maturity=0.5),
    }
    mechanisms = (
        Intent(LIFT),
        Links("douyin", "taobao", ban=BAN),
        Alliance("kuaishou"),
        Movement(),
        Attention(1.0, speed=0.05),
    )
    return Market(_members(drafts, segments, anchors, policy, rng), mechanisms)


def taobao_dominant(
    segments: int = 2_500, anchors: int = 500, *, rng: np.random.Generator, policy: Policy | None = None
) -> Market:
    """Draw a market in which Taobao has 80 % of GMV (s1) and two rivals share the rest.

    Parameters are those of `china_2020`.

    Notes
    -----
    s1's 80 % does not agree with s3's sizes, of which Taobao has .526 (see `china_2020`); with an 80 % leader HHI is at
    least .64. Assumptions: the rivals are alike, the total is s3's 950 bn RMB, and nothing but the network effect
    keeps the leader: platforms appeal alike, and beta is that at which its share of attention sustains itself (T8). All
    else is as in `china_2020`, without links and alliances.
    """
    total = sum(SIZES_2020["forecast"].values())
    drafts = {
        "taobao": _Draft(TAOBAO, 0.8 * total, intent=HIGH_INTENT),
        "kuaishou": _Draft(KUAISHOU, 0.1 * total),
        "douyin": _Draft(replace(DOUYIN, linked_share=0.0), 0.1 * total),
    }
    members = _members(drafts, segments, anchors, policy, rng)
    traffic = {member.name: float(member.platform.supply.sum()) for member in members}
    network = float(self_sustaining(traffic["taobao"] / sum(traffic.values()), rivals=2))
    attention = Attention(network, appeal=dict.fromkeys(drafts, 0.0), speed=0.05)
    return Market(members, (Intent(LIFT), Movement(), attention))


def us_fragmented(
    segments: int = 1_500,
    anchors: int = 300,
    *,
    rng: np.random.Generator,
    policy: Policy | None = None,
    platforms: int = 5,
) -> Market:
    """Draw the fragmented market of the USA: 20 bn USD a year, 2 % of e-commerce (s1, which makes that 1,000 bn).

    Parameters are those of `china_2020`, and the number of platforms, which s1 does not give.

    Notes
    -----
    s1 says that no platform leads; it gives no sizes. Assumptions: platforms are alike and narrow (breadth .1, eight
    verticals), and appeal alike, whatever chance makes of their traffic at the start; the network effect is 8, at which
    as many broad platforms could not stay even (T8: 8 > 5) and narrow ones do (8 < 23.5); all figures of platforms are
    Kuaishou's, in USD; all else is as in `china_2020`, without links and alliances.
    """
    draft = _Draft(replace(KUAISHOU, breadth=0.1), US_GMV / platforms, breadth=0.1, currency="USD")
    drafts = {f"platform-{k + 1}": draft for k in range(platforms)}
    attention = Attention(8.0, appeal=dict.fromkeys(drafts, 0.0), speed=0.05, verticals="category")
    return Market(_members(drafts, segments, anchors, policy, rng), (Intent(LIFT), Movement(), attention))


def _sized(platform: Platform, present: FloatArray, draft: _Draft) -> Platform:
    """The platform with so many impressions that its feed sells the GMV of a year, together with the fans whom it makes
    in the steady state: a kappa / mu private impressions for a public one, at the mean value of the anchor's audience,
    below that of the pairs which the feed finds, times their efficiency (`Flywheel`).
    """
    fans, kinds = Flywheel(), platform.anchors["kind"]
    flow = platform.observed * present[platform.anchor]
    used = platform.into_segments(flow)
    flow *= np.divide(platform.supply, used, out=np.zeros_like(used), where=used > 0)[platform.segment]
    private = fans.visits * np.asarray(fans.conversion) / fans.decay * fans.efficiency
    each = platform.into_anchors(flow * platform.value)
    each += private * World(platform).mean_value * platform.into_anchors(flow)
    daily = float((each * (1.0 + np.array([LIFT[kind] for kind in kinds.tolist()]))).sum()) * draft.intent
    factor = draft.size * 1e9 / DAYS / daily
    return replace(
        platform,
        supply=factor * platform.supply,
        observed=factor * platform.observed,
        anchors={**platform.anchors, "fans": factor * platform.anchors["fans"]},
    )


def _members(
    drafts: Mapping[str, _Draft],
    segments: int,
    anchors: int,
    policy: Policy | None,
    rng: np.random.Generator,
) -> list[Member]:
    """Members in whose worlds a part of places belongs to people who have one on each of them, the k-th by sales here
    being the k-th there, and who start on one, drawn by size.
    """
    sizes = np.array([draft.size for draft in drafts.values()])
    people = round(SHARED * anchors)
    homes = rng.choice(sizes.size, people, p=sizes / sizes.sum())
    members = []
    for number, (name, draft) in enumerate(drafts.items()):
        platform = public_part(replace(draft.preset, intent=1.0).draw(segments, anchors, rng=rng))
        theirs = rng.choice(anchors, people, replace=False)
        theirs = theirs[np.argsort(-platform.amounts("gmv", platform.observed)[theirs], kind="stable")]
        ids, present = _ids(name, anchors), np.ones(anchors)
        ids[theirs] = _ids("person", people)
        present[theirs] = homes == number
        named = replace(platform, anchors={**platform.anchors, "id": ids}, currency=draft.currency)
        world = World(_sized(named, present, draft), (Flywheel(), Newcomers()), stocks={"present": present})
        traits = {"maturity": draft.maturity, "intent": draft.intent, "breadth": draft.breadth}
        members.append(Member(name, world, Optimal() if policy is None else policy, **traits))
    return members


def _ids(name: str, count: int) -> NDArray[np.str_]:
    return np.array([f"{name}-{k}" for k in range(count)], dtype=f"<U{len(name) + 12}")
