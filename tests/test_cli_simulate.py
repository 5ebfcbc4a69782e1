"""``allocator simulate``: what it plays is what Python plays, runs are kept, and refusals are one sentence."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import allocator as al
from allocator import dynamics as d
from allocator.cli import app, completion, reports, typed_dynamics
from test_cli import call

ROOT = Path(__file__).resolve().parent.parent
PLAYED = "allocator.dynamics.ensemble"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A platform with private segments, a small one without, one that is all private, and a file in the way."""
    home = tmp_path_factory.mktemp("simulate")
    al.write_platform(al.synthetic.kuaishou(60, 12, rng=np.random.default_rng(7)), home / "demo")
    star = al.synthetic.star([3.0, 2.0, 1.0])
    al.write_platform(al.Platform(star.indptr, star.anchor, star.value, star.supply, period="year"), home / "star")
    own = {"id": ["s"], "domain": ["private"]}
    al.write_platform(al.Platform.from_edges([0], [0], [1.0], supply=[9.0], segments=own), home / "private")
    (home / "file").write_text("in the way")
    return {name: home / name for name in ("demo", "star", "private", "file")}


def asked(line, places, **more):
    """The JSON that a line prints, and nothing else."""
    ended = call(f"{line} --json", **places, **more)
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
    return json.loads(ended.stdout, parse_constant=pytest.fail)


# --- what is played ------------------------------------------------------------------------------------------------

SIX = "simulate {demo} --periods 6 --runs 2 --policy even --policy optimal"


def test_the_command_line_plays_what_python_plays(places, tmp_path):
    said = asked(f"{SIX} --seed 3 --discount 0.9 --out {{out}}", places, out=tmp_path / "out")
    platform = al.public_part(al.read_platform(places["demo"]))
    world = al.World(platform, (d.Flywheel(), d.Newcomers(), d.Arrivals(), d.Defection()))
    mine = al.ensemble(world, {"even": d.Even(), "optimal": d.Optimal()}, periods=6, seeds=[3, 4])
    assert said["seeds"] == [3, 4]
    for row, summary in zip(said["policies"], mine.summary(discount=0.9), strict=True):
        assert (row["policy"], row["runs"]) == (summary["policy"], 2)
        assert row["discounted_gmv"] == summary["discounted"]
        assert row["discounted_gmv_error"] == summary["discounted_error"]
        assert row["survivors"] == np.mean(mine.paths(row["policy"], "survivors")[:, -1])
        assert row["transient_gmv"] == summary["transient"]
        assert row["relaxed_periods"] == row["failed_periods"] == 0
    even, optimal = said["policies"]
    assert even["relative_gap"] is None
    assert 0 <= optimal["relative_gap"] <= 1e-3
    assert said["differences"] == mine.differences("even", discount=0.9)
    with (tmp_path / "out" / "trajectory.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["policy"], row["seed"], row["period"]) for row in table] == [
        (policy, str(seed), str(period)) for policy in ("even", "optimal") for seed in (3, 4) for period in range(6)
    ]
    assert [float(row["gmv"]) for row in table] == np.concatenate([run["gmv"] for run in mine.runs.values()]).tolist()
    assert json.loads((tmp_path / "out" / "result.json").read_text(), parse_constant=pytest.fail) == said


def test_people_read_a_row_per_policy_and_what_discounting_means(places):
    told = call(f"{SIX} --discount 0.5", **places).stdout
    assert told.count("\n even ") == told.count("\n optimal ") == 1
    assert "Each period counts 0.5 times the one before, so that all 6 together count as 1.97 times the first." in told
    assert "private segments with 30% of the supply are left out" in told
    assert "plain sum" in call("simulate {star} --periods 2 --runs 1 --policy even --discount 1", **places).stdout


def test_a_platform_of_other_units_says_so(places):
    said = asked("simulate {star} --periods 2 --runs 1 --policy even", places)
    assert [("day" in notice, "left out" in notice) for notice in said["notices"]] == [(True, False)]


