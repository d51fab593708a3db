"""Final values of methods with few pairs per iteration and few votes per pair."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from experiments.catalogue.informative_link import informative_link
from experiments.catalogue.instance import Instance
from experiments.catalogue.lookup import find
from experiments.comparison.budget import PRESETS, Budget
from experiments.comparison.learning import learn
from experiments.comparison.learning_cells import Entry
from experiments.running.execution import Execution
from experiments.statistics.intervals import mean_interval
from theory import optimal_value

PANEL_METHODS = ("zpg", "zbcpg-d", "zspo", "ppo-online", "dpo-early", "dpo-online")
PAIRS = (8, 32, 64)
QUERIES = (1, 5, 25)


def compare_panels(
    instance: str | Instance = "garnet",
    methods: Sequence[str] = PANEL_METHODS,
    *,
    pairs: Sequence[int] = PAIRS,
    queries: Sequence[int] = QUERIES,
    n_iterations: int = Budget.n_iterations,
    n_seeds: int = PRESETS["quick"][1],
    execution: Execution | None = None,
) -> pd.DataFrame:
    """Final values over a grid of pairs per iteration and votes per pair. Methods are tuned at every grid point.

    Parameters
    ----------
    instance : str or Instance
    methods : sequence of str
    pairs, queries : sequences of int
        N and M.
    n_iterations, n_seeds : int
    execution : Execution, optional

    Returns
    -------
    DataFrame
        One row per method, N and M: ``final`` with 95% limits ``low`` and ``high``, ``gap`` to the optimum with limits,
        ``votes`` of a run, ``step_size``, ``knob`` and ``at_edge``.
    """
    chosen = find("instance", instance)
    link = informative_link(chosen)
    budgets = [Budget(n_iterations, n, m) for n in pairs for m in queries]
    entries = [Entry(method, instance, budget, link) for method in methods for budget in budgets]
    learning = learn(entries, n_seeds, execution)
    ends = learning.curves[learning.curves["iteration"] == n_iterations]
    optimum = optimal_value(chosen.mdp)
    keys = ["method", "n_pairs", "n_queries"]
    rows = []
    for (method, n, m), values in ends.groupby(keys, sort=False):
        final = mean_interval(values["value"].to_numpy())
        limits = {"final": float(final.mean), "low": float(final.low), "high": float(final.high)}
        gaps = {
            "gap": optimum - limits["final"],
            "gap_low": optimum - limits["high"],
            "gap_high": optimum - limits["low"],
        }
        cell = {"method": method, "title": find("method", str(method)).title, "n_pairs": n, "n_queries": m}
        rows.append(cell | limits | gaps | {"votes": float(values["votes"].iloc[0])})
    settings = learning.tuning.loc[learning.tuning["chosen"], [*keys, "step_size", "knob", "at_edge"]]
    return pd.DataFrame(rows).merge(settings, on=keys, validate="one_to_one")
