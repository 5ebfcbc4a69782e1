"""Hypothesis strategies for platforms, rules and problems; they draw structure, not only seeds. Free for users' own
tests.
"""

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Totals

ALPHAS = (0.5, 1, 2, 5)
SCALES = (1e-6, 1e-3, 1.0, 1e4, 1e9)


@st.composite
def platforms(draw, max_segments=6, max_anchors=5, scales=SCALES):
    """Small graphs with what breaks code: ties, zero supply, zero values, isolated anchors, one of a kind, huge and
    tiny units.
    """
    S, A = draw(st.integers(1, max_segments)), draw(st.integers(1, max_anchors))
    pairs = draw(
        st.lists(st.tuples(st.integers(0, S - 1), st.integers(0, A - 1)), min_size=1, max_size=S * A, unique=True)
    )
    amounts = draw(st.sampled_from([st.sampled_from([0.0, 1.0, 2.0]), st.just(1.0), st.floats(0.01, 10.0)]))
    value = np.array([draw(amounts) for _ in pairs]) * draw(st.sampled_from(scales))
    supply = np.array([draw(st.sampled_from([0.0, 0.3, 1.0, 1.0, 7.0])) for _ in range(S)]) * draw(
        st.sampled_from(scales)
    )
    segment, anchor = np.array(pairs).T
    observed = draw(st.none() | st.just(np.arange(len(pairs), dtype=float)))
    per_edge = st.sampled_from([0.5, 1.0, 2.0])
    measures = {name: np.array([draw(per_edge) for _ in pairs]) for name in ("relevance", "cost")}
    return al.Platform.from_edges(
        segment,
        anchor,
        value,
        supply=supply,
        observed=observed,
        capacity=np.full(A, np.inf),
        measures=measures,
        anchors={"tier": ["new" if j % 2 else "head" for j in range(A)], "firm": [f"f{j % 3}" for j in range(A)]},
    )


def _of(draw):
    return draw(st.sampled_from(["exposure", "gmv"]))


TERMS = {
    "AlphaFair": lambda draw, of: al.AlphaFair(draw(st.sampled_from(ALPHAS)), of=of),
    "MaxMin": lambda draw, of: al.MaxMin(of=of),
    "Gini": lambda draw, of: al.Gini(of=of),
    "CVaR": lambda draw, of: al.CVaR(draw(st.sampled_from([0.1, 0.5, 1.0])), of=of),
    "CappedUtility": lambda draw, of: al.CappedUtility(draw(st.sampled_from(["even:0.5", "even:1"])), of=of),
    "Entropy": lambda draw, of: al.Entropy(of=of),
    "TargetShares": lambda draw, of: al.TargetShares("even:1", of=of),
    "Concentration": lambda draw, of: al.Concentration(of=of),
}
"""A maker of every welfare term: one line per rule."""


def _sales(draw):
    """GMV, or what is left of it in the worst case."""
    radius, budget = draw(st.sampled_from([0.1, 0.5])), draw(st.sampled_from([0.5, 1, 2]))
    return draw(st.sampled_from([al.GMV(), *(al.RobustGMV(radius, budget, per=per) for per in ("anchor", "edge"))]))


@st.composite
def terms(draw, names=("AlphaFair", "MaxMin")):
    """One welfare term."""
    return TERMS[draw(st.sampled_from(sorted(names)))](draw, _of(draw))


def _softened(draw, rule, price):
    return replace(rule, soft=price * draw(st.sampled_from([0.1, 10.0]))) if draw(st.integers(0, 3)) == 0 else rule


