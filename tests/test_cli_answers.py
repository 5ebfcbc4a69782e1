"""Every command speaks to people, to machines and not at all; describe, explain and compare answer as Python does."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

import allocator as al
from allocator.cli import app, figures, grammar
from allocator.wording import quantity
from test_cli import call

EVERY = {
    "synth": "synth kuaishou --segments 40 --anchors 10 --out {out}",
    "solve": "solve {demo}",
    "frontier": "frontier {demo} --points 1 --no-baselines",
    "describe": "describe {demo}",
    "explain": "explain {result} anchor-3",
    "diagnose": "diagnose {demo} --floor tier=new:5",
    "holdout": "holdout {result} {other}",
    "import": "import {sales} --segment who --anchor host --money paid --out {out}",
    "compare": "compare {demo} --solvers flow,prices",
    "simulate": "simulate {demo} --periods 3 --runs 1",
    "cite": "cite",
}
"""One line per command that works; a new command needs one."""
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A platform folder, one of another sample, and a result folder."""
    home = tmp_path_factory.mktemp("answers")
    platform = al.synthetic.kuaishou(120, 30, rng=np.random.default_rng(7))
    al.write_platform(platform, home / "demo")
    al.write_platform(al.synthetic.kuaishou(120, 30, rng=np.random.default_rng(8)), home / "other")
    problem = al.Problem(al.read_platform(home / "demo"), al.GMV() + al.Nash(), [al.Floor(50, where="tier=new")])
    al.solve(al.weighted(problem, 0.1)).save(home / "result")
    (home / "sales.csv").write_text("who,host,paid\nann,7,2.50\nbo,8,4\n")
    return {"demo": home / "demo", "other": home / "other", "result": home / "result", "sales": home / "sales.csv"}


def asked(line, places):
    """The JSON that a line prints, and nothing else."""
    ended = call(f"{line} --json", **places)
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
    return json.loads(ended.stdout, parse_constant=pytest.fail)


# --- every command -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_to_people_to_machines_and_not_at_all(command, places, tmp_path):
    line = EVERY[command]
    for options, machine, silent in (("", 0, 0), ("--quiet", 0, 1), ("--json", 1, 0), ("--json --quiet", 1, 0)):
        ended = call(f"{line} {options}", **places, out=tmp_path / f"out{options}".replace(" ", ""))
        assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
        assert (ended.stdout == "") == silent
        if machine:
            assert json.loads(ended.stdout, parse_constant=pytest.fail)
        elif not silent:
            assert not ended.stdout.lstrip().startswith(("{", "["))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", ["--colour red", "one too many words"])
