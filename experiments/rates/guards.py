"""Guards: a run that is too short, or a step for which the theorem says nothing, decides no claim.

What they read is the law that the claim promises, and what was measured. They only ever turn HOLDS or VIOLATED into
UNDECIDED.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments.catalogue.claims import Claim
from experiments.catalogue.lookup import find
from experiments.rates.floor_prediction import LONGEST_MIXING
from experiments.rates.mixing import mixing_near
from experiments.statistics.power_law import PowerLawFit
from experiments.statistics.verdicts import Outcome, Verdict
from theory import policy_gradient
from theory.bounds import LARGEST_C

# Largest share of a measured mean that may be left of the start. Without a burn-in, T must be three mixing times.
LEFT_OF_START, TRANSIENTS = 0.05, 3
# Standard errors by which local slopes must differ to steepen, and share of |grad V|^2 at the start on a plateau.
STEEPER, PLATEAU = 3.0, 0.5


def guarded(claim: Claim, verdict: Verdict, fit: PowerLawFit, points: pd.DataFrame) -> Verdict:
    """The verdict, or UNDECIDED if the runs cannot decide the claim.

    Parameters
    ----------
    claim : Claim
    verdict : Verdict
    fit : PowerLawFit
    points : DataFrame
        Of `rows.point_rows`, in the order of the grid.
    """
    if verdict.outcome is Outcome.UNDECIDED:
        return verdict
    violated = verdict.outcome is Outcome.VIOLATED
    reasons = [_step_above(claim, points)] if violated and claim.conditional else []
    # A mean of non-negative terms that falls as 1/T has no transient left, whatever the law says.
    if claim.setup.burn_in > 0 or (claim.axis == "T" and violated):
        reasons.append(_not_mixed(claim, points))
    if violated and claim.axis in ("T", "eps"):
        reasons.append(_not_asymptotic(claim, fit, points))
    reason = next((each for each in reasons if each), "")
    if not reason:
        return verdict
    return replace(verdict, outcome=Outcome.UNDECIDED, tight=False, reason=f"slope {verdict.slope:+.3f}; {reason}")


def _step_above(claim: Claim, points: pd.DataFrame) -> str:
    """The theorem bounds the gradient only for steps below a constant over L d."""
    for (on, point), smoothness in zip(claim.points(), points["smoothness"], strict=True):
        dim = find("instance", on).policy.dim
        limit = LARGEST_C / (smoothness * dim) if smoothness > 0 else math.inf
        if point.step_size >= limit:
            return (
                f"the step {point.step_size:.3g} is not below 3/(4 L d) = {limit:.3g}, L the largest Hessian norm "
                f"found: the theorem says nothing there; write --step-scale {limit * dim / 1.5:.2g} or less"
            )
    return ""


def _mixing(claim: Claim) -> Iterator[float]:
    """Mixing time of the promised law at every grid point."""
    promised = replace(claim, setup=claim.promise or claim.setup)
    for on, point in promised.points():
        yield claim.mixing or mixing_near(on, claim.method, point.step_size)


def _not_mixed(claim: Claim, points: pd.DataFrame) -> str:
    """A grid point whose burn-in does not forget the start, or whose average is shorter than a mixing time."""
    for x, at, mixing, mean in zip(claim.grid, claim.points(), _mixing(claim), points["mean"], strict=True):
        instance, point = find("instance", at.instance), at.point
        if point.burn_in == 0:
            if mixing <= LONGEST_MIXING and x < TRANSIENTS * mixing:
                return f"at T = {x:g} runs are still in their transient: they need {TRANSIENTS * mixing:.0f} iterations"
            continue
        if math.isinf(mixing):
            return "runs never mix near the optimum that ascent finds: it is flat or at infinity there"
        start = instance.start if point.start is None else np.array(point.start)
        gradient = policy_gradient(instance.mdp, instance.policy, start)
        burn_in = mixing * math.log(max(1.0, float(gradient @ gradient) / mean) / LEFT_OF_START)
        if point.first < burn_in or point.n_iterations - point.first < mixing:
            needed = math.ceil(max(burn_in / point.burn_in, mixing / (1 - point.burn_in)))
            return (
                f"not mixed at {claim.axis} = {x:g}: by its law a run forgets its start in {needed:,} iterations, "
                f"and it has {point.n_iterations:,}"
            )
    return ""


def _not_asymptotic(claim: Claim, fit: PowerLawFit, points: pd.DataFrame) -> str:
    """Where no law says when the transient is over: a plateau, or a slope that still improves towards the limit."""
    if all(mixing <= LONGEST_MIXING for mixing in _mixing(claim)) or (points["ratio"] > 1).any():
        return ""
    last = points.loc[points["n_iterations"].idxmax()]
    instance, point = claim.points()[int(last["point"])]
    where = find("instance", instance)
    start = where.start if point.start is None else np.array(point.start)
    gradient = policy_gradient(where.mdp, where.policy, start)
    if last["mean"] > PLATEAU * float(gradient @ gradient):
        return f"after {point.n_iterations:,} iterations the run has not left the plateau at its start; longer runs"
    towards = 1 if claim.limit == "infinity" else -1
    slopes, errors = (np.array(each)[::towards] for each in (fit.local_slopes, fit.local_slope_standard_errors))
    better = towards * (slopes[0] - slopes[-1])
    if better > STEEPER * math.hypot(errors[0], errors[-1]):
        return f"local slopes still improve, {slopes[0]:+.2f} to {slopes[-1]:+.2f}: not yet asymptotic; longer runs"
    return ""
