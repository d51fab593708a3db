"""Learning curves of methods on one preference oracle, each tuned by the same rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from experiments.comparison.learning_cells import Entry, LearningCell, learning_cell, learning_work, run_learning
from experiments.comparison.tuning import best_settings, tune
from experiments.running.execution import Execution
from experiments.running.run_tasks import run_tasks
from theory import InputError
from theory.errors import require_integer

# Seeds of one cell.
BLOCK = 20


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
        At least 2; the number of runs with the chosen setting.
    execution : Execution, optional
        The total of the progress grows when a grid grows.

    Raises
    ------
    InputError
        If there are fewer than two seeds, or no entries.
    """
    require_integer("n_seeds", n_seeds, 2)
    if not entries:
        raise InputError("entries must hold at least one, got none; write Entry(method, instance, budget, link)")
    how = execution or Execution()
    blind = {entry: replace(entry, rater_link=None) for entry in entries}
    different = list(dict.fromkeys(blind.values()))
    blocks = [(first, min(BLOCK, n_seeds - first)) for first in range(0, n_seeds, BLOCK)]
    sure = 2 * len(different) + len(entries) * len(blocks)
    done = grown = 0

    def run(cells: list[LearningCell], *, extra: int = 0) -> pd.DataFrame:
        nonlocal done, grown
        before, done, grown = done, done + len(cells), grown + extra
        progress = how.progress
        report = (lambda number, _: progress(before + number, sure + grown)) if progress else None
        frames = run_tasks(run_learning, cells, learning_work, replace(how, progress=report))
        return pd.concat(frames, ignore_index=True)

    tuning = tune(different, how.seed, run)
    best = {entry: indices[0] for entry, indices in best_settings(tuning, different, 1).items()}
    finals = [
        learning_cell(entry, (best[blind[entry]],), first, n, how.seed, (1, first))
        for entry in entries
        for first, n in blocks
    ]
    return Learning(run(finals), tuning)
