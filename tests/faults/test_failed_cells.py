"""A part of the user's that raises in some cells: all others finish and are kept, and each failure is told."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.catalogue.claims import Claim, Setup
from experiments.rates import tasks
from experiments.rates.cells import cells_of, run_cells
from experiments.running import cache_keys
from experiments.running.cache_keys import is_ours
from experiments.running.execution import Execution
from experiments.running.failures import MOST_TOLD, Failure, TasksFailedError, described
from experiments.running.finished_work import Fetched
from theory import STATED_RATE, Logistic

MODULE = """
from pathlib import Path
import numpy as np
from estimators import Sphere, ZerothOrder
from experiments import Claim, Instance, Method, Setup
from theory import STATED_RATE, Logistic, TabularSoftmax, bandit

class NeedsTwo(Exception):
    def __init__(self, first, second):  # such an exception cannot be sent to another process
        super().__init__(first)

class Choosy(ZerothOrder):
    def estimate(self, mdp, policy, theta, rng):
        if mdp.n_actions == 3 and not Path("ready").exists():
            raise NeedsTwo("three arms", 2)  # here
        return super().estimate(mdp, policy, theta, rng)

def instance(name, means):
    return Instance(name, "", bandit(means), TabularSoftmax(1, len(means)), np.zeros(len(means)), Logistic(1.0))

TWO, THREE = instance("two", [0.2, 0.7]), instance("three", [0.2, 0.5, 0.7])
METHOD = Method("choosy", "Choosy", lambda dim, oracle, radius: Choosy(Sphere(), oracle, radius))

