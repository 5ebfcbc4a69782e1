"""What a policy is: from the view of a period to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.view import View

if TYPE_CHECKING:
    from allocator.dynamics.world import World

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decision:
    """The flow of a period and what is known of it.

    Attributes
    ----------
    flow : (E,) impressions / period on the edges of the world's platform
    relative_gap : float, optional
        Proved: no flow that keeps the period's rules has an objective that is better by more.
    relaxed : bool
        The period's rules could not be kept, and were changed as the policy says.
    failed : bool
        The policy found no flow, and the traffic was spread evenly.
    memory : what the policy wants to find in the next period's view
    """

    flow: FloatArray
    relative_gap: float | None = None
    relaxed: bool = False
    failed: bool = False
    memory: Any = None


class Policy:
    """A frozen dataclass that is called with a `View`; what it remembers goes through `Decision.memory`."""

    def check(self, world: World) -> None:
        """Refuse a world that the policy cannot decide for, before the first period."""

    def __call__(self, view: View) -> Decision:
        """Decide on the flow of a period."""
        raise NotImplementedError
