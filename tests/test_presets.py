"""What the presets promise: the figures of their sources, at any size, and whatever the seed."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator import synthetic
from allocator.metrics import gini, head_size, top_share

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
SEEDS = st.integers(0, 2**32 - 1)
SIZES = [(500, 100), (500, 1_000), (1_000, 300), (5_000, 1_000)]
PRESETS = sorted(synthetic.PRESETS)
HIGH_INTENT = {"taobao", "xiaohongshu", "mogujie"}  # B3 of the model, after s3
SMALL = {"xiaohongshu", "mogujie"}


def drawn(seed):
    return np.random.default_rng(seed)


def draw(name, segments, anchors, seed):
    return synthetic.PRESETS[name](segments, anchors, rng=drawn(seed))


def figures(name):
    return getattr(synthetic, name.upper())


def sales(platform):
    return platform.amounts("gmv", platform.observed)


def public(platform):
    """Mask of the public edges."""
    return (platform.segments["domain"] == "public")[platform.segment]


# Every preset.


def test_presets_are_found_by_name_and_listed_in_the_readme():
    rows = README.split("## Presets\n")[1].split("\n## ")[0].splitlines()
    listed = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d,]+) \|$", "\n".join(rows), flags=re.MULTILINE))
    assert list(listed) == list(synthetic.PRESETS)
    for name, function in synthetic.PRESETS.items():
        assert getattr(synthetic, name) is function
        assert {name, name.upper()} <= set(synthetic.__all__)
        assert int(listed[name].replace(",", "")) == pytest.approx(figures(name).impressions, rel=1e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_the_function_draws_the_figures_of_its_name(name):
    assert draw(name, 60, 20, 5).content_hash == figures(name).draw(60, 20, rng=drawn(5)).content_hash


@given(st.sampled_from(PRESETS), SEEDS, st.integers(1, 12), st.integers(1, 12))
def test_a_preset_of_any_small_size_is_a_platform(name, seed, segments, anchors):
    """Even one segment or one anchor has the traffic and, over today's, the value of an impression that was asked."""
    platform = draw(name, segments, anchors, seed)
    assert (platform.segment_count, platform.anchor_count) == (segments, anchors)
    shown = public(platform)
    traffic = platform.observed[shown].sum()
    assert traffic == pytest.approx(figures(name).impressions)
    earned = (platform.observed * platform.value)[shown].sum()
    assert earned / traffic == pytest.approx(figures(name).value_mean * figures(name).intent)
    assert np.isin(platform.segments["category"], figures(name).categories).all()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("segments", "anchors"), SIZES)
def test_presets_are_as_unequal_as_measured(name, segments, anchors):
    """Public data: Gini .72 (Complete Journey's stores) to .94 (Twitch), top 1 % between 8 and 66 %."""
    for seed in range(12 if segments < 5_000 else 3):
        platform = draw(name, segments, anchors, seed)
        for amounts in (sales(platform), platform.amounts("gmv", platform.observed * public(platform))):
            assert 0.72 <= gini(amounts) <= 0.94
            assert 0.08 <= top_share(amounts) <= 0.66


# What tells them apart.


@given(SEEDS, st.integers(1, 300), st.integers(1, 60))
def test_high_intent_sells_three_times_as_much_per_impression_and_size_is_traffic_times_intent(seed, segments, anchors):
    """B3: intent orders the value of an impression, not GMV. B7: GMV as in 2020 on the three large platforms."""
    drawn_once = {name: draw(name, segments, anchors, seed) for name in PRESETS}
    shown = {name: platform.observed[public(platform)].sum() for name, platform in drawn_once.items()}
    sold = {name: (platform.observed * platform.value)[public(platform)].sum() for name, platform in drawn_once.items()}
    low = max(sold[name] / shown[name] for name in set(PRESETS) - HIGH_INTENT)
    high = min(sold[name] / shown[name] for name in HIGH_INTENT)
    assert high == pytest.approx(3 * low)
    assert sold["taobao"] / sold["kuaishou"] == pytest.approx(400 / 381.2)
    assert sold["douyin"] / sold["kuaishou"] == pytest.approx(500 / 381.2)
    for name in SMALL:
        assert shown[name] <= min(shown[other] for other in set(PRESETS) - SMALL) / 5


