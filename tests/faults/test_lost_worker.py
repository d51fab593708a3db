"""A worker of a cluster is killed in the middle: its cell is done again, no other one, and the bytes are the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from distributed import Client, LocalCluster
from experiments import Claim, Setup
from experiments.rates.cells import cells_of, run_cell
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory.rates import STATED_RATE

STARTS = Path("starts")
CLAIM = Claim("small", "zbcpg-1", "bandit", "N", (10.0, 100.0), Setup(3, n_queries=5.0), STATED_RATE, 256, False, "")

def noted(cell):
    (STARTS / f"{cell.replicates[0]}-{time.time_ns()}").touch()
    time.sleep(0.5)
    return run_cell(cell)

def main():
    STARTS.mkdir()
    cells = cells_of(CLAIM, seed=0)
    expected = [run_cell(cell) for cell in cells]
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        victim = min(client.run(os.getpid).values())
        killed = []

        def progress(done, total):
            if done == 2 and not killed:
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)

        address = cluster.scheduler_address.removeprefix("tcp://")
        how = Execution(backend="dask", address=address, cache=Path("cache"), progress=progress)
        frames = run_tasks(noted, cells, lambda cell: 1.0, how)
    print(all(a.equals(b) for a, b in zip(frames, expected, strict=True)))
    print(len(cells), len(killed), len(list(STARTS.iterdir())), len(list(Path("cache").rglob("output.pkl"))))

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_a_killed_worker_costs_its_cell_only(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "study.py").write_text(SCRIPT)
    command = [sys.executable, "study.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    same, n_cells, n_killed, n_starts, n_kept = done.stdout.split()
    assert (same, n_cells, n_killed, n_kept) == ("True", "8", "1", "8")
    assert int(n_starts) <= 9, "one cell more than there are"
