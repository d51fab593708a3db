"""The three experiments on errors of a learned reward, each one cell: finished ones are kept, and run side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from threadpoolctl import threadpool_limits

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.studies.overoptimisation import learned_once
from experiments.studies.reward_errors import coverage_error, joint_training

# By the names of their frames.
EXPERIMENTS: dict[str, Callable[..., pd.DataFrame]] = {
    "coverage": coverage_error,
    "joint": joint_training,
    "fixed": learned_once,
}


@dataclass(frozen=True)
class RewardErrorCell:
    """One experiment.

    Attributes
    ----------
    instance : str or Instance
    experiment : str
        Key of `EXPERIMENTS`.
    n_replicates, seed : int
    """

    instance: str | Instance
    experiment: str
    n_replicates: int
    seed: int


def run_reward_errors(cell: RewardErrorCell) -> pd.DataFrame:
    """Run one experiment; the same cell gives the same rows."""
    with threadpool_limits(1):  # fits are too small for threads to pay
        run = EXPERIMENTS[cell.experiment]
        return run(find("instance", cell.instance), n_replicates=cell.n_replicates, seed=cell.seed)


def all_reward_errors(
    instance: str | Instance, n_replicates: int, execution: Execution | None = None
) -> dict[str, pd.DataFrame]:
    """Frames of all experiments by their names, one row a replicate and setting.

    Parameters
    ----------
    instance : str or Instance
    n_replicates : int
    execution : Execution, optional
    """
    how = chosen_execution(execution)
    cells = [RewardErrorCell(instance, name, n_replicates, how.seed) for name in EXPERIMENTS]
    return dict(zip(EXPERIMENTS, run_tasks(run_reward_errors, cells, lambda _: 1.0, how), strict=True))
