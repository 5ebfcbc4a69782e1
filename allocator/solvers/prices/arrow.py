"""What preconditions conjugate gradients: the dual's second derivative as if segments answered one anchor at a time.

With D the diagonal of the segments' curvature in prices, voices with coordinates x_v add B_v x_v to the prices of a
good and have a second derivative S_v of their own, so the whole is close to B' D B + S. Coordinates of single anchors
are eliminated, anchor by anchor: what is left of D beside them is D S_1 / (D + S_1). Every other voice then solves its
own block, B_v' D B_v + S_v, by itself. Where two voices speak of the same anchor, the diagonal alone would take what
is said twice for two things.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from allocator.solvers.prices.contest import Point
from allocator.solvers.prices.dual import Dual

FloatArray = NDArray[np.float64]


def preconditioner(
    dual: Dual, point: Point, floor: FloatArray, free: NDArray[np.bool_]
) -> Callable[[FloatArray], FloatArray]:
    """The inverse of the approximation, on the free coordinates (N,); ``floor`` (N,) is added to its diagonal."""
    count, own = len(dual.goods), point.stiffness + floor
    alone, others = dual.parts[:count], list(zip(dual.voices, dual.parts, strict=True))[count:]
    bent = [(point.diagonal - point.stiffness)[part] for part in alone]
    inverse = [_inverse(d + own[part], free[part]) for d, part in zip(bent, alone, strict=True)]
    beside = [d * (1.0 - d * i) for d, i in zip(bent, inverse, strict=True)]
    blocks = [
        voice.block(np.maximum(beside[voice.good], 0.0), own[part], free[part], point.replies[count + k])
        for k, (voice, part) in enumerate(others)
    ]

    def apply(residual: FloatArray) -> FloatArray:
        found = np.zeros_like(residual)
        own_part = [i * residual[part] for i, part in zip(inverse, alone, strict=True)]
        said = [np.zeros(d.size) for d in bent]
        for (voice, part), block in zip(others, blocks, strict=True):
            felt = voice.gather(bent[voice.good] * own_part[voice.good])
            found[part] = block(np.where(free[part], residual[part] - felt, 0.0))
            said[voice.good] += voice.spread(found[part])
        for mine, i, d, price, part in zip(own_part, inverse, bent, said, alone, strict=True):
            found[part] = mine - i * d * price
        return found

    return apply


def _inverse(stiffness: FloatArray, free: NDArray[np.bool_]) -> FloatArray:
    return np.divide(1.0, stiffness, out=np.zeros_like(stiffness), where=free)
