"""Commands that are killed in the middle go on from there; threads of linear algebra and workers change no byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

MODULE = """
from experiments import Claim, Setup
from theory.rates import STATED_RATE

CLAIMS = [
    Claim(f"{method} {axis}", method, "circular", axis, (32.0, 64.0, 128.0), Setup(400, 100.0, 9.0), STATED_RATE, 40,
          False, "")
    for method in ("zpg", "zbcpg-1") for axis in ("N", "M")
]
"""
COMMANDS = {
    "rates": ("rates", "--claims", "mine:CLAIMS"),
    "compare": ("compare", "--instance", "bandit", "--methods", "zpg,zspo,exact", "--budget", "3000", "--seeds", "40"),
    "variance": ("variance", "--instance", "circular", "--methods", "zpg,zbcpg-1,zbcpg-3,zbcpg-d,reinforce,gpomdp"),
    "faults": ("faults",),
    "figures": ("figures", "--only", "zspo-batches"),
}
PATIENCE = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("killed")
    (made / "mine.py").write_text(textwrap.dedent(MODULE))
    return made


def start(command: str, folder: Path, out: str, jobs: int, **environment: str) -> subprocess.Popen[bytes]:
    line = [str(Path(sys.executable).with_name("zpg")), *COMMANDS[command], "--out", out, "--jobs", str(jobs)]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(line, cwd=folder, env=os.environ | environment, stdout=nowhere, stderr=nowhere)


def tables(folder: Path) -> dict[str, bytes]:
    """Every table of results. Figures are drawn from them."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def entries(folder: Path) -> dict[Path, int]:
    """Finished cells, with the time at which each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("output.pkl")}


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, dict[str, bytes]]:
    """Tables of commands that nobody disturbs, in one process; filled as they are needed."""
    return {}


def alone(command: str, folder: Path, undisturbed: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    if command not in undisturbed:
        assert start(command, folder, f"{command}-alone", 1).wait(PATIENCE) in (0, 1)
        undisturbed[command] = tables(folder / f"{command}-alone")
    return undisturbed[command]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_goes_on(command: str, folder: Path, undisturbed: dict[str, dict[str, bytes]]) -> None:
    """Killed after the first cells, and again after more: no finished cell is run again, and the bytes are the same."""
    expected, out = alone(command, folder, undisturbed), folder / f"{command}-killed"
    all_cells = len(entries(folder / f"{command}-alone"))
    assert all_cells >= 4
    kept: dict[Path, int] = {}
    for share in (0.1, 0.5):
        running = start(command, folder, out.name, 2)
        deadline = time.monotonic() + PATIENCE
        while len(entries(out)) <= share * all_cells and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        time.sleep(3)  # its workers notice
        assert all(entries(out)[path] == when for path, when in kept.items())
        kept = entries(out)
        assert 0 < len(kept) < all_cells, "killed in the middle"
        assert not tables(out)
    assert start(command, folder, out.name, 2).wait(PATIENCE) in (0, 1)
    assert all(entries(out)[path] == when for path, when in kept.items())
    assert tables(out) == expected
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2", "5"])
@pytest.mark.parametrize("command", ["rates", "compare", "variance"])
def test_threads_of_linear_algebra_change_no_byte(
    command: str, threads: str, folder: Path, undisturbed: dict[str, dict[str, bytes]]
) -> None:
    expected, out = alone(command, folder, undisturbed), f"{command}-{threads}"
    counts = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    assert start(command, folder, out, 1, **counts).wait(PATIENCE) in (0, 1)
    assert tables(folder / out) == expected
