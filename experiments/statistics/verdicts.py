"""Verdicts: does a measured slope agree with a stated exponent, alone or in a family of claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from experiments.statistics.repeats import REPEATED
from experiments.statistics.shown import Shown
from theory.arrays import FloatArray
from theory.errors import InputError, require_kind, require_list, require_number

FIT_EXAMPLE, CLAIM_EXAMPLE = "fit_power_law(x, y)", "stated_claims()[0]"


class Outcome(StrEnum):
    """The conclusion of a check. UNDECIDED needs more replicates or longer runs; no run can do with NOT_APPLICABLE."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    UNDECIDED = "UNDECIDED"
    NOT_APPLICABLE = "NOT APPLICABLE"


@runtime_checkable
class RateClaim(Protocol):
    """What a verdict needs of a claim: quantity = O(x**exponent) as x tends to ``limit``."""

    @property
    def exponent(self) -> float:
        """Stated slope in the log-log plane, with its sign: -1/2 for 1/sqrt(N), +1 for eps."""

    @property
    def margin(self) -> float:
        """How far the slope may lie from the exponent."""

    @property
    def two_sided(self) -> bool:
        """Whether the claim is also that the exponent is attained."""

    @property
    def limit(self) -> Literal["infinity", "zero"]:
        """The limit of x."""


@runtime_checkable
class SlopeEstimate(Protocol):
    """What a verdict needs of a fit."""

    @property
    def slope(self) -> float:
        """Estimate."""

    @property
    def standard_error(self) -> float:
        """Its standard error; 0 when it is known exactly, infinite when nothing is known of it."""

    def p_greater(self, truth: float) -> float:
        """p-value of the evidence that the true slope is greater than this number. Not asked for an exact slope."""

    def p_less(self, truth: float) -> float:
        """p-value of the evidence that the true slope is less than this number."""

    @property
    def ci_low(self) -> float:
        """Lower two-sided 95% limit."""

    @property
    def ci_high(self) -> float:
        """Upper two-sided 95% limit."""


@dataclass(frozen=True)
class Verdict(Shown):
    """The outcome of one claim, with its evidence.

    Attributes
    ----------
    outcome : Outcome
    tight : bool
        True if the claim holds, tightness was asked for, and the slope is shown to lie within the margin of the
        exponent.
    slope, ci_low, ci_high : float
        Estimate and two-sided 95% limits of this claim alone.
    exponent, margin : float
        As stated.
    p_holds, p_violated, p_tight : float
        p-values of the evidence for each conclusion, comparable with alpha. In a family they are adjusted.
    reason : str
        One line.
    """

    outcome: Outcome
    tight: bool
    slope: float
    ci_low: float
    ci_high: float
    exponent: float
    margin: float
    p_holds: float
    p_violated: float
    p_tight: float
    reason: str

    shown_columns = ("outcome", "tight", "slope", "ci_low", "ci_high", "exponent", "margin")

    def in_words(self) -> str:
        """The outcome and its reason."""
        return f"{self.outcome}{', TIGHT' if self.tight else ''}: {self.reason}"


@dataclass(frozen=True)
class PValues:
    """Unadjusted p-values of the evidence that a claim holds, is violated, is tight."""

    holds: float
    violated: float
    tight: float


def judge(fit: SlopeEstimate, claim: RateClaim, alpha: float = 0.05) -> Verdict:
    """Judge one claim by one-sided tests at level ``alpha``.

    As x tends to infinity the bound is kept if slope <= exponent + margin; as x tends to zero, if
    slope >= exponent - margin. HOLDS: the slope keeps the bound at its worse one-sided limit. VIOLATED: the slope
    breaks the bound at its better one-sided limit. UNDECIDED: neither. Only one of the two calls can be wrong, so a
    wrong call has probability at most ``alpha``. Exact slopes (standard error 0) are compared directly.

    Parameters
    ----------
    fit : SlopeEstimate
        Such as a `PowerLawFit`.
    claim : RateClaim
    alpha : float, default 0.05
        Below 1/2.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        If alpha is not in (0, 1/2).
    """
    check_alpha(alpha)
    require_kind("fit", fit, SlopeEstimate, FIT_EXAMPLE)
    require_kind("claim", claim, RateClaim, CLAIM_EXAMPLE)
    return decide(fit, claim, p_values(fit, claim), alpha)


