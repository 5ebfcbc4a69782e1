"""Numbers, days and durations in text: whatever a program or a person writes is read back, doubt is not resolved."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.tables.moments import name_periods, read_moments, read_seconds
from allocator.tables.numerals import MISSING, read_numerals

WRITERS = {
    "plain": lambda x: f"{x:.2f}",
    "thousands": lambda x: f"{x:,.2f}",
    "comma": lambda x: f"{x:.2f}".replace(".", ","),
    "continental": lambda x: f"{x:,.2f}".translate(str.maketrans(",.", ".,")),
    "swiss": lambda x: f"{x:,.2f}".replace(",", "'"),
    "french": lambda x: f"{x:,.2f}".replace(",", "\u202f").replace(".", ","),
    "pounds": lambda x: f"£{x:,.2f}" if x >= 0 else f"-£{-x:,.2f}",
    "euros": lambda x: f"{x:.2f}".replace(".", ",") + " €",
    "accountant": lambda x: f"{x:.2f}" if x >= 0 else f"({-x:.2f})",
    "trailing": lambda x: f"{x:.2f}" if x >= 0 else f"{-x:.2f}-",
    "spaced": lambda x: f"  {x:+.2f} ",
}
MONEY = st.integers(-(10**11), 10**11).map(lambda cents: cents / 100)


def text(*entries):
    return pa.array(entries, pa.large_string())


@given(MONEY, st.sampled_from(sorted(WRITERS)))
def test_two_decimals_leave_no_doubt_in_any_notation(amount, style):
    read = read_numerals(text(WRITERS[style](amount)))
    assert read.numbers[0] == amount
    assert not read.wrong[0]
    assert not read.ambiguous[0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_a_program_prints_is_read_to_the_last_bit(amount):
    assert read_numerals(text(repr(amount))).numbers[0] == amount


@given(st.integers(1, 999), st.integers(0, 999))
def test_one_comma_before_three_digits_is_not_guessed(front, back):
    written = f"{front},{back:03d}"
    assert read_numerals(text(written)).ambiguous[0]
    assert read_numerals(text(written), ",").numbers[0] == float(f"{front}.{back:03d}")
    assert read_numerals(text(written), ".").numbers[0] == 1000 * front + back


@given(
    st.lists(
        st.sampled_from([*MISSING, None, " ", "x", "1:20", "5%", "1.2.3", "1,2,3", "--1", "1e", "12 h"]), max_size=8
    )
)
def test_what_is_no_number_is_missing_or_wrong_and_never_a_number(entries):
    read = read_numerals(text(*entries))
    assert np.isnan(read.numbers).all()
    missing = np.array([entry is None or entry.strip() in MISSING for entry in entries], dtype=bool)
    np.testing.assert_array_equal(read.wrong, ~missing)


@pytest.mark.parametrize("written", ["1.234", "€ 1.234", "12.345", "-999.000"])
def test_a_point_before_three_digits_is_left_to_the_rest_of_the_column(written):
    read = read_numerals(text(written))
    assert read.doubtful[0]
    assert not read.point[0]
    assert not read.comma[0]
    assert read_numerals(text(written), ",").numbers[0] == 1000 * read.numbers[0]


@pytest.mark.parametrize("written", ["1 23", "1 2345", "5'10", "10 20", "1 234 56"])
def test_spaces_set_apart_three_digits_or_nothing(written):
    assert read_numerals(text(written)).wrong[0]


@given(MONEY, st.sampled_from(["EUR {}", "{} USD", "{}元", "US$ {}", "{} kr", "CNY{}"]))
def test_currencies_are_looked_through_and_told(amount, style):
    read = read_numerals(text(style.format(f"{amount:.2f}")))
    assert read.numbers[0] == amount
    assert read.currency[0].as_py() == style.replace("{}", "").strip()


@given(st.lists(MONEY.map(WRITERS["plain"]) | st.just("oops") | st.none(), min_size=1, max_size=9))
def test_entries_are_read_one_by_one(entries):
    together = read_numerals(text(*entries))
    apart = [read_numerals(text(entry)) for entry in entries]
    np.testing.assert_array_equal(together.numbers, [one.numbers[0] for one in apart])
    np.testing.assert_array_equal(together.wrong, [one.wrong[0] for one in apart])


MOMENTS = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2199, 12, 31)).map(lambda t: t.replace(microsecond=0))
LAYOUTS = [None, "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y%m%d%H%M%S"]


@given(st.lists(MOMENTS, min_size=1, max_size=6), st.sampled_from(LAYOUTS))
def test_periods_are_those_of_the_calendar(moments, layout):
    written = [t.isoformat(" ") if layout is None else t.strftime(layout) for t in moments]
    read = read_moments(text(*written, None), layout)
    assert read.entries[:-1].tolist() == moments
    assert np.isnat(read.entries[-1])
    assert not read.wrong.any()
    expected = {
        "year": [f"{t:%Y}" for t in moments],
        "quarter": [f"{t:%Y}-Q{(t.month + 2) // 3}" for t in moments],
        "month": [f"{t:%Y-%m}" for t in moments],
        "week": [f"{t - dt.timedelta(days=t.weekday()):%Y-%m-%d}" for t in moments],
        "day": [f"{t:%Y-%m-%d}" for t in moments],
    }
    for period, names in expected.items():
        assert name_periods(read.entries, period).to_pylist() == [*names, None]


@pytest.mark.parametrize(
    "written", ["2011-12-09", "2011-12-09 08:26", "2011-12-09T08:26:30.5Z", "2011-12-09 08:26:30+01:00"]
)
def test_iso_days_and_times_need_no_layout(written):
    read = read_moments(text(written))
    assert str(read.entries[0])[:10] == "2011-12-09"


@pytest.mark.parametrize(
    ("written", "layout"),
    [
        ("30/02/2011", "%d/%m/%Y"),
        ("01/02/11", "%d/%m/%Y"),
        ("1/13/2011", "%d/%m/%Y"),
        ("x", "excel"),
        ("9e30", "epoch"),
    ],
)
def test_days_that_do_not_exist_are_wrong_in_any_layout(written, layout):
    assert read_moments(text(written), layout).wrong[0]


def test_the_clock_is_that_of_the_zone():
    moment = pa.array([1_577_905_200], pa.timestamp("s", tz="Asia/Shanghai"))
    assert str(read_moments(moment).entries[0]) == "2020-01-02T03:00:00"
    assert name_periods(read_moments(text("2020-01-02T03:00:00+08:00")).entries, "day").to_pylist() == ["2020-01-02"]


@pytest.mark.parametrize("written", ["12/9/2011", "yesterday", "2011-13-01", "20111209", "2011-12-09x", "2011-02-30"])
def test_other_days_are_wrong_without_a_layout(written):
    assert read_moments(text(written)).wrong[0]


DURATIONS = {
    "clock": lambda s: f"{s // 3600}:{s // 60 % 60:02d}:{s % 60:02d}",
    "minutes": lambda s: f"{s // 60}:{s % 60:02d}",
    "iso": lambda s: f"PT{s // 3600}H{s // 60 % 60}M{s % 60}S",
    "words": lambda s: f"{s // 3600} h {s // 60 % 60} min {s % 60} sec",
    "days": lambda s: f"{s // 86400}d {s // 3600 % 24}h {s // 60 % 60}m {s % 60}s",
    "number": str,
}


@given(st.integers(0, 10**6), st.sampled_from(sorted(DURATIONS)))
def test_durations_are_seconds_in_any_notation(seconds, style):
    read = read_seconds(text(DURATIONS[style](seconds), None, "", "soon"))
    assert read.entries[0] == seconds
    assert np.isnan(read.entries[1:]).all()
    assert read.wrong.tolist() == [False, False, False, True]


@given(st.integers(0, 10**6), st.sampled_from(["s", "ms", "us", "ns"]))
def test_durations_that_a_file_knows_as_such_are_seconds(seconds, unit):
    exact = pa.array(np.array([seconds], dtype="m8[s]").astype(f"m8[{unit}]"))
    assert read_seconds(exact).entries[0] == pytest.approx(seconds, rel=1e-12)
