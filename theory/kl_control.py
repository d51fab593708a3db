"""KL-regularised control, the aim of preference optimisation, by dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.errors import InputError, require_kind
from theory.likelihood import log_probabilities
from theory.mdp import MDP_EXAMPLE, TabularMDP
from theory.validation import check_rows, finite_array, positive_array
from theory.values import action_value_columns


@dataclass(frozen=True, eq=False)
class SoftOptimum:
    """Best policy for the return minus beta times the KL divergence from the reference, over trajectories.

    Attributes
    ----------
    value : array (...,)
        Largest ``E R - beta KL``, in units of return.
    probabilities : array (..., H, S, A)
        The policy that attains it, time-dependent.
    """

    value: FloatArray
    probabilities: FloatArray


def soft_optimum(mdp: TabularMDP, reference: ArrayLike, beta: ArrayLike) -> SoftOptimum:
    """Largest ``E R - beta KL(law of pi || law of reference)`` over all policies, by soft value iteration.

    V_h(s) = beta log sum_a ref(a|s) exp(Q_h(s, a) / beta), and pi_h(a|s) = ref(a|s) exp((Q_h(s, a) - V_h(s)) / beta).

    Parameters
    ----------
    mdp : TabularMDP
    reference : array (1 or H, S, A)
        Action probabilities, all positive.
    beta : float or array (...,)
        Positive, in units of return.

    Raises
    ------
    InputError
        If the reference is not a positive policy of this MDP, or beta is not positive and finite.

    References
    ----------
    Todorov, *Linearly-solvable Markov decision problems*, NIPS (2006).
    """
    reference_table = check_reference(mdp, reference)[..., None]
    weight = check_beta(beta)
    price = weight.reshape(-1)
    value = np.zeros((mdp.n_states, price.size))
    policy = np.empty((mdp.horizon, mdp.n_states, mdp.n_actions, price.size))
    for h in reversed(range(mdp.horizon)):
        later = stage(mdp.successor_kernels, h) @ value
        gain = stage(mdp.expected_reward, h)[..., None] + later.reshape(policy.shape[1:])
        # Relative to the best action: exp does not overflow for a small beta, and log1p keeps digits for a large one.
        best = gain.max(axis=1)
        short = (gain - best[:, None]) / price
        chance = stage(reference_table, h)
        total = np.log1p((chance * np.expm1(short)).sum(axis=1))
        policy[h] = chance * np.exp(short - total[:, None])
        value = best + price * total
    return SoftOptimum(np.asarray(rows(mdp.initial @ value, weight.shape)), rows(policy, weight.shape))


def kl_regularised_value(
    mdp: TabularMDP, probabilities: ArrayLike, reference: ArrayLike, beta: ArrayLike
) -> FloatArray:
    """``E R - beta KL(law of pi || law of reference)``: the value of rewards minus beta log pi / reference.

    Parameters
    ----------
    mdp : TabularMDP
    probabilities : array (..., 1 or H, S, A)
        Action probabilities of the policy pi.
    reference : array (1 or H, S, A)
        Action probabilities, all positive.
    beta : float or array (...,)
        Positive, in units of return; broadcasts against the leading axes of the policy.

    Returns
    -------
    array (...,)

    Raises
    ------
    InputError
        As `soft_optimum`, and if `probabilities` are not policies of this MDP.
    """
    base, weight = check_reference(mdp, reference), check_beta(beta)
    table = _check_policy("probabilities", mdp, probabilities)
    batch = np.broadcast_shapes(table.shape[:-3], weight.shape)
    # 0 log 0 = 0.
    ratio = log_probabilities(table) - np.log(base)
    paid = mdp.expected_reward - weight[..., None, None, None] * ratio
    pi, net = (columns(np.broadcast_to(array, (*batch, *array.shape[-3:])), 3) for array in (table, paid))
    value: NDArray[Any] = mdp.initial @ action_value_columns(mdp, pi, net)[1]
    return np.asarray(rows(value, batch))


def check_reference(mdp: TabularMDP, reference: ArrayLike) -> FloatArray:
    """Reference policy as an array (1 or H, S, A); it must fit the MDP and be positive."""
    table = _check_policy("reference", mdp, reference)
    if table.ndim != 3 or not (table > 0).all():
        raise InputError(
            f"reference must be one policy, (1 or {mdp.horizon}, {mdp.n_states}, {mdp.n_actions}), with every "
            f"probability positive, got shape {table.shape} with least entry {table.min():g}; mix in the uniform policy"
        )
    return table


def check_beta(beta: ArrayLike) -> FloatArray:
    """Weight of the divergence as an array; it must be positive and finite."""
    return positive_array("beta", beta, "; it is in units of return")


def _check_policy(name: str, mdp: TabularMDP, policy: ArrayLike) -> FloatArray:
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
    table = finite_array(name, policy)
    fits = table.shape[-2:] == (mdp.n_states, mdp.n_actions) and table.shape[-3:-2] in ((1,), (mdp.horizon,))
    if not fits:
        raise InputError(
            f"{name} must have shape (..., 1 or {mdp.horizon}, {mdp.n_states}, {mdp.n_actions}), got {table.shape}"
        )
    check_rows(name, table)
    return table
