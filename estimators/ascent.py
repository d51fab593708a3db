"""The one ascent loop, for every algorithm and a whole batch of runs at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.learners import Learner, Update, update_of
from estimators.streams import Streams
from estimators.zeroth_order import GradientEstimator
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import value_and_gradient


@dataclass(frozen=True, eq=False)
class Ascent:
    """What an ascent went through.

    Attributes
    ----------
    theta : array (..., dim)
        Parameters after the last step.
    values : array (..., T)
        Exact V(theta_t) at the iterates t = 1..T, the first being the start.
    gradient_norm_sq : array (..., T)
        Exact |grad V(theta_t)|^2 at the same iterates: the mean over t is the quantity of the theorems.
    n_trajectories, n_votes : arrays, broadcast against the batch
        What the T iterations cost.
    """

    theta: FloatArray
    values: FloatArray
    gradient_norm_sq: FloatArray
    n_trajectories: FloatArray
    n_votes: FloatArray


def ascend(
    mdp: TabularMDP,
    policy: Policy,
    estimator: GradientEstimator | Learner,
    theta: ArrayLike,
    n_iterations: int,
    step_size: ArrayLike,
    rng: Generator,
    observe: Callable[[int, FloatArray, Update], None] | None = None,
) -> Ascent:
    """Repeat theta <- theta + step_size * estimate, recording the exact value and gradient norm of every iterate.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    estimator : GradientEstimator or Learner
        A learner has an update rule of its own in place of theta + step_size * estimate.
    theta : array (..., dim)
        Where the runs start; every leading index is one run.
    n_iterations : int
        Iterations T.
    step_size : float or array
        Step size alpha > 0; an array broadcasts against the batch.
    rng : Generator
    observe : function of (t, theta_t, update), optional
        Called after every iteration t = 1..T, with what it led to.

    Raises
    ------
    InputError
        If `n_iterations` is below 1 or the step size is not positive and finite.
    FloatingPointError
        If the parameters overflow: the step size is far too large.
    """
    if not isinstance(n_iterations, int | np.integer) or n_iterations < 1:
        raise InputError(f"n_iterations must be an integer of at least 1, got {n_iterations!r}")
    step = np.asarray(step_size, dtype=np.float64)[..., None]
    if not (np.isfinite(step) & (step > 0)).all():
        raise InputError(f"step_size must be positive and finite, got {step[..., 0]}")
    current = np.asarray(theta, dtype=np.float64)
    if not np.isfinite(current).all():
        raise InputError("theta must be finite, got nan or inf")
    batch = current.shape[:-1]
    if not fits_batch(batch, step[..., 0]):
        raise InputError(f"step_size must broadcast against the batch {batch} of theta, got shape {step.shape[:-1]}")
    streams = Streams.of(rng)
    update = update_of(estimator, mdp, policy, current)
    _keep_pages()
    # Iterations first while running: each writes one contiguous row.
    values = np.empty((n_iterations, *batch))
    norms = np.empty((n_iterations, *batch))
    for t in range(n_iterations):
        values[t], gradient = value_and_gradient(mdp, policy, current)
        norms[t] = np.einsum("...d,...d->...", gradient, gradient)
        current = update(current, step, streams)
        if not np.isfinite(current).all():
            raise FloatingPointError(f"parameters overflowed in iteration {t + 1}; the step size is far too large")
        if observe is not None:
            observe(t + 1, current, update)
    return Ascent(
        theta=current,
        values=np.moveaxis(values, 0, -1),
        gradient_norm_sq=np.moveaxis(norms, 0, -1),
        n_trajectories=n_iterations * estimator.n_trajectories,
        n_votes=n_iterations * estimator.n_votes,
    )


def _keep_pages() -> None:
    """Free one large block, so that glibc keeps the loop's smaller ones instead of unmapping them at every step.

    Its threshold for giving pages back follows the largest block freed; without this the loop spends up to half its
    time on page faults. Elsewhere it does nothing.
    """
    np.empty(2**21)
