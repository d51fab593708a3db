"""Mutation score of one module: small faults are put into it one by one, and the tests should see each.

    python tests/mutation.py theory/inversions.py tests/theory/test_inversions.py [more tests] [--most 60] [--seed 0]

Works on a copy of the project in a temporary folder. It is no part of the tests themselves.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
# Operators, and names of functions, each with what is put in its place.
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
NAMES = {"maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max", "all": "any", "any": "all"}
# Seconds after which tests of a mutant count as failed: some mutants never end.
PATIENCE = 120


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Every mutant of a module, with a line about it. Docstrings and messages are left alone."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            mutant = copy.deepcopy(tree)
            twin = next(each for k, each in enumerate(ast.walk(mutant)) if k == number)
            before = ast.unparse(twin)
            change(twin)
            yield f"line {getattr(node, 'lineno', 0)}: {before} -> {ast.unparse(twin)}", ast.unparse(mutant)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], object]]:
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield lambda twin: setattr(twin, "op", OPERATORS[type(twin.op)]())
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield lambda twin: twin.ops.__setitem__(0, OPERATORS[type(twin.ops[0])]())
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        yield lambda twin: setattr(twin, "value", not twin.value if isinstance(twin.value, bool) else twin.value + 1)
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield lambda twin: setattr(twin, "attr", NAMES[twin.attr])
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield lambda twin: setattr(twin, "id", NAMES[twin.id])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda twin: setattr(twin, "op", ast.UAdd())


def is_seen(folder: Path, tests: list[str]) -> bool:
    """Whether tests fail in a copy of the project."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main() -> None:
    """Print the score, and every mutant that no test saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="path of the module in the project")
    parser.add_argument("tests", nargs="+", help="test files that cover it")
    parser.add_argument("--most", type=int, default=60, help="mutants that are tried; more are sampled")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    source = (ROOT / asked.module).read_text()
    found = list(mutants(source))
    order = np.random.default_rng(asked.seed).permutation(len(found))[: asked.most]
    chosen = [found[k] for k in sorted(order)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("theory", "estimators", "experiments", "paper_figures", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if is_seen(folder, asked.tests):
            sys.exit("the tests must pass without a fault, and they fail")
        survivors = []
        for words, mutant in chosen:
            (folder / asked.module).write_text(mutant)
            if not is_seen(folder, asked.tests):
                survivors.append(words)
                print("not seen:", words, flush=True)
    seen = len(chosen) - len(survivors)
    print(f"{asked.module}: {seen} of {len(chosen)} mutants seen ({len(found)} there are)")


if __name__ == "__main__":
    main()
