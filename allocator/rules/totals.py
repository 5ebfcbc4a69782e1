"""What a flow brings: amounts of every good, computed once each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform

FloatArray = NDArray[np.float64]


class Totals:
    """A flow (E,) and the amounts of each good it brings to the anchors, computed once each."""

    def __init__(self, platform: Platform, flow: FloatArray | None):
        self.platform, self.flow = platform, flow
        self._amounts: dict[str, FloatArray] = {}

    @classmethod
    def even(cls, platform: Platform) -> Totals:
        """The amounts of the even flow, which itself is not written down (``flow`` is None)."""
        return cls.given(platform, {good: platform.even_amounts(good) for good in platform.goods})

    @classmethod
    def given(cls, platform: Platform, amounts: Mapping[str, FloatArray]) -> Totals:
        """Amounts (A,) of some goods, whatever flow brings them; of others nothing is known."""
        totals = cls(platform, None)
        totals._amounts |= amounts
        return totals

    def of(self, good: str) -> FloatArray:
        """Amount of a good per anchor, (A,)."""
        if good not in self._amounts:
            self._amounts[good] = self.platform.amounts(good, self.flow)
        return self._amounts[good]

    def times(self, parts: Mapping[str, float]) -> Totals:
        """The amounts of some goods, each times a number."""
        return Totals.given(self.platform, {good: part * self.of(good) for good, part in parts.items()})

    @cached_property
    def served(self) -> FloatArray:
        """Impressions of each segment that are sent to some anchor, (S,)."""
        return self.platform.into_segments(self.flow)
