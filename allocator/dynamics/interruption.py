"""Ctrl-C during a run ends the run: a solver that hears it keeps it to itself, and answers with the best it has."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard() -> Iterator[Callable[[], None]]:
    """Yield what raises KeyboardInterrupt if Ctrl-C was pressed since, even if somebody caught it meanwhile."""
    struck: list[int] = []
    with _noted(struck, loud=True):
        yield lambda: _raise_if(struck)


@contextmanager
def held_back() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end only: half of a pool of processes cannot be ended. Those that are started
    meanwhile never hear Ctrl-C, where the system can do that.
    """
    struck: list[int] = []
    masks = hasattr(signal, "pthread_sigmask")
    with _noted(struck, loud=False):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else None
        try:
            yield
        finally:
            if before is not None:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _raise_if(struck)


@contextmanager
def _noted(struck: list[int], *, loud: bool) -> Iterator[None]:
    """Note Ctrl-C in a list, and do what was done about it before, or not. Only the main thread can."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def strike(number: int, frame: FrameType | None) -> None:
        struck.append(number)
        if loud:
            before(number, frame)

    signal.signal(signal.SIGINT, strike)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _raise_if(struck: list[int]) -> None:
    if struck:
        raise KeyboardInterrupt
