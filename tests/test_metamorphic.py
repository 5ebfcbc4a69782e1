"""Laws about what must happen when a problem changes, whoever solves it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from strategies import platforms, problems, terms

GAP = 1e-6
FEWER = settings(max_examples=max(10, settings.default.max_examples // 2))
PLAIN = (1.0,)


def optimum(problem):
    """(objective, what the true optimum may exceed it by)."""
    certificate = al.solve(problem, relative_gap=GAP).certificate
    return certificate.objective, max(certificate.gap, 0.0) + certificate.rounding + 1e-8 * certificate.scale


def with_platform(problem, **changes):
    p = problem.platform
    fields = {
        name: getattr(p, name)
        for name in ("indptr", "anchor", "value", "supply", "capacity", "observed", "segments", "anchors")
    }
    return al.Problem(al.Platform(**(fields | changes)), problem.objective, problem.rules)


@FEWER
@given(problems(scales=PLAIN), st.sampled_from([1.001, 1.5, 10.0]))
def test_more_supply_never_hurts(problem, factor):
    less, _ = optimum(problem)
    more, slack = optimum(with_platform(problem, supply=problem.platform.supply * factor))
    assert more >= less - slack


@FEWER
@given(problems(scales=PLAIN), st.sampled_from([0.1, 0.5, 0.99]))
def test_a_tighter_rule_never_raises_the_optimum(problem, factor):
    loose, slack = optimum(problem)
    try:
        tight, _ = optimum(al.Problem(problem.platform, problem.objective, [*problem.rules, al.Cap(f"even:{factor}")]))
    except (al.AllocationError, ValueError):
        return
    assert tight <= loose + slack


@FEWER
@given(problems(scales=PLAIN), st.randoms(use_true_random=False))
def test_relabelling_changes_nothing(problem, random):
    p = problem.platform
    to_segment, to_anchor = list(range(p.segment_count)), list(range(p.anchor_count))
    random.shuffle(to_segment)
    random.shuffle(to_anchor)
    to_segment, to_anchor = np.array(to_segment), np.array(to_anchor)
    back_s, back_a = np.argsort(to_segment), np.argsort(to_anchor)
    moved = al.Platform.from_edges(
        to_segment[p.segment], to_anchor[p.anchor], p.value, supply=p.supply[back_s], capacity=p.capacity[back_a]
    )
    rules = []
    for rule in problem.rules:
        bound = rule.bind(p)
        rules.append(type(rule)(bound.level[back_a], of=rule.of))
    (here, slack), (there, other) = optimum(problem), optimum(al.Problem(moved, problem.objective, rules))
    assert abs(here - there) <= max(slack, other)


@FEWER
@given(problems(scales=PLAIN), st.floats(0, 1))
def test_splitting_a_segment_in_two_changes_nothing(problem, share):
    p = problem.platform
    last = slice(p.indptr[-2], p.indptr[-1])
    supply = np.append(p.supply, p.supply[-1] * (1 - share))
    supply[-2] *= share
    split = al.Platform(
        np.append(p.indptr, p.indptr[-1] + p.indptr[-1] - p.indptr[-2]),
        np.append(p.anchor, p.anchor[last]),
        np.append(p.value, p.value[last]),
        supply,
        capacity=p.capacity,
    )
    rules = [type(rule)(rule.bind(p).level, of=rule.of) for rule in problem.rules]
    (here, slack), (there, other) = optimum(problem), optimum(al.Problem(split, problem.objective, rules))
    assert abs(here - there) <= max(slack, other)


@FEWER
@given(problems(scales=PLAIN), st.sampled_from([1e-6, 1e3, 1e9]))
def test_scaling_values_and_weights_scales_the_optimum(problem, factor):
    p = problem.platform
    if any(t.of == "gmv" and not isinstance(t, al.GMV) for t in (*problem.objective.terms, *problem.rules)):
        return  # levels in currency would have to be scaled too
    objective = None
    for term in problem.objective.terms:
        scaled = term if isinstance(term, al.GMV) else factor * term
        objective = scaled if objective is None else objective + scaled
    (here, slack), (there, other) = (
        optimum(problem),
        optimum(with_platform(al.Problem(p, objective, problem.rules), value=p.value * factor)),
    )
    assert there == pytest.approx(factor * here, abs=factor * slack + other)


@FEWER
@given(platforms(scales=PLAIN), terms(), st.floats(0.01, 10), st.floats(1.1, 100))
def test_along_the_frontier_fairness_rises_and_gmv_falls(platform, term, low, ratio):
    problem = al.Problem(platform, al.GMV() + term)
    high = low * ratio
    points = [al.weighted(problem, weight) for weight in (low, high)]
    found = [al.solve(point, relative_gap=GAP) for point in points]
    lam = [point.objective.terms[-1].weight for point in points]
    gap = [max(a.certificate.gap, 0.0) + a.certificate.rounding + 1e-8 * a.certificate.scale for a in found]
    bound = term.bind(platform)
    fairness = [float(bound.value(a.totals).sum()) for a in found]
    step = lam[1] - lam[0]
    if step > 0 and np.isfinite(fairness).all():
        assert fairness[1] - fairness[0] >= -sum(gap) / step
        assert found[0].gmv - found[1].gmv >= -(lam[1] * gap[0] + lam[0] * gap[1]) / step


@FEWER
@given(problems(scales=PLAIN))
def test_a_rule_that_nobody_feels_changes_nothing(problem):
    idle = al.Problem(
        problem.platform,
        problem.objective,
        [*problem.rules, al.Floor(0), al.Cap(np.inf), al.Cap("reach:2"), al.Cap("reach:2", of="gmv")],
    )
    (here, slack), (there, other) = optimum(problem), optimum(idle)
    assert abs(here - there) <= max(slack, other)


@FEWER
@given(problems(scales=PLAIN))
def test_adding_a_worthless_anchor_changes_gmv_nothing(problem):
    p = problem.platform
    if len(problem.objective.terms) > 1 or not isinstance(problem.objective.terms[0], al.GMV):
        return
    wider = al.Platform.from_edges(
        np.append(p.segment, 0),
        np.append(p.anchor, p.anchor_count),
        np.append(p.value, 0.0),
        supply=p.supply,
        capacity=np.append(p.capacity, np.inf),
    )
    rules = [
        type(rule)(np.append(rule.bind(p).level, np.inf if isinstance(rule, al.Cap) else 0.0), of=rule.of)
        for rule in problem.rules
    ]
    (here, slack), (there, other) = optimum(problem), optimum(al.Problem(wider, problem.objective, rules))
    assert abs(here - there) <= max(slack, other)
