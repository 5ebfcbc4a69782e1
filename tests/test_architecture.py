"""The shape of the package: data flows one way, imports stay light, names are documented, sizes stay small."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import allocator as al

PACKAGE = Path(al.__file__).parent
LAYERS = [
    {"wording", "metrics", "kernels", "oracle", "highs"},
    {"attributes"},
    {"soundness"},
    {"graph"},
    {"networks", "tables", "synthetic", "rules", "description", "public", "citation"},
    {"problem", "subsidies"},
    {"certificate", "linear_model", "mixing"},
    {"elastic", "allocation"},
    {"feasibility"},
    {"repair", "archive", "reasons", "rule_prices", "rule_words", "holdout"},
    {"driver", "explain"},
    {"solvers"},
    {"axioms"},
    {"frontier", "comparison", "rules_table", "leximin", "diagnose", "discrete"},
    {"online", "dynamics"},
    {"market"},
    {"cli"},
    {"__main__"},
]
LAYER = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def module_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Modules of ours that a file imports at its top level (not inside functions, not only for type checkers)."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("allocator."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path):
    here = module_of(path)
    if here == "__init__":
        return
    if here == "plots":
        assert set(imports(path)) <= {"plots"}, "plots compute nothing and import nothing of ours"
        return
    assert here in LAYER, f"{here} has no layer yet; give it one"
    for other in imports(path):
        assert other == here or LAYER[other] < LAYER[here], f"{here} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_at_module_level_only_numpy_and_the_standard_library_are_imported(path):
    allowed = {"allocator", "numpy", *sys.stdlib_module_names}
    if module_of(path) == "cli":
        allowed |= {"typer", "rich"}
    if module_of(path) == "kernels":
        allowed |= {"numba"}  # itself imported only inside the functions that run a pass
    for node in ast.parse(path.read_text()).body:
        names = (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            assert name.split(".")[0] in allowed, f"{path.name} imports {name} at module level"


def test_importing_the_package_loads_nothing_heavy():
    heavy = ["scipy", "networkx", "pyarrow", "numba", "ot", "ortools", "cvxpy", "matplotlib", "typer", "pandas", "rich"]
    code = f"import sys, allocator; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


@pytest.mark.parametrize(
    "order",
    [
        ("cvxpy", "ortools.linear_solver.python.model_builder_helper"),
        ("ortools.linear_solver.python.model_builder_helper", "cvxpy"),
        ("highspy", "ortools.pdlp.python.pdlp"),
        ("ortools.pdlp.python.pdlp", "highspy"),
    ],
)
def test_cvxpy_highspy_and_ortools_share_a_process_in_either_order(order):
    code = "; ".join(f"import {name}" for name in order)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_and_functions_stay_readable(path):
    text = path.read_text()
    assert text.count("\n") <= 340
    tree = ast.parse(text)
    assert path.name == "__init__.py" or ast.get_docstring(tree), "every module says what it is"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node, clean=False)
            length = node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("name", [n for n in al.__all__ if callable(getattr(al, n))])
def test_every_public_name_is_documented(name):
    thing = getattr(al, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for attribute, member in vars(thing).items():
            if (
                not attribute.startswith("_")
                and inspect.isfunction(member)
                and not any(attribute in vars(base) for base in thing.__mro__[1:])
            ):
                assert inspect.getdoc(member) or attribute in ("bind", "size"), f"{name}.{attribute}"


def test_no_todo_no_machine_path_no_commented_code():
    root = PACKAGE.parent
    for path in [*MODULES, *root.glob("tests/*.py"), *root.glob("experiments/*.py")]:
        text = path.read_text()
        if path.name != Path(__file__).name:
            assert not re.search(r"\b(TODO|FIXME|XXX)\b", text), path
            assert not re.search(r"['\"]/(root|home|work|tmp)/", text), path
