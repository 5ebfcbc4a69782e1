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
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    struck: list[int] = []

    def strike(number: int, frame: FrameType | None) -> None:
        struck.append(number)
        before(number, frame)

    def raise_anew() -> None:
        if struck:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, strike)
    try:
        yield raise_anew
    finally:
        signal.signal(signal.SIGINT, before)
