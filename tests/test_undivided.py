"""Undivided segments: against every assignment there is, and the published optima of generalised assignment."""

import itertools
import zipfile

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import allocator as al
from real_data import DATA, needs_data
from strategies import platforms


def best_of_all(problem):
    """The highest GMV of all undivided allocations that keep caps and floors, by trying them."""
    platform = problem.platform
    choices = [[-1, *range(a, b)] for a, b in itertools.pairwise(platform.indptr.tolist())]
    best = -np.inf
    for choice in itertools.product(*choices):
        flow = np.zeros(platform.edge_count)
        used = [e for e in choice if e >= 0]
        flow[used] = platform.supply[platform.segment[used]]
        judged = al.certify(problem, flow)
        if judged.feasible:
            best = max(best, judged.objective)
    return best


@st.composite
def assignments(draw):
    """A small platform with caps of exposure or of a measure and, perhaps, a floor."""
    platform = draw(platforms(scales=(1e-3, 1.0, 1e4)))
    assume(np.prod(np.diff(platform.indptr) + 1.0) <= 500)
    of = draw(st.sampled_from(["exposure", "cost"]))
    total = platform.total_of(of)
    rules = [al.Cap(draw(st.sampled_from([0.3, 0.6, 1.0])) * total, of=of)]
    if draw(st.booleans()):
        rules.append(al.Budget(total=draw(st.sampled_from([0.5, 0.8])) * float(platform.supply.sum())))
    return al.Problem(platform, al.GMV(), rules)


@given(assignments())
def test_the_best_of_all_undivided_allocations_is_found(problem):
    best = best_of_all(problem)
    found = al.undivided(problem, relative_gap=0.0)
    own = found.allocation.certificate
    close = 1e-9 * max(own.scale, abs(best)) + own.rounding
    assert own.objective == pytest.approx(best, abs=close)
    assert own.feasible
    assert own.bound + own.rounding >= best - close
    assert found.claim >= best - close
    supply = problem.platform.supply[problem.platform.segment]
    assert ((found.allocation.flow == 0) | (found.allocation.flow == supply)).all()
    used = found.anchor >= 0
    assert problem.platform.into_segments(found.allocation.flow)[~used].sum() == 0


def test_a_segment_goes_to_exactly_one_where_all_must_be_served():
    """Without the floor the bound is that of another problem: serving nobody is then cheaper than it may be."""
    platform = al.Platform(
        indptr=[0, 2, 4, 6],
        anchor=[0, 1, 0, 1, 0, 1],
        value=[5.0, 0.0, 5.0, 0.0, 5.0, 0.0],
        supply=np.ones(3),
        measures={"consumption": np.array([2.0, 1.0, 2.0, 1.0, 2.0, 1.0])},
    )
    caps = al.Cap([3.0, 5.0], of="consumption")
    found = al.undivided(al.Problem(platform, al.GMV(), [caps, al.SegmentFloor(1.0)]), relative_gap=0.0)
    assert found.allocation.gmv == pytest.approx(5.0)
    assert (found.anchor >= 0).all()
    assert found.allocation.certificate.bound == pytest.approx(7.5)


def test_what_cannot_be_undivided_is_refused():
    platform = al.synthetic.kuaishou(segments=20, anchors=5, rng=np.random.default_rng(1))
    with pytest.raises(al.UnsupportedError, match="SegmentCap gives no anchor more than"):
        al.undivided(al.Problem(platform, al.GMV(), [al.SegmentCap(0.5)]))
    with pytest.raises(al.UnsupportedError, match="not linear"):
        al.undivided(al.Problem(platform, al.GMV() + al.Nash()))
    half = al.Cap(0.3 * platform.supply[0])
    with pytest.raises(al.AllocationError, match="no allocation with undivided segments"):
        al.undivided(al.Problem(platform, al.GMV(), [half, al.Floor(0.01 * float(platform.supply.min()))]), seconds=5)


def published():
    """Names of the instances with what is published of them, and how to read one."""
    with zipfile.ZipFile(DATA / "gap_small.zip") as archive:
        lines = archive.read("bounds.tsv").decode().split("\n")
        head = lines[0].split("\t")
        rows = [dict(zip(head, line.split("\t"), strict=True)) for line in lines[1:] if line]
        texts = {row["name"]: archive.read(f"{row['name']}.txt").decode() for row in rows}
    return rows, texts


def assignment(text, largest):
    """A generalised assignment as a problem, and what turns its GMV into the published measure."""
    numbers = np.array(text.split(), dtype=float)
    agents, jobs = int(numbers[0]), int(numbers[1])
    cost, consumption = numbers[2 : 2 + 2 * agents * jobs].reshape(2, agents, jobs)
    top = 0.0 if largest else cost.max()
    value = cost if largest else top - cost
    platform = al.Platform(
        indptr=np.arange(0, agents * jobs + 1, agents),
        anchor=np.tile(np.arange(agents), jobs),
        value=value.T.ravel(),
        supply=np.ones(jobs),
        measures={"consumption": consumption.T.ravel()},
    )
    caps = al.Cap(numbers[2 + 2 * agents * jobs :], of="consumption")
    problem = al.Problem(platform, al.GMV(), [caps, al.SegmentFloor(1.0)])
    return problem, lambda gmv: gmv if largest else jobs * top - gmv


@needs_data
@pytest.mark.parametrize("sense", ["max", "min"])
def test_generalised_assignment_reaches_the_published_optima(sense):
    """OR-Library (Beasley 1990) and Yagiura et al.: some of those of up to 60 jobs, each within a second or two."""
    rows, texts = published()
    chosen = [row for row in rows if int(row["jobs"]) <= 60][:: 3 if sense == "max" else 4]
    assert len(chosen) > 10
    for row in chosen:
        problem, measure = assignment(texts[row["name"]], sense == "max")
        found = al.undivided(problem, relative_gap=0.0, seconds=30)
        lower, upper = (int(row[f"pub_{sense}_{side}"]) for side in ("lb", "ub"))
        value = measure(found.allocation.certificate.objective)
        assert lower - 1e-6 <= value <= upper + 1e-6, row
        assert measure(found.allocation.certificate.bound) == pytest.approx(float(row[f"lp_{sense}"]), abs=1e-6), row
