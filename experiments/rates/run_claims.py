"""The rate checks: claims in, points and verdicts out."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim
from experiments.catalogue.instances import get_instance
from experiments.rates.cells import cells_of, run_cells
from experiments.rates.exact_claims import ExactClaim
from experiments.rates.point_bounds import bound_point
from experiments.rates.smoothness import estimate_all
from experiments.running.run_tasks import Backend, Progress
from experiments.statistics.power_law import PowerLawFit, fit_power_law
from experiments.statistics.sequential import SequentialPlan, judge_sequentially
from experiments.statistics.verdicts import Outcome, Verdict, judge
from theory import SHARPENED_RATE, policy_gradient, smoothness_bound

FloatArray = NDArray[np.float64]

N_BOOTSTRAP = 2000
# Looks at one, two and four times the replicates that a claim starts from.
DEFAULT_PLAN = SequentialPlan((8, 16, 32), until_tight=True)


@dataclass(frozen=True, eq=False)
class RateResults:
    """What the rate checks found.

    Attributes
    ----------
    points : DataFrame
        One row a claim, control or certified cell and grid point: ``claim, algorithm, instance, axis, x``, settings,
        ``mean`` and ``standard_error`` of the quantity over replicates, ``bound``, ``proved``, ``ratio``
        (mean / bound), ``informative`` (the bound lies below |grad V|^2 at the start), ``clip_rate``.
    verdicts : DataFrame
        One row a claim or control (``kind``): slope, interval, stated exponent, outcome, largest measured / bound and
        the rest.
    """

    points: pd.DataFrame
    verdicts: pd.DataFrame

    @property
    def certificates(self) -> pd.DataFrame:
        """The points whose bound is proved."""
        return self.points[self.points["proved"]]

    @property
    def passed(self) -> bool:
        """Whether every claim holds, every control is caught and no certificate is exceeded."""
        control = self.verdicts["kind"] == "control"
        expected = np.where(control, Outcome.VIOLATED, Outcome.HOLDS)
        return bool((self.verdicts["outcome"] == expected).all() and (self.certificates["ratio"] <= 1).all())


def run_claims(
    claims: Sequence[Claim],
    checks: Sequence[CertificateCheck] = (),
    *,
    exact: Sequence[ExactClaim] = (),
    controls: Sequence[Claim] = (),
    exact_controls: Sequence[ExactClaim] = (),
    plan: SequentialPlan = DEFAULT_PLAN,
    seed: int = 0,
    jobs: int = -1,
    backend: Backend = "loky",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> RateResults:
    """Run claims, controls and certificate checks; bound, fit and judge them.

    The claims are one family, judged group-sequentially (`judge_sequentially`): those that stay undecided get more
    replicates, up to the plan's cap. A control is judged alone, from its first look.

    Parameters
    ----------
    claims : sequence of Claim
    checks : sequence of CertificateCheck
    exact, exact_controls : sequences of ExactClaim
        Claims on exactly computed quantities, and such claims with a fault.
    controls : sequence of Claim
        Claims with a fault.
    plan : SequentialPlan
        Its looks count in multiples of a claim's own replicates.
    seed : int
        The same seed gives the same rows, whatever the rest.
    jobs, backend, cache, progress
        See `run_cells`.
    """
    rows: dict[str, list[pd.DataFrame]] = {}
    planted: list[Claim | CertificateCheck] = [*checks, *controls]
    waiting = [cell for claim in planted for cell in cells_of(claim, seed)]

    def measure(asked: list[Claim], first: int, last: int) -> list[FloatArray]:
        # A look counts in multiples of the plan's first; each claim in its own replicates.
        cells = [
            cell
            for claim in asked
            for cell in cells_of(
                claim, seed, claim.replicates * first // plan.looks[0], claim.replicates * last // plan.looks[0]
            )
        ]
        frame = run_cells([*cells, *waiting], jobs=jobs, backend=backend, cache=cache, progress=progress)
        waiting.clear()
        for name, part in frame.groupby("claim", sort=False):
            rows.setdefault(str(name), []).append(part)
        return [_measured(rows[claim.name][-1]) for claim in asked]

    results = judge_sequentially(claims, measure, plan)
    if waiting:
        measure([], 0, 0)
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in rows.items()}
    names = sorted({name for claim in (*claims, *controls) for name, _ in claim.places()})
    smoothness = dict(zip(names, estimate_all(names, seed, jobs=jobs, cache=cache), strict=True))
    points, verdicts = [], []
    for result in results:
        points.append(_points(result.claim, tables[result.claim.name], smoothness))
        verdicts.append(_row(result.claim, "claim", result.fit, result.verdict, points[-1], result.values, seed))
    for claim in exact:
        fit = fit_power_law(claim.grid, claim.values())
        verdicts.append(_exact_row(claim, "exact claim", fit))
    for control in controls:
        points.append(_points(control, tables[control.name], smoothness))
        measured = _measured(tables[control.name])
        fit = fit_power_law(control.grid, measured)
        verdicts.append(_row(control, "control", fit, judge(fit, control), points[-1], measured, seed))
    verdicts += [_exact_row(claim, "control", fit_power_law(claim.grid, claim.values())) for claim in exact_controls]
    points += [_points(check, tables[check.name], None) for check in checks]
    return RateResults(pd.concat(points, ignore_index=True), pd.DataFrame(verdicts))


def _measured(rows: pd.DataFrame) -> FloatArray:
    """The quantity, (n_points, n_replicates), in the order of the grid."""
    return np.asarray(rows.pivot_table(index="point", columns="replicate", values="gradient_norm_sq").to_numpy())


def _points(
    claim: Claim | CertificateCheck, rows: pd.DataFrame, smoothness: Mapping[str, float] | None
) -> pd.DataFrame:
    """Means over replicates beside the bound, one row a grid point; without estimates L is the proved one."""
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
    axis, x = (claim.axis, claim.grid) if isinstance(claim, Claim) else ("", np.nan)
    bounds, constants, starts = [], [], []
    for (name, point), start in zip(claim.places(), table["start_value"], strict=True):
        instance = get_instance(name)
        constant = smoothness_bound(instance.mdp, instance.policy) if smoothness is None else smoothness[name]
        constants.append(constant)
        gradient = policy_gradient(instance.mdp, instance.policy, instance.start)
        starts.append(float(gradient @ gradient))
        bounds.append(float(bound_point(instance, point, start, constant, proved=smoothness is None).total))
    return table.assign(
        axis=axis,
        x=x,
        bound=bounds,
        proved=smoothness is None,
        smoothness=constants,
        ratio=lambda t: t["mean"] / t["bound"],
        # A run that never moved would exceed such a bound: the check has teeth.
        informative=[bound < start for bound, start in zip(bounds, starts, strict=True)],
    ).reset_index()


def _row(
    claim: Claim,
    kind: str,
    fit: PowerLawFit,
    verdict: Verdict,
    points: pd.DataFrame,
    measured: FloatArray,
    seed: int,
) -> dict[str, Any]:
    """Everything that is printed with a result of runs."""
    rng = np.random.default_rng([seed, 2, zlib.crc32(claim.name.encode())])
    resampled = fit_power_law(claim.grid, measured, n_bootstrap=N_BOOTSTRAP, rng=rng)
    return _common(claim, kind, fit, verdict) | {
        "algorithm": claim.algorithm,
        "instance": claim.instance,
        "source": claim.rate.source,
        "sharpened": claim.rate is SHARPENED_RATE,
        "ratio": points["ratio"].max(),
        "bootstrap_low": resampled.bootstrap_low,
        "bootstrap_high": resampled.bootstrap_high,
        "clip_rate": points["clip_rate"].max(),
    }


def _exact_row(claim: ExactClaim, kind: str, fit: PowerLawFit) -> dict[str, Any]:
    """The same for a quantity that is computed exactly: no replicates, no interval."""
    return _common(claim, kind, fit, judge(fit, claim)) | {
        "algorithm": "",
        "instance": "",
        "source": claim.source,
        "sharpened": False,
        "ratio": np.nan,
    }


def _common(claim: Claim | ExactClaim, kind: str, fit: PowerLawFit, verdict: Verdict) -> dict[str, Any]:
    return {
        "claim": claim.name,
        "kind": kind,
        "axis": claim.axis,
        "slope": fit.slope,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "exponent": claim.exponent,
        "margin": claim.margin,
        "outcome": verdict.outcome,
        "tight": verdict.tight,
        "replicates": fit.n_replicates,
        "window": f"{claim.grid[0]:g} .. {claim.grid[-1]:g}",
        "local_slopes": [round(slope, 3) for slope in fit.local_slopes],
        "curvature_p_value": fit.curvature_p_value,
        "intercept": fit.intercept,
        "p_holds": verdict.p_holds,
        "p_violated": verdict.p_violated,
        "p_tight": verdict.p_tight,
        "reason": verdict.reason,
        "design": claim.reason,
    }
