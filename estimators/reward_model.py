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

# Norms of the gradient, of a loss of order 1, at which a search ends and up to which its end is taken for the optimum:
# rounding may keep it from the first.
SLOPE_SOUGHT, SLOPE_ACCEPTED = 1e-7, 1e-5


@dataclass(frozen=True, eq=False)
class RewardModel:
    """A reward for every (stage, state, action), fitted by penalised maximum likelihood.

    Parameters
    ----------
    link : Link
        Link assumed of the raters.
    ridge : float or array, default 1
        Precision of a normal prior on each reward, in units of reward^-2; an array broadcasts against the batch. It
        settles what votes cannot: a constant, and rewards of pairs never visited, which are then 0. Beside infinitely
        many votes it has no weight, and these stay where the fit starts.

    Raises
    ------
    InputError
        If the ridge is not positive and finite.

    References
    ----------
    Christiano, Leike, Brown, Martic, Legg and Amodei, *Deep reinforcement learning from human preferences* (2017).
    """

    link: Link
    ridge: ArrayLike = 1.0

    def __post_init__(self) -> None:
        require_kind("link", self.link, Link, "Logistic()")
        ridge = np.asarray(self.ridge, dtype=np.float64)
        if not (np.isfinite(ridge) & (ridge > 0)).all():
            raise InputError(f"ridge must be positive and finite, got {ridge}; 1 is the prior of unit variance")
        object.__setattr__(self, "ridge", ridge)

    def fit(self, data: PreferenceData, start: FloatArray | None = None) -> FloatArray:
        """Rewards of largest posterior density, (..., F), for a whole batch.

        Each run is one Newton problem with a trust region: data of a single policy leave directions that hardly count,
        where methods without the Hessian take hundreds of steps.

        Parameters
        ----------
        data : PreferenceData
        start : array (..., F), optional
            Where to start, such as the fit to fewer data; by default 0.

        Raises
        ------
        InputError
            If the ridge does not broadcast against the batch of the data, or `start` has not their shape.
        FloatingPointError
            If a search ends where the posterior is not flat.
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
        # The Hessian is singular and the search wanders where no vote tells: only the rest of its way counts.
        moved: FloatArray = np.linalg.lstsq(visits, visits @ (found.x - guess), rcond=None)[0]
        return guess + moved


def _negative_log_posterior(
    rewards: FloatArray, link: Link, visits: FloatArray, shares: FloatArray, prior: float
) -> tuple[float, FloatArray]:
    """Mean over pairs, a vote each, up to a constant, and its gradient."""
    loss, slope = cross_entropy(link, visits @ rewards, shares)
    return float(loss.mean() + prior / 2 * rewards @ rewards), slope @ visits / len(shares) + prior * rewards


def _hessian(rewards: FloatArray, link: Link, visits: FloatArray, shares: FloatArray, prior: float) -> FloatArray:
    curvature = cross_entropy_curvature(link, visits @ rewards, shares) / len(shares)
    if (curvature >= 0).all():
        # Where the link is log-concave, that of a matrix with itself, which costs half.
        root = np.sqrt(curvature)[:, None] * visits
        hessian: FloatArray = root.T @ root
    else:
        hessian = visits.T @ (curvature[:, None] * visits)
    hessian[np.diag_indices_from(hessian)] += prior
    return hessian
