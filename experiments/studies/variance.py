"""Estimators compared at equal trajectories and votes per gradient, each at its own best radius, exactly.

The best radius is the one of least `rescaled_mse`: the mean squared error after the best rescaling, which a step size
provides for free. The raw mean squared error would not do. A value difference is at most H, so an estimate d D v / mu
vanishes as mu grows and its error tends to |grad V|^2, while one direction without any noise or smoothing errs by
(d - 1) |grad V|^2: for d > 2 the raw minimum lies at infinity, where the estimate says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from estimators import ZerothOrder
from estimators.feedback import preferences
from estimators.moments import GradientMoments, paired_standard_error, rescaled_influence
from estimators.zeroth_order import GradientEstimator
from experiments.catalogue.claims import name_of
from experiments.catalogue.instance import Instance, at_optimum
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory import InputError, policy_gradient
from theory.arrays import FloatArray

RADII = np.geomspace(0.03, 10.0, 19)

# The estimators compared where none are named. All cost 2 N trajectories a gradient, and N M votes or none.
VARIANCE_METHODS = (
    *("zpg", "zbcpg-1", "zbcpg-3", "zbcpg-d"),
    *("zpg-symmetric", "zpg-haldane", "zpg-jackknife", "zpg-common", "zpg-averaged", "value-sphere", "value-1"),
    *("reinforce-none", "gpomdp-none", "reinforce", "gpomdp", "reinforce-best"),
)
# More directions than this are too many to enumerate at every radius.
MOST_ENUMERATED = 2**15


@dataclass(frozen=True)
class VarianceTask:
    """One estimator at one theta.

    Attributes
    ----------
    method : str or Method
    instance : str or Instance
    theta : tuple of float, length dim
    n_pairs : int
    n_queries : float
    seed : int
        Of the directions that are averaged over where they cannot be enumerated.
    radii : tuple of float
        Where the error is computed; empty to search for the best radius.
    """

    method: str | Method
    instance: str | Instance
    theta: tuple[float, ...]
    n_pairs: int
    n_queries: float
    seed: int
    radii: tuple[float, ...] = ()

    def estimator(self, radius: Any) -> GradientEstimator:
        """Build the estimator with a radius, or with radii that broadcast.

        Raises
        ------
        InputError
            If the method is no gradient estimator.
        """
        method, instance = find("method", self.method), find("instance", self.instance)
        built = method.build(
            instance.policy.dim, preferences(self.n_pairs, self.n_queries, instance.link), np.asarray(radius)
        )
        if not hasattr(built, "moments"):
            raise InputError(
                f"method {method.name} must be a gradient estimator with moments to have a variance, "
                f"got {type(built).__name__}; leave it out"
            )
        found: GradientEstimator = built  # type: ignore[assignment]  # as just checked
        return found

    def moments(self, radius: Any) -> GradientMoments:
        """Moments at theta with a radius, or with radii."""
        instance = find("instance", self.instance)
        spread = np.broadcast_to(self.theta, (*np.shape(radius), len(self.theta)))
        rng = np.random.default_rng(self.seed)
        return self.estimator(radius).moments(instance.mdp, instance.policy, spread, rng)


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
    found = run_tasks(_at_best_radius, tasks, _work, execution)
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
    return pd.concat(run_tasks(_over_radii, with_radius, _work, execution), ignore_index=True)


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
    if not policy_gradient(chosen.mdp, chosen.policy, where).any():
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


def _over_radii(task: VarianceTask) -> pd.DataFrame:
    radii, method = np.array(task.radii), find("method", task.method)
    known = {"name": name_of(task.method), "title": method.title, "group": method.group, "radius": radii}
    return pd.DataFrame(known | _parts(task.moments(radii)))


def _at_best_radius(task: VarianceTask) -> tuple[dict[str, Any], FloatArray]:
    """Row of the radius of least rescaled error, and each direction's influence on that error."""
    if find("method", task.method).knob != "radius":
        return _row(task, np.nan, task.moments(1.0)), np.zeros(2)
    errors = task.moments(RADII).rescaled_mse
    k = int(np.argmin(errors))
    low, high = np.log(RADII[max(k - 1, 0)]), np.log(RADII[min(k + 1, len(RADII) - 1)])
    found = minimize_scalar(
        lambda log_radius: float(task.moments(np.exp(log_radius)).rescaled_mse),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-3},
    )
    radius = float(np.exp(found.x))
    return _row(task, radius, task.moments(radius)), _influence(task, radius)


def _influence(task: VarianceTask, radius: float) -> FloatArray:
    """Each direction's influence on the rescaled error; nothing where none were sampled."""
    instance, estimator = find("instance", task.instance), task.estimator(radius)
    mdp, policy, theta = instance.mdp, instance.policy, np.array(task.theta)
    if not isinstance(estimator, ZerothOrder) or estimator.directions.support(policy.dim) is not None:
        return np.zeros(2)
    directions, given = estimator.moments_given_directions(mdp, policy, theta, np.random.default_rng(task.seed))
    gradient = policy_gradient(mdp, policy, theta)
    return rescaled_influence(gradient, directions, given, estimator.scale(policy), estimator.n_directions)


def _work(task: VarianceTask) -> float:
    return find("method", task.method).work


def _paired_error(influence: FloatArray, reference: FloatArray) -> float:
    """Standard error of a difference of mean squared errors; enumerated estimators have no influence to pair."""
    if len(influence) != len(reference):
        return float(paired_standard_error(influence if len(influence) > len(reference) else reference))
    return float(paired_standard_error(influence - reference))


def _parts(moments: GradientMoments) -> dict[str, FloatArray]:
    smoothing, inversion = moments.bias_smoothing, moments.bias_inversion
    return {
        "bias_smoothing_sq": (smoothing**2).sum(axis=-1),
        "bias_inversion_sq": (inversion**2).sum(axis=-1),
        "bias_cross": 2 * (smoothing * inversion).sum(axis=-1),
        "bias_squared": moments.bias_squared,
        "variance_direction": moments.variance_direction,
        "variance_trajectory": moments.variance_trajectory,
        "variance_query": moments.variance_query,
        "mse": moments.mse,
        "rescaled_mse": moments.rescaled_mse,
        "standard_error": moments.standard_error,
        "clip_rate": moments.clip_rate,
    }


def _row(task: VarianceTask, radius: float, moments: GradientMoments) -> dict[str, Any]:
    method, estimator = find("method", task.method), task.estimator(1.0 if np.isnan(radius) else radius)
    parts = {name: float(value) for name, value in _parts(moments).items()}
    gradient, mean = moments.gradient, moments.mean
    length_sq = float(gradient @ gradient)
    return {
        "name": name_of(task.method),
        "title": method.title,
        "radius": radius,
        **parts,
        "relative_mse": parts["mse"] / length_sq,
        "rescaled_mse": parts["rescaled_mse"] / length_sq,
        "cosine": float(mean @ gradient) / np.sqrt(length_sq * float(mean @ mean)),
        "alignment": float(moments.alignment),
        "trajectories": float(estimator.n_trajectories),
        "votes": float(estimator.n_votes),
    }
