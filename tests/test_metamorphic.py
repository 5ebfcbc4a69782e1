"""Laws about what must happen when a problem changes, whoever solves it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Welfare
from strategies import CONSTRAINTS, TERMS, frames, multipliers, problems, recipes

GAP = 1e-6
FEWER = settings(max_examples=max(10, settings.default.max_examples // 2))
FEW = settings(max_examples=max(10, settings.default.max_examples // 4))
PLAIN = (1.0,)
ANY = {"scales": PLAIN, "welfare": tuple(TERMS), "rules": None, "soft": True}


def optimum(problem):
    """(objective, what the true optimum may exceed it by)."""
    certificate = al.solve(problem, relative_gap=GAP).certificate
    return certificate.objective, max(certificate.gap, 0.0) + certificate.rounding + 1e-8 * certificate.scale


def equal(one, other):
    (here, slack), (there, more) = optimum(one), optimum(other)
    assert abs(here - there) <= max(slack, more)


def fixed(problem):
    """The problem with every level as a number: it no longer depends on the platform."""
    terms = [term for term in problem.terms if isinstance(term, Welfare)]
    return al.Problem(problem.platform, al.rules.Objective(tuple(terms)), problem.constraints)


def changed(platform, **changes):
    fields = ["indptr", "anchor", "value", "supply", "capacity", "observed", "measures", "segments", "anchors"]
    return al.Platform(**({name: getattr(platform, name) for name in fields} | changes))


def moved(problem, platform):
    return al.Problem(platform, problem.objective, problem.rules)


# The platform changes
# -----------------------------------------------------------------------------------------------------------


@FEWER
@given(problems(**ANY), st.sampled_from([1.001, 1.5, 10.0]))
def test_more_supply_never_hurts(problem, factor):
    """Except floors of segments, whose level is a part of the supply."""
    assume(not any(isinstance(rule, al.SegmentFloor) for rule in problem.rules))
    less, _ = optimum(fixed(problem))
    more, slack = optimum(moved(fixed(problem), changed(problem.platform, supply=problem.platform.supply * factor)))
    assert more >= less - slack


@FEWER
@given(recipes(**ANY), st.randoms(use_true_random=False))
def test_relabelling_changes_nothing(recipe, random):
    p = recipe.platform
    to_segment, to_anchor = list(range(p.segment_count)), list(range(p.anchor_count))
    random.shuffle(to_segment)
    random.shuffle(to_anchor)
    to_segment, to_anchor = np.array(to_segment), np.array(to_anchor)
    back = np.argsort(to_anchor)
    relabelled = al.Platform.from_edges(
        to_segment[p.segment],
        to_anchor[p.anchor],
        p.value,
        supply=p.supply[np.argsort(to_segment)],
        capacity=p.capacity[back],
        measures=p.measures,
        anchors={name: column[back] for name, column in p.anchors.items()},
    )
    equal(recipe.problem, recipe.on(relabelled))


@FEWER
@given(problems(**ANY), st.floats(0, 1))
def test_splitting_a_segment_in_two_changes_nothing(problem, share):
    """Except where an adversary counts edges."""
    assume(not any(getattr(term, "per", "anchor") == "edge" for term in problem.terms))
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
        measures={name: np.append(amounts, amounts[last]) for name, amounts in p.measures.items()},
        anchors=p.anchors,
    )
    equal(problem, moved(fixed(problem), split))


@FEWER
@given(recipes(**ANY), st.sampled_from([1e-6, 1e3, 1e9]))
def test_scaling_values_scales_the_optimum(recipe, factor):
    """Levels of GMV, weights of welfare and prices of soft rules are in currency and move with the values."""
    p = recipe.platform
    assume(p.even_amounts("gmv").any() and not any(getattr(t, "deviation", None) for t in recipe.problem.terms))
    (here, slack), (there, other) = (
        optimum(recipe.problem),
        optimum(recipe.on(changed(p, value=p.value * factor))),
    )
    constant = np.log(factor) * logarithms(recipe.problem, "gmv")
    assert there == pytest.approx(factor * (here + constant), abs=factor * slack + other)


def logarithms(problem, *goods):
    """What Nash welfare gains where every amount is e times as large."""
    nash = [t for t in problem.welfare if isinstance(t, al.AlphaFair) and t.alpha == 1 and t.of in (goods or (t.of,))]
    return sum(float((term.c * term.m).sum()) for term in nash)


@FEWER
@given(recipes(**ANY), st.sampled_from([1e-6, 1e3, 1e9]))
def test_scaling_supply_scales_the_optimum(recipe, factor):
    p = recipe.platform
    assume(p.even_amounts("gmv").any())
    (here, slack), (there, other) = (
        optimum(recipe.problem),
        optimum(recipe.on(changed(p, supply=p.supply * factor))),
    )
    constant = np.log(factor) * logarithms(recipe.problem)
    assert there == pytest.approx(factor * (here + constant), abs=factor * slack + other)


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
    equal(problem, al.Problem(wider, problem.objective, rules))


# A rule changes
# -----------------------------------------------------------------------------------------------------------


@FEWER
@given(recipes(**ANY), st.data())
def test_one_more_rule_never_raises_the_optimum(recipe, data):
    problem, name = recipe.problem, data.draw(st.sampled_from(sorted(CONSTRAINTS)))
    try:
        more = al.Problem(
            problem.platform,
            problem.objective,
            [*problem.rules, CONSTRAINTS[name](frames(data.draw, problem.platform))],
        )
    except ValueError:
        return
    loose, slack = optimum(problem)
    assert optimum(more)[0] <= loose + slack


@FEWER
@given(recipes(**ANY | {"soft": False}))
def test_tighter_levels_never_raise_the_optimum(recipe):
    """Levels further from what the even flow keeps against those that it keeps just; of a fairness level, which
    depends on its own numbers, and of welfare, the numbers stay.
    """

    def tightened(rule):
        if isinstance(rule.on(recipe.platform), al.FairnessAtLeast):
            return rule
        return replace(rule, frame=replace(rule.frame, share=max(rule.frame.share, 0.9), more=1.0))

    loose, slack = optimum(recipe.problem)
    try:
        tight = replace(recipe, rules=tuple(map(tightened, recipe.rules))).problem
    except ValueError:
        return
    assert optimum(tight)[0] <= loose + slack


@FEWER
@given(problems(**ANY))
def test_rules_that_nobody_feels_change_nothing(problem):
    n, everybody = int((problem.platform.reach > 0).sum()), np.ones(problem.platform.anchor_count, bool)
    assume(n)
    idle = [
        *(al.Floor(0), al.Cap(np.inf), al.Cap("reach:2"), al.Cap("reach:2", of="gmv"), al.Capacity(), al.ReachFloor(0)),
        *(al.HeadCap(n, 1.0), al.GiniAtMost(1.0), al.HHIAtMost(1.0), al.GMVAtLeast(0.0)),
        *(al.GroupShare(everybody, at_most=1.0), al.GroupShare(everybody, at_least=1.0), al.GroupShare("firm", 0.0)),
        al.GroupShare("firm", at_most=2 * problem.platform.total_of("cost"), unit="amount", of="cost"),
        al.Budget(2.0, total=3 * problem.platform.total_of("gmv"), of="gmv"),
        *(al.SegmentCap(1.0), al.SegmentFloor(0.0), al.FairnessAtLeast(al.MaxMin(), 0.0)),
    ]
    equal(problem, al.Problem(problem.platform, problem.objective, [*problem.rules, *idle]))


@FEWER
@given(recipes(**ANY | {"soft": False}), st.sampled_from([1e-6, 0.1, 1.0, 10.0, 1e6]), st.data())
def test_soft_rules_lie_between_the_hard_rule_and_none(recipe, price, data):
    """By what they cost: at any price the optimum is at least that of the hard rules, and at least what the free
    optimum is worth after it has paid.
    """
    if not recipe.rules:
        return
    soft = replace(recipe, rules=tuple(replace(rule, soft=price) for rule in recipe.rules)).problem
    free = replace(recipe, rules=()).problem
    least, middle, most = (al.solve(p, relative_gap=GAP) for p in (recipe.problem, soft, free))
    slack = [max(a.certificate.gap, 0.0) + a.certificate.rounding + 1e-8 * a.certificate.scale for a in (middle, most)]
    assert middle.certificate.objective >= least.certificate.objective - slack[0]
    assert middle.certificate.objective <= most.certificate.objective + slack[1]
    paid = -sum(float(rule.value(most.totals).sum()) for rule in soft.constraints)
    assert middle.certificate.objective >= most.certificate.objective - paid - slack[0] - 1e-9 * paid


@FEWER
@given(problems(**ANY | {"soft": False}), st.data())
def test_beyond_its_shadow_price_a_soft_rule_is_a_hard_one(problem, data):
    """The same multipliers give the same bound (exact penalties: Han and Mangasarian 1979)."""
    mine = [term.fit(term.marginals(data.draw(multipliers(term)))) for term in problem.terms]
    price = 1.0 + max((float(np.abs(m).max(initial=0.0)) for m in mine if m is not None), default=0.0)
    price += float(np.abs(problem.surplus(mine).on_edges()).max())
    soft = al.Problem(problem.platform, problem.objective, [replace(rule, soft=price) for rule in problem.rules])
    hard, rounding = al.certificate.upper_bound(problem, mine)
    assert al.certificate.upper_bound(soft, mine)[0] == pytest.approx(hard, abs=2 * rounding)


# Welfare against GMV
# -----------------------------------------------------------------------------------------------------------


@FEW
@given(recipes(scales=PLAIN, welfare=tuple(TERMS), rules=()), st.floats(0.01, 10), st.floats(1.1, 100))
def test_along_the_frontier_fairness_rises_and_gmv_falls(recipe, low, ratio):
    assume(recipe.term is not None)
    problem = al.Problem(recipe.platform, al.GMV() + recipe.term.on(recipe.platform))
    points = [al.weighted(problem, weight) for weight in (low, low * ratio)]
    found = [al.solve(point, relative_gap=GAP) for point in points]
    lam = [point.objective.terms[-1].weight for point in points]
    gap = [max(a.certificate.gap, 0.0) + a.certificate.rounding + 1e-8 * a.certificate.scale for a in found]
    bound = recipe.term.on(recipe.platform).bind(recipe.platform)
    fairness = [float(bound.value(a.totals).sum()) for a in found]
    step = lam[1] - lam[0]
    if step > 0 and np.isfinite(fairness).all():
        assert fairness[1] - fairness[0] >= -sum(gap) / step
        assert found[0].gmv - found[1].gmv >= -(lam[1] * gap[0] + lam[0] * gap[1]) / step
