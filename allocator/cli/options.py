"""The arguments and options that commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import allocator as al
from allocator.cli import completion
from allocator.cli.typed_rules import CONSTRAINTS
from allocator.rules.levels import YARDSTICKS


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"allocator {al.__version__}")
        raise typer.Exit


_LEVEL = f"LEVEL is a number, or yardstick:factor with one of the yardsticks {', '.join(YARDSTICKS)}, such as even:0.5."
_WHERE = "WHERE is attribute=value, such as tier=new:50; without it all anchors are meant. Repeatable."

Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
]
PresetName = Annotated[
    str,
    typer.Argument(
        metavar="PRESET",
        autocompletion=completion.preset,
        help=f"The platform to imitate: {', '.join(al.synthetic.PRESETS)}.",
    ),
]
NewFolder = Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write the platform.")]
PlatformFolder = Annotated[Path, typer.Argument(metavar="PLATFORM", help="A platform folder, as synth writes it.")]
ResultFolder = Annotated[Path, typer.Argument(metavar="RESULT", help="A result folder, as solve --out writes it.")]
TestFolder = Annotated[
    Path,
    typer.Argument(
        metavar="TEST",
        help="A platform folder of an independent sample of the same market, as import --by 'part(2, invoice)' writes "
        "beside the one that was solved; without --shrink.",
    ),
]
AnchorId = Annotated[
    str | None,
    typer.Argument(metavar="[ANCHOR]", help="The id of an anchor, as the platform has it; all anchors without it."),
]
Fairness = Annotated[
    str | None,
    typer.Option(
        metavar="WELFARE",
        autocompletion=completion.welfare,
        help="Welfare of the anchors that joins GMV: nash, maxmin, gini (mean x (1 - Gini)), entropy, concentration, "
        "alpha=X, X > 0 (alpha=1 is nash), cvar=X (mean of the worst-off share X), or one as Python writes it, such as "
        "\"CappedUtility('even:0.5')\".",
    ),
]
Of = Annotated[
    str | None,
    typer.Option(
        metavar="GOOD",
        autocompletion=completion.good,
        help="What the welfare is about: exposure (the default), gmv or an edge measure of the platform.",
    ),
]
Weight = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Relative weight of the welfare: 1 (the default) makes it as large as GMV at the even "
        "allocation, inf leaves welfare alone.",
    ),
]
Points = Annotated[
    int, typer.Option(min=1, metavar="N", help="Number of weights between the two ends, GMV alone and welfare alone.")
]
Capacity = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL", help=f"Impressions that an anchor can serve, in place of the platform's capacities. {_LEVEL}"
    ),
]
Cap = Annotated[
    list[str] | None,
    typer.Option(metavar="[WHERE:]LEVEL", help=f"The most impressions of an anchor, LEVEL as for --capacity. {_WHERE}"),
]
Floor = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[WHERE:]LEVEL", help=f"The fewest impressions of an anchor, LEVEL as for --capacity. {_WHERE}"
    ),
]
Rule = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        autocompletion=completion.rule,
        help='A rule as Python writes it, such as "HeadCap(top=10, share=0.3)", "GroupShare(\'firm\', at_most=0.2)", '
        '"Budget(total=5000, of=\'cost\')" or "FairnessAtLeast(Gini(), 100)"; soft=PRICE lets it be broken at a price. '
        f"There are {', '.join(CONSTRAINTS)}. Repeatable.",
    ),
]
Robust = Annotated[
    str | None,
    typer.Option(
        metavar="[MEASURE:]RADIUS:ANCHORS",
        help="Count GMV in the worst case, when the values of so many anchors at once fall by this part: 0.2:10; or by "
        "so many of an edge measure: standard_error:2:10.",
    ),
]
Solver = Annotated[
    str,
    typer.Option(
        metavar="NAME[:ENGINE]",
        autocompletion=completion.solver,
        help=f"auto, {', '.join(al.SOLVERS)}; an engine follows a colon, as in linear:pdlp.",
    ),
]
Solvers = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:ENGINE],...",
        autocompletion=completion.solvers,
        help=f"Solvers with commas between them: auto, {', '.join(al.SOLVERS)}. Without it all that optimise and can "
        "take the problem; beyond 300,000 edges conic and linear only where flow and prices cannot.",
    ),
]
RelativeGap = Annotated[float, typer.Option(metavar="X", help="The relative gap to prove.")]
Seconds = Annotated[
    float | None,
    typer.Option(min=0, metavar="X", help="Stop after this time with the best answer so far, where the solver can."),
]
Patience = Annotated[
    float,
    typer.Option(
        min=1, metavar="X", help="After this time nothing further is tried, and what is not known by then is said."
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where to save the result; without it nothing is saved.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result, or the error, as JSON on stdout, and nothing else there.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors and what --json asks for.")]
