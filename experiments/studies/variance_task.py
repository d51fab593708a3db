"""Exact error of one estimator at one theta, at given radii or at the best radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from estimators import ZerothOrder
from estimators.feedback import preferences
from estimators.moments import GradientMoments, average_over_directions, rescaled_influence
from estimators.pair_feedback import PairFeedback
from estimators.zeroth_order import N_SAMPLED_DIRECTIONS, GradientEstimator
from experiments.catalogue.claims import name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from theory import InputError, policy_gradient
from theory.arrays import FloatArray

RADII = np.geomspace(0.03, 10.0, 19)
# Where the law of one pair takes more multiplications than this, fewer directions are sampled at each of the about 30
# radii of a search. The row at the radius that is found has all of them.
LONG_LAW = 10**6
FEWER_DIRECTIONS = 256


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
        Seed of the sampled directions, where they cannot be enumerated.
    radii : tuple of float
        Radii at which the error is computed; empty to search for the best radius.
    """

    method: str | Method
    instance: str | Instance
    theta: tuple[float, ...]
    n_pairs: int
    n_queries: float
    seed: int
    radii: tuple[float, ...] = ()

    def estimator(self, radius: Any) -> GradientEstimator:
        """Build the estimator with one radius, or with an array of radii.

        Raises
        ------
        InputError
            If the method does not build a gradient estimator.
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

    @property
    def n_directions(self) -> tuple[int, int]:
        """Directions of the row, and of the search for its radius; zeros for an estimator without directions."""
        instance, estimator = find("instance", self.instance), self.estimator(1.0)
        if not isinstance(estimator, ZerothOrder):
            return 0, 0
        support, feedback = estimator.directions.support(instance.policy.dim), estimator.feedback
        if support is not None:
            return len(support), len(support)
        long = isinstance(feedback, PairFeedback) and feedback.law_work(instance.mdp) > LONG_LAW
        long = long and _samples_as_told(estimator)
        return N_SAMPLED_DIRECTIONS, FEWER_DIRECTIONS if long else N_SAMPLED_DIRECTIONS

    def moments(self, radius: Any, n_sampled: int = N_SAMPLED_DIRECTIONS) -> GradientMoments:
        """Moments at theta with one radius, or with an array of radii.

        Raises
        ------
        InputError
            If the moments of the method are not known.
        """
        instance = find("instance", self.instance)
        spread = np.broadcast_to(self.theta, (*np.shape(radius), len(self.theta)))
        rng = np.random.default_rng(self.seed)
        try:
            estimator = self.estimator(radius)
            if isinstance(estimator, ZerothOrder) and _samples_as_told(estimator):
                return estimator.moments(instance.mdp, instance.policy, spread, rng, n_sampled)
            return estimator.moments(instance.mdp, instance.policy, spread, rng)
        except NotImplementedError as error:
            raise InputError(
                f"method {name_of(self.method)} must have exact moments to have a variance, got NotImplementedError"
                f"{f' ({error})' if str(error) else ''}; leave it out"
            ) from error


def over_radii(task: VarianceTask) -> pd.DataFrame:
    """Errors of the estimator at the radii of the task."""
    radii, method = np.array(task.radii), find("method", task.method)
    known = {"name": name_of(task.method), "title": method.title, "group": method.group, "radius": radii}
    return pd.DataFrame(known | _parts(task.moments(radii)))


def _samples_as_told(estimator: ZerothOrder) -> bool:
    """Whether moments take a number of directions: a class of the user's may have moments of its own."""
    return type(estimator).moments is ZerothOrder.moments


def at_best_radius(task: VarianceTask) -> tuple[dict[str, Any], FloatArray]:
    """Row of the radius with the smallest rescaled error, and the influence of each direction on this error."""
    if find("method", task.method).knob != "radius":
        return _row(task, np.nan, task.moments(1.0)), np.zeros(2)
    n_sampled = task.n_directions[1]
    errors = task.moments(RADII, n_sampled).rescaled_mse
    k = int(np.argmin(errors))
    low, high = np.log(RADII[max(k - 1, 0)]), np.log(RADII[min(k + 1, len(RADII) - 1)])
    found = minimize_scalar(
        lambda log_radius: float(task.moments(np.exp(log_radius), n_sampled).rescaled_mse),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-3},
    )
    radius = float(np.exp(found.x))
    moments, influence = _final(task, radius)
    return _row(task, radius, moments), influence


def _final(task: VarianceTask, radius: float) -> tuple[GradientMoments, FloatArray]:
    """Moments, and influence of each direction on the rescaled error: zeros if the directions were enumerated."""
    instance, estimator = find("instance", task.instance), task.estimator(radius)
    mdp, policy, theta = instance.mdp, instance.policy, np.array(task.theta)
    if not isinstance(estimator, ZerothOrder) or estimator.directions.support(policy.dim) is not None:
        return task.moments(radius), np.zeros(2)
    directions, given = estimator.moments_given_directions(mdp, policy, theta, np.random.default_rng(task.seed))
    gradient, scale = policy_gradient(mdp, policy, theta), estimator.scale(policy)
    influence = rescaled_influence(gradient, directions, given, scale, estimator.n_directions)
    if not _samples_as_told(estimator):
        return task.moments(radius), influence
    moments = average_over_directions(
        gradient=gradient,
        directions=directions,
        given=given,
        scale=scale,
        n_directions=estimator.n_directions,
        enumerated=False,
    )
    return moments, influence


def work(task: VarianceTask) -> float:
    """Approximate time of a task."""
    return find("method", task.method).work


def _votes(task: VarianceTask, estimator: GradientEstimator) -> float:
    """Expected votes at theta. Most methods ask for the same number everywhere."""
    if not isinstance(estimator, ZerothOrder):
        return float(estimator.n_votes)
    instance, theta = find("instance", task.instance), np.array(task.theta)
    return float(estimator.expected_votes(instance.mdp, instance.policy, theta, np.random.default_rng(task.seed)))


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
    averaged, searched = task.n_directions
    return {
        "name": name_of(task.method),
        "title": method.title,
        "radius": radius,
        **parts,
        "relative_mse": parts["mse"] / length_sq,
        "rescaled_mse": parts["rescaled_mse"] / length_sq,
        "cosine": float(mean @ gradient) / np.sqrt(length_sq * float(mean @ mean)),
        "alignment": float(moments.alignment),
        "directions": averaged,
        "directions_searched": searched,
        "trajectories": float(estimator.n_trajectories),
        "votes": _votes(task, estimator),
    }
