"""Shadow prices are supergradients of the optimum in the level of every rule.

Multipliers that are good for one level are good for every other: weak duality with the multipliers of the old level
bounds every flow x under the new one, objective(x) <= bound(old) + price(x) . h for both signs of h (derived here). The
price of a level that is a share of what is served, or a radius, counts what x itself serves or may lose; in currency it
is that of the optimum. The index of Herfindahl and Hirschman enters by its root, which is concave: the price is an
upper estimate for every h.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.certificate import upper_bound
from allocator.rules import Constraint, Totals
from allocator.solvers import named
from frames import Frame
from strategies import CONSTRAINTS, GOODS, SALES, bound_rules, flows, multipliers

EACH = settings(max_examples=max(10, settings.default.max_examples // 5))
FEW = settings(max_examples=max(5, settings.default.max_examples // 12))
PRICED = {
    name: maker
    for name, maker in {**CONSTRAINTS, **SALES}.items()
    if name != ("GMV" if maker in SALES.values() else "")
}
LEVELS = {
    al.HeadCap: "share",
    al.GiniAtMost: "level",
    al.HHIAtMost: "level",
    al.Budget: "total",
    al.GMVAtLeast: "amount",
    al.FairnessAtLeast: "level",
    al.SegmentCap: "share",
    al.SegmentFloor: "share",
    al.RobustGMV: "radius",
}
"""Where a rule with one level keeps it."""
every_rule = pytest.mark.parametrize("name", sorted(PRICED))
steps = st.sampled_from([-1.0, -0.3, -1e-3, 1e-3, 0.3, 1.0])


def moved(rule, step):
    """(the rule at other levels, by how much each moved): ``step`` in parts of the level, or of something like it."""
    free = replace(rule, platform=None)
    if isinstance(rule, al.Cap | al.Floor):
        level = np.where(np.isfinite(rule.level), rule.level, 0.0)
        h = np.where(np.isfinite(rule.level), _step(level, step, 0.1 * rule.reach), 0.0)
        h[::2] *= -1.0 if step > 0 else 0.5
        h = np.maximum(h, -level)
        return replace(free, level=rule.level + h), h
    if isinstance(rule, al.GroupShare):
        return _moved_groups(free, step, rule)
    name = LEVELS[type(rule)]
    level = getattr(rule, name)
    h = _step(level, step, 0.1)
    return replace(free, **{name: level + h}), h


def _step(level, step, least):
    return np.maximum(step * np.maximum(np.abs(level), least), -np.abs(level) if np.all(level >= 0) else -np.inf)


def _moved_groups(free, step, rule):
    """Every other level the other way; levels of zero, which are no rows, stay."""
    most = 1.0 if rule.unit == "share" else np.inf
    sides, changes = {}, []
    for side, sign in (("at_least", 1.0), ("at_most", -1.0)):
        levels = getattr(rule, side)
        one = not isinstance(levels, dict)
        levels = {rule.groups: levels} if one and levels is not None else levels or {}
        by = {g: (-1) ** k * 0.9 * step * level for k, (g, level) in enumerate(levels.items())}
        by = {g: min(change, most - levels[g]) for g, change in by.items()}
        names = rule.sides.names[rule.sides.per_level == sign]
        changes += [by[str(name) if one else str(name).partition("=")[2]] for name in names]
        if levels:
            after = {g: levels[g] + by[g] for g in levels}
            sides[side] = after[rule.groups] if one else after
    return replace(free, **sides), np.array(changes)


def problem_of(rule, weight=0.0, others=()):
    """GMV and perhaps welfare under a rule, or the worst case in its place."""
    sales = rule if not isinstance(rule, Constraint) else al.GMV()
    rules = [rule, *others] if isinstance(rule, Constraint) else others
    if not weight:
        return al.Problem(rule.platform, sales, rules)
    return al.weighted(al.Problem(rule.platform, sales + al.MaxMin(), rules), weight)


def term_of(problem, rule):
    return next(k for k, term in enumerate(problem.terms) if type(term) is type(rule))


@every_rule
@EACH
@given(st.data(), steps)
def test_prices_bound_every_flow_under_other_levels_with_any_admissible_multipliers(name, data, step):
    rule = data.draw(bound_rules({name: PRICED[name]}, scales=(1.0, 1e4)))
    problem, flow = problem_of(rule), data.draw(flows(rule.platform))
    try:
        other, h = moved(rule, step)
        other = other.bind(rule.platform)
    except ValueError:
        assume(False)
    if isinstance(other, al.SegmentCap) and other.soft is None:
        flow = np.minimum(flow, other.limit)
    mine = [term.fit(term.marginals(data.draw(multipliers(term)))) for term in problem.terms]
    k, totals = term_of(problem, rule), Totals(rule.platform, flow)
    bound, rounding = upper_bound(problem, mine)
    price = rule.shadow_price(mine[k], totals, problem.surplus(mine))
    worth = other.value(totals).sum() + (totals.of("gmv").sum() if isinstance(rule, Constraint) else 0.0)
    credit = other.credit(mine[k], totals) if isinstance(rule, Constraint) and rule.soft is None else 0.0
    change = float(np.sum(price * h))
    size = abs(worth) + abs(bound) + abs(float(np.sum(np.abs(price * h)))) + credit
    assert worth <= bound + rounding + change + credit + 1e-9 * size


def supergradient(rule, step, solver, weight=0.0, others=()):
    """(objective at other levels, what the price at the levels of ``rule`` allows, the price as it is stated); None
    where no flow keeps the other levels.
    """
    other, h = moved(rule, step)
    before, after = (problem_of(r, weight, others) for r in (rule, replace(other, platform=rule.platform)))
    base = al.solve(before, solver=solver, relative_gap=1e-7)
    try:
        there = al.solve(after, solver=solver, relative_gap=1e-7)
    except al.AllocationError:
        return None
    k, certificate = term_of(before, rule), base.certificate
    price = before.terms[k].shadow_price(base.multipliers[k], there.totals, base.surplus)
    slack = 1e-8 * (certificate.scale + there.certificate.scale) + 1e-12
    stated = base.shadow_prices[before.labels[k]]
    assert np.shape(stated) == np.shape(price)
    allowed = certificate.bound + certificate.rounding + float(np.sum(price * h)) + slack
    return there.certificate.objective, allowed, stated


@every_rule
@FEW
@given(st.data(), steps, st.sampled_from([0.0, 0.1, np.inf]))
def test_shadow_prices_are_supergradients_of_the_optimum(name, data, step, weight):
    rule = data.draw(bound_rules({name: PRICED[name]}, scales=(1.0,)))
    weight = weight if isinstance(rule, Constraint) else min(weight, 1.0)
    able = [
        s
        for s in ("conic", "linear", "tangents", "flow", "prices")
        if named(s).supports(problem_of(rule, weight)) is None
    ]
    try:
        found = supergradient(rule, step, data.draw(st.sampled_from(able)), weight)
    except ValueError:
        assume(False)
    if found is not None:
        objective, allowed, stated = found
        assert objective <= allowed
        assert np.isfinite(stated).all()


TIGHT = PRICED | {
    "capacity": lambda f: al.Capacity(),
    "cap of a good": lambda f: al.Cap(0.8 * f.amounts, of=f.of),
    "budget of a measure": lambda f: al.Budget(total=0.5 * float(f.even.of("cost").sum()), of="cost"),
    "fairness": lambda f: al.FairnessAtLeast(al.CVaR(0.5, of=f.of), 0.6 * f.platform.total_of(f.of) / 8),
    "segment cap": lambda f: al.SegmentCap(0.4),
    "segment floor": lambda f: al.SegmentFloor(0.75),
}
"""The makers of rules, at levels that GMV alone would break."""


@pytest.mark.parametrize("soft", [None, 1e3])
@pytest.mark.parametrize("of", GOODS)
@pytest.mark.parametrize("name", sorted(TIGHT))
def test_a_rule_that_binds_has_the_price_of_a_small_step(name, of, soft):
    """Where levels are in general position a small step is followed exactly, so no other price would do."""
    rng = np.random.default_rng(3)
    platform = al.synthetic.heavy_tailed(30, 8, degree=4, rng=rng)
    platform = replace(
        platform,
        capacity=0.8 * platform.even_amounts("exposure"),
        measures={"cost": rng.random(platform.edge_count), "relevance": rng.random(platform.edge_count)},
        anchors={"fee": rng.random(8), "tier": ["head", "new"] * 4, "firm": [f"f{j // 3}" for j in range(8)]},
    )
    rule = TIGHT[name](Frame(platform, of, 2, 0.9, 1.0, 0.5))
    rule = (replace(rule, soft=soft) if isinstance(rule, Constraint) else rule).bind(platform)
    others = (al.Cap("even:0.8"),) if name == "segment floor" else ()
    asked = ("linear", "conic", "tangents", "prices")
    able = [s for s in asked if named(s).supports(problem_of(rule, others=others)) is None]
    for solver in able:
        for step in (-1e-4, 1e-4):
            objective, allowed, stated = supergradient(rule, step, solver, others=others)
            assert objective <= allowed, solver
            assert np.abs(stated).max() > 0, solver
