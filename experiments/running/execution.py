"""How work is carried out: one frozen value that every experiment takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from theory.errors import InputError, require_function, require_integer, require_kind

Backend = Literal["loky", "dask", "ray"]
Progress = Callable[[int, int], None]

MOST_JOBS = 1024
# The package that a backend needs. The optional dependency has the name of the backend.
NEEDS: dict[str, str] = {"dask": "distributed", "ray": "ray"}


@dataclass(frozen=True)
class Execution:
    """How work is carried out. Results depend on the seed alone.

    Parameters
    ----------
    seed : int, default 0
        Not negative. The same seed gives the same rows, whatever the other settings are.
    jobs : int, default -1
        Number of worker processes; -1 means one per core.
    backend : {"loky", "dask", "ray"}, default "loky"
        loky starts processes on this machine. dask and ray need their packages.
    address : str, optional
        Address of a running scheduler, ``HOST:PORT``, for dask and ray. By default a local cluster is started.
    cache : Path, optional
        Folder for finished work. By default nothing is kept.
    progress : function of (done, total), optional
        Called after every finished task.

    Raises
    ------
    InputError
        If a value is not as described, or the package of a backend is not installed.
    """

    seed: int = 0
    jobs: int = -1
    backend: Backend = "loky"
    address: str | None = None
    cache: Path | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        require_integer("seed", self.seed, 0)
        require_integer("jobs", self.jobs, -1)
        if not (self.jobs == -1 or 1 <= self.jobs <= MOST_JOBS):
            raise InputError(f"jobs must be -1 or from 1 to {MOST_JOBS}, got {self.jobs}; -1 takes one a core")
        if self.backend not in get_args(Backend):
            raise InputError(f"backend must be one of {', '.join(get_args(Backend))}, got {self.backend!r}")
        if self.progress is not None:
            require_function("progress", self.progress, "lambda done, total: None")
        if self.cache is not None:
            require_kind("cache", self.cache, (str, Path), "Path('results/cache')")
            # Workers may run in another folder.
            object.__setattr__(self, "cache", Path(self.cache).absolute())
        package = NEEDS.get(self.backend)
        if package and importlib.util.find_spec(package) is None:
            raise InputError(
                f"backend {self.backend} needs the package {package}, which is not installed; "
                f"write pip install 'zpg[{self.backend}]', or use loky"
            )
        if self.address is not None and package is None:
            raise InputError(f"address must be left out with backend loky, got {self.address!r}; use dask or ray")


def chosen_execution(execution: Execution | None) -> Execution:
    """The execution given, by default `Execution()`.

    Raises
    ------
    InputError
        If it is something else.
    """
    if execution is not None:
        require_kind("execution", execution, Execution, "Execution(jobs=1)")
    return execution or Execution()
