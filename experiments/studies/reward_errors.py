"""What a learned reward gets wrong: where it was not taught, and where the policy trained on it goes."""

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
from theory.likelihood import SMALLEST_PROBABILITY
from theory.values import action_value_columns, flow_columns

LOG_ODDS = tuple(np.linspace(0, 4, 9).tolist())
CHECKPOINTS = 16
# Price of leaving the uniform policy at which nothing but the return counts; ties stay ties.
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
    """Exact error of rewards learned from the pairs of one behaviour policy, on its own trajectories and on others'.

    The behaviour prefers, in every state, the actions that the uniform policy's action values call bad.

    Parameters
    ----------
    instance : Instance
        Its policy class is not used.
    log_odds : sequence of float
        Log odds of the worst action against the best, in every state: 0 is the uniform policy.
    n_pairs, n_queries : int
        Pairs of the behaviour's trajectories, and votes a pair.
    ridge : float
        Of the `RewardModel`.
    n_replicates : int
    rater_link : Link, optional
        The link the raters really use; by default the one assumed.
    seed : int

    Returns
    -------
    DataFrame
        A row a (log odds, policy judged, replicate): ``log_odds``; ``concentrability``, the largest ratio over
        (stage, state, action) of the visits that an optimal policy expects to those of the behaviour; ``policy``
        (behaviour, uniform or optimal: whose trajectories are judged); ``replicate``; ``error`` (`reward_error`);
        ``ignorance``, the error of a model that calls all rewards equal.
    """
    mdp, uniform = instance.mdp, TabularSoftmax(instance.mdp.n_states, instance.mdp.n_actions)
    best, best_theta = optimal_policy(mdp)
    wanted = _expected_visits(mdp, best, best_theta)
    vote = VoteModel(instance.link, n_queries, rater_link=rater_link)
    frames = []
    generators = np.random.default_rng([seed, 5]).spawn(len(log_odds))
    for odds, rng in zip(log_odds, generators, strict=True):
        theta = odds * _worst_first(mdp)
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
    """Error of the learned reward and what it promises, while `Ppo` trains a policy on it.

    Parameters
    ----------
    instance : Instance
    n_queries : sequence of int
        Votes a pair, each a run of its own.
    n_pairs : int
        New pairs an iteration.
    n_iterations, step_size
        Of the ascent.
    ridge, n_replicates, rater_link, seed
        As for `coverage_error`.

    Returns
    -------
    DataFrame
        A row a (source of pairs, votes a pair, iteration, replicate): ``pairs_from`` (``current`` policy, which is
        joint training, or ``start``); ``n_queries``; ``iteration``, spaced evenly in its logarithm; ``votes`` so far;
        ``replicate``; ``error_current``, ``error_start`` and ``error_optimal`` (`reward_error` on the trajectories of
        these policies); ``proxy_gain`` and ``true_gain``, value of the current policy less that of the start under
        learned and under true rewards; ``overoptimisation``, their difference.
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
    """Rewards fitted to the votes on pairs of one policy's trajectories, (n_replicates, 1 or H, S, A).

    Parameters
    ----------
    mdp : TabularMDP
    policy : Policy
    theta : array (dim,)
        Of the policy that both trajectories of a pair follow.
    vote : VoteModel
        The raters; the `RewardModel` assumes the link that it inverts.
    n_pairs : int
    ridge : float
    n_replicates : int
        Each with its own pairs and votes.
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
    """Return a time-dependent policy and parameters of best value, to about 1e-5; actions that tie are taken alike."""
    even = np.full((1, mdp.n_states, mdp.n_actions), 1 / mdp.n_actions)
    best = soft_optimum(mdp, even, GREEDY).probabilities
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon)
    return policy, np.log(np.maximum(best, SMALLEST_PROBABILITY)).ravel()


class _Observer:
    """Watches a batch of runs of `Ppo` at iterations spaced evenly in their logarithm."""

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
        promised, found = (additive_moments(mdp, policy, both, paid)[0] for paid in (learned, mdp.expected_reward))
        measured = {
            "iteration": t,
            "replicate": np.arange(len(theta)),
            "error_current": errors[0],
            "error_start": errors[1],
            "error_optimal": reward_error(mdp, *self.best, learned),
            "proxy_gain": promised[0] - promised[1],
            "true_gain": found[0] - found[1],
        }
        frame = pd.DataFrame(measured)
        self.frames.append(frame.assign(overoptimisation=frame["proxy_gain"] - frame["true_gain"]))


def _expected_visits(mdp: TabularMDP, policy: Policy, theta: FloatArray) -> FloatArray:
    """Visits that an episode expects, by (stage, state, action) as the rewards tell them apart."""
    visits = np.zeros(mdp.expected_reward.shape)
    for h, flow in flow_columns(mdp, columns(policy.probabilities(theta), 3)):
        visits[h % len(visits)] += flow[..., 0]
    return visits


def _worst_first(mdp: TabularMDP) -> FloatArray:
    """Logits (S A,) that favour bad actions: 1 for the worst of a state, 0 for the best, all 0 where none is better."""
    even = np.full((1, mdp.n_states, mdp.n_actions, 1), 1 / mdp.n_actions)
    values = np.mean(action_value_columns(mdp, even)[0], axis=0)[..., 0]
    short = values.max(axis=1, keepdims=True) - values
    widest = short.max(axis=1, keepdims=True)
    shares: FloatArray = np.divide(short, widest, out=np.zeros_like(short), where=widest > 0)
    return shares.ravel()
