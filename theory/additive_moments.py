"""Moments of sums of step values along trajectories, and the error of a reward model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import finite_array
from theory.values import check_fit, real_parameters


def additive_moments(
    mdp: TabularMDP, policy: Policy, theta: ArrayLike, step_values: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of sum_h f_h(s_h, a_h) over the trajectories of a policy, by backward induction.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
    step_values : array (..., 1 or H, S, A)
        f_h(s, a). The leading axes broadcast against those of theta.

    Returns
    -------
    mean, variance : arrays (...,)

    Raises
    ------
    InputError
        If the step values do not fit the MDP.
    """
    theta = real_parameters(mdp, policy, theta)
    values = _step_values("step_values", mdp, step_values)
    batch = np.broadcast_shapes(theta.shape[:-1], values.shape[:-3])
    chosen = policy.probabilities(theta)
    pi = columns(np.broadcast_to(chosen, (*batch, *chosen.shape[-3:])), 3)
    paid = columns(np.broadcast_to(values, (*batch, *values.shape[-3:])), 3)
    # Centring keeps the digits of a small variance.
    paid = paid - paid.mean(axis=(0, 1, 2))
    shift = values.mean(axis=(-3, -2, -1)) * mdp.horizon
    first = np.zeros((mdp.n_states, pi.shape[-1]))
    second = np.zeros_like(first)
    for h in reversed(range(mdp.horizon)):
        kernel, now, chance = stage(mdp.successor_kernels, h), stage(paid, h), stage(pi, h)
        later, later_sq = ((kernel @ moment).reshape(pi.shape[1:]) for moment in (first, second))
        first = (chance * (now + later)).sum(axis=1)
        second = (chance * (now * (now + 2 * later) + later_sq)).sum(axis=1)
    mean = mdp.initial @ first
    variance = np.maximum(mdp.initial @ second - mean**2, 0.0)
    return rows(mean, batch) + shift, rows(variance, batch)


def reward_error(mdp: TabularMDP, policy: Policy, theta: ArrayLike, rewards: ArrayLike) -> FloatArray:
    """Root-mean-square error of a reward model's return differences, over pairs of independent trajectories.

    Votes depend on differences of returns only, so a constant added to all rewards is no error. The truth is the
    expected reward of (stage, state, action). When rewards, or the next states that decide them, are random, a fitted
    model stays biased: the mean of sigma is not sigma of the mean.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
        Parameters of the policy that draws the trajectories.
    rewards : array (..., 1 or H, S, A)

    Returns
    -------
    array (...,)
        In units of return.

    Raises
    ------
    InputError
        If the rewards do not fit the MDP.
    """
    check_fit(mdp, policy)
    learned = _step_values("rewards", mdp, rewards)
    return np.sqrt(2 * additive_moments(mdp, policy, theta, learned - mdp.expected_reward)[1])


def _step_values(name: str, mdp: TabularMDP, given: ArrayLike) -> FloatArray:
    values = finite_array(name, given)
    if values.shape[-2:] != (mdp.n_states, mdp.n_actions) or values.shape[-3:-2] not in ((1,), (mdp.horizon,)):
        raise InputError(
            f"{name} must have shape (..., 1 or {mdp.horizon}, {mdp.n_states}, {mdp.n_actions}), got {values.shape}"
        )
    return values
