"""The public part of a platform: what it can reallocate."""

from __future__ import annotations

import numpy as np

from allocator.graph import Platform


def public_part(platform: Platform) -> Platform:
    """Return what of a platform can be reallocated: its segments whose ``domain`` is public, with all anchors.

    Private segments belong to an anchor each. A platform whose segments have no ``domain`` is all public.
    """
    if "domain" not in platform.segments:
        return platform
    public = platform.segments["domain"] == "public"
    edges, number = public[platform.segment], np.cumsum(public) - 1
    return Platform.from_edges(
        number[platform.segment[edges]],
        platform.anchor[edges],
        platform.value[edges],
        supply=platform.supply[public],
        observed=None if platform.observed is None else platform.observed[edges],
        capacity=platform.capacity,
        measures={name: measure[edges] for name, measure in platform.measures.items()},
        segments={name: column[public] for name, column in platform.segments.items()},
        anchors=platform.anchors,
        currency=platform.currency,
        period=platform.period,
    )
