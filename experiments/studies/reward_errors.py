"""Errors of a learned reward: away from its training data, and on the path of a policy that is trained on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from estimators import Ppo, PreferenceFeedback, RewardModel, Streams, ascend
from estimators.learners import Update
from estimators.ppo import PpoUpdate
from estimators.preference_data import collect
from experiments.catalogue.instance import Instance
from experiments.studies.replicates import batches
from theory import Link, Policy, TabularMDP, TabularSoftmax, VoteModel, additive_moments, reward_error
from theory.arrays import FloatArray
from theory.batching import columns
from theory.kl_control import soft_optimum
from theory.likelihood import log_probabilities
from theory.values import action_value_columns, flow_columns

LOG_ODDS = tuple(np.linspace(0, 4, 9).tolist())
CHECKPOINTS = 16
# Weight of the KL divergence from the uniform policy. It is so small that the return alone counts, and ties stay ties.
GREEDY = 1e-6


def coverage_error(
    instance: Instance,
    *,
    log_odds: Sequence[float] = LOG_ODDS,
    n_pairs: int = 2000,
    n_queries: float = 5,
    ridge: float = 1.0,
    n_replicates: int = 20,
    rater_link: Link | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Exact error of rewards that are learned from one behaviour policy, on the trajectories of several policies.

    In every state the behaviour policy prefers actions with low action values under the uniform policy.

    Parameters
    ----------
    instance : Instance
        Its policy class is not used.
    log_odds : sequence of float
        Log odds of the worst action against the best, in every state. 0 is the uniform policy.
    n_pairs, n_queries : int
        Pairs of trajectories of the behaviour policy, and votes per pair.
    ridge : float
        Of the `RewardModel`.
    n_replicates : int
    rater_link : Link, optional
        The link of the raters; by default the assumed one.
    seed : int

    Returns
    -------
    DataFrame
        One row per (log odds, policy, replicate). ``concentrability`` is the largest ratio over (stage, state, action)
        of the expected visits of an optimal policy to those of the behaviour policy. ``policy`` is the one on whose
        trajectories the error is computed: behaviour, uniform or optimal. ``error`` is the `reward_error`, and
        ``ignorance`` the error of a model in which all rewards are equal.
    """
    mdp, uniform = instance.mdp, TabularSoftmax(instance.mdp.n_states, instance.mdp.n_actions)
    best, best_theta = optimal_policy(mdp)
    wanted = _expected_visits(mdp, best, best_theta)
    vote = VoteModel(instance.link, n_queries, rater_link=rater_link)
    frames = []
    generators = np.random.default_rng([seed, 5]).spawn(len(log_odds))
    for odds, rng in zip(log_odds, generators, strict=True):
        theta = odds * worst_first(mdp)
        found = _expected_visits(mdp, uniform, theta)
        ratio = float((wanted[wanted > 0] / found[wanted > 0]).max())
        learned = learn_rewards(mdp, uniform, theta, vote, n_pairs, ridge, n_replicates, rng)
        judged = {"behaviour": (uniform, theta), "uniform": (uniform, 0 * theta), "optimal": (best, best_theta)}
        for name, (policy, where) in judged.items():
            known = {
                "log_odds": odds,
                "concentrability": ratio,
                "policy": name,
                "ignorance": float(reward_error(mdp, policy, where, 0 * mdp.expected_reward)),
            }
            errors = reward_error(mdp, policy, where, learned)
            frames.append(pd.DataFrame(known | {"replicate": np.arange(n_replicates), "error": errors}))
    return pd.concat(frames, ignore_index=True)


