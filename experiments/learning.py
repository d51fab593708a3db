"""Learning curves: methods on one preference oracle, each tuned by the same rule, as cells that are pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import SeedSequence
from numpy.typing import NDArray
from pandas.core.groupby import SeriesGroupBy
from threadpoolctl import threadpool_limits

from estimators import Ascent, PreferenceFeedback, ascend
from experiments.instances import get_instance
from experiments.methods import N_SETTINGS, Setting, get_method
from experiments.runner import Backend, Progress, run_tasks
from theory import InputError, Link, VoteModel, policy_value

FloatArray = NDArray[np.float64]

# The rule of tuning, the same for every method: all settings run on some seeds, the best few of them on more, and the
# best of these is kept, by the mean value over the last tenth of the iterations. (settings, seeds) of each round:
ROUNDS = ((N_SETTINGS, 4), (3, 12))
SCORED = 0.1
# Seeds of one cell.
BLOCK = 20
# Points of a curve.
N_POINTS = 60


@dataclass(frozen=True)
class Entry:
    """One method with one budget, on one instance.

    Attributes
    ----------
    method, instance : str
    n_iterations : int
        T.
    n_pairs : int
        Trajectory pairs an iteration, N; methods that see returns get 2 N trajectories.
    n_queries : int or inf
        Votes a pair, M.
    link : Link
        Assumed by the methods, and used by the raters unless `rater_link` is given.
    rater_link : Link, optional
        Used by the raters. Settings are tuned without it: who assumes a wrong link does not know.
    """

    method: str
    instance: str
    n_iterations: int
    n_pairs: int
    n_queries: float
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

    @property
    def fields(self) -> dict[str, Any]:
        """What tells entries apart in frames; links are in words."""
        numbers = {name: getattr(self, name) for name in self.FIELDS[:-2]}
        return numbers | {"assumed": _words(self.link), "raters": _words(self.rater_link or self.link)}

    def __post_init__(self) -> None:
        get_method(self.method)
        if self.rater_link == self.link:
            object.__setattr__(self, "rater_link", None)
        for name in ("n_iterations", "n_pairs", "n_queries"):
            if not getattr(self, name) >= 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class LearningCell:
    """Settings of an entry, each run on the same number of seeds.

    Attributes
    ----------
    entry : Entry
    settings : tuple of (step size, knob)
    first_seed, n_seeds : int
        Seeds ``first_seed <= s < first_seed + n_seeds``.
    entropy : int
    spawn_key : tuple of int
        The same for every method: those that draw the same things draw the same numbers, which pairs them.
    """

    entry: Entry
    settings: tuple[Setting, ...]
    first_seed: int
    n_seeds: int
    entropy: int
    spawn_key: tuple[int, ...]

    @property
    def instance(self) -> str:
        """Name of the instance."""
        return self.entry.instance


def run_learning(cell: LearningCell, fingerprint: str = "") -> pd.DataFrame:  # noqa: ARG001  (part of the cache's key)
    """Run a cell.

    Returns
    -------
    DataFrame
        Columns ``setting`` (its number), ``step_size``, ``knob``, ``seed``, ``iteration``, ``trajectories``, ``votes``
        (spent so far) and ``value`` (exact), at 60 iterations from 0 to T, and ``score`` (mean value over the last
        tenth of the iterations).
    """
    entry, instance = cell.entry, get_instance(cell.entry.instance)
    rng = np.random.default_rng(SeedSequence(cell.entropy, spawn_key=cell.spawn_key))
    step, knob = (np.array(column)[:, None] for column in zip(*cell.settings, strict=True))
    start = np.broadcast_to(instance.start, (len(cell.settings), cell.n_seeds, instance.policy.dim))
    learner = get_method(entry.method).build(instance.policy.dim, oracle(entry), knob)
    # Sums inside a matrix product depend on the number of threads; one makes the bytes the same everywhere.
    with threadpool_limits(limits=1):
        try:
            runs = ascend(instance.mdp, instance.policy, learner, start, entry.n_iterations, step, rng)
        except FloatingPointError as error:
            raise InputError(f"{entry.method} on {entry.instance} with {_words(entry.link)}: {error}") from error
        values = np.concatenate([runs.values, policy_value(instance.mdp, instance.policy, runs.theta)[..., None]], -1)
    return _curves(cell, runs, values)


def oracle(entry: Entry) -> PreferenceFeedback:
    """The preference oracle of an entry: its raters, votes and pairs, with the exact law where there is one."""
    sampler = "rollout" if get_instance(entry.instance).mdp.reward_lattice is None else "law"
    votes = VoteModel(entry.link, entry.n_queries, rater_link=entry.rater_link)
    return PreferenceFeedback(np.asarray(entry.n_pairs), sampler, votes)  # type: ignore[arg-type]


def _curves(cell: LearningCell, runs: Ascent, values: FloatArray) -> pd.DataFrame:
    last = cell.entry.n_iterations
    shown = np.unique(np.rint(np.linspace(0, last, min(N_POINTS, last + 1))).astype(int))
    scores = values[..., -max(1, round(SCORED * last)) :].mean(axis=-1)
    seeds = cell.first_seed + np.arange(cell.n_seeds)
    setting, seed, iteration = (
        axis.ravel() for axis in np.meshgrid(np.arange(len(cell.settings)), seeds, shown, indexing="ij")
    )
    step, knob = np.array(cell.settings)[setting].T
    return pd.DataFrame(
        cell.entry.fields
        | {
            "setting": setting,
            "step_size": step,
            "knob": knob,
            "seed": seed,
            "iteration": iteration,
            "trajectories": _spent(runs.n_trajectories, iteration / last),
            "votes": _spent(runs.n_votes, iteration / last),
            "value": values[..., shown].ravel(),
            "score": np.repeat(scores.ravel(), len(shown)),
        }
    )


def _spent(total: FloatArray, share: FloatArray) -> FloatArray:
    """Share of a total that may be infinite: nothing of it at the start."""
    return np.multiply(float(total), share, where=share > 0, out=np.zeros_like(share))


@dataclass(frozen=True, eq=False)
class Learning:
    """Curves of tuned methods.

    Attributes
    ----------
    curves : DataFrame
        Rows of `run_learning` for the settings chosen.
    tuning : DataFrame
        One row an entry and setting: fields of the entry, ``step_size``, ``knob``, ``score``, ``seeds`` that it was
        scored on, ``rank``, ``chosen``, ``at_edge`` for a step size that is the smallest or largest tried with its
        knob, and ``knob_at_edge`` for the smallest and largest knob: if it is chosen, a wider grid might do better.
    """

    curves: pd.DataFrame
    tuning: pd.DataFrame


def learn(
    entries: Sequence[Entry],
    n_seeds: int,
    *,
    seed: int = 0,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Learning:
    """Tune every entry by the same rule, then run it on seeds of their own.

    Parameters
    ----------
    entries : sequence of Entry
    n_seeds : int
        At least 2; runs of the chosen setting.
    seed, jobs, backend, cache, progress
        See `run_cells`.

    Raises
    ------
    InputError
        If there are fewer than two seeds or no entries.
    """
    if n_seeds < 2 or not entries:
        raise InputError(f"n_seeds must be at least 2 and entries at least one, got {n_seeds} and {len(entries)}")
    blind = {entry: replace(entry, rater_link=None) for entry in entries}
    different = list(dict.fromkeys(blind.values()))
    blocks = [(first, min(BLOCK, n_seeds - first)) for first in range(0, n_seeds, BLOCK)]
    total = len(different) * len(ROUNDS) + len(entries) * len(blocks)
    done = 0

    def run(cells: list[LearningCell]) -> pd.DataFrame:
        nonlocal done
        before, done = done, done + len(cells)
        report = (lambda number, _: progress(before + number, total)) if progress else None
        return run_tasks(run_learning, cells, _work, jobs=jobs, backend=backend, cache=cache, progress=report)

    tuning = _tune(different, seed, run)
    best = {entry: kept[0] for entry, kept in _best(tuning, different, 1).items()}
    finals = [
        _cell(entry, (best[blind[entry]],), first, n, seed, (1, first)) for entry in entries for first, n in blocks
    ]
    return Learning(run(finals), tuning)


def _words(link: Link) -> str:
    """Name of a link that is the same in every process, which the address in a plain object's is not."""
    return type(link).__qualname__ if type(link).__repr__ is object.__repr__ else str(link)


