"""Allocations on disk: a JSON of words and prices, a Parquet of flows; nothing in them is believed when read back."""

from __future__ import annotations

import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import allocator
from allocator.allocation import Allocation, Run
from allocator.certificate import certify
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import Constraint, Objective, Welfare, from_record

SCHEMA = 1


def save(allocation: Allocation, folder: Path) -> Path:
    """Write ``result.json`` (problem, multipliers, certificate, run, the platform's relative path and hash) and
    ``allocation.parquet``.

    The Parquet has one row per edge with flow: ``edge`` (position), ``segment``, ``anchor`` (ids), ``impressions``,
    ``gmv``. A platform that was not read from a folder is written to ``platform`` beside them. Each file is written
    whole or not at all.
    """
    from allocator.tables import write_platform

    if (folder / "platform.json").exists():
        raise ValueError(f"{folder} is a platform folder; save the result in a folder of its own")
    platform = allocation.platform
    home = platform.folder or folder / "platform"
    contents = {
        "allocation.parquet": _flows(allocation),
        "result.json": _words(allocation, os.path.relpath(home, folder)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    if platform.folder is None:
        write_platform(platform, home)
    write_together(folder, contents)
    return folder


def _flows(allocation: Allocation) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    platform, edge, buffer = allocation.platform, np.flatnonzero(allocation.flow), io.BytesIO()
    flow = allocation.flow[edge]
    columns = {
        "edge": edge,
        "segment": platform.segments["id"][platform.segment[edge]],
        "anchor": platform.anchors["id"][platform.anchor[edge]],
        "impressions": flow,
        "gmv": flow * platform.value[edge],
    }
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def _words(allocation: Allocation, home: str) -> bytes:
    """The result as JSON; rules are written as bound to the platform, one level per anchor."""
    certificate, terms = allocation.certificate, allocation.problem.terms
    result = {
        "schema": SCHEMA,
        "allocator": allocator.__version__,
        "status": allocation.status.name,
        "asked": allocation.asked,
        "platform": {"folder": home, "hash": allocation.platform.content_hash},
        "objective": [term.record() for term in terms if isinstance(term, Welfare)],
        "rules": [term.record() for term in terms if isinstance(term, Constraint)],
        "certificate": asdict(certificate) | {"gap": certificate.gap, "relative_gap": certificate.relative_gap},
        "run": asdict(allocation.run),
        "multipliers": [None if m is None else np.asarray(m).tolist() for m in allocation.multipliers],
    }
    return (as_json(result) + "\n").encode()


def load(folder: Path, platform: Platform | None = None) -> Allocation:
    """Read a saved allocation; its certificate is computed anew from the problem and the flow.

    Raises
    ------
    ValueError
        If a file is missing or damaged, the platform is not the one the result was computed for, or the flow no longer
        gives the objective and bound that were saved.
    """
    from allocator.tables import read_platform

    result, edge, impressions = _read(folder)
    if result["schema"] != SCHEMA:
        raise ValueError(
            f"{folder} has the schema {result['schema']!r}, and this version reads {SCHEMA}; update the package"
        )
    if platform is None:
        try:
            platform = read_platform(folder / result["platform"]["folder"])
        except (ValueError, OSError) as error:
            raise ValueError(f"the platform of {folder} is not where it was ({error}); pass it as platform=") from None
    if platform.content_hash != result["platform"]["hash"]:
        raise ValueError(
            f"the platform is not the one {folder} was computed for (its content hash differs); pass the right "
            f"one as platform="
        )
    try:
        allocation = _rebuilt(platform, _numbers(result), edge, impressions)
        saved = {name: float(_numbers(result["certificate"])[name]) for name in ("objective", "bound")}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{folder} is damaged and cannot be rebuilt: {error}; compute it again") from None
    certificate = allocation.certificate
    same = all(abs(getattr(certificate, name) - amount) <= 4 * certificate.rounding for name, amount in saved.items())
    if not (same and certificate.feasible):
        raise ValueError(
            f"{folder} was changed after it was saved: its flow gives the objective {certificate.objective:.8g} and "
            f"the bound {certificate.bound:.8g}, not {saved['objective']:.8g} and {saved['bound']:.8g}; "
            f"compute it again"
        )
    return allocation


def _read(folder: Path) -> tuple[dict[str, Any], NDArray, NDArray]:
    """The words and the flows of a result, with every part that is needed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        table = pq.read_table(folder / "allocation.parquet", columns=["edge", "impressions"])
        parts = {"schema", "asked", "platform", "objective", "rules", "certificate", "run", "multipliers"}
        if (
            not isinstance(result, dict)
            or not parts <= result.keys()
            or not {"folder", "hash"} <= set(result["platform"])
        ):
            raise ValueError("parts of result.json are missing")
        return result, table["edge"].to_numpy(), table["impressions"].to_numpy()
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise ValueError(
            f"{folder} does not hold a readable result (result.json and allocation.parquet): "
            f"{str(error).splitlines()[0]}"
        ) from None


def _rebuilt(platform: Platform, result: dict[str, Any], edge: Any, impressions: Any) -> Allocation:
    objective, rules = (tuple(map(from_record, result[name])) for name in ("objective", "rules"))
    problem = Problem(platform, Objective(objective), rules)
    if edge.dtype.kind not in "iu" or (np.diff(edge) <= 0).any() or (edge < 0).any():
        raise ValueError("the edges of allocation.parquet are not rising positions")
    asked = float(result["asked"])
    if not 0 <= asked < np.inf:
        raise ValueError(f"the relative gap asked for is {asked}")
    flow = np.zeros(platform.edge_count)
    flow[edge] = impressions
    flow.flags.writeable = False
    multipliers = [None if m is None else np.asarray(m, dtype=np.float64) for m in result["multipliers"]]
    return Allocation(problem, flow, multipliers, certify(problem, flow, multipliers), asked, Run(**result["run"]))


def write_together(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all files beside their targets and then rename them, so that a failure leaves what was there before."""
    drafts = {name: folder / f".{name}.{os.getpid()}.partial" for name in contents}
    try:
        for name, draft in drafts.items():
            draft.write_bytes(contents[name])
        for name, draft in drafts.items():
            draft.replace(folder / name)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def as_json(entry: Any) -> str:
    """Plain data as JSON."""
    return json.dumps(plain(entry), indent=1, allow_nan=False)


def plain(entry: Any) -> Any:
    """Data for JSON, which knows no infinity: it becomes the text "inf" or "-inf"."""
    if isinstance(entry, dict):
        return {k: plain(v) for k, v in entry.items()}
    if isinstance(entry, list | tuple):
        return [plain(v) for v in entry]
    return str(entry) if isinstance(entry, float) and not np.isfinite(entry) else entry


def _numbers(entry: Any) -> Any:
    """Undo `plain`."""
    if isinstance(entry, dict):
        return {k: _numbers(v) for k, v in entry.items()}
    if isinstance(entry, list):
        return [_numbers(v) for v in entry]
    return float(entry) if entry in ("inf", "-inf") else entry
