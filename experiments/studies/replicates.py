"""Replicates of an experiment, run in batches that fit in memory, and their means with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from experiments.statistics.intervals import mean_interval

# Runs per batch. The data of a batch are in memory together.
LARGEST_BATCH = 20


def batches(n_replicates: int, rng: np.random.Generator) -> Iterator[tuple[int, int, np.random.Generator]]:
    """First replicate, number of replicates and generator of each batch."""
    starts = range(0, n_replicates, LARGEST_BATCH)
    for first, child in zip(starts, rng.spawn(len(starts)), strict=True):
        yield first, min(LARGEST_BATCH, n_replicates - first), child


def mean_over_replicates(frame: pd.DataFrame, by: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """Mean over replicates and its 95% t interval, for each measure in each group.

    Parameters
    ----------
    frame : DataFrame
        One row per replicate.
    by : sequence of str
        Columns that identify a group.
    measures : sequence of str
        Columns to average.

    Returns
    -------
    DataFrame
        Columns `by`, ``measure``, ``mean``, ``low`` and ``high``.

    Raises
    ------
    InputError
        If a group has a single replicate.
    """
    parts = []
    for key, rows in frame.groupby(list(by), sort=False):
        found = mean_interval(rows[list(measures)].to_numpy())
        limits = {"measure": list(measures), "mean": found.mean, "low": found.low, "high": found.high}
        parts.append(pd.DataFrame(dict(zip(by, key, strict=True)) | limits))
    return pd.concat(parts, ignore_index=True)
