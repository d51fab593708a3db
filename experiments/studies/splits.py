"""Final values of methods by the split of one budget, each tuned at every split."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.comparison.budget import PRESETS, Budget, splits
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.statistics.intervals import mean_interval
from theory import optimal_value

SPLIT_METHODS = ("zpg", "zbcpg-d", "zspo", "ppo-online", "dpo-early", "dpo-online")


def compare_splits(
    instance: str | Instance = "stochastic-gridworld",
    methods: Sequence[str] = SPLIT_METHODS,
    *,
    budgets: Sequence[Budget] | None = None,
    n_seeds: int = PRESETS["quick"][1],
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Final values of every method at every split of a budget.

    Parameters
    ----------
    instance : str or Instance
    methods : sequence of str
    budgets : sequence of Budget, optional
        By default `splits` of 48,000 votes.
    n_seeds : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per method and split: T, N, M, mean ``final`` with Student's t limits ``low`` and ``high``, ``worst``,
        ``start``, ``optimum``, ``votes`` of a run, ``step_size``, ``knob`` and ``at_edge``.
    """
    chosen = find("instance", instance)
    link = informative_link(chosen)
    every = budgets or splits(PRESETS["quick"][0].votes)
    learning = learn([Entry(method, instance, one, link) for method in methods for one in every], n_seeds, execution)
    keys = ["method", "n_iterations", "n_pairs", "n_queries"]
    optimum = optimal_value(chosen.mdp)
    rows = []
    for place, curves in learning.curves.groupby(keys, sort=False):
        ends = curves[curves["iteration"] == curves["n_iterations"]]
        final = mean_interval(ends["value"].to_numpy())
        where = dict(zip(keys, place, strict=True))
        rows.append(
            where
            | {"title": find("method", str(where["method"])).title, "final": float(final.mean)}
            | {"low": float(final.low), "high": float(final.high), "worst": ends["value"].min()}
            | {"start": curves.loc[curves["iteration"] == 0, "value"].iloc[0], "optimum": optimum}
            | {"votes": ends["votes"].iloc[0]}
        )
    settings = learning.tuning.loc[learning.tuning["chosen"], [*keys, "step_size", "knob", "at_edge"]]
    return pd.DataFrame(rows).merge(settings, on=keys, validate="one_to_one")