def test_rules_and_welfare_are_for_policies_that_optimise(places):
    line = "simulate {demo} --periods 2 --runs 1 --policy even --policy optimal --policy viable_floors=0.1"
    said = asked(f"{line} --fairness nash --weight 0.2 --floor tier=new:50 --rule 'HeadCap(2, 0.5)'", places)
    even, optimal, floors = (row["stated"] for row in said["policies"])
    assert "Nash" not in even
    for stated in (optimal, floors):
        assert "Nash of exposure" in stated
        assert "Floor(" in stated
        assert "HeadCap(" in stated
    platform = al.public_part(al.read_platform(places["demo"]))
    rules = [al.Floor("50", where="tier=new"), al.HeadCap(2, 0.5)]
    problem = al.weighted(al.Problem(platform, al.GMV() + al.Nash(), rules), 0.2)
    world = al.World(platform, (d.Flywheel(), d.Newcomers(), d.Arrivals(), d.Defection()))
    mine = al.simulate(world, d.Optimal(problem.objective, problem.rules), periods=2, rng=np.random.default_rng(0))
    assert said["policies"][1]["discounted_gmv"] == mine.discounted(0.99)


def test_rules_may_speak_of_newcomers_who_are_still_to_come(places):
    line = "simulate {star} --periods 2 --runs 1 --policy optimal"
    assert asked(f"{line} --floor newcomer=True:0.1", places)["policies"][0]["failed_periods"] == 0
    ended = call(f"{line} --mechanism flywheel --floor newcomer=True:0.1", **places)
    assert "no attribute 'newcomer'" in ended.stderr


def test_rules_that_cannot_be_kept_are_relaxed_and_said_to_be(places):
    said = asked("simulate {star} --periods 2 --runs 2 --policy optimal --floor even:2", places)
    assert said["policies"][0]["relaxed_periods"] == 4
    assert any("optimal cannot be kept in the first period" in notice for notice in said["notices"])


# --- runs are kept -------------------------------------------------------------------------------------------------


def counted(monkeypatch):
    """Names of (policy, seed) that are played, in their order; the third run of the list is interrupted if asked."""
    played, module = [], sys.modules[PLAYED]
    run = module._run

    def counting(world, policy, periods, seed, report):
        if counting.stops_at == len(played):
            raise KeyboardInterrupt
        played.append((type(policy).__name__, seed))
        return run(world, policy, periods, seed, report)

    counting.stops_at = None
    monkeypatch.setattr(module, "_run", counting)
    return played, counting


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".npz"}


def test_an_interrupted_command_goes_on_from_the_runs_that_are_kept(places, tmp_path, monkeypatch):
    played, counting = counted(monkeypatch)
    counting.stops_at = 3
    ended = call(f"{SIX} --out {{out}}", **places, out=tmp_path / "out")
    assert (ended.exit_code, ended.stdout) == (130, "")
    assert ended.stderr.startswith("interrupted; finished runs are kept in ")
    assert "the same command goes on from there" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert len(played) == 3
    assert files(tmp_path / "out") == {}

    counting.stops_at = None
    for _ in range(2):
        asked(f"{SIX} --out {{out}}", places, out=tmp_path / "out")
        assert played == [("Even", 0), ("Even", 1), ("Optimal", 0), ("Optimal", 1)]
    asked(f"{SIX} --runs 3 --out {{out}}", places, out=tmp_path / "out")
    assert played[4:] == [("Even", 2), ("Optimal", 2)]
    asked(f"{SIX} --runs 3 --out {{out}}", places, out=tmp_path / "new")
    assert files(tmp_path / "out") == files(tmp_path / "new")


def test_without_a_folder_nothing_is_kept(places, monkeypatch):
    _, counting = counted(monkeypatch)
    counting.stops_at = 1
    ended = call(f"{SIX} --json", **places)
    assert ended.exit_code == 130
    assert json.loads(ended.stdout) == {
        "error": "interrupted; nothing is kept without --out",
        "status": "INTERRUPTED",
    }


