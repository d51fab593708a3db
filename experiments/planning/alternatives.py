"""What else could be done with a budget: other budgets, other ways of asking, a little more of one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from experiments.planning.candidates import Candidate
from experiments.planning.models import Source, ways_of_asking
from experiments.planning.search import Allocation, allocation, best_allocation
from experiments.planning.settings import Limits, Panel, Prices
from theory.votes import VoteModel

# Budgets of the front, over the budget of the plan, and candidates that are optimised for each.
FRONT, FRONT_EFFORT = tuple(10.0 ** np.arange(-2, 2.25, 0.5)), 2


def front_of(
    candidates: Sequence[Candidate], best: Allocation, budget: float, prices: Prices, limits: Limits
) -> pd.DataFrame:
    """Plans of smaller and larger budgets, without those that another one beats in cost and error."""
    made = [best_allocation(candidates, factor * budget, prices, limits, FRONT_EFFORT) for factor in FRONT]
    judged = [each for each in [*made, best] if each is not None and math.isfinite(each.error)]
    found = sorted(judged, key=lambda each: (each.cost, each.error, each is not best))
    kept: list[Allocation] = []
    for each in found:
        if not kept or each.error < kept[-1].error:
            kept.append(each)
    return pd.DataFrame([{**each.settings, **each.parts.as_dict(), "plan": each is best} for each in kept])


def other_ways(
    candidates: Sequence[Candidate],
    best: Allocation,
    paper: Allocation | None,
    budget: float,
    prices: Prices,
    limits: Limits,
) -> pd.DataFrame:
    """The best plans of each way of asking, and the schedule of the paper, at the same budget."""
    ways = ways_of_asking(candidates)
    found: dict[str, Allocation | None] = {"plan": best}
    found |= {name: best_allocation(among, budget, prices, limits, FRONT_EFFORT) for name, among in ways.items()}
    # The plan was searched for longer, so it stands for its own way of asking.
    for name, among in ways.items():
        other = found[name]
        if any(each.panel is best.candidate.panel for each in among) and (other is None or other.error > best.error):
            found[name] = best
    found["the paper's schedule"] = paper
    rows = [
        {"way": name, **each.settings, "over_plan": each.error / best.error}
        for name, each in found.items()
        if each is not None
    ]
    return pd.DataFrame(rows)


def margins_of(
    source: Source,
    candidates: Sequence[Candidate],
    best: Allocation,
    budget: float,
    prices: Prices,
    limits: Limits,
) -> pd.DataFrame:
    """What a little more of one setting buys, the others held fixed, and a tenth more budget, spent best."""
    candidate, step = best.candidate, best.step_size
    more: dict[str, Allocation | None] = {
        "one more pair an iteration": allocation(candidate, step, best.n_pairs + 1, best.n_iterations, prices),
        "one more iteration": allocation(candidate, step, best.n_pairs, best.n_iterations + 1, prices),
    }
    votes = candidate.panel.votes
    if isinstance(votes, VoteModel):
        raised = Panel(f"M = {votes.n_queries + 1:g}", replace(votes, n_queries=int(votes.n_queries) + 1))
        made = source.candidates(candidate.block_size, candidate.radius, [raised])
        more["one more rater a pair"] = (
            allocation(made[0], step, best.n_pairs, best.n_iterations, prices) if made else None
        )
    larger = best_allocation(candidates, 1.1 * budget, prices, limits, FRONT_EFFORT)
    more["a tenth more budget, spent best"] = larger if larger is None or larger.error < best.error else best
    rows = [_margin(name, best, each) for name, each in more.items() if each is not None]
    return pd.DataFrame(rows)


def _margin(name: str, best: Allocation, changed: Allocation) -> dict[str, Any]:
    extra = changed.cost - best.cost
    gain = best.error - changed.error
    return {
        "change": name,
        "extra_cost": extra,
        "error": changed.error,
        "gain": gain,
        "gain_per_cost": gain / extra if extra > 0 else math.nan,
    }
