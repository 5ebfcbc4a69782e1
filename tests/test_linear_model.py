"""The linear model: what is said of amounts is the same whether they are variables or not."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import allocator as al
from allocator.linear_model import linear_model
from allocator.rules import Totals
from strategies import problems


def some_rules(platform):
    """Rules that together mention every anchor often, so that lifting pays."""
    even = float(platform.supply.sum()) / platform.anchor_count
    return [
        al.Cap(3 * even),
        al.GroupShare("tier", at_least=0.01),
        al.Budget(1.0, total=0.9 * float(platform.supply.sum())),
        al.GMVAtLeast(0.0),
        al.GiniAtMost(1.0, soft=2.0),
        al.Budget(2.0, total=float(platform.supply.sum())),
    ]


@given(problems(rules=None, welfare=("MaxMin", "CVaR"), soft=True), st.integers(0, 2**32 - 1))
def test_rows_say_the_same_where_amounts_are_variables(problem, seed):
    near = [Totals.even(problem.platform)]
    assume(all(term.tangents(near) is not None for term in problem.in_rows))
    plain = linear_model(problem, near)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("allocator.linear_model.SMALLER", np.inf)
        lifted = linear_model(problem, near, lifted=True)
    edges, count = plain.edges.size, plain.lower.size
    z = np.random.default_rng(seed).uniform(0, 1, plain.objective.size)
    amounts = lifted.matrix[count:, :edges] @ z[:edges]
    whole = np.concatenate((z, amounts))
    assert whole.size == lifted.objective.size
    assert lifted.free == plain.free + amounts.size
    rows = lifted.matrix @ whole
    sizes = abs(plain.matrix) @ z
    assert (np.abs(rows[:count] - plain.matrix @ z) <= 1e-9 * sizes).all()
    np.testing.assert_allclose(rows[count:], 0.0, atol=1e-12 * max(1.0, float(amounts.max(initial=0.0))))
    assert (lifted.lower[:count] == plain.lower).all()
    assert (lifted.upper[:count] == plain.upper).all()
    assert not lifted.objective[plain.objective.size :].any()


def test_lifting_shrinks_a_matrix_of_many_rules_and_leaves_one_of_few_alone():
    platform = al.synthetic.kuaishou(segments=300, anchors=60, rng=np.random.default_rng(1))
    many = al.Problem(platform, al.GMV(), some_rules(platform))
    near = [Totals.even(platform)]
    assert linear_model(many, near, lifted=True).matrix.nnz < 0.8 * linear_model(many, near).matrix.nnz
    few = al.Problem(platform, al.GMV(), [al.Cap(10.0)])
    assert linear_model(few, lifted=True).matrix.nnz == linear_model(few).matrix.nnz


@pytest.mark.parametrize("engine", ["glop", "highs"])
def test_both_ways_prove_the_same(engine):
    from allocator.driver import Goal
    from allocator.solvers.linear import ENGINES

    platform = al.synthetic.kuaishou(segments=200, anchors=40, rng=np.random.default_rng(2))
    supply = float(platform.supply.sum())
    rules = [al.HeadCap(top=5, share=0.3), al.GroupShare("tier", at_least=0.02), al.Budget(1.0, total=0.9 * supply)]
    problem = al.Problem(platform, al.GMV(), rules)
    found = []
    for lifted in (False, True):
        model = linear_model(problem, lifted=lifted)
        z, dual, *_ = ENGINES[engine](model, Goal(1e-6))()
        certificate = al.certify(problem, model.flow(z), model.multipliers(dual))
        assert certificate.feasible
        assert certificate.relative_gap < 1e-6
        found.append(certificate.objective)
    assert found[0] == pytest.approx(found[1], rel=1e-7)
