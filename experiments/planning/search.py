"""The best step, pairs and iterations that a budget pays for, for one candidate or the best of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from experiments.planning.candidates import Candidate
from experiments.planning.error_curves import ErrorParts
from experiments.planning.settings import Limits, Prices
from theory.arrays import FloatArray

N_STEPS, N_PAIRS = 32, 12
# Candidates that are optimised further, and decimal places of the logarithms in which the search ends.
N_POLISHED, FINE = 3, 1e-3
# The smallest step that is tried is this share of the one at which the longest run hardly moves.
STILL = 0.1


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


def allocation(
    candidate: Candidate, step_size: float, n_pairs: int, n_iterations: int, prices: Prices
) -> Allocation:
    """An allocation with its cost and its predicted error."""
    votes = float(candidate.model.votes(step_size, n_iterations))
    cost = n_pairs * n_iterations * prices.of_pair(votes)
    parts = candidate.model.error(step_size, n_pairs, n_iterations)
    return Allocation(candidate, step_size, n_pairs, n_iterations, votes, cost, parts)


def best_allocation(
    candidates: Sequence[Candidate], budget: float, prices: Prices, limits: Limits
) -> Allocation | None:
    """The best allocation of a budget among candidates; None if it does not pay for one pair of any of them.

    A grid of steps and pairs ranks the candidates; the first few are optimised further, then rounded.
    """
    rough = [(found, each) for each in candidates if (found := _on_grid(each, budget, prices, limits)) is not None]
    rough.sort(key=lambda pair: pair[0][0])
    polished = [_polished(each, start, budget, prices, limits) for (_, *start), each in rough[:N_POLISHED]]
    return min((each for each in polished if each is not None), key=lambda each: each.error, default=None)


def rough_error(candidate: Candidate, budget: float, prices: Prices, limits: Limits) -> float:
    """Least error of a candidate on the grid; infinite if the budget does not pay for a pair."""
    found = _on_grid(candidate, budget, prices, limits)
    return math.inf if found is None else found[0]


def _step_range(candidate: Candidate, limits: Limits) -> tuple[float, float]:
    high = candidate.model.largest_step
    return min(STILL * candidate.model.smallest_step / limits.iterations, high / 10), high


def _iterations(
    candidate: Candidate, step: FloatArray, pairs: FloatArray, budget: float, prices: Prices, limits: Limits
) -> FloatArray:
    """Iterations that a budget pays for, not rounded; the votes on a pair depend on how far a run comes."""
    found = np.full(np.broadcast_shapes(step.shape, pairs.shape), float(limits.iterations))
    for _ in range(3):
        votes = candidate.model.votes(step, np.maximum(found, 1.0))
        found = np.minimum(budget / (pairs * (2 * prices.trajectory + votes * prices.vote)), limits.iterations)
    return found


def _on_grid(
    candidate: Candidate, budget: float, prices: Prices, limits: Limits
) -> tuple[float, float, float] | None:
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
) -> Allocation | None:
    """The best step and pairs from a point of the grid, then the best of the whole numbers next to them."""
    low, high = map(math.log, _step_range(candidate, limits))
    most = math.log(limits.pairs) if limits.pairs else math.inf

    def error(logs: FloatArray) -> float:
        step, pairs = math.exp(min(max(logs[0], low), high)), math.exp(min(max(logs[1], 0.0), most))
        number = float(_iterations(candidate, np.asarray(step), np.asarray(pairs), budget, prices, limits))
        outside = max(0.0, low - logs[0], logs[0] - high) + max(0.0, -logs[1], logs[1] - most)
        short = max(0.0, 1.0 - number)
        return float(candidate.model.error(step, pairs, max(number, 1.0)).total) * (1 + outside + 10 * short)

    found = minimize(error, np.asarray(start), method="Nelder-Mead", options={"xatol": FINE, "fatol": 0, "maxiter": 120})
    pairs = math.exp(min(max(found.x[1], 0.0), most))
    numbers = {max(1, math.floor(pairs)), min(math.ceil(pairs), limits.pairs or math.ceil(pairs))}
    options = [_rounded(candidate, number, (low, high), budget, prices, limits) for number in sorted(numbers)]
    return min((each for each in options if each is not None), key=lambda each: each.error, default=None)


def _rounded(
    candidate: Candidate, n_pairs: int, steps: tuple[float, float], budget: float, prices: Prices, limits: Limits
) -> Allocation | None:
    """The best step for a whole number of pairs, with as many whole iterations as the budget pays for."""

    def number(step: float) -> int:
        found = float(_iterations(candidate, np.asarray(step), np.asarray(float(n_pairs)), budget, prices, limits))
        return math.floor(found + 1e-9)

    def error(log_step: float) -> float:
        count = max(number(math.exp(log_step)), 1)
        return math.log(max(float(candidate.model.error(math.exp(log_step), n_pairs, count).total), 1e-300))

    grid = np.linspace(*steps, N_STEPS)
    best = int(np.argmin([error(each) for each in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, N_STEPS - 1)])
    found = minimize_scalar(error, bounds=bounds, method="bounded", options={"xatol": FINE})
    step = math.exp(min((float(found.x), float(grid[best])), key=error))
    count = number(step)
    # Costs of panels that stop early depend on the run: take iterations off until the budget holds.
    while count >= 1 and (made := allocation(candidate, step, n_pairs, count, prices)).cost > budget * (1 + 1e-12):
        count -= 1
    return replace(made) if count >= 1 else None
