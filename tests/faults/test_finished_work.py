"""Finished work that is damaged, cannot be kept, or is wanted no more."""

from __future__ import annotations

import logging
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from experiments.catalogue.claims import Claim, Setup
from experiments.rates.cells import cells_of, run_cells
from experiments.running import finished_work
from experiments.running.execution import Execution
from experiments.running.finished_work import Sealed, _require_own, is_whole, seal
from theory.errors import InputError
from theory.rates import STATED_RATE

CLAIM = Claim("small", "zbcpg-1", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 2, False, "")


def run(cache: Path | None) -> pd.DataFrame:
    return run_cells(cells_of(CLAIM, seed=0), Execution(jobs=1, cache=cache))


def entries(cache: Path) -> list[Path]:
    return sorted(cache.rglob("output.pkl"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def change_a_number(path: Path) -> None:
    """Of a number in the result: the file is still read without an error."""
    content = path.read_bytes()
    value = run(None)["gradient_norm_sq"].iloc[0]
    number = struct.pack("<d", value)
    assert number in content
    path.write_bytes(content.replace(number, struct.pack("<d", value * 1.5)))


def foreign(path: Path) -> None:
    path.write_bytes(b"\x80\x04K\x07.")  # the number 7


@pytest.mark.parametrize("damage", [empty, cut, change_a_number, foreign])
def test_a_damaged_entry_is_noticed_named_and_done_again(damage, tmp_path, caplog):
    expected = run(tmp_path)
    files = entries(tmp_path)
    damage(files[0])
    with caplog.at_level(logging.WARNING):
        found = run(tmp_path)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    (message,) = caplog.messages
    assert "1 damaged entries" in message
    assert str(tmp_path) in message
    caplog.clear()
    run(tmp_path)
    assert not caplog.messages, "the entry is whole again"


def test_without_the_digest_a_changed_number_would_be_a_result(tmp_path, monkeypatch, caplog):
    """Planted: an entry that can be read counts as whole."""
    expected = run(tmp_path)
    change_a_number(entries(tmp_path)[0])
    monkeypatch.setattr(finished_work, "is_whole", lambda kept: isinstance(kept, Sealed))
    assert not run(tmp_path).equals(expected)
    assert not caplog.messages


def test_a_seal_breaks_with_any_byte():
    sealed = seal({"value": 1.5})
    assert is_whole(sealed)
    for at in range(len(sealed.content)):
        content = bytearray(sealed.content)
        content[at] ^= 128
        assert not is_whole(Sealed(bytes(content), sealed.digest))
    assert not is_whole(None)


def test_a_cache_that_is_a_file_is_one_line(tmp_path, zpg_in_process):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cache").write_text("")
    done = zpg_in_process("rates", "--axis", "T", "--method", "zpg", "--instance", "bandit")
    assert done.returncode == 2
    assert "the folder of finished work" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_cache_that_others_can_write_to_is_not_read(tmp_path, monkeypatch, zpg_in_process):
    """What lies there is unpickled. A folder of another user is refused as well, but not for root, who reads all."""
    cache = tmp_path / "results" / "cache"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    done = zpg_in_process("rates", "--axis", "T", "--method", "zpg", "--instance", "bandit")
    assert done.returncode == 2
    assert "must not be writable by everybody" in done.stderr
    assert f"write chmod o-w {cache}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    cache.chmod(0o775)
    _require_own(cache)
    monkeypatch.setattr("os.geteuid", lambda: cache.stat().st_uid + 1)
    with pytest.raises(InputError, match="must belong to you"):
        _require_own(cache)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    _require_own(cache)


def test_results_that_cannot_be_kept_are_still_results(tmp_path, monkeypatch, caplog):
    expected = run(None)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("joblib._store_backends.FileSystemStoreBackend._concurrency_safe_write", full)
    with caplog.at_level(logging.WARNING):
        found = run(tmp_path)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    (message,) = caplog.messages
    assert "1 results could not be kept" in message
    assert "No space left" in message


SLEEPY = """
import os, sys, time
from pathlib import Path
from dataclasses import dataclass
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks

@dataclass(frozen=True)
class Nap:
    number: int
    instance: str = "bandit"

def nap(task):
    Path(sys.argv[1], f"{task.number}-{os.getpid()}").write_text("")
    time.sleep(0.2 if task.number < 2 else 600)

run_tasks(nap, [Nap(i) for i in range(4)], lambda task: -task.number, Execution(jobs=2))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_command(blow, tmp_path):
    """Workers in the middle of ten minutes of work are gone 20 seconds after their parent."""
    command = subprocess.Popen([sys.executable, "-c", SLEEPY, str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 4 and time.monotonic() < deadline:
        time.sleep(0.2)
    workers = {int(path.name.split("-")[1]) for path in tmp_path.iterdir()}
    assert workers - {os.getpid(), command.pid}, "processes of their own"
    command.send_signal(blow)
    command.wait(timeout=20)
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(alive, workers))


def test_a_worker_without_the_parent_that_sent_the_order_is_left_alone(tmp_path, monkeypatch):
    """A worker of a cluster has another parent; it must not watch for a process that it cannot see."""
    watched: list[int] = []
    monkeypatch.setattr(finished_work, "_end_with_parent", watched.append)
    run(tmp_path)
    assert watched == []
    finished_work.fetch(lambda *_: seal(1), None, "", os.getppid())
    assert watched == [os.getppid()]


def test_replaced_settings_are_other_entries(tmp_path):
    run(tmp_path)
    before = len(entries(tmp_path))
    run_cells(cells_of(replace(CLAIM, replicates=4), seed=0), Execution(jobs=1, cache=tmp_path))
    assert len(entries(tmp_path)) > before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="the folder of finished work"):
        run(tmp_path / "file")
