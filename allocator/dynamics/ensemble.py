"""Many runs of a world: over policies and seeds, in one process or several, with the same bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.interruption import heard, unheard
from allocator.dynamics.parameters import whole
from allocator.dynamics.policies import Policy
from allocator.dynamics.simulation import simulate
from allocator.dynamics.trajectory import Trajectory
from allocator.dynamics.world import World
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
Runs = Mapping[tuple[str, int], Trajectory]
Report = Callable[[str], None] | None
NOW_AND_THEN = 0.05
"""Seconds between two times that a process tells of its periods."""
PATIENCE = 0.2
"""Seconds between two looks at what processes have done."""


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Trajectories by (name of the policy, seed); seeds strike all policies alike, so that differences are paired."""

    runs: Runs

    @property
    def policies(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.runs))

    @property
    def seeds(self) -> list[int]:
        return list(dict.fromkeys(seed for _, seed in self.runs))

    def under(self, policy: str) -> dict[int, Trajectory]:
        """The runs under a policy by seed."""
        if policy not in self.policies:
            raise ValueError(f"no runs of '{policy}'; there are {', '.join(self.policies)}")
        return {seed: run for (name, seed), run in self.runs.items() if name == policy}

    def paths(self, policy: str, column: str) -> FloatArray:
        """A column of all runs under a policy, (runs, T)."""
        return np.array([run[column] for run in self.under(policy).values()])

    def bands(self, column: str = "gmv", *, around: float = 0.9) -> list[dict[str, Any]]:
        """Rows for a fan chart: per policy and period the median and the range that holds a part ``around`` of runs.
        Policies without the column are left out.
        """
        rows, tails = [], (0.5 - around / 2, 0.5, 0.5 + around / 2)
        for policy in self.policies:
            if any(column not in run.columns for run in self.under(policy).values()):
                continue
            paths = self.paths(policy, column)
            method = "linear" if np.isfinite(paths).all() else "inverted_cdf"  # nothing lies between 1 and infinity
            quantiles = np.quantile(paths, tails, axis=0, method=method)
            for period, (low, middle, high) in enumerate(quantiles.T.tolist()):
                rows.append(
                    {"policy": policy, "period": period, "column": column, "low": low, "middle": middle, "high": high}
                )
        return rows

    def summary(self, *, discount: float, column: str = "gmv") -> list[dict[str, Any]]:
        """A row per policy: the discounted sum of a column with its standard error over seeds, and the means of its
        transient and of its steady state over the runs that reach one (see `Trajectory.settled`).
        """
        rows = []
        for policy in self.policies:
            mine = list(self.under(policy).values())
            sums = np.array([run.discounted(discount, column) for run in mine])
            parts = [run.summary(column) for run in mine]
            row = {"policy": policy, "runs": sums.size} | _estimate("discounted", sums)
            row["settled"] = sum(part["settled"] is not None for part in parts)
            for name in ("transient", "steady"):
                found = [part[name][column] for part in parts if name in part]
                row |= _estimate(name, np.array(found)) if found else {}
            rows.append(row)
        return rows

    def differences(self, against: str, *, discount: float, column: str = "gmv") -> list[dict[str, Any]]:
        """A row per other policy: how much its discounted sum exceeds that of one policy, seed by seed."""
        base = {seed: run.discounted(discount, column) for seed, run in self.under(against).items()}
        rows = []
        for policy in self.policies:
            if policy != against:
                pairs = [run.discounted(discount, column) - base[seed] for seed, run in self.under(policy).items()]
                rows.append({"policy": policy, "against": against} | _estimate("difference", np.array(pairs)))
        return rows

    def __repr__(self) -> str:
        return f"Ensemble({len(self.runs)} runs: {', '.join(self.policies)} x {len(self.seeds)} seeds)"


def ensemble(
    world: World,
    policies: Mapping[str, Policy],
    *,
    periods: int,
    seeds: Sequence[int],
    workers: int = 1,
    folder: str | Path | None = None,
    report: Report = None,
) -> Ensemble:
    """Play a world under every policy and seed.

    Parameters
    ----------
    world : World
    policies : mapping of name to Policy
    periods : int
    seeds : sequence of int
        Run ``seed`` is ``simulate(..., rng=numpy.random.default_rng(seed))``.
    workers : int
        Processes; the result is the same bytes whatever their number. They are started afresh (spawn), so a script
        that uses them needs ``if __name__ == "__main__":``.
    folder : path, optional
        Where finished runs are kept: after an interruption the same call goes on from there.
    report : callable, optional
        Receives a line of text per run and, within runs, per period or now and then.
    """
    whole("workers", workers, 1, "the number of processes")
    for seed in seeds:
        whole("a seed", seed, 0, "a random stream")
    jobs = [(name, int(seed)) for name in policies for seed in seeds]
    if len(set(jobs)) < len(jobs):
        raise ValueError("seeds must differ, so that no run counts twice")
    kept = {name: _kept(Path(folder), world, policies[name], periods) for name in policies} if folder else {}
    paths = {(name, seed): kept[name] / f"seed-{seed}.npz" for name, seed in jobs if name in kept}
    done = {job: Trajectory.load(path) for job, path in paths.items() if path.exists()}
    missing = [job for job in jobs if job not in done]
    told = None if report is None else lambda line: report(f"{len(done)} of {len(jobs)} runs played; {line}")
    with closing(_played(world, policies, periods, missing, workers, told)) as played:
        for job, run in played:
            done[job] = run
            if job in paths:
                run.save(paths[job])
            if report is not None:
                report(f"run {len(done)} of {len(jobs)}: {job[0]}, seed {job[1]}")
    return Ensemble({job: done[job] for job in jobs})


