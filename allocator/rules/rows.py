"""Two plain forms in which a linear rule can be handed to a solver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

    def softened(self, price: float) -> Rows:
        """The same rows, each of which may be missed at a price per unit: a slack variable >= 0 joins every row."""
        from scipy.sparse import block_array, csr_array, eye_array

        if self.auxiliary is not None:
            raise ValueError("rows with variables of their own cannot be softened one by one")
        count = self.lower.size
        slack = eye_array(count, format="csr")
        signed = csr_array(slack * np.where(self.lower > -np.inf, 1.0, -1.0)[:, None])
        twice = {g: csr_array(block_array([[m], [csr_array(m.shape)]])) for g, m in self.coefficients.items()}
        return Rows(
            twice,
            np.concatenate((self.lower, np.zeros(count))),
            np.concatenate((self.upper, np.full(count, np.inf))),
            csr_array(block_array([[signed], [slack]])),
            np.full(count, -price),
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
