"""An allocation: the flow, what it was computed for and by, and what is proved about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allocator.certificate import Certificate
from allocator.graph import Platform
from allocator.metrics import gini
from allocator.problem import Multipliers, Problem, Surplus
from allocator.rules import Totals
from allocator.wording import quantity

FloatArray = NDArray[np.float64]


class Status(Enum):
    """How a run ended; the values are the sentences people read."""

    CERTIFIED = "certified: the flow satisfies every rule and its proved gap is within what was asked"
    FEASIBLE = "feasible: the flow satisfies every rule, but its proved gap is larger than asked"
    INFEASIBLE = "infeasible: it is proved that no flow satisfies all rules"
    FAILED = "failed: no flow that satisfies every rule was found"


@dataclass(frozen=True)
class Run:
    """Who answered, how long it took, and what the solver itself says (a claim, not a proof)."""

    solver: str
    build_seconds: float
    solve_seconds: float
    iterations: int | None = None
    claim: str = ""
    repaired: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class Allocation:
    """A flow with its certificate; everything else is derived.

    Attributes
    ----------
    problem : Problem
    flow : (E,) impressions / period on every edge
    multipliers : one entry per term of the problem
    certificate : Certificate
    asked : float
        The relative gap that was asked for.
    run : Run
    """

    problem: Problem
    flow: FloatArray
    multipliers: Multipliers
    certificate: Certificate
    asked: float
    run: Run

    @property
    def status(self) -> Status:
        """What the certificate says about the flow."""
        if not self.certificate.feasible:
            return Status.FAILED
        return Status.CERTIFIED if self.certificate.relative_gap <= self.asked else Status.FEASIBLE

    @property
    def platform(self) -> Platform:
        return self.problem.platform

    @cached_property
    def totals(self) -> Totals:
        return Totals(self.platform, self.flow)

    @property
    def exposure(self) -> FloatArray:
        """Impressions of each anchor, (A,)."""
        return self.totals.of("exposure")

    @property
    def anchor_gmv(self) -> FloatArray:
        """GMV of each anchor, (A,), currency / period."""
        return self.totals.of("gmv")

    @property
    def gmv(self) -> float:
        """GMV of all anchors, currency / period."""
        return float(self.anchor_gmv.sum())

    @cached_property
    def surplus(self) -> Surplus:
        """The two numbers per anchor that explain the allocation: alpha (worth of GMV) and beta (bonus or price)."""
        return self.problem.surplus(self.multipliers)

    @cached_property
    def shadow_prices(self) -> dict[str, Any]:
        """Per rule that has a level, the change of the optimal objective in currency per unit of it: (A,) for bounds on
        anchors, (K,) for rules of K levels.

        Prices of a degenerate problem are not unique: at a kink, any of an interval is right.
        """
        pairs = zip(self.problem.labels, self.problem.terms, self.multipliers, strict=True)
        prices = {label: term.shadow_price(mine, self.totals, self.surplus) for label, term, mine in pairs}
        return {label: price for label, price in prices.items() if price is not None}

    def prices_of_rules(self) -> list[dict[str, Any]]:
        """The price of every rule, a row for each level that is felt; see `allocator.rule_prices.prices_of_rules`."""
        from allocator.rule_prices import prices_of_rules

        return prices_of_rules(self)

    def explain(self, anchor: Any) -> str:
        """A paragraph about one anchor (by id): what it gets, why, and what its rules cost."""
        from allocator.explain import explain

        return explain(self, anchor)

    def reasons(self, anchor: Any) -> dict[str, Any]:
        """The facts of `explain` as plain data; see `allocator.reasons.reasons`."""
        from allocator.reasons import reasons

        return reasons(self, anchor)

    def all_reasons(self) -> list[dict[str, Any]]:
        """The facts of every anchor, a row each; see `allocator.reasons.all_reasons`."""
        from allocator.reasons import all_reasons

        return all_reasons(self)

    def save(self, folder: str | Path) -> Path:
        """Write ``result.json`` and ``allocation.parquet`` to a folder, atomically; see `allocator.archive.save`."""
        from allocator.archive import save

        return save(self, Path(folder))

    @staticmethod
    def load(folder: str | Path, platform: Platform | None = None) -> Allocation:
        """Read a saved allocation and certify it anew; see `allocator.archive.load`."""
        from allocator.archive import load

        return load(Path(folder), platform)

    def __repr__(self) -> str:
        p = self.platform
        return (
            f"Allocation({self.status.name}: GMV {quantity(self.gmv)} {p.currency} per {p.period}, "
            f"Gini of exposure {gini(self.exposure):.3f}, {self.certificate}, "
            f"by {self.run.solver} in {self.run.build_seconds + self.run.solve_seconds:.2g} s)"
        )
