"""Certificates: bounds with every constant proved, counted by instance and method."""

from __future__ import annotations

import pandas as pd

from paper_figures.report.entries import Grid, short

COLUMNS = ("instance", "method", "cells", "exceeded", "informative", "largest measured / certificate")


def certificate_frame(certificates: pd.DataFrame) -> pd.DataFrame:
    """One row per instance and method.

    Parameters
    ----------
    certificates : DataFrame
        Of `RateResults`, one row a cell.

    Returns
    -------
    DataFrame
        ``cells``, those ``exceeded`` (measured above its bound), those that are ``informative`` (the bound is below
        |grad V|^2 at the start, so that a run that never moved would exceed it), and the largest measured / bound.
    """
    if certificates.empty:
        return pd.DataFrame(columns=COLUMNS)
    groups = certificates.groupby(["instance", "method"], sort=False)
    table = groups.agg(
        cells=("ratio", "size"),
        exceeded=("ratio", lambda ratio: int((ratio > 1).sum())),
        informative=("informative", "sum"),
        largest=("ratio", "max"),
    )
    return table.reset_index().rename(columns={"largest": COLUMNS[-1]})


def certificate_grid(frame: pd.DataFrame) -> Grid:
    """The same as texts."""
    counts = [(*map(str, row[:-1]), short(row[-1])) for row in frame.itertuples(index=False, name=None)]
    return Grid(COLUMNS, tuple(counts))
