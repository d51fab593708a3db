"""The best step, pairs and iterations that a budget pays for, for one candidate or the best of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from estimators.directions import Blocks, Sphere
from estimators.feedback import PreferenceFeedback
from estimators.zeroth_order import ZerothOrder
from experiments.planning.candidates import Candidate
from experiments.planning.error_curves import ErrorParts
from experiments.planning.settings import Limits, Prices
from theory.arrays import FloatArray

N_STEPS, N_PAIRS = 32, 12
# Candidates that are optimised further, and decimal places of the logarithms in which the search ends.
N_POLISHED, FINE = 6, 1e-3
# Halvings of the step of first order that are judged as well.
HALVINGS = 3


@dataclass(frozen=True)
class Allocation:
    """A candidate with its step, pairs and iterations, and what they cost and achieve.

    Attributes
    ----------
    candidate : Candidate
    step_size : float
    n_pairs, n_iterations : int
    votes : float
        Expected votes on a pair.
    cost : float
        Expected cost of the run.
    parts : ErrorParts
        Predicted error.
    """

    candidate: Candidate
    step_size: float
    n_pairs: int
    n_iterations: int
    votes: float
    cost: float
    parts: ErrorParts

    @property
    def error(self) -> float:
        """Predicted (1/T) sum_t E|grad V(theta_t)|^2."""
        return float(self.parts.total)

    @property
    def estimator(self) -> ZerothOrder:
        """The estimator of the plan."""
        size = self.candidate.block_size
        feedback = PreferenceFeedback(np.asarray(self.n_pairs), "law", self.candidate.panel.votes)
        return ZerothOrder(Sphere() if size is None else Blocks(size), feedback, self.candidate.radius)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings by name."""
        return {
            "method": self.candidate.method,
            "block_size": self.candidate.block_size,
            "panel": self.candidate.panel.name,
            "radius": self.candidate.radius,
            "step_size": self.step_size,
            "n_pairs": self.n_pairs,
            "n_iterations": self.n_iterations,
            "votes_per_pair": self.votes,
            "cost": self.cost,
            "error": self.error,
        }


def allocation(candidate: Candidate, step_size: float, n_pairs: int, n_iterations: int, prices: Prices) -> Allocation:
    """An allocation with its cost and its predicted error."""
    votes = float(candidate.model.votes(step_size, n_iterations))
    cost = _cost(candidate, step_size, n_pairs, n_iterations, prices)
    parts = candidate.model.judged(step_size, n_pairs, n_iterations)
    return Allocation(candidate, step_size, n_pairs, n_iterations, votes, cost, parts)


def best_allocation(
    candidates: Sequence[Candidate], budget: float, prices: Prices, limits: Limits, effort: int = N_POLISHED
) -> Allocation | None:
    """The best allocation of a budget among candidates; None if it does not pay for one pair of any of them.

    A grid of steps and pairs ranks the candidates by first order; the first few are optimised, rounded and judged.
    """
    rough = [(found, each) for each in candidates if (found := _on_grid(each, budget, prices, limits)) is not None]
    rough.sort(key=lambda pair: pair[0][0])
    # The best panel of every pair of directions and radius.
    apart = {(each.block_size, each.radius): (found, each) for found, each in reversed(rough)}
    first = sorted(apart.values(), key=lambda pair: pair[0][0])[:effort]
    made = [each for (_, *start), candidate in first for each in _polished(candidate, start, budget, prices, limits)]
    return min(made, key=lambda each: each.error, default=None)


def rough_error(candidate: Candidate, budget: float, prices: Prices, limits: Limits) -> float:
    """Least error of a candidate on the grid; infinite if the budget does not pay for a pair."""
    found = _on_grid(candidate, budget, prices, limits)
    return math.inf if found is None else found[0]


def _step_range(candidate: Candidate, limits: Limits) -> tuple[float, float]:
    high = candidate.model.largest_step
    return min(candidate.model.least_time / limits.iterations, high / 10), high