def settings_of(entry: Entry) -> tuple[Setting, ...]:
    """Settings that an entry is tuned over."""
    return get_method(entry.method).settings(replace(get_instance(entry.instance), link=entry.link))


def _cell(
    entry: Entry, settings: tuple[Setting, ...], first: int, n_seeds: int, seed: int, stage: tuple[int, int]
) -> LearningCell:
    return LearningCell(entry, settings, first, n_seeds, seed, (zlib.crc32(entry.instance.encode()), *stage))


def _tune(entries: list[Entry], seed: int, run: Callable[[list[LearningCell]], pd.DataFrame]) -> pd.DataFrame:
    """Play the rounds; seeds of earlier ones count in later ones."""
    kept = {entry: settings_of(entry) for entry in entries}
    pilots: list[pd.DataFrame] = []
    first = 0
    for number, (n_kept, n_seeds) in enumerate(ROUNDS):
        if pilots:
            kept = _best(_ranked(pd.concat(pilots)), entries, n_kept)
        pilots.append(run([_cell(entry, kept[entry], first, n_seeds, seed, (0, number)) for entry in entries]))
        first += n_seeds
    return _ranked(pd.concat(pilots))


def _ranked(pilots: pd.DataFrame) -> pd.DataFrame:
    """Mean score of every setting over its seeds; those in the last round first, then the best, the first of equals."""
    fields = list(Entry.FIELDS)
    groups = pilots.groupby([*fields, "step_size", "knob"], sort=False, dropna=False)
    scores = groups.agg(score=("score", "mean"), seeds=("seed", "nunique")).reset_index()
    order = scores.sort_values(["seeds", "score"], ascending=False, kind="stable")
    steps = scores.groupby([*fields, "knob"], sort=False, dropna=False)["step_size"]
    knobs = scores.groupby(fields, sort=False)["knob"]
    return scores.assign(
        rank=order.groupby(fields, sort=False).cumcount(),
        chosen=lambda frame: frame["rank"] == 0,
        at_edge=_at_edge(scores["step_size"], steps),
        knob_at_edge=_at_edge(scores["knob"], knobs),
    )


def _at_edge(values: pd.Series, groups: SeriesGroupBy) -> pd.Series:
    """Whether each value is the least or the largest of its group; a single one has no edge."""
    low, high = groups.transform("min"), groups.transform("max")
    return ((values == low) | (values == high)) & (low < high)


def _best(tuning: pd.DataFrame, entries: list[Entry], n_kept: int) -> dict[Entry, tuple[Setting, ...]]:
    """The best settings of each entry, best first."""
    top = tuning[tuning["rank"] < n_kept].sort_values("rank", kind="stable")
    by_entry = dict(list(top.groupby(list(Entry.FIELDS), sort=False)))
    found = {entry: by_entry[tuple(entry.fields.values())][["step_size", "knob"]] for entry in entries}
    return {entry: tuple((float(a), float(b)) for a, b in rows.to_numpy()) for entry, rows in found.items()}


def _work(cell: LearningCell) -> float:
    # Methods that keep all pairs and look at them again take longest.
    weight = {"ppo": 4.0, "dpo": 3.0, "exact": 0.2}.get(cell.entry.method.partition("-")[0], 1.0)
    return weight * cell.n_seeds * len(cell.settings) * cell.entry.n_iterations
