"""What is on the axes is what is in the rows: nothing lost, nothing computed, units on every axis."""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from allocator import dynamics, plots
from allocator.plots.trajectory import marked

INFINITY = float("inf")
ROWS = [
    {"weight": 0.0, "status": "CERTIFIED", "level": 0.0, "gmv": 100.0, "gmv_upper": 100.0},
    {"weight": 0.1, "status": "CERTIFIED", "level": 3.0, "gmv": 90.0, "gmv_upper": 92.0},
    {"weight": 1.0, "status": "FEASIBLE", "level": 5.0, "gmv": 70.0, "gmv_upper": 79.0},
    {"weight": INFINITY, "status": "CERTIFIED", "level": 6.0, "gmv": 40.0, "gmv_upper": None},
]
FAILED = [
    {"weight": 2.0, "status": "INFEASIBLE", "reason": "proved"},
    {"weight": 3.0, "status": "INFEASIBLE", "reason": "proved"},
    {"weight": 4.0, "status": "FAILED", "reason": "no answer"},
]
RECIPES = [
    {"weight": None, "solver": "greedy", "status": "CERTIFIED", "level": 0.0, "gmv": 100.0},
    {"weight": None, "solver": "EpsilonEven(epsilon=0.1)", "status": "FEASIBLE", "level": 1.0, "gmv": 80.0},
    {"weight": None, "solver": "EpsilonEven(epsilon=0.5)", "status": "FEASIBLE", "level": 2.0, "gmv": 60.0},
]


@pytest.fixture
def ax():
    with mpl.rc_context(plots.style):
        yield Figure().subplots()


def labelled(ax):
    """Handles by label; two with one label would be one too many."""
    handles, labels = ax.get_legend_handles_labels()
    assert len(set(labels)) == len(labels)
    return dict(zip(labels, handles, strict=True))


def points(line):
    return [tuple(point) for point in line.get_xydata().tolist()]


def test_frontier_shows_every_solved_row_with_its_proof(ax):
    assert plots.frontier(ROWS, ax) is ax
    shown = labelled(ax)
    for label, rows in (("certified optimum", ROWS[:2]), ("larger gap", ROWS[2:3])):
        dots, _, (bars,) = shown[label]
        assert points(dots) == [(row["level"], row["gmv"]) for row in rows]
        ends = [[tuple(end) for end in segment.tolist()] for segment in bars.get_segments()]
        assert ends == [[(row["level"], row["gmv"]), (row["level"], row["gmv_upper"])] for row in rows]
    assert shown["larger gap"][0].get_markerfacecolor() == "white"


def test_frontier_marks_both_ends_and_joins_them(ax):
    plots.frontier(ROWS, ax)
    shown = labelled(ax)
    assert points(shown["GMV alone"]) == [(0.0, 100.0)]
    assert points(shown["welfare alone"]) == [(6.0, 40.0)]
    paths = [points(line) for line in ax.lines if line.get_linestyle() in ("-", ":")]
    assert paths == [[(0.0, 100.0), (3.0, 90.0), (5.0, 70.0)], [(5.0, 70.0), (6.0, 40.0)]]


def test_frontier_takes_rows_in_any_order_and_infinities_from_json(ax):
    rows = [row | {"weight": "inf"} if row["weight"] == INFINITY else row for row in reversed(ROWS)]
    plots.frontier(rows, ax)
    assert points(labelled(ax)["welfare alone"]) == [(6.0, 40.0)]
    assert points(labelled(ax)["certified optimum"][0]) == [(0.0, 100.0), (3.0, 90.0)]


@pytest.mark.parametrize("upper", [None, INFINITY, "inf", 70.0 - 1e-9])
def test_a_point_without_proof_has_no_bar(ax, upper):
    plots.frontier([ROWS[2] | {"gmv_upper": upper}], ax)
    (bar,) = labelled(ax)["larger gap"][2][0].get_segments()
    assert bar.tolist() == [[5.0, 70.0], [5.0, 70.0]]
    ax.figure.canvas.draw()


