"""The list of all trajectories, against laws computed without it."""

from __future__ import annotations

import numpy as np
import pytest

from theory import InputError, TabularMDP, TabularSoftmax, bandit, chain, occupancy, return_distribution
from theory.enumeration import LARGEST_ENUMERATION, enumerate_trajectories, n_trajectories


def staged_mdp() -> TabularMDP:
    """Time-dependent, two first states, rewards that depend on the successor, and some outcomes of probability 0."""
    rng = np.random.default_rng(4)
    transitions = rng.dirichlet(np.ones(3), (3, 3, 2))
    transitions[1, :, 0] = [0.5, 0, 0.5]
    return TabularMDP(transitions, rng.integers(5, size=(3, 3, 2, 3)) / 4, [0.5, 0, 0.5], 3)


MDPS = {"staged": staged_mdp(), "chain": chain(3, 4, 0.3), "bandit": bandit([0.2, 0.7, 0.9], horizon=2)}
BY_MDP = pytest.mark.parametrize("mdp", MDPS.values(), ids=MDPS)


@BY_MDP
@pytest.mark.parametrize("timed", [True, False])
def test_law_of_the_return_and_of_the_visits(mdp: TabularMDP, timed: bool) -> None:
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon if timed else None)
    theta = np.random.default_rng(2).normal(size=(5, policy.dim))
    table = policy.probabilities(theta)
    paths = enumerate_trajectories(mdp)
    chance = paths.probabilities(table)
    assert chance.shape == (5, n_trajectories(mdp))
    law = return_distribution(mdp, policy, theta)
    found = np.stack([chance[:, np.isclose(paths.returns, value)].sum(axis=1) for value in law.values], axis=-1)
    np.testing.assert_allclose(found, law.probabilities, rtol=0, atol=1e-14)
    states = np.einsum("bk,khsa->bhs", chance, paths.visits)
    np.testing.assert_allclose(states, occupancy(mdp, policy, theta), rtol=0, atol=1e-14)
    np.testing.assert_allclose(np.einsum("bk,khsa->bhsa", chance, paths.visits), states[..., None] * table, atol=1e-14)


@BY_MDP
def test_no_path_is_impossible_or_listed_twice(mdp: TabularMDP) -> None:
    paths = enumerate_trajectories(mdp)
    assert (paths.chances > 0).all()
    assert (paths.visits.sum(axis=(2, 3)) == 1).all()
    sums = np.bincount(np.unique(paths.actions, axis=0, return_inverse=True)[1].ravel(), paths.chances)
    # Given the actions, the outcomes have total probability 1.
    np.testing.assert_allclose(sums, np.ones(mdp.n_actions**mdp.horizon), rtol=0, atol=1e-14)


def test_rewards_of_one_return_are_one_number() -> None:
    mdp = TabularMDP.from_outcomes([[[0.5, 0.5]]], [[[0, 0]]], [[[0.1, 0.2]]], [1.0], 3)
    assert len(np.unique(enumerate_trajectories(mdp).returns)) == 4


def test_too_many_are_counted_and_refused() -> None:
    assert n_trajectories(chain(3, 400)) == 2**400
    assert n_trajectories(bandit([0.5, 0.5], horizon=6)) == 4**6 < LARGEST_ENUMERATION
    with pytest.raises(InputError, match=r"^mdp must have at most 10000 trajectories to list them, got 16384; [^\n]*$"):
        enumerate_trajectories(bandit([0.5, 0.5], horizon=7))
