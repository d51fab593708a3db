"""A paper-size study planned from measured cells, and a hundredth of it on a cluster of two worker processes.

    python tests/benchmarks/cluster_study.py [--write docs/big-machines.md]

The study is every claim of `zpg rates --method all` on the 24 random garnets with 512 replicates. Times are CPU times.
`--write` puts the table into a page, between two marks.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from experiments.catalogue.claims import Claim
from experiments.rates.cells import Cell, cells_of, run_cell
from experiments.rates.garnets import garnet_claims
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks

REPLICATES, SHARE, WORKERS = 512, 100, 2
# Cells of each axis and method that are timed, each of another garnet.
TIMED = 2
RESULT_BYTES = 15_000
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Timed:
    """Rows of a cell, and the CPU seconds that it took."""

    rows: pd.DataFrame
    seconds: float


def timed_cell(cell: Cell) -> Timed:
    """Run a cell and time it."""
    start = time.process_time()
    return Timed(run_cell(cell), time.process_time() - start)


def nothing(cell: Cell) -> bytes:
    """A result of usual size without work: what is left is the client's share."""
    return bytes(RESULT_BYTES)


def say(text: str) -> None:
    """Progress, at once."""
    print(text, flush=True)


def main() -> None:
    """Plan, run a hundredth, compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    say("windows of the claims, which are found before anything is run ...")
    start = time.process_time()
    claims = garnet_claims(execution=Execution(jobs=1)).claims
    windows = time.process_time() - start
    cells = [cell for claim in claims for cell in cells_of(claim, 0, 0, REPLICATES)]
    rows = plan_rows(claims, cells) | {"finding the windows, CPU minutes, on the client": f"{windows / 60:.1f}"}
    rows |= hundredth_rows(cells[::SHARE])
    text = "\n".join(["| what | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
    say(text)
    if asked.write is not None:
        before, rest = asked.write.read_text().split(BEGIN)
        asked.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


def plan_rows(claims: Sequence[Claim], cells: Sequence[Cell]) -> dict[str, str]:
    """Cells, core hours and limits of the whole study, from cells of every axis and method."""
    kinds: dict[tuple[str, object], list[Cell]] = {}
    kind_of = {claim.name: (claim.axis, claim.method) for claim in claims}
    for cell in cells:
        kinds.setdefault(kind_of[cell.claim], []).append(cell)
    total, longest, sizes = 0.0, 0.0, []
    for number, (kind, members) in enumerate(kinds.items(), 1):
        say(f"timing cells of {kind[1]} on {kind[0]}, {number} of {len(kinds)} ...")
        timed = [timed_cell(members[i]) for i in np.linspace(0, len(members) - 1, TIMED).astype(int)]
        seconds = [each.seconds for each in timed]
        total += float(np.mean(seconds)) * len(members)
        longest = max(longest, *seconds)
        sizes += [len(pickle.dumps(each.rows)) for each in timed]
    mean = total / len(cells)
    return {
        "claims, on 24 garnets": f"{len(claims)}",
        f"cells of at most 32 replicates, {REPLICATES} replicates": f"{len(cells):,}",
        "core hours": f"{total / 3600:.2f}",
        "mean cell, longest timed cell, CPU seconds": f"{mean:.2f}, {longest:.2f}",
        "workers at which the longest cell is the whole time": f"{total / longest:.0f}",
        "result of a cell, bytes": f"{np.mean(sizes):,.0f}",
    }


def hundredth_rows(cells: Sequence[Cell]) -> dict[str, str]:
    """The same cells in this process and on two workers: bytes, efficiency, and what the client spends."""
    say(f"{len(cells)} cells in one process ...")
    start = time.perf_counter()
    alone = run_tasks(timed_cell, cells, lambda cell: cell.work, Execution(jobs=1))
    alone_wall = time.perf_counter() - start
    say(f"the same on a Dask cluster of {WORKERS} worker processes ...")
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        how = Execution(backend="dask", address=cluster.scheduler_address.removeprefix("tcp://"), progress=told)
        warm = run_tasks(timed_cell, cells[:WORKERS], lambda cell: cell.work, how)
        cpu = time.process_time()
        run_tasks(nothing, cells, lambda cell: cell.work, how)
        client_cpu = time.process_time() - cpu
        start = time.perf_counter()
        spread = run_tasks(timed_cell, cells, lambda cell: cell.work, how)
        spread_wall = time.perf_counter() - start
    workers_cpu = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    same = all(a.rows.equals(b.rows) for a, b in zip(alone, spread, strict=True))
    alone_cells, in_cells = (sum(each.seconds for each in results) for results in (alone, spread))
    n = len(cells)
    return {
        f"cells of 1/{SHARE} of the study": f"{n}",
        "rows bit-identical to those of one process": "yes" if same else "NO",
        "one process: wall seconds, CPU seconds in cells": f"{alone_wall:.1f}, {alone_cells:.1f}",
        f"{WORKERS} workers: wall seconds, CPU seconds in cells": f"{spread_wall:.1f}, {in_cells:.1f}",
        f"efficiency by wall time, {WORKERS} workers": f"{alone_wall / spread_wall / WORKERS:.2f}",
        "efficiency by CPU time: cells alone, of cells and client": f"{alone_cells / (in_cells + client_cpu):.2f}",
        "client and scheduler, CPU seconds a cell without work": f"{client_cpu / n:.4f}",
        "workers that one client keeps busy": f"{alone_cells / client_cpu:.0f}",
        "CPU seconds of the workers beside cells": f"{workers_cpu - in_cells - sum(each.seconds for each in warm):.1f}",
        "load of the machine, cores": f"{os.getloadavg()[0]:.1f}, {os.cpu_count()}",
        "Python": platform.python_version(),
    }


def told(done: int, total: int) -> None:
    """One line now and then."""
    if done % 10 == 0 or done == total:
        say(f"{done} of {total}")


if __name__ == "__main__":
    main()
