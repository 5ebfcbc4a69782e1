"""The platform: sums, identity, networkx round trip, and refusals that name ids."""

import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allocator as al
from strategies import platforms

GOOD = {"segment": [0, 0, 1], "anchor": [0, 1, 1], "value": [1.0, 2.0, 3.0], "supply": [1.0, 2.0]}


def build(**changes):
    return al.Platform.from_edges(**(GOOD | changes))


@given(platforms())
def test_sums_agree_with_loops(platform):
    flow = np.arange(1.0, platform.edge_count + 1)
    into_anchor, into_segment, reach, sales = ({} for _ in range(4))
    for e, (i, j) in enumerate(zip(platform.segment.tolist(), platform.anchor.tolist(), strict=True)):
        into_anchor[j] = into_anchor.get(j, 0) + flow[e]
        into_segment[i] = into_segment.get(i, 0) + flow[e]
        reach[j] = reach.get(j, 0) + platform.supply[i]
        sales[j] = sales.get(j, 0) + platform.supply[i] * platform.value[e]
    np.testing.assert_allclose(
        platform.into_anchors(flow), [into_anchor.get(j, 0) for j in range(platform.anchor_count)]
    )
    np.testing.assert_allclose(
        platform.into_segments(flow), [into_segment.get(i, 0) for i in range(platform.segment_count)]
    )
    np.testing.assert_allclose(platform.reach, [reach.get(j, 0) for j in range(platform.anchor_count)])
    np.testing.assert_allclose(platform.sales_reach, [sales.get(j, 0) for j in range(platform.anchor_count)])


@given(platforms())
def test_networkx_round_trip_is_exact(platform):
    assert al.from_networkx(al.to_networkx(platform)).content_hash == platform.content_hash


@given(platforms(), st.randoms(use_true_random=False))
def test_order_of_edges_does_not_matter(platform, random):
    order = list(range(platform.edge_count))
    random.shuffle(order)
    shuffled = al.Platform.from_edges(
        platform.segment[order],
        platform.anchor[order],
        platform.value[order],
        supply=platform.supply,
        capacity=platform.capacity,
        observed=None if platform.observed is None else platform.observed[order],
        measures={name: measure[order] for name, measure in platform.measures.items()},
        anchors=platform.anchors,
    )
    assert shuffled.content_hash == platform.content_hash


def test_round_trip_keeps_float32_measures_attributes_and_units():
    platform = build(
        value=np.float32([1, 2, 3]),
        measures={"cost": [1, 0, 2]},
        segments={"id": ["a", "b"]},
        currency="GBP",
        period="week",
        anchors={
            "id": ["x", "y"],
            "verified": [True, False],
            "age": [1, 2],
            "score": [0.5, np.nan],
            "città": ["roma", "日本"],
        },
    )
    back = al.from_networkx(al.to_networkx(platform))
    assert back.content_hash == platform.content_hash
    assert back.value.dtype == np.float32


def test_a_users_own_graph_with_plain_nodes():
    graph = nx.Graph()
    graph.add_node("teens", bipartite=0, supply=10)
    graph.add_node("li", bipartite=1)
    graph.add_node("wei", bipartite=1, capacity=3)
    graph.add_edge("li", "teens", value=2.0)
    graph.add_edge("teens", "wei", value=1.0)
    platform = al.from_networkx(graph)
    assert platform.anchors["id"].tolist() == ["li", "wei"]
    assert platform.capacity.tolist() == [np.inf, 3]
    assert platform.value.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda g: g.add_node("stray"), "stray"),
        (lambda g: g.add_edge("li", "wei", value=1), "li"),
        (lambda g: g.nodes["teens"].pop("supply"), "teens"),
        (lambda g: g.edges["teens", "li"].pop("value"), "value"),
    ],
)
def test_a_graph_that_is_no_platform_is_refused_by_name(edit, named):
    graph = nx.Graph()
    graph.add_node("teens", bipartite=0, supply=10)
    graph.add_nodes_from(["li", "wei"], bipartite=1)
    graph.add_edge("teens", "li", value=2.0)
    edit(graph)
    with pytest.raises(ValueError, match=named):
        al.from_networkx(graph)