def _played(
    world: World,
    policies: Mapping[str, Policy],
    periods: int,
    jobs: Sequence[tuple[str, int]],
    workers: int,
    report: Report,
) -> Iterator[tuple[tuple[str, int], Trajectory]]:
    if workers == 1 or len(jobs) < 2:
        for name, seed in jobs:
            yield (name, seed), _run(world, policies[name], periods, seed, _within(report, f"{name}, seed {seed}"))
        return
    yield from _played_apart((world, dict(policies), periods), jobs, min(workers, len(jobs)), report)


def _played_apart(
    what: tuple[World, dict[str, Policy], int], jobs: Sequence[tuple[str, int]], workers: int, report: Report
) -> Iterator[tuple[tuple[str, int], Trajectory]]:
    """Runs played by processes, as they end."""
    context = get_context("spawn")
    played, stop = context.Value("q", 0), context.Event()
    ahead, waiting = iter(jobs), {}
    ready = (*what, played, stop)
    with heard(at_once=False) as raise_if_interrupted, ProcessPoolExecutor(workers, context, _remember, ready) as pool:
        try:
            while True:
                with unheard():
                    waiting |= {pool.submit(_recalled, *job): job for job in islice(ahead, 2 * workers - len(waiting))}
                raise_if_interrupted()
                if not waiting:
                    return
                ended, _ = wait(waiting, timeout=PATIENCE, return_when=FIRST_COMPLETED)
                if report is not None:
                    report(f"{played.value:,} of {what[2] * len(jobs):,} periods in {workers} processes")
                for future in ended:
                    yield waiting.pop(future), future.result()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)  # waits for a period of each process
            raise


def _within(report: Report, run: str) -> Report:
    return None if report is None else lambda line: report(f"{run}: {line}")


def _run(world: World, policy: Policy, periods: int, seed: int, report: Report) -> Trajectory:
    return simulate(world, policy, periods=periods, rng=np.random.default_rng(seed), report=report)


_MINE: dict[str, Any] = {}


def _remember(world: World, policies: Mapping[str, Policy], periods: int, played: Any, stop: Any) -> None:
    """What a worker process plays: sent once, not with every run. Ctrl-C is for the process that waits for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _MINE.update(world=world, policies=policies, periods=periods, played=played, stop=stop)


def _recalled(name: str, seed: int) -> Trajectory:
    _MINE.update(seen=0, told=0, after=0.0)
    run = _run(_MINE["world"], _MINE["policies"][name], _MINE["periods"], seed, _count)
    _tell()
    return run


def _count(line: str) -> None:
    """Count a period, and tell of them now and then, unless nobody waits for the run any more."""
    _MINE["seen"] += 1
    if time.perf_counter() >= _MINE["after"]:
        if _MINE["stop"].is_set():
            raise KeyboardInterrupt
        _tell()


def _tell() -> None:
    with _MINE["played"].get_lock():
        _MINE["played"].value += _MINE["seen"] - _MINE["told"]
    _MINE.update(told=_MINE["seen"], after=time.perf_counter() + NOW_AND_THEN)


def _estimate(name: str, sample: FloatArray) -> dict[str, float]:
    """Mean and standard error, which a single run does not tell: it is infinite."""
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size) if sample.size > 1 else math.inf
    return {name: float(sample.mean()), f"{name}_error": error}


def _kept(folder: Path, world: World, policy: Policy, periods: int) -> Path:
    """A folder of its own for every version of the package, world, policy and number of periods."""
    from allocator import __version__

    digest = hashlib.blake2b(digest_size=12)
    for part in _content([__version__, world, policy, periods]):
        digest.update(part)
    return folder / digest.hexdigest()


def _content(thing: Any) -> Iterator[bytes]:
    """Bytes that differ wherever two things differ, code included."""
    if isinstance(thing, Platform):
        yield thing.content_hash.encode()
    elif isinstance(thing, np.ndarray) and thing.dtype.kind != "O":
        yield f"{thing.dtype}{thing.shape}".encode() + np.ascontiguousarray(thing).tobytes()
    elif dataclasses.is_dataclass(thing):
        yield _code(type(thing))
        for field in dataclasses.fields(thing):
            yield field.name.encode()
            yield from _content(getattr(thing, field.name))
    elif isinstance(thing, Mapping):
        for name, entry in thing.items():
            yield str(name).encode()
            yield from _content(entry)
    elif isinstance(thing, list | tuple | range | np.ndarray):
        yield str(len(thing)).encode()
        for entry in thing:
            yield from _content(entry)
    else:
        said = repr(thing)
        if " at 0x" in said:
            raise ValueError(f"runs with {said} cannot be kept: write it as a dataclass, whose content is known")
        yield f"{type(thing).__name__} {said};".encode()


def _code(kind: type) -> bytes:
    """Where a class is from and, as far as it is known, what it does."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    return f"{kind.__module__}.{kind.__qualname__} {source}".encode()
