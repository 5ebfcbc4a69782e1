"""What people write: levels and groups that are understood, and what is refused in one sentence when a problem is
made.
"""

import re

import numpy as np
import pytest

import allocator as al
from allocator.rules.levels import anchors_where, per_anchor

STAR = al.Platform.from_edges(
    [0, 0, 0],
    [0, 1, 2],
    [1.0, 2.0, 3.0],
    supply=[10.0],
    observed=[2, 3, 5],
    measures={"relevance": [0.2, 0.4, 0.5], "stderr": [0.1, 0.1, 0.1]},
    anchors={
        "id": ["ann", "bob", "cleo"],
        "tier": ["new", "new", "head"],
        "vip": [True, False, False],
        "age": [1, 2, 3],
        "firm": ["north", "north", "south"],
    },
)
APART = al.Platform.from_edges(
    [0, 1],
    [0, 1],
    [1.0, 1.0],
    supply=[8.0, 2.0, 0.0],
    segments={"id": ["east", "west", "gone"]},
    anchors={"id": ["ann", "bob", "cleo"], "tier": ["new", "head", "far"]},
)
"""Two anchors who share no segment, a third whom nobody watches, and a segment without anybody."""


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (5, [5, 5, 5]),
        ("5", [5, 5, 5]),
        ([1, 2, 3], [1, 2, 3]),
        ({"bob": 4}, [0, 4, 0]),
        ("observed:0.5", [1, 1.5, 2.5]),
        ("reach:0.1", [1, 1, 1]),
        ("even:0.3", [1, 1, 1]),
        ("capacity:2", [np.inf] * 3),
    ],
)
def test_levels(level, expected):
    np.testing.assert_allclose(per_anchor(STAR, level, of="exposure", neutral=0.0), expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, [1, 1, 1]),
        ("tier=new", [1, 1, 0]),
        ("vip=true", [1, 0, 0]),
        ("age=2", [0, 1, 0]),
        (["cleo"], [0, 0, 1]),
        ("id=bob", [0, 1, 0]),
        (np.array([True, False, True]), [1, 0, 1]),
    ],
)
def test_where(where, expected):
    np.testing.assert_array_equal(anchors_where(STAR, where), np.array(expected, dtype=bool))


def refused(platform, objective, rules, said):
    """At construction, in one sentence that says what is wrong with what."""
    with pytest.raises((ValueError, TypeError, KeyError)) as error:
        al.Problem(platform, objective() if callable(objective) else objective, rules)
    sentence = str(error.value)
    for part in (said,) if isinstance(said, str) else said:
        assert part in sentence, sentence
    assert "\n" not in sentence
    assert len(sentence) < 300


