"""Double misspecification: a wrong link, a reward class that cannot express the truth, each alone and both together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from estimators import PreferenceData, PreferenceFeedback, RewardModel, Streams
from estimators.preference_data import collect
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.links import matched_link
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.studies.policy_training import perturb_policies, train_policies
from experiments.studies.replicates import mean_over_replicates
from experiments.studies.reward_classes import CLASSES, FULL, all_pairs, class_features
from theory import (
    Link,
    Logistic,
    TabularSoftmax,
    VoteModel,
    garnet,
    policy_value,
)
from theory.links import scale_of

RIGHT = "right"
# Factor of the scale of raters who are more or less certain than the logistic link that is assumed.
FACTOR = 4.0
RATERS = (RIGHT, "probit", "cauchit", "cloglog", "linear", "more certain", "less certain")
# One setting for all: the methods are not tuned here. Fixed from pilot runs on other random MDPs.
STEP_SIZE, N_ITERATIONS = 10.0, 300
N_RUNS = 4
METHODS = ("zpg", "zbcpg-d")


@dataclass(frozen=True)
class MisspecificationCell:
    """All links and reward classes on one instance.

    Attributes
    ----------
    instance : Instance
    n_pairs, n_queries : float
        Pairs an iteration, and votes a pair. Both are infinite, or neither. PPO has the pairs of all iterations at
        once.
    number, entropy : int
        Number of the instance, and seed.
    """

    instance: Instance
    n_pairs: float
    n_queries: float
    number: int
    entropy: int


def compare_misspecification(
    *,
    n_instances: int = 24,
    budgets: Sequence[tuple[float, float]] = ((math.inf, math.inf), (32, 5)),
    first: int = 0,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Share of the possible gain that methods reach under wrong links and reward classes, on random MDPs.

    The MDPs are garnets of 4 states and 2 actions with 2 successors each, H = 4, numbered by their seeds; none is
    selected. Methods assume a logistic link whose scale is the standard deviation of the difference of two returns at
    the start. Other raters have links of other shapes, as steep at 0, or a scale that is four times smaller or larger.

    Parameters
    ----------
    n_instances : int
    budgets : sequence of (pairs an iteration, votes a pair)
        With infinite numbers nothing but misspecification is left: a reward is fitted to the exact vote shares of all
        pairs of trajectories, weighted by their probabilities.
    first : int
        Seed of the first MDP.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per (budget, raters, method or reward class, instance): ``n_pairs``, ``n_queries``, ``raters``,
        ``method``, ``rewards`` (the class; empty for methods without rewards), ``instance``, ``share`` (of the gain of
        exact ascent with the true rewards) and ``loss`` (share with the right link and every reward, minus this share).
    """
    how = chosen_execution(execution)
    cells = [
        MisspecificationCell(random_instance(number), pairs, votes, number, how.seed)
        for pairs, votes in budgets
        for number in range(first, first + n_instances)
    ]
    frame = pd.concat(run_tasks(run_misspecification, cells, lambda cell: 1.0, how), ignore_index=True)  # noqa: ARG005
    keys = ["n_pairs", "n_queries", "method", "instance"]
    sound = frame[(frame["raters"] == RIGHT) & frame["rewards"].isin([FULL, ""])]
    base = frame.merge(sound[[*keys, "share"]], on=keys, suffixes=("", "_sound"), validate="many_to_one")
    return base.assign(loss=base["share_sound"] - base["share"]).drop(columns="share_sound")


