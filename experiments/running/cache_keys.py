"""Keys of finished work, made of everything that the result depends on.

These are the settings, the project's code, the user's code and the versions of numerical packages. When in doubt, the
key is a new one and the work is done again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import pickle
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import cloudpickle
import joblib
import numpy as np

from experiments.catalogue import user_modules
from experiments.catalogue.digests import by_value

COMPUTING = ("numpy", "scipy", "pandas", "statsmodels", "gymnasium")
# The layer above all that computes. Nothing below imports it, so a change of a drawing changes no result.
DRAWING = "paper_figures"


@lru_cache(maxsize=1)
def environment_digest() -> str:
    """Digest of the source of all packages of the project that compute, and of the versions of numerical packages."""
    computing = [package for package in user_modules.PACKAGES if package != DRAWING]
    versions = [(name, importlib.metadata.version(name)) for name in COMPUTING]
    parts = (source_digest(computing), *versions, sys.version, platform.machine())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def source_digest(packages: Iterable[str]) -> str:
    """Digest of every source file of some packages of the project."""
    digest = hashlib.sha256()
    for path in project_files(packages):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def project_files(packages: Iterable[str] = user_modules.PACKAGES) -> Iterator[Path]:
    """Every source file of packages of the project, sub-packages included."""
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            yield from sorted(Path(spec.origin).parent.rglob("*.py"))


def packed(run: Callable[[Any], Any], task: Any) -> bytes:
    """A function and its task as bytes that any worker can read.

    An object that a notebook or a user module defines is sent with its code. A name is sent as it is, and the worker
    resolves it.
    """
    with nullcontext() if is_known(task) else by_value():
        return bytes(cloudpickle.dumps((run, task)))


def key_of(run: Callable[[Any], Any], task: Any, content: str = "") -> str:
    """Key of a task's result.

    Parameters
    ----------
    run : function of a task
        Defined at the top of a module of the project.
    task : object
        Its settings. Objects that the user defined enter with their code.
    content : str
        Digest of the things that the names in the task stand for.
    """
    # Where no part of the task is the user's, work is not lost by an edit of a module of his.
    users = "" if is_ours(task) else user_modules.loaded_digest()
    drawing = source_digest([DRAWING]) if _draws(run, task) else ""
    parts = (run.__module__, run.__qualname__, environment_digest(), drawing, users, content)
    return hashlib.sha256(repr((*parts, _settings_digest(run, task))).encode()).hexdigest()


def is_known(task: Any) -> bool:
    """Whether the key holds the source of everything in a task, so that nothing in it exists in this process alone."""
    return all(_is_known(value) for value in _values(task))


def is_ours(task: Any) -> bool:
    """Whether a task holds nothing but numbers, built-in names, and records of the project."""
    return all(_is_ours(value) for value in _values(task))


def _draws(run: Callable[[Any], Any], task: Any) -> bool:
    """Whether a task may depend on the layer that draws: it is from there, or the user's, who may import it."""
    homes = {run.__module__, *(type(value).__module__ for value in _values(task))}
    return not is_ours(task) or any(home.partition(".")[0] == DRAWING for home in homes)


def _is_ours(value: Any) -> bool:
    if isinstance(value, str):
        return ":" not in value
    if type(value) in (bool, int, float, complex, tuple, type(None)) or isinstance(value, np.generic):
        return True
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    return is_dataclass(value) and type(value).__module__.partition(".")[0] in user_modules.PACKAGES


def _settings_digest(run: Callable[[Any], Any], task: Any) -> str:
    if is_known(task):
        # A function without a name of its own cannot be hashed by its name.
        with suppress(pickle.PicklingError, AttributeError, TypeError):
            return str(joblib.hash(task))
    return hashlib.sha256(packed(run, task)).hexdigest()


def _is_known(value: Any) -> bool:
    kind = value if isinstance(value, type | FunctionType) else type(value)
    module = sys.modules.get(kind.__module__)
    if kind.__module__ == "__main__":
        return False
    if module is None:
        return False
    return not user_modules.is_users(module) or user_modules.came_with_loaded(kind.__module__)


def _values(task: Any) -> Iterator[Any]:
    """A task and all values in it, through dataclasses and tuples."""
    yield task
    if isinstance(task, tuple):
        parts: list[Any] = list(task)
    else:
        parts = [getattr(task, f.name) for f in fields(task)] if is_dataclass(task) else []
    for part in parts:
        yield from _values(part)
