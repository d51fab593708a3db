"""PPO as practised: the KL penalty, the learned critic, and clipping with sampled advantages."""

from __future__ import annotations

import math

import numpy as np
import pytest

import estimators.ppo
from estimators import LearnedCritic, Ppo, PreferenceFeedback, RewardModel, Streams, ascend
from estimators.preference_data import PreferenceBuffer, collect
from estimators.rollouts import sample_trajectories
from theory import InputError, Logistic, TabularSoftmax, VoteModel, garnet, kl_regularised_value, policy_gradient
from theory.batching import columns, rows
from theory.values import action_value_columns, flow_columns

MDP = garnet(4, 3, 2, 5, np.random.default_rng(3), lattice=2)
POLICY, TIMED = TabularSoftmax(4, 3), TabularSoftmax(4, 3, horizon=5)
LINK = Logistic(2.0)
ASKED = PreferenceFeedback(np.asarray(8), "law", VoteModel(LINK, 5))


def known(policy, start, **options):
    """An update whose rewards are the true ones."""
    update = Ppo(ASKED, RewardModel(LINK), **options).begin(MDP, policy, start)
    update.rewards = np.broadcast_to(MDP.expected_reward, update.rewards.shape)
    return update


def old_update(theta, start, feedback, model, step, n_iterations, seed):
    """The idealised PPO, written again: exact advantages, no penalty."""
    streams, buffer = Streams.of(np.random.default_rng(seed)), PreferenceBuffer()
    rewards = np.zeros((len(theta), *MDP.expected_reward.shape))
    for _ in range(n_iterations):
        buffer.append(collect(MDP, POLICY, start, feedback, 1, streams))
        if buffer.has_grown():
            rewards = model.fit(buffer.data, rewards.reshape(len(theta), -1)).reshape(rewards.shape)
        old = POLICY.probabilities(theta)
        pi = columns(old, 3)
        values = action_value_columns(MDP, pi, columns(rewards, 3))[0]
        up, down = np.zeros_like(pi), np.zeros_like(pi)
        for h, flow in flow_columns(MDP, pi):
            advantage = values[h] - (pi[0] * values[h]).sum(axis=1, keepdims=True)
            up[0] += flow * np.maximum(advantage, 0)
            down[0] += flow * np.maximum(-advantage, 0)
        up, down = rows(up, theta.shape[:-1]), rows(down, theta.shape[:-1])
        for _ in range(10):
            new = POLICY.probabilities(theta)
            counted = up * (new <= 1.2 * old) - down * (new >= 0.8 * old)
            theta = theta + step * POLICY.score_product(theta, new, counted * (new / old))
    return theta


def test_without_penalty_and_critic_it_is_the_idealised_ppo_to_the_last_bit():
    start, model = np.random.default_rng(2).standard_normal((2, POLICY.dim)), RewardModel(LINK)
    again = old_update(start, start, ASKED, model, 0.7, 6, 5)
    for options in ({}, {"kl": 0.0}, {"kl": [0.0, 0.0]}):
        runs = ascend(MDP, POLICY, Ppo(ASKED, model, **options), start, 6, 0.7, np.random.default_rng(5))
        np.testing.assert_array_equal(runs.theta, again)
    penalised = ascend(MDP, POLICY, Ppo(ASKED, model, kl=0.01), start, 6, 0.7, np.random.default_rng(5))
    assert np.abs(penalised.theta - again).max() > 1e-4


