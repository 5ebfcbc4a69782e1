"""A platform on disk: a folder of three Parquet tables and a small ``platform.json``, written at once or not at all.

Edges name segments and anchors by position, counted from 0 in the order of ``segments.parquet`` and
``anchors.parquet``, as a Platform does: ids in their place would make the edges two to four times as slow to read.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform
from allocator.tables.errors import TableError, readable
from allocator.wording import some, suggestion

SCHEMA = 1
TABLES = ("edges", "segments", "anchors")
FILES = ("platform.json", *(f"{table}.parquet" for table in TABLES))
MAKERS = "allocator import or write_platform"
LIMITS = {"segments": "supply", "anchors": "capacity"}


def write_platform(platform: Platform, folder: str | os.PathLike) -> None:
    """Write a platform into a folder, replacing the platform that the folder holds.

    Parameters
    ----------
    platform : Platform
        Any platform; `read_platform` gives back equal content, down to the width of its text.
    folder : path
        New, empty, or written by this function before. Its parents are made.

    Raises
    ------
    TableError
        If the folder holds anything else, or if an attribute is called like the column of supplies or of capacities.
    OSError
        If it cannot be written. In any case one sentence, and what was there stays as it was.
    """
    _write({"": platform}, folder)


def write_platforms(platforms: Mapping[str, Platform], folder: str | os.PathLike) -> None:
    """Write the parts of a log into folders of their names below ``folder``, all or none, as `write_platform` does."""
    for name in platforms:
        if not name or name != Path(name).name or name in (".", ".."):
            raise TableError(f"the part '{name}' cannot name a folder; give parts other names, such as with left(...)")
    _write(platforms, folder)


def _write(platforms: Mapping[str, Platform], folder: str | os.PathLike) -> None:
    """Write platforms at their names below a folder, drawn up aside and then moved to its place."""
    target = Path(folder).resolve()
    contents = {name: _contents(platform) for name, platform in platforms.items()}
    draft = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    try:
        refuse_foreign(target, parts="" not in platforms)
        for name, tables in contents.items():
            (draft / name).mkdir(parents=True)
            for table, columns in tables.items():
                _write_table(columns, draft / name / f"{table}.parquet")
            about = json.dumps(_about(platforms[name]), indent=2, ensure_ascii=False)
            (draft / name / "platform.json").write_text(about + "\n", encoding="utf-8")
        _put(draft, target)
    except OSError as error:
        said = error.strerror or " ".join(str(error).split())
        raise OSError(f"the platform folder {folder} cannot be written ({said}); choose another folder") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_platform(folder: str | os.PathLike) -> Platform:
    """Read a platform that `write_platform` wrote, with ``folder`` set, and check its content against its hash.

    Raises
    ------
    TableError
        In one sentence naming the file: missing, truncated, of another kind, changed, or of a newer schema.
    """
    path = Path(folder)
    about = _read_about(path)
    tables = {name: _read_table(path / f"{name}.parquet") for name in TABLES}
    try:
        platform = _assemble(about, tables, path.absolute())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())[:200]
        raise TableError(f"the folder {path} does not hold a platform ({said}); write it again") from None
    if platform.content_hash != about["content_hash"]:
        raise TableError(f"the tables in {path} were changed since platform.json was written; write the platform again")
    return platform


def _contents(platform: Platform) -> dict[str, dict[str, NDArray]]:
    """Lay the platform out as tables of columns."""
    edges: dict[str, Any] = {"segment": platform.segment, "anchor": platform.anchor, "value": platform.value}
    if platform.observed is not None:
        edges["observed"] = platform.observed
    tables = {"edges": edges | dict(platform.measures)}
    for name, limit in LIMITS.items():
        attributes = getattr(platform, name)
        if limit in attributes:
            raise TableError(f"an attribute of {name} is called '{limit}', like the column of amounts; rename it")
        tables[name] = {"id": attributes["id"], limit: getattr(platform, limit), **attributes}
    return tables


def _about(platform: Platform) -> dict[str, Any]:
    """Describe the platform for platform.json; text widths are part of the content, and Parquet forgets them."""
    from allocator import __version__

    sizes = {"segments": platform.segment_count, "anchors": platform.anchor_count, "edges": platform.edge_count}
    kinds = {name: {key: array.dtype.str for key, array in getattr(platform, name).items()} for name in LIMITS}
    return {
        "schema": SCHEMA,
        "allocator": __version__,
        "currency": platform.currency,
        "period": platform.period,
        "sizes": sizes,
        "attributes": kinds,
        "content_hash": platform.content_hash,
    }


def _write_table(columns: dict[str, NDArray], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    plain = {name: array.tolist() if array.dtype.kind == "U" else array for name, array in columns.items()}
    parquet.write_table(pa.table(plain), path, compression="zstd")


def _put(draft: Path, target: Path) -> None:
    """Move the finished folder to its place; an older one steps aside first and returns if that fails."""
    if not target.exists():
        draft.rename(target)
        return
    aside = draft.with_suffix(".old")
    target.rename(aside)
    try:
        draft.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def refuse_foreign(folder: Path, *, parts: bool = False) -> None:
    """Refuse to replace anything but an empty folder, or one with a platform (with ``parts``: with platforms) and
    nothing else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise TableError(f"{folder} is a file; choose another folder")
    for one in sorted(folder.iterdir()) if parts else [folder]:
        if parts and not one.is_dir():
            raise TableError(f"{folder} holds other things than platforms ({one.name}); choose a new or empty folder")
        names = {entry.name for entry in one.iterdir()}
        if names and not ("platform.json" in names and names <= set(FILES)):
            what = min(names - set(FILES), default="no platform.json")
            raise TableError(f"{one} holds other things than a platform ({what}); choose a new or empty folder")


