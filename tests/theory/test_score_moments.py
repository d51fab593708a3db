"""Moments of return and score where one action can pay several rewards, against a list of all outcomes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from theory import Policy, TabularMDP, TabularSoftmax, policy_gradient, policy_value
from theory.arrays import FloatArray
from theory.score_moments import (
    gpomdp_moments,
    gpomdp_second_moment,
    reinforce_moments,
    reinforce_second_moment,
)
from theory.values import expected_rewards

HORIZON, BASELINES = 3, np.array([0.7, -0.3, 0.4])


def paying(stages: tuple[int, ...]) -> TabularMDP:
    """Two states, two actions, three outcomes; a pair of states can be joined by different rewards."""
    rng = np.random.default_rng(21)
    shape = (*stages, 2, 2, 3)
    return TabularMDP.from_outcomes(
        rng.dirichlet(np.ones(3), shape[:-1]), rng.integers(0, 2, shape), rng.random(shape), [0.3, 0.7], HORIZON
    )


def listed(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probability (K,), rewards (K, H) and scores (K, H, dim) of every sequence of actions and outcomes."""
    pi = policy.probabilities(theta)
    stepped = np.log(policy.probabilities(theta + 1e-30j * np.eye(policy.dim))).imag / 1e-30
    chances, rewards, scores = [], [], []
    steps = list(product(range(2), range(3)))
    for start, *path in product(range(2), *[steps] * HORIZON):
        chance, state, paid, score = mdp.initial[start], start, [], []
        for h, (action, outcome) in enumerate(path):
            k, stage = h % len(mdp.probabilities), h % len(pi)
            chance *= pi[stage, state, action] * mdp.probabilities[k, state, action, outcome]
            paid.append(mdp.rewards[k, state, action, outcome])
            score.append(stepped[:, stage, state, action])
            state = mdp.next_states[k, state, action, outcome]
        chances.append(chance)
        rewards.append(paid)
        scores.append(score)
    return np.array(chances), np.array(rewards), np.array(scores)


@pytest.mark.parametrize("policy", [TabularSoftmax(2, 2), TabularSoftmax(2, 2, HORIZON)], ids=["one", "staged"])
@pytest.mark.parametrize("stages", [(), (HORIZON,)], ids=["stationary", "staged"])
def test_moments_are_those_of_the_list(stages: tuple[int, ...], policy: Policy) -> None:
    mdp = paying(stages)
    theta = np.random.default_rng(22).normal(size=policy.dim)
    chances, rewards, scores = listed(mdp, policy, theta)
    assert chances.sum() == pytest.approx(1, abs=1e-13)
    total, score = rewards.sum(axis=1), scores.sum(axis=1)
    size = (score**2).sum(axis=1)
    found = reinforce_moments(mdp, policy, theta)
    powers = total ** np.arange(3)[:, None]
    near = {"rtol": 1e-11, "atol": 1e-13}
    np.testing.assert_allclose(found.returns, powers @ chances, **near)
    np.testing.assert_allclose(found.scores, (powers * chances) @ score, **near)
    np.testing.assert_allclose(found.norms, powers @ (chances * size), **near)
    assert found.returns[1] == pytest.approx(float(policy_value(mdp, policy, theta)), rel=1e-12)
    np.testing.assert_allclose(found.scores[1], policy_gradient(mdp, policy, theta), **near)
    np.testing.assert_allclose(expected_rewards(mdp, policy, theta), chances @ rewards, **near)
    np.testing.assert_allclose(
        expected_rewards(mdp, policy, [[theta, -theta]]).sum(axis=-1), policy_value(mdp, policy, [[theta, -theta]])
    )
    for baseline in (0.0, 0.6):
        centred = chances * (total - baseline) ** 2
        assert found.second_moment(baseline) == pytest.approx(centred @ size, rel=1e-11)
        np.testing.assert_allclose(
            reinforce_second_moment(mdp, policy, theta, baseline),
            np.einsum("k,ki,kj->ij", centred, score, score),
            **near,
        )
    credit = np.einsum("kh,khd->kd", rewards - BASELINES, np.cumsum(scores, axis=1))
    mean, second = gpomdp_moments(mdp, policy, theta, BASELINES)
    exact = np.einsum("k,ki,kj->ij", chances, credit, credit)
    np.testing.assert_allclose(mean, chances @ credit, **near)
    np.testing.assert_allclose(gpomdp_second_moment(mdp, policy, theta, BASELINES), exact, **near)
    assert second == pytest.approx(np.trace(exact), rel=1e-11)


def test_the_best_baseline_has_the_smallest_second_moment() -> None:
    mdp, policy = paying(()), TabularSoftmax(2, 2)
    found = reinforce_moments(mdp, policy, np.linspace(-1, 1, 4))
    best = found.best_baseline
    for other in (best - 1e-4, best + 1e-4, 0.0, found.returns[1]):
        assert found.second_moment(other) > found.second_moment(best)
