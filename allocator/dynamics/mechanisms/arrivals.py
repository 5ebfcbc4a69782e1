"""Arrivals: new anchors take the places of those who left, alone, through a firm, or trained by the government."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from allocator.dynamics.mechanism import Mechanism, Outcome
from allocator.dynamics.parameters import whole, within
from allocator.dynamics.state import State
from allocator.graph import Platform

FloatArray = NDArray[np.float64]
EMPLOYED = 3.62
"""Unemployment in 2019, per cent (s2)."""
MOST = 1e6
"""Newcomers a period and place that can still be drawn."""


@dataclass(frozen=True)
class Pathway:
    """A way of becoming an anchor.

    Parameters
    ----------
    name : str
    share : float in [0, 1]
        Of those who arrive. Assumption.
    skill : float >= 0
        Factor on the value of their impressions.
    fee : float in [0, 1]
        The part of earnings that a firm keeps.
    deceptive : float in [0, 1]
        Share of firms that leave nothing to their anchors; which they are nobody can see beforehand.
    training : int >= 0
        Periods after which what was learned counts, at least one.
    gain : float >= 0
        What training adds to skill.
    """

    name: str
    share: float
    skill: float = 1.0
    fee: float = 0.0
    deceptive: float = 0.0
    training: int = 0
    gain: float = 0.0

    def __post_init__(self) -> None:
        within(f"share of {self.name}", self.share, 0.0, 1.0, "the part of arrivals who come this way")
        within(f"skill of {self.name}", self.skill, 0.0, math.inf, "a factor on the value of impressions")
        within(f"fee of {self.name}", self.fee, 0.0, 1.0, "the part of earnings that a firm keeps")
        within(f"deceptive of {self.name}", self.deceptive, 0.0, 1.0, "the share of firms that leave nothing")
        within(f"gain of {self.name}", self.gain, 0.0, math.inf, "what training adds to skill")
        whole(f"training of {self.name}", self.training, 0, "periods of training")

    @property
    def wage(self) -> float:
        """What an impression leaves to an anchor of an honest firm, over what it leaves to one of skill 1."""
        return self.skill * (1.0 - self.fee)


INDEPENDENT = Pathway("independent", 0.5, skill=0.8)
"""One person does the work of three (s2); a fifth less value is an assumption."""
MCN = Pathway("mcn", 0.4, skill=1.2, fee=0.3, deceptive=0.2)
"""A firm's team of three to four (s2); a fifth more value, the fee and the share of deceptive firms are assumptions."""
TRAINED = Pathway("trained", 0.1, skill=0.8, training=20, gain=0.2)
"""Free government training of about 20 days (s2); what it adds is an assumption."""


@dataclass(frozen=True, eq=False)
class Arrivals(Mechanism):
    """Poisson(rate) newcomers a period; each takes a place that was vacant when the period began, drawn by lot, or is
    turned away. It brings no fans and is new in the sense of `Newcomers`. A place is an audience with its values, and
    keeps the attributes that the platform gives it (tier, firm, appeal): an assumption.

    Parameters
    ----------
    rate : float >= 0
        Newcomers a month, over the number of places; 3 % is an assumption.
    unemployment : float >= 0
        Per cent; arrivals grow as exp(response (unemployment - 3.62)): 3.62 in 2019, 6.2 in February 2020 (s2).
    response : float >= 0
        Assumption.
    pathways : tuple of Pathway
        Their shares add up to 1.
    firms : int
        Firms of each pathway, each honest or not for good.
    month : int
        Periods of a month.
    """

    rate: float = 0.03
    unemployment: float = EMPLOYED
    response: float = 0.2
    pathways: tuple[Pathway, ...] = (INDEPENDENT, MCN, TRAINED)
    firms: int = 25
    month: int = 30

    needs: ClassVar[tuple[str, ...]] = ("newcomer",)
    hidden: ClassVar[tuple[str, ...]] = ("honest", "wage")

    def __post_init__(self) -> None:
        within("rate", self.rate, 0.0, math.inf, "newcomers a month over the number of places")
        within("unemployment", self.unemployment, 0.0, 100.0, "the part of people without work, per cent")
        within("response", self.response, 0.0, math.inf, "how arrivals answer to a point of unemployment")
        whole("firms", self.firms, 1, "the number of firms of a pathway")
        whole("month", self.month, 1, "periods of a month")
        if self.per_place > MOST:
            raise ValueError("rate, unemployment and response together mean more than a million newcomers per place")
        if abs(sum(p.share for p in self.pathways) - 1.0) > 1e-9:
            raise ValueError(f"shares of pathways add up to {sum(p.share for p in self.pathways):g}; they must to 1")

    @property
    def per_place(self) -> float:
        """Newcomers a period whom chance brings on average, over the number of places."""
        growth = min(self.response * (self.unemployment - EMPLOYED), 700.0)  # exp knows no larger one
        return self.rate / self.month * math.exp(growth)

    def start(self, platform: Platform, rng: np.random.Generator) -> Mapping[str, Any]:
        """Which firms are honest (pathways, firms), and the ``pathway`` of every anchor, 0 for none."""
        bad = np.array([[p.deceptive] for p in self.pathways])
        honest = rng.random((len(self.pathways), self.firms)) >= bad
        return {"honest": honest, "pathway": np.zeros(platform.anchor_count)}

    def step(self, state: State, outcome: Outcome, rng: np.random.Generator) -> Mapping[str, Any]:
        """Who has come by the end of the period, and what training has taught those who came before."""
        stocks = self._learned(state)
        count = int(rng.poisson(self.per_place * outcome.exposure.size))
        if count == 0:
            return stocks
        lots, ways, firms = rng.random((3, outcome.exposure.size))
        vacant = np.flatnonzero(~outcome.view.present)
        coming = vacant[np.argsort(lots[vacant], kind="stable")][:count]
        way = np.searchsorted(np.cumsum([p.share for p in self.pathways])[:-1], ways[coming], side="right")
        honest = state["honest"][way, (firms[coming] * self.firms).astype(np.int64)]
        skills, wages = np.array([[p.skill, p.wage] for p in self.pathways]).T
        given = {"present": 1.0, "newcomer": 1.0, "pathway": way + 1.0}
        for name, entries in (given | {"skill": skills[way], "wage": wages[way] * honest}).items():
            stocks[name] = np.array(stocks.get(name, state[name]))
            stocks[name][coming] = entries
        return stocks

    def _learned(self, state: State) -> dict[str, FloatArray]:
        """Skills and wages with what training gives to those who have just ended it."""
        stocks: dict[str, FloatArray] = {}
        for k, path in enumerate(self.pathways):
            if not path.gain:
                continue
            done = (state["pathway"] == k + 1.0) & (state["age"] + 1.0 == max(path.training, 1))
            if done.any():
                paid = {"skill": 1.0, "wage": state["wage"] > 0}  # deceptive firms go on to leave nothing
                for name, gain in (("skill", path.gain), ("wage", path.gain * (1.0 - path.fee))):
                    stocks[name] = stocks.get(name, state[name]) + gain * done * paid[name]
        return stocks

    def columns(self, state: State, outcome: Outcome) -> Mapping[str, float]:
        """Newcomers who found a place in the period."""
        return {"came": float((state["present"] > outcome.view.state["present"]).sum())}