@pytest.mark.parametrize("policy", [POLICY, TIMED], ids=["stationary", "timed"])
def test_the_first_step_is_along_the_gradient_of_the_penalised_value(policy):
    """By central differences of `kl_regularised_value`; every run of the batch has its own weight.

    A penalty of the other sign, towards another policy, or counted once and not a step would be off by more than 0.01.
    """
    rng = np.random.default_rng(1)
    start, theta = rng.standard_normal((2, policy.dim)), rng.standard_normal((2, policy.dim))
    kl = np.array([0.3, 1.2])
    update = known(policy, start, n_epochs=1, kl=kl)
    moved = update.improve(theta, np.ones((2, 1)), Streams.of(rng)) - theta
    for run in range(2):

        def value(at, run=run):
            table = policy.probabilities(at)
            return kl_regularised_value(MDP, table, policy.probabilities(start[run]), kl[run])

        shifts = 1e-5 * np.eye(policy.dim)
        slopes = (value(theta[run] + shifts) - value(theta[run] - shifts)) / 2e-5
        np.testing.assert_allclose(moved[run], slopes, rtol=0, atol=1e-8)
        assert np.abs(moved[run] - policy_gradient(MDP, policy, theta[run])).max() > 0.01


def surrogate_slopes(policy, theta, first, sampled, advantages, clip):
    """Central differences of the mean over trajectories of min(r A, clip(r) A), summed over steps."""
    timed = policy.horizon is not None
    steps = np.arange(MDP.horizon)[:, None] * timed
    old = policy.probabilities(theta)[steps, sampled.states, sampled.actions]

    def surrogate(at):
        ratio = policy.probabilities(at)[steps, sampled.states, sampled.actions] / old
        return np.minimum(ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages).sum(axis=0).mean()

    ratio = policy.probabilities(first)[steps, sampled.states, sampled.actions] / old
    cases = [advantages[far] * sign for far in (ratio > 1 + clip, ratio < 1 - clip) for sign in (1, -1)]
    assert all((case > 1e-3).any() for case in cases)
    shifts = 1e-6 * np.eye(policy.dim)
    return np.array([(surrogate(first + h) - surrogate(first - h)) / 2e-6 for h in shifts])


def second_step(policy, seed, size, critic):
    """The second epoch of one iteration with sampled advantages, and what the surrogate's definition says it is."""
    theta = 1.5 * np.random.default_rng(seed).standard_normal(policy.dim)
    n = 64
    ends = []
    for n_epochs in (1, 2):
        update = known(policy, theta, n_epochs=n_epochs, n_rollouts=n, critic=critic)
        update.values = np.full(update.values.shape, 0.5)
        ends.append(update.improve(theta, np.array([size]), Streams.of(np.random.default_rng(7))))
    sampled = sample_trajectories(MDP, policy, theta, n, Streams.of(np.random.default_rng(7)).trajectories)
    paid = MDP.expected_reward[0][sampled.states, sampled.actions]
    if critic is None:
        to_go = paid[::-1].cumsum(axis=0)[::-1]
        advantages = to_go - to_go.mean(axis=1, keepdims=True)
    else:
        advantages = critic.advantages(np.full((5, 4), 0.5), sampled.states, paid)
    return (ends[1] - ends[0]) / size, surrogate_slopes(policy, theta, ends[0], sampled, advantages, 0.2)


CASES = pytest.mark.parametrize(
    ("policy", "seed", "size", "critic"),
    [(POLICY, 0, 3.0, None), (TIMED, 0, 3.0, None), (POLICY, 35, 30.0, LearnedCritic(0.9))],
    ids=["stationary", "timed", "critic"],
)


@CASES
def test_later_steps_with_sampled_advantages_follow_the_clipped_surrogate(policy, seed, size, critic):
    """Trajectory by trajectory. Gains and losses occur past the clip on both sides."""
    moved, slopes = second_step(policy, seed, size, critic)
    np.testing.assert_allclose(moved, slopes, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "fault",
    [lambda advantage: np.minimum(advantage, 0), lambda advantage: advantage / 2],
    ids=["sides swapped", "both sides together"],
)
def test_gains_and_losses_that_are_not_kept_apart_are_caught(fault, monkeypatch):
    """Both faults leave the first step as it is: only the clipping of later steps shows them."""
    theta = 1.5 * np.random.default_rng(0).standard_normal(POLICY.dim)

    def first():
        update = known(POLICY, theta, n_epochs=1, n_rollouts=64)
        return update.improve(theta, np.array([3.0]), Streams.of(np.random.default_rng(7)))

    sound = first()
    monkeypatch.setattr(estimators.ppo, "_positive", fault)
    np.testing.assert_allclose(first(), sound, rtol=0, atol=1e-12)
    moved, slopes = second_step(POLICY, 0, 3.0, None)
    assert np.abs(moved - slopes).max() > 1e-3


