"""Every trajectory of a tiny MDP, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theory.arrays import FloatArray, IntArray, stage
from theory.errors import InputError, require_kind
from theory.mdp import MDP_EXAMPLE, TabularMDP
from theory.validation import frozen

# Sums run over pairs of trajectories: at most 10^8.
LARGEST_ENUMERATION = 10_000


@dataclass(frozen=True, eq=False)
class Trajectories:
    """All trajectories of positive probability under a policy that takes every action.

    Attributes
    ----------
    chances : array (K,)
        Probability of the first state and of the outcomes, given the actions.
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
    require_kind("mdp", mdp, TabularMDP, MDP_EXAMPLE)
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
        law = stage(mdp.probabilities, h)[at]
        parent, action, outcome = np.nonzero(law > 0)
        state = at[parent]
        history = [(s[parent], a[parent]) for s, a in history] + [(state, action)]
        chances = chances[parent] * law[parent, action, outcome]
        returns = returns[parent] + stage(mdp.rewards, h)[state, action, outcome]
        at = stage(mdp.next_states, h)[state, action, outcome]
    states, actions = (frozen(np.stack(steps, axis=1)) for steps in zip(*history, strict=True))
    return Trajectories(frozen(chances), states, actions, frozen(mdp.on_lattice(returns)), mdp.n_states, mdp.n_actions)


def n_trajectories(mdp: TabularMDP) -> int:
    """Count the paths that `enumerate_trajectories` would list, without listing them."""
    # Python integers: the count may have hundreds of digits.
    paths: NDArray[Any] = np.ones(mdp.n_states, dtype=object)
    for h in reversed(range(mdp.horizon)):
        live = (stage(mdp.probabilities, h) > 0).astype(object)
        paths = (live * paths[stage(mdp.next_states, h)]).sum(axis=(1, 2))
    return int(paths[mdp.initial > 0].sum())
