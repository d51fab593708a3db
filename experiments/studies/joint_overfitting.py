"""Overfitting: the true return falls while the return under the learned reward still rises, over a fixed grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr
from threadpoolctl import threadpool_limits

from estimators import PreferenceData, PreferenceFeedback, RewardModel, Streams, ascend
from estimators.preference_data import collect
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.comparison.compare_learning import informative_link
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from experiments.statistics.intervals import mean_interval
from experiments.statistics.verdicts import holm
from experiments.studies.policy_training import train_policies
from theory import TabularMDP, TabularSoftmax, VoteModel, additive_moments, optimal_value, policy_value
from theory.arrays import FloatArray

# The grid was fixed before anything was run.
INSTANCES = ("garnet", "stochastic-gridworld")
PAIRS = (16, 64, 256)
QUERIES = (1, 5)
RIDGES = (0.01, 1.0)
# Weights of the KL divergence, in units of the scale of the raters' link.
KLS = (0.0, 0.1)
SHARED, PER_STEP = "state and action", "step, state and action"
RICHNESS = (SHARED, PER_STEP)
N_ITERATIONS, N_POINTS, STEP_SIZE = 80, 40, 10.0
# A fall counts from this share of the possible gain.
LEAST_FALL = 0.01
# Pairs an iteration of ZPG, which spends the same votes; its setting is one for all.
ZPG_PAIRS, ZPG_SETTING = 4, (1, 1)
KEYS = ("instance", "richness", "n_pairs", "n_queries", "ridge", "kl")


@dataclass(frozen=True)
class OverfittingCell:
    """All ridges and weights of the KL divergence, for one richness and one size of the data.

    Attributes
    ----------
    instance : str or Instance
    richness : str
    n_pairs, n_queries : int
    n_seeds, entropy : int
    """

    instance: str | Instance
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

    A reward is learned once, and a policy is trained on it by PPO with exact advantages. Rewards and policy depend on
    state and action alone, or on the step as well. Pairs come from the start.

    Parameters
    ----------
    instances : sequence of str
    pairs, queries : sequences of int
        All pairs, and votes a pair.
    n_seeds : int
        An even number.
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per point: `KEYS`, ``seed``, ``iteration``, ``true_gain`` and ``learned_gain``, both as shares of the
        possible true gain. Rows with ``ridge`` and ``kl`` nan are of ZPG with the same votes, which learns no reward.
    """
    how = execution or Execution()
    cells = [OverfittingCell(*setting, n_seeds, how.seed) for setting in product(instances, RICHNESS, pairs, queries)]
    return pd.concat(run_tasks(run_overfitting, cells, lambda cell: cell.n_pairs, how), ignore_index=True)


def run_overfitting(cell: OverfittingCell) -> pd.DataFrame:
    """Rows of `overfitting_paths` for one cell."""
    given = find("instance", cell.instance)
    link = informative_link(given)
    instance = replace(by_step(given) if cell.richness == PER_STEP else given, link=link)
    mdp, policy = instance.mdp, instance.policy
    key = [cell.entropy, 14, RICHNESS.index(cell.richness), cell.n_pairs, cell.n_queries]
    drawing, perturbing = np.random.default_rng(key).spawn(2)
    asked = PreferenceFeedback(np.asarray(cell.n_pairs), "law", VoteModel(link, cell.n_queries))
    starts, stages = np.tile(instance.start, (cell.n_seeds, 1)), len(mdp.expected_reward)
    data = collect(mdp, policy, starts, asked, stages, Streams.of(drawing))
    settings = list(product(RIDGES, KLS))
    with threadpool_limits(limits=1):
        fits = {ridge: fit_few_pairs(RewardModel(link, ridge), data) for ridge in RIDGES}
        learned = np.concatenate([fits[ridge] for ridge, _ in settings]).reshape(-1, *mdp.expected_reward.shape)
        kl = np.repeat([weight for _, weight in settings], cell.n_seeds) * getattr(link, "scale", 1.0)
        paths = train_policies(
            instance, learned, n_iterations=N_ITERATIONS, step_size=STEP_SIZE, kl=kl, n_points=N_POINTS
        )
        promised = _gains(instance, paths, learned)
        found = _gains(instance, paths, mdp.expected_reward)
        perturbed = _perturbing(instance, cell, perturbing)
    when = np.rint(np.linspace(0, N_ITERATIONS, N_POINTS + 1)[1:]).astype(int)
    known: dict[str, Any] = {
        "ridge": np.repeat([ridge for ridge, _ in settings], cell.n_seeds),
        "kl": np.repeat([weight for _, weight in settings], cell.n_seeds),
        "seed": np.tile(np.arange(cell.n_seeds), len(settings)),
    }
    frames = [
        pd.DataFrame(known | {"iteration": t, "true_gain": true, "learned_gain": told})
        for t, true, told in zip(when, found, promised, strict=True)
    ]
    frame = pd.concat([*frames, perturbed], ignore_index=True)
    settled = {"instance": given.name, "richness": cell.richness, "n_pairs": cell.n_pairs, "n_queries": cell.n_queries}
    return frame.assign(**settled)


