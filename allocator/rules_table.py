"""The table of rules for readers: meanings and formulas from the catalogue, solvers by asking each of them.

``python -m allocator.rules_table README.md`` writes it into the section "Rules" of a file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from allocator.graph import Platform
from allocator.problem import Problem
from allocator.rules import GMV, Constraint, Objective, RobustGMV
from allocator.rules.catalogue import CATALOGUE, form, parameters
from allocator.solvers import BASELINES, SOLVERS

HEADING = "## Rules\n"
COLUMNS = ("rule", "meaning", "formula", "solvers")


def rules_table() -> str:
    """The table in Markdown, a line per rule."""
    lines = [_line(COLUMNS), _line(("---",) * len(COLUMNS))]
    for name, entry in CATALOGUE.items():
        lines.append(_line((f"`{form(name, without=('soft',))}`", entry.meaning, entry.formula, _solvers(name))))
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _solvers(name: str) -> str:
    """Who takes the rule, and who takes it of GMV where those are others."""
    taking = _taking(name, "exposure")
    of_gmv = _taking(name, "gmv") if "of" in parameters(name) else taking
    return taking if of_gmv == taking else f"{taking}; of GMV {of_gmv}"


def _taking(name: str, good: str) -> str:
    """The solvers that optimise and support a problem with nothing but GMV and the rule."""
    rule = CATALOGUE[name].example(good)
    if isinstance(rule, Constraint):
        problem = Problem(_platform(), Objective((GMV(),)), (rule,))
    else:
        alone = isinstance(rule, GMV | RobustGMV)
        problem = Problem(_platform(), Objective((rule,) if alone else (GMV(), rule)))
    optimising = [solver for solver in SOLVERS if solver not in BASELINES]
    found = [solver for solver in optimising if SOLVERS[solver]().supports(problem) is None]
    return "all" if found == optimising else ", ".join(f"`{solver}`" for solver in found)


def _platform() -> Platform:
    """Two segments that reach three anchors each."""
    return Platform.from_edges(
        [0, 0, 0, 1, 1, 1],
        [0, 1, 2, 0, 1, 2],
        [3.0, 2.0, 1.0, 1.0, 2.0, 4.0],
        supply=[10.0, 20.0],
        measures={"relevance": [1.0, 0.5, 0.5, 0.5, 1.0, 1.0]},
        anchors={"tier": ["head", "new", "new"]},
    )


def rewritten(text: str) -> str:
    """A document with the table of its section "Rules" made anew; what stands around the table stays.

    Raises
    ------
    ValueError
        If there is no such section, or no table in it.
    """
    before, heading, after = text.partition(HEADING)
    lines = after.splitlines(keepends=True)
    start = next((k for k, line in enumerate(lines) if line.startswith("|")), None)
    end = next((k for k, line in enumerate(lines) if line.startswith("## ")), len(lines))
    if not heading or start is None or start >= end:
        raise ValueError("there is no section 'Rules' with a table; write the heading and a line that starts with |")
    stop = next(k for k in range(start, len(lines) + 1) if k == len(lines) or not lines[k].startswith("|"))
    return before + heading + "".join(lines[:start]) + rules_table() + "\n" + "".join(lines[stop:])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
