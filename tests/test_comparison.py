"""Several solvers on one problem: they agree within what they prove, and none of them can end the comparison."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings

import allocator as al
from allocator import comparison
from allocator.solvers.baselines import Baseline
from strategies import problems


def small(*rules, welfare=None):
    platform = al.synthetic.kuaishou(40, 8, rng=np.random.default_rng(0))
    return al.Problem(platform, al.GMV() if welfare is None else al.GMV() + welfare, rules)


@dataclass(frozen=True)
class Scripted(al.Solver):
    """A solver that does as it is told: raises, or answers the even flow without multipliers."""

    act: object = None

    def supports(self, problem):
        return None

    def build(self, problem, goal):
        def answer():
            if self.act is not None:
                raise self.act
            return al.Answer(problem.platform.even_flow, iterations=7)

        return answer


@dataclass(frozen=True)
class Large(Scripted):
    """Breaks down on the two edges on which solvers are loaded."""

    def build(self, problem, goal):
        if problem.platform.edge_count == 2:
            raise ValueError("too small")
        return super().build(problem, goal)


@settings(max_examples=15)
@given(problems(scales=(1.0, 1e4)))
def test_all_that_answer_agree_within_what_they_prove(problem):
    rows = [row for row in al.compare(problem, relative_gap=1e-6) if "reason" not in row]
    assume(rows)
    scale = max(abs(row["objective"]) for row in rows) + al.certify(problem, problem.platform.even_flow).scale
    for one in rows:
        for other in rows:
            slack = 1e-8 * scale + 1e-12
            assert one["objective"] <= other["bound"] + slack, (one, other)
            assert abs(one["objective"] - other["objective"]) <= max(one["gap"], other["gap"], 0.0) + slack
        if one["best_bound_by"] is not None:
            (best,) = [row for row in rows if row["solver"] == one["best_bound_by"]]
            assert best["bound"] == min(row["bound"] for row in rows) < one["bound"]
            assert one["relative_gap_to_best"] <= one["relative_gap"]


def test_rows_say_what_the_allocation_says():
    problem = small(al.Floor("even:0.5"))
    (row,) = al.compare(problem, ["flow"])
    allocation = al.solve(problem, solver="flow")
    assert row["objective"] == allocation.certificate.objective
    assert row["relative_gap"] == allocation.certificate.relative_gap
    assert row["bound"] - row["objective"] == pytest.approx(row["gap"], abs=1e-9 * abs(row["bound"]))
    assert (row["status"], row["gmv"], row["best_bound_by"]) == ("CERTIFIED", allocation.gmv, None)


def test_the_default_is_every_solver_that_optimises_and_takes_the_problem(monkeypatch):
    of_gmv = small(al.Floor("even:0.5", of="gmv"))
    for problem in (small(), small(welfare=al.Nash()), of_gmv, small(welfare=al.MaxMin())):
        names = comparison.contenders(problem)
        for name, kind in al.SOLVERS.items():
            assert (name in names) == (kind().supports(problem) is None and not issubclass(kind, Baseline))
    monkeypatch.setattr(comparison, "SECOND_OPINION", 1)
    large = comparison.contenders(small())
    assert not {"conic", "linear"} & set(large)
    assert {"flow", "prices"} <= set(large)
    assert "prices" in comparison.contenders(small(welfare=al.MaxMin()))
    assert {"conic", "linear"} <= set(comparison.contenders(small(al.SegmentCap(0.5, soft=1.0))))


def test_a_comparison_outlives_every_failure():
    failures = [
        Scripted(RuntimeError("no\nluck")),
        Scripted(al.NoAnswer("gave up")),
        Scripted(al.CertificateError("above its bound")),
        Scripted(MemoryError()),
    ]
    rows = al.compare(small(welfare=al.Nash()), ["flow", *failures, Large(), "prices"])
    assert [row["status"] for row in rows] == ["UNSUPPORTED", *["FAILED"] * 4, "FEASIBLE", "CERTIFIED"]
    said = ("conic can take it", "RuntimeError: no luck", "gave up", "above its bound", "MemoryError")
    for row, words in zip(rows, said, strict=False):
        assert words in row["reason"]
        assert "\n" not in row["reason"]
        assert set(row) == {"solver", "status", "reason"}


def test_interrupting_one_solver_ends_the_comparison():
    with pytest.raises(KeyboardInterrupt):
        al.compare(small(), [Scripted(KeyboardInterrupt()), "flow"])


def test_a_solver_without_multipliers_is_judged_by_the_best_bound_of_the_others():
    problem = small(welfare=al.Nash())
    even, exact = al.compare(problem, [Scripted(), "prices"], relative_gap=1e-5)
    assert (even["best_bound_by"], even["iterations"]) == ("prices", 7)
    scale = even["gap"] / even["relative_gap"]
    assert even["relative_gap_to_best"] == pytest.approx((exact["bound"] - even["objective"]) / scale)
    assert even["relative_gap_to_best"] < even["relative_gap"]
    assert exact["best_bound_by"] is exact["relative_gap_to_best"] is None
    (alone,) = al.compare(problem, [Scripted()])
    assert alone["best_bound_by"] is alone["relative_gap_to_best"] is None


def test_contradicting_rules_are_every_solvers_answer():
    rows = al.compare(small(al.Floor("reach:2")), ["flow", "prices"])
    assert [row["status"] for row in rows] == ["INFEASIBLE"] * 2
    assert all("lower the floor" in row["reason"] for row in rows)


@pytest.mark.parametrize(
    ("solvers", "options", "words"),
    [
        (["flow", "prizes"], {}, "did you mean 'prices'"),
        (["linear:glopp"], {}, "glop"),
        (["flow"], {"relative_gap": -1.0}, "relative gap"),
        (["flow"], {"seconds": 0.0}, "time limit"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(solvers, options, words):
    told = []
    with pytest.raises(ValueError, match=words):
        al.compare(small(), solvers, report=told.append, **options)
    assert told == []


def test_what_is_no_solver_is_refused():
    with pytest.raises(TypeError, match="not 3"):
        al.compare(small(), ["flow", 3])


def test_news_begins_with_the_name_of_the_solver():
    told = []
    al.compare(small(welfare=al.Nash()), ["prices", "flow"], report=told.append)
    assert {line.partition(":")[0] for line in told} == {"prices", "flow"}
    assert told[-1] == "flow: unsupported"
