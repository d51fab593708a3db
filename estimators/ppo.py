"""Proximal policy optimisation on a learned reward, the usual way of learning from preferences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from estimators.feedback import PREFERENCE_EXAMPLE, PreferenceFeedback
from estimators.preference_data import PreferenceBuffer, collect
from estimators.reward_model import RewardModel
from estimators.rollouts import sample_trajectories
from estimators.streams import Streams
from estimators.visits import visit_sums
from theory.arrays import FloatArray, stage
from theory.batching import columns, rows
from theory.errors import require_integer, require_kind, require_number
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.values import action_value_columns, flow_columns


@dataclass(frozen=True, eq=False)
class Ppo:
    """A reward model from all votes so far, and gradient steps on the clipped surrogate under its rewards.

    Parameters
    ----------
    feedback : PreferenceFeedback
        The preference oracle. Both trajectories of a pair follow the same policy.
    reward_model : RewardModel
    online : bool, default False
        Whether pairs come from the current policy or, if False, from the policy at the start.
    clip : float, default 0.2
        Largest change of a probability ratio that counts within one iteration.
    n_epochs : int, default 10
        Gradient steps per iteration.
    n_rollouts : int, optional
        Number of further trajectories of the current policy, at least 2, to estimate advantages from. By default
        advantages are exact under the learned reward and the true transitions: an idealised critic.

    Raises
    ------
    InputError
        If an argument has another type or is out of its range.

    References
    ----------
    Schulman, Wolski, Dhariwal, Radford and Klimov, *Proximal policy optimization algorithms* (2017).
    """

    feedback: PreferenceFeedback
    reward_model: RewardModel
    online: bool = False
    clip: float = 0.2
    n_epochs: int = 10
    n_rollouts: int | None = None

    def __post_init__(self) -> None:
        require_kind("feedback", self.feedback, PreferenceFeedback, PREFERENCE_EXAMPLE)
        require_kind("reward_model", self.reward_model, RewardModel, "RewardModel(Logistic())")
        require_kind("online", self.online, bool, "True")
        self.feedback.require_finite()
        required = "lie strictly between 0 and 1"
        require_number("clip", self.clip, required, lambda number: 0 < number < 1, "; 0.2 is usual")
        require_integer("n_epochs", self.n_epochs, 1)
        if self.n_rollouts is not None:
            # The baseline is the mean over trajectories: the advantages of a single one are all 0.
            require_integer("n_rollouts", self.n_rollouts, 2)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N, plus the rollouts."""
        return np.asarray(2 * self.feedback.n_pairs + (self.n_rollouts or 0))

    @property
    def n_votes(self) -> FloatArray:
        """N M."""
        return np.asarray(self.feedback.n_pairs * self.feedback.n_queries)

    def begin(self, mdp: TabularMDP, policy: Policy, start: FloatArray) -> PpoUpdate:
        """Begin runs at `start`, (..., dim)."""
        return PpoUpdate(self, mdp, policy, start)


class PpoUpdate:
    """The iterations of one batch of runs; `rewards` are the learned rewards, (..., 1 or H, S, A)."""

    def __init__(self, ppo: Ppo, mdp: TabularMDP, policy: Policy, start: FloatArray) -> None:
        self.ppo, self.mdp, self.policy, self.start = ppo, mdp, policy, start
        self.rewards = np.zeros((*start.shape[:-1], *mdp.expected_reward.shape))
        self.buffer = PreferenceBuffer()

    def __call__(self, theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
        """Collect votes, fit the reward again if the data have grown enough, and take steps on the surrogate."""
        ppo, mdp, policy = self.ppo, self.mdp, self.policy
        behaviour = theta if ppo.online else self.start
        n_stages = len(mdp.expected_reward)
        self.buffer.append(collect(mdp, policy, behaviour, ppo.feedback, n_stages, streams))
        if self.buffer.has_grown():
            flat = self.rewards.reshape(*theta.shape[:-1], -1)
            self.rewards = ppo.reward_model.fit(self.buffer.data, flat).reshape(self.rewards.shape)
        gains, losses = self._advantages(theta, streams)
        old = policy.probabilities(theta)
        for _ in range(ppo.n_epochs):
            new = policy.probabilities(theta)
            # d/dtheta of min(ratio A, clip(ratio) A): gains count up to a ratio of 1 + clip, losses down to 1 - clip.
            counted = gains * (new <= (1 + ppo.clip) * old) - losses * (new >= (1 - ppo.clip) * old)
            # An action whose probability has rounded to 0 is never taken: its ratio has no effect.
            ratio = np.divide(new, old, out=np.zeros_like(new), where=old > 0)
            theta = theta + step * policy.score_product(theta, new, counted * ratio)
        return theta

    def _advantages(self, theta: FloatArray, streams: Streams) -> tuple[FloatArray, FloatArray]:
        """Positive and negative parts of the advantages, weighted by visits, per stage of the policy."""
        if self.ppo.n_rollouts is None:
            return self._exact_advantages(theta)
        return self._sampled_advantages(theta, self.ppo.n_rollouts, streams)

    def _exact_advantages(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        batch = theta.shape[:-1]
        pi = columns(self.policy.probabilities(theta), 3)
        values = action_value_columns(self.mdp, pi, columns(self.rewards, 3))[0]
        gains, losses = np.zeros_like(pi), np.zeros_like(pi)
        for h, flow in flow_columns(self.mdp, pi):
            advantage = values[h] - (stage(pi, h) * values[h]).sum(axis=1, keepdims=True)
            stage(gains, h)[...] += flow * np.maximum(advantage, 0)
            stage(losses, h)[...] += flow * np.maximum(-advantage, 0)
        return rows(gains, batch), rows(losses, batch)

    def _sampled_advantages(self, theta: FloatArray, n: int, streams: Streams) -> tuple[FloatArray, FloatArray]:
        mdp = self.mdp
        sampled = sample_trajectories(mdp, self.policy, theta, n, streams.trajectories)
        flat = self.rewards.reshape(-1, *self.rewards.shape[-3:])
        run = np.arange(len(flat)).reshape(*theta.shape[:-1], 1)
        stages = (np.arange(mdp.horizon) % flat.shape[1]).reshape(-1, *(1,) * theta.ndim)
        learned = flat[run, stages, sampled.states, sampled.actions]
        to_go = np.cumsum(learned[::-1], axis=0)[::-1]
        advantage = (to_go - to_go.mean(axis=-1, keepdims=True)) / n
        n_stages = self.policy.horizon or 1
        gains, losses = (visit_sums(mdp, sampled, n_stages, np.maximum(sign * advantage, 0)) for sign in (1.0, -1.0))
        return gains, losses
