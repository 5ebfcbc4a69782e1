"""Every rule means the same as numbers, as a box, as linear rows and as a conic model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.rules import Constraint, Totals, Welfare, gini
from allocator.rules.at_least import AtLeast
from strategies import MAKERS, bound_rules, flows

EACH = settings(max_examples=max(10, settings.default.max_examples // 10))
PLAIN = (1.0,)
CLEAR = 1e-6
"""Relative violation from which on a model must see it; below, it may."""
every_rule = pytest.mark.parametrize("name", sorted(MAKERS))


def rule_and_totals(name, data, scales=PLAIN):
    rule = data.draw(bound_rules({name: MAKERS[name]}, scales))
    return rule, Totals(rule.platform, data.draw(flows(rule.platform)))


def worth(rule, totals):
    """F at a flow, minus infinity where a hard rule is clearly broken, None where that is a matter of rounding."""
    if isinstance(rule, Welfare) or rule.soft is not None:
        return float(rule.value(totals).sum())
    relative = rule.violation(totals).relative
    return -np.inf if relative > CLEAR else 0.0 if relative == 0 else None


def size(rule, totals):
    """What differences are measured by."""
    if isinstance(rule, Welfare):
        return rule.weight + rule.size(totals) + rule.size(Totals.even(rule.platform))
    everything = sum(float(totals.of(good).sum()) for good in ("exposure", "gmv", "cost", "relevance"))
    return (rule.soft or 1.0) * (1.0 + everything + abs(getattr(rule, "threshold", 0.0)))


@every_rule
@EACH
@given(st.data())
def test_excess_and_violation_and_value_agree(name, data):
    rule, totals = rule_and_totals(name, data)
    if not isinstance(rule, Constraint):
        return
    excess, violation = rule.excess(totals), rule.violation(totals)
    assert (excess >= 0).all()
    assert (violation.relative > 0) == (violation.amount > 0) == bool(excess.any())
    numbers = not isinstance(rule, AtLeast) or np.isfinite(rule.index.value(totals)).all()
    assert np.isfinite(violation.amount) == numbers, "the logarithm of nothing is below every level, and only that"
    assert excess.max(initial=0.0) >= violation.amount
    if rule.soft is not None:
        assert rule.value(totals).sum() == pytest.approx(-rule.soft * excess.sum())
    if violation.relative > CLEAR:
        assert str(violation.where)


@every_rule
@EACH
@given(st.data())
def test_a_box_is_what_the_excess_says(name, data):
    rule, totals = rule_and_totals(name, data)
    if rule.box is None:
        return
    amounts = totals.of(rule.box.of)
    broken = np.maximum(amounts - rule.box.upper, 0) + np.maximum(rule.box.lower - amounts, 0)
    np.testing.assert_array_equal(rule.excess(totals), broken)


@every_rule
@EACH
@given(st.data())
def test_linear_rows_have_the_value_of_the_rule_at_every_flow(name, data):
    """The best of the rows' own variables at a fixed flow, by a small linear program."""
    rule, totals = rule_and_totals(name, data)
    expected = worth(rule, totals)
    if rule.rows is not None and expected is not None:
        assert _best(rule.rows, totals) == pytest.approx(expected, abs=1e-7 * size(rule, totals))


@every_rule
@EACH
@given(st.data())
def test_tangents_touch_the_rule_where_they_are_asked_for_and_are_nowhere_stricter(name, data):
    """Of a curved rule, and of ranks in the narrowest windows: touching is judged at a flow that leaves no anchor
    nothing, where tangents may be vertical.
    """
    rule, totals = rule_and_totals(name, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gini, "FEW_PAIRS", 0)
        patch.setattr(gini, "WINDOW", 0)
        if rule.curved and rule.tangents([totals]) is not None:
            _judge_tangents(rule, totals)


def _judge_tangents(rule, totals):
    platform = rule.platform
    elsewhere = Totals(platform, 0.5 * (totals.flow + platform.even_flow))
    expected = worth(rule, totals)
    if expected is not None:
        assert _best(rule.tangents([elsewhere]), totals) >= expected - 1e-7 * size(rule, totals)
    there = worth(rule, elsewhere)
    if there is not None:
        value = _best(rule.tangents([Totals.even(platform), elsewhere]), elsewhere)
        assert value == pytest.approx(there, abs=1e-6 * size(rule, elsewhere))


def _best(rows, totals):
    """max cost . z with lower <= fixed + auxiliary @ z <= upper; minus infinity if there is no z."""
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    fixed = np.zeros(rows.lower.size)
    for good, matrix in rows.coefficients.items():
        fixed += matrix @ (totals.flow if good == "edges" else totals.of(good))
    room = 1e-12 * (1 + np.abs(fixed))
    if rows.auxiliary is None or not rows.cost.size:
        return 0.0 if ((fixed >= rows.lower - room) & (fixed <= rows.upper + room)).all() else -np.inf
    above, below = np.isfinite(rows.upper), np.isfinite(rows.lower)
    result = linprog(
        -rows.cost,
        A_ub=vstack([rows.auxiliary[above], -rows.auxiliary[below]]),
        b_ub=np.concatenate([(rows.upper + room - fixed)[above], (fixed - rows.lower + room)[below]]),
        bounds=(None, None),
        method="highs",
    )
    assert result.status in (0, 2), result.message
    return -result.fun if result.status == 0 else -np.inf


class Fixed:
    """The amounts of a flow as constants of a conic model, in the units that the solver uses."""

    def __init__(self, totals, currency):
        self.totals, self.currency = totals, currency

    def unit(self, good):
        platform = self.totals.platform
        if good == "edges":
            return platform.supply[platform.segment]
        even = platform.even_amounts(good)
        return np.where(even > 0, even, 1.0)

    def of(self, good):
        import cvxpy as cp

        unit = self.unit(good)
        amounts = self.totals.flow if good == "edges" else self.totals.of(good)
        return cp.Constant(np.divide(amounts, unit, out=np.zeros_like(unit), where=unit > 0))


@every_rule
@EACH
@given(st.data(), st.sampled_from([1.0, 1e3]))
def test_conic_models_have_the_value_of_the_rule_at_every_flow(name, data, currency):
    rule, totals = rule_and_totals(name, data, (1.0, 1e4))
    if isinstance(rule, al.GMV):
        return
    fixed = Fixed(totals, currency)
    term, conditions = rule.cvxpy(fixed)
    constant = rule.constant(fixed) if isinstance(rule, Welfare) else 0.0
    with np.errstate(invalid="ignore", divide="ignore"):  # a share or the logarithm of nothing
        found = (float(getattr(term, "value", term)) + constant) * currency
        broken = max(map(_violation, conditions), default=0.0)
    expected = worth(rule, totals)
    if np.isnan([found, broken]).any():
        assert not totals.of(rule.of).any()
        return
    if expected == -np.inf and isinstance(rule, Constraint) and rule.soft is None:
        assert broken > 0
    elif expected is not None:
        assert broken <= 1e-9
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * size(rule, totals))


def _violation(condition):
    """Of numbers alone, a condition is true or false."""
    if isinstance(condition, bool | np.bool_):
        return 0.0 if condition else np.inf
    return float(np.max(condition.violation(), initial=0.0))
