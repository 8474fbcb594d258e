"""The rules of the house: sizes, directions of imports, one name for one idea, a silent and quick import."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gemmule as gm
from gemmule import _native

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "gemmule"
KERNELS = ROOT / "csrc" / "kernels"
MODULES = sorted(PACKAGE.rglob("*.py"))
CPP_FILES = sorted([*ROOT.glob("csrc/**/*.h"), *ROOT.glob("csrc/**/*.cpp")])
FAMILIES, PARTS = (
    re.search(rf"set\({name} ([^)]*)\)", (ROOT / "CMakeLists.txt").read_text())[1].split()
    for name in ("GEMMULE_FAMILIES", "GEMMULE_FAMILY_PARTS")
)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


# ---- Sizes -----------------------------------------------------------------------------------------------------


def docstring_lines(tree: ast.AST) -> set[int]:
    """Lines taken by string literals that stand alone: docstrings and strings used as comments."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, node.end_lineno + 1))
    return lines


def counted_lines(source: str, tree: ast.AST, first: int, last: int) -> int:
    """Lines of code between two lines, without docstrings, comments and blank lines."""
    skipped = docstring_lines(tree)
    lines = enumerate(source.splitlines()[first - 1 : last], start=first)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in skipped)


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and body length of each function of a module; its signature is a declaration and not counted."""
    source, tree = path.read_text(), tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, counted_lines(source, node, node.body[0].lineno, node.end_lineno)


def code_of_cpp(path: Path) -> str:
    """The source with comments and the contents of literals blanked out, line breaks kept."""
    literal = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)
    return literal.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), path.read_text())


def cpp_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and body length of each function that stands in namespaces and classes only."""
    code = re.sub(r"^\s*#.*(?:\\\n.*)*$", "", code_of_cpp(path), flags=re.M)
    container = re.compile(r"\b(namespace|struct|class|enum|union|extern)\b[^()=]*$")
    opened: list[tuple[str, int]] = []
    start = 0
    for at, sign in enumerate(code):
        if sign == "{":
            header = code[start:at]
            outside = all(kind == "container" for kind, _ in opened)
            if container.search(header) and outside:
                opened.append(("container", at))
            elif outside and "(" in header:
                name = re.search(r"([\w~:]+|operator\S+)\s*\(", header)
                opened.append((name[1] if name else "?", at))
            else:
                opened.append(("", at))
        elif sign == "}":
            kind, begin = opened.pop()
            if kind not in ("", "container"):
                body = code[begin:at].splitlines()[1:]
                yield kind, sum(1 for line in body if line.strip())
        if sign in "{};":
            start = at + 1


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_python_sizes(path: Path) -> None:
    source, tree = path.read_text(), tree_of(path)
    lines = counted_lines(source, tree, 1, source.count("\n") + 1)
    assert lines <= 400, f"{relative(path)} has {lines} lines of code; split it by meaning."
    long = {name: length for name, length in python_functions(path) if length > 60}
    assert not long, f"functions over 60 lines in {relative(path)}: {long}"


@pytest.mark.parametrize("path", CPP_FILES, ids=relative)
def test_cpp_sizes(path: Path) -> None:
    lines = sum(1 for line in code_of_cpp(path).splitlines() if line.strip())
    assert lines <= 500, f"{relative(path)} has {lines} lines of code; split it by meaning."
    long = {name: length for name, length in cpp_functions(path) if length > 100}
    assert not long, f"functions over 100 lines in {relative(path)}: {long}"
    wide = [n for n, line in enumerate(path.read_text().splitlines(), start=1) if len(line) > 120]
    assert not wide, f"lines over 120 columns in {relative(path)}: {wide}"


def test_functions_are_short() -> None:
    python = [length for path in MODULES for _, length in python_functions(path)]
    cpp = [length for path in CPP_FILES for _, length in cpp_functions(path)]
    assert statistics.median(python) <= 10
    assert statistics.median(cpp) <= 15


# ---- Directions ------------------------------------------------------------------------------------------------

