"""Hypothesis strategies for platforms, flows, rules, multipliers and problems; they draw structure, not only seeds.
Free for users' own tests.
"""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Constraint, Totals, Welfare
from allocator.rules.at_least import AtLeast
from frames import Frame, Made, Maker, Recipe

ALPHAS = (0.5, 1, 2, 5)
SCALES = (1e-6, 1e-3, 1.0, 1e4, 1e9)
GOODS = ("exposure", "gmv", "cost")


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
    return al.Platform.from_edges(
        segment,
        anchor,
        value,
        supply=supply,
        observed=draw(st.none() | st.just(np.arange(len(pairs), dtype=float))),
        capacity=np.full(A, np.inf),
        measures={
            "relevance": np.array([draw(st.sampled_from([0.5, 1.0, 2.0])) for _ in pairs]),
            "cost": np.array([draw(st.sampled_from([0.0, 0.5, 2.0])) for _ in pairs]),
        },
        anchors={
            "tier": ["new" if j % 2 else "head" for j in range(A)],
            "firm": [f"f{j % 3}" for j in range(A)],
            "fee": [1.0 + j for j in range(A)],
        },
    )


@st.composite
def flows(draw, platform):
    """Any flow within supply, near the even one or far from it, (E,)."""
    parts = st.lists(st.integers(0, 8), min_size=platform.edge_count, max_size=platform.edge_count)
    share = np.array(draw(parts)) / 8
    share = share / np.maximum(platform.into_segments(share), 1.0)[platform.segment]
    far = draw(st.sampled_from([0.01, 0.2, 1.0]))
    return (1 - far) * platform.even_flow + far * share * platform.supply[platform.segment]


TERMS: dict[str, Maker] = {
    "AlphaFair": lambda f: al.AlphaFair(f.alpha, of=f.of),
    "AlphaFair by merit": lambda f: al.AlphaFair(f.alpha, weights=f.fees, merit=f.fees, of=f.of),
    "MaxMin": lambda f: al.MaxMin(of=f.of),
    "MaxMin by merit": lambda f: al.MaxMin(merit=f.fees, of=f.of),
    "GeneralizedGini": lambda f: al.GeneralizedGini(f.share ** np.arange(f.active.size), of=f.of),
    "Gini": lambda f: al.Gini(of=f.of),
    "Gini by merit": lambda f: al.Gini(merit=f.fees, of=f.of),
    "CVaR": lambda f: al.CVaR(max(f.place, 0.1), of=f.of),
    "CappedUtility": lambda f: al.CappedUtility(f"even:{f.share}", weights=f.fees, of=f.of),
    "Entropy": lambda f: al.Entropy(of=f.of),
    "TargetShares": lambda f: al.TargetShares(f.fees, of=f.of),
    "Concentration": lambda f: al.Concentration(of=f.of),
}
"""A maker of every welfare term: one line per rule."""

SALES: dict[str, Maker] = {
    "GMV": lambda f: al.GMV(),
    "robust": lambda f: al.RobustGMV(f.share, f.more),
    "robust by edge": lambda f: al.RobustGMV(f.share, f.more, per="edge"),
    "robust of a measure": lambda f: al.RobustGMV(f.share * f.worth(al.Cap(1, of="cost")), f.more, deviation="cost"),
    "robust by edge of a measure": lambda f: al.RobustGMV(
        f.share * f.worth(al.Cap(1, of="cost")), f.more, deviation="cost", per="edge"
    ),
}
"""GMV, or what is left of it in the worst case."""

CONSTRAINTS: dict[str, Maker] = {
    "floor": lambda f: al.Floor(f.share * f.even.of("exposure")),
    "floor of some": lambda f: al.Floor(f.share * f.even.of("exposure"), where="tier=head"),
    "cap": lambda f: al.Cap(f.more * f.even.of("exposure")),
    "capacity": lambda f: al.Capacity(),
    "reach floor": lambda f: al.ReachFloor(f.share / int(f.degrees.max())),
    "floor of a good": lambda f: al.Floor(0.5 * f.share * f.amounts, of=f.of),
    "cap of a good": lambda f: al.Cap(2 * f.more * f.amounts + f.sliver, of=f.of),
    "group": lambda f: al.GroupShare(
        "tier=head", at_most=min(1.0, f.by("tier", f.more, f.parts)["head"] + 1e-12), of=f.of
    ),
    "groups": lambda f: al.GroupShare("firm", f.by("firm", 0.99 * f.share, f.parts), of=f.of),
    "group amounts": lambda f: al.GroupShare(
        "firm", f.by("firm", 0.99 * f.share, f.amounts), f.by("firm", f.more, f.amounts), unit="amount", of=f.of
    ),
    "head cap": lambda f: al.HeadCap(f.k, min(1.0, f.more * max(f.head, f.k / f.n) + 1e-3), of=f.of),
    "budget": lambda f: al.Budget(f.fees, total=f.more * float(f.fees @ f.amounts), of=f.of),
    "budget of a measure": lambda f: al.Budget(total=f.more * float(f.even.of("cost").sum()), of="cost"),
    "GMV": lambda f: al.GMVAtLeast(f.share * f.sold),
    "fairness": lambda f: f.fair(f.one_of(TERMS)),
    "Gini": lambda f: al.GiniAtMost(min(1.0, f.more * f.gini + 1e-3), of=f.of),
    "HHI": lambda f: al.HHIAtMost(min(1.0, f.more * max(float((f.parts**2).sum()), 1 / f.n) + 1e-3), of=f.of),
    "segment cap": lambda f: al.SegmentCap(max(1 / int(f.degrees.min()), 1 - f.share)),
    "segment floor": lambda f: al.SegmentFloor(f.share * f.linked),
    "relevance": lambda f: al.SegmentFloor(f.share * f.mean("relevance"), "relevance"),
}
"""A maker of every constraint, at a level that the even flow keeps, in some exactly: one line per rule."""

