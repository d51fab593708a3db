"""Classes of rewards that a model can express, and all pairs of trajectories of a tiny MDP."""

from __future__ import annotations

import numpy as np

from experiments.catalogue.instance import Instance
from theory import InputError, TabularMDP, enumerate_trajectories
from theory.arrays import FloatArray

FULL = "every reward"
CLASSES = (FULL, "two states alike", "states only")


def class_features(name: str, mdp: TabularMDP) -> FloatArray:
    """Features (F, k) of a reward class, F = stages x states x actions.

    Raises
    ------
    InputError
        If there is no such class.
    """
    n_stages, n_states, n_actions = mdp.expected_reward.shape
    states, actions = np.eye(n_states), np.eye(n_actions)
    one: FloatArray
    if name == FULL:
        one = np.eye(n_states * n_actions)
    elif name == "states only":
        one = np.asarray(np.kron(states, np.ones((n_actions, 1))), dtype=np.float64)
    elif name == "two states alike":
        alike = states.copy()
        alike[1] = alike[0]
        one = np.asarray(np.kron(np.delete(alike, 1, axis=1), actions), dtype=np.float64)
    else:
        raise InputError(f"reward class must be one of {', '.join(CLASSES)}, got {name!r}")
    return np.asarray(np.tile(one, (n_stages, 1)))


def all_pairs(instance: Instance) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Every pair of trajectories of the start policy, pairs with equal visits and returns together.

    Returns
    -------
    visits : array (n, F)
        Differences of visits.
    gaps : array (n,)
        Differences of returns.
    weights : array (n,)
        Probabilities.
    """
    mdp = instance.mdp
    paths = enumerate_trajectories(mdp)
    chances: FloatArray = paths.probabilities(instance.policy.probabilities(instance.start))
    n_stages = len(mdp.expected_reward)
    visits: FloatArray = paths.visits.reshape(len(chances), -1, n_stages * mdp.n_states * mdp.n_actions).sum(axis=1)
    kinds, chance = _merged(np.column_stack([visits, paths.returns]), chances)
    differences: FloatArray = (kinds[:, None] - kinds[None]).reshape(-1, kinds.shape[1])
    pairs, weights = _merged(differences, np.outer(chance, chance).ravel())
    return pairs[:, :-1], mdp.on_lattice(pairs[:, -1]), np.asarray(weights / weights.sum())


def _merged(rows: FloatArray, chances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Different rows, and the sum of the chances of each."""
    different, place = np.unique(np.round(rows, 9), axis=0, return_inverse=True)
    sums: FloatArray = np.bincount(place.ravel(), chances).astype(np.float64)
    return different, sums
