"""Run pure tasks in parallel, report progress, and keep every finished task."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from joblib import delayed
from threadpoolctl import threadpool_limits

from experiments.catalogue import user_modules
from experiments.catalogue.instance import Instance, content_of
from experiments.catalogue.lookup import find
from experiments.running.backends import workers
from experiments.running.cache_keys import environment_digest, key_of, packed
from experiments.running.elsewhere import run_elsewhere
from experiments.running.execution import Execution, chosen_execution
from experiments.running.failures import Failure, TaskError, TasksFailedError
from experiments.running.finished_work import Fetched, Sealed, fetch, memory_in, seal
from theory.errors import InputError

T = TypeVar("T")
LOG = logging.getLogger("zpg")
# Damaged entries that are named.
MOST_NAMED = 3


class Task(Protocol):
    """A unit of work: frozen settings, among them an instance."""

    @property
    def instance(self) -> str | Instance:
        """Name of the instance, or the instance itself."""


Q = TypeVar("Q", bound=Task)


@dataclass(frozen=True)
class Order:
    """A task as it is sent to a worker, with digests by which the worker checks its code and its instance.

    Attributes
    ----------
    content : bytes
        The function and its task, pickled.
    folders : tuple of str
        Folders of the user's modules.
    environment : str
        Digest of the project's code, the one in the key of the result.
    modules : tuple of (str, str)
        Names of the user's modules, each with the digest of its source.
    instance : str or Instance
    instance_content : str
        Digest of the instance as the sender built it.
    """

    content: bytes
    folders: tuple[str, ...]
    environment: str
    modules: tuple[tuple[str, str], ...]
    instance: str | Instance
    instance_content: str


def run_tasks(
    run: Callable[[Q], T], tasks: Sequence[Q], work: Callable[[Q], float], execution: Execution | None = None
) -> list[T]:
    """Run pure tasks. The results have the order of the tasks.

    Parameters
    ----------
    run : function of a task
        Defined at the top of a module.
    tasks : sequence of tasks
        Frozen dataclasses. The worker resolves the names in them.
    work : function of a task
        Approximate time of a task, in any unit.
    execution : Execution, optional
        With a cache, a finished task is run again only if its settings, its instance, the code, the user's modules or
        the versions of numerical packages have changed.

    Raises
    ------
    InputError
        If an instance or a user module is different in a worker process, or a setting is wrong.
    TasksFailedError
        If tasks raise anything else. All others are finished first, and kept if there is a cache.
    """
    how = chosen_execution(execution)
    call = _carry_out if how.cache is None else memory_in(how.cache, _carry_out)
    # The longest tasks start first, so that no long task is left at the end.
    order = sorted(range(len(tasks)), key=lambda i: -work(tasks[i]))
    folders = user_modules.user_folders()
    orders = {i: _ordered(run, tasks[i], folders) for i in order}
    if how.backend == "dask":
        fetched = run_elsewhere(_carry_out, call, orders, how)
    else:
        calls = [delayed(fetch)(call, *each, os.getpid()) for each in orders.values()]
        with workers(how) as parallel:
            progress = how.progress
            parallel.report = (lambda done: progress(done, len(tasks))) if progress else None
            fetched = dict(zip(order, parallel(calls), strict=True))
    _tell(list(fetched.values()), how)
    outcomes = [fetched[i].outcome for i in range(len(tasks))]
    failures = [each for each in outcomes if isinstance(each, Failure)]
    if failures:
        own = bool(user_modules.loaded())
        raise TasksFailedError(failures, len(tasks), kept=how.cache is not None, own=own)
    return [pickle.loads(each.content) for each in outcomes if isinstance(each, Sealed)]


def _tell(fetched: Sequence[Fetched], how: Execution) -> None:
    """Say in one line each what was wrong with the folder of finished work."""
    damaged = [each.damaged for each in fetched if each.damaged]
    if damaged:
        named = ", ".join(damaged[:MOST_NAMED])
        LOG.warning("%d damaged entries in %s were noticed and done again, key %s", len(damaged), how.cache, named)
    lost = [each.not_kept for each in fetched if each.not_kept]
    if lost:
        LOG.warning("%d results could not be kept in %s: %s", len(lost), how.cache, lost[0])


def _ordered(run: Callable[[Q], T], task: Q, folders: tuple[str, ...]) -> tuple[Order, str]:
    """The order of a task and the key of its result."""
    content = content_of(find("instance", task.instance))
    order = Order(
        content=packed(run, task),
        folders=folders,
        environment=environment_digest(),
        modules=user_modules.loaded(),
        instance=task.instance,
        instance_content=content,
    )
    return order, key_of(run, task, content)


def _carry_out(order: Order | Sealed, key: str) -> Sealed:  # noqa: ARG001  (the key is what results are filed under)
    """Run a task in this process. A result that another process sent is given back, so that it is filed here."""
    if isinstance(order, Sealed):
        return order
    if order.environment != environment_digest():
        raise InputError(
            "workers must run the same version of zpg, numpy and scipy as the command, got others; restart the workers"
        )
    user_modules.load_same(order.modules, order.folders)
    run, task = pickle.loads(order.content)
    named = isinstance(order.instance, str) and ":" in order.instance
    if named and content_of(find("instance", order.instance)) != order.instance_content:
        raise InputError(
            f"instance {order.instance!r} must be the same in every process, got another one in a worker; "
            "seed what draws in its module, for example np.random.default_rng(0)"
        )
    try:
        # Sums inside a matrix product depend on the number of threads. With one the bytes are the same everywhere.
        with threadpool_limits(limits=1):
            return seal(run(task))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's part may raise
        raise TaskError(Failure.of(task, error)) from None
