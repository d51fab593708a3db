"""Learning curves of methods on one preference oracle, each tuned by the same rule."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from experiments.catalogue.claims import name_of
from experiments.comparison.learning_cells import Entry, LearningCell, learning_cell, learning_work, run_learning
from experiments.comparison.tuning import chosen_setting, n_kept, tune
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from theory import InputError
from theory.errors import require_integer

# Seeds of one cell: many, since an iteration of 50 runs takes little longer than one of 20.
BLOCK = 50


@dataclass(frozen=True, eq=False)
class Learning:
    """Curves of tuned methods.

    Attributes
    ----------
    curves : DataFrame
        Rows of `run_learning` for the chosen settings.
    tuning : DataFrame
        See `tune`.
    """

    curves: pd.DataFrame
    tuning: pd.DataFrame


def learn(entries: Sequence[Entry], n_seeds: int, execution: Execution | None = None) -> Learning:
    """Tune every entry by the same rule, then run it on new seeds.

    Parameters
    ----------
    entries : sequence of Entry
    n_seeds : int
        At least 2; the number of runs with the chosen setting. Entries that draw the same things draw the same numbers.
    execution : Execution, optional
        The total of the progress grows when a grid grows.

    Raises
    ------
    InputError
        If there are fewer than two seeds, or no entries.
    """
    return _learn([(entry,) for entry in entries], n_seeds, chosen_execution(execution), paired=True)


def learn_best_splits(groups: Sequence[Sequence[Entry]], n_seeds: int, execution: Execution | None = None) -> Learning:
    """Tune every group by the same rule, with the split as one more axis, then run the best of it on new seeds.

    Parameters
    ----------
    groups : sequence of sequences of Entry
        The entries of a group differ in the split of one budget.
    n_seeds : int
        At least 2. Final runs of different methods share no random number, so that their results are independent.
    execution : Execution, optional

    Raises
    ------
    InputError
        If there are fewer than two seeds, no groups, or an empty one.
    """
    return _learn(groups, n_seeds, chosen_execution(execution), paired=False)


def _learn(groups: Sequence[Sequence[Entry]], n_seeds: int, how: Execution, *, paired: bool) -> Learning:
    require_integer("n_seeds", n_seeds, 2)
    if not groups or not all(groups):
        raise InputError("entries must hold at least one, got none; write Entry(method, instance, budget, link)")
    blind = [tuple(replace(entry, rater_link=None) for entry in group) for group in groups]
    different = list(dict.fromkeys(blind))
    blocks = [(first, min(BLOCK, n_seeds - first)) for first in range(0, n_seeds, BLOCK)]
    sure = sum(len(group) + n_kept(group) for group in different) + len(groups) * len(blocks)
    done = grown = 0

    def run(cells: list[LearningCell], *, extra: int = 0) -> pd.DataFrame:
        nonlocal done, grown
        before, done, grown = done, done + len(cells), grown + extra
        progress = how.progress
        report = (lambda number, _: progress(before + number, sure + grown)) if progress else None
        frames = run_tasks(run_learning, cells, learning_work, replace(how, progress=report))
        return pd.concat(frames, ignore_index=True)

    if how.progress:
        how.progress(0, sure)
    tuning = tune(different, how.seed, run)
    finals = []
    for group, seen in zip(groups, blind, strict=True):
        entry, index = chosen_setting(tuning, seen)
        real = group[seen.index(entry)]
        own = () if paired else (zlib.crc32(name_of(entry.method).encode()),)
        finals += [learning_cell(real, (index,), first, n, how.seed, (1, first, *own)) for first, n in blocks]
    return Learning(run(finals), tuning)
