"""Hypothesis strategies for platforms, rules and problems; they draw structure, not only seeds. Free for users' own
tests.
"""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import allocator as al

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
    return al.Platform.from_edges(
        segment,
        anchor,
        value,
        supply=supply,
        observed=observed,
        capacity=np.full(A, np.inf),
        anchors={"tier": ["new" if j % 2 else "head" for j in range(A)]},
    )


def _of(draw):
    return draw(st.sampled_from(["exposure", "gmv"]))


@st.composite
def terms(draw):
    """One welfare term."""
    kind = draw(st.sampled_from(["alpha", "maxmin"]))
    return al.AlphaFair(draw(st.sampled_from(ALPHAS)), of=_of(draw)) if kind == "alpha" else al.MaxMin(of=_of(draw))


def keeping_even(draw, platform):
    """Rules that the even flow satisfies, some of them exactly: one line per rule."""
    level = {
        "exposure": platform.into_anchors(platform.even_flow),
        "gmv": platform.into_anchors(platform.even_flow * platform.value),
    }
    share, more, of = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])), draw(st.sampled_from([1.0, 1.5, 4.0])), _of(draw)
    makers = {
        "floor": lambda: al.Floor(share * level["exposure"]),
        "floor of some": lambda: al.Floor(share * level["exposure"], where=np.arange(platform.anchor_count) % 2 == 0),
        "cap": lambda: al.Cap(more * level["exposure"]),
        "capacity": lambda: al.Capacity(),
        "floor of a good": lambda: al.Floor(0.5 * share * level[of], of=of),
        "cap of a good": lambda: al.Cap(2 * more * level[of] + 1e-3 * platform.total_of(of), of=of),
    }
    return [makers[name]() for name in draw(st.lists(st.sampled_from(sorted(makers)), unique=True, max_size=3))]


@st.composite
def problems(draw, scales=SCALES, welfare=True):
    """Feasible problems: GMV, welfare or both, under rules that the even flow satisfies."""
    platform = draw(platforms(scales=scales))
    rules = keeping_even(draw, platform)
    weight = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0, np.inf])) if welfare else 0.0
    objective = al.GMV() + draw(terms()) if weight else al.GMV()
    try:
        problem = al.Problem(platform, objective, rules)
    except ValueError:
        assume(False)
    return al.weighted(problem, weight) if weight else problem
