"""Mutation score: small faults are put into the exact and the statistical code one by one, and tests should see each.

    python tests/mutation.py [theory estimators experiments/statistics] [--most 200] [--seed 0] [--out FILE.json]

A sample of all mutants is drawn alike from all modules that are named. Each runs in a fork of a process where numpy,
scipy and pytest are loaded already, on a copy of the project in a temporary folder: first the test files that call the
function most often, then, if they pass, all files of its package's tests that call anything of the module. Mutants
listed in equivalent_mutants.txt do not count. It is no part of the tests themselves.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import contextlib
import importlib
import json
import math
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from forks import LONGEST, PROJECT, Baseline, Order, in_fork, run_tests
from mutants import Mutant, equivalents, mutant, points
from scipy.special import betaincinv

ROOT = Path(__file__).parents[1]
EQUIVALENTS = Path(__file__).with_name("equivalent_mutants.txt")
# What is tested, and by which tests: a mutant lives when all of these pass that call anything of its module.
TESTS = {
    "theory": ("tests/theory", "tests/invariants", "tests/faults/test_bad_input_library.py"),
    "estimators": ("tests/estimators", "tests/invariants", "tests/faults/test_bad_input_library.py"),
    "experiments/statistics": (
        "tests/experiments/statistics",
        "tests/invariants",
        "tests/faults/test_bad_input_experiments.py",
    ),
}
# Test files that are tried before all of them, and those that look at classes and constants without a call.
NEAREST, WITHOUT_CALLS = 3, {"tests/invariants/test_records.py", "tests/invariants/test_stated_limits.py"}
# What is loaded once, before the forks, as far as the tests use it.
LOADED = ("numpy", "scipy", "pandas", "statsmodels", "gymnasium", "joblib")
# A mutant may take this multiple of the processor's time that its tests take without a fault, and so many seconds more.
PATIENCE, AT_LEAST = 6.0, 20.0


def baseline(folder: Path, package: str) -> Baseline:
    """Run the tests of a package without a fault, and load here what they load that is not of the project."""
    tests = tuple(each for each in TESTS[package] if (folder / each).exists())
    seen = in_fork(lambda: run_tests(folder, tests), LONGEST)
    if seen is None or seen.failed:
        sys.exit(f"{package}: the tests must pass without a fault; {seen.failed if seen else 'they ended early'}")
    for name in seen.modules:
        if name.partition(".")[0] in LOADED:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    return seen


def plan(seen: Baseline, fault: Mutant) -> tuple[tuple[str, ...], tuple[str, ...], Order]:
    """Test files to try first, the others that call anything of the module, and an order of all tests.

    First come those named like the module, then those that call the function in most tests. Within a file, tests that
    call it come first, and short ones before long ones.
    """
    # A class has no calls of its own: those of its methods count.
    calling = {
        test: any(module == fault.module and name.startswith(fault.function or "") for module, name in calls)
        for test, calls in seen.calls.items()
    }
    shares = Counter(test.partition("::")[0] for test, calls in calling.items() if calls)
    # A cached result is no call of the function, but whoever uses it calls something of the module.
    users = {
        test.partition("::")[0]
        for test, calls in seen.calls.items()
        if any(module == fault.module for module, _ in calls)
    }
    named = {file for file in seen.files if Path(file).stem.startswith(f"test_{Path(fault.module).stem}")}
    ranked = sorted(users | named | WITHOUT_CALLS, key=lambda file: (file not in named, -shares[file]))
    place = {file: k for k, file in enumerate(ranked)}
    order = {
        test: (place.get(test.partition("::")[0], math.inf), float(not calls), seen.seconds[test])
        for test, calls in calling.items()
    }
    return tuple(ranked[:NEAREST]), tuple(ranked[NEAREST:]), order


def alone(folder: Path, test: str, order: Order) -> bool:
    """Whether a test that is not near the fault fails by itself too, and not once by chance."""
    result = in_fork(lambda: run_tests(folder, (test.removeprefix("collection of "),), order), AT_LEAST * PATIENCE)
    return result is None or bool(result.failed)


def seen_by(folder: Path, seen: Baseline, fault: Mutant) -> str:
    """Name the first test that fails with a fault, "" when all of them pass."""
    path = folder / fault.module
    plain = path.read_text()
    path.write_text(fault.source)
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    try:
        near, others, order = plan(seen, fault)
        for tests in (near, others):
            if not tests:
                continue
            usual = sum(n for test, n in seen.seconds.items() if test.startswith(tests))
            result = in_fork(lambda tests=tests: run_tests(folder, tests, order), AT_LEAST + PATIENCE * usual)
            if result is None:
                return "did not end"
            if result.failed and (tests == near or alone(folder, result.failed, order)):
                return result.failed
            if result.failed:
                print(f"failed once and not again: {result.failed}: {result.why}", file=sys.stderr)
    finally:
        path.write_text(plain)
    return ""


def sample(modules: list[str], most: int, seed: int) -> tuple[list[Mutant], int]:
    """Draw mutants alike from all of the modules; and how many there are."""
    sources = {module: (ROOT / module).read_text() for module in modules}
    places = [(module, point) for module in modules for point in points(sources[module])]
    order = np.random.default_rng(seed).permutation(len(places))[:most]
    found = [mutant(places[k][0], sources[places[k][0]], places[k][1]) for k in order]
    return [each for each in found if each is not None], len(places)


def score(seen: int, n: int) -> str:
    """Share with its 95% interval (Clopper and Pearson)."""
    low = betaincinv(seen, n - seen + 1, 0.025) if seen else 0.0
    high = betaincinv(seen + 1, n - seen, 0.975) if seen < n else 1.0
    return f"{seen} of {n} seen, {seen / n:.1%} (95% interval {low:.1%} to {high:.1%})"


def main() -> None:
    """Print every mutant that no test saw, and the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=list(TESTS), help="packages or single modules")
    parser.add_argument("--most", type=int, default=200, help="mutants that are tried; more are sampled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the outcome of each is kept")
    asked = parser.parse_args()
    modules = sorted(
        str(path.relative_to(ROOT))
        for each in asked.paths
        for path in ([ROOT / each] if each.endswith(".py") else (ROOT / each).glob("*.py"))
    )
    chosen, n_places = sample(modules, asked.most, asked.seed)
    known = equivalents(EQUIVALENTS)
    outcomes: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        for name in PROJECT:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        os.chdir(folder)
        os.environ["PYTHONPATH"] = str(folder)
        sys.path.insert(0, str(folder))
        packages = {module: str(Path(module).parent) for module in modules}
        usual = {package: baseline(folder, package) for package in sorted(set(packages.values()))}
        sys.dont_write_bytecode = True
        for fault in chosen:
            words = {key: value for key, value in asdict(fault).items() if key != "source"}
            package = packages[fault.module]
            begun = time.monotonic()
            reason = known.get(fault.key) or known.get((*fault.key[:3], "*"))
            by = f"equivalent: {reason}" if reason else seen_by(folder, usual[package], fault)
            outcomes.append(words | {"by": by, "seconds": round(time.monotonic() - begun, 2)})
            if not by:
                print(f"not seen: {fault.module} {fault.function}\n- {fault.before}\n+ {fault.after}\n", flush=True)
            if asked.out:
                asked.out.write_text(json.dumps({"seed": asked.seed, "outcomes": outcomes}, indent=1) + "\n")
    counted = [each for each in outcomes if not each["by"].startswith("equivalent: ")]
    for package in sorted(set(packages.values())):
        part = [each for each in counted if packages[each["module"]] == package]
        if part:
            print(f"{package}: {score(sum(bool(each['by']) for each in part), len(part))}")
    print(f"in all: {score(sum(bool(each['by']) for each in counted), len(counted))};"
          f" {len(outcomes) - len(counted)} equivalent, seed {asked.seed}, drawn from {n_places}")  # fmt: skip


if __name__ == "__main__":
    main()
