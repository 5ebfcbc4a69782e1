"""What a mechanism is: stocks, and one pure function to what they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from allocator.graph import Platform

if TYPE_CHECKING:
    from allocator.dynamics.state import State
    from allocator.dynamics.view import View

FloatArray = NDArray[np.float64]


class Served(NamedTuple):
    """A flow of impressions (E,), the exposure it brings to anchors and what that is worth at skill 1, each (A,), what
    it takes of every segment (S,), and the smallest of its entries and 0.
    """

    flow: FloatArray
    exposure: FloatArray
    worth: FloatArray
    taken: FloatArray
    least: float


class Audience(NamedTuple):
    """A stock of followers of each anchor that grows in proportion to its public impressions, a period at a time:
    ``followers`` now, of whom the part ``kept`` stays; how many an impression ``makes``, and what one ``buys``,
    currency; each (A,) but for the part.
    """

    followers: FloatArray
    kept: float
    makes: FloatArray
    buys: FloatArray


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one period brought.

    Attributes
    ----------
    view : View
    served : Served
        All public impressions, and what they brought.
    private_impressions, private_gmv : (A,)
    bought : (A,) how many of the public impressions anchors bought
    """

    view: View
    served: Served
    private_impressions: FloatArray
    private_gmv: FloatArray
    bought: FloatArray

    @property
    def flow(self) -> FloatArray:
        """Public impressions on every edge, (E,)."""
        return self.served.flow

    @property
    def exposure(self) -> FloatArray:
        """Public impressions of each anchor, (A,)."""
        return self.served.exposure

    @cached_property
    def public_gmv(self) -> FloatArray:
        """GMV of each anchor's public impressions, (A,)."""
        gmv = self.base_gmv
        for mechanism in self.view.world.mechanisms:
            premium = mechanism.premium(self.view, self.base_gmv)
            if premium is not None:
                gmv = gmv * premium
        return gmv

    @cached_property
    def base_gmv(self) -> FloatArray:
        """What it would be if no mechanism raised it (`Mechanism.premium`), (A,)."""
        return self.served.worth * self.view.selling

    @cached_property
    def gmv(self) -> FloatArray:
        """GMV of each anchor, (A,)."""
        return self.public_gmv + self.private_gmv


class Mechanism:
    """A frozen dataclass of parameters. Most override `start` and `step` alone; the other hooks say what viewers and
    teams do within a period, and what an impression is worth later.

    Hooks are pure: they take what they need and return arrays of their own.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of stocks of other mechanisms, without which it has no meaning."""
    hidden: ClassVar[tuple[str, ...]] = ()
    """Names of its stocks that policies do not see."""
    unplanned: ClassVar[str] = ""
    """Why nobody can plan for a world with it, if not because what it does is not linear in traffic."""

    def check(self, platform: Platform) -> None:
        """Refuse parameters that do not fit the platform."""

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """The mechanism's own stocks before the first period."""
        return {}

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """What stocks become by the end of a period; those not named stay. ``state`` is the one at its start, as the
        mechanisms before this one have left it.
        """
        return {}

    def traffic(self, state: State, platform: Platform) -> FloatArray | float | None:
        """Factor on the supply of a period, (S,) or one for all segments."""
        return None

    def factor(self, view: View) -> FloatArray | None:
        """Factor on the value of each anchor's impressions in a period, (A,)."""
        return None

    def premium(self, view: View, sold: FloatArray | None = None) -> FloatArray | None:
        """Factor on the value of each anchor's public impressions alone, (A,): what may be expected or, where it is
        known what they ``sold`` without any, (A,), what it comes to.
        """
        return None

    def bought(self, view: View) -> FloatArray | None:
        """Impressions (E,) that teams buy before the policy decides; they come out of the supply."""
        return None

    def unguided(self, view: View, rest: FloatArray, rng: np.random.Generator) -> FloatArray | None:
        """Where viewers go by themselves, (E,), with the ``rest`` (S,) of the supply that nobody guides."""
        return None

    def private(self, view: View) -> tuple[FloatArray, FloatArray] | None:
        """Impressions and GMV (A,) of the anchors' private traffic in a period."""
        return None

    def audience(self, view: View) -> Audience | None:
        """The followers whom it keeps, if it does."""
        return None

    def later(self, view: View, discount: float) -> FloatArray | None:
        """What one more public impression of each anchor now is worth in later periods like this one, (A,), currency:
        m followers buy b each in the next period and the part k of them stays, m b d (1 + d k + (d k)^2 + ...) at the
        discount factor d.
        """
        audience = self.audience(view)
        if audience is None:
            return None
        return audience.makes * audience.buys * discount / (1.0 - discount * audience.kept)

    def staying(self, view: View, discount: float) -> tuple[FloatArray, FloatArray] | None:
        """What a public impression of each anchor now is worth because the anchor stays for it, currency, and up to how
        many impressions it is, each (A,).
        """
        return None

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """What it adds to the row of a period."""
        return {}
