"""Exact value, occupancy, gradient and Hessian of a batch of policies, by dynamic programming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.errors import InputError, require_kind
from theory.mdp import MDP_EXAMPLE, TabularMDP
from theory.memory import keep_pages
from theory.policies import Policy
from theory.state_values import start_values
from theory.validation import array_of, check_width, real_array, require_finite

COMPLEX_STEP = 1e-30


def policy_value(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> NDArray[Any]:
    """Expected return V(theta), by backward induction.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)

    Returns
    -------
    array (...,)
        In [0, H].
    """
    theta = parameters(mdp, policy, theta)
    pi = columns(policy.probabilities(theta), 3)
    return rows(start_values(mdp, pi), theta.shape[:-1])


def policy_gradient(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> NDArray[Any]:
    """Gradient of V, shape (..., dim), by the policy gradient theorem with exact occupancy and action values."""
    return value_and_gradient(mdp, policy, theta)[1]


def value_and_gradient(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """V(theta), shape (...,), and its gradient, shape (..., dim), in one forward and one backward pass."""
    theta = parameters(mdp, policy, theta)
    keep_pages()
    batch = theta.shape[:-1]
    probabilities = policy.probabilities(theta)
    pi = columns(probabilities, 3)
    action_values, start_values = action_value_columns(mdp, pi)
    weights = np.zeros_like(pi)
    for h, flow in flow_columns(mdp, pi):
        # No one else has these action values, so their memory takes the product.
        action_values[h] *= flow
        weight = stage(weights, h)
        weight += action_values[h]
    gradient = policy.score_product(theta, probabilities, rows(weights, batch))
    return rows(mdp.initial @ start_values, batch), gradient


def policy_hessian(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> FloatArray:
    """Hessian of V, shape (..., dim, dim): the complex step of the exact gradient, exact to rounding.

    Raises
    ------
    InputError
        If the policy overflows for complex theta.

    References
    ----------
    Squire and Trapp, *Using complex variables to estimate derivatives of real functions*, SIAM Review 40 (1998).
    """
    theta = real_parameters(mdp, policy, theta)
    stepped = theta[..., None, :] + 1j * COMPLEX_STEP * np.eye(policy.dim)
    hessian: FloatArray = policy_gradient(mdp, policy, stepped).imag / COMPLEX_STEP
    if not np.isfinite(hessian).all():
        raise InputError(
            f"policy must be finite for complex theta, got a Hessian with nan or inf for |theta| up to "
            f"{np.abs(theta).max():.3g}; avoid overflow, by np.tanh or by subtracting the largest logit before np.exp"
        )
    return (hessian + hessian.swapaxes(-1, -2)) / 2


def occupancy(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> NDArray[Any]:
    """Probability of being in each state at each step, shape (..., H, S)."""
    theta = parameters(mdp, policy, theta)
    pi = columns(policy.probabilities(theta), 3)
    visits = np.stack([flow.sum(axis=1) for _, flow in flow_columns(mdp, pi)])
    return rows(visits, theta.shape[:-1])


def expected_rewards(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> NDArray[Any]:
    """Expected reward of every step, shape (..., H); their sum is the value."""
    theta = parameters(mdp, policy, theta)
    pi = columns(policy.probabilities(theta), 3)
    rewards = mdp.expected_reward[..., None]
    means = [(flow * stage(rewards, h)).sum(axis=(0, 1)) for h, flow in flow_columns(mdp, pi)]
    return rows(np.stack(means), theta.shape[:-1])


def optimal_value(mdp: TabularMDP) -> float:
    """Best expected return over all non-stationary policies, by backward induction: an upper bound of V*."""
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
    value = np.zeros(mdp.n_states)
    shape = (mdp.n_actions, mdp.n_states)
    paid = np.ascontiguousarray(mdp.expected_reward.swapaxes(1, 2))
    for h in reversed(range(mdp.horizon)):
        q = (stage(mdp.successor_kernels_by_action, h) @ value).reshape(shape)
        q += stage(paid, h)
        value = np.maximum.reduce(q)
    return float(mdp.initial @ value)


def parameters(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> NDArray[Any]:
    """Theta as a finite array of floats or complex numbers, for a policy that must fit the MDP.

    Raises
    ------
    InputError
        If theta is not finite or not (..., dim), or the policy has other states, actions or steps than the MDP.
    """
    check_fit(mdp, policy)
    given = array_of("theta", theta)
    if given.dtype.kind not in "fc":
        given = real_array("theta", given)
    check_width(given, policy.dim)
    require_finite("theta", given)
    return given if given.dtype.kind == "c" else given.astype(np.float64, copy=False)


def real_parameters(mdp: TabularMDP, policy: Policy, theta: ArrayLike) -> FloatArray:
    """As `parameters`, for what has no meaning at complex theta."""
    given = parameters(mdp, policy, theta)
    return given if given.dtype.kind == "f" else real_array("theta", given)


def check_fit(mdp: TabularMDP, policy: Policy) -> None:
    """Require an MDP, and a policy that has its states, actions and steps.

    Raises
    ------
    InputError
        If they do not fit.
    """
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
    # Asking for all members of a protocol takes microseconds, so only what lacks the first is asked.
    if isinstance(policy, type) or not hasattr(policy, "n_states"):
        require_kind("policy", policy, Policy, "TabularSoftmax(5, 2)")
    if (policy.n_states, policy.n_actions) != (mdp.n_states, mdp.n_actions):
        raise InputError(
            f"policy must have {mdp.n_states} states and {mdp.n_actions} actions as the MDP has, "
            f"got {policy.n_states} and {policy.n_actions}"
        )
    if policy.horizon not in (None, mdp.horizon):
        raise InputError(f"a time-dependent policy must have the MDP's horizon {mdp.horizon}, got {policy.horizon}")


def action_value_columns(
    mdp: TabularMDP, pi: NDArray[Any], rewards: NDArray[Any] | None = None
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """Q_h of every step, each (S, A, B), and the state values (S, B) at the first step.

    Parameters
    ----------
    mdp : TabularMDP
    pi : array (1 or H, S, A, B)
    rewards : array (1 or H, S, A, B or 1), optional
        By default those of the MDP.
    """
    paid = mdp.expected_reward[..., None] if rewards is None else rewards
    value = np.zeros((mdp.n_states, pi.shape[-1]), dtype=pi.dtype)
    action_values = []
    for h in reversed(range(mdp.horizon)):
        q = (stage(mdp.successor_kernels, h) @ value).reshape(pi.shape[1:])
        q += stage(paid, h)
        value = np.einsum("sab,sab->sb", stage(pi, h), q)
        action_values.append(q)
    return action_values[::-1], value


def flow_columns(mdp: TabularMDP, pi: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield every step h and the probability of (s, a) at that step, (S, A, B)."""
    visits: NDArray[Any] = np.broadcast_to(mdp.initial[:, None], (mdp.n_states, pi.shape[-1]))
    for h in range(mdp.horizon):
        flow = stage(pi, h) * visits[:, None, :]
        yield h, flow
        if h + 1 < mdp.horizon:
            visits = stage(mdp.predecessor_kernels, h) @ flow.reshape(-1, flow.shape[-1])
