"""Replicates that repeat each other are not independent, and no standard error can be had from them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from experiments.statistics.skewness import SkewedEstimate

# Replicates are equal if they differ by no more than rounding, which may depend on their place in a batch: by less than
# this share of each value.
ROUNDING = 2.0**-36
REPEATED = (
    "replicates repeat each other, so the sampling error is not known; "
    "draw from the streams that are passed, take longer runs where so few outcomes exist that runs coincide, "
    "or declare Method(..., deterministic=True) where nothing is drawn"
)


def repeat_each_other(values: ArrayLike) -> bool:
    """Whether two replicates are equal at all points, up to rounding.

    Parameters
    ----------
    values : array (n_points, n_replicates) or (n_replicates,)
    """
    columns = np.atleast_2d(np.asarray(values, dtype=float))
    shares, powers = np.frexp(columns)
    keys = np.vstack([np.rint(shares / ROUNDING), powers])
    return bool(np.unique(keys, axis=1).shape[1] < columns.shape[1])


def unless_repeated(estimate: SkewedEstimate, values: ArrayLike) -> SkewedEstimate:
    """The estimate, with an infinite standard error if replicates repeat each other: nothing then follows from it."""
    if not repeat_each_other(values):
        return estimate
    return replace(estimate, standard_error=np.full_like(estimate.standard_error, math.inf))


def why_unknown(estimate: SkewedEstimate) -> str:
    """Why nothing is known of the error of an estimate; empty if it is known."""
    return REPEATED if np.isinf(estimate.standard_error).any() else ""
