"""Reward inference: per-step rewards by maximum likelihood from votes on pairs of trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from estimators.preference_data import PreferenceData
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_kind
from theory.likelihood import cross_entropy, cross_entropy_curvature
from theory.links import Link
from theory.validation import positive_array

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

    Raises
    ------
    InputError
        If `link` is not a Link, or the ridge is not positive and finite.

    References
    ----------
    Christiano, Leike, Brown, Martic, Legg and Amodei, *Deep reinforcement learning from human preferences* (2017).
    """

    link: Link
    ridge: ArrayLike = 1.0

    def __post_init__(self) -> None:
        require_kind("link", self.link, Link, "Logistic()")
        object.__setattr__(self, "ridge", positive_array("ridge", self.ridge, "; 1 is a prior of unit variance"))

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
            If the ridge does not broadcast against the batch of the data, or `start` has another shape.
        FloatingPointError
            If a search ends at a point whose gradient is not small.
        """
        *batch, n_pairs, n_features = data.visits.shape
        if not fits_batch(tuple(batch), np.asarray(self.ridge)):
            raise InputError(f"ridge must broadcast against the batch {tuple(batch)}, got {np.shape(self.ridge)}")
        if start is not None and start.shape != (*batch, n_features):
            raise InputError(f"start must have shape {(*batch, n_features)} like the data, got {start.shape}")
        prior = np.broadcast_to(np.asarray(self.ridge) / (n_pairs * data.n_queries), batch).ravel()
        visits = data.visits.reshape(-1, n_pairs, n_features)
        shares = data.shares.reshape(-1, n_pairs)
        first = np.zeros((*batch, n_features)) if start is None else start
        runs = zip(first.reshape(-1, n_features), visits, shares, prior, strict=True)
        fitted = [self._fit_one(guess, seen.astype(np.float64), *run) for guess, seen, *run in runs]
        return np.reshape(fitted, (*batch, n_features))

    def _fit_one(self, guess: FloatArray, visits: FloatArray, shares: FloatArray, prior: float) -> FloatArray:
        found = minimize(
            _negative_log_posterior,
            guess,
            args=(self.link, visits, shares, prior),
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
        moved: FloatArray = np.linalg.lstsq(visits, visits @ (found.x - guess), rcond=None)[0]
        return guess + moved


def _negative_log_posterior(
    rewards: FloatArray, link: Link, visits: FloatArray, shares: FloatArray, prior: float
) -> tuple[float, FloatArray]:
    """Negative log-posterior over the number of votes, up to a constant, and its gradient."""
    loss, slope = cross_entropy(link, visits @ rewards, shares)
    return float(loss.mean() + prior / 2 * rewards @ rewards), slope @ visits / len(shares) + prior * rewards


def _hessian(rewards: FloatArray, link: Link, visits: FloatArray, shares: FloatArray, prior: float) -> FloatArray:
    curvature = cross_entropy_curvature(link, visits @ rewards, shares) / len(shares)
    if (curvature >= 0).all():
        # For a log-concave link: the product of a matrix with its own transpose costs half.
        root = np.sqrt(curvature)[:, None] * visits
        hessian: FloatArray = root.T @ root
    else:
        hessian = visits.T @ (curvature[:, None] * visits)
    hessian[np.diag_indices_from(hessian)] += prior
    return hessian
