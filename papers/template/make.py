"""How hard should an anchor sell? A paper to start from: copy the folder, name your experiments, take your numbers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from press import Paper, booktabs, main


def best(rows):
    """Closed form and simulation of the best intensity, gamma by gamma."""
    return [row for row in rows["trust"] if row["panel"] == "best"]


def numbers(rows):
    return {"best": f"{best(rows)[0]['best']:.2f}"}


def tables(rows):
    lines = [(f"{row['gamma']:g}", f"{row['best']:.3f}") for row in best(rows)]
    return {"intensities": booktabs(["$\\gamma$", "intensity"], lines, "rr")}


if __name__ == "__main__":
    main(Paper(Path(__file__).parent, ["trust"], numbers, tables))
