"""Papers from the code: what is stale runs, what the source lacks is named, numbers are never typed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAPERS = ROOT / "papers"
sys.path.insert(0, str(PAPERS))
import press  # noqa: E402

FOLDERS = sorted(path.parent for path in PAPERS.glob("*/make.py"))
SOUND = r"""
We see \val{gain} in Figure~\ref{fig:a} and Table~\ref{tab:b} \citep{one2020}.
\begin{figure}\includegraphics[width=\linewidth]{a/a.pdf}\caption{What. \made{a}}\label{fig:a}\end{figure}
\begin{table}\input{b}\label{tab:b}\end{table}
"""


@pytest.fixture
def made(tmp_path):
    """A folder of a paper, and one of what is made for it."""
    (tmp_path / "references.bib").write_text("@misc{one2020,\n  title = {One}\n}\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "b.tex").write_text("1 & 2")
    return tmp_path


def test_a_sound_source_has_no_problems(made):
    assert press.check(SOUND, made, made, {"gain", "seed", "commit", "scale"}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((r"\val{gain}", r"\val{gains}"), "numbers that nothing makes: gains"),
        ((r"\val{gain}", "much"), "numbers that nobody uses: gain"),
        (("{a/a.pdf}", "{a/b.pdf}"), "figures that nothing makes: a/b.pdf"),
        ((r"\input{b}", r"\input{c}"), "tables that nothing makes: c"),
        ((r"Figure~\ref{fig:a}", "the figure"), "figures and tables that nobody refers to: fig:a"),
        ((r"\ref{tab:b}", r"\ref{tab:c}"), "references to nothing: tab:c"),
        ((r"\label{tab:b}", r"\label{fig:a}"), "labels given twice: fig:a"),
        (("{one2020}", "{two2021}"), "citations of nothing: two2021"),
        ((r"\citep{one2020}", "before"), "references that nobody cites: one2020"),
        (("We see", "We see 4 %"), "a number typed into the prose: We see 4"),
    ],
)
def test_what_a_source_lacks_is_named(made, change, words):
    problems = press.check(SOUND.replace(*change), made, made, {"gain", "seed", "commit", "scale"})
    assert any(problem.startswith(words) for problem in problems), problems


def test_mathematics_names_and_comments_are_no_typed_numbers():
    assert press.typed(r"Where $x = 1$, see \ref{fig:2} in \texttt{a1.py}. % 3" + "\n\\[ y = 2 \\]") == []
    assert press.typed(r"Of $p=1/n+u$ and $y^{2m}$ one or two at $m>1$ or $x=\val{x}$") == []


@pytest.mark.parametrize("line", ["Half, or 0.5, of it", "Of forty a tenth", r"At $\delta=.9$", r"Below $10^{-9}$"])
def test_numbers_in_digits_words_and_mathematics_are_found(line):
    assert len(press.typed(line)) == 1


def test_tables_have_rules():
    assert press.booktabs(["a", "b"], [("1", "2")], "rr").split("\n") == [
        r"\begin{tabular}{rr}",
        r"\toprule",
        r"a & b \\",
        r"\midrule",
        r"1 & 2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]


def test_kept_rows_of_small_sizes_are_refused(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "race.json").write_text('{"arguments": {"quick": true}, "rows": []}')
    paper = press.Paper(tmp_path, (), lambda rows: {}, lambda rows: {}, {"race": ()})
    with pytest.raises(press.Trouble, match="the kept rows of race are of small sizes"):
        press.write(paper, tmp_path, 7, quick=False)


def make(folder, *words, **more):
    command = [sys.executable, str(folder / "make.py"), "--quick", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **more)


def test_the_template_is_made_once_and_then_kept(tmp_path):
    nowhere = os.environ | {"PATH": str(tmp_path)}  # no TeX, no git
    for first in (True, False):
        output, errors = make(PAPERS / "template", "--out", tmp_path / "out", env=nowhere).communicate(timeout=120)
        assert output.splitlines() == ["4 numbers, 1 experiments; the source is consistent", press.INSTALL], errors
        assert ("trust.py: " in errors) == first
    assert r"\csname val@seed\endcsname{7}" in (tmp_path / "out" / "numbers.tex").read_text()


def test_an_experiment_that_fails_is_shown_and_runs_again(tmp_path):
    out = tmp_path / "out"
    make(PAPERS / "template", "--out", out).communicate(timeout=120)
    (out / "trust" / "state").unlink()
    shutil.rmtree(out / "trust" / "cells")
    (out / "trust" / "cells").write_text("in the way")
    process = make(PAPERS / "template", "--out", out)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "trust.py failed" in errors
    assert not (out / "trust" / "state").exists()


def test_ctrl_c_stops_the_experiments_and_keeps_their_cells(tmp_path):
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell may have it ignored
    process = make(PAPERS / "template", "--out", tmp_path, start_new_session=True, preexec_fn=heard)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob("trust/cells/*.json")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors.strip().endswith("the same command goes on from there.")
    assert not (tmp_path / "trust" / "state").exists()
    assert list(tmp_path.glob("trust/cells/*.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_number_is_typed_into_a_paper(folder):
    assert press.typed((folder / "paper.tex").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_papers_use_scripts_that_exist(folder):
    scripts = re.findall(r"\\made\{([^}]*)\}", (folder / "paper.tex").read_text(encoding="utf-8"))
    assert scripts
    assert [name for name in scripts if not (ROOT / "experiments" / f"{name}.py").exists()] == []