def judge_family(fits: Sequence[SlopeEstimate], claims: Sequence[RateClaim], alpha: float = 0.05) -> list[Verdict]:
    """Judge claims together: the probability that any of them is called wrongly is at most ``alpha``.

    There are two families: the hypotheses that HOLDS rejects, and those that VIOLATED rejects. Each gets Holm's
    procedure at alpha / 2. It is valid for any dependence between the fits, and when all other claims are decided,
    nearly all of alpha / 2 is left for the last one. One step-down over the smaller p-value of each claim would not be
    valid, since a claim that is called rightly could have been called wrongly and still counts. Tightness is a second
    statement about claims that hold. It has a Holm family of its own at alpha, for the claims that ask for it; for the
    others ``p_tight`` is unadjusted. A family of one claim is stricter than `judge`, which does not split alpha.

    Parameters
    ----------
    fits : sequence of SlopeEstimate
        In the order of the claims.
    claims : sequence of RateClaim
    alpha : float, default 0.05
        Below 1/2.

    Returns
    -------
    list of Verdict
        In the order of the claims, with adjusted p-values.

    Raises
    ------
    InputError
        If alpha is not in (0, 1/2) or the lengths differ.

    References
    ----------
    S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    check_alpha(alpha)
    require_list("fits", fits, SlopeEstimate, FIT_EXAMPLE, 0)
    require_list("claims", claims, RateClaim, CLAIM_EXAMPLE, 0)
    if len(fits) != len(claims):
        raise InputError(f"fits must match claims one to one, got {len(fits)} for {len(claims)}; give one fit a claim")
    raw = [p_values(fit, claim) for fit, claim in zip(fits, claims, strict=True)]
    columns = np.array([(p.holds, p.violated, p.tight) for p in raw]).reshape(-1, 3).T
    adjusted = adjust_family(columns, [claim.two_sided for claim in claims]).T.tolist()
    return [decide(fit, claim, PValues(*p), alpha) for fit, claim, p in zip(fits, claims, adjusted, strict=True)]


def adjust_family(p: ArrayLike, two_sided: ArrayLike) -> FloatArray:
    """Adjust the p-values of families of claims as `judge_family` states it.

    Parameters
    ----------
    p : array (3, ..., n_claims)
        Unadjusted p-values for HOLDS, for VIOLATED and for TIGHT.
    two_sided : array (n_claims,) of bool
        Which claims ask for tightness.

    Returns
    -------
    array (3, ..., n_claims)
    """
    holds, violated, tight = np.array(p, dtype=float)
    asked = np.flatnonzero(two_sided)
    tight[..., asked] = holm(tight[..., asked])
    return np.stack([np.minimum(2 * holm(holds), 1), np.minimum(2 * holm(violated), 1), tight])


def holm(p: ArrayLike) -> FloatArray:
    """Holm-adjusted p-values of the families along the last axis, in the order given."""
    raw = np.asarray(p, dtype=float)
    order = np.argsort(raw, axis=-1)
    ascending = np.take_along_axis(raw, order, axis=-1) * np.arange(raw.shape[-1], 0, -1)
    adjusted = np.empty_like(raw)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(ascending, axis=-1), 1), axis=-1)
    return adjusted


def p_values(fit: SlopeEstimate, claim: RateClaim) -> PValues:
    """Unadjusted p-values of one claim. Sequential and joint rules start from these."""
    sign = _orientation(claim)
    if fit.standard_error == 0:
        excess = sign * (fit.slope - claim.exponent)
        kept = excess <= claim.margin  # an exact slope on the boundary keeps the bound
        return PValues(float(not kept), float(kept), float(not -claim.margin < excess < claim.margin))
    better, worse = (fit.p_less, fit.p_greater) if sign == 1 else (fit.p_greater, fit.p_less)
    edge, other = (claim.exponent + side * sign * claim.margin for side in (1, -1))
    holds = better(edge)
    return PValues(holds, worse(edge), max(holds, worse(other)))


def _orientation(claim: RateClaim) -> int:
    """Sign that makes a larger slope the worse one."""
    return 1 if claim.limit == "infinity" else -1


def decide(fit: SlopeEstimate, claim: RateClaim, p: PValues, alpha: float) -> Verdict:
    """Verdict of one claim from p-values that are comparable with ``alpha``."""
    if p.holds <= alpha:
        outcome = Outcome.HOLDS
    elif p.violated <= alpha:
        outcome = Outcome.VIOLATED
    else:
        outcome = Outcome.UNDECIDED
    tight = claim.two_sided and outcome is Outcome.HOLDS and p.tight <= alpha
    return Verdict(
        outcome=outcome,
        tight=tight,
        slope=fit.slope,
        ci_low=fit.ci_low,
        ci_high=fit.ci_high,
        exponent=claim.exponent,
        margin=claim.margin,
        p_holds=p.holds,
        p_violated=p.violated,
        p_tight=p.tight,
        reason=_reason(fit, claim, p, outcome, tight),
    )


def _reason(fit: SlopeEstimate, claim: RateClaim, p: PValues, outcome: Outcome, tight: bool) -> str:
    sign = _orientation(claim)
    boundary = f"{claim.exponent + sign * claim.margin:+.3f}"
    kept, broken = ("at most", "above") if sign == 1 else ("at least", "below")
    slope = f"slope {fit.slope:+.3f}"
    if fit.standard_error == math.inf:
        return f"{slope}: {REPEATED}"
    if outcome is Outcome.UNDECIDED:
        return f"{slope} is not told apart from {boundary} (p = {min(p.holds, p.violated):.2g}); add replicates"
    if outcome is Outcome.VIOLATED:
        return f"{slope} is {broken} {boundary} (p = {p.violated:.2g})"
    attained = f"; {'tight' if tight else 'not shown tight'} (p = {p.tight:.2g})" if claim.two_sided else ""
    return f"{slope} is {kept} {boundary} (p = {p.holds:.2g}){attained}"


def check_alpha(alpha: float) -> None:
    """Require an error rate below 1/2."""
    required, remedy = "lie strictly between 0 and 1/2", "; 0.05 is usual"
    require_number("alpha", alpha, required, lambda number: 0 < number < 0.5, remedy)
