"""Reward models judged by held-out votes, as practice must, against what the votes do not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from estimators import PreferenceData, PreferenceFeedback, RewardModel, Streams
from estimators.preference_data import collect
from estimators.rollouts import sample_returns
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.intervals import mean_interval
from experiments.studies.policy_training import train_policies
from experiments.studies.reward_classes import CLASSES, class_features
from experiments.studies.reward_errors import optimal_policy, worst_first
from theory import VoteModel, optimal_value, policy_value, reward_error
from theory.arrays import FloatArray
from theory.likelihood import cross_entropy

INSTANCES = ("garnet", "stochastic-gridworld")
# Log odds of the worst action against the best, in the policy that draws the pairs.
BEHAVIOURS = {"uniform": 0.0, "bad actions": 2.0}
PAIRS = (32, 128, 512, 2048)
RIDGES = (0.01, 1.0, 100.0)
N_HELD_OUT, N_QUERIES = 1000, 5
# What a user without the truth can compute, and what counts.
VISIBLE = ("likelihood", "accuracy", "win_rate")
TRUTH = ("error_behaviour", "error_optimal", "error_trained")


@dataclass(frozen=True)
class EvaluationCell:
    """All reward models of one data set.

    Attributes
    ----------
    instance : str or Instance
    behaviour : str
        Key of `BEHAVIOURS`.
    replicate, entropy : int
    """

    instance: str | Instance
    behaviour: str
    replicate: int
    entropy: int


def evaluate_rewards(
    instances: Sequence[str] = INSTANCES, *, n_replicates: int = 20, execution: Execution | None = None
) -> pd.DataFrame:
    """Many reward models: how good they look on held-out votes, and how good they are.

    A data set is 2048 training pairs and 1000 held-out pairs of one behaviour policy, 5 votes each. Models differ in
    the number of training pairs, in the ridge and in the class of rewards: 36 for each data set. A policy is trained on
    each, from the start of the instance.

    Parameters
    ----------
    instances : sequence of str
    n_replicates : int
        Data sets of each instance and behaviour.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per model: ``instance``, ``behaviour``, ``replicate``, ``n_pairs``, ``ridge``, ``rewards``. On held-out
        votes, ``likelihood`` (mean log-likelihood of a vote) and ``accuracy``. ``win_rate`` is the share of 5000 fresh
        votes for the trained policy against the start. ``error_behaviour``, ``error_optimal`` and ``error_trained`` are
        the `reward_error` on the trajectories of these policies. ``value`` of the trained policy is exact, and
        ``share`` is that of the possible gain.
    """
    how = chosen_execution(execution)
    settings = product(instances, BEHAVIOURS, range(n_replicates))
    cells = [EvaluationCell(instance, behaviour, k, how.seed) for instance, behaviour, k in settings]
    return pd.concat(run_tasks(run_evaluation, cells, lambda cell: 1.0, how), ignore_index=True)  # noqa: ARG005


def run_evaluation(cell: EvaluationCell) -> pd.DataFrame:
    """Rows of `evaluate_rewards` for one data set."""
    given = find("instance", cell.instance)
    instance = replace(given, link=informative_link(given))
    mdp, policy = instance.mdp, instance.policy
    key = [cell.entropy, 12, cell.replicate, list(BEHAVIOURS).index(cell.behaviour)]
    training, holding, judging = np.random.default_rng(key).spawn(3)
    theta = instance.start + BEHAVIOURS[cell.behaviour] * worst_first(mdp)
    data = _collected(instance, theta, max(PAIRS), training)
    held_out = _collected(instance, theta, N_HELD_OUT, holding)
    rows, learned = [], []
    for (kind, ridge), pairs in product(product(CLASSES, RIDGES), PAIRS):
        part = replace(data, visits=data.visits[:pairs], shares=data.shares[:pairs])
        rewards = RewardModel(instance.link, ridge, class_features(kind, mdp)).fit(part)
        rows.append({"n_pairs": pairs, "ridge": ridge, "rewards": kind} | _seen(instance, held_out, rewards))
        learned.append(rewards.reshape(mdp.expected_reward.shape))
    models = np.array(learned)
    trained = train_policies(instance, models, step_size=10.0)[-1]
    frame = pd.DataFrame(rows).assign(win_rate=_win_rates(instance, trained, judging))
    frame["error_behaviour"] = reward_error(mdp, policy, theta, models)
    frame["error_optimal"] = reward_error(mdp, *optimal_policy(mdp), models)
    frame["error_trained"] = reward_error(mdp, policy, trained, models)
    frame["value"] = policy_value(mdp, policy, trained)
    start = float(policy_value(mdp, policy, instance.start))
    frame["share"] = (frame["value"] - start) / (optimal_value(mdp) - start)
    return frame.assign(instance=given.name, behaviour=cell.behaviour, replicate=cell.replicate)


def rank_correlations(models: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlations of what is visible with what counts, over the models of a data set.

    Parameters
    ----------
    models : DataFrame
        Of `evaluate_rewards`.

    Returns
    -------
    DataFrame
        ``instance``, ``behaviour``, ``visible``, ``truth`` (an error, with its sign turned so that 1 is perfect, or
        ``value``), and the mean over data sets with its 95% t interval: ``mean``, ``low``, ``high``. A data set whose
        models are all alike has no correlation and is left out; ``n`` are left.
    """
    rows = []
    for (instance, behaviour), chosen in models.groupby(["instance", "behaviour"], sort=False):
        for visible, truth in product(VISIBLE, (*TRUTH, "value")):
            sign = 1 if truth == "value" else -1
            ranks = [part[[visible, truth]].rank() for _, part in chosen.groupby("replicate")]
            each = [sign * one[visible].corr(one[truth]) for one in ranks]
            known = np.array([one for one in each if not np.isnan(one)])
            found = mean_interval(known)
            low, high = max(float(found.low), -1.0), min(float(found.high), 1.0)
            limits = {"mean": float(found.mean), "low": low, "high": high, "n": len(known)}
            rows.append({"instance": instance, "behaviour": behaviour, "visible": visible, "truth": truth} | limits)
    return pd.DataFrame(rows)


