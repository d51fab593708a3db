"""Run cells: in parallel, with progress, keeping every finished one."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import joblib
import pandas as pd
from joblib import Memory, Parallel, delayed

import estimators
import experiments
import theory
from experiments.catalogue.instances import Instance, get_instance
from theory.errors import InputError

Backend = Literal["loky", "dask", "ray"]
Progress = Callable[[int, int], None]

MOST_JOBS = 1024


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
        See `experiments.rates.cells.run_cells`.
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
    for package in (theory, estimators, experiments):
        for path in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