def test_recipes_keep_their_look_and_name_their_settings(ax):
    plots.frontier(ROWS, ax, baselines=RECIPES)
    shown = labelled(ax)
    greedy, mixing = shown["greedy"], shown[plots.look("epsilon_even").label]
    assert points(greedy) == [(0.0, 100.0)]
    assert points(mixing) == [(1.0, 80.0), (2.0, 60.0)]
    assert (greedy.get_color(), greedy.get_marker()) == (plots.COLOURS["greedy"], plots.MARKERS["greedy"])
    assert (mixing.get_color(), mixing.get_marker()) == (plots.COLOURS["epsilon_even"], plots.MARKERS["epsilon_even"])
    assert [(text.get_text(), text.xy) for text in ax.texts] == [("0.1", (1.0, 80.0)), ("0.5", (2.0, 60.0))]


def test_infeasible_rows_do_not_vanish(ax):
    plots.frontier([*ROWS, *FAILED], ax, baselines=[{"weight": None, "solver": "even", "status": "INFEASIBLE"}])
    crosses = labelled(ax)["3 infeasible and 1 failed"]
    assert crosses.get_marker() == "x"
    assert crosses.get_transform() == ax.transAxes
    assert len(points(crosses)) == 4
    assert all(0 < x < 1 and y == 0 for x, y in points(crosses))


def test_a_frontier_without_any_solution_is_still_a_figure(ax):
    plots.frontier(FAILED, ax)
    assert list(labelled(ax)) == ["2 infeasible and 1 failed"]
    ax.figure.canvas.draw()


def test_axes_have_units(ax):
    plots.frontier(ROWS, ax)
    assert ax.get_xlabel() == "Fairness level (impressions per anchor and day)"
    assert ax.get_ylabel() == "GMV (RMB per day)"
    plots.frontier(ROWS, ax, xlabel="Level (USD per anchor and year)", ylabel="GMV (USD per year)")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Level (USD per anchor and year)", "GMV (USD per year)")


def test_lorenz_draws_the_curves_it_is_given(ax):
    curves = {"greedy": ([0.0, 0.5, 1.0], [0.0, 0.1, 1.0]), "even": ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0])}
    assert plots.lorenz(curves, ax, of="GMV") is ax
    shown = labelled(ax)
    for label, (population, share) in curves.items():
        assert points(shown[label]) == list(zip(population, share, strict=True))
        assert shown[label].get_color() == plots.COLOURS[label]
    assert shown["greedy"].get_linestyle() != shown["even"].get_linestyle()
    assert "(%" in ax.get_xlabel()
    assert ax.get_ylabel() == "Share of GMV (%)"


def test_bars_stand_for_rows(ax):
    rows = [
        {"tier": "head", "label": "greedy", "share": 0.7},
        {"tier": "new", "label": "greedy", "share": 0.1},
        {"tier": "new", "label": "even", "share": 0.4},
    ]
    assert plots.exposure_by_tier(rows, ax) is ax
    greedy, even = labelled(ax).values()
    assert [bar.get_height() for bar in greedy] == [0.7, 0.1]
    assert [bar.get_height() for bar in even] == [0.4]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["head", "new"]
    assert round(even[0].get_x() + even[0].get_width() / 2) == 1
    assert greedy[1].get_x() + greedy[1].get_width() == pytest.approx(even[0].get_x())
    assert greedy[0].get_hatch() != even[0].get_hatch()
    assert ax.get_ylabel() == "Share of exposure (%)"


PRICES = [
    {"rule": "HeadCap(top 10)", "where": "the top 10 anchors", "unit": "share", "price": 2e6, "worth": 6e5},
    {"rule": "Floor", "where": "anchor ann", "unit": "impressions", "price": -0.5, "worth": -40.0},
    {"rule": "Floor", "where": "anchor bob", "unit": "impressions", "price": -0.25, "worth": -30.0},
    {"rule": "FairnessAtLeast of Nash of exposure", "where": "all", "unit": "Nash", "price": -7.0, "worth": None},
    {"rule": "Cap", "where": "nowhere", "unit": "impressions", "price": 0.0, "worth": 0.0},
]


