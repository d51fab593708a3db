"""Cells of learning curves: pure tasks that run one method with a few settings."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import SeedSequence

from estimators import Ascent, PreferenceFeedback, ascend
from experiments.catalogue.claims import name_of
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.catalogue.method import Method
from experiments.catalogue.setting_grid import GridIndex, SettingGrid
from experiments.comparison.budget import Budget
from theory import InputError, Link, VoteModel, policy_value
from theory.arrays import FloatArray, IntArray

# Settings are scored by the mean value over the last iterations, this share of all.
SCORED = 0.1
# Points per curve.
N_POINTS = 60


@dataclass(frozen=True)
class Entry:
    """One method with one budget, on one instance.

    Attributes
    ----------
    method : str or Method
    instance : str or Instance
    budget : Budget
    link : Link
        Assumed by the methods, and used by the raters unless `rater_link` is given.
    rater_link : Link, optional
        Used by the raters. Settings are tuned without it, because a user who assumes a wrong link does not know it.
    """

    method: str | Method
    instance: str | Instance
    budget: Budget
    link: Link
    rater_link: Link | None = None

    FIELDS: ClassVar[tuple[str, ...]] = (
        "method",
        "instance",
        "n_iterations",
        "n_pairs",
        "n_queries",
        "assumed",
        "raters",
    )

    def __post_init__(self) -> None:
        find("method", self.method)
        if self.rater_link == self.link:
            object.__setattr__(self, "rater_link", None)

    @property
    def fields(self) -> dict[str, Any]:
        """Columns that identify an entry in frames. Links are given in words."""
        budget = self.budget
        values = (
            *(name_of(self.method), name_of(self.instance)),
            *(budget.n_iterations, budget.n_pairs, budget.n_queries),
            *(_words(self.link), _words(self.rater_link or self.link)),
        )
        return dict(zip(self.FIELDS, values, strict=True))


@dataclass(frozen=True)
class LearningCell:
    """Some settings of an entry, each run on the same seeds.

    Attributes
    ----------
    entry : Entry
    indices : tuple of GridIndex
        Indices of the settings on the method's grid.
    first_seed, n_seeds : int
        Seeds ``first_seed <= s < first_seed + n_seeds``.
    entropy : int
    spawn_key : tuple of int
        Cells with the same key that draw the same things draw the same numbers, which pairs them.
    """

    entry: Entry
    indices: tuple[GridIndex, ...]
    first_seed: int
    n_seeds: int
    entropy: int
    spawn_key: tuple[int, ...]

    @property
    def instance(self) -> str | Instance:
        """The instance, or its name."""
        return self.entry.instance

    @property
    def method(self) -> str | Method:
        """The method, or its name."""
        return self.entry.method


def run_learning(cell: LearningCell) -> pd.DataFrame:
    """Run a cell.

    Returns
    -------
    DataFrame
        Columns ``step_index`` and ``knob_index`` (on the grid), ``step_size``, ``knob``, ``seed``, ``iteration``,
        ``trajectories``, ``votes`` (spent so far) and ``value`` (exact), at 60 iterations from 0 to T, and ``score``
        (mean value over the last tenth of the iterations).
    """
    entry, instance, method = cell.entry, find("instance", cell.instance), find("method", cell.method)
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    step, knob = _settings(cell).T[..., None]
    start = np.broadcast_to(instance.start, (len(cell.indices), cell.n_seeds, instance.policy.dim))
    learner = method.build(instance.policy.dim, oracle(entry), knob)
    last = entry.budget.n_iterations
    try:
        parts = (instance.mdp, instance.policy, learner, start, last, step, rng)
        runs = ascend(*parts, recorded=1 + _seen(last)[:-1])
    except FloatingPointError as error:
        raise InputError(
            f"{name_of(entry.method)} on {name_of(entry.instance)} with {_words(entry.link)}: {error}; "
            "or leave this method out, or assume another link"
        ) from error
    values = np.concatenate([runs.values, policy_value(instance.mdp, instance.policy, runs.theta)[..., None]], -1)
    return _curves(cell, runs, values)


def oracle(entry: Entry) -> PreferenceFeedback:
    """The preference oracle of an entry. For every method, all pairs are simulated and all votes are drawn."""
    votes = VoteModel(entry.link, entry.budget.n_queries, rater_link=entry.rater_link)
    return PreferenceFeedback(np.asarray(entry.budget.n_pairs), "rollout", votes)


def _curves(cell: LearningCell, runs: Ascent, values: FloatArray) -> pd.DataFrame:
    last = cell.entry.budget.n_iterations
    seen, shown = _seen(last), _shown(last)
    scores = values[..., np.searchsorted(seen, _scored(last))].mean(axis=-1)
    seeds = cell.first_seed + np.arange(cell.n_seeds)
    setting, seed, iteration = (
        axis.ravel() for axis in np.meshgrid(np.arange(len(cell.indices)), seeds, shown, indexing="ij")
    )
    step, knob = _settings(cell)[setting].T
    step_index, knob_index = np.array(cell.indices)[setting].T
    return pd.DataFrame(
        cell.entry.fields
        | {
            "step_index": step_index,
            "knob_index": knob_index,
            "step_size": step,
            "knob": knob,
            "seed": seed,
            "iteration": iteration,
            "trajectories": _spent(np.broadcast_to(runs.n_trajectories, values.shape[:-1]), iteration / last),
            "votes": _spent(np.broadcast_to(runs.n_votes, values.shape[:-1]), iteration / last),
            "value": values[..., np.searchsorted(seen, shown)].ravel(),
            "score": np.repeat(scores.ravel(), len(shown)),
        }
    )


def _shown(last: int) -> IntArray:
    """Iterations of the curve, from 0 to the last."""
    return np.unique(np.rint(np.linspace(0, last, min(N_POINTS, last + 1))).astype(int))


def _scored(last: int) -> IntArray:
    """Iterations that count for the score."""
    return np.arange(last + 1 - max(1, round(SCORED * last)), last + 1)


def _seen(last: int) -> IntArray:
    """Iterations with an exact value: the others would cost as much as the method itself."""
    return np.union1d(_shown(last), _scored(last))


def _settings(cell: LearningCell) -> FloatArray:
    """Step sizes and knobs of a cell, (settings, 2)."""
    grid = grid_of(cell.entry)
    return np.array([grid.setting(index) for index in cell.indices])


def _spent(total: FloatArray, share: FloatArray) -> FloatArray:
    """Share of the total of each run, which may be infinite. It is 0 at the start."""
    each = np.repeat(total.ravel().astype(np.float64), share.size // total.size)
    return np.multiply(each, share, where=share > 0, out=np.zeros_like(share))


def _words(link: Link) -> str:
    """Name of a link that is the same in every process. The default repr of an object has its address, which is not."""
    return type(link).__qualname__ if type(link).__repr__ is object.__repr__ else str(link)


def grid_of(entry: Entry) -> SettingGrid:
    """Settings that an entry may be tuned over."""
    return find("method", entry.method).settings(replace(find("instance", entry.instance), link=entry.link))


def learning_cell(
    entry: Entry, indices: tuple[GridIndex, ...], first_seed: int, n_seeds: int, seed: int, stage: tuple[int, ...]
) -> LearningCell:
    """Cell whose random stream depends on the instance, the stage and the seed, and on nothing else of the entry."""
    spawn_key = (zlib.crc32(name_of(entry.instance).encode()), *stage)
    return LearningCell(entry, indices, first_seed, n_seeds, seed, spawn_key)


def learning_work(cell: LearningCell) -> float:
    """Approximate time of a cell. Methods that keep all pairs and use them again take longest."""
    work = find("method", cell.method).work
    return work * cell.n_seeds * len(cell.indices) * cell.entry.budget.n_iterations


def can_run(entry: Entry) -> bool:
    """Whether a method can be built with this split: four directions, for instance, need four pairs."""
    method, instance = find("method", entry.method), find("instance", entry.instance)
    grid = grid_of(entry)
    try:
        method.build(instance.policy.dim, oracle(entry), np.array(grid.setting(grid.first[0]).knob))
    except InputError:
        return False
    return True
