"""Formulas: they mean what Python's expressions mean, and what is none is refused in one sentence."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.tables import TableError
from allocator.tables.evaluation import evaluate
from allocator.tables.formula import read_formula
from allocator.tables.functions import FUNCTIONS
from allocator.tables.rows import Rows, decoded

COLUMNS = {
    "n": pa.array([1, 2, -3, 4], pa.int64()),
    "x": pa.array([0.5, -2.25, 8.0, 0.0]),
    "price": pa.array(["2.55", "£3", "1e3", " 7 "], pa.large_string()),
    "code": pa.array(["C12", "85123A", "c9", "DOT "], pa.large_string()),
    "Unit Price": pa.array([1.5, 2.5, 3.5, 4.5]),
    "when": pa.array(["2011-01-31", "2011-02-01 08:00", "2011-12-31", "2012-01-01"], pa.large_string()),
    "sold": pa.array([True, False, None, True]),
    "gap": pa.array([None, 1.0, None, 2.0]),
    "long": pa.array([6812345678901234567, 6812345678901234568, 1, None], pa.int64()),
    "c": pa.array(["`n`", "a", "b", "c"], pa.large_string()),
    "note": pa.array(["a", None, "b", None], pa.large_string()),
    "column_0": pa.array([10, 10, 10, 10], pa.int64()),
}
PYTHON = {
    "n": [1.0, 2.0, -3.0, 4.0],
    "x": [0.5, -2.25, 8.0, 0.0],
    "price": [2.55, 3.0, 1000.0, 7.0],
}


def rows():
    return Rows("the log", np.arange(1, 5), {name: decoded(pa.chunked_array([c])) for name, c in COLUMNS.items()})


def value(text, wanted=None):
    found = evaluate(read_formula("where", text, COLUMNS), rows(), wanted)
    return found.tolist() if isinstance(found, np.ndarray) else found.to_pylist()


NUMBERS = st.recursive(
    st.sampled_from(["n", "x", "price"]) | st.integers(-9, 9).map(lambda k: f"({k})"),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map("({0[0]} {0[1]} {0[2]})".format),
    max_leaves=8,
)
TRUTHS = st.recursive(
    st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS).map(
        "({0[0]} {0[1]} {0[2]})".format
    ),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map("({0[0]} {0[1]} {0[2]})".format)
        | inner.map("(not {})".format)
    ),
    max_leaves=4,
)


def by_python(text):
    return [eval(text, {}, {name: column[k] for name, column in PYTHON.items()}) for k in range(4)]


@given(NUMBERS)
def test_arithmetic_is_that_of_python(text):
    assert value(text, "number") == pytest.approx(by_python(text), rel=1e-12)


@given(TRUTHS)
def test_conditions_are_those_of_python(text):
    assert value(text, "truth") == by_python(text)


@given(TRUTHS, NUMBERS, NUMBERS)
def test_choices_are_those_of_python(test, one, other):
    text = f"{one} if {test} else {other}"
    assert value(text, "number") == pytest.approx(by_python(text), rel=1e-12)


CASES = {
    "`Unit Price` * 2": [3.0, 5.0, 7.0, 9.0],
    "Unit Price": [1.5, 2.5, 3.5, 4.5],
    "-n": [-1.0, -2.0, 3.0, -4.0],
    "1 < n <= 4": [False, True, False, True],
    "n in (1, 4)": [True, False, False, True],
    "code not in ('C12', 'c9')": [False, True, False, True],
    "startswith(code, 'C')": [True, False, False, False],
    "startswith(upper(code), 'C') or endswith(strip(code), 'T')": [True, False, True, True],
    "contains(code, '12')": [True, True, False, False],
    "matches(code, '^[0-9]{5}[A-Z]$')": [False, True, False, False],
    "code == 'c9'": [False, False, True, False],
    "code != 'c9'": [True, True, False, True],
    "left(code, 2)": ["C1", "85", "c9", "DO"],
    "concat(n, '/', left(code, 1))": ["1/C", "2/8", "-3/c", "4/D"],
    "lower(code)": ["c12", "85123a", "c9", "dot "],
    "missing(gap)": [True, False, True, False],
    "gap > 0": [False, True, False, True],
    "not missing(gap) and gap > 1": [False, False, False, True],
    "gap != 1": [True, False, True, True],
    "month(when)": ["2011-01", "2011-02", "2011-12", "2012-01"],
    "quarter(when) == '2011-Q1'": [True, True, False, False],
    "day(when) >= '2011-02-01'": [False, True, True, True],
    "hour(when)": [0.0, 8.0, 0.0, 0.0],
    "sold": [True, False, None, True],
    "sold and n > 1": [False, False, False, True],
    "whole(x * 4)": [2.0, -9.0, 32.0, 0.0],
    "max(n, x, 1)": [1.0, 2.0, 8.0, 4.0],
    "min(abs(n), 2)": [1.0, 2.0, 2.0, 2.0],
    "round(x)": [0.0, -2.0, 8.0, 0.0],
    "'kept' if n > 0 else code": ["kept", "kept", "c9", "kept"],
    "n % 2 == 1": [True, False, True, False],
    "text(n)": ["1", "2", "-3", "4"],
    "code == text(n)": [False] * 4,
    "number(left(price, 1))": [2.0, math.nan, 1.0, math.nan],
    "right(code, 2)": ["12", "3A", "c9", "T "],
    "replace(code, 'C', '#')": ["#12", "85123A", "c9", "DOT "],
    "extract(code, '[0-9]+')": ["12", "85123", "9", None],
    "number(extract(code, '[0-9]+')) > 9": [True, True, False, False],
    "text(n) > 1": [False, True, False, True],
    "left(price, 1) == 2": [True, False, False, False],
    "n in (-3, 4)": [False, False, True, True],
    "long == 6812345678901234567": [True, False, False, False],
    "long in (6812345678901234568, 1)": [False, True, True, False],
    "long > 6812345678901234567": [False, True, False, False],
    "sold == True": [True, False, False, True],
    "when >= '2011-12-31'": [False, False, True, True],
    "'2011-02-01' <= when": [False, True, True, True],
    "when < '2011-02-01 08:30' and month(when) != '2011-01'": [False, True, False, False],
    "0 if code == 'DOT ' else number(extract(code, '[0-9]+'))": [12.0, 85123.0, 9.0, 0.0],
    "year(when)": ["2011", "2011", "2011", "2012"],
    "week(when)": ["2011-01-31", "2011-01-31", "2011-12-26", "2011-12-26"],
    "seconds(when) - seconds('2011-01-31')": [0.0, 115_200.0, 28_857_600.0, 28_944_000.0],
    "day(n * 1000, 'excel')": ["1902-09-26", "1905-06-22", "1891-10-13", "1910-12-13"],
    "day(n * 1000000000, 'epoch')": ["2001-09-09", "2033-05-18", "1874-12-07", "2096-10-02"],
    "note != 'a'": [False, True, True, True],
    "note == 'a'": [True, False, False, False],
    "note not in ('a', 'x')": [False, True, True, True],
    "note in ('a', 'x')": [True, False, False, False],
    "missing(note) or note > 'a'": [False, True, True, True],
    "c == '`n`'": [True, False, False, False],
    "`Unit Price` * column_0": [15.0, 25.0, 35.0, 45.0],
}


@pytest.mark.parametrize("text", CASES)
def test_formulas_give_what_they_say(text):
    found = value(text)
    assert len(found) == 4
    for one, expected in zip(found, CASES[text], strict=True):
        assert one == pytest.approx(expected, nan_ok=True) if isinstance(expected, float) else one == expected


def test_every_function_is_shown_above():
    shown = " ".join(CASES)
    assert [name for name in FUNCTIONS if f"{name}(" not in shown] == ["part"]


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ("0 if code == 'DOT ' else number(left(code, 1))", [True, False, True, False]),
        ("n > 1 or code > 5", [True, False, True, False]),
        ("n > 1 and code > 5", [False, True, False, True]),
        ("missing(gap) or number(code) > 1", [False, True, False, True]),
    ],
)
def test_what_is_not_asked_of_a_row_is_no_fault_of_it(text, faulty):
    table = rows()
    evaluate(read_formula("where", text, COLUMNS), table)
    (fault,) = table.faults
    assert fault.rows.tolist() == faulty


def test_an_entry_of_another_kind_is_a_fault_of_its_row():
    table = rows()
    evaluate(read_formula("where", "code > 5 or n > 0", COLUMNS), table, "truth")
    (fault,) = table.faults
    assert fault.rows.tolist() == [True, True, True, True]
    assert (fault.column, fault.what, fault.sample) == ("code", "text instead of numbers", ", as 'C12',")


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_parts_keep_equal_entries_together_and_are_nearly_of_one_size(parts):
    many = pa.array([f"invoice {k % 3000}" for k in range(9000)], pa.large_string())
    table = Rows("the log", np.arange(1, 9001), {"invoice": many})
    for text in (f"part({parts}, invoice)", f"part({parts})", f"part({parts}, concat(invoice, 'again'))"):
        found = np.array(evaluate(read_formula("by", text, ["invoice"]), table).to_pylist())
        names, sizes = np.unique(found, return_counts=True)
        assert names.tolist() == [str(k + 1) for k in range(parts)]
        # Five standard deviations of a multinomial with 3000 draws, three rows each.
        assert np.abs(sizes / 9000 - 1 / parts).max() < 5 * math.sqrt((1 / parts) * (1 - 1 / parts) / 3000)
        if "invoice" in text:
            assert (found[:3000] == found[3000:6000]).all()
    again = evaluate(read_formula("by", f"part({parts}, invoice)", ["invoice"]), table).to_pylist()
    other = evaluate(read_formula("by", f"part({parts}, concat(invoice, 'again'))", ["invoice"]), table).to_pylist()
    assert again != other


REFUSED = {
    "n = 1": "compare with ==",
    "n <> 1": "write != for unequal",
    "n > 0 AND x > 0": "small letters",
    "code IS NULL": "missing(x)",
    "n > 0 && x > 0": "write and, or",
    "n >": "expression such as quantity > 0",
    "": "expression",
    "frob(n)": "no function is called 'frob'",
    "startwith(code, 'C')": "did you mean 'startswith'",
    "startswith(code, n)": "needs a text in quotes as argument 2",
    "startswith(code)": "takes 2 arguments (text, 'text'), not 1",
    "left(code, 0)": "needs a whole number from 1 to 1,000,000",
    "part('2')": "needs a whole number",
    "n.real": "'n.real' is no part of a formula",
    "[n for n in x]": "is no part of a formula",
    "__import__('os').system('true')": "is no part of a formula",
    "lambda: 1": "is no part of a formula",
    "n ** 9": "is no part of a formula",
    "n in code": "after 'in' comes a list",
    "n in (1, 'a')": "after 'in' comes a list",
    "n is 1": "is no part of a formula",
    "left(code, count=3)": "is no part of a formula",
    "item.no * 2": "stands in backquotes",
    "when >= '01/04/2024'": "would be compared letter by letter; write day(x",
    "'1.4.24' < when": "letter by letter",
    "+".join(["n"] * 5000): "cannot be read as a formula",
    "left(code, 100000000000000000000)": "needs a whole number",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_formula_is_refused_in_one_sentence(text):
    with pytest.raises(TableError, match="where") as caught:
        read_formula("where", text, COLUMNS)
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["'abc' > 5", "n + 'x' > 2", "n > 1e999 or 'a' - 1 > 0"])
def test_a_text_is_no_number(text):
    with pytest.raises(TableError, match="is no number"):
        value(text, "truth")


def test_a_number_is_no_condition():
    with pytest.raises(TableError, match="neither true nor false"):
        value("n + 1", "truth")


@given(st.text("nx(),'\"`<>=+-*/ andortif12.\\[]{}:;@#", max_size=25))
def test_any_text_is_a_formula_or_a_sentence(text):
    try:
        formula = read_formula("where", text, COLUMNS)
        if set(formula.columns) <= set(COLUMNS):
            evaluate(formula, rows(), "truth")
    except TableError as error:
        assert "\n" not in str(error)
