"""One module of a user's own, with a part of every kind, gives the same bytes on every backend."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from experiments.catalogue import user_modules

MODULE = Path(__file__).parents[1] / "docs" / "example_module.py"
MOST_LINES = 60

# What `zpg check` is asked about, kind by kind.
ATTRIBUTES = {
    "mdp": "MDP",
    "policy": "POLICY",
    "link": "LINK",
    "directions": "DIRECTIONS",
    "feedback": "FEEDBACK",
    "estimator": "ESTIMATOR",
    "instance": "INSTANCE",
    "method": "METHOD",
    "rate": "RATE",
    "claim": "CLAIMS",
    "figure": "FIGURE",
}

OWN = ("--instance", "example_module:INSTANCE", "--methods", "example_module:METHOD,zpg")
COMMANDS = (
    ("rates", "--claims", "example_module:CLAIMS"),
    ("variance", *OWN, "--theta", "0.3,-0.2", "--pairs", "4", "--queries", "2"),
    ("compare", *OWN, "--budget", "40", "--pairs", "4", "--queries", "2", "--seeds", "2"),
    ("figures", "--only", "example_module:FIGURE", "--format", "svg"),
)
# Tables that they write, under these or longer names.
TABLES = (
    *("rates_points", "rates_verdicts", "variance", "compare_curves", "compare_finals", "compare_tests"),
    *("compare_tuning", "own_points", "own_verdicts"),
)


def tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.csv")}


def other(found: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
    """Names of the tables that are missing, too many, or of other bytes."""
    return [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]


def run_all(run, folder: Path, *workers: str) -> dict[str, bytes]:
    """Every command; what the tables that they write hold."""
    for command in COMMANDS:
        done = run(*command, *workers, "--out", "results")
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr}"
    return tables(folder / "results")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    from paper_figures.cli import app

    folder = tmp_path_factory.mktemp("alone")
    shutil.copy(MODULE, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        for command in COMMANDS:
            assert not app([*command, "--jobs", "1", "--out", "results"], standalone_mode=False)
    user_modules.forget()
    return tables(folder / "results")


def test_it_is_short() -> None:
    assert len(MODULE.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(("kind", "attribute"), ATTRIBUTES.items(), ids=list(ATTRIBUTES))
def test_every_part_passes_its_check(kind: str, attribute: str, tmp_path: Path, zpg_in_process) -> None:
    shutil.copy(MODULE, tmp_path)
    done = zpg_in_process("check", f"example_module:{attribute}", "--kind", kind)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_one_process_writes_every_table(alone: dict[str, bytes]) -> None:
    for table in TABLES:
        command, _, title = table.partition("_")
        (found,) = [name for name in alone if name.startswith(command) and name.removesuffix(".csv").endswith(title)]
        assert len(alone[found].splitlines()) > 1
    assert len(alone) == len(TABLES)
    (verdicts,) = [
        content.decode() for name, content in alone.items() if name.startswith("rates") and "verdicts" in name
    ]
    assert verdicts.count("HOLDS") == 2


@pytest.mark.slow
def test_two_processes_write_the_same(alone: dict[str, bytes], tmp_path: Path, zpg) -> None:
    shutil.copy(MODULE, tmp_path)
    assert other(run_all(zpg, tmp_path, "--jobs", "2"), alone) == []


@pytest.mark.slow
def test_dask_writes_the_same(alone: dict[str, bytes], tmp_path: Path, zpg) -> None:
    pytest.importorskip("distributed")
    shutil.copy(MODULE, tmp_path)
    assert other(run_all(zpg, tmp_path, "--backend", "dask", "--jobs", "2"), alone) == []


@pytest.mark.slow
def test_another_module_or_seed_would_be_seen(alone: dict[str, bytes], tmp_path: Path, zpg_in_process) -> None:
    """The comparison tells a half from a third in the estimator, and one seed from another."""
    wanted = {name: content for name, content in alone.items() if name.startswith("variance")}
    module = tmp_path / MODULE.name

    def variance(folder: str, *options: str) -> dict[str, bytes]:
        done = zpg_in_process(*COMMANDS[1], "--jobs", "1", "--out", folder, *options)
        assert done.returncode == 0, done.stderr
        return tables(tmp_path / folder)

    module.write_text(MODULE.read_text().replace("super().scale(policy) / 2", "super().scale(policy) / 3"))
    assert other(variance("third"), wanted) == list(wanted)
    shutil.copy(MODULE, module)
    assert other(variance("half"), wanted) == []
    (seeded,) = variance("seed", "--seed", "1").values()
    assert [line.rpartition(b",")[0] for line in seeded.splitlines()] != [
        line.rpartition(b",")[0] for content in wanted.values() for line in content.splitlines()
    ], "the last column is the seed itself"
