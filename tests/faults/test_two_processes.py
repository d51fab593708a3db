"""The same command twice at one time on one folder: both end well with the same bytes, and nothing is damaged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
import pytest
from joblib import load
from joblib._store_backends import FileSystemStoreBackend
from joblib.memory import MemorizedFunc, MemorizedResult

from experiments.catalogue.claims import Claim, Setup
from experiments.rates import cells
from experiments.rates.cells import cells_of, run_cells
from experiments.running.execution import Execution
from experiments.running.finished_work import is_whole
from theory.rates import STATED_RATE

# Two points, and blocks of replicates of their own: three cells.
CLAIM = Claim("small", "zbcpg-1", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 70, False, "")


def run(cache: Path | None) -> pd.DataFrame:
    return run_cells(cells_of(CLAIM, seed=0), Execution(jobs=1, cache=cache))


def entries(cache: Path) -> list[Path]:
    return sorted(cache.rglob("output.pkl"))


def between(owner: Any, name: str, other: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    """Let another process come to its end at the first call of a function, before the function does anything."""
    original, come = getattr(owner, name), iter([other])

    def interrupted(*given: Any, **named: Any) -> Any:
        for run_other in come:
            run_other()
        return original(*given, **named)

    patch.setattr(owner, name, interrupted)


@pytest.mark.parametrize(
    ("owner", "name", "damaged"),
    [
        (cells, "_run_batch", False),
        (MemorizedFunc, "_persist_input", False),
        (MemorizedFunc, "_write_func_code", False),
        (MemorizedFunc, "check_call_in_cache", True),
        (MemorizedResult, "get", True),
        (MemorizedResult, "clear", True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_another_process_may_finish_at_any_moment(
    owner: Any, name: str, damaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    expected = run(None)
    # A process that has just started has not seen the folder before.
    monkeypatch.setattr("joblib.memory._FUNCTION_HASHES", WeakKeyDictionary())
    if damaged:
        run(tmp_path)
        entries(tmp_path)[0].write_bytes(b"")
    others: list[pd.DataFrame] = []
    with monkeypatch.context() as patch:
        between(owner, name, lambda: others.append(run(tmp_path)), patch)
        found = run(tmp_path)
    assert len(others) == 1, "the other process ran in the middle of this one"
    for frame in (found, *others):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert not [message for message in caplog.messages if "could not be kept" in message]
    caplog.clear()
    monkeypatch.setattr(cells, "_run_batch", None)
    pd.testing.assert_frame_equal(run(tmp_path), expected, check_exact=True)
    assert not caplog.messages, "nothing is damaged, and nothing is run again"


def in_place(_: Any, value: Any, filename: str, write: Callable[[Any, str], None]) -> None:
    """Planted: a writer that writes to the file itself."""
    write(value, filename)


@pytest.mark.parametrize(
    ("writer", "sound"), [(FileSystemStoreBackend._concurrency_safe_write, True), (in_place, False)]
)
def test_no_other_process_can_read_half_an_entry(
    writer: Any, sound: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of every file is there while another process reads all entries that it can see."""
    seen: list[bool] = []

    def readable(path: Path) -> bool:
        try:
            return is_whole(load(path))
        except Exception:  # whatever half a file may raise
            return False

    def halfway(self: Any, value: Any, filename: str, write: Callable[[Any, str], None]) -> None:
        def slowly(value: Any, name: str) -> None:
            write(value, name)
            content = Path(name).read_bytes()
            Path(name).write_bytes(content[: len(content) // 2])
            seen.extend(readable(path) for path in entries(tmp_path))
            Path(name).write_bytes(content)

        writer(self, value, filename, slowly)

    monkeypatch.setattr(FileSystemStoreBackend, "_concurrency_safe_write", halfway)
    run(tmp_path)
    assert seen
    assert all(seen) == sound


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("compare", "--instance", "bandit", "--methods", "zpg,exact", "--budget", "2000", "--seeds", "40"),
        ("variance", "--instance", "bandit", "--methods", "zpg,reinforce,exact", "--pairs", "4", "--queries", "3"),
    ],
    ids=lambda command: command[0],
)
def test_both_commands_end_well_with_the_same_bytes(command: tuple[str, ...], tmp_path: Path) -> None:
    zpg = [str(Path(sys.executable).with_name("zpg")), *command, "--out"]

    def start(folder: str, jobs: int) -> subprocess.Popen[str]:
        line = [*zpg, folder, "--jobs", str(jobs)]
        return subprocess.Popen(line, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def tables(folder: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((tmp_path / folder).glob("*.csv"))}

    alone = start("alone", 1)
    alone.communicate()
    both = [start("shared", jobs) for jobs in (1, 2)]
    errors = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [alone.returncode] * 2, errors
    assert not any(word in error for error in errors for word in ("damaged", "could not be kept"))
    assert tables("shared") == tables("alone")
    assert not [
        path for path in (tmp_path / "shared").rglob("*") if path.name.endswith(".tmp") or "thread" in path.name
    ]
    kept = {path: path.stat().st_mtime_ns for path in entries(tmp_path / "shared")}
    start("shared", 1).communicate()
    assert {path: path.stat().st_mtime_ns for path in entries(tmp_path / "shared")} == kept
