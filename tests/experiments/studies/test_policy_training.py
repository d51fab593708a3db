"""Policies trained on given rewards: units do not matter, and the path is kept where it was asked for."""

from __future__ import annotations

import numpy as np

from experiments.studies.misspecification import random_instance
from experiments.studies.policy_training import train_policies
from theory import kl_regularised_value, optimal_value, policy_value

INSTANCE = random_instance(101)
TRUTH = INSTANCE.mdp.expected_reward[None]


def test_the_true_reward_leads_to_the_optimum_without_a_fall():
    path = train_policies(INSTANCE, TRUTH, step_size=10.0, n_iterations=100, n_points=50)
    values = policy_value(INSTANCE.mdp, INSTANCE.policy, path)[:, 0]
    assert values[-1] > 0.99 * optimal_value(INSTANCE.mdp)
    assert (np.diff(values) > -1e-9).all()


def test_units_and_constants_of_rewards_do_not_matter():
    rewards = np.concatenate([TRUTH, 0.01 * TRUTH, 100 * TRUTH + 7, 0 * TRUTH])
    ends = train_policies(INSTANCE, rewards, n_iterations=20, kl=0.05 * np.array([1, 0.01, 100, 1]))[-1]
    np.testing.assert_allclose(ends[1:3], ends[[0, 0]], atol=1e-8)
    np.testing.assert_array_equal(ends[3], INSTANCE.start)
    plain = train_policies(INSTANCE, rewards[:1], n_iterations=20)[-1]
    assert np.abs(plain - ends[:1]).max() > 0.01


def test_the_penalty_has_the_units_of_the_rewards():
    """The end is better for the penalised value than ends with half or twice the weight."""
    pi = INSTANCE.policy.probabilities
    kl = np.array([0.25, 0.5, 1.0])
    ends = train_policies(INSTANCE, np.repeat(4 * TRUTH, 3, axis=0), n_iterations=200, kl=4 * kl)[-1]
    values = kl_regularised_value(INSTANCE.mdp, pi(ends), pi(INSTANCE.start), 0.5)
    assert values.argmax() == 1


def test_points_are_those_of_one_path():
    whole = train_policies(INSTANCE, TRUTH, n_iterations=12, n_points=12)
    assert whole.shape == (12, 1, INSTANCE.policy.dim)
    np.testing.assert_array_equal(train_policies(INSTANCE, TRUTH, n_iterations=12, n_points=3), whole[[3, 7, 11]])
