"""Trajectories, simulated one step at a time for a whole batch of policies."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from theory.mdp import TabularMDP
from theory.policies import Policy

# Numbers held at a time; more trajectories are simulated in pieces.
WORKING_SET = 2**22


def sample_returns(
    mdp: TabularMDP, policy: Policy, theta: NDArray[np.float64], n_trajectories: int, rng: Generator
) -> NDArray[np.float64]:
    """Returns of independent trajectories of every policy.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
    n_trajectories : int
        Trajectories of each policy.
    rng : Generator

    Returns
    -------
    array (..., n_trajectories)
    """
    batch = theta.shape[:-1]
    probabilities = policy.probabilities(theta)
    choices = _cumulated(probabilities).reshape(-1, *probabilities.shape[-3:])
    outcomes = _cumulated(mdp.probabilities)
    piece = max(1, WORKING_SET // (len(choices) * max(mdp.n_actions, outcomes.shape[-1])))
    returns = [
        _simulate(mdp, choices, outcomes, min(piece, n_trajectories - start), rng)
        for start in range(0, n_trajectories, piece)
    ]
    return np.concatenate(returns, axis=-1).reshape(*batch, n_trajectories)


def _simulate(
    mdp: TabularMDP, choices: NDArray[np.float64], outcomes: NDArray[np.float64], n: int, rng: Generator
) -> NDArray[np.float64]:
    """Returns (B, n); choices (B, 1 or H, S, A) and outcomes (1 or H, S, A, O) are cumulated laws."""
    start = _cumulated(mdp.initial)
    shape = (len(choices), n)
    state = np.searchsorted(start, rng.random(shape), side="right")
    policy_index = np.arange(len(choices))[:, None]
    total = np.zeros(shape)
    for h in range(mdp.horizon):
        action = _pick(choices[policy_index, h % choices.shape[1], state], rng)
        stage = h % len(outcomes)
        outcome = _pick(outcomes[stage, state, action], rng)
        total += mdp.rewards[stage, state, action, outcome]
        state = mdp.next_states[stage, state, action, outcome]
    return total


def _pick(cumulated: NDArray[np.float64], rng: Generator) -> NDArray[np.int64]:
    """Index drawn from each cumulated law along the last axis."""
    uniform = rng.random(cumulated.shape[:-1])
    picked: NDArray[np.int64] = (uniform[..., None] >= cumulated).sum(axis=-1)
    return picked


def _cumulated(law: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulated law along the last axis, exactly 1 from its last possible entry on: no rounding reaches the padding."""
    total: NDArray[np.float64] = np.cumsum(law, axis=-1)
    return total / total[..., -1:]
