"""Linear programs that come nearer: mixtures of rules, ranks in windows, edges that are left out and come in."""

import numpy as np
import pytest

import allocator as al
from allocator.driver import Goal
from allocator.rules import Totals
from allocator.solvers.tangents import Programs

THIN = al.synthetic.kuaishou(segments=120, anchors=40, rng=np.random.default_rng(7))
GROUPS = al.GroupShare("tier", at_least={"new": 0.2}, at_most={"head": 0.4})
HEAD, GINI, NASH = al.HeadCap(4, 0.3), al.GiniAtMost(0.5), al.FairnessAtLeast(al.Nash(), 300.0)
WORST, SEGMENTS = al.FairnessAtLeast(al.MaxMin(), 300.0), al.SegmentCap(0.5)
MIXTURES = {
    "groups and a head": (al.GMV(), [GROUPS, HEAD]),
    "and a Gini cap": (al.GMV() + 1000 * al.Nash(), [GROUPS, HEAD, GINI]),
    "and the worst-off": (al.GMV() + 1000 * al.Entropy(), [GROUPS, HEAD, WORST]),
    "and levels of welfare": (al.GMV(), [GROUPS, HEAD, NASH, WORST]),
    "and edges": (al.GMV() + 100 * al.Gini(), [GROUPS, HEAD, GINI, WORST, SEGMENTS]),
    "an index": (al.GMV() + 1000 * al.AlphaFair(2), [al.HHIAtMost(0.06), HEAD]),
}


@pytest.mark.parametrize("solver", ["tangents", "prices", "auto"])
@pytest.mark.parametrize("mixture", MIXTURES)
def test_mixtures_of_rules_on_few_segments_are_certified(mixture, solver):
    objective, rules = MIXTURES[mixture]
    assert al.solve(al.Problem(THIN, objective, rules), solver=solver).status is al.Status.CERTIFIED


@pytest.mark.parametrize(
    ("objective", "rules"),
    [(al.GMV() + 100 * al.Gini(), []), (al.GMV(), [al.GiniAtMost(0.3)])],
    ids=["welfare", "cap"],
)
def test_ranks_in_windows_are_worth_as_much_as_all_of_them(objective, rules):
    platform = al.synthetic.heavy_tailed(200, 70, degree=5, rng=np.random.default_rng(1))
    problem = al.Problem(platform, objective, rules)
    assert problem.terms[1].curved
    all_of_them = al.solve(problem, solver="linear", relative_gap=1e-8)
    windows = al.solve(problem, solver="tangents", relative_gap=1e-7)
    assert windows.certificate.objective == pytest.approx(all_of_them.certificate.objective, rel=1e-6)


@pytest.mark.parametrize("rules", [[], [HEAD], [GROUPS, HEAD, WORST]], ids=["none", "a head", "three"])
@pytest.mark.parametrize("welfare", [1000 * al.Nash(), 10 * al.Concentration()], ids=lambda term: term.name)
def test_edges_left_out_come_in_when_prices_ask_for_them(rules, welfare):
    problem = al.Problem(THIN, al.GMV() + welfare, rules)
    some = np.arange(0, THIN.edge_count, 7)
    found = Programs(problem, Goal(1e-5), Totals.even(THIN), some).solve()
    assert found.gap <= 1e-5
    assert np.delete(found.answer.flow, some).any()


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.2])
def test_a_time_limit_ends_in_a_bound_that_holds_or_says_so(seconds):
    problem = al.Problem(THIN, *MIXTURES["and a Gini cap"])
    best = al.solve(problem, solver="tangents").certificate
    try:
        hurried = al.solve(problem, solver="tangents", seconds=seconds).certificate
    except al.AllocationError as error:
        assert error.status is al.Status.FAILED
    else:
        assert best.objective <= hurried.bound + hurried.rounding
        assert hurried.objective <= best.bound + best.rounding
