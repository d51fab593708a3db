"""Visits added up: by hand on two written-down trajectories, and what their sums must be."""

from __future__ import annotations

import numpy as np
import pytest

from estimators.rollouts import Trajectories, sample_trajectories
from estimators.visits import visit_counts, visit_sums
from theory import TabularSoftmax, bandit, garnet

MDP = garnet(2, 3, 2, 3, np.random.default_rng(0), lattice=2)
# Two trajectories of one run: (0, 2) (1, 0) (0, 2) and (1, 1) (1, 1) (0, 0).
WRITTEN = Trajectories(
    np.array([[0, 1], [1, 1], [0, 0]]), np.array([[2, 1], [0, 1], [2, 0]]), np.zeros((3, 2), dtype=np.float64)
)


def test_two_trajectories_by_hand() -> None:
    """A state read as an action, or trajectories of a run kept apart by the wrong axis, would move an entry."""
    np.testing.assert_array_equal(visit_counts(MDP, WRITTEN, 1)[:, 0], [[[0, 0, 2], [1, 0, 0]], [[1, 0, 0], [0, 2, 0]]])
    np.testing.assert_array_equal(visit_sums(MDP, WRITTEN, 1)[0], [[1, 0, 2], [1, 2, 0]])
    staged = visit_sums(MDP, WRITTEN, 3)
    np.testing.assert_array_equal(
        staged, [[[0, 0, 1], [0, 1, 0]], [[0, 0, 0], [1, 1, 0]], [[1, 0, 1], [0, 0, 0]]], strict=False
    )


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[1.0, 10.0]], [[10, 0, 2], [1, 20, 0]]),
        ([[1.0], [2.0], [4.0]], [[4, 0, 5], [2, 3, 0]]),
        (-0.5, [[-0.5, 0, -1], [-0.5, -1, 0]]),
    ],
    ids=["by trajectory", "by step", "one"],
)
def test_weights_broadcast_against_step_and_trajectory(weights: object, expected: object) -> None:
    np.testing.assert_array_equal(visit_sums(MDP, WRITTEN, 1, weights)[0], expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
@pytest.mark.parametrize("n_stages", [1, 3])
def test_each_trajectory_visits_as_often_as_it_has_steps(n_stages: int, batch: tuple[int, ...]) -> None:
    policy = TabularSoftmax(2, 3)
    theta = np.random.default_rng(1).standard_normal((*batch, policy.dim))
    sampled = sample_trajectories(MDP, policy, theta, 4, np.random.default_rng(2))
    counts = visit_counts(MDP, sampled, n_stages)
    assert counts.shape == (*batch, 4, n_stages, 2, 3)
    np.testing.assert_array_equal(counts.sum(axis=(-1, -2)), 3 / n_stages)
    np.testing.assert_array_equal(counts.sum(axis=-4), visit_sums(MDP, sampled, n_stages))
    # Rewards of a garnet are those of state and action: visits tell the return.
    returns = (counts * MDP.expected_reward).sum(axis=(-1, -2, -3))
    np.testing.assert_allclose(returns, sampled.rewards.sum(axis=0), rtol=1e-13)


def test_one_state_one_action() -> None:
    one = bandit([0.5], horizon=4)
    sampled = sample_trajectories(one, TabularSoftmax(1, 1), np.zeros(1), 5, np.random.default_rng(0))
    np.testing.assert_array_equal(visit_sums(one, sampled, 1), [[[20]]])
    np.testing.assert_array_equal(visit_sums(one, sampled, 4), np.full((4, 1, 1), 5))


@pytest.mark.parametrize("horizon", [127, 128, 129, 255, 256, 32768])
def test_counts_and_their_differences_fit_their_integers(horizon: int) -> None:
    mdp = bandit([0.0, 1.0], horizon=horizon)
    actions = np.repeat([[0, 1]], horizon, axis=0)
    always = Trajectories(np.zeros_like(actions), actions, np.zeros(actions.shape))
    first, second = visit_counts(mdp, always, 1)[:, 0, 0]
    np.testing.assert_array_equal(first, [horizon, 0])
    np.testing.assert_array_equal(first - second, [horizon, -horizon])
    np.testing.assert_array_equal(second - first, [-horizon, horizon])
