"""Workers: processes of this machine, or a Dask or Ray cluster, which is joined or started."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import joblib
from joblib import Parallel

from experiments.running.execution import Execution
from theory.errors import InputError

# Seconds to wait for a scheduler before it counts as missing.
PATIENCE = 20


class ReportingParallel(Parallel):  # type: ignore[misc]  # joblib has no types
    """A `joblib.Parallel` that reports the number of finished tasks, on every backend."""

    report: Callable[[int], None] | None = None

    def print_progress(self) -> None:
        """Report the number of finished tasks; joblib calls this after every task."""
        if self.report is not None:
            self.report(self.n_completed_tasks)


@contextmanager
def workers(execution: Execution) -> Iterator[ReportingParallel]:
    """A Parallel that uses the workers of an execution.

    Raises
    ------
    InputError
        If the cluster at the given address does not answer.
    """
    if execution.backend == "dask":
        _dask_client(execution.address, execution.jobs)
        with joblib.parallel_config("dask", n_jobs=-1, wait_for_workers_timeout=PATIENCE):
            # One task a message: a worker that is lost costs the task it was at, and no finished one.
            yield ReportingParallel(batch_size=1, return_as="generator_unordered")
    elif execution.backend == "ray":
        _join_ray(execution.address, execution.jobs)
        with joblib.parallel_config("ray", n_jobs=execution.jobs):
            yield ReportingParallel()
    else:
        yield ReportingParallel(n_jobs=execution.jobs, backend="loky")


@lru_cache(maxsize=1)
def _dask_client(address: str | None, jobs: int) -> Any:
    """Client of a cluster. It is kept for the rest of the process, because starting one takes seconds."""
    from distributed import Client, LocalCluster

    if address is not None:
        try:
            client = Client(address, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise InputError(
                f"address must be HOST:PORT of a running Dask scheduler, got {address!r} ({error}); "
                "start one with dask scheduler, or leave the address out for a local cluster"
            ) from error
        atexit.register(client.close)
        return client
    number = (os.cpu_count() or 1) if jobs == -1 else jobs
    cluster = LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    atexit.register(cluster.close)
    atexit.register(client.close)
    return client


@lru_cache(maxsize=1)
def _join_ray(address: str | None, jobs: int) -> None:
    import ray
    from ray.util.joblib import register_ray

    try:
        ray.init(
            address=address,
            num_cpus=None if address is not None or jobs == -1 else jobs,
            log_to_driver=False,
            include_dashboard=None if address is not None else False,
        )
    except (ConnectionError, ValueError) as error:
        raise InputError(
            f"address must be that of a running Ray cluster, got {address!r} ({error}); "
            "start one with ray start --head, or leave the address out for a local cluster"
        ) from error
    register_ray()
