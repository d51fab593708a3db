"""Rows of the tables of the rate checks."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from experiments.catalogue.certificates import CertificateCheck
from experiments.catalogue.claims import Claim, name_of
from experiments.catalogue.lookup import find
from experiments.rates.exact_claim import ExactClaim
from experiments.rates.guards import guarded
from experiments.rates.own_claims import Inapplicable
from experiments.rates.point_bounds import bound_point
from experiments.rates.sampled_claim import SampledClaim
from experiments.statistics.power_law import PowerLawFit, fit_power_law
from experiments.statistics.sequential import SequentialResult
from experiments.statistics.verdicts import Outcome, Verdict, judge
from theory import STATED_RATE, policy_gradient, smoothness_bound
from theory.arrays import FloatArray

N_BOOTSTRAP = 2000
# Curvature with a smaller p-value is significant. Of 40 claims that are power laws, one run in 25 shows a curved one.
CURVATURE_LEVEL = 0.001


def point_rows(
    claim: Claim | CertificateCheck, rows: pd.DataFrame, smoothness: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Means over replicates and the bound, one row per grid point. Without estimates of L the proved one is used."""
    settings = ["method", "instance", "n_iterations", "n_pairs", "n_queries", "radius", "step_size"]
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
    method, bounds, constants, starts = find("method", claim.method), [], [], []
    for (on, point), start in zip(claim.points(), table["start_value"], strict=True):
        instance = find("instance", on)
        constant = smoothness_bound(instance.mdp, instance.policy) if smoothness is None else smoothness[name_of(on)]
        constants.append(constant)
        at = instance.start if point.start is None else np.array(point.start)
        gradient = policy_gradient(instance.mdp, instance.policy, at)
        starts.append(float(gradient @ gradient))
        bound = bound_point(instance, method, point, start, constant, proved=smoothness is None)
        bounds.append(float(bound.total))
    return table.assign(
        axis=axis,
        x=x,
        bound=bounds,
        proved=smoothness is None,
        smoothness=constants,
        ratio=lambda t: t["mean"] / t["bound"],
        # A run that never moved would exceed such a bound, so the check can fail.
        informative=[bound < start for bound, start in zip(bounds, starts, strict=True)],
    ).reset_index()


def verdict_row(
    claim: Claim, kind: str, verdict: Verdict, points: pd.DataFrame, measured: FloatArray, seed: int
) -> dict[str, Any]:
    """One row of the verdicts: everything that is printed with a result of runs. Guards read the runs first."""
    rng = np.random.default_rng([seed, 2, zlib.crc32(claim.name.encode())])
    fit = fit_power_law(claim.grid, measured, n_bootstrap=N_BOOTSTRAP, rng=rng)
    method = find("method", claim.method)
    return _common(claim, kind, fit, guarded(claim, verdict, fit, points)) | {
        "method": name_of(claim.method),
        "title": method.title,
        "instance": name_of(claim.instance),
        "source": claim.rate.source,
        "sharpened": claim.rate is not STATED_RATE,
        "in_family": claim.in_family,
        "predicted": np.nan if claim.predicted is None else claim.predicted,
        "ratio": points["ratio"].max(),
        "bootstrap_low": fit.bootstrap_low,
        "bootstrap_high": fit.bootstrap_high,
        "clip_rate": points["clip_rate"].max(),
    }


def sampled_row(claim: SampledClaim, result: SequentialResult[Any]) -> dict[str, Any]:
    """The same for the variance of one estimate, without a method, an instance and a bound."""
    return _common(claim, "sampled claim", result.fit, result.verdict) | _nowhere(claim.source)


def exact_row(claim: ExactClaim, kind: str) -> dict[str, Any]:
    """The same for an exactly computed quantity, without replicates and an interval."""
    fit = fit_power_law(claim.grid, claim.values())
    return _common(claim, kind, fit, judge(fit, claim)) | _nowhere(claim.source)


def inapplicable_row(claim: Inapplicable) -> dict[str, Any]:
    """The same for a claim that cannot be judged: only what it is, and why."""
    return {
        "claim": claim.name,
        "kind": "claim",
        "axis": claim.axis,
        "outcome": Outcome.NOT_APPLICABLE,
        "tight": False,
        "replicates": 0,
        "window": "",
        "local_slopes": [],
        "curved": False,
        "reason": claim.reason,
        "method": name_of(claim.method),
        "title": find("method", claim.method).title,
        "instance": name_of(claim.instance),
        "sharpened": False,
        "in_family": True,
    }


def _nowhere(source: str) -> dict[str, Any]:
    """Columns of a claim that belongs to no run."""
    return {
        "method": "",
        "title": "",
        "instance": "",
        "source": source,
        "sharpened": False,
        "in_family": True,
        "predicted": np.nan,
        "ratio": np.nan,
    }


def is_curved(claim: Claim | SampledClaim | ExactClaim, fit: PowerLawFit) -> bool:
    """Whether the points are not a power law: significant curvature, and a local slope outside the margin.

    A curved claim that holds is a bound over its window alone, and the output says so.
    """
    beyond = any(abs(slope - claim.exponent) > claim.margin for slope in fit.local_slopes)
    return bool(fit.curvature_p_value < CURVATURE_LEVEL and beyond)


def _common(claim: Claim | SampledClaim | ExactClaim, kind: str, fit: PowerLawFit, verdict: Verdict) -> dict[str, Any]:
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
        "curved": is_curved(claim, fit),
        "intercept": fit.intercept,
        "p_holds": verdict.p_holds,
        "p_violated": verdict.p_violated,
        "p_tight": verdict.p_tight,
        "reason": verdict.reason,
        "isolated_by": claim.reason,
    }
