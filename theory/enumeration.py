"""Every trajectory of a tiny MDP, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray, IntArray
from theory.errors import InputError
from theory.mdp import TabularMDP
from theory.validation import frozen

# Pairs of trajectories are what is summed over; beyond this their number stops being small.
LARGEST_ENUMERATION = 10_000


@dataclass(frozen=True, eq=False)
class Trajectories:
    """All trajectories that a policy without zeros can produce.

    Attributes
    ----------
    chances : array (K,)
        Probability of the outcomes given the actions: that of a trajectory, but for the policy's part in it.
    states, actions : int arrays (K, H)
    returns : array (K,)
    n_states, n_actions : int
    """

    chances: FloatArray
    states: IntArray
    actions: IntArray
    returns: FloatArray
    n_states: int
    n_actions: int

    @cached_property
    def visits(self) -> FloatArray:
        """Whether each trajectory takes action a in state s at step h, 0 or 1, shape (K, H, S, A)."""
        n_trajectories, horizon = self.states.shape
        visits = np.zeros((n_trajectories, horizon, self.n_states, self.n_actions))
        visits[np.arange(n_trajectories)[:, None], np.arange(horizon), self.states, self.actions] = 1
        return frozen(visits)

    def probabilities(self, policy: ArrayLike) -> FloatArray:
        """Probability of each trajectory, shape (..., K), under action probabilities (..., 1 or H, S, A)."""
        table = np.asarray(policy, dtype=np.float64)
        stages = np.arange(self.states.shape[1]) % table.shape[-3]
        chosen: FloatArray = table[..., stages, self.states, self.actions].prod(axis=-1)
        return self.chances * chosen


def enumerate_trajectories(mdp: TabularMDP) -> Trajectories:
    """List every path of (state, action, outcome) whose outcomes have positive probability.

    Parameters
    ----------
    mdp : TabularMDP

    Raises
    ------
    InputError
        If there are more than 10,000.
    """
    number = n_trajectories(mdp)
    if number > LARGEST_ENUMERATION:
        raise InputError(
            f"mdp must have at most {LARGEST_ENUMERATION} trajectories to list them, got {number}; "
            "shorten the horizon or use fewer actions or outcomes"
        )
    at = np.flatnonzero(mdp.initial > 0)
    chances, returns = mdp.initial[at], np.zeros(at.size)
    history: list[tuple[IntArray, IntArray]] = []
    for h in range(mdp.horizon):
        stage = h % len(mdp.probabilities)
        law = mdp.probabilities[stage][at]
        parent, action, outcome = np.nonzero(law > 0)
        state = at[parent]
        history = [(s[parent], a[parent]) for s, a in history] + [(state, action)]
        chances = chances[parent] * law[parent, action, outcome]
        returns = returns[parent] + mdp.rewards[stage, state, action, outcome]
        at = mdp.next_states[stage, state, action, outcome]
    states, actions = (frozen(np.stack(steps, axis=1)) for steps in zip(*history, strict=True))
    return Trajectories(frozen(chances), states, actions, frozen(mdp.on_lattice(returns)), mdp.n_states, mdp.n_actions)


def n_trajectories(mdp: TabularMDP) -> int:
    """Count the paths that `enumerate_trajectories` would list, without listing them."""
    # Python's integers: the count may have hundreds of digits.
    paths: NDArray[Any] = np.ones(mdp.n_states, dtype=object)
    for h in reversed(range(mdp.horizon)):
        stage = h % len(mdp.probabilities)
        live = (mdp.probabilities[stage] > 0).astype(object)
        paths = (live * paths[mdp.next_states[stage]]).sum(axis=(1, 2))
    return int(paths[mdp.initial > 0].sum())
