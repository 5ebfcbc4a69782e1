"""Every experiment runs from nothing, twice to the same bytes, keeps its cells, and is listed with its question."""

import ast
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import allocator as al

FOLDER = Path(__file__).parents[1] / "experiments"
SCRIPTS = sorted(path.name for path in FOLDER.glob("[!_]*.py"))
TIMED = {name for name in SCRIPTS if "rows hold times" in (FOLDER / name).read_text(encoding="utf-8")}
RESULTS = ("json", "csv", "png", "pdf")
DAY = int(time.time() // 86_400)
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
"""Second runs take turns: a third of the scripts a day, or all."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


def await_turn(script, later):
    """Skip a second run whose turn is another day."""
    if not THOROUGH and (SCRIPTS.index(script) + later) % 3 != DAY % 3:
        pytest.skip("its turn is another day")


def start(script, *words, **environment):
    """A script as a process of its own, away from the repository."""
    command = [sys.executable, "-W", "error", str(FOLDER / script), *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = None if os.name == "nt" else partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell may ignore it
    return subprocess.Popen(command, **pipes, cwd=FOLDER.anchor, env=os.environ | environment, preexec_fn=heard)


def finished(script, *words, **environment):
    process = start(script, *words, **environment)
    try:
        output, errors = process.communicate(timeout=180)
    finally:
        process.kill()
    return process.returncode, output, errors


@pytest.fixture(scope="module", params=SCRIPTS)
def first(request, tmp_path_factory):
    """A script and the folder of its first quick run from an empty cache."""
    folder = tmp_path_factory.mktemp("first")
    code, _, errors = finished(request.param, "--quick", "--out", folder)
    assert code == 0, errors
    return request.param, folder


def results(script, folder):
    return {kind: (folder / f"{Path(script).stem}.{kind}").read_bytes() for kind in RESULTS}


def test_the_table_lists_exactly_the_scripts_and_their_questions():
    table = (FOLDER / "README.md").read_text(encoding="utf-8").split("| script |")[1].split("\n\n")[0]
    listed = dict(re.findall(r"^\| `(\w+\.py)` \| ([^|]+) \|", table, flags=re.MULTILINE))
    questions = {name: ast.get_docstring(ast.parse((FOLDER / name).read_text(encoding="utf-8"))) for name in SCRIPTS}
    assert listed == {name: text.splitlines()[0] for name, text in questions.items()}
    assert all(question.endswith("?") for question in listed.values())


def test_rows_drawing_and_provenance_are_left_and_nothing_half_written(first):
    script, folder = first
    stem = Path(script).stem
    cells = {"cells"} if (folder / "cells").exists() else set()
    assert {path.name for path in folder.iterdir()} == cells | {f"{stem}.{k}" for k in (*RESULTS, "provenance.json")}
    assert json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))["rows"]
    provenance = json.loads((folder / f"{stem}.provenance.json").read_text(encoding="utf-8"))
    assert {"commit", "dirty", "versions", "machine", "time"} <= provenance.keys()


def test_a_run_elsewhere_on_one_thread_gives_the_same_bytes(first, tmp_path):
    script, folder = first
    if script in TIMED:
        pytest.skip("its rows hold times")
    await_turn(script, 0)
    code, _, errors = finished(script, "--quick", "--out", tmp_path, **ONE_THREAD)
    assert code == 0, errors
    assert results(script, tmp_path) == results(script, folder)


def test_a_run_in_the_same_folder_touches_no_cell(first):
    script, folder = first
    if script in TIMED:
        pytest.skip("its rows hold times")
    await_turn(script, 1)
    cells = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    before = results(script, folder)
    code, _, errors = finished(script, "--quick", "--out", folder)
    assert code == 0, errors
    assert {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()} == cells
    assert errors.count(": kept") == len(cells) > 0
    assert results(script, folder) == before


def rows_of(path):
    with path.open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_the_committed_figure_is_what_the_code_produces(first):
    """Numbers up to the certified gap; pixels belong to one version of matplotlib. The league is drawn in full: the
    same policies, worlds and remedies as with small sizes.
    """
    script, folder = first
    for kept in FOLDER.glob(f"figures/{Path(script).stem}.csv"):
        old, new = rows_of(kept), rows_of(folder / kept.name)
        if script == "policies.py":
            told = ("policy", "world", "remedy")
            told = [{tuple(row[k] for k in told) for row in rows if row["panel"] in MEANS} for rows in (old, new)]
            assert told[0] == told[1] != set()
            assert old[0].keys() == new[0].keys()
            continue
        for before, after in zip(old, new, strict=True):
            assert {k for k in before if before[k]} == {k for k in after if after[k]}
            for name in ("gmv", "price", "weight"):
                if before[name]:
                    assert float(after[name]) == pytest.approx(float(before[name]), rel=1e-3, abs=1e-4)


MEANS = ("league mean", "matrix mean")


def test_the_committed_league_bears_out_what_is_said_of_it(monkeypatch):
    """In full, where signs are beyond two standard errors."""
    monkeypatch.syspath_prepend(FOLDER)
    import policies

    numbers = ("gain", "gain_error", "part", "cap")
    rows = [row | {k: float(row[k]) for k in numbers if row[k]} for row in rows_of(FOLDER / "figures" / "policies.csv")]
    told = policies.held(rows, 2.0) + policies.quoted(rows, 2.0)
    assert "ten even days" in told


@pytest.fixture
def platform():
    return al.synthetic.heavy_tailed(40, 8, degree=4, rng=np.random.default_rng(3))


def test_the_frontier_of_ones_own_platform(platform, tmp_path):
    al.write_platform(platform, tmp_path / "mine")
    code, output, errors = finished("frontier.py", "--data", tmp_path / "mine", "--out", tmp_path / "out")
    assert code == 0, errors
    assert output == "Points of the frontier: 15 certified\n"
    record = json.loads((tmp_path / "out" / "frontier-own.json").read_text(encoding="utf-8"))
    assert record["arguments"]["content"] == platform.content_hash
    assert [row["weight"] for row in record["rows"] if row["series"] == "frontier"][-1] == "inf"


def test_the_frontier_of_ones_own_table(platform, tmp_path):
    table = tmp_path / "sales.csv"
    lines = zip(platform.segment, platform.anchor, platform.value, strict=True)
    table.write_text("viewer,host,gmv\n" + "".join(f"v{i},h{j},{value}\n" for i, j, value in lines), encoding="utf-8")
    columns = ("--segment", "viewer", "--anchor", "host", "--money", "gmv")
    code, _, errors = finished("frontier.py", "--data", table, *columns, "--out", tmp_path / "out")
    assert code == 0, errors
    assert (tmp_path / "out" / "frontier-own.pdf").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "give --segment, --anchor and --value or --money"),
        (("--segment", "viewer", "--anchor", "hots", "--money", "gmv"), "no column 'hots' (did you mean 'host'?)"),
        (("--segment", "viewer", "--anchor", "host"), "give either value"),
    ],
)
def test_data_that_does_not_fit_is_refused_in_one_sentence(words, sentence, tmp_path):
    table = tmp_path / "sales.csv"
    table.write_text("viewer,host,gmv\na,b,1\n", encoding="utf-8")
    code, output, errors = finished("frontier.py", "--data", table, *words, "--out", tmp_path)
    assert (code, output) == (1, "")
    assert sentence in errors
    assert errors.count("\n") == 1


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import _lab

    return _lab


def test_streams_are_named_and_not_ordered(lab):
    draws = [lab.stream(7, name).random() for name in ("a", "b", "a")]
    assert draws[0] == draws[2] != draws[1]
    assert lab.stream(8, "a").random() != draws[0]


def double(number):
    return [{"number": 2 * number, "level": -np.inf, "share": np.float64(0.5)}]


def never(**parameters):
    raise ArithmeticError("no row")


def test_cells_are_kept_by_what_they_depend_on(lab, tmp_path):
    mine = lab.Lab("test", tmp_path, {})
    plain = {"level": "-inf", "share": 0.5}
    assert mine.measured([(double, {"number": 2}), (double, {"number": 3})]) == [
        {"number": 4} | plain,
        {"number": 6} | plain,
    ]
    assert mine.measured([(double, {"number": 2})]) == [{"number": 4} | plain]
    assert len(list((tmp_path / "cells").iterdir())) == 2


def test_a_failure_is_not_kept(lab, tmp_path):
    with pytest.raises(ArithmeticError, match="no row"):
        lab.Lab("test", tmp_path, {}).measured([(double, {"number": 2}), (never, {})])
    assert [path.name.partition("-")[0] for path in (tmp_path / "cells").iterdir()] == ["double"]


def test_json_has_one_spelling_and_no_nan(lab):
    assert json.loads(lab.dumps({"b": [np.inf, -np.inf], "a": np.int64(3)})) == {"b": ["inf", "-inf"], "a": 3}
    with pytest.raises(ValueError, match="not JSON compliant"):
        lab.dumps({"a": np.nan})


def test_a_file_is_written_at_once_or_not_at_all(lab, tmp_path):
    lab.write(tmp_path / "rows", b"old")
    with pytest.raises(TypeError):
        lab.write(tmp_path / "rows", "no bytes")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"rows": b"old"}


PATIENT = """
import time
import _lab

def quick():
    return [{"done": 1}]

def slow():
    time.sleep(60)

_lab.run(lambda: _lab.Lab("patient", _lab.arguments("Why?").parse_args().out, {}).measured([(quick, {}), (slow, {})]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_interruption_keeps_finished_cells_and_ends_with_a_sentence(tmp_path):
    script = tmp_path / "patient.py"
    script.write_text(PATIENT, encoding="utf-8")
    process = start(script, "--out", tmp_path / "out", PYTHONPATH=str(FOLDER))
    assert process.stderr.readline().startswith("quick: ")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 1
    assert errors.strip() == "Interrupted: finished cells are kept, and the same command goes on from there."
    assert [path.name.partition("-")[0] for path in (tmp_path / "out" / "cells").iterdir()] == ["quick"]
