"""Estimators compared at equal trajectories and votes per gradient, each at its own best radius, exactly.

The best radius is the one of least `rescaled_mse`: the mean squared error after the best rescaling, which a step size
provides for free. The raw mean squared error would not do. A value difference is at most H, so an estimate d D v / mu
vanishes as mu grows and its error tends to |grad V|^2, while one direction without any noise or smoothing errs by
(d - 1) |grad V|^2: for d > 2 the raw minimum lies at infinity, where the estimate says nothing.
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
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from experiments.studies.variance_task import VarianceTask, at_best_radius, over_radii, work
from theory import InputError, policy_gradient
from theory.arrays import FloatArray

# The estimators compared where none are named. All cost 2 N trajectories a gradient, and N M votes or none.
VARIANCE_METHODS = (
    *("zpg", "zbcpg-1", "zbcpg-3", "zbcpg-d"),
    *("zpg-symmetric", "zpg-haldane", "zpg-jackknife", "zpg-common", "zpg-averaged", "value-sphere", "value-1"),
    *("reinforce-none", "gpomdp-none", "reinforce", "gpomdp", "reinforce-best"),
)
# More directions than this are too many to enumerate at every radius.
MOST_ENUMERATED = 2**15
# A gradient norm below this, for rewards of 1 in every step, is rounding.
STATIONARY = 1e-14


def usual_methods(instance: Instance, n_pairs: int) -> list[str]:
    """Estimators compared where none are named: those that fit the parameters and the pairs."""
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
    """Parameters to compare at: where runs start, standard normal, near where exact ascent ends, or as given.

    Parameters
    ----------
    instance : Instance
    where : {"uniform", "random", "optimum"} or numbers with commas
        At the optimum itself there is no gradient to estimate. "optimum" is the first of the points 1/2, 3/4, 7/8, ...
        of the way there whose gradient norm is at most a hundredth of the start's.
    rng : Generator

    Raises
    ------
    InputError
        If it is none of these, or the numbers are not one a parameter.
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
        Pairs of trajectories a gradient, N; REINFORCE and GPOMDP get 2 N trajectories.
    n_queries : int or inf
        Votes a pair, M.
    methods : sequence of str or Method, optional
        By default `usual_methods`. The first is what others are compared with.
    execution : Execution, optional
        Directions that are averaged over are the same for every estimator, so that differences are paired.

    Returns
    -------
    DataFrame
        One row an estimator: its best radius, the squared biases and their cross term, the three variances, ``mse`` and
        its standard error, ``relative_mse`` and ``rescaled_mse`` (both over |grad V|^2), ``cosine`` of the mean to the
        gradient, ``alignment`` (root-mean-square cosine of single estimates), ``clip_rate``, costs, and ``excess`` of
        ``rescaled_mse`` over the first estimator with 95% limits.

    Raises
    ------
    InputError
        If there are no pairs or methods, theta does not fit or is a stationary point, or a method has no moments.
    """
    tasks = _tasks(instance, theta, n_pairs, n_queries, methods, execution)
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
    """Errors of every estimator with a radius, over radii: columns name, title, group, radius, the errors, their parts.

    Errors are squared gradients here, not shares of |grad V|^2. The parameters are those of `compare_variance`.
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
    chosen, where = find("instance", instance), np.asarray(theta, dtype=np.float64)
    dim, seed = chosen.policy.dim, (execution or Execution()).seed
    if n_pairs < 1:
        raise InputError(f"n_pairs must be at least 1, got {n_pairs}")
    if where.shape != (dim,) or not np.isfinite(where).all():
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
    """Standard error of a difference of mean squared errors; enumerated estimators have no influence to pair."""
    if len(influence) != len(reference):
        return float(paired_standard_error(influence if len(influence) > len(reference) else reference))
    return float(paired_standard_error(influence - reference))
