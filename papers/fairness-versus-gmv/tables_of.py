"""The tables of the paper: rules from the package, closed forms against simulation, solvers from kept measurements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from press import booktabs

import floor_or_myopic
import solver_race
from _lab import pick
from allocator.dynamics import closed_forms
from allocator.rules.catalogue import CATALOGUE

Rows = list[dict[str, Any]]
RIVALS = {
    "simplex": "flow",
    "PDLP": "linear:pdlp",
    "HiPDLP": "linear:hipdlp",
    "GLOP": "linear:glop",
    "SCS": "conic:SCS",
    "Clarabel": "conic:CLARABEL",
    "Frank-Wolfe": "frank_wolfe",
}
"""Solvers beside `prices`, as the table calls them."""
LANES = ("GMV", "GMV + Nash")


def tables(rows: Mapping[str, Rows]) -> dict[str, str]:
    """The LaTeX of every table by the name of its file."""
    return {"rules": rules(), "closed": closed(rows), "race": race(rows["solver_race"])}


def rules() -> str:
    """Every rule with what it means and its formula, as the README has them."""
    lines = [(rf"\texttt{{{name}}}", plain(entry.meaning), plain(entry.formula)) for name, entry in CATALOGUE.items()]
    wide = r"l>{\raggedright\arraybackslash}p{85mm}>{\raggedright\arraybackslash}p{60mm}"
    return booktabs(["rule", "meaning", "formula"], lines, wide)


def plain(text: str) -> str:
    """Text of the README for LaTeX: code in a typewriter face, single letters with their indices and powers as such."""
    text = text.replace("z^(1-alpha)/(1-alpha)", r"$z^{1-\alpha}/(1-\alpha)$")
    text = re.sub(r"\b([A-Za-z])_([a-z])\b", r"$\1_\2$", text)
    text = re.sub(r"\^2", r"$^2$", text)
    text = re.sub(r"([%&#])", r"\\\1", text)
    text = re.sub(r"(?<=\w)_(?=\w{2})", r"\\_", text)
    text = text.replace("<=", r"$\le$").replace(">=", r"$\ge$").replace("- max", "$-$ max").replace("-sum", "$-$sum")
    return re.sub(r"`([^`]*)`", r"\\texttt{\1}", text)


def closed(rows: Mapping[str, Rows]) -> str:
    """What a formula says for which parameters, and what simulation finds, with its standard error if it has one."""
    lines = list(lines_of(rows))
    return booktabs(["a remedy pays, or is best, where", "for", "formula", "simulated"], lines, "llrr")


def lines_of(rows: Mapping[str, Rows]) -> Iterator[tuple[str, str, str, str]]:
    """The lines of the table of closed forms."""
    gaps = pick(rows["floor_or_myopic"], panel="gap", market="dear tail")
    for xi in (0.0, 0.5):
        found, error = floor_or_myopic.crossing(pick(gaps, xi=xi))
        star = floor_or_myopic.threshold("dear tail", xi)
        text = r"a floor for the tail: $\lambda>\frac\nu S(\frac1\rho-1)\frac{1-\delta}{\delta(1-\xi)}$"
        yield text, rf"$\frac\nu S=.1,\rho=.5,\delta=.95,\xi={xi:g}$", f"{star:.4f}", rf"{found:.4f}\,({error:.4f})"
    worth = {row["discount"]: row["worth"] for row in pick(rows["flywheel"], panel="worth", mu=0.03)}
    for discount in (0.9, 0.99):
        text = r"worth of an impression: $1+ra\kappa\delta/(1-\delta(1-\mu))$"
        formula = closed_forms.impression_value(discount)
        yield text, rf"$\mu=.03,\delta={discount:g}$", f"{formula:.4f}", f"{worth[discount]:.4f}"
    (needs,) = pick(rows["herding"], panel="needs", rooms=20, strength=1.6)
    about = r"$h=.8,\eta=1.6,n=20$"
    yield (
        r"evenness against lock-in: $\epsilon>1-1/(h\eta)$",
        about,
        f"{closed_forms.even_share_needed(0.8, 1.6):.4f}",
        f"{needs['prevention']:.4f}",
    )
    dissolves = closed_forms.even_share_to_dissolve(20, 0.8, 1.6)
    yield "evenness that dissolves a head", about, f"{dissolves:.4f}", f"{needs['cure']:.4f}"
    split = {row["winners"]: row for row in pick(rows["newcomer_survival"], panel="split")}
    for winners in (10.0, 40.0):
        share = 10.0 / winners
        kept = winners * share**2 / (1 + share**2)
        row = split[winners]
        text = r"survivors of floors $x$ of $10\nu$ in all: $\frac{10\nu}x\frac{x^2}{\nu^2+x^2}$"
        yield text, rf"$x={share:g}\,\nu$", f"{kept:.3f}", rf"{row['value']:.2f}\,({row['error']:.2f})"
    (best,) = pick(rows["head_cap"], panel="best", convexity=2.0, base=0.1, spill=0.0)
    text = r"cap on a head: $h^*=\left(\frac{1-\delta}{(m-1)\delta\lambda}\right)^{1/m}$"
    formula = closed_forms.best_cap(0.1, 2.0, 0.95)
    yield text, r"$m=2,\lambda=.1,\delta=.95$", f"{formula:.4f}", rf"{best['best']:.3f}\,({best['best_error']:.3f})"
    for row in pick(rows["trust"], panel="best"):
        if row["gamma"] in (1.5, 3.0):
            best_at = closed_forms.best_intensity(0.1, 0.4, row["gamma"])[0]
            text = r"selling intensity: $s^*=(r/(d(\gamma-1)))^{1/\gamma}$"
            yield text, rf"$r=.1,d=.4,\gamma={row['gamma']:g}$", f"{best_at:.4f}", f"{row['best']:.3f}"
    for length, since in ((365, 23), (30, 23)):
        (row,) = pick(rows["subsidy"], panel="left", length=length, since=since, decay=0.03)
        left = closed_forms.fans_after_subsidy(1.0, length, 0.03, since)
        text = r"fans left of a subsidy: $b(1-(1-\mu)^D)(1-\mu)^t$"
        yield text, rf"$b=1,\mu=.03,D={length},t={since}$", f"{left:.4f}", f"{row['fans']:.4f}"


def race(rows: Rows) -> str:
    """Seconds of prices, and how many times as long others take, over the two families."""
    found, lines = solver_race.medians(rows), []
    asked = [(lane, size) for lane in LANES for size in sorted({row["asked"] for row in pick(rows, lane=lane)})]
    for lane, size in asked:
        mine = [found[lane, family, size, "prices"] for family in "ZR" if (lane, family, size, "prices") in found]
        others = [_ratio(rows, found, (lane, size), solver) for solver in RIVALS.values()]
        if any(other != "" for other in others):
            lines.append((lane, f"{size:,}", _span(mine), *others))
    return booktabs(["problem", "edges", "prices (s)", *RIVALS], lines, "ll" + "r" * (1 + len(RIVALS)))


def _span(seconds: list[float]) -> str:
    low, high = min(seconds), max(seconds)
    return f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g}--{high:.2g}"


def _ratio(rows: Rows, found: Mapping[Any, float], about: tuple[str, int], solver: str) -> str:
    """A range of ratios; more than so many where a run was stopped."""
    lane, size = about
    known, stopped = [], []
    for family in "ZR":
        if (lane, family, size, "prices") not in found:
            continue
        unit = found[lane, family, size, "prices"]
        if (lane, family, size, solver) in found:
            known.append(found[lane, family, size, solver] / unit)
            continue
        for row in pick(rows, lane=lane, family=family, asked=size, solver=solver):
            limit = re.search(r"stopped after (\d+) s", row["status"])
            stopped += [float(limit.group(1)) / unit] if limit else []
    if stopped:
        return rf"$>{min([*known, *stopped]):.2g}$" if min([*known, *stopped]) < 100 else rf"$>{min(stopped):.0f}$"
    if not known:
        return ""
    low, high = (f"{end:.2g}" if end < 100 else f"{end:.0f}" for end in (min(known), max(known)))
    return low if low == high else f"{low}--{high}"