def test_a_bar_is_as_long_as_its_rule_is_worth_and_no_price_is_lost(ax):
    assert plots.prices_of_rules(PRICES, ax) is ax
    shown = labelled(ax)
    caps, floors = shown["caps: what the level is worth"], shown["floors: what the level costs"]
    found = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bars in (caps, floors) for bar in bars}
    assert found == {0: 6e5, 1: -40.0, 2: -30.0}
    assert caps[0].get_facecolor() != floors[0].get_facecolor()
    assert floors[0].get_hatch()
    assert points(shown["no zero to count from"]) == [(0.0, 3.0)]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [f"{row['rule']}\n{row['where']}" for row in PRICES]
    prices = {text.xy[1]: text.get_text() for text in ax.texts}
    assert prices == {
        0: "2M (share)",
        1: "-0.5 (impressions)",
        2: "-0.25 (impressions)",
        3: "-7 (Nash)",
        4: "0 (impressions)",
    }
    top, bottom = (ax.transData.transform((0.0, place))[1] for place in (0, 4))
    assert top > bottom
    assert ax.get_xlabel() == "Price x level (RMB per day)"
    plots.prices_of_rules(PRICES, ax, xlabel="GBP per week")
    assert ax.get_xlabel() == "GBP per week"


def paths(*policies, column="gmv"):
    """Two periods per policy, in an order that is not that of time."""
    return [
        {"policy": policy, "period": period, column: 10.0 * k + period}
        for k, policy in enumerate(policies)
        for period in (1, 0)
    ]


def test_a_trajectory_is_a_line_per_policy_through_all_its_periods(ax):
    assert plots.trajectory(paths("greedy", "Even(part=1.0)"), ax) is ax
    shown = labelled(ax)
    assert {label: points(line) for label, line in shown.items()} == {
        "greedy": [(0, 0.0), (1, 1.0)],
        "even": [(0, 10.0), (1, 11.0)],
    }
    assert shown["even"].get_color() == plots.COLOURS["even"]
    assert shown["even"].get_marker() == plots.MARKERS["even"]
    assert shown["even"].get_linestyle() != shown["greedy"].get_linestyle()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Period", "GMV (RMB per period)")


def test_a_trajectory_of_one_run_needs_no_policy_and_every_line_has_a_marker(ax):
    plots.trajectory([{"period": t, "hhi": 0.1 * t} for t in range(3)], ax, column="hhi", words={"period": "Day"})
    (line,) = ax.lines
    assert points(line) == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Day", "HHI of public impressions")
    for count in (1, 2, 7, 8, 100):
        firsts = [marked(count, position, 3) for position in range(3)]
        assert all(0 <= first < count and step >= 1 for first, step in firsts)
    assert len({marked(100, position, 3)[0] for position in range(3)}) == 3


def test_settings_of_one_policy_are_told_apart(ax):
    plots.trajectory(paths("Even(part=0.1)", "Even(part=0.3)", "Optimal(objective=GMV, rules=())"), ax)
    shown = labelled(ax)
    assert list(shown) == ["even 0.1", "even 0.3", "optimal"]
    assert shown["even 0.1"].get_linestyle() != shown["even 0.3"].get_linestyle()
    ruled = ["Optimal(objective=GMV, rules=())", "Optimal(objective=GMV, rules=[Floor(3)])"]
    assert [seen.label for seen in plots.looks(ruled)] == ruled


BANDS = [
    {"policy": policy, "period": period, "column": "survivors", "low": low, "middle": low + 0.1, "high": low + 0.3}
    for policy, low in (("optimal", 0.1), ("patient", 0.5))
    for period in (1, 0)
]


def test_a_fan_has_its_median_within_its_band(ax):
    assert plots.fan_chart(BANDS, ax) is ax
    shown = labelled(ax)
    assert points(shown["optimal"]) == [(0, pytest.approx(0.2)), (1, pytest.approx(0.2))]
    assert points(shown["patient"]) == [(0, pytest.approx(0.6)), (1, pytest.approx(0.6))]
    filled, lined = ax.collections[::2], ax.collections[1::2]
    for band, low in zip(filled, (0.1, 0.5), strict=True):
        corners = band.get_paths()[0].vertices
        assert (corners[:, 0].min(), corners[:, 0].max()) == (0, 1)
        assert (corners[:, 1].min(), corners[:, 1].max()) == (pytest.approx(low), pytest.approx(low + 0.3))
    assert len({band.get_hatch() for band in lined}) == 2
    assert shown["optimal"].get_linestyle() != shown["patient"].get_linestyle()
    assert ax.get_ylabel() == "Anchors of the start still there (share)"
    ax.figure.canvas.draw()


