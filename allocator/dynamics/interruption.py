"""Ctrl-C during a run ends the run: a solver that hears it keeps it to itself, and answers with the best it has."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def heard(*, at_once: bool = True) -> Iterator[Callable[[], None]]:
    """Yield what raises KeyboardInterrupt if Ctrl-C was pressed since, even if somebody caught it meanwhile.

    Unless ``at_once`` nothing else does: who waits for processes holds locks that they need to end.
    """
    before, struck = signal.getsignal(signal.SIGINT), []
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return

    def strike(number: int, frame: FrameType | None) -> None:
        struck.append(number)
        if at_once:
            before(number, frame)

    def raise_if_interrupted() -> None:
        if struck:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, strike)
    try:
        yield raise_if_interrupted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def unheard() -> Iterator[None]:
    """Processes that are started within never hear Ctrl-C, where the system can do that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
