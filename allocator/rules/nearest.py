"""Proximal maps: how the price solver asks a rule for amounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
EXTREME = 600.0
"""Logarithms of amounts beyond which numbers end."""


class Nearest(NamedTuple):
    """A proximal map of a concave F of z (n,): argmax of F(z) - D(z, centre) / step - x.z.

    With the divergence D = sum z ln(z / centre) - z + centre the map is one of q = ln(centre) - step x, which sees
    amounts of every size alike; rules that are ``plain`` take D = |z - centre|^2 / 2 and q = centre - step x.

    Attributes
    ----------
    amounts : (n,)
        z at the maximum.
    moved : (n,)
        ln(z) - q, or z - q: the step times a supergradient of F at z.
    derivative : callable
        That of z with respect to q, in a direction (n,).
    diagonal : (n,)
        Its diagonal.
    weight : float or None
        Where F is a level of some W: the multiplier of W, times the step.
    pool : (n,) or None
        Amounts of one pool are equal and move together.
    """

    amounts: FloatArray
    moved: FloatArray
    derivative: Callable[[FloatArray], FloatArray]
    diagonal: FloatArray
    weight: float | None = None
    pool: NDArray[np.int64] | None = None

    @classmethod
    def in_logs(
        cls, u: FloatArray, q: FloatArray, rise: Callable, diagonal: FloatArray, pool: NDArray[np.int64] | None = None
    ) -> Nearest:
        """From u = ln z, the derivative of u in a direction, and its diagonal."""
        z = np.exp(np.clip(u, -EXTREME, EXTREME))
        return cls(z, u - q, lambda direction: z * rise(direction), z * diagonal, pool=pool)

    @classmethod
    def where(cls, u: FloatArray, q: FloatArray, moves: NDArray[np.bool_]) -> Nearest:
        """From u = ln z where each follows its own q, or stands still."""
        return cls.in_logs(u, q, lambda direction: np.where(moves, direction, 0.0), moves.astype(np.float64))
