"""Exact law of the difference of the returns of two policies under common random numbers.

A pair of trajectories with the same uniform numbers is one trajectory of a product MDP. Its states are pairs of states,
its actions are pairs of actions, and its reward is (r1 - r0 + 1) / 2. The law of its return is the law of the
difference.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theory.arrays import FloatArray
from theory.batching import columns, rows
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.return_law import WORKING_SET, return_law_columns
from theory.values import real_parameters

LARGEST_PRODUCT = 5_000_000


def coupled_difference_law(mdp: TabularMDP, policy: Policy, first: NDArray[Any], second: NDArray[Any]) -> FloatArray:
    """Law of R1 - R0 when both policies draw start, actions and outcomes by inversion of the same uniforms.

    Parameters
    ----------
    mdp : TabularMDP
        It must have a reward lattice.
    policy : Policy
    first, second : arrays (..., dim)

    Returns
    -------
    array (..., 2 K - 1)
        On the differences of `theory.return_law.difference_law`.

    Raises
    ------
    InputError
        If the MDP has no reward lattice or the product MDP is too large.
    """
    first, second = np.broadcast_arrays(real_parameters(mdp, policy, first), real_parameters(mdp, policy, second))
    batch = first.shape[:-1]
    product = _product(mdp)
    pi = [columns(policy.probabilities(theta), 3) for theta in (first, second)]
    branches = max(len(stage.states) for stage in product.reward_branches)
    piece = max(1, WORKING_SET // (branches * (product.largest_return_steps[-1] + 1)))
    starts = range(0, pi[0].shape[-1], piece)
    law = np.concatenate(
        [return_law_columns(product, _joint_actions(*(p[..., k : k + piece] for p in pi))) for k in starts], axis=-1
    )
    lattice, n_steps = mdp.require_lattice(), mdp.largest_return_steps[-1]
    # The product's return is (delta + H) / 2.
    delta = 2 * np.arange(len(law)) / product.require_lattice() - mdp.horizon
    index = np.rint(delta * lattice).astype(np.int64) + n_steps
    possible = (index >= 0) & (index <= 2 * n_steps)
    spread = np.zeros((2 * n_steps + 1, law.shape[-1]))
    # The lattice of the product may be finer. Of its steps that round to one difference, at most one has mass.
    np.add.at(spread, index[possible], law[possible])
    return rows(spread, batch)


@lru_cache(maxsize=16)
def _product(mdp: TabularMDP) -> TabularMDP:
    """The product MDP: states (s1, s0), actions (a1, a0), and both outcomes drawn with one uniform number."""
    n_pairs = (mdp.n_states * mdp.n_actions) ** 2
    if n_pairs > LARGEST_PRODUCT:
        raise InputError(
            f"mdp must have (S A)^2 <= {LARGEST_PRODUCT} for the exact law under common random numbers, got {n_pairs}; "
            "use sampler='rollout' for estimates, or independent trajectories"
        )
    n_stages, n_states, n_actions, n_outcomes = mdp.probabilities.shape
    overlap = _overlap(mdp.probabilities.reshape(n_stages, -1, n_outcomes))
    successors = mdp.next_states.reshape(n_stages, -1, n_outcomes)
    rewards = mdp.rewards.reshape(n_stages, -1, n_outcomes)
    pair_successors = successors[:, :, None, :, None] * n_states + successors[:, None, :, None, :]
    pair_rewards = (rewards[:, :, None, :, None] - rewards[:, None, :, None, :] + 1) / 2
    law, successors, rewards = (
        _by_state_pair(np.broadcast_to(a, overlap.shape), n_states, n_actions)
        for a in (overlap, pair_successors, pair_rewards)
    )
    initial = _overlap(mdp.initial[None, None])[0, 0, 0].ravel()
    return TabularMDP.from_outcomes(law, successors, rewards, initial, mdp.horizon)


def _overlap(laws: FloatArray) -> FloatArray:
    """Joint law of two indices drawn by inversion of one uniform number: (n, R, O) -> (n, R, R, O, O)."""
    ends, starts = _intervals(laws)
    upper = np.minimum(ends[:, :, None, :, None], ends[:, None, :, None, :])
    lower = np.maximum(starts[:, :, None, :, None], starts[:, None, :, None, :])
    return np.asarray(np.maximum(upper - lower, 0.0))


def _intervals(laws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Upper and lower ends of the interval of [0, 1] that inversion maps to each index of the last axis."""
    ends = np.cumsum(laws, axis=-1)
    ends = ends / ends[..., -1:]
    return ends, np.concatenate([np.zeros_like(ends[..., :1]), ends[..., :-1]], axis=-1)


def _by_state_pair(array: NDArray[Any], n_states: int, n_actions: int) -> NDArray[Any]:
    """(n, S A, S A, O, O) -> (n, S S, A A, O O)."""
    n, n_outcomes = len(array), array.shape[-1]
    split = array.reshape(n, n_states, n_actions, n_states, n_actions, n_outcomes**2)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(n, n_states**2, n_actions**2, n_outcomes**2)


def _joint_actions(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Joint action probabilities by inversion: twice (1 or H, S, A, B) -> (1 or H, S S, A A, B)."""
    n, n_states, n_actions, n_batch = first.shape
    ends, starts = zip(*(_intervals(np.moveaxis(pi, 2, -1)) for pi in (first, second)), strict=True)
    # Axes of the intervals: (1 or H, S, B, A).
    upper = np.minimum(ends[0][:, :, None, :, :, None], ends[1][:, None, :, :, None, :])
    lower = np.maximum(starts[0][:, :, None, :, :, None], starts[1][:, None, :, :, None, :])
    joint = np.maximum(upper - lower, 0.0).reshape(n, n_states**2, n_batch, n_actions**2)
    return np.ascontiguousarray(np.moveaxis(joint, 2, -1))