def test_a_fan_of_two_columns_is_refused(ax):
    with pytest.raises(ValueError, match="one column, not survivors and gmv"):
        plots.fan_chart([*BANDS, BANDS[0] | {"column": "gmv"}], ax)


CELLS = [{"share": s, "power": p, "top": s * p} for s in (0.5, 0.0) for p in (1.0, 2.0, 3.0)]
LINE = [{"share": 0.0, "power": 1.0}, {"share": 0.5, "power": 9.0}]
TERMS = {"share": "Share (%)", "power": "Power", "top": "Top room (share)", "boundary": "T4"}


def test_a_phase_diagram_has_every_row_in_its_cell(ax):
    assert plots.phase_diagram(CELLS, ax, x="power", y="share", value="top", boundary=LINE, words=TERMS) is ax
    mesh = ax.collections[0]
    corners = mesh.get_coordinates()
    assert corners[0, :, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert corners[:, 0, 1].tolist() == [-0.25, 0.25, 0.75]
    assert mesh.get_array().tolist() == [[0.0, 0.0, 0.0], [0.5, 1.0, 1.5]]
    assert mesh.colorbar.ax.get_ylabel() == "Top room (share)"
    assert points(labelled(ax)["T4"]) == [(1.0, 0.0), (9.0, 0.5)]
    assert (ax.get_xlim(), ax.get_ylim()) == ((0.5, 3.5), (-0.25, 0.75))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Power", "Share (%)")


def test_a_phase_diagram_leaves_a_cell_without_a_row_and_refuses_two_rows_for_one(ax):
    plots.phase_diagram(CELLS[1:], ax, x="power", y="share", value="top")
    assert ax.collections[0].get_array().mask.tolist() == [[False] * 3, [True, False, False]]
    assert not ax.get_legend_handles_labels()[0]
    with pytest.raises(ValueError, match=r"two rows tell of the cell at power 1 and share 0\.5"):
        plots.phase_diagram([*CELLS, CELLS[0]], ax, x="power", y="share", value="top")


def test_a_phase_diagram_of_one_cell_is_still_a_figure(ax):
    plots.phase_diagram(CELLS[:1], ax, x="power", y="share", value="top")
    ax.figure.canvas.draw()


WAYS = [
    {"strength": k, "top": top, "way": way}
    for way, tops in (("up", (0.1, 0.1, 0.1, 0.9)), ("down", (0.1, 0.7, 0.8, 0.9)))
    for k, top in enumerate(tops)
]


def test_a_loop_shows_both_ways_and_what_lies_between(ax):
    assert plots.hysteresis(WAYS, ax, x="strength", y="top", direction="way", words={"strength": "Strength"}) is ax
    shown = labelled(ax)
    assert points(shown["way up"]) == [(0, 0.1), (1, 0.1), (2, 0.1), (3, 0.9)]
    assert points(shown["way down"]) == [(0, 0.1), (1, 0.7), (2, 0.8), (3, 0.9)]
    assert (shown["way up"].get_marker(), shown["way down"].get_marker()) == (">", "<")
    assert shown["way up"].get_linestyle() != shown["way down"].get_linestyle()
    corners = {tuple(corner) for corner in shown["loop"].get_paths()[0].vertices.tolist()}
    assert {(1, 0.1), (1, 0.7), (2, 0.1), (2, 0.8)} <= corners
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Strength", "top")


def test_one_way_is_no_loop_and_a_third_is_refused(ax):
    plots.hysteresis(WAYS[:4], ax, x="strength", y="top", direction="way")
    assert list(labelled(ax)) == ["way up"]
    with pytest.raises(ValueError, match="up or down, not 'left'"):
        plots.hysteresis([WAYS[0] | {"way": "left"}], ax, x="strength", y="top", direction="way")


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (plots.trajectory, {}),
        (plots.fan_chart, {}),
        (plots.phase_diagram, {"x": "a", "y": "b", "value": "c"}),
        (plots.hysteresis, {"x": "a", "y": "b"}),
    ],
)
def test_no_rows_over_time_are_refused_in_a_sentence(draw, columns, ax):
    with pytest.raises(ValueError, match="at least one row"):
        draw([], ax, **columns)


