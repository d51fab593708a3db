"""The one ascent loop, for every algorithm and for a whole batch of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from estimators.learners import Learner, Update, update_of
from estimators.streams import Streams, Tally
from estimators.zeroth_order import GradientEstimator
from theory.arrays import FloatArray
from theory.batching import fits_batch
from theory.errors import InputError, require_integer
from theory.mdp import TabularMDP
from theory.memory import keep_pages
from theory.policies import Policy
from theory.validation import array_of, finite_array, first_entry, positive_array
from theory.values import value_and_gradient

# Squares of larger parameters overflow.
LARGEST_PARAMETER = 1e150


@dataclass(frozen=True, eq=False)
class Ascent:
    """Record of an ascent.

    Attributes
    ----------
    theta : array (..., dim)
        Parameters after the last step.
    values : array (..., T)
        Exact V(theta_t) at the iterates t = 1..T, or at those recorded; the first of all is the start.
    gradient_norm_sq : array (..., T)
        Exact |grad V(theta_t)|^2 at the same iterates. Its mean over t is the quantity of the theorems.
    n_trajectories, n_votes : arrays, broadcast against the batch
        Cost of the T iterations. Votes are counted where they are drawn, so their number is random where that of a pair
        is; `ZerothOrder.expected_votes` is its mean. An estimator that does not count has T times its `n_votes`.
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
    *,
    recorded: ArrayLike | None = None,
) -> Ascent:
    """Repeat theta <- theta + step_size * estimate, and record the exact value and gradient norm of iterates.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    estimator : GradientEstimator or Learner
        A learner has its own update rule in place of theta + step_size * estimate.
    theta : array (..., dim)
        The start; every leading index is one run.
    n_iterations : int
        Iterations T.
    step_size : float or array
        Step size alpha > 0; an array broadcasts against the batch.
    rng : Generator
    observe : function of (t, theta_t, update), optional
        Called after every iteration t = 1..T, with the new parameters.
    recorded : integers, optional
        Iterates t that are recorded, in ascending order, from 1 to T; all by default. The others cost no exact value.

    Raises
    ------
    InputError
        If an argument has another type, `n_iterations` is not an integer of at least 1, the step size is not positive
        and finite, the start is not finite or exceeds 1e150 in size, or `recorded` is not ascending from 1 to T.
    FloatingPointError
        If a parameter exceeds 1e150 in size, or a recorded gradient is not finite.
    """
    require_integer("n_iterations", n_iterations, 1)
    step = positive_array("step_size", step_size)[..., None]
    current = finite_array("theta", theta)
    too_large = np.abs(current) > LARGEST_PARAMETER
    if too_large.any():
        raise InputError(f"theta must be at most {LARGEST_PARAMETER:g} in size, got {first_entry(current, too_large)}")
    batch = current.shape[:-1]
    if not fits_batch(batch, step[..., 0]):
        raise InputError(f"step_size must broadcast against the batch {batch} of theta, got shape {step.shape[:-1]}")
    streams = replace(Streams.of(rng), tally=Tally(batch))
    update = update_of(estimator, mdp, policy, current)
    keep_pages()
    # Iterations are the first axis during the run, so each writes one contiguous row.
    rows = _rows_of(recorded, n_iterations)
    values = np.empty((len(rows), *batch))
    norms = np.empty((len(rows), *batch))
    for t in range(n_iterations):
        if (row := rows.get(t)) is not None:
            values[row], gradient = value_and_gradient(mdp, policy, current)
            norms[row] = np.einsum("...d,...d->...", gradient, gradient)
            if not np.isfinite(norms[row]).all():
                raise FloatingPointError(
                    f"gradient not finite in iteration {t + 1}; lower step_size or check the policy"
                )
        current = update(current, step, streams)
        # This is also False for nan.
        if not (np.abs(current) <= LARGEST_PARAMETER).all():
            raise FloatingPointError(f"parameters overflowed in iteration {t + 1}; the step size is far too large")
        if observe is not None:
            observe(t + 1, current, update)
    return Ascent(
        theta=current,
        values=np.moveaxis(values, 0, -1),
        gradient_norm_sq=np.moveaxis(norms, 0, -1),
        n_trajectories=n_iterations * estimator.n_trajectories,
        n_votes=_counted(n_iterations * estimator.n_votes, streams.tally.votes),
    )


def _rows_of(recorded: ArrayLike | None, n_iterations: int) -> dict[int, int]:
    """Row of the record of every iteration, counted from 0, that is recorded."""
    if recorded is None:
        return {t: t for t in range(n_iterations)}
    iterates = array_of("recorded", recorded)
    whole = np.issubdtype(iterates.dtype, np.integer) and iterates.ndim == 1 and iterates.size > 0
    if not (whole and iterates[0] >= 1 and iterates[-1] <= n_iterations and (np.diff(iterates) > 0).all()):
        raise InputError(
            f"recorded must be ascending integers from 1 to n_iterations = {n_iterations}, got {recorded}; "
            "write for example [1, 10, 100]"
        )
    return {int(t) - 1: row for row, t in enumerate(iterates)}


def _counted(stated: FloatArray, counted: FloatArray | None) -> FloatArray:
    """Votes as counted. Where all runs have the stated number, that one, whatever its shape."""
    return stated if counted is None or (counted == stated).all() else counted