def _read_about(folder: Path) -> dict[str, Any]:
    """Read platform.json and refuse schemas of later versions."""
    path = folder / "platform.json"
    if folder.is_file():
        raise TableError(
            f"{folder} is a file and not the folder of a platform; allocator import or read_tables reads tables"
        )
    if not folder.is_dir():
        near = suggestion(folder.name, [p.name for p in folder.parent.iterdir()]) if folder.parent.is_dir() else ""
        raise TableError(f"there is no platform folder {folder}{near}; {MAKERS} makes one")
    if not path.is_file():
        parts = sorted(one.parent.name for one in folder.glob("*/platform.json"))
        if parts:
            raise TableError(f"{folder} is no platform: it holds the platforms {some(parts, 2)}; name one of them")
        raise TableError(f"{path} is missing: the folder does not hold a platform; {MAKERS} makes one")
    remedy = "write the platform again"
    with readable(str(path), remedy):
        text = path.read_bytes().decode()
    try:
        about = json.loads(text)
    except ValueError:
        raise TableError(f"{path} is damaged; {remedy}") from None
    schema = about.get("schema") if isinstance(about, dict) else None
    if not isinstance(schema, int) or schema < 1 or "content_hash" not in about:
        raise TableError(f"{path} does not describe a platform; {remedy}")
    if schema > SCHEMA:
        raise TableError(f"{path} has schema {schema}, but this version reads up to schema {SCHEMA}; upgrade allocator")
    return about


def _read_table(path: Path) -> Any:
    from pyarrow import parquet

    if not path.is_file():
        raise TableError(f"{path} is missing; write the platform again")
    remedy = "it is truncated or no Parquet file: write the platform again"
    with readable(str(path), remedy), parquet.ParquetFile(path) as file:
        return file.read()


def _assemble(about: dict[str, Any], tables: dict[str, Any], folder: Path) -> Platform:
    """Build the platform; whatever does not fit raises some ValueError, TypeError or KeyError."""
    edges = {name: tables["edges"][name].to_numpy() for name in tables["edges"].column_names}
    fields: dict[str, Any] = {"observed": edges.pop("observed", None), "folder": folder}
    fields |= {unit: about[unit] for unit in ("currency", "period")}
    for side, limit in LIMITS.items():
        fields[limit] = tables[side][limit].to_numpy()
        fields[side] = {name: _restored(tables[side][name], kind) for name, kind in about["attributes"][side].items()}
    segment, anchor, value = (edges.pop(name) for name in ("segment", "anchor", "value"))
    return Platform.from_edges(segment, anchor, value, measures=edges, **fields)


def _restored(column: Any, kind: str) -> NDArray:
    return np.array(column.to_pylist() if np.dtype(kind).kind == "U" else column.to_numpy(), dtype=kind)