@pytest.mark.parametrize("draw", [plots.frontier, plots.lorenz, plots.exposure_by_tier, plots.prices_of_rules])
def test_no_rows_are_refused_in_a_sentence(draw, ax):
    with pytest.raises(ValueError, match="at least one"):
        draw({} if draw is plots.lorenz else [], ax)


def test_looks_differ_by_colour_or_marker_and_recipes_also_in_grey():
    assert plots.COLOURS.keys() == plots.MARKERS.keys()
    names = [*plots.COLOURS, "mine"]
    assert len({plots.look(name)[-2:] for name in names}) == len(names)
    recipes = ("greedy", "even", "proportional", "epsilon_even", "capped_boost", "observed", "alpha_fair", "floors")
    assert len({plots.MARKERS[name] for name in recipes}) == len(recipes)
    policies = ("optimal", "patient", "phased", "viable_floors", *recipes[:5])
    assert len({plots.MARKERS[name] for name in policies}) == len(policies)


@pytest.mark.parametrize(
    ("policy", "name", "setting"),
    [
        (dynamics.Optimal(), "optimal", "GMV"),
        (dynamics.Patient(discount=0.9), "patient", "GMV"),
        (dynamics.Phased([(50, dynamics.Even(0.6))], dynamics.Even(0.0)), "phased", "[(50, Even(part=0.6))]"),
        (dynamics.ViableFloors(0.1), "viable_floors", "0.1"),
        (dynamics.Even(0.3), "even", "0.3"),
        (dynamics.EpsilonEven(0.2), "epsilon_even", "0.2"),
        (dynamics.Proportional(), "proportional", ""),
        (dynamics.Greedy(), "greedy", ""),
        (dynamics.CappedBoost(), "capped_boost", "1.2"),
    ],
    ids=lambda entry: entry if isinstance(entry, str) else type(entry).__name__,
)
def test_policies_look_alike_by_name_and_by_repr(policy, name, setting):
    seen = plots.look(repr(policy))
    assert (seen.name, seen.setting) == (name, setting)
    assert seen[2:] == plots.look(name)[2:]
    assert name in plots.COLOURS


def test_solvers_are_known_by_name_and_by_repr():
    assert plots.look("Greedy()") == plots.look("greedy")
    assert plots.look("MinCostFlow()").colour == plots.COLOURS["min_cost_flow"]
    assert plots.look("Linear(engine='pdlp')").setting == "pdlp"
    assert plots.look("my_solver(depth=2)").label == "my_solver(depth=2)"
    assert plots.look("mine", 0)[-2:] != plots.look("other", 1)[-2:]


def test_style_is_applied_only_where_asked_and_embeds_fonts():
    before = dict(mpl.rcParams)
    with mpl.rc_context(plots.style):
        assert mpl.rcParams["pdf.fonttype"] == 42
        assert not mpl.rcParams["text.usetex"]
        plots.frontier(ROWS, Figure().subplots(), baselines=RECIPES)
    assert dict(mpl.rcParams) == before


TORNADO = [
    {"parameter": "Flywheel.decay", "from": 0.01, "to": 0.1, "low": 9e6, "base": 4e6, "high": -1e6, "overturns": True},
    {"parameter": "Defection.base", "from": 0.0, "to": 0.1, "low": 3e6, "base": 4e6, "high": 5e6},
]
TORNADO = [row | {f"{end}_error": 1e5 for end in ("low", "base", "high")} for row in TORNADO]


def test_a_tornado_has_a_bar_from_the_base_to_each_end_of_each_range(ax):
    assert plots.tornado(TORNADO, ax, words={"Defection.base": "hazard"}, unit="RMB") is ax
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert bars == [(4e6, 9e6), (4e6, -1e6), (4e6, 3e6), (4e6, 5e6)]
    said = [text.get_text() for text in ax.get_yticklabels()]
    assert said == ["Flywheel.decay\n0.01 to 0.1", "hazard\n0 to 0.1"]
    assert [text.get_fontweight() for text in ax.get_yticklabels()] == ["bold", "normal"]
    assert ax.get_xlabel() == "Lead (RMB)"
    assert [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2][-2:] == [4e6, 0.0]
    with pytest.raises(ValueError, match="at least one row"):
        plots.tornado([], ax)
