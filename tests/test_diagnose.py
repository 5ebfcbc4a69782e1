"""Diagnosis: its witness is judged, parts of its conflict are taken away, and its change is made."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import allocator as al
from allocator.certificate import refuted
from allocator.elastic import Elastic
from allocator.rules import Totals
from strategies import platforms


def star(supply=100.0, values=(10.0, 6.0, 3.0, 1.0)):
    """One segment and as many anchors as values."""
    count = len(values)
    return al.Platform(
        indptr=[0, count],
        anchor=np.arange(count),
        value=np.array(values),
        supply=[supply],
        anchors={"id": [f"a{j}" for j in range(count)], "tier": ["head", *["new"] * (count - 1)]},
    )


def possible(problem):
    """Whether a flow keeps the rules, by a linear program of its own."""
    platform = problem.platform
    E, A, S = platform.edge_count, platform.anchor_count, platform.segment_count
    into, out = np.zeros((A, E)), np.zeros((S, E))
    into[platform.anchor, np.arange(E)], out[platform.segment, np.arange(E)] = 1.0, 1.0
    rows, limits = [*out], [*platform.supply]
    for rule in problem.constraints:
        goods = into * (1.0 if rule.of == "exposure" else np.asarray(platform.measure(rule.of), dtype=float))
        if isinstance(rule, al.Floor | al.Cap):
            sign = -1.0 if isinstance(rule, al.Floor) else 1.0
            for j in np.flatnonzero(np.isfinite(rule.level)):
                rows.append(sign * goods[j])
                limits.append(sign * rule.level[j])
        else:  # half spaces
            for row, level in zip(rule.sides.coefficients.toarray(), rule.sides.level, strict=True):
                rows.append(-row @ goods)
                limits.append(-level)
    found = linprog(np.zeros(E), A_ub=np.array(rows), b_ub=np.array(limits), method="highs")
    return found.status == 0


@st.composite
def demands(draw):
    """A small platform and rules that may contradict each other."""
    platform = draw(platforms(scales=(1e-3, 1.0, 1e4)))
    assume(platform.supply.sum() > 0)
    ids, total = platform.anchors["id"], float(platform.supply.sum())
    rules = []
    for _ in range(draw(st.integers(1, 4))):
        some = draw(st.lists(st.sampled_from(ids.tolist()), min_size=1, unique=True))
        factor = draw(st.sampled_from([0.1, 0.4, 0.7, 0.95]))
        match draw(st.sampled_from(["floor", "cap", "group", "amount", "gmv", "budget"])):
            case "floor":
                rules.append(al.Floor(factor * total / len(some), where=some))
            case "cap":
                rules.append(al.Cap(factor * total / len(ids), where=some))
            case "group":
                assume(float(platform.reach_of("exposure")[np.isin(ids, some)].sum()) > 0)
                rules.append(al.GroupShare(some, at_least=factor))
            case "amount":
                reach = float(platform.reach_of("exposure")[np.isin(ids, some)].sum())
                rules.append(al.GroupShare(some, at_least=factor * min(reach, total), unit="amount"))
            case "gmv":
                rules.append(al.GMVAtLeast(factor * platform.total_of("gmv")))
            case "budget":
                rules.append(al.Budget(total=factor * total))
    return al.Problem(platform, al.GMV(), rules)


@given(demands())
@settings(deadline=None)
def test_a_diagnosis_is_right_or_proved_and_what_it_says_can_be_checked_by_anybody(problem):
    found = al.diagnose(problem)
    assert found.status is not al.Status.FAILED
    serving = len(found.problem.rules) > len(problem.rules)
    assert (found.status is al.Status.FEASIBLE) == possible(found.problem)
    if found.status is al.Status.FEASIBLE:
        return
    assert found.proved
    assert refuted(found.problem, found.witness)
    assert found.irreducible
    assert serving or not possible(problem)
    assert found.relaxed is not None
    assert possible(found.relaxed)
    assert found.total_change >= found.least * (1 - 1e-6) - 1e-9 or serving
    assert not found.total_change < 0


@given(demands())
@settings(deadline=None)
def test_without_any_part_of_a_conflict_the_rest_can_be_kept(problem):
    found = al.diagnose(problem)
    assume(found.status is al.Status.INFEASIBLE)
    labels, platform = list(found.problem.labels[1:]), found.problem.platform
    even = Totals(platform, np.array(platform.even_flow))
    terms = dict(zip(labels, found.problem.constraints, strict=True))

    def only(parts):
        rules = []
        for label, names in parts:
            stated = terms[label].stated(even)
            kept = np.isin(np.array([str(n) for n in stated.names]), names)
            free = np.where(np.broadcast_to(stated.at_most, kept.shape), np.inf, 0.0)
            rules.append(
                terms[label].relevelled(np.where(kept, stated.level, free)) if not kept.all() else terms[label]
            )
        return al.Problem(platform, al.GMV(), rules)

    parts = [(row["rule"], row["names"]) for row in found.conflict]
    assert not possible(only(parts))
    for k, (label, names) in enumerate(parts):
        others = parts[:k] + parts[k + 1 :]
        assert possible(only(others))
        for name in names if len(names) > 1 else ():
            assert possible(only([*others, (label, [n for n in names if n != name])]))


@given(demands(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_no_other_flow_breaks_rules_by_less_than_is_proved(problem, seed):
    elastic = Elastic.of(problem)
    found = elastic.strain()
    rng = np.random.default_rng(seed)
    platform = problem.platform
    weights = rng.dirichlet(np.ones(3), size=1)[0]
    greedy = np.array(al.solve(al.Problem(platform, al.GMV())).flow)
    mixed = weights[0] * found.totals.flow + weights[1] * platform.even_flow + weights[2] * greedy
    totals = Totals(platform, mixed)
    sizes = [float(t.extent(elastic.measured).sum()) for t in problem.constraints]
    cost = sum(float(t.excess(totals).sum()) / size for t, size in zip(problem.constraints, sizes, strict=True) if size)
    assert cost >= found.proved - 1e-9
    assert found.cost >= found.proved - 1e-9


# Known answers
# -------------------------------------------------------------------------------------------------------------------


def test_floors_above_supply_are_lowered_alike():
    found = al.diagnose(al.Problem(star(), al.GMV(), [al.Floor(40.0, where="tier=new")]))
    (row,) = found.changes
    assert row["new_level"] == pytest.approx([100 / 3] * 3, rel=1e-3)
    assert max(row["new_level"]) <= 100 / 3
    assert found.least == pytest.approx(1 - 100 / 120, rel=1e-6)
    assert [len(r["names"]) for r in found.conflict] == [3]


def test_one_anchor_that_cannot_have_its_floor_is_the_one_whose_floor_is_lowered():
    platform = al.Platform(
        indptr=[0, 2, 4],
        anchor=[0, 1, 1, 2],
        value=np.ones(4),
        supply=[10.0, 100.0],
        anchors={"id": ["thin", "wide", "other"]},
    )
    found = al.diagnose(al.Problem(platform, al.GMV(), [al.Floor(20.0)]))
    assert [row["names"] for row in found.conflict] == [["thin"]]
    (row,) = found.changes
    assert row["names"] == ["thin"]
    assert row["new_level"] == pytest.approx([10.0])


def test_a_head_cap_and_a_gmv_level_clash_and_the_gmv_falls_to_what_the_cap_allows():
    platform = star(values=(10.0, 1.0, 1.0, 1.0))
    rules = [al.HeadCap(top=1, share=0.25), al.GMVAtLeast(600.0), al.Floor(1.0)]
    found = al.diagnose(al.Problem(platform, al.GMV(), rules))
    assert {row["rule"] for row in found.conflict} == {"HeadCap(top 1)", "GMVAtLeast"}
    assert found.least > 0
    solved = al.solve(found.relaxed)
    assert solved.certificate.feasible


@pytest.mark.parametrize(
    "rules",
    [
        [al.GiniAtMost(0.05), al.GMVAtLeast(900.0)],
        [al.HHIAtMost(0.27), al.GMVAtLeast(900.0)],
        [al.FairnessAtLeast(al.Nash(), 4 * np.log(24.0)), al.GMVAtLeast(900.0)],
        [al.SegmentCap(0.4), al.GMVAtLeast(900.0)],
        [al.SegmentFloor(1.0), al.Cap(20.0)],
        [al.GroupShare("tier", at_least={"new": 0.7}, at_most={"new": 0.8}), al.Floor(40.0, where=["a0"])],
        [al.FairnessAtLeast(al.MaxMin(), 20.0), al.Cap(10.0, where=["a3"])],
    ],
    ids=str,
)
def test_every_kind_of_rule_is_diagnosed_and_its_least_change_can_be_kept(rules):
    problem = al.Problem(star(), al.GMV(), rules)
    found = al.diagnose(problem)
    assert found.status is al.Status.INFEASIBLE
    assert found.proved
    assert found.irreducible
    assert len(found.conflict) == 2
    assert found.relaxed is not None
    assert al.solve(found.relaxed, relative_gap=1e-3).certificate.feasible
    for row in found.conflict:
        assert row["rule"] in str(found)


def test_rules_that_only_the_empty_flow_keeps_leave_nothing_to_serve():
    groups = [al.GroupShare(["a0"], at_least=0.6), al.GroupShare(["a1"], at_least=0.6)]
    problem = al.Problem(star(), al.GMV(), groups)
    assert al.solve(problem).gmv == pytest.approx(0.0, abs=1e-6)
    found = al.diagnose(problem)
    assert found.status is al.Status.INFEASIBLE
    assert found.proved
    assert "serving anything at all" in str(found)
    assert found.total_change == pytest.approx(2 - 1 / 0.6, rel=0.2)
    assert al.solve(found.relaxed).gmv > 1.0


def test_rules_that_can_be_kept_are_said_to_be():
    found = al.diagnose(al.Problem(star(), al.GMV(), [al.Floor(10.0), al.Cap(40.0), al.Budget(total=90.0)]))
    assert found.status is al.Status.FEASIBLE
    assert "can be kept" in str(found)


@example(1e-6)
@example(1e9)
@given(st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e9]))
def test_the_unit_of_traffic_changes_no_diagnosis(scale):
    def diagnosed(unit):
        platform = star(supply=100.0 * unit)
        rules = [al.Floor(30.0 * unit), al.Cap(10.0 * unit, where=["a1"]), al.GroupShare("tier", at_most={"new": 0.5})]
        return al.diagnose(al.Problem(platform, al.GMV(), rules))

    plain, scaled = diagnosed(1.0), diagnosed(scale)
    assert [row["rule"] for row in plain.conflict] == [row["rule"] for row in scaled.conflict]
    assert scaled.least == pytest.approx(plain.least, rel=1e-6)


@pytest.mark.parametrize("solver", ["auto", "prices", "linear", "conic", "flow"])
def test_errors_of_solve_lead_to_the_diagnosis(solver):
    rules = [al.Floor(40.0, where="tier=new")]
    with pytest.raises(al.AllocationError, match="diagnose tells which rules clash") as error:
        al.solve(al.Problem(star(), al.GMV(), rules), solver=solver)
    assert error.value.status is al.Status.INFEASIBLE


def test_groups_clash_beside_a_cap_on_edges_that_does_not_matter():
    groups = al.GroupShare("tier", at_least={"new": 0.9}, at_most={"head": 0.3, "new": 0.95})
    found = al.diagnose(al.Problem(star(), al.GMV(), [al.SegmentCap(0.9), groups, al.Floor(40.0, where=["a0"])]))
    assert found.irreducible
    assert {row["rule"] for row in found.conflict} == {"GroupShare by tier", "Floor"}
    assert [len(row["level"]) for row in found.conflict] == [1, 1]


def test_caps_of_some_anchors_and_a_level_of_zero_are_changed_where_they_must_be():
    rules = [al.Cap(0.0, where=["a0"]), al.Floor(30.0, where=["a0"]), al.Cap(5.0, where=["a1"])]
    found = al.diagnose(al.Problem(star(), al.GMV(), rules))
    assert {row["rule"] for row in found.conflict} == {"Cap", "Floor"}
    assert found.relaxed is not None
    assert possible(found.relaxed)


def test_soft_rules_keep_their_names_and_hard_ones_theirs():
    found = al.diagnose(al.Problem(star(), al.GMV(), [al.Floor(1.0, soft=2.0), al.Floor(40.0)]))
    assert [row["rule"] for row in found.conflict] == ["Floor (2)"] == [row["rule"] for row in found.changes]


def test_a_level_of_zero_asks_for_something_where_welfare_may_be_below_it():
    found = al.diagnose(al.Problem(star(4.0), al.GMV(), [al.FairnessAtLeast(al.Nash(), 0.0), al.GMVAtLeast(39.0)]))
    assert found.proved
    assert len(found.conflict) == 2
