"""Which panel and which blocks are best, by the cost of a vote and by how certain raters are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.planning.models import ExactSource, best_plan, grid
from experiments.planning.settings import Limits, Prices
from experiments.running.execution import Execution, chosen_execution
from experiments.running.run_tasks import run_tasks
from theory import Logistic

INSTANCE = "circular"
# Costs of a vote over that of a trajectory, and scales of the logistic link over the horizon: small means certain.
COSTS = tuple(np.geomspace(0.01, 100, 9).tolist())
SCALES = tuple(np.geomspace(0.125, 2.0, 9).tolist())
# In trajectories. Dearer votes are paid from the same sum.
BUDGET = 1e6


@dataclass(frozen=True)
class MapRow:
    """A task: the best plans on one instance under raters of one scale.

    Attributes
    ----------
    instance : str or Instance
    scale : float
        Of the logistic link, over the horizon.
    costs : tuple of float
        Of a vote; a trajectory costs 1.
    budget : float
    seed : int
    """

    instance: str | Instance
    scale: float
    costs: tuple[float, ...]
    budget: float
    seed: int


def plan_map(
    instance: str | Instance = INSTANCE,
    *,
    costs: Sequence[float] = COSTS,
    scales: Sequence[float] = SCALES,
    budget: float = BUDGET,
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Best plans over a grid of costs of a vote and scales of the raters' link.

    Parameters
    ----------
    instance : str or Instance
        Its own link is not used.
    costs : sequence of float
        Of a vote; a trajectory costs 1.
    scales : sequence of float
        Of the logistic link, over the horizon.
    budget : float
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per scale and cost: ``scale, cost_vote`` and the settings of the plan; ``early`` says whether its panel
        stops at the first disagreement.
    """
    how = chosen_execution(execution)
    tasks = [MapRow(instance, scale, tuple(costs), budget, how.seed) for scale in scales]
    return pd.DataFrame([row for rows in run_tasks(_plans, tasks, lambda task: 1 / task.scale, how) for row in rows])


def _plans(task: MapRow) -> list[dict[str, object]]:
    found = find("instance", task.instance)
    on = replace(found, link=Logistic(task.scale * found.mdp.horizon))
    limits = Limits()
    source = ExactSource(on, limits, task.seed)
    candidates = grid(source, limits)
    plans = [best_plan(source, candidates, task.budget, Prices(1.0, cost), limits) for cost in task.costs]
    return [
        {
            "scale": task.scale,
            "cost_vote": cost,
            **plan.settings,
            "early": plan.candidate.panel.name.startswith("until"),
        }
        for cost, plan in zip(task.costs, plans, strict=True)
    ]