BAD_BOUNDS = [
    (al.Floor(-1), "ann, bob, cleo has -1"),
    (al.Floor(np.nan), ("Floor", "nan")),
    (al.Floor(np.inf), "must be finite"),
    (al.Cap([1, np.nan, 1]), "bob has nan"),
    (al.Floor([1, 2]), "one per anchor"),
    (al.Floor({"dan": 1}), "no anchor has the id dan"),
    (al.Floor(1, where=["dan"]), "dan"),
    (al.Floor(1, where="teir=new"), "did you mean 'tier'"),
    (al.Floor(1, where="tier=nwe"), "did you mean 'new'"),
    (al.Floor(1, where="new"), "attribute=value"),
    (al.Floor(1, where=np.array([True])), "one entry per anchor"),
    (al.Floor("observd:1"), "did you mean 'observed'"),
    (al.Floor("observed:x"), "'x' in 'observed:x' is not a number"),
    (al.Floor("many"), "not a number"),
    (al.Cap(1, of="likes"), "no edge measure 'likes'"),
    (al.Cap(1, where="age=old"), "not a number"),
    (al.Cap(1, soft=0), ("Cap", "soft", "0")),
    (al.Cap(1, soft=-2.0), ("Cap", "soft", "-2")),
    (al.Cap(1, soft=np.nan), ("Cap", "soft", "nan")),
    (al.Cap(1, soft=np.inf), ("Cap", "soft", "inf")),
    (al.Cap(1, soft="dear"), ("Cap", "soft", "dear")),
    (al.Cap(1, soft=True), ("Cap", "soft", "True")),
    (al.HeadCap(1, 0.5, soft=0), ("HeadCap", "soft")),
]
BAD_GROUPS = [
    (al.GroupShare("frim", 0.1), "did you mean 'firm'"),
    (al.GroupShare("tier=old", 0.1), "no anchor has tier=old"),
    (al.GroupShare("firm", {"nroth": 0.1}), ("GroupShare by firm", "nroth", "north, south")),
    (al.GroupShare("firm", {"north": 1.2}), ("north", "share in [0, 1]", "1.2")),
    (al.GroupShare("firm", {"north": -0.1}), ("north", "-0.1")),
    (al.GroupShare("firm", {"north": np.nan}), ("north", "nan")),
    (al.GroupShare("firm", at_most=1.5), ("GroupShare by firm", "1.5")),
    (al.GroupShare("firm", {"north": np.inf}, unit="amount"), ("north", "inf")),
    (al.GroupShare("firm", {"north": 11.0}, unit="amount"), ("firm=north", "above reach", "11", "10")),
    (al.GroupShare("firm", {"north": 0.6}, {"north": 0.5}), ("firm=north", "above the cap")),
    (al.GroupShare("firm", 0.6), ("GroupShare by firm", "add up to 1.2")),
    (al.GroupShare("firm", at_most=0.4), ("GroupShare by firm", "add up to 0.8")),
    (al.GroupShare("firm", {"north": 6.0, "south": 6.0}, unit="amount"), ("GroupShare by firm", "12", "10")),
    (al.GroupShare("firm"), ("GroupShare by firm", "bounds nothing")),
    (al.GroupShare("firm", 0.1, unit="percent"), ("percent", "share", "amount")),
    (al.GroupShare(["dan"], 0.1), "dan"),
    (al.GroupShare("firm", {"north": "much"}), ("north", "much")),
    (al.GroupShare("firm", 0.1, of="likes"), "no edge measure 'likes'"),
    (al.GroupShare(["ann"], at_least={"ann": 0.1}), ("GroupShare", "number")),
]
BAD_SHARES = [
    (al.HeadCap(1, 0.2), ("HeadCap(top 1)", "0.3333", "0.2")),
    (al.HeadCap(2, 0.5), ("HeadCap(top 2)", "0.6667", "0.5")),
    (al.HeadCap(4, 1.0), ("HeadCap(top 4)", "name 1 to 3")),
    (al.HeadCap(0, 1.0), ("HeadCap(top 0)", "name 1 to 3")),
    (al.HeadCap(-1, 1.0), ("HeadCap(top -1)", "name 1 to 3")),
    (al.HeadCap(1.5, 1.0), ("top", "1.5")),
    (al.HeadCap("few", 1.0), ("top", "few")),
    (al.HeadCap("200%", 1.0), ("HeadCap(top 200%)", "name 1 to 3")),
    (al.HeadCap(True, 1.0), ("top", "True")),
    (al.HeadCap(1, 1.2), ("head cap", "share in [0, 1]", "1.2")),
    (al.HeadCap(1, np.nan), ("head cap", "nan")),
    (al.GiniAtMost(-0.1), ("Gini", "-0.1")),
    (al.GiniAtMost(1.1), ("Gini", "1.1")),
    (al.GiniAtMost(np.nan), ("Gini", "nan")),
    (al.HHIAtMost(0.3), ("HHIAtMost", "0.3333", "0.3")),
    (al.HHIAtMost(1 / 3), ("HHIAtMost", "0.3333", "equal amounts", "GiniAtMost(0)")),
    (al.HHIAtMost(1.1), ("Herfindahl", "1.1")),
    (al.HHIAtMost("low"), ("Herfindahl", "low")),
    (al.SegmentCap(-0.1), ("segment cap", "-0.1")),
    (al.SegmentCap(1.1), ("segment cap", "1.1")),
    (al.SegmentCap(np.nan), ("segment cap", "nan")),
    (al.SegmentFloor(1.1), ("segment floor", "1.1")),
    (al.SegmentFloor(-0.1), ("segment floor", "-0.1")),
    (al.SegmentFloor(0.6, "relevance"), ("SegmentFloor of relevance", "0.6", "0.5")),
    (al.SegmentFloor(np.inf, "relevance"), ("SegmentFloor of relevance", "inf")),
    (al.SegmentFloor(True, "relevance"), ("SegmentFloor of relevance", "True")),
    (al.SegmentFloor(0.5, "likes"), "no edge measure 'likes'"),
]
BAD_AMOUNTS = [
    (al.Budget(total=-1), ("Budget", "-1")),
    (al.Budget(total=np.nan), ("Budget", "nan")),
    (al.Budget(total=np.inf), ("Budget", "inf")),
    (al.Budget(), ("Budget", "None")),
    (al.Budget(-1.0, total=1), ("cost", "Budget", "-1")),
    (al.Budget(np.inf, total=1), ("costs of Budget", "finite")),
    (al.Budget({"dan": 1}, total=1), "dan"),
    (al.GMVAtLeast(30.1), ("GMVAtLeast", "30.1", "30")),
    (al.GMVAtLeast(-1), ("GMV", "-1")),
    (al.GMVAtLeast(np.nan), ("GMV", "nan")),
    (al.FairnessAtLeast(al.GMV(), 1.0), ("FairnessAtLeast", "GMV")),
    (al.FairnessAtLeast(al.RobustGMV(0.1, 1), 1.0), ("FairnessAtLeast", "RobustGMV")),
    (al.FairnessAtLeast(al.metrics.gini, 0.5), ("FairnessAtLeast", "gini")),
    (al.FairnessAtLeast(al.Cap(1), 0.5), ("FairnessAtLeast", "Cap")),
    (al.FairnessAtLeast(al.MaxMin(), 10.1), ("FairnessAtLeast of MaxMin", "10.1", "10")),
    (al.FairnessAtLeast(al.Entropy(), 0.1), ("FairnessAtLeast of Entropy", "0.1", "0")),
    (al.FairnessAtLeast(al.Nash(), np.nan), ("FairnessAtLeast of Nash", "nan")),
    (al.FairnessAtLeast(al.MaxMin(merit=0), 1.0), "merits"),
]


