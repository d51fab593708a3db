"""The rate checks: claims in, points and verdicts out."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from theory import smoothness_bound

N_BOOTSTRAP = 2000


@dataclass(frozen=True, eq=False)
class RateResults:
    """What the rate checks found.

    Attributes
    ----------
    points : DataFrame
        One row a claim (or certificate check) and grid point: ``claim, algorithm, instance, axis, x``, settings,
        ``mean`` and ``standard_error`` of the quantity over replicates, ``bound``, ``proved``, ``ratio``
        (mean / bound), ``clip_rate``.
    verdicts : DataFrame
        One row a claim: slope, interval, stated exponent, outcome, largest measured / bound and the rest.
    """

    points: pd.DataFrame
    verdicts: pd.DataFrame

    @property
    def certificates(self) -> pd.DataFrame:
        """The points whose bound is proved."""
        return self.points[self.points["proved"]]

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
    """Run claims and certificate checks; bound, fit and judge them.

    Parameters
    ----------
    claims : sequence of Claim
    checks : sequence of CertificateCheck
    seed : int
        The same seed gives the same rows, whatever the rest.
    jobs, backend, cache, progress
        See `run_cells`.
    """
    stated: list[Claim | CertificateCheck] = [*claims, *checks]
    cells = [cell for claim in stated for cell in cells_of(claim, seed)]
    rows = run_cells(cells, jobs=jobs, backend=backend, cache=cache, progress=progress)
    by_claim = dict(tuple(rows.groupby("claim", sort=False)))
    smoothness = {
        name: estimate_smoothness(get_instance(name), np.random.default_rng([seed, 1]))
        for name in sorted({claim.instance for claim in claims})
    }
    points = [_points(claim, by_claim[claim.name], smoothness[claim.instance], proved=False) for claim in claims]
    verdicts = [
        _judged(claim, by_claim[claim.name], table, np.random.default_rng([seed, 2, zlib.crc32(claim.name.encode())]))
        for claim, table in zip(claims, points, strict=True)
    ]
    for check in checks:
        instance = get_instance(check.instance)
        proved = smoothness_bound(instance.mdp, instance.policy)
        points.append(_points(check, by_claim[check.name], proved, proved=True))
    return RateResults(pd.concat(points, ignore_index=True), pd.DataFrame(verdicts))


def _points(claim: Claim | CertificateCheck, rows: pd.DataFrame, smoothness: float, *, proved: bool) -> pd.DataFrame:
    """Means over replicates beside the bound, one row a grid point."""
    instance = get_instance(claim.instance)
    grid = claim.points(instance)
    settings = ["algorithm", "instance", "n_iterations", "n_pairs", "n_queries", "radius", "step_size"]
    table = rows.groupby("point").agg(
        claim=("claim", "first"),
        **{name: (name, "first") for name in settings},
        replicates=("replicate", "size"),
        mean=("gradient_norm_sq", "mean"),
        standard_error=("gradient_norm_sq", "sem"),
        start_value=("start_value", "mean"),
        end_value=("end_value", "mean"),
        clip_rate=("clip_rate", "mean"),
    )
    bounds = bound_points(instance, grid, table["start_value"].tolist(), smoothness, proved=proved)
    axis, x = (claim.axis, claim.grid) if isinstance(claim, Claim) else ("", np.nan)
    return table.assign(
        axis=axis,
        x=x,
        bound=[float(bound.total) for bound in bounds],
        proved=proved,
        smoothness=smoothness,
        ratio=lambda t: t["mean"] / t["bound"],
    ).reset_index()


def _judged(claim: Claim, rows: pd.DataFrame, points: pd.DataFrame, rng: np.random.Generator) -> dict[str, Any]:
    """One row of verdicts: everything that is printed with a result."""
    measured = rows.pivot_table(index="point", columns="replicate", values="gradient_norm_sq").to_numpy()
    fit = fit_power_law(claim.grid, measured, n_bootstrap=N_BOOTSTRAP, rng=rng)
    return _row(claim, fit, judge(fit, claim), points)


def _row(claim: Claim, fit: PowerLawFit, verdict: Verdict, points: pd.DataFrame) -> dict[str, Any]:
    return {
        "claim": claim.name,
        "algorithm": claim.algorithm,
        "instance": claim.instance,
        "axis": claim.axis,
        "slope": fit.slope,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "exponent": claim.exponent,
        "margin": claim.margin,
        "outcome": verdict.outcome,
        "tight": verdict.tight,
        "ratio": points["ratio"].max(),
        "replicates": fit.n_replicates,
        "window": f"{claim.grid[0]:g} .. {claim.grid[-1]:g}",
        "local_slopes": [round(slope, 3) for slope in fit.local_slopes],
        "curvature_p_value": fit.curvature_p_value,
        "bootstrap_low": fit.bootstrap_low,
        "bootstrap_high": fit.bootstrap_high,
        "intercept": fit.intercept,
        "p_holds": verdict.p_holds,
        "p_violated": verdict.p_violated,
        "p_tight": verdict.p_tight,
        "clip_rate": points["clip_rate"].max(),
        "reason": verdict.reason,
        "design": claim.reason,
        "source": claim.rate.source,
    }
