"""The test of a slope on measured replicates: coverage and one-sided errors at one look, without a family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from experiments.rates.pools import Pool
from experiments.rates.tasks import Measured
from experiments.statistics.binomial import rate_of
from experiments.statistics.power_law import fit_slopes
from theory.errors import InputError

# Level of each one-sided test.
ONE_SIDED = 0.025
REPLICATES = (8, 16, 32, 128)
# Resamples drawn at once, to bound the memory.
BLOCK = 500


def single_looks(
    claim: Measured, pool: Pool, n_resamples: int, rng: np.random.Generator, replicates: Sequence[int] = REPLICATES
) -> pd.DataFrame:
    """Resample a pool, with the true slope on the boundary of the claim, and count wrong calls.

    Parameters
    ----------
    claim : Claim or SampledClaim
    pool : Pool
        Measured replicates of the claim.
    n_resamples : int
    rng : numpy.random.Generator
    replicates : sequence of int
        Sizes of a resample, each at least 2.

    Returns
    -------
    DataFrame
        One row a size and ``measure`` (``coverage`` of the 95% interval; ``wrong HOLDS`` and ``wrong VIOLATED``, each
        promised 2.5%), with ``claim, skewness, replicates, count, n, rate, low, high``: exact 95% intervals.

    Raises
    ------
    InputError
        If n_resamples is below 1.
    """
    if n_resamples < 1:
        raise InputError(f"n_resamples must be at least 1, got {n_resamples}; 2000 is usual")
    x = np.array(claim.grid)
    rows, skewness = [], pool.skewness(x)
    for size in replicates:
        parts = [min(BLOCK, n_resamples - first) for first in range(0, n_resamples, BLOCK)]
        fits = [fit_slopes(x, pool.draw(x, (part, size), rng)) for part in parts]
        less, greater = np.hstack([(fit.p_less(0.0), fit.p_greater(0.0)) for fit in fits])
        holds, violated = (less, greater) if claim.limit == "infinity" else (greater, less)
        measures = {
            "coverage": np.minimum(less, greater) > ONE_SIDED,
            "wrong HOLDS": holds <= ONE_SIDED,
            "wrong VIOLATED": violated <= ONE_SIDED,
        }
        for measure, happened in measures.items():
            known = {"claim": claim.name, "skewness": skewness, "replicates": size, "measure": measure}
            rows.append(known | rate_of(happened))
    return pd.DataFrame(rows)
