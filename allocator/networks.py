"""Platforms as networkx graphs and back, without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from allocator.graph import Platform
from allocator.wording import some

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(platform: Platform) -> nx.Graph:
    """Return a bipartite graph: nodes ``("segment", id)`` (bipartite 0) and ``("anchor", id)`` (bipartite 1).

    Nodes carry ``supply`` or ``capacity`` and all attributes, edges ``value``, ``observed`` and all measures, the
    graph ``currency``, ``period`` and the precision of values. `from_networkx` restores an equal platform.
    """
    import networkx as nx

    graph = nx.Graph(currency=platform.currency, period=platform.period, value_dtype=str(platform.value.dtype))
    for noun, side, table, amount in (
        ("segment", 0, platform.segments, {"supply": platform.supply}),
        ("anchor", 1, platform.anchors, {"capacity": platform.capacity}),
    ):
        columns = {name: array.tolist() for name, array in ({**table} | amount).items()}
        for row in zip(*columns.values(), strict=True):
            entry = dict(zip(columns, row, strict=True))
            graph.add_node((noun, entry["id"]), bipartite=side, **entry)
    seen = {} if platform.observed is None else {"observed": platform.observed}
    edges = {name: array.tolist() for name, array in ({"value": platform.value} | seen | platform.measures).items()}
    segments = [("segment", i) for i in platform.segments["id"].tolist()]
    anchors = [("anchor", j) for j in platform.anchors["id"].tolist()]
    for i, j, *row in zip(platform.segment.tolist(), platform.anchor.tolist(), *edges.values(), strict=True):
        graph.add_edge(segments[i], anchors[j], **dict(zip(edges, row, strict=True)))
    return graph


def from_networkx(graph: nx.Graph) -> Platform:
    """Build a platform from a bipartite graph.

    Every node needs ``bipartite`` (0 = segment, 1 = anchor); segments need ``supply``, edges need ``value``. A node's
    ``id`` is its attribute of that name or else the node itself; an anchor without ``capacity`` has none.

    Raises
    ------
    ValueError
        Naming the nodes or edges that lack something or connect two of a kind.
    """
    sides: dict[int, dict[Any, dict]] = {0: {}, 1: {}}
    for node, data in graph.nodes(data=True):
        if data.get("bipartite") not in (0, 1):
            raise ValueError(f"node {node!r} needs the attribute bipartite = 0 (segment) or 1 (anchor)")
        sides[data["bipartite"]][node] = {"id": node} | {k: v for k, v in data.items() if k != "bipartite"}
    segments, anchors = sides[0], sides[1]
    if lacking := [str(node) for node, data in segments.items() if "supply" not in data]:
        raise ValueError(f"segments need a supply: {some(lacking)} have none")
    position = {node: k for side in sides.values() for k, node in enumerate(side)}
    pairs, edges = [], []
    for u, v, data in graph.edges(data=True):
        i, j = (u, v) if u in segments else (v, u)
        if i not in segments or j not in anchors:
            raise ValueError(f"the edge {u!r} - {v!r} does not join a segment to an anchor")
        pairs.append((position[i], position[j]))
        edges.append(data)
    columns = _columns("edge", edges)
    if "value" not in columns:
        raise ValueError("edges need the attribute value (currency per impression)")
    segment_columns = _columns("segment", segments.values())
    anchor_columns = _columns("anchor", anchors.values(), capacity=np.inf)
    value = np.asarray(columns.pop("value"), dtype=graph.graph.get("value_dtype", "float64"))
    segment, anchor = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Platform.from_edges(
        segment,
        anchor,
        value,
        supply=segment_columns.pop("supply"),
        capacity=anchor_columns.pop("capacity", None),
        observed=columns.pop("observed", None),
        measures=columns,
        segments=segment_columns,
        anchors=anchor_columns,
        **{name: graph.graph[name] for name in ("currency", "period") if name in graph.graph},
    )


def _columns(noun: str, rows: Any, **defaults: Any) -> dict[str, list]:
    """Turn attribute dictionaries into columns; an attribute must be on all rows or have a default."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    for name in names:
        missing = sum(name not in row for row in rows)
        if missing and name not in defaults:
            raise ValueError(
                f"the attribute '{name}' is on some {noun}s but missing on {missing} others; set it on all or none"
            )
    return {name: [row.get(name, defaults.get(name)) for row in rows] for name in names}
