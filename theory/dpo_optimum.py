"""The limit of direct preference optimisation with infinitely much data, and its gap to the optimum.

The aim is the largest ``E R - beta KL(law of pi || law of reference)``, attained by pi* with soft values V_h. When
rewards and transitions are deterministic, r_h + V_{h+1}(s_{h+1}) - V_h(s_h) = beta log pi*_h(a_h | s_h) / reference.
The sum over h telescopes: from one first state, pi* explains every vote and the gap is 0. A sum of log ratios cannot
express random transitions, rewards or first states: the loss attributes their effect to the actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from theory.arrays import FloatArray
from theory.dpo_loss import DpoLoss, population_loss
from theory.errors import InputError
from theory.kl_control import check_reference, kl_regularised_value, soft_optimum
from theory.likelihood import log_probabilities
from theory.links import Link
from theory.mdp import TabularMDP

# The search stops at this gradient. Newton's method then reduces it to rounding, where the loss no longer changes.
SEARCH_TOLERANCE = 1e-7
LONGEST_SEARCH = 500
POLISH_STEPS = 20
# Restarts of a search that ended in a saddle.
ESCAPES = 10
# Ends whose losses differ by less are the same minimum.
SAME_LOSS = 1e-10


@dataclass(frozen=True, eq=False)
class DpoOptimum:
    """Minimiser of the population loss, and the optimum to compare it with.

    Attributes
    ----------
    probabilities : array (H, S, A)
        The policy of least loss found.
    value, optimum, reference_value : float
        ``E R - beta KL`` of that policy, of the best policy, and of the reference.
    loss, gradient_norm : float
        Of the policy found.
    agreement : float
        Share of the starts that end at this loss.
    """

    probabilities: FloatArray
    value: float
    optimum: float
    reference_value: float
    loss: float
    gradient_norm: float
    agreement: float

    @property
    def gap(self) -> float:
        """Optimum minus value, in units of return: at least 0, up to rounding."""
        return self.optimum - self.value


def dpo_optimum(
    mdp: TabularMDP,
    reference: ArrayLike,
    beta: float,
    link: Link,
    *,
    raters: Link | None = None,
    starts: Sequence[ArrayLike] | None = None,
) -> DpoOptimum:
    """Minimise the population loss, and compare the policy found with soft value iteration.

    Parameters
    ----------
    mdp, reference, beta, link, raters
        See `population_loss`.
    starts : sequence of arrays (H S A,), optional
        Logits to search from, since the loss is not convex; by default `default_starts`.

    Raises
    ------
    InputError
        As `population_loss`, and if there is no start.
    """
    loss = population_loss(mdp, reference, beta, link, raters=raters)
    chosen = default_starts(mdp, reference, beta) if starts is None else list(starts)
    if not chosen:
        raise InputError("starts must hold at least one vector of logits, got none; leave it out for default_starts")
    ends = [minimise(loss, start) for start in chosen]
    values = [float(loss(end)[0]) for end in ends]
    best = ends[int(np.argmin(values))]
    least, gradient = loss(best)
    table = loss.policy.probabilities(best)
    return DpoOptimum(
        probabilities=table,
        value=float(kl_regularised_value(mdp, table, reference, beta)),
        optimum=float(soft_optimum(mdp, reference, beta).value),
        reference_value=float(kl_regularised_value(mdp, reference, reference, beta)),
        loss=float(least),
        gradient_norm=float(np.linalg.norm(gradient)),
        agreement=float(np.mean(np.array(values) - float(least) < SAME_LOSS)),
    )


def default_starts(mdp: TabularMDP, reference: ArrayLike, beta: float) -> list[FloatArray]:
    """Logits of the reference, of the soft optimum, of that for 2 beta, and of the soft optimum's mirror image."""
    base = np.log(check_reference(mdp, reference))
    soft = soft_optimum(mdp, reference, np.array([beta, 2 * beta])).probabilities
    best, timid = log_probabilities(soft)
    return [(logits + np.zeros_like(best)).ravel() for logits in (base, best, timid, 2 * base - best)]


def minimise(loss: DpoLoss, start: ArrayLike) -> FloatArray:
    """Logits of a local minimum of the loss, by exact second derivatives.

    Parameters
    ----------
    loss : DpoLoss
    start : array (H S A,)
        Where the search begins. It leaves a saddle, but not a minimum.

    Raises
    ------
    InputError
        If the start has another shape.
    """
    logits = np.array(start, dtype=np.float64)
    if logits.shape != (loss.policy.dim,):
        raise InputError(
            f"start must have shape ({loss.policy.dim},), one logit per (stage, state, action), got {logits.shape}"
        )
    free = loss.free
    if not free.size:
        return logits

    def whole(point: FloatArray) -> FloatArray:
        filled = logits.copy()
        filled[free] = point
        return filled

    def value_and_slope(point: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = loss(whole(point))
        return float(value), gradient[free]

    def curvature(point: FloatArray) -> FloatArray:
        return loss.hessian(whole(point))[np.ix_(free, free)]

    settings = {"gtol": SEARCH_TOLERANCE, "maxiter": LONGEST_SEARCH}
    point = logits[free]
    for _ in range(ESCAPES):
        found = minimize(value_and_slope, point, jac=True, hess=curvature, method="trust-exact", options=settings)
        point = _newton(value_and_slope, curvature, found.x)
        # The search also stops at a saddle, where the gradient is 0.
        curvatures, directions = np.linalg.eigh(curvature(point))
        if curvatures[0] > -SEARCH_TOLERANCE:
            break
        point = point + directions[:, 0]
    return whole(point)


def _newton(
    value_and_slope: Callable[[FloatArray], tuple[float, FloatArray]],
    curvature: Callable[[FloatArray], FloatArray],
    point: FloatArray,
) -> FloatArray:
    """Newton's method while it reduces the gradient."""
    gradient = value_and_slope(point)[1]
    for _ in range(POLISH_STEPS):
        moved = point - np.linalg.lstsq(curvature(point), gradient)[0]
        after = value_and_slope(moved)[1]
        if not np.linalg.norm(after) < np.linalg.norm(gradient):
            break
        point, gradient = moved, after
    return point