def named(value):
    """Without addresses, which differ from run to run."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize(("rule", "said"), [*BAD_BOUNDS, *BAD_GROUPS, *BAD_SHARES, *BAD_AMOUNTS], ids=named)
def test_bad_rules_are_refused_when_a_problem_is_made(rule, said):
    refused(STAR, al.GMV(), [rule], said)
    refused(STAR, al.GMV(), [rule], type(rule).__name__)


BAD_TERMS = [
    (lambda: al.AlphaFair(1, weights=[1, -1, 1]), "bob has -1"),
    (lambda: al.AlphaFair(1, weights=[1, 0, 1]), "bob has 0"),
    (lambda: al.AlphaFair(1, merit=np.nan), "nan"),
    (lambda: al.MaxMin(merit=0), "merits"),
    (lambda: al.CVaR(0), ("CVaR", "0")),
    (lambda: al.CVaR(1.1), ("CVaR", "1.1")),
    (lambda: al.CVaR(np.nan), ("CVaR", "nan")),
    (lambda: al.CVaR("half"), ("CVaR", "half")),
    (lambda: al.GeneralizedGini([1, 2, 3]), ("GeneralizedGini", "fall")),
    (lambda: al.GeneralizedGini([2, 1]), ("GeneralizedGini", "(3,)", "(2,)")),
    (lambda: al.GeneralizedGini([2, 1, -1]), ("GeneralizedGini", ">= 0")),
    (lambda: al.GeneralizedGini([2, np.nan, 1]), ("GeneralizedGini", "finite")),
    (lambda: al.GeneralizedGini("flat"), ("GeneralizedGini", "flat")),
    (lambda: al.TargetShares([1, 0, 1]), ("target", "bob has 0")),
    (lambda: al.TargetShares({"dan": 1}), "dan"),
    (lambda: al.CappedUtility(-1), "-1"),
    (lambda: al.CappedUtility(1, weights=0), "weights"),
    (lambda: al.Gini(of="likes"), "no edge measure 'likes'"),
    (lambda: al.RobustGMV(-0.1, 1), ("radius of RobustGMV", "-0.1")),
    (lambda: al.RobustGMV(1.1, 1), ("radius of RobustGMV", "1.1")),
    (lambda: al.RobustGMV(np.nan, 1), ("radius of RobustGMV", "nan")),
    (lambda: al.RobustGMV(0.1, -1), ("budget of RobustGMV", "-1")),
    (lambda: al.RobustGMV(0.1, np.inf), ("budget of RobustGMV", "inf")),
    (lambda: al.RobustGMV(0.1, 1, per="firm"), ("RobustGMV", "firm", "anchor", "edge")),
    (lambda: al.RobustGMV(0.1, 1, deviation="likes"), "no edge measure 'likes'"),
    (lambda: al.AlphaFair(0), "alpha must be"),
    (lambda: al.AlphaFair(-1), "alpha must be"),
    (lambda: al.AlphaFair(np.nan), "alpha must be"),
    (lambda: al.AlphaFair(np.inf), "MaxMin"),
    (lambda: al.AlphaFair("2"), "alpha must be"),
    (lambda: al.GiniAtMost(0.2), ("GiniAtMost", "no function of shares alone is concave", "Gini()")),
    (lambda: al.HHIAtMost(0.5), ("HHIAtMost", "no function of shares alone is concave")),
    (lambda: al.HeadCap(1, 0.5), ("HeadCap", "rules=[...]")),
    (lambda: al.Floor(1), ("Floor", "rules=[...]")),
    (lambda: al.FairnessAtLeast(al.Nash(), 0.0), ("FairnessAtLeast", "rules=[...]")),
    (lambda: al.metrics.gini, ("gini", "no function of shares alone is concave", "GiniAtMost")),
    (lambda: al.metrics.hhi, ("hhi", "no function of shares alone is concave", "HHIAtMost")),
    (lambda: 3.0, "3.0"),
    (lambda: "GMV", "GMV"),
    (lambda: al.Nash, ("Nash", "write Nash(...)")),
    (lambda: al.MaxMin, ("MaxMin", "write MaxMin(...)")),
]


@pytest.mark.parametrize(("term", "said"), BAD_TERMS)
def test_bad_terms_are_refused_alone_and_in_a_sum(term, said):
    refused(STAR, term, [], said)
    refused(STAR, lambda: al.GMV() + term(), [], said)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (al.GroupShare("tier=far", 0.1), ("tier=far", "above reach")),
        (al.GroupShare("tier", {"new": 9.0}, unit="amount"), ("tier=new", "above reach", "9", "8")),
        (al.HeadCap(3, 1.0), ("HeadCap(top 3)", "name 1 to 2")),
        (al.FairnessAtLeast(al.MaxMin(), 2.5), ("FairnessAtLeast", "2.5", "2")),
        (al.SegmentFloor(0.1, "relevance"), "no edge measure 'relevance'"),
        (al.GeneralizedGini([1, 1, 1]), "not a constraint"),
    ],
    ids=named,
)
def test_what_cannot_be_on_a_platform_is_refused_there(rule, said):
    refused(APART, al.GMV(), [rule], said)


def test_a_floor_of_segments_names_the_one_without_anchors():
    lonely = al.Platform.from_edges([0], [0], [1.0], supply=[1.0, 5.0], segments={"id": ["east", "west"]})
    refused(lonely, al.GMV(), [al.SegmentFloor(0.5)], ("SegmentFloor", "west"))
    assert al.Problem(lonely, al.GMV(), [al.SegmentFloor(0.5, soft=1.0), al.SegmentFloor(0.0)])


def test_soft_rules_may_ask_for_what_cannot_be():
    """They cost what is missing."""
    impossible = [
        al.GroupShare("firm", {"north": 11.0}, unit="amount", soft=2.0),
        al.GMVAtLeast(31.0, soft=1.0),
        al.FairnessAtLeast(al.MaxMin(), 11.0, soft=1.0),
        al.SegmentFloor(0.6, "relevance", soft=1.0),
    ]
    for rule in impossible:
        allocation = al.solve(al.Problem(STAR, al.GMV(), [rule]), relative_gap=1e-6)
        assert allocation.certificate.objective < 30
        assert allocation.status is al.Status.CERTIFIED


def test_terms_and_constraints_have_their_places():
    refused(STAR, al.GMV(), [al.Nash()], "Nash of exposure is not a constraint")
    refused(STAR, al.GMV(), [al.metrics.gini], "not a constraint")
    refused(STAR, al.GMV(), [al.Capacity], ("Capacity", "not a constraint"))
    refused(STAR, al.GMV(), al.Capacity(), ("Capacity", "rules=[...]"))


@pytest.mark.parametrize("share", [-0.1, np.nan, np.inf, "half"])
def test_a_share_of_an_allocation_is_a_number(share):
    best = al.solve(al.Problem(STAR, al.GMV()))
    with pytest.raises(ValueError, match="share of an allocation's GMV"):
        al.GMVAtLeast.of(best, share)
    with pytest.raises(ValueError, match="GMVAtLeast asks for 33"):
        al.Problem(STAR, al.GMV(), [al.GMVAtLeast.of(best, 1.1)])


@pytest.mark.parametrize(
    ("share", "said"), [(-0.1, "-0.1"), (1.1, "1.1"), (np.nan, "nan"), ("even", "even"), (True, "True")]
)
def test_a_floor_of_reach_is_a_share(share, said):
    with pytest.raises(ValueError, match=r"share in \[0, 1\]") as error:
        al.ReachFloor(share)
    assert said in str(error.value)


def test_the_highest_level_of_an_entropy_is_refused_and_a_lower_one_is_not():
    platform = al.synthetic.star([1.0, 2.0], supply=2.0)
    with pytest.raises(ValueError, match="no room but to have their target shares exactly"):
        al.Problem(platform, al.GMV(), [al.FairnessAtLeast(al.Entropy(), 0.0)])
    level = al.FairnessAtLeast(al.Entropy(), -1e-3)
    assert al.solve(al.Problem(platform, al.GMV(), [level]), relative_gap=1e-6).certificate.feasible
