"""Saved allocations: exact when read back, certified anew, and no hole for a changed file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings

import allocator as al
from strategies import TERMS, problems


def solved(**options):
    platform = al.synthetic.heavy_tailed(30, 6, degree=3, rng=np.random.default_rng(2))
    problem = al.Problem(platform, al.GMV() + 0.1 * al.Nash(), [al.Cap("even:2"), al.Floor(0.01, where=[0, 1])])
    return al.solve(problem, **options)


@settings(max_examples=15)
@given(problems())
def test_save_and_load_give_the_same_allocation(tmp_path_factory, problem):
    before = al.solve(problem)
    after = al.Allocation.load(before.save(tmp_path_factory.mktemp("result")))
    assert after.flow.tobytes() == before.flow.tobytes()
    assert after.certificate == before.certificate
    assert after.run == before.run
    assert repr(after.problem) == repr(before.problem)
    assert after.status is before.status


def test_the_platform_folder_is_referred_to_not_copied(tmp_path):
    al.write_platform(solved().platform, tmp_path / "shop")
    problem = al.Problem(al.read_platform(tmp_path / "shop"), al.GMV())
    folder = al.solve(problem).save(tmp_path / "results" / "a")
    assert json.loads((folder / "result.json").read_text())["platform"]["folder"] == "../../shop"
    assert sorted(path.name for path in folder.iterdir()) == ["allocation.parquet", "result.json"]
    assert al.Allocation.load(folder).gmv == al.solve(problem).gmv


def edit_json(folder, change):
    path = folder / "result.json"
    result = json.loads(path.read_text())
    change(result)
    path.write_text(json.dumps(result))


def edit_flow(folder, change):
    table = pq.read_table(folder / "allocation.parquet")
    flow = table["impressions"].to_numpy().copy()
    change(flow)
    pq.write_table(
        table.set_column(table.schema.get_field_index("impressions"), "impressions", pa.array(flow)),
        folder / "allocation.parquet",
    )


def double(flow):
    flow *= 2


def move(flow):
    flow[0] *= 0.5


@pytest.mark.parametrize(
    "tamper",
    [
        lambda f: edit_flow(f, double),
        lambda f: edit_flow(f, move),
        lambda f: edit_json(f, lambda r: r["certificate"].update(bound=r["certificate"]["objective"])),
        lambda f: edit_json(f, lambda r: r["certificate"].update(objective=r["certificate"]["objective"] * 1.01)),
        lambda f: edit_json(f, lambda r: r["multipliers"].__setitem__(1, [1.0])),
        lambda f: edit_json(f, lambda r: r["multipliers"].pop()),
        lambda f: edit_json(f, lambda r: r["rules"].pop()),
        lambda f: edit_json(f, lambda r: r["rules"][0].update(rule="Unknown")),
        lambda f: edit_json(f, lambda r: r.pop("objective")),
        lambda f: edit_json(f, lambda r: r["platform"].update(hash="0")),
        lambda f: edit_json(f, lambda r: r.update(schema=99)),
        lambda f: (f / "allocation.parquet").write_bytes((f / "allocation.parquet").read_bytes()[:50]),
        lambda f: (f / "allocation.parquet").unlink(),
        lambda f: (f / "result.json").write_text("{"),
        lambda f: edit_flow(f, lambda x: x.__setitem__(0, np.nan)),
        lambda f: edit_flow(f, lambda x: x.__setitem__(0, -1.0)),
        lambda f: (f / "result.json").write_text("[]"),
        lambda f: edit_json(f, lambda r: r.pop("platform")),
        lambda f: edit_json(f, lambda r: r.update(platform="x")),
        lambda f: edit_json(f, lambda r: r.pop("certificate")),
        lambda f: edit_json(f, lambda r: r["certificate"].pop("bound")),
        lambda f: edit_json(f, lambda r: r["certificate"].update(rounding=1e30, bound=0.0)),
        lambda f: edit_json(f, lambda r: r.update(schema="x")),
        lambda f: edit_json(f, lambda r: r.update(asked="a")),
        lambda f: edit_json(f, lambda r: r.update(asked=None)),
        lambda f: edit_json(f, lambda r: r["platform"].update(folder="elsewhere")),
    ],
)
def test_a_changed_or_damaged_result_is_refused_in_one_sentence(tmp_path, tamper):
    folder = solved().save(tmp_path)
    tamper(folder)
    with pytest.raises(ValueError, match=r"\w") as error:
        al.Allocation.load(folder)
    assert "\n" not in str(error.value)


def test_a_flattering_status_is_not_believed(tmp_path):
    folder = solved(solver="greedy", relative_gap=1e-9).save(tmp_path)
    edit_json(folder, lambda r: r.update(status="CERTIFIED"))
    assert al.Allocation.load(folder).status is al.Status.FEASIBLE


def test_even_a_consistent_forgery_shows_its_true_gap(tmp_path):
    """Whoever changes flow and certificate together gets the certificate of the changed flow."""
    folder = solved().save(tmp_path)
    edit_flow(folder, move)
    changed = al.Allocation.load  # refused until the saved objective is forged too
    with pytest.raises(ValueError, match="was changed"):
        changed(folder)
    platform = solved().platform
    table = pq.read_table(folder / "allocation.parquet")
    flow = np.zeros(platform.edge_count)
    flow[table["edge"].to_numpy()] = table["impressions"].to_numpy()
    honest = al.certify(solved().problem, flow, solved().multipliers)
    edit_json(folder, lambda r: r["certificate"].update(objective=honest.objective, bound=honest.bound))
    loaded = changed(folder)
    assert loaded.certificate.gap == pytest.approx(honest.gap)
    assert loaded.certificate.gap > solved().certificate.gap


def test_nothing_is_left_half_written(tmp_path, monkeypatch):
    allocation = solved()

    before = allocation.save(tmp_path / "result")
    kept = {path.name: path.read_bytes() for path in before.iterdir() if path.is_file()}
    replace, renamed = Path.replace, []

    def full(path, target):
        renamed.append(target)
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        solved(solver="greedy").save(tmp_path / "result")
    monkeypatch.setattr(Path, "replace", replace)
    assert renamed
    assert {path.name: path.read_bytes() for path in before.iterdir() if path.is_file()} == kept
    assert al.Allocation.load(before).gmv == allocation.gmv


def test_rules_in_every_spelling_survive(tmp_path):
    platform = al.Platform.from_edges(
        [0, 0, 0], [0, 1, 2], [1.0, 2.0, 3.0], supply=[100.0], anchors={"id": [101, 102, 103]}
    )
    spellings = [
        {101: np.int64(5)},
        {101: 5},
        "even:0.1",
        np.float32([1, 2, 3]),
        [np.float32(1)] * 3,
        pd.Series([1.0, 2.0, 3.0]),
    ]
    for k, level in enumerate(spellings):
        problem = al.Problem(
            platform,
            al.GMV() + al.Nash(weights=pd.Series([1.0, 2.0, 3.0])),
            [al.Floor(level, where=pd.Series([101, 103]))],
        )
        before = al.solve(problem)
        after = al.Allocation.load(before.save(tmp_path / str(k)))
        assert after.flow.tobytes() == before.flow.tobytes()


def test_a_result_is_not_mixed_into_a_platform_and_is_readable_by_others(tmp_path):
    al.write_platform(solved().platform, tmp_path / "shop")
    with pytest.raises(ValueError, match="folder of its own"):
        solved().save(tmp_path / "shop")
    folder = solved().save(tmp_path / "result")
    (tmp_path / "plain").write_text("x")
    assert (folder / "result.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_allocation_is_explained_in_words():
    allocation = solved()
    for anchor in allocation.platform.anchors["id"]:
        text = allocation.explain(anchor)
        assert f"{allocation.exposure[anchor]:,.6g}" in text
        assert "Nash of exposure adds" in text
        assert "proved" in text
        assert "nan" not in text
        assert "\n" not in text
    with pytest.raises(KeyError, match="no anchor has the id 99"):
        allocation.explain(99)


def test_a_binding_cap_and_an_unwanted_anchor_are_explained():
    platform = al.Platform.from_edges(
        [0, 0, 0], [0, 1, 2], [5.0, 3.0, 1.0], supply=[10.0], anchors={"id": ["ann", "bob", "cleo"]}, currency="GBP"
    )
    allocation = al.solve(al.Problem(platform, al.GMV(), [al.Cap({"ann": 4})]))
    assert "Its cap of 4 binds: one unit more would raise the objective by at most 2 GBP." in allocation.explain("ann")
    assert "minus a price of 2 GBP" in allocation.explain("ann")
    assert "gets nothing" in allocation.explain("cleo")
    assert "worth at least 2 GBP per impression more" in allocation.explain("cleo")


SHOP = al.Platform.from_edges(
    [0, 0, 0, 1, 1],
    [0, 1, 2, 1, 2],
    [5.0, 3.0, 1.0, 2.0, 4.0],
    supply=[10.0, 5.0],
    observed=[4.0, 3.0, 3.0, 2.0, 3.0],
    measures={"cost": [2.0, 1.0, 1.0, 1.0, 1.5], "relevance": [0.5, 1.0, 0.5, 1.0, 0.5]},
    anchors={
        "id": ["ann", "bob", "cleo"],
        "tier": ["head", "new", "new"],
        "size": [1, 2, 2],
        "firm": ["rule", "", "inf"],
    },
)
SPELLINGS = {
    "group mask": al.GroupShare(SHOP.anchors["tier"] == "head", at_most=0.5),
    "group ids": al.GroupShare(["ann", "cleo"], at_least=0.5),
    "group set": al.GroupShare({"ann", "cleo"}, at_least=np.float32(0.5)),
    "group series": al.GroupShare(pd.Series(["ann"]), at_most=0.5),
    "group value": al.GroupShare("tier=new", at_least=3, unit="amount", of="gmv"),
    "groups": al.GroupShare("tier", at_least={"new": np.float64(0.5)}, at_most={"head": np.float32(0.5)}),
    "groups by number": al.GroupShare("size", at_most={np.int64(1): 0.5, 2: 0.9}),
    "group called rule": al.GroupShare("firm", at_most={"rule": 0.5, "inf": 0.4}),
    "soft group": al.GroupShare("tier", at_most=0.1, soft=np.float32(0.5)),
    "head": al.HeadCap(np.int64(1), 0.5),
    "head per cent": al.HeadCap("34%", 0.8, of="gmv"),
    "budget": al.Budget(total=20, of="cost"),
    "budget by array": al.Budget(np.array([3.0, 1.0, 1.0]), total=20),
    "budget by id": al.Budget({"ann": np.float32(3)}, total=20),
    "budget by yardstick": al.Budget("observed:0.5", total=25),
    "budget by series": al.Budget(pd.Series([3, 1, 1]), total=20),
    "soft budget": al.Budget(total=3, of="cost", soft=0.25),
    "GMV": al.GMVAtLeast(np.float32(50)),
    "Nash": al.FairnessAtLeast(al.Nash(weights=[1, 2, 3], merit={"ann": 2}), 5),
    "power": al.FairnessAtLeast(al.AlphaFair(0.5, of="gmv"), 20),
    "worst-off": al.FairnessAtLeast(al.MaxMin(merit="even:1"), 0.3),
    "ranks": al.FairnessAtLeast(al.GeneralizedGini(np.array([3.0, 2.0, 1.0])), 20, soft=2),
    "Gini welfare": al.FairnessAtLeast(al.Gini(of="cost"), 2),
    "CVaR": al.FairnessAtLeast(al.CVaR(0.5), 3),
    "capped": al.FairnessAtLeast(al.CappedUtility("even:1"), 12),
    "entropy": al.FairnessAtLeast(al.Entropy(), -2),
    "shares": al.FairnessAtLeast(al.TargetShares({"ann": 2.0}), -2),
    "concentration": al.FairnessAtLeast(al.Concentration(), -6),
    "Gini": al.GiniAtMost(0.3),
    "HHI": al.HHIAtMost(0.4, of="gmv"),
    "segment cap": al.SegmentCap(0.6),
    "soft segment cap": al.SegmentCap(0.6, soft=1),
    "segment floor": al.SegmentFloor(0.9),
    "relevance": al.SegmentFloor(0.7, "relevance"),
    "reach floor": al.ReachFloor(0.1, where="tier=new"),
    "floor of a measure": al.Floor("even:0.3", of="cost", soft=3),
    "capacity": al.Capacity(),
}


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("welfare", [None, al.Entropy(), al.RobustGMV(0.3, 2, per="edge")])
def test_every_rule_in_every_spelling_survives(name, welfare, tmp_path):
    objective = welfare if isinstance(welfare, al.RobustGMV) else al.GMV() if welfare is None else al.GMV() + welfare
    before = al.solve(al.Problem(SHOP, objective, [SPELLINGS[name]]))
    after = al.Allocation.load(before.save(tmp_path))
    assert after.certificate == before.certificate
    assert after.problem.labels == before.problem.labels
    for mine, theirs in zip(before.multipliers, after.multipliers, strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or (mine.shape == theirs.shape and mine.tobytes() == theirs.tobytes())
    for label, prices in before.shadow_prices.items():
        assert after.shadow_prices[label].tolist() == prices.tolist()
    assert after.prices_of_rules() == before.prices_of_rules()
    assert [after.explain(anchor) for anchor in ("ann", "bob")] == [before.explain(anchor) for anchor in ("ann", "bob")]


@settings(max_examples=30)
@given(problems(welfare=tuple(TERMS), rules=None, soft=True))
def test_any_mixture_of_rules_survives(tmp_path_factory, problem):
    try:
        before = al.solve(problem)
    except al.AllocationError:
        assume(False)
    after = al.Allocation.load(before.save(tmp_path_factory.mktemp("result")))
    assert after.certificate == before.certificate
    assert after.problem.labels == before.problem.labels
    assert [term.record() for term in after.problem.terms] == [term.record() for term in before.problem.terms]
