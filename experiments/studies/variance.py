"""Estimators compared at equal trajectories and votes per gradient, each at its own best radius, exactly.

The best radius is the one of least `rescaled_mse`: the mean squared error after the best rescaling, which a step size
provides for free. The raw mean squared error would not do. A value difference is at most H, so an estimate d D v / mu
vanishes as mu grows and its error tends to |grad V|^2, while one direction without any noise or smoothing errs by
(d - 1) |grad V|^2: for d > 2 the raw minimum lies at infinity, where the estimate says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from estimators import Baseline, Blocks, Directions, Feedback, Gpomdp, Reinforce, ReturnFeedback, Sphere, ZerothOrder
from estimators.feedback import preferences
from estimators.moments import GradientMoments, paired_standard_error, rescaled_influence
from experiments.catalogue.instances import Instance, at_optimum
from theory import HaldaneAnscombe, InputError, Jackknife, policy_gradient

FloatArray = NDArray[np.float64]
Where = Literal["uniform", "random", "optimum"]

RADII = np.geomspace(0.03, 10.0, 19)


@dataclass(frozen=True, eq=False)
class Contender:
    """One estimator in the comparison.

    Attributes
    ----------
    name, title : str
    build : function of radius -> ZerothOrder, or an estimator that has no radius
    """

    name: str
    title: str
    build: Callable[[Any], ZerothOrder] | Reinforce | Gpomdp


def contenders(instance: Instance, n_pairs: int, n_queries: float) -> list[Contender]:
    """The estimators compared: all cost 2 N trajectories a gradient, and N M votes or none."""
    dim, link = instance.policy.dim, instance.link
    votes = preferences(n_pairs, n_queries, link)
    shared = preferences(n_pairs, n_queries, link, common_random_numbers=True)
    n_averaged = max(k for k in (4, 2, 1) if n_pairs % k == 0)
    fewer = preferences(n_pairs // n_averaged, n_queries, link)

    def along(name: str, title: str, directions: Directions, feedback: Feedback, **options: Any) -> Contender:
        return Contender(name, title, lambda radius: ZerothOrder(directions, feedback, radius, **options))

    listed = [
        along("zpg", "ZPG", Sphere(), votes),
        along("zbcpg-1", "ZBCPG, K = 1", Blocks(1), votes),
        *([along("zbcpg-3", "ZBCPG, K = 3", Blocks(3), votes)] if 3 < dim <= 20 else []),
        *([along("zbcpg-d", "ZBCPG, K = d", Blocks(dim), votes)] if 1 < dim <= 15 else []),
        along("zpg-symmetric", "ZPG, symmetric pairs", Sphere(), votes, symmetric=True),
        along("zpg-haldane", "ZPG, Haldane-Anscombe", Sphere(), votes.reading(HaldaneAnscombe())),
        along("zpg-jackknife", "ZPG, jackknife", Sphere(), votes.reading(Jackknife())),
        along("zpg-common", "ZPG, common random numbers", Sphere(), shared),
        *(
            [along("zpg-averaged", f"ZPG, {n_averaged} directions", Sphere(), fewer, n_directions=n_averaged)]
            if n_averaged > 1
            else []
        ),
        along("value-sphere", "value feedback, sphere", Sphere(), ReturnFeedback(np.asarray(n_pairs))),
        along("value-1", "value feedback, K = 1", Blocks(1), ReturnFeedback(np.asarray(n_pairs))),
    ]
    for baseline in Baseline:
        words = "" if baseline is Baseline.NONE else f", {baseline} baseline"
        listed.append(Contender(f"reinforce-{baseline}", f"REINFORCE{words}", Reinforce(2 * n_pairs, baseline)))
        if baseline is not Baseline.BEST:
            listed.append(Contender(f"gpomdp-{baseline}", f"GPOMDP{words}", Gpomdp(2 * n_pairs, baseline)))
    return listed


def parameters_at(instance: Instance, where: Where, rng: np.random.Generator) -> FloatArray:
    """Parameters to compare at: where runs start, standard normal, or near where exact ascent ends.

    At the optimum itself there is no gradient to estimate; "optimum" is the first of the points 1/2, 3/4, 7/8, ... of
    the way there whose gradient norm is at most a hundredth of the start's.
    """
    if where == "uniform":
        return instance.start
    if where == "random":
        return np.asarray(rng.standard_normal(instance.policy.dim))
    if where == "optimum":
        return _near_optimum(instance)
    raise InputError(f"theta must be uniform, random or optimum, got {where!r}")


def compare_variance(
    instance: Instance, theta: FloatArray, *, n_pairs: int, n_queries: float, seed: int = 0
) -> pd.DataFrame:
    """Error budget of every estimator at its best radius.

    Parameters
    ----------
    instance : Instance
    theta : array (dim,)
    n_pairs : int
        Pairs of trajectories a gradient, N; REINFORCE and GPOMDP get 2 N trajectories.
    n_queries : int or inf
        Votes a pair, M.
    seed : int
        Of the directions that are averaged over on the sphere: the same for every estimator, so that differences are
        paired.

    Returns
    -------
    DataFrame
        One row an estimator: its best radius, the squared biases and their cross term, the three variances, ``mse`` and
        its standard error, ``relative_mse`` and ``rescaled_mse`` (both over |grad V|^2), ``cosine`` of the mean to the
        gradient, ``alignment`` (root-mean-square cosine of single estimates), ``clip_rate``, costs, and ``excess`` of
        ``rescaled_mse`` over the first estimator with 95% limits.
    """
    if n_pairs < 1:
        raise InputError(f"n_pairs must be at least 1, got {n_pairs}")
    if not policy_gradient(instance.mdp, instance.policy, theta).any():
        raise InputError("theta must not be a stationary point: relative errors need a gradient; choose another theta")
    reference: tuple[float, FloatArray] | None = None
    rows = []
    for contender in contenders(instance, n_pairs, n_queries):
        radius, moments, influence = _at_best_radius(instance, theta, contender, seed)
        row = _row(contender, radius, moments)
        if reference is None:
            reference = row["rescaled_mse"], influence
        excess = row["rescaled_mse"] - reference[0]
        error = _paired_error(influence, reference[1])
        limits = {"excess": excess, "excess_low": excess - 1.96 * error, "excess_high": excess + 1.96 * error}
        rows.append(row | _cost(contender, radius) | limits)
    return pd.DataFrame(rows)


def sweep_radius(
    instance: Instance, theta: FloatArray, radii: FloatArray, *, n_pairs: int, n_queries: float, seed: int = 0
) -> pd.DataFrame:
    """Errors of every estimator with a radius, over radii: columns name, title, radius, the errors and their parts.

    Errors are squared gradients here, not shares of |grad V|^2.
    """
    frames = []
    for contender in contenders(instance, n_pairs, n_queries):
        if not isinstance(contender.build, Reinforce | Gpomdp):
            moments = _moments(instance, theta, contender.build, radii, seed)
            frames.append(
                pd.DataFrame({"name": contender.name, "title": contender.title, "radius": radii} | _parts(moments))
            )
    return pd.concat(frames, ignore_index=True)


def _near_optimum(instance: Instance) -> FloatArray:
    mdp, policy, start = instance.mdp, instance.policy, instance.start
    end = at_optimum(instance).start
    path = start + (1 - 0.5 ** np.arange(1, 40))[:, None] * (end - start)
    norms = np.linalg.norm(policy_gradient(mdp, policy, path), axis=-1)
    close = norms <= 0.01 * np.linalg.norm(policy_gradient(mdp, policy, start))
    return np.asarray(path[int(np.argmax(close))] if close.any() else path[-1])


def _moments(
    instance: Instance, theta: FloatArray, build: Callable[[Any], ZerothOrder], radius: Any, seed: int
) -> GradientMoments:
    spread = np.broadcast_to(theta, (*np.shape(radius), theta.size))
    return build(radius).moments(instance.mdp, instance.policy, spread, np.random.default_rng(seed))


def _at_best_radius(
    instance: Instance, theta: FloatArray, contender: Contender, seed: int
) -> tuple[float, GradientMoments, FloatArray]:
    """Radius of least rescaled error, the moments there, and each direction's influence on that error."""
    build = contender.build
    if isinstance(build, Reinforce | Gpomdp):
        return np.nan, build.moments(instance.mdp, instance.policy, theta), np.zeros(2)
    errors = _moments(instance, theta, build, RADII, seed).rescaled_mse
    k = int(np.argmin(errors))
    low, high = np.log(RADII[max(k - 1, 0)]), np.log(RADII[min(k + 1, len(RADII) - 1)])
    found = minimize_scalar(
        lambda log_radius: float(_moments(instance, theta, build, np.exp(log_radius), seed).rescaled_mse),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-3},
    )
    estimator = build(float(np.exp(found.x)))
    moments = estimator.moments(instance.mdp, instance.policy, theta, np.random.default_rng(seed))
    if estimator.directions.support(instance.policy.dim) is not None:
        return float(np.exp(found.x)), moments, np.zeros(2)
    directions, given = estimator.moments_given_directions(
        instance.mdp, instance.policy, theta, np.random.default_rng(seed)
    )
    gradient = policy_gradient(instance.mdp, instance.policy, theta)
    influence = rescaled_influence(
        gradient, directions, given, estimator.scale(instance.policy), estimator.n_directions
    )
    return float(np.exp(found.x)), moments, influence


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


def _row(contender: Contender, radius: float, moments: GradientMoments) -> dict[str, Any]:
    parts = {name: float(value) for name, value in _parts(moments).items()}
    gradient, mean = moments.gradient, moments.mean
    length_sq = float(gradient @ gradient)
    return {
        "name": contender.name,
        "title": contender.title,
        "radius": radius,
        **parts,
        "relative_mse": parts["mse"] / length_sq,
        "rescaled_mse": parts["rescaled_mse"] / length_sq,
        "cosine": float(mean @ gradient) / np.sqrt(length_sq * float(mean @ mean)),
        "alignment": float(moments.alignment),
    }


def _cost(contender: Contender, radius: float) -> dict[str, float]:
    build = contender.build
    estimator = build if isinstance(build, Reinforce | Gpomdp) else build(radius)
    return {"trajectories": float(estimator.n_trajectories), "votes": float(estimator.n_votes)}