def test_with_a_learned_critic_the_mean_step_is_along_the_penalised_gradient():
    """Trace 1 and values that do not see the rollouts: unbiased, whatever the values are.

    Mean of 40,000 runs; empirical Bernstein with |x| <= 110, false-alarm rate 1e-6. A penalty left out of the sampled
    rewards would be off by three times the bound.
    """
    n_runs, rng = 40_000, np.random.default_rng(3)
    start, theta = np.broadcast_to(rng.standard_normal((2, POLICY.dim))[:, None], (2, n_runs, POLICY.dim))
    update = known(POLICY, start, n_epochs=1, n_rollouts=4, critic=LearnedCritic(1.0), kl=1.0)
    update.values = np.broadcast_to(rng.uniform(0, 2, (5, 4)), update.values.shape)
    moved = update.improve(theta, np.ones((n_runs, 1)), Streams.of(rng)) - theta
    exact = (
        known(POLICY, start[:1], n_epochs=1, kl=1.0).improve(theta[:1], np.ones((1, 1)), Streams.of(rng)) - theta[:1]
    )
    log_term = math.log(2 * POLICY.dim / 1e-6)
    bound = np.sqrt(2 * moved.var(axis=0) * log_term / n_runs) + 220 * 7 * log_term / (3 * n_runs)
    assert (np.abs(moved.mean(axis=0) - exact[0]) < bound).all()
    plain = policy_gradient(MDP, POLICY, theta[0])
    assert (np.abs(plain - exact[0]) / bound).max() > 3


def test_the_critic_is_fitted_after_its_values_were_used():
    start = np.zeros((2, POLICY.dim))
    update = known(POLICY, start, n_rollouts=16, critic=LearnedCritic(), n_epochs=1)
    update.improve(start, np.ones((2, 1)), Streams.of(np.random.default_rng(0)))
    sampled = sample_trajectories(MDP, POLICY, start, 16, Streams.of(np.random.default_rng(0)).trajectories)
    paid = MDP.expected_reward[0][sampled.states, sampled.actions]
    np.testing.assert_allclose(update.values, LearnedCritic().fit(np.zeros((2, 5, 4)), sampled.states, paid))


def test_rlhf_as_practised_improves_the_true_value_and_a_large_weight_holds_it_back():
    learner = Ppo(ASKED, RewardModel(LINK), online=True, n_rollouts=16, critic=LearnedCritic(), kl=[0.01, 100.0])
    run = ascend(MDP, POLICY, learner, np.zeros((2, POLICY.dim)), 40, 0.3, np.random.default_rng(0))
    gain = run.values[:, -1] - run.values[:, 0]
    assert gain[0] > 1.0
    assert abs(gain[1]) < 0.3
    assert (float(run.n_votes), float(run.n_trajectories)) == (40 * 8 * 5, 40 * (16 + 16))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kl": -0.1}, "kl must be at least 0, got -0.1"),
        ({"kl": math.inf}, "kl must be finite"),
        ({"critic": "tabular", "n_rollouts": 4}, "critic must be"),
        ({"critic": LearnedCritic()}, "critic must have rollouts to learn from"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        Ppo(ASKED, RewardModel(LINK), **options)


def test_weights_must_fit_the_batch():
    with pytest.raises(InputError, match=r"kl must broadcast against the batch \(2,\)"):
        Ppo(ASKED, RewardModel(LINK), kl=[0.1, 0.2, 0.3]).begin(MDP, POLICY, np.zeros((2, POLICY.dim)))