def test_every_command_refuses_in_one_sentence(command, wrong, places, tmp_path):
    for options in ("", "--quiet", "--json"):
        ended = call(f"{EVERY[command]} {options} {wrong}", **places, out=tmp_path / "out")
        assert ended.exit_code == 2
        assert ended.stderr.count("\n") == 1
        assert "Traceback" not in ended.output
        said = {"error": ended.stderr.rstrip("\n"), "status": "REFUSED"}
        assert ended.stdout == "" if options != "--json" else json.loads(ended.stdout) == said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "cite"])  # which reads nothing
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(5, "Input/output error", "edges.parquet"), "Input/output error: edges.parquet"),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe"),
        (MemoryError(), "there is not enough memory"),
        (ImportError("libsolver.so\nis missing"), "libsolver.so is missing"),
    ],
)
def test_every_command_fails_in_one_sentence(command, error, words, places, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise error

    for module, name in ((al, "read_platform"), (al, "write_platform"), (al.Allocation, "load")):
        monkeypatch.setattr(module, name, fail)
    for options in ("", "--json"):
        ended = call(f"{EVERY[command]} {options}", **places, out=tmp_path / "out")
        assert (ended.exit_code, ended.stderr) == (1, f"{words}\n")
        assert ended.stdout == "" if not options else json.loads(ended.stdout) == {"error": words, "status": "FAILED"}


def test_what_goes_into_a_pipe_is_not_folded(places, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    ended = call("explain {result} anchor-3", **places)
    assert ended.stdout.startswith(al.Allocation.load(places["result"]).explain("anchor-3") + "\n")
    assert all(line == line.rstrip() for line in ended.stdout.splitlines())


def test_synth_says_what_it_wrote(places, tmp_path):
    said = asked(f"synth kuaishou --segments 120 --anchors 30 --seed 7 --out {tmp_path / 'demo'}", {})
    assert said["content_hash"] == al.read_platform(places["demo"]).content_hash
    assert (said["segments"], said["anchors"], said["currency"]) == (120, 30, "RMB")


# --- holdout -------------------------------------------------------------------------------------------------------


def test_holdout_prints_what_python_says(places):
    allocation = al.Allocation.load(places["result"])
    found = al.holdout_gmv(allocation.platform, al.read_platform(places["other"]), allocation)
    said = asked("holdout {result} {other}", places)
    for name, number in said.items():
        assert getattr(found, name) == number
    assert {field.name for field in fields(found)} | {"promised_gain", "realised_gain", "survives"} == set(said)
    told = call("holdout {result} {other}", **places).stdout
    for gmv in (found.promised, found.realised, found.promised_covered, found.realised_covered):
        assert f" {quantity(gmv)}" in told
    for share in (f"{found.promised_gain:+.1%}", f"{found.realised_gain:+.1%}", f"{found.survives:.1%}"):
        assert share in told
    assert f"{found.covered:.1%}" in told


def test_one_log_is_imported_solved_and_judged_on_the_command_line(tmp_path):
    rng = np.random.default_rng(3)
    pairs = zip(rng.integers(0, 9, 900), rng.integers(0, 5, 900), rng.lognormal(size=900), strict=True)
    rows = [f"u{i},{j},{paid:.2f},{k}" for k, (i, j, paid) in enumerate(pairs)]
    (tmp_path / "log.csv").write_text("\n".join(["who,host,paid,invoice", *rows]))
    ask = "--segment who --anchor host --money paid --by 'part(2, invoice)' --out {halves}"
    places = {"log": tmp_path / "log.csv", "halves": tmp_path / "halves", "best": tmp_path / "best"}
    asked(f"import {{log}} {ask}", places)
    asked("solve {halves}/1 --capacity observed:1.25 --out {best}", places)
    itself = asked("holdout {best} {halves}/1", places)
    assert itself["survives"] == pytest.approx(1.0)
    assert itself["covered"] == 1.0
    other = asked("holdout {best} {halves}/2", places)
    assert other["promised"] == itself["promised"]
    assert other["survives"] < 1.0


def test_holdout_needs_samples_that_have_something_in_common(places, tmp_path):
    asked("import {sales} --segment who --anchor host --money paid --out {out}", places | {"out": tmp_path / "shop"})
    ended = call("holdout {result} {shop}", **places, shop=tmp_path / "shop")
    assert ended.exit_code == 2
    assert "share no pair" in ended.stderr


# --- describe ------------------------------------------------------------------------------------------------------


def test_describe_prints_what_python_says(places):
    found = al.describe(al.read_platform(places["demo"]))
    assert asked("describe {demo}", places) == json.loads(json.dumps(found.record()))
    told = call("describe {demo}", **places).stdout
    assert f"Gini {found.traffic.gini:.3f}" in told
    assert f"the top 1 % of anchors have {found.gmv.top_1_percent:.1%}" in told
    for name, groups in found.groups.items():
        assert f" {name} " in told
        for group in groups:
            assert f"{group.traffic_share:.1%}" in told
            assert (group.value or "(none)") in told


def test_describe_names_what_is_empty_and_what_is_made_up(tmp_path):
    platform = al.Platform.from_edges(
        [0, 0, 0], [0, 1, 2], [3.0, 1.0, 2.0], supply=[4.0, 0.0], capacity=[1.0, 1.0, np.inf, np.inf]
    )
    al.write_platform(platform, tmp_path / "p")
    told = call("describe {p}", p=tmp_path / "p").stdout
    words = ("none was observed", "1 anchors without edges, 1 segments without supply, 1 segments without edges")
    counting = "serves at most 3 anchors, 2 of them behind full capacities; 1 get nothing"
    for word in (*words, counting, "even GMV", "1 anchors have no edges", "nowhere worth the most"):
        assert word in told


def test_describe_draws_the_lorenz_curves_of_its_table(places, tmp_path):
    for run in ("one", "two"):
        asked(f"describe {{demo}} --out {tmp_path / run}", places)
    assert {p.name for p in (tmp_path / "one").iterdir()} == {"lorenz.csv", "lorenz.png", "lorenz.pdf"}
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    with (tmp_path / "one" / "lorenz.csv").open(newline="") as file:
        table = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    found = al.describe(al.read_platform(places["demo"]))
    assert len(table) == found.anchors + 1
    for name in ("traffic", "gmv"):
        curve = [row[name] for row in table]
        even = [row["population"] for row in table]
        area = np.trapezoid(np.subtract(even, curve), even)
        assert 2 * area == pytest.approx(getattr(found, name).gini)


def test_a_curve_that_cannot_be_drawn_leaves_the_old_one(places, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "lorenz.png")

    (tmp_path / "lorenz.csv").write_text("old")
    monkeypatch.setattr(figures.al.plots, "lorenz", fail)
    assert call(f"describe {{demo}} --out {tmp_path}", **places).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lorenz.csv"]
    assert (tmp_path / "lorenz.csv").read_text() == "old"


# --- explain -------------------------------------------------------------------------------------------------------


WORTHLESS = {
    "nothing is worth anything": ([0.0, 0.0, 0.0], "although nobody is worth more in some segments: nothing is worth"),
    "only somebody else's segment is": ([0.0, 0.0, 2.0], "although nobody is worth more in some segments: nothing is"),
    "one of two segments is not": (
        [0.0, 2.0, 0.0],
        "In segment 0 nobody is worth more: nothing is worth showing there",
    ),
}


@pytest.mark.parametrize("case", WORTHLESS)
def test_where_nobody_is_shown_no_traffic_went_to_others(case, tmp_path):
    value, words = WORTHLESS[case]
    platform = al.Platform.from_edges([0, 1, 1], [0, 0, 1], value, supply=[5.0, 5.0], observed=[1.0, 1.0, 1.0])
    al.write_platform(platform, tmp_path / "p")
    asked("solve {p} --out {r}", {"p": tmp_path / "p", "r": tmp_path / "r"})
    told = call("explain {r} 0", r=tmp_path / "r").stdout
    assert words in told
    assert "went to others" not in told


def test_where_equals_are_shown_the_traffic_went_to_others(tmp_path):
    platform = al.Platform.from_edges([0, 0], [0, 1], [1.0, 1.0], supply=[5.0])
    al.write_platform(platform, tmp_path / "p")
    allocation = al.solve(al.Problem(al.read_platform(tmp_path / "p"), al.GMV()), solver="greedy")
    loser = int(np.argmin(allocation.exposure))
    assert allocation.exposure[loser] == 0
    assert "nobody is worth more in some segments, yet the traffic there went to others." in allocation.explain(loser)


def test_explain_prints_what_python_says(places):
    allocation = al.Allocation.load(places["result"])
    facts = asked("explain {result} anchor-3", places)
    assert facts.pop("words") == allocation.explain("anchor-3")
    assert facts == json.loads(json.dumps(allocation.reasons("anchor-3")))
    told = call("explain {result} anchor-3", **places).stdout
    assert all(row["segment"] in told for row in (*facts["shown"][:5], *facts["missed"][:5]))


@pytest.mark.parametrize("ids", [[7, 30, 5], ["7", "007", "seven"], [7.7, 1.5, 2.0]])
def test_ids_are_typed_as_they_are_written(ids, tmp_path):
    star = al.synthetic.star([3.0, 2.0, 1.0])
    platform = al.Platform(star.indptr, star.anchor, star.value, star.supply, anchors={"id": ids})
    al.solve(al.Problem(platform, al.GMV())).save(tmp_path)
    for identity in platform.anchors["id"].tolist():
        assert grammar.anchor(platform, str(identity)) == identity
        assert asked(f"explain {{out}} {identity}", {"out": tmp_path})["anchor"] == identity
    for words in ("no anchor has the id 77", "did you mean"):
        ended = call("explain {out} 77", out=tmp_path)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert words in ended.stderr


def test_explain_refuses_what_is_no_result(places, tmp_path):
    for folder in (places["demo"], tmp_path / "nowhere"):
        ended = call("explain {folder} anchor-3", folder=folder)
        assert ended.exit_code == 2
        assert "does not hold a readable result" in ended.stderr


# --- diagnose ------------------------------------------------------------------------------------------------------


def test_diagnose_says_what_clashes_and_ends_with_3(places):
    rules = "--floor even:0.9 --rule \"GroupShare('tier=new', at_least=0.9)\""
    told = call(f"diagnose {{demo}} {rules}", **places)
    assert told.exit_code == 3
    assert "cannot be kept together" in told.stdout
    assert "The least change found" in told.stdout
    machine = call(f"diagnose {{demo}} {rules} --json", **places)
    assert machine.exit_code == 3
    found = json.loads(machine.stdout)
    problem = al.Problem(
        al.read_platform(places["demo"]), al.GMV(), [al.Floor("even:0.9"), al.GroupShare("tier=new", at_least=0.9)]
    )
    assert found["conflict"] == al.diagnose(problem).record()["conflict"]
    assert found["proved"] is True
    assert "\n".join(found["words"]) == told.stdout.rstrip("\n")


# --- compare -------------------------------------------------------------------------------------------------------


def test_compare_states_the_problem_that_solve_states(places):
    rules = "--fairness nash --weight 0.1 --floor tier=new:50"
    (row,) = asked(f"compare {{demo}} --solvers prices {rules}", places)
    solved = asked(f"solve {{demo}} --solver prices {rules}", places)
    assert [row[name] for name in ("gmv", "gap", "status")] == [solved[name] for name in ("gmv", "gap", "status")]


def test_compare_shows_every_solver_with_its_numbers_or_its_reason(places):
    told = call("compare {demo} --fairness nash --solvers 'prices, flow,greedy'", **places).stdout
    rows = asked("compare {demo} --fairness nash --solvers prices,flow,greedy", places)
    assert [row["solver"] for row in rows] == ["prices", "flow", "greedy"]
    assert f"flow: {rows[1]['reason']}" in told
    assert f"{rows[0]['gmv']:,.0f}" in told
    assert "against the bound that prices proved" in told
    default = {row["solver"] for row in asked("compare {demo} --fairness maxmin --relative-gap 1e-3", places)}
    assert {"linear", "conic"} <= default <= set(al.SOLVERS)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("--solvers flow,prizes", 2, "did you mean 'prices'"),
        ("--solvers ,", 2, "--solvers names no solver"),
        ("--weight 2", 2, "--fairness"),
        ("--seconds 0", 2, "time limit"),
        ("--solvers flow --fairness nash", 2, "conic can take it"),
        ("--solvers flow,prices --floor 1e9", 3, "lower the floor"),
    ],
)
def test_compare_refuses_where_there_is_nothing_to_compare(options, code, words, places):
    ended = call(f"compare {{demo}} {options}", **places)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert words in ended.stderr


