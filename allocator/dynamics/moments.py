"""What the source articles state in numbers about a platform in time, and what is done with each of them.

s0 to s4 are the articles of the README. A *parameter* is a default of a mechanism. A *moment* is not put in: where
``model`` says what the model makes of it, a test holds both together. *Selected* cases and *tail events* are of
merchants whom an article picked out: they are moments to think about, never effects of a treatment, and nothing is
fitted to them. *Ambiguous* figures contradict each other or leave open what they count; both readings are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from allocator.dynamics.closed_forms import public_fan_share
from allocator.dynamics.mechanisms import Flywheel, Subsidies

Role = Literal["parameter", "moment", "selected", "tail event", "ambiguous"]
PRIVATE_OVER_PUBLIC = 3 / 7
"""Private impressions per public one at rest, where 70 % of traffic is public (s4)."""


class Stated(NamedTuple):
    """A figure: what it says, the numbers as stated, source, role, where it lives, and what the model makes of it."""

    what: str
    stated: tuple[float, ...]
    source: str
    role: Role
    where: str
    model: Callable[[], float] | None = None


def public_share() -> float:
    """Public part of traffic at rest under the defaults of `Flywheel`: 1 / (1 + a kappa / mu).

    >>> round(public_share(), 9)
    0.7
    """
    wheel = Flywheel()
    return 1.0 / (1.0 + wheel.visits * float(np.mean(wheel.conversion)) / wheel.decay)


def subsidised_share() -> float:
    """Part of new fans by red envelopes in a phase under the defaults of `Subsidies`: b / (1 + b).

    >>> subsidised_share()
    0.5
    """
    strength = float(np.mean(Subsidies().strength))
    return strength / (1.0 + strength)


def private_gmv_share(efficiency: float = 4.0) -> float:
    """Private part of GMV at rest: efficiency x private over itself and public impressions.

    >>> round(private_gmv_share(), 4)
    0.6316
    """
    private = efficiency * PRIVATE_OVER_PUBLIC
    return private / (1.0 + private)


def fans_of_impressions(private: float = 1.0) -> float:
    """Part of fans in all impressions, if they are the part ``private`` of private ones (T3).

    >>> round(fans_of_impressions(), 4)
    0.37
    """
    return (public_fan_share(private) + PRIVATE_OVER_PUBLIC * private) / (1.0 + PRIVATE_OVER_PUBLIC)


def fans_of_gmv(private: float = 1.0, ratio: float = 6.0) -> float:
    """Part of fans in all GMV, who buy ``ratio`` times what others do.

    >>> round(fans_of_gmv(), 4)
    0.7789
    """
    fans = fans_of_impressions(private)
    return ratio * fans / (ratio * fans + 1.0 - fans)


def gain_at_once(exposure: float = 1.8, others: float = 1.25, public: float = 0.0, ratio: float = 6.0) -> float:
    """Public GMV with more traffic whose impressions on others than fans sell more, over that without, if fans are the
    part ``public`` of it.

    >>> round(gain_at_once(), 2), round(gain_at_once(public=0.1), 2)
    (2.25, 2.07)
    """
    return exposure * (ratio * public + others * (1.0 - public)) / (ratio * public + 1.0 - public)


def gain_at_rest(exposure: float = 1.8, others: float = 1.25, fans: float = 1.2) -> float:
    """GMV at rest with them and more fans per impression: private GMV follows fans, who follow traffic.

    >>> round(gain_at_rest(), 3)
    2.193
    """
    private = private_gmv_share()
    return (1.0 - private) * gain_at_once(exposure, others) + private * exposure * fans


STATED: tuple[Stated, ...] = (
    Stated("public part of live traffic", (0.7,), "s4", "parameter", "Flywheel.conversion", public_share),
    Stated(
        "GMV of a private impression over a public one, more than", (4.0,), "s4", "parameter", "Flywheel.efficiency"
    ),
    Stated("private part of GMV that follows, at least", (0.6316,), "derived", "moment", "Flywheel", private_gmv_share),
    Stated("what a fan buys over what another viewer does", (6.0,), "s4", "parameter", "closed_forms.public_fan_share"),
    Stated("part of fans in impressions that follows", (0.37,), "derived", "moment", "moments", fans_of_impressions),
    Stated("part of fans in GMV that follows", (0.779,), "derived", "moment", "moments", fans_of_gmv),
    Stated("fan growth with short video and live over live alone", (1.2,), "s4", "parameter", "Flywheel.short_video"),
    Stated("exposure with both pools over before", (1.8,), "s4", "selected", "moments.gain_at_once"),
    Stated("sales of an impression on others than fans over before", (1.25,), "s4", "selected", "moments.gain_at_once"),
    Stated("public GMV that follows at once", (2.25,), "derived", "moment", "flywheel.py", gain_at_once),
    Stated("all GMV that follows at rest", (2.193,), "derived", "moment", "flywheel.py", gain_at_rest),
    Stated("GMV of merchants in both pools over short video alone", (5.0,), "s4", "selected", "nowhere: selection"),
    Stated("GMV of live rooms from short-video traffic over a year before", (1.6,), "s4", "moment", "ShortVideo.lift"),
    Stated("traffic of short videos over live", (9.0,), "Moment and Cross", "moment", "ShortVideo.videos"),
    Stated("follow-page exposure from new fans over before, nearly", (3.0,), "s4", "selected", "Flywheel.visits"),
    Stated("7-day turnover of new fans, up by two times", (2.0, 3.0), "s4", "ambiguous", "Flywheel.visits"),
    Stated("MIMI: fan growth over a month before", (2.5,), "s4", "selected", "Subsidies.strength"),
    Stated(
        "MIMI: part of new fans by red envelopes, nearly",
        (0.5,),
        "s4",
        "parameter",
        "Subsidies.strength",
        subsidised_share,
    ),
    Stated("Xiaoyujia: fans in two months", (3.06e6,), "s4", "tail event", "nowhere"),
    Stated("Xiaoyujia: turnover in two months, RMB", (38e6,), "s4", "tail event", "nowhere"),
    Stated(
        "Xiaoyujia: turnover per new fan, RMB", (12.4,), "derived", "tail event", "RedEnvelopes.cost", lambda: 38 / 3.06
    ),
    Stated("Xiangcun: fans in one session", (3e5,), "s4", "tail event", "nowhere"),
    Stated("Lingbao'er: GMV over before, more than 50 videos a day", (7.0,), "s4", "tail event", "nowhere"),
    Stated("Anta: GMV of its own live rooms over before", (3.6,), "s4", "tail event", "nowhere"),
    Stated("red envelopes for Double 11, RMB", (2e9,), "s4", "parameter", "planning.ENVELOPE_BUDGET"),
    Stated("product subsidies for Double 11, RMB", (1e9,), "s4", "parameter", "planning.PRODUCT_BUDGET"),
    Stated("traffic for Double 11, unit not said", (1e10, 1e11), "s4", "ambiguous", "planning.TRAFFIC_BUDGETS"),
    Stated(
        "unemployment in 2019, January and February 2020, per cent", (3.62, 5.3, 6.2), "s2", "parameter", "Arrivals"
    ),
    Stated("unemployment of February 2020 over 2019", (1.71,), "derived", "moment", "Arrivals", lambda: 6.2 / 3.62),
    Stated("people in a team of a firm", (3.0, 4.0), "s2", "moment", "MCN.skill"),
    Stated("people whose work one alone does, at least", (3.0,), "s2", "moment", "INDEPENDENT.skill"),
    Stated("days of free government training, about", (20.0,), "s2", "parameter", "TRAINED.training"),
    Stated("streamers of a course, short-term", (10.0, 20.0), "s2", "moment", "Arrivals.pathways"),
    Stated("streamers of a course, long-term", (10.0,), "s2", "moment", "Arrivals.pathways"),
    Stated("money for training in Xinjiang, RMB", (1.2e6,), "s2", "moment", "nowhere: no cost of training is modelled"),
    Stated("Weiya in one night, RMB", (1.1e9,), "s2", "tail event", "nowhere"),
    Stated("GMV of Kuaishou in half a year, RMB", (104.4e9,), "s2", "moment", "nowhere"),
    Stated(
        "Weiya's night in days of Kuaishou", (1.92,), "derived", "tail event", "nowhere", lambda: 1.1 / (104.4 / 182)
    ),
    Stated("Viya and Li on one presale day, RMB", (20e9,), "SCMP", "tail event", "nowhere"),
    Stated("production of boosted creators over before", (1.0587,), "ICIS 2024", "moment", "Products: effort is fixed"),
    Stated("followers of boosted creators over before", (3.8981,), "ICIS 2024", "moment", "Flywheel: stocks respond"),
    Stated("long-run profit of hybrid selling over pure, about", (1.2,), "Ghanem", "moment", "Trust"),
    Stated("strength of herding that RecSim NG ships", (2.0,), "RecSim NG", "moment", "Herding.strength"),
    Stated("limit of boosts that RecSim NG ships", (1.2,), "RecSim NG", "parameter", "CappedBoost.boost"),
    Stated("viewers of live streams in 2016 and 2021", (344e6, 703e6), "SCMP", "parameter", "Growth.rate"),
    Stated(
        "their growth a year", (0.154,), "derived", "moment", "Growth.rate", lambda: math.expm1(math.log(703 / 344) / 5)
    ),
    Stated("people whose attention platforms share", (1.4e9,), "s3", "parameter", "Growth.ceiling, Growth.rivals"),
)