# A module may import from its own storey and from those below it.
STOREYS = [
    {"_version", "_native", "errors", "leftovers", "naming", "scope", "mutation", "registry"},
    {"memory", "backend"},
    {"config", "random", "tensor", "store", "symbolic"},
    {"autograd", "nodes", "deferral", "fusion", "plan", "recording", "session", "slicing"},
    {"ops"},
    {
        "catalog",
        "constraints",
        "initializers",
        "regularizers",
        "activations",
        "losses",
        "metrics",
        "optimizers",
        "layers",
        "callbacks",
        "data",
        "utils",
        "saving",
    },
    {"applications", "datasets", "models", "recipes"},
    {"__init__", "__main__", "demo"},
]
STOREY = {name: number for number, names in enumerate(STOREYS) for name in names}
# Imported when first called, because a lower storey's object offers them as its own methods or settings.
UPWARD = {
    ("tensor", "config"),
    ("config", "__init__"),
    ("random", "ops"),
    ("utils", "models"),  # a figure of what a layer sees needs a model that ends there
}


def imported_modules(path: Path) -> set[str]:
    """Top-level parts of gemmule that a module imports, wherever the import stands, type checking aside."""
    tree = tree_of(path)
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names.update(f"gemmule.{alias.name}" if module == "gemmule" else module for alias in node.names)
    parts = {name.split(".")[1] for name in names if name.startswith("gemmule.")}
    return {part if part in STOREY else "__init__" for part in parts}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_down(path: Path) -> None:
    part = part_of(path)
    assert part in STOREY, f"{part} has no storey: add it to STOREYS in this file."
    upward = {name for name in imported_modules(path) if STOREY[name] > STOREY[part] and (part, name) not in UPWARD}
    assert not upward, f"{relative(path)} imports from above: {sorted(upward)}"


@pytest.mark.parametrize("path", CPP_FILES, ids=relative)
def test_cpp_includes_point_down(path: Path) -> None:
    included = set(re.findall(r'#include "(?:\.\./)?(\w+)/', path.read_text()))
    allowed = {"kernels": {"kernels"}, "plan": {"kernels", "plan"}, "bindings": {"kernels", "plan", "bindings"}}
    assert included <= allowed[path.parent.name]


@pytest.mark.parametrize("path", [KERNELS / f"{family}.cpp" for family in FAMILIES], ids=relative)
def test_kernels_neither_allocate_nor_throw_nor_start_threads(path: Path) -> None:
    forbidden = r"\bnew\s+\w|\bmalloc\b|\bthrow\b|#pragma omp|<(?:algorithm|vector|string|cmath|memory|thread|omp\.h)>"
    found = re.findall(forbidden, code_of_cpp(path))
    assert not found, f"{relative(path)} contains {found}"


# ---- One name for one idea -------------------------------------------------------------------------------------


def test_every_family_has_kernels_and_a_twin() -> None:
    twins = {path.stem for path in (PACKAGE / "backend" / "reference").glob("*.py")} - {"__init__"}
    assert {family for family in FAMILIES if (KERNELS / f"{family}.cpp").exists()} == set(FAMILIES)
    assert set(FAMILIES) <= twins
    registered = (KERNELS / "families.cpp").read_text()
    assert [name for name in re.findall(r"^  register_(\w+)\(", registered, re.M) if name not in PARTS] == FAMILIES


def test_every_op_file_is_a_family() -> None:
    shared = {"windows", "convolution"}  # by several families
    machinery = {"__init__", "registry", "shapes", "operators", "creation", "arrays", "indexing"} | shared
    machinery |= {"activation_composed"}  # of other ops, without kernels of their own
    machinery |= {"arranging", "comparing", "contraction", "control", "joining", "regular", "scattering", "statistics"}
    machinery |= {"counting", "shorthands"}
    machinery |= {"inspecting", "sampling"}  # nothing is computed; from the kernels of random.cpp
    machinery |= {"logic", "unary"}  # from the kernels of elementwise.cpp
    families = {path.stem for path in (PACKAGE / "ops").glob("*.py")} - machinery
    assert families <= set(FAMILIES)