def test_a_comparison_in_which_all_fail_fails(places, monkeypatch):
    rows = [{"solver": "flow", "status": status, "reason": f"{status} is why"} for status in ("UNSUPPORTED", "FAILED")]
    monkeypatch.setattr(al, "compare", lambda *_, **__: rows)
    ended = call("compare {demo}", **places)
    assert (ended.exit_code, ended.stderr) == (1, "FAILED is why\n")


# --- completion ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("synth k", {"kuaishou"}),
        ("synth ", set(al.synthetic.PRESETS)),
        ("solve demo --solver pr", {"prices", "proportional"}),
        ("frontier demo --fairness al", {"alpha=0.5", "alpha=1", "alpha=2"}),
        ("solve demo --of ", {"exposure", "gmv"}),
        ("compare demo --solvers flow,pr", {"flow,prices", "flow,proportional"}),
        ("compare demo --solvers prices,pr", {"prices,proportional"}),
        ("expl", {"explain"}),
    ],
)
def test_a_shell_is_offered_the_names(words, offered):
    typed = f"allocator {words}"
    variables = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    program = os.path.join(os.path.dirname(sys.executable), "allocator")
    environment = os.environ | variables | {"_ALLOCATOR_COMPLETE": "complete_bash"}
    ended = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert set(ended.stdout.split()) == offered


def test_the_completion_of_every_shell_can_be_shown():
    program = os.path.join(os.path.dirname(sys.executable), "allocator")
    # Which shell it is asked from must not matter: typer takes the name as an argument instead of looking for one.
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    for shell in ("bash", "zsh", "fish"):
        command = [program, "--show-completion", shell]
        ended = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        assert "_ALLOCATOR_COMPLETE" in ended.stdout


def test_a_reason_for_every_anchor(places, tmp_path):
    allocation = al.Allocation.load(places["result"])
    assert asked("explain {result}", places) == json.loads(json.dumps(allocation.all_reasons()))
    told = call("explain {result} --out {out}", **places, out=tmp_path / "why").stdout
    counts = [int(line.split()[0].replace(",", "")) for line in told.splitlines()]
    assert sum(counts) == allocation.platform.anchor_count
    with (tmp_path / "why" / "anchors.csv").open(newline="") as file:
        assert [row["anchor"] for row in csv.DictReader(file)] == allocation.platform.anchors["id"].tolist()
    one = call("explain {result} anchor-3 --out {out}", **places, out=tmp_path / "other")
    assert (one.exit_code, one.stderr) == (2, "--out is for all anchors; leave out the one, or --out\n")
