"""The README keeps its promises: its example runs, its tables list what exists, its commands are the ones that were
asked for.
"""

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import allocator as al
from allocator.citation import AUTHOR, TITLE, YEAR
from allocator.cli import app
from allocator.rules import RULES
from allocator.rules.catalogue import CATALOGUE, SHORT, parameters
from allocator.rules_table import rewritten, rules_table
from allocator.tables.functions import FUNCTIONS

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
        'python3 -m venv .venv && .venv/bin/python -m pip install -e ".[test]" && .venv/bin/python -m pytest -n auto',
    ]


def section(title):
    return README.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(("title", "names"), [("Solvers", al.SOLVERS), ("Rules", RULES)])
def test_tables_list_exactly_what_exists(title, names):
    rows = [line for line in section(title).splitlines() if line.startswith("|")][2:]
    named = re.findall(r"`(\w+)(?:\(|`)", "".join(row.split("|")[1] for row in rows))
    assert set(named) - set(SHORT) == set(names)


def test_the_table_of_rules_is_the_one_that_code_makes():
    """Meanings and formulas from the catalogue, solvers by asking them: one command writes it, see Extending."""
    assert rules_table() in section("Rules")
    assert rewritten(README) == README
    assert "-m allocator.rules_table README.md" in section("Extending")


def test_a_table_is_made_anew_without_touching_what_stands_around_it():
    whole = "# x\n\n## Rules\n\nbefore\n\n| old |\n|---|\n| row |\n\nafter\n\n## Solvers\n\n| kept |\n"
    assert rewritten(whole) == whole.replace("| old |\n|---|\n| row |", rules_table())
    assert rewritten("## Rules\n| old |") == f"## Rules\n{rules_table()}\n"
    for none in ("# x\n", "## Rules\n\nno table\n", "## Rules\n\n## Solvers\n\n| kept |\n"):
        with pytest.raises(ValueError, match="section 'Rules'"):
            rewritten(none)


def test_the_catalogue_has_every_rule_and_its_examples_are_what_they_say():
    assert set(CATALOGUE) == set(RULES) | set(SHORT)
    for name, entry in CATALOGUE.items():
        assert entry.meaning
        assert entry.formula
        assert "|" not in entry.meaning + entry.formula
        assert type(entry.example("exposure")).__name__ == SHORT.get(name, (name,))[0]
        if "of" in parameters(name):
            assert entry.example("gmv").of == "gmv" or name == "Capacity"


def test_the_commands_about_rules_run_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    al.write_platform(al.synthetic.kuaishou(120, 30, rng=np.random.default_rng(7)), "demo")
    lines = [line.strip() for line in section("Rules").splitlines() if line.startswith("    .venv/bin/allocator")]
    assert len(lines) == 2
    for line in lines:
        ended = CliRunner().invoke(app, shlex.split(line)[1:])
        assert (ended.exit_code, ended.stderr) == (0, ""), line


@pytest.fixture
def sales(tmp_path, monkeypatch):
    """A folder with the log that the section on own data speaks of."""
    rng = np.random.default_rng(0)
    lines = ["customer,product,quantity,price,paid,invoice"]
    for k in range(400):
        product, price = ("85123A", "22423", "84879", "47566")[rng.integers(4)], f"{rng.lognormal(1):.2f}"
        lines.append(f"{rng.integers(30)},{product},{rng.integers(1, 5)},{price},{price},{k // 3}")
    lines += ["7,85123A,-1,2.50,-2.50,C1", ",22423,1,2.50,2.50,990"]
    (tmp_path / "sales.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_for_own_data_run_as_printed(sales):
    lines = [
        line.strip() for line in section("Your own data").splitlines() if line.startswith("    .venv/bin/allocator")
    ]
    assert [shlex.split(line)[1] for line in lines] == ["import", "describe", "solve", "explain", "explain", "compare"]
    for line in lines:
        ended = CliRunner().invoke(app, shlex.split(line)[1:])
        assert (ended.exit_code, ended.stderr) == (0, ""), line


def test_the_code_for_own_data_runs_as_printed(sales, capsys):
    (code,) = re.findall(r"```\n(.*?)```", section("Your own data"), re.DOTALL)
    clean = (sales / "sales.csv").read_text().splitlines()[:-2]
    (sales / "sales.csv").write_text("\n".join(clean) + "\n")
    exec(compile(code, "README.md", "exec"), {"al": al})
    assert capsys.readouterr().out.startswith("promised ")


def test_the_commands_and_the_code_for_time_run_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    platform = al.synthetic.kuaishou(120, 30, rng=np.random.default_rng(7))
    al.write_platform(platform, "demo")
    lines = [line.strip() for line in section("Over time").splitlines() if line.startswith("    .venv/bin/allocator")]
    assert [shlex.split(line)[1] for line in lines] == ["simulate"] * 2
    for line in lines:
        ended = CliRunner().invoke(app, shlex.split(line)[1:])
        assert (ended.exit_code, ended.stderr) == (0, ""), line
    own, plans = re.findall(r"```\n(.*?)```", section("Over time"), re.DOTALL)
    assert max(own.count("\n"), plans.count("\n")) <= 12
    exec(compile(own, "README.md", "exec"), {"al": al, "np": np, "platform": platform})
    assert capsys.readouterr().out.startswith("[{'policy': 'patient', 'against': 'youngest', 'difference': ")
    names = {"al": al, "np": np, "platform": platform}
    exec(compile(plans, "README.md", "exec"), names)
    assert capsys.readouterr().out.startswith("CampaignPlan(90 periods: GMV ")
    assert names["played"].discounted(0.99) == pytest.approx(names["plan"].gmv, rel=1e-9)


def test_every_mechanism_is_named_where_worlds_are_explained():
    assert [kind.__name__ for kind in al.dynamics.ORDER if f"`{kind.__name__}`" not in section("Over time")] == []


def test_the_code_for_markets_runs_as_printed_and_every_mechanism_of_them_is_named(capsys):
    (code,) = re.findall(r"```\n(.*?)```", section("Several platforms"), re.DOTALL)
    assert code.count("\n") <= 12
    exec(compile(code, "README.md", "exec"), {"al": al, "np": np})
    assert "{'douyin': " in capsys.readouterr().out
    assert [kind.__name__ for kind in al.market.ORDER if f"`{kind.__name__}`" not in section("Several platforms")] == []


def test_the_table_of_defects_names_options_and_functions_that_exist():
    table = [line for line in section("Your own data").splitlines() if line.startswith("|")]
    words = re.findall(r"`[^`]*`", "".join(table))
    known = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "200"}).output
    for option in {option for word in words for option in re.findall(r"--[a-z]+", word)}:
        assert option in known, option
    for name in {name for word in words for name in re.findall(r"(?<![.\w])([a-z]+)\(", word)}:
        assert name in FUNCTIONS, name


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


def test_what_the_readme_and_the_command_line_cite_is_the_same():
    (entry,) = re.findall(r"```bibtex\n(.*?)```", section("Citing"), re.DOTALL)
    assert CliRunner().invoke(app, ["cite"]).output == entry
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{TITLE}"' in citation
    assert f'name: "{AUTHOR}"' in citation
    assert f"year: {YEAR}" in citation
