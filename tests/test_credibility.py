"""Shrinkage: it predicts what was not seen better than what was seen does, and it takes away nothing but noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allocator as al
import real_data
from allocator.tables import Pairs, credibility, read_log
from allocator.tables.credibility import STRENGTHS, shrink, strength


def market(rng, *, segments=60, anchors=40, own=0.3, noise=1.0, tail=0.0):
    """Rows of a market whose true values are known: mean 10, factors of both sides, what is particular, and noise."""
    a, b = rng.lognormal(0, 0.4, anchors), rng.lognormal(0, 0.4, segments)
    chosen = rng.permutation(segments * anchors)[: segments * 12]
    true = 10 * b[chosen // anchors] * a[chosen % anchors] * rng.lognormal(-(own**2) / 2, own, chosen.size)
    rows = np.repeat(np.arange(chosen.size), rng.geometric(0.4, chosen.size))
    paid = true[rows] * rng.lognormal(-(noise**2) / 2, noise, rows.size)
    paid *= np.where(rng.random(rows.size) < tail, 100, 1)
    key = chosen[rows]
    cells = al.tables.pairs.merge(al.tables.pairs.single(key, np.ones(key.size), paid), summed=True)
    order = np.argsort(chosen)
    return al.tables.pairs.paired(cells, anchors, summed=True), true[order], (segments, anchors)


def mean_error(guess, true, pairs):
    return float((pairs.traffic * (guess - true) ** 2 / true).sum() / pairs.traffic.sum())


@pytest.mark.parametrize("own", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("noise", [0.3, 1.0])
@pytest.mark.parametrize("tail", [0.0, 0.002])
def test_shrunk_values_are_nearer_to_the_truth_than_those_seen(own, noise, tail):
    # Where pairs differ by a factor of e and their own rows hardly vary there is nothing to gain, and a little to lose.
    for seed in range(3):
        pairs, true, sizes = market(np.random.default_rng(seed), own=own, noise=noise, tail=tail)
        found = shrink(pairs, *sizes)
        raw = mean_error(pairs.value, true, pairs)
        assert mean_error(found.value, true, pairs) < raw * (0.9 if own < 1 else 0.97 if noise == 1 else 1.1)


def test_what_is_particular_about_pairs_keeps_its_weight_and_what_is_not_loses_it():
    weights = []
    for own in (0.0, 0.3, 1.0):
        pairs, _, sizes = market(np.random.default_rng(1), own=own, noise=0.5)
        weights.append(float(shrink(pairs, *sizes).weight.mean()))
    assert weights[0] < weights[1] < weights[2]
    assert weights[0] < 0.3 < 0.6 < weights[2]


@pytest.mark.parametrize("own", [0.2, 0.6])
def test_standard_errors_are_of_the_size_of_the_errors(own):
    ratios = []
    for seed in range(4):
        pairs, true, sizes = market(np.random.default_rng(seed), own=own, noise=0.7)
        found = shrink(pairs, *sizes)
        ratios += ((found.value - true) / found.standard_error).tolist()
    # Two standard errors hold 95 % of normal errors; these are skewed, and the factors have errors of their own.
    assert 0.85 < np.mean(np.abs(ratios) < 2) < 0.999


@pytest.mark.parametrize("noise", [0.3, 0.8])
def test_standard_errors_shrink_with_traffic_and_expectation_alike(noise):
    """Each is its expectation times one coefficient of variation, that of a sale, over root t + kappa."""
    pairs, _, sizes = market(np.random.default_rng(2), segments=200, own=0.4, noise=noise)
    found = shrink(pairs, *sizes)
    variation = found.standard_error / found.expected * np.sqrt(pairs.traffic + found.strength)
    np.testing.assert_allclose(variation, variation[0])
    assert variation[0] == pytest.approx(np.sqrt(np.expm1(noise**2)), rel=0.35)


def test_a_pair_alone_at_its_anchor_is_expected_to_be_what_its_segment_is():
    rows = {"segment": [0, 0, 0, 1, 1, 1], "anchor": [0, 1, 2, 1, 2, 3]}
    amounts = {"traffic": [9.0] * 6, "value": [4.0, 4.0, 4.0, 1.0, 1.0, 50.0], "rows": [9.0] * 6, "spread": [1.0] * 6}
    pairs = Pairs(*(np.array(column) for column in (*rows.values(), *amounts.values())))
    factors = credibility.fit(pairs, 2, 4)._replace(anchor_strength=0.5, segment_strength=0.5)
    others = pairs._replace(value=np.where(pairs.anchor == 3, 7.0, pairs.value))
    assert credibility.expect(pairs, factors)[5] == credibility.expect(others, factors)[5]
    assert credibility.expect(pairs, factors)[5] < factors.mean


def test_an_optimum_on_shrunk_values_promises_what_it_keeps():
    kept = {"raw": [], "shrunk": []}
    for seed in range(6):
        pairs, true, sizes = market(np.random.default_rng(seed), own=0.3, noise=1.0)
        for name, value in (("raw", pairs.value), ("shrunk", shrink(pairs, *sizes).value)):
            supply = np.bincount(pairs.segment, weights=pairs.traffic, minlength=sizes[0])
            platform = al.Platform.from_edges(pairs.segment, pairs.anchor, value, supply=supply, observed=pairs.traffic)
            flow = al.solve(al.Problem(platform, al.GMV(), [al.Cap("observed:1.25")])).flow
            kept[name].append((flow * true).sum() / (flow * value).sum())
    assert np.mean(kept["raw"]) < 0.8
    assert 0.9 < np.mean(kept["shrunk"]) < 1.1


@st.composite
def seen(draw):
    """A few pairs with what breaks code: single rows, no spread, no money, equal values, huge and tiny scales."""
    S, A = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    keys = draw(st.lists(st.integers(0, S * A - 1), min_size=1, max_size=S * A, unique=True).map(sorted))
    count = len(keys)
    rows = np.array(draw(st.lists(st.sampled_from([1, 1, 2, 9]), min_size=count, max_size=count)), dtype=float)
    value = np.array(draw(st.lists(st.sampled_from([0.0, 1.0, 1.0, 3.5, 80.0]), min_size=count, max_size=count)))
    spread = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 30.0]), min_size=count, max_size=count))) * (rows > 1)
    scale, traffic = draw(st.sampled_from([1e-6, 1.0, 1e9])), draw(st.sampled_from([1e-3, 1.0, 1e6]))
    key = np.array(keys)
    return Pairs(key // A, key % A, rows * traffic, value * scale, rows, spread * traffic * scale**2), S, A


@given(seen())
def test_values_lie_between_their_own_mean_and_what_is_expected(case):
    pairs, segments, anchors = case
    found = shrink(pairs, segments, anchors)
    assert (found.value >= np.minimum(pairs.value, found.expected) * (1 - 1e-12)).all()
    assert (found.value <= np.maximum(pairs.value, found.expected) * (1 + 1e-12)).all()
    assert (found.standard_error >= 0).all()
    assert np.isfinite(found.standard_error).all() == (found.strength < np.inf)
    assert (found.expected >= 0).all()


@pytest.mark.parametrize("unit", [1e-6, 0.01, 7.0, 1e9])
@pytest.mark.parametrize("of", ["money", "traffic"])
def test_units_do_not_matter(of, unit):
    """Of money, and of traffic: the same sales per impression, of which every row had ``unit`` times as many."""
    pairs, _, sizes = market(np.random.default_rng(4), segments=20, anchors=15)
    found = shrink(pairs, *sizes)
    if of == "money":
        other = shrink(pairs._replace(value=pairs.value * unit, spread=pairs.spread * unit**2), *sizes)
        np.testing.assert_allclose(other.value, found.value * unit, rtol=1e-6)
        np.testing.assert_allclose(other.standard_error, found.standard_error * unit, rtol=1e-6)
    else:
        other = shrink(pairs._replace(traffic=pairs.traffic * unit, spread=pairs.spread * unit), *sizes)
        np.testing.assert_allclose(other.value, found.value, rtol=1e-6)
        np.testing.assert_allclose(other.standard_error, found.standard_error, rtol=1e-6)
        assert other.strength == pytest.approx(found.strength * unit)


def test_names_do_not_matter():
    pairs, _, (segments, anchors) = market(np.random.default_rng(4), segments=20, anchors=15)
    rng = np.random.default_rng(0)
    i, j = rng.permutation(segments), rng.permutation(anchors)
    renamed = pairs._replace(segment=i[pairs.segment], anchor=j[pairs.anchor])
    one, other = (shrink(them, segments, anchors) for them in (renamed, pairs))
    np.testing.assert_allclose(one.value, other.value, rtol=1e-9)


@pytest.mark.parametrize("own", [0.0, 1.0])
def test_factors_have_settled(own):
    """One more round from where they stopped moves them by no more than the tolerance allows."""
    pairs, _, (segments, anchors) = market(np.random.default_rng(6), own=own)
    found = credibility.fit(pairs, segments, anchors)
    for position, size, factor, kappa, other in (
        (pairs.anchor, anchors, found.anchor, found.anchor_strength, found.segment[pairs.segment]),
        (pairs.segment, segments, found.segment, found.segment_strength, found.anchor[pairs.anchor]),
    ):
        amounts = (pairs.traffic, pairs.traffic * pairs.value, pairs.traffic * found.mean * other)
        total = [np.bincount(position, weights=amount, minlength=size) for amount in amounts]
        seen = total[0] > 0
        again = 1 + total[0] / (total[0] + kappa) * (np.divide(total[1], total[2], where=seen, out=np.ones(size)) - 1)
        np.testing.assert_allclose(factor[seen], again[seen], rtol=1e-4)


def test_what_a_pair_sold_moves_its_own_expectation_only_through_others():
    pairs, _, sizes = market(np.random.default_rng(3), segments=20, anchors=15)
    factors = credibility.fit(pairs, *sizes)
    for e in range(0, pairs.value.size, 17):
        for value in (0.0, 1e3):
            other = pairs._replace(value=np.where(np.arange(pairs.value.size) == e, value, pairs.value))
            assert credibility.expect(other, factors)[e] == pytest.approx(
                credibility.expect(pairs, factors)[e], rel=1e-9
            )
            refitted = credibility.expect(other, credibility.fit(other, *sizes))[e]
            naive = factors.mean * factors.anchor[pairs.anchor[e]] * factors.segment[pairs.segment[e]]
            if value:
                assert refitted < 3 * naive


def test_without_repetition_nothing_tells_noise_from_value():
    alone = Pairs(np.arange(3), np.arange(3), np.ones(3), np.array([1.0, 5.0, 3.0]), np.ones(3), np.zeros(3))
    found = shrink(alone, 3, 3)
    assert found.strength == np.inf
    np.testing.assert_allclose(found.value, found.expected)
    assert np.isinf(found.standard_error).all()
    log = pa.table({"s": [1, 2, 3], "a": [1, 2, 1], "m": [1.0, 5.0, 3.0]})
    read = read_log(log, segment="s", anchor="a", money="m", shrink=True)
    assert "standard_error" not in read.platforms[""].measures
    assert read.account.notices[0].startswith("no pair was seen twice")


def test_the_strength_is_that_which_predicts_left_out_rows_best():
    rng = np.random.default_rng(5)
    means = rng.lognormal(1, 0.5, 200)
    rows = [rng.lognormal(np.log(mean), 0.8, rng.integers(2, 9)) for mean in means]
    own = np.array([row.mean() for row in rows])
    expected = np.full(own.size, own.mean())
    spread = np.array([((row - row.mean()) ** 2).sum() for row in rows])

    def error(kappa):
        total = 0.0
        for row, prior in zip(rows, expected, strict=True):
            scale = row.mean() + 2 * prior
            for k in range(row.size):
                rest = np.delete(row, k)
                guess = prior + rest.size / (rest.size + kappa) * (rest.mean() - prior)
                total += (row[k] - guess) ** 2 / scale / row.size
        return total

    best = STRENGTHS[int(np.argmin([error(kappa) for kappa in STRENGTHS]))]
    sizes = np.array([row.size for row in rows], dtype=float)
    assert strength(own, expected, sizes, sizes, spread) == best


def test_shrinking_moves_nothing_else(tmp_path):
    rng = np.random.default_rng(2)
    log = pa.table({"s": rng.integers(0, 9, 300), "a": rng.integers(0, 6, 300), "m": rng.lognormal(1, 1, 300)})
    ask = {"segment": "s", "anchor": "a", "money": "m"}
    raw, shrunk = read_log(log, **ask), read_log(log, **ask, shrink=True)
    one, other = raw.platforms[""], shrunk.platforms[""]
    assert replace(other, value=one.value, measures={}).content_hash == one.content_hash
    assert raw.credibility == {}
    np.testing.assert_array_equal(other.measures["standard_error"], shrunk.credibility[""].standard_error)


# --- holdout -------------------------------------------------------------------------------------------------------


def halves(seed=0, *, shrink=False, **kinds):
    rng = np.random.default_rng(seed)
    pairs, true, _ = market(rng, **kinds)
    rows = np.repeat(np.arange(true.size), 8)
    paid = true[rows] * rng.lognormal(-0.5, 1.0, rows.size)
    log = pa.table({"s": pairs.segment[rows], "a": pairs.anchor[rows], "m": paid})
    found = read_log(log, segment="s", anchor="a", money="m", by="part(2)", shrink=shrink).platforms
    return found["1"], found["2"]


def test_the_status_quo_promises_nothing_and_keeps_it():
    train, test = halves()
    problem = al.Problem(train, al.GMV())
    same = al.holdout_gmv(train, test, replace(al.solve(problem), flow=np.asarray(train.observed)))
    assert same.promised == pytest.approx(same.observed)
    assert same.realised == pytest.approx(same.status_quo)
    assert abs(same.promised_gain) < 1e-12


def test_a_test_sample_that_is_the_training_sample_confirms_every_promise():
    train, _ = halves()
    found = al.holdout_gmv(train, train, al.solve(al.Problem(train, al.GMV(), [al.Cap("observed:1.25")])))
    assert found.covered == 1.0
    assert found.realised == pytest.approx(found.promised)
    assert found.survives == pytest.approx(1.0)


def test_promises_of_raw_values_do_not_survive_and_those_of_shrunk_ones_do():
    ratios = {}
    for shrink_them in (False, True):
        train, _ = halves(shrink=shrink_them)
        allocation = al.solve(al.Problem(train, al.GMV(), [al.Cap("observed:1.25")]))
        found = al.holdout_gmv(*halves(), allocation)
        ratios[shrink_them] = found.realised_covered / found.promised_covered
        assert f"{found.promised_gain:+.1%}" in str(found)
    assert ratios[False] < 0.85 < ratios[True] < 1.15


@pytest.mark.parametrize("unit", [0.01, 1e3])
def test_the_unit_of_traffic_does_not_matter_to_a_holdout(unit):
    train, test = halves()
    found = al.holdout_gmv(train, test, al.solve(al.Problem(train, al.GMV(), [al.Cap("observed:1.25")])))
    more = [replace(p, observed=np.asarray(p.observed) * unit, supply=p.supply * unit) for p in (train, test)]
    other = al.holdout_gmv(*more, al.solve(al.Problem(more[0], al.GMV(), [al.Cap("observed:1.25")])))
    assert other.realised_gain == pytest.approx(found.realised_gain, abs=1e-3)
    assert other.covered == pytest.approx(found.covered, abs=1e-3)


def test_what_the_test_sample_did_not_see_is_worth_what_its_anchor_and_segment_are():
    """Without noise and with nothing particular about pairs, two factors say all, and each half says the same."""
    a, b = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 3.0, 5.0])
    log = pa.table(
        {
            "s": np.repeat(np.arange(3), 4 * 40),
            "a": np.tile(np.repeat(np.arange(4), 40), 3),
            "m": np.repeat(np.outer(b, a).ravel(), 40),
            "half": np.repeat(["12"[k in (0, 5, 10)] for k in range(12)], 40),
        }
    )
    whole = read_log(log, segment="s", anchor="a", money="m").platforms[""]
    part = read_log(log, segment="s", anchor="a", money="m", where="half == '1'").platforms[""]
    allocation = al.solve(al.Problem(whole, al.GMV(), [al.Cap("observed:1.25")]))
    found = al.holdout_gmv(whole, part, allocation)
    seen = {(i, j) for i, j in zip(part.segment.tolist(), part.anchor.tolist(), strict=True)}
    on_seen = sum(
        x for x, i, j in zip(allocation.flow, whole.segment, whole.anchor, strict=True) if (int(i), int(j)) in seen
    )
    assert found.covered == pytest.approx(on_seen / allocation.flow.sum())
    assert 0 < found.covered < 1
    assert found.realised_covered == pytest.approx(found.promised_covered)
    assert found.realised == pytest.approx(found.promised, rel=0.15)


def test_samples_are_matched_by_id():
    train, test = halves()
    allocation = al.solve(al.Problem(train, al.GMV(), [al.Cap("observed:1.25")]))
    found = al.holdout_gmv(train, test, allocation)
    turned = np.arange(test.anchor_count)[::-1]
    mixed = al.Platform.from_edges(
        test.segment,
        turned[test.anchor],
        test.value,
        supply=test.supply,
        observed=test.observed,
        segments={"id": test.segments["id"]},
        anchors={"id": test.anchors["id"][::-1]},
    )
    again = al.holdout_gmv(train, mixed, allocation)
    assert again.realised == pytest.approx(found.realised, rel=1e-9)
    assert again.covered == pytest.approx(found.covered)


def test_what_cannot_judge_is_refused():
    train, test = halves()
    allocation = al.solve(al.Problem(train, al.GMV()))
    names = np.array([f"x{k}" for k in range(test.anchor_count)])
    refused = {
        "test platform has no observed": (train, replace(test, observed=None)),
        "other edges": (test, train),
        "shrunk values": (train, halves(shrink=True)[1]),
        "share no pair": (train, replace(test, anchors={"id": names})),
    }
    for words, samples in refused.items():
        with pytest.raises(ValueError, match=words):
            al.holdout_gmv(*samples, allocation)


UCI = {"segment": "Country", "anchor": "StockCode", "money": "Quantity * UnitPrice", "by": "part(2, InvoiceNo)"}
UCI["where"] = "Quantity > 0 and UnitPrice > 0 and not missing(CustomerID)"
JOURNEY = {"segment": "household_id", "anchor": "store_id", "money": "sales_value", "by": "part(2, basket_id)"}


@real_data.needs_data
@pytest.mark.parametrize(
    ("file", "ask"), [("uci_online_retail", UCI), ("complete_journey_transactions_sample", JOURNEY)]
)
def test_on_real_logs_shrunk_values_promise_less_and_keep_more(file, ask):
    path, found = real_data.DATA / f"{file}.parquet", []
    raw = read_log(path, **ask).platforms
    for train in (raw["1"], read_log(path, **ask, shrink=True).platforms["1"]):
        allocation = al.solve(al.Problem(train, al.GMV(), [al.Cap("observed:1.25")]))
        found.append(al.holdout_gmv(raw["1"], raw["2"], allocation))
    naive, honest = found
    assert honest.promised < naive.promised
    assert honest.realised > naive.realised
    assert naive.survives < 0.5
    assert 0.75 < honest.realised_covered / honest.promised_covered < 1.25