def joint_training(
    instance: Instance,
    *,
    n_queries: Sequence[float] = (1, 5, 25),
    n_pairs: int = 32,
    n_iterations: int = 150,
    step_size: float = 1.0,
    ridge: float = 1.0,
    n_replicates: int = 20,
    rater_link: Link | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Errors of the learned reward and gains under it, while `Ppo` trains a policy on it.

    Parameters
    ----------
    instance : Instance
    n_queries : sequence of int
        Votes per pair. Each number is a run of its own.
    n_pairs : int
        New pairs per iteration.
    n_iterations, step_size
        Of the ascent.
    ridge, n_replicates, rater_link, seed
        As for `coverage_error`.

    Returns
    -------
    DataFrame
        One row per (source of pairs, votes per pair, iteration, replicate). ``pairs_from`` is ``current`` for joint
        training, with pairs from the current policy, or ``start``. ``iteration`` is spaced evenly in its logarithm.
        ``votes`` counts the votes so far. ``error_current``, ``error_start`` and ``error_optimal`` are the
        `reward_error` on the trajectories of these policies; ``ignorance_current`` and ``ignorance_start`` are those of
        a model in which all rewards are equal. ``proxy_gain`` and ``true_gain`` are the value of the
        current policy minus that of the start, under learned and under true rewards. ``overoptimisation`` is their
        difference.
    """
    settings = [(source, votes) for source in ("current", "start") for votes in n_queries]
    frames = []
    for (source, votes), rng in zip(settings, np.random.default_rng([seed, 6]).spawn(len(settings)), strict=True):
        asked = PreferenceFeedback(np.asarray(n_pairs), "law", VoteModel(instance.link, votes, rater_link=rater_link))
        learner = Ppo(asked, RewardModel(instance.link, ridge), online=source == "current")
        for first, size, child in batches(n_replicates, rng):
            seen = _Observer(instance, size, n_iterations)
            start = np.broadcast_to(instance.start, (size, instance.policy.dim))
            ascend(instance.mdp, instance.policy, learner, start, n_iterations, step_size, child, observe=seen)
            frame = pd.concat(seen.frames).assign(pairs_from=source, n_queries=votes)
            frame["replicate"] += first
            frame["votes"] = frame["iteration"] * n_pairs * votes
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def learn_rewards(
    mdp: TabularMDP,
    policy: Policy,
    theta: FloatArray,
    vote: VoteModel,
    n_pairs: int,
    ridge: float,
    n_replicates: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Rewards learned from the votes on pairs of trajectories of one policy, (n_replicates, 1 or H, S, A).

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (dim,)
        Parameters of the policy that both trajectories of a pair follow.
    vote : VoteModel
        The raters. The `RewardModel` assumes the link that this model inverts.
    n_pairs : int
    ridge : float
    n_replicates : int
        Each has its own pairs and votes.
    rng : Generator
    """
    asked, model = PreferenceFeedback(np.asarray(n_pairs), "law", vote), RewardModel(vote.link, ridge)
    shape = mdp.expected_reward.shape
    fitted = []
    for _, size, child in batches(n_replicates, rng):
        data = collect(mdp, policy, np.tile(theta, (size, 1)), asked, shape[0], Streams.of(child))
        fitted.append(model.fit(data).reshape(size, *shape))
    return np.concatenate(fitted)


def optimal_policy(mdp: TabularMDP) -> tuple[TabularSoftmax, FloatArray]:
    """A time-dependent policy class, and parameters whose value is within about 1e-5 of the optimum.

    Actions that tie have equal probabilities.
    """
    even = np.full((1, mdp.n_states, mdp.n_actions), 1 / mdp.n_actions)
    best = soft_optimum(mdp, even, GREEDY).probabilities
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon)
    return policy, log_probabilities(best).ravel()


def worst_first(mdp: TabularMDP) -> FloatArray:
    """Logits (S A,) that favour bad actions: 1 for the worst of a state, 0 for the best; 0 if all are equal."""
    even = np.full((1, mdp.n_states, mdp.n_actions, 1), 1 / mdp.n_actions)
    values = np.mean(action_value_columns(mdp, even)[0], axis=0)[..., 0]
    short = values.max(axis=1, keepdims=True) - values
    widest = short.max(axis=1, keepdims=True)
    shares: FloatArray = np.divide(short, widest, out=np.zeros_like(short), where=widest > 0)
    return shares.ravel()


class _Observer:
    """Records a batch of runs of `Ppo` at iterations that are spaced evenly in their logarithm."""

    def __init__(self, instance: Instance, n_runs: int, n_iterations: int) -> None:
        self.mdp, self.policy = instance.mdp, instance.policy
        self.start = np.broadcast_to(instance.start, (n_runs, instance.policy.dim))
        self.best = optimal_policy(instance.mdp)
        self.when = set(np.geomspace(1, n_iterations, CHECKPOINTS).round().astype(int).tolist())
        self.frames: list[pd.DataFrame] = []

    def __call__(self, t: int, theta: FloatArray, update: Update) -> None:
        if t not in self.when:
            return
        assert isinstance(update, PpoUpdate), "a learner without rewards has no error"
        mdp, policy, learned = self.mdp, self.policy, update.rewards
        both = np.stack([theta, self.start])
        errors = reward_error(mdp, policy, both, learned)
        ignorance = reward_error(mdp, policy, both, 0 * mdp.expected_reward)
        promised, found = (additive_moments(mdp, policy, both, paid)[0] for paid in (learned, mdp.expected_reward))
        measured = {
            "iteration": t,
            "replicate": np.arange(len(theta)),
            "error_current": errors[0],
            "error_start": errors[1],
            "error_optimal": reward_error(mdp, *self.best, learned),
            "ignorance_current": ignorance[0],
            "ignorance_start": ignorance[1],
            "proxy_gain": promised[0] - promised[1],
            "true_gain": found[0] - found[1],
        }
        frame = pd.DataFrame(measured)
        self.frames.append(frame.assign(overoptimisation=frame["proxy_gain"] - frame["true_gain"]))


def _expected_visits(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
    """Expected visits of an episode by (stage, state, action); stages are separate if the rewards depend on them."""
    visits = np.zeros(mdp.expected_reward.shape)
    for h, flow in flow_columns(mdp, columns(policy.probabilities(theta), 3)):
        visits[h % len(visits)] += flow[..., 0]
    return visits
