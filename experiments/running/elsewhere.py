"""Work on a cluster whose workers may have other disks: the process that sends it looks up results and keeps them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from joblib import delayed

from experiments.running.backends import workers
from experiments.running.execution import Execution
from experiments.running.finished_work import Fetched, Sealed, fetch, look_up, run_and_keep


def run_elsewhere(
    run: Callable[..., Sealed], filed: Any, orders: Mapping[int, tuple[Any, str]], how: Execution
) -> dict[int, Fetched]:
    """Carry out orders on the workers of a cluster. Every result is kept as soon as it arrives.

    Parameters
    ----------
    run : function of an order and its key
        What a worker carries out. Given a sealed result in place of an order, it gives that back.
    filed : function
        The same as `memory_in` made it; without a cache, `run` itself.
    orders : mapping
        Order and key of every task, by its number.
    how : Execution
    """
    keeps = hasattr(filed, "call_and_shelve")
    found = {i: look_up(filed, *order) if keeps else (None, "") for i, order in orders.items()}
    fetched = {i: Fetched(kept) for i, (kept, _) in found.items() if kept is not None}
    sent = [i for i in orders if i not in fetched]
    before, progress = len(fetched), how.progress
    if not sent:
        return fetched
    with workers(how) as parallel:
        parallel.report = (lambda done: progress(before + done, len(orders))) if progress else None
        for i, came in parallel(delayed(_numbered)(i, run, *orders[i], os.getpid()) for i in sent):
            not_kept = ""
            if keeps and isinstance(came.outcome, Sealed):
                _, not_kept = run_and_keep(filed, came.outcome, orders[i][1])
            fetched[i] = Fetched(came.outcome, found[i][1], not_kept)
    return fetched


def _numbered(number: int, run: Callable[..., Sealed], order: Any, key: str, sender: int) -> tuple[int, Fetched]:
    return number, fetch(run, order, key, sender)
