"""Where the true return falls while the learned one rises, and how much of a grid that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtr

from experiments.statistics.intervals import mean_interval
from experiments.statistics.verdicts import holm
from experiments.studies.joint_overfitting import KEYS

# A fall counts from this share of the possible gain.
LEAST_FALL = 0.01


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
