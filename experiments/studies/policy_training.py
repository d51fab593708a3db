"""Policies of the studies: trained on given rewards, without new votes, or by a method that perturbs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from estimators import Ascent, Ppo, PreferenceFeedback, RewardModel, Streams, ascend
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from theory import VoteModel
from theory.arrays import FloatArray

# Step size and radius, by their places on the method's grid.
SETTING = (1, 1)


def train_policies(
    instance: Instance,
    rewards: FloatArray,
    *,
    n_iterations: int = 200,
    step_size: float = 3.0,
    kl: ArrayLike = 0.0,
    n_points: int = 1,
) -> FloatArray:
    """Train the policy of an instance by `Ppo` with exact advantages under given rewards.

    Parameters
    ----------
    instance : Instance
    rewards : array (B, 1 or H, S, A)
        A policy is trained on each. They are divided by the largest difference of two of them, as PPO usually scales
        advantages, so that one step size suits all.
    n_iterations, step_size
        Of `Ppo`.
    kl : float or array (B,)
        Weight of the KL divergence from the start, in units of the given rewards.
    n_points : int
        Number of points along the path that are kept, evenly spaced. The last one is the end.

    Returns
    -------
    array (n_points, B, dim)
    """
    spread = rewards.max(axis=(1, 2, 3)) - rewards.min(axis=(1, 2, 3))
    unit = np.where(spread > 0, spread, 1.0)
    asked = PreferenceFeedback(np.asarray(1), "law", VoteModel(instance.link, 1))  # it is not asked
    theta = np.tile(instance.start, (len(rewards), 1))
    update = Ppo(asked, RewardModel(instance.link), kl=np.asarray(kl) / unit).begin(
        instance.mdp, instance.policy, theta
    )
    update.rewards = rewards / unit[:, None, None, None]
    step, unused = np.full((len(rewards), 1), step_size), Streams.of(np.random.default_rng(0))
    kept = set(np.rint(np.linspace(0, n_iterations, n_points + 1)[1:]).astype(int).tolist())
    points = []
    for t in range(1, n_iterations + 1):
        theta = update.improve(theta, step, unused)
        if t in kept:
            points.append(theta)
    return np.stack(points)


def perturb_policies(
    instance: Instance,
    name: str,
    asked: PreferenceFeedback,
    n_runs: int,
    n_iterations: int,
    rng: np.random.Generator,
) -> Ascent:
    """Runs of a method that perturbs the policy, from the start of an instance, at one setting of its grid."""
    method = find("method", name)
    step, knob = method.settings(instance).setting(SETTING)
    learner = method.build(instance.policy.dim, asked, knob)
    start = np.tile(instance.start, (n_runs, 1))
    return ascend(instance.mdp, instance.policy, learner, start, n_iterations, step, rng)
