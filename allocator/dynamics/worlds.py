"""The full world: a platform like Kuaishou with every mechanism, and where each number is from."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from allocator.dynamics.mechanism import Mechanism
from allocator.dynamics.mechanisms import (
    Arrivals,
    Defection,
    Flywheel,
    Growth,
    Herding,
    Newcomers,
    Promotion,
    ShortVideo,
    Subsidies,
    Trust,
)
from allocator.dynamics.mechanisms.newcomers import of_tier
from allocator.dynamics.world import World
from allocator.graph import Platform

EAGER = 3.0
"""Fans per impression of a place that is a newcomer's at the start, over others; assumption (P1 wants at least so)."""
QUALITY_SIGMA = 0.5
"""Of log quality of short videos, whose mean is 1, twice the threshold; assumption, independent of appeal."""
INTENSITIES = (0.3, 0.7)
"""Between which anchors' selling intensities lie, uniformly: around the best one of T6, .5; assumption."""
CAMPAIGNS = ((150, 20), (292, 23))
"""First day and length of red envelopes: the weeks before June 18, and October 20 to November 11 (s4), in a year that
begins in January; the lengths are assumptions."""


def kuaishou_world(platform: Platform, *, rng: np.random.Generator, without: Collection[type[Mechanism]] = ()) -> World:
    """A platform in time under all mechanisms at their baseline; a period is a day.

    ====================  ==========================================================================================
    Flywheel              public 70 % of traffic at rest, private sells 4 times as well (s4); .03 of fans lost a day,
                          newcomers' places make 3 times the fans per impression (P1): assumptions
    Subsidies             red envelopes double new fans (s4) before June 18 and November 11: dates of s4, lengths are
                          assumptions
    Herding               h = .6, eta = 1.2, of the part that a policy leaves to viewers (see `Partly`): assumptions
    ShortVideo            quality lognormal(.5) with mean 1, threshold .5, lift .6: assumptions
    Trust                 erosion .4, recovery .1, intensities from .3 to .7: assumptions
    Promotion             a tenth of traffic is for sale at .5 RMB, a margin of .05 becomes capital: assumptions
    Newcomers             .3 of those without traffic leave in a month (s2: "within the very first few months"), k = 2,
                          nu half the median even exposure: assumptions
    Defection             heads leave with probability .01 h a day and take half their fans and .1 of their viewers'
                          demand along: assumptions
    Growth                .00039 a day at first (344 M to 703 M viewers, SCMP) up to twice today (s3: 1.4 bn people)
    Arrivals              3 % of places a month by three pathways (s2), numbers are assumptions
    ====================  ==========================================================================================

    `Starvation` has no place beside `Newcomers`: it would let everybody below a threshold leave at once.

    Parameters
    ----------
    platform : Platform
        Public segments, such as ``allocator.public_part(allocator.synthetic.kuaishou(rng=rng))``; heads and newcomers
        are those of its tiers, and nobody where it has none.
    rng : Generator
        Draws quality and intensities, the same whatever is left out.
    without : mechanisms that are left out, such as ``[Herding]``
        What cannot be without them is left out, too: Subsidies without Flywheel, Arrivals without Newcomers.

    Returns
    -------
    World
        `allocator.dynamics.sensitivity.with_parameter` makes variants.
    """
    anchors = platform.anchor_count
    quality = rng.lognormal(-0.5 * QUALITY_SIGMA**2, QUALITY_SIGMA, anchors)
    intensity = rng.uniform(*INTENSITIES, anchors)
    new, head = of_tier(platform, "new"), of_tier(platform, "head")
    mechanisms: list[Mechanism] = [
        Flywheel(conversion=Flywheel.conversion * np.where(new, EAGER, 1.0)),
        Subsidies(phases=CAMPAIGNS),
        Herding(),
        ShortVideo(quality=quality),
        Trust(intensity=intensity),
        Promotion(),
        Newcomers(where=new),
        Defection(where=head),
        Growth(),
        Arrivals(),
    ]
    gone = set(without)
    gone |= {Subsidies} if Flywheel in gone else set()
    gone |= {Arrivals} if Newcomers in gone else set()
    return World(platform, tuple(mechanism for mechanism in mechanisms if type(mechanism) not in gone))
