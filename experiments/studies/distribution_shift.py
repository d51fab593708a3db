"""Distribution shift: the error of a learned reward where its pairs came from, and where the trained policy goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from estimators import PreferenceFeedback
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.intervals import mean_interval
from experiments.studies.policy_training import perturb_policies
from experiments.studies.reward_errors import joint_training, worst_first
from theory import VoteModel, optimal_value, policy_value

INSTANCES = ("garnet", "stochastic-gridworld")
# Log odds of the worst action against the best, in the policy at the start.
STARTS = {"uniform": 0.0, "bad actions": 2.0}
N_PAIRS, N_QUERIES, N_ITERATIONS = 32, 5, 150
PPO_STEP = 1.0
ERRORS = ("error_start", "error_current", "error_optimal", "relative_start", "relative_current")
# Of ZPG; one setting for all, fixed from pilot runs with other seeds.
SETTING = (1, 1)


@dataclass(frozen=True)
class ShiftCell:
    """Training from one start on one instance.

    Attributes
    ----------
    instance : str or Instance
    start : str
        Key of `STARTS`.
    n_replicates, entropy : int
    """

    instance: str | Instance
    start: str
    n_replicates: int
    entropy: int


def compare_shift(
    instances: Sequence[str] = INSTANCES, *, n_replicates: int = 20, execution: Execution | None = None
) -> pd.DataFrame:
    """Errors of the reward and values at the end of training, with pairs from the start or from the current policy.

    PPO and ZPG have the same number of pairs and votes.

    Parameters
    ----------
    instances : sequence of str
    n_replicates : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per (instance, start, method, replicate). ``method`` is ``ppo-offline``, ``ppo-online`` or ``zpg``.
        ``error_start``, ``error_current`` and ``error_optimal`` are the last `reward_error` on the trajectories of
        these policies, in units of return; nan without a reward. ``relative_start`` and ``relative_current`` are the
        errors over those of a model in which all rewards are equal. ``shift`` is the ratio of the second to the first
        of these. ``share`` is that of the possible gain.
    """
    how = chosen_execution(execution)
    cells = [ShiftCell(instance, start, n_replicates, how.seed) for instance, start in product(instances, STARTS)]
    return pd.concat(run_tasks(run_shift, cells, lambda cell: cell.n_replicates, how), ignore_index=True)


def run_shift(cell: ShiftCell) -> pd.DataFrame:
    """Rows of `compare_shift` for one instance and start."""
    given = find("instance", cell.instance)
    start = given.start + STARTS[cell.start] * worst_first(given.mdp)
    instance = replace(given, link=informative_link(given), start=start)
    key = [cell.entropy, 13, list(STARTS).index(cell.start)]
    seed = int(np.random.SeedSequence(key).generate_state(1)[0])
    with threadpool_limits(limits=1):
        joint = joint_training(
            instance,
            n_queries=(N_QUERIES,),
            n_pairs=N_PAIRS,
            n_iterations=N_ITERATIONS,
            step_size=PPO_STEP,
            n_replicates=cell.n_replicates,
            seed=seed,
        )
        perturbed = _perturbing(instance, cell.n_replicates, np.random.default_rng(key))
    last = joint[joint["iteration"] == N_ITERATIONS]
    names = last["pairs_from"].map({"start": "ppo-offline", "current": "ppo-online"})
    last = last.assign(
        relative_start=last["error_start"] / last["ignorance_start"],
        relative_current=last["error_current"] / last["ignorance_current"],
    )
    columns = ["replicate", *ERRORS, "true_gain"]
    frame = pd.concat([last[columns].assign(method=names), perturbed], ignore_index=True)
    frame["shift"] = frame["relative_current"] / frame["relative_start"]
    possible = optimal_value(instance.mdp) - float(policy_value(instance.mdp, instance.policy, start))
    frame["share"] = frame.pop("true_gain") / possible
    return frame.assign(instance=given.name, start=cell.start)


def shift_table(shifts: pd.DataFrame) -> pd.DataFrame:
    """Means over replicates with 95% limits, of every number of `compare_shift`.

    Returns
    -------
    DataFrame
        ``instance``, ``start``, ``method``, ``measure``, ``mean``, ``low`` and ``high``. Measures without numbers are
        left out.
    """
    rows = []
    for key, part in shifts.groupby(["instance", "start", "method"], sort=False):
        for measure in (*ERRORS, "shift", "share"):
            values = part[measure].to_numpy(dtype=np.float64)
            if np.isnan(values).any():
                continue
            found = mean_interval(values)
            limits = {"mean": float(found.mean), "low": float(found.low), "high": float(found.high)}
            rows.append(dict(zip(("instance", "start", "method"), key, strict=True)) | {"measure": measure} | limits)
    return pd.DataFrame(rows)


def _perturbing(instance: Instance, n_replicates: int, rng: np.random.Generator) -> pd.DataFrame:
    """Gains of ZPG with as many pairs and votes."""
    asked = PreferenceFeedback(np.asarray(N_PAIRS), "law", VoteModel(instance.link, N_QUERIES))
    runs = perturb_policies(instance, "zpg", asked, n_replicates, N_ITERATIONS, rng)
    gain = policy_value(instance.mdp, instance.policy, runs.theta) - runs.values[:, 0]
    return pd.DataFrame({"method": "zpg", "replicate": np.arange(n_replicates), "true_gain": gain})
