"""Reward inference: per-step rewards by maximum likelihood from votes on pairs of trajectories."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from estimators.preference_data import PreferenceData
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_kind
from theory.likelihood import cross_entropy, cross_entropy_curvature
from theory.links import Link
from theory.validation import finite_array, positive_array

# A search ends at the first norm of the gradient. Rounding may stop it before, so norms up to the second are accepted.
SLOPE_SOUGHT, SLOPE_ACCEPTED = 1e-7, 1e-5


@dataclass(frozen=True, eq=False)
class RewardModel:
    """A reward for every (stage, state, action), fitted by penalised maximum likelihood.

    Parameters
    ----------
    link : Link
        Link that the model assumes.
    ridge : float or array, default 1
        Precision of a normal prior on each reward, in units of reward^-2; an array broadcasts against the batch. Votes
        determine neither a constant added to all rewards nor the rewards of (state, action) never visited; the prior
        sets the latter to 0. With infinitely many votes the prior has no weight, and both stay as at the start of the
        fit.
    features : array (F, k), optional
        Rewards are features @ weights, and the prior is on the weights; by default every reward is free. Fewer columns
        than rows leave rewards that the model cannot express.

    Raises
    ------
    InputError
        If `link` is not a Link, the ridge is not positive and finite, or `features` is not a finite matrix.

    References
    ----------
    Christiano, Leike, Brown, Martic, Legg and Amodei, *Deep reinforcement learning from human preferences* (2017).
    """

    link: Link
    ridge: ArrayLike = 1.0
    features: ArrayLike | None = None

    def __post_init__(self) -> None:
        require_kind("link", self.link, Link, "Logistic()")
        object.__setattr__(self, "ridge", positive_array("ridge", self.ridge, "; 1 is a prior of unit variance"))
        if self.features is not None:
            matrix = finite_array("features", self.features)
            if matrix.ndim != 2 or not matrix.size:
                raise InputError(
                    f"features must be a matrix, one row for each reward and at least one column, got {matrix.shape}"
                )
            object.__setattr__(self, "features", matrix)

    def fit(self, data: PreferenceData, start: FloatArray | None = None) -> FloatArray:
        """Rewards of largest posterior density, (..., F), for a whole batch.

        Each run is solved by Newton's method with a trust region. Data of a single policy make the problem badly
        conditioned, and methods without the Hessian then take hundreds of steps.

        Parameters
        ----------
        data : PreferenceData
        start : array (..., F), optional
            Start of the search, such as the fit to fewer data; by default 0.

        Raises
        ------
        InputError
            If the ridge does not broadcast against the batch of the data, `start` has another shape, or the features
            are of another number of rewards.
        FloatingPointError
            If a search ends at a point whose gradient is not small.
        """
        *batch, n_pairs, n_features = data.visits.shape
        if not fits_batch(tuple(batch), np.asarray(self.ridge)):
            raise InputError(f"ridge must broadcast against the batch {tuple(batch)}, got {np.shape(self.ridge)}")
        if start is not None and start.shape != (*batch, n_features):
            raise InputError(f"start must have shape {(*batch, n_features)} like the data, got {start.shape}")
        if self.features is not None and len(np.asarray(self.features)) != n_features:
            raise InputError(
                f"features must have {n_features} rows, one for each reward, got {np.shape(self.features)}"
            )
        prior = np.broadcast_to(np.asarray(self.ridge) / (n_pairs * data.n_queries), batch)
        first = np.zeros((*batch, n_features)) if start is None else start
        fitted = np.empty((*batch, n_features))
        for run in np.ndindex(*batch):
            fitted[run] = self._fit_features(first[run], data.of_run(run), float(prior[run]))
        return fitted

    def _fit_features(self, guess: FloatArray, data: PreferenceData, prior: float) -> FloatArray:
        if self.features is None:
            return self._fit_one(guess, data, prior)
        matrix = np.asarray(self.features)
        weights = np.linalg.lstsq(matrix, guess, rcond=None)[0]
        seen = replace(data, visits=data.visits @ matrix)
        return np.asarray(matrix @ self._fit_one(weights, seen, prior))

    def _fit_one(self, guess: FloatArray, data: PreferenceData, prior: float) -> FloatArray:
        found = minimize(
            _negative_log_posterior,
            guess,
            args=(self.link, data, prior),
            jac=True,
            hess=_hessian,
            method="trust-exact",
            options={"gtol": SLOPE_SOUGHT},
        )
        if not np.linalg.norm(found.jac) <= SLOPE_ACCEPTED:
            raise FloatingPointError(f"the reward model did not converge ({found.message}); use a larger ridge")
        if prior > 0:
            return np.asarray(found.x)
        # The Hessian is singular, and the search may move in directions without votes: remove that part of the move.
        moved: FloatArray = np.linalg.lstsq(data.visits, data.visits @ (found.x - guess), rcond=None)[0]
        return guess + moved


def _negative_log_posterior(
    rewards: FloatArray, link: Link, data: PreferenceData, prior: float
) -> tuple[float, FloatArray]:
    """Negative log-posterior over the number of votes, up to a constant, and its gradient."""
    loss, slope = cross_entropy(link, data.visits @ rewards, data.shares)
    penalty, pull = prior / 2 * rewards @ rewards, prior * rewards
    if data.weights is None:
        return float(loss.mean() + penalty), slope @ data.visits / len(data.shares) + pull
    return float(data.weights @ loss + penalty), (data.weights * slope) @ data.visits + pull


def _hessian(rewards: FloatArray, link: Link, data: PreferenceData, prior: float) -> FloatArray:
    visits = data.visits
    curvature = cross_entropy_curvature(link, visits @ rewards, data.shares)
    curvature = curvature / len(data.shares) if data.weights is None else data.weights * curvature
    if (curvature >= 0).all():
        # For a log-concave link: the product of a matrix with its own transpose costs half.
        root = np.sqrt(curvature)[:, None] * visits
        hessian: FloatArray = root.T @ root
    else:
        hessian = visits.T @ (curvature[:, None] * visits)
    hessian[np.diag_indices_from(hessian)] += prior
    return hessian
