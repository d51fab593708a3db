"""Pools of measured replicates: the real noise of claims, for resampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.rates.tasks import Measured, carry_out, measured, tasks_between, work_of
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory.arrays import FloatArray
from theory.errors import InputError

# Added to the seed, so that pools share no random numbers with the runs that are judged.
SEEDS_APART = 2**32
# Fewer replicates do not show the tails of the noise.
LEAST_REPLICATES = 64


@dataclass(frozen=True, eq=False)
class Pool:
    """Measured replicates of one claim.

    Attributes
    ----------
    values : array (n_points, n_replicates)
        The quantity at every grid point. Points of one replicate may share their runs.
    """

    values: FloatArray

    def draw(self, x: FloatArray, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
        """Resampled factors of mean 1, array (*shape[:-1], n_points, shape[-1]); the last axis holds the replicates."""
        if len(x) != len(self.values):
            raise InputError(f"x must be the {len(self.values)} grid points of the pool, got {len(x)}")
        factors = self.values / self.values.mean(axis=1, keepdims=True)
        chosen = factors[:, rng.integers(self.values.shape[1], size=shape)]
        return np.moveaxis(chosen, 0, -2)

    def skewness(self, x: FloatArray) -> float:
        """Skewness of the influence that a replicate has on the fitted slope."""
        centred = np.log(x) - np.log(x).mean()
        influence = centred @ (self.values / self.values.mean(axis=1, keepdims=True))
        deviation = influence - influence.mean()
        return float((deviation**3).mean() / (deviation**2).mean() ** 1.5)


def require_pool(n_replicates: int) -> None:
    """Require enough replicates for a pool.

    Raises
    ------
    InputError
        If there are too few.
    """
    if n_replicates < LEAST_REPLICATES:
        raise InputError(f"n_replicates of a pool must be at least {LEAST_REPLICATES}, got {n_replicates}; 512 will do")


def measure_pools(claims: Sequence[Measured], n_replicates: int, execution: Execution) -> dict[str, Pool]:
    """Pools of claims, by name.

    Parameters
    ----------
    claims : sequence of Claim or SampledClaim
        Of different names.
    n_replicates : int
        Replicates of each claim, at least 64; 512 and more show the tails.
    execution : Execution
        Finished cells are kept in its cache.

    Raises
    ------
    InputError
        If there are too few replicates.
    """
    require_pool(n_replicates)
    seed = execution.seed + SEEDS_APART
    tasks = [task for claim in claims for task in tasks_between(claim, seed, 0, n_replicates)]
    # Claims of different kinds measure different quantities, so each gets a frame of its own.
    parts: dict[str, list[pd.DataFrame]] = {claim.name: [] for claim in claims}
    for task, rows in zip(tasks, run_tasks(carry_out, tasks, work_of, execution), strict=True):
        parts[task.claim].append(rows)
    return {name: Pool(measured(pd.concat(rows, ignore_index=True))) for name, rows in parts.items()}
