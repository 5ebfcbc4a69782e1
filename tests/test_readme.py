"""The README keeps its promises: its example runs, its tables list what exists, its commands are the ones that were
asked for.
"""

import re
import subprocess
from pathlib import Path

import pytest

import allocator as al
from allocator.rules import RULES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("certified")
    assert "anchor-17" in printed


def test_the_two_commands_do_all_the_set_up():
    commands = [line.strip() for line in README.splitlines() if line.startswith("    python3 -m venv")]
    assert commands == [
        "python3 -m venv .venv && .venv/bin/python -m pip install -e . && .venv/bin/python experiments/frontier.py",
        'python3 -m venv .venv && .venv/bin/python -m pip install -e ".[test]" && .venv/bin/python -m pytest',
    ]


def section(title):
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("title", "names"), [("Solvers", al.SOLVERS), ("Rules", RULES)])
def test_tables_list_exactly_what_exists(title, names):
    rows = [line for line in section(title).splitlines() if line.startswith("|")][2:]
    named = re.findall(r"`(\w+)(?:\(|`)", "".join(row.split("|")[1] for row in rows))
    assert set(named) - {"Nash"} == set(names)


def test_the_experiments_table_lists_exactly_the_scripts():
    assert set(re.findall(r"\[`(\w+\.py)`\]", section("Experiments"))) == {
        p.name for p in (ROOT / "experiments").glob("[!_]*.py")
    }


def test_links_and_figures_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_top_level_holds_nothing_else():
    allowed = {
        "pyproject.toml",
        "allocator",
        "experiments",
        "tests",
        "papers",
        "README.md",
        "LICENSE",
        "CITATION.cff",
        ".ci",
        ".gitignore",
    }
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= allowed


def test_versions_agree():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"version: {al.__version__}" in citation
    assert f'version = "{al.__version__}"' in project
    assert al.__version__ in section("Citing")
