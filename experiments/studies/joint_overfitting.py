"""Overfitting: the true return falls while the return under the learned reward still rises, over a fixed grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from estimators import Ppo, PreferenceData, PreferenceFeedback, RewardModel, Streams
from estimators.preference_data import collect
from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from experiments.studies.policy_training import perturb_policies, train_policies
from theory import TabularMDP, TabularSoftmax, VoteModel, additive_moments, optimal_value, policy_value
from theory.arrays import FloatArray
from theory.links import scale_of

# The grid was fixed before it was run. Joint training has no rewards of every step: fits would take too long.
INSTANCES = ("garnet", "stochastic-gridworld")
PAIRS = (16, 64, 256)
QUERIES = (1, 5)
RIDGES = (0.01, 1.0)
# Weights of the KL divergence, in units of the scale of the raters' link.
KLS = (0.0, 0.1)
SHARED, PER_STEP = "state and action", "step, state and action"
ONCE, JOINT = "once", "joint"
SOURCES = ((ONCE, SHARED), (ONCE, PER_STEP), (JOINT, SHARED))
N_ITERATIONS, N_POINTS, STEP_SIZE = 80, 40, 10.0
POINTS = tuple(np.rint(np.linspace(0, N_ITERATIONS, N_POINTS + 1)[1:]).astype(int).tolist())
# Pairs an iteration of joint training and of ZPG, which spend the same votes. ZPG has one setting for all.
FRESH_PAIRS = 4
KEYS = ("instance", "training", "richness", "n_pairs", "n_queries", "ridge", "kl")


@dataclass(frozen=True)
class OverfittingCell:
    """All ridges and weights of the KL divergence, for one kind of training, richness and size of the data.

    Attributes
    ----------
    instance : str or Instance
    training : {"once", "joint"}
    richness : str
    n_pairs, n_queries : int
    n_seeds, entropy : int
    """

    instance: str | Instance
    training: str
    richness: str
    n_pairs: int
    n_queries: int
    n_seeds: int
    entropy: int


def overfitting_paths(
    instances: Sequence[str] = INSTANCES,
    *,
    pairs: Sequence[int] = PAIRS,
    queries: Sequence[int] = QUERIES,
    n_seeds: int = 20,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Gains of a policy that is trained hard on a reward learned from few pairs, along the path of training.

    A policy is trained by PPO with exact advantages. The reward is learned once, from pairs of the start; rewards and
    policy depend on state and action alone, or on the step as well. Or reward and policy are trained jointly: four
    pairs an iteration come from the current policy, and the policy is trained on when all are spent. There rewards
    are not scaled.

    Parameters
    ----------
    instances : sequence of str
    pairs, queries : sequences of int
        All pairs, and votes a pair.
    n_seeds : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per point: `KEYS`, ``seed``, ``iteration``, ``true_gain`` and ``learned_gain``, both as shares of the
        possible true gain. Rows with ``ridge`` and ``kl`` nan are of ZPG with the same votes, which learns no reward.
    """
    how = chosen_execution(execution)
    settings = product(instances, SOURCES, pairs, queries)
    cells = [OverfittingCell(one, *source, n, m, n_seeds, how.seed) for one, source, n, m in settings]
    return pd.concat(run_tasks(run_overfitting, cells, lambda cell: cell.n_pairs, how), ignore_index=True)


def run_overfitting(cell: OverfittingCell) -> pd.DataFrame:
    """Rows of `overfitting_paths` for one cell."""
    given = find("instance", cell.instance)
    link = informative_link(given)
    instance = replace(by_step(given) if cell.richness == PER_STEP else given, link=link)
    key = [cell.entropy, 14, SOURCES.index((cell.training, cell.richness)), cell.n_pairs, cell.n_queries]
    drawing, perturbing = np.random.default_rng(key).spawn(2)
    ridges, kls = np.array(list(product(RIDGES, KLS))).T
    known: dict[str, Any] = {
        "ridge": np.repeat(ridges, cell.n_seeds),
        "kl": np.repeat(kls, cell.n_seeds),
        "seed": np.tile(np.arange(cell.n_seeds), len(kls)),
    }
    run = _train_once if cell.training == ONCE else _train_jointly
    with threadpool_limits(limits=1):
        paths, learned = run(instance, cell, drawing)
        promised, found = _gains(instance, paths, learned), _gains(instance, paths, instance.mdp.expected_reward)
        perturbed = [_perturbing(instance, cell, perturbing)] if cell.training == ONCE else []
    frames = [
        pd.DataFrame(known | {"iteration": t, "true_gain": true, "learned_gain": told})
        for t, true, told in zip(POINTS, found, promised, strict=True)
    ]
    frame = pd.concat([*frames, *perturbed], ignore_index=True)
    sizes = {"n_pairs": cell.n_pairs, "n_queries": cell.n_queries}
    return frame.assign(instance=given.name, training=cell.training, richness=cell.richness, **sizes)


