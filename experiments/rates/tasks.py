"""Tasks of the claims that are judged with intervals: runs of an algorithm, or simulated estimates."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from experiments.catalogue.claims import Claim
from experiments.rates.cells import Cell, cells_of, run_cell
from experiments.rates.sampled_claim import SampledCell, SampledClaim, run_sampled_cell, sampled_cells
from theory.arrays import FloatArray
from theory.errors import InputError

Measured: TypeAlias = Claim | SampledClaim
Task: TypeAlias = Cell | SampledCell


def require_different(names: Sequence[str]) -> None:
    """Require claims of different names, since the names seed the runs, by a checksum of 32 bits.

    Raises
    ------
    InputError
        If two have the same, or the same checksum: they would draw the same numbers.
    """
    seen: dict[int, str] = {}
    for name in names:
        other = seen.get(zlib.crc32(name.encode()))
        if other == name:
            raise InputError(f"claims must have different names, which seed their runs, got {name!r} twice")
        if other is not None:
            raise InputError(
                f"claims must have names that seed different runs, got {other!r} and {name!r}, which draw the same "
                "numbers; change one of the two"
            )
        seen[zlib.crc32(name.encode())] = name


def tasks_between(claim: Measured, seed: int, first: int, last: int) -> Sequence[Task]:
    """Tasks of the replicates ``first <= r < last`` of a claim."""
    if isinstance(claim, SampledClaim):
        return sampled_cells(claim, seed, first, last)
    return cells_of(claim, seed, first, last)


def carry_out(task: Task) -> pd.DataFrame:
    """Run a task: one row per grid point and replicate."""
    return run_sampled_cell(task) if isinstance(task, SampledCell) else run_cell(task)


def work_of(task: Task) -> float:
    """Approximate time of a task, in any unit."""
    return task.work


def measured(rows: pd.DataFrame) -> FloatArray:
    """The quantity of one claim, (n_points, n_replicates), in the order of the grid."""
    quantity = next(name for name in ("gradient_norm_sq", "variance") if name in rows)
    return np.asarray(rows.pivot_table(index="point", columns="replicate", values=quantity).to_numpy())