MAKERS = {**{f"{name} as a rule": maker for name, maker in CONSTRAINTS.items()}, **TERMS, **SALES}
BOUNDS = ("floor", "floor of some", "cap", "capacity", "reach floor", "floor of a good", "cap of a good")


def frames(draw, platform, goods=GOODS):
    """The numbers of one rule."""
    some = (st.sampled_from(numbers) for numbers in (goods, ALPHAS, (0.0, 0.5, 0.9, 1.0), (1.0, 1.5, 4.0)))
    return Frame(platform, *map(draw, some), draw(st.integers(0, 11)) / 11)


def made_rules(draw, platform, names, soft, goods):
    """Up to three rules that the even flow keeps."""
    chosen = draw(st.lists(st.sampled_from(sorted(names or CONSTRAINTS)), unique=True, max_size=3))
    prices = st.sampled_from([None, None, 0.1, 10.0]) if soft else st.none()
    return tuple(Made(CONSTRAINTS[name], frames(draw, platform, goods), draw(prices)) for name in chosen)


def keeping_even(draw, platform):
    """Bounds that the even flow satisfies."""
    return [rule.on(platform) for rule in made_rules(draw, platform, BOUNDS, soft=False, goods=GOODS[:2])]


@st.composite
def recipes(draw, scales=SCALES, welfare=("AlphaFair", "MaxMin"), rules=BOUNDS, soft=False, goods=None):
    """Problems as recipes: sales, welfare or both, under rules that the even flow satisfies.

    ``rules`` None means any, and then sales may be those of the worst case, and welfare and rules of any good.
    """
    every = rules is None
    platform, goods = draw(platforms(scales=scales)), goods or (GOODS if every else GOODS[:2])
    sales = Made(SALES[draw(st.sampled_from(sorted(SALES))) if every else "GMV"], frames(draw, platform, goods))
    name = draw(st.sampled_from(sorted(welfare))) if welfare else None
    # Of divergence or concentration, which are nowhere above 0, a large weight, or no sales: serving nobody is best.
    even = platform.even_amounts("gmv")
    never = name in ("Entropy", "TargetShares", "Concentration")
    weight = draw(st.sampled_from([0.0, 0.1] if never else [0.0, 0.1, 1.0, 10.0, np.inf])) if welfare else 0.0
    assume(
        not (never and weight)
        or sales.on(platform).bind(platform).value(Totals.even(platform)).sum() > 1e-6 * even.sum()
    )
    term = Made(TERMS[name], frames(draw, platform, goods)) if weight else None
    recipe = Recipe(platform, sales, term, weight, made_rules(draw, platform, rules, soft, goods))
    assume(_stands(lambda: recipe.problem))
    # Where nobody can sell or gain anything, no cost of a soft rule is relative to anything.
    even = Totals.even(platform)
    assume(not soft or any(t.size(even) > 0 for t in recipe.problem.terms if isinstance(t, Welfare)))
    return recipe


def problems(**options):
    """Feasible problems; options as `recipes`."""
    return recipes(**options).map(lambda recipe: recipe.problem)


def _stands(make) -> bool:
    """Whether a rule is not refused on a platform."""
    try:
        make()
    except ValueError:
        return False
    return True


@st.composite
def bound_rules(draw, makers=MAKERS, scales=SCALES, soft=None):
    """A rule bound to a platform; constraints are soft or hard, or as asked."""
    platform = draw(platforms(scales=scales))
    maker, frame = makers[draw(st.sampled_from(sorted(makers)))], frames(draw, platform)
    price = draw(st.sampled_from([None, 0.1, 10.0] if soft is None else [0.1, 10.0] if soft else [None]))
    assume(_stands(lambda: maker(frame).bind(platform)))
    made = Made(maker, frame, price if isinstance(maker(frame), Constraint) else None)
    return made.on(platform).bind(platform)


@st.composite
def multipliers(draw, rule):
    """Multipliers of a bound rule, of any sign and size."""
    if rule.shape is None:
        return None
    if isinstance(rule, AtLeast):  # a weight, and marginals of the welfare that must reach a level
        weight = draw(st.sampled_from([-1.0, 0.0, 1e-3, 1.0, 1e3]))
        return np.append(weight, draw(multipliers(rule.index)))
    count, even = int(np.prod(rule.shape)), Totals.even(rule.platform)
    typical = np.abs(rule.supergradient(even)) if isinstance(rule, Welfare) else rule.platform.value
    size = draw(st.sampled_from([0.0, 1e-3, 0.1, 1.0, 3.0, 1e3, 1e30])) * (float(typical.max(initial=0.0)) or 1.0)
    return size * np.array(draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count))).reshape(rule.shape)
