"""From a problem to the dual's parts: goods, base prices, edges and voices; and what has none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.problem import Problem
from allocator.rules import GMV, AlphaFair, RobustGMV, Rule, SegmentCap, SegmentFloor
from allocator.rules.at_least import AtLeast
from allocator.rules.half_spaces import HalfSpaces
from allocator.rules.shares import Divided
from allocator.solvers.prices.proximal import Level, Proximal, Shared, WorstCase
from allocator.solvers.prices.response import Response, not_single
from allocator.solvers.prices.row import Row
from allocator.solvers.prices.voices import Single, Voice

FloatArray = NDArray[np.float64]


def outside_prices(problem: Problem) -> str | None:
    """Why a problem has a rule that the price solver cannot take, or None."""
    for term in problem.terms:
        reason = _outside(term)
        if reason is not None:
            return f"{term.name} {reason}"
    return None


def _outside(term: Rule) -> str | None:
    other = "linear or conic can take it" if term.box is not None or term.rows is not None else "conic can take it"
    if isinstance(term, RobustGMV) and term.per == "edge":
        return f"has an adversary on single edges, and prices know anchors; {other}"
    if isinstance(term, SegmentFloor) and not (term.soft is None and term.measure is None and term.share in (0, 1)):
        return f"would need a price per segment, unless every segment is to be served in full; {other}"
    if isinstance(term, SegmentCap) and term.soft is not None:
        return f"is soft, and the segments' partial sort knows hard caps alone; {other}"
    if isinstance(term, AtLeast) and not (_mapped(term.index) and hasattr(term.index, "worth")):
        return f"has no projection here; {other}"
    known = isinstance(term, GMV | Divided | RobustGMV | AtLeast | HalfSpaces | SegmentCap | SegmentFloor)
    return None if known or term.box is not None or _mapped(term) else f"has no price per anchor; {other}"


def _mapped(rule: Rule) -> bool:
    """Whether a rule has a proximal map; a hard bound that is not the box it should be has none."""
    return hasattr(rule, "nearest") and getattr(rule, "soft", 0.0) is not None


def goods_of(problem: Problem) -> tuple[str, ...]:
    """Exposure, GMV, and the edge measures that rules speak of."""
    spoken = {term.losing if isinstance(term, RobustGMV) else term.of for term in problem.terms}
    return ("exposure", "gmv", *sorted(spoken - {"exposure", "gmv"}))


def couples(problem: Problem) -> bool:
    """Whether a problem has more than alpha-fair terms and bounds on the exposure and GMV of single anchors."""
    return not_single(problem) is not None


def base_prices(problem: Problem, goods: tuple[str, ...]) -> FloatArray:
    """What one unit of every good is worth before rules speak, (G,)."""
    robust = sum(term.weight for term in problem.terms if isinstance(term, RobustGMV))
    return np.array([problem.gmv_weight + robust if good == "gmv" else 0.0 for good in goods])


def graph_of(problem: Problem, goods: tuple[str, ...]) -> Any:
    """The edges with the measures of all goods but exposure."""
    from allocator import kernels

    platform = problem.platform
    further = [platform.measure(good) for good in goods[2:]]
    measures = platform.value if not further else np.stack([platform.value, *further])
    graph = kernels.edges(platform.indptr, platform.anchor, measures, platform.supply, platform.anchor_count)
    full = any(isinstance(term, SegmentFloor) and term.share == 1 for term in problem.terms)
    return graph._replace(cap=float(problem.pieces[0].width), outside=not full)


def voices_of(problem: Problem, goods: tuple[str, ...], tight: float) -> list[Voice]:
    """Single anchors on every good first, then every other rule."""
    found: list[Voice] = [
        Single(g, response=Response.of(problem, good, tight), anchors=problem.platform.anchor_count)
        for g, good in enumerate(goods)
    ]
    for term in problem.terms:
        voice = _voice(term, goods, tight)
        if voice is not None and voice.size:
            found.append(voice)
    return found


def _voice(term: Rule, goods: tuple[str, ...], tight: float) -> Voice | None:
    good = goods.index(term.losing if isinstance(term, RobustGMV) else term.of)
    name = goods[good]
    if not term.reach.any():
        return None
    if isinstance(term, RobustGMV):
        return WorstCase(good, rule=term, name=name)
    if isinstance(term, HalfSpaces):
        return Row(good, rule=term, tight=tight)
    if isinstance(term, Divided):
        return Shared(good, rule=term, name=name)
    if isinstance(term, AtLeast):
        return Level(good, rule=term, name=name, tight=tight)
    alone = isinstance(term, AlphaFair) or term.box is not None
    return Proximal(good, rule=term, name=name) if _mapped(term) and not alone else None


def of_segments(problem: Problem, multipliers: list[Any]) -> list[Any]:
    """Multipliers with those of segments that must be served: they raise a best surplus below zero to zero."""
    for k, term in enumerate(problem.terms):
        if isinstance(term, SegmentFloor):
            multipliers[k] = np.zeros(term.shape)
    for k, term in enumerate(problem.terms):
        if isinstance(term, SegmentFloor) and term.share == 1:
            best = problem.platform.largest_in_segments(problem.surplus(multipliers).on_edges())
            multipliers[k] = np.where(np.isfinite(best), np.maximum(-best, 0.0), 0.0)
    return multipliers
