"""The command line: every example of its grammar runs, every refusal is one sentence and an exit code."""

import csv
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import allocator as al
from allocator.archive import plain
from allocator.cli import app, grammar, reports
from allocator.rules.levels import YARDSTICKS
from allocator.wording import suggestion

SYNTH = "synth kuaishou --segments 120 --anchors 30 --seed 7 --out"


def call(line, **paths):
    """Run one command line; ``{name}`` stands for a path."""
    return CliRunner().invoke(app, [word.format(**paths) for word in shlex.split(line)])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "demo"
    assert call(SYNTH + " {demo}", demo=folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two shops with names that are hard to parse, one with a capacity, and an edge measure."""
    folder = tmp_path_factory.mktemp("tables") / "shop"
    platform = al.Platform.from_edges(
        [0, 0, 1],
        [0, 1, 1],
        [3.0, 1.0, 2.0],
        supply=[60.0, 40.0],
        capacity=[50.0, np.inf],
        observed=[60.0, 0.0, 40.0],
        measures={"watch": [1.0, 2.0, 1.0]},
        currency="EUR",
        period="week",
        anchors={"id": ["shop:7", "[b]shop:smile:[/b]"], "tier": ["old", "new"], "firm": ["", "observed"]},
    )
    al.write_platform(platform, folder)
    return folder


# --- what works ----------------------------------------------------------------------------------------------------


def test_synth_writes_the_platform_it_prints(tmp_path):
    ended = call(SYNTH + " {out}", out=tmp_path / "deep" / "demo")
    assert ended.exit_code == 0
    assert not ended.stderr
    platform = al.read_platform(tmp_path / "deep" / "demo")
    assert ended.stdout == f"{platform!r}\n"
    assert platform.content_hash == al.synthetic.kuaishou(120, 30, rng=np.random.default_rng(7)).content_hash


def test_every_preset_can_be_drawn(tmp_path):
    for preset in al.synthetic.PRESETS:
        assert call(f"synth {preset} --segments 40 --anchors 10 --out {{out}}", out=tmp_path / preset).exit_code == 0


SOLVES = [
    "solve {demo} --fairness nash --weight 0.3 --floor tier=new:50 --solver auto --relative-gap 1e-4 --out {out}",
    "solve {demo} --capacity observed:1.25 --floor observed:0.8 --out {out}",
    "solve {demo} --fairness maxmin --of gmv --weight inf --out {out}",
    "solve {demo} --fairness alpha=0.5 --solver conic:SCS --cap even:4 --cap tier=head:observed:2 --out {out}",
    "solve {demo} --solver linear:pdlp --floor tier=new:observed:0.8 --floor reach:0.001 --seconds 60 --out {out}",
    "solve {demo} --fairness nash --weight 0 --out {out}",
]


@pytest.mark.parametrize("line", SOLVES)
def test_solve_saves_a_certified_allocation(line, demo, tmp_path):
    ended = call(line, demo=demo, out=tmp_path / "result")
    assert ended.exit_code == 0, ended.output
    assert not ended.stderr
    allocation = al.Allocation.load(tmp_path / "result")
    assert allocation.status is al.Status.CERTIFIED
    assert f"{allocation.gmv:,.0f} RMB per day" in ended.stdout
    assert allocation.run.solver in ended.stdout


def test_the_command_line_states_the_problem_that_python_states(demo, tmp_path):
    call(SOLVES[0], demo=demo, out=tmp_path / "result")
    platform = al.read_platform(demo)
    problem = al.Problem(platform, al.GMV() + al.AlphaFair(1), [al.Floor(50, where=platform.anchors["tier"] == "new")])
    mine, loaded = al.solve(al.weighted(problem, 0.3)), al.Allocation.load(tmp_path / "result")
    assert repr(loaded.problem) == repr(mine.problem)
    one, other = loaded.certificate, mine.certificate
    assert abs(one.objective - other.objective) <= max(one.gap, other.gap)


def test_json_is_all_there_is_on_stdout(demo):
    ended = call("solve {demo} --capacity observed:1.25 --floor observed:0.95 --json --quiet", demo=demo)
    result = json.loads(ended.stdout)
    assert result["status"] == "CERTIFIED"
    assert result["gmv"] <= result["gmv_upper"]
    assert result["binding"]["Capacity"]["shadow_price"] > 0 > result["binding"]["Floor"]["shadow_price"]
    assert result["notices"] == list(al.read_platform(demo).notices)


def test_json_writes_infinities_as_text(demo):
    assert plain({"gap": float("inf"), "fairness": -float("inf"), "gmv": 1.0}) == {
        "gap": "inf",
        "fairness": "-inf",
        "gmv": 1.0,
    }
    ended = call("solve {demo} --fairness nash --weight inf --json", demo=demo)
    assert json.loads(ended.stdout, parse_constant=pytest.fail)["gmv_upper"] is None


def test_a_recipe_that_starves_is_lifted_off_zero_where_welfare_would_be_minus_infinity(demo):
    result = json.loads(call("solve {demo} --fairness nash --solver greedy --json", demo=demo).stdout)
    assert result["status"] == "FEASIBLE"
    assert float(result["fairness"]) > -float("inf")


def test_quiet_is_silent_and_works(demo, tmp_path):
    ended = call("solve {demo} --quiet --out {out}", demo=demo, out=tmp_path)
    assert (ended.exit_code, ended.output) == (0, "")
    assert al.Allocation.load(tmp_path).status is al.Status.CERTIFIED


def test_finite_capacities_are_kept_until_they_are_replaced(shop):
    best = {"": 150 + 10 + 80, "--capacity inf": 180 + 80, "--capacity capacity:0.5": 75 + 35 + 80}
    for option, gmv in best.items():
        assert json.loads(call(f"solve {{shop}} {option} --json", shop=shop).stdout)["gmv"] == pytest.approx(gmv)


def test_hard_names_and_other_goods(shop):
    names = ("--cap id=shop:7:20", "--floor 'id=[b]shop:smile:[/b]:50'", "--floor firm=:30", "--floor firm=observed:50")
    for option in names:
        ended = call(f"solve {{shop}} --fairness nash --of watch {option}", shop=shop)
        assert ended.exit_code == 0, ended.output
        assert "EUR per week" in ended.stdout


def test_notices_are_printed_as_they_are(tmp_path):
    platform = al.Platform.from_edges([0], [0], [1.0], supply=[1.0], anchors={"id": ["a", "[red]:smile:"]})
    al.write_platform(platform, tmp_path / "p")
    ended = call("solve {p} --fairness nash", p=tmp_path / "p")
    assert "[red]:smile:" in ended.stdout


def test_frontier_writes_table_rows_and_figure(demo, tmp_path):
    ended = call("frontier {demo} --fairness alpha=2 --points 3 --out {out}", demo=demo, out=tmp_path / "figures")
    assert ended.exit_code == 0, ended.output
    folder = tmp_path / "figures"
    assert {path.name for path in folder.iterdir()} == {"frontier.csv", "frontier.json", "frontier.png", "frontier.pdf"}
    assert (folder / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "frontier.pdf").read_bytes().startswith(b"%PDF")
    rows = json.loads((folder / "frontier.json").read_text(), parse_constant=pytest.fail)
    assert [row["weight"] for row in rows[:5]] == [0.0, 0.01, 1.0, 100.0, "inf"]
    assert [row["status"] for row in rows[:5]] == ["CERTIFIED"] * 5
    assert {"greedy", "even"} <= {row["solver"] for row in rows[5:]} <= set(al.SOLVERS)
    with (folder / "frontier.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["gmv"]) for row in table] == [row["gmv"] for row in rows]
    assert all(f"{row['gmv']:,.0f}" in ended.stdout for row in rows)


def test_the_same_frontier_gives_the_same_bytes(demo, tmp_path):
    for run in ("one", "two"):
        call("frontier {demo} --fairness maxmin --of gmv --points 1 --quiet --out {out}", demo=demo, out=tmp_path / run)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_frontier_without_baselines_and_files(demo, tmp_path):
    ended = call("frontier {demo} --points 1 --no-baselines --fairness maxmin --cap even:3 --json", demo=demo)
    rows = json.loads(ended.stdout)
    assert [row["weight"] for row in rows] == [0.0, 0.01, "inf"]
    assert rows[0]["gmv"] >= rows[2]["gmv"]


def test_frontier_names_the_points_it_could_not_solve(demo, monkeypatch):
    rows = al.frontier(al.Problem(al.read_platform(demo), al.GMV() + al.MaxMin()), [1.0]).rows
    rows[1] = {"weight": 1.0, "status": "FAILED", "reason": "the solver gave up [at once]"}
    monkeypatch.setattr(al, "frontier", lambda *_, **__: al.Frontier(rows, []))
    ended = call("frontier {demo} --no-baselines", demo=demo)
    assert ended.exit_code == 0
    assert "1: failed, the solver gave up [at once]" in ended.stdout


def test_progress_shows_on_a_terminal_only(demo, monkeypatch):
    assert "solving" not in call("solve {demo}", demo=demo).stderr
    monkeypatch.setattr(reports, "stderr", Console(stderr=True, force_terminal=True))
    assert "solving" in call("solve {demo}", demo=demo).stderr
    assert "solving" not in call("solve {demo} --quiet", demo=demo).stderr


# --- what is refused -----------------------------------------------------------------------------------------------

REFUSED = [
    ("synth kuaishu --out {out}", "did you mean 'kuaishou'"),
    ("synth kuaishou --segments 0 --out {out}", "segments must be at least 1"),
    ("synth kuaishou --segments many --out {out}", "--segments"),
    ("synth kuaishou --seed -1 --out {out}", "--seed"),
    ("synth kuaishou", "--out"),
    ("synth kuaishou --out {file}/demo", "nothing can be saved"),
    ("solve {demo} --solver lineer --out {out}", "did you mean 'linear'"),
    ("solve {demo} --solver linear:glopp --out {out}", "glop"),
    ("solve {demo} --fairness nash --solver flow --out {out}", "conic can take it"),
    ("solve {demo} --floor tiers=new:50 --out {out}", "did you mean 'tier'"),
    ("solve {demo} --floor tier=nw:50 --out {out}", "did you mean 'new'"),
    ("solve {demo} --floor id=anchor-1234:50 --out {out}", "no anchor has id=anchor-1234"),
    ("solve {demo} --floor appeal=much:50 --out {out}", "'much'"),
    ("solve {demo} --floor obsrved:0.8 --out {out}", "did you mean 'observed'"),
    ("solve {demo} --floor tier=new:obsrved:0.8 --out {out}", "did you mean 'observed'"),
    ("solve {demo} --floor tier=new --out {out}", "gives no level"),
    ("solve {demo} --floor tier=new:many --out {out}", "'many'"),
    ("solve {demo} --floor '' --out {out}", "not a number"),
    ("solve {demo} --floor nan --out {out}", "must be >= 0 for every anchor"),
    ("solve {demo} --cap=-3 --out {out}", "must be >= 0 for every anchor"),
    ("solve {demo} --floor inf --out {out}", "must be finite"),
    ("solve {demo} --capacity tier=new:50 --out {out}", "yardstick"),
    ("solve {demo} --fairness nahs --out {out}", "did you mean 'nash'"),
    ("solve {demo} --fairness alpha=two --out {out}", "'two'"),
    ("solve {demo} --fairness alpha=-1 --out {out}", "alpha must be"),
    ("solve {demo} --fairness nash --of watching --out {out}", "no edge measure 'watching' (it has exposure, gmv"),
    ("solve {demo} --fairness nash --weight -1 --out {out}", "relative weight"),
    ("solve {demo} --fairness nash --weight heavy --out {out}", "--weight"),
    ("solve {demo} --weight 2 --out {out}", "--fairness"),
    ("solve {demo} --of gmv --out {out}", "--fairness"),
    ("solve {demo} --relative-gap -1 --out {out}", "relative gap"),
    ("solve {demo} --seconds -1 --out {out}", "--seconds"),
    ("solve {demo} --cap 0 --fairness nash --out {out}", "minus infinity"),
    ("solve {demo} --colour red --out {out}", "--colour"),
    ("solve {demo} --out {file}", "nothing can be saved"),
    ("solve {demo} --out {file}/deep/result", "nothing can be saved"),
    ("solve {demo}x --out {out}", "did you mean 'demo'"),
    ("solve {file} --out {out}", "is a file"),
    ("solve {empty} --out {out}", "platform.json is missing"),
    ("frontier {demo} --points 0 --out {out}", "--points"),
    ("frontier {demo} --fairness nahs --out {out}", "did you mean 'nash'"),
    ("frontier {demo} --solver flow --out {out}", "conic can take it"),
    ("frontier {demo} --out {file}", "nothing can be saved"),
]
IMPOSSIBLE = [
    ("solve {demo} --floor 1e6 --out {out}", "lower the floor"),
    ("solve {demo} --fairness nash --floor tier=new:90 --cap 80 --out {out}", "above the cap"),
    ("frontier {demo} --floor reach:0.9 --points 2 --out {out}", "lower"),
]


CASES = [(*case, 2, "REFUSED") for case in REFUSED] + [(*case, 3, "INFEASIBLE") for case in IMPOSSIBLE]
CASES += [(f"{line} --json", *case) for line, *case in CASES if not line.startswith("synth")]


@pytest.mark.parametrize(("line", "words", "code", "status"), CASES)
def test_refusals_are_one_sentence(line, words, code, status, demo, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "empty").mkdir()
    places = {"demo": demo, "out": tmp_path / "out", "file": tmp_path / "file", "empty": tmp_path / "empty"}
    ended = call(line, **places)
    assert ended.exit_code == code, ended.output
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
    if "--json" in line:
        assert json.loads(ended.stdout) == {"error": ended.stderr.rstrip("\n"), "status": status}
    else:
        assert not ended.stdout


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (al.AllocationError(al.Status.FAILED, "the solver gave no answer"), 1, "the solver gave no answer"),
        (al.CertificateError("the objective exceeds its bound"), 1, "the objective exceeds its bound"),
        (OSError(28, "No space left on device", "result/x.parquet"), 1, "No space left on device: result/x.parquet"),
        (KeyError("the platform has no edge measure 'x'"), 2, "the platform has no edge measure 'x'"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failures_have_their_own_exit_codes(error, code, words, demo, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(al, "solve", fail)
    ended = call("solve {demo} --out {out}", demo=demo, out=tmp_path / "out")
    assert ended.exit_code == code
    assert ended.stderr.startswith(words)
    assert ended.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_frontier_that_cannot_be_drawn_leaves_the_old_one(demo, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "frontier.png")

    (tmp_path / "frontier.csv").write_text("old")
    monkeypatch.setattr(al.plots, "frontier", fail)
    ended = call("frontier {demo} --fairness maxmin --points 1 --no-baselines --out {out}", demo=demo, out=tmp_path)
    assert ended.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["frontier.csv"]
    assert (tmp_path / "frontier.csv").read_text() == "old"


# --- help ----------------------------------------------------------------------------------------------------------

PROBLEM = (
    "PLATFORM",
    "--fairness",
    "--of",
    "--capacity",
    "--cap",
    "--floor",
    "--rule",
    "SegmentFloor",
    "GroupShare",
    "--robust",
    "RADIUS",
    "--solver",
    "--relative-gap",
    "--out",
    "--json",
    "--quiet",
    "Finite capacities",
)
OPTIONS = {
    "": ("--version", "--install-completion", "--show-completion", "solve", "frontier", "Exit codes"),
    "synth": ("PRESET", "--segments", "--anchors", "--seed", "--out", "--json", "--quiet", "kuaishou"),
    "solve": (*PROBLEM, "--weight", "--seconds", "[WHERE:]LEVEL", "tier=new:50", *al.SOLVERS, *YARDSTICKS),
    "frontier": (*PROBLEM, "--points", "--baselines", "--no-baselines"),
    "describe": ("PLATFORM", "--out", "--json", "--quiet", "lorenz.csv"),
    "explain": ("RESULT", "ANCHOR", "--json", "--quiet"),
    "diagnose": ("--capacity", "--cap", "--floor", "--rule", "--seconds", "--json", "--quiet", "Finite capacities"),
    "cite": ("BibTeX", "--json", "--quiet"),
    "holdout": ("RESULT", "TEST", "--json", "--quiet", "part(2, invoice)"),
    "import_log": ("LOG...", "--segment", "--anchor", "--money", "--where", "--join", "--by", "--shrink", "--invalid"),
    "simulate": (
        *("PLATFORM", "--policy", "--mechanism", "--periods", "--runs", "--seed", "--discount", "--workers", "--out"),
        *(
            "--fairness",
            "--rule",
            "--floor",
            "--cap",
            "--json",
            "--quiet",
            "viable_floors",
            "starvation",
            "trajectory.csv",
        ),
    ),
    "compare": (*(word for word in PROBLEM if word not in ("--solver", "--out")), "--solvers", "--weight", "--seconds"),
}


@pytest.mark.parametrize("command", OPTIONS)
def test_help_mentions_every_option(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = call(f"{command.removesuffix('_log')} --help")
    assert ended.exit_code == 0
    text = " ".join(ended.output.split())
    assert [word for word in OPTIONS[command] if word not in text] == []


def test_every_command_is_in_the_help_test():
    assert {command.callback.__name__ for command in app.registered_commands} == set(OPTIONS) - {""}


def test_version():
    assert call("--version").stdout == f"allocator {al.__version__}\n"


def test_help_needs_no_heavy_library():
    heavy = ("matplotlib", "scipy", "cvxpy", "ortools", "pyarrow", "networkx", "ot", "numba", "pandas")
    script = f"import sys, allocator.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_program_is_installed():
    program = os.path.join(os.path.dirname(sys.executable), "allocator")
    ended = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout == f"allocator {al.__version__}\n"


def test_the_package_runs_as_the_program(demo):
    def run(*words):
        return subprocess.run([sys.executable, "-m", "allocator", *words], capture_output=True, text=True, check=False)

    assert run("--version").stdout == f"allocator {al.__version__}\n"
    assert "Usage: allocator solve" in run("solve", "--help").stdout
    ended = run("solve", str(demo), "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["status"] == "CERTIFIED"
    refused = run("solve", "nowhere")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1


# --- the grammar of bounds -----------------------------------------------------------------------------------------

numbers = st.floats(0, 1e12).map(repr)
levels = numbers | st.tuples(st.sampled_from(YARDSTICKS), numbers).map(":".join)
attributes = st.text(st.characters(exclude_characters=":=", exclude_categories=["Cs"]), min_size=1, max_size=8)
values = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(":="), max_size=12)


@given(levels)
def test_a_level_alone_is_for_everybody(level):
    assert grammar.bound(level) == (None, level)


@given(attributes, values, levels)
def test_bounds_are_read_as_they_are_written(attribute, value, level):
    where = f"{attribute}={value}"
    assume(not suggestion(where.rpartition(":")[2], YARDSTICKS) or ":" in level)
    assert grammar.bound(f"{where}:{level}") == (where, level)


@given(st.sampled_from(["new", "head"]), st.sampled_from(YARDSTICKS[:3]), st.floats(0, 2))
def test_a_typed_floor_is_the_floor_of_python(tier, yardstick, factor):
    platform = al.Platform.from_edges(
        [0, 0], [0, 1], [1.0, 2.0], supply=[9.0], observed=[4.0, 5.0], anchors={"tier": ["new", "head"]}
    )
    (typed,) = grammar.rules(platform, None, None, [f"tier={tier}:{yardstick}:{factor!r}"])
    mine = al.Floor(f"{yardstick}:{factor!r}", where=platform.anchors["tier"] == tier)
    assert typed.bind(platform).level.tolist() == mine.bind(platform).level.tolist()