def falls(paths: pd.DataFrame) -> pd.DataFrame:
    """Fall of the true gain from its peak to the end, for every cell of the grid.

    The peak of the mean path of one half of the seeds is where the fall of the other half is measured from, and the
    other way round. So the choice of the peak does not favour a fall.

    Parameters
    ----------
    paths : DataFrame
        Of `overfitting_paths`.

    Returns
    -------
    DataFrame
        One row per cell: `KEYS`, ``fall`` with 95% t limits, ``rise`` (of the learned gain over the same time),
        ``final`` (true gain at the end), ``promised`` (learned gain at the end) and ``overfits``: the lower limit of
        the fall is above 0, the fall is at least 1% of the possible gain, and the learned gain rises. ``possible`` is
        whether the limits leave room for this. ``p_holm`` is the one-sided p-value of no fall, after Holm over the grid
        of the learned rewards.
    """
    rows = []
    for key, part in paths.groupby(list(KEYS), sort=False, dropna=False):
        true, told = (
            part.pivot(index="seed", columns="iteration", values=name).to_numpy()
            for name in ("true_gain", "learned_gain")
        )
        fell, rose = np.empty(len(true)), np.empty(len(true))
        for half in (0, 1):
            peak = int(true[1 - half :: 2].mean(axis=0).argmax())
            fell[half::2] = true[half::2, peak] - true[half::2, -1]
            rose[half::2] = told[half::2, -1] - told[half::2, peak]
        found = mean_interval(fell)
        row = dict(zip(KEYS, key, strict=True))
        row |= {"fall": float(found.mean), "low": float(found.low), "high": float(found.high)}
        spread = fell.std(ddof=1) / np.sqrt(len(fell))
        row["p_holm"] = float(stdtr(len(fell) - 1, -fell.mean() / spread)) if spread > 0 else 1.0
        row["possible"] = row["high"] >= LEAST_FALL
        row |= {"rise": float(rose.mean()), "final": float(true[:, -1].mean()), "promised": float(told[:, -1].mean())}
        rows.append(row | {"overfits": row["low"] > 0 and row["fall"] >= LEAST_FALL and row["rise"] > 0})
    frame = pd.DataFrame(rows)
    grid = frame["ridge"].notna()
    frame.loc[grid, "p_holm"] = holm(frame.loc[grid, "p_holm"].to_numpy())
    return frame


def extent(fallen: pd.DataFrame) -> pd.DataFrame:
    """Share of the cells that overfit, over the whole grid and for each value of each setting.

    Parameters
    ----------
    fallen : DataFrame
        Of `falls`. Rows of ZPG are left out.

    Returns
    -------
    DataFrame
        ``setting``, ``value``, ``cells``, ``overfit``, ``share``, ``possible`` (the share of cells where it is not
        excluded), ``sure`` (cells that overfit and have a p-value of at most 5% after Holm), the largest ``fall``, and
        ``below_start``: the number of cells whose mean true gain at the end is negative.
    """
    grid = fallen[fallen["ridge"].notna()]
    groups = [("all", "", grid)]
    groups += [(name, f"{value}", part) for name in KEYS for value, part in grid.groupby(name, sort=False)]
    rows = []
    for setting, value, part in groups:
        n, hits = len(part), int(part["overfits"].sum())
        row = {"setting": setting, "value": value, "cells": n, "overfit": hits, "share": hits / n}
        row |= {"possible": float(part["possible"].mean())}
        row["sure"] = int((part["overfits"] & (part["p_holm"] <= 0.05)).sum())
        rows.append(row | {"fall": part["fall"].max(), "below_start": int((part["final"] < 0).sum())})
    return pd.DataFrame(rows)


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


def _gains(instance: Instance, paths: FloatArray, rewards: FloatArray) -> FloatArray:
    """Gains over the start under given rewards, (n_points, B), as shares of the possible true gain."""
    mdp, policy = instance.mdp, instance.policy
    possible = optimal_value(mdp) - float(policy_value(mdp, policy, instance.start))
    base = additive_moments(mdp, policy, instance.start, rewards)[0]
    return np.asarray([(additive_moments(mdp, policy, theta, rewards)[0] - base) / possible for theta in paths])


def _perturbing(instance: Instance, cell: OverfittingCell, rng: np.random.Generator) -> pd.DataFrame:
    """Path of ZPG that spends the same votes, as long as they last."""
    method = find("method", "zpg")
    step, knob = method.settings(instance).setting(ZPG_SETTING)
    asked = PreferenceFeedback(np.asarray(ZPG_PAIRS), "law", VoteModel(instance.link, cell.n_queries))
    learner = method.build(instance.policy.dim, asked, knob)
    start, n_iterations = np.tile(instance.start, (cell.n_seeds, 1)), cell.n_pairs // ZPG_PAIRS
    runs = ascend(instance.mdp, instance.policy, learner, start, n_iterations, step, rng)
    ends = policy_value(instance.mdp, instance.policy, runs.theta)
    values = np.column_stack([runs.values[:, 1:], ends])
    gains = (values - runs.values[:, :1]) / (optimal_value(instance.mdp) - runs.values[:, :1])
    seeds, iterations = np.indices(gains.shape)
    known = {"ridge": np.nan, "kl": np.nan, "seed": seeds.ravel(), "iteration": iterations.ravel() + 1}
    return pd.DataFrame(known | {"true_gain": gains.ravel(), "learned_gain": np.nan})