def constraints(draw, platform):
    """Makers of rules that the even flow satisfies, some of them exactly: one line per rule."""
    even = Totals(platform, platform.even_flow)
    share, more, of = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])), draw(st.sampled_from([1.0, 1.5, 4.0])), _of(draw)
    exposure, amounts = even.of("exposure"), even.of(of)
    widest = max(int(np.diff(platform.indptr).max()), 1)
    linked = bool((np.diff(platform.indptr) > 0).all())
    total, active = float(amounts.sum()), np.flatnonzero(platform.reach_of(of) > 0)
    n, parts = max(active.size, 1), amounts / (total or 1.0)
    by_firm = {f"f{k}": float(parts[k::3].sum()) for k in range(min(3, parts.size))}
    k = draw(st.integers(1, n))
    served = platform.into_segments(platform.even_flow)
    relevant = platform.into_segments(platform.even_flow * platform.measure("relevance"))
    levels = relevant[served > 0] / served[served > 0]
    welfare = draw(
        st.sampled_from([al.MaxMin(of=of), al.Gini(of=of), al.AlphaFair(0.5, of=of), al.AlphaFair(2, of=of)])
    )
    fair = float(replace(welfare.bind(platform)).value(even).sum())
    head, hhi = float(np.sort(parts)[::-1][:k].sum()), float((parts**2).sum())
    return {
        "floor": lambda: al.Floor(share * exposure),
        "floor of some": lambda: al.Floor(share * exposure, where=np.arange(platform.anchor_count) % 2 == 0),
        "cap": lambda: al.Cap(more * exposure),
        "capacity": lambda: al.Capacity(),
        "reach floor": lambda: al.ReachFloor(share / widest),
        "floor of a good": lambda: al.Floor(0.5 * share * amounts, of=of),
        "cap of a good": lambda: al.Cap(2 * more * amounts + 1e-3 * platform.total_of(of), of=of),
        "cap of a measure": lambda: al.Cap(more * even.of("cost") + 1e-3 * platform.total_of("cost"), of="cost"),
        "group": lambda: al.GroupShare("tier=head", at_most=min(1.0, more * float(parts[::2].sum()) + 1e-12), of=of),
        "groups": lambda: al.GroupShare("firm", {f: share * s for f, s in by_firm.items()}, of=of),
        "group amounts": lambda: al.GroupShare(
            "firm", {f: share * s * total for f, s in by_firm.items()}, more * total, unit="amount", of=of
        ),
        "head cap": lambda: al.HeadCap(k, min(1.0, max(head * more, k / n)), of=of),
        "budget": lambda: al.Budget(
            np.arange(platform.anchor_count), total=more * float(np.arange(amounts.size) @ amounts), of=of
        ),
        "budget of a measure": lambda: al.Budget(total=more * float(even.of("cost").sum()), of="cost"),
        "GMV": lambda: al.GMVAtLeast(share * float(even.of("gmv").sum())),
        "fairness": lambda: al.FairnessAtLeast(welfare, fair - (1.5 - share) * abs(fair)),
        "Gini": lambda: al.GiniAtMost(
            min(1.0, more * al.metrics.gini(amounts[active]) + 1e-9) if total else 1.0, of=of
        ),
        "HHI": lambda: al.HHIAtMost(min(1.0, max(more * hhi, 1 / n)), of=of),
        "segment cap": lambda: al.SegmentCap(max(float((1 / np.diff(platform.indptr)).max()), 0.3) if linked else 1.0),
        "segment floor": lambda: al.SegmentFloor(share if linked else 0.0),
        "relevance": lambda: al.SegmentFloor(share * float(levels.min(initial=2.0)) if linked else 0.0, "relevance"),
    }


BOUNDS = ("floor", "floor of some", "cap", "capacity", "reach floor", "floor of a good", "cap of a good")


def keeping_even(draw, platform, names=BOUNDS, soft=False):
    """Rules that the even flow satisfies."""
    makers = constraints(draw, platform)
    chosen = draw(st.lists(st.sampled_from(sorted(names or makers)), unique=True, max_size=3))
    price = float(platform.value.mean()) or 1.0
    rules = [makers[name]() for name in chosen]
    return [_softened(draw, rule, price) for rule in rules] if soft else rules


@st.composite
def problems(draw, scales=SCALES, welfare=("AlphaFair", "MaxMin"), rules=BOUNDS, soft=False):
    """Feasible problems: sales, welfare or both, under rules that the even flow satisfies; ``rules`` None for any, and
    then sales may be those of the worst case.
    """
    platform = draw(platforms(scales=scales))
    try:
        kept = keeping_even(draw, platform, rules, soft)
        sales = al.GMV() if rules is BOUNDS else _sales(draw)
        term = draw(terms(welfare)) if welfare else al.MaxMin()
        # At a large weight of divergence or concentration, which are nowhere above 0, serving nobody is best.
        heavy = () if isinstance(term, al.TargetShares | al.Concentration) else (1.0, 10.0, np.inf)
        weight = draw(st.sampled_from([0.0, 0.1, *heavy])) if welfare else 0.0
        objective = sales + term if weight else sales
        problem = al.Problem(platform, objective, kept)
    except ValueError:
        assume(False)
    return al.weighted(problem, weight) if weight else problem
