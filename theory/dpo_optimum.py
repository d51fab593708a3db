"""What direct preference optimisation converges to with infinitely much data, and how far that is from its aim.

Its aim is the largest ``E R - beta KL(law of pi || law of reference)``, attained by pi* with soft values V_h. With
determined rewards and moves, r_h + V_{h+1}(s_{h+1}) - V_h(s_h) = beta log pi*_h(a_h | s_h) / reference, which
telescopes: from one first state, pi* explains every vote and the gap is 0. Luck in moves, rewards or the first state
has no place in a sum of log ratios, and is charged to the actions.
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
from theory.likelihood import SMALLEST_PROBABILITY
from theory.links import Link
from theory.mdp import TabularMDP

# The search stops here; Newton's method then takes the gradient to rounding, where the loss itself shows no change.
SEARCH_TOLERANCE = 1e-7
LONGEST_SEARCH = 500
POLISH_STEPS = 20
# Times that a search which ended in a saddle goes on from beside it.
ESCAPES = 10
# Starts whose losses differ by less have found the same minimum.
SAME_LOSS = 1e-10


@dataclass(frozen=True)
class DpoOptimum:
    """Minimiser of the population loss, beside the optimum it is meant to be.

    Attributes
    ----------
    probabilities : array (H, S, A)
        The policy of least loss found.
    value, optimum, reference_value : float
        ``E R - beta KL`` of that policy, its largest value over all policies, and its value at the reference.
    loss, gradient_norm : float
        There.
    agreement : float
        Share of the starts that ended at this loss.
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
        """How far below the optimum the policy is, in units of return: at least 0, up to rounding."""
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
    """Minimise the population loss and hold the policy found against soft value iteration.

    Parameters
    ----------
    mdp, reference, beta, link, raters
        See `population_loss`.
    starts : sequence of arrays (H S A,), optional
        Logits to search from, since the loss is not convex in them; `default_starts` if not given.

    Raises
    ------
    InputError
        As `population_loss`, and if there is no start.
    """
    loss = population_loss(mdp, reference, beta, link, raters=raters)
    chosen = default_starts(mdp, reference, beta) if starts is None else list(starts)
    if not chosen:
        raise InputError("starts must hold at least one vector of logits, got none; leave it out for the usual ones")
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
    """Logits of the reference, of the soft optimum, of one nearer to the reference, and of its opposite."""
    base = np.log(check_reference(mdp, reference))
    soft = soft_optimum(mdp, reference, np.array([beta, 2 * beta])).probabilities
    best, timid = np.log(np.maximum(soft, SMALLEST_PROBABILITY))
    return [(logits + np.zeros_like(best)).ravel() for logits in (base, best, timid, 2 * base - best)]


def minimise(loss: DpoLoss, start: ArrayLike) -> FloatArray:
    """Logits of a local minimum of the loss, by exact second derivatives.

    Parameters
    ----------
    loss : DpoLoss
    start : array (H S A,)
        Where the search begins; a saddle is left, a minimum is not.

    Raises
    ------
    InputError
        If the start has another shape.
    """
    logits = np.array(start, dtype=np.float64)
    if logits.shape != (loss.policy.dim,):
        raise InputError(
            f"start must have shape ({loss.policy.dim},), one logit a (stage, state, action), got {logits.shape}"
        )
    free = loss.free
    if not free.size:
        return logits

    def placed(some: FloatArray) -> FloatArray:
        whole = logits.copy()
        whole[free] = some
        return whole

    def slope(some: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = loss(placed(some))
        return float(value), gradient[free]

    def bend(some: FloatArray) -> FloatArray:
        return loss.hessian(placed(some))[np.ix_(free, free)]

    settings = {"gtol": SEARCH_TOLERANCE, "maxiter": LONGEST_SEARCH}
    point = logits[free]
    for _ in range(ESCAPES):
        found = minimize(slope, point, jac=True, hess=bend, method="trust-exact", options=settings)
        point = _newton(slope, bend, found.x)
        # The search stops at once where the gradient is 0, be it a saddle.
        curvatures, directions = np.linalg.eigh(bend(point))
        if curvatures[0] > -SEARCH_TOLERANCE:
            break
        point = point + directions[:, 0]
    return placed(point)


def _newton(
    slope: Callable[[FloatArray], tuple[float, FloatArray]], bend: Callable[[FloatArray], FloatArray], point: FloatArray
) -> FloatArray:
    """Newton's method for as long as it brings the gradient down."""
    gradient = slope(point)[1]
    for _ in range(POLISH_STEPS):
        moved = point - np.linalg.lstsq(bend(point), gradient)[0]
        after = slope(moved)[1]
        if not np.linalg.norm(after) < np.linalg.norm(gradient):
            break
        point, gradient = moved, after
    return point