def run_misspecification(cell: MisspecificationCell) -> pd.DataFrame:
    """Rows of `compare_misspecification` for one instance, without the loss."""
    instance = cell.instance
    mdp, assumed = instance.mdp, informative_link(instance)
    rng = np.random.default_rng([cell.entropy, 11, cell.number])
    links = {name: raters_named(name, assumed) for name in RATERS}
    asked = {
        name: PreferenceFeedback(np.asarray(cell.n_pairs), "law", VoteModel(assumed, cell.n_queries, rater_link=link))
        for name, link in links.items()
    }
    keys, learned, frames = [], [], []
    with threadpool_limits(limits=1):
        for name, data in zip(RATERS, _data(instance, list(asked.values()), rng), strict=True):
            for kind in CLASSES:
                fitted = RewardModel(assumed, features=class_features(kind, mdp)).fit(data)
                keys.append({"raters": name, "method": "ppo", "rewards": kind})
                learned.append(fitted.reshape(mdp.expected_reward.shape))
            for method, child in zip(METHODS, rng.spawn(len(METHODS)), strict=True):
                value = _perturbing(instance, method, asked[name], child)
                frames.append({"raters": name, "method": method, "rewards": "", "value": value})
        trained = train_policies(
            instance, np.array([mdp.expected_reward, *learned]), n_iterations=N_ITERATIONS, step_size=STEP_SIZE
        )[-1]
    best, *values = policy_value(mdp, instance.policy, trained)
    frames += [key | {"value": value} for key, value in zip(keys, values, strict=True)]
    frame = pd.DataFrame(frames)
    start = float(policy_value(mdp, instance.policy, instance.start))
    frame["share"] = (frame.pop("value") - start) / (best - start)
    return frame.assign(n_pairs=cell.n_pairs, n_queries=cell.n_queries, instance=cell.number)


def random_instance(number: int) -> Instance:
    """A random MDP so small that all its trajectories can be listed, with the uniform policy as start."""
    mdp = garnet(4, 2, 2, 4, np.random.default_rng(number), lattice=2)
    policy = TabularSoftmax(4, 2)
    link = Logistic(mdp.horizon / 2)
    return Instance(f"small-garnet-{number}", "", mdp, policy, np.zeros(policy.dim), link, link_is_default=True)


def raters_named(name: str, assumed: Link) -> Link:
    """The raters' link of this name, given the link that methods assume."""
    if name == RIGHT:
        return assumed
    if name in ("more certain", "less certain"):
        return Logistic(scale_of(assumed) * (FACTOR if name == "less certain" else 1 / FACTOR))
    return matched_link(name, assumed)


def _data(instance: Instance, asked: Sequence[PreferenceFeedback], rng: np.random.Generator) -> list[PreferenceData]:
    """What a reward is fitted to, for each oracle: all pairs, or as many as all iterations have."""
    n_stages, n_pairs = len(instance.mdp.expected_reward), float(asked[0].n_pairs)
    if np.isinf(n_pairs):
        visits, gaps, weights = all_pairs(instance)
        shares = [np.asarray(one.votes.raters.probability(gaps)) for one in asked]
        return [PreferenceData(visits, share, math.inf, weights) for share in shares]
    every = [PreferenceFeedback(np.asarray(n_pairs * N_ITERATIONS), "law", one.votes) for one in asked]
    children = rng.spawn(len(every))
    return [
        collect(instance.mdp, instance.policy, instance.start, one, n_stages, Streams.of(child))
        for one, child in zip(every, children, strict=True)
    ]


def _perturbing(instance: Instance, name: str, asked: PreferenceFeedback, rng: np.random.Generator) -> float:
    """Mean final value of a few runs of a method that perturbs the policy."""
    runs = perturb_policies(instance, name, asked, N_RUNS, N_ITERATIONS, rng)
    return float(policy_value(instance.mdp, instance.policy, runs.theta).mean())


def misspecification_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Means over MDPs with 95% t limits.

    Parameters
    ----------
    shares : DataFrame
        Of `compare_misspecification`.

    Returns
    -------
    DataFrame
        ``n_pairs``, ``n_queries``, ``method``, ``rewards``, ``raters``, and ``share`` and ``loss`` with limits.
        ``extra`` is what the wrong link adds: share with the right link and the same class of rewards, minus this
        share.
    """
    keys = ["n_pairs", "n_queries", "method", "rewards"]
    right = shares.loc[shares["raters"] == RIGHT, [*keys, "instance", "share"]]
    both = shares.merge(right, on=[*keys, "instance"], suffixes=("", "_right"), validate="many_to_one")
    both["extra"] = both["share_right"] - both["share"]
    return mean_over_replicates(both, [*keys, "raters"], ["share", "loss", "extra"])