def test_native_and_reference_have_the_same_kernels() -> None:
    from gemmule.backend import reference

    helpers = {"apply_activation"}  # shared by the twins of dense and gemm
    assert {name for name, _ in _native.list_kernels()} == set(reference.TWINS) - helpers
    assert list(reference.FAMILIES) == FAMILIES


def test_float64_is_complete() -> None:
    kernels = set(_native.list_kernels())
    singles = {name for name, dtype in kernels if dtype == "float32"}
    doubles = {name for name, dtype in kernels if dtype == "float64"}
    assert singles - doubles == {"logical_and", "logical_or", "logical_not"}  # booleans only


def test_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert gm.__version__ == version("gemmule")


def test_stub_lists_the_native_module() -> None:
    stub = ast.parse((PACKAGE / "_native.pyi").read_text())
    listed = {node.name for node in stub.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert listed == {name for name in dir(_native) if not name.startswith("_")}
    plan = next(node for node in stub.body if isinstance(node, ast.ClassDef) and node.name == "Plan")
    methods = {node.name for node in plan.body if isinstance(node, ast.FunctionDef)} - {"__init__"}
    assert methods == {name for name in dir(_native.Plan) if not name.startswith("_")}


# ---- Manners ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_assert_in_the_package(path: Path) -> None:
    found = [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Assert)]
    assert not found, f"{relative(path)} asserts in lines {found}; raise an exception that names the cure."


IMPORT_PROBE = """
import sys, time
import numpy
before = set(sys.modules)
start = time.perf_counter()
import gemmule
seconds = time.perf_counter() - start
new = set(sys.modules) - before
foreign = [m for m in new if not m.startswith("gemmule")]
print(seconds, len(foreign), any(m.split(".")[0] in ("matplotlib", "pandas", "pooch", "torch", "sklearn") for m in new))
"""


def probe(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_import_is_silent() -> None:
    assert probe("import gemmule") == ""


@pytest.mark.skipif("site-packages" not in gm.__file__, reason="an editable install may compile at import")
def test_import_is_quick() -> None:
    runs = [probe(IMPORT_PROBE).split() for _ in range(5)]
    assert all(run[2] == "False" for run in runs), "an optional package was imported"
    assert min(float(run[0]) for run in runs) <= 0.080
    assert int(runs[0][1]) < 40


def public_objects() -> dict[str, object]:
    spaces = ["ops", "layers", "losses", "metrics", "optimizers", "callbacks", "initializers", "utils", "datasets"]
    spaces.append("applications")
    found = {f"gm.{name}": getattr(gm, name) for name in gm.__all__}
    for space in spaces:
        module = getattr(gm, space)
        found |= {f"gm.{space}.{name}": getattr(module, name) for name in module.__all__}
    return {name: value for name, value in found.items() if callable(value)}


@pytest.mark.parametrize("name", sorted(public_objects()))
def test_public_names_are_documented(name: str) -> None:
    value = public_objects()[name]
    documentation = value.__doc__ or ""
    assert len(documentation.split()) >= 4, f"{name} has no docstring."


# ---- Rows; those of ops: tests/ops/test_coverage.py ----------------------------------------------------------------


def test_every_layer_has_a_row() -> None:
    from tests.layers import specs

    public = [getattr(gm.layers, name) for name in gm.layers.__all__]
    layers = {value.__name__ for value in public if isinstance(value, type)} - {"Layer"}  # some have two names
    missing = layers - {row.layer for row in specs.ROWS}
    assert not missing, f"layers without a row in tests/layers/specs.py: {sorted(missing)}"


def test_every_optimizer_has_a_row() -> None:
    from tests.optimizers import specs

    optimizers = {name for name in gm.optimizers.__all__ if isinstance(getattr(gm.optimizers, name), type)}
    missing = (
        optimizers - {"Optimizer", "LBFGS"} - {row.optimizer for row in specs.ROWS}
    )  # L-BFGS makes no single steps
    assert not missing, f"optimizers without a row in tests/optimizers/specs.py: {sorted(missing)}"
