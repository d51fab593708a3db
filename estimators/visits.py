"""Trajectories added up by (stage, state, action): what rewards and scores of tabular models depend on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.rollouts import Trajectories
from theory.mdp import TabularMDP

FloatArray = NDArray[np.float64]


def visit_sums(mdp: TabularMDP, sampled: Trajectories, n_stages: int, weights: ArrayLike = 1.0) -> FloatArray:
    """Weights of the visits of all trajectories of each run, added up.

    Parameters
    ----------
    mdp : TabularMDP
    sampled : Trajectories
        Of shape (H, ..., n).
    n_stages : int
        1 to add up over the steps, H to keep them apart.
    weights : array, broadcast against (H, ..., n)

    Returns
    -------
    array (..., n_stages, S, A)
    """
    return _tally(mdp, sampled, n_stages, weights, sampled.states.shape[1:-1])


def visit_counts(mdp: TabularMDP, sampled: Trajectories, n_stages: int) -> FloatArray:
    """Visits of each trajectory, (..., n, n_stages, S, A)."""
    return _tally(mdp, sampled, n_stages, 1.0, sampled.states.shape[1:])


def _tally(
    mdp: TabularMDP, sampled: Trajectories, n_stages: int, weights: ArrayLike, groups: tuple[int, ...]
) -> FloatArray:
    core = (n_stages, mdp.n_states, mdp.n_actions)
    size = int(np.prod(core))
    shape = sampled.states.shape
    n_groups = int(np.prod(groups))
    stage = (np.arange(mdp.horizon) % n_stages).reshape(-1, *(1,) * (len(shape) - 1))
    group = np.repeat(np.arange(n_groups), int(np.prod(shape[1:])) // max(n_groups, 1)).reshape(shape[1:])
    cell = (stage * mdp.n_states + sampled.states) * mdp.n_actions + sampled.actions + group * size
    heavy = np.broadcast_to(np.asarray(weights, dtype=np.float64), shape)
    totals: FloatArray = np.bincount(cell.ravel(), heavy.ravel(), n_groups * size).astype(np.float64)
    return totals.reshape(*groups, *core)