@given(platforms())
def test_frozen_and_picklable(platform):
    for array in (
        platform.value,
        platform.supply,
        platform.capacity,
        platform.indptr,
        platform.anchor,
        platform.reach,
        platform.anchors["tier"],
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        platform.currency = "EUR"
    assert pickle.loads(pickle.dumps(platform)).content_hash == platform.content_hash


def test_the_callers_arrays_stay_theirs():
    supply = np.array([1.0, 2.0])
    platform = build(supply=supply)
    supply[0] = 99
    assert platform.supply[0] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", [9, 2, 3]),
        ("supply", [1, 3]),
        ("capacity", [1, 1]),
        ("observed", [1, 1, 1]),
        ("measures", {"cost": [1, 1, 1]}),
        ("anchors", {"id": ["x", "y"]}),
        ("segments", {"id": ["x", "y"]}),
        ("currency", "EUR"),
        ("period", "week"),
    ],
)
def test_the_hash_sees_every_field(field, value):
    assert build(**{field: value}).content_hash != build().content_hash


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"supply": [1, -2]}, "supply must be finite and >= 0; segment 1 has -2"),
        ({"supply": [np.nan, 1]}, "segment 0 has nan"),
        ({"supply": [np.inf, 1]}, "segment 0 has inf"),
        ({"value": [1, -2, 3]}, "from segment 0 to anchor 1 has -2"),
        ({"value": [1, 2, np.nan]}, "from segment 1 to anchor 1 has nan"),
        ({"value": [1, 2, np.inf]}, "from segment 1 to anchor 1 has inf"),
        ({"value": ["a", "b", "c"]}, "value must hold numbers"),
        ({"capacity": [1, -1]}, "capacity must be >= 0; anchor 1 has -1"),
        ({"capacity": [np.nan, 1]}, "anchor 0 has nan"),
        ({"observed": [1, -1, 1]}, "observed must be finite"),
        ({"measures": {"cost": [1, -1, 1]}}, "cost must be finite"),
        ({"measures": {"gmv": [1, 1, 1]}}, "gmv"),
        ({"anchor": [0, 0, 1]}, "from segment 0 to anchor 0 is repeated"),
        ({"anchor": [0, 5, 1], "capacity": [1, 1]}, "lead to anchors 5"),
        ({"segment": [0, 0, 7]}, "name segment 7"),
        ({"segment": [0, 0, 0.5]}, "integer"),
        ({"segment": [], "anchor": [], "value": []}, "empty graph"),
        ({"value": [1, 2]}, "one entry per edge"),
        ({"anchors": {"id": ["x", "x"]}}, "anchor ids are not unique: x"),
        ({"segments": {"id": ["x", "x"]}}, "segment ids are not unique: x"),
        ({"anchors": {"tier": ["a", None]}, "capacity": [1, 1]}, "tier"),
        ({"anchors": {"tier": ["a"]}, "capacity": [1, 1]}, "one entry per anchor"),
    ],
)
def test_bad_platforms_are_refused_in_one_sentence(changes, said):
    with pytest.raises((ValueError, IndexError)) as error:
        build(**changes)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


BREAKS = {
    "value": lambda p, e, bad: {"value": np.where(np.arange(p.edge_count) == e, bad, p.value)},
    "supply": lambda p, e, bad: {"supply": np.where(np.arange(p.segment_count) == e % p.segment_count, bad, p.supply)},
    "capacity": lambda p, e, bad: {
        "capacity": np.where(np.arange(p.anchor_count) == e % p.anchor_count, bad, p.capacity)
    },
    "observed": lambda p, e, bad: {"observed": np.where(np.arange(p.edge_count) == e, bad, 1.0)},
    "measures": lambda p, e, bad: {"measures": {"cost": np.where(np.arange(p.edge_count) == e, bad, 1.0)}},
}


@given(
    platforms(), st.sampled_from(sorted(BREAKS)), st.integers(0, 100), st.sampled_from([-1.0, -1e-300, np.nan, -np.inf])
)
def test_any_single_bad_number_is_refused_naming_its_owner(platform, field, e, bad):
    e %= platform.edge_count
    fields = {name: getattr(platform, name) for name in ("supply", "capacity", "value")}
    fields |= BREAKS[field](platform, e, bad)
    with pytest.raises(ValueError, match=r"must be (finite and )?>= 0") as error:
        al.Platform(platform.indptr, platform.anchor, **fields)
    owner = {"supply": e % platform.segment_count, "capacity": e % platform.anchor_count}.get(
        field, platform.segment[e]
    )
    assert str(owner) in str(error.value)
    assert "\n" not in str(error.value)


def test_unsorted_csr_is_refused_and_pointed_to_from_edges():
    with pytest.raises(ValueError, match=r"out of order.*from_edges"):
        al.Platform([0, 2, 3], [1, 0, 1], [1.0, 2.0, 3.0], [1.0, 1.0])


def test_unknown_attributes_and_ids_suggest_the_nearest():
    platform = build(anchors={"id": ["anchor-1", "anchor-2"], "tier": ["new", "head"]})
    with pytest.raises(KeyError, match="did you mean 'tier'"):
        platform.anchors["teir"]
    with pytest.raises(KeyError, match="no anchor has the id anchor-3"):
        platform.anchors.index(["anchor-3"])


def test_notices_name_idle_anchors():
    platform = build(capacity=[1, 0, 5])
    assert any("no edges" in notice and "2" in notice for notice in platform.notices)
    assert any("capacity zero" in notice and "1" in notice for notice in platform.notices)


def test_repr_says_sizes_currency_and_gini():
    text = repr(build(observed=[1, 0, 0], currency="GBP"))
    for part in ("2 segments", "2 anchors", "3 edges", "GBP", "Gini of observed exposure 0.500"):
        assert part in text
