"""The rate checks: claims in, points and verdicts out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.bounds import bound_points
from experiments.certificates import CertificateCheck
from experiments.claims import Claim
from experiments.fits import PowerLawFit, fit_power_law
from experiments.instances import get_instance
from experiments.runner import Backend, Progress, cells_of, run_cells
from experiments.smoothness import estimate_smoothness
from experiments.verdicts import Outcome, Verdict, judge

N_BOOTSTRAP = 2000


@dataclass(frozen=True, eq=False)
class RateResults:
    """What the rate checks found.

    Attributes
    ----------
    points : DataFrame
        One row a claim and grid point: settings, mean and standard error of the quantity, bound, clip rate.
    verdicts : DataFrame
        One row a claim: slope, interval, stated exponent, verdict, measured / bound and the rest.
    certificates : DataFrame
        One row a certified cell: measured, certificate, their ratio.
    """

    points: pd.DataFrame
    verdicts: pd.DataFrame
    certificates: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every claim holds and no certificate is exceeded."""
        return bool((self.verdicts["outcome"] == Outcome.HOLDS).all() and (self.certificates["ratio"] <= 1).all())


def run_claims(
    claims: Sequence[Claim],
    checks: Sequence[CertificateCheck] = (),
    *,
    seed: int = 0,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> RateResults:
    """Run claims and certificate checks, fit, bound and judge them.

    Parameters
    ----------
    claims : sequence of Claim
    checks : sequence of CertificateCheck
        Runs with a proved smoothness constant and a step small enough.
    seed : int
    jobs, backend, cache, progress
        See `run_cells`.
    """
    began = time.perf_counter()
    groups = [cells_of(claim, seed) for claim in (*claims, *checks)]
    rows = run_cells([cell for group in groups for cell in group], jobs=jobs, backend=backend, cache=cache,
                     progress=progress)
    rng = np.random.default_rng([seed, 1])
    smoothness = {
        name: estimate_smoothness(get_instance(name), np.random.default_rng([seed, 2]))
        for name in sorted({claim.instance for claim in claims})
    }
    points = [_points(claim, rows[rows["claim"] == claim.name], smoothness[claim.instance]) for claim in claims]
    verdicts = []
    for claim, table in zip(claims, points, strict=True):
        own = rows[rows["claim"] == claim.name]
        measured = own.pivot_table(index="point", columns="replicate", values="gradient_norm_sq").to_numpy()
        fit = fit_power_law(claim.grid, measured, n_bootstrap=N_BOOTSTRAP, rng=rng)
        verdicts.append(_verdict_row(claim, fit, judge(fit, claim), table))
    ...
    return None
