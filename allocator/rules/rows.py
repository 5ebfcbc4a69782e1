"""Two plain forms in which a linear rule can be handed to a solver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from allocator.rules.rule import Rule

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Box:
    """lower <= amounts of the good ``of`` <= upper, each (A,)."""

    of: str
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class Rows:
    """lower <= sum over goods of coefficients[good] @ amounts + auxiliary @ z <= upper, with ``cost @ z`` in the
    objective.

    ``coefficients`` maps goods to (K, A) scipy sparse arrays, and ``"edges"`` to a (K, E) one over the flow itself;
    ``auxiliary`` is (K, n) over free variables z (n,).
    """

    coefficients: Mapping[str, Any]
    lower: FloatArray
    upper: FloatArray
    auxiliary: Any = None
    cost: FloatArray | None = None

    def marginals(self, dual: FloatArray) -> dict[str, FloatArray]:
        """Raw marginals of the rule from the duals (K,) of its rows, dual = change of the optimum per unit of the
        bound.
        """
        return {good: -(matrix.T @ dual) for good, matrix in self.coefficients.items()}

    def softened(self, price: float, last: int | None = None) -> Rows:
        """The same rows, the ``last`` of which (None for all) may be missed at a price per unit, each by a slack
        variable >= 0 of its own; at an infinite price none is.
        """
        from scipy.sparse import block_array, csr_array, eye_array

        if price == np.inf:
            return self
        count = self.lower.size
        soft = np.arange(count - (count if last is None else last), count)
        sign = np.where(self.lower[soft] > -np.inf, 1.0, -1.0)
        slack = csr_array((sign, (soft, np.arange(soft.size))), shape=(count, soft.size))
        positive = eye_array(soft.size, format="csr")
        above = [] if self.auxiliary is None else [self.auxiliary]
        below = [csr_array((soft.size, matrix.shape[1])) for matrix in above]
        taller = {
            good: csr_array(block_array([[matrix], [csr_array((soft.size, matrix.shape[1]))]]))
            for good, matrix in self.coefficients.items()
        }
        return Rows(
            taller,
            np.append(self.lower, np.zeros(soft.size)),
            np.append(self.upper, np.full(soft.size, np.inf)),
            csr_array(block_array([[*above, slack], [*below, positive]])),
            np.append(np.zeros(0) if self.cost is None else self.cost, np.full(soft.size, -price)),
        )


@dataclass(frozen=True, eq=False)
class Boxes:
    """The common box of several box rules on one good, which remembers whose bound is the tight one."""

    rules: tuple[Rule, ...]
    boxes: tuple[Box, ...]
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def of(cls, good: str, rules: Iterable[Rule], anchors: int) -> Boxes:
        mine, boxes = [], []
        lower, upper = np.zeros(anchors), np.full(anchors, np.inf)
        for rule in rules:
            box = rule.box
            if box is not None and box.of == good:
                mine.append(rule)
                boxes.append(box)
                lower, upper = np.maximum(lower, box.lower), np.minimum(upper, box.upper)
        return cls(tuple(mine), tuple(boxes), lower, upper)

    @cached_property
    def bounded(self) -> NDArray[np.int64]:
        """Anchors with a floor above zero or a finite cap."""
        return np.flatnonzero((self.lower > 0) | (self.upper < np.inf))

    def marginals(self, p: FloatArray) -> list[FloatArray]:
        """Split the marginals (A,) of the common box: a cap's part (p < 0) to the lowest cap, a floor's to the highest
        floor.
        """
        shares, open_cap, open_floor = [], p < 0, p > 0
        for box in self.boxes:
            cap = open_cap & (box.upper == self.upper)
            floor = open_floor & (box.lower == self.lower)
            shares.append(np.where(cap | floor, p, 0.0))
            open_cap, open_floor = open_cap & ~cap, open_floor & ~floor
        return shares
