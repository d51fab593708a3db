"""Exact comparison of estimators at equal trajectories and votes per gradient, each at its own best radius.

The best radius has the smallest `rescaled_mse`: the mean squared error after the best rescaling, since the step size
rescales an estimate anyway. The raw mean squared error would not do. A value difference is at most H, so the estimate
d D v / mu vanishes as mu grows, and its error tends to |grad V|^2. One direction without any noise or smoothing has the
error (d - 1) |grad V|^2. For d > 2 the raw minimum is therefore at an infinite radius, where the estimate is 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from estimators import ZerothOrder
from estimators.feedback import preferences
from estimators.moments import paired_standard_error
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.studies.variance_task import VarianceTask, at_best_radius, over_radii, work
from theory import InputError, policy_gradient
from theory.arrays import FloatArray
from theory.errors import require_integer, require_list
from theory.validation import finite_array
from theory.votes import require_count

# The estimators compared by default. A gradient costs 2 N trajectories, and N M votes or none.
VARIANCE_METHODS = (
    *("zpg", "zbcpg-1", "zbcpg-3", "zbcpg-d"),
    *("zpg-symmetric", "zpg-haldane", "zpg-jackknife", "zpg-common", "zpg-averaged", "value-sphere", "value-1"),
    *("reinforce-none", "gpomdp-none", "reinforce", "gpomdp", "reinforce-best"),
)
# More directions than this take too long to enumerate at every radius.
MOST_ENUMERATED = 2**15
# A gradient norm below this number times H is rounding error.
STATIONARY = 1e-14


def usual_methods(instance: Instance, n_pairs: int) -> list[str]:
    """Estimators compared by default: those that this number of parameters and of pairs allows."""
    return [name for name in VARIANCE_METHODS if _is_usual(find("method", name), instance, n_pairs)]


def _is_usual(method: Method, instance: Instance, n_pairs: int) -> bool:
    dim = instance.policy.dim
    if not method.fits(dim):
        return False
    try:
        built = method.build(dim, preferences(n_pairs, 1, instance.link), np.asarray(1.0))
    except InputError:  # pairs that cannot be shared by its directions
        return False
    if not isinstance(built, ZerothOrder):
        return True
    support = built.directions.support(dim)
    return support is None or len(support) <= MOST_ENUMERATED


def parameters_at(instance: Instance, where: str, rng: np.random.Generator) -> FloatArray:
    """Parameters to compare at: the start, standard normal ones, near the end of exact ascent, or given ones.

    Parameters
    ----------
    instance : Instance
    where : {"uniform", "random", "optimum"} or numbers with commas
        "uniform" is the start. "optimum" is the first of the points 1/2, 3/4, 7/8, ... of the way to the end of exact
        ascent whose gradient norm is at most 1/100 of that at the start; at the end itself there is no gradient.
    rng : Generator

    Raises
    ------
    InputError
        If it is none of these, or there is not one number per parameter.
    """
    if where == "uniform":
        return instance.start
    if where == "random":
        return np.asarray(rng.standard_normal(instance.policy.dim))
    if where == "optimum":
        return _near_optimum(instance)
    try:
        given = np.array([float(number) for number in where.split(",")])
    except ValueError:
        raise InputError(f"theta must be uniform, random, optimum or numbers with commas, got {where!r}") from None
    if given.shape != (instance.policy.dim,) or not np.isfinite(given).all():
        raise InputError(f"theta must be {instance.policy.dim} finite numbers for {instance.name}, got {where!r}")
    return given


def compare_variance(
    instance: str | Instance,
    theta: FloatArray,
    *,
    n_pairs: int,
    n_queries: float,
    methods: Sequence[str | Method] | None = None,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Error budget of every estimator at its best radius.

    Parameters
    ----------
    instance : str or Instance
    theta : array (dim,)
    n_pairs : int
        Pairs of trajectories per gradient, N. REINFORCE and GPOMDP get 2 N trajectories.
    n_queries : int or inf
        Votes per pair, M.
    methods : sequence of str or Method, optional
        By default `usual_methods`. The others are compared with the first.
    execution : Execution, optional
        Every estimator is averaged over the same sampled directions, so that differences are paired.

    Returns
    -------
    DataFrame
        One row per estimator: its best radius, the squared biases and their cross term, the three variances, ``mse``
        and its standard error, ``relative_mse`` and ``rescaled_mse`` (both over |grad V|^2), ``cosine`` between mean
        and gradient, ``alignment`` (root-mean-square cosine of single estimates), ``directions`` averaged over and
        ``directions_searched`` in the search for the radius, ``clip_rate``, costs, and ``excess`` of ``rescaled_mse``
        over the first estimator with 95% limits.

    Raises
    ------
    InputError
        If there are no pairs or methods, theta does not fit or is a stationary point, or a method has no moments.
    """
    execution = chosen_execution(execution)
    tasks = _tasks(instance, theta, n_pairs, n_queries, methods, execution)
    if execution.progress:
        execution.progress(0, len(tasks))
    found = run_tasks(at_best_radius, tasks, work, execution)
    (first, reference), rows = found[0], []
    for row, influence in found:
        excess = row["rescaled_mse"] - first["rescaled_mse"]
        error = _paired_error(influence, reference)
        limits = {"excess": excess, "excess_low": excess - 1.96 * error, "excess_high": excess + 1.96 * error}
        rows.append(row | limits)
    return pd.DataFrame(rows)