def chosen_models(models: pd.DataFrame) -> pd.DataFrame:
    """The model of every data set that looks best by each visible measure, beside the best one.

    Returns
    -------
    DataFrame
        Rows of `evaluate_rewards` with ``visible`` (the measure), ``best`` (share of the possible gain of the best
        model), ``regret`` (best minus own share) and ``worse_than`` (share of the models of the data set that are
        better).
    """
    rows = []
    for _, part in models.groupby(["instance", "behaviour", "replicate"], sort=False):
        best = part["share"].max()
        for visible in VISIBLE:
            one = part.loc[part[visible].idxmax()]
            better = float((part["share"] > one["share"] + 1e-3).mean())
            extra = {"visible": visible, "best": best, "regret": best - one["share"], "worse_than": better}
            rows.append(one.to_dict() | extra)
    return pd.DataFrame(rows)


def _collected(instance: Instance, theta: FloatArray, pairs: int, rng: np.random.Generator) -> PreferenceData:
    asked = PreferenceFeedback(np.asarray(pairs), "law", VoteModel(instance.link, N_QUERIES))
    n_stages = len(instance.mdp.expected_reward)
    return collect(instance.mdp, instance.policy, theta, asked, n_stages, Streams.of(rng)).of_run(())


def _seen(instance: Instance, held_out: PreferenceData, rewards: FloatArray) -> dict[str, float]:
    """Likelihood and accuracy on held-out votes. A model that sees no difference is right in half of the votes."""
    gaps = held_out.visits @ rewards
    loss = cross_entropy(instance.link, gaps, held_out.shares)[0].mean()
    right = np.where(gaps > 0, held_out.shares, np.where(gaps < 0, 1 - held_out.shares, 0.5)).mean()
    return {"likelihood": -float(loss), "accuracy": float(right)}


def _win_rates(instance: Instance, trained: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Share of the votes for each trained policy against the start, on as many pairs as are held out."""
    both = np.stack([trained, np.broadcast_to(instance.start, trained.shape)])
    returns = sample_returns(instance.mdp, instance.policy, both, N_HELD_OUT, rng)
    chances = instance.link.probability(returns[0] - returns[1])
    return np.asarray(rng.binomial(N_QUERIES, chances).mean(axis=-1) / N_QUERIES)
