"""The learned critic: exact values from many rollouts, advantages by their definition, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from estimators import LearnedCritic
from estimators.rollouts import sample_trajectories
from theory import InputError, TabularSoftmax, garnet
from theory.batching import columns, rows
from theory.values import action_value_columns

MDP = garnet(3, 2, 2, 4, np.random.default_rng(8), lattice=2)
POLICY = TabularSoftmax(3, 2)


def exact_values(theta):
    pi = POLICY.probabilities(theta)
    action_values = action_value_columns(MDP, columns(pi, 3))[0]
    return np.stack([(pi * rows(q, (2,))[:, None]).sum(axis=-1)[:, 0] for q in action_values], axis=1)


def test_values_from_many_rollouts_are_the_exact_ones():
    """100,000 rollouts, returns in [0, 4]: Hoeffding, false-alarm rate 1e-6 over all cells.

    Values of another step, of another run, or of what was paid already would be off by twice the bound.
    """
    rng, n = np.random.default_rng(0), 100_000
    theta = np.array([[2.0], [-2.0]]) * rng.standard_normal(POLICY.dim)
    sampled = sample_trajectories(MDP, POLICY, theta, n, rng)
    wrong = np.full((2, 4, 3), 100.0)
    found = LearnedCritic(memory=1e-6).fit(wrong, sampled.states, sampled.rewards)
    counts = np.stack([(sampled.states == s).sum(axis=-1) for s in range(3)], axis=-1).swapaxes(0, 1)
    exact = exact_values(theta)
    to_come = np.arange(4, 0, -1)[:, None]
    bound = to_come * np.sqrt(np.log(2 * exact.size / 1e-6) / (2 * counts))
    assert (np.abs(found - exact) < bound).all()
    assert bound.max() < 0.15
    for differences in (exact - exact[::-1], exact - np.roll(exact, 1, axis=1), exact - np.roll(exact, 1, axis=2)):
        assert (np.abs(differences) > 2 * bound).any()


def test_memory_weighs_old_values_as_visits():
    states, rewards = np.array([[[0, 0]]]), np.array([[[1.0, 4.0]]])
    found = LearnedCritic(memory=3).fit(np.array([[[10.0, 7.0]]]), states, rewards)
    np.testing.assert_allclose(found, [[[(30 + 5) / 5, 7.0]]])


@pytest.mark.parametrize("trace", [0.0, 0.6, 1.0])
def test_advantages_are_weighted_surprises_step_by_step(trace):
    rng = np.random.default_rng(1)
    values, states = rng.standard_normal((2, 4, 3)), rng.integers(3, size=(4, 2, 5))
    rewards = rng.standard_normal((4, 2, 5))
    kept = rewards.copy()
    found = LearnedCritic(trace).advantages(values, states, rewards)
    np.testing.assert_array_equal(rewards, kept)
    for run in range(2):
        for k in range(5):
            for h in range(4):
                total = 0.0
                for late in range(h, 4):
                    after = values[run, late + 1, states[late + 1, run, k]] if late < 3 else 0.0
                    surprise = rewards[late, run, k] + after - values[run, late, states[late, run, k]]
                    total += trace ** (late - h) * surprise
                assert found[h, run, k] == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trace": 1.5}, r"trace must lie in \[0, 1\]"),
        ({"trace": float("nan")}, "trace must lie"),
        ({"memory": 0}, "memory must be positive and finite"),
        ({"memory": float("inf")}, "memory must be positive"),
    ],
)
def test_numbers_out_of_range_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        LearnedCritic(**options)
