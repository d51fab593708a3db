"""Group-sequential verdicts: undecided claims get more replicates, and the error rates are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.statistics.power_law import PowerLawFit, fit_power_law
from experiments.statistics.verdicts import (
    Outcome,
    PValues,
    RateClaim,
    Verdict,
    adjust_family,
    check_alpha,
    decide,
    p_values,
)
from theory.arrays import FloatArray
from theory.errors import InputError, require_integer, require_kind

BoolArray = NDArray[np.bool_]


class GridClaim(RateClaim, Protocol):
    """What a sequential verdict needs of a claim: its rate and its grid."""

    @property
    def grid(self) -> tuple[float, ...]:
        """Grid points along the axis."""


C = TypeVar("C", bound=GridClaim)
Measure = Callable[[list[C], int, int], Sequence[ArrayLike]]


@dataclass(frozen=True)
class SequentialPlan:
    """The looks of a procedure, and the share of the error that each may spend.

    Attributes
    ----------
    looks : tuple of int
        Total replicates at each look: increasing multiples of the first, which is at least 2.
    alpha : float
        Error rate of the whole procedure, below 1/2.
    until_tight : bool
        Whether a claim that holds and asks for tightness goes on until it is TIGHT or has used all looks. A slope that
        is steeper than claimed always uses all looks.

    Raises
    ------
    InputError
        If looks or alpha are not as described.
    """

    looks: tuple[int, ...]
    alpha: float = 0.05
    until_tight: bool = False

    def __post_init__(self) -> None:
        require_kind("looks", self.looks, tuple, "(32, 64, 128)")
        require_kind("until_tight", self.until_tight, bool, "True")
        for look in self.looks:
            require_integer("looks", look, 0)
        first = self.looks[0] if self.looks else 0
        increasing = all(b > a for a, b in zip(self.looks, self.looks[1:], strict=False))
        if first < 2 or not increasing or any(look % first for look in self.looks):
            raise InputError(
                f"looks must be increasing multiples of a first look of at least 2 replicates, got {self.looks}; "
                "write (32, 64, 128), say"
            )
        check_alpha(self.alpha)

    @property
    def levels(self) -> tuple[float, ...]:
        """Alpha of each look: half of what is left, and all of it at the last look.

        This Bonferroni split is valid for any dependence between looks. Most claims are decided at the first look, so
        it gets the largest share. A late look has more replicates and needs less.
        """
        shares = [0.5**k for k in range(1, len(self.looks))]
        return tuple(self.alpha * share for share in [*shares, 1 - sum(shares)])

    def scaled(self, first: int) -> tuple[int, ...]:
        """The looks of a claim that starts from ``first`` replicates."""
        return tuple(first * (look // self.looks[0]) for look in self.looks)


@dataclass(frozen=True, eq=False)
class SequentialResult(Generic[C]):
    """A verdict, and the data and fit behind it.

    Attributes
    ----------
    claim : the claim
    verdict : Verdict
        Its p-values are comparable with the alpha of the plan. Its interval is for this claim and look alone.
    fit : PowerLawFit
        Fit of all replicates.
    values : array (n_points, n_replicates)
        All measured values, in the order of the claim's grid.
    n_looks : int
        Number of looks.
    """

    claim: C
    verdict: Verdict
    fit: PowerLawFit
    values: FloatArray
    n_looks: int


def judge_sequentially(claims: Sequence[C], measure: Measure[C], plan: SequentialPlan) -> list[SequentialResult[C]]:
    """Judge claims at every look of a plan. Only undecided claims are measured further.

    The probability that any claim is ever called wrongly is at most alpha: half of it for wrong HOLDS, and half for
    wrong VIOLATED. The probability of any wrong TIGHT is bounded separately by alpha. Argument for HOLDS: let n0 of the
    hypotheses that HOLDS rejects be true. Consider the first of these that is rejected, at look k. Before, only false
    hypotheses were rejected. So Holm's factor, the number of claims not yet called HOLDS (claims called VIOLATED still
    count), was at least n0, and the p-value at look k was at most levels[k] / (2 n0). The sum over the n0 hypotheses
    and the looks is alpha / 2. Nothing is assumed about the dependence between looks or claims. A claim that stopped
    early counts with the p-values it would have had, so stopping changes nothing. The argument for VIOLATED and TIGHT
    is the same. The factor must not shrink for claims with the other call, because the data selected those that stay.

    Parameters
    ----------
    claims : sequence of claims
        With `grid`, and what `judge` needs.
    measure : function of (claims, first_replicate, last_replicate)
        For each given claim, the replicates ``first <= r < last`` as an array (n_points, last - first), with rows in
        the order of the grid, independent of all earlier replicates. A claim may have its own scale (`plan.scaled`).
    plan : SequentialPlan

    Returns
    -------
    list of SequentialResult
        In the order of the claims.

    References
    ----------
    Y. Ye, A. Li, L. Liu, B. Yao, "A group sequential Holm procedure with multiple primary endpoints", Statistics in
    Medicine 32 (2013).
    """
    results: dict[int, SequentialResult[C]] = {}
    first = 0
    for number, (last, level) in enumerate(zip(plan.looks, plan.levels, strict=True), start=1):
        still_open = [i for i in range(len(claims)) if i not in results or _is_open(results[i], plan)]
        if not still_open:
            break
        fresh = measure([claims[i] for i in still_open], first, last)
        tables = {
            i: np.hstack([results[i].values, table]) if i in results else np.asarray(table, dtype=float)
            for i, table in zip(still_open, fresh, strict=True)
        }
        fits = {i: fit_power_law(claims[i].grid, tables[i]) for i in still_open}
        for i, verdict in _look(claims, fits, results, level / plan.alpha, plan.alpha).items():
            results[i] = SequentialResult(claims[i], verdict, fits[i], tables[i], number)
        first = last
    return [_capped(results[i]) for i in range(len(claims))]


def _is_open(result: SequentialResult[C], plan: SequentialPlan) -> bool:
    verdict = result.verdict
    if result.fit.standard_error in (0, math.inf):  # more replicates say nothing more
        return False
    if verdict.outcome is Outcome.UNDECIDED:
        return True
    return plan.until_tight and verdict.outcome is Outcome.HOLDS and result.claim.two_sided and not verdict.tight


def _look(
    claims: Sequence[C],
    fits: dict[int, PowerLawFit],
    results: dict[int, SequentialResult[C]],
    share: float,
    alpha: float,
) -> dict[int, Verdict]:
    """Verdicts of the claims with a new fit. The others count in the family with the calls that they have."""
    raw = np.ones((3, len(claims)))
    called = np.zeros((3, len(claims)), dtype=bool)
    for i, result in results.items():
        outcome = result.verdict.outcome
        called[:, i] = outcome is Outcome.HOLDS, outcome is Outcome.VIOLATED, result.verdict.tight
    for i, fit in fits.items():
        p = p_values(fit, claims[i])
        raw[:, i] = p.holds, p.violated, p.tight
    adjusted = look_p_values(raw, called, [claim.two_sided for claim in claims], share)
    verdicts = {}
    for i, fit in fits.items():
        p = PValues(*adjusted[:, i].tolist())
        if called[0, i]:  # it goes on for tightness only
            p = replace(p, holds=results[i].verdict.p_holds)
        verdicts[i] = decide(fit, claims[i], p, alpha)
    return verdicts


def look_p_values(raw: FloatArray, called: BoolArray, two_sided: ArrayLike, share: float) -> FloatArray:
    """Adjust the p-values of families at one look, so that they are comparable with the alpha of the whole plan.

    Parameters
    ----------
    raw : array (3, ..., n_claims)
        Unadjusted p-values for HOLDS, VIOLATED and TIGHT; of claims that stopped, those for TIGHT must be 1.
    called : bool array (3, ..., n_claims)
        Which of the three was said at earlier looks.
    two_sided : bool array (n_claims,)
    share : float
        Part of alpha that this look may spend.
    """
    settled = np.where(called, 0.0, raw)
    settled[0][called[1]] = 1.0
    settled[1][called[0]] = 1.0
    adjusted: FloatArray = np.minimum(adjust_family(settled, two_sided) / share, 1)
    return adjusted


def judge_batch(raw: FloatArray, two_sided: ArrayLike, plan: SequentialPlan) -> tuple[BoolArray, NDArray[np.intp]]:
    """Calls of `judge_sequentially` for a batch of families, from their p-values at every look.

    Parameters
    ----------
    raw : array (n_looks, 3, ..., n_claims)
        Unadjusted p-values for HOLDS, VIOLATED and TIGHT had no claim stopped.
    two_sided : bool array (n_claims,)
    plan : SequentialPlan

    Returns
    -------
    called : bool array (3, ..., n_claims)
        Whether HOLDS, VIOLATED and TIGHT were said.
    n_looks : int array (..., n_claims)
        Looks taken.
    """
    asked = np.asarray(two_sided, dtype=bool)
    called = np.zeros(raw.shape[1:], dtype=bool)
    n_looks = np.zeros(raw.shape[2:], dtype=np.intp)
    for p, level in zip(raw, plan.levels, strict=True):
        holds, violated, tight = called
        still_open = ~violated & (~holds | asked & ~tight if plan.until_tight else ~holds)
        settled = p.copy()
        settled[2][~still_open] = 1.0
        new = still_open & (look_p_values(settled, called, asked, level / plan.alpha) <= plan.alpha)
        n_looks += still_open
        holds |= new[0]
        violated |= new[1] & ~holds
        tight |= new[2] & holds & asked
    return called, n_looks


def _capped(result: SequentialResult[C]) -> SequentialResult[C]:
    if result.verdict.outcome is not Outcome.UNDECIDED or result.fit.standard_error == math.inf:
        return result
    reason = f"cap of {result.fit.n_replicates} replicates reached: slope {result.fit.slope:+.3f} is still undecided"
    return replace(result, verdict=replace(result.verdict, reason=reason))
