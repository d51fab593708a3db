"""Proximal policy optimisation on a learned reward, the usual way of learning from preferences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from estimators.critic import LearnedCritic
from estimators.feedback import PREFERENCE_EXAMPLE, PreferenceFeedback
from estimators.preference_data import PreferenceBuffer, collect
from estimators.reward_model import RewardModel
from estimators.rollouts import sample_trajectories
from estimators.streams import Streams
from estimators.visits import still_to_come, visit_sums
from theory.arrays import FloatArray, stage
from theory.batching import columns, fits_batch, rows
from theory.errors import InputError, require_integer, require_kind, require_number
from theory.likelihood import log_probabilities
from theory.mdp import TabularMDP
from theory.policies import Policy
from theory.validation import finite_array
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
    critic : LearnedCritic, optional
        Estimates advantages from the rollouts. By default the baseline is the mean over the rollouts.
    kl : float or array, default 0
        Weight of the KL divergence from the policy at the start, in units of return; an array broadcasts against the
        batch. Every step pays kl times log pi / pi_start, as is usual in language models.

    Raises
    ------
    InputError
        If an argument has another type or is out of its range, or there is a critic but there are no rollouts.

    References
    ----------
    Schulman, Wolski, Dhariwal, Radford and Klimov, *Proximal policy optimization algorithms* (2017); with the KL
    penalty: Ouyang et al., *Training language models to follow instructions with human feedback* (2022).
    """

    feedback: PreferenceFeedback
    reward_model: RewardModel
    online: bool = False
    clip: float = 0.2
    n_epochs: int = 10
    n_rollouts: int | None = None
    critic: LearnedCritic | None = None
    kl: ArrayLike = 0.0

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
        if self.critic is not None:
            require_kind("critic", self.critic, LearnedCritic, "LearnedCritic()")
            if self.n_rollouts is None:
                raise InputError("critic must have rollouts to learn from, got n_rollouts=None; write n_rollouts=64")
        weight = finite_array("kl", self.kl)
        if (weight < 0).any():
            raise InputError(f"kl must be at least 0, got {weight.min():g}; it is in units of return")
        object.__setattr__(self, "kl", weight)

    @property
    def n_trajectories(self) -> FloatArray:
        """2 N, plus the rollouts."""
        return np.asarray(2 * self.feedback.n_pairs + (self.n_rollouts or 0))

    @property
    def n_votes(self) -> FloatArray:
        """N M."""
        return np.asarray(self.feedback.n_pairs * self.feedback.n_queries)

    def begin(self, mdp: TabularMDP, policy: Policy, start: FloatArray) -> PpoUpdate:
        """Begin runs at `start`, (..., dim), which is also the reference of the KL divergence.

        Raises
        ------
        InputError
            If kl does not broadcast against the batch.
        """
        if not fits_batch(start.shape[:-1], np.asarray(self.kl)):
            raise InputError(
                f"kl must broadcast against the batch {start.shape[:-1]} of theta, got shape {np.shape(self.kl)}"
            )
        return PpoUpdate(self, mdp, policy, start)


class PpoUpdate:
    """The iterations of one batch of runs.

    Attributes
    ----------
    rewards : array (..., 1 or H, S, A)
        The learned rewards.
    values : array (..., H, S)
        The values of the learned critic.
    """

    def __init__(self, ppo: Ppo, mdp: TabularMDP, policy: Policy, start: FloatArray) -> None:
        self.ppo, self.mdp, self.policy, self.start = ppo, mdp, policy, start
        self._reference = log_probabilities(policy.probabilities(start))
        self.rewards = np.zeros((*start.shape[:-1], *mdp.expected_reward.shape))
        self.values = np.zeros((*start.shape[:-1], mdp.horizon, mdp.n_states))
        self.buffer = PreferenceBuffer()

    def __call__(self, theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
        """Collect votes, fit the reward again if the data have grown enough, and improve the policy."""
        ppo, mdp = self.ppo, self.mdp
        behaviour = theta if ppo.online else self.start
        n_stages = len(mdp.expected_reward)
        self.buffer.append(collect(mdp, self.policy, behaviour, ppo.feedback, n_stages, streams))
        if self.buffer.has_grown():
            flat = self.rewards.reshape(*theta.shape[:-1], -1)
            self.rewards = ppo.reward_model.fit(self.buffer.data, flat).reshape(self.rewards.shape)
        return self.improve(theta, step, streams)

    def improve(self, theta: FloatArray, step: FloatArray, streams: Streams) -> FloatArray:
        """Take steps on the surrogate under the rewards as they are, without new votes."""
        ppo, policy = self.ppo, self.policy
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
        paid = self._paid(theta)
        if self.ppo.n_rollouts is None:
            return self._exact_advantages(theta, paid)
        return self._sampled_advantages(theta, paid, self.ppo.n_rollouts, streams)

    def _paid(self, theta: FloatArray) -> FloatArray:
        """Learned rewards, less the price of leaving the start: (..., 1 or H, S, A)."""
        kl = np.asarray(self.ppo.kl)
        if not kl.any():
            return self.rewards
        # The derivative of the price itself has mean 0, so it may be fixed while the policy moves.
        return self.rewards - kl[..., None, None, None] * (
            log_probabilities(self.policy.probabilities(theta)) - self._reference
        )

    def _exact_advantages(self, theta: FloatArray, paid: FloatArray) -> tuple[FloatArray, FloatArray]:
        batch = theta.shape[:-1]
        pi = columns(self.policy.probabilities(theta), 3)
        values = action_value_columns(self.mdp, pi, columns(paid, 3))[0]
        gains, losses = np.zeros_like(pi), np.zeros_like(pi)
        for h, flow in flow_columns(self.mdp, pi):
            advantage = values[h] - (stage(pi, h) * values[h]).sum(axis=1, keepdims=True)
            stage(gains, h)[...] += flow * _positive(advantage)
            stage(losses, h)[...] += flow * _positive(-advantage)
        return rows(gains, batch), rows(losses, batch)

    def _sampled_advantages(
        self, theta: FloatArray, paid: FloatArray, n: int, streams: Streams
    ) -> tuple[FloatArray, FloatArray]:
        mdp, critic = self.mdp, self.ppo.critic
        sampled = sample_trajectories(mdp, self.policy, theta, n, streams.trajectories)
        flat = paid.reshape(-1, *paid.shape[-3:])
        run = np.arange(len(flat)).reshape(*theta.shape[:-1], 1)
        stages = (np.arange(mdp.horizon) % flat.shape[1]).reshape(-1, *(1,) * theta.ndim)
        learned = flat[run, stages, sampled.states, sampled.actions]
        if critic is None:
            to_go = still_to_come(learned)
            advantage = (to_go - to_go.mean(axis=-1, keepdims=True)) / n
        else:
            advantage = critic.advantages(self.values, sampled.states, learned) / n
            self.values = critic.fit(self.values, sampled.states, learned)
        n_stages = self.policy.horizon or 1
        gains, losses = (visit_sums(mdp, sampled, n_stages, _positive(sign * advantage)) for sign in (1.0, -1.0))
        return gains, losses


def _positive(advantage: FloatArray) -> FloatArray:
    """Positive part. Gains and losses are clipped on different sides, so they are kept apart."""
    return np.maximum(advantage, 0)