def _iterations(
    candidate: Candidate, step: FloatArray, pairs: FloatArray, budget: float, prices: Prices, limits: Limits
) -> FloatArray:
    """Iterations that a budget pays for, not rounded; the votes on a pair depend on how far a run comes."""
    found = np.full(np.broadcast_shapes(step.shape, pairs.shape), float(limits.iterations))
    for _ in range(3):
        votes = candidate.model.votes(step, np.maximum(found, 1.0))
        found = np.minimum(budget / (pairs * (2 * prices.trajectory + votes * prices.vote)), limits.iterations)
    return found


def _on_grid(candidate: Candidate, budget: float, prices: Prices, limits: Limits) -> tuple[float, float, float] | None:
    """Least error on a grid, with its step and its pairs, in logarithms."""
    low, high = _step_range(candidate, limits)
    step = np.geomspace(low, high, N_STEPS)[:, None]
    most = budget / prices.of_pair(float(candidate.model.votes(low, 1)))
    most = min(most, limits.pairs or math.inf)
    if most < 1:
        return None
    pairs = np.geomspace(min(most, max(1.0, most / limits.iterations)), most, N_PAIRS)
    iterations = _iterations(candidate, step, pairs, budget, prices, limits)
    total = np.where(iterations >= 1, candidate.model.error(step, pairs, np.maximum(iterations, 1.0)).total, np.inf)
    i, j = np.unravel_index(total.argmin(), total.shape)
    if not math.isfinite(total[i, j]):
        return None
    return float(total[i, j]), math.log(step[i, 0]), math.log(pairs[j])


def _polished(
    candidate: Candidate, start: Sequence[float], budget: float, prices: Prices, limits: Limits
) -> list[Allocation]:
    """The best step and pairs of first order, from a point of the grid, and smaller steps."""
    low, high = map(math.log, _step_range(candidate, limits))
    most = math.log(limits.pairs) if limits.pairs else math.inf

    def error(logs: FloatArray) -> float:
        step, pairs = math.exp(min(max(logs[0], low), high)), math.exp(min(max(logs[1], 0.0), most))
        number = float(_iterations(candidate, np.asarray(step), np.asarray(pairs), budget, prices, limits))
        outside = max(0.0, low - logs[0], logs[0] - high) + max(0.0, -logs[1], logs[1] - most)
        short = max(0.0, 1.0 - number)
        total = float(candidate.model.error(step, pairs, max(number, 1.0)).total)
        return float(total * (1 + outside + 10 * short))

    found = minimize(
        error, np.asarray(start), method="Nelder-Mead", options={"xatol": FINE, "fatol": 0, "maxiter": 120}
    )
    step, pairs = math.exp(min(max(found.x[0], low), high)), math.exp(min(max(found.x[1], 0.0), most))
    # Where noise is large against the scale of V, a smaller step may be better than first order says.
    steps = [step * 2.0**-k for k in range(HALVINGS + 1) if step * 2.0**-k >= math.exp(low)]
    options = [_rounded(candidate, each, pairs, budget, prices, limits) for each in steps]
    return [each for each in options if each is not None]


def _rounded(
    candidate: Candidate, step: float, pairs: float, budget: float, prices: Prices, limits: Limits
) -> Allocation | None:
    """Whole numbers at most as large, with as many iterations as the budget pays for."""
    number = max(1, math.floor(pairs * (1 + 1e-9)))
    count = float(_iterations(candidate, np.asarray(step), np.asarray(float(number)), budget, prices, limits))
    found = math.floor(count * (1 + 1e-12))
    # The votes on a pair, and so the cost, depend on the run: take iterations off until the budget holds.
    while found >= 1 and _cost(candidate, step, number, found, prices) > budget * (1 + 1e-9):
        found -= 1
    return allocation(candidate, step, number, found, prices) if found >= 1 else None


def _cost(candidate: Candidate, step: float, n_pairs: int, n_iterations: int, prices: Prices) -> float:
    return n_pairs * n_iterations * prices.of_pair(float(candidate.model.votes(step, n_iterations)))