def sweep_radius(
    instance: str | Instance,
    theta: FloatArray,
    radii: FloatArray,
    *,
    n_pairs: int,
    n_queries: float,
    methods: Sequence[str | Method] | None = None,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Errors and their parts for every estimator with a radius, at every radius.

    Errors are not divided by |grad V|^2 here. The parameters are those of `compare_variance`.
    """
    tasks = _tasks(instance, theta, n_pairs, n_queries, methods, execution, radii=tuple(map(float, radii)))
    with_radius = [task for task in tasks if find("method", task.method).knob == "radius"]
    return pd.concat(run_tasks(over_radii, with_radius, work, execution), ignore_index=True)


def _tasks(
    instance: str | Instance,
    theta: FloatArray,
    n_pairs: int,
    n_queries: float,
    methods: Sequence[str | Method] | None,
    execution: Execution | None,
    radii: tuple[float, ...] = (),
) -> list[VarianceTask]:
    chosen, where = find("instance", instance), finite_array("theta", theta)
    dim, seed = chosen.policy.dim, chosen_execution(execution).seed
    require_integer("n_pairs", n_pairs, 1)
    require_count("n_queries", n_queries)
    if methods is not None:
        require_list("methods", methods, (str, Method), "'zpg'")
    if where.shape != (dim,):
        raise InputError(f"theta must be {dim} finite numbers, got {where}")
    if np.linalg.norm(policy_gradient(chosen.mdp, chosen.policy, where)) <= STATIONARY * chosen.mdp.horizon:
        raise InputError("theta must not be a stationary point: relative errors need a gradient; choose another theta")
    names = usual_methods(chosen, n_pairs) if methods is None else list(dict.fromkeys(methods))
    if not names:
        raise InputError("methods must name at least one estimator, got none")
    tasks = [VarianceTask(m, instance, tuple(where.tolist()), n_pairs, n_queries, seed, radii) for m in names]
    for task in tasks:
        task.estimator(1.0)  # what cannot be built is told before anything runs
    return tasks


def _near_optimum(instance: Instance) -> FloatArray:
    mdp, policy, start = instance.mdp, instance.policy, instance.start
    end = at_optimum(instance).start
    path = start + (1 - 0.5 ** np.arange(1, 40))[:, None] * (end - start)
    norms = np.linalg.norm(policy_gradient(mdp, policy, path), axis=-1)
    close = norms <= 0.01 * np.linalg.norm(policy_gradient(mdp, policy, start))
    return np.asarray(path[int(np.argmax(close))] if close.any() else path[-1])


def _paired_error(influence: FloatArray, reference: FloatArray) -> float:
    """Standard error of a difference of mean squared errors. With enumerated directions there is nothing to pair."""
    if len(influence) != len(reference):
        return float(paired_standard_error(influence if len(influence) > len(reference) else reference))
    return float(paired_standard_error(influence - reference))