def claim(name, method, instance):
    return Claim(name, method, instance, "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 4, False, "")

CLAIMS = [
    claim("shipped", "zpg", "bandit"),
    claim("own 2", "mine:METHOD", "mine:TWO"),
    claim("own 3", "mine:METHOD", "mine:THREE"),
]
"""
HERE = 1 + next(number for number, line in enumerate(MODULE.splitlines()) if "# here" in line)
RUN = ("rates", "--jobs", "1", "--claims")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Claims whose first cells are carried out, and not taken from the folder of finished work."""
    names: list[str] = []
    run_cell = tasks.run_cell

    def noted(cell: Any) -> Any:
        if cell.replicates[0] == 0:
            names.append(cell.claim)
        return run_cell(cell)

    monkeypatch.setattr(tasks, "run_cell", noted)
    return names


def write_module(folder: Path, extra: str = "") -> None:
    (folder / "mine.py").write_text(MODULE + extra)


def first_round(done: list[str]) -> list[str]:
    """What was carried out up to here; the list is empty again."""
    found = sorted(set(done))
    done.clear()
    return found


def test_the_others_finish_and_one_line_names_the_cell(tmp_path: Path, zpg_in_process, done: list[str]) -> None:
    write_module(tmp_path)
    ended = zpg_in_process(*RUN, "mine:CLAIMS")
    assert ended.returncode == 1, ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("zpg: claim own 3, method mine:METHOD, instance mine:THREE")
    assert f"NeedsTwo: three arms; see mine.py, line {HERE}" in line
    assert "1 of 3 cells failed; the others are kept" in line
    (log,) = (tmp_path / "results").glob("zpg-*.log")
    assert f'mine.py", line {HERE}' in log.read_text()
    assert first_round(done) == ["own 2", "own 3", "shipped"]
    # What the part needs is there now, and no module is another one. Later looks at claims may follow.
    (tmp_path / "ready").write_text("")
    ended = zpg_in_process(*RUN, "mine:CLAIMS")
    assert ended.returncode in (0, 1), ended.stderr
    assert "own 3" in ended.stdout
    assert not ended.stderr.strip()
    assert first_round(done) == ["own 3"]


def test_a_mended_module_runs_its_own_cells_and_no_shipped_ones(
    tmp_path: Path, zpg_in_process, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_module(tmp_path)
    zpg_in_process(*RUN, "mine:CLAIMS")
    first_round(done)
    write_module(tmp_path, "# mended\n")
    zpg_in_process(*RUN, "mine:CLAIMS")
    assert first_round(done) == ["own 2", "own 3"]
    # Planted: a key that holds every module, whether a task can know it or not.
    monkeypatch.setattr(cache_keys, "is_ours", lambda _: False)
    write_module(tmp_path, "# mended again\n")
    zpg_in_process(*RUN, "mine:CLAIMS")
    assert first_round(done) == ["own 2", "own 3", "shipped"]


def test_many_failures_are_a_few_lines_and_a_count(zpg_in_process, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [Failure(f"claim {k}", "KeyError: 'k'", "") for k in range(MOST_TOLD + 3)]

    def failed(*_: object, **__: object) -> None:
        raise TasksFailedError(failures, 20, kept=True, own=True)

    monkeypatch.setattr("experiments.planning.plan.plan_budget", failed)
    ended = zpg_in_process("plan", "--budget", "1e3")
    assert ended.returncode == 1
    *lines, more, summary = ended.stderr.strip().splitlines()
    assert lines == [f"zpg: claim {k}: KeyError: 'k'" for k in range(MOST_TOLD)]
    assert more == "zpg: and 3 more"
    assert summary.startswith(f"zpg: {MOST_TOLD + 3} of 20 cells failed; the others are kept")


@pytest.mark.slow
def test_workers_tell_the_same(tmp_path: Path, zpg) -> None:
    """An exception that cannot be sent from one process to another is told all the same."""
    write_module(tmp_path)
    ended = zpg("rates", "--jobs", "2", "--claims", "mine:CLAIMS")
    assert ended.returncode == 1
    assert f"NeedsTwo: three arms; see mine.py, line {HERE}" in ended.stderr
    assert "1 of 3 cells failed; the others are kept" in ended.stderr


SMALL = Claim("small", "zbcpg-1", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 2, False, "")


@pytest.mark.parametrize("error", [SystemExit(0), KeyError("k"), MemoryError()])
def test_a_defect_of_a_shipped_part_is_a_crash_after_the_others(
    error: BaseException, tmp_path: Path, zpg_in_process, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell, seen = tasks.run_cell, []

    def broken(cell: Any) -> Any:
        seen.append(cell.claim)
        if cell.claim == "zpg T bandit":
            raise error
        return run_cell(cell)

    monkeypatch.setattr(tasks, "run_cell", broken)
    monkeypatch.setattr("experiments.catalogue.shipped_claims.claims_in", lambda _: [SMALL, named("zpg T bandit")])
    ended = zpg_in_process("rates", "--jobs", "1", "--claims", "any")
    assert ended.returncode == 3
    assert type(error).__name__ in ended.stderr
    assert "1 of 2 cells failed" in ended.stderr
    assert "this is a defect" in ended.stderr
    assert set(seen) == {"small", "zpg T bandit"}


def named(name: str) -> Claim:
    return Claim(name, "zpg", "bandit", "T", (10, 100), Setup(1, 4, 5, radius=0.1), STATED_RATE, 2, False, "")


def test_without_a_cache_nothing_is_said_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("nothing left")

    monkeypatch.setattr("experiments.rates.cells._run_batch", broken)
    with pytest.raises(
        TasksFailedError, match=r"^1 of 1 cells failed; the others are finished\nclaim small, .*"
    ) as info:
        run_cells(cells_of(SMALL, seed=0), Execution(jobs=1))
    assert not info.value.own


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def test_a_failure_can_be_told_and_sent_whatever_was_raised() -> None:
    for error in (MuteError(), ValueError("line\n" * 1000), KeyError()):
        failure = Failure.of(cells_of(SMALL, seed=0)[0], error)
        assert "\n" not in str(failure)
        assert len(str(failure)) < 500
        assert pickle.loads(pickle.dumps(Fetched(failure))) == Fetched(failure)


@dataclass(frozen=True)
class Odd:
    number: int


def test_a_task_is_described_by_its_names_and_numbers() -> None:
    assert described(cells_of(SMALL, seed=7)[0]).startswith(
        "claim small, method zbcpg-1, instance bandit, first_point 0"
    )
    assert described(Odd(3)) == "number 3"
    assert described(object()) == "object"


@pytest.mark.parametrize(
    ("task", "ours"),
    [
        (cells_of(SMALL, seed=0)[0], True),
        ((1, 2.5, None, "zpg", np.arange(3), Logistic(2.0), (np.float64(1), True)), True),
        (("zpg", ("mine:METHOD",)), False),
        ((Odd(3),), False),
        ((lambda: 3,), False),
        ((np.array([Odd(3)]),), False),
        (([1],), False),
        ((Odd,), False),
    ],
)
def test_only_what_cannot_know_a_users_module_is_ours(task: Any, ours: bool) -> None:
    assert is_ours(task) == ours