@pytest.mark.parametrize("name", PRESETS)
def test_brands_lead_on_taobao_and_kols_elsewhere(name):
    """About 70 % of Taobao's live channels are run by vendors; each anchor is a brand independently."""
    share, anchors = (0.7 if name == "taobao" else 0.1), 4_000
    brands = (draw(name, 1_000, anchors, 3).anchors["kind"] == "brand").mean()
    assert abs(brands - share) < 4.5 * np.sqrt(share * (1 - share) / anchors)


@pytest.mark.parametrize("name", PRESETS)
def test_the_anchor_matters_less_where_brands_lead(name):
    """Log values of one anchor have the pair's part of the variance, 1 - skill; of all anchors' the rest.

    The pooled variance within anchors of E normal draws on A anchors has a standard error of sqrt(2 / (E - A)) of
    itself.
    """
    platform = draw(name, 2_000, 300, 4)
    mask = public(platform)
    logs, anchor = np.log(platform.value[mask]), platform.anchor[mask]
    seen = np.bincount(anchor, minlength=300)
    means = np.bincount(anchor, weights=logs, minlength=300) / np.maximum(seen, 1)
    freedom = anchor.size - (seen > 0).sum()
    within = ((logs - means[anchor]) ** 2).sum() / freedom
    pair = 0.95 if name == "taobao" else 0.8
    assert abs(within / pair - 1) < 4.5 * np.sqrt(2 / freedom)


@pytest.mark.parametrize("name", PRESETS)
def test_mogujie_is_narrow_and_sells_womens_fashion_only(name):
    """A9: each public edge leaves its category independently; Mogujie's categories are nobody else's."""
    platform = draw(name, 2_000, 600, 5)
    breadth, mask = (0.1 if name == "mogujie" else 0.6), public(platform)
    crosses = platform.segments["category"][platform.segment] != platform.anchors["category"][platform.anchor]
    assert abs(crosses[mask].mean() - breadth) < 4.5 * np.sqrt(breadth * (1 - breadth) / mask.sum())
    shared = set(platform.anchors["category"]) & set(synthetic.KUAISHOU.categories)
    assert shared == (set() if name == "mogujie" else set(synthetic.KUAISHOU.categories))


@given(SEEDS, st.integers(1, 60), st.integers(1, 40))
def test_most_of_douyins_sales_are_closed_elsewhere(seed, segments, anchors):
    """B1: in every draw, and by not more than the anchor who tips the balance."""
    platform = draw("douyin", segments, anchors, seed)
    earned, linked = sales(platform), platform.anchors["shop"] == "linked"
    share = earned[linked].sum() / earned.sum()
    assert 0.6 - 1e-12 <= share <= 0.6 + earned.max() / earned.sum() + 1e-12
    assert set(platform.anchors["shop"]) <= {"linked", "own"}


def test_links_are_a_choice_among_all_anchors_and_nobody_elses():
    """In random order, so that linked anchors are the same share of the tail as of all GMV, give or take a head."""
    linked = [draw("douyin", 200, 1_000, seed).anchors["shop"] == "linked" for seed in range(30)]
    assert abs(np.mean(linked) - 0.6) < 0.1
    assert len({tuple(chosen.tolist()) for chosen in linked}) == 30
    assert not any("shop" in draw(name, 20, 10, 1).anchors for name in set(PRESETS) - {"douyin"})


def test_one_seed_gives_douyin_and_xiaohongshu_the_graph_of_kuaishou():
    mine = draw("kuaishou", 200, 50, 8)
    for name in ("douyin", "xiaohongshu"):
        other = draw(name, 200, 50, 8)
        assert (other.anchor == mine.anchor).all()
        for amounts in ("value", "supply", "observed"):
            ratio = getattr(other, amounts) / getattr(mine, amounts)
            assert ratio == pytest.approx(ratio[0])


# Kuaishou.


@pytest.mark.parametrize(("segments", "anchors"), SIZES)
def test_kuaishou_traffic_and_gmv_add_up(segments, anchors):
    """Model 2.1: 1e6 public impressions of 1 RMB, public 70 % of traffic, private four times as efficient: 63.16 %."""
    platform = synthetic.kuaishou(segments, anchors, rng=drawn(11))
    private = platform.segments["domain"] == "private"
    assert (platform.into_segments(platform.observed) == platform.supply).all()
    assert platform.supply[~private].sum() == pytest.approx(1e6)
    assert platform.supply[private].sum() == pytest.approx(1e6 * 3 / 7)
    earned = platform.observed * platform.value
    assert earned[~private[platform.segment]].sum() == pytest.approx(1e6)
    assert earned[private[platform.segment]].sum() / earned.sum() == pytest.approx(1.2 / 1.9)


