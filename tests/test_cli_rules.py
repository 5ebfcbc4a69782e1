"""Rules on the command line: what Python writes is what is read, nothing is evaluated, and refusals are a sentence."""

import json
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

import allocator as al
from allocator.cli import app, completion, grammar, typed_rules
from allocator.rules import RULES, Rule
from strategies import CONSTRAINTS, TERMS, frames, platforms
from test_cli import call


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A platform folder with firms, costs and relevance, and one with a capacity."""
    home = tmp_path_factory.mktemp("typed")
    rng = np.random.default_rng(7)
    p = al.synthetic.kuaishou(60, 12, rng=rng)
    measures = {"cost": rng.uniform(0.5, 2.0, p.edge_count), "standard_error": 0.5 * p.value}
    anchors = dict(p.anchors) | {"firm": [f"f{j % 3}" for j in range(12)]}
    al.write_platform(
        al.Platform(p.indptr, p.anchor, p.value, p.supply, measures=measures, anchors=anchors), home / "demo"
    )
    tight = al.Platform.from_edges([0, 0], [0, 1], [3.0, 1.0], supply=[60.0], capacity=[50.0, np.inf])
    al.write_platform(tight, home / "tight")
    return {"demo": home / "demo", "tight": home / "tight"}


def asked(line, places):
    """The JSON that a line prints, and nothing else."""
    ended = call(f"{line} --json", **places)
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
    return json.loads(ended.stdout, parse_constant=pytest.fail)


# --- what is read is what is written -------------------------------------------------------------------------------


def written(rule):
    """A rule as a call with every argument that it takes."""
    takes = {f.name for f in fields(rule) if f.init} - {"platform", "weight"}
    given = {name: getattr(rule, name) for name in takes}
    texts = {name: written(entry) if isinstance(entry, Rule) else repr(plain(entry)) for name, entry in given.items()}
    return f"{type(rule).__name__}({', '.join(f'{name}={text}' for name, text in sorted(texts.items()))})"


def plain(entry):
    if isinstance(entry, dict):
        return {key: plain(value) for key, value in entry.items()}
    return entry.tolist() if isinstance(entry, np.ndarray | np.generic) else entry


@given(st.data())
def test_every_rule_is_read_as_python_writes_it(data):
    platform = data.draw(platforms(scales=(1.0,)))
    frame = frames(data.draw, platform)
    with suppress(ValueError):
        rule = CONSTRAINTS[data.draw(st.sampled_from(sorted(CONSTRAINTS)))](frame)
        assert typed_rules.constraint(written(rule)).record() == rule.record()
    term = TERMS[data.draw(st.sampled_from(sorted(TERMS)))](frame)
    assert typed_rules.welfare(written(term)).record() == term.record()


def test_every_rule_is_a_constraint_or_a_welfare_and_every_shorthand_its_rule():
    names = {*typed_rules.CONSTRAINTS, *typed_rules.WELFARE, "GMV", "RobustGMV"}
    assert names == {*RULES, "Nash", "Entropy", "ReachFloor"}
    assert {name.split()[0] for name in TERMS} - {"Entropy"} <= set(typed_rules.WELFARE)
    typed = typed_rules.constraint("ReachFloor(0.25, where='tier=new')")
    assert typed.record() == al.ReachFloor(0.25, where="tier=new").record()
    assert typed_rules.welfare("Nash(of='gmv')").record() == al.Nash(of="gmv").record()


RULES_TYPED = {
    "HeadCap(top=2, share=0.4)": al.HeadCap(top=2, share=0.4),
    "HeadCap('10%', 0.3)": al.HeadCap("10%", 0.3),
    "GroupShare('firm', at_most=0.4)": al.GroupShare("firm", at_most=0.4),
    "GroupShare('firm', at_least={'f1': 0.3, 'f2': 0.25})": al.GroupShare("firm", at_least={"f1": 0.3, "f2": 0.25}),
    "Budget(total=9e5, of='cost')": al.Budget(total=9e5, of="cost"),
    "SegmentCap(0.5)": al.SegmentCap(0.5),
    "FairnessAtLeast(Gini(), 20000)": al.FairnessAtLeast(al.Gini(), 20000),
    "GMVAtLeast(1e6)": al.GMVAtLeast(1e6),
    "GiniAtMost(0.5, soft=10)": al.GiniAtMost(0.5, soft=10),
}


@pytest.mark.parametrize("text", RULES_TYPED)
def test_a_typed_rule_states_the_problem_of_python(text, places, tmp_path):
    line = ["solve", str(places["demo"]), "--rule", text, "--relative-gap", "1e-6"]
    ended = CliRunner().invoke(app, [*line, "--out", str(tmp_path / "r")])
    assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
    loaded = al.Allocation.load(tmp_path / "r")
    mine = al.solve(al.Problem(loaded.platform, al.GMV(), [RULES_TYPED[text]]), relative_gap=1e-6)
    assert [term.record() for term in loaded.problem.terms] == [term.record() for term in mine.problem.terms]
    assert loaded.certificate.objective == pytest.approx(mine.certificate.objective)
    label = loaded.problem.labels[1]
    told = json.loads(CliRunner().invoke(app, [*line, "--json"]).stdout)["binding"]
    rows = [row for row in mine.prices_of_rules() if row["price"]]
    assert set(told) == {row["rule"] for row in rows}
    if rows:
        assert told[label]["levels"] == len(rows)
        assert told[label]["shadow_price"] == pytest.approx(sum(row["price"] for row in rows))
        assert f"{label} " in ended.stdout
        assert "felt by" in ended.stdout


def test_rules_repeat_and_mix_with_the_options(places):
    line = "{demo} --floor even:0.2 --rule 'SegmentCap(0.5)' --rule \"HeadCap(2, 0.4)\" --fairness nash --weight 0.1"
    solved = asked(f"solve {line} --relative-gap 1e-6", places)
    assert set(solved["binding"]) <= {"Floor", "SegmentCap", "HeadCap(top 2)"}
    platform = al.read_platform(places["demo"])
    rules = [al.Floor("even:0.2"), al.SegmentCap(0.5), al.HeadCap(2, 0.4)]
    mine = al.solve(al.weighted(al.Problem(platform, al.GMV() + al.Nash(), rules), 0.1), relative_gap=1e-6)
    assert solved["gmv"] == pytest.approx(mine.gmv, rel=1e-4)
    (row,) = asked(f"compare {line} --solvers conic", places)
    assert row["gmv"] == pytest.approx(mine.gmv, rel=1e-3)


def test_a_typed_capacity_replaces_that_of_the_platform(places):
    best = {"": 150 + 10, "--rule 'Capacity(40)'": 120 + 20, "--rule 'SegmentCap(1)'": 150 + 10}
    for option, gmv in best.items():
        assert asked(f"solve {{tight}} {option}", places)["gmv"] == pytest.approx(gmv)


def test_a_frontier_keeps_typed_rules_at_every_point(places):
    rows = asked("frontier {demo} --points 2 --no-baselines --fairness gini --rule 'HeadCap(2, 0.4)'", places)
    platform = al.read_platform(places["demo"])
    plain_best = al.solve(al.Problem(platform, al.GMV(), [al.HeadCap(2, 0.4)]))
    assert rows[0]["gmv"] == pytest.approx(plain_best.gmv)
    assert [row["status"] for row in rows] == ["CERTIFIED"] * 4
    assert rows[-1]["level"] >= rows[0]["level"]


# --- welfare and the worst case ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("gini", al.Gini()),
        ("cvar=0.1", al.CVaR(0.1)),
        ("entropy", al.Entropy()),
        ("concentration", al.Concentration()),
        ("nash", al.Nash()),
        ("CappedUtility('even:0.5')", al.CappedUtility("even:0.5")),
        ("TargetShares('observed:1', of='gmv')", al.TargetShares("observed:1", of="gmv")),
    ],
)
def test_welfare_by_name_or_as_python_writes_it(text, term, places):
    (_, found) = grammar.objective(text, None).terms
    assert found.record() == term.record()
    (_, of_cost) = grammar.objective(text, "cost").terms
    assert of_cost.of == "cost"
    if "observed" not in text:
        ended = call(f'solve {{demo}} --fairness "{text}" --weight 0.1', **places)
        assert ended.exit_code == 0, ended.output


def test_the_worst_case_on_the_command_line(places):
    platform = al.read_platform(places["demo"])
    for text, term in {
        "0.2:2": al.RobustGMV(0.2, 2),
        "standard_error:1:3": al.RobustGMV(1.0, 3, deviation="standard_error"),
    }.items():
        mine = al.solve(al.Problem(platform, term), relative_gap=1e-6)
        solved = asked(f"solve {{demo}} --robust {text} --relative-gap 1e-6", places)
        assert solved["gmv"] == pytest.approx(mine.gmv, rel=1e-4)
        price = solved["binding"]["RobustGMV"]["shadow_price"]
        assert price == pytest.approx(mine.shadow_prices["RobustGMV"][0], rel=1e-3)
        assert price < 0
    rows = asked("frontier {demo} --points 1 --no-baselines --fairness maxmin --robust 0.2:2", places)
    for row, allocation in zip(rows, al.frontier(_robust(platform), [0.01]).allocations, strict=True):
        worst_off = float(allocation.exposure[platform.reach > 0].min())
        assert row["level"] == pytest.approx(worst_off, rel=1e-3, abs=1e-3 * platform.supply.sum())


def _robust(platform):
    return al.Problem(platform, al.RobustGMV(0.2, 2) + al.MaxMin())


# --- what is refused -----------------------------------------------------------------------------------------------

REFUSED = {
    "--rule": [
        ("HeadCop(top=2, share=0.4)", "no rule is called 'HeadCop' (did you mean 'HeadCap'?)"),
        ("HeadCap(top=2, shar=0.4)", "HeadCap has no 'shar' (did you mean 'share'?); it is HeadCap(top, share, "),
        ("HeadCap(top=2)", "missing a required argument: 'share'"),
        ("HeadCap(1, 0.4, 3, 4)", "too many positional arguments"),
        ("HeadCap", "'HeadCap' is no rule (did you mean HeadCap(top, share, of=, soft=)?)"),
        ("HeadCap(top=2, share=0.01)", "raise it"),
        ("HeadCap(top=200, share=0.4)", "name 1 to 12, which is how many have any reach"),
        ("HeadCap(top=2, share=0.4", "cannot be read"),
        ("", "cannot be read"),
        ("0.4", "'0.4' is no rule"),
        ("GroupShare(firm, at_most=0.2)", "text stands in quotes: 'firm'"),
        ("GroupShare('frim', at_most=0.4)", "did you mean 'firm'"),
        ("GroupShare('firm', at_most={'f9': 0.4})", "names unknown groups: f9"),
        ("GroupShare('firm', at_most=0.2)", "add up to 0.6 of what is served"),
        ("Budget(total=-3)", "must be a finite number >= 0"),
        ("Budget(total=3, of='csot')", "no edge measure 'csot'"),
        ("Budget(total=3, of=cost)", "text stands in quotes: 'cost'"),
        ("Budget(total=3, of=['cost'])", "the 'of' of Budget is a name in quotes"),
        ("Budget(total=3, total=4)", "write every argument of Budget once"),
        ("Floor(*[3])", "write every argument of Floor once"),
        ("Floor(1 + x)", "is no number, text, list or mapping"),
        ("Floor(b'3')", "is no number, text, list or mapping"),
        ("Floor(Gini())", "Floor takes no rule as its 'level'"),
        ("Floor({'ann': [1, 2]})", "ann"),
        ("Floor(3, platform=1)", "Floor has no 'platform'"),
        ("ReachFloor(0.1, level=3)", "ReachFloor has no 'level'"),
        ("ReachFloor(3)", "is a share in [0, 1], not 3"),
        ("FairnessAtLeast(Gini, 3)", "did you mean Gini(merit=, of=)?"),
        ("FairnessAtLeast(Ginni(), 3)", "did you mean 'Gini'"),
        ("FairnessAtLeast(GMV(), 3)", "needs a welfare term"),
        ("FairnessAtLeast(Gini(), 1e12)", "lower the level"),
        ("GMVAtLeast(1e30)", "lower the amount"),
        ("GMVAtLeast.of(1, 2)", "no rule is called 'GMVAtLeast.of'"),
        ("Nash()", "no constraint but a term of the objective; --fairness takes those"),
        ("SegmentCap(0.5, soft=-1)", "soft is a price > 0"),
        ("__import__('os').getcwd()", "no rule is called '__import__('os').getcwd'"),
        ("[HeadCap(2, 0.4)]", "is no rule"),
    ],
    "--fairness": [
        ("gin", "did you mean 'gini'"),
        ("cvar=many", "'many' in 'cvar=many' is not a number"),
        ("cvar=2", "lies above 0 and up to 1"),
        ("Gini(", "cannot be read"),
        ("HeadCap(2, 0.4)", "is no welfare of the anchors"),
        ("RobustGMV(0.1, 2)", "is no welfare of the anchors"),
    ],
    "--robust": [
        ("0.2", "'0.2' is no worst case"),
        ("0.2:many", "'0.2:many' is no worst case"),
        ("1.5:2", "is a part of the value in [0, 1]"),
        ("deviation:1:2", "no edge measure 'deviation'"),
        ("0.2:-2", "must be a finite number >= 0"),
    ],
}


CASES = [(option, text, words) for option, texts in REFUSED.items() for text, words in texts]


@pytest.mark.parametrize(("option", "text", "words"), CASES)
@pytest.mark.parametrize("command", ["solve", "frontier", "compare"])
def test_refusals_are_one_sentence(command, option, text, words, places):
    ended = CliRunner().invoke(app, [command, str(places["demo"]), option, text, "--json"])
    assert ended.exit_code == 2, ended.output
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert json.loads(ended.stdout) == {"error": ended.stderr.rstrip("\n"), "status": "REFUSED"}


def test_rules_that_contradict_each_other_are_proved_to(places):
    rules = '--rule "GMVAtLeast(2e5)" --rule "Budget(total=1, of=\'cost\')"'
    ended = call(f"solve {{demo}} {rules}", **places)
    assert (ended.exit_code, ended.stdout) == (3, ""), ended.output
    for words in ("GMVAtLeast", "Budget of cost", "contradict"):
        assert words in ended.stderr


@given(st.text(max_size=60))
def test_no_text_does_anything_but_name_a_rule_or_be_refused(text):
    for read in (typed_rules.constraint, typed_rules.welfare):
        with suppress(ValueError):
            assert isinstance(read(text), Rule)


def test_nothing_is_evaluated(tmp_path):
    touch = f"open({str(tmp_path / 'trace')!r}, 'w')"
    ways = ["{}", "Floor({})", "Floor(level={})", "(lambda: {})()", "Floor([{} for x in [1]])", "Floor(f'{{{}}}')"]
    ways += ["FairnessAtLeast({}, 3)", "Floor({{{}: 3}})", "{} and Floor(1)", "({})(Floor(1))"]
    for text in (way.format(touch) for way in ways):
        with pytest.raises(ValueError, match=r"\w"):
            typed_rules.constraint(text)
    assert not any(tmp_path.iterdir())


def test_a_shell_is_offered_rules_and_welfare():
    assert completion.rule("He") == ["HeadCap("]
    assert set(completion.rule("")) == {f"{name}(" for name in typed_rules.CONSTRAINTS}
    assert completion.welfare("c") == ["concentration", "cvar=0.1", "cvar=0.5"]
    for name in completion.welfare(""):
        assert len(grammar.objective(name, None).terms) == 2
    for text in completion.rule(""):
        with pytest.raises(ValueError, match="cannot be read"):
            typed_rules.constraint(text)


@given(st.data())
def test_an_allocation_under_typed_rules_keeps_them(data):
    """What the command line promises of a rule holds for its answer, level by level."""
    platform = data.draw(platforms(scales=(1.0,)))
    frame = frames(data.draw, platform)
    try:
        rule = CONSTRAINTS[data.draw(st.sampled_from(sorted(CONSTRAINTS)))](frame)
        typed = grammar.rules(platform, None, None, None, [written(rule)])
        found = al.solve(al.Problem(platform, al.GMV(), typed))
    except (ValueError, al.AllocationError):
        assume(False)
    assert rule.bind(platform).violation(found.totals).relative <= 1e-9
