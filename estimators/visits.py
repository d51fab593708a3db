"""Visits of trajectories, added up by (stage, state, action)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimators.rollouts import Trajectories
from theory.arrays import FloatArray, IntArray
from theory.mdp import TabularMDP


def still_to_come(rewards: FloatArray) -> FloatArray:
    """Sum of the rewards from each step on, (H, ...)."""
    return np.cumsum(rewards[::-1], axis=0)[::-1]


def visit_sums(mdp: TabularMDP, sampled: Trajectories, n_stages: int, weights: ArrayLike = 1.0) -> FloatArray:
    """Weighted visits, added up over all trajectories of each run.

    Parameters
    ----------
    mdp : TabularMDP
    sampled : Trajectories
        Of shape (H, ..., n).
    n_stages : int
        1 to add up over the steps, or H to keep them separate.
    weights : array, broadcast against (H, ..., n)

    Returns
    -------
    array (..., n_stages, S, A)
    """
    size, cell = _cells(mdp, sampled, n_stages, sampled.states.shape[1:-1])
    heavy = np.broadcast_to(np.asarray(weights, dtype=np.float64), cell.shape)
    totals: FloatArray = np.bincount(cell.ravel(), heavy.ravel(), size).astype(np.float64)
    return totals.reshape(*sampled.states.shape[1:-1], n_stages, mdp.n_states, mdp.n_actions)


def visit_counts(mdp: TabularMDP, sampled: Trajectories, n_stages: int) -> NDArray[np.signedinteger[Any]]:
    """Visits of each trajectory, (..., n, n_stages, S, A), in the smallest integers that also hold differences."""
    size, cell = _cells(mdp, sampled, n_stages, sampled.states.shape[1:])
    smallest = np.min_scalar_type(-mdp.horizon - 1)
    totals: NDArray[np.signedinteger[Any]] = np.bincount(cell.ravel(), minlength=size).astype(smallest)
    return totals.reshape(*sampled.states.shape[1:], n_stages, mdp.n_states, mdp.n_actions)


def _cells(mdp: TabularMDP, sampled: Trajectories, n_stages: int, groups: tuple[int, ...]) -> tuple[int, IntArray]:
    """Number of cells (group, stage, state, action), and the cell of every step of every trajectory, (H, ..., n)."""
    size = n_stages * mdp.n_states * mdp.n_actions
    shape = sampled.states.shape
    n_groups = int(np.prod(groups))
    stage = (np.arange(mdp.horizon) % n_stages).reshape(-1, *(1,) * (len(shape) - 1))
    group = np.repeat(np.arange(n_groups), int(np.prod(shape[1:])) // max(n_groups, 1)).reshape(shape[1:])
    cell = (stage * mdp.n_states + sampled.states) * mdp.n_actions + sampled.actions + group * size
    return n_groups * size, cell
