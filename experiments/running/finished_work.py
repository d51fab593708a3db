"""Finished work on disk. Every result is sealed with a digest, so that a damaged one is noticed and done again.

Results are kept as pickles, and reading a pickle can run code. So the folder must be one that nobody else can write to.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
from joblib import Memory

from experiments.running.failures import Failure, TaskError
from experiments.running.files import prepare_folder
from theory.errors import InputError

FOLDER = "the folder of finished work"  # what users call it
# Seconds between two looks at whether the command still runs.
LOOK_EVERY = 1.0


class Sealed(NamedTuple):
    """A result as bytes, with their digest."""

    content: bytes
    digest: bytes


class Fetched(NamedTuple):
    """What a worker gives back: a sealed result or a failure, and what was wrong with the place where it is kept.

    Attributes
    ----------
    outcome : Sealed or Failure
    damaged : str
        The entry that was damaged, so that the work was done again; empty if none was.
    not_kept : str
        Why the result could not be kept; empty if it was, or was not to be.
    """

    outcome: Sealed | Failure
    damaged: str = ""
    not_kept: str = ""


def seal(result: Any) -> Sealed:
    """Seal a result."""
    content = cloudpickle.dumps(result)
    return Sealed(content, hashlib.sha256(content).digest())


def is_whole(kept: object) -> bool:
    """Whether something that was kept is a sealed result, unchanged."""
    return isinstance(kept, Sealed) and hashlib.sha256(kept.content).digest() == kept.digest


def memory_in(folder: Path, run: Callable[..., Sealed]) -> Any:
    """A function that keeps its sealed results in a folder, under their key; `fetch` calls it.

    Raises
    ------
    InputError
        If the folder cannot be made or written to, or others can write to it.
    """
    prepared = prepare_folder(folder, FOLDER)
    _require_own(prepared)
    return Memory(prepared, verbose=0).cache(run, ignore=["order"])


def _require_own(folder: Path) -> None:
    """Require a folder that only this user can write to, where the system tells."""
    if not hasattr(os, "geteuid"):
        return
    found = folder.stat()
    user = os.geteuid()
    if found.st_mode & stat.S_IWOTH:
        raise InputError(
            f"{FOLDER} must not be writable by everybody, since reading what it holds can run code, got {folder} with "
            f"mode {stat.filemode(found.st_mode)}; write chmod o-w {folder}, or choose another --out"
        )
    if user not in (0, found.st_uid):
        raise InputError(
            f"{FOLDER} must belong to you, since reading what it holds can run code, got {folder} of user "
            f"{found.st_uid}; choose another --out"
        )


def fetch(run: Any, order: Any, key: str, sender: int) -> Fetched:
    """Carry out an order in a worker, or take what was kept under its key.

    Parameters
    ----------
    run : function of an order and its key
        With a cache, as `memory_in` made it.
    order : Order
    key : str
    sender : int
        Process that wants the result. If it is the parent, this process ends with it.
    """
    if os.getppid() == sender:
        _end_with_parent(sender)
    try:
        return _fetched(run, order, key)
    except TaskError as error:
        return Fetched(error.failure)


def look_up(run: Any, order: Any, key: str) -> tuple[Sealed | None, str]:
    """What was kept under a key, or None. A damaged entry is removed, and its key is the second value."""
    if not run.check_call_in_cache(order, key):
        return None, ""
    kept = run.call_and_shelve(order, key)
    try:
        sealed = kept.get()
    except Exception:  # whatever damaged bytes may raise
        sealed = None
    if isinstance(sealed, Sealed) and is_whole(sealed):
        return sealed, ""
    kept.clear()
    return None, key


def run_and_keep(run: Any, order: Any, key: str) -> tuple[Sealed, str]:
    """Result of a function that `memory_in` made, and why it could not be kept; empty if it was."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sealed = run(order, key)
    return sealed, _told(caught)


def _fetched(run: Any, order: Any, key: str) -> Fetched:
    if not hasattr(run, "call_and_shelve"):
        return Fetched(run(order, key))
    kept, damaged = look_up(run, order, key)
    if kept is not None:
        return Fetched(kept)
    sealed, not_kept = run_and_keep(run, order, key)
    return Fetched(sealed, damaged, not_kept)


def _told(caught: list[warnings.WarningMessage]) -> str:
    """What joblib said about a result that it could not keep; other warnings are passed on."""
    lost = [each for each in caught if "Unable to cache" in str(each.message)]
    for each in caught:
        if each not in lost:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return str(lost[0].message).split("Exception: ")[-1].rstrip(".") if lost else ""


@lru_cache(maxsize=1)
def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent. A worker would wait for orders for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
