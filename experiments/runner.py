"""Run cells: in parallel, with progress, keeping every finished one."""

from __future__ import annotations

import hashlib
import importlib.util
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import joblib
import pandas as pd
from joblib import Memory, Parallel, delayed

import estimators
import theory
from experiments.cells import Cell, run_cell
from experiments.certificates import CertificateCheck
from experiments.claims import Claim
from experiments.instances import Instance, get_instance
from theory.errors import InputError

Backend = Literal["loky", "dask", "ray"]
Progress = Callable[[int, int], None]

BLOCK = 32
MOST_JOBS = 1024


def cells_of(claim: Claim | CertificateCheck, seed: int, first: int = 0, last: int | None = None) -> list[Cell]:
    """Cells of replicates ``first <= r < last`` of a claim, in blocks of 32, each with its own random stream.

    The stream depends on the seed, the claim's name, the instance and the block's first replicate alone, so neither the
    selection of claims nor the replicates before or after change it.

    Parameters
    ----------
    claim : Claim or CertificateCheck
    seed : int
    first, last : int
        By default all the replicates of the first look.
    """
    last = claim.replicates if last is None else last
    name = zlib.crc32(claim.name.encode())
    cells = []
    for instance, places in groupby(enumerate(claim.places()), key=lambda place: place[1][0]):
        numbers, points = zip(*((number, point) for number, (_, point) in places), strict=True)
        cells += [
            Cell(
                claim=claim.name,
                algorithm=claim.algorithm,
                instance=instance,
                points=points,
                first_point=numbers[0],
                replicates=tuple(range(start, min(start + BLOCK, last))),
                entropy=seed,
                spawn_key=(name, numbers[0], start),
            )
            for start in range(first, last, BLOCK)
        ]
    return cells


def run_cells(
    tasks: Sequence[Cell],
    *,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run cells and stack their rows in the order given.

    Parameters
    ----------
    tasks : sequence of Cell
    jobs : int
        Workers; -1 for one a core.
    backend : {"loky", "dask", "ray"}
    cache : Path, optional
        Folder that keeps finished cells; a cell is run again when its settings, its instance or the code change.
    progress : function of (done, total), optional
    """
    return run_tasks(_run, tasks, _work, jobs=jobs, backend=backend, cache=cache, progress=progress)


def run_tasks(
    run: Callable[[Any, str], pd.DataFrame],
    tasks: Sequence[Any],
    work: Callable[[Any], float],
    *,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run pure tasks and stack their rows in the order given.

    Parameters
    ----------
    run : function of (task, fingerprint of its instance) -> DataFrame
        Defined at the top of a module; the fingerprint is part of the cache's key.
    tasks : sequence
        Each with an ``instance``, a name.
    work : function of a task
        About how long it takes, in any unit.
    jobs, backend, cache, progress
        See `run_cells`.
    """
    _check_workers(jobs, backend)
    call: Callable[[Any, str], pd.DataFrame] = run if cache is None else Memory(cache, verbose=0).cache(run)
    # Large tasks first: the last one to start should not be the longest.
    order = sorted(range(len(tasks)), key=lambda i: -work(tasks[i]))
    parallel = _Parallel(n_jobs=jobs, backend=backend)
    parallel.report = (lambda done: progress(done, len(tasks))) if progress else None
    calls = [delayed(call)(tasks[i], fingerprint(get_instance(tasks[i].instance))) for i in order]
    frames = parallel(calls)
    in_order = dict(zip(order, frames, strict=True))
    return pd.concat([in_order[i] for i in range(len(tasks))], ignore_index=True)


def _check_workers(jobs: int, backend: Backend) -> None:
    if not (jobs == -1 or 1 <= jobs <= MOST_JOBS):
        raise InputError(f"jobs must be -1 or from 1 to {MOST_JOBS}, got {jobs}; -1 takes one a core")
    package = {"dask": "distributed", "ray": "ray"}.get(backend)
    if package and importlib.util.find_spec(package) is None:
        raise InputError(f"backend {backend} needs the package {package}, which is missing; install it or use loky")


class _Parallel(Parallel):  # type: ignore[misc]  # joblib has no types
    """Parallel that tells how many tasks are done, on every backend."""

    report: Callable[[int], None] | None = None

    def print_progress(self) -> None:
        if self.report is not None:
            self.report(self.n_completed_tasks)


def _run(cell: Cell, fingerprint: str) -> pd.DataFrame:  # noqa: ARG001  (part of the cache's key)
    return run_cell(cell)


def _work(cell: Cell) -> float:
    return sum(point.n_iterations * min(point.n_queries, 1e4) for point in cell.points)


def fingerprint(instance: Instance) -> str:
    """Digest of the code and of the instance's content: what a finished cell depends on beside its settings."""
    mdp = instance.mdp
    content: tuple[Any, ...] = (
        mdp.probabilities,
        mdp.next_states,
        mdp.rewards,
        mdp.initial,
        mdp.horizon,
        instance.policy,
        instance.start,
        instance.link,
    )
    return f"{_code_digest()}-{joblib.hash(content)}"


@lru_cache(maxsize=1)
def _code_digest() -> str:
    digest = hashlib.sha256()
    packages = [path for package in (theory, estimators) for path in sorted(Path(package.__path__[0]).glob("*.py"))]
    names = ("algorithms", "cells", "methods", "lattice", "learning_cells")
    own = [Path(__file__).with_name(f"{name}.py") for name in names]
    for path in [*packages, *own]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
