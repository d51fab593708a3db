"""Arrows point one way, theory is light and draws nothing: read from the source, not from what happens to be loaded."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("theory", "estimators", "experiments", "paper_figures")
# Folders of experiments: each may import from itself and from those before it.
FOLDERS = ("catalogue", "statistics", "running", "contracts", "rates", "comparison", "planning", "studies", "commands")
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
THEORY = [path for path in SOURCES if path.is_relative_to(ROOT / "theory")]
SCIPY_PARTS = {"special", "sparse", "optimize"}
# Every public method of numpy.random.Generator that draws or makes another generator.
DRAWS = {
    "beta", "binomial", "bytes", "chisquare", "choice", "default_rng", "dirichlet", "exponential", "gamma",
    "geometric", "gumbel", "hypergeometric", "integers", "laplace", "logistic", "lognormal", "logseries",
    "multinomial", "multivariate_hypergeometric", "multivariate_normal", "negative_binomial",
    "noncentral_chisquare", "noncentral_f", "normal", "pareto", "permutation", "permuted", "poisson", "power",
    "random", "rayleigh", "seed", "shuffle", "spawn", "standard_cauchy", "standard_exponential", "standard_gamma",
    "standard_normal", "standard_t", "triangular", "uniform", "vonmises", "wald", "weibull", "zipf",
}  # fmt: skip
BY_SOURCE = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
BY_THEORY = pytest.mark.parametrize("path", THEORY, ids=lambda path: path.stem)

Node = tuple[ast.AST, tuple[str, ...]]


def walk(tree: ast.AST, inside: tuple[str, ...] = ()) -> Iterator[Node]:
    """Every node with the names of the functions it stands in."""
    for child in ast.iter_child_nodes(tree):
        yield child, inside
        deeper = (*inside, child.name) if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else inside
        yield from walk(child, deeper)


def imports(source: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Full dotted name of everything imported, late imports included, and the functions they stand in."""
    for node, inside in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", inside
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
            and ast.unparse(node.func) in {"__import__", "import_module", "importlib.import_module"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), inside


def upward(source: str, layer: str) -> list[str]:
    """Imports from a layer above the given one, or from the tests."""
    above = {*LAYERS[LAYERS.index(layer) + 1 :], "tests"}
    return [name for name, _ in imports(source) if name.split(".")[0] in above]


def upward_in_experiments(source: str, folder: str) -> list[str]:
    """Imports from a folder of experiments above the given one."""
    above = FOLDERS[FOLDERS.index(folder) + 1 :]
    return [name for name, _ in imports(source) if name.startswith(tuple(f"experiments.{other}." for other in above))]


def heavy(source: str, file: str) -> list[str]:
    """What theory may not import: all but numpy, three parts of scipy, the standard library, and one late gymnasium."""
    found = []
    for name, inside in imports(source):
        head, *rest = name.split(".")
        scipy = head == "scipy" and bool(rest) and rest[0] in SCIPY_PARTS
        late = head == "gymnasium" and file == "gymnasium_tables.py" and bool(inside)
        if not (head in {"theory", "numpy", *sys.stdlib_module_names} or scipy or late):
            found.append(name)
    return found


def drawing(source: str, file: str) -> list[str]:
    """Uses of a method of Generator, and imports of what draws."""
    found = []
    for node, inside in walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in DRAWS:
            receiver = ast.unparse(node.value)
            allowed = receiver in {"np", "numpy", "special"} or (
                file == "mdp_families.py" and inside[:1] == ("garnet",)
            )
            if not allowed:
                found.append(f"{receiver}.{node.attr}")
    drawers = ("random", "secrets", "numpy.random")
    return found + [
        name for name, _ in imports(source) if name.startswith(drawers) and name != "numpy.random.Generator"
    ]


def test_there_is_something_to_walk() -> None:
    assert {path.parent.name for path in SOURCES} >= set(LAYERS)
    assert {path.stem for path in THEORY} >= {"mdp", "values", "votes", "mdp_families", "gymnasium_tables"}


@BY_SOURCE
def test_arrows_point_one_way(path: Path) -> None:
    assert upward(path.read_text(), path.relative_to(ROOT).parts[0]) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_arrows_point_down_inside_experiments(folder: str) -> None:
    paths = sorted((ROOT / "experiments" / folder).rglob("*.py"))
    assert paths
    assert {str(path): found for path in paths if (found := upward_in_experiments(path.read_text(), folder))} == {}


def test_every_module_of_experiments_lies_in_a_folder() -> None:
    assert {path.name for path in (ROOT / "experiments").glob("*.py")} == {"__init__.py"}
    assert {path.parent.name for path in (ROOT / "experiments").glob("*/__init__.py")} == set(FOLDERS)


def test_an_arrow_against_the_order_of_the_folders_is_seen() -> None:
    assert upward_in_experiments("from experiments.rates.cells import Cell", "running")
    assert upward_in_experiments("def f():\n    from experiments.commands import app", "studies")
    assert not upward_in_experiments("from experiments.running.run_tasks import run_tasks", "rates")


@BY_THEORY
def test_theory_imports_little(path: Path) -> None:
    assert heavy(path.read_text(), path.name) == []


@BY_THEORY
def test_theory_draws_nothing(path: Path) -> None:
    assert drawing(path.read_text(), path.name) == []


@BY_SOURCE
def test_scipy_stats_is_nowhere(path: Path) -> None:
    assert [name for name, _ in imports(path.read_text()) if name.startswith("scipy.stats")] == []


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name in LAYERS[:2]], ids=lambda path: path.stem)
def test_generators_come_from_the_caller(path: Path) -> None:
    calls = [ast.unparse(node.func) for node, _ in walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert [name for name in calls if name.split(".")[-1] in {"default_rng", "SeedSequence", "Generator", "seed"}] == []


@pytest.mark.parametrize(
    ("source", "layer"),
    [
        ("import estimators", "theory"),
        ("def f():\n    from experiments.statistics.power_law import fit_power_law", "estimators"),
        ("from paper_figures import registry", "experiments"),
        ("import importlib\nimportlib.import_module('experiments.running.run_tasks')", "theory"),
        ("from tests.data import x", "paper_figures"),
    ],
)
def test_a_forbidden_arrow_is_seen(source: str, layer: str) -> None:
    assert len(upward(source, layer)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import pandas",
        "from scipy import stats",
        "import scipy.stats",
        "import gymnasium",
        "from scipy.linalg import expm",
    ],
)
def test_a_forbidden_import_is_seen(source: str) -> None:
    assert len(heavy(source, "gymnasium_tables.py")) == 1
    assert len(heavy(f"def f():\n    {source}", "mdp.py")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "def f(rng):\n    return rng.random(3)",
        "def f(streams):\n    return streams.votes.multinomial(3, [1])",
        "import numpy as np\nnp.random.seed(0)",
        "import numpy as np\nrng = np.random.default_rng(0)",
        "import random",
        "from numpy.random import default_rng",
        "def helper(rng):\n    return rng.permuted([1, 2])",
    ],
)
def test_a_draw_is_seen(source: str) -> None:
    assert drawing(source, "mdp_families.py")


def test_garnet_alone_may_draw() -> None:
    source = "import numpy as np\ndef {}(rng: np.random.Generator):\n    return rng.dirichlet([1, 1])"
    assert drawing(source.format("garnet"), "mdp_families.py") == []
    assert drawing(source.format("garnet"), "mdp.py") == ["rng.dirichlet"]
    assert drawing(source.format("chain"), "mdp_families.py") == ["rng.dirichlet"]
