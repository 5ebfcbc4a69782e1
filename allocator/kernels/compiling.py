"""How passes are compiled: for one thread and for several, and kept on disk.

What is kept of a function is forgotten when its own file changes, so functions that call each other share one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FunctionType

from numba import njit

SMALL = 30_000
"""Below this many edges one thread is faster than waking the others; the result is the same bytes."""


def kept() -> bool:
    """Compiled code is kept beside this file where that can be written."""
    return os.access(os.path.dirname(os.path.abspath(__file__)), os.W_OK)


def compile_twice(function: FunctionType) -> Callable[[int], Callable]:
    """A pass compiled for one and for several threads, chosen by the number of edges."""
    alone = njit(cache=kept(), nogil=True)(function)
    together = njit(parallel=True, cache=kept(), nogil=True)(_renamed(function, f"{function.__name__}_together"))
    return lambda size: alone if size < SMALL else together


def _renamed(function: FunctionType, name: str) -> FunctionType:
    """The same function under another name: what is kept of compiled code is found by name, whatever the options."""
    same = FunctionType(function.__code__, function.__globals__, name, function.__defaults__, function.__closure__)
    same.__qualname__ = name
    return same