def test_any_number_of_processes_writes_the_same_bytes(places, tmp_path):
    line = "simulate {demo} --periods 4 --runs 2 --policy optimal --policy epsilon_even=0.2"
    said = {n: asked(f"{line} --workers {n} --out {{out}}", places, out=tmp_path / str(n)) for n in (1, 2)}
    assert said[1] == said[2]
    written = {"trajectory.csv", "trajectory.png", "trajectory.pdf", "result.json"}
    assert set(map(str, files(tmp_path / "1"))) == written
    assert files(tmp_path / "1") == files(tmp_path / "2")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_within_a_period_and_leaves_whole_runs(workers, places, tmp_path):
    line = "--periods 500 --runs 5000 --policy even --mechanism flywheel --workers"
    words = [sys.executable, "-m", "allocator", "simulate", places["demo"], *line.split(), str(workers)]
    process = subprocess.Popen(
        [*words, "--out", tmp_path], stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT
    )
    while process.poll() is None and not any(tmp_path.rglob("seed-*.npz")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith("interrupted; finished runs are kept in ")
    assert told.count("\n") == 1
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert all(d.Trajectory.load(path).periods == 500 for path in kept)


class Deaf(d.Policy):
    """Keeps Ctrl-C to itself, as a solver that answers with the best it has."""

    def __call__(self, view):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return d.Even()(view)


def test_a_policy_that_keeps_ctrl_c_to_itself_ends_the_run(places):
    world, before = al.World(al.read_platform(places["star"])), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            al.simulate(world, Deaf(), periods=3, rng=np.random.default_rng(0))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_there_is_news_of_every_period(places, monkeypatch):
    lines, world = [], al.World(al.read_platform(places["star"]))
    al.ensemble(world, {"even": d.Even()}, periods=3, seeds=[0, 1], report=lines.append)
    assert [line for line in lines if line.startswith("run ")] == [
        "run 1 of 2: even, seed 0",
        "run 2 of 2: even, seed 1",
    ]
    assert sum("1 of 2 runs played; even, seed 1: period" in line for line in lines) == 3
    monkeypatch.setattr(reports, "stderr", Console(stderr=True, force_terminal=True))
    assert "run 4 of 4: optimal, seed 1" in call(SIX, **places).stderr
    assert not call(f"{SIX} --quiet", **places).stderr


# --- names and calls -----------------------------------------------------------------------------------------------

POLICIES = {
    "even": d.Even(),
    "even=0.6": d.Even(0.6),
    "epsilon_even=0.3": d.EpsilonEven(0.3),
    "capped_boost=1.5": d.CappedBoost(boost=1.5),
    "patient=0.9": d.Patient(discount=0.9),
    "viable_floors=0.1": d.ViableFloors(0.1),
    "Patient(discount=0.9, relative_gap=1e-2)": d.Patient(discount=0.9, relative_gap=1e-2),
    "Phased([(50, Even(0.6)), [3, Greedy()]], Even(part=0.0))": d.Phased(
        [(50, d.Even(0.6)), (3, d.Greedy())], d.Even(0.0)
    ),
    "Optimal(GMV() + 200 * Nash(), [Floor(3, where='tier=new'), HeadCap(2, 0.5)])": d.Optimal(
        al.GMV() + 200 * al.Nash(), [al.Floor(3, where="tier=new"), al.HeadCap(2, 0.5)]
    ),
    "ViableFloors(0.2, otherwise=Patient(rules=[Cap(3)]))": d.ViableFloors(0.2, otherwise=d.Patient(rules=[al.Cap(3)])),
}
MECHANISMS = {
    "flywheel": d.Flywheel(),
    "starvation=50": d.Starvation(50),
    "herding=0.4": d.Herding(share=0.4),
    "Defection(base=0.01, where='tier=head')": d.Defection(base=0.01, where="tier=head"),
    "Arrivals(pathways=[Pathway('alone', 1.0, skill=0.7)])": d.Arrivals(pathways=(d.Pathway("alone", 1.0, skill=0.7),)),
}


def plain(text):
    """What a repr says, lists and tuples alike."""
    return text.replace("(", "[").replace(")", "]").replace(",]", "]")


@pytest.mark.parametrize("text", POLICIES)
def test_a_typed_policy_is_the_one_of_python(text):
    assert plain(repr(typed_dynamics.policy(text))) == plain(repr(POLICIES[text]))


@pytest.mark.parametrize("text", MECHANISMS)
def test_a_typed_mechanism_is_the_one_of_python(text):
    assert plain(repr(typed_dynamics.mechanism(text))) == plain(repr(MECHANISMS[text]))


def test_everything_there_is_has_a_name_and_is_offered():
    kinds = {thing for thing in vars(d.policies).values() if isinstance(thing, type) and issubclass(thing, d.Policy)}
    assert set(typed_dynamics.POLICIES.values()) == kinds - {d.Policy}
    assert tuple(typed_dynamics.MECHANISMS.values()) == d.ORDER
    assert completion.policy("p") == ["patient", "proportional"]
    assert completion.policy("P") == ["Partly(", "Patient(", "Phased(", "Proportional("]
    assert completion.policy("v") == ["viable_floors="]
    assert completion.mechanism("st") == ["starvation="]
    for offered, read in (
        (completion.policy(""), typed_dynamics.policy),
        (completion.mechanism(""), typed_dynamics.mechanism),
    ):
        for text in offered:
            if text.endswith("("):
                with pytest.raises(ValueError, match="cannot be read"):
                    read(text)
            else:
                assert read(f"{text}0.5" if text.endswith("=") else text)


@given(st.text(max_size=60) | st.sampled_from(sorted({*POLICIES, *MECHANISMS})).map(lambda text: text[:-1]))
def test_no_text_does_anything_but_name_one_or_be_refused(text):
    for read, kind in ((typed_dynamics.policy, d.Policy), (typed_dynamics.mechanism, d.Mechanism)):
        with suppress(ValueError):
            assert isinstance(read(text), kind)


def test_nothing_is_evaluated(tmp_path):
    touch = f"open({str(tmp_path / 'trace')!r}, 'w')"
    for way in (
        "{}",
        "Even({})",
        "Even(part={})",
        "Phased([(5, {})], Even())",
        "Optimal({} + GMV())",
        "Even(f'{{{}}}')",
    ):
        with pytest.raises(ValueError, match=r"\w"):
            typed_dynamics.policy(way.format(touch))
    assert not any(tmp_path.iterdir())


# --- what is refused -----------------------------------------------------------------------------------------------

REFUSED = [
    ("--policy evn", "no policy is called 'evn' (did you mean 'even'?)"),
    ("--policy Even", "no policy is called 'Even' (did you mean 'even'?)"),
    ("--policy 'Patent(0.9)'", "no policy is called 'Patent' (did you mean 'Patient'?)"),
    ("--policy 'Patient(discont=0.9)'", "Patient has no 'discont' (did you mean 'discount'?)"),
    ("--policy 'Patient(discount=0.9'", "cannot be read; write a policy as Python does"),
    ("--policy 'Even(0.1, 0.2)'", "does not fit: too many positional arguments; it is Even(part=)"),
    ("--policy patient=2", "'patient=2' cannot be: discount is the worth of a later period over this one, from 0 to 1"),
    ("--policy patient=often", "'often' in 'patient=often' is not a number"),
    ("--policy optimal=3", "no number belongs behind optimal; write Optimal(objective=, "),
    ("--policy viable_floors", "missing a required argument: 'budget'"),
    ("--policy phased", "it is Phased(phases, after)"),
    ("--policy 'Phased([5], Even())'", "has an argument of the wrong kind"),
    ("--policy 'Phased([(5, even)], Even())'", "text stands in quotes: 'even'"),
    ("--policy 'Optimal(rules=[Flor(3)])'", "'Flor' in 'Optimal(rules=[Flor(3)])' is unknown (did you mean 'Floor'?)"),
    ("--policy 'Optimal(GMV() + 3)'", "is no objective; write one such as GMV() + 200 * Nash()"),
    ("--policy 'Optimal(rules=3)'", "has an argument of the wrong kind"),
    ("--policy \"Optimal(objective='nash')\"", "is not a term of an objective"),
    ("--policy \"Optimal(solver='flo')\"", "did you mean 'flow'"),
    ("--policy even --fairness nash", "add --policy optimal"),
    ("--policy even --cap 3", "add --policy optimal"),
    ("--policy viable_floors=0.1 --mechanism flywheel", "ViableFloors is for worlds with Newcomers; add them"),
    ("--mechanism flywhel", "no mechanism is called 'flywhel' (did you mean 'flywheel'?)"),
    ("--mechanism even", "no mechanism is called 'even'"),
    ("--mechanism starvation", "it is Starvation(viable, where=, worth=); write starvation=X for its viable"),
    ("--mechanism 'Defection(base=3)'", "from 0 to 1, not 3"),
    ("--mechanism \"Defection(where='tier=haed')\"", "did you mean 'head'"),
    ("--mechanism arrivals", "Arrivals builds on the stock 'newcomer'"),
    ("--mechanism flywheel --mechanism flywheel=0.1", "a world has at most one Flywheel"),
    ("--runs 0", "--runs"),
    ("--seed -1", "--seed"),
    ("--periods 0", "--periods"),
    ("--workers 0", "--workers"),
    ("--discount 1.5", "--discount"),
    ("--out {file}", "nothing can be saved"),
    ("--fairness nahs", "did you mean 'nash'"),
    ("--floor tier=nw:50", "did you mean 'new'"),
    ("--weight 2", "name it with --fairness"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_refusals_are_one_sentence(options, words, places):
    ended = call(f"simulate {{demo}} {options} --json", **places)
    assert ended.exit_code == 2, ended.output
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert json.loads(ended.stdout) == {"error": ended.stderr.rstrip("\n"), "status": "REFUSED"}


def test_a_platform_without_public_traffic_is_refused(places):
    ended = CliRunner().invoke(app, ["simulate", str(places["private"])])
    assert ended.exit_code == 2
    assert "no segment of the platform is public" in ended.stderr
