"""Second moment matrices of REINFORCE and GPOMDP against the enumeration of all trajectories."""

from __future__ import annotations

import numpy as np
import pytest

from theory import CircularPolicy, Policy, TabularMDP, TabularSoftmax, enumerate_trajectories, garnet
from theory.arrays import FloatArray
from theory.score_moments import (
    gpomdp_moments,
    gpomdp_second_moment,
    reinforce_moments,
    reinforce_second_moment,
)


def staged() -> TabularMDP:
    """Every step has its own transitions and rewards; rewards depend on state and action."""
    rng = np.random.default_rng(8)
    return TabularMDP(rng.dirichlet(np.ones(2), (3, 2, 2)), rng.integers(0, 4, (3, 2, 2)) / 3, [0.3, 0.7], 3)


CASES: dict[str, tuple[TabularMDP, Policy]] = {
    "stationary": (garnet(2, 3, 2, 3, np.random.default_rng(10), lattice=2), CircularPolicy(2, 3, 1.5)),
    "staged, stationary policy": (staged(), TabularSoftmax(2, 2)),
    "staged": (staged(), TabularSoftmax(2, 2, 3)),
}
BASELINES = np.array([0.7, -0.3, 0.4])


def listed(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probability (K,), rewards (K, H) and scores (K, H, dim) of every trajectory, scores by complex steps."""
    paths = enumerate_trajectories(mdp)
    stepped = np.log(policy.probabilities(theta + 1e-30j * np.eye(policy.dim))).imag / 1e-30
    score = np.moveaxis(stepped, 0, -1)
    h = np.arange(mdp.horizon)
    scores = score[h % len(score), paths.states, paths.actions]
    mean = (mdp.probabilities * mdp.rewards).sum(axis=-1)
    rewards = mean[h % len(mean), paths.states, paths.actions]
    return paths.probabilities(policy.probabilities(theta)), rewards, scores


@pytest.mark.parametrize("name", CASES)
def test_matrices_are_those_of_the_enumeration(name: str) -> None:
    mdp, policy = CASES[name]
    theta = np.random.default_rng(12).uniform(0.4, 1.2, policy.dim)
    chances, rewards, scores = listed(mdp, policy, theta)
    if name != "stationary":  # there, rewards need not depend on state and action alone
        total = scores.sum(axis=1) * (rewards.sum(axis=1) - 0.6)[:, None]
        exact = np.einsum("k,ki,kj->ij", chances, total, total)
        np.testing.assert_allclose(reinforce_second_moment(mdp, policy, theta, 0.6), exact, rtol=1e-11, atol=1e-13)
        credit = np.einsum("kh,khd->kd", rewards - BASELINES, np.cumsum(scores, axis=1))
        exact = np.einsum("k,ki,kj->ij", chances, credit, credit)
        np.testing.assert_allclose(gpomdp_second_moment(mdp, policy, theta, BASELINES), exact, rtol=1e-11, atol=1e-13)
        # Planted: with the wrong baseline of one step it is another matrix.
        wrong = BASELINES + np.array([0, 0.1, 0])
        assert not np.allclose(gpomdp_second_moment(mdp, policy, theta, wrong), exact, rtol=1e-3)
    for baseline in (0.0, 0.6):
        matrix = reinforce_second_moment(mdp, policy, theta, baseline)
        assert np.trace(matrix) == pytest.approx(
            reinforce_moments(mdp, policy, theta).second_moment(baseline), rel=1e-11
        )
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
    matrix = gpomdp_second_moment(mdp, policy, theta, BASELINES)
    assert np.trace(matrix) == pytest.approx(gpomdp_moments(mdp, policy, theta, BASELINES)[1], rel=1e-11)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
