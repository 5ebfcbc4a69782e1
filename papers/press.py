"""From experiments to a paper: runs what is stale, writes numbers and tables, checks the source, builds the PDF.

A paper is a folder with ``paper.tex``, ``references.bib`` and a ``make.py`` that says which experiments it uses, and
what numbers and tables it takes from their rows. In the source ``\\val{name}`` is a number, ``\\made{script}`` says
where a figure is from; no number of the prose is typed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[1] / "experiments"
sys.path.append(str(SCRIPTS))
import _lab  # noqa: E402

INSTALL = "no TeX here: on Debian, apt install latexmk texlive-latex-recommended texlive-latex-extra"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Paper:
    """What a paper is made of.

    ``numbers`` and ``tables`` take the rows of every experiment by name, and give the text of every number by name, and
    the LaTeX of every table by the name of its file. They assert what the prose claims beyond what scripts assert.
    Rows of ``kept`` experiments, which hold times of one machine or need tables that not everybody has, lie in the
    folder ``kept``; ``--measure`` makes them anew, with the arguments given here.
    """

    folder: Path
    experiments: Sequence[str]
    numbers: Callable[[Mapping[str, Rows]], Mapping[str, str]]
    tables: Callable[[Mapping[str, Rows]], Mapping[str, str]]
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Trouble(Exception):
    """What stops a paper from being made; the text is for people."""


def main(paper: Paper) -> None:
    """Make a paper from the command line."""
    parser = argparse.ArgumentParser(description=f"Make {paper.folder.name} from its experiments.")
    parser.add_argument("--quick", action="store_true", help="small sizes, the same code")
    parser.add_argument("--seed", type=int, default=7, help="names all random streams (default 7)")
    parser.add_argument("--out", type=Path, help="folder of what is made (default build, or build-quick)")
    parser.add_argument("--jobs", type=int, default=2, help="experiments at a time (default 2)")
    parser.add_argument("--measure", action="store_true", help="make the kept rows anew, in full, one after the other")
    given = parser.parse_args()
    out = given.out or paper.folder / ("build-quick" if given.quick else "build")
    words = ["--seed", str(given.seed), *(["--quick"] if given.quick else [])]
    try:
        if given.measure:
            measure(paper, out)
        run(paper.experiments, out, words, given.jobs)
        for name in paper.kept:
            redraw(paper, name, out / name)
        made = write(paper, out, given.seed, quick=given.quick)
        problems = check((paper.folder / "paper.tex").read_text(encoding="utf-8"), paper.folder, out, made)
        if problems:
            raise Trouble("\n".join(problems))
        print(f"{len(made)} numbers, {len(paper.experiments)} experiments; the source is consistent")
        print(build(paper.folder, out))
    except Trouble as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: finished cells are kept, and the same command goes on from there.")


# Experiments.


def run(names: Sequence[str], out: Path, words: Sequence[str], jobs: int) -> None:
    """Run the experiments whose results are not those of this code and these arguments, some at a time."""
    state = _hash(words)
    stale = [name for name in names if not _fresh(out / name, name, state)]
    waiting, running, done = list(stale), {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _started(name, out / name, words), time.perf_counter()
            time.sleep(0.05)
            for name, (process, began) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[name]
                done += 1
                if process.returncode:
                    raise Trouble(f"{name}.py failed:\n{(out / name / 'log').read_text(encoding='utf-8')}")
                (out / name / "state").write_text(f"{state} {_own(name)}", encoding="utf-8")
                took = time.perf_counter() - began
                print(f"{name}.py: {took:.0f} s ({done} of {len(stale)})", file=sys.stderr, flush=True)
    finally:
        for process, _ in running.values():
            process.send_signal(signal.SIGINT)
            process.wait()


def measure(paper: Paper, out: Path) -> None:
    """Make the kept rows anew."""
    for name in paper.kept:
        run([name], out / "measured", paper.kept[name], 1)
        kept = paper.folder / "kept" / f"{name}.json"
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(out / "measured" / name / f"{name}.json", kept)


def redraw(paper: Paper, name: str, folder: Path) -> None:
    """The figure of kept rows, by its script."""
    script, record = importlib.import_module(name), _kept(paper, name)
    _lab.Lab(name, folder, record["arguments"]).finish(script.draw, record["rows"], columns=script.COLUMNS)


def _kept(paper: Paper, name: str) -> dict[str, Any]:
    """The record of a kept experiment, which is never one of small sizes."""
    record = json.loads((paper.folder / "kept" / f"{name}.json").read_text(encoding="utf-8"))
    if record["arguments"].get("quick"):
        raise Trouble(f"the kept rows of {name} are of small sizes; make them anew with --measure")
    return record


def _started(name: str, folder: Path, words: Sequence[str]) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state").unlink(missing_ok=True)
    with (folder / "log").open("w", encoding="utf-8") as log:
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), *words, "--out", str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def _hash(words: Sequence[str]) -> str:
    """Of the package, of what experiments share, of libraries and arguments."""
    shared = sorted(map(str, SCRIPTS.glob("_*.py")))
    known = json.dumps([_lab.sources(*shared), _lab.versions(), list(words)])
    return hashlib.blake2b(known.encode(), digest_size=12).hexdigest()


def _own(name: str) -> str:
    return hashlib.blake2b((SCRIPTS / f"{name}.py").read_bytes(), digest_size=12).hexdigest()


def _fresh(folder: Path, name: str, state: str) -> bool:
    kept = folder / "state"
    return kept.exists() and kept.read_text(encoding="utf-8") == f"{state} {_own(name)}"


# Numbers and tables.


def write(paper: Paper, out: Path, seed: int, *, quick: bool) -> set[str]:
    """Write ``numbers.tex`` and the tables; the names of all numbers."""
    results = {name: (out / name / f"{name}.json").read_text(encoding="utf-8") for name in paper.experiments}
    rows = {name: json.loads(text)["rows"] for name, text in results.items()}
    rows |= {name: _kept(paper, name)["rows"] for name in paper.kept}
    changed = "+" if _lab.git("status", "--porcelain") else ""
    commit = (_lab.git("rev-parse", "--short=10", "HEAD") or "unknown") + changed
    about = {"seed": str(seed), "commit": commit, "scale": "small sizes" if quick else "full sizes"}
    numbers = {**paper.numbers(rows), **about}
    lines = [rf"\expandafter\def\csname val@{name}\endcsname{{{text}}}" for name, text in sorted(numbers.items())]
    files = {"numbers.tex": "\n".join(lines) + "\n"}
    files |= {f"{name}.tex": table for name, table in paper.tables(rows).items()}
    for name, text in files.items():
        _lab.write(out / name, text.encode())
    return set(numbers)


def booktabs(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """A table in LaTeX."""
    head, *body = (rf"{' & '.join(cells)} \\" for cells in (columns, *rows))
    begin, end = rf"\begin{{tabular}}{{{align}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end, ""])


# The source.

TYPED = re.compile(
    r"\d|\b(?:four|five|six|seven|eight|nine|ten|(?<!Double )eleven|twelve|\w+teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?"
    r"|(?:four|fif|six|seven|eigh|nin|ten)ths?)\b",
    re.IGNORECASE,
)
"""A number, in digits or, from four on, in words."""
GIVEN = re.compile(r"(?:^|=)\s*(?:\.\d+|[2-9]|\d[\d.]+)")
"""In mathematics: a value that a letter has, and not a constant of a formula."""
SILENT = (
    r"(?<!\\)%.*",
    r"\\(?:label|ref|eqref|cite|citep|citet|includegraphics|input|bibliography|val|made|url|path|texttt|vspace)\*?(?:\[[^]]*\])*\{[^}]*\}",
    r"\\begin\{(?:equation|align|gather)\*?\}.*?\\end\{(?:equation|align|gather)\*?\}",
    r"\\\[.*?\\\]",
)
"""What is no prose: comments, references, verbatim names, displayed mathematics."""
INLINE = re.compile(r"(?<!\\)\$(.*?)(?<!\\)\$", re.DOTALL)


def check(source: str, folder: Path, out: Path, numbers: set[str]) -> list[str]:
    """What is wrong with the source of a paper, a sentence each: without TeX."""
    problems = []

    def lacking(what: str, used: Iterable[str], there: Iterable[str]) -> None:
        missing = sorted(set(used) - set(there))
        if missing:
            problems.append(f"{what}: {', '.join(missing)}")

    used = re.findall(r"\\val\{([^}]*)\}", source)
    lacking("numbers that nothing makes", used, numbers)
    lacking("numbers that nobody uses", numbers - {"seed", "commit", "scale"}, used)
    figures = re.findall(r"\\includegraphics(?:\[[^]]*\])?\{([^}]*)\}", source)
    lacking("figures that nothing makes", figures, [f for f in figures if (out / f).exists()])
    lacking("tables that nothing makes", *_tables(source, folder, out))
    labels = re.findall(r"\\label\{([^}]*)\}", source)
    lacking("references to nothing", re.findall(r"\\(?:eq)?ref\{([^}]*)\}", source), labels)
    floats = [name for name in labels if name.startswith(("fig:", "tab:"))]
    lacking("figures and tables that nobody refers to", floats, re.findall(r"\\ref\{([^}]*)\}", source))
    if len(labels) > len(set(labels)):
        problems.append(f"labels given twice: {', '.join(sorted({n for n in labels if labels.count(n) > 1}))}")
    cited = {k.strip() for keys in re.findall(r"\\cite[pt]?(?:\[[^]]*\])*\{([^}]*)\}", source) for k in keys.split(",")}
    known = re.findall(r"^@\w+\{([^,]+),", (folder / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)
    lacking("citations of nothing", cited, known)
    lacking("references that nobody cites", known, cited)
    problems += [f"a number typed into the prose: {line}" for line in typed(source)]
    return problems


def _tables(source: str, folder: Path, out: Path) -> tuple[list[str], list[str]]:
    asked = re.findall(r"\\input\{([^}]*)\}", source)
    return asked, [name for name in asked if (out / f"{name}.tex").exists() or (folder / f"{name}.tex").exists()]


def typed(source: str) -> list[str]:
    """Lines of the prose with numbers in them."""
    source = source.partition(r"\begin{document}")[2] or source
    for pattern in SILENT:
        flags = 0 if pattern.endswith(".*") else re.DOTALL
        source = re.sub(pattern, "", source, flags=flags)
    source = INLINE.sub(lambda found: " ".join(GIVEN.findall(found[1])), source)
    return [line.strip() for line in source.splitlines() if TYPED.search(line)]


# The PDF.


def build(folder: Path, out: Path) -> str:
    """Build the PDF where there is TeX; what was done, or what to install."""
    latexmk, pdflatex, bibtex = (shutil.which(name) for name in ("latexmk", "pdflatex", "bibtex"))
    if pdflatex is None or bibtex is None:
        return INSTALL
    out = out.resolve()
    paths = {"TEXINPUTS": f"{folder}:{out}:", "BIBINPUTS": f"{folder}:", "SOURCE_DATE_EPOCH": "0"}
    options = ["-interaction=nonstopmode", "-halt-on-error"]
    tex = [[pdflatex, *options, "paper.tex"]]
    steps = [[latexmk, "-pdf", *options, "paper.tex"]] if latexmk else [*tex, [bibtex, "paper"], *tex, *tex]
    shutil.copyfile(folder / "paper.tex", out / "paper.tex")
    for step in steps:
        ended = subprocess.run(step, cwd=out, env=os.environ | paths, capture_output=True, text=True, errors="replace")
        if ended.returncode:
            raise Trouble(f"{Path(step[0]).name} failed:\n{ended.stdout[-3000:]}")
    log = (out / "paper.log").read_text(encoding="utf-8", errors="replace")
    loose = re.findall(r"LaTeX Warning: (?:Reference|Citation).*", log)
    if loose:
        raise Trouble("\n".join(loose))
    return f"{out / 'paper.pdf'}"
