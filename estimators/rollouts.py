"""Trajectories, simulated one step at a time for a whole batch of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from theory.arrays import FloatArray, IntArray
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import parameters

# Trajectories simulated at a time: their states and uniform numbers must fit the processor's cache.
WORKING_SET = 2**16


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
    """Returns of trajectories of every policy; those of one policy are independent.

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (..., dim)
    n_trajectories : int
        Trajectories of each policy.
    rng : Generator
    shared : bool, default False
        Whether the policies along the first axis of theta use common random numbers.

    Returns
    -------
    array (..., n_trajectories)
    """
    simulator = _Simulator(mdp, policy, theta, copies=len(theta) if shared else 1)
    pieces = [
        np.asarray(sum(reward for _, _, reward in simulator.steps(n, rng))) for n in simulator.pieces(n_trajectories)
    ]
    return np.concatenate(pieces, axis=-1).reshape(*theta.shape[:-1], n_trajectories)


def sample_trajectories(
    mdp: TabularMDP, policy: Policy, theta: FloatArray, n_trajectories: int, rng: Generator
) -> Trajectories:
    """States, actions and rewards of independent trajectories of every policy; theta is (..., dim)."""
    steps = list(_Simulator(mdp, policy, theta).steps(n_trajectories, rng))
    shape = (mdp.horizon, *theta.shape[:-1], n_trajectories)
    states, actions, rewards = (np.stack(part).reshape(shape) for part in zip(*steps, strict=True))
    return Trajectories(states, actions, rewards)


class _Simulator:
    """Simulates a batch of policies, by inversion of uniform numbers; all laws are cumulated once."""

    def __init__(self, mdp: TabularMDP, policy: Policy, theta: FloatArray, copies: int = 1) -> None:
        probabilities = policy.probabilities(parameters(mdp, policy, theta))
        self.mdp = mdp
        self.copies = copies
        self.n_policies = probabilities[..., 0, 0, 0].size
        self.n_stages = probabilities.shape[-3]
        self.choices = _Laws(probabilities)
        self.outcomes = _Laws(mdp.probabilities)
        self.start = _Laws(mdp.initial)

    def pieces(self, n_trajectories: int) -> Iterator[int]:
        """Cut n trajectories into pieces that fit the working set."""
        piece = max(1, WORKING_SET // self.n_policies)
        for done in range(0, n_trajectories, piece):
            yield min(piece, n_trajectories - done)

    def steps(self, n: int, rng: Generator) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
        """Yield (state, action, reward) of every step, each (B, n)."""
        mdp, uniform = self.mdp, self._uniforms(n, rng)
        # Flat tables: indexing by one array is several times faster than by four.
        first_stage = np.arange(self.n_policies)[:, None] * self.n_stages
        n_tables, n_states, n_actions, n_outcomes = mdp.probabilities.shape
        rewards, next_states = mdp.rewards.ravel(), mdp.next_states.ravel()
        state = self.start.pick(np.zeros((self.n_policies, n), dtype=np.int64), uniform())
        for h in range(mdp.horizon):
            action = self.choices.pick((first_stage + h % self.n_stages) * n_states + state, uniform())
            pair = (h % n_tables * n_states + state) * n_actions + action
            outcome = pair * n_outcomes + self.outcomes.pick(pair, uniform())
            yield state, action, rewards[outcome]
            state = next_states[outcome]

    def _uniforms(self, n: int, rng: Generator) -> Callable[[], FloatArray]:
        shape = (self.n_policies // self.copies, n)
        return lambda: np.tile(rng.random(shape), (self.copies, 1))


class _Laws:
    """Laws along the last axis, one per row of the other axes, cumulated for inversion."""

    def __init__(self, laws: FloatArray) -> None:
        total = np.cumsum(laws, axis=-1)
        # Exactly 1 from the last possible entry on, so no padding entry is drawn and the last column is not needed.
        cumulated = (total / total[..., -1:]).reshape(-1, laws.shape[-1])
        self.columns = np.ascontiguousarray(cumulated.T[:-1])

    def pick(self, row: IntArray, uniform: FloatArray) -> IntArray:
        """Index drawn from the law of each row by its uniform number."""
        picked: IntArray = np.zeros(row.shape, dtype=np.int64)
        for column in self.columns:
            picked += uniform >= column[row]
        return picked
