"""The schedule of the paper at a cost: T, N and M by its own bound with constants 1, radius and step as it states."""

from __future__ import annotations

import math

import numpy as np

from experiments.planning.settings import Limits, Prices
from theory.errors import InputError
from theory.rates import stated_schedule

# Under one vote the term of the bound in M is 0, as log 1 = 0, which cannot be meant.
FEWEST_QUERIES = 2
N_GRID = 400


def stated_bound(dim: int, horizon: int, iterations: float, pairs: float, queries: float) -> float:
    """H d / T + d^2 sqrt(log M / M) + H d^(3/2) / sqrt(N)."""
    votes = dim**2 * math.sqrt(math.log(queries) / queries)
    return float(horizon * dim / iterations + votes + horizon * dim**1.5 / math.sqrt(pairs))


def paper_settings(
    dim: int, horizon: int, budget: float, prices: Prices, limits: Limits
) -> tuple[int, int, int, float, float]:
    """M, N, T, radius and step of the stated schedule at a cost of at most a budget.

    Raises
    ------
    InputError
        If the budget does not pay for one pair with two votes, or M is limited to 1.
    """
    if limits.queries < FEWEST_QUERIES or budget < prices.of_pair(FEWEST_QUERIES):
        raise InputError(f"the stated schedule must have a pair with {FEWEST_QUERIES} votes, which is not allowed here")
    best = (math.inf, 0, 0, 0)
    # log M / M falls from M = 3 on, and is least at the ends of what is allowed.
    for queries in range(FEWEST_QUERIES, limits.queries + 1):
        most = min(budget / prices.of_pair(queries), limits.pairs or math.inf)
        if most < 1:
            break
        for pairs in np.unique(np.geomspace(1, most, N_GRID).astype(np.int64)):
            iterations = min(int(budget / (pairs * prices.of_pair(queries))), limits.iterations)
            bound = stated_bound(dim, horizon, iterations, float(pairs), queries)
            best = min(best, (bound, queries, int(pairs), iterations))
    _, queries, pairs, iterations = best
    schedule = stated_schedule(dim=dim, horizon=horizon, n_pairs=pairs, n_queries=queries)
    return queries, pairs, iterations, float(schedule.radius), float(schedule.step_size)
