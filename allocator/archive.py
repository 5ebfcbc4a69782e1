"""Allocations on disk: a JSON of words and prices, a Parquet of flows; nothing in them is believed when read back."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import allocator
from allocator.allocation import Allocation, Run
from allocator.certificate import certify
from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import Objective, from_record

SCHEMA = 1


def save(allocation: Allocation, folder: Path) -> Path:
    """Write ``result.json`` (problem, multipliers, certificate, run, the platform's relative path and hash) and
    ``allocation.parquet``.

    The Parquet has one row per edge with flow: ``edge`` (position), ``segment``, ``anchor`` (ids), ``impressions``,
    ``gmv``. A platform that was not read from a folder is written to ``platform`` beside them. Each file is written
    whole or not at all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from allocator.tables import write_platform

    folder.mkdir(parents=True, exist_ok=True)
    platform = allocation.platform
    home = platform.folder
    if home is None:
        write_platform(platform, home := folder / "platform")
    edge = np.flatnonzero(allocation.flow)
    flow = allocation.flow[edge]
    table = pa.table(
        {
            "edge": edge,
            "segment": platform.segments["id"][platform.segment[edge]],
            "anchor": platform.anchors["id"][platform.anchor[edge]],
            "impressions": flow,
            "gmv": flow * platform.value[edge],
        }
    )
    certificate = allocation.certificate
    result = {
        "schema": SCHEMA,
        "allocator": allocator.__version__,
        "status": allocation.status.name,
        "asked": allocation.asked,
        "platform": {"folder": os.path.relpath(home, folder), "hash": platform.content_hash},
        "objective": [term.record() for term in allocation.problem.objective.terms],
        "rules": [rule.record() for rule in allocation.problem.rules],
        "certificate": asdict(certificate) | {"gap": certificate.gap, "relative_gap": certificate.relative_gap},
        "run": asdict(allocation.run),
        "multipliers": [None if m is None else np.asarray(m).tolist() for m in allocation.multipliers],
    }
    _replace(folder / "allocation.parquet", lambda path: pq.write_table(table, path))
    _replace(
        folder / "result.json",
        lambda path: Path(path).write_text(json.dumps(_plain(result), indent=1, allow_nan=False) + "\n"),
    )
    return folder


def load(folder: Path, platform: Platform | None = None) -> Allocation:
    """Read a saved allocation; its certificate is computed anew from the problem and the flow.

    Raises
    ------
    ValueError
        If a file is missing or damaged, the platform is not the one the result was computed for, or the flow no longer
        gives the objective and bound that were saved.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from allocator.tables import read_platform

    try:
        result = json.loads((folder / "result.json").read_text())
        table = pq.read_table(folder / "allocation.parquet", columns=["edge", "impressions"])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ValueError(
            f"{folder} does not hold a readable result (result.json and allocation.parquet): "
            f"{str(error).splitlines()[0]}"
        ) from None
    if result.get("schema", 0) > SCHEMA:
        raise ValueError(
            f"{folder} was written by a newer version (schema {result['schema']}, this one reads {SCHEMA}); "
            f"update the package"
        )
    platform = read_platform(folder / result["platform"]["folder"]) if platform is None else platform
    if platform.content_hash != result["platform"]["hash"]:
        raise ValueError(
            f"the platform is not the one {folder} was computed for (its content hash differs); pass the right "
            f"one as platform="
        )
    try:
        allocation = _rebuilt(platform, _numbers(result), table["edge"].to_numpy(), table["impressions"].to_numpy())
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{folder} is damaged and cannot be rebuilt: {error}; compute it again") from None
    certificate, saved = allocation.certificate, _numbers(result["certificate"])
    allowed = 2 * (certificate.rounding + saved["rounding"])
    same = all(abs(getattr(certificate, name) - saved[name]) <= allowed for name in ("objective", "bound"))
    if not (same and certificate.feasible):
        raise ValueError(
            f"{folder} was changed after it was saved: its flow gives the objective {certificate.objective:.8g} "
            f"and the bound "
            f"{certificate.bound:.8g}, not {saved['objective']:.8g} and {saved['bound']:.8g}; compute it again"
        )
    return allocation


def _rebuilt(platform: Platform, result: dict[str, Any], edge: Any, impressions: Any) -> Allocation:
    objective, rules = (tuple(map(from_record, result[name])) for name in ("objective", "rules"))
    problem = Problem(platform, Objective(objective), rules)
    flow = np.zeros(platform.edge_count)
    flow[edge] = impressions
    flow.flags.writeable = False
    multipliers = [None if m is None else np.asarray(m, dtype=np.float64) for m in result["multipliers"]]
    return Allocation(
        problem, flow, multipliers, certify(problem, flow, multipliers), result["asked"], Run(**result["run"])
    )


def _replace(path: Path, write: Any) -> None:
    """Write beside the target and rename, so that a reader finds the old file or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _plain(entry: Any) -> Any:
    """JSON knows no infinity: it is written as the text "inf" or "-inf"."""
    if isinstance(entry, dict):
        return {k: _plain(v) for k, v in entry.items()}
    if isinstance(entry, list | tuple):
        return [_plain(v) for v in entry]
    if isinstance(entry, float) and not np.isfinite(entry):
        return "inf" if entry > 0 else "-inf"
    return entry


def _numbers(entry: Any) -> Any:
    """Undo `_plain`."""
    if isinstance(entry, dict):
        return {k: _numbers(v) for k, v in entry.items()}
    if isinstance(entry, list):
        return [_numbers(v) for v in entry]
    return float(entry) if entry in ("inf", "-inf") else entry
