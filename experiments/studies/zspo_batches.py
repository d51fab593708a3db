"""Where majority signs lead, by the size of the batches that raters compare: by the mean step, and by runs.

All sizes have the same trajectories and votes an iteration. Only what is put before a rater differs: N pairs of single
trajectories, or batches of them by their mean returns, up to ZSPO's one comparison of N against N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.random import SeedSequence

from estimators import PreferenceFeedback, Sphere, ZerothOrder, ascend
from estimators.pair_feedback import Sampler
from estimators.second_moments import step_moments
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.intervals import mean_interval
from theory import VoteModel, optimal_value, policy_value
from theory.arrays import FloatArray

SIZES = (1, 5, 25)
N_PAIRS, N_QUERIES = 25, 5
REPLICATES = 64
MEAN_STEP, RUNS = "mean step", "runs"
# Points per curve.
N_POINTS = 41


@dataclass(frozen=True)
class Course:
    """Radius, step size and number of iterations on an instance.

    Attributes
    ----------
    instance : str or Instance
    radius, step_size : float
    n_iterations : int
    """

    instance: str | Instance
    radius: float
    step_size: float
    n_iterations: int


# From pilot runs with other seeds: the radius moves the policy visibly, and a step is small enough to follow the mean.
COURSES = (Course("risky-bandit", 1.0, 0.05, 800), Course("stochastic-gridworld", 9.0, 0.75, 80))


@dataclass(frozen=True)
class _Curve:
    """A task: one curve."""

    course: Course
    batch_size: int
    way: str
    replicates: int
    seed: int

    @property
    def instance(self) -> str | Instance:
        return self.course.instance


def zspo_batches(
    courses: Sequence[Course] = COURSES,
    sizes: Sequence[int] = SIZES,
    replicates: int = REPLICATES,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Values along ascents by majority signs of batches, by the mean step and by runs.

    The mean step is exact given each direction, and an average over a rule of directions (`direction_rule`). Runs
    simulate every trajectory and every vote.

    Parameters
    ----------
    courses : sequence of Course
    sizes : sequence of int
        Trajectories a side of a comparison, D; each divides N = 25.
    replicates : int
        Runs a curve.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per instance, size, way (``mean step`` or ``runs``) and iteration: ``value``, with 95% limits ``low``
        and ``high`` for runs; ``start`` and ``optimum`` of the instance, and whether the row is the ``last``.
    """
    how = chosen_execution(execution)
    tasks = [
        _Curve(course, size, way, replicates, how.seed)
        for course, size, way in product(courses, sizes, (MEAN_STEP, RUNS))
    ]
    return pd.concat(run_tasks(_curve, tasks, _work, how), ignore_index=True)


def _work(task: _Curve) -> float:
    return task.course.n_iterations * (1000.0 if task.way == MEAN_STEP else task.replicates)


def _curve(task: _Curve) -> pd.DataFrame:
    on, last = find("instance", task.instance), task.course.n_iterations
    found = _by_mean_step(task, on)[None] if task.way == MEAN_STEP else _by_runs(task, on)
    shown = np.unique(np.rint(np.linspace(0, last, N_POINTS)).astype(int))
    values = found[:, shown]
    limits = mean_interval(values) if task.way == RUNS else None
    return pd.DataFrame(
        {
            "instance": on.name,
            "batch_size": task.batch_size,
            "way": task.way,
            "iteration": shown,
            "value": values.mean(axis=0),
            "low": np.nan if limits is None else limits.low,
            "high": np.nan if limits is None else limits.high,
            "start": float(policy_value(on.mdp, on.policy, on.start)),
            "optimum": optimal_value(on.mdp),
            "last": shown == last,
        }
    )


def _estimator(task: _Curve, on: Instance, sampler: Sampler) -> ZerothOrder:
    oracle = PreferenceFeedback(np.asarray(N_PAIRS), sampler, VoteModel(informative_link(on), N_QUERIES))
    return ZerothOrder(Sphere(), oracle.as_batches(task.batch_size), task.course.radius)


def _by_mean_step(task: _Curve, on: Instance) -> FloatArray:
    """Exact values at theta_1, theta_2, ... of the ascent along E g, (T + 1,)."""
    # Batches of all sizes see the same directions.
    rng = np.random.default_rng(SeedSequence(task.seed, spawn_key=(41,)))
    moments = step_moments(on.mdp, on.policy, _estimator(task, on, "law"), rng)
    theta = np.empty((task.course.n_iterations + 1, on.policy.dim))
    theta[0] = on.start
    for t in range(task.course.n_iterations):
        theta[t + 1] = theta[t] + task.course.step_size * moments.drift(theta[t])
    return np.asarray(policy_value(on.mdp, on.policy, theta))


def _by_runs(task: _Curve, on: Instance) -> FloatArray:
    """The same for runs, (replicates, T + 1)."""
    rng = np.random.default_rng(SeedSequence(task.seed, spawn_key=(42, task.batch_size)))
    start = np.tile(on.start, (task.replicates, 1))
    course, estimator = task.course, _estimator(task, on, "rollout")
    runs = ascend(on.mdp, on.policy, estimator, start, course.n_iterations, course.step_size, rng)
    return np.concatenate([runs.values, policy_value(on.mdp, on.policy, runs.theta)[:, None]], axis=1)