def by_step(instance: Instance) -> Instance:
    """The same MDP with tables for every step, so that rewards and policy may depend on the step."""
    mdp = instance.mdp
    law, following, paid = (
        np.broadcast_to(table, (mdp.horizon, *table.shape[1:]))
        for table in (mdp.probabilities, mdp.next_states, mdp.rewards)
    )
    timed = TabularMDP.from_outcomes(law, following, paid, mdp.initial, mdp.horizon)
    policy = TabularSoftmax(mdp.n_states, mdp.n_actions, mdp.horizon)
    return replace(instance, mdp=timed, policy=policy, start=np.tile(instance.start, mdp.horizon))


def fit_few_pairs(model: RewardModel, data: PreferenceData) -> FloatArray:
    """The fit of a model, (n_runs, F), fast where there are fewer pairs than rewards.

    The prior sets to 0 what no pair tells, so the rewards are combinations of the visits of the pairs.
    """
    n_runs, n_pairs, n_rewards = data.visits.shape
    fitted = np.empty((n_runs, n_rewards))
    for run in range(n_runs):
        alone = data.of_run((run,))
        small = n_pairs < n_rewards
        fitted[run] = (replace(model, features=np.linalg.qr(alone.visits.T)[0]) if small else model).fit(alone)
    return fitted


def _train_once(instance: Instance, cell: OverfittingCell, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Paths (n_points, B, dim) of policies trained on rewards that are learned once, and these rewards."""
    starts, stages = np.tile(instance.start, (cell.n_seeds, 1)), len(instance.mdp.expected_reward)
    asked = PreferenceFeedback(np.asarray(cell.n_pairs), "law", VoteModel(instance.link, cell.n_queries))
    data = collect(instance.mdp, instance.policy, starts, asked, stages, Streams.of(rng))
    fits = [fit_few_pairs(RewardModel(instance.link, ridge), data) for ridge in RIDGES]
    learned = np.repeat(fits, len(KLS), axis=0).reshape(-1, *instance.mdp.expected_reward.shape)
    kl = np.repeat(np.tile(KLS, len(RIDGES)), cell.n_seeds) * scale_of(instance.link)
    paths = train_policies(instance, learned, n_iterations=N_ITERATIONS, step_size=STEP_SIZE, kl=kl, n_points=N_POINTS)
    return paths, np.broadcast_to(learned, (N_POINTS, *learned.shape))


def _train_jointly(
    instance: Instance, cell: OverfittingCell, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Paths (n_points, B, dim) of policies, and the rewards (n_points, B, 1 or H, S, A) of the same iterations."""
    ridges, kls = np.array(list(product(RIDGES, KLS))).T[..., None]
    asked = PreferenceFeedback(np.asarray(FRESH_PAIRS), "law", VoteModel(instance.link, cell.n_queries))
    model = RewardModel(instance.link, ridges)
    ppo = Ppo(asked, model, online=True, kl=kls * scale_of(instance.link))
    theta = np.tile(instance.start, (len(kls), cell.n_seeds, 1))
    update, step, streams = (
        ppo.begin(instance.mdp, instance.policy, theta),
        np.full((1, 1, 1), STEP_SIZE),
        Streams.of(rng),
    )
    paths, rewards = [], []
    for t in range(1, N_ITERATIONS + 1):
        improve = update if t * FRESH_PAIRS <= cell.n_pairs else update.improve
        theta = improve(theta, step, streams)
        if t in POINTS:
            paths.append(theta.reshape(-1, instance.policy.dim))
            rewards.append(update.rewards.reshape(-1, *instance.mdp.expected_reward.shape))
    return np.stack(paths), np.stack(rewards)


def _gains(instance: Instance, paths: FloatArray, rewards: FloatArray) -> FloatArray:
    """Gains over the start, (n_points, B), under rewards that are given for each point or for all; shares as above."""
    mdp, policy = instance.mdp, instance.policy
    possible = optimal_value(mdp) - float(policy_value(mdp, policy, instance.start))
    each = rewards if rewards.ndim > 3 else [rewards] * len(paths)
    both = [
        (additive_moments(mdp, policy, theta, paid)[0], additive_moments(mdp, policy, instance.start, paid)[0])
        for theta, paid in zip(paths, each, strict=True)
    ]
    return np.asarray([(end - base) / possible for end, base in both])


def _perturbing(instance: Instance, cell: OverfittingCell, rng: np.random.Generator) -> pd.DataFrame:
    """Path of ZPG that spends the same votes, as long as they last."""
    asked = PreferenceFeedback(np.asarray(FRESH_PAIRS), "law", VoteModel(instance.link, cell.n_queries))
    runs = perturb_policies(instance, "zpg", asked, cell.n_seeds, cell.n_pairs // FRESH_PAIRS, rng)
    ends = policy_value(instance.mdp, instance.policy, runs.theta)
    values = np.column_stack([runs.values[:, 1:], ends])
    gains = (values - runs.values[:, :1]) / (optimal_value(instance.mdp) - runs.values[:, :1])
    seeds, iterations = np.indices(gains.shape)
    known = {"ridge": np.nan, "kl": np.nan, "seed": seeds.ravel(), "iteration": iterations.ravel() + 1}
    return pd.DataFrame(known | {"true_gain": gains.ravel(), "learned_gain": np.nan})