@pytest.mark.parametrize(("segments", "anchors"), [*SIZES, (300, 30), (4, 7)])
def test_kuaishou_segments_watch_10_to_50_anchors_or_follow_one(segments, anchors):
    platform = synthetic.kuaishou(segments, anchors, rng=drawn(12))
    degrees, private = np.diff(platform.indptr), platform.segments["domain"] == "private"
    assert degrees[~private].min() >= min(10, anchors)
    assert degrees[~private].max() <= min(50, anchors)
    assert (degrees[private] == 1).all()
    followed = platform.anchor[private[platform.segment]]
    assert private.sum() == min(segments // 5, (platform.anchors["tier"] != "new").sum())
    assert len(set(followed.tolist())) == private.sum()
    assert not (platform.anchors["tier"][followed] == "new").any()
    assert (platform.anchors["category"][followed] == platform.segments["category"][private]).all()


def test_kuaishou_casts_its_anchors():
    platform = synthetic.kuaishou(2_000, 1_000, rng=drawn(13))
    anchors, earned = platform.anchors, sales(platform)
    tier = anchors["tier"]
    assert {name: int((tier == name).sum()) for name in ("new", "head", "waist", "tail")} == {
        "new": 30,
        "head": head_size(970, 0.01),
        "waist": 97 - 10,
        "tail": 873,
    }
    assert earned[tier == "head"].min() >= earned[tier == "waist"].max()
    assert earned[tier == "waist"].min() >= earned[tier == "tail"].max()
    assert np.sort(anchors["appeal"])[::-1][[0]] == pytest.approx(0.1336, abs=5e-5)  # F20
    assert gini(anchors["appeal"]) == pytest.approx(0.7338, abs=5e-5)
    assert set(anchors["kind"]) == {"KOL", "brand"}
    assert abs((anchors["kind"] == "brand").mean() - 0.1) < 4.5 * np.sqrt(0.09 / 1_000)
    assert abs((anchors["firm"] == "").mean() - 0.5) < 4.5 * np.sqrt(0.25 / 1_000)
    assert (anchors["id"][17], platform.segments["id"][12]) == ("anchor-17", "segment-12")
    assert anchors["fans"][tier == "new"].tolist() == [0.0] * 30


def test_kuaishou_newcomers_are_hardly_shown():
    """A twentieth of the traffic of a known anchor of the same appeal: less than a fifth of the mean tail anchor's."""
    platform = synthetic.kuaishou(rng=drawn(14))
    exposure, tier = platform.into_anchors(platform.observed), platform.anchors["tier"]
    assert 0 < exposure[tier == "new"].mean() < exposure[tier == "tail"].mean() / 5


def test_a_variant_of_a_preset_keeps_its_own_figures():
    figures = {"breadth": 0.1, "public_share": 1.0, "impressions": 5e4, "value_mean": 3.0, "sales_gini": 0.75}
    platform = replace(synthetic.KUAISHOU, **figures).draw(1_000, 500, rng=drawn(15))
    crosses = platform.segments["category"][platform.segment] != platform.anchors["category"][platform.anchor]
    assert abs(crosses.mean() - 0.1) < 4.5 * np.sqrt(0.09 / platform.edge_count)
    assert set(platform.segments["domain"]) == {"public"}
    assert platform.supply.sum() == pytest.approx(5e4)
    assert sales(platform).sum() == pytest.approx(1.5e5)
    assert gini(sales(platform)) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("categories", ["abc", "", ("food", 3), (None,)])
def test_categories_are_names(categories):
    with pytest.raises(ValueError, match=r"^categories must be a tuple of names, such as \('food', 'home'\), not "):
        replace(synthetic.KUAISHOU, categories=categories)
    lone = replace(synthetic.KUAISHOU, categories=("abc",)).draw(40, 10, rng=drawn(16))
    assert set(lone.anchors["category"]) == {"abc"}
