"""Trajectories, simulated one step at a time for a whole batch of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from theory.mdp import TabularMDP
from theory.policies import Policy

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Numbers held at a time; more trajectories are simulated in pieces.
WORKING_SET = 2**22


@dataclass(frozen=True, eq=False)
class Trajectories:
    """Simulated trajectories.

    Attributes
    ----------
    states, actions : int arrays (H, ..., n)
    rewards : array (H, ..., n)
    """

    states: IntArray
    actions: IntArray
    rewards: FloatArray


def sample_returns(
    mdp: TabularMDP, policy: Policy, theta: FloatArray, n_trajectories: int, rng: Generator, *, shared: bool = False
) -> FloatArray:
    """Returns of trajectories of every policy, independent within a policy.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
    n_trajectories : int
        Trajectories of each policy.
    rng : Generator
    shared : bool, default False
        Whether the policies along the first axis of theta use the same uniforms: common random numbers.

    Returns
    -------
    array (..., n_trajectories)
    """
    walk = _Walk(mdp, policy, theta, copies=len(theta) if shared else 1)
    pieces = [np.asarray(sum(reward for _, _, reward in walk.steps(n, rng))) for n in walk.pieces(n_trajectories)]
    return np.concatenate(pieces, axis=-1).reshape(*theta.shape[:-1], n_trajectories)


def sample_trajectories(
    mdp: TabularMDP, policy: Policy, theta: FloatArray, n_trajectories: int, rng: Generator
) -> Trajectories:
    """States, actions and rewards of independent trajectories of every policy; theta is (..., dim)."""
    steps = list(_Walk(mdp, policy, theta).steps(n_trajectories, rng))
    shape = (mdp.horizon, *theta.shape[:-1], n_trajectories)
    states, actions, rewards = (np.stack(part).reshape(shape) for part in zip(*steps, strict=True))
    return Trajectories(states, actions, rewards)


class _Walk:
    """A batch of policies, ready to be simulated: laws cumulated once, uniforms turned into choices by inversion."""

    def __init__(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, copies: int = 1) -> None:
        probabilities = policy.probabilities(theta)
        self.mdp = mdp
        self.copies = copies
        self.choices = _cumulated(probabilities).reshape(-1, *probabilities.shape[-3:])
        self.outcomes = _cumulated(mdp.probabilities)
        self.start = _cumulated(mdp.initial)

    def pieces(self, n_trajectories: int) -> Iterator[int]:
        """Cut n trajectories into pieces that fit the working set."""
        widest = max(self.choices.shape[-1], self.outcomes.shape[-1])
        piece = max(1, WORKING_SET // (len(self.choices) * widest))
        for done in range(0, n_trajectories, piece):
            yield min(piece, n_trajectories - done)

    def steps(self, n: int, rng: Generator) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
        """Yield (state, action, reward) of every step, each (B, n)."""
        uniform = self._uniforms(n, rng)
        policy_index = np.arange(len(self.choices))[:, None]
        state = np.searchsorted(self.start, uniform(), side="right")
        for h in range(self.mdp.horizon):
            action = _pick(self.choices[policy_index, h % self.choices.shape[1], state], uniform())
            stage = h % len(self.outcomes)
            outcome = _pick(self.outcomes[stage, state, action], uniform())
            yield state, action, self.mdp.rewards[stage, state, action, outcome]
            state = self.mdp.next_states[stage, state, action, outcome]

    def _uniforms(self, n: int, rng: Generator) -> Callable[[], FloatArray]:
        shape = (len(self.choices) // self.copies, n)
        return lambda: np.tile(rng.random(shape), (self.copies, 1))


def _pick(cumulated: FloatArray, uniform: FloatArray) -> IntArray:
    """Index that each uniform number falls on in a cumulated law along the last axis."""
    picked: IntArray = (uniform[..., None] >= cumulated).sum(axis=-1)
    return picked


def _cumulated(law: FloatArray) -> FloatArray:
    """Cumulated law along the last axis, exactly 1 from its last possible entry on: no rounding reaches the padding."""
    total: FloatArray = np.cumsum(law, axis=-1)
    return total / total[..., -1:]
