"""Mean and variance of sums of step values, against values, laws of the return and enumeration."""

from __future__ import annotations

import numpy as np
import pytest

from theory import (
    InputError,
    TabularMDP,
    TabularSoftmax,
    additive_moments,
    bandit,
    enumerate_trajectories,
    garnet,
    policy_value,
    return_distribution,
    reward_error,
)

MDP = garnet(4, 3, 2, 5, np.random.default_rng(3), lattice=4)
POLICY = TabularSoftmax(4, 3)
TIMED = TabularSoftmax(4, 3, horizon=5)


def thetas(policy: TabularSoftmax, *batch: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((*batch, policy.dim))


@pytest.mark.parametrize("policy", [POLICY, TIMED], ids=["stationary", "timed"])
def test_the_rewards_themselves_give_the_value_and_the_variance_of_the_return(policy: TabularSoftmax) -> None:
    theta = thetas(policy, 2, 3)
    mean, variance = additive_moments(MDP, policy, theta, MDP.expected_reward)
    np.testing.assert_allclose(mean, policy_value(MDP, policy, theta), rtol=1e-13)
    # Rewards of a garnet are determined by state and action, so nothing else varies.
    np.testing.assert_allclose(variance, return_distribution(MDP, policy, theta).variance, rtol=1e-11)


def test_enumeration_agrees_where_everything_depends_on_time() -> None:
    rng = np.random.default_rng(5)
    mdp = TabularMDP(rng.dirichlet([1, 1], (3, 2, 2)), rng.random((3, 2, 2)), [0.3, 0.7], 3)
    policy = TabularSoftmax(2, 2, horizon=3)
    theta, values = rng.standard_normal(policy.dim), rng.standard_normal((3, 2, 2))
    paths = enumerate_trajectories(mdp)
    chance = paths.probabilities(policy.probabilities(theta))
    sums = (paths.visits * values).sum(axis=(1, 2, 3))
    mean, variance = additive_moments(mdp, policy, theta, values)
    assert float(mean) == pytest.approx(chance @ sums, rel=1e-12)
    assert float(variance) == pytest.approx(chance @ (sums - chance @ sums) ** 2, rel=1e-12)


def test_a_constant_moves_the_mean_alone_and_is_no_error() -> None:
    theta, values = thetas(POLICY, 3), np.random.default_rng(2).random((3, 1, 4, 3))
    mean, variance = additive_moments(MDP, POLICY, theta, values)
    moved, same = additive_moments(MDP, POLICY, theta, values + 1000)
    np.testing.assert_allclose(moved, mean + 5 * 1000, rtol=1e-13)
    np.testing.assert_allclose(same, variance, rtol=1e-9)
    np.testing.assert_allclose(reward_error(MDP, POLICY, theta, MDP.expected_reward + 7), 0, atol=1e-7)


def test_the_error_is_the_spread_between_two_independent_trajectories() -> None:
    theta, wrong = thetas(POLICY), MDP.expected_reward.copy()
    wrong[0, 1, 2] += 0.5
    variance = additive_moments(MDP, POLICY, theta, wrong - MDP.expected_reward)[1]
    assert float(reward_error(MDP, POLICY, theta, wrong)) == pytest.approx(np.sqrt(2 * variance))
    assert variance > 1e-3


def test_one_table_serves_a_batch_of_policies_and_one_policy_a_batch_of_tables() -> None:
    theta, values = thetas(POLICY, 2), np.random.default_rng(2).random((4, 2, 1, 4, 3))
    mean, variance = additive_moments(MDP, POLICY, theta, values)
    assert mean.shape == variance.shape == (4, 2)
    for i, j in np.ndindex(4, 2):
        one = additive_moments(MDP, POLICY, theta[j], values[i, j])
        np.testing.assert_allclose((mean[i, j], variance[i, j]), one, rtol=1e-10)


def test_a_table_that_does_not_fit_is_refused() -> None:
    for shape in ((4, 3), (2, 4, 3), (1, 3, 4)):
        with pytest.raises(InputError, match="step_values must have shape"):
            additive_moments(MDP, POLICY, thetas(POLICY), np.zeros(shape))


def test_the_error_is_that_of_all_pairs_of_trajectories() -> None:
    """Weighed pair by pair; the error of one trajectory, without the square root of 2, would be off by 41%."""
    mdp, policy = garnet(2, 2, 2, 3, np.random.default_rng(7)), TabularSoftmax(2, 2)
    rng = np.random.default_rng(8)
    theta, model = rng.standard_normal(policy.dim), rng.random((3, 2, 2))
    paths = enumerate_trajectories(mdp)
    chance = paths.probabilities(policy.probabilities(theta))
    wrong = (paths.visits * (model - mdp.expected_reward)).sum(axis=(1, 2, 3))
    mean_square = chance @ (wrong[:, None] - wrong) ** 2 @ chance
    assert float(reward_error(mdp, policy, theta, model)) == pytest.approx(np.sqrt(mean_square), rel=1e-10)


def test_luck_of_the_rewards_is_not_in_the_expected_reward() -> None:
    """Of two arms only the choice between them varies: H (spread of means)^2 pi (1 - pi), less than the return does."""
    mdp, policy = bandit([0.2, 0.8], horizon=4), TabularSoftmax(1, 2)
    mean, variance = additive_moments(mdp, policy, np.array([0.0, np.log(3)]), mdp.expected_reward)
    assert float(mean) == pytest.approx(4 * (0.25 * 0.2 + 0.75 * 0.8))
    assert float(variance) == pytest.approx(4 * 0.6**2 * 3 / 16)
    assert variance < 0.5 * return_distribution(mdp, policy, np.array([0.0, np.log(3)])).variance
